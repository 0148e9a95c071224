//! UDP sockets of RTP streams: pairs of an even port and the next, opened ahead and read in turn.
//!
//! There is no task and no wake-up per stream: the driver reads all sockets in one go, every 10 ms.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::plane::Datagram;

/// Datagrams taken from one socket in one go; more wait for the next.
const BURST: usize = 16;
/// Longest datagram read: an RTP packet of 60 ms G.711 has 492 octets.
const DATAGRAM: usize = 2048;

#[derive(Debug)]
struct Pair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

/// The sockets.
#[derive(Debug)]
pub struct Sockets {
    address: IpAddr,
    range: (u16, u16),
    next: u16,
    /// Bound and not taken, by port.
    ready: HashMap<u16, Pair>,
    open: BTreeMap<u64, (u16, Pair)>,
}

impl Sockets {
    /// No socket yet. `address` is bound (unspecified: all), `range` is `rtp-port range`, both ends included.
    #[must_use]
    pub fn new(address: IpAddr, range: (u16, u16)) -> Self {
        Self { address, range, next: even(range.0), ready: HashMap::new(), open: BTreeMap::new() }
    }

    /// Takes another address or range; pairs that wait are closed and must be opened anew.
    pub fn configure(&mut self, address: IpAddr, range: (u16, u16)) -> bool {
        let changed = (self.address, self.range) != (address, range);
        if changed {
            (self.address, self.range, self.next) = (address, range, even(range.0));
            self.ready.clear();
        }
        changed
    }

    /// Binds the next free pair of the range and gives its even port.
    ///
    /// # Errors
    /// When every pair of the range is taken, the error of the last.
    pub fn prepare(&mut self) -> io::Result<u16> {
        let (low, high) = (even(self.range.0), self.range.1);
        let pairs = u32::from(high.saturating_sub(low)).div_ceil(2);
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..pairs.max(1) {
            let port = self.next;
            self.next = match port.checked_add(2) {
                Some(next) if next < high => next,
                _ => low,
            };
            match bind(self.address, port)
                .and_then(|rtp| Ok(Pair { rtp, rtcp: bind(self.address, port + 1)? }))
            {
                Ok(pair) => {
                    self.ready.insert(port, pair);
                    return Ok(port);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Gives a pair that was prepared to a stream. What came to it before is thrown away.
    pub fn open(&mut self, stream: u64, port: u16, dscp: u8) {
        let Some(pair) = self.ready.remove(&port) else {
            tracing::warn!(stream, port, "RTP port was not prepared");
            return;
        };
        let mut buffer = [0; DATAGRAM];
        for socket in [&pair.rtp, &pair.rtcp] {
            mark(socket, dscp);
            while socket.recv(&mut buffer).is_ok() {}
        }
        self.open.insert(stream, (port, pair));
    }

    /// Closes a stream's pair.
    pub fn close(&mut self, stream: u64) {
        self.open.remove(&stream);
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
    pub fn receive(&self, mut on: impl FnMut(u64, bool, SocketAddr, &mut [u8])) {
        let mut buffer = [0; DATAGRAM];
        for (stream, (_, pair)) in &self.open {
            for (rtcp, socket) in [(false, &pair.rtp), (true, &pair.rtcp)] {
                for _ in 0..BURST {
                    match socket.recv_from(&mut buffer) {
                        Ok((len, from)) => {
                            if let Some(datagram) = buffer.get_mut(..len) {
                                on(*stream, rtcp, from, datagram);
                            }
                        }
                        // An ICMP error of something sent before: the next datagram may be there.
                        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                        Err(_) => break,
                    }
                }
            }
        }
    }

    /// Sends a datagram; what cannot be sent is lost, as on the network.
    pub fn send(&self, datagram: &Datagram) {
        let Some((_, pair)) = self.open.get(&datagram.stream) else { return };
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
fn mark(socket: &UdpSocket, dscp: u8) {
    let (socket, class) = (SockRef::from(socket), u32::from(dscp & 0x3F) << 2);
    let done = match socket.domain() {
        Ok(Domain::IPV6) => socket.set_tclass_v6(class),
        _ => socket.set_tos_v4(class),
    };
    if let Err(error) = done {
        tracing::debug!(%error, dscp, "RTP socket not marked");
    }
}
