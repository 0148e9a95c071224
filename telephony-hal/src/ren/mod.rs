//! The ringer budget of a board: many bells, one ringing generator.
//!
//! A ringer equivalence number (REN) is the load of one classic bell, about 7 kΩ at 20 Hz. A board of 24 ports feeds 12 of them at a
//! time. [`RenPool`] keeps every moment within the budget: calls are given a phase in which their whole cadence fits,
//! simultaneous starts are staggered, and message lamps, which draw on the same generator, go dark while ringing needs
//! their share.
//!
//! # Law of use
//!
//! Sans-IO. The pool stands between [`Line`](crate::line::Line)s and their ports:
//!
//! 1. Before `Line::ring`, ask [`RenPool::plan`] for the call's delay and ring with [`RingPattern::delayed`].
//! 2. Give it every `Output::Ring` and `Output::Lamp` with [`RenPool::ring`] and [`RenPool::lamp`] instead of the port.
//! 3. Do what [`RenPool::poll_output`] says, in order: a lamp goes dark before the bell that needs its share sounds.
//! 4. When the call rings no more, call [`RenPool::end`].
//!
//! There is no timer: the pool acts only when a line does.
//!
//! # Example
//!
//! ```
//! use std::time::{Duration, Instant};
//! use telephony_hal::{line::RingPattern, ren::{PoolOutput, Ren, RenPool}};
//!
//! let mut pool = RenPool::new(Ren::whole(1));
//! let (now, us) = (Instant::now(), RingPattern::default()); // 2 s on, 4 s off
//! assert_eq!(pool.plan(now, 0, Ren::whole(1), &us), Duration::ZERO);
//! // The second telephone has to take the pause of the first.
//! assert_eq!(pool.plan(now, 1, Ren::whole(1), &us), Duration::from_secs(2));
//! pool.ring(0, true);
//! assert_eq!(pool.poll_output(), Some(PoolOutput::Ring { port: 0, on: true }));
//! assert_eq!(pool.counters().in_use, Ren::whole(1));
//! ```

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::Sum;
use std::time::{Duration, Instant};

use crate::line::RingPattern;

/// Budget of a board of 24 ports.
pub const DEFAULT_BUDGET: Ren = Ren::whole(12);

/// What one lit lamp draws of the generator.
pub const LAMP_LOAD: Ren = Ren::milli(100);

/// Bells that start together are set apart by this time, so that the generator sees no step.
pub const STAGGER_STEP: Duration = Duration::from_millis(8);

/// No bell waits longer than this for the sake of staggering alone.
pub const STAGGER_LIMIT: Duration = Duration::from_millis(200);

/// Cadences are planned so far ahead. Those of equal period never meet again after one period; others are met at the gate.
const HORIZON: Duration = Duration::from_secs(30);

/// Places that are tried for a call in a full budget. A period of ordinary cadences has fewer.
const MAX_CANDIDATES: usize = 512;

/// Ringer load, in thousandths of a REN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ren(u32);

impl Ren {
    /// No load.
    pub const ZERO: Self = Self(0);

    /// Whole RENs, as `ren 1-5` of a voice port.
    pub const fn whole(ren: u16) -> Self {
        Self(ren as u32 * 1000)
    }

    /// Thousandths of a REN.
    pub const fn milli(milli: u32) -> Self {
        Self(milli)
    }

    /// In thousandths.
    pub const fn as_milli(self) -> u32 {
        self.0
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Ren {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Ren {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// What to do to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolOutput {
    /// Ringing voltage.
    Ring {
        /// Port, as the caller numbers them.
        port: u16,
        /// On or off.
        on: bool,
    },
    /// Lamp voltage.
    Lamp {
        /// Port, as the caller numbers them.
        port: u16,
        /// On or off.
        on: bool,
    },
}

/// How the budget is doing, for `show` and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The budget.
    pub budget: Ren,
    /// Load at this moment, bells and lamps.
    pub in_use: Ren,
    /// Calls that ring later than they came because the budget was full (staggering not counted).
    pub deferred_calls: u64,
    /// Bursts that began late or not at all because cadences of different periods met.
    pub deferred_bursts: u64,
    /// Times a lamp was put out for a bell.
    pub dimmed_lamps: u64,
}

/// The budget of one board.
#[derive(Clone, Debug)]
pub struct RenPool {
    budget: Ren,
    ports: BTreeMap<u16, Port>,
    out: VecDeque<PoolOutput>,
    deferred_calls: u64,
    deferred_bursts: u64,
    dimmed_lamps: u64,
}

#[derive(Clone, Debug, Default)]
struct Port {
    plan: Option<Plan>,
    load: Ren,
    bell: Bell,
    lamp: Lamp,
}

#[derive(Clone, Debug)]
struct Plan {
    start: Instant,
    pattern: RingPattern,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bell {
    #[default]
    Silent,
    /// The line wants voltage, the budget has none.
    Waiting,
    Rings,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lamp {
    #[default]
    Off,
    /// The line wants voltage, a bell has it.
    Dark,
    Lit,
}

impl RenPool {
    /// A pool of the given budget.
    pub fn new(budget: Ren) -> Self {
        Self {
            budget,
            ports: BTreeMap::new(),
            out: VecDeque::new(),
            deferred_calls: 0,
            deferred_bursts: 0,
            dimmed_lamps: 0,
        }
    }

    /// Finds a phase for a call that is to ring `port` with `pattern` on bells of together `load`; returns how long the first burst
    /// must wait, counted from `now`.
    ///
    /// At most [`STAGGER_LIMIT`] while the bells of all calls fit the budget together; else until the whole cadence fits
    /// between the others', at most one period of the cadence. A load above the budget is taken as the budget: such a port rings
    /// alone.
    pub fn plan(&mut self, now: Instant, port: u16, load: Ren, pattern: &RingPattern) -> Duration {
        let load = load.min(self.budget);
        if let Some(port) = self.ports.get_mut(&port) {
            port.plan = None;
        }
        let delay = self.find_phase(now, load, pattern);
        let place = self.ports.entry(port).or_default();
        place.load = load;
        place.plan = Some(Plan { start: now + delay, pattern: pattern.clone() });
        if delay > STAGGER_LIMIT {
            self.deferred_calls += 1;
        }
        delay
    }

    /// The line wants ringing voltage on, or no more. A burst for which nobody planned is let through if there is room.
    pub fn ring(&mut self, port: u16, on: bool) {
        let place = self.ports.entry(port).or_default();
        if place.load == Ren::ZERO {
            place.load = Ren::whole(1).min(self.budget);
        }
        let before = place.bell;
        match (before, on) {
            (Bell::Silent, true) => place.bell = Bell::Waiting,
            (Bell::Waiting, false) => place.bell = Bell::Silent,
            (Bell::Rings, false) => {
                place.bell = Bell::Silent;
                self.out.push_back(PoolOutput::Ring { port, on: false });
            }
            _ => return,
        }
        self.share();
        if before == Bell::Silent && self.ports.get(&port).is_some_and(|place| place.bell == Bell::Waiting) {
            self.deferred_bursts += 1;
        }
    }

    /// The line wants lamp voltage on, or no more.
    pub fn lamp(&mut self, port: u16, on: bool) {
        let place = self.ports.entry(port).or_default();
        match (place.lamp, on) {
            (Lamp::Off, true) => place.lamp = Lamp::Dark,
            (Lamp::Dark, false) => place.lamp = Lamp::Off,
            (Lamp::Lit, false) => {
                place.lamp = Lamp::Off;
                self.out.push_back(PoolOutput::Lamp { port, on: false });
            }
            _ => return,
        }
        self.share();
    }

    /// The call on `port` rings no more: its phase is free.
    pub fn end(&mut self, port: u16) {
        self.ring(port, false);
        if let Some(place) = self.ports.get_mut(&port) {
            place.plan = None;
        }
    }

    /// Takes the next thing to do to a port, oldest first.
    pub fn poll_output(&mut self) -> Option<PoolOutput> {
        self.out.pop_front()
    }

    /// Figures for `show` and metrics.
    pub fn counters(&self) -> Counters {
        Counters {
            budget: self.budget,
            in_use: self.bells().plus(self.lamps()),
            deferred_calls: self.deferred_calls,
            deferred_bursts: self.deferred_bursts,
            dimmed_lamps: self.dimmed_lamps,
        }
    }

    fn bells(&self) -> Ren {
        self.ports.values().filter(|port| port.bell == Bell::Rings).map(|port| port.load).sum()
    }

    fn lamps(&self) -> Ren {
        self.ports.values().filter(|port| port.lamp == Lamp::Lit).map(|_| LAMP_LOAD).sum()
    }

    fn free(&self) -> Ren {
        Ren(self.budget.0.saturating_sub(self.bells().plus(self.lamps()).0))
    }

    /// Gives what is free to waiting bells first, then to dark lamps; takes from lamps what bells need.
    fn share(&mut self) {
        let waiting: Vec<u16> = self.names(|port| port.bell == Bell::Waiting);
        for name in waiting {
            let Some(load) = self.ports.get(&name).map(|port| port.load) else { continue };
            if self.bells().plus(load) > self.budget {
                continue;
            }
            // Never both voltages on one pair.
            self.put_out(name);
            let lit = self.names(|port| port.lamp == Lamp::Lit);
            for other in lit {
                if self.free() >= load {
                    break;
                }
                self.put_out(other);
            }
            if let Some(port) = self.ports.get_mut(&name) {
                port.bell = Bell::Rings;
                self.out.push_back(PoolOutput::Ring { port: name, on: true });
            }
        }
        let dark = self.names(|port| port.lamp == Lamp::Dark && port.bell == Bell::Silent);
        for name in dark {
            if self.free() < LAMP_LOAD {
                break;
            }
            if let Some(port) = self.ports.get_mut(&name) {
                port.lamp = Lamp::Lit;
                self.out.push_back(PoolOutput::Lamp { port: name, on: true });
            }
        }
    }

    fn put_out(&mut self, name: u16) {
        if let Some(port) = self.ports.get_mut(&name)
            && port.lamp == Lamp::Lit
        {
            port.lamp = Lamp::Dark;
            self.dimmed_lamps += 1;
            self.out.push_back(PoolOutput::Lamp { port: name, on: false });
        }
    }

    fn names(&self, which: impl Fn(&Port) -> bool) -> Vec<u16> {
        self.ports.iter().filter(|(_, port)| which(port)).map(|(name, _)| *name).collect()
    }

    fn find_phase(&self, now: Instant, load: Ren, pattern: &RingPattern) -> Duration {
        let plans: Vec<(&Plan, Ren)> =
            self.ports.values().filter_map(|port| port.plan.as_ref().map(|plan| (plan, port.load))).collect();
        let together: Ren = plans.iter().map(|(_, load)| *load).sum();
        let fits = |delay: Duration| {
            together.plus(load) <= self.budget || self.fits(&plans, now, delay, load, pattern)
        };
        let near = |delay: Duration| {
            let start = now + delay;
            plans.iter().any(|(plan, _)| {
                let (a, b) = (start.max(plan.start), start.min(plan.start));
                a.duration_since(b) < STAGGER_STEP
            })
        };
        let steps = (STAGGER_LIMIT.as_millis() / STAGGER_STEP.as_millis()) as u32;
        let mut crowded = None;
        for delay in (0..=steps).map(|step| STAGGER_STEP * step) {
            if !fits(delay) {
                continue;
            }
            if !near(delay) {
                return delay;
            }
            crowded.get_or_insert(delay);
        }
        if let Some(delay) = crowded {
            return delay;
        }
        // Room appears when somebody's burst ends, never in between.
        let limit = period(pattern);
        let mut ends: Vec<Duration> = plans
            .iter()
            .flat_map(|(plan, _)| bursts(plan.start, &plan.pattern, now, now + limit))
            .map(|(_, end)| end.saturating_duration_since(now))
            .filter(|delay| *delay <= limit)
            .collect();
        ends.sort_unstable();
        ends.dedup();
        ends.into_iter()
            .take(MAX_CANDIDATES)
            .find(|delay| fits(*delay))
            .unwrap_or_else(|| self.least_crowded(&plans, now, pattern))
    }

    /// No phase is free: the one in which the fewest others ring, so that the gate has to hold back least.
    fn least_crowded(&self, plans: &[(&Plan, Ren)], now: Instant, pattern: &RingPattern) -> Duration {
        let (burst, _) = pattern.step(0);
        let limit = period(pattern);
        let step = Duration::from_millis(100);
        let mut best = (u32::MAX, Duration::ZERO);
        let mut delay = Duration::ZERO;
        while delay < limit {
            let (start, end) = (now + delay, now + delay + burst);
            let load: Ren = plans
                .iter()
                .filter(|(plan, _)| {
                    bursts(plan.start, &plan.pattern, start, end).any(|(a, b)| a < end && b > start)
                })
                .map(|(_, load)| *load)
                .sum();
            best = best.min((load.0, delay));
            delay += step;
        }
        best.1
    }

    /// Whether the whole cadence fits between the others', as far as the horizon.
    fn fits(
        &self,
        plans: &[(&Plan, Ren)],
        now: Instant,
        delay: Duration,
        load: Ren,
        pattern: &RingPattern,
    ) -> bool {
        let start = now + delay;
        let own = period(pattern);
        let one_period = plans.iter().all(|(plan, _)| period(&plan.pattern) == own);
        let horizon = start + if one_period { own } else { HORIZON };
        // Ends sort before beginnings at the same instant: a burst may follow another without a gap.
        let mut edges: Vec<(Instant, bool, u32)> = Vec::new();
        let mut add = |plan_start, pattern: &RingPattern, load: Ren| {
            for (begin, end) in bursts(plan_start, pattern, start, horizon) {
                edges.push((begin, true, load.0));
                edges.push((end, false, load.0));
            }
        };
        for (plan, load) in plans {
            add(plan.start, &plan.pattern, *load);
        }
        add(start, pattern, load);
        edges.sort_unstable();
        let mut sum = 0u64;
        edges.into_iter().all(|(_, begins, load)| {
            if begins {
                sum += u64::from(load);
            } else {
                sum = sum.saturating_sub(load.into());
            }
            sum <= u64::from(self.budget.0)
        })
    }
}

impl Default for RenPool {
    fn default() -> Self {
        Self::new(DEFAULT_BUDGET)
    }
}

fn period(pattern: &RingPattern) -> Duration {
    pattern.steps().iter().map(|(on, off)| *on + *off).sum()
}

/// The bursts of a cadence begun at `start` that touch the time from `from` to `to`.
fn bursts(
    start: Instant,
    pattern: &RingPattern,
    from: Instant,
    to: Instant,
) -> impl Iterator<Item = (Instant, Instant)> {
    let period = period(pattern);
    // Periods that are wholly past are skipped at once: a call may ring for an hour.
    let past = from.saturating_duration_since(start).as_millis() / period.as_millis().max(1);
    let mut at = start + period * u32::try_from(past).unwrap_or(0);
    let mut index = 0;
    std::iter::from_fn(move || {
        let (on, off) = pattern.step(index);
        index += 1;
        let burst = (at, at + on);
        at = at + on + off;
        (burst.0 < to).then_some(burst)
    })
    .filter(move |(_, end)| *end > from)
}
