//! `options-ping`: OPTIONS within answered calls; KPML subscriptions are refreshed by the same clock. Who does not answer, or no longer knows the call, is hung up.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use sip::call::{CallId, Content, RequestId};
use sip::{Message, Method};

use super::{SipLegs, Stage};
use crate::leg::{Cause, LegId};

/// Recovery on timer expiry.
const GONE: Cause = Cause(102);

/// When each answered leg is asked next, and who is being asked.
#[derive(Debug, Default)]
pub(super) struct Pings {
    due: BTreeMap<LegId, Instant>,
    under_way: HashMap<RequestId, LegId>,
}

impl SipLegs {
    /// When to call [`SipLegs::handle_pings`].
    #[must_use]
    pub fn poll_ping(&self) -> Option<Instant> {
        self.pings.due.values().min().copied().into_iter().chain(self.kpml.poll_timeout()).min()
    }

    /// Asks whoever is due.
    pub fn handle_pings(&mut self, now: Instant) {
        self.refresh_keys(now);
        let due: Vec<LegId> =
            self.pings.due.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        if due.is_empty() {
            return;
        }
        let legs = &self.legs;
        self.pings.under_way.retain(|_, id| legs.contains_key(id));
        for id in due {
            self.ping(now, id);
        }
    }

    /// Something has happened to a call: once it is answered it is watched.
    pub(super) fn watch(&mut self, now: Instant, call: CallId) {
        let Some(id) = self.by_call.get(&call).copied() else { return };
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.stage == Stage::Answered) else { return };
        if let Some(every) = self.settings.options_ping(leg.peer) {
            self.pings.due.entry(id).or_insert(now + every);
        }
    }

    fn ping(&mut self, now: Instant, id: LegId) {
        let leg = self.legs.get(&id);
        let Some((call, every)) = leg.and_then(|leg| Some((leg.call, self.settings.options_ping(leg.peer)?)))
        else {
            self.pings.due.remove(&id);
            return;
        };
        self.pings.due.insert(id, now + every);
        if let Ok(request) = self.ua.request(now, call, Method::Options, Content::new()) {
            self.pings.under_way.insert(request, id);
        }
    }

    /// The final response to a request within a call; 408 stands for none, 503 without response for one not sent.
    pub(super) fn request_answered(
        &mut self,
        now: Instant,
        request: RequestId,
        status: u16,
        response: Option<&Message>,
    ) {
        if self.keys_answered(now, request, status, response) {
            return;
        }
        let answered = response.is_some();
        let Some(id) = self.pings.under_way.remove(&request) else { return };
        if matches!(status, 408 | 481) || !answered {
            self.release(now, id, GONE);
        }
    }
}
