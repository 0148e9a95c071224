//! A primary rate trunk: its D channel machine, the legs of its calls, and the queue of message waiting operations.

mod availability;
pub(crate) mod board;
mod call;
mod convert;
mod interface;
mod mwi;
mod nfas;
mod note;
mod pass;
mod performance;
mod replace;
mod reroute;

use std::collections::BTreeMap;
use std::time::Instant;

use ::mwi::queue::{Settings, TrunkQueue};
use bytes::Bytes;
use cli::config::Config;
use qsig::{
    BChannel, DLink, Event, MessageWaiting, MwiRequest, RestartTarget, ServiceState, Span, SpanConfig,
};

use telephony_hal::LineStatus;

use super::{LegEvent, LegId, LegIds};
use crate::hardware::LineKind;
pub use availability::Availability;
use call::Legs;
pub(crate) use convert::transferred;
use interface::Interface;
pub use mwi::{Ended, Finding, Question};
use mwi::{Manner, Operations};
use nfas::{Member, Place};
pub use nfas::{MemberOf, Neighbours};
pub use note::NoteKind;
use note::Notes;
pub use performance::{Counts, INTERVAL, Performance};
use replace::Replacements;

/// How a trunk stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// In use.
    In,
    /// Not in use, and why.
    Out(&'static str),
}

/// One trunk.
#[derive(Debug)]
pub struct PriTrunk {
    /// Voice port: `1/0:15`.
    pub port: String,
    /// Controller: `E1 1/0`.
    pub controller: String,
    /// The D channel.
    pub span: Span,
    /// Operations that wait.
    pub queue: TrunkQueue,
    /// `mwi` on the trunk's voice port.
    pub mwi: bool,
    /// Whether the configuration uses the trunk.
    pub service: Service,
    /// The PBX said that it has no message waiting service.
    pub unsupported: bool,
    /// What the line's framer counted.
    pub performance: Performance,
    /// How the line is set and what its framer sees, where there is one.
    pub line: Option<LineStatus>,
    /// In which ways that is not as configured, as people were told.
    differences: Vec<String>,
    kind: LineKind,
    link: bool,
    operations: Operations,
    /// `isdn mwi …`.
    manner: Manner,
    availability: Availability,
    /// `isdn overlap-receiving`: the number of an incoming call may be incomplete.
    overlap: bool,
    /// Its place among the trunks.
    index: usize,
    legs: Legs,
    /// `isdn …` of its interface.
    interface: Interface,
    /// B channels taken out of service by the configuration.
    withdrawn: BTreeMap<BChannel, ServiceState>,
    /// The NFAS group it owns, and the trunks in it.
    group: Option<u8>,
    members: Vec<Member>,
    /// Its place in the group of another trunk.
    member_of: Option<MemberOf>,
    notes: Notes,
    replacements: Replacements,
    reroutes: reroute::Asking,
    /// Channels to be restarted once the PBX is there.
    lost: Vec<RestartTarget>,
}

impl PriTrunk {
    /// Trunk number `index` with layer 1 down, out of service until configured.
    #[must_use]
    pub fn new(index: usize, port: &str, kind: LineKind, slot: &str, seed: u64) -> Self {
        let name = match kind {
            LineKind::E1 => "E1",
            LineKind::T1 => "T1",
        };
        let mut queue = TrunkQueue::new(Settings::default(), seed);
        queue.set_up(false);
        Self {
            port: port.to_owned(),
            controller: format!("{name} {slot}"),
            span: Span::new(SpanConfig::default()),
            queue,
            mwi: false,
            service: Service::Out("not configured"),
            unsupported: false,
            performance: Performance::default(),
            line: None,
            differences: Vec::new(),
            kind,
            link: false,
            operations: Operations::default(),
            manner: Manner::default(),
            availability: Availability::default(),
            overlap: false,
            index,
            legs: Legs::default(),
            interface: Interface::default(),
            withdrawn: BTreeMap::new(),
            group: None,
            members: Vec::new(),
            member_of: None,
            notes: Notes::default(),
            replacements: Replacements::default(),
            reroutes: reroute::Asking::new(),
            lost: Vec::new(),
        }
    }

    /// How the line is set and what its framer sees. Gives in which ways its settings are not as configured, once each.
    pub fn handle_line_status(&mut self, config: &Config, status: LineStatus) -> Vec<String> {
        self.line = Some(status);
        let now = board::differences(config, &self.controller, &status);
        let before = std::mem::replace(&mut self.differences, now.clone());
        now.into_iter().filter(|difference| !before.contains(difference)).collect()
    }

    /// Takes the configuration that concerns this trunk; what did not change is not touched. `neighbours`: all trunks, in order.
    pub fn configure(&mut self, now: Instant, config: &Config, neighbours: &Neighbours) {
        self.mwi = config.voice_port(&self.port).is_some_and(|p| p.mwi);
        self.overlap = config.serial_interface(&self.port).is_some_and(|s| s.overlap_receiving);
        self.interface = Interface::new(config, &self.port);
        self.availability.note(now, self.link);
        let place = nfas::place(config, self.index, neighbours);
        let (service, mut span) = self.wanted(config, &place);
        let manner;
        (manner, span.mwi) = Manner::new(config, &self.port);
        if manner != self.manner {
            self.queue.set_settings(manner.queue);
            self.manner = manner;
        }
        (self.group, self.members, self.member_of) = match place {
            Place::Owner { group, members, .. } => (Some(group), members, None),
            Place::Member(of) => (None, Vec::new(), Some(of)),
            Place::Alone | Place::Orphan => (None, Vec::new(), None),
        };
        if self.span.config() != &span {
            self.span.set_config(now, span);
        }
        if service != self.service && service != Service::In {
            self.end_calls(now, super::Cause::OUT_OF_ORDER);
        }
        let usable = service == Service::In;
        self.service = service;
        self.span.handle_link(now, usable && self.link);
        for member in self.members.clone() {
            self.tell_member(now, member);
        }
        self.withdraw(now);
    }

    /// Tells the D channel of a group about layer 1 of one of its interfaces.
    fn tell_member(&mut self, now: Instant, member: Member) {
        self.span.set_interface(member.interface, member.up);
        if let Some(link @ DLink::Backup) = member.link {
            self.span.handle_link_of(now, link, member.up && self.service == Service::In);
        }
    }

    /// Takes B channels out of service as `isdn service` says, and puts others back.
    fn withdraw(&mut self, now: Instant) {
        let config = self.span.config();
        let wanted: BTreeMap<BChannel, ServiceState> = config
            .channels()
            .map(|channel| {
                let number = config.channel_number(channel.slot);
                (channel, self.interface.service_of(channel.interface, number))
            })
            .filter(|(_, state)| *state != ServiceState::InService)
            .collect();
        let back = self.withdrawn.keys().filter(|channel| !wanted.contains_key(*channel));
        let changes = back.map(|channel| (*channel, ServiceState::InService));
        let changes: Vec<(BChannel, ServiceState)> =
            changes.chain(wanted.iter().map(|(channel, state)| (*channel, *state))).collect();
        for (channel, state) in changes {
            if self.withdrawn.get(&channel).copied().unwrap_or_default() != state {
                self.span.set_service(now, channel, state);
            }
        }
        self.withdrawn = wanted;
    }

    fn wanted(&self, config: &Config, place: &Place) -> (Service, SpanConfig) {
        let mut span = SpanConfig { line: self.span_line(), accept_calls: true, ..SpanConfig::default() };
        let slot = self.controller.split_whitespace().nth(1).unwrap_or_default();
        let kind = self.controller.split_whitespace().next().unwrap_or_default();
        let controller = config.controllers.iter().find(|c| c.name == slot && c.kind.name() == kind);
        let Some(controller) = controller else { return (Service::Out("no controller configured"), span) };
        if controller.shutdown {
            return (Service::Out("controller is shut down"), span);
        }
        let Some(group) = &controller.pri_group else {
            return (Service::Out("no pri-group on the controller"), span);
        };
        span.timeslots = Some(group.slots.iter().fold(0, |mask, slot| mask | 1 << (slot - 1)));
        match place {
            Place::Alone => {}
            Place::Owner { span: members, .. } => span.nfas.clone_from(members),
            Place::Member(_) => return (Service::Out("member of an NFAS group"), span),
            Place::Orphan => return (Service::Out("NFAS group without a primary D channel"), span),
        }
        if config.voice_port(&self.port).is_some_and(|p| p.shutdown) {
            return (Service::Out("voice port is shut down"), span);
        }
        let interface = config.serial_interface(&self.port);
        let switch_type = match interface {
            Some(serial) if serial.shutdown => return (Service::Out("interface is shut down"), span),
            Some(serial) => config.switch_type(serial),
            None => config.isdn_switch_type.clone(),
        };
        interface::span(config, &self.port, &mut span);
        let Some(switch_type) = switch_type else { return (Service::Out("no isdn switch-type"), span) };
        match qsig::SwitchType::ALL.iter().find(|known| known.to_string() == switch_type.keyword()) {
            Some(known) => {
                span.switch_type = *known;
                span.pass_calls = interface::passes(config, *known);
                interface::dialect(config, &self.port, &mut span);
                (Service::In, span)
            }
            None => (Service::Out("no primary rate switch type of this gateway"), span),
        }
    }

    fn span_line(&self) -> qsig::LineKind {
        match self.kind {
            LineKind::E1 => qsig::LineKind::E1,
            LineKind::T1 => qsig::LineKind::T1,
        }
    }

    /// Layer 1 came or went.
    pub fn handle_link(&mut self, now: Instant, up: bool) {
        self.link = up;
        self.availability.note(now, up);
        if self.service == Service::In {
            self.span.handle_link(now, up);
        }
        self.handle_member_link(now, self.index, up);
    }

    /// Layer 1 of trunk `device` of the group came or went.
    pub fn handle_member_link(&mut self, now: Instant, device: usize, up: bool) {
        if let Some(member) = self.members.iter_mut().find(|member| member.device == device) {
            member.up = up;
            let member = *member;
            self.tell_member(now, member);
        }
    }

    /// The group this trunk owns, and how many interfaces are in it.
    #[must_use]
    pub fn group(&self) -> Option<(u8, usize)> {
        self.group.map(|group| (group, self.members.len()))
    }

    /// The trunks of the group it owns: index, and the D channel it carries.
    pub fn group_members(&self) -> impl Iterator<Item = (usize, Option<DLink>)> + '_ {
        self.members.iter().map(|member| (member.device, member.link))
    }

    /// Its place in the group of another trunk.
    #[must_use]
    pub fn member_of(&self) -> Option<MemberOf> {
        self.member_of
    }

    /// Whether layer 1 is up.
    #[must_use]
    pub fn link(&self) -> bool {
        self.link
    }

    /// When the line was down.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.availability
    }

    /// A frame from the PBX, on a D channel of its own or of its group.
    pub fn handle_frame(&mut self, now: Instant, link: DLink, frame: &[u8]) {
        if self.service == Service::In {
            self.span.handle_frame_of(now, link, frame);
        }
    }

    /// A call on a timeslot of trunk `device`, this one or one of its group, was lost when the gateway died.
    pub fn lose_call(&mut self, device: usize, slot: u8) {
        let member = self.members.iter().find(|member| member.device == device);
        self.lost.push(match member {
            Some(member) => RestartTarget::ChannelOf(BChannel { interface: member.interface, slot }),
            None => RestartTarget::Channel(slot),
        });
    }

    /// Whether notes are kept for `debug isdn error`, `event` or `standard`.
    pub fn want_notes(&mut self, wanted: bool) {
        self.notes.want(wanted);
        self.span.set_diagnostics(wanted);
    }

    /// The next note.
    pub fn poll_note(&mut self) -> Option<(NoteKind, String)> {
        let error = self.span.poll_diagnostic().map(|error| (NoteKind::Error, error.to_string()));
        error.or_else(|| self.notes.poll())
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.span.handle_timeout(now);
        self.replacing_timeout(now);
    }

    /// When to call [`PriTrunk::handle_timeout`] and [`PriTrunk::start`] again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        // While the PBX is busy with us, its next event is what the queue waits for.
        let queue = if self.operations.has_room(&self.manner) { self.queue.poll_timeout() } else { None };
        [self.span.poll_timeout(), queue, self.replacements.poll_timeout()].into_iter().flatten().min()
    }

    /// The next frame for the PBX, and the index of the trunk it goes out on.
    pub fn poll_frame(&mut self) -> Option<(usize, Bytes)> {
        if let Some(frame) = self.span.poll_frame() {
            return Some((self.index, frame));
        }
        let backup = self.members.iter().find(|member| member.link == Some(DLink::Backup))?;
        Some((backup.device, self.span.poll_frame_of(DLink::Backup)?))
    }

    /// Starts what the queue allows. What the D channel cannot take at all ends at once.
    pub fn start(&mut self, now: Instant) -> Vec<Finding> {
        self.operations.start(now, &mut self.span, &mut self.queue, &self.manner)
    }

    /// Whether its switch type has message waiting operations.
    #[must_use]
    pub fn can_tell(&self) -> bool {
        self.span.config().dialect().message_waiting != MessageWaiting::None
    }

    /// Digits before the number of a served user: `isdn mwi prefix`.
    #[must_use]
    pub fn mwi_prefix(&self) -> &str {
        &self.manner.prefix
    }

    /// Asks the PBX what waits for a mailbox, if it may be asked (`isdn mwi interrogate`) and is there. The answer is
    /// [`Finding::Answered`].
    pub fn ask(&mut self, question: Question) {
        let knows = self.span.config().dialect().message_waiting == MessageWaiting::CallIndependent;
        if self.manner.interrogates && knows && self.span.is_up() {
            self.operations.ask(question);
        }
    }

    /// The next thing the trunk has to tell.
    pub fn poll_event(&mut self, now: Instant, ids: &mut LegIds) -> Option<TrunkEvent> {
        loop {
            if let Some((leg, event)) = self.legs.poll() {
                return Some(TrunkEvent::Leg(leg, event));
            }
            return Some(match self.span.poll_event()? {
                Event::Call { id, event } => {
                    self.call_event(now, id, event, ids);
                    continue;
                }
                Event::DataLinkUp => {
                    self.queue.set_up(true);
                    for target in std::mem::take(&mut self.lost) {
                        self.span.restart(now, target);
                    }
                    TrunkEvent::Up
                }
                Event::DataLinkDown => {
                    self.queue.set_up(false);
                    self.operations.forget_questions();
                    TrunkEvent::Down
                }
                Event::MwiDone { operation, outcome } => {
                    let Some(finding) = self.operations.end(operation, &outcome) else { continue };
                    TrunkEvent::Mwi(finding)
                }
                Event::MwiIndication { id, request } => TrunkEvent::Indication(id, Box::new(request)),
                Event::OperationDone { operation, outcome } => {
                    if !self.rerouteing_outcome(now, operation, &outcome) {
                        self.replacing_outcome(now, operation, &outcome);
                    }
                    continue;
                }
                #[allow(unreachable_patterns)]
                _ => continue,
            });
        }
    }
}

/// What a trunk tells.
#[derive(Debug)]
pub enum TrunkEvent {
    /// The data link is established.
    Up,
    /// The data link is gone.
    Down,
    /// A message waiting operation of ours ended.
    Mwi(Finding),
    /// Of a leg.
    Leg(LegId, LegEvent),
    /// The PBX asks for message waiting.
    Indication(qsig::IndicationId, Box<MwiRequest>),
}
