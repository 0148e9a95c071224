//! The daemon around the switch: sockets, lines, clocks and signals, driven by one task on one thread.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cli::config::Config;
use cli::engine::Engine;
use cli::session::Reply;
use sip::net::{Net, NetConfig, NetEvent};
use sip::{Transmit, Transport};
use telephony_hal::dahdi::DahdiSpan;
use telephony_hal::sim::{Plant, SimSpan, span_pair};
use telephony_hal::socket::SocketTrunk;
use telephony_hal::wrap::{AnyDChannel, AnySpan, Erased, PcapWriter, Record, Side};
use telephony_hal::{AnyError, DChannel, DChannelEvent, ErrorKind, HalError, Span as _, SpanKind};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::console::host::{Host, configuration, load};
use crate::console::network::{Addresses, Listeners};
use crate::console::syslog::SyslogHosts;
use crate::console::terminals::Terminals;
use crate::console::unix::{Console, Hostname, Shared, serve};
use crate::console::{self, Command};
use crate::files::{Answer, FileSystem};
use crate::hardware::{Hardware, LineKind, Pri, PriBackend};
use crate::leg::sip::transport::TransportSettings;
use crate::listen::{Place, bind, rebind, tell_ports};
use crate::lookup::{Found, Lookups};
use crate::media::driver::Driver;
use crate::media::pairs::Pairs;
use crate::ready::{Port, ReadySet};
use crate::service::metrics::{self, Metrics};
use crate::service::smdi::SmdiLines;
use crate::simpbx::{self, SimPbx};
use crate::store::{Committed, Store};
use crate::switch::{Output, Parts, Switch};

/// Messages taken from the sockets at a time.
const BATCH: usize = 1024;
/// Messages served at a time, so that lines and trunks get their turn.
const SERVED: usize = 64;
/// Debug lines a console may lag behind.
const MONITOR_LAG: usize = 4096;
/// How often RTP is looked at; samples move every second time.
const HALF_TICK: Duration = Duration::from_millis(10);
/// How long registrars have to answer when the gateway ends.
const SIGN_OFF: Duration = Duration::from_secs(2);
/// Audio this late is caught up with, later is lost.
const MAX_LAG: Duration = Duration::from_secs(1);

/// How the daemon is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Startup configuration; `<state-dir>/startup-config` where not given.
    pub config: Option<PathBuf>,
    /// `hardware.toml`; no ports where not given.
    pub hardware: Option<PathBuf>,
    /// Where state and sockets live.
    pub state_dir: PathBuf,
    /// Address SIP listens on where the configuration binds none.
    pub sip_address: IpAddr,
    /// DNS servers to ask in place of those of `ip name-server` or of the host.
    pub dns: Vec<SocketAddr>,
    /// Address of `/metrics` and `/healthz`.
    pub metrics: Option<SocketAddr>,
    /// Where SSH and telnet are served, once the configuration lets somebody in.
    pub terminals: Addresses,
}

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// `hardware.toml`.
    #[error(transparent)]
    Hardware(#[from] crate::hardware::HardwareError),
    /// The store.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The startup configuration.
    #[error("startup configuration: {0}")]
    Startup(#[from] crate::console::host::StartupError),
    /// A socket or file.
    #[error("{what}: {source}")]
    Io {
        /// What was to be opened.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A name prometheus refuses.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
    let what = what.into();
    move |source| RunError::Io { what, source }
}

/// Everything a gateway is made of, read and checked.
#[derive(Debug)]
pub struct Setup {
    /// Ports.
    pub hardware: Hardware,
    /// Configuration text.
    pub config: String,
    /// Where the configuration is saved.
    pub startup: PathBuf,
    /// Where state and sockets live.
    pub state_dir: PathBuf,
    /// Address SIP listens on where the configuration binds none.
    pub sip_address: IpAddr,
    /// SIP port in place of the configured one; 0 lets the system choose.
    pub sip_port: Option<u16>,
    /// DNS servers to ask in place of those of `ip name-server` or of the host.
    pub dns: Vec<SocketAddr>,
    /// Address of `/metrics` and `/healthz`.
    pub metrics: Option<SocketAddr>,
    /// Where SSH and telnet are served, once the configuration lets somebody in.
    pub terminals: Addresses,
}

/// A gateway that runs in a task of its own. Dropping it stops it.
#[derive(Debug)]
pub struct Gateway {
    /// Addresses SIP listens on by UDP.
    pub udp: Vec<SocketAddr>,
    /// Addresses SIP listens on by TCP.
    pub tcp: Vec<SocketAddr>,
    /// Addresses SIP listens on by TLS.
    pub tls: Vec<SocketAddr>,
    /// Where SSH is served.
    pub ssh: Option<SocketAddr>,
    /// Where telnet is served.
    pub telnet: Option<SocketAddr>,
    /// The telephones of the simulated lines.
    pub plant: Plant,
    /// The simulated PBXs, one a simulated trunk.
    pub pbxs: Vec<SimPbx>,
    /// To the switch, as consoles do.
    pub commands: mpsc::Sender<Command>,
    /// Debug and log lines.
    pub monitor: broadcast::Sender<String>,
    task: JoinHandle<bool>,
    _console: Console,
    helpers: Vec<AbortHandle>,
}

impl Gateway {
    /// Waits until the gateway ends by itself; `true` after `reload`.
    pub async fn ended(&mut self) -> bool {
        (&mut self.task).await.unwrap_or(false)
    }

    /// Ends the gateway in good order: registrars are told. Takes some seconds at most.
    pub async fn stop(&mut self) {
        // One that has ended already needs no telling.
        if self.commands.send(Command::Stop).await.is_ok() {
            self.ended().await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
        for helper in &self.helpers {
            helper.abort();
        }
    }
}

/// Runs the daemon in the foreground until SIGINT or SIGTERM; `reload` starts it anew.
///
/// # Errors
/// [`RunError`] names what could not be opened or read.
pub fn run_until_signal(options: Options) -> Result<(), RunError> {
    loop {
        // A runtime of its own for each life: dropping it closes every socket before the next one opens them.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(io_error("tokio runtime"))?;
        if !runtime.block_on(run_once(&options))? {
            return Ok(());
        }
    }
}

async fn run_once(options: &Options) -> Result<bool, RunError> {
    let hardware = match &options.hardware {
        Some(path) => Hardware::load(path)?,
        None => Hardware::default(),
    };
    let startup = options.config.clone().unwrap_or_else(|| options.state_dir.join("startup-config"));
    let config = match (load(&startup)?, &options.config) {
        (None, Some(path)) => {
            return Err(RunError::Io {
                what: path.display().to_string(),
                source: io::Error::from(io::ErrorKind::NotFound),
            });
        }
        (text, _) => text.unwrap_or_default(),
    };
    let mut gateway = start(Setup {
        hardware,
        config,
        startup,
        state_dir: options.state_dir.clone(),
        sip_address: options.sip_address,
        sip_port: None,
        dns: options.dns.clone(),
        metrics: options.metrics,
        terminals: options.terminals.clone(),
    })
    .await?;
    let list =
        |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let also = |name: &str, at: Option<SocketAddr>| at.map_or(String::new(), |at| format!(" {name}={at}"));
    let (ssh, telnet) = (also("ssh", gateway.ssh), also("telnet", gateway.telnet));
    let tls = if gateway.tls.is_empty() { String::new() } else { format!(" tls:{}", list(&gateway.tls)) };
    eprintln!("tipringd: ready sip=udp:{} tcp:{}{tls}{ssh}{telnet}", list(&gateway.udp), list(&gateway.tcp));
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::debug!(%error, "service manager");
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(io_error("SIGTERM"))?;
    tokio::select! {
        reload = gateway.ended() => return Ok(reload),
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    gateway.stop().await;
    Ok(false)
}

/// Starts a gateway on the current runtime.
///
/// # Errors
/// [`RunError`] names what could not be opened or read.
pub async fn start(setup: Setup) -> Result<Gateway, RunError> {
    let now = Instant::now();
    let config = configuration(&setup.config, &setup.startup);
    let (committed_tx, committed) = mpsc::unbounded_channel();
    let (store, records) = Store::open(&setup.state_dir, move |committed: Committed| {
        // The daemon ends before its store does; nobody is left to be told then.
        let _ = committed_tx.send(committed);
    })?;
    let metrics = Metrics::new()?;
    let mut helpers = Vec::new();
    if let Some(address) = setup.metrics {
        let (_, task) = metrics::serve(address, metrics.clone())
            .await
            .map_err(io_error(format!("metrics on {address}")))?;
        helpers.push(task.abort_handle());
    }
    let ready = ReadySet::default();
    let plant = Plant::new();
    let pairs = Pairs::open(&setup.hardware, &plant)
        .map_err(|(port, error)| io_error(format!("voice port {port}"))(io::Error::other(error)))?;
    let OpenTrunks { trunks, pbxs, spans } = open_trunks(&setup.hardware, &config, &mut helpers)?;
    let socket = setup.state_dir.join("lines.sock");
    let plant_server = telephony_hal::sim::Server::bind(plant.clone(), &socket)
        .map_err(io_error(socket.display().to_string()))?;
    helpers.push(tokio::spawn(plant_server.run()).abort_handle());

    let hostname = Hostname::default();
    hostname.set(&config.hostname);
    let clock = Clock::system();
    let serial = setup.hardware.console.clone();
    let smdi = SmdiLines::open(&setup.hardware.smdi);
    let mut switch = Switch::new(
        now,
        Parts {
            clock,
            hardware: setup.hardware,
            config,
            store,
            records,
            metrics,
            seed: seed().map_err(io_error("random seed"))?,
            local_address: |peer| sip::net::local_address_for(peer).ok(),
        },
    )?;
    let place = Place { fallback: setup.sip_address, port: setup.sip_port, pki: setup.state_dir.join("pki") };
    let (net, received) =
        bind(switch.listen(), &place).await.map_err(|(what, error)| io_error(what)(error))?;
    let listening = switch.listen().clone();
    let (udp, tcp, tls) = (net.udp_addrs(), net.tcp_addrs(), net.tls_addrs());
    tell_ports(now, &mut switch, &net);
    let (commands, commands_rx) = mpsc::channel(64);
    let (monitor, _) = broadcast::channel(MONITOR_LAG);
    let socket = setup.state_dir.join("console.sock");
    let terminals = Terminals::default();
    terminals.publish(switch.config());
    let files = FileSystem::open(&setup.state_dir, &setup.startup)
        .map_err(io_error(setup.state_dir.display().to_string()))?;
    let shared = Shared {
        files: files.clone(),
        commands: commands.clone(),
        monitor: monitor.clone(),
        hostname: hostname.clone(),
        terminals: terminals.clone(),
    };
    let mut listeners =
        Listeners::new(setup.terminals, setup.state_dir.join("ssh_host_ed25519_key"), shared.clone());
    listeners.refresh_or_say().await;
    let (ssh, telnet) = (listeners.ssh(), listeners.telnet());
    if let Some(serial) = serial {
        let task = tokio::spawn(crate::console::serial::serve(serial.tty, shared.clone()));
        helpers.push(task.abort_handle());
    }
    let console = serve(&socket, shared).map_err(io_error(socket.display().to_string()))?;
    let lookup_seed = seed().map_err(io_error("random seed"))?;
    let (lookups, looked_up) = Lookups::new(setup.dns, setup.sip_address, lookup_seed);
    let range = switch.rtp_range();
    let mut daemon = Daemon {
        host: Host::new(now, files, hostname, terminals, Engine::new(switch.config().clone())),
        switch,
        net,
        received,
        committed,
        commands: commands_rx,
        smdi,
        syslog: SyslogHosts::default(),
        continuations: commands.downgrade(),
        monitor: monitor.clone(),
        lookups,
        looked_up,
        pairs,
        trunks,
        media: Driver::new(clock, seed().map_err(io_error("random seed"))?, setup.sip_address, range, spans),
        half: false,
        ready,
        rebind: false,
        listeners,
        domains: HashMap::new(),
        place,
        listening,
        backlog: false,
    };
    helpers.push(tokio::spawn(daemon.host.load.clone().keep_sampling()).abort_handle());
    daemon.switch.watch_load(daemon.host.load.clone());
    let task = tokio::spawn(daemon.run());
    Ok(Gateway {
        udp,
        tcp,
        tls,
        ssh,
        telnet,
        plant,
        pbxs,
        commands,
        monitor,
        task,
        _console: console,
        helpers,
    })
}

fn seed() -> io::Result<[u8; 32]> {
    use rand::TryRng as _;
    let mut seed = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}

struct OpenTrunks {
    trunks: Vec<TrunkDevice>,
    pbxs: Vec<SimPbx>,
    /// Spans whose B channels carry audio, by trunk.
    spans: HashMap<usize, AnySpan>,
}

fn open_trunks(
    hardware: &Hardware,
    config: &Config,
    helpers: &mut Vec<AbortHandle>,
) -> Result<OpenTrunks, RunError> {
    let mut trunks = Vec::new();
    let mut pbxs = Vec::new();
    let mut spans = HashMap::new();
    for pri in &hardware.pri {
        let network = is_network(config, pri)?;
        let channel = match pri.backend {
            PriBackend::Sim => {
                let kind = match pri.split()?.0 {
                    LineKind::E1 => SpanKind::E1,
                    LineKind::T1 => SpanKind::T1,
                };
                let (mut our_span, mut their_span) = span_pair(kind);
                let d = |span: &mut SimSpan| {
                    span.open_d().map_err(|e| io_error(pri.controller.clone())(io::Error::other(e)))
                };
                let (ours, theirs) = (d(&mut our_span)?, d(&mut their_span)?);
                spans.insert(trunks.len(), Box::new(Erased(our_span)) as AnySpan);
                let (pbx, runs) = simpbx::new(
                    simpbx::config(config, pri, network)?,
                    simpbx::Line { d: theirs, span: their_span },
                );
                helpers.push(tokio::spawn(runs).abort_handle());
                pbxs.push(pbx);
                record(Erased(ours), pri, network)?
            }
            PriBackend::Socket => {
                let Some(address) = pri.socket_address()? else { continue };
                let what = format!("controller {}: {address}", pri.controller);
                record(Erased(SocketTrunk::open(address).map_err(io_error(what))?), pri, network)?
            }
            PriBackend::Dahdi => {
                let failed =
                    |error| io_error(format!("controller {}", pri.controller))(io::Error::other(error));
                let mut span = DahdiSpan::open(pri.span.unwrap_or(0)).map_err(failed)?;
                let d = span.open_d().map_err(failed)?;
                spans.insert(trunks.len(), Box::new(Erased(span)) as AnySpan);
                record(Erased(d), pri, network)?
            }
        };
        trunks.push(TrunkDevice { channel, closed: false });
    }
    Ok(OpenTrunks { trunks, pbxs, spans })
}

fn is_network(config: &Config, pri: &Pri) -> Result<bool, RunError> {
    let interface = config.serial_interface(&pri.voice_port()?);
    Ok(interface.is_some_and(|s| s.protocol_emulate == cli::config::ProtocolEmulate::Network))
}

fn record<T>(channel: T, pri: &Pri, network: bool) -> Result<AnyDChannel, RunError>
where
    T: DChannel<Error = AnyError> + Send + 'static,
{
    let Some(path) = &pri.pcap else { return Ok(Box::new(channel)) };
    let failed = || path.display().to_string();
    let file = std::fs::File::create(path).map_err(io_error(failed()))?;
    let side = if network { Side::Network } else { Side::User };
    let writer = PcapWriter::new(file, side).map_err(io_error(failed()))?;
    Ok(Box::new(Record::new(channel, writer)))
}

struct TrunkDevice {
    channel: AnyDChannel,
    closed: bool,
}

struct Daemon {
    switch: Switch,
    host: Host,
    net: Net,
    received: mpsc::Receiver<NetEvent>,
    committed: mpsc::UnboundedReceiver<Committed>,
    commands: mpsc::Receiver<Command>,
    smdi: SmdiLines,
    syslog: SyslogHosts,
    /// Weak: the daemon ends when everybody who could speak to it is gone.
    continuations: mpsc::WeakSender<Command>,
    monitor: broadcast::Sender<String>,
    lookups: Lookups,
    looked_up: mpsc::Receiver<Found>,
    pairs: Pairs,
    trunks: Vec<TrunkDevice>,
    media: Driver,
    /// The next turn of 10 ms is the second of a tick.
    half: bool,
    ready: ReadySet,
    rebind: bool,
    listeners: Listeners,
    /// Names that led to these addresses: what a certificate has to say.
    domains: HashMap<SocketAddr, String>,
    place: Place,
    /// What the sockets were opened for.
    listening: TransportSettings,
    /// Messages let in wait to be served.
    backlog: bool,
}

impl Daemon {
    /// Runs until `reload` (`true`), or until it is told to stop or everybody who could tell it is gone.
    async fn run(mut self) -> bool {
        let again = self.serve().await;
        self.sign_off().await;
        again
    }

    /// Takes registrations back, as far as that can be done soon.
    async fn sign_off(&mut self) {
        self.switch.sign_off(Instant::now());
        let end = tokio::time::Instant::now() + SIGN_OFF;
        let mut batch = Vec::with_capacity(BATCH);
        self.flush();
        while !self.switch.is_signed_off() && tokio::time::Instant::now() < end {
            let due = self.switch.poll_timeout().map_or(end, |at| end.min(at.into()));
            tokio::select! {
                n = self.received.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        return;
                    }
                    self.handle_received(&mut batch);
                }
                () = tokio::time::sleep_until(due) => self.switch.handle_timeout(Instant::now()),
            }
            self.flush();
        }
    }

    async fn serve(&mut self) -> bool {
        let (lines, offices) = self.pairs.counts();
        for line in 0..lines {
            self.ready.mark(Port::Line(line));
        }
        for office in 0..offices {
            self.ready.mark(Port::Office(office));
        }
        for trunk in 0..self.trunks.len() {
            self.ready.mark(Port::Trunk(trunk));
        }
        let mut tick = interval(HALF_TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        let mut audio = false;
        loop {
            self.flush();
            while let Some(job) = self.host.poll_job() {
                self.answer(Answer::Later(job), None);
            }
            if std::mem::take(&mut self.host.relisten) {
                self.listeners.refresh_or_say().await;
            }
            if std::mem::take(&mut self.rebind) {
                self.rebind().await;
            }
            if self.host.reload {
                return true;
            }
            let active = self.media.is_active() || self.pairs.any_active(&self.switch);
            if active && !audio {
                tick.reset_immediately();
            }
            audio = active;
            let timeouts = [self.switch.poll_timeout(), self.host.poll_timeout()];
            let timeout = timeouts.into_iter().flatten().min();
            let sleep = async {
                match timeout {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ports = poll_fn(|cx| self.ready.poll(cx)) => {
                    for port in ports {
                        self.look(port);
                    }
                }
                due = tick.tick(), if audio => {
                    if due.elapsed() > MAX_LAG {
                        // The machine slept: what nobody said is not caught up with.
                        tick.reset_immediately();
                    }
                    self.turn();
                }
                _ = second.tick(), if self.media.has_spans() => {
                    for (trunk, kind, errors) in self.media.line_errors() {
                        self.switch.handle_line_errors(Instant::now(), trunk, kind, errors);
                    }
                }
                Some(committed) = self.committed.recv() => {
                    self.switch.handle_committed(Instant::now(), &committed);
                }
                n = self.received.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        tracing::error!("%SIP-2-TRANSPORT: the SIP sockets are gone");
                        return false;
                    }
                    self.handle_received(&mut batch);
                }
                () = std::future::ready(()), if self.backlog => {
                    self.backlog = self.switch.serve_sip(Instant::now(), SERVED);
                }
                Some((line, event)) = self.smdi.recv() => {
                    self.switch.handle_smdi(Instant::now(), line, event);
                }
                command = self.commands.recv() => {
                    match command {
                        None => return false,
                        Some(Command::Log { severity, text }) => {
                            self.switch.log(Instant::now(), severity, &text);
                        }
                        Some(Command::Do { action, caller, reply }) => {
                            self.switch.set_connections(crate::listen::connections(&self.net));
                            let answer = self.host.execute(Instant::now(), &mut self.switch, action, &caller);
                            self.answer(answer, Some(reply));
                        }
                        Some(Command::Continue { then, reply }) => {
                            let answer = (then.0)(&mut self.host, Instant::now(), &mut self.switch);
                            self.answer(answer, reply);
                        }
                        Some(Command::Gone(console)) => self.host.gone(console),
                        Some(Command::Stop) => return false,
                    }
                }
                Some((lookup, targets)) = self.looked_up.recv() => {
                    if lookup.transport == Transport::Tls {
                        self.domains.extend(targets.iter().map(|target| (*target, lookup.name.clone())));
                    }
                    self.switch.handle_lookup(Instant::now(), &lookup, &targets);
                },
                () = sleep => {
                    let now = Instant::now();
                    self.switch.handle_timeout(now);
                    self.host.handle_timeout(now, &mut self.switch);
                }
            }
        }
    }

    /// Gives an answer to its console, after the work it needs.
    fn answer(&self, answer: Answer, reply: Option<oneshot::Sender<Reply>>) {
        tokio::spawn(console::give(answer, reply, self.continuations.clone()));
    }

    fn handle_received(&mut self, batch: &mut Vec<NetEvent>) {
        for event in batch.drain(..) {
            let now = Instant::now();
            match event {
                NetEvent::Received { flow, data } => {
                    self.switch.offer_sip(now, flow, data);
                }
                NetEvent::Closed { flow } | NetEvent::SendFailed { flow } => {
                    self.switch.handle_sip_failure(now, &flow);
                }
                NetEvent::TlsFailed { flow, error } => {
                    self.switch.log(now, 4, &format!("%SIP-4-TLS: {}: {error}", flow.remote));
                }
                _ => {}
            }
        }
        self.prepare();
        self.backlog = self.switch.serve_sip(Instant::now(), SERVED);
    }

    /// Opens RTP ports ahead of calls.
    fn prepare(&mut self) {
        let range = self.switch.rtp_range();
        self.media.prepare(self.switch.rtp_ports(), self.place.fallback, range);
    }

    /// Does what the switch wants done.
    fn flush(&mut self) {
        self.prepare();
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(transmit) => self.send(transmit),
                Output::Frame { trunk, frame } => {
                    if let Some(device) = self.trunks.get_mut(trunk)
                        && let Err(error) = device.channel.send_frame(&frame)
                    {
                        tracing::debug!(%error, trunk, "frame not sent");
                    }
                }
                Output::Line { line, action } => self.pairs.act(line, &action),
                Output::Office { office, action } => self.pairs.act_office(office, &action),
                Output::Serial { line, octets } => self.smdi.send(line, octets),
                Output::Media(command) => self.media.handle(Instant::now(), command),
                Output::Rebind => self.rebind = true,
                Output::Lookup => {
                    self.domains.clear();
                    self.lookups.ask(self.switch.names(), self.switch.name_servers());
                }
            }
        }
        while let Some(line) = self.switch.poll_monitor() {
            // No console listens: the line is not wanted.
            let _ = self.monitor.send(line);
        }
        while let Some(output) = self.switch.poll_log() {
            self.syslog.handle(output);
        }
    }

    /// Sends a message. Where a name led to the server, its certificate has to be one for that name.
    fn send(&self, mut transmit: Transmit) {
        let flow = &transmit.flow;
        if flow.transport == Transport::Tls
            && flow.connection.is_none()
            && let Some(domain) = self.domains.get(&flow.remote)
        {
            transmit.flow = self.net.flow_to(flow.transport, flow.local, flow.remote, domain);
        }
        self.net.send(transmit);
    }

    /// Takes everything a port has to say.
    fn look(&mut self, port: Port) {
        let waker = self.ready.waker(port);
        let mut cx = Context::from_waker(&waker);
        match port {
            Port::Line(line) => {
                while let Some(event) = self.pairs.poll_line(&mut cx, line) {
                    self.switch.handle_line(Instant::now(), line, event);
                }
            }
            Port::Office(office) => {
                while let Some(event) = self.pairs.poll_office(&mut cx, office) {
                    self.switch.handle_office(Instant::now(), office, event);
                }
            }
            Port::Trunk(trunk) => {
                while let Some(device) = self.trunks.get_mut(trunk)
                    && !device.closed
                    && let Poll::Ready(event) = device.channel.poll_event(&mut cx)
                {
                    let now = Instant::now();
                    match event {
                        Ok(DChannelEvent::Up) => self.switch.handle_trunk_link(now, trunk, true),
                        Ok(DChannelEvent::Down) => self.switch.handle_trunk_link(now, trunk, false),
                        Ok(DChannelEvent::Frame(frame)) => self.switch.handle_trunk_frame(now, trunk, &frame),
                        Ok(_) => {}
                        Err(error) => {
                            device.closed = error.kind() == ErrorKind::Closed;
                            tracing::warn!(%error, trunk, "trunk");
                        }
                    }
                }
            }
        }
    }

    /// 10 ms: packets are taken and passed on; every second time samples move.
    fn turn(&mut self) {
        let now = Instant::now();
        self.media.receive(now);
        self.half = !self.half;
        if !self.half {
            self.tick(now);
        }
    }

    /// 20 ms of audio on every line in use and every connection.
    fn tick(&mut self, now: Instant) {
        self.pairs.hear(now, &mut self.switch, &mut self.media.plane);
        self.media.tick(now);
        while let Some(event) = self.media.poll_event() {
            self.switch.handle_plane(now, &event);
        }
        self.pairs.speak(&mut self.switch, &self.media.plane);
    }

    async fn rebind(&mut self) {
        // The new sockets may want the ports of the old ones, which are free once their tasks have ended.
        let nothing = Net::bind(NetConfig::default()).await;
        if let Ok((net, received)) = nothing {
            (self.net, self.received) = (net, received);
        }
        let old = std::mem::replace(&mut self.listening, self.switch.listen().clone());
        let mut opened = rebind(&self.listening, &self.place).await;
        if let Err((what, error)) = &opened {
            let text = format!("%SIP-3-LISTEN: {what}: {error}; the old address stays in use");
            self.switch.log(Instant::now(), 3, &text);
            opened = rebind(&old, &self.place).await;
        }
        match opened {
            Ok((net, received)) => {
                (self.net, self.received) = (net, received);
                tell_ports(Instant::now(), &mut self.switch, &self.net);
                let text = format!("%SIP-5-LISTEN: SIP listens on {:?}", self.net.udp_addrs());
                self.switch.log(Instant::now(), 5, &text);
            }
            Err((what, error)) => {
                let text = format!("%SIP-2-LISTEN: {what}: {error}; SIP is not spoken");
                self.switch.log(Instant::now(), 2, &text);
            }
        }
    }
}
