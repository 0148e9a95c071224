//! Consoles: the Unix socket that `tipring` speaks to, SSH, telnet and a serial line, and what commands need beyond the switch.

mod config_log;
mod configure;
mod drive;
pub mod host;
pub mod network;
mod ping;
mod reload;
mod scp;
pub(crate) mod serial;
mod ssh;
pub mod startup;
pub mod syslog;
mod telnet;
pub mod terminals;
pub mod unix;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cli::session::{Action, Reply};
use tokio::sync::{mpsc, oneshot};

use crate::files::{Answer, Next, Then};

/// A console's request to the switch.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // the large one is the common one
pub enum Command {
    /// Something a session wants done.
    Do {
        /// What to do.
        action: Action,
        /// Who asks.
        caller: Caller,
        /// Where the answer goes.
        reply: oneshot::Sender<Reply>,
    },
    /// What a job of an earlier request wants done.
    Continue {
        /// What to do.
        then: Continuation,
        /// Where the answer goes; none for a job that no console waits for.
        reply: Option<oneshot::Sender<Reply>>,
    },
    /// A console has left.
    Gone(u64),
    /// The gateway is to end with its last call, and no later than after this time.
    Drain(Duration),
    /// The gateway is to end now.
    Stop,
}

/// See [`Command::Continue`].
pub struct Continuation(pub Then);

impl std::fmt::Debug for Continuation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Continuation")
    }
}

/// Gives an answer to its console, after the work it needs, which is done away from the thread that carries calls.
pub(crate) async fn give(
    answer: Answer,
    reply: Option<oneshot::Sender<Reply>>,
    commands: mpsc::WeakSender<Command>,
) {
    let next = match answer {
        Answer::Now(text) => Next::Reply(text),
        Answer::Later(job) => {
            let next = tokio::task::spawn_blocking(job).await;
            next.unwrap_or_else(|_| Next::Reply(Reply::error("% The command failed")))
        }
    };
    match next {
        Next::Reply(text) => {
            if let Some(reply) = reply {
                // A console that has left does not want its answer.
                let _ = reply.send(text);
            }
        }
        Next::Then(then) => {
            if let Some(commands) = commands.upgrade() {
                let _ = commands.send(Command::Continue { then: Continuation(then), reply }).await;
            }
        }
    }
}

/// The user of a console where nobody was asked.
const UNKNOWN: &str = "console";

/// Who asks for something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Number of the console since the start.
    pub id: u64,
    /// Absolute number of its terminal line, where it has one.
    pub line: Option<u16>,
    /// Who sits there; `console` where nobody was asked.
    pub user: String,
}

impl Caller {
    /// A console nobody has had.
    #[must_use]
    pub fn new(line: Option<u16>) -> Caller {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Caller { id: NEXT.fetch_add(1, Ordering::Relaxed), line, user: UNKNOWN.to_owned() }
    }

    /// The same console with the user of its session.
    #[must_use]
    pub fn with_user(&self, user: &str) -> Caller {
        let user = if user.is_empty() { &self.user } else { user };
        Caller { user: user.to_owned(), ..self.clone() }
    }

    /// True if somebody has said who sits there.
    fn is_named(&self) -> bool {
        !self.user.is_empty() && self.user != UNKNOWN
    }

    /// `console`, `vty0`.
    #[must_use]
    pub fn place(&self) -> String {
        match self.line.and_then(|line| line.checked_sub(terminals::FIRST_VTY)) {
            Some(vty) => format!("vty{vty}"),
            None => "console".to_owned(),
        }
    }
}

/// Gives an action to the switch. Where the gateway is shutting down, the answer's sender is dropped.
pub async fn ask(
    commands: &mpsc::Sender<Command>,
    action: Action,
    caller: Caller,
) -> oneshot::Receiver<Reply> {
    let (reply, answer) = oneshot::channel();
    let _ = commands.send(Command::Do { action, caller, reply }).await;
    answer
}
