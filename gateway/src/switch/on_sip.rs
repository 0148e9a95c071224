//! What SIP brings: to calls, to message waiting, and to what we subscribe to.

use std::time::Instant;

use bytes::Bytes;
use cli::session::DebugTopic;
use mwi::subscription::Failure;
use sip::{ClientTransactionId, Event, Flow, Message, Method, Transmit};

use super::{Output, Switch};
use crate::leg::LegPort;
use crate::leg::sip::SipOutput;
use crate::service::trust::Sender;

impl Switch {
    /// A datagram, or one message of a stream, and whatever waited before it.
    pub fn handle_sip(&mut self, now: Instant, flow: Flow, data: Bytes) {
        self.offer_sip(now, flow, data);
        self.serve_sip(now, usize::MAX);
    }

    /// Lets a message in, or refuses it because of its source's rate or because too much waits: then what can be asked
    /// again is shed before what belongs to a call.
    pub fn offer_sip(&mut self, now: Instant, flow: Flow, data: Bytes) {
        self.metrics.sip_received.inc();
        if self.monitor.on(DebugTopic::CcsipMessages) {
            self.monitor.sip(now, false, &data);
        }
        let flow = self.own_side(flow);
        let data = self.sip.taken(data);
        self.gate.offer(now, flow, data);
        while let Some(transmit) = self.gate.poll_transmit() {
            self.send_sip(now, transmit);
        }
    }

    /// Serves so many of the messages let in; says whether more wait.
    pub fn serve_sip(&mut self, now: Instant, most: usize) -> bool {
        for _ in 0..most {
            let Some(admitted) = self.gate.poll() else { break };
            if self.discards(&admitted.flow, &admitted.message) {
                if admitted.message.method_ref() == Some(&Method::Invite) {
                    self.sip.refused += 1;
                    self.call_refused(now, admitted.flow.remote.ip());
                }
                continue;
            }
            self.sip.ua_mut().handle_message(now, admitted.flow, admitted.message);
            self.drain_sip(now);
        }
        self.gate.waiting() > 0
    }

    /// `silent-discard untrusted`: whether a request gets no answer at all, so that whoever looks for gateways finds none. Only what
    /// is in no dialog: a call there is may have come to an address that is on no list. Where strangers may prove who they are, they
    /// are asked.
    fn discards(&self, flow: &Flow, message: &Message) -> bool {
        self.sip.settings().silent_discard
            && message.is_request()
            && !message.to().is_ok_and(|to| to.tag().is_some())
            && self.trust.sender_by(flow) == Sender::Unknown
            && !self.guard.asks()
    }

    fn send_sip(&mut self, now: Instant, transmit: Transmit) {
        self.metrics.sip_sent.inc();
        if self.monitor.on(DebugTopic::CcsipMessages) {
            self.monitor.sip(now, true, &transmit.payload);
        }
        self.outputs.push_back(Output::Sip(transmit));
    }

    /// A connection ended, or a message could not be sent.
    pub fn handle_sip_failure(&mut self, now: Instant, flow: &Flow) {
        if let Some(connection) = flow.connection {
            self.trust.forget(connection);
        }
        let flow = self.own_side(flow.clone());
        self.sip.ua_mut().handle_transport_error(now, &flow);
        self.drain_sip(now);
    }

    /// The peer of a connection has shown a certificate with a name that `cn-san validate client` permits.
    pub fn certify(&mut self, flow: &Flow) {
        if let Some(connection) = flow.connection {
            self.trust.certify(connection);
        }
    }

    pub(super) fn drain_sip(&mut self, now: Instant) {
        self.collect_sip(now);
        self.settle_calls(now);
    }

    /// Takes what SIP has to say; its legs' events wait in the queue.
    pub(super) fn collect_sip(&mut self, now: Instant) {
        loop {
            let mut idle = true;
            loop {
                let (sip, trust, guard) = (&mut self.sip, &self.trust, &mut self.guard);
                let admit = |flow: &Flow, request: &Message| guard.admit(now, trust, flow, request);
                let Some(output) = sip.poll(now, &mut self.calls.ids, admit) else { break };
                idle = false;
                match output {
                    SipOutput::Leg(leg, event) => self.calls.events.push_back((leg, LegPort::Sip, event)),
                    SipOutput::Media(command) => {
                        let command = self.with_port_settings(command);
                        self.outputs.push_back(Output::Media(command));
                    }
                    SipOutput::Refused { from } => self.call_refused(now, from),
                    SipOutput::Other(event) => self.sip_event(now, event),
                }
            }
            while let Some(transmit) = self.sip.ua_mut().poll_transmit() {
                idle = false;
                let transmit = self.sip.outgoing(transmit);
                self.send_sip(now, transmit);
            }
            if idle {
                return;
            }
        }
    }

    /// What is no call.
    pub(super) fn sip_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request { id, request, .. } if is_of_a_call(&request) => {
                // The call is over, and its subscriptions with it.
                let _ = self.sip.ua_mut().endpoint_mut().respond(now, id, sip::Reply::new(481));
            }
            Event::Request { id, flow, request } if request.method_ref() == Some(&Method::Notify) => {
                self.handle_notify(now, id, &flow, &request);
            }
            Event::Request { id, flow, request } if request.method_ref() == Some(&Method::Subscribe) => {
                self.handle_subscribe(now, id, &flow, &request);
            }
            Event::Request { id, request, .. } => {
                // Who is in no call with us may not have us call somebody. Else `allow` names only what is handled above,
                // in calls, or by the endpoint itself.
                let status = if request.method_ref() == Some(&Method::Refer) { 403 } else { 501 };
                let _ = self.sip.ua_mut().endpoint_mut().respond(now, id, sip::Reply::new(status));
            }
            Event::Response { id, response, .. } => {
                let known = self.register_answered(now, id, &response)
                    || self.watcher_answered(now, id, &response)
                    || self.relay_answered(now, id, &response)
                    || self.keepalive_answered(now, id, &response);
                if !known {
                    self.subscribe_answered(now, id, &response);
                }
            }
            Event::ClientTimeout { id } => self.request_failed(now, id, Failure::Timeout),
            Event::TransportFailed { id } => self.request_failed(now, id, Failure::Transport),
            Event::ServerTimeout { id } => self.waiting.retain(|_, w| !w.is_for(id)),
            _ => {}
        }
    }

    /// A request of ours outside calls was not answered or could not be sent.
    fn request_failed(&mut self, now: Instant, id: ClientTransactionId, why: Failure) {
        let known = self.register_failed(now, id)
            || self.watcher_failed(now, id)
            || self.relay_failed(now, id)
            || self.keepalive_failed(now, id);
        if !known {
            self.subscribe_failed(now, id, why);
        }
    }

    /// A flow with our real address in it, where the socket is bound to all.
    pub(super) fn own_side(&self, mut flow: Flow) -> Flow {
        if flow.local.ip().is_unspecified()
            && let Some(address) = (self.local_address)(flow.remote.ip())
        {
            flow.local.set_ip(address);
        }
        flow
    }
}

/// Whether a request is about digits, which only calls speak of.
fn is_of_a_call(request: &Message) -> bool {
    let digits =
        |package: &str| ["kpml", "telephone-event"].iter().any(|known| package.eq_ignore_ascii_case(known));
    let about_digits = || matches!(request.event(), Ok(Some(event)) if digits(event.package));
    match request.method_ref() {
        Some(Method::Notify) => about_digits(),
        // Outside dialogs it is the package that nobody has.
        Some(Method::Subscribe) => request.to().is_ok_and(|to| to.tag().is_some()) && about_digits(),
        _ => false,
    }
}
