//! Subscriptions to the voice mail server (RFC 6665, RFC 3842), subscriber's side.
//!
//! One subscription per telephone port with `mwi` and dial peer that points at it. All go to the one server of
//! `mwi-server`, whose addresses are tried in turn.
//!
//! Sans-IO: give it events with the time, then take [`Subscriber::poll_output`] until it gives `None`, and come back
//! at [`Subscriber::poll_timeout`]. SIP messages and transactions are the caller's: a [`Subscribe`] holds what the
//! message needs, and the outcome of its transaction comes back with the same `id` and `cseq`.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use mwi::config::{MwiServer, ServerHost};
//! use mwi::subscription::{Endpoint, Output, Response, Settings, Subscriber};
//!
//! let mut now = Instant::now();
//! let mut subscriber = Subscriber::new(Settings::default(), 1);
//! subscriber.set_server(now, Some(MwiServer::new(ServerHost::Ipv4([192, 0, 2, 10].into()))));
//! subscriber.set_endpoints(now, [Endpoint { port: "2/0".into(), peer: 1, number: "8000".into() }]);
//! // The first SUBSCRIBE is spread a little.
//! now = subscriber.poll_timeout().ok_or("nothing to wait for")?;
//! subscriber.handle_timeout(now);
//! let Some(Output::Subscribe(subscribe)) = subscriber.poll_output() else { return Err("no SUBSCRIBE") };
//! assert_eq!((subscribe.number.as_str(), subscribe.expires), ("8000", 3600));
//! // … sent; the server answers 200 …
//! let response = Response { expires: Some(3600), to_tag: Some("x".into()), ..Response::new(200) };
//! subscriber.handle_response(now, subscribe.id, subscribe.cseq, response);
//! // The refresh is due well before the hour is over.
//! assert!(subscriber.poll_timeout().is_some_and(|at| at - now < Duration::from_secs(3600)));
//! # Ok::<(), &str>(())
//! ```

mod machine;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::config::Transport;

pub use machine::Subscriber;

/// Addresses of a server that are kept; `show sip-ua mwi` has as many rows.
pub const MAX_ADDRESSES: usize = 8;
/// Route headers kept per subscription.
pub const MAX_ROUTES: usize = 16;
/// Longest tag, target or route kept, in octets; a longer one fails the subscription.
pub const MAX_FIELD: usize = 1024;

/// How subscriptions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `subscription maximum originate`: subscriptions at a time; default 10,000. Endpoints beyond it wait.
    pub maximum: usize,
    /// First wait after a failure, doubled each time, a quarter more or less; default 10 s.
    pub backoff: Duration,
    /// Longest wait after failures; default 600 s.
    pub backoff_max: Duration,
    /// New subscriptions are spread so that on average one starts in this time; default 20 ms.
    pub spread: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            maximum: 10_000,
            backoff: Duration::from_secs(10),
            backoff_max: Duration::from_secs(600),
            spread: Duration::from_millis(20),
        }
    }
}

/// A mailbox as seen from a telephone: what is subscribed for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The voice port.
    pub port: String,
    /// The dial peer that points at the port.
    pub peer: u32,
    /// The number subscribed for.
    pub number: String,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Look the name up and give the addresses to [`Subscriber::handle_resolved`].
    Resolve {
        /// The name.
        name: String,
    },
    /// Send a SUBSCRIBE and give the outcome of its transaction to [`Subscriber::handle_response`] or
    /// [`Subscriber::handle_failure`].
    Subscribe(Subscribe),
}

/// A SUBSCRIBE to send: `Event: message-summary`, `Accept: application/simple-message-summary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Which subscription.
    pub id: u64,
    /// User part of Request-URI, To and From.
    pub number: String,
    /// Where to send it, if there is no route and no target.
    pub address: Ipv4Addr,
    /// Port of the server.
    pub port: u16,
    /// Transport to the server.
    pub transport: Transport,
    /// Call-ID; 32 hexadecimal digits.
    pub call_id: String,
    /// From tag.
    pub local_tag: String,
    /// CSeq number.
    pub cseq: u32,
    /// Value of Expires in seconds; 0 ends the subscription.
    pub expires: u32,
    /// The dialog, for a refresh.
    pub remote: Option<Remote>,
    /// The challenge to answer, for a repetition after 401 or 407.
    pub challenge: Option<Challenge>,
}

/// The server's end of a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// To tag.
    pub tag: String,
    /// Remote target: the URI of Contact.
    pub target: Option<String>,
    /// Route set, in the order of the Route headers to send.
    pub routes: Vec<String>,
}

/// A digest challenge, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// From Proxy-Authenticate (407), else from WWW-Authenticate (401).
    pub proxy: bool,
    /// Value of the header field.
    pub value: String,
    /// `stale=true`: the earlier answer was right but too late.
    pub stale: bool,
}

/// A final response to a SUBSCRIBE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status, 200 to 699.
    pub status: u16,
    /// Expires, in seconds.
    pub expires: Option<u32>,
    /// Min-Expires, in seconds (423).
    pub min_expires: Option<u32>,
    /// Retry-After, in seconds.
    pub retry_after: Option<u32>,
    /// To tag.
    pub to_tag: Option<String>,
    /// URI of Contact.
    pub contact: Option<String>,
    /// Record-Route, already reversed to the order of a route set.
    pub routes: Vec<String>,
    /// The challenge of 401 or 407.
    pub challenge: Option<Challenge>,
}

impl Response {
    /// A response with this status and nothing else.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

/// Why a SUBSCRIBE had no final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Timer F.
    Timeout,
    /// The transport could not send it.
    Transport,
}

/// A NOTIFY that may belong to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Call-ID.
    pub call_id: String,
    /// To tag: our own.
    pub to_tag: Option<String>,
    /// From tag: the server's.
    pub from_tag: String,
    /// CSeq number.
    pub cseq: u32,
    /// URI of Contact.
    pub contact: Option<String>,
    /// Subscription-State.
    pub state: NotifyState,
}

/// Subscription-State of a NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyState {
    /// `active` or `pending`, or the header is missing, as old servers have it.
    Alive {
        /// `expires`, in seconds.
        expires: Option<u32>,
    },
    /// `terminated`
    Terminated {
        /// `reason`
        reason: Reason,
        /// `retry-after`, in seconds.
        retry_after: Option<u32>,
    },
}

/// Why a subscription was terminated (RFC 6665 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// `deactivated`: subscribe again at once.
    Deactivated,
    /// `probation`: later.
    Probation,
    /// `rejected`: not again; tried after the longest wait all the same, since a lamp depends on it.
    Rejected,
    /// `timeout`: expired; subscribe again at once.
    Timeout,
    /// `giveup`: later.
    GiveUp,
    /// `noresource`: as `rejected`.
    NoResource,
    /// `invariant`: the state never changes; as `rejected`.
    Invariant,
    /// Any other, or none.
    Other,
}

impl Reason {
    /// The reason of this name, in any case.
    pub fn from_name(name: &str) -> Self {
        const NAMES: [(&str, Reason); 7] = [
            ("deactivated", Reason::Deactivated),
            ("probation", Reason::Probation),
            ("rejected", Reason::Rejected),
            ("timeout", Reason::Timeout),
            ("giveup", Reason::GiveUp),
            ("noresource", Reason::NoResource),
            ("invariant", Reason::Invariant),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Self::Other, |(_, reason)| *reason)
    }
}

/// What a NOTIFY means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyAnswer {
    /// It belongs to this endpoint's subscription: take its body, answer 200.
    Accepted(Endpoint),
    /// No subscription of ours: 481.
    NoSubscription,
    /// Its CSeq is not higher than an earlier one's: 500 (RFC 3261 12.2.2).
    OutOfOrder,
}

impl NotifyAnswer {
    /// The SIP status of the answer, the body apart.
    pub fn sip_status(&self) -> u16 {
        match self {
            Self::Accepted(_) => 200,
            Self::NoSubscription => 481,
            Self::OutOfOrder => 500,
        }
    }
}

/// Where a subscription stands, from [`Subscriber::iter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waits for the server's address, or for room under the maximum.
    Blocked,
    /// Subscribes, or subscribes again after a failure, then.
    Waiting(Instant),
    /// A SUBSCRIBE is under way.
    Trying,
    /// Subscribed; the next refresh is then.
    Active {
        /// When it is refreshed.
        refresh: Instant,
    },
    /// Being ended.
    Ending,
}

#[cfg(test)]
mod tests;
