//! Operations of the supplementary services, in calls and on call independent connections: identifiers, supervision, answers.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{
    CallError, CallId, CallState, Connection, ConnectionId, Event, IndicationId, Key, OperationId, Span,
};
use crate::facility::{Facility, Interpretation, Item};
use crate::q931::{CallReference, Cause, Element, Message, MessageType, Number, ie};
use crate::rose::{Code, Component, Invoke, Problem, Reject, RejectedId, expects_answer};
use crate::service::{self, Answer, Operation, Outcome};

/// What an operation travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Carrier {
    /// A call.
    Call(CallId),
    /// A call independent connection.
    Connection(ConnectionId),
}

/// An operation of ours that waits for its answer.
#[derive(Debug)]
struct Outstanding {
    operation: OperationId,
    deadline: Instant,
}

/// An operation of the peer that waits for the owner.
#[derive(Debug)]
struct Asked {
    key: Key,
    invoke_id: i16,
    code: Code,
    profile: u8,
    nfe: bool,
}

/// All operations under way.
#[derive(Debug, Default)]
pub(super) struct Work {
    ours: BTreeMap<(Key, i16), Outstanding>,
    theirs: BTreeMap<IndicationId, Asked>,
}

/// Most operations of one call or connection that may wait for an answer, in each direction.
const MAX_WAITING: usize = 16;
/// callRerouting of ETS 300 207-1, which wants an answer; in QSIG the value is that of callTransferUpdate, which does not.
const ETSI_CALL_REROUTING: i32 = 13;

/// Most rejects and errors one message can make us send: what fits one message.
const MAX_REFUSALS: usize = 4;

/// What is to be done about the invokes of one message.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// Facility elements with rejects and errors, to be sent.
    pub(super) elements: Vec<Element>,
    /// The call is to be cleared with cause 29.
    pub(super) clear: bool,
    /// Some invoke is one the owner wants.
    pub(super) wanted: bool,
}

impl Work {
    pub(super) fn next(&self) -> Option<Instant> {
        self.ours.values().map(|outstanding| outstanding.deadline).min()
    }

    fn waiting(&self, key: Key) -> usize {
        self.ours.range((key, i16::MIN)..=(key, i16::MAX)).count()
    }
}

impl Span {
    /// Sends an operation in FACILITY. If it is supervised, [`Event::OperationDone`] with the returned identifier follows
    /// once; the others have no answer.
    ///
    /// # Errors
    /// [`CallError`]: there is no such carrier, its state allows no FACILITY, the message is too long, or 16 operations
    /// wait on it.
    pub fn invoke(
        &mut self,
        now: Instant,
        carrier: Carrier,
        operation: &Operation,
    ) -> Result<OperationId, CallError> {
        let key = self.carrier_key(carrier)?;
        let state = self.facility_state(key)?;
        let mut message = Message::new(key.reference(), MessageType::FACILITY);
        if let Some(state) = state {
            return Err(CallError::State { message: message.kind, state });
        }
        message.elements.push(operation.element(self.config.mwi.profile, self.next_invoke_id));
        let (len, limit) = (message.len(), self.longest());
        if len > limit {
            return Err(CallError::TooLong { len, limit });
        }
        let id = self.supervise_operation(now, key, operation)?;
        self.send(&message);
        self.finish(now);
        Ok(id)
    }

    /// Answers an operation ([`Event::Invoked`]). Nothing happens if it has been answered or its call or connection is gone.
    pub fn answer(&mut self, now: Instant, id: IndicationId, answer: Answer) {
        let Some(asked) = self.work.theirs.remove(&id) else { return };
        let component = answer.component(asked.invoke_id, asked.code);
        let facility = Facility::new(asked.profile, asked.nfe, None, component);
        let element = Element::new(ie::FACILITY, facility.to_vec());
        let mut message = Message::new(asked.key.reference(), MessageType::FACILITY);
        match self.connections.get_mut(&asked.key) {
            // Before the first response: it goes with it.
            Some(Connection::Call(call)) if call.state == CallState::CallPresent => {
                call.rejects.push(element)
            }
            Some(Connection::Signalling(signalling)) if signalling.is_present() => {
                signalling.answers.push(element);
            }
            Some(_) => {
                message.elements.push(element);
                self.send(&message);
            }
            None => {}
        }
        self.finish(now);
    }

    /// Refuses the invokes of a call's message that were left to the owner ([`super::SpanConfig::pass_calls`]) and that nobody
    /// takes, as the span does by itself otherwise: with an error, a reject or not at all; or by clearing the call.
    ///
    /// # Errors
    /// [`CallError::NoSuchCall`]
    pub fn refuse_invokes(&mut self, now: Instant, id: CallId, message: &Message) -> Result<(), CallError> {
        let refusal = self.refusal_unless(false, message);
        let (key, mut call) = self.take_call(id)?;
        match call.state {
            CallState::DisconnectRequest | CallState::DisconnectIndication | CallState::ReleaseRequest => {
                self.keep_call(key, call);
            }
            CallState::CallPresent if refusal.clear => {
                self.keep_call(key, call);
                self.clear_call(now, id, Cause::private(29))?;
            }
            _ if refusal.clear => self.clear_ourselves(now, key, call, 29),
            _ => {
                self.send_rejects(key, &mut call, refusal.elements);
                self.keep_call(key, call);
            }
        }
        self.finish(now);
        Ok(())
    }

    /// Sends Facility elements without a call (FACILITY with the dummy call reference, ECMA-165 7.2), routed by the called
    /// number.
    ///
    /// # Errors
    /// [`CallError::LinkDown`] and [`CallError::TooLong`].
    pub fn send_connectionless(
        &mut self,
        now: Instant,
        called: &Number,
        calling: Option<&Number>,
        facilities: Vec<Element>,
    ) -> Result<(), CallError> {
        if !self.is_up() {
            return Err(CallError::LinkDown);
        }
        let mut message = Message::new(CallReference::DUMMY, MessageType::FACILITY);
        message.elements = facilities;
        message.elements.extend(calling.map(|number| number.element(ie::CALLING_NUMBER)));
        message.elements.push(called.element(ie::CALLED_NUMBER));
        let (len, limit) = (message.len(), self.longest());
        if len > limit {
            return Err(CallError::TooLong { len, limit });
        }
        self.send(&message);
        self.finish(now);
        Ok(())
    }

    /// A FACILITY with the dummy call reference came: the owner gets it, and what wants an answer nobody gives is refused.
    pub(super) fn handle_connectionless(&mut self, now: Instant, message: &Message) {
        if message.kind == MessageType::FACILITY && self.take_connectionless(now, message) {
            return;
        }
        if message.kind != MessageType::FACILITY || !self.config.dialect().call_independent {
            self.statistics.messages_ignored += 1;
            return;
        }
        let refusal = self.refusal(message);
        if !refusal.elements.is_empty() {
            let mut answer = Message::new(CallReference::DUMMY, MessageType::FACILITY);
            answer.elements = refusal.elements;
            // Back to where it came from.
            for (from, to) in
                [(ie::CALLED_NUMBER, ie::CALLING_NUMBER), (ie::CALLING_NUMBER, ie::CALLED_NUMBER)]
            {
                let number = message.get(from).and_then(|body| Number::parse(body));
                answer.elements.extend(number.map(|mut number| {
                    number.presentation = (to == ie::CALLING_NUMBER).then_some(0x80);
                    number.element(to)
                }));
            }
            self.send(&answer);
        }
        self.events.push_back(Event::Connectionless(message.clone()));
    }

    /// Takes an invoke identifier for an operation that is sent on `key`, and starts its supervision.
    pub(super) fn supervise_operation(
        &mut self,
        now: Instant,
        key: Key,
        operation: &Operation,
    ) -> Result<OperationId, CallError> {
        let waiting = self.work.waiting(key);
        if waiting >= MAX_WAITING {
            return Err(CallError::TooMany(waiting));
        }
        let invoke_id = self.next_invoke_id;
        self.next_invoke_id = invoke_id.checked_add(1).unwrap_or(1);
        Ok(self.supervise_as(now, key, operation, invoke_id))
    }

    /// Starts the supervision of an operation that is sent on `key` with this invoke identifier.
    pub(super) fn supervise_as(
        &mut self,
        now: Instant,
        key: Key,
        operation: &Operation,
        invoke_id: i16,
    ) -> OperationId {
        let id = OperationId(self.id());
        if let Some(time) = operation.supervision {
            let outstanding = Outstanding { operation: id, deadline: now + time };
            self.work.ours.insert((key, invoke_id), outstanding);
        }
        id
    }

    /// Looks at the invokes of a message. Operations that return nothing (names, diversion and transfer information, …) are
    /// the owner's to read, and those of [`super::SpanConfig::services`] come to it as events; others are refused.
    pub(super) fn refusal(&self, message: &Message) -> Refusal {
        self.refusal_unless(self.config.pass_services, message)
    }

    /// The same for a message of a call.
    pub(super) fn call_refusal(&self, message: &Message) -> Refusal {
        self.refusal_unless(self.config.pass_services || self.config.pass_calls, message)
    }

    fn refusal_unless(&self, passes: bool, message: &Message) -> Refusal {
        let mut refusal = Refusal::default();
        for facility in message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)) {
            for component in facility.components() {
                let Component::Invoke(invoke) = component else { continue };
                let value = invoke.operation.value();
                if value.is_some_and(|value| self.config.services.contains(&value)) {
                    refusal.wanted = true;
                    continue;
                }
                let rerouting = value == Some(ETSI_CALL_REROUTING) && !self.config.dialect().call_independent;
                if passes || !rerouting && value.is_some_and(|value| !expects_answer(value)) {
                    continue;
                }
                let answer = match (value.and_then(service::refusal_error), facility.interpretation()) {
                    (Some(error), _) => Answer::Error(error),
                    (None, Interpretation::Discard) => continue,
                    (None, Interpretation::ClearCall) => {
                        refusal.clear = true;
                        continue;
                    }
                    (None, Interpretation::Reject) => Answer::Reject(Problem::Invoke(1)),
                };
                if refusal.elements.len() < MAX_REFUSALS {
                    refusal.elements.push(answer_element(&facility, invoke, answer));
                }
            }
        }
        refusal
    }

    /// Answers to our operations, and the peer's operations the owner wants.
    pub(super) fn note_components(&mut self, key: Key, carrier: Carrier, message: &Message) {
        for facility in message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)) {
            for component in facility.components() {
                match component {
                    Component::Invoke(invoke) => self.note_invoke(key, carrier, &facility, invoke),
                    Component::ReturnResult(result) => {
                        let body = result.result.as_ref().and_then(|body| body.result.clone());
                        self.operation_done(key, result.invoke_id, Outcome::Result(body));
                    }
                    Component::ReturnError(error) => {
                        let value = error.error.value().unwrap_or(service::UNSPECIFIED);
                        let outcome = Outcome::Error(value, error.parameter.clone());
                        self.operation_done(key, error.invoke_id, outcome);
                    }
                    Component::Reject(Reject { invoke_id: RejectedId::Id(id), problem }) => {
                        self.operation_done(key, *id, Outcome::Reject(*problem));
                    }
                    Component::Reject(_) => {}
                }
            }
        }
    }

    /// Ends what was under way on a call or connection that is gone.
    pub(super) fn work_ended(&mut self, key: Key, cause: Cause) {
        while let Some((&(_, invoke_id), _)) = self.work.ours.range((key, i16::MIN)..=(key, i16::MAX)).next()
        {
            self.operation_done(key, invoke_id, Outcome::Released(cause));
        }
        self.work.theirs.retain(|_, asked| asked.key != key);
    }

    /// Gives up operations whose supervision has ended.
    pub(super) fn work_timeout(&mut self, now: Instant) {
        let due: Vec<(Key, i16)> = self
            .work
            .ours
            .iter()
            .filter(|(_, outstanding)| outstanding.deadline <= now)
            .map(|(at, _)| *at)
            .collect();
        for (key, invoke_id) in due {
            self.operation_done(key, invoke_id, Outcome::NoAnswer);
        }
    }

    /// Sends rejects and errors in a FACILITY message, or keeps them for the first response to a SETUP.
    pub(super) fn send_rejects(&mut self, key: Key, call: &mut super::call::Call, elements: Vec<Element>) {
        if elements.is_empty() {
            return;
        }
        if call.settled || call.outgoing {
            let mut message = Message::new(key.reference(), MessageType::FACILITY);
            message.elements = elements;
            self.send(&message);
        } else {
            call.rejects.extend(elements);
        }
    }

    fn note_invoke(&mut self, key: Key, carrier: Carrier, facility: &Facility, invoke: &Invoke) {
        let value = invoke.operation.value();
        if !value.is_some_and(|value| self.config.services.contains(&value)) {
            return;
        }
        let waiting = self.work.theirs.values().filter(|asked| asked.key == key);
        let mut count = 0;
        for asked in waiting {
            if asked.invoke_id == invoke.invoke_id {
                // A SETUP repeated by T303, or an identifier used twice: the first one counts.
                return;
            }
            count += 1;
        }
        if count >= MAX_WAITING {
            let mut message = Message::new(key.reference(), MessageType::FACILITY);
            message.elements = vec![answer_element(facility, invoke, Answer::Reject(Problem::Invoke(3)))];
            self.send(&message);
            return;
        }
        let id = IndicationId(self.id());
        if value.is_some_and(expects_answer) {
            let asked = Asked {
                key,
                invoke_id: invoke.invoke_id,
                code: invoke.operation.clone(),
                profile: facility.profile,
                nfe: has_nfe(facility),
            };
            self.work.theirs.insert(id, asked);
        }
        self.events.push_back(Event::Invoked { id, carrier, invoke: invoke.clone() });
    }

    fn operation_done(&mut self, key: Key, invoke_id: i16, outcome: Outcome) {
        if let Some(Outstanding { operation, .. }) = self.work.ours.remove(&(key, invoke_id)) {
            self.events.push_back(Event::OperationDone { operation, outcome });
        }
    }

    fn carrier_key(&self, carrier: Carrier) -> Result<Key, CallError> {
        let key = match carrier {
            Carrier::Call(id) => self.calls.get(&id),
            Carrier::Connection(id) => self.signallings.get(&id),
        };
        key.copied().ok_or(CallError::NoSuchCall)
    }

    /// `None`: FACILITY may be sent; else the state that forbids it.
    fn facility_state(&self, key: Key) -> Result<Option<CallState>, CallError> {
        match self.connections.get(&key) {
            Some(Connection::Call(call)) => Ok(Some(call.state).filter(|state| {
                matches!(state, CallState::ReleaseRequest | CallState::CallInitiated | CallState::CallPresent)
            })),
            Some(Connection::Signalling(signalling)) => Ok(signalling.forbids_facility()),
            _ => Err(CallError::NoSuchCall),
        }
    }
}

fn has_nfe(facility: &Facility) -> bool {
    facility.items.iter().any(|item| matches!(item, Item::Nfe(_)))
}

/// The answer to an invoke, in the form of the element it came in.
fn answer_element(facility: &Facility, invoke: &Invoke, answer: Answer) -> Element {
    let component = answer.component(invoke.invoke_id, invoke.operation.clone());
    let answer = Facility::new(facility.profile, has_nfe(facility), None, component);
    Element::new(ie::FACILITY, answer.to_vec())
}
