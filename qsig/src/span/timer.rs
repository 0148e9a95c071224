//! Running timers, ordered by expiry.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::Key;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    T303,
    T308,
    Supervision,
    Proceeding,
    Answer,
    Idle,
}

#[derive(Debug, Default)]
pub(super) struct Running {
    by_time: BTreeSet<(Instant, Key, Timer)>,
    by_key: BTreeMap<(Key, Timer), Instant>,
}

impl Running {
    pub(super) fn start(&mut self, key: Key, timer: Timer, at: Instant) {
        if let Some(old) = self.by_key.insert((key, timer), at) {
            self.by_time.remove(&(old, key, timer));
        }
        self.by_time.insert((at, key, timer));
    }

    pub(super) fn stop(&mut self, key: Key, timer: Timer) {
        if let Some(at) = self.by_key.remove(&(key, timer)) {
            self.by_time.remove(&(at, key, timer));
        }
    }

    pub(super) fn stop_all(&mut self, key: Key) {
        while let Some((&(_, timer), _)) =
            self.by_key.range((key, Timer::T303)..).next().filter(|((k, _), _)| *k == key)
        {
            self.stop(key, timer);
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, ..)| at)
    }

    /// Takes one timer that is due.
    pub(super) fn expired(&mut self, now: Instant) -> Option<(Key, Timer)> {
        let &(at, key, timer) = self.by_time.first().filter(|(at, ..)| *at <= now)?;
        self.by_time.remove(&(at, key, timer));
        self.by_key.remove(&(key, timer));
        Some((key, timer))
    }
}
