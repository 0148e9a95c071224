//! Basic call: captures of libpri replayed from both ends, two spans of ours, every timer, glare, and a storm.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use common::{Bench, Captured, capture, millis, seeds, unhex};
use qsig::lapd::{Control, Frame, SupervisoryKind};
use qsig::name::{Name, NameKind};
use qsig::q931::{Cause, Element, Message, MessageType, Number, NumberPlan, ProgressIndicator, ie};
use qsig::{
    BchanOrder, CallDetail, CallError, CallEvent, CallId, CallRequest, CallState, Event, LineKind,
    RestartOnStart, RestartTarget, Side, Span, SpanConfig, decode,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn config(side: Side) -> SpanConfig {
    SpanConfig { side, accept_calls: true, ..SpanConfig::default() }
}

fn plain() -> CallDetail {
    CallDetail::default()
}

// ---- captures ----

fn is_acknowledgement(octets: &[u8]) -> bool {
    matches!(
        Frame::parse(octets).unwrap(),
        Frame { control: Control::Supervisory { kind: SupervisoryKind::ReceiveReady, .. }, pf: false, .. }
    )
}

/// Plays the other side's half of a capture; the owner's part is read from what our side must say.
fn replay(name: &str, ours: Side) -> Vec<CallEvent> {
    // The owner in the captures leaves callRerouteing unanswered; ours would have it refused.
    let mut span = Span::new(SpanConfig { pass_services: true, ..config(ours) });
    let now = Instant::now();
    span.handle_link(now, true);
    let (mut events, mut said, mut call) = (Vec::new(), VecDeque::new(), None);
    let mut drain = |span: &mut Span, said: &mut VecDeque<Vec<u8>>, call: &mut Option<CallId>| {
        while let Some(frame) = span.poll_frame() {
            if !is_acknowledgement(&frame) {
                said.push_back(frame.to_vec());
            }
        }
        while let Some(event) = span.poll_event() {
            if let Event::Call { id, event } = event {
                call.get_or_insert(id);
                events.push(event);
            }
        }
    };
    for Captured { from, octets } in capture(name) {
        if from != ours {
            span.handle_frame(now, &octets);
            drain(&mut span, &mut said, &mut call);
            continue;
        }
        if is_acknowledgement(&octets) {
            continue;
        }
        drain(&mut span, &mut said, &mut call);
        if said.is_empty() {
            let message = Message::parse(decode::layer3(&octets).unwrap()).unwrap();
            act(&mut span, now, &mut call, &message);
            drain(&mut span, &mut said, &mut call);
        }
        let got = said.pop_front().unwrap_or_else(|| panic!("{name} as {ours:?}: nothing said"));
        assert_eq!(
            got,
            octets,
            "{name} as {ours:?}: {:?}",
            decode::layer3(&got).map(|message| decode::q931(message, true))
        );
    }
    assert!(said.is_empty(), "{name}: {said:02x?}");
    assert_eq!((span.active_calls(), span.channels_in_use()), (0, 0), "{name} as {ours:?}");
    events
}

/// Commands the span so that it says `message`.
fn act(span: &mut Span, now: Instant, call: &mut Option<CallId>, message: &Message) {
    let detail = || {
        // The channel identification of the first response is the span's own.
        let own = |e: &&Element| e.id != ie::CHANNEL_ID || message.kind == MessageType::CONNECT;
        CallDetail { elements: message.elements.iter().filter(own).cloned().collect(), ..plain() }
    };
    let number = |id| message.get(id).and_then(|body| Number::parse(body));
    match message.kind {
        MessageType::SETUP => {
            let handled = [ie::BEARER_CAPABILITY, ie::CHANNEL_ID, ie::CALLED_NUMBER, ie::CALLING_NUMBER];
            // With other APDUs around, the name is passed in among them.
            let alone = message.all(ie::FACILITY).count() == 1;
            let name = Name::find(message).filter(|_| alone).map(|(kind, name)| {
                assert_eq!(kind, NameKind::Calling);
                name
            });
            let further = message.elements.iter().filter(|e| {
                let named = name.is_some() && e.id == ie::FACILITY;
                !handled.contains(&e.id) && e.id != ie::SENDING_COMPLETE && !named
            });
            let request = CallRequest {
                called: number(ie::CALLED_NUMBER).unwrap(),
                calling: number(ie::CALLING_NUMBER),
                complete: message.all(ie::SENDING_COMPLETE).count() == 1,
                elements: further.cloned().collect(),
                name: name.clone(),
                ..CallRequest::new("")
            };
            *call = Some(span.start_call(now, &request).unwrap());
        }
        MessageType::SETUP_ACKNOWLEDGE => span.acknowledge_call(now, call.unwrap(), &detail()).unwrap(),
        MessageType::CALL_PROCEEDING => {
            let settled = span.call(call.unwrap()).unwrap().state != CallState::CallPresent;
            let detail =
                if settled { CallDetail { elements: message.elements.clone(), ..plain() } } else { detail() };
            span.proceed_call(now, call.unwrap(), &detail).unwrap();
        }
        MessageType::ALERTING => span.alert_call(now, call.unwrap(), &detail()).unwrap(),
        MessageType::CONNECT => span.answer_call(now, call.unwrap(), &detail()).unwrap(),
        MessageType::INFORMATION => {
            span.send_digits(now, call.unwrap(), &number(ie::CALLED_NUMBER).unwrap().digits, false).unwrap();
        }
        MessageType::FACILITY => {
            span.inform_call(now, call.unwrap(), MessageType::FACILITY, message.elements.clone()).unwrap();
        }
        MessageType::DISCONNECT | MessageType::RELEASE_COMPLETE => {
            span.clear_call(now, call.unwrap(), message.cause().unwrap()).unwrap();
        }
        other => panic!("nothing makes the owner say {other}"),
    }
}

fn kinds(events: &[CallEvent]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            CallEvent::Incoming { .. } => "incoming",
            CallEvent::Digits { .. } => "digits",
            CallEvent::SetupAcknowledged(_) => "setup acknowledged",
            CallEvent::Proceeding(_) => "proceeding",
            CallEvent::Alerting(_) => "alerting",
            CallEvent::Progress(_) => "progress",
            CallEvent::Connected(_) => "connected",
            CallEvent::ConnectAcknowledged => "acknowledged",
            CallEvent::Notify(_) => "notify",
            CallEvent::Facility(_) => "facility",
            CallEvent::Disconnected { .. } => "disconnected",
            CallEvent::Released { .. } => "released",
        })
        .collect()
}

#[test]
fn as_caller_we_say_what_libpri_says() {
    let caller = |name| kinds(&replay(name, Side::Network));
    assert_eq!(caller("call_answered"), ["proceeding", "alerting", "connected", "released"]);
    assert_eq!(caller("call_busy"), ["proceeding", "disconnected", "released"]);
    assert_eq!(caller("call_unallocated"), ["released"]);
    let overlap = ["setup acknowledged", "proceeding", "alerting", "connected", "released"];
    assert_eq!(caller("call_overlap"), overlap);
    assert_eq!(caller("call_diverted"), ["proceeding", "alerting", "connected", "released"]);
    assert_eq!(caller("call_transferred"), ["proceeding", "alerting", "connected", "released"]);
    assert_eq!(caller("call_deflected"), ["proceeding", "facility", "disconnected", "released"]);
    let other = kinds(&replay("call_cleared_by_called", Side::User));
    assert_eq!(other, ["proceeding", "alerting", "connected", "disconnected", "released"]);
}

#[test]
fn as_called_side_we_say_what_libpri_says() {
    let called = |name| kinds(&replay(name, Side::User));
    assert_eq!(called("call_answered"), ["incoming", "acknowledged", "disconnected", "released"]);
    assert_eq!(called("call_busy"), ["incoming", "released"]);
    assert_eq!(called("call_unallocated"), ["incoming", "released"]);
    assert_eq!(
        called("call_overlap"),
        ["incoming", "digits", "digits", "acknowledged", "disconnected", "released"]
    );
    assert_eq!(called("call_diverted"), ["incoming", "acknowledged", "disconnected", "released"]);
    assert_eq!(
        called("call_transferred"),
        ["incoming", "acknowledged", "facility", "disconnected", "released"]
    );
    assert_eq!(called("call_deflected"), ["incoming", "released"]);
    assert_eq!(
        kinds(&replay("call_cleared_by_called", Side::Network)),
        ["incoming", "acknowledged", "released"]
    );
}

#[test]
fn names_of_a_captured_call_are_read() {
    let names: Vec<_> = capture("call_answered")
        .iter()
        .filter_map(|frame| Name::find(&Message::parse(decode::layer3(&frame.octets)?).unwrap()))
        .collect();
    let alice = (NameKind::Calling, Name::Allowed("Alice".into()));
    assert_eq!(names, [alice, (NameKind::Connected, Name::Allowed("Beta".into()))]);
}

// ---- a scripted peer ----

/// A bench whose span has called 4711 on channel 1, call reference 1.
fn calling() -> (Bench, CallId) {
    let mut bench = Bench::new(config(Side::Network));
    let id = bench.span.start_call(bench.now, &CallRequest::new("4711")).unwrap();
    bench.pump();
    assert_eq!(bench.heard_kinds(), [MessageType::SETUP]);
    (bench, id)
}

/// A bench whose span has been called on channel 5, call reference 9.
fn called(sending_complete: bool) -> (Bench, CallId) {
    let mut bench = Bench::new(config(Side::Network));
    let end = if sending_complete { "a1" } else { "" };
    bench.say_hex(&format!("0802000905 04038090a3 1803a98385 700380 3437 {end}"));
    let [Event::Call { id, event: CallEvent::Incoming { digits, complete, .. } }] = &bench.events()[..]
    else {
        panic!("incoming")
    };
    assert_eq!((digits.as_str(), *complete), ("47", sending_complete));
    let id = *id;
    assert_eq!(bench.span.call(id).unwrap().channel, Some(5));
    (bench, id)
}

trait CallBench {
    fn call_events(&mut self) -> Vec<CallEvent>;
    fn said(&mut self) -> Vec<(MessageType, Option<u8>)>;
}

impl CallBench for Bench {
    fn call_events(&mut self) -> Vec<CallEvent> {
        self.events()
            .into_iter()
            .map(|event| match event {
                Event::Call { event, .. } => event,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn said(&mut self) -> Vec<(MessageType, Option<u8>)> {
        self.heard().iter().map(|m| (m.kind, m.cause().map(|c| c.value))).collect()
    }
}

const DISCONNECT: MessageType = MessageType::DISCONNECT;
const RELEASE: MessageType = MessageType::RELEASE;
const RELEASE_COMPLETE: MessageType = MessageType::RELEASE_COMPLETE;

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
    let long = vec![Element::new(ie::USER_USER, vec![4; 255])];
    let request = CallRequest { elements: long, ..CallRequest::new("1") };
    assert!(matches!(bench.span.start_call(now, &request), Err(CallError::TooLong { limit: 260, .. })));
    let taken = CallRequest { channel: Some(1), ..CallRequest::new("1") };
    assert_eq!(bench.span.start_call(now, &taken), Err(CallError::NoChannel));
    bench.pump();
    assert_eq!((bench.heard(), bench.span.active_calls()), (vec![], 1));
}

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
fn free_channel_mask_follows_the_calls() {
    let (mut bench, id) = called(true);
    assert_eq!(bench.span.free_channels(), 0x7FFF_7FEF);
    bench.span.clear_call(bench.now, id, Cause::private(17)).unwrap();
    assert_eq!(bench.span.free_channels(), 0x7FFF_7FFF);
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
    let long = CallDetail { elements: vec![Element::new(ie::USER_USER, vec![4; 255])], ..plain() };
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

// ---- two spans of ours ----

struct Pair {
    now: Instant,
    spans: [Span; 2],
}

impl Pair {
    fn new(a: SpanConfig, b: SpanConfig) -> Self {
        let now = Instant::now();
        let mut pair = Self { now, spans: [Span::new(a), Span::new(b)] };
        for span in &mut pair.spans {
            span.handle_link(now, true);
        }
        if pair.spans[0].config().restart_on_start == RestartOnStart::Nothing {
            pair.run();
        }
        pair
    }

    /// Frames go over until none is left; the events of both.
    fn run(&mut self) -> [Vec<Event>; 2] {
        loop {
            let mut idle = true;
            for from in 0..2 {
                while let Some(frame) = self.spans[from].poll_frame() {
                    idle = false;
                    self.spans[1 - from].handle_frame(self.now, &frame);
                }
            }
            if idle {
                return [0, 1].map(|end| std::iter::from_fn(|| self.spans[end].poll_event()).collect());
            }
        }
    }

    fn incoming(events: &[Event]) -> CallId {
        events
            .iter()
            .find_map(|event| match event {
                Event::Call { id, event: CallEvent::Incoming { .. } } => Some(*id),
                _ => None,
            })
            .unwrap()
    }
}

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
fn euroisdn_has_names_in_display_no_t313_at_the_network_and_no_message_waiting() {
    use qsig::{InvokeError, MwiAction, MwiRequest, PartyNumber, SwitchType};
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
    let lamp = MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown("1".into()));
    let refused = pair.spans[0].invoke_mwi(pair.now, lamp);
    assert_eq!(refused, Err(InvokeError::SwitchType(SwitchType::PrimaryNet5)));
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

#[test]
fn a_storm_of_calls_leaves_no_channel_and_no_reference_behind() {
    let (mut events, mut connected) = (0usize, 0usize);
    for seed in 0..seeds(32) {
        let mut random = StdRng::seed_from_u64(seed);
        let order = [BchanOrder::BySide, BchanOrder::Ascending, BchanOrder::RoundRobin][seed as usize % 3];
        let tune = |side| SpanConfig { bchan_order: order, negotiate_bchan: seed % 2 == 0, ..config(side) };
        let mut pair = Pair::new(tune(Side::Network), tune(Side::User));
        let mut live: [BTreeSet<CallId>; 2] = Default::default();
        let mut released: BTreeMap<(usize, CallId), usize> = BTreeMap::new();
        let loss = [0.0, 0.02, 0.15][seed as usize % 3];
        for step in 0..1_500 {
            let now = pair.now;
            let end = random.random_range(0..2usize);
            let span = &mut pair.spans[end];
            let choice = random.random_range(0..14);
            let pick = live[end].iter().nth(random.random_range(0..live[end].len().max(1))).copied();
            if step < 1_400 && choice < 4 {
                let request = CallRequest { complete: random.random(), ..CallRequest::new("47") };
                if let Ok(id) = span.start_call(now, &request) {
                    live[end].insert(id);
                }
            } else if let Some(id) = pick {
                // Most of these do not fit the state, which must do no harm.
                let _ = match choice {
                    4 => span.acknowledge_call(now, id, &plain()),
                    5 => span.proceed_call(now, id, &plain()),
                    6 => span.alert_call(now, id, &plain()),
                    7 | 8 => span.answer_call(now, id, &plain()),
                    9 => span.send_digits(now, id, "1", random.random()),
                    10 => span.inform_call(now, id, MessageType::FACILITY, vec![]),
                    11 => span.progress_call(now, id, &plain()),
                    _ => span.clear_call(now, id, Cause::private(16)),
                };
            }
            if random.random_bool(0.002) {
                span.restart(
                    now,
                    [RestartTarget::Interface, RestartTarget::Channel(3)]
                        [usize::from(random.random_bool(0.8))],
                );
            }
            if random.random_bool(0.001) {
                for span in &mut pair.spans {
                    span.handle_link(now, false);
                    span.handle_link(now, true);
                }
            }
            storm_wire(&mut pair, &mut random, loss, &mut live, &mut released, &mut events, &mut connected);
            pair.now += millis(random.random_range(0..400));
            for span in &mut pair.spans {
                span.handle_timeout(pair.now);
                let slots: Vec<u8> = span.calls().filter_map(|call| call.channel).collect();
                let distinct: BTreeSet<u8> = slots.iter().copied().collect();
                assert_eq!(slots.len(), distinct.len(), "seed {seed}: a channel has two calls");
                assert_eq!(slots.len(), span.channels_in_use(), "seed {seed}: a channel has no call");
            }
        }
        // Everybody hangs up; the line is good again.
        for (span, live) in pair.spans.iter_mut().zip(&live) {
            for &id in live {
                let _ = span.clear_call(pair.now, id, Cause::private(16));
            }
        }
        for _ in 0..3_000 {
            storm_wire(&mut pair, &mut random, 0.0, &mut live, &mut released, &mut events, &mut connected);
            pair.now += Duration::from_millis(250);
            for span in &mut pair.spans {
                span.handle_timeout(pair.now);
            }
        }
        for (end, span) in pair.spans.iter().enumerate() {
            let left: Vec<_> = span.calls().collect();
            assert_eq!(
                (left, span.active_calls(), span.channels_in_use()),
                (vec![], 0, 0),
                "seed {seed}, end {end}"
            );
            assert_eq!(live[end], BTreeSet::new(), "seed {seed}: calls that never were released");
        }
        assert!(released.values().all(|times| *times == 1), "seed {seed}");
    }
    println!("{events} events, {connected} calls connected");
    assert!(events > 20_000 && connected > 1_000, "{events} events, {connected} connected");
}

fn storm_wire(
    pair: &mut Pair,
    random: &mut StdRng,
    loss: f64,
    live: &mut [BTreeSet<CallId>; 2],
    released: &mut BTreeMap<(usize, CallId), usize>,
    events: &mut usize,
    connected: &mut usize,
) {
    for _ in 0..8 {
        for from in 0..2 {
            while let Some(frame) = pair.spans[from].poll_frame() {
                if !random.random_bool(loss) {
                    pair.spans[1 - from].handle_frame(pair.now, &frame);
                }
            }
        }
    }
    for (end, live) in live.iter_mut().enumerate() {
        while let Some(event) = pair.spans[end].poll_event() {
            *events += 1;
            let Event::Call { id, event } = event else { continue };
            match event {
                CallEvent::Incoming { .. } => {
                    assert!(live.insert(id), "an identifier twice");
                }
                CallEvent::Released { .. } => {
                    assert!(live.remove(&id), "released, but never heard of");
                    *released.entry((end, id)).or_default() += 1;
                }
                CallEvent::Connected(_) => *connected += 1,
                _ => {}
            }
        }
    }
}
