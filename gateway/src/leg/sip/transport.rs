//! How SIP messages travel: addresses, ports, protocols, TLS, and how long connections stay.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use cli::config::{Config, Node};
use dialpeer::{DialPeer, SessionTransport};
use sip::Transport;
use sip::net::{NetConfig, TlsVersion};

use super::agent::AgentSettings;
use super::policy::tenant;

/// Code point of signalling where no dial peer says another, as IOS has it: af31.
const SIGNALING: u8 = 26;

/// Where SIP listens and how it sends, as far as the configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportSettings {
    /// Address of the interface `bind control` names, if it has one.
    pub address: Option<IpAddr>,
    /// `listen-port non-secure`: UDP and TCP.
    pub port: u16,
    /// `listen-port secure`: TLS.
    pub port_secure: u16,
    /// `no transport udp` makes it false.
    pub udp: bool,
    /// `no transport tcp` makes it false.
    pub tcp: bool,
    /// Spoken once `crypto signaling` names a trustpoint; `no transport tcp tls` forbids it.
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

/// `crypto signaling default` and `transport tcp tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Whose certificate, key and issuers are used: the name of a directory.
    pub trustpoint: String,
    /// `cn-san-validate`: the certificate has to name the host we call.
    pub check_names: bool,
    /// Oldest and newest version spoken.
    pub versions: (TlsVersion, TlsVersion),
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
        Self {
            address: sip.control_interface().and_then(|name| address_of(config, name)),
            port: sip.listen_port_non_secure.unwrap_or(5060),
            port_secure: sip.listen_port_secure.unwrap_or(5061),
            udp: !refused("no transport udp"),
            tcp: !refused("no transport tcp"),
            tls: if no_tls { None } else { tls(ua) },
            tls_for: if no_tls { Vec::new() } else { tls_for(ua) },
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

/// The address of an interface of the configuration.
#[must_use]
pub fn address_of(config: &Config, interface: &str) -> Option<IpAddr> {
    let found = config.interfaces.iter().find(|i| i.name.eq_ignore_ascii_case(interface))?;
    found.address.map(|(address, _)| address.into())
}

fn tls(ua: Option<&Node>) -> Option<TlsSettings> {
    spoken(ua?, ua?.value("crypto signaling default trustpoint ")?)
}

fn tls_for(ua: Option<&Node>) -> Vec<(IpAddr, u8, TlsSettings)> {
    let lines = ua.into_iter().flat_map(Node::lines);
    let networks = lines.filter_map(|line| {
        let mut words = line.strip_prefix("crypto signaling remote-addr ")?.splitn(4, ' ');
        let (network, mask): (Ipv4Addr, Ipv4Addr) =
            (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let _trustpoint = words.next()?;
        // Of a mask with gaps the bits before the first count.
        let prefix = u8::try_from(u32::from(mask).leading_ones()).ok()?;
        Some((network.into(), prefix, spoken(ua?, words.next()?)?))
    });
    networks.collect()
}

/// A trustpoint and what stands behind it.
fn spoken(ua: &Node, signaling: &str) -> Option<TlsSettings> {
    let mut words = signaling.split_whitespace();
    let trustpoint = words.next()?.to_owned();
    let checks = words.collect::<Vec<_>>();
    let wanted = ua.value("transport tcp tls ").unwrap_or_default();
    let mut words = wanted.split_whitespace();
    let version = match words.next() {
        Some("v1.2") => Some(TlsVersion::V1_2),
        Some("v1.3") => Some(TlsVersion::V1_3),
        _ => None,
    };
    let least = words.next() == Some("minimum");
    let newest = version.filter(|_| !least).unwrap_or(TlsVersion::V1_3);
    Some(TlsSettings {
        trustpoint,
        check_names: matches!(checks.as_slice(), [.., "cn-san-validate", "server" | "bidirectional"]),
        versions: (version.unwrap_or(TlsVersion::V1_2), newest),
    })
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
mod tests {
    use super::*;

    fn settings(text: &str) -> TransportSettings {
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
        let tls = TlsSettings {
            trustpoint: "GW".into(),
            check_names: true,
            versions: (TlsVersion::V1_2, TlsVersion::V1_2),
        };
        assert_eq!(secure.tls, Some(tls));
        assert_eq!((secure.aging.0.as_secs(), secure.aging.1.as_secs()), (420, 3600));
        let none = settings("sip-ua\n crypto signaling default trustpoint GW\n no transport tcp tls\n");
        assert_eq!(none.tls, None);
        let least =
            settings("sip-ua\n crypto signaling default trustpoint GW\n transport tcp tls v1.2 minimum\n");
        let versions = least.tls.map(|tls| tls.versions);
        assert_eq!(versions, Some((TlsVersion::V1_2, TlsVersion::V1_3)));
    }

    #[test]
    fn networks_have_trustpoints_of_their_own() {
        let text = "sip-ua\n crypto signaling default trustpoint GW\n \
                    crypto signaling remote-addr 192.0.2.0 255.255.255.0 trustpoint NEAR cn-san-validate server\n \
                    crypto signaling remote-addr 192.0.2.7 255.255.255.255 trustpoint ONE\n";
        let found = settings(text).tls_for;
        let said: Vec<_> = found
            .iter()
            .map(|(network, bits, tls)| {
                (network.to_string(), *bits, tls.trustpoint.as_str(), tls.check_names)
            })
            .collect();
        assert_eq!(
            said,
            [("192.0.2.0".to_owned(), 24, "NEAR", true), ("192.0.2.7".to_owned(), 32, "ONE", false)]
        );
    }
}
