//! Registering an address and keeping it registered (RFC 3261 10.2, RFC 3327, RFC 3608).
//!
//! A [`Registration`] is one binding that is to exist for good: it registers, refreshes in time and spread
//! out, answers digest challenges, redirections and 423, and backs off when it is refused. Like
//! [`crate::subscriber::Subscriber`] it sends nothing itself. [`Registrars`] keeps it up with a primary and
//! a secondary registrar.
//!
//! ```
//! use std::time::Instant;
//! use sip::registration::{Output, Registration, RegistrationConfig};
//! let config = RegistrationConfig::new("sip:registrar.example", "<sip:8000@registrar.example>", "<sip:8000@192.0.2.1:5060>");
//! let mut registration = Registration::new(config, [3; 32]);
//! registration.start(Instant::now());
//! let sent = std::iter::from_fn(|| registration.poll_output()).find_map(|output| match output {
//!     Output::Send(request) => Some(request),
//!     _ => None,
//! });
//! let register = sent.expect("the first request");
//! assert_eq!(register.value(sip::Header::Contact), Some("<sip:8000@192.0.2.1:5060>"));
//! ```

mod redundancy;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::backoff::Backoff;
use crate::digest::{Authenticator, CredentialsProvider};
use crate::message::{Contacts, Header, Message, Method, NameAddr, RequestBuilder};

pub use redundancy::{Redundancy, Registrars};

/// What to register, and where.
#[derive(Clone, Debug)]
pub struct RegistrationConfig {
    /// The registrar's domain, as Request-URI (RFC 3261 10.2: no user part).
    pub registrar: String,
    /// The address of record, for To and From, in angle brackets.
    pub address_of_record: String,
    /// The binding, in angle brackets.
    pub contact: String,
    /// Wanted duration in seconds. Default 3600.
    pub expires: u32,
    /// When to refresh, in percent of the granted duration, 1 to 99. Default 80, as IOS has it.
    pub refresh_ratio: u8,
    /// Whether REGISTER says `Supported: path` (RFC 3327), so that proxies may add themselves. Default true.
    pub path: bool,
    /// For digest; asked for every realm that challenges us the first time.
    pub credentials: Option<CredentialsProvider>,
    /// First wait after a failure; doubled each time. Default 30 s.
    pub retry: Duration,
    /// Longest wait after a failure. Default 30 min.
    pub retry_max: Duration,
}

impl RegistrationConfig {
    /// Settings with the defaults.
    pub fn new(registrar: &str, address_of_record: &str, contact: &str) -> RegistrationConfig {
        RegistrationConfig {
            registrar: registrar.to_owned(),
            address_of_record: address_of_record.to_owned(),
            contact: contact.to_owned(),
            expires: 3600,
            refresh_ratio: 80,
            path: true,
            credentials: None,
            retry: Duration::from_secs(30),
            retry_max: Duration::from_secs(30 * 60),
        }
    }
}

/// Where a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not started, or stopped for good.
    Idle,
    /// The first REGISTER is under way.
    Registering,
    /// The binding exists.
    Registered,
    /// Refused or not reachable; it will be tried again.
    Waiting,
    /// Being taken back.
    Unregistering,
}

/// What the registration wants.
#[derive(Clone, Debug)]
pub enum Output {
    /// To be sent with [`crate::Endpoint::request`]; the outcome goes to [`Registration::handle_response`]
    /// or [`Registration::handle_failure`]. There is never more than one under way.
    Send(RequestBuilder),
    /// The state has changed.
    State(RegistrationState),
    /// The routes for requests of this user (RFC 3608), first to be visited first; comes with every success.
    ServiceRoute(Vec<String>),
}

/// One binding, kept up for good.
#[derive(Debug)]
pub struct Registration {
    config: RegistrationConfig,
    rng: StdRng,
    state: RegistrationState,
    call_id: String,
    tag: String,
    cseq: u32,
    /// Once a realm that we have credentials for has asked.
    authenticator: Option<Authenticator>,
    backoff: Backoff,
    expires: u32,
    /// Where a redirection sent us; until a failure.
    redirected: Option<String>,
    redirections: u8,
    path: Vec<String>,
    under_way: bool,
    /// The latest REGISTER had Expires 0.
    taking_back: bool,
    timer: Option<Instant>,
    expiry: Option<Instant>,
    out: VecDeque<Output>,
}

/// Most routes of a Service-Route, or of a Path, taken.
const MAX_ROUTES: usize = 16;
/// Redirections followed between two successes.
const MAX_REDIRECTIONS: u8 = 4;
/// However short a binding lasts, it is not refreshed more often.
const LEAST_REFRESH: Duration = Duration::from_secs(5);

impl Registration {
    /// A registration that is not started yet. `seed` makes Call-ID, tag and spread.
    pub fn new(config: RegistrationConfig, seed: [u8; 32]) -> Registration {
        let mut rng = StdRng::from_seed(seed);
        //= RFC 3261 10.2.4: "A UA SHOULD use the same Call-ID for all registrations during a single boot
        //= cycle."
        let call_id = format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64());
        let tag = format!("{:016x}", rng.next_u64());
        Registration {
            state: RegistrationState::Idle,
            call_id,
            tag,
            cseq: 0,
            authenticator: None,
            backoff: Backoff::new(config.retry, config.retry_max),
            expires: config.expires,
            redirected: None,
            redirections: 0,
            path: Vec::new(),
            under_way: false,
            taking_back: false,
            timer: None,
            expiry: None,
            out: VecDeque::new(),
            config,
            rng,
        }
    }

    /// Registers, if that is not under way or done.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, RegistrationState::Idle | RegistrationState::Waiting) && !self.under_way {
            self.register(now);
        }
    }

    /// Takes the binding back and stays idle.
    pub fn stop(&mut self, now: Instant) {
        self.timer = None;
        let bound = self.expiry.take().is_some_and(|expiry| expiry > now);
        if bound && !self.under_way {
            self.set_state(RegistrationState::Unregistering);
            self.send(0);
        } else if bound {
            // The refresh under way is answered first, then the binding is taken back.
            self.set_state(RegistrationState::Unregistering);
        } else {
            // An answer still under way finds nobody waiting.
            self.under_way = false;
            self.set_state(RegistrationState::Idle);
        }
    }

    /// Where the registration stands.
    pub fn state(&self) -> RegistrationState {
        self.state
    }

    /// Until when the registrar has us; `None` while it does not.
    pub fn expires_at(&self) -> Option<Instant> {
        self.expiry
    }

    /// The proxies between the registrar and us (RFC 3327), as the latest success says.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Takes a response to the REGISTER under way. Provisional ones, and those to earlier REGISTERs, are
    /// passed over.
    pub fn handle_response(&mut self, now: Instant, response: &Message) {
        let Some(status) = response.status().filter(|status| status.is_final()) else { return };
        let ours = response.call_id() == Ok(self.call_id.as_str())
            && response.cseq().is_ok_and(|cseq| cseq.number == self.cseq);
        if !ours || !std::mem::take(&mut self.under_way) {
            return;
        }
        let status = status.as_u16();
        if matches!(status, 401 | 407) && self.answer_challenge(response) {
            return;
        }
        if self.state == RegistrationState::Unregistering {
            // The answer to a refresh that was under way when we were stopped: now the binding goes. The
            // answer to the last REGISTER: done.
            return if self.taking_back { self.set_state(RegistrationState::Idle) } else { self.send(0) };
        }
        match status {
            200..300 => self.registered(now, response),
            423 if self.accept_interval(response) => {}
            300..=302 if self.follow(response) => {}
            _ => self.failed(now, response.seconds(Header::RetryAfter).ok().flatten()),
        }
    }

    /// The REGISTER under way could not be sent or was not answered.
    pub fn handle_failure(&mut self, now: Instant) {
        if !std::mem::take(&mut self.under_way) {
            return;
        }
        match self.state {
            RegistrationState::Unregistering => self.set_state(RegistrationState::Idle),
            _ => self.failed(now, None),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.expiry.take_if(|at| *at <= now).is_some() && self.state == RegistrationState::Registered {
            self.set_state(RegistrationState::Waiting);
        }
        if self.timer.take_if(|at| *at <= now).is_some() && !self.under_way {
            self.register(now);
        }
    }

    /// When [`Registration::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.timer, self.expiry].into_iter().flatten().min()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Whether the binding does not exist though it has been asked for.
    fn has_failed(&self) -> bool {
        self.state == RegistrationState::Registering && self.backoff.has_failed()
    }

    fn register(&mut self, now: Instant) {
        self.timer = None;
        if self.expiry.is_none_or(|expiry| expiry <= now) {
            self.set_state(RegistrationState::Registering);
        }
        self.send(self.expires);
    }

    fn send(&mut self, expires: u32) {
        self.cseq += 1;
        let config = &self.config;
        let registrar = self.redirected.as_deref().unwrap_or(&config.registrar);
        let request = RequestBuilder::new(Method::Register, registrar)
            .header(Header::From, format!("{};tag={}", config.address_of_record, self.tag))
            .header(Header::To, &config.address_of_record)
            .header(Header::CallId, &self.call_id)
            .cseq(self.cseq)
            .header(Header::Contact, &config.contact)
            .header(Header::Expires, expires.to_string());
        let request = match config.path {
            true => request.header(Header::Supported, "path"),
            false => request,
        };
        let request = match &mut self.authenticator {
            Some(authenticator) => authenticator.authorize(request),
            None => request,
        };
        self.under_way = true;
        self.taking_back = expires == 0;
        self.out.push_back(Output::Send(request));
    }

    fn registered(&mut self, now: Instant, response: &Message) {
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.handle_success(response);
        }
        let granted = self.granted(response);
        if granted == 0 {
            // Accepted and dropped at once: asking again at once would go on for ever.
            self.expiry = None;
            return self.failed(now, None);
        }
        self.backoff.reset();
        self.redirections = 0;
        let granted = Duration::from_secs(u64::from(granted));
        self.expiry = Some(now + granted);
        // Up to a tenth of the interval earlier, so that a fleet started together spreads out.
        let latest = granted * u32::from(self.config.refresh_ratio.clamp(1, 99)) / 100;
        let spread = latest.mul_f64(f64::from(self.rng.next_u32() % 1000) / 10_000.0);
        self.timer = Some(now + (latest - spread).max(LEAST_REFRESH));
        self.set_state(RegistrationState::Registered);
        let routes = |header| {
            let found = response.addresses(header).take(MAX_ROUTES).flatten();
            found.filter_map(|route| route.uri_str().ok().map(ToOwned::to_owned)).collect()
        };
        self.path = routes(Header::Path);
        self.out.push_back(Output::ServiceRoute(routes(Header::ServiceRoute)));
    }

    /// Seconds our binding lasts: its `expires`, else Expires, else what we asked for (RFC 3261 10.2.4).
    fn granted(&self, response: &Message) -> u32 {
        let own = NameAddr::parse(Header::Contact, self.config.contact.as_bytes()).ok();
        let own = own.and_then(|own| own.uri().ok());
        let ours = match (response.contacts(), own) {
            (Ok(Contacts::List(contacts)), Some(own)) => contacts
                .into_iter()
                .find(|contact| contact.uri().is_ok_and(|uri| uri.is_equivalent(&own)))
                .and_then(|contact| contact.params().get("expires"))
                .and_then(|expires| crate::message::scan::delta_seconds(expires.as_bytes())),
            _ => None,
        };
        ours.or_else(|| response.expires().ok().flatten()).unwrap_or(self.expires)
    }

    fn answer_challenge(&mut self, response: &Message) -> bool {
        let cnonce = format!("{:016x}", self.rng.next_u64());
        let authenticator = match &mut self.authenticator {
            Some(authenticator) => authenticator,
            none => {
                let provider = self.config.credentials.as_ref();
                let Some(credentials) = provider.and_then(|p| p.for_response(response)) else { return false };
                none.insert(Authenticator::new(Some(credentials)))
            }
        };
        if !authenticator.handle_challenge(response, &cnonce) {
            return false;
        }
        self.send(if self.state == RegistrationState::Unregistering { 0 } else { self.expires });
        true
    }

    /// 423: the registrar wants a longer interval.
    fn accept_interval(&mut self, response: &Message) -> bool {
        let Ok(Some(least)) = response.seconds(Header::MinExpires) else { return false };
        if least <= self.expires {
            return false;
        }
        self.expires = least;
        self.send(least);
        true
    }

    /// A redirection: the first SIP contact we are not at already is the registrar until something fails.
    fn follow(&mut self, response: &Message) -> bool {
        let present = self.redirected.as_deref().unwrap_or(&self.config.registrar);
        let Ok(Contacts::List(contacts)) = response.contacts() else { return false };
        let next = contacts.iter().take(MAX_ROUTES).find_map(|contact| {
            let uri = contact.uri().ok().filter(|uri| uri.is_sip())?;
            // A registrar is a domain: no user part (RFC 3261 10.2).
            let host = uri.as_str().rsplit_once('@').map_or(uri.as_str(), |(_, host)| host);
            let bare = match uri.user_raw() {
                Some(_) => format!("{}:{host}", uri.scheme()),
                None => uri.as_str().to_owned(),
            };
            (bare != present).then_some(bare)
        });
        let Some(next) = next.filter(|_| self.redirections < MAX_REDIRECTIONS) else { return false };
        self.redirections += 1;
        self.redirected = Some(next);
        self.send(self.expires);
        true
    }

    fn failed(&mut self, now: Instant, retry_after: Option<u32>) {
        self.authenticator = None;
        self.redirected = None;
        self.redirections = 0;
        let wait = self.backoff.next(retry_after, &mut self.rng);
        self.timer = Some(now + wait);
        // While the binding lasts it is good, whatever became of its refresh.
        if self.expiry.is_none_or(|expiry| expiry <= now) {
            self.set_state(RegistrationState::Waiting);
        }
    }

    fn set_state(&mut self, state: RegistrationState) {
        if self.state != state {
            self.state = state;
            self.out.push_back(Output::State(state));
        }
    }
}
