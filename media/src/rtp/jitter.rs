//! The jitter buffer: packets in as the network brings them, samples out at the pace of the line.
//!
//! It works in samples, not packets, so any packet time will do, even a changing one. Gaps are concealed by
//! repeating the last pitch period, fading out in 60 ms.
//!
//! ```
//! use media::rtp::jitter::{JitterBuffer, PlayoutConfig};
//!
//! let mut buffer = JitterBuffer::new(PlayoutConfig::default());
//! let mut out = [0i16; 160];
//! for n in 0..10u32 {
//!     buffer.insert(n * 160, &[100; 160]);
//!     buffer.take(&mut out);
//! }
//! // 60 ms of delay have passed; now it plays.
//! assert_eq!(out, [100; 160]);
//! ```

use crate::SAMPLE_RATE;

/// Samples the buffer can hold: two seconds.
pub const CAPACITY: usize = 16_384;

/// How the delay is chosen (`playout-delay mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlayoutMode {
    /// Grows when packets come late, shrinks in pauses when they all come early.
    Adaptive,
    /// Always the nominal delay; what comes later is lost.
    Fixed,
}

/// `playout-delay` of a voice port or dial peer, ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlayoutConfig {
    /// `playout-delay mode`.
    pub mode: PlayoutMode,
    /// `playout-delay nominal`: the delay a call begins with.
    pub nominal_ms: u32,
    /// `playout-delay minimum`: below this an adaptive delay does not go.
    pub minimum_ms: u32,
    /// `playout-delay maximum`: above this it does not go.
    pub maximum_ms: u32,
}

impl Default for PlayoutConfig {
    /// Adaptive, 60 ms, from 40 to 200.
    fn default() -> Self {
        Self { mode: PlayoutMode::Adaptive, nominal_ms: 60, minimum_ms: 40, maximum_ms: 200 }
    }
}

/// What has happened, for `show call active voice`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutStats {
    /// Packets taken in.
    pub packets: u64,
    /// Packets that came too late to be played.
    pub late: u64,
    /// Samples concealed.
    pub concealed: u64,
    /// Samples left out to make the delay shorter.
    pub skipped: u64,
    /// How often the sender's clock jumped and playing began anew.
    pub restarts: u64,
}

/// Plays one received stream of 8 kHz audio.
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    config: PlayoutConfig,
    /// Empty until the first packet comes: a stream that hears nothing costs nothing.
    ring: Box<[Option<i16>]>,
    /// Timestamp of the sample played next.
    play: Option<u32>,
    /// Timestamp after the newest sample held.
    end: u32,
    /// Least time, in samples, by which a packet was early since `observed` began.
    margin: u32,
    observed: u32,
    /// Samples still to be left out.
    surplus: u32,
    conceal: Concealment,
    stats: PlayoutStats,
}

/// How long the arrival of packets is watched before the delay is made shorter: 4 s.
const WATCH: u32 = 4 * SAMPLE_RATE;
/// Delay above the minimum that is not worth a change: 20 ms.
const SLACK: u32 = 160;
/// Samples quieter than this may be left out without being missed (about -50 dBm0).
const QUIET: i16 = 70;

impl JitterBuffer {
    /// An empty buffer. Delays beyond 1 s are cut to it, and put in order minimum, nominal, maximum.
    #[must_use]
    pub fn new(config: PlayoutConfig) -> Self {
        let maximum_ms = config.maximum_ms.min(1000);
        let nominal_ms = config.nominal_ms.min(maximum_ms);
        let minimum_ms = config.minimum_ms.min(nominal_ms);
        Self {
            config: PlayoutConfig { mode: config.mode, nominal_ms, minimum_ms, maximum_ms },
            ring: Box::default(),
            play: None,
            end: 0,
            margin: u32::MAX,
            observed: 0,
            surplus: 0,
            conceal: Concealment::default(),
            stats: PlayoutStats::default(),
        }
    }

    /// Takes the samples of a packet whose first has RTP timestamp `timestamp`. Of more than a second the rest
    /// is ignored.
    pub fn insert(&mut self, timestamp: u32, samples: &[i16]) {
        let samples = samples.get(..SAMPLE_RATE as usize).unwrap_or(samples);
        let len = samples.len() as u32;
        if len == 0 {
            return;
        }
        self.stats.packets += 1;
        let mut play = match self.play {
            Some(play) => play,
            None => self.restart(timestamp),
        };
        let mut ahead = i64::from(timestamp.wrapping_sub(play).cast_signed());
        let maximum = i64::from(ms(self.config.maximum_ms));
        if ahead + i64::from(len) > CAPACITY as i64
            || ahead < -maximum.max(i64::from(ms(200))) - i64::from(len)
        {
            self.stats.restarts += 1;
            play = self.restart(timestamp);
            ahead = i64::from(timestamp.wrapping_sub(play).cast_signed());
        }
        if ahead < 0 && self.config.mode == PlayoutMode::Adaptive {
            // Late: play from here on later by as much, if the delay allows it.
            let held = i64::from(self.end.wrapping_sub(play).cast_signed()).max(0);
            let shift = (-ahead).min((maximum - held).max(0)) as u32;
            play = play.wrapping_sub(shift);
            ahead += i64::from(shift);
            self.surplus = 0;
            self.watch_anew();
        }
        if ahead <= -i64::from(len) {
            self.stats.late += 1;
            self.play = Some(play);
            return;
        }
        self.margin = self.margin.min(ahead.max(0) as u32);
        for (n, &sample) in samples.iter().enumerate() {
            let at = ahead + n as i64;
            if at >= 0
                && let Some(slot) = self.ring.get_mut(slot(timestamp.wrapping_add(n as u32)))
            {
                *slot = Some(sample);
            }
        }
        let end = timestamp.wrapping_add(len);
        if end.wrapping_sub(self.end).cast_signed() > 0 {
            self.end = end;
        }
        self.play = Some(play);
    }

    /// Writes the next samples of the line.
    pub fn take(&mut self, out: &mut [i16]) {
        let Some(mut play) = self.play else {
            out.fill(0);
            return;
        };
        self.shorten(out.len() as u32);
        for sample in out {
            let mut held = self.ring.get_mut(slot(play)).and_then(Option::take);
            while self.surplus > 0 && held.is_none_or(|s| s.saturating_abs() < QUIET) {
                self.surplus -= 1;
                self.stats.skipped += 1;
                play = play.wrapping_add(1);
                held = self.ring.get_mut(slot(play)).and_then(Option::take);
            }
            if held.is_none() {
                self.stats.concealed += 1;
            }
            *sample = self.conceal.next(held);
            play = play.wrapping_add(1);
        }
        self.play = Some(play);
    }

    /// Moves on by `samples` that nobody hears and that are not missed: a pause filled with comfort noise.
    pub fn skip(&mut self, samples: usize) {
        if let Some(play) = &mut self.play {
            for _ in 0..samples {
                if let Some(slot) = self.ring.get_mut(slot(*play)) {
                    *slot = None;
                }
                *play = play.wrapping_add(1);
            }
        }
    }

    /// Forgets the stream, as when its source changes: the next packet begins anew. The counts go on.
    pub fn reset(&mut self) {
        self.play = None;
    }

    /// Samples held and not yet played, as ms: the present delay.
    #[must_use]
    pub fn delay_ms(&self) -> u32 {
        let held = self.play.map_or(0, |play| self.end.wrapping_sub(play).cast_signed().max(0));
        held.unsigned_abs() * 1000 / SAMPLE_RATE
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> PlayoutStats {
        self.stats
    }

    fn restart(&mut self, timestamp: u32) -> u32 {
        if self.ring.is_empty() {
            self.ring = vec![None; CAPACITY].into_boxed_slice();
        } else {
            self.ring.fill(None);
        }
        self.end = timestamp;
        self.surplus = 0;
        self.watch_anew();
        let play = timestamp.wrapping_sub(ms(self.config.nominal_ms));
        self.play = Some(play);
        play
    }

    fn watch_anew(&mut self) {
        self.margin = u32::MAX;
        self.observed = 0;
    }

    /// When for four seconds every packet came earlier than need be, some samples may go.
    fn shorten(&mut self, played: u32) {
        self.observed = self.observed.saturating_add(played);
        if self.observed < WATCH {
            return;
        }
        let enough = ms(self.config.minimum_ms);
        if self.config.mode == PlayoutMode::Adaptive
            && self.margin != u32::MAX
            && self.margin > enough + SLACK
        {
            self.surplus = self.margin - enough;
        }
        self.watch_anew();
    }
}

fn ms(ms: u32) -> u32 {
    ms * (SAMPLE_RATE / 1000)
}

fn slot(timestamp: u32) -> usize {
    timestamp as usize % CAPACITY
}

const HISTORY: usize = 320;
/// Pitch periods looked for: 66 to 200 Hz, as ITU-T G.711 appendix I has them.
const PITCH: std::ops::RangeInclusive<usize> = 40..=120;
const MATCH: usize = 160;
/// A gap is filled at full strength for 10 ms and silent after 60.
const HOLD: usize = 80;
const SILENT: usize = 480;
/// How long the first real samples after a gap are mixed with the filling: 4 ms.
const BLEND: usize = 32;

/// Fills gaps with the pitch period before them.
#[derive(Clone, Debug)]
struct Concealment {
    history: [i16; HISTORY],
    at: usize,
    /// Samples into the gap, or how far into the blend after it.
    gap: usize,
    blend: usize,
    period: usize,
}

impl Default for Concealment {
    fn default() -> Self {
        Self { history: [0; HISTORY], at: 0, gap: 0, blend: 0, period: 80 }
    }
}

impl Concealment {
    fn next(&mut self, held: Option<i16>) -> i16 {
        let sample = match held {
            None => {
                if self.gap == 0 {
                    self.period = self.pitch();
                }
                self.blend = BLEND;
                let filled = self.filling();
                self.gap += 1;
                filled
            }
            Some(real) if self.blend > 0 => {
                let filled = i32::from(self.filling());
                let part = self.blend as i32;
                self.blend -= 1;
                self.gap = if self.blend == 0 { 0 } else { self.gap + 1 };
                ((i32::from(real) * (BLEND as i32 - part) + filled * part) / BLEND as i32) as i16
            }
            Some(real) => real,
        };
        self.at = (self.at + 1) % HISTORY;
        if let Some(slot) = self.history.get_mut(self.at) {
            *slot = sample;
        }
        sample
    }

    /// The sample `back` before the newest.
    fn past(&self, back: usize) -> i16 {
        let at = (self.at + HISTORY - back % HISTORY) % HISTORY;
        self.history.get(at).copied().unwrap_or(0)
    }

    fn filling(&self) -> i16 {
        let one_period_ago = i32::from(self.past(self.period - 1));
        // What went before in the gap is already faded: undo by fading only the step from then to now.
        let (now, then) = (level(self.gap), level(self.gap.saturating_sub(self.period)));
        if then == 0 { 0 } else { (one_period_ago * now / then) as i16 }
    }

    /// The lag at which the last 20 ms are most like what went before.
    fn pitch(&self) -> usize {
        let recent: Vec<f32> = (0..MATCH + *PITCH.end()).map(|back| f32::from(self.past(back))).collect();
        let score = |lag: usize| {
            let (mut product, mut energy) = (0f32, 1f32);
            for (a, b) in recent.iter().take(MATCH).zip(recent.iter().skip(lag)) {
                product += a * b;
                energy += b * b;
            }
            product / energy.sqrt()
        };
        PITCH.map(|lag| (lag, score(lag))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(80, |best| best.0)
    }
}

/// Strength of the filling `gap` samples into it, 0 to 400.
fn level(gap: usize) -> i32 {
    if gap < HOLD { 400 } else { (SILENT.saturating_sub(gap)) as i32 }
}

#[cfg(test)]
mod tests;
