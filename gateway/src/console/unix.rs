//! `<state-dir>/console.sock`: serves [`cli::wire`] to local clients.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cli::session::{Action, Reply};
use cli::wire::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Command;

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
    /// Debug and log lines.
    pub monitor: broadcast::Sender<String>,
    /// For prompts.
    pub hostname: Hostname,
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
                tracing::warn!(%error, "console: accept");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn session(mut stream: UnixStream, shared: Shared) -> io::Result<()> {
    let mut connection = Connection::new(&shared.hostname.read());
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
            let (reply, answer) = oneshot::channel();
            if shared.commands.send(Command { action, reply }).await.is_err() {
                return Ok(());
            }
            running = Some(answer);
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
            reply = wait(&mut running) => {
                running = None;
                connection.complete(reply);
            }
            line = monitor.recv() => match line {
                Ok(line) => connection.notify(&line),
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    connection.notify(&format!("%CONSOLE-4-LOST: {lost} lines were lost on this console"));
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        }
    }
}

async fn wait(running: &mut Option<oneshot::Receiver<Reply>>) -> Reply {
    match running {
        Some(answer) => answer.await.unwrap_or_else(|_| Reply::error("% The gateway is shutting down")),
        None => std::future::pending().await,
    }
}
