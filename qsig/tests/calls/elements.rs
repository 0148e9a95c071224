//! Elements of messages in calls: comprehension, segments, services.

use super::prelude::*;

#[test]
fn elements_that_must_be_understood_are_not_passed_over() {
    let mut bench = Bench::new(config(Side::Network));
    bench.say_hex("0802000905 04038090a3 0d0101 1803a98385 70028034 a1");
    assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(96))]);
    // Others are: codeset 0 above 0x0F, and the same identifier in another codeset.
    bench.say_hex("0802000905 04038090a3 1803a98385 3f0101 70028034 a1 9d 0d0101");
    assert_eq!((bench.said(), bench.span.active_calls()), (vec![], 1));
    let (mut bench, _) = calling();
    bench.say_hex("0802800101 1803a98381 0d0101");
    let status = bench.heard();
    assert_eq!(
        (status[0].kind, status[0].cause().unwrap().value, status[0].call_state()),
        (MessageType::STATUS, 96, Some(1))
    );
    assert_eq!(bench.events(), []);
}

#[test]
fn a_setup_in_segments_is_one_setup() {
    let whole =
        unhex(&format!("0802000905 04038090a3 1803a98385 7e{:02x}{} 70028034 a1", 200, "41".repeat(200)));
    let parts: Vec<&[u8]> = whole[5..].chunks(90).collect();
    assert_eq!(parts.len(), 3);
    let segment = |n: usize| {
        let first = if n == 0 { 0x80 } else { 0 };
        let header = [8, 2, 0, 9, 0x60, 0, 2, first | (parts.len() - 1 - n) as u8, 5];
        [&header[..], parts[n]].concat()
    };
    let mut bench = Bench::new(config(Side::Network));
    for n in 0..3 {
        assert_eq!(bench.events(), []);
        bench.say(&segment(n));
        bench.pass(millis(3_999));
    }
    let [Event::Call { event: CallEvent::Incoming { message, digits, complete: true }, .. }] =
        &bench.events()[..]
    else {
        panic!("one SETUP")
    };
    assert_eq!((message.to_bytes(), digits.as_str()), (whole.clone().into(), "4"));

    // Out of turn, too late, never ending, or without a beginning: nothing comes of it.
    for order in [&[0, 2][..], &[1, 2], &[2], &[0, 1, 1, 2]] {
        let mut bench = Bench::new(config(Side::Network));
        for &n in order {
            bench.say(&segment(n));
        }
        assert_eq!((bench.events(), bench.said()), (vec![], vec![]), "{order:?}");
    }
    let mut bench = Bench::new(config(Side::Network));
    bench.say(&segment(0));
    bench.pass(millis(4_000));
    bench.say(&segment(1));
    bench.say(&segment(2));
    assert_eq!((bench.events(), bench.said()), (vec![], vec![]));
    for value in 1..200u8 {
        bench.say(&[8, 2, 0, value, 0x60, 0, 2, 0x87, 0x60]);
        bench.say(&[8, 2, 0, value, 0x60, 0, 2, 0xFF, 0x05]);
        bench.say(&[8, 2, 0, value, 0x60, 0, 1, 0x81]);
    }
    assert_eq!((bench.events(), bench.said(), bench.span.active_calls()), (vec![], vec![], 0));
}

#[test]
fn invokes_nobody_here_answers_are_refused_as_their_interpretation_says() {
    // synchronizationRequest (78) is unknown here, callRerouteing (19) wants an answer, aocFinal (61) does not.
    let apdu = |interpretation: &str, operation: &str| {
        let component = format!("a10602010702 01{operation}").replace(' ', "");
        let body = format!("9faa06800100820100{interpretation}{component}");
        format!("1c{:02x}{body}", body.len() / 2)
    };
    let reject = unhex("9faa06800100820100a406020107810101");
    for (interpretation, operation, rejected, cleared) in [
        ("", "4e", true, false),
        ("8b0102", "13", true, false),
        ("8b0100", "4e", false, false),
        ("8b0101", "4e", false, true),
        ("", "3d", false, false),
        ("8b0101", "00", false, false),
    ] {
        let facility = apdu(interpretation, operation);
        let (mut bench, _) = calling();
        bench.say_hex("0802800107 1803a98381");
        bench.heard();
        bench.say_hex(&format!("0802800162 {facility}"));
        let heard = bench.heard();
        if rejected {
            assert_eq!(
                (heard[0].kind, heard[0].get(ie::FACILITY).unwrap()[..].to_vec()),
                (MessageType::FACILITY, reject.clone())
            );
        } else if cleared {
            assert_eq!((heard[0].kind, heard[0].cause().unwrap().value), (DISCONNECT, 29));
        } else {
            assert_eq!(heard, [], "{interpretation} {operation}");
        }
        let seen = kinds(&bench.call_events());
        assert_eq!(seen.last(), Some(if cleared { &"disconnected" } else { &"facility" }));

        // In SETUP: the reject waits for the first response.
        let mut bench = Bench::new(config(Side::Network));
        bench.say_hex(&format!("0802000905 04038090a3 1803a98385 {facility} 70028034 a1"));
        if cleared {
            assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(29))]);
            continue;
        }
        assert_eq!(bench.said(), []);
        let id = bench.span.calls().next().unwrap().id;
        bench.span.proceed_call(bench.now, id, &plain()).unwrap();
        bench.span.alert_call(bench.now, id, &plain()).unwrap();
        bench.pump();
        let heard = bench.heard();
        assert_eq!(heard[0].get(ie::FACILITY).map(|b| b.to_vec()), rejected.then(|| reject.clone()));
        assert_eq!(heard[1].get(ie::FACILITY), None);
    }
    let mut bench = Bench::new(SpanConfig { pass_services: true, ..config(Side::Network) });
    bench.say_hex(&format!("0802000905 04038090a3 1803a98385 {} 70028034 a1", apdu("8b0101", "63")));
    assert_eq!((bench.said(), bench.span.active_calls()), (vec![], 1));
}

#[test]
fn mandatory_elements_that_cannot_be_read_refuse_the_message_with_cause_100() {
    let mut bench = Bench::new(config(Side::Network));
    bench.say_hex("0802000905 040180 1803a98385 70028034 a1");
    let detail: CauseDetail = bench.heard()[0].read().unwrap();
    assert_eq!((detail.cause.value, &detail.diagnostics[..]), (100, &[0x04][..]));
    bench.say_hex("0802000905 1803a98385 70028034 a1");
    let detail: CauseDetail = bench.heard()[0].read().unwrap();
    assert_eq!((detail.cause.value, &detail.diagnostics[..]), (96, &[0x04][..]));
    let (mut bench, _) = calling();
    // PROGRESS without progress indicator, NOTIFY with one of length zero: as if they had not come.
    for (message, id) in [("03", 0x1E), ("6e 2700", 0x27)] {
        bench.say_hex(&format!("08028001 {message}"));
        let status = bench.heard();
        let detail: CauseDetail = status[0].read().unwrap();
        assert_eq!((status[0].kind, detail.cause.value), (MessageType::STATUS, 96));
        assert_eq!(detail.diagnostics[..], [id]);
    }
    assert_eq!(bench.events(), []);
    // Clearing is never refused: RELEASE COMPLETE and RELEASE say what was wrong, and the call ends.
    bench.say_hex("08028001 45");
    assert_eq!(bench.said(), [(RELEASE, Some(96))]);
}

#[test]
fn what_was_passed_over_is_told_only_if_wanted() {
    for report_faults in [false, true] {
        let mut bench = Bench::new(SpanConfig { report_faults, ..config(Side::Network) });
        bench.span.start_call(bench.now, &CallRequest::new("4711")).unwrap();
        bench.pump();
        bench.heard();
        // Unknown 3F and an unreadable channel identification in ALERTING, which counts all the same.
        bench.say_hex("0802800102 1803a98381");
        bench.say_hex("0802800101 1e0181 3f0101");
        assert_eq!(bench.span.calls().next().unwrap().state, CallState::CallDelivered);
        let heard = bench.heard();
        assert_eq!(heard.len(), usize::from(report_faults));
        if let Some(status) = heard.first() {
            let detail: CauseDetail = status.read().unwrap();
            assert_eq!((detail.cause.value, &detail.diagnostics[..]), (99, &[0x3F][..]));
            assert_eq!(status.call_state(), Some(4), "the state after the message");
        }
    }
}

#[test]
fn a_long_setup_goes_out_in_segments_and_arrives_whole() {
    let text = |octet: u8, len: usize| Element::new(ie::USER_USER, vec![octet; len]);
    for sizes in [&[250][..], &[250, 250], &[100, 100, 100, 100], &[255, 255, 255], &[3, 255, 3, 255]] {
        let mut pair = Pair::new(config(Side::Network), config(Side::User));
        let elements: Vec<Element> = sizes.iter().map(|len| text(4, *len)).collect();
        let request = CallRequest { elements: elements.clone(), ..CallRequest::new("4711") };
        pair.spans[0].start_call(pair.now, &request).unwrap();
        // What goes over the wire is never longer than N201, and each segment but the last is followed by another.
        let mut left = Vec::new();
        while let Some(frame) = pair.spans[0].poll_frame() {
            let octets = decode::layer3(&frame).unwrap();
            assert!(octets.len() <= 260, "{} octets", octets.len());
            let message = Message::parse(octets).unwrap();
            assert_eq!(message.kind, MessageType::SEGMENT);
            let head: SegmentedMessage = message.read().unwrap();
            assert_eq!((head.kind, head.first), (MessageType::SETUP, left.is_empty()));
            left.push(head.remaining);
            pair.spans[1].handle_frame(pair.now, &frame);
        }
        assert!(left.windows(2).all(|pair| pair[0] == pair[1] + 1) && left.last() == Some(&0), "{left:?}");
        let [_, events] = pair.run();
        let [Event::Call { event: CallEvent::Incoming { message, .. }, .. }] = &events[..] else {
            panic!("{sizes:?}: {events:?}")
        };
        let arrived: Vec<_> = message.all(ie::USER_USER).cloned().collect();
        assert_eq!(arrived, elements.iter().map(|e| e.body.clone()).collect::<Vec<_>>());
        assert_eq!(message.get(ie::CALLED_NUMBER).map(|b| b.to_vec()), Some(b"\x804711".to_vec()));
    }
}

#[test]
fn without_segmentation_a_long_message_is_refused() {
    let dialect = qsig::Dialect { segmentation: false, ..qsig::SwitchType::PrimaryQsig.dialect() };
    let mut bench = Bench::new(SpanConfig { dialect: Some(dialect), ..config(Side::Network) });
    let elements = vec![Element::new(ie::USER_USER, vec![4; 250])];
    let request = CallRequest { elements, ..CallRequest::new("4711") };
    let refused = bench.span.start_call(bench.now, &request);
    assert!(matches!(refused, Err(CallError::TooLong { limit: 260, .. })), "{refused:?}");
}
