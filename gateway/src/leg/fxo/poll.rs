//! `tipring mwi-poll`: an idle exchange line is seized now and then, to hear whether its dial tone stutters.

use std::time::{Duration, Instant};

use telephony_hal::line::fxo::FxoState;

use super::FxoPort;

/// How long dial tone is listened to: longer than three bursts and pauses of the slowest stutter (Switzerland, 1.1 s each), and
/// than 2 s of a steady tone.
const LISTEN: Duration = Duration::from_secs(8);
/// A line that is in use is asked for again after so long.
const BUSY: Duration = Duration::from_secs(15);

/// When the line is seized next, and until when it is listened to.
#[derive(Debug, Default)]
pub(super) struct Poll {
    every: Option<Duration>,
    next: Option<Instant>,
    listening: Option<Instant>,
}

impl Poll {
    /// Takes the setting; the first time comes after one period, so that a box that starts does not seize all lines at once.
    pub(super) fn configure(&mut self, now: Instant, every: Option<Duration>) {
        if std::mem::replace(&mut self.every, every) != every {
            self.next = every.map(|every| now + every);
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        [self.next, self.listening].into_iter().flatten().min()
    }

    /// The line is no longer ours.
    pub(super) fn stopped(&mut self) {
        self.listening = None;
    }
}

impl FxoPort {
    /// Seizes the line when it is time, and lets go of it when nothing was heard.
    pub(super) fn poll_timeout_due(&mut self, now: Instant) {
        if self.poll.listening.is_some_and(|until| until <= now) {
            self.stop_polling(now);
        }
        let (Some(every), Some(_)) = (self.poll.every, self.poll.next.filter(|at| *at <= now)) else {
            return;
        };
        let free = self.leg.is_none() && self.permanent.is_none() && self.line.state() == FxoState::Idle;
        if free && !self.ears.expect_dial_tone() {
            // In vain, until the country is another.
            self.poll.next = Some(now + every);
        } else if free && self.deadline.is_none() && self.line.seize(now, "").is_ok() {
            self.quiet();
            self.ears.expect_dial_tone();
            self.poll.listening = Some(now + LISTEN);
            self.poll.next = Some(now + every);
        } else {
            self.poll.next = Some(now + BUSY.min(every));
        }
    }

    /// Lets go of the line, if it is held only to listen.
    pub(super) fn stop_polling(&mut self, now: Instant) {
        if self.poll.listening.take().is_some() {
            self.ears.no_dial_tone();
            self.line.release(now);
        }
    }
}
