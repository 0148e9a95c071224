//! What is kept of calls that have ended: the records behind `show call history voice` and the call log.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Call, CallId, Leg};
use crate::leg::{Cause, LegPort};
use crate::service::lines::RECORDS;

/// Calls that are kept, as `dial-control-mib max-size` has it by default.
const MAX_CALLS: usize = 100;
/// How long they are kept, as `dial-control-mib retain-timer` has it by default.
const RETAIN: Duration = Duration::from_secs(15 * 60);
/// Legs one call can have had before the oldest are forgotten.
const MAX_LEGS: usize = 16;

/// One leg of a call that has ended. Times are milliseconds since 1970 (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegRecord {
    /// Number of the leg.
    pub leg: u64,
    /// Dial peer, 0 if none matched.
    pub peer: u32,
    /// `line`, `trunk` or `sip`.
    pub kind: &'static str,
    /// Index of the line or trunk.
    pub index: usize,
    /// Timeslot of the B channel, if it had one.
    pub channel: Option<u8>,
    /// Whether the gateway set it up.
    pub outgoing: bool,
    /// Number called on it, or that called from it.
    pub number: String,
    /// When it was set up.
    pub setup: u64,
    /// When it was answered.
    pub connect: Option<u64>,
    /// When it ended.
    pub disconnect: u64,
    /// Q.850 cause.
    pub cause: u8,
}

impl LegRecord {
    pub(super) fn of(leg: &Leg, now: Instant, cause: Cause, unix_ms: impl Fn(Instant) -> u64) -> Self {
        let (kind, index) = match leg.port {
            LegPort::Line(line) => ("line", line),
            LegPort::Office(office) => ("office", office),
            LegPort::Trunk(trunk) => ("trunk", trunk),
            LegPort::Sip => ("sip", 0),
        };
        let channel = match leg.media {
            Some(crate::media::MediaEnd::Channel { timeslot, .. }) => Some(timeslot),
            _ => None,
        };
        Self {
            leg: leg.id.0,
            peer: leg.peer,
            kind,
            index,
            channel,
            outgoing: leg.outgoing,
            number: if leg.outgoing { leg.called.clone() } else { leg.party.number.clone() },
            setup: unix_ms(leg.started),
            connect: leg.answered.map(&unix_ms),
            disconnect: unix_ms(now),
            cause: cause.0,
        }
    }
}

/// A call that has ended. Times are milliseconds since 1970 (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// Number of the call.
    pub call: u64,
    /// Cisco-Guid, four words in hexadecimal.
    pub guid: String,
    /// Calling number, as it came in.
    pub calling: String,
    /// Called number, as it was looked up.
    pub called: String,
    /// When it came in.
    pub setup: u64,
    /// When it was answered.
    pub connect: Option<u64>,
    /// When it ended.
    pub disconnect: u64,
    /// Q.850 cause.
    pub cause: u8,
    /// Its legs, in the order in which they ended.
    pub legs: Vec<LegRecord>,
}

impl CallRecord {
    pub(super) fn new(
        id: CallId,
        call: &Call,
        now: Instant,
        cause: Cause,
        unix_ms: impl Fn(Instant) -> u64,
    ) -> Self {
        Self {
            call: id.0,
            guid: guid_text(call.guid),
            calling: call.setup.calling.number.clone(),
            called: call.routed.called.number.clone(),
            setup: unix_ms(call.started),
            connect: call.connected.map(&unix_ms),
            disconnect: unix_ms(now),
            cause: cause.0,
            legs: Vec::new(),
        }
    }
}

impl CallRecord {
    /// The last four digits of the Cisco-Guid's first word, as `show call history voice brief` has it.
    pub(crate) fn short_guid(&self) -> &str {
        let first = self.guid.split(' ').next().unwrap_or_default();
        first.get(first.len().saturating_sub(4)..).unwrap_or(first)
    }
}

/// A Cisco-Guid as IOS prints a connection identifier: `3DF1B6A0 8CC711D4 81F7F1F4 C9A41C4B`.
pub(crate) fn guid_text(guid: [u32; 4]) -> String {
    guid.map(|word| format!("{word:X}")).join(" ")
}

/// Records of the last calls.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Legs that ended while their call goes on.
    legs: HashMap<CallId, Vec<LegRecord>>,
    calls: VecDeque<(Instant, CallRecord)>,
    /// Calls that have ended since the start.
    pub(crate) total: u64,
    /// Of those, answered ones.
    pub(crate) answered: u64,
}

impl Records {
    pub(super) fn leg(&mut self, call: CallId, record: LegRecord) {
        let legs = self.legs.entry(call).or_default();
        if legs.len() >= MAX_LEGS {
            legs.remove(0);
        }
        legs.push(record);
    }

    pub(super) fn call(&mut self, now: Instant, mut record: CallRecord) {
        record.legs = self.legs.remove(&CallId(record.call)).unwrap_or_default();
        self.total += 1;
        self.answered += u64::from(record.connect.is_some());
        if tracing::enabled!(target: RECORDS, tracing::Level::INFO)
            && let Ok(text) = serde_json::to_string(&record)
        {
            tracing::info!(target: RECORDS, "{text}");
        }
        self.expire(now);
        if self.calls.len() >= MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back((now, record));
    }

    fn expire(&mut self, now: Instant) {
        while self.calls.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > RETAIN) {
            self.calls.pop_front();
        }
    }

    /// The calls of the last 15 minutes, oldest first.
    pub(crate) fn iter(&self, now: Instant) -> impl Iterator<Item = &CallRecord> {
        let recent = move |at: &Instant| now.saturating_duration_since(*at) <= RETAIN;
        self.calls.iter().filter(move |(at, _)| recent(at)).map(|(_, record)| record)
    }

    /// Calls under way that legs are kept for.
    #[cfg(test)]
    pub(crate) fn pending(&self) -> usize {
        self.legs.len()
    }
}
