//! UDP sockets, and the ICMP errors of what was sent on them.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::error::TrySendError;

use super::{NetConfig, NetEvent, Shared, ready_socket};
use crate::flow::{Flow, Transmit, Transport};

/// Datagrams taken before other tasks get their turn.
const BURST: usize = 64;

/// A socket that is watched for what comes, and not for room to send: with that, as tokio's own sockets have it, every
/// datagram that a peer takes off our hands would wake us once more.
pub(super) type Watched = AsyncFd<UdpSocket>;

// Meant for what may not keep its descriptor for life, as a `UdpSocket` does; its successor asks for `unsafe`.
#[expect(deprecated)]
pub(super) fn open(
    address: SocketAddr,
    config: &NetConfig,
    over: Option<socket2::Socket>,
) -> io::Result<Watched> {
    let bound = over.is_some();
    let socket = ready_socket(address, socket2::Type::DGRAM, config, over)?;
    if let Err(error) = socket.set_recv_buffer_size(config.udp_buffer) {
        tracing::debug!(%error, "receive buffer left at the system's default");
    }
    let told = match address {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
    };
    if let Err(error) = told {
        tracing::debug!(%error, "ICMP errors are not told");
    }
    if !bound {
        socket.bind(&address.into())?;
    }
    AsyncFd::with_interest(socket.into(), Interest::READABLE | Interest::ERROR)
}

pub(super) async fn receive(shared: Arc<Shared>, local: SocketAddr, socket: Arc<Watched>) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok(mut ready) = socket.ready(Interest::READABLE | Interest::ERROR).await else { return };
        let mut empty = false;
        for _ in 0..BURST {
            let (len, remote) = match socket.get_ref().recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready.ready().is_error() {
                        take_errors(&shared, local, socket.get_ref());
                    }
                    ready.clear_ready();
                    empty = true;
                    break;
                }
                Err(error) => {
                    if !take_errors(&shared, local, socket.get_ref()) {
                        // A broken socket must not turn this into a busy loop.
                        tracing::debug!(%local, %error, "receiving");
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    continue;
                }
            };
            let data = Bytes::copy_from_slice(buffer.get(..len).unwrap_or_default());
            let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
            match shared.events.try_send(NetEvent::Received { flow, data }) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    shared.counters.datagrams_dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(TrySendError::Closed(_)) => return,
            }
        }
        if !empty {
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn send(shared: &Shared, transmit: Transmit) {
    let Transmit { flow, payload, dscp } = transmit;
    let socket = shared
        .udp
        .iter()
        .find(|(address, _)| *address == flow.local)
        .or_else(|| shared.udp.iter().find(|(address, _)| address.is_ipv4() == flow.remote.is_ipv4()));
    let Some((local, socket)) = socket else { return shared.failed(flow) };
    let socket = socket.get_ref();
    let source = Some(flow.local.ip())
        .filter(|source| local.ip().is_unspecified() && shared.config.sources.contains(source));
    let attempt = || match (source, dscp) {
        (None, None) => socket.send_to(&payload, flow.remote),
        // An address of the configuration that this host has not got cannot be sent from.
        (Some(_), _) => send_with(socket, &payload, flow.remote, dscp, source)
            .or_else(|_| send_with(socket, &payload, flow.remote, dscp, None)),
        (None, Some(_)) => send_with(socket, &payload, flow.remote, dscp, None),
    };
    // The error of an earlier datagram to somebody else may be told first; then this one has not been sent.
    let outcome = attempt().or_else(|error| match take_errors(shared, *local, socket) {
        true => attempt(),
        false => Err(error),
    });
    match outcome {
        Ok(_) => {}
        // A full socket buffer loses the datagram as a network would; retransmission covers both.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            shared.counters.datagrams_dropped.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => {
            tracing::debug!(remote = %flow.remote, %error, "datagram not sent");
            shared.failed(flow);
        }
    }
}

/// One datagram with a code point or a source of its own.
fn send_with(
    socket: &UdpSocket,
    payload: &[u8],
    remote: SocketAddr,
    dscp: Option<u8>,
    source: Option<IpAddr>,
) -> io::Result<usize> {
    let slices = [io::IoSlice::new(payload)];
    let tos = dscp.map(|dscp| (dscp & 0x3f) << 2);
    let class = tos.map(i32::from);
    let mark = match remote {
        SocketAddr::V4(_) => tos.as_ref().map(ControlMessage::Ipv4Tos),
        SocketAddr::V6(_) => class.as_ref().map(ControlMessage::Ipv6TClass),
    };
    let v4 = |address: Ipv4Addr| libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let v6 = |address: Ipv6Addr| libc::in6_pktinfo {
        ipi6_ifindex: 0,
        ipi6_addr: libc::in6_addr { s6_addr: address.octets() },
    };
    let (v4, v6) = match source {
        Some(IpAddr::V4(address)) => (Some(v4(address)), None),
        Some(IpAddr::V6(address)) => (None, Some(v6(address))),
        None => (None, None),
    };
    let from = v4.as_ref().map(ControlMessage::Ipv4PacketInfo);
    let from = from.or_else(|| v6.as_ref().map(ControlMessage::Ipv6PacketInfo));
    let control: Vec<ControlMessage<'_>> = mark.into_iter().chain(from).collect();
    let (remote, flags) = (SockaddrStorage::from(remote), MsgFlags::MSG_DONTWAIT);
    Ok(sendmsg(socket.as_raw_fd(), &slices, &control, flags, Some(&remote))?)
}

/// Empties the socket's error queue. True when there was something in it.
fn take_errors(shared: &Shared, local: SocketAddr, socket: &UdpSocket) -> bool {
    let mut any = false;
    // As many as the queue can hold at a time; a flood of them must not keep us here.
    for _ in 0..64 {
        let Some((remote, failed)) = next_error(socket) else { break };
        any = true;
        if let Some(remote) = remote.filter(|_| failed) {
            shared.counters.icmp_errors.fetch_add(1, Ordering::Relaxed);
            let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
            shared.failed(flow);
        }
    }
    any
}

/// Where the datagram went that an error came back for, and whether it counts as not delivered.
fn next_error(socket: &UdpSocket) -> Option<(Option<SocketAddr>, bool)> {
    let mut octets = [0; 64];
    let mut slices = [IoSliceMut::new(&mut octets)];
    let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let told = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags).ok()?;
    let remote = told.address.as_ref().and_then(|address| {
        let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::from(std::net::SocketAddrV4::from(*v4)));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| std::net::SocketAddrV6::from(*v6).into()))
    });
    let failed = told.cmsgs().ok()?.any(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            is_failure(error.ee_origin, error.ee_type, error.ee_code)
        }
        _ => false,
    });
    Some((remote, failed))
}

/// Whether an ICMP message says that the peer cannot be reached.
pub(super) fn is_failure(origin: u8, kind: u8, code: u8) -> bool {
    //= RFC 3261 18.4: "Host, network, port or protocol unreachable errors, or parameter problem errors SHOULD
    //= cause the transport layer to inform the transport user of a failure in sending."
    match (origin, kind) {
        // Code 4 is "fragmentation needed", which the system sees to itself.
        (libc::SO_EE_ORIGIN_ICMP, 3) => code != 4,
        (libc::SO_EE_ORIGIN_ICMP, 12) | (libc::SO_EE_ORIGIN_ICMP6, 1 | 4) => true,
        _ => false,
    }
}
