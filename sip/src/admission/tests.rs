#![allow(clippy::unwrap_used, clippy::panic)]

use super::limits::MAX_SOURCES;
use super::*;
use crate::flow::Transport;

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

const PEER: &str = "192.0.2.9:5060";

fn request(method: &str, call: u32, to: &str) -> Bytes {
    format!(
        "{method} sip:1@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{call};rport\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:1@192.0.2.1>{to}\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    .into()
}

fn response(call: u32) -> Bytes {
    format!("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\n\r\n").into()
}

fn admission(config: AdmissionConfig) -> (Admission, Instant) {
    (Admission::new(config, [3; 32]), Instant::now())
}

fn unlimited(queue: usize) -> AdmissionConfig {
    AdmissionConfig { rate: 0, queue, ..AdmissionConfig::default() }
}

fn refusals(admission: &mut Admission) -> Vec<Message> {
    std::iter::from_fn(|| admission.poll_transmit())
        .map(|transmit| Message::parse(transmit.payload).unwrap())
        .collect()
}

#[test]
fn each_class_has_its_share_and_calls_there_are_come_first() {
    let (mut admission, now) = admission(unlimited(80));
    let mut call = 0;
    for (method, upto) in
        [("OPTIONS", 40), ("REGISTER", 50), ("NOTIFY", 60), ("SUBSCRIBE", 60), ("INVITE", 70), ("CANCEL", 70)]
    {
        for _ in 0..80 {
            call += 1;
            admission.offer(now, flow(PEER), request(method, call, ""));
        }
        assert_eq!(admission.waiting(), upto, "{method}");
    }
    let answers = refusals(&mut admission);
    assert_eq!(answers.len(), 480 - 70);
    assert!(answers.iter().all(|answer| answer.status().unwrap() == 503
        && answer.seconds(Header::RetryAfter).unwrap() == Some(5)
        && answer.to().unwrap().tag().is_some()));
    assert_eq!(admission.statistics().shed, [0, 70 + 80, 70 + 80, 70, 40]);
    // Calls push the least out, OPTIONS first, until nothing but calls waits.
    for (method, to) in [("BYE", ";tag=2"), ("INFO", ";tag=2"), ("ACK", ";tag=2"), ("INVITE", ";tag=2")] {
        for _ in 0..20 {
            call += 1;
            admission.offer(now, flow(PEER), request(method, call, to));
        }
    }
    assert_eq!(admission.waiting(), 80);
    assert_eq!(admission.statistics().shed[Class::Options as usize], 40 + 40);
    assert_eq!(refusals(&mut admission).len(), 70);
    assert_eq!(admission.statistics().admitted[Class::Dialog as usize], 80);
    // Only calls wait now: one more is refused, an ACK and a response in silence.
    admission.offer(now, flow(PEER), request("BYE", 9000, ";tag=2"));
    admission.offer(now, flow(PEER), request("ACK", 9001, ";tag=2"));
    admission.offer(now, flow(PEER), response(9002));
    assert_eq!(refusals(&mut admission).len(), 1);
    let mut last = None;
    while let Some(admitted) = admission.poll() {
        let class = Class::of(&admitted.message);
        assert!(last <= Some(class), "the best first");
        last = Some(class);
    }
    assert_eq!((admission.waiting(), admission.octets), (0, 0));
}

#[test]
fn a_cancel_does_not_overtake_its_invite() {
    let (mut admission, now) = admission(unlimited(100));
    admission.offer(now, flow(PEER), request("INVITE", 1, ""));
    admission.offer(now, flow(PEER), request("CANCEL", 1, ""));
    let order: Vec<_> =
        std::iter::from_fn(|| admission.poll()).map(|admitted| admitted.message.method().unwrap()).collect();
    assert_eq!(order, [Method::Invite, Method::Cancel]);
}

#[test]
fn a_refused_request_gets_one_answer_and_responses_and_acks_none() {
    let (mut admission, now) = admission(unlimited(1));
    admission.offer(now, flow(PEER), request("BYE", 1, ";tag=2"));
    for _ in 0..11 {
        admission.offer(now, flow(PEER), request("INVITE", 2, ""));
    }
    admission.offer(now, flow(PEER), request("ACK", 3, ""));
    admission.offer(now, flow(PEER), response(4));
    assert_eq!(refusals(&mut admission).len(), 1);
    assert_eq!((admission.statistics().refused, admission.statistics().refused_silently), (1, 10));
    // There is room again, but its sender has had an answer; a new request is welcome.
    admission.poll().unwrap();
    admission.offer(now, flow(PEER), request("INVITE", 2, ""));
    assert!(admission.poll().is_none() && refusals(&mut admission).is_empty());
    admission.offer(now, flow(PEER), request("INVITE", 5, ""));
    assert!(admission.poll().is_some());
    // After 64*T1 nobody repeats it, so it is a new one.
    admission.offer(now + REFUSED_FOR, flow(PEER), request("INVITE", 2, ""));
    assert!(admission.poll().is_some());
    assert!(admission.refused.is_empty() && admission.refused_order.is_empty());
}

#[test]
fn a_source_has_its_rate_and_burst_and_others_theirs() {
    let config = AdmissionConfig { rate: 10, burst: 20, ..AdmissionConfig::default() };
    let (mut admission, now) = admission(config);
    let mut call = 0;
    let mut admitted = |admission: &mut Admission, at: Duration, count: u32, remote: &str| {
        let before = admission.waiting();
        for _ in 0..count {
            call += 1;
            admission.offer(now + at, flow(remote), request("NOTIFY", call, ""));
        }
        admission.waiting() - before
    };
    assert_eq!(admitted(&mut admission, Duration::ZERO, 50, PEER), 20);
    assert_eq!(admitted(&mut admission, Duration::ZERO, 5, "192.0.2.10:5060"), 5);
    assert_eq!(admitted(&mut admission, Duration::from_millis(500), 50, "192.0.2.9:9"), 5, "another port");
    assert_eq!(admitted(&mut admission, Duration::from_secs(60), 50, PEER), 20);
    // A /64 is one source.
    let later = Duration::from_secs(60);
    assert_eq!(admitted(&mut admission, later, 15, "[2001:db8::1]:5060"), 15);
    assert_eq!(admitted(&mut admission, later, 15, "[2001:db8::ffff:2]:5060"), 5);
    assert_eq!(admitted(&mut admission, later, 15, "[2001:db8:0:1::2]:5060"), 15);
    assert_eq!(admission.statistics().limited, 30 + 45 + 30 + 10);
    assert_eq!(refusals(&mut admission).len(), 115);
    // What belongs to a call is let in when new requests are not.
    admission.offer(now + Duration::from_secs(60), flow(PEER), request("BYE", 1_000_000, ";tag=2"));
    assert!(matches!(admission.poll(), Some(one) if one.message.method() == Some(Method::Bye)));
}

#[test]
fn refusals_have_a_rate_of_their_own() {
    let config = AdmissionConfig { rate: 1, burst: 1, refusals: 10, ..AdmissionConfig::default() };
    let (mut admission, now) = admission(config);
    for call in 0..1000 {
        admission.offer(now, flow(PEER), request("OPTIONS", call, ""));
    }
    assert_eq!(refusals(&mut admission).len(), 10);
    assert_eq!(admission.statistics().refused_silently, 1000 - 1 - 10);
}

#[test]
fn everything_is_bounded_against_a_million_sources() {
    let config = AdmissionConfig { rate: 10, burst: 1, queue: 100, ..AdmissionConfig::default() };
    let (mut admission, now) = admission(config);
    for n in 0..(MAX_SOURCES as u32 * 2) {
        let remote = format!("10.{}.{}.{}:5060", n >> 16, (n >> 8) & 255, n & 255);
        admission.offer(now, flow(&remote), request("OPTIONS", n, ""));
        assert!(admission.poll_transmit().is_none_or(|transmit| transmit.payload.len() < 1000));
    }
    assert_eq!(admission.sources.len(), MAX_SOURCES);
    assert!(admission.waiting() <= 50 && admission.refused.len() <= MAX_REFUSED);
    // Full buckets are forgotten.
    admission.offer(now + Duration::from_secs(10), flow("10.9.9.9:5060"), request("OPTIONS", 1, ""));
    assert_eq!(admission.sources.len(), 1);
}

#[test]
fn octets_are_bounded_too() {
    let config = AdmissionConfig { octets: 10_000, ..unlimited(1000) };
    let (mut admission, now) = admission(config);
    let large = |call| {
        let mut text = String::from_utf8(request("INVITE", call, "").to_vec()).unwrap();
        text = text.replace("CSeq", &format!("Subject: {}\r\nCSeq", "x".repeat(900)));
        Bytes::from(text)
    };
    for call in 0..50 {
        admission.offer(now, flow(PEER), large(call));
    }
    assert!(admission.octets <= 10_000 * 7 / 8, "{}", admission.octets);
    assert!(admission.waiting() >= 6);
}

#[test]
fn nonsense_is_counted_and_costs_its_sender() {
    let config = AdmissionConfig { rate: 10, burst: 5, ..AdmissionConfig::default() };
    let (mut admission, now) = admission(config);
    for _ in 0..30 {
        admission.offer(now, flow(PEER), Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
        admission.offer(now, flow(PEER), Bytes::from_static(b"\r\n\r\n"));
    }
    admission.offer(now, flow(PEER), request("OPTIONS", 1, ""));
    assert!(admission.poll().is_none());
    assert_eq!((admission.statistics().unreadable, admission.statistics().keep_alives), (30, 30));
}

#[test]
fn no_refusal_is_longer_than_thrice_its_request() {
    let config = AdmissionConfig { server: Some("x".repeat(400)), ..unlimited(1) };
    let (mut admission, now) = admission(config);
    admission.offer(now, flow(PEER), request("BYE", 1, ";tag=2"));
    for (method, more) in [("OPTIONS", ""), ("FOO", ""), ("INVITE", "v:SIP/2.0/UDP h\r\n")] {
        let text = format!(
            "{method} sip:a SIP/2.0\r\n{more}f:<sip:a>\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 {method}\r\n\r\n"
        );
        admission.offer(now, flow(PEER), text.clone().into());
        let answers = refusals(&mut admission);
        assert_eq!(answers.len(), 1, "{text}");
        assert!(answers[0].as_bytes().len() <= 3 * text.len());
    }
}
