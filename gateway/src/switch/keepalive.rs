//! `voice-class sip options-keepalive`: servers that do not answer OPTIONS get no calls. `keepalive target` of `sip-ua`:
//! while those it names do not answer, ports with `busyout monitor keepalive` are out of service.
//!
//! Every address behind a dial peer is asked by itself. A peer none of whose addresses answers is busied out: calls hunt
//! on to the next peer at once, instead of waiting for a server that is gone.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cli::config::{Body, Config, Node};
use cli::render::OutStatus;
use dialpeer::PeerKind;
use sip::message::Header;
use sip::{ClientTransactionId, Message, Method, RequestBuilder, Transport};

use super::Switch;
use crate::service::servers::keepalive_targets;

/// What stands for a dial peer at a `keepalive target`.
const TARGET: u32 = 0;
/// Addresses watched at most.
const MAX_NODES: usize = 4096;

/// How a dial peer's servers are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Watch {
    /// Between two OPTIONS while the server answers.
    up: Duration,
    /// Between two OPTIONS while it does not.
    down: Duration,
    /// Failures in a row after which it counts as gone.
    retry: u32,
}

impl Default for Watch {
    fn default() -> Self {
        Self { up: Duration::from_secs(60), down: Duration::from_secs(30), retry: 5 }
    }
}

/// One address of one dial peer.
#[derive(Debug)]
struct Watched {
    peer: u32,
    transport: Transport,
    address: SocketAddr,
    /// Host and port as in URIs.
    host: String,
    watch: Watch,
    failures: u32,
    /// When it is asked next; none while it is being asked.
    next: Option<Instant>,
    asked: u32,
}

impl Watched {
    fn is_down(&self) -> bool {
        self.failures >= self.watch.retry
    }
}

/// All addresses that are watched.
#[derive(Debug, Default)]
pub(super) struct Keepalives {
    nodes: Vec<Watched>,
    under_way: HashMap<ClientTransactionId, (u32, Transport, SocketAddr)>,
}

impl Keepalives {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.nodes.iter().filter_map(|node| node.next).min()
    }

    /// Whether every `keepalive target` is gone.
    pub(super) fn targets_are_down(&self) -> bool {
        self.is_down(TARGET)
    }

    /// Whether every address of a peer is gone.
    pub(super) fn is_down(&self, peer: u32) -> bool {
        self.status(peer) == Some(OutStatus::Busyout)
    }

    /// Whether this address of a peer is gone.
    pub(super) fn is_gone(&self, peer: u32, address: SocketAddr) -> bool {
        self.of(peer).any(|node| node.address == address && node.is_down())
    }

    /// What `show dial-peer voice summary` says of a peer; `None` without keepalive.
    pub(super) fn status(&self, peer: u32) -> Option<OutStatus> {
        let (all, down) = (self.of(peer).count(), self.of(peer).filter(|node| node.is_down()).count());
        match (all, down) {
            (0, _) => None,
            (_, 0) => Some(OutStatus::Up),
            (all, down) if all == down => Some(OutStatus::Busyout),
            _ => Some(OutStatus::Partial),
        }
    }

    fn of(&self, peer: u32) -> impl Iterator<Item = &Watched> {
        self.nodes.iter().filter(move |node| node.peer == peer)
    }

    /// Adds an address to those to be watched; what is known of it stays known.
    #[allow(clippy::too_many_arguments)] // what a node is made of
    fn watch(
        &self,
        now: Instant,
        nodes: &mut Vec<Watched>,
        peer: u32,
        host: &str,
        transport: Transport,
        address: SocketAddr,
        watch: Watch,
    ) {
        let known = self.of(peer).find(|node| node.address == address && node.transport == transport);
        let (failures, asked) = known.map_or((0, 0), |node| (node.failures, node.asked));
        // What is being asked is not asked again; a new address is asked at once.
        let next = known.map_or(Some(now), |node| node.next);
        if nodes.len() < MAX_NODES {
            let host = host.to_owned();
            nodes.push(Watched { peer, transport, address, host, watch, failures, next, asked });
        }
    }

    fn node(&mut self, (peer, transport, address): (u32, Transport, SocketAddr)) -> Option<&mut Watched> {
        let is_it =
            |node: &&mut Watched| node.peer == peer && node.transport == transport && node.address == address;
        self.nodes.iter_mut().find(is_it)
    }
}

impl Switch {
    /// Watches what the configuration wants to be watched; what is known of an address stays known.
    pub(super) fn configure_keepalives(&mut self, now: Instant) {
        let mut nodes: Vec<Watched> = Vec::new();
        let watched = watches(&self.config);
        let watch = target_watch(&self.config);
        for target in keepalive_targets(&self.config) {
            for address in self.trust.targets(&target.place) {
                self.keepalives.watch(
                    now,
                    &mut nodes,
                    TARGET,
                    &target.host,
                    target.transport,
                    address,
                    watch,
                );
            }
        }
        for peer in self.config.dial_peers.iter().filter(|p| p.kind == PeerKind::Voip && !p.shutdown) {
            let Some(watch) = watched.get(&peer.tag).copied() else { continue };
            let Some((place, host, transport)) = self.server_of(peer, None) else { continue };
            for address in self.trust.targets(&place) {
                self.keepalives.watch(now, &mut nodes, peer.tag, &host, transport, address, watch);
            }
        }
        self.keepalives.nodes = nodes;
        self.keepalives_timeout(now);
        self.watch_busyout(now);
    }

    /// Asks whoever is due.
    pub(super) fn keepalives_timeout(&mut self, now: Instant) {
        let is_due = |node: &Watched| node.next.is_some_and(|at| at <= now);
        let mut due = Vec::new();
        for node in self.keepalives.nodes.iter_mut().filter(|node| is_due(node)) {
            node.next = None;
            node.asked += 1;
            due.push((node.peer, node.transport, node.address, node.host.clone()));
        }
        for (peer, transport, address, host) in due {
            let key = (peer, transport, address);
            let bound = self.sip.settings().peer(peer).control_address;
            match self.flow_from(bound, transport, address) {
                Some(flow) => {
                    let request = options(&host, transport, flow.local);
                    let id = self.sip.ua_mut().endpoint_mut().request(now, flow, request);
                    self.keepalives.under_way.insert(id, key);
                }
                None => self.settle_keepalive(now, key, false),
            }
        }
    }

    /// A response, if it answers an OPTIONS of ours; says whether it does.
    pub(super) fn keepalive_answered(
        &mut self,
        now: Instant,
        id: ClientTransactionId,
        message: &Message,
    ) -> bool {
        if !self.keepalives.under_way.contains_key(&id) {
            return false;
        }
        // Whoever answers lives, even one who refuses; 503 and 505 say that calls would be refused.
        if let Some(status) = message.status().filter(|status| !status.is_provisional())
            && let Some(key) = self.keepalives.under_way.remove(&id)
        {
            self.settle_keepalive(now, key, !matches!(status.as_u16(), 408 | 503 | 505));
        }
        true
    }

    /// An OPTIONS was not answered or could not be sent; says whether it was one.
    pub(super) fn keepalive_failed(&mut self, now: Instant, id: ClientTransactionId) -> bool {
        let Some(key) = self.keepalives.under_way.remove(&id) else { return false };
        self.settle_keepalive(now, key, false);
        true
    }

    fn settle_keepalive(&mut self, now: Instant, key: (u32, Transport, SocketAddr), answered: bool) {
        let Some(node) = self.keepalives.node(key) else { return };
        let before = node.is_down();
        node.failures = if answered { 0 } else { node.failures.saturating_add(1) };
        node.next = Some(now + if answered { node.watch.up } else { node.watch.down });
        if before != node.is_down() {
            let state = if answered { "active" } else { "busyout" };
            let whose = if key.0 == TARGET { "target".to_owned() } else { format!("dial-peer {}", key.0) };
            self.monitor.syslog(
                now,
                crate::service::message::Message::SipKeepalive {
                    whose: &whose,
                    server: &key.2,
                    state: &state,
                },
            );
            self.watch_busyout(now);
        }
    }

    /// `show dial-peer voip keepalive status`.
    pub(super) fn show_keepalives(&self) -> String {
        let mut out = String::from(
            " TAG        TENANT   DESTINATION                    OOD-SessID   PRI     WT      STATUS\n",
        );
        let word = |down: bool| if down { "busyout" } else { "active" };
        let (mut last, mut failed) = (None, false);
        for node in self.keepalives.nodes.iter().filter(|node| node.peer != TARGET) {
            let peer = self.config.dial_peers.iter().find(|p| p.tag == node.peer);
            let target = peer.and_then(|p| p.session_target.as_ref()).map(ToString::to_string);
            let target = target.unwrap_or_default();
            let address = format!("ipv4:{}", node.address);
            let down = node.is_down();
            if last != Some(node.peer) && !target.starts_with("ipv4:") {
                let all = match self.keepalives.status(node.peer) {
                    Some(OutStatus::Busyout) => "busyout",
                    Some(OutStatus::Partial) => "partial",
                    _ => "active",
                };
                let _ = writeln!(out, " {:<10} {:<8} {target:<47} {:<15}{all}", node.peer, "-", "");
                last = Some(node.peer);
            }
            let (tag, tenant) = match last == Some(node.peer) {
                true => (String::new(), ""),
                false => (node.peer.to_string(), "-"),
            };
            let _ = writeln!(
                out,
                " {tag:<10} {tenant:<8} {address:<30} {:<12} -       -       {}",
                node.asked,
                word(down)
            );
        }
        let watched = watches(&self.config);
        for peer in self.config.dial_peers.iter().filter(|peer| watched.contains_key(&peer.tag)) {
            if let Some(target) =
                peer.session_target.as_ref().filter(|_| self.keepalives.status(peer.tag).is_none())
            {
                failed = true;
                let name = format!("{target}*");
                let _ = writeln!(out, " {:<10} {:<8} {name:<47} {:<15}busyout", peer.tag, "-", "");
            }
        }
        if failed {
            out.push_str("Note: For destinations that are marked with (*), DNS resolution has failed.\n");
        }
        out
    }
}

fn options(host: &str, transport: Transport, local: SocketAddr) -> RequestBuilder {
    let by = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    RequestBuilder::new(Method::Options, &format!("sip:{host}{by}"))
        .header(Header::To, format!("<sip:{host}>"))
        .header(Header::Contact, format!("<sip:{local}{by}>"))
        .header(Header::Accept, "application/sdp")
}

/// The dial peers whose servers are watched, by tag.
fn watches(config: &Config) -> HashMap<u32, Watch> {
    let tree = config.tree();
    let mut found = HashMap::new();
    for node in tree.beginning("dial-peer voice ") {
        let tag = node.line.split_whitespace().nth(2).and_then(|tag| tag.parse().ok());
        let line = node.lines().find_map(|line| line.strip_prefix("voice-class sip options-keepalive"));
        if let (Some(tag), Some(rest)) = (tag, line)
            && let Some(watch) = watch(tree, rest)
        {
            found.insert(tag, watch);
        }
    }
    found
}

/// How `keepalive target` is watched: `timers keepalive` and `retry keepalive`, with IOS's defaults.
fn target_watch(config: &Config) -> Watch {
    let ua = config.tree().section("sip-ua");
    let number = |words: &str| ua.and_then(|ua| ua.value(words)?.trim().parse::<u32>().ok());
    let seconds = |words: &str, default| Duration::from_secs(number(words).map_or(default, u64::from));
    Watch {
        up: seconds("timers keepalive active ", 120),
        down: seconds("timers keepalive down ", 30),
        retry: number("retry keepalive ").unwrap_or(6),
    }
}

/// The settings on the line, or those of the profile it names; `None` for one that does not exist or is shut down.
fn watch(tree: &Body, rest: &str) -> Option<Watch> {
    if let Some(profile) = rest.trim().strip_prefix("profile ") {
        let section = tree.section(&format!("voice class sip-options-keepalive {}", profile.trim()))?;
        return (!section.has("shutdown")).then(|| settings(|word| value(section, word)));
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    Some(settings(|word| words.iter().skip_while(|known| **known != word).nth(1)?.parse().ok()))
}

fn value(section: &Node, word: &str) -> Option<u32> {
    section.value(&format!("{word} "))?.trim().parse().ok()
}

fn settings(value: impl Fn(&str) -> Option<u32>) -> Watch {
    let default = Watch::default();
    let seconds = |word: &str, default| value(word).map_or(default, |n| Duration::from_secs(u64::from(n)));
    Watch {
        up: seconds("up-interval", default.up),
        down: seconds("down-interval", default.down),
        retry: value("retry").unwrap_or(default.retry),
    }
}

#[cfg(test)]
#[path = "keepalive/tests.rs"]
mod tests;
