//! B channels: negotiation, numbering, hunting, RESTART.

use super::prelude::*;

#[test]
fn channel_of_an_incoming_call() {
    for (setup, outcome) in [
        ("1803a98385", Ok(5)),
        ("1803a18385", Ok(5)),
        ("1803a98390", Err(82)),
        ("1803a983a0", Err(82)),
        ("1801a3", Ok(1)),
        ("1801a0", Err(34)),
        ("", Ok(1)),
        ("1804a9838183", Ok(1)),
        ("1806a99300000010", Ok(5)),
        ("1800", Err(100)),
        ("1802a983", Err(100)),
    ] {
        let mut bench = Bench::new(config(Side::Network));
        bench.say_hex(&format!("0802000905 04038090a3 {setup} 70028034 a1"));
        match outcome {
            Ok(slot) => assert_eq!(bench.span.calls().next().and_then(|c| c.channel), Some(slot), "{setup}"),
            Err(cause) => assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(cause))], "{setup}"),
        }
    }
    // Busy: exclusive is refused, preferred gets another.
    let mut bench = Bench::new(config(Side::Network));
    bench.say_hex("0802000805 04038090a3 1803a98381 70028034 a1");
    bench.say_hex("0802000905 04038090a3 1803a98381 70028034 a1");
    assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(44))]);
    bench.say_hex("0802000a05 04038090a3 1803a18381 70028034 a1");
    assert_eq!(bench.span.calls().last().and_then(|c| c.channel), Some(2));
    let id = bench.span.calls().last().unwrap().id;
    bench.span.proceed_call(bench.now, id, &plain()).unwrap();
    bench.pump();
    assert_eq!(bench.heard()[0].get(ie::CHANNEL_ID).unwrap()[..], unhex("a98382"));
}

#[test]
fn channel_of_an_outgoing_call_may_be_changed_only_if_negotiable() {
    let (mut bench, _) = calling();
    bench.say_hex("0802800102 1803a98387");
    assert_eq!(bench.said(), [(DISCONNECT, Some(6))]);
    assert_eq!(bench.call_events(), [CallEvent::Disconnected { cause: Cause::private(6), tones: false }]);
    let mut bench = Bench::new(SpanConfig { negotiate_bchan: true, ..config(Side::Network) });
    let id = bench.span.start_call(bench.now, &CallRequest::new("4711")).unwrap();
    bench.pump();
    assert_eq!(bench.heard()[0].get(ie::CHANNEL_ID).unwrap()[..], unhex("a18381"));
    bench.say_hex("0802800102 1803a98387");
    assert_eq!((bench.span.call(id).unwrap().channel, bench.span.channels_in_use()), (Some(7), 1));
    // Only the first response decides.
    bench.say_hex("0802800101 1803a98388");
    assert_eq!(bench.span.call(id).unwrap().channel, Some(7));
}

#[test]
fn logical_numbering_skips_no_number() {
    let spans = SpanConfig { contiguous_bchan: true, ..config(Side::Network) };
    let numbers: Vec<u8> = spans.line.b_channels().map(|slot| spans.channel_number(slot)).collect();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
    for slot in spans.line.b_channels() {
        let number = qsig::q931::ChannelSelection::Number(spans.channel_number(slot));
        assert_eq!(spans.slot(number), Some(slot));
    }
    let physical = config(Side::Network);
    assert!(physical.line.b_channels().all(|slot| physical.channel_number(slot) == slot));
    assert_eq!(physical.slot(qsig::q931::ChannelSelection::Number(16)), None);
    let t1 = SpanConfig { line: LineKind::T1, timeslots: Some(0x00_000F), ..physical };
    assert_eq!((1..=32).filter(|slot| t1.has_channel(*slot)).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn channels_are_hunted_in_the_configured_order() {
    for (order, side, first) in [
        (BchanOrder::BySide, Side::Network, [1, 2, 3]),
        (BchanOrder::BySide, Side::User, [31, 30, 29]),
        (BchanOrder::Ascending, Side::User, [1, 2, 3]),
        (BchanOrder::Descending, Side::Network, [31, 30, 29]),
    ] {
        let mut pair = Pair::new(SpanConfig { bchan_order: order, ..config(side) }, config(side.peer()));
        let slots = [(); 3].map(|()| {
            let id = pair.spans[0].start_call(pair.now, &CallRequest::new("1")).unwrap();
            pair.spans[0].call(id).unwrap().channel.unwrap()
        });
        assert_eq!(slots, first);
    }
    let mut pair = Pair::new(
        SpanConfig { bchan_order: BchanOrder::RoundRobin, ..config(Side::User) },
        config(Side::Network),
    );
    for slot in (1..=31).filter(|slot| *slot != 16).chain([1, 2]) {
        let id = pair.spans[0].start_call(pair.now, &CallRequest::new("1")).unwrap();
        assert_eq!(pair.spans[0].call(id).unwrap().channel, Some(slot));
        pair.run();
        pair.spans[0].clear_call(pair.now, id, Cause::private(16)).unwrap();
        pair.run();
        assert_eq!(pair.spans[0].channels_in_use(), 0);
    }
}

#[test]
fn restart_frees_channels_on_both_sides() {
    let (mut bench, _) = called(true);
    bench.say_hex("0802000046 1803a98384 790180");
    assert_eq!(
        (bench.said(), bench.span.active_calls()),
        (vec![(MessageType::RESTART_ACKNOWLEDGE, None)], 1)
    );
    bench.say_hex("0802000046 1803a98385 790180");
    assert_eq!(
        (bench.said(), bench.span.active_calls()),
        (vec![(MessageType::RESTART_ACKNOWLEDGE, None)], 0)
    );
    bench.say_hex("0802000046 1803a98385");
    assert_eq!(bench.said(), [(MessageType::STATUS, Some(96))]);
    for indicator in ["790187", "790186", "1806a99300000010 790180"] {
        let (mut bench, _) = called(true);
        bench.say_hex(&format!("0802000046 {indicator}"));
        assert_eq!(bench.span.channels_in_use(), 0);
    }
    let (mut bench, id) = called(true);
    bench.span.restart(bench.now, RestartTarget::Channel(5));
    bench.pump();
    assert_eq!(bench.heard()[0].to_bytes(), unhex("0802000046 1803a98385 790180"));
    bench.say_hex("080280004e 1803a98385 790180");
    let done = Event::RestartDone { target: RestartTarget::Channel(5), acknowledged: true };
    let released = CallEvent::Released { cause: Cause::private(41) };
    assert_eq!(bench.events(), [Event::Call { id, event: released }, done]);
}

#[test]
fn restart_on_start_goes_channel_by_channel_and_gives_up_after_t316_twice() {
    let now = Instant::now();
    let restart = SpanConfig {
        restart_on_start: RestartOnStart::Channels,
        timeslots: Some(0b111),
        ..config(Side::Network)
    };
    let mut pair = Pair { now, ..Pair::new(restart, config(Side::User)) };
    let events = pair.run();
    let done: Vec<_> =
        events[0].iter().filter(|e| matches!(e, Event::RestartDone { acknowledged: true, .. })).collect();
    assert_eq!((done.len(), pair.spans[1].statistics().restarts_received), (3, 3));

    let interface = SpanConfig { restart_on_start: RestartOnStart::Interface, ..config(Side::Network) };
    let mut bench_config = interface;
    bench_config.l3.t316 = millis(1_000);
    let mut bench = Bench {
        now,
        span: Span::new(bench_config),
        peer: qsig::lapd::Link::new(Side::User, qsig::lapd::Parameters::default()),
        heard: Vec::new(),
        events: Vec::new(),
    };
    bench.span.handle_link(now, true);
    bench.peer.handle_link(now, true);
    bench.pump();
    bench.pass(millis(2_000));
    assert_eq!(bench.heard_kinds(), [MessageType::RESTART, MessageType::RESTART]);
    let failed = Event::RestartDone { target: RestartTarget::Interface, acknowledged: false };
    assert_eq!(bench.events(), [Event::DataLinkUp, failed]);
}

#[test]
fn free_channel_mask_follows_the_calls() {
    let (mut bench, id) = called(true);
    assert_eq!(bench.span.free_channels(), 0x7FFF_7FEF);
    bench.span.clear_call(bench.now, id, Cause::private(17)).unwrap();
    assert_eq!(bench.span.free_channels(), 0x7FFF_7FFF);
}

#[test]
fn a_slot_map_and_a_named_interface_choose_the_channel_as_a_number_does() {
    for (line, id, slot) in [
        (LineKind::E1, "1806 a993 00000010", 5),
        (LineKind::E1, "1806 a993 40000000", 31),
        (LineKind::T1, "1805 a993 400000", 23),
        (LineKind::T1, "1803 a98397", 23),
        (LineKind::E1, "1804 e9808385", 5),
        (LineKind::E1, "1803 a18385", 5),
    ] {
        let mut bench = Bench::new(SpanConfig { line, ..config(Side::Network) });
        bench.say_hex(&format!("0802000905 04038090a3 {id} 70028034 a1"));
        let call = bench.span.calls().next().unwrap_or_else(|| panic!("{id}"));
        assert_eq!(call.channel, Some(slot), "{id}");
        bench.span.proceed_call(bench.now, call.id, &plain()).unwrap();
        bench.pump();
        let answer = bench.heard()[0].get(ie::CHANNEL_ID).map(|body| body.to_vec());
        assert_eq!(answer, Some(vec![0xA9, 0x83, 0x80 | slot]), "{id}");
    }
    // The D channel's timeslot is none, on either line.
    for (line, id) in
        [(LineKind::E1, "1803 a98390"), (LineKind::T1, "1803 a98398"), (LineKind::T1, "1803 a9839f")]
    {
        let mut bench = Bench::new(SpanConfig { line, ..config(Side::Network) });
        bench.say_hex(&format!("0802000905 04038090a3 {id} 70028034 a1"));
        assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(82))], "{id}");
    }
}

#[test]
fn a_restart_may_name_channels_in_a_list_or_a_slot_map() {
    for (id, cleared) in [
        ("1804 a9830182", &[1, 2][..]),
        ("1806 a993 00000005", &[1, 3]),
        ("1803 a98382", &[2]),
        ("1803 a98382 1803 a98383", &[2, 3]),
    ] {
        let mut bench = Bench::new(config(Side::Network));
        for _ in 0..3 {
            bench.span.start_call(bench.now, &CallRequest::new("1")).unwrap();
        }
        bench.pump();
        bench.heard();
        bench.say_hex(&format!("0802000046 {id} 790180"));
        assert_eq!(bench.heard_kinds(), [MessageType::RESTART_ACKNOWLEDGE]);
        let left: Vec<u8> = bench.span.calls().filter_map(|call| call.channel).collect();
        let expected: Vec<u8> = (1..=3).filter(|slot| !cleared.contains(slot)).collect();
        assert_eq!(left, expected, "{id}");
    }
    // Indicated channels without any, or an indicator that says nothing: STATUS, and no call is touched.
    let mut bench = Bench::new(config(Side::Network));
    bench.span.start_call(bench.now, &CallRequest::new("1")).unwrap();
    bench.pump();
    bench.heard();
    for (elements, cause) in [("790180", 96), ("1803a98381", 96), ("1803a98381 790181", 100)] {
        bench.say_hex(&format!("0802000046 {elements}"));
        assert_eq!(bench.said(), [(MessageType::STATUS, Some(cause))], "{elements}");
    }
    assert_eq!(bench.span.channels_in_use(), 1);
}

#[test]
fn an_acknowledgement_for_another_channel_is_not_the_answer_to_our_restart() {
    let mut bench = Bench::new(config(Side::Network));
    bench.span.restart(bench.now, RestartTarget::Channel(3));
    bench.pump();
    assert_eq!(bench.heard_kinds(), [MessageType::RESTART]);
    bench.say_hex("080280004e 1803a98384 790180");
    assert_eq!(bench.events(), []);
    bench.say_hex("080280004e 1803a98383 790180");
    let done = Event::RestartDone { target: RestartTarget::Channel(3), acknowledged: true };
    assert_eq!(bench.events(), [done]);
}
