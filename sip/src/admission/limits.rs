//! Token buckets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::AdmissionConfig;

/// Sources whose use is remembered at a time; all others share one bucket.
pub(super) const MAX_SOURCES: usize = 16_384;

/// A token bucket, kept as the time at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    full: Option<Instant>,
}

impl Rate {
    /// Takes a token, if there is one: `rate` a second come, `burst` times `ahead` fit. Always true with a
    /// rate of 0.
    pub(super) fn take(&mut self, now: Instant, rate: u32, burst: u32, ahead: u32) -> bool {
        if rate == 0 {
            return true;
        }
        let each = Duration::from_secs(1) / rate;
        let room = each.saturating_mul(burst.max(1).saturating_mul(ahead));
        let full = self.full.map_or(now, |full| full.max(now)) + each;
        if full.saturating_duration_since(now) > room {
            return false;
        }
        self.full = Some(full);
        true
    }

    fn is_full(&self, now: Instant) -> bool {
        self.full.is_none_or(|full| full <= now)
    }
}

/// One bucket for each source.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: HashMap<IpAddr, Rate>,
    /// For those that find no place.
    others: Rate,
    swept: Option<Instant>,
}

impl Sources {
    pub(super) fn take(
        &mut self,
        now: Instant,
        source: IpAddr,
        config: &AdmissionConfig,
        ahead: u32,
    ) -> bool {
        if config.rate == 0 {
            return true;
        }
        if self.known.len() >= MAX_SOURCES && !self.known.contains_key(&source) {
            // A full bucket need not be remembered. Looked for once a second at most: it costs.
            if self.swept.is_none_or(|last| now.saturating_duration_since(last) >= Duration::from_secs(1)) {
                self.swept = Some(now);
                self.known.retain(|_, rate| !rate.is_full(now));
            }
            if self.known.len() >= MAX_SOURCES {
                return self.others.take(now, config.rate, config.burst, ahead);
            }
        }
        self.known.entry(source).or_default().take(now, config.rate, config.burst, ahead)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
