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
    // ssctInitiate (99) is unknown here, pathReplacePropose (4) wants an answer, aocFinal (61) does not.
    let apdu = |interpretation: &str, operation: &str| {
        let component = format!("a10602010702 01{operation}").replace(' ', "");
        let body = format!("9faa06800100820100{interpretation}{component}");
        format!("1c{:02x}{body}", body.len() / 2)
    };
    let reject = unhex("9faa06800100820100a406020107810101");
    for (interpretation, operation, rejected, cleared) in [
        ("", "63", true, false),
        ("8b0102", "04", true, false),
        ("8b0100", "63", false, false),
        ("8b0101", "63", false, true),
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
