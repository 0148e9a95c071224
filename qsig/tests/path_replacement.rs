//! A call is moved onto a new path between two spans of ours, or stays where it is.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use qsig::path_replacement::{
    Cooperator, CooperatorOutput, PathReplacement, Proposer, ProposerOutput, ReplacementEnd,
    ReplacementTimers, UNRECOGNIZED_CALL_IDENTITY,
};
use qsig::q931::Cause;
use qsig::service::{Answer, Operation, Outcome, Service as _};
use qsig::{
    CallDetail, CallEvent, CallId, CallRequest, Carrier, Event, IndicationId, OperationId, PartyNumber, Side,
    Span, SpanConfig,
};

/// One end: its span, and the calls its user may be on.
struct End {
    span: Span,
    old: CallId,
    new: Option<CallId>,
    /// Where the user's audio is.
    user: Option<CallId>,
    ended: Vec<ReplacementEnd>,
}

/// Two PINXs with a trunk between them and a call that goes over it; the first proposes.
struct Pair {
    now: Instant,
    ends: [End; 2],
    proposer: Proposer,
    cooperator: Option<Cooperator>,
    proposal: Option<IndicationId>,
    setup: Option<OperationId>,
    propose: Option<OperationId>,
    /// The cooperating end puts this in place of the identity.
    forged: Option<&'static str>,
    /// The requesting end is not asked about the new call.
    deaf: bool,
}

const IDENTITY: &str = "12";

impl Pair {
    fn new(services: [&[i32]; 2]) -> Self {
        let now = Instant::now();
        let mut spans = [(Side::Network, services[0]), (Side::User, services[1])].map(|(side, services)| {
            let services: BTreeSet<i32> = services.iter().copied().collect();
            let mut span =
                Span::new(SpanConfig { side, services, accept_calls: true, ..SpanConfig::default() });
            span.handle_link(now, true);
            span
        });
        wire(now, &mut spans);
        let old = spans[0].start_call(now, &CallRequest::new("4711")).unwrap();
        wire(now, &mut spans);
        let theirs = spans[1].calls().next().unwrap().id;
        spans[1].answer_call(now, theirs, &CallDetail::default()).unwrap();
        wire(now, &mut spans);
        for span in &mut spans {
            while span.poll_event().is_some() {}
        }
        let ids = [old, theirs];
        let mut ids = ids.into_iter();
        let ends = spans.map(|span| {
            let old = ids.next().unwrap();
            End { span, old, new: None, user: Some(old), ended: Vec::new() }
        });
        let number = PartyNumber::Unknown("8000".into());
        let proposer = Proposer::new(now, IDENTITY, number, ReplacementTimers::default()).unwrap();
        Self {
            now,
            ends,
            proposer,
            cooperator: None,
            proposal: None,
            setup: None,
            propose: None,
            forged: None,
            deaf: false,
        }
    }

    fn run(&mut self) {
        loop {
            let mut idle = true;
            while let Some(output) = self.proposer.poll_output() {
                idle = false;
                self.do_proposer(output);
            }
            while let Some(output) = self.cooperator.as_mut().and_then(Cooperator::poll_output) {
                idle = false;
                self.do_cooperator(output);
            }
            for from in 0..2 {
                while let Some(frame) = self.ends[from].span.poll_frame() {
                    idle = false;
                    self.ends[1 - from].span.handle_frame(self.now, &frame);
                }
                while let Some(event) = self.ends[from].span.poll_event() {
                    idle = false;
                    self.event(from, event);
                }
            }
            if idle {
                return;
            }
        }
    }

    fn do_proposer(&mut self, output: ProposerOutput) {
        let now = self.now;
        let end = &mut self.ends[0];
        match output {
            ProposerOutput::Propose(operation) => {
                assert_eq!(operation.supervision, None);
                let operation = Operation { supervision: Some(Duration::from_secs(60)), ..operation };
                self.propose = Some(end.span.invoke(now, Carrier::Call(end.old), &operation).unwrap());
            }
            ProposerOutput::Accept(answer) => {
                end.span.answer(now, self.proposal.take().unwrap(), answer);
                end.span.answer_call(now, end.new.unwrap(), &CallDetail::default()).unwrap();
                end.user = end.new;
            }
            ProposerOutput::ClearOld => end.span.clear_call(now, end.old, Cause::private(16)).unwrap(),
            ProposerOutput::Ended(how) => end.ended.push(how),
        }
    }

    fn do_cooperator(&mut self, output: CooperatorOutput) {
        let now = self.now;
        let end = &mut self.ends[1];
        match output {
            CooperatorOutput::Call { number, mut operation } => {
                if let Some(forged) = self.forged {
                    let forged = PathReplacement::Setup { call_identity: forged.to_owned() };
                    operation.argument = forged.operation().unwrap().argument;
                }
                let request = CallRequest::new(number.digits());
                let (call, id) = end.span.start_call_with(now, &request, &operation).unwrap();
                (end.new, self.setup) = (Some(call), Some(id));
            }
            CooperatorOutput::Switch => {
                end.user = end.new;
                end.span.clear_call(now, end.old, Cause::private(16)).unwrap();
            }
            CooperatorOutput::ClearNew => {
                if let Some(new) = end.new {
                    let _ = end.span.clear_call(now, new, Cause::private(16));
                }
            }
            CooperatorOutput::Refuse(answer) => end.span.answer(now, self.proposal.take().unwrap(), answer),
            CooperatorOutput::Ended(how) => end.ended.push(how),
        }
    }

    fn event(&mut self, at: usize, event: Event) {
        let now = self.now;
        match event {
            Event::Invoked { id, carrier, invoke } => match PathReplacement::read(&invoke) {
                Some(Ok(PathReplacement::Propose { call_identity, rerouteing_number })) => {
                    assert_eq!((at, carrier), (1, Carrier::Call(self.ends[1].old)));
                    self.proposal = Some(id);
                    let timers = ReplacementTimers::default();
                    let cooperator = Cooperator::new(now, &call_identity, rerouteing_number, &timers);
                    self.cooperator = Some(cooperator.unwrap());
                }
                Some(Ok(PathReplacement::Setup { call_identity })) => {
                    assert_eq!(at, 0);
                    let Carrier::Call(call) = carrier else { panic!("{carrier:?}") };
                    if self.deaf {
                        return;
                    }
                    self.ends[0].new = Some(call);
                    if self.proposer.is_for(&call_identity) {
                        self.proposal = Some(id);
                        self.proposer.handle_setup(now, &call_identity);
                    } else {
                        self.ends[0].span.answer(now, id, Answer::Error(UNRECOGNIZED_CALL_IDENTITY));
                        self.ends[0].span.clear_call(now, call, Cause::private(31)).unwrap();
                    }
                }
                other => panic!("{other:?}"),
            },
            Event::OperationDone { operation, outcome } => {
                if Some(operation) == self.setup {
                    if let Some(cooperator) = &mut self.cooperator {
                        cooperator.handle_outcome(&outcome);
                    }
                } else if Some(operation) == self.propose {
                    self.proposer.handle_outcome(&outcome);
                }
            }
            Event::Call { id, event: CallEvent::Connected(_) } if Some(id) == self.ends[1].new => {
                if let Some(cooperator) = &mut self.cooperator {
                    cooperator.call_answered();
                }
            }
            Event::Call { id, event: CallEvent::Released { .. } } => {
                let old = id == self.ends[at].old;
                match (at, old) {
                    (0, true) => self.proposer.old_call_ended(),
                    (1, true) => {
                        if let Some(cooperator) = &mut self.cooperator {
                            cooperator.old_call_ended();
                        }
                    }
                    (1, false) => {
                        if let Some(cooperator) = &mut self.cooperator {
                            cooperator.new_call_ended();
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(500);
            for end in &mut self.ends {
                end.span.handle_timeout(self.now);
            }
            self.proposer.handle_timeout(self.now);
            if let Some(cooperator) = &mut self.cooperator {
                cooperator.handle_timeout(self.now);
            }
            self.run();
        }
    }

    fn calls(&self) -> [Vec<CallId>; 2] {
        self.ends.each_ref().map(|end| end.span.calls().map(|call| call.id).collect())
    }
}

fn wire(now: Instant, spans: &mut [Span; 2]) {
    loop {
        let mut idle = true;
        for from in 0..2 {
            while let Some(frame) = spans[from].poll_frame() {
                idle = false;
                spans[1 - from].handle_frame(now, &frame);
            }
        }
        if idle {
            return;
        }
    }
}

#[test]
fn a_proposal_moves_the_call_onto_the_new_path_and_the_old_one_is_cleared() {
    let mut pair = Pair::new([&[5], &[4]]);
    let before = pair.calls();
    pair.run();
    let ended = pair.ends.each_ref().map(|end| end.ended.clone());
    assert_eq!(ended, [vec![ReplacementEnd::Replaced], vec![ReplacementEnd::Replaced]]);
    for (end, before) in pair.ends.iter().zip(&before) {
        assert!(end.user.is_some() && end.user == end.new && end.user != Some(end.old));
        let calls: Vec<CallId> = end.span.calls().map(|call| call.id).collect();
        assert_eq!(calls, [end.new.unwrap()], "before: {before:?}");
        assert_eq!((end.span.channels_in_use(), end.span.active_calls()), (1, 1));
    }
    let slots = pair.ends.each_ref().map(|end| end.span.call(end.new.unwrap()).unwrap().channel);
    assert_eq!(slots[0], slots[1]);
    pair.pass(Duration::from_secs(120));
    assert_eq!(pair.ends.each_ref().map(|end| end.ended.len()), [1, 1]);
}

#[test]
fn an_identity_nobody_knows_leaves_the_call_where_it_is() {
    let mut pair = Pair::new([&[5], &[4]]);
    pair.forged = Some("99");
    pair.run();
    let ended = pair.ends.each_ref().map(|end| end.ended.clone());
    assert_eq!(ended, [vec![ReplacementEnd::Refused(1006)], vec![ReplacementEnd::Refused(1006)]]);
    pair.pass(Duration::from_secs(60));
    for end in &pair.ends {
        assert_eq!(end.user, Some(end.old));
        assert_eq!(end.span.calls().map(|call| call.id).collect::<Vec<_>>(), [end.old]);
    }
}

#[test]
fn an_end_without_the_service_refuses_and_the_call_stays() {
    let mut pair = Pair::new([&[5], &[]]);
    pair.run();
    assert_eq!(pair.ends[0].ended, [ReplacementEnd::Refused(1002)]);
    assert_eq!(pair.calls().map(|calls| calls.len()), [1, 1]);
    assert!(pair.cooperator.is_none());
}

#[test]
fn a_new_call_without_an_answer_is_given_up_and_the_old_one_lives() {
    let mut pair = Pair::new([&[5], &[4]]);
    pair.deaf = true;
    pair.run();
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.ends[1].ended, [ReplacementEnd::Refused(1006)]);
    assert_eq!(pair.ends[0].ended, [ReplacementEnd::Refused(1006)]);
    for end in &pair.ends {
        assert_eq!((end.user, end.span.calls().count()), (Some(end.old), 1));
    }
}

#[test]
fn a_user_who_hangs_up_meanwhile_ends_both_calls() {
    let mut pair = Pair::new([&[5], &[4]]);
    pair.deaf = true;
    pair.run();
    let old = pair.ends[0].old;
    pair.ends[0].span.clear_call(pair.now, old, Cause::private(16)).unwrap();
    pair.run();
    assert_eq!(pair.ends[0].ended, [ReplacementEnd::CallEnded]);
    assert_eq!(pair.ends[1].ended, [ReplacementEnd::CallEnded]);
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.calls().map(|calls| calls.len()), [0, 0]);
}

#[test]
fn both_proposing_at_once_is_a_collision() {
    let pair = Pair::new([&[5], &[4]]);
    assert_eq!(pair.proposer.handle_proposal(), Some(Answer::Error(1001)));
    let mut pair = pair;
    pair.proposer.handle_outcome(&Outcome::Error(1001, None));
    assert_eq!(pair.proposer.handle_proposal(), None);
    let outputs: Vec<_> = std::iter::from_fn(|| pair.proposer.poll_output()).collect();
    assert_eq!(outputs.last(), Some(&ProposerOutput::Ended(ReplacementEnd::Refused(1001))));
}
