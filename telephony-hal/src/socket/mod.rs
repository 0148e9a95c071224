//! The socket trunk: a D channel over TCP or a Unix `SOCK_SEQPACKET` socket.
//!
//! On TCP each frame follows its length as 16 bits, big endian. On a Unix socket one packet is one frame, which is
//! osmo-e1d's HDLC timeslot format too. Frames have no flags, no bit stuffing and no FCS. Connect and close are layer 1 up
//! and down. A listener takes the next peer when one leaves; a connector tries again after 0.3 s, growing to 5 s.
//!
//! [`SocketSpan`] adds the bearer channels, by UDP.

mod address;
mod bearers;
mod connection;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

pub use address::{Address, AddressError};
pub use bearers::{BearerAddress, BearerAddressError, SocketBearer, SocketSpan};
use connection::{Connection, Endpoint, Peer};

use crate::{DChannel, DChannelEvent, ErrorKind, HalError, MAX_FRAME, SpanKind};

/// Frames that wait to be sent before more are refused.
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
    /// No bearer channel is there.
    #[error("timeslot {timeslot} of {kind:?} is no bearer, expected 1 to 15, 17 to 31 (E1) or 1 to 23 (T1)")]
    NoBearer {
        /// The timeslot.
        timeslot: u8,
        /// The span's kind.
        kind: SpanKind,
    },
    /// The channel has an owner.
    #[error("timeslot {timeslot} is open already, expected one owner")]
    Open {
        /// Its timeslot.
        timeslot: u8,
    },
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
            Self::FrameLength { .. } | Self::NoBearer { .. } => ErrorKind::InvalidInput,
            Self::Io(_) => ErrorKind::Io,
            Self::LinkDown => ErrorKind::Alarm,
            Self::QueueFull | Self::Open { .. } => ErrorKind::Busy,
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
    connections: mpsc::Receiver<Connected>,
    open: Option<Open>,
    /// Who polled last: woken too when a peer that did not read reads again.
    waker: Option<Waker>,
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
        let (connected, connections) = mpsc::channel(1);
        let task = runtime.spawn(connect(endpoint, connected, address.to_string()));
        Ok(Self { connections, open: None, waker: None, address, task })
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

impl SocketTrunk {
    /// The connection has ended; the task makes the next one.
    fn close(&mut self, well: bool) -> DChannelEvent {
        info!(trunk = %self.address, "layer 1 down");
        if let Some(open) = self.open.take() {
            // Without the task there is nobody to tell.
            let _ = open.over.send(well);
        }
        DChannelEvent::Down
    }
}

impl DChannel for SocketTrunk {
    type Error = TrunkError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, TrunkError>> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        let Some(open) = &mut self.open else {
            return Poll::Ready(match ready!(self.connections.poll_recv(cx)) {
                None => Err(TrunkError::Closed),
                Some((connection, over)) => {
                    info!(trunk = %self.address, "layer 1 up");
                    self.open = Some(Open { peer: Peer::new(connection), over, failed: false });
                    Ok(DChannelEvent::Up)
                }
            });
        };
        if open.failed {
            return Poll::Ready(Ok(self.close(false)));
        }
        let outcome = match open.peer.flush(cx) {
            Ok(()) => ready!(open.peer.poll_frame(cx)),
            Err(error) => Err(error.into()),
        };
        Poll::Ready(match outcome {
            Ok(Some(frame)) => Ok(DChannelEvent::Frame(frame)),
            Ok(None) => Ok(self.close(true)),
            Err(TrunkError::Io(error)) if is_cut(&error) => Ok(self.close(true)),
            Err(error) => {
                warn!(trunk = %self.address, %error, "connection closed");
                open.failed = true;
                Err(error)
            }
        })
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), TrunkError> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(TrunkError::FrameLength { len: frame.len() });
        }
        let open = self.open.as_mut().filter(|open| !open.failed).ok_or(TrunkError::LinkDown)?;
        let mut cx = Context::from_waker(self.waker.as_ref().unwrap_or(Waker::noop()));
        open.peer.send(&mut cx, frame)
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

/// A connection that was made, and where to say that it has ended and whether it did so well.
type Connected = (Connection, oneshot::Sender<bool>);

/// The connection in use.
struct Open {
    peer: Peer,
    over: oneshot::Sender<bool>,
    /// Its error has been told: what follows is `Down`.
    failed: bool,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("failed", &self.failed).finish_non_exhaustive()
    }
}

const FIRST_RETRY: Duration = Duration::from_millis(300);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// A connection that lived this long was a good one: the next retry is quick again.
const GOOD_CONNECTION: Duration = Duration::from_secs(2);

/// Makes one connection after the other, until nobody owns the trunk any more.
async fn connect(mut endpoint: Endpoint, connected: mpsc::Sender<Connected>, name: String) {
    let mut retry = FIRST_RETRY;
    loop {
        let connection = match endpoint.next().await {
            Ok(connection) => connection,
            Err(error) => {
                debug!(trunk = %name, %error, "no connection");
                sleep(retry).await;
                retry = (retry * 2).min(LAST_RETRY);
                continue;
            }
        };
        let since = Instant::now();
        let (over, ended) = oneshot::channel();
        if connected.send((connection, over)).await.is_err() {
            return;
        }
        let Ok(well) = ended.await else { return };
        if since.elapsed() >= GOOD_CONNECTION {
            retry = FIRST_RETRY;
        }
        if !well || !endpoint.listens() {
            // A peer that breaks framing or closes at once must not make us spin.
            sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }
}

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
