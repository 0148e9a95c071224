//! `archive`, `log config`: who entered which line of configuration.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Instant;

use super::Caller;
use super::host::Host;
use crate::service::message::Message;
use crate::switch::Switch;

/// The lines entered, oldest first.
#[derive(Debug, Default)]
pub(super) struct CommandHistory {
    entries: VecDeque<Entry>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    session: u64,
    who: String,
    line: String,
}

impl CommandHistory {
    /// Forgets all lines; numbers go on.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// `show archive log config all [provisioning]`.
    pub(super) fn show(&self, provisioning: bool) -> String {
        let mut out = String::new();
        if !provisioning {
            out.push_str(" idx   sess           user@line      Logged command\n");
        }
        for Entry { number, session, who, line } in &self.entries {
            let _ = match provisioning {
                true => writeln!(out, "{line}"),
                false => writeln!(out, "{number:>5} {session:>5} {who:>20}  |{line}"),
            };
        }
        out
    }
}

impl Host {
    /// Takes a line into the log, if the configuration wants one.
    pub(super) fn remember(&mut self, now: Instant, switch: &mut Switch, line: &str, caller: &Caller) {
        let Some(log) = switch.config().archive().and_then(|archive| archive.log) else { return };
        let line = line.trim_end();
        if line.is_empty() || line.trim_start().starts_with('!') {
            return;
        }
        let line = hide(line);
        if log.notify_syslog {
            switch.log(now, Message::ConfigLogged { user: &caller.user, line: &line.trim() });
        }
        let history = &mut self.history;
        history.last += 1;
        let who = format!("{}@{}", caller.user, caller.place());
        history.entries.push_back(Entry { number: history.last, session: caller.id, who, line });
        while history.entries.len() > log.size {
            history.entries.pop_front();
        }
    }
}

/// A line whose secrets are stars, whether or not the log says `hidekeys`.
pub(super) fn hide(line: &str) -> String {
    const SECRET: [&str; 6] = ["secret", "password", "key", "key-string", "community", "pre-shared-key"];
    let words = cli::grammar::matcher::words(line);
    let last = words.len().saturating_sub(1);
    let secret = words.iter().take(last).find(|word| SECRET.contains(&word.text));
    match secret.and_then(|word| line.get(..word.column + word.text.len())) {
        Some(head) => format!("{head} *****"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn a_logged_line_has_no_secret() {
        assert_eq!(hide("username ann privilege 15 secret 0 open"), "username ann privilege 15 secret *****");
        assert_eq!(hide(" password 7 0822455D0A16"), " password *****");
        assert_eq!(hide("service password-encryption"), "service password-encryption");
        assert_eq!(hide("no enable secret"), "no enable secret");
        assert_eq!(hide("enable secret\u{a0}x"), "enable secret *****");
    }
}
