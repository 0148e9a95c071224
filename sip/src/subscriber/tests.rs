#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::message::{RequestDefaults, encode_request};

struct Bench {
    subscriber: Subscriber,
    start: Instant,
    now: Instant,
}

fn config() -> SubscriberConfig {
    SubscriberConfig {
        accept: vec!["application/simple-message-summary".into()],
        credentials: Some(Credentials::new("8000", "secret")),
        ..SubscriberConfig::new("sip:8000@vm", "<sip:8000@gw>", "<sip:8000@192.0.2.1>", "message-summary")
    }
}

fn parse(text: &str) -> Message {
    Message::parse(bytes::Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

impl Bench {
    fn new(config: SubscriberConfig) -> Bench {
        let now = Instant::now();
        let mut subscriber = Subscriber::new(config, [5; 32]);
        subscriber.start(now);
        Bench { subscriber, start: now, now }
    }

    /// The SUBSCRIBE that is wanted now; other output is dropped.
    fn subscribe(&mut self) -> Option<Message> {
        while let Some(output) = self.subscriber.poll_output() {
            if let Output::Send(request) = output {
                let defaults = RequestDefaults {
                    via: "SIP/2.0/UDP h;branch=z9hG4bK1",
                    from: "",
                    call_id: "",
                    user_agent: None,
                    max_forwards: 70,
                };
                return Some(Message::parse(encode_request(&request, &defaults)).unwrap());
            }
        }
        None
    }

    fn respond(&mut self, request: &Message, status: u16, more: &str) {
        let to = request.header("To").unwrap().to_str();
        let tag = if to.contains("tag=") { "" } else { ";tag=theirs" };
        let response = parse(&format!(
            "SIP/2.0 {status} x\r\nVia: SIP/2.0/UDP h\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:vm@192.0.2.9>\r\n{more}\r\n",
            request.header("From").unwrap(),
            request.header("Call-ID").unwrap(),
            request.header("CSeq").unwrap(),
        ));
        self.subscriber.handle_response(self.now, &response);
    }

    fn notify(&mut self, request: &Message, cseq: u32, state: &str) -> u16 {
        let state = if state.is_empty() { String::new() } else { format!("Subscription-State: {state}\r\n") };
        let notify = parse(&format!(
            "NOTIFY sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP vm\r\nFrom: <sip:8000@vm>;tag=theirs\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} NOTIFY\r\nContact: <sip:vm@192.0.2.9>\r\nEvent: message-summary\r\n{state}\r\n",
            request.header("From").unwrap(),
            request.header("Call-ID").unwrap(),
        ));
        self.subscriber.handle_notify(self.now, &notify).status().as_u16()
    }

    /// Lets time pass until something is to be sent, at most `seconds`; when, in s from the start.
    fn next_subscribe(&mut self, seconds: u64) -> Option<(f64, Message)> {
        let until = self.now + Duration::from_secs(seconds);
        loop {
            if let Some(request) = self.subscribe() {
                return Some(((self.now - self.start).as_secs_f64(), request));
            }
            match self.subscriber.poll_timeout().filter(|at| *at <= until) {
                Some(at) => {
                    self.now = at;
                    self.subscriber.handle_timeout(at);
                }
                None => {
                    self.now = until;
                    return None;
                }
            }
        }
    }

    /// Subscribed for an hour.
    fn active() -> (Bench, Message) {
        let mut bench = Bench::new(config());
        let subscribe = bench.subscribe().unwrap();
        bench.respond(&subscribe, 200, "Expires: 3600\r\n");
        assert_eq!(bench.subscriber.state(), SubscriberState::Active);
        (bench, subscribe)
    }
}

#[test]
fn a_subscribe_is_complete() {
    let mut bench = Bench::new(config());
    let subscribe = bench.subscribe().unwrap();
    assert!(
        crate::validate::check_request(
            &subscribe,
            &crate::EndpointConfig { allow_events: vec!["message-summary".into()], ..Default::default() }
        )
        .is_ok()
    );
    assert_eq!(subscribe.expires().unwrap(), Some(3600));
    assert_eq!(subscribe.header("Accept").unwrap().to_str(), "application/simple-message-summary");
    assert_eq!(subscribe.to().unwrap().uri_str().unwrap(), "sip:8000@vm");
}

#[test]
fn it_is_refreshed_inside_its_dialog_in_time_for_good() {
    let (mut bench, first) = Bench::active();
    for round in 1..=5u32 {
        let (at, refresh) = bench.next_subscribe(4000).unwrap();
        assert_eq!(at, f64::from(round) * 3240.0);
        assert_eq!(refresh.call_id().unwrap(), first.call_id().unwrap());
        assert_eq!(refresh.to().unwrap().tag(), Some("theirs"));
        assert_eq!(
            (refresh.cseq().unwrap().number, refresh.request_uri()),
            (round + 1, Some("sip:vm@192.0.2.9"))
        );
        bench.respond(&refresh, 200, "Expires: 3600\r\n");
    }
}

#[test]
fn the_notifier_shortens_the_time_and_cannot_lengthen_it() {
    for (granted, refreshed) in [("60", 30.0), ("100", 68.0), ("99999", 3240.0), ("0", 0.5)] {
        let mut bench = Bench::new(config());
        let subscribe = bench.subscribe().unwrap();
        bench.respond(&subscribe, 200, &format!("Expires: {granted}\r\n"));
        assert_eq!(bench.next_subscribe(4000).unwrap().0, refreshed, "{granted}");
    }
    let (mut bench, subscribe) = Bench::active();
    assert_eq!(bench.notify(&subscribe, 1, "active;expires=200"), 200);
    assert_eq!(bench.next_subscribe(4000).unwrap().0, 168.0);
}

#[test]
fn a_notify_before_the_200_makes_the_dialog() {
    let mut bench = Bench::new(config());
    let subscribe = bench.subscribe().unwrap();
    assert_eq!(bench.notify(&subscribe, 9, "pending;expires=3600"), 200);
    assert_eq!(bench.subscriber.state(), SubscriberState::Pending);
    bench.respond(&subscribe, 202, "Expires: 3600\r\n");
    assert_eq!(bench.subscriber.state(), SubscriberState::Pending);
    assert_eq!(bench.notify(&subscribe, 9, "active"), 500, "CSeq has to grow");
    assert_eq!(bench.notify(&subscribe, 10, "active;expires=3600"), 200);
    let refresh = bench.next_subscribe(4000).unwrap().1;
    assert_eq!((refresh.cseq().unwrap().number, refresh.to().unwrap().tag()), (2, Some("theirs")));
}

#[test]
fn notifys_of_others_are_refused_and_without_state_accepted() {
    let (mut bench, subscribe) = Bench::active();
    assert_eq!(bench.notify(&subscribe, 1, ""), 200);
    let notified = std::iter::from_fn(|| bench.subscriber.poll_output())
        .filter(|o| matches!(o, Output::Notified(_)))
        .count();
    assert_eq!(notified, 1);
    let text = format!(
        "NOTIFY sip:a SIP/2.0\r\nVia: SIP/2.0/UDP vm\r\nFrom: <sip:8000@vm>;tag=theirs\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 5 NOTIFY\r\nEvent: message-summary\r\n\r\n",
        subscribe.header("From").unwrap(),
        subscribe.header("Call-ID").unwrap()
    );
    for (bad, status) in [
        (text.replace("Call-ID: ", "Call-ID: x"), 481),
        (text.replace("tag=theirs", "tag=fork"), 481),
        (text.replace("summary", "presence"), 489),
        (text.replace("8000@gw>;tag=", "8000@gw>;tag=x"), 481),
    ] {
        assert_eq!(
            bench.subscriber.handle_notify(bench.now, &parse(&bad)).status().as_u16(),
            status,
            "{bad}"
        );
    }
}

#[test]
fn a_challenge_is_answered_once_and_stale_again() {
    let mut bench = Bench::new(config());
    let first = bench.subscribe().unwrap();
    bench.respond(&first, 401, "WWW-Authenticate: Digest realm=\"vm\", nonce=\"1\", qop=\"auth\"\r\n");
    let second = bench.subscribe().unwrap();
    assert_eq!(second.cseq().unwrap().number, 2);
    assert!(second.header("Authorization").unwrap().to_str().contains("nonce=\"1\""));
    bench.respond(
        &second,
        401,
        "WWW-Authenticate: Digest realm=\"vm\", nonce=\"2\", qop=\"auth\", stale=true\r\n",
    );
    let third = bench.subscribe().unwrap();
    assert!(third.header("Authorization").unwrap().to_str().contains("nonce=\"2\""));
    bench.respond(&third, 200, "Expires: 3600\r\n");
    let refresh = bench.next_subscribe(4000).unwrap().1;
    assert!(refresh.header("Authorization").unwrap().to_str().contains("nc=00000002"));
    // Wrong password: no loop.
    let mut bench = Bench::new(config());
    let first = bench.subscribe().unwrap();
    bench.respond(&first, 407, "Proxy-Authenticate: Digest realm=\"vm\", nonce=\"1\"\r\n");
    let second = bench.subscribe().unwrap();
    assert!(second.header("Proxy-Authorization").is_some());
    bench.respond(&second, 407, "Proxy-Authenticate: Digest realm=\"vm\", nonce=\"2\"\r\n");
    assert!(bench.subscribe().is_none());
    assert_eq!(bench.subscriber.state(), SubscriberState::Waiting);
    // Later attempts answer again, as often as it takes.
    for _ in 0..6 {
        let (_, request) = bench.next_subscribe(4000).unwrap();
        assert!(request.header("Proxy-Authorization").is_none());
        bench.respond(&request, 407, "Proxy-Authenticate: Digest realm=\"vm\", nonce=\"1\"\r\n");
        let answered = bench.subscribe().unwrap();
        assert!(answered.header("Proxy-Authorization").is_some());
        bench.respond(&answered, 407, "Proxy-Authenticate: Digest realm=\"vm\", nonce=\"2\"\r\n");
        assert!(bench.subscribe().is_none());
    }
}

#[test]
fn a_423_is_obeyed() {
    let mut bench = Bench::new(config());
    let first = bench.subscribe().unwrap();
    bench.respond(&first, 423, "Min-Expires: 7200\r\n");
    let second = bench.subscribe().unwrap();
    assert_eq!(second.expires().unwrap(), Some(7200));
    bench.respond(&second, 423, "Min-Expires: 60\r\n");
    assert!(bench.subscribe().is_none(), "no sense, no loop");
}

#[test]
fn failures_back_off_and_retry_after_is_obeyed() {
    let mut bench = Bench::new(config());
    let mut before = 0.0;
    for wait in [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0] {
        let request =
            bench.subscribe().or_else(|| bench.next_subscribe(4000).map(|(_, request)| request)).unwrap();
        let at = (bench.now - bench.start).as_secs_f64();
        assert_eq!(request.cseq().unwrap().number, 1, "a new dialog each time");
        if wait > 30.0 {
            let waited = at - before;
            assert!(waited >= wait / 2.0 && waited <= wait * 1.2, "{waited} {wait}");
        }
        before = at;
        match wait as u32 % 40 {
            0 => bench.respond(&request, 404, ""),
            _ => bench.subscriber.handle_failure(bench.now),
        }
    }
    let request = bench.next_subscribe(4000).unwrap().1;
    let now = (bench.now - bench.start).as_secs_f64();
    bench.respond(&request, 503, "Retry-After: 77 (maintenance)\r\n");
    assert_eq!(bench.next_subscribe(4000).unwrap().0, now + 77.0);
}

#[test]
fn a_failed_refresh_leaves_the_subscription_until_it_runs_out() {
    let (mut bench, first) = Bench::active();
    let (_, refresh) = bench.next_subscribe(4000).unwrap();
    bench.respond(&refresh, 503, "");
    assert_eq!(bench.subscriber.state(), SubscriberState::Active);
    let mut last = bench.next_subscribe(4000).unwrap();
    while last.1.call_id().unwrap() == first.call_id().unwrap() {
        assert!(last.0 < 3600.0);
        bench.subscriber.handle_failure(bench.now);
        last = bench.next_subscribe(4000).unwrap();
    }
    assert_eq!(last.0, 3600.0);
}

#[test]
fn a_lost_subscription_is_made_anew_at_once() {
    let (mut bench, first) = Bench::active();
    let (at, refresh) = bench.next_subscribe(4000).unwrap();
    bench.respond(&refresh, 481, "");
    let (again, anew) = bench.next_subscribe(0).unwrap();
    assert_eq!(again, at);
    assert_ne!(anew.call_id().unwrap(), first.call_id().unwrap());
    assert_eq!((anew.to().unwrap().tag(), anew.request_uri()), (None, Some("sip:8000@vm")));
}

#[test]
fn termination_is_followed_by_what_its_reason_says() {
    for (state, least, most) in [
        ("terminated;reason=deactivated", 0.0, 0.0),
        ("terminated;reason=timeout", 0.0, 0.0),
        ("terminated;reason=probation;retry-after=5", 5.0, 5.0),
        ("terminated;reason=giveup", 30.0, 36.0),
        ("terminated", 30.0, 36.0),
        ("terminated;reason=noresource", 1800.0, 1800.0),
    ] {
        let (mut bench, subscribe) = Bench::active();
        assert_eq!(bench.notify(&subscribe, 1, state), 200);
        let at = bench.next_subscribe(4000).unwrap().0;
        assert!((least..=most).contains(&at), "{state}: {at}");
    }
}

#[test]
fn stopping_unsubscribes_and_stays_stopped() {
    let (mut bench, _) = Bench::active();
    bench.subscriber.stop(bench.now);
    let last = bench.subscribe().unwrap();
    assert_eq!(last.expires().unwrap(), Some(0));
    bench.respond(&last, 200, "Expires: 0\r\n");
    assert_eq!(bench.notify(&last, 3, "terminated;reason=timeout"), 200);
    assert_eq!(bench.subscriber.state(), SubscriberState::Idle);
    assert!(bench.next_subscribe(100_000).is_none());
    assert_eq!(bench.subscriber.poll_timeout(), None);
    // Without the last NOTIFY too.
    let (mut bench, _) = Bench::active();
    bench.subscriber.stop(bench.now);
    let last = bench.subscribe().unwrap();
    bench.respond(&last, 200, "");
    assert!(bench.next_subscribe(100_000).is_none());
    assert_eq!(bench.subscriber.state(), SubscriberState::Idle);
}

#[test]
fn every_dialog_made_is_ended() {
    let (mut bench, subscribe) = Bench::active();
    bench.notify(&subscribe, 1, "terminated;reason=deactivated");
    bench.subscriber.stop(bench.now);
    let mut bench2 = Bench::active().0;
    bench2.subscriber.stop(bench2.now);
    bench2.subscriber.handle_failure(bench2.now);
    for mut subscriber in [bench.subscriber, bench2.subscriber] {
        let (mut made, mut ended) = (Vec::new(), Vec::new());
        while let Some(output) = subscriber.poll_output() {
            match output {
                Output::DialogMade(a, b, c) => made.push((a, b, c)),
                Output::DialogEnded(a, b, c) => ended.push((a, b, c)),
                _ => {}
            }
        }
        // What was made before `active` drained its SUBSCRIBE is in both lists as well.
        assert!(!ended.is_empty() && made.iter().all(|dialog| ended.contains(dialog)));
    }
}

#[test]
fn timer_n_counts_where_it_is_wanted() {
    for (require_notify, expected) in [(true, SubscriberState::Waiting), (false, SubscriberState::Active)] {
        let mut bench = Bench::new(SubscriberConfig { require_notify, ..config() });
        let subscribe = bench.subscribe().unwrap();
        bench.respond(&subscribe, 200, "Expires: 3600\r\n");
        assert!(bench.next_subscribe(33).is_none());
        assert_eq!(bench.subscriber.state(), expected);
    }
}
