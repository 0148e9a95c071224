//! What `debug` prints and what is logged: topics on or off, and lines in the words IOS uses.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use cli::config::{Config, LogStyle, Stamp};
use cli::session::DebugTopic;

use super::log::{Log, LogOutput};
use super::message::LogLine;
use crate::clock::{Clock, uptime_stamp};

/// Lines kept for consoles that have not fetched them; the oldest go first.
const BACKLOG: usize = 10_000;
/// The severity of debug output.
const DEBUGGING: u8 = 7;

/// The debug switches and the lines they produced.
#[derive(Debug)]
pub struct Monitor {
    clock: Clock,
    topics: BTreeSet<DebugTopic>,
    lines: VecDeque<String>,
    log: Log,
    style: LogStyle,
    /// Lines numbered so far.
    sequence: u64,
    /// When the last line with a stamp was printed.
    last: Instant,
}

impl Monitor {
    /// All topics off.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            topics: BTreeSet::new(),
            lines: VecDeque::new(),
            log: Log::default(),
            style: LogStyle::default(),
            sequence: 0,
            last: clock.started(),
        }
    }

    /// How lines look and where they go from now on.
    pub fn configure(&mut self, now: Instant, config: &Config) {
        self.style = config.log_style();
        for said in self.log.configure(config) {
            self.syslog(now, said);
        }
    }

    /// How lines look.
    #[must_use]
    pub fn style(&self) -> &LogStyle {
        &self.style
    }

    /// Switches one topic.
    pub fn set(&mut self, topic: DebugTopic, on: bool) {
        if on {
            self.topics.insert(topic);
        } else {
            self.topics.remove(&topic);
        }
    }

    /// Switches everything off.
    pub fn clear(&mut self) {
        self.topics.clear();
    }

    /// Topics that are on.
    pub fn topics(&self) -> impl Iterator<Item = DebugTopic> {
        self.topics.iter().copied()
    }

    /// Whether a topic is on; ask before building an expensive line.
    #[must_use]
    pub fn on(&self, topic: DebugTopic) -> bool {
        !self.topics.is_empty() && self.topics.contains(&topic)
    }

    /// Prints text with a time stamp if the topic is on.
    pub fn print(&mut self, now: Instant, topic: DebugTopic, text: &str) {
        if self.on(topic) {
            let line = format!("{}{text}", self.prefix(now, self.style.debug));
            self.push(now, DEBUGGING, true, line);
        }
    }

    /// Prints text without time stamp if the topic is on.
    pub fn print_bare(&mut self, topic: DebugTopic, text: &str) {
        if self.on(topic) {
            self.push(self.last, DEBUGGING, true, text.to_owned());
        }
    }

    /// Prints a SIP message as `debug ccsip messages` does.
    pub fn sip(&mut self, now: Instant, sent: bool, message: &[u8]) {
        if self.on(DebugTopic::CcsipMessages) {
            let stamp = self.prefix(now, self.style.debug);
            let direction = if sent { "Sent" } else { "Received" };
            let text = harmless(message);
            let shown = format!("{stamp}//-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\n{direction}: \n{text}\n");
            self.push(now, DEBUGGING, true, shown);
        }
    }

    /// A line of the log, whatever the debug switches say.
    pub fn syslog(&mut self, now: Instant, message: impl Into<LogLine>) {
        let message = message.into();
        let (severity, text) = (message.severity(), message.text());
        match severity {
            0..=3 => tracing::error!("{text}"),
            4 => tracing::warn!("{text}"),
            _ => tracing::info!("{text}"),
        }
        let line = format!("{}{text}", self.prefix(now, self.style.log));
        self.push(now, severity, false, line);
    }

    /// `show logging`.
    #[must_use]
    pub fn show_logging(&self) -> String {
        self.log.show()
    }

    /// Empties the log buffer.
    pub fn clear_log(&mut self) {
        self.log.clear();
    }

    /// The next line for the consoles; a SIP message is one item of several rows.
    pub fn poll_line(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    /// The next thing to do for a syslog host.
    pub fn poll_log(&mut self) -> Option<LogOutput> {
        self.log.poll_output()
    }

    /// Number and time stamp before a line's text.
    fn prefix(&mut self, now: Instant, stamp: Stamp) -> String {
        self.last = now;
        let number = match self.style.sequence_numbers {
            true => {
                self.sequence += 1;
                format!("{:06}: ", self.sequence)
            }
            false => String::new(),
        };
        match stamp {
            Stamp::None => number,
            Stamp::Uptime => format!("{number}{}: ", uptime_stamp(self.clock.uptime(now))),
            Stamp::Datetime(parts) => {
                format!("{number}{}: ", self.clock.stamp(now, parts, &self.style.zone))
            }
        }
    }

    fn push(&mut self, now: Instant, severity: u8, debug: bool, line: String) {
        if !self.log.take(now, severity, debug, &line) {
            return;
        }
        if self.lines.len() >= BACKLOG {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// Octets as text that cannot drive a terminal: control characters but line ends and tabs become dots.
fn harmless(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets)
        .chars()
        .filter(|&c| c != '\r')
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '.' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::message::Message;

    #[test]
    fn a_message_cannot_drive_the_terminal() {
        assert_eq!(harmless(b"NOTIFY\r\nX: \x1b[2J\x07\xff\r\n"), "NOTIFY\nX: .[2J.\u{fffd}\n");
    }

    #[test]
    fn a_topic_that_is_off_costs_nothing() {
        let mut monitor = Monitor::new(Clock::system());
        monitor.print(Instant::now(), DebugTopic::IsdnQ921, "x");
        assert_eq!(monitor.poll_line(), None);
        monitor.set(DebugTopic::IsdnQ921, true);
        monitor.print(Instant::now(), DebugTopic::IsdnQ921, "x");
        assert!(monitor.poll_line().is_some_and(|l| l.ends_with(": x")));
    }

    #[test]
    fn lines_are_stamped_as_the_services_say() {
        let mut monitor = Monitor::new(Clock::new(Instant::now(), std::time::SystemTime::UNIX_EPOCH));
        let now = monitor.clock.started() + std::time::Duration::from_secs(100_000);
        let mut line = |config: &str| {
            monitor.configure(now, &Config::parse(config).config);
            monitor.syslog(now, Message::Configured { who: &"x" });
            monitor.poll_line().unwrap_or_default()
        };
        assert_eq!(line(""), "Jan  2 03:46:40.000: %SYS-5-CONFIG_I: Configured from console by x");
        assert_eq!(line("no service timestamps log\n"), "%SYS-5-CONFIG_I: Configured from console by x");
        assert_eq!(
            line("service timestamps log uptime\n"),
            "1d03h: %SYS-5-CONFIG_I: Configured from console by x"
        );
        let all = "service timestamps log datetime localtime show-timezone year\nservice sequence-numbers\nclock timezone EST -5 0\n";
        assert_eq!(
            line(all),
            "000001: Jan  1 1970 22:46:40 EST: %SYS-5-CONFIG_I: Configured from console by x"
        );
        assert_eq!(
            line("service sequence-numbers\n"),
            "000002: Jan  2 03:46:40.000: %SYS-5-CONFIG_I: Configured from console by x"
        );
    }
}
