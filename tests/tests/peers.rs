//! The peers themselves, and the wrappers around them, before anything of ours is judged by them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use system_tests::{
    Measured, Pbx, Side, Sipp, Transport, Value, build_peers, finish, free_port, json, target_dir,
    tone_measure, tshark_complaints, tshark_fields, workspace_root,
};

fn make_check(folder: &str) {
    let out = build_peers().unwrap();
    let mut make = Command::new("make");
    make.arg("-s").arg("-C").arg(workspace_root().join("tests/peers").join(folder)).arg("check");
    make.arg(format!("OUT={}", out.display())).env_remove("MAKEFLAGS");
    let run = finish(make, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn the_pbx_passes_its_own_checks() {
    make_check("libpri-pbx");
}

#[test]
fn the_tone_decoder_passes_its_own_checks() {
    make_check("tone_measure");
}

#[test]
fn the_caller_id_decoder_passes_its_own_checks() {
    make_check("adsi_decode");
}

#[test]
fn two_pbxs_light_a_lamp_and_tshark_reads_the_trunk() {
    let dir = tempfile::tempdir().unwrap();
    let pcap = dir.path().join("trunk.pcap");
    let mut network = Pbx::listen(Side::Network, &["-p", pcap.to_str().unwrap()]);
    let mut user = Pbx::connect(([127, 0, 0, 1], network.port()).into(), Side::User, &[]);
    network.wait_up();
    user.wait_up();
    user.send("mwi on 4711 from=5000 n=3");
    network.lamp("4711", true);
    user.wait(&json!({"ev": "rose", "type": "result"}));
    network.policy("mwi=error:6");
    user.send("mwi off 4711 from=5000 n=0");
    user.wait(&json!({"ev": "rose", "type": "error", "error": 6}));
    network.events().absent(&json!({"ev": "lamp", "state": "off"}), Duration::from_millis(200));
    user.kill();
    network.wait(&json!({"ev": "l1", "state": "down"}));
    network.kill();
    let setups = "qsig.operation == 80 && q931.message_type == 0x05";
    let rows = tshark_fields(&pcap, setups, &["qsig.unknownPartyNumber"]);
    assert_eq!(rows, [["4711"]]);
    assert_eq!(tshark_complaints(&pcap), Vec::<String>::new());
}

#[test]
fn tshark_complains_of_a_malformed_facility() {
    let dir = tempfile::tempdir().unwrap();
    let pcap = dir.path().join("trunk.pcap");
    let mut network = Pbx::listen(Side::Network, &["-f", "-p", pcap.to_str().unwrap()]);
    let mut user = Pbx::connect(([127, 0, 0, 1], network.port()).into(), Side::User, &[]);
    network.wait_up();
    user.wait_up();
    // SETUP, call reference 5, facility whose invoke is longer than the element
    user.send("raw 0001000008020005051c049fa1201f");
    let arrived = |event: &Value| {
        event.get("dir") == Some(&json!("rx"))
            && event.get("hex").and_then(Value::as_str).is_some_and(|hex| hex.ends_with("1c049fa1201f"))
    };
    network.events().wait_for("the frame", arrived, Duration::from_secs(5));
    drop((network, user));
    assert!(!tshark_complaints(&pcap).is_empty());
}

#[test]
fn sipp_fails_when_nobody_answers_200() {
    let target = ([127, 0, 0, 1], free_port()).into();
    let listener = std::net::UdpSocket::bind(target).unwrap();
    let answers = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let (length, from) = listener.recv_from(&mut buffer).unwrap();
        let request = String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned();
        let mut reply = String::from("SIP/2.0 404 Not Found\r\n");
        for line in request.lines() {
            if ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)) {
                reply.push_str(line);
                reply.push_str("\r\n");
            }
        }
        listener.send_to(format!("{reply}Content-Length: 0\r\n\r\n").as_bytes(), from).unwrap();
        request
    });
    let sipp = Sipp {
        scenario: "notify.xml".into(),
        target,
        transport: Transport::Udp,
        rows: vec!["8000;yes;1".into()],
        rate: 10,
    };
    let run = sipp.run();
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    let request = answers.join().unwrap();
    assert!(request.starts_with(&format!("NOTIFY sip:8000@{target} SIP/2.0\r\n")), "{request}");
    assert!(request.contains("\r\n\r\nMessages-Waiting: yes\r\n"), "{request}");
}

fn render(locale: &str, kind: &str, wav: &Path) -> Measured {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["run", "--quiet", "-p", "media", "--example", "render_tone", "--", locale, kind, "4"])
        .arg(wav)
        .current_dir(workspace_root())
        .env("CARGO_TARGET_DIR", target_dir());
    let run = finish(cargo, Duration::from_secs(300));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    tone_measure(wav)
}

#[test]
fn rendered_dial_and_message_waiting_tones_are_heard_by_spandsp() {
    let dir = tempfile::tempdir().unwrap();
    for locale in ["us", "gb", "de", "fr", "jp", "nl"] {
        let dial = render(locale, "dial", &dir.path().join("dial.wav"));
        assert!(dial.is_dial_tone(locale), "{locale}: {dial:?}");
        assert!(!dial.is_message_waiting_tone(locale), "{locale}: {dial:?}");
        let stutter = render(locale, "stutter_mwi", &dir.path().join("stutter.wav"));
        assert!(stutter.is_message_waiting_tone(locale), "{locale}: {stutter:?}");
        assert!(!stutter.is_dial_tone(locale), "{locale}: {stutter:?}");
    }
}
