//! The ways of a call, tried one after the other.

use std::time::Instant;

use dialpeer::hunt::Member;
use dialpeer::{Labels, PeerKind, SessionTarget};
use rand::Rng as _;

use super::plan::{Blocked, Target, Way};
use super::{CallId, Leg, Stage, Switch};
use crate::leg::raw::RawProtocol;
use crate::leg::sip::CODEC_MISMATCH;
use crate::leg::sip::identity::escape_user;
use crate::leg::{Answer, Cause, LegCommand, LegEvent, LegId, LegPort, Party, Redirection, Reroute};
use crate::media::MediaEnd;

/// Diversions after which a call is given up.
const MAX_REDIRECTS: u8 = 5;

/// Contacts of a redirection at most.
const MAX_CONTACTS: usize = 10;

/// Where an attempt goes.
struct Place {
    port: LegPort,
    channel: Option<u8>,
    /// Trunk group through which it was found.
    group: Option<String>,
}

impl Switch {
    /// The number is complete: its ways are found and the first is tried.
    pub(super) fn route(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        call.stage = Stage::Trying;
        call.deadline = None;
        call.cause = Cause::UNALLOCATED;
        let called = call.routed.called.clone();
        // It counts once: where the call is sent later, it goes by number.
        let uri = call.setup.uris.take().map(|uris| uris.request);
        let (inbound, caller) = (call.inbound, call.caller);
        if let Some(caller) = caller {
            self.command(now, caller, LegCommand::Proceed);
        }
        let labels = self.calls.calls.get(&id).and_then(|call| call.labels.clone());
        let ways = self.ways(inbound, (&called, uri.as_deref(), labels.as_deref()));
        if let Some((caller, contacts)) = self.redirection(id, &ways) {
            let call = self.calls.calls.get(&id);
            let diverted =
                call.filter(|call| call.forwarded).and_then(|call| call.routed.redirecting.as_ref());
            self.sip.redirect(now, caller, &contacts, diverted);
            self.calls.spoken_to.push(LegPort::Sip);
            return;
        }
        let reroute = self.rerouteing(id);
        if let Some(call) = self.calls.calls.get_mut(&id) {
            call.ways = ways.into();
            call.forwarded = false;
        }
        match reroute {
            Some((caller, reroute)) => self.command(now, caller, LegCommand::Reroute(Box::new(reroute))),
            None => self.try_next(now, id),
        }
    }

    /// `supplementary-service qsig call-forward`: the exchange of a caller whom a telephone of ours has forwarded is asked to call
    /// the number itself, so that the call needs no channels here.
    fn rerouteing(&self, id: CallId) -> Option<(LegId, Reroute)> {
        let call = self.calls.calls.get(&id).filter(|call| call.forwarded)?;
        let caller = self.calls.legs.get(&call.caller?).filter(|caller| caller.answered.is_none())?;
        let LegPort::Trunk(trunk) = caller.port else { return None };
        let qsig = self.trunks.get(trunk)?.raw_protocol() == RawProtocol::Qsig;
        let by = call.routed.redirecting.clone()?;
        let wanted = qsig && self.dial_plan.reroutes(call.inbound) && call.transferor.is_none();
        let (to, calling) = (call.routed.called.clone(), call.setup.calling.clone());
        wanted.then_some((caller.id, Reroute { to, calling, by }))
    }

    /// The caller's exchange will not: the call goes on by ways of ours.
    pub(super) fn not_rerouted(&mut self, now: Instant, id: CallId, caller: LegId) {
        let waits = self.calls.calls.get(&id).is_some_and(|call| {
            call.caller == Some(caller) && call.callee.is_none() && call.stage == Stage::Trying
        });
        if waits {
            self.try_next(now, id);
        }
    }

    /// `redirect ip2ip`: a SIP caller whose call leads to SIP again is told where, instead of being connected. So is one whose
    /// call a telephone of ours has forwarded there, unless `no supplementary-service sip moved-temporarily` stands there.
    fn redirection(&self, id: CallId, ways: &[Way]) -> Option<(LegId, Vec<String>)> {
        let call = self.calls.calls.get(&id)?;
        let caller = self.calls.legs.get(&call.caller?)?;
        let settings = self.sip.settings();
        let only_sip = !ways.is_empty() && ways.iter().all(|way| way.target.is_sip());
        let peer = settings.peer(call.inbound.unwrap_or(0));
        let wanted = (peer.redirects || call.forwarded && peer.moved_temporarily) && only_sip;
        if !wanted || caller.port != LegPort::Sip || caller.answered.is_some() || call.transferor.is_some() {
            return None;
        }
        let mut ways = ways.to_vec();
        if !settings.redirect_best_match {
            let longest = self.dial_plan.matches(&call.routed.called.number);
            let place = |way: &Way| longest.iter().position(|(peer, _)| peer.tag == way.peer);
            ways.sort_by_key(|way| place(way).unwrap_or(usize::MAX));
        }
        let contact = |way: &Way| {
            let peer = self.config.dial_peers.iter().find(|peer| peer.tag == way.peer)?;
            let mut setup = call.routed.clone();
            self.dial_plan.translate_out(way.peer, None, None, &mut setup).ok()?;
            let server = match way.target {
                Target::Server(at) => Some(at),
                _ => None,
            };
            let (_, host, transport) = self.server_of(peer, server)?;
            let by = match transport {
                sip::Transport::Udp => "",
                sip::Transport::Tcp => ";transport=tcp",
                sip::Transport::Tls => ";transport=tls",
            };
            Some(format!("<sip:{}@{host}{by}>", escape_user(&setup.called.number)))
        };
        let contacts: Vec<String> = ways.iter().filter_map(contact).take(MAX_CONTACTS).collect();
        (!contacts.is_empty()).then_some((caller.id, contacts))
    }

    fn ways(&mut self, inbound: Option<u32>, called: (&Party, Option<&str>, Option<&Labels>)) -> Vec<Way> {
        let super::Calls { used, rng, turns, .. } = &mut self.calls;
        let last_used = |tag: u32| used.get(&tag).copied().unwrap_or(0);
        let turn = |tag: u32| {
            let turn = turns.entry(tag).or_default();
            *turn = turn.wrapping_add(1);
            turn.wrapping_sub(1)
        };
        self.dial_plan.ways(inbound, called, last_used, || rng.next_u64(), turn)
    }

    /// Tries ways until one can be tried, or none is left.
    fn try_next(&mut self, now: Instant, id: CallId) {
        loop {
            let Some(call) = self.calls.calls.get_mut(&id) else { return };
            let Some(way) = call.ways.pop_front() else {
                let cause = call.cause;
                return self.give_up(now, id, cause);
            };
            match self.attempt(now, id, &way) {
                Ok(()) => return,
                Err(cause) => {
                    let Some(call) = self.calls.calls.get_mut(&id) else { return };
                    if call.redirect.is_some() {
                        return self.attempt_failed(now, id, cause);
                    }
                    call.cause = cause;
                    if way.huntstop {
                        call.ways.clear();
                    }
                }
            }
        }
    }

    fn attempt(&mut self, now: Instant, id: CallId, way: &Way) -> Result<(), Cause> {
        let peer = self.dial_plan.peer(way.peer).ok_or(Cause::NO_ROUTE)?;
        if peer.max_conn.is_some_and(|most| self.calls.connections(way.peer) >= most) {
            self.max_connections(now, way.peer);
            return Err(Cause::NO_CIRCUIT);
        }
        let kind = peer.kind;
        let loops = peer.session_target == Some(SessionTarget::Loopback);
        let caller = self.calls.calls.get(&id).and_then(|call| call.caller);
        if caller.is_some_and(|caller| !self.sip.fits(caller, kind == PeerKind::Pots)) {
            return Err(CODEC_MISMATCH);
        }
        let from_sip = caller.and_then(|caller| self.calls.legs.get(&caller)).map(|leg| leg.port);
        let from_sip = from_sip == Some(LegPort::Sip);
        if from_sip && kind == PeerKind::Voip && !loops && !self.calls.admission.connects_sip {
            return Err(Cause::UNAVAILABLE);
        }
        let takes_over = self.calls.calls.get(&id).is_some_and(|call| call.routed.replaces.is_some());
        if takes_over && kind == PeerKind::Pots {
            return Err(Cause::REJECTED);
        }
        if kind == PeerKind::Voip && !loops {
            self.serves_sip()?;
        }
        if kind == PeerKind::Voip && self.keepalives.is_down(way.peer) {
            return Err(Cause::NETWORK_OUT_OF_ORDER);
        }
        let place = self.place(&way.target)?;
        if self.forward_at_once(id, place.port) {
            return Err(Cause::NO_ANSWER);
        }
        let call = self.calls.calls.get(&id).ok_or(Cause::TEMPORARY)?;
        let mut setup = call.routed.clone();
        let port = self.port_name(place.port).map(str::to_owned);
        self.dial_plan
            .translate_out(way.peer, place.group.as_deref(), port.as_deref(), &mut setup)
            .map_err(|Blocked| Cause::REJECTED)?;
        setup.peer = way.peer;
        setup.channel = place.channel;
        setup.server = match way.target {
            Target::Server(at) => Some(at),
            _ => None,
        };
        setup.complete = true;
        setup.guid = call.guid;
        if kind == PeerKind::Pots {
            setup.sdp = None;
            if from_sip {
                self.sip.settings().calling_info.sip_to_pstn(&mut setup.calling);
            }
        }
        self.dial_plan.shape_out(way.peer, kind == PeerKind::Voip, &mut setup);
        let leg = self.calls.ids.take();
        let media = match place.port {
            LegPort::Line(line) => Some(MediaEnd::Line(line)),
            LegPort::Office(office) => Some(self.office_end(office)),
            LegPort::Trunk(_) | LegPort::Sip => None,
        };
        let new = Leg {
            id: leg,
            call: Some(id),
            port: place.port,
            outgoing: true,
            peer: way.peer,
            media,
            held: false,
            party: call.routed.called.clone(),
            started: now,
            answered: None,
            called: call.routed.called.number.clone(),
            asked_for_more: false,
        };
        self.add_leg(new);
        setup.raw = self.passed(caller, leg, setup.raw);
        self.calls.use_peer(way.peer);
        if let Some(call) = self.calls.calls.get_mut(&id) {
            call.callee = Some(leg);
            call.huntstop = way.huntstop;
        }
        if loops {
            self.calls.loops.insert(leg);
            self.calls.events.push_back((leg, place.port, LegEvent::Answered(Answer::default())));
        } else {
            self.command(now, leg, LegCommand::Offer(Box::new(setup)));
        }
        Ok(())
    }

    /// Where a way leads now; the cause if nowhere.
    fn place(&mut self, target: &Target) -> Result<Place, Cause> {
        match target {
            Target::Port(name) => {
                let port = self.leg_port(name).ok_or(Cause::OUT_OF_ORDER)?;
                if let LegPort::Trunk(trunk) = port
                    && !self.trunks.get(trunk).is_some_and(|trunk| trunk.takes_calls())
                {
                    return Err(Cause::NETWORK_OUT_OF_ORDER);
                }
                Ok(Place { port, channel: None, group: None })
            }
            Target::Group(label) => self.hunt(label),
            Target::Sip | Target::Server(_) => Ok(Place { port: LegPort::Sip, channel: None, group: None }),
        }
    }

    /// The next port or channel of a trunk group.
    fn hunt(&mut self, label: &str) -> Result<Place, Cause> {
        let group = self.dial_plan.group(label).ok_or(Cause::NO_ROUTE)?;
        if !self.group_has_room(group, true, None) {
            return Err(Cause::NO_CIRCUIT);
        }
        let mut members = Vec::with_capacity(group.members.len());
        let mut ports = Vec::with_capacity(group.members.len());
        let one = u32::from;
        for (name, preference) in &group.members {
            let Some(port) = self.leg_port(name) else { continue };
            let idle = match port {
                LegPort::Line(line) => one(self.lines.get(line).is_some_and(|line| {
                    line.line().state() == telephony_hal::line::State::Idle && !line.is_busy()
                })),
                LegPort::Office(office) => one(self.offices.get(office).is_some_and(|port| !port.is_busy())),
                LegPort::Trunk(trunk) => {
                    let Some(pri) = self.trunks.get(trunk).filter(|pri| pri.takes_calls()) else { continue };
                    match pri.group() {
                        // The D channel of an NFAS group hunts over all of its interfaces.
                        Some(_) => {
                            one(pri.span.config().channels().any(|channel| pri.span.has_free(channel)))
                        }
                        None => pri.span.free_channels(),
                    }
                }
                LegPort::Sip => continue,
            };
            members.push(Member { preference: *preference, idle });
            ports.push(port);
        }
        if ports.is_empty() {
            return Err(Cause::NETWORK_OUT_OF_ORDER);
        }
        // Where channels are not hunted for, there is one by the number 1.
        let channel = |at: usize, number: u8| match ports.get(at) {
            Some(LegPort::Trunk(trunk)) => {
                let alone = self.trunks.get(*trunk).is_some_and(|pri| pri.group().is_none());
                alone.then_some((*trunk, number))
            }
            _ => None,
        };
        let idle = &self.calls.idle;
        let idle_since = |at: usize, number: u8| match (channel(at, number), ports.get(at)) {
            (Some(channel), _) => idle.get(&channel).copied().unwrap_or(0),
            (None, Some(LegPort::Line(line))) => idle.get(&(usize::MAX - line, 0)).copied().unwrap_or(0),
            (None, _) => 0,
        };
        let last = self.calls.last_channel.get(label).and_then(|(trunk, timeslot)| {
            Some((ports.iter().position(|port| *port == LegPort::Trunk(*trunk))?, *timeslot))
        });
        let rng = &mut self.calls.rng;
        let chosen = group.hunt.choose(&members, last, idle_since, || rng.next_u64());
        let (at, number) = chosen.ok_or(Cause::NO_CIRCUIT)?;
        let channel = channel(at, number);
        let port = *ports.get(at).ok_or(Cause::NO_CIRCUIT)?;
        if let Some(channel) = channel {
            self.calls.last_channel.insert(label.to_owned(), channel);
        }
        let channel = channel.map(|(_, timeslot)| timeslot);
        Ok(Place { port, channel, group: Some(label.to_owned()) })
    }

    /// No way led anywhere.
    fn give_up(&mut self, now: Instant, id: CallId, cause: Cause) {
        if !self.transfer_failed(now, id, cause) {
            self.end_call(now, id, cause);
        }
    }

    /// An attempt came to nothing: the next way, another number, or the end.
    pub(super) fn attempt_failed(&mut self, now: Instant, id: CallId, cause: Cause) {
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        call.cause = cause;
        call.cut_through = false;
        call.stage = Stage::Trying;
        if !call.simulated {
            call.deadline = None;
        }
        let redirect = call.redirect.take();
        if let Some((to, reason)) = redirect {
            call.redirects += 1;
            if call.redirects > MAX_REDIRECTS {
                return self.give_up(now, id, Cause::ROUTING_ERROR);
            }
            let from = std::mem::replace(&mut call.routed.called, to);
            let before = call.routed.redirecting.take();
            let count = before.as_ref().map_or(0, |r| r.count).saturating_add(1);
            let original = before.map(|r| r.original.unwrap_or(r.from));
            call.routed.redirecting = Some(Redirection { from, original, reason, count });
            self.rewire(id);
            return self.route(now, id);
        }
        let (stop, goes_on) = (call.huntstop, self.dial_plan.voice_hunt.goes_on(cause.0));
        self.rewire(id);
        if stop || !goes_on {
            self.give_up(now, id, cause);
        } else {
            self.try_next(now, id);
        }
    }
}
