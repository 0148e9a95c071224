//! `isdn mwi …`: each way of writing message waiting, as libpri and tshark read it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use system_tests::{
    Pbx, Side, Tipringd, Value, VoiceMail, finish, free_port, json, sipp_subscribe, tshark_complaints,
};

const LONG: Duration = Duration::from_secs(20);

fn gateway(trunk: SocketAddr, lines: &str) -> Tipringd {
    Tipringd::start(
        &format!(
            "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
             interface Serial1/0:15\n isdn protocol-emulate user\n{lines}!\nvoice-port 1/0:15\n mwi\n!\n\
             dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n!\n\
             sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
        ),
        &format!(
            "[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n"
        ),
    )
}

/// Types lines at the interface.
fn configure(gateway: &Tipringd, lines: &str) {
    let file = gateway.scratch().join("typed.cfg");
    std::fs::write(&file, format!("interface Serial1/0:15\n{lines}")).unwrap();
    let run = gateway.tipring(&[file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

/// What tshark says of each SETUP.
fn setups(pcap: &std::path::Path) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-V", "-Y", "q931.message_type == 0x05", "-r"]).arg(pcap);
    let run = finish(command, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout.split("\nFrame ").map(str::to_owned).collect()
}

#[test]
fn each_line_changes_the_setup_as_libpri_and_tshark_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let pcap = directory.path().join("trunk.pcap");
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk, "");
    let mut pbx = Pbx::connect(trunk, Side::Network, &["-p", pcap.to_str().unwrap()]);
    pbx.wait_up();
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    // Lines, then what tshark says of the SETUP. libpri lights the lamp each time.
    let rows: [(&str, &[&str]); 8] = [
        ("", &["nrOfMessages: 2", "unknownPartyNumber: 4710", "Sending complete", "Networking extensions"]),
        (" isdn mwi profile remote-operations\n", &["Remote Operations Protocol"]),
        (" no isdn mwi extension\n isdn mwi interpretation discard\n", &["discardAnyUnrecognisedInvokePdu"]),
        (" isdn mwi interpretation reject\n", &["rejectAnyUnrecognisedInvokePdu"]),
        (" isdn mwi message-centre integer 7\n", &["integer: 7"]),
        (" isdn mwi message-centre digits 1234567890\n", &["numericString: 1234567890"]),
        (
            " isdn mwi message-centre number 8999\n isdn mwi calling-number 8998\n",
            &["8999", "Calling party number digits: 8998"],
        ),
        (" isdn mwi number-type subscriber plan private\n", &["privatePartyNumber"]),
    ];
    for (at, (lines, _)) in rows.iter().enumerate() {
        configure(&gateway, lines);
        let number = format!("471{at}");
        let answer = voice_mail.notify(&number, true);
        assert_eq!(answer.status, 200, "{lines}: {answer:?}");
        pbx.lamp(&number, true);
    }
    configure(&gateway, " no isdn mwi count\n no isdn mwi sending-complete\n isdn mwi prefix 9\n");
    assert_eq!(voice_mail.notify("4719", true).status, 200);
    let asked = pbx.lamp("94719", true);
    assert_eq!(asked.get("messages").and_then(Value::as_u64), None, "{asked}");
    // Object identifiers are older than libpri, which says that it does not know the operation.
    for (form, number) in [("ecma", "4720"), ("iso", "4721")] {
        configure(&gateway, &format!(" isdn mwi operation {form}\n"));
        assert_eq!(voice_mail.notify(number, true).status, 501, "{form}");
    }
    configure(&gateway, " isdn mwi operation local\n");
    assert_eq!(voice_mail.notify("4722", true).status, 200);
    drop(gateway);
    pbx.kill();

    let setups = setups(&pcap);
    assert_eq!(setups.len(), rows.len() + 4);
    for ((lines, words), setup) in rows.iter().zip(&setups) {
        for word in *words {
            assert!(setup.contains(word), "{lines}: no {word:?} in\n{setup}");
        }
    }
    let [.., without, ecma, iso, _] = setups.as_slice() else { panic!("{}", setups.len()) };
    assert!(!without.contains("nrOfMessages") && !without.contains("Sending complete"), "{without}");
    assert!(ecma.contains("1.3.12.9.80"), "{ecma}");
    assert!(iso.contains("1.0.15506.0.80"), "{iso}");
    // tshark knows ECMA's object identifiers, not ISO's: that form it names and leaves alone.
    let mut complaints = tshark_complaints(&pcap);
    complaints.retain(|complaint| !complaint.contains("Undecoded INV: 1.0.15506.0.80"));
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn connect_without_a_result_counts_as_done_where_the_line_says_so() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk, " isdn mwi connect done\n");
    let mut pbx = Pbx::connect(trunk, Side::Network, &[]);
    pbx.wait_up();
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    pbx.policy("mwi=silent");
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("4711", true).status, 200);
    configure(&gateway, " isdn mwi connect wait\n isdn mwi supervision 1\n");
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("4712", true).status, 504);
}

#[test]
fn several_operations_run_at_a_time_where_the_line_says_so() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk, " isdn mwi parallel 4\n");
    let mut pbx = Pbx::connect(trunk, Side::Network, &[]);
    pbx.wait_up();
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    pbx.policy("mwi=ignore");
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    for number in ["4711", "4712", "4713", "4714", "4715"] {
        voice_mail.send(&voice_mail.text(number, true).render());
    }
    for number in ["4711", "4712", "4713", "4714"] {
        pbx.wait(&json!({"ev": "mwi", "number": number}));
    }
    gateway.show_until("show mwi queue", LONG, |shown| shown.contains("4 under way, 1 waiting"));
}

/// libpri decodes mWIInterrogate and knows no answer: the subscriber keeps what the gateway knows.
#[test]
fn a_pbx_that_knows_no_interrogation_leaves_the_subscriber_with_what_is_known() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway(trunk, " isdn mwi interrogate\n");
    let mut pbx = Pbx::connect(trunk, Side::Network, &[]);
    pbx.wait_up();
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    let subscriber = sipp_subscribe(gateway.sip(), "4711");
    pbx.wait(&json!({"ev": "mwi", "action": "interrogate", "number": "4711"}));
    // What the PBX tells of itself is taken while somebody wants it.
    gateway.show_until("show mwi statistics", LONG, |shown| shown.contains("Subscribers: 1"));
    pbx.send("mwi on 4711 n=5");
    let run = subscriber.join().unwrap();
    assert_eq!(run.code, Some(0), "SIPp: {}\n{}", run.stderr, run.stdout);
}
