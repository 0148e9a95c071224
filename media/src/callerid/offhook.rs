//! Type II caller ID: telling a telephone in conversation who else calls (GR-575-CORE, EN 300 659-2).
//!
//! The alerting signal (CAS) sounds while the far end is muted; a set that shows numbers mutes its own handset and answers `D` (or
//! `A`) by DTMF; then it is sent the data. A set that does not answer is left alone.
//!
//! ```
//! use media::callerid::{CallSetup, Party, offhook::OffHookPlayer};
//! use media::locale;
//!
//! let call = CallSetup { when: None, number: Party::Known("4711".into()), name: Party::Unavailable };
//! let mut player = OffHookPlayer::new(locale::default(), &call);
//! let mut block = [0i16; 160];
//! for _ in 0..8 {
//!     player.fill(&mut block);
//! }
//! player.handle_digit('D'); // heard by the line's detector
//! while !player.is_over() {
//!     player.fill(&mut block);
//! }
//! assert!(player.acknowledged());
//! ```

use super::CallSetup;
use super::plan::{ACK_TO_DATA_MS, ACK_WAIT_MS, CAS_MS, call_waiting};
use crate::SAMPLE_RATE;
use crate::fsk::FskGenerator;
use crate::locale::Locale;
use crate::tone::ToneGenerator;

/// A digit is told when it has sounded for some 40 ms, and audio takes a block to pass.
const DETECTION_MS: u32 = 80;
/// Quiet before the alerting signal, so that speech does not hide it.
const BEFORE_MS: u32 = 20;

/// The exchange with one set. While it goes on, its audio replaces the conversation's.
#[derive(Clone, Debug)]
pub struct OffHookPlayer {
    cas: ToneGenerator,
    data: FskGenerator,
    step: Step,
    acknowledged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Before(u64),
    Alert(u64),
    Listen(u64),
    Pause(u64),
    Data,
    Over,
}

impl OffHookPlayer {
    /// Begins to tell of `call` in the form of the country.
    #[must_use]
    pub fn new(locale: &Locale, call: &CallSetup) -> Self {
        let (cas, burst) = call_waiting(locale, call);
        Self {
            cas: ToneGenerator::new(&cas),
            data: FskGenerator::new(&burst),
            step: Step::Before(samples(BEFORE_MS)),
            acknowledged: false,
        }
    }

    /// Whether it has ended: the conversation goes on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.step == Step::Over
    }

    /// Whether what the telephone sends must not reach the far end: it may be the acknowledgement.
    #[must_use]
    pub fn mutes(&self) -> bool {
        !self.is_over()
    }

    /// Whether the set answered.
    #[must_use]
    pub fn acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// A digit from the telephone. Gives whether it was the acknowledgement: then it is nobody else's.
    pub fn handle_digit(&mut self, digit: char) -> bool {
        let expected = matches!(self.step, Step::Listen(_)) && matches!(digit, 'A' | 'D');
        if expected {
            self.acknowledged = true;
            self.step = Step::Pause(samples(ACK_TO_DATA_MS));
        }
        expected
    }

    /// The next samples toward the telephone, instead of the far end's; silence once it is over.
    pub fn fill(&mut self, out: &mut [i16]) {
        let mut rest = out;
        while !rest.is_empty() {
            let left = match self.step {
                Step::Before(left) | Step::Alert(left) | Step::Listen(left) | Step::Pause(left) => left,
                Step::Data => self.data.left(),
                Step::Over => return rest.fill(0),
            };
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            rest = later;
            let left = left - count as u64;
            self.step = match self.step {
                Step::Before(_) => {
                    now.fill(0);
                    if left == 0 { Step::Alert(samples(CAS_MS)) } else { Step::Before(left) }
                }
                Step::Alert(_) => {
                    self.cas.fill(now);
                    if left == 0 {
                        Step::Listen(samples(ACK_WAIT_MS + DETECTION_MS))
                    } else {
                        Step::Alert(left)
                    }
                }
                Step::Listen(_) => {
                    now.fill(0);
                    if left == 0 { Step::Over } else { Step::Listen(left) }
                }
                Step::Pause(_) => {
                    now.fill(0);
                    if left == 0 { Step::Data } else { Step::Pause(left) }
                }
                Step::Data => {
                    self.data.fill(now);
                    if left == 0 { Step::Over } else { Step::Data }
                }
                Step::Over => Step::Over,
            };
        }
    }
}

fn samples(ms: u32) -> u64 {
    u64::from(ms) * u64::from(SAMPLE_RATE) / 1000
}

#[cfg(test)]
mod tests;
