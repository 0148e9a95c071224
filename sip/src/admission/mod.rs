//! What is let in when more comes than can be served: limits per source, and a queue that sheds what can be
//! asked again before what belongs to a call.
//!
//! It stands between the sockets and the [`crate::Endpoint`]. Give it everything that arrived, then serve as
//! much as there is time for; what is refused leaves by [`Admission::poll_transmit`]:
//!
//! ```
//! use std::time::Instant;
//! use sip::admission::{Admission, AdmissionConfig};
//! # use sip::{Endpoint, EndpointConfig, Flow, Transport};
//! # let mut endpoint = Endpoint::new(EndpointConfig::default(), [1; 32]);
//! # let flow = Flow { transport: Transport::Udp, local: "192.0.2.1:5060".parse()?, remote: "192.0.2.9:5060".parse()?, connection: None };
//! # let data = bytes::Bytes::from_static(b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a>\r\nTo: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n");
//! let mut admission = Admission::new(AdmissionConfig::default(), [2; 32]);
//! let now = Instant::now();
//! admission.offer(now, flow, data); // for everything the sockets have
//! for _ in 0..64 {
//!     let Some(admitted) = admission.poll() else { break };
//!     endpoint.handle_message(now, admitted.flow, admitted.message);
//! }
//! while let Some(transmit) = admission.poll_transmit() { /* `net::Net::send` */ }
//! assert!(endpoint.poll_transmit().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The order in which classes are shed is that of [`Class`], the last first. A refused request gets one 503
//! with Retry-After, whatever the network repeats; responses and ACKs get nothing. The 503 is shorter than
//! thrice the request it answers, so a forged source gains nothing.

mod limits;

#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::EndpointConfig;
use crate::endpoint::response_flow;
use crate::flow::{Flow, Transmit};
use crate::message::{
    Facts, Header, Limits, Message, Method, ParseError, Reply, ResponseContext, encode_response,
};

use limits::{Rate, Sources};

/// How much is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionConfig {
    /// Messages a second from one source in the long run; 0 for no limit. Default 1,000. Responses and what
    /// belongs to a dialog may be four times the burst ahead, so that calls survive the limit.
    pub rate: u32,
    /// Messages at once from one source. Default 2,000.
    pub burst: u32,
    /// Messages waiting to be served, of all classes. Default 4,096. OPTIONS are let in up to half of it,
    /// REGISTER up to five eighths, subscriptions and messages up to three quarters, new calls up to seven
    /// eighths; the rest is for calls there are.
    pub queue: usize,
    /// Octets waiting to be served. Default 16 MiB.
    pub octets: usize,
    /// `Retry-After` of refusals, in seconds. Default 5.
    pub retry_after: u32,
    /// Refusals sent a second to everybody; beyond, refused requests get nothing. Default 500.
    pub refusals: u32,
    /// `Server` in refusals.
    pub server: Option<String>,
    /// Bounds on messages.
    pub limits: Limits,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        AdmissionConfig {
            rate: 1000,
            burst: 2000,
            queue: 4096,
            octets: 16 << 20,
            retry_after: 5,
            refusals: 500,
            server: None,
            limits: Limits::default(),
        }
    }
}

/// What a message is worth; the last is shed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Responses, ACKs, and requests inside a dialog.
    Dialog,
    /// New INVITEs, their CANCELs (which must not overtake them), and methods not named below.
    Call,
    /// NOTIFY, SUBSCRIBE, PUBLISH, MESSAGE.
    Event,
    /// REGISTER.
    Register,
    /// OPTIONS.
    Options,
}

impl Class {
    /// All, the last to be shed first.
    pub const ALL: [Class; 5] = [Class::Dialog, Class::Call, Class::Event, Class::Register, Class::Options];

    /// The class of a message.
    pub fn of(message: &Message) -> Class {
        let Some(method) = message.method_ref() else { return Class::Dialog };
        match method {
            Method::Cancel => Class::Call,
            Method::Ack | Method::Prack | Method::Bye => Class::Dialog,
            _ if message.to().is_ok_and(|to| to.tag().is_some()) => Class::Dialog,
            Method::Options => Class::Options,
            Method::Register => Class::Register,
            Method::Notify | Method::Subscribe | Method::Publish | Method::Message => Class::Event,
            _ => Class::Call,
        }
    }

    /// Its share of the queue, in eighths.
    fn share(self) -> usize {
        match self {
            Class::Dialog => 8,
            Class::Call => 7,
            Class::Event => 6,
            Class::Register => 5,
            Class::Options => 4,
        }
    }
}

/// A message to be served: for [`crate::Endpoint::handle_message`].
#[derive(Clone, Debug)]
pub struct Admitted {
    /// How it came.
    pub flow: Flow,
    /// The message.
    pub message: Message,
}

/// Counters of an [`Admission`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionStatistics {
    /// Messages let in, by class in the order of [`Class::ALL`].
    pub admitted: [u64; 5],
    /// Messages shed because the queue was full, likewise.
    pub shed: [u64; 5],
    /// Messages above their source's rate.
    pub limited: u64,
    /// Refusals sent.
    pub refused: u64,
    /// Requests refused in silence: repetitions of refused ones, and those beyond
    /// [`AdmissionConfig::refusals`].
    pub refused_silently: u64,
    /// Octets that were no SIP message.
    pub unreadable: u64,
    /// Keep-alive datagrams.
    pub keep_alives: u64,
}

/// The gate. Sans-IO: see the module's page.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    sources: Sources,
    refusals: Rate,
    queues: [VecDeque<Admitted>; 5],
    waiting: usize,
    octets: usize,
    /// Requests that have been refused, until when that is remembered.
    refused: HashSet<u64>,
    refused_order: VecDeque<(Instant, u64)>,
    hasher: RandomState,
    /// Where refusals go is decided as the endpoint decides it.
    endpoint: EndpointConfig,
    secret: [u8; 32],
    transmits: VecDeque<Transmit>,
    statistics: AdmissionStatistics,
}

/// Refused requests remembered; beyond, refused requests get nothing.
const MAX_REFUSED: usize = 8192;
/// How long: 64*T1, as long as a request is repeated.
const REFUSED_FOR: Duration = Duration::from_secs(32);

impl Admission {
    /// An empty queue. `seed` makes the tags of refusals and must come from a good source in production.
    pub fn new(config: AdmissionConfig, seed: [u8; 32]) -> Admission {
        Admission {
            sources: Sources::default(),
            refusals: Rate::default(),
            queues: Default::default(),
            waiting: 0,
            octets: 0,
            refused: HashSet::new(),
            refused_order: VecDeque::new(),
            hasher: RandomState::new(),
            endpoint: EndpointConfig::default(),
            secret: seed,
            transmits: VecDeque::new(),
            statistics: AdmissionStatistics::default(),
            config,
        }
    }

    /// Other settings from now on; what waits stays.
    pub fn set_config(&mut self, config: AdmissionConfig) {
        self.config = config;
    }

    /// Takes a datagram, or one message of a stream.
    pub fn offer(&mut self, now: Instant, flow: Flow, data: Bytes) {
        let message = match Message::parse_with(data, &self.config.limits) {
            Ok(message) => message,
            Err(error) => {
                match error {
                    ParseError::Empty { .. } => self.statistics.keep_alives += 1,
                    _ => self.statistics.unreadable += 1,
                }
                // Nonsense uses up what its sender may send, too.
                self.sources.take(now, source_of(flow.remote.ip()), &self.config, 4);
                return;
            }
        };
        let class = Class::of(&message);
        let ahead = if class == Class::Dialog { 4 } else { 1 };
        if !self.sources.take(now, source_of(flow.remote.ip()), &self.config, ahead) {
            self.statistics.limited += 1;
            return self.refuse(now, &flow, &message);
        }
        // What has been refused once stays refused: its sender has gone elsewhere.
        if !self.refused.is_empty() && message.is_request() && self.is_refused(now, &flow, &message) {
            self.statistics.refused_silently += 1;
            return;
        }
        let len = message.as_bytes().len();
        while !self.has_room(class, len) {
            if class != Class::Dialog || !self.shed_lowest(now) {
                self.count_shed(class);
                return self.refuse(now, &flow, &message);
            }
        }
        self.waiting += 1;
        self.octets += len;
        if let (Some(queue), Some(count)) =
            (self.queues.get_mut(class as usize), self.statistics.admitted.get_mut(class as usize))
        {
            *count += 1;
            queue.push_back(Admitted { flow, message });
        }
    }

    /// The next message to serve: of the best class that waits, the oldest.
    pub fn poll(&mut self) -> Option<Admitted> {
        let admitted = self.queues.iter_mut().find_map(VecDeque::pop_front)?;
        self.forget(&admitted);
        Some(admitted)
    }

    /// The next refusal to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// Messages waiting.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Counters.
    pub fn statistics(&self) -> &AdmissionStatistics {
        &self.statistics
    }

    fn has_room(&self, class: Class, len: usize) -> bool {
        let share = |all: usize| all.saturating_mul(class.share()) / 8;
        self.waiting < share(self.config.queue).max(1)
            && self.octets.saturating_add(len) <= share(self.config.octets).max(len)
    }

    /// Makes room by refusing the newest message of the least class that waits. False when only calls wait.
    fn shed_lowest(&mut self, now: Instant) -> bool {
        let found = Class::ALL
            .iter()
            .zip(self.queues.iter_mut())
            .skip(1)
            .rev()
            .find_map(|(class, queue)| Some((*class, queue.pop_back()?)));
        let Some((class, shed)) = found else { return false };
        self.forget(&shed);
        self.count_shed(class);
        self.refuse(now, &shed.flow, &shed.message);
        true
    }

    fn forget(&mut self, gone: &Admitted) {
        self.waiting = self.waiting.saturating_sub(1);
        self.octets = self.octets.saturating_sub(gone.message.as_bytes().len());
    }

    fn count_shed(&mut self, class: Class) {
        if let Some(count) = self.statistics.shed.get_mut(class as usize) {
            *count += 1;
        }
    }

    /// 503, once for each request.
    fn refuse(&mut self, now: Instant, flow: &Flow, request: &Message) {
        if !request.is_request() || request.method_ref() == Some(&Method::Ack) {
            return;
        }
        if self.is_refused(now, flow, request)
            || self.refused.len() >= MAX_REFUSED
            || !self.refusals.take(now, self.config.refusals, self.config.refusals, 1)
        {
            self.statistics.refused_silently += 1;
            return;
        }
        let key = self.key(flow, request);
        self.refused.insert(key);
        self.refused_order.push_back((now + REFUSED_FOR, key));
        let facts = Facts::new(request);
        let destination = response_flow(&self.endpoint, &facts, flow);
        //= RFC 3261 21.5.4: "The server is temporarily unable to process the request due to a temporary
        //= overloading or maintenance of the server."
        let reply = Reply::new(503).retry_after(self.config.retry_after);
        let tag = self.tag(request);
        let mut context = ResponseContext {
            request,
            source: flow.remote,
            to_tag: &tag,
            server: self.config.server.as_deref(),
            delay: Duration::ZERO,
        };
        let mut payload = encode_response(&context, &reply);
        if payload.len() > request.as_bytes().len().saturating_mul(3) {
            context.server = None;
            payload = encode_response(&context, &reply);
        }
        if !flow.transport.is_reliable() && payload.len() > request.as_bytes().len().saturating_mul(3) {
            self.statistics.refused_silently += 1;
            return;
        }
        self.statistics.refused += 1;
        self.transmits.push_back(Transmit::new(destination, payload));
    }

    fn is_refused(&mut self, now: Instant, flow: &Flow, request: &Message) -> bool {
        while let Some((_, key)) = self.refused_order.pop_front_if(|(until, _)| *until <= now) {
            self.refused.remove(&key);
        }
        self.refused.contains(&self.key(flow, request))
    }

    /// What the repetitions of a request have in common.
    fn key(&self, flow: &Flow, request: &Message) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(flow.remote.to_string().as_bytes());
        for part in [Header::Via, Header::CallId, Header::CSeq, Header::From] {
            let octets = request.first_raw(part).unwrap_or_default();
            hasher.write_usize(octets.len());
            hasher.write(octets);
        }
        hasher.finish()
    }

    fn tag(&self, request: &Message) -> String {
        use sha2::{Digest as _, Sha256};
        let mut hasher = Sha256::new();
        hasher.update(self.secret);
        for part in [Header::Via, Header::CallId, Header::CSeq] {
            hasher.update(request.first_raw(part).unwrap_or_default());
            hasher.update([0]);
        }
        hasher.finalize().iter().take(8).map(|octet| format!("{octet:02x}")).collect()
    }
}

/// Who counts as one source: an IPv4 address, or a /64 of IPv6, whose addresses its owner may choose.
pub fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}
