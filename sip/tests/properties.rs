//! What holds for every message: printing what was read gives the same octets, an edit changes what it names
//! and nothing else, and parts of a body come out as they went in. With the shared corpus beside the
//! repository, each of its messages is read as well.

#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use proptest::prelude::*;
use sip::message::Multipart;
use sip::sdp::Sdp;
use sip::{Header, Message};

/// Name as written, the header it is, and what stands between the name and the end of the line.
type Line = (&'static str, Option<Header>, String);

/// Header lines as real senders and torturers write them: long, compact, odd case, folded, lists.
fn line() -> impl Strategy<Value = Line> {
    let name = prop::sample::select(
        &[
            ("Via", Some(Header::Via)),
            ("v", Some(Header::Via)),
            ("ROUTE", Some(Header::Route)),
            ("Record-Route", Some(Header::RecordRoute)),
            ("f", Some(Header::From)),
            ("to", Some(Header::To)),
            ("m", Some(Header::Contact)),
            ("Subject", Some(Header::Subject)),
            ("s", Some(Header::Subject)),
            ("X-Odd", None),
            ("x-odd", None),
            ("p-Charging", None),
        ][..],
    );
    let colon = prop::sample::select(&[":", ": ", " : ", ":\t", ":\r\n  "][..]);
    // No commas outside quotes and brackets: each element stands for itself.
    let element = prop::sample::select(
        &[
            "<sip:a@b;lr>;x=\"1,2\"",
            "SIP/2.0/UDP h;branch=z9hG4bK1",
            "\"A, B\" <sip:c@d>",
            "one two",
            "x;y=z",
            "é",
        ][..],
    );
    let comma = prop::sample::select(&[",", " , ", ",\r\n "][..]);
    let tail = prop::sample::select(&["", " ", "\r\n "][..]);
    (name, colon, proptest::collection::vec(element, 0..4), comma, tail).prop_map(
        |((name, header), colon, elements, comma, tail)| {
            (name, header, format!("{colon}{}{tail}", elements.join(comma)))
        },
    )
}

fn print(start: &str, lines: &[Line], body: &[u8]) -> Bytes {
    let mut out = format!("{start}\r\n").into_bytes();
    for (name, _, rest) in lines {
        out.extend_from_slice(format!("{name}{rest}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out.into()
}

const START: &str = "INVITE sip:8000@gw SIP/2.0";

fn is_named(line: &Line, header: Header) -> bool {
    line.1 == Some(header)
}

/// The line with another value: what stands before and behind the old one is kept.
fn with_value(line: &Line, value: &str) -> Line {
    let (name, header, rest) = line;
    let begin = rest.find(':').unwrap() + 1;
    let old = rest.get(begin..).unwrap();
    let lead = old.len() - old.trim_start_matches([' ', '\t', '\r', '\n']).len();
    let trimmed = old.trim_matches([' ', '\t', '\r', '\n']);
    let before = rest.get(..begin + lead).unwrap();
    let behind = rest.get(begin + lead + trimmed.len()..).unwrap();
    (*name, *header, format!("{before}{value}{behind}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_what_was_read_is_the_identity(
        lead in "(\r\n){0,3}", lines in proptest::collection::vec(line(), 0..12),
        body in proptest::collection::vec(any::<u8>(), 0..60), lf in any::<bool>(),
    ) {
        let mut octets = print(START, &lines, &body);
        if lf {
            octets = octets.iter().copied().filter(|octet| *octet != b'\r').collect::<Vec<_>>().into();
        }
        let sent: Bytes = [lead.as_bytes(), &octets].concat().into();
        let message = Message::parse(sent).unwrap();
        prop_assert_eq!(message.as_bytes(), &octets);
        prop_assert_eq!(&message.edit().to_bytes(), &octets);
        prop_assert_eq!(message.all_headers().count(), lines.len());
        let again = Message::parse(message.as_bytes().clone()).unwrap();
        prop_assert_eq!(again.as_bytes(), &octets);
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else(
        lines in proptest::collection::vec(line(), 0..12), body in proptest::collection::vec(any::<u8>(), 0..60),
        header in prop::sample::select(&[Header::Via, Header::Route, Header::RecordRoute, Header::Subject, Header::Contact, Header::Date][..]),
        what in 0..7,
    ) {
        let message = Message::parse(print(START, &lines, &body)).unwrap();
        let value = "<sip:new@host>;z";
        let own = (header.as_str(), Some(header), format!(": {value}"));
        let first = lines.iter().position(|line| is_named(line, header));
        let last = lines.iter().rposition(|line| is_named(line, header));
        let mut expected = lines.clone();
        let mut start = START;
        let mut new_body = body.clone();
        let edited = match what {
            0 => {
                start = "INVITE tel:+1201;x=y SIP/2.0";
                message.edit().request_uri("tel:+1201 ;x=y\r\n")
            }
            1 => {
                if let Some(first) = first {
                    expected[first] = with_value(&lines[first], value);
                    let mut at = 0;
                    expected.retain(|line| { at += 1; at - 1 <= first || !is_named(line, header) });
                } else {
                    expected.push(own);
                }
                message.edit().set(header, value)
            }
            2 => {
                expected.retain(|line| !is_named(line, header));
                message.edit().remove(header)
            }
            3 => {
                let behind_vias = lines.iter().rposition(|line| is_named(line, Header::Via)).map(|at| at + 1);
                let at = first.or(match header {
                    Header::Via => Some(0),
                    Header::RecordRoute => behind_vias,
                    _ => None,
                });
                expected.insert(at.unwrap_or(lines.len()), own);
                message.edit().prepend(header, value)
            }
            4 => {
                expected.insert(last.map_or(lines.len(), |at| at + 1), own);
                message.edit().append(header, value)
            }
            5 => {
                new_body = b"\x08\x02\x00".to_vec();
                expected.push(("Content-Type", Some(Header::ContentType), ": application/x-q931".into()));
                expected.push(("Content-Length", Some(Header::ContentLength), ": 3".into()));
                message.edit().body("application/x-q931", new_body.clone())
            }
            _ => message.edit(),
        };
        prop_assert_eq!(edited.to_bytes(), print(start, &expected, &new_body));
        let again = edited.finish().unwrap();
        prop_assert_eq!(again.all_headers().count(), expected.len());
    }

    #[test]
    fn the_first_element_alone_is_taken_or_replaced(
        lines in proptest::collection::vec(line(), 0..12), replace in any::<bool>(),
        header in prop::sample::select(&[Header::Via, Header::Route][..]),
    ) {
        let message = Message::parse(print(START, &lines, b"")).unwrap();
        let new = "<sip:new;lr>";
        let edit = message.edit();
        let edited = if replace { edit.replace_first(header, new) } else { edit.remove_first(header) };
        let edited = edited.finish().unwrap();
        let elements = |message: &Message, header| {
            message.list(header).map(|value| value.to_str().into_owned()).collect::<Vec<_>>()
        };
        let mut expected = elements(&message, header);
        if replace {
            if let Some(first) = expected.first_mut() { *first = new.into(); }
        } else if !expected.is_empty() {
            expected.remove(0);
        }
        prop_assert_eq!(elements(&edited, header), expected);
        let others = |message: &Message| {
            let other = |(name, _): &(&str, _)| Header::from_bytes(name.as_bytes()) != Some(header);
            message.all_headers().filter(other).map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect::<Vec<_>>()
        };
        prop_assert_eq!(others(&edited), others(&message));
    }

    #[test]
    fn parts_come_out_as_they_went_in(
        bodies in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..80),
                Just(b"--part-00000000\r\n".to_vec()),
                Just(b"\r\n--part-00000001--\r\n\r\n".to_vec()),
            ],
            1..5,
        ),
    ) {
        let types = ["application/sdp", "application/QSIG", "application/x-q931", "text/plain"];
        let mut multipart = Multipart::mixed();
        for (content_type, body) in types.iter().zip(&bodies) {
            multipart = multipart.part_with(
                content_type, &[(Header::ContentDisposition, "signal;handling=optional")], body.clone(),
            );
        }
        let (content_type, body) = multipart.build();
        let invite = Message::parse(print(START, &[], b"")).unwrap().edit().body(&content_type, body).finish().unwrap();
        let parts = invite.parts().unwrap();
        prop_assert_eq!(parts.len(), bodies.len());
        for ((part, content_type), body) in parts.iter().zip(types).zip(&bodies) {
            prop_assert!(part.is(content_type) && part.is_optional());
            prop_assert_eq!(part.body(), &body[..]);
            prop_assert_eq!(invite.part(content_type).unwrap().body(), &body[..]);
        }
    }
}

#[test]
fn the_binary_part_of_rfc_4475_is_found() {
    let octets = Bytes::from_static(include_bytes!("../testdata/rfc4475/mpart01.dat"));
    let message = Message::parse(octets).unwrap();
    let parts = message.parts().unwrap();
    let [text, binary] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    assert!(text.is("text/plain"));
    assert_eq!(text.body(), b"Hello");
    assert_eq!(text.header("Content-Transfer-Encoding").unwrap().to_str(), "binary");
    // DER of PKCS #7 signed data: a sequence, its length in two octets, and so many octets.
    let [0x30, 0x82, high, low, rest @ ..] = binary.body() else { panic!("{:?}", binary.body().get(..4)) };
    assert_eq!(rest.len(), usize::from(u16::from_be_bytes([*high, *low])));
}

#[test]
fn lines_that_end_in_lf_alone_are_edited_alike() {
    let message =
        Message::parse(Bytes::from_static(b"BYE sip:a SIP/2.0\nVia: x\nSubject:\n\t y\n\nbody")).unwrap();
    let edited = message.edit().prepend(Header::Via, "new").set(Header::Subject, "z").append("Z", "1");
    assert_eq!(&edited.to_bytes()[..], b"BYE sip:a SIP/2.0\nVia: new\nVia: x\nSubject:\n\t z\nZ: 1\n\nbody");
}

#[test]
fn an_edit_cannot_smuggle_lines_in() {
    let message = Message::parse(Bytes::from_static(b"BYE sip:a SIP/2.0\r\nVia: x\r\n\r\n")).unwrap();
    let edited = message
        .edit()
        .request_uri("sip:b SIP/2.0\r\nX: 1")
        .append(Header::Subject, "a\r\nEvil: 1\r\n\r\n")
        .append("Bad\r\nName: x", "y")
        .finish()
        .unwrap();
    assert_eq!(edited.all_headers().count(), 3);
    assert_eq!(edited.request_uri(), Some("sip:bSIP/2.0X:1"));
    assert!(message.edit().request_uri("").finish().is_err());
    // A head that was cut off is closed.
    let cut = Message::parse(Bytes::from_static(b"BYE sip:a SIP/2.0\r\nVia: x")).unwrap();
    let bytes = cut.edit().append(Header::Route, "<sip:p>").to_bytes();
    assert_eq!(&bytes[..], b"BYE sip:a SIP/2.0\r\nVia: x\r\nRoute: <sip:p>\r\n\r\n");
}

#[test]
fn every_message_of_the_shared_corpus_is_read_and_printed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let mut folders = vec![root.clone()];
    let (mut messages, mut bodies, mut misprints) = (0, 0, 0);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "sip") {
                let octets = Bytes::from(std::fs::read(&path).unwrap());
                let message = Message::parse(octets.clone());
                let message = match message {
                    Ok(message) => message,
                    Err(error) => {
                        // A manual's misprint; the corpus has what was meant beside it.
                        let repaired = folder.join("repaired").join(path.file_name().unwrap());
                        assert!(repaired.exists(), "{}: {error}", path.display());
                        misprints += 1;
                        continue;
                    }
                };
                let lead = octets.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
                assert!(octets[lead..].starts_with(message.as_bytes()), "{}", path.display());
                assert!(message.edit().to_bytes().starts_with(message.head()), "{}", path.display());
                messages += 1;
                for part in
                    message.parts().unwrap_or_default().iter().filter(|part| part.is("application/sdp"))
                {
                    let sdp = match Sdp::parse(part.body()) {
                        Ok(sdp) => sdp,
                        Err(error) => {
                            let repaired = folder.join("repaired").join(path.file_name().unwrap());
                            assert!(repaired.exists(), "{}: {error}", path.display());
                            misprints += 1;
                            continue;
                        }
                    };
                    assert_eq!(Sdp::parse(sdp.to_string().as_bytes()), Ok(sdp), "{}", path.display());
                    bodies += 1;
                }
            }
        }
    }
    if messages == 0 {
        eprintln!("skipped: no corpus at {}", root.display());
    } else {
        eprintln!("{messages} messages, {bodies} session descriptions; {misprints} misprints refused");
    }
}
