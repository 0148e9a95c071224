//! Which call an event of the endpoint belongs to.

use std::time::Instant;

use super::{CallId, Content, EndedBy, UaEvent, UserAgent};
use crate::endpoint::{ClientTransactionId, Event, ServerTransactionId};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, Reply};

impl UserAgent {
    /// Gives what the endpoint says to the calls it concerns.
    pub(super) fn pump(&mut self, now: Instant) {
        self.now = Some(now);
        loop {
            while let Some(event) = self.core.endpoint.poll_event() {
                if let Some(index) = self.dispatch(now, event) {
                    self.settle(index);
                }
            }
            let Some((old, new)) = self.core.replaced.pop() else { return };
            let Some(call) = self.calls.get_mut(old.index).filter(|call| call.id == old) else { continue };
            // RFC 3891 3: a confirmed dialog is ended with BYE, an early one of ours with CANCEL.
            call.end_by = EndedBy::Replaced(new);
            if !call.closing {
                match call.confirmed {
                    Some(number) => call.send_bye(&mut self.core, now, number, &Content::new()),
                    None => call.cancel_invite(&mut self.core, now, Content::new()),
                }
            }
            self.settle(old.index);
        }
    }

    /// The index of the call an event concerned.
    fn dispatch(&mut self, now: Instant, event: Event) -> Option<usize> {
        match event {
            Event::Request { id, flow, request } => self.take_request(now, id, flow, request),
            Event::Cancel { id, request, .. } => {
                let index = *self.core.servers.get(&id)?;
                self.calls.get_mut(index)?.cancelled(&mut self.core, now, request);
                Some(index)
            }
            Event::Ack { id, request, .. } => {
                let index = *self.core.servers.get(&id)?;
                self.calls.get_mut(index)?.acknowledged(&mut self.core, now, request);
                Some(index)
            }
            Event::AckTimeout { id } => {
                let index = self.core.servers.remove(&id)?;
                self.calls.get_mut(index)?.ack_timeout(&mut self.core, now);
                Some(index)
            }
            Event::PrackTimeout { id } => {
                let index = *self.core.servers.get(&id)?;
                self.calls.get_mut(index)?.prack_timeout(&mut self.core, now);
                Some(index)
            }
            Event::ServerTimeout { id } => {
                let Some(index) = self.core.servers.remove(&id) else {
                    self.core.events.push_back(UaEvent::Other(event));
                    return None;
                };
                self.calls.get_mut(index)?.success_timeout(&mut self.core, id);
                Some(index)
            }
            Event::Response { id, ref flow, ref response } => {
                let Some(index) = self.core.requests.get(&id).map(|outgoing| outgoing.call) else {
                    self.core.events.push_back(UaEvent::Other(event));
                    return None;
                };
                let call = self.calls.get_mut(index)?;
                call.handle_response(&mut self.core, now, id, flow, response.clone());
                Some(index)
            }
            Event::ClientTimeout { id } => self.unanswered(now, id, 408, event),
            Event::TransportFailed { id } => self.unanswered(now, id, 503, event),
        }
    }

    fn unanswered(
        &mut self,
        now: Instant,
        id: ClientTransactionId,
        status: u16,
        event: Event,
    ) -> Option<usize> {
        let Some(outgoing) = self.core.requests.remove(&id) else {
            self.core.events.push_back(UaEvent::Other(event));
            return None;
        };
        let index = outgoing.call;
        self.calls.get_mut(index)?.handle_no_response(&mut self.core, now, outgoing, status);
        Some(index)
    }

    fn take_request(
        &mut self,
        now: Instant,
        id: ServerTransactionId,
        flow: Flow,
        request: Message,
    ) -> Option<usize> {
        let dialog = {
            let (Ok(call_id), Ok(from), Ok(to)) = (request.call_id(), request.from(), request.to()) else {
                self.core.events.push_back(UaEvent::Other(Event::Request { id, flow, request }));
                return None;
            };
            to.tag()
                .map(|tag| (call_id.to_owned(), tag.to_owned(), from.tag().unwrap_or_default().to_owned()))
        };
        let known = dialog.as_ref().and_then(|dialog| self.core.dialogs.get(dialog)).copied();
        if let Some(index) = known {
            self.calls.get_mut(index)?.dialog_request(&mut self.core, now, id, &flow, request);
            return Some(index);
        }
        if request.method_ref() != Some(&Method::Invite) || dialog.is_some() {
            self.core.events.push_back(UaEvent::Other(Event::Request { id, flow, request }));
            return None;
        }
        if self.calls.len() >= self.core.config.max_calls {
            let seconds = self.core.endpoint.config().overload_retry_after;
            self.core.respond(now, id, Reply::new(503).retry_after(seconds));
            return None;
        }
        let replaces = match self.replaced_call(&request) {
            Ok(replaces) => replaces,
            Err(reply) => {
                self.core.respond(now, id, *reply);
                return None;
            }
        };
        let user = request.uri().ok().and_then(|uri| uri.user_raw().map(ToOwned::to_owned));
        let contact = self.core.contact(&user.unwrap_or_default(), &flow);
        let call_id = self.new_call(false, contact);
        let call = self.calls.get_mut(call_id.index)?;
        if let Err(reply) = call.take_invite(&mut self.core, now, id, &flow, request, replaces) {
            self.core.respond(now, id, *reply);
            self.calls.try_remove(call_id.index);
            return None;
        }
        Some(call_id.index)
    }

    /// The call a Replaces header names (RFC 3891 3).
    fn replaced_call(&mut self, request: &Message) -> Result<Option<CallId>, Box<Reply>> {
        let refuse = |status| Err(Box::new(Reply::new(status)));
        let mut values = request.headers(Header::Replaces);
        let Some(_) = values.next() else { return Ok(None) };
        //= RFC 3891 3: "If more than one Replaces header field is present in an INVITE, or if a Replaces
        //= header field is present in a request other than INVITE, the UAS MUST reject the request with a 400
        //= Bad Request response."
        let Ok(Some(value)) = request.param_value(Header::Replaces) else { return refuse(400) };
        let (Some(to), Some(from)) = (value.params.get("to-tag"), value.params.get("from-tag")) else {
            return refuse(400);
        };
        if values.next().is_some() {
            return refuse(400);
        }
        // RFC 3891 6.1: tag 0 also stands for the missing tag of an RFC 2543 peer.
        let find = |from: &str| {
            let dialog = (value.value.to_owned(), to.to_owned(), from.to_owned());
            self.core.dialogs.get(&dialog).copied()
        };
        let found = find(from).or_else(|| if from == "0" { find("") } else { None });
        let Some(call) = found.and_then(|index| self.calls.get(index)) else { return refuse(481) };
        //= RFC 3891 3: "If the Replaces header field matches a dialog which has already terminated, the UA
        //= SHOULD decline the request with a 603 Declined response."
        if call.closing {
            return refuse(603);
        }
        //= RFC 3891 3: "If the Replaces header field matches an early dialog that was not initiated by this
        //= UA, it returns a 481 (Call/Transaction Does Not Exist) response to the new INVITE."
        if call.confirmed.is_none() && !call.caller {
            return refuse(481);
        }
        // RFC 3891 3: with the early-only flag a confirmed dialog is not replaced but busy.
        if call.confirmed.is_some() && value.params.get("early-only").is_some() {
            return refuse(486);
        }
        Ok(Some(call.id))
    }
}
