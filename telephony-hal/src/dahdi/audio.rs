//! A channel's audio as its owner sees it: octets in any portions, at the owner's pace.

use std::collections::VecDeque;
use std::sync::Arc;

use super::carrier::{Bearer, LARGEST};

/// Samples in a kernel buffer: 20 ms.
pub(super) const BLOCK: u16 = 160;
/// Kernel buffers a direction: what the thread may be late by.
pub(super) const BUFFERS: u16 = 8;
/// Blocks received over which the least that waited is looked at.
const WINDOW: u32 = 64;
/// Received blocks that may wait all the time: more are delay that nobody needs.
const NEEDED: usize = 2;

/// Counts of what the difference of two clocks, or a late caller, cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioSlips {
    /// Samples received and not delivered.
    pub dropped: u64,
    /// Samples of silence put in, because nothing else was there in time.
    pub repeated: u64,
    /// Samples not sent, because too much waited.
    pub skipped: u64,
}

/// The owner's end of a [`Bearer`].
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) bearer: Arc<Bearer>,
    /// The rest of a block that was asked for in parts.
    heard: VecDeque<u8>,
    /// The beginning of a block that was given in parts.
    said: Vec<u8>,
    /// Blocks heard in this window, and the least that waited at one of them.
    window: u32,
    least: usize,
}

impl Stream {
    pub(super) fn new(bearer: Arc<Bearer>) -> Self {
        Self { bearer, heard: VecDeque::new(), said: Vec::new(), window: 0, least: usize::MAX }
    }

    /// What was said and heard before is of another time.
    pub(super) fn forget(&mut self) {
        let mut old = [0; LARGEST];
        while self.bearer.hear(&mut old) {}
        self.heard.clear();
        self.said.clear();
        (self.window, self.least) = (0, usize::MAX);
    }

    /// Octets received, into the front of `out`; says how many.
    pub(super) fn read(&mut self, out: &mut [u8]) -> usize {
        let mut block = [0; LARGEST];
        while self.heard.len() < out.len() {
            self.keep_up();
            if !self.bearer.hear(&mut block) {
                break;
            }
            self.heard.extend(block.get(..self.bearer.block()).unwrap_or_default());
        }
        let count = out.len().min(self.heard.len());
        for (to, from) in out.iter_mut().zip(self.heard.drain(..count)) {
            *to = from;
        }
        count
    }

    /// Octets to send.
    pub(super) fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.said.push(*octet);
            if self.said.len() >= self.bearer.block() {
                self.bearer.say(&self.said);
                self.said.clear();
            }
        }
    }

    /// Leaves out what waited all the time beyond need: the caller was late, or the board's clock is the faster one.
    fn keep_up(&mut self) {
        self.least = self.least.min(self.bearer.waiting());
        self.window += 1;
        if self.window >= WINDOW {
            (NEEDED..self.least).for_each(|_| self.bearer.drop_heard());
            (self.window, self.least) = (0, usize::MAX);
        }
    }
}
