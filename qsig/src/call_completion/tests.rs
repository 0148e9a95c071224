#![allow(clippy::unwrap_used, clippy::panic)]
use std::time::{Duration, Instant};

use super::*;
use crate::service::{Answer, Outcome};

fn request(can_retain_service: bool) -> CompletionRequest {
    CompletionRequest {
        caller: PresentedNumber::Allowed(PartyNumber::Unknown("8000".into())),
        called: PartyNumber::Unknown("4711".into()),
        service: Bytes::from_static(&[0x04, 0x03, 0x80, 0x90, 0xA3]),
        can_retain_service,
        retain_connection: Some(true),
    }
}

/// Both ends, and the connection between them as the owners would keep it.
struct Pair {
    now: Instant,
    requester: Requester,
    responder: Option<Responder>,
    caller_free: bool,
    user_free: bool,
    said: Vec<&'static str>,
    ends: Vec<CompletionEnd>,
}

impl Pair {
    fn new(kind: CompletionKind, retain: bool) -> Self {
        let now = Instant::now();
        let timers = CompletionTimers::default();
        let requester = Requester::new(now, kind, request(retain), timers.clone()).unwrap();
        let mut pair = Self {
            now,
            requester,
            responder: None,
            caller_free: true,
            user_free: false,
            said: vec![],
            ends: vec![],
        };
        pair.pump();
        pair
    }

    /// What goes over the wire is written and read again.
    fn wire(operation: &Operation) -> CallCompletion {
        CallCompletion::read(&operation.invoke(1)).unwrap().unwrap()
    }

    fn pump(&mut self) {
        loop {
            if let Some(output) = self.requester.poll_output() {
                match output {
                    RequesterOutput::Open(operation) => {
                        let CallCompletion::Request(kind, request) = Self::wire(&operation) else {
                            panic!("{operation:?}")
                        };
                        let timers = CompletionTimers::default();
                        self.responder = Some(Responder::new(self.now, kind, &request, timers));
                    }
                    RequesterOutput::Send(operation) => {
                        let free = self.user_free;
                        if let Some(responder) = &mut self.responder {
                            responder.handle_invoke(self.now, &Self::wire(&operation), free);
                        }
                    }
                    RequesterOutput::Call(operation) => {
                        assert_eq!(Self::wire(&operation), CallCompletion::Ringout);
                        let busy = !self.user_free;
                        self.responder.as_mut().unwrap().call_arrived(busy);
                        self.requester.call_ended(busy);
                    }
                    RequesterOutput::Release => {
                        if let Some(responder) = &mut self.responder {
                            responder.connection_released();
                        }
                    }
                    RequesterOutput::Recall => self.said.push("recall"),
                    RequesterOutput::StopRecall => self.said.push("stop recall"),
                    RequesterOutput::Ended(end) => self.ends.push(end),
                }
            } else if let Some(output) = self.responder.as_mut().and_then(Responder::poll_output) {
                match output {
                    ResponderOutput::Answer(Answer::Result(result)) => {
                        self.requester.handle_outcome(self.now, &Outcome::Result(Some(result)));
                    }
                    ResponderOutput::Send(operation) => {
                        self.requester.handle_invoke(self.now, &Self::wire(&operation), self.caller_free);
                    }
                    ResponderOutput::Release => self.said.push("release"),
                    ResponderOutput::Ended(end) => self.ends.push(end),
                    other => panic!("{other:?}"),
                }
            } else {
                return;
            }
        }
    }

    fn user(&mut self, free: bool) {
        self.user_free = free;
        if free {
            self.responder.as_mut().unwrap().user_free(self.now);
        }
        self.pump();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.requester.handle_timeout(self.now);
        self.pump();
        self.responder.as_mut().unwrap().handle_timeout(self.now);
        self.pump();
    }
}

#[test]
fn a_call_to_a_busy_user_is_completed_when_both_are_free() {
    let mut pair = Pair::new(CompletionKind::Busy, false);
    assert_eq!(pair.requester.state(), RequesterState::Activated);
    pair.user(true);
    assert_eq!((pair.requester.state(), &pair.said[..]), (RequesterState::Recalling, &["recall"][..]));
    pair.requester.caller_answered();
    pair.pump();
    assert_eq!(pair.ends, [CompletionEnd::Completed, CompletionEnd::Completed]);
    assert_eq!((pair.requester.poll_timeout(), pair.responder.unwrap().poll_timeout()), (None, None));
}

#[test]
fn a_caller_who_is_busy_suspends_and_resumes() {
    let mut pair = Pair::new(CompletionKind::NoReply, false);
    pair.caller_free = false;
    pair.user(true);
    assert_eq!(pair.requester.state(), RequesterState::Suspended);
    assert_eq!(pair.responder.as_ref().unwrap().state(), ResponderState::Suspended);
    pair.caller_free = true;
    pair.requester.caller_free();
    pair.pump();
    assert_eq!((pair.requester.state(), &pair.said[..]), (RequesterState::Recalling, &["recall"][..]));
}

#[test]
fn a_user_busy_again_keeps_the_request_where_both_sides_retain_it() {
    for (retain, ends) in [(true, vec![]), (false, vec![CompletionEnd::Refused(1012); 2])] {
        let mut pair = Pair::new(CompletionKind::Busy, retain);
        pair.user(true);
        pair.user(false);
        pair.requester.caller_answered();
        pair.pump();
        assert_eq!(pair.ends, ends, "retain {retain}");
        if retain {
            pair.user(true);
            assert_eq!(pair.said, ["recall", "recall"]);
        }
    }
}

#[test]
fn either_side_cancels() {
    let mut pair = Pair::new(CompletionKind::Busy, false);
    pair.user(true);
    pair.requester.cancel();
    pair.pump();
    assert_eq!(pair.said, ["recall", "stop recall", "release"]);
    assert_eq!(pair.ends, [CompletionEnd::Withdrawn, CompletionEnd::Cancelled]);

    let mut pair = Pair::new(CompletionKind::Busy, false);
    pair.user(true);
    pair.responder.as_mut().unwrap().cancel();
    pair.pump();
    assert_eq!(pair.said, ["recall", "stop recall", "release"]);
    assert!(pair.ends.contains(&CompletionEnd::Cancelled) && pair.ends.contains(&CompletionEnd::Withdrawn));
}

#[test]
fn every_wait_ends() {
    // No answer to the recall.
    let mut pair = Pair::new(CompletionKind::Busy, false);
    pair.user(true);
    pair.pass(CompletionTimers::default().recall);
    assert_eq!(pair.said, ["recall", "stop recall", "release"]);
    assert_eq!(pair.ends, [CompletionEnd::Expired, CompletionEnd::Cancelled]);
    // The user never becomes free.
    for (kind, life) in [
        (CompletionKind::Busy, CompletionTimers::default().busy),
        (CompletionKind::NoReply, CompletionTimers::default().no_reply),
    ] {
        let mut pair = Pair::new(kind, false);
        pair.pass(life - Duration::from_secs(1));
        assert_eq!(pair.ends, []);
        pair.pass(Duration::from_secs(1));
        assert_eq!(pair.ends, [CompletionEnd::Expired, CompletionEnd::Cancelled]);
    }
    // The request is refused, not known, or not answered.
    for (outcome, end) in [
        (Outcome::Error(1011, None), CompletionEnd::Refused(1011)),
        (Outcome::Reject(Problem::Invoke(1)), CompletionEnd::NotSupported),
        (Outcome::NoAnswer, CompletionEnd::Expired),
    ] {
        let now = Instant::now();
        let timers = CompletionTimers::default();
        let mut requester = Requester::new(now, CompletionKind::Busy, request(false), timers).unwrap();
        requester.handle_outcome(now, &outcome);
        let outputs: Vec<_> = std::iter::from_fn(|| requester.poll_output()).collect();
        assert_eq!(outputs[1..], [RequesterOutput::Release, RequesterOutput::Ended(end)]);
    }
}
