//! What the endpoint decides about transports, without sockets: when a request is too large for UDP, and how
//! much a datagram with a forged source can make us send.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sip::admission::{Admission, AdmissionConfig};
use sip::{
    Endpoint, EndpointConfig, Event, Flow, Header, Message, Method, Reply, RequestBuilder,
    ServerTransactionId, Transport,
};

fn flow(transport: Transport) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.9:5060".parse().unwrap(),
        connection: None,
    }
}

fn endpoint(config: EndpointConfig) -> Endpoint {
    let config = EndpointConfig { allow_events: vec!["message-summary".into()], ..config };
    Endpoint::new(config, [9; 32])
}

fn large() -> RequestBuilder {
    RequestBuilder::new(Method::Invite, "sip:1@192.0.2.9").header(Header::Subject, "x".repeat(1300))
}

/// All that is sent from now on until nothing waits any more, with the time of each in ms.
fn run(endpoint: &mut Endpoint, start: Instant, until: Duration) -> Vec<(u64, Flow, Message)> {
    let mut sent = Vec::new();
    let mut now = start;
    loop {
        while let Some(transmit) = endpoint.poll_transmit() {
            let at = (now - start).as_millis() as u64;
            sent.push((at, transmit.flow, Message::parse(transmit.payload).unwrap()));
        }
        match endpoint.poll_timeout().filter(|at| *at <= start + until) {
            Some(at) => now = at,
            None => return sent,
        }
        endpoint.handle_timeout(now);
    }
}

#[test]
fn rfc_3261_18_1_1_a_large_request_goes_over_tcp_when_switching_is_on() {
    let now = Instant::now();
    for (limit, builder, transport) in [
        (None, large(), Transport::Udp),
        (Some(EndpointConfig::SWITCH_ABOVE), large(), Transport::Tcp),
        (
            Some(EndpointConfig::SWITCH_ABOVE),
            RequestBuilder::new(Method::Invite, "sip:1@192.0.2.9"),
            Transport::Udp,
        ),
    ] {
        let mut endpoint = endpoint(EndpointConfig { tcp_above: limit, ..EndpointConfig::default() });
        endpoint.request(now, flow(Transport::Udp), builder);
        let transmit = endpoint.poll_transmit().unwrap();
        assert_eq!(transmit.flow.transport, transport);
        let request = Message::parse(transmit.payload).unwrap();
        assert_eq!(request.top_via().unwrap().transport, transport.as_str());
        let switched = u64::from(transport == Transport::Tcp);
        assert_eq!(endpoint.statistics().switched_to_tcp, switched);
    }
    // Exactly the limit stays.
    let len = {
        let mut endpoint = endpoint(EndpointConfig::default());
        endpoint.request(now, flow(Transport::Udp), large());
        endpoint.poll_transmit().unwrap().payload.len()
    };
    for (limit, transport) in [(len, Transport::Udp), (len - 1, Transport::Tcp)] {
        let mut endpoint = endpoint(EndpointConfig { tcp_above: Some(limit), ..EndpointConfig::default() });
        endpoint.request(now, flow(Transport::Udp), large());
        assert_eq!(endpoint.poll_transmit().unwrap().flow.transport, transport);
    }
}

#[test]
fn rfc_3261_18_1_1_a_refused_connection_sends_the_request_over_udp_and_then_it_may_fail() {
    let now = Instant::now();
    let mut endpoint = endpoint(EndpointConfig { tcp_above: Some(1300), ..EndpointConfig::default() });
    let id = endpoint.request(now, flow(Transport::Udp), large());
    let over_tcp = endpoint.poll_transmit().unwrap();
    endpoint.handle_transport_error(now, &over_tcp.flow);
    assert!(endpoint.poll_event().is_none(), "nobody hears of it");
    let sent = run(&mut endpoint, now, Duration::from_millis(1500));
    let times: Vec<_> = sent.iter().map(|(at, flow, _)| (*at, flow.transport)).collect();
    assert_eq!(times, [(0, Transport::Udp), (500, Transport::Udp), (1500, Transport::Udp)]);
    let (old, new) = (Message::parse(over_tcp.payload).unwrap(), &sent[0].2);
    assert_eq!(new.top_via().unwrap().transport, "UDP");
    assert_eq!(new.top_via().unwrap().branch(), old.top_via().unwrap().branch());
    assert_eq!(new.call_id(), old.call_id());
    assert_eq!(endpoint.statistics().switched_back, 1);
    // The answer on UDP finds the transaction; a CANCEL goes the same way.
    let response = format!(
        "SIP/2.0 180 Ringing\r\nVia: {}\r\nFrom: {}\r\nTo: <sip:1@192.0.2.9>;tag=1\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\n\r\n",
        new.header(Header::Via).unwrap(),
        new.header(Header::From).unwrap(),
        new.call_id().unwrap(),
    );
    endpoint.handle_received(now, flow(Transport::Udp), response.into());
    assert!(matches!(endpoint.poll_event(), Some(Event::Response { id: answered, .. }) if answered == id));
    assert!(endpoint.cancel(now, id));
    assert_eq!(endpoint.poll_transmit().unwrap().flow.transport, Transport::Udp);
    // ICMP for the datagrams: no third way.
    endpoint.handle_transport_error(now, &flow(Transport::Udp));
    assert!(matches!(endpoint.poll_event(), Some(Event::TransportFailed { id: failed }) if failed == id));
}

#[test]
fn rfc_5923_vias_on_streams_carry_alias_where_wanted() {
    let now = Instant::now();
    for (alias, transport, expected) in
        [(true, Transport::Tls, true), (true, Transport::Udp, false), (false, Transport::Tcp, false)]
    {
        let mut endpoint = endpoint(EndpointConfig { alias, ..EndpointConfig::default() });
        endpoint.request(now, flow(transport), RequestBuilder::new(Method::Options, "sip:h"));
        let request = Message::parse(endpoint.poll_transmit().unwrap().payload).unwrap();
        assert_eq!(request.header(Header::Via).unwrap().to_str().contains(";alias"), expected);
    }
}

fn invite(more: &str) -> String {
    format!(
        "INVITE sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:8000@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn id_of(endpoint: &mut Endpoint) -> ServerTransactionId {
    match endpoint.poll_event() {
        Some(Event::Request { id, .. }) => id,
        other => panic!("{other:?}"),
    }
}

/// Octets sent for each octet received, and messages sent, when nobody ever acknowledges.
fn factor(request: &str, status: u16, config: EndpointConfig) -> (f64, usize) {
    let now = Instant::now();
    let mut endpoint = endpoint(config);
    endpoint.handle_received(now, flow(Transport::Udp), request.to_owned().into());
    let id = id_of(&mut endpoint);
    endpoint.respond(now, id, Reply::new(status)).unwrap();
    let sent = run(&mut endpoint, now, Duration::from_secs(100));
    assert_eq!(endpoint.active_transactions(), 0);
    let octets: usize = sent.iter().map(|(.., message)| message.as_bytes().len()).sum();
    (octets as f64 / request.len() as f64, sent.len())
}

#[test]
fn what_a_datagram_makes_us_send_is_bounded() {
    let unbound =
        || EndpointConfig { amplification: u32::MAX, amplification_invite: u32::MAX, ..Default::default() };
    // RFC 3261 17.2.1 alone: at 0, 0.5, 1.5, 3.5, 7.5 … 31.5 s, which is eleven times.
    assert_eq!(factor(&invite(""), 486, unbound()).1, 11);
    assert_eq!(factor(&invite(""), 200, unbound()).1, 11);
    assert!(factor(&invite(""), 486, unbound()).0 > 9.0);

    for status in [200, 302, 486, 503, 603] {
        let (all, copies) = factor(&invite(""), status, EndpointConfig::default());
        assert!(all <= 10.0 && copies >= 9, "{status}: {all} {copies}");
        let strict = EndpointConfig { amplification_invite: 3, ..EndpointConfig::default() };
        let (all, copies) = factor(&invite(""), status, strict.clone());
        assert!(all <= 3.0 && copies >= 2, "{status}: {all} {copies}");
        // A real INVITE is larger than its refusal, and keeps the repetitions IOS has (6) even then.
        let real = invite(&format!("Subject: {}\r\n", "x".repeat(500)));
        let (all, copies) = factor(&real, status, strict);
        assert!(all <= 3.0 && copies >= 7, "{status}: {all} {copies}");
    }
}

#[test]
fn a_repeated_request_makes_room_and_a_known_dialog_is_not_bound() {
    let now = Instant::now();
    let mut bound = endpoint(EndpointConfig { amplification_invite: 3, ..EndpointConfig::default() });
    bound.handle_received(now, flow(Transport::Udp), invite("").into());
    let id = id_of(&mut bound);
    bound.respond(now, id, Reply::new(486)).unwrap();
    let sent = run(&mut bound, now, Duration::from_secs(20));
    assert!(bound.statistics().repetitions_withheld > 0);
    let before = sent.len();
    bound.handle_received(now + Duration::from_secs(20), flow(Transport::Udp), invite("").into());
    let again = run(&mut bound, now + Duration::from_secs(20), Duration::from_secs(11));
    assert!(again.len() >= 2 && before + again.len() <= 7, "{before} {}", again.len());

    let mut known = endpoint(EndpointConfig { amplification_invite: 3, ..EndpointConfig::default() });
    known.insert_dialog("1", "ours", "1");
    let request = invite("").replace("To: <sip:8000@192.0.2.1>", "To: <sip:8000@192.0.2.1>;tag=ours");
    known.handle_received(now, flow(Transport::Udp), request.into());
    let id = id_of(&mut known);
    known.respond(now, id, Reply::new(488)).unwrap();
    assert_eq!(run(&mut known, now, Duration::from_secs(100)).len(), 11);
}

#[test]
fn the_smallest_request_of_each_method_never_gets_more_than_three_times_its_octets() {
    let config = EndpointConfig {
        allow: Method::KNOWN.to_vec(),
        server: Some("Cisco-SIPGateway/IOS-15.2".repeat(3)),
        supported: vec!["100rel".into(), "timer".into(), "replaces".into(), "norefersub".into()],
        ..EndpointConfig::default()
    };
    for method in ["OPTIONS", "BYE", "INFO", "FOO", "SUBSCRIBE", "CANCEL", "NOTIFY", "PRACK"] {
        for more in ["", "k:x\r\nRequire:a,b,c\r\n", "v:SIP/2.0/UDP h\r\n"] {
            let request = format!(
                "{method} sip:a SIP/2.0\r\n{more}f:<sip:a>\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 {method}\r\n\r\n"
            );
            let now = Instant::now();
            let mut endpoint = endpoint(config.clone());
            endpoint.handle_received(now, flow(Transport::Udp), request.clone().into());
            let sent = run(&mut endpoint, now, Duration::from_secs(100));
            assert!(sent.len() <= 1);
            for (.., answer) in sent {
                let octets = answer.as_bytes().len();
                assert!(octets <= 3 * request.len(), "{octets} for {}: {answer:?}", request.len());
            }
        }
    }
}

#[test]
fn no_response_goes_to_a_group() {
    let config = EndpointConfig { use_maddr: true, ..EndpointConfig::default() };
    for maddr in ["224.0.1.75", "255.255.255.255", "[ff02::1]"] {
        let mut endpoint = endpoint(config.clone());
        let request = invite("").replace("branch=", &format!("maddr={maddr};branch="));
        endpoint.handle_received(Instant::now(), flow(Transport::Udp), request.into());
        let id = id_of(&mut endpoint);
        endpoint.respond(Instant::now(), id, Reply::new(486)).unwrap();
        assert_eq!(endpoint.poll_transmit().unwrap().flow.remote, flow(Transport::Udp).remote, "{maddr}");
    }
}

/// Requests to be spoiled.
fn originals() -> Vec<String> {
    let mut all = vec![
        invite(""),
        invite("Supported: 100rel\r\nSubject: something longer than usual, as people write it\r\n"),
        "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP h;maddr=203.0.113.7\r\nf:<sip:a>\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 OPTIONS\r\n\r\n"
            .to_owned(),
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.7\r\nCSeq: 1 INVITE\r\n\r\n".to_owned(),
        "\r\n\r\n".to_owned(),
    ];
    for method in ["NOTIFY", "SUBSCRIBE", "CANCEL", "BYE", "REGISTER", "ACK", "FOO"] {
        all.push(invite("Event: message-summary\r\n").replace("INVITE", method));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes in a datagram, with whatever source: what it makes us send goes back there and nowhere
    /// else, and is at most ten times as much, all repetitions for a minute and a half included.
    #[test]
    fn nothing_is_amplified_towards_a_source_that_proves_nothing(
        which in proptest::collection::vec((0usize..12, any::<prop::sample::Index>(), 0usize..60, any::<u8>()), 1..6),
        status in prop::sample::select(vec![100u16, 180, 200, 202, 302, 404, 486, 500, 603]),
    ) {
        let originals = originals();
        let config = EndpointConfig { allow: Method::KNOWN.to_vec(), ..EndpointConfig::default() };
        let mut endpoint = endpoint(config);
        let mut admission = Admission::new(AdmissionConfig { queue: 4, ..AdmissionConfig::default() }, [3; 32]);
        let now = Instant::now();
        let (mut received, mut sent) = (0, Vec::new());
        for (original, cut, len, octet) in which {
            let mut octets = originals[original].clone().into_bytes();
            let from = cut.index(octets.len());
            let to = (from + len).min(octets.len());
            octets.splice(from..to, [octet]);
            received += octets.len();
            admission.offer(now, flow(Transport::Udp), octets.into());
        }
        while let Some(admitted) = admission.poll() {
            endpoint.handle_message(now, admitted.flow, admitted.message);
            while let Some(event) = endpoint.poll_event() {
                if let Event::Request { id, .. } = event {
                    endpoint.respond(now, id, Reply::new(status)).unwrap();
                }
            }
        }
        while let Some(transmit) = admission.poll_transmit() {
            sent.push((transmit.flow.remote.ip(), transmit.payload.len()));
        }
        for (_, flow, message) in run(&mut endpoint, now, Duration::from_secs(90)) {
            sent.push((flow.remote.ip(), message.as_bytes().len()));
        }
        prop_assert!(sent.iter().all(|(to, _)| *to == flow(Transport::Udp).remote.ip()));
        let octets: usize = sent.iter().map(|(_, octets)| octets).sum();
        prop_assert!(octets <= 10 * received, "{octets} for {received}");
    }
}
