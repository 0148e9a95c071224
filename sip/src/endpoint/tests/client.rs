//! Client side, and two endpoints that agree.

use super::*;

fn send(bench: &mut Bench, method: Method, transport: Transport) -> (ClientTransactionId, Message) {
    let request = RequestBuilder::new(method, "sip:vm@192.0.2.9").header(Header::Route, "<sip:p;lr>");
    let mut flow = flow(transport);
    flow.connection = None;
    let id = bench.endpoint.request(bench.now, flow, request);
    (id, bench.sent().unwrap())
}

fn answer(request: &Message, status: u16, tag: &str) -> String {
    format!(
        "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag={tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\r\n",
        request.header("Via").unwrap(),
        request.header("From").unwrap(),
        request.header("To").unwrap(),
        request.header("Call-ID").unwrap(),
        request.header("CSeq").unwrap(),
    )
}

#[test]
fn a_request_is_complete() {
    let mut bench = Bench::new(config());
    let (_, request) = send(&mut bench, Method::Options, Transport::Udp);
    assert!(crate::validate::check_request(&request, &config()).is_ok(), "{request}");
    let via = request.top_via().unwrap();
    assert_eq!((via.host, via.port, via.transport), ("192.0.2.1", Some(5060), "UDP"));
    assert!(via.has_cookie() && via.rport() == Some(None));
    assert!(request.from().unwrap().tag().is_some());
    assert_eq!(request.header("User-Agent").unwrap().to_str(), "Tipring");
    let (_, second) = send(&mut bench, Method::Options, Transport::Udp);
    assert_ne!(request.call_id().unwrap(), second.call_id().unwrap());
    assert_ne!(via.branch(), second.top_via().unwrap().branch());
}

#[test]
fn a_non_invite_is_repeated_by_timer_e_and_ends_by_timer_f() {
    let mut bench = Bench::new(config());
    let (id, _) = send(&mut bench, Method::Options, Transport::Udp);
    let expected = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
    assert_eq!(bench.pass(32_000 * MS), expected);
    assert!(matches!(bench.event(), Event::ClientTimeout { id: ended } if ended == id));
    bench.assert_empty();
    // On a stream once.
    let (id, _) = send(&mut bench, Method::Options, Transport::Tcp);
    assert!(bench.pass(32_000 * MS).is_empty());
    assert!(matches!(bench.event(), Event::ClientTimeout { id: ended } if ended == id));
    bench.assert_empty();
}

#[test]
fn after_a_provisional_response_timer_e_is_t2() {
    let mut bench = Bench::new(config());
    let (_, request) = send(&mut bench, Method::Options, Transport::Udp);
    bench.pass(600 * MS);
    bench.udp(&answer(&request, 100, "t"));
    assert!(matches!(bench.event(), Event::Response { .. }));
    assert_eq!(bench.pass(13_000 * MS), [1500, 5500, 9500, 13500]);
    // The final answer: once to the user, repetitions absorbed for timer K.
    bench.udp(&answer(&request, 200, "t"));
    assert!(matches!(bench.event(), Event::Response { .. }));
    bench.udp(&answer(&request, 200, "t"));
    assert!(bench.endpoint.poll_event().is_none());
    assert!(bench.pass(4_999 * MS).is_empty());
    assert_eq!(bench.endpoint.active_transactions(), 1);
    bench.pass(MS);
    bench.assert_empty();
}

#[test]
fn responses_are_matched_by_branch_and_method_and_have_one_via() {
    let mut bench = Bench::new(config());
    let (_, request) = send(&mut bench, Method::Options, Transport::Udp);
    let good = answer(&request, 200, "t");
    for bad in [
        good.replace("z9hG4bK", "z9hG4bL"),
        good.replace("1 OPTIONS", "1 INVITE"),
        good.replace("From:", "Via: SIP/2.0/UDP other\r\nFrom:"),
        good.replace("Via: ", "X: "),
    ] {
        bench.udp(&bad);
        assert!(bench.endpoint.poll_event().is_none());
    }
    assert_eq!(bench.endpoint.statistics().stray_responses, 4);
    bench.udp(&good);
    assert!(matches!(bench.event(), Event::Response { .. }));
}

#[test]
fn an_invite_is_repeated_by_timer_a_and_ends_by_timer_b() {
    let mut bench = Bench::new(config());
    let (id, _) = send(&mut bench, Method::Invite, Transport::Udp);
    assert_eq!(bench.pass(32_000 * MS), [500, 1500, 3500, 7500, 15500, 31500]);
    assert!(matches!(bench.event(), Event::ClientTimeout { id: ended } if ended == id));
    bench.assert_empty();
}

#[test]
fn a_ringing_invite_waits_without_limit_and_a_refusal_is_acknowledged_each_time() {
    let mut bench = Bench::new(config());
    let (_, request) = send(&mut bench, Method::Invite, Transport::Udp);
    bench.udp(&answer(&request, 180, "t"));
    bench.event();
    assert!(bench.pass(600_000 * MS).is_empty());
    for copy in 0..3 {
        bench.udp(&answer(&request, 486, "t"));
        assert_eq!(bench.endpoint.poll_event().is_some(), copy == 0);
        let ack = bench.sent().unwrap();
        // RFC 3261 17.1.1.3
        assert_eq!((ack.method(), ack.request_uri()), (Some(Method::Ack), request.request_uri()));
        assert_eq!(ack.header("Via").unwrap(), request.header("Via").unwrap());
        assert_eq!(ack.header("From").unwrap(), request.header("From").unwrap());
        assert_eq!(ack.header("Route").unwrap(), request.header("Route").unwrap());
        assert_eq!(ack.to().unwrap().tag(), Some("t"));
        assert_eq!((ack.cseq().unwrap().number, ack.cseq().unwrap().method), (1, "ACK"));
        assert!(bench.sent().is_none());
    }
    // Timer D, at least 32 s.
    bench.pass(31_999 * MS);
    assert_eq!(bench.endpoint.active_transactions(), 1);
    bench.pass(MS);
    bench.assert_empty();
}

#[test]
fn every_2xx_of_every_fork_reaches_the_user_for_64_t1() {
    let mut bench = Bench::new(config());
    let (_, request) = send(&mut bench, Method::Invite, Transport::Udp);
    for tag in ["a", "b", "a"] {
        bench.udp(&answer(&request, 200, tag));
        assert!(matches!(bench.event(), Event::Response { .. }));
        assert!(bench.sent().is_none(), "the ACK to a 2xx is the user's");
    }
    // RFC 6026: other responses are absorbed.
    bench.udp(&answer(&request, 180, "c"));
    assert!(bench.endpoint.poll_event().is_none());
    bench.pass(32_000 * MS);
    bench.assert_empty();
}

#[test]
fn a_cancel_waits_for_a_provisional_response_and_then_bounds_the_wait() {
    let mut bench = Bench::new(config());
    let (id, request) = send(&mut bench, Method::Invite, Transport::Tcp);
    assert!(bench.endpoint.cancel(bench.now, id));
    assert!(bench.sent().is_none());
    bench.tcp(&answer(&request, 100, "t"));
    let cancel = bench.sent().unwrap();
    assert_eq!((cancel.method(), cancel.request_uri()), (Some(Method::Cancel), request.request_uri()));
    assert_eq!(cancel.header("Via").unwrap(), request.header("Via").unwrap());
    assert_eq!(cancel.header("To").unwrap(), request.header("To").unwrap());
    assert_eq!(cancel.header("Route").unwrap(), request.header("Route").unwrap());
    assert_eq!(cancel.cseq().unwrap().method, "CANCEL");
    assert!(!bench.endpoint.cancel(bench.now, id), "once");
    bench.event();
    bench.tcp(&answer(&cancel, 200, "t"));
    assert!(bench.endpoint.poll_event().is_none(), "the user does not care");
    bench.pass(32_000 * MS);
    assert!(matches!(bench.event(), Event::ClientTimeout { id: ended } if ended == id));
    bench.assert_empty();

    // Answered before anything was sent: nothing to cancel.
    let (id, request) = send(&mut bench, Method::Invite, Transport::Tcp);
    bench.endpoint.cancel(bench.now, id);
    bench.tcp(&answer(&request, 200, "t"));
    assert!(bench.sent().is_none());
    assert!(!bench.endpoint.cancel(bench.now, id));
}

#[test]
fn a_transport_error_ends_what_waits_on_that_flow_only() {
    let mut bench = Bench::new(config());
    let (id, _) = send(&mut bench, Method::Options, Transport::Tcp);
    let (other, request) = send(&mut bench, Method::Options, Transport::Udp);
    bench.endpoint.handle_transport_error(bench.now, &flow(Transport::Tcp));
    assert!(matches!(bench.event(), Event::TransportFailed { id: failed } if failed == id));
    assert!(bench.endpoint.poll_event().is_none());
    bench.udp(&answer(&request, 200, "t"));
    assert!(matches!(bench.event(), Event::Response { id, .. } if id == other));
}

#[test]
fn two_endpoints_agree_about_a_call() {
    let mut alice = Bench::new(config());
    let mut bob = Endpoint::new(config(), [2; 32]);
    let now = alice.now;
    let id = alice.endpoint.request(
        now,
        flow(Transport::Udp),
        RequestBuilder::new(Method::Invite, "sip:bob@192.0.2.9"),
    );
    let back = Flow {
        transport: Transport::Udp,
        local: flow(Transport::Udp).remote,
        remote: flow(Transport::Udp).local,
        connection: None,
    };
    bob.handle_received(now, back.clone(), alice.endpoint.poll_transmit().unwrap().payload);
    let Some(Event::Request { id: server, .. }) = bob.poll_event() else { panic!() };
    bob.respond(now, server, Reply::new(486)).unwrap();
    let refusal = bob.poll_transmit().unwrap();
    assert_eq!(refusal.flow, back);
    alice.endpoint.handle_received(now, flow(Transport::Udp), refusal.payload);
    assert!(matches!(alice.event(), Event::Response { id: answered, .. } if answered == id));
    bob.handle_received(now, back, alice.endpoint.poll_transmit().unwrap().payload);
    assert_eq!(bob.statistics().stray_acks, 0);
    bob.handle_timeout(now + Duration::from_secs(5));
    assert_eq!((bob.active_transactions(), bob.armed_timers()), (0, 0));
    alice.pass(32_000 * MS);
    alice.assert_empty();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes, in whatever order: no panic, and after the longest timer nothing is left.
    #[test]
    fn no_sequence_of_messages_leaves_anything_behind(
        steps in proptest::collection::vec((0u8..12, 0u8..4, 0u8..6, 0u64..40_000), 1..60),
    ) {
        let mut bench = Bench::new(config());
        let mut servers = Vec::new();
        let mut clients = Vec::new();
        let statuses = [100, 180, 200, 302, 486, 600];
        for (step, branch, status, wait) in steps {
            let branch = format!("z9hG4bK{branch}");
            let status = statuses[usize::from(status)];
            match step {
                0 => bench.udp(&notify(&branch)),
                1 => bench.tcp(&notify(&branch)),
                2 | 3 => bench.udp(&request("INVITE", &branch, "")),
                4 => bench.udp(&request("ACK", &branch, "")),
                5 => bench.udp(&request("CANCEL", &branch, "")),
                6 | 7 => if let Some(id) = servers.last() { let _ = bench.endpoint.respond(bench.now, *id, Reply::new(status)); },
                8 => {
                    let method = if status < 300 { Method::Invite } else { Method::Options };
                    clients.push(send_quietly(&mut bench, method));
                }
                9 => if let Some((_, request)) = clients.last() { let text = answer(request, status, &branch); bench.udp(&text); },
                10 => if let Some((id, _)) = clients.last() { bench.endpoint.cancel(bench.now, *id); },
                _ => { bench.pass(Duration::from_millis(wait)); }
            }
            while let Some(event) = bench.endpoint.poll_event() {
                match event {
                    Event::Request { id, .. } => servers.push(id),
                    Event::Cancel { id, .. } => { let _ = bench.endpoint.respond(bench.now, id, Reply::new(487)); }
                    _ => {}
                }
            }
        }
        // What still rings is answered, what was called and rings is answered for the peer.
        for id in servers { let _ = bench.endpoint.respond(bench.now, id, Reply::new(480)); }
        for (_, request) in &clients { let text = answer(request, 480, "z"); bench.udp(&text); }
        bench.pass(Duration::from_secs(200));
        bench.assert_empty();
    }

    #[test]
    fn random_octets_do_not_disturb_it(octets in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
        let mut bench = Bench::new(config());
        let mut text = notify("z9hG4bK1").into_bytes();
        text.truncate(cut);
        text.extend_from_slice(&octets);
        bench.endpoint.handle_received(bench.now, flow(Transport::Udp), text.into());
        bench.endpoint.handle_received(bench.now, flow(Transport::Tcp), octets.into());
        while let Some(event) = bench.endpoint.poll_event() {
            if let Event::Request { id, .. } = event { let _ = bench.endpoint.respond(bench.now, id, Reply::new(200)); }
        }
        while let Some(transmit) = bench.endpoint.poll_transmit() {
            prop_assert!(Message::parse(transmit.payload).is_ok());
        }
    }
}

fn send_quietly(bench: &mut Bench, method: Method) -> (ClientTransactionId, Message) {
    while bench.sent().is_some() {}
    send(bench, method, Transport::Udp)
}
