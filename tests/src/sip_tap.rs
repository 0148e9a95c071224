//! Between a SIP peer and the gateway: passes on what either says, by UDP and TCP, and remembers it for tshark.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::capture::Capture;

/// How soon its threads see that it is to end.
const LOOK: Duration = Duration::from_millis(20);

/// The tap. In the file it stands for the gateway. A peer that wants its answers by UDP to come this way says `rport`.
#[derive(Debug)]
pub struct SipTap {
    address: SocketAddr,
    capture: Arc<Capture>,
    ends: Arc<AtomicBool>,
}

impl SipTap {
    /// At a free port of 127.0.0.1, the same for both transports, ahead of a gateway.
    ///
    /// # Panics
    /// When there is no such port.
    #[must_use]
    #[track_caller]
    pub fn ahead_of(gateway: SocketAddr) -> Self {
        let both = || {
            let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let datagrams = UdpSocket::bind(streams.local_addr().ok()?).ok()?;
            Some((streams, datagrams))
        };
        let (streams, datagrams) = (0..20).find_map(|_| both()).expect("a port free for UDP and TCP");
        let address = datagrams.local_addr().expect("bound");
        let tap = Self { address, capture: Arc::default(), ends: Arc::default() };
        let worker =
            Worker { gateway, address, capture: Arc::clone(&tap.capture), ends: Arc::clone(&tap.ends) };
        let other = worker.clone();
        std::thread::spawn(move || worker.datagrams(&Arc::new(datagrams)));
        std::thread::spawn(move || other.streams(&streams));
        tap
    }

    /// Where peers send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes everything that passed into a file for tshark.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write_pcap(&self, path: &Path) {
        self.capture.write(path);
    }
}

impl Drop for SipTap {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone)]
struct Worker {
    gateway: SocketAddr,
    address: SocketAddr,
    capture: Arc<Capture>,
    ends: Arc<AtomicBool>,
}

impl Worker {
    fn goes_on(&self) -> bool {
        !self.ends.load(Ordering::Relaxed)
    }

    /// Each peer has a socket of its own toward the gateway.
    fn datagrams(&self, ours: &Arc<UdpSocket>) {
        let mut peers: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = vec![0; 65_536];
        ours.set_read_timeout(Some(LOOK)).expect("a timeout");
        while self.goes_on() {
            let Ok((n, peer)) = ours.recv_from(&mut buffer) else { continue };
            let octets = buffer.get(..n).unwrap_or_default();
            self.capture.udp(peer, self.address, octets);
            let toward = peers.entry(peer).or_insert_with(|| {
                let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket"));
                let (worker, back, ours) = (self.clone(), Arc::clone(&socket), Arc::clone(ours));
                std::thread::spawn(move || worker.answers(peer, &back, &ours));
                socket
            });
            let _ = toward.send_to(octets, self.gateway);
        }
    }

    fn answers(&self, peer: SocketAddr, back: &UdpSocket, ours: &UdpSocket) {
        let mut buffer = vec![0; 65_536];
        back.set_read_timeout(Some(LOOK)).expect("a timeout");
        while self.goes_on() {
            let Ok((n, _)) = back.recv_from(&mut buffer) else { continue };
            let octets = buffer.get(..n).unwrap_or_default();
            self.capture.udp(self.address, peer, octets);
            let _ = ours.send_to(octets, peer);
        }
    }

    fn streams(&self, listener: &TcpListener) {
        listener.set_nonblocking(true).expect("not to wait for ever");
        while self.goes_on() {
            let Ok((near, peer)) = listener.accept() else {
                std::thread::sleep(LOOK);
                continue;
            };
            let Ok(far) = TcpStream::connect(self.gateway) else { continue };
            near.set_nonblocking(false).expect("a stream");
            let copies = || Some((near.try_clone().ok()?, far.try_clone().ok()?));
            let Some((near_again, far_again)) = copies() else { continue };
            let (there, back) = (self.clone(), self.clone());
            std::thread::spawn(move || there.pass(near, far, peer, there.address));
            std::thread::spawn(move || back.pass(far_again, near_again, back.address, peer));
        }
    }

    /// Passes on what one end says until it says no more.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, source: SocketAddr, destination: SocketAddr) {
        let mut buffer = vec![0; 16_384];
        from.set_read_timeout(Some(LOOK)).expect("a timeout");
        while self.goes_on() {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    let octets = buffer.get(..n).unwrap_or_default();
                    self.capture.tcp(source, destination, octets);
                    if to.write_all(octets).is_err() {
                        break;
                    }
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    }
}
