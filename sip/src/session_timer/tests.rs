#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::message::{Method, RequestDefaults, encode_request};

fn parse(text: &str) -> Message {
    Message::parse(bytes::Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn invite(more: &str) -> Message {
    parse(&format!("INVITE sip:a SIP/2.0\r\n{more}\r\n\r\n"))
}

fn ours(interval: Option<u32>, min_se: u32, refresher: Option<Refresher>) -> SessionTimerConfig {
    SessionTimerConfig { interval, min_se, refresher }
}

fn sent(request: RequestBuilder) -> Message {
    let defaults = RequestDefaults {
        via: "SIP/2.0/UDP h;branch=z9hG4bK1",
        from: "<sip:h>",
        call_id: "c",
        user_agent: None,
        max_forwards: 70,
    };
    Message::parse(encode_request(&request, &defaults)).unwrap()
}

#[test]
fn the_answer_follows_table_2() {
    use Refresher::{Uac, Uas};
    let config = ours(Some(1800), 90, None);
    for (request, agreed) in [
        ("Supported: timer\r\nSession-Expires: 600", Some((600, Uac))),
        ("k: 100rel, Timer\r\nx: 600;refresher=uas", Some((600, Uas))),
        ("Supported: timer\r\nSession-Expires: 600;refresher=UAC", Some((600, Uac))),
        // Who does not support it cannot refresh, and cannot be refused with 422.
        ("Session-Expires: 600", Some((600, Uas))),
        ("Session-Expires: 10", Some((90, Uas))),
        ("Supported: timer", Some((1800, Uac))),
        ("Foo: y", Some((1800, Uas))),
        // We may shorten to what we want, but not below the peer's Min-SE.
        ("Supported: timer\r\nSession-Expires: 7200", Some((1800, Uac))),
        ("Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600", Some((3600, Uac))),
        // Real peers write a Min-SE of 60.
        ("Supported: timer\r\nSession-Expires: 1800\r\nMin-SE: 60", Some((1800, Uac))),
    ] {
        let found =
            config.for_answer(&invite(request)).unwrap().map(|agreed| (agreed.interval, agreed.refresher));
        assert_eq!(found, agreed, "{request}");
    }
    let silent = ours(None, 90, None);
    assert_eq!(silent.for_answer(&invite("Supported: timer")).unwrap(), None);
    assert_eq!(
        silent.for_answer(&invite("Supported: timer\r\nSession-Expires: 7200")).unwrap().unwrap().interval,
        7200
    );
    let we = ours(Some(1800), 90, Some(Uas));
    assert_eq!(we.for_answer(&invite("Supported: timer\r\nx: 600")).unwrap().unwrap().refresher, Uas);
}

#[test]
fn too_short_is_422_both_ways() {
    let config = ours(Some(1800), 1800, None);
    let refusal = config.for_answer(&invite("Supported: timer\r\nSession-Expires: 900")).unwrap_err();
    assert_eq!(refusal.status().as_u16(), 422);
    let refusal = config.for_answer(&invite("Supported: timer\r\nSession-Expires: soon")).unwrap_err();
    assert_eq!(refusal.status().as_u16(), 400);

    let mut caller = ours(Some(600), 90, None);
    assert!(caller.handle_422(&parse("SIP/2.0 422 x\r\nMin-SE: 1800\r\n\r\n")));
    let again = sent(caller.request_headers(RequestBuilder::new(Method::Invite, "sip:a"), None));
    assert_eq!(again.header("Session-Expires").unwrap().to_str(), "1800");
    assert_eq!(again.header("Min-SE").unwrap().to_str(), "1800");
    assert!(!caller.handle_422(&parse("SIP/2.0 422 x\r\nMin-SE: 1800\r\n\r\n")), "no loop");
    assert!(!caller.handle_422(&parse("SIP/2.0 422 x\r\n\r\n")));
}

#[test]
fn roles_are_kept_over_refreshes_by_either_side() {
    let config = SessionTimerConfig::default();
    for (refresher, us, expected) in [
        (Refresher::Uac, Refresher::Uac, "1800;refresher=uac"),
        (Refresher::Uas, Refresher::Uas, "1800;refresher=uac"),
        (Refresher::Uac, Refresher::Uas, "1800;refresher=uas"),
    ] {
        let running = Some((Agreed { interval: 1800, refresher }, us));
        let update = sent(config.request_headers(RequestBuilder::new(Method::Update, "sip:a"), running));
        assert_eq!(update.header("Session-Expires").unwrap().to_str(), expected);
        assert!(update.list_contains(Header::Supported, "timer"));
    }
    let none = ours(None, 90, None).request_headers(RequestBuilder::new(Method::Invite, "sip:a"), None);
    assert!(none.has(Header::Supported) && !none.has(Header::SessionExpires));
}

#[test]
fn the_sender_reads_what_was_agreed() {
    let config = SessionTimerConfig::default();
    let read = |more: &str| config.from_answer(&parse(&format!("SIP/2.0 200 OK\r\n{more}\r\n\r\n")));
    assert_eq!(read("Foo: y").unwrap(), None);
    assert_eq!(
        read("x: 1200;refresher=uas").unwrap(),
        Some(Agreed { interval: 1200, refresher: Refresher::Uas })
    );
    assert_eq!(read("x: 1").unwrap(), Some(Agreed { interval: 90, refresher: Refresher::Uac }));
    assert!(read("x: y").is_err());
}

#[test]
fn refresh_at_half_and_bye_before_the_end() {
    let now = Instant::now();
    let at = |seconds: u64| now + Duration::from_secs(seconds);
    let agreed = Agreed { interval: 1800, refresher: Refresher::Uas };
    let mut refresher = SessionTimer::start(now, agreed, Refresher::Uas);
    assert_eq!(refresher.handle_timeout(at(899)), None);
    assert_eq!(refresher.handle_timeout(at(900)), Some(Due::Refresh));
    assert_eq!(refresher.poll_timeout(), Some(at(1768)));
    assert_eq!(refresher.handle_timeout(at(1768)), Some(Due::Expired), "its refresh was not answered");
    assert_eq!((refresher.handle_timeout(at(9999)), refresher.poll_timeout()), (None, None));
    let mut other = SessionTimer::start(now, agreed, Refresher::Uac);
    assert_eq!(other.poll_timeout(), Some(at(1768)));
    assert_eq!(other.handle_timeout(at(1768)), Some(Due::Expired));
    let short = SessionTimer::start(now, Agreed { interval: 90, refresher: Refresher::Uac }, Refresher::Uas);
    assert_eq!(short.poll_timeout(), Some(at(60)));
}
