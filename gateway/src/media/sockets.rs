//! Pairs of UDP sockets for RTP and RTCP, opened ahead, used again, and read in turn.
//!
//! There is no task and no wake-up per stream: the driver asks every 10 ms which sockets have something, and reads those.
//! A pair whose stream has ended rests for a while and then serves another: a call opens no socket of its own.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::plane::Datagram;

/// Datagrams taken from one socket in one go; more wait for the next.
const BURST: usize = 16;
/// Longest datagram read: an RTP packet of 60 ms G.711 has 492 octets.
const DATAGRAM: usize = 2048;
/// Pairs that rest before one of them is used again: what is late for their old streams comes meanwhile.
const REST: usize = 32;
/// Pairs that rest at most; more are closed.
const RESTING: usize = 128;

#[derive(Debug)]
struct Pair {
    port: u16,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// How its datagrams are marked; `None` as the system does it.
    dscp: Option<u8>,
    /// Whose it is.
    stream: Option<u64>,
    /// Opened for an address or range that is no longer wanted: it is closed with its stream.
    outdated: bool,
}

impl Pair {
    fn sockets(&self) -> [&UdpSocket; 2] {
        [&self.rtp, &self.rtcp]
    }
}

/// The sockets.
#[derive(Debug)]
pub struct Sockets {
    address: IpAddr,
    range: (u16, u16),
    next: u16,
    /// All that are open, by a number of their own.
    pairs: HashMap<u64, Pair>,
    last_pair: u64,
    /// Said to be free, by port.
    ready: HashMap<u16, u64>,
    /// Without a stream for now, the one longest so in front.
    resting: VecDeque<u64>,
    /// By stream.
    open: HashMap<u64, u64>,
    /// All of them; what it tells is the pair's number times two, and one more for RTCP.
    poll: Epoll,
    events: Vec<EpollEvent>,
}

impl Sockets {
    /// No socket yet. `address` is bound (unspecified: all), `range` is `rtp-port range`, both ends included.
    ///
    /// # Errors
    /// When the system has no descriptor left to watch sockets with.
    pub fn new(address: IpAddr, range: (u16, u16)) -> io::Result<Self> {
        Ok(Self {
            address,
            range,
            next: even(range.0),
            pairs: HashMap::new(),
            last_pair: 0,
            ready: HashMap::new(),
            resting: VecDeque::new(),
            open: HashMap::new(),
            poll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: Vec::new(),
        })
    }

    /// Takes another address or range; pairs that wait are closed and must be opened anew.
    pub fn configure(&mut self, address: IpAddr, range: (u16, u16)) -> bool {
        let changed = (self.address, self.range) != (address, range);
        if changed {
            (self.address, self.range, self.next) = (address, range, even(range.0));
            self.ready.clear();
            self.resting.clear();
            self.pairs.retain(|_, pair| pair.stream.is_some());
            self.pairs.values_mut().for_each(|pair| pair.outdated = true);
        }
        changed
    }

    /// Makes a pair ready and gives its even port: one that has rested, or the next free one of the range.
    ///
    /// # Errors
    /// When every pair of the range is taken, the error of the last.
    pub fn prepare(&mut self) -> io::Result<u16> {
        if self.resting.len() > REST
            && let Some(number) = self.resting.pop_front()
        {
            return self.set_ready(number);
        }
        match self.bind_next() {
            Ok(number) => self.set_ready(number),
            // A small range: then without much of a rest.
            Err(error) => match self.resting.pop_front() {
                Some(number) => self.set_ready(number),
                None => Err(error),
            },
        }
    }

    fn set_ready(&mut self, number: u64) -> io::Result<u16> {
        let port = self.pairs.get(&number).map(|pair| pair.port);
        let port = port.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        self.ready.insert(port, number);
        Ok(port)
    }

    fn bind_next(&mut self) -> io::Result<u64> {
        let (low, high) = (even(self.range.0), self.range.1);
        // An even port and the next, both in the range.
        let pairs = (u32::from(high) + 1).saturating_sub(u32::from(low)) / 2;
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..pairs {
            let port = self.next;
            self.next = match port.checked_add(2) {
                Some(next) if next < high => next,
                _ => low,
            };
            match bind(self.address, port).and_then(|rtp| Ok((rtp, bind(self.address, port + 1)?))) {
                Ok((rtp, rtcp)) => {
                    self.last_pair += 1;
                    let number = self.last_pair;
                    self.poll.add(&rtp, EpollEvent::new(EpollFlags::EPOLLIN, number << 1))?;
                    self.poll.add(&rtcp, EpollEvent::new(EpollFlags::EPOLLIN, number << 1 | 1))?;
                    let pair = Pair { port, rtp, rtcp, dscp: None, stream: None, outdated: false };
                    self.pairs.insert(number, pair);
                    return Ok(number);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Gives a pair that was prepared to a stream. What came to it before is thrown away.
    pub fn open(&mut self, stream: u64, port: u16, dscp: u8) {
        let number = self.ready.remove(&port);
        let Some((number, pair)) = number.and_then(|number| Some((number, self.pairs.get_mut(&number)?)))
        else {
            tracing::warn!(stream, port, "RTP port was not prepared");
            return;
        };
        let mut buffer = [0; DATAGRAM];
        for socket in pair.sockets() {
            while socket.recv(&mut buffer).is_ok() {}
        }
        if pair.dscp != Some(dscp) {
            for socket in pair.sockets() {
                mark(socket, self.address, dscp);
            }
            pair.dscp = Some(dscp);
        }
        pair.stream = Some(stream);
        self.open.insert(stream, number);
    }

    /// Takes a stream's pair away from it.
    pub fn close(&mut self, stream: u64) {
        let Some(number) = self.open.remove(&stream) else { return };
        let Some(pair) = self.pairs.get_mut(&number) else { return };
        pair.stream = None;
        if pair.outdated || self.resting.len() >= RESTING {
            self.pairs.remove(&number);
        } else {
            self.resting.push_back(number);
        }
    }

    /// Port pairs in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no stream is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Reads what has come: `on` gets stream, whether it is RTCP, the sender and the octets.
    pub fn receive(&mut self, mut on: impl FnMut(u64, bool, SocketAddr, &mut [u8])) {
        self.events.resize(self.pairs.len() * 2, EpollEvent::empty());
        if self.events.is_empty() {
            return;
        }
        let mut buffer = [0; DATAGRAM];
        // One datagram a socket and round: most have one, and asking each of them for a second costs more than the round.
        for _ in 0..BURST {
            let Ok(count @ 1..) = self.poll.wait(&mut self.events, EpollTimeout::ZERO) else { return };
            for event in self.events.iter().take(count) {
                let rtcp = event.data() & 1 == 1;
                let Some(pair) = self.pairs.get(&(event.data() >> 1)) else { continue };
                let socket = if rtcp { &pair.rtcp } else { &pair.rtp };
                // Errors are those of something sent before (ICMP); the next datagram comes in the next round.
                if let Ok((len, from)) = socket.recv_from(&mut buffer)
                    && let Some(stream) = pair.stream
                    && let Some(datagram) = buffer.get_mut(..len)
                {
                    on(stream, rtcp, from, datagram);
                }
            }
        }
    }

    /// Sends a datagram; what cannot be sent is lost, as on the network.
    pub fn send(&self, datagram: &Datagram) {
        let Some(pair) = self.open.get(&datagram.stream).and_then(|number| self.pairs.get(number)) else {
            return;
        };
        let socket = if datagram.rtcp { &pair.rtcp } else { &pair.rtp };
        let to = match (self.address, datagram.to) {
            // A socket for both families writes IPv4 addresses as IPv6 ones.
            (IpAddr::V6(_), SocketAddr::V4(v4)) => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            (_, to) => to,
        };
        if let Err(error) = socket.send_to(&datagram.octets, to) {
            tracing::trace!(%error, to = %datagram.to, "RTP not sent");
        }
    }
}

fn even(port: u16) -> u16 {
    port.saturating_add(port % 2) & !1
}

fn bind(address: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Marks what a socket sends; a system that refuses leaves it unmarked.
fn mark(socket: &UdpSocket, address: IpAddr, dscp: u8) {
    let (socket, class) = (SockRef::from(socket), u32::from(dscp & 0x3F) << 2);
    let done = if address.is_ipv6() { socket.set_tclass_v6(class) } else { socket.set_tos_v4(class) };
    if let Err(error) = done {
        tracing::debug!(%error, dscp, "RTP socket not marked");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn heard(sockets: &mut Sockets) -> Vec<(u64, bool, Vec<u8>)> {
        let mut heard = Vec::new();
        sockets.receive(|stream, rtcp, _, datagram| heard.push((stream, rtcp, datagram.to_vec())));
        heard
    }

    #[test]
    fn a_pair_that_serves_again_brings_nothing_of_its_old_stream() {
        let mut sockets = Sockets::new(HERE, (26_000, 26_999)).unwrap();
        let peer = UdpSocket::bind((HERE, 0)).unwrap();
        let port = sockets.prepare().unwrap();
        assert_eq!(port % 2, 0);
        sockets.open(1, port, 46);
        peer.send_to(b"rtp", (HERE, port)).unwrap();
        peer.send_to(b"rtcp", (HERE, port + 1)).unwrap();
        let mut both = heard(&mut sockets);
        both.sort();
        assert_eq!(both, [(1, false, b"rtp".to_vec()), (1, true, b"rtcp".to_vec())]);
        sockets.close(1);
        assert!(sockets.is_empty());
        peer.send_to(b"late", (HERE, port)).unwrap();
        // Others serve while it rests.
        for stream in 2..=REST as u64 + 1 {
            let next = sockets.prepare().unwrap();
            assert_ne!(next, port);
            sockets.open(stream, next, 46);
            sockets.close(stream);
        }
        assert_eq!(sockets.prepare().unwrap(), port, "the one that rested longest");
        peer.send_to(b"later", (HERE, port)).unwrap();
        sockets.open(100, port, 0);
        assert_eq!(heard(&mut sockets), []);
        peer.send_to(b"new", (HERE, port)).unwrap();
        assert_eq!(heard(&mut sockets), [(100, false, b"new".to_vec())]);
    }

    //= RFC 3550 11: "For UDP and similar protocols, RTP SHOULD use an even destination port number and the corresponding RTCP stream SHOULD use the next higher (odd) destination port number."
    #[test]
    fn rtp_is_on_even_ports_and_rtcp_on_the_next_wherever_the_range_begins_and_ends() {
        // An address of its own, where nobody else takes ports.
        let here = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));
        for (range, wanted) in [
            ((24_000, 24_005), vec![24_000, 24_002, 24_004]),
            ((24_001, 24_006), vec![24_002, 24_004]),
            ((24_001, 24_003), vec![24_002]),
            ((24_000, 24_002), vec![24_000]),
            ((24_001, 24_002), vec![]),
            ((65_534, 65_535), vec![65_534]),
        ] {
            let mut sockets = Sockets::new(here, range).unwrap();
            let mut ports: Vec<u16> = std::iter::from_fn(|| sockets.prepare().ok()).take(9).collect();
            ports.sort_unstable();
            assert_eq!(ports, wanted, "{range:?}");
            let peer = UdpSocket::bind((HERE, 0)).unwrap();
            for port in ports {
                sockets.open(u64::from(port), port, 46);
                peer.send_to(b"report", (here, port + 1)).unwrap();
            }
            let reports = heard(&mut sockets);
            assert!(reports.iter().all(|(_, rtcp, _)| *rtcp) && reports.len() == wanted.len(), "{reports:?}");
        }
    }

    #[test]
    fn a_stream_keeps_its_pair_when_the_range_changes_and_the_pair_ends_with_it() {
        let mut sockets = Sockets::new(HERE, (27_000, 27_999)).unwrap();
        let (port, waits) = (sockets.prepare().unwrap(), sockets.prepare().unwrap());
        sockets.open(1, port, 46);
        assert!(sockets.configure(HERE, (28_000, 28_999)));
        UdpSocket::bind((HERE, waits)).expect("what waited is closed");
        UdpSocket::bind((HERE, port)).expect_err("what is in use is not");
        assert!((28_000..=28_999).contains(&sockets.prepare().unwrap()));
        sockets.close(1);
        UdpSocket::bind((HERE, port)).expect("nobody rests outside the range");
    }

    #[test]
    fn a_range_of_one_pair_serves_one_stream_after_the_other() {
        let free = (29_000..29_998).step_by(2).find(|port| {
            UdpSocket::bind((HERE, *port)).is_ok() && UdpSocket::bind((HERE, *port + 1)).is_ok()
        });
        let port = free.unwrap();
        let mut sockets = Sockets::new(HERE, (port, port + 1)).unwrap();
        for stream in 0..3 {
            assert_eq!(sockets.prepare().unwrap(), port);
            sockets.open(stream, port, 46);
            assert!(sockets.prepare().is_err(), "all are taken");
            sockets.close(stream);
        }
    }
}
