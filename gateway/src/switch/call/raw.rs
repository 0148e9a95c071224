//! Messages of trunks that go through a call as they came, where both ends carry them; else the trunk refuses what is in them.

use std::time::Instant;

use qsig::transfer::Transfer;

use super::{CallId, Switch};
use crate::leg::pri::transferred;
use crate::leg::raw::{RawMessage, RawProtocol};
use crate::leg::{LegCommand, LegId, LegPort};

impl Switch {
    /// Whether a leg carries messages of this network.
    fn carries(&self, leg: LegId, protocol: RawProtocol) -> bool {
        let Some(leg) = self.calls.legs.get(&leg) else { return false };
        match leg.port {
            LegPort::Trunk(trunk) => self
                .trunks
                .get(trunk)
                .is_some_and(|trunk| trunk.span.config().pass_calls && trunk.raw_protocol() == protocol),
            LegPort::Sip => self.sip.settings().peer(leg.peer).forwards,
            LegPort::Line(_) | LegPort::Office(_) => false,
        }
    }

    /// A message from one leg for another; `None` if it does not get there.
    pub(super) fn passed(
        &self,
        from: Option<LegId>,
        to: LegId,
        raw: Option<Box<RawMessage>>,
    ) -> Option<Box<RawMessage>> {
        let from = from?;
        raw.filter(|raw| self.carries(from, raw.protocol) && self.carries(to, raw.protocol))
    }

    /// The same; the sender is told if it does not get there.
    pub(super) fn pass(
        &mut self,
        now: Instant,
        from: LegId,
        to: Option<LegId>,
        raw: Option<Box<RawMessage>>,
    ) -> Option<Box<RawMessage>> {
        let raw = raw?;
        if to.is_some_and(|to| self.carries(from, raw.protocol) && self.carries(to, raw.protocol)) {
            return Some(raw);
        }
        if raw.protocol == RawProtocol::Qsig
            && let Some(party) = Transfer::find(&raw.message).and_then(transferred)
        {
            self.updated(now, from, Box::new(party));
        }
        if !raw.is_clearing() {
            self.command(now, from, LegCommand::Uncarried(raw));
        }
        None
    }

    /// A message that stands alone, or the one a leg's call is cleared with.
    pub(super) fn raw_came(&mut self, now: Instant, leg: LegId, raw: Box<RawMessage>) {
        let other = self.other_leg(leg);
        if let (Some(raw), Some(other)) = (self.pass(now, leg, other, Some(raw)), other) {
            self.command(now, other, LegCommand::Raw(raw));
        }
    }

    /// The called party is reached: if its leg does not carry the caller's SETUP, nobody will.
    pub(super) fn setup_arrived(&mut self, now: Instant, id: CallId, callee: LegId) {
        let Some(call) = self.calls.calls.get_mut(&id) else { return };
        if let (Some(caller), Some(raw)) = (call.caller, call.routed.raw.take()) {
            self.pass(now, caller, Some(callee), Some(raw));
        }
    }
}
