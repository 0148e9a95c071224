//! The user's terminal joined to the gateway's console, with the gateway's own editor.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use cli::wire::Size;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// Puts the terminal back as it was.
struct Raw(Termios);

impl Raw {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin().as_fd())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &self.0);
    }
}

/// Runs a console session on the terminal until either side ends it.
pub(super) async fn attach(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    let size = serde_json::to_string(&serde_json::json!({ "attach": Size { width: 80, height: 24 } }))?;
    stream.write_all(format!("{size}\n\r").as_bytes()).await?;
    let mut keys = keyboard();
    let _raw = Raw::enter()?;
    let mut octets = vec![0; 4096];
    loop {
        tokio::select! {
            read = stream.read(&mut octets) => match read? {
                0 => return Ok(()),
                n => {
                    let mut out = io::stdout();
                    out.write_all(octets.get(..n).unwrap_or_default())?;
                    out.flush()?;
                }
            },
            key = keys.recv() => match key {
                Some(typed) => stream.write_all(&typed).await?,
                None => return Ok(()),
            },
        }
    }
}

/// Keystrokes, read on a thread of their own: a terminal cannot be waited for otherwise.
fn keyboard() -> mpsc::Receiver<Vec<u8>> {
    let (keys, typed) = mpsc::channel(16);
    std::thread::spawn(move || {
        use io::Read;
        let mut octets = [0; 256];
        while let Ok(n) = io::stdin().read(&mut octets) {
            let some = octets.get(..n).unwrap_or_default().to_vec();
            if n == 0 || keys.blocking_send(some).is_err() {
                return;
            }
        }
    });
    typed
}
