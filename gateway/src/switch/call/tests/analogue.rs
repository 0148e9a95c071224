//! Telephone to telephone.

use super::*;
use crate::media::plane::PlaneEvent;

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

/// Whether the audio of a line goes around gain, attenuation and canceller.
fn bypassed(sim: &Sim, line: usize) -> bool {
    sim.switch.lines[line].audio_side().is_bypassed()
}

#[test]
fn local_calls_go_around_gain_unless_local_bypass_is_off_and_others_never_do() {
    for (more, expected) in [("", true), ("no voice local-bypass\n", false)] {
        let mut sim = Sim::and(more);
        sim.call(0, "8001");
        assert!(!bypassed(&sim, 0));
        sim.off_hook(1);
        assert_eq!((bypassed(&sim, 0), bypassed(&sim, 1)), (expected, expected), "{more}");
        // Three who talk are mixed.
        sim.flash(0);
        sim.dial(0, "8002");
        sim.off_hook(2);
        sim.flash(0);
        assert_eq!(sim.wires.hears(line(0)).len(), 2);
        assert!((0..3).all(|line| !bypassed(&sim, line)), "{more}");
        for line in [1, 2, 0] {
            sim.on_hook(line);
        }
        sim.assert_nothing_left();
        sim.call(0, "4711");
        sim.pbx_answer(0);
        sim.assert_talk(line(0), sim.channel(0));
        assert_eq!(bypassed(&sim, 0), expected, "a B channel is of this box");
        sim.on_hook(0);
    }
}

#[test]
fn a_permanent_call_between_two_ports_stands_and_comes_back() {
    let trunk =
        "voice-port 2/0\n connection trunk 8001\nvoice-port 2/1\n connection trunk 8000 answer-mode\n";
    let mut sim = Sim::and(trunk);
    sim.wait(100);
    sim.assert_talk(line(0), line(1));
    assert_eq!((sim.state(0), sim.state(1)), (State::Idle, State::Idle));
    // One is lifted: the other rings.
    sim.off_hook(0);
    assert_eq!((sim.state(0), sim.state(1)), (State::Connected, State::Ringing));
    sim.on_hook(0);
    assert_eq!((sim.state(0), sim.state(1)), (State::Idle, State::Idle));
    sim.off_hook(1);
    assert_eq!((sim.state(0), sim.state(1)), (State::Ringing, State::Connected));
    sim.off_hook(0);
    assert_eq!((sim.state(0), sim.state(1)), (State::Connected, State::Connected));
    sim.on_hook(0);
    sim.on_hook(1);
    assert_eq!((sim.state(0), sim.state(1)), (State::Idle, State::Idle));
    sim.assert_talk(line(0), line(1));
    // Nobody else gets through.
    sim.call(2, "8001");
    assert_eq!(sim.tone(2), Tone::Busy);
    sim.on_hook(2);
    // One side goes out of service and comes back: the call comes back by itself.
    let with = |more: &str| format!("{CONFIG}{trunk}{more}");
    sim.apply(&with("voice-port 2/1\n shutdown\n"));
    assert!(sim.wires.is_silent());
    sim.wait(25_000);
    assert!(sim.wires.is_silent());
    sim.apply(&with(""));
    sim.wait(10_000);
    sim.assert_talk(line(0), line(1));
    // Without the command it ends.
    sim.apply(CONFIG);
    sim.wait(100);
    sim.assert_nothing_left();
}

#[test]
fn a_permanent_call_over_sip_tells_the_hook_by_events() {
    let mut sim = Sim::and(&format!("{}voice-port 2/0\n connection trunk 5000\n", phones::SIP));
    sim.phones.manner = phones::Manner::Answer;
    sim.wait(15_000);
    assert_eq!(sim.phones.answered, 1);
    let stream = *sim.wires.streams.first().expect("a stream");
    sim.assert_talk(line(0), MediaEnd::Rtp(stream));
    sim.wires.signals.clear();
    sim.off_hook(0);
    sim.on_hook(0);
    assert_eq!(sim.wires.signals, [0b1111, 0b0101]);
    sim.switch.handle_plane(sim.now, &PlaneEvent::Signal { end: MediaEnd::Rtp(stream), abcd: 0 });
    sim.settle();
    assert_eq!(sim.state(0), State::Ringing);
    sim.switch.handle_plane(sim.now, &PlaneEvent::Signal { end: MediaEnd::Rtp(stream), abcd: 5 });
    sim.settle();
    assert_eq!(sim.state(0), State::Idle);
}

#[test]
fn jitter_buffer_and_music_threshold_of_the_port_count_where_the_dial_peer_says_nothing() {
    let port =
        "voice-port 2/0\n music-threshold -50\n playout-delay mode fixed\n playout-delay nominal 100\n";
    let peer = "dial-peer voice 5 voip\n playout-delay nominal 70\n";
    for (more, nominal, fixed, music) in
        [("", 60, false, -38), (port, 100, true, -50), (&format!("{port}{peer}"), 70, false, -50)]
    {
        let mut sim = Sim::and(&format!("{}{more}", phones::SIP));
        sim.phones.manner = phones::Manner::Answer;
        sim.call(0, "5000");
        sim.wait(500);
        let settings = sim.wires.settings.as_ref().expect("settings");
        let playout = settings.playout;
        assert_eq!((playout.nominal_ms, settings.music_dbm0), (nominal, music), "{more}");
        assert_eq!(playout.mode == media::rtp::jitter::PlayoutMode::Fixed, fixed, "{more}");
    }
}

#[test]
fn busyout_monitor_takes_a_port_out_while_every_trunk_it_watches_is_down() {
    let mut sim =
        Sim::and("voice-port 2/0\n busyout monitor serial 1/0:15\n busyout monitor serial 1/1:15\n");
    sim.link(0, false);
    sim.wait(5000);
    assert_eq!(sim.state(0), State::Idle, "one trunk is still there");
    sim.link(1, false);
    sim.wait(5000);
    assert_eq!((sim.state(0), sim.state(1)), (State::OutOfService, State::Idle));
    sim.call(1, "8000");
    assert_eq!(sim.tone(1), Tone::Congestion);
    sim.on_hook(1);
    sim.link(1, true);
    sim.wait(5000);
    assert_eq!(sim.state(0), State::Idle);
    // No longer watched.
    sim.link(1, false);
    sim.wait(5000);
    assert_eq!(sim.state(0), State::OutOfService);
    sim.apply(CONFIG);
    assert_eq!(sim.state(0), State::Idle);
}
