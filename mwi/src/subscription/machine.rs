//! The machine behind [`Subscriber`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::{
    Challenge, Endpoint, Failure, MAX_ADDRESSES, MAX_FIELD, MAX_ROUTES, Notify, NotifyAnswer, NotifyState,
    Output, Reason, Remote, Response, Settings, Status, Subscribe,
};
use crate::config::{MwiServer, ServerHost};

/// How long the answer to an unsubscribing SUBSCRIBE is waited for: longer than timer F.
const ENDING: Duration = Duration::from_secs(40);

/// All subscriptions of a gateway.
#[derive(Clone, Debug)]
pub struct Subscriber {
    settings: Settings,
    server: Option<MwiServer>,
    addresses: Vec<Ipv4Addr>,
    current: usize,
    /// Addresses that failed one after the other since one worked.
    failed: usize,
    dns_retries: u32,
    lookup: Lookup,
    endpoints: BTreeSet<Endpoint>,
    all: BTreeMap<u64, Subscription>,
    next_id: u64,
    /// Endpoints, room or addresses may have come since subscriptions were last made.
    unfilled: bool,
    out: VecDeque<Output>,
    random: u64,
}

impl Subscriber {
    /// No server, no endpoints. `seed` makes Call-IDs, tags and spread: it must differ from start to start.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            server: None,
            addresses: Vec::new(),
            current: 0,
            failed: 0,
            dns_retries: 0,
            lookup: Lookup::Idle,
            endpoints: BTreeSet::new(),
            all: BTreeMap::new(),
            next_id: 1,
            unfilled: false,
            out: VecDeque::new(),
            random: seed,
        }
    }

    /// Takes `mwi-server`; `None` is `no mwi-server`.
    ///
    /// Another server ends the subscriptions at the old one. With `unsolicited` nothing is subscribed.
    pub fn set_server(&mut self, now: Instant, server: Option<MwiServer>) {
        if self.server == server {
            return;
        }
        self.end_all(now);
        self.addresses.clear();
        (self.current, self.failed, self.dns_retries) = (0, 0, 0);
        self.lookup = Lookup::Idle;
        self.server = server;
        match self.server.as_ref().map(|server| &server.host) {
            Some(ServerHost::Ipv4(address)) => self.addresses.push(*address),
            Some(ServerHost::Dns(_)) => self.look_up(),
            None => {}
        }
        self.unfilled = true;
        self.fill(now);
    }

    /// Takes `subscription maximum originate`: subscriptions at a time. Those made already stay.
    pub fn set_maximum(&mut self, now: Instant, maximum: usize) {
        self.settings.maximum = maximum;
        self.unfilled = true;
        self.fill(now);
    }

    /// Takes all endpoints that are to be subscribed for; those that are no longer among them are unsubscribed.
    pub fn set_endpoints(&mut self, now: Instant, endpoints: impl IntoIterator<Item = Endpoint>) {
        self.endpoints = endpoints.into_iter().collect();
        let gone = |subscription: &&mut Subscription| !self.endpoints.contains(&subscription.endpoint);
        self.all.values_mut().filter(gone).for_each(|subscription| subscription.end(now, &mut self.out));
        self.all.retain(|_, subscription| !subscription.is_over());
        self.unfilled = true;
        self.fill(now);
    }

    /// Takes the outcome of [`Output::Resolve`]: the addresses in order of preference, empty if there are none.
    pub fn handle_resolved(&mut self, now: Instant, name: &str, addresses: &[Ipv4Addr]) {
        let asked = matches!(&self.server, Some(server) if server.host == ServerHost::Dns(name.to_owned()));
        if !asked || self.lookup != Lookup::UnderWay {
            return;
        }
        if addresses.is_empty() {
            let wait = self.back_off(self.dns_retries);
            self.dns_retries = self.dns_retries.saturating_add(1);
            self.lookup = Lookup::Again(now + wait);
            return;
        }
        self.lookup = Lookup::Idle;
        self.addresses = addresses.iter().copied().take(MAX_ADDRESSES).collect();
        (self.current, self.failed) = (0, 0);
        self.unfilled = true;
        self.fill(now);
    }

    /// Takes the final response to the SUBSCRIBE of this id and CSeq. Others are ignored.
    pub fn handle_response(&mut self, now: Instant, id: u64, cseq: u32, response: Response) {
        let Some(subscription) = waiting_for(&mut self.all, id, cseq) else { return };
        if subscription.ending {
            // RFC 6665 4.1.2.3: whatever the answer, the dialog is over, but 401 and 407 may be answered.
            let again = subscription.answer_challenge(&response);
            if let Some(subscribe) = again {
                self.out.push_back(Output::Subscribe(subscribe));
            } else if response.status < 300 && subscription.remote.is_none() {
                subscription.take_remote(&response);
                subscription.end_dialog(now, &mut self.out);
            } else {
                self.remove(now, id);
            }
            return;
        }
        match response.status {
            200..=299 => {
                self.failed = 0;
                self.subscribed(now, id, &response);
            }
            401 | 407 => match self.all.get_mut(&id).and_then(|s| s.answer_challenge(&response)) {
                Some(subscribe) => self.out.push_back(Output::Subscribe(subscribe)),
                None => self.retry(now, id, None),
            },
            423 => {
                match response.min_expires.filter(|&min| self.all.get(&id).is_some_and(|s| min > s.expires)) {
                    Some(min) => {
                        if let Some(subscription) = self.all.get_mut(&id) {
                            subscription.expires = min;
                        }
                        self.send(now, id);
                    }
                    None => self.retry(now, id, None),
                }
            }
            481 if self.all.get(&id).is_some_and(|s| s.remote.is_some()) => {
                // The server forgot a subscription that it had: a new one, at once.
                self.renew(now, id);
            }
            408 | 500 | 502..=504 if self.addresses.len() > 1 => {
                self.next_address(now, id, response.retry_after)
            }
            _ => self.retry(now, id, response.retry_after),
        }
    }

    /// Takes that the SUBSCRIBE of this id and CSeq had no final response. Others are ignored.
    pub fn handle_failure(&mut self, now: Instant, id: u64, cseq: u32, _why: Failure) {
        let Some(subscription) = waiting_for(&mut self.all, id, cseq) else { return };
        if subscription.ending {
            self.remove(now, id);
        } else {
            self.next_address(now, id, None);
        }
    }

    /// Takes a NOTIFY for `message-summary`. [`NotifyAnswer::NoSubscription`] is 481 unless it is welcome unsolicited.
    pub fn handle_notify(&mut self, now: Instant, notify: &Notify) -> NotifyAnswer {
        let ours = |s: &&mut Subscription| {
            s.call_id == notify.call_id
                && notify.to_tag.as_ref() == Some(&s.local_tag)
                && s.remote.as_ref().is_none_or(|remote| remote.tag == notify.from_tag)
        };
        let Some(subscription) = self.all.values_mut().find(ours) else {
            return NotifyAnswer::NoSubscription;
        };
        if subscription.remote_cseq.is_some_and(|last| notify.cseq <= last) {
            return NotifyAnswer::OutOfOrder;
        }
        subscription.remote_cseq = Some(notify.cseq);
        // A NOTIFY may overtake the 200 and make the dialog (RFC 6665 4.1.2.4).
        let fits = |text: &String| text.len() <= MAX_FIELD;
        if subscription.remote.is_none() && fits(&notify.from_tag) {
            let target = notify.contact.clone().filter(fits);
            subscription.remote = Some(Remote { tag: notify.from_tag.clone(), target, routes: Vec::new() });
        }
        let (id, endpoint) = (subscription.id, subscription.endpoint.clone());
        match notify.state {
            NotifyState::Alive { expires } => {
                if let (State::Active { until, .. }, Some(left)) = (subscription.state, expires) {
                    let told = now + Duration::from_secs(u64::from(left));
                    if told < until {
                        self.activate(now, id, left);
                    }
                }
            }
            NotifyState::Terminated { .. } if subscription.ending => {
                self.remove(now, id);
            }
            NotifyState::Terminated { reason, retry_after } => {
                subscription.forget_dialog();
                match reason {
                    Reason::Deactivated | Reason::Timeout => self.renew(now, id),
                    Reason::Rejected | Reason::NoResource | Reason::Invariant => {
                        let longest = self.settings.backoff_max.as_secs();
                        self.retry(now, id, u32::try_from(longest).ok().max(retry_after));
                    }
                    Reason::Probation | Reason::GiveUp | Reason::Other => self.retry(now, id, retry_after),
                }
            }
        }
        NotifyAnswer::Accepted(endpoint)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.lookup, Lookup::Again(at) if at <= now) {
            self.look_up();
        }
        let due: Vec<u64> =
            self.all.values().filter(|s| s.due().is_some_and(|at| at <= now)).map(|s| s.id).collect();
        for id in due {
            match self.all.get(&id).map(|subscription| subscription.state) {
                Some(State::Ending { .. }) => {
                    self.remove(now, id);
                }
                Some(State::Waiting { .. } | State::Active { .. }) => self.send(now, id),
                _ => {}
            }
        }
    }

    /// What is to be done now, `None` when nothing more is.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Subscriber::handle_timeout`] is due, `None` if only events can bring news.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let lookup = if let Lookup::Again(at) = self.lookup { Some(at) } else { None };
        self.all.values().filter_map(Subscription::due).chain(lookup).min()
    }

    /// The server's addresses, at most [`MAX_ADDRESSES`].
    pub fn addresses(&self) -> &[Ipv4Addr] {
        &self.addresses
    }

    /// Index of the address in use.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Look-ups of the server's name that failed.
    pub fn dns_retries(&self) -> u32 {
        self.dns_retries
    }

    /// Every subscription and where it stands.
    pub fn iter(&self) -> impl Iterator<Item = (&Endpoint, Status)> {
        self.all.values().map(|subscription| (&subscription.endpoint, subscription.status()))
    }

    /// Number of subscriptions, those being ended included.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is no subscription.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Makes subscriptions for endpoints that have none, as far as the maximum allows, and starts them.
    fn fill(&mut self, now: Instant) {
        let Some(server) = self.server.as_ref().filter(|server| !server.unsolicited) else { return };
        let expires = server.expires;
        if !std::mem::take(&mut self.unfilled) {
            return;
        }
        let have: BTreeSet<&Endpoint> =
            self.all.values().filter(|s| !s.ending).map(|s| &s.endpoint).collect();
        let room = self.settings.maximum.saturating_sub(self.all.len());
        let new: Vec<Endpoint> =
            self.endpoints.iter().filter(|e| !have.contains(e)).take(room).cloned().collect();
        for endpoint in new {
            let id = self.next_id;
            self.next_id += 1;
            let call_id = format!("{:016x}{:016x}", self.chance(), self.chance());
            let local_tag = format!("{:016x}", self.chance());
            self.all.insert(id, Subscription::new(id, endpoint, call_id, local_tag, expires));
        }
        if self.addresses.is_empty() {
            return;
        }
        let blocked: Vec<u64> =
            self.all.values().filter(|s| s.state == State::Blocked).map(|s| s.id).collect();
        let window = self.settings.spread.saturating_mul(u32::try_from(blocked.len()).unwrap_or(u32::MAX));
        for id in blocked {
            let at = now + self.part_of(window);
            if let Some(subscription) = self.all.get_mut(&id) {
                subscription.state = State::Waiting { at, until: None };
            }
        }
    }

    /// Forgets a subscription; its room may be another's.
    fn remove(&mut self, now: Instant, id: u64) {
        self.all.remove(&id);
        self.unfilled = true;
        self.fill(now);
    }

    fn end_all(&mut self, now: Instant) {
        self.all.values_mut().for_each(|subscription| subscription.end(now, &mut self.out));
        self.all.retain(|_, subscription| !subscription.is_over());
    }

    /// Sends the SUBSCRIBE of a new subscription or a refresh.
    fn send(&mut self, now: Instant, id: u64) {
        let Some(server) = &self.server else { return };
        let (Some(&address), Some(subscription)) = (self.addresses.get(self.current), self.all.get_mut(&id))
        else {
            return;
        };
        let until = match subscription.state {
            State::Waiting { until, .. } | State::Trying { until } => until,
            State::Active { until, .. } => Some(until),
            State::Blocked | State::Ending { .. } => None,
        };
        let until = until.filter(|&until| until > now);
        if until.is_none() && subscription.remote.is_some() {
            subscription.forget_dialog();
        }
        subscription.target = Some((address, server.port, server.transport));
        subscription.challenged = 0;
        subscription.state = State::Trying { until };
        if let Some(subscribe) = subscription.subscribe(subscription.expires, None) {
            self.out.push_back(Output::Subscribe(subscribe));
        }
    }

    fn subscribed(&mut self, now: Instant, id: u64, response: &Response) {
        let Some(subscription) = self.all.get_mut(&id) else { return };
        subscription.take_remote(response);
        let granted = response.expires.unwrap_or(subscription.expires).min(subscription.expires);
        if granted == 0 || subscription.remote.is_none() {
            self.retry(now, id, response.retry_after);
        } else {
            self.activate(now, id, granted);
        }
    }

    /// Sets expiry and refresh: with a tenth of the time left, at least 40 s or half of it, spread by a tenth.
    fn activate(&mut self, now: Instant, id: u64, seconds: u32) {
        let whole = Duration::from_secs(u64::from(seconds));
        let margin = (whole / 10).max((whole / 2).min(Duration::from_secs(40)));
        let refresh = whole - margin;
        let early = self.part_of(refresh / 10);
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.attempt = 0;
            subscription.state = State::Active { refresh: now + refresh - early, until: now + whole };
        }
    }

    /// Begins a new dialog soon.
    fn renew(&mut self, now: Instant, id: u64) {
        let at = now + self.part_of(self.settings.spread);
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.forget_dialog();
            // A server that ends every subscription at once is not asked without pause.
            subscription.attempt = subscription.attempt.saturating_add(1);
            if subscription.attempt > 3 {
                return self.retry(now, id, None);
            }
            subscription.state = State::Waiting { at, until: None };
        }
    }

    /// Waits and tries again; a refresh keeps its dialog as long as that lives.
    fn retry(&mut self, now: Instant, id: u64, retry_after: Option<u32>) {
        let attempt = self.all.get(&id).map_or(0, |subscription| subscription.attempt);
        let asked = Duration::from_secs(u64::from(retry_after.unwrap_or(0).min(86_400)));
        let at = now + self.back_off(attempt).max(asked);
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.attempt = attempt.saturating_add(1);
            let until = if let State::Trying { until } = subscription.state { until } else { None };
            subscription.state = State::Waiting { at, until };
        }
    }

    /// Goes over to the server's next address; once all have failed, looks the name up again and waits.
    fn next_address(&mut self, now: Instant, id: u64, retry_after: Option<u32>) {
        let used = self.all.get(&id).and_then(|s| s.target).map(|(address, ..)| address);
        if used.is_some() && used == self.addresses.get(self.current).copied() {
            self.failed += 1;
            self.current = (self.current + 1) % self.addresses.len().max(1);
        }
        if self.failed < self.addresses.len() {
            if let Some(subscription) = self.all.get_mut(&id) {
                subscription.forget_dialog();
            }
            return self.send(now, id);
        }
        if matches!(&self.server, Some(server) if matches!(server.host, ServerHost::Dns(_)))
            && self.lookup == Lookup::Idle
        {
            self.dns_retries = self.dns_retries.saturating_add(1);
            self.look_up();
        }
        self.failed = 0;
        self.retry(now, id, retry_after);
    }

    fn look_up(&mut self) {
        if let Some(ServerHost::Dns(name)) = self.server.as_ref().map(|server| &server.host) {
            self.lookup = Lookup::UnderWay;
            self.out.push_back(Output::Resolve { name: name.clone() });
        }
    }

    fn back_off(&mut self, attempt: u32) -> Duration {
        let doubled = self.settings.backoff.saturating_mul(1 << attempt.min(16));
        let whole = doubled.min(self.settings.backoff_max);
        whole * 3 / 4 + self.part_of(whole / 2)
    }

    /// A random part of a duration.
    fn part_of(&mut self, whole: Duration) -> Duration {
        let part = u32::try_from(self.chance() % 1000).unwrap_or(0);
        whole / 1000 * part
    }

    /// SplitMix64.
    fn chance(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The subscription whose SUBSCRIBE with this CSeq is under way.
fn waiting_for(all: &mut BTreeMap<u64, Subscription>, id: u64, cseq: u32) -> Option<&mut Subscription> {
    let waits = |s: &&mut Subscription| matches!(s.state, State::Trying { .. } | State::Ending { .. });
    all.get_mut(&id).filter(|s| s.cseq == cseq).filter(waits)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    Idle,
    UnderWay,
    Again(Instant),
}

#[derive(Clone, Debug)]
struct Subscription {
    id: u64,
    endpoint: Endpoint,
    state: State,
    call_id: String,
    local_tag: String,
    remote: Option<Remote>,
    cseq: u32,
    remote_cseq: Option<u32>,
    target: Option<(Ipv4Addr, u16, crate::config::Transport)>,
    /// Seconds asked for.
    expires: u32,
    /// Failures since it last worked.
    attempt: u32,
    /// Challenges answered since the last SUBSCRIBE without an answer.
    challenged: u8,
    ending: bool,
    /// Dialogs begun, so that each has a Call-ID of its own.
    dialogs: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Blocked,
    /// `until`: how long the dialog lives, for a refresh that failed.
    Waiting {
        at: Instant,
        until: Option<Instant>,
    },
    Trying {
        until: Option<Instant>,
    },
    Active {
        refresh: Instant,
        until: Instant,
    },
    Ending {
        deadline: Instant,
    },
}

impl Subscription {
    fn new(id: u64, endpoint: Endpoint, call_id: String, local_tag: String, expires: u32) -> Self {
        Self {
            id,
            endpoint,
            state: State::Blocked,
            call_id,
            local_tag,
            remote: None,
            cseq: 0,
            remote_cseq: None,
            target: None,
            expires,
            attempt: 0,
            challenged: 0,
            ending: false,
            dialogs: 0,
        }
    }

    fn due(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { at, .. } => Some(at),
            State::Active { refresh, .. } => Some(refresh),
            State::Ending { deadline } => Some(deadline),
            State::Blocked | State::Trying { .. } => None,
        }
    }

    fn status(&self) -> Status {
        match self.state {
            _ if self.ending => Status::Ending,
            State::Blocked => Status::Blocked,
            State::Waiting { at, .. } => Status::Waiting(at),
            State::Trying { .. } => Status::Trying,
            State::Active { refresh, .. } => Status::Active { refresh },
            State::Ending { .. } => Status::Ending,
        }
    }

    /// The next SUBSCRIBE of the dialog.
    fn subscribe(&mut self, expires: u32, challenge: Option<Challenge>) -> Option<Subscribe> {
        let (address, port, transport) = self.target?;
        self.cseq += 1;
        Some(Subscribe {
            id: self.id,
            number: self.endpoint.number.clone(),
            address,
            port,
            transport,
            call_id: self.call_id.clone(),
            local_tag: self.local_tag.clone(),
            cseq: self.cseq,
            expires,
            remote: self.remote.clone(),
            challenge,
        })
    }

    /// The same SUBSCRIBE with an answer to the challenge, once, and once more if the answer was stale.
    fn answer_challenge(&mut self, response: &Response) -> Option<Subscribe> {
        let challenge = response.challenge.clone().filter(|_| matches!(response.status, 401 | 407))?;
        // A server that calls every answer stale is answered no more than twice.
        let allowed = if challenge.stale { 2 } else { 1 };
        if self.challenged >= allowed || challenge.value.len() > 8 * MAX_FIELD {
            return None;
        }
        self.challenged += 1;
        let expires = if self.ending { 0 } else { self.expires };
        self.subscribe(expires, Some(challenge))
    }

    fn take_remote(&mut self, response: &Response) {
        let fits = |text: &&String| text.len() <= MAX_FIELD;
        let target = response.contact.as_ref().filter(fits).cloned();
        match &mut self.remote {
            // A refresh changes the target only; a NOTIFY that came first knew no routes.
            Some(remote) => {
                remote.target = target.or(remote.target.take());
                if remote.routes.is_empty() {
                    remote.routes = response.routes.iter().filter(fits).take(MAX_ROUTES).cloned().collect();
                }
            }
            None => {
                let Some(tag) = response.to_tag.as_ref().filter(fits).cloned() else { return };
                let routes = response.routes.iter().filter(fits).take(MAX_ROUTES).cloned().collect();
                self.remote = Some(Remote { tag, target, routes });
            }
        }
    }

    /// A new dialog from here on. The Call-ID changes in its last digits, the tag stays.
    fn forget_dialog(&mut self) {
        self.remote = None;
        self.remote_cseq = None;
        self.dialogs = self.dialogs.wrapping_add(1);
        self.call_id.truncate(24);
        self.call_id.push_str(&format!("{:08x}", self.dialogs));
        if let State::Trying { until } | State::Waiting { until, .. } = &mut self.state {
            *until = None;
        }
    }

    /// Ends the subscription: with a SUBSCRIBE if there is a dialog, else when an answer under way has come.
    fn end(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        if self.ending {
            return;
        }
        self.ending = true;
        match self.state {
            State::Active { .. } | State::Waiting { until: Some(_), .. } => self.end_dialog(now, out),
            State::Trying { .. } => self.state = State::Ending { deadline: now + ENDING },
            State::Blocked | State::Waiting { until: None, .. } | State::Ending { .. } => {
                self.state = State::Blocked;
            }
        }
    }

    fn end_dialog(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        self.state = State::Ending { deadline: now + ENDING };
        self.challenged = 0;
        if let Some(subscribe) = self.subscribe(0, None) {
            out.push_back(Output::Subscribe(subscribe));
        }
    }

    fn is_over(&self) -> bool {
        self.ending && self.state == State::Blocked
    }
}
