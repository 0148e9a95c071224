//! Datagrams with the code point they came with.

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

/// A socket of 127.0.0.1 that tells how what comes is marked.
#[derive(Debug)]
pub struct Marked(UdpSocket);

impl Marked {
    /// Opens it, on a port of the system's choice.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    #[track_caller]
    pub fn open() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("an address of ours");
        socket.set_read_timeout(Some(Duration::from_secs(15))).expect("a timeout");
        setsockopt(&socket, sockopt::IpRecvTos, &true).expect("IP_RECVTOS");
        Self(socket)
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &UdpSocket {
        &self.0
    }

    /// The next datagram and its differentiated services code point.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    #[track_caller]
    pub fn receive(&self) -> (Vec<u8>, u8) {
        let mut octets = vec![0; 65_536];
        let mut control = nix::cmsg_space!(i32);
        let (len, tos) = {
            let mut slices = [IoSliceMut::new(&mut octets)];
            let told = recvmsg::<SockaddrStorage>(
                self.0.as_raw_fd(),
                &mut slices,
                Some(&mut control),
                MsgFlags::empty(),
            )
            .expect("a datagram");
            let tos = told.cmsgs().expect("control messages").find_map(|message| match message {
                ControlMessageOwned::Ipv4Tos(tos) => Some(tos),
                _ => None,
            });
            (told.bytes, tos.expect("a TOS octet"))
        };
        octets.truncate(len);
        (octets, tos >> 2)
    }
}
