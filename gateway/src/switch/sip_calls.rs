//! SIP legs in the switch: where their calls go, and who may make them.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use cli::config::Config;
use dialpeer::{DialPeer, SessionTarget};
use sip::call::{CallConfig, Rel1xx};
use sip::{Flow, Transport};

use super::Switch;
use crate::leg::sip::agent::{self, AgentSettings};
use crate::leg::sip::settings::playout_delay;
use crate::leg::sip::{Destination, bracketed, transport};
use crate::leg::{LegCommand, LegEvent, LegId, LegPort, LineSignal};
use crate::media::MediaCommand;
use crate::media::plane::PlaneEvent;
use crate::media::ports::Ports;
use crate::media::rtp::{ModemWatch, RtpCommand};
use crate::service::logins;
use crate::service::message::Message;
use crate::service::names::Place;
use crate::service::servers::{destination, group_of, outbound_proxy, registrar_tenant};

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
            PlaneEvent::Key { end, digit } => self.media_event(now, *end, LegEvent::Dtmf(*digit)),
            PlaneEvent::Signal { end, abcd } => {
                self.media_event(now, *end, LegEvent::Signal(LineSignal::from_abcd(*abcd)));
            }
            PlaneEvent::Fax { .. } if !self.fax_gateway => {}
            PlaneEvent::Digit { .. }
            | PlaneEvent::Inactive { .. }
            | PlaneEvent::Fax { .. }
            | PlaneEvent::Modem { .. } => {
                self.sip.plane_event(now, event);
            }
        }
        self.drain_sip(now);
    }

    /// What a SIP leg wants of the media plane, with what the voice port at the other end says of jitter and pauses.
    pub(super) fn with_port_settings(&self, mut command: MediaCommand) -> MediaCommand {
        let MediaCommand::Rtp { stream, command: RtpCommand::Settings(settings) } = &mut command else {
            return command;
        };
        // A modem's own buffer has one length, whatever a port says for voices.
        let modem = settings.modem == ModemWatch::End;
        let leg = self.sip.leg_of(*stream);
        let other = leg.and_then(|leg| self.calls.legs.get(&self.other_leg(leg)?));
        let Some(name) = other.and_then(|other| self.port_name(other.port)) else { return command };
        let peer = leg.and_then(|leg| self.calls.legs.get(&leg)).map_or(0, |leg| leg.peer);
        if !modem
            && self.sip.settings().peer(peer).playout.is_none()
            && let Some(port) = self.config.tree().section(&format!("voice-port {name}"))
        {
            settings.playout = playout_delay(port).unwrap_or(settings.playout);
        }
        let music = self.config.voice_port(name).and_then(|port| port.line.music_threshold);
        settings.music_dbm0 = music.unwrap_or(settings.music_dbm0);
        command
    }

    /// Somebody without rights called.
    pub(super) fn call_refused(&mut self, now: Instant, from: IpAddr) {
        self.monitor.syslog(now, Message::TollFraud { from: &from });
    }

    /// Tells a SIP leg something.
    pub(super) fn command_sip(&mut self, now: Instant, leg: LegId, command: LegCommand) {
        let peer = self.calls.legs.get(&leg).map_or(0, |leg| leg.peer);
        let LegCommand::Offer(setup) = command else {
            return self.sip.command(now, leg, peer, command);
        };
        let refused = match self.destination(setup.peer, setup.server) {
            Some((to, local)) => {
                let heard_at = self.sip.settings().peer(setup.peer).media_address.unwrap_or(local);
                let admitted = self.admit_on(heard_at, 1);
                if admitted.is_ok() {
                    let caller = self.other_leg(leg);
                    self.sip.offer(now, leg, caller, &setup, &to, local);
                }
                admitted
            }
            None => Err(crate::leg::Cause::NETWORK_OUT_OF_ORDER),
        };
        if let Err(cause) = refused {
            self.calls.events.push_back((leg, LegPort::Sip, LegEvent::Released(cause)));
        }
    }

    /// Where a dial peer's calls go (to this server of its group, where it has one), and our address toward there.
    pub(super) fn destination(&self, peer: u32, server: Option<usize>) -> Option<(Destination, IpAddr)> {
        let peer = self.config.dial_peers.iter().find(|known| known.tag == peer)?;
        let (place, host, transport) = self.server_of(peer, server)?;
        let mut targets = self.trust.targets(&place);
        if !self.keepalives.is_down(peer.tag) {
            targets.retain(|address| !self.keepalives.is_gone(peer.tag, *address));
        }
        let bound = self.sip.settings().peer(peer.tag).control_address;
        let flows: Vec<Flow> =
            targets.iter().filter_map(|to| self.flow_from(bound, transport, *to)).collect();
        let own = flows.first()?.local.ip();
        Some((Destination { flows, host }, own))
    }

    /// The server a dial peer names, its host and port as in URIs, and how it is reached.
    pub(super) fn server_of(
        &self,
        peer: &DialPeer,
        server: Option<usize>,
    ) -> Option<(Place, String, Transport)> {
        if peer.session_target == Some(SessionTarget::Registrar) {
            let active = self.registrations.active(registrar_tenant(&self.config, peer))?;
            let host = active.port.map_or(active.host.clone(), |port| format!("{}:{port}", active.host));
            return Some((active.place.clone(), host, active.transport));
        }
        let transport = transport::of_peer(&self.config, peer);
        let place = match server {
            Some(server) => group_of(&self.config, peer)?.into_iter().nth(server)?,
            None => destination(&self.config, peer)?,
        };
        let host = match &place {
            // By way of an outbound proxy the host is what the dial peer says all the same.
            Place::Address(at) if at.port() == transport.default_port() => bracketed(at.ip()),
            Place::Address(at) => at.to_string(),
            Place::Name(lookup) => {
                lookup.port.map_or(lookup.name.clone(), |port| format!("{}:{port}", lookup.name))
            }
        };
        Some((outbound_proxy(&self.config, peer, transport).unwrap_or(place), host, transport))
    }

    /// The way to an address: with our own address toward it, and the port that we listen on.
    pub(super) fn flow_to(&self, transport: Transport, remote: SocketAddr) -> Option<Flow> {
        self.flow_from(None, transport, remote)
    }

    /// The same from the address that a tenant or dial peer is bound to, if it is.
    pub(super) fn flow_from(
        &self,
        bound: Option<IpAddr>,
        transport: Transport,
        remote: SocketAddr,
    ) -> Option<Flow> {
        let bound = bound.filter(|bound| bound.is_ipv4() == remote.is_ipv4());
        let local = bound.or(self.listen.address).or_else(|| (self.local_address)(remote.ip()))?;
        let port = match transport {
            Transport::Tls => self.ports_in_use.1,
            Transport::Udp | Transport::Tcp => self.ports_in_use.0,
        };
        Some(Flow { transport, local: SocketAddr::new(local, port), remote, connection: None })
    }
}

/// How INVITE sessions behave.
pub(super) fn call_config(config: &Config) -> CallConfig {
    let tree = config.tree();
    let voip = tree.section("voice service voip");
    let sip = voip.and_then(|node| node.subsection("sip"));
    let child = |words: &str| sip.and_then(|node| node.value(words));
    let rel1xx = match child("rel1xx ").and_then(|rest| rest.split_whitespace().next()) {
        Some("require") => Rel1xx::Require,
        Some("disable") => Rel1xx::Disabled,
        _ => Rel1xx::Supported,
    };
    let agent = AgentSettings::new(config);
    CallConfig {
        credentials: logins::provider(&[logins::of_system(config)], None),
        rel1xx,
        session_timer: agent::session_timer(config, None),
        expires: agent.expires,
        follow_redirects: agent.redirection,
        ..CallConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn calls_have_the_timers_and_reliability_of_the_configuration() {
        let text = "voice service voip\n sip\n  min-se 900\n  session refresh\n  rel1xx disable\n!\n\
                    sip-ua\n timers expires 60000\n";
        let config = call_config(&Config::parse(text).config);
        assert_eq!(config.rel1xx, Rel1xx::Disabled);
        assert_eq!((config.session_timer.interval, config.session_timer.min_se), (Some(900), 900));
        assert_eq!(config.expires, Duration::from_secs(60));
        let text = "voice service voip\n sip\n  min-se 90 session-expires 1200\n  session refresh\n";
        let config = call_config(&Config::parse(text).config);
        assert_eq!((config.session_timer.interval, config.session_timer.min_se), (Some(1200), 90));
        let default = call_config(&Config::default());
        assert_eq!((default.session_timer.interval, default.session_timer.min_se), (None, 1800));
    }
}
