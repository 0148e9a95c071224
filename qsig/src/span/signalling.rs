//! Call independent connections (ECMA-165 7.3) in the owner's hands, in both roles: call completion, remote control of
//! diversion, and whatever is passed on between trunks. Message waiting has machines of its own (`invoker.rs`, `server.rs`).

use std::time::Instant;

use bytes::Bytes;

use super::{
    CallError, CallState, Carrier, Connection, ConnectionId, Event, Key, MAX_CONNECTIONS, OperationId, Span,
    Timer,
};
use crate::q931::{
    BearerCapability, CallReference, Cause, ChannelId, Element, Message, MessageType, Number, ie,
};
use crate::service::Operation;

/// A connection to be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRequest {
    /// The called number.
    pub called: Number,
    /// The calling number.
    pub calling: Option<Number>,
    /// An operation in SETUP.
    pub operation: Option<Operation>,
    /// Further elements, such as Facility elements that are passed on.
    pub elements: Vec<Element>,
}

/// What happens to a connection. Messages are given whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// SETUP: accept or release it within 30 s.
    Incoming(Message),
    /// CONNECT for one of ours.
    Connected(Message),
    /// FACILITY, NOTIFY or INFORMATION.
    Facility(Message),
    /// The connection is gone; its identifier means nothing any more.
    Released {
        /// Why.
        cause: Cause,
        /// RELEASE or RELEASE COMPLETE, if one came: it may carry an answer.
        message: Option<Message>,
    },
}

#[derive(Debug)]
pub(super) struct Signalling {
    id: ConnectionId,
    outgoing: bool,
    /// One of U1, U3, U6, U9, U10, U19.
    state: CallState,
    setup: Bytes,
    repeated: bool,
    cause: Cause,
    /// Facility elements that go with the first answer.
    pub(super) answers: Vec<Element>,
}

impl Signalling {
    /// Set up by the peer, not answered yet.
    pub(super) fn is_present(&self) -> bool {
        matches!(self.state, CallState::CallPresent | CallState::IncomingCallProceeding)
    }

    pub(super) fn forbids_facility(&self) -> Option<CallState> {
        let forbidden = matches!(
            self.state,
            CallState::CallInitiated | CallState::CallPresent | CallState::ReleaseRequest
        );
        forbidden.then_some(self.state)
    }
}

impl Span {
    /// Sets a call independent connection up. [`ConnectionEvent`]s follow, [`ConnectionEvent::Released`] last, once. The
    /// operation in its SETUP, if there is one, has the second identifier.
    ///
    /// # Errors
    /// [`CallError`]; there is no connection then.
    pub fn open_connection(
        &mut self,
        now: Instant,
        request: &ConnectionRequest,
    ) -> Result<(ConnectionId, Option<OperationId>), CallError> {
        if !self.is_up() || !self.config.dialect().call_independent {
            return Err(CallError::LinkDown);
        }
        if self.connections.len() >= MAX_CONNECTIONS {
            return Err(CallError::TooMany(self.connections.len()));
        }
        let mut elements = vec![
            BearerCapability::CALL_INDEPENDENT.element(),
            ChannelId::CALL_INDEPENDENT.element(),
            request.called.element(ie::CALLED_NUMBER),
        ];
        elements.extend(request.calling.as_ref().map(|number| number.element(ie::CALLING_NUMBER)));
        if let Some(operation) = &request.operation {
            elements.push(operation.element(self.config.mwi.profile, self.next_invoke_id));
        }
        if self.config.mwi.sending_complete {
            elements.push(Element::single(ie::SENDING_COMPLETE));
        }
        let mut message = Message::new(CallReference::new(0, false), MessageType::SETUP);
        message.elements = super::command::ordered(elements, &request.elements);
        let (len, limit) = (message.len(), self.longest());
        if len > limit {
            return Err(CallError::TooLong { len, limit });
        }
        let key = self.allocate().ok_or(CallError::TooMany(self.connections.len()))?;
        message.call_reference = key.reference();
        let operation = match &request.operation {
            Some(operation) => Some(self.supervise_operation(now, key, operation)?),
            None => None,
        };
        let id = ConnectionId(self.id());
        let setup = message.to_bytes();
        self.send_octets(setup.clone());
        self.timers.start(key, Timer::T303, now + self.config.l3.t303);
        self.signallings.insert(id, key);
        let signalling = Signalling {
            id,
            outgoing: true,
            state: CallState::CallInitiated,
            setup,
            repeated: false,
            cause: Cause::private(16),
            answers: Vec::new(),
        };
        self.keep_signalling(key, signalling);
        self.finish(now);
        Ok((id, operation))
    }

    /// CONNECT for a connection of the peer, with answers given so far and these elements.
    ///
    /// # Errors
    /// [`CallError::NoSuchCall`], [`CallError::State`] if it has been accepted or is ours.
    pub fn accept_connection(
        &mut self,
        now: Instant,
        id: ConnectionId,
        elements: &[Element],
    ) -> Result<(), CallError> {
        let (key, mut signalling) = self.take_signalling(id)?;
        if !signalling.is_present() {
            let state = signalling.state;
            self.keep_signalling(key, signalling);
            return Err(CallError::State { message: MessageType::CONNECT, state });
        }
        let mut answer = vec![ChannelId::CALL_INDEPENDENT.element()];
        answer.append(&mut signalling.answers);
        let mut message = Message::new(key.reference(), MessageType::CONNECT);
        message.elements = super::command::ordered(answer, elements);
        self.send(&message);
        self.timers.stop_all(key);
        signalling.state = CallState::Active;
        self.keep_signalling(key, signalling);
        self.finish(now);
        Ok(())
    }

    /// FACILITY with these elements, octet for octet.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn send_on_connection(
        &mut self,
        now: Instant,
        id: ConnectionId,
        elements: Vec<Element>,
    ) -> Result<(), CallError> {
        let (key, signalling) = self.take_signalling(id)?;
        let forbidden = signalling.forbids_facility();
        self.keep_signalling(key, signalling);
        let mut message = Message::new(key.reference(), MessageType::FACILITY);
        message.elements = elements;
        if let Some(state) = forbidden {
            return Err(CallError::State { message: MessageType::FACILITY, state });
        }
        let (len, limit) = (message.len(), self.longest());
        if len > limit {
            return Err(CallError::TooLong { len, limit });
        }
        self.send(&message);
        self.finish(now);
        Ok(())
    }

    /// Releases a connection in any state: RELEASE COMPLETE for one of the peer's that was not accepted, else RELEASE, with
    /// answers given so far and these elements.
    ///
    /// # Errors
    /// [`CallError::NoSuchCall`]
    pub fn release_connection(
        &mut self,
        now: Instant,
        id: ConnectionId,
        cause: Cause,
        elements: &[Element],
    ) -> Result<(), CallError> {
        let (key, mut signalling) = self.take_signalling(id)?;
        if signalling.is_present() {
            let mut answer = vec![cause.element()];
            answer.append(&mut signalling.answers);
            let mut message = Message::new(key.reference(), MessageType::RELEASE_COMPLETE);
            message.elements = super::command::ordered(answer, elements);
            self.send(&message);
            self.end_signalling(key, &signalling, cause, None);
        } else {
            self.release_signalling(now, key, signalling, cause, elements);
        }
        self.finish(now);
        Ok(())
    }

    /// Connections in the owner's hands.
    pub fn open_connections(&self) -> usize {
        self.signallings.len()
    }

    pub(super) fn start_signalling(&mut self, now: Instant, key: Key, message: &Message) {
        let refusal = self.refusal(message);
        if refusal.clear {
            self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 29);
            return;
        }
        let id = ConnectionId(self.id());
        self.signallings.insert(id, key);
        self.timers.start(key, Timer::Proceeding, now + self.config.l3.proceeding);
        self.timers.start(key, Timer::Answer, now + self.config.l3.answer);
        self.events.push_back(Event::Connection { id, event: ConnectionEvent::Incoming(message.clone()) });
        let signalling = Signalling {
            id,
            outgoing: false,
            state: CallState::CallPresent,
            setup: Bytes::new(),
            repeated: false,
            cause: Cause::private(16),
            answers: refusal.elements,
        };
        self.keep_signalling(key, signalling);
        self.note_components(key, Carrier::Connection(id), message);
    }

    pub(super) fn signalling_message(
        &mut self,
        now: Instant,
        key: Key,
        mut signalling: Signalling,
        message: &Message,
    ) {
        use CallState as S;
        use MessageType as M;
        if message.kind != M::SETUP {
            self.note_components(key, Carrier::Connection(signalling.id), message);
        }
        let cause = message.cause().unwrap_or(Cause::private(31));
        match (message.kind, signalling.state) {
            (M::RELEASE | M::RELEASE_COMPLETE, state) => {
                if message.kind == M::RELEASE && state != S::ReleaseRequest {
                    self.send(&Message::new(key.reference(), M::RELEASE_COMPLETE));
                }
                let cause = if state == S::ReleaseRequest { signalling.cause } else { cause };
                self.end_signalling(key, &signalling, cause, Some(message.clone()));
            }
            (M::STATUS, _) if message.call_state() == Some(0) => {
                self.end_signalling(key, &signalling, cause, None);
            }
            (M::STATUS_ENQUIRY, state) => {
                self.send_status(key.reference(), 30, state.number(), &[]);
                self.keep_signalling(key, signalling);
            }
            (_, S::ReleaseRequest) => self.keep_signalling(key, signalling),
            (M::DISCONNECT, _) => self.release_signalling(now, key, signalling, cause, &[]),
            (M::CALL_PROCEEDING, S::CallInitiated) => {
                signalling.state = S::OutgoingCallProceeding;
                self.timers.stop(key, Timer::T303);
                self.timers.start(key, Timer::T310, now + self.config.l3.t310);
                self.keep_signalling(key, signalling);
            }
            (M::CONNECT, S::CallInitiated | S::OutgoingCallProceeding) => {
                self.timers.stop_all(key);
                signalling.state = S::Active;
                self.send(&Message::new(key.reference(), M::CONNECT_ACKNOWLEDGE));
                let event = ConnectionEvent::Connected(message.clone());
                self.events.push_back(Event::Connection { id: signalling.id, event });
                self.keep_signalling(key, signalling);
            }
            (M::FACILITY | M::NOTIFY | M::INFORMATION, _) => {
                let refusal = self.refusal(message);
                if refusal.clear {
                    return self.release_signalling(now, key, signalling, Cause::private(29), &[]);
                }
                if !refusal.elements.is_empty() {
                    let mut answer = Message::new(key.reference(), M::FACILITY);
                    answer.elements = refusal.elements;
                    self.send(&answer);
                }
                let event = ConnectionEvent::Facility(message.clone());
                self.events.push_back(Event::Connection { id: signalling.id, event });
                self.keep_signalling(key, signalling);
            }
            // Repeated after T303, or without meaning here.
            (M::SETUP | M::STATUS | M::CONNECT | M::CONNECT_ACKNOWLEDGE | M::CALL_PROCEEDING, _) => {
                self.keep_signalling(key, signalling);
            }
            (other, state) => {
                let cause = if other.name().is_some() { 98 } else { 97 };
                self.send_status(key.reference(), cause, state.number(), &[message.kind.0]);
                self.keep_signalling(key, signalling);
            }
        }
    }

    pub(super) fn signalling_timeout(
        &mut self,
        now: Instant,
        key: Key,
        mut signalling: Signalling,
        timer: Timer,
    ) {
        match timer {
            Timer::T303 if !signalling.repeated => {
                signalling.repeated = true;
                self.send_octets(signalling.setup.clone());
                self.timers.start(key, Timer::T303, now + self.config.l3.t303);
                self.keep_signalling(key, signalling);
            }
            Timer::T303 => {
                self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 102);
                self.end_signalling(key, &signalling, Cause::private(102), None);
            }
            Timer::T310 => self.release_signalling(now, key, signalling, Cause::private(102), &[]),
            Timer::Proceeding => {
                signalling.state = CallState::IncomingCallProceeding;
                self.send(
                    &Message::new(key.reference(), MessageType::CALL_PROCEEDING)
                        .with(ChannelId::CALL_INDEPENDENT.element()),
                );
                self.keep_signalling(key, signalling);
            }
            Timer::Answer => {
                self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 41);
                self.end_signalling(key, &signalling, Cause::private(41), None);
            }
            Timer::T308 if !signalling.repeated => {
                signalling.repeated = true;
                self.send_clearing(key.reference(), MessageType::RELEASE, signalling.cause.value);
                self.timers.start(key, Timer::T308, now + self.config.l3.t308);
                self.keep_signalling(key, signalling);
            }
            Timer::T308 => self.end_signalling(key, &signalling, signalling.cause, None),
            _ => self.keep_signalling(key, signalling),
        }
    }

    /// The data link is lost: a connection that is not a call has nothing to outlive it for.
    pub(super) fn signalling_link_lost(&mut self, key: Key, signalling: &Signalling) {
        self.end_signalling(key, signalling, Cause::private(27), None);
    }

    fn release_signalling(
        &mut self,
        now: Instant,
        key: Key,
        mut signalling: Signalling,
        cause: Cause,
        elements: &[Element],
    ) {
        if signalling.state != CallState::ReleaseRequest {
            self.timers.stop_all(key);
            signalling.state = CallState::ReleaseRequest;
            signalling.repeated = false;
            signalling.cause = cause;
            let mut message = Message::new(key.reference(), MessageType::RELEASE);
            message.elements = super::command::ordered(vec![cause.element()], elements);
            self.send(&message);
            self.timers.start(key, Timer::T308, now + self.config.l3.t308);
        }
        self.keep_signalling(key, signalling);
    }

    fn end_signalling(&mut self, key: Key, signalling: &Signalling, cause: Cause, message: Option<Message>) {
        self.timers.stop_all(key);
        self.signallings.remove(&signalling.id);
        self.work_ended(key, cause);
        let event = ConnectionEvent::Released { cause, message };
        self.events.push_back(Event::Connection { id: signalling.id, event });
        tracing::trace!(id = signalling.id.0, outgoing = signalling.outgoing, "connection over");
    }

    fn keep_signalling(&mut self, key: Key, signalling: Signalling) {
        self.connections.insert(key, Connection::Signalling(Box::new(signalling)));
    }

    fn take_signalling(&mut self, id: ConnectionId) -> Result<(Key, Signalling), CallError> {
        let key = self.signallings.get(&id).copied().ok_or(CallError::NoSuchCall)?;
        match self.connections.remove(&key) {
            Some(Connection::Signalling(signalling)) => Ok((key, *signalling)),
            // `signallings` only names these; put back what else is there.
            Some(other) => {
                self.connections.insert(key, other);
                Err(CallError::NoSuchCall)
            }
            None => Err(CallError::NoSuchCall),
        }
    }
}
