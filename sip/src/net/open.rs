//! Sockets that are open already, on their way from one [`Net`](super::Net) to the next.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{Socket, Type};

/// A bound UDP socket, or a TCP socket that listens. What comes while nobody reads waits in the system.
///
/// [`Net::sockets`](super::Net::sockets) gives those in use, [`Net::bind_over`](super::Net::bind_over) goes on with them:
/// a server that is started again by somebody who has kept them loses nothing that came in between.
///
/// ```
/// use sip::net::OpenSocket;
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let address = socket.local_addr()?;
/// let open = OpenSocket::new(socket.into())?;
/// assert_eq!((open.address(), open.is_stream()), (address, false));
/// assert!(OpenSocket::new(std::fs::File::open("/dev/null")?.into()).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct OpenSocket {
    stream: bool,
    address: SocketAddr,
    pub(super) socket: Socket,
}

impl OpenSocket {
    /// Looks at what a descriptor is.
    ///
    /// # Errors
    /// What the system says of a descriptor that is no socket; `InvalidInput` for a socket of another kind, one without a
    /// port, and a stream that does not listen.
    pub fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(descriptor);
        let expected = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("expected {what}"));
        let address = socket.local_addr()?.as_socket().ok_or_else(|| expected("an Internet socket"))?;
        let stream = match socket.r#type()? {
            Type::DGRAM => false,
            Type::STREAM if socket.is_listener()? => true,
            _ => return Err(expected("a UDP socket, or a TCP socket that listens")),
        };
        if address.port() == 0 {
            return Err(expected("a socket with a port"));
        }
        socket.set_nonblocking(true)?;
        Ok(Self { stream, address, socket })
    }

    /// TCP, which TLS is carried over too; otherwise UDP.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.stream
    }

    /// The address bound, with its port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same socket once more.
    ///
    /// # Errors
    /// Too many open files.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream, address: self.address, socket: self.socket.try_clone()? })
    }

    /// Takes the one of this kind and address out of `open`.
    pub(super) fn take(open: &mut Vec<Self>, stream: bool, address: SocketAddr) -> Option<Socket> {
        let at = open.iter().position(|one| one.stream == stream && one.address == address)?;
        Some(open.swap_remove(at).socket)
    }
}

impl AsFd for OpenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<OpenSocket> for OwnedFd {
    fn from(open: OpenSocket) -> Self {
        open.socket.into()
    }
}
