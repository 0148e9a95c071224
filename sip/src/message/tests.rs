#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

const MWI: &[u8] = include_bytes!("../../testdata/cucm/mwi-notify.sip");
const RINGING: &[u8] = include_bytes!("../../testdata/cucm/prack-183.sip");
const INVITE: &[u8] = include_bytes!("../../testdata/cucm/prack-invite.sip");
const KPML: &[u8] = include_bytes!("../../testdata/cucm/kpml-notify.sip");

fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn with(lines: &str) -> Message {
    parse(&format!("OPTIONS sip:gw SIP/2.0\r\n{lines}\r\n\r\n"))
}

#[test]
fn the_unsolicited_notify_of_a_real_voice_mail_is_read() {
    let message = Message::parse(Bytes::from_static(MWI)).unwrap();
    assert_eq!(message.method(), Some(Method::Notify));
    assert!(message.faults().is_empty());
    let via = message.top_via().unwrap();
    assert_eq!((via.transport, via.host, via.port, via.branch()), ("TCP", "10.10.200.227", Some(5060), None));
    assert!(!via.has_cookie());
    assert_eq!(message.event().unwrap().unwrap().package, "message-summary");
    assert!(message.subscription_state().unwrap().is_none());
    assert_eq!(message.expires().unwrap(), Some(180));
    assert!(message.content_type().unwrap().unwrap().is("text/plain"));
    let contact = message.contact().unwrap().unwrap();
    assert!(!contact.is_bracketed());
    assert_eq!(contact.uri().unwrap().port(), Some(5060));
    assert_eq!(message.body(), b"Messages-Waiting: yes\r\n");
    assert_eq!(&message.as_bytes()[..], MWI);
}

#[test]
fn a_real_reliable_183_is_read() {
    let message = Message::parse(Bytes::from_static(RINGING)).unwrap();
    assert_eq!(message.status().unwrap(), 183);
    assert_eq!(message.reason().unwrap(), "Session Progress");
    assert_eq!(message.rseq().unwrap(), Some(4862));
    assert!(message.list_contains(Header::Require, "100REL"));
    assert_eq!(message.list(Header::Allow).count(), 12);
    assert_eq!(
        message.param_value(Header::ContentDisposition).unwrap().unwrap().params.get("handling"),
        Some("required")
    );
    assert_eq!(message.to().unwrap().tag(), Some("3725EF30-1E56"));
}

#[test]
fn compact_forms_are_their_long_forms() {
    let message = with(
        "v: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nT: <sip:c@d>\r\ni: x\r\nl: 0\r\no: presence\r\nm: *",
    );
    assert_eq!(message.top_via().unwrap().branch(), Some("z9hG4bK1"));
    assert_eq!(message.header("From").unwrap().to_str(), "<sip:a@b>;tag=1");
    assert_eq!(message.header("f").unwrap().to_str(), "<sip:a@b>;tag=1");
    assert_eq!(message.call_id().unwrap(), "x");
    assert_eq!(message.contacts().unwrap(), Contacts::Star);
    assert_eq!(message.contact().unwrap(), None);
    assert_eq!(message.event().unwrap().unwrap().package, "presence");
}

#[test]
fn folding_white_space_and_repetition_are_seen_through() {
    let message = with(
        "Subject : I know\r\n you're\r\n\there\r\nVia:SIP / 2.0\r\n / UDP first.example.com: 4000;ttl=16 ;\r\n branch =z9hG4bKx;maddr=[::1]\r\n\
         vIa: SIP/2.0/TCP second;received=2001:db8::9, SIP/2.0/TLS [2001:db8::1]:5062;rport",
    );
    assert_eq!(message.header("subject").unwrap().to_str(), "I know you're here");
    let vias: Vec<_> = message.vias().map(Result::unwrap).collect();
    assert_eq!(vias.len(), 3);
    assert_eq!((vias[0].transport, vias[0].host, vias[0].port), ("UDP", "first.example.com", Some(4000)));
    assert_eq!((vias[0].branch(), vias[0].maddr()), (Some("z9hG4bKx"), Some("[::1]")));
    assert_eq!(vias[1].received(), Some("2001:db8::9".parse().unwrap()));
    assert_eq!((vias[2].host, vias[2].port, vias[2].rport()), ("[2001:db8::1]", Some(5062), Some(None)));
}

#[test]
fn line_feed_only_and_leading_line_ends_are_read() {
    let message = Message::parse(Bytes::from_static(
        b"\r\n\r\nOPTIONS sip:gw SIP/2.0\nVia: SIP/2.0/UDP h\nCall-ID: 7\nContent-Length: 2\n\nhiXX",
    ))
    .unwrap();
    assert_eq!(message.call_id().unwrap(), "7");
    assert_eq!(message.body(), b"hi");
    assert!(message.as_bytes().starts_with(b"OPTIONS") && message.as_bytes().ends_with(b"hi"));
}

#[test]
fn a_message_without_its_last_line_ends_is_read_and_marked() {
    let message = parse("OPTIONS sip:gw SIP/2.0\r\nCall-ID: 7");
    assert_eq!(message.call_id().unwrap(), "7");
    assert!(message.faults().contains(Faults::NO_EMPTY_LINE));
    assert_eq!(message.body(), b"");
}

#[test]
fn content_length_faults_are_named() {
    for (lines, body, fault) in [
        ("Content-Length: 5", "hi", Faults::SHORT_BODY),
        ("Content-Length: x", "hi", Faults::BAD_CONTENT_LENGTH),
        ("Content-Length: -1", "hi", Faults::BAD_CONTENT_LENGTH),
        ("Content-Length: 1\r\nl: 2", "hi", Faults::DIFFERENT_CONTENT_LENGTHS),
        ("Content-Length: 99999999999999999999", "hi", Faults::BAD_CONTENT_LENGTH),
    ] {
        let message = parse(&format!("OPTIONS sip:gw SIP/2.0\r\n{lines}\r\n\r\n{body}"));
        assert!(message.faults().contains(fault), "{lines}");
    }
    let same = parse("OPTIONS sip:gw SIP/2.0\r\nContent-Length: 2\r\nl: 02\r\n\r\nhi");
    assert!(same.faults().is_empty());
}

#[test]
fn what_is_not_sip_is_refused_with_what_was_expected() {
    for (octets, expected) in [
        ("", "no message"),
        ("\r\n\r\n", "no message"),
        ("hello", "expected a SIP start line"),
        ("GET / HTTP/1.1\r\n\r\n", "expected a SIP start line"),
        (" sip:gw SIP/2.0\r\n\r\n", "expected a SIP start line"),
        ("SIP/2.0 4294967301 better not\r\n\r\n", "expected a status code"),
        ("SIP/2.0 99 x\r\n\r\n", "expected a status code"),
        ("SIP/2.0 700 x\r\n\r\n", "expected a status code"),
    ] {
        let error = Message::parse(Bytes::copy_from_slice(octets.as_bytes())).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{octets:?}: {error}");
    }
    let limits = Limits { message: 10, ..Limits::default() };
    let error =
        Message::parse_with(Bytes::from_static(b"OPTIONS sip:gw SIP/2.0\r\n\r\n"), &limits).unwrap_err();
    assert_eq!(error, ParseError::TooLarge { len: 26, limit: 10 });
}

#[test]
fn unknown_methods_and_versions_are_kept_for_the_refusal() {
    let message = parse("COMET tel:7042 sip/7.0\r\n\r\n");
    assert_eq!(message.method().unwrap().as_str(), "COMET");
    assert_eq!(message.version(), "sip/7.0");
    assert_eq!(message.uri().unwrap().user().unwrap(), "7042");
    // Method names are case sensitive.
    assert_eq!(parse("notify sip:a SIP/2.0\r\n\r\n").method(), Some(Method::Other("notify".into())));
    let response = parse("SIP/2.0 200\r\n\r\n");
    assert_eq!((response.status().unwrap().as_u16(), response.reason().unwrap().as_ref()), (200, ""));
    assert_eq!(parse("SIP/2.0 603 Go Away Now\r\n\r\n").reason().unwrap(), "Go Away Now");
}

#[test]
fn binary_bodies_and_octets_that_are_no_utf8_survive() {
    let mut octets = b"NOTIFY sip:a@b SIP/2.0\r\nFrom: \"J\xf6rg\" <sip:j@h>;tag=\xe4;x=1\r\nContent-Type: application/QSIG\r\nContent-Length: 4\r\n\r\n".to_vec();
    octets.extend_from_slice(&[0x08, 0x00, 0xff, 0x0a]);
    let message = Message::parse(octets.clone().into()).unwrap();
    assert_eq!(message.as_bytes(), &octets);
    assert_eq!(message.body(), [0x08, 0x00, 0xff, 0x0a]);
    let from = message.from().unwrap();
    assert_eq!(from.display(), "J\u{fffd}rg");
    assert_eq!(from.uri().unwrap().host(), Some("h"));
    assert_eq!(from.params().get("x"), Some("1"));
}

#[test]
fn addresses_of_every_shape() {
    let parse = |text: &'static str| NameAddr::parse(Header::Contact, text.as_bytes());
    let quoted =
        parse("\"Mr. \\\"<X>, Y\" <sip:a@b;lr;x=y?Replaces=1%3B2>;q=0.7;+sip.instance=\"<urn:u,v;w>\"")
            .unwrap();
    assert_eq!(quoted.display(), "Mr. \"<X>, Y");
    assert_eq!(quoted.uri().unwrap().param("lr"), Some(""));
    assert_eq!(quoted.uri().unwrap().headers().next().unwrap(), ("Replaces".into(), "1;2".into()));
    assert_eq!(quoted.q(), 700);
    assert_eq!(quoted.params().text("+SIP.instance").unwrap(), "<urn:u,v;w>");
    let bare = parse("sip:5678@10.0.0.1:5060;tag=9").unwrap();
    assert_eq!((bare.tag(), bare.uri_str().unwrap()), (Some("9"), "sip:5678@10.0.0.1:5060"));
    let words = parse("Bob the Builder <tel:+1-201-555-0123;phone-context=x>").unwrap();
    assert_eq!(words.display(), "Bob the Builder");
    assert_eq!(words.uri().unwrap().user().unwrap(), "+1-201-555-0123");
    for bad in ["", "<sip:a@b", "\"x <sip:a@b>", "\"x\" sip:a@b", "nothing", "<>", "<sip:a@b> x"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    for (q, value) in [("1", 1000), ("0", 0), ("0.5", 500), (".25", 250), ("0.1234", 123), ("1.000", 1000)] {
        let text = format!("<sip:a@b>;q={q}");
        assert_eq!(NameAddr::parse(Header::Contact, text.as_bytes()).unwrap().q(), value, "{q}");
    }
}

#[test]
fn lists_are_split_outside_quotes_and_brackets_only() {
    let message = with("Contact: \"a,b\" <sip:x@y;p=\",\">;m=\"c,d\",<sip:z@y?h=1,2>\r\nm: sip:last@y");
    let Contacts::List(contacts) = message.contacts().unwrap() else { panic!("star") };
    let uris: Vec<_> = contacts.iter().map(|contact| contact.uri_str().unwrap()).collect();
    assert_eq!(uris, ["sip:x@y;p=\",\"", "sip:z@y?h=1,2", "sip:last@y"]);
    let info = with(
        "Call-Info: <sip:1.2.3.4:5060>;method=\"NOTIFY;Event=telephone-event;Duration=500\", <http://x>;purpose=icon",
    );
    assert_eq!(info.list(Header::CallInfo).count(), 2);
}

#[test]
fn uris_of_every_shape() {
    for (text, user, host, port) in [
        ("sip:bob.smith@example.com", Some("bob.smith"), Some("example.com"), None),
        ("SIPS:+1.201.555@gw:5061", Some("+1.201.555"), Some("gw"), Some(5061)),
        ("sip:[2001:db8::1]:5060;transport=tcp", None, Some("[2001:db8::1]"), Some(5060)),
        ("sip:a%20b;isub=1@h", Some("a b;isub=1"), Some("h"), None),
        ("sip:u:secret@10.0.0.1", Some("u"), Some("10.0.0.1"), None),
        ("sip:name_with_underscore", None, Some("name_with_underscore"), None),
        ("tel:7042", Some("7042"), None, None),
        ("http://www.example.com/x", None, None, None),
    ] {
        let uri = Uri::parse(text).unwrap();
        assert_eq!((uri.user().as_deref(), uri.host(), uri.port()), (user, host, port), "{text}");
        assert_eq!(uri.to_string(), text);
    }
    for bad in [
        "",
        "sip",
        "sip:",
        "sip:a@",
        "sip:a@h:99999",
        "sip:a@h:x",
        "sip:a@[::1",
        "sip:a@[zz]",
        "sip:a b@h",
        "<sip:a@h>",
        "1x:a",
    ] {
        assert!(Uri::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn uris_are_compared_by_rfc_3261_19_1_4() {
    let same = |a: &str, b: &str| Uri::parse(a).unwrap().is_equivalent(&Uri::parse(b).unwrap());
    assert!(same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"));
    assert!(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
    assert!(same("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"));
    assert!(same(
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ));
    assert!(same(
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ));
    assert!(!same("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"));
    assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
    assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
    assert!(!same("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"));
    assert!(!same("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"));
}

#[test]
fn telephone_numbers_are_compared_by_rfc_3966_4() {
    let same = |a: &str, b: &str| Uri::parse(a).unwrap().is_equivalent(&Uri::parse(b).unwrap());
    assert!(same("tel:+1-201-555-0123", "TEL:+1(201)555.0123"));
    assert!(same("tel:7042;phone-context=Example.com", "tel:70-42;phone-context=example.COM"));
    assert!(same(
        "tel:863-1234;ext=12-3;phone-context=+1-914-555",
        "tel:8631234;phone-context=+1914555;ext=123"
    ));
    assert!(same("tel:1A*#", "tel:1a*#"));
    assert!(!same("tel:+12015550123", "tel:12015550123"));
    assert!(!same("tel:7042;phone-context=example.com", "tel:7042;phone-context=examplecom"));
    assert!(!same("tel:7042;phone-context=example.com", "tel:7042"));
    assert!(!same("tel:+12015550123", "sip:+12015550123@example.com"));
}

#[test]
fn numbers_have_their_ranges() {
    assert_eq!(CSeq::parse(b"2147483647  INVITE").unwrap().number, 2_147_483_647);
    for bad in [
        &b"2147483648 INVITE"[..],
        b"4294967295 INVITE",
        b"1",
        b"INVITE",
        b"-1 INVITE",
        b"1 INVITE x",
        b"1 IN@VITE",
    ] {
        assert!(CSeq::parse(bad).is_err());
    }
    assert_eq!(with("Expires: 9999999999").expires().unwrap(), Some(u32::MAX));
    assert!(with("Expires: soon").expires().is_err());
    assert_eq!(
        with("Retry-After: 120 (back soon);duration=3600").seconds(Header::RetryAfter).unwrap(),
        Some(120)
    );
    assert_eq!(with("x: 1800;refresher=uac").seconds(Header::SessionExpires).unwrap(), Some(1800));
    assert!(with("Max-Forwards: 300").max_forwards().is_err());
    let state = with("Subscription-State: active ; expires=-1281397684;retry-after=7");
    let state = state.subscription_state().unwrap().unwrap();
    assert_eq!((state.state, state.expires, state.retry_after), ("active", Some(0), Some(7)));
    let rack = with("RACK: 776656 1 INVITE");
    let rack = rack.rack().unwrap().unwrap();
    assert_eq!((rack.rseq, rack.cseq.number, rack.cseq.method), (776_656, 1, "INVITE"));
}

#[test]
fn limits_bound_the_index_and_are_reported() {
    let lines = "X: y\r\n".repeat(2000);
    let message = parse(&format!("OPTIONS sip:gw SIP/2.0\r\n{lines}\r\nbody"));
    assert!(message.faults().contains(Faults::TOO_MANY_HEADERS));
    assert_eq!(message.all_headers().count(), Limits::default().headers);
    assert_eq!(message.body(), b"body");
}

#[test]
fn builders_cannot_be_made_to_write_a_line_of_their_own() {
    let request = RequestBuilder::new(Method::Options, "sip:x\r\nEvil: 1")
        .header("X-A\r\nEvil", "1\r\nEvil: 2")
        .header("Content-Length", "77")
        .body("text/plain", "hi");
    let defaults = RequestDefaults {
        via: "SIP/2.0/UDP h;branch=z9hG4bK1",
        from: "<sip:h>;tag=1",
        call_id: "c",
        user_agent: None,
        max_forwards: 70,
    };
    let message = Message::parse(encode_request(&request, &defaults)).unwrap();
    assert!(message.header("Evil").is_none());
    assert_eq!(message.header("X-AEvil").unwrap().to_str(), "1  Evil: 2");
    assert_eq!(message.content_length().unwrap(), Some(2));
    assert_eq!(message.request_uri(), Some("sip:xEvil:1"));
}

#[test]
fn a_typed_view_of_a_folded_value_needs_no_copy() {
    let message = with("To: \"A\r\n B\"\r\n <sip:a@b>\r\n ;tag=\r\n x1");
    assert_eq!(message.to().unwrap().tag(), Some("x1"));
    assert_eq!(message.to().unwrap().uri_str().unwrap(), "sip:a@b");
}

/// Every typed view there is, for tests that only want it not to panic.
fn touch_everything(message: &Message) {
    let _ =
        (message.uri(), message.top_via(), message.from(), message.to(), message.call_id(), message.cseq());
    let _ =
        (message.contacts(), message.contact(), message.max_forwards(), message.expires(), message.event());
    let _ = (
        message.subscription_state(),
        message.content_type(),
        message.content_length(),
        message.rack(),
        message.rseq(),
    );
    let _ = (message.reason(), message.body_bytes(), message.head().len(), message.to_string());
    for via in message.vias().flatten() {
        let _ = (via.branch(), via.rport(), via.received(), via.maddr(), via.has_cookie());
    }
    for (name, value) in message.all_headers() {
        let _ = (Header::from_bytes(name.as_bytes()), value.to_str());
    }
    for header in [
        Header::From,
        Header::Contact,
        Header::Route,
        Header::RecordRoute,
        Header::CallInfo,
        Header::Diversion,
    ] {
        for address in message.addresses(header).flatten() {
            let _ = (address.display(), address.q(), address.tag(), address.params().iter().count());
            if let Ok(uri) = address.uri() {
                let _ = (
                    uri.user(),
                    uri.ip(),
                    uri.params().count(),
                    uri.headers().count(),
                    uri.is_equivalent(&uri),
                );
            }
        }
        let _ = (message.param_value(header), message.seconds(header), message.list(header).count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// parse∘print = identity: what was read is given out octet for octet, and reads the same again.
    #[test]
    fn reading_keeps_every_octet(
        names in proptest::collection::vec("[A-Za-z][A-Za-z0-9.-]{0,12}", 0..12),
        values in proptest::collection::vec("[ -~]{0,40}", 12),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        method in "[A-Z]{1,9}",
    ) {
        let mut octets = format!("{method} sip:a@b;x=y SIP/2.0\r\n").into_bytes();
        let mut expected = Vec::new();
        for (name, value) in names.iter().zip(&values) {
            if matches!(Header::from_bytes(name.as_bytes()), Some(Header::ContentLength)) { continue; }
            octets.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            expected.push((name.clone(), value.trim_matches(' ').to_owned()));
        }
        octets.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        octets.extend_from_slice(&body);
        let message = Message::parse(octets.clone().into()).unwrap();
        prop_assert_eq!(message.as_bytes(), &octets);
        prop_assert_eq!(message.body(), &body[..]);
        prop_assert!(message.faults().is_empty());
        let mut found: Vec<_> = message.all_headers().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        prop_assert_eq!(found.pop().unwrap().0, "Content-Length");
        prop_assert_eq!(found, expected);
        let again = Message::parse(message.as_bytes().clone()).unwrap();
        prop_assert_eq!(again.as_bytes(), message.as_bytes());
    }

    #[test]
    fn random_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(message) = Message::parse(octets.into()) {
            touch_everything(&message);
        }
    }

    /// Real messages with octets overwritten, cut out, doubled and inserted.
    #[test]
    fn mutated_messages_never_panic(
        which in 0usize..4,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..4, prop::sample::select(&b"\r\n :;,<>\"\\@?=&%[]*/z9\0\xff \t"[..])), 1..24),
    ) {
        let mut octets = [MWI, RINGING, INVITE, KPML][which].to_vec();
        for (at, kind, octet) in edits {
            if octets.is_empty() { break; }
            let at = at.index(octets.len());
            match kind {
                0 => octets[at] = octet,
                1 => octets.insert(at, octet),
                2 => { octets.remove(at); }
                _ => { let tail = octets[at..].to_vec(); octets.extend_from_slice(&tail); octets.truncate(8192); }
            }
        }
        if let Ok(message) = Message::parse(octets.into()) {
            touch_everything(&message);
            // Whatever came out of it reads the same again.
            let again = Message::parse(message.as_bytes().clone()).unwrap();
            prop_assert_eq!(again.all_headers().count(), message.all_headers().count());
            prop_assert_eq!(again.body(), message.body());
        }
    }
}

/// An extra for machines that have the shared corpus: every message of it is read, keeps its octets and has
/// its facts.
#[test]
fn the_shared_corpus_is_read() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sip") {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        eprintln!("skipped: no corpus at {}", root.display());
        return;
    }
    let (mut whole, mut bodies, mut refused) = (0, 0, 0);
    for path in &files {
        let octets = std::fs::read(path).unwrap();
        let message = match Message::parse(octets.clone().into()) {
            Ok(message) => message,
            Err(error) => {
                // Printed with a broken start line in its source; the corpus has a repaired copy beside it.
                let repaired = path.parent().unwrap().join("repaired").join(path.file_name().unwrap());
                assert!(repaired.exists(), "{}: {error}", path.display());
                refused += 1;
                continue;
            }
        };
        touch_everything(&message);
        let complete = message.call_id().is_ok()
            && message.cseq().is_ok()
            && message.from().is_ok()
            && message.to().is_ok()
            && message.top_via().is_ok();
        whole += usize::from(complete);
        bodies += usize::from(!message.body().is_empty());
        if path.to_string_lossy().contains("cucm-trunk") {
            assert!(complete, "{}", path.display());
            assert_eq!(&message.as_bytes()[..], &octets[..], "{}", path.display());
            // Two DTMF bodies of four octets could not be recovered from the source.
            let name = path.to_string_lossy();
            let lost = ["2.1/13-NOTIFY.sip", "2.1/15-NOTIFY.sip"].iter().any(|lost| name.ends_with(lost));
            assert_eq!(message.faults().contains(Faults::SHORT_BODY), lost, "{name}");
            assert!(lost || message.faults().is_empty(), "{name}: {:?}", message.faults());
        }
    }
    eprintln!(
        "{} messages, {refused} without a start line, {whole} with all mandatory headers, {bodies} with a body",
        files.len()
    );
}
