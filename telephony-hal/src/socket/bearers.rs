//! The bearer channels of a socket trunk: octets over UDP, beside the D channel's connection.
//!
//! A datagram is the timeslot, one octet, and then up to [`MAX_OCTETS`] of its octets in the law of the span, as they are on
//! the line: mostly the 160 of 20 ms. Only the named peer is heard. A bearer that nobody opened swallows what comes for it.
//! Behind the first octets after a pause there is room for [`LEAD`]: so late may the next ones be without a gap.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::{Address, SocketTrunk, TrunkError};
use crate::{Alarms, BChannel, LineErrors, Span, SpanKind};

/// Octets of a datagram at most, behind its timeslot: 120 ms.
const MAX_OCTETS: usize = 960;
/// Octets of silence before the first after a pause: 60 ms.
const LEAD: usize = 480;
/// Octets that wait for their reader: half a second. Older ones are lost.
const MAX_WAITING: usize = 4000;
/// Datagrams looked at in one go, of all timeslots.
const MAX_DATAGRAMS: usize = 256;

/// The two ends of the bearers' UDP: ours and the peer's, written `IP:PORT,IP:PORT`.
///
/// ```
/// use telephony_hal::socket::BearerAddress;
/// let address: BearerAddress = "127.0.0.1:7940,127.0.0.1:7941".parse().unwrap();
/// assert_eq!(address.peer.port(), 7941);
/// assert!("127.0.0.1:7940".parse::<BearerAddress>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BearerAddress {
    /// Where datagrams come in, and go out from.
    pub local: SocketAddr,
    /// Who sends and gets them.
    pub peer: SocketAddr,
}

/// Why a text is no [`BearerAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} are no addresses for bearers, expected OWN,PEER, for example 127.0.0.1:7940,127.0.0.1:7941"
)]
pub struct BearerAddressError {
    /// The text.
    pub found: String,
}

impl FromStr for BearerAddress {
    type Err = BearerAddressError;

    fn from_str(text: &str) -> Result<Self, BearerAddressError> {
        let ends = text.split_once(',').and_then(|(local, peer)| {
            Some(Self { local: local.trim().parse().ok()?, peer: peer.trim().parse().ok()? })
        });
        ends.ok_or_else(|| BearerAddressError { found: text.to_owned() })
    }
}

/// A span whose D channel is a [`SocketTrunk`] and whose bearers are UDP.
#[derive(Debug)]
pub struct SocketSpan {
    kind: SpanKind,
    trunk: Option<SocketTrunk>,
    shared: Arc<Mutex<Shared>>,
    told: bool,
}

impl SocketSpan {
    /// Opens the D channel's listener or connector at `address`, and the bearers' socket.
    ///
    /// # Errors
    /// As [`SocketTrunk::open`]; of the bearers' socket those of bind.
    pub fn open(kind: SpanKind, address: Address, bearers: BearerAddress) -> io::Result<Self> {
        let socket = UdpSocket::bind(bearers.local)?;
        socket.set_nonblocking(true)?;
        socket.connect(bearers.peer)?;
        let trunk = Some(SocketTrunk::open(address)?);
        let shared = Arc::new(Mutex::new(Shared { socket, kind, open: BTreeMap::new() }));
        Ok(Self { kind, trunk, shared, told: false })
    }
}

impl Span for SocketSpan {
    type Error = TrunkError;
    type D = SocketTrunk;
    type B = SocketBearer;

    fn kind(&self) -> SpanKind {
        self.kind
    }

    /// There is no framer: that the peer is gone, the D channel tells.
    fn poll_alarms(&mut self, _: &mut Context<'_>) -> Poll<Result<Alarms, TrunkError>> {
        if std::mem::replace(&mut self.told, true) {
            Poll::Pending
        } else {
            Poll::Ready(Ok(Alarms::default()))
        }
    }

    fn line_errors(&mut self) -> Result<LineErrors, TrunkError> {
        Ok(LineErrors::default())
    }

    fn open_d(&mut self) -> Result<SocketTrunk, TrunkError> {
        self.trunk.take().ok_or(TrunkError::Open { timeslot: self.kind.d_timeslot() })
    }

    fn open_b(&mut self, timeslot: u8) -> Result<SocketBearer, TrunkError> {
        if !self.kind.is_bearer(timeslot) {
            return Err(TrunkError::NoBearer { timeslot, kind: self.kind });
        }
        let mut shared = lock(&self.shared);
        if shared.open.contains_key(&timeslot) {
            return Err(TrunkError::Open { timeslot });
        }
        // What came while nobody listened is not for this owner.
        shared.receive();
        shared.open.insert(timeslot, VecDeque::new());
        Ok(SocketBearer { timeslot, shared: Arc::clone(&self.shared) })
    }
}

/// A bearer channel of a [`SocketSpan`].
#[derive(Debug)]
pub struct SocketBearer {
    timeslot: u8,
    shared: Arc<Mutex<Shared>>,
}

impl BChannel for SocketBearer {
    type Error = TrunkError;

    fn write(&mut self, octets: &[u8]) -> Result<usize, TrunkError> {
        let shared = lock(&self.shared);
        for part in octets.chunks(MAX_OCTETS) {
            let mut datagram = Vec::with_capacity(1 + part.len());
            datagram.push(self.timeslot);
            datagram.extend_from_slice(part);
            // Nobody there, or no room: lost, as on a line that is cut.
            let _ = shared.socket.send(&datagram);
        }
        Ok(octets.len())
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, TrunkError> {
        let mut shared = lock(&self.shared);
        shared.receive();
        let Some(waiting) = shared.open.get_mut(&self.timeslot) else { return Ok(0) };
        let count = out.len().min(waiting.len());
        for (place, octet) in out.iter_mut().zip(waiting.drain(..count)) {
            *place = octet;
        }
        Ok(count)
    }
}

impl Drop for SocketBearer {
    fn drop(&mut self) {
        lock(&self.shared).open.remove(&self.timeslot);
    }
}

#[derive(Debug)]
struct Shared {
    socket: UdpSocket,
    kind: SpanKind,
    /// What waits on the bearers that are open.
    open: BTreeMap<u8, VecDeque<u8>>,
}

impl Shared {
    /// Takes what has come, for whichever bearer.
    fn receive(&mut self) {
        let silence = match self.kind {
            SpanKind::E1 => 0xD5,
            SpanKind::T1 => 0xFF,
        };
        let mut datagram = [0; 1 + MAX_OCTETS];
        for _ in 0..MAX_DATAGRAMS {
            let len = match self.socket.recv(&mut datagram) {
                Ok(len) => len,
                // Somebody said that nobody is there; others may have come behind that.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return,
            };
            let Some((timeslot, octets)) = datagram.get(..len).and_then(<[u8]>::split_first) else {
                continue;
            };
            let Some(waiting) = self.open.get_mut(timeslot) else { continue };
            if waiting.is_empty() {
                waiting.resize(LEAD, silence);
            }
            waiting.extend(octets);
            let excess = waiting.len().saturating_sub(MAX_WAITING);
            waiting.drain(..excess);
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{ErrorKind, HalError as _};

    /// Our span, and the other end of its bearers.
    fn span() -> (SocketSpan, UdpSocket) {
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let bearers = BearerAddress { local: ([127, 0, 0, 1], 0).into(), peer: far.local_addr().unwrap() };
        let span =
            SocketSpan::open(SpanKind::E1, "tcp-listen:127.0.0.1:0".parse().unwrap(), bearers).unwrap();
        (span, far)
    }

    /// Reads until so many octets have come.
    fn read(bearer: &mut SocketBearer, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        let mut octets = [0; 160];
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while all.len() < count && std::time::Instant::now() < end {
            let read = bearer.read(&mut octets).unwrap();
            all.extend(octets.get(..read).unwrap());
        }
        all
    }

    #[tokio::test]
    async fn octets_go_and_come_in_their_timeslot_after_a_lead_of_silence() {
        let (mut span, far) = span();
        let (mut five, mut six) = (span.open_b(5).unwrap(), span.open_b(6).unwrap());
        assert_eq!(five.write(&[7; 1000]).unwrap(), 1000);
        let mut datagram = [0; 2000];
        let (first, gateway) = far.recv_from(&mut datagram).unwrap();
        assert_eq!((first, datagram[0], datagram[1]), (1 + MAX_OCTETS, 5, 7));
        assert_eq!(far.recv(&mut datagram).unwrap(), 1 + 40);
        far.send_to(&[&[6][..], &[9; 160]].concat(), gateway).unwrap();
        far.send_to(&[&[9][..], &[1; 160]].concat(), gateway).unwrap();
        far.send_to(&[], gateway).unwrap();
        far.send_to(&[&[5][..], &[8; 160]].concat(), gateway).unwrap();
        assert_eq!(read(&mut five, LEAD + 160), [[0xD5; LEAD].as_slice(), &[8; 160]].concat());
        assert_eq!(read(&mut six, LEAD + 160), [[0xD5; LEAD].as_slice(), &[9; 160]].concat());
        // A stranger is not heard.
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(&[&[5][..], &[1; 160]].concat(), gateway).unwrap();
        far.send_to(&[&[6][..], &[2; 160]].concat(), gateway).unwrap();
        assert_eq!(read(&mut six, LEAD + 160).last(), Some(&2));
        assert_eq!(five.read(&mut datagram).unwrap(), 0);
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_each_channel_has_one_owner() {
        let (mut span, far) = span();
        let mut one = span.open_b(1).unwrap();
        assert_eq!(span.open_b(1).unwrap_err().kind(), ErrorKind::Busy);
        for none in [0, 16, 32] {
            assert_eq!(span.open_b(none).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        one.write(&[1]).unwrap();
        let mut datagram = [0; 2];
        let (_, gateway) = far.recv_from(&mut datagram).unwrap();
        for n in 0..20 {
            far.send_to(&[&[1][..], &[n; MAX_OCTETS]].concat(), gateway).unwrap();
        }
        let mut all = vec![0; 50_000];
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while lock(&span.shared).open.get(&1).and_then(|waiting| waiting.back()) != Some(&19) {
            assert!(std::time::Instant::now() < end);
            lock(&span.shared).receive();
        }
        let read = one.read(&mut all).unwrap();
        assert_eq!((read, all.get(read - 1)), (MAX_WAITING, Some(&19)));
        drop(one);
        assert!(span.open_b(1).is_ok());
        assert!(span.open_d().is_ok());
        assert_eq!(span.open_d().unwrap_err().kind(), ErrorKind::Busy);
    }
}
