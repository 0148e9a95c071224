//! What passes a trunk as it came: elements of a message from another trunk of the same kind, near or at the far end of a SIP
//! leg, that the gateway does not write itself.

use std::collections::VecDeque;
use std::time::Instant;

use qsig::facility::Facility;
use qsig::q931::{Element, Message, MessageType, ProgressIndicator, ie};
use qsig::rose::Component;
use qsig::transit::{MAX_COUNT, TooManyTransits, TransitCounter};
use qsig::{CallDetail, CallError, CallId};

use super::PriTrunk;
use crate::leg::raw::{RawMessage, RawProtocol};
use crate::leg::{Cause, LegEvent, LegId};

/// Messages that wait for a call to be far enough.
const MAX_WAITING: usize = 8;

/// Elements the gateway writes itself, or that concern one trunk alone.
const OWN: [u8; 12] = [
    ie::SEGMENTED_MESSAGE,
    ie::BEARER_CAPABILITY,
    ie::CAUSE,
    ie::CALL_STATE,
    ie::CHANNEL_ID,
    ie::PROGRESS,
    ie::DISPLAY,
    ie::CONNECTED_NUMBER,
    ie::CALLING_NUMBER,
    ie::CALLED_NUMBER,
    ie::REDIRECTING_NUMBER,
    ie::SENDING_COMPLETE,
];

/// Operations of the gateway's own messages: the name of a party, and who diverted.
const CALLING_NAME: i32 = 0;
const CALLED_NAME: i32 = 1;
const CONNECTED_NAME: i32 = 2;
const DIVERTING_LEG_INFORMATION_2: i32 = 21;

/// The elements of `message` that go on as they are. `said`: what the gateway says itself in the message they go into, whose
/// Facility elements are not repeated. From the first shift on everything goes on.
pub(super) fn elements(message: &Message, said: &[i32]) -> Vec<Element> {
    let shifted = message.elements.iter().position(Element::is_shift).unwrap_or(message.elements.len());
    let (plain, rest) = message.elements.split_at(shifted);
    let passes = |element: &&Element| match element.id {
        ie::FACILITY => !is_said(element, said),
        id => !OWN.contains(&id),
    };
    plain.iter().filter(passes).chain(rest).cloned().collect()
}

/// Whether a Facility element has only operations the gateway invokes itself.
fn is_said(element: &Element, said: &[i32]) -> bool {
    let Some(facility) = Facility::parse(&element.body) else { return false };
    let mut components = facility.components().peekable();
    components.peek().is_some()
        && components.all(|component| match component {
            Component::Invoke(invoke) => invoke.operation.value().is_some_and(|value| said.contains(&value)),
            _ => false,
        })
}

/// The operations a message of this type carries where the gateway knows the name of its party.
pub(super) fn said(kind: MessageType, named: bool, diverted: bool) -> Vec<i32> {
    let name = match kind {
        MessageType::SETUP => CALLING_NAME,
        MessageType::ALERTING => CALLED_NAME,
        _ => CONNECTED_NAME,
    };
    let name = named.then_some(name);
    name.into_iter().chain(diverted.then_some(DIVERTING_LEG_INFORMATION_2)).collect()
}

/// Progress indicators of a message.
pub(super) fn progress(message: &Message) -> impl Iterator<Item = ProgressIndicator> {
    message.all(ie::PROGRESS).filter_map(|body| ProgressIndicator::parse(body))
}

/// Counts this gateway in a SETUP's transit counter, if it has one.
///
/// # Errors
/// The cause with which a call ends that has passed too many exchanges.
pub(super) fn count_transit(message: &Message, elements: &mut [Element]) -> Result<(), Cause> {
    if TransitCounter::find(message).is_none() {
        return Ok(());
    }
    let next = TransitCounter::next(message, MAX_COUNT).map_err(|_| Cause(TooManyTransits::CAUSE))?;
    let [_, counter] = next.elements();
    let place =
        elements.iter_mut().find(|e| !e.is_shift() && (e.codeset, e.id) == (counter.codeset, counter.id));
    if let Some(place) = place {
        *place = counter;
    }
    Ok(())
}

/// Adds what passes to what the gateway says.
pub(super) fn add(detail: &mut CallDetail, raw: Option<&RawMessage>) {
    let Some(RawMessage { message, .. }) = raw else { return };
    let known: Vec<u8> = detail.progress.iter().map(|progress| progress.description).collect();
    detail.progress.extend(progress(message).filter(|progress| !known.contains(&progress.description)));
    detail.elements = elements(message, &said(message.kind, detail.name.is_some(), false));
}

/// A detail without what passes, for a message that is too long with it.
fn without(detail: &CallDetail) -> CallDetail {
    CallDetail { elements: Vec::new(), ..detail.clone() }
}

/// Messages of the other end that wait until the call's state allows them.
pub(super) type Waiting = VecDeque<Box<RawMessage>>;

impl PriTrunk {
    /// Of which network the trunk's messages are.
    pub(crate) fn raw_protocol(&self) -> RawProtocol {
        match self.span.config().switch_type {
            qsig::SwitchType::PrimaryQsig => RawProtocol::Qsig,
            _ => RawProtocol::Q931,
        }
    }

    /// A message for a leg that can carry it, where there may be one.
    pub(super) fn raw(&self, message: &Message) -> Option<Box<RawMessage>> {
        let wanted = self.span.config().pass_calls;
        wanted.then(|| Box::new(RawMessage { protocol: self.raw_protocol(), message: message.clone() }))
    }

    /// Sends a message of a call; without what passes, if it is too long with it.
    pub(super) fn say(
        &mut self,
        detail: &CallDetail,
        mut send: impl FnMut(&mut qsig::Span, &CallDetail) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        match send(&mut self.span, detail) {
            Err(CallError::TooLong { len, limit }) if !detail.elements.is_empty() => {
                tracing::debug!(len, limit, port = self.port, "forwarded elements left out");
                send(&mut self.span, &without(detail))
            }
            done => done,
        }
    }

    /// A message of the other end that stands alone, or clears its call.
    pub(super) fn pass(&mut self, now: Instant, leg: LegId, raw: Box<RawMessage>) {
        if raw.protocol != self.raw_protocol() {
            return;
        }
        let Some(known) = self.legs.leg_mut(leg) else { return };
        if raw.is_clearing() {
            known.clearing = Some(raw);
        } else if known.waiting.len() < MAX_WAITING {
            known.waiting.push_back(raw);
            self.pass_waiting(now, leg);
        }
    }

    /// Sends what the call's state allows by now.
    pub(super) fn pass_waiting(&mut self, now: Instant, leg: LegId) {
        while let Some(known) = self.legs.leg_mut(leg)
            && let Some(raw) = known.waiting.front()
        {
            let (call, kind, elements) = (known.call, raw.message.kind, raw.message.elements.clone());
            match self.span.inform_call(now, call, kind, elements) {
                // Not before the call's first answer.
                Err(CallError::State { .. }) => return,
                Err(error) => tracing::debug!(%error, port = self.port, message = %kind, "not passed on"),
                Ok(()) => {}
            }
            if let Some(known) = self.legs.leg_mut(leg) {
                known.waiting.pop_front();
            }
        }
    }

    /// What passes with the end of a call: what the other end's was cleared with, if that says the same.
    pub(super) fn clearing(&mut self, leg: LegId, cause: Cause) -> CallDetail {
        let raw = self.legs.leg_mut(leg).and_then(|known| known.clearing.take());
        let raw = raw.filter(|raw| raw.message.cause().is_some_and(|own| own.value == cause.0));
        let elements = raw.map(|raw| elements(&raw.message, &[])).unwrap_or_default();
        CallDetail { elements, ..CallDetail::default() }
    }

    /// Nobody carries a message of the far end: its operations are refused.
    pub(super) fn uncarried(&mut self, now: Instant, call: CallId, message: &Message) {
        if let Err(error) = self.span.refuse_invokes(now, call, message) {
            tracing::debug!(%error, port = self.port, "operations not refused");
        }
    }

    /// A message of the far end that stands alone, or clears the call.
    pub(super) fn tell_raw(&mut self, leg: LegId, message: &Message) {
        if let Some(raw) = self.raw(message) {
            self.legs.tell(leg, LegEvent::Raw(raw));
        }
    }
}
