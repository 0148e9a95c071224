//! Registrations: every telephone's number, and those of `credentials`, at the registrars of `sip-ua`; the `credentials` of a
//! tenant at its own registrars, or at those of `sip-ua` where it has none.
//!
//! Each number is registered with each registrar by a machine of its own ([`sip::registration`]), so that losing one
//! registrar leaves the bindings at the other alone. What the configuration no longer wants is taken back.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use cli::config::Node;
use dialpeer::PeerKind;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sip::registration::{Output, Registration, RegistrationConfig, RegistrationState};
use sip::{ClientTransactionId, Message, RequestBuilder, Retransmissions, Transport};

use super::{PortIndex, Switch};
use crate::leg::sip::agent;
use crate::leg::sip::transport::control_of;
use crate::service::logins;
use crate::service::servers::{RegistrarServer, registrars, tenants};

/// Numbers registered at most.
const MAX_NUMBERS: usize = 10_000;

/// Every registration, and the requests under way.
#[derive(Debug)]
pub(super) struct Registrations {
    entries: Vec<Entry>,
    under_way: HashMap<ClientTransactionId, Pending>,
    last: u64,
    rng: StdRng,
    /// The gateway ends: nothing is registered any more.
    closed: bool,
}

/// One number at one registrar.
#[derive(Debug)]
struct Entry {
    id: u64,
    number: String,
    tenant: Option<u32>,
    server: RegistrarServer,
    /// Where it is; stays known while the registration is taken back.
    targets: Vec<SocketAddr>,
    /// All that would make it another registration.
    key: String,
    registration: Registration,
    /// No longer wanted: it goes when the registrar has been told.
    ending: bool,
}

/// A REGISTER under way.
#[derive(Debug)]
struct Pending {
    entry: u64,
    request: RequestBuilder,
    /// Addresses of the registrar that are left to be tried.
    left: Vec<SocketAddr>,
}

/// A number to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    number: String,
    peer: Option<u32>,
    tenant: Option<u32>,
}

impl Registrations {
    /// None yet.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let rng = StdRng::from_seed(seed.map(|octet| octet ^ 0x3c));
        Self { entries: Vec::new(), under_way: HashMap::new(), last: 0, rng, closed: false }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| entry.registration.poll_timeout()).min()
    }

    /// The registrar of a tenant, or of `sip-ua`, in use: the first that has any of our numbers.
    pub(super) fn active(&self, tenant: Option<u32>) -> Option<&RegistrarServer> {
        let has_us = |entry: &&Entry| {
            entry.server.tenant == tenant && entry.registration.state() == RegistrationState::Registered
        };
        let found = self.entries.iter().filter(has_us).min_by_key(|entry| entry.server.secondary);
        found.map(|entry| &entry.server)
    }
}

impl Switch {
    /// Registers what the configuration wants and takes back what it does not. What is wanted still is not touched.
    pub(super) fn configure_registrations(&mut self, now: Instant) {
        if self.registrations.closed {
            return;
        }
        let mut wanted = Vec::new();
        let numbers = self.numbers();
        let known = registrars(&self.config);
        for server in known.clone() {
            // The contact says by which of our addresses the registrar reaches us: that needs its own.
            let targets = self.trust.targets(&server.place);
            let bound = self.address_of_tenant(server.tenant);
            let first = targets.first();
            let Some(flow) = first.and_then(|first| self.flow_from(bound, server.transport, *first)) else {
                continue;
            };
            let is_here = |wanted: &&Wanted| {
                let own = known.iter().any(|server| server.tenant == wanted.tenant);
                server.tenant == if own { wanted.tenant } else { None }
            };
            for Wanted { number, peer, tenant } in numbers.iter().filter(is_here) {
                let sections = self.login_sections(*peer, *tenant);
                let config = registration(&server, number, flow.local, &sections);
                let secrets: Vec<&str> = sections.iter().flat_map(|s| logins::login_lines(s)).collect();
                let key = format!(
                    "{tenant:?} {number} {peer:?} {} {} {} {}",
                    config.registrar,
                    config.contact,
                    secrets.join("\n"),
                    server.expires
                );
                wanted.push((key, number.clone(), *tenant, server.clone(), targets.clone(), config));
            }
        }
        let registrations = &mut self.registrations;
        for entry in registrations.entries.iter_mut().filter(|entry| !entry.ending) {
            if !wanted.iter().any(|(key, ..)| *key == entry.key) {
                entry.ending = true;
                entry.registration.stop(now);
            }
        }
        for (key, number, tenant, server, targets, config) in wanted {
            let known = registrations.entries.iter_mut().find(|entry| !entry.ending && entry.key == key);
            if let Some(entry) = known {
                entry.targets = targets;
                continue;
            }
            let mut seed = [0; 32];
            registrations.rng.fill_bytes(&mut seed);
            registrations.last += 1;
            let mut registration = Registration::new(config, seed);
            registration.start(now);
            let id = registrations.last;
            let entry = Entry { id, number, tenant, server, targets, key, registration, ending: false };
            registrations.entries.push(entry);
        }
        self.drain_registrations(now);
    }

    /// Takes back every registration, because the gateway ends. [`Switch::is_signed_off`] says when all registrars have
    /// been told, or cannot be.
    pub fn sign_off(&mut self, now: Instant) {
        self.registrations.closed = true;
        for entry in self.registrations.entries.iter_mut().filter(|entry| !entry.ending) {
            entry.ending = true;
            entry.registration.stop(now);
        }
        self.drain_registrations(now);
        self.drain_sip(now);
    }

    /// Whether nothing is registered, nor on its way to be.
    #[must_use]
    pub fn is_signed_off(&self) -> bool {
        self.registrations.entries.is_empty()
    }

    /// Numbers to register: those of telephones, unless their peer says `no sip-register`, and of `credentials`.
    fn numbers(&self) -> Vec<Wanted> {
        let mut numbers: Vec<Wanted> = Vec::new();
        let mut add = |wanted: Wanted| {
            let is_same = |known: &Wanted| known.number == wanted.number && known.tenant == wanted.tenant;
            if !numbers.iter().any(is_same) && numbers.len() < MAX_NUMBERS {
                numbers.push(wanted);
            }
        };
        for peer in self.config.dial_peers.iter().filter(|p| p.kind == PeerKind::Pots) {
            let telephone = peer
                .port
                .as_ref()
                .is_some_and(|port| matches!(self.ports.get(port), Some(PortIndex::Line(_))));
            let number = peer.destination_pattern.as_ref().map(|pattern| pattern.as_str());
            let plain = |number: &&str| {
                let digits = number.strip_prefix('+').unwrap_or(number);
                !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
            };
            if let Some(number) = number.filter(plain)
                && telephone
                && peer.sip_register
                && !peer.shutdown
            {
                add(Wanted { number: number.to_owned(), peer: Some(peer.tag), tenant: None });
            }
        }
        let ua = self.config.tree().section("sip-ua").map(|section| (None, section));
        let shared = tenants(&self.config).map(|(tag, section)| (Some(tag), section));
        for (tenant, section) in ua.into_iter().chain(shared) {
            for line in section.lines().filter_map(|line| line.strip_prefix("credentials ")) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let after = |word: &str| words.iter().skip_while(|known| **known != word).nth(1);
                if let Some(number) = after("number").or_else(|| after("username")) {
                    add(Wanted { number: (*number).to_owned(), peer: None, tenant });
                }
            }
        }
        numbers
    }

    /// Where logins of a number are looked for: the telephone's dial peer, the tenant, `sip-ua`.
    fn login_sections(&self, peer: Option<u32>, tenant: Option<u32>) -> Vec<&Node> {
        let tree = self.config.tree();
        let peer = peer.and_then(|tag| tree.section(&format!("dial-peer voice {tag} pots")));
        let tenant = tenant.and_then(|tag| tree.section(&format!("voice class tenant {tag}")));
        [peer, tenant, tree.section("sip-ua")].into_iter().flatten().collect()
    }

    /// Does what is due.
    pub(super) fn registrations_timeout(&mut self, now: Instant) {
        if self.registrations.poll_timeout().is_some_and(|at| at <= now) {
            for entry in &mut self.registrations.entries {
                entry.registration.handle_timeout(now);
            }
            self.drain_registrations(now);
        }
    }

    fn drain_registrations(&mut self, now: Instant) {
        let mut wanted = Vec::new();
        for entry in &mut self.registrations.entries {
            while let Some(output) = entry.registration.poll_output() {
                match output {
                    Output::Send(request) => {
                        let left = entry.targets.clone();
                        wanted.push((entry.server.transport, Pending { entry: entry.id, request, left }));
                    }
                    Output::State(state) => {
                        tracing::debug!(
                            number = entry.number,
                            registrar = entry.server.host,
                            ?state,
                            "REGISTER"
                        );
                    }
                    Output::ServiceRoute(_) => {}
                }
            }
        }
        for (transport, pending) in wanted {
            self.register(now, transport, pending);
        }
        let gone = |entry: &Entry| entry.ending && entry.registration.state() == RegistrationState::Idle;
        self.registrations.entries.retain(|entry| !gone(entry));
    }

    /// The address that `bind control` of a tenant names.
    fn address_of_tenant(&self, tenant: Option<u32>) -> Option<IpAddr> {
        let section = self.config.tree().section(&format!("voice class tenant {}", tenant?))?;
        control_of(&self.config, section, "")
    }

    /// How often and how fast a REGISTER is sent again, where its tenant says it.
    fn retransmissions_of(&self, entry: u64) -> Option<Arc<Retransmissions>> {
        let tag = self.registrations.entries.iter().find(|known| known.id == entry)?.tenant?;
        let tenant = self.config.tree().section(&format!("voice class tenant {tag}"))?;
        agent::own_retransmissions(&self.config, tenant)
    }

    /// Sends a REGISTER to the next address of its registrar.
    fn register(&mut self, now: Instant, transport: Transport, mut pending: Pending) {
        let tenant = self.registrations.entries.iter().find(|known| known.id == pending.entry);
        let bound = self.address_of_tenant(tenant.and_then(|entry| entry.server.tenant));
        let flow = match pending.left.is_empty() {
            true => None,
            false => self.flow_from(bound, transport, pending.left.remove(0)),
        };
        match flow {
            Some(flow) => {
                let mut request = pending.request.clone();
                if let Some(policies) = self.retransmissions_of(pending.entry) {
                    request = request.retransmissions(&policies);
                }
                let id = self.sip.ua_mut().endpoint_mut().request(now, flow, request);
                self.registrations.under_way.insert(id, pending);
            }
            None => {
                let entries = &mut self.registrations.entries;
                if let Some(entry) = entries.iter_mut().find(|entry| entry.id == pending.entry) {
                    entry.registration.handle_failure(now);
                }
            }
        }
    }

    /// A response, if it answers a REGISTER of ours; says whether it does.
    pub(super) fn register_answered(
        &mut self,
        now: Instant,
        id: ClientTransactionId,
        message: &Message,
    ) -> bool {
        let Some(status) = message.status() else { return false };
        if status.is_provisional() {
            return self.registrations.under_way.contains_key(&id);
        }
        let Some(pending) = self.registrations.under_way.remove(&id) else { return false };
        // RFC 3263 4.3: the next server, as if this one had not answered.
        if status.as_u16() == 503 && !pending.left.is_empty() {
            self.register_again(now, pending);
            return true;
        }
        let entries = &mut self.registrations.entries;
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == pending.entry) {
            entry.registration.handle_response(now, message);
        }
        self.drain_registrations(now);
        true
    }

    /// A REGISTER was not answered or could not be sent; says whether it was one.
    pub(super) fn register_failed(&mut self, now: Instant, id: ClientTransactionId) -> bool {
        let Some(pending) = self.registrations.under_way.remove(&id) else { return false };
        self.register_again(now, pending);
        true
    }

    /// The next address, or failure.
    fn register_again(&mut self, now: Instant, pending: Pending) {
        let entries = &self.registrations.entries;
        if let Some(entry) = entries.iter().find(|entry| entry.id == pending.entry) {
            let transport = entry.server.transport;
            self.register(now, transport, pending);
        }
        self.drain_registrations(now);
    }

    /// `show sip-ua register status`.
    pub(super) fn show_registrations(&self, now: Instant) -> String {
        const TITLE: &str = "Line peer expires(sec) registered\n";
        let mut out = String::new();
        let mut shown = None;
        let entries = &self.registrations.entries;
        for Wanted { number, peer, tenant } in self.numbers() {
            if shown != Some(tenant) {
                if let Some(tag) = tenant {
                    let _ = writeln!(out, "Tenant: {tag}");
                }
                out.push_str(TITLE);
                shown = Some(tenant);
            }
            let is_own = |e: &&Entry| !e.ending && e.number == number && e.tenant == tenant;
            let mut own: Vec<&Entry> = entries.iter().filter(is_own).collect();
            own.sort_by_key(|entry| entry.server.secondary);
            let registered = own.iter().find(|e| e.registration.state() == RegistrationState::Registered);
            let left = registered.and_then(|e| e.registration.expires_at());
            let expires = match (left, own.first()) {
                (Some(at), _) => at.saturating_duration_since(now).as_secs(),
                (None, Some(entry)) => u64::from(entry.server.expires),
                (None, None) => 0,
            };
            let peer = peer.map_or_else(|| "-1".to_owned(), |tag| tag.to_string());
            let yes = if registered.is_some() { "yes" } else { "no" };
            let _ = writeln!(out, "{number:<4} {peer:<5} {expires:<11} {yes}");
        }
        if out.is_empty() { TITLE.to_owned() } else { out }
    }
}

fn registration(
    server: &RegistrarServer,
    number: &str,
    local: SocketAddr,
    sections: &[&Node],
) -> RegistrationConfig {
    let scheme = if server.sips { "sips" } else { "sip" };
    let port = server.port.map_or(String::new(), |port| format!(":{port}"));
    let transport = match server.transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    let user = number.replace('#', "%23");
    let levels: Vec<_> = sections.iter().map(|section| logins::of_section(section)).collect();
    RegistrationConfig {
        expires: server.expires,
        refresh_ratio: server.refresh_ratio,
        credentials: logins::provider(&levels, Some(number)),
        ..RegistrationConfig::new(
            &format!("{scheme}:{}{port}", server.host),
            &format!("<{scheme}:{user}@{}>", server.host),
            &format!("<{scheme}:{user}@{local}{transport}>"),
        )
    }
}

#[cfg(test)]
#[path = "register/tests.rs"]
mod tests;
