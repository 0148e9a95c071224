//! Modems heard in the audio itself: a telephone or a B channel on one side, RTP on the other.

use super::phones::{AUDIO, SIP};
use super::*;
use sip::call::Content;

/// Modem pass-through by events, for everybody.
const NSE: &str = "voice service voip\n modem passthrough nse codec g711ulaw\n";

/// 2100 Hz at -12 dBm0 for so many ms; its phase turns every 450 ms.
fn answering(ms: usize, turns: bool) -> Vec<i16> {
    let sign = |n: usize| if turns && n / 3600 % 2 == 1 { -1.0 } else { 1.0 };
    let sample = |n: usize| sign(n) * 5700.0 * (n as f64 * 2100.0 / 8000.0 * std::f64::consts::TAU).sin();
    (0..ms * 8).map(|n| sample(n) as i16).collect()
}

/// A SIP telephone that knows events has called a number; somebody has answered.
fn called(number: &str) -> (Sim, u64) {
    let mut sim = Sim::and(&format!("{SIP}{NSE}")).with_plane();
    let sdp = format!("{}a=rtpmap:100 X-NSE/8000\r\n", AUDIO.replace("0 101", "0 100 101"));
    sim.phones.call_with(sim.now, number, Content::sdp(sdp));
    sim.settle();
    match number {
        "4711" => sim.pbx_answer(0),
        _ => sim.off_hook(0),
    }
    sim.wait(100);
    let [stream] = sim.wires.streams.iter().copied().collect::<Vec<_>>()[..] else { panic!() };
    (sim, stream)
}

#[test]
fn a_modem_that_answers_at_a_telephone_or_behind_a_trunk_is_told_by_events_in_rtp() {
    for number in ["8000", "4711"] {
        for (turns, told) in [(true, vec![192, 193, 194]), (false, vec![192, 194])] {
            let (mut sim, stream) = called(number);
            let end = match number {
                "4711" => sim.channel(0),
                _ => line(0),
            };
            let heard = sim.pass(end, MediaEnd::Rtp(stream), &answering(2000, turns));
            let settings = sim.wires.settings.clone().unwrap();
            assert_eq!((settings.vad, settings.playout.nominal_ms), (false, 200));
            assert_eq!(sim.switch.lines[0].audio_mut().is_for_modem(), turns && number == "8000");
            // The tone goes on without a gap beside the events.
            heard.assert_is(&answering(2000, turns));
            // Nobody says anything for 4 s.
            let after = sim.pass(end, MediaEnd::Rtp(stream), &vec![0; 8 * 5000]);
            assert_eq!([heard.signals, after.signals].concat(), told, "{number} {turns}");
            assert!(sim.wires.settings.as_ref().unwrap().playout.nominal_ms < 200);
            sim.phones.hang_up(sim.now, sim.phones.calls[0]);
            sim.settle();
            sim.on_hook(0);
            sim.wait(60_000);
            sim.assert_nothing_left();
        }
    }
}

#[test]
fn a_modem_that_a_peer_tells_of_by_events_is_let_through_to_the_telephone() {
    let (mut sim, stream) = called("8000");
    sim.signal(stream, 192);
    assert_eq!(sim.wires.settings.as_ref().unwrap().playout.nominal_ms, 200);
    assert!(!sim.switch.lines[0].audio_mut().is_for_modem());
    sim.signal(stream, 193);
    assert!(sim.switch.lines[0].audio_mut().is_for_modem());
    let tone = answering(1000, true);
    let heard = sim.pass(MediaEnd::Rtp(stream), line(0), &tone);
    let begins = heard.samples.iter().position(|sample| sample.unsigned_abs() > 500).unwrap();
    assert!((8 * 180..8 * 240).contains(&begins), "the buffer holds 200 ms, not {begins} samples");
    sim.signal(stream, 194);
    assert!(!sim.switch.lines[0].audio_mut().is_for_modem());
    assert!(sim.wires.settings.as_ref().unwrap().playout.nominal_ms < 200);
}

#[test]
fn without_the_setting_a_modem_is_sound_like_any_other() {
    let mut sim = Sim::and(SIP).with_plane();
    sim.phones.call(sim.now, "8000");
    sim.settle();
    sim.off_hook(0);
    let [stream] = sim.wires.streams.iter().copied().collect::<Vec<_>>()[..] else { panic!() };
    let before = sim.wires.settings.clone();
    let heard = sim.pass(line(0), MediaEnd::Rtp(stream), &answering(2000, true));
    assert!(heard.signals.is_empty());
    assert_eq!(sim.wires.settings, before);
}
