//! Telephones whose calls go elsewhere.

use super::phones::{Manner, SIP};
use super::*;

fn ringing(sim: &Sim, line: usize) -> bool {
    sim.state(line) == State::Ringing
}

#[test]
fn every_call_of_a_telephone_goes_elsewhere() {
    let mut sim = Sim::and("voice-port 2/1\n tipring call-forward all 8002\n");
    sim.call(0, "8001");
    assert_eq!((ringing(&sim, 1), ringing(&sim, 2)), (false, true));
    sim.off_hook(2);
    sim.assert_talk(line(0), line(2));
    sim.on_hook(0);
    sim.on_hook(2);
    // In a circle nobody is found.
    sim.apply(&format!("{CONFIG}voice-port 2/1\n tipring call-forward all 8002\nvoice-port 2/2\n tipring call-forward all 8001\n"));
    sim.call(0, "8001");
    assert_eq!(sim.tone(0), Tone::Congestion);
    sim.on_hook(0);
    sim.wait(200_000);
    sim.assert_nothing_left();
}

#[test]
fn a_busy_telephone_and_one_nobody_answers_pass_their_calls_on() {
    let mut sim = Sim::and(
        "voice-port 2/1\n tipring call-forward busy 8002\n tipring call-forward noan 4711 timeout 12\n",
    );
    sim.off_hook(1);
    sim.call(0, "8001");
    assert!(ringing(&sim, 2));
    sim.on_hook(0);
    sim.on_hook(1);
    sim.call(0, "8001");
    assert!(ringing(&sim, 1));
    sim.wait(11_000);
    assert!(ringing(&sim, 1) && sim.pbx_calls(0).is_empty());
    sim.wait(1_500);
    assert!(!ringing(&sim, 1));
    // The PBX is told who passed the call on.
    let told = sim.pbx[0].events.iter().any(|(_, event)| {
        matches!(event, CallEvent::Incoming { .. }) && format!("{event:?}").contains("8001")
    });
    assert!(told, "the diversion names 8001");
    sim.pbx_answer(0);
    let channel = sim.channel(0);
    sim.assert_talk(line(0), channel);
    // An answered call stays however long it lasts.
    sim.wait(60_000);
    sim.assert_talk(line(0), channel);
    sim.on_hook(0);
    sim.call(0, "8001");
    sim.off_hook(1);
    sim.wait(30_000);
    sim.assert_talk(line(0), line(1));
    sim.on_hook(0);
    sim.on_hook(1);
    sim.wait(200_000);
    sim.assert_nothing_left();
}

#[test]
fn a_user_forwards_calls_by_code_and_sip_learns_who_did() {
    let mut sim = Sim::and(&format!("stcapp feature access-code\n!\n{SIP}"));
    sim.call(1, "**15001");
    sim.on_hook(1);
    sim.phones.manner = Manner::Answer;
    sim.call(0, "8001");
    assert!(!ringing(&sim, 1));
    assert_eq!(sim.phones.calls.len(), 1);
    assert!(sim.phones.last_invite.contains("Diversion: "), "{}", sim.phones.last_invite);
    let diversion = sim.phones.last_invite.lines().find(|line| line.starts_with("Diversion: ")).unwrap();
    assert!(diversion.contains("sip:8001@") && diversion.contains("reason=unconditional"), "{diversion}");
    sim.on_hook(0);
    // The user's own calls go as ever, and the code takes it back.
    sim.call(1, "8002");
    assert!(ringing(&sim, 2));
    sim.on_hook(1);
    sim.call(1, "**2");
    sim.on_hook(1);
    sim.call(0, "8001");
    assert!(ringing(&sim, 1));
    sim.on_hook(0);
    sim.wait(200_000);
    sim.assert_nothing_left();
}
