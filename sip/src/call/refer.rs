//! REFER inside a dialog, both sides, with the subscription it makes (RFC 3515, RFC 3892, RFC 4488).

use std::time::{Duration, Instant};

use super::session::Call;
use super::shared::{Core, Purpose};
use super::{CallError, CallEvent, Content, Refer, ReferId};
use crate::endpoint::ServerTransactionId;
use crate::message::{Header, Message, Method, Reply, StatusCode};

/// Most REFERs of a call at a time.
const MAX_REFERS: usize = 8;

/// One REFER, and the subscription that follows from it.
pub(super) struct ReferUsage {
    pub(super) id: ReferId,
    leg: u32,
    /// The number of the REFER, which names its subscription when there are several.
    cseq: u32,
    side: Side,
    pub(super) expires_at: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Side {
    /// We sent it; whether it has been accepted.
    Ours { accepted: bool },
    /// The peer sent it, and waits for its answer.
    Asked { transaction: ServerTransactionId, subscribes: bool, first: bool },
    /// We tell the peer of the outcome; the last status told.
    Notifier { first: bool, status: u16 },
}

impl Call {
    /// Sends a REFER.
    pub(super) fn send_refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        refer: &Refer,
    ) -> Result<ReferId, CallError> {
        let Some(number) = self.confirmed else { return Err(CallError::State("no dialog")) };
        if self.refers.len() >= MAX_REFERS {
            return Err(CallError::Pending);
        }
        let id = ReferId(core.next_serial());
        let cseq = self.leg(number).map_or(0, |leg| leg.dialog.local_cseq() + 1);
        self.send_in_dialog(core, now, number, Method::Refer, Purpose::Refer(id), |request| {
            let mut request = request.header(Header::ReferTo, format!("<{}>", refer.to));
            if let Some(by) = &refer.by {
                request = request.header(Header::ReferredBy, format!("<{by}>"));
            }
            if !refer.subscribe {
                request = request.header(Header::ReferSub, "false").header(Header::Supported, "norefersub");
            }
            refer.content.write_request(request)
        });
        let expires_at = now + core.config.refer_expires;
        self.refers.push(ReferUsage {
            id,
            leg: number,
            cseq,
            side: Side::Ours { accepted: false },
            expires_at,
        });
        Ok(id)
    }

    /// The final response to our REFER.
    pub(super) fn refer_response(
        &mut self,
        core: &mut Core,
        id: ReferId,
        status: u16,
        response: Option<Message>,
    ) {
        let Some(at) = self.refers.iter().position(|refer| refer.id == id) else { return };
        if !(200..300).contains(&status) {
            self.refers.remove(at);
            self.tell_refer(core, CallEvent::ReferFailed { refer: id, status, response });
            return;
        }
        // RFC 4488 4: only a 2xx that says so means that there is no subscription.
        let subscribed = !response.as_ref().is_some_and(refer_sub_is_false);
        if subscribed {
            if let Some(refer) = self.refers.get_mut(at) {
                refer.side = Side::Ours { accepted: true };
            }
        } else {
            self.refers.remove(at);
        }
        self.tell_refer(core, CallEvent::ReferAccepted { refer: id, subscribed });
    }

    /// A NOTIFY; true when it belongs to a REFER of ours and has been dealt with.
    pub(super) fn refer_notify(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: ServerTransactionId,
        request: &Message,
    ) -> bool {
        let Ok(Some(event)) = request.event() else { return false };
        if !event.package.eq_ignore_ascii_case("refer") {
            return false;
        }
        let number = event.id.and_then(|id| id.parse::<u32>().ok());
        let ours = |refer: &&mut ReferUsage| matches!(refer.side, Side::Ours { .. });
        let found = match number {
            Some(number) => self.refers.iter_mut().filter(ours).find(|refer| refer.cseq == number),
            None => self.refers.iter_mut().find(ours),
        };
        let Some(refer) = found else {
            core.respond(now, transaction, Reply::new(481));
            return true;
        };
        let id = refer.id;
        let state = request.subscription_state().ok().flatten();
        let status = sipfrag_status(request.body());
        let last = state.is_some_and(|state| state.is_terminated());
        let expires = state.and_then(|state| state.expires).unwrap_or(0);
        refer.expires_at =
            now + core.config.refer_expires.max(Duration::from_secs(u64::from(expires.min(3600))));
        core.respond(now, transaction, Reply::new(200));
        if last {
            self.refers.retain(|refer| refer.id != id);
        }
        let request = request.clone();
        self.tell_refer(core, CallEvent::ReferProgress { refer: id, status, last, request });
        true
    }

    /// The peer's REFER.
    pub(super) fn take_refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        number: u32,
        transaction: ServerTransactionId,
        request: Message,
    ) {
        //= RFC 3515 2.4.2: "An agent responding to a REFER method MUST return a 400 (Bad Request) if the
        //= request contained zero or more than one Refer-To header field values."
        let to = refer_to(&request);
        let (Some(to), Ok(cseq)) = (to, request.cseq().map(|cseq| cseq.number)) else {
            let reply = Reply::new(400).reason("Bad Request - Malformed Refer-To");
            return core.respond(now, transaction, reply);
        };
        if self.refers.len() >= MAX_REFERS {
            return core.respond(now, transaction, Reply::new(503).retry_after(5));
        }
        let by = request
            .addresses(Header::ReferredBy)
            .next()
            .and_then(Result::ok)
            .and_then(|by| by.uri_str().map(ToOwned::to_owned).ok());
        let id = ReferId(core.next_serial());
        let subscribes = !refer_sub_is_false(&request);
        let first = !std::mem::replace(&mut self.was_referred, true);
        self.refers.push(ReferUsage {
            id,
            leg: number,
            cseq,
            side: Side::Asked { transaction, subscribes, first },
            expires_at: now + core.transaction_time(),
        });
        self.tell(core, CallEvent::Referred { refer: id, to, by, subscribes, request });
    }

    /// 202 to the peer's REFER, and the first NOTIFY.
    pub(super) fn answer_refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ReferId,
        content: &Content,
    ) -> Result<(), CallError> {
        let expires = core.config.refer_expires;
        let contact = self.contact.clone();
        let refer = self.refers.iter_mut().find(|refer| refer.id == id).ok_or(CallError::NoRefer)?;
        let Side::Asked { transaction, subscribes, first } = refer.side else {
            return Err(CallError::NoRefer);
        };
        let mut reply = content.write_reply(Reply::new(202).header(Header::Contact, contact));
        if !subscribes {
            reply = reply.header(Header::ReferSub, "false");
        }
        core.respond(now, transaction, reply);
        if !subscribes {
            self.refers.retain(|refer| refer.id != id);
            return Ok(());
        }
        refer.side = Side::Notifier { first, status: 100 };
        refer.expires_at = now + expires;
        self.notify_referrer(core, now, id, 100, None)
    }

    /// Refuses the peer's REFER.
    pub(super) fn decline_refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ReferId,
        reply: Reply,
    ) -> Result<(), CallError> {
        let at = self.refers.iter().position(|refer| refer.id == id).ok_or(CallError::NoRefer)?;
        let Some(Side::Asked { transaction, .. }) = self.refers.get(at).map(|refer| refer.side.clone())
        else {
            return Err(CallError::NoRefer);
        };
        self.refers.remove(at);
        core.respond(now, transaction, reply);
        Ok(())
    }

    /// Tells the peer how the call it asked for goes.
    pub(super) fn notify_referrer(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ReferId,
        status: u16,
        reason: Option<&str>,
    ) -> Result<(), CallError> {
        let code = StatusCode::new(status).ok_or(CallError::Status(status))?;
        let refer = self.refers.iter_mut().find(|refer| refer.id == id).ok_or(CallError::NoRefer)?;
        let Side::Notifier { first, status: last_status } = &mut refer.side else {
            return Err(CallError::NoRefer);
        };
        *last_status = status;
        // RFC 3515 2.4.6: all but the first in a dialog are named by the number of their REFER.
        let event = if *first { "refer".to_owned() } else { format!("refer;id={}", refer.cseq) };
        let left = refer.expires_at.saturating_duration_since(now).as_secs();
        let number = refer.leg;
        let state = match code.is_final() {
            true => "terminated;reason=noresource".to_owned(),
            false => format!("active;expires={left}"),
        };
        let reason = reason.unwrap_or(code.default_reason()).replace(['\r', '\n'], " ");
        let body = format!("SIP/2.0 {status} {reason}\r\n");
        self.send_in_dialog(core, now, number, Method::Notify, Purpose::ReferNotify, |request| {
            request
                .header(Header::Event, event)
                .header(Header::SubscriptionState, state)
                .body("message/sipfrag;version=2.0", body)
        });
        if code.is_final() {
            self.refers.retain(|refer| refer.id != id);
        }
        Ok(())
    }

    /// Subscriptions without news, and REFERs without answer.
    pub(super) fn refer_timeout(&mut self, core: &mut Core, now: Instant) {
        let due: Vec<(ReferId, Side)> = self
            .refers
            .iter()
            .filter(|refer| refer.expires_at <= now)
            .map(|refer| (refer.id, refer.side.clone()))
            .collect();
        for (id, side) in due {
            match side {
                Side::Ours { .. } => {
                    self.refers.retain(|refer| refer.id != id);
                    self.tell_refer(core, CallEvent::ReferFailed { refer: id, status: 408, response: None });
                }
                Side::Asked { .. } => self.refers.retain(|refer| refer.id != id),
                Side::Notifier { status, .. } => {
                    // The peer hears that there will be no more.
                    let status = if status < 200 { 408 } else { status };
                    if self.notify_referrer(core, now, id, status, None).is_err() {
                        self.refers.retain(|refer| refer.id != id);
                    }
                }
            }
        }
    }

    /// The peer does not want our NOTIFYs.
    pub(super) fn refer_notify_refused(&mut self) {
        self.refers.retain(|refer| !matches!(refer.side, Side::Notifier { .. }));
    }

    /// News of a REFER come until the last event of the call; later they are for nobody.
    fn tell_refer(&self, core: &mut Core, event: CallEvent) {
        if !self.ended {
            core.tell(self.id, event);
        }
    }
}

/// The URI of the one Refer-To there has to be.
fn refer_to(request: &Message) -> Option<String> {
    let mut targets = request.addresses(Header::ReferTo);
    match (targets.next(), targets.next()) {
        (Some(Ok(to)), None) => to.uri().map(|uri| uri.as_str().to_owned()).ok(),
        _ => None,
    }
}

fn refer_sub_is_false(message: &Message) -> bool {
    message.header(Header::ReferSub).is_some_and(|value| {
        let value = value.to_str();
        value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
    })
}

/// The status of a `message/sipfrag` body, 0 without one.
fn sipfrag_status(body: &[u8]) -> u16 {
    let line = body.split(|octet| *octet == b'\n').next().unwrap_or_default();
    std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix("SIP/2.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}
