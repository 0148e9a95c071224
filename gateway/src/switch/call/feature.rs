//! What users do with two calls: transfer, conference.

use std::time::Instant;

use super::{CallId, Stage, Switch};
use crate::leg::{Cause, LegCommand, LegId, LegPort, Party, RedirectReason, Redirection, TransferTarget};

impl Switch {
    /// The party on a leg is another now.
    pub(super) fn updated(&mut self, now: Instant, leg: LegId, party: Box<Party>) {
        if let Some(known) = self.calls.legs.get_mut(&leg) {
            known.party = (*party).clone();
        }
        if let Some(other) = self.other_leg(leg) {
            self.command(now, other, LegCommand::Update(party));
        }
    }

    /// The user of a leg transfers its other end.
    pub(super) fn transfer(&mut self, now: Instant, leg: LegId, target: TransferTarget) {
        let done = match &target {
            TransferTarget::Leg(held) => self.join_others(now, leg, *held),
            TransferTarget::Number(to) => self.call_for_other(now, leg, to.clone(), None),
            TransferTarget::Elsewhere { to, replaces } => {
                self.call_for_other(now, leg, to.clone(), Some(replaces.clone()))
            }
        };
        if done {
            return;
        }
        match (target, self.calls.legs.get(&leg).map(|leg| leg.port)) {
            // The telephone is on its hook already: nobody is there to take a call back.
            (TransferTarget::Leg(held), Some(LegPort::Line(_))) => {
                for leg in [leg, held] {
                    self.drop_leg(now, leg, Cause::NORMAL);
                }
            }
            _ => self.command(now, leg, LegCommand::TransferFailed(Cause::TEMPORARY)),
        }
    }

    /// Ends the call a leg is in.
    fn drop_leg(&mut self, now: Instant, leg: LegId, cause: Cause) {
        match self.calls.legs.get(&leg).and_then(|leg| leg.call) {
            Some(call) => self.end_call(now, call, cause),
            None => self.command(now, leg, LegCommand::Release(cause)),
        }
    }

    /// Attended transfer: the other ends of two legs of one user become one call.
    fn join_others(&mut self, now: Instant, leg: LegId, held: LegId) -> bool {
        let call_of = |leg: LegId| self.calls.legs.get(&leg).and_then(|leg| leg.call);
        let (Some(kept), Some(given_up)) = (call_of(leg), call_of(held)) else { return false };
        let (Some(far), Some(stays)) = (self.other_leg(held), self.other_leg(leg)) else { return false };
        let far_answered = self.calls.calls.get(&given_up).is_some_and(|call| call.stage == Stage::Talking);
        if !far_answered || kept == given_up {
            return false;
        }
        // The held call goes, but for the leg that is taken over.
        self.take_leg(given_up, far);
        self.end_call(now, given_up, Cause::NORMAL);
        self.take_over(now, kept, leg, far);
        for (to, of) in [(far, stays), (stays, far)] {
            let party = self.calls.legs.get(&of).map(|leg| leg.party.clone());
            if let Some(party) = party {
                self.command(now, to, LegCommand::Update(Box::new(party)));
            }
        }
        true
    }

    /// Detaches a leg from its call without releasing it.
    fn take_leg(&mut self, id: CallId, leg: LegId) {
        if let Some(mut call) = self.calls.calls.remove(&id) {
            self.unlink(&mut call);
            for place in [&mut call.caller, &mut call.callee] {
                place.take_if(|at| *at == leg);
            }
            self.calls.calls.insert(id, call);
        }
        if let Some(known) = self.calls.legs.get_mut(&leg) {
            known.call = None;
        }
    }

    /// Puts `new` in the place of `old` in a call; `old` is released.
    fn take_over(&mut self, now: Instant, id: CallId, old: LegId, new: LegId) {
        if let Some(call) = self.calls.calls.get_mut(&id) {
            for place in [&mut call.caller, &mut call.callee].into_iter().flatten() {
                if *place == old {
                    *place = new;
                }
            }
        }
        if let Some(known) = self.calls.legs.get_mut(&new) {
            known.call = Some(id);
        }
        if let Some(known) = self.calls.legs.get_mut(&old) {
            known.call = None;
            let ends = super::LegRecord::of(known, now, Cause::NORMAL, |at| self.clock.unix_ms(at));
            self.calls.records.leg(id, ends);
        }
        self.command(now, new, LegCommand::Held(false));
        self.command(now, old, LegCommand::Release(Cause::NORMAL));
        self.rewire(id);
    }

    /// Blind transfer: the other end of a leg calls a number. The leg waits until that has come to something.
    fn call_for_other(&mut self, now: Instant, leg: LegId, to: Party, replaces: Option<String>) -> bool {
        let Some(other) = self.other_leg(leg) else { return false };
        let Some(id) = self.calls.legs.get(&leg).and_then(|leg| leg.call) else { return false };
        if !self.calls.calls.get(&id).is_some_and(|call| call.stage == Stage::Talking) {
            return false;
        }
        let (from, calling, peer) = match (self.calls.legs.get(&leg), self.calls.legs.get(&other)) {
            (Some(leg), Some(other)) => (leg.party.clone(), other.party.clone(), other.peer),
            _ => return false,
        };
        self.take_leg(id, leg);
        if let Some(known) = self.calls.legs.get_mut(&leg) {
            known.call = Some(id);
        }
        if let Some(known) = self.calls.legs.get_mut(&other) {
            known.held = false;
        }
        self.command(now, other, LegCommand::Held(false));
        let sdp = self.sip.described(other);
        let Some(call) = self.calls.calls.get_mut(&id) else { return false };
        call.caller = Some(other);
        call.callee = None;
        call.transferor = Some(leg);
        call.cut_through = false;
        call.routed.calling = calling;
        call.routed.called = to;
        call.routed.sdp = sdp;
        call.routed.replaces = replaces;
        call.routed.raw = None;
        call.inbound = (peer != 0).then_some(peer);
        call.routed.redirecting =
            Some(Redirection { from, original: None, reason: RedirectReason::Unconditional, count: 1 });
        self.route(now, id);
        true
    }

    /// A call was given away and came to nothing: it belongs to who gave it away, as before.
    pub(super) fn transfer_failed(&mut self, now: Instant, id: CallId, cause: Cause) -> bool {
        let Some(call) = self.calls.calls.get_mut(&id).filter(|call| call.caller.is_some()) else {
            return false;
        };
        let Some(back) = call.transferor.take() else { return false };
        call.callee = Some(back);
        call.stage = Stage::Talking;
        call.cut_through = false;
        call.ways.clear();
        let caller = call.caller;
        self.command(now, back, LegCommand::TransferFailed(cause));
        if let Some(caller) = caller
            && self.calls.legs.get(&back).is_some_and(|leg| leg.held)
        {
            self.command(now, caller, LegCommand::Held(true));
        }
        self.rewire(id);
        true
    }

    /// A call that was given away is answered: who gave it away goes.
    pub(super) fn transfer_done(&mut self, now: Instant, id: CallId) {
        let Some(gone) = self.calls.calls.get_mut(&id).and_then(|call| call.transferor.take()) else {
            return;
        };
        if let Some(known) = self.calls.legs.get_mut(&gone) {
            known.call = None;
            let ends = super::LegRecord::of(known, now, Cause::NORMAL, |at| self.clock.unix_ms(at));
            self.calls.records.leg(id, ends);
        }
        self.command(now, gone, LegCommand::Release(Cause::NORMAL));
    }

    /// Three-way conference of the user of two legs on one telephone.
    pub(super) fn join(&mut self, now: Instant, leg: LegId, held: LegId) {
        let call_of = |leg: LegId| self.calls.legs.get(&leg).and_then(|leg| leg.call);
        let (Some(front), Some(back)) = (call_of(leg), call_of(held)) else { return };
        for (id, partner) in [(front, back), (back, front)] {
            if let Some(call) = self.calls.calls.get_mut(&id) {
                call.conference = Some(partner);
            }
        }
        if let Some(known) = self.calls.legs.get_mut(&held) {
            known.held = false;
        }
        if let Some(other) = self.other_leg(held) {
            self.command(now, other, LegCommand::Held(false));
        }
        self.rewire(front);
        self.rewire(back);
    }
}
