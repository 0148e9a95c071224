//! In what the switch types differ.

use qsig::{Dialect, NameForm, SwitchType};

use super::prelude::*;

fn of(switch_type: SwitchType, side: Side) -> SpanConfig {
    SpanConfig { switch_type, ..config(side) }
}

#[test]
fn every_switch_type_calls_its_like_in_both_directions() {
    for switch_type in SwitchType::ALL {
        for caller in [0, 1] {
            let mut pair = Pair::new(of(switch_type, Side::Network), of(switch_type, Side::User));
            let request = CallRequest { name: Some(Name::Allowed("Alice".into())), ..CallRequest::new("47") };
            let id = pair.spans[caller].start_call(pair.now, &request).unwrap();
            let theirs = Pair::incoming(&pair.run()[1 - caller]);
            let dialect = switch_type.dialect();
            let record = pair.spans[1 - caller].call_records().next().unwrap();
            let shown = match dialect.names {
                NameForm::Facility => true,
                NameForm::Display { .. } => caller == 0,
                NameForm::None => false,
            };
            assert_eq!(record.name().as_deref(), shown.then_some("Alice"), "{switch_type}");
            pair.spans[1 - caller].alert_call(pair.now, theirs, &plain()).unwrap();
            let heard = kinds(&calls_of(&pair.run()[caller]));
            let expected: &[&str] =
                if dialect.proceeding_first { &["proceeding", "alerting"] } else { &["alerting"] };
            assert_eq!(heard, expected, "{switch_type}");
            pair.spans[1 - caller].answer_call(pair.now, theirs, &plain()).unwrap();
            let state = pair.spans[1 - caller].call(theirs).unwrap().state;
            let waits = dialect.connect_request && caller == 0;
            let expected = if waits { CallState::ConnectRequest } else { CallState::Active };
            assert_eq!(state, expected, "{switch_type}, caller {caller}");
            pair.run();
            for (span, id) in [(&pair.spans[caller], id), (&pair.spans[1 - caller], theirs)] {
                assert_eq!(span.call(id).unwrap().state, CallState::Active, "{switch_type}");
            }
            pair.now += millis(100_000);
            pair.spans[caller].clear_call(pair.now, id, Cause::private(16)).unwrap();
            pair.run();
            assert_eq!(pair.spans.each_ref().map(Span::active_calls), [0, 0], "{switch_type}");
        }
    }
}

#[test]
fn sending_complete_and_overlap_follow_the_switch_type() {
    for switch_type in SwitchType::ALL {
        let dialect = switch_type.dialect();
        let mut bench = Bench::new(of(switch_type, Side::Network));
        bench.span.start_call(bench.now, &CallRequest::new("4711")).unwrap();
        bench.pump();
        let setup = &bench.heard()[0];
        let sent = setup.elements.iter().any(|element| element.id == ie::SENDING_COMPLETE);
        assert_eq!(sent, dialect.sending_complete, "{switch_type}");
        bench.say_hex("0802000905 04038090a3 1803a98385 700380 3437");
        let [Event::Call { event: CallEvent::Incoming { complete, .. }, .. }] = bench.events()[..] else {
            panic!("{switch_type}")
        };
        assert_eq!(complete, !dialect.overlap_receiving, "{switch_type}");
    }
}

#[test]
fn a_connect_request_that_is_not_acknowledged_ends_with_t313() {
    let mut pair =
        Pair::new(of(SwitchType::PrimaryNet5, Side::Network), of(SwitchType::PrimaryNet5, Side::User));
    let id = pair.spans[0].start_call(pair.now, &CallRequest::new("1")).unwrap();
    let theirs = Pair::incoming(&pair.run()[1]);
    pair.spans[1].answer_call(pair.now, theirs, &plain()).unwrap();
    while pair.spans[1].poll_frame().is_some() {}
    pair.now += millis(4_000);
    pair.spans[1].handle_timeout(pair.now);
    assert_eq!(pair.spans[1].call(theirs).unwrap().state, CallState::DisconnectRequest);
    assert_eq!(pair.spans[0].call(id).unwrap().state, CallState::CallInitiated);
}

#[test]
fn each_difference_can_be_set_by_itself() {
    let dialect = Dialect { proceeding_first: true, ..SwitchType::PrimaryQsig.dialect() };
    let mut bench = Bench::new(SpanConfig { dialect: Some(dialect), ..config(Side::Network) });
    bench.say_hex("0802000905 04038090a3 1803a98385 700380 3437 a1");
    let id = bench.span.calls().next().unwrap().id;
    // A message that cannot be sent takes nothing along.
    let long = CallDetail { elements: vec![Element::new(ie::USER_USER, vec![4; 255]); 4], ..plain() };
    assert!(bench.span.answer_call(bench.now, id, &long).is_err());
    bench.pump();
    assert_eq!(bench.heard_kinds(), []);
    bench.span.answer_call(bench.now, id, &plain()).unwrap();
    bench.pump();
    let heard = bench.heard();
    assert_eq!((heard[0].kind, heard[1].kind), (MessageType::CALL_PROCEEDING, MessageType::CONNECT));
    assert_eq!(heard.len(), 2);
    let channel = |message: &Message| message.get(ie::CHANNEL_ID).map(|body| body.to_vec());
    assert_eq!((channel(&heard[0]), channel(&heard[1])), (Some(vec![0xA9, 0x83, 0x85]), None));
}

#[test]
fn service_messages_change_b_channels_and_are_acknowledged() {
    let mut pair = Pair::new(of(SwitchType::PrimaryNi, Side::Network), of(SwitchType::PrimaryNi, Side::User));
    let channel = qsig::BChannel { interface: 0, slot: 7 };
    assert!(pair.spans[0].set_service(pair.now, channel, qsig::ServiceState::OutOfService));
    pair.run();
    let service = |span: &Span| span.channels().find(|c| c.slot == 7).unwrap().service;
    assert_eq!(pair.spans.each_ref().map(service), [qsig::ServiceState::OutOfService; 2]);
    assert_eq!(pair.spans[1].free_channels() & 1 << 6, 0);
    pair.spans[1].set_service(pair.now, channel, qsig::ServiceState::InService);
    pair.run();
    assert_eq!(pair.spans.each_ref().map(service), [qsig::ServiceState::InService; 2]);
    // On the wire: discriminator 03, the global call reference, change status, channel.
    let mut bench = Bench::new(of(SwitchType::Primary4ess, Side::Network));
    bench.span.set_service(bench.now, channel, qsig::ServiceState::Maintenance);
    let frame = bench.span.poll_frame().unwrap();
    assert_eq!(decode::layer3(&frame).unwrap_or(&frame[4..]), unhex("03020000 0f 0101c1 1803a98387"));
    // National ISDN: discriminator 43, and the two message types the other way round; an answer is not answered.
    let mut bench = Bench::new(of(SwitchType::PrimaryNi, Side::Network));
    bench.span.set_service(bench.now, channel, qsig::ServiceState::Maintenance);
    let frame = bench.span.poll_frame().unwrap();
    assert_eq!(decode::layer3(&frame).unwrap_or(&frame[4..]), unhex("43020000 07 0101c1 1803a98387"));
    bench.say_hex("43028000 0f 0101c1 1803a98387");
    assert!(bench.span.poll_frame().is_none());
    // A switch type without SERVICE ignores it, as Q.931 does unknown discriminators.
    let mut bench = Bench::new(config(Side::Network));
    bench.say_hex("03020000 0f 0101c2 1803a98387");
    assert_eq!((bench.heard_kinds(), bench.span.statistics().messages_ignored), (vec![], 1));
    assert_eq!(service(&bench.span), qsig::ServiceState::InService);
}
