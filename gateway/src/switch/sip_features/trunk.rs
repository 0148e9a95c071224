//! A trunk with two nodes, and one that dies under a call, in virtual time: what a caller waits for, and what goes on.

use super::*;

/// `examples/unified-cm`: one silent node costs 150 + 300 + 600 ms.
const TUNED: &str = "sip-ua\n retry invite 2\n timers trying 150\n!\n";

/// We are the ones who refresh.
const TIMER: &str = "Supported: timer\r\nSession-Expires: 120;refresher=uas\r\n";

/// Two nodes with the same numbers, 192.0.2.50 first.
pub(super) fn nodes(transport: &str, timers: &str) -> Desk {
    let mut config = String::new();
    for (tag, preference, at) in [(71, 1, FIVE), (72, 2, SIX)] {
        config.push_str(&format!(
            "dial-peer voice {tag} voip\n preference {preference}\n destination-pattern 2...\n session protocol sipv2\n \
             session target ipv4:{at}\n session transport {transport}\n codec g711ulaw\n!\n"
        ));
    }
    Desk::new("", &format!("{config}{timers}"))
}

#[test]
fn a_silent_first_node_costs_exactly_what_its_timers_say_and_the_second_answers_within_a_second_and_a_half() {
    // Over TCP the INVITE goes once, and the same time counts.
    for transport in ["udp", "tcp"] {
        let mut desk = nodes(transport, TUNED);
        desk.off_hook(0);
        desk.digits(0, "2003", 0);
        desk.take(FIVE, "INVITE");
        desk.wait(1_049);
        desk.none(SIX, "INVITE");
        desk.wait(1);
        let second = desk.called(SIX);
        // Ten times the way there and back that a network of a country has.
        desk.wait(400);
        desk.answer(&second, "");
        desk.none(FIVE, "CANCEL");
    }
}

#[test]
fn with_the_defaults_a_silent_node_costs_half_a_minute() {
    // Why the example has other timers: 500 ms and six repetitions.
    let mut desk = nodes("udp", "");
    desk.dial(0, "2003");
    desk.take(FIVE, "INVITE");
    desk.wait(30_000);
    desk.none(SIX, "INVITE");
    desk.wait(34_000);
    desk.called(SIX);
}

#[test]
fn a_node_whose_connection_is_refused_costs_nothing() {
    let mut desk = nodes("tcp", TUNED);
    desk.dial(0, "2003");
    let (flow, _) = desk.take_with_flow(FIVE, "INVITE");
    desk.bench.switch.handle_sip_failure(desk.bench.now, &flow);
    desk.bench.settle();
    desk.called(SIX);
}

#[test]
fn a_trunk_that_dies_under_a_call_leaves_the_audio_and_is_taken_up_again_every_five_seconds() {
    let mut desk = Desk::new("", "voice service voip\n sip\n  min-se 120\n!\n");
    let (end, _) = desk.line_answers(TIMER);
    desk.media();
    // Our refresh finds nobody, three times.
    desk.wait(60_000);
    for _ in 0..3 {
        let (flow, _) = desk.take_with_flow(FIVE, "INVITE");
        desk.bench.switch.handle_sip_failure(desk.bench.now, &flow);
        desk.bench.settle();
        desk.wait(4_999);
        desk.none(FIVE, "INVITE");
        desk.none(FIVE, "BYE");
        desk.wait(1);
    }
    assert!(desk.media().is_empty(), "nobody touches the audio");
    // The node is back: the session goes on as if nothing had been.
    let refresh = desk.take(FIVE, "INVITE");
    desk.reply(&end, &refresh, 200, "Session-Expires: 120;refresher=uac\r\nRequire: timer\r\n", &audio(FIVE));
    desk.take(FIVE, "ACK");
    desk.wait(59_999);
    desk.none(FIVE, "INVITE");
    desk.wait(1);
    let refresh = desk.take(FIVE, "INVITE");
    desk.reply(&end, &refresh, 200, "Session-Expires: 120;refresher=uac\r\nRequire: timer\r\n", &audio(FIVE));
    desk.take(FIVE, "ACK");
    desk.far_hangs_up(end);
}

#[test]
fn a_trunk_that_stays_dead_ends_the_call_when_the_session_expires_and_not_before() {
    let mut desk = Desk::new("", "voice service voip\n sip\n  min-se 120\n!\n");
    let (end, _) = desk.line_answers(TIMER);
    desk.wait(60_000);
    let mut tries = 0;
    for _ in 0..60 {
        desk.look();
        let dead = desk.inbox.iter().position(|known| Desk::is("INVITE", FIVE, known));
        if let Some(at) = dead {
            let (flow, _) = desk.inbox.remove(at);
            tries += 1;
            desk.bench.switch.handle_sip_failure(desk.bench.now, &flow);
            desk.bench.settle();
        }
        if desk.inbox.iter().any(|known| Desk::is("BYE", FIVE, known)) {
            break;
        }
        desk.wait(1_000);
    }
    // At 60, 65 … 85 s; at 120 - min(32, 120 / 3) s nobody may wait any longer (RFC 4028 10).
    assert_eq!(tries, 6);
    desk.gateway_hung_up(&end, 200);
}
