//! Telephones and PBXs, both directions.

use super::*;
use qsig::name::Name;
use qsig::q931::{Number, NumberPlan, ProgressIndicator, ie};

fn inband(message: &qsig::q931::Message) -> bool {
    message.all(ie::PROGRESS).filter_map(|body| ProgressIndicator::parse(body)).any(|p| p.description == 8)
}

#[test]
fn a_telephone_calls_the_pbx_and_either_hangs_up() {
    for pbx_first in [false, true] {
        let mut sim = Sim::new();
        sim.call(0, "4711");
        let CallEvent::Incoming { message, digits, complete } = sim.pbx[0].events[0].1.clone() else {
            panic!("{:?}", sim.pbx[0].events)
        };
        assert_eq!((digits.as_str(), complete), ("4711", true));
        let calling = Number::parse(message.get(ie::CALLING_NUMBER).unwrap()).unwrap();
        assert_eq!(calling.digits, "8000", "the telephone's number is its dial peer's");
        assert_eq!(Name::find(&message).unwrap().1, Name::Allowed("Ada".into()));
        assert_eq!(sim.tone(0), Tone::Ringback, "ALERTING without in-band information");
        sim.pbx_answer(0);
        assert_eq!(sim.state(0), State::Connected);
        let channel = sim.channel(0);
        sim.assert_talk(line(0), channel);
        if pbx_first {
            sim.pbx_clear(0, 16);
            sim.wait(1000);
            assert_eq!(sim.tone(0), Tone::Congestion);
            sim.on_hook(0);
        } else {
            sim.on_hook(0);
            assert_eq!(sim.pbx_cause(0), Some(16));
        }
        sim.wait(1000);
        sim.assert_nothing_left();
    }
}

#[test]
fn announcements_of_the_pbx_are_heard_before_the_answer() {
    let mut sim = Sim::new();
    sim.pbx[0].behaviour = Behaviour::InBand;
    sim.call(0, "4711");
    assert_eq!(sim.tone(0), Tone::None);
    let channel = sim.channel(0);
    sim.assert_talk(line(0), channel);
    sim.pbx_clear(0, 1);
    assert_eq!(sim.tone(0), Tone::Unobtainable);
    sim.on_hook(0);
    sim.assert_nothing_left();
}

#[test]
fn causes_of_the_pbx_become_tones() {
    for (cause, tone) in
        [(17, Tone::Busy), (1, Tone::Unobtainable), (34, Tone::Congestion), (21, Tone::Congestion)]
    {
        let mut sim = Sim::new();
        sim.pbx[0].behaviour = Behaviour::Refuse(cause);
        sim.call(0, "4711");
        assert_eq!(sim.tone(0), tone, "cause {cause}");
        sim.on_hook(0);
        sim.assert_nothing_left();
        assert_eq!(sim.switch.call_records(sim.now).next().unwrap().cause, cause);
    }
}

#[test]
fn a_pbx_that_does_not_answer_setup_ends_the_attempt() {
    let mut sim = Sim::new();
    sim.pbx[0].behaviour = Behaviour::Ignore;
    sim.call(0, "4711");
    sim.link(0, false);
    assert_eq!(sim.tone(0), Tone::Congestion);
    sim.on_hook(0);
    sim.link(0, true);
    sim.wait(60_000);
    sim.assert_nothing_left();
}

#[test]
fn the_pbx_calls_a_telephone_and_hears_it_ring() {
    let mut sim = Sim::new();
    let mut request = CallRequest::new("8001");
    request.calling =
        Some(Number { plan: NumberPlan::UNKNOWN, presentation: Some(0x80), digits: "4711".into() });
    request.name = Some(Name::Allowed("Grace".into()));
    sim.pbx_call(0, &request);
    assert_eq!(sim.state(1), State::Ringing);
    let channel = sim.channel(0);
    assert_eq!(sim.wires.tones.get(&channel), Some(&ToneKind::Ringback));
    let alerting = sim.pbx[0].events.iter().find_map(|(_, event)| match event {
        CallEvent::Alerting(message) => Some(message.clone()),
        _ => None,
    });
    assert!(inband(&alerting.expect("ALERTING")), "the ringback tone is announced");
    sim.off_hook(1);
    sim.assert_talk(line(1), channel);
    assert!(sim.wires.tones.is_empty());
    let connected = sim.pbx[0].events.iter().find_map(|(_, event)| match event {
        CallEvent::Connected(message) => Number::parse(message.get(ie::CONNECTED_NUMBER)?),
        _ => None,
    });
    assert_eq!(connected.expect("a connected number").digits, "8001");
    sim.on_hook(1);
    assert_eq!(sim.pbx_cause(0), Some(16));
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn the_pbx_learns_why_a_call_failed() {
    let mut sim = Sim::new();
    sim.off_hook(1);
    for (number, cause) in [("8001", 17), ("5999", 1), ("80", 28)] {
        sim.pbx_call(0, &CallRequest::new(number));
        sim.wait(100);
        assert_eq!(sim.pbx_cause(0), Some(cause), "{number}");
    }
    sim.on_hook(1);
    sim.assert_nothing_left();
}

#[test]
fn a_caller_behind_the_pbx_who_gives_up_stops_the_bell() {
    let mut sim = Sim::new();
    sim.pbx_call(0, &CallRequest::new("8001"));
    assert_eq!(sim.state(1), State::Ringing);
    sim.pbx_clear(0, 16);
    assert_eq!(sim.state(1), State::Idle);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn a_call_in_transit_goes_from_one_pbx_to_the_other() {
    let mut sim = Sim::new();
    sim.pbx_call(1, &CallRequest::new("4711"));
    sim.pbx_answer(0);
    let (a, b) = (sim.channel(1), sim.channel(0));
    sim.assert_talk(a, b);
    sim.pbx_clear(0, 16);
    sim.wait(1000);
    assert_eq!(sim.pbx_cause(1), Some(16));
    sim.assert_nothing_left();
}

#[test]
fn a_call_lives_through_a_short_loss_of_the_data_link_and_ends_with_t309() {
    let mut sim = Sim::new();
    sim.call(0, "4711");
    sim.pbx_answer(0);
    let channel = sim.channel(0);
    sim.link(0, false);
    sim.wait(5_000);
    sim.assert_talk(line(0), channel);
    sim.link(0, true);
    sim.wait(10_000);
    sim.assert_talk(line(0), channel);
    sim.link(0, false);
    sim.wait(100_000);
    assert_eq!((sim.state(0), sim.tone(0)), (State::Released, Tone::Congestion));
    sim.on_hook(0);
    sim.link(0, true);
    sim.wait(120_000);
    sim.assert_nothing_left();
    assert_eq!(sim.switch.call_records(sim.now).next().map(|r| r.cause), Some(27));
}

#[test]
fn no_direct_inward_dial_gives_the_secondary_dial_tone() {
    let mut sim = Sim::and(
        "dial-peer voice 100 pots\n incoming called-number .\n no direct-inward-dial\n port 1/0:15\n",
    );
    sim.pbx_call(0, &CallRequest::new("1"));
    let channel = sim.channel(0);
    assert_eq!(sim.wires.tones.get(&channel), Some(&ToneKind::SecondaryDial));
    for digit in "8001".chars() {
        sim.switch.media_event(sim.now, channel, crate::leg::LegEvent::Dtmf(digit));
        sim.settle();
        assert!(!sim.wires.tones.values().any(|tone| *tone == ToneKind::SecondaryDial));
        sim.wait(100);
    }
    assert_eq!(sim.state(1), State::Ringing);
    assert_eq!(sim.wires.tones.get(&channel), Some(&ToneKind::Ringback));
    sim.off_hook(1);
    sim.assert_talk(line(1), channel);
    sim.on_hook(1);
    sim.wait(1000);
    // And a caller who dials nothing.
    sim.pbx_call(0, &CallRequest::new("1"));
    sim.wait(11_000);
    assert_eq!(sim.pbx_cause(0), Some(28));
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn a_trunk_shut_down_by_configuration_ends_its_calls() {
    let mut sim = Sim::new();
    sim.call(0, "4711");
    sim.pbx_answer(0);
    sim.apply(&format!("{CONFIG}controller E1 1/0\n shutdown\n"));
    sim.wait(1000);
    assert!(sim.wires.is_silent());
    assert_eq!(sim.tone(0), Tone::Congestion);
    sim.on_hook(0);
    sim.call(0, "4711");
    assert_eq!(sim.tone(0), Tone::Congestion, "network out of order");
    sim.on_hook(0);
    sim.pbx[0].span.handle_link(sim.now, false);
    sim.wait(200_000);
    sim.assert_nothing_left();
}

#[test]
fn a_call_that_a_dead_gateway_left_behind_is_cleared_at_the_pbx() {
    let mut sim = Sim::new();
    sim.call(0, "4711");
    sim.pbx_answer(0);
    let MediaEnd::Channel { trunk: 0, timeslot } = sim.channel(0) else { panic!("no channel") };
    assert_eq!(sim.pbx[0].span.channels_in_use(), 1);
    // As if the gateway had just started: what it knows of the call is what the former one had written down.
    sim.switch.handle_lost_calls(&[(0, timeslot), (7, 1)]);
    sim.link(0, false);
    assert_eq!(sim.pbx[0].span.channels_in_use(), 1, "the PBX holds it for T309");
    sim.link(0, true);
    sim.wait(1000);
    assert_eq!(sim.pbx[0].span.channels_in_use(), 0);
    assert!(sim.pbx_cause(0).is_some());
    sim.on_hook(0);
    sim.assert_nothing_left();
    // Once only.
    sim.call(0, "4711");
    sim.pbx_answer(0);
    sim.link(0, false);
    sim.link(0, true);
    sim.wait(1000);
    assert_eq!(sim.pbx[0].span.channels_in_use(), 1);
}
