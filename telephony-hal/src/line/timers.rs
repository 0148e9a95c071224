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
    /// Limit of ringing. Before the cadence: no last touch of the bell when both are due.
    Ringing,
    /// Next edge of ringing voltage.
    Cadence,
    /// End of the open loop, then of its settling.
    Battery,
    /// Message-waiting data.
    Vmwi,
}

/// A slot for each kind, in the order in which timers of the same instant run.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    slots: [(Timer, Option<Instant>); 7],
}

impl Default for Timers {
    fn default() -> Self {
        use Timer::{Battery, Cadence, Hook, Pulse, Ringing, State, Vmwi};
        Self { slots: [Hook, Pulse, State, Ringing, Cadence, Battery, Vmwi].map(|timer| (timer, None)) }
    }
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.0 == timer) {
            slot.1 = at;
        }
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.at(timer).is_some()
    }

    pub(super) fn at(&self, timer: Timer) -> Option<Instant> {
        self.slots.iter().find(|slot| slot.0 == timer)?.1
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.slots.iter().filter_map(|slot| slot.1).min()
    }

    /// Takes the earliest timer that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Timer, Instant)> {
        let (timer, at) = self
            .slots
            .iter()
            .filter_map(|(timer, at)| at.map(|at| (*timer, at)))
            .filter(|(_, at)| *at <= now)
            .min_by_key(|(_, at)| *at)?;
        self.set(timer, None);
        Some((timer, at))
    }
}
