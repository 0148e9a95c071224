//! Basic call (ECMA-143): the states of a call and what messages and timers do to it. One machine for both sides, since
//! QSIG is symmetric; commands are in `command.rs`.

use std::fmt;
use std::time::Instant;

use super::hold::Hold;
use super::record::CallRecord;
use super::{BChannel, CallId, Carrier, Connection, Diagnostic, Event, Key, Span, Timer};
use crate::Side;
use crate::q931::{
    BearerCapability, Cause, ChannelId, ChannelSelection, Element, Faults, Message, MessageType, Number,
    ProgressIndicator, ie,
};

/// The state of a call, Q.931 2.1; the numbers are those of the call state element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallState {
    /// U1: SETUP sent.
    CallInitiated = 1,
    /// U2: SETUP ACKNOWLEDGE received, more digits may be sent.
    OverlapSending = 2,
    /// U3: CALL PROCEEDING received.
    OutgoingCallProceeding = 3,
    /// U4: ALERTING received.
    CallDelivered = 4,
    /// U6: SETUP received.
    CallPresent = 6,
    /// U7: ALERTING sent.
    CallReceived = 7,
    /// U8: CONNECT sent, CONNECT ACKNOWLEDGE awaited, on the user side where the dialect has this state.
    ConnectRequest = 8,
    /// U9: CALL PROCEEDING sent.
    IncomingCallProceeding = 9,
    /// U10: connected.
    Active = 10,
    /// U11: DISCONNECT sent.
    DisconnectRequest = 11,
    /// U12: DISCONNECT received, tones are on the channel.
    DisconnectIndication = 12,
    /// U19: RELEASE sent.
    ReleaseRequest = 19,
    /// U25: SETUP ACKNOWLEDGE sent, digits are awaited.
    OverlapReceiving = 25,
}

impl CallState {
    /// The value of the call state element.
    pub fn number(self) -> u8 {
        self as u8
    }

    fn is_outgoing_setup(self) -> bool {
        matches!(
            self,
            Self::CallInitiated | Self::OverlapSending | Self::OutgoingCallProceeding | Self::CallDelivered
        )
    }
}

impl fmt::Display for CallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::decode::call_state(self.number()))
    }
}

/// What happened to a call. Messages are given whole: numbers, progress, names and what we do not know are in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// A call comes in. Answer within 4 s (the peer's T303) with one of the `*_call` commands.
    Incoming {
        /// SETUP.
        message: Message,
        /// The called number and sending complete as far as they came.
        digits: String,
        /// Whether the number is complete for certain; if not, `acknowledge_call` asks for more digits.
        complete: bool,
    },
    /// More digits of an incoming call, or the end of the number (sending complete, or T302 expired).
    Digits {
        /// All digits so far.
        digits: String,
        /// No more will come.
        complete: bool,
    },
    /// SETUP ACKNOWLEDGE: send more digits.
    SetupAcknowledged(Message),
    /// CALL PROCEEDING.
    Proceeding(Message),
    /// ALERTING.
    Alerting(Message),
    /// PROGRESS.
    Progress(Message),
    /// CONNECT: the called party answered.
    Connected(Message),
    /// CONNECT ACKNOWLEDGE for our CONNECT.
    ConnectAcknowledged,
    /// NOTIFY.
    Notify(Message),
    /// FACILITY.
    Facility(Message),
    /// The call is held and has no B channel.
    Held {
        /// We asked for it ([`Span::hold_call`]); else the peer did.
        ours: bool,
    },
    /// The call has a B channel again, perhaps another one.
    Retrieved,
    /// HOLD or RETRIEVE of ours was refused, or not answered.
    HoldRefused {
        /// Whether the call is held now: RETRIEVE was refused.
        held: bool,
        /// Why.
        cause: Cause,
    },
    /// DISCONNECT, RELEASE or RELEASE COMPLETE of the peer, whole, where [`crate::SpanConfig::pass_calls`] wants it; the event
    /// that says what it means follows.
    Clearing(Message),
    /// The call is being cleared; [`CallEvent::Released`] follows. The B channel carries tones if `tones` is set, until
    /// `clear_call` or T306.
    Disconnected {
        /// Why.
        cause: Cause,
        /// Whether there are tones to listen to.
        tones: bool,
    },
    /// The call is gone; its identifier means nothing any more.
    Released {
        /// Why.
        cause: Cause,
    },
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) state: CallState,
    pub(super) outgoing: bool,
    /// `None` after a lost glare, or once given up.
    pub(super) channel: Option<BChannel>,
    /// The first response has gone by: the channel is settled.
    pub(super) settled: bool,
    /// SETUP for T303; empty of an incoming call.
    pub(super) setup: Message,
    pub(super) repeated: bool,
    pub(super) digits: String,
    /// Facility elements to send with the first response.
    pub(super) rejects: Vec<Element>,
    pub(super) cause: Cause,
    pub(super) hold: Hold,
    /// For the shows.
    pub(super) record: CallRecord,
}

/// Most digits of one call.
const MAX_DIGITS: usize = 64;

impl Span {
    pub(super) fn call_event(&mut self, call: &Call, event: CallEvent) {
        self.events.push_back(Event::Call { id: call.id, event });
    }

    pub(super) fn keep_call(&mut self, key: Key, mut call: Call) {
        call.record.note_channel(call.channel);
        self.connections.insert(key, Connection::Call(Box::new(call)));
    }

    /// The call is gone: channel, timers and identifier come home.
    pub(super) fn end_call(&mut self, now: Instant, key: Key, call: &Call, cause: Cause) {
        self.timers.stop_all(key);
        if let Some(slot) = call.channel {
            self.channels.release(slot, key);
        }
        self.calls.remove(&call.id);
        self.work_ended(key, cause);
        self.record_end(now, call, cause);
        self.call_event(call, CallEvent::Released { cause });
    }

    pub(super) fn start_incoming(&mut self, now: Instant, key: Key, message: &Message) {
        let refusal = self.call_refusal(message);
        let wanted = message.get(ie::CHANNEL_ID).map(|body| ChannelId::parse(body));
        let slot = match wanted {
            _ if refusal.clear => Err(29),
            Some(None) => Err(100),
            wanted => self.settle_glare(wanted.flatten()),
        };
        let slot = match slot {
            Ok(slot) => slot,
            Err(cause) => return self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, cause),
        };
        self.channels.take(slot, key);
        let id = CallId(self.id());
        let called = message.get(ie::CALLED_NUMBER).and_then(|body| Number::parse(body));
        let mut called = called.unwrap_or_else(Number::unknown);
        called.digits.truncate(MAX_DIGITS);
        let digits = called.digits.clone();
        let calling = message.get(ie::CALLING_NUMBER).and_then(|body| Number::parse(body));
        let bearer = BearerCapability(message.get(ie::BEARER_CAPABILITY).cloned().unwrap_or_default());
        let mut record = CallRecord::new(id, key.reference(), false, (calling, called), bearer, now);
        record.note_name(message);
        let complete =
            message.all(ie::SENDING_COMPLETE).next().is_some() || !self.config.dialect().overlap_receiving;
        let call = Call {
            id,
            state: CallState::CallPresent,
            outgoing: false,
            channel: Some(slot),
            settled: false,
            setup: Message::new(key.reference(), MessageType::SETUP),
            repeated: false,
            digits: digits.clone(),
            rejects: refusal.elements,
            cause: Cause::private(16),
            hold: Hold::Idle,
            record,
        };
        self.statistics.calls_received += 1;
        self.timers.start(key, Timer::Answer, now + self.config.l3.answer);
        self.calls.insert(id, key);
        self.call_event(&call, CallEvent::Incoming { message: message.clone(), digits, complete });
        self.keep_call(key, call);
        self.note_components(key, Carrier::Call(id), message);
    }

    /// The channel of an incoming call; a collision with a call of ours that has no answer yet is settled here.
    ///
    /// `//= Q.931 5.7`: the network's call keeps the channel both sides have chosen.
    fn settle_glare(&mut self, wanted: Option<ChannelId>) -> Result<BChannel, u8> {
        let slot = wanted.and_then(|id| self.config.channel(&id));
        if let Some((slot, owner)) = slot.and_then(|slot| Some((slot, self.channels.owner(slot)?)))
            && self.config.side == Side::User
            && let Some(Connection::Call(ours)) = self.connections.get_mut(&owner)
            && ours.state == CallState::CallInitiated
        {
            // Ours has lost the channel; the peer refuses it, or gives it another.
            ours.channel = None;
            return Ok(slot);
        }
        self.channels.answer(&self.config, wanted)
    }

    pub(super) fn call_message(
        &mut self,
        now: Instant,
        key: Key,
        call: Call,
        message: &Message,
        whole: bool,
    ) {
        let faults = message.faults(whole);
        self.note_faults(message, &faults);
        self.act_on(now, key, call, message, &faults);
        //= Q.931 5.8.7.1: the STATUS tells the state after action was taken on the message.
        self.report_faults(key, &faults);
    }

    /// Notes what is wrong with a message's elements for whoever reads the diagnostics.
    pub(super) fn note_faults(&mut self, message: &Message, faults: &Faults) {
        if let Some((cause, elements)) = faults.refusal().or_else(|| faults.remark()) {
            self.diagnostics.note(|| Diagnostic::Faulty {
                message: message.kind,
                call_reference: message.call_reference,
                cause,
                elements: elements.to_vec(),
            });
        }
    }

    /// Tells the peer what was passed over in a message, if the configuration wants it and the call is still there.
    pub(super) fn report_faults(&mut self, key: Key, faults: &Faults) {
        if self.config.report_faults
            && faults.refusal().is_none()
            && let Some((cause, elements)) = faults.remark()
            && let Some(Connection::Call(call)) = self.connections.get(&key)
            && call.state != CallState::ReleaseRequest
        {
            let state = call.state.number();
            self.send_status(key.reference(), cause, state, elements);
        }
    }

    fn act_on(&mut self, now: Instant, key: Key, mut call: Call, message: &Message, faults: &Faults) {
        use CallState as S;
        use MessageType as M;
        let cause = message.cause();
        let clearing =
            matches!(call.state, S::DisconnectRequest | S::DisconnectIndication | S::ReleaseRequest)
                || matches!(message.kind, M::DISCONNECT | M::RELEASE | M::RELEASE_COMPLETE | M::SETUP);
        if let (false, Some((cause, elements))) = (clearing, faults.refusal()) {
            //= Q.931 5.8.6: such a message gets STATUS, cause 96 or 100, and is otherwise ignored.
            if message.kind != M::STATUS {
                self.send_status(key.reference(), cause, call.state.number(), elements);
                return self.keep_call(key, call);
            }
        }
        if message.kind != M::SETUP {
            self.note_components(key, Carrier::Call(call.id), message);
        }
        if !clearing {
            let refusal = self.call_refusal(message);
            if refusal.clear {
                return self.clear_ourselves(now, key, call, 29);
            }
            self.send_rejects(key, &mut call, refusal.elements);
        }
        if self.config.pass_calls && matches!(message.kind, M::DISCONNECT | M::RELEASE | M::RELEASE_COMPLETE)
        {
            self.call_event(&call, CallEvent::Clearing(message.clone()));
        }
        match (message.kind, call.state) {
            (M::RELEASE, state) => {
                if state != S::ReleaseRequest {
                    let echo = cause.map_or(96, |_| call.cause.value);
                    let value = if matches!(state, S::DisconnectRequest) {
                        echo
                    } else {
                        cause.map_or(96, |c| c.value)
                    };
                    self.send_clearing(key.reference(), M::RELEASE_COMPLETE, value);
                }
                self.end_call(now, key, &call, cause.unwrap_or(call.cause));
            }
            (M::RELEASE_COMPLETE, _) => self.end_call(now, key, &call, cause.unwrap_or(call.cause)),
            (M::STATUS, _) => self.call_status(now, key, call, message),
            (M::STATUS_ENQUIRY, state) => {
                self.send_status(key.reference(), 30, state.number(), &[]);
                self.keep_call(key, call);
            }
            (_, S::ReleaseRequest) => self.keep_call(key, call),
            (M::DISCONNECT, S::DisconnectRequest) => self.release_call(now, key, call, None),
            (M::DISCONNECT, S::DisconnectIndication) => self.keep_call(key, call),
            (M::DISCONNECT, _) => {
                let tones = message
                    .all(ie::PROGRESS)
                    .filter_map(|body| ProgressIndicator::parse(body))
                    .any(|progress| progress.description == 8);
                let told = cause.unwrap_or(Cause::private(31));
                call.cause = told;
                self.call_event(&call, CallEvent::Disconnected { cause: told, tones });
                if tones {
                    self.timers.stop_all(key);
                    self.timers.start(key, Timer::T306, now + self.config.l3.t306);
                    call.state = S::DisconnectIndication;
                    self.keep_call(key, call);
                } else {
                    //= Q.931 5.8.6.2: DISCONNECT without a cause is answered by RELEASE with cause 96.
                    let value = faults.refusal().map_or(told.value, |(cause, _)| cause);
                    self.release_call(now, key, call, Some(value));
                }
            }
            (_, S::DisconnectRequest | S::DisconnectIndication)
                if matches!(
                    message.kind,
                    M::SETUP_ACKNOWLEDGE
                        | M::CALL_PROCEEDING
                        | M::ALERTING
                        | M::PROGRESS
                        | M::CONNECT
                        | M::CONNECT_ACKNOWLEDGE
                        | M::INFORMATION
                        | M::NOTIFY
                        | M::FACILITY
                ) =>
            {
                // Sent before the peer knew that the call is being cleared.
                self.keep_call(key, call);
            }
            (M::SETUP_ACKNOWLEDGE, S::CallInitiated)
            | (M::CALL_PROCEEDING, S::CallInitiated | S::OverlapSending)
            | (M::ALERTING, S::CallInitiated | S::OverlapSending | S::OutgoingCallProceeding)
            | (
                M::CONNECT,
                S::CallInitiated | S::OverlapSending | S::OutgoingCallProceeding | S::CallDelivered,
            ) => self.call_answered(now, key, call, message),
            (M::PROGRESS, state) if state.is_outgoing_setup() => {
                if self.settle_channel(key, &mut call, message) {
                    // Tones may last as long as ringing: T310 and T304 give way to T301.
                    for timer in [Timer::T303, Timer::T304, Timer::T310] {
                        self.timers.stop(key, timer);
                    }
                    self.timers.start(key, Timer::T301, now + self.config.l3.t301);
                    if call.state == S::CallInitiated {
                        call.state = S::OutgoingCallProceeding;
                    }
                    self.call_event(&call, CallEvent::Progress(message.clone()));
                    self.keep_call(key, call);
                } else {
                    self.clear_ourselves(now, key, call, 6);
                }
            }
            (M::CONNECT_ACKNOWLEDGE, S::Active | S::ConnectRequest) => {
                call.state = S::Active;
                if self.timers.is_running(key, Timer::T313) {
                    self.timers.stop(key, Timer::T313);
                    self.call_event(&call, CallEvent::ConnectAcknowledged);
                }
                self.keep_call(key, call);
            }
            // A CONNECT said twice is acknowledged twice.
            (M::CONNECT, S::Active) if call.outgoing => {
                self.send(&Message::new(key.reference(), M::CONNECT_ACKNOWLEDGE));
                self.keep_call(key, call);
            }
            (M::INFORMATION, S::OverlapReceiving) => self.call_digits(now, key, call, message),
            (M::NOTIFY, _) => {
                self.call_event(&call, CallEvent::Notify(message.clone()));
                self.keep_call(key, call);
            }
            (M::FACILITY, _) => {
                self.call_event(&call, CallEvent::Facility(message.clone()));
                self.keep_call(key, call);
            }
            (
                M::HOLD
                | M::HOLD_ACKNOWLEDGE
                | M::HOLD_REJECT
                | M::RETRIEVE
                | M::RETRIEVE_ACKNOWLEDGE
                | M::RETRIEVE_REJECT,
                _,
            ) => self.hold_message(key, call, message),
            (M::SUSPEND, _) => self.refuse(key, call, M::SUSPEND_REJECT),
            (M::RESUME, _) => self.refuse(key, call, M::RESUME_REJECT),
            // Repeated by the peer's T303, or without meaning for the call.
            (M::SETUP | M::INFORMATION | M::PROGRESS, _) => self.keep_call(key, call),
            (kind, state) => {
                //= Q.931 5.8.4: STATUS with cause 97 for an unknown message, 101 for an unexpected one.
                let cause = if kind.name().is_some() { 101 } else { 97 };
                self.diagnostics.note(|| Diagnostic::Unexpected {
                    message: kind,
                    call_reference: message.call_reference,
                    state: state.number(),
                });
                self.send_status(key.reference(), cause, state.number(), &[kind.0]);
                self.keep_call(key, call);
            }
        }
    }

    /// SETUP ACKNOWLEDGE, CALL PROCEEDING, ALERTING or CONNECT for a call of ours, in a state that allows it.
    fn call_answered(&mut self, now: Instant, key: Key, mut call: Call, message: &Message) {
        if !self.settle_channel(key, &mut call, message) {
            return self.clear_ourselves(now, key, call, 6);
        }
        for timer in [Timer::T301, Timer::T303, Timer::T304, Timer::T310] {
            self.timers.stop(key, timer);
        }
        let l3 = &self.config.l3;
        let event = match message.kind {
            MessageType::SETUP_ACKNOWLEDGE => {
                call.state = CallState::OverlapSending;
                self.timers.start(key, Timer::T304, now + l3.t304);
                CallEvent::SetupAcknowledged(message.clone())
            }
            MessageType::CALL_PROCEEDING => {
                call.state = CallState::OutgoingCallProceeding;
                self.timers.start(key, Timer::T310, now + l3.t310);
                CallEvent::Proceeding(message.clone())
            }
            MessageType::ALERTING => {
                call.state = CallState::CallDelivered;
                call.record.note_name(message);
                self.timers.start(key, Timer::T301, now + l3.t301);
                CallEvent::Alerting(message.clone())
            }
            _ => {
                call.state = CallState::Active;
                call.record.connected = Some(now);
                call.record.note_name(message);
                self.send(&Message::new(key.reference(), MessageType::CONNECT_ACKNOWLEDGE));
                CallEvent::Connected(message.clone())
            }
        };
        self.call_event(&call, event);
        self.keep_call(key, call);
    }

    /// The first response decides the channel. False: it names one we cannot take.
    fn settle_channel(&mut self, key: Key, call: &mut Call, message: &Message) -> bool {
        if std::mem::replace(&mut call.settled, true) {
            return true;
        }
        let id = match message.get(ie::CHANNEL_ID).map(|body| ChannelId::parse(body)) {
            None => return call.channel.is_some(),
            Some(None) => return false,
            Some(Some(ChannelId { selection: ChannelSelection::Any, .. })) => return call.channel.is_some(),
            Some(Some(id)) => id,
        };
        let Some(slot) = self.config.channel(&id) else { return false };
        if call.channel == Some(slot) {
            return true;
        }
        let negotiable = self.config.negotiate_bchan || call.channel.is_none();
        if !negotiable || !self.channels.is_free(&self.config, slot) {
            return false;
        }
        if let Some(old) = call.channel.replace(slot) {
            self.channels.release(old, key);
        }
        self.channels.take(slot, key);
        true
    }

    fn call_digits(&mut self, now: Instant, key: Key, mut call: Call, message: &Message) {
        let more = message
            .get(ie::CALLED_NUMBER)
            .and_then(|body| Number::parse(body))
            .map(|number| number.digits)
            .or_else(|| {
                let keypad = message.get(ie::KEYPAD)?;
                keypad.is_ascii().then(|| keypad.iter().copied().map(char::from).collect())
            })
            .unwrap_or_default();
        let room = MAX_DIGITS.saturating_sub(call.digits.len());
        call.digits.extend(more.chars().take(room));
        call.record.called.digits.clone_from(&call.digits);
        let complete = message.all(ie::SENDING_COMPLETE).next().is_some();
        if complete {
            self.timers.stop(key, Timer::T302);
        } else {
            self.timers.start(key, Timer::T302, now + self.config.l3.t302);
        }
        self.call_event(&call, CallEvent::Digits { digits: call.digits.clone(), complete });
        self.keep_call(key, call);
    }

    fn call_status(&mut self, now: Instant, key: Key, call: Call, message: &Message) {
        self.timers.stop(key, Timer::T322);
        let cause = message.cause().unwrap_or(Cause::private(41));
        match message.call_state() {
            //= Q.931 5.8.11: null in any other state clears the call without a message.
            Some(0) => self.end_call(now, key, &call, cause),
            Some(state) if call.state == CallState::Active && !matches!(state, 3 | 4 | 7 | 8 | 9 | 10) => {
                // Incompatible: the peer is clearing, or never got so far.
                self.clear_ourselves(now, key, call, 101);
            }
            _ => self.keep_call(key, call),
        }
    }

    pub(super) fn call_timeout(&mut self, now: Instant, key: Key, mut call: Call, timer: Timer) {
        match timer {
            Timer::T303 if !call.repeated => {
                call.repeated = true;
                self.send(&call.setup);
                self.timers.start(key, Timer::T303, now + self.config.l3.t303);
                self.keep_call(key, call);
            }
            Timer::T303 => {
                self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 102);
                self.end_call(now, key, &call, Cause::private(102));
            }
            Timer::T301 => self.clear_ourselves(now, key, call, 19),
            Timer::T304 | Timer::T310 | Timer::T313 => self.clear_ourselves(now, key, call, 102),
            Timer::T302 => {
                self.call_event(&call, CallEvent::Digits { digits: call.digits.clone(), complete: true });
                // The owner proceeds or clears; if it does neither, the call ends as one without a reaction.
                self.timers.start(key, Timer::Answer, now + self.config.l3.answer);
                self.keep_call(key, call);
            }
            Timer::T305 | Timer::T306 => self.release_call(now, key, call, None),
            Timer::T308 if !call.repeated => {
                call.repeated = true;
                self.send_clearing(key.reference(), MessageType::RELEASE, call.cause.value);
                self.timers.start(key, Timer::T308, now + self.config.l3.t308);
                self.keep_call(key, call);
            }
            Timer::T308 => self.end_call(now, key, &call, call.cause),
            Timer::T309 => self.end_call(now, key, &call, Cause::private(27)),
            Timer::T322 if !call.repeated => {
                call.repeated = true;
                self.enquire(now, key);
                self.keep_call(key, call);
            }
            Timer::T322 => self.clear_ourselves(now, key, call, 41),
            Timer::Answer if call.state == CallState::CallPresent => {
                self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 41);
                self.end_call(now, key, &call, Cause::private(41));
            }
            Timer::Answer => self.clear_ourselves(now, key, call, 28),
            Timer::Hold | Timer::Retrieve => self.hold_timeout(key, call),
            Timer::T316 | Timer::T321 | Timer::Supervision | Timer::Proceeding | Timer::Idle => {
                self.keep_call(key, call)
            }
        }
    }

    /// The span itself clears the call (a timer, a service): the owner hears of it at once.
    pub(super) fn clear_ourselves(&mut self, now: Instant, key: Key, call: Call, cause: u8) {
        let cause = Cause::private(cause);
        self.call_event(&call, CallEvent::Disconnected { cause, tones: false });
        self.disconnect_call(now, key, call, cause, Vec::new());
    }

    pub(super) fn disconnect_call(
        &mut self,
        now: Instant,
        key: Key,
        mut call: Call,
        cause: Cause,
        elements: Vec<Element>,
    ) {
        self.timers.stop_all(key);
        call.state = CallState::DisconnectRequest;
        call.cause = cause;
        let mut message = Message::new(key.reference(), MessageType::DISCONNECT).with(cause.element());
        message.elements.extend(elements);
        self.send(&message);
        self.timers.start(key, Timer::T305, now + self.config.l3.t305);
        self.keep_call(key, call);
    }

    pub(super) fn release_call(&mut self, now: Instant, key: Key, mut call: Call, cause: Option<u8>) {
        self.timers.stop_all(key);
        call.state = CallState::ReleaseRequest;
        call.repeated = false;
        self.send_clearing(key.reference(), MessageType::RELEASE, cause.unwrap_or(call.cause.value));
        self.timers.start(key, Timer::T308, now + self.config.l3.t308);
        self.keep_call(key, call);
    }

    fn refuse(&mut self, key: Key, call: Call, kind: MessageType) {
        // Facility not implemented.
        self.send_clearing(key.reference(), kind, 69);
        self.keep_call(key, call);
    }

    pub(super) fn enquire(&mut self, now: Instant, key: Key) {
        self.send(&Message::new(key.reference(), MessageType::STATUS_ENQUIRY));
        self.timers.start(key, Timer::T322, now + self.config.l3.t322);
    }

    /// Asks the peer for the state of every active call (STATUS ENQUIRY, T322). A call the peer does not know, or whose state
    /// does not fit, is cleared; one without an answer is cleared after T322 has expired twice.
    pub fn audit_calls(&mut self, now: Instant) {
        let keys: Vec<Key> = self.calls.values().copied().collect();
        for key in keys {
            let auditing =
                self.timers.is_running(key, Timer::T322) || self.timers.is_running(key, Timer::T309);
            match self.connections.get_mut(&key) {
                Some(Connection::Call(call)) if call.state == CallState::Active && !auditing => {
                    call.repeated = false;
                    self.enquire(now, key);
                }
                _ => {}
            }
        }
        self.finish(now);
    }

    /// The data link is lost: active calls live on for T309, the others end.
    pub(super) fn call_link_lost(&mut self, now: Instant, key: Key, call: Call) {
        if call.state != CallState::Active {
            return self.end_call(now, key, &call, Cause::private(27));
        }
        if !self.timers.is_running(key, Timer::T309) {
            self.timers.stop_all(key);
            self.timers.start(key, Timer::T309, now + self.config.l3.t309);
        }
        self.keep_call(key, call);
    }

    /// The data link is back: calls that waited for it are checked against the peer's view.
    pub(super) fn call_link_back(&mut self, now: Instant) {
        let waiting: Vec<Key> =
            self.calls.values().copied().filter(|key| self.timers.is_running(*key, Timer::T309)).collect();
        for key in waiting {
            self.timers.stop(key, Timer::T309);
            if let Some(Connection::Call(call)) = self.connections.get_mut(&key) {
                call.repeated = false;
                self.enquire(now, key);
            }
        }
    }
}
