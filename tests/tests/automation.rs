//! What engineers script routers with, unmodified, against the daemon.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use system_tests::{Profile, Run, Tipringd, Value, finish, python, workspace_root};

const CONFIG: &str = "hostname Branch\nusername oper password 0 looking\nenable secret 0 topmost\n\
    line vty 0 4\n login local\n transport input ssh telnet\n!\n\
    controller E1 1/0\n pri-group timeslots 1-31\n!\ninterface Serial1/0:15\n isdn switch-type primary-qsig\n!\n";
const HARDWARE: &str =
    "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"sim\"\n";

fn driven(kind: &str, name: &str) -> Value {
    let gateway = Tipringd::start_run(Run {
        config: CONFIG.to_owned(),
        hardware: HARDWARE.to_owned(),
        profile: Profile::Debug,
        args: ["--ssh", "127.0.0.1:0", "--telnet", "127.0.0.1:0"].map(str::to_owned).to_vec(),
    });
    let log = gateway.log();
    let port = log.split_whitespace().find_map(|w| w.strip_prefix(name)).unwrap();
    let port = port.parse::<SocketAddr>().unwrap().port().to_string();
    let mut script = Command::new(python().unwrap());
    script.arg(workspace_root().join("tests/automation/netmiko_ios.py")).args([kind, &port]);
    let run = finish(script, Duration::from_secs(180));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let seen: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&seen["user_prompt"], &seen["prompt"]), (&"Branch>".into(), &"Branch#".into()));
    assert_eq!(seen["section"], "dial-peer voice 100 pots\n destination-pattern 100\n port 2/0");
    assert!(seen["saved"].as_str().unwrap().contains("[OK]"), "{seen}");
    assert_eq!(seen["refused"], true);
    assert!(seen["long"].as_u64().unwrap() > 20, "{seen}");
    // what independent parsers read
    assert_eq!(seen["show version"][0]["hostname"], "Branch");
    assert_eq!(seen["show version"][0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(seen["show users"][0]["user"], "oper");
    assert_eq!(seen["show clock"][0]["timezone"], "UTC");
    assert_eq!(seen["show isdn status"][0]["isdn_switchtype"], "primary-qsig");
    let names: Vec<&str> =
        seen["show inventory"].as_array().unwrap().iter().filter_map(|r| r["name"].as_str()).collect();
    assert_eq!(names, ["Chassis", "Voice port 2/0", "Controller E1 1/0"]);
    assert!(
        seen["show ip interface brief"].as_array().unwrap().iter().any(|r| r["ip_address"] == "127.0.0.1")
    );
    seen
}

#[test]
fn netmiko_drives_the_gateway_over_ssh() {
    let seen = driven("cisco_ios", "ssh=");
    let log = seen["show logging"].as_array().unwrap();
    assert!(
        log.iter().any(|row| row["facility"] == "SEC_LOGIN" && row["mnemonic"] == "LOGIN_SUCCESS"),
        "{log:?}"
    );
}

#[test]
fn netmiko_drives_the_gateway_over_telnet() {
    driven("cisco_ios_telnet", "telnet=");
}
