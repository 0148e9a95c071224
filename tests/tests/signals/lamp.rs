//! `debug vpm all` while messages come and go, with IOS's own words.

use std::time::Duration;

use system_tests::{Tipringd, VoiceMail, json};

#[test]
fn message_waiting_waits_for_a_telephone_in_use_and_debug_says_so() {
    let gateway = Tipringd::start(
        "voice-port 2/0\n mwi\n vmwi dc-voltage\n!\n\
         dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    let mut console = gateway.console();
    console.exec("terminal monitor");
    console.exec("debug vpm all");
    let mut lines = gateway.lines();
    lines.act("2/0", "offhook", &json!({}));
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    console.monitor(&[
        "Process vmwi. vmwi state: ON",
        "The phone is not onhook (1). Delay the vmwi processing.",
    ]);
    assert_eq!(lines.status("2/0").get("lamp"), Some(&json!("off")));
    lines.act("2/0", "onhook", &json!({}));
    console.monitor(&["Process dc-voltage vmwi. State: ON", "[2/0] c2400_dc_volt_mwi: on=1"]);
    lines.wait(&json!({"port": "2/0", "event": "lamp", "on": true}), Duration::from_secs(5));
}
