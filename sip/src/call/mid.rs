//! Requests of the peer inside a dialog.

use std::time::Instant;

use rand::Rng;

use super::content::sdp_of;
use super::leg::{Exchange, Vehicle};
use super::server::Inbound;
use super::session::Call;
use super::shared::{Core, dialog_headers};
use super::{CallEvent, Content, EndedBy};
use crate::endpoint::ServerTransactionId;
use crate::flow::Flow;
use crate::message::{Message, Method, Reply};
use crate::session_timer::{Agreed, Refresher};

impl Call {
    /// Takes a request that belongs to one of this call's dialogs.
    pub(super) fn dialog_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: ServerTransactionId,
        flow: &Flow,
        request: Message,
    ) {
        let ended = self.ended;
        let closing = self.closing;
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.dialog.matches(&request)) else {
            return core.respond(now, transaction, Reply::new(481));
        };
        let number = leg.number;
        if let Err(error) = leg.dialog.handle_request(&request) {
            return core.respond(now, transaction, error.reply());
        }
        leg.learn(&request);
        self.relocate(core, number, flow);
        let method = request.method().unwrap_or(Method::Options);
        if method == Method::Notify && self.refer_notify(core, now, transaction, &request) {
            return;
        }
        match method {
            // Who hangs up at the same time is answered as well.
            Method::Bye if !ended => self.take_bye(core, now, number, transaction, request),
            _ if ended || closing => core.respond(now, transaction, Reply::new(481)),
            Method::Invite => self.take_reinvite(core, now, number, transaction, request),
            Method::Update => self.take_update(core, now, number, transaction, request),
            Method::Prack => self.take_prack(core, now, number, transaction, request),
            Method::Refer => self.take_refer(core, now, number, transaction, request),
            _ => self.tell(core, CallEvent::Request { transaction, request }),
        }
    }

    fn take_bye(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        transaction: ServerTransactionId,
        request: Message,
    ) {
        //= RFC 3261 15.1.2: "A UAS first processes the BYE request according to the general UAS processing
        //= described in Section 8.2."
        core.respond(now, transaction, Reply::new(200));
        let other = self.caller && self.confirmed != Some(number);
        if other {
            // One fork of several leaves.
            return self.remove_leg(core, number);
        }
        //= RFC 3261 15.1.2: "The UAS MUST still respond to any pending requests received for that dialog."
        //= (with 487, which `finish` sends)
        let by = if self.closing { self.end_by } else { EndedBy::Remote };
        if let Some(leg) = self.leg(number)
            && let Exchange::MustAnswer(Vehicle::Ack(cseq, id)) = leg.exchange.clone()
        {
            // The ACK that waited for the user is owed still.
            leg.exchange = Exchange::Idle;
            let content = Content { sdp: leg.refusal(), ..Content::new() };
            let invite = core.requests.get(&id).map(|outgoing| outgoing.request.clone());
            self.send_ack(core, number, cseq, invite.as_ref(), &content);
        }
        self.finish(core, now, by, Some(request));
    }

    fn take_reinvite(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        transaction: ServerTransactionId,
        request: Message,
    ) {
        //= RFC 3261 14.2: "A UAS that receives a second INVITE before it sends the final response to a first
        //= INVITE with a lower CSeq sequence number on the same dialog MUST return a 500 (Server Internal
        //= Error) response to the second INVITE and MUST include a Retry-After header field with a randomly
        //= chosen value of between 0 and 10 seconds."
        if self.inbound.is_some() {
            return self.refuse_for_now(core, now, transaction);
        }
        //= RFC 3261 14.2: "A UAS that receives an INVITE on a dialog while an INVITE it had sent on that
        //= dialog is in progress MUST return a 491 (Request Pending) response to the received INVITE."
        let exchange = self.leg(number).map(|leg| leg.exchange.clone()).unwrap_or(Exchange::Idle);
        // RFC 5407 3.1.5: the same while the ACK to our 2xx is still on its way.
        if self.out.is_some()
            || self.awaiting_ack.is_some()
            || self.modify_under_way()
            || self.we_offered(&exchange)
        {
            return core.respond(now, transaction, Reply::new(491));
        }
        if exchange != Exchange::Idle {
            return self.refuse_for_now(core, now, transaction);
        }
        let agreed = match self.timer_config.for_answer(&request) {
            Ok(agreed) => agreed,
            Err(reply) => return core.respond(now, transaction, *reply),
        };
        let offer = sdp_of(&request);
        self.inbound = Some(Box::new(Inbound::new(transaction, request.clone(), agreed)));
        core.servers.insert(transaction, self.id.index);
        let answers_refreshes = core.config.answer_refreshes;
        let Some(leg) = self.leg(number) else { return };
        match offer {
            Some(sdp) => {
                leg.exchange = Exchange::MustAnswer(Vehicle::Invite);
                let same = leg.remote_sdp.as_ref() == Some(&sdp) && answers_refreshes;
                leg.offered = Some(sdp.clone());
                if same && let Some(local) = leg.local_sdp.clone() {
                    self.overtaken(core);
                    // It was looked at just above that there is an INVITE to answer.
                    let _ = self.send_answer(core, now, Content::sdp(local));
                    return self.tell(core, CallEvent::Updated { message: request });
                }
                self.overtaken(core);
                self.tell(core, CallEvent::Offer { dialog: number, sdp, message: request });
            }
            None => {
                leg.exchange = Exchange::MustOffer;
                self.overtaken(core);
                self.tell(core, CallEvent::OfferRequested { request });
            }
        }
    }

    fn take_update(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        transaction: ServerTransactionId,
        request: Message,
    ) {
        let exchange = self.leg(number).map(|leg| leg.exchange.clone()).unwrap_or(Exchange::Idle);
        let offer = sdp_of(&request);
        if self.update_agreed.is_some() {
            //= RFC 3311 5.2: "A UAS that receives an UPDATE before it has generated a final response to a
            //= previous UPDATE on the same dialog MUST return a 500 response to the new UPDATE, and MUST
            //= include a Retry-After header field with a randomly chosen value between 0 and 10 seconds."
            return self.refuse_for_now(core, now, transaction);
        }
        if offer.is_some() {
            //= RFC 3311 5.2: "If an UPDATE is received that contains an offer, and the UAS has generated an
            //= offer (in an UPDATE, PRACK or INVITE) to which it has not yet received an answer, the UAS MUST
            //= reject the UPDATE with a 491 response."
            if self.we_offered(&exchange) || exchange == Exchange::AwaitOffer {
                return core.respond(now, transaction, Reply::new(491));
            }
            // Theirs is not answered yet: 500 with Retry-After (the same section).
            if exchange != Exchange::Idle {
                return self.refuse_for_now(core, now, transaction);
            }
        }
        let agreed = match self.confirmed {
            Some(_) => match self.timer_config.for_answer(&request) {
                Ok(agreed) => agreed,
                Err(reply) => return core.respond(now, transaction, *reply),
            },
            None => None,
        };
        let answers_refreshes = core.config.answer_refreshes;
        let Some(leg) = self.leg(number) else { return };
        let answer = match offer {
            None => None,
            Some(sdp) if leg.remote_sdp.as_ref() == Some(&sdp) && answers_refreshes => leg.local_sdp.clone(),
            Some(sdp) => {
                leg.exchange = Exchange::MustAnswer(Vehicle::Success(transaction));
                leg.offered = Some(sdp.clone());
                core.servers.insert(transaction, self.id.index);
                self.update_agreed = Some(agreed);
                self.overtaken(core);
                return self.tell(core, CallEvent::Offer { dialog: number, sdp, message: request });
            }
        };
        self.update_agreed = Some(agreed);
        let reply = dialog_headers(core, Reply::new(200), &self.contact);
        let reply = self.update_answer_headers(now, reply);
        let content = Content { sdp: answer, ..Content::new() };
        core.respond(now, transaction, content.write_reply(reply));
        self.tell(core, CallEvent::Updated { message: request });
    }

    /// Adds the session timer to the 200 to an UPDATE, and starts it.
    pub(super) fn update_answer_headers(&mut self, now: Instant, reply: Reply) -> Reply {
        let Some(agreed) = self.update_agreed.take() else { return reply };
        if self.confirmed.is_none() {
            return reply;
        }
        self.start_timer(now, agreed, Refresher::Uas);
        self.timer_config.answer_headers(reply, agreed)
    }

    fn take_prack(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        transaction: ServerTransactionId,
        request: Message,
    ) {
        let Some(invite) = self.inbound.as_ref().map(|inbound| inbound.transaction) else {
            return core.respond(now, transaction, Reply::new(481));
        };
        if let Err(reply) = core.endpoint.handle_prack(invite, &request) {
            return core.respond(now, transaction, *reply);
        }
        let sdp = sdp_of(&request);
        let Some(leg) = self.leg(number) else { return };
        match (&leg.exchange, sdp) {
            (Exchange::OfferedReliably, Some(sdp)) => {
                leg.exchange = Exchange::Idle;
                leg.remote_sdp = Some(sdp.clone());
                core.respond(now, transaction, Reply::new(200));
                self.tell(core, CallEvent::Answer { dialog: number, sdp, early: false });
            }
            (Exchange::OfferedReliably, None) => {
                // RFC 3262 5: the PRACK had to carry the answer; without it there is no session.
                core.respond(now, transaction, Reply::new(200));
                self.closing = true;
                let reply = Reply::new(400).reason("Bad Request - No answer in PRACK");
                return self.send_refusal(core, now, reply, EndedBy::Protocol, Some(request));
            }
            //= RFC 3262 5: "If the UAC receives a reliable provisional response with an answer, it MAY
            //= generate an additional offer in the PRACK."
            (Exchange::Idle, Some(sdp)) => {
                leg.exchange = Exchange::MustAnswer(Vehicle::Success(transaction));
                leg.offered = Some(sdp.clone());
                core.servers.insert(transaction, self.id.index);
                self.tell(core, CallEvent::Offer { dialog: number, sdp, message: request });
            }
            _ => core.respond(now, transaction, Reply::new(200)),
        }
        self.flush_queue(core, now);
    }

    /// A pending UPDATE or PRACK of the peer was not answered in time; nobody waits for it any more.
    pub(super) fn success_timeout(&mut self, core: &mut Core, id: ServerTransactionId) {
        let leg = self.legs.iter_mut().find(|leg| leg.exchange == Exchange::MustAnswer(Vehicle::Success(id)));
        let Some(leg) = leg else { return };
        leg.drop_offer();
        self.update_agreed = None;
        self.tell(core, CallEvent::OfferWithdrawn);
    }

    fn we_offered(&self, exchange: &Exchange) -> bool {
        matches!(exchange, Exchange::Offered | Exchange::OfferedReliably | Exchange::OfferedInSuccess)
    }

    fn refuse_for_now(&mut self, core: &mut Core, now: Instant, transaction: ServerTransactionId) {
        let seconds = core.rng.next_u32() % 11;
        core.respond(now, transaction, Reply::new(500).retry_after(seconds));
    }
}

/// What a pending UPDATE of the peer agreed on about session timers.
pub(super) type UpdateAgreed = Option<Option<Agreed>>;
