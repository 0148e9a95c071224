//! Operations in calls and on call independent connections: answers, supervision, refusals, what is passed on untouched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::{Bench, millis, unhex};
use qsig::call_completion::{CallCompletion, CompletionAccepted, CompletionKind, CompletionRequest};
use qsig::diversion::{Diversion, DiversionReason, MAX_DIVERSIONS, TooManyDiversions, forward};
use qsig::facility::{Facility, Interpretation, PROFILE_NETWORKING};
use qsig::name::Name;
use qsig::path_replacement::PathReplacement;
use qsig::q931::{Cause, Element, Message, MessageType, Number, NumberPlan, ie};
use qsig::rose::{Code, Component, Problem};
use qsig::service::{Answer, Operation, Outcome, Service};
use qsig::transfer::{Transfer, TransferControl};
use qsig::transit::{TooManyTransits, TransitCounter};
use qsig::{
    CallDetail, CallError, CallEvent, CallId, CallRequest, Carrier, ConnectionEvent, ConnectionRequest,
    Event, PartyNumber, PresentedNumber, Side, Span, SpanConfig,
};

fn config(side: Side, services: &[i32]) -> SpanConfig {
    SpanConfig {
        side,
        accept_calls: true,
        services: services.iter().copied().collect::<BTreeSet<_>>(),
        ..SpanConfig::default()
    }
}

fn number(digits: &str) -> Number {
    Number { plan: NumberPlan::UNKNOWN, presentation: None, digits: digits.into() }
}

fn unknown(digits: &str) -> PartyNumber {
    PartyNumber::Unknown(digits.into())
}

/// Two spans of ours with a wire between them.
struct Pair {
    now: Instant,
    ends: [Span; 2],
    events: [Vec<Event>; 2],
    cut: bool,
}

impl Pair {
    fn new(services: &[i32]) -> Self {
        let now = Instant::now();
        let ends = [Side::Network, Side::User].map(|side| Span::new(config(side, services)));
        let mut pair = Self { now, ends, events: [vec![], vec![]], cut: false };
        for end in &mut pair.ends {
            end.handle_link(now, true);
        }
        pair.pump();
        pair.events = [vec![], vec![]];
        pair
    }

    fn pump(&mut self) {
        loop {
            let mut idle = true;
            for from in [0, 1] {
                while let Some(frame) = self.ends[from].poll_frame() {
                    idle = false;
                    if !self.cut {
                        self.ends[1 - from].handle_frame(self.now, &frame);
                    }
                }
                while let Some(event) = self.ends[from].poll_event() {
                    self.events[from].push(event);
                }
            }
            if idle {
                return;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.ends.iter().filter_map(Span::poll_timeout).min().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
            self.pump();
        }
        self.now = end;
    }

    fn take(&mut self, end: usize) -> Vec<Event> {
        self.pump();
        std::mem::take(&mut self.events[end])
    }

    /// An answered call; its identifiers at both ends.
    fn call(&mut self) -> [CallId; 2] {
        self.take(1);
        let ours = self.ends[0].start_call(self.now, &CallRequest::new("4711")).unwrap();
        let events = self.take(1);
        let [Event::Call { id, event: CallEvent::Incoming { .. } }] = events[..] else {
            panic!("{events:?}")
        };
        self.ends[1].answer_call(self.now, id, &CallDetail::default()).unwrap();
        self.pump();
        self.events = [vec![], vec![]];
        [ours, id]
    }
}

fn propose() -> Operation {
    PathReplacement::Propose { call_identity: "12".into(), rerouteing_number: unknown("4711") }
        .operation()
        .unwrap()
}

fn request() -> Operation {
    let request = CompletionRequest {
        caller: PresentedNumber::Allowed(unknown("8000")),
        called: unknown("4711"),
        service: bytes::Bytes::from_static(&[0x04, 0x03, 0x80, 0x90, 0xA3]),
        can_retain_service: false,
        retain_connection: None,
    };
    CallCompletion::Request(CompletionKind::Busy, request).operation().unwrap()
}

#[test]
fn an_operation_in_a_call_is_answered_once_with_result_error_or_reject() {
    for (answer, outcome) in [
        (Answer::Done, Outcome::Result(None)),
        (Answer::Error(1002), Outcome::Error(1002, None)),
        (Answer::Reject(Problem::Invoke(3)), Outcome::Reject(Problem::Invoke(3))),
    ] {
        let mut pair = Pair::new(&[4]);
        let [ours, theirs] = pair.call();
        let operation = pair.ends[0].invoke(pair.now, Carrier::Call(ours), &propose()).unwrap();
        let events = pair.take(1);
        let [Event::Invoked { id, carrier, invoke }, Event::Call { event: CallEvent::Facility(_), .. }] =
            &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(*carrier, Carrier::Call(theirs));
        assert!(matches!(PathReplacement::read(invoke), Some(Ok(PathReplacement::Propose { .. }))));
        pair.ends[1].answer(pair.now, *id, answer.clone());
        pair.ends[1].answer(pair.now, *id, answer);
        let done: Vec<_> =
            pair.take(0).into_iter().filter(|event| matches!(event, Event::OperationDone { .. })).collect();
        assert_eq!(done, [Event::OperationDone { operation, outcome }]);
        assert_eq!(pair.ends[0].calls().count(), 1, "the call goes on");
    }
}

#[test]
fn supervision_and_the_end_of_the_call_end_an_operation() {
    let mut pair = Pair::new(&[4]);
    let [ours, _] = pair.call();
    let first = pair.ends[0].invoke(pair.now, Carrier::Call(ours), &propose()).unwrap();
    pair.pass(Duration::from_secs(15));
    let done: Vec<_> = pair.take(0);
    assert_eq!(done, [Event::OperationDone { operation: first, outcome: Outcome::NoAnswer }]);
    let second = pair.ends[0].invoke(pair.now, Carrier::Call(ours), &propose()).unwrap();
    pair.ends[0].clear_call(pair.now, ours, Cause::user(16)).unwrap();
    let done = pair.take(0);
    let [Event::OperationDone { operation, outcome: Outcome::Released(Cause { value: 16, .. }) }, _] =
        done[..]
    else {
        panic!("{done:?}")
    };
    assert_eq!(operation, second);
    // Without an answer nothing waits.
    let [ours, _] = pair.call();
    let told = Transfer::joined(
        (PresentedNumber::Restricted, None),
        (PresentedNumber::Allowed(unknown("4712")), Some(Name::Allowed("New".into()))),
        true,
    );
    pair.ends[0].invoke(pair.now, Carrier::Call(ours), &told[0].operation().unwrap()).unwrap();
    let Some(Event::Call { event: CallEvent::Facility(message), .. }) = pair.take(1).pop() else {
        panic!("no facility")
    };
    assert_eq!(Transfer::find(&message).as_ref(), Some(&told[0]));
    assert_eq!(pair.take(0), []);
}

#[test]
fn at_most_sixteen_operations_wait_on_a_call() {
    let mut pair = Pair::new(&[4]);
    let [ours, _] = pair.call();
    for _ in 0..16 {
        pair.ends[0].invoke(pair.now, Carrier::Call(ours), &propose()).unwrap();
    }
    let refused = pair.ends[0].invoke(pair.now, Carrier::Call(ours), &propose());
    assert_eq!(refused, Err(CallError::TooMany(16)));
    let gone = pair.ends[0].invoke(pair.now, Carrier::Call(CallId(9_999)), &propose());
    assert_eq!(gone, Err(CallError::NoSuchCall));
}

/// What our span says to invokes of these operations in an active call nobody serves.
fn refused(operation: &Operation) -> (Vec<MessageType>, Option<Component>) {
    let mut bench = Bench::new(SpanConfig { accept_calls: true, ..SpanConfig::default() });
    let call = bench.span.start_call(bench.now, &CallRequest::new("4711")).unwrap();
    bench.pump();
    let [high, low] = bench.heard()[0].call_reference.value.to_be_bytes();
    bench.say(&[8, 2, high | 0x80, low, 7, 0x18, 3, 0xA9, 0x83, 0x81]);
    bench.heard();
    let mut message =
        Message::new(bench.span.call(call).unwrap().call_reference.reply(), MessageType::FACILITY);
    message.elements.push(operation.element(PROFILE_NETWORKING, 5));
    bench.say(&message.to_bytes());
    let heard = bench.heard();
    let component = heard
        .first()
        .and_then(|message| Facility::parse(message.get(ie::FACILITY)?)?.components().next().cloned());
    (heard.iter().map(|message| message.kind).collect(), component)
}

#[test]
fn services_nobody_does_are_refused_with_their_own_error_or_as_the_interpretation_says() {
    let error = |value| Component::error(5, value);
    let null = || qsig::rose::null();
    for (value, expected) in [
        (34, 1000),
        (43, 1000),
        (35, 3),
        (4, 1002),
        (7, 3),
        (9, 3),
        (10, 3),
        (99, 3),
        (27, 1011),
        (40, 1011),
        (59, 3),
    ] {
        for interpretation in [None, Some(Interpretation::Discard), Some(Interpretation::ClearCall)] {
            let operation = Operation { interpretation, ..Operation::new(value, null()) };
            assert_eq!(refused(&operation), (vec![MessageType::FACILITY], Some(error(expected))), "{value}");
        }
    }
    let reject = Component::reject(5, Problem::Invoke(1));
    for value in [19, 18, 500] {
        let operation = Operation::new(value, null());
        assert_eq!(refused(&operation), (vec![MessageType::FACILITY], Some(reject.clone())));
        assert_eq!(refused(&operation.clone().or(Interpretation::Discard)), (vec![], None));
        let (kinds, _) = refused(&operation.or(Interpretation::ClearCall));
        assert_eq!(kinds, [MessageType::DISCONNECT]);
    }
    // What has no answer is never refused.
    for value in [0, 12, 21, 61] {
        assert_eq!(refused(&Operation::new(value, null())), (vec![], None));
    }
    let abandon = TransferControl::Abandon.operation().unwrap();
    assert_eq!(refused(&abandon), (vec![], None));
}

#[test]
fn an_operation_in_setup_is_answered_with_the_first_response() {
    let mut pair = Pair::new(&[5]);
    let setup = PathReplacement::Setup { call_identity: "12".into() }.operation().unwrap();
    let call =
        CallRequest { elements: vec![setup.element(PROFILE_NETWORKING, 9)], ..CallRequest::new("4711") };
    pair.ends[0].start_call(pair.now, &call).unwrap();
    let events = pair.take(1);
    let [Event::Call { id: call, .. }, Event::Invoked { id, .. }] = events[..] else { panic!("{events:?}") };
    pair.ends[1].answer(pair.now, id, Answer::Result(qsig::rose::null()));
    pair.ends[1].answer_call(pair.now, call, &CallDetail::default()).unwrap();
    let events = pair.take(0);
    let [Event::Call { event: CallEvent::Connected(message), .. }] = &events[..] else {
        panic!("{events:?}")
    };
    let facility = Facility::parse(message.get(ie::FACILITY).unwrap()).unwrap();
    let result = Component::result(9, Code::Local(5), qsig::rose::null());
    assert_eq!(facility.components().collect::<Vec<_>>(), [&result]);
}

#[test]
fn a_connection_of_its_own_carries_a_request_later_operations_and_its_end_both_ways() {
    let mut pair = Pair::new(&[27, 28, 29, 40]);
    let open = ConnectionRequest {
        called: number("4711"),
        calling: Some(number("8000")),
        operation: Some(request()),
        elements: vec![],
    };
    let (ours, operation) = pair.ends[0].open_connection(pair.now, &open).unwrap();
    let events = pair.take(1);
    let [
        Event::Connection { id: theirs, event: ConnectionEvent::Incoming(setup) },
        Event::Invoked { id, carrier, .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(setup.get(ie::CHANNEL_ID).unwrap()[..], [0xAC]);
    assert_eq!(*carrier, Carrier::Connection(*theirs));
    let accepted = CompletionAccepted { no_path_reservation: true, retain_service: false };
    pair.ends[1].answer(pair.now, *id, Answer::Result(accepted.result()));
    pair.ends[1].accept_connection(pair.now, *theirs, &[]).unwrap();
    let events = pair.take(0);
    let [
        Event::OperationDone { operation: done, outcome: Outcome::Result(Some(result)) },
        Event::Connection { event: ConnectionEvent::Connected(_), .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((Some(*done), CompletionAccepted::parse(result)), (operation, Some(accepted)));
    assert_eq!((pair.ends[0].channels_in_use(), pair.ends[1].channels_in_use()), (0, 0), "no B channel");

    let free = CallCompletion::ExecPossible(None).operation().unwrap();
    pair.ends[1].invoke(pair.now, Carrier::Connection(*theirs), &free).unwrap();
    let events = pair.take(0);
    let Event::Invoked { invoke, carrier, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(*carrier, Carrier::Connection(ours));
    assert_eq!(CallCompletion::read(invoke), Some(Ok(CallCompletion::ExecPossible(None))));
    pair.ends[0].release_connection(pair.now, ours, Cause::user(16), &[]).unwrap();
    for end in [0, 1] {
        let events = pair.take(end);
        let last = events.last();
        assert!(
            matches!(last, Some(Event::Connection { event: ConnectionEvent::Released { .. }, .. })),
            "{last:?}"
        );
        assert_eq!((pair.ends[end].open_connections(), pair.ends[end].active_calls()), (0, 0));
    }
}

#[test]
fn a_connection_ends_in_every_state() {
    let open = ConnectionRequest {
        called: number("4711"),
        calling: None,
        operation: Some(request()),
        elements: vec![],
    };
    // Refused by the owner, with its answer in RELEASE COMPLETE.
    let mut pair = Pair::new(&[40]);
    pair.ends[0].open_connection(pair.now, &open).unwrap();
    let events = pair.take(1);
    let [Event::Connection { id: theirs, .. }, Event::Invoked { id, .. }] = events[..] else {
        panic!("{events:?}")
    };
    pair.ends[1].answer(pair.now, id, Answer::Error(1010));
    pair.ends[1].release_connection(pair.now, theirs, Cause::user(16), &[]).unwrap();
    let events = pair.take(0);
    assert!(
        matches!(events[0], Event::OperationDone { outcome: Outcome::Error(1010, None), .. }),
        "{events:?}"
    );
    assert!(matches!(
        &events[1],
        Event::Connection { event: ConnectionEvent::Released { message: Some(_), .. }, .. }
    ));

    // An owner that says nothing: CALL PROCEEDING, then cause 41.
    let mut pair = Pair::new(&[40]);
    pair.ends[0].open_connection(pair.now, &open).unwrap();
    pair.pass(Duration::from_secs(31));
    let events = pair.take(0);
    let released = events.iter().find_map(|event| match event {
        Event::Connection { event: ConnectionEvent::Released { cause, .. }, .. } => Some(cause.value),
        _ => None,
    });
    assert_eq!(released, Some(41), "{events:?}");

    // Nobody there: SETUP twice, then 102; a lost data link: 27.
    for (wait, cause) in [(8_500, 102), (0, 27)] {
        let mut pair = Pair::new(&[40]);
        pair.cut = true;
        let (_, operation) = pair.ends[0].open_connection(pair.now, &open).unwrap();
        if wait > 0 {
            // The data link lives on: its peer acknowledges, but says nothing.
            let mut bench = Bench::new(config(Side::Network, &[40]));
            let (_, operation) = bench.span.open_connection(bench.now, &open).unwrap();
            bench.pass(millis(wait));
            assert_eq!(
                bench.heard_kinds(),
                [MessageType::SETUP, MessageType::SETUP, MessageType::RELEASE_COMPLETE]
            );
            let events = bench.events();
            let ended = Outcome::Released(Cause::private(cause));
            assert_eq!(events[0], Event::OperationDone { operation: operation.unwrap(), outcome: ended });
            assert_eq!(bench.span.active_calls(), 0);
        } else {
            pair.ends[0].handle_link(pair.now, false);
            let events = pair.take(0);
            let ended = Outcome::Released(Cause::private(cause));
            assert!(
                events.contains(&Event::OperationDone { operation: operation.unwrap(), outcome: ended }),
                "{events:?}"
            );
        }
        assert_eq!(pair.ends[0].open_connections(), usize::from(wait > 0));
    }
}

#[test]
fn without_services_a_connection_is_refused_with_the_services_own_error() {
    let mut pair = Pair::new(&[]);
    let open = ConnectionRequest {
        called: number("4711"),
        calling: None,
        operation: Some(request()),
        elements: vec![],
    };
    pair.ends[0].open_connection(pair.now, &open).unwrap();
    let events = pair.take(0);
    assert!(
        matches!(events[0], Event::OperationDone { outcome: Outcome::Error(1011, None), .. }),
        "{events:?}"
    );
    assert_eq!((pair.take(1), pair.ends[1].active_calls()), (vec![], 0));
}

#[test]
fn what_is_not_ours_goes_through_octet_for_octet() {
    let mut pair = Pair::new(&[]);
    for end in &mut pair.ends {
        let config = SpanConfig { pass_services: true, ..end.config().clone() };
        end.set_config(pair.now, config);
    }
    let [ours, _] = pair.call();
    // An unknown operation, a component that is none, an element that is no Facility at all.
    for body in ["9faa06800100820100a10b02010502020bad30020500", "91a1ff00", "9fbf8a8001020304", "80"] {
        let element = Element::new(ie::FACILITY, unhex(body));
        let elements = vec![element.clone(), element];
        pair.ends[0].inform_call(pair.now, ours, MessageType::FACILITY, elements.clone()).unwrap();
        let events = pair.take(1);
        let [Event::Call { event: CallEvent::Facility(message), .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(message.elements, elements);
        assert_eq!(pair.take(0), [], "nothing is refused");
    }
    // A call independent connection, too.
    let raw = Element::new(ie::FACILITY, unhex("9faa06800100820100a10b02010502020bad30020500"));
    let open = ConnectionRequest {
        called: number("4711"),
        calling: None,
        operation: None,
        elements: vec![raw.clone()],
    };
    let (ours, _) = pair.ends[0].open_connection(pair.now, &open).unwrap();
    let events = pair.take(1);
    let [Event::Connection { id: theirs, event: ConnectionEvent::Incoming(setup) }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(setup.all(ie::FACILITY).next().unwrap(), &raw.body);
    pair.ends[1].accept_connection(pair.now, *theirs, std::slice::from_ref(&raw)).unwrap();
    pair.ends[1].send_on_connection(pair.now, *theirs, vec![raw.clone()]).unwrap();
    let events = pair.take(0);
    for event in &events {
        let Event::Connection {
            id,
            event: ConnectionEvent::Connected(message) | ConnectionEvent::Facility(message),
        } = event
        else {
            panic!("{event:?}")
        };
        assert_eq!((*id, message.all(ie::FACILITY).next().unwrap()), (ours, &raw.body));
    }
    assert_eq!(events.len(), 2);
}

#[test]
fn several_components_and_elements_are_each_answered() {
    let mut bench = Bench::new(config(Side::Network, &[]));
    bench.say_hex("08020005 05 04038090a3 1803a98381 70058034373131");
    let [Event::Call { id, .. }] = bench.events()[..] else { panic!("no call") };
    bench.span.answer_call(bench.now, id, &CallDetail::default()).unwrap();
    bench.pump();
    bench.heard();
    let mut facility = Facility::new(
        PROFILE_NETWORKING,
        true,
        None,
        Component::Invoke(Operation::new(19, qsig::rose::null()).invoke(1)),
    );
    facility.items.push(qsig::facility::Item::Component(Component::Invoke(propose().invoke(2))));
    let second = Operation::new(500, qsig::rose::null()).element(0x91, 3);
    let mut message = Message::new(qsig::q931::CallReference::new(5, false), MessageType::FACILITY);
    message.elements = vec![Element::new(ie::FACILITY, facility.to_vec()), second];
    bench.say(&message.to_bytes());
    let heard = bench.heard();
    let facilities: Vec<Facility> =
        heard[0].all(ie::FACILITY).map(|body| Facility::parse(body).unwrap()).collect();
    let answers: Vec<Component> = facilities.iter().flat_map(|f| f.components().cloned()).collect();
    assert_eq!(
        answers,
        [
            Component::reject(1, Problem::Invoke(1)),
            Component::error(2, 1002),
            Component::reject(3, Problem::Invoke(1))
        ]
    );
    assert_eq!(facilities.iter().map(|f| f.profile).collect::<Vec<_>>(), [0x9F, 0x9F, 0x91]);
}

#[test]
fn connectionless_facility_comes_and_goes_without_a_call() {
    let mut pair = Pair::new(&[]);
    let told = Operation::new(78, qsig::rose::null());
    let element = told.element(PROFILE_NETWORKING, 1);
    pair.ends[0]
        .send_connectionless(pair.now, &number("4711"), Some(&number("8000")), vec![element.clone()])
        .unwrap();
    let events = pair.take(1);
    let [Event::Connectionless(message)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((message.call_reference.octets, message.get(ie::FACILITY)), (0, Some(&element.body)));
    // Nobody does synchronisation: the reject comes back the same way, numbers turned round.
    let events = pair.take(0);
    let [Event::Connectionless(reject)] = &events[..] else { panic!("{events:?}") };
    let called = Number::parse(reject.get(ie::CALLED_NUMBER).unwrap()).unwrap();
    assert_eq!(called.digits, "8000");
    let facility = Facility::parse(reject.get(ie::FACILITY).unwrap()).unwrap();
    assert_eq!(facility.components().next(), Some(&Component::reject(1, Problem::Invoke(1))));
    assert_eq!((pair.take(0), pair.take(1)), (vec![], vec![]), "a reject is not rejected");
    assert_eq!(pair.ends[0].active_calls(), 0);
}

#[test]
fn a_call_above_the_transit_limit_gets_cause_25() {
    for (count, cause) in
        [(None, None), (Some(0), None), (Some(5), None), (Some(6), Some(25)), (Some(31), Some(25))]
    {
        let mut pair = Pair::new(&[]);
        let config = SpanConfig { transit_limit: Some(5), ..pair.ends[1].config().clone() };
        pair.ends[1].set_config(pair.now, config);
        let elements = count.map(|count| TransitCounter::new(count).elements().to_vec()).unwrap_or_default();
        pair.ends[0].start_call(pair.now, &CallRequest { elements, ..CallRequest::new("4711") }).unwrap();
        pair.pump();
        let released = pair.take(0).iter().find_map(|event| match event {
            Event::Call { event: CallEvent::Released { cause }, .. } => Some(cause.value),
            _ => None,
        });
        assert_eq!(released, cause, "count {count:?}");
        let heard = pair.take(1).into_iter().find_map(|event| match event {
            Event::Call { event: CallEvent::Incoming { message, .. }, .. } => Some(message),
            _ => None,
        });
        if let Some(message) = heard {
            let next = TransitCounter::next(&message, 5);
            let count = count.unwrap_or(0);
            let expected =
                if count < 5 { Ok(TransitCounter::new(count + 1)) } else { Err(TooManyTransits(5, 5)) };
            assert_eq!(
                (TransitCounter::find(&message).map_or(0, TransitCounter::count), next),
                (count, expected)
            );
        }
    }
}

#[test]
fn diversion_by_join_counts_and_keeps_the_first_diversion() {
    let user = |digits: &str| PresentedNumber::Allowed(unknown(digits));
    let mut earlier: Option<Diversion> = None;
    for turn in 1..=MAX_DIVERSIONS {
        let reason = [DiversionReason::Unconditional, DiversionReason::Busy, DiversionReason::NoReply]
            [usize::from(turn % 3)];
        let name = Some(Name::Allowed(format!("User {turn}")));
        let (leg1, leg2) =
            forward(earlier.as_ref(), reason, (user(&turn.to_string()), name), unknown("4799")).unwrap();
        assert!(matches!(leg1, Diversion::Leg1 { reason: told, .. } if told == reason));
        let read = Diversion::read(&leg2.operation().unwrap().invoke(1)).unwrap().unwrap();
        assert_eq!(read, leg2);
        let Diversion::Leg2 { counter, original_called, original_reason, original_called_name, .. } = read
        else {
            panic!("{leg2:?}")
        };
        assert_eq!(counter, turn);
        let first = (turn > 1).then(|| (user("1"), DiversionReason::Busy, Name::Allowed("User 1".into())));
        assert_eq!(
            original_called.zip(original_reason).zip(original_called_name),
            first.map(|(a, b, c)| ((a, b), c))
        );
        earlier = Some(leg2);
    }
    let (number, nominated) = ((user("16"), None), unknown("1"));
    assert_eq!(forward(earlier.as_ref(), DiversionReason::Busy, number, nominated), Err(TooManyDiversions));
}
