//! UDP sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;

use super::{NetConfig, NetEvent, Shared, new_socket};
use crate::flow::{Flow, Transport};

pub(super) fn open(address: SocketAddr, config: &NetConfig) -> io::Result<UdpSocket> {
    let socket = new_socket(address, socket2::Type::DGRAM, config.dscp)?;
    if let Err(error) = socket.set_recv_buffer_size(config.udp_buffer) {
        tracing::debug!(%error, "receive buffer left at the system's default");
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

pub(super) async fn receive(shared: Arc<Shared>, local: SocketAddr, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; 65_536];
    loop {
        let (len, remote) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // Errors of earlier sends (ICMP) surface here; a broken socket must not turn this into a
                // busy loop.
                tracing::debug!(%local, %error, "receiving");
                tokio::time::sleep(Duration::from_millis(1)).await;
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
}
