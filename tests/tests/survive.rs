//! State outlives the process, and bursts lose nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use system_tests::{Blast, Pbx, Side, Tipringd, VoiceMail, free_port, json};

const FXS: &str = "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8...\n port 2/0\n!\n\
                   sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n";
const FXS_HARDWARE: &str = "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n";

fn trunk_config(peers: &str) -> String {
    format!(
        "{FXS}!\nisdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn protocol-emulate network\n!\nvoice-port 1/0:15\n mwi\n!\n{peers}"
    )
}

fn trunk_hardware(port: u16) -> String {
    format!(
        "{FXS_HARDWARE}[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\n\
         address = \"tcp-listen:127.0.0.1:{port}\"\n"
    )
}

#[test]
fn lamps_are_right_after_kill_9_before_the_first_notify() {
    let mut gateway = Tipringd::start(FXS, FXS_HARDWARE);
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    for (number, waiting) in [("8000", true), ("8001", true), ("8001", false), ("8002", false)] {
        assert_eq!(voice_mail.notify(number, waiting).status, 200);
    }
    // the 200 promised that the state is kept; nothing has been given time to settle
    gateway.kill_9();
    gateway.restart();
    assert_eq!(gateway.lamp("8000"), Some(true));
    assert_eq!(gateway.lamp("8001"), Some(false));
    assert_eq!(gateway.lamp("8002"), Some(false));
    let heard = gateway.lines().listen("2/0", 3.0);
    assert!(heard.is_message_waiting_tone("us"), "{heard:?}");
}

#[test]
fn kill_9_at_any_moment_loses_nothing_that_was_answered() {
    let mut gateway = Tipringd::start(FXS, FXS_HARDWARE);
    let mut told = BTreeMap::new();
    for round in 0_u32..5 {
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        for at in 0..20 {
            let number = format!("8{:03}", (at * 7 + round) % 30);
            let waiting = (at + round) % 3 != 0;
            assert_eq!(voice_mail.notify(&number, waiting).status, 200);
            told.insert(number, waiting);
        }
        // one more that may or may not be answered before the end
        let pending = voice_mail.text("8999", true).render();
        voice_mail.send(&pending);
        gateway.kill_9();
        gateway.restart();
        let shown = gateway.show("show sip-ua mwi");
        for (number, waiting) in &told {
            let line = format!("endpoint {number} mwi status {}", if *waiting { "ON" } else { "OFF" });
            assert!(shown.contains(&line), "round {round}: no {line:?} in\n{shown}");
        }
    }
}

#[test]
fn what_waits_for_a_trunk_survives_kill_9() {
    let port = free_port();
    let peers = "dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n";
    let mut gateway = Tipringd::start(&trunk_config(peers), &trunk_hardware(port));
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    for (number, waiting) in [("4711", false), ("4711", true), ("4712", false)] {
        assert_eq!(voice_mail.notify(number, waiting).status, 200);
    }
    gateway.kill_9();
    gateway.restart();
    let mut pbx = Pbx::connect(([127, 0, 0, 1], port).into(), Side::User, &[]);
    pbx.wait_up();
    pbx.lamp("4711", true);
    pbx.events().rewind();
    pbx.wait(&json!({"ev": "mwi", "action": "deactivate", "number": "4712"}));
}

#[test]
fn ten_thousand_notifies_for_a_thousand_numbers_in_bursts_are_all_answered_and_the_last_state_is_right() {
    let gateway = Tipringd::start(FXS, FXS_HARDWARE);
    let mut last = BTreeMap::new();
    let mut seed = 0x9e37_79b9_u32;
    let notifies: Vec<(String, bool)> = (0..10_000)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = format!("8{:03}", (seed >> 16) % 1000);
            let waiting = seed >> 31 == 1;
            last.insert(number.clone(), waiting);
            (number, waiting)
        })
        .collect();
    let report =
        Blast { target: gateway.sip(), window: 64, notifies, burst: (500, 20), pace: Duration::ZERO }.run();
    assert_eq!(report.lost, 0, "{report:?}");
    assert_eq!(report.statuses, BTreeMap::from([(200, 10_000)]));
    let shown = gateway.show("show sip-ua mwi");
    for (number, waiting) in last {
        let line = format!("endpoint {number} mwi status {}", if waiting { "ON" } else { "OFF" });
        assert!(shown.contains(&line), "no {line:?}");
    }
}

#[test]
fn a_burst_into_a_trunk_that_is_down_reaches_the_pbx_as_the_newest_states() {
    let port = free_port();
    let peers = "dial-peer voice 47 pots\n destination-pattern 47...\n port 1/0:15\n";
    let gateway = Tipringd::start(&trunk_config(peers), &trunk_hardware(port));
    let notifies: Vec<(String, bool)> =
        (0..600_usize).map(|at| (format!("47{:03}", at % 100), (at / 100 + at) % 2 == 0)).collect();
    let last: BTreeMap<String, bool> = notifies.iter().cloned().collect();
    let report =
        Blast { target: gateway.sip(), window: 32, notifies, burst: (0, 0), pace: Duration::ZERO }.run();
    assert_eq!((report.lost, report.statuses.clone()), (0, BTreeMap::from([(200, 600)])), "{report:?}");
    let mut pbx = Pbx::connect(([127, 0, 0, 1], port).into(), Side::User, &[]);
    pbx.wait_up();
    let end = Instant::now() + Duration::from_secs(30);
    while pbx.events().all(&json!({"ev": "mwi"})).len() < last.len() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    pbx.events().absent(&json!({"ev": "garbage"}), Duration::from_millis(500));
    let asked = pbx.events().all(&json!({"ev": "mwi"}));
    assert_eq!(asked.len(), last.len(), "each number once");
    for (number, waiting) in last {
        let action = if waiting { "activate" } else { "deactivate" };
        assert_eq!(
            pbx.events().all(&json!({"ev": "mwi", "number": number, "action": action})).len(),
            1,
            "{number}"
        );
    }
}
