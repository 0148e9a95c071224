//! One D channel: data link, calls and services behind one interface.

mod call;
mod channels;
mod command;
mod config;
mod connectionless;
mod diagnostic;
mod dialect;
mod hold;
mod invoker;
mod nfas;
mod record;
mod restart;
mod segment;
mod server;
mod signalling;
mod timer;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

pub use call::{CallEvent, CallState};
pub use channels::{BChannel, DChannel, NfasMember};
pub use command::{CallDetail, CallError, CallInfo, CallRequest};
pub use config::{BchanOrder, LineKind, RestartOnStart, SpanConfig};
pub use diagnostic::Diagnostic;
pub use dialect::{Dialect, MessageWaiting, NameForm, RedirectForm, SwitchType};
pub use nfas::DLink;
pub use record::{CallRecord, ChannelState, ChannelStatus, HISTORY, MemoryUse, ServiceState};
pub use restart::RestartTarget;
pub use signalling::{ConnectionEvent, ConnectionRequest};
pub use work::Carrier;

use crate::lapd::{self, Indication, State};
use crate::mwi::{InvokeError, MwiAnswer, MwiOutcome, MwiRequest};
use crate::q931::{
    BearerCapability, CallReference, CallStateValue, Cause, CauseDetail, MAINTENANCE, Message, MessageType,
    Repr, ie,
};
use crate::rose::Invoke;
use crate::service::Outcome;
use crate::transit::{TooManyTransits, TransitCounter};
use call::Call;
use channels::Channels;
use connectionless::Connectionless;
use diagnostic::Diagnostics;
use invoker::Invoker;
use nfas::Links;
use record::History;
use restart::Restarts;
use segment::Segments;
use server::Server;
use signalling::Signalling;
use timer::{Running, Timer};
use work::Work;

/// Names an operation we asked for; never used twice on a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub u64);

/// Names an indication the peer gave us; never used twice on a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndicationId(pub u64);

/// Names a call; never used twice on a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// Names a call independent connection in the owner's hands; never used twice on a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What a span tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Frames flow: [`Span::is_up`] turned true.
    DataLinkUp,
    /// Frames no longer flow. Operations under way end with [`MwiOutcome::LinkDown`] if the link does not come back
    /// within N200 repetitions of SABME; a short reset leaves them alone.
    DataLinkDown,
    /// An operation ended.
    MwiDone {
        /// As [`Span::invoke_mwi`] returned it.
        operation: OperationId,
        /// How.
        outcome: MwiOutcome,
    },
    /// The peer asks for message waiting: answer with [`Span::answer_mwi`].
    MwiIndication {
        /// For the answer.
        id: IndicationId,
        /// What it asks for.
        request: MwiRequest,
    },
    /// Something happened to a call.
    Call {
        /// Which call.
        id: CallId,
        /// What.
        event: CallEvent,
    },
    /// An operation of ours ended ([`Span::invoke`], [`Span::open_connection`]).
    OperationDone {
        /// Which.
        operation: OperationId,
        /// How.
        outcome: Outcome,
    },
    /// The peer invokes an operation of [`SpanConfig::services`]: answer with [`Span::answer`], if it has an answer.
    Invoked {
        /// For the answer.
        id: IndicationId,
        /// What it came in.
        carrier: Carrier,
        /// The operation; [`crate::service::Service::read`] reads it.
        invoke: Invoke,
    },
    /// Something happened to a call independent connection.
    Connection {
        /// Which.
        id: ConnectionId,
        /// What.
        event: ConnectionEvent,
    },
    /// FACILITY without a call, with the dummy call reference.
    Connectionless(Message),
    /// A RESTART of ours was answered, or not answered twice.
    RestartDone {
        /// What was restarted.
        target: RestartTarget,
        /// Whether the peer answered.
        acknowledged: bool,
    },
}

/// Counters of a span since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The data link's.
    pub link: lapd::Statistics,
    /// Layer 3 messages given to the data link.
    pub messages_sent: u64,
    /// Layer 3 messages that could not be given to the data link (no link, queue full, too long).
    pub messages_unsent: u64,
    /// Layer 3 messages received.
    pub messages_received: u64,
    /// Messages ignored: not Q.931, or a call reference that cannot be.
    pub messages_ignored: u64,
    /// Messages for a call reference we do not know.
    pub unknown_references: u64,
    /// RESTART messages acknowledged.
    pub restarts_received: u64,
    /// Operations asked for.
    pub mwi_invoked: u64,
    /// Operations ended with a result.
    pub mwi_done: u64,
    /// Operations ended otherwise.
    pub mwi_failed: u64,
    /// Indications received.
    pub mwi_indicated: u64,
    /// Calls set up by us.
    pub calls_sent: u64,
    /// Calls offered by the peer.
    pub calls_received: u64,
}

/// Most connections at once, ours and the peer's together.
pub const MAX_CONNECTIONS: usize = 4096;

/// Which side chose a call reference value, and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    value: u16,
    ours: bool,
}

impl Key {
    /// The call reference in messages we send.
    fn reference(self) -> CallReference {
        CallReference::new(self.value, !self.ours)
    }
}

#[derive(Debug)]
enum Connection {
    Invoker(Invoker),
    Server(Server),
    Call(Box<Call>),
    Signalling(Box<Signalling>),
}

/// One D channel: Q.921, Q.931 and the QSIG services. See the crate's documentation for how to drive it.
#[derive(Debug)]
pub struct Span {
    config: SpanConfig,
    links: Links,
    up: bool,
    connections: BTreeMap<Key, Connection>,
    operations: BTreeMap<OperationId, Key>,
    indications: BTreeMap<IndicationId, Key>,
    calls: BTreeMap<CallId, Key>,
    signallings: BTreeMap<ConnectionId, Key>,
    work: Work,
    connectionless: Connectionless,
    channels: Channels,
    history: History,
    restarts: Restarts,
    segments: Segments,
    started: bool,
    timers: Running,
    events: VecDeque<Event>,
    diagnostics: Diagnostics,
    statistics: Statistics,
    last_reference: u16,
    next_invoke_id: i16,
    next_id: u64,
}

impl Span {
    /// A span whose layer 1 is down.
    pub fn new(config: SpanConfig) -> Self {
        Self {
            links: Links::new(&config),
            next_invoke_id: config.mwi.first_invoke_id.max(1),
            config,
            up: false,
            connections: BTreeMap::new(),
            operations: BTreeMap::new(),
            indications: BTreeMap::new(),
            calls: BTreeMap::new(),
            signallings: BTreeMap::new(),
            work: Work::default(),
            connectionless: Connectionless::default(),
            channels: Channels::default(),
            history: History::default(),
            restarts: Restarts::default(),
            segments: Segments::default(),
            started: false,
            timers: Running::default(),
            events: VecDeque::new(),
            diagnostics: Diagnostics::default(),
            statistics: Statistics::default(),
            last_reference: 0,
            next_id: 0,
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &SpanConfig {
        &self.config
    }

    /// Changes the configuration. Timers running keep their time; another side sets the link up anew, which ends
    /// operations under way with [`MwiOutcome::LinkDown`].
    pub fn set_config(&mut self, now: Instant, config: SpanConfig) {
        self.links.reconfigure(now, &config);
        self.config = config;
        self.finish(now);
    }

    /// Layer 1 came up or went down.
    pub fn handle_link(&mut self, now: Instant, up: bool) {
        self.handle_link_of(now, DLink::Primary, up);
    }

    /// One Q.921 frame from the wire: address to last information octet, without flags and FCS. Any octets are
    /// allowed; what is no frame for this link is counted and discarded.
    pub fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        self.handle_frame_of(now, DLink::Primary, frame);
    }

    /// Runs what is due. Calling too early or too often does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.links.handle_timeout(now);
        self.segments.handle_timeout(now);
        self.work_timeout(now);
        self.connectionless_timeout(now);
        // Not until none is left: a timer configured as zero that starts itself again must not hold us here.
        for _ in 0..self.timers.due(now) {
            let Some((key, timer)) = self.timers.expired(now) else { break };
            self.note_expiry(key, timer);
            match self.connections.remove(&key) {
                Some(Connection::Invoker(invoker)) => self.invoker_timeout(now, key, invoker, timer),
                Some(Connection::Server(server)) => self.server_timeout(now, key, server, timer),
                Some(Connection::Call(call)) => self.call_timeout(now, key, *call, timer),
                Some(Connection::Signalling(signalling)) => {
                    self.signalling_timeout(now, key, *signalling, timer);
                }
                None if key == restart::GLOBAL && timer == Timer::T321 => self.service_timeout(now),
                None if key == restart::GLOBAL => self.restart_timeout(now),
                None => {}
            }
        }
        self.finish(now);
    }

    /// When [`Span::handle_timeout`] is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ours = [self.timers.next(), self.segments.next(), self.work.next(), self.connectionless.next()];
        ours.into_iter().chain([self.links.poll_timeout()]).flatten().min()
    }

    /// The next frame for the wire.
    pub fn poll_frame(&mut self) -> Option<Bytes> {
        self.poll_frame_of(DLink::Primary)
    }

    /// The next event for the owner.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The data link's state.
    pub fn data_link_state(&self) -> State {
        self.links.state()
    }

    /// Whether frames flow.
    pub fn is_up(&self) -> bool {
        self.links.is_up()
    }

    /// Call references in use, call independent connections included.
    pub fn active_calls(&self) -> usize {
        self.connections.len()
    }

    /// The counters.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Asks the peer for a message waiting operation, on a call independent connection of its own or, in ETSI's form, without
    /// any ([`MessageWaiting`]).
    /// [`Event::MwiDone`] with the returned identifier follows exactly once, unless [`Span::cancel_mwi`] comes first.
    ///
    /// # Errors
    /// [`InvokeError`]; nothing was sent then.
    pub fn invoke_mwi(&mut self, now: Instant, request: MwiRequest) -> Result<OperationId, InvokeError> {
        let operation = match self.config.dialect().message_waiting {
            MessageWaiting::CallIndependent => self.start_invoker(now, &request)?,
            MessageWaiting::Connectionless => self.start_connectionless(now, &request)?,
            MessageWaiting::None => return Err(InvokeError::SwitchType(self.config.switch_type)),
        };
        self.finish(now);
        Ok(operation)
    }

    /// Operations whose outcome is not known yet.
    pub fn pending_mwi(&self) -> usize {
        self.operations.len() + self.connectionless.pending()
    }

    /// Gives an operation up: its connection is released, and no event follows.
    pub fn cancel_mwi(&mut self, now: Instant, operation: OperationId) {
        self.cancel_invoker(now, operation);
        self.connectionless.cancel(operation);
        self.finish(now);
    }

    /// Answers an indication. Nothing happens if it has been answered or its connection is gone.
    pub fn answer_mwi(&mut self, now: Instant, id: IndicationId, answer: MwiAnswer) {
        if !self.answer_connectionless(id, &answer) {
            self.answer_server(now, id, answer);
        }
        self.finish(now);
    }

    /// Layer 3 reacts to what layer 2 brought; then frames go out.
    fn finish(&mut self, now: Instant) {
        self.note_up();
        while let Some((link, indication)) = self.links.poll_indication() {
            match indication {
                Indication::Established => {
                    if self.link_established(now, link) {
                        self.layer3_up(now);
                    }
                }
                Indication::Released => {
                    if self.link_released(now, link) {
                        self.link_lost(now);
                    }
                }
                Indication::Data(octets) => {
                    self.statistics.messages_received += 1;
                    if octets.first().is_some_and(|discriminator| MAINTENANCE.contains(discriminator)) {
                        self.handle_maintenance(now, link, &octets);
                    } else if self.d_channel_in_service() == Some(link) {
                        self.handle_message(now, &octets);
                    } else {
                        self.statistics.messages_ignored += 1;
                    }
                }
            }
        }
        self.note_up();
        self.links.flush(now);
        self.statistics.link = self.links.statistics();
    }

    /// The data link that carries layer 3 is there, or there anew.
    fn layer3_up(&mut self, now: Instant) {
        self.note_up();
        self.segments.clear();
        self.call_link_back(now);
        if !std::mem::replace(&mut self.started, true) {
            self.restart_on_start(now);
        }
    }

    fn note_up(&mut self) {
        let up = self.links.is_up();
        if up != self.up {
            self.up = up;
            self.events.push_back(if up { Event::DataLinkUp } else { Event::DataLinkDown });
        }
    }

    fn link_lost(&mut self, now: Instant) {
        self.restarts_lost();
        self.segments.clear();
        self.connectionless_link_lost();
        let keys: Vec<Key> = self.connections.keys().copied().collect();
        for key in keys {
            match self.connections.remove(&key) {
                Some(Connection::Invoker(invoker)) => {
                    self.report(&invoker, MwiOutcome::LinkDown);
                    self.timers.stop_all(key);
                }
                Some(Connection::Server(server)) => self.forget(key, &server),
                Some(Connection::Call(call)) => self.call_link_lost(now, key, *call),
                Some(Connection::Signalling(signalling)) => self.signalling_link_lost(key, &signalling),
                None => {}
            }
        }
    }

    fn handle_message(&mut self, now: Instant, octets: &[u8]) {
        let (message, whole) = match Message::parse_checked(octets) {
            Ok(parsed) => parsed,
            Err(error) => {
                tracing::debug!(%error, "layer 3 message ignored");
                self.diagnostics.note(|| Diagnostic::Unreadable { error, len: octets.len() });
                self.statistics.messages_ignored += 1;
                return;
            }
        };
        let reference = message.call_reference;
        if reference.octets == 0 {
            self.handle_connectionless(now, &message);
            return;
        }
        if reference.value == 0 {
            self.handle_global(now, &message);
            return;
        }
        let key = Key { value: reference.value, ours: reference.flag };
        if message.kind == MessageType::SEGMENT {
            let whole = self.segments.push(now, self.config.l3.t314, key, &message, octets);
            if let Some(whole) = whole {
                // Never a SEGMENT again, so this goes one level deep.
                self.handle_message(now, &whole);
            }
            return;
        }
        match self.connections.remove(&key) {
            Some(Connection::Invoker(invoker)) => self.invoker_message(now, key, invoker, &message),
            Some(Connection::Server(server)) => self.server_message(now, key, server, &message),
            Some(Connection::Call(call)) => self.call_message(now, key, *call, &message, whole),
            Some(Connection::Signalling(signalling)) => {
                self.signalling_message(now, key, *signalling, &message);
            }
            None if message.kind == MessageType::SETUP => {
                if reference.flag {
                    //= Q.931 5.8.3.2 c): a SETUP with the call reference flag set to 1 is ignored.
                    self.statistics.messages_ignored += 1;
                } else {
                    self.handle_setup(now, key, &message, whole);
                }
            }
            None => self.unknown_reference(&message),
        }
    }

    /// Q.931 5.8.3.2: messages for a call that does not exist.
    fn unknown_reference(&mut self, message: &Message) {
        self.statistics.unknown_references += 1;
        if !matches!(message.kind, MessageType::RELEASE_COMPLETE | MessageType::STATUS_ENQUIRY) {
            let call_reference = message.call_reference;
            self.diagnostics.note(|| Diagnostic::UnknownReference { message: message.kind, call_reference });
        }
        let reply = message.call_reference.reply();
        match message.kind {
            MessageType::RELEASE_COMPLETE => {}
            MessageType::STATUS if message.call_state() == Some(0) => {}
            MessageType::STATUS => self.send_clearing(reply, MessageType::RELEASE_COMPLETE, 101),
            MessageType::STATUS_ENQUIRY => self.send_status(reply, 30, 0, &[]),
            // Calls are never suspended here, so none can be resumed.
            MessageType::RESUME => self.send_clearing(reply, MessageType::RESUME_REJECT, 69),
            _ => self.send_clearing(reply, MessageType::RELEASE_COMPLETE, 81),
        }
    }

    fn handle_setup(&mut self, now: Instant, key: Key, message: &Message, whole: bool) {
        let refuse = |span: &mut Self, cause| {
            span.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, cause);
        };
        let faults = message.faults(whole);
        self.note_faults(message, &faults);
        if let Some((cause, elements)) = faults.refusal() {
            let cause = CauseDetail::new(Cause::private(cause), elements.to_vec());
            let clearing = Message::new(key.reference(), MessageType::RELEASE_COMPLETE);
            return self.send(&clearing.with(cause.element()));
        }
        match message.get(ie::BEARER_CAPABILITY) {
            None => refuse(self, 96),
            Some(_) if self.connections.len() >= MAX_CONNECTIONS => refuse(self, 47),
            Some(_) if self.is_lost_in_transit(message) => refuse(self, TooManyTransits::CAUSE),
            Some(body) if BearerCapability(body.clone()).is_call_independent() => {
                if !self.config.dialect().call_independent {
                    refuse(self, 65);
                } else if self.is_for_owner(message) {
                    self.start_signalling(now, key, message);
                } else {
                    self.start_server(now, key, message);
                }
            }
            Some(_) if self.config.accept_calls => {
                self.start_incoming(now, key, message);
                self.report_faults(key, &faults);
            }
            // Service or option not implemented.
            Some(_) => refuse(self, 79),
        }
    }

    /// Whether a call has passed more PINXs than the configuration allows.
    fn is_lost_in_transit(&self, message: &Message) -> bool {
        let counter = TransitCounter::find(message).map_or(0, TransitCounter::count);
        self.config.transit_limit.is_some_and(|limit| counter > limit)
    }

    /// Whether a call independent connection goes to the owner: it carries a service the owner does, or everything but
    /// message waiting is passed on.
    fn is_for_owner(&self, message: &Message) -> bool {
        self.refusal(message).wanted
            || self.config.pass_services && !server::asks_for_message_waiting(message)
    }

    fn send(&mut self, message: &Message) {
        if message.len() <= self.config.l2.n201 || !self.config.dialect().segmentation {
            return self.send_octets(message.to_bytes());
        }
        match segment::split(message, self.config.l2.n201) {
            Some(segments) => segments.into_iter().for_each(|segment| self.send_octets(segment)),
            None => self.statistics.messages_unsent += 1,
        }
    }

    /// The longest message that can be sent, octets.
    fn longest(&self) -> usize {
        let n201 = self.config.l2.n201;
        if self.config.dialect().segmentation {
            // Cuts between elements waste up to one element's octets in each segment.
            let segment = n201.saturating_sub(segment::OVERHEAD);
            n201.max(segment.saturating_mul(usize::from(segment::MAX_SEGMENTS)) / 2)
        } else {
            n201
        }
    }

    fn send_octets(&mut self, octets: Bytes) {
        match self.links.send(octets) {
            Ok(()) => self.statistics.messages_sent += 1,
            // The timer that waits for the answer deals with it, as with a message lost on the way.
            Err(_) => {
                self.statistics.messages_unsent += 1;
                self.diagnostics.note(|| Diagnostic::Unsent);
            }
        }
    }

    fn send_clearing(&mut self, reference: CallReference, kind: MessageType, cause: u8) {
        self.send(&Message::new(reference, kind).with(Cause::private(cause).element()));
    }

    /// STATUS; the diagnostics are what Q.850 gives the cause: element identifiers, or a message type.
    fn send_status(&mut self, reference: CallReference, cause: u8, state: u8, diagnostics: &[u8]) {
        let cause = CauseDetail::new(Cause::private(cause), diagnostics.to_vec());
        self.send(
            &Message::new(reference, MessageType::STATUS)
                .with(cause.element())
                .with(CallStateValue { coding: 0, state }.element()),
        );
    }

    /// A free call reference value of ours.
    fn allocate(&mut self) -> Option<Key> {
        (0..=MAX_CONNECTIONS).find_map(|_| {
            self.last_reference = self.last_reference % 0x7FFF + 1;
            let key = Key { value: self.last_reference, ours: true };
            (!self.connections.contains_key(&key)).then_some(key)
        })
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}
