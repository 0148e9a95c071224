//! What a session asks of the gateway, and the answer.

use super::{Exec, Question};
use crate::config::{Config, LineErrorKind, LineOutcome, Mode};
use crate::secret::Password;

/// Something a session wants done. After each one the session waits for [`Session::complete`](super::Session::complete),
/// except after [`Action::Close`].
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// An EXEC command.
    Exec(Exec),
    /// A line of configuration.
    Configure(ConfigureLine),
    /// A whole text of configuration, pushed by a script.
    ConfigureText(ConfigureText),
    /// Somebody says who they are.
    Authenticate(Attempt),
    /// The session is over; drop it.
    Close,
}

/// What somebody typed to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The name, where one was asked for.
    pub username: Option<String>,
    /// The password.
    pub password: Password,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a password is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A session at this terminal.
    Login,
    /// `enable`: the given level.
    Enable(u8),
}

/// A line typed in configuration mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigureLine {
    /// The line as typed.
    pub line: String,
    /// Where it was typed.
    pub mode: Mode,
    /// Width of the prompt before it, for the caret.
    pub indent: usize,
}

impl ConfigureLine {
    /// Applies the line to a copy of the running configuration.
    ///
    /// Gives the candidate, if anything changed, and the reply for [`Session::complete`](super::Session::complete). The
    /// gateway makes the candidate its running configuration (or answers with [`Reply::error`] if it cannot) and
    /// then completes with the reply.
    ///
    /// ```
    /// use cli::{config::{Config, Mode}, session::ConfigureLine};
    /// let line = ConfigureLine { line: "hostname Branch".into(), mode: Mode::global(), indent: 15 };
    /// let (candidate, reply) = line.apply(&Config::default());
    /// assert_eq!(candidate.unwrap().hostname, "Branch");
    /// assert_eq!(reply.hostname.as_deref(), Some("Branch"));
    /// ```
    pub fn apply(self, running: &Config) -> (Option<Config>, Reply) {
        let mut candidate = running.clone();
        let mut mode = self.mode;
        match candidate.apply_line(&mut mode, &self.line) {
            Ok(outcome) => {
                let changed = !candidate.same_lines(running);
                let mut reply = Reply {
                    hostname: (candidate.hostname != running.hostname).then(|| candidate.hostname.clone()),
                    mode: Some(mode),
                    ..Reply::default()
                };
                match outcome {
                    LineOutcome::Leave => reply.leave = true,
                    LineOutcome::Acted { notice: Some(notice) } => reply.text = notice,
                    _ => {}
                }
                (changed.then_some(candidate), reply)
            }
            Err(error) => {
                let mut text = error.render(&self.line, self.indent);
                if !matches!(error.kind, LineErrorKind::Text(_)) {
                    text.push_str("\n\n");
                }
                (None, Reply::error(text))
            }
        }
    }
}

/// A text of configuration to apply as one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigureText {
    /// The lines.
    pub text: String,
    /// Refused lines are skipped and the rest applies, as IOS does; otherwise the first refused line undoes all.
    pub keep_going: bool,
}

impl ConfigureText {
    /// Applies the text to a copy of the running configuration: as [`ConfigureLine::apply`].
    ///
    /// The reply names the first refused line (all of them with `keep_going`) and has [`Reply::error`] set then. Without
    /// `keep_going` a refused line means no candidate: nothing changes.
    pub fn apply(&self, running: &Config) -> (Option<Config>, Reply) {
        let mut candidate = running.clone();
        let mut mode = Mode::paste();
        let mut reply = Reply::default();
        for (index, line) in self.text.lines().enumerate() {
            match candidate.apply_line(&mut mode, line) {
                Ok(LineOutcome::Leave) => mode = Mode::paste(),
                Ok(_) => {}
                Err(error) => {
                    reply.error = true;
                    if !reply.text.is_empty() {
                        reply.text.push('\n');
                    }
                    let line = line.trim_end();
                    let report = error.render(line, 0);
                    reply.text.push_str(&format!("line {}:\n{line}\n{report}", index + 1));
                    if !self.keep_going {
                        return (None, reply);
                    }
                }
            }
        }
        let changed = !candidate.same_lines(running);
        reply.hostname = (candidate.hostname != running.hostname).then(|| candidate.hostname.clone());
        (changed.then_some(candidate), reply)
    }
}

/// The gateway's answer to an [`Action`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// Text to print; lines end in `\n`, the last one may lack it.
    pub text: String,
    /// The text reports a failure.
    pub error: bool,
    /// New host name for the prompt.
    pub hostname: Option<String>,
    /// Where the next line of configuration belongs; configuration mode begins if it has not.
    pub mode: Option<Mode>,
    /// Configuration mode ends.
    pub leave: bool,
    /// The session ends.
    pub close: bool,
    /// Something is asked before the command goes on; [`Reply::text`] is printed before it.
    pub ask: Option<Box<Question>>,
    /// New privilege level: the answer to an [`Action::Authenticate`] that succeeded.
    pub privilege: Option<u8>,
}

impl Reply {
    /// Nothing to say.
    pub fn none() -> Reply {
        Reply::default()
    }

    /// Output.
    pub fn text(text: impl Into<String>) -> Reply {
        Reply { text: text.into(), ..Reply::default() }
    }

    /// A question.
    pub fn ask(question: Question) -> Reply {
        Reply { ask: Some(Box::new(question)), ..Reply::default() }
    }

    /// A failure.
    pub fn error(text: impl Into<String>) -> Reply {
        Reply { text: text.into(), error: true, ..Reply::default() }
    }
}
