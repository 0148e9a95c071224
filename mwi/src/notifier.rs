//! Subscriptions of others to our mailboxes (RFC 6665, RFC 3842), notifier's side.
//!
//! Telephones and other gateways subscribe for `message-summary`; each gets the mailbox's state at once and whenever it
//! changes. A subscription has one NOTIFY under way at a time; what changes meanwhile goes out as one NOTIFY after it.
//!
//! Sans-IO: give it events with the time, then take [`Notifier::poll_output`] until it gives `None`, and come back at
//! [`Notifier::poll_timeout`]. Whether a subscriber may subscribe is the caller's to decide before it asks here.
//!
//! ```
//! use std::time::Instant;
//! use mwi::notifier::{Notifier, Settings, Subscribe};
//! use mwi::summary::Summary;
//!
//! let now = Instant::now();
//! let mut notifier = Notifier::new(Settings::default(), 1);
//! let subscribe = Subscribe {
//!     number: "8000".into(),
//!     call_id: "a@phone".into(),
//!     from_tag: "1".into(),
//!     to_tag: None,
//!     cseq: 1,
//!     expires: Some(3600),
//!     target: "sip:8000@192.0.2.5".into(),
//!     routes: Vec::new(),
//!     flow: 7,
//! };
//! let answer = notifier.handle_subscribe(now, subscribe, &Summary::new(true));
//! assert_eq!((answer.status, answer.expires), (200, Some(3600)));
//! let notify = notifier.poll_output(now).ok_or("no NOTIFY")?;
//! assert_eq!(notify.state, "active;expires=3600");
//! assert_eq!(notify.body, "Messages-Waiting: yes\r\n");
//! # Ok::<(), &str>(())
//! ```

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::summary::Summary;

/// Expiry without `Expires`, in seconds (RFC 3842 3.4).
pub const DEFAULT_EXPIRES: u32 = 3600;
/// Route headers kept per subscription.
pub const MAX_ROUTES: usize = 16;
/// Longest Call-ID, tag, target or route kept, in octets; a longer one is refused.
pub const MAX_FIELD: usize = 1024;

/// What subscribers are granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `subscription maximum accept`: subscriptions at a time; default 10,000.
    pub maximum: usize,
    /// Shortest expiry, in seconds, at most 3600; a shorter one gets 423. Default 60.
    pub min_expires: u32,
    /// Longest expiry, in seconds; a longer one is granted this. Default 86,400.
    pub max_expires: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { maximum: 10_000, min_expires: 60, max_expires: 86_400 }
    }
}

/// A SUBSCRIBE for `message-summary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// The mailbox, from the Request-URI.
    pub number: String,
    /// Call-ID.
    pub call_id: String,
    /// From tag: the subscriber's.
    pub from_tag: String,
    /// To tag: ours, in a dialog.
    pub to_tag: Option<String>,
    /// CSeq number.
    pub cseq: u32,
    /// Expires, in seconds; 0 ends the subscription, or asks for the state once.
    pub expires: Option<u32>,
    /// URI of Contact.
    pub target: String,
    /// Record-Route in the order of the route set.
    pub routes: Vec<String>,
    /// The caller's own mark of the connection it came on.
    pub flow: u64,
}

/// The answer to a SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status: 200, 400, 423, 481, 500 or 503.
    pub status: u16,
    /// To tag of the answer, for 200.
    pub to_tag: Option<String>,
    /// Expires, in seconds, for 200.
    pub expires: Option<u32>,
    /// Min-Expires, in seconds, for 423.
    pub min_expires: Option<u32>,
    /// Retry-After, in seconds, for 503.
    pub retry_after: Option<u32>,
}

impl Answer {
    fn of(status: u16) -> Self {
        Self { status, to_tag: None, expires: None, min_expires: None, retry_after: None }
    }
}

/// A NOTIFY to send. The outcome of its transaction comes back with the same `id` and `cseq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Which subscription.
    pub id: u64,
    /// The mailbox.
    pub number: String,
    /// Call-ID.
    pub call_id: String,
    /// From tag: ours.
    pub local_tag: String,
    /// To tag: the subscriber's.
    pub remote_tag: String,
    /// CSeq number.
    pub cseq: u32,
    /// Request-URI.
    pub target: String,
    /// Route headers.
    pub routes: Vec<String>,
    /// Mark of the connection the latest SUBSCRIBE came on.
    pub flow: u64,
    /// Value of Subscription-State.
    pub state: String,
    /// Body, `application/simple-message-summary`.
    pub body: String,
}

/// How a NOTIFY ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A final response with this status.
    Status(u16),
    /// No final response, or it could not be sent.
    Failed,
}

/// All subscriptions to a gateway's mailboxes.
#[derive(Clone, Debug)]
pub struct Notifier {
    settings: Settings,
    all: HashMap<u64, Subscription>,
    /// By our tag, which no other subscription has.
    by_tag: HashMap<String, u64>,
    by_number: HashMap<String, BTreeSet<u64>>,
    expiry: BTreeSet<(Instant, u64)>,
    next_id: u64,
    out: VecDeque<u64>,
    random: u64,
}

impl Notifier {
    /// Without subscriptions. `seed` makes tags: it must differ from start to start.
    pub fn new(settings: Settings, seed: u64) -> Self {
        let min_expires = settings.min_expires.min(3600);
        Self {
            settings: Settings {
                min_expires,
                max_expires: settings.max_expires.max(min_expires).max(1),
                ..settings
            },
            all: HashMap::new(),
            by_tag: HashMap::new(),
            by_number: HashMap::new(),
            expiry: BTreeSet::new(),
            next_id: 1,
            out: VecDeque::new(),
            random: seed,
        }
    }

    /// Takes a SUBSCRIBE, `summary` being the mailbox's state, and returns the answer. A 200 is followed by a NOTIFY.
    pub fn handle_subscribe(&mut self, now: Instant, subscribe: Subscribe, summary: &Summary) -> Answer {
        let texts = [&subscribe.call_id, &subscribe.from_tag, &subscribe.target, &subscribe.number];
        let fits = |text: &String| !text.is_empty() && text.len() <= MAX_FIELD;
        if !texts.into_iter().all(fits)
            || subscribe.routes.len() > MAX_ROUTES
            || !subscribe.routes.iter().all(fits)
        {
            return Answer::of(400);
        }
        let wanted = subscribe.expires.unwrap_or(DEFAULT_EXPIRES);
        if wanted != 0 && wanted < self.settings.min_expires {
            return Answer { min_expires: Some(self.settings.min_expires), ..Answer::of(423) };
        }
        let expires = wanted.min(self.settings.max_expires);
        let id = match &subscribe.to_tag {
            Some(tag) => {
                let id = self.by_tag.get(tag).copied();
                let known = id.and_then(|id| Some((id, self.all.get_mut(&id)?)));
                let same = known
                    .filter(|(_, s)| s.call_id == subscribe.call_id && s.remote_tag == subscribe.from_tag);
                let Some((id, subscription)) = same.filter(|(_, s)| !s.ending) else {
                    return Answer::of(481);
                };
                if subscribe.cseq <= subscription.remote_cseq {
                    return Answer::of(500);
                }
                subscription.remote_cseq = subscribe.cseq;
                // A refresh moves the target; the route set stays (RFC 3261 12.2).
                subscription.target = subscribe.target;
                subscription.flow = subscribe.flow;
                id
            }
            None if self.all.len() >= self.settings.maximum => {
                return Answer { retry_after: Some(60), ..Answer::of(503) };
            }
            None => self.add(now, subscribe),
        };
        self.set_expiry(now, id, expires);
        let Some(subscription) = self.all.get_mut(&id) else { return Answer::of(500) };
        subscription.ending = expires == 0;
        subscription.wanted = Some(without_extra(summary));
        let to_tag = Some(subscription.local_tag.clone());
        self.ready(id);
        Answer { to_tag, expires: Some(expires), ..Answer::of(200) }
    }

    /// Takes the new state of a mailbox. Subscriptions of others are not touched.
    pub fn set_state(&mut self, number: &str, summary: &Summary) {
        let ids: Vec<u64> = self.by_number.get(number).into_iter().flatten().copied().collect();
        for id in ids {
            // Nothing follows the NOTIFY that ended a subscription.
            let alive = |s: &&mut Subscription| !s.ending || s.wanted.is_some();
            if let Some(subscription) = self.all.get_mut(&id).filter(alive) {
                subscription.wanted = Some(without_extra(summary));
                self.ready(id);
            }
        }
    }

    /// Takes the outcome of the NOTIFY of this id and CSeq. Others are ignored.
    ///
    /// A subscriber that answers 481 or not at all has gone, and its subscription with it; any other answer keeps it.
    pub fn handle_outcome(&mut self, id: u64, cseq: u32, outcome: Outcome) {
        let Some(subscription) = self.all.get_mut(&id).filter(|s| s.under_way && s.cseq == cseq) else {
            return;
        };
        subscription.under_way = false;
        let gone = matches!(
            outcome,
            Outcome::Failed | Outcome::Status(404 | 408 | 410 | 480..=485 | 489 | 501 | 604)
        );
        let over = subscription.ending && subscription.wanted.is_none();
        if gone || over {
            self.remove(id);
        } else {
            self.ready(id);
        }
    }

    /// Ends what has expired by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.expiry.first().filter(|(at, _)| *at <= now) {
            self.expiry.remove(&(at, id));
            if let Some(subscription) = self.all.get_mut(&id) {
                subscription.ending = true;
                // The last state once more: who reads only the last NOTIFY is right too.
                let last = subscription.sent.clone();
                subscription.wanted = subscription.wanted.take().or(last);
                self.ready(id);
            }
        }
    }

    /// The next NOTIFY to send, `None` when there is none.
    pub fn poll_output(&mut self, now: Instant) -> Option<Notify> {
        while let Some(id) = self.out.pop_front() {
            let Some(subscription) = self.all.get_mut(&id).filter(|s| !s.under_way) else { continue };
            let Some(summary) = subscription.wanted.take() else { continue };
            subscription.under_way = true;
            subscription.cseq += 1;
            let body = summary.to_string();
            subscription.sent = Some(summary);
            return Some(subscription.notify(now, id, body));
        }
        None
    }

    /// When [`Notifier::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.expiry.first().map(|(at, _)| *at)
    }

    /// Number of subscriptions, those being ended included.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is no subscription.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Subscriptions to this mailbox.
    pub fn subscribers(&self, number: &str) -> usize {
        self.by_number.get(number).map_or(0, BTreeSet::len)
    }

    fn add(&mut self, now: Instant, subscribe: Subscribe) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        // SplitMix64; the id makes the tag unique whatever the seed.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let local_tag = format!("{:016x}{id:x}", mixed ^ (mixed >> 31));
        self.by_tag.insert(local_tag.clone(), id);
        self.by_number.entry(subscribe.number.clone()).or_default().insert(id);
        let subscription = Subscription {
            number: subscribe.number,
            call_id: subscribe.call_id,
            local_tag,
            remote_tag: subscribe.from_tag,
            remote_cseq: subscribe.cseq,
            cseq: 0,
            target: subscribe.target,
            routes: subscribe.routes,
            flow: subscribe.flow,
            until: now,
            wanted: None,
            sent: None,
            under_way: false,
            ending: false,
        };
        self.all.insert(id, subscription);
        id
    }

    fn set_expiry(&mut self, now: Instant, id: u64, expires: u32) {
        let Some(subscription) = self.all.get_mut(&id) else { return };
        self.expiry.remove(&(subscription.until, id));
        subscription.until = now + Duration::from_secs(u64::from(expires));
        if expires > 0 {
            self.expiry.insert((subscription.until, id));
        }
    }

    /// Lets a subscription's state go out unless a NOTIFY is under way already.
    fn ready(&mut self, id: u64) {
        if self.all.get(&id).is_some_and(|s| !s.under_way && s.wanted.is_some())
            && self.out.back() != Some(&id)
        {
            self.out.push_back(id);
        }
        // Ids come twice if a state changes before it was taken; they are cut before they pile up.
        if self.out.len() > 2 * self.all.len() + 16 {
            let mut seen = BTreeSet::new();
            self.out.retain(|id| seen.insert(*id));
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(subscription) = self.all.remove(&id) else { return };
        self.by_tag.remove(&subscription.local_tag);
        self.expiry.remove(&(subscription.until, id));
        if let Some(ids) = self.by_number.get_mut(&subscription.number) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_number.remove(&subscription.number);
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Subscription {
    number: String,
    call_id: String,
    local_tag: String,
    remote_tag: String,
    remote_cseq: u32,
    cseq: u32,
    target: String,
    routes: Vec<String>,
    flow: u64,
    /// When it expires.
    until: Instant,
    /// State to be sent.
    wanted: Option<Summary>,
    /// State last sent.
    sent: Option<Summary>,
    under_way: bool,
    /// Over once the state has been sent.
    ending: bool,
}

impl Subscription {
    fn notify(&self, now: Instant, id: u64, body: String) -> Notify {
        let seconds = self.until.saturating_duration_since(now).as_secs();
        let state = if self.ending {
            "terminated;reason=timeout".to_owned()
        } else {
            format!("active;expires={seconds}")
        };
        Notify {
            id,
            number: self.number.clone(),
            call_id: self.call_id.clone(),
            local_tag: self.local_tag.clone(),
            remote_tag: self.remote_tag.clone(),
            cseq: self.cseq,
            target: self.target.clone(),
            routes: self.routes.clone(),
            flow: self.flow,
            state,
            body,
        }
    }
}

/// Extension headers tell of single messages; they are not passed on.
fn without_extra(summary: &Summary) -> Summary {
    Summary { extra: Vec::new(), ..summary.clone() }
}

#[cfg(test)]
mod tests;
