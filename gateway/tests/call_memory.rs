//! What a call holds while it stands.
//!
//! The budget of the daemon is 12 KiB of resident memory, which `cargo xtask bench calls` measures; here the octets asked of the
//! heap are counted, which is the same on every machine. For where they are asked for, run this test under
//! `valgrind --tool=dhat`.

#![allow(clippy::unwrap_used, unsafe_code)]

#[path = "../examples/call_cost/world.rs"]
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use world::World;

/// The system's allocator, counting what is in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are System's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `at` came from System.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        IN_USE.fetch_add(size, Ordering::Relaxed);
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `at` came from System.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}

/// Octets a call may ask for. The rest of 12 KiB is what allocators round up, and what tables that double have ahead.
const BUDGET: usize = 8_500;

#[test]
fn a_call_from_sip_to_pri_that_stands_holds_less_than_its_budget() {
    const CALLS: usize = 200;
    let mut world = World::new(in_use).unwrap();
    // What is made once, and how long tables are for so many calls.
    for number in 0..8 {
        world.call(number).unwrap();
    }
    let (before, outside) = (in_use(), world.outside_heap);
    for number in 0..CALLS {
        world.answer(1000 + number).unwrap();
    }
    let taken = in_use() - before - world.outside_heap.wrapping_sub(outside);
    let each = taken / CALLS;
    println!("{each} octets a call");
    assert!(each < BUDGET, "{each} octets a call");
}
