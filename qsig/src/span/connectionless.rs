//! Message waiting without a connection (EN 300 745-1): operations and their answers in FACILITY messages with the dummy call
//! reference, told apart by their invoke identifiers.
//!
//! That these operations travel connectionless on a trunk is from memory of EN 300 196-1, which has a connection oriented
//! way (REGISTER) as well; that one is not spoken here.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Event, IndicationId, MAX_CONNECTIONS, MessageWaiting, OperationId, Span};
use crate::facility::{Facility, PROFILE_REMOTE_OPERATIONS};
use crate::mwi::{InvokeError, MwiAnswer, MwiOutcome, MwiRequest, etsi};
use crate::q931::{CallReference, Element, Message, MessageType, ie};
use crate::rose::{Component, Problem, Reject, RejectedId};

/// Most operations of the peer that may wait for the owner.
const MAX_PENDING: usize = 64;

/// Operations that wait for their answers, in each direction.
#[derive(Debug, Default)]
pub(super) struct Connectionless {
    ours: BTreeMap<i16, (OperationId, Instant)>,
    theirs: BTreeMap<IndicationId, (i16, Instant)>,
}

impl Connectionless {
    pub(super) fn next(&self) -> Option<Instant> {
        let ours = self.ours.values().map(|(_, deadline)| *deadline);
        ours.chain(self.theirs.values().map(|(_, deadline)| *deadline)).min()
    }

    pub(super) fn pending(&self) -> usize {
        self.ours.len()
    }

    pub(super) fn cancel(&mut self, operation: OperationId) {
        self.ours.retain(|_, (known, _)| *known != operation);
    }
}

impl Span {
    /// Sends an operation; [`Event::MwiDone`] follows.
    pub(super) fn start_connectionless(
        &mut self,
        now: Instant,
        request: &MwiRequest,
    ) -> Result<OperationId, InvokeError> {
        if !self.is_up() {
            return Err(InvokeError::LinkDown);
        }
        let waiting = self.connectionless.ours.len();
        let invoke_id = self.next_invoke_id;
        if waiting >= MAX_CONNECTIONS || self.connectionless.ours.contains_key(&invoke_id) {
            return Err(InvokeError::TooMany(waiting));
        }
        let component = etsi::invoke(request, self.config.mwi.send_count, invoke_id)?;
        let message = facility(component);
        if message.len() > self.config.l2.n201 {
            return Err(InvokeError::TooLong { len: message.len(), limit: self.config.l2.n201 });
        }
        self.next_invoke_id = invoke_id.checked_add(1).unwrap_or(1);
        let operation = OperationId(self.id());
        self.connectionless.ours.insert(invoke_id, (operation, now + self.config.mwi.supervision));
        self.statistics.mwi_invoked += 1;
        self.send(&message);
        Ok(operation)
    }

    /// Answers an operation of the peer; `false`: it is none of these.
    pub(super) fn answer_connectionless(&mut self, id: IndicationId, answer: &MwiAnswer) -> bool {
        let Some((invoke_id, _)) = self.connectionless.theirs.remove(&id) else { return false };
        if let Some(component) = etsi::answer(invoke_id, answer) {
            self.send(&facility(component));
        }
        true
    }

    /// Takes the message waiting of a FACILITY with the dummy call reference. `false`: there is none in it.
    pub(super) fn take_connectionless(&mut self, now: Instant, message: &Message) -> bool {
        if self.config.dialect().message_waiting != MessageWaiting::Connectionless {
            return false;
        }
        let facilities = message.all(ie::FACILITY).filter_map(|body| Facility::parse(body));
        let components: Vec<Component> =
            facilities.flat_map(|f| f.components().cloned().collect::<Vec<_>>()).collect();
        let mut taken = false;
        for component in components {
            taken |= match component {
                Component::Invoke(invoke) => match etsi::parse_invoke(&invoke) {
                    None => false,
                    Some(Ok(request)) => {
                        self.indicate_connectionless(now, invoke.invoke_id, request);
                        true
                    }
                    Some(Err(problem)) => {
                        self.send(&facility(Component::reject(invoke.invoke_id, problem)));
                        true
                    }
                },
                Component::ReturnResult(result) => {
                    self.connectionless_done(result.invoke_id, MwiOutcome::Done)
                }
                Component::ReturnError(error) => self
                    .connectionless_done(error.invoke_id, MwiOutcome::Error(etsi::error_value(&error.error))),
                Component::Reject(Reject { invoke_id: RejectedId::Id(id), problem }) => {
                    self.connectionless_done(id, MwiOutcome::Reject(problem))
                }
                Component::Reject(_) => false,
            };
        }
        taken
    }

    /// Ends what has waited long enough.
    pub(super) fn connectionless_timeout(&mut self, now: Instant) {
        let due = |deadline: &Instant| *deadline <= now;
        let over: Vec<i16> =
            self.connectionless.ours.iter().filter(|(_, (_, at))| due(at)).map(|(id, _)| *id).collect();
        for invoke_id in over {
            self.connectionless_done(invoke_id, MwiOutcome::NoAnswer);
        }
        // The owner is silent; so is the answer, and the peer's own supervision ends it there.
        self.connectionless.theirs.retain(|_, (_, at)| !due(at));
    }

    /// The data link is lost: no answer can come.
    pub(super) fn connectionless_link_lost(&mut self) {
        while let Some((&invoke_id, _)) = self.connectionless.ours.first_key_value() {
            self.connectionless_done(invoke_id, MwiOutcome::LinkDown);
        }
        self.connectionless.theirs.clear();
    }

    fn connectionless_done(&mut self, invoke_id: i16, outcome: MwiOutcome) -> bool {
        let Some((operation, _)) = self.connectionless.ours.remove(&invoke_id) else { return false };
        match outcome {
            MwiOutcome::Done => self.statistics.mwi_done += 1,
            _ => self.statistics.mwi_failed += 1,
        }
        self.events.push_back(Event::MwiDone { operation, outcome });
        true
    }

    fn indicate_connectionless(&mut self, now: Instant, invoke_id: i16, request: MwiRequest) {
        let theirs = &self.connectionless.theirs;
        if theirs.values().any(|(known, _)| *known == invoke_id) {
            // Sent twice: the first one counts.
            return;
        }
        if theirs.len() >= MAX_PENDING {
            // Invoke problem 3: resource limitation.
            return self.send(&facility(Component::reject(invoke_id, Problem::Invoke(3))));
        }
        let id = IndicationId(self.id());
        self.connectionless.theirs.insert(id, (invoke_id, now + self.config.l3.answer));
        self.statistics.mwi_indicated += 1;
        self.events.push_back(Event::MwiIndication { id, request });
    }
}

fn facility(component: Component) -> Message {
    let facility = Facility::new(PROFILE_REMOTE_OPERATIONS, false, None, component);
    Message::new(CallReference::DUMMY, MessageType::FACILITY)
        .with(Element::new(ie::FACILITY, facility.to_vec()))
}
