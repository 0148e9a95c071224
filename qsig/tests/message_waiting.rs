//! Message waiting against a scripted peer: every place and form an answer can come in, every timer, every refusal.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::time::Duration;

use common::{Bench, millis, unhex};
use qsig::q931::{MessageType, ie};
use qsig::rose::Problem;
use qsig::{
    Event, InvokeError, MsgCentreId, MwiAction, MwiAnswer, MwiOutcome, MwiRequest, PartyNumber, Side, Span,
    SpanConfig,
};

fn activate(digits: &str) -> MwiRequest {
    MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown(digits.to_owned()))
}

/// A bench with one operation under way; its SETUP has been heard, call reference 1, invoke 1.
fn asked() -> Bench {
    let mut bench = Bench::new(SpanConfig::default());
    bench.span.invoke_mwi(bench.now, activate("4711")).unwrap();
    bench.pump();
    assert_eq!(bench.heard_kinds(), [MessageType::SETUP]);
    bench
}

impl BenchExt for Bench {
    #[track_caller]
    fn outcome(&mut self) -> MwiOutcome {
        match &self.events()[..] {
            [Event::MwiDone { outcome, .. }] => outcome.clone(),
            other => panic!("expected one outcome, got {other:?}"),
        }
    }
}

trait BenchExt {
    fn outcome(&mut self) -> MwiOutcome;
}

const RESULT: &str = "1c159faa06800100820100a20a02010130050201500500";

#[test]
fn answer_is_taken_from_every_message_that_may_carry_it() {
    for (message, then) in [
        (format!("0802800107 1801ac{RESULT}"), vec![MessageType::CONNECT_ACKNOWLEDGE, MessageType::RELEASE]),
        (format!("0802800102 1801ac{RESULT}"), vec![MessageType::RELEASE]),
        (format!("0802800101 {RESULT}"), vec![MessageType::RELEASE]),
        (format!("0802800103 {RESULT}"), vec![MessageType::RELEASE]),
        (format!("0802800162 {RESULT}"), vec![MessageType::RELEASE]),
        (format!("0802800145 08028190{RESULT}"), vec![MessageType::RELEASE]),
        (format!("080280014d 08028190{RESULT}"), vec![MessageType::RELEASE_COMPLETE]),
        (format!("080280015a 08028190{RESULT}"), vec![]),
    ] {
        let mut bench = asked();
        bench.say_hex(&message);
        assert_eq!(bench.outcome(), MwiOutcome::Done, "{message}");
        assert_eq!(bench.heard_kinds(), then, "{message}");
        bench.say_hex("080280015a");
        assert_eq!((bench.span.active_calls(), bench.span.pending_mwi()), (0, 0), "{message}");
        assert_eq!(bench.events(), [], "the outcome comes once");
    }
}

#[test]
fn answer_in_facility_after_connect_is_waited_for() {
    let mut bench = asked();
    bench.say_hex("08028001071801ac");
    bench.pass(Duration::from_secs(14));
    assert_eq!((bench.heard_kinds(), bench.events()), (vec![MessageType::CONNECT_ACKNOWLEDGE], vec![]));
    bench.say_hex(&format!("0802800162{RESULT}"));
    assert_eq!(bench.outcome(), MwiOutcome::Done);
    assert_eq!(bench.heard_kinds(), [MessageType::RELEASE]);
}

#[test]
fn outcomes_are_told_apart() {
    let facility = |apdu: &str| format!("1c{:02x}9f{apdu}", apdu.len() / 2 + 1);
    for (body, outcome) in [
        (facility("a306020101020106"), MwiOutcome::Error(6)),
        (facility("a30702010102 0203fa".replace(' ', "").as_str()), MwiOutcome::Error(1018)),
        (facility("a3090201 0106042b0c0906".replace(' ', "").as_str()), MwiOutcome::Error(6)),
        (facility("a3080201010603550401"), MwiOutcome::Error(1008)),
        (facility("a406020101810101"), MwiOutcome::Reject(Problem::Invoke(1))),
        (facility("a4050500800101"), MwiOutcome::Reject(Problem::General(1))),
        (facility("a203020101"), MwiOutcome::Done),
        ("080281c5".to_owned(), MwiOutcome::Cause(69)),
        (String::new(), MwiOutcome::Cause(31)),
        // For another invoke, hence no answer.
        (format!("{}08028183", facility("a203020102")), MwiOutcome::Cause(3)),
    ] {
        let mut bench = asked();
        bench.say_hex(&format!("080280015a{body}"));
        assert_eq!(bench.outcome(), outcome, "{body}");
        assert_eq!(bench.span.active_calls(), 0);
    }
}

#[test]
fn connect_without_an_apdu_ends_with_supervision() {
    let mut bench = asked();
    bench.say_hex("08028001071801ac");
    bench.pass(millis(14_999));
    assert_eq!(bench.events(), []);
    bench.pass(millis(1));
    assert_eq!(bench.outcome(), MwiOutcome::ConnectedWithoutResult);
    assert_eq!(bench.heard_kinds(), [MessageType::CONNECT_ACKNOWLEDGE, MessageType::RELEASE]);
    // T308: RELEASE once more, then the call reference is free.
    bench.pass(millis(4_000));
    assert_eq!(bench.heard_kinds(), [MessageType::RELEASE]);
    assert_eq!(bench.span.active_calls(), 1);
    bench.pass(millis(4_000));
    assert_eq!(bench.span.active_calls(), 0);
}

#[test]
fn call_proceeding_stops_t303_and_starts_supervision() {
    let mut bench = asked();
    bench.say_hex("08028001021801ac");
    bench.pass(millis(14_999));
    assert_eq!((bench.heard(), bench.events()), (vec![], vec![]));
    bench.pass(millis(1));
    assert_eq!(bench.outcome(), MwiOutcome::NoAnswer);
    assert_eq!(bench.heard()[0].cause().unwrap().value, 102);
}

#[test]
fn the_longest_an_operation_takes_is_below_timer_f() {
    let mut bench = asked();
    bench.pass(millis(7_999));
    bench.say_hex("08028001021801ac");
    bench.pass(millis(7_501));
    bench.say_hex("08028001071801ac");
    bench.pass(millis(15_000));
    assert_eq!(bench.outcome(), MwiOutcome::ConnectedWithoutResult);
    let total = millis(7_999 + 7_501 + 15_000);
    assert!(total < Duration::from_secs(32), "{total:?}");
}

#[test]
fn link_lost_ends_operations_only_when_it_does_not_come_back() {
    let mut bench = asked();
    bench.span.handle_link(bench.now, false);
    bench.pump();
    let [Event::DataLinkDown, Event::MwiDone { outcome: MwiOutcome::LinkDown, .. }] = bench.events()[..]
    else {
        panic!("events")
    };
    assert_eq!((bench.span.active_calls(), bench.span.is_up()), (0, false));
    assert_eq!(bench.span.invoke_mwi(bench.now, activate("1")), Err(InvokeError::LinkDown));

    // The peer starts anew: the operation lives on and its answer counts.
    let mut bench = asked();
    bench.peer.establish(bench.now);
    bench.pump();
    assert_eq!(bench.events(), []);
    bench.say_hex(&format!("08028001071801ac{RESULT}"));
    assert_eq!(bench.outcome(), MwiOutcome::Done);
}

#[test]
fn status_null_clears_and_enquiry_is_answered() {
    let mut bench = asked();
    bench.say_hex("0802800175");
    let heard = bench.heard();
    assert_eq!(
        (heard[0].kind, heard[0].cause().unwrap().value, heard[0].call_state()),
        (MessageType::STATUS, 30, Some(1))
    );
    bench.say_hex("080280017d 0802819e 140101");
    assert_eq!(bench.events(), []);
    bench.say_hex("080280017d 080281e1 140100");
    assert_eq!(bench.outcome(), MwiOutcome::Cause(97));
    assert_eq!(bench.span.active_calls(), 0);
}

#[test]
fn messages_without_a_call_get_what_q931_says() {
    let mut bench = Bench::new(SpanConfig::default());
    for (message, answer) in [
        ("080200074d 08028190", Some((MessageType::RELEASE_COMPLETE, 81, None))),
        ("080200075a 08028190", None),
        ("080200077d 0802819e 14010a", Some((MessageType::RELEASE_COMPLETE, 101, None))),
        ("080200077d 0802819e 140100", None),
        ("0802000775", Some((MessageType::STATUS, 30, Some(0)))),
        ("0802000701", Some((MessageType::RELEASE_COMPLETE, 81, None))),
        ("08020007ee", Some((MessageType::RELEASE_COMPLETE, 81, None))),
        ("0802800705 0402a880 1801ac", None),
        ("0802000062", Some((MessageType::STATUS, 81, Some(0)))),
        ("0800 62 1c0191", None),
        ("0902000701", None),
        ("08030000070000", None),
        ("080f", None),
        ("08", None),
        ("", None),
        ("0802000705", Some((MessageType::RELEASE_COMPLETE, 96, None))),
        ("0802000705 040a80", Some((MessageType::RELEASE_COMPLETE, 100, None))),
        ("0802000705 0402a880 1801ac", Some((MessageType::RELEASE_COMPLETE, 69, None))),
    ] {
        bench.say_hex(message);
        let heard: Vec<_> =
            bench.heard().iter().map(|m| (m.kind, m.cause().unwrap().value, m.call_state())).collect();
        assert_eq!(heard, answer.into_iter().collect::<Vec<_>>(), "{message}");
        assert_eq!(bench.span.active_calls(), 0);
    }
}

#[test]
fn restart_is_acknowledged_with_the_same_channels() {
    let mut bench = Bench::new(SpanConfig::default());
    for elements in ["1803a98383 790180", "790187", "1804a9838384 790180", "790186"] {
        bench.say_hex(&format!("0802000046 {elements}"));
        assert_eq!(bench.heard()[0].to_bytes(), unhex(&format!("080280004e {elements}")), "{elements}");
    }
    assert_eq!(bench.span.statistics().restarts_received, 4);
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_is() {
    let mut bench = Bench::new(SpanConfig::default());
    let mut refuse = |request: MwiRequest| {
        let error = bench.span.invoke_mwi(bench.now, request).unwrap_err();
        bench.pump();
        assert_eq!((bench.heard(), bench.span.active_calls()), (vec![], 0));
        error
    };
    for digits in ["", "+49", "12a", "123456789012345678901"] {
        assert_eq!(refuse(activate(digits)), InvokeError::BadNumber(digits.to_owned()));
    }
    assert!(matches!(
        refuse(MwiRequest { priority: Some(10), ..activate("1") }),
        InvokeError::BadArgument { .. }
    ));
    for timestamp in ["2026", "20260102030405ZZZZZZ", "2026-01-02T03"] {
        let request = MwiRequest { timestamp: Some(timestamp.to_owned()), ..activate("1") };
        assert!(
            matches!(refuse(request), InvokeError::BadArgument { element: "timestamp", .. }),
            "{timestamp}"
        );
    }
    let centre = Some(MsgCentreId::Numeric("12345678901".to_owned()));
    let request = MwiRequest { message_centre: centre, ..activate("1") };
    assert!(matches!(refuse(request), InvokeError::BadArgument { element: "msgCentreId", .. }));
    let extensions = vec![bytes::Bytes::from(unhex(&format!("a66c{}", "00".repeat(108)))); 2];
    let request = MwiRequest { extensions: extensions.clone(), ..activate("1") };
    assert!(matches!(refuse(request), InvokeError::TooLong { limit: 260, .. }));
    let three = [extensions.clone(), extensions].concat();
    assert!(matches!(
        refuse(MwiRequest { extensions: three, ..activate("1") }),
        InvokeError::TooLong { limit: 255, .. }
    ));
}

#[test]
fn no_message_count_of_zero_is_ever_sent() {
    for (count, sent) in [(Some(0), false), (None, false), (Some(1), true), (Some(65535), true)] {
        let mut bench = Bench::new(SpanConfig::default());
        bench.span.invoke_mwi(bench.now, MwiRequest { messages: count, ..activate("4711") }).unwrap();
        bench.pump();
        let facility = bench.heard()[0].get(ie::FACILITY).unwrap().clone();
        assert_eq!(facility.windows(2).any(|pair| pair[0] == 0x83), sent, "{count:?}");
    }
}

#[test]
fn cancelled_operation_releases_and_says_nothing() {
    let mut bench = Bench::new(SpanConfig::default());
    let operation = bench.span.invoke_mwi(bench.now, activate("4711")).unwrap();
    bench.pump();
    bench.span.cancel_mwi(bench.now, operation);
    bench.pump();
    assert_eq!(bench.heard_kinds(), [MessageType::SETUP, MessageType::RELEASE]);
    bench.say_hex(&format!("08028001071801ac{RESULT}"));
    bench.say_hex("080280015a");
    assert_eq!((bench.events(), bench.span.active_calls(), bench.span.pending_mwi()), (vec![], 0, 0));
    bench.span.cancel_mwi(bench.now, operation);
}

#[test]
fn many_operations_at_once_have_their_own_references_and_come_home() {
    let mut bench = Bench::new(SpanConfig::default());
    let mut asked = Vec::new();
    for user in 0..qsig::MAX_CONNECTIONS {
        asked.push(bench.span.invoke_mwi(bench.now, activate(&user.to_string())).unwrap());
    }
    assert_eq!(
        bench.span.invoke_mwi(bench.now, activate("1")),
        Err(InvokeError::TooMany(qsig::MAX_CONNECTIONS))
    );
    bench.pump();
    let setups = bench.heard();
    let mut values: Vec<u16> = setups.iter().map(|m| m.call_reference.value).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!((setups.len(), values.len()), (asked.len(), asked.len()));
    for setup in setups {
        let [high, low] = setup.call_reference.value.to_be_bytes();
        bench.say(&[8, 2, high | 0x80, low, 0x5A, 8, 2, 0x81, 0x83]);
    }
    let ended: Vec<_> = bench
        .events()
        .into_iter()
        .map(|event| match event {
            Event::MwiDone { operation, outcome: MwiOutcome::Cause(3) } => operation,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ended, asked);
    assert_eq!(
        (bench.span.active_calls(), bench.span.pending_mwi(), bench.span.poll_timeout().is_some()),
        (0, 0, true)
    );
}

#[test]
fn call_references_run_from_1_to_32767_and_around() {
    let mut bench = Bench::new(SpanConfig::default());
    let mut seen = Vec::new();
    for _ in 0..32_770 {
        bench.span.invoke_mwi(bench.now, activate("1")).unwrap();
        bench.pump();
        let setup = bench.heard().remove(0);
        let [high, low] = setup.call_reference.value.to_be_bytes();
        seen.push(setup.call_reference.value);
        bench.say(&[8, 2, high | 0x80, low, 0x5A]);
    }
    let wanted: Vec<u16> = (1..=32_767).chain(1..=3).collect();
    assert_eq!(seen, wanted);
    assert_eq!(bench.span.active_calls(), 0);
}

#[test]
fn a_burst_that_waits_for_the_window_is_not_sent_twice() {
    let mut bench = Bench::new(SpanConfig::default());
    for user in 0..500 {
        bench.span.invoke_mwi(bench.now, activate(&user.to_string())).unwrap();
    }
    // A slow line: the peer takes seven frames every 150 ms, some 11 s in all.
    let mut setups = 0;
    for _ in 0..90 {
        while let Some(frame) = bench.span.poll_frame() {
            bench.peer.handle_frame(bench.now, &frame);
        }
        let mut answers = Vec::new();
        while let Some(indication) = bench.peer.poll_indication() {
            let qsig::lapd::Indication::Data(message) = indication else { continue };
            let message = qsig::q931::Message::parse(&message).unwrap();
            assert_eq!(message.kind, MessageType::SETUP);
            setups += 1;
            let [high, low] = message.call_reference.value.to_be_bytes();
            answers.push(vec![8, 2, high | 0x80, low, 0x5A, 8, 2, 0x81, 0x83]);
        }
        for answer in answers {
            bench.peer.send(answer.into()).unwrap();
        }
        bench.peer.flush(bench.now);
        while let Some(frame) = bench.peer.poll_frame() {
            bench.span.handle_frame(bench.now, &frame);
        }
        bench.now += millis(150);
        bench.span.handle_timeout(bench.now);
        bench.peer.handle_timeout(bench.now);
    }
    assert_eq!((setups, bench.span.pending_mwi(), bench.span.active_calls()), (500, 0, 0));
}

#[test]
fn a_peer_that_never_opens_the_window_cannot_hold_operations_for_ever() {
    let mut bench = Bench::new(SpanConfig::default());
    // RNR, and an RNR answer to every poll.
    bench.span.handle_frame(bench.now, &[0x02, 0x01, 0x05, 0x00]);
    bench.span.invoke_mwi(bench.now, activate("1")).unwrap();
    let end = bench.now + Duration::from_secs(60);
    while bench.now < end && bench.span.pending_mwi() > 0 {
        bench.now = bench.span.poll_timeout().unwrap().max(bench.now);
        bench.span.handle_timeout(bench.now);
        while let Some(frame) = bench.span.poll_frame() {
            assert_eq!(frame[..], [0x02, 0x01, 0x01, 0x01], "only polls go out");
            bench.span.handle_frame(bench.now, &[0x02, 0x01, 0x05, 0x01]);
        }
    }
    assert_eq!(bench.span.pending_mwi(), 0);
    let outcomes: Vec<_> = std::iter::from_fn(|| bench.span.poll_event()).collect();
    assert!(matches!(outcomes[..], [Event::MwiDone { outcome: MwiOutcome::NoAnswer, .. }]), "{outcomes:?}");
}

// ---- served user side ----

const SETUP: &str = "0802000505 0402a880 1801ac";

fn invoked(operation: &str, interpretation: &str) -> String {
    let argument = "3009800434373131 0a0101".replace(' ', "");
    let apdu = format!("9faa06800100820100{interpretation}a111020107{operation}{argument}");
    format!("{SETUP}1c{:02x}{apdu}", apdu.len() / 2)
}

#[test]
fn indication_reaches_the_application_and_its_answer_the_peer() {
    for (answer, kind, facility) in [
        (MwiAnswer::Result, MessageType::CONNECT, Some("9faa06800100820100a20a02010730050201500500")),
        (MwiAnswer::ShortResult, MessageType::CONNECT, Some("9faa06800100820100a203020107")),
        (MwiAnswer::Error(6), MessageType::CONNECT, Some("9faa06800100820100a306020107020106")),
        (MwiAnswer::Reject(1), MessageType::CONNECT, Some("9faa06800100820100a406020107810101")),
        (MwiAnswer::Silent, MessageType::CONNECT, None),
        (MwiAnswer::Cause(27), MessageType::RELEASE_COMPLETE, None),
    ] {
        let mut bench = Bench::new(SpanConfig::default());
        bench.say_hex(&invoked("020150", ""));
        let [Event::MwiIndication { id, request }] = &bench.events()[..] else { panic!("indication") };
        assert_eq!((request.action, request.served_user.digits()), (MwiAction::Activate, "4711"));
        bench.span.answer_mwi(bench.now, *id, answer.clone());
        bench.pump();
        let heard = bench.heard();
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].kind, kind);
        assert_eq!(heard[0].get(ie::FACILITY).map(|b| b.to_vec()), facility.map(unhex), "{answer:?}");
        // A second answer changes nothing.
        bench.span.answer_mwi(bench.now, *id, MwiAnswer::Result);
        bench.pump();
        assert_eq!(bench.heard(), []);
        if kind == MessageType::CONNECT {
            bench.say_hex("080200050f");
            bench.say_hex("080200054d 08028190");
            assert_eq!(bench.heard_kinds(), [MessageType::RELEASE_COMPLETE]);
        }
        assert_eq!(bench.span.active_calls(), 0);
    }
}

#[test]
fn what_we_do_not_know_is_refused_as_the_interpretation_says() {
    for (operation, interpretation, cause, facility) in [
        ("02014e", "", 69, Some("9faa06800100820100a406020107810101")),
        ("02014e", "8b0102", 69, Some("9faa06800100820100a406020107810101")),
        ("02014e", "8b0100", 69, None),
        ("02014e", "8b0101", 29, None),
    ] {
        let mut bench = Bench::new(SpanConfig::default());
        bench.say_hex(&invoked(operation, interpretation));
        let heard = bench.heard();
        assert_eq!((heard[0].kind, heard[0].cause().unwrap().value), (MessageType::RELEASE_COMPLETE, cause));
        assert_eq!(heard[0].get(ie::FACILITY).map(|b| b.to_vec()), facility.map(unhex));
        assert_eq!((bench.events(), bench.span.active_calls()), (vec![], 0));
    }
    // A mistyped argument: invoke problem 2.
    let mut bench = Bench::new(SpanConfig::default());
    bench.say_hex(&format!("{SETUP}{}", "1c139faa06800100820100a1080201070201503000"));
    let refused = bench.heard();
    assert_eq!(refused[0].get(ie::FACILITY).unwrap()[..], unhex("9faa06800100820100a406020107810102"));
}

#[test]
fn a_slow_application_gets_call_proceeding_and_then_gives_up() {
    let mut bench = Bench::new(SpanConfig::default());
    bench.say_hex(&invoked("020150", ""));
    bench.pass(millis(2_000));
    assert_eq!(bench.heard_kinds(), [MessageType::CALL_PROCEEDING]);
    bench.say_hex(&invoked("020150", ""));
    assert_eq!(bench.events().len(), 1, "a repeated SETUP is not a second indication");
    bench.pass(millis(28_000));
    let heard = bench.heard();
    assert_eq!((heard[0].kind, heard[0].cause().unwrap().value), (MessageType::RELEASE_COMPLETE, 41));
    assert_eq!(bench.span.active_calls(), 0);
}

#[test]
fn an_originator_that_forgets_to_release_is_released() {
    let mut bench = Bench::new(SpanConfig::default());
    bench.say_hex(&invoked("020150", ""));
    let [Event::MwiIndication { id, .. }] = bench.events()[..] else { panic!("indication") };
    bench.span.answer_mwi(bench.now, id, MwiAnswer::Result);
    bench.pass(millis(60_000));
    assert_eq!(bench.heard_kinds(), [MessageType::CONNECT, MessageType::RELEASE]);
    bench.pass(millis(8_000));
    assert_eq!((bench.heard_kinds(), bench.span.active_calls()), (vec![MessageType::RELEASE], 0));
}

#[test]
fn later_operations_of_a_connection_come_and_are_answered_in_facility() {
    let mut bench = Bench::new(SpanConfig::default());
    bench.say_hex(&invoked("020150", ""));
    let [Event::MwiIndication { id, .. }] = bench.events()[..] else { panic!("indication") };
    bench.span.answer_mwi(bench.now, id, MwiAnswer::Result);
    bench.say_hex(
        "0802000562 1c13 9f a10f 020108 020151 3009 800434373131 0a0101"
            .replace("1c13", "1c14")
            .replace("a10f", "a111")
            .as_str(),
    );
    let [Event::MwiIndication { id, request }] = &bench.events()[..] else { panic!("second indication") };
    assert_eq!(request.action, MwiAction::Deactivate);
    bench.heard();
    bench.span.answer_mwi(bench.now, *id, MwiAnswer::Error(8));
    bench.pump();
    let heard = bench.heard();
    assert_eq!(heard[0].kind, MessageType::FACILITY);
    assert_eq!(heard[0].get(ie::FACILITY).unwrap()[..], unhex("9faa06800100820100a306020108020108"));
}

#[test]
fn another_side_sets_the_link_up_anew() {
    let mut bench = Bench::new(SpanConfig::default());
    bench.span.invoke_mwi(bench.now, activate("4711")).unwrap();
    bench.pump();
    let config = SpanConfig { side: Side::User, ..bench.span.config().clone() };
    bench.span.set_config(bench.now, config);
    assert_eq!(bench.span.poll_event(), Some(Event::DataLinkDown));
    assert!(matches!(bench.span.poll_event(), Some(Event::MwiDone { outcome: MwiOutcome::LinkDown, .. })));
    assert_eq!(bench.span.poll_frame().unwrap()[..], [0x00, 0x01, 0x7F]);
    // Timers change at once, without disturbing the link.
    let mut bench = Bench::new(SpanConfig::default());
    let mut config = bench.span.config().clone();
    config.l3.t303 = millis(1_000);
    bench.span.set_config(bench.now, config);
    assert!(bench.span.is_up());
    bench.span.invoke_mwi(bench.now, activate("4711")).unwrap();
    bench.pass(millis(1_000));
    assert_eq!(bench.heard_kinds(), [MessageType::SETUP, MessageType::SETUP]);
}

#[test]
fn a_span_without_layer_1_is_silent() {
    let span = Span::new(SpanConfig::default());
    assert_eq!((span.data_link_state().to_string().as_str(), span.poll_timeout()), ("TEI_ASSIGNED", None));
}
