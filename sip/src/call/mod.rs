//! INVITE sessions: calls, from the first INVITE to the last answer, both sides.
//!
//! A [`UserAgent`] owns an [`Endpoint`] and every call on it. It is driven as an endpoint is, and says what
//! happens as [`UaEvent`]s: [`UaEvent::Call`] for calls, [`UaEvent::Other`] for all the rest (NOTIFY,
//! SUBSCRIBE, REGISTER, …), which goes on as without it through [`UserAgent::endpoint_mut`].
//!
//! ```
//! use std::time::Instant;
//! use sip::call::{CallConfig, CallEvent, Content, Invite, UaEvent, UserAgent};
//! use sip::{EndpointConfig, Flow, Transport};
//!
//! let now = Instant::now();
//! let flow = Flow {
//!     transport: Transport::Udp,
//!     local: "192.0.2.1:5060".parse()?,
//!     remote: "192.0.2.9:5060".parse()?,
//!     connection: None,
//! };
//! let mut alice = UserAgent::new(EndpointConfig::default(), CallConfig::default(), [1; 32]);
//! let mut bob = UserAgent::new(EndpointConfig::default(), CallConfig::default(), [2; 32]);
//! let call = alice.invite(now, Invite::new("sip:bob@192.0.2.9", "<sip:alice@192.0.2.1>", flow.clone())
//!     .content(Content::sdp("v=0\r\n(alice's offer)")))?;
//!
//! // A network that loses nothing.
//! let (mut answered, mut heard) = (false, None);
//! loop {
//!     let mut idle = true;
//!     while let Some(transmit) = alice.poll_transmit() {
//!         let flow = Flow { local: flow.remote, remote: flow.local, ..flow.clone() };
//!         bob.handle_received(now, flow, transmit.payload);
//!         idle = false;
//!     }
//!     while let Some(event) = bob.poll_event() {
//!         if let UaEvent::Call(id, CallEvent::Incoming { .. }) = event {
//!             bob.progress(now, id, 180, Content::new(), false)?;
//!             bob.answer(now, id, Content::sdp("v=0\r\n(bob's answer)"))?;
//!         }
//!     }
//!     while let Some(transmit) = bob.poll_transmit() {
//!         alice.handle_received(now, flow.clone(), transmit.payload);
//!         idle = false;
//!     }
//!     while let Some(event) = alice.poll_event() {
//!         match event {
//!             UaEvent::Call(id, CallEvent::Answer { sdp, .. }) if id == call => heard = Some(sdp),
//!             UaEvent::Call(id, CallEvent::Answered { .. }) if id == call => answered = true,
//!             _ => {}
//!         }
//!     }
//!     if idle {
//!         break;
//!     }
//! }
//! assert!(answered && heard.is_some());
//! alice.hangup(now, call, Content::new().q850(16))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does by itself
//!
//! ACK, PRACK, their repetition, CANCEL when it may be sent, answers to late forks (ACK and BYE),
//! redirections, credentials (401, 407), 422 and session timers, back-off after 491, UPDATE or re-INVITE as
//! the moment allows, `NOTIFY` bookkeeping of REFER. Responses to requests that make no sense at the moment
//! (491, 500 with Retry-After, 481, 422) leave without the user.
//!
//! # What it does not do
//!
//! It looks up no names: [`Invite::destinations`] says where an INVITE goes, in order of preference (see
//! [`crate::locate`]); [`CallEvent::NextHop`] says when a dialog's next hop is a name. It makes no SDP
//! (see [`crate::sdp`]): descriptions are octets.

mod client;
mod config;
mod content;
mod dispatch;
mod event;
mod leg;
mod mid;
mod modify;
mod refer;
mod server;
mod session;
mod shared;
mod types;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use slab::Slab;

use crate::config::EndpointConfig;
use crate::endpoint::{AHEAD, Endpoint, ServerTransactionId};
use crate::flow::{Flow, Transmit};
use crate::message::{Header, Message, Method, Reply};

pub use crate::digest::CredentialsProvider;
pub use config::{CallConfig, CallOverrides, Rel1xx};
pub use content::{Content, sdp_of};
pub use event::{CallEvent, EndedBy, UaEvent};
pub use types::{CallError, Invite, Refer};

use session::Call;
use shared::{Core, Purpose};

/// A call. Valid until its last event, [`CallEvent::Ended`] or [`CallEvent::Failed`]; for
/// [`UserAgent::notify_refer`] as long as the peer waits for news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    index: usize,
    serial: u64,
}

/// A REFER, of ours or of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReferId(u64);

/// A request sent with [`UserAgent::request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// An [`Endpoint`] and all calls on it. See the [module](self) for how it is driven.
pub struct UserAgent {
    core: Core,
    calls: Slab<Call>,
    timers: BTreeSet<(Instant, usize)>,
    now: Option<Instant>,
}

impl UserAgent {
    /// A user agent without calls. What calls need is added to `endpoint`'s lists: `Supported` gets
    /// `100rel`, `timer`, `replaces` and `norefersub`, `Allow-Events` gets `refer`. `seed` as for
    /// [`Endpoint::new`].
    pub fn new(endpoint: EndpointConfig, config: CallConfig, seed: [u8; 32]) -> UserAgent {
        let mut rng = StdRng::from_seed(seed.map(|octet| octet ^ 0x5c));
        let serial = rand::Rng::next_u64(&mut rng) >> 16;
        let endpoint = Endpoint::new(complete(endpoint, &config), seed);
        UserAgent {
            core: Core {
                endpoint,
                config: Arc::new(config),
                events: VecDeque::new(),
                requests: HashMap::new(),
                servers: HashMap::new(),
                dialogs: HashMap::new(),
                rng,
                serial,
                replaced: Vec::new(),
            },
            calls: Slab::with_capacity(AHEAD),
            timers: BTreeSet::new(),
            now: None,
        }
    }

    /// Other settings from now on.
    pub fn set_config(&mut self, endpoint: EndpointConfig, config: CallConfig) {
        self.core.endpoint.set_config(complete(endpoint, &config));
        self.core.config = Arc::new(config);
    }

    /// The settings of calls.
    pub fn config(&self) -> &CallConfig {
        &self.core.config
    }

    /// The endpoint, for its counters and settings.
    pub fn endpoint(&self) -> &Endpoint {
        &self.core.endpoint
    }

    /// The endpoint, for requests and responses outside calls. Its events come out of
    /// [`UserAgent::poll_event`].
    pub fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.core.endpoint
    }

    /// As [`Endpoint::handle_received`].
    pub fn handle_received(&mut self, now: Instant, flow: Flow, data: Bytes) {
        self.core.endpoint.handle_received(now, flow, data);
        self.pump(now);
    }

    /// As [`Endpoint::handle_message`].
    pub fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        self.core.endpoint.handle_message(now, flow, message);
        self.pump(now);
    }

    /// As [`Endpoint::handle_transport_error`]; later requests of calls on that connection open a new one.
    pub fn handle_transport_error(&mut self, now: Instant, flow: &Flow) {
        self.core.endpoint.handle_transport_error(now, flow);
        if flow.connection.is_some() {
            for (_, call) in &mut self.calls {
                for leg in call.legs.iter_mut().filter(|leg| leg.flow.connection == flow.connection) {
                    leg.flow.connection = None;
                    // To where the peer listens, which need not be where its connection came from. A name stays as it was found.
                    let _ = leg.locate(None);
                }
            }
        }
        self.pump(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.endpoint.handle_timeout(now);
        self.pump(now);
        while let Some((at, index)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, index));
            if let Some(call) = self.calls.get_mut(index) {
                call.scheduled = None;
                call.handle_timeout(&mut self.core, now);
            }
            self.settle(index);
            self.pump(now);
        }
    }

    /// When [`UserAgent::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let call = self.timers.first().map(|(at, _)| *at);
        [self.core.endpoint.poll_timeout(), call].into_iter().flatten().min()
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.core.endpoint.poll_transmit()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<UaEvent> {
        if let Some(now) = self.now {
            self.pump(now);
        }
        self.core.events.pop_front()
    }

    /// Calls alive, those included whose last event has been told but which still absorb what the network
    /// may bring.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// What [`UserAgent::held`] counts, each by itself, for a report.
    pub fn census(&self) -> String {
        format!(
            "calls {}, timers {}, requests {}, answers {}, dialogs {}, transactions {}, registered dialogs {}",
            self.calls.len(),
            self.timers.len(),
            self.core.requests.len(),
            self.core.servers.len(),
            self.core.dialogs.len(),
            self.core.endpoint.active_transactions(),
            self.core.endpoint.dialogs()
        )
    }

    /// Everything held: calls, dialogs, requests and answers waited for, transactions. Zero when nothing
    /// leaks, some minutes after the last call.
    pub fn held(&self) -> usize {
        self.calls.len()
            + self.timers.len()
            + self.core.requests.len()
            + self.core.servers.len()
            + self.core.dialogs.len()
            + self.core.replaced.len()
            + self.core.endpoint.active_transactions()
            + self.core.endpoint.dialogs()
    }

    /// Makes a call: [`CallEvent::Progress`], [`CallEvent::Answered`] or [`CallEvent::Failed`] follow.
    ///
    /// # Errors
    /// [`CallError::NoDestination`], [`CallError::TooMany`].
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<CallId, CallError> {
        if self.calls.len() >= self.core.config.max_calls {
            return Err(CallError::TooMany);
        }
        let first = invite.destinations.first().ok_or(CallError::NoDestination)?;
        let contact = match &invite.contact {
            Some(contact) => contact.clone(),
            None => {
                let contact = self.core.contact(&user_of(&invite.from), first);
                //= RFC 3261 8.1.1.8: "If the Request-URI or top Route header field value contains a SIPS URI, the
                //= Contact header field MUST contain a SIPS URI as well."
                if invite.uri.starts_with("sips:") { contact.replacen("<sip:", "<sips:", 1) } else { contact }
            }
        };
        let id = self.new_call(true, contact);
        let begun = match self.calls.get_mut(id.index) {
            Some(call) => call.start_invite(&mut self.core, now, invite),
            None => Err(CallError::Gone),
        };
        if let Err(error) = begun {
            self.calls.try_remove(id.index);
            return Err(error);
        }
        self.settle(id.index);
        self.pump(now);
        Ok(id)
    }

    /// What is different in a call that has come in, from now on: its own requests, and the responses to its INVITE. A call
    /// that is over is left alone.
    pub fn set_own(&mut self, id: CallId, own: Option<Arc<CallOverrides>>) {
        let Some(call) = self.calls.get_mut(id.index).filter(|call| call.id == id) else { return };
        if let Some(policies) = own.as_ref().and_then(|own| own.retransmissions.as_ref())
            && let Some(inbound) = &call.inbound
        {
            self.core.endpoint.set_retransmissions(inbound.transaction, policies);
        }
        call.own = own;
    }

    /// Sends 100 to the INVITE before the endpoint does it by itself.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`].
    pub fn trying(&mut self, now: Instant, id: CallId) -> Result<(), CallError> {
        self.with(now, id, |call, core| match &call.inbound {
            Some(inbound) => {
                core.respond(now, inbound.transaction, Reply::new(100));
                Ok(())
            }
            None => Err(CallError::State("no INVITE to answer")),
        })
    }

    /// Sends a provisional response, 101 to 199. `reliable` asks for RFC 3262, which is used when the caller
    /// can, and always when the caller demands it. SDP in a reliable one is the answer, or the offer when
    /// the INVITE had none; in an unreliable one it is early media, and the answer still owed. One that
    /// cannot go yet because a PRACK is outstanding waits for it.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`], [`CallError::OfferNotReliable`], [`CallError::Status`],
    /// [`CallError::Pending`] with too many waiting.
    pub fn progress(
        &mut self,
        now: Instant,
        id: CallId,
        status: u16,
        content: Content,
        reliable: bool,
    ) -> Result<(), CallError> {
        if !(101..200).contains(&status) {
            return Err(CallError::Status(status));
        }
        self.with(now, id, |call, core| call.send_progress(core, now, status, content, reliable))
    }

    /// Answers the call with 200. SDP is needed unless a provisional response had it. The 200 waits for
    /// outstanding PRACKs. [`CallEvent::Acknowledged`] follows.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`], [`CallError::SdpNeeded`].
    pub fn answer(&mut self, now: Instant, id: CallId, content: Content) -> Result<(), CallError> {
        self.with(now, id, |call, core| {
            if call.confirmed.is_some() {
                return Err(CallError::State("the call has been answered"));
            }
            call.send_answer(core, now, content)
        })
    }

    /// Refuses the call with `status`, 400 to 699. [`CallEvent::Ended`] follows.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`] after the answer, [`CallError::Status`].
    pub fn reject(
        &mut self,
        now: Instant,
        id: CallId,
        status: u16,
        content: Content,
    ) -> Result<(), CallError> {
        if !(400..700).contains(&status) {
            return Err(CallError::Status(status));
        }
        self.refuse(now, id, status, content)
    }

    /// Sends the caller elsewhere with `status`, 300 to 399, and a Contact for each of `contacts`, which are
    /// Contact values, such as `<sip:9@gw>;q=0.5`. [`CallEvent::Ended`] follows.
    ///
    /// # Errors
    /// As [`UserAgent::reject`].
    pub fn redirect(
        &mut self,
        now: Instant,
        id: CallId,
        status: u16,
        contacts: &[String],
        mut content: Content,
    ) -> Result<(), CallError> {
        if !(300..400).contains(&status) {
            return Err(CallError::Status(status));
        }
        for contact in contacts {
            content = content.header(Header::Contact, contact);
        }
        self.refuse(now, id, status, content)
    }

    /// Says where a redirected call goes on, when [`CallEvent::Redirected`] said that it waits: to `uri`
    /// by way of `destinations`.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`], [`CallError::NoDestination`].
    pub fn follow(
        &mut self,
        now: Instant,
        id: CallId,
        uri: &str,
        destinations: Vec<Flow>,
    ) -> Result<(), CallError> {
        self.with(now, id, |call, core| call.follow(core, now, uri, destinations))
    }

    /// Ends the call, whatever its state: CANCEL, 603 or BYE, with the headers of `content` (Reason).
    /// [`CallEvent::Ended`] follows when the peer has answered, or has not for 64*T1; an answer that
    /// crosses is dealt with.
    ///
    /// # Errors
    /// [`CallError::Gone`].
    pub fn hangup(&mut self, now: Instant, id: CallId, content: Content) -> Result<(), CallError> {
        self.with(now, id, |call, core| {
            if call.out.is_some() {
                call.cancel_invite(core, now, content);
                return Ok(());
            }
            match call.confirmed {
                None => {
                    let reply = content.write_reply(Reply::new(603));
                    call.closing = true;
                    call.send_refusal(core, now, reply, EndedBy::Local, None);
                }
                //= RFC 3261 15: "However, the callee's UA MUST NOT send a BYE on a confirmed dialog until it
                //= has received an ACK for its 2xx response or until the server transaction times out."
                Some(_) if call.awaiting_ack.as_ref().is_some_and(|waiting| waiting.first) => {
                    call.closing = true;
                    call.bye_wanted = Some(Box::new(content));
                }
                Some(number) => call.send_bye(core, now, number, &content),
            }
            Ok(())
        })
    }

    /// Offers a change of the session: re-INVITE, or UPDATE before the answer and where
    /// [`CallConfig::prefer_update`] says so. [`CallEvent::Answer`] and [`CallEvent::Updated`], or
    /// [`CallEvent::OfferRefused`] follow. Collisions are tried again; before the ACK to our 200 it waits.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`], [`CallError::Pending`], [`CallError::SdpNeeded`],
    /// [`CallError::NoUpdate`].
    pub fn offer(&mut self, now: Instant, id: CallId, content: Content) -> Result<(), CallError> {
        if content.sdp.is_none() {
            return Err(CallError::SdpNeeded);
        }
        self.with(now, id, |call, core| call.start_modify(core, now, content, false))
    }

    /// Keeps an offer for the next PRACK of a call we make: it goes when a reliable provisional response has
    /// brought the answer to the first one (RFC 3262 5), and its own answer or refusal comes as with
    /// [`UserAgent::offer`]. An offer that no PRACK took is dropped when the call is answered.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`] once the call is answered or for one we did not make,
    /// [`CallError::SdpNeeded`].
    pub fn offer_with_prack(&mut self, now: Instant, id: CallId, content: Content) -> Result<(), CallError> {
        if content.sdp.is_none() {
            return Err(CallError::SdpNeeded);
        }
        self.with(now, id, |call, _| {
            if call.out.is_none() || call.confirmed.is_some() {
                return Err(CallError::State("no INVITE of ours waits for its answer"));
            }
            call.prack_offer = Some(Box::new(content));
            Ok(())
        })
    }

    /// Sends headers of the session without a new description, such as who we are now: UPDATE, or a
    /// re-INVITE with the last description where the peer has no UPDATE.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`], [`CallError::Pending`], [`CallError::NoUpdate`].
    pub fn update(&mut self, now: Instant, id: CallId, content: Content) -> Result<(), CallError> {
        self.with(now, id, |call, core| call.start_modify(core, now, content.without_sdp(), false))
    }

    /// Answers the oldest [`CallEvent::Offer`] that is open, or gives the offer that
    /// [`CallEvent::OfferRequested`] asked for.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`], [`CallError::SdpNeeded`].
    pub fn answer_offer(&mut self, now: Instant, id: CallId, content: Content) -> Result<(), CallError> {
        self.with(now, id, |call, core| call.send_offer_answer(core, now, content))
    }

    /// Refuses the oldest offer that is open with `status`, normally 488. One that came in a response to our
    /// INVITE cannot be refused: the call is ended.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`], [`CallError::Status`].
    pub fn refuse_offer(
        &mut self,
        now: Instant,
        id: CallId,
        status: u16,
        content: Content,
    ) -> Result<(), CallError> {
        if !(300..700).contains(&status) {
            return Err(CallError::Status(status));
        }
        self.with(now, id, |call, core| call.send_offer_refusal(core, now, status, content))
    }

    /// Sends a request inside the dialog that does not change the session: INFO, MESSAGE, NOTIFY, OPTIONS, ….
    /// [`CallEvent::Response`] follows.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`] without dialog, or for a method that this module sends itself.
    pub fn request(
        &mut self,
        now: Instant,
        id: CallId,
        method: Method,
        content: Content,
    ) -> Result<RequestId, CallError> {
        if matches!(
            method,
            Method::Invite
                | Method::Ack
                | Method::Bye
                | Method::Cancel
                | Method::Prack
                | Method::Update
                | Method::Refer
        ) {
            return Err(CallError::State("this method has a function of its own"));
        }
        self.with(now, id, |call, core| {
            let number = match call.main_leg() {
                Some(leg) => leg.number,
                None => call.legs.first().map(|leg| leg.number).ok_or(CallError::State("no dialog"))?,
            };
            let request = RequestId(core.next_serial());
            call.send_in_dialog(core, now, number, method, Purpose::Request(request), |builder| {
                content.write_request(builder)
            });
            Ok(request)
        })
    }

    /// Answers a [`CallEvent::Request`].
    ///
    /// # Errors
    /// [`CallError::Gone`] when the transaction has ended.
    pub fn respond(
        &mut self,
        now: Instant,
        transaction: ServerTransactionId,
        reply: Reply,
    ) -> Result<(), CallError> {
        self.core.endpoint.respond(now, transaction, reply).map_err(|_| CallError::Gone)
    }

    /// Asks the peer to call somebody else. [`CallEvent::ReferAccepted`] and [`CallEvent::ReferProgress`], or
    /// [`CallEvent::ReferFailed`] follow. The call goes on until somebody hangs up.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`] before the answer, [`CallError::Pending`] with too many.
    pub fn refer(&mut self, now: Instant, id: CallId, refer: &Refer) -> Result<ReferId, CallError> {
        self.with(now, id, |call, core| call.send_refer(core, now, refer))
    }

    /// Accepts a REFER of the peer with 202, and tells it 100 Trying. The outcome is told with
    /// [`UserAgent::notify_refer`].
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::NoRefer`].
    pub fn accept_refer(&mut self, now: Instant, id: CallId, refer: ReferId) -> Result<(), CallError> {
        self.with_any(now, id, |call, core| call.answer_refer(core, now, refer, &Content::new()))
    }

    /// Refuses a REFER of the peer with `status`, 400 to 699.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::NoRefer`], [`CallError::Status`].
    pub fn refuse_refer(
        &mut self,
        now: Instant,
        id: CallId,
        refer: ReferId,
        status: u16,
    ) -> Result<(), CallError> {
        if !(400..700).contains(&status) {
            return Err(CallError::Status(status));
        }
        self.with_any(now, id, |call, core| call.decline_refer(core, now, refer, Reply::new(status)))
    }

    /// Tells the peer how the call goes that its REFER asked for, also after the end of this call. A final
    /// status is the last news.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::NoRefer`] when the peer does not want to know, [`CallError::Status`].
    pub fn notify_refer(
        &mut self,
        now: Instant,
        id: CallId,
        refer: ReferId,
        status: u16,
        reason: Option<&str>,
    ) -> Result<(), CallError> {
        self.with_any(now, id, |call, core| call.notify_referrer(core, now, refer, status, reason))
    }

    /// From now on requests in the call's dialogs take this way, until the peer's target changes.
    ///
    /// # Errors
    /// [`CallError::Gone`].
    pub fn set_flow(&mut self, now: Instant, id: CallId, flow: &Flow) -> Result<(), CallError> {
        self.with_any(now, id, |call, _| {
            for leg in &mut call.legs {
                leg.flow = flow.clone();
            }
            Ok(())
        })
    }

    /// The value of a Replaces header that names this call's dialog to somebody who is to take our peer's
    /// place opposite of it: `call-id;to-tag=…;from-tag=…` as the peer sees it (RFC 3891 6.1). In a Refer-To
    /// it is to be escaped ([`escape_header`]).
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`] without dialog.
    pub fn replaces(&mut self, id: CallId) -> Result<String, CallError> {
        let call = self.calls.get_mut(id.index).filter(|call| call.id == id).ok_or(CallError::Gone)?;
        let leg = call.main_leg().ok_or(CallError::State("no dialog"))?;
        let dialog = &leg.dialog;
        Ok(format!("{};to-tag={};from-tag={}", dialog.call_id(), dialog.remote_tag(), dialog.local_tag()))
    }

    /// The peer's Contact: where a call to it, or a transfer to it, goes.
    ///
    /// # Errors
    /// [`CallError::Gone`], [`CallError::State`] without dialog.
    pub fn remote_target(&mut self, id: CallId) -> Result<String, CallError> {
        let call = self.calls.get_mut(id.index).filter(|call| call.id == id).ok_or(CallError::Gone)?;
        let leg = call.main_leg().ok_or(CallError::State("no dialog"))?;
        Ok(leg.dialog.remote_target().to_owned())
    }

    /// The call with a dialog of this Call-ID and these tags, such as a Replaces header names (RFC 3891 3).
    pub fn find_dialog(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> Option<CallId> {
        let key = (call_id.to_owned(), local_tag.to_owned(), remote_tag.to_owned());
        self.calls.get(*self.core.dialogs.get(&key)?).map(|call| call.id)
    }

    /// Call-ID of a call, once its first message exists.
    pub fn call_id(&self, id: CallId) -> Option<&str> {
        let call = self.calls.get(id.index).filter(|call| call.id == id)?;
        match call.legs.first() {
            Some(leg) => Some(leg.dialog.call_id()),
            None => call.out.as_deref().map(client::Outbound::call_id),
        }
    }

    fn refuse(&mut self, now: Instant, id: CallId, status: u16, content: Content) -> Result<(), CallError> {
        self.with(now, id, |call, core| {
            if call.confirmed.is_some() || call.inbound.is_none() {
                return Err(CallError::State("no INVITE to refuse"));
            }
            let reply = content.write_reply(Reply::new(status));
            call.send_refusal(core, now, reply, EndedBy::Local, None);
            Ok(())
        })
    }

    fn new_call(&mut self, caller: bool, contact: String) -> CallId {
        let serial = self.core.next_serial();
        let entry = self.calls.vacant_entry();
        let id = CallId { index: entry.key(), serial };
        entry.insert(Call::new(id, caller, contact, self.core.config.session_timer));
        id
    }

    /// Does something with a call that goes on.
    fn with<T>(
        &mut self,
        now: Instant,
        id: CallId,
        act: impl FnOnce(&mut Call, &mut Core) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        self.with_any(now, id, |call, core| match call.closing {
            true => Err(CallError::Gone),
            false => act(call, core),
        })
    }

    fn with_any<T>(
        &mut self,
        now: Instant,
        id: CallId,
        act: impl FnOnce(&mut Call, &mut Core) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let call = self.calls.get_mut(id.index).filter(|call| call.id == id).ok_or(CallError::Gone)?;
        let outcome = act(call, &mut self.core);
        self.settle(id.index);
        self.pump(now);
        outcome
    }

    /// Arms the call's timer, and removes it when nothing is left to wait for.
    fn settle(&mut self, index: usize) {
        let Some(call) = self.calls.get_mut(index) else { return };
        if call.is_over() {
            if let Some(at) = call.scheduled {
                self.timers.remove(&(at, index));
            }
            for leg in std::mem::take(&mut call.legs) {
                shared::forget(&mut self.core, &leg.dialog);
            }
            self.calls.try_remove(index);
            return;
        }
        let next = call.next_timeout();
        if next == call.scheduled {
            return;
        }
        if let Some(at) = call.scheduled {
            self.timers.remove(&(at, index));
        }
        call.scheduled = next;
        if let Some(at) = next {
            self.timers.insert((at, index));
        }
    }
}

/// Escapes a value for the headers of a URI, as in `Refer-To: <sip:9@gw?Replaces=…>` (RFC 3261 19.1.1).
///
/// ```
/// assert_eq!(sip::call::escape_header("1@gw;to-tag=a"), "1%40gw%3Bto-tag%3Da");
/// ```
pub fn escape_header(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

/// The user part of a name and address.
fn user_of(address: &str) -> String {
    crate::message::NameAddr::parse(Header::From, address.as_bytes())
        .ok()
        .and_then(|address| address.uri().ok())
        .and_then(|uri| uri.user_raw().map(ToOwned::to_owned))
        .unwrap_or_default()
}

fn complete(mut endpoint: EndpointConfig, config: &CallConfig) -> EndpointConfig {
    let mut wanted = vec!["timer", "replaces", "norefersub"];
    if config.rel1xx != Rel1xx::Disabled {
        wanted.insert(0, "100rel");
    } else {
        endpoint.supported.retain(|tag| !tag.eq_ignore_ascii_case("100rel"));
    }
    for tag in wanted {
        if !endpoint.supported.iter().any(|known| known.eq_ignore_ascii_case(tag)) {
            endpoint.supported.push(tag.to_owned());
        }
    }
    if !endpoint.allow_events.iter().any(|known| known.eq_ignore_ascii_case("refer")) {
        endpoint.allow_events.push("refer".to_owned());
    }
    endpoint
}
