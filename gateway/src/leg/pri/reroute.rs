//! Call diversion by rerouteing (ECMA-174 6): the exchange behind the trunk asks for a call of ours at another number.

use std::time::Instant;

use qsig::diversion::{DiversionReason, Rerouteing};
use qsig::q931::{Cause as QsigCause, Message, MessageType};
use qsig::service::{Answer, Service as _};
use qsig::{CallState, PartyNumber};

use super::replace::invokes;
use super::{PriTrunk, convert};
use crate::leg::{Cause, LegEvent, LegId, MAX_DIGITS, Party, RedirectReason};

impl PriTrunk {
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
