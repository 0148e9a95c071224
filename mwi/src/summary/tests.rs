#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

fn voice(new: u32, old: u32, urgent: Option<(u32, u32)>) -> ClassCount {
    count_of(MessageClass::Voice, new, old, urgent)
}

fn count_of(class: MessageClass, new: u32, old: u32, urgent: Option<(u32, u32)>) -> ClassCount {
    let (urgent_new, urgent_old) = urgent.unzip();
    ClassCount { class, new, old, urgent_new, urgent_old }
}

#[test]
fn bodies_as_voice_mail_systems_send_them_are_read() {
    // In the style of RFC 3842 5.5: everything.
    let full = b"Messages-Waiting: yes\r\nMessage-Account: sip:anna@vmail.example.com\r\nVoice-Message: 4/8 (1/2)\r\nFax-Message: 1/0\r\n\r\nTo: <anna@example.com>\r\nFrom: <otto@example.com>\r\nSubject: carpool\r\nDate: Sun, 09 Jul 2000 21:23:01 -0700\r\nPriority: normal\r\nMessage-ID: 13784434989@vmail.example.com\r\n";
    let summary = parse(full).unwrap();
    assert!(summary.waiting);
    assert_eq!(summary.account.as_deref(), Some("sip:anna@vmail.example.com"));
    assert_eq!(summary.classes, [voice(4, 8, Some((1, 2))), count_of(MessageClass::Fax, 1, 0, None)]);
    assert_eq!(summary.extra.len(), 6);
    assert_eq!(
        summary.extra.get(3).map(|(_, value)| value.as_str()),
        Some("Sun, 09 Jul 2000 21:23:01 -0700")
    );
    assert_eq!(summary.to_string().as_bytes(), full);

    // Unified CM: the status alone.
    assert_eq!(parse(b"Messages-Waiting: yes\r\n"), Ok(Summary::new(true)));
    // Unity, older: no line end.
    assert_eq!(parse(b"Messages-Waiting: no"), Ok(Summary::new(false)));
    // Asterisk and FreeSWITCH: account and counts with urgent ones.
    let asterisk = parse(
        b"Messages-Waiting: yes\r\nMessage-Account: sip:asterisk@192.0.2.1\r\nVoice-Message: 1/0 (0/0)\r\n",
    );
    assert_eq!(asterisk.unwrap().classes, [voice(1, 0, Some((0, 0)))]);
    // A gateway that writes spaces and lower case, LF only, blank lines around.
    let loose =
        parse(b"\n\r\n  messages-waiting :  YES \n\n voice-message:3 / 2(1 /0 )\nX-Vendor: a:b\n\n").unwrap();
    assert_eq!(loose.classes, [voice(3, 2, Some((1, 0)))]);
    assert_eq!(loose.extra, [("X-Vendor".into(), "a:b".into())]);
    // CR only; octet 0 counted into Content-Length; byte order mark.
    assert_eq!(parse(b"Messages-Waiting: yes\rVoice-Message: 1/2\r").unwrap().classes, [voice(1, 2, None)]);
    assert_eq!(parse(b"\xEF\xBB\xBFMessages-Waiting: yes\r\n\0\0"), Ok(Summary::new(true)));
    // A class of tomorrow, a class in capitals, counts without old ones, status at the end.
    let odd = parse(b"Video-Message: 1/2\r\nTEXT-MESSAGE: 7/0\r\nVoice-Message: 5\r\nMessages-Waiting: yes")
        .unwrap();
    assert_eq!(
        odd.classes,
        [
            count_of(MessageClass::Other("Video-Message".into()), 1, 2, None),
            count_of(MessageClass::Text, 7, 0, None),
            voice(5, 0, None)
        ]
    );
    // Counts nobody can read do no harm.
    let unread =
        parse(b"Messages-Waiting: yes\r\nVoice-Message: many\r\nFax-Message:\r\nPager-Message: 1/2 (3\r\n")
            .unwrap();
    assert!(unread.classes.is_empty());
    assert_eq!(unread.extra.len(), 3);
    // A folded line.
    let folded = parse(b"Messages-Waiting: yes\r\nMessage-Account: sip:anna\r\n @example.com\r\n").unwrap();
    assert_eq!(folded.account.as_deref(), Some("sip:anna @example.com"));
    // The first of a repeated field holds.
    let twice = parse(b"Messages-Waiting: yes\nMessages-Waiting: no\nMessage-Account: a\nMessage-Account: b")
        .unwrap();
    assert!(twice.waiting);
    assert_eq!(twice.account.as_deref(), Some("a"));
    assert_eq!(twice.extra.len(), 2);
    assert_eq!(parse(b"Message-Waiting: yes\r\n"), Ok(Summary::new(true)));
    // Largest count.
    assert_eq!(
        parse(b"Messages-Waiting: yes\nVoice-Message: 4294967295/0").unwrap().classes,
        [voice(u32::MAX, 0, None)]
    );
}

#[test]
fn what_is_no_summary_is_refused_with_400() {
    let cases: &[(&[u8], SummaryError)] = &[
        (b"", SummaryError::NoStatus),
        (b"\r\n\r\n", SummaryError::NoStatus),
        (b"\0\0", SummaryError::NoStatus),
        (b"Voice-Message: 1/0\r\n", SummaryError::NoStatus),
        (b"Messages-Waiting: maybe", SummaryError::BadStatus { found: "maybe".into() }),
        (b"Messages-Waiting:", SummaryError::BadStatus { found: String::new() }),
        (b"hello", SummaryError::BadLine { line: 1 }),
        (b"Messages-Waiting: yes\r\n: x", SummaryError::BadLine { line: 2 }),
        (b"Messages-Waiting: yes\r\nA B: x", SummaryError::BadLine { line: 2 }),
        (b"Messages-Waiting: yes\r\nVoice-Message: 4294967296/0", SummaryError::BadCount { line: 2 }),
        (b"Messages-Waiting: y\0es", SummaryError::Control { line: 1, octet: 0 }),
        (b"Messages-Waiting: yes\nX: \x1b[2J", SummaryError::Control { line: 2, octet: 0x1b }),
    ];
    for (body, error) in cases {
        assert_eq!(parse(body).as_ref(), Err(error), "{:?}", String::from_utf8_lossy(body));
        assert_eq!(error.sip_status(), 400);
    }
}

/// The class of CVE-2026-57191: a field of `Message-Account` longer than anybody expects.
#[test]
fn every_field_from_1_octet_to_70000_is_used_or_refused() {
    type Build = fn(&str) -> String;
    let fields: [(&str, Build); 8] = [
        ("account", |x| format!("Messages-Waiting: yes\r\nMessage-Account: {x}\r\n")),
        ("status", |x| format!("Messages-Waiting: {x}\r\n")),
        ("name", |x| format!("Messages-Waiting: yes\r\n{x}: 1/0\r\n")),
        ("value", |x| format!("Messages-Waiting: yes\r\nX-Extra: {x}\r\n")),
        ("count", |x| format!("Messages-Waiting: yes\r\nVoice-Message: {}/0\r\n", x.replace('a', "1"))),
        ("urgent", |x| {
            format!("Messages-Waiting: yes\r\nVoice-Message: 1/0 (0/{})\r\n", x.replace('a', "0"))
        }),
        ("line", |x| format!("Messages-Waiting: yes\r\n{x}")),
        ("spaces", |x| format!("Messages-Waiting:{}yes\r\n", x.replace('a', " "))),
    ];
    let lengths = (1..=140)
        .chain((141..4200).step_by(61))
        .chain(4060..4110)
        .chain((4200..65_536).step_by(1021))
        .chain(65_500..65_600)
        .chain([70_000]);
    let filler = "a".repeat(70_000);
    for len in lengths {
        for (field, build) in fields {
            let body = build(filler.get(..len).unwrap());
            match parse(body.as_bytes()) {
                Ok(summary) => {
                    assert!(body.len() <= MAX_BODY && len <= MAX_LINE, "{field} {len}");
                    if field == "account" {
                        assert_eq!(summary.account.map(|account| account.len()), Some(len));
                    }
                }
                Err(error) if len > MAX_LINE => assert_eq!(error.sip_status(), 413, "{field} {len}: {error}"),
                Err(error) => assert!([400, 413].contains(&error.sip_status()), "{field} {len}: {error}"),
            }
            let used = len <= MAX_LINE - "Message-Account: ".len();
            assert!(field != "account" || used == parse(body.as_bytes()).is_ok(), "{field} {len}");
        }
    }
}

#[test]
fn classes_other_lines_and_continuations_are_bounded() {
    let status = "Messages-Waiting: yes\r\n";
    assert_eq!(
        parse((status.to_owned() + &"Voice-Message: 1/0\r\n".repeat(33)).as_bytes()),
        Err(SummaryError::TooMany { line: 34, what: "message classes", limit: 32 })
    );
    assert_eq!(
        parse((status.to_owned() + &"X: y\r\n".repeat(257)).as_bytes()),
        Err(SummaryError::TooMany { line: 258, what: "other lines", limit: 256 })
    );
    let folded = parse((status.to_owned() + "X: y\r\n" + &" z\r\n".repeat(3000)).as_bytes());
    assert_eq!(folded.map_err(|error| error.sip_status()), Err(413));
    assert_eq!(parse(&[b'\n'; MAX_BODY]), Err(SummaryError::NoStatus));
    assert_eq!(parse(&[b'\n'; MAX_BODY + 1]), Err(SummaryError::BodyTooLong { len: MAX_BODY + 1 }));
}

fn class() -> impl Strategy<Value = MessageClass> {
    prop_oneof![
        Just(MessageClass::Voice),
        Just(MessageClass::Fax),
        Just(MessageClass::Pager),
        Just(MessageClass::Multimedia),
        Just(MessageClass::Text),
        Just(MessageClass::None),
        "X-[a-z]{1,9}".prop_map(MessageClass::Other),
    ]
}

fn count() -> impl Strategy<Value = ClassCount> {
    (class(), any::<u32>(), any::<u32>(), any::<Option<(u32, u32)>>())
        .prop_map(|(class, new, old, urgent)| count_of(class, new, old, urgent))
}

fn summary() -> impl Strategy<Value = Summary> {
    let text = "([!-~é€]([ -~é€]{0,20}[!-~é€])?)?";
    (
        any::<bool>(),
        prop::option::of("[!-~é€]([ -~é€]{0,30}[!-~é€])?"),
        prop::collection::vec(count(), 0..6),
        prop::collection::vec(("Y-[A-Za-z0-9.!%*_+`'~-]{0,12}", text), 0..6),
    )
        .prop_map(|(waiting, account, classes, extra)| Summary { waiting, account, classes, extra })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_is_read_back(summary in summary()) {
        prop_assert_eq!(parse(summary.to_string().as_bytes()), Ok(summary));
    }

    #[test]
    fn what_was_read_prints_and_reads_alike(body in "(Messages-Waiting: yes\n)?((Voice|Fax|X)-Message|None|Message-Account|Q)?[ :/()0-9a\n\r\t-]{0,60}") {
        if let Ok(summary) = parse(body.as_bytes()) {
            prop_assert_eq!(parse(summary.to_string().as_bytes()), Ok(summary));
        }
    }

    #[test]
    fn no_octets_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300), head in any::<bool>()) {
        let head: &[u8] = if head { b"Messages-Waiting: no\r\n" } else { b"" };
        if let Err(error) = parse(&[head, &body].concat()) {
            prop_assert!([400, 413].contains(&error.sip_status()));
        }
    }
}

#[test]
fn the_limit_of_a_line_is_that_of_what_is_kept() {
    let body = |value: &[u8]| [b"Messages-Waiting: no\r\n\r\nX:", value, b"\r\n"].concat();
    let fits = body(&b"y".repeat(MAX_LINE - 3));
    let summary = parse(&fits).unwrap();
    assert_eq!(parse(summary.to_string().as_bytes()), Ok(summary));
    // One more, and three octets for each that is no UTF-8.
    for value in [b"y".repeat(MAX_LINE - 2), b"\xFF".repeat(MAX_LINE / 3)] {
        assert!(matches!(parse(&body(&value)), Err(SummaryError::LineTooLong { .. })));
    }
}
