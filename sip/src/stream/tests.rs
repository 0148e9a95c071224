#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn framer() -> StreamFramer {
    StreamFramer::new(&Limits::default())
}

fn all(framer: &mut StreamFramer) -> Vec<Result<Bytes, FramingError>> {
    std::iter::from_fn(|| framer.next()).collect()
}

#[test]
fn messages_are_cut_by_content_length_wherever_the_stream_was_torn() {
    let stream: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\nab\r\n\rSIP/2.0 200 OK\nContent-Length : 0\n\n\r\n\r\nBYE sip:b SIP/2.0\r\nX: y\r\n\r\n";
    let expected: Vec<&[u8]> = vec![
        b"OPTIONS sip:a SIP/2.0\r\nl: 5\r\n\r\nab\r\n\r",
        b"SIP/2.0 200 OK\nContent-Length : 0\n\n",
        b"BYE sip:b SIP/2.0\r\nX: y\r\n\r\n",
    ];
    for step in 1..stream.len() {
        let mut framer = framer();
        let mut got = Vec::new();
        for piece in stream.chunks(step) {
            framer.feed(piece);
            got.extend(all(&mut framer).into_iter().map(Result::unwrap));
        }
        assert_eq!(got, expected, "{step}");
        assert_eq!(framer.take_keep_alives(), 1);
        assert_eq!(framer.buffered(), 0);
    }
}

#[test]
fn keep_alives_are_counted_and_single_line_ends_are_skipped() {
    let mut framer = framer();
    framer.feed(b"\r\n");
    assert!(framer.next().is_none());
    assert_eq!(framer.take_keep_alives(), 0);
    framer.feed(b"\r\n\r\n\r\n");
    assert!(framer.next().is_none());
    assert_eq!((framer.take_keep_alives(), framer.take_keep_alives()), (2, 0));
    framer.feed(b"\r\n\nBYE sip:b SIP/2.0\r\n\r\n");
    assert!(framer.next().unwrap().unwrap().starts_with(b"BYE"));
    framer.feed(b"\r\n\r\r\nBYE sip:c SIP/2.0\r\n\r\n");
    assert!(framer.next().unwrap().unwrap().starts_with(b"BYE sip:c"));
}

#[test]
fn an_unusable_content_length_gives_the_head_once_and_then_the_end() {
    for line in [
        "Content-Length: x",
        "l: 1\r\nContent-Length: 2",
        "Content-Length:\r\n -5",
        "Content-Length: 99999999",
        "l:",
    ] {
        let mut framer = framer();
        framer.feed(format!("BYE sip:b SIP/2.0\r\n{line}\r\n\r\nBYE sip:c SIP/2.0\r\n\r\n").as_bytes());
        let head = framer.next().unwrap().unwrap();
        assert!(head.ends_with(format!("{line}\r\n\r\n").as_bytes()), "{line}");
        assert!(framer.next().unwrap().is_err(), "{line}");
        framer.feed(b"BYE sip:d SIP/2.0\r\n\r\n");
        assert!(framer.next().is_none() && framer.buffered() == 0);
    }
    let mut framer = framer();
    framer.feed(b"BYE sip:b SIP/2.0\r\nl:\r\n 2\r\nContent-Length: 2\r\nX:\r\n l: 9\r\n\r\nhi");
    assert!(framer.next().unwrap().unwrap().ends_with(b"hi"));
}

#[test]
fn a_head_without_end_is_bounded() {
    let mut framer = StreamFramer::new(&Limits { message: 1000, ..Limits::default() });
    let mut ended = None;
    framer.feed(b"BYE sip:b SIP/2.0\r\n");
    for sent in 0..100 {
        framer.feed(b"X: yyyyyyyyyyyyyyyy\r\n");
        if let Some(end) = framer.next() {
            ended = Some((sent, end));
            break;
        }
    }
    let (sent, end) = ended.unwrap();
    assert!(sent < 55);
    assert_eq!(end.unwrap_err(), FramingError::HeadTooLarge { limit: 1000 });
}

#[test]
fn a_head_too_large_is_refused_though_it_comes_in_one_segment() {
    let mut framer = StreamFramer::new(&Limits { message: 1000, ..Limits::default() });
    let fits = b"BYE sip:b SIP/2.0\r\n\r\n".as_slice();
    let large = format!("BYE sip:b SIP/2.0\r\nX: {}\r\n\r\n", "y".repeat(1000));
    framer.feed(&[fits, large.as_bytes()].concat());
    assert_eq!(framer.next().unwrap().unwrap(), fits);
    assert_eq!(framer.next().unwrap().unwrap_err(), FramingError::HeadTooLarge { limit: 1000 });
    assert_eq!(framer.next(), None);
}

#[test]
fn another_protocol_is_told_at_once() {
    for (octets, found) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], "\x16"),
        (b"GET / HTTP/1.1\r\n", "GET / HTTP/1.1"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"),
        (b"\0\0\0\0", "\0"),
        (b"\r\n\r\nhello\n", "hello"),
    ] {
        let mut framer = framer();
        framer.feed(octets);
        assert_eq!(framer.next(), Some(Err(FramingError::NotSip { found: found.into() })));
        framer.feed(b"BYE sip:b SIP/2.0\r\n\r\n");
        assert_eq!(framer.next(), None);
    }
    // A version that is not ours is SIP all the same, and gets 505.
    let mut framer = framer();
    framer.feed(b"OPTIONS sip:a sip/7.0\r\n\r\n");
    assert!(framer.next().unwrap().is_ok());
}

const PIECES: [&[u8]; 9] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"BYE sip:b SIP/2.0\r\n",
    b"BYE sip:b SIP/2.0\r\nl: 3\r\n\r\n123",
    b"l: 3\r\n",
    b"\r\n\r\n",
    b"123",
    b" ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_stream_in_any_pieces_gives_the_same_messages(
        pieces in proptest::collection::vec(prop::sample::select(&PIECES[..]), 0..100),
        cuts in proptest::collection::vec(1usize..40, 1..20),
    ) {
        let octets = pieces.concat();
        let mut whole = framer();
        whole.feed(&octets);
        let expected = all(&mut whole);
        let mut torn = framer();
        let mut got = Vec::new();
        let mut rest = &octets[..];
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let cut = (*cuts.next().unwrap()).min(rest.len());
            torn.feed(&rest[..cut]);
            rest = &rest[cut..];
            got.extend(all(&mut torn));
        }
        prop_assert_eq!(got, expected);
    }
}
