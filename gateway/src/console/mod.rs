//! Consoles: the Unix socket that `tipring` speaks to, and what commands need beyond the switch.

pub mod host;
pub mod unix;

use cli::session::{Action, Reply};
use tokio::sync::oneshot;

/// A console's request to the switch.
#[derive(Debug)]
pub struct Command {
    /// What to do.
    pub action: Action,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Reply>,
}
