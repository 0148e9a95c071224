//! Ports nobody else of us uses.

use std::collections::BTreeSet;
use std::fs::File;
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
/// Nothing is bound to find out: a socket of ours, closed at once, lives on in a child that another test's thread forked meanwhile,
/// until that child's `exec`, and whoever then takes the port is told that it is in use.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many ports in a row, each as [`free_port`] gives it.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn free_ports(count: usize) -> u16 {
    let dir = std::env::temp_dir().join("tipring-test-ports");
    std::fs::create_dir_all(&dir).expect("temporary directory is writable");
    let taken = ports_in_use();
    let locked = |port: u16| {
        let file = File::create(dir.join(port.to_string())).ok()?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
    };
    let many = PORTS.len() as u32;
    let first = std::process::id() % many;
    // One search at a time: two that took turns would leave neither two ports in a row.
    let mut held = HELD.lock().unwrap();
    let mut row: Vec<Flock<File>> = Vec::new();
    for step in 0..many {
        let port = PORTS.start + ((first + step) % many) as u16;
        if port == PORTS.start {
            row.clear();
        }
        match (!taken.contains(&port)).then(|| locked(port)).flatten() {
            Some(lock) => row.push(lock),
            None => row.clear(),
        }
        if row.len() == count {
            held.append(&mut row);
            return port + 1 - count as u16;
        }
    }
    panic!("no {count} free ports in {PORTS:?}")
}

/// The local ports of every socket in this thread's network namespace, as the kernel lists them.
fn ports_in_use() -> BTreeSet<u16> {
    ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .filter_map(|family| std::fs::read_to_string(format!("/proc/thread-self/net/{family}")).ok())
        .flat_map(|table| table.lines().filter_map(local_port).collect::<Vec<_>>())
        .collect()
}

/// The second column of a row is the local address, `0100007F:1F90`.
fn local_port(row: &str) -> Option<u16> {
    let (_, port) = row.split_whitespace().nth(1)?.rsplit_once(':')?;
    u16::from_str_radix(port, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn the_kernel_lists_the_ports_of_udp_and_tcp_sockets() {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let taken = ports_in_use();
        assert!(taken.contains(&udp.local_addr().unwrap().port()), "{taken:?}");
        assert!(taken.contains(&tcp.local_addr().unwrap().port()), "{taken:?}");
    }

    #[test]
    fn many_who_ask_for_two_ports_in_a_row_at_once_each_get_their_own() {
        let mut firsts: Vec<u16> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| [(); 20].map(|()| free_ports(2)))).collect();
            asking.into_iter().flat_map(|one| one.join().unwrap()).collect()
        });
        firsts.sort_unstable();
        assert!(firsts.windows(2).all(|two| two[0] + 2 <= two[1]), "{firsts:?}");
    }

    #[test]
    fn a_port_given_away_can_be_taken_at_once_while_children_are_forked() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::process::Command::new("true").status().unwrap();
                }
            });
            let refused =
                (0..100).filter(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, free_port())).is_err()).count();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(refused, 0);
        });
    }
}
