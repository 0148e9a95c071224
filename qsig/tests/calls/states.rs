//! States and timers of one call against a scripted peer.

use super::prelude::*;

#[test]
fn setup_without_any_answer_is_repeated_once_and_given_up() {
    let (mut bench, _) = calling();
    bench.pass(millis(4_000));
    assert_eq!(bench.said(), [(MessageType::SETUP, None)]);
    bench.pass(millis(4_000));
    assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(102))]);
    assert_eq!(bench.call_events(), [CallEvent::Released { cause: Cause::private(102) }]);
    assert_eq!((bench.span.active_calls(), bench.span.channels_in_use()), (0, 0));
}

#[test]
fn each_stage_of_an_outgoing_call_has_its_timer() {
    for (answer, limit, cause) in [
        ("080280010d 1803a98381", 20_000, 102),
        ("0802800102 1803a98381", 110_000, 102),
        ("0802800101 1803a98381", 180_000, 19),
        ("0802800103 1803a98381 1e028188", 180_000, 19),
    ] {
        let (mut bench, id) = calling();
        bench.say_hex(answer);
        assert_eq!(bench.call_events().len(), 1);
        bench.pass(millis(limit - 1));
        assert_eq!((bench.said(), bench.events()), (vec![], vec![]), "{answer}");
        bench.pass(millis(1));
        assert_eq!(bench.said(), [(DISCONNECT, Some(cause))], "{answer}");
        let told = Cause::private(cause);
        assert_eq!(bench.call_events(), [CallEvent::Disconnected { cause: told, tones: false }]);
        assert_eq!(bench.span.call(id).unwrap().state, CallState::DisconnectRequest);
        // T305, T308, T308: the peer is gone.
        bench.pass(millis(30_000));
        assert_eq!(bench.said(), [(RELEASE, Some(cause))]);
        bench.pass(millis(4_000));
        assert_eq!(bench.said(), [(RELEASE, Some(cause))]);
        assert_eq!(bench.span.channels_in_use(), 1);
        bench.pass(millis(4_000));
        assert_eq!(bench.call_events(), [CallEvent::Released { cause: told }]);
        assert_eq!((bench.span.active_calls(), bench.span.channels_in_use()), (0, 0));
    }
}

#[test]
fn connect_that_is_not_acknowledged_is_disconnected_by_t313() {
    let (mut bench, id) = called(true);
    bench.span.answer_call(bench.now, id, &plain()).unwrap();
    bench.pump();
    assert_eq!(bench.span.call(id).unwrap().state.to_string(), "Active");
    assert_eq!(bench.said(), [(MessageType::CONNECT, None)]);
    bench.pass(millis(4_000));
    assert_eq!(bench.said(), [(DISCONNECT, Some(102))]);
    bench.say_hex("080200094d 08028190");
    assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(102))]);
    assert_eq!(bench.span.channels_in_use(), 0);
}

#[test]
fn overlap_receiving_collects_digits_until_t302_or_sending_complete() {
    let (mut bench, id) = called(false);
    bench.span.acknowledge_call(bench.now, id, &plain()).unwrap();
    bench.pump();
    let heard = bench.heard();
    assert_eq!(
        (heard[0].kind, heard[0].get(ie::CHANNEL_ID).unwrap()[..].to_vec()),
        (MessageType::SETUP_ACKNOWLEDGE, unhex("a98385"))
    );
    bench.pass(millis(14_000));
    bench.say_hex("080200097b 70028031");
    bench.pass(millis(14_999));
    assert_eq!(bench.call_events(), [CallEvent::Digits { digits: "471".into(), complete: false }]);
    bench.pass(millis(1));
    assert_eq!(bench.call_events(), [CallEvent::Digits { digits: "471".into(), complete: true }]);
    // An owner that does nothing then: number incomplete.
    bench.pass(millis(30_000));
    assert_eq!(bench.said(), [(DISCONNECT, Some(28))]);

    let (mut bench, id) = called(false);
    bench.span.acknowledge_call(bench.now, id, &plain()).unwrap();
    bench.say_hex("080200097b 2c0131");
    bench.say_hex("080200097b 70028032 a1");
    let [_, CallEvent::Digits { digits, complete: true }] = &bench.call_events()[..] else {
        panic!("digits")
    };
    assert_eq!(digits, "4712");
    bench.heard();
    bench.span.proceed_call(bench.now, id, &plain()).unwrap();
    bench.pass(millis(20_000));
    assert_eq!(bench.said(), [(MessageType::CALL_PROCEEDING, None)], "T302 is over");
}

#[test]
fn digits_of_one_call_are_bounded() {
    let (mut bench, id) = called(false);
    bench.span.acknowledge_call(bench.now, id, &plain()).unwrap();
    for _ in 0..20 {
        bench.say_hex(&format!("080200097b 700b80 {}", "31".repeat(10)));
    }
    let Some(CallEvent::Digits { digits, .. }) = bench.call_events().pop() else { panic!("digits") };
    assert_eq!(digits.len(), 64);
}

#[test]
fn an_owner_without_reaction_loses_the_call() {
    let (mut bench, id) = called(true);
    bench.pass(millis(30_000));
    assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(41))]);
    assert_eq!(bench.call_events(), [CallEvent::Released { cause: Cause::private(41) }]);
    assert_eq!(bench.span.clear_call(bench.now, id, Cause::private(16)), Err(CallError::NoSuchCall));
}

#[test]
fn a_call_is_cleared_in_every_state_from_either_side() {
    let outgoing = [
        "",
        "080280010d 1803a98381",
        "0802800102 1803a98381",
        "0802800101 1803a98381",
        "0802800107 1803a98381",
    ];
    for answer in outgoing {
        for clearing in ["0802800145 08028191", "080280014d 08028191", "080280015a 08028191", "ours"] {
            let (mut bench, id) = calling();
            if !answer.is_empty() {
                bench.say_hex(answer);
            }
            bench.heard();
            bench.events();
            if clearing == "ours" {
                bench.span.clear_call(bench.now, id, Cause::private(16)).unwrap();
                bench.pump();
                assert_eq!(bench.said(), [(DISCONNECT, Some(16))]);
                bench.say_hex("080280014d 08028190");
                assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(16))]);
            } else {
                bench.say_hex(clearing);
                match clearing.as_bytes()[8..10] {
                    [b'4', b'5'] => {
                        assert_eq!(bench.said(), [(RELEASE, Some(17))]);
                        bench.say_hex("080280015a");
                    }
                    [b'4', b'd'] => assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(17))]),
                    _ => assert_eq!(bench.said(), []),
                }
            }
            assert_eq!(kinds(&bench.call_events()).last(), Some(&"released"), "{answer} {clearing}");
            assert_eq!(
                (bench.span.active_calls(), bench.span.channels_in_use()),
                (0, 0),
                "{answer} {clearing}"
            );
        }
    }
    for steps in 0..4 {
        for theirs in [true, false] {
            let (mut bench, id) = called(true);
            if steps > 0 {
                bench.span.proceed_call(bench.now, id, &plain()).unwrap();
            }
            if steps > 1 {
                bench.span.alert_call(bench.now, id, &plain()).unwrap();
            }
            if steps > 2 {
                bench.span.answer_call(bench.now, id, &plain()).unwrap();
            }
            bench.pump();
            bench.heard();
            if theirs {
                bench.say_hex("0802000945 08028190");
                assert_eq!(bench.said(), [(RELEASE, Some(16))]);
                bench.say_hex("080200095a");
            } else {
                bench.span.clear_call(bench.now, id, Cause::private(17)).unwrap();
                bench.pump();
                let expected = if steps == 0 { RELEASE_COMPLETE } else { DISCONNECT };
                assert_eq!(bench.said(), [(expected, Some(17))]);
                bench.say_hex("080200094d 08028190");
            }
            assert_eq!(kinds(&bench.call_events()).last(), Some(&"released"));
            assert_eq!((bench.span.active_calls(), bench.span.channels_in_use()), (0, 0), "{steps}");
        }
    }
}

#[test]
fn both_sides_disconnect_at_once() {
    let (mut bench, id) = calling();
    bench.say_hex("0802800107 1803a98381");
    bench.span.clear_call(bench.now, id, Cause::private(16)).unwrap();
    bench.say_hex("0802800145 08028190");
    bench.heard();
    bench.say_hex("080280014d 08028190");
    assert_eq!(
        (bench.span.active_calls(), bench.heard()),
        (0, vec![]),
        "RELEASE crossed RELEASE: nothing more is said"
    );
}

#[test]
fn disconnect_with_tones_waits_for_the_owner_or_t306() {
    let (mut bench, id) = calling();
    bench.say_hex("0802800102 1803a98381");
    bench.say_hex("0802800145 08028181 1e028188");
    let events = bench.call_events();
    assert_eq!(events[1], CallEvent::Disconnected { cause: Cause::private(1), tones: true });
    assert_eq!((bench.said(), bench.span.channels_in_use()), (vec![], 1));
    bench.span.clear_call(bench.now, id, Cause::private(16)).unwrap();
    bench.pump();
    assert_eq!(bench.said(), [(RELEASE, Some(16))]);

    let (mut bench, _) = calling();
    bench.say_hex("0802800102 1803a98381");
    bench.say_hex("0802800145 08028181 1e028188");
    bench.pass(millis(30_000));
    assert_eq!(bench.said(), [(RELEASE, Some(1))]);
}

#[test]
fn status_audits_the_call() {
    let (mut bench, _) = calling();
    bench.say_hex("0802800107 1803a98381");
    bench.heard();
    bench.events();
    bench.say_hex("0802800175");
    assert_eq!(bench.heard()[0].call_state(), Some(10));
    bench.say_hex("080280017d 0802819e 14010a");
    assert_eq!((bench.said(), bench.events()), (vec![], vec![]));
    // Unexpected and unknown messages.
    bench.say_hex("0802800101");
    bench.say_hex("08028001ee");
    bench.say_hex("0802800124");
    bench.say_hex("0802800131");
    let wanted = [
        (MessageType::STATUS, Some(101)),
        (MessageType::STATUS, Some(97)),
        (MessageType::HOLD_REJECT, Some(69)),
        (MessageType::RETRIEVE_REJECT, Some(69)),
    ];
    assert_eq!(bench.said(), wanted);
    bench.say_hex("080280017d 0802819e 140113");
    assert_eq!(bench.said(), [(DISCONNECT, Some(101))]);
    bench.say_hex("080280017d 0802819e 140100");
    assert_eq!((bench.said(), bench.span.active_calls(), bench.span.channels_in_use()), (vec![], 0, 0));
}

#[test]
fn active_calls_outlive_a_link_that_comes_back_within_t309() {
    let (mut bench, id) = calling();
    bench.say_hex("0802800107 1803a98381");
    let other = bench.span.start_call(bench.now, &CallRequest::new("1")).unwrap();
    bench.pump();
    bench.heard();
    bench.events();
    bench.span.handle_link(bench.now, false);
    bench.peer.handle_link(bench.now, false);
    bench.pump();
    let released = CallEvent::Released { cause: Cause::private(27) };
    assert_eq!(bench.events(), [Event::DataLinkDown, Event::Call { id: other, event: released.clone() }]);
    bench.pass(millis(89_000));
    bench.span.handle_link(bench.now, true);
    bench.peer.handle_link(bench.now, true);
    bench.pump();
    assert_eq!(bench.said(), [(MessageType::STATUS_ENQUIRY, None)]);
    bench.say_hex("080280017d 0802819e 14010a");
    bench.pass(millis(100_000));
    assert_eq!(bench.span.call(id).unwrap().state, CallState::Active);

    // Once more, and it does not come back.
    bench.events();
    bench.span.handle_link(bench.now, false);
    bench.peer.handle_link(bench.now, false);
    bench.pass(millis(90_000));
    assert_eq!(bench.events(), [Event::DataLinkDown, Event::Call { id, event: released }]);
    assert_eq!((bench.span.active_calls(), bench.span.channels_in_use()), (0, 0));
}

#[test]
fn enquiry_after_t309_that_nobody_answers_clears_the_call() {
    let (mut bench, _) = calling();
    bench.say_hex("0802800107 1803a98381");
    bench.heard();
    bench.span.handle_link(bench.now, false);
    bench.span.handle_link(bench.now, true);
    bench.peer.handle_link(bench.now, false);
    bench.peer.handle_link(bench.now, true);
    bench.pump();
    bench.pass(millis(8_000));
    let wanted =
        [(MessageType::STATUS_ENQUIRY, None), (MessageType::STATUS_ENQUIRY, None), (DISCONNECT, Some(41))];
    assert_eq!(bench.said(), wanted);
}

#[test]
fn commands_in_the_wrong_state_are_refused_and_change_nothing() {
    let (mut bench, id) = calling();
    let now = bench.now;
    let state = |message| Err(CallError::State { message, state: CallState::CallInitiated });
    assert_eq!(bench.span.alert_call(now, id, &plain()), state(MessageType::ALERTING));
    assert_eq!(bench.span.send_digits(now, id, "1", false), state(MessageType::INFORMATION));
    assert_eq!(bench.span.inform_call(now, id, MessageType::NOTIFY, vec![]), state(MessageType::NOTIFY));
    assert_eq!(bench.span.send_digits(now, id, "x", false), Err(CallError::Digits));
    assert_eq!(bench.span.start_call(now, &CallRequest::new(&"1".repeat(33))), Err(CallError::Digits));
    let long = vec![Element::new(ie::USER_USER, vec![4; 255]); 4];
    let request = CallRequest { elements: long, ..CallRequest::new("1") };
    assert!(matches!(bench.span.start_call(now, &request), Err(CallError::TooLong { limit: 1004, .. })));
    let taken = CallRequest { channel: Some(1), ..CallRequest::new("1") };
    assert_eq!(bench.span.start_call(now, &taken), Err(CallError::NoChannel));
    bench.pump();
    assert_eq!((bench.heard(), bench.span.active_calls()), (vec![], 1));
}

#[test]
fn a_call_is_cleared_with_tones_and_a_busy_name() {
    let mut pair = Pair::new(config(Side::Network), config(Side::User));
    let tones = CallDetail {
        progress: vec![ProgressIndicator { coding: 0, location: 1, description: 8 }],
        name: Some(Name::Allowed("Beta".into())),
        ..plain()
    };
    let mine = pair.spans[0].start_call(pair.now, &CallRequest::new("1")).unwrap();
    let [_, events] = pair.run();
    let theirs = Pair::incoming(&events);
    pair.spans[1].proceed_call(pair.now, theirs, &plain()).unwrap();
    pair.spans[1].clear_call_with(pair.now, theirs, Cause::private(17), &tones).unwrap();
    let [events, _] = pair.run();
    let heard = CallEvent::Disconnected { cause: Cause::private(17), tones: true };
    assert_eq!(events.last(), Some(&Event::Call { id: mine, event: heard }));
    assert_eq!(pair.spans.each_ref().map(Span::channels_in_use), [1, 1]);
    // The listener hangs up.
    pair.spans[0].clear_call(pair.now, mine, Cause::private(16)).unwrap();
    pair.run();
    assert_eq!(pair.spans.each_ref().map(Span::channels_in_use), [0, 0]);

    let (mut bench, id) = called(true);
    let long = CallDetail { elements: vec![Element::new(ie::USER_USER, vec![4; 255]); 4], ..plain() };
    let refused = bench.span.clear_call_with(bench.now, id, Cause::private(17), &long);
    assert!(matches!(refused, Err(CallError::TooLong { .. })));
    bench.span.clear_call_with(bench.now, id, Cause::private(17), &tones).unwrap();
    bench.pump();
    let heard = bench.heard();
    assert_eq!((heard[0].kind, heard[0].get(ie::PROGRESS)), (RELEASE_COMPLETE, None));
    assert_eq!(Name::find(&heard[0]), Some((NameKind::Busy, Name::Allowed("Beta".into()))));
}

#[test]
fn timers_of_zero_do_not_hang() {
    let mut zero = config(Side::Network);
    zero.l3.t303 = millis(0);
    zero.l3.t308 = millis(0);
    let mut bench = Bench::new(zero);
    bench.span.start_call(bench.now, &CallRequest::new("1")).unwrap();
    for _ in 0..4 {
        bench.span.handle_timeout(bench.now);
    }
    assert_eq!(bench.span.active_calls(), 0);
}

#[test]
fn calls_are_refused_unless_accepted() {
    let mut bench = Bench::new(SpanConfig::default());
    bench.say_hex("0802000905 04038090a3 1803a98385 70028034 a1");
    assert_eq!((bench.said(), bench.events()), (vec![(RELEASE_COMPLETE, Some(79))], vec![]));
}

#[test]
fn suspend_resume_hold_and_retrieve_are_refused_and_the_call_goes_on() {
    let (mut bench, id) = calling();
    bench.say_hex("0802800107 1803a98381");
    bench.heard();
    for (message, answer) in [
        ("25", MessageType::SUSPEND_REJECT),
        ("26", MessageType::RESUME_REJECT),
        ("24", MessageType::HOLD_REJECT),
        ("31", MessageType::RETRIEVE_REJECT),
    ] {
        bench.say_hex(&format!("08028001{message}"));
        assert_eq!(bench.said(), [(answer, Some(69))]);
    }
    // A call that was never suspended here cannot be resumed.
    bench.say_hex("08020055 26");
    assert_eq!(bench.said(), [(MessageType::RESUME_REJECT, Some(69))]);
    assert_eq!(bench.span.call(id).unwrap().state, CallState::Active);
}

#[test]
fn messages_unknown_or_out_of_place_get_status_with_their_type() {
    let (mut bench, _) = calling();
    for (message, cause) in [("0d", None), ("79", Some(101)), ("55", Some(97)), ("0f", Some(101))] {
        bench.say_hex(&format!("08028001{message}"));
        let heard = bench.heard();
        assert_eq!(heard.first().map(|m| m.kind), cause.map(|_| MessageType::STATUS), "{message}");
        if let Some(status) = heard.first() {
            let detail: CauseDetail = status.read().unwrap();
            assert_eq!((Some(detail.cause.value), &detail.diagnostics[..]), (cause, &unhex(message)[..]));
            assert_eq!(status.call_state(), Some(2), "SETUP ACKNOWLEDGE took us to U2");
        }
    }
}

#[test]
fn an_audit_keeps_calls_the_peer_has_and_clears_the_others() {
    let (mut bench, id) = calling();
    bench.say_hex("0802800107 1803a98381");
    bench.heard();
    let audit = |bench: &mut Bench| {
        bench.span.audit_calls(bench.now);
        bench.span.audit_calls(bench.now);
        bench.pump();
        assert_eq!(bench.heard_kinds(), [MessageType::STATUS_ENQUIRY], "one question at a time");
    };
    audit(&mut bench);
    bench.say_hex("080280017d 0802809e 14010a");
    assert_eq!(bench.span.call(id).unwrap().state, CallState::Active);
    audit(&mut bench);
    bench.pass(millis(4_000));
    assert_eq!(bench.heard_kinds(), [MessageType::STATUS_ENQUIRY]);
    bench.pass(millis(4_000));
    assert_eq!(bench.said(), [(DISCONNECT, Some(41))]);
    let (mut bench, id) = calling();
    bench.say_hex("0802800107 1803a98381");
    bench.heard();
    audit(&mut bench);
    bench.say_hex("080280017d 0802809e 140100");
    assert_eq!((bench.span.call(id), bench.span.channels_in_use()), (None, 0));
}

#[test]
fn every_timer_can_be_set_by_name_and_says_why_not() {
    let mut timers = qsig::Timers::default();
    for (name, value, meaning) in timers.table() {
        assert!(!meaning.is_empty());
        timers.set(name, value + millis(1)).unwrap();
    }
    let changed = timers.table().into_iter().zip(qsig::Timers::default().table());
    assert!(changed.into_iter().all(|(now, before)| now.1 == before.1 + millis(1)));
    let unused = timers.set("T307", millis(1)).unwrap_err();
    assert_eq!(unused.to_string(), "T307 is not used: SUSPEND is refused, so no call is ever suspended");
    assert!(timers.set("T999", millis(1)).is_err());
    // Every timer of Q.931 9.2 that there is has its place: set, or said to be unused.
    let known: BTreeSet<&str> =
        timers.table().iter().map(|row| row.0).chain(qsig::timers::UNUSED.iter().map(|row| row.0)).collect();
    for number in (301..=310).chain([312, 313, 314, 316, 317, 318, 319, 320, 321, 322]) {
        assert!(known.contains(format!("T{number}").as_str()), "T{number}");
    }
}
