//! The serial lines of SMDI: opened with their speed and framing, opened again after they were gone.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_serial::{DataBits, Parity, SerialStream, StopBits};

use super::message::Message;
use super::report::Reporter;
use crate::hardware::{Framing, Smdi};

/// How long to wait before a tty that cannot be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// A tty that takes nothing for so long is as good as gone. Shorter than any silence that is taken for success.
const STUCK: Duration = Duration::from_millis(900);
/// Requests that may wait to be written.
const REQUESTS: usize = 128;
/// Events that may wait for the switch.
const EVENTS: usize = 64;

/// What a line tells.
#[derive(Debug)]
pub enum SmdiEvent {
    /// The tty was opened.
    Up,
    /// The tty is gone.
    Down,
    /// The PBX speaks.
    Octets(Bytes),
}

/// All lines of the gateway, each with a task of its own that ends with this.
#[derive(Debug)]
pub struct SmdiLines {
    requests: Vec<mpsc::Sender<Bytes>>,
    tasks: Vec<AbortHandle>,
    to_switch: mpsc::Sender<(usize, SmdiEvent)>,
    events: mpsc::Receiver<(usize, SmdiEvent)>,
}

impl SmdiLines {
    /// Opens the lines on the current runtime.
    #[must_use]
    pub fn open(lines: &[Smdi], reporter: &Reporter) -> Self {
        let (to_switch, events) = mpsc::channel(EVENTS);
        let mut opened = Self { requests: Vec::new(), tasks: Vec::new(), to_switch, events };
        for (at, settings) in lines.iter().enumerate() {
            let (requests, to_write) = mpsc::channel(REQUESTS);
            let runs = serve(at, settings.clone(), reporter.clone(), opened.to_switch.clone(), to_write);
            opened.requests.push(requests);
            opened.tasks.push(tokio::spawn(runs).abort_handle());
        }
        opened
    }

    /// The next thing a line tells, with the line's number.
    pub async fn recv(&mut self) -> Option<(usize, SmdiEvent)> {
        self.events.recv().await
    }

    /// Writes a request. A line that takes no more is told of as gone.
    pub fn send(&self, line: usize, request: Bytes) {
        if self.requests.get(line).is_none_or(|requests| requests.try_send(request).is_err()) {
            // With so many events on their way the line lives, and the PBX's silence is its own.
            let _ = self.to_switch.try_send((line, SmdiEvent::Down));
        }
    }
}

impl Drop for SmdiLines {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn serve(
    line: usize,
    settings: Smdi,
    reporter: Reporter,
    events: mpsc::Sender<(usize, SmdiEvent)>,
    mut to_write: mpsc::Receiver<Bytes>,
) {
    // One word in the log for each time it is gone.
    let mut missing = false;
    loop {
        match connect(&settings) {
            Ok(mut tty) => {
                missing = false;
                // What waited was for a line that is gone.
                while to_write.try_recv().is_ok() {}
                if events.send((line, SmdiEvent::Up)).await.is_err() {
                    return;
                }
                let error = talk(&mut tty, line, &events, &mut to_write).await;
                reporter.report(Message::SmdiTty { tty: &settings.tty.display(), error: &error });
                if events.send((line, SmdiEvent::Down)).await.is_err() {
                    return;
                }
            }
            Err(error) if !missing => {
                missing = true;
                reporter.report(Message::SmdiTty { tty: &settings.tty.display(), error: &error });
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn connect(settings: &Smdi) -> io::Result<SerialStream> {
    let (bits, parity) = match settings.framing {
        Framing::SevenEven => (DataBits::Seven, Parity::Even),
        Framing::EightNone => (DataBits::Eight, Parity::None),
    };
    let builder = tokio_serial::new(settings.tty.to_string_lossy(), settings.speed)
        .data_bits(bits)
        .parity(parity)
        .stop_bits(StopBits::One);
    Ok(SerialStream::open(&builder)?)
}

/// Moves octets both ways until the line is gone, and gives the reason.
async fn talk(
    tty: &mut SerialStream,
    line: usize,
    events: &mpsc::Sender<(usize, SmdiEvent)>,
    to_write: &mut mpsc::Receiver<Bytes>,
) -> io::Error {
    let mut octets = [0; 1024];
    loop {
        tokio::select! {
            read = tty.read(&mut octets) => match read {
                Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(n) => {
                    let heard = Bytes::copy_from_slice(octets.get(..n).unwrap_or_default());
                    if events.send((line, SmdiEvent::Octets(heard))).await.is_err() {
                        return io::ErrorKind::BrokenPipe.into();
                    }
                }
                Err(error) => return error,
            },
            request = to_write.recv() => {
                let Some(request) = request else { return io::ErrorKind::BrokenPipe.into() };
                match tokio::time::timeout(STUCK, tty.write_all(&request)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error,
                    Err(_) => return io::ErrorKind::TimedOut.into(),
                }
            }
        }
    }
}
