//! Calls: an incoming leg, one outgoing attempt after the other, and what connects them.
//!
//! A call begins with a leg that comes in. Its number is collected (`collect`), the dial plan gives the ways it can
//! go (`plan`), they are tried in order (`attempt`), the one that answers is connected (`bridge`). Users then
//! hold, transfer and join (`feature`). Everything ends with a record (`record`).
//!
//! Legs' events wait in a queue until whoever caused them has finished, so that no port is ever spoken to while it
//! speaks.

mod admission;
mod attempt;
mod bridge;
mod collect;
mod feature;
mod forward;
pub(super) mod plan;
mod raw;
pub mod record;
mod shape;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use dialpeer::Labels;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{PortIndex, Switch};
use crate::leg::{
    Answer, Cause, LegCommand, LegEvent, LegId, LegIds, LegPort, LineSignal, Party, Progress, Setup,
};
use crate::media::MediaEnd;
use admission::Admission;
use bridge::Link;
use plan::Way;
use record::{CallRecord, LegRecord, Records};

/// One call. Numbers grow and never come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// All calls and legs.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) ids: LegIds,
    pub(super) legs: BTreeMap<LegId, Leg>,
    /// Each by itself: a tree of large nodes stands half empty.
    pub(super) calls: BTreeMap<CallId, Box<Call>>,
    last_call: u64,
    /// What legs have told and nobody has looked at yet.
    pub(super) events: VecDeque<(LegId, LegPort, LegEvent)>,
    /// Ports that a command went to: they may have something to say.
    pub(super) spoken_to: Vec<LegPort>,
    /// Connections on each dial peer, both directions.
    connections: HashMap<u32, u32>,
    /// When a dial peer was used last, as a number that grows.
    used: HashMap<u32, u64>,
    /// How often the servers of a dial peer have been gone through (`hunt-scheme round-robin`).
    turns: HashMap<u32, usize>,
    uses: u64,
    /// When a channel became idle, as a number that grows; by trunk and timeslot.
    idle: HashMap<(usize, u8), u64>,
    /// The channel each trunk group took last.
    last_channel: HashMap<String, (usize, u8)>,
    rng: StdRng,
    /// Legs on a peer with `session target loopback:rtp`: nobody is there, the caller hears himself.
    loops: BTreeSet<LegId>,
    /// Where the users of telephones have all their calls go, by voice port.
    forwards: HashMap<String, String>,
    pub(super) records: Records,
    pub(super) admission: Admission,
}

/// A leg as the switch sees it.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    /// The call it belongs to; none once it has been told to go.
    pub(super) call: Option<CallId>,
    pub(super) port: LegPort,
    pub(super) outgoing: bool,
    /// Its dial peer, 0 if none matched.
    pub(super) peer: u32,
    pub(super) media: Option<MediaEnd>,
    /// Its user holds the call.
    pub(super) held: bool,
    /// The party behind it.
    pub(super) party: Party,
    pub(super) started: Instant,
    pub(super) answered: Option<Instant>,
    /// Number dialled on it, or from it.
    pub(super) called: String,
    /// SETUP ACKNOWLEDGE, or the like, has been sent.
    asked_for_more: bool,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The number is not complete.
    Collecting,
    /// A way is being tried.
    Trying,
    /// The called party is alerted.
    Alerting,
    /// Conversation.
    Talking,
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Option<LegId>,
    pub(super) callee: Option<LegId>,
    pub(super) stage: Stage,
    /// As it came in, with the number as far as it is known.
    setup: Setup,
    /// As it was looked up.
    routed: Setup,
    /// Inbound dial peer.
    inbound: Option<u32>,
    /// Trunk group and carrier it comes from and is to go to.
    labels: Option<Box<Labels>>,
    ways: VecDeque<Way>,
    /// The way being tried ends the hunt.
    huntstop: bool,
    /// Why the way tried last failed.
    cause: Cause,
    /// The called party is heard before the answer.
    cut_through: bool,
    /// The called side asked for the call to go elsewhere.
    redirect: Option<(Party, crate::leg::RedirectReason)>,
    /// It was a telephone of ours whose calls go elsewhere.
    forwarded: bool,
    redirects: u8,
    /// Two-stage dialling: the caller hears the secondary dial tone and dials.
    two_stage: bool,
    /// Then: no digit until this ends the number.
    deadline: Option<Instant>,
    /// What is connected in the media plane.
    link: Link,
    /// The leg whose user gave the caller away to a number, and waits to hear what becomes of it.
    transferor: Option<LegId>,
    /// The call on the same telephone it is joined with.
    conference: Option<CallId>,
    pub(super) guid: [u32; 4],
    started: Instant,
    connected: Option<Instant>,
    /// By `csim start`: it has no caller, and ends at the deadline.
    simulated: bool,
}

/// How long a call of `csim start` lasts.
const SIMULATED: Duration = Duration::from_secs(30);

impl Call {
    fn new(now: Instant, caller: Option<LegId>, setup: Setup, guid: [u32; 4]) -> Self {
        Self {
            caller,
            callee: None,
            stage: Stage::Collecting,
            routed: setup.clone(),
            setup,
            inbound: None,
            labels: None,
            ways: VecDeque::new(),
            huntstop: false,
            cause: Cause::NO_ROUTE,
            cut_through: false,
            redirect: None,
            forwarded: false,
            redirects: 0,
            two_stage: false,
            deadline: None,
            link: Link::None,
            transferor: None,
            conference: None,
            guid,
            started: now,
            connected: None,
            simulated: false,
        }
    }

    pub(super) fn other(&self, leg: LegId) -> Option<LegId> {
        match Some(leg) {
            leg if leg == self.caller => self.callee,
            leg if leg == self.callee => self.caller,
            _ => None,
        }
    }
}

impl Calls {
    /// No calls yet. `forwards`: where the users of telephones have all their calls go, by voice port.
    pub(super) fn new(seed: [u8; 32], forwards: impl Iterator<Item = (String, String)>) -> Self {
        Self {
            ids: LegIds::default(),
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            events: VecDeque::new(),
            spoken_to: Vec::new(),
            connections: HashMap::new(),
            used: HashMap::new(),
            turns: HashMap::new(),
            uses: 0,
            idle: HashMap::new(),
            last_channel: HashMap::new(),
            rng: StdRng::from_seed(seed),
            loops: BTreeSet::new(),
            forwards: forwards.collect(),
            records: Records::default(),
            admission: Admission::default(),
        }
    }

    /// When the switch must look at calls again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.calls.values().filter_map(|call| call.deadline).min()
    }

    /// Calls under way on a dial peer.
    pub(super) fn connections(&self, peer: u32) -> u32 {
        self.connections.get(&peer).copied().unwrap_or(0)
    }

    fn use_peer(&mut self, peer: u32) {
        self.uses += 1;
        self.used.insert(peer, self.uses);
        *self.connections.entry(peer).or_default() += 1;
    }

    fn leave_peer(&mut self, peer: u32) {
        if let Some(count) = self.connections.get_mut(&peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.connections.remove(&peer);
            }
        }
    }

    /// Whether no call is looped back.
    #[cfg(test)]
    pub(super) fn loops_are_empty(&self) -> bool {
        self.loops.is_empty()
    }

    fn guid(&mut self) -> [u32; 4] {
        [self.rng.next_u32(), self.rng.next_u32(), self.rng.next_u32(), self.rng.next_u32()]
    }
}

impl Switch {
    /// The calls that ended in the last 15 minutes, oldest first.
    pub fn call_records(&self, now: Instant) -> impl Iterator<Item = &CallRecord> {
        self.calls.records.iter(now)
    }

    /// Lets events and commands go to and fro until nobody has anything to say.
    pub(super) fn settle_calls(&mut self, now: Instant) {
        loop {
            while let Some((leg, port, event)) = self.calls.events.pop_front() {
                self.leg_event(now, leg, port, event);
            }
            match self.calls.spoken_to.pop() {
                Some(LegPort::Line(line)) => self.collect_line(now, line),
                Some(LegPort::Office(office)) => self.collect_office(now, office),
                Some(LegPort::Trunk(trunk)) => self.collect_trunk(now, trunk),
                Some(LegPort::Sip) => self.collect_sip(now),
                None => return,
            }
        }
    }

    /// Tells a leg something.
    pub(super) fn command(&mut self, now: Instant, leg: LegId, command: LegCommand) {
        let Some(port) = self.calls.legs.get(&leg).map(|leg| leg.port) else { return };
        if self.calls.loops.contains(&leg) {
            if let LegCommand::Release(cause) = command {
                self.calls.loops.remove(&leg);
                self.calls.events.push_back((leg, port, LegEvent::Released(cause)));
            }
            return;
        }
        match port {
            LegPort::Line(line) => {
                if let Some(port) = self.lines.get_mut(line) {
                    let setup = match &command {
                        LegCommand::Offer(setup) => Some(port.ring_pattern(setup)),
                        LegCommand::Signal(LineSignal::Ringing | LineSignal::OffHook) => {
                            Some(port.ring_pattern(&Setup::default()))
                        }
                        _ => None,
                    };
                    if let Some((pattern, lead)) = setup {
                        port.delay_ring(self.ringing.plan(now, line, port.ren(), lead, &pattern));
                    }
                    port.command(now, leg, command);
                }
            }
            LegPort::Office(office) => {
                if let Some(port) = self.offices.get_mut(office) {
                    port.command(now, leg, command);
                }
            }
            LegPort::Trunk(trunk) => {
                if let Some(trunk) = self.trunks.get_mut(trunk) {
                    trunk.command(now, leg, command);
                }
            }
            LegPort::Sip => self.command_sip(now, leg, command),
        }
        self.calls.spoken_to.push(port);
    }

    /// Something happened on a leg.
    fn leg_event(&mut self, now: Instant, leg: LegId, port: LegPort, event: LegEvent) {
        if let LegEvent::Incoming(setup) = event {
            return self.call_comes_in(now, leg, port, *setup);
        }
        if let LegEvent::Released(cause) = event {
            return self.leg_released(now, leg, cause);
        }
        let Some(known) = self.calls.legs.get_mut(&leg) else { return };
        if let LegEvent::Media(end) = event {
            let old = std::mem::replace(&mut known.media, end);
            self.channel_moved(old, end);
            if let Some(call) = self.calls.legs.get(&leg).and_then(|leg| leg.call) {
                self.second_dial_tone(call);
                self.rewire(call);
            }
            return;
        }
        let Some(call) = known.call else { return };
        match event {
            LegEvent::Digits { digits, complete } => self.digits(now, call, digits, complete),
            LegEvent::Proceeding(progress) | LegEvent::Progress(progress) => {
                let progress = self.shaped(leg, false, progress);
                self.progress(now, call, leg, progress);
            }
            LegEvent::Alerting(progress) => {
                let progress = self.shaped(leg, true, progress);
                self.alerting(now, call, leg, progress);
            }
            LegEvent::Answered(answer) => self.answered(now, call, leg, answer),
            LegEvent::Updated(party) => self.updated(now, leg, party),
            LegEvent::Held(held) => self.held(now, leg, held),
            LegEvent::Dtmf(digit) => self.dtmf(now, call, leg, digit),
            LegEvent::Signal(signal) => self.signal(now, leg, signal),
            LegEvent::Redirect { to, reason } => {
                if let Some(call) = self.calls.calls.get_mut(&call)
                    && call.callee == Some(leg)
                    && call.stage != Stage::Talking
                {
                    call.redirect = Some((*to, reason));
                    call.forwarded = false;
                }
            }
            LegEvent::RerouteRefused => self.not_rerouted(now, call, leg),
            LegEvent::Transfer(target) => self.transfer(now, leg, target),
            LegEvent::Conference(held) => self.join(now, leg, held),
            LegEvent::Fax(step) => self.fax(now, leg, step),
            LegEvent::Modem(step) => self.modem(now, leg, step),
            LegEvent::Raw(raw) => self.raw_came(now, leg, raw),
            // The number was sent whole.
            LegEvent::WantsDigits | LegEvent::Incoming(_) | LegEvent::Released(_) | LegEvent::Media(_) => {}
        }
    }

    fn call_comes_in(&mut self, now: Instant, leg: LegId, port: LegPort, setup: Setup) {
        self.calls.last_call += 1;
        let id = CallId(self.calls.last_call);
        let guid = if setup.guid == [0; 4] { self.calls.guid() } else { setup.guid };
        let media = match port {
            LegPort::Line(line) => Some(MediaEnd::Line(line)),
            LegPort::Office(office) => Some(self.office_end(office)),
            LegPort::Trunk(_) | LegPort::Sip => None,
        };
        self.add_leg(Leg {
            id: leg,
            call: Some(id),
            port,
            outgoing: false,
            peer: setup.peer,
            media,
            held: false,
            party: setup.calling.clone(),
            started: now,
            answered: None,
            called: setup.called.number.clone(),
            asked_for_more: false,
        });
        self.calls.calls.insert(id, Box::new(Call::new(now, Some(leg), setup, guid)));
        self.metrics.calls.active.inc();
        match self.admit(now, leg, port) {
            Ok(()) => self.begin(now, id),
            Err(cause) => self.end_call(now, id, cause),
        }
    }

    /// A call without a caller, to see where a number leads.
    pub(super) fn simulate_call(&mut self, now: Instant, number: &str) {
        self.calls.last_call += 1;
        let id = CallId(self.calls.last_call);
        let guid = self.calls.guid();
        let mut setup = Setup { called: Party::new(number), complete: true, ..Setup::default() };
        setup.called.number = self.dial_plan.expand(number);
        let mut call = Call::new(now, None, setup, guid);
        call.simulated = true;
        self.calls.calls.insert(id, Box::new(call));
        self.metrics.calls.active.inc();
        self.route(now, id);
        if let Some(call) = self.calls.calls.get_mut(&id) {
            call.deadline = Some(now + SIMULATED);
        }
        self.settle_calls(now);
    }

    fn add_leg(&mut self, leg: Leg) {
        self.legs_on(leg.port).inc();
        self.calls.legs.insert(leg.id, leg);
    }

    /// Legs on this kind of port, for the metrics.
    fn legs_on(&self, port: LegPort) -> &prometheus::IntGauge {
        let [line, office, trunk, sip] = &self.metrics.calls.legs;
        match port {
            LegPort::Line(_) => line,
            LegPort::Office(_) => office,
            LegPort::Trunk(_) => trunk,
            LegPort::Sip => sip,
        }
    }

    /// A leg is gone.
    fn leg_released(&mut self, now: Instant, leg: LegId, cause: Cause) {
        let Some(gone) = self.calls.legs.remove(&leg) else { return };
        self.legs_on(gone.port).dec();
        self.channel_moved(gone.media, None);
        if gone.peer != 0 {
            self.calls.leave_peer(gone.peer);
        }
        let Some(id) = gone.call else { return };
        let ends = LegRecord::of(&gone, now, cause, |at| self.clock.unix_ms(at));
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        if call.transferor.take_if(|transferor| *transferor == leg).is_some() {
            // Whoever gave the call away need not wait.
            return self.calls.records.leg(id, ends);
        }
        let is_attempt = call.callee == Some(leg) && call.stage != Stage::Talking;
        if call.callee == Some(leg) {
            call.callee = None;
        } else {
            call.caller = None;
        }
        self.calls.records.leg(id, ends);
        let status = self.sip.take_refusal(leg);
        if is_attempt {
            self.forward_busy(id, gone.port, cause);
            if status.is_some_and(|status| self.dial_plan.stops_at(gone.peer, status))
                && let Some(call) = self.calls.calls.get_mut(&id)
            {
                // The group's other servers are not asked; that the peer ends the hunt stands with its last one.
                let of_group = |way: &Way| way.peer == gone.peer;
                call.huntstop |= call.ways.iter().any(|way| of_group(way) && way.huntstop);
                call.ways.retain(|way| !of_group(way));
            }
            self.attempt_failed(now, id, cause);
        } else {
            self.end_call(now, id, cause);
        }
    }

    /// Ends a call: what legs it still has are released with this cause.
    pub(super) fn end_call(&mut self, now: Instant, id: CallId, cause: Cause) {
        let Some(mut call) = self.calls.calls.remove(&id) else { return };
        let counted = &self.metrics.calls;
        counted.active.dec();
        let answered = if call.connected.is_some() { "yes" } else { "no" };
        counted.ended.with_label_values(&[answered, cause.0.to_string().as_str()]).inc();
        self.unlink(&mut call);
        if let Some(transferor) = call.transferor {
            self.command(now, transferor, LegCommand::TransferFailed(cause));
        }
        for leg in [call.caller, call.callee, call.transferor].into_iter().flatten() {
            if let Some(known) = self.calls.legs.get_mut(&leg) {
                known.call = None;
                let ends = LegRecord::of(known, now, cause, |at| self.clock.unix_ms(at));
                self.calls.records.leg(id, ends);
            }
            self.command(now, leg, LegCommand::Release(cause));
        }
        let record = CallRecord::new(id, &call, now, cause, |at| self.clock.unix_ms(at));
        self.calls.records.call(now, record);
        if let Some(partner) = call.conference {
            if let Some(partner) = self.calls.calls.get_mut(&partner) {
                partner.conference = None;
            }
            self.rewire(partner);
        }
    }

    /// Timers of calls.
    pub(super) fn calls_timeout(&mut self, now: Instant) {
        let due: Vec<CallId> = self
            .calls
            .calls
            .iter()
            .filter(|(_, call)| call.deadline.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            match self.calls.calls.get(&id) {
                Some(call) if call.simulated => self.end_call(now, id, Cause::NORMAL),
                Some(call) if call.stage == Stage::Alerting => self.nobody_answered(now, id),
                _ => self.dialling_ended(now, id),
            }
        }
        self.settle_calls(now);
    }

    /// The leg at the other end of a leg's call.
    pub(super) fn other_leg(&self, leg: LegId) -> Option<LegId> {
        let call = self.calls.legs.get(&leg)?.call?;
        self.calls.calls.get(&call)?.other(leg)
    }

    /// Name of the voice port a leg is on; `None` for SIP.
    pub(super) fn port_name(&self, port: LegPort) -> Option<&str> {
        match port {
            LegPort::Line(line) => self.lines.get(line).map(|line| line.name()),
            LegPort::Office(office) => self.offices.get(office).map(|port| port.name()),
            LegPort::Trunk(trunk) => self.trunks.get(trunk).map(|trunk| trunk.port.as_str()),
            LegPort::Sip => None,
        }
    }

    /// The port of a name, as a place for legs.
    fn leg_port(&self, name: &str) -> Option<LegPort> {
        Some(match self.ports.get(name)? {
            PortIndex::Line(line) => LegPort::Line(*line),
            PortIndex::Office(office) => LegPort::Office(*office),
            PortIndex::Trunk(trunk) => LegPort::Trunk(*trunk),
            PortIndex::Smdi(_) => return None,
        })
    }

    /// Remembers when channels became idle, for hunting.
    fn channel_moved(&mut self, old: Option<MediaEnd>, new: Option<MediaEnd>) {
        if let Some(MediaEnd::Channel { trunk, timeslot }) = old
            && old != new
        {
            self.calls.uses += 1;
            let uses = self.calls.uses;
            self.calls.idle.insert((trunk, timeslot), uses);
        }
    }

    /// The dial plan has changed. Calls go on as they are.
    pub(super) fn replan_calls(&mut self, now: Instant) {
        self.dial_plan.configure(&self.config);
        self.terminator = terminator(&self.config);
        self.configure_admission(now);
    }
}

/// `dial-peer terminator`: the digit that ends dialling, `#` where the configuration says nothing.
pub(super) fn terminator(config: &cli::config::Config) -> Option<char> {
    for node in config.tree().nodes() {
        if node.line == "no dial-peer terminator" {
            return None;
        }
        if let Some(word) = node.line.strip_prefix("dial-peer terminator ") {
            return word.chars().next();
        }
    }
    Some('#')
}

#[cfg(test)]
mod tests;
