//! Consoles: the Unix socket that `tipring` speaks to, SSH, telnet and a serial line, and what commands need beyond the switch.

mod drive;
pub mod host;
pub mod network;
pub(crate) mod serial;
mod ssh;
mod telnet;
pub mod terminals;
pub mod unix;

use cli::session::{Action, Reply};
use tokio::sync::{mpsc, oneshot};

/// A console's request to the switch.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // the large one is the common one
pub enum Command {
    /// Something a session wants done.
    Do {
        /// What to do.
        action: Action,
        /// Absolute number of the terminal line that asks, where it has one.
        line: Option<u16>,
        /// Where the answer goes.
        reply: oneshot::Sender<Reply>,
    },
    /// A line for the log.
    Log {
        /// 0 to 7, as in `%FACILITY-SEVERITY-MNEMONIC`.
        severity: u8,
        /// The line.
        text: String,
    },
}

/// Gives an action to the switch. Where the gateway is shutting down, the answer's sender is dropped.
pub async fn ask(
    commands: &mpsc::Sender<Command>,
    action: Action,
    line: Option<u16>,
) -> oneshot::Receiver<Reply> {
    let (reply, answer) = oneshot::channel();
    let _ = commands.send(Command::Do { action, line, reply }).await;
    answer
}
