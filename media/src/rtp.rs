//! RTP (RFC 3550): packets read in place and written, and what a receiver counts.
//!
//! ```
//! use media::rtp::{Header, Packet};
//!
//! let header = Header { marker: true, payload_type: 0, sequence: 7, timestamp: 160, ssrc: 0x1234 };
//! let mut wire = Vec::new();
//! header.write(&mut wire);
//! wire.extend([0xFF; 160]);
//!
//! let packet = Packet::parse(&wire)?;
//! assert_eq!(packet.header(), header);
//! assert_eq!(packet.payload().len(), 160);
//! # Ok::<(), media::rtp::RtpError>(())
//! ```

pub mod event;
pub mod jitter;
pub mod noise;
pub mod rtcp;
mod stats;
pub mod stream;

pub use stats::{Reception, Report};

/// Octets of a header without contributing sources and extension.
pub const HEADER_LEN: usize = 12;

/// The fields of an RTP header that a gateway sets and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// First packet of a talk spurt, or of a telephone event.
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Counts packets, modulo 65536.
    pub sequence: u16,
    /// Counts samples, modulo 2^32.
    pub timestamp: u32,
    /// Identifies the source.
    pub ssrc: u32,
}

impl Header {
    /// Appends the twelve octets: version 2, no padding, extension or contributing source.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(0x80);
        out.push(u8::from(self.marker) << 7 | self.payload_type & 0x7F);
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
    }
}

/// An RTP packet in a received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    header: Header,
    extension: Option<(u16, &'a [u8])>,
    payload: &'a [u8],
}

/// Why a datagram is no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// It ends before its header does.
    #[error("RTP packet of {len} octets, its header alone needs {need}")]
    Short {
        /// What came.
        len: usize,
        /// What the header says.
        need: usize,
    },
    /// Another version, or no RTP at all (STUN, RTCP of another version).
    #[error("RTP version {found}, expected 2")]
    Version {
        /// What came.
        found: u8,
    },
    /// More padding than there is payload, or none where some is announced.
    #[error("RTP padding of {found} octets in {len} of payload")]
    Padding {
        /// What the last octet says.
        found: u8,
        /// Payload with padding.
        len: usize,
    },
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`RtpError`].
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let short = |need: usize| RtpError::Short { len: datagram.len(), need };
        let (fixed, mut rest) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(short(HEADER_LEN))?;
        let [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if b0 >> 6 != 2 {
            return Err(RtpError::Version { found: b0 >> 6 });
        }
        let sources = usize::from(b0 & 0x0F) * 4;
        rest = rest.get(sources..).ok_or(short(HEADER_LEN + sources))?;
        let mut extension = None;
        if b0 & 0x10 != 0 {
            let need = HEADER_LEN + sources + 4;
            let ([p0, p1, l0, l1], after) = rest.split_first_chunk::<4>().ok_or(short(need))?;
            let len = usize::from(u16::from_be_bytes([*l0, *l1])) * 4;
            let (body, after) = after.split_at_checked(len).ok_or(short(need + len))?;
            extension = Some((u16::from_be_bytes([*p0, *p1]), body));
            rest = after;
        }
        if b0 & 0x20 != 0 {
            let found = rest.last().copied().unwrap_or(0);
            let kept = rest.len().checked_sub(found.into()).filter(|_| found > 0);
            let len = rest.len();
            rest = kept.and_then(|n| rest.get(..n)).ok_or(RtpError::Padding { found, len })?;
        }
        Ok(Self {
            header: Header {
                marker: b1 & 0x80 != 0,
                payload_type: b1 & 0x7F,
                sequence: u16::from_be_bytes([s0, s1]),
                timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
                ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            },
            extension,
            payload: rest,
        })
    }

    /// The fixed header.
    #[must_use]
    pub fn header(&self) -> Header {
        self.header
    }

    /// Profile and body of the header extension.
    #[must_use]
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        self.extension
    }

    /// What follows the header, without padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Whether a datagram on a port that carries both is RTCP rather than RTP (RFC 5761 4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [b0, b1, ..] if b0 >> 6 == 2 && (192..=223).contains(b1))
}

#[cfg(test)]
mod tests;
