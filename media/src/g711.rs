//! G.711 companding, both laws, exact.
//!
//! 16 bit samples carry the 14 bit (µ-law) or 13 bit (A-law) values of the Recommendation left aligned.
//! Octets are as sent on the line: A-law with even bits inverted, µ-law with all bits inverted.
//!
//! ```
//! use media::g711::{self, Law};
//! let octet = g711::encode_sample(Law::A, 1000);
//! assert!((g711::decode_sample(Law::A, octet) - 1000).abs() <= 32);
//! ```

use std::fmt;

/// Which companding law a stream uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law: North America, Japan; RTP payload type 0 (PCMU).
    Mu,
    /// A-law: everywhere else, and any international link; RTP payload type 8 (PCMA).
    A,
}

impl Law {
    /// The static RTP payload type (RFC 3551): 0 PCMU, 8 PCMA.
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Law::Mu => 0,
            Law::A => 8,
        }
    }

    /// The octet of digital silence: 0xFF or 0xD5.
    #[must_use]
    pub fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xFF,
            Law::A => 0xD5,
        }
    }
}

impl fmt::Display for Law {
    /// `ulaw` or `alaw`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Law::Mu => "ulaw",
            Law::A => "alaw",
        })
    }
}

/// Encodes one sample.
#[must_use]
pub fn encode_sample(law: Law, sample: i16) -> u8 {
    match law {
        Law::Mu => encode_mu(sample),
        Law::A => encode_a(sample),
    }
}

/// Decodes one octet to the value the Recommendation's table gives, left aligned in 16 bits.
#[must_use]
pub fn decode_sample(law: Law, octet: u8) -> i16 {
    match law {
        Law::Mu => MU_TABLE[usize::from(octet)],
        Law::A => A_TABLE[usize::from(octet)],
    }
}

/// Encodes as many samples as both slices hold; returns that number.
pub fn encode(law: Law, samples: &[i16], octets: &mut [u8]) -> usize {
    for (octet, &sample) in octets.iter_mut().zip(samples) {
        *octet = encode_sample(law, sample);
    }
    samples.len().min(octets.len())
}

/// Decodes as many octets as both slices hold; returns that number.
pub fn decode(law: Law, octets: &[u8], samples: &mut [i16]) -> usize {
    for (sample, &octet) in samples.iter_mut().zip(octets) {
        *sample = decode_sample(law, octet);
    }
    samples.len().min(octets.len())
}

/// Changes the law of one octet, by the value it stands for.
#[must_use]
pub fn convert(octet: u8, from: Law, to: Law) -> u8 {
    if from == to { octet } else { encode_sample(to, decode_sample(from, octet)) }
}

static MU_TABLE: [i16; 256] = table(Law::Mu);
static A_TABLE: [i16; 256] = table(Law::A);

const fn table(law: Law) -> [i16; 256] {
    let mut out = [0i16; 256];
    let mut i = 0;
    while i < 256 {
        out[i] = match law {
            Law::Mu => decode_mu(i as u8),
            Law::A => decode_a(i as u8),
        };
        i += 1;
    }
    out
}

const MU_BIAS: u16 = 33;
const MU_MAX: u16 = 8191 - MU_BIAS;

/// Magnitude as one's complement, so that -1 falls on "negative zero" as 0 falls on the positive one.
fn magnitude(sample: i16) -> u16 {
    (if sample < 0 { !sample } else { sample }) as u16
}

fn encode_mu(sample: i16) -> u8 {
    let biased = (magnitude(sample) >> 2).min(MU_MAX) + MU_BIAS;
    let segment = 10 - biased.leading_zeros() as u16;
    let interval = (biased >> (segment + 1)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment << 4 | interval) as u8)
}

const fn decode_mu(octet: u8) -> i16 {
    let bits = !octet;
    let segment = (bits >> 4) & 7;
    let interval = (bits & 0x0F) as i16;
    let value = (((interval << 1) + MU_BIAS as i16) << segment) - MU_BIAS as i16;
    if bits & 0x80 != 0 { -(value << 2) } else { value << 2 }
}

fn encode_a(sample: i16) -> u8 {
    let value = magnitude(sample) >> 4;
    let segment = (12 - (value >> 4).leading_zeros().min(16) as i16).max(-4) + 4;
    let bits = if segment <= 1 {
        value as u8
    } else {
        ((segment as u8) << 4) | ((value >> (segment - 1)) & 0x0F) as u8
    };
    let sign = if sample < 0 { 0 } else { 0x80 };
    (sign | bits) ^ 0x55
}

const fn decode_a(octet: u8) -> i16 {
    let bits = octet ^ 0x55;
    let segment = (bits >> 4) & 7;
    let interval = (bits & 0x0F) as i16;
    let value = match segment {
        0 => (interval << 4) + 8,
        _ => ((interval << 4) + 0x108) << (segment - 1),
    };
    if bits & 0x80 != 0 { value } else { -value }
}

#[cfg(test)]
mod tests;
