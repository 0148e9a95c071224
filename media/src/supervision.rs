//! Hearing call-progress tones: `supervisory disconnect dualtone|anytone` and `supervisory custom-cptone`.
//!
//! A detector knows one tone of one or two frequencies and its cadence, within the limits of
//! `voice class dualtone-detect-params`.
//!
//! ```
//! use media::locale::{self, ToneKind};
//! use media::supervision::{DetectParams, ToneDetector};
//! use media::tone::ToneGenerator;
//!
//! let busy = locale::find("de").expect("there").tone(ToneKind::Busy);
//! let mut detector = ToneDetector::new(busy, DetectParams::default())?;
//! let mut audio = vec![0; 8000 * 4];
//! ToneGenerator::new(busy).fill(&mut audio);
//! assert!(detector.feed(&audio));
//! # Ok::<(), media::supervision::Unsupported>(())
//! ```

use std::f32::consts::PI;

use crate::tone::{Component, ToneSpec, ToneStep};
use crate::{FULL_SCALE_DBM0, SAMPLE_RATE};

/// 40 ms under a Hann window, every 10 ms.
const WINDOW: usize = 320;
const HOP: usize = 80;
const HOPS: usize = WINDOW / HOP;
/// Farthest from its frequency that a tone is recognised, Hz: beyond, the window sees nothing of it.
const WIDEST_HZ: f32 = 40.0;
/// Part of the power in a window that the frequencies must carry.
const PURITY: f32 = 0.6;
/// Most frequencies a tone may have, and most on/off pairs.
const MAX_HZ: usize = 2;
const MAX_PAIRS: usize = 8;
/// How long a tone without cadence must sound, in hops: 2 s.
const CONTINUOUS: u32 = 200;
/// A hop that has less than this part of the power of its burst is a pause.
const DROP: f32 = 0.2;
/// A burst may begin this much below the one before (Australia's congestion alternates by 10 dB).
const RISE: f32 = 0.02;

/// `voice class dualtone-detect-params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DetectParams {
    /// `freq-max-deviation`, Hz, 10 to 125; more than 40 is taken as 40.
    pub max_deviation_hz: u32,
    /// `freq-max-power`, dB below 0 dBm0, 0 to 20: the loudest a frequency may be.
    pub max_power: u32,
    /// `freq-min-power`, dB below 0 dBm0, 10 to 35: the softest.
    pub min_power: u32,
    /// `freq-power-twist`, dB, 0 to 15.
    pub twist: u32,
    /// `cadence-variation`, in units of 10 ms, 0 to 200.
    pub cadence_variation: u32,
}

impl Default for DetectParams {
    /// 10 Hz, -10 to -30 dBm0, 6 dB, 100 ms, as in IOS.
    fn default() -> Self {
        Self { max_deviation_hz: 10, max_power: 10, min_power: 30, twist: 6, cadence_variation: 10 }
    }
}

/// When a tone of `voice class dualtone` must sound and when not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// `cadence-list`: as one of these, bursts and the pauses after them, ms. At most ten, of one to four pairs.
    Cadences(Vec<Vec<(u32, u32)>>),
    /// Without a list, `cadence-min-on-time` and `cadence-max-off-time`, ms: two bursts at least so long, with pauses at most so long
    /// after them. Without pauses (0) the tone sounds for 2 s.
    Bounds {
        /// Shortest burst.
        min_on: u32,
        /// Longest pause.
        max_off: u32,
    },
}

/// A tone no detector of this kind can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "only tones of one or two frequencies without modulation, the same in every burst, \
     in at most {MAX_PAIRS} bursts can be detected"
)]
pub struct Unsupported;

/// Listens for one tone on one line.
#[derive(Clone, Debug)]
pub struct ToneDetector {
    tables: Vec<Table>,
    square: Box<[f32; WINDOW]>,
    /// On and off in hops, of each cadence it may have.
    cadences: Vec<Vec<(u32, u32)>>,
    /// So many hops without a pause are enough.
    continuous: Option<u32>,
    /// Shortest burst and longest pause of any cadence, in hops.
    bounds: Option<(u32, u32)>,
    variation: u32,
    deviation: f32,
    power: std::ops::RangeInclusive<f32>,
    twist: f32,
    floor: f32,
    buffer: [f32; WINDOW],
    filled: usize,
    /// Phase of each frequency in the window before, if it was heard there.
    before: Option<[(f32, f32); MAX_HZ]>,
    run: Run,
    /// Bursts and the pauses after them, newest last.
    heard: Vec<(u32, u32)>,
    detected: bool,
}

/// A burst and the pause after it, so far, in hops.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    on: u32,
    off: u32,
    peak: f32,
    /// Windows that lay in the burst, and those in which the tone was heard.
    windows: u32,
    good: u32,
}

#[derive(Clone, Debug)]
struct Table {
    hz: f32,
    cos: Box<[f32; WINDOW]>,
    sin: Box<[f32; WINDOW]>,
}

impl ToneDetector {
    /// A detector of the repeating part of `spec` (of the whole, if it is played once).
    ///
    /// # Errors
    /// [`Unsupported`].
    pub fn new(spec: &ToneSpec, params: DetectParams) -> Result<Self, Unsupported> {
        Self::of_steps(if spec.repeat().is_empty() { spec.intro() } else { spec.repeat() }, params)
    }

    /// A detector of the part of `spec` that is played once, before the rest (the bursts of a stutter dial tone); of the whole,
    /// if there is no such part.
    ///
    /// # Errors
    /// [`Unsupported`].
    pub fn of_beginning(spec: &ToneSpec, params: DetectParams) -> Result<Self, Unsupported> {
        let steps = if spec.intro().is_empty() { spec.repeat() } else { spec.intro() };
        // A burst that nothing follows is the rest.
        let bursts = match steps.split_last() {
            Some((last, bursts)) if last.off_ms() == 0 && bursts.iter().any(|step| step.off_ms() > 0) => {
                bursts
            }
            _ => steps,
        };
        Self::of_steps(bursts, params)
    }

    fn of_steps(steps: &[ToneStep], params: DetectParams) -> Result<Self, Unsupported> {
        let first = steps.first().ok_or(Unsupported)?;
        let hz: Vec<f64> = first.components().iter().map(|c| c.hz).collect();
        let same = |s: &ToneStep| {
            s.modulation().is_none() && s.components().iter().map(|c: &Component| c.hz).eq(hz.iter().copied())
        };
        let mut cadence = cadence(steps);
        // Ten times the same are two of them and more.
        let repeats = |period: &usize| cadence.iter().zip(cadence.iter().skip(*period)).all(|(a, b)| a == b);
        if let Some(period) = (1..cadence.len()).find(repeats) {
            cadence.truncate(period);
        }
        if cadence.len() > MAX_PAIRS || !steps.iter().all(same) {
            return Err(Unsupported);
        }
        let mut detector = Self::listening(&hz, params)?;
        match cadence {
            cadence if cadence.is_empty() => detector.continuous = Some(CONTINUOUS),
            cadence => detector.cadences.push(cadence),
        }
        Ok(detector)
    }

    /// A detector of one tone of `voice class dualtone`: its frequencies (one or two, Hz) and when it sounds.
    ///
    /// # Errors
    /// [`Unsupported`].
    pub fn of_class(hz: &[f64], rhythm: &Rhythm, params: DetectParams) -> Result<Self, Unsupported> {
        let mut detector = Self::listening(hz, params)?;
        match rhythm {
            Rhythm::Cadences(list) => {
                let fits = |pairs: &Vec<(u32, u32)>| (1..=MAX_PAIRS).contains(&pairs.len());
                if list.is_empty() || !list.iter().all(fits) {
                    return Err(Unsupported);
                }
                for pairs in list {
                    let pairs: Vec<_> = pairs.iter().map(|(on, off)| (on / 10, off / 10)).collect();
                    if pairs.iter().all(|(_, off)| *off == 0) {
                        detector.continuous = Some(CONTINUOUS);
                    } else {
                        detector.cadences.push(pairs);
                    }
                }
            }
            Rhythm::Bounds { max_off: 0, .. } => detector.continuous = Some(CONTINUOUS),
            Rhythm::Bounds { min_on, max_off } => detector.bounds = Some((min_on / 10, max_off / 10)),
        }
        Ok(detector)
    }

    /// Hears these frequencies, and waits for no rhythm yet.
    fn listening(hz: &[f64], params: DetectParams) -> Result<Self, Unsupported> {
        if !(1..=MAX_HZ).contains(&hz.len()) {
            return Err(Unsupported);
        }
        let power =
            |dbm0: f64| (32767.0f64.powi(2) / 2.0 * 10f64.powf((dbm0 - FULL_SCALE_DBM0) / 10.0)) as f32;
        // One dB of grace for the measurement itself.
        let (loudest, softest) = (1.0 - f64::from(params.max_power), -1.0 - f64::from(params.min_power));
        let hann = |n: usize| 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 0.5) / WINDOW as f64).cos();
        let squares: f64 = (0..WINDOW).map(|n| hann(n).powi(2)).sum();
        Ok(Self {
            tables: hz.iter().map(|&hz| Table::new(hz)).collect(),
            square: Box::new(std::array::from_fn(|n| (hann(n).powi(2) / squares) as f32)),
            cadences: Vec::new(),
            continuous: None,
            bounds: None,
            variation: params.cadence_variation,
            deviation: (params.max_deviation_hz as f32).min(WIDEST_HZ) + 1.0,
            power: power(softest)..=power(loudest),
            twist: 10f32.powf((params.twist as f32 + 0.5) / 10.0),
            floor: power(softest),
            buffer: [0.0; WINDOW],
            filled: 0,
            before: None,
            run: Run::default(),
            heard: Vec::new(),
            detected: false,
        })
    }

    /// Hears samples; true from the moment the tone is sure (two bursts with their pauses, or all of a longer
    /// cadence, or 2 s without any) until [`ToneDetector::reset`].
    pub fn feed(&mut self, samples: &[i16]) -> bool {
        let mut rest = samples;
        while !rest.is_empty() && !self.detected {
            let (now, later) = rest.split_at(rest.len().min(WINDOW - self.filled));
            for (slot, &sample) in self.buffer.iter_mut().skip(self.filled).zip(now) {
                *slot = sample.into();
            }
            self.filled += now.len();
            rest = later;
            if self.filled == WINDOW {
                self.hop();
                self.buffer.copy_within(HOP.., 0);
                self.filled = WINDOW - HOP;
            }
        }
        self.detected
    }

    /// Whether the tone has been heard.
    #[must_use]
    pub fn detected(&self) -> bool {
        self.detected
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.detected = false;
        self.heard.clear();
        self.run = Run::default();
        self.before = None;
    }

    /// One more 10 ms: the newest hop tells on from off, the window tells what sounds.
    fn hop(&mut self) {
        let newest = self.buffer.get(WINDOW - HOP..).unwrap_or_default();
        let power = newest.iter().map(|x| x * x).sum::<f32>() / HOP as f32;
        let part = if self.run.off == 0 { DROP } else { RISE };
        let sounding = power > self.floor && power > self.run.peak * part;
        if sounding && self.run.off > 0 {
            self.burst_over();
        }
        if sounding {
            self.run.on += 1;
            self.run.peak = self.run.peak.max(power);
            if self.run.on as usize > HOPS {
                self.run.windows += 1;
                self.run.good += u32::from(self.tone());
            } else {
                self.before = None;
            }
            if self.continuous.is_some_and(|enough| self.run.on >= enough) && self.run.right() {
                self.detected = true;
            }
        } else if self.run.on > 0 {
            self.run.off += 1;
            let pauses = self.cadences.iter().flatten().map(|(_, off)| *off);
            let longest = pauses.chain(self.bounds.map(|(_, off)| off)).max().unwrap_or(0);
            if self.run.off > longest + self.variation + 2 {
                self.run = Run::default();
                self.heard.clear();
            }
        }
    }

    fn burst_over(&mut self) {
        let run = std::mem::take(&mut self.run);
        if !run.right() {
            self.heard.clear();
            return;
        }
        if self.heard.len() == 2 * MAX_PAIRS {
            self.heard.remove(0);
        }
        self.heard.push((run.on, run.off));
        self.detected |= self.matches();
    }

    /// Whether the last bursts are one of the cadences, begun anywhere in it, or within the bounds.
    fn matches(&self) -> bool {
        let last = |need: usize| self.heard.len().checked_sub(need).and_then(|n| self.heard.get(n..));
        let near = |a: u32, b: u32| a.abs_diff(b) <= self.variation + 1;
        let bounded = self.bounds.is_some_and(|(on, off)| {
            last(2).is_some_and(|last| last.iter().all(|heard| heard.0 + 1 >= on && heard.1 <= off + 1))
        });
        bounded
            || self.cadences.iter().any(|cadence| {
                let period = cadence.len();
                let Some(last) = last(period.max(2)) else { return false };
                (0..period).any(|shift| {
                    let expected = cadence.iter().cycle().skip(shift);
                    last.iter().zip(expected).all(|(h, e)| near(h.0, e.0) && near(h.1, e.1))
                })
            })
    }

    /// Whether this window holds the tone and little else.
    fn tone(&mut self) -> bool {
        let total: f32 = self.buffer.iter().zip(self.square.iter()).map(|(x, w)| x * x * w).sum();
        let mut phases = [(0.0, 0.0); MAX_HZ];
        let mut powers = [0f32; MAX_HZ];
        for ((table, phase), power) in self.tables.iter().zip(&mut phases).zip(&mut powers) {
            *phase = table.bin(&self.buffer);
            *power = phase.0 * phase.0 + phase.1 * phase.1;
        }
        let mut steady = true;
        if let Some(before) = self.before.replace(phases) {
            for (((table, was), is), power) in self.tables.iter().zip(before).zip(phases).zip(&mut powers) {
                let off = table.deviation(was, is).abs();
                steady &= off <= self.deviation;
                *power /= lobe(off.min(WIDEST_HZ));
            }
        }
        let heard = powers.iter().take(self.tables.len());
        let (least, most) = heard.clone().fold((f32::MAX, 0f32), |(l, m), &p| (l.min(p), m.max(p)));
        steady
            && self.power.contains(&least)
            && self.power.contains(&most)
            && most <= least * self.twist
            && heard.sum::<f32>() >= PURITY * total
    }
}

impl Run {
    /// Whether most of the burst was the tone; of one too short for a window nothing is known.
    fn right(&self) -> bool {
        self.windows > 0 && self.good * 3 >= self.windows * 2
    }
}

impl Table {
    fn new(hz: f64) -> Self {
        let hann = |n: usize| 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 0.5) / WINDOW as f64).cos();
        let scale = std::f64::consts::SQRT_2 / (0..WINDOW).map(hann).sum::<f64>();
        let angle = |n: usize| std::f64::consts::TAU * hz * n as f64 / f64::from(SAMPLE_RATE);
        Self {
            hz: hz as f32,
            cos: Box::new(std::array::from_fn(|n| (hann(n) * angle(n).cos() * scale) as f32)),
            sin: Box::new(std::array::from_fn(|n| (-hann(n) * angle(n).sin() * scale) as f32)),
        }
    }

    fn bin(&self, buffer: &[f32; WINDOW]) -> (f32, f32) {
        let dot = |table: &[f32; WINDOW]| {
            let mut lanes = [0f32; 8];
            for (x, w) in buffer.chunks_exact(8).zip(table.chunks_exact(8)) {
                for ((lane, x), w) in lanes.iter_mut().zip(x).zip(w) {
                    *lane += x * w;
                }
            }
            lanes.iter().sum::<f32>()
        };
        (dot(&self.cos), dot(&self.sin))
    }

    /// By how many Hz what turned from `was` to `is` in one hop lies off.
    fn deviation(&self, was: (f32, f32), is: (f32, f32)) -> f32 {
        let angle = (is.1 * was.0 - is.0 * was.1).atan2(is.0 * was.0 + is.1 * was.1);
        let turns = angle / (2.0 * PI) - self.hz * HOP as f32 / SAMPLE_RATE as f32;
        (turns - turns.round()) * SAMPLE_RATE as f32 / HOP as f32
    }
}

/// The part of a tone's power that is seen when it lies `hz` beside the frequency that is looked for: a Hann window's main lobe.
fn lobe(hz: f32) -> f32 {
    let x = hz * WINDOW as f32 / SAMPLE_RATE as f32;
    if x < 0.01 {
        return 1.0;
    }
    let around = 1.0 - x * x;
    let amplitude = if around.abs() < 0.01 { 0.5 } else { (PI * x).sin() / (PI * x) / around };
    amplitude * amplitude
}

/// Bursts that follow each other without a gap are one.
fn cadence(steps: &[ToneStep]) -> Vec<(u32, u32)> {
    let mut out: Vec<(u32, u32)> = Vec::new();
    for step in steps {
        let Some(on) = step.on_ms() else { return Vec::new() };
        match out.last_mut() {
            Some((last_on, 0)) => (*last_on, _) = (*last_on + on / 10, 0),
            _ => out.push((on / 10, 0)),
        }
        if let Some((_, off)) = out.last_mut() {
            *off = step.off_ms() / 10;
        }
    }
    // Without any pause it is continuous.
    if out.iter().all(|(_, off)| *off == 0) { Vec::new() } else { out }
}

#[cfg(test)]
mod tests;
