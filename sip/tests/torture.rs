//! The torture tests of RFC 4475 and RFC 5118: every message octet for octet as the IETF published it, and
//! what this stack does with it as an endpoint: the exact response, silence, or handing it to its user.
//!
//! Where an RFC leaves a choice ("may be liberal"), the comment in the table says which way was taken.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use sip::{Contacts, Endpoint, EndpointConfig, Event, Flow, Header, Message, Method, ParseError, Transport};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// The user gets it, to answer as it likes.
    User,
    /// Answered at once with this status line.
    Answer(&'static str),
    /// Nothing is sent and nothing is told.
    Silence,
}
use Outcome::{Answer, Silence, User};

const RFC_4475: [(&str, Outcome); 49] = [
    // 3.1.1 valid messages. wsinv has a To tag of no dialog of ours; see a_tortuous_invite_is_read_whole
    ("wsinv", Answer("481 Call/Transaction Does Not Exist")),
    ("intmeth", Answer("501 Not Implemented")),
    ("esc01", User),
    ("escnull", User),
    // escapes are not undone in a method
    ("esc02", Answer("501 Not Implemented")),
    ("lwsdisp", Answer("200 OK")),
    ("longreq", User),
    ("dblreq", User),
    ("semiuri", Answer("200 OK")),
    ("transports", Answer("200 OK")),
    ("mpart01", User),
    // responses to nothing we asked
    ("unreason", Silence),
    ("noreason", Silence),
    // 3.1.2 invalid messages
    ("badinv01", Answer("400 Bad Request - Malformed Via")),
    ("clerr", Answer("400 Bad Request - Body shorter than Content-Length")),
    ("ncl", Answer("400 Bad Request - Malformed Content-Length")),
    ("scalar02", Answer("400 Bad Request - Malformed CSeq")),
    ("scalarlg", Silence),
    ("quotbal", Answer("400 Bad Request - Malformed To")),
    ("ltgtruri", Answer("400 Bad Request - Malformed Request-URI")),
    ("lwsruri", Answer("400 Bad Request - Malformed Request-URI")),
    ("lwsstart", Answer("400 Bad Request - Malformed Request-URI")),
    // liberal: white space at the line's end is ignored
    ("trws", Answer("200 OK")),
    ("escruri", Answer("400 Bad Request - Headers in the Request-URI")),
    // liberal: we don't use Date
    ("baddate", User),
    ("regbadct", Answer("400 Bad Request - Malformed Contact")),
    // liberal: blanks inside the brackets are ignored
    ("badaspec", Answer("200 OK")),
    // liberal: the display name is nothing to us
    ("baddn", Answer("200 OK")),
    ("badvers", Answer("505 Version Not Supported")),
    ("mismatch01", Answer("400 Bad Request - CSeq method does not match")),
    ("mismatch02", Answer("501 Not Implemented")),
    ("bigcode", Silence),
    // 3.2 transaction layer; a branch of the cookie alone is none, as of RFC 2543
    ("badbranch", Answer("200 OK")),
    // 3.3 application layer
    ("insuf", Answer("400 Bad Request - Missing Call-ID")),
    ("unkscm", Answer("416 Unsupported URI Scheme")),
    ("novelsc", Answer("416 Unsupported URI Scheme")),
    // the registrar's business
    ("unksm2", User),
    ("bext01", Answer("420 Bad Extension")),
    ("invut", Answer("415 Unsupported Media Type")),
    // the registrar's business: accept, or challenge again
    ("regaut01", User),
    ("multi01", Answer("400 Bad Request - Multiple CSeq")),
    ("mcl01", Answer("400 Bad Request - Two different Content-Length")),
    ("bcast", Silence),
    // an endpoint serves it whatever Max-Forwards says
    ("zeromf", Answer("200 OK")),
    ("cparam01", User),
    ("cparam02", User),
    ("regescrt", User),
    ("sdp01", Answer("406 Not Acceptable")),
    ("inv2543", User),
];

/// The archive's octets, and the same made whole (CRLF, an empty line, a true Content-Length).
const RFC_5118: [(&str, Outcome, Outcome); 12] = [
    ("ipv6-good", User, User),
    (
        "ipv6-bad",
        Answer("400 Bad Request - Malformed Request-URI"),
        Answer("400 Bad Request - Malformed Request-URI"),
    ),
    // the whole of 2001:db8::10:5070 is an address, on the default port
    ("port-ambiguous", User, User),
    ("port-unambiguous", User, User),
    ("via-received-param-no-delim", Answer("200 OK"), Answer("200 OK")),
    (
        "via-received-param-with-delim",
        Answer("481 Call/Transaction Does Not Exist"),
        Answer("481 Call/Transaction Does Not Exist"),
    ),
    ("ipv6-in-sdp", Answer("400 Bad Request - Body shorter than Content-Length"), User),
    (
        "mult-ip-in-header",
        Answer("481 Call/Transaction Does Not Exist"),
        Answer("481 Call/Transaction Does Not Exist"),
    ),
    ("mult-ip-in-sdp", Answer("400 Bad Request - Body shorter than Content-Length"), User),
    ("ipv4-mapped-ipv6", User, User),
    ("ipv6-bug-abnf-3-colons", Answer("200 OK"), Answer("200 OK")),
    ("ipv6-correct-abnf-2-colons", Answer("200 OK"), Answer("200 OK")),
];

fn folder(rfc: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", rfc].iter().collect()
}

fn octets(rfc: &str, name: &str) -> Bytes {
    std::fs::read(folder(rfc).join(format!("{name}.dat"))).unwrap().into()
}

fn message(rfc: &str, name: &str) -> Message {
    Message::parse(octets(rfc, name)).unwrap()
}

fn endpoint() -> Endpoint {
    Endpoint::new(EndpointConfig::default(), [7; 32])
}

/// Gives the octets to an endpoint, and tells what it did with them and sent.
fn receive(endpoint: &mut Endpoint, octets: Bytes) -> (bool, Vec<Message>) {
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.9:5060".parse().unwrap(),
        connection: None,
    };
    endpoint.handle_received(Instant::now(), flow, octets);
    let mut told = false;
    while let Some(event) = endpoint.poll_event() {
        assert!(matches!(event, Event::Request { .. }), "{event:?}");
        told = true;
    }
    let mut sent = Vec::new();
    while let Some(transmit) = endpoint.poll_transmit() {
        sent.push(Message::parse(transmit.payload).unwrap());
    }
    (told, sent)
}

fn check(name: &str, octets: Bytes, expected: Outcome) {
    let (told, sent) = receive(&mut endpoint(), octets.clone());
    assert_eq!(told, expected == User, "{name}");
    let Answer(status_line) = expected else {
        assert!(sent.is_empty(), "{name}: {sent:?}");
        return;
    };
    let [answer] = sent.as_slice() else { panic!("{name}: {sent:?}") };
    let found = format!("{} {}", answer.status().unwrap().as_u16(), answer.reason().unwrap());
    assert_eq!(found, status_line, "{name}");
    // Whatever was wrong, what can be copied is (RFC 3261 8.2.6.2).
    let request = Message::parse(octets).unwrap();
    for header in [Header::From, Header::CallId, Header::CSeq] {
        let value = |message: &Message| message.header(header).map(|value| value.to_str().into_owned());
        let unfolded = |value: Option<String>| value.map(|text| text.split_whitespace().collect::<String>());
        assert_eq!(unfolded(value(answer)), unfolded(value(&request)), "{name}: {header}");
    }
    assert_eq!(answer.vias().count(), request.vias().count(), "{name}");
    let tag = answer.to().ok().and_then(|to| to.tag().map(ToOwned::to_owned));
    assert!(tag.is_some() || request.to().is_err(), "{name}: {answer}");
}

#[test]
fn rfc_4475_every_message_gets_the_response_owed() {
    let files = std::fs::read_dir(folder("rfc4475")).unwrap().flatten();
    let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "dat"));
    assert_eq!(files.count(), RFC_4475.len());
    for (name, expected) in RFC_4475 {
        check(name, octets("rfc4475", name), expected);
    }
}

#[test]
fn rfc_5118_every_message_gets_the_response_owed() {
    for (name, as_archived, made_whole) in RFC_5118 {
        let octets = octets("rfc5118", name);
        check(name, octets.clone(), as_archived);
        let text = String::from_utf8(octets.to_vec()).unwrap().replace('\n', "\r\n");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.trim_end(), ""));
        let (head, _) = head.split_once("Content-Length").unwrap();
        let whole = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        check(name, whole.into(), made_whole);
    }
}

#[test]
fn refusals_say_what_would_do() {
    let answer = |name: &str| receive(&mut endpoint(), octets("rfc4475", name)).1.remove(0);
    let value = |name: &str, header: Header| answer(name).header(header).unwrap().to_str().into_owned();
    assert_eq!(value("bext01", Header::Unsupported), "nothingSupportsThis, nothingSupportsThisEither");
    assert_eq!(value("invut", Header::Accept), "application/sdp");
    assert!(value("sdp01", Header::Warning).starts_with("399 "));
}

#[test]
fn a_tortuous_invite_is_read_whole() {
    let invite = message("rfc4475", "wsinv");
    assert!(invite.faults().is_empty());
    assert_eq!(invite.method(), Some(Method::Invite));
    assert_eq!(invite.to().unwrap().tag(), Some("1918181833n"));
    let from = invite.from().unwrap();
    assert_eq!((&*from.display(), from.tag()), ("J Rosenberg \\\"", Some("98asjd8")));
    assert_eq!(invite.max_forwards().unwrap(), Some(68));
    assert_eq!(invite.cseq().unwrap().number, 9);
    assert_eq!(invite.content_length().unwrap(), Some(150));
    assert_eq!(invite.header(Header::Subject).unwrap().to_str(), "");
    assert_eq!(
        invite.header("NewFangledHeader").unwrap().to_str(),
        "newfangled value continued newfangled value"
    );
    assert_eq!(invite.header("UnknownHeaderWithUnusualValue").unwrap().to_str(), ";;,,;;,;");
    let vias: Vec<_> = invite.vias().map(|via| via.unwrap()).collect();
    let seen: Vec<_> = vias.iter().map(|via| (via.transport, via.host, via.branch().unwrap())).collect();
    assert_eq!(
        seen,
        [
            ("UDP", "192.0.2.2", "390skdjuw"),
            ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239"),
        ]
    );
    let route = invite.routes().next().unwrap().unwrap();
    assert_eq!(route.uri().unwrap().param("unknown-no-value"), Some(""));
    let Contacts::List(contacts) = invite.contacts().unwrap() else { panic!("no addresses") };
    let contact = contacts.first().unwrap();
    assert_eq!(contact.display(), "Quoted string \"\"");
    assert_eq!(contact.params().get("newparam"), Some("newvalue"));
    assert_eq!(contact.params().get("secondparam"), Some(""));
    assert_eq!(contact.q(), 330);
    // In its dialog it is served.
    let mut endpoint = endpoint();
    endpoint.insert_dialog(invite.call_id().unwrap(), "1918181833n", "98asjd8");
    assert!(receive(&mut endpoint, octets("rfc4475", "wsinv")).0);
}

#[test]
fn valid_messages_mean_what_the_rfc_says() {
    let intmeth = message("rfc4475", "intmeth");
    assert_eq!(intmeth.method().unwrap().as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    let uri = intmeth.uri().unwrap();
    assert_eq!(uri.user_raw(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri.host(), Some("example.com"));
    assert_eq!(intmeth.to().unwrap().display(), "BEL:\u{7} NUL:\u{0} DEL:\u{7f}");
    assert_eq!(intmeth.from().unwrap().tag(), Some("_token~1'+`*%!-."));

    let esc01 = message("rfc4475", "esc01");
    assert_eq!(esc01.uri().unwrap().user().as_deref(), Some("sips:user@example.com"));
    assert_eq!(esc01.from().unwrap().uri().unwrap().user().as_deref(), Some("I have spaces"));
    let contact = esc01.contact().unwrap().unwrap().uri().unwrap();
    assert_eq!(contact.user().as_deref(), Some("caller"));

    // Two addresses that differ in what stands behind the escaped NUL.
    let escnull = message("rfc4475", "escnull");
    let users: Vec<_> = escnull
        .addresses(Header::Contact)
        .map(|contact| contact.unwrap().uri().unwrap().user().unwrap().into_owned())
        .collect();
    assert_eq!(users, ["\0", "\0\0"]);

    // The second request in the datagram is cut off with everything behind the body.
    let dblreq = message("rfc4475", "dblreq");
    assert!(dblreq.body().is_empty() && dblreq.as_bytes().ends_with(b"\r\n\r\n"));

    let semiuri = message("rfc4475", "semiuri");
    assert_eq!(semiuri.uri().unwrap().user().as_deref(), Some("user;par=u@example.net"));
    assert_eq!(semiuri.uri().unwrap().params().count(), 0);

    let transports: Vec<_> =
        message("rfc4475", "transports").vias().map(|via| via.unwrap().transport.to_owned()).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);

    assert_eq!(
        message("rfc4475", "unreason").reason().unwrap(),
        "= 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e} \u{434}\u{435}\u{432}\u{44f}\u{43d}\u{43e}\u{441}\u{442}\u{43e} \u{434}\u{435}\u{432}\u{44f}\u{442}\u{44c} - \u{43f}\u{440}\u{43e}\u{441}\u{442}\u{43e}\u{435}"
    );
    assert_eq!(message("rfc4475", "noreason").reason().unwrap(), "");
    assert_eq!(
        Message::parse(octets("rfc4475", "bigcode")).unwrap_err(),
        ParseError::BadStatus { found: "4294967301 better not break the receiver".into() }
    );

    // A parameter behind a URI without brackets is Contact's, inside them it is the URI's.
    let contact = |name| message("rfc4475", name);
    let (outside, inside) = (contact("cparam01"), contact("cparam02"));
    let (outside, inside) = (outside.contact().unwrap().unwrap(), inside.contact().unwrap().unwrap());
    assert_eq!(outside.params().get("unknownparam"), Some(""));
    assert_eq!(outside.uri().unwrap().param("unknownparam"), None);
    assert_eq!(inside.params().get("unknownparam"), None);
    assert_eq!(inside.uri().unwrap().param("unknownparam"), Some(""));

    let regescrt = message("rfc4475", "regescrt");
    let headers: Vec<_> = regescrt.contact().unwrap().unwrap().uri().unwrap().headers().collect();
    assert_eq!(headers, [("Route".into(), "<sip:sip.example.com>".into())]);
}

#[test]
fn ipv6_addresses_are_what_the_rfc_says() {
    let uri = |name| message("rfc5118", name).request_uri().unwrap().to_owned();
    let host = |text: &str| {
        let uri = sip::Uri::parse(text).unwrap();
        (uri.ip().unwrap().to_string(), uri.port())
    };
    assert_eq!(host(&uri("port-ambiguous")), ("2001:db8::10:5070".into(), None));
    assert_eq!(host(&uri("port-unambiguous")), ("2001:db8::10".into(), Some(5070)));
    assert_eq!(host(&uri("ipv6-bug-abnf-3-colons")), host(&uri("ipv6-correct-abnf-2-colons")));
    for name in ["via-received-param-no-delim", "via-received-param-with-delim"] {
        let message = message("rfc5118", name);
        let received = message.top_via().unwrap().received();
        assert_eq!(received, Some("2001:db8::9:255".parse().unwrap()), "{name}");
    }
    let both = message("rfc5118", "mult-ip-in-sdp");
    let sdp = sip::sdp::Sdp::parse(both.body()).unwrap();
    let hosts: Vec<_> = sdp.media.iter().map(|media| sdp.connection(media).unwrap().host).collect();
    assert_eq!(hosts, ["192.0.2.1", "2001:db8::1"]);
    let mapped = message("rfc5118", "ipv4-mapped-ipv6");
    let sdp = sip::sdp::Sdp::parse(mapped.body()).unwrap();
    let first = sdp.connection(&sdp.media[0]).unwrap().ip().unwrap();
    assert_eq!(first.to_canonical(), "192.0.2.2".parse::<std::net::IpAddr>().unwrap());
}

#[test]
fn printing_what_was_read_gives_the_same_octets() {
    for (rfc, names) in
        [("rfc4475", RFC_4475.map(|row| row.0).to_vec()), ("rfc5118", RFC_5118.map(|row| row.0).to_vec())]
    {
        for name in names {
            let octets = octets(rfc, name);
            let Ok(message) = Message::parse(octets.clone()) else { continue };
            assert!(octets.starts_with(message.as_bytes()), "{name}");
            assert_eq!([message.head(), message.body()].concat(), message.as_bytes()[..], "{name}");
        }
    }
}
