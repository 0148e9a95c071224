//! 2, 11, 16.1 and 17.4: digits in and out of band, reliable provisional responses.

use std::time::Duration;

use system_tests::{Said, json, tone_measure};

use crate::site::{SOON, Site};

const KPML: &str = "Event: kpml\r\nExpires: 7200\r\nAccept: application/kpml-response+xml\r\n\
                    Content-Type: application/kpml-request+xml\r\n";
const PATTERNS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<kpml-request \
                        xmlns=\"urn:ietf:params:xml:ns:kpml-request\" version=\"1.0\">\r\n<pattern \
                        interdigittimer=\"7260000\" persist=\"persist\"><regex tag=\"dtmf\">[x*#ABCD]</regex></pattern>\
                        \r\n</kpml-request>";

/// Digits of 50 ms and more that telephone 8000 hears while `happens` does.
fn heard_by_line(site: &mut Site, happens: impl FnOnce(&mut Site)) -> String {
    let file = site.gateway.scratch().join("digits.wav");
    site.lines.act("2/0", "record", &json!({"file": file, "seconds": 1.5, "start": "now"}));
    happens(site);
    site.lines.wait(&json!({"port": "2/0", "event": "recorded", "file": file}), Duration::from_secs(10));
    let heard = tone_measure(&file);
    heard.segments.iter().filter(|s| s.on_ms >= 50.0).map(|s| format!("{} ", s.f)).collect()
}

#[test]
fn flow_2_1_digits_by_notify_after_a_422() {
    let mut site = Site::udp(" dtmf-relay sip-notify\n");
    let info = "Call-Info: <sip:127.0.0.1:5060>;method=\"NOTIFY;Event=telephone-event;Duration=500\"\r\n";
    // 90 s are too few; the same caller comes again under another Call-ID.
    let mut refused = site.cm.call("1001", "8000");
    site.cm.send(&mut refused, "INVITE", &format!("{info}Session-Expires: 90\r\nMin-SE: 60\r\n"), "");
    let short = site.cm.gets(&mut refused, "422");
    assert_eq!(short.header("Min-SE"), "1800");
    site.cm.acknowledge_refusal(&refused);
    let mut call = site.cm.again(&refused);
    let ok = site.delayed_as(&mut call, info);
    assert!(ok.header("Call-Info").contains("NOTIFY;Event=telephone-event;Duration="), "{ok:?}");
    // Key down, key up: one digit, played to the telephone.
    site.phone.silent();
    let heard = heard_by_line(&mut site, |site| {
        for flags in [0x0a, 0x8a] {
            let headers = "Event: telephone-event\r\nSubscription-State: active\r\nContent-Type: audio/telephone-event\r\n";
            site.cm.send(&mut call, "NOTIFY", headers, [5, flags, 3, 32]);
            site.cm.gets(&mut call, "200");
        }
    });
    assert_eq!(heard, "770+1336 ");
    // And a key of the telephone goes out the same way.
    site.lines.act("2/0", "dial", &json!({"digits": "7"}));
    for end in [false, true] {
        let notify = site.cm.gets(&mut call, "NOTIFY(telephone-event)+b");
        assert_eq!(notify.header("Content-Type"), "audio/telephone-event");
        assert_eq!(notify.header("Content-Length"), "4");
        assert_eq!(notify.header("Subscription-State"), "active");
        // 500 ms are what the other side asked for.
        assert!(notify.body.starts_with(if end { "\u{7}" } else { "\u{7}\n\u{1}" }), "{notify:?}");
        site.cm.reply(&call, &notify, 200, "", "");
    }
    site.cm_hangs_up(&mut call);
    let keys = "→NOTIFY(telephone-event)+b ←200 →NOTIFY(telephone-event)+b ←200 \
                ←NOTIFY(telephone-event)+b →200 ←NOTIFY(telephone-event)+b →200";
    let ladder = format!("→INVITE ←422 →ACK →INVITE ←100 ←180 ←200* →ACK* {keys} →BYE ←200");
    assert_eq!(site.cm.ladder(), ladder);
    assert_eq!(site.phone.events_heard(101), [] as [u8; 0], "one way for a call");
    site.ended(16);
}

#[test]
fn flow_2_2_digits_by_kpml_subscribed_before_the_answer() {
    let mut site = Site::tcp(" dtmf-relay sip-kpml\n");
    let mut call = site.cm.call("1001", "8000");
    let offer = site.answer();
    site.cm.send(&mut call, "INVITE", "Allow-Events: presence, kpml\r\n", offer);
    site.cm.gets(&mut call, "100");
    let ringing = site.cm.gets(&mut call, "180");
    assert!(ringing.header("Allow-Events").contains("kpml"), "{ringing:?}");
    site.cm.send(&mut call, "SUBSCRIBE", KPML, PATTERNS);
    let granted = site.cm.gets(&mut call, "200");
    assert_eq!(granted.header("Expires"), "7200");
    assert!(!granted.header("Contact").is_empty(), "{granted:?}");
    let active = site.cm.gets(&mut call, "NOTIFY(kpml)");
    assert!(active.header("Subscription-State").starts_with("active"), "{active:?}");
    site.cm.reply(&call, &active, 200, "", "");
    assert!(site.lines.rings("2/0", SOON));
    site.lines.off_hook("2/0");
    let ok = site.cm.gets(&mut call, "200*");
    site.cm.send(&mut call, "ACK", "", "");
    site.phone.speak(ok.rtp(), None);
    let asks = site.cm.gets(&mut call, "SUBSCRIBE(kpml)+x");
    assert!(asks.body.contains("persist=\"persist\"") && asks.body.contains("[x*#ABCD]"), "{asks:?}");
    site.cm.reply(&call, &asks, 200, "Expires: 7200\r\n", "");
    site.cm.send(&mut call, "NOTIFY", "Event: kpml\r\nSubscription-State: active;expires=7200\r\n", "");
    site.cm.gets(&mut call, "200");
    // A key of theirs, without a name space, and one of ours.
    let heard = heard_by_line(&mut site, |site| {
        let headers =
            "Event: kpml\r\nSubscription-State: active\r\nContent-Type: application/kpml-response+xml\r\n";
        let body = "<?xml version=\"1.0\"?>\r\n<kpml-response version=\"1.0\" code=\"200\" text=\"OK\" digits=\"2\" tag=\"dtmf\"/>";
        site.cm.send(&mut call, "NOTIFY", headers, body);
        site.cm.gets(&mut call, "200");
    });
    assert_eq!(heard, "697+1336 ");
    site.lines.act("2/0", "dial", &json!({"digits": "7"}));
    let report = site.cm.gets(&mut call, "NOTIFY(kpml)+x");
    assert!(
        report.body.contains("code=\"200\"") && report.body.contains("digits=\"7\" tag=\"dtmf\""),
        "{report:?}"
    );
    site.cm.reply(&call, &report, 200, "", "");
    site.line_hangs_up(&mut call);
    assert_eq!(
        site.cm.ladder(),
        "→INVITE* ←100 ←180 →SUBSCRIBE(kpml)+x ←200 ←NOTIFY(kpml) →200 ←200* →ACK ←SUBSCRIBE(kpml)+x →200 →NOTIFY(kpml) ←200 \
         →NOTIFY(kpml)+x ←200 ←NOTIFY(kpml)+x →200 ←BYE →200"
    );
    subscriptions_end(&mut site, &mut call);
    site.ended(16);
}

/// What is said of subscriptions after the BYE is answered in peace.
fn subscriptions_end(site: &mut Site, call: &mut system_tests::TrunkCall) {
    site.cm.send(call, "SUBSCRIBE", "Event: kpml\r\nExpires: 0\r\n", "");
    site.cm.gets(call, "481");
    site.cm.send(call, "NOTIFY", "Event: kpml\r\nSubscription-State: terminated\r\n", "");
    let late = site.cm.gets_one_of(&["481", "489"]);
    assert!(late.header("CSeq").ends_with("NOTIFY"), "{late:?}");
    assert!(site.cm.ladder().starts_with("→SUBSCRIBE(kpml) ←481 →NOTIFY(kpml) ←4"));
}

/// A call to 4711 of the exchange with reliable responses, which announces before it answers; gives 183, the response to PRACK, 200.
fn reliable(site: &mut Site, headers: &str, early: bool) -> (system_tests::TrunkCall, [Said; 3]) {
    site.pbx().policy("call=proceed");
    let mut call = site.cm.call("1001", "4711");
    let own = site.answer();
    let headers = format!("Supported: 100rel,timer,replaces\r\n{headers}");
    site.cm.send(&mut call, "INVITE", &headers, if early { own.as_str() } else { "" });
    site.cm.gets(&mut call, "100");
    site.pbx().wait(&json!({"ev": "call", "state": "setup"}));
    site.pbx().send("alert last inband=1");
    let progress = site.cm.gets(&mut call, "183*");
    assert_eq!(progress.header("Require"), "100rel");
    let number: u32 = progress.header("RSeq").parse().unwrap();
    assert!((1..0x8000_0000).contains(&number), "{number}");
    // A number that was never sent acknowledges nothing.
    site.cm.send(&mut call, "PRACK", &format!("RAck: {} 101 INVITE\r\n", number + 7), "");
    site.cm.gets(&mut call, "481");
    let rack = format!("Rack: {number} 101 INVITE\r\n");
    site.cm.send(&mut call, "PRACK", &rack, if early { "" } else { own.as_str() });
    let acknowledged = site.cm.gets(&mut call, "200");
    assert_eq!(acknowledged.body, "");
    site.pbx().send("answer last");
    let ok = site.cm.gets(&mut call, "200");
    assert_eq!(ok.body, "", "offer and answer are over");
    // What was said is said again.
    site.cm.send(&mut call, "ACK", "", if early { "" } else { own.as_str() });
    (call, [progress, acknowledged, ok])
}

#[test]
fn flow_2_3_digits_by_rfc_2833_with_prack() {
    let mut site = Site::tcp_with_pbx(" dtmf-relay rtp-nte\n");
    let headers = "Call-Info: <sip:127.0.0.1:5060>;method=\"NOTIFY;Event=telephone-event;Duration=500\"\r\n\
                   Allow-Events: presence, kpml\r\n";
    let (mut call, said) = reliable(&mut site, headers, false);
    assert!(said[0].body.contains("a=rtpmap:101 telephone-event/8000"), "{:?}", said[0]);
    for message in &said {
        assert_eq!(message.header("Call-Info"), "", "telephone events are enough: {message:?}");
        assert!(!message.header("Allow-Events").contains("kpml"), "{message:?}");
    }
    let calls = site.gateway.show("show sip-ua calls");
    assert!(calls.contains("rtp-nte"), "{calls}");
    site.cm_hangs_up(&mut call);
    let ladder = "→INVITE ←100 ←183* →PRACK ←481 →PRACK* ←200 ←200 →ACK* →BYE ←200";
    assert_eq!(site.cm.ladder(), ladder);
    site.ended(16);
}

#[test]
fn flow_11_1_early_offer_with_prack() {
    let mut site = Site::tcp_with_pbx(" dtmf-relay rtp-nte\n");
    let (mut call, said) = reliable(&mut site, "", true);
    assert!(said[0].body.contains(" RTP/AVP 0 101\r\n"), "{:?}", said[0]);
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←183* →PRACK ←481 →PRACK ←200 ←200 →ACK →BYE ←200");
    site.ended(16);
}

#[test]
fn flow_11_2_delayed_offer_with_prack() {
    // A telephone rings, which is said reliably too; the offer comes with the answer.
    let mut site = Site::tcp(" dtmf-relay rtp-nte\n");
    let mut call = site.cm.call("1001", "8000");
    site.cm.send(&mut call, "INVITE", "Supported: 100rel,timer,replaces\r\n", "");
    site.cm.gets(&mut call, "100");
    let ringing = site.cm.gets(&mut call, "180");
    let rack = format!("RAck: {} 101 INVITE\r\n", ringing.header("RSeq"));
    site.cm.send(&mut call, "PRACK", &rack, "");
    site.cm.gets(&mut call, "200");
    assert!(site.lines.rings("2/0", SOON));
    site.lines.off_hook("2/0");
    let ok = site.cm.gets(&mut call, "200*");
    // An answer without telephone events: audio alone.
    let answer = site.cm.sdp(site.phone.media(), "0", "");
    site.cm.send(&mut call, "ACK", "", answer);
    site.phone.speak(ok.rtp(), Some(440.0));
    site.line_hears("440");
    let calls = site.gateway.show("show sip-ua calls");
    assert!(calls.contains("inband-voice"), "{calls}");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 →PRACK ←200 ←200* →ACK* →BYE ←200");
    site.ended(16);
}

#[test]
fn flow_16_1_an_rsvp_agent_takes_the_media_and_keys_go_by_kpml() {
    let mut site = Site::tcp(" dtmf-relay sip-kpml\n");
    let mut call = site.cm.call("1001", "8000");
    site.cm.send(&mut call, "INVITE", "Allow-Events: presence, kpml\r\n", "");
    let ok = site.is_answered(&mut call);
    // The agent's address.
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    site.cm.send(&mut call, "ACK", "", answer);
    let asks = site.cm.gets(&mut call, "SUBSCRIBE(kpml)+x");
    site.cm.reply(&call, &asks, 200, "Expires: 7200\r\n", "");
    site.cm.send(&mut call, "NOTIFY", "Event: kpml\r\nSubscription-State: active;expires=7200\r\n", "");
    site.cm.gets(&mut call, "200");
    site.cm.send(&mut call, "SUBSCRIBE", KPML, PATTERNS);
    site.cm.gets(&mut call, "200");
    let active = site.cm.gets(&mut call, "NOTIFY(kpml)");
    site.cm.reply(&call, &active, 200, "", "");
    site.other.speak(ok.rtp(), Some(620.0));
    site.line_hears("620");
    site.other_hears_line();
    site.line_hangs_up(&mut call);
    let ladder = "→INVITE ←100 ←180 ←200* →ACK* ←SUBSCRIBE(kpml)+x →200 →NOTIFY(kpml) ←200 →SUBSCRIBE(kpml)+x ←200 \
                  ←NOTIFY(kpml) →200 ←BYE →200";
    assert_eq!(site.cm.ladder(), ladder);
    subscriptions_end(&mut site, &mut call);
    site.ended(16);
}

#[test]
fn flow_17_4_a_mobile_leg_whose_answer_is_one_codec_without_digits() {
    let mut site = Site::udp(" dtmf-relay rtp-nte\n");
    let mut call = site.cm.call("1001", "8000");
    site.cm.send(&mut call, "INVITE", "", "");
    let ok = site.is_answered(&mut call);
    let answer = site.cm.sdp(site.phone.media(), "0", "");
    site.cm.send(&mut call, "ACK", "", answer);
    site.phone.speak(ok.rtp(), Some(440.0));
    site.line_hears("440");
    // Keys go as tones then.
    site.lines.act("2/0", "dial", &json!({"digits": "7"}));
    site.cm.gets_nothing(Duration::from_millis(300));
    assert_eq!(site.phone.events_heard(101), [] as [u8; 0]);
    site.line_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* ←BYE →200");
    site.ended(16);
}
