//! Where log lines go: `logging buffered`, `host`, `trap` and their companions.

use super::Config;
use crate::grammar::matcher;

/// Names of the severities, 0 to 7, as `logging` spells them.
pub const SEVERITIES: [&str; 8] = [
    "emergencies",
    "alerts",
    "critical",
    "errors",
    "warnings",
    "notifications",
    "informational",
    "debugging",
];

/// Where log and debug lines go, besides terminals.
///
/// ```
/// use cli::config::Config;
/// let text = "logging buffered 8192 warnings\nlogging host 192.0.2.9 transport tcp port 1514\nlogging facility local5\n";
/// let logging = Config::parse(text).config.logging();
/// assert_eq!(logging.buffer.map(|b| (b.size, b.severity)), Some((8192, 4)));
/// assert_eq!((logging.hosts[0].host.as_str(), logging.hosts[0].port, logging.facility), ("192.0.2.9", 1514, 21));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// `logging on`: without it only the console has log lines.
    pub on: bool,
    /// `logging buffered`.
    pub buffer: Option<LogBuffer>,
    /// `logging console`: the least severe lines of consoles, 0 to 7.
    pub console: Option<u8>,
    /// `logging monitor`: the least severe lines of virtual terminals, 0 to 7.
    pub monitor: Option<u8>,
    /// `logging trap`: the least severe lines that hosts get, 0 to 7.
    pub trap: Option<u8>,
    /// `logging host`, in the order of the configuration.
    pub hosts: Vec<LogHost>,
    /// `logging facility`: the number of RFC 3164 4.1.1.
    pub facility: u8,
    /// `logging source-interface`.
    pub source_interface: Option<String>,
    /// `logging origin-id`.
    pub origin: Option<LogOrigin>,
    /// `logging rate-limit`.
    pub rate: Option<LogRate>,
    /// `logging message-counter syslog`: lines to hosts are numbered.
    pub counter: bool,
}

/// `logging buffered`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBuffer {
    /// Octets, 4096 to 2147483647.
    pub size: usize,
    /// The least severe lines kept, 0 to 7.
    pub severity: u8,
}

/// `logging host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHost {
    /// Address or name.
    pub host: String,
    /// Over TCP, else UDP.
    pub tcp: bool,
    /// 514 for UDP and 601 for TCP unless given.
    pub port: u16,
    /// `sequence-num-session`: every line names the number it has for this host.
    pub sequence: bool,
}

/// `logging origin-id`: what stands before a line to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOrigin {
    /// The host name.
    Hostname,
    /// The address of the source interface.
    Ip,
    /// A text.
    Text(String),
}

/// `logging rate-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRate {
    /// Lines in a second, 1 to 10000.
    pub lines: u32,
    /// Debug output counts too.
    pub all: bool,
    /// Only terminals are spared.
    pub console: bool,
    /// Lines this severe and worse are never held back.
    pub except: Option<u8>,
}

impl Default for Logging {
    fn default() -> Self {
        Logging {
            on: true,
            buffer: Some(LogBuffer::DEFAULT),
            console: Some(7),
            monitor: Some(7),
            trap: Some(6),
            hosts: Vec::new(),
            facility: 23,
            source_interface: None,
            origin: None,
            rate: None,
            counter: true,
        }
    }
}

impl LogBuffer {
    /// What a router has unless told otherwise.
    pub const DEFAULT: LogBuffer = LogBuffer { size: 4096, severity: 7 };
}

impl Config {
    /// Where log lines go.
    pub fn logging(&self) -> Logging {
        let mut logging = Logging {
            console: self.access.console_log,
            monitor: self.access.monitor_log,
            ..Logging::default()
        };
        for node in self.tree().nodes() {
            let (no, line) = match node.line.strip_prefix("no ") {
                Some(rest) => (true, rest),
                None => (false, node.line.as_str()),
            };
            let Some(rest) = line.strip_prefix("logging ") else { continue };
            let words: Vec<&str> = matcher::words(rest).iter().map(|w| w.text).collect();
            logging.read(no, &words);
        }
        logging
    }
}

impl Logging {
    /// Takes a canonical line without `logging`.
    fn read(&mut self, no: bool, words: &[&str]) {
        let number =
            |word: &str| words.iter().rev().find(|w| **w != word).and_then(|w| w.parse::<u32>().ok());
        match words {
            ["on"] => self.on = !no,
            ["buffered", rest @ ..] => {
                let size = rest.first().and_then(|w| w.parse().ok()).filter(|size| *size > 7);
                let severity = rest.last().and_then(|w| severity(w));
                self.buffer = (!no).then(|| LogBuffer {
                    size: size.unwrap_or(LogBuffer::DEFAULT.size),
                    severity: severity.unwrap_or(LogBuffer::DEFAULT.severity),
                });
            }
            ["trap", rest @ ..] => {
                self.trap = (!no).then(|| rest.first().and_then(|w| severity(w)).unwrap_or(6));
            }
            ["facility", name] if !no => self.facility = facility(name).unwrap_or(23),
            ["source-interface", name] if !no => self.source_interface = Some((*name).to_owned()),
            ["origin-id", kind, rest @ ..] if !no => {
                self.origin = Some(match *kind {
                    "hostname" => LogOrigin::Hostname,
                    "ip" => LogOrigin::Ip,
                    _ => LogOrigin::Text(rest.join(" ")),
                });
            }
            ["rate-limit", rest @ ..] if !no => {
                let (limit, except) = match rest.iter().position(|w| *w == "except") {
                    Some(at) => (rest.get(..at).unwrap_or(&[]), rest.get(at + 1).and_then(|w| severity(w))),
                    None => (rest, None),
                };
                self.rate = limit.last().and_then(|w| w.parse().ok()).map(|lines| LogRate {
                    lines,
                    all: limit.contains(&"all"),
                    console: limit.contains(&"console"),
                    except,
                });
            }
            ["message-counter", "syslog"] => self.counter = !no,
            ["host", host, rest @ ..] if !no => {
                let tcp = rest.contains(&"tcp");
                let port = rest.contains(&"port").then(|| number("sequence-num-session")).flatten();
                self.hosts.push(LogHost {
                    host: (*host).to_owned(),
                    tcp,
                    port: port.and_then(|p| u16::try_from(p).ok()).unwrap_or(if tcp { 601 } else { 514 }),
                    sequence: rest.contains(&"sequence-num-session"),
                });
            }
            _ => {}
        }
    }
}

/// The severity of a name or of a digit.
pub(crate) fn severity(word: &str) -> Option<u8> {
    let named = SEVERITIES.iter().position(|name| *name == word).and_then(|at| u8::try_from(at).ok());
    named.or_else(|| word.parse().ok().filter(|n| *n <= 7))
}

/// The number of a facility (RFC 3164 4.1.1, with the router's names for those that have none there).
fn facility(name: &str) -> Option<u8> {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "sys9", "sys10", "sys11",
        "sys12", "sys13", "sys14", "cron", "local0", "local1", "local2", "local3", "local4", "local5",
        "local6", "local7",
    ];
    NAMES.iter().position(|known| *known == name).and_then(|at| u8::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_setting_is_read_and_its_negation_restores_the_default() {
        let lines = [
            "logging buffered 16384 informational",
            "logging console warnings",
            "logging monitor errors",
            "logging trap debugging",
            "logging facility cron",
            "logging source-interface Loopback0",
            "logging origin-id string branch 7",
            "logging rate-limit console all 20 except errors",
            "logging host 192.0.2.9 transport udp port 5514 sequence-num-session",
            "logging host syslog.example transport tcp",
        ];
        let text = lines.join("\n") + "\nno logging on\nno logging message-counter syslog\n";
        let config = Config::parse(&text).config;
        let logging = config.logging();
        let host = |host: &str, tcp, port, sequence| LogHost { host: host.into(), tcp, port, sequence };
        let wanted = Logging {
            on: false,
            buffer: Some(LogBuffer { size: 16384, severity: 6 }),
            console: Some(4),
            monitor: Some(3),
            trap: Some(7),
            hosts: vec![host("192.0.2.9", false, 5514, true), host("syslog.example", true, 601, false)],
            facility: 15,
            source_interface: Some("Loopback0".into()),
            origin: Some(LogOrigin::Text("branch 7".into())),
            rate: Some(LogRate { lines: 20, all: true, console: true, except: Some(3) }),
            counter: false,
        };
        assert_eq!(logging, wanted);
        assert_eq!(Config::parse(&config.running()).config.logging(), logging);
        let defaults: String = lines.iter().map(|line| format!("default {line}\n")).collect();
        let text = text + &defaults + "logging on\nlogging message-counter syslog\n";
        assert_eq!(Config::parse(&text).config.logging(), Logging::default());
        let off =
            Config::parse("no logging buffered\nno logging trap\nno logging console\nno logging monitor\n");
        let off = off.config.logging();
        assert_eq!((off.buffer, off.trap, off.console, off.monitor), (None, None, None, None));
    }

    #[test]
    fn severities_are_shown_by_name_and_hosts_in_one_spelling() {
        let config =
            Config::parse("logging buffered 5\nlogging 192.0.2.1\nlogging trap 7\nlogging console 3\n")
                .config;
        let running = config.running();
        for line in [
            "logging buffered notifications",
            "logging host 192.0.2.1",
            "logging trap debugging",
            "logging console errors",
        ] {
            assert!(running.lines().any(|l| l == line), "{line} in\n{running}");
        }
        assert_eq!(config.logging().buffer, Some(LogBuffer { size: 4096, severity: 5 }));
        let config =
            Config::parse("logging host 192.0.2.1 transport tcp port 99\nno logging 192.0.2.1\n").config;
        assert_eq!(config.logging().hosts, []);
    }
}
