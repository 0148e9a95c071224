//! The socket trunk: a D channel over TCP or a Unix `SOCK_SEQPACKET` socket.
//!
//! On TCP each frame follows its length as 16 bits, big endian. On a Unix socket one packet is one frame, which is
//! osmo-e1d's HDLC timeslot format too. Frames have no flags, no bit stuffing and no FCS. Connect and close are layer 1 up
//! and down. A listener takes the next peer when one leaves; a connector tries again after 0.3 s, growing to 5 s.

mod address;
mod connection;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

pub use address::{Address, AddressError};
use connection::{Connection, Endpoint};

use crate::{DChannel, DChannelEvent, ErrorKind, HalError, MAX_FRAME};

/// Frames (or events) that wait in each direction before the other side has to wait.
pub const QUEUE: usize = 256;

/// What went wrong on a socket trunk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrunkError {
    /// The trunk's task has ended with its runtime.
    #[error("the trunk's task has ended, expected the runtime that opened it to live")]
    Closed,
    /// The peer announced a frame longer than [`MAX_FRAME`]; the connection was closed.
    #[error("the peer announced a frame of {len} octets, expected at most {MAX_FRAME}")]
    FrameTooLong {
        /// Announced (TCP) or minimum (Unix) length in octets.
        len: usize,
    },
    /// The caller's frame is empty or too long.
    #[error("a frame to send has {len} octets, expected 1 to {MAX_FRAME}")]
    FrameLength {
        /// Its length in octets.
        len: usize,
    },
    /// The operating system failed the connection; it was closed.
    #[error("the trunk's connection failed: {0}")]
    Io(#[from] io::Error),
    /// No peer is connected.
    #[error("layer 1 is down, expected a connected peer")]
    LinkDown,
    /// The send queue is full.
    #[error("{QUEUE} frames wait to be sent, expected the peer to read")]
    QueueFull,
    /// The peer closed in the middle of a frame.
    #[error("the peer closed inside a frame")]
    Truncated,
}

impl HalError for TrunkError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed => ErrorKind::Closed,
            Self::FrameTooLong { .. } | Self::Truncated => ErrorKind::Corrupt,
            Self::FrameLength { .. } => ErrorKind::InvalidInput,
            Self::Io(_) => ErrorKind::Io,
            Self::LinkDown => ErrorKind::Alarm,
            Self::QueueFull => ErrorKind::Busy,
        }
    }
}

/// A D channel over a socket. Dropping it closes the connection and stops its task.
///
/// ```
/// use std::future::poll_fn;
/// use telephony_hal::{DChannel, DChannelEvent, socket::{Address, SocketTrunk}};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut network = SocketTrunk::open("tcp-listen:127.0.0.1:0".parse::<Address>().unwrap()).unwrap();
/// let mut user = SocketTrunk::open(Address::TcpConnect(network.local_addr().unwrap())).unwrap();
/// assert_eq!(poll_fn(|cx| user.poll_event(cx)).await.unwrap(), DChannelEvent::Up);
/// user.send_frame(&[0x00, 0x01, 0x7f]).unwrap(); // SABME
/// assert_eq!(poll_fn(|cx| network.poll_event(cx)).await.unwrap(), DChannelEvent::Up);
/// let DChannelEvent::Frame(frame) = poll_fn(|cx| network.poll_event(cx)).await.unwrap() else { panic!() };
/// assert_eq!(&frame[..], [0x00, 0x01, 0x7f]);
/// # });
/// ```
#[derive(Debug)]
pub struct SocketTrunk {
    events: mpsc::Receiver<Result<Delivery, TrunkError>>,
    frames: mpsc::Sender<(u64, Bytes)>,
    /// Number of the connection the owner believes in; frames for an older one are not sent to its successor.
    connection: Option<u64>,
    address: Address,
    task: JoinHandle<()>,
}

impl SocketTrunk {
    /// Opens the trunk and starts its task on the current tokio runtime.
    ///
    /// A listener is bound before this returns. A stale Unix socket file that nobody listens on is replaced.
    ///
    /// # Errors
    /// Bind errors (`AddrInUse`, `PermissionDenied`, …) of a listener; `Other` outside a tokio runtime. A peer that can't be
    /// reached is no error: the trunk stays down and keeps trying.
    pub fn open(address: Address) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let endpoint = Endpoint::bind(&address)?;
        let address = endpoint.bound_address(address)?;
        let (events_tx, events) = mpsc::channel(QUEUE);
        let (frames, frames_rx) = mpsc::channel(QUEUE);
        let link = Link { events: events_tx, frames: frames_rx, connection: 0, name: address.to_string() };
        let task = runtime.spawn(link.run(endpoint));
        Ok(Self { events, frames, connection: None, address, task })
    }

    /// The trunk's address; a listener's port 0 is replaced by the port it got.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where a TCP listener listens; `None` for the other three forms.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self.address {
            Address::TcpListen(addr) => Some(addr),
            _ => None,
        }
    }
}

impl DChannel for SocketTrunk {
    type Error = TrunkError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, TrunkError>> {
        self.events.poll_recv(cx).map(|delivery| match delivery {
            None => {
                self.connection = None;
                Err(TrunkError::Closed)
            }
            Some(Err(error)) => Err(error),
            Some(Ok(Delivery::Up(connection))) => {
                self.connection = Some(connection);
                Ok(DChannelEvent::Up)
            }
            Some(Ok(Delivery::Down)) => {
                self.connection = None;
                Ok(DChannelEvent::Down)
            }
            Some(Ok(Delivery::Frame(frame))) => Ok(DChannelEvent::Frame(frame)),
        })
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), TrunkError> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(TrunkError::FrameLength { len: frame.len() });
        }
        let connection = self.connection.ok_or(TrunkError::LinkDown)?;
        self.frames.try_send((connection, Bytes::copy_from_slice(frame))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TrunkError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => TrunkError::Closed,
        })
    }
}

impl Drop for SocketTrunk {
    fn drop(&mut self) {
        self.task.abort();
        if let Address::UnixListen(path) = &self.address {
            remove(path);
        }
    }
}

fn remove(path: &PathBuf) {
    if let Err(error) = std::fs::remove_file(path) {
        debug!(path = %path.display(), %error, "socket file not removed");
    }
}

#[derive(Debug)]
enum Delivery {
    Up(u64),
    Down,
    Frame(Bytes),
}

const FIRST_RETRY: Duration = Duration::from_millis(300);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// A connection that lived this long was a good one: the next retry is quick again.
const GOOD_CONNECTION: Duration = Duration::from_secs(2);

struct Link {
    events: mpsc::Sender<Result<Delivery, TrunkError>>,
    frames: mpsc::Receiver<(u64, Bytes)>,
    connection: u64,
    name: String,
}

impl Link {
    async fn run(mut self, mut endpoint: Endpoint) {
        let mut retry = FIRST_RETRY;
        loop {
            let connection = match endpoint.next().await {
                Ok(connection) => connection,
                Err(error) => {
                    debug!(trunk = %self.name, %error, "no connection");
                    sleep(retry).await;
                    retry = (retry * 2).min(LAST_RETRY);
                    continue;
                }
            };
            let since = Instant::now();
            let Ok(outcome) = self.serve(connection).await else { return };
            if since.elapsed() >= GOOD_CONNECTION {
                retry = FIRST_RETRY;
            }
            if outcome.is_err() || !endpoint.listens() {
                // A peer that breaks framing or closes at once must not make us spin.
                sleep(retry).await;
                retry = (retry * 2).min(LAST_RETRY);
            }
        }
    }

    /// Runs one connection to its end. The outer error means that nobody owns the trunk any more.
    async fn serve(&mut self, connection: Connection) -> Result<Result<(), ()>, Gone> {
        self.connection += 1;
        while self.frames.try_recv().is_ok() {}
        info!(trunk = %self.name, "layer 1 up");
        self.events.send(Ok(Delivery::Up(self.connection))).await.map_err(|_| Gone)?;
        let events = self.events.clone();
        let (mut reader, mut writer) = connection.split();
        let reading = async {
            loop {
                match reader.frame().await {
                    Ok(Some(frame)) => {
                        if events.send(Ok(Delivery::Frame(frame))).await.is_err() {
                            return Ok(());
                        }
                    }
                    Ok(None) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        let number = self.connection;
        let frames = &mut self.frames;
        let writing = async {
            let mut waiting = Vec::new();
            while frames.recv_many(&mut waiting, QUEUE).await > 0 {
                let ours = waiting.drain(..).filter(|(connection, _)| *connection == number);
                writer.frames(ours.map(|(_, frame)| frame)).await?;
            }
            Ok(())
        };
        let result = tokio::select! {
            result = reading => result,
            result = writing => result,
        };
        let outcome = match result {
            Ok(()) => Ok(()),
            Err(TrunkError::Io(error)) if is_cut(&error) => Ok(()),
            Err(error) => {
                warn!(trunk = %self.name, %error, "connection closed");
                self.events.send(Err(error)).await.map_err(|_| Gone)?;
                Err(())
            }
        };
        info!(trunk = %self.name, "layer 1 down");
        self.events.send(Ok(Delivery::Down)).await.map_err(|_| Gone)?;
        Ok(outcome)
    }
}

struct Gone;

/// A peer that went away without ceremony: a cut cable, not a fault to report.
fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::TimedOut
    )
}
