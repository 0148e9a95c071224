//! The voice mail's NOTIFY makes the dial tone of an analogue telephone tell of messages, as its country expects.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::time::Duration;

use system_tests::{Tipringd, Transport, Value, VoiceMail, json, sipp_notify};

const LOCALES: [&str; 6] = ["us", "gb", "de", "fr", "jp", "nl"];

/// One telephone for each locale: ports 2/0 to 2/5, numbers 8000 to 8005.
fn gateway(locales: &[&str]) -> Tipringd {
    let mut config = String::from("sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n!\n");
    let mut hardware = String::new();
    for (at, locale) in locales.iter().enumerate() {
        let locale = locale.to_uppercase();
        let _ = writeln!(config, "voice-port 2/{at}\n cptone {locale}\n mwi\n!");
        let _ = writeln!(
            config,
            "dial-peer voice {} pots\n destination-pattern 800{at}\n port 2/{at}\n!",
            at + 1
        );
        let _ = writeln!(hardware, "[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n");
    }
    Tipringd::start(&config, &hardware)
}

#[test]
fn sipp_on_udp_and_tcp_changes_the_dial_tone_of_six_countries() {
    let gateway = gateway(&LOCALES);
    let ports: Vec<String> = (0..LOCALES.len()).map(|at| format!("2/{at}")).collect();
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    let numbers: Vec<String> = (0..LOCALES.len()).map(|at| format!("800{at}")).collect();
    let all =
        |waiting: bool| -> Vec<(&str, bool)> { numbers.iter().map(|n| (n.as_str(), waiting)).collect() };
    let mut lines = gateway.lines();

    for (locale, heard) in LOCALES.iter().zip(lines.listen_all(&ports, 1.0)) {
        assert!(heard.is_dial_tone(locale), "{locale} before: {heard:?}");
    }
    sipp_notify(gateway.sip(), Transport::Udp, &all(true));
    for number in &numbers {
        assert_eq!(gateway.lamp(number), Some(true), "{number}");
    }
    for (locale, heard) in LOCALES.iter().zip(lines.listen_all(&ports, 4.0)) {
        assert!(heard.is_message_waiting_tone(locale), "{locale} with messages: {heard:?}");
    }
    sipp_notify(gateway.sip(), Transport::Tcp, &all(false));
    for number in &numbers {
        assert_eq!(gateway.lamp(number), Some(false), "{number}");
    }
    for (locale, heard) in LOCALES.iter().zip(lines.listen_all(&ports, 1.0)) {
        assert!(heard.is_dial_tone(locale), "{locale} after: {heard:?}");
    }
}

#[test]
fn sipp_on_tcp_lights_and_on_udp_clears() {
    let gateway = gateway(&["us"]);
    sipp_notify(gateway.sip(), Transport::Tcp, &[("8000", true)]);
    assert_eq!(gateway.lamp("8000"), Some(true));
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
    sipp_notify(gateway.sip(), Transport::Udp, &[("8000", false)]);
    assert_eq!(gateway.lamp("8000"), Some(false));
}

#[test]
fn a_change_while_off_hook_applies_at_the_next_off_hook() {
    let gateway = gateway(&["us"]);
    let mut lines = gateway.lines();
    let mut voice_mail = VoiceMail::udp(gateway.sip());

    let listening = lines.pick_up(&["2/0"], 2.5);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(voice_mail.notify("8000", true).status, 200);
    assert_eq!(gateway.lamp("8000"), Some(true));
    let heard = lines.hang_up(listening).remove(0);
    assert!(heard.is_dial_tone("us"), "changed in mid-tone: {heard:?}");
    let heard = lines.listen("2/0", 3.0);
    assert!(heard.is_message_waiting_tone("us"), "{heard:?}");

    let listening = lines.pick_up(&["2/0"], 3.0);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(voice_mail.notify("8000", false).status, 200);
    let heard = lines.hang_up(listening).remove(0);
    assert!(heard.is_message_waiting_tone("us"), "changed in mid-tone: {heard:?}");
    let heard = lines.listen("2/0", 1.0);
    assert!(heard.is_dial_tone("us"), "{heard:?}");
}

#[test]
fn two_mailboxes_on_one_telephone_stutter_while_either_has_messages() {
    let gateway = Tipringd::start(
        "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         dial-peer voice 2 pots\n destination-pattern 8100\n port 2/0\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    let mut voice_mail = VoiceMail::tcp(gateway.sip());
    let mut lines = gateway.lines();
    for (number, waiting, stutters) in
        [("8000", true, true), ("8100", true, true), ("8000", false, true), ("8100", false, false)]
    {
        assert_eq!(voice_mail.notify(number, waiting).status, 200);
        let heard = lines.listen("2/0", 3.0);
        let right = if stutters { heard.is_message_waiting_tone("us") } else { heard.is_dial_tone("us") };
        assert!(right, "after {number} {waiting}: {heard:?}");
    }
}

#[test]
fn a_digit_stops_the_message_waiting_tone() {
    let gateway = gateway(&["us"]);
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    let mut lines = gateway.lines();
    let listening = lines.pick_up(&["2/0"], 3.0);
    std::thread::sleep(Duration::from_millis(500));
    lines.act("2/0", "dial", &json!({"digits": "9"}));
    let heard = lines.hang_up(listening).remove(0);
    let last = heard.segments.last().expect("something was heard before the digit");
    assert!(last.start_ms + last.on_ms < 2000.0, "still sounding: {heard:?}");
}

#[test]
fn a_telephone_with_a_lamp_is_lit_and_cleared() {
    let gateway = Tipringd::start(
        "voice-port 2/0\n mwi\n vmwi dc-voltage\n!\nvoice-port 2/1\n mwi\n!\n\
         dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         dial-peer voice 2 pots\n destination-pattern 8001\n port 2/1\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n",
    );
    let mut lines = gateway.lines();
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    assert_eq!(voice_mail.notify("8000", true).status, 200);
    assert_eq!(voice_mail.notify("8001", true).status, 200);
    lines.wait(&json!({"port": "2/0", "event": "lamp", "on": true}), Duration::from_secs(5));
    assert_eq!(lines.status("2/0").get("lamp"), Some(&json!("high_voltage")));
    assert_eq!(lines.status("2/1").get("lamp"), Some(&json!("off")), "no vmwi, no lamp");
    assert_eq!(voice_mail.notify("8000", false).status, 200);
    lines.wait(&json!({"port": "2/0", "event": "lamp", "on": false}), Duration::from_secs(5));
}

#[test]
fn a_telephone_that_reads_fsk_is_told_on_its_hook() {
    for (locale, modem) in [("US", "bell202"), ("GB", "v23"), ("DE", "v23")] {
        let gateway = Tipringd::start(
            &format!(
                "voice-port 2/0\n cptone {locale}\n mwi\n vmwi fsk\n!\n\
                 dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
                 sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
            ),
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
        );
        let mut lines = gateway.lines();
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        for waiting in [true, false] {
            let read = lines.data_on_hook("2/0", || {
                assert_eq!(voice_mail.notify("8000", waiting).status, 200);
            });
            let messages = read.get("messages").and_then(Value::as_array).unwrap();
            assert_eq!(messages.len(), 1, "{locale}: {read:#}");
            assert_eq!(messages.first().unwrap().get("mwi"), Some(&json!(waiting)), "{locale}: {read:#}");
            let burst = read.get("fsk_bursts").and_then(|bursts| bursts.get(0)).unwrap();
            assert_eq!(burst.get("modem"), Some(&json!(modem)), "{locale}: {read:#}");
            assert_eq!(burst.get("checksum_ok"), Some(&json!(true)), "{locale}: {read:#}");
        }
    }
}
