//! The budget holds whatever the lines do.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::line::{Caller, Line, LineConfig, LineEventOut, Output, Vmwi};
use proptest::prelude::*;

/// A board: lines, their pool, and what the ports see.
struct Board {
    pool: RenPool,
    lines: Vec<Line>,
    load: Vec<Ren>,
    now: Instant,
    start: Instant,
    ringing: Vec<bool>,
    lit: Vec<bool>,
    first_ring: Vec<Option<Duration>>,
    peak: Ren,
}

impl Board {
    fn new(ports: usize, budget: Ren, load: impl Fn(usize) -> Ren) -> Self {
        let now = Instant::now();
        let config = LineConfig { vmwi: Vmwi::DcVoltage, ..LineConfig::default() };
        Self {
            pool: RenPool::new(budget),
            lines: (0..ports).map(|_| Line::new(config.clone())).collect(),
            load: (0..ports).map(load).collect(),
            now,
            start: now,
            ringing: vec![false; ports],
            lit: vec![false; ports],
            first_ring: vec![None; ports],
            peak: Ren::ZERO,
        }
    }

    fn call(&mut self, port: usize, pattern: &RingPattern) -> Duration {
        if self.lines[port].state() != crate::line::State::Idle {
            return Duration::ZERO;
        }
        let delay = self.pool.plan(self.now, port as u16, self.load[port], pattern);
        self.first_ring[port] = None;
        if self.lines[port].ring(self.now, pattern.clone().delayed(delay), Caller::default()).is_err() {
            // The handset is being lifted at this moment.
            self.pool.end(port as u16);
        }
        self.drain(port);
        delay
    }

    fn act(&mut self, port: usize, act: impl FnOnce(&mut Line, Instant)) {
        act(&mut self.lines[port], self.now);
        self.drain(port);
    }

    fn drain(&mut self, port: usize) {
        while let Some(output) = self.lines[port].poll_output() {
            match output {
                Output::Ring(on) => self.pool.ring(port as u16, on),
                Output::Lamp(on) => self.pool.lamp(port as u16, on),
                Output::Event(
                    LineEventOut::Answered | LineEventOut::RingTimeout | LineEventOut::Released,
                ) => {
                    self.pool.end(port as u16);
                }
                _ => {}
            }
            self.check();
        }
    }

    fn check(&mut self) {
        while let Some(output) = self.pool.poll_output() {
            match output {
                PoolOutput::Ring { port, on } => {
                    let port = usize::from(port);
                    assert_ne!(self.ringing[port], on, "a level told twice");
                    self.ringing[port] = on;
                    if on {
                        assert!(!self.lit[port], "both voltages on one pair");
                        self.first_ring[port].get_or_insert(self.now - self.start);
                    }
                }
                PoolOutput::Lamp { port, on } => {
                    let port = usize::from(port);
                    assert_ne!(self.lit[port], on, "a level told twice");
                    assert!(!(on && self.ringing[port]), "both voltages on one pair");
                    self.lit[port] = on;
                }
            }
            // In the order of outputs, not only at rest.
            let load: Ren = (0..self.lines.len())
                .map(|port| {
                    let bell =
                        if self.ringing[port] { self.load[port].min(self.pool.budget) } else { Ren::ZERO };
                    bell.plus(if self.lit[port] { LAMP_LOAD } else { Ren::ZERO })
                })
                .sum();
            assert!(load <= self.pool.budget, "{load} REN in use, budget {}", self.pool.budget);
            self.peak = self.peak.max(load);
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let next = (0..self.lines.len())
                .filter_map(|port| self.lines[port].poll_timeout().map(|at| (at, port)))
                .min()
                .filter(|(at, _)| *at <= end);
            let Some((at, port)) = next else { break };
            self.now = self.now.max(at);
            // Edges of one instant: ends of bursts first, as hardware that is switched in one pass would do.
            let mut due: Vec<usize> = (0..self.lines.len())
                .filter(|port| self.lines[*port].poll_timeout().is_some_and(|due| due <= at))
                .collect();
            due.sort_by_key(|port| !self.lines[*port].is_ring_burst());
            assert!(due.contains(&port));
            for port in due {
                self.act(port, |line, now| line.handle_timeout(now));
            }
        }
        self.now = end;
    }
}

fn us() -> RingPattern {
    RingPattern::default()
}

#[test]
fn calls_within_the_budget_ring_within_200_ms() {
    let mut board = Board::new(12, Ren::whole(12), |_| Ren::whole(1));
    for port in 0..12 {
        assert!(board.call(port, &us()) <= STAGGER_LIMIT);
    }
    board.wait(Duration::from_millis(200));
    assert!(board.ringing.iter().all(|ringing| *ringing));
    let mut starts: Vec<_> = board.first_ring.iter().map(|at| at.unwrap()).collect();
    starts.sort();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= STAGGER_STEP), "{starts:?}");
    assert_eq!(board.pool.counters().deferred_calls, 0);
}

#[test]
fn three_groups_share_the_north_american_cadence_for_ever() {
    let mut board = Board::new(36, Ren::whole(12), |_| Ren::whole(1));
    for port in 0..36 {
        assert!(board.call(port, &us()) < Duration::from_secs(6));
    }
    board.wait(Duration::from_secs(170));
    assert!(board.first_ring.iter().all(Option::is_some));
    assert_eq!(board.peak, Ren::whole(12));
    assert_eq!(board.pool.counters().deferred_bursts, 0);
}

#[test]
fn a_double_ring_is_planned_as_a_whole() {
    let gb = RingPattern::new(&[(400, 200), (400, 2000)]).unwrap();
    let mut board = Board::new(24, Ren::whole(8), |_| Ren::whole(1));
    for port in 0..24 {
        assert!(board.call(port, &gb) < Duration::from_secs(3));
    }
    board.wait(Duration::from_secs(100));
    assert!(board.first_ring.iter().all(Option::is_some));
    assert_eq!(board.pool.counters().deferred_bursts, 0);
}

#[test]
fn lamps_go_dark_for_bells_and_come_back() {
    let mut board = Board::new(24, Ren::whole(2), |_| Ren::whole(1));
    for port in 0..24 {
        board.act(port, |line, now| line.set_message_waiting(now, true));
    }
    assert_eq!(board.lit.iter().filter(|lit| **lit).count(), 20); // 2 REN for 24 lamps of 0.1
    board.call(0, &us());
    assert_eq!(board.lit.iter().filter(|lit| **lit).count(), 10);
    assert!(!board.lit[0]);
    board.call(1, &us());
    board.wait(Duration::from_millis(8));
    assert_eq!(board.lit.iter().filter(|lit| **lit).count(), 0);
    board.wait(Duration::from_millis(2000));
    assert_eq!(board.lit.iter().filter(|lit| **lit).count(), 20);
    assert!(board.pool.counters().dimmed_lamps >= 20);
    board.act(0, |line, now| line.handle_hook(now, true));
    board.act(1, |line, now| line.stop_ring(now));
    board.wait(Duration::from_secs(1));
    assert_eq!(board.lit.iter().filter(|lit| **lit).count(), 20);
}

#[test]
fn an_end_frees_the_phase() {
    let mut board = Board::new(2, Ren::whole(1), |_| Ren::whole(1));
    assert_eq!(board.call(0, &us()), Duration::ZERO);
    board.act(0, |line, now| line.stop_ring(now));
    board.pool.end(0);
    assert_eq!(board.call(1, &us()), Duration::ZERO);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn never_more_than_the_budget(
        budget in 1u16..14,
        acts in proptest::collection::vec((0usize..24, 0u8..8, 0u64..4000), 1..80),
    ) {
        let patterns = [
            us(),
            RingPattern::new(&[(400, 200), (400, 2000)]).unwrap(),
            RingPattern::new(&[(1000, 4000)]).unwrap(),
            RingPattern::new(&[(1500, 3500)]).unwrap(),
        ];
        let mut board = Board::new(24, Ren::whole(budget), |port| Ren::whole(1 + (port % 5) as u16));
        for (port, act, ms) in acts {
            match act {
                0..=2 => {
                    let pattern = &patterns[port % patterns.len()];
                    let idle = board.lines[port].state() == crate::line::State::Idle;
                    let before: Ren =
                        board.pool.ports.values().filter(|p| p.plan.is_some()).map(|p| p.load).sum();
                    let room = before.plus(board.load[port]) <= Ren::whole(budget);
                    let delay = board.call(port, pattern);
                    prop_assert!(!idle || !room || delay <= STAGGER_LIMIT, "{delay:?} although all fit");
                    prop_assert!(delay <= Duration::from_secs(6));
                }
                3 => board.act(port, |line, now| line.set_message_waiting(now, true)),
                4 => board.act(port, |line, now| line.set_message_waiting(now, false)),
                5 => board.act(port, |line, now| line.handle_hook(now, true)),
                6 => board.act(port, |line, now| line.handle_hook(now, false)),
                _ => {
                    board.act(port, |line, now| line.stop_ring(now));
                    board.pool.end(port as u16);
                }
            }
            board.wait(Duration::from_millis(ms));
        }
        // Everybody hangs up: no load but lamps.
        for port in 0..24 {
            board.act(port, |line, now| line.handle_hook(now, false));
            board.act(port, |line, now| line.stop_ring(now));
            board.pool.end(port as u16);
        }
        board.wait(Duration::from_secs(400));
        prop_assert!(board.ringing.iter().all(|ringing| !ringing));
        let lit = board.lit.iter().filter(|lit| **lit).count();
        let wanted = board.lines.iter().filter(|line| line.message_waiting()).count();
        prop_assert_eq!(lit, wanted.min(usize::from(budget) * 10));
    }
}

#[test]
fn a_port_with_lit_lamp_goes_dark_before_its_own_bell() {
    let mut pool = RenPool::new(Ren::whole(2));
    let outputs = |pool: &mut RenPool| std::iter::from_fn(|| pool.poll_output()).collect::<Vec<_>>();
    pool.lamp(7, true);
    assert_eq!(outputs(&mut pool), [PoolOutput::Lamp { port: 7, on: true }]);
    pool.ring(7, true);
    assert_eq!(
        outputs(&mut pool),
        [PoolOutput::Lamp { port: 7, on: false }, PoolOutput::Ring { port: 7, on: true }]
    );
    pool.end(7);
    assert_eq!(
        outputs(&mut pool),
        [PoolOutput::Ring { port: 7, on: false }, PoolOutput::Lamp { port: 7, on: true }]
    );
    pool.lamp(7, false);
    pool.lamp(7, false);
    assert_eq!(outputs(&mut pool), [PoolOutput::Lamp { port: 7, on: false }]);
    assert_eq!(pool.counters().in_use, Ren::ZERO);
}
