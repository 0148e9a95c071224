//! `<state-dir>/console.sock`: serves [`cli::wire`] to local clients.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cli::config::LineKind;
use cli::session::{Action, Reply};
use cli::wire::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::terminals::Terminals;
use super::{Caller, Command, ask, drive};
use crate::files::FileSystem;
use crate::service::message::Message;
use crate::service::report::Reporter;

/// Consoles at the same time.
const SESSIONS: usize = 100;

/// The running configuration's host name, for prompts.
#[derive(Debug, Clone, Default)]
pub struct Hostname(Arc<Mutex<String>>);

impl Hostname {
    /// Changes it.
    pub fn set(&self, name: &str) {
        name.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Reads it.
    #[must_use]
    pub fn read(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The listening console. Dropping it removes the socket.
#[derive(Debug)]
pub struct Console {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What every session needs.
#[derive(Debug, Clone)]
pub struct Shared {
    /// To the switch.
    pub commands: mpsc::Sender<Command>,
    /// Into the log.
    pub reporter: Reporter,
    /// Debug and log lines.
    pub monitor: broadcast::Sender<String>,
    /// For prompts.
    pub hostname: Hostname,
    /// Who may come.
    pub terminals: Terminals,
    /// The disks, for `scp`.
    pub files: FileSystem,
}

/// Serves consoles on a Unix socket; a socket left behind by a dead daemon is replaced.
///
/// # Errors
/// `AddrInUse` when another daemon answers on the socket, else what the system said.
pub fn serve(path: &Path, shared: Shared) -> io::Result<Console> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let text = format!("{} is served by another tipringd", path.display());
        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o660))?;
    let task = tokio::spawn(accept(listener, shared));
    Ok(Console { path: path.to_owned(), task })
}

async fn accept(listener: UnixListener, shared: Shared) {
    let free = Arc::new(Semaphore::new(SESSIONS));
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    if let Err(error) = session(stream, shared).await {
                        tracing::debug!(%error, "console");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                shared.reporter.report(Message::ConsoleAccept { error: &error });
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn session(mut stream: UnixStream, shared: Shared) -> io::Result<()> {
    let mut connection = Connection::new(&shared.hostname.read());
    let caller = Caller::new(None);
    let _leaving = drive::Leaving { shared: shared.clone(), console: caller.id };
    let mut monitor = shared.monitor.subscribe();
    let mut running: Option<oneshot::Receiver<Reply>> = None;
    let mut octets = vec![0; 16 * 1024];
    loop {
        while running.is_none()
            && let Some(action) = connection.poll_action()
        {
            if action == Action::Close {
                continue;
            }
            running = Some(match action {
                Action::Authenticate(attempt) => {
                    let line = shared.terminals.access().line(LineKind::Console, 0);
                    drive::decide(attempt, &line, 0, &shared)
                }
                action => ask(&shared.commands, action, caller.clone()).await,
            });
        }
        connection.set_hostname(&shared.hostname.read());
        while let Some(output) = connection.poll_output() {
            stream.write_all(&output).await?;
        }
        if connection.is_closed() {
            return stream.shutdown().await;
        }
        tokio::select! {
            read = stream.read(&mut octets) => match read? {
                0 => return Ok(()),
                n => connection.feed(octets.get(..n).unwrap_or_default()),
            },
            reply = drive::reply(&mut running) => {
                running = None;
                connection.complete(reply);
            }
            line = monitor.recv() => match line {
                Ok(line) => connection.notify(&line),
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    connection.notify(&Message::ConsoleLost { lost: &lost }.to_string());
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        }
    }
}
