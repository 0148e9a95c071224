//! Running timers, ordered by expiry.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::Key;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    T301,
    T302,
    T303,
    T304,
    T305,
    T306,
    T308,
    T309,
    T310,
    T313,
    T316,
    T321,
    T322,
    Hold,
    Retrieve,
    Supervision,
    Proceeding,
    Answer,
    Idle,
}

impl Timer {
    /// The name of a timer whose expiry means that the peer was silent; `None` of those that end a pause of our own.
    pub(super) fn overdue(self) -> Option<&'static str> {
        Some(match self {
            Self::T301 => "T301",
            Self::T303 => "T303",
            Self::T304 => "T304",
            Self::T305 => "T305",
            Self::T306 => "T306",
            Self::T308 => "T308",
            Self::T309 => "T309",
            Self::T310 => "T310",
            Self::T313 => "T313",
            Self::T316 => "T316",
            Self::T321 => "T321",
            Self::T322 => "T322",
            Self::Hold => "T-HOLD",
            Self::Retrieve => "T-RETRIEVE",
            Self::Supervision => "supervision",
            Self::T302 | Self::Proceeding | Self::Answer | Self::Idle => return None,
        })
    }
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
            self.by_key.range((key, Timer::T301)..).next().filter(|((k, _), _)| *k == key)
        {
            self.stop(key, timer);
        }
    }

    pub(super) fn is_running(&self, key: Key, timer: Timer) -> bool {
        self.by_key.contains_key(&(key, timer))
    }

    pub(super) fn len(&self) -> usize {
        self.by_time.len()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, ..)| at)
    }

    /// How many timers are due.
    pub(super) fn due(&self, now: Instant) -> usize {
        self.by_time.iter().take_while(|(at, ..)| *at <= now).count()
    }

    /// Takes one timer that is due.
    pub(super) fn expired(&mut self, now: Instant) -> Option<(Key, Timer)> {
        let &(at, key, timer) = self.by_time.first().filter(|(at, ..)| *at <= now)?;
        self.by_time.remove(&(at, key, timer));
        self.by_key.remove(&(key, timer));
        Some((key, timer))
    }
}
