//! Client transactions (RFC 3261 17.1, RFC 6026).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;

use super::key::{Key, Tag};
use super::timer::{Entry, TimerKind};
use super::{ClientTransactionId, Endpoint, Event, TransactionTimers};
use crate::config::Retransmissions;
use crate::flow::{Flow, Transport};
use crate::message::scan::is_token_octet;
use crate::message::{
    Header, MAGIC_COOKIE, Message, Method, RequestBuilder, RequestDefaults, encode_request,
};

/// RFC 3261 figures 5 and 6, RFC 6026 figure 2. `Trying` of the non-INVITE machine is `Calling` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    /// A 2xx to INVITE came.
    Accepted,
    Completed,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) serial: u64,
    pub(super) timers: TransactionTimers,
    key: Key,
    flow: Flow,
    method: Method,
    branch: Box<str>,
    state: State,
    request: Bytes,
    /// The way over UDP and the request as it looks there, while a connection is only hoped for.
    fallback: Option<(Flow, Bytes)>,
    /// The ACK to a non-2xx, to be sent again for each repetition.
    ack: Option<Bytes>,
    interval: Duration,
    /// The request's own way to be sent again.
    own: Option<Arc<Retransmissions>>,
    /// How often it may be sent again yet; without bound `None`.
    left: Option<u32>,
    /// A CANCEL waits for the first provisional response.
    cancel_wanted: bool,
    cancelled: bool,
    cancel_headers: Vec<(String, String)>,
    /// Responses are of no interest to the user (our own CANCEL).
    quiet: bool,
}

impl Endpoint {
    /// Sends a request and keeps it going until an answer or a timeout: [`Event::Response`],
    /// [`Event::ClientTimeout`] or [`Event::TransportFailed`] carry the identifier returned here.
    ///
    /// An ACK has no transaction: use [`Endpoint::send_ack`]; given here it is sent once and its
    /// transaction is over at once.
    pub fn request(&mut self, now: Instant, flow: Flow, request: RequestBuilder) -> ClientTransactionId {
        let branch = self.new_branch();
        let payload = self.encode(&flow, &request, &branch);
        let larger =
            flow.switched(payload.len(), request.tcp_above.or(self.config.tcp_above)).and_then(|flow| {
                // Three letters for three letters: the length stays.
                Some((flow, with_via_transport(&payload, Transport::Udp, Transport::Tcp)?))
            });
        let (flow, payload, fallback) = match larger {
            Some((tcp, over_tcp)) => {
                self.statistics.switched_to_tcp += 1;
                (tcp, over_tcp, Some((flow, payload)))
            }
            None => (flow, payload, None),
        };
        let own = request.retransmissions.clone();
        let id = self.start_client(now, flow, request.method().clone(), &branch, payload, own, false);
        if let Some(client) = self.clients.get_mut(id.index).filter(|client| client.serial == id.serial) {
            client.fallback = fallback;
        }
        self.tidy();
        id
    }

    /// Cancels an INVITE of ours (RFC 3261 9.1). The CANCEL leaves once a provisional response has come;
    /// the INVITE's own final response, normally 487, comes as an event. Afterwards the wait for it is
    /// bounded by 64*T1.
    ///
    /// Returns whether there was something left to cancel.
    pub fn cancel(&mut self, now: Instant, id: ClientTransactionId) -> bool {
        self.cancel_with(now, id, &[])
    }

    /// [`Endpoint::cancel`] with headers, name and value, for the CANCEL, such as Reason (RFC 3326).
    pub fn cancel_with(
        &mut self,
        now: Instant,
        id: ClientTransactionId,
        headers: &[(String, String)],
    ) -> bool {
        let Some(client) = self.clients.get_mut(id.index).filter(|client| client.serial == id.serial) else {
            return false;
        };
        if client.method != Method::Invite || client.cancelled {
            return false;
        }
        client.cancel_headers = headers.to_vec();
        match client.state {
            //= RFC 3261 9.1: "If no provisional response has been received, the CANCEL request MUST NOT be
            //= sent; rather, the client MUST wait for the arrival of a provisional response before sending
            //= the request."
            State::Calling => client.cancel_wanted = true,
            State::Proceeding => self.send_cancel(now, id.index),
            State::Accepted | State::Completed => return false,
        }
        self.tidy();
        true
    }

    /// Sends the ACK to a 2xx (RFC 3261 13.2.2.4). The builder needs the dialog's From, To, Call-ID, Routes
    /// and the INVITE's CSeq number. Returns the octets, which the user sends again with
    /// [`Endpoint::resend`] for each further 2xx.
    pub fn send_ack(&mut self, flow: Flow, ack: RequestBuilder) -> Bytes {
        let branch = self.new_branch();
        let payload = self.encode(&flow, &ack, &branch);
        self.statistics.requests_sent.count(ack.method());
        self.send(flow, payload.clone());
        payload
    }

    /// Sends octets of [`Endpoint::send_ack`] again.
    pub fn resend(&mut self, flow: Flow, payload: Bytes) {
        self.statistics.retransmissions_sent += 1;
        self.send(flow, payload);
    }

    pub(super) fn handle_response(&mut self, now: Instant, flow: Flow, response: Message) {
        let Some(index) = self.find_client(&response) else {
            self.statistics.stray_responses += 1;
            return;
        };
        let Some(status) = response.status() else { return };
        let Some(client) = self.clients.get_mut(index) else { return };
        let id = ClientTransactionId { index, serial: client.serial };
        let invite = client.method == Method::Invite;
        let reliable = client.flow.transport.is_reliable();
        let quiet = client.quiet;
        let timers = self.config.timers.clone();
        self.statistics.responses_received.count(status);

        match client.state {
            State::Calling | State::Proceeding if status.is_provisional() => {
                let first = client.state == State::Calling;
                client.state = State::Proceeding;
                if invite {
                    //= RFC 3261 17.1.1.2: "If the client transaction receives a provisional response while
                    //= in the "Calling" state, it transitions to the "Proceeding" state. In the
                    //= "Proceeding" state, the client transaction SHOULD NOT retransmit the request any
                    //= longer."
                    let cancel = std::mem::take(&mut client.cancel_wanted);
                    if first {
                        client.timers.soon = None;
                        client.timers.end = None;
                        client.timers.end_armed = None;
                    }
                    if cancel {
                        self.send_cancel(now, index);
                    }
                } else if first && !reliable {
                    //= RFC 3261 17.1.2.2: "If Timer E fires while in the "Proceeding" state, the request
                    //= MUST be passed to the transport layer for retransmission, and Timer E MUST be reset
                    //= with a value of T2 seconds."
                    client.interval = timers.t2;
                }
            }
            State::Calling | State::Proceeding if invite && status.is_success() => {
                client.state = State::Accepted;
                client.cancel_wanted = false;
                self.set_client_soon(index, None);
                // RFC 6026 7.2: timer M, 64*T1, in which 2xx of forks are let through.
                self.set_client_end(index, now + timers.transaction());
            }
            State::Calling | State::Proceeding => {
                client.state = State::Completed;
                client.cancel_wanted = false;
                self.set_client_soon(index, None);
                let wait = match (invite, reliable) {
                    (_, true) => Duration::ZERO,
                    (true, false) => timers.d.max(Duration::from_secs(32)),
                    (false, false) => timers.t4,
                };
                if invite {
                    self.acknowledge(index, &response);
                }
                if wait.is_zero() {
                    self.remove_client(index);
                } else {
                    self.set_client_end(index, now + wait);
                }
            }
            State::Accepted if status.is_success() => {}
            State::Completed if invite && status.is_final() && !status.is_success() => {
                //= RFC 3261 17.1.1.2: "Any retransmissions of the final response that are received while in
                //= the "Completed" state MUST cause the ACK to be re-passed to the transport layer for
                //= retransmission"
                self.statistics.retransmissions_received += 1;
                let (flow, ack) = (client.flow.clone(), client.ack.clone());
                if let Some(ack) = ack {
                    self.statistics.retransmissions_sent += 1;
                    self.send(flow, ack);
                }
                return;
            }
            State::Accepted | State::Completed => {
                self.statistics.retransmissions_received += 1;
                return;
            }
        }
        if !quiet {
            self.events.push_back(Event::Response { id, flow, response });
        }
    }

    pub(super) fn fail_clients(&mut self, now: Instant, flow: &Flow) {
        let failed: Vec<usize> = self
            .clients
            .iter()
            .filter(|(_, client)| {
                let known = client.flow.connection.is_none() || client.flow.connection == flow.connection;
                let waiting = matches!(client.state, State::Calling | State::Proceeding);
                waiting
                    && known
                    && client.flow.transport == flow.transport
                    && client.flow.remote == flow.remote
            })
            .map(|(index, _)| index)
            .collect();
        for index in failed {
            if !self.fall_back(now, index) {
                self.fail_client(index);
            }
        }
    }

    /// Sends a request that was moved to TCP for its size over UDP after all.
    fn fall_back(&mut self, now: Instant, index: usize) -> bool {
        //= RFC 3261 18.1.1: "If an element sends a request over TCP because of these message size
        //= constraints, and that request would have otherwise been sent over UDP, if the attempt to
        //= establish the connection generates either an ICMP Protocol Not Supported, or results in a TCP
        //= reset, the element SHOULD retry the request, using UDP."
        let Some(client) = self.clients.get_mut(index).filter(|client| client.state == State::Calling) else {
            return false;
        };
        let policies = client.own.as_deref().unwrap_or(&self.config.retransmissions);
        let t1 = policies.of(&client.method).interval(&self.config.timers);
        let Some((flow, payload)) = client.fallback.take() else { return false };
        client.flow = flow.clone();
        client.request = payload.clone();
        client.interval = t1;
        self.statistics.switched_back += 1;
        self.send(flow, payload);
        self.set_client_soon(index, Some(now + t1));
        true
    }

    pub(super) fn client_timer(&mut self, now: Instant, entry: Entry) {
        let index = entry.index;
        let Some(client) = self.clients.get_mut(index).filter(|client| client.serial == entry.serial) else {
            return;
        };
        if !client.timers.wants(&entry) {
            return;
        }
        match entry.kind {
            TimerKind::Soon => self.retransmit(now, index),
            TimerKind::End => {
                client.timers.end_armed = None;
                match client.timers.end {
                    Some(end) if end > now => self.set_client_end(index, end),
                    _ => self.client_end(index),
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // two call sites; the pieces have no common life
    fn start_client(
        &mut self,
        now: Instant,
        flow: Flow,
        method: Method,
        branch: &str,
        payload: Bytes,
        own: Option<Arc<Retransmissions>>,
        quiet: bool,
    ) -> ClientTransactionId {
        let serial = self.next_serial();
        let key = self.keys.client(branch, method.as_str());
        let timers = self.config.timers.clone();
        let policy = own.as_deref().unwrap_or(&self.config.retransmissions).of(&method);
        let (first, wait) = (policy.interval(&timers), policy.wait(&timers, method != Method::Invite));
        let reliable = flow.transport.is_reliable();
        let full = self.clients.len() >= self.config.max_transactions;
        let index = self.clients.insert(Client {
            serial,
            timers: TransactionTimers::default(),
            key,
            flow: flow.clone(),
            method: method.clone(),
            branch: branch.into(),
            state: State::Calling,
            request: payload.clone(),
            fallback: None,
            ack: None,
            interval: first,
            own,
            left: policy.count,
            cancel_wanted: false,
            cancelled: false,
            cancel_headers: Vec::new(),
            quiet,
        });
        let id = ClientTransactionId { index, serial };
        self.client_index.insert(key, index);
        if full {
            self.fail_client(index);
            return id;
        }
        self.statistics.requests_sent.count(&method);
        self.send(flow, payload);
        if method == Method::Ack {
            self.remove_client(index);
            return id;
        }
        //= RFC 3261 17.1.1.2: "If an unreliable transport is being used, the client transaction MUST start
        //= timer A with a value of T1. [...] For any transport, the client transaction MUST start timer B
        //= with a value of 64*T1 seconds"
        self.set_client_end(index, now + wait);
        if !reliable && policy.count != Some(0) {
            self.set_client_soon(index, Some(now + first));
        }
        id
    }

    fn new_branch(&mut self) -> String {
        let mut branch = String::with_capacity(MAGIC_COOKIE.len() + 16);
        branch.push_str(MAGIC_COOKIE);
        branch.push_str(Tag::new(self.rng.next_u64()).as_str());
        branch
    }

    fn encode(&mut self, flow: &Flow, request: &RequestBuilder, branch: &str) -> Bytes {
        let local;
        let sent_by = match &self.config.sent_by {
            Some(sent_by) => sent_by.as_str(),
            None => {
                local = flow.local.to_string();
                &local
            }
        };
        // RFC 5923 7.1: whom we call over a stream may call us over it.
        let alias = if self.config.alias && flow.transport.is_reliable() { ";alias" } else { "" };
        let via = format!("SIP/2.0/{} {sent_by};branch={branch};rport{alias}", flow.transport);
        // Drawn only where they are used, so that a builder's own values do not change later draws.
        let from = match request.has(Header::From) {
            true => String::new(),
            false => format!("<sip:{sent_by}>;tag={}", Tag::new(self.rng.next_u64()).as_str()),
        };
        let call_id = if request.has(Header::CallId) { String::new() } else { self.new_call_id() };
        let defaults = RequestDefaults {
            via: &via,
            from: &from,
            call_id: &call_id,
            user_agent: self.config.server.as_deref(),
            max_forwards: self.config.max_forwards,
        };
        encode_request(request, &defaults)
    }

    fn find_client(&self, response: &Message) -> Option<usize> {
        //= RFC 3261 17.1.3: "If the response has the same value of the branch parameter in the top Via
        //= header field as the branch parameter in the top Via header field of the request that created the
        //= transaction." and "If the method parameter in the CSeq header field matches the method of the
        //= request"
        let via = response.top_via().ok()?;
        let cseq = response.cseq().ok()?;
        let key = self.keys.client(via.branch()?, cseq.method);
        //= RFC 3261 8.1.3.3: "If more than one Via header field value is present in a response, the UAC
        //= SHOULD discard the message."
        if response.elements(Header::Via).nth(1).is_some() {
            return None;
        }
        self.client_index.get(&key).copied()
    }

    fn send_cancel(&mut self, now: Instant, index: usize) {
        let Some(client) = self.clients.get_mut(index) else { return };
        client.cancelled = true;
        let (flow, branch, own) = (client.flow.clone(), client.branch.clone(), client.own.clone());
        let Some(payload) = follow_up(&client.request, "CANCEL", None, &client.cancel_headers) else {
            return;
        };
        //= RFC 3261 9.1: "If there is no final response for the original request in 64*T1 seconds (T1 is
        //= defined in Section 17.1.1.1), the client SHOULD then consider the original transaction cancelled
        //= and SHOULD destroy the client transaction handling the original request."
        self.set_client_end(index, now + self.config.timers.transaction());
        self.start_client(now, flow, Method::Cancel, &branch, payload, own, true);
    }

    fn acknowledge(&mut self, index: usize, response: &Message) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let Some(ack) = follow_up(&client.request, "ACK", response.first_raw(Header::To), &[]) else {
            return;
        };
        client.ack = Some(ack.clone());
        let flow = client.flow.clone();
        self.statistics.requests_sent.count(&Method::Ack);
        self.send(flow, ack);
    }

    fn retransmit(&mut self, now: Instant, index: usize) {
        let t2 = self.config.timers.t2;
        let Some(client) = self.clients.get_mut(index) else { return };
        client.left = client.left.map(|left| left.saturating_sub(1));
        let last = client.left == Some(0);
        let doubled = client.interval.saturating_mul(2);
        client.interval = match (client.method == Method::Invite, client.state) {
            // Timer A doubles without bound (17.1.1.2), timer E up to T2 (17.1.2.2).
            (true, _) => doubled,
            (false, State::Proceeding) => t2,
            (false, _) => doubled.min(t2),
        };
        let next = now + client.interval;
        let (flow, request) = (client.flow.clone(), client.request.clone());
        self.statistics.retransmissions_sent += 1;
        self.send(flow, request);
        self.set_client_soon(index, (!last).then_some(next));
    }

    fn client_end(&mut self, index: usize) {
        let Some(client) = self.clients.get(index) else { return };
        if matches!(client.state, State::Calling | State::Proceeding) && !client.quiet {
            let id = ClientTransactionId { index, serial: client.serial };
            self.statistics.client_timeouts += 1;
            self.events.push_back(Event::ClientTimeout { id });
        }
        self.remove_client(index);
    }

    fn fail_client(&mut self, index: usize) {
        let Some(client) = self.clients.get(index) else { return };
        if !client.quiet {
            let id = ClientTransactionId { index, serial: client.serial };
            self.events.push_back(Event::TransportFailed { id });
        }
        self.remove_client(index);
    }

    fn remove_client(&mut self, index: usize) {
        let Some(client) = self.clients.try_remove(index) else { return };
        if self.client_index.get(&client.key) == Some(&index) {
            self.client_index.remove(&client.key);
        }
    }

    fn set_client_end(&mut self, index: usize, at: Instant) {
        let Some(client) = self.clients.get_mut(index) else { return };
        if client.timers.set_end(at) {
            let entry = Entry { at, serial: client.serial, index, kind: TimerKind::End, client: true };
            self.arm(entry);
        }
    }

    fn set_client_soon(&mut self, index: usize, at: Option<Instant>) {
        let Some(client) = self.clients.get_mut(index) else { return };
        client.timers.soon = at;
        if let Some(at) = at {
            let entry = Entry { at, serial: client.serial, index, kind: TimerKind::Soon, client: true };
            self.arm(entry);
        }
    }
}

/// The request with another transport in its Via, which is the line after the first.
fn with_via_transport(request: &Bytes, from: Transport, to: Transport) -> Option<Bytes> {
    let old = format!("\r\nVia: SIP/2.0/{from} ");
    let new = format!("\r\nVia: SIP/2.0/{to} ");
    let at = memchr::memmem::find(request, old.as_bytes())?;
    let mut changed = Vec::with_capacity(request.len());
    changed.extend_from_slice(request.get(..at)?);
    changed.extend_from_slice(new.as_bytes());
    changed.extend_from_slice(request.get(at + old.len()..)?);
    Some(changed.into())
}

/// The CANCEL or the ACK to a non-2xx that belongs to `request` (RFC 3261 9.1 and 17.1.1.3): same
/// Request-URI, Via, From, Call-ID, Routes and CSeq number; the ACK's To is the response's.
fn follow_up(
    request: &Bytes,
    method: &str,
    to: Option<&[u8]>,
    headers: &[(String, String)],
) -> Option<Bytes> {
    let original = Message::parse(request.clone()).ok()?;
    let mut out = Vec::with_capacity(request.len());
    let mut line = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(if name.is_empty() { b"" } else { b": " });
        out.extend(value.iter().map(|octet| if matches!(octet, b'\r' | b'\n') { b' ' } else { *octet }));
        out.extend_from_slice(b"\r\n");
    };
    line("", format!("{method} {} SIP/2.0", original.request_uri()?).as_bytes());
    line("Via", original.first_raw(Header::Via)?);
    line("Max-Forwards", b"70");
    line("From", original.first_raw(Header::From)?);
    line("To", to.or(original.first_raw(Header::To))?);
    line("Call-ID", original.first_raw(Header::CallId)?);
    line("CSeq", format!("{} {method}", original.cseq().ok()?.number).as_bytes());
    for route in original.raw(Header::Route) {
        line("Route", route);
    }
    for (name, value) in headers {
        let token = !name.is_empty() && name.bytes().all(is_token_octet);
        if token && Header::from_bytes(name.as_bytes()) != Some(Header::ContentLength) {
            line(name, value.as_bytes());
        }
    }
    line("Content-Length", b"0");
    line("", b"");
    Some(Bytes::from(out))
}
