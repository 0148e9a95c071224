#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::flow::Transport;
use crate::message::{Header, RequestBuilder};

mod client;
mod invite;
mod reliable;

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
