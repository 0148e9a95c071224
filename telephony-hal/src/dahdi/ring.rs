//! Blocks of 20 ms from one thread to another, without a lock.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::audio::BLOCK;

/// Octets of a block.
pub(super) const OCTETS: usize = BLOCK as usize;
/// Blocks that may wait.
pub(super) const CAPACITY: usize = 8;
const WORDS: usize = OCTETS / 8;

/// 20 ms of a bearer, companded.
pub(super) type Block = [u8; OCTETS];

/// A bounded queue of blocks. One thread pushes, one other pops; what each does with the other's end is only to look.
#[derive(Debug)]
pub(super) struct Ring {
    blocks: [[AtomicU64; WORDS]; CAPACITY],
    /// Blocks popped since the beginning.
    popped: AtomicUsize,
    /// Blocks pushed since the beginning.
    pushed: AtomicUsize,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            blocks: [const { [const { AtomicU64::new(0) }; WORDS] }; CAPACITY],
            popped: AtomicUsize::new(0),
            pushed: AtomicUsize::new(0),
        }
    }

    /// Blocks that wait.
    pub(super) fn len(&self) -> usize {
        self.pushed.load(Ordering::Acquire).wrapping_sub(self.popped.load(Ordering::Acquire))
    }

    /// Puts a block behind the others; `false` when there is no room, and then nothing has changed.
    pub(super) fn push(&self, block: &Block) -> bool {
        let pushed = self.pushed.load(Ordering::Relaxed);
        if pushed.wrapping_sub(self.popped.load(Ordering::Acquire)) >= CAPACITY {
            return false;
        }
        let words = self.blocks.get(pushed % CAPACITY).into_iter().flatten();
        for (word, octets) in words.zip(block.as_chunks().0) {
            word.store(u64::from_ne_bytes(*octets), Ordering::Relaxed);
        }
        self.pushed.store(pushed.wrapping_add(1), Ordering::Release);
        true
    }

    /// The oldest block.
    pub(super) fn pop(&self) -> Option<Block> {
        let popped = self.popped.load(Ordering::Relaxed);
        if self.pushed.load(Ordering::Acquire) == popped {
            return None;
        }
        let mut block = [0; OCTETS];
        let words = self.blocks.get(popped % CAPACITY).into_iter().flatten();
        for (octets, word) in block.as_chunks_mut().0.iter_mut().zip(words) {
            *octets = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        self.popped.store(popped.wrapping_add(1), Ordering::Release);
        Some(block)
    }
}
