//! Waiting longer after each failure, and not all at once.

use std::time::Duration;

use rand::Rng;

/// Doubling waits with a spread.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, failures: 0 }
    }

    /// The next wait: what the peer asks for with Retry-After (1 s to a day), else doubled up to the
    /// longest, and up to a fifth more, so that a fleet does not come all at once.
    pub(crate) fn next(&mut self, retry_after: Option<u32>, rng: &mut impl Rng) -> Duration {
        if let Some(seconds) = retry_after {
            return Duration::from_secs(u64::from(seconds.clamp(1, 86_400)));
        }
        let doubled = self.first.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        doubled + doubled.mul_f64(f64::from(rng.next_u32() % 1000) / 5000.0)
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}
