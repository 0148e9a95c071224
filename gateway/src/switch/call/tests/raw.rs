//! `signaling forward`: what the gateway does not understand goes through it as it came, over SIP and from trunk to trunk.

use super::phones::SIP;
use super::*;
use qsig::SwitchType;
use qsig::facility::Facility;
use qsig::q931::{Element, Message, MessageType, ie};
use qsig::rose::Component;
use qsig::transit::TransitCounter;
use sip::call::Content;

/// A dial peer of SIP to the gateway itself: 6... comes in again as 4....
const LOOP: &str = "\
voice translation-rule 1
 rule 1 /^6/ /4/
voice translation-profile OUT
 translate called 1
dial-peer voice 6 voip
 destination-pattern 6...
 session protocol sipv2
 session target ipv4:192.0.2.1
 incoming called-number .
 translation-profile outgoing OUT
 codec g711ulaw
";
const FORWARD: &str = "voice service voip\n signaling forward rawmsg\n";
const TRANSIT: &str = "dial-peer voice 49 pots\n destination-pattern 49..\n no digit-strip\n port 1/1:15\n";

fn sim(lines: &str, switch_type: SwitchType) -> Sim {
    let config = format!("{CONFIG}{lines}").replace("primary-qsig", &switch_type.to_string());
    let mut sim = Sim::with(&config);
    for pbx in &mut sim.pbx {
        let config = SpanConfig { pass_calls: true, switch_type, ..pbx.span.config().clone() };
        pbx.span.set_config(sim.now, config);
    }
    sim.wait(5_000);
    sim
}

/// An operation nobody has heard of, 4242, which wants an answer; a reject where it is not known.
fn unknown(invoke_id: u8) -> Element {
    let mut body = vec![0x9F, 0xAA, 6, 0x80, 1, 0, 0x82, 1, 0, 0x8B, 1, 2];
    body.extend([0xA1, 11, 2, 1, invoke_id, 2, 2, 0x10, 0x92, 4, 2, 0xCA, 0xFE]);
    Element::new(ie::FACILITY, body)
}

/// What else is not ours: user-user information, an element without a name, and one of another codeset.
fn foreign(invoke_id: u8) -> Vec<Element> {
    vec![
        unknown(invoke_id),
        Element::new(0x5A, vec![1, 2, 3]),
        Element::new(ie::USER_USER, vec![4, 0x68, 0x69]),
        Element::shift(5, false),
        Element { codeset: 5, ..Element::new(0x32, vec![9]) },
    ]
}

/// Of a message's elements those of [`foreign`].
fn found(message: &Message) -> Vec<Element> {
    let wanted =
        |e: &&Element| e.codeset == 5 || e.is_shift() || matches!(e.id, ie::FACILITY | 0x5A | ie::USER_USER);
    message.elements.iter().filter(wanted).cloned().collect()
}

/// The newest message of a kind that a PBX got.
fn message(sim: &Sim, trunk: usize, kind: MessageType) -> Option<Message> {
    sim.pbx[trunk].events.iter().rev().find_map(|(_, event)| match event {
        CallEvent::Incoming { message, .. }
        | CallEvent::Alerting(message)
        | CallEvent::Progress(message)
        | CallEvent::Connected(message)
        | CallEvent::Facility(message)
        | CallEvent::Notify(message)
        | CallEvent::Clearing(message)
            if message.kind == kind =>
        {
            Some(message.clone())
        }
        _ => None,
    })
}

fn with(elements: Vec<Element>) -> CallDetail {
    CallDetail { elements, ..CallDetail::default() }
}

/// A call of PBX 1 to `number`, which arrives at PBX 0: everything foreign goes both ways in every message.
fn everything_passes(mut sim: Sim, number: &str, called: usize) {
    let caller = 1 - called;
    sim.pbx[called].behaviour = Behaviour::Ignore;
    let request = CallRequest { elements: foreign(1), ..CallRequest::new(number) };
    let ours = sim.pbx_call(caller, &request);
    sim.wait(100);
    assert_eq!(found(&message(&sim, called, MessageType::SETUP).expect("SETUP")), foreign(1));
    let theirs = sim.pbx_calls(called)[0];
    let now = sim.now;
    sim.pbx[called].span.proceed_call(now, theirs, &CallDetail::default()).unwrap();
    sim.pbx[called]
        .span
        .inform_call(now, theirs, MessageType::FACILITY, vec![unknown(2)])
        .expect("FACILITY before ALERTING");
    sim.settle();
    sim.wait(100);
    assert_eq!(found(&message(&sim, caller, MessageType::FACILITY).expect("FACILITY")), [unknown(2)]);
    sim.pbx[called].span.alert_call(sim.now, theirs, &with(foreign(3))).unwrap();
    sim.settle();
    sim.wait(100);
    assert_eq!(found(&message(&sim, caller, MessageType::ALERTING).expect("ALERTING")), foreign(3));
    sim.pbx[called].span.answer_call(sim.now, theirs, &with(foreign(4))).unwrap();
    sim.settle();
    sim.wait(100);
    assert_eq!(found(&message(&sim, caller, MessageType::CONNECT).expect("CONNECT")), foreign(4));
    for (from, id, invoke_id) in [(caller, ours, 5), (called, theirs, 6)] {
        let (now, elements) = (sim.now, vec![unknown(invoke_id)]);
        sim.pbx[from].span.inform_call(now, id, MessageType::FACILITY, elements.clone()).unwrap();
        sim.settle();
        sim.wait(100);
        assert_eq!(found(&message(&sim, 1 - from, MessageType::FACILITY).unwrap()), elements);
    }
    let cause = qsig::q931::Cause::user(16);
    sim.pbx[called].span.clear_call_with(sim.now, theirs, cause, &with(foreign(7))).unwrap();
    sim.settle();
    sim.wait(1000);
    assert_eq!(found(&message(&sim, caller, MessageType::DISCONNECT).expect("DISCONNECT")), foreign(7));
    sim.wait(60_000);
    sim.assert_nothing_left();
}

#[test]
fn what_is_foreign_goes_octet_for_octet_over_sip_and_from_trunk_to_trunk() {
    everything_passes(sim(&format!("{LOOP}{FORWARD}"), SwitchType::PrimaryQsig), "6711", 0);
    let peer = format!("{LOOP} signaling forward unconditional\n");
    everything_passes(sim(&peer, SwitchType::PrimaryQsig), "6711", 0);
    everything_passes(sim(&format!("{LOOP}{FORWARD}"), SwitchType::PrimaryNet5), "6711", 0);
    everything_passes(sim(TRANSIT, SwitchType::PrimaryQsig), "4900", 1);
}

#[test]
fn what_nobody_carries_is_refused_by_the_trunk() {
    let none = format!("{LOOP}{FORWARD}").replace("rawmsg", "none");
    let peer = format!("{FORWARD}{LOOP} signaling forward conditional\n");
    for (lines, number) in [("", "8001"), (LOOP, "6711"), (&none, "6711"), (&peer, "6711")] {
        let mut sim = sim(lines, SwitchType::PrimaryQsig);
        let request = CallRequest { elements: vec![unknown(1)], ..CallRequest::new(number) };
        let id = sim.pbx_call(1, &request);
        sim.wait(500);
        let refused = |sim: &Sim, kind| {
            let message =
                message(sim, 1, kind).unwrap_or_else(|| panic!("no {kind}: {:?}", sim.pbx[1].events));
            let facility =
                message.get(ie::FACILITY).and_then(|body| Facility::parse(body)).expect("Facility");
            let reject = facility.components().next().cloned();
            assert!(matches!(reject, Some(Component::Reject(_))), "{lines}: {message:?}");
        };
        refused(&sim, MessageType::FACILITY);
        if number == "8001" {
            sim.off_hook(1);
        } else {
            assert_eq!(found(&message(&sim, 0, MessageType::SETUP).expect("SETUP")), [], "{lines}");
            sim.pbx_answer(0);
        }
        sim.pbx[1].events.clear();
        sim.pbx[1].span.inform_call(sim.now, id, MessageType::FACILITY, vec![unknown(2)]).unwrap();
        sim.settle();
        refused(&sim, MessageType::FACILITY);
    }
}

#[test]
fn a_transit_counts_itself_and_ends_a_call_that_goes_in_a_circle() {
    for (count, passes) in [(7, true), (31, false)] {
        let mut sim = sim(TRANSIT, SwitchType::PrimaryQsig);
        let elements = TransitCounter::new(count).elements().to_vec();
        sim.pbx_call(0, &CallRequest { elements, ..CallRequest::new("4900") });
        let setup = message(&sim, 1, MessageType::SETUP);
        let counter = setup.as_ref().and_then(TransitCounter::find).map(TransitCounter::count);
        assert_eq!(counter, passes.then_some(count + 1));
        if !passes {
            assert_eq!(sim.pbx_cause(0), Some(25));
        }
    }
}

#[test]
fn the_name_of_the_caller_is_said_once() {
    let mut sim = sim(&format!("{LOOP}{FORWARD}"), SwitchType::PrimaryQsig);
    let name = Some(qsig::name::Name::Allowed("Grace".into()));
    sim.pbx_call(1, &CallRequest { name, elements: vec![unknown(9)], ..CallRequest::new("6711") });
    sim.wait(100);
    let setup = message(&sim, 0, MessageType::SETUP).expect("SETUP");
    assert_eq!(setup.all(ie::FACILITY).count(), 2, "name and the unknown operation: {setup:?}");
    assert_eq!(setup.all(ie::PROGRESS).count(), 0, "the caller's network is ISDN to its end");
    assert!(qsig::name::Name::find(&setup).is_some());
}

/// A telephone's INVITE with this body beside its offer.
fn invite_with(sim: &mut Sim, kind: &str, octets: Vec<u8>) {
    let content = Content::sdp(super::phones::AUDIO).signal(kind, octets);
    sim.phones.call_with(sim.now, "4711", content);
    sim.settle();
    sim.wait(100);
}

#[test]
fn a_body_that_is_broken_or_too_long_is_left_out_and_the_call_goes_on() {
    let setup = |elements: Vec<Element>| {
        let mut message = Message::new(qsig::q931::CallReference::new(1, false), MessageType::SETUP);
        message.elements = elements;
        message.to_bytes().to_vec()
    };
    let long = |count: usize| setup((0..count).map(|_| Element::new(0x5A, vec![7; 255])).collect());
    let cut = {
        let mut octets = setup(foreign(1));
        octets.truncate(octets.len() - 1);
        octets
    };
    for (switch_type, kind, octets, passes) in [
        (SwitchType::PrimaryQsig, "application/QSIG", setup(foreign(1)), true),
        (SwitchType::PrimaryQsig, "application/qsig;version=iso", setup(foreign(1)), true),
        (SwitchType::PrimaryQsig, "application/x-q931", setup(foreign(1)), false),
        (SwitchType::PrimaryNet5, "application/x-q931", setup(foreign(1)), true),
        (SwitchType::PrimaryNet5, "application/QSIG", setup(foreign(1)), false),
        (SwitchType::PrimaryQsig, "application/QSIG", cut, false),
        (SwitchType::PrimaryQsig, "application/QSIG", Vec::new(), false),
        (SwitchType::PrimaryQsig, "application/QSIG", vec![0xFF; 100], false),
        (SwitchType::PrimaryQsig, "application/QSIG", long(2), true),
        (SwitchType::PrimaryQsig, "application/QSIG", long(6), false),
        (SwitchType::PrimaryNet5, "application/x-q931", long(1), false),
        (SwitchType::PrimaryQsig, "application/QSIG", long(40), false),
    ] {
        let mut sim = sim(&format!("{SIP}{FORWARD}"), switch_type);
        let len = octets.len();
        invite_with(&mut sim, kind, octets);
        let setup = message(&sim, 0, MessageType::SETUP).unwrap_or_else(|| panic!("no SETUP: {kind} {len}"));
        assert_eq!(setup.all(0x5A).next().is_some(), passes, "{switch_type} {kind} {len}");
        sim.pbx_answer(0);
        assert_eq!(sim.phones.answered, 1, "{switch_type} {kind} {len}");
    }
}

#[test]
fn a_sip_party_gets_the_message_beside_the_offer_and_in_info() {
    for (switch_type, kind) in [
        (SwitchType::PrimaryQsig, "application/QSIG;version=iso"),
        (SwitchType::PrimaryNi, "application/x-q931"),
    ] {
        let mut sim = sim(&format!("{SIP}{FORWARD}"), switch_type);
        sim.phones.manner = super::phones::Manner::Answer;
        let id = sim.pbx_call(0, &CallRequest { elements: foreign(1), ..CallRequest::new("5001") });
        sim.wait(100);
        sim.pbx[0].span.inform_call(sim.now, id, MessageType::FACILITY, vec![unknown(2)]).unwrap();
        sim.settle();
        sim.wait(100);
        sim.pbx_clear(0, 16);
        sim.wait(1000);
        let methods = ["INVITE", "INFO", "BYE"];
        let types = [MessageType::SETUP, MessageType::FACILITY, MessageType::DISCONNECT];
        for (method, wanted) in methods.into_iter().zip(types) {
            let request =
                sim.phones.seen.iter().find(|m| m.method_ref().is_some_and(|m| m.as_str() == method));
            let part = request.and_then(|request| request.part(kind.split(';').next().unwrap()));
            let part = part.unwrap_or_else(|| panic!("no {kind} in {method}: {:?}", sim.phones.seen));
            let content_type = part.content_type().expect("a type");
            assert_eq!(content_type.params.text("version").as_deref(), kind.split_once('=').map(|(_, v)| v));
            assert!(part.is_optional(), "{method}");
            assert_eq!(Message::parse(part.body()).expect("a message").kind, wanted);
        }
    }
}

#[test]
fn info_with_a_message_is_refused_where_it_is_not_forwarded() {
    let octets = {
        let message = Message::new(qsig::q931::CallReference::new(1, false), MessageType::FACILITY);
        message.with(unknown(3)).to_bytes()
    };
    for (lines, status) in [(FORWARD, 200), ("", 415)] {
        let mut sim = sim(&format!("{SIP}{lines}"), SwitchType::PrimaryQsig);
        sim.phones.call(sim.now, "4711");
        sim.settle();
        sim.pbx_answer(0);
        sim.wait(100);
        let call = sim.phones.calls[0];
        sim.phones.info(sim.now, call, Content::new().signal("application/QSIG", octets.clone()));
        sim.settle();
        sim.wait(100);
        assert_eq!(sim.phones.statuses, [status]);
        let facility = message(&sim, 0, MessageType::FACILITY);
        assert_eq!(facility.map(|message| found(&message)), (status == 200).then(|| vec![unknown(3)]));
    }
}

#[test]
fn the_cause_in_a_forwarded_release_counts() {
    let mut sim = sim(&format!("{SIP}{FORWARD}"), SwitchType::PrimaryQsig);
    sim.pbx_call(0, &CallRequest::new("5001"));
    let release = Message::new(qsig::q931::CallReference::new(1, false), MessageType::RELEASE_COMPLETE)
        .with(qsig::q931::Cause::user(22).element());
    let call = sim.phones.calls[0];
    sim.phones.refuse_with(sim.now, call, 503, Content::new().signal("application/QSIG", release.to_bytes()));
    sim.settle();
    assert_eq!(sim.pbx_cause(0), Some(22));
}
