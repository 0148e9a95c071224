//! Transactions and the user agent core's duties towards every request, without IO.
//!
//! Feed it what arrives ([`Endpoint::handle_received`]) and the time ([`Endpoint::handle_timeout`]); then
//! drain [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`] until both are empty, and sleep until
//! [`Endpoint::poll_timeout`].

mod client;
mod key;
mod reliable;
mod server;
mod timer;

#[cfg(test)]
mod retry_tests;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use slab::Slab;

use crate::config::EndpointConfig;
use crate::flow::{Flow, Transmit};
use crate::message::{Facts, Message, Method, ParseError, Reply, ResponseContext, encode_response};
use crate::statistics::Statistics;

pub use reliable::{Received, ReliableError, ReliableResponses};

use client::Client;
use key::{Key, KeyMap, Keys, Tag};
use server::Server;
use timer::{Entry, TimerKind, TimerQueue};

/// A request we have to answer. Valid until the final answer is given, or the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerTransactionId {
    index: usize,
    serial: u64,
}

/// A request we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientTransactionId {
    index: usize,
    serial: u64,
}

/// The transaction has been answered finally, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server transaction has been answered or has ended")]
pub struct TransactionGone;

/// What the user of the endpoint has to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request to be answered with [`Endpoint::respond`]. It comes once, whatever the network repeats.
    Request {
        /// What to answer to.
        id: ServerTransactionId,
        /// How it came.
        flow: Flow,
        /// The request.
        request: Message,
    },
    /// The INVITE `id` is cancelled. The CANCEL has been answered; the user answers the INVITE, normally
    /// with 487 (RFC 3261 9.2).
    Cancel {
        /// The INVITE's transaction.
        id: ServerTransactionId,
        /// How it came.
        flow: Flow,
        /// The CANCEL.
        request: Message,
    },
    /// The ACK to our 2xx, once. ACKs to other responses end here.
    Ack {
        /// The INVITE's transaction.
        id: ServerTransactionId,
        /// How it came.
        flow: Flow,
        /// The ACK, whose body may be the answer.
        request: Message,
    },
    /// A non-INVITE request was not answered within 64*T1; nobody waits any more (RFC 4320 4.2).
    ServerTimeout {
        /// The transaction, which has ended.
        id: ServerTransactionId,
    },
    /// No ACK to a final response came within 64*T1. After a 2xx the session should be ended with BYE (RFC
    /// 3261 13.3.1.4).
    AckTimeout {
        /// The INVITE's transaction, which has ended.
        id: ServerTransactionId,
    },
    /// No PRACK for a reliable provisional response came within 64*T1. The user should refuse the INVITE
    /// with a 5xx (RFC 3262 3).
    PrackTimeout {
        /// The INVITE's transaction, which is still to be answered.
        id: ServerTransactionId,
    },
    /// A response: every provisional one, the first final one, and for INVITE every 2xx (forks, and
    /// repetitions, which the user answers with ACK again).
    Response {
        /// The request it answers.
        id: ClientTransactionId,
        /// How it came.
        flow: Flow,
        /// The response.
        response: Message,
    },
    /// No final response within 64*T1 (timers B and F), which counts as a 408 (RFC 3261 8.1.3.1).
    ClientTimeout {
        /// The transaction, which has ended.
        id: ClientTransactionId,
    },
    /// The request could not be sent, or there are too many, which counts as a 503 (RFC 3261 8.1.3.1).
    TransportFailed {
        /// The transaction, which has ended.
        id: ClientTransactionId,
    },
}

/// Transactions of each side, and calls, that tables have room for from the beginning. Room nobody has used is no memory yet,
/// while a table that doubles leaves as much behind as it takes.
pub(crate) const AHEAD: usize = 256;

/// All transactions of one user agent.
///
/// See the crate's first page for a complete drive loop.
pub struct Endpoint {
    config: Arc<EndpointConfig>,
    keys: Keys,
    rng: StdRng,
    servers: Slab<Server>,
    server_index: KeyMap<usize>,
    clients: Slab<Client>,
    client_index: KeyMap<usize>,
    dialogs: KeyMap<()>,
    timers: TimerQueue,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    statistics: Statistics,
    serial: u64,
}

impl Endpoint {
    /// An endpoint without transactions. `seed` makes branches, tags and Call-IDs; it must come from a good
    /// source in production, because who knows it can forge answers.
    pub fn new(config: EndpointConfig, seed: [u8; 32]) -> Endpoint {
        let mut rng = StdRng::from_seed(seed);
        let keys = Keys::new([rng.next_u64(), rng.next_u64()]);
        Endpoint {
            config: Arc::new(config),
            keys,
            rng,
            servers: Slab::with_capacity(AHEAD),
            server_index: KeyMap::default(),
            clients: Slab::with_capacity(AHEAD),
            client_index: KeyMap::default(),
            dialogs: KeyMap::default(),
            timers: TimerQueue::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            statistics: Statistics::default(),
            serial: 0,
        }
    }

    /// Other settings from now on. Running transactions keep the timers they have armed.
    pub fn set_config(&mut self, config: EndpointConfig) {
        self.config = Arc::new(config);
    }

    /// The settings.
    pub fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// Takes a datagram, or one message that [`crate::stream::StreamFramer`] cut out of a stream.
    pub fn handle_received(&mut self, now: Instant, flow: Flow, data: Bytes) {
        match Message::parse_with(data, &self.config.limits) {
            Ok(message) => self.handle_message(now, flow, message),
            Err(ParseError::Empty { .. }) => self.statistics.keep_alives += 1,
            Err(error) => {
                self.statistics.unreadable += 1;
                tracing::debug!(remote = %flow.remote, %error, "not a SIP message");
            }
        }
        self.tidy();
    }

    /// [`Endpoint::handle_received`] for a message that has been parsed already.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        if message.is_request() {
            self.handle_request(now, flow, message);
        } else {
            self.handle_response(now, flow, message);
        }
        self.tidy();
    }

    /// Sending on `flow` failed (ICMP error, connection refused or closed): client transactions on it end
    /// with [`Event::TransportFailed`]. A `flow` with a connection means that connection only.
    pub fn handle_transport_error(&mut self, now: Instant, flow: &Flow) {
        self.fail_clients(now, flow);
        self.tidy();
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(entry) = self.timers.peek() {
            if entry.at > now {
                break;
            }
            self.timers.pop();
            if entry.client {
                self.client_timer(now, entry);
            } else {
                self.server_timer(now, entry);
            }
        }
        self.tidy();
    }

    /// When [`Endpoint::handle_timeout`] is to be called next; `None` while nothing waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|entry| entry.at)
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Registers a dialog, so that requests inside it reach the user; see
    /// [`EndpointConfig::check_dialogs`]. Idempotent. `local_tag` is the tag requests from the peer carry
    /// in To.
    pub fn insert_dialog(&mut self, call_id: &str, local_tag: &str, remote_tag: &str) {
        let key = self.keys.dialog(call_id, local_tag, remote_tag);
        self.dialogs.insert(key, ());
    }

    /// Forgets a dialog.
    pub fn remove_dialog(&mut self, call_id: &str, local_tag: &str, remote_tag: &str) {
        let key = self.keys.dialog(call_id, local_tag, remote_tag);
        self.dialogs.remove(&key);
    }

    /// A fresh tag: 64 random bits as 16 hexadecimal digits.
    pub fn new_tag(&mut self) -> String {
        Tag::new(self.rng.next_u64()).as_str().to_owned()
    }

    /// A fresh Call-ID: 128 random bits, without host part (RFC 3261 8.1.1.4 allows any word).
    pub fn new_call_id(&mut self) -> String {
        self.new_tag() + &self.new_tag()
    }

    /// Counters.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Server and client transactions alive.
    pub fn active_transactions(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// Dialogs registered with [`Endpoint::insert_dialog`].
    pub fn dialogs(&self) -> usize {
        self.dialogs.len()
    }

    /// Timer entries held, those that became void included: for leak tests and metrics.
    pub fn armed_timers(&self) -> usize {
        self.timers.len()
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn arm(&mut self, entry: Entry) {
        self.timers.push(entry);
    }

    /// Drops entries at the front that no transaction waits for, so that nobody is woken for nothing.
    fn tidy(&mut self) {
        while let Some(entry) = self.timers.peek() {
            let wanted = if entry.client {
                self.clients
                    .get(entry.index)
                    .filter(|client| client.serial == entry.serial)
                    .is_some_and(|client| client.timers.wants(&entry))
            } else {
                self.servers
                    .get(entry.index)
                    .filter(|server| server.serial == entry.serial)
                    .is_some_and(|server| server.timers.wants(&entry))
            };
            if wanted {
                break;
            }
            self.timers.pop();
        }
    }

    fn send(&mut self, flow: Flow, payload: Bytes) {
        self.transmits.push_back(Transmit::new(flow, payload));
    }

    /// Answers without a transaction (RFC 3261 8.2.7): every copy of the request gets the same answer.
    fn respond_statelessly(&mut self, flow: &Flow, request: &Message, key: Key, reply: &Reply) {
        let tag = self.keys.tag(key);
        let mut context = ResponseContext {
            request,
            source: flow.remote,
            to_tag: tag.as_str(),
            server: self.config.server.as_deref(),
            delay: Duration::ZERO,
        };
        let mut payload = encode_response(&context, reply);
        let factor = usize::try_from(self.config.amplification).unwrap_or(usize::MAX);
        if !flow.transport.is_reliable() && payload.len() > request.as_bytes().len().saturating_mul(factor) {
            // A tiny request gets the bare answer: our lists would multiply what a forged source costs its
            // sender.
            context.server = None;
            payload = encode_response(&context, &Reply::new(reply.status().as_u16()));
        }
        self.statistics.responses_sent.count(reply.status());
        let destination = response_flow(&self.config, &Facts::new(request), flow);
        self.send(destination, payload);
    }
}

/// The two times a transaction waits for, and which of them stand in the queue.
#[derive(Debug, Default)]
struct TransactionTimers {
    soon: Option<Instant>,
    end: Option<Instant>,
    /// The earliest entry for `end` in the queue; it may be earlier than `end`, then it is put back.
    end_armed: Option<Instant>,
}

impl TransactionTimers {
    fn wants(&self, entry: &Entry) -> bool {
        match entry.kind {
            TimerKind::Soon => self.soon == Some(entry.at),
            TimerKind::End => self.end.is_some() && self.end_armed == Some(entry.at),
        }
    }

    /// Sets the end; true when an entry has to be queued.
    fn set_end(&mut self, at: Instant) -> bool {
        self.end = Some(at);
        if self.end_armed.is_none_or(|armed| armed > at) {
            self.end_armed = Some(at);
            return true;
        }
        false
    }
}

/// Where the response goes (RFC 3261 18.2.2, RFC 3581 4).
pub(crate) fn response_flow(config: &EndpointConfig, facts: &Facts<'_>, flow: &Flow) -> Flow {
    if flow.transport.is_reliable() {
        return flow.clone();
    }
    let Some(Ok(via)) = &facts.via else { return flow.clone() };
    let maddr = if config.use_maddr { via.maddr().and_then(crate::message::parse_ip) } else { None };
    // One datagram would become as many as the group has members.
    let maddr = maddr.filter(|address| !is_group(*address));
    if let Some(address) = maddr {
        let port = via.port.unwrap_or(flow.transport.default_port());
        return Flow { remote: SocketAddr::new(address, port), ..flow.clone() };
    }
    if via.rport().is_some() {
        return flow.clone();
    }
    //= RFC 3261 18.2.2: "if the top Via has a "received" parameter, the response MUST be sent to the
    //= address in the "received" parameter, using the port indicated in the "sent-by" value, or using port
    //= 5060 if none is specified explicitly." (received is the source address, whether it had to be written
    //= or not)
    let mut remote = flow.remote;
    remote.set_port(match via.port {
        Some(0) | None => flow.transport.default_port(),
        Some(port) => port,
    });
    Flow { remote, ..flow.clone() }
}

/// Multicast or broadcast.
fn is_group(address: std::net::IpAddr) -> bool {
    address.is_multicast() || address == std::net::IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
}

fn is_in_dialog_only(facts: &Facts<'_>) -> bool {
    match facts.request.method_ref() {
        Some(Method::Bye | Method::Info | Method::Update | Method::Prack) => true,
        Some(Method::Invite) => facts.to_tag.is_some(),
        _ => false,
    }
}
