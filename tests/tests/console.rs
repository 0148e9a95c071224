//! The console client `tipring`: one command, a pushed configuration, several at once.
#![allow(clippy::unwrap_used, clippy::panic)]

use system_tests::{Tipringd, VoiceMail};

const CONFIG: &str = "hostname Branch\n!\nvoice-port 2/0\n cptone GB\n mwi\n!\n\
                      dial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
                      sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n";
const HARDWARE: &str =
    "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n";

fn pushed(gateway: &Tipringd, name: &str, text: &str, args: &[&str]) -> system_tests::Finished {
    let file = gateway.scratch().join(name);
    std::fs::write(&file, text).unwrap();
    gateway.tipring(&[args, &[file.to_str().unwrap()]].concat())
}

#[test]
fn commands_are_run_and_printed() {
    let gateway = Tipringd::start(CONFIG, HARDWARE);
    let shown = gateway.show("show running-config");
    for line in
        ["hostname Branch", "voice-port 2/0", " cptone GB", " mwi", "dial-peer voice 1 pots", "sip-ua"]
    {
        assert!(shown.lines().any(|l| l == line), "no {line:?} in\n{shown}");
    }
    // abbreviation and filter
    let shown = gateway.show("sh run | include ^hostname");
    assert_eq!(shown.trim(), "hostname Branch");
    let run = gateway.tipring(&["-c", "show running-config | include hostname", "-c", "show sip-ua mwi"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("hostname Branch") && run.stdout.contains("MWI type: 2"), "{}", run.stdout);
}

#[test]
fn a_command_nobody_understands_is_refused() {
    let gateway = Tipringd::start(CONFIG, HARDWARE);
    let run = gateway.tipring(&["-c", "show sip-ua frobnication"]);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("% Invalid input detected at '^' marker."), "{said}");
}

#[test]
fn show_sip_ua_mwi_has_the_documents_fields() {
    let gateway = Tipringd::start(CONFIG, HARDWARE);
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    // The sample of "Configuring SIP MWI Features", with our server and our telephone.
    let printed = include_str!("../../mwi/testdata/show-sip-ua-mwi.txt");
    let (settings, _) = printed.split_once("endpoint ").unwrap();
    let ours = settings
        .replace("dns:unity-vm.example1.com", "ipv4:127.0.0.1")
        .replace("expires: 60\n", "expires: 3600\n")
        .replace("C801011E", "7F000001")
        .replace("192.168.1.30", "127.0.0.1");
    assert_eq!(gateway.show("show sip-ua mwi"), format!("{ours}endpoint 8000 mwi status ON\n"));
}

#[test]
fn a_pushed_configuration_takes_effect_at_once() {
    let gateway = Tipringd::start(CONFIG, HARDWARE);
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    assert_eq!(voice_mail.notify("8001", true).status, 404);
    let run = pushed(
        &gateway,
        "more.cfg",
        "voice-port 2/1\n cptone DE\n mwi\ndial-peer voice 2 pots\n destination-pattern 8001\n port 2/1\n",
        &[],
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(voice_mail.notify("8001", true).status, 200);
    let heard = gateway.lines().listen("2/1", 4.0);
    assert!(heard.is_message_waiting_tone("de"), "{heard:?}");
    let run = pushed(&gateway, "less.cfg", "voice-port 2/1\n no mwi\n", &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(voice_mail.notify("8001", true).status, 481);
}

#[test]
fn a_push_stops_at_the_first_refused_line() {
    let gateway = Tipringd::start(CONFIG, HARDWARE);
    let text = "voice-port 2/0\n cptone zz\n no mwi\nhostname Never\n";
    let run = pushed(&gateway, "bad.cfg", text, &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("% Invalid input detected at '^' marker."), "{said}");
    let shown = gateway.show("show running-config");
    assert!(shown.contains("hostname Branch") && shown.contains(" mwi"), "{shown}");
}

#[test]
fn keep_going_collects_what_is_refused_and_still_fails() {
    let gateway = Tipringd::start(CONFIG, HARDWARE);
    let text = "voice-port 2/0\n cptone zz\nhostname Next\nfrobnicate\n";
    let run = pushed(&gateway, "bad.cfg", text, &["--keep-going"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(said.matches("% Invalid input detected at '^' marker.").count(), 2, "{said}");
    assert!(gateway.show("show running-config").contains("hostname Next"));
}
