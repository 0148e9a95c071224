//! Changing the running configuration: candidate, difference, lock, and the timer that takes a change back.
//!
//! Sans-IO: time is an argument. The gateway makes what [`Engine`] hands out its running configuration.
//!
//! ```
//! use cli::config::Config;
//! use cli::engine::Engine;
//! use std::time::{Duration, Instant};
//!
//! let now = Instant::now();
//! let mut engine = Engine::new(Config::parse("hostname Quay\n").config);
//! // `configure replace FILE revert trigger error timer 5`
//! let plan = engine.plan("hostname Pier\n").unwrap();
//! assert_eq!(plan.differences(), "!Contextual Config Diffs:\n+hostname Pier\n-hostname Quay\n");
//! engine.arm(now, Duration::from_secs(300), "ann");
//! engine.commit(plan.candidate);
//! assert_eq!(engine.running().hostname, "Pier");
//! // Nobody typed `configure confirm`.
//! assert_eq!(engine.handle_timeout(now + Duration::from_secs(301)).unwrap().hostname, "Quay");
//! assert_eq!(engine.running().hostname, "Quay");
//! ```

use crate::config::{Body, Config, Node, PortId};
use crate::session::ConfigureText;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The running configuration and what may happen to it.
#[derive(Clone, Debug)]
pub struct Engine {
    running: Config,
    revert: Option<Revert>,
    lock: Option<u64>,
}

#[derive(Clone, Debug)]
struct Revert {
    before: Config,
    deadline: Instant,
    pending: Pending,
}

/// A change that waits to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When its timer was started.
    pub since: Instant,
    /// How long it runs.
    pub after: Duration,
    /// Who started it.
    pub user: String,
}

/// Why a session cannot change the configuration now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("% Configuration mode is locked by session {holder}")]
pub struct Locked {
    /// The session that holds the lock.
    pub holder: u64,
}

/// A text was refused; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// Number and text of the first refused line, and the router's words with the caret.
    pub text: String,
}

/// What a configuration would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The configuration that would run.
    pub candidate: Config,
    before: Config,
}

impl Plan {
    /// What it would go over from.
    pub fn before(&self) -> &Config {
        &self.before
    }

    /// The difference as lines, see [`differences`].
    pub fn differences(&self) -> String {
        differences(&self.before, &self.candidate)
    }

    /// What is touched.
    pub fn touched(&self) -> Touched {
        Touched::between(&self.before, &self.candidate)
    }
}

impl Engine {
    /// An engine whose running configuration is this.
    pub fn new(running: Config) -> Engine {
        Engine { running, revert: None, lock: None }
    }

    /// The running configuration.
    pub fn running(&self) -> &Config {
        &self.running
    }

    /// Takes the exclusive lock for a session (`configure terminal lock`); again by the same session is no error.
    ///
    /// # Errors
    /// If another session holds it.
    pub fn lock(&mut self, session: u64) -> Result<(), Locked> {
        self.check_lock(session)?;
        self.lock = Some(session);
        Ok(())
    }

    /// Gives the lock back, when the session leaves configuration or ends.
    pub fn unlock(&mut self, session: u64) {
        if self.lock == Some(session) {
            self.lock = None;
        }
    }

    /// Tells whether a session may change the configuration.
    ///
    /// # Errors
    /// If another session holds the lock.
    pub fn check_lock(&self, session: u64) -> Result<(), Locked> {
        match self.lock {
            Some(holder) if holder != session => Err(Locked { holder }),
            _ => Ok(()),
        }
    }

    /// What it would mean to replace the running configuration by a text: `configure plan` and the first half of
    /// `configure replace`.
    ///
    /// # Errors
    /// If a line is refused.
    pub fn plan(&self, text: &str) -> Result<Plan, Refused> {
        let (candidate, reply) =
            ConfigureText { text: text.to_owned(), keep_going: false }.apply(&Config::default());
        if reply.error {
            return Err(Refused { text: reply.text });
        }
        Ok(Plan { candidate: candidate.unwrap_or_default(), before: self.running.clone() })
    }

    /// What it would mean to merge a text into the running configuration.
    ///
    /// # Errors
    /// If a line is refused.
    pub fn plan_merge(&self, text: &str) -> Result<Plan, Refused> {
        let (candidate, reply) =
            ConfigureText { text: text.to_owned(), keep_going: false }.apply(&self.running);
        if reply.error {
            return Err(Refused { text: reply.text });
        }
        Ok(Plan {
            candidate: candidate.unwrap_or_else(|| self.running.clone()),
            before: self.running.clone(),
        })
    }

    /// Makes a candidate the running configuration. While the timer of [`Engine::arm`] runs, the way back leads to what
    /// ran when it was started.
    pub fn commit(&mut self, candidate: Config) {
        self.running = candidate;
    }

    /// Starts the timer at whose end the configuration that runs now comes back unless [`Engine::confirm`] comes first; while
    /// one runs, it is set anew and still leads to what ran before the first.
    pub fn arm(&mut self, now: Instant, after: Duration, user: &str) {
        let before = self.revert.take().map_or_else(|| self.running.clone(), |r| r.before);
        let pending = Pending { since: now, after, user: user.to_owned() };
        self.revert = Some(Revert { before, deadline: now + after, pending });
    }

    /// `configure revert timer N`: another time for the timer that runs. False if none does.
    pub fn rearm(&mut self, now: Instant, after: Duration) -> bool {
        let Some(revert) = &mut self.revert else { return false };
        revert.deadline = now + after;
        (revert.pending.since, revert.pending.after) = (now, after);
        true
    }

    /// The change that waits to be confirmed.
    pub fn pending(&self) -> Option<&Pending> {
        self.revert.as_ref().map(|r| &r.pending)
    }

    /// `configure confirm`: the change stays. False if no timer runs.
    pub fn confirm(&mut self) -> bool {
        self.revert.take().is_some()
    }

    /// `configure revert now`: gives the configuration that runs again, or `None` if no timer runs.
    pub fn revert(&mut self) -> Option<&Config> {
        self.running = self.revert.take()?.before;
        Some(&self.running)
    }

    /// When [`Engine::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.revert.as_ref().map(|r| r.deadline)
    }

    /// Takes a change back whose time is over; gives the configuration that runs again.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<&Config> {
        if self.revert.as_ref().is_none_or(|r| now < r.deadline) {
            return None;
        }
        self.revert()
    }
}

/// What differs between two configurations, by what the gateway has to touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Tags of dial peers that are new, gone or changed.
    pub dial_peers: Vec<u32>,
    /// Voice ports that are new, gone or changed.
    pub voice_ports: Vec<PortId>,
    /// Controllers, `E1 1/0`.
    pub controllers: Vec<String>,
    /// D channel interfaces, `1/0:15`.
    pub serial_interfaces: Vec<String>,
    /// Trunk groups.
    pub trunk_groups: Vec<String>,
    /// `sip-ua` differs.
    pub sip_ua: bool,
    /// `voice service voip` differs.
    pub voice_service_voip: bool,
    /// The host name differs.
    pub hostname: bool,
}

impl Touched {
    /// Compares two configurations.
    pub fn between(from: &Config, to: &Config) -> Touched {
        let controller = |c: &crate::config::Controller| format!("{} {}", c.kind.name(), c.name);
        Touched {
            dial_peers: changed(&from.dial_peers, &to.dial_peers, |p| p.tag),
            voice_ports: changed(&from.voice_ports, &to.voice_ports, |p| p.port.clone()),
            controllers: changed(&from.controllers, &to.controllers, controller),
            serial_interfaces: changed(&from.serial_interfaces, &to.serial_interfaces, |s| s.name.clone()),
            trunk_groups: changed(&from.trunk_groups, &to.trunk_groups, |g| g.label.clone()),
            sip_ua: from.sip_ua != to.sip_ua,
            voice_service_voip: from.voice_service_voip != to.voice_service_voip,
            hostname: from.hostname != to.hostname,
        }
    }

    /// True if nothing is touched.
    pub fn is_empty(&self) -> bool {
        *self == Touched::default()
    }
}

/// Names of the entries that only one side has or that differ, in the order of the sides.
fn changed<T: PartialEq, K: Clone + Eq + std::hash::Hash>(
    from: &[T],
    to: &[T],
    key: impl Fn(&T) -> K,
) -> Vec<K> {
    let old: HashMap<K, &T> = from.iter().map(|e| (key(e), e)).collect();
    let new: HashMap<K, &T> = to.iter().map(|e| (key(e), e)).collect();
    let gone = from.iter().map(&key).filter(|k| !new.contains_key(k));
    let other = to.iter().filter(|e| old.get(&key(e)).is_none_or(|o| *o != *e)).map(&key);
    gone.chain(other).collect()
}

/// The difference as IOS prints it: lines that come with `+`, lines that go with `-`, under the headers of their sections.
/// Empty behind its first line if there is none.
pub fn differences(from: &Config, to: &Config) -> String {
    let mut out = String::from("!Contextual Config Diffs:\n");
    body(from.tree(), to.tree(), 0, &mut out);
    out
}

/// The lines that make `to` of `from` when they are entered, under the headers of their sections, between
/// `!List of Commands:` and `end`.
pub fn commands(from: &Config, to: &Config) -> String {
    let mut out = String::from("!List of Commands:\n");
    enter(from.tree(), to.tree(), 0, &mut out);
    out.push_str("end\n");
    out
}

fn enter(from: &Body, to: &Body, depth: usize, out: &mut String) {
    let old: HashMap<&str, &Node> = from.nodes().iter().map(|n| (n.key.as_str(), &**n)).collect();
    let new: HashSet<&str> = to.nodes().iter().map(|n| n.key.as_str()).collect();
    let empty = Body::default();
    for node in to.nodes() {
        let before = old.get(node.key.as_str());
        let same_line = before.is_some_and(|b| b.line == node.line);
        let inner = node.section.as_ref().map_or(&empty, |(_, body)| body);
        let outer = before.and_then(|b| b.section.as_ref()).map_or(&empty, |(_, body)| body);
        if !same_line || inner != outer {
            line(' ', &node.line, depth, out);
            enter(outer, inner, depth + 1, out);
        }
    }
    for node in from.nodes().iter().filter(|n| !new.contains(n.key.as_str())) {
        let first = node.line.lines().next().unwrap_or("");
        match first.strip_prefix("no ") {
            Some(positive) => line(' ', positive, depth, out),
            None => line(' ', &format!("no {first}"), depth, out),
        }
    }
}

fn body(from: &Body, to: &Body, depth: usize, out: &mut String) {
    let old: HashMap<&str, &Node> = from.nodes().iter().map(|n| (n.key.as_str(), &**n)).collect();
    let new: HashMap<&str, &Node> = to.nodes().iter().map(|n| (n.key.as_str(), &**n)).collect();
    for node in to.nodes() {
        match (old.get(node.key.as_str()), &node.section) {
            (Some(before), Some((_, inner))) => {
                if before.line != node.line {
                    line('-', &before.line, depth, out);
                    line('+', &node.line, depth, out);
                }
                let empty = Body::default();
                let outer = before.section.as_ref().map_or(&empty, |(_, b)| b);
                if outer != inner {
                    let mark = out.len();
                    line(' ', &node.line, depth, out);
                    let start = out.len();
                    body(outer, inner, depth + 1, out);
                    if out.len() == start {
                        // Only the order differs, which is configuration where the first match counts.
                        out.truncate(mark);
                        whole('-', before, depth, out);
                        whole('+', node, depth, out);
                    }
                }
            }
            (Some(before), None) if before.line == node.line => {}
            (before, _) => {
                whole('+', node, depth, out);
                if let Some(before) = before {
                    whole('-', before, depth, out);
                }
            }
        }
    }
    for node in from.nodes().iter().filter(|n| !new.contains_key(n.key.as_str())) {
        whole('-', node, depth, out);
    }
}

fn whole(sign: char, node: &Node, depth: usize, out: &mut String) {
    line(sign, &node.line, depth, out);
    if let Some((_, body)) = &node.section {
        for inner in body.nodes() {
            whole(sign, inner, depth + 1, out);
        }
    }
}

fn line(sign: char, text: &str, depth: usize, out: &mut String) {
    for row in text.lines() {
        let _ = match sign {
            ' ' => writeln!(out, "{:depth$}{row}", ""),
            _ => writeln!(out, "{:depth$}{sign}{row}", ""),
        };
    }
}

#[cfg(test)]
mod tests;
