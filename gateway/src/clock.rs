//! Wall time as IOS prints it, beside the monotonic time that machines run on.

use std::time::{Duration, Instant, SystemTime};

use time::{Month, OffsetDateTime};

/// Ties monotonic instants to wall time. Made once at start, or fixed by a test.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    wall: SystemTime,
}

impl Clock {
    /// A clock that reads `wall` at the instant `started`.
    #[must_use]
    pub fn new(started: Instant, wall: SystemTime) -> Self {
        Self { started, wall }
    }

    /// The clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Instant::now(), SystemTime::now())
    }

    /// When the clock was made.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Time since the start.
    #[must_use]
    pub fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Milliseconds since 1970 (UTC).
    #[must_use]
    pub fn unix_ms(&self, now: Instant) -> u64 {
        let wall = self.wall + self.uptime(now);
        wall.duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }

    /// `Nov 21 09:30:00.123`, as `service timestamps debug datetime msec` prints it.
    #[must_use]
    pub fn timestamp(&self, now: Instant) -> String {
        let (t, ms) = split(self.unix_ms(now));
        format!(
            "{} {:>2} {:02}:{:02}:{:02}.{ms:03}",
            month(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }

    /// `09:30:00.123 UTC Sat Nov 21 2026`, as `show clock` prints it.
    #[must_use]
    pub fn show_clock(&self, now: Instant) -> String {
        show_clock(self.unix_ms(now))
    }
}

/// `09:30:00.123 UTC Sat Nov 21 2026` for milliseconds since 1970.
///
/// ```
/// assert_eq!(gateway::clock::show_clock(0), "00:00:00.000 UTC Thu Jan 1 1970");
/// ```
#[must_use]
pub fn show_clock(unix_ms: u64) -> String {
    let (t, ms) = split(unix_ms);
    let weekday = t.weekday().to_string();
    format!(
        "{:02}:{:02}:{:02}.{ms:03} UTC {} {} {} {}",
        t.hour(),
        t.minute(),
        t.second(),
        weekday.get(..3).unwrap_or(&weekday),
        month(t.month()),
        t.day(),
        t.year()
    )
}

/// `Nov 21 2026 09:30:00 +00:00`, as `dir` prints it.
#[must_use]
pub fn file_time(at: SystemTime) -> String {
    let ms = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let (t, _) = split(u64::try_from(ms).unwrap_or(u64::MAX));
    format!(
        "{} {:02} {} {:02}:{:02}:{:02} +00:00",
        month(t.month()),
        t.day(),
        t.year(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// A time as hours, minutes and seconds, `00:01:07`.
#[must_use]
pub fn clock_face(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `1 day, 2 hours, 3 minutes`, as `show version` prints an uptime.
#[must_use]
pub fn uptime_words(uptime: Duration) -> String {
    let minutes = uptime.as_secs() / 60;
    let parts = [(minutes / 1440, "day"), (minutes / 60 % 24, "hour"), (minutes % 60, "minute")];
    let mut words: Vec<String> = parts
        .iter()
        .filter(|(n, unit)| *n > 0 || *unit == "minute")
        .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() {
        words.push("0 minutes".into());
    }
    words.join(", ")
}

fn split(unix_ms: u64) -> (OffsetDateTime, u64) {
    let seconds = i64::try_from(unix_ms / 1000).unwrap_or(0);
    (OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH), unix_ms % 1000)
}

fn month(month: Month) -> &'static str {
    match month {
        Month::January => "Jan",
        Month::February => "Feb",
        Month::March => "Mar",
        Month::April => "Apr",
        Month::May => "May",
        Month::June => "Jun",
        Month::July => "Jul",
        Month::August => "Aug",
        Month::September => "Sep",
        Month::October => "Oct",
        Month::November => "Nov",
        Month::December => "Dec",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_time_as_ios_does() {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_253_400_123);
        let start = Instant::now();
        let clock = Clock::new(start, wall);
        assert_eq!(clock.timestamp(start + Duration::from_secs(3)), "Nov 21 09:30:03.123");
        assert_eq!(clock.show_clock(start), "09:30:00.123 UTC Sat Nov 21 2026");
        assert_eq!(file_time(wall), "Nov 21 2026 09:30:00 +00:00");
        assert_eq!(uptime_words(Duration::from_secs(90_060)), "1 day, 1 hour, 1 minute");
        assert_eq!(uptime_words(Duration::ZERO), "0 minutes");
    }
}
