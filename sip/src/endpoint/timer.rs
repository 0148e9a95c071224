//! The endpoint's timers: a queue for the long ones, which come in order, and a heap for the rest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

/// What a timer is for. The transaction knows the time it wants; an entry that comes earlier is put back or
/// dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKind {
    /// Timers A, E, G, the 2xx's, and the 100 of RFC 3261 17.2.1.
    Soon,
    /// The one that ends the transaction: B, D, F, H, I, J, K, L, M.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) at: Instant,
    /// Makes the order total and tells a transaction from a later one in the same slot.
    pub(super) serial: u64,
    pub(super) index: usize,
    pub(super) kind: TimerKind,
    pub(super) client: bool,
}

#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    /// Deadlines that never decrease: nearly all timers J, F and L are armed in the order they expire.
    ordered: VecDeque<Entry>,
    others: BinaryHeap<Reverse<Entry>>,
}

impl TimerQueue {
    pub(super) fn push(&mut self, entry: Entry) {
        let in_order = self.ordered.back().is_none_or(|last| last.at <= entry.at);
        if entry.kind == TimerKind::End && in_order {
            self.ordered.push_back(entry);
        } else {
            self.others.push(Reverse(entry));
        }
    }

    pub(super) fn peek(&self) -> Option<Entry> {
        match (self.ordered.front(), self.others.peek()) {
            (Some(a), Some(Reverse(b))) => Some(*a.min(b)),
            (Some(a), None) => Some(*a),
            (None, Some(Reverse(b))) => Some(*b),
            (None, None) => None,
        }
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        let next = self.peek()?;
        if self.ordered.front() == Some(&next) {
            self.ordered.pop_front()
        } else {
            self.others.pop().map(|Reverse(entry)| entry)
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ordered.len() + self.others.len()
    }
}
