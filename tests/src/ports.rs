//! Ports nobody else of us uses.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Mutex;

use nix::fcntl::{Flock, FlockArg};

static HELD: Mutex<Vec<Flock<File>>> = Mutex::new(Vec::new());

/// Ports that are given away: below the kernel's ephemeral range, and below the RTP of gateways that other tests run, which would
/// take a port while its daemon opens its sockets anew.
const PORTS: std::ops::Range<u16> = 10_000..16_384;

/// A port free for UDP and TCP on all loopback addresses, below the kernel's ephemeral range.
///
/// It stays this process's until it ends: a lock file keeps test programs that run side by side apart,
/// also between two starts of a daemon.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let dir = std::env::temp_dir().join("tipring-test-ports");
    std::fs::create_dir_all(&dir).expect("temporary directory is writable");
    let many = PORTS.len() as u32;
    let first = std::process::id() % many;
    for step in 0..many {
        let port = PORTS.start + ((first + step) % many) as u16;
        let mut held = HELD.lock().unwrap();
        let Ok(file) = File::create(dir.join(port.to_string())) else { continue };
        let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
        let any = Ipv4Addr::UNSPECIFIED;
        if UdpSocket::bind((any, port)).is_ok() && TcpListener::bind((any, port)).is_ok() {
            held.push(lock);
            return port;
        }
    }
    panic!("no free port in {PORTS:?}")
}
