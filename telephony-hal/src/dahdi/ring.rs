//! Blocks of 20 ms from one thread to another, without a lock.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Blocks that may wait.
pub(super) const CAPACITY: usize = 8;

/// A bounded queue of blocks of one length. One thread pushes, one other pops; what each does with the other's end is only to look.
#[derive(Debug)]
pub(super) struct Ring {
    /// Octets of a block in eights, block after block.
    words: Box<[AtomicU64]>,
    /// Eights in a block.
    length: usize,
    /// Blocks popped since the beginning.
    popped: AtomicUsize,
    /// Blocks pushed since the beginning.
    pushed: AtomicUsize,
}

impl Ring {
    /// For blocks of `octets`, a multiple of 8.
    pub(super) fn new(octets: usize) -> Self {
        let length = octets / 8;
        Self {
            words: (0..length * CAPACITY).map(|_| AtomicU64::new(0)).collect(),
            length,
            popped: AtomicUsize::new(0),
            pushed: AtomicUsize::new(0),
        }
    }

    /// Blocks that wait.
    pub(super) fn len(&self) -> usize {
        self.pushed.load(Ordering::Acquire).wrapping_sub(self.popped.load(Ordering::Acquire))
    }

    /// Puts a block behind the others; `false` when there is no room, and then nothing has changed.
    pub(super) fn push(&self, block: &[u8]) -> bool {
        let pushed = self.pushed.load(Ordering::Relaxed);
        if pushed.wrapping_sub(self.popped.load(Ordering::Acquire)) >= CAPACITY {
            return false;
        }
        for (word, octets) in self.place(pushed).iter().zip(block.as_chunks().0) {
            word.store(u64::from_ne_bytes(*octets), Ordering::Relaxed);
        }
        self.pushed.store(pushed.wrapping_add(1), Ordering::Release);
        true
    }

    /// Takes the oldest block into `out`; `false` when there is none.
    pub(super) fn pop(&self, out: &mut [u8]) -> bool {
        let popped = self.popped.load(Ordering::Relaxed);
        if self.pushed.load(Ordering::Acquire) == popped {
            return false;
        }
        for (octets, word) in out.as_chunks_mut().0.iter_mut().zip(self.place(popped)) {
            *octets = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        self.popped.store(popped.wrapping_add(1), Ordering::Release);
        true
    }

    fn place(&self, count: usize) -> &[AtomicU64] {
        let from = count % CAPACITY * self.length;
        self.words.get(from..from + self.length).unwrap_or_default()
    }
}
