//! What calls are made of, and why something cannot be done.

use std::sync::Arc;

use super::{CallOverrides, Content, Rel1xx};
use crate::flow::Flow;

/// Why something cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The call is over, or its end has begun.
    #[error("the call is over")]
    Gone,
    /// Not in this state of the call.
    #[error("not in this state of the call: {0}")]
    State(&'static str),
    /// An offer, a change or a response is under way already; try again after the next event.
    #[error("an exchange is under way already")]
    Pending,
    /// A session description is needed here.
    #[error("a session description is needed")]
    SdpNeeded,
    /// The first offer of the called side must go reliably (RFC 3261 13.2.1), and the caller has no 100rel.
    #[error("an offer cannot go in an unreliable response")]
    OfferNotReliable,
    /// The peer does not allow UPDATE, and before the answer there is nothing else.
    #[error("the peer does not allow UPDATE")]
    NoUpdate,
    /// [`Invite::destinations`] is empty.
    #[error("no destination")]
    NoDestination,
    /// No REFER of that name waits.
    #[error("no such REFER")]
    NoRefer,
    /// A status that cannot be used here.
    #[error("status {0} cannot be used here")]
    Status(u16),
    /// More than [`super::CallConfig::max_calls`].
    #[error("too many calls")]
    TooMany,
}

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Request-URI.
    pub uri: String,
    /// From: name and address without tag, such as `"Alice" <sip:1000@gw>`.
    pub from: String,
    /// To: name and address.
    pub to: String,
    /// Where the INVITE goes: the first, and the others in order when one does not answer, cannot be reached
    /// or says 503 (RFC 3263 4.3).
    pub destinations: Vec<Flow>,
    /// URIs of preset routes: an outbound proxy, a service route.
    pub routes: Vec<String>,
    /// Contact with brackets; one is made from From and the flow when there is none.
    pub contact: Option<String>,
    /// Call-ID; a random one when there is none.
    pub call_id: Option<String>,
    /// The INVITE goes by TCP where it is longer than so many octets, also if
    /// [`crate::EndpointConfig::tcp_above`] does not say so for all.
    pub tcp_above: Option<usize>,
    /// Reliability of provisional responses of this call, where it is another than [`super::CallConfig::rel1xx`].
    pub rel1xx: Option<Rel1xx>,
    /// What is different in this call from what all have.
    pub own: Option<Arc<CallOverrides>>,
    /// SDP (the offer; without it the called party offers), other bodies, headers: identities, Diversion,
    /// Replaces, …
    pub content: Content,
}

impl Invite {
    /// A call to `uri`, which is also what To says, from the name and address `from`.
    pub fn new(uri: &str, from: &str, destination: Flow) -> Invite {
        Invite {
            uri: uri.to_owned(),
            from: from.to_owned(),
            to: format!("<{uri}>"),
            destinations: vec![destination],
            routes: Vec::new(),
            contact: None,
            call_id: None,
            tcp_above: None,
            rel1xx: None,
            own: None,
            content: Content::new(),
        }
    }

    /// With this SDP, bodies and headers.
    #[must_use]
    pub fn content(mut self, content: Content) -> Invite {
        self.content = content;
        self
    }
}

/// A transfer to be asked for.
#[derive(Clone, Debug)]
pub struct Refer {
    /// URI of Refer-To, with headers where needed; see [`super::UserAgent::replaces`] for an attended transfer.
    pub to: String,
    /// URI of Referred-By.
    pub by: Option<String>,
    /// False asks to be spared the NOTIFYs (RFC 4488).
    pub subscribe: bool,
    /// Further headers.
    pub content: Content,
}

impl Refer {
    /// A transfer to `to`.
    pub fn new(to: &str) -> Refer {
        Refer { to: to.to_owned(), by: None, subscribe: true, content: Content::new() }
    }
}
