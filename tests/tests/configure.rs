//! Configurations as a whole, while calls are up.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{Tipringd, json};

#[test]
fn configure_plan_names_the_calls_that_a_change_touches_and_changes_nothing() {
    let (mut config, mut hardware) = (String::new(), String::new());
    for at in 0..3 {
        config.push_str(&format!(
            "voice-port 2/{at}\n!\ndial-peer voice 800{at} pots\n destination-pattern 800{at}\n port 2/{at}\n!\n"
        ));
        hardware.push_str(&format!("[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n"));
    }
    let gateway = Tipringd::start(&config, &hardware);
    let mut lines = gateway.lines();
    lines.dial("2/0", "8001");
    assert!(lines.rings("2/1", Duration::from_secs(5)));
    lines.off_hook("2/1");
    let active = |gateway: &Tipringd| {
        gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.contains("8001 active")
        })
    };
    active(&gateway);
    let running = gateway.show("show running-config");
    let begin =
        running.find("version").or_else(|| running.find("hostname")).or_else(|| running.find("!")).unwrap();
    let plan = |name: &str, from: &str, to: &str| {
        let text = running[begin..].replacen(from, to, 1);
        assert_ne!(text, running[begin..], "{from}");
        std::fs::write(gateway.state_dir().join("flash").join(name), text).unwrap();
        gateway.show(&format!("configure plan flash:{name}"))
    };
    let touched = plan("touched.cfg", "voice-port 2/1\n", "voice-port 2/1\n cptone GB\n");
    assert!(touched.contains("voice-port 2/1\n +cptone GB\n"), "{touched}");
    let (_, calls) = touched
        .split_once("!Calls in progress that use what changes:\n")
        .unwrap_or_else(|| panic!("{touched}"));
    assert!(calls.contains("8001 (pid:8001 2/1)"), "{touched}");
    let idle = plan("idle.cfg", "voice-port 2/2\n", "voice-port 2/2\n cptone GB\n");
    assert!(idle.contains("voice-port 2/2\n +cptone GB\n") && !idle.contains("!Calls"), "{idle}");
    let peer = plan("peer.cfg", " destination-pattern 8001\n", " destination-pattern 8001\n preference 3\n");
    assert!(peer.contains(" +preference 3\n") && peer.contains("8001 (pid:8001 2/1)"), "{peer}");
    // nothing has changed, the call is still up; then the change is made, and the call lives on
    assert!(!gateway.show("show running-config").contains("cptone GB"));
    assert!(gateway.show("configure replace flash:peer.cfg force").contains("Rollback Done"));
    active(&gateway);
    for port in ["2/0", "2/1"] {
        lines.act(port, "onhook", &json!({}));
    }
}
