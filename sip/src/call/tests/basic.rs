//! Calls as they mostly go.

use super::*;

#[test]
fn a_call_is_made_answered_and_ended() {
    let mut bench = Bench::new();
    let a = bench.call();
    let b = bench.incoming();
    assert_eq!(bench.names(B), ["Incoming"]);
    bench.ua[B].progress(bench.now, b, 180, Content::new(), false).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Progress 180"]);
    bench.ua[B].answer(bench.now, b, Content::sdp("v=0 answer")).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Answer v=0 answer", "Answered"]);
    assert_eq!(bench.names(B), ["Acknowledged"]);
    bench.ua[A].hangup(bench.now, a, Content::new().q850(16)).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Ended Local"]);
    assert_eq!(bench.names(B), ["Ended Remote"]);
    assert_eq!(bench.sent(A, "BYE").header(Header::Reason).unwrap().to_str(), "Q.850;cause=16");
    assert_eq!(
        bench.log,
        ["0 INVITE", "1 180 INVITE", "1 200 INVITE", "0 ACK", "0 BYE", "1 200 BYE"].map(String::from)
    );
    bench.assert_nothing_left();
}

#[test]
fn the_called_side_hangs_up() {
    let mut bench = Bench::new();
    let (_, b) = bench.connect();
    bench.ua[B].hangup(bench.now, b, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Ended Remote"]);
    assert_eq!(bench.names(B), ["Ended Local"]);
    bench.assert_nothing_left();
}

#[test]
fn a_refused_call_fails_with_status_and_retry_after() {
    let mut bench = Bench::new();
    bench.call();
    let b = bench.incoming();
    bench.ua[B].reject(bench.now, b, 486, Content::new().header("Retry-After", "30").q850(17)).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Incoming", "Ended Local"]);
    let (_, event) = bench.events[A].pop().unwrap();
    let CallEvent::Failed { status: 486, retry_after: Some(30), response: Some(response) } = event else {
        panic!("{event:?}");
    };
    assert_eq!(response.header(Header::Reason).unwrap().to_str(), "Q.850;cause=17");
    bench.assert_nothing_left();
}

#[test]
fn without_an_offer_the_called_side_offers_in_its_200_and_the_ack_answers() {
    let mut bench = Bench::new();
    let invite = bench.invite();
    let a = bench.place(invite);
    let b = bench.incoming();
    bench.ua[B].answer(bench.now, b, Content::sdp("v=0 offer of b")).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Offer v=0 offer of b", "Answered"]);
    assert_eq!(bench.count("0 ACK"), 0);
    bench.ua[A].answer_offer(bench.now, a, Content::sdp("v=0 answer of a")).unwrap();
    bench.run();
    assert_eq!(bench.sent(A, "ACK").body(), b"v=0 answer of a");
    assert_eq!(bench.names(B), ["Incoming", "Answer v=0 answer of a", "Acknowledged"]);
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn a_cancelled_call_is_answered_487() {
    let mut bench = Bench::new();
    let a = bench.call();
    let b = bench.incoming();
    bench.ua[B].progress(bench.now, b, 180, Content::new(), false).unwrap();
    bench.run();
    bench.ua[A].hangup(bench.now, a, Content::new().q850(16)).unwrap();
    bench.run();
    assert_eq!(bench.sent(A, "CANCEL").header(Header::Reason).unwrap().to_str(), "Q.850;cause=16");
    assert_eq!(bench.names(A), ["Progress 180", "Ended Local"]);
    assert_eq!(bench.names(B), ["Incoming", "Ended Cancelled"]);
    assert_eq!(bench.count("1 487 INVITE"), 1);
    bench.assert_nothing_left();
}

#[test]
fn an_invite_nobody_answers_fails_after_64_t1() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 INVITE"];
    bench.call();
    bench.wait(32_000 * MS);
    assert_eq!(bench.names(A), ["Failed 408"]);
    assert_eq!(bench.count("0 INVITE"), 7);
    assert_eq!(bench.now - bench.start, 32_000 * MS);
    bench.assert_nothing_left();
}

/// RFC 3261 12.1.1: a peer of RFC 2543 has neither tags nor the branch cookie.
#[test]
fn a_peer_of_rfc_2543_calls_and_hangs_up() {
    let mut bench = Bench::new();
    let head = "Via: SIP/2.0/UDP 192.0.2.1:5060\nFrom: <sip:old@192.0.2.1>\nCall-ID: old@192.0.2.1\n";
    bench.inject(
        B,
        &format!(
            "INVITE sip:bob@192.0.2.2 SIP/2.0\n{head}To: <sip:bob@192.0.2.2>\nCSeq: 1 INVITE\n\
             Contact: <sip:old@192.0.2.1>\nContent-Type: application/sdp\nContent-Length: 9\n\nv=0 offer"
        ),
    );
    let b = bench.incoming();
    bench.ua[B].answer(bench.now, b, Content::sdp("v=0 answer")).unwrap();
    bench.run();
    let to = bench.sent(B, "200 INVITE").header(Header::To).unwrap().to_str().into_owned();
    for (method, number) in [("ACK", 1), ("BYE", 2)] {
        bench.inject(
            B,
            &format!("{method} sip:bob@192.0.2.2 SIP/2.0\n{head}To: {to}\nCSeq: {number} {method}\n\n"),
        );
    }
    assert_eq!(bench.names(B), ["Incoming", "Acknowledged", "Ended Remote"]);
    bench.assert_nothing_left();
}

#[test]
fn a_call_may_have_counts_hops_and_validity_of_its_own() {
    let policies = Retransmissions {
        invite: Retransmission { first: Some(100 * MS), count: Some(2) },
        bye: Retransmission { first: Some(100 * MS), count: Some(1) },
        response: Retransmission { first: Some(200 * MS), count: Some(1) },
        ..Retransmissions::default()
    };
    let own = Arc::new(CallOverrides {
        max_forwards: Some(12),
        expires: Some(Duration::from_secs(77)),
        retransmissions: Some(Arc::new(policies)),
        ..CallOverrides::default()
    });
    let mut bench = Bench::new();
    bench.cut = vec!["0 INVITE"];
    let mut invite = bench.invite().content(Content::sdp("v=0 offer"));
    invite.own = Some(Arc::clone(&own));
    bench.place(invite.clone());
    bench.wait(700 * MS);
    assert_eq!((bench.names(A), bench.count("0 INVITE")), (vec!["Failed 408".to_owned()], 3));
    let sent = bench.sent(A, "INVITE");
    let text = |header: Header| sent.header(header).unwrap().to_str().into_owned();
    assert_eq!((text(Header::MaxForwards), text(Header::Expires)), ("12".into(), "77".into()));
    bench.cut.clear();
    let a = bench.place(invite);
    let b = bench.incoming();
    bench.ua[B].set_own(b, Some(own));
    bench.cut = vec!["0 ACK"];
    bench.ua[B].answer(bench.now, b, Content::sdp("v=0 answer")).unwrap();
    // 200 ms, then 400 ms: nobody acknowledges, and the BYE goes twice.
    bench.cut.push("1 BYE");
    bench.wait(2_000 * MS);
    assert_eq!((bench.count("1 200 INVITE"), bench.count("1 BYE")), (2, 2));
    assert_eq!(bench.sent(B, "BYE").header(Header::MaxForwards).unwrap().to_str(), "12");
    bench.cut.clear();
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}
