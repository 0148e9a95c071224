//! The debug capture of "Configuring SIP MWI Features" played again: a call finds the telephone busy, the caller leaves a
//! message, the voice mail tells the gateway, the user hears the tone, listens to the message and deletes it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{
    SipPhone, SipTap, Sipp, Tipringd, Transport, VoiceMail, json, tshark_complaints, tshark_fields,
};

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
    let tap = SipTap::ahead_of(gateway.sip());
    let mut lines = gateway.lines();
    assert!(lines.listen("2/0", 1.0).is_dial_tone("us"));

    for transport in [Transport::Udp, Transport::Tcp] {
        // The user speaks: the call is refused as busy, and a message is left.
        lines.off_hook("2/0");
        let rows = vec!["78002".to_owned()];
        let sipp =
            Sipp { scenario: "busy_message.xml".into(), target: tap.address(), transport, rows, rate: 1 };
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
        let mut voice_mail = VoiceMail::udp(tap.address());
        let mut deleted = voice_mail.text("78002", false);
        for header in deleted.headers.iter_mut().filter(|header| header.starts_with("Via: ")) {
            header.push_str(";rport");
        }
        assert_eq!(voice_mail.ask(&deleted.render()).status, 200);
        lines.act("2/0", "onhook", &json!({}));
        let bye = server.asked("BYE");
        server.reply(&bye, 200, "", "");
        assert_eq!(gateway.lamp("78002"), Some(false));
        std::thread::sleep(RELEASE);
        assert!(lines.listen("2/0", 1.0).is_dial_tone("us"));
    }
    drop(gateway);

    // What passed, as tshark reads it: the same messages by both transports, and nothing to complain of.
    let folder = tempfile::tempdir().unwrap();
    let pcap = folder.path().join("sip.pcap");
    tap.write_pcap(&pcap);
    for (transport, deletions) in [("udp", 2), ("tcp", 0)] {
        // One segment may carry several messages, whose values stand in one row; a datagram may be sent again.
        let all = |field: &str| -> Vec<String> {
            let rows = tshark_fields(&pcap, &format!("sip && {transport}"), &[field]);
            rows.iter().flat_map(|row| row[0].split(',')).map(str::to_owned).collect()
        };
        let (methods, statuses) = (all("sip.Method"), all("sip.Status-Code"));
        for (number, list, value) in [
            (1, &methods, "INVITE"),
            (1, &statuses, "486"),
            (1, &methods, "ACK"),
            (1 + deletions, &methods, "NOTIFY"),
            (1 + deletions, &statuses, "200"),
        ] {
            let count = list.iter().filter(|known| *known == value).count();
            assert!(count >= number, "{value} by {transport} in {list:?}");
        }
        assert!(all("sip.Reason").iter().any(|reason| reason == "Q.850;cause=17"), "{transport}");
    }
    let told = tshark_fields(&pcap, "sip.Method == NOTIFY", &["sip.Event", "sip.Subscription-State"]);
    assert!(told.iter().all(|row| row == &["message-summary", "active"]), "{told:?}");
    assert_eq!(tshark_complaints(&pcap), Vec::<String>::new());
}
