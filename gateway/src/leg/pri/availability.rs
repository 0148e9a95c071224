//! When a line was down, for the last day: the unavailable seconds of `show controllers`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Most losses remembered; older ones are forgotten.
const MAX_LOSSES: usize = 256;

/// Times without layer 1.
#[derive(Debug, Default)]
pub struct Availability {
    since: Option<Instant>,
    down: Option<Instant>,
    losses: VecDeque<(Instant, Instant)>,
}

impl Availability {
    /// The line is `up` from `now` on.
    pub fn note(&mut self, now: Instant, up: bool) {
        self.since.get_or_insert(now);
        match (up, self.down) {
            (true, Some(from)) => {
                self.down = None;
                self.losses.push_back((from, now));
                if self.losses.len() > MAX_LOSSES {
                    self.losses.pop_front();
                }
            }
            (false, None) => self.down = Some(now),
            _ => {}
        }
    }

    /// Since when anything is known.
    #[must_use]
    pub fn known(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// How long the line was down in the last `within`, at most a day.
    #[must_use]
    pub fn unavailable(&self, now: Instant, within: Duration) -> Duration {
        let within = within.min(DAY);
        let part = |from: Instant, to: Instant| {
            // Both ends as ages; what is older than `within` does not count.
            let (old, new) = (now.saturating_duration_since(from), now.saturating_duration_since(to));
            old.min(within).saturating_sub(new.min(within))
        };
        let past: Duration = self.losses.iter().map(|&(from, to)| part(from, to)).sum();
        past + self.down.map_or(Duration::ZERO, |from| part(from, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_count_only_as_far_as_they_lie_in_the_time_asked_for() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut line = Availability::default();
        for (seconds, up) in [(0, false), (10, true), (100, false), (130, true), (130, true), (200, false)] {
            line.note(at(seconds), up);
        }
        let down = |now, within| line.unavailable(at(now), Duration::from_secs(within)).as_secs();
        assert_eq!((down(300, 300), down(300, 190), down(300, 100), down(300, 50)), (140, 120, 100, 50));
        assert_eq!(line.known(at(300)).as_secs(), 300);
    }
}
