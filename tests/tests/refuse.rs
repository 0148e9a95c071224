//! Bad and foreign requests and the exact answer each gets, over bare sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr};

use system_tests::{NotifyText, Tipringd, VoiceMail};

/// 8000 has `mwi`, 8001's port has not.
fn gateway() -> Tipringd {
    Tipringd::start(
        "voice-port 2/0\n mwi\n!\nvoice-port 2/1\n no mwi\n!\n\
         dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         dial-peer voice 2 pots\n destination-pattern 8001\n port 2/1\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n",
    )
}

/// What is wrong, the request made from a good one, status, and a header with a word that must stand in it.
type Row = (&'static str, fn(NotifyText) -> NotifyText, u16, Option<(&'static str, &'static str)>);

const ROWS: &[Row] = &[
    ("nothing", |n| n, 200, None),
    (
        "a number of nobody",
        |mut n| {
            n.uri = n.uri.replace("8000", "9999");
            n.set("To", "<sip:9999@gateway.example.com>")
        },
        404,
        None,
    ),
    (
        "a port without mwi",
        |mut n| {
            n.uri = n.uri.replace("8000", "8001");
            n
        },
        481,
        None,
    ),
    (
        "an event package we don't have",
        |n| n.set("Event", "dialog"),
        489,
        Some(("Allow-Events", "message-summary")),
    ),
    (
        "a body of another type",
        |n| n.set("Content-Type", "application/sdp"),
        415,
        Some(("Accept", "application/simple-message-summary")),
    ),
    ("a method nobody has", |n| n.method("FROBNICATE"), 501, None),
    ("REGISTER", |n| n.method("REGISTER"), 405, Some(("Allow", "NOTIFY"))),
    ("MESSAGE", |n| n.method("MESSAGE"), 405, Some(("Allow", "NOTIFY"))),
    (
        "SUBSCRIBE to an event package we don't have",
        |n| n.method("SUBSCRIBE").set("Event", "dialog").without("Content-Type").body(""),
        489,
        Some(("Allow-Events", "message-summary")),
    ),
    (
        "INVITE for a number of nobody",
        |mut n| {
            n.uri = n.uri.replace("8000", "9999");
            n.method("INVITE").without("Event").without("Subscription-State").without("Content-Type").body("")
        },
        404,
        Some(("Reason", "cause=1")),
    ),
    (
        "OPTIONS",
        |n| n.method("OPTIONS").without("Event").without("Content-Type").body(""),
        200,
        Some(("Allow", "NOTIFY")),
    ),
    ("Messages-Waiting: maybe", |n| n.body("Messages-Waiting: maybe\r\n"), 400, None),
    ("no Messages-Waiting", |n| n.body("Voice-Message: 1/0\r\n"), 400, None),
    ("no body", |n| n.body(""), 400, None),
    ("no Call-ID", |n| n.without("Call-ID"), 400, None),
    ("no CSeq", |n| n.without("CSeq"), 400, None),
    ("no From", |n| n.without("From"), 400, None),
    ("no To", |n| n.without("To"), 400, None),
    ("another method in CSeq", |n| n.set("CSeq", "1 OPTIONS"), 400, None),
    ("a body shorter than Content-Length", |n| n.set("Content-Length", "400"), 400, None),
    (
        "an extension we don't have",
        |n| n.set("Require", "frobnication"),
        420,
        Some(("Unsupported", "frobnication")),
    ),
    (
        "a scheme we don't have",
        |mut n| {
            n.uri = "http://gateway.example.com/8000".into();
            n
        },
        416,
        None,
    ),
];

#[test]
fn each_bad_request_gets_its_status() {
    let gateway = gateway();
    let mut wrong = Vec::new();
    for (what, bend, status, header) in ROWS {
        // a socket of its own: late repetitions of one row's answer don't reach the next
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        let answer = voice_mail.ask(&bend(voice_mail.text("8000", true)).render());
        if answer.status != *status {
            wrong.push(format!("{what}: expected {status}, came {} {}", answer.status, answer.reason));
        } else if let Some((name, word)) = header
            && !answer.header(name).is_some_and(|value| value.contains(word))
        {
            wrong.push(format!("{what}: expected {name} with {word}: {:?}", answer.headers));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn another_version_of_sip_gets_505() {
    let gateway = gateway();
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    let request = String::from_utf8(voice_mail.text("8000", true).render()).unwrap();
    let request = request.replacen(" SIP/2.0\r\n", " SIP/3.0\r\n", 1);
    assert_eq!(voice_mail.ask(request.as_bytes()).status, 505);
}

#[test]
fn an_answer_belongs_to_its_request() {
    let gateway = gateway();
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    let request = voice_mail
        .text("9999", true)
        .set("Via", &format!("SIP/2.0/UDP {};branch=z9hG4bKown;rport", voice_mail.local()));
    let answer = voice_mail.ask(&request.render());
    assert_eq!(answer.status, 404);
    let header = |name: &str| {
        let line = request.headers.iter().find(|h| h.starts_with(name)).unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    for name in ["From", "Call-ID", "CSeq"] {
        assert_eq!(answer.header(name), Some(header(name).as_str()));
    }
    let to = answer.header("To").unwrap();
    assert!(to.starts_with(&header("To")) && to.contains(";tag="), "{to}");
    let via = answer.header("Via").unwrap();
    assert!(via.contains("branch=z9hG4bKown"), "{via}");
    assert!(via.contains(&format!("rport={}", voice_mail.local().port())), "{via}");
}

#[test]
fn a_retransmission_gets_the_same_answer_again() {
    let gateway = gateway();
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    let request = voice_mail.text("8000", true).render();
    let first = voice_mail.ask(&request);
    assert_eq!((first.status, voice_mail.ask(&request)), (200, first));
}

#[test]
fn a_sender_nobody_trusts_gets_403_and_changes_nothing() {
    let gateway = gateway();
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", false).status, 200);
    let mut stranger = VoiceMail::udp_from(IpAddr::from(Ipv4Addr::new(127, 0, 0, 2)), gateway.sip());
    assert_eq!(stranger.notify("8000", true).status, 403);
    assert_eq!(gateway.lamp("8000"), Some(false));
}

#[test]
fn a_sender_on_the_trusted_list_may_tell() {
    let gateway = Tipringd::start(
        "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         voice service voip\n ip address trusted list\n  ipv4 127.0.0.3\n  ipv4 127.0.1.0 255.255.255.0\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.9 unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    for (source, status) in [
        ([127, 0, 0, 3], 200),
        ([127, 0, 1, 77], 200),
        ([127, 0, 0, 9], 200),
        ([127, 0, 0, 1], 403),
        ([127, 0, 2, 1], 403),
    ] {
        let mut sender = VoiceMail::udp_from(IpAddr::from(source), gateway.sip());
        assert_eq!(sender.notify("8000", true).status, status, "{source:?}");
    }
}

#[test]
fn garbage_is_survived() {
    let mut gateway = gateway();
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    let zeroes = vec![0; 1400];
    let many_headers = format!("NOTIFY sip:8000@x SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(5000));
    for octets in [
        &b""[..],
        b"\r\n\r\n",
        b"\0",
        b"NOTIFY",
        b"NOTIFY sip:8000@x SIP/2.0",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"NOTIFY sip:8000@x SIP/2.0\r\nVia: \r\nContent-Length: -1\r\n\r\n",
        b"\xff\xfe\xfd SIP/2.0\r\n\r\n",
        b"NOTIFY sip:8000@x SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
        &zeroes,
        many_headers.as_bytes(),
    ] {
        voice_mail.send(octets);
    }
    for octets in [&b"\0\0\0\0"[..], b"GET / HTTP/1.1\r\n\r\n", many_headers.as_bytes()] {
        VoiceMail::tcp(gateway.sip()).send(octets);
    }
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    assert_eq!(VoiceMail::tcp(gateway.sip()).notify("8000", true).status, 200);
    assert!(gateway.is_running());
}
