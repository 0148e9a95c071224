//! What a line's framer counted, second by second and in intervals of 15 minutes, for `show controllers`.
//!
//! The terms are those of RFC 4805 section 2; a second is severely errored from 320 path code violations on a T1 (ESF) and 832 on
//! an E1 (CRC-4), as there.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use telephony_hal::{LineErrors, SpanKind};

/// Length of an interval.
pub const INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Whole intervals kept: a day.
const INTERVALS: u64 = 96;

/// The counters of one interval, or of a sum of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Line code violations (bipolar violations, excessive zeros).
    pub line_code_violations: u64,
    /// Path code violations (CRC errors).
    pub path_code_violations: u64,
    /// Seconds with a controlled slip.
    pub slip_secs: u64,
    /// Seconds with a loss of frame alignment.
    pub frame_loss_secs: u64,
    /// Seconds with a line code violation.
    pub line_errored_secs: u64,
    /// Minutes with an error ratio from 10⁻⁶ to 10⁻³.
    pub degraded_mins: u64,
    /// Seconds with a path code violation, a slip or a loss of frame alignment.
    pub errored_secs: u64,
    /// Seconds with more than one path code violation that are not severely errored.
    pub bursty_errored_secs: u64,
    /// Seconds with so many path code violations that the line is of no use, or with a loss of frame alignment.
    pub severely_errored_secs: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.line_code_violations += other.line_code_violations;
        self.path_code_violations += other.path_code_violations;
        self.slip_secs += other.slip_secs;
        self.frame_loss_secs += other.frame_loss_secs;
        self.line_errored_secs += other.line_errored_secs;
        self.degraded_mins += other.degraded_mins;
        self.errored_secs += other.errored_secs;
        self.bursty_errored_secs += other.bursty_errored_secs;
        self.severely_errored_secs += other.severely_errored_secs;
    }

    /// What one second with these errors counts.
    fn second(errors: LineErrors, kind: SpanKind) -> Self {
        let severe = match kind {
            SpanKind::E1 => 832,
            SpanKind::T1 => 320,
        };
        let lost = errors.framing_losses > 0;
        let severely = lost || errors.crc_errors >= severe;
        Self {
            line_code_violations: errors.code_violations,
            path_code_violations: errors.crc_errors,
            slip_secs: u64::from(errors.slips > 0),
            frame_loss_secs: u64::from(lost),
            line_errored_secs: u64::from(errors.code_violations > 0),
            degraded_mins: 0,
            errored_secs: u64::from(lost || errors.crc_errors > 0 || errors.slips > 0),
            bursty_errored_secs: u64::from(!severely && errors.crc_errors > 1),
            severely_errored_secs: u64::from(severely),
        }
    }
}

/// The counters of a line for the last day.
#[derive(Debug, Default)]
pub struct Performance {
    /// When the first reading came; intervals are counted from there.
    since: Option<Instant>,
    /// The last reading.
    last: LineErrors,
    /// The newest interval, and its number.
    current: Counts,
    number: u64,
    /// Whole intervals with their numbers, newest last; those without any error may be missing.
    past: VecDeque<(u64, Counts)>,
    /// Line code violations of the current minute, and its number.
    minute: (u64, u64),
}

impl Performance {
    /// A reading of the framer's counters since it was opened. Errors since the reading before count for one second.
    pub fn note(&mut self, now: Instant, kind: SpanKind, errors: LineErrors) {
        let Some(since) = self.since else {
            (self.since, self.last) = (Some(now), errors);
            return;
        };
        self.advance(now);
        let delta = errors.since(&std::mem::replace(&mut self.last, errors));
        self.current.add(&Counts::second(delta, kind));
        // Of 60 s at 2048 or 1544 kbit/s, in 10⁻⁶.
        let degraded = match kind {
            SpanKind::E1 => 122..122_880,
            SpanKind::T1 => 92..92_640,
        };
        let minute = now.saturating_duration_since(since).as_secs() / 60;
        if minute != self.minute.0 {
            self.current.degraded_mins += u64::from(degraded.contains(&self.minute.1));
            self.minute = (minute, 0);
        }
        self.minute.1 += delta.code_violations;
    }

    /// The interval at `now` becomes the current one.
    fn advance(&mut self, now: Instant) {
        let number = self.interval_at(now);
        if number != self.number {
            self.past.push_back((self.number, std::mem::take(&mut self.current)));
            self.number = number;
            let oldest = number.saturating_sub(INTERVALS);
            self.past.retain(|(at, _)| *at >= oldest);
        }
    }

    fn interval_at(&self, now: Instant) -> u64 {
        self.since.map_or(0, |since| now.saturating_duration_since(since).as_secs() / INTERVAL.as_secs())
    }

    /// The counters of the interval at `now`, and of the whole ones of the last day.
    #[must_use]
    pub fn counts(&self, now: Instant) -> (Counts, Counts) {
        let number = self.interval_at(now);
        let current = if number == self.number { self.current } else { Counts::default() };
        let oldest = number.saturating_sub(INTERVALS);
        let mut total = Counts::default();
        if number != self.number && self.number >= oldest {
            total.add(&self.current);
        }
        self.past.iter().filter(|(at, _)| *at >= oldest).for_each(|(_, counts)| total.add(counts));
        (current, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(code_violations: u64, crc_errors: u64, slips: u64, framing_losses: u64) -> LineErrors {
        LineErrors { code_violations, crc_errors, slips, framing_losses }
    }

    #[test]
    fn seconds_are_counted_by_what_happened_in_them() {
        let start = Instant::now();
        let mut line = Performance::default();
        // What was counted before the first reading is not ours.
        line.note(start, SpanKind::E1, errors(7, 7, 7, 7));
        let mut total = errors(7, 7, 7, 7);
        for (at, (cv, crc, slips, losses)) in
            [(3, 0, 0, 0), (0, 1, 0, 0), (0, 2, 1, 0), (0, 832, 0, 0), (0, 0, 0, 1), (0, 0, 0, 0)]
                .into_iter()
                .enumerate()
        {
            total = errors(
                total.code_violations + cv,
                total.crc_errors + crc,
                total.slips + slips,
                total.framing_losses + losses,
            );
            line.note(start + Duration::from_secs(1 + at as u64), SpanKind::E1, total);
        }
        let (current, past) = line.counts(start + Duration::from_secs(10));
        let expected = Counts {
            line_code_violations: 3,
            path_code_violations: 835,
            slip_secs: 1,
            frame_loss_secs: 1,
            line_errored_secs: 1,
            degraded_mins: 0,
            errored_secs: 4,
            bursty_errored_secs: 1,
            severely_errored_secs: 2,
        };
        assert_eq!((current, past), (expected, Counts::default()));
        // The same from the total's side once the interval is over, until a day has passed.
        let (current, past) = line.counts(start + INTERVAL);
        assert_eq!((current, past), (Counts::default(), expected));
        let (_, past) = line.counts(start + INTERVAL * 97);
        assert_eq!(past, Counts::default());
    }

    #[test]
    fn a_minute_with_a_few_errors_is_degraded() {
        let start = Instant::now();
        let mut line = Performance::default();
        for second in 0..=180 {
            // 3 a second in the first minute, none in the second, too few in the third.
            let sum = second.min(60) * 3 + u64::from(second > 120);
            line.note(start + Duration::from_secs(second), SpanKind::T1, errors(sum, 0, 0, 0));
        }
        assert_eq!(line.counts(start + Duration::from_secs(180)).0.degraded_mins, 1);
    }

    #[test]
    fn intervals_move_on_and_old_ones_are_forgotten() {
        let start = Instant::now();
        let mut line = Performance::default();
        for interval in 0..200_u32 {
            line.note(start + INTERVAL * interval, SpanKind::T1, errors(0, 0, u64::from(interval), 0));
        }
        let (current, past) = line.counts(start + INTERVAL * 199);
        assert_eq!((current.slip_secs, past.slip_secs), (1, 96));
    }
}
