#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;

use super::*;

fn with(lines: &str) -> Message {
    let text = format!("INVITE sip:gw SIP/2.0\r\n{lines}\r\n\r\n");
    Message::parse(Bytes::from(text)).unwrap()
}

/// The same value in long form, compact form, folded and with white space around the colon.
fn spellings(header: Header, compact: Option<&str>, value: &str) -> Vec<Message> {
    let name = header.as_str();
    let mut all = vec![
        with(&format!("{name}: {value}")),
        with(&format!("{}  :\t{value}  ", name.to_ascii_uppercase())),
        with(&format!("{name}:\r\n {value}")),
        with(&format!("{}: {value}\r\n\t ", name.to_ascii_lowercase())),
    ];
    all.extend(compact.map(|letter| with(&format!("{letter}:{value}"))));
    all
}

#[test]
fn reasons_of_both_protocols_are_read() {
    let message = with(
        "Reason: Q.850;cause=16;text=\"Normal \\\"call\\\", clearing\", SIP ;cause=200;text=\"elsewhere\"\r\nreason: X;cause=no",
    );
    let reasons: Vec<_> = message.reasons().collect();
    let first = reasons.first().unwrap();
    assert_eq!((first.q850(), first.sip()), (Some(16), None));
    assert_eq!(first.text.as_deref(), Some("Normal \"call\", clearing"));
    assert_eq!(reasons[1].sip().unwrap(), 200);
    assert_eq!((reasons[2].protocol, reasons[2].cause), ("X", None));
    for (value, cause) in [("q.850;cause=127", Some(127)), ("Q.850;cause=128", None), ("Q.850;cause=0", None)]
    {
        assert_eq!(Reason::parse(value).unwrap().q850(), cause, "{value}");
    }
}

#[test]
fn replaces_needs_its_tags() {
    for message in
        spellings(Header::Replaces, None, "12adf2f34456gs5@a.b ;to-tag=12345;From-Tag=54321;early-only")
    {
        let replaces = message.replaces().unwrap().unwrap();
        assert_eq!(
            replaces,
            Replaces { call_id: "12adf2f34456gs5@a.b", to_tag: "12345", from_tag: "54321", early_only: true }
        );
    }
    for bad in ["a@b;to-tag=1", "a@b;from-tag=1", "a@b;to-tag=;from-tag=1", ";to-tag=1;from-tag=2"] {
        assert!(with(&format!("Replaces: {bad}")).replaces().is_err(), "{bad}");
    }
    assert_eq!(with("To: <sip:a@b>").replaces(), Ok(None));
}

#[test]
fn session_expires_is_read_in_all_spellings() {
    for message in spellings(Header::SessionExpires, Some("x"), "1800 ;refresher=uas") {
        let expected = SessionExpires { seconds: 1800, refresher: Some("uas") };
        assert_eq!(message.session_expires(), Ok(Some(expected)));
    }
    assert!(with("x: soon").session_expires().is_err());
    assert_eq!(with("Min-SE: 90;x=1").seconds(Header::MinSe), Ok(Some(90)));
}

#[test]
fn diversions_are_read_with_ciscos_forerunners() {
    let message = with(
        "Diversion: \"Doe, J\" <sip:8001@gw;user=phone>;reason=\"user-busy\";counter=2;privacy=off;screen=yes, <tel:+1201>;reason=no-answer;limit=5\r\n\
         CC-Diversion: <sip:8002@gw>;reason=unconditional\r\nCC-Redirect: <sip:8003@gw>;redir-reason=time-of-day",
    );
    let all: Vec<_> = message.diversions().map(|diversion| diversion.unwrap()).collect();
    let seen: Vec<_> = all
        .iter()
        .map(|one| {
            (one.address.uri().unwrap().user().unwrap().into_owned(), one.reason.as_deref(), one.counter)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("8001".into(), Some("user-busy"), 2),
            ("+1201".into(), Some("no-answer"), 1),
            ("8002".into(), Some("unconditional"), 1),
            ("8003".into(), Some("time-of-day"), 1),
        ]
    );
    assert_eq!(all[0].address.display(), "Doe, J");
    assert_eq!((all[0].screen.as_deref(), all[1].limit), (Some("yes"), Some(5)));
    assert!(with("Diversion: <sip:a").diversions().next().unwrap().is_err());
}

#[test]
fn history_is_read_with_its_reasons() {
    let message = with(
        "History-Info: <sip:bob@example.com?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%22&Privacy=history>;index=1,\r\n <sip:vm@example.com;cause=486>;index=1.1;mp=1",
    );
    let all: Vec<_> = message.history().map(|entry| entry.unwrap()).collect();
    assert_eq!(all[0].index, [1]);
    let reason = all[0].reason.as_deref().unwrap();
    assert_eq!(Reason::parse(reason).unwrap().sip().unwrap(), 302);
    assert_eq!(all[0].privacy.as_deref(), Some("history"));
    assert_eq!(all[1].index, [1, 1]);
    assert_eq!(all[1].reason.as_deref(), Some("SIP;cause=486"));
    assert!(with("History-Info: <sip:a@b>;index=1.x").history().next().unwrap().unwrap().index.is_empty());
}

#[test]
fn identities_are_read() {
    let message = with(
        "Remote-Party-ID: \"Alice \\\\ B\" <sip:8001@gw>;party=calling;screen=yes;privacy=off\r\n\
         P-Asserted-Identity: \"Alice\" <sip:8001@gw>, <tel:+12015550123>\r\nP-Preferred-Identity: sip:8001@gw\r\n\
         Privacy: id ;critical\r\nPrivacy: user",
    );
    let party = message.remote_parties().next().unwrap().unwrap();
    assert_eq!(
        (party.party.as_deref(), party.screened, party.privacy.as_deref()),
        (Some("calling"), true, Some("off"))
    );
    assert_eq!(party.address.display(), "Alice \\ B");
    let users: Vec<_> = message
        .asserted_identities()
        .map(|address| address.unwrap().uri().unwrap().user().unwrap().into_owned())
        .collect();
    assert_eq!(users, ["8001", "+12015550123"]);
    assert_eq!(message.preferred_identities().count(), 1);
    assert_eq!(message.privacy().collect::<Vec<_>>(), ["id", "critical", "user"]);
}

#[test]
fn referrals_are_single_addresses() {
    for message in
        spellings(Header::ReferTo, Some("r"), "<sip:9@gw?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    {
        let (name, value) = message.refer_to().unwrap().unwrap().uri().unwrap().headers().next().unwrap();
        assert_eq!((&*name, &*value), ("Replaces", "a@b;to-tag=1;from-tag=2"));
    }
    for message in spellings(Header::ReferredBy, Some("b"), "<sip:boss@gw>;cid=\"2@gw\"") {
        let by = message.referred_by().unwrap().unwrap();
        assert_eq!(by.params().text("cid").as_deref(), Some("2@gw"));
    }
    assert!(with("Refer-To: <sip:a@b>, <sip:c@d>").refer_to().is_err());
    assert!(with("Refer-To: <sip:a@b>\r\nr: <sip:c@d>").refer_to().is_err());
}

#[test]
fn infos_may_be_of_any_scheme() {
    let message = with(
        "Call-Info: <http://example.com/a,b.jpg>;purpose=icon, <sip:gw>;appearance-index=1\r\n\
         Alert-Info: <urn:alert:source:internal>\r\nAlert-Info: <file://Bellcore-dr2>;info=alert-internal",
    );
    let icon = message.infos(Header::CallInfo).next().unwrap().unwrap();
    assert_eq!(icon.uri_str().unwrap(), "http://example.com/a,b.jpg");
    assert_eq!(icon.params().get("purpose"), Some("icon"));
    let schemes: Vec<_> = message
        .infos(Header::AlertInfo)
        .map(|info| info.unwrap().uri().unwrap().scheme().to_owned())
        .collect();
    assert_eq!(schemes, ["urn", "file"]);
}

#[test]
fn warnings_and_retry_after_are_read() {
    let message = with(
        "Warning: 307 isi.edu \"Session parameter 'foo', not understood\", 301 a:5060 \"Bad \\\"x\\\"\", junk",
    );
    let all: Vec<_> = message.warnings().collect();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].code, all[0].agent), (307, "isi.edu"));
    assert_eq!(all[0].text, "Session parameter 'foo', not understood");
    assert_eq!(all[1].text, "Bad \"x\"");
    for (value, expected) in [
        ("18000;duration=3600", (18000, Some(3600), None)),
        ("120 (I'm in a meeting; back=soon)", (120, None, Some("I'm in a meeting; back=soon"))),
        ("5 (a (nested) one) ;duration=9", (5, Some(9), Some("a (nested) one"))),
        ("99999999999", (u32::MAX, None, None)),
    ] {
        let message = with(&format!("Retry-After: {value}"));
        let read = message.retry_after().unwrap().unwrap();
        assert_eq!((read.seconds, read.duration, read.comment), expected, "{value}");
    }
    assert!(with("Retry-After: later").retry_after().is_err());
}

#[test]
fn timestamps_and_dates_are_read() {
    for (value, delay) in [("54", None), ("54.21", None), ("54 .5", Some(500)), ("54. 1.25", Some(1250))] {
        let message = with(&format!("Timestamp: {value}"));
        let read = message.timestamp().unwrap().unwrap();
        assert_eq!(read.delay.map(|delay| delay.as_millis()), delay, "{value}");
    }
    for bad in ["", "x", "1 y", "1..2", "."] {
        assert!(with(&format!("Timestamp: {bad}")).timestamp().is_err(), "{bad}");
    }
    let seconds = |value: &str| {
        let date = with(&format!("Date: {value}")).date().ok()??;
        date.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
    };
    // From `date -u -d … +%s`.
    for (value, expected) in [
        ("Sat, 13 Nov 2010 23:29:00 GMT", Some(1_289_690_940)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
        ("Tue, 31 Dec 2069 23:59:59 gmt", Some(3_155_759_999)),
        ("Fri, 01 Jan 2010 16:00:00 EST", None),
        ("Wed, 29 Feb 2023 12:00:00 GMT", None),
        ("Wed, 01 Foo 2023 12:00:00 GMT", None),
        ("Wed, 01 Mar 2023 24:00:00 GMT", None),
        ("01 Mar 2023 12:00:00 GMT", None),
    ] {
        assert_eq!(seconds(value), expected, "{value}");
    }
}

#[test]
fn user_to_user_and_ciscos_guid_are_read() {
    let message = with(
        "User-to-User: 04484F4C41;encoding=hex;purpose=isdn-uui, \"in words, too\"\r\nUser-to-User: 0g;encoding=hex",
    );
    let all: Vec<_> = message.user_to_user().map(|value| value.octets()).collect();
    assert_eq!(all, [Some(b"\x04HOLA".to_vec()), Some(b"in words, too".to_vec()), None]);
    let guid = with("Cisco-Guid: 1234567890-0000000002-0000000003-4294967295").cisco_guid().unwrap().unwrap();
    assert_eq!(guid, CiscoGuid([1_234_567_890, 2, 3, u32::MAX]));
    assert_eq!(guid.to_string(), "1234567890-0000000002-0000000003-4294967295");
    for bad in ["1-2-3", "1-2-3-4-5", "1-2-3-4294967296", "", "a-b-c-d"] {
        assert!(with(&format!("Cisco-Guid: {bad}")).cisco_guid().is_err(), "{bad}");
    }
}

#[test]
fn entity_tags_and_routes_are_read() {
    assert_eq!(with("SIP-ETag: dx200xyz").entity_tag(), Some("dx200xyz"));
    assert_eq!(with("SIP-If-Match: dx200xyz").entity_tag(), Some("dx200xyz"));
    assert_eq!(with("SIP-ETag: a b").entity_tag(), None);
    let message =
        with("Path: <sip:p1;lr>,<sip:p2;lr>\r\nService-Route: <sip:s1;lr>\r\nservice-route: <sip:s2;lr>");
    assert_eq!((message.path().count(), message.service_route().count()), (2, 2));
    assert!(message.path().all(|route| route.unwrap().uri().unwrap().param("lr").is_some()));
}
