//! What the shows read.

use qsig::q931::BearerCapability;
use qsig::{BChannel, ChannelState, ServiceState};

use super::prelude::*;

#[test]
fn records_tell_numbers_names_times_and_the_cause() {
    let mut pair = Pair::new(config(Side::Network), config(Side::User));
    let calling = Number { presentation: Some(0x83), digits: "2000".into(), ..Number::unknown() };
    let request = CallRequest {
        name: Some(Name::Allowed("Alice".into())),
        calling: Some(calling.clone()),
        ..CallRequest::new("4711")
    };
    let id = pair.spans[0].start_call(pair.now, &request).unwrap();
    let [_, events] = pair.run();
    let theirs = Pair::incoming(&events);
    let states = |span: &Span| span.channels().map(|c| c.state).collect::<BTreeSet<_>>();
    assert_eq!(states(&pair.spans[0]), [ChannelState::Idle, ChannelState::Proposed].into());
    let begun = pair.now;
    pair.now += millis(2_000);
    let answer = CallDetail { name: Some(Name::Allowed("Bob".into())), ..plain() };
    pair.spans[1].answer_call(pair.now, theirs, &answer).unwrap();
    pair.run();
    pair.now += millis(187_000);
    for (end, name) in [(0, "Bob"), (1, "Alice")] {
        let record = pair.spans[end].call_records().next().unwrap();
        assert_eq!(record.name().as_deref(), Some(name));
        assert_eq!((record.outgoing, record.channel), (end == 0, Some(1)));
        assert_eq!((record.calling.as_ref(), record.called.digits.as_str()), (Some(&calling), "4711"));
        assert_eq!(record.bearer, BearerCapability::SPEECH_ALAW);
        assert_eq!((record.started, record.seconds(pair.now), record.ended), (begun, 187, None));
        assert_eq!(pair.spans[end].memory().calls, 1);
        assert_eq!(states(&pair.spans[end]), [ChannelState::Idle, ChannelState::Busy].into());
    }
    pair.spans[0].clear_call(pair.now, id, Cause::private(16)).unwrap();
    pair.run();
    for span in &pair.spans {
        assert_eq!((span.call_records().count(), span.memory().calls, span.memory().history), (0, 0, 1));
        let record = span.history().next().unwrap();
        assert_eq!((record.ended, record.cause.map(|c| c.value)), (Some(pair.now), Some(16)));
        assert_eq!((record.channel, record.seconds(pair.now + millis(9_000))), (Some(1), 187));
        assert_eq!(states(span), [ChannelState::Idle].into());
    }
}

#[test]
fn the_history_is_bounded() {
    let mut pair = Pair::new(config(Side::Network), config(Side::User));
    for number in 0..qsig::HISTORY + 20 {
        let request = CallRequest::new(&number.to_string());
        let id = pair.spans[0].start_call(pair.now, &request).unwrap();
        pair.run();
        pair.spans[0].clear_call(pair.now, id, Cause::private(16)).unwrap();
        pair.run();
    }
    let numbers: Vec<_> = pair.spans[0].history().map(|record| record.called.digits.clone()).collect();
    assert_eq!((numbers.len(), numbers[0].as_str()), (qsig::HISTORY, "20"));
}

#[test]
fn a_channel_out_of_service_keeps_its_call_and_gets_no_new_one() {
    let (mut bench, id) = calling();
    assert!(bench.span.set_service(bench.now, home(1), ServiceState::OutOfService));
    assert!(bench.span.set_service(bench.now, home(2), ServiceState::Maintenance));
    assert!(
        !bench.span.set_service(bench.now, home(16), ServiceState::OutOfService),
        "the D channel is no B channel"
    );
    bench.say_hex("0802800102 1803a98381");
    let status = |bench: &Bench, slot| bench.span.channels().find(|c| c.slot == slot).unwrap();
    assert_eq!(status(&bench, 1).state, ChannelState::MaintenancePending);
    assert_eq!(status(&bench, 1).call, Some(id));
    let second = bench.span.start_call(bench.now, &CallRequest::new("1")).unwrap();
    assert_eq!(bench.span.call(second).unwrap().channel, Some(3));
    bench.pump();
    bench.heard();
    bench.say_hex("0802000905 04038090a3 1803a98382 70028034 a1");
    assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(44))]);
    assert!(bench.span.set_service(bench.now, home(2), ServiceState::InService));
    bench.say_hex("0802000a05 04038090a3 1803a98382 70028034 a1");
    assert!(bench.said().is_empty());
    assert_eq!(status(&bench, 2).state, ChannelState::Proposed);
}

fn home(slot: u8) -> BChannel {
    BChannel { interface: 0, slot }
}
