//! `reload` starts the gateway anew, as its startup configuration says, with the lamps as they were.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{Tipringd, VoiceMail};

#[test]
fn reload_forgets_unsaved_configuration_and_keeps_lamps() {
    let mut gateway = Tipringd::start(
        "hostname Before\nvoice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    let push = gateway.scratch().join("unsaved.cfg");
    std::fs::write(&push, "hostname Unsaved\n").unwrap();
    assert_eq!(gateway.tipring(&[push.to_str().unwrap()]).code, Some(0));
    assert!(gateway.show("show running-config").contains("hostname Unsaved"));

    gateway.tipring(&["-c", "reload"]);
    let end = std::time::Instant::now() + Duration::from_secs(10);
    let running = loop {
        let shown = gateway.tipring(&["-c", "show running-config"]);
        if shown.code == Some(0) && shown.stdout.contains("hostname Before") {
            break shown.stdout;
        }
        assert!(std::time::Instant::now() < end, "not back: {}{}", shown.stdout, shown.stderr);
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(!running.contains("Unsaved"));
    assert!(gateway.is_running());
    assert_eq!(gateway.lamp("8000"), Some(true));
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", false).status, 200);
}
