//! The ringer budget: what lines want of bells and lamps goes through [`RenPool`]s, one for each board of 24 ports, to the hardware.
//!
//! A call asks [`Ringing::plan`] for its place before it rings, everything a line wants done goes through [`Ringing::act`], and
//! [`Ringing::settle`] gives the place back when the line rings no more. The pool keeps the rest: never more REN than the budget,
//! bells a few milliseconds apart, lamps dark while their share is needed.

use std::time::{Duration, Instant};

use telephony_hal::line::{RingPattern, State};
use telephony_hal::ren::{Counters, DEFAULT_BUDGET, PoolOutput, Ren, RenPool};

use crate::leg::fxs::{FxsPort, LineAction};

/// Ports that share a ringing generator.
pub const BOARD: usize = 24;

/// The ringing generators of the box.
#[derive(Debug, Default)]
pub struct Ringing {
    boards: Vec<RenPool>,
    /// Lines whose calls have a place.
    planned: Vec<usize>,
}

impl Ringing {
    /// Generators for so many lines, 12 REN for each 24.
    #[must_use]
    pub fn new(lines: usize) -> Self {
        Self {
            boards: (0..lines.div_ceil(BOARD)).map(|_| RenPool::new(DEFAULT_BUDGET)).collect(),
            planned: Vec::new(),
        }
    }

    /// Finds a place for a call that is to ring `line`, bells of `ren`, with `pattern`, whose first burst comes `lead` after its beginning anyway
    /// (caller ID before ringing). Gives how long the first burst must wait besides: at most 200 ms unless the budget is full.
    pub fn plan(
        &mut self,
        now: Instant,
        line: usize,
        ren: u8,
        lead: Duration,
        pattern: &RingPattern,
    ) -> Duration {
        let Some((pool, port)) = self.place(line) else { return Duration::ZERO };
        let delay = pool.plan(now + lead, port, Ren::whole(ren.into()), pattern);
        if !self.planned.contains(&line) {
            self.planned.push(line);
        }
        delay
    }

    /// What a line wants done; `then` is told what is to be done, on which lines, in order.
    pub fn act(&mut self, line: usize, action: LineAction, mut then: impl FnMut(usize, LineAction)) {
        let Some((pool, port)) = self.place(line) else { return then(line, action) };
        match action {
            LineAction::Ring(on) => pool.ring(port, on),
            LineAction::Lamp(on) => pool.lamp(port, on),
            other => return then(line, other),
        }
        drain(pool, line, then);
    }

    /// The line may have stopped ringing: its place is free then.
    pub fn settle(&mut self, line: usize, port: &FxsPort, then: impl FnMut(usize, LineAction)) {
        if port.line().state() == State::Ringing || !self.planned.contains(&line) {
            return;
        }
        self.planned.retain(|planned| *planned != line);
        if let Some((pool, place)) = self.place(line) {
            pool.end(place);
            drain(pool, line, then);
        }
    }

    /// How each board is doing.
    pub fn counters(&self) -> impl Iterator<Item = Counters> + '_ {
        self.boards.iter().map(RenPool::counters)
    }

    fn place(&mut self, line: usize) -> Option<(&mut RenPool, u16)> {
        let port = u16::try_from(line % BOARD).ok()?;
        self.boards.get_mut(line / BOARD).map(|pool| (pool, port))
    }
}

fn drain(pool: &mut RenPool, line: usize, mut then: impl FnMut(usize, LineAction)) {
    let first = line - line % BOARD;
    while let Some(output) = pool.poll_output() {
        match output {
            PoolOutput::Ring { port, on } => then(first + usize::from(port), LineAction::Ring(on)),
            PoolOutput::Lamp { port, on } => then(first + usize::from(port), LineAction::Lamp(on)),
        }
    }
}

#[cfg(test)]
mod tests;
