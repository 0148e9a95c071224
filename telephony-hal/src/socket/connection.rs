//! Framing and connecting, TCP and Unix alike.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{Address, QUEUE, TrunkError};
use crate::MAX_FRAME;

/// Octets read at a time: two of the longest frames with their lengths, so that there is always room for one.
const BUFFER: usize = 2 * (MAX_FRAME + 2);

/// The side of a trunk that makes connections.
pub(super) enum Endpoint {
    TcpListen(TcpListener),
    TcpConnect(std::net::SocketAddr),
    UnixListen(UnixListener),
    UnixConnect(SockAddr),
}

impl Endpoint {
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::TcpListen(addr) => {
                let listener = std::net::TcpListener::bind(addr)?;
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::TcpListen)
            }
            Address::TcpConnect(addr) => Ok(Self::TcpConnect(*addr)),
            Address::UnixListen(path) => listen_unix(path).map(Self::UnixListen),
            Address::UnixConnect(path) => SockAddr::unix(path).map(Self::UnixConnect),
        }
    }

    pub(super) fn bound_address(&self, address: Address) -> io::Result<Address> {
        match self {
            Self::TcpListen(listener) => listener.local_addr().map(Address::TcpListen),
            _ => Ok(address),
        }
    }

    pub(super) fn listens(&self) -> bool {
        matches!(self, Self::TcpListen(_) | Self::UnixListen(_))
    }

    pub(super) async fn next(&mut self) -> io::Result<Connection> {
        match self {
            Self::TcpListen(listener) => listener.accept().await.and_then(|(stream, _)| tcp(stream)),
            Self::TcpConnect(addr) => TcpStream::connect(*addr).await.and_then(tcp),
            Self::UnixListen(listener) => listener.accept().await.map(|(stream, _)| Connection::Unix(stream)),
            Self::UnixConnect(addr) => {
                // Connecting to a Unix socket completes or fails at once: nothing to wait for.
                let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
                socket.set_nonblocking(true)?;
                socket.connect(addr)?;
                UnixStream::from_std(OwnedFd::from(socket).into()).map(Connection::Unix)
            }
        }
    }
}

/// A connection, as the system has it.
pub(super) enum Connection {
    Tcp(TcpStream),
    /// Really a `SOCK_SEQPACKET` socket: each read and write is one packet.
    Unix(UnixStream),
}

impl Connection {
    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(octets),
            Self::Unix(socket) => socket.try_write(octets),
        }
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(socket) => socket.poll_write_ready(cx),
        }
    }
}

/// A connected peer: frames are read and written by whoever polls, with no task between.
pub(super) struct Peer {
    connection: Connection,
    /// What has been read and not yet been taken is `start..end`.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// What the system has not taken yet: on TCP any cut of the stream, else packets.
    waiting: VecDeque<Bytes>,
    /// A frame as it is on the wire.
    wire: Vec<u8>,
}

impl Peer {
    pub(super) fn new(connection: Connection) -> Self {
        let buffer = vec![0; BUFFER].into();
        Self { connection, buffer, start: 0, end: 0, waiting: VecDeque::new(), wire: Vec::new() }
    }

    /// Sends a frame of 1 to [`MAX_FRAME`] octets, now or when [`Peer::flush`] can. An error of the connection is not told
    /// here: reading meets it too.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, frame: &[u8]) -> Result<(), TrunkError> {
        if self.waiting.len() >= QUEUE {
            return Err(TrunkError::QueueFull);
        }
        self.wire.clear();
        if let Connection::Tcp(_) = self.connection {
            let length =
                u16::try_from(frame.len()).map_err(|_| TrunkError::FrameLength { len: frame.len() })?;
            self.wire.extend_from_slice(&length.to_be_bytes());
        }
        self.wire.extend_from_slice(frame);
        let written = match self.waiting.is_empty() {
            true => self.connection.try_write(&self.wire).unwrap_or(0),
            false => 0,
        };
        if let Some(rest) = self.wire.get(written..).filter(|rest| !rest.is_empty()) {
            self.waiting.push_back(Bytes::copy_from_slice(rest));
            let _ = self.flush(cx);
        }
        Ok(())
    }

    /// Writes what waits, as far as the system takes it; `cx` is woken when it takes more.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Some(first) = self.waiting.front_mut() {
            match self.connection.try_write(first) {
                Ok(written) => first.advance(written.min(first.len())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.connection.poll_write_ready(cx) {
                        Poll::Ready(ready) => ready?,
                        Poll::Pending => return Ok(()),
                    }
                }
                Err(error) => return Err(error),
            }
            if first.is_empty() {
                self.waiting.pop_front();
            }
        }
        Ok(())
    }

    /// The next frame, `None` when the peer has closed.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TrunkError>> {
        loop {
            if let Some(frame) = self.take()? {
                return Poll::Ready(Ok(Some(frame)));
            }
            // What has been taken makes room for the rest of a frame.
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let read = match &mut self.connection {
                Connection::Tcp(stream) => {
                    let mut room = ReadBuf::new(room);
                    ready!(Pin::new(stream).poll_read(cx, &mut room))?;
                    room.filled().len()
                }
                Connection::Unix(socket) => {
                    // Not `poll_read`: tokio takes a short read for a drained socket, which is true of streams only.
                    ready!(socket.poll_read_ready(cx))?;
                    match socket.try_read(room) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                        read => read?,
                    }
                }
            };
            if read == 0 {
                let whole = self.start == self.end;
                return Poll::Ready(if whole { Ok(None) } else { Err(TrunkError::Truncated) });
            }
            self.end += read;
        }
    }

    /// The next frame of what has been read.
    fn take(&mut self) -> Result<Option<Bytes>, TrunkError> {
        loop {
            let read = self.buffer.get(self.start..self.end).unwrap_or_default();
            let (header, frame) = match (&self.connection, read) {
                (Connection::Unix(_), []) => return Ok(None),
                (Connection::Unix(_), packet) => (0, packet),
                (Connection::Tcp(_), [high, low, rest @ ..]) => {
                    let len = usize::from(u16::from_be_bytes([*high, *low]));
                    if len > MAX_FRAME {
                        return Err(TrunkError::FrameTooLong { len });
                    }
                    let Some(frame) = rest.get(..len) else { return Ok(None) };
                    (2, frame)
                }
                (Connection::Tcp(_), _) => return Ok(None),
            };
            if frame.len() > MAX_FRAME {
                return Err(TrunkError::FrameTooLong { len: frame.len() });
            }
            self.start += header + frame.len();
            // An empty frame means nothing in Q.921; some peers send one to keep the connection alive.
            if !frame.is_empty() {
                return Ok(Some(Bytes::copy_from_slice(frame)));
            }
        }
    }
}

fn tcp(stream: TcpStream) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    // A peer that lost its power says nothing: without probes layer 1 would stay up for ever.
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(3))
        .with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&probes)?;
    Ok(Connection::Tcp(stream))
}

fn listen_unix(path: &Path) -> io::Result<UnixListener> {
    let addr = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.set_nonblocking(true)?;
    if let Err(error) = socket.bind(&addr) {
        let probe = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
        probe.set_nonblocking(true)?;
        let stale = error.kind() == io::ErrorKind::AddrInUse
            && probe.connect(&addr).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if !stale {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&addr)?;
    }
    socket.listen(8)?;
    UnixListener::from_std(OwnedFd::from(socket).into())
}
