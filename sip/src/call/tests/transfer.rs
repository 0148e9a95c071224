//! REFER and Replaces (RFC 3515, RFC 3891, RFC 4488).

use super::*;

fn referred(bench: &mut Bench, refer: &Refer) -> (CallId, CallId, ReferId) {
    let (a, b) = bench.connect();
    bench.ua[A].refer(bench.now, a, refer).unwrap();
    bench.run();
    let (_, event) = bench.events[B].pop().unwrap();
    let CallEvent::Referred { refer, to, .. } = event else { panic!("{event:?}") };
    assert_eq!(to, "sip:carol@192.0.2.3");
    (a, b, refer)
}

#[test]
fn a_transfer_is_accepted_and_its_outcome_told() {
    let mut bench = Bench::new();
    let (a, b, refer) = referred(&mut bench, &Refer::new("sip:carol@192.0.2.3"));
    bench.ua[B].accept_refer(bench.now, b, refer).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["ReferAccepted", "ReferProgress 100"]);
    bench.ua[B].notify_refer(bench.now, b, refer, 180, None).unwrap();
    bench.ua[B].notify_refer(bench.now, b, refer, 200, None).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["ReferProgress 180", "ReferProgress 200 last"]);
    let notify = bench.sent(B, "NOTIFY");
    assert_eq!(notify.body(), b"SIP/2.0 200 OK\r\n");
    assert_eq!(notify.header("Subscription-State").unwrap().to_str(), "terminated;reason=noresource");
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn the_outcome_is_told_also_after_the_transferor_has_hung_up() {
    let mut bench = Bench::new();
    let (a, b, refer) = referred(&mut bench, &Refer::new("sip:carol@192.0.2.3"));
    bench.ua[B].accept_refer(bench.now, b, refer).unwrap();
    bench.run();
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Ended Remote"]);
    bench.ua[B].notify_refer(bench.now, b, refer, 486, None).unwrap();
    bench.run();
    assert_eq!(bench.count("0 200 NOTIFY"), 2);
    bench.assert_nothing_left();
}

#[test]
fn without_subscription_no_notify_is_sent() {
    let mut bench = Bench::new();
    let mut quiet = Refer::new("sip:carol@192.0.2.3");
    quiet.subscribe = false;
    let (a, b, refer) = referred(&mut bench, &quiet);
    bench.ua[B].accept_refer(bench.now, b, refer).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["ReferAccepted"]);
    assert_eq!(bench.sent(B, "202 REFER").header("Refer-Sub").unwrap().to_str(), "false");
    assert_eq!(bench.count("1 NOTIFY"), 0);
    bench.ua[A].hangup(bench.now, a, Content::new()).unwrap();
    bench.assert_nothing_left();
}

#[test]
fn a_refused_transfer_and_one_without_news_fail() {
    let mut bench = Bench::new();
    let (a, b, refer) = referred(&mut bench, &Refer::new("sip:carol@192.0.2.3"));
    bench.ua[B].refuse_refer(bench.now, b, refer, 603).unwrap();
    bench.run();
    assert_eq!(bench.names(A), ["ReferFailed 603"]);
    bench.ua[A].refer(bench.now, a, &Refer::new("sip:carol@192.0.2.3")).unwrap();
    bench.run();
    let (_, CallEvent::Referred { refer, .. }) = bench.events[B].pop().unwrap() else { panic!() };
    bench.cut = vec!["1 NOTIFY"];
    bench.ua[B].accept_refer(bench.now, b, refer).unwrap();
    bench.wait(200_000 * MS);
    assert_eq!(bench.names(A), ["ReferAccepted", "ReferFailed 408"]);
}

//= RFC 3515 2.4.2: "An agent responding to a REFER method MUST return a 400 (Bad Request) if the request
//= contained zero or more than one Refer-To header field values."
#[test]
fn a_refer_without_refer_to_gets_400() {
    let mut bench = Bench::new();
    bench.connect();
    let invite = bench.sent(A, "INVITE");
    let to = bench.sent(B, "200 INVITE").header("To").unwrap().to_str().into_owned();
    bench.inject(
        B,
        &format!(
            "REFER sip:bob@192.0.2.2 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKr\nFrom: {}\n\
             To: {to}\nCall-ID: {}\nCSeq: 5 REFER\nContact: <sip:a@192.0.2.1>\n\n",
            invite.header("From").unwrap(),
            invite.header("Call-ID").unwrap()
        ),
    );
    assert_eq!(bench.count("1 400 REFER"), 1);
}

#[test]
fn an_answered_invite_with_replaces_ends_the_call_it_names() {
    let mut bench = Bench::new();
    let (_, old) = bench.connect();
    let replaces = bench.ua[B].replaces(old).unwrap();
    // As B's peer sees it, so that is what a third party sends to the peer; here the peer is A itself.
    let parts: Vec<&str> = replaces.split(';').collect();
    let swapped = format!(
        "{};to-tag={};from-tag={}",
        parts[0],
        parts[2].trim_start_matches("from-tag="),
        parts[1].trim_start_matches("to-tag=")
    );
    let invite = bench.invite().content(Content::sdp("v=0 new").header(Header::Replaces, swapped));
    bench.place(invite);
    let (new, event) = bench.events[B].pop().unwrap();
    let CallEvent::Incoming { replaces: Some(named), .. } = event else { panic!("{event:?}") };
    assert_eq!(named, old);
    bench.ua[B].answer(bench.now, new, Content::sdp("v=0 taken")).unwrap();
    bench.run();
    assert_eq!(bench.names(B), ["Acknowledged".into(), format!("Ended Replaced({new:?})")]);
    assert_eq!(bench.count("1 BYE"), 1);
}

#[test]
fn replaces_of_what_does_not_exist_gets_481_and_a_malformed_one_400() {
    let mut bench = Bench::new();
    for (value, status) in [("x;to-tag=1;from-tag=2", 481), ("x;to-tag=1", 400)] {
        let invite = bench.invite().content(Content::sdp("v=0 x").header(Header::Replaces, value));
        bench.place(invite);
        assert_eq!(bench.names(A), [format!("Failed {status}")]);
    }
    assert!(bench.names(B).is_empty());
}

/// RFC 3891 3: `early-only` does not take an answered call.
#[test]
fn early_only_does_not_replace_an_answered_call() {
    let mut bench = Bench::new();
    let (a, _) = bench.connect();
    let replaces = bench.ua[A].replaces(a).unwrap() + ";early-only";
    let invite = bench.invite().content(Content::sdp("v=0 x").header(Header::Replaces, replaces));
    bench.place(invite);
    assert_eq!(bench.names(A), ["Failed 486"]);
}
