//! `connection trunk` on an exchange line: the telephone at the other end of the permanent call is the set of this line.

use std::time::Instant;

use telephony_hal::line::fxo::{FxoEventOut, FxoState};

use super::{Far, FxoPort};
use crate::leg::{LegCommand, LegEvent, LegId, LineSignal};

impl FxoPort {
    /// Whether the permanent call stands.
    pub(super) fn stands(&self) -> bool {
        self.permanent.as_ref().is_some_and(|permanent| permanent.leg().is_some())
    }

    /// What the switch wants of the permanent call's leg.
    pub(super) fn permanent_command(&mut self, now: Instant, leg: LegId, command: &LegCommand) {
        let Some(permanent) = &mut self.permanent else { return };
        match permanent.command(now, command) {
            Far::Up => self.tell_wires(leg),
            Far::Signal(signal) => {
                self.wanted_off_hook = signal == LineSignal::OffHook;
                self.follow(now);
            }
            Far::Flash => {
                self.line.flash(now);
            }
            Far::Down(cause) => {
                self.wanted_off_hook = false;
                self.line.release(now);
                self.tell(leg, LegEvent::Released(cause));
            }
            Far::Nothing => {}
        }
    }

    /// The loop is as the telephone at the other end is.
    fn follow(&mut self, now: Instant) {
        if !self.wanted_off_hook {
            return self.line.release(now);
        }
        if !self.line.answer(now) {
            // A line that rests after the last call is taken when it has rested.
            let _ = self.line.seize(now, "");
        }
    }

    /// What the line of a permanent call has to tell.
    pub(super) fn permanent_event(&mut self, now: Instant, event: &FxoEventOut) {
        let leg = self.permanent.as_ref().and_then(|permanent| permanent.leg());
        match (event, leg) {
            (FxoEventOut::Ringing { .. } | FxoEventOut::RingEnded, Some(leg)) => self.tell_wires(leg),
            (FxoEventOut::Disconnected(_) | FxoEventOut::SeizeFailed(_), Some(leg)) => {
                self.wanted_off_hook = false;
                self.tell(leg, LegEvent::Signal(LineSignal::Disconnected));
            }
            (FxoEventOut::Released, Some(_)) if self.wanted_off_hook => self.follow(now),
            _ => {}
        }
    }

    /// Tells the telephone at the other end whether the exchange rings.
    pub(super) fn tell_wires(&mut self, leg: LegId) {
        let rings = self.line.state() == FxoState::Ringing;
        self.tell(leg, LegEvent::Signal(if rings { LineSignal::Ringing } else { LineSignal::Idle }));
    }
}
