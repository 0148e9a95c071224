//! What a real pair of wires does to speech: loss, noise, echo.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// RMS of a sine of 0 dBm0 in 16-bit linear samples (overload point 3.14 dBm0).
const RMS_0_DBM0: f64 = 16_140.0;

/// Properties of one loop and its telephone. The default is a perfect wire with one classic bell.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    /// Gain toward the telephone in dB, −60 to +20 (a loss is negative).
    pub to_phone_db: f64,
    /// Gain from the telephone in dB, −60 to +20.
    pub from_phone_db: f64,
    /// White noise in both directions, dBm0, −90 to 0; `None` for a silent wire.
    pub noise_dbm0: Option<f64>,
    /// Trans-hybrid loss in dB, 0 to 60: what is sent comes back so much weaker; `None` for a perfect hybrid.
    pub echo_loss_db: Option<f64>,
    /// Delay of the echo in samples, up to 1600 (200 ms).
    pub echo_delay: usize,
    /// Ringer equivalence of the telephone's bells, 0 to 5.
    pub ren: f64,
    /// Seed of the noise.
    pub seed: u64,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            to_phone_db: 0.0,
            from_phone_db: 0.0,
            noise_dbm0: None,
            echo_loss_db: None,
            echo_delay: 0,
            ren: 1.0,
            seed: 0,
        }
    }
}

/// Longest echo delay, in samples.
const MAX_ECHO: usize = 1600;

/// Samples sent and not yet echoed are kept for so long.
const MAX_PENDING: usize = MAX_ECHO + 8000;

#[derive(Debug)]
pub(super) struct WireState {
    wire: Wire,
    random: StdRng,
    echo: VecDeque<f64>,
}

impl Default for WireState {
    fn default() -> Self {
        Self::new(Wire::default())
    }
}

impl WireState {
    /// Values outside their ranges are taken as the nearest inside.
    pub(super) fn new(wire: Wire) -> Self {
        let wire = Wire {
            to_phone_db: finite(wire.to_phone_db).clamp(-60.0, 20.0),
            from_phone_db: finite(wire.from_phone_db).clamp(-60.0, 20.0),
            noise_dbm0: wire.noise_dbm0.map(|level| finite(level).clamp(-90.0, 0.0)),
            echo_loss_db: wire.echo_loss_db.map(|loss| finite(loss).clamp(0.0, 60.0)),
            echo_delay: wire.echo_delay.min(MAX_ECHO),
            ren: finite(wire.ren).clamp(0.0, 5.0),
            seed: wire.seed,
        };
        let echo = if wire.echo_loss_db.is_some() { vec![0.0; wire.echo_delay] } else { vec![] };
        Self { random: StdRng::seed_from_u64(wire.seed), echo: echo.into(), wire }
    }

    pub(super) fn ren(&self) -> f64 {
        self.wire.ren
    }

    /// What the telephone hears of `samples`.
    pub(super) fn outward(&mut self, samples: &[i16]) -> Vec<i16> {
        if self.wire.echo_loss_db.is_some() {
            let room = MAX_PENDING.saturating_sub(self.echo.len());
            self.echo.extend(samples.iter().take(room).map(|sample| f64::from(*sample)));
        }
        if self.wire.to_phone_db == 0.0 && self.wire.noise_dbm0.is_none() {
            return samples.to_vec();
        }
        let gain = factor(self.wire.to_phone_db);
        samples.iter().map(|sample| clip(f64::from(*sample) * gain + self.noise())).collect()
    }

    /// Turns what the telephone says into what the port receives, in place. `loop_closed`: else there is noise only.
    pub(super) fn inward(&mut self, samples: &mut [i16], loop_closed: bool) {
        let perfect = self.wire.from_phone_db == 0.0
            && self.wire.noise_dbm0.is_none()
            && self.wire.echo_loss_db.is_none();
        if perfect {
            return;
        }
        let gain = factor(self.wire.from_phone_db);
        let echo = self.wire.echo_loss_db.map_or(0.0, |loss| factor(-loss));
        for sample in samples {
            let back = self.echo.pop_front().unwrap_or(0.0) * echo;
            let spoken = if loop_closed { f64::from(*sample) * gain + back } else { 0.0 };
            *sample = clip(spoken + self.noise());
        }
    }

    /// Nearly normal: twelve uniform numbers of variance 1/12.
    fn noise(&mut self) -> f64 {
        let Some(level) = self.wire.noise_dbm0 else { return 0.0 };
        let sum: f64 = (0..12).map(|_| self.random.random_range(-0.5..0.5)).sum();
        sum * RMS_0_DBM0 * factor(level)
    }
}

/// Ringing voltage (V rms) of a generator that feeds so many REN: 100 V up to 10 REN, falling to 45 V at 40 REN.
///
/// The figures are those of one 24-port card; a bell needs 40 V.
pub(super) fn ring_volts(ren: f64) -> u16 {
    let volts = 100.0 - (ren - 10.0).clamp(0.0, 40.0) * (55.0 / 30.0);
    volts.round() as u16
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn factor(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

fn clip(sample: f64) -> i16 {
    sample.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
}
