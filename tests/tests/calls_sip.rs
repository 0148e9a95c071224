//! SIP calls telephones and telephones call SIP, through the daemon; audio is measured by somebody else's programs.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use system_tests::{
    FaxEnd, Lines, Measured, Said, SipPhone, Sipp, Tipringd, Transport, Value, json, tone_measure,
};

/// A telephone that rings does so within this.
const RING: Duration = Duration::from_secs(4);

const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// Telephones 8000 and 8001, and a SIP telephone for 5xxx, named by the session target.
fn gateway(peer: &str) -> (Tipringd, SipPhone) {
    let mut config = String::from("voice service voip\n allow-connections sip to sip\n!\n");
    let mut hardware = String::new();
    for at in 0..2 {
        config.push_str(&format!(
            "dial-peer voice 800{at} pots\n destination-pattern 800{at}\n port 2/{at}\n!\n"
        ));
        hardware.push_str(&format!("[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n"));
    }
    // The telephone's port is known before the gateway's, not the other way round.
    let mut phone = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
    config.push_str(&format!(
        "dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n incoming called-number .\n \
         session target ipv4:{}\n{peer}!\n",
        phone.address()
    ));
    let gateway = Tipringd::start(&config, &hardware);
    phone.set_gateway(gateway.sip());
    (gateway, phone)
}

const BOTH: &str = " codec g711ulaw\n dtmf-relay rtp-nte\n";

/// What the SIP telephone hears for so long.
fn hear_sip(phone: &SipPhone, gateway: &Tipringd, seconds: f64) -> Measured {
    let file = gateway.scratch().join("sip.wav");
    phone.listen(seconds, &file);
    tone_measure(&file)
}

/// One tone at -10 dBm0 without a gap.
#[track_caller]
fn is_tone(heard: &Measured, hz: &str) {
    is_tone_at(heard, hz, -10.0);
}

/// The same at a telephone of ours, with the 3 dB that a port attenuates toward its pair.
#[track_caller]
fn is_tone_on_line(heard: &Measured, hz: &str) {
    is_tone_at(heard, hz, -13.0);
}

#[track_caller]
fn is_tone_at(heard: &Measured, hz: &str, dbm0: f64) {
    heard.assert_one_tone(hz, Some(dbm0));
}

fn ended(gateway: &Tipringd) {
    gateway.show_until("show sip-ua calls", Duration::from_secs(5), |shown| {
        shown.starts_with("Total SIP call legs:0,")
    });
    assert!(gateway.show("show voip rtp connections").contains("Found 0 active RTP connections"));
}

/// The line says 1004 Hz for `seconds`.
fn say(lines: &mut Lines, gateway: &Tipringd, port: &str, seconds: u32) {
    let file = gateway.scratch().join("said.wav");
    system_tests::write_tone(&file, 1004.0, seconds);
    lines.act(port, "play", &json!({"file": file}));
}

#[test]
fn sip_calls_a_telephone_both_hear_each_other_and_digits_pass() {
    let (gateway, mut phone) = gateway(BOTH);
    let mut lines = gateway.lines();
    let offer = phone.sdp("0 101", EVENTS);
    phone.invite("8000", "", &offer);
    phone.response("INVITE", 180);
    assert!(lines.rings("2/0", RING));
    lines.off_hook("2/0");
    let answer = phone.response("INVITE", 200);
    assert!(answer.body.contains(" RTP/AVP 0 101\r\n"), "{}", answer.body);
    phone.request("ACK", "", "");
    phone.speak(answer.rtp(), Some(440.0));
    std::thread::sleep(Duration::from_millis(500));
    let calls = gateway.show("show sip-ua calls");
    assert!(calls.contains("Negotiated Codec         : g711ulaw (160 bytes)"), "{calls}");
    assert!(gateway.show("show voip rtp connections").contains("Found 1 active"));
    is_tone_on_line(&lines.hear("2/0", 2.0), "440");
    say(&mut lines, &gateway, "2/0", 4);
    std::thread::sleep(Duration::from_millis(500));
    is_tone(&hear_sip(&phone, &gateway, 2.0), "1004");
    // Keys of the telephone come as events, not as tones.
    std::thread::sleep(Duration::from_millis(2000));
    lines.act("2/0", "dial", &json!({"digits": "159#"}));
    std::thread::sleep(Duration::from_millis(1800));
    assert_eq!(phone.events_heard(101), [1, 5, 9, 11]);
    // And events of ours are keys to the telephone.
    phone.speak(answer.rtp(), None);
    std::thread::sleep(Duration::from_millis(300));
    phone.event(101, 8);
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
    std::thread::sleep(Duration::from_millis(300));
    lines.act("2/0", "onhook", &json!({}));
    ended(&gateway);
}

#[test]
fn a_telephone_calls_sip_hears_early_media_and_holds_nothing_up() {
    let (gateway, mut phone) = gateway(BOTH);
    let mut lines = gateway.lines();
    lines.dial("2/0", "5123");
    let invite = phone.asked("INVITE");
    assert!(invite.start.starts_with("INVITE sip:5123@"), "{}", invite.start);
    assert!(invite.header("From").contains("<sip:8000@"), "{invite:?}");
    assert!(invite.header("Remote-Party-ID").contains("party=calling"), "{invite:?}");
    let answer = phone.sdp("0 101", EVENTS);
    phone.reply(&invite, 183, "", &answer);
    phone.speak(invite.rtp(), Some(480.0));
    std::thread::sleep(Duration::from_millis(700));
    is_tone_on_line(&lines.hear("2/0", 1.5), "480");
    phone.reply(&invite, 200, "", &answer);
    phone.asked("ACK");
    say(&mut lines, &gateway, "2/0", 4);
    std::thread::sleep(Duration::from_millis(700));
    is_tone(&hear_sip(&phone, &gateway, 2.0), "1004");
    // Hold: we send, the gateway may not.
    let hold = phone.sdp("0 101", &format!("{EVENTS}a=sendonly\r\n"));
    phone.request("INVITE", "", &hold);
    let held = phone.response("INVITE", 200);
    assert!(held.body.contains("a=recvonly"), "{}", held.body);
    phone.request("ACK", "", "");
    std::thread::sleep(Duration::from_millis(200));
    let before = phone.packets_heard();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(phone.packets_heard(), before, "nothing is sent on hold");
    let resume = phone.sdp("0 101", EVENTS);
    phone.request("INVITE", "", &resume);
    let resumed = phone.response("INVITE", 200);
    phone.request("ACK", "", "");
    phone.speak(resumed.rtp(), Some(620.0));
    std::thread::sleep(Duration::from_millis(700));
    is_tone_on_line(&lines.hear("2/0", 1.5), "620");
    // The telephone hangs up.
    lines.act("2/0", "onhook", &json!({}));
    let bye = phone.asked("BYE");
    assert!(bye.header("Reason").contains("cause=16"), "{bye:?}");
    phone.reply(&bye, 200, "", "");
    ended(&gateway);
}

#[test]
fn refusals_have_the_status_of_their_cause() {
    let (gateway, mut phone) = gateway(BOTH);
    let mut lines = gateway.lines();
    let offer = phone.sdp("0", "");
    phone.invite("9999", "", &offer);
    let unknown = phone.response("INVITE", 404);
    assert!(unknown.header("Reason").contains("cause=1"), "{unknown:?}");
    phone.acknowledge_refusal();
    lines.off_hook("2/0");
    phone.invite("8000", "", &offer);
    phone.response("INVITE", 486);
    phone.acknowledge_refusal();
    let g729 = phone.sdp("18", "a=rtpmap:18 G729/8000\r\n");
    phone.invite("8001", "", &g729);
    phone.response("INVITE", 488);
    phone.acknowledge_refusal();
    // CANCEL while it rings.
    phone.invite("8001", "", &offer);
    phone.response("INVITE", 180);
    assert!(lines.rings("2/1", RING));
    phone.request("CANCEL", "", "");
    phone.response("INVITE", 487);
    phone.acknowledge_refusal();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(lines.status("2/1").get("ringing"), Some(&Value::Bool(false)));
    // Somebody else may not call at all.
    let mut stranger = SipPhone::new(Ipv4Addr::new(127, 0, 0, 2), gateway.sip());
    stranger.invite("8001", "", &offer);
    let refused = stranger.response("INVITE", 403);
    assert!(refused.header("Reason").contains("cause=21"), "{refused:?}");
    assert!(!lines.rings("2/1", RING));
    ended(&gateway);
}

#[test]
fn a_refused_or_cancelled_call_of_a_telephone_ends_in_its_tone() {
    let (gateway, mut phone) = gateway(BOTH);
    let mut lines = gateway.lines();
    lines.dial("2/0", "5123");
    let invite = phone.asked("INVITE");
    phone.reply(&invite, 486, "", "");
    phone.asked("ACK");
    let heard = lines.hear("2/0", 2.0);
    assert!(heard.segments.iter().all(|s| s.f == "480+620"), "busy: {heard:?}");
    lines.act("2/0", "onhook", &json!({}));
    std::thread::sleep(Duration::from_millis(1500));
    // Given up while it rings there.
    lines.dial("2/0", "5123");
    let invite = phone.asked("INVITE");
    phone.reply(&invite, 180, "", "");
    let heard = lines.hear("2/0", 7.0);
    assert!(heard.segments.iter().any(|s| s.f == "440+480"), "ringback: {heard:?}");
    lines.act("2/0", "onhook", &json!({}));
    let cancel = phone.asked("CANCEL");
    phone.reply(&cancel, 200, "", "");
    phone.reply(&invite, 487, "", "");
    phone.asked("ACK");
    ended(&gateway);
}

#[test]
fn a_redirected_call_goes_on_to_the_new_address() {
    let (gateway, mut phone) = gateway(BOTH);
    let mut lines = gateway.lines();
    let mut other = SipPhone::new(Ipv4Addr::LOCALHOST, gateway.sip());
    lines.dial("2/0", "5123");
    let invite = phone.asked("INVITE");
    phone.reply(&invite, 302, &format!("Contact: <sip:5999@{}>\r\n", other.address()), "");
    let again = other.asked("INVITE");
    assert!(again.start.starts_with("INVITE sip:5999@"), "{}", again.start);
    let answer = other.sdp("0", "");
    other.reply(&again, 200, "", &answer);
    other.asked("ACK");
    other.request("BYE", "", "");
    other.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
    ended(&gateway);
}

/// A telephone that has answered a call of SIP, its line listened to.
fn in_call(peer: &str) -> (Tipringd, SipPhone, Lines) {
    in_call_with(peer, "")
}

/// The same, with these header lines in the INVITE.
fn in_call_with(peer: &str, headers: &str) -> (Tipringd, SipPhone, Lines) {
    let (gateway, mut phone) = gateway(peer);
    let mut lines = gateway.lines();
    let offer = phone.sdp("0", "");
    phone.invite("8000", headers, &offer);
    phone.response("INVITE", 180);
    lines.off_hook("2/0");
    let answer = phone.response("INVITE", 200);
    phone.request("ACK", "", "");
    phone.speak(answer.rtp(), None);
    std::thread::sleep(Duration::from_millis(500));
    (gateway, phone, lines)
}

/// What the telephone hears while `happens` does, as digits of 50 ms and more.
fn digits_heard(
    lines: &mut Lines,
    gateway: &Tipringd,
    phone: &mut SipPhone,
    happens: impl FnOnce(&mut SipPhone),
) -> String {
    let file = gateway.scratch().join("digits.wav");
    lines.act("2/0", "record", &json!({"file": file, "seconds": 2.5, "start": "now"}));
    happens(phone);
    lines.wait(&json!({"port": "2/0", "event": "recorded", "file": file}), Duration::from_secs(10));
    let heard = tone_measure(&file);
    heard.segments.iter().filter(|s| s.on_ms >= 50.0).map(|s| format!("{} ", s.f)).collect()
}

#[test]
fn digits_go_by_info_where_the_peer_wants_it() {
    let (gateway, mut phone, mut lines) = in_call(" codec g711ulaw\n dtmf-relay sip-info\n");
    for key in ["7", "*"] {
        let before = phone.packets_heard();
        lines.act("2/0", "dial", &json!({"digits": key}));
        let info = phone.asked("INFO");
        assert_eq!(info.header("Content-Type"), "application/dtmf-relay");
        assert!(info.body.starts_with(&format!("Signal={key}\r\nDuration=")), "{info:?}");
        phone.reply(&info, 200, "", "");
        assert!(phone.next(Duration::from_millis(500)).is_none(), "one key, one INFO");
        assert!(phone.packets_heard() > before && phone.events_heard(101).is_empty());
    }
    let heard = digits_heard(&mut lines, &gateway, &mut phone, |phone| {
        for signal in ["4", "11"] {
            let body = format!("Signal={signal}\r\nDuration=160\r\n");
            phone.request("INFO", "Content-Type: application/dtmf-relay\r\n", &body);
            phone.response("INFO", 200);
            std::thread::sleep(Duration::from_millis(400));
        }
    });
    assert_eq!(heard, "770+1209 941+1477 ");
    // What is no digit is not taken for one.
    phone.request("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=x\r\n");
    phone.response("INFO", 415);
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
    ended(&gateway);
}

#[test]
fn digits_go_by_notify_where_the_peer_wants_it() {
    let info = "Call-Info: <sip:127.0.0.1>;method=\"NOTIFY;Event=telephone-event;Duration=500\"\r\n";
    let (gateway, mut phone, mut lines) = in_call_with(" codec g711ulaw\n dtmf-relay sip-notify\n", info);
    lines.act("2/0", "dial", &json!({"digits": "7"}));
    // One at the beginning, for as long as was agreed on, and one at the end.
    for start in ["\u{7}\n\u{1}", "\u{7}"] {
        let notify = phone.asked("NOTIFY");
        assert!(notify.header("Event").starts_with("telephone-event"), "{notify:?}");
        assert_eq!(notify.header("Content-Type"), "audio/telephone-event");
        assert_eq!(notify.header("Content-Length"), "4", "{notify:?}");
        assert!(notify.body.starts_with(start), "{notify:?}");
        phone.reply(&notify, 200, "", "");
    }
    let heard = digits_heard(&mut lines, &gateway, &mut phone, |phone| {
        // The key goes down, and up: one digit.
        for (event, flags, status) in
            [("telephone-event", 0x0a, 200), ("telephone-event", 0x8a, 200), ("unknown", 0, 489)]
        {
            let headers = format!(
                "Event: {event};rate=1000\r\nSubscription-State: active\r\n\
                 Content-Type: audio/telephone-event\r\n"
            );
            phone.request("NOTIFY", &headers, [5, flags, 3, 32]);
            phone.response("NOTIFY", status);
        }
    });
    assert_eq!(heard, "770+1336 ");
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
    ended(&gateway);
}

#[test]
fn sip_calls_sip_through_the_gateway_and_any_codec_passes() {
    let (gateway, mut called) = gateway(
        " voice-class codec 1\n dtmf-relay rtp-nte\n!\nvoice class codec 1\n \
        codec preference 1 g711ulaw\n codec preference 2 g729r8\n",
    );
    let mut caller = SipPhone::new(Ipv4Addr::LOCALHOST, gateway.sip());
    let offer = caller.sdp("0 101", EVENTS);
    caller.invite("5777", "", &offer);
    let invite = called.asked("INVITE");
    let answer = called.sdp("0 101", EVENTS);
    called.reply(&invite, 180, "", "");
    caller.response("INVITE", 180);
    called.reply(&invite, 200, "", &answer);
    called.asked("ACK");
    let ok = caller.response("INVITE", 200);
    caller.request("ACK", "", "");
    caller.speak(ok.rtp(), Some(440.0));
    called.speak(invite.rtp(), Some(620.0));
    std::thread::sleep(Duration::from_millis(500));
    is_tone(&hear_sip(&called, &gateway, 1.5), "440");
    is_tone(&hear_sip(&caller, &gateway, 1.5), "620");
    caller.event(101, 6);
    assert_eq!(called.events_heard(101), [6]);
    called.request("BYE", "", "");
    called.response("BYE", 200);
    let bye = caller.asked("BYE");
    caller.reply(&bye, 200, "", "");
    ended(&gateway);
    // G.729 passes, though nobody here can hear it.
    let offer = caller.sdp("18", "a=rtpmap:18 G729/8000\r\n");
    caller.invite("5777", "", &offer);
    let invite = called.asked("INVITE");
    assert!(invite.body.contains("G729"), "{}", invite.body);
    assert!(!invite.body.contains("PCMU"), "{}", invite.body);
    let answer = called.sdp("18", "a=rtpmap:18 G729/8000\r\n");
    called.reply(&invite, 200, "", &answer);
    called.asked("ACK");
    let ok = caller.response("INVITE", 200);
    assert!(ok.body.contains(" RTP/AVP 18\r\n"), "{}", ok.body);
    caller.request("ACK", "", "");
    caller.request("BYE", "", "");
    caller.response("BYE", 200);
    called.asked("BYE");
    ended(&gateway);
}

/// The payload type that a description has for an encoding.
fn payload_of(said: &Said, encoding: &str) -> u8 {
    let line = said.body.lines().find(|line| line.contains(&format!(" {encoding}/")));
    let number = line.and_then(|line| line.strip_prefix("a=rtpmap:")?.split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {encoding} in {}", said.body))
}

/// Codings nobody here can hear, each end with payload types of its own, for digits too.
#[test]
fn every_coding_passes_between_sip_telephones_octet_for_octet() {
    let codecs = ["g729r8", "g726r32", "ilbc", "g722-64"];
    let lines: String =
        (1..).zip(codecs).map(|(at, codec)| format!(" codec preference {at} {codec}\n")).collect();
    let (gateway, mut called) =
        gateway(&format!(" voice-class codec 1\n dtmf-relay rtp-nte\n!\nvoice class codec 1\n{lines}"));
    let mut caller = SipPhone::new(Ipv4Addr::LOCALHOST, gateway.sip());
    let codings = [
        ("G729", [18, 18], 20),
        ("G726-32", [112, 113], 80),
        ("iLBC", [114, 115], 38),
        ("G722", [9, 9], 160),
    ];
    for (encoding, [own, theirs], octets) in codings {
        let lines = |coding: u8, events: u8| {
            format!(
                "a=rtpmap:{coding} {encoding}/8000\r\na=rtpmap:{events} telephone-event/8000\r\n\
                 a=fmtp:{events} 0-15\r\n"
            )
        };
        let offer = caller.sdp(&format!("{own} 120"), &lines(own, 120));
        caller.invite("5777", "", &offer);
        let invite = called.asked("INVITE");
        let answer = called.sdp(&format!("{theirs} 121"), &lines(theirs, 121));
        called.reply(&invite, 200, "", &answer);
        called.asked("ACK");
        let ok = caller.response("INVITE", 200);
        caller.request("ACK", "", "");
        assert_eq!(
            (ok.rtp().port() % 2, invite.rtp().port() % 2),
            (0, 0),
            "RTP on even ports, RTCP on the next"
        );
        let (said, answered) = (vec![own; octets], vec![theirs ^ 0x55; octets]);
        caller.speak_coded(ok.rtp(), payload_of(&ok, encoding), &said);
        called.speak_coded(invite.rtp(), payload_of(&invite, encoding), &answered);
        let end = Instant::now() + RING;
        while called.coded_heard(theirs, &said) < 20 || caller.coded_heard(own, &answered) < 20 {
            assert!(Instant::now() < end, "{encoding}: {ok:?} {invite:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        caller.event(payload_of(&ok, "telephone-event"), 7);
        called.event(payload_of(&invite, "telephone-event"), 3);
        assert_eq!(called.events_heard(121).last(), Some(&7), "{encoding}");
        assert_eq!(caller.events_heard(120).last(), Some(&3), "{encoding}");
        caller.silent();
        called.silent();
        caller.request("BYE", "", "");
        caller.response("BYE", 200);
        let bye = called.asked("BYE");
        called.reply(&bye, 200, "", "");
        ended(&gateway);
    }
}

#[test]
fn sipp_calls_telephones_with_reliable_ringing_over_udp_and_tcp() {
    let (gateway, _phone) = gateway(
        " voice-class codec 1\n!\nvoice class codec 1\n codec preference 1 g711alaw\n \
        codec preference 2 g711ulaw\n",
    );
    let mut lines = gateway.lines();
    for (transport, port, number) in [(Transport::Udp, "2/0", "8000"), (Transport::Tcp, "2/1", "8001")] {
        let sipp = Sipp {
            scenario: "calls/caller.xml".into(),
            target: gateway.sip(),
            transport,
            rows: vec![number.to_owned()],
            rate: 1,
        };
        let caller = std::thread::spawn(move || sipp.run());
        assert!(lines.rings(port, RING));
        lines.off_hook(port);
        let run = caller.join().unwrap();
        assert_eq!(run.code, Some(0), "SIPp: {}\n{}", run.stderr, run.stdout);
        lines.act(port, "onhook", &json!({}));
        ended(&gateway);
    }
}

#[test]
fn two_fax_terminals_send_a_page_through_the_gateway() {
    let (gateway, mut called) = gateway(BOTH);
    let mut caller = SipPhone::new(Ipv4Addr::LOCALHOST, gateway.sip());
    let offer = caller.sdp("0 101", EVENTS);
    caller.invite("5777", "", &offer);
    let invite = called.asked("INVITE");
    let answer = called.sdp("0 101", EVENTS);
    called.reply(&invite, 200, "", &answer);
    called.asked("ACK");
    caller.response("INVITE", 200);
    caller.request("ACK", "", "");
    // The called terminal has heard a fax: it wants T.38, and the caller agrees.
    let file = |name: &str| gateway.scratch().join(name);
    let (mut sends, mut receives) = (FaxEnd::send(&file("sent.tif")), FaxEnd::receive(&file("got.tif")));
    let image = |port: u16| {
        format!(
            "v=0\r\no=f 1 9 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image {port} udptl t38\r\n\
             a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n\
             a=T38FaxUdpEC:t38UDPRedundancy\r\n"
        )
    };
    let port = |said: &Said| -> u16 {
        let rest = said.body.split("m=image ").nth(1).unwrap_or_else(|| panic!("no image: {said:?}"));
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    called.request("INVITE", "", image(receives.port()));
    let asked = caller.asked("INVITE");
    caller.reply(&asked, 200, "", &image(sends.port()));
    caller.asked("ACK");
    let agreed = called.response("INVITE", 200);
    called.request("ACK", "", "");
    sends.begin(port(&asked));
    receives.begin(port(&agreed));
    let (sent, got) = (sends.result(), receives.result());
    assert!(sent.starts_with("0 pages 1 rows 120 "), "{sent}");
    assert_eq!(sent, got, "the page came as it went");
    let calls = gateway.show("show sip-ua calls");
    assert!(calls.contains("Negotiated Codec         : t38"), "{calls}");
    called.request("BYE", "", "");
    called.response("BYE", 200);
    let bye = caller.asked("BYE");
    caller.reply(&bye, 200, "", "");
    ended(&gateway);
}

#[test]
fn kpml_carries_the_keys_of_a_telephone_and_those_of_sip() {
    let kpml = "Allow-Events: kpml\r\n";
    let (gateway, mut phone, mut lines) = in_call_with(" codec g711ulaw\n dtmf-relay sip-kpml\n", kpml);
    let subscribe = phone.asked("SUBSCRIBE");
    assert_eq!(subscribe.header("Event"), "kpml");
    assert_eq!(subscribe.header("Content-Type"), "application/kpml-request+xml");
    phone.reply(&subscribe, 200, "Expires: 7200\r\n", "");
    let request = "<kpml-request><pattern persist=\"persist\"><regex tag=\"dtmf\">[x*#ABCD]</regex></pattern></kpml-request>";
    let headers = "Event: kpml\r\nExpires: 7200\r\nContent-Type: application/kpml-request+xml\r\n";
    phone.request("SUBSCRIBE", headers, request);
    phone.response("SUBSCRIBE", 200);
    let active = phone.asked("NOTIFY");
    assert!(active.header("Subscription-State").starts_with("active"), "{active:?}");
    phone.reply(&active, 200, "", "");
    for key in ["7", "#"] {
        lines.act("2/0", "dial", &json!({"digits": key}));
        let report = phone.asked("NOTIFY");
        assert!(report.body.contains(&format!("digits=\"{key}\" tag=\"dtmf\"")), "{report:?}");
        phone.reply(&report, 200, "", "");
    }
    let heard = digits_heard(&mut lines, &gateway, &mut phone, |phone| {
        for key in ['4', '#'] {
            let headers = "Event: kpml\r\nSubscription-State: active\r\nContent-Type: application/kpml-response+xml\r\n";
            let body = format!("<kpml-response code=\"200\" text=\"OK\" digits=\"{key}\" tag=\"dtmf\"/>");
            phone.request("NOTIFY", headers, body);
            phone.response("NOTIFY", 200);
            std::thread::sleep(Duration::from_millis(400));
        }
    });
    assert_eq!(heard, "770+1209 941+1477 ");
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
    ended(&gateway);
}
