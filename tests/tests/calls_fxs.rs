//! Telephone calls telephone, through the daemon; what they hear is measured by somebody else's programs.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use system_tests::{Lines, Tipringd, Value, json};

/// A telephone that rings does so within this.
const RING: Duration = Duration::from_secs(2);

/// Four telephones 8000 to 8003 on 2/0 to 2/3.
fn gateway(more: &str) -> Tipringd {
    let mut config = String::new();
    let mut hardware = String::new();
    for at in 0..4 {
        config.push_str(&format!(
            "voice-port 2/{at}\n caller-id enable\n timeouts ringing 60\n!\n\
             dial-peer voice 800{at} pots\n destination-pattern 800{at}\n port 2/{at}\n!\n"
        ));
        hardware.push_str(&format!("[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n"));
    }
    Tipringd::start(&format!("{config}{more}"), &hardware)
}

fn on_hook(lines: &mut Lines, port: &str) {
    lines.act(port, "onhook", &json!({}));
}

/// 1004 Hz at -10 dBm0 for so long, as a WAV.
fn tone(file: &Path, seconds: u32) {
    let amplitude = 32_124.0 * 10_f64.powf((-10.0 - 3.17) / 20.0);
    let sample = |at: u32| (std::f64::consts::TAU * 1004.0 * f64::from(at) / 8000.0).sin() * amplitude;
    #[allow(clippy::cast_possible_truncation)]
    let samples: Vec<u8> = (0..seconds * 8000).flat_map(|at| (sample(at) as i16).to_le_bytes()).collect();
    let len = u32::try_from(samples.len()).unwrap();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + len).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(8000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(len.to_le_bytes());
    wav.extend(samples);
    std::fs::write(file, wav).unwrap();
}

/// `from` says a tone that `to` hears without a gap, at its level: between two ports of a box there is no loss.
fn speaks(lines: &mut Lines, dir: &Path, from: &str, to: &str) {
    speaks_at(lines, dir, from, to, -10.0);
}

fn speaks_at(lines: &mut Lines, dir: &Path, from: &str, to: &str, dbm0: f64) {
    let file = dir.join("said.wav");
    tone(&file, 3);
    lines.act(from, "play", &json!({"file": file}));
    let heard = lines.hear(to, 2.0);
    lines.wait(&json!({"port": from, "event": "dialled"}), Duration::from_secs(10));
    let segment = heard.segments.last().unwrap_or_else(|| panic!("{to} hears nothing of {from}"));
    assert_eq!((heard.segments.len(), segment.f.as_str()), (1, "1004"), "{to} hears {from}: {heard:?}");
    assert!(segment.on_ms > 1500.0, "{to} hears {from}: {heard:?}");
    assert!((segment.level() - dbm0).abs() < 1.0, "{to} hears {from} at {} dBm0", segment.level());
}

#[test]
fn a_call_is_rung_answered_heard_both_ways_and_ended() {
    let gateway = gateway("");
    let dir = gateway.scratch().to_owned();
    let mut lines = gateway.lines();
    lines.dial("2/0", "8001");
    assert!(lines.rings("2/1", RING));
    let heard = lines.hear("2/0", 7.0);
    assert!(heard.segments.iter().any(|s| s.f == "440+480"), "ringback: {heard:?}");
    lines.off_hook("2/1");
    assert_eq!(lines.status("2/1").get("ringing"), Some(&Value::Bool(false)));
    let active = gateway.show("show call active voice brief");
    assert!(active.contains("Originate 8001 active"), "{active}");
    speaks(&mut lines, &dir, "2/0", "2/1");
    speaks(&mut lines, &dir, "2/1", "2/0");
    on_hook(&mut lines, "2/1");
    std::thread::sleep(Duration::from_millis(2500));
    let heard = lines.hear("2/0", 2.0);
    assert!(heard.segments.iter().all(|s| s.f == "480+620"), "congestion: {heard:?}");
    on_hook(&mut lines, "2/0");
    gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Total call-legs: 0")
    });
    let history = gateway.show("show call history voice brief");
    assert!(history.contains("normal call clearing"), "{history}");
}

#[test]
fn a_caller_hears_busy_and_unknown_numbers_and_may_hang_up_at_any_time() {
    let gateway = gateway("");
    let mut lines = gateway.lines();
    lines.off_hook("2/1");
    lines.dial("2/0", "8001");
    let heard = lines.hear("2/0", 4.0);
    assert!(
        heard
            .cadence
            .iter()
            .any(|c| c.steps.iter().any(|s| s.f == "480+620" && (s.on_ms - 500.0).abs() < 10.0)),
        "busy: {heard:?}"
    );
    on_hook(&mut lines, "2/0");
    std::thread::sleep(Duration::from_millis(1300));
    lines.dial("2/0", "5");
    let heard = lines.hear("2/0", 3.0);
    assert!(!heard.segments.is_empty(), "number unobtainable: {heard:?}");
    on_hook(&mut lines, "2/0");
    on_hook(&mut lines, "2/1");
    std::thread::sleep(Duration::from_millis(1300));
    for digits in ["8", "8001"] {
        lines.dial("2/0", digits);
        on_hook(&mut lines, "2/0");
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(lines.status("2/1").get("ringing"), Some(&Value::Bool(false)), "after {digits}");
    }
    assert!(gateway.show("show call active voice brief").contains("Total call-legs: 0"));
}

#[test]
fn hold_conference_and_transfer_by_flash_are_heard() {
    let gateway = gateway("");
    let dir = gateway.scratch().to_owned();
    let mut lines = gateway.lines();
    let flash = |lines: &mut Lines| {
        lines.act("2/0", "flash", &json!({"ms": 400}));
        std::thread::sleep(Duration::from_millis(300));
    };
    lines.dial("2/0", "8001");
    assert!(lines.rings("2/1", RING));
    lines.off_hook("2/1");
    flash(&mut lines);
    lines.act("2/0", "dial", &json!({"digits": "8002"}));
    assert!(lines.rings("2/2", RING));
    lines.off_hook("2/2");
    speaks(&mut lines, &dir, "2/0", "2/2");
    let heard = lines.hear("2/1", 1.0);
    assert!(heard.segments.is_empty(), "on hold: {heard:?}");
    flash(&mut lines);
    // Three who talk are mixed, with the 3 dB of a port's output attenuation.
    speaks_at(&mut lines, &dir, "2/1", "2/2", -13.0);
    speaks_at(&mut lines, &dir, "2/2", "2/0", -13.0);
    // The second party leaves, is called again, and the first is transferred to it.
    on_hook(&mut lines, "2/2");
    std::thread::sleep(Duration::from_millis(1500));
    flash(&mut lines);
    lines.act("2/0", "dial", &json!({"digits": "8002"}));
    assert!(lines.rings("2/2", RING));
    lines.off_hook("2/2");
    on_hook(&mut lines, "2/0");
    std::thread::sleep(Duration::from_millis(1500));
    speaks(&mut lines, &dir, "2/1", "2/2");
    speaks(&mut lines, &dir, "2/2", "2/1");
}

#[test]
fn the_called_telephone_is_told_who_calls() {
    let gateway = gateway("voice-port 2/0\n station-id name ADA LOVELACE\n station-id number 5551234\n!\n");
    let mut lines = gateway.lines();
    let mut caller = gateway.lines();
    let decoded = lines.data_on_hook("2/1", || caller.dial("2/0", "8001")).to_string();
    assert!(decoded.contains("5551234") && decoded.contains("ADA LOVELACE"), "{decoded}");
}

/// What `to` hears of a tone of -10 dBm0 that `from` says, dBm0; `None` for nothing.
fn level_at(lines: &mut Lines, dir: &Path, from: &str, to: &str) -> Option<f64> {
    let file = dir.join("said.wav");
    tone(&file, 4);
    lines.act(from, "play", &json!({"file": file}));
    // An echo canceller learns in this time.
    std::thread::sleep(Duration::from_millis(1500));
    let heard = lines.hear(to, 1.5);
    lines.wait(&json!({"port": from, "event": "dialled"}), Duration::from_secs(10));
    heard.segments.iter().find(|s| s.f == "1004").map(system_tests::Segment::level)
}

#[test]
fn gain_and_attenuation_are_heard_and_echo_is_not() {
    // Local calls go around both unless the box is told otherwise.
    let gateway = gateway(
        "no voice local-bypass\nvoice-port 2/0\n input gain 3\n!\nvoice-port 2/1\n output attenuation 6\n!\n",
    );
    let dir = gateway.scratch().to_owned();
    let mut lines = gateway.lines();
    lines.act("2/1", "wire", &json!({"echo_loss_db": 12.0, "echo_delay": 80}));
    lines.dial("2/0", "8001");
    assert!(lines.rings("2/1", RING));
    lines.off_hook("2/1");
    let heard = level_at(&mut lines, &dir, "2/0", "2/1").unwrap();
    assert!((heard + 13.0).abs() < 1.0, "-10 dBm0, 3 dB up, 6 dB down: {heard} dBm0");
    // What the telephone's hybrid sends back does not come to the speaker.
    assert_eq!(level_at(&mut lines, &dir, "2/0", "2/0"), None);
    let file = dir.join("more.cfg");
    std::fs::write(&file, "voice-port 2/1\n no echo-cancel enable\n").unwrap();
    let run = gateway.tipring(&[file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let echo = level_at(&mut lines, &dir, "2/0", "2/0").unwrap();
    // 12 dB of the hybrid, and the 3 dB that a port attenuates by default.
    assert!((echo + 28.0).abs() < 1.5, "without the canceller: {echo} dBm0");
}

#[test]
fn a_user_forwards_calls_by_code_and_that_outlives_kill_9() {
    let mut gateway = gateway("stcapp feature access-code\n");
    let mut lines = gateway.lines();
    lines.dial("2/1", "**18002");
    on_hook(&mut lines, "2/1");
    std::thread::sleep(Duration::from_millis(1300));
    let goes_to = |gateway: &Tipringd, port: &str| {
        let mut lines = gateway.lines();
        lines.dial("2/0", "8001");
        assert!(lines.rings(port, RING), "{port} does not ring");
        on_hook(&mut lines, "2/0");
        std::thread::sleep(Duration::from_millis(1300));
    };
    goes_to(&gateway, "2/2");
    drop(lines);
    gateway.kill_9();
    gateway.restart();
    goes_to(&gateway, "2/2");
    let mut lines = gateway.lines();
    lines.dial("2/1", "**2");
    on_hook(&mut lines, "2/1");
    drop(lines);
    std::thread::sleep(Duration::from_millis(1300));
    gateway.kill_9();
    gateway.restart();
    goes_to(&gateway, "2/1");
}
