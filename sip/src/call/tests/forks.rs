//! What a proxy makes of an INVITE: forks, redirections, challenges, routes; and CANCEL races.

use super::*;
use crate::digest::Credentials;

/// A response to the last INVITE of A.
fn answer(bench: &mut Bench, status: &str, tag: &str, more: &str) {
    let invite = bench.sent(A, "INVITE");
    let mut text = format!("SIP/2.0 {status}\n");
    for header in ["Via", "From", "Call-ID", "CSeq"] {
        text += &format!("{header}: {}\n", invite.header(header).unwrap());
    }
    let to = invite.header("To").unwrap();
    let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    text += &format!("To: {to}{tag}\n{more}");
    if !more.contains("\n\n") {
        text += "\n";
    }
    bench.inject(A, &text);
}

fn sdp(text: &str) -> String {
    format!("Content-Type: application/sdp\nContent-Length: {}\n\n{text}", text.len())
}

fn contact(user: &str) -> String {
    format!("Contact: <sip:{user}@192.0.2.2:5060>\n")
}

/// A calls somebody who is only written down here.
fn alone() -> (Bench, CallId) {
    let mut bench = Bench::new();
    bench.cut = vec!["0 INVITE"];
    let a = bench.call();
    bench.cut = vec!["0 INVITE", "0 ACK", "0 BYE", "0 CANCEL", "0 PRACK", "0 UPDATE"];
    (bench, a)
}

#[test]
fn a_200_that_makes_no_dialog_ends_the_call_when_no_better_copy_comes() {
    for hang_up in [false, true] {
        let (mut bench, a) = alone();
        // No To tag and no Contact: nothing can be sent to whoever said this.
        answer(&mut bench, "200 OK", "", "Contact: <:>\n");
        assert!(bench.names(A).is_empty());
        if hang_up {
            bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
        }
        bench.wait(Duration::from_secs(3600));
        assert_eq!(bench.names(A), [if hang_up { "Ended Local" } else { "Ended Protocol" }]);
        bench.assert_nothing_left();
    }
}

//= RFC 3261 13.2.2.4: "The UAC core MUST generate an ACK request for each 2xx received from the transaction
//= layer."
//= RFC 3261 13.2.2.4: "If, after acknowledging any 2xx response to an INVITE, the UAC does not want to continue
//= with that dialog, then the UAC MUST terminate the dialog by sending a BYE request as described in Section
//= 15."
#[test]
fn the_first_fork_that_answers_wins_and_late_ones_get_ack_and_bye() {
    let (mut bench, a) = alone();
    answer(&mut bench, "180 Ringing", "one", &contact("one"));
    answer(&mut bench, "183 Session Progress", "two", &(contact("two") + &sdp("v=0 early")));
    assert_eq!(bench.names(A), ["Progress 180", "Answer v=0 early early", "Progress 183"]);
    answer(&mut bench, "200 OK", "one", &(contact("one") + &sdp("v=0 one")));
    assert_eq!(bench.names(A), ["Answer v=0 one", "Answered"]);
    answer(&mut bench, "200 OK", "two", &(contact("two") + &sdp("v=0 two")));
    answer(&mut bench, "200 OK", "three", &(contact("three") + &sdp("v=0 three")));
    assert!(bench.names(A).is_empty());
    assert_eq!((bench.count("0 ACK"), bench.count("0 BYE")), (3, 2));
    assert_eq!(bench.sent(A, "BYE").request_uri(), Some("sip:three@192.0.2.2:5060"));
    // A repetition of the first is acknowledged again, and the call goes on.
    answer(&mut bench, "200 OK", "one", &(contact("one") + &sdp("v=0 one")));
    assert_eq!(bench.count("0 ACK"), 4);
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn each_fork_has_a_prack_of_its_own() {
    let (mut bench, _) = alone();
    for (tag, rseq) in [("one", 5), ("two", 900)] {
        let more = format!("{}Require: 100rel\nRSeq: {rseq}\n{}", contact(tag), sdp("v=0 early"));
        answer(&mut bench, "183 Session Progress", tag, &more);
        let prack = bench.sent(A, "PRACK");
        assert_eq!(prack.header(Header::RAck).unwrap().to_str(), format!("{rseq} 1 INVITE"));
        assert_eq!(prack.to().unwrap().tag(), Some(tag));
    }
    assert_eq!(bench.count("0 PRACK"), 2);
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let (mut bench, a) = alone();
    answer(&mut bench, "180 Ringing", "one", &contact("one"));
    bench.ua[A].hangup(bench.now, a, Content::new().q850(16)).unwrap();
    bench.run();
    answer(&mut bench, "200 OK", "one", &(contact("one") + &sdp("v=0 one")));
    assert_eq!((bench.count("0 CANCEL"), bench.count("0 ACK"), bench.count("0 BYE")), (1, 1, 1));
    assert_eq!(bench.names(A), ["Progress 180"]);
    bench.wait(32_000 * MS);
    assert_eq!(bench.names(A), ["Ended Local"]);
    bench.assert_nothing_left();
}

//= RFC 3261 9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent; rather, the
//= client MUST wait for the arrival of a provisional response before sending the request."
#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let (mut bench, a) = alone();
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.count("0 CANCEL"), 0);
    answer(&mut bench, "100 Trying", "", "");
    assert_eq!(bench.count("0 CANCEL"), 1);
    answer(&mut bench, "487 Request Terminated", "one", "");
    assert_eq!(bench.names(A), ["Ended Local"]);
    bench.assert_nothing_left();
}

#[test]
fn contacts_of_a_302_are_tried_in_order_of_q_with_the_same_call_id_and_a_new_cseq() {
    let (mut bench, _) = alone();
    let first = bench.sent(A, "INVITE");
    answer(
        &mut bench,
        "302 Moved Temporarily",
        "x",
        "Contact: <sip:low@192.0.2.2>;q=0.1, <sip:high@192.0.2.2>;q=0.9\nContact: <mailto:x@y>\n",
    );
    let second = bench.sent(A, "INVITE");
    assert_eq!(second.request_uri(), Some("sip:high@192.0.2.2"));
    assert_eq!(second.cseq().unwrap().number, 2);
    for header in ["Call-ID", "From", "To"] {
        assert_eq!(first.header(header), second.header(header), "{header}");
    }
    // The better one refuses; what it redirects to is a loop, and is left out.
    answer(
        &mut bench,
        "302 Moved Temporarily",
        "y",
        "Contact: <sip:HIGH@192.0.2.2>, <sip:bob@192.0.2.2>;q=1.0\n",
    );
    let third = bench.sent(A, "INVITE");
    assert_eq!(third.request_uri(), Some("sip:HIGH@192.0.2.2"), "users are case sensitive");
    answer(&mut bench, "486 Busy Here", "z", "");
    assert_eq!(bench.sent(A, "INVITE").request_uri(), Some("sip:low@192.0.2.2"));
    answer(&mut bench, "486 Busy Here", "z", "");
    assert_eq!(bench.names(A), ["Redirected", "Redirected", "Failed 486"]);
    bench.assert_nothing_left();
}

#[test]
fn a_redirection_to_a_name_waits_for_the_user() {
    let (mut bench, a) = alone();
    answer(&mut bench, "302 Moved Temporarily", "x", "Contact: <sip:bob@elsewhere.example>\n");
    assert_eq!(bench.names(A), ["Redirected"]);
    let flow = bench.flow(A);
    bench.ua[A].follow(bench.now, a, "sip:bob@elsewhere.example", vec![flow]).unwrap();
    bench.run();
    assert_eq!(bench.sent(A, "INVITE").request_uri(), Some("sip:bob@elsewhere.example"));
    answer(&mut bench, "300 Multiple Choices", "x", "Contact: <sip:bob@nowhere.example>\n");
    bench.wait(32_000 * MS);
    assert_eq!(bench.names(A), ["Redirected", "Failed 300"]);
    bench.assert_nothing_left();
}

#[test]
fn two_that_redirect_to_each_other_make_no_loop() {
    let mut bench = Bench::new();
    bench.call();
    let mut last = None;
    for round in 0..20 {
        let Some((id, _)) =
            bench.events[B].iter().rev().find(|(_, event)| matches!(event, CallEvent::Incoming { .. }))
        else {
            break;
        };
        if last == Some(*id) {
            break;
        }
        last = Some(*id);
        let contacts = [format!("<sip:bob{}@192.0.2.2>", round % 3)];
        bench.ua[B].redirect(bench.now, last.unwrap(), 302, &contacts, Content::new()).unwrap();
        bench.run();
    }
    assert_eq!(bench.count("0 INVITE"), 4);
    assert_eq!(bench.names(A).last().unwrap(), "Failed 302");
    bench.assert_nothing_left();
}

#[test]
fn a_401_and_a_407_are_answered_with_credentials_and_a_new_cseq() {
    let provider = CredentialsProvider::new(|realm| (realm == "gw").then(|| Credentials::new("a", "b")));
    let config = CallConfig { credentials: Some(provider), ..CallConfig::default() };
    let mut bench = Bench::with(config, CallConfig::default());
    bench.cut = vec!["0 INVITE", "0 ACK", "0 BYE"];
    let a = bench.call();
    answer(
        &mut bench,
        "401 Unauthorized",
        "x",
        "WWW-Authenticate: Digest realm=\"gw\", nonce=\"1\", qop=\"auth\"\n",
    );
    let again = bench.sent(A, "INVITE");
    assert_eq!(again.cseq().unwrap().number, 2);
    assert!(again.header(Header::Authorization).unwrap().to_str().contains("username=\"a\""));
    answer(
        &mut bench,
        "407 Proxy",
        "y",
        "Proxy-Authenticate: Digest realm=\"gw\", nonce=\"2\", qop=\"auth\"\n",
    );
    let third = bench.sent(A, "INVITE");
    assert!(
        third.header(Header::ProxyAuthorization).is_some() && third.header(Header::Authorization).is_some()
    );
    answer(&mut bench, "200 OK", "one", &(contact("one") + &sdp("v=0 one")));
    // RFC 3261 22.1: the ACK repeats the INVITE's credentials.
    let ack = bench.sent(A, "ACK");
    assert_eq!(ack.cseq().unwrap().number, 3);
    assert_eq!(
        ack.header(Header::ProxyAuthorization).unwrap().as_bytes(),
        third.header(Header::ProxyAuthorization).unwrap().as_bytes()
    );
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.run();
    assert!(bench.sent(A, "BYE").header(Header::Authorization).is_some());
}

#[test]
fn without_credentials_for_the_realm_the_challenge_is_a_refusal() {
    let (mut bench, _) = alone();
    answer(&mut bench, "401 Unauthorized", "x", "WWW-Authenticate: Digest realm=\"other\", nonce=\"1\"\n");
    assert_eq!(bench.names(A), ["Failed 401"]);
    bench.assert_nothing_left();
}

#[test]
fn the_next_destination_is_tried_after_503_with_the_same_cseq() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 INVITE"];
    let mut invite = bench.invite();
    invite.destinations.insert(0, Flow { remote: "192.0.2.77:5060".parse().unwrap(), ..bench.flow(A) });
    bench.place(invite);
    answer(&mut bench, "503 Service Unavailable", "x", "Retry-After: 5\n");
    assert_eq!(bench.count("0 INVITE"), 2);
    assert_eq!(bench.sent(A, "INVITE").cseq().unwrap().number, 1);
    answer(&mut bench, "503 Service Unavailable", "x", "Retry-After: 7\n");
    let (_, event) = bench.events[A].pop().unwrap();
    assert!(matches!(event, CallEvent::Failed { status: 503, retry_after: Some(7), .. }), "{event:?}");
}

/// RFC 3261 12.2.1.1: Route in reverse order of Record-Route; requests go to the first, by its maddr and
/// transport.
#[test]
fn requests_follow_the_route_set_with_maddr_and_transport() {
    let (mut bench, a) = alone();
    let routes =
        "Record-Route: <sip:last.example;lr>, <sip:first.example:5080;lr;maddr=192.0.2.50;transport=tcp>\n";
    answer(&mut bench, "200 OK", "one", &format!("{routes}{}{}", contact("one"), sdp("v=0 one")));
    let ack = bench.sent(A, "ACK");
    assert_eq!(ack.request_uri(), Some("sip:one@192.0.2.2:5060"));
    let route: Vec<String> = ack.headers("Route").map(|route| route.to_string()).collect();
    assert_eq!(
        route,
        ["<sip:first.example:5080;lr;maddr=192.0.2.50;transport=tcp>", "<sip:last.example;lr>"]
    );
    bench.names(A);
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    let bye = bench.ua[A].poll_transmit().unwrap();
    assert_eq!((bye.flow.remote, bye.flow.transport), ("192.0.2.50:5080".parse().unwrap(), Transport::Tcp));
}

#[test]
fn a_strict_router_gets_its_own_uri_and_the_target_in_the_last_route() {
    let (mut bench, _) = alone();
    let more = format!("Record-Route: <sip:192.0.2.60>\n{}{}", contact("one"), sdp("v=0 one"));
    answer(&mut bench, "200 OK", "one", &more);
    let ack = bench.sent(A, "ACK");
    assert_eq!(ack.request_uri(), Some("sip:192.0.2.60"));
    assert_eq!(ack.header("Route").unwrap().to_str(), "<sip:one@192.0.2.2:5060>");
}

#[test]
fn a_preset_route_leads_the_invite_and_a_name_as_next_hop_is_told() {
    let mut bench = Bench::new();
    bench.cut = vec!["0 INVITE"];
    let mut invite = bench.invite();
    invite.routes = vec!["sip:192.0.2.2;lr".into()];
    let a = bench.place(invite);
    assert_eq!(bench.sent(A, "INVITE").header("Route").unwrap().to_str(), "<sip:192.0.2.2;lr>");
    answer(&mut bench, "200 OK", "one", "Contact: <sip:one@host.example>\n");
    assert!(bench.names(A).contains(&"NextHop".to_owned()));
    let _ = a;
}
