//! The receiving side: power of mark against power of space over one bit, and a start-stop receiver on their difference.

use std::collections::VecDeque;
use std::f64::consts::TAU;

use super::{BIT_RATE, Modem};
use crate::{SAMPLE_RATE, amplitude};

/// Samples a bit.
const BIT: f32 = SAMPLE_RATE as f32 / BIT_RATE as f32;
/// Taps of the filters: a little more than a bit, the ends weighted so that they hold one bit exactly.
const TAPS: usize = 7;
/// Weight of the seventh tap.
const LAST: f32 = BIT - 6.0;
/// Softest signal that is heard, dBm0.
const THRESHOLD_DBM0: f64 = -45.0;
/// Part of the power that mark and space together must carry.
const PURITY: f32 = 0.30;
/// Ones in a row after which an octet may begin: 80 are sent off-hook, 78 by NTT, and the first may be lost.
const MARK_BITS: f32 = 30.0;
/// So long without a signal ends it.
const LOST: u32 = 60;

/// What an [`FskReceiver`] heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FskEvent {
    /// Thirty ones in a row: octets may follow.
    Mark,
    /// An octet between a start bit and a stop bit.
    Octet(u8),
    /// An octet whose stop bit was a zero.
    Framing(u8),
    /// The signal has ended.
    Lost,
}

/// Hears the octets of one modem. Cheap enough to run on every idle exchange line.
///
/// ```
/// use media::fsk::{FskBurst, FskEvent, FskGenerator, FskReceiver, Modem};
///
/// let mut audio = vec![0; 8000];
/// FskGenerator::new(&FskBurst::on_hook(Modem::V23, vec![0x82, 0x55])).fill(&mut audio);
/// let mut heard = vec![];
/// FskReceiver::new(Modem::V23).feed(&audio, |event| heard.push(event));
/// assert_eq!(heard, [FskEvent::Mark, FskEvent::Octet(0x82), FskEvent::Octet(0x55), FskEvent::Lost]);
/// ```
#[derive(Clone, Debug)]
pub struct FskReceiver {
    mark: Correlator,
    space: Correlator,
    /// The last samples.
    window: VecDeque<f32>,
    threshold: f32,
    /// Positive is mark; of the sample before.
    soft: f32,
    quiet: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Ones in a row so far, in samples.
    Hunt(f32),
    /// Ones; the next zero is a start bit.
    Mark,
    /// In an octet: samples until the next bit's middle, bits so far, value.
    Octet { until: f32, bits: u8, value: u8 },
}

impl FskReceiver {
    /// A receiver that has heard nothing.
    #[must_use]
    pub fn new(modem: Modem) -> Self {
        let rms = amplitude(THRESHOLD_DBM0) * std::f64::consts::FRAC_1_SQRT_2;
        Self {
            mark: Correlator::new(modem.mark_hz()),
            space: Correlator::new(modem.space_hz()),
            window: VecDeque::from([0.0; TAPS]),
            threshold: (rms * rms) as f32,
            soft: 0.0,
            quiet: LOST,
            state: State::Hunt(0.0),
        }
    }

    /// Hears `samples` and tells `on` what was in them. Any block size will do.
    pub fn feed(&mut self, samples: &[i16], mut on: impl FnMut(FskEvent)) {
        for &sample in samples {
            self.window.pop_front();
            self.window.push_back(sample.into());
            let (mark, space) = (self.mark.power(&self.window), self.space.power(&self.window));
            let total = self.window.iter().map(|x| x * x).sum::<f32>() / TAPS as f32;
            let heard = total > self.threshold && mark.max(space) > PURITY * total;
            self.quiet = if heard { 0 } else { self.quiet.saturating_add(1) };
            if self.quiet == LOST {
                if !matches!(self.state, State::Hunt(_)) {
                    on(FskEvent::Lost);
                }
                self.state = State::Hunt(0.0);
            }
            let soft = mark - space;
            self.bit(soft, &mut on);
            self.soft = soft;
        }
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.state = State::Hunt(0.0);
        self.quiet = LOST;
    }

    fn bit(&mut self, soft: f32, on: &mut impl FnMut(FskEvent)) {
        match self.state {
            State::Hunt(ones) => {
                let ones = if soft > 0.0 && self.quiet == 0 { ones + 1.0 } else { 0.0 };
                self.state = State::Hunt(ones);
                if ones >= MARK_BITS * BIT {
                    self.state = State::Mark;
                    on(FskEvent::Mark);
                }
            }
            State::Mark => {
                if soft < 0.0 && self.soft >= 0.0 && self.quiet == 0 {
                    // Where between the two samples the start bit began; its middle is half a bit on.
                    let since = -soft / (self.soft - soft).max(f32::MIN_POSITIVE);
                    self.state = State::Octet { until: BIT / 2.0 - since, bits: 0, value: 0 };
                }
            }
            State::Octet { until, bits, value } => {
                let until = until - 1.0;
                if until > 0.0 {
                    self.state = State::Octet { until, bits, value };
                    return;
                }
                // The middle lies between the sample before and this one.
                let at = soft + (self.soft - soft) * (-until).clamp(0.0, 1.0);
                let one = at > 0.0;
                let next = until + BIT;
                self.state = match bits {
                    // A start bit that is none was noise.
                    0 if one => State::Mark,
                    0..=8 => {
                        let value = if bits > 0 && one { value | 1 << (bits - 1) } else { value };
                        State::Octet { until: next, bits: bits + 1, value }
                    }
                    _ if one => {
                        on(FskEvent::Octet(value));
                        State::Mark
                    }
                    _ => {
                        on(FskEvent::Framing(value));
                        State::Hunt(0.0)
                    }
                };
            }
        }
    }
}

/// Power of one frequency in the window, phase unknown.
#[derive(Clone, Debug)]
struct Correlator {
    taps: [(f32, f32); TAPS],
}

impl Correlator {
    fn new(hz: f64) -> Self {
        let taps = std::array::from_fn(|n| {
            let angle = TAU * hz * n as f64 / f64::from(SAMPLE_RATE);
            // The two outer taps share what is left of the bit.
            let weight = if n == 0 || n == TAPS - 1 { f64::from((1.0 + LAST) / 2.0) } else { 1.0 };
            let scale = std::f64::consts::SQRT_2 / f64::from(BIT) * weight;
            ((angle.cos() * scale) as f32, (angle.sin() * scale) as f32)
        });
        Self { taps }
    }

    fn power(&self, window: &VecDeque<f32>) -> f32 {
        let (re, im) = window
            .iter()
            .zip(&self.taps)
            .fold((0.0, 0.0), |(re, im), (x, (cos, sin))| (re + x * cos, im + x * sin));
        re * re + im * im
    }
}
