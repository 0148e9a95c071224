//! What the shows read: calls under way and past, B channels, what is held in memory.

use std::collections::VecDeque;
use std::time::Instant;

use super::call::Call;
use super::{BChannel, CallId, CallState, Connection, Span};
use crate::name::Name;
use crate::q931::{BearerCapability, CallReference, Cause, Element, Message, Number, ie};

/// What is known about one call, under way or past: a line of `show isdn active` or `show isdn history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Which call.
    pub id: CallId,
    /// Its call reference as in messages we send.
    pub call_reference: CallReference,
    /// Whether we set it up.
    pub outgoing: bool,
    /// The calling number, if there is one.
    pub calling: Option<Number>,
    /// The called number; its digits are all that were sent or received so far.
    pub called: Number,
    /// What the call carries.
    pub bearer: BearerCapability,
    /// The interface of its B channel: 0, or the NFAS interface identifier.
    pub interface: u8,
    /// Its B channel, as timeslot; of a past call the last one it had.
    pub channel: Option<u8>,
    /// When SETUP was sent or received.
    pub started: Instant,
    /// When it was answered.
    pub connected: Option<Instant>,
    /// When it ended.
    pub ended: Option<Instant>,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// Facility and Display elements of the message that named the other party; read only when asked for.
    naming: Vec<Element>,
}

impl CallRecord {
    /// The other party's name, if it was given and may be shown.
    pub fn name(&self) -> Option<String> {
        let mut message = Message::new(self.call_reference, crate::q931::MessageType::SETUP);
        message.elements.clone_from(&self.naming);
        let facility = Name::find(&message).and_then(|(_, name)| name.shown().map(str::to_owned));
        facility.or_else(|| Name::find_display(&message).and_then(|name| name.shown().map(str::to_owned)))
    }

    /// Seconds since the call was answered, at `now` or until it ended; 0 before the answer.
    pub fn seconds(&self, now: Instant) -> u64 {
        let until = self.ended.unwrap_or(now);
        self.connected.map_or(0, |from| until.saturating_duration_since(from).as_secs())
    }

    pub(super) fn new(
        id: CallId,
        call_reference: CallReference,
        outgoing: bool,
        numbers: (Option<Number>, Number),
        bearer: BearerCapability,
        started: Instant,
    ) -> Self {
        Self {
            id,
            call_reference,
            outgoing,
            calling: numbers.0,
            called: numbers.1,
            bearer,
            interface: 0,
            channel: None,
            started,
            connected: None,
            ended: None,
            cause: None,
            naming: Vec::new(),
        }
    }

    /// Remembers the channel, if there is one; the last one stays known after it was given up.
    pub(super) fn note_channel(&mut self, channel: Option<BChannel>) {
        if let Some(BChannel { interface, slot }) = channel {
            (self.interface, self.channel) = (interface, Some(slot));
        }
    }

    /// Remembers where the other party's name stands in `message`.
    pub(super) fn note_name(&mut self, message: &Message) {
        let naming = |e: &&Element| e.codeset == 0 && matches!(e.id, ie::FACILITY | ie::DISPLAY);
        if message.elements.iter().any(|element| naming(&element)) {
            self.naming = message.elements.iter().filter(naming).take(4).cloned().collect();
        }
    }
}

/// Past calls, newest last.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<CallRecord>);

/// Most past calls a span remembers.
pub const HISTORY: usize = 100;

impl History {
    pub(super) fn push(&mut self, record: CallRecord) {
        if self.0.len() >= HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(record);
    }
}

/// State of a B channel; the numbers are those of `show isdn service`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChannelState {
    /// Free.
    Idle = 0,
    /// Named in a SETUP that has had no answer yet.
    Proposed = 1,
    /// In a call.
    Busy = 2,
    /// Kept back.
    Reserved = 3,
    /// A RESTART of ours is under way.
    Restart = 4,
    /// Its call goes on; it is out of service after that.
    MaintenancePending = 5,
}

/// Service state of a B channel; the numbers are those of `show isdn service`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceState {
    /// Calls may use it.
    #[default]
    InService = 0,
    /// Under maintenance: no new calls.
    Maintenance = 1,
    /// Out of service: no calls.
    OutOfService = 2,
}

/// One B channel as `show isdn service` needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its interface: 0, or the NFAS interface identifier.
    pub interface: u8,
    /// Timeslot.
    pub slot: u8,
    /// What it does.
    pub state: ChannelState,
    /// Whether it may be used.
    pub service: ServiceState,
    /// The call that has it.
    pub call: Option<CallId>,
}

/// What a span holds, for `show isdn memory`: every count is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Calls (CCBs).
    pub calls: usize,
    /// Call independent connections.
    pub connections: usize,
    /// Running layer 3 timers.
    pub timers: usize,
    /// Messages that wait for the data link or its acknowledgement.
    pub messages: usize,
    /// Events the owner has not taken.
    pub events: usize,
    /// Past calls remembered.
    pub history: usize,
}

impl Span {
    /// The calls under way, oldest first, with numbers and times.
    pub fn call_records(&self) -> impl Iterator<Item = &CallRecord> + '_ {
        self.calls.values().filter_map(|key| match self.connections.get(key) {
            Some(Connection::Call(call)) => Some(&call.record),
            _ => None,
        })
    }

    /// The last [`HISTORY`] calls that ended, oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &CallRecord> + '_ {
        self.history.0.iter()
    }

    /// The B channels of the configuration, ascending.
    pub fn channels(&self) -> impl Iterator<Item = ChannelStatus> + '_ {
        self.config.channels().map(|channel| self.channel_status(channel))
    }

    fn channel_status(&self, channel: BChannel) -> ChannelStatus {
        let call = self.channels.owner(channel).and_then(|key| match self.connections.get(&key) {
            Some(Connection::Call(call)) => Some(call.as_ref()),
            _ => None,
        });
        let service = self.channels.service(channel);
        let state = match call {
            _ if self.is_restarting(channel) => ChannelState::Restart,
            Some(call) if matches!(call.state, CallState::CallInitiated | CallState::CallPresent) => {
                ChannelState::Proposed
            }
            Some(_) if service != ServiceState::InService => ChannelState::MaintenancePending,
            Some(_) => ChannelState::Busy,
            None => ChannelState::Idle,
        };
        let BChannel { interface, slot } = channel;
        ChannelStatus { interface, slot, state, service, call: call.map(|call| call.id) }
    }

    /// What the span holds at this moment.
    pub fn memory(&self) -> MemoryUse {
        MemoryUse {
            calls: self.calls.len(),
            connections: self.connections.len().saturating_sub(self.calls.len()),
            timers: self.timers.len(),
            messages: self.links.backlog(),
            events: self.events.len(),
            history: self.history.0.len(),
        }
    }

    /// The call's record goes into the history.
    pub(super) fn record_end(&mut self, now: Instant, call: &Call, cause: Cause) {
        let mut record = call.record.clone();
        record.ended = Some(now);
        record.cause = Some(cause);
        self.history.push(record);
    }
}
