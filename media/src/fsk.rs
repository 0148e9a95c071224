//! The 1200 bit/s FSK modems of caller ID and VMWI: Bell 202 and V.23 forward channel, both sides.
//!
//! Phase is continuous and bit edges fall between samples where they belong: 1200 bit/s is 6⅔ samples a bit.
//!
//! ```
//! use media::fsk::{FskBurst, FskGenerator, Modem};
//!
//! let burst = FskBurst::on_hook(Modem::Bell202, vec![0x06, 0x03, 0x42, 0x42, 0x42, 0x31]);
//! assert_eq!(burst.duration_ms(), 455); // 480 bits of preamble, 60 of data, 6 of tail
//! let mut audio = vec![0; burst.duration_ms() as usize * 8];
//! let mut generator = FskGenerator::new(&burst);
//! generator.fill(&mut audio);
//! assert!(generator.finished());
//! ```

mod receiver;

use std::f64::consts::TAU;
use std::sync::Arc;

pub use receiver::{FskEvent, FskReceiver};

use crate::{SAMPLE_RATE, amplitude};

/// Bits a second of both modems.
pub const BIT_RATE: u32 = 1200;
/// Most octets in one burst.
pub const MAX_OCTETS: usize = 512;
/// Level at which caller ID is sent unless configured otherwise, dBm0.
pub const DEFAULT_LEVEL_DBM0: f64 = -13.5;

/// The two frequency pairs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modem {
    /// Mark 1200 Hz, space 2200 Hz (GR-30-CORE).
    Bell202,
    /// Mark 1300 Hz, space 2100 Hz (ITU-T V.23 mode 2, EN 300 659-1, SIN 227, NTT).
    V23,
}

impl Modem {
    /// Frequency of a one, Hz.
    #[must_use]
    pub fn mark_hz(self) -> f64 {
        match self {
            Modem::Bell202 => 1200.0,
            Modem::V23 => 1300.0,
        }
    }

    /// Frequency of a zero, Hz.
    #[must_use]
    pub fn space_hz(self) -> f64 {
        match self {
            Modem::Bell202 => 2200.0,
            Modem::V23 => 2100.0,
        }
    }
}

/// One transmission: channel seizure, mark, octets, tail.
#[derive(Clone, Debug, PartialEq)]
pub struct FskBurst {
    /// Frequencies.
    pub modem: Modem,
    /// Alternating bits first, beginning with a space; 300 on-hook.
    pub seizure_bits: u32,
    /// Ones before the first octet; 180 on-hook, 80 off-hook.
    pub mark_bits: u32,
    /// What is sent: start bit, eight bits with the lowest first, stop bit. At most [`MAX_OCTETS`] are sent.
    pub octets: Arc<[u8]>,
    /// Ones after the last octet; 6.
    pub tail_bits: u32,
    /// Level of the signal in dBm0.
    pub level_dbm0: f64,
}

impl FskBurst {
    /// Data to a telephone on the hook: 300 bits of seizure and 180 of mark suit GR-30, ETSI and BT at once.
    #[must_use]
    pub fn on_hook(modem: Modem, octets: impl Into<Arc<[u8]>>) -> Self {
        Self {
            modem,
            seizure_bits: 300,
            mark_bits: 180,
            octets: octets.into(),
            tail_bits: 6,
            level_dbm0: DEFAULT_LEVEL_DBM0,
        }
    }

    /// Data to a telephone off the hook (call waiting): no seizure and 80 bits of mark.
    #[must_use]
    pub fn off_hook(modem: Modem, octets: impl Into<Arc<[u8]>>) -> Self {
        Self { seizure_bits: 0, mark_bits: 80, ..Self::on_hook(modem, octets) }
    }

    /// NTT's form: V.23, no seizure, 78 bits of mark.
    #[must_use]
    pub fn ntt(octets: impl Into<Arc<[u8]>>) -> Self {
        Self { seizure_bits: 0, mark_bits: 78, ..Self::on_hook(Modem::V23, octets) }
    }

    /// The same at another level in dBm0 (`caller-id attenuation`); above 0 is cut to 0.
    #[must_use]
    pub fn at_level(self, dbm0: f64) -> Self {
        Self { level_dbm0: dbm0.min(0.0), ..self }
    }

    /// Length of the transmission in ms, rounded up.
    #[must_use]
    pub fn duration_ms(&self) -> u32 {
        (self.bits() * 1000).div_ceil(u64::from(BIT_RATE)) as u32
    }

    fn bits(&self) -> u64 {
        let octets = self.octets.len().min(MAX_OCTETS) as u64;
        u64::from(self.seizure_bits) + u64::from(self.mark_bits) + 10 * octets + u64::from(self.tail_bits)
    }

    /// The bit at `index`, true for mark.
    fn bit(&self, index: u64) -> bool {
        let Some(index) = index.checked_sub(self.seizure_bits.into()) else { return index % 2 == 1 };
        let Some(index) = index.checked_sub(self.mark_bits.into()) else { return true };
        let octet = usize::try_from(index / 10).ok().filter(|&o| o < MAX_OCTETS);
        match (octet.and_then(|o| self.octets.get(o)), index % 10) {
            (Some(_), 0) => false,
            (Some(octet), n @ 1..=8) => octet >> (n - 1) & 1 == 1,
            _ => true,
        }
    }
}

/// Makes the samples of a burst, then silence.
#[derive(Clone, Debug)]
pub struct FskGenerator {
    burst: FskBurst,
    amplitude: f64,
    /// In turns.
    phase: f64,
    /// The next sample begins `sample * 3 / 20` bits after the first bit.
    sample: u64,
    bits: u64,
}

/// 1200 bits and 8000 samples a second: 3 bits in 20 samples.
const BITS: u64 = 3;
const SAMPLES: u64 = 20;

impl FskGenerator {
    /// A generator at the first bit.
    #[must_use]
    pub fn new(burst: &FskBurst) -> Self {
        Self {
            amplitude: amplitude(burst.level_dbm0).min(32767.0),
            bits: burst.bits(),
            burst: burst.clone(),
            phase: 0.0,
            sample: 0,
        }
    }

    /// Writes the next samples; silence once finished.
    pub fn fill(&mut self, out: &mut [i16]) {
        for slot in out {
            if self.finished() {
                *slot = 0;
                continue;
            }
            *slot = (self.amplitude * (self.phase * TAU).sin()).round() as i16;
            self.phase = (self.phase + self.turn()).fract();
            self.sample += 1;
        }
    }

    /// Samples until the last bit has been sent.
    #[must_use]
    pub fn left(&self) -> u64 {
        (self.bits * SAMPLES).div_ceil(BITS).saturating_sub(self.sample)
    }

    /// Whether the last bit has been sent.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.sample * BITS >= self.bits * SAMPLES
    }

    /// Part of a turn from this sample to the next, which may lie in two bits.
    fn turn(&self) -> f64 {
        let begin = self.sample * BITS;
        let end = begin + BITS;
        let bit = begin / SAMPLES;
        let edge = (bit + 1) * SAMPLES;
        let hz = |bit: u64| {
            if self.burst.bit(bit) { self.burst.modem.mark_hz() } else { self.burst.modem.space_hz() }
        };
        let here = hz(bit) / f64::from(SAMPLE_RATE);
        if end <= edge {
            return here;
        }
        let after = (end - edge) as f64 / BITS as f64;
        here * (1.0 - after) + hz(bit + 1) / f64::from(SAMPLE_RATE) * after
    }
}

#[cfg(test)]
pub(crate) mod tests;
