//! RESTART (Q.931 5.5): channels go back to idle, on our demand or the peer's.

use std::collections::VecDeque;
use std::time::Instant;

use super::{BChannel, Connection, Event, Key, RestartOnStart, Span, SpanConfig, Timer};
use crate::q931::{
    CallReference, Cause, ChannelId, ChannelSelection, Element, Message, MessageType, RestartIndicator, ie,
};

/// What a RESTART is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartTarget {
    /// One B channel of the D channel's own interface, as timeslot.
    Channel(u8),
    /// A B channel of another interface of an NFAS group.
    ChannelOf(BChannel),
    /// One interface of an NFAS group.
    Group(u8),
    /// All channels of the D channel.
    Interface,
}

/// RESTARTs to come; one is under way at a time, as Q.931 5.5.1 wants it.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    under_way: Option<RestartTarget>,
    repeated: bool,
    waiting: VecDeque<RestartTarget>,
}

/// The global call reference.
pub(super) const GLOBAL: Key = Key { value: 0, ours: true };

impl Span {
    /// Restarts a channel or the interface: calls on it end with cause 41, and [`Event::RestartDone`] tells the peer's
    /// answer. Without a data link nothing happens.
    pub fn restart(&mut self, now: Instant, target: RestartTarget) {
        if self.is_up() && self.restarts.waiting.len() < 64 {
            self.restarts.waiting.push_back(target);
            self.next_restart(now);
            self.finish(now);
        }
    }

    pub(super) fn restart_on_start(&mut self, now: Instant) {
        match self.config.restart_on_start {
            RestartOnStart::Nothing => return,
            RestartOnStart::Interface => self.restarts.waiting.push_back(RestartTarget::Interface),
            RestartOnStart::Channels => {
                let channels = self.config.channels().map(|channel| self.config.restart_target(channel));
                self.restarts.waiting.extend(channels);
            }
        }
        self.next_restart(now);
    }

    pub(super) fn is_restarting(&self, channel: BChannel) -> bool {
        self.restarts.under_way.is_some_and(|target| self.config.covers(target, channel))
    }

    fn next_restart(&mut self, now: Instant) {
        if self.restarts.under_way.is_none()
            && let Some(target) = self.restarts.waiting.pop_front()
        {
            self.restarts.under_way = Some(target);
            self.restarts.repeated = false;
            self.clear_channels(now, |span, channel| span.config.covers(target, channel));
            self.send_restart(now, target);
        }
    }

    fn send_restart(&mut self, now: Instant, target: RestartTarget) {
        let mut message = Message::new(CallReference::new(0, false), MessageType::RESTART);
        let id = self.config.restart_id(target);
        let indicator = match target {
            RestartTarget::Channel(_) | RestartTarget::ChannelOf(_) => RestartIndicator::Channels,
            RestartTarget::Group(_) => RestartIndicator::Interface,
            RestartTarget::Interface => RestartIndicator::AllInterfaces,
        };
        message.elements = id.into_iter().map(ChannelId::element).chain([indicator.element()]).collect();
        self.send(&message);
        self.timers.start(GLOBAL, Timer::T316, now + self.config.l3.t316);
    }

    pub(super) fn restart_timeout(&mut self, now: Instant) {
        let Some(target) = self.restarts.under_way else { return };
        if self.restarts.repeated {
            self.restart_ended(now, target, false);
        } else {
            self.restarts.repeated = true;
            self.send_restart(now, target);
        }
    }

    fn restart_ended(&mut self, now: Instant, target: RestartTarget, acknowledged: bool) {
        self.timers.stop(GLOBAL, Timer::T316);
        self.restarts.under_way = None;
        self.events.push_back(Event::RestartDone { target, acknowledged });
        self.next_restart(now);
    }

    pub(super) fn restarts_lost(&mut self) {
        self.timers.stop(GLOBAL, Timer::T316);
        self.restarts = Restarts::default();
    }

    pub(super) fn handle_global(&mut self, now: Instant, message: &Message) {
        match message.kind {
            MessageType::RESTART => self.handle_restart(now, message),
            MessageType::RESTART_ACKNOWLEDGE => {
                // One for other channels is not the answer; one that names none is taken for it.
                let named = message.read::<ChannelId>().and_then(|id| self.config.channel(&id));
                if let Some(target) = self.restarts.under_way
                    && named.is_none_or(|channel| self.config.covers(target, channel))
                {
                    self.restart_ended(now, target, true);
                }
            }
            MessageType::STATUS => {}
            //= Q.931 5.8.3.2 f): any other message with the global call reference gets STATUS, cause 81.
            _ => self.send_status(message.call_reference.reply(), 81, 0, &[]),
        }
    }

    fn handle_restart(&mut self, now: Instant, message: &Message) {
        self.statistics.restarts_received += 1;
        let reply = message.call_reference.reply();
        let Some(indicator) = message.read::<RestartIndicator>() else {
            //= Q.931 5.8.6: the mandatory element is missing (96) or cannot be read (100).
            let cause = if message.get(ie::RESTART).is_some_and(|body| !body.is_empty()) { 100 } else { 96 };
            return self.send_status(reply, cause, 0, &[ie::RESTART]);
        };
        let named: Vec<BChannel> =
            message.all(ie::CHANNEL_ID).flat_map(|body| self.config.named(body)).collect();
        match indicator {
            RestartIndicator::Channels => {
                if message.get(ie::CHANNEL_ID).is_none() {
                    return self.send_status(reply, 96, 0, &[ie::CHANNEL_ID]);
                }
                self.clear_channels(now, |_, channel| named.contains(&channel));
            }
            RestartIndicator::Interface => {
                // The interface it names, or the D channel's own.
                let id = message.read::<ChannelId>().and_then(|id| id.interface);
                let home = self.config.home(0).interface;
                let interface = id.filter(|_| !self.config.nfas.is_empty()).unwrap_or(home);
                self.clear_channels(now, |_, channel| channel.interface == interface);
            }
            RestartIndicator::AllInterfaces => self.clear_channels(now, |_, _| true),
        }
        //= Q.931 5.5.2: RESTART ACKNOWLEDGE indicates the channels that were restarted.
        let mut answer = Message::new(reply, MessageType::RESTART_ACKNOWLEDGE);
        for id in [ie::CHANNEL_ID, ie::RESTART] {
            answer.elements.extend(message.get(id).map(|body| Element::new(id, body.clone())));
        }
        self.send(&answer);
    }

    /// Ends the calls on some channels without a message.
    fn clear_channels(&mut self, now: Instant, affected: impl Fn(&Self, BChannel) -> bool) {
        let keys: Vec<Key> = self.calls.values().copied().collect();
        for key in keys {
            match self.connections.remove(&key) {
                Some(Connection::Call(call))
                    if call.channel.is_some_and(|channel| affected(self, channel)) =>
                {
                    self.end_call(now, key, &call, Cause::private(41));
                }
                Some(other) => {
                    self.connections.insert(key, other);
                }
                None => {}
            }
        }
    }
}

impl SpanConfig {
    /// Whether a restart is about this channel.
    fn covers(&self, target: RestartTarget, channel: BChannel) -> bool {
        match target {
            RestartTarget::Channel(slot) => self.home(slot) == channel,
            RestartTarget::ChannelOf(one) => one == channel,
            RestartTarget::Group(interface) => channel.interface == interface,
            RestartTarget::Interface => true,
        }
    }

    fn restart_target(&self, channel: BChannel) -> RestartTarget {
        if channel == self.home(channel.slot) {
            RestartTarget::Channel(channel.slot)
        } else {
            RestartTarget::ChannelOf(channel)
        }
    }

    fn restart_id(&self, target: RestartTarget) -> Option<ChannelId> {
        match target {
            RestartTarget::Channel(slot) => Some(self.channel_id(self.home(slot), true)),
            RestartTarget::ChannelOf(channel) => Some(self.channel_id(channel, true)),
            RestartTarget::Group(interface) => {
                let none = ChannelId { selection: ChannelSelection::None, ..ChannelId::channel(0, true) };
                Some(none.on(interface))
            }
            RestartTarget::Interface => None,
        }
    }

    /// The B channels a channel identification names; it may be a list or a slot map.
    fn named(&self, body: &[u8]) -> Vec<BChannel> {
        let interface = ChannelId::parse(body).and_then(|id| id.interface);
        let numbers = ChannelId::numbers(body);
        numbers
            .into_iter()
            .filter_map(|number| self.timeslot(interface, number))
            .filter(|channel| self.has(*channel))
            .collect()
    }
}
