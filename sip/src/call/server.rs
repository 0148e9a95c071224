//! The called side of an INVITE, the first and any later one (RFC 3261 13.3 and 14.2, RFC 3262 3).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::content::sdp_of;
use super::leg::{Exchange, Leg, Vehicle};
use super::session::Call;
use super::shared::{Core, dialog_headers};
use super::{CallError, CallEvent, CallId, Content, EndedBy, Rel1xx, UserAgent};
use crate::dialog::Dialog;
use crate::endpoint::{ReliableError, ServerTransactionId};
use crate::flow::Flow;
use crate::message::{Header, Message, Reply};
use crate::session_timer::{Agreed, Refresher};

/// Most responses that wait for a PRACK.
const MAX_QUEUED: usize = 8;

impl UserAgent {
    /// Another address of ours in the Contact of a call that has come in, in place of `old`, by which it came. A call that is over is
    /// left alone, and so is a Contact with a name.
    pub fn set_address(&mut self, id: CallId, old: IpAddr, new: IpAddr) {
        let Some(call) = self.calls.get_mut(id.index).filter(|call| call.id == id) else { return };
        // As it stands before a port.
        let host = |address: IpAddr| match address {
            IpAddr::V4(v4) => format!("{v4}:"),
            IpAddr::V6(v6) => format!("[{v6}]:"),
        };
        let (old, new) = (host(old), host(new));
        for before in ["@", "<sip:"] {
            let known = format!("{before}{old}");
            if call.contact.contains(&known) {
                call.contact = call.contact.replacen(&known, &format!("{before}{new}"), 1);
                return;
            }
        }
    }
}

/// An INVITE of the peer without final response.
pub(super) struct Inbound {
    pub(super) transaction: ServerTransactionId,
    pub(super) request: Message,
    /// Whether it is the call's first.
    pub(super) first: bool,
    agreed: Option<Agreed>,
    expires_at: Option<Instant>,
    repeat: Option<(Instant, u16, Content)>,
    /// A reliable response waits for its PRACK; whether it has SDP.
    unacknowledged: Option<bool>,
    queue: VecDeque<(u16, Content)>,
    /// The 2xx that waits for a PRACK.
    success: Option<Content>,
    replaces: Option<CallId>,
}

/// A 2xx of ours without ACK.
pub(super) struct AwaitingAck {
    pub(super) transaction: ServerTransactionId,
    pub(super) first: bool,
}

impl Inbound {
    pub(super) fn new(transaction: ServerTransactionId, request: Message, agreed: Option<Agreed>) -> Inbound {
        Inbound {
            transaction,
            request,
            first: false,
            agreed,
            expires_at: None,
            repeat: None,
            unacknowledged: None,
            queue: VecDeque::new(),
            success: None,
            replaces: None,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let repeat = self.repeat.as_ref().map(|(at, ..)| *at);
        [self.expires_at, repeat].into_iter().flatten().min()
    }
}

impl Call {
    /// Takes the first INVITE of a call that comes in.
    ///
    /// # Errors
    /// The refusal that is owed.
    pub(super) fn take_invite(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: ServerTransactionId,
        flow: &Flow,
        request: Message,
        replaces: Option<CallId>,
    ) -> Result<(), Box<Reply>> {
        check_rel1xx(core, &request)?;
        let agreed = self.timer_config.for_answer(&request)?;
        let tag = core.endpoint.to_tag(transaction).unwrap_or_default();
        let dialog = Dialog::from_request(&request, &tag).map_err(|error| Box::new(error.reply()))?;
        let offer = sdp_of(&request);
        let exchange =
            if offer.is_some() { Exchange::MustAnswer(Vehicle::Invite) } else { Exchange::MustOffer };
        let mut leg = Leg::new(0, dialog, flow.clone(), exchange);
        leg.learn(&request);
        leg.remote_sdp.clone_from(&offer);
        self.add_leg(core, leg, flow);
        let mut inbound = Inbound::new(transaction, request.clone(), agreed);
        inbound.first = true;
        inbound.replaces = replaces;
        //= RFC 3261 13.3.1: "If the request is an INVITE that contains an Expires header field, the UAS core
        //= sets a timer for the number of seconds indicated in the header field value."
        inbound.expires_at = match request.expires() {
            Ok(Some(seconds)) => Some(now + Duration::from_secs(u64::from(seconds.max(1)))),
            _ => None,
        };
        self.inbound = Some(Box::new(inbound));
        core.servers.insert(transaction, self.id.index);
        self.tell(core, CallEvent::Incoming { request, flow: flow.clone(), offer, replaces });
        Ok(())
    }

    /// 101 to 199.
    pub(super) fn send_progress(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
        content: Content,
        reliable: bool,
    ) -> Result<(), CallError> {
        let Some(inbound) = &mut self.inbound else { return Err(CallError::State("no INVITE to answer")) };
        if inbound.success.is_some() {
            return Err(CallError::State("the INVITE has been answered"));
        }
        let supports = supports_100rel(&inbound.request);
        let must = requires_100rel(&inbound.request) || core.config.rel1xx == Rel1xx::Require;
        let reliable = (reliable || must) && supports && core.config.rel1xx != Rel1xx::Disabled;
        if reliable && inbound.unacknowledged.is_some() {
            if inbound.queue.len() >= MAX_QUEUED {
                return Err(CallError::Pending);
            }
            inbound.queue.push_back((status, content));
            return Ok(());
        }
        self.send_provisional(core, now, status, content, reliable)
    }

    fn send_provisional(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
        mut content: Content,
        reliable: bool,
    ) -> Result<(), CallError> {
        let contact = self.contact.clone();
        let Some(leg) = self.main_leg() else { return Err(CallError::State("no dialog")) };
        let sdp = content.sdp.clone();
        match (&leg.exchange, &sdp, reliable) {
            (_, None, _) => {}
            (Exchange::MustAnswer(Vehicle::Invite), Some(_), false) => {}
            (Exchange::MustAnswer(Vehicle::Invite) | Exchange::MustOffer, Some(_), true) => {}
            //= RFC 3261 13.2.1: "The initial offer MUST be in either an INVITE or, if not there, in the first
            //= reliable non-failure message from the UAS back to the UAC."
            (Exchange::MustOffer, Some(_), false) => return Err(CallError::OfferNotReliable),
            // Said already.
            _ => content = content.without_sdp(),
        }
        let Some(inbound) = &mut self.inbound else { return Err(CallError::State("no INVITE to answer")) };
        let transaction = inbound.transaction;
        let reply = content.write_reply(dialog_headers(core, Reply::new(status), &contact));
        let sent_reliably = match reliable {
            true => match core.endpoint.respond_reliably(now, transaction, reply.clone()) {
                Ok(_) => true,
                Err(ReliableError::NotSupported) => {
                    core.respond(now, transaction, reply);
                    false
                }
                Err(ReliableError::Status(status)) => return Err(CallError::Status(status)),
                Err(ReliableError::Pending) => return Err(CallError::Pending),
                Err(ReliableError::Gone) => return Err(CallError::Gone),
            },
            false => {
                core.endpoint.respond(now, transaction, reply).map_err(|_| CallError::Gone)?;
                false
            }
        };
        let has_sdp = content.sdp.is_some();
        if sent_reliably {
            inbound.unacknowledged = Some(has_sdp);
            inbound.repeat = None;
        } else {
            //= RFC 3261 13.3.1.1: "the UAS MUST send a non-100 provisional response at every minute, to
            //= handle the possibility of lost provisional responses."
            inbound.repeat = Some((now + core.config.repeat_progress, status, content));
        }
        if has_sdp && let Some(leg) = self.main_leg() {
            match (&leg.exchange, sent_reliably) {
                (Exchange::MustAnswer(Vehicle::Invite), true) => leg.settle_offer(sdp),
                (Exchange::MustOffer, true) => {
                    leg.exchange = Exchange::OfferedReliably;
                    leg.local_sdp = sdp;
                }
                _ => leg.local_sdp = sdp,
            }
        }
        Ok(())
    }

    /// 200 to the INVITE that is open.
    pub(super) fn send_answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        content: Content,
    ) -> Result<(), CallError> {
        let first = self.confirmed.is_none();
        let Some(leg) = self.main_leg() else { return Err(CallError::State("no dialog")) };
        let preview = leg.local_sdp.is_some() && first;
        let needs = matches!(leg.exchange, Exchange::MustAnswer(Vehicle::Invite) | Exchange::MustOffer);
        if needs && content.sdp.is_none() && !preview {
            return Err(CallError::SdpNeeded);
        }
        let Some(inbound) = &mut self.inbound else { return Err(CallError::State("no INVITE to answer")) };
        if inbound.success.is_some() {
            return Err(CallError::State("the INVITE has been answered"));
        }
        //= RFC 3262 3: "In that case, it MUST NOT send a final response until those provisional responses
        //= are acknowledged." (a 2xx, while a reliable response with SDP waits)
        if inbound.unacknowledged.is_some() || !inbound.queue.is_empty() {
            inbound.repeat = None;
            inbound.success = Some(content);
            return Ok(());
        }
        self.send_success(core, now, content);
        Ok(())
    }

    fn send_success(&mut self, core: &mut Core, now: Instant, mut content: Content) {
        let Some(inbound) = self.inbound.take() else { return };
        let contact = self.contact.clone();
        let timer_config = self.timer_config;
        if let Some(leg) = self.main_leg() {
            match leg.exchange {
                Exchange::MustAnswer(Vehicle::Invite) => {
                    content.sdp = content.sdp.or(leg.local_sdp.clone());
                    leg.settle_offer(content.sdp.clone());
                }
                Exchange::MustOffer => {
                    content.sdp = content.sdp.or(leg.local_sdp.clone());
                    leg.local_sdp.clone_from(&content.sdp);
                    leg.exchange = Exchange::OfferedInSuccess;
                }
                _ => content.sdp = None,
            }
            // The 2xx of ours confirms without a message of the peer.
            let _ = leg.dialog.confirm(None);
            self.confirmed = Some(leg.number);
        }
        let reply = dialog_headers(core, Reply::new(200), &contact);
        let reply = timer_config.answer_headers(reply, inbound.agreed);
        let sent = core.endpoint.respond(now, inbound.transaction, content.write_reply(reply));
        if sent.is_err() {
            core.servers.remove(&inbound.transaction);
            return self.finish(core, now, EndedBy::Timeout, None);
        }
        self.start_timer(now, inbound.agreed, Refresher::Uas);
        self.awaiting_ack = Some(AwaitingAck { transaction: inbound.transaction, first: inbound.first });
        if let Some(old) = inbound.replaces {
            core.replaced.push((old, self.id));
        }
    }

    /// A final response other than 2xx to the first INVITE.
    pub(super) fn send_refusal(
        &mut self,
        core: &mut Core,
        now: Instant,
        reply: Reply,
        by: EndedBy,
        message: Option<Message>,
    ) {
        if let Some(inbound) = self.inbound.take() {
            core.servers.remove(&inbound.transaction);
            core.respond(now, inbound.transaction, reply);
        }
        self.finish(core, now, by, message);
    }

    /// A PRACK for a reliable response of ours was accepted: what waited for it goes out.
    pub(super) fn flush_queue(&mut self, core: &mut Core, now: Instant) {
        if let Some(inbound) = &mut self.inbound {
            inbound.unacknowledged = None;
        }
        while let Some(inbound) = &mut self.inbound {
            if inbound.unacknowledged.is_some() {
                return;
            }
            let Some((status, content)) = inbound.queue.pop_front() else { break };
            // What cannot be sent any more was overtaken by the exchange that went on meanwhile.
            let _ = self.send_provisional(core, now, status, content, true);
        }
        let open = self.main_leg().is_some_and(|leg| {
            matches!(leg.exchange, Exchange::OfferedReliably | Exchange::MustAnswer(Vehicle::Success(_)))
        });
        if !open && let Some(content) = self.inbound.as_mut().and_then(|inbound| inbound.success.take()) {
            self.send_success(core, now, content);
        }
    }

    /// Nobody acknowledges our reliable response.
    pub(super) fn prack_timeout(&mut self, core: &mut Core, now: Instant) {
        let first = self.inbound.as_ref().is_some_and(|inbound| inbound.first);
        //= RFC 3262 3: "If a reliable provisional response is retransmitted for 64*T1 seconds without
        //= reception of a corresponding PRACK, the UAS SHOULD reject the original request with a 5xx
        //= response."
        if first {
            self.closing = true;
            return self.send_refusal(core, now, Reply::new(504), EndedBy::Timeout, None);
        }
        self.withdraw_inbound(core, now, Reply::new(504));
    }

    /// The re-INVITE that is open is refused; what was agreed on before still holds.
    pub(super) fn withdraw_inbound(&mut self, core: &mut Core, now: Instant, reply: Reply) {
        let Some(inbound) = self.inbound.take() else { return };
        core.servers.remove(&inbound.transaction);
        core.respond(now, inbound.transaction, reply);
        if let Some(leg) = self.main_leg() {
            leg.drop_offer();
        }
        self.tell(core, CallEvent::OfferWithdrawn);
    }

    /// The peer cancels its INVITE.
    pub(super) fn cancelled(&mut self, core: &mut Core, now: Instant, cancel: Message) {
        let Some(inbound) = &self.inbound else { return };
        //= RFC 3261 9.2: "If the original request was an INVITE, the UAS SHOULD immediately respond to the
        //= INVITE with a 487 (Request Terminated)."
        if inbound.first {
            self.closing = true;
            return self.send_refusal(core, now, Reply::new(487), EndedBy::Cancelled, Some(cancel));
        }
        self.withdraw_inbound(core, now, Reply::new(487));
    }

    /// The ACK to our 2xx.
    pub(super) fn acknowledged(&mut self, core: &mut Core, now: Instant, ack: Message) {
        let Some(waiting) = self.awaiting_ack.take() else { return };
        core.servers.remove(&waiting.transaction);
        if let Some(content) = self.bye_wanted.take() {
            if let Some(number) = self.confirmed {
                self.send_bye(core, now, number, &content);
            }
            return;
        }
        let sdp = sdp_of(&ack);
        let Some(leg) = self.main_leg() else { return };
        let number = leg.number;
        let mut missing = false;
        if leg.exchange == Exchange::OfferedInSuccess {
            leg.exchange = Exchange::Idle;
            match sdp {
                Some(sdp) => {
                    let news = leg.remote_sdp.as_ref() != Some(&sdp);
                    leg.remote_sdp = Some(sdp.clone());
                    if news {
                        self.tell(core, CallEvent::Answer { dialog: number, sdp, early: false });
                    }
                }
                None => missing = true,
            }
        }
        if waiting.first {
            self.tell(core, CallEvent::Acknowledged { request: ack });
        }
        if missing {
            return self.abort(core, now, EndedBy::Protocol, "SIP;cause=488;text=\"No session description\"");
        }
        self.resume_modify(core, now);
    }

    /// No ACK came.
    pub(super) fn ack_timeout(&mut self, core: &mut Core, now: Instant) {
        self.awaiting_ack = None;
        //= RFC 3261 13.3.1.4: "If the server retransmits the 2xx response for 64*T1 seconds without
        //= receiving an ACK, the dialog is confirmed, but the session SHOULD be terminated. This is
        //= accomplished with a BYE"
        match (self.bye_wanted.take(), self.confirmed) {
            (Some(content), Some(number)) => self.send_bye(core, now, number, &content),
            _ => self.abort(core, now, EndedBy::Timeout, "SIP;cause=408;text=\"No ACK\""),
        }
    }

    /// Timers of an INVITE without final response.
    pub(super) fn inbound_timeout(&mut self, core: &mut Core, now: Instant) {
        let Some(inbound) = &mut self.inbound else { return };
        if inbound.expires_at.is_some_and(|at| at <= now) {
            //= RFC 3261 13.3.1: "If the invitation expires before the UAS has generated a final response, a
            //= 487 (Request Terminated) response SHOULD be generated."
            self.closing = true;
            return self.send_refusal(core, now, Reply::new(487), EndedBy::Cancelled, None);
        }
        let Some((_, status, content)) = inbound.repeat.take_if(|(at, ..)| *at <= now) else { return };
        // The answer to a faulty repetition is that of the first.
        let _ = self.send_provisional(core, now, status, content, false);
    }
}

pub(super) fn supports_100rel(request: &Message) -> bool {
    request.list_contains(Header::Supported, "100rel") || requires_100rel(request)
}

fn requires_100rel(request: &Message) -> bool {
    request.list_contains(Header::Require, "100rel")
}

fn check_rel1xx(core: &Core, request: &Message) -> Result<(), Box<Reply>> {
    match core.config.rel1xx {
        Rel1xx::Require if !supports_100rel(request) => {
            //= RFC 3261 21.4.16: "The UAS needs a particular extension to process the request, but this
            //= extension is not listed in a Supported header field in the request."
            Err(Box::new(Reply::new(421).header(Header::Require, "100rel")))
        }
        Rel1xx::Disabled if requires_100rel(request) => {
            Err(Box::new(Reply::new(420).header(Header::Unsupported, "100rel")))
        }
        _ => Ok(()),
    }
}
