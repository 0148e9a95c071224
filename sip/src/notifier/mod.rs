//! Letting others subscribe to an event package of ours and telling them the news (RFC 6665 4.2).
//!
//! A [`Notifier`] holds every subscription to one event package, up to a limit. It knows resources only by
//! name and bodies only as octets, so that any package can sit on it. It sends nothing itself: the user
//! answers SUBSCRIBEs with the [`Reply`] it gives, sends its requests with [`crate::Endpoint::request`] and
//! hands back responses and failures. Whether a resource exists and who may watch it is the user's to
//! decide before it asks here.
//!
//! Each subscription has one NOTIFY under way at a time. What changes meanwhile, or too soon after it, goes
//! out as one NOTIFY with the newest state.
//!
//! ```
//! use std::time::Instant;
//! use sip::notifier::{News, Notifier, NotifierConfig, Output, Permission};
//! use sip::{Header, Message};
//! let config = NotifierConfig::new("message-summary", "application/simple-message-summary", "<sip:gw@192.0.2.1>");
//! let mut notifier = Notifier::new(config, [3; 32]);
//! let subscribe = Message::parse(bytes::Bytes::from_static(
//!     b"SUBSCRIBE sip:8000@gw SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:8000@gw>;tag=1\r\n\
//!       To: <sip:8000@gw>\r\nCall-ID: c\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:8000@192.0.2.9>\r\n\
//!       Event: message-summary\r\nExpires: 600\r\n\r\n",
//! ))?;
//! let news = News::new("application/simple-message-summary", "Messages-Waiting: no\r\n");
//! let reply = notifier.handle_subscribe(Instant::now(), &subscribe, "8000", Permission::Granted, Some(news));
//! assert_eq!(reply.status().as_u16(), 200);
//! let notify = std::iter::from_fn(|| notifier.poll_output()).find_map(|output| match output {
//!     Output::Send(_, request) => Some(request),
//!     _ => None,
//! });
//! let notify = notify.ok_or("no NOTIFY")?;
//! assert_eq!(notify.uri(), "sip:8000@192.0.2.9");
//! assert_eq!(notify.value(Header::SubscriptionState), Some("active;expires=600"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod model;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::dialog::Dialog;
use crate::message::{FieldError, Header, Message, ParamValue, Reply, RequestBuilder};
use model::HOUR;
pub use model::{Kept, News, NotifierConfig, Permission, Reason};
use subscription::{State, Subscription};

/// Names one subscription of a [`Notifier`]; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

/// What the notifier wants.
#[derive(Clone, Debug)]
pub enum Output {
    /// A NOTIFY to be sent with [`crate::Endpoint::request`]; the outcome goes to
    /// [`Notifier::handle_response`] or [`Notifier::handle_failure`] with the same name. There is never
    /// more than one under way for a subscription.
    Send(SubscriptionId, RequestBuilder),
    /// Somebody watches this resource now, or wants to where permission is undecided.
    Subscribed(SubscriptionId, String),
    /// A subscription to this resource is gone.
    Ended(SubscriptionId, String),
    /// A dialog to be registered with [`crate::Endpoint::insert_dialog`] as (Call-ID, local tag, remote tag).
    DialogMade(String, String, String),
    /// A dialog to be forgotten.
    DialogEnded(String, String, String),
}

/// All subscriptions to one event package.
#[derive(Debug)]
pub struct Notifier {
    config: NotifierConfig,
    rng: StdRng,
    all: HashMap<SubscriptionId, Subscription>,
    /// By our tag, which no other subscription has.
    by_tag: HashMap<String, SubscriptionId>,
    by_resource: HashMap<String, BTreeSet<SubscriptionId>>,
    timers: BTreeSet<(Instant, SubscriptionId)>,
    next_id: u64,
    out: VecDeque<Output>,
}

impl Notifier {
    /// Without subscriptions. `seed` makes tags.
    pub fn new(config: NotifierConfig, seed: [u8; 32]) -> Notifier {
        Notifier {
            config,
            rng: StdRng::from_seed(seed),
            all: HashMap::new(),
            by_tag: HashMap::new(),
            by_resource: HashMap::new(),
            timers: BTreeSet::new(),
            next_id: 1,
            out: VecDeque::new(),
        }
    }

    /// What is granted from now on. The event package is not to be changed.
    pub fn config_mut(&mut self) -> &mut NotifierConfig {
        &mut self.config
    }

    /// Subscriptions to `resource`, those being ended included.
    pub fn watched(&self, resource: &str) -> usize {
        self.by_resource.get(resource).map_or(0, BTreeSet::len)
    }

    /// Takes a SUBSCRIBE, new or inside a dialog, and gives the response it is owed: 200, 400, 406, 423,
    /// 481, 489, 500 or 503. A 200 is followed by a NOTIFY.
    ///
    /// `resource` is what the Request-URI of a new SUBSCRIBE names (a refresh stays with its resource),
    /// `news` its state now; `None` leaves what was known.
    pub fn handle_subscribe(
        &mut self,
        now: Instant,
        request: &Message,
        resource: &str,
        permission: Permission,
        news: Option<News>,
    ) -> Reply {
        self.subscribe(now, request, resource, permission, news).unwrap_or_else(|refusal| *refusal)
    }

    /// Takes up a subscription of an earlier run; false if it is over, there is no room, or it cannot be read. It is told the
    /// newest state once, at [`Kept::told`].
    pub fn restore(&mut self, now: Instant, kept: &Kept<'_>, news: News) -> bool {
        let Ok(Some(event)) = kept.first.event() else { return false };
        let Ok(accepted) = self.accepted(kept.latest) else { return false };
        let Ok(mut dialog) = Dialog::from_request(kept.first, kept.tag) else { return false };
        let known = self.by_tag.contains_key(kept.tag) || self.all.len() >= self.config.maximum;
        if known || kept.expiry <= now || dialog.confirm(None).is_err() {
            return false;
        }
        // The first SUBSCRIBE itself is out of order here, which changes nothing.
        let _ = dialog.handle_request(kept.latest);
        dialog.count_from(kept.cseq);
        let id = self.insert(now, dialog, kept.resource, event.id);
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.accepted = accepted;
            subscription.expiry = kept.expiry;
            subscription.state = State::Active;
            subscription.held = kept.told;
            subscription.learn(Some(news));
            subscription.want_now();
        }
        self.advance(now, id);
        true
    }

    /// Tells everybody who watches `resource` its new state; how many that are. Who waits for permission
    /// gets it later, who does not take `content_type` not at all.
    pub fn notify(
        &mut self,
        now: Instant,
        resource: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> usize {
        let news = News::new(content_type, body);
        let mut told = 0;
        for id in self.watchers(resource) {
            let Some(subscription) = self.all.get_mut(&id).filter(|s| s.takes(content_type)) else {
                continue;
            };
            // The last NOTIFY must not tell what its subscriber may not know any more.
            if matches!(subscription.state, State::Ending(_)) {
                continue;
            }
            subscription.news = Some(news.clone());
            if subscription.state != State::Pending {
                subscription.wanted = true;
                told += 1;
                self.advance(now, id);
            }
        }
        told
    }

    /// A pending subscription becomes active. `news` as with [`Notifier::handle_subscribe`].
    pub fn permit(&mut self, now: Instant, id: SubscriptionId, news: Option<News>) {
        if let Some(subscription) = self.all.get_mut(&id).filter(|s| s.state == State::Pending) {
            subscription.state = State::Active;
            subscription.learn(news);
            subscription.want_now();
            self.advance(now, id);
        }
    }

    /// Ends one subscription.
    pub fn reject(&mut self, now: Instant, id: SubscriptionId, reason: Reason) {
        if let Some(subscription) = self.all.get_mut(&id).filter(|s| !matches!(s.state, State::Ending(_))) {
            subscription.end(reason);
            self.advance(now, id);
        }
    }

    /// Ends every subscription to `resource`.
    pub fn terminate(&mut self, now: Instant, resource: &str, reason: Reason) {
        for id in self.watchers(resource) {
            self.reject(now, id, reason);
        }
    }

    /// Takes a response to the NOTIFY under way. Provisional ones and those of others are passed over.
    pub fn handle_response(&mut self, now: Instant, id: SubscriptionId, response: &Message) {
        let Some(status) = response.status().filter(|status| status.is_final()) else { return };
        let number = response.cseq().ok().map(|cseq| cseq.number);
        let Some(subscription) =
            self.all.get_mut(&id).filter(|s| s.under_way.is_some() && s.under_way == number)
        else {
            return;
        };
        subscription.under_way = None;
        let over = matches!(subscription.state, State::Ending(_)) && !subscription.wanted;
        let retry_after = response.seconds(Header::RetryAfter).ok().flatten();
        match (status.as_u16(), retry_after) {
            _ if over => return self.remove(id),
            (200..300, _) => {
                // A malformed Contact leaves the target as it was.
                let _ = subscription.dialog.handle_response(response);
            }
            // The subscription is no more, whenever one might try again (RFC 6665 4.2.2, RFC 5057 5.1).
            (404 | 405 | 408 | 410 | 416 | 480..=485 | 489 | 501 | 604, _) | (_, None) => {
                return self.remove(id);
            }
            (_, Some(seconds)) => {
                subscription.held = now + Duration::from_secs(u64::from(seconds.clamp(1, 86_400)));
                subscription.wanted = true;
            }
        }
        self.advance(now, id);
    }

    /// The NOTIFY under way could not be sent or was not answered: its subscription is gone.
    pub fn handle_failure(&mut self, _now: Instant, id: SubscriptionId) {
        if self.all.get(&id).is_some_and(|subscription| subscription.under_way.is_some()) {
            self.remove(id);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            let Some(subscription) = self.all.get_mut(&id) else { continue };
            subscription.due = None;
            if subscription.expiry <= now && !matches!(subscription.state, State::Ending(_)) {
                subscription.end(Reason::Timeout);
            }
            self.advance(now, id);
        }
    }

    /// When [`Notifier::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Number of subscriptions, those being ended included.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is no subscription.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn subscribe(
        &mut self,
        now: Instant,
        request: &Message,
        resource: &str,
        permission: Permission,
        news: Option<News>,
    ) -> Result<Reply, Box<Reply>> {
        let event = request.event().map_err(bad)?;
        let Some(event) = event.filter(|event| event.package.eq_ignore_ascii_case(&self.config.event)) else {
            return refuse(Reply::new(489).header(Header::AllowEvents, &self.config.event));
        };
        let known = match request.to().map_err(bad)?.tag() {
            Some(tag) => Some(self.in_dialog(tag, request, event.id)?),
            None => None,
        };
        let accepted = self.accepted(request)?;
        let wanted = request.expires().map_err(bad)?.unwrap_or(self.config.default_expires);
        let least = self.config.min_expires.min(HOUR);
        if wanted != 0 && wanted < least {
            return refuse(Reply::new(423).header(Header::MinExpires, least.to_string()));
        }
        // Never longer than asked for, and never so short that it would have been refused.
        let granted = wanted.min(self.config.max_expires.max(least));
        let expiry = now + Duration::from_secs(u64::from(granted));
        let id = match known {
            Some(id) => id,
            None => self.add(now, request, resource, event.id)?,
        };
        let Some(subscription) = self.all.get_mut(&id) else { return refuse(Reply::new(481)) };
        subscription.accepted = accepted;
        subscription.expiry = expiry;
        subscription.learn(news);
        if permission == Permission::Granted {
            subscription.state = State::Active;
        }
        if granted == 0 {
            subscription.end(Reason::Timeout);
        }
        subscription.want_now();
        let tag = subscription.dialog.local_tag().to_owned();
        self.advance(now, id);
        Ok(Reply::new(200)
            .to_tag(&tag)
            .header(Header::Contact, &self.config.contact)
            .header(Header::Expires, granted.to_string()))
    }

    /// The live subscription whose dialog and Event `id` a SUBSCRIBE has.
    fn in_dialog(
        &mut self,
        tag: &str,
        request: &Message,
        event_id: Option<&str>,
    ) -> Result<SubscriptionId, Box<Reply>> {
        let found = self.by_tag.get(tag).and_then(|id| Some((*id, self.all.get_mut(id)?)));
        let live =
            found.filter(|(_, s)| !matches!(s.state, State::Ending(_)) && s.event_id.as_deref() == event_id);
        let Some((id, subscription)) = live else { return Err(Box::new(Reply::new(481))) };
        subscription.dialog.handle_request(request).map_err(|error| Box::new(error.reply()))?;
        Ok(id)
    }

    /// Which of the package's body types a SUBSCRIBE accepts; 406 when none.
    fn accepted(&self, request: &Message) -> Result<Vec<String>, Box<Reply>> {
        if request.header(Header::Accept).is_none() {
            return Ok(self.config.content_types.first().cloned().into_iter().collect());
        }
        let takes = |kind: &&String| {
            let any = kind.split('/').next().map(|main| format!("{main}/*"));
            request.list(Header::Accept).any(|range| {
                ParamValue::parse(Header::Accept, range.as_bytes()).is_ok_and(|range| {
                    range.is(kind) || range.is("*/*") || any.as_deref().is_some_and(|any| range.is(any))
                })
            })
        };
        let accepted: Vec<String> = self.config.content_types.iter().filter(takes).cloned().collect();
        if accepted.is_empty() {
            let types = self.config.content_types.join(", ");
            return Err(Box::new(Reply::new(406).header(Header::Accept, types)));
        }
        Ok(accepted)
    }

    fn add(
        &mut self,
        now: Instant,
        request: &Message,
        resource: &str,
        event_id: Option<&str>,
    ) -> Result<SubscriptionId, Box<Reply>> {
        if self.all.len() >= self.config.maximum {
            return Err(Box::new(Reply::new(503).retry_after(self.config.retry_after)));
        }
        // The number makes the tag unlike any other.
        let tag = format!("{:016x}{:x}", self.rng.next_u64(), self.next_id);
        let mut dialog = Dialog::from_request(request, &tag).map_err(|error| Box::new(error.reply()))?;
        dialog.confirm(None).map_err(|error| Box::new(error.reply()))?;
        Ok(self.insert(now, dialog, resource, event_id))
    }

    fn insert(
        &mut self,
        now: Instant,
        dialog: Dialog,
        resource: &str,
        event_id: Option<&str>,
    ) -> SubscriptionId {
        let id = SubscriptionId(self.next_id);
        self.next_id += 1;
        let tag = dialog.local_tag().to_owned();
        let (call_id, remote) = (dialog.call_id().to_owned(), dialog.remote_tag().to_owned());
        self.out.push_back(Output::DialogMade(call_id, tag.clone(), remote));
        self.out.push_back(Output::Subscribed(id, resource.to_owned()));
        self.by_tag.insert(tag, id);
        self.by_resource.entry(resource.to_owned()).or_default().insert(id);
        let subscription = Subscription {
            resource: resource.to_owned(),
            dialog,
            event_id: event_id.map(ToOwned::to_owned),
            accepted: Vec::new(),
            state: State::Pending,
            expiry: now,
            news: None,
            wanted: false,
            urgent: false,
            under_way: None,
            spaced: now,
            held: now,
            due: None,
        };
        self.all.insert(id, subscription);
        id
    }

    fn watchers(&self, resource: &str) -> Vec<SubscriptionId> {
        self.by_resource.get(resource).into_iter().flatten().copied().collect()
    }

    /// Sends the NOTIFY that is owed when it may go, and sets the timer.
    fn advance(&mut self, now: Instant, id: SubscriptionId) {
        let Some(subscription) = self.all.get_mut(&id) else { return };
        let ready = subscription.wanted && subscription.under_way.is_none();
        if ready && subscription.waits_until().is_none_or(|at| at <= now) {
            let request = subscription.notify(now, &self.config);
            self.out.push_back(Output::Send(id, request));
        }
        let due = subscription.next_due();
        if let Some(at) = std::mem::replace(&mut subscription.due, due) {
            self.timers.remove(&(at, id));
        }
        self.timers.extend(due.map(|at| (at, id)));
    }

    fn remove(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.all.remove(&id) else { return };
        if let Some(at) = subscription.due {
            self.timers.remove(&(at, id));
        }
        let dialog = &subscription.dialog;
        self.by_tag.remove(dialog.local_tag());
        if let Some(watchers) = self.by_resource.get_mut(&subscription.resource) {
            watchers.remove(&id);
            if watchers.is_empty() {
                self.by_resource.remove(&subscription.resource);
            }
        }
        let (call_id, local, remote) = (dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
        self.out.push_back(Output::DialogEnded(call_id.to_owned(), local.to_owned(), remote.to_owned()));
        self.out.push_back(Output::Ended(id, subscription.resource));
    }
}

fn bad(error: FieldError) -> Box<Reply> {
    Box::new(Reply::new(400).reason(&error.reason_phrase()))
}

fn refuse(reply: Reply) -> Result<Reply, Box<Reply>> {
    Err(Box::new(reply))
}
