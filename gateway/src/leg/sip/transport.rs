//! How SIP messages travel: addresses, ports, protocols, TLS, and how long connections stay.

use std::net::IpAddr;
use std::time::Duration;

use cli::config::{Config, Node};
use dialpeer::{DialPeer, SessionTransport};
use sip::Transport;
use sip::net::NetConfig;

use super::agent::AgentSettings;
use super::policy::tenant;
use super::tls::{self, TlsSettings};

/// Code point of signalling where no dial peer says another, as IOS has it: af31.
const SIGNALING: u8 = 26;

/// Where SIP listens and how it sends, as far as the configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportSettings {
    /// Address of the interface `bind control` names, if it has one.
    pub address: Option<IpAddr>,
    /// Addresses of the interfaces that `bind control` of tenants and dial peers names beside that.
    pub others: Vec<IpAddr>,
    /// `listen-port non-secure`: UDP and TCP.
    pub port: u16,
    /// `listen-port secure`: TLS.
    pub port_secure: u16,
    /// `no transport udp` makes it false.
    pub udp: bool,
    /// `no transport tcp` makes it false.
    pub tcp: bool,
    /// Spoken once `crypto signaling default` names a trustpoint or a profile; `no transport tcp tls` forbids it.
    pub tls: Option<TlsSettings>,
    /// `crypto signaling remote-addr`: how it is spoken with the peers of a network, given by an address and the bits that count.
    pub tls_for: Vec<(IpAddr, u8, TlsSettings)>,
    /// `connection-reuse`: calls to us may come on connections we have opened (RFC 5923).
    pub alias: bool,
    /// How long TCP connections, and how long TLS connections without traffic stay.
    pub aging: (Duration, Duration),
    /// How long it may take to open one, TCP and TLS.
    pub establish: (Duration, Duration),
}

impl TransportSettings {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let sip = &config.voice_service_voip.sip;
        let ua = config.tree().section("sip-ua");
        let agent = AgentSettings::new(config);
        let refused = |line: &str| ua.is_some_and(|ua| ua.has(line));
        let no_tls = refused("no transport tcp tls");
        let address = sip.control_interface().and_then(|name| address_of(config, name));
        Self {
            address,
            others: others(config, address),
            port: sip.listen_port_non_secure.unwrap_or(5060),
            port_secure: sip.listen_port_secure.unwrap_or(5061),
            udp: !refused("no transport udp"),
            tcp: !refused("no transport tcp"),
            tls: ua.filter(|_| !no_tls).and_then(|ua| tls::of_all(config, ua)),
            tls_for: ua.filter(|_| !no_tls).map(|ua| tls::of_networks(config, ua)).unwrap_or_default(),
            alias: ua.is_some_and(|ua| ua.lines().any(|line| line.starts_with("connection-reuse"))),
            aging: (agent.aging, agent.aging_tls),
            establish: (agent.establish, agent.establish_tls),
        }
    }

    /// Our port for messages of this transport.
    #[must_use]
    pub fn port_of(&self, transport: Transport) -> u16 {
        match transport {
            Transport::Tls => self.port_secure,
            Transport::Udp | Transport::Tcp => self.port,
        }
    }

    /// What the sockets need, TLS apart.
    #[must_use]
    pub fn net(&self) -> NetConfig {
        NetConfig {
            alias: if self.alias { sip::net::Alias::Any } else { sip::net::Alias::Authenticated },
            idle: self.aging.0,
            idle_tls: self.aging.1,
            dscp: SIGNALING,
            connect: self.establish.0,
            handshake: self.establish.1,
            ..NetConfig::default()
        }
    }
}

/// The address that `bind control` of a section names: of a dial peer with `voice-class sip ` before it, or of a tenant.
pub(crate) fn control_of(config: &Config, section: &Node, before: &str) -> Option<IpAddr> {
    let name = |kind: &str| section.value(&format!("{before}bind {kind} source-interface "));
    let name = name("control").or_else(|| name("all"))?;
    address_of(config, name.split(" ipv").next().unwrap_or(name).trim())
}

/// Addresses that tenants and dial peers bind to, but for `known`; each once.
fn others(config: &Config, known: Option<IpAddr>) -> Vec<IpAddr> {
    let tree = config.tree();
    let peers = tree.beginning("dial-peer voice ").map(|node| (node, "voice-class sip "));
    let tenants = tree.beginning("voice class tenant ").map(|node| (node, ""));
    let mut found = Vec::new();
    for address in tenants.chain(peers).filter_map(|(node, before)| control_of(config, node, before)) {
        if known != Some(address) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// The address of an interface of the configuration.
#[must_use]
pub fn address_of(config: &Config, interface: &str) -> Option<IpAddr> {
    let found = config.interfaces.iter().find(|i| i.name.eq_ignore_ascii_case(interface))?;
    found.address.map(|(address, _)| address.into())
}

/// How a dial peer's calls travel.
#[must_use]
pub fn of_peer(config: &Config, peer: &DialPeer) -> Transport {
    match peer.session_transport {
        SessionTransport::Tcp => Transport::Tcp,
        SessionTransport::Tls => Transport::Tls,
        SessionTransport::Udp => Transport::Udp,
        SessionTransport::System => {
            let tree = config.tree();
            let section = tree.section(&format!("dial-peer voice {} voip", peer.tag));
            let shared = section.and_then(|node| named(tenant(tree, node)?.value("session transport ")?));
            shared.unwrap_or_else(|| of_system(config))
        }
    }
}

fn named(transport: &str) -> Option<Transport> {
    match transport {
        "tcp tls" => Some(Transport::Tls),
        tcp if tcp.starts_with("tcp") => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        _ => None,
    }
}

/// `session transport` of `voice service voip`; UDP where it says nothing.
fn of_system(config: &Config) -> Transport {
    let voip = config.tree().section("voice service voip");
    let sip = voip.and_then(|node| node.subsection("sip"));
    sip.and_then(|node| named(node.value("session transport ")?)).unwrap_or(Transport::Udp)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Those of a configuration of which every line is acted upon.
    pub(in crate::leg::sip) fn settings(text: &str) -> TransportSettings {
        let parsed = Config::parse(text);
        let odd: Vec<_> =
            parsed.messages.iter().filter(|m| m.kind != cli::config::MessageKind::Acted).collect();
        assert!(odd.is_empty(), "{odd:?}");
        TransportSettings::new(&parsed.config)
    }

    #[test]
    fn without_a_trustpoint_there_is_no_tls() {
        let plain = settings("sip-ua\n transport tcp tls v1.2\n");
        assert_eq!((plain.udp, plain.tcp, plain.tls), (true, true, None));
        let text = "interface Loopback0\n ip address 192.0.2.7 255.255.255.255\n!\n\
                    voice service voip\n sip\n  bind control source-interface Loopback0\n  listen-port secure 5071\n!\n\
                    sip-ua\n no transport udp\n connection-reuse\n timers connection aging 7\n \
                    crypto signaling default trustpoint GW cn-san-validate server\n transport tcp tls v1.2\n";
        let secure = settings(text);
        assert_eq!(secure.address, Some([192, 0, 2, 7].into()));
        assert_eq!((secure.udp, secure.tcp, secure.alias, secure.port_secure), (false, true, true, 5071));
        assert!(secure.tls.is_some_and(|tls| tls.check_names));
        assert_eq!((secure.aging.0.as_secs(), secure.aging.1.as_secs()), (420, 3600));
        let none = settings("sip-ua\n crypto signaling default trustpoint GW\n no transport tcp tls\n");
        assert_eq!(none.tls, None);
    }
}
