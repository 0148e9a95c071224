//! HOLD and RETRIEVE (Q.932 6, EN 300 196): an active call gives its B channel back, and gets one again.
//!
//! Only where the switch type has them ([`crate::Dialect::hold`]); QSIG has not, since there a PINX holds calls by itself and
//! tells the other end with NOTIFY. One end holds a call at a time. The B channel of a held call is free for other calls;
//! RETRIEVE brings the one its sender names, another if that is taken, or fails.

use std::time::Instant;

use super::call::{Call, CallEvent};
use super::{CallError, CallId, CallState, Key, Span, Timer};
use crate::q931::{Cause, ChannelId, Message, MessageType, ie};

/// Where an active call stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// Not held.
    #[default]
    Idle,
    /// HOLD sent.
    Asked,
    /// Held by us.
    Ours,
    /// Held by the peer.
    Theirs,
    /// RETRIEVE sent for a call held by us.
    Retrieving,
}

/// Message not compatible with the call state.
const NOT_NOW: u8 = 101;
/// Requested facility not implemented.
const NOT_HERE: u8 = 69;
/// Recovery on timer expiry.
const NO_ANSWER: u8 = 102;

impl Span {
    /// HOLD for an active call. [`CallEvent::Held`] or [`CallEvent::HoldRefused`] follows.
    ///
    /// # Errors
    /// [`CallError::NoSuchCall`]; [`CallError::State`] if the call is not active, is held, or the switch type has no HOLD.
    pub fn hold_call(&mut self, now: Instant, id: CallId) -> Result<(), CallError> {
        let (key, mut call) = self.take_call(id)?;
        let allowed =
            call.state == CallState::Active && call.hold == Hold::Idle && self.config.dialect().hold;
        if !allowed {
            let state = call.state;
            self.keep_call(key, call);
            return Err(CallError::State { message: MessageType::HOLD, state });
        }
        call.hold = Hold::Asked;
        self.send(&Message::new(key.reference(), MessageType::HOLD));
        self.timers.start(key, Timer::Hold, now + self.config.l3.hold);
        self.keep_call(key, call);
        self.finish(now);
        Ok(())
    }

    /// RETRIEVE for a call held by us. [`CallEvent::Retrieved`] or [`CallEvent::HoldRefused`] follows.
    ///
    /// # Errors
    /// [`CallError::NoSuchCall`]; [`CallError::State`] if the call is not held by us; [`CallError::NoChannel`].
    pub fn retrieve_call(&mut self, now: Instant, id: CallId) -> Result<(), CallError> {
        let (key, mut call) = self.take_call(id)?;
        let problem = if call.state != CallState::Active || call.hold != Hold::Ours {
            Some(CallError::State { message: MessageType::RETRIEVE, state: call.state })
        } else {
            None
        };
        // The channel it had, if it is still free.
        let before =
            call.record.channel.map(|slot| super::BChannel { interface: call.record.interface, slot });
        let free = before.filter(|channel| self.channels.is_free(&self.config, *channel));
        let slot = free.or_else(|| self.channels.hunt(&self.config));
        let (None, Some(slot)) = (problem, slot) else {
            self.keep_call(key, call);
            return Err(problem.unwrap_or(CallError::NoChannel));
        };
        call.hold = Hold::Retrieving;
        call.channel = Some(slot);
        self.channels.take(slot, key);
        let channel = self.config.channel_id(slot, !self.config.negotiate_bchan);
        self.send(&Message::new(key.reference(), MessageType::RETRIEVE).with(channel.element()));
        self.timers.start(key, Timer::Retrieve, now + self.config.l3.retrieve);
        self.keep_call(key, call);
        self.finish(now);
        Ok(())
    }

    /// One of the six messages, for an existing call that is not being cleared.
    pub(super) fn hold_message(&mut self, key: Key, mut call: Call, message: &Message) {
        use MessageType as M;
        let cause = message.cause().unwrap_or(Cause::private(31));
        match (message.kind, call.hold) {
            (M::HOLD | M::RETRIEVE, _) if !self.config.dialect().hold => {
                return self.refuse_hold(key, call, message.kind, NOT_HERE);
            }
            (M::HOLD, Hold::Idle) if call.state == CallState::Active => {
                self.send(&Message::new(key.reference(), M::HOLD_ACKNOWLEDGE));
                call.hold = Hold::Theirs;
                self.give_channel_back(key, &mut call);
                self.call_event(&call, CallEvent::Held { ours: false });
            }
            // Said twice.
            (M::HOLD, Hold::Theirs) => self.send(&Message::new(key.reference(), M::HOLD_ACKNOWLEDGE)),
            (M::RETRIEVE, Hold::Theirs) => {
                let wanted = message.get(ie::CHANNEL_ID).and_then(|body| ChannelId::parse(body));
                match self.channels.answer(&self.config, wanted) {
                    Ok(slot) => {
                        self.channels.take(slot, key);
                        (call.channel, call.hold) = (Some(slot), Hold::Idle);
                        let channel = self.config.channel_id(slot, true).element();
                        self.send(&Message::new(key.reference(), M::RETRIEVE_ACKNOWLEDGE).with(channel));
                        self.call_event(&call, CallEvent::Retrieved);
                    }
                    Err(cause) => return self.refuse_hold(key, call, M::RETRIEVE, cause),
                }
            }
            (M::HOLD | M::RETRIEVE, _) => return self.refuse_hold(key, call, message.kind, NOT_NOW),
            (M::HOLD_ACKNOWLEDGE, Hold::Asked) => {
                self.timers.stop(key, Timer::Hold);
                call.hold = Hold::Ours;
                self.give_channel_back(key, &mut call);
                self.call_event(&call, CallEvent::Held { ours: true });
            }
            (M::HOLD_REJECT, Hold::Asked) => {
                self.timers.stop(key, Timer::Hold);
                call.hold = Hold::Idle;
                self.call_event(&call, CallEvent::HoldRefused { held: false, cause });
            }
            (M::RETRIEVE_ACKNOWLEDGE, Hold::Retrieving) => {
                self.timers.stop(key, Timer::Retrieve);
                let named = message.get(ie::CHANNEL_ID).and_then(|body| ChannelId::parse(body));
                let other =
                    named.and_then(|id| self.config.channel(&id)).filter(|at| call.channel != Some(*at));
                if let Some(other) = other.filter(|at| self.channels.is_free(&self.config, *at)) {
                    self.give_channel_back(key, &mut call);
                    self.channels.take(other, key);
                    call.channel = Some(other);
                }
                call.hold = Hold::Idle;
                self.call_event(&call, CallEvent::Retrieved);
            }
            (M::RETRIEVE_REJECT, Hold::Retrieving) => {
                self.timers.stop(key, Timer::Retrieve);
                self.still_held(key, &mut call, cause);
            }
            // An answer that comes too late.
            _ => {}
        }
        self.keep_call(key, call);
    }

    /// T-HOLD or T-RETRIEVE: the peer said nothing, and the call stays as it was.
    pub(super) fn hold_timeout(&mut self, key: Key, mut call: Call) {
        let cause = Cause::private(NO_ANSWER);
        match call.hold {
            Hold::Asked => {
                call.hold = Hold::Idle;
                self.call_event(&call, CallEvent::HoldRefused { held: false, cause });
            }
            Hold::Retrieving => self.still_held(key, &mut call, cause),
            Hold::Idle | Hold::Ours | Hold::Theirs => {}
        }
        self.keep_call(key, call);
    }

    fn still_held(&mut self, key: Key, call: &mut Call, cause: Cause) {
        self.give_channel_back(key, call);
        call.hold = Hold::Ours;
        self.call_event(call, CallEvent::HoldRefused { held: true, cause });
    }

    fn give_channel_back(&mut self, key: Key, call: &mut Call) {
        if let Some(channel) = call.channel.take() {
            self.channels.release(channel, key);
        }
    }

    fn refuse_hold(&mut self, key: Key, call: Call, asked: MessageType, cause: u8) {
        let kind =
            if asked == MessageType::HOLD { MessageType::HOLD_REJECT } else { MessageType::RETRIEVE_REJECT };
        self.send_clearing(key.reference(), kind, cause);
        self.keep_call(key, call);
    }
}
