//! `show dial-peer voice` and `show dialplan number`.

use std::fmt::Write as _;

use cli::render::{OutStatus, dial_peer_summary};
use dialpeer::{DialPeer, ForwardDigits, PeerKind};

use super::{PortIndex, Switch};

impl Switch {
    fn peer_is_up(&self, peer: &DialPeer) -> bool {
        let reachable = |port: &str| match self.ports.get(port) {
            Some(PortIndex::Line(_) | PortIndex::Office(_)) => {
                !self.config.voice_port(port).is_some_and(|p| p.shutdown)
            }
            Some(PortIndex::Trunk(trunk)) => self.trunks.get(*trunk).is_some_and(|t| t.span.is_up()),
            Some(PortIndex::Smdi(_)) | None => false,
        };
        match peer.kind {
            PeerKind::Voip => !self.keepalives.is_down(peer.tag),
            PeerKind::Pots => {
                peer.port.as_deref().is_some_and(reachable)
                    || peer
                        .trunk_groups
                        .iter()
                        .any(|(l, _)| self.plan.members(l).iter().any(|p| reachable(p)))
            }
        }
    }

    pub(super) fn show_dial_peers(&self, tag: Option<u32>, summary: bool) -> String {
        if summary {
            return dial_peer_summary(&self.config, |peer| match (peer.kind, self.peer_is_up(peer)) {
                (PeerKind::Voip, _) => self.keepalives.status(peer.tag),
                (PeerKind::Pots, true) => Some(OutStatus::Up),
                (PeerKind::Pots, false) => Some(OutStatus::Down),
            });
        }
        let mut out = String::new();
        for peer in self.config.dial_peers.iter().filter(|p| tag.is_none_or(|t| t == p.tag)) {
            self.show_dial_peer(&mut out, peer);
        }
        out
    }

    fn show_dial_peer(&self, out: &mut String, peer: &DialPeer) {
        let number = peer.tag;
        let text = |pattern: &Option<dialpeer::Pattern>| {
            pattern.as_ref().map(|p| p.as_str().to_owned()).unwrap_or_default()
        };
        let updown = |up: bool| if up { "up" } else { "down" };
        let onoff = |on: bool| if on { "enabled" } else { "disabled" };
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let description = name(&peer.description);
        let pattern = text(&peer.destination_pattern);
        let _ = writeln!(out, "{}{number}", peer_name(peer));
        let _ = writeln!(
            out,
            "        peer type = voice, system default peer = FALSE, information type = voice,"
        );
        let _ = writeln!(out, "        description = `{description}',");
        let _ = writeln!(out, "        tag = {number}, destination-pattern = `{pattern}',");
        let _ = writeln!(
            out,
            "        answer-address = `{}', preference={},",
            text(&peer.answer_address),
            peer.preference
        );
        let _ = writeln!(
            out,
            "        group = {number}, Admin state is {}, Operation state is {},",
            updown(!peer.shutdown),
            updown(peer.is_operational())
        );
        let most = peer.max_conn.map_or_else(|| "unlimited".to_owned(), |most| most.to_string());
        let _ = writeln!(
            out,
            "        incoming called-number = `{}', connections/maximum = {}/{most},",
            text(&peer.incoming_called),
            self.calls.connections(number)
        );
        let _ = writeln!(out, "        huntstop = {},", onoff(peer.huntstop));
        let _ = writeln!(out, "        permission :{}", peer.permission);
        let _ = writeln!(
            out,
            "        incoming COR list:{}",
            peer.cor_incoming.as_deref().unwrap_or("maximum capability")
        );
        let _ = writeln!(
            out,
            "        outgoing COR list:{}",
            peer.cor_outgoing.as_deref().unwrap_or("minimum requirement")
        );
        let _ = writeln!(out, "        Translation profile (Incoming):{}", name(&peer.translation_incoming));
        let _ = writeln!(out, "        Translation profile (Outgoing):{}", name(&peer.translation_outgoing));
        match peer.kind {
            PeerKind::Pots => {
                let _ = writeln!(out, "        type = pots, prefix = `{}',", name(&peer.prefix));
                let forward = match peer.forward_digits {
                    None => "default".to_owned(),
                    Some(ForwardDigits::Right(count)) => count.to_string(),
                    Some(ForwardDigits::All) => "all".to_owned(),
                    Some(ForwardDigits::Extra | ForwardDigits::ExtraInband) => "extra".to_owned(),
                };
                let _ = writeln!(out, "        forward-digits {forward}");
                let _ = writeln!(
                    out,
                    "        outbound status = {}, port = `{}',",
                    updown(self.peer_is_up(peer)),
                    name(&peer.port)
                );
                let _ = writeln!(
                    out,
                    "        direct-inward-dial = {},",
                    onoff(peer.direct_inward_dial.unwrap_or(true))
                );
                let _ = writeln!(out, "        digit_strip = {},", onoff(peer.digit_strip));
                let register = if peer.sip_register { "TRUE" } else { "FALSE" };
                let _ = writeln!(
                    out,
                    "        register E.164 number with H323 GK and/or SIP Registrar = {register}"
                );
            }
            PeerKind::Voip => {
                let target = peer.session_target.as_ref().map(ToString::to_string).unwrap_or_default();
                let _ = writeln!(out, "        type = voip, session-target = `{target}',");
                let _ = writeln!(
                    out,
                    "        session-protocol = {}, session-transport = {},",
                    peer.session_protocol, peer.session_transport
                );
            }
        }
    }

    pub(super) fn show_dialplan(&self, number: &str) -> String {
        let expanded = self.dial_plan.expand(number);
        let mut out = format!("Macro Exp.: {expanded}\n\n");
        let ways = self.dial_plan.matches(&expanded);
        if ways.is_empty() {
            out.push_str("No match, result=-1(NO_MATCH)\n");
            return out;
        }
        for (peer, targets) in ways {
            let pattern = peer.destination_pattern.as_ref().map_or("", |p| p.as_str());
            let description = peer.description.as_deref().unwrap_or_default();
            let _ = writeln!(out, "{}{}", peer_name(peer), peer.tag);
            let _ = writeln!(
                out,
                "        peer type = voice, system default peer = FALSE, description = `{description}',"
            );
            let _ = writeln!(out, "        tag = {}, destination-pattern = `{pattern}',", peer.tag);
            let _ = writeln!(out, "        preference={},", peer.preference);
            let _ = writeln!(out, "        Matched: {expanded}   Digits: {}", expanded.len());
            for target in targets {
                let _ = writeln!(out, "        Target: {target}");
            }
        }
        out
    }
}

fn peer_name(peer: &DialPeer) -> &'static str {
    match peer.kind {
        PeerKind::Pots => "VoiceEncapPeer",
        PeerKind::Voip => "VoiceOverIpPeer",
    }
}
