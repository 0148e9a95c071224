//! `test voice port`, worked at the console and seen and heard at the telephone.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{Lines, Tipringd, Value, json, write_tone};

fn gateway() -> Tipringd {
    let config = "voice-port 2/0\n mwi\n!\ndial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\n\
                  dial-peer voice 8001 pots\n destination-pattern 8001\n port 2/1\n!\n";
    let hardware: String =
        (0..3).map(|at| format!("[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n")).collect();
    let fxo = "[[fxo]]\nport = \"0/1/0\"\nbackend = \"sim\"\nwired-to = \"2/2\"\n";
    Tipringd::start(config, &format!("{hardware}{fxo}"))
}

fn test(gateway: &Tipringd, words: &str) {
    let said = gateway.show(&format!("test voice port {words}"));
    assert!(!said.contains('%'), "{words}: {said}");
}

/// Waits until `status` of 2/0 says so.
#[track_caller]
fn until(lines: &mut Lines, key: &str, value: &Value) {
    for _ in 0..50 {
        if lines.status("2/0").get(key) == Some(value) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{key} is not {value}: {}", lines.status("2/0"));
}

#[test]
fn relays_and_lamp_are_worked_by_hand() {
    let gateway = gateway();
    let mut lines = gateway.lines();
    for (words, key, on, off) in [
        ("relay ring", "ringing", json!(true), json!(false)),
        ("relay battery-reversal", "polarity", json!("reversed"), json!("normal")),
        ("relay power-denial", "battery", json!(false), json!(true)),
    ] {
        for (state, value) in [("on", &on), ("off", &off), ("on", &on), ("disable", &off)] {
            test(&gateway, &format!("2/0 {words} {state}"));
            until(&mut lines, key, value);
        }
    }
    test(&gateway, "2/0 mwi on");
    test(&gateway, "2/0 mwi dc");
    until(&mut lines, "lamp", &json!("high_voltage"));
    test(&gateway, "2/0 mwi off");
    test(&gateway, "2/0 mwi dc");
    until(&mut lines, "lamp", &json!("off"));
    test(&gateway, "2/0 mwi on");
    let decoded = lines.data_on_hook("2/0", || {
        test(&gateway, "2/0 mwi fsk");
    });
    assert!(decoded.to_string().to_lowercase().contains("mwi"), "{decoded}");
    for (words, refused) in
        [("2/0 relay loop on", "no such detector or relay"), ("7/7 relay ring on", "not an analogue port")]
    {
        let run = gateway.tipring(&["-c", &format!("test voice port {words}")]);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(refused), "{said}");
    }
}

#[test]
fn a_forced_detector_is_believed_until_it_is_disabled() {
    let gateway = gateway();
    let hook = |word: &str| {
        gateway.show_until("show voice port summary", Duration::from_secs(5), |shown| {
            shown.lines().any(|line| line.starts_with("2/0") && line.contains(word))
        });
    };
    hook("on-hook");
    test(&gateway, "2/0 detector loop-current on");
    hook("off-hook");
    test(&gateway, "2/0 detector loop-current disable");
    hook("on-hook");
    // The exchange line rings as long as its detector says so.
    test(&gateway, "0/1/0 detector ring on");
    gateway.show_until("show voice port 0/1/0", Duration::from_secs(5), |shown| {
        !shown.contains("Line state is Idle")
    });
}

#[test]
fn tones_are_injected_and_audio_is_looped() {
    let gateway = gateway();
    let mut lines = gateway.lines();
    lines.off_hook("2/0");
    test(&gateway, "2/0 inject-tone local 1000hz");
    std::thread::sleep(Duration::from_millis(300));
    let heard = lines.hear("2/0", 1.5);
    assert!(heard.segments.iter().all(|s| s.f == "1000") && !heard.segments.is_empty(), "{heard:?}");
    test(&gateway, "2/0 inject-tone local quiet");
    std::thread::sleep(Duration::from_millis(300));
    assert!(lines.hear("2/0", 1.0).segments.is_empty());
    test(&gateway, "2/0 inject-tone local disable");
    test(&gateway, "2/0 loopback local");
    let file = gateway.scratch().join("said.wav");
    write_tone(&file, 1200.0, 3);
    lines.act("2/0", "play", &json!({"file": file}));
    std::thread::sleep(Duration::from_millis(300));
    let heard = lines.hear("2/0", 1.5);
    assert!(heard.segments.iter().all(|s| s.f == "1200") && !heard.segments.is_empty(), "{heard:?}");
    test(&gateway, "2/0 loopback disable");

    // Toward the network: the far end of a call hears it.
    lines.act("2/0", "onhook", &json!({}));
    std::thread::sleep(Duration::from_millis(1300));
    lines.dial("2/0", "8001");
    assert!(lines.rings("2/1", Duration::from_secs(4)));
    lines.off_hook("2/1");
    test(&gateway, "2/0 inject-tone network 500hz");
    std::thread::sleep(Duration::from_millis(300));
    let heard = lines.hear("2/1", 1.5);
    assert!(heard.segments.iter().all(|s| s.f == "500") && !heard.segments.is_empty(), "{heard:?}");
}
