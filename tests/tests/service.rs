//! The daemon as a service: what systemd is told, and that it runs with whatever hardware there is.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use system_tests::{Process, Profile, Tipringd, free_port};

/// What comes next, sockets to keep passed over; `None` in silence.
fn told(socket: &UnixDatagram) -> Option<String> {
    let mut octets = [0; 512];
    loop {
        let read = socket.recv(&mut octets).ok()?;
        let said = String::from_utf8_lossy(&octets[..read]).trim().to_owned();
        if !said.starts_with("FDSTORE") {
            return Some(said);
        }
    }
}

/// A gateway whose service manager is the test: what it is told comes out of the socket.
fn supervised(dir: &Path) -> (Process, UnixDatagram) {
    let path = dir.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let config = dir.join("startup.cfg");
    let port = free_port();
    std::fs::write(&config, format!("voice service voip\n sip\n  listen-port non-secure {port}\n")).unwrap();
    let mut command = Command::new(Profile::Debug.binaries().join("tipringd"));
    command
        .args(["run", "--sip-address", "127.0.0.1", "--metrics", "off", "--ssh", "off", "--telnet", "off"])
        .arg("--config")
        .arg(&config)
        .arg("--state-dir")
        .arg(dir.join("state"))
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000");
    (Process::start("tipringd", command).0, socket)
}

#[test]
fn systemd_is_told_when_the_gateway_is_ready_that_it_lives_and_that_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let (mut gateway, socket) = supervised(dir.path());
    assert_eq!(told(&socket).as_deref(), Some("READY=1"));
    assert_eq!(told(&socket).as_deref(), Some("WATCHDOG=1"));
    gateway.terminate();
    let next = std::iter::from_fn(|| told(&socket)).find(|word| word != "WATCHDOG=1");
    assert_eq!(next.as_deref(), Some("STOPPING=1"));
    let status = gateway.wait(Duration::from_secs(10));
    assert!(status.success(), "{status}");
}

#[test]
fn a_gateway_that_is_gone_is_silent_to_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let (mut gateway, socket) = supervised(dir.path());
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

#[test]
fn a_board_that_is_missing_at_the_start_leaves_its_ports_down_and_the_others_at_work() {
    // No kernel has so many channels and spans.
    let hardware = "[[fxs]]\nport = \"1/0\"\nbackend = \"dahdi\"\nchannel = 1023\n\
        [[fxo]]\nport = \"1/1\"\nbackend = \"dahdi\"\nchannel = 1022\n\
        [[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\
        [[pri]]\ncontroller = \"E1 3/0\"\nbackend = \"dahdi\"\nspan = 127\n";
    let mut gateway = Tipringd::start("controller E1 3/0\n pri-group timeslots 1-31\n", hardware);
    let ports = gateway.show("show voice port summary");
    let state = |port: &str| {
        let line = ports.lines().find(|line| line.starts_with(port)).unwrap_or_else(|| panic!("{ports}"));
        line.split_whitespace().nth(4).unwrap().to_owned()
    };
    assert_eq!([state("1/0 "), state("1/1 "), state("2/0 ")], ["down", "down", "dorm"], "{ports}");
    let limit = Duration::from_secs(10);
    let log = gateway.show_until("show logging", limit, |log| log.contains("CONTROLLER-4-DEVICE"));
    for said in [
        "%LINK-4-DEVICE: voice-port 1/0: ",
        "%LINK-4-DEVICE: voice-port 1/1: ",
        "%LINK-3-UPDOWN: Interface Foreign Exchange Station 1/0, changed state to down",
        "%LINK-3-UPDOWN: Interface Foreign Exchange Office 1/1, changed state to down",
        "%CONTROLLER-4-DEVICE: Controller E1 3/0: ",
    ] {
        assert!(log.contains(said), "no {said:?}: {log}");
    }
    let controller = gateway.show("show controllers e1 3/0");
    assert!(controller.contains("E1 3/0 is down"), "{controller}");
    let mut telephone = gateway.lines();
    telephone.off_hook("2/0");
    gateway.show_until("show voice port summary", limit, |ports| {
        ports.lines().any(|line| line.starts_with("2/0 ") && line.contains("off-hook"))
    });
    assert!(gateway.is_running());
}
