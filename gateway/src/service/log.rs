//! Where log and debug lines go besides terminals: the buffer of `show logging`, and syslog hosts.
//!
//! Sans-IO: [`Log::take`] is given lines, [`Log::poll_output`] says what is to be sent where. Who sends keeps a [`Link`] up
//! to date, which `show logging` reads.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cli::config::{Config, LogHost, LogOrigin, Logging, SEVERITIES};

use super::message::{LogLine, Message};
use crate::leg::sip::transport::address_of;

/// Longest line a host gets, in octets.
//= RFC 3164 4.1: "The total length of the packet MUST be 1024 bytes or less."
const MAX_LINE: usize = 1024;
/// Lines that wait to be taken by the sender; the oldest go first.
const BACKLOG: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);

/// What is to be done for a host.
#[derive(Debug, Clone)]
pub enum LogOutput {
    /// Lines of this number go there from now on.
    Open {
        /// Number of the host since the start.
        id: u64,
        /// Where.
        host: LogHost,
        /// Address to send from.
        source: Option<std::net::IpAddr>,
        /// What the sender knows.
        link: Arc<Link>,
    },
    /// Nothing more goes there.
    Close {
        /// Its number.
        id: u64,
    },
    /// A line.
    Line {
        /// Number of the host.
        id: u64,
        /// As it is on the wire, without line end.
        text: String,
    },
}

/// What the sender knows of a host.
#[derive(Debug, Default)]
pub struct Link {
    /// The last line could be sent.
    pub up: AtomicBool,
    /// Lines that found no room in the queue.
    pub dropped: AtomicU64,
}

#[derive(Debug)]
struct Target {
    id: u64,
    host: LogHost,
    source: Option<std::net::IpAddr>,
    link: Arc<Link>,
    lines: u64,
}

/// Lines counted by where they went.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    console: u64,
    monitor: u64,
    buffer: u64,
    trap: u64,
    limited: u64,
}

/// The destinations.
#[derive(Debug, Default)]
pub struct Log {
    settings: Logging,
    origin: Option<String>,
    buffer: VecDeque<String>,
    /// Octets of the buffer's lines, each with its end.
    held: usize,
    counts: Counts,
    targets: Vec<Target>,
    opened: u64,
    numbered: u64,
    /// Begin of the second that is being counted, and its lines so far.
    window: Option<(Instant, u32)>,
    outputs: VecDeque<LogOutput>,
}

impl Log {
    /// Takes over where lines go from now on. Gives the lines that say which hosts came and went.
    pub fn configure(&mut self, config: &Config) -> Vec<LogLine> {
        let settings = config.logging();
        let source = settings.source_interface.as_deref().and_then(|name| address_of(config, name));
        self.origin = match &settings.origin {
            None => None,
            Some(LogOrigin::Hostname) => Some(config.hostname.clone()),
            Some(LogOrigin::Ip) => {
                let first = || config.interfaces.iter().find_map(|i| Some(i.address?.0.into()));
                source.or_else(first).map(|address: std::net::IpAddr| address.to_string())
            }
            Some(LogOrigin::Text(text)) => Some(text.clone()),
        };
        let wanted = |t: &Target| t.source == source && settings.hosts.contains(&t.host);
        let mut said = Vec::new();
        for gone in self.targets.extract_if(.., |t| !wanted(t)) {
            said.push(start_stop(&gone.host, "stopped"));
            self.outputs.push_back(LogOutput::Close { id: gone.id });
        }
        for host in &settings.hosts {
            if self.targets.iter().any(|t| t.host == *host) {
                continue;
            }
            self.opened += 1;
            let (id, link) = (self.opened, Arc::new(Link::default()));
            said.push(start_stop(host, "started"));
            self.outputs.push_back(LogOutput::Open {
                id,
                host: host.clone(),
                source,
                link: Arc::clone(&link),
            });
            self.targets.push(Target { id, host: host.clone(), source, link, lines: 0 });
        }
        self.settings = settings;
        self.shrink();
        said
    }

    /// Takes a line, complete with number and stamp. `debug` says that it comes from `debug`. False if terminals are
    /// spared it: `logging rate-limit`.
    pub fn take(&mut self, now: Instant, severity: u8, debug: bool, line: &str) -> bool {
        let limited = self.is_limited(now, severity, debug);
        if limited {
            self.counts.limited += 1;
            if self.settings.rate.is_some_and(|rate| !rate.console) {
                return false;
            }
        }
        let goes = |level: Option<u8>| level.is_some_and(|level| severity <= level);
        if !limited {
            self.counts.console += u64::from(goes(self.settings.console));
            self.counts.monitor += u64::from(self.settings.on && goes(self.settings.monitor));
        }
        if self.settings.on && goes(self.settings.buffer.map(|b| b.severity)) {
            self.counts.buffer += 1;
            self.held += line.len() + 1;
            self.buffer.push_back(line.to_owned());
            self.shrink();
        }
        if self.settings.on && goes(self.settings.trap) {
            for row in line.lines().filter(|row| !row.trim().is_empty()) {
                self.tell(severity, row);
            }
        }
        !limited
    }

    /// The next thing to send.
    pub fn poll_output(&mut self) -> Option<LogOutput> {
        self.outputs.pop_front()
    }

    /// Empties the buffer.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.held = 0;
    }

    /// `show logging`.
    #[must_use]
    pub fn show(&self) -> String {
        let settings = &self.settings;
        let state = if settings.on { "enabled" } else { "disabled" };
        let dropped: u64 = self.targets.iter().map(|t| t.link.dropped.load(Ordering::Relaxed)).sum();
        let mut out = format!(
            "Syslog logging: {state} ({dropped} messages dropped, {} messages rate-limited, 0 flushes, 0 overruns, xml disabled, \
             filtering disabled)\n\nNo Active Message Discriminator.\n\n\n\nNo Inactive Message Discriminator.\n\n\n",
            self.counts.limited
        );
        let level = |level: Option<u8>, count: u64| match level {
            Some(level) => format!("level {}, {count} messages logged, xml disabled,", name(level)),
            None => "disabled, xml disabled,".to_owned(),
        };
        let rows = [
            ("Console logging: ", settings.console, self.counts.console),
            ("Monitor logging: ", settings.monitor, self.counts.monitor),
            ("Buffer logging:  ", settings.buffer.map(|b| b.severity), self.counts.buffer),
        ];
        for (title, severity, count) in rows {
            let _ = writeln!(
                out,
                "    {title}{}\n                     filtering disabled",
                level(severity, count)
            );
        }
        out.push_str(
            "    Exception Logging: size (4096 bytes)\n    Count and timestamp logging messages: disabled\n    \
             Persistent logging: disabled\n\nNo active filter modules.\n\n",
        );
        let _ = match settings.trap {
            Some(level) => {
                writeln!(
                    out,
                    "    Trap logging: level {}, {} message lines logged",
                    name(level),
                    self.counts.trap
                )
            }
            None => writeln!(out, "    Trap logging: disabled"),
        };
        for target in &self.targets {
            let LogHost { host, tcp, port, sequence } = &target.host;
            let transport = if *tcp { "tcp" } else { "udp" };
            let link = if target.link.up.load(Ordering::Relaxed) { "up" } else { "down" };
            let sequence = if *sequence { "enabled" } else { "disabled" };
            let _ = writeln!(
                out,
                "        Logging to {host}  ({transport} port {port}, audit disabled,\n              link {link}),\n              \
                 {} message lines logged, \n              0 message lines rate-limited, \n              \
                 {} message lines dropped-by-MD, \n              xml disabled, sequence number {sequence}\n              \
                 filtering disabled",
                target.lines,
                target.link.dropped.load(Ordering::Relaxed),
            );
        }
        if let Some(source) = &settings.source_interface {
            let _ = writeln!(out, "        Logging Source-Interface:       VRF Name:\n        {source}");
        }
        if let Some(buffer) = settings.buffer {
            let _ = writeln!(out, "\nLog Buffer ({} bytes):\n", buffer.size);
            for line in &self.buffer {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }

    fn is_limited(&mut self, now: Instant, severity: u8, debug: bool) -> bool {
        let Some(rate) = self.settings.rate else { return false };
        if (debug && !rate.all) || rate.except.is_some_and(|except| severity <= except) {
            return false;
        }
        match &mut self.window {
            Some((begin, lines)) if now.saturating_duration_since(*begin) < SECOND => {
                *lines = lines.saturating_add(1);
                *lines > rate.lines
            }
            window => {
                *window = Some((now, 1));
                false
            }
        }
    }

    fn tell(&mut self, severity: u8, row: &str) {
        self.counts.trap += 1;
        if self.targets.is_empty() {
            return;
        }
        self.numbered += 1;
        let priority = u16::from(self.settings.facility) * 8 + u16::from(severity);
        let number = if self.settings.counter { self.numbered.to_string() } else { String::new() };
        let origin = self.origin.as_ref().map_or_else(String::new, |origin| format!("{origin}: "));
        for target in &mut self.targets {
            target.lines += 1;
            let session = match target.host.sequence {
                true => format!("[syslog@9 s_sn=\"{}\"]: ", target.lines),
                false => String::new(),
            };
            let mut text = format!("<{priority}>{number}: {origin}{session}{row}");
            text.truncate(text.floor_char_boundary(MAX_LINE));
            if self.outputs.len() >= BACKLOG {
                self.outputs.pop_front();
            }
            self.outputs.push_back(LogOutput::Line { id: target.id, text });
        }
    }

    fn shrink(&mut self) {
        let size = self.settings.buffer.map_or(0, |b| b.size);
        while self.held > size
            && let Some(line) = self.buffer.pop_front()
        {
            self.held -= line.len() + 1;
        }
    }
}

fn name(severity: u8) -> &'static str {
    SEVERITIES.get(usize::from(severity)).copied().unwrap_or("debugging")
}

fn start_stop(host: &LogHost, what: &str) -> LogLine {
    Message::LogHost { host: &host.host, port: &host.port, what: &what }.into()
}

#[cfg(test)]
mod tests;
