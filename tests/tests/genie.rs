//! Cisco's own parsers, `genie.libs.parser` of PyPI, read what the daemon prints. The wheel is 181 MB when it is unpacked, so
//! this is an extra: `TIPRING_GENIE` names the folder in which it was (`pip download --no-deps genie.libs.parser`).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use system_tests::{Tipringd, Value, finish, json, workspace_root};

const COMMANDS: [&str; 4] = ["show logging", "show voice call summary", "show privilege", "show archive"];

#[test]
fn genie_reads_show_logging_and_others_it_has_parsers_for() {
    let Some(folder) = std::env::var_os("TIPRING_GENIE") else {
        println!("skipped: TIPRING_GENIE names no unpacked genie.libs.parser");
        return;
    };
    let gateway = Tipringd::start(
        "hostname Branch\nlogging buffered 8192 informational\nlogging host 127.0.0.1 transport udp port 5514\n\
         archive\n path flash:backup\n!\nvoice-port 2/0\n",
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    let outputs: Value =
        COMMANDS.iter().map(|command| ((*command).to_owned(), json!(gateway.show(command)))).collect();
    let file = gateway.scratch().join("outputs.json");
    std::fs::write(&file, outputs.to_string()).unwrap();
    let mut script = Command::new("python3");
    script.arg(workspace_root().join("tests/automation/genie_ios.py")).arg(folder).arg(&file);
    let run = finish(script, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let read: Value = serde_json::from_str(&run.stdout).unwrap();
    let logging = &read["show logging"]["logging"];
    assert_eq!(logging["buffer"]["level"], "informational", "{logging:#}");
    assert_eq!(logging["trap"]["logging_to"]["127.0.0.1"]["port"], 5514, "{logging:#}");
    assert_eq!(
        read["show logging"]["syslog_logging"]["enabled"]["counters"]["messages_dropped"], 0,
        "{read:#}"
    );
    assert_eq!(read["show voice call summary"]["ports"]["2/0"]["vpm_state"], "FXSLS_ONHOOK", "{read:#}");
    assert_eq!(read["show privilege"]["current_privilege_level"], 15);
    assert_eq!(read["show archive"]["archive"]["max_archive_configurations"], 10);
}
