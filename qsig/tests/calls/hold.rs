//! HOLD and RETRIEVE, and what the span says about what goes wrong.

use qsig::{Diagnostic, SwitchType};

use super::prelude::*;

fn net5(side: Side) -> SpanConfig {
    SpanConfig { switch_type: SwitchType::PrimaryNet5, ..config(side) }
}

/// Two spans in EuroISDN with an active call from the first to the second.
fn talking() -> (Pair, [CallId; 2]) {
    let mut pair = Pair::new(net5(Side::Network), net5(Side::User));
    let ours = pair.spans[0].start_call(pair.now, &CallRequest::new("47")).unwrap();
    let theirs = Pair::incoming(&pair.run()[1]);
    pair.spans[1].answer_call(pair.now, theirs, &plain()).unwrap();
    pair.run();
    (pair, [ours, theirs])
}

#[test]
fn a_held_call_gives_its_channel_back_and_gets_one_again() {
    for holder in [0, 1] {
        let (mut pair, ids) = talking();
        let before = pair.spans[0].call(ids[0]).unwrap().channel.unwrap();
        pair.spans[holder].hold_call(pair.now, ids[holder]).unwrap();
        let events = pair.run();
        assert_eq!(calls_of(&events[holder]), [CallEvent::Held { ours: true }]);
        assert_eq!(calls_of(&events[1 - holder]), [CallEvent::Held { ours: false }]);
        assert_eq!(pair.spans.each_ref().map(Span::channels_in_use), [0, 0]);
        // Another call takes the channel meanwhile.
        let request = CallRequest { channel: Some(before), ..CallRequest::new("48") };
        pair.spans[0].start_call(pair.now, &request).unwrap();
        pair.run();
        assert!(matches!(
            pair.spans[1 - holder].retrieve_call(pair.now, ids[1 - holder]),
            Err(CallError::State { message: MessageType::RETRIEVE, .. })
        ));
        pair.spans[holder].retrieve_call(pair.now, ids[holder]).unwrap();
        let events = pair.run();
        assert_eq!(calls_of(&events[holder]), [CallEvent::Retrieved]);
        assert_eq!(calls_of(&events[1 - holder]), [CallEvent::Retrieved]);
        let channels = [0, 1].map(|end| pair.spans[end].call(ids[end]).unwrap().channel);
        assert!(channels[0].is_some() && channels[0] == channels[1] && channels[0] != Some(before));
        // A held call is cleared as any other.
        pair.spans[holder].hold_call(pair.now, ids[holder]).unwrap();
        pair.run();
        pair.spans[1 - holder].clear_call(pair.now, ids[1 - holder], Cause::private(16)).unwrap();
        pair.run();
        assert_eq!(pair.spans.each_ref().map(|span| span.calls().count()), [1, 1]);
    }
}

#[test]
fn a_call_stays_held_when_no_channel_is_free() {
    let (mut pair, ids) = talking();
    pair.spans[1].hold_call(pair.now, ids[1]).unwrap();
    pair.run();
    while pair.spans[0].start_call(pair.now, &CallRequest::new("48")).is_ok() {}
    assert_eq!(pair.spans[1].channels_in_use(), 0, "the user side has not heard of the calls yet");
    pair.spans[1].retrieve_call(pair.now, ids[1]).unwrap();
    let [_, user] = pair.run();
    let refused = calls_of(&user).into_iter().find(|event| matches!(event, CallEvent::HoldRefused { .. }));
    // The channel it names is in use at the network, and exclusive.
    assert_eq!(refused, Some(CallEvent::HoldRefused { held: true, cause: Cause::private(44) }));
    assert_eq!(pair.spans[0].call(ids[0]).unwrap().state, CallState::Active);
}

#[test]
fn hold_without_an_answer_counts_as_refused_and_qsig_has_none() {
    let (mut pair, ids) = talking();
    pair.spans[0].hold_call(pair.now, ids[0]).unwrap();
    while pair.spans[0].poll_frame().is_some() {}
    pair.now += millis(4_000);
    pair.spans[0].handle_timeout(pair.now);
    let events: Vec<Event> = std::iter::from_fn(|| pair.spans[0].poll_event()).collect();
    let refused = CallEvent::HoldRefused { held: false, cause: Cause::private(102) };
    assert!(calls_of(&events).contains(&refused), "{events:?}");
    assert!(pair.spans[0].call(ids[0]).unwrap().channel.is_some());
    let (mut bench, id) = calling();
    assert!(matches!(bench.span.hold_call(bench.now, id), Err(CallError::State { .. })));
}

#[test]
fn what_goes_wrong_is_told_to_whoever_wants_to_know() {
    let (mut bench, _) = calling();
    bench.say_hex("0802003345");
    assert_eq!(bench.span.poll_diagnostic(), None, "nobody asked");
    bench.span.set_diagnostics(true);
    bench.say_hex("0902000145");
    bench.say_hex("080200334d");
    bench.say_hex("08028001ff");
    bench.pass(millis(4_000));
    let told: Vec<String> =
        std::iter::from_fn(|| bench.span.poll_diagnostic()).map(|told| told.to_string()).collect();
    assert_eq!(
        told,
        [
            "message of 5 octets ignored: protocol discriminator 0x09, expected 0x08",
            "RELEASE for unknown callref 0x0033",
            "UNKNOWN(0xFF) callref 0x8001 not expected in state Call Initiated",
            "T303 expired, callref 0x0001",
        ]
    );
    bench.say_hex("08028001 6e");
    let faulty = bench.span.poll_diagnostic().expect("NOTIFY without its indicator");
    assert!(matches!(faulty, Diagnostic::Faulty { cause: 96, .. }));
    assert_eq!(faulty.to_string(), "NOTIFY callref 0x8001: mandatory element missing or not known: 0x27");
}
