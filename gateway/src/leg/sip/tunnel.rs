//! `signaling forward`: messages of a trunk inside SIP messages, whole, as `application/QSIG` (RFC 3204) or, of other switch
//! types, `application/x-q931` as Cisco's gateways have it.
//!
//! | message | SIP |
//! |---|---|
//! | SETUP | INVITE |
//! | ALERTING | 180, or 183 with a session description |
//! | PROGRESS | 183 |
//! | CONNECT | 200 |
//! | FACILITY, NOTIFY | INFO; 183 toward a caller who waits for the answer |
//! | DISCONNECT, RELEASE, RELEASE COMPLETE | BYE, or the refusal of the INVITE |
//!
//! The body is optional for whoever gets it. One that cannot be read, or is too long, is passed over, and the call goes on
//! without it. IOS sends with `unconditional` a GTD body, too; this gateway speaks no GTD, so that `rawmsg` and `unconditional`
//! are the same here.

use std::time::Instant;

use sip::call::Content;
use sip::{Message, Method};

use super::{SipLeg, SipLegs, Stage};
use crate::leg::raw::{MAX_RAW, RawMessage, RawProtocol};
use crate::leg::{Cause, LegEvent, LegId};

/// Messages that wait for a dialog to go in.
const MAX_WAITING: usize = 8;

fn content_type(protocol: RawProtocol) -> &'static str {
    match protocol {
        RawProtocol::Qsig => "application/QSIG;version=iso",
        RawProtocol::Q931 => "application/x-q931",
    }
}

/// Adds a trunk's message.
pub(super) fn attach(content: Content, raw: &RawMessage) -> Content {
    let octets = raw.message.to_bytes();
    if octets.len() > MAX_RAW {
        tracing::debug!(len = octets.len(), "message not forwarded: too long");
        return content;
    }
    content.signal(content_type(raw.protocol), octets)
}

/// The trunk's message in a SIP message.
pub(super) fn read(message: &Message) -> Option<RawMessage> {
    let known = [(RawProtocol::Qsig, "application/QSIG"), (RawProtocol::Q931, "application/x-q931")];
    known.into_iter().find_map(|(protocol, content_type)| {
        let raw = RawMessage::read(protocol, message.part(content_type)?.body());
        if raw.is_none() {
            tracing::debug!(content_type, "forwarded message passed over: it cannot be read");
        }
        raw
    })
}

/// Whether a SIP message claims to carry a trunk's message.
pub(super) fn is_carrier(message: &Message) -> bool {
    ["application/QSIG", "application/x-q931"].iter().any(|kind| message.part(kind).is_some())
}

impl SipLeg {
    /// Whether its dial peer has `signaling forward rawmsg` or `unconditional`.
    pub(super) fn forwards(&self) -> bool {
        self.can.settings.forwards
    }
}

impl SipLegs {
    /// Whether a leg carries messages of trunks.
    #[must_use]
    pub fn carries(&self, id: LegId) -> bool {
        self.legs.get(&id).is_some_and(|leg| leg.forwards())
    }

    /// A message of the trunk at the other end.
    pub(super) fn carry(&mut self, now: Instant, id: LegId, raw: Box<RawMessage>) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.forwards()) else { return };
        if raw.is_clearing() {
            leg.clearing = Some(raw);
            return;
        }
        if leg.waiting.len() < MAX_WAITING {
            leg.waiting.push(*raw);
        }
        self.carry_waiting(now, id);
    }

    /// Sends what can go now.
    pub(super) fn carry_waiting(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (call, early) = (leg.call, leg.stage == Stage::Early);
        // The caller's first reliable response may have to be an answer to his offer: INFO goes once he is answered.
        if early && leg.outgoing {
            return;
        }
        for raw in std::mem::take(&mut leg.waiting) {
            let content = attach(Content::new(), &raw);
            let done = if early {
                self.ua.progress(now, call, 183, content, true)
            } else {
                self.ua.request(now, call, Method::Info, content).map(|_| ())
            };
            if let Err(error) = done {
                tracing::debug!(%error, message = %raw.message.kind, "message not forwarded");
            }
        }
    }

    /// The message a call is cleared with, if it says the same as the cause.
    pub(super) fn clearing(&mut self, id: LegId, cause: Cause) -> Option<Box<RawMessage>> {
        let leg = self.legs.get_mut(&id)?;
        let raw = leg.clearing.take()?;
        raw.message.cause().is_some_and(|own| own.value == cause.0).then_some(raw)
    }

    /// The peer ended the call with this message: tells of the trunk's message in it. Its cause is the one that counts.
    pub(super) fn cleared_with(&mut self, id: LegId, message: &Message) -> Option<Cause> {
        self.legs.get(&id).filter(|leg| leg.forwards())?;
        let raw = Box::new(read(message).filter(RawMessage::is_clearing)?);
        let cause = raw.message.cause().map(|cause| Cause(cause.value));
        self.tell(id, LegEvent::Raw(raw));
        cause
    }

    /// Tells of a message that stands alone; gives back any other, which goes with its event.
    pub(super) fn carried(&mut self, id: LegId, message: &Message) -> Option<Box<RawMessage>> {
        self.legs.get(&id).filter(|leg| leg.forwards())?;
        let raw = Box::new(read(message)?);
        if raw.stands_alone() {
            self.tell(id, LegEvent::Raw(raw));
            return None;
        }
        Some(raw)
    }
}
