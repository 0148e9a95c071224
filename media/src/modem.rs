//! The answering tone of modems and fax machines: 2100 Hz, with or without reversals of its phase.
//!
//! ITU-T V.25: 2100 ± 15 Hz for 2.6 to 4 s, and where echo cancellers are to be switched off its phase turns by 180° every
//! 450 ± 25 ms. ITU-T V.8 (ANSam): the same, its amplitude modulated by a fifth at 15 Hz.
//!
//! ```
//! use media::modem::{AnswerTone, AnswerToneDetector};
//!
//! let mut samples: Vec<i16> = Vec::new();
//! for n in 0..8000u32 {
//!     // Every 450 ms the phase turns.
//!     let turned = if n / 3600 % 2 == 1 { -1.0 } else { 1.0 };
//!     let angle = f64::from(n) * 2100.0 / 8000.0 * std::f64::consts::TAU;
//!     samples.push((turned * 4000.0 * angle.sin()) as i16);
//! }
//! let mut detector = AnswerToneDetector::default();
//! let mut heard = Vec::new();
//! detector.hear(&samples, |sign| heard.push(sign));
//! assert_eq!(heard, [AnswerTone::Heard, AnswerTone::Reversed, AnswerTone::Reversed]);
//! ```

use std::f32::consts::{PI, TAU};

use crate::{SAMPLE_RATE, level_dbm0};

/// The tone.
const HZ: f32 = 2100.0;
/// 10 ms: 21 periods of the tone, so that one that is exact has the same phase in every block.
const BLOCK: usize = 80;
/// Blocks of tone until it is one: 200 ms, longer than a whistle of speech stays on a frequency.
const SURE: u32 = 20;
/// Blocks without tone that do not end it: a reversal falls into one, filters make it two.
const GAP: u32 = 2;
/// Least part of a block's power that is at 2100 Hz. An offset of 15 Hz costs 7 %, a reversal in the middle all of it.
const PURE: f32 = 0.8;
/// What is quieter is no tone, dBm0. (V.25 sends at -12 or so; lines take 20 dB at most.)
const QUIET_DBM0: f64 = -38.0;
/// Largest change of phase from block to block that is an offset of frequency: 20 Hz.
const OFFSET: f32 = 1.26;
/// Change of phase, beyond that of the offset, that is a reversal: 110°. V.8 allows it 10° of error.
const TURNED: f32 = 1.92;

/// What has been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerTone {
    /// The tone has been there for 200 ms. Told once for each.
    Heard,
    /// Its phase has turned: echo cancellers are to be switched off.
    Reversed,
}

/// Listens for the tone. Samples in any portions; their number is the clock.
#[derive(Clone, Debug, Default)]
pub struct AnswerToneDetector {
    pending: Vec<i16>,
    /// Blocks of tone so far, and blocks without it since the last.
    blocks: u32,
    gap: u32,
    told: bool,
    /// Reversals before the tone was sure.
    early: u32,
    /// Phase of the last block of tone, and by how much it changes from block to block.
    phase: f32,
    step: Option<f32>,
}

impl AnswerToneDetector {
    /// Takes samples; `on` hears what they say.
    pub fn hear(&mut self, samples: &[i16], mut on: impl FnMut(AnswerTone)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.pending.len()));
            self.pending.extend_from_slice(now);
            rest = later;
            if self.pending.len() == BLOCK {
                let block = std::mem::take(&mut self.pending);
                self.block(&block, &mut on);
                self.pending = block;
                self.pending.clear();
            }
        }
    }

    fn block(&mut self, block: &[i16], on: &mut impl FnMut(AnswerTone)) {
        let Some(phase) = phase(block) else {
            self.gap += 1;
            if self.gap > GAP {
                *self = Self { pending: std::mem::take(&mut self.pending), ..Self::default() };
            }
            return;
        };
        let since = self.gap + 1;
        self.gap = 0;
        self.blocks += 1;
        if self.blocks > 1 {
            let change = wrapped(phase - self.phase);
            match &mut self.step {
                None if since == 1 && change.abs() <= OFFSET => self.step = Some(change),
                None => self.blocks = 1,
                Some(step) => {
                    let error = wrapped(change - *step * since as f32);
                    if error.abs() > TURNED {
                        self.early += 1;
                    } else if since == 1 && (*step + error / 8.0).abs() <= OFFSET {
                        *step += error / 8.0;
                    } else if since == 1 {
                        // It wanders off: another tone.
                        *self = Self { pending: std::mem::take(&mut self.pending), ..Self::default() };
                        return;
                    }
                }
            }
        }
        self.phase = phase;
        if self.blocks >= SURE && !std::mem::replace(&mut self.told, true) {
            on(AnswerTone::Heard);
        }
        if self.told {
            (0..std::mem::take(&mut self.early)).for_each(|_| on(AnswerTone::Reversed));
        }
    }
}

/// The phase of the tone in a block; `None` if the block is anything else.
fn phase(block: &[i16]) -> Option<f32> {
    let (mut real, mut imaginary, mut energy) = (0f32, 0f32, 0f32);
    for (n, sample) in (0u16..).zip(block) {
        let (sin, cos) = (TAU * HZ / SAMPLE_RATE as f32 * f32::from(n)).sin_cos();
        let sample = f32::from(*sample);
        real += sample * cos;
        imaginary -= sample * sin;
        energy += sample * sample;
    }
    let pure = 2.0 * (real * real + imaginary * imaginary) >= PURE * block.len() as f32 * energy;
    (pure && level_dbm0(block) > QUIET_DBM0).then(|| imaginary.atan2(real))
}

/// An angle as -π to π.
fn wrapped(angle: f32) -> f32 {
    (angle + PI).rem_euclid(TAU) - PI
}

#[cfg(test)]
mod tests;
