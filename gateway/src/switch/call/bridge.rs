//! Between the two legs of a call: progress and answer, audio, digits, hold.

use std::time::Instant;

use media::locale::ToneKind;

use super::super::Output;
use super::{Answer, Call, CallId, Leg, Progress, Stage, Switch};
use crate::leg::audio::PortAudio;
use crate::leg::sip::own_fax;
use crate::leg::{FaxStep, LegCommand, LegId, LegPort, LineSignal, ModemStep};
use crate::media::{DigitTiming, MediaCommand, MediaEnd};
use crate::service::message::Message;

/// What the media plane has been told about a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing is connected.
    #[default]
    None,
    /// Two ends.
    Pair(MediaEnd, MediaEnd),
    /// Three ends; the other call of the conference has no link of its own.
    Three([MediaEnd; 3]),
    /// A tone of ours toward the caller.
    Tone(MediaEnd),
}

impl Switch {
    pub(super) fn media(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }

    /// The called network is at work, or has something to be heard.
    pub(super) fn progress(&mut self, now: Instant, id: CallId, leg: LegId, mut progress: Progress) {
        progress.raw = self.pass(now, leg, self.other_leg(leg), progress.raw);
        if !progress.inband && progress.raw.is_none() {
            return;
        }
        let Some(call) = self.calls.calls.get_mut(&id).filter(|call| call.callee == Some(leg)) else {
            return;
        };
        if call.stage == Stage::Talking {
            return;
        }
        call.cut_through |= progress.inband;
        let caller = call.caller;
        self.rewire(id);
        if let Some(caller) = caller {
            self.command(now, caller, LegCommand::Progress(progress));
        }
    }

    /// The called party is alerted.
    pub(super) fn alerting(&mut self, now: Instant, id: CallId, leg: LegId, mut progress: Progress) {
        let Some(call) = self.calls.calls.get_mut(&id).filter(|call| call.callee == Some(leg)) else {
            return;
        };
        if call.stage == Stage::Talking {
            return;
        }
        call.stage = Stage::Alerting;
        call.cut_through |= progress.inband;
        let cut_through = call.cut_through;
        if let Some(transferor) = call.transferor {
            self.command(now, transferor, LegCommand::TransferRinging);
        }
        let Some(call) = self.calls.calls.get(&id) else { return };
        let Some(caller) = call.caller else { return };
        self.setup_arrived(now, id, leg);
        progress.raw = self.pass(now, leg, Some(caller), progress.raw);
        self.learn_party(leg, progress.party.as_ref());
        self.rewire(id);
        let port =
            |leg: LegId, legs: &std::collections::BTreeMap<LegId, super::Leg>| legs.get(&leg).map(|l| l.port);
        let (from, to) = (port(caller, &self.calls.legs), port(leg, &self.calls.legs));
        if let Some(to) = to {
            self.watch_ringing(now, id, to);
        }
        let answered = self.calls.legs.get(&caller).is_some_and(|leg| leg.answered.is_some());
        let trunk_waits = matches!(from, Some(LegPort::Trunk(_))) && !matches!(to, Some(LegPort::Trunk(_)));
        // Behind the trunk nobody knows that the telephone rings, unless the ringing can be heard.
        if !cut_through
            && (trunk_waits || answered && !matches!(from, Some(LegPort::Line(_) | LegPort::Office(_))))
        {
            self.ringback(id, caller);
            progress.inband |= trunk_waits;
        }
        if !answered {
            self.command(now, caller, LegCommand::Alert(progress));
        }
    }

    fn ringback(&mut self, id: CallId, caller: LegId) {
        let Some(leg) = self.calls.legs.get(&caller) else { return };
        let Some(end) = leg.media else { return };
        let cptone = self.cptone(leg.port);
        self.media(MediaCommand::Tone { end, tone: ToneKind::Ringback, cptone });
        if let Some(call) = self.calls.calls.get_mut(&id) {
            call.link = Link::Tone(end);
        }
    }

    /// The called party answered.
    pub(super) fn answered(&mut self, now: Instant, id: CallId, leg: LegId, mut answer: Answer) {
        let Some(call) = self.calls.calls.get_mut(&id).filter(|call| call.callee == Some(leg)) else {
            return;
        };
        if call.stage == Stage::Talking {
            return;
        }
        call.stage = Stage::Talking;
        call.connected.get_or_insert(now);
        call.ways.clear();
        call.redirect = None;
        if !call.simulated {
            call.deadline = None;
        }
        let caller = call.caller;
        self.setup_arrived(now, id, leg);
        answer.raw = self.pass(now, leg, caller, answer.raw);
        self.learn_party(leg, answer.party.as_ref());
        if let Some(known) = self.calls.legs.get_mut(&leg) {
            known.answered = Some(now);
            // Who answers at a telephone of ours is known by its number.
            if matches!(known.port, LegPort::Line(_)) && answer.party.is_none() {
                answer.party = Some(known.party.clone());
            }
        }
        if let Some(caller) = caller {
            let before = self.calls.legs.get_mut(&caller).and_then(|leg| leg.answered.replace(now));
            match (before, answer.party.clone()) {
                (None, _) => self.command(now, caller, LegCommand::Answer(answer)),
                // Two-stage dialling, or a call transferred: the caller has been answered already.
                (Some(before), party) => {
                    let party = party.or_else(|| self.calls.legs.get(&leg).map(|leg| leg.party.clone()));
                    if let Some(leg) = self.calls.legs.get_mut(&caller) {
                        leg.answered = Some(before);
                    }
                    if let Some(party) = party {
                        self.command(now, caller, LegCommand::Update(Box::new(party)));
                    }
                }
            }
        }
        self.transfer_done(now, id);
        self.rewire(id);
    }

    fn learn_party(&mut self, leg: LegId, party: Option<&crate::leg::Party>) {
        if let (Some(known), Some(party)) = (self.calls.legs.get_mut(&leg), party) {
            if !party.number.is_empty() {
                known.party.clone_from(party);
            } else if party.name.is_some() {
                known.party.name.clone_from(&party.name);
            }
        }
    }

    /// The user at one end holds the call, or takes it back.
    pub(super) fn held(&mut self, now: Instant, leg: LegId, held: bool) {
        let Some(known) = self.calls.legs.get_mut(&leg) else { return };
        if std::mem::replace(&mut known.held, held) == held {
            return;
        }
        let call = known.call;
        if let Some(other) = self.other_leg(leg) {
            self.command(now, other, LegCommand::Held(held));
        }
        if let Some(call) = call {
            self.rewire(call);
        }
    }

    /// A digit dialled during the call.
    pub(super) fn dtmf(&mut self, now: Instant, id: CallId, leg: LegId, digit: char) {
        let Some(call) = self.calls.calls.get(&id) else { return };
        if call.two_stage && call.stage == Stage::Collecting && digit != '!' {
            return self.second_stage_digit(now, id, digit);
        }
        let Some(other) = call.other(leg) else { return };
        let (Some(from), Some(to)) = (self.calls.legs.get(&leg), self.calls.legs.get(&other)) else { return };
        match (from.port, to.port) {
            (LegPort::Sip, LegPort::Sip) => self.command(now, other, LegCommand::Dtmf(digit)),
            // A flash is no sound.
            (_, LegPort::Office(_)) if digit == '!' => self.command(now, other, LegCommand::Dtmf(digit)),
            (LegPort::Line(_), LegPort::Sip) if digit == '!' => {
                self.command(now, other, LegCommand::Dtmf(digit))
            }
            // The audio does not carry it.
            (LegPort::Sip, _) => {
                if let Some(end) = to.media {
                    let timing = self.digit_timing(to.port);
                    self.media(MediaCommand::Dtmf { end, digits: digit.to_string(), timing });
                }
            }
            // The media plane carries it, as the far end wants it.
            _ => {}
        }
    }

    /// One end speaks of fax. Between two SIP ends T.38 is relayed; for a telephone or trunk the media plane has modems, where
    /// there is a library for them.
    pub(super) fn fax(&mut self, now: Instant, leg: LegId, step: FaxStep) {
        let other = self.other_leg(leg).and_then(|other| self.calls.legs.get(&other));
        if let Some(other) = other
            && other.port == LegPort::Sip
        {
            return self.command(now, other.id, LegCommand::Fax(step));
        }
        let end = other.and_then(|other| other.media);
        match (step, end) {
            (FaxStep::Offer(offered), Some(end)) if self.fax_gateway => {
                self.listen_undisturbed(end, true);
                let agreed = own_fax().answer(&offered);
                self.command(now, leg, LegCommand::Fax(FaxStep::Accept(agreed)));
            }
            (FaxStep::Offer(_), _) => {
                self.monitor.syslog(now, Message::FaxNoModems {});
                self.command(now, leg, LegCommand::Fax(FaxStep::Refuse));
            }
            (FaxStep::Accept(_), Some(end)) => self.listen_undisturbed(end, true),
            (_, Some(end)) => self.listen_undisturbed(end, false),
            (_, None) => {}
        }
    }

    /// A modem was noticed at one end.
    pub(super) fn modem(&mut self, now: Instant, leg: LegId, step: ModemStep) {
        let Some(other) = self.other_leg(leg).and_then(|other| self.calls.legs.get(&other)) else { return };
        match (other.port, other.media, step) {
            (LegPort::Sip, ..) => self.command(now, other.id, LegCommand::Modem(step)),
            (_, Some(end), ModemStep::Reversed) => self.listen_undisturbed(end, true),
            (_, Some(end), ModemStep::Over) => self.listen_undisturbed(end, false),
            _ => {}
        }
    }

    /// A modem is spoken with at an analogue port: no echo canceller between them (V.17 and V.29 are half duplex).
    fn listen_undisturbed(&mut self, end: MediaEnd, on: bool) {
        if let Some(audio) = self.port_audio(end) {
            audio.for_modem(on);
        }
    }

    fn port_audio(&mut self, end: MediaEnd) -> Option<&mut PortAudio> {
        let MediaEnd::Line(pair) = end else { return None };
        if self.lines.get(pair).is_some() {
            return self.lines.get_mut(pair).map(|port| port.audio_mut());
        }
        let office = self.office_of(pair)?;
        self.offices.get_mut(office).map(|port| port.audio_mut())
    }

    /// What happens on the wires at one end of a permanent call.
    pub(super) fn signal(&mut self, now: Instant, leg: LegId, signal: LineSignal) {
        let Some(other) = self.other_leg(leg) else { return };
        let Some(to) = self.calls.legs.get(&other) else { return };
        match (to.port, to.media) {
            (LegPort::Line(_) | LegPort::Office(_), _) => {
                self.command(now, other, LegCommand::Signal(signal));
            }
            (LegPort::Sip, Some(end)) => self.media(MediaCommand::Signal { end, abcd: signal.abcd() }),
            _ => {}
        }
    }

    /// `voice local-bypass`: a call between two ports of this box passes them as it is.
    fn bypass(&mut self, end: MediaEnd, on: bool) {
        if let Some(audio) = self.port_audio(end) {
            audio.bypass(on);
        }
    }

    /// How long digits toward a port are.
    fn digit_timing(&self, port: LegPort) -> DigitTiming {
        let ms = match port {
            LegPort::Line(line) => self.lines.get(line).map(|port| port.digit_ms()),
            LegPort::Office(office) => self.offices.get(office).map(|port| port.digit_ms()),
            LegPort::Trunk(_) | LegPort::Sip => None,
        };
        ms.map_or_else(DigitTiming::default, |(on_ms, off_ms)| DigitTiming { on_ms, off_ms })
    }

    /// Connects what should be connected now, and tells the media plane only if that changed.
    pub(super) fn rewire(&mut self, id: CallId) {
        let Some(call) = self.calls.calls.get(&id) else { return };
        let wanted = self.wanted(call);
        let (old, conference) = (call.link, call.conference);
        if wanted == old
            || (wanted == Link::None && matches!(old, Link::Tone(_)) && call.stage != Stage::Trying)
        {
            return;
        }
        let rtp = |end: &MediaEnd| matches!(end, MediaEnd::Rtp(_));
        let local = matches!(wanted, Link::Pair(a, b) if !rtp(&a) && !rtp(&b));
        for end in ends(wanted) {
            self.bypass(end, local && self.settings.local_bypass);
        }
        match wanted {
            Link::Pair(a, b) => self.media(MediaCommand::Connect { a, b }),
            Link::Three(ends) => self.media(MediaCommand::Conference { ends }),
            Link::None | Link::Tone(_) => {}
        }
        let keeps = ends(wanted);
        // The other call of a conference speaks for its ends.
        let kept_by_partner = conference
            .and_then(|partner| self.calls.calls.get(&partner))
            .map(|partner| ends(partner.link))
            .unwrap_or_default();
        for end in ends(old) {
            if !keeps.contains(&end) && !kept_by_partner.contains(&end) {
                self.media(MediaCommand::Disconnect { end });
            }
        }
        if let Some(call) = self.calls.calls.get_mut(&id) {
            call.link = wanted;
        }
    }

    /// A call ends: its ends hear nothing.
    pub(super) fn unlink(&mut self, call: &mut Call) {
        for end in ends(std::mem::take(&mut call.link)) {
            self.listen_undisturbed(end, false);
            self.media(MediaCommand::Disconnect { end });
        }
        // The partner's link may have been for all three.
        if let Some(partner) = call.conference
            && let Some(link) = self.calls.calls.get(&partner).map(|partner| partner.link)
            && matches!(link, Link::Three(_))
        {
            for end in ends(link) {
                self.media(MediaCommand::Disconnect { end });
            }
            if let Some(partner) = self.calls.calls.get_mut(&partner) {
                partner.link = Link::None;
            }
        }
    }

    /// What should be connected in a call.
    fn wanted(&self, call: &Call) -> Link {
        let leg = |leg: Option<LegId>| leg.and_then(|leg| self.calls.legs.get(&leg));
        let (Some(caller), Some(callee)) = (leg(call.caller), leg(call.callee)) else { return Link::None };
        let heard = call.stage == Stage::Talking || call.cut_through;
        // In a loop the caller hears himself.
        let far = if self.calls.loops.contains(&callee.id) { caller.media } else { callee.media };
        let (Some(a), Some(b)) = (caller.media, far) else { return Link::None };
        // Whoever holds by SIP may play music; what we may send then, the stream knows.
        let cut = |leg: &Leg| leg.held && leg.port != LegPort::Sip;
        if !heard || cut(caller) || cut(callee) {
            return Link::None;
        }
        let Some(partner) = call.conference.and_then(|partner| self.calls.calls.get(&partner)) else {
            return Link::Pair(a, b);
        };
        if matches!(partner.link, Link::Three(_)) {
            // The other call's link is for all three.
            return Link::None;
        }
        let third = [partner.caller, partner.callee]
            .into_iter()
            .filter_map(|at| leg(at)?.media)
            .find(|end| *end != a && *end != b);
        third.map_or(Link::Pair(a, b), |c| Link::Three([a, b, c]))
    }
}

fn ends(link: Link) -> Vec<MediaEnd> {
    match link {
        Link::None => Vec::new(),
        Link::Tone(end) => vec![end],
        Link::Pair(a, b) => vec![a, b],
        Link::Three(ends) => ends.to_vec(),
    }
}
