//! Framing and connecting, TCP and Unix alike.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, unix};

use super::{Address, TrunkError};
use crate::MAX_FRAME;

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

/// A connected peer.
pub(super) enum Connection {
    Tcp(TcpStream),
    /// Really a `SOCK_SEQPACKET` socket: each read and write is one packet.
    Unix(UnixStream),
}

impl Connection {
    pub(super) fn split(self) -> (Reader, Writer) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (Reader::Tcp(BufReader::new(read)), Writer::Tcp(write, Vec::new()))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (Reader::Unix(read, vec![0; MAX_FRAME + 1]), Writer::Unix(write))
            }
        }
    }
}

pub(super) enum Reader {
    Tcp(BufReader<OwnedReadHalf>),
    Unix(unix::OwnedReadHalf, Vec<u8>),
}

impl Reader {
    /// The next frame, `None` when the peer has closed. Not cancel safe: a half-read frame is lost with the future.
    pub(super) async fn frame(&mut self) -> Result<Option<Bytes>, TrunkError> {
        match self {
            Self::Tcp(stream) => loop {
                let mut length = [0; 2];
                let got = stream.read(&mut length).await?;
                match got {
                    0 => return Ok(None),
                    1 => {
                        let [_, low] = &mut length;
                        read_all(stream, std::slice::from_mut(low)).await?;
                    }
                    _ => {}
                }
                let length = usize::from(u16::from_be_bytes(length));
                match length {
                    // An empty frame means nothing in Q.921; some peers send one to keep the connection alive.
                    0 => continue,
                    1..=MAX_FRAME => {
                        let mut frame = vec![0; length];
                        read_all(stream, &mut frame).await?;
                        return Ok(Some(frame.into()));
                    }
                    len => return Err(TrunkError::FrameTooLong { len }),
                }
            },
            Self::Unix(socket, buffer) => {
                // Not `read`: tokio takes a short read for a drained socket, which is true of streams only.
                let len = loop {
                    socket.readable().await?;
                    match socket.try_read(buffer) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        read => break read?,
                    }
                };
                match len {
                    0 => Ok(None),
                    len => match buffer.get(..len) {
                        Some(frame) if len <= MAX_FRAME => Ok(Some(Bytes::copy_from_slice(frame))),
                        _ => Err(TrunkError::FrameTooLong { len }),
                    },
                }
            }
        }
    }
}

pub(super) enum Writer {
    Tcp(OwnedWriteHalf, Vec<u8>),
    Unix(unix::OwnedWriteHalf),
}

impl Writer {
    /// Writes frames of 1 to [`MAX_FRAME`] octets; on TCP all at once.
    pub(super) async fn frames(&mut self, frames: impl Iterator<Item = Bytes>) -> Result<(), TrunkError> {
        match self {
            Self::Tcp(stream, buffer) => {
                buffer.clear();
                for frame in frames {
                    let length = u16::try_from(frame.len())
                        .map_err(|_| TrunkError::FrameLength { len: frame.len() })?;
                    buffer.extend_from_slice(&length.to_be_bytes());
                    buffer.extend_from_slice(&frame);
                }
                stream.write_all(buffer).await?;
            }
            Self::Unix(socket) => {
                for frame in frames {
                    loop {
                        socket.writable().await?;
                        match socket.try_write(&frame) {
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                            written => break written.map(|_| ())?,
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

async fn read_all(stream: &mut BufReader<OwnedReadHalf>, out: &mut [u8]) -> Result<(), TrunkError> {
    match stream.read_exact(out).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(TrunkError::Truncated),
        Err(error) => Err(error.into()),
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
