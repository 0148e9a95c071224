//! Server transactions (RFC 3261 17.2, RFC 6026, RFC 4320).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::key::{Key, Tag};
use super::reliable::Unacknowledged;
use super::timer::{Entry, TimerKind};
use super::{
    Endpoint, Event, ServerTransactionId, TransactionGone, TransactionTimers, is_in_dialog_only,
    response_flow,
};
use crate::config::{Retransmissions, Timers};
use crate::flow::Flow;
use crate::message::{Facts, Message, Method, Reply, ResponseContext, encode_response};
use crate::validate::{check, options_reply};

/// RFC 3261 figures 7 and 8, RFC 6026 figure 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Proceeding,
    /// A 2xx to INVITE was sent.
    Accepted,
    Completed,
    Confirmed,
}

/// What came for a request and what was sent for it, where the sender's address proves nothing.
#[derive(Debug)]
pub(super) struct Budget {
    /// `None` where the sender is known to be reached.
    received: Option<usize>,
    sent: usize,
}

impl Budget {
    fn new(verified: bool, received: usize) -> Budget {
        Budget { received: (!verified).then_some(received), sent: 0 }
    }

    fn received(&mut self, octets: usize) {
        self.received = self.received.map(|sum| sum.saturating_add(octets));
    }

    fn sent(&mut self, octets: usize) {
        self.sent = self.sent.saturating_add(octets);
    }

    /// Whether `octets` more may be sent, and if so, counts them.
    pub(super) fn spend(&mut self, octets: usize, factor: u32) -> bool {
        let factor = usize::try_from(factor).unwrap_or(usize::MAX);
        let after = self.sent.saturating_add(octets);
        let may = self.received.is_none_or(|received| after <= received.saturating_mul(factor));
        if may {
            self.sent = after;
        }
        may
    }
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) serial: u64,
    pub(super) timers: TransactionTimers,
    key: Key,
    merged: Option<Key>,
    /// What ACKs are found by, where that is not `key`.
    acks: Vec<Key>,
    /// How the request came.
    flow: Flow,
    /// Where responses go.
    pub(super) destination: Flow,
    pub(super) invite: bool,
    pub(super) state: State,
    /// Kept until the final response; with a 2xx until its ACK.
    pub(super) request: Option<Message>,
    /// The last response sent, while it may have to be sent again.
    pub(super) last: Option<Bytes>,
    to_tag: Tag,
    received: Instant,
    pub(super) budget: Budget,
    /// Its own way in which responses are sent again.
    pub(super) own: Option<Arc<Retransmissions>>,
    interval: Duration,
    /// How often the final response may be sent again yet; without bound `None`.
    left: Option<u32>,
    cancelled: bool,
    acknowledged: bool,
    /// CSeq number of an INVITE, for RAck.
    pub(super) invite_cseq: Option<u32>,
    /// The last RSeq used.
    pub(super) rseq: Option<u32>,
    pub(super) unacknowledged: Option<Unacknowledged>,
}

impl Endpoint {
    /// The responses to this request that are still to come are sent again by `policies`, whatever
    /// [`crate::EndpointConfig::retransmissions`] says. One that is over is left alone.
    pub fn set_retransmissions(&mut self, id: ServerTransactionId, policies: &Arc<Retransmissions>) {
        if let Some(server) = self.servers.get_mut(id.index).filter(|server| server.serial == id.serial) {
            server.own = Some(Arc::clone(policies));
        }
    }

    /// Sends a response.
    ///
    /// To a non-INVITE no provisional response but a late 100 is sent, and no 408 (RFC 4320): such replies
    /// are accepted and not sent, and a 408 ends the transaction in silence.
    ///
    /// 1xx may be sent several times; a final response ends the transaction's waiting, and its repetitions
    /// are the endpoint's business from then on. To an INVITE further 2xx are accepted (RFC 6026 7.1)
    /// as long as none has been acknowledged.
    ///
    /// # Errors
    /// [`TransactionGone`] after a final response, a timeout, or for an `id` of another endpoint.
    pub fn respond(
        &mut self,
        now: Instant,
        id: ServerTransactionId,
        reply: Reply,
    ) -> Result<(), TransactionGone> {
        let outcome = self.respond_in_transaction(now, id, &reply);
        self.tidy();
        outcome
    }

    /// The tag this transaction's responses carry in To, when the request has none.
    pub fn to_tag(&self, id: ServerTransactionId) -> Option<String> {
        let server = self.servers.get(id.index).filter(|server| server.serial == id.serial)?;
        Some(server.to_tag.as_str().to_owned())
    }

    pub(super) fn handle_request(&mut self, now: Instant, flow: Flow, request: Message) {
        match request.method_ref() {
            Some(Method::Ack) => return self.handle_ack(now, flow, request),
            Some(Method::Cancel) => return self.handle_cancel(flow, request),
            _ => {}
        }
        let message = request.clone();
        let facts = Facts::new(&message);
        let key = self.keys.server(&facts, &flow, message.method_octets());
        if let Some(&index) = self.server_index.get(&key) {
            return self.handle_retransmission(index, message.as_bytes().len());
        }
        if let Some(method) = request.method_ref() {
            self.statistics.requests_received.count(method);
        }
        if let Err(reply) = check(&facts, &self.config) {
            self.statistics.refused += 1;
            return self.respond_statelessly(&flow, &request, key, &reply);
        }
        let merged = self.keys.merged(&facts);
        //= RFC 3261 8.2.2.2: "the UAS core SHOULD generate a 482 (Loop Detected) response and pass it to
        //= the server transaction."
        if merged.is_some_and(|merged| self.server_index.contains_key(&merged)) {
            self.statistics.merged += 1;
            return self.respond_statelessly(&flow, &request, key, &Reply::new(482));
        }
        if self.config.check_dialogs && is_in_dialog_only(&facts) && !self.is_in_known_dialog(&facts) {
            self.statistics.refused += 1;
            return self.respond_statelessly(&flow, &request, key, &Reply::new(481));
        }
        if self.config.answer_options && request.method_ref() == Some(&Method::Options) {
            let reply = options_reply(&self.config);
            return self.respond_statelessly(&flow, &request, key, &reply);
        }
        if self.servers.len() >= self.config.max_transactions {
            self.statistics.overload += 1;
            let reply = Reply::new(503).retry_after(self.config.overload_retry_after);
            return self.respond_statelessly(&flow, &request, key, &reply);
        }
        let destination = response_flow(&self.config, &facts, &flow);
        // Who knows the tag we gave has received what we sent there.
        let verified = flow.transport.is_reliable() || self.is_in_known_dialog(&facts);
        let budget = Budget::new(verified, message.as_bytes().len());
        self.create_server(now, flow, destination, request, (key, merged), budget);
    }

    pub(super) fn server_timer(&mut self, now: Instant, entry: Entry) {
        let index = entry.index;
        let Some(server) = self.servers.get_mut(index).filter(|server| server.serial == entry.serial) else {
            return;
        };
        if !server.timers.wants(&entry) {
            return;
        }
        match entry.kind {
            TimerKind::Soon => self.server_soon(now, index),
            TimerKind::End => {
                server.timers.end_armed = None;
                match server.timers.end {
                    Some(end) if end > now => self.set_server_end(index, end),
                    _ => self.server_end(index),
                }
            }
        }
    }

    fn is_in_known_dialog(&self, facts: &Facts<'_>) -> bool {
        let (Ok(call_id), Some(local_tag)) = (&facts.call_id, facts.to_tag) else { return false };
        // RFC 2543 peers have no From tag; it then counts as empty (RFC 3261 12.1.1).
        let key = self.keys.dialog(call_id, local_tag, facts.from_tag.unwrap_or_default());
        self.dialogs.contains_key(&key)
    }

    fn create_server(
        &mut self,
        now: Instant,
        flow: Flow,
        destination: Flow,
        request: Message,
        (key, merged): (Key, Option<Key>),
        budget: Budget,
    ) {
        let invite = request.method_ref() == Some(&Method::Invite);
        let serial = self.next_serial();
        let server = Server {
            serial,
            timers: TransactionTimers::default(),
            key,
            merged,
            acks: Vec::new(),
            destination,
            flow: flow.clone(),
            invite,
            state: if invite { State::Proceeding } else { State::Trying },
            request: Some(request.clone()),
            last: None,
            to_tag: self.keys.tag(key),
            received: now,
            budget,
            own: None,
            interval: Duration::ZERO,
            left: None,
            cancelled: false,
            acknowledged: false,
            invite_cseq: request.cseq().ok().filter(|_| invite).map(|cseq| cseq.number),
            rseq: None,
            unacknowledged: None,
        };
        let index = self.servers.insert(server);
        self.server_index.insert(key, index);
        if let Some(merged) = merged {
            self.server_index.insert(merged, index);
        }
        if invite {
            //= RFC 3261 17.2.1: "The server transaction MUST generate a 100 (Trying) response unless it
            //= knows that the TU will generate a provisional or final response within 200 ms"
            self.set_server_soon(index, Some(now + self.config.timers.trying));
        } else {
            // RFC 4320 4.2: after timer F the client has given up, so a later answer helps nobody.
            self.set_server_end(index, now + self.config.timers.transaction());
        }
        self.events.push_back(Event::Request { id: ServerTransactionId { index, serial }, flow, request });
    }

    fn handle_retransmission(&mut self, index: usize, octets: usize) {
        self.statistics.retransmissions_received += 1;
        let Some(server) = self.servers.get_mut(index) else { return };
        server.budget.received(octets);
        // RFC 6026 7.1: in Accepted repetitions of the INVITE are absorbed; the 2xx has a timer of its own.
        if matches!(server.state, State::Accepted | State::Confirmed | State::Trying) {
            return;
        }
        let (Some(last), destination) = (server.last.clone(), server.destination.clone()) else { return };
        server.budget.sent(last.len());
        self.statistics.retransmissions_sent += 1;
        self.send(destination, last);
    }

    fn handle_ack(&mut self, now: Instant, flow: Flow, ack: Message) {
        self.statistics.requests_received.count(&Method::Ack);
        let facts = Facts::new(&ack);
        let key = self.keys.server(&facts, &flow, b"INVITE");
        let found = self.server_index.get(&key).copied().or_else(|| {
            let accepted = self.keys.accepted(&facts, facts.to_tag?);
            self.server_index.get(&accepted).copied()
        });
        let Some((index, server)) = found.and_then(|index| Some((index, self.servers.get_mut(index)?)))
        else {
            self.statistics.stray_acks += 1;
            return;
        };
        match server.state {
            State::Completed => {
                //= RFC 3261 17.2.1: "The purpose of the "Confirmed" state is to absorb any additional ACK
                //= messages that arrive"
                server.state = State::Confirmed;
                server.last = None;
                let wait =
                    if server.flow.transport.is_reliable() { Duration::ZERO } else { self.config.timers.t4 };
                self.set_server_soon(index, None);
                if wait.is_zero() {
                    self.remove_server(index);
                } else {
                    self.set_server_end(index, now + wait);
                }
            }
            State::Accepted if !server.acknowledged => {
                server.acknowledged = true;
                // Half a minute more the transaction absorbs what comes late; for that it needs neither.
                (server.request, server.last) = (None, None);
                let id = ServerTransactionId { index, serial: server.serial };
                self.set_server_soon(index, None);
                self.events.push_back(Event::Ack { id, flow, request: ack });
            }
            State::Accepted | State::Confirmed => self.statistics.retransmissions_received += 1,
            State::Trying | State::Proceeding => self.statistics.stray_acks += 1,
        }
    }

    fn handle_cancel(&mut self, flow: Flow, cancel: Message) {
        self.statistics.requests_received.count(&Method::Cancel);
        let facts = Facts::new(&cancel);
        let key = self.keys.server(&facts, &flow, b"INVITE");
        if let Err(reply) = check(&facts, &self.config) {
            self.statistics.refused += 1;
            return self.respond_statelessly(&flow, &cancel, key, &reply);
        }
        let found =
            self.server_index.get(&key).and_then(|index| Some((*index, self.servers.get_mut(*index)?)));
        let Some((index, server)) = found else {
            //= RFC 3261 9.2: "If the UAS did not find a matching transaction for the CANCEL according to
            //= the procedure above, it SHOULD respond to the CANCEL with a 481 (Call Leg/Transaction Does
            //= Not Exist)."
            return self.respond_statelessly(&flow, &cancel, key, &Reply::new(481));
        };
        let news = server.state == State::Proceeding && !server.cancelled;
        server.cancelled = true;
        let id = ServerTransactionId { index, serial: server.serial };
        // The tag is made from the INVITE's key, so both responses have the same one (RFC 3261 9.2).
        self.respond_statelessly(&flow, &cancel, key, &Reply::new(200));
        if news {
            self.events.push_back(Event::Cancel { id, flow, request: cancel });
        }
    }

    fn respond_in_transaction(
        &mut self,
        now: Instant,
        id: ServerTransactionId,
        reply: &Reply,
    ) -> Result<(), TransactionGone> {
        let server = self
            .servers
            .get_mut(id.index)
            .filter(|server| server.serial == id.serial)
            .ok_or(TransactionGone)?;
        let status = reply.status();
        let may_answer = match server.state {
            State::Trying | State::Proceeding => true,
            State::Accepted => status.is_success(),
            State::Completed | State::Confirmed => false,
        };
        let request = server.request.clone().filter(|_| may_answer).ok_or(TransactionGone)?;
        if !server.invite {
            let waited = now.saturating_duration_since(server.received);
            //= RFC 4320 4.1: "An SIP element MUST NOT send any provisional response with a Status-Code
            //= other than 100 to a non-INVITE request."
            //= RFC 4320 4.1: "An SIP element MUST NOT respond to a non-INVITE request with a Status-Code of
            //= 100 over any unreliable transport, such as UDP, before the amount of time it takes a client
            //= transaction's Timer E to be reset to T2."
            if status.is_provisional() && (status != 100 || waited < until_timer_e_is_t2(&self.config.timers))
            {
                return Ok(());
            }
            //= RFC 4320 4.2: "A transaction-stateful SIP element MUST NOT send a response with Status-Code
            //= of 408 to a non-INVITE request."
            if status == 408 {
                self.remove_server(id.index);
                return Ok(());
            }
        }
        let payload = encode_response(
            &ResponseContext {
                request: &request,
                source: server.flow.remote,
                to_tag: server.to_tag.as_str(),
                server: self.config.server.as_deref(),
                delay: now.saturating_duration_since(server.received),
            },
            reply,
        );
        server.last = Some(payload.clone());
        server.budget.sent(payload.len());
        let destination = server.destination.clone();
        let reliable = server.flow.transport.is_reliable();
        let again = server.state == State::Accepted;
        self.statistics.responses_sent.count(status);
        self.send(destination, payload);
        if status.is_provisional() {
            server_proceeding(self, id.index);
            return Ok(());
        }
        let timers = &self.config.timers;
        let own = self.servers.get(id.index).and_then(|server| server.own.as_deref());
        let policy = own.unwrap_or(&self.config.retransmissions).response;
        let t1 = policy.interval(timers);
        let transaction = timers.transaction().max(policy.wait(timers, true));
        let Some(server) = self.servers.get_mut(id.index) else { return Err(TransactionGone) };
        server.unacknowledged = None;
        if !server.invite {
            //= RFC 3261 17.2.2: "When the server transaction enters the "Completed" state, it MUST set
            //= Timer J to fire in 64*T1 seconds for unreliable transports, and zero seconds for reliable
            //= transports."
            server.state = State::Completed;
            server.request = None;
            if reliable {
                self.remove_server(id.index);
            } else {
                self.set_server_end(id.index, now + transaction);
            }
            return Ok(());
        }
        server.interval = t1;
        server.left = policy.count;
        let to_tag =
            request.to().ok().and_then(|to| to.tag()).or(reply.tag()).unwrap_or(server.to_tag.as_str());
        let to_tag = to_tag.to_owned();
        if status.is_success() {
            server.state = State::Accepted;
            // A further 2xx (another fork's) is acknowledged under its own tag; only the first is repeated
            // by us.
            let key = self.keys.accepted(&Facts::new(&request), &to_tag);
            if !server.acks.contains(&key) {
                server.acks.push(key);
                self.server_index.insert(key, id.index);
            }
            if again {
                return Ok(());
            }
            // RFC 6026 7.1: timer L, 64*T1 for all transports.
            self.set_server_end(id.index, now + transaction);
            //= RFC 3261 13.3.1.4: "The 2xx response is passed to the transport with an interval that starts
            //= at T1 seconds and doubles for each retransmission until it reaches T2 seconds"
            self.set_server_soon(id.index, Some(now + t1));
            return Ok(());
        }
        server.state = State::Completed;
        server.request = None;
        // An RFC 2543 ACK carries the tag of this response, which the INVITE did not have.
        let key = self.keys.server_with_tag(&Facts::new(&request), &server.flow, b"INVITE", Some(&to_tag));
        if key != server.key {
            server.acks.push(key);
            self.server_index.insert(key, id.index);
        }
        //= RFC 3261 17.2.1: "When the "Completed" state is entered, timer H MUST be set to fire in 64*T1
        //= seconds for all transports."
        self.set_server_end(id.index, now + transaction);
        let soon = (!reliable).then(|| now + t1);
        self.set_server_soon(id.index, soon);
        Ok(())
    }

    /// The 100, timer G, or the repetition of a 2xx.
    fn server_soon(&mut self, now: Instant, index: usize) {
        let Some(server) = self.servers.get_mut(index) else { return };
        match server.state {
            State::Proceeding => {
                if self.repeat_reliable(now, index) {
                    return;
                }
                let Some(server) = self.servers.get_mut(index) else { return };
                let id = ServerTransactionId { index, serial: server.serial };
                server.timers.soon = None;
                // The state was looked at just above, so the transaction is there and takes a provisional
                // response.
                let _ = self.respond_in_transaction(now, id, &Reply::new(100));
            }
            State::Completed | State::Accepted => {
                let Some(last) = server.last.clone() else { return };
                if server.left == Some(0) {
                    return self.give_up_on_ack(index);
                }
                server.left = server.left.map(|left| left - 1);
                server.interval = server.interval.saturating_mul(2).min(self.config.timers.t2);
                let next = now + server.interval;
                let destination = server.destination.clone();
                // A repetition of the request makes room for more.
                if server.budget.spend(last.len(), self.config.amplification_invite) {
                    self.statistics.retransmissions_sent += 1;
                    self.send(destination, last);
                } else {
                    self.statistics.repetitions_withheld += 1;
                }
                self.set_server_soon(index, Some(next));
            }
            State::Trying | State::Confirmed => server.timers.soon = None,
        }
    }

    /// The last repetition of a final response to INVITE has not been acknowledged either. After a 2xx the
    /// transaction stays until timer L, to absorb the INVITE.
    fn give_up_on_ack(&mut self, index: usize) {
        let Some(server) = self.servers.get_mut(index) else { return };
        server.timers.soon = None;
        if server.state != State::Accepted {
            return self.server_end(index);
        }
        server.acknowledged = true;
        let id = ServerTransactionId { index, serial: server.serial };
        self.statistics.ack_timeouts += 1;
        self.events.push_back(Event::AckTimeout { id });
    }

    fn server_end(&mut self, index: usize) {
        let Some(server) = self.servers.get(index) else { return };
        let id = ServerTransactionId { index, serial: server.serial };
        match server.state {
            State::Trying | State::Proceeding => {
                self.statistics.server_timeouts += 1;
                self.events.push_back(Event::ServerTimeout { id });
            }
            State::Completed if server.invite => {
                self.statistics.ack_timeouts += 1;
                self.events.push_back(Event::AckTimeout { id });
            }
            State::Accepted if !server.acknowledged => {
                self.statistics.ack_timeouts += 1;
                self.events.push_back(Event::AckTimeout { id });
            }
            State::Accepted | State::Completed | State::Confirmed => {}
        }
        self.remove_server(index);
    }

    fn remove_server(&mut self, index: usize) {
        let Some(server) = self.servers.try_remove(index) else { return };
        for key in [server.key].into_iter().chain(server.merged).chain(server.acks) {
            if self.server_index.get(&key) == Some(&index) {
                self.server_index.remove(&key);
            }
        }
    }

    fn set_server_end(&mut self, index: usize, at: Instant) {
        let Some(server) = self.servers.get_mut(index) else { return };
        if server.timers.set_end(at) {
            let entry = Entry { at, serial: server.serial, index, kind: TimerKind::End, client: false };
            self.arm(entry);
        }
    }

    pub(super) fn set_server_soon(&mut self, index: usize, at: Option<Instant>) {
        let Some(server) = self.servers.get_mut(index) else { return };
        server.timers.soon = at;
        if let Some(at) = at {
            let entry = Entry { at, serial: server.serial, index, kind: TimerKind::Soon, client: false };
            self.arm(entry);
        }
    }
}

/// Timer E fires after T1, 2*T1, 4*T1 … until the next interval is T2 (RFC 3261 17.1.2.2).
fn until_timer_e_is_t2(timers: &Timers) -> Duration {
    let (mut waited, mut interval) = (Duration::ZERO, timers.t1.max(Duration::from_millis(1)));
    while interval < timers.t2 {
        waited += interval;
        interval *= 2;
    }
    waited
}

fn server_proceeding(endpoint: &mut Endpoint, index: usize) {
    let Some(server) = endpoint.servers.get_mut(index) else { return };
    server.state = State::Proceeding;
    // The 100 is not needed any more; a reliable response goes on being repeated.
    if server.invite && server.unacknowledged.is_none() {
        server.timers.soon = None;
    }
}

#[cfg(test)]
impl Server {
    pub(super) fn key_for_test(&self) -> Key {
        self.key
    }
}
