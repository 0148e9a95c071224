//! Operations on their way to one trunk's PBX.
//!
//! PBXs take up to 15 s for an operation, and a voice mail that restarts sends thousands at once. The queue keeps
//! only the newest state per user and service, gives each its turn in order of arrival, lets a few run at a time,
//! tries again with back-off, and waits while the trunk is down.
//!
//! Sans-IO: ask [`TrunkQueue::next`] until it gives `None`, tell [`TrunkQueue::done`] each outcome, and come back at
//! [`TrunkQueue::poll_timeout`].
//!
//! ```
//! use std::time::Instant;
//! use mwi::queue::{Job, Push, Settings, TrunkQueue};
//! use mwi::translate::{Services, activations};
//! use mwi::summary::Summary;
//! use mwi::verdict::{Outcome, sip_status};
//!
//! let now = Instant::now();
//! let mut queue = TrunkQueue::new(Settings::default(), 1);
//! for activation in activations(&Summary::new(true), "4711", Services::PerClass) {
//!     assert_eq!(queue.push(now, Job::new(activation)), Push::Startable);
//! }
//! let job = queue.next(now).ok_or("nothing to do")?;
//! // … SETUP with mWIActivate goes out, CONNECT with the result comes back …
//! queue.done(now, &job.activation.number, job.activation.service, sip_status(&Outcome::Done));
//! assert!(queue.is_empty());
//! # Ok::<(), &str>(())
//! ```

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::translate::Activation;
use crate::verdict::{RetryClass, Verdict};

/// How a trunk is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Operations at a time, at least 1; default 1.
    pub in_flight: usize,
    /// Users and services that may wait; default 100,000.
    pub limit: usize,
    /// Least time between the starts of two operations; default none.
    pub pace: Duration,
    /// Back-off before the first repetition; doubled each time. Default 5 s.
    pub backoff: Duration,
    /// Longest back-off; default 300 s.
    pub backoff_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            in_flight: 1,
            limit: 100_000,
            pace: Duration::ZERO,
            backoff: Duration::from_secs(5),
            backoff_max: Duration::from_secs(300),
        }
    }
}

/// One operation to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What to send.
    pub activation: Activation,
    /// Times it was tried before and is to be tried again.
    pub attempt: u32,
    /// The caller's own mark, for example of the NOTIFY that waits for the outcome.
    pub token: Option<u64>,
}

impl Job {
    /// A job not yet tried, without mark.
    pub fn new(activation: Activation) -> Self {
        Self { activation, attempt: 0, token: None }
    }
}

/// What became of a pushed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// [`TrunkQueue::next`] would give it now.
    Startable,
    /// It waits for its turn, for the same user's operation under way, or for the trunk.
    Queued,
    /// It took the place in the queue of this older job of the same user and service, which will not be done.
    Replaced(Job),
    /// The queue is full; the job is given back.
    Full(Job),
}

/// What became of a job that was reported done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is over, well or not.
    Final(Job),
    /// It failed and will be tried again; the time is the earliest.
    Again(Instant),
    /// It failed and will not be tried again, because a newer state waits.
    Overtaken(Job),
    /// No such job is under way.
    Unknown,
}

/// Where a job stands, from [`TrunkQueue::iter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Under way.
    InFlight,
    /// Waits for its turn.
    Waiting,
    /// Waits until then after a failure.
    BackOff(Instant),
}

/// Totals of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Jobs pushed.
    pub pushed: u64,
    /// Jobs replaced or overtaken by newer state before they were done.
    pub replaced: u64,
    /// Jobs refused because the queue was full.
    pub full: u64,
    /// Operations started, repetitions included.
    pub started: u64,
    /// Operations reported done with success.
    pub done: u64,
    /// Operations reported failed for good.
    pub failed: u64,
    /// Operations put back to be tried again.
    pub again: u64,
}

/// The operations waiting for one trunk.
#[derive(Clone, Debug)]
pub struct TrunkQueue {
    settings: Settings,
    down: bool,
    waiting: HashMap<Key, Slot>,
    in_flight: HashMap<Key, Job>,
    /// Keys whose turn may come, each at most once.
    ready: VecDeque<Key>,
    /// Keys in back-off.
    delayed: BTreeSet<(Instant, Key)>,
    next_start: Option<Instant>,
    counters: Counters,
    random: u64,
}

impl TrunkQueue {
    /// An empty queue of a trunk that is up. `seed` spreads the back-off by a quarter either way.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings: Settings { in_flight: settings.in_flight.max(1), ..settings },
            down: false,
            waiting: HashMap::new(),
            in_flight: HashMap::new(),
            ready: VecDeque::new(),
            delayed: BTreeSet::new(),
            next_start: None,
            counters: Counters::default(),
            random: seed,
        }
    }

    /// Takes the newest state of a user and service.
    ///
    /// A waiting job of the same user and service is replaced and its place kept; one under way is not disturbed,
    /// and the new one follows it. A job that replaces one in back-off waits for the rest of it.
    pub fn push(&mut self, now: Instant, job: Job) -> Push {
        self.counters.pushed += 1;
        self.next_start.get_or_insert(now);
        let key = Key::of(&job);
        if let Some(slot) = self.waiting.get_mut(&key) {
            self.counters.replaced += 1;
            let attempt = slot.job.attempt;
            return Push::Replaced(std::mem::replace(&mut slot.job, Job { attempt, ..job }));
        }
        if self.waiting.len() >= self.settings.limit {
            self.counters.full += 1;
            return Push::Full(job);
        }
        let behind = self.in_flight.contains_key(&key);
        let startable = !behind && self.ready.is_empty() && self.may_start(now);
        let place = if behind { Wait::Behind } else { Wait::Ready };
        if !behind {
            self.ready.push_back(key.clone());
        }
        self.waiting.insert(key, Slot { job, wait: place });
        if startable { Push::Startable } else { Push::Queued }
    }

    /// The next job to start, `None` if none may start now.
    pub fn next(&mut self, now: Instant) -> Option<Job> {
        self.wake(now);
        if !self.may_start(now) {
            return None;
        }
        let key = self.ready.pop_front()?;
        let job = self.waiting.remove(&key)?.job;
        self.in_flight.insert(key, job.clone());
        self.counters.started += 1;
        self.next_start = Some(now + self.settings.pace);
        Some(job)
    }

    /// Takes the verdict on the job of this user and service that is under way.
    ///
    /// [`RetryClass::Later`] puts it back with back-off, [`RetryClass::TrunkDown`] too but without counting the
    /// attempt; if newer state waits, that goes in its stead, with the same back-off.
    pub fn done(&mut self, now: Instant, user: &str, service: u8, verdict: Verdict) -> Finished {
        let key = Key { user: user.to_owned(), service };
        let Some(mut job) = self.in_flight.remove(&key) else { return Finished::Unknown };
        if verdict.retry == RetryClass::No {
            let counter = if verdict.is_done() { &mut self.counters.done } else { &mut self.counters.failed };
            *counter += 1;
            if let Some(slot) = self.waiting.get_mut(&key) {
                slot.wait = Wait::Ready;
                self.ready.push_back(key);
            }
            return Finished::Final(job);
        }
        let until = now + self.back_off(job.attempt);
        if verdict.retry == RetryClass::Later {
            job.attempt = job.attempt.saturating_add(1);
        }
        self.delayed.insert((until, key.clone()));
        match self.waiting.get_mut(&key) {
            Some(slot) => {
                self.counters.replaced += 1;
                slot.wait = Wait::Until(until);
                slot.job.attempt = job.attempt;
                Finished::Overtaken(job)
            }
            None => {
                self.counters.again += 1;
                self.waiting.insert(key, Slot { job, wait: Wait::Until(until) });
                Finished::Again(until)
            }
        }
    }

    /// Takes other settings. What waits keeps its place, what is under way goes on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = Settings { in_flight: settings.in_flight.max(1), ..settings };
    }

    /// Tells whether the trunk is up. Coming up ends all back-off.
    pub fn set_up(&mut self, up: bool) {
        if up && self.down {
            let delayed = std::mem::take(&mut self.delayed);
            delayed.into_iter().for_each(|(_, key)| self.make_ready(key));
        }
        self.down = !up;
    }

    /// When to ask [`TrunkQueue::next`] again; `None` if only [`TrunkQueue::push`], [`TrunkQueue::done`] or
    /// [`TrunkQueue::set_up`] can bring news. A time in the past means now.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.down || self.in_flight.len() >= self.settings.in_flight {
            return None;
        }
        if !self.ready.is_empty() {
            return self.next_start;
        }
        let first = self.delayed.first().map(|(until, _)| *until)?;
        Some(self.next_start.map_or(first, |start| start.max(first)))
    }

    /// Forgets what waits and returns it; what is under way stays.
    pub fn clear(&mut self) -> Vec<Job> {
        self.ready.clear();
        self.delayed.clear();
        self.waiting.drain().map(|(_, slot)| slot.job).collect()
    }

    /// Every job with its place, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Job, Place)> {
        let waiting = self.waiting.values().map(|slot| (&slot.job, slot.place()));
        self.in_flight.values().map(|job| (job, Place::InFlight)).chain(waiting)
    }

    /// The job of this user and service that was last pushed, with its place.
    pub fn job(&self, user: &str, service: u8) -> Option<(&Job, Place)> {
        let key = Key { user: user.to_owned(), service };
        let waiting = self.waiting.get(&key).map(|slot| (&slot.job, slot.place()));
        waiting.or_else(|| self.in_flight.get(&key).map(|job| (job, Place::InFlight)))
    }

    /// Jobs that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Jobs under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    /// Whether the trunk is up.
    pub fn is_up(&self) -> bool {
        !self.down
    }

    /// Totals since construction, or since [`TrunkQueue::reset_counters`].
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Counts anew from nothing.
    pub fn reset_counters(&mut self) {
        self.counters = Counters::default();
    }

    fn may_start(&self, now: Instant) -> bool {
        !self.down
            && self.in_flight.len() < self.settings.in_flight
            && self.next_start.is_none_or(|start| start <= now)
    }

    fn wake(&mut self, now: Instant) {
        while self.delayed.first().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, key)) = self.delayed.pop_first() {
                self.make_ready(key);
            }
        }
    }

    fn make_ready(&mut self, key: Key) {
        if let Some(slot) = self.waiting.get_mut(&key) {
            slot.wait = Wait::Ready;
            self.ready.push_back(key);
        }
    }

    fn back_off(&mut self, attempt: u32) -> Duration {
        let doubled = self.settings.backoff.saturating_mul(1 << attempt.min(16));
        let whole = doubled.min(self.settings.backoff_max);
        // SplitMix64; the spread keeps users that failed together from coming back together.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let percent = 75 + u32::try_from((mixed ^ (mixed >> 31)) % 51).unwrap_or(25);
        whole.saturating_mul(percent) / 100
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    user: String,
    service: u8,
}

impl Key {
    fn of(job: &Job) -> Self {
        Self { user: job.activation.number.clone(), service: job.activation.service }
    }
}

#[derive(Clone, Debug)]
struct Slot {
    job: Job,
    wait: Wait,
}

impl Slot {
    fn place(&self) -> Place {
        match self.wait {
            Wait::Until(until) => Place::BackOff(until),
            Wait::Ready | Wait::Behind => Place::Waiting,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// In `ready`.
    Ready,
    /// In `delayed`.
    Until(Instant),
    /// An older job of the same key is under way.
    Behind,
}

#[cfg(test)]
mod tests;
