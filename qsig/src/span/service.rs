//! Invokes inside calls: those that want an answer nobody here gives are refused as the standard says.

use super::call::Call;
use super::{Key, Span};
use crate::facility::{Facility, Interpretation};
use crate::q931::{Element, Message, MessageType, ie};
use crate::rose::{Component, Problem, expects_answer};

/// Most rejects one message can make us send: what fits one message.
const MAX_REJECTS: usize = 4;

/// What is to be done about the invokes of one message.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// Facility elements with rejects, to be sent.
    pub(super) elements: Vec<Element>,
    /// The call is to be cleared with cause 29.
    pub(super) clear: bool,
}

impl Span {
    /// Looks at the invokes of a call's message. Operations that return nothing (names, diversion and transfer
    /// information, …) are the owner's to read; all are if the configuration passes services through.
    pub(super) fn refusal(&self, message: &Message) -> Refusal {
        let mut refusal = Refusal::default();
        if self.config.pass_services {
            return refusal;
        }
        for facility in message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)) {
            let nfe = facility.items.iter().any(|item| matches!(item, crate::facility::Item::Nfe(_)));
            for component in facility.components() {
                let Component::Invoke(invoke) = component else { continue };
                if invoke.operation.value().is_some_and(|value| !expects_answer(value)) {
                    continue;
                }
                match facility.interpretation() {
                    Interpretation::Discard => {}
                    Interpretation::ClearCall => refusal.clear = true,
                    Interpretation::Reject if refusal.elements.len() < MAX_REJECTS => {
                        let reject = Component::reject(invoke.invoke_id, Problem::Invoke(1));
                        let facility = Facility::new(facility.profile, nfe, None, reject);
                        refusal.elements.push(Element::new(ie::FACILITY, facility.to_vec()));
                    }
                    Interpretation::Reject => {}
                }
            }
        }
        refusal
    }

    /// Sends rejects in a FACILITY message, or keeps them for the first response to a SETUP.
    pub(super) fn send_rejects(&mut self, key: Key, call: &mut Call, elements: Vec<Element>) {
        if elements.is_empty() {
            return;
        }
        if call.settled || call.outgoing {
            let mut message = Message::new(key.reference(), MessageType::FACILITY);
            message.elements = elements;
            self.send(&message);
        } else {
            call.rejects = elements;
        }
    }
}
