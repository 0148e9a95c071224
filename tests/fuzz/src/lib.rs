//! What every fuzz target shares: the clock that finds slow inputs, and a reader for made-up events.
//!
//! A new target is one file, `src/bin/NAME.rs`:
//!
//! ```ignore
//! //! Any octets: read or refused, never a panic.
//! #![no_main]
//! fuzz::target!(|octets: &[u8]| {
//!     let _ = mycrate::parse(octets);
//! });
//! ```
//!
//! a line under `[dependencies]` in `Cargo.toml` if the crate is not there yet, and a committed folder
//! `corpus/NAME/` with a few small inputs of our own. `cargo xtask fuzz NAME --seconds 60` runs it, and
//! `cargo xtask fuzz NAME --minimise` puts what was found, made small, into the folder.
//!
//! `FUZZ_TRACE=1 target/fuzz/…/release/NAME FILE` plays one input again with what [`trace`] says.
//!
//! A panic, an abort or an input that takes more than its time is a failure, and the input is kept. Time is CPU
//! time of the thread, so that preemption does not count. The whole input has [`budget`]; a target that
//! plays many events wraps each in [`timed`] instead, and every one of them has the budget of its own length.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

#[doc(hidden)]
pub use libfuzzer_sys;

/// Declares the target: a closure from the input's octets.
#[macro_export]
macro_rules! target {
    (|$octets:ident: &[u8]| $body:block) => {
        $crate::libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
            fn input($octets: &[u8]) {
                $body
            }
            $crate::run(octets, input);
        });
    };
}

/// Prints a line when `FUZZ_TRACE` is set: what happened on the way to a failure, when a kept input is run again.
pub fn trace(line: impl FnOnce() -> String) {
    static WANTED: OnceLock<bool> = OnceLock::new();
    if *WANTED.get_or_init(|| std::env::var_os("FUZZ_TRACE").is_some()) {
        eprintln!("{}", line());
    }
}

/// CPU time one input of `len` octets may take: 1 ms up to 1 KiB, and 1 ms for each KiB more.
pub fn budget(len: usize) -> Duration {
    Duration::from_millis(len.div_ceil(1024).max(1) as u64)
}

/// One measured step: what it took and what it may take.
#[derive(Clone, Copy, Debug)]
struct Step {
    took: Duration,
    budget: Duration,
}

thread_local! {
    static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
}

/// Runs one step of a target that plays many, `len` octets long, and measures it.
pub fn timed<T>(len: usize, step: impl FnOnce() -> T) -> T {
    let before = cpu_time();
    let result = step();
    let took = cpu_time().saturating_sub(before);
    STEPS.with_borrow_mut(|steps| steps.push(Step { took, budget: budget(len) }));
    result
}

/// Runs one input and fails when it, or a step of it, is slow again and again.
///
/// # Panics
/// When a step took more than its budget four times: a slow input is run three times more, and the
/// least of each step counts.
#[doc(hidden)]
pub fn run(octets: &[u8], input: fn(&[u8])) {
    let mut least = measure(octets, input);
    for _ in 0..3 {
        if least.iter().all(|step| step.took <= step.budget) {
            return;
        }
        for (step, again) in least.iter_mut().zip(measure(octets, input)) {
            step.took = step.took.min(again.took);
        }
    }
    for (number, step) in least.iter().enumerate() {
        assert!(
            step.took <= step.budget,
            "slow: step {number} of an input of {} octets took {:?} of CPU time, expected at most {:?}",
            octets.len(),
            step.took,
            step.budget,
        );
    }
}

/// The steps of one run; the whole input is the only step of a target without any.
fn measure(octets: &[u8], input: fn(&[u8])) -> Vec<Step> {
    STEPS.with_borrow_mut(Vec::clear);
    let before = cpu_time();
    input(octets);
    let took = cpu_time().saturating_sub(before);
    let steps = STEPS.take();
    if steps.is_empty() { vec![Step { took, budget: budget(octets.len()) }] } else { steps }
}

/// True for a line of configuration that derives a key from a clear secret, which is slow by design.
pub fn derives_a_key(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let mut words = line.split_whitespace();
    let is = |word: &str, whole: &str| !word.is_empty() && whole.starts_with(word);
    let secret = words.clone().any(|word| is(word, "secret"));
    secret && words.any(|word| is(word, "enable") || is(word, "username"))
}

fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Into::into)
}

/// Reads an input as a list of choices. When the input is used up, everything is 0 or empty.
#[derive(Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Choices from these octets.
    pub fn new(octets: &'a [u8]) -> Choices<'a> {
        Choices(octets)
    }

    /// Nothing left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next octet.
    pub fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// One of `all`.
    ///
    /// # Panics
    /// When there is nothing to choose from.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.octet()) % all.len()]
    }

    /// A run of octets up to the next `end`, which is swallowed.
    pub fn until(&mut self, end: u8) -> &'a [u8] {
        let at = self.0.iter().position(|octet| *octet == end).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at(at);
        self.0 = rest.get(1..).unwrap_or_default();
        run
    }
}
