//! What the user of a [`super::UserAgent`] is told.

use bytes::Bytes;

use super::{CallId, ReferId, RequestId};
use crate::endpoint::ServerTransactionId;
use crate::flow::Flow;
use crate::message::Message;

/// What a [`super::UserAgent`] has to say.
#[derive(Clone, Debug)]
pub enum UaEvent {
    /// Of one INVITE session.
    Call(CallId, CallEvent),
    /// Of everything else, as the [`crate::Endpoint`] says it: NOTIFY, OPTIONS, REGISTER, SUBSCRIBE, a REFER
    /// outside dialogs, and the responses to requests sent through
    /// [`endpoint_mut`](super::UserAgent::endpoint_mut).
    Other(crate::Event),
}

/// What happens to a call.
///
/// Session descriptions come by [`CallEvent::Offer`] and [`CallEvent::Answer`] (and with
/// [`CallEvent::Incoming`]) only, just before the event of the message that carried them. Exactly one
/// [`CallEvent::Ended`] or [`CallEvent::Failed`] is the last event of every call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallEvent {
    /// Somebody calls. To be answered with [`progress`](super::UserAgent::progress),
    /// [`answer`](super::UserAgent::answer), [`reject`](super::UserAgent::reject) or
    /// [`redirect`](super::UserAgent::redirect).
    Incoming {
        /// The INVITE.
        request: Message,
        /// How it came.
        flow: Flow,
        /// The caller's offer. Without one the first reliable answer of ours is the offer.
        offer: Option<Bytes>,
        /// The call this one is to take the place of (RFC 3891). Once this one is answered that one is
        /// ended, with [`EndedBy::Replaced`].
        replaces: Option<CallId>,
    },
    /// A provisional response above 100 came.
    Progress {
        /// Which early dialog; forks have several. `None` without To tag (RFC 2543).
        dialog: Option<u32>,
        /// 101 to 199.
        status: u16,
        /// Whether it was sent reliably; its PRACK is sent by itself.
        reliable: bool,
        /// The response.
        response: Message,
    },
    /// The called party answered. The ACK is sent by itself, or with [`CallEvent::Offer`] by
    /// [`answer_offer`](super::UserAgent::answer_offer).
    Answered {
        /// Which early dialog it was, if there was one.
        dialog: u32,
        /// The 2xx.
        response: Message,
    },
    /// Our 2xx has been acknowledged: the dialog stands.
    Acknowledged {
        /// The ACK.
        request: Message,
    },
    /// The peer offers: to be answered with [`answer_offer`](super::UserAgent::answer_offer) or
    /// [`refuse_offer`](super::UserAgent::refuse_offer), in the order offers came.
    Offer {
        /// The dialog.
        dialog: u32,
        /// The offer.
        sdp: Bytes,
        /// What carried it: re-INVITE, UPDATE, PRACK, a reliable provisional response, or a 2xx.
        message: Message,
    },
    /// A re-INVITE without SDP asks for our offer, to be given with
    /// [`answer_offer`](super::UserAgent::answer_offer).
    OfferRequested {
        /// The re-INVITE.
        request: Message,
    },
    /// The open offer of the peer is no longer to be answered: it was cancelled.
    OfferWithdrawn,
    /// The answer to our offer.
    Answer {
        /// The dialog.
        dialog: u32,
        /// The answer.
        sdp: Bytes,
        /// True when it came in an unreliable provisional response: play it, but it may come again, and the
        /// exchange stays open.
        early: bool,
    },
    /// Our [`offer`](super::UserAgent::offer) or [`update`](super::UserAgent::update) was refused, or
    /// collided too often; what was agreed on before still holds.
    OfferRefused {
        /// The status: 491 when an offer of the peer went before.
        status: u16,
        /// The response, when there was one.
        response: Option<Message>,
    },
    /// An UPDATE or re-INVITE without a new session description came and was answered, or ours without SDP
    /// was accepted: the headers may say who the peer now is.
    Updated {
        /// The request of the peer, or the response to ours.
        message: Message,
    },
    /// The peer wants us to call somebody (RFC 3515): to be answered with
    /// [`accept_refer`](super::UserAgent::accept_refer) or [`refuse_refer`](super::UserAgent::refuse_refer).
    Referred {
        /// Names this REFER.
        refer: ReferId,
        /// The URI of Refer-To, with its headers (`?Replaces=…`).
        to: String,
        /// The URI of Referred-By.
        by: Option<String>,
        /// False when the peer asks not to be told of the outcome (`Refer-Sub: false`, RFC 4488).
        subscribes: bool,
        /// The REFER.
        request: Message,
    },
    /// Our REFER was accepted.
    ReferAccepted {
        /// Which.
        refer: ReferId,
        /// Whether [`CallEvent::ReferProgress`] will follow.
        subscribed: bool,
    },
    /// How the call goes that our REFER asked for (a NOTIFY with `message/sipfrag`).
    ReferProgress {
        /// Which.
        refer: ReferId,
        /// The status line's code; 0 when there was none to be read.
        status: u16,
        /// Whether this is the last news.
        last: bool,
        /// The NOTIFY.
        request: Message,
    },
    /// Our REFER was refused, or its subscription ended without outcome. Last news of it.
    ReferFailed {
        /// Which.
        refer: ReferId,
        /// Status; 408 without response.
        status: u16,
        /// The response.
        response: Option<Message>,
    },
    /// A request inside the dialog that has no meaning for the session: INFO, MESSAGE, NOTIFY, … To be
    /// answered with [`respond`](super::UserAgent::respond).
    Request {
        /// What to answer to.
        transaction: ServerTransactionId,
        /// The request.
        request: Message,
    },
    /// The final response to [`request`](super::UserAgent::request).
    Response {
        /// Which request.
        id: RequestId,
        /// Status: 408 without response, 503 when it could not be sent.
        status: u16,
        /// The response.
        response: Option<Message>,
    },
    /// The INVITE was answered with 3xx. What early dialogs agreed on is void: the INVITE that follows has the
    /// first offer again.
    Redirected {
        /// URIs of its contacts, the greatest q first.
        contacts: Vec<String>,
        /// Whether the user agent follows them by itself. If not, the call waits for
        /// [`follow`](super::UserAgent::follow), 64*T1 long; [`hangup`](super::UserAgent::hangup) lets it go.
        following: bool,
        /// The 3xx.
        response: Message,
    },
    /// The next hop of the dialog is a name, or something else whose address is not known here: requests go
    /// on to where the peer's messages come from until [`set_flow`](super::UserAgent::set_flow) says better.
    NextHop {
        /// The URI to be located (RFC 3263).
        uri: String,
    },
    /// The INVITE of ours was refused. Last event.
    Failed {
        /// Status: 408 when nobody answered, 503 when it could not be sent, 487 when it expired.
        status: u16,
        /// Retry-After in seconds.
        retry_after: Option<u32>,
        /// The response, when there was one.
        response: Option<Message>,
    },
    /// The call is over. Last event.
    Ended {
        /// Why.
        by: EndedBy,
        /// The BYE or CANCEL of the peer, whose Reason headers tell more, or the final response to ours.
        message: Option<Message>,
    },
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// [`hangup`](super::UserAgent::hangup), [`reject`](super::UserAgent::reject) or
    /// [`redirect`](super::UserAgent::redirect) did it.
    Local,
    /// The peer hung up.
    Remote,
    /// The caller cancelled, or the INVITE expired.
    Cancelled,
    /// ACK, PRACK, or the answer to a request inside the dialog never came, or the dialog is unknown to the
    /// peer.
    Timeout,
    /// No session refresh came (RFC 4028).
    SessionExpired,
    /// Another call took its place (RFC 3891).
    Replaced(CallId),
    /// The peer left out what the protocol demands, such as the answer to an offer.
    Protocol,
}
