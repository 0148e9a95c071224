//! `debug` on a console that monitors.
#![allow(clippy::unwrap_used, clippy::panic)]

use system_tests::{Pbx, Side, Tipringd, VoiceMail, free_port};

const TRUNK: &str = "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
                     interface Serial1/0:15\n isdn protocol-emulate network\n!\nvoice-port 1/0:15\n mwi\n!\n\
                     dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n!\n\
                     sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n";

#[test]
fn sip_messages_and_the_d_channel_are_shown_decoded() {
    let port = free_port();
    let gateway = Tipringd::start(
        TRUNK,
        &format!(
            "[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{port}\"\n"
        ),
    );
    let mut console = gateway.console();
    console.exec("terminal monitor");
    console.exec("debug isdn q921");
    let mut pbx = Pbx::connect(([127, 0, 0, 1], port).into(), Side::User, &[]);
    pbx.wait_up();
    console.monitor(&["Q921", "SABME"]);
    console.exec("undebug all");

    console.exec("debug ccsip messages");
    console.exec("debug isdn q931");
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    assert_eq!(voice_mail.notify("4711", true).status, 200);
    console.monitor(&[
        "Received:",
        "NOTIFY sip:4711@",
        "Messages-Waiting: yes",
        "TX -> SETUP",
        "Bearer Capability i = 0xA880",
        "Facility i = 0x9F",
        "Operation = mWIActivate",
        "Called Party Number",
        "RX <- CONNECT",
        "Result",
        "Sent:",
        "SIP/2.0 200 ",
    ]);
    pbx.policy("mwi=error:6");
    assert_eq!(voice_mail.notify("4712", true).status, 404);
    console.monitor(&["NOTIFY sip:4712@", "Return Error", "SIP/2.0 404 "]);

    let shown = console.exec("show debugging");
    assert!(shown.to_lowercase().contains("q931"), "{shown}");
    console.exec("undebug all");
    assert!(!console.exec("show debugging").to_lowercase().contains("q931"));
}

#[test]
fn another_console_is_not_disturbed() {
    let gateway = Tipringd::start("sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n", "");
    let mut quiet = gateway.console();
    let mut loud = gateway.console();
    loud.exec("terminal monitor");
    loud.exec("debug ccsip messages");
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("4711", true).status, 404);
    loud.monitor(&["NOTIFY sip:4711@", "SIP/2.0 404 "]);
    // what had been sent to it would stand before the answer
    quiet.exec("show clock");
    assert_eq!(quiet.monitored(), 0);
    assert!(loud.monitored() > 0);
}
