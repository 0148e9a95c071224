//! Files as IOS shows them: `flash:`, `nvram:`, `tmp:` in the state directory, and servers by TFTP, FTP, HTTP and SCP.
//!
//! Nothing here runs on the thread that carries calls: commands are closures ([`Job`]) that may block. What they want done
//! to the running configuration comes back as [`Next::Then`].

mod commands;
mod copy;
mod ftp;
mod place;
mod remote;
pub mod scp;
mod system;
pub mod tftp;

use std::path::PathBuf;
use std::time::Instant;

use cli::config::{Config, FilePrompt};
use cli::session::{Exec, Question, QuestionKind, Reply};

pub(crate) use commands::run;
pub(crate) use copy::{configuration, keep};
pub use place::{Disk, Place, PlaceError, Remote, Scheme};
pub use system::{Entry, FileError, FileSystem, MAX_FILE};

use crate::console::host::Host;
use crate::switch::Switch;

/// Work away from the thread that carries calls; it may block.
pub type Job = Box<dyn FnOnce() -> Next + Send>;
/// What a job wants done afterwards, with the switch at hand.
pub type Then = Box<dyn FnOnce(&mut Host, Instant, &mut Switch) -> Answer + Send>;

/// What a job came to.
#[allow(clippy::large_enum_variant)] // the large one is the common one
pub enum Next {
    /// The console's answer.
    Reply(Reply),
    /// Something for the switch.
    Then(Then),
}

/// The answer to a console.
#[allow(clippy::large_enum_variant)] // the large one is the common one
pub enum Answer {
    /// At once.
    Now(Reply),
    /// After a job.
    Later(Job),
}

impl Answer {
    /// A job.
    pub fn later(job: impl FnOnce() -> Next + Send + 'static) -> Answer {
        Answer::Later(Box::new(job))
    }

    /// Runs jobs on this thread until the answer is there: for tests, and for programs without a runtime.
    pub fn wait(self, host: &mut Host, now: Instant, switch: &mut Switch) -> Reply {
        let mut answer = self;
        loop {
            answer = match answer {
                Answer::Now(reply) => return reply,
                Answer::Later(job) => match job() {
                    Next::Reply(reply) => return reply,
                    Next::Then(then) => then(host, now, switch),
                },
            };
        }
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        Answer::Now(reply)
    }
}

impl Next {
    /// Something for the switch.
    pub fn then(then: impl FnOnce(&mut Host, Instant, &mut Switch) -> Answer + Send + 'static) -> Next {
        Next::Then(Box::new(then))
    }
}

/// What a command on files works with: a picture of the gateway as it was typed.
#[derive(Debug, Clone)]
pub struct Context {
    /// The disks.
    pub system: FileSystem,
    /// The running configuration.
    pub running: Config,
    /// How much is asked.
    pub prompt: FilePrompt,
    /// The user at the console, for servers that want a name.
    pub user: String,
    /// The command, without answers.
    pub exec: Exec,
    /// Answers so far.
    pub answers: Vec<String>,
    next: usize,
}

/// Why a command goes no further.
#[derive(Debug)]
pub enum Stop {
    /// It asks something first.
    Ask(Box<Question>),
    /// It failed, with the words for the console.
    Failed(String),
}

impl From<FileError> for Stop {
    fn from(error: FileError) -> Stop {
        Stop::Failed(error.to_string())
    }
}

impl From<Stop> for Reply {
    fn from(stop: Stop) -> Reply {
        match stop {
            Stop::Ask(question) => Reply::ask(*question),
            Stop::Failed(text) => Reply::error(text),
        }
    }
}

impl Context {
    /// For a command that may have asked already.
    #[must_use]
    pub fn new(system: FileSystem, running: Config, user: String, exec: Exec) -> Context {
        let (exec, answers) = match exec {
            Exec::Answered { exec, answers } => (*exec, answers),
            exec => (exec, Vec::new()),
        };
        Context { prompt: running.file_prompt(), system, running, user, exec, answers, next: 0 }
    }

    /// `/noconfirm` and the like.
    pub fn silence(&mut self) {
        self.prompt = FilePrompt::Quiet;
    }

    /// The file of the authorities that servers are believed by, where the configuration names one.
    fn authorities(&self) -> Option<PathBuf> {
        Some(self.system.pki.join(self.running.http_client_trustpoint()?).join("ca.pem"))
    }

    fn ask(&mut self, text: String, kind: QuestionKind, unattended: String) -> Result<String, Stop> {
        if let Some(answer) = self.answers.get(self.next) {
            self.next += 1;
            return Ok(answer.clone());
        }
        let exec = match self.answers.as_slice() {
            [] => self.exec.clone(),
            answers => Exec::Answered { exec: Box::new(self.exec.clone()), answers: answers.to_vec() },
        };
        Err(Stop::Ask(Box::new(Question { text, kind, unattended, exec: Box::new(exec) })))
    }

    /// Asks for a line, `default` where Enter alone is typed. Not asked with `file prompt quiet`, if there is a default.
    ///
    /// # Errors
    /// The question, while it is unanswered; [`Stop::Failed`] for an empty answer.
    pub fn line(&mut self, what: &str, default: &str) -> Result<String, Stop> {
        if self.prompt == FilePrompt::Quiet && !default.is_empty() {
            return Ok(default.to_owned());
        }
        let kind = QuestionKind::Line(default.to_owned());
        let answer = self.ask(format!("{what} [{default}]? "), kind, default.to_owned())?;
        match answer.is_empty() {
            true => Err(Stop::Failed(format!("%Error: no {} given", what.to_lowercase()))),
            false => Ok(answer),
        }
    }

    /// Asks to go on. Not asked with `file prompt quiet`.
    ///
    /// # Errors
    /// The question, while it is unanswered.
    pub fn confirm(&mut self, text: &str) -> Result<(), Stop> {
        match self.prompt {
            FilePrompt::Quiet => Ok(()),
            _ => self.insist(text),
        }
    }

    /// Asks to go on, whatever `file prompt` says.
    ///
    /// # Errors
    /// As [`Context::confirm`].
    pub fn insist(&mut self, text: &str) -> Result<(), Stop> {
        self.ask(format!("{text} [confirm]"), QuestionKind::Confirm, "y".to_owned()).map(drop)
    }

    /// Asks a question whose answer is `yes` or `no`; `default` where Enter alone is typed, `unattended` where nobody can
    /// be asked.
    ///
    /// # Errors
    /// As [`Context::confirm`].
    pub fn yes(&mut self, text: &str, default: bool, unattended: bool) -> Result<bool, Stop> {
        let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let answer = self.ask(text.to_owned(), QuestionKind::Line(word(default)), word(unattended))?;
        Ok(answer.starts_with(['y', 'Y']))
    }

    /// Asks for a password.
    ///
    /// # Errors
    /// As [`Context::confirm`].
    pub fn password(&mut self) -> Result<String, Stop> {
        self.ask("Password: ".to_owned(), QuestionKind::Hidden, String::new())
    }
}

#[cfg(test)]
mod tests;
