//! The way into the log for what runs beside the switch: tasks, threads, and what happens before the switch is there.

use tokio::sync::mpsc;

use super::message::LogLine;

/// Lines that may wait for the switch; more than a start with a bad configuration has to say.
const WAITING: usize = 1024;

/// Gives lines to the log. Copies speak to the same log.
#[derive(Debug, Clone)]
pub struct Reporter(mpsc::Sender<LogLine>);

/// A reporter, and where its lines come out.
#[must_use]
pub fn channel() -> (Reporter, mpsc::Receiver<LogLine>) {
    let (to, lines) = mpsc::channel(WAITING);
    (Reporter(to), lines)
}

impl Reporter {
    /// Puts a line into the log. Never waits: where the switch is far behind, or gone, standard error has to do.
    pub fn report(&self, line: impl Into<LogLine>) {
        if let Err(unsent) = self.0.try_send(line.into()) {
            tracing::error!("not in the log: {}", unsent.into_inner().text());
        }
    }
}
