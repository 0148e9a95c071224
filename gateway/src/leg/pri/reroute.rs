//! Call diversion by rerouteing (ECMA-174): the exchange behind the trunk asks for a call of ours at another number, or is asked
//! to call the number a telephone of ours forwards to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use qsig::diversion::{DiversionReason, MAX_DIVERSIONS, Rerouteing};
use qsig::q931::{Cause as QsigCause, Message, MessageType, ie};
use qsig::service::{Answer, Operation, Outcome, Service as _};
use qsig::{CallError, CallId, CallState, Carrier, OperationId, PartyNumber, PresentedNumber};

use super::replace::invokes;
use super::{PriTrunk, convert};
use crate::leg::{Cause, LegEvent, LegId, MAX_DIGITS, Party, RedirectReason, Reroute};

/// How long the exchange may take to answer callRerouteing, as long as other operations of ours.
const ANSWER: Duration = Duration::from_secs(15);
/// Subscription option: the caller is told that the call is diverted, and to which number.
const NOTIFY_WITH_NUMBER: u8 = 2;

/// The calls an exchange was asked to reroute, by operation.
pub(super) type Asking = BTreeMap<OperationId, LegId>;

impl PriTrunk {
    /// Asks the exchange of an incoming call to call another number instead.
    pub(super) fn ask_rerouteing(
        &mut self,
        now: Instant,
        leg: LegId,
        call: CallId,
        wanted: &Reroute,
    ) -> Result<(), CallError> {
        let known = |party: &Party| match convert::presented_number(party) {
            PresentedNumber::NotAvailable => None,
            number => Some(number),
        };
        let bearer = super::call::bearer(self.span.config().line).0;
        let mut elements = vec![ie::BEARER_CAPABILITY, u8::try_from(bearer.len()).unwrap_or(u8::MAX)];
        elements.extend_from_slice(&bearer);
        let called = match convert::presented_number(&wanted.to) {
            PresentedNumber::Allowed(number) | PresentedNumber::RestrictedNumber(number) => number,
            PresentedNumber::Restricted | PresentedNumber::NotAvailable => {
                PartyNumber::Unknown(String::new())
            }
        };
        let by = &wanted.by;
        let rerouteing = Rerouteing {
            reason: match by.reason {
                RedirectReason::Unknown => DiversionReason::Unknown,
                RedirectReason::Unconditional => DiversionReason::Unconditional,
                RedirectReason::Busy => DiversionReason::Busy,
                RedirectReason::NoReply => DiversionReason::NoReply,
            },
            original_reason: None,
            called,
            counter: by.count.clamp(1, MAX_DIVERSIONS),
            elements: Bytes::from(elements),
            last: convert::presented_number(&by.from),
            subscription: NOTIFY_WITH_NUMBER,
            calling: convert::presented_number(&wanted.calling),
            calling_name: convert::name(&wanted.calling),
            original_called: by.original.as_ref().and_then(known),
            redirecting_name: convert::name(&by.from),
            original_called_name: by.original.as_ref().and_then(convert::name),
        };
        let asked = match rerouteing.operation() {
            Ok(operation) => {
                let operation = Operation { supervision: Some(ANSWER), ..operation };
                self.span.invoke(now, Carrier::Call(call), &operation)
            }
            Err(error) => {
                tracing::debug!(%error, port = self.port, "rerouteing not asked for");
                self.legs.tell(leg, LegEvent::RerouteRefused);
                return Ok(());
            }
        };
        match asked {
            Ok(operation) => {
                self.reroutes.insert(operation, leg);
                Ok(())
            }
            Err(error) => {
                self.legs.tell(leg, LegEvent::RerouteRefused);
                Err(error)
            }
        }
    }

    /// How an operation of ours ended: if it asked for a rerouteing, the call is over, or goes on here. True: it did.
    pub(super) fn rerouteing_outcome(
        &mut self,
        now: Instant,
        operation: OperationId,
        outcome: &Outcome,
    ) -> bool {
        let Some(leg) = self.reroutes.remove(&operation) else { return false };
        match (outcome, self.legs.leg_mut(leg).map(|leg| leg.call)) {
            (Outcome::Result(_), Some(call)) => {
                // The exchange may have begun to clear it.
                let _ = self.span.clear_call(now, call, QsigCause::private(Cause::NORMAL.0));
                self.legs.end(leg, Cause::NORMAL);
            }
            (Outcome::Released(_), _) | (_, None) => {}
            (refused, Some(_)) => {
                tracing::debug!(?refused, port = self.port, "rerouteing refused");
                self.legs.tell(leg, LegEvent::RerouteRefused);
            }
        }
        true
    }

    /// A message that nobody carries further: if it asks for a call of ours elsewhere, that is granted, the call is cleared, and
    /// the switch goes on with the new number. True: what is in it needs no refusal.
    ///
    /// Only a call that is not answered can be rerouted.
    pub(super) fn rerouteing_asked(&mut self, now: Instant, leg: LegId, message: &Message) -> bool {
        if message.kind != MessageType::FACILITY {
            return false;
        }
        let wanted = invokes(message).into_iter().find_map(|asked| match Rerouteing::read(asked.invoke()) {
            Some(Ok(wanted)) => Some((wanted, asked)),
            _ => None,
        });
        let (Some((wanted, asked)), Some(call)) = (wanted, self.legs.leg_mut(leg).map(|leg| leg.call)) else {
            return false;
        };
        let open = self.span.call(call).is_some_and(|call| {
            let waits = matches!(
                call.state,
                CallState::OverlapSending | CallState::OutgoingCallProceeding | CallState::CallDelivered
            );
            call.outgoing && waits
        });
        if !open || wanted.called.digits().is_empty() {
            return false;
        }
        self.answer_in(now, call, asked.answer(Answer::Done));
        let reason = match wanted.reason {
            DiversionReason::Unknown => RedirectReason::Unknown,
            DiversionReason::Unconditional => RedirectReason::Unconditional,
            DiversionReason::Busy => RedirectReason::Busy,
            DiversionReason::NoReply => RedirectReason::NoReply,
        };
        self.legs.tell(leg, LegEvent::Redirect { to: Box::new(party(&wanted.called)), reason });
        // The call may be gone with what was just sent.
        let _ = self.span.clear_call(now, call, QsigCause::private(Cause::NORMAL.0));
        self.legs.end(leg, Cause::NORMAL);
        true
    }
}

/// The party at a number of a QSIG service.
fn party(number: &PartyNumber) -> Party {
    let plan = number.plan();
    let mut digits = convert::digits(number.digits());
    digits.truncate(digits.floor_char_boundary(MAX_DIGITS));
    Party { number_type: plan.type_of_number, plan: plan.plan, ..Party::new(digits) }
}
