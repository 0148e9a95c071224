//! Telephone to telephone.

use super::*;

#[test]
fn two_telephones_talk_and_hang_up() {
    let mut sim = Sim::new();
    sim.off_hook(0);
    assert_eq!(sim.tone(0), Tone::Dial);
    sim.dial(0, "8001");
    assert_eq!((sim.tone(0), sim.state(1)), (Tone::Ringback, State::Ringing));
    assert!(sim.bell[&1]);
    assert!(sim.wires.is_silent());
    sim.off_hook(1);
    assert_eq!((sim.tone(0), sim.state(0), sim.state(1)), (Tone::None, State::Connected, State::Connected));
    assert!(!sim.bell[&1]);
    sim.assert_talk(line(0), line(1));
    assert_eq!(sim.reversed.get(&0), Some(&true), "the answer reverses the caller's loop");
    sim.on_hook(1);
    assert!(sim.wires.is_silent());
    sim.wait(400);
    assert_eq!(sim.tone(0), Tone::Congestion, "after the open loop");
    sim.on_hook(0);
    sim.assert_nothing_left();
    let records: Vec<_> = sim.switch.call_records(sim.now).collect();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].calling.as_str(), records[0].called.as_str()), ("8000", "8001"));
    assert_eq!((records[0].cause, records[0].connect.is_some(), records[0].legs.len()), (16, true, 2));
}

#[test]
fn the_caller_hears_why_a_call_fails() {
    let mut sim = Sim::new();
    // Nobody has this number: the first digit says so.
    sim.call(0, "5");
    assert_eq!(sim.tone(0), Tone::Unobtainable);
    sim.on_hook(0);
    // Too few digits: after the interdigit timeout.
    sim.call(0, "80");
    assert_eq!(sim.tone(0), Tone::None);
    sim.wait(11_000);
    assert_eq!(sim.tone(0), Tone::Unobtainable);
    sim.on_hook(0);
    // No digit at all.
    sim.off_hook(0);
    sim.wait(11_000);
    assert_eq!(sim.tone(0), Tone::Congestion);
    sim.on_hook(0);
    // Off hook over there.
    sim.off_hook(1);
    sim.call(0, "8001");
    assert_eq!(sim.tone(0), Tone::Busy);
    sim.on_hook(0);
    sim.on_hook(1);
    // His own number.
    sim.call(0, "8000");
    assert_eq!(sim.tone(0), Tone::Busy);
    sim.on_hook(0);
    sim.assert_nothing_left();
}

#[test]
fn a_telephone_nobody_answers_stops_after_the_ringing_timeout() {
    let mut sim = Sim::and("voice-port 2/1\n timeouts ringing 30\n");
    sim.call(0, "8001");
    sim.wait(29_000);
    assert_eq!((sim.state(1), sim.tone(0)), (State::Ringing, Tone::Ringback));
    sim.wait(2_000);
    assert_eq!((sim.state(1), sim.tone(0)), (State::Idle, Tone::Congestion));
    assert!(!sim.bell[&1]);
    sim.on_hook(0);
    sim.assert_nothing_left();
    assert_eq!(sim.switch.call_records(sim.now).next().unwrap().cause, 19);
}

#[test]
fn a_caller_who_gives_up_in_any_state_leaves_nothing_behind() {
    let mut sim = Sim::new();
    for digits in ["", "8", "800", "8001", "8001#"] {
        sim.call(0, digits);
        sim.on_hook(0);
        assert_eq!(sim.state(1), State::Idle, "{digits}");
        sim.assert_nothing_left();
    }
}

#[test]
fn a_variable_length_number_ends_with_the_terminator_or_with_silence() {
    let mut sim = Sim::and("dial-peer voice 9 pots\n destination-pattern 9T\n port 2/1\n");
    sim.call(0, "9123#");
    assert_eq!(sim.tone(0), Tone::Ringback);
    sim.on_hook(0);
    sim.call(0, "9123");
    sim.wait(9_000);
    assert_eq!(sim.tone(0), Tone::None);
    sim.wait(2_000);
    assert_eq!(sim.tone(0), Tone::Ringback);
    sim.on_hook(0);
    sim.assert_nothing_left();
}

#[test]
fn connection_plar_calls_at_once() {
    let mut sim = Sim::and("voice-port 2/0\n connection plar 8002\n");
    sim.off_hook(0);
    assert_eq!((sim.tone(0), sim.state(2)), (Tone::Ringback, State::Ringing));
    sim.off_hook(2);
    sim.assert_talk(line(0), line(2));
    sim.on_hook(0);
    sim.on_hook(2);
    sim.assert_nothing_left();
}

#[test]
fn a_flash_holds_and_a_second_flash_joins_three() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.flash(0);
    assert_eq!(sim.tone(0), Tone::Recall);
    assert!(sim.wires.is_silent(), "a held party hears nothing");
    sim.dial(0, "8002");
    assert_eq!(sim.tone(0), Tone::Ringback);
    sim.off_hook(2);
    sim.assert_talk(line(0), line(2));
    sim.flash(0);
    assert_eq!(sim.wires.hears(line(0)), [line(1), line(2)]);
    assert_eq!(sim.wires.hears(line(1)), [line(0), line(2)]);
    assert_eq!(sim.wires.hears(line(2)), [line(0), line(1)]);
    // One of the three leaves: the others go on.
    sim.on_hook(1);
    sim.assert_talk(line(0), line(2));
    sim.on_hook(0);
    sim.on_hook(2);
    sim.assert_nothing_left();
}

#[test]
fn in_a_conference_either_party_may_leave_and_a_flash_drops_the_last() {
    for leaves in [1, 2, 0] {
        let mut sim = Sim::new();
        sim.call(0, "8001");
        sim.off_hook(1);
        sim.flash(0);
        sim.dial(0, "8002");
        sim.off_hook(2);
        sim.flash(0);
        assert_eq!(sim.wires.hears(line(0)).len(), 2);
        let stays = match leaves {
            0 => {
                sim.flash(0);
                1
            }
            leaves => {
                sim.on_hook(leaves);
                3 - leaves
            }
        };
        sim.assert_talk(line(0), line(stays));
        assert_eq!(sim.state(0), State::Connected);
        for at in 0..3 {
            sim.on_hook(at);
        }
        sim.assert_nothing_left();
    }
}

#[test]
fn a_flash_during_a_second_call_that_fails_goes_back_to_the_first() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.flash(0);
    sim.dial(0, "5");
    assert_eq!(sim.tone(0), Tone::Unobtainable);
    sim.flash(0);
    sim.assert_talk(line(0), line(1));
    // And from recall dial tone, and from ringback.
    sim.flash(0);
    sim.flash(0);
    sim.assert_talk(line(0), line(1));
    sim.flash(0);
    sim.dial(0, "8002");
    sim.flash(0);
    sim.assert_talk(line(0), line(1));
    assert_eq!(sim.state(2), State::Idle);
    sim.on_hook(0);
    sim.on_hook(1);
    sim.assert_nothing_left();
}

#[test]
fn hanging_up_with_two_calls_transfers() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.flash(0);
    sim.dial(0, "8002");
    sim.off_hook(2);
    sim.on_hook(0);
    sim.assert_talk(line(1), line(2));
    assert_eq!(sim.state(0), State::Idle);
    sim.on_hook(2);
    sim.wait(400);
    assert_eq!(sim.tone(1), Tone::Congestion);
    sim.on_hook(1);
    sim.assert_nothing_left();
}

#[test]
fn a_call_transferred_while_it_rings_is_answered_by_the_held_party() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.flash(0);
    sim.dial(0, "8002");
    assert_eq!(sim.state(2), State::Ringing);
    sim.on_hook(0);
    assert_eq!((sim.state(0), sim.state(2)), (State::Idle, State::Ringing));
    sim.off_hook(2);
    sim.assert_talk(line(1), line(2));
    sim.on_hook(1);
    sim.on_hook(2);
    sim.assert_nothing_left();
}

#[test]
fn hanging_up_on_a_held_call_rings_back() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.flash(0);
    sim.on_hook(0);
    assert_eq!(sim.state(0), State::Ringing);
    sim.off_hook(0);
    sim.assert_talk(line(0), line(1));
    // The held party gives up: the recall stops.
    sim.flash(0);
    sim.on_hook(0);
    assert_eq!(sim.state(0), State::Ringing);
    sim.on_hook(1);
    assert_eq!(sim.state(0), State::Idle);
    sim.assert_nothing_left();
}

#[test]
fn a_waiting_call_is_announced_and_taken_by_flash() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.call(2, "8001");
    assert_eq!((sim.tone(1), sim.tone(2)), (Tone::CallWaiting, Tone::Ringback));
    sim.assert_talk(line(0), line(1));
    sim.flash(1);
    sim.assert_talk(line(1), line(2));
    assert!(sim.wires.hears(line(0)).is_empty());
    // A third caller finds it busy.
    sim.call(3, "8001");
    assert_eq!(sim.tone(3), Tone::Busy);
    sim.on_hook(3);
    // The one in front leaves: a flash brings the held one back.
    sim.on_hook(2);
    sim.flash(1);
    sim.assert_talk(line(0), line(1));
    sim.on_hook(1);
    sim.on_hook(0);
    sim.assert_nothing_left();
}

#[test]
fn the_telephone_rings_for_a_waiting_call_when_its_user_hangs_up() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.call(2, "8001");
    sim.on_hook(1);
    sim.wait(400);
    assert_eq!((sim.state(1), sim.tone(0)), (State::Ringing, Tone::Congestion));
    sim.off_hook(1);
    sim.assert_talk(line(1), line(2));
    for at in 0..3 {
        sim.on_hook(at);
    }
    sim.assert_nothing_left();
}

#[test]
fn a_port_taken_out_of_service_ends_its_call_and_touches_no_other() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.call(2, "8003");
    sim.off_hook(3);
    sim.apply(&format!("{CONFIG}voice-port 2/0\n shutdown\n"));
    sim.wait(2000);
    assert_eq!((sim.state(0), sim.tone(1)), (State::OutOfService, Tone::Congestion));
    sim.assert_talk(line(2), line(3));
    let record = sim.switch.call_records(sim.now).next().unwrap();
    assert_eq!((record.cause, record.calling.as_str()), (27, "8000"));
    // Its number leads nowhere now.
    sim.on_hook(1);
    sim.call(1, "8000");
    assert_eq!(sim.tone(1), Tone::Congestion);
    for at in 0..4 {
        sim.on_hook(at);
    }
    sim.assert_nothing_left();
}

#[test]
fn call_service_stop_drains_and_forced_ends() {
    let stop = |how: &str| format!("{CONFIG}voice service voip\n sip\n  call service stop{how}\n");
    let mut sim = Sim::new();
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.apply(&stop(""));
    sim.assert_talk(line(0), line(1));
    sim.off_hook(2);
    assert_eq!(sim.tone(2), Tone::Congestion, "no new call");
    sim.on_hook(2);
    sim.apply(&stop(" forced"));
    sim.wait(1000);
    assert!(sim.wires.is_silent());
    sim.apply(CONFIG);
    for at in 0..2 {
        sim.on_hook(at);
    }
    sim.call(0, "8001");
    assert_eq!(sim.tone(0), Tone::Ringback);
    sim.on_hook(0);
    sim.assert_nothing_left();
}

#[test]
fn csim_start_rings_a_telephone_for_half_a_minute() {
    let mut sim = Sim::new();
    let said = sim.switch.csim(sim.now, "8001").text;
    assert_eq!(said, "csim: called number = 8001, loop count = 1 ping count = 0");
    sim.settle();
    assert_eq!(sim.state(1), State::Ringing);
    sim.wait(31_000);
    assert_eq!(sim.state(1), State::Idle);
    sim.switch.csim(sim.now, "5");
    sim.settle();
    sim.assert_nothing_left();
}

#[test]
fn calls_are_shown_as_ios_shows_them() {
    let mut sim = Sim::new();
    sim.call(0, "8001");
    let show = |sim: &Sim, show: cli::session::Show| sim.switch.show(sim.now, &show).unwrap();
    use cli::session::Show;
    let brief = show(&sim, Show::CallActiveVoice { brief: true });
    assert!(brief.contains(" pid:8000 Answer 8000 connecting\n"), "{brief}");
    assert!(brief.contains(" +-1 pid:8001 Originate 8001 connecting\n"), "{brief}");
    sim.off_hook(1);
    sim.wait(67_000);
    let brief = show(&sim, Show::CallActiveVoice { brief: true });
    assert!(brief.contains("Telephony call-legs: 2\nSIP call-legs: 0\n"), "{brief}");
    assert!(brief.contains(" dur 00:01:07 ") && brief.contains(" Tele 2/1 ("), "{brief}");
    assert!(
        show(&sim, Show::CallActiveVoice { brief: false })
            .contains("CallDuration=00:01:07 sec\nCallState=4\n")
    );
    let summary = show(&sim, Show::VoiceCallSummary);
    assert!(
        summary.contains("\n2/0            None      --  S_CONNECT            FXSLS_CONNECT\n"),
        "{summary}"
    );
    assert!(
        summary.contains("\n2/2            --        --  --                   FXSLS_ONHOOK\n"),
        "{summary}"
    );
    assert!(summary.contains("\n1/0:15.1       -         -   -\n"), "{summary}");
    let status = show(&sim, Show::VoiceCallStatus);
    assert!(status.contains("8000/8001") && status.ends_with("1 active call found\n"), "{status}");
    sim.on_hook(0);
    sim.on_hook(1);
    let history = show(&sim, Show::CallHistoryVoice { brief: true });
    assert!(history.contains("10  (normal call clearing (16))"), "{history}");
    assert!(show(&sim, Show::CallHistoryVoice { brief: false }).contains("DisconnectCause=10\n"));
    assert!(show(&sim, Show::CallResource).contains("Ended: 1 calls, 1 of them answered\n"));
    let plan = show(&sim, Show::DialplanNumber { number: "4800".into() });
    assert!(
        plan.contains("VoiceEncapPeer48\n") && plan.contains("Target: 1/1:15 (trunk group PBX)\n"),
        "{plan}"
    );
    assert!(
        show(&sim, Show::DialplanNumber { number: "5".into() }).ends_with("No match, result=-1(NO_MATCH)\n")
    );
}
