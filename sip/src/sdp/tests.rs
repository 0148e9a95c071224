#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap()
}

const FAX: &str = "v=0\r\no=CiscoSystemsSIP-GW-UserAgent 2916 7371 IN IP4 gw.example.com\r\ns=SIP Call\r\nb=AS:64\r\na=group:X\r\nt=0 0\r\n\
    m=audio 16614/2 RTP/AVP 0 96 101 97\r\nc=IN IP4 gw.example.com\r\na=rtpmap:96 opus/48000/2\r\na=recvonly\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=ptime:30\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=candidate:1 1 UDP 1 h 1 typ host\r\nz=1\r\n\
    m=image 0 udptl t38\r\na=T38FaxVersion:0\r\n";

#[test]
fn what_was_read_is_printed_again() {
    let sdp = parse(FAX);
    assert_eq!(sdp.to_string(), FAX);
    let audio = &sdp.media[0];
    assert_eq!((audio.port, audio.port_count.as_str(), audio.ptime()), (16614, "/2", Some(20)));
    let formats = audio.formats();
    assert_eq!(formats.len(), 3, "97 has no rtpmap");
    assert_eq!(
        (formats[1].encoding.as_str(), formats[1].clock_rate, formats[1].channels),
        ("opus", 48000, 2)
    );
    assert_eq!(formats[2].parameters.as_deref(), Some("0-15"));
    assert_eq!(sdp.direction(audio), Direction::RecvOnly);
    assert_eq!(sdp.destination(audio), Some(("gw.example.com".into(), 16614)));
    assert_eq!(sdp.connection(audio).unwrap().ip(), None);
    let image = &sdp.media[1];
    assert_eq!(image.formats(), [Format::named("t38")]);
    assert_eq!(sdp.destination(image), None);
    assert_eq!(image.attribute("t38faxversion"), Some("0"));
    let origin = sdp.origin().unwrap();
    assert_eq!((origin.session_id.as_str(), origin.version.as_str()), ("2916", "7371"));
    let lines_only = FAX.replace("\r\n", "\n");
    assert_eq!(parse(lines_only.trim_end()), sdp);
}

#[test]
fn what_is_no_sdp_is_refused_with_the_line() {
    for (text, error) in [
        ("", "expected v=0"),
        ("v=1\r\n", "expected v=0"),
        ("o=x\r\nv=0\r\n", "expected v=0"),
        ("v=0\r\nhello\r\n", "line 2: expected letter=value"),
        ("v=0\r\nab=c\r\n", "line 2: expected letter=value"),
        ("v=0\r\n=c\r\n", "line 2: expected letter=value"),
        ("v=0\r\nm=audio\r\n", "line 2: expected m="),
        ("v=0\r\nm=audio 70000 RTP/AVP 0\r\n", "line 2: expected m="),
    ] {
        let found = Sdp::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(found.starts_with(error), "{text:?}: {found}");
    }
    let many = format!("v=0\r\n{}", "a=x\r\n".repeat(MAX_LINES));
    assert_eq!(Sdp::parse(many.as_bytes()), Err(SdpError::TooLarge));
    let many = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 0\r\n".repeat(MAX_MEDIA + 2));
    assert_eq!(Sdp::parse(many.as_bytes()), Err(SdpError::TooLarge));
}

#[test]
fn hold_of_rfc_2543_takes_receiving_away() {
    for (attribute, expected) in [
        ("", Direction::SendOnly),
        ("a=recvonly\r\n", Direction::Inactive),
        ("a=inactive\r\n", Direction::Inactive),
    ] {
        let sdp = parse(&format!("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n{attribute}"));
        assert_eq!(sdp.direction(&sdp.media[0]), expected);
    }
    let session_level =
        parse("v=0\r\na=sendonly\r\nm=audio 4 RTP/AVP 0\r\nm=audio 4 RTP/AVP 0\r\na=sendrecv\r\n");
    assert_eq!(session_level.direction(&session_level.media[0]), Direction::SendOnly);
    assert_eq!(session_level.direction(&session_level.media[1]), Direction::SendRecv);
}

fn audio(formats: &[Format]) -> LocalMedia {
    LocalMedia {
        kind: "audio".into(),
        protocol: "RTP/AVP".into(),
        port: 20_000,
        formats: formats.to_vec(),
        direction: Direction::SendRecv,
        ptime: Some(20),
        attributes: Vec::new(),
    }
}

fn t38() -> LocalMedia {
    LocalMedia {
        kind: "image".into(),
        protocol: "udptl".into(),
        port: 20_002,
        formats: vec![Format::named("t38")],
        direction: Direction::SendRecv,
        ptime: None,
        attributes: vec!["T38FaxVersion:0".into()],
    }
}

fn local(media: Vec<LocalMedia>) -> Local {
    let address = "192.0.2.1".parse().unwrap();
    Local { origin: Origin::new("Tipring", 1, 1, address), address, media, prefer_own_order: false }
}

fn dtmf(payload: u8) -> Format {
    Format::new(payload, "telephone-event", 8000).with_parameters("0-15")
}

fn g711() -> Vec<Format> {
    vec![Format::new(8, "PCMA", 8000), Format::new(0, "PCMU", 8000), dtmf(101)]
}

#[test]
fn an_answer_keeps_every_place_and_offers_nothing_more() {
    let offer = parse(
        "v=0\r\no=- 5 5 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=1 2\r\nm=video 3000 RTP/AVP 34\r\n\
         m=audio 3002 RTP/AVP 18 0 97\r\na=rtpmap:97 Telephone-Event/8000\r\na=sendonly\r\nm=audio 3004 RTP/AVP 0\r\n\
         m=image 3006 UDPTL t38\r\n",
    );
    let (answer, agreed) = answer(&offer, &local(vec![audio(&g711()), t38()])).unwrap();
    let text = answer.to_string();
    assert!(text.contains("t=1 2\r\nm=video 0 RTP/AVP 34\r\nm=audio 20000 RTP/AVP 0 97\r\n"), "{text}");
    assert!(text.contains("a=fmtp:97 0-15\r\na=ptime:20\r\na=recvonly\r\n"), "{text}");
    assert!(
        text.contains("m=audio 0 RTP/AVP 0\r\nm=image 20002 UDPTL t38\r\na=T38FaxVersion:0\r\n"),
        "{text}"
    );
    assert_eq!(agreed.len(), 2);
    assert_eq!((agreed[0].index, agreed[0].local, agreed[0].direction), (1, 0, Direction::RecvOnly));
    assert_eq!(agreed[0].remote, ("192.0.2.9".into(), 3002));
    assert_eq!(agreed[0].receive_payloads, [Some(0), Some(97)]);
    assert_eq!((agreed[1].index, agreed[1].local), (3, 1));
}

#[test]
fn the_order_of_formats_is_the_offers_or_ours() {
    let offer = parse("v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 3002 RTP/AVP 0 8\r\n");
    let mut own = local(vec![audio(&g711())]);
    let first = |own: &Local| answer(&offer, own).unwrap().1[0].formats[0].encoding.clone();
    assert_eq!(first(&own), "PCMU");
    own.prefer_own_order = true;
    assert_eq!(first(&own), "PCMA");
}

#[test]
fn nothing_in_common_is_an_error_and_tones_alone_are_nothing() {
    for offered in [
        "m=audio 3002 RTP/AVP 18",
        "m=audio 3002 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000",
        "m=audio 3002 RTP/SAVP 0",
        "m=video 3002 RTP/AVP 34",
    ] {
        let offer = parse(&format!("v=0\r\nc=IN IP4 192.0.2.9\r\n{offered}\r\n"));
        assert_eq!(
            answer(&offer, &local(vec![audio(&g711())])).unwrap_err(),
            OfferAnswerError::NothingInCommon
        );
    }
    let closed = parse("v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 0 RTP/AVP 0\r\n");
    let (answer, agreed) = answer(&closed, &local(vec![audio(&g711())])).unwrap();
    assert!(agreed.is_empty() && answer.media[0].port == 0);
}

#[test]
fn the_version_grows_exactly_when_something_changes() {
    let mut ours = OfferAnswer::new(77);
    let mut own = local(vec![audio(&g711())]);
    let version = |sdp: &Sdp| sdp.origin().unwrap().version;
    let first = ours.make_offer(&own).unwrap();
    assert_eq!((version(&first), first.origin().unwrap().session_id), ("77".into(), "77".into()));
    assert_eq!(ours.make_offer(&own), Err(OfferAnswerError::OfferPending));
    assert_eq!(ours.handle_offer(first.clone()), Err(OfferAnswerError::OfferPending), "glare");
    ours.cancel();
    let again = ours.make_offer(&own).unwrap();
    assert!(again.is_unchanged(&first));
    assert_eq!(again, first);
    ours.cancel();
    own.media[0].direction = Direction::SendOnly;
    let held = ours.make_offer(&own).unwrap();
    assert_eq!(version(&held), "78");
    assert!(!held.is_unchanged(&first));
}

#[test]
fn both_sides_agree() {
    let (mut a, mut b) = (OfferAnswer::new(1), OfferAnswer::new(2));
    let ours =
        local(vec![audio(&[Format::new(18, "G729", 8000), Format::new(8, "PCMA", 8000), dtmf(101)]), t38()]);
    let mut theirs = local(vec![audio(&[Format::new(8, "pcma", 8000), dtmf(96)])]);
    theirs.address = "192.0.2.9".parse().unwrap();
    let offer = a.make_offer(&ours).unwrap();
    b.handle_offer(Sdp::parse(offer.to_string().as_bytes()).unwrap()).unwrap();
    assert!(b.is_pending());
    let (answer, at_b) = b.make_answer(&theirs).unwrap();
    let at_a = a.handle_answer(&answer).unwrap();
    assert!(!a.is_pending() && !b.is_pending());
    let names =
        |agreed: &Agreed| agreed.formats.iter().map(|f| f.encoding.to_uppercase()).collect::<Vec<_>>();
    assert_eq!(names(&at_a[0]), ["PCMA", "TELEPHONE-EVENT"]);
    assert_eq!(names(&at_a[0]), names(&at_b[0]));
    assert_eq!(at_a[0].remote, ("192.0.2.9".into(), 20_000));
    assert_eq!(at_a[0].receive_payloads, at_b[0].formats.iter().map(|f| f.payload).collect::<Vec<_>>());
    assert_eq!((at_a.len(), at_b.len()), (1, 1), "fax refused");
    assert_eq!(a.handle_answer(&answer), Err(OfferAnswerError::NoOffer));
    assert_eq!(b.make_answer(&theirs), Err(OfferAnswerError::NoOffer));
}

#[test]
fn answers_that_do_not_fit_are_refused() {
    let mut ours = OfferAnswer::new(1);
    let own = local(vec![audio(&g711()), t38()]);
    let offer = ours.make_offer(&own).unwrap();
    let mut short = offer.clone();
    short.media.pop();
    assert_eq!(ours.handle_answer(&short), Err(OfferAnswerError::MediaCount { expected: 2, found: 1 }));
    let mut swapped = offer.clone();
    swapped.media.reverse();
    assert!(matches!(ours.handle_answer(&swapped), Err(OfferAnswerError::MediaKind { index: 0, .. })));
    // An answerer with dynamic numbers of its own: send with theirs, receive with ours.
    let answer = parse(
        "v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 9 RTP/AVP 0 120\r\na=rtpmap:120 telephone-event/8000\r\nm=image 0 udptl t38\r\n",
    );
    let agreed = ours.handle_answer(&answer).unwrap();
    assert_eq!(agreed[0].formats[1].payload, Some(120));
    assert_eq!(agreed[0].receive_payloads, [Some(0), Some(101)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn print_and_parse_are_inverse(
        session in proptest::collection::vec(("[a-ln-z]", "[ -~]{0,30}"), 0..8),
        media in proptest::collection::vec(
            ("[a-z]{1,8}", 0u16..=65535, "[A-Z/]{1,10}", proptest::collection::vec("[a-z0-9]{1,4}", 0..5),
             proptest::collection::vec(("[a-ln-z]", "[ -~]{0,30}"), 0..6)),
            0..4,
        ),
    ) {
        let mut text = String::from("v=0\r\n");
        for (kind, value) in &session { text.push_str(&format!("{kind}={value}\r\n")); }
        for (kind, port, protocol, formats, lines) in &media {
            text.push_str(&format!("m={kind} {port} {protocol}"));
            for format in formats { text.push_str(&format!(" {format}")); }
            text.push_str("\r\n");
            for (kind, value) in lines { text.push_str(&format!("{kind}={value}\r\n")); }
        }
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(sdp.to_string(), text);
        for media in &sdp.media { let _ = (sdp.direction(media), sdp.destination(media), media.formats(), media.ptime()); }
    }

    #[test]
    fn any_octets_are_read_or_refused(mut octets in proptest::collection::vec(any::<u8>(), 0..300), lead in any::<bool>()) {
        if lead { octets.splice(0..0, *b"v=0\r\nm=audio 1 RTP/AVP 0 8\r\n"); }
        if let Ok(sdp) = Sdp::parse(&octets) {
            prop_assert_eq!(Sdp::parse(sdp.to_string().as_bytes()).unwrap(), sdp.clone());
            let _ = answer(&sdp, &local(vec![audio(&g711())]));
        }
    }

    /// Whatever is offered: the answer has as many lines in the same places, no kind, format, direction or fax
    /// option that was not offered, nothing for what was refused, and the agreement says the same.
    #[test]
    fn answers_stay_within_the_offer(
        lines in proptest::collection::vec(
            (
                prop::sample::select(&["audio", "AUDIO", "video", "image"][..]),
                prop::sample::select(&["RTP/AVP", "rtp/avp", "RTP/SAVP", "udptl"][..]),
                prop::sample::select(&[0u16, 4000, 65535][..]),
                proptest::collection::vec(prop::sample::select(&["0", "8", "9", "18", "96", "101", "127", "t38", "x"][..]), 0..6),
                prop::sample::select(&["", "a=sendonly\r\n", "a=recvonly\r\n", "a=inactive\r\n", "c=IN IP4 0.0.0.0\r\n"][..]),
                prop::sample::select(&["", "a=T38FaxVersion:1\r\na=T38MaxBitRate:7200\r\n", "a=T38FaxUdpEC:t38UDPFEC\r\n"][..]),
            ),
            1..6,
        ),
        ours in prop::sample::select(&[Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive][..]),
        own_order in any::<bool>(),
    ) {
        let mut text = String::from("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n");
        for (kind, protocol, port, formats, direction, fax) in &lines {
            text.push_str(&format!("m={kind} {port} {protocol} {}\r\n{direction}{fax}", formats.join(" ")));
            text.push_str("a=rtpmap:101 telephone-event/8000\r\na=rtpmap:96 PCMA/8000\r\na=rtpmap:127 unknown/1\r\n");
        }
        let offer = Sdp::parse(text.as_bytes()).unwrap();
        let mut both = audio(&g711());
        both.direction = ours;
        let mut us = local(vec![both.clone(), both, t38()]);
        us.prefer_own_order = own_order;
        let Ok((answer, agreed)) = answer(&offer, &us) else {
            prop_assert!(offer.media.iter().any(|media| media.port != 0));
            return Ok(());
        };
        prop_assert_eq!(answer.media.len(), offer.media.len());
        prop_assert_eq!(answer.media.iter().filter(|media| media.port != 0).count(), agreed.len());
        for (answered, offered) in answer.media.iter().zip(&offer.media) {
            prop_assert_eq!((&answered.kind, &answered.protocol), (&offered.kind, &offered.protocol));
            prop_assert!(answered.format_tokens.iter().all(|token| offered.format_tokens.contains(token)));
            if answered.port == 0 { continue; }
            prop_assert!(offered.port != 0 && !answered.format_tokens.is_empty());
            let (theirs, mine) = (offer.direction(offered), answer.direction(answered));
            prop_assert!(!mine.sends() || theirs.receives() && ours.sends() || answered.kind == "image");
            prop_assert!(!mine.receives() || theirs.sends());
            if let (Some(fax), Some(asked)) = (T38::of(answered), T38::of(offered)) {
                prop_assert!(fax.version <= asked.version);
                prop_assert!(asked.max_bit_rate.is_none_or(|most| fax.max_bit_rate.is_some_and(|rate| rate <= most)));
                prop_assert!(fax.error_correction != ErrorCorrection::Fec || asked.error_correction == ErrorCorrection::Fec);
            }
        }
        for one in &agreed {
            let described = &answer.media[one.index];
            let tokens: Vec<_> = one.formats.iter().map(Format::token).collect();
            prop_assert_eq!(&described.format_tokens, &tokens);
            prop_assert_eq!(one.direction, answer.direction(described));
        }
    }
}

#[test]
fn fax_is_read_answered_and_never_more_than_offered() {
    let text = "v=0\r\nc=IN IP4 192.0.2.9\r\nm=image 16400 UDPTL T38\r\na=T38FaxVersion:2\r\na=T38MaxBitRate:9600\r\n\
                a=T38FaxFillBitRemoval\r\na=T38FaxTranscodingMMR:0\r\na=T38FaxTranscodingJBIG:1\r\na=T38FaxRateManagement:localTCF\r\n\
                a=T38FaxMaxBuffer:1800\r\na=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPFEC\r\n";
    let offer = parse(text);
    let offered = T38::of(&offer.media[0]).unwrap();
    let expected = T38 {
        version: 2,
        max_bit_rate: Some(9600),
        fill_bit_removal: true,
        transcoding_mmr: false,
        transcoding_jbig: true,
        rate_management: RateManagement::LocalTcf,
        max_buffer: Some(1800),
        max_datagram: Some(400),
        error_correction: ErrorCorrection::Fec,
    };
    assert_eq!(offered, expected);
    // What is written is read again the same.
    let mut written = Media::new("image", 1, "udptl", &[Format::named("t38")]);
    offered.attributes().iter().for_each(|attribute| written.add_attribute(attribute));
    assert_eq!(T38::of(&written), Some(offered));
    let medium = LocalMedia { attributes: T38 { version: 3, ..T38::default() }.attributes(), ..t38() };
    let (answer, _) = answer(&offer, &local(vec![medium])).unwrap();
    let answered = T38::of(&answer.media[0]).unwrap();
    assert_eq!((answered.version, answered.max_bit_rate), (2, Some(9600)));
    assert_eq!(answered.rate_management, RateManagement::LocalTcf);
    assert!(!answered.fill_bit_removal && !answered.transcoding_jbig);
    assert_eq!(answered.error_correction, ErrorCorrection::Redundancy);
    assert_eq!(
        answer.media[0].lines.iter().filter(|line| line.value.starts_with("T38FaxVersion")).count(),
        1
    );
    // Audio and other images are no fax.
    assert_eq!(T38::of(&parse("v=0\r\nm=audio 1 RTP/AVP 0\r\n").media[0]), None);
    assert_eq!(T38::of(&parse("v=0\r\nm=image 1 udptl x\r\n").media[0]), None);
}

#[test]
fn what_is_not_understood_is_kept_and_can_be_looked_at() {
    let text = "v=0\r\no=- 1 1 IN IP4 gw.example.net\r\ns=-\r\nb=AS:200\r\nt=0 0\r\na=ice-lite\r\nm=audio 4000 RTP/SAVP 18 97\r\n\
                a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:def\r\n\
                a=candidate:1 1 UDP 2130706431 192.0.2.9 4000 typ host\r\na=fmtp:18 annexb=no; x=\"y\"\r\nb=TIAS:64000\r\n\
                a=ptime:20\r\na=maxptime:60\r\na=rtpmap:97 opus/48000/2\r\nc=IN IP4 media.example.net\r\n";
    let sdp = parse(text);
    assert_eq!(sdp.to_string(), text);
    let audio = &sdp.media[0];
    assert_eq!(audio.attributes("crypto").count(), 2);
    assert_eq!(audio.attributes("candidate").count(), 1);
    assert_eq!((audio.ptime(), audio.maxptime()), (Some(20), Some(60)));
    assert_eq!((sdp.bandwidth(audio, "AS"), sdp.bandwidth(audio, "tias")), (Some(200), Some(64_000)));
    assert_eq!(sdp.bandwidth(audio, "CT"), None);
    assert_eq!(sdp.destination(audio), Some(("media.example.net".into(), 4000)));
    let formats = audio.formats();
    assert_eq!((formats[0].parameter("AnnexB"), formats[0].parameter("mode")), (Some("no"), None));
    assert_eq!((formats[1].clock_rate, formats[1].channels), (48_000, 2));
}

#[test]
fn a_stream_that_is_gone_keeps_its_place() {
    let mut exchange = OfferAnswer::new(7);
    let both = exchange.make_offer(&local(vec![audio(&g711()), t38()])).unwrap();
    assert_eq!(both.media.len(), 2);
    exchange.cancel();
    let one = exchange.make_offer(&local(vec![audio(&g711())])).unwrap();
    assert_eq!(one.media.iter().map(|media| media.port).collect::<Vec<_>>(), [20_000, 0]);
    assert_eq!(one.media[1].kind, "image");
    assert_ne!(one.origin().unwrap().version, both.origin().unwrap().version);
    let reply = parse("v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 3000 RTP/AVP 8\r\nm=image 0 udptl t38\r\n");
    assert_eq!(exchange.handle_answer(&reply).unwrap().len(), 1);
}

/// An extra for machines that have the shared corpus: every complete SDP body of the trunk's flows is read
/// and printed again.
#[test]
fn the_shared_corpus_is_read() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/cucm-trunk");
    let Ok(flows) = std::fs::read_dir(&root) else {
        eprintln!("skipped: no corpus at {}", root.display());
        return;
    };
    let mut bodies = 0;
    for file in flows.flatten().filter_map(|flow| std::fs::read_dir(flow.path()).ok()).flatten().flatten() {
        if file.path().extension().is_none_or(|extension| extension != "sip") {
            continue;
        }
        let message = crate::Message::parse(std::fs::read(file.path()).unwrap().into()).unwrap();
        if !message.content_type().unwrap().is_some_and(|kind| kind.is("application/sdp")) {
            continue;
        }
        let sdp =
            Sdp::parse(message.body()).unwrap_or_else(|error| panic!("{}: {error}", file.path().display()));
        assert_eq!(sdp.to_string().as_bytes(), message.body(), "{}", file.path().display());
        assert!(sdp.origin().is_some() && !sdp.media.is_empty(), "{}", file.path().display());
        for media in &sdp.media {
            assert!(!media.formats().is_empty(), "{}", file.path().display());
        }
        bodies += 1;
    }
    assert!(bodies > 100, "{bodies}");
    eprintln!("{bodies} bodies");
}
