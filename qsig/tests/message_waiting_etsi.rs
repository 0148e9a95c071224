//! Message waiting on a trunk of the public ISDN of Europe (EN 300 745-1), against a scripted peer and between two of ours.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::time::Duration;

use common::Bench;
use qsig::q931::{CallReference, Message, MessageType, ie};
use qsig::rose::Problem;
use qsig::{
    Event, InvokeError, MwiAction, MwiAnswer, MwiOutcome, MwiRequest, PartyNumber, SpanConfig, SwitchType,
};

fn net5() -> SpanConfig {
    SpanConfig { switch_type: SwitchType::PrimaryNet5, ..SpanConfig::default() }
}

fn activate(digits: &str) -> MwiRequest {
    MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown(digits.to_owned()))
}

/// A bench with one operation under way, invoke 1; what was sent.
fn asked() -> (Bench, Message) {
    let mut bench = Bench::new(net5());
    bench.span.invoke_mwi(bench.now, activate("4711")).unwrap();
    bench.pump();
    let [message] = &bench.heard()[..] else { panic!("one message") };
    (bench, message.clone())
}

#[track_caller]
fn outcome(bench: &mut Bench) -> MwiOutcome {
    match &bench.events()[..] {
        [Event::MwiDone { outcome, .. }] => outcome.clone(),
        other => panic!("expected one outcome, got {other:?}"),
    }
}

#[test]
fn an_operation_travels_in_facility_with_the_dummy_call_reference_and_takes_no_connection() {
    let (bench, message) = asked();
    assert_eq!((message.call_reference, message.kind), (CallReference::DUMMY, MessageType::FACILITY));
    let body = message.get(ie::FACILITY).unwrap();
    assert_eq!(
        body[..],
        *b"\x91\xA1\x16\x02\x01\x01\x06\x06\x04\x00\x85\x69\x01\x01\x30\x09\x80\x044711\x0A\x01\x01"
    );
    assert_eq!((bench.span.active_calls(), bench.span.pending_mwi()), (0, 1));
}

#[test]
fn each_answer_ends_the_operation_it_names() {
    for (apdu, wanted) in [
        ("1c0691a203020101", MwiOutcome::Done),
        ("1c0991a306020101020106", MwiOutcome::Error(6)),
        // { 0 4 0 745 1 11 }: receivingUserNotSubscribed.
        ("1c0e91a30b020101060604008569010b", MwiOutcome::Error(0)),
        ("1c0991a406020101810101", MwiOutcome::Reject(Problem::Invoke(1))),
    ] {
        let (mut bench, _) = asked();
        // Another's answer is nobody's here.
        bench.say_hex("0800621c0691a203020102");
        assert_eq!((bench.events(), bench.span.pending_mwi()), (vec![], 1), "{apdu}");
        bench.say_hex(&format!("080062{apdu}"));
        assert_eq!(outcome(&mut bench), wanted, "{apdu}");
        bench.say_hex(&format!("080062{apdu}"));
        assert_eq!((bench.events(), bench.span.pending_mwi()), (vec![], 0), "the outcome comes once");
    }
}

#[test]
fn an_operation_without_an_answer_ends_with_supervision_and_with_the_data_link() {
    let (mut bench, _) = asked();
    bench.pass(Duration::from_millis(14_999));
    assert_eq!(bench.events(), []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(outcome(&mut bench), MwiOutcome::NoAnswer);
    let (mut bench, _) = asked();
    bench.span.handle_link(bench.now, false);
    bench.pump();
    let events = bench.events();
    assert!(events.iter().any(|event| matches!(event, Event::MwiDone { outcome: MwiOutcome::LinkDown, .. })));
    let refused = bench.span.invoke_mwi(bench.now, activate("4711"));
    assert_eq!(refused, Err(InvokeError::LinkDown));
}

#[test]
fn an_operation_given_up_has_no_outcome() {
    let mut bench = Bench::new(net5());
    let operation = bench.span.invoke_mwi(bench.now, activate("4711")).unwrap();
    bench.span.cancel_mwi(bench.now, operation);
    bench.say_hex("0800621c0691a203020101");
    assert_eq!((bench.events(), bench.span.pending_mwi()), (vec![], 0));
}

#[test]
fn the_peer_s_operation_is_told_of_once_and_answered_as_the_owner_says() {
    const OFF: &str = "0800621c1991a116020107060604008569010230098004343731310a0101";
    for (answer, wanted) in [
        (MwiAnswer::Result, Some("91a203020107")),
        (MwiAnswer::Error(6), Some("91a306020107020106")),
        (MwiAnswer::Error(1000), Some("91a30602010702010b")),
        (MwiAnswer::Cause(41), Some("91a30602010702010b")),
        (MwiAnswer::Reject(1), Some("91a406020107810101")),
        (MwiAnswer::Silent, None),
    ] {
        let mut bench = Bench::new(net5());
        bench.say_hex(OFF);
        bench.say_hex(OFF);
        let events = bench.events();
        let [Event::MwiIndication { id, request }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((request.action, request.served_user.digits()), (MwiAction::Deactivate, "4711"));
        bench.span.answer_mwi(bench.now, *id, answer.clone());
        bench.pump();
        let said: Vec<String> = bench
            .heard()
            .iter()
            .map(|message| {
                assert_eq!(message.call_reference, CallReference::DUMMY);
                message.get(ie::FACILITY).unwrap().iter().map(|octet| format!("{octet:02x}")).collect()
            })
            .collect();
        assert_eq!(said, wanted.into_iter().collect::<Vec<_>>(), "{answer:?}");
    }
}

#[test]
fn a_mistyped_argument_is_rejected_and_other_operations_are_left_alone() {
    let mut bench = Bench::new(net5());
    // mWIActivate without an argument; operation 9 of another module; a result for nobody.
    bench.say_hex("0800621c0e91a10b0201070606040085690101");
    bench.say_hex("0800621c0e91a10b0201080606040085680101");
    bench.say_hex("0800621c0691a203020109");
    assert_eq!(bench.events(), []);
    let said: Vec<_> = bench.heard().iter().map(|m| m.get(ie::FACILITY).unwrap().to_vec()).collect();
    assert_eq!(said, [b"\x91\xA4\x06\x02\x01\x07\x81\x01\x02".to_vec()]);
}

#[test]
fn what_one_peer_can_leave_unanswered_is_bounded_and_forgotten() {
    let mut bench = Bench::new(net5());
    for id in 0..100u8 {
        bench.say_hex(&format!("0800621c1891a1150201{id:02x}0606040085690102300880033437310a0101"));
    }
    let waiting = bench.events().len();
    assert_eq!((waiting, bench.heard().len()), (64, 36));
    bench.pass(Duration::from_secs(60));
    bench.say_hex("0800621c1891a1150201070606040085690102300880033437310a0101");
    assert_eq!(bench.events().len(), 1);
}

#[test]
fn types_without_a_published_form_refuse_and_qsig_does_not_understand_etsi() {
    for kind in [SwitchType::PrimaryNi, SwitchType::Primary5ess, SwitchType::PrimaryNtt] {
        let mut bench = Bench::new(SpanConfig { switch_type: kind, ..SpanConfig::default() });
        let refused = bench.span.invoke_mwi(bench.now, activate("4711"));
        assert_eq!(refused, Err(InvokeError::SwitchType(kind)));
    }
    let mut bench = Bench::new(net5());
    let question = MwiRequest::new(MwiAction::Interrogate, PartyNumber::Unknown("4711".into()));
    assert!(matches!(bench.span.invoke_mwi(bench.now, question), Err(InvokeError::SwitchType(_))));
    assert_eq!(bench.span.pending_mwi(), 0);
}
