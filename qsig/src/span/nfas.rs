//! The D channel, or the two of an NFAS group: which one carries layer 3, and SERVICE messages (TR 41449, Q.931 Annex F).
//!
//! A group has two data links. The one in service carries every call of every interface; the other stands by. When the first
//! is lost, either end asks for the other with SERVICE on it; calls go on meanwhile, and messages in between are repeated by
//! their timers. Where both ends ask at once for different links, the primary one wins. The coding of SERVICE
//! is libpri's; from memory of TR 41449 is that the D channel is named by interface and timeslot, with the D-channel indicator.

use std::time::Instant;

use bytes::Bytes;

use super::restart::GLOBAL;
use super::{BChannel, DChannel, ServiceState, Span, SpanConfig, Timer};
use crate::lapd::{self, Indication, Link, SendError, State};
use crate::q931::{CallReference, ChangeStatus, ChannelId, Message, MessageType, Repr};

/// One of the two data links of a group; a span without NFAS has only the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DLink {
    /// The primary D channel, or the only one.
    Primary,
    /// The backup D channel of an NFAS group.
    Backup,
}

/// The data links and which is in service.
#[derive(Debug)]
pub(super) struct Links {
    primary: Link,
    backup: Option<Link>,
    in_service: Option<DLink>,
    /// SERVICE was sent on this one, and the answer is awaited.
    asked: Option<DLink>,
}

impl Links {
    pub(super) fn new(config: &SpanConfig) -> Self {
        let link = || Link::new(config.side, config.l2.clone());
        Self {
            primary: link(),
            backup: config.has_backup().then(link),
            in_service: (!config.has_backup()).then_some(DLink::Primary),
            asked: None,
        }
    }

    pub(super) fn get(&self, link: DLink) -> Option<&Link> {
        match link {
            DLink::Primary => Some(&self.primary),
            DLink::Backup => self.backup.as_ref(),
        }
    }

    pub(super) fn get_mut(&mut self, link: DLink) -> Option<&mut Link> {
        match link {
            DLink::Primary => Some(&mut self.primary),
            DLink::Backup => self.backup.as_mut(),
        }
    }

    /// The link that carries layer 3.
    pub(super) fn in_service(&self) -> Option<&Link> {
        self.get(self.in_service?)
    }

    pub(super) fn is_up(&self) -> bool {
        self.in_service().is_some_and(Link::is_established)
    }

    pub(super) fn is_established(&self, link: DLink) -> bool {
        self.get(link).is_some_and(Link::is_established)
    }

    pub(super) fn send(&mut self, octets: Bytes) -> Result<(), SendError> {
        let link = self.in_service.ok_or(SendError::Down)?;
        self.get_mut(link).ok_or(SendError::Down)?.send(octets)
    }

    pub(super) fn state(&self) -> State {
        self.in_service().unwrap_or(&self.primary).state()
    }

    pub(super) fn backlog(&self) -> usize {
        self.primary.backlog() + self.backup.as_ref().map_or(0, Link::backlog)
    }

    /// Messages that have not left for the first time.
    pub(super) fn unsent(&self) -> usize {
        self.in_service().map_or(0, Link::unsent)
    }

    pub(super) fn statistics(&self) -> lapd::Statistics {
        *self.in_service().unwrap_or(&self.primary).statistics()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.primary.handle_timeout(now);
        if let Some(backup) = &mut self.backup {
            backup.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let backup = self.backup.as_ref().and_then(Link::poll_timeout);
        [self.primary.poll_timeout(), backup].into_iter().flatten().min()
    }

    pub(super) fn poll_indication(&mut self) -> Option<(DLink, Indication)> {
        let primary = self.primary.poll_indication().map(|indication| (DLink::Primary, indication));
        primary.or_else(|| Some((DLink::Backup, self.backup.as_mut()?.poll_indication()?)))
    }

    pub(super) fn flush(&mut self, now: Instant) {
        self.primary.flush(now);
        if let Some(backup) = &mut self.backup {
            backup.flush(now);
        }
    }

    /// Follows a changed configuration; a backup that is no longer wanted is gone at once.
    pub(super) fn reconfigure(&mut self, now: Instant, config: &SpanConfig) {
        self.primary.reconfigure(now, config.side, config.l2.clone());
        match (&mut self.backup, config.has_backup()) {
            (Some(backup), true) => backup.reconfigure(now, config.side, config.l2.clone()),
            (None, false) => {}
            (backup, wanted) => {
                *backup = wanted.then(|| Link::new(config.side, config.l2.clone()));
                self.asked = None;
                let primary = !wanted || self.primary.is_established();
                self.in_service = primary.then_some(DLink::Primary);
            }
        }
    }
}

impl DLink {
    fn other(self) -> Self {
        match self {
            Self::Primary => Self::Backup,
            Self::Backup => Self::Primary,
        }
    }

    fn role(self) -> DChannel {
        match self {
            Self::Primary => DChannel::Primary,
            Self::Backup => DChannel::Backup,
        }
    }
}

impl SpanConfig {
    fn has_backup(&self) -> bool {
        self.nfas.iter().any(|member| member.d_channel == DChannel::Backup)
    }

    /// The interface and timeslot of a D channel of the group.
    fn d_channel_of(&self, link: DLink) -> Option<BChannel> {
        let member = self.nfas.iter().find(|member| member.d_channel == link.role())?;
        Some(BChannel { interface: member.interface, slot: self.line.d_channel() })
    }
}

impl Span {
    /// As [`Span::handle_link`], for one D channel of an NFAS group.
    pub fn handle_link_of(&mut self, now: Instant, link: DLink, up: bool) {
        if let Some(link) = self.links.get_mut(link) {
            link.handle_link(now, up);
            self.finish(now);
        }
    }

    /// As [`Span::handle_frame`], for one D channel of an NFAS group.
    pub fn handle_frame_of(&mut self, now: Instant, link: DLink, frame: &[u8]) {
        if let Some(link) = self.links.get_mut(link) {
            link.handle_frame(now, frame);
            self.finish(now);
        }
    }

    /// Layer 1 of one interface of an NFAS group came or went, by its identifier: while it is gone, no new call gets a channel
    /// there. Calls on it go on, for their D channel may live: whoever hears nothing hangs up. What the D channel itself is told
    /// by [`Span::handle_link_of`].
    pub fn set_interface(&mut self, interface: u8, up: bool) {
        self.channels.set_interface(interface, up);
    }

    /// As [`Span::poll_frame`], for one D channel of an NFAS group.
    pub fn poll_frame_of(&mut self, link: DLink) -> Option<Bytes> {
        self.links.get_mut(link)?.poll_frame()
    }

    /// The state of one data link; `None`: there is no such D channel.
    pub fn data_link_state_of(&self, link: DLink) -> Option<State> {
        self.links.get(link).map(Link::state)
    }

    /// The D channel that carries layer 3; `None`: the ends have not agreed on one.
    pub fn d_channel_in_service(&self) -> Option<DLink> {
        self.links.in_service
    }

    /// Asks the peer to go over to the D channel that stands by (NFAS). False: there is none, or it is not established.
    pub fn switch_d_channel(&mut self, now: Instant) -> bool {
        let Some(other) = self.links.in_service.map(DLink::other) else { return false };
        let possible = self.links.is_established(other);
        if possible {
            self.ask_for(now, other);
            self.finish(now);
        }
        possible
    }

    /// Whether the owner cannot take more events for now (own receiver busy, Q.921 5.6.2): RNR keeps the peer waiting, on both
    /// D channels of a group, until it is free again.
    pub fn set_busy(&mut self, now: Instant, busy: bool) {
        for link in [DLink::Primary, DLink::Backup] {
            if let Some(link) = self.links.get_mut(link) {
                link.set_busy(busy);
            }
        }
        self.finish(now);
    }

    /// Takes a B channel out of service or puts it back (`isdn service b_channel`): a call on it goes on, no new one gets
    /// it. The peer is told where the switch type has SERVICE messages. False: there is no such channel.
    pub fn set_service(&mut self, now: Instant, channel: BChannel, service: ServiceState) -> bool {
        if !self.config.has(channel) {
            return false;
        }
        self.channels.set_service(channel, service);
        if self.is_up()
            && let Some(discriminator) = self.config.dialect().service
        {
            let status = match service {
                ServiceState::InService => ChangeStatus::InService,
                ServiceState::Maintenance => ChangeStatus::Maintenance,
                ServiceState::OutOfService => ChangeStatus::OutOfService,
            };
            let message = Message::new(CallReference::new(0, false), MessageType::SERVICE)
                .with(status.element())
                .with(self.config.channel_id(channel, true).element());
            self.send_octets(message.to_bytes_as(discriminator));
            self.finish(now);
        }
        true
    }

    /// A data link of a group came up, or was set up anew. True: layer 3 has its link, as without a group.
    pub(super) fn link_established(&mut self, now: Instant, link: DLink) -> bool {
        if self.links.backup.is_none() || self.links.in_service == Some(link) {
            return true;
        }
        if self.links.in_service.is_none() && self.links.asked.is_none() {
            self.ask_for(now, link);
        }
        false
    }

    /// A data link is lost. True: layer 3 has none left.
    pub(super) fn link_released(&mut self, now: Instant, link: DLink) -> bool {
        if self.links.backup.is_none() {
            return true;
        }
        if self.links.asked == Some(link) {
            self.links.asked = None;
            self.timers.stop(GLOBAL, Timer::T321);
        }
        if self.links.in_service == Some(link) {
            self.links.in_service = None;
        }
        let other = link.other();
        if self.links.in_service.is_none() && self.links.asked.is_none() && self.links.is_established(other) {
            self.ask_for(now, other);
        }
        self.links.in_service.is_none() && !self.links.is_established(other)
    }

    fn ask_for(&mut self, now: Instant, link: DLink) {
        let (Some(discriminator), Some(channel)) =
            (self.config.dialect().service, self.config.d_channel_of(link))
        else {
            // No SERVICE on this switch type: both ends take the link that is there.
            return self.put_in_service(now, link);
        };
        self.links.asked = Some(link);
        self.send_service(discriminator, link, channel, MessageType::SERVICE, false);
        self.timers.start(GLOBAL, Timer::T321, now + self.config.l3.t321);
    }

    fn send_service(&mut self, discriminator: u8, link: DLink, at: BChannel, kind: MessageType, reply: bool) {
        let id = ChannelId { d_channel: true, ..ChannelId::channel(at.slot, true).on(at.interface) };
        let message = Message::new(CallReference::new(0, reply), kind)
            .with(ChangeStatus::InService.element())
            .with(id.element());
        let sent = self.links.get_mut(link).map(|link| link.send(message.to_bytes_as(discriminator)));
        match sent {
            Some(Ok(())) => self.statistics.messages_sent += 1,
            _ => self.statistics.messages_unsent += 1,
        }
    }

    /// T321: SERVICE had no answer; the other link is tried if it is there, else the same again.
    pub(super) fn service_timeout(&mut self, now: Instant) {
        let Some(asked) = self.links.asked.take() else { return };
        let other = asked.other();
        let next = if self.links.is_established(other) { other } else { asked };
        if self.links.in_service.is_none() && self.links.is_established(next) {
            self.ask_for(now, next);
        }
    }

    fn put_in_service(&mut self, now: Instant, link: DLink) {
        self.links.asked = None;
        self.timers.stop(GLOBAL, Timer::T321);
        if self.links.in_service != Some(link) {
            tracing::info!(?link, "D channel in service");
            self.links.in_service = Some(link);
            self.layer3_up(now);
        }
    }

    /// SERVICE or SERVICE ACKNOWLEDGE; what is neither, or not of this switch type, is counted and ignored.
    pub(super) fn handle_maintenance(&mut self, now: Instant, link: DLink, octets: &[u8]) {
        let read = Message::parse_maintenance(octets);
        let (Ok((discriminator, message)), true) = (read, self.config.dialect().service.is_some()) else {
            self.statistics.messages_ignored += 1;
            return;
        };
        let (status, id) = (message.read::<ChangeStatus>(), message.read::<ChannelId>());
        let (Some(status), Some(id)) = (status, id) else {
            self.statistics.messages_ignored += 1;
            return;
        };
        let numbers = message.get(ChannelId::ID).map(|body| ChannelId::numbers(body)).unwrap_or_default();
        let named: Vec<BChannel> =
            numbers.into_iter().filter_map(|number| self.config.timeslot(id.interface, number)).collect();
        let d_channel = [DLink::Primary, DLink::Backup]
            .into_iter()
            .find(|link| named.first().is_some_and(|n| Some(*n) == self.config.d_channel_of(*link)));
        match (message.kind, d_channel) {
            (MessageType::SERVICE_ACKNOWLEDGE, Some(named)) => {
                if self.links.asked == Some(named) && status == ChangeStatus::InService {
                    self.put_in_service(now, named);
                }
            }
            (MessageType::SERVICE, Some(named)) => {
                let stubborn = self.links.asked == Some(DLink::Primary)
                    && named == DLink::Backup
                    && self.links.is_established(DLink::Primary);
                if status == ChangeStatus::InService && self.links.is_established(named) && !stubborn {
                    if let Some(channel) = self.config.d_channel_of(named) {
                        let kind = MessageType::SERVICE_ACKNOWLEDGE;
                        self.send_service(discriminator, named, channel, kind, true);
                    }
                    self.put_in_service(now, named);
                }
            }
            (MessageType::SERVICE, None) => {
                self.channel_service(discriminator, link, &message, &named, status)
            }
            // Our own change took effect when it was made.
            (MessageType::SERVICE_ACKNOWLEDGE, None) => {}
            _ => self.statistics.messages_ignored += 1,
        }
    }

    /// The peer takes B channels out of service or puts them back; it gets the same elements in SERVICE ACKNOWLEDGE.
    fn channel_service(
        &mut self,
        discriminator: u8,
        link: DLink,
        message: &Message,
        named: &[BChannel],
        status: ChangeStatus,
    ) {
        let service = match status {
            ChangeStatus::InService => ServiceState::InService,
            ChangeStatus::Maintenance => ServiceState::Maintenance,
            ChangeStatus::OutOfService => ServiceState::OutOfService,
        };
        for &channel in named.iter().filter(|channel| self.config.has(**channel)) {
            self.channels.set_service(channel, service);
        }
        let mut answer = Message::new(message.call_reference.reply(), MessageType::SERVICE_ACKNOWLEDGE);
        answer.elements.clone_from(&message.elements);
        if let Some(link) = self.links.get_mut(link) {
            match link.send(answer.to_bytes_as(discriminator)) {
                Ok(()) => self.statistics.messages_sent += 1,
                Err(_) => self.statistics.messages_unsent += 1,
            }
        }
    }
}
