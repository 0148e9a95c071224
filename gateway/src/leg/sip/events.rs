//! What SIP peers do, as events of legs.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sip::call::{CallEvent, CallId, Content, EndedBy, ReferId};
use sip::sdp::{Direction, OfferAnswer, Sdp};
use sip::{Flow, Header, Message, Method, Reply, ServerTransactionId};

use super::describe::{Offerable, octets};
use super::digits::Said;
use super::settings::Midcall;
use super::{
    Admission, CODEC_MISMATCH, Ends, Modem, SipLeg, SipLegs, SipOutput, Stage, bracketed, digits, fax,
    identity, modem, policy, tunnel,
};
use crate::leg::{
    Answer, Cause, LegEvent, LegId, LegIds, Party, Progress, RedirectReason, Setup, TransferTarget,
};
use crate::media::MediaEnd;

/// Longest Replaces that is passed on.
const MAX_REPLACES: usize = 512;

impl SipLegs {
    pub(super) fn call_event(
        &mut self,
        now: Instant,
        call: CallId,
        event: CallEvent,
        ids: &mut LegIds,
        admit: &mut impl FnMut(&Flow, &Message) -> Admission,
    ) {
        let (request, flow, offer, replaces) = match event {
            CallEvent::Incoming { request, flow, offer, replaces } => (request, flow, offer, replaces),
            event => return self.event_of_leg(now, call, event),
        };
        match admit(&flow, &request) {
            Admission::Granted => {}
            Admission::Refused => {
                self.refused += 1;
                self.events.push_back(SipOutput::Refused { from: flow.remote.ip() });
                // The caller has no rights: whether he still listens is of no interest.
                let _ = self.ua.reject(now, call, 403, Content::new().q850(Cause::REJECTED.0));
                return;
            }
            Admission::Challenged(challenges) => {
                let asks = |content: Content, value: &String| content.header(Header::WwwAuthenticate, value);
                let content = challenges.iter().fold(Content::new(), asks);
                // A caller who has gone proves nothing.
                let _ = self.ua.reject(now, call, 401, content);
                return;
            }
        }
        match replaces.and_then(|old| self.by_call.get(&old).copied()) {
            Some(leg) => self.replaced(now, leg, call, &request, offer),
            None => self.incoming(now, call, &request, &flow, offer, ids),
        }
    }

    fn event_of_leg(&mut self, now: Instant, call: CallId, event: CallEvent) {
        let Some(id) = self.by_call.get(&call).copied() else { return };
        match event {
            CallEvent::Progress { status, response, .. } => {
                self.learn_digits(id, &response);
                self.progressed(id, status, &response);
            }
            CallEvent::Answer { sdp, early, .. } => self.answer_came(now, id, &sdp, early),
            CallEvent::Answered { response, .. } => {
                self.learn_digits(id, &response);
                self.answered(now, id, &response);
                self.subscribe_keys(now, id);
            }
            CallEvent::Offer { sdp, message, .. } => self.offer_came(now, id, &sdp, &message),
            CallEvent::OfferRequested { .. } => self.offer_requested(now, id),
            CallEvent::OfferWithdrawn => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.exchange.cancel();
                }
                self.fax_withdrawn(id);
                self.reconcile(now, id);
            }
            CallEvent::OfferRefused { status, response } => {
                self.change_refused(now, id, status, response.is_some());
            }
            CallEvent::Updated { message } => {
                self.party_changed(id, &message);
                self.changed(now, id, &message);
            }
            CallEvent::Acknowledged { .. } => {
                self.subscribe_keys(now, id);
                self.reconcile(now, id);
                self.carry_waiting(now, id);
            }
            CallEvent::Referred { refer, to, .. } => self.referred(now, id, refer, &to),
            CallEvent::Request { transaction, request } => {
                self.request_in_call(now, id, transaction, &request)
            }
            CallEvent::Redirected { contacts, following: false, .. } => self.redirected(now, id, &contacts),
            CallEvent::Response { id, status, response } => {
                self.request_answered(now, id, status, response.as_ref());
            }
            CallEvent::Failed { status, response, .. } => {
                let cause = self.cause_of(id, status, response.as_ref());
                let told = response.as_ref().and_then(|response| self.cleared_with(id, response));
                let caller = self.legs.get(&id).and_then(|leg| leg.caller);
                if let Some(caller) = caller.and_then(|caller| self.legs.get_mut(&caller)) {
                    caller.failed = Some((status, cause));
                }
                self.refusals.insert(id, status);
                self.finish(id, told.unwrap_or(cause));
            }
            CallEvent::Ended { by, message } => {
                let told = message.as_ref().and_then(|message| self.cleared_with(id, message));
                let reason = message.as_ref().and_then(identity::q850).map(Cause);
                let cause = match by {
                    EndedBy::Timeout | EndedBy::SessionExpired => Cause(102),
                    EndedBy::Protocol => Cause(111),
                    EndedBy::Local | EndedBy::Remote | EndedBy::Cancelled | EndedBy::Replaced(_) => {
                        Cause::NORMAL
                    }
                };
                self.finish(id, told.or(reason).unwrap_or(cause));
            }
            _ => {}
        }
    }

    fn incoming(
        &mut self,
        now: Instant,
        call: CallId,
        request: &Message,
        flow: &Flow,
        offer: Option<Bytes>,
        ids: &mut LegIds,
    ) {
        let refuse = |legs: &mut Self, cause: Cause| {
            let status = legs.causes.sip_status(cause.0);
            // A caller who has gone needs no answer.
            let _ = legs.ua.reject(now, call, status, Content::new().q850(cause.0));
        };
        let described = match offer.as_ref().map(|sdp| Sdp::parse(sdp)) {
            Some(Err(error)) => {
                tracing::debug!(%error, "offer");
                // No cause says that a description cannot be read: the status is that of one with which nothing can be done.
                let _ = self.ua.reject(now, call, 488, Content::new().q850(CODEC_MISMATCH.0));
                return;
            }
            Some(Ok(sdp)) => Some(sdp),
            None => None,
        };
        let Some(port) = self.ports.take() else { return refuse(self, Cause::UNAVAILABLE) };
        let mut exchange = OfferAnswer::new(self.session_id());
        if let Some(sdp) = described {
            // The exchange is new: nothing is open.
            let _ = exchange.handle_offer(sdp);
        }
        let settings = Arc::clone(self.settings.peer(0));
        let stream = self.open_stream(port, settings.dscp);
        let user = request.uri().ok().and_then(|uri| {
            if uri.is_tel() {
                uri.as_str().split_once(':').map(|(_, rest)| rest.to_owned())
            } else {
                uri.user().map(Into::into)
            }
        });
        let called = Party::new(identity::number_of(user.as_deref().unwrap_or_default()));
        let calling = identity::sender(request).unwrap_or_default();
        let id = ids.take();
        self.by_call.insert(call, id);
        let own = Some(flow.local.ip()).filter(|address| !address.is_unspecified());
        let local = own.or_else(|| (self.local_address)(flow.remote.ip())).unwrap_or(flow.local.ip());
        let ends = Ends { local, host: bracketed(local), stream, port };
        let mut leg = SipLeg::new(call, false, ends, exchange, Offerable::audible(settings));
        leg.described.clone_from(&offer);
        leg.offered = offer.is_some();
        leg.remote = calling.clone();
        leg.called.clone_from(&called.number);
        self.legs.insert(id, Box::new(leg));
        self.learn_digits(id, request);
        let text = |header: Header| request.header(header).map(|value| value.to_str().into_owned());
        let setup = Setup {
            called,
            calling,
            redirecting: identity::redirection(request),
            complete: true,
            guid: identity::guid(request),
            sdp: offer,
            user_user: text(Header::UserToUser).and_then(|value| user_to_user(&value)),
            alert_info: text(Header::AlertInfo).filter(|value| value.len() <= 256),
            headers: policy::unknown_headers(request),
            raw: tunnel::read(request).map(Box::new),
            uris: self.settings.keeps_uris.then(|| Box::new(super::profiles::uris(request))),
            ..Setup::default()
        };
        self.tell(id, LegEvent::Incoming(Box::new(setup)));
        self.tell(id, LegEvent::Media(Some(MediaEnd::Rtp(stream))));
    }

    /// A new INVITE takes the place of a leg's call (RFC 3891): the leg goes on with another party.
    fn replaced(&mut self, now: Instant, id: LegId, call: CallId, request: &Message, offer: Option<Bytes>) {
        let (symmetric, inactivity) = (self.settings.symmetric, self.settings.inactivity);
        let mut exchange = OfferAnswer::new(self.session_id());
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let local = leg.can.offer(leg.local, leg.port, Direction::SendRecv);
        let parsed = offer.as_ref().map(|sdp| Sdp::parse(sdp));
        let made = match (parsed, local) {
            (Some(Ok(sdp)), _) => {
                let local = leg.can.answer(&sdp, leg.local, leg.port, Direction::SendRecv);
                // The exchange is new: nothing is open.
                let _ = exchange.handle_offer(sdp);
                exchange.make_answer(&local).ok()
            }
            (None, Some(local)) => exchange.make_offer(&local).ok().map(|sdp| (sdp, Vec::new())),
            _ => None,
        };
        let Some((sdp, agreed)) = made else {
            // The old call goes on.
            let _ = self.ua.reject(now, call, 488, Content::new());
            return;
        };
        let content = Content::sdp(octets(&sdp));
        let old = std::mem::replace(&mut leg.call, call);
        leg.exchange = exchange;
        leg.stage = Stage::Answered;
        leg.described = offer;
        leg.held = false;
        let party = identity::sender(request).unwrap_or_default();
        leg.remote = party.clone();
        if let Some(rtp) = leg.can.settle(&agreed, symmetric, inactivity) {
            leg.rtp = Some(rtp);
            leg.modem = Modem::Voice;
            self.set_stream(id);
        }
        self.by_call.remove(&old);
        self.by_call.insert(call, id);
        if let Err(error) = self.ua.answer(now, call, content) {
            tracing::debug!(%error, "Replaces");
        }
        self.tell(id, LegEvent::Updated(Box::new(party)));
    }

    fn progressed(&mut self, id: LegId, status: u16, response: &Message) {
        let raw = self.carried(id, response);
        let Some(leg) = self.legs.get(&id) else { return };
        let ignores = leg.can.settings.no_early_media_180 && status == 180;
        let inband = leg.rtp.is_some() && !ignores;
        let progress = Progress {
            inband,
            party: identity::sender(response),
            sdp: leg.described.clone().filter(|_| inband),
            raw,
        };
        let event = match status {
            180 => LegEvent::Alerting(progress),
            183 => LegEvent::Progress(progress),
            _ => LegEvent::Proceeding(progress),
        };
        self.tell(id, event);
    }

    /// The peer answered our offer. An early answer may come again.
    fn answer_came(&mut self, now: Instant, id: LegId, sdp: &Bytes, early: bool) {
        if self.fax_answered(now, id, sdp) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Ok(parsed) = Sdp::parse(sdp) else { return };
        // An early answer leaves the exchange open: it is tried on a copy.
        let mut copy = leg.exchange.clone();
        let exchange = if early { &mut copy } else { &mut leg.exchange };
        match exchange.handle_answer(&parsed) {
            Ok(agreed) => {
                leg.described = Some(sdp.clone());
                let answered = leg.stage == Stage::Answered;
                self.modem_agreed(id);
                if self.settle(id, &agreed) && answered {
                    // The peer had asked for our offer, to hold or to take back.
                    self.hold_changed(id);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "answer");
                self.modem_refused(id);
            }
        }
    }

    /// Gives the media plane what was agreed on.
    fn settle(&mut self, id: LegId, agreed: &[sip::sdp::Agreed]) -> bool {
        let (symmetric, inactivity) = (self.settings.symmetric, self.settings.inactivity);
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let Some(rtp) = leg.can.settle(agreed, symmetric, inactivity) else { return false };
        leg.rtp = Some(rtp);
        self.set_stream(id);
        self.choose_digits(id);
        true
    }

    fn answered(&mut self, now: Instant, id: LegId, response: &Message) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.stage = Stage::Answered;
        if leg.rtp.is_none() {
            // Answered, and nothing to speak with: the codecs did not fit.
            return self.release(now, id, CODEC_MISMATCH);
        }
        let sdp = leg.described.clone();
        let raw = self.carried(id, response);
        self.tell(id, LegEvent::Answered(Answer { party: identity::sender(response), sdp, raw }));
        self.carry_waiting(now, id);
    }

    /// A new offer within the call: hold, another address, another codec.
    fn offer_came(&mut self, now: Instant, id: LegId, sdp: &Bytes, message: &Message) {
        if let Ok(offer) = Sdp::parse(sdp)
            && let Some(t38) = fax::wanted(&offer)
        {
            return self.fax_wanted(now, id, offer, t38);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let call = leg.call;
        if leg.can.settings.midcall == Midcall::KeepsCodec && !leg.has_codec(sdp) {
            // The call goes on with what it had.
            let _ = self.ua.refuse_offer(now, call, 488, Content::new());
            return self.reconcile(now, id);
        }
        let direction = if leg.holding { Direction::SendOnly } else { Direction::SendRecv };
        let mut all = false;
        let made = Sdp::parse(sdp).ok().and_then(|offer| {
            let mut local = leg.can.answer(&offer, leg.local, leg.port, direction);
            all = modem::wants_all(&offer);
            if all {
                modem::send_all(&mut local);
            }
            leg.exchange.handle_offer(offer).ok()?;
            leg.exchange.make_answer(&local).ok()
        });
        if made.is_some() {
            self.modem_offered(id, all);
        }
        let settled = match &made {
            Some((_, agreed)) => self.settle(id, agreed),
            None => false,
        };
        let done = match made.filter(|_| settled) {
            Some((answer, _)) => self.ua.answer_offer(now, call, Content::sdp(octets(&answer))),
            None => self.ua.refuse_offer(now, call, 488, Content::new()),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "offer");
        }
        if settled {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.described = Some(sdp.clone());
                leg.holding_told = leg.holding;
            }
            self.fax_is_over(id);
            self.hold_changed(id);
            self.party_changed(id, message);
        }
        self.reconcile(now, id);
    }

    fn offer_requested(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let call = leg.call;
        let direction = if leg.holding { Direction::SendOnly } else { Direction::SendRecv };
        let local = leg.can.offer(leg.local, leg.port, direction);
        let done = match local.and_then(|local| leg.exchange.make_offer(&local).ok()) {
            Some(sdp) => self.ua.answer_offer(now, call, Content::sdp(octets(&sdp))),
            None => self.ua.refuse_offer(now, call, 488, Content::new()),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "offer requested");
        }
    }

    /// Tells the switch when the user at this end holds or takes back.
    fn hold_changed(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(rtp) = &leg.rtp else { return };
        // We may not send: the peer does not want to hear us.
        let held = !rtp.sends || rtp.remote.is_none();
        let tells = leg.can.settings.midcall != Midcall::Blocked;
        if std::mem::replace(&mut leg.held, held) != held && !leg.holding && tells {
            self.tell(id, LegEvent::Held(held));
        }
    }

    /// Headers say who the peer is now.
    fn party_changed(&mut self, id: LegId, message: &Message) {
        let has =
            [Header::PAssertedIdentity, Header::RemotePartyId].iter().any(|h| message.header(*h).is_some());
        let Some(party) = identity::sender(message).filter(|_| has) else { return };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let tells = leg.can.settings.midcall != Midcall::Blocked;
        if leg.remote != party && tells {
            leg.remote = party.clone();
            self.tell(id, LegEvent::Updated(Box::new(party)));
        }
    }

    /// The peer wants us to call another: blind, or a party it speaks with through us.
    fn referred(&mut self, now: Instant, id: LegId, refer: ReferId, to: &str) {
        let Some(leg) = self.legs.get(&id) else { return };
        let call = leg.call;
        let uri = sip::Uri::parse(to).ok();
        let number = uri.as_ref().and_then(|uri| uri.user()).map(|user| identity::number_of(&user));
        let replaces = uri.as_ref().and_then(|uri| {
            let mut headers = uri.headers();
            headers
                .find(|(name, _)| name.eq_ignore_ascii_case("Replaces"))
                .map(|(_, value)| value.into_owned())
        });
        let other = replaces.as_ref().and_then(|value| {
            let mut words = value.split(';').map(str::trim);
            let call_id = words.next()?;
            let tag = |name: &str| value.split(';').find_map(|word| word.trim().strip_prefix(name));
            // As the one who is to be called sees it, and that is us.
            let dialog = self.ua.find_dialog(call_id, tag("to-tag=")?, tag("from-tag=")?)?;
            self.by_call.get(&dialog).copied()
        });
        let target = match (replaces, other, number.filter(|n| !n.is_empty())) {
            (Some(_), Some(other), _) => TransferTarget::Leg(other),
            (None, _, Some(number)) => TransferTarget::Number(Party::new(number)),
            (Some(replaces), None, Some(number))
                if replaces.len() <= MAX_REPLACES && !replaces.contains(['\r', '\n']) =>
            {
                TransferTarget::Elsewhere { to: Party::new(number), replaces }
            }
            _ => {
                let _ = self.ua.refuse_refer(now, call, refer, 404);
                return;
            }
        };
        if let Err(error) = self.ua.accept_refer(now, call, refer) {
            tracing::debug!(%error, "REFER");
            return;
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.refer = Some(refer);
        }
        self.tell(id, LegEvent::Transfer(target));
    }

    fn redirected(&mut self, now: Instant, id: LegId, contacts: &[String]) {
        let redirection = self.legs.get(&id).is_some_and(|leg| leg.can.settings.redirection);
        let number = contacts.iter().find_map(|contact| {
            let uri = sip::Uri::parse(contact).ok()?;
            Some(identity::number_of(&uri.user()?)).filter(|number| !number.is_empty())
        });
        if let Some(number) = number.filter(|_| redirection) {
            let to = Box::new(Party::new(number));
            self.tell(id, LegEvent::Redirect { to, reason: RedirectReason::Unconditional });
        }
        self.release(now, id, Cause::CHANGED);
    }

    /// INFO and NOTIFY with digits, SUBSCRIBE for them, INFO with a trunk's message; everything else is politely declined.
    fn request_in_call(
        &mut self,
        now: Instant,
        id: LegId,
        transaction: ServerTransactionId,
        request: &Message,
    ) {
        if self.keys_wanted(now, id, transaction, request) {
            return;
        }
        let info = request.method_ref() == Some(&Method::Info);
        let said = if info && self.carries(id) && tunnel::is_carrier(request) {
            self.carried(id, request);
            Said::Understood
        } else {
            digits::read(request)
        };
        let status = if let Said::Refuse(status) = said { status } else { 200 };
        let mut reply = Reply::new(status);
        if status == 415 {
            //= RFC 3261 21.4.13: "The server MUST return a list of acceptable formats using the Accept, Accept-Encoding, or
            //= Accept-Language header field, depending on the specific problem with the content."
            reply = reply.header(Header::Accept, digits::INFO_TYPES);
        }
        // A transaction that is gone has nobody left to answer.
        let _ = self.ua.respond(now, transaction, reply);
        if let Said::Digits(digits) = said {
            for digit in digits.chars() {
                self.tell(id, LegEvent::Dtmf(digit));
            }
        }
    }

    /// The cause of a refusal: its Reason header where that counts, else by the table.
    fn cause_of(&self, id: LegId, status: u16, response: Option<&Message>) -> Cause {
        let counts = self.legs.get(&id).is_some_and(|leg| leg.can.settings.reason_override);
        let reason = response.and_then(identity::q850).filter(|_| counts);
        Cause(reason.unwrap_or_else(|| self.causes.pstn_cause(status)))
    }
}

/// The octets of `User-to-User: 04…;encoding=hex`.
fn user_to_user(value: &str) -> Option<Bytes> {
    let hex = value.split(';').next()?.trim();
    if hex.is_empty() || hex.len() > 262 || !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    let octets: Option<Vec<u8>> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    octets.map(Bytes::from)
}
