//! RTCP (RFC 3550 6): reports out, reports and farewells in.
//!
//! ```
//! use media::rtp::rtcp::{self, Rtcp, SenderInfo};
//!
//! let mut wire = Vec::new();
//! let info = SenderInfo { ntp: 1 << 32, timestamp: 8000, packets: 50, octets: 8000 };
//! rtcp::write_report(&mut wire, 0x1234, Some(info), &[], "gw@192.0.2.1");
//! let mut seen = Vec::new();
//! rtcp::parse(&wire, |packet| seen.push(packet))?;
//! assert!(matches!(seen.first(), Some(Rtcp::SenderReport { ssrc: 0x1234, info: i, .. }) if *i == info));
//! # Ok::<(), rtcp::RtcpError>(())
//! ```

use std::time::Duration;

use super::Report;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
/// Most report blocks in one packet; the count has five bits.
const MAX_BLOCKS: usize = 31;

/// What a sender says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock, seconds since 1900 in the upper 32 bits, fraction in the lower.
    pub ntp: u64,
    /// The same moment on the stream's clock.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Octets of payload sent.
    pub octets: u32,
}

/// What a receiver says of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// Loss, order and jitter.
    pub report: Report,
    /// Middle 32 bits of the NTP time of the last sender report that came from the source, or 0.
    pub last_sr: u32,
    /// Since then, in 1/65536 s.
    pub delay: u32,
}

impl ReportBlock {
    /// Time there and back, if the block answers a sender report; `now` is the NTP time of its arrival.
    ///
    //= RFC 3550 6.4.1: "the round-trip propagation delay as (A - LSR - DLSR)"
    #[must_use]
    pub fn round_trip(&self, now: u64) -> Option<Duration> {
        if self.last_sr == 0 {
            return None;
        }
        let units = ((now >> 16) as u32).wrapping_sub(self.last_sr).wrapping_sub(self.delay);
        // Clocks that disagree make it negative.
        (units.cast_signed() >= 0).then(|| Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536))
    }
}

/// One packet of a compound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rtcp {
    /// From a source that sends.
    SenderReport {
        /// Who.
        ssrc: u32,
        /// About itself.
        info: SenderInfo,
        /// About others.
        blocks: Vec<ReportBlock>,
    },
    /// From one that only receives.
    ReceiverReport {
        /// Who.
        ssrc: u32,
        /// About others.
        blocks: Vec<ReportBlock>,
    },
    /// Sources that leave.
    Bye {
        /// Who.
        ssrcs: Vec<u32>,
    },
    /// A packet that is not acted on (SDES, APP, feedback).
    Other {
        /// Its type.
        packet_type: u8,
    },
}

/// Why a datagram is no RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// A packet ends before its length or count says so.
    #[error("RTCP packet type {packet_type} of {len} octets is shorter than it says")]
    Short {
        /// Its type, 0 if not even that came.
        packet_type: u8,
        /// Octets there are.
        len: usize,
    },
    /// Another version.
    #[error("RTCP version {found}, expected 2")]
    Version {
        /// What came.
        found: u8,
    },
}

/// Reads a compound packet, calling `on` for each part in order. Parts before a malformed one have been given.
///
/// # Errors
/// [`RtcpError`].
pub fn parse(datagram: &[u8], mut on: impl FnMut(Rtcp)) -> Result<(), RtcpError> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let len = rest.len();
        let Some((&[b0, packet_type, l0, l1], _)) = rest.split_first_chunk::<4>() else {
            return Err(RtcpError::Short { packet_type: 0, len });
        };
        if b0 >> 6 != 2 {
            return Err(RtcpError::Version { found: b0 >> 6 });
        }
        let whole = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let short = RtcpError::Short { packet_type, len };
        let (packet, after) = rest.split_at_checked(whole).ok_or(short)?;
        let mut body = Words(packet.get(4..).unwrap_or_default());
        on(part(packet_type, usize::from(b0 & 0x1F), &mut body).ok_or(short)?);
        rest = after;
    }
    Ok(())
}

/// Appends a compound: a sender report (with `info`) or receiver report, and the source's name. Of the blocks
/// the first 31 are sent, of the name 255 octets.
pub fn write_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    info: Option<SenderInfo>,
    blocks: &[ReportBlock],
    cname: &str,
) {
    let blocks = blocks.get(..MAX_BLOCKS).unwrap_or(blocks);
    let words = 1 + info.map_or(0, |_| 5) + 6 * blocks.len();
    let packet_type = if info.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    head(out, blocks.len(), packet_type, words);
    out.extend(ssrc.to_be_bytes());
    if let Some(info) = info {
        out.extend(info.ntp.to_be_bytes());
        out.extend(info.timestamp.to_be_bytes());
        out.extend(info.packets.to_be_bytes());
        out.extend(info.octets.to_be_bytes());
    }
    for block in blocks {
        out.extend(block.report.ssrc.to_be_bytes());
        let [_, a, b, c] = block.report.lost.to_be_bytes();
        out.extend([block.report.fraction_lost, a, b, c]);
        out.extend(block.report.highest.to_be_bytes());
        out.extend(block.report.jitter.to_be_bytes());
        out.extend(block.last_sr.to_be_bytes());
        out.extend(block.delay.to_be_bytes());
    }
    let name = cname.as_bytes();
    let name = name.get(..255).unwrap_or(name);
    // CNAME item, then one to four zeros to the next word.
    let item = 2 + name.len();
    let padded = (item / 4 + 1) * 4;
    head(out, 1, SOURCE_DESCRIPTION, 1 + padded / 4);
    out.extend(ssrc.to_be_bytes());
    out.extend([1, name.len() as u8]);
    out.extend(name);
    out.extend(std::iter::repeat_n(0, padded - item));
}

/// Appends a farewell, to follow a report in the same datagram.
pub fn write_bye(out: &mut Vec<u8>, ssrc: u32) {
    head(out, 1, BYE, 1);
    out.extend(ssrc.to_be_bytes());
}

fn head(out: &mut Vec<u8>, count: usize, packet_type: u8, words: usize) {
    out.extend([0x80 | count as u8, packet_type]);
    out.extend((words as u16).to_be_bytes());
}

fn part(packet_type: u8, count: usize, body: &mut Words<'_>) -> Option<Rtcp> {
    Some(match packet_type {
        SENDER_REPORT => {
            let ssrc = body.next()?;
            let info = SenderInfo {
                ntp: u64::from(body.next()?) << 32 | u64::from(body.next()?),
                timestamp: body.next()?,
                packets: body.next()?,
                octets: body.next()?,
            };
            Rtcp::SenderReport { ssrc, info, blocks: blocks(count, body)? }
        }
        RECEIVER_REPORT => Rtcp::ReceiverReport { ssrc: body.next()?, blocks: blocks(count, body)? },
        BYE => Rtcp::Bye { ssrcs: (0..count).map(|_| body.next()).collect::<Option<_>>()? },
        packet_type => Rtcp::Other { packet_type },
    })
}

fn blocks(count: usize, body: &mut Words<'_>) -> Option<Vec<ReportBlock>> {
    (0..count)
        .map(|_| {
            let ssrc = body.next()?;
            let loss = body.next()?;
            Some(ReportBlock {
                report: Report {
                    ssrc,
                    fraction_lost: (loss >> 24) as u8,
                    // 24 bits with sign.
                    lost: (loss << 8).cast_signed() >> 8,
                    highest: body.next()?,
                    jitter: body.next()?,
                },
                last_sr: body.next()?,
                delay: body.next()?,
            })
        })
        .collect()
}

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }
}

#[cfg(test)]
mod tests;
