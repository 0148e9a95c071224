//! What the console shows of a trunk with libpri at its other end.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{Pbx, Side, Tipringd, free_port};

const WAIT: Duration = Duration::from_secs(5);

/// A gateway with one E1, a telephone behind port 2/0, and a PBX.
fn branch(interface: &str) -> (Tipringd, Pbx) {
    let trunk = ([127, 0, 0, 1], free_port()).into();
    let config = format!(
        "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn switch-type primary-qsig\n isdn protocol-emulate network\n{interface}!\n\
         dial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\n\
         dial-peer voice 1 pots\n incoming called-number .\n direct-inward-dial\n port 1/0:15\n!\n"
    );
    let hardware = format!(
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\n\
         address = \"tcp-listen:{trunk}\"\n"
    );
    let gateway = Tipringd::start(&config, &hardware);
    let mut pbx = Pbx::connect(trunk, Side::User, &[]);
    pbx.wait_up();
    gateway.show_until("show isdn status", WAIT, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    (gateway, pbx)
}

#[test]
fn isdn_status_active_service_and_history_follow_a_call_of_libpri() {
    let (gateway, mut pbx) = branch("");
    let idle = gateway.show("show isdn status");
    for line in [
        "Global ISDN Switchtype = primary-qsig",
        "ISDN Serial1/0:15 interface",
        "        dsl 0, interface ISDN Switchtype = primary-qsig",
        "         **** Network side configuration ****",
        "        0 Active Layer 3 Call(s)",
        "    The Free Channel Mask:  0xFFFF7FFF",
        "    Number of L2 Discards = 0, L2 Session ID = 1",
        "    Total Allocated ISDN CCBs = 0",
    ] {
        assert!(idle.lines().any(|shown| shown.trim_end() == line), "{line:?} is missing in\n{idle}");
    }
    pbx.send("call 8000 from=4711 name=\"Alice B\" chan=3");
    let status = gateway
        .show_until("show isdn status", WAIT, |shown| shown.contains("        1 Active Layer 3 Call(s)"));
    assert!(status.contains("B-chan=3, calltype=VOICE"), "{status}");
    assert!(status.contains("The Free Channel Mask:  0xFFFF7FFB"), "{status}");
    let active = gateway.show("show isdn active");
    let row = "In         4711        8000       Alice B       0       0       0";
    assert!(active.lines().any(|line| line.trim_end() == row), "{active}");
    let service = gateway.show("show isdn service");
    let states: Vec<&str> = service.lines().filter_map(|line| line.strip_prefix("    State   : ")).collect();
    assert_eq!(states[0].split(' ').nth(15), Some("3"), "the D channel is reserved\n{service}");
    assert!(matches!(states[0].split(' ').nth(2), Some("1" | "2")), "channel 3 has a call\n{service}");
    assert_eq!(states[1].split(' ').nth(2), Some("0"), "{service}");
    pbx.send("hangup last");
    let after = gateway
        .show_until("show isdn status", WAIT, |shown| shown.contains("        0 Active Layer 3 Call(s)"));
    assert!(after.contains("0xFFFF7FFF"), "{after}");
    assert!(!gateway.show("show isdn active").contains("Alice B"));
    let history = gateway.show("show isdn history");
    assert!(history.lines().any(|line| line.trim_end() == row), "{history}");
    let memory = gateway.show("show isdn memory");
    assert!(
        memory.contains("       0 CCBs of calls") && memory.contains("       1 calls in the history"),
        "{memory}"
    );
}

#[test]
fn show_controllers_tells_a_line_that_is_down_and_how_long_it_was() {
    let (gateway, pbx) = branch("");
    let up = gateway.show("show controllers e1");
    for line in ["E1 1/0 is up.", "  Applique type is Channelized E1 - balanced", "  No alarms detected."] {
        assert!(up.lines().any(|shown| shown == line), "{line:?} is missing in\n{up}");
    }
    assert!(up.contains("Data in current interval (") && up.contains(" Unavail Secs"), "{up}");
    pbx.kill();
    let down = gateway.show_until("show controllers e1 1/0", WAIT, |shown| shown.contains("E1 1/0 is down."));
    assert!(down.contains("  Receiver has loss of signal."), "{down}");
    gateway.show_until("show controllers e1", WAIT, |shown| !shown.contains(" 0 Unavail Secs\n  Total Data"));
}

#[test]
fn isdn_settings_of_the_interface_change_what_the_trunk_does() {
    // An incomplete number may come; the last digit is awaited 1.5 s.
    let (gateway, mut pbx) = branch(
        " isdn bchan-number-order descending\n isdn overlap-receiving\n isdn timer T302 1500\n isdn contiguous-bchan\n",
    );
    let shown = gateway.show("show running-config");
    for line in [
        " isdn bchan-number-order descending",
        " isdn overlap-receiving",
        " isdn timer T302 1500",
        " isdn contiguous-bchan",
    ] {
        assert!(shown.lines().any(|l| l == line), "{line:?} is missing in\n{shown}");
    }
    // Overlap: SETUP ACKNOWLEDGE asks for the rest of the number.
    // Channel number 30 is timeslot 31, since numbers have no gap at 16.
    pbx.send("call 80 from=4711 overlap=1 chan=30");
    pbx.wait(&system_tests::json!({"ev": "call", "state": "setup-ack"}));
    pbx.send("info last 00");
    let status = gateway.show_until("show isdn active", WAIT, |shown| shown.contains("        8000"));
    assert!(status.contains("4711"), "{status}");
    let status = gateway.show("show isdn status");
    assert!(status.contains("B-chan=31, calltype=VOICE"), "{status}");
    pbx.send("hangup last");
    gateway.show_until("show isdn status", WAIT, |shown| shown.contains("        0 Active Layer 3 Call(s)"));
}
