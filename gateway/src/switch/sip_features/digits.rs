//! Digits beside the audio: KPML, NOTIFY by Call-Info, and which is taken.

use super::*;
use crate::media::rtp::{DigitRelay, RtpCommand};

const KPML: &str = "Allow-Events: kpml, telephone-event\r\n";
const REPORTS: &str = "Event: kpml\r\nSubscription-State: active;expires=7200\r\n\
                       Content-Type: application/kpml-response+xml\r\n";

fn wants_keys(expires: u32) -> String {
    format!("Event: kpml\r\nExpires: {expires}\r\nContent-Type: application/kpml-request+xml\r\n")
}

fn pattern(persist: &str) -> String {
    format!(
        "<kpml-request><pattern persist=\"{persist}\"><regex tag=\"dtmf\">[x*#ABCD]</regex></pattern></kpml-request>"
    )
}

fn key(digit: char) -> String {
    format!("<kpml-response version=\"1.0\" code=\"200\" text=\"Success\" digits=\"{digit}\" tag=\"dtmf\"/>")
}

/// How the stream of the leg set last takes its digits.
fn relay(media: &[MediaCommand]) -> Option<DigitRelay> {
    media.iter().rev().find_map(|command| match command {
        MediaCommand::Rtp { command: RtpCommand::Settings(rtp), .. } => Some(rtp.digits),
        _ => None,
    })
}

#[test]
fn kpml_carries_keys_both_ways() {
    let mut desk = Desk::new(" dtmf-relay sip-kpml rtp-nte\n", "");
    let (mut five, mut six) = desk.talk(KPML, KPML);
    // The gateway subscribes at both ends, within their calls.
    for end in [&five, &six] {
        let subscribe = desk.take(end.at, "SUBSCRIBE");
        assert_eq!(header(&subscribe, "Call-ID"), end.call);
        assert_eq!(header(&subscribe, "Event"), "kpml");
        assert!(body_of(&subscribe).contains("[x*#ABCD]"), "{subscribe:?}");
        desk.reply(end, &subscribe, 200, "Expires: 7200\r\n", "");
    }
    // And both subscribe at the gateway.
    for end in [&mut five, &mut six] {
        desk.request(end, "SUBSCRIBE", &wants_keys(7200), pattern("persist"));
        let ok = desk.take(end.at, "200 SUBSCRIBE");
        assert_eq!(header(&ok, "Expires"), "7200");
        assert!(!header(&ok, "Contact").is_empty());
        let notify = desk.take(end.at, "NOTIFY");
        assert!(header(&notify, "Subscription-State").starts_with("active") && notify.body().is_empty());
        desk.reply(end, &notify, 200, "", "");
    }
    desk.request(&mut five, "NOTIFY", REPORTS, key('5'));
    desk.take(FIVE, "200 NOTIFY");
    let report = desk.take(SIX, "NOTIFY");
    assert!(body_of(&report).contains("digits=\"5\" tag=\"dtmf\""), "{report:?}");
    desk.reply(&six, &report, 200, "", "");
    desk.request(&mut six, "NOTIFY", REPORTS, key('#'));
    let report = desk.take(FIVE, "NOTIFY");
    assert!(body_of(&report).contains("digits=\"#\""), "{report:?}");
    desk.reply(&five, &report, 200, "", "");
    // Who has had enough is told so once.
    desk.request(&mut five, "SUBSCRIBE", &wants_keys(0), "");
    let last = desk.take(FIVE, "NOTIFY");
    assert_eq!(header(&last, "Subscription-State"), "terminated;reason=timeout");
    assert!(body_of(&last).contains("code=\"487\""), "{last:?}");
    desk.reply(&five, &last, 200, "", "");
    desk.request(&mut six, "NOTIFY", REPORTS, key('1'));
    desk.none(FIVE, "NOTIFY");
    // Subscriptions of ours are refreshed in time.
    desk.wait(5_760_000);
    let again = desk.take(SIX, "SUBSCRIBE");
    desk.reply(&six, &again, 200, "Expires: 7200\r\n", "");
    desk.hang_up(five, &six);
}

#[test]
fn one_shot_kpml_ends_with_its_report_and_without_sip_kpml_there_is_none() {
    let mut desk = Desk::new(" dtmf-relay sip-kpml\n", "");
    let (mut five, mut six) = desk.talk(KPML, KPML);
    desk.request(&mut six, "SUBSCRIBE", &wants_keys(600), pattern("one-shot"));
    let first = desk.take(SIX, "NOTIFY");
    desk.reply(&six, &first, 200, "", "");
    for digit in ['7', '8'] {
        desk.request(&mut five, "NOTIFY", REPORTS, key(digit));
    }
    let report = desk.take(SIX, "NOTIFY");
    assert_eq!(header(&report, "Subscription-State"), "terminated");
    assert!(body_of(&report).contains("digits=\"7\""), "{report:?}");
    desk.none(SIX, "NOTIFY");
    // A peer without it: events in RTP are left, or tones.
    let mut desk = Desk::new(" dtmf-relay rtp-nte\n", "");
    let (mut five, _) = desk.talk(KPML, KPML);
    desk.none(FIVE, "SUBSCRIBE");
    desk.request(&mut five, "SUBSCRIBE", &wants_keys(600), pattern("persist"));
    desk.take(FIVE, "489 SUBSCRIBE");
}

#[test]
fn notify_is_agreed_on_by_call_info_with_the_shorter_duration() {
    let lasts = "sip-ua\n notify telephone-event max-duration 1000\n!\n";
    let mut desk = Desk::new(" dtmf-relay sip-notify rtp-nte\n", lasts);
    let info = |ms: u32| {
        format!("Call-Info: <sip:192.0.2.9:5060>;method=\"NOTIFY;Event=telephone-event;Duration={ms}\"\r\n")
    };
    let mut caller = desk.call(FIVE, "6000", &info(500), &audio(FIVE));
    let callee = desk.called(SIX);
    let offered = header(callee.invite.as_ref().unwrap(), "Call-Info");
    assert!(offered.ends_with(";method=\"NOTIFY;Event=telephone-event;Duration=1000\""), "{offered}");
    desk.answer(&callee, &info(300));
    let ok = desk.answered(&mut caller);
    assert!(header(&ok, "Call-Info").contains("Duration=1000"), "{ok:?}");
    let event = "Event: telephone-event;rate=1000\r\nSubscription-State: active\r\n\
                 Content-Type: audio/telephone-event\r\n";
    desk.request(&mut caller, "NOTIFY", event, [5, 0x8A, 0, 100]);
    for octets in [[5, 0x0A, 1, 44], [5, 0x8A, 0, 100]] {
        let notify = desk.take(SIX, "NOTIFY");
        assert_eq!(notify.body(), octets, "{notify:?}");
        desk.reply(&callee, &notify, 200, "", "");
    }
    desk.hang_up(caller, &callee);
}

#[test]
fn who_has_no_call_info_gets_the_next_way() {
    let mut desk = Desk::new(" dtmf-relay sip-notify rtp-nte\n", "");
    let (five, six) = desk.talk("", "");
    assert_eq!(relay(&desk.media()), Some(DigitRelay::Events));
    desk.hang_up(five, &six);
    let mut desk = Desk::new(" dtmf-relay sip-notify\n", "");
    let (five, six) = desk.talk("", "");
    assert_eq!(relay(&desk.media()), Some(DigitRelay::InBand));
    desk.hang_up(five, &six);
}
