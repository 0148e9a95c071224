//! Wall time as IOS prints it, beside the monotonic time that machines run on.

use std::time::{Duration, Instant, SystemTime};

use cli::config::{Change, Datetime, Zone};
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

    /// The time as `service timestamps` prints it with these parts.
    #[must_use]
    pub fn stamp(&self, now: Instant, parts: Datetime, zone: &Zone) -> String {
        let utc = self.unix_ms(now);
        let (shown, name) = if parts.localtime { local(utc, zone) } else { (utc, "UTC") };
        let (t, ms) = split(shown);
        let mut out = format!("{} {:>2} ", month(t.month()), t.day());
        if parts.year {
            out.push_str(&format!("{} ", t.year()));
        }
        out.push_str(&format!("{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second()));
        if parts.msec {
            out.push_str(&format!(".{ms:03}"));
        }
        if parts.show_timezone {
            out.push_str(&format!(" {name}"));
        }
        out
    }

    /// `10:30:00.123 CET Sat Nov 21 2026`: `show clock` in local time.
    #[must_use]
    pub fn show_local_clock(&self, now: Instant, zone: &Zone) -> String {
        let (shown, name) = local(self.unix_ms(now), zone);
        show_clock(shown).replacen("UTC", name, 1)
    }

    /// `10:30:00 CET Sat Nov 21 2026`: a moment in local time, as `show reload` prints it.
    #[must_use]
    pub fn moment(&self, at: Instant, zone: &Zone) -> String {
        let shown = self.show_local_clock(at, zone);
        match shown.split_once('.') {
            Some((time, rest)) => format!("{time}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => shown,
        }
    }

    /// How long it is until the clocks of the zone show this time of day, on this month (1 to 12) and day or on the first
    /// day on which it is still to come. `None` for a day that does not exist.
    #[must_use]
    pub fn until(
        &self,
        now: Instant,
        zone: &Zone,
        hour: u8,
        minute: u8,
        date: Option<(u8, u8)>,
    ) -> Option<Duration> {
        let here = |at: Instant| i64::try_from(local(self.unix_ms(at), zone).0).unwrap_or(i64::MAX);
        let today = split(local(self.unix_ms(now), zone).0).0.date();
        let at = |day: time::Date| {
            day.with_hms(hour, minute, 0).ok().map(|t| t.assume_utc().unix_timestamp() * 1000)
        };
        let wanted = match date {
            None => at(today).filter(|at| *at > here(now)).or_else(|| at(today.next_day()?))?,
            Some((month, day)) => {
                let month = Month::try_from(month).ok()?;
                let of = |year: i32| at(time::Date::from_calendar_date(year, month, day).ok()?);
                of(today.year()).filter(|at| *at > here(now)).or_else(|| of(today.year() + 1))?
            }
        };
        let wait = |from: Instant| u64::try_from(wanted - here(from)).ok().map(Duration::from_millis);
        let first = wait(now)?;
        // Summer time may begin or end meanwhile.
        let off = wanted - here(now + first);
        Some(Duration::from_millis(u64::try_from(i64::try_from(first.as_millis()).ok()? + off).ok()?))
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

/// Local time in milliseconds, and its name.
fn local(utc: u64, zone: &Zone) -> (u64, &str) {
    let minutes = |ms: u64, minutes: i32| ms.saturating_add_signed(i64::from(minutes) * 60_000);
    let standard = minutes(utc, zone.minutes);
    let Some(summer) = &zone.summer else { return (standard, &zone.name) };
    let year = split(standard).0.year();
    // Begins in standard time, ends in summer time.
    let (Some(begin), Some(end)) = (
        change(summer.begin, year),
        change(summer.end, year).map(|at| at.saturating_sub(i64::from(summer.minutes) * 60)),
    ) else {
        return (standard, &zone.name);
    };
    let now = i64::try_from(standard / 1000).unwrap_or(i64::MAX);
    // South of the equator summer runs over the end of the year.
    let is_summer = if begin <= end { begin <= now && now < end } else { !(end <= now && now < begin) };
    if is_summer { (minutes(standard, summer.minutes), &summer.name) } else { (standard, &zone.name) }
}

/// Seconds since 1970 of a change of the clocks in a year, on the wall clock.
fn change(at: Change, year: i32) -> Option<i64> {
    let (date, minute) = match at {
        Change::Date { year, month, day, minute } => {
            (time::Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?, minute)
        }
        Change::Recurring { week, weekday, month, minute } => {
            let month = Month::try_from(month).ok()?;
            let first = time::Date::from_calendar_date(year, month, 1).ok()?;
            let ahead = (7 + weekday - first.weekday().number_days_from_sunday()) % 7;
            let mut day = 1 + ahead + 7 * (week - 1);
            while day > month.length(year) {
                day -= 7;
            }
            (time::Date::from_calendar_date(year, month, day).ok()?, minute)
        }
    };
    Some(date.midnight().assume_utc().unix_timestamp() + i64::from(minute) * 60)
}

/// Time since the start as `service timestamps uptime` prints it: `00:01:07`, `1d03h`, `2w4d`.
#[must_use]
pub fn uptime_stamp(time: Duration) -> String {
    let hours = time.as_secs() / 3600;
    match hours {
        0..24 => clock_face(time),
        24..168 => format!("{}d{:02}h", hours / 24, hours % 24),
        _ => format!("{}w{}d", hours / 168, hours / 24 % 7),
    }
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

    #[test]
    fn it_is_so_long_until_a_time_of_the_local_clock() {
        let text =
            "clock timezone CET 1 0\nclock summer-time CEST recurring last Sun Mar 2:00 last Sun Oct 3:00\n";
        let zone = cli::config::Config::parse(text).config.log_style().zone;
        // Sat Oct 24 2026 20:00:00 UTC: 22:00 CEST, the night in which summer time ends
        let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_872_000));
        let now = clock.started();
        let hours = |hour, date| clock.until(now, &zone, hour, 0, date).map(|t| t.as_secs() / 3600);
        assert_eq!((hours(23, None), hours(6, None), hours(22, None)), (Some(1), Some(9), Some(25)));
        assert_eq!(hours(22, Some((10, 25))), Some(25));
        assert_eq!(hours(21, Some((10, 24))), Some(365 * 24 - 1), "next year");
        assert_eq!((hours(1, Some((13, 1))), hours(1, Some((2, 30)))), (None, None));
        assert_eq!(clock.moment(now, &zone), "22:00:00 CEST Sat Oct 24 2026");
    }

    #[test]
    fn summer_time_begins_and_ends_as_configured() {
        let zone = |config: &str| cli::config::Config::parse(config).config.log_style().zone;
        let berlin = zone(
            "clock timezone CET 1 0\nclock summer-time CEST recurring last Sun Mar 2:00 last Sun Oct 3:00\n",
        );
        let sydney =
            zone("clock timezone AEST 10\nclock summer-time AEDT recurring 1 Sun Oct 2:00 1 Sun Apr 3:00\n");
        let once =
            zone("clock timezone X -3 30\nclock summer-time Y date 1 Jun 2026 0:00 Jul 1 2026 0:00 30\n");
        let america = zone("clock timezone EST -5\nclock summer-time EDT recurring\n");
        // `date -d @N` of GNU coreutils with TZ=Europe/Berlin, Australia/Sydney, America/New_York
        for (unix, zone, wanted) in [
            (1_774_745_999, &berlin, "01:59:59.000 CET Sun Mar 29 2026"),
            (1_774_746_000, &berlin, "03:00:00.000 CEST Sun Mar 29 2026"),
            (1_792_889_999, &berlin, "02:59:59.000 CEST Sun Oct 25 2026"),
            (1_792_890_000, &berlin, "02:00:00.000 CET Sun Oct 25 2026"),
            (1_767_225_600, &sydney, "11:00:00.000 AEDT Thu Jan 1 2026"),
            (1_782_864_000, &sydney, "10:00:00.000 AEST Wed Jul 1 2026"),
            (1_772_953_200, &america, "03:00:00.000 EDT Sun Mar 8 2026"),
            (1_793_512_800, &america, "01:00:00.000 EST Sun Nov 1 2026"),
            (1_781_006_400, &once, "09:00:00.000 Y Tue Jun 9 2026"),
        ] {
            let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(unix));
            assert_eq!(clock.show_local_clock(clock.started(), zone), wanted);
        }
    }
}
