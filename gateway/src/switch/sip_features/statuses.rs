//! Responses of the compliance tables of the Unified CM trunk guide, to a call that a telephone makes.

use super::*;

#[test]
fn that_a_call_is_forwarded_or_queued_is_passed_over() {
    let mut desk = Desk::new("", "");
    desk.dial(0, "6000");
    let end = desk.called(SIX);
    let invite = end.invite.clone().unwrap();
    for status in [100, 181, 182, 180, 182, 181] {
        desk.reply(&end, &invite, status, "", "");
        desk.none(SIX, "CANCEL");
    }
    desk.answer(&end, "");
    desk.line_hangs_up(&end);
}

#[test]
fn every_redirection_is_followed_to_its_contact() {
    // 385 is the guide's; who does not know a status takes it for the first of its class.
    for status in [300, 301, 302, 305, 380, 385] {
        let mut desk = Desk::new("", "");
        desk.dial(0, "6000");
        let invited = desk.take_with_flow(SIX, "INVITE");
        let headers =
            "Contact: <sip:5021@192.0.2.50>\r\nDiversion: <sip:6000@192.0.2.60>;reason=no-answer\r\n";
        desk.bench.respond(&invited, status, headers);
        desk.take(SIX, "ACK");
        let again = desk.called(FIVE);
        let invite = again.invite.as_ref().unwrap();
        assert_eq!(invite.request_uri(), Some("sip:5021@192.0.2.50"), "{status}");
        assert_eq!(header(invite, "CSeq"), "2 INVITE", "{status}");
        // RFC 5806: who has diverted goes with it.
        assert_eq!(header(invite, "Diversion"), "<sip:6000@192.0.2.60>;reason=no-answer", "{status}");
        desk.answer(&again, "");
        desk.line_hangs_up(&again);
    }
}

#[test]
fn every_refusal_clears_the_call_and_nobody_tries_again() {
    let statuses = [
        400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 411, 412, 413, 414, 415, 416, 420, 421, 423, 480,
        481, 482, 483, 484, 485, 486, 487, 488, 489, 491, 493, 600, 603, 604, 606,
    ];
    for status in statuses {
        let mut desk = Desk::new("", "");
        desk.dial(0, "6000");
        let end = desk.called(SIX);
        let invite = end.invite.clone().unwrap();
        // Retry-After of a refusal is not waited for, and a Reason without a number nobody reads.
        desk.reply(&end, &invite, status, "Retry-After: 5\r\nReason: whatever\r\n", "");
        desk.take(SIX, "ACK");
        desk.wait(10_000);
        desk.none(SIX, "INVITE");
        desk.on_hook(0);
        desk.assert_nothing_left();
    }
}

#[test]
fn a_node_that_fails_is_passed_over_for_the_next() {
    for status in [500, 501, 502, 503, 504, 505, 513] {
        let mut desk = super::trunk::nodes("udp", "");
        desk.dial(0, "2003");
        let first = desk.called(FIVE);
        let invite = first.invite.clone().unwrap();
        desk.reply(&first, &invite, status, "", "");
        desk.take(FIVE, "ACK");
        let second = desk.called(SIX);
        desk.answer(&second, "");
        desk.line_hangs_up(&second);
    }
}

#[test]
fn an_invite_whose_time_is_over_is_cancelled_and_ours_says_how_long_it_lives() {
    let mut desk = Desk::new("", "sip-ua\n timers expires 60000\n!\n");
    desk.dial(0, "6000");
    let end = desk.called(SIX);
    let invite = end.invite.clone().unwrap();
    assert_eq!(header(&invite, "Expires"), "60");
    desk.reply(&end, &invite, 180, "", "");
    desk.wait(59_000);
    desk.none(SIX, "CANCEL");
    desk.wait(2_000);
    let cancel = desk.take(SIX, "CANCEL");
    desk.reply(&end, &cancel, 200, "", "");
    desk.reply(&end, &invite, 487, "", "");
    desk.take(SIX, "ACK");
}

#[test]
fn requests_take_the_route_that_was_recorded() {
    let mut desk = Desk::new("", "");
    let mut end = desk.call(FIVE, "8000", "Record-Route: <sip:192.0.2.60;lr>\r\n", &audio(FIVE));
    desk.take(FIVE, "180 INVITE");
    desk.off_hook(0);
    let ok = desk.answered(&mut end);
    assert_eq!(header(&ok, "Record-Route"), "<sip:192.0.2.60;lr>");
    desk.on_hook(0);
    let bye = desk.take(SIX, "BYE");
    assert_eq!(
        (header(&bye, "Route"), bye.request_uri()),
        ("<sip:192.0.2.60;lr>".to_owned(), Some("sip:phone@192.0.2.50"))
    );
    desk.reply(&end, &bye, 200, "", "");
}

#[test]
fn a_second_invite_before_the_first_is_answered_is_put_off() {
    let mut desk = Desk::new("", "");
    let mut end = desk.call(FIVE, "8000", "", &audio(FIVE));
    let ringing = desk.take(FIVE, "180 INVITE");
    end.far = header(&ringing, "To");
    end.target = header(&ringing, "Contact").trim_matches(['<', '>']).to_owned();
    desk.request(&mut end, "INVITE", "", audio(FIVE));
    let later = desk.take(FIVE, "500 INVITE");
    let seconds: u32 = header(&later, "Retry-After").split(' ').next().unwrap().parse().unwrap();
    assert!(seconds <= 10, "{seconds}");
}

#[test]
fn a_time_stamp_comes_back_in_the_100() {
    let mut desk = Desk::new("", "");
    desk.dial(1, "8000");
    // 8000 is being called already, and its own call takes longer than 200 ms to answer.
    let mut end = desk.call(FIVE, "6000", "Timestamp: 54.21\r\n", &audio(FIVE));
    desk.wait(250);
    let trying = desk.take(FIVE, "100 INVITE");
    assert!(header(&trying, "Timestamp").starts_with("54.21"), "{trying:?}");
    end.cseq -= 1;
    desk.request(&mut end, "CANCEL", "", "");
}
