//! TCP and TLS connections: one task reads, one writes; both end together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::connections::{Connection, Connections, Waiting, queue};
use super::tls::{CertificateNames, TlsError, server_name};
use super::{Alias, NetConfig, NetEvent, Shared, mark, new_socket, ready_socket};
use crate::flow::{Flow, Transmit, Transport};
use crate::message::Message;
use crate::stream::{FramingError, StreamFramer};

pub(super) fn listen(
    address: SocketAddr,
    config: &NetConfig,
    over: Option<socket2::Socket>,
) -> io::Result<TcpListener> {
    let listens = over.is_some();
    let socket = ready_socket(address, socket2::Type::STREAM, config, over)?;
    if !listens {
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
    }
    TcpListener::from_std(socket.into())
}

pub(super) async fn accept(shared: Arc<Shared>, listener: Arc<TcpListener>, transport: Transport) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let Ok(local) = stream.local_addr() else { continue };
                if !has_room(&shared, remote) {
                    shared.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let flow = Flow { transport, local, remote, connection: None };
                start(&shared, Opening::Accepted(stream), flow, None, None);
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
    let Transmit { flow, payload, dscp } = transmit;
    let mut domain = None;
    let found = {
        let mut connections = shared.connections();
        let open = match flow.connection {
            Some(id) => connections.get(id),
            None if shared.config.connection_reuse || !is_request(&payload) => {
                connections.find(flow.transport, flow.remote, None)
            }
            None => None,
        };
        let found = open.map(|open| (open.flow.connection, open.queue.clone()));
        if found.is_none() {
            domain = flow.connection.and_then(|id| connections.take_reserved(id));
        }
        found
    };
    match (found, flow.connection) {
        (Some((id, queue)), _) => {
            if queue.push(payload) {
                return;
            }
            // A peer that does not read loses its connection rather than our memory.
            let closed = id.and_then(|id| shared.connections().remove(id));
            if let Some(task) = closed.as_ref().and_then(|closed| closed.task.as_ref()) {
                task.abort();
            }
            shared.counters.queues_full.fetch_add(1, Ordering::Relaxed);
            shared.failed(flow);
            if let Some(closed) = closed {
                let _ = shared.events.try_send(NetEvent::Closed { flow: closed.flow });
            }
        }
        (None, Some(_)) if domain.is_none() => match new_way(&flow, &payload) {
            Some((flow, host)) => open(shared, flow, Some(host.into()), payload, dscp),
            None => shared.failed(flow),
        },
        (None, _) => open(shared, flow, domain, payload, dscp),
    }
}

fn open(shared: &Arc<Shared>, flow: Flow, domain: Option<Arc<str>>, payload: Bytes, dscp: Option<u8>) {
    if !has_room(shared, flow.remote) {
        shared.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
        return shared.failed(flow);
    }
    start(shared, Opening::Wanted(dscp), flow, domain, Some(payload));
}

fn is_request(payload: &[u8]) -> bool {
    !payload.starts_with(b"SIP/")
}

/// Where a response goes whose connection is gone, and who should be there.
fn new_way(flow: &Flow, payload: &Bytes) -> Option<(Flow, String)> {
    //= RFC 3261 18.2.2: "If that connection is no longer open, the server SHOULD open a connection to the
    //= IP address in the "received" parameter, if present, using the port in the "sent-by" value, or the
    //= default port for that transport, if no port is specified."
    let response = Message::parse(payload.clone()).ok().filter(|message| !message.is_request())?;
    let via = response.top_via().ok()?;
    let port = via.port.unwrap_or(flow.transport.default_port());
    let remote = SocketAddr::new(flow.remote.ip(), port);
    Some((Flow { remote, connection: None, ..flow.clone() }, via.host.to_owned()))
}

enum Opening {
    Accepted(TcpStream),
    /// With this code point.
    Wanted(Option<u8>),
}

fn has_room(shared: &Shared, remote: SocketAddr) -> bool {
    let connections = shared.connections();
    connections.len() < shared.config.max_connections
        && connections.of_source(remote) < shared.config.max_connections_per_source
}

/// One connection's task.
struct Link {
    shared: Arc<Shared>,
    id: u64,
    flow: Flow,
    /// As the sender of the first message knows it.
    asked: Flow,
    domain: Option<Arc<str>>,
    ours: bool,
    /// Not to be used by other requests.
    single: bool,
    /// The peer has come and shown who it is.
    certified: bool,
}

fn start(
    shared: &Arc<Shared>,
    opening: Opening,
    asked: Flow,
    domain: Option<Arc<str>>,
    first: Option<Bytes>,
) {
    let ours = matches!(opening, Opening::Wanted(_));
    let (sender, waiting) = queue(shared.config.connection_queue, shared.config.connection_octets);
    if let Some(first) = first {
        // The queue is empty, so there is room.
        let _ = sender.push(first);
    }
    // The entry stands before the task runs, so that the task finds it when it ends.
    let mut connections = shared.connections();
    let id = asked.connection.unwrap_or_else(Connections::new_id);
    let flow = Flow { connection: Some(id), ..asked.clone() };
    let link = Link {
        shared: Arc::clone(shared),
        id,
        flow: flow.clone(),
        asked,
        domain: domain.clone(),
        ours,
        single: ours && !shared.config.connection_reuse,
        certified: false,
    };
    let entry = Connection { flow, queue: sender, task: None, ours, domain, names: None, alias: None };
    connections.insert(id, entry);
    let task = shared.runtime.spawn(link.run(opening, waiting));
    if let Some(entry) = connections.get_mut(id) {
        entry.task = Some(task);
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
type Stream = Box<dyn Io>;

enum Failure {
    Tcp(io::Error),
    Tls(TlsError),
}

impl Link {
    async fn run(mut self, opening: Opening, waiting: Waiting) {
        let stream = match self.establish(opening).await {
            Ok(stream) => stream,
            Err(failure) => return self.fail(failure).await,
        };
        if self.certified {
            let certified = NetEvent::Certified { flow: self.flow.clone() };
            if self.shared.events.send(certified).await.is_err() {
                return;
            }
        }
        let (reader, writer) = tokio::io::split(stream);
        let (controls, control) = mpsc::channel(2);
        tokio::select! {
            () = self.read(reader, controls) => {}
            () = self.write(writer, waiting, control) => {}
        }
        self.shared.connections().remove(self.id);
        let _ = self.shared.events.send(NetEvent::Closed { flow: self.flow }).await;
    }

    async fn fail(self, failure: Failure) {
        let counters = &self.shared.counters;
        self.shared.connections().remove(self.id);
        match failure {
            Failure::Tcp(error) => tracing::debug!(remote = %self.flow.remote, %error, "connecting"),
            Failure::Tls(error) => {
                tracing::debug!(remote = %self.flow.remote, %error, "TLS handshake");
                counters.tls_failures.fetch_add(1, Ordering::Relaxed);
                let flow = self.flow.clone();
                // A flood of bad handshakes may lose its reports, never its place in the queue to others.
                let _ = self.shared.events.try_send(NetEvent::TlsFailed { flow, error });
            }
        }
        if self.ours {
            counters.send_failures.fetch_add(1, Ordering::Relaxed);
            // The transactions that asked for this connection know it as they asked.
            let _ = self.shared.events.send(NetEvent::SendFailed { flow: self.asked }).await;
        }
    }

    async fn establish(&mut self, opening: Opening) -> Result<Stream, Failure> {
        let config = &self.shared.config;
        let accepted = matches!(opening, Opening::Accepted(_));
        let stream = match opening {
            Opening::Accepted(stream) => stream,
            Opening::Wanted(dscp) => connect(config, &self.flow, dscp).await.map_err(Failure::Tcp)?,
        };
        let _ = stream.set_nodelay(true);
        if let Some(time) = config.tcp_keep_alive {
            let probes = socket2::TcpKeepalive::new().with_time(time).with_interval(time / 4);
            let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&probes);
        }
        if let Ok(local) = stream.local_addr() {
            self.flow.local = local;
        }
        let (stream, names): (Stream, _) = if self.flow.transport == Transport::Tls {
            self.handshake(stream, accepted).await.map_err(Failure::Tls)?
        } else {
            (Box::new(stream), None)
        };
        if let Some(entry) = self.shared.connections().get_mut(self.id) {
            entry.flow = self.flow.clone();
            entry.names = names.map(Arc::new);
        }
        Ok(stream)
    }

    async fn handshake(
        &mut self,
        stream: TcpStream,
        accepted: bool,
    ) -> Result<(Stream, Option<CertificateNames>), TlsError> {
        let tls = self.shared.tls(self.flow.remote.ip()).ok_or(TlsError::NotConfigured)?;
        let limit = self.shared.config.handshake;
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let outcome = if accepted {
            let acceptor = TlsAcceptor::from(tls.server.ok_or(TlsError::NotConfigured)?);
            let done = timeout(limit, acceptor.accept(stream)).await.unwrap_or_else(|_| Err(late()));
            done.map(|stream| {
                let names = names(stream.get_ref().1.peer_certificates());
                (Box::new(stream) as Stream, names)
            })
        } else {
            let address = self.flow.remote.ip().to_string();
            let domain = self.domain.as_deref().unwrap_or(&address);
            let config = tls.client(Some(domain)).map_err(|error| TlsError::Other(error.to_string()))?;
            let name = server_name(domain)
                .ok_or_else(|| TlsError::Other(format!("{domain:?} is no name for a certificate")))?;
            let connector = TlsConnector::from(config);
            let done = timeout(limit, connector.connect(name, stream)).await.unwrap_or_else(|_| Err(late()));
            done.map(|stream| {
                let names = names(stream.get_ref().1.peer_certificates());
                (Box::new(stream) as Stream, names)
            })
        };
        let outcome = outcome.map_err(|error| TlsError::from_io(&error))?;
        self.certified = accepted && tls.certifies && outcome.1.is_some();
        self.shared.counters.tls_handshakes.fetch_add(1, Ordering::Relaxed);
        Ok(outcome)
    }

    async fn read(&self, mut reader: ReadHalf<Stream>, controls: mpsc::Sender<&'static [u8]>) {
        let shared = &self.shared;
        let mut framer = StreamFramer::new(&shared.config.limits);
        let mut buffer = vec![0; 16_384];
        let mut vigil = Vigil::new(self);
        let mut first_request = !self.ours;
        loop {
            let (deadline, why) = vigil.deadline();
            let len = match timeout_at(deadline, reader.read(&mut buffer)).await {
                Ok(Ok(len)) if len > 0 => len,
                // A peer that has said all it has to say may still wait for the answer.
                Ok(Ok(_)) if !self.ours => return tokio::time::sleep(ANSWER_TIME).await,
                Ok(Ok(_)) => return,
                Ok(Err(error)) => return self.read_error(&error),
                Err(_) if why == Why::Ping => {
                    // RFC 5626 3.5.1: the ping, to be answered within `pong`.
                    vigil.pinged();
                    shared.counters.pings_sent.fetch_add(1, Ordering::Relaxed);
                    let _ = controls.try_send(b"\r\n\r\n");
                    continue;
                }
                Err(_) => return why.count(shared),
            };
            vigil.heard();
            framer.feed(buffer.get(..len).unwrap_or_default());
            while let Some(next) = framer.next() {
                match next {
                    Ok(data) => {
                        vigil.whole();
                        if std::mem::take(&mut first_request) {
                            self.take_alias(&data);
                        }
                        let received = NetEvent::Received { flow: self.flow.clone(), data };
                        if shared.events.send(received).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        shared.counters.framing_errors.fetch_add(1, Ordering::Relaxed);
                        tracing::debug!(remote = %self.flow.remote, %error, "stream");
                        if !matches!(error, FramingError::NotSip { .. }) {
                            // The answer to the message in front (400, 413) is still to be written.
                            tokio::time::sleep(ANSWER_TIME).await;
                        }
                        return;
                    }
                }
            }
            // Four octets may be the beginning of a keep-alive.
            vigil.partial(framer.buffered() > 4);
            if framer.take_keep_alives() > 0 {
                vigil.whole();
                // RFC 5626 4.4.1: the pong. One may answer several pings that came together.
                let _ = controls.try_send(b"\r\n");
            }
        }
    }

    /// With TLS 1.3 a client hears only now what the server thinks of its certificate.
    fn read_error(&self, error: &io::Error) {
        if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
            let error = TlsError::from_io(error);
            tracing::debug!(remote = %self.flow.remote, %error, "TLS");
            self.shared.counters.tls_failures.fetch_add(1, Ordering::Relaxed);
            let _ = self.shared.events.try_send(NetEvent::TlsFailed { flow: self.flow.clone(), error });
        }
    }

    /// RFC 5923: a peer that says `alias` takes requests on the connection it opened.
    fn take_alias(&self, data: &Bytes) {
        let mut connections = self.shared.connections();
        let Some(entry) = connections.get_mut(self.id) else { return };
        let allowed = match self.shared.config.alias {
            Alias::Off => false,
            Alias::Authenticated => entry.names.is_some(),
            Alias::Any => true,
        };
        if !allowed {
            return;
        }
        let Ok(request) = Message::parse(data.clone()) else { return };
        let via =
            request.top_via().ok().filter(|via| request.is_request() && via.params.get("alias").is_some());
        if let Some(via) = via {
            let port = via.port.unwrap_or(self.flow.transport.default_port());
            entry.alias = Some(SocketAddr::new(self.flow.remote.ip(), port));
            self.shared.counters.aliases.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn write(
        &self,
        mut writer: WriteHalf<Stream>,
        mut waiting: Waiting,
        mut control: mpsc::Receiver<&'static [u8]>,
    ) {
        let stall = self.shared.config.stall;
        loop {
            let octets = tokio::select! {
                message = waiting.pop() => match message {
                    Some(message) => message,
                    None => break,
                },
                Some(octets) = control.recv() => Bytes::from_static(octets),
            };
            let written = async {
                writer.write_all(&octets).await?;
                writer.flush().await
            };
            match timeout(stall, written).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => return Why::Stalled.count(&self.shared),
            }
        }
        // Closed by us: on TLS with a close_notify.
        let _ = timeout(Duration::from_secs(1), writer.shutdown()).await;
    }
}

/// Why a connection is woken, or closed, when nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It has come to us and says nothing.
    Silent,
    /// Part of a message, and not the rest.
    Stalled,
    Idle,
    /// Time for a keep-alive of ours.
    Ping,
    NoPong,
}

impl Why {
    fn count(self, shared: &Shared) {
        let counter = match self {
            Why::Silent => &shared.counters.closed_silent,
            Why::Stalled => &shared.counters.closed_stalled,
            Why::Idle => &shared.counters.closed_idle,
            Why::NoPong => &shared.counters.closed_without_pong,
            Why::Ping => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a connection is watched for.
struct Vigil {
    idle: Duration,
    stall: Duration,
    ping: Option<Duration>,
    pong: Duration,
    /// Until when something whole has to have come.
    greeting: Option<Instant>,
    heard: Instant,
    /// Since when part of a message waits for the rest: dripping single octets must not extend it.
    partial: Option<Instant>,
    pinged: Option<Instant>,
}

impl Vigil {
    fn new(link: &Link) -> Vigil {
        let config = &link.shared.config;
        let now = Instant::now();
        let idle = if link.flow.transport == Transport::Tls { config.idle_tls } else { config.idle };
        Vigil {
            idle: if link.single { SINGLE_IDLE.min(idle) } else { idle },
            stall: config.stall,
            ping: config.keep_alive.filter(|_| link.ours && !link.single),
            pong: config.pong,
            greeting: (!link.ours).then(|| now + config.greeting),
            heard: now,
            partial: None,
            pinged: None,
        }
    }

    fn deadline(&self) -> (Instant, Why) {
        let idle = (self.heard + self.idle, Why::Idle);
        let others = [
            self.greeting.map(|at| (at, Why::Silent)),
            self.partial.map(|since| (since + self.stall, Why::Stalled)),
            match (self.pinged, self.ping) {
                (Some(at), _) => Some((at + self.pong, Why::NoPong)),
                (None, Some(every)) => Some((self.heard + every, Why::Ping)),
                (None, None) => None,
            },
        ];
        others.into_iter().flatten().fold(idle, |first, next| if next.0 < first.0 { next } else { first })
    }

    /// Anything shows that the peer lives (RFC 5626 4.4.1).
    fn heard(&mut self) {
        self.heard = Instant::now();
        self.pinged = None;
    }

    fn whole(&mut self) {
        self.greeting = None;
        self.partial = None;
    }

    fn partial(&mut self, waits: bool) {
        self.partial = waits.then(|| self.partial.unwrap_or_else(Instant::now));
    }

    fn pinged(&mut self) {
        self.pinged = Some(Instant::now());
    }
}

/// How long an answer may take to be written when nothing more is read.
const ANSWER_TIME: Duration = Duration::from_millis(500);

/// How long a connection that serves one request only stays: 64*T1, as long as a transaction may take.
const SINGLE_IDLE: Duration = Duration::from_secs(32);

fn names(certificates: Option<&[CertificateDer<'_>]>) -> Option<CertificateNames> {
    CertificateNames::of(certificates?.first()?).ok()
}

async fn connect(config: &NetConfig, flow: &Flow, dscp: Option<u8>) -> io::Result<TcpStream> {
    let any = SocketAddr::new(
        if flow.local.is_ipv4() == flow.remote.is_ipv4() {
            flow.local.ip()
        } else {
            super::unspecified(flow.remote.ip())
        },
        0,
    );
    let socket = new_socket(any, socket2::Type::STREAM, config)?;
    if let Some(dscp) = dscp {
        mark(&socket, any.is_ipv4(), dscp);
    }
    if !any.ip().is_unspecified() {
        match socket.bind(&any.into()) {
            // An address of the configuration that this host has not got: the routing table knows a better one.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            result => result?,
        }
    }
    let socket = TcpSocket::from_std_stream(socket.into());
    timeout(config.connect, socket.connect(flow.remote))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}
