//! What the owner of a span can do with calls.

use std::time::Instant;

use super::call::Call;
use super::record::CallRecord;
use super::{CallId, CallState, Connection, Key, MAX_CONNECTIONS, NameForm, OperationId, Span, Timer};
use crate::Side;
use crate::name::{Name, NameKind};
use crate::q931::{
    BearerCapability, CallReference, Cause, Element, Message, MessageType, Number, NumberPlan,
    ProgressIndicator, ie,
};
use crate::service::Operation;

/// An outgoing call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRequest {
    /// The called number, as far as it is known.
    pub called: Number,
    /// The calling number.
    pub calling: Option<Number>,
    /// The caller's name.
    pub name: Option<Name>,
    /// What the call carries.
    pub bearer: BearerCapability,
    /// En bloc: the number is complete (`A1` is sent). False: the peer may ask for more digits.
    pub complete: bool,
    /// B channel, as timeslot; `None`: the next free one.
    pub channel: Option<u8>,
    /// Further elements, such as progress indicators or what another trunk sent.
    pub elements: Vec<Element>,
}

impl CallRequest {
    /// An en bloc speech call to `digits`, unknown plan, A-law.
    pub fn new(digits: &str) -> Self {
        Self {
            called: Number { plan: NumberPlan::UNKNOWN, presentation: None, digits: digits.to_owned() },
            calling: None,
            name: None,
            bearer: BearerCapability::SPEECH_ALAW,
            complete: true,
            channel: None,
            elements: Vec::new(),
        }
    }
}

/// What a message about a call says besides its type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallDetail {
    /// Progress indicators.
    pub progress: Vec<ProgressIndicator>,
    /// Connected number, in CONNECT.
    pub connected: Option<Number>,
    /// Called name in ALERTING, connected name in CONNECT; not sent in other messages.
    pub name: Option<Name>,
    /// Further elements.
    pub elements: Vec<Element>,
}

/// Why a command on a call was refused; nothing was sent then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The data link is not established.
    #[error("the data link is not established")]
    LinkDown,
    /// No such call (any more).
    #[error("there is no such call")]
    NoSuchCall,
    /// The call's state does not allow the message.
    #[error("{message} cannot be sent in state {state}")]
    State {
        /// What should have been sent.
        message: MessageType,
        /// The call's state.
        state: CallState,
    },
    /// No free B channel, or the one asked for is not free: cause 34 or 44.
    #[error("no free B channel")]
    NoChannel,
    /// The message does not fit N201, or the segments it may be sent in.
    #[error("message of {len} octets, limit {limit}")]
    TooLong {
        /// Octets it would take.
        len: usize,
        /// Most octets.
        limit: usize,
    },
    /// Digits other than 0-9, A-D, `*`, `#`, or more than 32.
    #[error("the digits cannot be sent")]
    Digits,
    /// Too many calls and connections.
    #[error("{0} calls and connections under way already")]
    TooMany(usize),
}

/// A call as `show isdn active` needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallInfo {
    /// Which call.
    pub id: CallId,
    /// Its state.
    pub state: CallState,
    /// Its B channel, as timeslot.
    pub channel: Option<u8>,
    /// The channel's interface: 0, or the NFAS interface identifier.
    pub interface: u8,
    /// Whether we set it up.
    pub outgoing: bool,
    /// Its call reference as in messages we send.
    pub call_reference: CallReference,
}

impl Span {
    /// Sets a call up. [`crate::CallEvent`]s follow, [`crate::CallEvent::Released`] last, once.
    ///
    /// # Errors
    /// [`CallError`]; there is no call then.
    pub fn start_call(&mut self, now: Instant, request: &CallRequest) -> Result<CallId, CallError> {
        if !self.is_up() {
            return Err(CallError::LinkDown);
        }
        if self.connections.len() >= MAX_CONNECTIONS {
            return Err(CallError::TooMany(self.connections.len()));
        }
        check_digits(&request.called.digits)?;
        let slot = match request.channel {
            None => self.channels.hunt(&self.config),
            Some(slot) => {
                Some(self.config.home(slot)).filter(|slot| self.channels.is_free(&self.config, *slot))
            }
        };
        let slot = slot.ok_or(CallError::NoChannel)?;
        let channel = self.config.channel_id(slot, !self.config.negotiate_bchan);
        let mut elements =
            vec![request.bearer.element(), channel.element(), request.called.element(ie::CALLED_NUMBER)];
        let (named, used) = self.name_element(NameKind::Calling, request.name.as_ref());
        elements.extend(named);
        elements.extend(request.calling.as_ref().map(|number| number.element(ie::CALLING_NUMBER)));
        if request.complete && self.config.dialect().sending_complete {
            elements.push(Element::single(ie::SENDING_COMPLETE));
        }
        let mut message = Message::new(CallReference::new(0, false), MessageType::SETUP);
        message.elements = ordered(elements, &request.elements);
        self.check_length(&message)?;
        let key = self.allocate().ok_or(CallError::TooMany(self.connections.len()))?;
        message.call_reference = key.reference();
        if used {
            self.use_invoke_id();
        }
        self.send(&message);
        self.timers.start(key, Timer::T303, now + self.config.l3.t303);
        self.channels.take(slot, key);
        let id = CallId(self.id());
        self.calls.insert(id, key);
        self.statistics.calls_sent += 1;
        let numbers = (request.calling.clone(), request.called.clone());
        let record = CallRecord::new(id, key.reference(), true, numbers, request.bearer.clone(), now);
        let call = Call {
            id,
            state: CallState::CallInitiated,
            outgoing: true,
            channel: Some(slot),
            settled: false,
            setup: message,
            repeated: false,
            digits: request.called.digits.clone(),
            rejects: Vec::new(),
            cause: Cause::private(16),
            hold: super::hold::Hold::Idle,
            record,
        };
        self.keep_call(key, call);
        self.finish(now);
        Ok(id)
    }

    /// As [`Span::start_call`], with an operation in SETUP. If it is supervised, [`crate::Event::OperationDone`] with the second
    /// identifier follows once.
    ///
    /// # Errors
    /// [`CallError`]; there is no call then.
    pub fn start_call_with(
        &mut self,
        now: Instant,
        request: &CallRequest,
        operation: &Operation,
    ) -> Result<(CallId, OperationId), CallError> {
        let invoke_id = self.next_invoke_id;
        let element = operation.element(self.config.mwi.profile, invoke_id);
        let mut request = request.clone();
        // Elements of other codesets stay last.
        request.elements.insert(0, element);
        self.use_invoke_id();
        let call = self.start_call(now, &request)?;
        let key = self.calls.get(&call).copied().ok_or(CallError::NoSuchCall)?;
        Ok((call, self.supervise_as(now, key, operation, invoke_id)))
    }

    /// SETUP ACKNOWLEDGE for an incoming call: more digits are awaited (overlap receiving, T302).
    ///
    /// # Errors
    /// [`CallError`]
    pub fn acknowledge_call(
        &mut self,
        now: Instant,
        id: CallId,
        detail: &CallDetail,
    ) -> Result<(), CallError> {
        self.respond(now, id, MessageType::SETUP_ACKNOWLEDGE, detail, &[CallState::CallPresent])
    }

    /// CALL PROCEEDING for an incoming call.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn proceed_call(&mut self, now: Instant, id: CallId, detail: &CallDetail) -> Result<(), CallError> {
        let states = [CallState::CallPresent, CallState::OverlapReceiving];
        self.respond(now, id, MessageType::CALL_PROCEEDING, detail, &states)
    }

    /// ALERTING for an incoming call.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn alert_call(&mut self, now: Instant, id: CallId, detail: &CallDetail) -> Result<(), CallError> {
        let states = [CallState::CallPresent, CallState::OverlapReceiving, CallState::IncomingCallProceeding];
        self.respond(now, id, MessageType::ALERTING, detail, &states)
    }

    /// PROGRESS for an incoming call, after CALL PROCEEDING or ALERTING.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn progress_call(&mut self, now: Instant, id: CallId, detail: &CallDetail) -> Result<(), CallError> {
        let states =
            [CallState::IncomingCallProceeding, CallState::CallReceived, CallState::OverlapReceiving];
        self.respond(now, id, MessageType::PROGRESS, detail, &states)
    }

    /// CONNECT for an incoming call: it is active at once, or on CONNECT ACKNOWLEDGE where the dialect has U8.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn answer_call(&mut self, now: Instant, id: CallId, detail: &CallDetail) -> Result<(), CallError> {
        let states = [
            CallState::CallPresent,
            CallState::OverlapReceiving,
            CallState::IncomingCallProceeding,
            CallState::CallReceived,
        ];
        self.respond(now, id, MessageType::CONNECT, detail, &states)
    }

    /// INFORMATION with more digits of an outgoing call in overlap sending.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn send_digits(
        &mut self,
        now: Instant,
        id: CallId,
        digits: &str,
        complete: bool,
    ) -> Result<(), CallError> {
        check_digits(digits)?;
        let (key, mut call) = self.take_call(id)?;
        if call.state != CallState::OverlapSending {
            let error = CallError::State { message: MessageType::INFORMATION, state: call.state };
            self.keep_call(key, call);
            return Err(error);
        }
        let number = Number { plan: NumberPlan::UNKNOWN, presentation: None, digits: digits.to_owned() };
        let mut message =
            Message::new(key.reference(), MessageType::INFORMATION).with(number.element(ie::CALLED_NUMBER));
        if complete && self.config.dialect().sending_complete {
            message.elements.push(Element::single(ie::SENDING_COMPLETE));
        }
        self.send(&message);
        call.digits.push_str(digits);
        call.record.called.digits.clone_from(&call.digits);
        self.timers.start(key, Timer::T304, now + self.config.l3.t304);
        self.keep_call(key, call);
        self.finish(now);
        Ok(())
    }

    /// A message that changes nothing about the call: NOTIFY or FACILITY, in any state after its first response.
    ///
    /// # Errors
    /// [`CallError`]; any other message type is refused as one the state does not allow.
    pub fn inform_call(
        &mut self,
        now: Instant,
        id: CallId,
        kind: MessageType,
        elements: Vec<Element>,
    ) -> Result<(), CallError> {
        let (key, call) = self.take_call(id)?;
        let clearing = matches!(call.state, CallState::ReleaseRequest);
        let early = matches!(call.state, CallState::CallInitiated | CallState::CallPresent);
        let allowed = matches!(kind, MessageType::NOTIFY | MessageType::FACILITY) && !clearing && !early;
        let mut message = Message::new(key.reference(), kind);
        message.elements = elements;
        let result = if allowed {
            self.check_length(&message)
        } else {
            Err(CallError::State { message: kind, state: call.state })
        };
        self.keep_call(key, call);
        result?;
        self.send(&message);
        self.finish(now);
        Ok(())
    }

    /// Clears a call in any state: RELEASE COMPLETE for one that has had no reaction yet, else DISCONNECT, or RELEASE if
    /// the peer was listening to tones of its own.
    ///
    /// # Errors
    /// [`CallError::NoSuchCall`]
    pub fn clear_call(&mut self, now: Instant, id: CallId, cause: Cause) -> Result<(), CallError> {
        self.clear_call_with(now, id, cause, &CallDetail::default())
    }

    /// As [`Span::clear_call`], with more to say: a progress indicator 8 in DISCONNECT invites the peer to listen to tones
    /// until T305 (30 s) ends the call; the name goes out as busyName.
    ///
    /// # Errors
    /// [`CallError::NoSuchCall`]; [`CallError::TooLong`], and nothing was done then.
    pub fn clear_call_with(
        &mut self,
        now: Instant,
        id: CallId,
        cause: Cause,
        detail: &CallDetail,
    ) -> Result<(), CallError> {
        let (key, mut call) = self.take_call(id)?;
        let (name, used) = self.name_element(NameKind::Busy, detail.name.as_ref());
        let mut elements: Vec<Element> = name.into_iter().collect();
        if call.state != CallState::CallPresent {
            elements.extend(detail.progress.iter().map(|progress| progress.element()));
        }
        let mut complete = Message::new(key.reference(), MessageType::RELEASE_COMPLETE).with(cause.element());
        let elements = ordered(elements, &detail.elements);
        complete.elements.extend(elements.iter().cloned());
        if let Err(error) = self.check_length(&complete) {
            self.keep_call(key, call);
            return Err(error);
        }
        if used {
            self.use_invoke_id();
        }
        match call.state {
            CallState::CallPresent => {
                self.send(&complete);
                self.end_call(now, key, &call, cause);
            }
            CallState::DisconnectRequest | CallState::ReleaseRequest => self.keep_call(key, call),
            CallState::DisconnectIndication => {
                call.cause = cause;
                self.release_call(now, key, call, None);
            }
            _ => self.disconnect_call(now, key, call, cause, elements),
        }
        self.finish(now);
        Ok(())
    }

    /// The calls, oldest first.
    pub fn calls(&self) -> impl Iterator<Item = CallInfo> + '_ {
        self.calls.values().filter_map(|key| match self.connections.get(key) {
            Some(Connection::Call(call)) => Some(CallInfo {
                id: call.id,
                state: call.state,
                channel: call.channel.map(|channel| channel.slot),
                interface: call.channel.map_or(0, |channel| channel.interface),
                outgoing: call.outgoing,
                call_reference: key.reference(),
            }),
            _ => None,
        })
    }

    /// One call.
    pub fn call(&self, id: CallId) -> Option<CallInfo> {
        self.calls().find(|call| call.id == id)
    }

    /// The free B channels, bit n-1 for timeslot n, as the free channel mask of `show isdn status`.
    pub fn free_channels(&self) -> u32 {
        self.free_channels_of(self.config.home(0).interface)
    }

    /// The free B channels of one interface of an NFAS group.
    pub fn free_channels_of(&self, interface: u8) -> u32 {
        self.channels.free(&self.config, interface)
    }

    /// Whether a B channel can be given to a call now.
    pub fn has_free(&self, channel: super::BChannel) -> bool {
        self.channels.is_free(&self.config, channel)
    }

    /// B channels in use.
    pub fn channels_in_use(&self) -> usize {
        self.channels.in_use()
    }

    fn respond(
        &mut self,
        now: Instant,
        id: CallId,
        kind: MessageType,
        detail: &CallDetail,
        states: &[CallState],
    ) -> Result<(), CallError> {
        let (key, mut call) = self.take_call(id)?;
        let first = call.channel.filter(|_| {
            call.state == CallState::CallPresent
                && matches!(kind, MessageType::ALERTING | MessageType::CONNECT)
                && self.config.dialect().proceeding_first
        });
        call.settled |= first.is_some();
        match self.response(key, &call, kind, detail, states) {
            Ok(message) => {
                if let Some(channel) = first {
                    let id = self.config.channel_id(channel, true).element();
                    self.send(&Message::new(key.reference(), MessageType::CALL_PROCEEDING).with(id));
                }
                self.send(&message);
                self.responded(now, key, call, kind);
                self.finish(now);
                Ok(())
            }
            Err(error) => {
                call.settled &= first.is_none();
                self.keep_call(key, call);
                Err(error)
            }
        }
    }

    fn response(
        &mut self,
        key: Key,
        call: &Call,
        kind: MessageType,
        detail: &CallDetail,
        states: &[CallState],
    ) -> Result<Message, CallError> {
        if !states.contains(&call.state) {
            return Err(CallError::State { message: kind, state: call.state });
        }
        let mut elements = Vec::new();
        //= Q.931 5.2.3.1: the first response to SETUP carries the channel identification.
        if let Some(slot) = call.channel.filter(|_| !call.settled) {
            elements.push(self.config.channel_id(slot, true).element());
        }
        elements.extend(detail.progress.iter().map(|progress| progress.element()));
        if kind == MessageType::CONNECT {
            elements.extend(detail.connected.as_ref().map(|number| number.element(ie::CONNECTED_NUMBER)));
        }
        let named = match kind {
            MessageType::ALERTING => Some(NameKind::Called),
            MessageType::CONNECT => Some(NameKind::Connected),
            _ => None,
        };
        let mut used = false;
        if let Some(kind) = named {
            let (element, facility) = self.name_element(kind, detail.name.as_ref());
            elements.extend(element);
            used = facility;
        }
        let mut message = Message::new(key.reference(), kind);
        message.elements = ordered(elements, &detail.elements);
        self.check_length(&message)?;
        let room = self.longest().saturating_sub(message.len());
        if call.rejects.iter().map(|reject| 2 + reject.body.len()).sum::<usize>() <= room {
            message.elements = ordered(message.elements, &call.rejects);
        }
        if used {
            self.use_invoke_id();
        }
        Ok(message)
    }

    fn responded(&mut self, now: Instant, key: Key, mut call: Call, kind: MessageType) {
        call.settled = true;
        call.rejects.clear();
        self.timers.stop(key, Timer::Answer);
        if kind != MessageType::PROGRESS {
            self.timers.stop(key, Timer::T302);
        }
        match kind {
            MessageType::SETUP_ACKNOWLEDGE => {
                call.state = CallState::OverlapReceiving;
                self.timers.start(key, Timer::T302, now + self.config.l3.t302);
            }
            MessageType::CALL_PROCEEDING => call.state = CallState::IncomingCallProceeding,
            MessageType::ALERTING => call.state = CallState::CallReceived,
            MessageType::CONNECT => {
                let dialect = self.config.dialect();
                let user = self.config.side == Side::User;
                let waits = user && dialect.connect_request;
                call.state = if waits { CallState::ConnectRequest } else { CallState::Active };
                call.record.connected = Some(now);
                if user || dialect.network_t313 {
                    self.timers.start(key, Timer::T313, now + self.config.l3.t313);
                }
            }
            _ => {}
        }
        self.keep_call(key, call);
    }

    /// The element that carries a name on this switch type, and whether it takes an invoke identifier.
    fn name_element(&self, kind: NameKind, name: Option<&Name>) -> (Option<Element>, bool) {
        let Some(name) = name else { return (None, false) };
        let dialect = self.config.dialect();
        match dialect.names {
            NameForm::Facility => {
                (Some(name.element(kind, self.config.mwi.profile, self.next_invoke_id)), true)
            }
            NameForm::Display { typed } if self.config.side == Side::Network || dialect.user_display => {
                (name.display(typed), false)
            }
            NameForm::Display { .. } | NameForm::None => (None, false),
        }
    }

    pub(super) fn take_call(&mut self, id: CallId) -> Result<(Key, Call), CallError> {
        let key = self.calls.get(&id).copied().ok_or(CallError::NoSuchCall)?;
        match self.connections.remove(&key) {
            Some(Connection::Call(call)) => Ok((key, *call)),
            // `calls` only names calls; put back what else is there.
            Some(other) => {
                self.connections.insert(key, other);
                Err(CallError::NoSuchCall)
            }
            None => Err(CallError::NoSuchCall),
        }
    }

    fn check_length(&self, message: &Message) -> Result<(), CallError> {
        let (len, limit) = (message.len(), self.longest());
        if len > limit { Err(CallError::TooLong { len, limit }) } else { Ok(()) }
    }

    fn use_invoke_id(&mut self) {
        self.next_invoke_id = self.next_invoke_id.checked_add(1).unwrap_or(1);
    }
}

/// Elements in ascending order, single-octet ones after them, and last what is in other codesets, as given.
pub(super) fn ordered(mut elements: Vec<Element>, further: &[Element]) -> Vec<Element> {
    let shift = |elements: &[Element]| elements.iter().position(Element::is_shift).unwrap_or(elements.len());
    let own = elements.split_off(shift(&elements));
    let (plain, shifted) = further.split_at(shift(further));
    elements.extend(plain.iter().cloned());
    elements.sort_by_key(|element| element.id);
    elements.extend(own);
    elements.extend(shifted.iter().cloned());
    elements
}

fn check_digits(digits: &str) -> Result<(), CallError> {
    let valid = digits.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'A'..=b'D' | b'*' | b'#'));
    if valid && digits.len() <= 32 { Ok(()) } else { Err(CallError::Digits) }
}
