//! The receiver: a high-pass that takes the dial tone away, then two Hann windows in step, 20 ms long and
//! 10 ms apart. A digit is two frequencies that carry nearly all the power, each of which turns by the right
//! phase from one window to the next; that tells 1.5 % from 3.5 % deviation, which the window alone cannot.

use std::f32::consts::PI;
use std::sync::LazyLock;

use super::{HIGH_HZ, KEYPAD, LOW_HZ};
use crate::{FULL_SCALE_DBM0, SAMPLE_RATE};

const WINDOW: usize = 160;
const HOP: usize = 80;
/// Windows in agreement that make a digit: 40 ms of tone always gives three, 23 ms never.
const CONFIRM: u32 = 3;
/// Windows without the digit that end it: bridges 10 ms, hears a pause of 30 ms.
const RELEASE: u32 = 3;
/// Least part of the power after the high-pass that both tones must carry in each of the first windows.
const PURITY_START: f32 = 0.70;
/// What the middle window of the first three must reach, being filled by the tone.
const PURITY_MIDDLE: f32 = 0.90;
/// By how much, as a ratio, each tone may change between the middle window and its steadier neighbour.
const STEADY: f32 = 1.25;
/// How much power the high-pass may have taken away, for each part it left, when no dial tone is about.
const BELOW: f32 = 0.4;
/// The same for a digit to go on.
const PURITY_HOLD: f32 = 0.40;
/// How much the best of a group must exceed the next, as power.
const PEAK: f32 = 4.0;

/// What to accept. The default fits live lines: ITU-T Q.24 with the widest national twist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DtmfConfig {
    /// Lowest level of each tone in dBm0; default -42, so that -40 is surely heard.
    pub threshold_dbm0: f64,
    /// Most by which the high tone may exceed the low one, dB; default 8.
    pub twist_db: f64,
    /// Most by which the low tone may exceed the high one, dB; default 10.
    pub reverse_twist_db: f64,
}

impl Default for DtmfConfig {
    fn default() -> Self {
        Self { threshold_dbm0: -42.0, twist_db: 8.0, reverse_twist_db: 10.0 }
    }
}

/// What the receiver heard. Sample positions count from the first sample fed and are good to about 10 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtmfEvent {
    /// A digit has sounded for about 40 ms and still does.
    Start {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
        /// Where it began.
        at: u64,
    },
    /// The digit has ended.
    End {
        /// The digit that began.
        digit: char,
        /// Where it ended.
        at: u64,
        /// How long it was, in samples.
        samples: u64,
    },
}

/// A DTMF receiver for one direction of one line. Cheap enough to run on every line all the time.
#[derive(Clone, Debug)]
pub struct DtmfDetector {
    threshold: f32,
    twist: f32,
    reverse_twist: f32,
    filter: HighPass,
    dial_tone: bool,
    /// Power before the high-pass: of the hop being filled, of the two hops of the window.
    hop_power: f32,
    raw: [f32; 2],
    buffer: [f32; WINDOW],
    filled: usize,
    /// Samples before the buffer.
    position: u64,
    last: Option<Candidate>,
    before_last: Option<Candidate>,
    agreeing: u32,
    /// First window of the present agreement.
    began: u64,
    active: Option<Active>,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    row: usize,
    column: usize,
    digit: char,
    began: u64,
    heard: u64,
    missing: u32,
}

/// The strongest row and column of a window.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    row: usize,
    column: usize,
    low: Bin,
    high: Bin,
    total: f32,
    peaks: bool,
    /// Part of the power that is the two tones.
    purity: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    re: f32,
    im: f32,
    /// Mean square of the sine found.
    power: f32,
}

impl Default for DtmfDetector {
    fn default() -> Self {
        Self::new(DtmfConfig::default())
    }
}

impl DtmfDetector {
    /// A receiver that has heard silence so far.
    #[must_use]
    pub fn new(config: DtmfConfig) -> Self {
        let ratio = |db: f64| 10f64.powf(db / 10.0);
        let full = 32767.0f64 * 32767.0 / 2.0;
        Self {
            threshold: (full * ratio(config.threshold_dbm0 - FULL_SCALE_DBM0)) as f32,
            twist: ratio(config.twist_db) as f32,
            reverse_twist: ratio(config.reverse_twist_db) as f32,
            filter: HighPass::default(),
            dial_tone: true,
            hop_power: 0.0,
            raw: [0.0; 2],
            buffer: [0.0; WINDOW],
            filled: 0,
            position: 0,
            last: None,
            before_last: None,
            agreeing: 0,
            began: 0,
            active: None,
        }
    }

    /// Hears `samples` and calls `on` for each digit that begins or ends in them. Any block size will do.
    pub fn feed(&mut self, samples: &[i16], mut on: impl FnMut(DtmfEvent)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let n = rest.len().min(HOP - self.filled % HOP);
            let (now, later) = rest.split_at(n);
            for (slot, &sample) in self.buffer.iter_mut().skip(self.filled).zip(now) {
                let x = f32::from(sample);
                self.hop_power += x * x;
                *slot = self.filter.next(x);
            }
            self.filled += n;
            rest = later;
            if self.filled.is_multiple_of(HOP) {
                self.raw = [self.raw[1], self.hop_power / HOP as f32];
                self.hop_power = 0.0;
            }
            if self.filled == WINDOW {
                self.window(&mut on);
                self.buffer.copy_within(HOP.., 0);
                self.filled = WINDOW - HOP;
                self.position += HOP as u64;
            }
        }
    }

    /// Says whether this side may be sending a dial tone, whose echo is then not held against a digit.
    ///
    /// At first it may. Saying `false` once the dial tone is over makes the receiver much harder for voices
    /// to imitate, which have most of their power below 500 Hz.
    pub fn set_dial_tone(&mut self, present: bool) {
        self.dial_tone = present;
    }

    /// The digit that sounds now.
    #[must_use]
    pub fn digit(&self) -> Option<char> {
        self.active.map(|a| a.digit)
    }

    /// Whether a digit sounds or has just begun to sound: true some 15 to 25 ms into it, and for one window of
    /// what then proves to be something else.
    #[must_use]
    pub fn suspects(&self) -> bool {
        self.active.is_some() || self.agreeing > 0
    }

    /// Forgets a digit in progress without an event, as when the line changes hands.
    pub fn reset(&mut self) {
        self.last = None;
        self.before_last = None;
        self.agreeing = 0;
        self.active = None;
    }

    fn window(&mut self, on: &mut impl FnMut(DtmfEvent)) {
        let mut candidate = self.candidate();
        self.hold(candidate.as_ref(), on);
        let agrees = candidate.as_mut().is_some_and(|c| self.is_digit(c));
        let continues = match (&candidate, &self.last) {
            (Some(now), Some(before)) => now.row == before.row && now.column == before.column,
            _ => false,
        };
        if !agrees {
            self.agreeing = 0;
        } else if continues && self.agreeing > 0 {
            self.agreeing += 1;
        } else {
            self.agreeing = 1;
            self.began = self.position;
        }
        if let (true, Some(c), Some(middle), Some(first)) =
            (self.agreeing >= CONFIRM, candidate, self.last, self.before_last)
            && middle.purity > PURITY_MIDDLE
            && (steady(&middle, &first) || steady(&middle, &c))
        {
            self.begin(&c, on);
        }
        self.before_last = self.last;
        self.last = candidate;
    }

    fn begin(&mut self, c: &Candidate, on: &mut impl FnMut(DtmfEvent)) {
        if self.active.is_some_and(|a| a.row == c.row && a.column == c.column) {
            return;
        }
        if let Some(a) = self.active.take() {
            on(DtmfEvent::End { digit: a.digit, at: a.heard, samples: a.heard - a.began });
        }
        let Some(&digit) = KEYPAD.get(c.row).and_then(|row| row.get(c.column)) else { return };
        let heard = self.position + WINDOW as u64;
        self.active =
            Some(Active { row: c.row, column: c.column, digit, began: self.began, heard, missing: 0 });
        on(DtmfEvent::Start { digit, at: self.began });
    }

    fn hold(&mut self, candidate: Option<&Candidate>, on: &mut impl FnMut(DtmfEvent)) {
        let Some(active) = &mut self.active else { return };
        let still = candidate.is_some_and(|c| {
            c.row == active.row
                && c.column == active.column
                && c.low.power.min(c.high.power) * 2.0 > self.threshold
                && c.low.power + c.high.power > PURITY_HOLD * c.total
        });
        if still {
            active.missing = 0;
            active.heard = self.position + WINDOW as u64;
            return;
        }
        active.missing += 1;
        if active.missing >= RELEASE {
            let a = *active;
            self.active = None;
            on(DtmfEvent::End { digit: a.digit, at: a.heard, samples: a.heard - a.began });
        }
    }

    /// The strongest pair of this window, or nothing if it is too quiet to hold any.
    fn candidate(&self) -> Option<Candidate> {
        let tables = &*TABLES;
        let total = tables.power(&self.buffer);
        if total < self.threshold {
            return None;
        }
        let (row, low, low_peak) = strongest(&tables.low, &self.buffer);
        let (column, high, high_peak) = strongest(&tables.high, &self.buffer);
        Some(Candidate { row, column, low, high, total, peaks: low_peak && high_peak, purity: 0.0 })
    }

    fn is_digit(&self, c: &mut Candidate) -> bool {
        let (low, high) = (c.low.power, c.high.power);
        if !c.peaks || low.min(high) < self.threshold {
            return false;
        }
        let whole = (self.raw[0] + self.raw[1]) / 2.0;
        if !self.dial_tone && whole - (low + high) > BELOW * (low + high) + self.threshold {
            return false;
        }
        if high > low * self.twist || low > high * self.reverse_twist {
            return false;
        }
        let (Some(&low_hz), Some(&high_hz)) = (LOW_HZ.get(c.row), HIGH_HZ.get(c.column)) else {
            return false;
        };
        let before = self.last.filter(|b| self.agreeing > 0 && b.row == c.row && b.column == c.column);
        let Some(before) = before else {
            // Without a window to compare, allow for the loss of the widest accepted deviation.
            c.purity = (low / gain(low_hz as f32 * 0.015) + high / gain(high_hz as f32 * 0.015)) / c.total;
            return c.purity > PURITY_START;
        };
        let low_off = deviation(&before.low, &c.low, low_hz as f32);
        let high_off = deviation(&before.high, &c.high, high_hz as f32);
        c.purity = (low / gain(low_off) + high / gain(high_off)) / c.total;
        low_off.abs() <= tolerance(low_hz as f32)
            && high_off.abs() <= tolerance(high_hz as f32)
            && c.purity > PURITY_START
    }
}

/// Whether both tones kept their level from one window to the other, as keys do and voices don't.
fn steady(a: &Candidate, b: &Candidate) -> bool {
    let near = |x: f32, y: f32| x < y * STEADY && y < x * STEADY;
    near(a.low.power, b.low.power) && near(a.high.power, b.high.power)
}

/// Between what Q.24 accepts (1.5 % + 2 Hz) and rejects (3.5 %).
fn tolerance(hz: f32) -> f32 {
    0.02 * hz + 3.0
}

/// By how many Hz a tone lies off its nominal frequency, from its phase in two windows.
fn deviation(before: &Bin, now: &Bin, nominal: f32) -> f32 {
    let re = now.re * before.re + now.im * before.im;
    let im = now.im * before.re - now.re * before.im;
    let turns = im.atan2(re) / (2.0 * PI) - nominal * HOP as f32 / SAMPLE_RATE as f32;
    (turns - turns.round()) * SAMPLE_RATE as f32 / HOP as f32
}

/// Power a Hann window keeps of a tone `off` Hz from the bin.
fn gain(off: f32) -> f32 {
    let x = off * WINDOW as f32 / SAMPLE_RATE as f32;
    if x.abs() < 1e-3 {
        return 1.0;
    }
    let g = (PI * x).sin() / (PI * x) / (1.0 - x * x);
    (g * g).max(0.05)
}

fn strongest(bins: &[Table; 4], buffer: &[f32; WINDOW]) -> (usize, Bin, bool) {
    let mut best = (0, Bin::default());
    let mut second = 0f32;
    for (i, table) in bins.iter().enumerate() {
        let bin = table.bin(buffer);
        if bin.power > best.1.power {
            second = best.1.power;
            best = (i, bin);
        } else {
            second = second.max(bin.power);
        }
    }
    (best.0, best.1, best.1.power > PEAK * second)
}

struct Tables {
    low: [Table; 4],
    high: [Table; 4],
    square: [f32; WINDOW],
}

struct Table {
    cos: [f32; WINDOW],
    sin: [f32; WINDOW],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let hann = |n: usize| 0.5 - 0.5 * (std::f64::consts::TAU * (n as f64 + 0.5) / WINDOW as f64).cos();
    let sum: f64 = (0..WINDOW).map(hann).sum();
    let squares: f64 = (0..WINDOW).map(|n| hann(n).powi(2)).sum();
    let table = |hz: f64| {
        let angle = |n: usize| std::f64::consts::TAU * hz * n as f64 / f64::from(SAMPLE_RATE);
        let scale = std::f64::consts::SQRT_2 / sum;
        Table {
            cos: std::array::from_fn(|n| (hann(n) * angle(n).cos() * scale) as f32),
            sin: std::array::from_fn(|n| (-hann(n) * angle(n).sin() * scale) as f32),
        }
    };
    Tables {
        low: LOW_HZ.map(table),
        high: HIGH_HZ.map(table),
        square: std::array::from_fn(|n| (hann(n).powi(2) / squares) as f32),
    }
});

impl Tables {
    /// Mean square of the window.
    fn power(&self, buffer: &[f32; WINDOW]) -> f32 {
        let mut lanes = [0f32; 8];
        for (x, w) in buffer.chunks_exact(8).zip(self.square.chunks_exact(8)) {
            for ((lane, x), w) in lanes.iter_mut().zip(x).zip(w) {
                *lane += x * x * w;
            }
        }
        lanes.iter().sum()
    }
}

impl Table {
    fn bin(&self, buffer: &[f32; WINDOW]) -> Bin {
        let mut re = [0f32; 8];
        let mut im = [0f32; 8];
        let tables = self.cos.chunks_exact(8).zip(self.sin.chunks_exact(8));
        for (x, (c, s)) in buffer.chunks_exact(8).zip(tables) {
            for ((lane, x), c) in re.iter_mut().zip(x).zip(c) {
                *lane += x * c;
            }
            for ((lane, x), s) in im.iter_mut().zip(x).zip(s) {
                *lane += x * s;
            }
        }
        let (re, im) = (re.iter().sum::<f32>(), im.iter().sum::<f32>());
        Bin { re, im, power: re * re + im * im }
    }
}

/// Elliptic high-pass of fifth order: 0.5 dB ripple above 650 Hz, 40 dB or more below 500 Hz, where every
/// dial tone of the world lies.
#[derive(Clone, Debug, Default)]
struct HighPass {
    state: [[f32; 2]; 3],
}

/// b0 b1 b2 a1 a2 of each section, made with SciPy's `ellip(5, 0.5, 40, 650, "highpass", fs=8000)`.
const SECTIONS: [[f32; 5]; 3] = [
    [0.465_244_8, -0.465_244_8, 0.0, -0.286_010_3, 0.0],
    [1.0, -1.924_39, 1.0, -1.341_925_7, 0.661_914_1],
    [1.0, -1.847_923_8, 1.0, -1.698_340_8, 0.939_041_3],
];

impl HighPass {
    fn next(&mut self, sample: f32) -> f32 {
        let mut x = sample;
        for ([s1, s2], [b0, b1, b2, a1, a2]) in self.state.iter_mut().zip(SECTIONS) {
            let y = b0 * x + *s1;
            *s1 = b1 * x - a1 * y + *s2;
            *s2 = b2 * x - a2 * y;
            x = y;
        }
        // Keep decaying state out of the subnormal range, where arithmetic is slow.
        if x.abs() < 1e-15 { 0.0 } else { x }
    }
}
