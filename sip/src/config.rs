//! Settings of an [`crate::Endpoint`].

use std::time::Duration;

use crate::message::{Limits, Method};

/// RFC 3261's timer values, from which all others follow (table 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Round-trip estimate and first retransmission interval. Default 500 ms.
    pub t1: Duration,
    /// Largest interval between retransmissions of non-INVITE requests and INVITE responses. Default 4 s.
    pub t2: Duration,
    /// Longest time a message stays in the network. Default 5 s.
    pub t4: Duration,
    /// How long a server INVITE transaction waits for the user before it says 100 itself. Default 200 ms
    /// (RFC 3261 17.2.1).
    pub trying: Duration,
    /// Timer D on datagrams. Default 32 s, and never less (RFC 3261 17.1.1.2).
    pub d: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            trying: Duration::from_millis(200),
            d: Duration::from_secs(32),
        }
    }
}

impl Timers {
    /// 64 * T1: timers B, F, H, J, L and M.
    pub fn transaction(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// What an endpoint is and allows. Every list may change at run time ([`crate::Endpoint::set_config`]).
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Timer values.
    pub timers: Timers,
    /// Bounds on received messages.
    pub limits: Limits,
    /// `Server` in responses and `User-Agent` in requests.
    pub server: Option<String>,
    /// Methods that are served; others are refused with 405 and this list.
    pub allow: Vec<Method>,
    /// Event packages of SUBSCRIBE, NOTIFY and PUBLISH; others are refused with 489 and this list. Compared
    /// case blind.
    pub allow_events: Vec<String>,
    /// Body types, for `Accept` in the answer to OPTIONS.
    pub accept: Vec<String>,
    /// Option tags: for `Supported`, and what a request may `Require` without being refused with 420.
    pub supported: Vec<String>,
    /// Schemes of Request-URIs; others are refused with 416. Default `sip`, `sips`, `tel`.
    pub schemes: Vec<String>,
    /// The event package a NOTIFY without Event stands for when its body is
    /// `application/simple-message-summary` or `text/plain`, as some voice mails send it. `None` refuses it
    /// with 489. Default `message-summary`.
    pub notify_without_event: Option<String>,
    /// Server transactions at a time, and client transactions at a time. Beyond, requests get 503. Default
    /// 100,000.
    pub max_transactions: usize,
    /// `Retry-After` of that 503, in seconds. Default 5.
    pub overload_retry_after: u32,
    /// Whether OPTIONS is answered here with 200 and the lists above. Default true.
    pub answer_options: bool,
    /// Whether BYE, INFO, UPDATE, PRACK and re-INVITE for a dialog that is not registered
    /// ([`crate::Endpoint::insert_dialog`]) are refused here with 481. Default true.
    pub check_dialogs: bool,
    /// Whether a Via's `maddr` directs the response (RFC 3261 18.2.2). Off by default: it lets a sender aim
    /// our responses at anybody.
    pub use_maddr: bool,
    /// Host and port for our Via instead of the flow's local address; needed where sockets are bound to all
    /// addresses.
    pub sent_by: Option<String>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        EndpointConfig {
            timers: Timers::default(),
            limits: Limits::default(),
            server: None,
            allow: Method::KNOWN
                .iter()
                .filter(|method| !matches!(method, Method::Publish))
                .cloned()
                .collect(),
            allow_events: Vec::new(),
            accept: vec!["application/sdp".into()],
            supported: Vec::new(),
            schemes: vec!["sip".into(), "sips".into(), "tel".into()],
            notify_without_event: Some("message-summary".into()),
            max_transactions: 100_000,
            overload_retry_after: 5,
            answer_options: true,
            check_dialogs: true,
            use_maddr: false,
            sent_by: None,
        }
    }
}
