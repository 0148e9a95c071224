//! RESTART (Q.931 5.5): channels go back to idle, on our demand or the peer's.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Connection, Event, Key, RestartOnStart, Span, Timer};
use crate::q931::{
    CallReference, Cause, ChannelId, ChannelSelection, Element, Message, MessageType, RestartIndicator, ie,
};

/// What a RESTART is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartTarget {
    /// One B channel, as timeslot.
    Channel(u8),
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
                let slots = self.config.line.b_channels().filter(|slot| self.config.has_channel(*slot));
                self.restarts.waiting.extend(slots.map(RestartTarget::Channel));
            }
        }
        self.next_restart(now);
    }

    pub(super) fn is_restarting(&self, slot: u8) -> bool {
        self.restarts.under_way.is_some_and(|target| match target {
            RestartTarget::Channel(channel) => channel == slot,
            RestartTarget::Interface => true,
        })
    }

    fn next_restart(&mut self, now: Instant) {
        if self.restarts.under_way.is_none()
            && let Some(target) = self.restarts.waiting.pop_front()
        {
            self.restarts.under_way = Some(target);
            self.restarts.repeated = false;
            let slot = match target {
                RestartTarget::Channel(slot) => Some(slot),
                RestartTarget::Interface => None,
            };
            self.clear_channels(now, |channel| slot.is_none_or(|slot| slot == channel));
            self.send_restart(now, target);
        }
    }

    fn send_restart(&mut self, now: Instant, target: RestartTarget) {
        let mut message = Message::new(CallReference::new(0, false), MessageType::RESTART);
        match target {
            RestartTarget::Channel(slot) => {
                let id = ChannelId::channel(self.config.channel_number(slot), true);
                message.elements = vec![id.element(), RestartIndicator::Channels.element()];
            }
            RestartTarget::Interface => message.elements = vec![RestartIndicator::AllInterfaces.element()],
        }
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
                if let Some(target) = self.restarts.under_way {
                    self.restart_ended(now, target, true);
                }
            }
            MessageType::STATUS => {}
            //= Q.931 5.8.3.2 f): any other message with the global call reference gets STATUS, cause 81.
            _ => self.send_status(message.call_reference.reply(), 81, 0),
        }
    }

    fn handle_restart(&mut self, now: Instant, message: &Message) {
        self.statistics.restarts_received += 1;
        let indicator = message.get(ie::RESTART).and_then(|body| RestartIndicator::parse(body));
        let channels: Vec<ChannelSelection> = message
            .all(ie::CHANNEL_ID)
            .filter_map(|body| ChannelId::parse(body))
            .map(|id| id.selection)
            .collect();
        match indicator {
            Some(RestartIndicator::Channels) => {
                let slots: Vec<u8> = channels.iter().flat_map(|selection| self.slots(*selection)).collect();
                self.clear_channels(now, |slot| slots.contains(&slot));
            }
            Some(RestartIndicator::Interface | RestartIndicator::AllInterfaces) => {
                self.clear_channels(now, |_| true)
            }
            None => {
                //= Q.931 5.8.6.1: a mandatory element is missing or invalid: STATUS, cause 96.
                return self.send_status(message.call_reference.reply(), 96, 0);
            }
        }
        //= Q.931 5.5.2: RESTART ACKNOWLEDGE indicates the channels that were restarted.
        let mut answer = Message::new(message.call_reference.reply(), MessageType::RESTART_ACKNOWLEDGE);
        for id in [ie::CHANNEL_ID, ie::RESTART] {
            answer.elements.extend(message.get(id).map(|body| Element::new(id, body.clone())));
        }
        self.send(&answer);
    }

    /// The timeslots a selection names; a slot map may name several.
    fn slots(&self, selection: ChannelSelection) -> Vec<u8> {
        match selection {
            ChannelSelection::Map(map) => (0..32)
                .filter(|bit| map >> bit & 1 != 0)
                .filter_map(|bit| self.config.slot(ChannelSelection::Map(1 << bit)))
                .collect(),
            other => self.config.slot(other).into_iter().collect(),
        }
    }

    /// Ends the calls on some channels without a message.
    fn clear_channels(&mut self, now: Instant, affected: impl Fn(u8) -> bool) {
        let keys: Vec<Key> = self.calls.values().copied().collect();
        for key in keys {
            match self.connections.remove(&key) {
                Some(Connection::Call(call)) if call.channel.is_some_and(&affected) => {
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
