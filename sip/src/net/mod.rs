//! The only IO in this crate: UDP, TCP and TLS sockets on tokio, moving whole messages and nothing else.
//!
//! [`Net::bind`] opens the sockets; what arrives comes out of one bounded channel, ready for
//! [`crate::admission::Admission`] or straight for [`crate::Endpoint::handle_received`]; what
//! [`crate::Endpoint::poll_transmit`] gives goes into [`Net::send`], which never waits. [`Net::flow_to`]
//! makes the flow for a domain whose certificate is to be checked. [`Resolver`] makes the look-ups of
//! [`crate::locate`].

mod connections;
mod local;
mod open;
mod resolve;
mod stream;
mod tls;
mod udp;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::flow::{Flow, Transmit, Transport};
use crate::message::Limits;

pub use local::{local_address_for, recent_local_address_for};
pub use open::OpenSocket;
pub use resolve::{Resolver, ResolverConfig};
pub use tls::{CertificateNames, ClientAuth, Identity, TlsConfig, TlsConfigError, TlsError, TlsVersion};

use connections::Connections;
use local::unspecified;
use tls::Tls;

/// Whether requests may be sent over a connection that the peer opened and whose Via says `alias` (RFC 5923).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alias {
    /// Never.
    Off,
    /// On TLS when the peer has shown a certificate that we believe.
    Authenticated,
    /// Always, TCP included: whoever connects first from an address may take over what is sent to its ports.
    Any,
}

/// How TLS is spoken with the peers of a network (IOS: `crypto signaling remote-addr`). Of several that have a peer the
/// smallest counts.
#[derive(Clone, Debug)]
pub struct TlsFor {
    /// An address of the network.
    pub network: IpAddr,
    /// Leading bits that a peer's address shares with it, 0 to 32, or to 128 for IPv6.
    pub prefix: u8,
    /// How TLS is spoken; `None`: not at all, though it is with others.
    pub config: Option<TlsConfig>,
}

impl TlsFor {
    fn has(&self, peer: IpAddr) -> bool {
        let (bits, own, other) = match (self.network, peer.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(peer)) => {
                (32, u128::from(u32::from(own)), u128::from(u32::from(peer)))
            }
            (IpAddr::V6(own), IpAddr::V6(peer)) => (128, u128::from(own), u128::from(peer)),
            _ => return false,
        };
        // Without any bit in common the shift would be by all of them.
        let shift = u32::from(bits - self.prefix.min(bits));
        own.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
    }
}

/// What to open, and how much a peer may use.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// UDP addresses to bind; port 0 lets the system choose.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses to listen on; port 0 lets the system choose.
    pub tcp: Vec<SocketAddr>,
    /// Addresses to listen on for TLS; port 0 lets the system choose. Needs [`NetConfig::tls_config`].
    pub tls: Vec<SocketAddr>,
    /// How TLS is spoken; without it TLS flows fail. [`Net::set_tls`] changes it later.
    pub tls_config: Option<TlsConfig>,
    /// How TLS is spoken with some peers instead.
    pub tls_for: Vec<TlsFor>,
    /// Network devices that sockets of an address are held to (`SO_BINDTODEVICE`), by the address bound.
    pub devices: Vec<(IpAddr, String)>,
    /// Addresses of ours that datagrams leave from where their flow says so, though their socket is bound to all addresses. Others
    /// leave from the one that the routing table gives. Default: none.
    pub sources: Vec<IpAddr>,
    /// Differentiated services code point, 0 to 63, for everything sent. Default 24 (CS3), as IOS marks
    /// signalling.
    pub dscp: u8,
    /// Connections at a time; further ones are closed at once. Default 1,024.
    pub max_connections: usize,
    /// Connections at a time with one address, or with one /64 of IPv6. Default 64.
    pub max_connections_per_source: usize,
    /// Messages waiting to be written to one connection; one more fails and closes it. Default 256.
    pub connection_queue: usize,
    /// The same in octets. Default 1 MiB.
    pub connection_octets: usize,
    /// Whether requests share an open connection to the same address. Otherwise each one that asks for no
    /// certain connection opens its own, which is closed 32 s after its last octet. Default true.
    pub connection_reuse: bool,
    /// See [`Alias`]. Default [`Alias::Authenticated`].
    pub alias: Alias,
    /// How long nothing comes on a connection we opened before we send a keep-alive (CRLF CRLF, RFC 5626
    /// 3.5.1). Default `None`, never: only peers that agreed to it answer.
    pub keep_alive: Option<Duration>,
    /// How long the answer to that may take before the connection counts as dead. Default 10 s.
    pub pong: Duration,
    /// Idle time after which TCP itself asks whether the peer is there. Default 2 minutes.
    pub tcp_keep_alive: Option<Duration>,
    /// How long a TLS handshake may take. Default 10 s.
    pub handshake: Duration,
    /// How long a connection that came to us may take to its first whole message or keep-alive. Default
    /// 32 s.
    pub greeting: Duration,
    /// Received messages waiting to be handled: beyond, datagrams are dropped and streams are read no
    /// further. Default 4,096.
    pub receive_queue: usize,
    /// A TCP connection without traffic is closed after this. Default 15 minutes.
    pub idle: Duration,
    /// The same for TLS, where a new one costs more. Default 1 hour.
    pub idle_tls: Duration,
    /// How long connecting may take, the handshake apart. Default 20 s.
    pub connect: Duration,
    /// A connection with part of a message is closed after this; also the time for writing. Default 20 s.
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
            tls: Vec::new(),
            tls_config: None,
            tls_for: Vec::new(),
            devices: Vec::new(),
            sources: Vec::new(),
            dscp: 24,
            max_connections: 1024,
            max_connections_per_source: 64,
            connection_queue: 256,
            connection_octets: 1 << 20,
            connection_reuse: true,
            alias: Alias::Authenticated,
            keep_alive: None,
            pong: Duration::from_secs(10),
            tcp_keep_alive: Some(Duration::from_secs(120)),
            handshake: Duration::from_secs(10),
            greeting: Duration::from_secs(32),
            receive_queue: 4096,
            idle: Duration::from_secs(15 * 60),
            idle_tls: Duration::from_secs(60 * 60),
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(20),
            limits: Limits::default(),
            udp_buffer: 2 << 20,
        }
    }
}

/// What the sockets have to say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NetEvent {
    /// A datagram, or one whole message of a stream.
    Received {
        /// How it came.
        flow: Flow,
        /// The octets.
        data: Bytes,
    },
    /// Who has connected has shown a certificate with a name of [`TlsConfig::permitted`]. Comes before its messages.
    Certified {
        /// Which connection.
        flow: Flow,
    },
    /// A connection is gone; for [`crate::Endpoint::handle_transport_error`].
    Closed {
        /// Which.
        flow: Flow,
    },
    /// There is no TLS connection, or no more, and why: for people. What was to be sent on it is reported by
    /// [`NetEvent::SendFailed`] or [`NetEvent::Closed`].
    TlsFailed {
        /// Which.
        flow: Flow,
        /// Why.
        error: TlsError,
    },
    /// A message could not be sent, or ICMP says that it did not arrive; for [`crate::Endpoint::handle_transport_error`].
    SendFailed {
        /// Where it was to go, as given to [`Net::send`]; after an ICMP error the socket and the peer.
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
    /// ICMP errors that say that a datagram did not arrive.
    pub icmp_errors: AtomicU64,
    /// TLS handshakes that went well.
    pub tls_handshakes: AtomicU64,
    /// TLS connections that failed, in the handshake or later.
    pub tls_failures: AtomicU64,
    /// Connections closed because their peer did not read.
    pub queues_full: AtomicU64,
    /// Connections closed because the first message did not come.
    pub closed_silent: AtomicU64,
    /// Connections closed because the rest of a message did not come, or could not be written.
    pub closed_stalled: AtomicU64,
    /// Connections closed because nothing came for long.
    pub closed_idle: AtomicU64,
    /// Connections closed because a keep-alive was not answered.
    pub closed_without_pong: AtomicU64,
    /// Keep-alives sent.
    pub pings_sent: AtomicU64,
    /// Connections whose peer takes requests on them (RFC 5923).
    pub aliases: AtomicU64,
}

/// Open sockets. Dropping it closes them all.
pub struct Net {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    config: NetConfig,
    runtime: tokio::runtime::Handle,
    udp: Vec<(SocketAddr, Arc<udp::Watched>)>,
    tcp: Vec<(SocketAddr, Arc<TcpListener>)>,
    tls_listeners: Vec<(SocketAddr, Arc<TcpListener>)>,
    tls: RwLock<Option<Tls>>,
    /// In the order of [`NetConfig::tls_for`].
    tls_for: Vec<Option<Tls>>,
    events: mpsc::Sender<NetEvent>,
    connections: Mutex<Connections>,
    counters: NetCounters,
}

impl Net {
    /// Opens the sockets and starts a task for each. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The first socket that cannot be opened.
    pub async fn bind(config: NetConfig) -> io::Result<(Net, mpsc::Receiver<NetEvent>)> {
        Self::bind_over(config, Vec::new()).await
    }

    /// As [`Net::bind`], going on with sockets of `open` that have a wanted address; what waits in them is received. The
    /// others are closed. A socket keeps the device it is held to.
    ///
    /// # Errors
    /// The first socket that cannot be opened.
    pub async fn bind_over(
        config: NetConfig,
        mut open: Vec<OpenSocket>,
    ) -> io::Result<(Net, mpsc::Receiver<NetEvent>)> {
        let (events, receiver) = mpsc::channel(config.receive_queue.max(1));
        let mut sockets = Vec::new();
        for address in &config.udp {
            let socket = udp::open(*address, &config, OpenSocket::take(&mut open, false, *address))?;
            sockets.push((socket.get_ref().local_addr()?, Arc::new(socket)));
        }
        let mut listen = |addresses: &[SocketAddr]| -> io::Result<Vec<_>> {
            let mut one = |address: &SocketAddr| {
                let over = OpenSocket::take(&mut open, true, *address);
                let listener = stream::listen(*address, &config, over)?;
                Ok((listener.local_addr()?, Arc::new(listener)))
            };
            addresses.iter().map(&mut one).collect()
        };
        let (tcp, tls_listeners) = (listen(&config.tcp)?, listen(&config.tls)?);
        let tls = config.tls_config.as_ref().map(Tls::new).transpose();
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        let tls = tls.map_err(invalid)?;
        let tls_for = config
            .tls_for
            .iter()
            .map(|own| own.config.as_ref().map(Tls::new).transpose())
            .collect::<Result<_, _>>();
        let tls_for = tls_for.map_err(invalid)?;
        let shared = Arc::new(Shared {
            config,
            runtime: tokio::runtime::Handle::current(),
            udp: sockets,
            tcp,
            tls_listeners,
            tls: RwLock::new(tls),
            tls_for,
            events,
            connections: Mutex::default(),
            counters: NetCounters::default(),
        });
        let mut tasks = Vec::new();
        for (address, socket) in &shared.udp {
            tasks.push(tokio::spawn(udp::receive(Arc::clone(&shared), *address, Arc::clone(socket))));
        }
        for (listeners, transport) in [(&shared.tcp, Transport::Tcp), (&shared.tls_listeners, Transport::Tls)]
        {
            for (_, listener) in listeners {
                let listener = Arc::clone(listener);
                tasks.push(tokio::spawn(stream::accept(Arc::clone(&shared), listener, transport)));
            }
        }
        Ok((Net { shared, tasks }, receiver))
    }

    /// Other TLS settings for connections from now on; `None` refuses TLS, but to the peers of [`NetConfig::tls_for`].
    ///
    /// # Errors
    /// [`TlsConfigError`]; then the settings stay as they were.
    pub fn set_tls(&self, config: Option<&TlsConfig>) -> Result<(), TlsConfigError> {
        let tls = config.map(Tls::new).transpose()?;
        *self.shared.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
        Ok(())
    }

    /// Sends one message without waiting. What cannot be sent comes back as [`NetEvent::SendFailed`].
    ///
    /// A datagram leaves by the socket bound to `flow.local`, or else by the first of the same address
    /// family. On TCP and TLS `flow.connection` names the connection; with `None` an open connection to
    /// `flow.remote` is used, or one is opened. A TLS connection opened that way needs a certificate for the
    /// address: use [`Net::flow_to`] for a domain.
    pub fn send(&self, transmit: Transmit) {
        match transmit.flow.transport {
            Transport::Udp => udp::send(&self.shared, transmit),
            Transport::Tcp | Transport::Tls => stream::send(&self.shared, transmit),
        }
    }

    /// The flow for requests to a server of `domain` at `remote`, which [`crate::locate`] has found.
    ///
    /// On TLS this is an open connection whose certificate was good for the domain, or else the promise of
    /// one, which the first message sent on it opens: SNI asks for the domain, and the certificate has to
    /// name it (RFC 5922 7). Get it anew for every request outside a dialog: when the connection is gone,
    /// what is sent on an old flow fails.
    ///
    /// On UDP and TCP the domain means nothing.
    pub fn flow_to(&self, transport: Transport, local: SocketAddr, remote: SocketAddr, domain: &str) -> Flow {
        let flow = Flow { transport, local, remote, connection: None };
        if transport != Transport::Tls {
            return flow;
        }
        let mut connections = self.shared.connections();
        let share = self.shared.config.connection_reuse;
        match connections.find(transport, remote, Some(domain)).filter(|_| share) {
            Some(open) => open.flow.clone(),
            None => connections.reserve(flow, domain, share),
        }
    }

    /// Who the peer's certificate says it is; `None` for a connection without certificate, or that is gone.
    pub fn peer_names(&self, connection: u64) -> Option<Arc<CertificateNames>> {
        self.shared.connections().get(connection)?.names.clone()
    }

    /// The UDP addresses that are bound, with their real ports, in the order of the configuration.
    pub fn udp_addrs(&self) -> Vec<SocketAddr> {
        self.shared.udp.iter().map(|(address, _)| *address).collect()
    }

    /// The TCP addresses listened on, with their real ports, in the order of the configuration.
    pub fn tcp_addrs(&self) -> Vec<SocketAddr> {
        self.shared.tcp.iter().map(|(address, _)| *address).collect()
    }

    /// The TLS addresses listened on, with their real ports, in the order of the configuration.
    pub fn tls_addrs(&self) -> Vec<SocketAddr> {
        self.shared.tls_listeners.iter().map(|(address, _)| *address).collect()
    }

    /// The sockets listened on, once more: they stay open beyond this, and may be given to [`Net::bind_over`].
    ///
    /// # Errors
    /// Too many open files.
    pub fn sockets(&self) -> io::Result<Vec<OpenSocket>> {
        let shared = &self.shared;
        let udp = shared.udp.iter().map(|(_, socket)| socket.get_ref().as_fd());
        let listeners = shared.tcp.iter().chain(&shared.tls_listeners).map(|(_, listener)| listener.as_fd());
        udp.chain(listeners).map(|socket| OpenSocket::new(socket.try_clone_to_owned()?)).collect()
    }

    /// Connections, those that are being opened included.
    pub fn connections(&self) -> Vec<Flow> {
        self.shared.connections().iter().map(|connection| connection.flow.clone()).collect()
    }

    /// Closes one connection, after what waits to be written.
    pub fn close(&self, connection: u64) {
        // Without its queue the connection's task ends.
        drop(self.shared.connections().remove(connection));
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
        for connection in self.shared.connections().drain() {
            if let Some(task) = connection.task {
                task.abort();
            }
        }
    }
}

impl Shared {
    fn tls(&self, peer: IpAddr) -> Option<Tls> {
        let known = self.config.tls_for.iter().zip(&self.tls_for).filter(|(network, _)| network.has(peer));
        if let Some((_, tls)) = known.max_by_key(|(network, _)| network.prefix) {
            return tls.clone();
        }
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A panic while the lock was held leaves a map that is still whole.
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, flow: Flow) {
        self.counters.send_failures.fetch_add(1, Ordering::Relaxed);
        // With the queue full the transactions' own timers will notice.
        let _ = self.events.try_send(NetEvent::SendFailed { flow });
    }
}

fn mark(socket: &socket2::Socket, ipv4: bool, dscp: u8) {
    let tos = u32::from(dscp & 0x3f) << 2;
    let marked = if ipv4 { socket.set_tos_v4(tos) } else { socket.set_tclass_v6(tos) };
    if let Err(error) = marked {
        tracing::debug!(%error, "DSCP not set");
    }
}

/// A socket for this address, not yet bound.
fn new_socket(address: SocketAddr, kind: socket2::Type, config: &NetConfig) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        // The same port is bound for IPv4 by a socket of its own.
        socket.set_only_v6(true)?;
    }
    if let Some((_, device)) = config.devices.iter().find(|(of, _)| *of == address.ip()) {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    socket.set_nonblocking(true)?;
    mark(&socket, address.is_ipv4(), config.dscp);
    Ok(socket)
}

/// One that is open already, or a new one, marked as the configuration wants it.
fn ready_socket(
    address: SocketAddr,
    kind: socket2::Type,
    config: &NetConfig,
    over: Option<socket2::Socket>,
) -> io::Result<socket2::Socket> {
    let Some(socket) = over else { return new_socket(address, kind, config) };
    mark(&socket, address.is_ipv4(), config.dscp);
    Ok(socket)
}
