//! Which way a call goes.

use super::*;

#[test]
fn a_group_goes_to_the_next_trunk_when_the_first_is_down_or_full() {
    let mut sim = Sim::new();
    sim.call(0, "4800");
    assert_eq!((sim.pbx_calls(0).len(), sim.pbx_calls(1).len()), (1, 0));
    sim.on_hook(0);
    sim.link(0, false);
    sim.call(0, "4800");
    assert_eq!(sim.pbx_calls(1).len(), 1);
    assert_eq!(sim.tone(0), Tone::Ringback);
    sim.on_hook(0);
    sim.link(1, false);
    sim.call(0, "4800");
    assert_eq!(sim.tone(0), Tone::Congestion);
    sim.on_hook(0);
    sim.wait(200_000);
    sim.assert_nothing_left();
}

#[test]
fn a_failed_way_leads_to_the_next_unless_the_cause_or_huntstop_forbids() {
    let second =
        "dial-peer voice 472 pots\n destination-pattern 47..\n preference 1\n no digit-strip\n port 1/1:15\n";
    for (more, cause, goes_on) in [
        ("", 34, true),
        ("", 21, true),
        ("", 17, false),
        ("", 1, false),
        ("voice hunt user-busy\n", 17, true),
        ("dial-peer voice 47 pots\n huntstop\n", 34, false),
    ] {
        let mut sim = Sim::and(&format!("{second}{more}"));
        sim.pbx[0].behaviour = Behaviour::Refuse(cause);
        sim.call(0, "4711");
        sim.wait(200);
        assert_eq!(sim.pbx_calls(1).len(), usize::from(goes_on), "{more:?} {cause}");
        assert_eq!(sim.tone(0) == Tone::Ringback, goes_on, "{more:?} {cause}");
        sim.on_hook(0);
        sim.wait(1000);
        sim.assert_nothing_left();
    }
}

#[test]
fn max_conn_is_counted_in_both_directions() {
    let mut sim = Sim::and("dial-peer voice 47 pots\n max-conn 1\n");
    sim.call(0, "4711");
    assert_eq!(sim.tone(0), Tone::Ringback);
    sim.call(1, "4712");
    assert_eq!(sim.tone(1), Tone::Congestion);
    sim.on_hook(0);
    sim.on_hook(1);
    sim.call(1, "4712");
    assert_eq!(sim.tone(1), Tone::Ringback);
    sim.on_hook(1);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn a_class_of_restriction_keeps_a_telephone_from_the_trunk() {
    let mut sim = Sim::and(
        "dial-peer cor custom\n name house\n name abroad\ndial-peer cor list lobby\n member house\n\
         dial-peer cor list far\n member abroad\ndial-peer voice 8000 pots\n corlist incoming lobby\n\
         dial-peer voice 47 pots\n corlist outgoing far\n",
    );
    sim.call(0, "4711");
    assert_eq!(sim.tone(0), Tone::Unobtainable);
    sim.on_hook(0);
    sim.call(1, "4711");
    assert_eq!(sim.tone(1), Tone::Ringback);
    sim.on_hook(1);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn digits_are_translated_stripped_and_prefixed_on_their_way() {
    let mut sim = Sim::and(
        "num-exp 7.. 47..\n\
         voice translation-rule 1\n rule 1 /^47/ /00/ type any national plan any isdn\n\
         voice translation-rule 2\n rule 1 /^8/ /0308/\n rule 2 reject /^9/\n\
         voice translation-profile out\n translate called 1\n translate calling 2\n\
         dial-peer voice 47 pots\n translation-profile outgoing out\n prefix 1\n",
    );
    sim.call(0, "711");
    let (_, CallEvent::Incoming { message, digits, .. }) = &sim.pbx[0].events[0] else { panic!() };
    assert_eq!(digits, "10011");
    let called = qsig::q931::Number::parse(message.get(qsig::q931::ie::CALLED_NUMBER).unwrap()).unwrap();
    assert_eq!((called.plan.type_of_number, called.plan.plan), (2, 1));
    let calling = qsig::q931::Number::parse(message.get(qsig::q931::ie::CALLING_NUMBER).unwrap()).unwrap();
    assert_eq!(calling.digits, "0308000");
    sim.on_hook(0);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn incoming_profiles_of_port_and_peer_reject_and_rewrite() {
    let mut sim = Sim::and(
        "voice translation-rule 1\n rule 1 /^1/ /8/\nvoice translation-rule 2\n rule 1 reject /^666/\n\
         voice translation-profile port\n translate calling 2\nvoice translation-profile peer\n translate called 1\n\
         voice-port 1/0:15\n translation-profile incoming port\n\
         dial-peer voice 100 pots\n incoming called-number .\n translation-profile incoming peer\n port 1/0:15\n",
    );
    sim.pbx_call(0, &CallRequest::new("1001"));
    assert_eq!(sim.state(1), State::Ringing);
    sim.pbx_clear(0, 16);
    let mut request = CallRequest::new("1001");
    request.calling = Some(qsig::q931::Number {
        plan: qsig::q931::NumberPlan::UNKNOWN,
        presentation: Some(0x80),
        digits: "6661".into(),
    });
    sim.pbx_call(0, &request);
    sim.wait(100);
    assert_eq!(sim.pbx_cause(0), Some(21));
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn a_dial_peer_group_and_a_pattern_map_lead_where_they_say() {
    let mut sim = Sim::and(
        "voice class e164-pattern-map 1\n e164 33..\n e164 44..\n\
         voice class dpg 5\n dial-peer 8002 preference 1\n dial-peer 8003 preference 2\n\
         dial-peer voice 33 pots\n destination e164-pattern-map 1\n no digit-strip\n port 1/1:15\n\
         dial-peer voice 100 pots\n incoming called-number 9...\n destination dpg 5\n port 1/0:15\n",
    );
    sim.call(0, "4400");
    assert_eq!(sim.pbx_calls(1).len(), 1);
    sim.on_hook(0);
    sim.pbx_call(0, &CallRequest::new("9000"));
    assert_eq!((sim.state(2), sim.state(3)), (State::Ringing, State::Idle));
    sim.pbx_clear(0, 16);
    sim.wait(1000);
    sim.assert_nothing_left();
}

#[test]
fn hunt_schemes_of_a_trunk_group_choose_trunk_and_channel() {
    let channels = |scheme: &str, calls: usize| {
        let mut sim = Sim::and(&format!("trunk group PBX\n hunt-scheme {scheme}\n"));
        let mut seen = Vec::new();
        for at in 0..calls {
            sim.call(at, "4800");
            let all = (0..2).flat_map(|trunk| {
                let spans = sim.pbx[trunk].span.calls().collect::<Vec<_>>();
                spans.into_iter().map(move |call| (trunk, call.channel.unwrap_or(0)))
            });
            let new: Vec<_> = all.filter(|place| !seen.contains(place)).collect();
            seen.extend(new);
        }
        seen
    };
    assert_eq!(channels("sequential", 2), [(0, 1), (0, 2)]);
    assert_eq!(channels("sequential both down", 2), [(0, 31), (0, 30)]);
    assert_eq!(channels("sequential even", 2), [(0, 2), (0, 4)]);
    // Most idle channels: the other trunk, after one call.
    assert_eq!(channels("least-used", 2), [(0, 1), (1, 1)]);
    assert_eq!(channels("round-robin", 2), [(0, 1), (0, 2)]);
}

#[test]
fn thresholds_and_spikes_refuse_what_is_too_much() {
    let mut sim = Sim::and("call threshold global total-calls low 1 high 2\n");
    sim.call(0, "8001");
    sim.call(2, "4711");
    sim.off_hook(3);
    assert_eq!(sim.tone(3), Tone::Congestion, "the third call");
    sim.on_hook(3);
    sim.on_hook(2);
    sim.off_hook(3);
    assert_eq!(sim.tone(3), Tone::Congestion, "still not below the low mark");
    sim.on_hook(3);
    sim.on_hook(0);
    sim.off_hook(3);
    assert_eq!(sim.tone(3), Tone::Dial);
    sim.on_hook(3);
    sim.assert_nothing_left();

    use crate::service::load::{Load, Thread, Threads};
    let mut sim = Sim::and(
        "call threshold global cpu-5sec low 50 high 80\ncall threshold global total-mem low 70 high 90\n",
    );
    let load = Load::default();
    sim.switch.watch_load(load.clone());
    let mut used = 0;
    // Percent of processor and memory, and whether a call is let in: between the marks it stays as it was.
    for (processor, memory, tone) in [
        (10, 10, Tone::Dial),
        (79, 89, Tone::Dial),
        (81, 10, Tone::Congestion),
        (51, 10, Tone::Congestion),
        (50, 91, Tone::Congestion),
        (10, 71, Tone::Congestion),
        (10, 70, Tone::Dial),
    ] {
        for _ in 0..3 {
            used += 50 * processor;
            let thread = Thread { runtime: used, ..Thread::default() };
            sim.now += Duration::from_secs(5);
            load.take(sim.now, Threads::from([(1, thread)]));
        }
        load.set_memory(memory);
        sim.off_hook(0);
        assert_eq!(sim.tone(0), tone, "{processor}% {memory}%");
        sim.on_hook(0);
    }
    sim.assert_nothing_left();

    let mut sim = Sim::and("call spike 2 steps 5 size 2000\n");
    for tone in [Tone::Dial, Tone::Dial, Tone::Congestion] {
        sim.off_hook(0);
        assert_eq!(sim.tone(0), tone);
        sim.on_hook(0);
    }
    sim.wait(10_000);
    sim.off_hook(0);
    assert_eq!(sim.tone(0), Tone::Dial);
    sim.on_hook(0);
    sim.assert_nothing_left();
}

#[test]
fn call_treatment_says_what_those_are_told_that_are_too_much() {
    for (treatment, cause, tone) in [
        ("", 42, Tone::Congestion),
        ("call treatment cause-code busy\n", 42, Tone::Congestion),
        ("call treatment on\n", 47, Tone::Congestion),
        ("call treatment on\ncall treatment cause-code no-QoS\n", 49, Tone::Congestion),
        ("call treatment on\ncall treatment cause-code busy\n", 17, Tone::Busy),
        (
            "call treatment on\ncall treatment cause-code busy\ncall treatment isdn-reject 38\n",
            38,
            Tone::Busy,
        ),
    ] {
        let mut sim = Sim::and(&format!("call threshold global total-calls low 1 high 1\n{treatment}"));
        sim.call(0, "8001");
        sim.pbx_call(0, &CallRequest::new("8002"));
        sim.wait(100);
        assert_eq!(sim.pbx_cause(0), Some(cause), "{treatment}");
        sim.off_hook(3);
        assert_eq!(sim.tone(3), tone, "{treatment}");
        sim.on_hook(3);
        sim.on_hook(0);
        sim.wait(1000);
        sim.assert_nothing_left();
    }
}

#[test]
fn a_trunk_group_has_so_many_calls_in_and_out_and_no_more() {
    for (most, out, incoming) in [
        ("", 3, 3),
        (" max-calls voice 2\n", 2, 2),
        (" max-calls any 2\n max-calls voice 1\n", 1, 1),
        (" max-calls voice 1 direction out\n", 1, 3),
        (" max-calls voice 1 direction in\n", 3, 1),
        (" max-calls voice 0 direction in\n", 3, 0),
    ] {
        let mut sim = Sim::and(&format!("trunk group PBX\n{most}"));
        for at in 0..3 {
            sim.call(at, "4800");
        }
        let there = |sim: &Sim| sim.pbx_calls(0).len() + sim.pbx_calls(1).len();
        assert_eq!(there(&sim), out, "{most}");
        for at in 0..3 {
            sim.on_hook(at);
        }
        sim.wait(5_000);
        assert_eq!(there(&sim), 0);
        // On two interfaces, they are counted together.
        for (trunk, number) in [(0, "8000"), (1, "8001"), (0, "8002")] {
            sim.pbx_call(trunk, &CallRequest::new(number));
        }
        sim.wait(100);
        let ringing = (0..3).filter(|at| sim.state(*at) == State::Ringing).count();
        assert_eq!(ringing, incoming, "{most}");
        if incoming == 0 {
            assert_eq!(sim.pbx_cause(0), Some(34));
        }
    }
}

#[test]
fn a_call_from_a_trunk_group_comes_in_on_the_peer_that_names_it_or_its_carrier() {
    for (group, lines, number) in [
        ("", " trunk-group-label source PBX\n", "8002"),
        ("", " trunk-group-label source pbx\n", "8002"),
        ("", " trunk-group-label source OTHER\n", "8001"),
        ("trunk group PBX\n carrier-id TELCO\n", " carrier-id source TELCO\n", "8002"),
        ("trunk group PBX\n carrier-id TELCO\n", " carrier-id source OTHER\n", "8001"),
        (
            "trunk group PBX\n carrier-id TELCO\n",
            " carrier-id source TELCO\n trunk-group-label source OTHER\n",
            "8001",
        ),
    ] {
        let mut sim = Sim::and(&format!(
            "{group}voice translation-rule 7\n rule 1 /8001/ /8002/\nvoice translation-profile two\n translate called 7\n\
             dial-peer voice 100 pots\n incoming called-number 8001\n translation-profile incoming two\n{lines}"
        ));
        sim.pbx_call(0, &CallRequest::new("8001"));
        let rings = |at: usize| sim.state(at) == State::Ringing;
        assert_eq!((rings(1), rings(2)), (number == "8001", number == "8002"), "{group}{lines}");
    }
}
