//! Changes of a session that the other end of the call makes: hold, another party, the outcome of a transfer.
//!
//! What the peer is to know stands in the leg; it is told when the dialog has room for it, one change at a time. A change that
//! one of the peer's overtakes is tried again after that; one that is refused is not.

use std::time::Instant;

use sip::Message;
use sip::call::{CallError, Content};
use sip::sdp::Direction;

use super::describe::octets;
use super::{SipLegs, Stage, identity};
use crate::leg::LegId;

/// The peer's offer went before ours.
const REQUEST_PENDING: u16 = 491;

impl SipLegs {
    /// Tells the peer what it does not know yet, if it can be told now.
    pub(super) fn reconcile(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.stage != Stage::Answered || leg.changing.is_some() || leg.fax.is_open() {
            return;
        }
        let mut content = Content::new();
        if let Some(party) = &leg.untold {
            let role = if leg.outgoing { "calling" } else { "called" };
            let rpid = leg.can.settings.remote_party_id;
            content.headers = identity::identity(party, &leg.host, role, &leg.can.settings.policy, rpid);
        }
        let done = if leg.holding != leg.holding_told {
            let direction = if leg.holding { Direction::SendOnly } else { Direction::SendRecv };
            let offer = leg.can.offer(leg.local, leg.port, direction);
            let Some(sdp) = offer.and_then(|local| leg.exchange.make_offer(&local).ok()) else { return };
            content.sdp = Some(octets(&sdp));
            let done = self.ua.offer(now, leg.call, content);
            if done.is_err() {
                leg.exchange.cancel();
            }
            done
        } else if content.headers.is_empty() {
            leg.untold = None;
            return;
        } else {
            self.ua.update(now, leg.call, content)
        };
        match done {
            Ok(()) => {
                leg.changing = Some(std::mem::replace(&mut leg.holding_told, leg.holding));
                leg.untold = None;
            }
            // Another change is under way: after that.
            Err(CallError::Pending) => {}
            Err(error) => {
                tracing::debug!(%error, "change");
                leg.untold = None;
                leg.holding_told = leg.holding;
            }
        }
    }

    /// A change of ours was accepted (`message` is the response), or one of the peer's is over.
    pub(super) fn changed(&mut self, now: Instant, id: LegId, message: &Message) {
        if let Some(leg) = self.legs.get_mut(&id)
            && !message.is_request()
        {
            leg.changing = None;
        }
        self.reconcile(now, id);
    }

    /// A change of ours was refused.
    pub(super) fn change_refused(&mut self, now: Instant, id: LegId, status: u16, response: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.exchange.cancel();
        let before = leg.changing.take();
        self.modem_refused(id);
        if self.fax_refused(id) {
            return self.reconcile(now, id);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if status == REQUEST_PENDING && !response {
            // Overtaken by an offer of the peer.
            leg.holding_told = before.unwrap_or(leg.holding_told);
        }
        self.reconcile(now, id);
    }

    /// How the call goes that the peer's REFER asked for; a final status is the last word.
    pub(super) fn tell_referrer(&mut self, now: Instant, id: LegId, status: u16) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(refer) = leg.refer else { return };
        if status >= 200 {
            leg.refer = None;
        }
        // Whoever transferred may have asked not to be told.
        let _ = self.ua.notify_refer(now, leg.call, refer, status, None);
    }
}
