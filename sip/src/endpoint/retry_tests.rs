//! IOS's `retry` and `timers`, in virtual time.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use super::*;
use crate::config::{Retransmission, Retransmissions};
use crate::flow::Transport;
use crate::message::RequestBuilder;

const MS: Duration = Duration::from_millis(1);

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.9:5060".parse().unwrap(),
        connection: None,
    }
}

/// When something is sent, and when the wait ends, in ms.
fn run(endpoint: &mut Endpoint, start: Instant) -> (Vec<u128>, Option<u128>) {
    let mut sent = Vec::new();
    let mut now = start;
    loop {
        while endpoint.poll_transmit().is_some() {
            sent.push((now - start).as_millis());
        }
        while let Some(event) = endpoint.poll_event() {
            if matches!(
                event,
                Event::ClientTimeout { .. } | Event::AckTimeout { .. } | Event::PrackTimeout { .. }
            ) {
                return (sent, Some((now - start).as_millis()));
            }
        }
        let Some(next) = endpoint.poll_timeout() else { return (sent, None) };
        now = next;
        endpoint.handle_timeout(now);
    }
}

fn request(method: Method, retransmissions: Retransmissions) -> (Vec<u128>, Option<u128>) {
    let config = EndpointConfig { retransmissions, ..EndpointConfig::default() };
    let mut endpoint = Endpoint::new(config, [3; 32]);
    let start = Instant::now();
    endpoint.request(start, flow(), RequestBuilder::new(method, "sip:b@192.0.2.9"));
    run(&mut endpoint, start)
}

#[test]
fn with_the_counts_of_ios_invite_and_bye_wait_as_rfc_3261_says() {
    let (sent, end) = request(Method::Invite, Retransmissions::ios());
    assert_eq!(sent, [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert_eq!(end, Some(32_000));
    let (sent, end) = request(Method::Bye, Retransmissions::ios());
    assert_eq!(sent, [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(end, Some(32_000));
}

#[test]
fn retry_invite_2_sends_three_and_gives_up_after_3500_ms() {
    let twice = Retransmission { first: None, count: Some(2) };
    let (sent, end) = request(Method::Invite, Retransmissions { invite: twice, ..Retransmissions::ios() });
    assert_eq!((sent, end), (vec![0, 500, 1500], Some(3500)));
}

#[test]
fn timers_and_retry_count_for_each_method_by_itself() {
    let quick = Retransmission { first: Some(100 * MS), count: Some(3) };
    type Set = fn(&mut Retransmissions, Retransmission);
    let table: [(Method, Set); 12] = [
        (Method::Invite, |all, one| all.invite = one),
        (Method::Bye, |all, one| all.bye = one),
        (Method::Cancel, |all, one| all.cancel = one),
        (Method::Prack, |all, one| all.prack = one),
        (Method::Notify, |all, one| all.notify = one),
        (Method::Register, |all, one| all.register = one),
        (Method::Info, |all, one| all.info = one),
        (Method::Options, |all, one| all.options = one),
        (Method::Refer, |all, one| all.refer = one),
        (Method::Subscribe, |all, one| all.subscribe = one),
        (Method::Update, |all, one| all.update = one),
        (Method::Publish, |all, one| all.publish = one),
    ];
    for (method, set) in table {
        let mut all = Retransmissions::default();
        set(&mut all, quick);
        let (sent, end) = request(method.clone(), all);
        assert_eq!((sent, end), (vec![0, 100, 300, 700], Some(1500)), "{method}");
    }
}

#[test]
fn six_times_info_gives_up_after_19500_ms() {
    let (sent, end) = request(Method::Info, Retransmissions::ios());
    assert_eq!((sent, end), (vec![0, 500, 1500, 3500, 7500, 11500, 15500], Some(19_500)));
}

fn invited(retransmissions: Retransmissions) -> (Endpoint, Instant, ServerTransactionId) {
    let config =
        EndpointConfig { retransmissions, supported: vec!["100rel".into()], ..EndpointConfig::default() };
    let mut endpoint = Endpoint::new(config, [3; 32]);
    let now = Instant::now();
    let invite = b"INVITE sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
        From: <sip:b@192.0.2.9>;tag=1\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:b@192.0.2.9>\r\nSupported: 100rel\r\n\r\n";
    // The INVITE comes three times, which makes room for our repetitions.
    for _ in 0..3 {
        endpoint.handle_received(now, flow(), Bytes::from_static(invite));
    }
    match endpoint.poll_event() {
        Some(Event::Request { id, .. }) => (endpoint, now, id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn retry_response_counts_final_responses_without_ack() {
    for status in [200, 486] {
        let response = Retransmission { first: Some(200 * MS), count: Some(2) };
        let (mut endpoint, now, id) = invited(Retransmissions { response, ..Retransmissions::default() });
        endpoint.respond(now, id, Reply::new(status)).unwrap();
        assert_eq!(run(&mut endpoint, now), (vec![0, 200, 600], Some(1400)), "{status}");
    }
}

#[test]
fn retry_rel1xx_counts_reliable_responses_without_prack() {
    let rel1xx = Retransmission { first: Some(200 * MS), count: Some(2) };
    let (mut endpoint, now, id) = invited(Retransmissions { rel1xx, ..Retransmissions::default() });
    endpoint.respond_reliably(now, id, Reply::new(183)).unwrap();
    assert_eq!(run(&mut endpoint, now), (vec![0, 200, 600], Some(1400)));
}
