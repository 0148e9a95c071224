//! The timers of one line: at most one of each kind.

use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Debounce of off hook, or end of the flash window.
    Hook,
    /// Make after a dial pulse.
    Pulse,
    /// Initial, interdigit, wait-release, howler: what ends the present state.
    State,
    /// Next edge of ringing voltage.
    Cadence,
    /// Limit of ringing.
    Ringing,
    /// End of the open loop, then of its settling.
    Battery,
    /// Message-waiting data.
    Vmwi,
}

const KINDS: [Timer; 7] =
    [Timer::Hook, Timer::Pulse, Timer::State, Timer::Cadence, Timer::Ringing, Timer::Battery, Timer::Vmwi];

#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    at: [Option<Instant>; KINDS.len()],
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(place) = self.at.get_mut(timer as usize) {
            *place = at;
        }
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.at.get(timer as usize).is_some_and(Option::is_some)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.at.iter().flatten().min().copied()
    }

    /// Takes the earliest timer that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Timer, Instant)> {
        let (timer, at) = KINDS
            .iter()
            .zip(&self.at)
            .filter_map(|(timer, at)| at.map(|at| (*timer, at)))
            .filter(|(_, at)| *at <= now)
            .min_by_key(|(_, at)| *at)?;
        self.set(timer, None);
        Some((timer, at))
    }
}
