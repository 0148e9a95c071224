//! RFC 3262 and RFC 3311 in all positions of offer and answer.

use super::*;

/// A call with SDP that B answers reliably.
fn rings(bench: &mut Bench, sdp: Option<&'static str>) -> (CallId, CallId) {
    let a = bench.call();
    let b = bench.incoming();
    let content = sdp.map_or_else(Content::new, Content::sdp);
    bench.ua[B].progress(bench.now, b, 183, content, true).unwrap();
    bench.run();
    (a, b)
}

//= RFC 3262 4: "Assuming the response is to be transmitted reliably, the UAC MUST create a new request with method PRACK."
#[test]
fn the_answer_in_a_reliable_183_needs_no_other_in_the_200() {
    let mut bench = Bench::new();
    let (a, b) = rings(&mut bench, Some("v=0 answer"));
    assert_eq!(bench.names(A), ["Answer v=0 answer", "Progress 183 reliable"]);
    let prack = bench.sent(A, "PRACK");
    let rseq = bench.sent(B, "183 INVITE").rseq().unwrap().unwrap();
    assert_eq!(prack.header(Header::RAck).unwrap().to_str(), format!("{rseq} 1 INVITE"));
    bench.ua[B].answer(bench.now, b, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Answered"]);
    assert!(bench.sent(B, "200 INVITE").body().is_empty());
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn without_an_offer_the_reliable_183_offers_and_the_prack_answers() {
    let mut bench = Bench::new();
    let invite = bench.invite();
    let a = bench.place(invite);
    let b = bench.incoming();
    bench.ua[B].progress(bench.now, b, 183, Content::sdp("v=0 offer of b"), true).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Offer v=0 offer of b", "Progress 183 reliable"]);
    assert_eq!(bench.count("0 PRACK"), 0);
    bench.ua[A].answer_offer(bench.now, a, Content::sdp("v=0 answer of a")).unwrap();
    bench.run();
    assert_eq!(bench.sent(A, "PRACK").body(), b"v=0 answer of a");
    assert_eq!(bench.names(B), ["Incoming", "Answer v=0 answer of a"]);
    bench.ua[B].answer(bench.now, b, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Answered"]);
    assert!(bench.sent(A, "ACK").body().is_empty());
    bench.ua[B].hangup(bench.now, b, Content::new()).unwrap();
    bench.assert_nothing_left();
}

//= RFC 3261 13.2.1: "The initial offer MUST be in either an INVITE or, if not there, in the first reliable
//= non-failure message from the UAS back to the UAC."
#[test]
fn an_offer_cannot_go_in_an_unreliable_183() {
    let config = CallConfig { rel1xx: Rel1xx::Disabled, ..CallConfig::default() };
    let mut bench = Bench::with(config, CallConfig::default());
    let invite = bench.invite();
    bench.place(invite);
    let b = bench.incoming();
    assert_eq!(
        bench.ua[B].progress(bench.now, b, 183, Content::sdp("v=0 x"), true),
        Err(CallError::OfferNotReliable)
    );
    bench.ua[B].reject(bench.now, b, 480, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn early_media_in_an_unreliable_183_is_not_yet_the_answer() {
    let mut bench = Bench::new();
    let a = bench.call();
    let b = bench.incoming();
    bench.ua[B].progress(bench.now, b, 183, Content::sdp("v=0 answer"), false).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Answer v=0 answer early", "Progress 183"]);
    // What was said early is said again in the 200 by itself.
    bench.ua[B].answer(bench.now, b, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.sent(B, "200 INVITE").body(), b"v=0 answer");
    assert_eq!(bench.names(A), ["Answer v=0 answer", "Answered"]);
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

//= RFC 3262 3: "In that case, it MUST NOT send a final response until those provisional responses are
//= acknowledged."
#[test]
fn the_200_waits_for_the_prack() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 PRACK"];
    let (_, b) = rings(&mut bench, Some("v=0 answer"));
    bench.ua[B].answer(bench.now, b, Content::new()).unwrap();
    bench.wait(2_000 * MS);
    assert_eq!(bench.count("1 200 INVITE"), 0);
    bench.cut.clear();
    bench.wait(8_000 * MS);
    assert_eq!(bench.count("1 200 INVITE"), 1);
    assert_eq!(bench.names(B), ["Incoming", "Acknowledged"]);
}

#[test]
fn a_second_reliable_response_waits_for_the_prack_of_the_first() {
    let mut bench = Bench::new();
    bench.cut = vec!["1 200 PRACK", "0 PRACK"];
    let (_, b) = rings(&mut bench, Some("v=0 answer"));
    bench.ua[B].progress(bench.now, b, 180, Content::new(), true).unwrap();
    bench.run();
    assert_eq!(bench.count("1 180 INVITE"), 0);
    bench.cut.clear();
    bench.wait(1_000 * MS);
    assert_eq!(bench.names(A), ["Answer v=0 answer", "Progress 183 reliable", "Progress 180 reliable"]);
}

//= RFC 3262 3: "If a reliable provisional response is retransmitted for 64*T1 seconds without reception of a
//= corresponding PRACK, the UAS SHOULD reject the original request with a 5xx response."
#[test]
fn without_prack_the_invite_is_refused_after_64_t1() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 PRACK"];
    rings(&mut bench, Some("v=0 answer"));
    bench.wait(32_000 * MS);
    assert_eq!(bench.count("1 183 INVITE"), 7);
    assert_eq!(bench.names(B), ["Incoming", "Ended Timeout"]);
    assert_eq!(bench.names(A), ["Answer v=0 answer", "Progress 183 reliable", "Failed 504"]);
    bench.assert_nothing_left();
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 PRACK"];
    let (_, b) = rings(&mut bench, Some("v=0 answer"));
    bench.names(B);
    let prack = bench.sent(A, "PRACK");
    let text = prack.to_string().replace("Content-Length: 0\r\n\r\n", "");
    bench.inject(
        B,
        &format!(
            "{}Content-Type: application/sdp\nContent-Length: 10\n\nv=0 second",
            text.replace("\r\n", "\n").replace("branch=z9hG4bK", "branch=z9hG4bKother")
        ),
    );
    assert_eq!(bench.names(B), ["Offer v=0 second"]);
    bench.ua[B].answer_offer(bench.now, b, Content::sdp("v=0 second answer")).unwrap();
    bench.run();
    assert_eq!(bench.sent(B, "200 PRACK").body(), b"v=0 second answer");
}

//= RFC 3262 5: "If the UAC receives a reliable provisional response with an answer, it MAY generate an additional
//= offer in the PRACK."
#[test]
fn an_offer_of_ours_goes_in_the_prack_and_is_answered_in_its_200() {
    let mut bench = Bench::new();
    let a = bench.call();
    bench.ua[A].offer_with_prack(bench.now, a, Content::sdp("v=0 second")).unwrap();
    let b = bench.incoming();
    bench.ua[B].progress(bench.now, b, 183, Content::sdp("v=0 answer"), true).unwrap();
    bench.run();
    assert_eq!(bench.sent(A, "PRACK").body(), b"v=0 second");
    assert_eq!(bench.count("0 PRACK"), 1);
    assert_eq!(bench.names(B), ["Incoming", "Offer v=0 second"]);
    bench.ua[B].answer_offer(bench.now, b, Content::sdp("v=0 second answer")).unwrap();
    bench.run();
    assert_eq!(
        bench.names(A),
        ["Answer v=0 answer", "Progress 183 reliable", "Answer v=0 second answer", "Updated"]
    );
    bench.ua[B].answer(bench.now, b, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Answered"]);
    assert!(bench.ua[A].offer_with_prack(bench.now, a, Content::sdp("v=0 late")).is_err());
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn a_peer_that_refuses_the_offer_in_a_prack_gets_a_plain_one() {
    let mut bench = Bench::new();
    let a = bench.call();
    bench.ua[A].offer_with_prack(bench.now, a, Content::sdp("v=0 second")).unwrap();
    let b = bench.incoming();
    bench.ua[B].progress(bench.now, b, 183, Content::sdp("v=0 answer"), true).unwrap();
    bench.run();
    bench.ua[B].refuse_offer(bench.now, b, 488, Content::new()).unwrap();
    bench.run();
    assert!(bench.names(A).contains(&"OfferRefused 488".to_owned()));
    assert!(bench.sent(A, "PRACK").body().is_empty());
    bench.ua[B].answer(bench.now, b, Content::new()).unwrap();
    bench.run();
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn an_update_answered_without_sdp_cancels_the_invite_that_still_rings() {
    let mut bench = Bench::new();
    let (a, _) = rings(&mut bench, Some("v=0 answer"));
    bench.names(A);
    bench.cut = vec!["0 UPDATE"];
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 second")).unwrap();
    bench.run();
    let update = bench.sent(A, "UPDATE");
    let mut text = String::from("SIP/2.0 200 OK\n");
    for header in ["Via", "From", "To", "Call-ID", "CSeq"] {
        text += &format!("{header}: {}\n", update.header(header).unwrap());
    }
    bench.cut.clear();
    bench.inject(A, &format!("{text}Contact: <sip:b@192.0.2.2:5060>\nContent-Length: 0\n\n"));
    assert_eq!(bench.names(A), ["Ended Protocol"]);
    assert_eq!(bench.count("0 CANCEL"), 1);
    bench.assert_nothing_left();
}

#[test]
fn a_caller_without_100rel_gets_421_where_it_is_required() {
    let disabled = CallConfig { rel1xx: Rel1xx::Disabled, ..CallConfig::default() };
    let required = CallConfig { rel1xx: Rel1xx::Require, ..CallConfig::default() };
    let mut bench = Bench::with(disabled.clone(), required.clone());
    bench.call();
    assert_eq!(bench.names(A), ["Failed 421"]);
    let mut bench = Bench::with(required, disabled);
    bench.call();
    assert_eq!(bench.names(A), ["Failed 420"]);
    assert_eq!(bench.sent(B, "420 INVITE").header(Header::Unsupported).unwrap().to_str(), "100rel");
}

#[test]
fn update_changes_an_early_session_both_ways() {
    let mut bench = Bench::new();
    let (a, b) = rings(&mut bench, Some("v=0 answer"));
    bench.names(A);
    bench.names(B);
    bench.ua[A].offer(bench.now, a, Content::sdp("v=0 second")).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Offer v=0 second"]);
    bench.ua[B].answer_offer(bench.now, b, Content::sdp("v=0 second answer")).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Answer v=0 second answer", "Updated"]);
    bench.ua[B].offer(bench.now, b, Content::sdp("v=0 third")).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["Offer v=0 third"]);
    bench.ua[A].answer_offer(bench.now, a, Content::sdp("v=0 third answer")).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Answer v=0 third answer", "Updated"]);
    assert_eq!((bench.count("0 UPDATE"), bench.count("1 UPDATE"), bench.count("0 INVITE")), (1, 1, 1));
}

#[test]
fn a_provisional_response_is_repeated_every_minute_and_the_invite_expires() {
    let mut bench = Bench::new();
    bench.call();
    let b = bench.incoming();
    bench.ua[B].progress(bench.now, b, 180, Content::new(), false).unwrap();
    bench.wait(179_000 * MS);
    assert_eq!(bench.count("1 180 INVITE"), 3);
    bench.wait(2_000 * MS);
    assert_eq!(bench.names(A).last().unwrap(), "Failed 408");
    assert_eq!(bench.names(B), ["Incoming", "Ended Cancelled"]);
    bench.assert_nothing_left();
}
