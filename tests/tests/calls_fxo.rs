//! Calls over an exchange line: FXO port 0/1/0 is wired to FXS port 2/0, which is its exchange. Audio goes all the way and
//! is measured by somebody else's programs.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{Lines, Measured, SipPhone, Tipringd, Value, json, tone_measure, write_tone};

/// Digits go out, the exchange looks them up and rings.
const RING: Duration = Duration::from_secs(8);

/// Telephones 8001 and 8002 on 2/1 and 2/2; 9 and a number goes out by the exchange line, 7000 comes in by it.
fn gateway(office: &str, more: &str) -> Tipringd {
    let config = format!(
        "voice-port 2/0\n caller-id enable\n!\nvoice-port 2/1\n station-id number 5551234\n station-id name ADA\n!\n\
         voice-port 2/2\n caller-id enable\n!\nvoice-port 0/1/0\n caller-id enable\n{office}!\n\
         dial-peer voice 8001 pots\n destination-pattern 8001\n port 2/1\n!\n\
         dial-peer voice 8002 pots\n destination-pattern 8002\n port 2/2\n!\n\
         dial-peer voice 7000 pots\n destination-pattern 7000\n port 2/0\n!\n\
         dial-peer voice 9 pots\n destination-pattern 9....\n port 0/1/0\n!\n{more}"
    );
    let mut hardware: String =
        (0..3).map(|at| format!("[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n")).collect();
    hardware.push_str("[[fxo]]\nport = \"0/1/0\"\nbackend = \"sim\"\nwired-to = \"2/0\"\n");
    Tipringd::start(&config, &hardware)
}

/// One tone at -10 dBm0 without a gap.
#[track_caller]
fn is_tone(heard: &Measured, hz: &str) {
    is_tone_at(heard, hz, -10.0);
}

#[track_caller]
fn is_tone_at(heard: &Measured, hz: &str, dbm0: f64) {
    heard.assert_one_tone(hz, Some(dbm0));
}

fn say(lines: &mut Lines, gateway: &Tipringd, port: &str) {
    let file = gateway.scratch().join("said.wav");
    write_tone(&file, 1004.0, 3);
    lines.act(port, "play", &json!({"file": file}));
}

#[track_caller]
fn speaks(lines: &mut Lines, gateway: &Tipringd, from: &str, to: &str) {
    say(lines, gateway, from);
    let heard = lines.hear(to, 2.0);
    lines.wait(&json!({"port": from, "event": "dialled"}), Duration::from_secs(10));
    is_tone(&heard, "1004");
}

fn nothing_left(gateway: &Tipringd) {
    gateway.show_until("show call active voice brief", Duration::from_secs(10), |shown| {
        shown.contains("Total call-legs: 0")
    });
    gateway.show_until("show voice port summary", Duration::from_secs(10), |shown| {
        shown
            .lines()
            .any(|line| line.starts_with("0/1/0") && line.contains("dorm") && line.contains("on-hook"))
    });
}

#[test]
fn a_telephone_calls_out_by_the_exchange_line_and_either_end_hangs_up() {
    let gateway = gateway("", "");
    let mut lines = gateway.lines();
    for first in ["2/1", "2/2"] {
        lines.dial("2/1", "98002");
        assert!(lines.rings("2/2", RING));
        let heard = lines.hear("2/1", 7.0);
        assert!(heard.segments.iter().any(|s| s.f == "440+480"), "the exchange's ringback: {heard:?}");
        lines.off_hook("2/2");
        speaks(&mut lines, &gateway, "2/1", "2/2");
        speaks(&mut lines, &gateway, "2/2", "2/1");
        let active = gateway.show("show call active voice brief");
        assert!(active.contains("Tele 0/1/0") && active.contains("Total call-legs: 4"), "{active}");
        let shown = gateway.show("show voice port 0/1/0");
        for words in ["Foreign Exchange Office 0/1/0", "Operation State is UP", "Dial Out Type is dtmf"] {
            assert!(shown.contains(words), "{shown}");
        }
        let second = if first == "2/1" { "2/2" } else { "2/1" };
        lines.act(first, "onhook", &json!({}));
        std::thread::sleep(Duration::from_secs(3));
        let heard = lines.hear(second, 2.0);
        assert!(heard.segments.iter().any(|s| s.f == "480+620"), "{second} hears that it is over: {heard:?}");
        lines.act(second, "onhook", &json!({}));
        nothing_left(&gateway);
        // The exchange line rests for two seconds.
        std::thread::sleep(Duration::from_millis(2500));
    }
}

#[test]
fn a_call_comes_in_by_the_exchange_line_and_says_who_calls() {
    let gateway = gateway(" connection plar opx 8002\n", "");
    let mut lines = gateway.lines();
    let mut caller = gateway.lines();
    let decoded = lines.data_on_hook("2/2", || {
        caller.dial("2/1", "7000");
        // The number is told twice: to the exchange line, and to the telephone behind it.
        std::thread::sleep(Duration::from_secs(7));
    });
    let decoded = decoded.to_string();
    assert!(decoded.contains("5551234") && decoded.contains("ADA"), "{decoded}");
    assert_eq!(lines.status("2/2").get("hook"), Some(&Value::from("on")));
    lines.off_hook("2/2");
    speaks(&mut lines, &gateway, "2/1", "2/2");
    speaks(&mut lines, &gateway, "2/2", "2/1");
    lines.act("2/1", "onhook", &json!({}));
    std::thread::sleep(Duration::from_secs(3));
    lines.act("2/2", "onhook", &json!({}));
    nothing_left(&gateway);
}

#[test]
fn sip_calls_out_by_the_exchange_line_and_is_called_by_it() {
    let mut phone = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
    let peer = format!(
        "dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n incoming called-number .\n \
         session target ipv4:{}\n codec g711ulaw\n!\n",
        phone.address()
    );
    let gateway = gateway(" connection plar opx 5001\n", &peer);
    phone.set_gateway(gateway.sip());
    let mut lines = gateway.lines();
    let offer = phone.sdp("0", "");
    phone.invite("98002", "", &offer);
    let answer = phone.response("INVITE", 200);
    phone.request("ACK", "", "");
    assert!(lines.rings("2/2", RING));
    lines.off_hook("2/2");
    phone.speak(answer.rtp(), Some(440.0));
    std::thread::sleep(Duration::from_millis(500));
    // 3 dB of output attenuation where the call leaves by the exchange line; the rest stays in the box.
    is_tone_at(&lines.hear("2/2", 2.0), "440", -13.0);
    phone.speak(answer.rtp(), None);
    say(&mut lines, &gateway, "2/2");
    std::thread::sleep(Duration::from_millis(400));
    let file = gateway.scratch().join("sip.wav");
    phone.listen(1.5, &file);
    is_tone(&tone_measure(&file), "1004");
    lines.act("2/2", "onhook", &json!({}));
    let bye = phone.asked("BYE");
    phone.reply(&bye, 200, "", "");
    nothing_left(&gateway);
    std::thread::sleep(Duration::from_millis(2500));

    lines.dial("2/1", "7000");
    let invite = phone.asked("INVITE");
    assert!(invite.header("From").contains("sip:5551234@"), "{invite:?}");
    let answer = phone.sdp("0", "");
    phone.reply(&invite, 200, "", &answer);
    phone.asked("ACK");
    std::thread::sleep(Duration::from_millis(500));
    phone.speak(invite.rtp(), Some(440.0));
    std::thread::sleep(Duration::from_millis(500));
    is_tone_at(&lines.hear("2/1", 2.0), "440", -13.0);
    lines.act("2/1", "onhook", &json!({}));
    let bye = phone.asked("BYE");
    phone.reply(&bye, 200, "", "");
    nothing_left(&gateway);
}

/// `connection trunk`: the telephone on 2/1 is the set of the exchange line, as if its wires went through the gateway.
#[test]
fn a_telephone_is_the_set_of_an_exchange_line_by_a_permanent_call() {
    let gateway =
        gateway(" connection trunk 8001 answer-mode\n", "voice-port 2/1\n connection trunk 90000\n!\n");
    let mut lines = gateway.lines();
    gateway.show_until("show call active voice brief", Duration::from_secs(10), |shown| {
        shown.contains("Total call-legs: 2")
    });
    let port = gateway.show("show voice port 2/1");
    assert!(
        port.contains("Connection Mode is trunk") && port.contains("Connection Number is 90000"),
        "{port}"
    );
    // The dial tone is the exchange's, and the exchange takes the digits.
    lines.off_hook("2/1");
    std::thread::sleep(Duration::from_millis(500));
    let heard = lines.hear("2/1", 1.5);
    assert!(heard.segments.iter().any(|s| s.f == "350+440"), "{heard:?}");
    lines.act("2/1", "dial", &json!({"digits": "8002"}));
    assert!(lines.rings("2/2", RING));
    lines.off_hook("2/2");
    std::thread::sleep(Duration::from_millis(500));
    speaks(&mut lines, &gateway, "2/1", "2/2");
    speaks(&mut lines, &gateway, "2/2", "2/1");
    lines.act("2/1", "onhook", &json!({}));
    std::thread::sleep(Duration::from_secs(3));
    let heard = lines.hear("2/2", 2.0);
    assert!(heard.segments.iter().any(|s| s.f == "480+620"), "2/2 hears that it is over: {heard:?}");
    lines.act("2/2", "onhook", &json!({}));
    // The exchange line has rested: a call comes in by it, and rings the telephone.
    std::thread::sleep(Duration::from_secs(3));
    lines.dial("2/2", "7000");
    assert!(lines.rings("2/1", RING));
    lines.off_hook("2/1");
    std::thread::sleep(Duration::from_secs(1));
    speaks(&mut lines, &gateway, "2/2", "2/1");
    lines.act("2/1", "onhook", &json!({}));
    lines.act("2/2", "onhook", &json!({}));
    gateway.show_until("show call active voice brief", Duration::from_secs(10), |shown| {
        shown.contains("Total call-legs: 2")
    });
}
