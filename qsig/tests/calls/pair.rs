//! Two spans of ours.

use super::prelude::*;

#[test]
fn two_spans_talk_with_names_and_numbers() {
    let mut pair = Pair::new(config(Side::Network), config(Side::User));
    let request = CallRequest {
        name: Some(Name::Allowed("\u{141}ucja".into())),
        calling: Some(Number {
            plan: NumberPlan { type_of_number: 4, plan: 9 },
            presentation: Some(0x83),
            digits: "2000".into(),
        }),
        ..CallRequest::new("4711")
    };
    let id = pair.spans[0].start_call(pair.now, &request).unwrap();
    let [_, events] = pair.run();
    let Some(Event::Call { id: theirs, event: CallEvent::Incoming { message, digits, complete } }) =
        events.last()
    else {
        panic!("{events:?}")
    };
    assert_eq!(
        (digits.as_str(), complete, pair.spans[1].call(*theirs).unwrap().channel),
        ("4711", &true, Some(1))
    );
    assert_eq!(Name::find(message), Some((NameKind::Calling, Name::Allowed("\u{141}ucja".into()))));
    let inband = ProgressIndicator { coding: 0, location: 1, description: 8 };
    let alert = CallDetail { progress: vec![inband], name: Some(Name::Allowed("Beta".into())), ..plain() };
    pair.spans[1].alert_call(pair.now, *theirs, &alert).unwrap();
    let [events, _] = pair.run();
    let [Event::Call { event: CallEvent::Alerting(message), .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(Name::find(message), Some((NameKind::Called, Name::Allowed("Beta".into()))));
    assert_eq!(message.get(ie::PROGRESS).and_then(|b| ProgressIndicator::parse(b)), Some(inband));
    let answer = CallDetail { name: Some(Name::Restricted("Beta".into())), ..plain() };
    pair.spans[1].answer_call(pair.now, *theirs, &answer).unwrap();
    let [events, acknowledged] = pair.run();
    assert!(matches!(&events[..], [Event::Call { event: CallEvent::Connected(_), .. }]), "{events:?}");
    assert!(matches!(&acknowledged[..], [Event::Call { event: CallEvent::ConnectAcknowledged, .. }]));
    let notification = vec![Element::new(ie::NOTIFICATION, vec![0xF9])];
    pair.spans[0].inform_call(pair.now, id, MessageType::NOTIFY, notification).unwrap();
    let [_, events] = pair.run();
    assert!(matches!(&events[..], [Event::Call { event: CallEvent::Notify(_), .. }]));
    pair.spans[0].clear_call(pair.now, id, Cause::private(16)).unwrap();
    let events = pair.run();
    for events in events {
        assert!(matches!(
            events.last(),
            Some(Event::Call { event: CallEvent::Released { cause: Cause { value: 16, .. } }, .. })
        ));
    }
    assert!(pair.spans.iter().all(|span| span.active_calls() == 0 && span.channels_in_use() == 0));
}

#[test]
fn euroisdn_has_names_in_display_and_no_t313_at_the_network() {
    use qsig::SwitchType;
    let net5 = |side| SpanConfig { switch_type: SwitchType::PrimaryNet5, ..config(side) };
    let mut pair = Pair::new(net5(Side::Network), net5(Side::User));
    let named = CallRequest { name: Some(Name::Allowed("J\u{fc}rgen".into())), ..CallRequest::new("4711") };
    for (from, shown) in [(0, Some(Name::Allowed("J\u{fc}rgen".into()))), (1, None)] {
        let id = pair.spans[from].start_call(pair.now, &named).unwrap();
        let events = pair.run();
        let Some(Event::Call { id: theirs, event: CallEvent::Incoming { message, .. } }) =
            events[1 - from].last()
        else {
            panic!("{events:?}")
        };
        assert_eq!((Name::find_display(message), message.get(ie::FACILITY)), (shown, None));
        pair.spans[1 - from].answer_call(pair.now, *theirs, &plain()).unwrap();
        pair.run();
        assert_eq!(pair.spans[from].call(id).unwrap().state, CallState::Active);
    }
    let mut bench = Bench::new(net5(Side::Network));
    bench.say_hex("0802000905 04038090a3 1803a98385 70028034 a1");
    let incoming = bench.span.calls().next().unwrap().id;
    bench.span.answer_call(bench.now, incoming, &plain()).unwrap();
    bench.pass(millis(20_000));
    assert_eq!(bench.said(), [(MessageType::CONNECT, None)], "no T313");
    let mut bench = Bench::new(net5(Side::Network));
    bench.say_hex("0802000905 0402a880 1801ac");
    assert_eq!(bench.said(), [(RELEASE_COMPLETE, Some(65))]);
}

#[test]
fn a_whole_line_of_calls_at_once_and_no_more() {
    for (line, count) in [(LineKind::E1, 30), (LineKind::T1, 23)] {
        let mut pair = Pair::new(
            SpanConfig { line, ..config(Side::Network) },
            SpanConfig { line, ..config(Side::User) },
        );
        let ids: Vec<_> =
            (0..count).map(|_| pair.spans[0].start_call(pair.now, &CallRequest::new("1")).unwrap()).collect();
        assert_eq!(pair.spans[0].start_call(pair.now, &CallRequest::new("1")), Err(CallError::NoChannel));
        let [_, events] = pair.run();
        for event in &events {
            let Event::Call { id, event: CallEvent::Incoming { .. } } = event else { panic!("{event:?}") };
            pair.spans[1].answer_call(pair.now, *id, &plain()).unwrap();
        }
        pair.run();
        assert_eq!(pair.spans.each_ref().map(Span::channels_in_use), [count, count]);
        for id in ids {
            pair.spans[0].clear_call(pair.now, id, Cause::private(16)).unwrap();
        }
        pair.run();
        assert_eq!(pair.spans.each_ref().map(|s| (s.channels_in_use(), s.active_calls())), [(0, 0), (0, 0)]);
    }
}

#[test]
fn in_a_glare_the_network_sides_call_keeps_the_channel() {
    for negotiate in [false, true] {
        let both = |side| SpanConfig {
            bchan_order: BchanOrder::Ascending,
            negotiate_bchan: negotiate,
            ..config(side)
        };
        let mut pair = Pair::new(both(Side::Network), both(Side::User));
        let network = pair.spans[0].start_call(pair.now, &CallRequest::new("1")).unwrap();
        let user = pair.spans[1].start_call(pair.now, &CallRequest::new("2")).unwrap();
        let [at_network, at_user] = pair.run();
        let theirs = Pair::incoming(&at_user);
        assert_eq!(pair.spans[1].call(theirs).unwrap().channel, Some(1));
        pair.spans[1].answer_call(pair.now, theirs, &plain()).unwrap();
        if negotiate {
            // Preferred: the user's call moves to the next channel.
            let moved = Pair::incoming(&at_network);
            pair.spans[0].answer_call(pair.now, moved, &plain()).unwrap();
            pair.run();
            assert_eq!(pair.spans[1].call(user).unwrap().channel, Some(2));
            assert_eq!(pair.spans[0].call(moved).unwrap().channel, Some(2));
        } else {
            let refused = CallEvent::Released { cause: Cause::private(44) };
            assert!(at_user.contains(&Event::Call { id: user, event: refused }), "{at_user:?}");
            pair.run();
        }
        assert_eq!(pair.spans[0].call(network).unwrap().state, CallState::Active);
    }
}
