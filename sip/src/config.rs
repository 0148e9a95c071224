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

/// How fast and how often one kind of message is sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retransmission {
    /// The first interval; it doubles from there on. `None`: T1.
    pub first: Option<Duration>,
    /// How often it is sent again at most. One interval after the last of them the wait is over, as on IOS.
    /// `None`: until 64 times the first interval, which bounds every wait.
    pub count: Option<u32>,
}

impl Retransmission {
    /// The first interval.
    pub fn interval(&self, timers: &Timers) -> Duration {
        self.first.unwrap_or(timers.t1)
    }

    /// How long an answer is waited for. With `capped` no interval is longer than T2, as for everything but
    /// INVITE and its reliable provisional responses.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sip::{Retransmission, Timers};
    /// let twice = Retransmission { count: Some(2), ..Retransmission::default() };
    /// assert_eq!(twice.wait(&Timers::default(), false), Duration::from_millis(500 + 1000 + 2000));
    /// ```
    pub fn wait(&self, timers: &Timers, capped: bool) -> Duration {
        let first = self.interval(timers);
        let most = first.saturating_mul(64);
        let Some(count) = self.count else { return most };
        let (mut wait, mut interval) = (Duration::ZERO, first);
        for _ in 0..=count {
            wait = wait.saturating_add(interval);
            if wait >= most {
                return most;
            }
            interval = interval.saturating_mul(2);
            if capped {
                interval = interval.min(timers.t2);
            }
        }
        wait
    }
}

/// [`Retransmission`] of every kind of message: IOS's `retry` and `timers` under `sip-ua`.
///
/// The default is RFC 3261's: every interval T1, every wait 64*T1. [`Retransmissions::ios`] has the counts of
/// IOS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retransmissions {
    /// `retry invite`, `timers trying`.
    pub invite: Retransmission,
    /// `retry bye`, `timers disconnect`.
    pub bye: Retransmission,
    /// `retry cancel`, `timers disconnect`.
    pub cancel: Retransmission,
    /// `retry prack`, `timers prack`.
    pub prack: Retransmission,
    /// `retry notify`, `timers notify`.
    pub notify: Retransmission,
    /// `retry register`, `timers register`.
    pub register: Retransmission,
    /// `retry info`, `timers info`.
    pub info: Retransmission,
    /// `retry options`, `timers options`.
    pub options: Retransmission,
    /// `retry refer`, `timers refer`.
    pub refer: Retransmission,
    /// `retry subscribe`.
    pub subscribe: Retransmission,
    /// `retry update`, `timers update`.
    pub update: Retransmission,
    /// `retry publish`, `timers publish`.
    pub publish: Retransmission,
    /// Every other request.
    pub other: Retransmission,
    /// `retry response`, `timers connect`: final responses to INVITE that wait for the ACK.
    pub response: Retransmission,
    /// `retry rel1xx`, `timers rel1xx`: reliable provisional responses that wait for the PRACK.
    pub rel1xx: Retransmission,
}

impl Retransmissions {
    /// The counts of IOS: 10 for BYE, CANCEL, NOTIFY, PRACK and REFER, 6 for all others; T1 for all.
    pub fn ios() -> Retransmissions {
        let times = |count| Retransmission { first: None, count: Some(count) };
        let (six, ten) = (times(6), times(10));
        Retransmissions {
            invite: six,
            bye: ten,
            cancel: ten,
            prack: ten,
            notify: ten,
            register: six,
            info: six,
            options: six,
            refer: ten,
            subscribe: six,
            update: six,
            publish: six,
            other: Retransmission::default(),
            response: six,
            rel1xx: six,
        }
    }

    /// That of requests with this method.
    pub fn of(&self, method: &Method) -> Retransmission {
        match method {
            Method::Invite => self.invite,
            Method::Bye => self.bye,
            Method::Cancel => self.cancel,
            Method::Prack => self.prack,
            Method::Notify => self.notify,
            Method::Register => self.register,
            Method::Info => self.info,
            Method::Options => self.options,
            Method::Refer => self.refer,
            Method::Subscribe => self.subscribe,
            Method::Update => self.update,
            Method::Publish => self.publish,
            _ => self.other,
        }
    }
}

/// What an endpoint is and allows. Every list may change at run time ([`crate::Endpoint::set_config`]).
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Timer values.
    pub timers: Timers,
    /// How fast and how often each kind of message is sent again.
    pub retransmissions: Retransmissions,
    /// Bounds on received messages.
    pub limits: Limits,
    /// `Server` in responses and `User-Agent` in requests.
    pub server: Option<String>,
    /// Methods that are served; others are refused with 405 and this list.
    pub allow: Vec<Method>,
    /// `Max-Forwards` of requests that bring none, 1 to 255. IOS: `max-forwards`. Default 70.
    pub max_forwards: u8,
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
    /// Whether SUBSCRIBE for another package is refused here with 489. False: the user, who looks at who asks first, does it.
    /// Default true.
    pub check_subscribe_events: bool,
    /// Whether OPTIONS is answered here with 200 and the lists above. Default true.
    pub answer_options: bool,
    /// Whether BYE, INFO, UPDATE, PRACK and re-INVITE for a dialog that is not registered
    /// ([`crate::Endpoint::insert_dialog`]) are refused here with 481. Default true.
    pub check_dialogs: bool,
    /// Whether a Via's `maddr` directs the response (RFC 3261 18.2.2). Off by default: it lets a sender aim
    /// our responses at anybody.
    pub use_maddr: bool,
    /// Requests of more octets than this move from UDP to TCP, and come back to UDP when the peer takes no
    /// connection (RFC 3261 18.1.1). Default `None`: everything stays on UDP, as IOS does until
    /// `transport switch udp tcp` makes this [`EndpointConfig::SWITCH_ABOVE`].
    pub tcp_above: Option<usize>,
    /// On UDP, where a sender's address proves nothing, an answer made here ([`crate::validate`], OPTIONS,
    /// overload) is at most this many times as long as the request, or else goes without its lists. Default
    /// 3. No such answer is ever repeated but for a repeated request.
    pub amplification: u32,
    /// On UDP, responses to INVITE are repeated by timers only as long as all that was sent for the request
    /// is at most this many times as many octets as came for it. INVITEs inside a dialog we know are not
    /// bound. Default 10, which leaves nearly all of RFC 3261's eleven copies; a smaller one can strand a
    /// caller whose network loses much, because his machine waits without end after a provisional response.
    pub amplification_invite: u32,
    /// Whether our Vias on streams carry `alias`: requests to us may come on the connection we opened (RFC
    /// 5923). Default false.
    pub alias: bool,
    /// Host and port for our Via instead of the flow's local address; needed where sockets are bound to all
    /// addresses.
    pub sent_by: Option<String>,
}

impl EndpointConfig {
    /// RFC 3261 18.1.1: octets beyond which a request needs a transport with congestion control when the
    /// path's MTU is unknown.
    pub const SWITCH_ABOVE: usize = 1300;

    /// Whether an event package is one of [`EndpointConfig::allow_events`], case blind.
    #[must_use]
    pub fn knows_event(&self, package: &str) -> bool {
        self.allow_events.iter().any(|known| known.eq_ignore_ascii_case(package))
    }
}

impl Default for EndpointConfig {
    fn default() -> Self {
        EndpointConfig {
            timers: Timers::default(),
            retransmissions: Retransmissions::default(),
            limits: Limits::default(),
            server: None,
            allow: Method::KNOWN
                .iter()
                .filter(|method| !matches!(method, Method::Publish))
                .cloned()
                .collect(),
            max_forwards: 70,
            allow_events: Vec::new(),
            accept: vec!["application/sdp".into()],
            supported: Vec::new(),
            schemes: vec!["sip".into(), "sips".into(), "tel".into()],
            notify_without_event: Some("message-summary".into()),
            max_transactions: 100_000,
            overload_retry_after: 5,
            check_subscribe_events: true,
            answer_options: true,
            check_dialogs: true,
            use_maddr: false,
            tcp_above: None,
            amplification: 3,
            amplification_invite: 10,
            alias: false,
            sent_by: None,
        }
    }
}
