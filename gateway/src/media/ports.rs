//! Pairs of UDP ports that are open and free, for streams to take.
//!
//! The machines make session descriptions and need port numbers at once; only the driver can open sockets. So it opens
//! a few ahead: as long as [`Ports::wanted`] says so, it adds pairs that it has bound.

use std::collections::VecDeque;

/// Pairs kept ready.
const READY: usize = 8;

/// The pairs that are ready.
#[derive(Debug, Default)]
pub struct Ports {
    ready: VecDeque<u16>,
    used: usize,
    limit: usize,
}

impl Ports {
    /// No pair yet, and at most `limit` in use at a time.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// How many pairs the driver should open.
    #[must_use]
    pub fn wanted(&self) -> usize {
        READY.min(self.limit.saturating_sub(self.used)).saturating_sub(self.ready.len())
    }

    /// A pair is open: RTP on this even port, RTCP on the next.
    pub fn add(&mut self, port: u16) {
        self.ready.push_back(port);
    }

    /// The pairs that were ready are closed; they are to be opened anew.
    pub fn forget_ready(&mut self) {
        self.ready.clear();
    }

    /// Takes a pair; `None` when all are in use: cause 47.
    pub fn take(&mut self) -> Option<u16> {
        let port = self.ready.pop_front()?;
        self.used += 1;
        Some(port)
    }

    /// A pair that was taken is closed.
    pub fn give_back(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    /// Pairs in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// Pairs there may be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}
