//! Message waiting on a trunk of the public ISDN of Europe, `primary-net5`: libpri on the other end, or a span of ours.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use qsig::{Event, MwiAction, MwiOutcome, MwiRequest, PartyNumber, SpanConfig, SwitchType};
use system_tests::{
    Pbx, Side, Tipringd, Trunk, Value, VoiceMail, free_port, json, sipp_subscribe, tshark_complaints,
    tshark_fields,
};

const LONG: Duration = Duration::from_secs(20);

fn gateway(kind: &str, address: &str, lines: &str) -> Tipringd {
    Tipringd::start(
        &format!(
            "isdn switch-type {kind}\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
             interface Serial1/0:15\n isdn protocol-emulate network\n{lines}!\nvoice-port 1/0:15\n mwi\n!\n\
             voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
             dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n!\n\
             sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
        ),
        &format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n\
             [[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"{address}\"\n"
        ),
    )
}

fn up(gateway: &Tipringd) {
    gateway.show_until("show isdn status", LONG, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
}

#[test]
fn libpri_reads_etsi_s_operations_and_its_answers_reach_the_voice_mail() {
    let directory = tempfile::tempdir().unwrap();
    let pcap = directory.path().join("trunk.pcap");
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway =
        gateway("primary-net5", &format!("tcp-listen:{trunk}"), " isdn mwi message-centre number 8999\n");
    let mut pbx =
        Pbx::connect(trunk, Side::User, &["-w", "euroisdn", "-d", "apdu", "-p", pcap.to_str().unwrap()]);
    pbx.wait_up();
    up(&gateway);
    let mut voice_mail = VoiceMail::udp(gateway.sip());
    assert_eq!(voice_mail.notify("4711", true).status, 200);
    let told = pbx.wait(&json!({"ev": "rose", "type": "invoke"}));
    assert_eq!(told.get("libpri_op"), Some(&json!("ROSE_ETSI_MWIActivate")), "{told}");
    let told = pbx.wait(&json!({"ev": "mwi", "action": "activate", "number": "4711"}));
    assert_eq!(told.get("msg_centre"), Some(&json!("num:8999")), "{told}");
    assert_eq!(told.get("messages").and_then(Value::as_u64), Some(2), "{told}");
    pbx.lamp("4711", true);
    assert_eq!(voice_mail.notify("4711", false).status, 200);
    pbx.lamp("4711", false);
    assert_eq!(gateway.lamp("4711"), Some(false));

    // What the exchange says, the voice mail hears.
    for (policy, number, status) in
        [("error:6", "4712", 404), ("error:11", "4713", 503), ("reject:1", "4714", 501)]
    {
        pbx.policy(&format!("mwi={policy}"));
        assert_eq!(voice_mail.notify(number, true).status, status, "{policy}");
    }
    // libpri's own decoder has read every element: these are its words.
    let read: Vec<String> = pbx
        .events()
        .all(&json!({"ev": "log"}))
        .iter()
        .filter_map(|log| log.get("text").and_then(Value::as_str).map(str::to_owned))
        .collect();
    for words in ["receivingUserNr", "controllingUserNr", "numberOfMessages"] {
        assert!(read.iter().any(|line| line.contains(words)), "no {words} in {read:#?}");
    }

    // And back: libpri asks on the same call reference, and reads our result.
    pbx.send("facility dummy 91a116020107060604008569010130098004383030300a0101");
    pbx.wait(&json!({"ev": "rose", "type": "result", "invoke_id": 7}));
    gateway.lamp_becomes("8000", true);
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));
    drop(gateway);
    pbx.kill();
    let facilities = tshark_fields(&pcap, "q931.message_type == 0x62", &["q931.call_ref_len"]);
    assert!(facilities.len() >= 10, "{facilities:?}");
    assert!(facilities.iter().all(|row| row.iter().all(|len| len == "0")), "{facilities:?}");
    // tshark knows no MWI of ETSI's; what it says of that is that it leaves the argument alone.
    let mut complaints = tshark_complaints(&pcap);
    complaints.retain(|complaint| !complaint.contains("0.4.0.745.1"));
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn an_exchange_tells_and_is_not_asked() {
    let mut exchange =
        Trunk::listen(SpanConfig { switch_type: SwitchType::PrimaryNet5, ..SpanConfig::default() }, 1);
    let gateway =
        gateway("primary-net5", &format!("tcp-connect:{}", exchange.address()), " isdn mwi interrogate\n");
    exchange.wait_up();
    up(&gateway);
    let subscriber = sipp_subscribe(gateway.sip(), "4711");
    gateway.show_until("show mwi statistics", LONG, |shown| shown.contains("Subscribers: 1"));
    let mut tell = |action, number: &str| {
        let mut request = MwiRequest::new(action, PartyNumber::Unknown(number.to_owned()));
        request.messages = (action == MwiAction::Activate).then_some(3);
        let operation = exchange.span.invoke_mwi(Instant::now(), request).unwrap();
        exchange.take("outcome", |event| match event {
            Event::MwiDone { operation: known, outcome } if *known == operation => Some(outcome.clone()),
            // The subscriber is told what the gateway knows: ETSI has no question.
            Event::MwiIndication { request, .. } => panic!("{request:?}"),
            _ => None,
        })
    };
    assert_eq!(tell(MwiAction::Activate, "4711"), MwiOutcome::Done);
    let run = subscriber.join().unwrap();
    assert_eq!(run.code, Some(0), "SIPp: {}\n{}", run.stderr, run.stdout);
    assert_eq!(tell(MwiAction::Activate, "8000"), MwiOutcome::Done);
    assert!(gateway.show("show mwi 8000").contains("3/0"), "{}", gateway.show("show mwi 8000"));
    assert_eq!(tell(MwiAction::Deactivate, "8000"), MwiOutcome::Done);
    assert_eq!(gateway.lamp("8000"), Some(false));
    assert_eq!(tell(MwiAction::Activate, "5555"), MwiOutcome::Error(6));
}

#[test]
fn types_without_a_published_form_refuse_with_501_and_say_why() {
    let trunk = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = gateway("primary-ni", &format!("tcp-listen:{trunk}"), "");
    let answer = VoiceMail::udp(gateway.sip()).notify("4711", true);
    assert_eq!(
        (answer.status, answer.reason.as_str()),
        (501, "No message waiting with switch type primary-ni")
    );
}
