#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::flow::Transport;
use crate::message::{Header, RequestBuilder};

const MS: Duration = Duration::from_millis(1);

fn config() -> EndpointConfig {
    EndpointConfig {
        allow_events: vec!["message-summary".into()],
        supported: vec!["100rel".into(), "timer".into()],
        server: Some("Tipring".into()),
        // The RFC's timers alone; the bound has tests of its own (tests/transport_rules.rs).
        amplification: u32::MAX,
        amplification_invite: u32::MAX,
        ..EndpointConfig::default()
    }
}

fn flow(transport: Transport) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.9:5070".parse().unwrap(),
        connection: transport.is_reliable().then_some(1),
    }
}

/// An endpoint under a clock of its own.
struct Bench {
    endpoint: Endpoint,
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new(config: EndpointConfig) -> Bench {
        let start = Instant::now();
        Bench { endpoint: Endpoint::new(config, [1; 32]), start, now: start }
    }

    fn udp(&mut self, text: &str) {
        self.endpoint.handle_received(
            self.now,
            flow(Transport::Udp),
            Bytes::copy_from_slice(text.as_bytes()),
        );
    }

    fn tcp(&mut self, text: &str) {
        self.endpoint.handle_received(
            self.now,
            flow(Transport::Tcp),
            Bytes::copy_from_slice(text.as_bytes()),
        );
    }

    fn sent(&mut self) -> Option<Message> {
        self.endpoint.poll_transmit().map(|transmit| Message::parse(transmit.payload).unwrap())
    }

    fn event(&mut self) -> Event {
        self.endpoint.poll_event().expect("an event")
    }

    fn request(&mut self) -> ServerTransactionId {
        match self.event() {
            Event::Request { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }

    fn respond(&mut self, id: ServerTransactionId, status: u16) -> Message {
        self.endpoint.respond(self.now, id, Reply::new(status)).unwrap();
        self.sent().unwrap()
    }

    /// Lets `time` pass, and gives the times in ms, counted from the start of the test, at which something
    /// was sent.
    fn pass(&mut self, time: Duration) -> Vec<u64> {
        let until = self.now + time;
        let mut sent = Vec::new();
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.endpoint.handle_timeout(at);
            while self.endpoint.poll_transmit().is_some() {
                sent.push((at - self.start).as_millis() as u64);
            }
        }
        self.now = until;
        sent
    }

    /// Nothing is left behind.
    fn assert_empty(&self) {
        assert_eq!(self.endpoint.active_transactions(), 0);
        assert_eq!(self.endpoint.armed_timers(), 0);
        assert_eq!(self.endpoint.poll_timeout(), None);
        assert!(self.endpoint.server_index.is_empty() && self.endpoint.client_index.is_empty());
    }

    /// The one stateless answer to `text`.
    fn refusal(&mut self, text: &str) -> Message {
        self.udp(text);
        assert!(self.endpoint.poll_event().is_none(), "{text}");
        let answer = self.sent().unwrap_or_else(|| panic!("no answer to {text}"));
        assert!(self.sent().is_none());
        answer
    }
}

fn request(method: &str, branch: &str, more: &str) -> String {
    format!(
        "{method} sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5070;branch={branch}\r\nFrom: <sip:vm@192.0.2.9>;tag=1\r\n\
         To: <sip:8000@192.0.2.1>\r\nCall-ID: {branch}@vm\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn notify(branch: &str) -> String {
    request("NOTIFY", branch, "Event: message-summary\r\n")
}

fn to(text: &str, tag: &str) -> String {
    text.replace("To: <sip:8000@192.0.2.1>", &format!("To: <sip:8000@192.0.2.1>;tag={tag}"))
}

#[test]
fn a_response_takes_over_what_rfc_3261_8_2_6_says() {
    let mut bench = Bench::new(config());
    bench.udp(
        "NOTIFY sip:8000@192.0.2.1 SIP/2.0\r\nv: SIP/2.0/UDP host.example;branch=z9hG4bKa;rport;x=\"a;b\", SIP/2.0/TCP second\r\n\
         Via: SIP/2.0/UDP third\r\nf: <sip:vm@192.0.2.9>;tag=1\r\nt: \"A\" <sip:8000@192.0.2.1>\r\ni: 1@vm\r\nCSeq: 7 NOTIFY\r\n\
         Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nTimestamp: 54\r\no: message-summary\r\n\r\n",
    );
    let id = bench.request();
    bench.pass(250 * MS);
    bench
        .endpoint
        .respond(bench.now, id, Reply::new(200).header("X-Y", "z").body("text/plain", "hi"))
        .unwrap();
    let transmit = bench.endpoint.poll_transmit().unwrap();
    assert_eq!(transmit.flow.remote.port(), 5070, "rport: to the source port");
    let tag = bench.endpoint.keys.tag(bench.endpoint.servers[0].key_for_test());
    let expected = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP host.example;branch=z9hG4bKa;rport=5070;x=\"a;b\";received=192.0.2.9\r\n\
         Via: SIP/2.0/TCP second\r\nVia: SIP/2.0/UDP third\r\nFrom: <sip:vm@192.0.2.9>;tag=1\r\n\
         To: \"A\" <sip:8000@192.0.2.1>;tag={}\r\nCall-ID: 1@vm\r\nCSeq: 7 NOTIFY\r\nTimestamp: 54 0.250\r\n\
         Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nServer: Tipring\r\nX-Y: z\r\nContent-Type: text/plain\r\n\
         Content-Length: 2\r\n\r\nhi",
        tag.as_str()
    );
    assert_eq!(String::from_utf8_lossy(&transmit.payload), expected);
}

#[test]
fn the_response_goes_where_rfc_3261_18_2_2_says() {
    for (via, transport, port, config_maddr, host) in [
        ("192.0.2.9:5070;branch=z9hG4bK1;rport", Transport::Udp, 5070, false, "192.0.2.9"),
        ("192.0.2.9:5999;branch=z9hG4bK1", Transport::Udp, 5999, false, "192.0.2.9"),
        ("192.0.2.9;branch=z9hG4bK1", Transport::Udp, 5060, false, "192.0.2.9"),
        ("192.0.2.9:0;branch=z9hG4bK1", Transport::Udp, 5060, false, "192.0.2.9"),
        // Neither received nor maddr of the sender's own making can point elsewhere.
        (
            "h;branch=z9hG4bK1;received=203.0.113.1;maddr=203.0.113.2",
            Transport::Udp,
            5060,
            false,
            "192.0.2.9",
        ),
        ("h;branch=z9hG4bK1;maddr=203.0.113.2", Transport::Udp, 5060, true, "203.0.113.2"),
        ("192.0.2.9;branch=z9hG4bK1", Transport::Tcp, 5070, false, "192.0.2.9"),
    ] {
        let mut bench = Bench::new(EndpointConfig { use_maddr: config_maddr, ..config() });
        let text = notify("z9hG4bK1").replace("192.0.2.9:5070;branch=z9hG4bK1", via);
        bench.endpoint.handle_received(bench.now, flow(transport), text.into());
        let id = bench.request();
        bench.endpoint.respond(bench.now, id, Reply::new(200)).unwrap();
        let remote = bench.endpoint.poll_transmit().unwrap().flow.remote;
        assert_eq!(remote, SocketAddr::new(host.parse().unwrap(), port), "{via}");
    }
}

#[test]
fn retransmissions_of_a_non_invite_are_answered_from_the_transaction() {
    let mut bench = Bench::new(config());
    bench.udp(&notify("z9hG4bK1"));
    let id = bench.request();
    // RFC 3261 17.2.2: in Trying retransmissions are discarded.
    bench.udp(&notify("z9hG4bK1"));
    assert!(bench.sent().is_none() && bench.endpoint.poll_event().is_none());
    let answer = bench.respond(id, 200);
    bench.pass(31_000 * MS);
    bench.udp(&notify("z9hG4bK1"));
    assert_eq!(bench.sent().unwrap().as_bytes(), answer.as_bytes());
    assert!(bench.endpoint.poll_event().is_none());
    assert_eq!(bench.endpoint.respond(bench.now, id, Reply::new(200)), Err(TransactionGone));
    // Timer J, 64*T1 after the answer.
    assert!(bench.pass(999 * MS).is_empty());
    assert_eq!(bench.endpoint.active_transactions(), 1);
    bench.pass(MS);
    bench.assert_empty();
    let statistics = bench.endpoint.statistics();
    assert_eq!((statistics.retransmissions_received, statistics.retransmissions_sent), (2, 1));
    assert_eq!(
        (statistics.requests_received.get(&Method::Notify), statistics.responses_sent.get(200)),
        (1, 1)
    );
}

#[test]
fn to_a_non_invite_only_a_late_100_and_never_a_408_is_sent() {
    let mut bench = Bench::new(config());
    bench.udp(&notify("z9hG4bK1"));
    let id = bench.request();
    let quiet = |bench: &mut Bench, status| {
        bench.endpoint.respond(bench.now, id, Reply::new(status)).unwrap();
        bench.sent().is_none()
    };
    bench.pass(3_499 * MS);
    assert!(quiet(&mut bench, 100) && quiet(&mut bench, 180));
    bench.pass(MS);
    assert!(quiet(&mut bench, 180));
    assert_eq!(bench.respond(id, 100).status().unwrap(), 100);
    // Proceeding: a repetition gets the 100 again.
    bench.udp(&notify("z9hG4bK1"));
    assert_eq!(bench.sent().unwrap().status().unwrap(), 100);
    assert!(quiet(&mut bench, 408));
    bench.assert_empty();
}

#[test]
fn on_a_stream_timer_j_is_zero() {
    let mut bench = Bench::new(config());
    bench.tcp(&notify("z9hG4bK1"));
    let id = bench.request();
    bench.respond(id, 200);
    bench.assert_empty();
}

#[test]
fn a_late_answer_restarts_timer_j_and_a_missing_one_ends_at_timer_f() {
    let mut bench = Bench::new(config());
    bench.udp(&notify("z9hG4bK1"));
    let id = bench.request();
    bench.pass(20_000 * MS);
    bench.respond(id, 200);
    bench.pass(31_999 * MS);
    assert_eq!(bench.endpoint.active_transactions(), 1);
    bench.pass(MS);
    bench.assert_empty();

    bench.udp(&notify("z9hG4bK2"));
    let id = bench.request();
    bench.pass(31_999 * MS);
    assert!(bench.endpoint.poll_event().is_none());
    bench.pass(MS);
    assert!(matches!(bench.event(), Event::ServerTimeout { id: ended } if ended == id));
    assert!(bench.endpoint.respond(bench.now, id, Reply::new(200)).is_err());
    bench.assert_empty();
}

#[test]
fn rfc_2543_peers_and_peers_without_any_via_have_transactions_too() {
    let plain = notify("z9hG4bK1");
    for via in ["Via: SIP/2.0/UDP 192.0.2.9:5070\r\n", "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=4711\r\n", ""]
    {
        let text = plain.replace("Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1\r\n", via);
        let mut bench = Bench::new(config());
        bench.udp(&text);
        let id = bench.request();
        bench.endpoint.respond(bench.now, id, Reply::new(200)).unwrap();
        let answer = bench.endpoint.poll_transmit().unwrap();
        assert_eq!(answer.flow.remote.port(), 5070);
        bench.udp(&text);
        assert_eq!(bench.endpoint.poll_transmit().unwrap(), answer, "{via:?}");
        // Another CSeq, Call-ID, From tag or Request-URI is another request.
        for (old, new) in [
            ("CSeq: 1", "CSeq: 2"),
            ("Call-ID: z", "Call-ID: y"),
            ("tag=1", "tag=2"),
            ("sip:8000@", "sip:8001@"),
        ] {
            bench.udp(&text.replace(old, new));
            if old == "sip:8000@" {
                // Same From tag, Call-ID and CSeq with another Request-URI: merged (RFC 3261 8.2.2.2).
                assert_eq!(bench.sent().unwrap().status().unwrap(), 482);
            } else {
                bench.request();
            }
        }
    }
}

#[test]
fn a_sender_that_puts_one_branch_into_all_requests_is_not_repeating_itself() {
    let mut bench = Bench::new(config());
    for cseq in 1..=3 {
        bench.udp(&notify("z9hG4bK-1").replace("CSeq: 1", &format!("CSeq: {cseq}")));
        bench.request();
    }
}

#[test]
fn a_request_that_came_two_ways_is_merged() {
    let mut bench = Bench::new(config());
    bench.udp(&notify("z9hG4bK1"));
    bench.request();
    let other = notify("z9hG4bK1").replace("branch=z9hG4bK1", "branch=z9hG4bK2");
    assert_eq!(bench.refusal(&other).status().unwrap(), 482);
    assert_eq!(bench.endpoint.statistics().merged, 1);
    // Not inside a dialog.
    bench.udp(&to(&other.replace("z9hG4bK2", "z9hG4bK3"), "x"));
    bench.request();
}

#[test]
fn every_fault_gets_the_response_that_is_owed() {
    let good = notify("z9hG4bK1");
    let event = "Event: message-summary\r\n";
    for (text, status, reason) in [
        (good.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505, "Version Not Supported"),
        (good.replace("Call-ID: z9hG4bK1@vm\r\n", ""), 400, "Bad Request - Missing Call-ID"),
        (good.replace("From: <sip:vm@192.0.2.9>;tag=1\r\n", ""), 400, "Bad Request - Missing From"),
        (good.replace("To: <sip:8000@192.0.2.1>\r\n", ""), 400, "Bad Request - Missing To"),
        (good.replace("CSeq: 1 NOTIFY\r\n", ""), 400, "Bad Request - Missing CSeq"),
        (good.replace("CSeq: 1 NOTIFY", "CSeq: 1 INVITE"), 400, "Bad Request - CSeq method does not match"),
        (
            good.replace("CSeq: 1 NOTIFY", "CSeq: 36893488147419103232 NOTIFY"),
            400,
            "Bad Request - Malformed CSeq",
        ),
        (good.replace("To: <sip:8000", "To: \"Mr <sip:8000"), 400, "Bad Request - Malformed To"),
        (
            good.replace("From: <sip:vm@192.0.2.9>", "From: <sip:vm@192.0.2.9:x>"),
            400,
            "Bad Request - Malformed URI in From",
        ),
        (good.replace("To: <", "To: <sip:a@b>\r\nTo: <"), 400, "Bad Request - Multiple To"),
        (good.replace("Max-Forwards: 70", "Max-Forwards: 300"), 400, "Bad Request - Malformed Max-Forwards"),
        (good.replace("SIP/2.0/UDP 192", "SIP/2.0/UDP/192"), 400, "Bad Request - Malformed Via"),
        (
            good.replace("Content-Length: 0", "Content-Length: 0\r\nl: 1"),
            400,
            "Bad Request - Two different Content-Length",
        ),
        (
            good.replace("Content-Length: 0", "Content-Length: 9"),
            400,
            "Bad Request - Body shorter than Content-Length",
        ),
        (
            good.replace("Content-Length: 0", "Content-Length: no"),
            400,
            "Bad Request - Malformed Content-Length",
        ),
        (
            good.replace("sip:8000@192.0.2.1 SIP", "<sip:8000@192.0.2.1> SIP"),
            400,
            "Bad Request - Malformed Request-URI",
        ),
        (
            good.replace("sip:8000@192.0.2.1 SIP", "sip:8000 @192.0.2.1 SIP"),
            400,
            "Bad Request - Malformed Request-URI",
        ),
        (good.replace("sip:8000@192.0.2.1 SIP", "nobodyKnows:x SIP"), 416, "Unsupported URI Scheme"),
        (good.replace("NOTIFY", "COMET"), 501, "Not Implemented"),
        (good.replace("NOTIFY", "NOT@FY"), 400, "Bad Request - Malformed CSeq"),
        (good.replace("NOTIFY", "PUBLISH"), 405, "Method Not Allowed"),
        (
            good.replace(event, &format!("{event}Require: timer, nothing\r\nRequire: more\r\n")),
            420,
            "Bad Extension",
        ),
        (good.replace("message-summary", "presence"), 489, "Bad Event"),
        (
            good.replace(event, "Content-Type: text/html\r\n")
                .replace("Length: 0\r\n\r\n", "Length: 2\r\n\r\nhi"),
            489,
            "Bad Event",
        ),
        (
            good.replace(event, &format!("{event}Content-Encoding: gzip\r\n"))
                .replace("Length: 0\r\n\r\n", "Length: 2\r\n\r\nhi"),
            415,
            "Unsupported Media Type",
        ),
        (good.replace("NOTIFY", "BYE"), 481, "Call/Transaction Does Not Exist"),
        (to(&good, "x").replace("NOTIFY", "INVITE"), 481, "Call/Transaction Does Not Exist"),
        (good.replace("NOTIFY", "CANCEL"), 481, "Call/Transaction Does Not Exist"),
        (
            good.replace("sip:8000@192.0.2.1 SIP", &format!("sip:{}@h SIP", "8".repeat(3000))),
            414,
            "Request-URI Too Long",
        ),
    ] {
        let mut bench = Bench::new(config());
        let answer = bench.refusal(&text);
        assert_eq!(
            (answer.status().unwrap().as_u16(), answer.reason().unwrap().as_ref()),
            (status, reason),
            "{text}"
        );
        // Stateless: a repetition gets the same octets, and nothing is kept.
        assert_eq!(bench.refusal(&text).as_bytes(), answer.as_bytes());
        bench.assert_empty();
    }
}

#[test]
fn refusals_carry_the_lists_they_must() {
    let mut bench = Bench::new(config());
    let answer = bench.refusal(&notify("z9hG4bK1").replace("NOTIFY", "PUBLISH"));
    assert!(answer.list_contains(Header::Allow, "NOTIFY") && !answer.list_contains(Header::Allow, "PUBLISH"));
    let answer = bench.refusal(&notify("z9hG4bK1").replace("message-summary", "presence"));
    assert_eq!(answer.header(Header::AllowEvents).unwrap().to_str(), "message-summary");
    let answer =
        bench.refusal(&notify("z9hG4bK1").replace("Event:", "Require: a\r\nRequire: timer, b\r\nEvent:"));
    assert_eq!(answer.header(Header::Unsupported).unwrap().to_str(), "a, b");
    // The lists may change while running.
    bench.endpoint.set_config(EndpointConfig { allow: vec![Method::Options], ..config() });
    assert_eq!(bench.refusal(&notify("z9hG4bK1")).header(Header::Allow).unwrap().to_str(), "OPTIONS");
}

#[test]
fn options_is_answered_with_what_we_can_do() {
    let mut bench = Bench::new(config());
    let answer = bench.refusal(&request("OPTIONS", "z9hG4bK1", ""));
    assert_eq!(answer.status().unwrap(), 200);
    assert_eq!(answer.header(Header::Accept).unwrap().to_str(), "application/sdp");
    assert_eq!(answer.header(Header::AllowEvents).unwrap().to_str(), "message-summary");
    assert_eq!(answer.header(Header::Supported).unwrap().to_str(), "100rel, timer");
    assert!(answer.list_contains(Header::Allow, "INVITE"));
}

#[test]
fn a_notify_without_event_is_taken_for_a_message_summary_where_configured() {
    for (kind, body, accepted) in [
        ("application/simple-message-summary", "Messages-Waiting: yes\r\n", true),
        ("text/plain", "Messages-Waiting: yes\r\n", true),
        ("application/pidf+xml", "<x/>", false),
    ] {
        let text = request("NOTIFY", "z9hG4bK1", &format!("Content-Type: {kind}\r\n"))
            .replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut bench = Bench::new(config());
        bench.udp(&text);
        assert_eq!(bench.endpoint.poll_event().is_some(), accepted, "{kind}");
        let mut strict = Bench::new(EndpointConfig { notify_without_event: None, ..config() });
        assert_eq!(strict.refusal(&text).status().unwrap(), 489);
    }
}

#[test]
fn sizes_from_one_octet_to_64_kib_are_used_or_refused() {
    for size in [1usize, 100, 1000, 10_000, 16_384, 16_385, 40_000, 65_000] {
        for field in ["Subject", "From", "Call-ID", "Via", "Event", "CSeq"] {
            let filler = "a".repeat(size);
            let text = match field {
                "Subject" => notify("z9hG4bK1").replace("Event:", &format!("Subject: {filler}\r\nEvent:")),
                "From" => notify("z9hG4bK1").replace("From: <", &format!("From: \"{filler}\" <")),
                "Call-ID" => notify("z9hG4bK1").replace("Call-ID: ", &format!("Call-ID: {filler}")),
                "Via" => notify("z9hG4bK1")
                    .replace("branch=z9hG4bK1\r\n", &format!("branch=z9hG4bK1;x={filler}\r\n")),
                "Event" => {
                    notify("z9hG4bK1").replace("message-summary", &format!("message-summary;x={filler}"))
                }
                _ => notify("z9hG4bK1").replace("CSeq: 1 NOTIFY", &format!("CSeq: {filler} NOTIFY")),
            };
            let mut bench = Bench::new(config());
            bench.udp(&text);
            match bench.endpoint.poll_event() {
                Some(Event::Request { .. }) => assert!(size <= 16_384, "{field} {size}"),
                Some(other) => panic!("{other:?}"),
                None => assert_eq!(bench.sent().unwrap().status().unwrap(), 400, "{field} {size}"),
            }
        }
    }
}

#[test]
fn nothing_answers_acks_responses_and_noise() {
    let mut bench = Bench::new(config());
    for text in [
        request("ACK", "z9hG4bK1", ""),
        request("ACK", "z9hG4bK1", "").replace("Call-ID", "X-Call-ID"),
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnobody\r\nCSeq: 1 OPTIONS\r\n\r\n".into(),
        "SIP/2.0 200 OK\r\n\r\n".into(),
        "\r\n\r\n".into(),
        "\0\0\0\0".into(),
        "hello".into(),
    ] {
        bench.udp(&text);
        assert!(bench.sent().is_none() && bench.endpoint.poll_event().is_none(), "{text}");
    }
    let statistics = bench.endpoint.statistics();
    assert_eq!(
        (statistics.stray_acks, statistics.stray_responses, statistics.keep_alives, statistics.unreadable),
        (2, 2, 1, 2)
    );
    bench.assert_empty();
}

#[test]
fn at_the_cap_new_requests_get_503_and_old_ones_live_on() {
    let mut bench = Bench::new(EndpointConfig { max_transactions: 2, overload_retry_after: 9, ..config() });
    bench.udp(&notify("z9hG4bK1"));
    let first = bench.request();
    bench.udp(&notify("z9hG4bK2"));
    bench.request();
    let answer = bench.refusal(&notify("z9hG4bK3"));
    assert_eq!(answer.status().unwrap(), 503);
    assert_eq!(answer.seconds(Header::RetryAfter).unwrap(), Some(9));
    let answer = bench.respond(first, 200);
    assert_eq!(bench.refusal(&notify("z9hG4bK1")).as_bytes(), answer.as_bytes());
    assert_eq!(bench.endpoint.active_transactions(), 2);
    assert_eq!(bench.endpoint.statistics().overload, 1);
}

#[test]
fn in_dialog_requests_reach_the_user_of_a_registered_dialog() {
    let mut bench = Bench::new(config());
    let bye = to(&request("BYE", "z9hG4bK1", ""), "ours");
    assert_eq!(bench.refusal(&bye).status().unwrap(), 481);
    bench.endpoint.insert_dialog("z9hG4bK1@vm", "ours", "1");
    bench.udp(&bye);
    bench.request();
    bench.endpoint.remove_dialog("z9hG4bK1@vm", "ours", "1");
    assert_eq!(bench.refusal(&bye.replace("z9hG4bK1\r", "z9hG4bK2\r")).status().unwrap(), 481);
}

// ---- INVITE, server side ----

fn invite() -> String {
    request("INVITE", "z9hG4bKi", "Contact: <sip:vm@192.0.2.9>\r\n")
}

#[test]
fn an_invite_gets_100_after_200_ms_and_not_when_the_user_was_faster() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    bench.request();
    bench.now += 200 * MS;
    bench.endpoint.handle_timeout(bench.now);
    let trying = bench.sent().unwrap();
    assert_eq!(trying.status().unwrap(), 100);
    assert_eq!(trying.to().unwrap().tag(), None);
    // A repetition is answered with the latest provisional response.
    bench.udp(&invite());
    assert_eq!(bench.sent().unwrap().status().unwrap(), 100);

    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    assert_eq!(bench.respond(id, 180).status().unwrap(), 180);
    assert!(bench.pass(100_000 * MS).is_empty());
    bench.udp(&invite());
    assert_eq!(bench.sent().unwrap().status().unwrap(), 180);
}

#[test]
fn a_refused_invite_is_repeated_by_timer_g_until_the_ack_and_gone_after_timer_i() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    let answer = bench.respond(id, 486);
    assert_eq!(bench.pass(8_000 * MS), [500, 1500, 3500, 7500], "T1 doubling up to T2");
    let ack = to(&request("ACK", "z9hG4bKi", ""), answer.to().unwrap().tag().unwrap());
    bench.udp(&ack);
    assert!(bench.endpoint.poll_event().is_none(), "the transaction eats it");
    assert!(bench.pass(4_999 * MS).is_empty());
    bench.udp(&ack);
    assert_eq!(bench.endpoint.active_transactions(), 1);
    bench.pass(MS);
    bench.assert_empty();
    bench.udp(&ack);
    assert_eq!(bench.endpoint.statistics().stray_acks, 1);
}

#[test]
fn without_an_ack_timer_h_ends_it_after_64_t1() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::new(config());
        bench.endpoint.handle_received(bench.now, flow(transport), invite().into());
        let id = bench.request();
        bench.respond(id, 404);
        let sent = bench.pass(31_999 * MS);
        let expected: &[u64] = match transport {
            Transport::Udp => &[500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500],
            _ => &[],
        };
        assert_eq!(sent, expected);
        assert!(bench.endpoint.poll_event().is_none());
        bench.pass(MS);
        assert!(matches!(bench.event(), Event::AckTimeout { id: ended } if ended == id));
        bench.assert_empty();
    }
}

#[test]
fn a_2xx_is_repeated_on_every_transport_until_its_own_ack_comes() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::new(config());
        bench.endpoint.handle_received(bench.now, flow(transport), invite().into());
        let id = bench.request();
        let answer = bench.respond(id, 200);
        assert_eq!(bench.pass(4_000 * MS), [500, 1500, 3500]);
        // RFC 6026: a repeated INVITE is absorbed.
        bench.endpoint.handle_received(bench.now, flow(transport), invite().into());
        assert!(bench.sent().is_none() && bench.endpoint.poll_event().is_none());
        let tag = answer.to().unwrap().tag().unwrap();
        let ack = to(&request("ACK", "z9hG4bKother", ""), tag)
            .replace("Call-ID: z9hG4bKother", "Call-ID: z9hG4bKi");
        for _ in 0..2 {
            bench.endpoint.handle_received(bench.now, flow(transport), ack.clone().into());
        }
        assert!(matches!(bench.event(), Event::Ack { id: acked, .. } if acked == id));
        assert!(bench.endpoint.poll_event().is_none(), "once");
        assert!(bench.pass(27_999 * MS).is_empty());
        assert_eq!(bench.endpoint.active_transactions(), 1);
        bench.pass(MS);
        bench.assert_empty();
    }
}

#[test]
fn a_2xx_without_ack_is_reported() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    bench.respond(id, 200);
    bench.endpoint.respond(bench.now, id, Reply::new(200).to_tag("fork2")).unwrap();
    assert!(bench.endpoint.respond(bench.now, id, Reply::new(486)).is_err());
    bench.pass(32_000 * MS);
    assert!(matches!(bench.event(), Event::AckTimeout { .. }));
    bench.assert_empty();
}

#[test]
fn an_rfc_2543_ack_is_matched_by_the_tag_of_the_response() {
    let mut bench = Bench::new(config());
    let strip = |text: String| text.replace(";branch=z9hG4bKi", "");
    bench.udp(&strip(invite()));
    let id = bench.request();
    let answer = bench.respond(id, 486);
    let ack = strip(to(&request("ACK", "z9hG4bKi", ""), answer.to().unwrap().tag().unwrap()));
    bench.udp(&ack.replace("tag=1", "tag=2"));
    assert_eq!(bench.endpoint.statistics().stray_acks, 1);
    bench.udp(&ack);
    assert!(bench.pass(4_999 * MS).is_empty(), "timer G stopped");
    bench.pass(MS);
    bench.assert_empty();
}

#[test]
fn a_cancel_is_answered_once_per_copy_and_reported_once() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    bench.respond(id, 180);
    let cancel = request("CANCEL", "z9hG4bKi", "");
    for copy in 0..2 {
        bench.udp(&cancel);
        let answer = bench.sent().unwrap();
        assert_eq!((answer.status().unwrap().as_u16(), answer.cseq().unwrap().method), (200, "CANCEL"));
        assert_eq!(
            answer.to().unwrap().tag(),
            bench.endpoint.to_tag(id).as_deref(),
            "RFC 3261 9.2: same To tag"
        );
        match bench.endpoint.poll_event() {
            Some(Event::Cancel { id: cancelled, .. }) => assert!(cancelled == id && copy == 0),
            Some(other) => panic!("{other:?}"),
            None => assert_eq!(copy, 1),
        }
    }
    bench.respond(id, 487);
    // Too late: it is answered, and has no effect.
    bench.udp(&cancel);
    assert_eq!(bench.sent().unwrap().status().unwrap(), 200);
    assert!(bench.endpoint.poll_event().is_none());
}

fn invite_100rel() -> String {
    invite().replace("Contact:", "Supported: timer, 100rel\r\nContact:")
}

fn prack(rack: &str) -> Message {
    Message::parse(Bytes::from(request("PRACK", "z9hG4bKp", &format!("RAck: {rack}\r\n")))).unwrap()
}

#[test]
fn a_reliable_response_is_repeated_until_its_prack_on_every_transport() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::new(config());
        bench.endpoint.handle_received(bench.now, flow(transport), invite_100rel().into());
        let id = bench.request();
        let rseq = bench.endpoint.respond_reliably(bench.now, id, Reply::new(183)).unwrap();
        let sent = bench.sent().unwrap();
        assert!((1..1 << 31).contains(&rseq));
        assert_eq!((sent.rseq().unwrap(), sent.list_contains(Header::Require, "100rel")), (Some(rseq), true));
        assert_eq!(
            bench.endpoint.respond_reliably(bench.now, id, Reply::new(180)),
            Err(ReliableError::Pending)
        );
        // An unreliable one in between does not stop it.
        bench.respond(id, 180);
        assert_eq!(bench.pass(8_000 * MS), [500, 1500, 3500, 7500]);
        for wrong in
            [format!("{} 1 INVITE", rseq + 1), format!("{rseq} 2 INVITE"), format!("{rseq} 1 UPDATE")]
        {
            let refused = bench.endpoint.handle_prack(id, &prack(&wrong)).unwrap_err();
            assert_eq!(refused.status().as_u16(), 481, "{wrong}");
        }
        assert_eq!(bench.endpoint.handle_prack(id, &prack("x")).unwrap_err().status().as_u16(), 400);
        bench.endpoint.handle_prack(id, &prack(&format!("{rseq} 1 INVITE"))).unwrap();
        assert!(bench.pass(100_000 * MS).is_empty());
        assert!(bench.endpoint.handle_prack(id, &prack(&format!("{rseq} 1 INVITE"))).is_err(), "once");
        assert_eq!(bench.endpoint.respond_reliably(bench.now, id, Reply::new(180)), Ok(rseq + 1));
        bench.sent().unwrap();
        // The final answer ends the repetition of what is not acknowledged.
        bench.respond(id, 486);
        let tag = bench.endpoint.to_tag(id).unwrap();
        let ack = to(&request("ACK", "z9hG4bKi", ""), &tag);
        bench.endpoint.handle_received(bench.now, flow(transport), ack.into());
        assert!(bench.pass(100_000 * MS).is_empty());
        bench.assert_empty();
    }
}

#[test]
fn a_reliable_response_without_prack_is_reported_after_64_t1() {
    let mut bench = Bench::new(config());
    bench.udp(&invite_100rel());
    let id = bench.request();
    bench.endpoint.respond_reliably(bench.now, id, Reply::new(183)).unwrap();
    bench.sent().unwrap();
    assert_eq!(bench.pass(32_000 * MS), [500, 1500, 3500, 7500, 15500, 31500]);
    assert!(matches!(bench.event(), Event::PrackTimeout { id: late } if late == id));
    assert_eq!(bench.respond(id, 504).status().unwrap(), 504);
}

#[test]
fn what_cannot_be_sent_reliably_is_not_sent() {
    let mut bench = Bench::new(config());
    bench.udp(&invite());
    let id = bench.request();
    let mut try_status = |status| bench.endpoint.respond_reliably(bench.now, id, Reply::new(status));
    assert_eq!(try_status(183), Err(ReliableError::NotSupported));
    assert_eq!(try_status(100), Err(ReliableError::Status(100)));
    assert_eq!(try_status(200), Err(ReliableError::Status(200)));
    bench.respond(id, 486);
    assert_eq!(bench.endpoint.respond_reliably(bench.now, id, Reply::new(183)), Err(ReliableError::Gone));
}

#[test]
fn the_client_acknowledges_reliable_responses_in_order() {
    let response = |rseq: u32, require: &str| {
        Message::parse(Bytes::from(format!(
            "SIP/2.0 183 x\r\nVia: SIP/2.0/UDP h\r\nCSeq: 101 INVITE\r\nRSeq: {rseq}\r\n{require}\r\n"
        )))
        .unwrap()
    };
    let mut books = ReliableResponses::new();
    let require = "Require: 100rel\r\n";
    assert_eq!(books.handle(&response(5, "")), Received::Unreliable);
    assert_eq!(books.handle(&response(5, require)), Received::New { rack: "5 101 INVITE".into() });
    assert_eq!(books.handle(&response(5, require)), Received::Repeated);
    assert_eq!(books.handle(&response(7, require)), Received::Gap);
    assert_eq!(books.handle(&response(6, require)), Received::New { rack: "6 101 INVITE".into() });
    assert_eq!(books.handle(&response(7, require)), Received::New { rack: "7 101 INVITE".into() });
    assert_eq!(books.handle(&response(4, require)), Received::Repeated);
}

// ---- client side ----

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
