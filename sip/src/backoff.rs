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
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        if let Some(seconds) = retry_after {
            return Duration::from_secs(u64::from(seconds.clamp(1, 86_400)));
        }
        let doubled = self.first.saturating_mul(1 << failures.min(16)).min(self.longest);
        doubled + doubled.mul_f64(f64::from(rng.next_u32() % 1000) / 5000.0)
    }

    /// Whether anything has failed since the last [`Backoff::reset`].
    pub(crate) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}
