//! UDPTL, the transport of T.38 over UDP (T.38 9.1): a sequence number, a packet, and earlier packets again.

use std::collections::VecDeque;

/// Packets kept to be repeated.
const MAX_REPEATED: usize = 7;
/// Repetitions read of one datagram.
const MAX_SECONDARIES: usize = 32;

/// Why a datagram is none of UDPTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UdptlError {
    /// It ends before what it announces.
    #[error("a UDPTL datagram of {len} octets ends before {wanted}")]
    Short {
        /// Octets there.
        len: usize,
        /// What was expected.
        wanted: &'static str,
    },
    /// A length in the form for more than 16,383 octets, which no datagram holds.
    #[error("a UDPTL length of {0:#04x} is in fragments")]
    Fragmented(u8),
    /// More repetitions than anybody sends.
    #[error("{0} repeated packets in a datagram, limit {MAX_SECONDARIES}")]
    Repetitions(usize),
}

/// Makes datagrams of one direction.
#[derive(Debug)]
pub struct Sender {
    sequence: u16,
    /// Newest first.
    earlier: VecDeque<Vec<u8>>,
    max: usize,
}

impl Sender {
    /// The first has number 0; none is longer than `max` octets.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { sequence: 0, earlier: VecDeque::new(), max }
    }

    /// The next datagram, with at most so many earlier packets as fit. `None` for a packet that is longer than 16,383
    /// octets, which has no number then.
    pub fn datagram(&mut self, ifp: &[u8], repeated: usize) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(self.max);
        out.extend(self.sequence.to_be_bytes());
        put(&mut out, ifp)?;
        // The last octets say that repetitions follow (not parity) and how many.
        let mut again = Vec::new();
        let mut count = 0_u8;
        for packet in self.earlier.iter().take(repeated.min(MAX_REPEATED)) {
            if out.len() + 2 + again.len() + packet.len() + 2 > self.max || put(&mut again, packet).is_none()
            {
                break;
            }
            count += 1;
        }
        out.extend([0, count]);
        out.extend(again);
        self.sequence = self.sequence.wrapping_add(1);
        self.earlier.push_front(ifp.to_vec());
        self.earlier.truncate(MAX_REPEATED);
        Some(out)
    }
}

/// An open type: its length, and it.
fn put(out: &mut Vec<u8>, packet: &[u8]) -> Option<()> {
    match packet.len() {
        len @ 0..=0x7F => out.push(len as u8),
        len @ 0x80..=0x3FFF => out.extend([0x80 | (len >> 8) as u8, len as u8]),
        _ => return None,
    }
    out.extend_from_slice(packet);
    Some(())
}

/// Reads datagrams of one direction: each packet once, in order.
#[derive(Debug, Default)]
pub struct Receiver {
    /// Number of the last packet taken.
    last: Option<u16>,
}

impl Receiver {
    /// Reads a datagram; `on` gets the packets that have not been there, oldest first, with their numbers. Parity (FEC) is not used.
    ///
    /// # Errors
    /// [`UdptlError`]; nothing is taken then.
    pub fn receive(&mut self, datagram: &[u8], mut on: impl FnMut(u16, &[u8])) -> Result<(), UdptlError> {
        let mut rest = Reader { all: datagram.len(), rest: datagram };
        let sequence = u16::from_be_bytes([rest.octet("its number")?, rest.octet("its number")?]);
        let primary = rest.packet("its packet")?;
        let mut packets = vec![primary];
        // 0: repetitions follow. Some senders leave everything after the packet out.
        if rest.rest.first().is_some_and(|kind| kind & 0x80 == 0) {
            rest.octet("error recovery")?;
            let count = rest.length("the number of repetitions")?;
            if count > MAX_SECONDARIES {
                return Err(UdptlError::Repetitions(count));
            }
            for _ in 0..count {
                packets.push(rest.packet("a repetition")?);
            }
        }
        for (back, packet) in packets.iter().enumerate().rev() {
            let number = sequence.wrapping_sub(back as u16);
            let is_new = self.last.is_none_or(|last| (number.wrapping_sub(last) as i16) > 0);
            if is_new && !packet.is_empty() {
                self.last = Some(number);
                on(number, packet);
            }
        }
        Ok(())
    }
}

struct Reader<'a> {
    all: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn octet(&mut self, wanted: &'static str) -> Result<u8, UdptlError> {
        let (first, rest) = self.rest.split_first().ok_or(UdptlError::Short { len: self.all, wanted })?;
        self.rest = rest;
        Ok(*first)
    }

    /// A length determinant of aligned PER (X.691 10.9.3).
    fn length(&mut self, wanted: &'static str) -> Result<usize, UdptlError> {
        match self.octet(wanted)? {
            short @ 0..=0x7F => Ok(usize::from(short)),
            long @ 0x80..=0xBF => Ok(usize::from(long & 0x3F) << 8 | usize::from(self.octet(wanted)?)),
            other => Err(UdptlError::Fragmented(other)),
        }
    }

    fn packet(&mut self, wanted: &'static str) -> Result<&'a [u8], UdptlError> {
        let len = self.length(wanted)?;
        let (packet, rest) =
            self.rest.split_at_checked(len).ok_or(UdptlError::Short { len: self.all, wanted })?;
        self.rest = rest;
        Ok(packet)
    }
}
