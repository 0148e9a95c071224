//! Where a strict parser chokes on what Unified CM and its peers write, or on what the guide says they write: numbers stand in
//! `docs/sip-compliance.toml`. Each is fed to the whole gateway, and the call has to come through, or to be refused by name.

use super::*;

/// A message to be, whose lines can be changed.
struct Raw {
    start: String,
    lines: Vec<(String, String)>,
    body: String,
    /// Content-Length where it is another than the body's.
    declared: Option<usize>,
}

impl Raw {
    /// 5000 calls 8000.
    fn invite() -> Self {
        let lines = [
            ("Via", "SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKraw"),
            ("Max-Forwards", "70"),
            ("From", "<sip:5000@192.0.2.50>;tag=raw"),
            ("To", "<sip:8000@192.0.2.1>"),
            ("Call-ID", "raw@192.0.2.50"),
            ("CSeq", "101 INVITE"),
            ("Contact", "<sip:phone@192.0.2.50>"),
            ("Content-Type", "application/sdp"),
        ];
        Self {
            start: "INVITE sip:8000@192.0.2.1 SIP/2.0".to_owned(),
            lines: lines.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: audio(FIVE),
            declared: None,
        }
    }

    /// A line of this name, in the place of the one there is.
    fn set(&mut self, name: &str, value: &str) {
        let line = (name.to_owned(), value.to_owned());
        match self.lines.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(at) => self.lines[at] = line,
            None => self.lines.push(line),
        }
    }

    fn get(&self, name: &str) -> String {
        let found = self.lines.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Replaces this in the description.
    fn sdp(&mut self, from: &str, to: &str) {
        assert!(self.body.contains(from), "{from}");
        self.body = self.body.replace(from, to);
    }

    fn text(&self) -> String {
        let length = self.declared.unwrap_or(self.body.len());
        let mut text = format!("{}\r\n", self.start);
        // What comes after Content-Length in the list is written after it.
        for (name, value) in &self.lines {
            text.push_str(&format!("{name}: {value}\r\n"));
            if name == "Content-Type" {
                text.push_str(&format!("Content-Length: {length}\r\n"));
            }
        }
        format!("{text}\r\n{}", self.body)
    }

    /// The caller's end of it.
    fn end(&self) -> End {
        End {
            at: FIVE,
            own: self.get("From"),
            far: self.get("To"),
            call: self.get("Call-ID"),
            target: "sip:8000@192.0.2.1".to_owned(),
            cseq: 101,
            invite: None,
        }
    }
}

type Change = fn(&mut Raw);

/// The call rings, is answered and talked on; gives our answer to its offer.
#[track_caller]
fn comes_through(what: &str, change: Change) -> String {
    println!("{what}");
    let mut raw = Raw::invite();
    change(&mut raw);
    let mut desk = Desk::new("", "");
    desk.send(FIVE, raw.text());
    desk.take(FIVE, "180 INVITE");
    desk.off_hook(0);
    let mut end = raw.end();
    let ok = desk.answered(&mut end);
    assert_eq!(header(&ok, "CSeq"), "101 INVITE", "{what}");
    let bye = desk.line_hangs_up(&end);
    assert!(bye.request_uri().is_some_and(|uri| uri.starts_with("sip:phone@192.0.2.50")), "{what}: {bye:?}");
    body_of(&ok)
}

/// The message is refused with this status, and the gateway takes the next call.
#[track_caller]
fn is_refused(what: &str, status: &str, change: Change) -> Message {
    println!("{what}");
    let mut raw = Raw::invite();
    change(&mut raw);
    let mut desk = Desk::new("", "");
    desk.send(FIVE, raw.text());
    let refusal = desk.take(FIVE, status);
    desk.none(FIVE, "180 INVITE");
    // Nobody acknowledges it, as in 6.1: it comes again for 32 s, and that is all.
    desk.wait(40_000);
    desk.assert_nothing_left();
    desk.call(FIVE, "8000", "", &audio(FIVE));
    desk.take(FIVE, "180 INVITE");
    refusal
}

#[test]
fn header_fields_as_the_peers_of_a_trunk_write_them() {
    let cases: [(&str, Change); 16] = [
        ("Via without branch, as RFC 2543", |raw| raw.set("Via", "SIP/2.0/UDP 192.0.2.50")),
        ("Via with received", |raw| {
            raw.set("Via", "SIP/2.0/UDP 192.0.2.50;received=10.1.1.1;branch=z9hG4bKx")
        }),
        ("Contact without brackets", |raw| raw.set("Contact", "sip:phone@192.0.2.50;transport=udp")),
        ("Contact after Content-Length", |raw| {
            let contact = raw.get("Contact");
            raw.lines.retain(|(name, _)| name != "Contact");
            raw.set("Contact", &contact);
        }),
        ("an unknown transport in Contact", |raw| {
            raw.set("Contact", "<sip:phone@192.0.2.50;transport=tcip>")
        }),
        ("bare parameters in Contact", |raw| raw.set("Contact", "<sip:phone@192.0.2.50>;video;audio")),
        ("Cseq", |raw| {
            raw.lines.retain(|(name, _)| name != "CSeq");
            raw.lines.insert(0, ("Cseq".to_owned(), "101 INVITE".to_owned()));
        }),
        ("ports in the URIs of From and To", |raw| {
            raw.set("From", "<sip:5000@192.0.2.50:5060>;tag=raw");
            raw.set("To", "<sip:8000@192.0.2.1:5060>");
        }),
        ("a display name of digits without quotes", |raw| {
            raw.set("From", "1100 <sip:5000@192.0.2.50>;tag=raw")
        }),
        ("Call-ID without @", |raw| raw.set("Call-ID", "9f1c0a80-1")),
        ("a day of one digit in Date", |raw| raw.set("Date", "Thu, 5 Nov 2026 10:20:30 GMT")),
        ("Diversion without brackets", |raw| {
            raw.set("Diversion", "sips:2003@192.0.2.50;reason=unconditional")
        }),
        ("a header folded over two lines", |raw| raw.set("Subject", "broken\r\n after the first word")),
        ("party and screen of Remote-Party-ID are whatever they are", |raw| {
            raw.set(
                "Remote-Party-ID",
                "\"A\" <sip:5000@192.0.2.50>;party=called;id-type=term;screen=no;privacy=off",
            );
        }),
        ("Min-SE below 90", |raw| {
            raw.set("Supported", "timer");
            raw.set("Min-SE", "60");
        }),
        ("Require of what both have", |raw| {
            raw.set("Require", "timer");
            raw.set("Supported", "timer,replaces");
            raw.set("Session-Expires", "1800;refresher=uas");
        }),
    ];
    for (what, change) in cases {
        comes_through(what, change);
    }
}

#[test]
fn header_fields_nobody_acts_on_change_nothing() {
    let ignored = [
        ("Accept-Encoding", "gzip"),
        ("Accept-Language", "en"),
        ("CC-Diversion", "<sip:2003@192.0.2.50>;reason=unconditional"),
        ("CC-Redirect", "<sip:2003@192.0.2.50>;redir-reason=unconditional"),
        ("Content-Disposition", "session;handling=required"),
        ("Date", "Thu, 19 Nov 2026 10:20:30 GMT"),
        ("Encryption", "PGP version=5.0"),
        ("Hide", "hop"),
        ("Organization", "Example"),
        ("Priority", "emergency"),
        // It is for proxies, which we are not.
        ("Proxy-Require", "nobody-has-this"),
        ("Response-Key", "PGP encoding=ascii"),
        ("Retry-After", "5"),
        ("Server", "Somebody/1"),
        ("SIP-ETag", "4"),
        ("SIP-If-Match", "4"),
        ("Subject", "lunch"),
        ("Unsupported", "foo"),
        ("User-Agent", "Cisco-CUCM6.0"),
        ("Warning", "399 cm.example \"whatever\""),
        ("X-Nobody", "knows this"),
    ];
    for (name, value) in ignored {
        let mut raw = Raw::invite();
        raw.set(name, value);
        let mut desk = Desk::new("", "");
        desk.send(FIVE, raw.text());
        desk.take(FIVE, "180 INVITE");
        desk.off_hook(0);
        let mut end = raw.end();
        let ok = desk.answered(&mut end);
        assert!(body_of(&ok).contains("m=audio 2"), "{name}: {ok:?}");
        desk.request(&mut end, "BYE", &format!("{name}: {value}\r\n"), "");
        desk.take(FIVE, "200 BYE");
        desk.on_hook(0);
        desk.assert_nothing_left();
    }
}

#[test]
fn descriptions_as_the_peers_of_a_trunk_write_them() {
    const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\n";
    let answers = |what: &str, change: Change| comes_through(what, change);
    let plain = answers("as it stands", |_| {});
    let same: [(&str, Change); 8] = [
        ("ptime for each codec", |raw| {
            raw.sdp(
                EVENTS,
                "a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n",
            )
        }),
        ("the direction between the codecs", |raw| {
            raw.sdp(EVENTS, "a=rtpmap:0 PCMU/8000\r\na=sendrecv\r\na=rtpmap:101 telephone-event/8000\r\n")
        }),
        ("c= for the session and for the medium", |raw| {
            raw.sdp("RTP/AVP 0 101\r\n", "RTP/AVP 0 101\r\nc=IN IP4 192.0.2.50\r\n")
        }),
        ("c= for the medium alone", |raw| {
            raw.sdp("c=IN IP4 192.0.2.50\r\n", "");
            raw.sdp("RTP/AVP 0 101\r\n", "RTP/AVP 0 101\r\nc=IN IP4 192.0.2.50\r\n");
        }),
        ("G.726 on payload type 2", |raw| {
            raw.sdp("RTP/AVP 0 101\r\n", "RTP/AVP 2 0 101\r\na=rtpmap:2 G726-32/8000\r\n")
        }),
        ("attributes nobody knows", |raw| {
            raw.sdp(EVENTS, &format!("{EVENTS}a=rtptime:0\r\na=recvnly\r\na=T38FaxFill1BitRemoval:0\r\n"))
        }),
        ("annex=no", |raw| {
            raw.sdp(
                "RTP/AVP 0 101\r\n",
                "RTP/AVP 18 0 101\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annex=no\r\n",
            )
        }),
        ("a session version with a jump", |raw| raw.sdp("o=- 1 1 ", "o=CiscoSystemsCCM-SIP 2000 4711 ")),
    ];
    let media = |sdp: &str| sdp.split("m=audio").nth(1).map(str::to_owned).unwrap();
    let codecs =
        |sdp: &str| media(sdp).split("RTP/AVP ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
    for (what, change) in same {
        assert_eq!(codecs(&answers(what, change)), codecs(&plain), "{what}");
    }
    let noise = answers("comfort noise on payload type 19", |raw| {
        raw.sdp("RTP/AVP 0 101\r\n", "RTP/AVP 0 101 19\r\na=rtpmap:19 CN/8000\r\n");
    });
    assert_eq!(codecs(&noise), "0 19", "by its name, wherever it is");
    let video = answers("video beside it", |raw| {
        raw.body.push_str("m=video 30000 RTP/AVP 31\r\nb=TIAS:320000\r\na=rtpmap:31 H261/90000\r\n")
    });
    assert!(video.contains("m=video 0 RTP/AVP 31"), "{video}");
    let unknown = answers("a transport nobody knows", |raw| raw.body.push_str("m=image 4002 udpt1 t38\r\n"));
    assert!(unknown.contains("m=image 0 udpt1 t38"), "{unknown}");
    comes_through("an address of three numbers is a name nobody has", |raw| {
        raw.sdp("c=IN IP4 192.0.2.50", "c=IN IP4 192.0.250");
    });
    is_refused("a line without =", "488 INVITE", |raw| raw.body.push_str("aptime:20\r\n"));
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    is_refused("a Content-Length beyond the datagram", "400 INVITE", |raw| {
        raw.declared = Some(raw.body.len() + 1)
    });
    is_refused("CSeq of another method", "400 PRACK", |raw| raw.set("CSeq", "101 PRACK"));
    is_refused("a blank in the URI of From", "400 INVITE", |raw| {
        raw.set("From", "<sip: @192.0.2.50>;tag=raw")
    });
    let lacks = is_refused("Require of what we don't have", "420 INVITE", |raw| {
        raw.set("Require", "nobody-has-this")
    });
    assert_eq!(header(&lacks, "Unsupported"), "nobody-has-this");
    let packed =
        is_refused("a body in another encoding", "415 INVITE", |raw| raw.set("Content-Encoding", "gzip"));
    assert!(packed.header("Accept-Encoding").is_some() || packed.header("Accept").is_some(), "{packed:?}");
    is_refused("no description is accepted", "406 INVITE", |raw| raw.set("Accept", "text/plain"));
    // Who is called needs no hop any more.
    comes_through("no hop is left", |raw| raw.set("Max-Forwards", "0"));
    // Shorter is the rest thrown away (RFC 3261 18.3).
    comes_through("a datagram beyond its Content-Length", |raw| {
        raw.declared = Some(raw.body.len());
        raw.body.push_str("rest");
    });
}

/// 8000 talks with 5000, who asks for these.
fn talking(headers: &str) -> (Desk, End) {
    let mut desk = Desk::new(" dtmf-relay sip-notify\n", "");
    let call_info = "Call-Info: <sip:192.0.2.50>;method=\"NOTIFY;Event=telephone-event;Duration=500\"\r\n";
    let (end, _) = desk.line_answers(&format!("{call_info}{headers}"));
    (desk, end)
}

#[test]
fn within_a_call_nothing_of_it_does_harm() {
    let (mut desk, mut end) = talking("");
    // Subscription-State with a negative expiry, and a rate behind the package.
    let digit = "Event: telephone-event;rate=1000\r\nSubscription-State: active;expires=-1281397684\r\n\
                 Content-Type: audio/telephone-event\r\n";
    for octets in [[5, 0x0A, 1, 0x90], [5, 0x8A, 3, 0x20]] {
        desk.request(&mut end, "NOTIFY", digit, octets);
        desk.take(FIVE, "200 NOTIFY");
    }
    // The octets of a body may be named by a type with a stray backslash.
    desk.request(&mut end, "INFO", "Content-Type: application/media\\_control+xml\r\n", "<media_control/>");
    desk.take(FIVE, "415 INFO");
    // The description changes and its version does not: what it says counts.
    desk.media();
    desk.request(&mut end, "INVITE", "", audio(FIVE).replace("m=audio 4000", "m=audio 4444"));
    desk.take(FIVE, "200 INVITE");
    desk.request(&mut end, "ACK", "", "");
    assert!(format!("{:?}", desk.media()).contains(":4444"), "audio goes to the new port");
    // Two ACKs of two INVITEs with one branch.
    for _ in 0..2 {
        desk.request(&mut end, "INVITE", "", "");
        let ok = desk.take(FIVE, "200 INVITE");
        assert!(body_of(&ok).contains("m=audio 2"), "{ok:?}");
        let End { own, far, call, target, cseq, .. } = end.clone();
        let sdp = audio(FIVE);
        desk.send(
            FIVE,
            format!(
                "ACK {target} SIP/2.0\r\nVia: SIP/2.0/UDP {FIVE};branch=z9hG4bKtwice\r\nMax-Forwards: 70\r\nFrom: {own}\r\n\
                 To: {far}\r\nCall-ID: {call}\r\nCSeq: {cseq} ACK\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            ),
        );
        // Whoever had missed it would see the 200 again, and at last a BYE.
        desk.wait(40_000);
        desk.none(FIVE, "BYE");
    }
    desk.far_hangs_up(end);
}

#[test]
fn answers_to_our_refresh_may_say_more_than_was_asked() {
    // UPDATE is allowed: ours has no description. Its 200 has one, and a timer of its own choice.
    let more = "Allow: INVITE, ACK, BYE, UPDATE\r\nSupported: timer\r\nSession-Expires: 1800;refresher=uas\r\nMin-SE: 1800\r\n";
    let (mut desk, mut end) = talking(more);
    desk.media();
    desk.wait(901_000);
    let update = desk.take(FIVE, "UPDATE");
    assert_eq!(body_of(&update), "");
    let said = "Session-Expires: 1800;refresher=uac\r\nRequire: timer\r\n";
    desk.reply(&end, &update, 200, said, &audio(FIVE).replace("m=audio 4000", "m=audio 4444"));
    assert!(!format!("{:?}", desk.media()).contains(":4444"), "nobody has asked for a description");
    desk.wait(880_000);
    desk.none(FIVE, "UPDATE");
    desk.wait(30_000);
    desk.take(FIVE, "UPDATE");
    desk.request(&mut end, "BYE", "", "");
    desk.take(FIVE, "200 BYE");
}

#[test]
fn an_answer_by_prack_may_be_said_again_and_100_may_have_a_tag() {
    let mut desk = Desk::new("", "");
    desk.dial(0, "6000");
    let end = desk.called(SIX);
    let invite = end.invite.clone().unwrap();
    // A To tag in 100 makes no dialog.
    desk.reply(&end, &invite, 100, "", "");
    desk.reply(&end, &invite, 183, "Require: 100rel\r\nRSeq: 4711\r\n", &audio(SIX));
    let prack = desk.take(SIX, "PRACK");
    assert_eq!(header(&prack, "RAck"), "4711 1 INVITE");
    desk.reply(&end, &prack, 200, "", "");
    desk.media();
    desk.reply(&end, &invite, 200, "", &audio(SIX));
    let ack = desk.take(SIX, "ACK");
    assert_eq!(body_of(&ack), "");
    desk.none(SIX, "BYE");
    desk.line_hangs_up(&end);
}

#[test]
fn a_call_that_comes_again_under_another_tag_after_a_redirection_is_a_new_one() {
    let mut desk = Desk::new("", "voice service voip\n redirect ip2ip\n!\n");
    let mut raw = Raw::invite();
    raw.start = "INVITE sip:6000@192.0.2.1 SIP/2.0".to_owned();
    desk.send(FIVE, raw.text());
    desk.take(FIVE, "302 INVITE");
    // No ACK comes, but the next INVITE: the same Call-ID, the next number, another tag.
    raw.start = "INVITE sip:8000@192.0.2.1 SIP/2.0".to_owned();
    raw.set("From", "<sip:5000@192.0.2.50>;tag=renewed");
    raw.set("CSeq", "102 INVITE");
    raw.set("Via", "SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKagain");
    raw.set("Diversion", "<sip:6000@192.0.2.1>;reason=unconditional");
    desk.send(FIVE, raw.text());
    let ringing = desk.take(FIVE, "180 INVITE");
    assert!(header(&ringing, "From").contains("tag=renewed"), "{ringing:?}");
}

#[test]
fn of_damaged_xml_counts_what_can_be_read() {
    let mut desk = Desk::new(" dtmf-relay sip-kpml\n", "");
    let (mut end, _) = desk.line_answers("Allow-Events: kpml\r\n");
    let headers = "Event: kpml\r\nExpires: 7200\r\nContent-Type: application/kpml-request+xml\r\n";
    // Doubled brackets and closing tags of others, nothing closed at all, no XML.
    for body in [
        "<kpml-request><pattern persist=\"persist\"><regex tag=\"one\">>x</rpidf>",
        "<pattern persist=\"persist\"><regex tag=\"two\">[x*#ABCD]",
        "rpidd",
    ] {
        desk.request(&mut end, "SUBSCRIBE", headers, body);
        desk.take(FIVE, "200 SUBSCRIBE");
        let active = desk.take(FIVE, "NOTIFY");
        assert_eq!(header(&active, "Subscription-State"), "active;expires=7200");
        desk.reply(&end, &active, 200, "", "");
    }
    desk.request(&mut end, "BYE", "", "");
    desk.take(FIVE, "200 BYE");
}

#[test]
fn a_via_without_a_port_on_a_connection_is_answered_on_that_connection() {
    let mut desk = Desk::new("", "");
    let mut raw = Raw::invite();
    raw.set("Via", "SIP/2.0/TCP 192.0.2.50;branch=z9hG4bKstream");
    let flow = Flow {
        transport: sip::Transport::Tcp,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([192, 0, 2, 50], 31_234).into(),
        connection: Some(7),
    };
    desk.bench.switch.offer_sip(desk.bench.now, flow.clone(), bytes::Bytes::from(raw.text()));
    desk.bench.serve(1);
    let (answered, _) = desk.take_with_flow(FIVE, "180 INVITE");
    assert_eq!(answered, flow);
}
