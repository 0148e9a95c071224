//! `line con 0` on a serial line: a tty named in `hardware.toml`, opened with the line's speed, data bits, parity, stop
//! bits and flow control, opened again after it was gone.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cli::config::{Access, LineKind, Parity, SerialSettings};
use cli::session::{Session, SessionKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio_serial::{DataBits, FlowControl, SerialPort as _, SerialStream, StopBits};

use super::drive::{self, Input, Wire};
use super::unix::Shared;
use crate::service::message::Message;
use crate::service::report::Reporter;

/// How long to wait before a tty that cannot be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// A tty that takes nothing for so long (flow control, nobody there) loses the output.
const STUCK: Duration = Duration::from_secs(10);

/// Serves the console on the tty for ever.
pub(crate) async fn serve(tty: PathBuf, shared: Shared) {
    // One word in the log when it goes, one when it comes back.
    let mut missing = false;
    loop {
        match Line::open(&tty, &shared) {
            Ok(mut line) => {
                if std::mem::take(&mut missing) {
                    shared.reporter.report(Message::ConsoleBack { tty: &tty.display() });
                }
                line.sessions(&shared).await;
                missing = true;
                shared.reporter.report(Message::ConsoleGone { tty: &tty.display() });
            }
            Err(error) if !missing => {
                missing = true;
                shared.reporter.report(Message::ConsoleMissing { tty: &tty.display(), error: &error });
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// An open tty.
struct Line {
    tty: SerialStream,
    settings: SerialSettings,
    changes: watch::Receiver<std::sync::Arc<Access>>,
    reporter: Reporter,
    /// The tty is no more.
    gone: bool,
}

impl Line {
    fn open(tty: &std::path::Path, shared: &Shared) -> io::Result<Line> {
        let mut changes = shared.terminals.changes();
        let settings = changes.borrow_and_update().line(LineKind::Console, 0).serial;
        let builder = tokio_serial::new(tty.to_string_lossy(), settings.speed)
            .data_bits(data_bits(settings))
            .parity(parity(settings))
            .stop_bits(stop_bits(settings))
            .flow_control(flow_control(settings));
        let tty = SerialStream::open(&builder)?;
        Ok(Line { tty, settings, changes, reporter: shared.reporter.clone(), gone: false })
    }

    /// One session after the other, as long as the tty is there.
    async fn sessions(&mut self, shared: &Shared) {
        loop {
            match self.wait_for_return(shared).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => return,
            }
            let place = shared.terminals.console();
            let mut session = Session::new(SessionKind::Console, 80, 24);
            session.set_hostname(&shared.hostname.read());
            session.set_line(&shared.terminals.access(), &place.line, None);
            if let Err(error) = drive::run(self, session, place, shared.clone()).await {
                tracing::debug!(%error, "serial console");
            }
            if self.gone {
                return;
            }
        }
    }

    /// Says that the console is free and waits for Return; false if the line gives no EXEC.
    async fn wait_for_return(&mut self, shared: &Shared) -> io::Result<bool> {
        let free = format!(
            "\r\n\r\n{} con0 is now available\r\n\r\n\r\n\r\n\r\nPress RETURN to get started.\r\n\r\n\r\n\r\n\r\n",
            shared.hostname.read()
        );
        self.write(free.as_bytes()).await?;
        loop {
            match self.read().await? {
                Input::Keys(keys) if keys.iter().any(|key| matches!(key, b'\r' | b'\n')) => {
                    return Ok(shared.terminals.access().line(LineKind::Console, 0).exec);
                }
                Input::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
                Input::Keys(_) | Input::Size(..) => {}
            }
        }
    }

    /// Gives the tty what the configuration now says of the line.
    fn follow(&mut self) {
        let wanted = self.changes.borrow_and_update().line(LineKind::Console, 0).serial;
        if wanted == self.settings {
            return;
        }
        let set = self
            .tty
            .set_baud_rate(wanted.speed)
            .and_then(|()| self.tty.set_data_bits(data_bits(wanted)))
            .and_then(|()| self.tty.set_parity(parity(wanted)))
            .and_then(|()| self.tty.set_stop_bits(stop_bits(wanted)))
            .and_then(|()| self.tty.set_flow_control(flow_control(wanted)));
        if let Err(error) = set {
            self.reporter.report(Message::LineSetting { error: &error });
        }
        self.settings = wanted;
    }
}

impl Wire for Line {
    async fn read(&mut self) -> io::Result<Input> {
        let mut octets = [0; 1024];
        loop {
            tokio::select! {
                read = self.tty.read(&mut octets) => {
                    // A tty whose other end has gone gives nothing, or EIO.
                    let n = read.inspect_err(|_| self.gone = true)?;
                    if n == 0 {
                        self.gone = true;
                        return Ok(Input::Closed);
                    }
                    return Ok(Input::Keys(octets.get(..n).unwrap_or_default().to_vec()));
                }
                changed = self.changes.changed() => match changed {
                    Ok(()) => self.follow(),
                    // The daemon ends.
                    Err(_) => return Ok(Input::Closed),
                },
            }
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match tokio::time::timeout(STUCK, self.tty.write_all(octets)).await {
            Ok(written) => written.inspect_err(|_| self.gone = true),
            Err(_) => Ok(self.tty.clear(tokio_serial::ClearBuffer::Output)?),
        }
    }
}

fn data_bits(settings: SerialSettings) -> DataBits {
    match settings.databits {
        5 => DataBits::Five,
        6 => DataBits::Six,
        7 => DataBits::Seven,
        _ => DataBits::Eight,
    }
}

fn parity(settings: SerialSettings) -> tokio_serial::Parity {
    match settings.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    }
}

fn stop_bits(settings: SerialSettings) -> StopBits {
    if settings.stopbits == 2 { StopBits::Two } else { StopBits::One }
}

fn flow_control(settings: SerialSettings) -> FlowControl {
    match (settings.hardware_flow, settings.software_flow) {
        (true, _) => FlowControl::Hardware,
        (false, true) => FlowControl::Software,
        (false, false) => FlowControl::None,
    }
}
