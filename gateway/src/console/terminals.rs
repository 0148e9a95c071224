//! Who is at which terminal line, and who may come: numbers of lines, limits, access lists, the quiet time after too
//! many failed logins.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cli::config::{Access, AccessList, Config, LineKind, SshKeys, TerminalLine};
use tokio::sync::{Notify, watch};

use crate::service::message::{LogLine, Message};

/// Absolute number of `vty 0`: behind `con 0` and `aux 0`.
pub(super) const FIRST_VTY: u16 = 2;
/// Failed logins remembered.
const MAX_FAILURES: usize = 1024;

/// How a terminal came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// SSH.
    Ssh,
    /// Telnet.
    Telnet,
}

/// Why nobody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No line takes this transport from this address, or all are in use.
    #[error("no free line takes this connection (transport input, access-class, session-limit)")]
    NoLine,
    /// `login block-for` is in its quiet time.
    #[error("too many failed logins; nobody is let in for a while")]
    Quiet,
}

#[derive(Debug)]
struct Seat {
    user: String,
    location: String,
    last: Instant,
    clear: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    access: Arc<Access>,
    changes: watch::Sender<Arc<Access>>,
    lists: BTreeMap<String, AccessList>,
    keys: SshKeys,
    scp: bool,
    seats: BTreeMap<u16, Seat>,
    failures: VecDeque<Instant>,
    quiet_until: Option<Instant>,
}

/// All terminals of the gateway.
#[derive(Debug, Clone, Default)]
pub struct Terminals(Arc<Mutex<Inner>>);

/// A terminal's place; giving it up frees the line.
#[derive(Debug)]
pub struct Place {
    terminals: Terminals,
    number: u16,
    /// Settings of its line.
    pub line: TerminalLine,
    /// Told when an operator clears the line.
    pub cleared: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.terminals.lock().seats.remove(&self.number);
    }
}

impl Place {
    /// Absolute number of the line.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Something was typed.
    pub fn touch(&self, user: &str) {
        if let Some(seat) = self.terminals.lock().seats.get_mut(&self.number) {
            seat.last = Instant::now();
            user.clone_into(&mut seat.user);
        }
    }
}

impl Terminals {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over who may come from a configuration.
    pub fn publish(&self, config: &Config) {
        let names = config.access.lines.iter().filter_map(|line| line.access_class.clone());
        let lists = names.filter_map(|name| Some((name.clone(), config.access_list(&name)?))).collect();
        let mut inner = self.lock();
        inner.lists = lists;
        inner.keys = config.ssh_keys();
        inner.scp = config.scp_server();
        if *inner.access != config.access {
            inner.access = Arc::new(config.access.clone());
            let access = Arc::clone(&inner.access);
            inner.changes.send_replace(access);
        }
    }

    /// Who may come, now and whenever it changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Access>> {
        self.lock().changes.subscribe()
    }

    /// Who may come.
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.lock().access)
    }

    /// True if `scp` is served: `ip scp server enable`.
    #[must_use]
    pub fn takes_scp(&self) -> bool {
        self.lock().scp
    }

    /// True if the user has the public key with these octets.
    #[must_use]
    pub fn has_key(&self, user: &str, key: &[u8]) -> bool {
        self.lock().keys.contains(user, key)
    }

    /// True if some virtual terminal takes the transport.
    #[must_use]
    pub fn takes(&self, transport: Transport) -> bool {
        let access = self.access();
        let mut lines = access.lines.iter().filter(|l| l.kind == LineKind::Virtual);
        match transport {
            // As on a router, SSH is there once somebody can log in by name.
            Transport::Ssh => {
                !access.users.is_empty()
                    && (0..access.virtual_terminals()).any(|n| access.line(LineKind::Virtual, n).ssh)
            }
            Transport::Telnet => lines.any(|l| l.telnet),
        }
    }

    /// Gives a place on the first free virtual terminal that takes the transport from this address.
    ///
    /// # Errors
    /// [`Refusal`] when there is none, or in the quiet time.
    pub fn enter(&self, transport: Transport, from: IpAddr) -> Result<Place, Refusal> {
        let now = Instant::now();
        let mut inner = self.lock();
        if inner.quiet_until.is_some_and(|until| now < until) {
            return Err(Refusal::Quiet);
        }
        let access = Arc::clone(&inner.access);
        for number in 0..access.virtual_terminals() {
            let line = access.line(LineKind::Virtual, number);
            let takes = match transport {
                Transport::Ssh => line.ssh,
                Transport::Telnet => line.telnet,
            };
            let permitted = line
                .access_class
                .as_ref()
                .and_then(|name| inner.lists.get(name))
                .is_none_or(|list| list.permits(from));
            let seat = FIRST_VTY + number;
            let taken = inner.seats.range(FIRST_VTY + line.first..=FIRST_VTY + line.last).count();
            let full = line.session_limit.is_some_and(|limit| taken >= limit as usize);
            if takes && permitted && line.exec && !full && !inner.seats.contains_key(&seat) {
                return Ok(self.sit(&mut inner, seat, line, from.to_canonical().to_string()));
            }
        }
        Err(Refusal::NoLine)
    }

    /// The console's place.
    #[must_use]
    pub fn console(&self) -> Place {
        let mut inner = self.lock();
        let line = inner.access.line(LineKind::Console, 0);
        self.sit(&mut inner, 0, line, String::new())
    }

    fn sit(&self, inner: &mut Inner, number: u16, line: TerminalLine, location: String) -> Place {
        let (now, cleared) = (Instant::now(), Arc::new(Notify::new()));
        let clear = Arc::clone(&cleared);
        inner.seats.insert(number, Seat { user: String::new(), location, last: now, clear });
        Place { terminals: self.clone(), number, line, cleared }
    }

    /// A login failed; the line for the log, and another where the quiet time begins.
    pub fn failed(&self, user: &str, from: &str) -> Vec<LogLine> {
        let now = Instant::now();
        let mut inner = self.lock();
        let mut log = vec![LogLine::from(Message::LoginFailed { user: &user, from: &from })];
        let Some(block) = inner.access.block else { return log };
        inner.failures.retain(|at| now.duration_since(*at) < block.within);
        if inner.failures.len() < MAX_FAILURES {
            inner.failures.push_back(now);
        }
        if inner.failures.len() >= block.attempts as usize {
            inner.failures.clear();
            inner.quiet_until = Some(now + block.quiet);
            let seconds = block.quiet.as_secs();
            log.push(Message::QuietMode { user: &user, from: &from, seconds: &seconds }.into());
        }
        log
    }

    /// Ends the session at a line, named `vty 1`, `con 0` or by its absolute number; false if there is none.
    pub fn clear(&self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        let number = match (words.next(), words.next().and_then(|n| n.parse::<u16>().ok())) {
            (Some("vty"), Some(n)) => n.checked_add(FIRST_VTY),
            (Some("con" | "console"), Some(0)) => Some(0),
            (Some(n), None) => n.parse().ok(),
            _ => None,
        };
        let inner = self.lock();
        match number.and_then(|n| inner.seats.get(&n)) {
            Some(seat) => {
                seat.clear.notify_one();
                true
            }
            None => false,
        }
    }

    /// Where the terminal at a line comes from; `None` for the console and for a line without one.
    #[must_use]
    pub fn location(&self, line: u16) -> Option<String> {
        self.lock().seats.get(&line).map(|seat| seat.location.clone()).filter(|location| !location.is_empty())
    }

    /// `show users`, with a star at the line that asks.
    #[must_use]
    pub fn show(&self, asking: Option<u16>) -> String {
        let mut text = String::from("    Line       User       Host(s)              Idle       Location\n");
        for (number, seat) in &self.lock().seats {
            let star = if asking == Some(*number) { '*' } else { ' ' };
            let name = match number.checked_sub(FIRST_VTY) {
                Some(vty) => format!("vty {vty}"),
                None => "con 0".to_owned(),
            };
            let idle = crate::clock::clock_face(seat.last.elapsed());
            text.push_str(&format!(
                "{star}{number:>3} {name:<9}  {:<10} {:<20} {idle:<10} {}\n",
                seat.user, "idle", seat.location
            ));
        }
        text.push_str("\n  Interface    User               Mode         Idle     Peer Address\n");
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn terminals(text: &str) -> Terminals {
        let terminals = Terminals::default();
        terminals.publish(&Config::parse(text).config);
        terminals
    }

    #[test]
    fn a_line_is_given_to_who_may_come_until_all_are_taken() {
        let terminals = terminals(
            "username a secret 0 b\naccess-list 7 permit 192.0.2.0 0.0.0.255\nline vty 0 4\n session-limit 2\n access-class 7 in\n transport input ssh\n",
        );
        let near = "192.0.2.1".parse().unwrap();
        assert!(terminals.takes(Transport::Ssh) && !terminals.takes(Transport::Telnet));
        let refused = |r: Result<Place, Refusal>| r.map(|p| p.number()).unwrap_err();
        assert_eq!(refused(terminals.enter(Transport::Telnet, near)), Refusal::NoLine);
        assert_eq!(
            refused(terminals.enter(Transport::Ssh, "198.51.100.1".parse().unwrap())),
            Refusal::NoLine
        );
        let first = terminals.enter(Transport::Ssh, near).unwrap();
        let second = terminals.enter(Transport::Ssh, near).unwrap();
        assert_eq!((first.number(), second.number()), (2, 3));
        assert_eq!(refused(terminals.enter(Transport::Ssh, near)), Refusal::NoLine);
        first.touch("a");
        let shown = terminals.show(Some(2));
        assert!(
            shown.contains("*  2 vty 0      a          idle                 00:00:00   192.0.2.1"),
            "{shown}"
        );
        drop(first);
        assert_eq!(terminals.enter(Transport::Ssh, near).unwrap().number(), 2);
        assert!(terminals.clear("vty 1") && !terminals.clear("vty 4") && !terminals.clear("x"));
    }

    #[test]
    fn after_too_many_failures_nobody_is_let_in() {
        let terminals = terminals("username a secret 0 b\nlogin block-for 60 attempts 3 within 30\n");
        let near = "192.0.2.1".parse().unwrap();
        for failure in 0..3 {
            assert!(terminals.enter(Transport::Ssh, near).is_ok(), "{failure}");
            assert_eq!(terminals.failed("a", "192.0.2.1").len(), if failure == 2 { 2 } else { 1 });
        }
        assert_eq!(terminals.enter(Transport::Ssh, near).map(|p| p.number()).unwrap_err(), Refusal::Quiet);
    }
}
