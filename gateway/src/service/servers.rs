//! The SIP servers of a configuration: where a dial peer leads, and the registrars.

use std::time::Duration;

use cli::config::{Config, Node};
use dialpeer::{DialPeer, PeerKind, SessionTarget};
use mwi::config::{MwiServer, ServerHost};
use sip::Transport;

use super::names::{Lookup, Place};
use crate::leg::sip::agent::AgentSettings;
use crate::leg::sip::policy::tenant;
use crate::leg::sip::transport;

/// Servers of one group at most (IOS: 5; a few more do no harm).
const MAX_GROUP: usize = 16;
/// What the section of a tenant begins with.
const TENANT: &str = "voice class tenant ";

/// Where a `session target` leads; `None` for one that names no server, or a `registrar`.
#[must_use]
pub fn destination(config: &Config, peer: &DialPeer) -> Option<Place> {
    let by = transport::of_peer(config, peer);
    Some(match peer.session_target.as_ref()? {
        SessionTarget::Ipv4 { addr, port } => Place::at((*addr).into(), *port, by),
        SessionTarget::Ipv6 { addr, port } => Place::at((*addr).into(), *port, by),
        SessionTarget::Dns { name, port } => Place::Name(Lookup::new(config, name, *port, by)),
        SessionTarget::SipServer => {
            let tree = config.tree();
            let section = tree.section(&format!("dial-peer voice {} voip", peer.tag));
            let own = section.and_then(|node| tenant(tree, node)?.value("sip-server "));
            if let Some(own) = own {
                return place(config, own, by);
            }
            let known = config.sip_ua.sip_server.as_ref()?;
            Place::of(config, &known.host, known.port, by)
        }
        _ => return None,
    })
}

/// The servers of a dial peer's `session server-group`, the first to be tried first; `None` for one without.
#[must_use]
pub fn group_of(config: &Config, peer: &DialPeer) -> Option<Vec<Place>> {
    let class = config.tree().section(&format!("voice class server-group {}", peer.server_group?));
    let Some(class) = class.filter(|class| !class.has("shutdown")) else { return Some(Vec::new()) };
    let by = transport::of_peer(config, peer);
    let mut servers: Vec<(u8, Place)> = class
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let after = |word: &str| words.iter().skip_while(|known| **known != word).nth(1);
            let port = after("port").and_then(|port| port.parse().ok());
            let (kind, server) = (words.first()?, words.get(1)?);
            let place = match *kind {
                "ipv4" | "ipv6" => Place::at(server.parse().ok()?, port, by),
                "dns" => Place::Name(Lookup::new(config, server, port, by)),
                _ => return None,
            };
            Some((after("preference").and_then(|p| p.parse().ok()).unwrap_or(0), place))
        })
        .take(MAX_GROUP)
        .collect();
    servers.sort_by_key(|(preference, _)| *preference);
    Some(servers.into_iter().map(|(_, place)| place).collect())
}

/// Whether a server group takes its servers in turn.
#[must_use]
pub fn is_round_robin(config: &Config, group: u32) -> bool {
    let class = config.tree().section(&format!("voice class server-group {group}"));
    class.is_some_and(|class| class.has("hunt-scheme round-robin"))
}

/// `huntstop … resp-code` of a server group: the first and the last status of each.
#[must_use]
pub fn hunt_stops(config: &Config, group: u32) -> Vec<(u16, u16)> {
    let class = config.tree().section(&format!("voice class server-group {group}"));
    let stop = |line: &str| -> Option<(u16, u16)> {
        let (_, codes) = line.strip_prefix("huntstop ")?.split_once(" resp-code ")?;
        let (first, last) = codes.split_once(" to ").unwrap_or((codes, codes));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    class.into_iter().flat_map(Node::lines).filter_map(stop).collect()
}

/// Every server a dial peer may lead to.
#[must_use]
pub fn destinations(config: &Config, peer: &DialPeer) -> Vec<Place> {
    let leads = peer.session_target.is_some() || peer.server_group.is_some();
    if let Some(proxy) = outbound_proxy(config, peer, transport::of_peer(config, peer)).filter(|_| leads) {
        return vec![proxy];
    }
    group_of(config, peer).unwrap_or_else(|| destination(config, peer).into_iter().collect())
}

/// Where everything a dial peer sends goes first (`outbound-proxy`): as it says itself, its tenant, or `sip` of `voice service
/// voip`. `None` without one.
#[must_use]
pub fn outbound_proxy(config: &Config, peer: &DialPeer, by: Transport) -> Option<Place> {
    let tree = config.tree();
    let section = tree.section(&format!("dial-peer voice {} voip", peer.tag));
    let own = section.and_then(|node| node.value("voice-class sip outbound-proxy "));
    let own = own.filter(|proxy| *proxy != "system");
    let own = own.or_else(|| tenant(tree, section?)?.value("outbound-proxy "));
    proxy_at(config, own, by)
}

/// That of a text, or else of the service.
fn proxy_at(config: &Config, own: Option<&str>, by: Transport) -> Option<Place> {
    let voip = config.tree().section("voice service voip");
    let system = || voip?.subsection("sip")?.value("outbound-proxy ");
    place(config, own.or_else(system)?, by)
}

/// The tenant whose registrars a dial peer's `session target registrar` means; `None` for those of `sip-ua`.
#[must_use]
pub fn registrar_tenant(config: &Config, peer: &DialPeer) -> Option<u32> {
    let tree = config.tree();
    let tenant = tenant(tree, tree.section(&format!("dial-peer voice {} voip", peer.tag))?)?;
    tenant.value("registrar ")?;
    tenant_tag(tenant)
}

fn tenant_tag(section: &Node) -> Option<u32> {
    section.line.strip_prefix(TENANT)?.trim().parse().ok()
}

/// The tenants with their tags, in the order of the configuration.
pub fn tenants(config: &Config) -> impl Iterator<Item = (u32, &Node)> {
    config.tree().beginning(TENANT).filter_map(|section| Some((tenant_tag(section)?, section)))
}

/// The voice mail servers of a configuration, each once: that of `sip-ua` first, then those of dial peers and their
/// tenants.
#[must_use]
pub fn mwi_servers(config: &Config) -> Vec<MwiServer> {
    let mut servers: Vec<MwiServer> = config.sip_ua.mwi_server.iter().cloned().collect();
    for peer in config.dial_peers.iter().filter(|p| p.kind == PeerKind::Pots && !p.shutdown) {
        if let Some(server) = own_mwi_server(config, peer).filter(|server| !servers.contains(server)) {
            servers.push(server);
        }
    }
    servers
}

/// The voice mail server of a POTS dial peer's number: its own or its tenant's, else that of `sip-ua`.
#[must_use]
pub fn mwi_server_of(config: &Config, peer: &DialPeer) -> Option<MwiServer> {
    own_mwi_server(config, peer).or_else(|| config.sip_ua.mwi_server.clone())
}

fn own_mwi_server(config: &Config, peer: &DialPeer) -> Option<MwiServer> {
    let tree = config.tree();
    let section = tree.section(&format!("dial-peer voice {} pots", peer.tag))?;
    let own = section.value("mwi-server ");
    own.or_else(|| tenant(tree, section)?.value("mwi-server "))?.parse().ok()
}

/// A `registrar` of `sip-ua`, or of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrarServer {
    /// The tenant it is of.
    pub tenant: Option<u32>,
    /// Where it is.
    pub place: Place,
    /// Its name or address as in URIs.
    pub host: String,
    /// A port that was typed.
    pub port: Option<u16>,
    /// How it is reached.
    pub transport: Transport,
    /// Wanted duration, seconds.
    pub expires: u32,
    /// When to refresh, percent of it.
    pub refresh_ratio: u8,
    /// `scheme sips`.
    pub sips: bool,
    /// A secondary one, which counts when the primary does not have us.
    pub secondary: bool,
}

/// The registrars of `sip-ua`, and then those of each tenant; of each the primary first.
#[must_use]
pub fn registrars(config: &Config) -> Vec<RegistrarServer> {
    let ua = config.tree().section("sip-ua").map(|section| (None, section));
    let sections = ua.into_iter().chain(tenants(config).map(|(tag, section)| (Some(tag), section)));
    let mut found = Vec::new();
    for (tag, section) in sections {
        let shared = tag.and(Some(section));
        let cache = AgentSettings::read(config, shared).registrar_cache;
        let proxy = shared.and_then(|tenant| tenant.value("outbound-proxy "));
        let lines = section.lines().filter_map(|line| line.strip_prefix("registrar "));
        let mut own: Vec<RegistrarServer> = lines
            .filter_map(|line| {
                let server = registrar(config, line, cache)?;
                let place = proxy_at(config, proxy, server.transport).unwrap_or(server.place);
                Some(RegistrarServer { tenant: tag, place, ..server })
            })
            .collect();
        own.sort_by_key(|server| server.secondary);
        found.extend(own);
    }
    found
}

/// A `keepalive target` of `sip-ua`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepaliveTarget {
    /// Where it is.
    pub place: Place,
    /// Its name or address and port as in URIs.
    pub host: String,
    /// How it is reached.
    pub transport: Transport,
}

/// The targets of `keepalive target`, the primary first.
#[must_use]
pub fn keepalive_targets(config: &Config) -> Vec<KeepaliveTarget> {
    let Some(ua) = config.tree().section("sip-ua") else { return Vec::new() };
    let lines = ua.lines().filter_map(|line| line.strip_prefix("keepalive target "));
    let mut found: Vec<(bool, KeepaliveTarget)> = lines
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let Server { place, host, port, transport } = server(config, &words)?;
            let host = port.map_or(host.clone(), |port| format!("{host}:{port}"));
            Some((words.contains(&"secondary"), KeepaliveTarget { place, host, transport }))
        })
        .collect();
    found.sort_by_key(|(secondary, _)| *secondary);
    found.into_iter().map(|(_, target)| target).collect()
}

struct Server {
    place: Place,
    host: String,
    port: Option<u16>,
    transport: Transport,
}

/// `ipv4:A.B.C.D[:PORT]` or `dns:NAME[:PORT]`, perhaps with words behind it.
fn place(config: &Config, text: &str, by: Transport) -> Option<Place> {
    let (kind, rest) = text.split_whitespace().next()?.split_once(':')?;
    let (name, port) = match rest.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (rest, None),
    };
    let host: ServerHost = format!("{kind}:{name}").parse().ok()?;
    Some(Place::of(config, &host, port, by))
}

/// `ipv4:A.B.C.D[:PORT]` or `dns:NAME[:PORT]`, with `tcp` and `tls` somewhere behind it.
fn server(config: &Config, words: &[&str]) -> Option<Server> {
    let place = words.iter().find(|word| word.starts_with("ipv4:") || word.starts_with("dns:"))?;
    let (kind, rest) = place.split_once(':')?;
    let (name, port) = match rest.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (rest, None),
    };
    let host: ServerHost = format!("{kind}:{name}").parse().ok()?;
    let transport = match (words.contains(&"tcp"), words.contains(&"tls")) {
        (true, true) => Transport::Tls,
        (true, false) => Transport::Tcp,
        _ => Transport::Udp,
    };
    let place = Place::of(config, &host, port, transport);
    let host = match &place {
        Place::Name(lookup) => lookup.name.clone(),
        Place::Address(_) => name.to_owned(),
    };
    Some(Server { place, host, port, transport })
}

fn registrar(config: &Config, line: &str, cache: Option<Duration>) -> Option<RegistrarServer> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |word: &str| words.iter().skip_while(|known| **known != word).nth(1).copied();
    let Server { place, host, port, transport } = server(config, &words)?;
    let place = match place {
        Place::Name(lookup) => {
            let every = cache.unwrap_or(lookup.every);
            Place::Name(lookup.every(every))
        }
        address => address,
    };
    Some(RegistrarServer {
        tenant: None,
        place,
        host,
        port,
        transport,
        expires: after("expires").and_then(|n| n.parse().ok()).unwrap_or(3600),
        refresh_ratio: after("refresh-ratio").and_then(|n| n.parse().ok()).unwrap_or(80),
        sips: after("scheme") == Some("sips"),
        secondary: words.contains(&"secondary"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_registrar_comes_first_and_a_new_one_takes_the_place_of_the_old() {
        let text = "sip-ua\n registrar ipv4:192.0.2.9:5070 expires 60 secondary\n registrar dns:old.example\n \
                    registrar dns:reg.example expires 300 refresh-ratio 50 scheme sips tcp tls\n";
        let found = registrars(&Config::parse(text).config);
        let said: Vec<_> =
            found.iter().map(|s| (s.host.as_str(), s.port, s.transport, s.expires, s.sips)).collect();
        assert_eq!(
            said,
            [
                ("reg.example", None, Transport::Tls, 300, true),
                ("192.0.2.9", Some(5070), Transport::Udp, 60, false)
            ]
        );
        assert_eq!(found.iter().map(|s| s.refresh_ratio).collect::<Vec<_>>(), [50, 80]);
    }
}
