//! Tones: what they are ([`ToneSpec`]) and how they become samples ([`ToneGenerator`]).
//!
//! ```
//! use media::tone::{Component, ToneGenerator, ToneSpec, ToneStep};
//!
//! // A busy tone of one's own: 620 Hz at -13 dBm0, 400 ms on, 300 ms off, for ever.
//! let step = ToneStep::burst(vec![Component { hz: 620.0, dbm0: -13.0 }], 400, 300)?;
//! let spec = ToneSpec::new(vec![], vec![step])?;
//! let mut generator = ToneGenerator::new(&spec);
//! let mut second = vec![0; 8000];
//! generator.fill(&mut second);
//! assert!(second[3200..5600].iter().all(|&s| s == 0));
//! # Ok::<(), media::tone::ToneError>(())
//! ```

use std::borrow::Cow;
use std::f64::consts::TAU;
use std::fmt;

use crate::{SAMPLE_RATE, amplitude};

/// Most components a step may mix.
pub const MAX_COMPONENTS: usize = 4;
/// Most steps in each part of a tone.
pub const MAX_STEPS: usize = 64;
/// Longest burst or pause of a step, ms (ten minutes).
pub const MAX_STEP_MS: u32 = 600_000;

/// One sine of a mix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    /// Frequency in Hz, above 0 and below 4000.
    pub hz: f64,
    /// Level in dBm0 while the tone sounds; with AM the level of carrier and sidebands together.
    pub dbm0: f64,
}

/// Amplitude modulation of a carrier: envelope `1 + depth * cos`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modulation {
    /// Modulating frequency in Hz.
    pub hz: f64,
    /// Depth, 0 to 1.
    pub depth: f64,
}

/// A burst of a mix and the silence after it, or a steady tone.
#[derive(Clone, Debug, PartialEq)]
pub struct ToneStep {
    pub(crate) components: Cow<'static, [Component]>,
    pub(crate) modulation: Option<Modulation>,
    pub(crate) on_ms: Option<u32>,
    pub(crate) off_ms: u32,
}

impl ToneStep {
    /// A burst of `on_ms` followed by silence of `off_ms`; no component makes a pause of `on_ms + off_ms`.
    ///
    /// # Errors
    /// [`ToneError`] if a frequency, level, length or count is out of range, or the mix would clip.
    pub fn burst(components: Vec<Component>, on_ms: u32, off_ms: u32) -> Result<Self, ToneError> {
        Self { components: components.into(), modulation: None, on_ms: Some(on_ms), off_ms }.checked()
    }

    /// A tone without end, which can only be the last step of a tone.
    ///
    /// # Errors
    /// As [`ToneStep::burst`].
    pub fn steady(components: Vec<Component>) -> Result<Self, ToneError> {
        Self { components: components.into(), modulation: None, on_ms: None, off_ms: 0 }.checked()
    }

    /// The same step with its single carrier modulated.
    ///
    /// # Errors
    /// [`ToneError::Modulation`] unless there is exactly one component, the depth is 0 to 1 and both
    /// sidebands lie in the band; [`ToneError::TooLoud`].
    pub fn modulated(mut self, modulation: Modulation) -> Result<Self, ToneError> {
        self.modulation = Some(modulation);
        self.checked()
    }

    /// The mix, in the order of the data.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Amplitude modulation, if any.
    #[must_use]
    pub fn modulation(&self) -> Option<Modulation> {
        self.modulation
    }

    /// Length of the burst in ms; `None` is steady.
    #[must_use]
    pub fn on_ms(&self) -> Option<u32> {
        self.on_ms
    }

    /// Silence after the burst in ms.
    #[must_use]
    pub fn off_ms(&self) -> u32 {
        self.off_ms
    }

    /// Level of the whole mix in dBm0 while it sounds.
    #[must_use]
    pub fn level_dbm0(&self) -> f64 {
        10.0 * self.components.iter().map(|c| 10f64.powf(c.dbm0 / 10.0)).sum::<f64>().log10()
    }

    fn checked(self) -> Result<Self, ToneError> {
        if self.components.len() > MAX_COMPONENTS {
            return Err(ToneError::Components { found: self.components.len() });
        }
        for c in self.components.iter() {
            if !(c.hz > 0.0 && c.hz < 4000.0) {
                return Err(ToneError::Frequency { hz: c.hz });
            }
            if !c.dbm0.is_finite() {
                return Err(ToneError::TooLoud { percent: f64::INFINITY });
            }
        }
        if let Some(m) = self.modulation {
            let carrier = match *self.components {
                [c] => c.hz,
                _ => return Err(ToneError::Modulation { hz: m.hz, depth: m.depth }),
            };
            let in_band = m.hz > 0.0 && carrier - m.hz > 0.0 && carrier + m.hz < 4000.0;
            if !in_band || !(0.0..=1.0).contains(&m.depth) {
                return Err(ToneError::Modulation { hz: m.hz, depth: m.depth });
            }
        }
        let longest = self.on_ms.unwrap_or(1).max(self.off_ms);
        if longest > MAX_STEP_MS || self.on_ms.unwrap_or(1).saturating_add(self.off_ms) == 0 {
            return Err(ToneError::Length { ms: longest });
        }
        let peak = self.peak();
        if peak > 1.0 {
            return Err(ToneError::TooLoud { percent: peak * 100.0 });
        }
        Ok(self)
    }

    /// Highest possible sample, as a part of full scale.
    fn peak(&self) -> f64 {
        self.sines().map(|(_, a)| a).sum::<f64>() / 32767.0
    }

    /// The sines the step is made of, with their peak amplitudes: AM is its carrier and two sidebands.
    fn sines(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.components.iter().flat_map(|c| {
            let a = amplitude(c.dbm0);
            let [carrier, low, high] = match self.modulation {
                None => [(c.hz, a), (0.0, 0.0), (0.0, 0.0)],
                Some(m) => {
                    let a = a / (1.0 + m.depth * m.depth / 2.0).sqrt();
                    let side = a * m.depth / 2.0;
                    [(c.hz, a), (c.hz - m.hz, side), (c.hz + m.hz, side)]
                }
            };
            [carrier, low, high].into_iter().filter(|&(_, a)| a > 0.0)
        })
    }
}

/// A whole tone: `intro` once, then `repeat` for ever. Without `repeat`, silence follows the intro.
///
/// A tone of a locale comes from [`crate::locale::Locale::tone`]; one of `voice class custom-cptone` or
/// `voice class dualtone` from [`ToneSpec::dual`] or [`ToneSpec::new`].
#[derive(Clone, Debug, PartialEq)]
pub struct ToneSpec {
    pub(crate) intro: Cow<'static, [ToneStep]>,
    pub(crate) repeat: Cow<'static, [ToneStep]>,
}

impl ToneSpec {
    /// A tone of one's own.
    ///
    /// # Errors
    /// [`ToneError::Steps`] with more than [`MAX_STEPS`] steps in a part, [`ToneError::Steady`] if a steady
    /// step is not the very last.
    pub fn new(intro: Vec<ToneStep>, repeat: Vec<ToneStep>) -> Result<Self, ToneError> {
        let found = intro.len().max(repeat.len());
        if found > MAX_STEPS {
            return Err(ToneError::Steps { found });
        }
        let mut all = intro.iter().chain(&repeat).rev();
        let _last = all.next();
        if all.any(|s| s.on_ms.is_none()) {
            return Err(ToneError::Steady);
        }
        Ok(Self { intro: intro.into(), repeat: repeat.into() })
    }

    /// One or two frequencies at `dbm0` each, with on/off pairs in ms; no pair makes it steady.
    ///
    /// This is the form of `dualtone` in IOS (`frequency 480 620`, `cadence 500 500`).
    ///
    /// # Errors
    /// [`ToneError`].
    pub fn dual(hz: &[f64], dbm0: f64, cadence: &[(u32, u32)]) -> Result<Self, ToneError> {
        let mix: Vec<_> = hz.iter().map(|&hz| Component { hz, dbm0 }).collect();
        let repeat = if cadence.is_empty() {
            vec![ToneStep::steady(mix)?]
        } else {
            cadence
                .iter()
                .map(|&(on, off)| ToneStep::burst(mix.clone(), on, off))
                .collect::<Result<Vec<_>, _>>()?
        };
        Self::new(Vec::new(), repeat)
    }

    /// Silence: a generator of it is finished from the start.
    #[must_use]
    pub const fn silence() -> Self {
        Self { intro: Cow::Borrowed(&[]), repeat: Cow::Borrowed(&[]) }
    }

    /// Steps played once.
    #[must_use]
    pub fn intro(&self) -> &[ToneStep] {
        &self.intro
    }

    /// Steps repeated for ever.
    #[must_use]
    pub fn repeat(&self) -> &[ToneStep] {
        &self.repeat
    }

    /// Length in ms if the tone ends by itself.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        if !self.repeat.is_empty() {
            return None;
        }
        self.intro.iter().map(|s| Some(u64::from(s.on_ms?) + u64::from(s.off_ms))).sum()
    }
}

impl fmt::Display for ToneSpec {
    /// The short form of the data: `10x(350+440 100/100) | 350+440`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.intro.is_empty(), self.repeat.is_empty()) {
            (true, true) => f.write_str("silence"),
            (false, true) => {
                f.write_str("once: ")?;
                write_steps(f, &self.intro)
            }
            (true, false) => write_steps(f, &self.repeat),
            (false, false) => {
                write_steps(f, &self.intro)?;
                f.write_str(" | ")?;
                write_steps(f, &self.repeat)
            }
        }
    }
}

/// Why a tone cannot be played.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ToneError {
    /// Too many sines in a mix.
    #[error("{found} frequencies in a step, limit {MAX_COMPONENTS}")]
    Components {
        /// How many came.
        found: usize,
    },
    /// A frequency out of the band.
    #[error("frequency {hz} Hz, expected above 0 and below 4000")]
    Frequency {
        /// What came.
        hz: f64,
    },
    /// Modulation that makes no signal in the band.
    #[error(
        "modulation by {hz} Hz, depth {depth}: expected one carrier, sidebands in the band, depth 0 to 1"
    )]
    Modulation {
        /// Modulating frequency.
        hz: f64,
        /// Depth.
        depth: f64,
    },
    /// A burst or pause too long, or a step of no length.
    #[error("step of {ms} ms, expected 1 to {MAX_STEP_MS}")]
    Length {
        /// What came.
        ms: u32,
    },
    /// Too many steps.
    #[error("{found} steps, limit {MAX_STEPS}")]
    Steps {
        /// How many came.
        found: usize,
    },
    /// A steady step that is not the last.
    #[error("a steady step must be the last of its tone")]
    Steady,
    /// The mix would not fit in 16 bits.
    #[error("the mix needs {percent:.0} % of full scale")]
    TooLoud {
        /// Highest sample in percent of full scale.
        percent: f64,
    },
}

/// Makes the samples of a tone.
///
/// Bursts and pauses are counted in samples, so a cadence does not drift; a burst begins on a zero crossing,
/// a frequency that follows another without a gap goes on in phase. Nothing is allocated while it runs.
#[derive(Clone, Debug)]
pub struct ToneGenerator {
    spec: ToneSpec,
    gain: f64,
    /// Part and index of the step after the present one.
    repeating: bool,
    next: usize,
    /// Samples of the present burst and of the silence after it still to come.
    burst: Option<u64>,
    pause: u64,
    bank: OscillatorBank,
    gap: bool,
    finished: bool,
}

impl ToneGenerator {
    /// A generator at the beginning of `spec`.
    #[must_use]
    pub fn new(spec: &ToneSpec) -> Self {
        Self::with_gain(spec, 0.0)
    }

    /// A generator whose levels are changed by `db` (negative attenuates, as `output attenuation` does).
    /// Gain that would overflow saturates.
    #[must_use]
    pub fn with_gain(spec: &ToneSpec, db: f64) -> Self {
        let mut generator = Self {
            spec: spec.clone(),
            gain: 10f64.powf(db / 20.0),
            repeating: false,
            next: 0,
            burst: Some(0),
            pause: 0,
            bank: OscillatorBank::default(),
            gap: true,
            finished: false,
        };
        generator.advance();
        generator
    }

    /// A generator of silence, finished from the start.
    #[must_use]
    pub fn silence() -> Self {
        Self::new(&ToneSpec::silence())
    }

    /// Writes the next `out.len()` samples; silence once finished.
    pub fn fill(&mut self, out: &mut [i16]) {
        let mut rest = out;
        while !rest.is_empty() {
            if self.finished {
                rest.fill(0);
                return;
            }
            let sounding = self.burst != Some(0);
            let left = if sounding { self.burst.unwrap_or(u64::MAX) } else { self.pause };
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(n);
            if sounding {
                self.bank.fill(now);
                self.burst = self.burst.map(|b| b - n as u64);
            } else {
                now.fill(0);
                self.pause -= n as u64;
            }
            rest = later;
            if self.burst == Some(0) && self.pause == 0 {
                self.advance();
            }
        }
    }

    /// Whether a tone that is played once has been played.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.finished
    }

    fn advance(&mut self) {
        let Self { spec, repeating, next, .. } = self;
        let mut step = if *repeating { spec.repeat.get(*next) } else { spec.intro.get(*next) };
        if step.is_none() {
            *repeating = true;
            *next = 0;
            step = spec.repeat.first();
        }
        let Some(step) = step else {
            self.finished = true;
            return;
        };
        *next += 1;
        self.burst = step.on_ms.map(samples);
        self.pause = samples(step.off_ms);
        let gain = self.gain;
        self.bank.set(step.sines().map(|(hz, a)| (hz, a * gain)), !self.gap);
        self.gap = self.pause > 0;
    }
}

fn samples(ms: u32) -> u64 {
    u64::from(ms) * u64::from(SAMPLE_RATE) / 1000
}

/// A handful of sines summed. Phases are 32 bit turns, so the frequency is exact to 2 µHz for ever; inside a
/// block each sine is a two-term recurrence started afresh from its phase.
#[derive(Clone, Debug, Default)]
struct OscillatorBank {
    sines: [Sine; MAX_COMPONENTS],
    count: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sine {
    phase: u32,
    step: u32,
    amplitude: f64,
}

const BLOCK: usize = 160;
const TURN: f64 = 4_294_967_296.0;

impl OscillatorBank {
    fn set(&mut self, sines: impl Iterator<Item = (f64, f64)>, keep_phase: bool) {
        self.count = 0;
        for (slot, (hz, amplitude)) in self.sines.iter_mut().zip(sines) {
            slot.step = (hz / f64::from(SAMPLE_RATE) * TURN).round() as u32;
            slot.amplitude = amplitude;
            if !keep_phase {
                slot.phase = 0;
            }
            self.count += 1;
        }
        for slot in self.sines.iter_mut().skip(self.count) {
            slot.phase = 0;
        }
    }

    fn fill(&mut self, out: &mut [i16]) {
        for block in out.chunks_mut(BLOCK) {
            let mut sum = [0f64; BLOCK];
            for sine in self.sines.iter_mut().take(self.count) {
                sine.add(&mut sum, block.len());
            }
            for (sample, value) in block.iter_mut().zip(&sum) {
                // `as` saturates.
                *sample = value.round_ties_even() as i16;
            }
        }
    }
}

/// Samples computed side by side.
const LANES: usize = 8;

impl Sine {
    /// `y[n] = 2 cos(Lw) y[n - L] - y[n - 2L]` with L lanes, so that no sample waits for its neighbour.
    fn add(&mut self, sum: &mut [f64; BLOCK], len: usize) {
        let angle = |phase: u32| f64::from(phase) / TURN * TAU;
        let one = 2.0 * angle(self.step).cos();
        let mut later = self.amplitude * angle(self.phase).sin();
        let mut latest = self.amplitude * angle(self.phase.wrapping_add(self.step)).sin();
        let mut first = [0f64; 2 * LANES];
        for slot in &mut first {
            *slot = later;
            (later, latest) = (latest, one * latest - later);
        }
        let mut before: [f64; LANES] = std::array::from_fn(|n| first[n]);
        let mut now: [f64; LANES] = std::array::from_fn(|n| first[n + LANES]);
        let many = 2.0 * angle(self.step.wrapping_mul(LANES as u32)).cos();
        for slots in sum.chunks_exact_mut(LANES).take(len.div_ceil(LANES)) {
            for ((slot, before), now) in slots.iter_mut().zip(&mut before).zip(&mut now) {
                *slot += *before;
                (*before, *now) = (*now, many * *now - *before);
            }
        }
        self.phase = self.phase.wrapping_add(self.step.wrapping_mul(len as u32));
    }
}

fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[ToneStep]) -> fmt::Result {
    let mut separator = "";
    for run in steps.chunk_by(|a, b| a == b) {
        let Some(step) = run.first() else { continue };
        f.write_str(separator)?;
        separator = " ";
        match run.len() {
            1 => write!(f, "{step}")?,
            n => write!(f, "{n}x({step})")?,
        }
    }
    Ok(())
}

impl fmt::Display for ToneStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.components.is_empty() {
            f.write_str("0")?;
        }
        for (i, c) in self.components.iter().enumerate() {
            write!(f, "{}{}", if i > 0 { "+" } else { "" }, c.hz)?;
        }
        if let Some(m) = self.modulation {
            write!(f, "*{}", m.hz)?;
        }
        match self.on_ms {
            Some(on) => write!(f, " {on}/{}", self.off_ms),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
