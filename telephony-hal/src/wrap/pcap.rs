//! Captures of D channels: libpcap files of link type 177 (`LINUX_LAPD`), which Wireshark decodes without options.
//!
//! Sixteen octets of pseudo header stand before each frame, all big endian: packet type (2: 0 received, 4 sent),
//! hardware type (2), address length (2), address (8: its first octet is 1 if the capturing side is the network), protocol
//! (2: 0x0030).

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::MAX_FRAME;

const MAGIC: u32 = 0xa1b2_c3d4;
const LINK_TYPE: u32 = 177;
const PSEUDO_HEADER: usize = 16;
const SENT: u16 = 4;
const PROTOCOL: u16 = 0x0030;

/// Which side of the link captures; decides how commands and responses are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The gateway is the network side.
    Network,
    /// The gateway is the user side.
    User,
}

/// Writes a capture file.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    writer: W,
    side: Side,
}

impl<W: Write> PcapWriter<W> {
    /// Starts a file.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn new(mut writer: W, side: Side) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&MAGIC.to_le_bytes());
        header.extend_from_slice(&2u16.to_le_bytes()); // version 2.4
        header.extend_from_slice(&4u16.to_le_bytes());
        header.extend_from_slice(&[0; 8]); // time zone and accuracy: UTC, unknown
        header.extend_from_slice(&u32::from(u16::MAX).to_le_bytes()); // longest record
        header.extend_from_slice(&LINK_TYPE.to_le_bytes());
        writer.write_all(&header)?;
        writer.flush()?;
        Ok(Self { writer, side })
    }

    /// Appends a frame: when (since 1970), whether we sent it, and its octets from the address on, without FCS.
    ///
    /// Flushes, so that a capture of a process that was killed is complete to its last frame.
    ///
    /// # Errors
    /// Whatever the writer says; `InvalidInput` for a frame above [`MAX_FRAME`].
    pub fn frame(&mut self, at: Duration, sent: bool, frame: &[u8]) -> io::Result<()> {
        let len = u32::try_from(frame.len() + PSEUDO_HEADER)
            .ok()
            .filter(|_| frame.len() <= MAX_FRAME)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "frame too long for a capture"))?;
        // The format's seconds are 32 bits; in 2106 they begin again.
        let seconds = at.as_secs() as u32;
        let mut record = Vec::with_capacity(16 + PSEUDO_HEADER + frame.len());
        record.extend_from_slice(&seconds.to_le_bytes());
        record.extend_from_slice(&at.subsec_micros().to_le_bytes());
        record.extend_from_slice(&len.to_le_bytes());
        record.extend_from_slice(&len.to_le_bytes());
        record.extend_from_slice(&(if sent { SENT } else { 0 }).to_be_bytes());
        record.extend_from_slice(&[0; 4]); // hardware type, address length
        record.extend_from_slice(&[u8::from(self.side == Side::Network), 0, 0, 0, 0, 0, 0, 0]);
        record.extend_from_slice(&PROTOCOL.to_be_bytes());
        record.extend_from_slice(frame);
        self.writer.write_all(&record)?;
        self.writer.flush()
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

/// Why a file is not a capture of a D channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PcapError {
    /// It is cut off, or its header says something else.
    #[error("not a LINUX_LAPD capture: expected {expected}")]
    Malformed {
        /// What was expected where reading stopped.
        expected: &'static str,
    },
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A frame out of a capture: time since 1970, whether the capturing side sent it, its octets.
pub type CapturedFrame = (Duration, bool, Vec<u8>);

/// Reads a capture of link type 177 (little endian, microseconds) to its end.
///
/// # Errors
/// See [`PcapError`].
pub fn read_pcap<R: Read>(mut reader: R) -> Result<(Side, Vec<CapturedFrame>), PcapError> {
    let header: [u8; 24] = array(&mut reader, "a file header of 24 octets")?;
    if !header.starts_with(&MAGIC.to_le_bytes()) {
        return Err(PcapError::Malformed { expected: "the magic number a1b2c3d4, little endian" });
    }
    if !header.ends_with(&LINK_TYPE.to_le_bytes()) {
        return Err(PcapError::Malformed { expected: "link type 177" });
    }
    let mut side = Side::User;
    let mut frames = Vec::new();
    loop {
        let mut first = [0; 1];
        if reader.read(&mut first)? == 0 {
            return Ok((side, frames));
        }
        let rest: [u8; 3] = array(&mut reader, "seconds")?;
        let seconds = u32::from_le_bytes([first[0], rest[0], rest[1], rest[2]]);
        let micros = u32::from_le_bytes(array(&mut reader, "microseconds")?);
        let len = u32::from_le_bytes(array(&mut reader, "a length")?) as usize;
        let _whole: [u8; 4] = array(&mut reader, "the length on the wire")?;
        if !(PSEUDO_HEADER..=PSEUDO_HEADER + MAX_FRAME).contains(&len) {
            return Err(PcapError::Malformed { expected: "a record of 16 to 4112 octets" });
        }
        let kind = u16::from_be_bytes(array(&mut reader, "a packet type")?);
        let _hardware: [u8; 4] = array(&mut reader, "hardware type and address length")?;
        let address: [u8; 8] = array(&mut reader, "an address")?;
        if u16::from_be_bytes(array(&mut reader, "a protocol")?) != PROTOCOL {
            return Err(PcapError::Malformed { expected: "protocol 0x0030" });
        }
        if address[0] == 1 {
            side = Side::Network;
        }
        let mut frame = vec![0; len - PSEUDO_HEADER];
        reader.read_exact(&mut frame).map_err(|_| PcapError::Malformed { expected: "the whole frame" })?;
        let micros = Duration::from_micros(micros.into());
        frames.push((Duration::from_secs(seconds.into()) + micros, kind == SENT, frame));
    }
}

fn array<const N: usize, R: Read>(reader: &mut R, expected: &'static str) -> Result<[u8; N], PcapError> {
    let mut out = [0; N];
    match reader.read_exact(&mut out) {
        Ok(()) => Ok(out),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(PcapError::Malformed { expected }),
        Err(error) => Err(error.into()),
    }
}
