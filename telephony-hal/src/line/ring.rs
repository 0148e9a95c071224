//! Ringing the telephone, and announcing a second call to a busy one.

use std::time::{Duration, Instant};

use super::timers::Timer;
use super::{
    Caller, CallerIdAlerting, Line, LineEventOut, Output, RingError, RingOutcome, RingPattern, State, Tone,
};

/// Pause that is long enough for caller ID data.
const CALLER_ID_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default)]
pub(super) struct Ringer {
    pattern: RingPattern,
    caller: Option<Caller>,
    /// Steps of the pattern begun.
    steps: usize,
    /// Bursts ended.
    bursts: u8,
    voltage: bool,
}

impl Ringer {
    pub(super) fn voltage(&self) -> bool {
        self.voltage
    }
}

impl Line {
    /// Announces an incoming call: rings the idle telephone, or plays the call-waiting tone to the busy one.
    ///
    /// Ends by the telephone's off hook ([`LineEventOut::Answered`]), [`stop_ring`](Self::stop_ring) or
    /// [`LineEventOut::RingTimeout`]. A waiting call is taken with [`accept_waiting`](Self::accept_waiting); if the
    /// subscriber hangs up instead ([`LineEventOut::Released`]), the telephone rings for it at once.
    ///
    /// # Errors
    /// `Busy`, also while the handset is just being lifted; `OutOfService`.
    pub fn ring(
        &mut self,
        now: Instant,
        pattern: RingPattern,
        caller: Caller,
    ) -> Result<RingOutcome, RingError> {
        self.handle_timeout(now);
        match self.state {
            State::OutOfService => return Err(RingError::OutOfService),
            State::Idle if !self.timers.is_set(Timer::Hook) => {}
            State::Connected if self.config.call_waiting && !self.waiting && !self.held => {
                self.waiting = true;
                self.play(Tone::CallWaiting);
                self.timers.set(Timer::Ringing, self.config.ringing.and_then(|limit| now.checked_add(limit)));
                if self.config.caller_id != CallerIdAlerting::Off {
                    self.event(LineEventOut::CallerId { caller: caller.clone(), off_hook: true });
                }
                // In case that the subscriber hangs up: then it rings.
                self.ringer = Ringer { pattern, caller: Some(caller), ..Ringer::default() };
                return Ok(RingOutcome::Waiting);
            }
            // The handset is being lifted.
            State::Idle => return Err(RingError::Busy(State::Collecting)),
            state => return Err(RingError::Busy(state)),
        }
        self.timers.set(Timer::Ringing, self.config.ringing.and_then(|limit| now.checked_add(limit)));
        self.start_ringing(now, pattern, Some(caller));
        Ok(RingOutcome::Ringing)
    }

    /// The caller gave up, or the call was answered elsewhere: ringing or the call-waiting tone stops.
    pub fn stop_ring(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.end_ringing(now);
        self.settle(now);
    }

    /// Rings for the call that waited until the subscriber hung up. Its time limit runs on.
    pub(super) fn ring_waiting(&mut self, now: Instant, limit: Option<Instant>) {
        let Ringer { pattern, caller, .. } = std::mem::take(&mut self.ringer);
        self.timers.set(Timer::Ringing, limit);
        self.start_ringing(now, pattern, caller);
    }

    fn start_ringing(&mut self, now: Instant, pattern: RingPattern, mut caller: Option<Caller>) {
        self.end_battery(now);
        self.enter(State::Ringing);
        self.settle(now); // lamp voltage goes before ringing voltage comes
        let mut start = now + pattern.delay();
        if let CallerIdAlerting::BeforeRing(lead) = self.config.caller_id
            && let Some(caller) = caller.take()
        {
            self.event(LineEventOut::CallerId { caller, off_hook: false });
            start += lead;
        }
        self.ringer = Ringer { pattern, caller, ..Ringer::default() };
        if start > now {
            self.timers.set(Timer::Cadence, Some(start));
        } else {
            self.cadence_expired(now);
        }
    }

    pub(super) fn cadence_expired(&mut self, now: Instant) {
        if self.state != State::Ringing {
            return;
        }
        if self.ringer.voltage {
            let (_, pause) = self.ringer.pattern.step(self.ringer.steps.saturating_sub(1));
            self.voltage(false);
            self.ringer.bursts = self.ringer.bursts.saturating_add(1);
            if let CallerIdAlerting::AfterRing(bursts) = self.config.caller_id
                && self.ringer.bursts >= bursts
                && pause >= CALLER_ID_PAUSE
                && let Some(caller) = self.ringer.caller.take()
            {
                self.event(LineEventOut::CallerId { caller, off_hook: false });
            }
            self.timers.set(Timer::Cadence, Some(now + pause));
        } else {
            let (burst, _) = self.ringer.pattern.step(self.ringer.steps);
            self.ringer.steps += 1;
            self.voltage(true);
            self.timers.set(Timer::Cadence, Some(now + burst));
        }
    }

    pub(super) fn ringing_expired(&mut self, now: Instant) {
        if self.state == State::Ringing || self.waiting {
            self.event(LineEventOut::RingTimeout);
            self.end_ringing(now);
        }
    }

    /// Ring trip.
    pub(super) fn answered(&mut self) {
        self.silence_ringer();
        self.timers.set(Timer::Ringing, None);
        self.enter(State::Connected);
        self.event(LineEventOut::Answered);
    }

    pub(super) fn silence_ringer(&mut self) {
        self.voltage(false);
        self.timers.set(Timer::Cadence, None);
    }

    fn end_ringing(&mut self, now: Instant) {
        if self.state == State::Ringing {
            self.silence_ringer();
            self.timers.set(Timer::Ringing, None);
            self.rest(now);
        } else if std::mem::take(&mut self.waiting) {
            self.timers.set(Timer::Ringing, None);
            if self.tone == Tone::CallWaiting {
                self.play(Tone::None);
            }
        }
    }

    fn voltage(&mut self, on: bool) {
        if self.ringer.voltage != on {
            self.ringer.voltage = on;
            self.out.push_back(Output::Ring(on));
        }
    }
}
