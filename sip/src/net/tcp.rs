//! TCP connections: one task reads, one writes; both end together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Connection, NetConfig, NetEvent, Shared, new_socket};
use crate::flow::{Flow, Transmit, Transport};
use crate::message::Message;
use crate::stream::StreamFramer;

pub(super) fn listen(address: SocketAddr, config: &NetConfig) -> io::Result<TcpListener> {
    let socket = new_socket(address, socket2::Type::STREAM, config.dscp)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                if !has_room(&shared, remote) {
                    shared.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let Ok(local) = stream.local_addr() else { continue };
                start(&shared, Opening::Accepted(stream), local, remote, None);
            }
            Err(error) => {
                // Out of descriptors, mostly: wait for some to come back.
                tracing::debug!(%error, "accepting");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

pub(super) fn send(shared: &Arc<Shared>, transmit: Transmit) {
    let Transmit { flow, payload } = transmit;
    let open = {
        let connections = shared.connections();
        match flow.connection {
            Some(id) => connections.get(&id).map(|found| (id, found.queue.clone())),
            None => connections
                .iter()
                .find(|(_, open)| open.flow.transport == Transport::Tcp && open.flow.remote == flow.remote)
                .map(|(id, found)| (*id, found.queue.clone())),
        }
    };
    match (open, flow.connection) {
        (Some((id, queue)), _) => {
            if queue.try_send(payload).is_err() {
                // A peer that does not read loses its connection rather than our memory.
                let closed = shared.connections().remove(&id);
                if let Some(task) = closed.as_ref().and_then(|closed| closed.task.as_ref()) {
                    task.abort();
                }
                shared.failed(flow);
                if let Some(closed) = closed {
                    let _ = shared.events.try_send(NetEvent::Closed { flow: closed.flow });
                }
            }
        }
        (None, Some(_)) => match new_way(&flow, &payload) {
            Some(flow) => send(shared, Transmit { flow, payload }),
            None => shared.failed(flow),
        },
        (None, None) => {
            if !has_room(shared, flow.remote) {
                shared.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
                return shared.failed(flow);
            }
            start(shared, Opening::Wanted, flow.local, flow.remote, Some(payload));
        }
    }
}

/// Where a response goes whose connection is gone.
fn new_way(flow: &Flow, payload: &Bytes) -> Option<Flow> {
    //= RFC 3261 18.2.2: "If that connection is no longer open, the server SHOULD open a connection to the
    //= IP address in the "received" parameter, if present, using the port in the "sent-by" value, or the
    //= default port for that transport, if no port is specified."
    let response = Message::parse(payload.clone()).ok().filter(|message| !message.is_request())?;
    let port = response.top_via().ok()?.port.unwrap_or(flow.transport.default_port());
    Some(Flow { remote: SocketAddr::new(flow.remote.ip(), port), connection: None, ..flow.clone() })
}

enum Opening {
    Accepted(TcpStream),
    Wanted,
}

fn has_room(shared: &Shared, remote: SocketAddr) -> bool {
    let connections = shared.connections();
    let from_source = connections.values().filter(|open| open.flow.remote.ip() == remote.ip()).count();
    connections.len() < shared.config.max_connections
        && from_source < shared.config.max_connections_per_source
}

fn start(
    shared: &Arc<Shared>,
    opening: Opening,
    local: SocketAddr,
    remote: SocketAddr,
    first: Option<Bytes>,
) {
    let id = shared.next.fetch_add(1, Ordering::Relaxed);
    let flow = Flow { transport: Transport::Tcp, local, remote, connection: Some(id) };
    let (queue, waiting) = mpsc::channel(shared.config.connection_queue.max(1));
    if let Some(first) = first {
        // The queue is empty and at least one long.
        let _ = queue.try_send(first);
    }
    // The entry stands before the task runs, so that the task finds it when it ends.
    let mut connections = shared.connections();
    connections.insert(id, Connection { flow: flow.clone(), queue, task: None });
    let task = shared.runtime.spawn(run(Arc::clone(shared), id, flow, opening, waiting));
    if let Some(entry) = connections.get_mut(&id) {
        entry.task = Some(task);
    }
}

async fn run(shared: Arc<Shared>, id: u64, mut flow: Flow, opening: Opening, waiting: mpsc::Receiver<Bytes>) {
    let stream = match opening {
        Opening::Accepted(stream) => Ok(stream),
        Opening::Wanted => connect(&shared, &flow).await,
    };
    let stream = match stream {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(remote = %flow.remote, %error, "connecting");
            shared.connections().remove(&id);
            // The transactions that asked for this connection know it by address only.
            flow.connection = None;
            shared.counters.send_failures.fetch_add(1, Ordering::Relaxed);
            let _ = shared.events.send(NetEvent::SendFailed { flow }).await;
            return;
        }
    };
    let _ = stream.set_nodelay(true);
    if let Ok(local) = stream.local_addr() {
        flow.local = local;
    }
    let (reader, writer) = stream.into_split();
    let (pongs, pong) = mpsc::channel(1);
    tokio::select! {
        () = read(&shared, &flow, reader, pongs) => {}
        () = write(&shared, writer, waiting, pong) => {}
    }
    shared.connections().remove(&id);
    let _ = shared.events.send(NetEvent::Closed { flow }).await;
}

async fn connect(shared: &Shared, flow: &Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !flow.local.ip().is_unspecified() && flow.local.is_ipv4() == flow.remote.is_ipv4() {
        socket.bind(SocketAddr::new(flow.local.ip(), 0))?;
    }
    let tos = u32::from(shared.config.dscp & 0x3f) << 2;
    let marked = socket2::SockRef::from(&socket);
    let _ = if flow.remote.is_ipv4() { marked.set_tos_v4(tos) } else { marked.set_tclass_v6(tos) };
    timeout(shared.config.stall, socket.connect(flow.remote))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

async fn read(shared: &Shared, flow: &Flow, mut reader: OwnedReadHalf, pongs: mpsc::Sender<()>) {
    let mut framer = StreamFramer::new(&shared.config.limits);
    let mut buffer = vec![0; 16_384];
    // Since when part of a message waits for the rest: dripping single octets must not extend it.
    let mut partial: Option<Instant> = None;
    loop {
        let deadline =
            partial.map_or_else(|| Instant::now() + shared.config.idle, |since| since + shared.config.stall);
        let len = match timeout_at(deadline, reader.read(&mut buffer)).await {
            Ok(Ok(len)) if len > 0 => len,
            _ => return,
        };
        framer.feed(buffer.get(..len).unwrap_or_default());
        while let Some(next) = framer.next() {
            match next {
                Ok(data) => {
                    partial = None;
                    let received = NetEvent::Received { flow: flow.clone(), data };
                    if shared.events.send(received).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    shared.counters.framing_errors.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!(remote = %flow.remote, %error, "stream");
                    // The answer to the message in front (400, 413) is still to be written.
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    return;
                }
            }
        }
        // Four octets may be the beginning of a keep-alive.
        partial = (framer.buffered() > 4).then(|| partial.unwrap_or_else(Instant::now));
        if framer.take_keep_alives() > 0 {
            // One CRLF may answer several that came together.
            let _ = pongs.try_send(());
        }
    }
}

async fn write(
    shared: &Shared,
    mut writer: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<Bytes>,
    mut pong: mpsc::Receiver<()>,
) {
    loop {
        let octets = tokio::select! {
            message = waiting.recv() => match message {
                Some(message) => message,
                None => return,
            },
            // RFC 5626 4.4.1: the pong.
            Some(()) = pong.recv() => Bytes::from_static(b"\r\n"),
        };
        match timeout(shared.config.stall, writer.write_all(&octets)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}
