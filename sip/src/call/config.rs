//! What a user agent does by itself, and how.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Retransmissions;
use crate::digest::CredentialsProvider;
use crate::session_timer::SessionTimerConfig;

/// Whether provisional responses are reliable (RFC 3262); IOS: `rel1xx {supported|require|disable}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rel1xx {
    /// `Supported: 100rel`; used when both sides have it.
    #[default]
    Supported,
    /// `Require: 100rel` in our INVITE; a caller without it is refused with 421.
    Require,
    /// Neither offered nor used; a caller who requires it is refused with 420.
    Disabled,
}

/// Settings of a [`crate::call::UserAgent`]. They count for calls that begin later, except where said.
#[derive(Clone, Debug)]
pub struct CallConfig {
    /// Reliable provisional responses. Default supported.
    pub rel1xx: Rel1xx,
    /// Session timers of new calls. Default: 1,800 s wanted, 90 s the least.
    pub session_timer: SessionTimerConfig,
    /// How long an INVITE is valid: written as `Expires`, and cancelled when it passes without an answer.
    /// IOS: `timers expires`. Default 180 s.
    pub expires: Duration,
    /// Whether a 3xx is followed without asking, as far as its contacts have numeric addresses or the
    /// INVITE has a route. IOS: `redirection`. Default true.
    pub follow_redirects: bool,
    /// Most INVITEs sent for one call because of redirections. Default 10.
    pub max_redirects: usize,
    /// Host, and port where it is not the default, for Contact instead of the flow's local address.
    pub contact_host: Option<String>,
    /// Credentials for 401 and 407. Takes effect at once.
    pub credentials: Option<CredentialsProvider>,
    /// Whether a re-INVITE or UPDATE whose SDP is the last one octet by octet is answered with our last
    /// one without asking (a session refresh). Default true.
    pub answer_refreshes: bool,
    /// Whether changes in a confirmed dialog are sent as UPDATE where the peer allows it, instead of
    /// re-INVITE. Default false, as IOS.
    pub prefer_update: bool,
    /// How often a provisional response above 100 is repeated while the user has not answered (RFC 3261
    /// 13.3.1.1). Default 60 s.
    pub repeat_progress: Duration,
    /// How long the subscription a REFER makes is kept without news. Default 180 s.
    pub refer_expires: Duration,
    /// How often a change that collides (491, or 500 with Retry-After) is sent again. Default 6.
    pub glare_retries: u32,
    /// How long after a session refresh that found no way to the peer (its node or the connection is gone) it is tried again,
    /// until the session expires. Default 5 s.
    pub re_establish: Duration,
    /// Calls at a time; further ones are refused with 503. Default 10,000.
    pub max_calls: usize,
}

/// What counts for one call instead of what [`CallConfig`] and [`crate::EndpointConfig`] say. What is `None` is as they have
/// it.
///
/// ```
/// use std::sync::Arc;
/// use sip::call::{CallOverrides, Invite};
/// let flow = sip::Flow {
///     transport: sip::Transport::Udp,
///     local: "192.0.2.1:5060".parse().unwrap(),
///     remote: "192.0.2.9:5060".parse().unwrap(),
///     connection: None,
/// };
/// let mut invite = Invite::new("sip:9@192.0.2.9", "<sip:8000@192.0.2.1>", flow);
/// invite.own = Some(Arc::new(CallOverrides { max_forwards: Some(12), ..CallOverrides::default() }));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOverrides {
    /// Credentials for 401 and 407.
    pub credentials: Option<CredentialsProvider>,
    /// How long an INVITE is valid.
    pub expires: Option<Duration>,
    /// Whether a 3xx is followed without asking.
    pub follow_redirects: Option<bool>,
    /// `Max-Forwards` of the requests, 1 to 255.
    pub max_forwards: Option<u8>,
    /// How fast and how often messages are sent again: requests, CANCEL, and responses to the first INVITE.
    pub retransmissions: Option<Arc<Retransmissions>>,
    /// Session timers of a call we make.
    pub session_timer: Option<SessionTimerConfig>,
}

impl Default for CallConfig {
    fn default() -> Self {
        CallConfig {
            rel1xx: Rel1xx::default(),
            session_timer: SessionTimerConfig::default(),
            expires: Duration::from_secs(180),
            follow_redirects: true,
            max_redirects: 10,
            contact_host: None,
            credentials: None,
            answer_refreshes: true,
            prefer_update: false,
            repeat_progress: Duration::from_secs(60),
            refer_expires: Duration::from_secs(180),
            glare_retries: 6,
            re_establish: Duration::from_secs(5),
            max_calls: 10_000,
        }
    }
}
