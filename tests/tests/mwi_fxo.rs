//! An exchange tells an FXO port by FSK, lamp voltage or dial tone that messages wait: the telephone its calls go to is told, and whoever subscribed.
//! The exchange is FXS port 2/0, wired to FXO port 0/1/0.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use system_tests::{Tipringd, VoiceMail, sipp_subscribe};

const LONG: Duration = Duration::from_secs(20);
const HARDWARE: &str = "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n\n\
                        [[fxo]]\nport = \"0/1/0\"\nbackend = \"sim\"\nwired-to = \"2/0\"\n";

fn gateway(locale: &str, office: &str) -> Tipringd {
    Tipringd::start(
        &format!(
            "voice-port 2/0\n cptone {locale}\n mwi\n vmwi fsk\n!\nvoice-port 2/1\n mwi\n!\n\
             voice-port 0/1/0\n cptone {locale}\n{office}!\n\
             dial-peer voice 7000 pots\n destination-pattern 7000\n port 2/0\n!\n\
             dial-peer voice 8001 pots\n destination-pattern 8001\n port 2/1\n!\n\
             sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
        ),
        HARDWARE,
    )
}

#[test]
fn what_the_exchange_tells_by_fsk_reaches_the_telephone_behind_the_port_and_its_subscribers() {
    for locale in ["US", "GB"] {
        let gateway = gateway(locale, " mwi\n caller-id enable\n connection plar opx 8001\n");
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        let subscriber = sipp_subscribe(gateway.sip(), "8001");
        gateway.show_until("show mwi statistics", LONG, |shown| shown.contains("Subscribers: 1"));
        assert_eq!(voice_mail.notify("7000", true).status, 200);
        gateway.lamp_becomes("8001", true);
        assert!(gateway.lines().listen("2/1", 3.0).is_message_waiting_tone("us"), "{locale}");
        let run = subscriber.join().unwrap();
        assert_eq!(run.code, Some(0), "SIPp, {locale}: {}\n{}", run.stderr, run.stdout);
        assert_eq!(voice_mail.notify("7000", false).status, 200);
        gateway.lamp_becomes("8001", false);
        let history = gateway.show("show mwi 8001 history");
        assert!(history.contains("ON from 0/1/0") && history.contains("OFF from 0/1/0"), "{history}");
    }
}

#[test]
fn without_mwi_on_the_port_the_exchange_is_not_believed() {
    let gateway = gateway("US", " caller-id enable\n connection plar opx 8001\n");
    let mut heard = gateway.console();
    heard.exec("debug vpm all");
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("7000", true).status, 200);
    gateway.lamp_becomes("7000", true);
    // What was heard is printed all the same.
    gateway
        .show_until("show logging", LONG, |shown| shown.contains("[0/1/0] the exchange told vmwi state: ON"));
    assert_ne!(gateway.lamp("8001"), Some(true));
    assert!(gateway.show("show mwi 8001").starts_with("% No mailbox 8001"));
}

#[test]
fn what_the_exchange_tells_by_lamp_voltage_or_stutter_reaches_the_telephone_behind_the_port() {
    for (exchange, port) in [(" vmwi dc-voltage\n", ""), ("", " tipring mwi-poll 10\n")] {
        let gateway = Tipringd::start(
            &format!(
                "voice-port 2/0\n mwi\n{exchange}!\nvoice-port 2/1\n mwi\n!\n\
                 voice-port 0/1/0\n mwi\n connection plar opx 8001\n{port}!\n\
                 dial-peer voice 7000 pots\n destination-pattern 7000\n port 2/0\n!\n\
                 dial-peer voice 8001 pots\n destination-pattern 8001\n port 2/1\n!\n\
                 sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
            ),
            HARDWARE,
        );
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        assert_eq!(voice_mail.notify("7000", true).status, 200);
        shows(&gateway, "8001 mwi status ON");
        assert!(gateway.lines().listen("2/1", 3.0).is_message_waiting_tone("us"));
        assert_eq!(voice_mail.notify("7000", false).status, 200);
        shows(&gateway, "8001 mwi status OFF");
        assert!(gateway.show("show mwi 8001 detail").contains("Told by 0/1/0"));
    }
}

/// A line is polled every 10 s for 8 s at most, and a lamp is dark after 8 s.
fn shows(gateway: &Tipringd, status: &str) {
    gateway.show_until("show sip-ua mwi", Duration::from_secs(40), |shown| shown.contains(status));
}
