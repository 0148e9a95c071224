//! Changes of a session that stands: re-INVITE, UPDATE, collisions, refreshes, hang-up races.

use super::*;

#[test]
fn hold_and_resume_by_re_invite() {
    let mut bench = Bench::new();
    let (a, b) = bench.connect();
    for (from, to, who) in [(A, B, (a, b)), (B, A, (b, a))] {
        bench.ua[from].offer(bench.now, who.0, Content::sdp("v=0 hold")).unwrap();
        bench.run();
        assert_eq!(bench.names(to), ["Offer v=0 hold"]);
        bench.ua[to].answer_offer(bench.now, who.1, Content::sdp("v=0 held")).unwrap();
        bench.run();
        assert_eq!(bench.names(from), ["Answer v=0 held", "Updated"]);
        assert_eq!(bench.count(&format!("{from} ACK")), if from == A { 2 } else { 1 });
    }
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

/// Some peers answer every offer with the same octets, hold or not: each offer has its answer all the same.
#[test]
fn an_answer_that_is_the_same_as_the_last_is_an_answer() {
    let mut bench = Bench::new();
    let (a, b) = bench.connect();
    for offer in ["v=0 hold", "v=0 resume", "v=0 hold"] {
        bench.ua[A].offer(bench.now, a, Content::sdp(offer)).unwrap();
        bench.run();
        assert_eq!(bench.names(B), [format!("Offer {offer}")]);
        bench.ua[B].answer_offer(bench.now, b, Content::sdp("v=0 same")).unwrap();
        bench.run();
        assert_eq!(bench.names(A), ["Answer v=0 same", "Updated"]);
    }
}

//= RFC 3261 14.1: "If the UAC is the owner of the Call-ID of the dialog ID (meaning it generated the value),
//= T has a randomly chosen value between 2.1 and 4 seconds in units of 10 ms."
//= RFC 3261 14.1: "If the UAC is not the owner of the Call-ID of the dialog ID, T has a randomly chosen value
//= of between 0 and 2 seconds in units of 10 ms."
#[test]
fn two_re_invites_that_meet_are_both_refused_with_491_and_sent_again_one_after_the_other() {
    let mut bench = Bench::new();
    let (a, b) = bench.connect();
    // Both are on the wire before either arrives.
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 of a")).unwrap();
    bench.ua[B].offer(bench.now, b, Content::sdp("v=0 of b")).unwrap();
    bench.run();
    assert_eq!((bench.count("0 491 INVITE"), bench.count("1 491 INVITE")), (1, 1));
    // B does not own the Call-ID: it comes first, within two seconds, and its offer makes ours void.
    bench.wait(2_000 * MS);
    assert_eq!(bench.count("1 INVITE"), 2);
    assert_eq!(bench.names(A), ["OfferRefused 491", "Offer v=0 of b"]);
    bench.ua[A].answer_offer(bench.now, a, Content::sdp("v=0 to b")).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Answer v=0 to b", "Updated"]);
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 of a again")).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Offer v=0 of a again"]);
}

#[test]
fn the_owner_of_the_call_id_backs_off_between_2100_and_4000_ms() {
    for seed in 0..20 {
        let mut bench = Bench::new();
        bench.ua[A] = UserAgent::new(EndpointConfig::default(), CallConfig::default(), [seed; 32]);
        let (a, _) = bench.connect();
        bench.cut = vec!["0 INVITE"];
        bench.ua[A].offer(bench.now, a, Content::sdp("v=0 of a")).unwrap();
        bench.run();
        let invite = bench.sent(A, "INVITE");
        let mut refusal = String::from("SIP/2.0 491 Request Pending\n");
        for header in ["Via", "From", "To", "Call-ID", "CSeq"] {
            refusal += &format!("{header}: {}\n", invite.header(header).unwrap());
        }
        bench.inject(A, &(refusal + "\n"));
        let sent = bench.count("0 INVITE");
        bench.wait(2_090 * MS);
        assert_eq!(bench.count("0 INVITE"), sent, "seed {seed}");
        bench.wait(1_920 * MS);
        assert!(bench.count("0 INVITE") > sent, "seed {seed}");
    }
}

//= RFC 3261 14.2: "A UAS that receives a second INVITE before it sends the final response to a first INVITE
//= with a lower CSeq sequence number on the same dialog MUST return a 500 (Server Internal Error) response to
//= the second INVITE and MUST include a Retry-After header field with a randomly chosen value of between 0 and
//= 10 seconds."
#[test]
fn a_second_re_invite_before_the_answer_to_the_first_gets_500_with_retry_after() {
    let mut bench = Bench::new();
    let (a, _) = bench.connect();
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 first")).unwrap();
    bench.run();
    let first = bench.sent(A, "INVITE").to_string().replace("\r\n", "\n");
    bench.inject(B, &first.replace("CSeq: 2 INVITE", "CSeq: 3 INVITE").replace("z9hG4bK", "z9hG4bKx"));
    let refusal = bench.sent(B, "500 INVITE");
    assert!(refusal.seconds(Header::RetryAfter).unwrap().unwrap() <= 10);
}

//= RFC 3311 5.2: "If an UPDATE is received that contains an offer, and the UAS has generated an offer (in an
//= UPDATE, PRACK or INVITE) to which it has not yet received an answer, the UAS MUST reject the UPDATE with a
//= 491 response."
#[test]
fn two_updates_that_meet_get_491() {
    let config = CallConfig { prefer_update: true, ..CallConfig::default() };
    let mut bench = Bench::with(config.clone(), config);
    let (a, b) = bench.connect();
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 of a")).unwrap();
    bench.ua[B].offer(bench.now, b, Content::sdp("v=0 of b")).unwrap();
    bench.run();
    assert_eq!((bench.count("0 491 UPDATE"), bench.count("1 491 UPDATE")), (1, 1));
    bench.wait(2_000 * MS);
    assert_eq!(bench.names(A), ["OfferRefused 491", "Offer v=0 of b"]);
}

#[test]
fn a_re_invite_without_sdp_asks_for_an_offer_and_the_ack_answers() {
    let mut bench = Bench::new();
    let (_, b) = bench.connect();
    let invite = bench.sent(A, "INVITE");
    let to = bench.sent(B, "200 INVITE").header("To").unwrap().to_str().into_owned();
    let head = |method: &str, branch: &str| {
        format!(
            "{method} sip:bob@192.0.2.2 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch}\n\
             From: {}\nTo: {to}\nCall-ID: {}\nCSeq: 9 {method}\nContact: <sip:alice@192.0.2.1:5060>\n",
            invite.header("From").unwrap(),
            invite.header("Call-ID").unwrap()
        )
    };
    bench.inject(B, &(head("INVITE", "i") + "\n"));
    assert_eq!(bench.names(B), ["OfferRequested"]);
    bench.ua[B].answer_offer(bench.now, b, Content::sdp("v=0 asked")).unwrap();
    bench.run();
    assert_eq!(bench.sent(B, "200 INVITE").body(), b"v=0 asked");
    bench.inject(B, &(head("ACK", "a") + "Content-Type: application/sdp\nContent-Length: 8\n\nv=0 told"));
    assert_eq!(bench.names(B), ["Answer v=0 told"]);
}

#[test]
fn a_refused_offer_leaves_what_was_agreed_on() {
    let mut bench = Bench::new();
    let (a, b) = bench.connect();
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 strange")).unwrap();
    bench.run();
    bench.ua[B].refuse_offer(bench.now, b, 488, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["OfferRefused 488"]);
    bench.names(B);
    // A refresh says what was agreed on before.
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 offer")).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Updated"]);
    assert_eq!(bench.sent(B, "200 INVITE").body(), b"v=0 answer");
}

/// RFC 3261 12.2.1.2: a 481 ends the dialog.
#[test]
fn a_re_invite_that_gets_481_ends_the_call() {
    let mut bench = Bench::new();
    let (a, _) = bench.connect();
    bench.ua[B] = UserAgent::new(EndpointConfig::default(), CallConfig::default(), [9; 32]);
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 more")).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Ended Timeout"]);
    assert_eq!(bench.count("0 BYE"), 1);
    bench.assert_nothing_left();
}

/// Found by fuzzing: 100 stops timer B, and a peer that says no more kept the call for ever.
#[test]
fn a_re_invite_with_a_100_alone_is_given_up_when_the_call_ends() {
    let mut bench = Bench::new();
    let (a, b) = bench.connect();
    bench.cut = vec!["1 200 INVITE", "1 487 INVITE", "1 200 CANCEL"];
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 hold")).unwrap();
    bench.wait(2_000 * MS);
    assert_eq!(bench.count("1 100 INVITE"), 1);
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.run();
    assert!(bench.ua[B].hangup(bench.now, b, Content::new()).is_err());
    bench.assert_nothing_left();
}

#[test]
fn an_update_without_sdp_says_who_we_are() {
    let mut bench = Bench::new();
    let (_, b) = bench.connect();
    let identity = Content::new().header(Header::PAssertedIdentity, "<sip:carol@gw>");
    bench.ua[B].update(bench.now, b, identity).unwrap();
    bench.run();
    let (_, event) = bench.events[A].pop().unwrap();
    let CallEvent::Updated { message } = event else { panic!("{event:?}") };
    assert_eq!(message.header(Header::PAssertedIdentity).unwrap().to_str(), "<sip:carol@gw>");
    assert_eq!(bench.names(B), ["Updated"]);
}

#[test]
fn info_inside_the_dialog_is_the_users() {
    let mut bench = Bench::new();
    let (a, _) = bench.connect();
    let content = Content::new().body("application/dtmf-relay", "Signal=5\r\n");
    bench.ua[A].request(bench.now, a, Method::Info, content).unwrap();
    bench.run();
    let (_, event) = bench.events[B].pop().unwrap();
    let CallEvent::Request { transaction, request } = event else { panic!("{event:?}") };
    assert_eq!(request.body(), b"Signal=5\r\n");
    bench.ua[B].respond(bench.now, transaction, Reply::new(200)).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Response 200"]);
}

//= RFC 3261 15: "However, the callee's UA MUST NOT send a BYE on a confirmed dialog until it has received an ACK
//= for its 2xx response or until the server transaction times out."
#[test]
fn the_called_side_hangs_up_only_after_the_ack() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 ACK"];
    bench.call();
    let b = bench.incoming();
    bench.ua[B].answer(bench.now, b, Content::sdp("v=0 answer")).unwrap();
    bench.run();
    bench.ua[B].hangup(bench.now, b, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.count("1 BYE"), 0);
    bench.cut.clear();
    bench.wait(600 * MS);
    assert_eq!(bench.count("1 BYE"), 1);
    assert_eq!(bench.names(A).last().unwrap(), "Ended Remote");
    bench.assert_nothing_left();
}

//= RFC 3261 13.3.1.4: "If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK,
//= the dialog is confirmed, but the session SHOULD be terminated."
#[test]
fn without_ack_the_200_is_repeated_and_then_bye_is_sent() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 ACK"];
    bench.call();
    let b = bench.incoming();
    bench.ua[B].answer(bench.now, b, Content::sdp("v=0 answer")).unwrap();
    bench.wait(32_000 * MS);
    // Eleven without the bound on what an unproven source can make us send.
    let sent = bench.count("1 200 INVITE");
    assert!((5..=11).contains(&sent), "{sent}");
    assert_eq!(bench.count("0 ACK"), sent, "each repetition is acknowledged");
    assert_eq!(bench.names(B), ["Incoming", "Ended Timeout"]);
    assert_eq!(bench.names(A).last().unwrap(), "Ended Remote");
    bench.assert_nothing_left();
}

#[test]
fn both_hang_up_at_once() {
    let mut bench = Bench::new();
    let (a, b) = bench.connect();
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.ua[B].hangup(bench.now, b, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Ended Local"]);
    assert_eq!(bench.names(B), ["Ended Local"]);
    assert_eq!((bench.count("0 200 BYE"), bench.count("1 200 BYE")), (1, 1));
    bench.assert_nothing_left();
}

/// RFC 4028: the refresher refreshes at half the interval, and the other hangs up when it does not.
#[test]
fn session_timers_keep_a_session_up_and_end_it_without_refresh() {
    let timer = crate::session_timer::SessionTimerConfig {
        interval: Some(100),
        ..crate::session_timer::SessionTimerConfig::default()
    };
    let config = CallConfig { session_timer: timer, ..CallConfig::default() };
    let mut bench = Bench::with(config.clone(), config);
    bench.connect();
    bench.wait(500_000 * MS);
    assert_eq!(bench.count("0 UPDATE"), 10);
    assert_eq!((bench.names(A), bench.names(B).len()), (Vec::new(), 10));
    bench.cut = vec!["0 UPDATE", "0 BYE"];
    bench.wait(100_000 * MS);
    assert_eq!(bench.names(A), ["Ended SessionExpired"]);
    assert_eq!(bench.names(B), ["Ended SessionExpired"]);
    bench.assert_nothing_left();
}

#[test]
fn a_422_is_answered_with_a_longer_interval_on_both_sides() {
    let timer = |interval, min_se| CallConfig {
        session_timer: crate::session_timer::SessionTimerConfig { interval, min_se, refresher: None },
        ..CallConfig::default()
    };
    let mut bench = Bench::with(timer(Some(100), 90), timer(Some(1800), 600));
    bench.call();
    assert_eq!(bench.sent(B, "422 INVITE").header(Header::MinSe).unwrap().to_str(), "600");
    let again = bench.sent(A, "INVITE");
    assert_eq!(again.header(Header::SessionExpires).unwrap().to_str(), "600");
    assert_eq!(again.cseq().unwrap().number, 2);
    let b = bench.incoming();
    bench.ua[B].answer(bench.now, b, Content::sdp("v=0 answer")).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Answer v=0 answer", "Answered"]);
}

#[test]
fn a_connection_that_is_gone_is_followed_by_one_to_where_the_peer_listens() {
    let mut bench = Bench::new();
    // The caller's connection comes from a port that nobody listens on.
    let caller = Flow {
        transport: Transport::Tcp,
        local: address(B),
        remote: "192.0.2.1:49152".parse().unwrap(),
        connection: Some(9),
    };
    let request = |method: &str, to: &str, body: &str| {
        let text = format!(
            "{method} sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bK{method}\r\n\
             From: <sip:alice@192.0.2.1>;tag=a\r\nTo: {to}\r\nCall-ID: gone\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:alice@192.0.2.1:5070;transport=tcp>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Bytes::from(text)
    };
    let now = bench.now;
    let ua = &mut bench.ua[B];
    ua.handle_received(now, caller.clone(), request("INVITE", "<sip:bob@192.0.2.2>", "v=0 offer"));
    let Some(UaEvent::Call(call, CallEvent::Incoming { .. })) = ua.poll_event() else { panic!("no call") };
    ua.answer(now, call, Content::sdp("v=0 answer")).unwrap();
    let ok = std::iter::from_fn(|| ua.poll_transmit()).last().unwrap();
    assert_eq!(ok.flow, caller);
    let to = Message::parse(ok.payload).unwrap().header(Header::To).unwrap().to_str().into_owned();
    ua.handle_received(now, caller.clone(), request("ACK", &to, ""));
    ua.handle_transport_error(now, &caller);
    ua.hangup(now, call, Content::new()).unwrap();
    let bye = ua.poll_transmit().unwrap();
    assert!(bye.payload.starts_with(b"BYE "));
    assert_eq!((bye.flow.remote, bye.flow.connection), ("192.0.2.1:5070".parse().unwrap(), None));
}
