//! One terminal session between a wire (SSH, telnet, serial) and the switch.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cli::config::TerminalLine;
use cli::session::{Action, Attempt, Purpose, Reply, Session, authenticate};
use tokio::sync::{broadcast, oneshot};
use tokio::time::Instant;

use super::terminals::Place;
use super::unix::Shared;
use super::{Caller, Command, ask};
use crate::service::message::Message;

/// What comes from a terminal.
#[derive(Debug)]
pub(super) enum Input {
    /// Keystrokes.
    Keys(Vec<u8>),
    /// Its window has these columns and rows.
    Size(u16, u16),
    /// It is gone.
    Closed,
}

/// A terminal's connection.
pub(super) trait Wire {
    /// The next thing from the terminal. Dropping the future loses nothing.
    async fn read(&mut self) -> io::Result<Input>;
    /// Shows octets.
    async fn write(&mut self, octets: &[u8]) -> io::Result<()>;
}

/// A failed attempt is answered this much later.
const FAILURE_DELAY: Duration = Duration::from_secs(1);

/// Runs a session until it ends, its line's time runs out, or an operator clears the line.
pub(super) async fn run<W: Wire>(
    wire: &mut W,
    mut session: Session,
    place: Place,
    shared: Shared,
) -> io::Result<()> {
    let caller = Caller::new(Some(place.number()));
    let _leaving = Leaving { shared: shared.clone(), console: caller.id };
    let mut monitor = shared.monitor.subscribe();
    let mut running: Option<oneshot::Receiver<Reply>> = None;
    let mut access = shared.terminals.access();
    // An unanswered login ends sooner than an idle session.
    let login = Instant::now() + place.line.login_timeout.unwrap_or(access.ssh_timeout);
    let mut idle = place.line.exec_timeout.map(|t| Instant::now() + t);
    loop {
        while running.is_none()
            && let Some(action) = session.poll_action()
        {
            running = match action {
                Action::Close => continue,
                Action::Authenticate(attempt) => Some(decide(attempt, &place.line, place.number(), &shared)),
                action => Some(ask(&shared.commands, action, caller.with_user(session.username())).await),
            };
        }
        session.set_hostname(&shared.hostname.read());
        let now = shared.terminals.access();
        if !Arc::ptr_eq(&now, &access) {
            session.set_access(&now);
            access = now;
        }
        while let Some(output) = session.poll_output() {
            wire.write(&output).await?;
        }
        if session.is_closed() {
            return Ok(());
        }
        let until = if session.is_locked() { Some(login) } else { idle };
        tokio::select! {
            input = wire.read() => match input? {
                Input::Keys(keys) => {
                    idle = place.line.exec_timeout.map(|t| Instant::now() + t);
                    place.touch(session.username());
                    session.feed(&keys);
                }
                Input::Size(width, height) => session.resize(width, height),
                Input::Closed => return Ok(()),
            },
            reply = reply(&mut running) => {
                running = None;
                session.complete(reply);
                place.touch(session.username());
            }
            line = monitor.recv() => match line {
                Ok(line) => session.notify(&line),
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    session.notify(&Message::ConsoleLost { lost: &lost }.to_string());
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
            () = at(until) => {
                wire.write(b"\r\n\r\n").await?;
                return Ok(());
            }
            () = place.cleared.notified() => {
                wire.write(b"\r\n[Connection to Router closed by foreign host]\r\n").await?;
                return Ok(());
            }
        }
    }
}

/// Tells the switch that a console has left, however it ended.
pub(super) struct Leaving {
    pub(super) shared: Shared,
    pub(super) console: u64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let (commands, console) = (self.shared.commands.clone(), self.console);
        // There is no runtime any more when the gateway itself ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = commands.send(Command::Gone(console)).await;
            });
        }
    }
}

/// Checks a password away from this thread.
pub(super) fn decide(
    attempt: Attempt,
    line: &TerminalLine,
    number: u16,
    shared: &Shared,
) -> oneshot::Receiver<Reply> {
    let (answer, reply) = oneshot::channel();
    let (shared, line) = (shared.clone(), line.clone());
    tokio::spawn(async move {
        let access = shared.terminals.access();
        let user = attempt.username.clone().unwrap_or_default();
        let purpose = attempt.purpose;
        let checked = tokio::task::spawn_blocking(move || authenticate(&access, &line, &attempt)).await;
        let verdict = checked.unwrap_or_else(|_| Reply::error("% Login invalid"));
        if verdict.error {
            if purpose == Purpose::Login {
                shared
                    .terminals
                    .failed(&user, &format!("line {number}"))
                    .into_iter()
                    .for_each(|l| shared.reporter.report(l));
            }
            tokio::time::sleep(FAILURE_DELAY).await;
        } else if purpose == Purpose::Login {
            shared.reporter.report(Message::LineLoginSuccess { user: &user, line: &number });
        }
        // A terminal that has left does not want its answer.
        let _ = answer.send(verdict);
    });
    reply
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The answer of the action under way; never where there is none.
pub(super) async fn reply(running: &mut Option<oneshot::Receiver<Reply>>) -> Reply {
    match running {
        Some(answer) => answer.await.unwrap_or_else(|_| Reply::error("% The gateway is shutting down")),
        None => std::future::pending().await,
    }
}
