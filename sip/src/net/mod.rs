//! The only IO in this crate: UDP and TCP sockets on tokio, moving whole messages and nothing else.
//!
//! [`Net::bind`] opens the sockets; what arrives comes out of one bounded channel, ready for
//! [`crate::Endpoint::handle_received`]; what [`crate::Endpoint::poll_transmit`] gives goes into
//! [`Net::send`], which never waits.

mod tcp;
mod udp;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::flow::{Flow, Transmit, Transport};
use crate::message::Limits;

/// What to open, and how much a peer may use.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// UDP addresses to bind; port 0 lets the system choose.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses to listen on; port 0 lets the system choose.
    pub tcp: Vec<SocketAddr>,
    /// Differentiated services code point, 0 to 63, for everything sent. Default 24 (CS3), as IOS marks
    /// signalling.
    pub dscp: u8,
    /// TCP connections at a time; further ones are closed at once. Default 1,024.
    pub max_connections: usize,
    /// TCP connections at a time from one address. Default 64.
    pub max_connections_per_source: usize,
    /// Messages waiting to be written to one connection; one more fails and closes it. Default 256.
    pub connection_queue: usize,
    /// Received messages waiting to be handled: beyond, datagrams are dropped and streams are read no
    /// further. Default 4,096.
    pub receive_queue: usize,
    /// A connection without traffic is closed after this. Default 15 minutes.
    pub idle: Duration,
    /// A connection with part of a message is closed after this; also the time for connecting and for
    /// writing. Default 20 s.
    pub stall: Duration,
    /// Bounds on messages from streams.
    pub limits: Limits,
    /// Size of the UDP sockets' receive buffers in octets, as far as the system grants it. Default 2 MiB.
    pub udp_buffer: usize,
}

impl Default for NetConfig {
    fn default() -> Self {
        NetConfig {
            udp: Vec::new(),
            tcp: Vec::new(),
            dscp: 24,
            max_connections: 1024,
            max_connections_per_source: 64,
            connection_queue: 256,
            receive_queue: 4096,
            idle: Duration::from_secs(15 * 60),
            stall: Duration::from_secs(20),
            limits: Limits::default(),
            udp_buffer: 2 << 20,
        }
    }
}

/// What the sockets have to say.
#[derive(Clone, Debug)]
pub enum NetEvent {
    /// A datagram, or one whole message of a stream.
    Received {
        /// How it came.
        flow: Flow,
        /// The octets.
        data: Bytes,
    },
    /// A connection is gone; for [`crate::Endpoint::handle_transport_error`].
    Closed {
        /// Which.
        flow: Flow,
    },
    /// A message could not be sent; for [`crate::Endpoint::handle_transport_error`].
    SendFailed {
        /// Where it was to go, as given to [`Net::send`].
        flow: Flow,
    },
}

/// What happened to octets beside the endpoint's own counters.
#[derive(Debug, Default)]
pub struct NetCounters {
    /// Datagrams thrown away because nobody took them in time.
    pub datagrams_dropped: AtomicU64,
    /// Messages that could not be sent.
    pub send_failures: AtomicU64,
    /// Connections refused because of the limits.
    pub connections_refused: AtomicU64,
    /// Connections closed because their stream made no sense.
    pub framing_errors: AtomicU64,
}

/// Open sockets. Dropping it closes them all.
pub struct Net {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    config: NetConfig,
    runtime: tokio::runtime::Handle,
    udp: Vec<(SocketAddr, Arc<UdpSocket>)>,
    tcp: Vec<SocketAddr>,
    events: mpsc::Sender<NetEvent>,
    connections: Mutex<HashMap<u64, Connection>>,
    next: AtomicU64,
    counters: NetCounters,
}

struct Connection {
    flow: Flow,
    queue: mpsc::Sender<Bytes>,
    task: Option<JoinHandle<()>>,
}

impl Net {
    /// Opens the sockets and starts a task for each. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The first socket that cannot be opened.
    pub async fn bind(config: NetConfig) -> io::Result<(Net, mpsc::Receiver<NetEvent>)> {
        let (events, receiver) = mpsc::channel(config.receive_queue.max(1));
        let mut sockets = Vec::new();
        for address in &config.udp {
            let socket = udp::open(*address, &config)?;
            sockets.push((socket.local_addr()?, Arc::new(socket)));
        }
        let mut listeners = Vec::new();
        for address in &config.tcp {
            listeners.push(tcp::listen(*address, &config)?);
        }
        let tcp =
            listeners.iter().map(tokio::net::TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            config,
            runtime: tokio::runtime::Handle::current(),
            udp: sockets,
            tcp,
            events,
            connections: Mutex::new(HashMap::new()),
            next: AtomicU64::new(1),
            counters: NetCounters::default(),
        });
        let mut tasks = Vec::new();
        for (address, socket) in &shared.udp {
            tasks.push(tokio::spawn(udp::receive(Arc::clone(&shared), *address, Arc::clone(socket))));
        }
        for listener in listeners {
            tasks.push(tokio::spawn(tcp::accept(Arc::clone(&shared), listener)));
        }
        Ok((Net { shared, tasks }, receiver))
    }

    /// Sends one message without waiting. What cannot be sent comes back as [`NetEvent::SendFailed`].
    ///
    /// A datagram leaves by the socket bound to `flow.local`, or else by the first of the same address
    /// family. On TCP `flow.connection` names the connection; with `None` an open connection to
    /// `flow.remote` is used, or one is opened.
    pub fn send(&self, transmit: Transmit) {
        match transmit.flow.transport {
            Transport::Udp => self.shared.send_datagram(transmit),
            Transport::Tcp => tcp::send(&self.shared, transmit),
            Transport::Tls => self.shared.failed(transmit.flow),
        }
    }

    /// The UDP addresses that are bound, with their real ports, in the order of the configuration.
    pub fn udp_addrs(&self) -> Vec<SocketAddr> {
        self.shared.udp.iter().map(|(address, _)| *address).collect()
    }

    /// The TCP addresses listened on, with their real ports, in the order of the configuration.
    pub fn tcp_addrs(&self) -> Vec<SocketAddr> {
        self.shared.tcp.clone()
    }

    /// Open TCP connections.
    pub fn connections(&self) -> Vec<Flow> {
        self.shared.connections().values().map(|connection| connection.flow.clone()).collect()
    }

    /// Closes one TCP connection.
    pub fn close(&self, connection: u64) {
        // Without its queue the connection's task ends.
        if let Some(closed) = self.shared.connections().remove(&connection)
            && let Some(task) = closed.task
        {
            task.abort();
        }
    }

    /// Counters.
    pub fn counters(&self) -> &NetCounters {
        &self.shared.counters
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for (_, connection) in self.shared.connections().drain() {
            if let Some(task) = connection.task {
                task.abort();
            }
        }
    }
}

/// The address this machine would use towards `remote`: for Via, Contact and SDP where sockets are bound to
/// all addresses. Nothing is sent.
///
/// # Errors
/// No route.
pub fn local_address_for(remote: IpAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match remote {
        IpAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect((remote, 5060))?;
    Ok(socket.local_addr()?.ip())
}

impl Shared {
    /// A panic while the lock was held leaves a map that is still whole.
    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, flow: Flow) {
        self.counters.send_failures.fetch_add(1, Ordering::Relaxed);
        // With the queue full the transactions' own timers will notice.
        let _ = self.events.try_send(NetEvent::SendFailed { flow });
    }

    fn send_datagram(&self, transmit: Transmit) {
        let Transmit { flow, payload } = transmit;
        let socket = self
            .udp
            .iter()
            .find(|(address, _)| *address == flow.local)
            .or_else(|| self.udp.iter().find(|(address, _)| address.is_ipv4() == flow.remote.is_ipv4()));
        let Some((_, socket)) = socket else { return self.failed(flow) };
        // Straight to the system: tokio's `try_send_to` says WouldBlock until its driver has seen the
        // socket once.
        match socket2::SockRef::from(&**socket).send_to(&payload, &flow.remote.into()) {
            Ok(_) => {}
            // A full socket buffer loses the datagram as a network would; retransmission covers both.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.counters.datagrams_dropped.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::debug!(remote = %flow.remote, %error, "datagram not sent");
                self.failed(flow);
            }
        }
    }
}

fn mark(socket: &socket2::Socket, ipv4: bool, dscp: u8) {
    let tos = u32::from(dscp & 0x3f) << 2;
    let marked = if ipv4 { socket.set_tos_v4(tos) } else { socket.set_tclass_v6(tos) };
    if let Err(error) = marked {
        tracing::debug!(%error, "DSCP not set");
    }
}

fn new_socket(address: SocketAddr, kind: socket2::Type, dscp: u8) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        // The same port is bound for IPv4 by a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    mark(&socket, address.is_ipv4(), dscp);
    Ok(socket)
}
