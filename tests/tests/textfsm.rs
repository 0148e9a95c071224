//! The TextFSM templates of `examples/textfsm`, read and applied by ntc-templates' own runner, against what the daemon
//! prints.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use system_tests::{Tipringd, Value, VoiceMail, finish, json, python, workspace_root};

const CONFIG: &str = "hostname Branch\nvoice translation-rule 1\n rule 1 /^9/ //\n rule 2 /^8/ /77/\n!\nnum-exp 1.. 80..\n\
    trunk group PBX\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\ninterface Serial1/0:15\n isdn switch-type primary-qsig\n \
    trunk-group PBX\n!\nvoice-port 2/0\n cptone GB\n mwi\n station-id name Reception\n station-id number 8000\n!\nvoice-port 2/1\n!\n\
    dial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\ndial-peer voice 8001 pots\n destination-pattern 8001\n \
    preference 2\n port 2/1\n!\ndial-peer voice 900 voip\n destination-pattern 9T\n session target ipv4:127.0.0.1\n!\n\
    sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n!\n";
const HARDWARE: &str = "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n\
    [[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"sim\"\n";

const COMMANDS: &[&str] = &[
    "show sip-ua mwi",
    "show sip-ua status",
    "show sip-ua statistics",
    "show sip-ua calls",
    "show sip-ua map sip-pstn",
    "show mwi",
    "show dial-peer voice summary",
    "show dialplan number 8001",
    "show voice port summary",
    "show voice port 2/0",
    "show voice call summary",
    "show voice call status",
    "show call active voice brief",
    "show call resource",
    "show isdn active",
    "show isdn history",
    "show trunk group",
    "show num-exp",
    "show voip rtp connections",
    "show voice translation-rule",
];

/// What the templates read of these outputs.
fn read(outputs: &Value) -> Value {
    let mut script = Command::new(python().unwrap());
    script.arg(workspace_root().join("tests/automation/textfsm_ios.py"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), outputs.to_string()).unwrap();
    script.arg(workspace_root().join("examples/textfsm")).arg(file.path());
    let run = finish(script, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// The row in which `field` is `value`.
fn row<'a>(rows: &'a Value, field: &str, value: &str) -> &'a Value {
    let found = rows.as_array().unwrap().iter().find(|row| row[field] == value);
    found.unwrap_or_else(|| panic!("no {field} {value} in {rows}"))
}

/// Every named field of the row.
fn has(row: &Value, wanted: &Value) {
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&row[field], value, "{field} of {row}");
    }
}

#[test]
fn the_templates_read_every_voice_command() {
    let gateway = Tipringd::start(CONFIG, HARDWARE);
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", true).status, 200);
    let mut lines = gateway.lines();
    lines.off_hook("2/0");
    lines.dial("2/0", "8001");
    assert!(lines.rings("2/1", Duration::from_secs(20)));
    lines.off_hook("2/1");
    gateway.show_until("show call active voice brief", Duration::from_secs(5), |text| {
        text.matches(" active\n").count() == 2
    });
    let outputs: serde_json::Map<String, Value> =
        COMMANDS.iter().map(|command| ((*command).to_owned(), gateway.show(command).into())).collect();
    let seen = read(&outputs.into());

    has(
        row(&seen["show sip-ua mwi"], "endpoint", "8000"),
        &json!({"status": "ON", "port": "5060", "transport": "UDP"}),
    );
    assert_eq!(seen["show sip-ua status"][0]["udp"], "ENABLED");
    assert_eq!(seen["show sip-ua status"][0]["max_forwards"], "70");
    has(
        row(&seen["show sip-ua statistics"], "name", "NOTIFY"),
        &json!({"group": "SIP Total Traffic", "inbound": "1", "outbound": "0"}),
    );
    has(row(&seen["show sip-ua statistics"], "name", "Ok"), &json!({"group": "Success", "outbound": "1"}));
    has(row(&seen["show sip-ua map sip-pstn"], "status", "486"), &json!({"cause": "17", "default": "17"}));
    has(
        row(&seen["show mwi"], "number", "8000"),
        &json!({"status": "ON", "delivery": "local", "via": "2/0"}),
    );
    let peers = &seen["show dial-peer voice summary"];
    has(
        row(peers, "tag", "8001"),
        &json!({"type": "pots", "pattern": "8001", "preference": "2", "port": "2/1"}),
    );
    has(row(peers, "tag", "900"), &json!({"type": "voip", "pattern": "9T", "target": "ipv4:127.0.0.1"}));
    has(
        row(&seen["show dialplan number 8001"], "tag", "8001"),
        &json!({"pattern": "8001", "digits": "4", "target": "2/1"}),
    );
    let ports = &seen["show voice port summary"];
    has(row(ports, "port", "2/0"), &json!({"signal_type": "fxs-ls", "admin": "up", "in_status": "off-hook"}));
    assert_eq!(ports.as_array().unwrap().iter().filter(|p| p["port"] == "1/0:15").count(), 30);
    has(
        &seen["show voice port 2/0"][0],
        &json!({"cptone": "GB", "mwi": "enabled", "message_waiting": "ON", "station_name": "Reception",
            "station_number": "8000"}),
    );
    has(row(&seen["show voice call summary"], "port", "2/0"), &json!({"vpm_state": "FXSLS_CONNECT"}));
    has(
        row(&seen["show voice call status"], "port", "2/1"),
        &json!({"called": "8001", "peers": "8000/8001"}),
    );
    let legs = &seen["show call active voice brief"];
    has(row(legs, "interface", "2/0"), &json!({"direction": "Answer", "state": "active", "address": "8000"}));
    has(row(legs, "interface", "2/1"), &json!({"direction": "Originate", "peer": "8001"}));
    has(&seen["show call resource"][0], &json!({"calls": "1", "legs": "2", "service": "running"}));
    has(row(&seen["show trunk group"], "member", "1/0:15"), &json!({"group": "PBX"}));
    has(&seen["show num-exp"][0], &json!({"pattern": "1..", "translation": "80.."}));
    has(
        row(&seen["show voice translation-rule"], "rule", "2"),
        &json!({"tag": "1", "match": "^8", "replace": "77"}),
    );

    lines.act("2/0", "onhook", &json!({}));
    lines.act("2/1", "onhook", &json!({}));
    let history = "show call history voice brief";
    let text = gateway.show_until(history, Duration::from_secs(5), |text| text.contains("(16)"));
    let seen = read(&json!({ history: text }));
    has(
        row(&seen[history], "interface", "2/0"),
        &json!({"cause": "10", "cause_text": "normal call clearing (16)"}),
    );
}

#[test]
fn the_templates_read_calls_of_other_kinds() {
    // Rows of our own printing that need a trunk or a SIP call.
    let seen = read(&json!({
        "show isdn active": "Call    Calling      Called       Remote  Seconds Seconds Seconds Charges\n\
            Type    Number       Number       Name    Used    Left    Idle    Units/Currency\n\
            --------------------\nIn         8000        4711  Front desk    187       0       0\nOut  4711  8000  12  0  0\n",
        "show voip rtp connections": "VoIP RTP active connections :\n\
            No. CallId     dstCallId  LocalRTP RmtRTP   LocalIP    RemoteIP    MPSS  VRF\n\
            1     4          3          16384    20000    192.0.2.1     2001:db8::7   NO    NA\nFound 1 active RTP connections\n",
        "show sip-ua calls": "Total SIP call legs:1, User Agent Client:1, User Agent Server:0\nSIP UAC CALL INFO\nCall 1\n\
            SIP Call ID                : ab@192.0.2.1\n   State of the call       : STATE_ACTIVE (7)\n   \
            Calling Number          : 8000\n   Called Number           : 911\n   CC Call ID              : 4\n   \
            Number of SIP User Agent Client(UAC) calls: 1\n\nSIP UAS CALL INFO\n   Number of SIP User Agent Server(UAS) calls: 0\n",
    }));
    has(
        &seen["show isdn active"][0],
        &json!({"type": "In", "calling": "8000", "name": "Front desk", "seconds_used": "187"}),
    );
    has(&seen["show isdn active"][1], &json!({"type": "Out", "called": "8000", "seconds_used": "12"}));
    has(&seen["show voip rtp connections"][0], &json!({"remote_ip": "2001:db8::7", "remote_port": "20000"}));
    has(
        &seen["show sip-ua calls"][0],
        &json!({"side": "UAC", "sip_call_id": "ab@192.0.2.1", "state": "STATE_ACTIVE", "called": "911", "call_id": "4"}),
    );
    assert_eq!(seen["show sip-ua calls"].as_array().unwrap().len(), 1);
}
