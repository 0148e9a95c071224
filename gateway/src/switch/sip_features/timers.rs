//! Flows 12.1 to 12.4 of the Unified CM 6.0(1) SIP trunk guide in virtual time: session timers negotiated, refreshed by either side,
//! refreshed without having been negotiated, and lost.

use super::*;

const TIMER: &str = "Supported: timer\r\nSession-Expires: 120;refresher=";

fn expires(message: &Message) -> String {
    header(message, "Session-Expires")
}

#[test]
fn flow_12_1_the_interval_is_negotiated_and_we_refresh_at_half_time() {
    let mut desk = Desk::new("", "voice service voip\n sip\n  min-se 120\n!\n");
    // 90 s are too few.
    desk.call(FIVE, "8000", "Supported: timer\r\nSession-Expires: 90\r\nMin-SE: 60\r\n", &audio(FIVE));
    assert_eq!(header(&desk.take(FIVE, "422 INVITE"), "Min-SE"), "120");
    let (end, ok) = desk.line_answers(&format!("{TIMER}uas\r\nMin-SE: 120\r\n"));
    assert_eq!(expires(&ok), "120;refresher=uas");
    for _ in 0..3 {
        desk.wait(59_000);
        desk.none(FIVE, "INVITE");
        desk.wait(2_000);
        let refresh = desk.take(FIVE, "INVITE");
        assert_eq!(expires(&refresh), "120;refresher=uac");
        // Nobody touches the media: the same description, the same version.
        assert_eq!(body_of(&refresh), body_of(&ok));
        let headers = "Session-Expires: 120;refresher=uac\r\nRequire: timer\r\n";
        desk.reply(&end, &refresh, 200, headers, &audio(FIVE));
        desk.take(FIVE, "ACK");
    }
    desk.far_hangs_up(end);
}

#[test]
fn flow_12_2_refreshes_of_one_who_was_granted_none_are_answered_for_ever() {
    let mut desk = Desk::new("", "");
    let (mut end, ok) = desk.line_answers("Supported: timer\r\nMin-SE: 60\r\n");
    assert_eq!(expires(&ok), "");
    for _ in 0..100 {
        desk.wait(45_000);
        desk.request(&mut end, "INVITE", "Supported: timer\r\nMin-SE: 60\r\n", audio(FIVE));
        let again = desk.take(FIVE, "200 INVITE");
        assert_eq!((body_of(&again), expires(&again)), (body_of(&ok), String::new()));
        desk.request(&mut end, "ACK", "", "");
    }
    desk.none(FIVE, "BYE");
    desk.far_hangs_up(end);
}

#[test]
fn flow_12_3_a_session_whose_refresher_has_gone_ends_before_it_expires() {
    let mut desk = Desk::new("", "voice service voip\n sip\n  min-se 120\n!\n");
    let (mut end, ok) = desk.line_answers(&format!("{TIMER}uac\r\n"));
    assert_eq!((expires(&ok), header(&ok, "Require")), ("120;refresher=uac".into(), "timer".into()));
    for _ in 0..2 {
        desk.wait(60_000);
        desk.request(&mut end, "INVITE", &format!("{TIMER}uac\r\n"), audio(FIVE));
        desk.take(FIVE, "200 INVITE");
        desk.request(&mut end, "ACK", "", "");
    }
    // Then nothing comes any more: 120 s less min(32, 120/3).
    desk.wait(87_000);
    desk.none(FIVE, "BYE");
    desk.wait(2_000);
    desk.gateway_hung_up(&end, 200);
}

#[test]
fn flow_12_4_a_refresh_that_finds_no_call_ends_it() {
    let mut desk = Desk::new("", "voice service voip\n sip\n  min-se 120\n!\n");
    let (end, _) = desk.line_answers(&format!("{TIMER}uas\r\n"));
    desk.wait(61_000);
    let refresh = desk.take(FIVE, "INVITE");
    desk.reply(&end, &refresh, 481, "", "");
    desk.take(FIVE, "ACK");
    desk.gateway_hung_up(&end, 481);
}
