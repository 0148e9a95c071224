//! One subscription: what is owed to it, and when it may go.

use std::time::Instant;

use super::model::{News, NotifierConfig, Reason};
use crate::dialog::Dialog;
use crate::message::{Header, Method, ParamValue, RequestBuilder};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Active,
    Ending(Reason),
}

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) resource: String,
    pub(super) dialog: Dialog,
    /// Event's `id`, which NOTIFYs repeat.
    pub(super) event_id: Option<String>,
    /// Those of the package's body types the subscriber takes.
    pub(super) accepted: Vec<String>,
    pub(super) state: State,
    pub(super) expiry: Instant,
    /// The newest state.
    pub(super) news: Option<News>,
    /// A NOTIFY is owed.
    pub(super) wanted: bool,
    /// It is owed at once: the interval does not count.
    pub(super) urgent: bool,
    /// CSeq number of the NOTIFY under way.
    pub(super) under_way: Option<u32>,
    /// No NOTIFY before: the interval.
    pub(super) spaced: Instant,
    /// No NOTIFY before: Retry-After.
    pub(super) held: Instant,
    /// Its entry among the timers.
    pub(super) due: Option<Instant>,
}

impl Subscription {
    pub(super) fn takes(&self, content_type: &str) -> bool {
        let value = ParamValue::parse(Header::ContentType, content_type.as_bytes());
        value.is_ok_and(|value| self.accepted.iter().any(|kind| value.is(kind)))
    }

    pub(super) fn learn(&mut self, news: Option<News>) {
        if let Some(news) = news.filter(|news| self.takes(&news.content_type)) {
            self.news = Some(news);
        }
    }

    pub(super) fn want_now(&mut self) {
        self.wanted = true;
        self.urgent = true;
    }

    pub(super) fn end(&mut self, reason: Reason) {
        if self.state == State::Pending || matches!(reason, Reason::Rejected | Reason::NoResource) {
            self.news = None;
        }
        self.state = State::Ending(reason);
        self.want_now();
    }

    /// What the next NOTIFY waits for; the last one waits for nothing.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        match self.state {
            State::Ending(_) => None,
            _ if self.urgent => Some(self.held),
            _ => Some(self.held.max(self.spaced)),
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        if matches!(self.state, State::Ending(_)) {
            // It goes with the answer to its last NOTIFY.
            return None;
        }
        let waiting = self.wanted && self.under_way.is_none();
        let next = self.waits_until().filter(|_| waiting);
        Some(next.map_or(self.expiry, |at| at.min(self.expiry)))
    }

    pub(super) fn notify(&mut self, now: Instant, config: &NotifierConfig) -> RequestBuilder {
        let left = self.expiry.saturating_duration_since(now).as_millis().div_ceil(1000);
        let state = match self.state {
            State::Pending => format!("pending;expires={left}"),
            State::Active => format!("active;expires={left}"),
            State::Ending(reason) => format!("terminated;reason={reason}"),
        };
        let event = match &self.event_id {
            Some(id) => format!("{};id={id}", config.event),
            None => config.event.clone(),
        };
        let request = self.dialog.request(Method::Notify);
        self.under_way = Some(self.dialog.local_cseq());
        self.wanted = false;
        self.urgent = false;
        self.spaced = now + config.interval;
        let request = request
            .header(Header::Contact, &config.contact)
            .header(Header::Event, event)
            .header(Header::SubscriptionState, state);
        match self.news.as_ref().filter(|_| self.state != State::Pending) {
            Some(news) => request.body(&news.content_type, news.body.clone()),
            None => request,
        }
    }
}
