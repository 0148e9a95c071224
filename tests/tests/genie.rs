//! Cisco's own parsers, `genie.libs.parser` of PyPI, read what the daemon prints.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use system_tests::{Tipringd, Value, finish, json, python, target_dir, workspace_root};

const COMMANDS: [&str; 13] = [
    "show archive",
    "show clock",
    "show file systems",
    "show hosts",
    "show interfaces",
    "show inventory",
    "show logging",
    "show privilege",
    "show processes cpu",
    "show processes memory",
    "show running-config interface Serial1/0:15",
    "show terminal",
    "show voice call summary",
];

#[test]
fn genie_reads_show_logging_and_others_it_has_parsers_for() {
    let python = python().unwrap();
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = collector.local_addr().unwrap().port();
    let gateway = Tipringd::start(
        &format!(
            "hostname Branch\nlogging buffered 8192 informational\nlogging host 127.0.0.1 transport udp port {port}\n\
         archive\n path flash:backup\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn switch-type primary-qsig\n!\nvoice-port 2/0\n"
        ),
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"sim\"\n",
    );
    let outputs: Value =
        COMMANDS.iter().map(|command| ((*command).to_owned(), json!(gateway.show(command)))).collect();
    let file = gateway.scratch().join("outputs.json");
    std::fs::write(&file, outputs.to_string()).unwrap();
    let mut script = Command::new(python);
    script.arg(workspace_root().join("tests/automation/genie_ios.py"));
    script.arg(target_dir().join("venv/genie")).arg(&file);
    let run = finish(script, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let read: Value = serde_json::from_str(&run.stdout).unwrap();
    let logging = &read["show logging"]["logging"];
    assert_eq!(logging["buffer"]["level"], "informational", "{logging:#}");
    assert_eq!(logging["trap"]["logging_to"]["127.0.0.1"]["port"], port, "{logging:#}");
    assert_eq!(
        read["show logging"]["syslog_logging"]["enabled"]["counters"]["messages_dropped"], 0,
        "{read:#}"
    );
    assert_eq!(read["show voice call summary"]["ports"]["2/0"]["vpm_state"], "FXSLS_ONHOOK", "{read:#}");
    assert_eq!(read["show privilege"]["current_privilege_level"], 15);
    assert_eq!(read["show archive"]["archive"]["max_archive_configurations"], 10);
    assert_eq!(read["show clock"]["timezone"], "UTC");
    assert_eq!(read["show terminal"]["length"], 0);
    let interfaces = read["show interfaces"].as_object().unwrap();
    assert!(interfaces.values().any(|row| row["ipv4"]["127.0.0.1/8"].is_object()), "{interfaces:#?}");
    assert_eq!(read["show inventory"]["main"]["chassis"]["TIPRING"]["vid"], env!("CARGO_PKG_VERSION"));
    let programs = read["show processes cpu"]["sort"].as_object().unwrap();
    assert!(programs.values().any(|row| row["process"] == "tipringd"), "{programs:#?}");
    let memory = &read["show processes memory"]["pid"][gateway.pid().to_string()]["index"]["1"];
    assert!(memory["holding"].as_u64().is_some_and(|octets| octets > 1_000_000), "{memory:#}");
    assert!(read["show running-config interface Serial1/0:15"]["interfaces"]["Serial1/0:15"].is_object());
    let disks = read["show file systems"]["file_systems"].as_object().unwrap();
    assert!(disks.values().any(|row| row["prefixes"] == "flash:"), "{disks:#?}");
    assert!(read["show hosts"]["name_servers"].is_array(), "{:#}", read["show hosts"]);
}
