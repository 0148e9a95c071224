//! What engineers script routers with, unmodified, against the daemon.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use system_tests::{Profile, Run, Tipringd, Value, finish, python, workspace_root};

const CONFIG: &str = "hostname Branch\nusername oper password 0 looking\nusername admin privilege 15 secret 0 opensesame\nenable secret 0 topmost\n\
    ip scp server enable\nip domain name branch.example\narchive\n path flash:backup\n\
    line vty 0 4\n login local\n transport input ssh telnet\n!\n\
    controller E1 1/0\n pri-group timeslots 1-31\n!\ninterface Serial1/0:15\n isdn switch-type primary-qsig\n!\n";
const HARDWARE: &str =
    "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"sim\"\n";

fn start() -> Tipringd {
    Tipringd::start_run(Run {
        config: CONFIG.to_owned(),
        hardware: HARDWARE.to_owned(),
        profile: Profile::Debug,
        args: ["--ssh", "127.0.0.1:0", "--telnet", "127.0.0.1:0"].map(str::to_owned).to_vec(),
    })
}

/// Where the gateway serves `ssh=` or `telnet=`.
fn port(gateway: &Tipringd, name: &str) -> String {
    let log = gateway.log();
    let port = log.split_whitespace().find_map(|w| w.strip_prefix(name)).unwrap();
    port.parse::<SocketAddr>().unwrap().port().to_string()
}

/// Runs a script of `tests/automation` on the gateway's SSH and gives what it has seen.
fn seen(gateway: &Tipringd, name: &str) -> Value {
    let mut script = Command::new(python().unwrap());
    script.arg(workspace_root().join("tests/automation").join(name)).arg(port(gateway, "ssh="));
    let run = finish(script, Duration::from_secs(300));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

fn driven(kind: &str, name: &str) -> Value {
    let gateway = start();
    let port = port(&gateway, name);
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

#[test]
fn napalm_compares_commits_and_rolls_back() {
    let gateway = start();
    let seen = seen(&gateway, "napalm_ios.py");
    assert_eq!(seen["alive"], true);
    let facts = &seen["facts"];
    assert_eq!((&facts["hostname"], &facts["fqdn"]), (&"Branch".into(), &"Branch.branch.example".into()));
    assert!(facts["interface_list"].as_array().unwrap().contains(&"lo".into()), "{facts}");
    assert_eq!((&seen["users"]["oper"]["level"], &seen["users"]["admin"]["level"]), (&1.into(), &15.into()));
    assert_eq!(seen["interfaces"]["lo"]["is_up"], true, "{}", seen["interfaces"]);
    assert_eq!(seen["addresses"]["lo"]["ipv4"]["127.0.0.1"]["prefix_length"], 8, "{}", seen["addresses"]);
    assert!(seen["running"].as_str().unwrap().contains("hostname Branch"), "{seen}");
    assert_eq!(seen["merge_diff"], "+dial-peer voice 300 pots\n+ destination-pattern 300\n+ port 2/0");
    assert_eq!(seen["discarded_diff"], "");
    for truth in ["merged", "saved", "rolled_back", "pending"] {
        assert_eq!(seen[truth], true, "{truth}");
    }
    assert_eq!((&seen["bad_merge"], &seen["bad_merge_left"]), (&"refused".into(), &false.into()));
    assert_eq!(seen["replace_diff"], "+hostname Harbour\n-hostname Branch");
    assert_eq!(seen["confirmed"], serde_json::json!([false, "Harbour"]));
    assert_eq!(seen["before_rollback"], "Branch");
    assert_eq!(seen["after_rollback"], serde_json::json!([false, "Harbour"]));
    assert!(seen["bad_replace"].as_str().unwrap().contains("no such line"), "{}", seen["bad_replace"]);
    assert_eq!(seen["hostname"], "Harbour");
}

#[test]
fn scrapli_drives_the_gateway() {
    let gateway = start();
    let seen = seen(&gateway, "scrapli_iosxe.py");
    assert_eq!(seen["prompt"], "Branch#");
    assert_eq!(seen["version"][0]["hostname"], "Branch");
    assert_eq!((&seen["configured"], &seen["refused"]), (&true.into(), &true.into()));
    assert_eq!(seen["section"], "dial-peer voice 400 pots\n destination-pattern 400\n port 2/0");
    assert!(seen["copied"].as_str().unwrap().contains("bytes copied in"), "{seen}");
    assert!(
        seen["dir"].as_array().unwrap().iter().any(|row| row["name"] == "scrapli.cfg"),
        "{}",
        seen["dir"]
    );
}

#[test]
fn ansible_reads_facts_runs_commands_and_changes_once() {
    let gateway = start();
    let python = python().unwrap();
    let venv = python.parent().unwrap().parent().unwrap().to_owned();
    let scratch = gateway.scratch();
    let inventory = format!(
        "[gateway]\nbranch ansible_host=127.0.0.1 ansible_port={}\n[gateway:vars]\n\
         ansible_connection=ansible.netcommon.network_cli\nansible_network_os=cisco.ios.ios\nansible_user=oper\n\
         ansible_password=looking\nansible_become=true\nansible_become_method=ansible.netcommon.enable\n\
         ansible_become_password=topmost\nansible_host_key_checking=false\nansible_network_cli_ssh_type=paramiko\n",
        port(&gateway, "ssh=")
    );
    std::fs::write(scratch.join("hosts"), inventory).unwrap();
    let mut play = Command::new(venv.join("bin/ansible-playbook"));
    play.arg("-i")
        .arg(scratch.join("hosts"))
        .arg("-e")
        .arg(format!("seen={}", scratch.join("seen.json").display()));
    play.arg(workspace_root().join("tests/automation/ansible_ios.yml"));
    play.env("ANSIBLE_COLLECTIONS_PATH", venv.join("collections"))
        .env("ANSIBLE_HOME", scratch.join("ansible"));
    play.env("ANSIBLE_LOCALHOST_WARNING", "false").env("ANSIBLE_HOST_KEY_CHECKING", "false");
    play.env("ANSIBLE_PYTHON_INTERPRETER", &python).env("LC_ALL", "C.UTF-8").current_dir(scratch);
    play.env("ANSIBLE_PERSISTENT_CONNECT_TIMEOUT", "60").env("ANSIBLE_PERSISTENT_COMMAND_TIMEOUT", "60");
    let run = finish(play, Duration::from_secs(300));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let text = std::fs::read_to_string(scratch.join("seen.json")).unwrap();
    let seen: Value = serde_json::from_str(&text).unwrap();
    let facts = &seen["facts"];
    assert_eq!(facts["ansible_net_hostname"], "Branch");
    assert_eq!(facts["ansible_net_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(facts["ansible_net_filesystems"], serde_json::json!(["flash:"]));
    assert_eq!(facts["ansible_net_interfaces"]["lo"]["operstatus"], "up", "{facts}");
    assert!(
        facts["ansible_net_all_ipv4_addresses"].as_array().unwrap().contains(&"127.0.0.1".into()),
        "{facts}"
    );
    assert!(facts["ansible_net_memtotal_mb"].as_f64().unwrap() > 1.0, "{facts}");
    assert!(facts["ansible_net_config"].as_str().unwrap().contains("hostname Branch"));
    assert_eq!(seen["commands"][0], "Current privilege level is 15");
    assert_eq!(
        (&seen["first"], &seen["second"], &seen["refused"]),
        (&true.into(), &false.into(), &true.into())
    );
    assert_eq!(
        seen["updates"],
        serde_json::json!(["dial-peer voice 500 pots", "destination-pattern 500", "port 2/0"])
    );
    assert!(seen["copied"][0].as_str().unwrap().contains("bytes copied in"), "{}", seen["copied"]);
    assert!(gateway.show("show startup-config").contains("destination-pattern 500"), "saved when modified");
}
