//! The line echo canceller (`echo-cancel enable`, `echo-cancel coverage`), after ITU-T G.168.
//!
//! What is sent to a telephone comes back from the hybrid, up to a coverage of 128 ms later. Two adaptive filters of that
//! length learn the way it takes: one learns all the time (NLMS), the other is used, and takes the first one's coefficients only
//! when they have proved better without learning on: a filter that learns follows any near end that sounds at the same time for a
//! while. So a voice at the near end (double talk) can spoil what is learnt, never what is used. What
//! little is left after subtraction, while only the far end talks, gives way to comfort noise of the near end's own level.
//!
//! Not here: the tone disabler of G.164/G.165 for modems. Call control leaves the canceller out for fax and data.
//!
//! ```
//! use media::echo::{EchoCanceller, EchoConfig};
//!
//! let mut canceller = EchoCanceller::new(EchoConfig::default());
//! let (mut peak, mut state) = (0, 1u32);
//! let mut before = [0i16; 160];
//! for _ in 0..100 {
//!     // Noise to the telephone, a quarter of it comes back 20 ms later.
//!     let far: [i16; 160] = std::array::from_fn(|_| {
//!         state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
//!         (state >> 18) as i16 - 8192
//!     });
//!     let mut near = before.map(|sample| sample / 4);
//!     canceller.process(&far, &mut near);
//!     before = far;
//!     peak = near.iter().map(|sample| sample.abs()).max().unwrap_or(0);
//! }
//! assert!(peak < 100, "{peak} of 2048");
//! ```

use std::collections::VecDeque;

use crate::rtp::noise::NoiseGenerator;
use crate::{FULL_SCALE_DBM0, SAMPLE_RATE};

/// Coverages that IOS takes, ms.
pub const COVERAGE_MS: [u32; 10] = [8, 16, 24, 32, 48, 64, 80, 96, 112, 128];

/// Decisions are made every 5 ms.
const BLOCK: usize = 40;
/// Step of the learning filter.
const STEP: f32 = 0.6;
/// The same while the near end talks.
const STEP_DOUBLE_TALK: f32 = 0.15;
/// Part of the present block in the smoothed powers: about 20 ms.
const SMOOTH: f32 = 0.25;
/// The learning filter must leave this part of what the other leaves, so many blocks in a row, to take its place.
const BETTER: (f32, u32) = (0.85, 4);
const BETTER_DOUBLE_TALK: (f32, u32) = (0.4, 40);
/// So many blocks its coefficients, as they are then, are tried before they are used: 30 ms.
const TRIAL_BLOCKS: u32 = 6;
/// If it leaves that many times more, it begins anew from the other.
const WORSE: f32 = 2.5;
/// The far end counts as talking above this level, dBm0.
const FAR_ACTIVE_DBM0: f64 = -52.0;
/// What is left is the near end's voice (or another line) when it exceeds this part of the echo that was taken away.
const NEAR: f32 = 0.3;
/// A hybrid may send back so much more than its worst return loss says, dB: what is louder still is the near end.
const ERL_GRACE_DB: f32 = 3.0;
/// The line is known when the filter leaves less than this part of what comes from it.
const KNOWN: f32 = 0.1;
/// So many blocks of making echo instead of taking it away, and the filter is forgotten.
const HARM_BLOCKS: u32 = 12;
/// Blocks for which the near end is still taken to talk: 100 ms.
const HANGOVER: u32 = 20;
/// How fast the suppressor opens and closes, per sample.
const FADE: f32 = 0.02;

/// `echo-cancel` of a voice port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoConfig {
    /// `echo-cancel coverage`: longest echo path that is learnt, ms, 8 to 128 (others are taken as the nearest). IOS 64, here too.
    pub coverage_ms: u32,
    /// `non-linear`: suppress what is left while only the far end talks.
    pub non_linear: bool,
    /// `comfort-noise`: put noise in place of what is suppressed; without it, silence.
    pub comfort_noise: bool,
    /// `echo-cancel erl worst-case`: the least return loss a hybrid may have, dB, 0, 3 or 6. What comes back louder is the near end.
    /// IOS and G.168 count on 6.
    pub erl_worst_db: u8,
}

impl Default for EchoConfig {
    fn default() -> Self {
        Self { coverage_ms: 64, non_linear: true, comfort_noise: true, erl_worst_db: 6 }
    }
}

/// How the canceller is doing, for `show call active voice` (`ACOMLevel`, `ERLLevel`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EchoStats {
    /// Echo return loss of the hybrid, dB; `None` until the far end has talked.
    pub erl_db: Option<f64>,
    /// Echo return loss enhancement: what the filter takes away besides, dB.
    pub erle_db: Option<f64>,
    /// The near end talks while the far end does.
    pub double_talk: bool,
    /// Level of the near end's background noise, dBm0.
    pub noise_dbm0: f64,
}

/// The canceller of one line.
#[derive(Clone, Debug)]
pub struct EchoCanceller {
    config: EchoConfig,
    /// No more than this part of the power sent is echo.
    loudest: f32,
    taps: usize,
    /// Twice the last `taps` samples sent, so that they are always in one piece, newest first.
    sent: Vec<f32>,
    at: usize,
    energy: f32,
    used: Vec<f32>,
    learnt: Vec<f32>,
    /// Coefficients of the learning filter that are to prove themselves; empty when none are.
    trial: Vec<f32>,
    /// What trial and filter in use have left since it began, and blocks that it still lasts.
    trial_left: (f32, f32),
    trial_blocks: u32,
    step: f32,
    block: Powers,
    filled: usize,
    smooth: Powers,
    /// Far-end power of the blocks that may echo now.
    far: VecDeque<f32>,
    better: u32,
    harm: u32,
    /// What the filter leaves of what comes from the line, over half a second.
    left: f32,
    /// That has been little since the filter was last forgotten.
    known: bool,
    near_blocks: u32,
    noise: f32,
    floor: Floor,
    gain: f32,
    target: f32,
    generator: NoiseGenerator,
    stats: EchoStats,
}

/// Mean squares.
#[derive(Clone, Copy, Debug, Default)]
struct Powers {
    far: f32,
    /// From the line.
    line: f32,
    /// After the filter in use, and after the learning one.
    used: f32,
    learnt: f32,
    /// What the filter in use took away.
    echo: f32,
}

impl EchoCanceller {
    /// A canceller that knows nothing of the line yet.
    #[must_use]
    pub fn new(config: EchoConfig) -> Self {
        let taps = (config.coverage_ms.clamp(8, 128) * SAMPLE_RATE / 1000) as usize;
        Self {
            config,
            loudest: 10f32.powf((ERL_GRACE_DB - f32::from(config.erl_worst_db)) / 10.0),
            taps,
            sent: vec![0.0; 2 * taps],
            at: 0,
            energy: 0.0,
            used: vec![0.0; taps],
            learnt: vec![0.0; taps],
            trial: Vec::with_capacity(taps),
            trial_left: (0.0, 0.0),
            trial_blocks: 0,
            step: STEP,
            block: Powers::default(),
            filled: 0,
            smooth: Powers::default(),
            far: VecDeque::new(),
            better: 0,
            harm: 0,
            left: 1.0,
            known: false,
            near_blocks: 0,
            noise: power(-65.0),
            floor: Floor::default(),
            gain: 1.0,
            target: 1.0,
            generator: NoiseGenerator::new(1),
            stats: EchoStats { noise_dbm0: -65.0, ..EchoStats::default() },
        }
    }

    /// Takes the echo of `far` (what is sent to the telephone at this time) out of `near` (what came from it). Of slices of
    /// different length the shorter counts. Any block size will do; nothing is delayed.
    pub fn process(&mut self, far: &[i16], near: &mut [i16]) {
        let mut hiss = [0i16; BLOCK];
        for (far, near) in far.chunks(BLOCK).zip(near.chunks_mut(BLOCK)) {
            if self.gain < 1.0 || self.target < 1.0 {
                let level = if self.config.comfort_noise { self.stats.noise_dbm0 } else { -120.0 };
                self.generator.fill((FULL_SCALE_DBM0 - level).round().clamp(0.0, 127.0) as u8, &mut hiss);
            }
            for ((&far, near), &hiss) in far.iter().zip(near.iter_mut()).zip(&hiss) {
                let left = self.sample(far.into(), (*near).into());
                self.gain += (self.target - self.gain).clamp(-FADE, FADE);
                let out = left * self.gain + f32::from(hiss) * (1.0 - self.gain);
                *near = out.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16;
            }
        }
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> EchoStats {
        self.stats
    }

    /// Forgets the line, as for another call.
    pub fn reset(&mut self) {
        *self = Self::new(self.config);
    }

    /// One sample of each direction; gives what is left of the line's.
    fn sample(&mut self, far: f32, line: f32) -> f32 {
        self.at = if self.at == 0 { self.taps - 1 } else { self.at - 1 };
        let (first, second) = self.sent.split_at_mut(self.taps);
        if let (Some(a), Some(b)) = (first.get_mut(self.at), second.get_mut(self.at)) {
            self.energy += far * far - *a * *a;
            *a = far;
            *b = far;
        }
        let sent = self.sent.get(self.at..self.at + self.taps).unwrap_or_default();
        let left = line - dot(&self.used, sent);
        let learning = line - dot(&self.learnt, sent);
        if self.step > 0.0 {
            let step = self.step * learning / (self.energy.max(0.0) + 4000.0);
            for (tap, sample) in self.learnt.iter_mut().zip(sent) {
                *tap += step * sample;
            }
        }
        if !self.trial.is_empty() {
            let tried = line - dot(&self.trial, sent);
            self.trial_left.0 += tried * tried;
            self.trial_left.1 += left * left;
        }
        self.block.far += far * far;
        self.block.line += line * line;
        self.block.used += left * left;
        self.block.learnt += learning * learning;
        self.block.echo += (line - left) * (line - left);
        self.filled += 1;
        if self.filled == BLOCK {
            self.decide();
        }
        left
    }

    /// Every 5 ms: who talks, which filter is better, is anything left to suppress.
    fn decide(&mut self) {
        let count = BLOCK as f32;
        let now = std::mem::take(&mut self.block);
        self.filled = 0;
        let mix = |old: f32, new: f32| old + SMOOTH * (new / count - old);
        self.smooth = Powers {
            far: mix(self.smooth.far, now.far),
            line: mix(self.smooth.line, now.line),
            used: mix(self.smooth.used, now.used),
            learnt: mix(self.smooth.learnt, now.learnt),
            echo: mix(self.smooth.echo, now.echo),
        };
        self.far.push_back(now.far / count);
        while self.far.len() > self.taps / BLOCK + 4 {
            self.far.pop_front();
        }
        // Rounding would add up.
        self.energy = self.sent.iter().take(self.taps).map(|x| x * x).sum();
        let loudest = self.far.iter().copied().fold(0.0, f32::max);
        let active = loudest > power(FAR_ACTIVE_DBM0);
        let Powers { line, used, echo, .. } = self.smooth;

        // The near end talks when more is left than a filter that knows the line can leave.
        let near = self.known && used > NEAR * echo + 8.0 * self.noise;
        self.near_blocks = if near { HANGOVER } else { self.near_blocks.saturating_sub(1) };
        if !active {
            self.floor.feed(line);
            self.noise = self.floor.level().unwrap_or(self.noise);
        } else if line > 20.0 * self.noise {
            // Learnt quickly, doubted slowly: a voice is no reason to doubt.
            let ratio = (used / line).min(1.0);
            let pace = if ratio > self.left { 0.0002 } else { 0.02 };
            self.left += pace * (ratio - self.left);
            self.known |= self.left < KNOWN;
        }
        // Both ends may say the same tone: what is too loud for an echo is none, however well it can be imitated.
        let active = active && line <= self.loudest * loudest;
        self.step = match (active, self.near_blocks > 0) {
            (false, _) => 0.0,
            (true, true) => STEP_DOUBLE_TALK,
            (true, false) => STEP,
        };
        self.exchange(active);
        self.stats.double_talk = active && self.near_blocks > 0;
        self.stats.noise_dbm0 = dbm0(self.noise);
        if active && self.near_blocks == 0 && loudest > power(-40.0) {
            self.stats.erl_db = Some(f64::from(10.0 * (loudest / line.max(0.1)).log10()));
            self.stats.erle_db = Some(f64::from(10.0 * (line / used.max(0.1)).log10()).max(0.0));
        }
        let suppress = self.config.non_linear && active && self.near_blocks == 0 && self.left < KNOWN;
        self.target = if suppress { 0.0 } else { 1.0 };
    }

    /// Moves coefficients from the filter that does better.
    fn exchange(&mut self, active: bool) {
        let Powers { line, used, learnt, .. } = self.smooth;
        if !active {
            (self.better, self.harm) = (0, 0);
            self.trial.clear();
            return;
        }
        // What is in use makes echo instead of taking it away: the line is another.
        self.harm = if used > 1.5 * line + 4.0 * self.noise { self.harm + 1 } else { 0 };
        if self.harm >= HARM_BLOCKS {
            self.used.fill(0.0);
            (self.harm, self.left, self.known) = (0, 1.0, false);
            self.trial.clear();
        }
        // A voice can look learnt for an instant: while it talks, much more is asked for.
        let (part, blocks) = if self.near_blocks > 0 { BETTER_DOUBLE_TALK } else { BETTER };
        if !self.trial.is_empty() {
            self.trial_blocks = self.trial_blocks.saturating_sub(1);
            if self.trial_blocks == 0 {
                let (tried, before) = self.trial_left;
                if tried < part * before {
                    self.used.copy_from_slice(&self.trial);
                }
                self.trial.clear();
            }
        }
        self.better = if learnt < part * used && learnt < line { self.better + 1 } else { 0 };
        if self.better >= blocks && self.trial.is_empty() {
            self.trial.extend_from_slice(&self.learnt);
            (self.trial_left, self.trial_blocks) = ((0.0, 0.0), TRIAL_BLOCKS);
            self.better = 0;
        } else if learnt > WORSE * used + self.noise {
            self.learnt.copy_from_slice(&self.used);
        }
    }
}

/// Follows the lowest power of about two seconds.
#[derive(Clone, Debug, Default)]
struct Floor {
    now: Option<f32>,
    before: Option<f32>,
    blocks: u32,
}

impl Floor {
    fn feed(&mut self, power: f32) {
        self.now = Some(self.now.map_or(power, |now| now.min(power)));
        self.blocks += 1;
        if self.blocks == 200 {
            self.blocks = 0;
            self.before = self.now.take();
        }
    }

    fn level(&self) -> Option<f32> {
        match (self.now, self.before) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

/// Mean square of a level.
fn power(dbm0: f64) -> f32 {
    (32767.0f64.powi(2) / 2.0 * 10f64.powf((dbm0 - FULL_SCALE_DBM0) / 10.0)) as f32
}

fn dbm0(power: f32) -> f64 {
    let full = 32767.0f64.powi(2) / 2.0;
    (10.0 * (f64::from(power.max(1e-3)) / full).log10() + FULL_SCALE_DBM0).max(-90.0)
}

#[cfg(test)]
mod tests;
