//! The debug capture of "Configuring SIP MWI Features" played again: a call finds the telephone busy, the caller leaves a
//! message, the voice mail tells the gateway, the user hears the tone, listens to the message and deletes it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{SipPhone, Sipp, Tipringd, Transport, VoiceMail, json};

/// Longer than any flash of the handset.
const RELEASE: Duration = Duration::from_millis(1500);

#[test]
fn a_caller_who_finds_the_telephone_busy_leaves_a_message_and_the_user_hears_of_it_until_it_is_deleted() {
    let mut server = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
    let gateway = Tipringd::start(
        &format!(
            "voice-port 2/0\n cptone US\n mwi\n!\n\
             dial-peer voice 1 pots\n destination-pattern 78002\n port 2/0\n!\n\
             dial-peer voice 7200 voip\n destination-pattern 7200\n session protocol sipv2\n \
             session target ipv4:{}\n codec g711ulaw\n!\n\
             sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
            server.address()
        ),
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    server.set_gateway(gateway.sip());
    let mut lines = gateway.lines();
    assert!(lines.listen("2/0", 1.0).is_dial_tone("us"));

    for transport in [Transport::Udp, Transport::Tcp] {
        // The user speaks: the call is refused as busy, and a message is left.
        lines.off_hook("2/0");
        let rows = vec!["78002".to_owned()];
        let sipp =
            Sipp { scenario: "busy_message.xml".into(), target: gateway.sip(), transport, rows, rate: 1 };
        let run = sipp.run();
        assert_eq!(run.code, Some(0), "SIPp on {transport:?}: {}\n{}", run.stderr, run.stdout);
        assert_eq!(gateway.lamp("78002"), Some(true));
        lines.act("2/0", "onhook", &json!({}));
        std::thread::sleep(RELEASE);
        assert!(lines.listen("2/0", 3.0).is_message_waiting_tone("us"));

        // The user calls the voice mail and deletes the message, which tells of it.
        lines.dial("2/0", "7200");
        let invite = server.asked("INVITE");
        let sdp = server.sdp("0", "a=rtpmap:0 PCMU/8000\r\n");
        server.reply(&invite, 200, "", &sdp);
        server.asked("ACK");
        assert_eq!(VoiceMail::udp(gateway.sip()).notify("78002", false).status, 200);
        lines.act("2/0", "onhook", &json!({}));
        let bye = server.asked("BYE");
        server.reply(&bye, 200, "", "");
        assert_eq!(gateway.lamp("78002"), Some(false));
        std::thread::sleep(RELEASE);
        assert!(lines.listen("2/0", 1.0).is_dial_tone("us"));
    }
}
