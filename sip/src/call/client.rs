//! The caller's side of the first INVITE: forks, reliable provisional responses, late answers,
//! redirections, challenges, failover (RFC 3261 13.2, RFC 3262 4).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::content::sdp_of;
use super::leg::{Exchange, Leg, Vehicle, flow_towards};
use super::session::Call;
use super::shared::{Core, Purpose};
use super::{CallError, CallEvent, Content, EndedBy, Invite, Rel1xx};
use crate::dialog::{Dialog, DialogState};
use crate::endpoint::{ClientTransactionId, Received};
use crate::flow::Flow;
use crate::message::{Contacts, Header, Message, Method, RequestBuilder, Uri};
use crate::session_timer::{Refresher, SessionTimerConfig};

/// Most contacts taken from redirections.
const MAX_TARGETS: usize = 32;
/// Times the session interval may be found too short.
const MAX_INTERVALS: u8 = 4;

/// The INVITE that is on its way.
pub(super) struct Outbound {
    invite: Invite,
    uri: String,
    call_id: String,
    tag: String,
    contact: String,
    cseq: u32,
    transaction: Option<ClientTransactionId>,
    pub(super) flow: Flow,
    destinations: VecDeque<Flow>,
    provisional: bool,
    intervals: u8,
    timer_config: SessionTimerConfig,
    /// Contacts not yet tried, with q, the best first.
    targets: Vec<(u16, String)>,
    /// URIs tried, against loops.
    visited: Vec<String>,
    expires_at: Instant,
    expires: Duration,
    /// Until when the user may say where to go.
    follow_until: Option<Instant>,
    /// The 3xx that waits for the user.
    redirection: Option<Message>,
}

impl Outbound {
    pub(super) fn call_id(&self) -> &str {
        &self.call_id
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        Some(self.follow_until.map_or(self.expires_at, |until| until.min(self.expires_at)))
    }
}

impl Call {
    /// Sends the first INVITE.
    pub(super) fn start_invite(
        &mut self,
        core: &mut Core,
        now: Instant,
        invite: Invite,
    ) -> Result<(), CallError> {
        let mut destinations: VecDeque<Flow> = invite.destinations.iter().cloned().collect();
        let flow = destinations.pop_front().ok_or(CallError::NoDestination)?;
        self.own.clone_from(&invite.own);
        let own = self.own.as_ref();
        self.timer_config = own.and_then(|own| own.session_timer).unwrap_or(self.timer_config);
        let expires = own.and_then(|own| own.expires).unwrap_or(core.config.expires);
        let call_id = match &invite.call_id {
            Some(call_id) => call_id.clone(),
            None => core.endpoint.new_call_id(),
        };
        self.out = Some(Box::new(Outbound {
            uri: invite.uri.clone(),
            call_id,
            tag: core.endpoint.new_tag(),
            contact: self.contact.clone(),
            cseq: 0,
            transaction: None,
            flow,
            destinations,
            provisional: false,
            intervals: 0,
            timer_config: self.timer_config,
            targets: Vec::new(),
            visited: vec![invite.uri.clone()],
            expires_at: now + expires,
            expires,
            follow_until: None,
            redirection: None,
            invite,
        }));
        self.send_invite(core, now, true);
        Ok(())
    }

    /// Sends it to where `out` says; with `anew` as a new request, else the same once more to another
    /// server (RFC 3263 4.3).
    fn send_invite(&mut self, core: &mut Core, now: Instant, anew: bool) {
        self.remove_early_legs(core, None);
        let Some(out) = &mut self.out else { return };
        if anew {
            out.cseq += 1;
        }
        out.provisional = false;
        out.follow_until = None;
        out.redirection = None;
        let request = build(out, core);
        let id = self.transmit(core, now, 0, Purpose::Invite, request, 0);
        if let Some(out) = &mut self.out {
            out.transaction = Some(id);
        }
    }

    /// A response to the first INVITE.
    pub(super) fn invite_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientTransactionId,
        flow: &Flow,
        response: Message,
    ) {
        let status = response.status().map_or(0, |status| status.as_u16());
        match status {
            ..200 => {
                if let Some(out) = &mut self.out {
                    out.provisional = true;
                }
                if status > 100 {
                    self.provisional(core, now, flow, &response, true);
                }
            }
            200..300 => self.invite_success(core, now, id, flow, response),
            _ => {
                let Some(outgoing) = core.requests.remove(&id) else { return };
                self.outstanding = self.outstanding.saturating_sub(1);
                if outgoing.accepted || self.ended {
                    return;
                }
                self.invite_refused(core, now, status, Some(response));
            }
        }
    }

    /// No response at all came: 408 or 503.
    pub(super) fn invite_unanswered(&mut self, core: &mut Core, now: Instant, status: u16) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if self.ended {
            return;
        }
        self.invite_refused(core, now, status, None);
    }

    /// A provisional response above 100 to the first INVITE, or to a re-INVITE.
    pub(super) fn provisional(
        &mut self,
        core: &mut Core,
        now: Instant,
        flow: &Flow,
        response: &Message,
        first: bool,
    ) {
        let status = response.status().map_or(0, |status| status.as_u16());
        let tagged = response.to().is_ok_and(|to| to.tag().is_some());
        let number = if tagged { self.leg_of(core, flow, response) } else { None };
        let Some(leg) = number.and_then(|number| self.leg(number)) else {
            if first {
                let response = response.clone();
                self.tell(core, CallEvent::Progress { dialog: None, status, reliable: false, response });
            }
            return;
        };
        let number = leg.number;
        leg.learn(response);
        let rack = match leg.reliable.handle(response) {
            Received::Unreliable => None,
            Received::New { rack } => Some(rack),
            Received::Repeated | Received::Gap => return,
        };
        let reliable = rack.is_some();
        let mut prack = rack;
        let mut event = None;
        match (&leg.exchange, reliable, sdp_of(response)) {
            //= RFC 3262 5: "If the INVITE contained an offer, the UAS MAY generate an answer in a reliable
            //= provisional response"
            (Exchange::Offered, true, Some(sdp)) => {
                leg.exchange = Exchange::Idle;
                leg.remote_sdp = Some(sdp.clone());
                event = Some(CallEvent::Answer { dialog: number, sdp, early: false });
            }
            (Exchange::Offered, false, Some(sdp)) if first && leg.preview.as_ref() != Some(&sdp) => {
                leg.preview = Some(sdp.clone());
                event = Some(CallEvent::Answer { dialog: number, sdp, early: true });
            }
            (Exchange::AwaitOffer, true, Some(sdp)) => {
                if let Some(rack) = prack.take() {
                    leg.exchange = Exchange::MustAnswer(Vehicle::Prack(rack));
                }
                leg.offered = Some(sdp.clone());
                event = Some(CallEvent::Offer { dialog: number, sdp, message: response.clone() });
            }
            _ => {}
        }
        if let Some(rack) = prack {
            self.acknowledge(core, now, number, rack);
        }
        if let Some(event) = event {
            self.tell(core, event);
        }
        if first {
            let response = response.clone();
            self.tell(core, CallEvent::Progress { dialog: Some(number), status, reliable, response });
        }
    }

    /// A 2xx to the first INVITE: the answer, its repetition, or another fork's.
    fn invite_success(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ClientTransactionId,
        flow: &Flow,
        response: Message,
    ) {
        let Some(outgoing) = core.requests.get_mut(&id) else { return };
        let first_answer = !std::mem::replace(&mut outgoing.accepted, true);
        let invite = outgoing.request.clone();
        if first_answer {
            self.outstanding = self.outstanding.saturating_sub(1);
            self.accepted.push(id);
            self.linger(core, now);
        }
        let Ok(cseq) = response.cseq().map(|cseq| cseq.number) else { return };
        let Some(number) = self.leg_of(core, flow, &response) else { return };
        let chosen = self.confirmed.is_none() && !self.ended;
        let Some(leg) = self.leg(number) else { return };
        if let Some((_, flow, octets)) = leg.ack.clone().filter(|(acked, ..)| *acked == cseq) {
            return core.endpoint.resend(flow, octets);
        }
        if matches!(&leg.exchange, Exchange::MustAnswer(Vehicle::Ack(..))) {
            // The user has not answered the offer yet; the ACK is owed still.
            return;
        }
        leg.learn(&response);
        if leg.dialog.confirm(Some(&response)).is_err() {
            // A faulty Contact: what is known of the dialog has to do.
            let _ = leg.dialog.confirm(None);
        }
        self.relocate(core, number, flow);
        if !chosen {
            //= RFC 3261 13.2.2.4: "If, after acknowledging any 2xx response to an INVITE, the UAC does not
            //= want to continue with that dialog, then the UAC MUST terminate the dialog by sending a BYE
            //= request as described in Section 15."
            self.send_ack(core, number, cseq, Some(&invite), &Content::new());
            let _ = self.send_in_dialog(core, now, number, Method::Bye, Purpose::SurplusBye, |bye| bye);
            return;
        }
        self.confirmed = Some(number);
        self.prack_offer = None;
        let auth = self.auth.as_mut();
        if let Some(auth) = auth {
            auth.handle_success(&response);
        }
        if let Some(out) = self.out.take() {
            self.timer_config = out.timer_config;
        }
        if self.closing {
            // Our CANCEL crossed this answer.
            self.send_ack(core, number, cseq, Some(&invite), &Content::new());
            let content = self.bye_wanted.take().unwrap_or_default();
            return self.send_bye(core, now, number, &content);
        }
        let agreed = self.timer_config.from_answer(&response).unwrap_or_default();
        self.start_timer(now, agreed, Refresher::Uac);
        let answered = CallEvent::Answered { dialog: number, response: response.clone() };
        match self.take_success_sdp(core, number, cseq, id, &response, true) {
            SuccessSdp::Acknowledge => {
                self.send_ack(core, number, cseq, Some(&invite), &Content::new());
                self.tell(core, answered);
            }
            SuccessSdp::UserAnswers => self.tell(core, answered),
            SuccessSdp::Missing => {
                self.send_ack(core, number, cseq, Some(&invite), &Content::new());
                self.tell(core, answered);
                self.abort(core, now, EndedBy::Protocol, "SIP;cause=488;text=\"No session description\"");
            }
        }
    }

    /// What the session description of a 2xx to our INVITE means, the first's and a re-INVITE's alike. `asked`: the user
    /// waits for the answer, be it the same as the last.
    pub(super) fn take_success_sdp(
        &mut self,
        core: &mut Core,
        number: u32,
        cseq: u32,
        id: ClientTransactionId,
        response: &Message,
        asked: bool,
    ) -> SuccessSdp {
        let Some(leg) = self.leg(number) else { return SuccessSdp::Acknowledge };
        let sdp = sdp_of(response);
        match (&leg.exchange, sdp) {
            (Exchange::Offered, sdp) => {
                // An answer that came unreliably and is not repeated is taken all the same.
                let Some(sdp) = sdp.or(leg.preview.take()) else {
                    leg.exchange = Exchange::Idle;
                    return SuccessSdp::Missing;
                };
                leg.exchange = Exchange::Idle;
                let news = asked || leg.remote_sdp.as_ref() != Some(&sdp) || leg.preview.is_some();
                leg.remote_sdp = Some(sdp.clone());
                leg.preview = None;
                if news {
                    self.tell(core, CallEvent::Answer { dialog: number, sdp, early: false });
                }
                SuccessSdp::Acknowledge
            }
            (Exchange::AwaitOffer, Some(sdp)) => {
                leg.exchange = Exchange::MustAnswer(Vehicle::Ack(cseq, id));
                leg.offered = Some(sdp.clone());
                let message = response.clone();
                self.tell(core, CallEvent::Offer { dialog: number, sdp, message });
                SuccessSdp::UserAnswers
            }
            (Exchange::AwaitOffer, None) => {
                leg.exchange = Exchange::Idle;
                SuccessSdp::Missing
            }
            // Some peers repeat the description they have sent reliably already.
            _ => SuccessSdp::Acknowledge,
        }
    }

    /// The dialog a response to the first INVITE belongs to, made where it is new.
    fn leg_of(&mut self, core: &mut Core, flow: &Flow, response: &Message) -> Option<u32> {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.dialog.matches(response)) {
            if leg.dialog.state() == DialogState::Early
                && response.status().is_some_and(|status| status.is_provisional())
            {
                // A faulty Contact leaves the target as it was.
                let _ = leg.dialog.refresh_target(response);
                let number = leg.number;
                self.relocate(core, number, flow);
                return Some(number);
            }
            return Some(leg.number);
        }
        let target = self.out.as_ref().map_or_else(
            || self.legs.first().map(|leg| leg.dialog.remote_target().to_owned()).unwrap_or_default(),
            |out| out.uri.clone(),
        );
        let offered = match &self.out {
            Some(out) => out.invite.content.sdp.clone(),
            None => None,
        };
        let dialog = Dialog::from_response(response, &target).ok()?;
        let exchange = if offered.is_some() { Exchange::Offered } else { Exchange::AwaitOffer };
        let local = match (&self.out, self.legs.first()) {
            (Some(out), _) => out.flow.local,
            (None, Some(leg)) => leg.flow.local,
            (None, None) => flow.local,
        };
        let mut leg = Leg::new(0, dialog, Flow { local, ..flow.clone() }, exchange);
        leg.local_sdp = offered;
        self.add_leg(core, leg, flow)
    }

    /// A final response other than 2xx, or none: try what is left to try.
    fn invite_refused(&mut self, core: &mut Core, now: Instant, status: u16, response: Option<Message>) {
        self.remove_early_legs(core, None);
        if self.closing {
            return self.finish(core, now, self.end_by, response);
        }
        let challenged = response.as_ref().is_some_and(|response| self.take_challenge(core, response));
        if challenged {
            return self.send_invite(core, now, true);
        }
        let Some(out) = &mut self.out else { return };
        out.transaction = None;
        let interval = response.as_ref().is_some_and(|response| {
            status == 422 && out.intervals < MAX_INTERVALS && out.timer_config.handle_422(response)
        });
        if interval {
            // RFC 4028 7.3: again with the Min-SE of the 422 in both headers.
            out.intervals += 1;
            return self.send_invite(core, now, true);
        }
        if matches!(status, 408 | 503)
            && !out.provisional
            && let Some(next) = out.destinations.pop_front()
        {
            out.flow = next;
            return self.send_invite(core, now, false);
        }
        let redirected = response.clone().filter(|_| (300..400).contains(&status));
        if let Some(response) = redirected {
            return self.redirected(core, now, response);
        }
        //= RFC 3261 8.1.3.4: "If contacting an address in the list results in a failure, as defined in the
        //= next paragraph, the element moves to the next address in the list, until the list is exhausted."
        if status < 600 && self.try_next_target(core, now) {
            return;
        }
        self.fail(core, now, status, response);
    }

    fn redirected(&mut self, core: &mut Core, now: Instant, response: Message) {
        let own = self.own.as_ref().and_then(|own| own.follow_redirects);
        let allowed = own.unwrap_or(core.config.follow_redirects);
        let (most, wait) = (core.config.max_redirects, core.transaction_time());
        let Some(out) = &mut self.out else { return };
        // RFC 5806: who diverted the call goes on with it, the last one first.
        let diversions = diversions(&response).into_iter().map(|value| (diversion(), value));
        out.invite.content.headers.splice(0..0, diversions);
        for (q, uri) in contacts(&response) {
            // RFC 3261 8.1.3.4: no URI comes into the target set twice, or there would be a loop.
            let same = |known: &str| match (Uri::parse(known), Uri::parse(&uri)) {
                (Ok(a), Ok(b)) => a.is_equivalent(&b),
                _ => known == uri,
            };
            if out.targets.len() < MAX_TARGETS
                && !out.visited.iter().any(|known| same(known))
                && !out.targets.iter().any(|(_, known)| same(known))
            {
                out.targets.push((q, uri));
            }
        }
        // Stable: equal q keeps the order of the response.
        out.targets.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        let usable = out.visited.len() <= most && !out.targets.is_empty();
        if !usable {
            return self.fail(
                core,
                now,
                response.status().map_or(300, |status| status.as_u16()),
                Some(response),
            );
        }
        let known: Vec<String> = out.targets.iter().map(|(_, uri)| uri.clone()).collect();
        // A contact that is ourselves is for the user to look at: we don't call ourselves.
        let following = allowed
            && out.targets.first().is_some_and(|(_, uri)| {
                let way = flow_towards(uri, &out.flow);
                let own = way.as_ref().is_some_and(|flow| flow.remote == flow.local);
                !own && (!out.invite.routes.is_empty() || way.is_some())
            });
        self.tell(core, CallEvent::Redirected { contacts: known, following, response: response.clone() });
        if following && self.try_next_target(core, now) {
            return;
        }
        if let Some(out) = &mut self.out {
            out.follow_until = Some(now + wait);
            out.redirection = Some(response);
        }
    }

    /// Sends the INVITE to the best contact that is left and can be addressed.
    fn try_next_target(&mut self, core: &mut Core, now: Instant) -> bool {
        let Some(out) = &mut self.out else { return false };
        while out.visited.len() <= core.config.max_redirects && !out.targets.is_empty() {
            let (_, uri) = out.targets.remove(0);
            let flow = match out.invite.routes.is_empty() {
                true => flow_towards(&uri, &out.flow),
                false => Some(out.flow.clone()),
            };
            let Some(flow) = flow else { continue };
            self.go_to(core, now, uri, vec![flow]);
            return true;
        }
        false
    }

    fn go_to(&mut self, core: &mut Core, now: Instant, uri: String, flows: Vec<Flow>) {
        let Some(out) = &mut self.out else { return };
        if is_sips(&out.uri) && !is_sips(&uri) {
            // From here on nobody promises TLS at every hop. Another From is another half of a dialog, with a tag of its own.
            out.invite.from = as_sip(&out.invite.from);
            out.invite.to = as_sip(&out.invite.to);
            out.contact = as_sip(&out.contact);
            out.tag = core.endpoint.new_tag();
        }
        out.visited.push(uri.clone());
        out.uri = uri;
        out.destinations = flows.into();
        if let Some(first) = out.destinations.pop_front() {
            out.flow = first;
        }
        self.send_invite(core, now, true);
    }

    /// The user says where a redirected call goes.
    pub(super) fn follow(
        &mut self,
        core: &mut Core,
        now: Instant,
        uri: &str,
        flows: Vec<Flow>,
    ) -> Result<(), CallError> {
        let Some(out) = &mut self.out else { return Err(CallError::State("no redirection waits")) };
        if out.redirection.is_none() {
            return Err(CallError::State("no redirection waits"));
        }
        if flows.is_empty() {
            return Err(CallError::NoDestination);
        }
        out.targets.retain(|(_, known)| known != uri);
        self.go_to(core, now, uri.to_owned(), flows);
        Ok(())
    }

    fn fail(&mut self, core: &mut Core, now: Instant, status: u16, response: Option<Message>) {
        let retry_after =
            response.as_ref().and_then(|response| response.seconds(Header::RetryAfter).ok().flatten());
        let status = self.fail_status.unwrap_or(status);
        self.close(core, now, CallEvent::Failed { status, retry_after, response });
    }

    /// Hangs up before the answer.
    pub(super) fn cancel_invite(&mut self, core: &mut Core, now: Instant, content: Content) {
        let Some(out) = &mut self.out else { return };
        self.closing = true;
        let under_way = match out.transaction {
            Some(id) => core.endpoint.cancel_with(now, id, &content.headers),
            None => false,
        };
        self.bye_wanted = Some(Box::new(content));
        if !under_way {
            self.finish(core, now, self.end_by, None);
        }
    }

    /// Timers of the INVITE on its way.
    pub(super) fn outbound_timeout(&mut self, core: &mut Core, now: Instant) {
        let Some(out) = &mut self.out else { return };
        if out.follow_until.is_some_and(|at| at <= now) {
            let response = out.redirection.take();
            let status = response.as_ref().and_then(Message::status).map_or(300, |status| status.as_u16());
            return self.fail(core, now, status, response);
        }
        if out.expires_at <= now {
            // Not again: the CANCEL has its own time limit.
            out.expires_at = now + core.transaction_time() * 4;
            if !self.closing {
                self.fail_status = Some(408);
                self.cancel_invite(core, now, Content::new());
            }
        }
    }

    /// The Outgoing of an INVITE that had a 2xx is not needed any more.
    pub(super) fn end_linger(&mut self, core: &mut Core, now: Instant) {
        self.linger = None;
        if !self.ended && self.confirmed.is_none() && !self.accepted.is_empty() {
            // Answered, but no copy of the answer made a dialog: without a tag or a Contact nothing can follow.
            let by = if self.closing { self.end_by } else { EndedBy::Protocol };
            self.finish(core, now, by, None);
        }
        for id in self.accepted.drain(..) {
            core.requests.remove(&id);
        }
        let keep = self.confirmed;
        if keep.is_some() {
            self.remove_early_legs(core, keep);
        }
    }
}

/// What follows from the session description of a 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuccessSdp {
    Acknowledge,
    /// It was an offer: the ACK waits for the user's answer.
    UserAnswers,
    /// There should have been one.
    Missing,
}

/// URIs of a 3xx with their q, in order.
fn contacts(response: &Message) -> Vec<(u16, String)> {
    let Ok(Contacts::List(list)) = response.contacts() else { return Vec::new() };
    list.iter()
        .filter_map(|contact| {
            let uri = contact.uri().ok()?;
            (uri.is_sip() || uri.is_tel()).then(|| (contact.q(), uri.as_str().to_owned()))
        })
        .take(MAX_TARGETS)
        .collect()
}

/// Most Diversion headers taken from a redirection.
const MAX_DIVERSIONS: usize = 10;

fn diversion() -> String {
    Header::Diversion.as_str().to_owned()
}

/// The Diversion headers of a 3xx, with the brackets that some leave out.
fn diversions(response: &Message) -> Vec<String> {
    let bare = |text: &str| text.replace(['"', '\\'], "");
    let found = response.addresses(Header::Diversion).filter_map(Result::ok).take(MAX_DIVERSIONS);
    let written = found.filter_map(|address| {
        let uri = address.uri_str().ok()?;
        let mut value = match address.display() {
            name if name.is_empty() => format!("<{uri}>"),
            name => format!("\"{}\" <{uri}>", bare(&name)),
        };
        for name in ["reason", "counter", "limit", "privacy", "screen"] {
            if let Some(text) = address.params().text(name) {
                let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
                let text =
                    if text.chars().all(token) { text.into_owned() } else { format!("\"{}\"", bare(&text)) };
                value.push_str(&format!(";{name}={text}"));
            }
        }
        Some(value)
    });
    written.filter(|value| !value.contains(['\r', '\n'])).collect()
}

fn is_sips(uri: &str) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

/// A name and address whose URI is no longer `sips:`.
fn as_sip(address: &str) -> String {
    address.replacen("<sips:", "<sip:", 1)
}

fn build(out: &Outbound, core: &Core) -> RequestBuilder {
    let loose = |route: &str| Uri::parse(route).is_ok_and(|uri| uri.param("lr").is_some());
    //= RFC 3261 12.2.1.1: "If the route set is not empty, and its first URI does not contain the lr
    //= parameter, the UAC MUST place the first URI from the route set into the Request-URI"
    let (uri, routes): (&str, Vec<&str>) = match out.invite.routes.split_first() {
        Some((first, rest)) if !loose(first) => {
            (first, rest.iter().map(String::as_str).chain([out.uri.as_str()]).collect())
        }
        _ => (&out.uri, out.invite.routes.iter().map(String::as_str).collect()),
    };
    // A redirection may put headers into its URI; they do not belong into a Request-URI (RFC 3261 19.1.5).
    let uri = uri.split_once('?').filter(|(head, _)| head.contains(['@', '.'])).map_or(uri, |(head, _)| head);
    let mut request = RequestBuilder::new(Method::Invite, uri)
        .header(Header::From, format!("{};tag={}", out.invite.from, out.tag))
        .header(Header::To, &out.invite.to)
        .header(Header::CallId, &out.call_id)
        .header(Header::Contact, &out.contact)
        .cseq(out.cseq)
        .header(Header::Allow, core.allow())
        .header(Header::Expires, out.expires.as_secs().to_string());
    if let Some(octets) = out.invite.tcp_above {
        request = request.tcp_above(octets);
    }
    for route in routes {
        request = request.header(Header::Route, format!("<{route}>"));
    }
    // `timer` comes with the session timer's own headers.
    let rel1xx = out.invite.rel1xx.unwrap_or(core.config.rel1xx);
    let supported: Vec<&str> = core
        .endpoint
        .config()
        .supported
        .iter()
        .map(String::as_str)
        .filter(|tag| !tag.eq_ignore_ascii_case("timer"))
        .filter(|tag| rel1xx != Rel1xx::Disabled || !tag.eq_ignore_ascii_case("100rel"))
        .collect();
    if !supported.is_empty() {
        request = request.header(Header::Supported, supported.join(", "));
    }
    if rel1xx == Rel1xx::Require {
        request = request.header(Header::Require, "100rel");
    }
    out.invite.content.write_request(out.timer_config.request_headers(request, None))
}
