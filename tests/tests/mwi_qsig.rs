//! The voice mail's NOTIFY lights the lamp of a telephone behind a QSIG PBX, and the PBX's verdict is the answer.
//! The PBX is libpri.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use system_tests::{Pbx, Side, Tipringd, Transport, VoiceMail, free_port, json, sipp_notify};

/// A gateway with trunks `1/0`, `1/1`, … that listens for a PBX on each.
struct Branch {
    gateway: Tipringd,
    trunks: Vec<SocketAddr>,
    side: Side,
}

impl Branch {
    /// One trunk, 47.. behind it; the gateway plays the other side than the PBX.
    fn new(pbx: Side) -> Self {
        Self::start(pbx, 1, "dial-peer voice 47 pots\n destination-pattern 47..\n port 1/0:15\n!\n")
    }

    fn start(pbx: Side, count: usize, peers: &str) -> Self {
        let own = match pbx {
            Side::Network => "user",
            Side::User => "network",
        };
        let trunks: Vec<SocketAddr> = (0..count).map(|_| ([127, 0, 0, 1], free_port()).into()).collect();
        let mut config =
            String::from("isdn switch-type primary-qsig\n!\ntrunk group PBX\n hunt-scheme sequential\n!\n");
        let mut hardware = String::new();
        for (at, trunk) in trunks.iter().enumerate() {
            config.push_str(&format!(
                "controller E1 1/{at}\n pri-group timeslots 1-31\n!\n\
                 interface Serial1/{at}:15\n isdn switch-type primary-qsig\n isdn protocol-emulate {own}\n \
                 trunk-group PBX {}\n!\nvoice-port 1/{at}:15\n mwi\n!\n",
                at + 1
            ));
            hardware.push_str(&format!(
                "[[pri]]\ncontroller = \"E1 1/{at}\"\nbackend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n\n"
            ));
        }
        config.push_str(peers);
        config.push_str("sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n");
        Self { gateway: Tipringd::start(&config, &hardware), trunks, side: pbx }
    }

    /// A PBX on the trunk, layer 2 up on both ends.
    fn pbx(&self, trunk: usize) -> Pbx {
        let address = *self.trunks.get(trunk).unwrap();
        let mut pbx = Pbx::connect(address, self.side, &[]);
        pbx.wait_up();
        self.gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
            shown.contains("MULTIPLE_FRAME_ESTABLISHED")
        });
        pbx
    }
}

fn lights(pbx: Side) {
    let branch = Branch::new(pbx);
    let mut pbx = branch.pbx(0);
    sipp_notify(branch.gateway.sip(), Transport::Udp, &[("4711", true), ("4712", true)]);
    let asked = pbx.wait(&json!({"ev": "mwi", "action": "activate"}));
    assert_eq!(asked.get("number"), Some(&json!("4711")), "{asked}");
    pbx.lamp("4711", true);
    pbx.lamp("4712", true);
    sipp_notify(branch.gateway.sip(), Transport::Tcp, &[("4711", false)]);
    pbx.lamp("4711", false);
    assert_eq!(branch.gateway.lamp("4711"), Some(false));
    assert_eq!(branch.gateway.lamp("4712"), Some(true));
    // the connections are gone again on both sides
    for open in pbx.events().all(&json!({"ev": "call", "state": "setup"})) {
        let id = open.get("id").unwrap().clone();
        pbx.events().rewind();
        let ended = ["released", "cleared"].map(|state| json!({"ev": "call", "id": id, "state": state}));
        let end = Instant::now() + Duration::from_secs(5);
        while !ended.iter().any(|event| !pbx.events().all(event).is_empty()) {
            assert!(Instant::now() < end, "connection {id} stays up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn the_lamp_of_a_telephone_behind_a_network_side_pbx_goes_on_and_off() {
    lights(Side::Network);
}

#[test]
fn the_lamp_of_a_telephone_behind_a_user_side_pbx_goes_on_and_off() {
    lights(Side::User);
}

#[test]
fn the_new_message_count_travels_only_with_activate() {
    let branch = Branch::new(Side::Network);
    let mut pbx = branch.pbx(0);
    let mut voice_mail = VoiceMail::udp(branch.gateway.sip());
    for (waiting, messages) in [(true, true), (false, false)] {
        assert_eq!(voice_mail.notify("4711", waiting).status, 200);
        let asked = pbx.wait(&json!({"ev": "mwi"}));
        let count = asked.get("messages").and_then(system_tests::Value::as_u64);
        assert!(count.is_none_or(|count| messages && count == 2), "{asked}");
    }
}

/// Each refusal of the PBX and the status the voice mail must get: QSIG-MWI.md section 5.
fn verdicts(rows: &[(&str, u16, bool)]) {
    let branch = Branch::new(Side::Network);
    let mut pbx = branch.pbx(0);
    let mut voice_mail = VoiceMail::udp(branch.gateway.sip());
    for (at, (policy, status, retry_after)) in rows.iter().enumerate() {
        let number = format!("47{:02}", at + 10);
        pbx.policy(&format!("mwi={policy}"));
        let answer = voice_mail.notify(&number, true);
        assert_eq!(answer.status, *status, "mwi={policy}: {answer:?}");
        assert_eq!(answer.header("Retry-After").is_some(), *retry_after, "mwi={policy}: {answer:?}");
    }
}

#[test]
fn a_user_the_pbx_does_not_know_gets_404() {
    verdicts(&[
        ("error:6", 404, false),
        ("cause:1", 404, false),
        ("cause:3", 404, false),
        ("cause:28", 404, false),
        ("ok", 200, false),
    ]);
}

#[test]
fn a_user_who_may_not_have_the_service_gets_403_or_488() {
    verdicts(&[
        ("error:0", 403, false),
        ("error:8", 488, false),
        ("error:1007", 403, false),
        ("cause:50", 403, false),
        ("cause:57", 403, false),
        ("cause:65", 488, false),
        ("ok", 200, false),
    ]);
}

#[test]
fn a_pbx_that_cannot_now_gets_503_with_retry_after() {
    verdicts(&[
        ("error:3", 503, true),
        ("cause:17", 503, true),
        ("cause:41", 503, true),
        ("cause:42", 503, true),
    ]);
}

#[test]
fn an_error_of_configuration_gets_500() {
    verdicts(&[("error:1018", 500, false), ("error:1008", 500, false), ("ok", 200, false)]);
}

#[test]
fn a_pbx_without_mwi_gets_501() {
    verdicts(&[("reject:1", 501, false)]);
    verdicts(&[("unsupported", 501, false)]);
    verdicts(&[("cause:29", 501, false)]);
}

#[test]
fn a_pbx_that_does_not_answer_gets_504_before_the_transaction_ends() {
    let branch = Branch::new(Side::Network);
    let mut pbx = branch.pbx(0);
    pbx.policy("mwi=ignore");
    let started = Instant::now();
    let answer = VoiceMail::tcp(branch.gateway.sip()).notify("4711", true);
    assert_eq!(answer.status, 504, "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(32), "{:?}", started.elapsed());
}

#[test]
fn a_pbx_that_connects_and_says_nothing_is_given_up_before_the_transaction_ends() {
    let branch = Branch::new(Side::Network);
    let mut pbx = branch.pbx(0);
    pbx.policy("mwi=silent");
    let started = Instant::now();
    let answer = VoiceMail::tcp(branch.gateway.sip()).notify("4711", true);
    assert_eq!(answer.status, 504, "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(32), "{:?}", started.elapsed());
    // and the trunk serves the next one
    pbx.policy("mwi=ok");
    assert_eq!(VoiceMail::udp(branch.gateway.sip()).notify("4712", true).status, 200);
    pbx.lamp("4712", true);
}

#[test]
fn the_result_may_come_in_connect_facility_or_release_long_or_short() {
    let branch = Branch::new(Side::Network);
    let mut pbx = branch.pbx(0);
    let mut voice_mail = VoiceMail::udp(branch.gateway.sip());
    for (at, policy) in [
        "mwi-at=connect mwi-result=full",
        "mwi-at=connect mwi-result=short",
        "mwi-at=facility mwi-result=full",
        "mwi-at=release mwi-result=full",
        "mwi-at=release mwi-result=short",
        "mwi-at=connect mwi-result=full mwi-proceeding=1 mwi-delay=1500",
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("47{:02}", at + 20);
        pbx.policy(policy);
        let answer = voice_mail.notify(&number, true);
        assert_eq!(answer.status, 200, "{policy}: {answer:?}");
        pbx.lamp(&number, true);
    }
    for (at, policy) in ["mwi=error:6 mwi-at=facility", "mwi=error:6 mwi-at=release"].into_iter().enumerate()
    {
        pbx.policy(policy);
        let answer = voice_mail.notify(&format!("47{:02}", at + 30), true);
        assert_eq!(answer.status, 404, "{policy}: {answer:?}");
    }
}

#[test]
fn while_the_trunk_is_cut_the_newest_state_waits_and_is_delivered_once() {
    let branch = Branch::new(Side::Network);
    let pbx = branch.pbx(0);
    let mut voice_mail = VoiceMail::udp(branch.gateway.sip());
    pbx.kill();
    branch.gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
        !shown.contains("MULTIPLE_FRAME_ESTABLISHED")
    });
    for (number, states) in [("4711", [true, false, true]), ("4712", [false, true, false])] {
        for waiting in states {
            let answer = voice_mail.notify(number, waiting);
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    let mut pbx = branch.pbx(0);
    pbx.lamp("4711", true);
    pbx.events().rewind();
    pbx.wait(&json!({"ev": "mwi", "number": "4712", "action": "deactivate"}));
    pbx.events().mark();
    pbx.events().absent(&json!({"ev": "mwi"}), Duration::from_millis(500));
    assert_eq!(pbx.events().all(&json!({"ev": "mwi"})).len(), 2);
}

#[test]
fn a_trunk_that_dies_under_an_operation_keeps_it() {
    let branch = Branch::new(Side::User);
    let mut pbx = branch.pbx(0);
    pbx.policy("mwi-delay=20000");
    let mut voice_mail = VoiceMail::udp(branch.gateway.sip());
    let request = voice_mail.text("4711", true).render();
    voice_mail.send(&request);
    pbx.wait(&json!({"ev": "mwi", "number": "4711"}));
    pbx.kill();
    let answer = voice_mail.receive(Duration::from_secs(32)).expect("an answer within timer F");
    assert_eq!(answer.status, 200, "{answer:?}");
    branch.pbx(0).lamp("4711", true);
}

#[test]
fn frames_lost_on_the_trunk_are_repaired_by_layer_2() {
    let branch = Branch::new(Side::Network);
    let mut pbx = branch.pbx(0);
    let mut voice_mail = VoiceMail::udp(branch.gateway.sip());
    pbx.send("drop rx 1");
    assert_eq!(voice_mail.notify("4711", true).status, 200);
    pbx.lamp("4711", true);
    pbx.send("drop tx 2");
    assert_eq!(voice_mail.notify("4711", false).status, 200);
    pbx.lamp("4711", false);
}

#[test]
fn a_trunk_group_takes_the_first_trunk_that_is_up() {
    let peers = "dial-peer voice 47 pots\n destination-pattern 47..\n trunkgroup PBX\n!\n";
    let branch = Branch::start(Side::Network, 2, peers);
    let mut voice_mail = VoiceMail::udp(branch.gateway.sip());
    let mut second = branch.pbx(1);
    assert_eq!(voice_mail.notify("4711", true).status, 200);
    second.lamp("4711", true);

    let mut first = Pbx::connect(*branch.trunks.first().unwrap(), Side::Network, &[]);
    first.wait_up();
    branch.gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
        shown.matches("MULTIPLE_FRAME_ESTABLISHED").count() == 2
    });
    assert_eq!(voice_mail.notify("4712", true).status, 200);
    first.lamp("4712", true);
    second.events().mark();
    second.events().absent(&json!({"ev": "mwi", "number": "4712"}), Duration::from_millis(200));
}
