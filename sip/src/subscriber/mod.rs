//! Subscribing to an event package and keeping the subscription (RFC 6665 4.1).
//!
//! A [`Subscriber`] is one subscription that is to exist for good: it subscribes, refreshes in time,
//! answers digest challenges and 423, begins anew when the notifier ends it or loses it, and backs off when
//! it is refused. It sends nothing itself: the user gives its requests to [`crate::Endpoint::request`] and
//! hands back responses, failures and NOTIFYs.
//!
//! ```
//! use std::time::Instant;
//! use sip::subscriber::{Output, Subscriber, SubscriberConfig};
//! let config = SubscriberConfig::new("sip:8000@vm.example", "<sip:8000@gw.example>", "<sip:8000@192.0.2.1>", "message-summary");
//! let mut subscriber = Subscriber::new(config, [3; 32]);
//! subscriber.start(Instant::now());
//! let sent = std::iter::from_fn(|| subscriber.poll_output()).find_map(|output| match output {
//!     Output::Send(request) => Some(request),
//!     _ => None,
//! });
//! let subscribe = sent.expect("the first request");
//! assert_eq!(subscribe.uri(), "sip:8000@vm.example");
//! assert_eq!(subscribe.value(sip::Header::Event), Some("message-summary"));
//! ```

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::backoff::Backoff;
use crate::dialog::Dialog;
use crate::digest::{Authenticator, Credentials};
use crate::message::{Header, Message, Method, Reply, RequestBuilder};

/// What to subscribe to, and how.
#[derive(Clone, Debug)]
pub struct SubscriberConfig {
    /// The resource, as Request-URI.
    pub target: String,
    /// To without tag; the target when `None`.
    pub to: Option<String>,
    /// From without tag.
    pub from: String,
    /// Contact: where NOTIFYs are to come.
    pub contact: String,
    /// Event package.
    pub event: String,
    /// Body types for Accept.
    pub accept: Vec<String>,
    /// Wanted duration in seconds. Default 3600.
    pub expires: u32,
    /// For digest.
    pub credentials: Option<Credentials>,
    /// First wait after a failure; doubled each time. Default 30 s.
    pub retry: Duration,
    /// Longest wait after a failure. Default 30 min.
    pub retry_max: Duration,
    /// Whether a subscription without NOTIFY within [`SubscriberConfig::notify_wait`] has failed, as RFC
    /// 6665 4.1.2.4 demands. Off by default: real voice mails send none until something changes.
    pub require_notify: bool,
    /// Timer N, 64*T1. Default 32 s.
    pub notify_wait: Duration,
}

impl SubscriberConfig {
    /// Settings with the defaults. `from` and `contact` are addresses in angle brackets.
    pub fn new(target: &str, from: &str, contact: &str, event: &str) -> SubscriberConfig {
        SubscriberConfig {
            target: target.to_owned(),
            to: None,
            from: from.to_owned(),
            contact: contact.to_owned(),
            event: event.to_owned(),
            accept: Vec::new(),
            expires: 3600,
            credentials: None,
            retry: Duration::from_secs(30),
            retry_max: Duration::from_secs(30 * 60),
            require_notify: false,
            notify_wait: Duration::from_secs(32),
        }
    }
}

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriberState {
    /// Not started, or stopped for good.
    Idle,
    /// A SUBSCRIBE without dialog is under way.
    Subscribing,
    /// Accepted, but the notifier waits for somebody's consent.
    Pending,
    /// Accepted.
    Active,
    /// Failed or ended; it will be tried again.
    Waiting,
    /// Being ended by us.
    Unsubscribing,
}

/// What the subscriber wants.
#[derive(Clone, Debug)]
pub enum Output {
    /// To be sent with [`crate::Endpoint::request`]; the outcome goes to [`Subscriber::handle_response`] or
    /// [`Subscriber::handle_failure`]. There is never more than one under way.
    Send(RequestBuilder),
    /// A NOTIFY that counts; its body is the news.
    Notified(Message),
    /// The state has changed.
    State(SubscriberState),
    /// A dialog to be registered with [`crate::Endpoint::insert_dialog`] as (Call-ID, local tag, remote tag).
    DialogMade(String, String, String),
    /// A dialog to be forgotten.
    DialogEnded(String, String, String),
}

/// One subscription, kept up for good.
#[derive(Debug)]
pub struct Subscriber {
    config: SubscriberConfig,
    rng: StdRng,
    state: SubscriberState,
    /// Call-ID and our tag of the current attempt.
    call_id: String,
    tag: String,
    cseq: u32,
    dialog: Option<Dialog>,
    authenticator: Authenticator,
    backoff: Backoff,
    expires: u32,
    under_way: bool,
    notified: bool,
    /// When to subscribe again, refresh, or give up waiting.
    timer: Option<Instant>,
    /// When the subscription runs out unless it is refreshed.
    expiry: Option<Instant>,
    /// Timer N.
    notify_timer: Option<Instant>,
    out: VecDeque<Output>,
}

impl Subscriber {
    /// A subscription that is not started yet. `seed` makes Call-IDs, tags and jitter.
    pub fn new(config: SubscriberConfig, seed: [u8; 32]) -> Subscriber {
        Subscriber {
            expires: config.expires,
            authenticator: Authenticator::new(config.credentials.clone()),
            backoff: Backoff::new(config.retry, config.retry_max),
            config,
            rng: StdRng::from_seed(seed),
            state: SubscriberState::Idle,
            call_id: String::new(),
            tag: String::new(),
            cseq: 0,
            dialog: None,
            under_way: false,
            notified: false,
            timer: None,
            expiry: None,
            notify_timer: None,
            out: VecDeque::new(),
        }
    }

    /// Subscribes, if that is not under way or done.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, SubscriberState::Idle | SubscriberState::Waiting) && !self.under_way {
            self.subscribe_anew(now);
        }
    }

    /// Ends the subscription (SUBSCRIBE with Expires 0) and stays idle.
    pub fn stop(&mut self, now: Instant) {
        match self.state {
            SubscriberState::Active | SubscriberState::Pending if !self.under_way => {
                self.set_state(SubscriberState::Unsubscribing);
                self.expiry = None;
                self.notify_timer = None;
                self.timer = Some(now + self.config.notify_wait);
                self.send(0);
            }
            // An answer may be under way: it finds nobody waiting.
            _ => self.end(SubscriberState::Idle),
        }
    }

    /// Where the subscription stands.
    pub fn state(&self) -> SubscriberState {
        self.state
    }

    /// Takes a response to the request under way. Provisional ones are passed over.
    pub fn handle_response(&mut self, now: Instant, response: &Message) {
        let Some(status) = response.status().filter(|status| status.is_final()) else { return };
        if !self.under_way || response.call_id().ok() != Some(self.call_id.as_str()) {
            return;
        }
        self.under_way = false;
        match status.as_u16() {
            200..300 => self.accepted(now, response),
            401 | 407 if self.answer_challenge(response) => {}
            423 if self.accept_interval(response) => {}
            _ if self.state == SubscriberState::Unsubscribing => self.end(SubscriberState::Idle),
            //= RFC 6665 4.1.2.2: "If a SUBSCRIBE request to refresh a subscription receives a 404, 405,
            //= 410, 416, 480-485, 489, 501, or 604 response, the subscriber MUST consider the subscription
            //= terminated."
            481 if self.dialog.is_some() => self.subscribe_anew(now),
            404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604 => self.failed(now, retry_after(response)),
            //= RFC 6665 4.1.2.2: "If a SUBSCRIBE request to refresh a subscription fails with any error
            //= code other than those listed above, the original subscription is still considered valid for
            //= the duration of the most recently known "Expires" value"
            _ => self.try_again_later(now, retry_after(response)),
        }
    }

    /// The request under way could not be sent or was not answered.
    pub fn handle_failure(&mut self, now: Instant) {
        if !std::mem::take(&mut self.under_way) {
            return;
        }
        match self.state {
            SubscriberState::Unsubscribing => self.end(SubscriberState::Idle),
            _ => self.try_again_later(now, None),
        }
    }

    /// Whether a NOTIFY belongs to this subscription.
    pub fn matches(&self, notify: &Message) -> bool {
        let (Ok(call_id), Ok(to)) = (notify.call_id(), notify.to()) else { return false };
        call_id == self.call_id
            && to.tag() == Some(self.tag.as_str())
            && !matches!(self.state, SubscriberState::Idle | SubscriberState::Waiting)
    }

    /// Takes a NOTIFY and gives the response it is owed. News comes out as [`Output::Notified`].
    pub fn handle_notify(&mut self, now: Instant, notify: &Message) -> Reply {
        if !self.matches(notify) {
            return Reply::new(481);
        }
        let event = notify.event().ok().flatten();
        // Some senders leave Event out; inside the dialog there is no doubt what they mean.
        if event.is_some_and(|event| !event.package.eq_ignore_ascii_case(&self.config.event)) {
            return Reply::new(489).header(Header::AllowEvents, &self.config.event);
        }
        let checked = match &mut self.dialog {
            Some(dialog) => dialog.handle_request(notify),
            //= RFC 6665 4.4.1: "Dialogs usages are created upon completion of a NOTIFY transaction for a
            //= new subscription"
            None => Dialog::from_request(notify, &self.tag).and_then(|mut dialog| {
                dialog.confirm(None)?;
                dialog.set_local_cseq(self.cseq);
                self.made(dialog);
                Ok(())
            }),
        };
        if let Err(error) = checked {
            return error.reply();
        }
        self.notified = true;
        self.notify_timer = None;
        self.out.push_back(Output::Notified(notify.clone()));
        let state = notify.subscription_state().ok().flatten();
        let unsubscribing = self.state == SubscriberState::Unsubscribing;
        match state {
            Some(state) if state.is_terminated() => self.terminated(now, state.reason, state.retry_after),
            _ if unsubscribing => {}
            Some(state) => {
                if let Some(seconds) = state.expires.filter(|seconds| *seconds > 0) {
                    self.keep(now, seconds);
                }
                let pending = state.state.eq_ignore_ascii_case("pending");
                self.set_state(if pending { SubscriberState::Pending } else { SubscriberState::Active });
            }
            None => self.set_state(SubscriberState::Active),
        }
        Reply::new(200)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if due(&mut self.notify_timer, now) && self.config.require_notify && !self.notified {
            return self.failed(now, None);
        }
        if due(&mut self.expiry, now) && !self.under_way {
            // Every refresh failed: the subscription is gone.
            return self.subscribe_anew(now);
        }
        if due(&mut self.timer, now) {
            match self.state {
                SubscriberState::Waiting => self.subscribe_anew(now),
                SubscriberState::Active | SubscriberState::Pending if !self.under_way => {
                    self.send(self.expires)
                }
                SubscriberState::Unsubscribing => self.end(SubscriberState::Idle),
                _ => {}
            }
        }
    }

    /// When [`Subscriber::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.timer, self.expiry, self.notify_timer].into_iter().flatten().min()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn subscribe_anew(&mut self, now: Instant) {
        self.drop_dialog();
        self.call_id = format!("{}{}", self.random(), self.random());
        self.tag = self.random();
        self.cseq = 0;
        self.notified = false;
        self.timer = None;
        self.expiry = None;
        self.notify_timer = self.config.require_notify.then(|| now + self.config.notify_wait);
        self.set_state(SubscriberState::Subscribing);
        self.send(self.expires);
    }

    fn send(&mut self, expires: u32) {
        let mut request = match &mut self.dialog {
            Some(dialog) => {
                let request = dialog.request(Method::Subscribe);
                self.cseq = dialog.local_cseq();
                request
            }
            None => {
                self.cseq += 1;
                let to = self.config.to.clone().unwrap_or_else(|| format!("<{}>", self.config.target));
                RequestBuilder::new(Method::Subscribe, &self.config.target)
                    .header(Header::From, format!("{};tag={}", self.config.from, self.tag))
                    .header(Header::To, to)
                    .header(Header::CallId, &self.call_id)
                    .cseq(self.cseq)
            }
        };
        request = request
            .header(Header::Contact, &self.config.contact)
            .header(Header::Event, &self.config.event)
            .header(Header::Expires, expires.to_string());
        if !self.config.accept.is_empty() {
            request = request.header(Header::Accept, self.config.accept.join(", "));
        }
        let request = self.authenticator.authorize(request);
        self.under_way = true;
        self.out.push_back(Output::Send(request));
    }

    fn accepted(&mut self, now: Instant, response: &Message) {
        self.backoff.reset();
        self.authenticator.handle_success(response);
        if self.state == SubscriberState::Unsubscribing {
            // The last NOTIFY may still come; the timer ends the wait.
            return;
        }
        if self.dialog.is_none() {
            match Dialog::from_response(response, &self.config.target) {
                Ok(dialog) => self.made(dialog),
                Err(error) => {
                    tracing::debug!(%error, "2xx to SUBSCRIBE makes no dialog");
                    return self.failed(now, None);
                }
            }
        } else if let Some(dialog) = &mut self.dialog
            && dialog.matches(response)
        {
            // A malformed Contact leaves the target as it was.
            let _ = dialog.handle_response(response);
        }
        //= RFC 6665 4.1.2.1: "The period of time in the response MAY be shorter but MUST NOT be longer than
        //= specified in the request."
        let granted = response.expires().ok().flatten().unwrap_or(self.expires).min(self.expires).max(1);
        self.keep(now, granted);
        if self.state == SubscriberState::Subscribing {
            self.set_state(SubscriberState::Active);
        }
    }

    /// The subscription lasts `seconds` from now; it is refreshed a tenth of that, and at least 32 s where
    /// there is time, before.
    fn keep(&mut self, now: Instant, seconds: u32) {
        let lasting = Duration::from_secs(u64::from(seconds));
        let margin = (lasting / 10).max(Duration::from_secs(32)).min(lasting / 2);
        self.expiry = Some(now + lasting);
        self.timer = Some(now + (lasting - margin));
    }

    fn answer_challenge(&mut self, response: &Message) -> bool {
        let cnonce = self.random();
        if !self.authenticator.handle_challenge(response, &cnonce) {
            return false;
        }
        self.send(if self.state == SubscriberState::Unsubscribing { 0 } else { self.expires });
        true
    }

    /// 423: the notifier wants a longer interval.
    fn accept_interval(&mut self, response: &Message) -> bool {
        let Ok(Some(least)) = response.seconds(Header::MinExpires) else { return false };
        if least <= self.expires || self.state == SubscriberState::Unsubscribing {
            return false;
        }
        self.expires = least;
        self.send(least);
        true
    }

    /// RFC 6665 4.1.3.
    fn terminated(&mut self, now: Instant, reason: Option<&str>, retry_after: Option<u32>) {
        if self.state == SubscriberState::Unsubscribing {
            return self.end(SubscriberState::Idle);
        }
        self.under_way = false;
        let is = |name: &str| reason.is_some_and(|reason| reason.eq_ignore_ascii_case(name));
        if is("deactivated") || is("timeout") {
            self.subscribe_anew(now);
        } else if is("rejected") || is("noresource") || is("invariant") {
            // "should not be tried again" there; a gateway's subscription is configured, so it is tried
            // seldom.
            self.wait(now, self.config.retry_max);
        } else {
            // "probation", "giveup", none, and what comes later.
            self.failed(now, retry_after);
        }
    }

    fn try_again_later(&mut self, now: Instant, retry_after: Option<u32>) {
        let still_valid = self.dialog.is_some() && self.expiry.is_some_and(|expiry| expiry > now);
        if still_valid {
            let wait = self.backoff.next(retry_after, &mut self.rng);
            // The expiry itself starts anew.
            self.timer = Some(now + wait).filter(|at| self.expiry.is_some_and(|expiry| *at < expiry));
        } else {
            self.failed(now, retry_after);
        }
    }

    fn failed(&mut self, now: Instant, retry_after: Option<u32>) {
        let wait = self.backoff.next(retry_after, &mut self.rng);
        self.wait(now, wait);
    }

    fn wait(&mut self, now: Instant, wait: Duration) {
        self.end(SubscriberState::Waiting);
        self.timer = Some(now + wait);
    }

    fn end(&mut self, state: SubscriberState) {
        self.drop_dialog();
        self.under_way = false;
        self.timer = None;
        self.expiry = None;
        self.notify_timer = None;
        self.set_state(state);
    }

    fn made(&mut self, dialog: Dialog) {
        let (call_id, local, remote) = (dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
        self.out.push_back(Output::DialogMade(call_id.to_owned(), local.to_owned(), remote.to_owned()));
        self.dialog = Some(dialog);
    }

    fn drop_dialog(&mut self) {
        if let Some(dialog) = self.dialog.take() {
            let (call_id, local, remote) = (dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
            self.out.push_back(Output::DialogEnded(call_id.to_owned(), local.to_owned(), remote.to_owned()));
        }
    }

    fn set_state(&mut self, state: SubscriberState) {
        if self.state != state {
            self.state = state;
            self.out.push_back(Output::State(state));
        }
    }

    fn random(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }
}

fn due(timer: &mut Option<Instant>, now: Instant) -> bool {
    timer.take_if(|at| *at <= now).is_some()
}

fn retry_after(response: &Message) -> Option<u32> {
    response.seconds(Header::RetryAfter).ok().flatten()
}
