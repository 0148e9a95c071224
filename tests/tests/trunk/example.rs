//! `examples/unified-cm`: every line of it is acted on.

use std::process::Command;
use std::time::Duration;

use system_tests::{Profile, Value, finish, workspace_root};

#[test]
fn every_line_of_the_example_is_acted_on() {
    let mut check = Command::new(Profile::Debug.binaries().join("tipringd"));
    check.args(["check", "--json", "examples/unified-cm/gateway.cfg"]).current_dir(workspace_root());
    let run = finish(check, Duration::from_secs(30));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let report = report.get(0).cloned().unwrap_or(report);
    assert_eq!(report.get("refused"), Some(&Value::from(0)), "{report:#}");
    assert_eq!(report.get("kept"), Some(&Value::from(0)), "{report:#}");
    assert!(report.get("acted").and_then(Value::as_u64).unwrap() > 50, "{report:#}");
}

#[test]
fn the_gateway_of_the_example_starts() {
    let read = |name: &str| {
        std::fs::read_to_string(workspace_root().join("examples/unified-cm").join(name)).unwrap()
    };
    let gateway = system_tests::Tipringd::start(&read("gateway.cfg"), &read("hardware.toml"));
    let peers = gateway.show("show dial-peer voice summary");
    assert!(peers.contains("ipv4:192.0.2.11") && peers.contains("ipv4:192.0.2.12"), "{peers}");
}
