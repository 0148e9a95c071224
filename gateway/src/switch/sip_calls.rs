//! SIP legs in the switch: where their calls go, and who may make them.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use cli::config::{Config, Node};
use cli::secret::Secret;
use dialpeer::{DialPeer, SessionTarget, SessionTransport};
use mwi::config::ServerHost;
use sip::call::{CallConfig, CredentialsProvider, Rel1xx};
use sip::digest::Credentials;
use sip::session_timer::SessionTimerConfig;
use sip::{EndpointConfig, Flow, Method, Transport};

use super::Switch;
use crate::leg::sip::{Destination, bracketed};
use crate::leg::{LegCommand, LegEvent, LegId, LegPort};
use crate::media::plane::PlaneEvent;
use crate::media::ports::Ports;
use crate::service::trust::Sender;

/// `min-se` where none is configured, as IOS has it, in seconds.
const MIN_SE: u32 = 1800;

impl Switch {
    /// Pairs of RTP ports, which the driver keeps filled.
    pub fn rtp_ports(&mut self) -> &mut Ports {
        &mut self.sip.ports
    }

    /// `rtp-port range`, both ends included.
    #[must_use]
    pub fn rtp_range(&self) -> (u16, u16) {
        self.sip.settings().rtp_ports
    }

    /// What the media plane has noticed.
    pub fn handle_plane(&mut self, now: Instant, event: &PlaneEvent) {
        match event {
            PlaneEvent::Key { end, digit } => self.handle_media_digit(now, *end, *digit),
            PlaneEvent::Digit { .. } | PlaneEvent::Inactive { .. } => self.sip.plane_event(now, event),
        }
        self.drain_sip(now);
    }

    /// Whether INVITEs of this address are taken.
    pub(super) fn may_call(trust: &crate::service::trust::Trust, address: IpAddr) -> bool {
        trust.sender(address) != Sender::Unknown
    }

    /// Somebody without rights called.
    pub(super) fn call_refused(&mut self, now: Instant, from: IpAddr) {
        let message = format!(
            "%VOICE_IEC-3-GW: Application Framework Core: Internal Error (Toll fraud call rejected): \
             IEC=1.1.228.3.31.0 on callID from {from}"
        );
        self.monitor.syslog(now, 3, &message);
    }

    /// Tells a SIP leg something.
    pub(super) fn command_sip(&mut self, now: Instant, leg: LegId, command: LegCommand) {
        let peer = self.calls.legs.get(&leg).map_or(0, |leg| leg.peer);
        let LegCommand::Offer(setup) = command else {
            return self.sip.command(now, leg, peer, command);
        };
        match self.destination(setup.peer) {
            Some((to, local)) => {
                let caller = self.other_leg(leg);
                self.sip.offer(now, leg, caller, &setup, &to, local);
            }
            None => {
                let event = LegEvent::Released(crate::leg::Cause::NETWORK_OUT_OF_ORDER);
                self.calls.events.push_back((leg, LegPort::Sip, event));
            }
        }
    }

    /// Where a dial peer's calls go, and our address toward there.
    fn destination(&self, peer: u32) -> Option<(Destination, IpAddr)> {
        let peer = self.config.dial_peers.iter().find(|known| known.tag == peer)?;
        let (name, addresses, port) = self.target(peer)?;
        let transport = match peer.session_transport {
            SessionTransport::Tcp => Transport::Tcp,
            SessionTransport::Tls => Transport::Tls,
            SessionTransport::Udp => Transport::Udp,
            SessionTransport::System => system_transport(&self.config),
        };
        let number = port.unwrap_or(transport.default_port());
        let mut own = None;
        let flows = addresses
            .into_iter()
            .filter_map(|address| {
                let local = self.listen.address.or_else(|| (self.local_address)(address))?;
                own.get_or_insert(local);
                Some(Flow {
                    transport,
                    local: SocketAddr::new(local, self.sip_port),
                    remote: SocketAddr::new(address, number),
                    connection: None,
                })
            })
            .collect();
        let host = port.map_or(name.clone(), |port| format!("{name}:{port}"));
        Some((Destination { flows, host }, own?))
    }

    /// Name, addresses and port of a `session target`.
    fn target(&self, peer: &DialPeer) -> Option<(String, Vec<IpAddr>, Option<u16>)> {
        let address = |address: IpAddr, port| (bracketed(address), vec![address], port);
        let server = |host: &ServerHost, port| match host {
            ServerHost::Ipv4(v4) => Some(address((*v4).into(), port)),
            ServerHost::Dns(name) => Some((name.clone(), self.trust.addresses_of(name), port)),
        };
        match peer.session_target.as_ref()? {
            SessionTarget::Ipv4 { addr, port } => Some(address((*addr).into(), *port)),
            SessionTarget::Ipv6 { addr, port } => Some(address((*addr).into(), *port)),
            SessionTarget::Dns { name, port } => server(&ServerHost::Dns(name.clone()), *port),
            SessionTarget::SipServer => {
                let known = self.config.sip_ua.sip_server.as_ref()?;
                server(&known.host, known.port)
            }
            _ => None,
        }
    }
}

/// The endpoint: methods and packages served.
pub(super) fn endpoint_config() -> EndpointConfig {
    EndpointConfig {
        server: Some(concat!("Tipring/", env!("CARGO_PKG_VERSION")).to_owned()),
        allow: vec![
            Method::Invite,
            Method::Options,
            Method::Bye,
            Method::Cancel,
            Method::Ack,
            Method::Prack,
            Method::Update,
            Method::Refer,
            Method::Notify,
            Method::Info,
        ],
        allow_events: vec!["message-summary".to_owned(), "telephone-event".to_owned()],
        accept: vec!["application/sdp".to_owned(), "application/simple-message-summary".to_owned()],
        ..EndpointConfig::default()
    }
}

/// How INVITE sessions behave.
pub(super) fn call_config(config: &Config) -> CallConfig {
    let tree = config.tree();
    let voip = tree.section("voice service voip");
    let sip = voip.and_then(|node| node.subsection("sip"));
    let child = |words: &str| sip.and_then(|node| node.value(words));
    let number =
        |words: &str| child(words).and_then(|rest| rest.split_whitespace().next()?.parse::<u32>().ok());
    let rel1xx = match child("rel1xx ").and_then(|rest| rest.split_whitespace().next()) {
        Some("require") => Rel1xx::Require,
        Some("disable") => Rel1xx::Disabled,
        _ => Rel1xx::Supported,
    };
    let min_se = number("min-se ").unwrap_or(MIN_SE).max(90);
    let refreshes = sip.is_some_and(|node| node.has("session refresh"));
    let ua = tree.section("sip-ua");
    let expires = ua.and_then(|node| node.value("timers expires ")).and_then(|ms| ms.trim().parse().ok());
    CallConfig {
        credentials: credentials(ua),
        rel1xx,
        session_timer: SessionTimerConfig {
            interval: refreshes.then_some(min_se),
            min_se,
            ..SessionTimerConfig::default()
        },
        expires: expires.map_or(Duration::from_secs(180), Duration::from_millis),
        ..CallConfig::default()
    }
}

/// `authentication` and `credentials` of `sip-ua`: those of the challenge's realm, else those without realm.
fn credentials(sip_ua: Option<&Node>) -> Option<CredentialsProvider> {
    let known: Vec<(Option<String>, Credentials)> =
        sip_ua.into_iter().flat_map(Node::lines).filter_map(login).collect();
    if known.is_empty() {
        return None;
    }
    Some(CredentialsProvider::new(move |realm| {
        let of = |wanted: Option<&str>| known.iter().find(|(own, _)| own.as_deref() == wanted);
        of(Some(realm)).or_else(|| of(None)).map(|(_, credentials)| credentials.clone())
    }))
}

/// Realm, user name and password of `authentication username U password [0|7] P [realm R]`, or of `credentials`.
fn login(line: &str) -> Option<(Option<String>, Credentials)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if !matches!(words.first(), Some(&("authentication" | "credentials"))) {
        return None;
    }
    let after = |word: &str| words.iter().position(|w| *w == word).map(|at| at + 1);
    let user = words.get(after("username")?)?;
    let secret = after("password")?;
    let typed = matches!(words.get(secret), Some(&("0" | "6" | "7")));
    let text = words.get(secret..secret + 1 + usize::from(typed))?.join(" ");
    let password = Secret::reversible(&text).ok()?;
    let realm = after("realm").and_then(|at| words.get(at)).map(|realm| (*realm).to_owned());
    Some((realm, Credentials::new(user, password.reveal()?.expose())))
}

/// `session transport` of `voice service voip`; UDP where it says nothing.
fn system_transport(config: &Config) -> Transport {
    let voip = config.tree().section("voice service voip");
    let sip = voip.and_then(|node| node.subsection("sip"));
    match sip.and_then(|node| node.value("session transport ")) {
        Some("tcp tls") => Transport::Tls,
        Some(tcp) if tcp.starts_with("tcp") => Transport::Tcp,
        _ => Transport::Udp,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn credentials_are_those_of_the_realm() {
        let text = "sip-ua\n authentication username gw1 password 0 one realm a.example\n \
                    credentials username gw2 password 7 094F471A1A0A realm b.example\n";
        let config = Config::parse(text).config;
        let provider = call_config(&config).credentials.unwrap();
        assert_eq!(provider.find("a.example").map(|c| c.username().to_owned()), Some("gw1".into()));
        assert_eq!(provider.find("b.example").map(|c| c.username().to_owned()), Some("gw2".into()));
        assert!(provider.find("c.example").is_none());
        let any = login("authentication username gw password secret").unwrap();
        assert_eq!((any.0, any.1.username()), (None, "gw"));
    }

    #[test]
    fn calls_have_the_timers_and_reliability_of_the_configuration() {
        let text = "voice service voip\n sip\n  min-se 900\n  session refresh\n  rel1xx disable\n!\n\
                    sip-ua\n timers expires 60000\n";
        let config = call_config(&Config::parse(text).config);
        assert_eq!(config.rel1xx, Rel1xx::Disabled);
        assert_eq!((config.session_timer.interval, config.session_timer.min_se), (Some(900), 900));
        assert_eq!(config.expires, Duration::from_secs(60));
        let default = call_config(&Config::default());
        assert_eq!((default.session_timer.interval, default.session_timer.min_se), (None, MIN_SE));
    }
}
