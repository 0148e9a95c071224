//! Path replacement (ECMA-176) of calls whose party is at the gateway: proposed after the PBX has transferred a call, accepted
//! when the PBX proposes. The leg goes on with the new call; the switch only hears that its audio is elsewhere.
//!
//! A proposal of our own that comes back to us on another leg of the trunk means that the PBX joined two of our calls: the two
//! parties here are connected with each other, and both B channels are free again.
//!
//! IOS has no command for it. What passes through the gateway from trunk to trunk, or over SIP with `signaling forward`, is
//! between the exchanges at both ends, and not looked at here.

use std::collections::BTreeMap;
use std::time::Instant;

use qsig::facility::{Facility, Item};
use qsig::path_replacement::{
    COLLISION, Cooperator, CooperatorOutput, ESTABLISHMENT_FAILURE, PathReplacement, Proposer,
    ProposerOutput, ReplacementTimers,
};
use qsig::q931::{Cause, Element, Message, MessageType, Number, ie};
use qsig::rose::{Component, Invoke};
use qsig::service::{Answer, Operation, Outcome, Service as _};
use qsig::transfer::{Transfer, TransferKind};
use qsig::{CallDetail, CallEvent, CallId, CallRequest, CallState, Carrier, OperationId, PartyNumber};

use super::{PriTrunk, convert};
use crate::leg::{LegEvent, LegId, Party, TransferTarget};

/// Normal call clearing.
const NORMAL: u8 = 16;
/// Identities have up to four digits.
const MAX_IDENTITY: u16 = 9999;

/// An operation of the far end, as its answer needs it.
#[derive(Debug)]
pub(super) struct Asked {
    invoke: Invoke,
    profile: u8,
    nfe: bool,
}

impl Asked {
    /// The operation.
    pub(super) fn invoke(&self) -> &Invoke {
        &self.invoke
    }

    /// The Facility element that answers it.
    pub(super) fn answer(&self, answer: Answer) -> Element {
        let component = answer.component(self.invoke.invoke_id, self.invoke.operation.clone());
        Element::new(ie::FACILITY, Facility::new(self.profile, self.nfe, None, component).to_vec())
    }
}

/// What a leg does about its path.
#[derive(Debug)]
enum Role {
    /// It proposed that the other end call this number.
    Proposes {
        machine: Proposer,
        number: String,
        operation: Option<OperationId>,
        /// The new call's setup, until it is answered.
        asked: Option<(CallId, Asked)>,
        /// The call that was replaced.
        old: Option<CallId>,
    },
    /// The other end proposed; it calls.
    Cooperates { machine: Cooperator, asked: Asked, new: Option<CallId>, operation: Option<OperationId> },
}

/// The replacements under way on a trunk.
#[derive(Debug, Default)]
pub(super) struct Replacements {
    roles: BTreeMap<LegId, Role>,
    last_identity: u16,
}

impl Replacements {
    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = |role: &Role| match role {
            Role::Proposes { machine, .. } => machine.poll_timeout(),
            Role::Cooperates { machine, .. } => machine.poll_timeout(),
        };
        self.roles.values().filter_map(due).min()
    }

    /// The leg that has proposed this identity.
    fn proposer(&self, identity: &str) -> Option<(LegId, &str)> {
        self.roles.iter().find_map(|(leg, role)| match role {
            Role::Proposes { machine, number, .. } if machine.is_for(identity) => {
                Some((*leg, number.as_str()))
            }
            _ => None,
        })
    }
}

/// The operations a message asks for.
pub(super) fn invokes(message: &Message) -> Vec<Asked> {
    let facilities = message.all(ie::FACILITY).filter_map(|body| Facility::parse(body));
    let mut found = Vec::new();
    for facility in facilities {
        let nfe = facility.items.iter().any(|item| matches!(item, Item::Nfe(_)));
        found.extend(facility.components().filter_map(|component| match component {
            Component::Invoke(invoke) => {
                Some(Asked { invoke: invoke.clone(), profile: facility.profile, nfe })
            }
            _ => None,
        }));
    }
    found
}

/// The path replacement operations of a message.
fn operations(message: &Message) -> impl Iterator<Item = (PathReplacement, Asked)> {
    invokes(message).into_iter().filter_map(|asked| match PathReplacement::read(&asked.invoke) {
        Some(Ok(operation)) => Some((operation, asked)),
        _ => None,
    })
}

impl PriTrunk {
    /// A message that nobody carries further: a proposal is acted upon, a transfer may be proposed upon. True: what is in it needs
    /// no refusal.
    pub(super) fn replacement_asked(&mut self, now: Instant, leg: LegId, message: &Message) -> bool {
        if message.kind != MessageType::FACILITY {
            return false;
        }
        if let Some(Transfer { kind: TransferKind::Complete { end: 0, alerting: false }, .. }) =
            Transfer::find(message)
        {
            self.propose(now, leg);
        }
        let proposal = operations(message).find_map(|(operation, asked)| match operation {
            PathReplacement::Propose { call_identity, rerouteing_number } => {
                Some((call_identity, rerouteing_number, asked))
            }
            _ => None,
        });
        let Some((identity, number, asked)) = proposal else { return false };
        self.proposed(now, leg, &identity, number, asked);
        true
    }

    /// Proposes that the other end call the party at the gateway directly.
    fn propose(&mut self, now: Instant, leg: LegId) {
        let Some(known) = self.legs.leg_mut(leg) else { return };
        let number = known.own.clone();
        if number.is_empty() || self.replacements.roles.contains_key(&leg) {
            return;
        }
        self.replacements.last_identity = self.replacements.last_identity % MAX_IDENTITY + 1;
        let identity = self.replacements.last_identity.to_string();
        let party = PartyNumber::Unknown(number.clone());
        match Proposer::new(now, &identity, party, ReplacementTimers::default()) {
            Ok(machine) => {
                let role = Role::Proposes { machine, number, operation: None, asked: None, old: None };
                self.replacements.roles.insert(leg, role);
                self.replace(now, leg);
            }
            Err(error) => tracing::debug!(%error, port = self.port, "path replacement not proposed"),
        }
    }

    /// The other end proposes.
    fn proposed(&mut self, now: Instant, leg: LegId, identity: &str, number: PartyNumber, asked: Asked) {
        let Some(call) = self.legs.leg_mut(leg).map(|known| known.call) else { return };
        if let Some((other, own)) = self.replacements.proposer(identity)
            && other != leg
            && own == number.digits()
        {
            return self.legs.tell(leg, LegEvent::Transfer(TransferTarget::Leg(other)));
        }
        let answer = match self.replacements.roles.get(&leg) {
            Some(Role::Proposes { machine, .. }) => machine.handle_proposal(),
            Some(Role::Cooperates { .. }) => Some(Answer::Error(COLLISION)),
            None => None,
        };
        let active = self.span.call(call).is_some_and(|call| call.state == CallState::Active);
        let answer = answer.or((!active).then_some(Answer::Error(ESTABLISHMENT_FAILURE)));
        if let Some(answer) = answer {
            return self.answer_in(now, call, asked.answer(answer));
        }
        match Cooperator::new(now, identity, number, &ReplacementTimers::default()) {
            Ok(machine) => {
                let role = Role::Cooperates { machine, asked, new: None, operation: None };
                self.replacements.roles.insert(leg, role);
                self.replace(now, leg);
            }
            Err(_) => self.answer_in(now, call, asked.answer(Answer::Reject(qsig::rose::Problem::Invoke(2)))),
        }
    }

    /// Answers an operation of a call with a FACILITY of its own.
    pub(super) fn answer_in(&mut self, now: Instant, call: CallId, element: Element) {
        if let Err(error) = self.span.inform_call(now, call, MessageType::FACILITY, vec![element]) {
            tracing::debug!(%error, port = self.port, "operation not answered");
        }
    }

    /// A call comes in: whether it is the one a leg has proposed, which goes on with it.
    pub(super) fn replacing_setup(&mut self, now: Instant, id: CallId, message: &Message) -> bool {
        for (operation, asked) in operations(message) {
            let PathReplacement::Setup { call_identity } = operation else { continue };
            let Some((leg, _)) = self.replacements.proposer(&call_identity) else { continue };
            if let Some(Role::Proposes { machine, asked: place, .. }) = self.replacements.roles.get_mut(&leg)
            {
                *place = Some((id, asked));
                machine.handle_setup(now, &call_identity);
            }
            self.replace(now, leg);
            return true;
        }
        false
    }

    /// Something happened to a call: whether it is one without a leg that a replacement has.
    pub(super) fn replacing_event(&mut self, now: Instant, id: CallId, event: &CallEvent) -> bool {
        let leg = self.replacements.roles.iter_mut().find_map(|(leg, role)| match role {
            Role::Proposes { machine, old, .. } if *old == Some(id) => {
                if matches!(event, CallEvent::Released { .. }) {
                    machine.old_call_ended();
                }
                Some(*leg)
            }
            Role::Cooperates { machine, new, .. } if *new == Some(id) => {
                match event {
                    CallEvent::Connected(_) => machine.call_answered(),
                    CallEvent::Disconnected { .. } | CallEvent::Released { .. } => machine.new_call_ended(),
                    _ => {}
                }
                Some(*leg)
            }
            _ => None,
        });
        let Some(leg) = leg else { return false };
        if let CallEvent::Disconnected { tones: true, cause } = event {
            self.clear(now, id, *cause);
        }
        self.replace(now, leg);
        true
    }

    /// An operation of a replacement was answered.
    pub(super) fn replacing_outcome(&mut self, now: Instant, done: OperationId, outcome: &Outcome) {
        let leg = self.replacements.roles.iter_mut().find_map(|(leg, role)| match role {
            Role::Proposes { machine, operation, .. } if *operation == Some(done) => {
                machine.handle_outcome(outcome);
                Some(*leg)
            }
            Role::Cooperates { machine, operation, .. } if *operation == Some(done) => {
                machine.handle_outcome(outcome);
                Some(*leg)
            }
            _ => None,
        });
        if let Some(leg) = leg {
            self.replace(now, leg);
        }
    }

    /// Runs what is due.
    pub(super) fn replacing_timeout(&mut self, now: Instant) {
        let legs: Vec<LegId> = self.replacements.roles.keys().copied().collect();
        for leg in legs {
            match self.replacements.roles.get_mut(&leg) {
                Some(Role::Proposes { machine, .. }) => machine.handle_timeout(now),
                Some(Role::Cooperates { machine, .. }) => machine.handle_timeout(now),
                None => {}
            }
            self.replace(now, leg);
        }
    }

    /// A leg ends: what it was about to be replaced by goes with it.
    pub(super) fn replacement_over(&mut self, now: Instant, leg: LegId) {
        match self.replacements.roles.remove(&leg) {
            Some(Role::Cooperates { new: Some(new), .. }) => self.clear(now, new, Cause::private(NORMAL)),
            Some(Role::Proposes { old: Some(old), .. }) => self.clear(now, old, Cause::private(NORMAL)),
            _ => {}
        }
    }

    fn clear(&mut self, now: Instant, call: CallId, cause: Cause) {
        // One that is gone is what is wanted.
        let _ = self.span.clear_call(now, call, cause);
    }

    /// Does what the machine of a leg wants.
    fn replace(&mut self, now: Instant, leg: LegId) {
        loop {
            let Some(call) = self.legs.leg_mut(leg).map(|known| known.call) else { return };
            match self.replacements.roles.get_mut(&leg) {
                None => return,
                Some(Role::Proposes { machine, operation, asked, old, .. }) => match machine.poll_output() {
                    None => return,
                    Some(ProposerOutput::Propose(propose)) => {
                        // A refusal may come as long as the machine waits.
                        let supervision = Some(ReplacementTimers::default().proposal);
                        let propose = Operation { supervision, ..propose };
                        match self.span.invoke(now, Carrier::Call(call), &propose) {
                            Ok(id) => *operation = Some(id),
                            Err(error) => tracing::debug!(%error, port = self.port, "not proposed"),
                        }
                    }
                    Some(ProposerOutput::Accept(answer)) => {
                        let Some((new, asked)) = asked.take() else { continue };
                        *old = Some(call);
                        let elements = vec![asked.answer(answer)];
                        let detail = CallDetail { elements, ..CallDetail::default() };
                        if let Err(error) = self.span.answer_call(now, new, &detail) {
                            tracing::debug!(%error, port = self.port, "replacing call not answered");
                        }
                        self.legs.go_on_with(leg, new);
                        self.note_channel(leg);
                    }
                    Some(ProposerOutput::ClearOld) => {
                        if let Some(old) = old.take() {
                            self.clear(now, old, Cause::private(NORMAL));
                        }
                    }
                    Some(ProposerOutput::Ended(how)) => {
                        tracing::debug!(?how, port = self.port, "path replacement as proposing end");
                        self.replacements.roles.remove(&leg);
                    }
                },
                Some(Role::Cooperates { machine, asked, new, operation }) => match machine.poll_output() {
                    None => return,
                    Some(CooperatorOutput::Call { number, operation: setup }) => {
                        let own = self.legs.leg_mut(leg).map(|known| known.own.clone()).unwrap_or_default();
                        let called = Number {
                            plan: number.plan(),
                            presentation: None,
                            digits: convert::digits(number.digits()),
                        };
                        let calling = convert::number(&Party::new(own));
                        let bearer = super::call::bearer(self.span.config().line);
                        let request = CallRequest { called, calling, bearer, ..CallRequest::new("") };
                        match self.span.start_call_with(now, &request, &setup) {
                            Ok((call, id)) => (*new, *operation) = (Some(call), Some(id)),
                            Err(error) => {
                                tracing::debug!(%error, port = self.port, "replacing call not set up");
                                machine.new_call_ended();
                            }
                        }
                    }
                    Some(CooperatorOutput::Switch) => {
                        let Some(new) = new.take() else { continue };
                        self.legs.go_on_with(leg, new);
                        self.note_channel(leg);
                        self.clear(now, call, Cause::private(NORMAL));
                    }
                    Some(CooperatorOutput::ClearNew) => {
                        if let Some(new) = new.take() {
                            self.clear(now, new, Cause::private(NORMAL));
                        }
                    }
                    Some(CooperatorOutput::Refuse(answer)) => {
                        let element = asked.answer(answer);
                        self.answer_in(now, call, element);
                    }
                    Some(CooperatorOutput::Ended(how)) => {
                        tracing::debug!(?how, port = self.port, "path replacement as cooperating end");
                        self.replacements.roles.remove(&leg);
                    }
                },
            }
        }
    }
}
