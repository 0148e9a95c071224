//! How log and debug lines look: `service timestamps`, `service sequence-numbers`, `clock timezone`, `clock summer-time`.

use super::Config;

/// What stands before the text of a line, and the local time.
///
/// ```
/// use cli::config::{Config, Stamp};
/// let config = Config::parse("service sequence-numbers\nno service timestamps debug\nclock timezone CET 1 0\n").config;
/// let style = config.log_style();
/// assert!(style.sequence_numbers && style.debug == Stamp::None);
/// assert_eq!((style.zone.name.as_str(), style.zone.minutes), ("CET", 60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStyle {
    /// Stamp of log lines.
    pub log: Stamp,
    /// Stamp of debug output.
    pub debug: Stamp,
    /// Every line has its number.
    pub sequence_numbers: bool,
    /// Local time.
    pub zone: Zone,
}

/// A time stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// `no service timestamps`.
    None,
    /// Time since the start.
    Uptime,
    /// Date and time.
    Datetime(Datetime),
}

/// What a date and time has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Datetime {
    /// Milliseconds.
    pub msec: bool,
    /// Local time, not UTC.
    pub localtime: bool,
    /// The name of the zone.
    pub show_timezone: bool,
    /// The year.
    pub year: bool,
}

/// `clock timezone` and `clock summer-time`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Name of the standard time.
    pub name: String,
    /// Minutes to add to UTC, -1439 to 1439.
    pub minutes: i32,
    /// Summer time.
    pub summer: Option<Summer>,
}

/// `clock summer-time`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summer {
    /// Name of the summer time.
    pub name: String,
    /// When it begins, in standard time.
    pub begin: Change,
    /// When it ends, in summer time.
    pub end: Change,
    /// Minutes to add to standard time, 1 to 1440.
    pub minutes: i32,
}

/// When a clock is put forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Every year.
    Recurring {
        /// 1 to 4, 5 for the last of the month.
        week: u8,
        /// 0 for Sunday to 6.
        weekday: u8,
        /// 1 to 12.
        month: u8,
        /// Minutes since midnight.
        minute: u16,
    },
    /// Once.
    Date {
        /// The year.
        year: i32,
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
        /// Minutes since midnight.
        minute: u16,
    },
}

impl Default for LogStyle {
    fn default() -> Self {
        let stamp = Stamp::Datetime(Datetime { msec: true, ..Datetime::default() });
        LogStyle { log: stamp, debug: stamp, sequence_numbers: false, zone: Zone::default() }
    }
}

impl Default for Zone {
    fn default() -> Self {
        Zone { name: "UTC".into(), minutes: 0, summer: None }
    }
}

impl Config {
    /// How log and debug lines look.
    pub fn log_style(&self) -> LogStyle {
        let mut style = LogStyle::default();
        for node in self.tree.nodes() {
            let line = node.line.as_str();
            let (no, words) = line.strip_prefix("no ").map_or((false, line), |rest| (true, rest));
            if let Some(rest) = words.strip_prefix("service timestamps ") {
                let mut rest = rest.split(' ');
                let place = if rest.next() == Some("log") { &mut style.log } else { &mut style.debug };
                *place = if no { Stamp::None } else { stamp(rest) };
            } else if words == "service sequence-numbers" {
                style.sequence_numbers = !no;
            } else if let Some(rest) = line.strip_prefix("clock timezone ") {
                let mut rest = rest.split(' ');
                style.zone.name = rest.next().unwrap_or("UTC").to_owned();
                style.zone.minutes = offset(rest.next(), rest.next()).unwrap_or(0);
            } else if let Some(rest) = line.strip_prefix("clock summer-time ") {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                style.zone.summer = summer(name, rest);
            }
        }
        style
    }
}

fn stamp<'a>(mut words: impl Iterator<Item = &'a str>) -> Stamp {
    if words.next() != Some("datetime") {
        return Stamp::Uptime;
    }
    let mut datetime = Datetime::default();
    for word in words {
        match word {
            "msec" => datetime.msec = true,
            "localtime" => datetime.localtime = true,
            "show-timezone" => datetime.show_timezone = true,
            _ => datetime.year = true,
        }
    }
    Stamp::Datetime(datetime)
}

/// Minutes of `clock timezone NAME HOURS [MINUTES]`; `None` beyond -23 to 23 hours.
pub(crate) fn offset(hours: Option<&str>, minutes: Option<&str>) -> Option<i32> {
    let hours: i32 = hours?.parse().ok().filter(|h| (-23..=23).contains(h))?;
    let minutes: i32 = minutes.unwrap_or("0").parse().ok()?;
    Some(hours * 60 + if hours < 0 { -minutes } else { minutes })
}

/// What stands behind `clock summer-time NAME`; `None` if it is no rule. Without dates it is the rule of the United States.
pub(crate) fn summer(name: &str, rule: &str) -> Option<Summer> {
    let words: Vec<&str> = rule.split_whitespace().collect();
    let (kind, rest) = words.split_first()?;
    let of = |week, month| Change::Recurring { week, weekday: 0, month, minute: 120 };
    let (begin, end, rest) = match (*kind, rest) {
        ("recurring", []) => (of(2, 3), of(1, 11), rest),
        ("recurring", _) => (recurring(rest.get(..4)?)?, recurring(rest.get(4..8)?)?, rest.get(8..)?),
        ("date", _) => (date(rest.get(..4)?)?, date(rest.get(4..8)?)?, rest.get(8..)?),
        _ => return None,
    };
    let minutes = match rest {
        [] => 60,
        [minutes] => minutes.parse().ok().filter(|m| (1..=1440).contains(m))?,
        _ => return None,
    };
    Some(Summer { name: name.to_owned(), begin, end, minutes })
}

fn recurring(words: &[&str]) -> Option<Change> {
    let [week, weekday, month, time] = words else { return None };
    let week = match *week {
        "first" => 1,
        "last" => 5,
        number => number.parse().ok().filter(|n| (1..=5).contains(n))?,
    };
    let weekday =
        position(&["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"], weekday)?;
    Some(Change::Recurring { week, weekday, month: self::month(month)?, minute: minute(time)? })
}

fn date(words: &[&str]) -> Option<Change> {
    let [a, b, year, time] = words else { return None };
    // Day and month in either order.
    let (day, month) = match self::month(a) {
        Some(month) => (b, month),
        None => (a, self::month(b)?),
    };
    let day = day.parse().ok().filter(|d| (1..=31).contains(d))?;
    let year = year.parse().ok().filter(|y| (1993..=2099).contains(y))?;
    Some(Change::Date { year, month, day, minute: minute(time)? })
}

pub(crate) fn month(word: &str) -> Option<u8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    position(&MONTHS, word).map(|at| at + 1)
}

/// Place of the name that begins with the three or more letters of a word.
fn position(names: &[&str], word: &str) -> Option<u8> {
    let word = word.to_ascii_lowercase();
    let at = names.iter().position(|name| word.len() >= 3 && name.starts_with(&word))?;
    u8::try_from(at).ok()
}

fn minute(time: &str) -> Option<u16> {
    let (hour, minute) = time.split_once(':')?;
    let hour: u16 = hour.parse().ok().filter(|h| *h < 24)?;
    let minute: u16 = minute.parse().ok().filter(|m| *m < 60)?;
    Some(hour * 60 + minute)
}
