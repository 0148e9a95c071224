//! HDLC of a D channel timeslot: flags, zero insertion, FCS-16 (ISO/IEC 13239, Q.921 2.1 to 2.7).
//!
//! For back ends that hand over raw timeslot octets (osmo-e1d's raw mode, a card without HDLC). [`Encoder`] turns
//! frames into timeslot octets, [`Decoder`] the other way; both keep their bit position between calls.
//!
//! ```
//! use qsig::hdlc::{BitOrder, Decoder, Encoder};
//! let mut encoder = Encoder::new(BitOrder::LsbFirst);
//! let mut decoder = Decoder::new(BitOrder::LsbFirst, 264);
//! encoder.push(&[0x02, 0x01, 0x7F])?;
//! let mut timeslot = [0; 16];
//! encoder.fill(&mut timeslot);
//! let mut frames = Vec::new();
//! decoder.push(&timeslot, |frame| frames.push(frame.map(<[u8]>::to_vec)));
//! assert_eq!(frames, [Ok(vec![0x02, 0x01, 0x7F])]);
//! # Ok::<(), qsig::hdlc::QueueFull>(())
//! ```

use std::collections::VecDeque;

#[cfg(test)]
mod tests;

/// Which bit of a timeslot octet is on the line first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitOrder {
    /// Bit 1 (value 1): as HDLC controllers number bits.
    LsbFirst,
    /// Bit 8 (value 128): as a PCM timeslot is sent.
    MsbFirst,
}

/// The encoder holds [`Encoder::MAX_QUEUE`] frames already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} frames already wait for the timeslot", Encoder::MAX_QUEUE)]
pub struct QueueFull;

/// Why what stood between two flags is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HdlcError {
    /// Not a whole number of octets.
    #[error("frame of {0} bits, expected whole octets")]
    Alignment(usize),
    /// Fewer octets than address, control and FCS need.
    #[error("frame of {0} octets with its FCS, expected at least 5")]
    Short(usize),
    /// Longer than the decoder's limit.
    #[error("frame of more than {0} octets")]
    Long(usize),
    /// The frame check sequence does not fit.
    #[error("frame check sequence {found:#06x}, expected {expected:#06x}")]
    Fcs {
        /// As received.
        found: u16,
        /// As computed.
        expected: u16,
    },
    /// Seven or more ones in a row inside a frame.
    #[error("frame aborted by the sender")]
    Abort,
}

const FLAG: u8 = 0x7E;
/// Shortest frame with its FCS: two address octets, one control octet.
const SHORTEST: usize = 5;

/// FCS-16 of `octets`: x^16+x^12+x^5+1, preset to ones, complemented; sent low octet first.
///
/// ```
/// assert_eq!(qsig::hdlc::fcs16(b"123456789"), 0x906E);
/// ```
pub fn fcs16(octets: &[u8]) -> u16 {
    !octets.iter().fold(0xFFFF, |mut fcs: u16, &octet| {
        fcs ^= u16::from(octet);
        for _ in 0..8 {
            fcs = if fcs & 1 != 0 { fcs >> 1 ^ 0x8408 } else { fcs >> 1 };
        }
        fcs
    })
}

/// Frames to timeslot octets; flags while there is nothing to send.
#[derive(Debug)]
pub struct Encoder {
    order: BitOrder,
    waiting: VecDeque<Vec<u8>>,
    /// The frame on the line with its FCS; empty while a flag is.
    current: Vec<u8>,
    /// Next bit of `current`, or of the flag.
    bit: usize,
    ones: u8,
}

impl Encoder {
    /// Most frames that may wait.
    pub const MAX_QUEUE: usize = 64;

    /// An encoder that sends flags.
    pub fn new(order: BitOrder) -> Self {
        Self { order, waiting: VecDeque::new(), current: Vec::new(), bit: 0, ones: 0 }
    }

    /// Queues one frame, address to last information octet; the FCS is added here.
    ///
    /// # Errors
    /// [`QueueFull`]
    pub fn push(&mut self, frame: &[u8]) -> Result<(), QueueFull> {
        if self.waiting.len() >= Self::MAX_QUEUE {
            return Err(QueueFull);
        }
        let mut octets = frame.to_vec();
        octets.extend(fcs16(frame).to_le_bytes());
        self.waiting.push_back(octets);
        Ok(())
    }

    /// Whether only flags would come.
    pub fn is_idle(&self) -> bool {
        self.current.is_empty() && self.waiting.is_empty()
    }

    /// Fills `timeslot` with the next octets of the line.
    pub fn fill(&mut self, timeslot: &mut [u8]) {
        for octet in timeslot {
            *octet = (0..8).fold(0, |octet, n| match self.order {
                BitOrder::LsbFirst => octet | u8::from(self.next()) << n,
                BitOrder::MsbFirst => octet << 1 | u8::from(self.next()),
            });
        }
    }

    fn next(&mut self) -> bool {
        if self.ones == 5 {
            self.ones = 0;
            return false;
        }
        let Some(&octet) = self.current.get(self.bit / 8) else { return self.flag() };
        let bit = octet >> (self.bit % 8) & 1 != 0;
        self.bit += 1;
        self.ones = if bit { self.ones + 1 } else { 0 };
        if self.bit == 8 * self.current.len() {
            self.current.clear();
            self.bit = 0;
        }
        bit
    }

    fn flag(&mut self) -> bool {
        let bit = FLAG >> self.bit & 1 != 0;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.ones = 0;
            self.current = self.waiting.pop_front().unwrap_or_default();
        }
        bit
    }
}

/// Timeslot octets to frames.
#[derive(Debug)]
pub struct Decoder {
    order: BitOrder,
    limit: usize,
    octets: Vec<u8>,
    /// Bits since the last flag, those of the closing flag included until it is recognised.
    bits: usize,
    ones: u8,
    /// Between flags, as opposed to before the first one or after an abort.
    inside: bool,
}

impl Decoder {
    /// A decoder that waits for a flag. `limit`: longest frame in octets without FCS; 264 fits N201 = 260.
    pub fn new(order: BitOrder, limit: usize) -> Self {
        Self { order, limit, octets: Vec::new(), bits: 0, ones: 0, inside: false }
    }

    /// Takes the next octets of the line; `sink` gets each frame without its FCS, or why there is none.
    pub fn push(&mut self, timeslot: &[u8], mut sink: impl FnMut(Result<&[u8], HdlcError>)) {
        for &octet in timeslot {
            for n in 0..8 {
                let mask = match self.order {
                    BitOrder::LsbFirst => 1 << n,
                    BitOrder::MsbFirst => 0x80 >> n,
                };
                self.bit(octet & mask != 0, &mut sink);
            }
        }
    }

    fn bit(&mut self, bit: bool, sink: &mut impl FnMut(Result<&[u8], HdlcError>)) {
        if bit {
            self.ones = self.ones.saturating_add(1);
            match self.ones {
                0..=5 => self.keep(true),
                6 => {}
                _ => {
                    if self.inside && self.bits > 8 {
                        sink(Err(HdlcError::Abort));
                    }
                    self.inside = false;
                }
            }
            return;
        }
        match self.ones {
            5 => {}
            6 => {
                if self.inside {
                    self.close(sink);
                }
                self.inside = true;
                self.bits = 0;
                self.octets.clear();
            }
            _ => self.keep(false),
        }
        self.ones = 0;
    }

    fn keep(&mut self, bit: bool) {
        if !self.inside {
            return;
        }
        // Room for FCS and what precedes the closing flag's recognition; beyond, only the length is counted.
        if self.bits / 8 < self.limit + 3 {
            if self.bits.is_multiple_of(8) {
                self.octets.push(0);
            }
            if let Some(last) = self.octets.last_mut() {
                *last |= u8::from(bit) << (self.bits % 8);
            }
        }
        self.bits = self.bits.saturating_add(1);
    }

    /// A flag ends what came before: the closing flag's 0 and five ones are the last six bits kept.
    fn close(&mut self, sink: &mut impl FnMut(Result<&[u8], HdlcError>)) {
        let bits = self.bits.saturating_sub(6);
        // Flags back to back, with or without a shared zero.
        if bits == 0 {
            return;
        }
        let length = bits / 8;
        if length > self.limit + 2 {
            return sink(Err(HdlcError::Long(self.limit)));
        }
        if !bits.is_multiple_of(8) {
            return sink(Err(HdlcError::Alignment(bits)));
        }
        if length < SHORTEST {
            return sink(Err(HdlcError::Short(length)));
        }
        let Some((frame, &found)) = self.octets.get(..length).and_then(<[u8]>::split_last_chunk::<2>) else {
            return;
        };
        let (found, expected) = (u16::from_le_bytes(found), fcs16(frame));
        sink(if found == expected { Ok(frame) } else { Err(HdlcError::Fcs { found, expected }) });
    }
}
