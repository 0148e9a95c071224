//! What systemd is told: readiness, and then again and again that the daemon's loop turns.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use system_tests::{Process, Profile, free_port};

/// What comes next; `None` in silence.
fn told(socket: &UnixDatagram) -> Option<String> {
    let mut octets = [0; 512];
    let read = socket.recv(&mut octets).ok()?;
    Some(String::from_utf8_lossy(&octets[..read]).trim().to_owned())
}

#[test]
fn systemd_is_told_when_the_gateway_is_ready_and_that_it_lives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let config = dir.path().join("startup.cfg");
    let port = free_port();
    std::fs::write(&config, format!("voice service voip\n sip\n  listen-port non-secure {port}\n")).unwrap();
    let mut command = Command::new(Profile::Debug.binaries().join("tipringd"));
    command
        .args(["run", "--sip-address", "127.0.0.1", "--metrics", "off", "--ssh", "off", "--telnet", "off"])
        .arg("--config")
        .arg(&config)
        .arg("--state-dir")
        .arg(dir.path().join("state"))
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000");
    let (mut gateway, _, _) = Process::start("tipringd", command);
    assert_eq!(told(&socket).as_deref(), Some("READY=1"));
    for _ in 0..5 {
        assert_eq!(told(&socket).as_deref(), Some("WATCHDOG=1"));
    }
    gateway.kill();
    // A socket's queue may hold a last one; then there is silence, which is what makes systemd act.
    socket.set_read_timeout(Some(Duration::from_millis(1000))).unwrap();
    let after: Vec<String> = std::iter::from_fn(|| told(&socket)).collect();
    assert!(after.len() <= 1, "{after:?}");
}
