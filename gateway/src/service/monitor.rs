//! What `debug` prints: topics on or off, and lines in the words IOS uses.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use cli::session::DebugTopic;

use crate::clock::Clock;

/// Lines kept for consoles that have not fetched them; the oldest go first.
const BACKLOG: usize = 10_000;
/// Lines of `show logging`.
const LOG: usize = 500;

/// The debug switches and the lines they produced.
#[derive(Debug)]
pub struct Monitor {
    clock: Clock,
    topics: BTreeSet<DebugTopic>,
    lines: VecDeque<String>,
    log: VecDeque<String>,
}

impl Monitor {
    /// All topics off.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, topics: BTreeSet::new(), lines: VecDeque::new(), log: VecDeque::new() }
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
            let stamp = self.clock.timestamp(now);
            self.push(format!("{stamp}: {text}"));
        }
    }

    /// Prints text without time stamp if the topic is on.
    pub fn print_bare(&mut self, topic: DebugTopic, text: &str) {
        if self.on(topic) {
            self.push(text.to_owned());
        }
    }

    /// Prints a SIP message as `debug ccsip messages` does.
    pub fn sip(&mut self, now: Instant, sent: bool, message: &[u8]) {
        if self.on(DebugTopic::CcsipMessages) {
            let stamp = self.clock.timestamp(now);
            let direction = if sent { "Sent" } else { "Received" };
            let text = harmless(message);
            self.push(format!(
                "{stamp}: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\n{direction}: \n{text}\n"
            ));
        }
    }

    /// A syslog line, whatever the debug switches say: `%FACILITY-SEVERITY-MNEMONIC: text`.
    pub fn syslog(&mut self, now: Instant, severity: u8, message: &str) {
        match severity {
            0..=3 => tracing::error!("{message}"),
            4 => tracing::warn!("{message}"),
            _ => tracing::info!("{message}"),
        }
        let stamp = self.clock.timestamp(now);
        let line = format!("{stamp}: {message}");
        if self.log.len() >= LOG {
            self.log.pop_front();
        }
        self.log.push_back(line.clone());
        self.push(line);
    }

    /// `show logging`.
    #[must_use]
    pub fn show_logging(&self) -> String {
        let mut out = format!("Log Buffer ({LOG} messages):\n\n");
        for line in &self.log {
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    /// Empties the log buffer.
    pub fn clear_log(&mut self) {
        self.log.clear();
    }

    /// The next line for the consoles; a SIP message is one item of several rows.
    pub fn poll_line(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    fn push(&mut self, line: String) {
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
}
