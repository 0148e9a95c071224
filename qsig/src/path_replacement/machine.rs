//! The two ends of a replacement.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::PathReplacement;
use crate::PartyNumber;
use crate::mwi::InvokeError;
use crate::service::{Answer, Operation, Outcome, Service as _};

/// How long the two ends wait. Names are those of ECMA-176, values from memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementTimers {
    /// T1 of the requesting PINX: from the proposal to the new call; 30 s.
    pub proposal: Duration,
    /// T2 of the requesting PINX: from the answer of the new call until the old one is cleared; 30 s.
    pub clearing: Duration,
    /// T3 of the cooperating PINX: from the new SETUP to its answer; 15 s.
    pub setup: Duration,
}

impl Default for ReplacementTimers {
    fn default() -> Self {
        Self {
            proposal: Duration::from_secs(30),
            clearing: Duration::from_secs(30),
            setup: Duration::from_secs(15),
        }
    }
}

/// Collision: both ends proposed at once, and neither is done.
pub const COLLISION: i32 = 1001;
/// The number of a proposal cannot be called.
pub const INVALID_REROUTEING_NUMBER: i32 = 1004;
/// No call of this PINX has the identity of a new SETUP.
pub const UNRECOGNIZED_CALL_IDENTITY: i32 = 1005;
/// The new call failed.
pub const ESTABLISHMENT_FAILURE: i32 = 1006;

/// How a replacement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplacementEnd {
    /// The call goes over the new path.
    Replaced,
    /// The old path stays: refused with this error.
    Refused(i32),
    /// The old path stays: the other end does not know the service.
    NotSupported,
    /// The old path stays: nothing came in time.
    Expired,
    /// The call itself is over.
    CallEnded,
}

/// What the owner of a [`Proposer`] is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposerOutput {
    /// Send this in FACILITY of the old call.
    Propose(Operation),
    /// Answer pathReplaceSetup with this result and the new call with CONNECT; its user is on the new call from now on.
    Accept(Answer),
    /// The other end has not cleared the old call: clear it, cause 16.
    ClearOld,
    /// It is over; nothing follows.
    Ended(ReplacementEnd),
}

/// The requesting PINX: it proposes, and gets the new call.
///
/// Drive it: an input, then [`Proposer::poll_output`] until it gives nothing; [`Proposer::handle_timeout`] at
/// [`Proposer::poll_timeout`].
#[derive(Debug)]
pub struct Proposer {
    identity: String,
    timers: ReplacementTimers,
    /// The new call was answered.
    moved: bool,
    ended: bool,
    deadline: Option<Instant>,
    out: VecDeque<ProposerOutput>,
}

impl Proposer {
    /// Proposes that the other end call `number`. `identity`, 1 to 4 digits, names the old call in this PINX: no other call
    /// may have it meanwhile.
    ///
    /// # Errors
    /// [`InvokeError`] for an identity or a number QSIG cannot carry.
    pub fn new(
        now: Instant,
        identity: &str,
        number: PartyNumber,
        timers: ReplacementTimers,
    ) -> Result<Self, InvokeError> {
        let propose =
            PathReplacement::Propose { call_identity: identity.to_owned(), rerouteing_number: number };
        // There is no result, and an error may come at any time: T1 supervises.
        let operation = Operation { supervision: None, ..propose.operation()? };
        Ok(Self {
            identity: identity.to_owned(),
            deadline: Some(now + timers.proposal),
            timers,
            moved: false,
            ended: false,
            out: VecDeque::from([ProposerOutput::Propose(operation)]),
        })
    }

    /// Whether a new call with this identity in pathReplaceSetup is the one proposed; it is to be given to
    /// [`Proposer::handle_setup`] then.
    pub fn is_for(&self, identity: &str) -> bool {
        !self.moved && !self.ended && self.identity == identity
    }

    /// The new call came.
    pub fn handle_setup(&mut self, now: Instant, identity: &str) {
        if self.is_for(identity) {
            self.moved = true;
            self.deadline = Some(now + self.timers.clearing);
            self.out.push_back(ProposerOutput::Accept(Answer::Done));
        }
    }

    /// The proposal was answered: only refusals are.
    pub fn handle_outcome(&mut self, outcome: &Outcome) {
        if self.moved {
            return;
        }
        match outcome {
            Outcome::Error(value, _) => self.end(ReplacementEnd::Refused(*value)),
            Outcome::Reject(_) => self.end(ReplacementEnd::NotSupported),
            Outcome::Result(_) | Outcome::NoAnswer | Outcome::Released(_) => {}
        }
    }

    /// The old call is over.
    pub fn old_call_ended(&mut self) {
        let end = if self.moved { ReplacementEnd::Replaced } else { ReplacementEnd::CallEnded };
        self.end(end);
    }

    /// The other end proposed, too: its proposal gets this answer, `None` if this one is done.
    pub fn handle_proposal(&self) -> Option<Answer> {
        (!self.ended).then_some(Answer::Error(COLLISION))
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|at| now < at) {
            return;
        }
        if self.moved {
            self.out.push_back(ProposerOutput::ClearOld);
            self.end(ReplacementEnd::Replaced);
        } else {
            self.end(ReplacementEnd::Expired);
        }
    }

    /// When [`Proposer::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<ProposerOutput> {
        self.out.pop_front()
    }

    fn end(&mut self, end: ReplacementEnd) {
        self.deadline = None;
        if !std::mem::replace(&mut self.ended, true) {
            self.out.push_back(ProposerOutput::Ended(end));
        }
    }
}

/// What the owner of a [`Cooperator`] is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CooperatorOutput {
    /// Call this number, en bloc, with this operation in SETUP.
    Call {
        /// Whom.
        number: PartyNumber,
        /// pathReplaceSetup.
        operation: Operation,
    },
    /// The user is on the new call from now on; the old one is to be cleared, cause 16.
    Switch,
    /// The new call is to be cleared, cause 16.
    ClearNew,
    /// Answer the proposal with this error.
    Refuse(Answer),
    /// It is over; nothing follows.
    Ended(ReplacementEnd),
}

/// The cooperating PINX: it gets a proposal and sets the new call up.
///
/// Driven as [`Proposer`] is.
#[derive(Debug)]
pub struct Cooperator {
    answered: bool,
    accepted: bool,
    ended: bool,
    deadline: Option<Instant>,
    out: VecDeque<CooperatorOutput>,
}

impl Cooperator {
    /// Acts on a proposal that came in FACILITY of the old call.
    ///
    /// # Errors
    /// [`InvokeError`] for an identity QSIG cannot carry; the proposal is to be rejected as mistyped.
    pub fn new(
        now: Instant,
        identity: &str,
        number: PartyNumber,
        timers: &ReplacementTimers,
    ) -> Result<Self, InvokeError> {
        let operation = PathReplacement::Setup { call_identity: identity.to_owned() }.operation()?;
        let operation = Operation { supervision: Some(timers.setup), ..operation };
        Ok(Self {
            answered: false,
            accepted: false,
            ended: false,
            deadline: Some(now + timers.setup),
            out: VecDeque::from([CooperatorOutput::Call { number, operation }]),
        })
    }

    /// CONNECT of the new call.
    pub fn call_answered(&mut self) {
        self.answered = true;
        self.try_switch();
    }

    /// pathReplaceSetup was answered.
    pub fn handle_outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Result(_) => {
                self.accepted = true;
                self.try_switch();
            }
            // Whoever does not know the identity is not the one who proposed.
            Outcome::Error(..) | Outcome::Reject(_) | Outcome::NoAnswer => self.fail(true),
            Outcome::Released(_) => self.fail(false),
        }
    }

    /// The new call is over, or could not be set up at all.
    pub fn new_call_ended(&mut self) {
        self.fail(false);
    }

    /// The old call is over before the new one took its place.
    pub fn old_call_ended(&mut self) {
        if !self.ended {
            self.out.push_back(CooperatorOutput::ClearNew);
            self.end(ReplacementEnd::CallEnded);
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|at| now >= at) {
            self.fail(true);
        }
    }

    /// When [`Cooperator::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<CooperatorOutput> {
        self.out.pop_front()
    }

    fn try_switch(&mut self) {
        if self.answered && self.accepted && !self.ended {
            self.out.push_back(CooperatorOutput::Switch);
            self.end(ReplacementEnd::Replaced);
        }
    }

    fn fail(&mut self, clear: bool) {
        if self.ended {
            return;
        }
        if clear {
            self.out.push_back(CooperatorOutput::ClearNew);
        }
        self.out.push_back(CooperatorOutput::Refuse(Answer::Error(ESTABLISHMENT_FAILURE)));
        self.end(ReplacementEnd::Refused(ESTABLISHMENT_FAILURE));
    }

    fn end(&mut self, end: ReplacementEnd) {
        self.deadline = None;
        self.ended = true;
        self.out.push_back(CooperatorOutput::Ended(end));
    }
}
