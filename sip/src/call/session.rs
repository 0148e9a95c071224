//! One INVITE session: its dialogs, the requests in them, and its timers.

use std::sync::Arc;
use std::time::Instant;

use super::client::Outbound;
use super::leg::{Exchange, Leg, Vehicle};
use super::mid::UpdateAgreed;
use super::modify::Modify;
use super::refer::ReferUsage;
use super::server::{AwaitingAck, Inbound};
use super::shared::{Core, Outgoing, Purpose, forget, key};
use super::{CallEvent, CallId, CallOverrides, Content, EndedBy};
use crate::dialog::DialogState;
use crate::digest::Authenticator;
use crate::endpoint::ClientTransactionId;
use crate::flow::{Flow, Transport};
use crate::message::{Header, Message, Method, Reply, RequestBuilder};
use crate::session_timer::{Agreed, Refresher, SessionTimer, SessionTimerConfig};

/// Most early dialogs of one INVITE.
const MAX_LEGS: usize = 16;
/// Challenges answered and collisions tried again for one request inside a dialog.
const MAX_TRIES: u8 = 6;

/// What it has only for a while stands apart: a call that stands holds little.
pub(super) struct Call {
    pub(super) id: CallId,
    /// Whether we made the Call-ID, which decides about back-off (RFC 3261 14.1).
    pub(super) caller: bool,
    pub(super) contact: String,
    pub(super) out: Option<Box<Outbound>>,
    pub(super) inbound: Option<Box<Inbound>>,
    pub(super) awaiting_ack: Option<AwaitingAck>,
    pub(super) legs: Vec<Leg>,
    pub(super) confirmed: Option<u32>,
    pub(super) modify: Option<Box<Modify>>,
    /// An offer that waits for a PRACK to go in.
    pub(super) prack_offer: Option<Box<Content>>,
    pub(super) refers: Vec<ReferUsage>,
    pub(super) timer_config: SessionTimerConfig,
    pub(super) timer: Option<SessionTimer>,
    pub(super) agreed: Option<(Agreed, Refresher)>,
    pub(super) refresh_at: Option<Instant>,
    pub(super) auth: Option<Box<Authenticator>>,
    /// What is different in this call.
    pub(super) own: Option<Arc<CallOverrides>>,
    /// Requests of ours without final response.
    pub(super) outstanding: usize,
    /// INVITEs with a 2xx, and until when more may come.
    pub(super) accepted: Vec<ClientTransactionId>,
    pub(super) linger: Option<Instant>,
    /// The end has begun: nothing but the last event is told any more.
    pub(super) closing: bool,
    pub(super) ended: bool,
    pub(super) end_by: EndedBy,
    /// The INVITE failed for a reason of ours with this status.
    pub(super) fail_status: Option<u16>,
    /// A BYE that waits for the ACK.
    pub(super) bye_wanted: Option<Box<Content>>,
    pub(super) next_leg: u32,
    pub(super) scheduled: Option<Instant>,
    /// An UPDATE of the peer is being answered.
    pub(super) update_agreed: UpdateAgreed,
    /// A REFER has come before.
    pub(super) was_referred: bool,
}

impl Call {
    pub(super) fn new(id: CallId, caller: bool, contact: String, timer_config: SessionTimerConfig) -> Call {
        Call {
            id,
            caller,
            contact,
            out: None,
            inbound: None,
            awaiting_ack: None,
            legs: Vec::new(),
            confirmed: None,
            modify: None,
            prack_offer: None,
            refers: Vec::new(),
            timer_config,
            timer: None,
            agreed: None,
            refresh_at: None,
            auth: None,
            own: None,
            outstanding: 0,
            accepted: Vec::new(),
            linger: None,
            closing: false,
            ended: false,
            end_by: EndedBy::Local,
            fail_status: None,
            bye_wanted: None,
            next_leg: 0,
            scheduled: None,
            update_agreed: None,
            was_referred: false,
        }
    }

    pub(super) fn leg(&mut self, number: u32) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.number == number)
    }

    /// The dialog that stands; of a call that comes in also the early one.
    pub(super) fn main_leg(&mut self) -> Option<&mut Leg> {
        match self.confirmed {
            Some(number) => self.leg(number),
            None if self.caller => None,
            None => self.legs.first_mut(),
        }
    }

    /// Tells the user, unless the end has begun.
    pub(super) fn tell(&self, core: &mut Core, event: CallEvent) {
        if !self.closing {
            core.tell(self.id, event);
        }
    }

    /// The last event.
    pub(super) fn finish(&mut self, core: &mut Core, now: Instant, by: EndedBy, message: Option<Message>) {
        if self.ended {
            return;
        }
        let event = match self.fail_status {
            Some(status) => CallEvent::Failed { status, retry_after: None, response: message },
            None => CallEvent::Ended { by, message },
        };
        self.close(core, now, event);
    }

    /// Ends everything that waits, and tells `event`.
    pub(super) fn close(&mut self, core: &mut Core, now: Instant, event: CallEvent) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        core.tell(self.id, event);
        self.closing = true;
        self.out = None;
        if let Some(inbound) = self.inbound.take() {
            core.servers.remove(&inbound.transaction);
            core.respond(now, inbound.transaction, Reply::new(487));
        }
        if let Some(waiting) = self.awaiting_ack.take() {
            core.servers.remove(&waiting.transaction);
        }
        self.drop_modify(core, now);
        self.timer = None;
        self.refresh_at = None;
        self.bye_wanted = None;
        for leg in &mut self.legs {
            if let Exchange::MustAnswer(Vehicle::Success(id)) = &leg.exchange {
                core.servers.remove(id);
                core.respond(now, *id, Reply::new(487));
            }
            leg.exchange = Exchange::Idle;
        }
    }

    /// Whether nothing is left to wait for.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.outstanding == 0 && self.linger.is_none() && self.refers.is_empty()
    }

    /// Takes a dialog into the books.
    pub(super) fn add_leg(&mut self, core: &mut Core, mut leg: Leg, base: &Flow) -> Option<u32> {
        if self.legs.len() >= MAX_LEGS {
            return None;
        }
        let number = self.next_leg;
        self.next_leg += 1;
        leg.number = number;
        let dialog = &leg.dialog;
        core.endpoint.insert_dialog(dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
        core.dialogs.insert(key(dialog), self.id.index);
        let named = leg.locate(Some(base));
        // Hardly any call has more than one dialog: room for four would be most of what it holds.
        self.legs.reserve_exact(1);
        self.legs.push(leg);
        if let Some(uri) = named {
            self.tell(core, CallEvent::NextHop { uri });
        }
        Some(number)
    }

    pub(super) fn remove_leg(&mut self, core: &mut Core, number: u32) {
        let Some(at) = self.legs.iter().position(|leg| leg.number == number) else { return };
        let leg = self.legs.remove(at);
        forget(core, &leg.dialog);
    }

    /// Removes the early dialogs, except `keep`.
    pub(super) fn remove_early_legs(&mut self, core: &mut Core, keep: Option<u32>) {
        let (gone, rest) = std::mem::take(&mut self.legs)
            .into_iter()
            .partition(|leg| leg.dialog.state() == DialogState::Early && Some(leg.number) != keep);
        self.legs = rest;
        let gone: Vec<Leg> = gone;
        for leg in gone {
            forget(core, &leg.dialog);
        }
    }

    /// Where requests go after a message of the peer came.
    pub(super) fn relocate(&mut self, core: &mut Core, number: u32, flow: &Flow) {
        let Some(named) = self.leg(number).map(|leg| leg.locate(Some(flow))) else { return };
        if let Some(uri) = named {
            self.tell(core, CallEvent::NextHop { uri });
        }
    }

    /// Sends a request inside a dialog. False when there is no such dialog.
    pub(super) fn send_in_dialog(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        method: Method,
        purpose: Purpose,
        write: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Option<ClientTransactionId> {
        let contact = self.contact.clone();
        let leg = self.leg(number)?;
        let has_contact = matches!(
            method,
            Method::Invite | Method::Update | Method::Refer | Method::Notify | Method::Subscribe
        );
        let mut request = leg.dialog.request(method);
        if has_contact {
            request = request.header(Header::Contact, contact);
        }
        Some(self.transmit(core, now, number, purpose, write(request), 0))
    }

    /// Sends a request that has its CSeq, with answers to the challenges known.
    pub(super) fn transmit(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        purpose: Purpose,
        request: RequestBuilder,
        tries: u8,
    ) -> ClientTransactionId {
        let mut request = match &mut self.auth {
            Some(auth) => auth.authorize(request),
            None => request,
        };
        if let Some(own) = &self.own {
            if let Some(hops) = own.max_forwards.filter(|_| !request.has(Header::MaxForwards)) {
                request = request.header(Header::MaxForwards, hops.to_string());
            }
            if let Some(policies) = &own.retransmissions {
                request = request.retransmissions(policies);
            }
        }
        let flow = match (purpose, &self.out) {
            (Purpose::Invite, Some(out)) => Some(out.flow.clone()),
            _ => self.leg(number).map(|leg| leg.flow.clone()),
        };
        // Both callers have looked the leg, or the outbound INVITE, up just before.
        let flow = flow.unwrap_or_else(|| Flow {
            transport: Transport::Udp,
            local: std::net::SocketAddr::from(([0, 0, 0, 0], 0)),
            remote: std::net::SocketAddr::from(([127, 0, 0, 1], 9)),
            connection: None,
        });
        let id = core.endpoint.request(now, flow, request.clone());
        self.outstanding += 1;
        let call = self.id.index;
        core.requests.insert(id, Outgoing { call, leg: number, purpose, request, tries, accepted: false });
        id
    }

    /// A final response other than 2xx asks for credentials, and we have them: the request is sent again
    /// with a new CSeq.
    pub(super) fn answer_challenge(
        &mut self,
        core: &mut Core,
        now: Instant,
        outgoing: &Outgoing,
        response: &Message,
    ) -> Option<ClientTransactionId> {
        if !self.take_challenge(core, response) || outgoing.tries >= MAX_TRIES {
            return None;
        }
        let cseq = self.leg(outgoing.leg)?.dialog.next_cseq();
        let request = outgoing.request.clone().cseq(cseq);
        Some(self.transmit(core, now, outgoing.leg, outgoing.purpose, request, outgoing.tries + 1))
    }

    /// True when the request should be sent again with the answer.
    pub(super) fn take_challenge(&mut self, core: &mut Core, response: &Message) -> bool {
        if !response.status().is_some_and(|status| status == 401 || status == 407) {
            return false;
        }
        let auth = match &mut self.auth {
            Some(auth) => auth,
            none => {
                let own = self.own.as_ref().and_then(|own| own.credentials.as_ref());
                let Some(provider) = own.or(core.config.credentials.as_ref()) else { return false };
                let Some(credentials) = provider.for_response(response) else { return false };
                none.insert(Box::new(Authenticator::new(Some(credentials))))
            }
        };
        let cnonce = core.endpoint.new_tag();
        auth.handle_challenge(response, &cnonce)
    }

    /// Sends a PRACK.
    pub(super) fn send_prack(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        rack: &str,
        content: &Content,
    ) {
        self.send_in_dialog(core, now, number, Method::Prack, Purpose::Prack, |request| {
            content.write_request(request.header(Header::RAck, rack))
        });
    }

    /// Sends the ACK to a 2xx and keeps it for repetition.
    //= RFC 3261 13.2.2.4: "The UAC core MUST generate an ACK request for each 2xx received from the
    //= transaction layer."
    pub(super) fn send_ack(
        &mut self,
        core: &mut Core,
        number: u32,
        cseq: u32,
        invite: Option<&RequestBuilder>,
        content: &Content,
    ) {
        let Some(leg) = self.leg(number) else { return };
        let mut ack = content.write_request(leg.dialog.ack(cseq));
        // RFC 3261 22.1: the credentials of the INVITE go into its ACK.
        for header in [Header::Authorization, Header::ProxyAuthorization] {
            if let Some(value) = invite.and_then(|invite| invite.value(header)) {
                ack = ack.header(header, value);
            }
        }
        let flow = leg.flow.clone();
        let octets = core.endpoint.send_ack(flow.clone(), ack);
        leg.ack = Some((cseq, flow, octets));
    }

    /// Sends BYE in `number` and waits for its outcome.
    pub(super) fn send_bye(&mut self, core: &mut Core, now: Instant, number: u32, content: &Content) {
        self.closing = true;
        self.drop_modify(core, now);
        self.timer = None;
        self.refresh_at = None;
        if let Some(inbound) = self.inbound.take() {
            core.servers.remove(&inbound.transaction);
            core.respond(now, inbound.transaction, Reply::new(487));
        }
        let pending = self.leg(number).map(|leg| std::mem::replace(&mut leg.exchange, Exchange::Idle));
        match pending {
            Some(Exchange::MustAnswer(Vehicle::Success(id))) => {
                core.servers.remove(&id);
                core.respond(now, id, Reply::new(487));
            }
            Some(Exchange::MustAnswer(Vehicle::Ack(cseq, id))) => {
                let invite = core.requests.get(&id).map(|outgoing| outgoing.request.clone());
                let refusal = self.leg(number).and_then(Leg::refusal);
                let content = Content { sdp: refusal, ..Content::new() };
                self.send_ack(core, number, cseq, invite.as_ref(), &content);
            }
            _ => {}
        }
        let sent = self.send_in_dialog(core, now, number, Method::Bye, Purpose::Bye, |request| {
            content.write_request(request)
        });
        if sent.is_none() {
            self.finish(core, now, self.end_by, None);
        }
    }

    /// The dialog is broken, or the time is over: BYE, and the last event with `by`.
    pub(super) fn abort(&mut self, core: &mut Core, now: Instant, by: EndedBy, reason: &str) {
        if self.ended || self.closing {
            return;
        }
        self.end_by = by;
        let content = Content::new().header(Header::Reason, reason);
        match self.confirmed {
            Some(number) => self.send_bye(core, now, number, &content),
            // An INVITE on its way is cancelled; the end is told when its final response is there.
            None if self.out.is_some() => self.cancel_invite(core, now, content),
            None => self.finish(core, now, by, None),
        }
    }

    /// A response to a request of this call.
    pub(super) fn handle_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientTransactionId,
        flow: &Flow,
        response: Message,
    ) {
        let Some(purpose) = core.requests.get(&id).map(|outgoing| outgoing.purpose) else { return };
        match purpose {
            Purpose::Invite => return self.invite_response(core, now, id, flow, response),
            Purpose::Modify => return self.modify_response(core, now, id, flow, response),
            _ => {}
        }
        let status = response.status().map_or(0, |status| status.as_u16());
        if status < 200 {
            return;
        }
        let Some(outgoing) = core.requests.remove(&id) else { return };
        self.outstanding = self.outstanding.saturating_sub(1);
        if status < 300 {
            self.refresh_target(core, outgoing.leg, flow, &response);
        }
        if self.answer_challenge(core, now, &outgoing, &response).is_none() {
            self.handle_final(core, now, &outgoing, status, Some(response));
        }
    }

    /// No response came: `status` says what that counts as.
    pub(super) fn handle_no_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        outgoing: Outgoing,
        status: u16,
    ) {
        match outgoing.purpose {
            Purpose::Invite => self.invite_unanswered(core, now, status),
            Purpose::Modify => self.modify_unanswered(core, now, status),
            _ => {
                self.outstanding = self.outstanding.saturating_sub(1);
                self.handle_final(core, now, &outgoing, status, None);
            }
        }
    }

    /// The outcome of a request that is neither INVITE nor UPDATE.
    fn handle_final(
        &mut self,
        core: &mut Core,
        now: Instant,
        outgoing: &Outgoing,
        status: u16,
        response: Option<Message>,
    ) {
        match outgoing.purpose {
            Purpose::Bye => self.finish(core, now, self.end_by, response),
            Purpose::SurplusBye => self.remove_leg(core, outgoing.leg),
            Purpose::Prack if status == 500 && outgoing.tries < MAX_TRIES => {
                // It was overtaken by a later request of ours, and its number came too late.
                let Some(cseq) = self.leg(outgoing.leg).map(|leg| leg.dialog.next_cseq()) else { return };
                let request = outgoing.request.clone().cseq(cseq);
                self.transmit(core, now, outgoing.leg, Purpose::Prack, request, outgoing.tries + 1);
            }
            Purpose::Refer(id) => self.refer_response(core, id, status, response),
            Purpose::ReferNotify if status >= 300 => self.refer_notify_refused(),
            Purpose::Request(id) => {
                self.tell(core, CallEvent::Response { id, status, response });
                // RFC 5057 5.1: 481 ends the usage.
                if status == 481 {
                    self.abort(core, now, EndedBy::Timeout, "SIP;cause=481");
                }
            }
            Purpose::Prack | Purpose::ReferNotify | Purpose::Invite | Purpose::Modify => {}
        }
    }

    /// Timers of the call.
    pub(super) fn handle_timeout(&mut self, core: &mut Core, now: Instant) {
        if self.linger.is_some_and(|at| at <= now) {
            self.end_linger(core, now);
        }
        self.outbound_timeout(core, now);
        self.inbound_timeout(core, now);
        self.modify_timeout(core, now);
        self.session_timeout(core, now);
        self.refer_timeout(core, now);
    }

    /// A session timer begins anew with a 2xx.
    pub(super) fn start_timer(&mut self, now: Instant, agreed: Option<Agreed>, us: Refresher) {
        self.refresh_at = None;
        self.agreed = agreed.map(|agreed| (agreed, us));
        self.timer = agreed.map(|agreed| SessionTimer::start(now, agreed, us));
    }

    /// More 2xx may come until then.
    pub(super) fn linger(&mut self, core: &Core, now: Instant) {
        let until = now + core.transaction_time();
        self.linger = Some(self.linger.map_or(until, |already| already.max(until)));
    }

    /// When [`Call::handle_timeout`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let mut next = [self.refresh_at, self.linger].into_iter().flatten().min();
        let mut add = |at: Option<Instant>| next = [next, at].into_iter().flatten().min();
        add(self.timer.as_ref().and_then(SessionTimer::poll_timeout));
        add(self.out.as_deref().and_then(Outbound::next_timeout));
        add(self.inbound.as_deref().and_then(Inbound::next_timeout));
        add(self.modify.as_ref().and_then(|modify| modify.again_at));
        for refer in &self.refers {
            add(Some(refer.expires_at));
        }
        next
    }
}
