//! The beginning of a call: on which peer it comes in, and when its number is complete.

use std::time::{Duration, Instant};

use dialpeer::{InboundLeg, PeerKind, Progress};
use media::locale::ToneKind;

use super::bridge::Link;
use super::plan::Blocked;
use super::{CallId, Stage, Switch};
use crate::leg::{Answer, Cause, LegCommand, LegPort, MAX_DIGITS};
use crate::media::MediaCommand;

/// Digits of two-stage dialling end with this silence; IOS's interdigit timeout.
const INTERDIGIT: Duration = Duration::from_secs(10);

impl Switch {
    /// Finds the inbound peer; then the number is looked at.
    pub(super) fn begin(&mut self, now: Instant, id: CallId) {
        let caller = self.calls.calls.get(&id).and_then(|call| self.calls.legs.get(&call.caller?));
        let full = caller.is_some_and(|leg| {
            let groups = self.port_name(leg.port).map(|name| self.dial_plan.groups_of_port(name));
            groups.into_iter().flatten().any(|group| !self.group_has_room(group, false, Some(leg.id)))
        });
        if full {
            return self.end_call(now, id, Cause::NO_CIRCUIT);
        }
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        let Some((leg, known)) = call.caller.and_then(|leg| Some((leg, self.calls.legs.get_mut(&leg)?)))
        else {
            return;
        };
        let port = known.port;
        let name = match port {
            LegPort::Line(line) => self.lines.get(line).map(|line| line.name()),
            LegPort::Office(office) => self.offices.get(office).map(|port| port.name()),
            LegPort::Trunk(trunk) => self.trunks.get(trunk).map(|trunk| trunk.port.as_str()),
            LegPort::Sip => None,
        };
        if let Some(name) = name
            && self.dial_plan.translate_port_in(name, &mut call.setup) == Err(Blocked)
        {
            return self.end_call(now, id, Cause::REJECTED);
        }
        call.labels = self.dial_plan.labels(name, call.setup.uris.as_deref());
        let found = self.dial_plan.inbound(InboundLeg {
            kind: if port == LegPort::Sip { PeerKind::Voip } else { PeerKind::Pots },
            called: &call.setup.called.number,
            calling: &call.setup.calling.number,
            port: name,
            labels: call.labels.as_deref(),
        });
        let by_uri = call.setup.uris.as_ref().and_then(|uris| self.dial_plan.inbound_by_uri(uris));
        let peer = by_uri.or(found.map(|found| found.peer));
        call.inbound = peer.map(|peer| peer.tag);
        if let Some(peer) = peer {
            // A telephone's number is that of its dial peer, unless station-id says another.
            if matches!(port, LegPort::Line(_))
                && call.setup.calling.number.is_empty()
                && let Some(number) = super::super::plain_number(peer)
            {
                number.clone_into(&mut call.setup.calling.number);
                number.clone_into(&mut known.party.number);
            }
        }
        let (digits, complete) = (call.setup.called.number.clone(), call.setup.complete);
        if let Some(peer) = peer {
            let full = peer
                .max_conn
                .is_some_and(|most| self.calls.connections.get(&peer.tag).copied().unwrap_or(0) >= most);
            known.peer = peer.tag;
            let tag = peer.tag;
            let no_did = peer.direct_inward_dial == Some(false);
            self.calls.use_peer(tag);
            if full {
                self.max_connections(now, tag);
                return self.end_call(now, id, Cause::NO_CIRCUIT);
            }
            if no_did && matches!(port, LegPort::Trunk(_)) {
                return self.ask_for_number(now, id, leg);
            }
        }
        self.digits(now, id, digits, complete);
    }

    /// Two-stage dialling: the call is answered, the caller hears dial tone and dials the number himself.
    fn ask_for_number(&mut self, now: Instant, id: CallId, leg: crate::leg::LegId) {
        self.command(now, leg, LegCommand::Answer(Answer::default()));
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        call.two_stage = true;
        call.deadline = Some(now + INTERDIGIT);
        call.setup.called.number.clear();
        call.connected = Some(now);
        if let Some(known) = self.calls.legs.get_mut(&leg) {
            known.answered = Some(now);
        }
        self.second_dial_tone(id);
    }

    /// Plays the secondary dial tone as soon as there is a channel to play it on.
    pub(super) fn second_dial_tone(&mut self, id: CallId) {
        let Some(call) = self.calls.calls.get(&id) else { return };
        let waits = call.two_stage && call.stage == Stage::Collecting && call.link == Link::None;
        let leg = call.caller.and_then(|leg| self.calls.legs.get(&leg));
        if let Some((end, port)) = leg.and_then(|leg| Some((leg.media?, leg.port)))
            && waits
            && call.setup.called.number.is_empty()
        {
            let cptone = self.cptone(port);
            self.media(MediaCommand::Tone { end, tone: ToneKind::SecondaryDial, cptone });
            if let Some(call) = self.calls.calls.get_mut(&id) {
                call.link = Link::Tone(end);
            }
        }
    }

    /// The number of an incoming call has grown, or is complete.
    pub(super) fn digits(&mut self, now: Instant, id: CallId, digits: String, complete: bool) {
        let Some(call) = self.calls.calls.get_mut(&id).filter(|call| call.stage == Stage::Collecting) else {
            return;
        };
        let Some(leg) = call.caller else { return };
        if digits.len() > MAX_DIGITS {
            return self.end_call(now, id, Cause::INVALID_NUMBER);
        }
        if self.forwarding_dialled(now, id, &digits, complete) {
            return;
        }
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        call.setup.called.number = digits;
        call.setup.complete = complete;
        let mut setup = call.setup.clone();
        if let Some(cause) = self.dial_plan.blocked_by(call.inbound, &setup) {
            return self.end_call(now, id, cause);
        }
        if self.dial_plan.translate_in(call.inbound, &mut setup) == Err(Blocked) {
            return self.end_call(now, id, Cause::REJECTED);
        }
        let by_uri =
            setup.uris.take().filter(|uris| complete && self.dial_plan.has_way_by_uri(&uris.request));
        let progress = match by_uri {
            Some(_) => Progress::Full,
            None => self.dial_plan.progress(call.inbound, &setup.called.number),
        };
        setup.called.number = self.dial_plan.expand(&setup.called.number);
        call.routed = setup;
        if let Some(known) = self.calls.legs.get_mut(&leg) {
            known.called.clone_from(&call.routed.called.number);
        }
        match progress {
            Progress::Full => self.route(now, id),
            Progress::Open if complete => self.route(now, id),
            Progress::Never => self.end_call(now, id, Cause::UNALLOCATED),
            _ if complete => self.end_call(now, id, Cause::INVALID_NUMBER),
            _ => self.ask_for_more(now, id),
        }
    }

    /// More digits are wanted of a trunk in overlap; a telephone just goes on.
    fn ask_for_more(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        if call.two_stage {
            call.deadline = Some(now + INTERDIGIT);
            return;
        }
        let Some((leg, known)) = call.caller.and_then(|leg| Some((leg, self.calls.legs.get_mut(&leg)?)))
        else {
            return;
        };
        let analogue = matches!(known.port, LegPort::Line(_) | LegPort::Office(_));
        if !analogue && !std::mem::replace(&mut known.asked_for_more, true) {
            self.command(now, leg, LegCommand::MoreDigits { dial_tone: false });
        }
    }

    /// No more digits of two-stage dialling came.
    pub(super) fn dialling_ended(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        call.deadline = None;
        let digits = call.setup.called.number.clone();
        self.digits(now, id, digits, true);
    }

    /// A digit of two-stage dialling.
    pub(super) fn second_stage_digit(&mut self, now: Instant, id: CallId, digit: char) {
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        let mut digits = call.setup.called.number.clone();
        if let Link::Tone(end) = std::mem::take(&mut call.link) {
            // The dial tone stops with the first digit.
            self.media(MediaCommand::Disconnect { end });
        }
        if Some(digit) == self.terminator && !digits.is_empty() {
            return self.digits(now, id, digits, true);
        }
        digits.push(digit);
        self.digits(now, id, digits, false);
    }

    /// Country of a port's tones.
    pub(super) fn cptone(&self, port: LegPort) -> String {
        let port = self.port_name(port).and_then(|name| self.config.voice_port(name));
        port.map_or_else(|| "us".to_owned(), |port| port.cptone.clone())
    }
}
