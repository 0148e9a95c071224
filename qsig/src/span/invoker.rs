//! Message centre side: one operation on a call independent connection (ECMA-165 7.3) that we set up.

use std::time::Instant;

use bytes::Bytes;

use super::{Connection, Event, Key, MAX_CONNECTIONS, OperationId, Span, Timer};
use crate::facility::{Facility, Interpretation};
use crate::mwi::{self, InvokeError, MwiAction, MwiOutcome, MwiRequest, PartyNumber};
use crate::q931::{BearerCapability, Cause, ChannelId, Element, Message, MessageType, Number, ie};
use crate::rose::{Component, Problem, Reject, RejectedId};

/// Q.931 call states of a connection we set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallState {
    /// U1.
    CallInitiated = 1,
    /// U3.
    OutgoingCallProceeding = 3,
    /// U10.
    Active = 10,
    /// U19.
    ReleaseRequest = 19,
}

#[derive(Debug)]
pub(super) struct Invoker {
    operation: OperationId,
    invoke_id: i16,
    action: MwiAction,
    state: CallState,
    setup: Bytes,
    /// Until when a SETUP may wait for the window before T303 counts.
    patience: Instant,
    repeated: bool,
    release_cause: u8,
}

impl Span {
    pub(super) fn start_invoker(
        &mut self,
        now: Instant,
        request: &MwiRequest,
    ) -> Result<OperationId, InvokeError> {
        if !self.is_up() {
            return Err(InvokeError::LinkDown);
        }
        if self.connections.len() >= MAX_CONNECTIONS {
            return Err(InvokeError::TooMany(self.connections.len()));
        }
        let invoke_id = self.next_invoke_id;
        let mut setup = setup(request, &self.config.mwi, invoke_id)?;
        if setup.len() > self.config.l2.n201 {
            return Err(InvokeError::TooLong { len: setup.len(), limit: self.config.l2.n201 });
        }
        let key = self.allocate().ok_or(InvokeError::TooMany(self.connections.len()))?;
        setup.call_reference = key.reference();
        self.next_invoke_id = invoke_id.checked_add(1).unwrap_or(1);
        let operation = OperationId(self.id());
        let setup = setup.to_bytes();
        self.send_octets(setup.clone());
        self.timers.start(key, Timer::T303, now + self.config.l3.t303);
        self.statistics.mwi_invoked += 1;
        self.operations.insert(operation, key);
        let invoker = Invoker {
            operation,
            invoke_id,
            action: request.action,
            state: CallState::CallInitiated,
            setup,
            patience: now + self.config.mwi.supervision,
            repeated: false,
            release_cause: 16,
        };
        self.connections.insert(key, Connection::Invoker(invoker));
        Ok(operation)
    }

    pub(super) fn cancel_invoker(&mut self, now: Instant, operation: OperationId) {
        let Some(key) = self.operations.remove(&operation) else { return };
        if let Some(Connection::Invoker(invoker)) = self.connections.remove(&key) {
            self.release_invoker(now, key, invoker, 16);
        }
    }

    /// The outcome goes out once; later ones are dropped.
    pub(super) fn report(&mut self, invoker: &Invoker, outcome: MwiOutcome) {
        let operation = invoker.operation;
        if self.operations.remove(&operation).is_some() {
            match outcome {
                MwiOutcome::Done | MwiOutcome::Interrogated(_) => self.statistics.mwi_done += 1,
                _ => self.statistics.mwi_failed += 1,
            }
            self.events.push_back(Event::MwiDone { operation, outcome });
        }
    }

    pub(super) fn invoker_message(
        &mut self,
        now: Instant,
        key: Key,
        mut invoker: Invoker,
        message: &Message,
    ) {
        if let Some(outcome) = answer(message, &invoker) {
            self.report(&invoker, outcome);
        }
        let answered = !self.operations.contains_key(&invoker.operation);
        match message.kind {
            MessageType::RELEASE | MessageType::RELEASE_COMPLETE => {
                //= Q.931 5.3.5 clear collision: RELEASE in answer to our RELEASE ends the call as well.
                if message.kind == MessageType::RELEASE && invoker.state != CallState::ReleaseRequest {
                    self.send(&Message::new(key.reference(), MessageType::RELEASE_COMPLETE));
                }
                self.report(&invoker, refusal(message));
                self.timers.stop_all(key);
            }
            MessageType::STATUS if message.call_state() == Some(0) => {
                //= Q.931 5.8.11: STATUS with call state null in any state but null clears the call locally.
                self.report(&invoker, refusal(message));
                self.timers.stop_all(key);
            }
            MessageType::STATUS_ENQUIRY => {
                self.send_status(key.reference(), 30, invoker.state as u8, &[]);
                self.keep_invoker(key, invoker);
            }
            _ if invoker.state == CallState::ReleaseRequest => self.keep_invoker(key, invoker),
            MessageType::DISCONNECT => {
                self.report(&invoker, refusal(message));
                self.release_invoker(now, key, invoker, 16);
            }
            MessageType::CONNECT => {
                self.timers.stop(key, Timer::T303);
                if invoker.state != CallState::Active {
                    invoker.state = CallState::Active;
                    self.send(&Message::new(key.reference(), MessageType::CONNECT_ACKNOWLEDGE));
                    self.supervise(now, key);
                }
                if self.config.mwi.connect_is_done && !answered {
                    self.report(&invoker, MwiOutcome::Done);
                    self.release_invoker(now, key, invoker, 16);
                } else {
                    self.release_if(now, key, invoker, answered);
                }
            }
            MessageType::CALL_PROCEEDING
            | MessageType::ALERTING
            | MessageType::PROGRESS
            | MessageType::SETUP_ACKNOWLEDGE => {
                if invoker.state == CallState::CallInitiated {
                    invoker.state = CallState::OutgoingCallProceeding;
                    self.timers.stop(key, Timer::T303);
                    self.supervise(now, key);
                }
                self.release_if(now, key, invoker, answered);
            }
            MessageType::FACILITY | MessageType::NOTIFY | MessageType::INFORMATION => {
                for reject in rejects(message) {
                    self.send_facility(key, reject);
                }
                self.release_if(now, key, invoker, answered);
            }
            MessageType::STATUS => self.release_if(now, key, invoker, answered),
            other => {
                let cause = if other.name().is_some() { 98 } else { 97 };
                self.send_status(key.reference(), cause, invoker.state as u8, &[other.0]);
                self.keep_invoker(key, invoker);
            }
        }
    }

    pub(super) fn invoker_timeout(&mut self, now: Instant, key: Key, mut invoker: Invoker, timer: Timer) {
        match (timer, invoker.repeated) {
            (Timer::T303, _) if self.links.unsent() > 0 && now < invoker.patience => {
                // A burst waits for the window: the SETUP may not have left yet, and another would only add to it.
                self.timers.start(key, Timer::T303, now + self.config.l3.t303);
                self.keep_invoker(key, invoker);
            }
            (Timer::T303, false) => {
                //= Q.931 5.2.1: on the first expiry of T303 the SETUP message is sent again, Facility included.
                invoker.repeated = true;
                self.send_octets(invoker.setup.clone());
                self.timers.start(key, Timer::T303, now + self.config.l3.t303);
                self.keep_invoker(key, invoker);
            }
            (Timer::T303, true) => {
                self.report(&invoker, MwiOutcome::NoAnswer);
                self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 102);
                self.timers.stop_all(key);
            }
            (Timer::T308, false) => {
                invoker.repeated = true;
                self.send_clearing(key.reference(), MessageType::RELEASE, invoker.release_cause);
                self.timers.start(key, Timer::T308, now + self.config.l3.t308);
                self.keep_invoker(key, invoker);
            }
            //= Q.931 5.3.3: after the second expiry of T308 the call reference is released.
            (Timer::T308, true) => self.timers.stop_all(key),
            (Timer::Supervision, _) if invoker.state == CallState::Active => {
                self.report(&invoker, MwiOutcome::ConnectedWithoutResult);
                self.release_invoker(now, key, invoker, 16);
            }
            (Timer::Supervision, _) => {
                self.report(&invoker, MwiOutcome::NoAnswer);
                self.release_invoker(now, key, invoker, 102);
            }
            _ => self.keep_invoker(key, invoker),
        }
    }

    fn keep_invoker(&mut self, key: Key, invoker: Invoker) {
        self.connections.insert(key, Connection::Invoker(invoker));
    }

    fn release_if(&mut self, now: Instant, key: Key, invoker: Invoker, answered: bool) {
        if answered {
            self.release_invoker(now, key, invoker, 16);
        } else {
            self.keep_invoker(key, invoker);
        }
    }

    /// The side that set the connection up releases it.
    fn release_invoker(&mut self, now: Instant, key: Key, mut invoker: Invoker, cause: u8) {
        if invoker.state != CallState::ReleaseRequest {
            invoker.state = CallState::ReleaseRequest;
            invoker.repeated = false;
            invoker.release_cause = cause;
            self.timers.stop_all(key);
            self.send_clearing(key.reference(), MessageType::RELEASE, cause);
            self.timers.start(key, Timer::T308, now + self.config.l3.t308);
        }
        self.keep_invoker(key, invoker);
    }

    fn supervise(&mut self, now: Instant, key: Key) {
        self.timers.start(key, Timer::Supervision, now + self.config.mwi.supervision);
    }

    fn send_facility(&mut self, key: Key, component: Component) {
        let facility = Facility::new(self.config.mwi.profile, self.config.mwi.nfe, None, component);
        self.send(
            &Message::new(key.reference(), MessageType::FACILITY)
                .with(Element::new(ie::FACILITY, facility.to_vec())),
        );
    }
}

/// The SETUP of a call independent connection that carries `request`; its call reference is still to be set.
fn setup(request: &MwiRequest, dialect: &mwi::MwiDialect, invoke_id: i16) -> Result<Message, InvokeError> {
    let component = mwi::invoke(request, dialect, invoke_id)?;
    let facility = Facility::new(dialect.profile, dialect.nfe, dialect.interpretation, component).to_vec();
    if facility.len() > 255 {
        return Err(InvokeError::TooLong { len: facility.len(), limit: 255 });
    }
    let reference = crate::q931::CallReference::new(0, false);
    let mut message = Message::new(reference, MessageType::SETUP)
        .with(BearerCapability::CALL_INDEPENDENT.element())
        .with(ChannelId::CALL_INDEPENDENT.element())
        .with(Element::new(ie::FACILITY, facility));
    if let Some(calling) = &request.calling_number {
        message.elements.push(number(calling, Some(0x80))?.element(ie::CALLING_NUMBER));
    }
    let called = request.called_number.as_ref().unwrap_or(&request.served_user);
    message.elements.push(number(called, None)?.element(ie::CALLED_NUMBER));
    if dialect.sending_complete {
        message.elements.push(Element::single(ie::SENDING_COMPLETE));
    }
    Ok(message)
}

fn number(party: &PartyNumber, presentation: Option<u8>) -> Result<Number, InvokeError> {
    let digits = party.digits();
    let dialled = digits.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'*' | b'#'));
    if digits.is_empty() || digits.len() > 32 || !dialled {
        return Err(InvokeError::BadNumber(digits.to_owned()));
    }
    Ok(Number { plan: party.plan(), presentation, digits: digits.to_owned() })
}

/// The answer to the invoke, wherever in the message it stands.
fn answer(message: &Message, invoker: &Invoker) -> Option<MwiOutcome> {
    message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)).find_map(|facility| {
        facility.components().find_map(|component| match component {
            Component::ReturnResult(result) if result.invoke_id == invoker.invoke_id => {
                let body = result.result.as_ref().and_then(|body| body.result.as_ref());
                Some(match (invoker.action, body) {
                    (MwiAction::Interrogate, None) => MwiOutcome::Interrogated(Vec::new()),
                    (MwiAction::Interrogate, Some(body)) => mwi::parse_interrogate_result(body)
                        .map_or(MwiOutcome::Reject(Problem::Result(2)), MwiOutcome::Interrogated),
                    _ => MwiOutcome::Done,
                })
            }
            Component::ReturnError(error) if error.invoke_id == invoker.invoke_id => {
                Some(MwiOutcome::Error(error.error.value().unwrap_or(1008)))
            }
            Component::Reject(Reject { invoke_id, problem }) => match *invoke_id {
                RejectedId::Id(id) if id != invoker.invoke_id => None,
                _ => Some(MwiOutcome::Reject(*problem)),
            },
            _ => None,
        })
    })
}

/// What clearing without an APDU means; without a cause it is 31, normal unspecified.
fn refusal(message: &Message) -> MwiOutcome {
    MwiOutcome::Cause(message.cause().map_or(31, |Cause { value, .. }| value))
}

/// Rejects for the invokes in a message on a connection of ours, where nothing can be invoked.
fn rejects(message: &Message) -> Vec<Component> {
    message
        .all(ie::FACILITY)
        .filter_map(|body| Facility::parse(body))
        .filter(|facility| facility.interpretation() == Interpretation::Reject)
        .flat_map(|facility| facility.items)
        .filter_map(|item| match item {
            crate::facility::Item::Component(Component::Invoke(invoke)) => {
                Some(Component::reject(invoke.invoke_id, Problem::Invoke(1)))
            }
            _ => None,
        })
        .take(4)
        .collect()
}
