//! The two ends of one request.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{CallCompletion, CompletionAccepted, CompletionKind, CompletionRequest};
use crate::mwi::InvokeError;
use crate::service::{Answer, Operation, Outcome, Service};

/// How long the two ends wait. The names and ranges are from memory of ECMA-186.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionTimers {
    /// T1: an answer to the request; 30 s.
    pub request: Duration,
    /// T2: a CCBS request lives so long; 60 minutes.
    pub busy: Duration,
    /// T3: a CCNR request lives so long; 180 minutes.
    pub no_reply: Duration,
    /// T4: the caller is rung so long; 20 s. The called side waits twice as long for the call.
    pub recall: Duration,
}

impl Default for CompletionTimers {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            busy: Duration::from_secs(60 * 60),
            no_reply: Duration::from_secs(180 * 60),
            recall: Duration::from_secs(20),
        }
    }
}

impl CompletionTimers {
    fn life(&self, kind: CompletionKind) -> Duration {
        match kind {
            CompletionKind::Busy => self.busy,
            CompletionKind::NoReply => self.no_reply,
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionEnd {
    /// The call was set up.
    Completed,
    /// Refused with this error (1010 short term, 1011 long term rejection, …).
    Refused(i32),
    /// The other side does not know the service, or refused without an error.
    NotSupported,
    /// The other side cancelled it.
    Cancelled,
    /// This side cancelled it.
    Withdrawn,
    /// A timer ended it.
    Expired,
    /// The signalling connection was lost.
    ConnectionLost,
}

/// State of the caller's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequesterState {
    /// Asked, not answered.
    Requested,
    /// Accepted: the called user is being watched.
    Activated,
    /// The called user is free, the caller is rung.
    Recalling,
    /// The called user was free while the caller was busy.
    Suspended,
    /// The caller answered: the call is being set up.
    Completing,
    /// Over.
    Ended,
}

/// What the owner of a [`Requester`] is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequesterOutput {
    /// Open a call independent connection to the called user with this operation in its SETUP.
    Open(Operation),
    /// Send this on the connection.
    Send(Operation),
    /// Release the connection.
    Release,
    /// Ring the caller: the called user is free.
    Recall,
    /// The caller need not be rung any more.
    StopRecall,
    /// Call the called user with this operation in SETUP.
    Call(Operation),
    /// It is over; nothing follows.
    Ended(CompletionEnd),
}

/// The caller's end of one request.
///
/// Drive it: an input, then [`Requester::poll_output`] until it gives nothing; [`Requester::handle_timeout`] at
/// [`Requester::poll_timeout`].
#[derive(Debug)]
pub struct Requester {
    state: RequesterState,
    kind: CompletionKind,
    timers: CompletionTimers,
    deadline: Option<Instant>,
    life: Option<Instant>,
    retained: bool,
    out: VecDeque<RequesterOutput>,
}

impl Requester {
    /// Asks for completion.
    ///
    /// # Errors
    /// [`InvokeError`] for numbers QSIG cannot carry.
    pub fn new(
        now: Instant,
        kind: CompletionKind,
        request: CompletionRequest,
        timers: CompletionTimers,
    ) -> Result<Self, InvokeError> {
        let mut operation = CallCompletion::Request(kind, request).operation()?;
        operation.supervision = Some(timers.request);
        Ok(Self {
            state: RequesterState::Requested,
            kind,
            deadline: Some(now + timers.request),
            life: None,
            timers,
            retained: false,
            out: VecDeque::from([RequesterOutput::Open(operation)]),
        })
    }

    /// The state.
    pub fn state(&self) -> RequesterState {
        self.state
    }

    /// What the called side said when it accepted: the service is retained if its user is busy again.
    pub fn is_retained(&self) -> bool {
        self.retained
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<RequesterOutput> {
        self.out.pop_front()
    }

    /// When [`Requester::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline, self.life].into_iter().flatten().min()
    }

    /// The request was answered, or not.
    pub fn handle_outcome(&mut self, now: Instant, outcome: &Outcome) {
        if self.state != RequesterState::Requested {
            return;
        }
        match outcome {
            Outcome::Result(result) => {
                let accepted = result.as_ref().and_then(CompletionAccepted::parse).unwrap_or_default();
                self.retained = accepted.retain_service;
                self.state = RequesterState::Activated;
                self.deadline = None;
                self.life = Some(now + self.timers.life(self.kind));
            }
            Outcome::Error(error, _) => self.end(CompletionEnd::Refused(*error), true),
            Outcome::Reject(_) | Outcome::Released(_) => self.end(CompletionEnd::NotSupported, true),
            Outcome::NoAnswer => self.end(CompletionEnd::Expired, true),
        }
    }

    /// An operation came from the called side. `caller_free`: whether the caller can be rung now.
    pub fn handle_invoke(&mut self, now: Instant, invoke: &CallCompletion, caller_free: bool) {
        match (invoke, self.state) {
            (CallCompletion::ExecPossible(_), RequesterState::Activated) if caller_free => self.recall(now),
            (CallCompletion::ExecPossible(_), RequesterState::Activated) => {
                self.state = RequesterState::Suspended;
                self.send(&CallCompletion::Suspend);
            }
            (CallCompletion::Cancel(_), state) if state != RequesterState::Ended => {
                self.end(CompletionEnd::Cancelled, true);
            }
            _ => {}
        }
    }

    /// The caller is free again: a suspended request goes on.
    pub fn caller_free(&mut self) {
        if self.state == RequesterState::Suspended {
            // The called side watches its user anew, and tells again when both are free.
            self.state = RequesterState::Activated;
            self.send(&CallCompletion::Resume);
        }
    }

    /// The caller answered the recall: the call is set up.
    pub fn caller_answered(&mut self) {
        if self.state == RequesterState::Recalling {
            self.state = RequesterState::Completing;
            self.deadline = None;
            if let Ok(operation) = CallCompletion::Ringout.operation() {
                self.out.push_back(RequesterOutput::Call(operation));
            }
        }
    }

    /// The call ended or was answered by ringing. `busy_again`: the called user was busy; the request then lives on if the
    /// called side retains it.
    pub fn call_ended(&mut self, busy_again: bool) {
        if self.state != RequesterState::Completing {
            return;
        }
        if busy_again && self.retained {
            self.state = RequesterState::Activated;
        } else if busy_again {
            self.end(CompletionEnd::Refused(1012), true);
        } else {
            self.end(CompletionEnd::Completed, true);
        }
    }

    /// The caller does not want it any more.
    pub fn cancel(&mut self) {
        if self.state != RequesterState::Ended {
            self.stop_recall();
            self.send(&CallCompletion::Cancel(None));
            self.end(CompletionEnd::Withdrawn, true);
        }
    }

    /// The signalling connection is gone.
    pub fn connection_released(&mut self) {
        match self.state {
            RequesterState::Ended | RequesterState::Completing => {}
            _ => self.end(CompletionEnd::ConnectionLost, false),
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.deadline) || due(self.life) {
            if self.state != RequesterState::Requested {
                self.stop_recall();
                self.send(&CallCompletion::Cancel(None));
            }
            self.end(CompletionEnd::Expired, true);
        }
    }

    fn recall(&mut self, now: Instant) {
        self.state = RequesterState::Recalling;
        self.deadline = Some(now + self.timers.recall);
        self.out.push_back(RequesterOutput::Recall);
    }

    fn stop_recall(&mut self) {
        if self.state == RequesterState::Recalling {
            self.out.push_back(RequesterOutput::StopRecall);
        }
    }

    fn send(&mut self, operation: &CallCompletion) {
        if let Ok(operation) = operation.operation() {
            self.out.push_back(RequesterOutput::Send(operation));
        }
    }

    fn end(&mut self, end: CompletionEnd, release: bool) {
        if self.state == RequesterState::Recalling && end == CompletionEnd::Cancelled {
            self.stop_recall();
        }
        self.state = RequesterState::Ended;
        self.deadline = None;
        self.life = None;
        if release {
            self.out.push_back(RequesterOutput::Release);
        }
        self.out.push_back(RequesterOutput::Ended(end));
    }
}

/// State of the called end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponderState {
    /// The user is being watched.
    Watching,
    /// The caller's side knows that the user is free.
    Offered,
    /// The caller was busy when the user was free.
    Suspended,
    /// Over.
    Ended,
}

/// What the owner of a [`Responder`] is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponderOutput {
    /// Answer the request.
    Answer(Answer),
    /// Send this on the connection.
    Send(Operation),
    /// Release the connection, if it is still up some seconds later: the caller's side releases it.
    Release,
    /// It is over; nothing follows.
    Ended(CompletionEnd),
}

/// The called end of one request, from its acceptance on. A refusal needs no machine: answer with error 1010
/// (shortTermRejection: queue full, try later) or 1011 (longTermRejection).
#[derive(Debug)]
pub struct Responder {
    state: ResponderState,
    timers: CompletionTimers,
    retain: bool,
    deadline: Option<Instant>,
    life: Option<Instant>,
    out: VecDeque<ResponderOutput>,
}

impl Responder {
    /// Accepts a request. The service is retained if both sides can.
    pub fn new(
        now: Instant,
        kind: CompletionKind,
        request: &CompletionRequest,
        timers: CompletionTimers,
    ) -> Self {
        let accepted =
            CompletionAccepted { no_path_reservation: true, retain_service: request.can_retain_service };
        Self {
            state: ResponderState::Watching,
            retain: accepted.retain_service,
            deadline: None,
            // Somewhat longer than the caller's side, so that the two rarely end at the same moment.
            life: Some(now + timers.life(kind) + timers.request),
            timers,
            out: VecDeque::from([ResponderOutput::Answer(Answer::Result(accepted.result()))]),
        }
    }

    /// The state.
    pub fn state(&self) -> ResponderState {
        self.state
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<ResponderOutput> {
        self.out.pop_front()
    }

    /// When [`Responder::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline, self.life].into_iter().flatten().min()
    }

    /// The user has become free (or, for CCNR, was active and is free again).
    pub fn user_free(&mut self, now: Instant) {
        if self.state == ResponderState::Watching {
            self.state = ResponderState::Offered;
            self.deadline = Some(now + self.timers.recall * 2);
            if let Ok(operation) = CallCompletion::ExecPossible(None).operation() {
                self.out.push_back(ResponderOutput::Send(operation));
            }
        }
    }

    /// An operation came from the caller's side. `user_free`: whether the user is free now.
    pub fn handle_invoke(&mut self, now: Instant, invoke: &CallCompletion, user_free: bool) {
        match (invoke, self.state) {
            (CallCompletion::Suspend, ResponderState::Offered) => {
                self.state = ResponderState::Suspended;
                self.deadline = None;
            }
            (CallCompletion::Resume, ResponderState::Suspended) => {
                self.state = ResponderState::Watching;
                if user_free {
                    self.user_free(now);
                }
            }
            (CallCompletion::Cancel(_), state) if state != ResponderState::Ended => {
                self.end(CompletionEnd::Cancelled);
            }
            _ => {}
        }
    }

    /// The call with ccRingout arrived. `user_busy`: the user is busy again; the request lives on if the service is
    /// retained.
    pub fn call_arrived(&mut self, user_busy: bool) {
        if self.state != ResponderState::Offered {
            return;
        }
        if user_busy && self.retain {
            self.state = ResponderState::Watching;
            self.deadline = None;
        } else if user_busy {
            self.end(CompletionEnd::Refused(1012));
        } else {
            self.end(CompletionEnd::Completed);
        }
    }

    /// This side gives the request up.
    pub fn cancel(&mut self) {
        if self.state != ResponderState::Ended {
            self.give_up(CompletionEnd::Withdrawn);
        }
    }

    /// The signalling connection is gone.
    pub fn connection_released(&mut self) {
        if self.state != ResponderState::Ended {
            self.state = ResponderState::Ended;
            self.out.push_back(ResponderOutput::Ended(CompletionEnd::ConnectionLost));
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.give_up(CompletionEnd::Expired);
        }
    }

    fn give_up(&mut self, end: CompletionEnd) {
        if let Ok(operation) = CallCompletion::Cancel(None).operation() {
            self.out.push_back(ResponderOutput::Send(operation));
        }
        self.end(end);
    }

    fn end(&mut self, end: CompletionEnd) {
        self.state = ResponderState::Ended;
        self.deadline = None;
        self.life = None;
        self.out.push_back(ResponderOutput::Release);
        self.out.push_back(ResponderOutput::Ended(end));
    }
}
