//! Changes of the session by us: re-INVITE and UPDATE, their collisions, refreshes (RFC 3261 14, RFC 3311,
//! RFC 4028 10).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::client::SuccessSdp;
use super::content::sdp_of;
use super::leg::{Exchange, Vehicle};
use super::session::Call;
use super::shared::{Core, Outgoing, Purpose, dialog_headers};
use super::{CallError, CallEvent, Content, EndedBy};
use crate::endpoint::{ClientTransactionId, ReliableResponses};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, Reply};
use crate::session_timer::{Due, Refresher};

/// A change that is wanted, waits, or is on its way.
pub(super) struct Modify {
    leg: u32,
    method: Method,
    content: Content,
    /// Our own keeping alive of the session: the user hears nothing of it.
    refresh: bool,
    /// The user offers something, and waits for the answer even if it is the same as the last.
    offers: bool,
    /// When it is sent again after a collision.
    pub(super) again_at: Option<Instant>,
    /// It waits for the ACK to our 2xx.
    waits: bool,
    tries: u32,
    intervals: u8,
    /// Our description before, which counts again when the new one is refused.
    before: Option<Bytes>,
    /// RAck of the PRACK that carries it.
    rack: Option<String>,
}

impl Call {
    /// Begins a change of the session, or of who we are.
    pub(super) fn start_modify(
        &mut self,
        core: &mut Core,
        now: Instant,
        content: Content,
        refresh: bool,
    ) -> Result<(), CallError> {
        if self.modify.is_some() || self.inbound.as_ref().is_some_and(|inbound| !inbound.first) {
            return Err(CallError::Pending);
        }
        let offers = content.sdp.is_some();
        let prefers_update = core.config.prefer_update;
        let waits = self.awaiting_ack.is_some();
        let early = self.confirmed.is_none();
        let number = match self.confirmed {
            Some(number) => number,
            // An early dialog of ours: the latest that has agreed on a session.
            None => {
                let agreed = |leg: &&super::leg::Leg| leg.exchange == Exchange::Idle;
                let leg = self.legs.iter().rev().find(agreed);
                leg.map(|leg| leg.number).ok_or(CallError::State("no dialog has agreed on a session"))?
            }
        };
        let Some(leg) = self.leg(number) else { return Err(CallError::State("no dialog")) };
        if leg.exchange != Exchange::Idle {
            return Err(CallError::Pending);
        }
        let updates = leg.peer_updates;
        if early && !updates {
            return Err(CallError::NoUpdate);
        }
        let method = match (early, offers && !refresh) {
            (true, _) => Method::Update,
            (false, true) if !(prefers_update && updates) => Method::Invite,
            (false, _) if updates => Method::Update,
            (false, _) => Method::Invite,
        };
        let mut content = content;
        if method == Method::Invite && content.sdp.is_none() {
            // Without UPDATE the last description goes again, unchanged.
            content.sdp.clone_from(&leg.local_sdp);
        }
        let waits = waits && (method == Method::Invite || offers);
        let before = leg.local_sdp.clone();
        self.modify = Some(Box::new(Modify {
            leg: number,
            method,
            content,
            refresh,
            offers: offers && !refresh,
            again_at: None,
            waits,
            tries: 0,
            intervals: 0,
            before,
            rack: None,
        }));
        if !waits {
            self.send_modify(core, now);
        }
        Ok(())
    }

    /// Sends the PRACK of a reliable response, with the offer that waits for one if the dialog has agreed on a
    /// session and no other change is under way.
    //= RFC 3262 5: "If the UAC receives a reliable provisional response with an answer, it MAY generate an
    //= additional offer in the PRACK."
    pub(super) fn acknowledge(&mut self, core: &mut Core, now: Instant, number: u32, rack: String) {
        let free = self.modify.is_none() && !self.closing && self.confirmed.is_none();
        let before = match self.leg(number) {
            Some(leg) if free && leg.exchange == Exchange::Idle && leg.remote_sdp.is_some() => {
                leg.local_sdp.clone()
            }
            _ => return self.send_prack(core, now, number, &rack, &Content::new()),
        };
        let Some(content) = self.prack_offer.take() else {
            return self.send_prack(core, now, number, &rack, &Content::new());
        };
        self.modify = Some(Box::new(Modify {
            leg: number,
            method: Method::Prack,
            content: content.header(Header::RAck, rack.as_str()),
            refresh: false,
            offers: true,
            again_at: None,
            waits: false,
            tries: 0,
            intervals: 0,
            before,
            rack: Some(rack),
        }));
        self.send_modify(core, now);
    }

    /// The ACK that a change waited for is there.
    pub(super) fn resume_modify(&mut self, core: &mut Core, now: Instant) {
        if let Some(modify) = self.modify.as_mut().filter(|modify| modify.waits) {
            modify.waits = false;
            self.send_modify(core, now);
        }
    }

    fn send_modify(&mut self, core: &mut Core, now: Instant) {
        let Some(modify) = &mut self.modify else { return };
        modify.again_at = None;
        let (number, method, content) = (modify.leg, modify.method.clone(), modify.content.clone());
        // UPDATE in an early dialog does not negotiate a timer anew.
        let config = (self.confirmed.is_some()).then_some((self.timer_config, self.agreed));
        let (allow, supported) = (core.allow(), core.supported());
        if let Some(leg) = self.leg(number) {
            if let Some(sdp) = &content.sdp {
                leg.exchange = Exchange::Offered;
                leg.local_sdp = Some(sdp.clone());
            }
            if method == Method::Invite {
                // RSeq counts anew for each INVITE.
                leg.reliable = ReliableResponses::new();
                leg.preview = None;
            }
        }
        let sent = self.send_in_dialog(core, now, number, method, Purpose::Modify, |request| {
            let mut request = request.header(Header::Allow, allow);
            let tags: Vec<&str> =
                supported.split(", ").filter(|tag| !tag.is_empty() && *tag != "timer").collect();
            if !tags.is_empty() {
                request = request.header(Header::Supported, tags.join(", "));
            }
            if let Some((config, agreed)) = config {
                request = config.request_headers(request, agreed);
            }
            content.write_request(request)
        });
        if sent.is_none() {
            self.modify = None;
        }
    }

    /// A response to a re-INVITE or UPDATE of ours.
    pub(super) fn modify_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientTransactionId,
        flow: &Flow,
        response: Message,
    ) {
        let status = response.status().map_or(0, |status| status.as_u16());
        if status < 200 {
            if status > 100 && response.cseq().is_ok_and(|cseq| cseq.method == "INVITE") {
                self.provisional(core, now, flow, &response, false);
            }
            return;
        }
        let invite = response.cseq().is_ok_and(|cseq| cseq.method == "INVITE");
        if invite && status < 300 {
            return self.reinvite_success(core, now, id, flow, response);
        }
        let Some(outgoing) = core.requests.remove(&id) else { return };
        self.outstanding = self.outstanding.saturating_sub(1);
        if self.ended || self.closing {
            return;
        }
        if status < 300 {
            return self.update_success(core, now, &outgoing, flow, response);
        }
        self.modify_refused(core, now, status, Some(&outgoing), Some(response));
    }

    /// The session ends: nobody waits for what a re-INVITE of ours would change. It is cancelled, because a peer
    /// that has said 100 may never say more, and nothing else bounds the wait.
    pub(super) fn drop_modify(&mut self, core: &mut Core, now: Instant) {
        self.modify = None;
        if self.outstanding == 0 {
            return;
        }
        let own = |outgoing: &Outgoing| outgoing.call == self.id.index && outgoing.purpose == Purpose::Modify;
        let waiting: Vec<_> =
            core.requests.iter().filter(|(_, outgoing)| own(outgoing)).map(|(id, _)| *id).collect();
        for id in waiting {
            core.endpoint.cancel(now, id);
        }
    }

    /// No response came: 408 or 503.
    pub(super) fn modify_unanswered(&mut self, core: &mut Core, now: Instant, status: u16) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if !self.ended && !self.closing {
            self.modify_refused(core, now, status, None, None);
        }
    }

    fn reinvite_success(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientTransactionId,
        flow: &Flow,
        response: Message,
    ) {
        let Some(outgoing) = core.requests.get_mut(&id) else { return };
        let news = !std::mem::replace(&mut outgoing.accepted, true);
        let (number, invite) = (outgoing.leg, outgoing.request.clone());
        let Ok(cseq) = response.cseq().map(|cseq| cseq.number) else { return };
        if news {
            self.outstanding = self.outstanding.saturating_sub(1);
            self.accepted.push(id);
            self.linger(core, now);
        }
        let Some(leg) = self.leg(number) else { return };
        if let Some((_, flow, octets)) = leg.ack.clone().filter(|(acked, ..)| *acked == cseq) {
            return core.endpoint.resend(flow, octets);
        }
        if !news {
            return;
        }
        self.refresh_target(core, number, flow, &response);
        self.send_ack(core, number, cseq, Some(&invite), &Content::new());
        if self.ended || self.closing {
            return;
        }
        let (refresh, offers) = self.modify.take().map_or((false, false), |m| (m.refresh, m.offers));
        self.take_timer(now, &response);
        let sdp = self.take_success_sdp(core, number, cseq, id, &response, offers);
        if sdp == SuccessSdp::Missing {
            return self.abort(core, now, EndedBy::Protocol, "SIP;cause=488;text=\"No session description\"");
        }
        if !refresh {
            self.tell(core, CallEvent::Updated { message: response });
        }
    }

    fn update_success(
        &mut self,
        core: &mut Core,
        now: Instant,
        outgoing: &Outgoing,
        flow: &Flow,
        response: Message,
    ) {
        let number = outgoing.leg;
        self.refresh_target(core, number, flow, &response);
        let modify = self.modify.take();
        if self.confirmed.is_some() {
            self.take_timer(now, &response);
        }
        if let Some(leg) = self.leg(number)
            && leg.exchange == Exchange::Offered
            && modify.as_ref().is_some_and(|modify| modify.content.sdp.is_some())
        {
            leg.exchange = Exchange::Idle;
            match sdp_of(&response) {
                Some(sdp) => {
                    leg.remote_sdp = Some(sdp.clone());
                    self.tell(core, CallEvent::Answer { dialog: number, sdp, early: false });
                }
                None => {
                    return self.abort(
                        core,
                        now,
                        EndedBy::Protocol,
                        "SIP;cause=488;text=\"No session description\"",
                    );
                }
            }
        }
        if !modify.is_some_and(|modify| modify.refresh) {
            self.tell(core, CallEvent::Updated { message: response });
        }
    }

    fn modify_refused(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
        outgoing: Option<&Outgoing>,
        response: Option<Message>,
    ) {
        let caller = self.caller;
        let Some(modify) = &mut self.modify else { return };
        let number = modify.leg;
        let offered = modify.content.sdp.is_some();
        let (before, rack) = (modify.before.clone(), modify.rack.clone());
        if let (Some(outgoing), Some(response)) = (outgoing, &response) {
            if self.answer_challenge(core, now, outgoing, response).is_some() {
                return;
            }
            if status == 422 && self.lengthen(response) {
                return self.send_modify(core, now);
            }
        }
        if offered
            && let Some(leg) = self.leg(number)
            && leg.exchange == Exchange::Offered
        {
            leg.exchange = Exchange::Idle;
            leg.local_sdp = before;
        }
        let retry_after =
            response.as_ref().and_then(|response| response.seconds(Header::RetryAfter).ok().flatten());
        let wait = match (status, retry_after) {
            // A PRACK belongs to its response; the offer does not come again by itself.
            _ if rack.is_some() => None,
            //= RFC 3261 14.1: "If the UAC is the owner of the Call-ID of the dialog ID (meaning it generated
            //= the value), T has a randomly chosen value between 2.1 and 4 seconds in units of 10 ms."
            (491, _) if caller => Some(core.back_off(2100, 4000)),
            //= RFC 3261 14.1: "If the UAC is not the owner of the Call-ID of the dialog ID, T has a randomly
            //= chosen value of between 0 and 2 seconds in units of 10 ms."
            (491, _) => Some(core.back_off(0, 2000)),
            // RFC 3311 5.2 and RFC 3261 14.2: the peer has not yet answered an earlier one of ours.
            (500, Some(seconds)) if seconds <= 10 => Some(Duration::from_secs(u64::from(seconds))),
            _ => None,
        };
        let most = core.config.glare_retries;
        if let (Some(wait), Some(modify)) = (wait, &mut self.modify)
            && modify.tries < most
        {
            modify.tries += 1;
            modify.again_at = Some(now + wait);
            return;
        }
        let refresh = self.modify.take().is_some_and(|modify| modify.refresh);
        if let Some(rack) = rack
            && !matches!(status, 408 | 481)
        {
            // A peer that refuses the PRACK with the offer may still wait for one.
            self.send_prack(core, now, number, &rack, &Content::new());
        }
        //= RFC 3261 12.2.1.2: "If the response for a request within a dialog is a 481 (Call/Transaction Does
        //= Not Exist) or a 408 (Request Timeout), the UAC SHOULD terminate the dialog."
        if matches!(status, 408 | 481) {
            let reason = format!("SIP;cause={status}");
            return match self.confirmed {
                Some(_) => self.abort(core, now, EndedBy::Timeout, &reason),
                None => self.tell(core, CallEvent::OfferRefused { status, response }),
            };
        }
        if !refresh {
            self.tell(core, CallEvent::OfferRefused { status, response });
        } else if response.is_none() {
            // No way to the peer: its node is gone, or the connection. The session lives until it expires, and whoever is at
            // that address by then takes it up.
            self.refresh_at = Some(now + core.config.re_establish);
        }
    }

    /// An offer of the peer went before our change that waits to be sent again: it is void, because the
    /// session it was made for has changed.
    pub(super) fn overtaken(&mut self, core: &mut Core) {
        let waiting = self.modify.take_if(|modify| {
            (modify.again_at.is_some() || modify.waits) && (modify.content.sdp.is_some() || modify.refresh)
        });
        if let Some(modify) = waiting
            && !modify.refresh
        {
            self.tell(core, CallEvent::OfferRefused { status: 491, response: None });
        }
    }

    /// Takes the 422 to a change: a longer interval.
    fn lengthen(&mut self, response: &Message) -> bool {
        let Some(modify) = self.modify.as_mut().filter(|modify| modify.intervals < 4) else { return false };
        modify.intervals += 1;
        if !self.timer_config.handle_422(response) {
            return false;
        }
        // What was agreed on is too short now; the roles stay.
        if let (Some((agreed, _)), Some(interval)) = (&mut self.agreed, self.timer_config.interval) {
            agreed.interval = agreed.interval.max(interval);
        }
        true
    }

    pub(super) fn refresh_target(&mut self, core: &mut Core, number: u32, flow: &Flow, response: &Message) {
        if let Some(leg) = self.leg(number) {
            leg.learn(response);
            // A faulty Contact leaves the target as it was.
            let _ = leg.dialog.handle_response(response);
        }
        self.relocate(core, number, flow);
    }

    fn take_timer(&mut self, now: Instant, response: &Message) {
        let agreed = self.timer_config.from_answer(response).unwrap_or_default();
        self.start_timer(now, agreed, Refresher::Uac);
    }

    /// Whether a re-INVITE of ours, or an UPDATE with an offer, waits for its response.
    pub(super) fn modify_under_way(&self) -> bool {
        self.modify.as_ref().is_some_and(|modify| {
            modify.again_at.is_none()
                && !modify.waits
                && (modify.method == Method::Invite || modify.content.sdp.is_some())
        })
    }

    /// The time of a change to be sent again has come.
    pub(super) fn modify_timeout(&mut self, core: &mut Core, now: Instant) {
        let Some(modify) = self.modify.as_mut().filter(|modify| modify.again_at.is_some_and(|at| at <= now))
        else {
            return;
        };
        let number = modify.leg;
        let busy = self.inbound.as_ref().is_some_and(|inbound| !inbound.first)
            || self.awaiting_ack.is_some()
            || self.leg(number).is_some_and(|leg| leg.exchange != Exchange::Idle);
        if busy {
            if let Some(modify) = &mut self.modify {
                modify.again_at = Some(now + Duration::from_millis(500));
            }
            return;
        }
        self.send_modify(core, now);
    }

    /// Session timers.
    pub(super) fn session_timeout(&mut self, core: &mut Core, now: Instant) {
        let due = self.timer.as_mut().and_then(|timer| timer.handle_timeout(now));
        match due {
            Some(Due::Expired) => {
                return self.abort(
                    core,
                    now,
                    EndedBy::SessionExpired,
                    "SIP;cause=408;text=\"Session timer expired\"",
                );
            }
            Some(Due::Refresh) => self.refresh_at = Some(now),
            None => {}
        }
        if self.refresh_at.is_some_and(|at| at <= now) {
            // Whatever else is under way does as well; if it fails, this comes again.
            let busy = self.start_modify(core, now, Content::new(), true).is_err();
            self.refresh_at = busy.then(|| now + Duration::from_secs(1));
        }
    }

    /// The user answers the oldest offer of the peer, or gives the one that was asked for.
    pub(super) fn send_offer_answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        content: Content,
    ) -> Result<(), CallError> {
        let Some(sdp) = content.sdp.clone() else { return Err(CallError::SdpNeeded) };
        let waiting = self.legs.iter_mut().find_map(|leg| match &leg.exchange {
            Exchange::MustAnswer(Vehicle::Invite) | Exchange::MustOffer => Some((leg, None)),
            Exchange::MustAnswer(vehicle) => {
                let vehicle = vehicle.clone();
                Some((leg, Some(vehicle)))
            }
            _ => None,
        });
        let Some((leg, vehicle)) = waiting else { return Err(CallError::State("no offer to answer")) };
        let number = leg.number;
        let Some(vehicle) = vehicle else {
            if self.confirmed.is_none() {
                return Err(CallError::State("the INVITE is answered with progress or answer"));
            }
            return self.send_answer(core, now, content);
        };
        leg.settle_offer(Some(sdp));
        match vehicle {
            Vehicle::Invite => {}
            Vehicle::Success(id) => {
                core.servers.remove(&id);
                let reply = dialog_headers(core, Reply::new(200), &self.contact);
                let reply = self.update_answer_headers(now, reply);
                core.respond(now, id, content.write_reply(reply));
                self.flush_queue(core, now);
            }
            Vehicle::Prack(rack) => self.send_prack(core, now, number, &rack, &content),
            Vehicle::Ack(cseq, id) => {
                let invite = core.requests.get(&id).map(|outgoing| outgoing.request.clone());
                self.send_ack(core, number, cseq, invite.as_ref(), &content);
                self.resume_modify(core, now);
            }
        }
        Ok(())
    }

    /// The user refuses the oldest offer of the peer.
    pub(super) fn send_offer_refusal(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
        content: Content,
    ) -> Result<(), CallError> {
        let waiting = self.legs.iter_mut().find_map(|leg| match &leg.exchange {
            Exchange::MustAnswer(vehicle) => {
                let vehicle = vehicle.clone();
                Some((leg, vehicle))
            }
            Exchange::MustOffer => Some((leg, Vehicle::Invite)),
            _ => None,
        });
        let Some((leg, vehicle)) = waiting else { return Err(CallError::State("no offer to refuse")) };
        if status < 300 {
            return Err(CallError::Status(status));
        }
        let number = leg.number;
        let reason = format!("SIP;cause={status}");
        match vehicle {
            Vehicle::Invite => {
                if self.confirmed.is_none() {
                    return Err(CallError::State("the INVITE is answered with reject"));
                }
                leg.drop_offer();
                if let Some(inbound) = self.inbound.take() {
                    core.servers.remove(&inbound.transaction);
                    core.respond(now, inbound.transaction, content.write_reply(Reply::new(status)));
                }
            }
            Vehicle::Success(id) => {
                leg.drop_offer();
                self.update_agreed = None;
                core.servers.remove(&id);
                core.respond(now, id, content.write_reply(Reply::new(status)));
                self.flush_queue(core, now);
            }
            // RFC 3262 5: an offer in a provisional response cannot be refused, only the call ended.
            Vehicle::Prack(_) => {
                self.cancel_invite(core, now, Content::new().header(Header::Reason, reason));
            }
            //= RFC 3261 13.2.2.4: "If the offer in the 2xx response is not acceptable, the UAC core MUST
            //= generate a valid answer in the ACK and then send a BYE immediately." (`send_bye` does both)
            Vehicle::Ack(..) => {
                self.send_bye(core, now, number, &Content::new().header(Header::Reason, reason));
            }
        }
        Ok(())
    }
}
