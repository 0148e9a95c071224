//! What the gateway puts on the D channel, as tshark reads it from the gateway's own capture.
#![allow(clippy::unwrap_used, clippy::panic)]

use system_tests::{Pbx, Side, Tipringd, VoiceMail, free_port, json, tshark_complaints, tshark_fields};

#[test]
fn tshark_reads_every_frame_of_the_capture_without_complaint() {
    for (own, pbx_side) in [("network", Side::User), ("user", Side::Network)] {
        let port = free_port();
        let mut gateway = Tipringd::start(
            &format!(
                "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
                 interface Serial1/0:15\n isdn protocol-emulate {own}\n!\nvoice-port 1/0:15\n mwi\n!\n\
                 dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n!\n\
                 sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
            ),
            &format!(
                "[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{port}\"\n\
                 pcap = \"d-channel.pcap\"\n"
            ),
        );
        let mut pbx = Pbx::connect(([127, 0, 0, 1], port).into(), pbx_side, &[]);
        pbx.wait_up();
        let mut voice_mail = VoiceMail::udp(gateway.sip());
        assert_eq!(voice_mail.notify("4711", true).status, 200);
        pbx.lamp("4711", true);
        assert_eq!(voice_mail.notify("4711", false).status, 200);
        pbx.policy("mwi=error:6");
        assert_eq!(voice_mail.notify("4712", true).status, 404);
        // the PBX asks us what we don't have: the refusal must decode too
        pbx.send("mwi on 8000 from=4711");
        pbx.wait(&json!({"ev": "rose"}));
        pbx.send("restart 1");
        pbx.wait(&json!({"ev": "restart-ack"}));
        let pcap = gateway.scratch().join("d-channel.pcap");
        gateway.kill_9();

        let setup = "q931.message_type == 0x05";
        let sent = tshark_fields(
            &pcap,
            &format!("qsig.operation == 80 && {setup} && q932.ros.ROS == 1"),
            &["qsig.unknownPartyNumber", "q931.called_party_number.digits"],
        );
        let to = |number: &str| sent.iter().filter(|row| row.iter().any(|field| field == number)).count();
        assert_eq!((to("4711"), to("4712")), (1, 1), "{own}: {sent:?}");
        let off = tshark_fields(&pcap, &format!("qsig.operation == 81 && {setup}"), &["frame.number"]);
        assert_eq!(off.len(), 1, "{own}");
        let results = tshark_fields(&pcap, "q932.ros.ROS == 2", &["frame.number"]);
        assert!(results.len() >= 2, "{own}: {results:?}");
        assert_eq!(tshark_complaints(&pcap), Vec::<String>::new(), "{own}");
    }
}
