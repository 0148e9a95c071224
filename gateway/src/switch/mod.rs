//! The one owner of every line, trunk, lamp and transaction.
//!
//! [`Switch`] is sans-IO: what arrives goes in through `handle_…(now, …)`, what is to be done comes out of
//! [`Switch::poll_output`], and [`Switch::poll_timeout`] says when to call [`Switch::handle_timeout`]. The only
//! things behind its back are the store's writer thread, which it gives records to, and nothing else.

mod apply;
pub mod call;
mod exec;
mod from_pbx;
mod keepalive;
mod lamp;
mod mwi_expiry;
mod mwi_guard;
mod mwi_hand;
mod mwi_kept;
mod mwi_notifier;
mod mwi_relay;
mod notify;
mod on_line;
mod on_office;
mod on_sip;
mod on_trunk;
mod pbx_way;
pub mod plan;
mod register;
pub mod ringing;
mod show_agent;
mod show_boards;
mod show_box;
mod show_call;
mod show_host;
mod show_isdn;
mod show_mwi;
mod show_plan;
mod show_port;
mod show_sip;
mod sip_calls;
mod smdi;
mod statistics;
mod subscribe;
mod test_port;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use cli::config::Config;
use dialpeer::DialPeer;
use mwi::mailbox::Mailboxes;
use prometheus::IntGauge;
use sip::Transmit;

use crate::clock::Clock;
use crate::hardware::{Hardware, HardwareError};
use crate::leg::fxo::{FxoPort, OfficeAction};
use crate::leg::fxs::{FxsPort, LineAction};
use crate::leg::pri::{PriTrunk, Service};
use crate::leg::sip::SipLegs;
use crate::leg::sip::agent::AgentSettings;
use crate::leg::sip::settings::SipSettings;
use crate::leg::sip::transport::TransportSettings;
use crate::media::MediaCommand;
use crate::service::history::{History, Totals};
use crate::service::log::LogOutput;
use crate::service::mailbox::{Delivery, Record};
use crate::service::message::LogLine;
use crate::service::metrics::Metrics;
use crate::service::monitor::Monitor;
use crate::service::names::{self, Lookup};
use crate::service::trust::Trust;
use crate::store::{Committed, Store, Ticket};
use call::Calls;
use call::plan::DialPlan;
use keepalive::Keepalives;
use mwi_expiry::Expiry;
use mwi_guard::Guard;
use mwi_hand::ByHand;
use mwi_notifier::Watchers;
use notify::Waiting;
use plan::Plan;
use register::Registrations;
pub use show_agent::Connections;
use sip::admission::{Admission, AdmissionConfig};
use smdi::SmdiLine;
use subscribe::Subscriptions;

/// What the switch wants done.
#[derive(Debug)]
pub enum Output {
    /// Send a SIP message.
    Sip(Transmit),
    /// Send a frame on a trunk's D channel.
    Frame {
        /// Index of the trunk.
        trunk: usize,
        /// The frame, without flags and FCS.
        frame: Bytes,
    },
    /// Do something to a line.
    Line {
        /// Index of the line.
        line: usize,
        /// What.
        action: LineAction,
    },
    /// Write octets to an SMDI line.
    Serial {
        /// Index of the SMDI line.
        line: usize,
        /// What.
        octets: Bytes,
    },
    /// Do something to an exchange line.
    Office {
        /// Index of the exchange line.
        office: usize,
        /// What.
        action: OfficeAction,
    },
    /// Connect audio, or end a connection.
    Media(MediaCommand),
    /// The port or address SIP listens on changed.
    Rebind,
    /// Names of trusted servers changed: look [`Switch::names`] up.
    Lookup,
}

/// Where a voice port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortIndex {
    Line(usize),
    Office(usize),
    Trunk(usize),
    Smdi(usize),
}

/// Calls, lines and lamps of the gateway.
pub struct Switch {
    clock: Clock,
    config: Config,
    settings: Settings,
    plan: Plan,
    dial_plan: DialPlan,
    /// `dial-peer terminator`.
    terminator: Option<char>,
    calls: Calls,
    trust: Trust,
    sip: SipLegs,
    lines: Vec<FxsPort>,
    offices: Vec<FxoPort>,
    ringing: ringing::Ringing,
    trunks: Vec<PriTrunk>,
    smdi: Vec<SmdiLine>,
    ports: HashMap<String, PortIndex>,
    mailboxes: Mailboxes,
    deliveries: HashMap<String, Delivery>,
    /// Numbers with new messages, per line.
    line_mailboxes: Vec<BTreeSet<String>>,
    users: pbx_way::Users,
    lamps_on: i64,
    store: Store,
    waiting: HashMap<u64, Waiting>,
    tickets: HashMap<Ticket, u64>,
    /// Indications of a PBX that are answered when their state is on disk.
    indications: HashMap<Ticket, (usize, qsig::IndicationId)>,
    next_waiting: u64,
    /// What became of mailboxes lately.
    history: History,
    totals: Totals,
    by_hand: ByHand,
    expiry: Expiry,
    watchers: Watchers,
    relays: mwi_relay::Relays,
    guard: Guard,
    monitor: Monitor,
    /// What `show interfaces` no longer counts.
    cleared: show_host::Cleared,
    metrics: Metrics,
    subscriptions: Subscriptions,
    /// Our own address toward a peer, as the routing table has it.
    local_address: fn(IpAddr) -> Option<IpAddr>,
    /// Ports SIP really listens on: without and with TLS.
    ports_in_use: (u16, u16),
    /// There are modems for T.38 at telephones and trunks.
    fax_gateway: bool,
    /// Who is let in, ahead of everything that understands SIP.
    gate: Admission,
    registrations: Registrations,
    keepalives: Keepalives,
    /// What the sockets said last about connections.
    connections: Connections,
    /// Queue depth and link state of each trunk.
    trunk_gauges: Vec<(IntGauge, IntGauge)>,
    /// Numbers looked up since the dial plan last changed; the lock is held for one look only.
    routes: Mutex<HashMap<String, Arc<[Route]>>>,
    outputs: VecDeque<Output>,
    listen: TransportSettings,
}

/// Numbers whose targets are remembered.
const ROUTES: usize = 100_000;

/// A target that exists on this box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    /// Dial peer that said so.
    peer: u32,
    port: PortIndex,
}

/// Choices of the whole box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Where a NOTIFY's number is looked for, in this order.
    pub number_order: [mwi::route::NumberSource; 3],
    /// A state that had to be queued is answered 503 with Retry-After instead of 200.
    pub refuse_queued: bool,
    /// `voice local-bypass`: audio between ports of this box goes around gain, attenuation and echo cancellation.
    pub local_bypass: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { number_order: mwi::route::DEFAULT_ORDER, refuse_queued: false, local_bypass: true }
    }
}

/// What a switch is made from.
#[derive(Debug)]
pub struct Parts {
    /// Time.
    pub clock: Clock,
    /// Ports.
    pub hardware: Hardware,
    /// Startup configuration.
    pub config: Config,
    /// The open store.
    pub store: Store,
    /// What the store held.
    pub records: Vec<(String, Record)>,
    /// Counters.
    pub metrics: Metrics,
    /// Seed of tags, branches and back-off.
    pub seed: [u8; 32],
    /// Our own address toward a peer, as the routing table has it.
    pub local_address: fn(IpAddr) -> Option<IpAddr>,
}

impl Switch {
    /// A switch with its ports idle and every lamp as the store remembers it.
    ///
    /// # Errors
    /// [`HardwareError`] for a controller name of another form.
    pub fn new(now: Instant, parts: Parts) -> Result<Self, HardwareError> {
        let Parts { clock, hardware, config, mut store, records, metrics, seed, local_address } = parts;
        let mut ports = HashMap::new();
        let mut lines = Vec::new();
        for fxs in &hardware.fxs {
            ports.insert(fxs.port.clone(), PortIndex::Line(lines.len()));
            lines.push(FxsPort::new(now, &fxs.port, config.voice_port(&fxs.port)));
        }
        let mut offices = Vec::new();
        for fxo in &hardware.fxo {
            ports.insert(fxo.port.clone(), PortIndex::Office(offices.len()));
            offices.push(FxoPort::new(now, &fxo.port, config.voice_port(&fxo.port)));
        }
        let mut trunks = Vec::new();
        for (at, pri) in hardware.pri.iter().enumerate() {
            let (kind, slot) = pri.split()?;
            let port = pri.voice_port()?;
            ports.insert(port.clone(), PortIndex::Trunk(at));
            trunks.push(PriTrunk::new(at, &port, kind, slot, u64::from_le_bytes(first8(&seed)) ^ at as u64));
        }
        let seed_of = |at: usize| u64::from_le_bytes(first8(&seed)).rotate_left(32) ^ at as u64;
        let smdi =
            hardware.smdi.iter().enumerate().map(|(at, line)| SmdiLine::new(line.clone(), seed_of(at)));
        let smdi = smdi.collect();
        let listen = TransportSettings::new(&config);
        let gauges = |port: &str| {
            (metrics.queue_depth.with_label_values(&[port]), metrics.trunk_up.with_label_values(&[port]))
        };
        let trunk_gauges = trunks.iter().map(|t| gauges(&t.port)).collect();
        let mut switch = Self {
            clock,
            settings: settings(&config),
            plan: Plan::new(&config),
            dial_plan: DialPlan::new(&config),
            terminator: call::terminator(&config),
            calls: Calls::new(seed, store.take_forwards()),
            trust: Trust::new(&config, &Trust::default()),
            ringing: ringing::Ringing::new(lines.len()),
            sip: SipLegs::new(
                AgentSettings::new(&config).endpoint(),
                sip_calls::call_config(&config),
                SipSettings::new(&config),
                config.cause_map.clone(),
                local_address,
                seed,
            ),
            lines,
            offices,
            trunks,
            smdi,
            ports,
            mailboxes: Mailboxes::default(),
            deliveries: HashMap::new(),
            line_mailboxes: Vec::new(),
            users: HashMap::new(),
            lamps_on: 0,
            store,
            waiting: HashMap::new(),
            tickets: HashMap::new(),
            indications: HashMap::new(),
            next_waiting: 0,
            history: History::default(),
            totals: Totals::default(),
            by_hand: ByHand::default(),
            expiry: Expiry::default(),
            watchers: Watchers::new(&config, seed),
            relays: mwi_relay::Relays::default(),
            guard: Guard::new(now, &config, seed),
            monitor: Monitor::new(clock),
            cleared: Default::default(),
            metrics,
            subscriptions: Subscriptions::new(u64::from_le_bytes(first8(&seed))),
            local_address,
            ports_in_use: (listen.port, listen.port_secure),
            fax_gateway: false,
            gate: Admission::new(gate_config(), seed.map(|octet| octet ^ 0x69)),
            registrations: Registrations::new(seed),
            keepalives: Keepalives::default(),
            connections: Connections::default(),
            trunk_gauges,
            routes: Mutex::default(),
            outputs: VecDeque::from([Output::Lookup]),
            listen,
            config,
        };
        switch.monitor.configure(now, &switch.config);
        for (number, record) in records {
            if switch.mailboxes.restore(record.mailbox) {
                switch.deliveries.insert(number, record.delivery);
            }
        }
        switch.configure_trunks(now);
        switch.configure_admission(now);
        switch.restore_deliveries(now);
        switch.refresh_lamps(now);
        switch.configure_expiry(now);
        switch.restore_watchers(now);
        switch.restore_relays();
        switch.configure_subscriptions(now);
        switch.configure_registrations(now);
        switch.configure_keepalives(now);
        switch.drain_sip(now);
        for trunk in 0..switch.trunks.len() {
            switch.drain_trunk(now, trunk);
        }
        switch.configure_offices(now);
        switch.watch_busyout(now);
        for line in 0..switch.lines.len() {
            switch.drain_line(now, line);
        }
        Ok(switch)
    }

    /// The running configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The clock of what is shown.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How log lines look, and in which time zone.
    #[must_use]
    pub fn style(&self) -> &cli::config::LogStyle {
        self.monitor.style()
    }

    /// Where SIP should listen.
    #[must_use]
    pub fn listen(&self) -> &TransportSettings {
        &self.listen
    }

    /// DNS servers to ask, in order; empty for those of the host.
    #[must_use]
    pub fn name_servers(&self) -> Vec<SocketAddr> {
        names::name_servers(&self.config)
    }

    /// Names whose addresses the driver looks up, now and then again.
    pub fn names(&self) -> Vec<Lookup> {
        self.trust.names()
    }

    /// The answer of a look-up; empty when it failed.
    pub fn handle_lookup(&mut self, now: Instant, lookup: &Lookup, targets: &[SocketAddr]) {
        self.trust.resolved(lookup, targets);
        self.resolve_subscriptions(now);
        self.drain_subscriptions(now);
        self.configure_registrations(now);
        self.configure_keepalives(now);
        self.drain_sip(now);
    }

    /// The ports SIP really listens on, without and with TLS, where the system chose them.
    pub fn set_sip_ports(&mut self, now: Instant, port: u16, secure: u16) {
        if self.ports_in_use != (port, secure) {
            self.ports_in_use = (port, secure);
            // Contacts name the port.
            self.configure_registrations(now);
            self.configure_keepalives(now);
            self.drain_sip(now);
        }
    }

    /// Whether the media plane has modems ([`media::t38::is_available`]): without them T.38 is refused at telephones and trunks.
    pub fn set_fax_gateway(&mut self, present: bool) {
        self.fax_gateway = present;
    }

    /// A line for the log from outside the switch: terminals, files.
    pub fn log(&mut self, now: Instant, message: impl Into<LogLine>) {
        self.monitor.syslog(now, message);
    }

    /// A group of records is on disk, or could not be written.
    pub fn handle_committed(&mut self, now: Instant, committed: &Committed) {
        for ticket in &committed.tickets {
            if let Some(id) = self.tickets.remove(ticket) {
                self.stored(now, id, committed.error.is_none());
            }
            self.indication_stored(now, *ticket, committed.error.is_none());
        }
        self.drain_sip(now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.sip.ua_mut().handle_timeout(now);
        self.subscriptions_timeout(now);
        self.registrations_timeout(now);
        self.sip.handle_pings(now);
        self.keepalives_timeout(now);
        self.watchers_timeout(now);
        self.expiry_timeout(now);
        self.smdi_timeout(now);
        self.drain_sip(now);
        for trunk in 0..self.trunks.len() {
            let due = self.trunks.get(trunk).and_then(PriTrunk::poll_timeout).is_some_and(|at| at <= now);
            if due {
                if let Some(pri) = self.trunks.get_mut(trunk) {
                    pri.handle_timeout(now);
                }
                self.drain_trunk(now, trunk);
            }
        }
        self.calls_timeout(now);
        self.offices_timeout(now);
        for line in 0..self.lines.len() {
            let due = self.lines.get(line).and_then(FxsPort::poll_timeout).is_some_and(|at| at <= now);
            if due {
                if let Some(port) = self.lines.get_mut(line) {
                    port.handle_timeout(now);
                }
                self.drain_line(now, line);
            }
        }
    }

    /// When to call [`Switch::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let trunks = self.trunks.iter().filter_map(PriTrunk::poll_timeout);
        let lines = self.lines.iter().filter_map(FxsPort::poll_timeout);
        let offices = self.offices.iter().filter_map(FxoPort::poll_timeout);
        let others = [
            self.sip.ua().poll_timeout(),
            self.subscriptions.poll_timeout(),
            self.watchers.poll_timeout(),
            self.expiry.poll_timeout(),
            self.smdi_poll_timeout(),
            self.registrations.poll_timeout(),
            self.keepalives.poll_timeout(),
            self.sip.poll_ping(),
            self.calls.poll_timeout(),
        ];
        trunks.chain(lines).chain(offices).chain(others.into_iter().flatten()).min()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// `clear logging`.
    pub fn clear_logging(&mut self) {
        self.monitor.clear_log();
    }

    /// The next line for consoles that watch.
    pub fn poll_monitor(&mut self) -> Option<String> {
        self.monitor.poll_line()
    }

    /// The next thing to do for a syslog host.
    pub fn poll_log(&mut self) -> Option<LogOutput> {
        self.monitor.poll_log()
    }

    /// Targets of a number that exist on this box.
    fn routes(&self, number: &str) -> Arc<[Route]> {
        let mut known = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(routes) = known.get(number) {
            return Arc::clone(routes);
        }
        let targets = self.plan.targets(number).into_iter();
        let on_this_box = |t: plan::Target| Some(Route { peer: t.peer, port: *self.ports.get(&t.port)? });
        let serial = |(at, _)| Route { peer: 0, port: PortIndex::Smdi(at) };
        let smdi = self.smdi.iter().enumerate().filter(|(_, line)| line.takes(number)).map(serial);
        let routes: Arc<[Route]> = targets.filter_map(on_this_box).chain(smdi).collect();
        if known.len() >= ROUTES {
            known.clear();
        }
        known.insert(number.to_owned(), Arc::clone(&routes));
        routes
    }

    /// Sets every line's indication from the mailboxes, and the gauges with it.
    fn refresh_lamps(&mut self, now: Instant) {
        let mut waiting = vec![BTreeSet::new(); self.lines.len()];
        let mut on = 0_i64;
        for record in self.mailboxes.iter().filter(|r| r.state.summary.waiting) {
            on += 1;
            for route in self.routes(&record.number).iter() {
                if let PortIndex::Line(line) = route.port
                    && let Some(numbers) = waiting.get_mut(line)
                {
                    numbers.insert(record.number.clone());
                }
            }
        }
        for (line, numbers) in waiting.iter().enumerate() {
            if self.lines.get(line).is_some_and(|port| port.message_waiting() == numbers.is_empty()) {
                self.set_line_waiting(now, line, !numbers.is_empty());
            }
        }
        self.line_mailboxes = waiting;
        self.lamps_on = on;
        self.count_mailboxes(false, false);
        self.count_ages(now);
    }
}

/// What one source may send. A trunk of Unified CM is one source with all its calls: 5,000 messages a second are some
/// 800 calls a second, more than a gateway has channels for.
fn gate_config() -> AdmissionConfig {
    AdmissionConfig {
        rate: 5000,
        burst: 10_000,
        server: AgentSettings::new(&Config::default()).endpoint().server,
        ..AdmissionConfig::default()
    }
}

fn first8(seed: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(seed) {
        *to = *from;
    }
    first
}

fn settings(config: &Config) -> Settings {
    let first = config.sip_ua.mwi_number_source;
    let mut number_order = mwi::route::DEFAULT_ORDER;
    // A stable sort: the chosen place first, the others as they were.
    number_order.sort_by_key(|source| *source != first);
    let local_bypass = !config.tree().nodes().iter().any(|node| node.line == "no voice local-bypass");
    Settings { number_order, refuse_queued: config.sip_ua.mwi_refuse_queued, local_bypass }
}

/// The number a peer is for, if its pattern is one plain number.
fn plain_number(peer: &DialPeer) -> Option<&str> {
    let pattern = peer.destination_pattern.as_ref()?.as_str();
    let plain = !pattern.is_empty() && pattern.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#');
    plain.then_some(pattern)
}

/// Whether a trunk can take an operation now.
fn usable(trunk: &PriTrunk) -> bool {
    trunk.service == Service::In && trunk.mwi && trunk.can_tell() && trunk.span.is_up()
}

#[cfg(test)]
mod on_sip_tests;
#[cfg(test)]
mod sip_bench;
#[cfg(test)]
mod sip_features;
#[cfg(test)]
mod tests;
