//! Terminals over the network: OpenSSH's client and plain telnet octets against the daemon.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use system_tests::{Finished, Profile, Run, Tipringd, finish};

const CONFIG: &str = "hostname Branch\nusername admin privilege 15 secret 0 opensesame\nusername oper password 0 looking\n\
    enable secret 0 topmost\nlogin block-for 100 attempts 4 within 100\nbanner motd #Authorised only#\n\
    line vty 0 1\n login local\n transport input ssh telnet\nline vty 2 4\n transport input none\n";

struct Terminals {
    gateway: Tipringd,
    ssh: SocketAddr,
    telnet: SocketAddr,
}

fn start(config: &str) -> Terminals {
    let args = ["--ssh", "127.0.0.1:0", "--telnet", "127.0.0.1:0"].map(str::to_owned).to_vec();
    let gateway = Tipringd::start_run(Run {
        config: config.to_owned(),
        hardware: String::new(),
        profile: Profile::Debug,
        args,
    });
    let log = gateway.log();
    let ready = log.lines().find(|l| l.starts_with("tipringd: ready")).unwrap().to_owned();
    let at = |name: &str| {
        let found = ready
            .split(' ')
            .find_map(|w| w.strip_prefix(name))
            .unwrap_or_else(|| panic!("{name} in {ready}"));
        found.parse().unwrap()
    };
    Terminals { gateway, ssh: at("ssh="), telnet: at("telnet=") }
}

impl Terminals {
    /// Runs OpenSSH's client with this password, or with this key.
    fn ssh(&self, user: &str, password: &str, key: Option<&str>, command: &[&str]) -> Finished {
        let askpass = self.gateway.scratch().join("askpass");
        std::fs::write(&askpass, format!("#!/bin/sh\necho '{password}'\n")).unwrap();
        std::fs::set_permissions(&askpass, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.args([
            "-o",
            "LogLevel=ERROR",
            "-o",
            "NumberOfPasswordPrompts=1",
            "-p",
            &self.ssh.port().to_string(),
        ]);
        match key {
            Some(file) => {
                ssh.args(["-i", file, "-o", "PreferredAuthentications=publickey", "-o", "IdentitiesOnly=yes"])
            }
            None => ssh.args(["-o", "PubkeyAuthentication=no"]),
        };
        ssh.arg(format!("{user}@127.0.0.1")).args(command).stdin(std::process::Stdio::null());
        ssh.env("DISPLAY", "none").env("SSH_ASKPASS", &askpass).env("SSH_ASKPASS_REQUIRE", "force");
        finish(ssh, Duration::from_secs(30))
    }

    /// Types at a telnet terminal until `wanted` has been shown, and gives all that was.
    fn telnet(&self, typed: &[&str], wanted: &str) -> String {
        let mut stream = TcpStream::connect(self.telnet).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (mut seen, end) = (String::new(), Instant::now() + Duration::from_secs(20));
        let mut typed = typed.iter();
        let mut octets = [0; 4096];
        loop {
            match stream.read(&mut octets) {
                Ok(0) => return seen,
                Ok(n) => {
                    seen.extend(octets[..n].iter().filter(|o| o.is_ascii()).map(|o| char::from(*o)));
                    continue;
                }
                Err(_) if seen.contains(wanted) => return seen,
                Err(_) => {}
            }
            assert!(Instant::now() < end, "no {wanted:?} in {seen:?}");
            if let Some(line) = typed.next() {
                stream.write_all(line.as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn openssh_logs_in_by_password_and_by_key() {
    let terminals = start(CONFIG);
    let run = terminals.ssh("admin", "opensesame", None, &["show running-config | include hostname"]);
    assert_eq!((run.code, run.stdout.trim()), (Some(0), "hostname Branch"), "{run:?}");
    let run = terminals.ssh("admin", "opensesame", None, &["show frobnication"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.contains("% Invalid input detected"), "{run:?}");
    // without privilege the configuration is not shown
    let run = terminals.ssh("oper", "looking", None, &["show running-config"]);
    assert!(run.code == Some(1) && !run.stdout.contains("hostname"), "{run:?}");
    // a shell on a terminal
    let run = terminals.ssh("admin", "barley", None, &["show clock"]);
    assert_eq!(run.code, Some(255), "a wrong password: {run:?}");

    let key = terminals.gateway.scratch().join("id");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let file = terminals.gateway.scratch().join("keys.cfg");
    std::fs::write(
        &file,
        format!(
            "ip ssh pubkey-chain\n  username admin\n   key-string\n    {}\n   exit\n  exit\n",
            public.trim()
        ),
    )
    .unwrap();
    let pushed = terminals.gateway.tipring(&[file.to_str().unwrap()]);
    assert_eq!(pushed.code, Some(0), "{pushed:?}");
    let key = key.to_str().unwrap();
    let run = terminals.ssh("admin", "", Some(key), &["show privilege"]);
    assert_eq!(run.stdout.trim(), "Current privilege level is 15", "{run:?}");
    let run = terminals.ssh("oper", "", Some(key), &["show privilege"]);
    assert_eq!(run.code, Some(255), "another's key: {run:?}");
    let log = terminals.gateway.show("show logging");
    assert!(
        log.contains("%SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: admin] [Source: 127.0.0.1]"),
        "{log}"
    );
    assert!(
        log.contains("%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: admin] [Source: 127.0.0.1]"),
        "{log}"
    );
    assert!(!log.contains("opensesame") && !log.contains("barley"), "{log}");
    let shown = terminals.gateway.show("show running-config");
    assert!(
        !shown.contains("opensesame") && !shown.contains("looking") && !shown.contains("topmost"),
        "{shown}"
    );
}

#[test]
fn telnet_asks_who_is_there_and_enable_asks_again() {
    let terminals = start(CONFIG);
    let seen = terminals.telnet(
        &["oper\r\0", "looking\r\0", "enable\r\n", "topmost\r\n", "terminal length 0\r\n", "show users\r\n"],
        "Peer Address",
    );
    for part in [
        "Authorised only",
        "User Access Verification",
        "Username: oper",
        "Branch>",
        "Branch#",
        "*  2 vty 0      oper",
    ] {
        assert!(seen.contains(part), "{part:?} in {seen}");
    }
    assert!(!seen.contains("looking") && !seen.contains("topmost"), "passwords are not echoed: {seen}");
}

#[test]
fn lines_run_out_and_failures_shut_the_door() {
    let terminals = start(CONFIG);
    let hold: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(terminals.telnet).unwrap()).collect();
    terminals.gateway.show_until("show users", Duration::from_secs(5), |s| s.contains("vty 1"));
    assert_eq!(terminals.telnet(&[], "nothing"), "", "both lines are taken");
    assert_eq!(terminals.gateway.show("clear line vty 1").trim(), "[OK]");
    terminals.gateway.show_until("show users", Duration::from_secs(5), |s| !s.contains("vty 1"));
    drop(hold);
    terminals.gateway.show_until("show users", Duration::from_secs(5), |s| !s.contains("vty 0"));
    for _ in 0..2 {
        let seen = terminals.telnet(&["oper\r", "wrong\r"], "% Login invalid");
        assert!(seen.contains("% Login invalid"), "{seen}");
        terminals.telnet(&["oper\r", "wrong\r"], "% Login invalid");
    }
    assert_eq!(terminals.telnet(&[], "nothing"), "", "the quiet time");
    let log = terminals.gateway.show("show logging");
    assert!(log.contains("%SEC_LOGIN-1-QUIET_MODE_ON"), "{log}");
}

#[test]
fn telnet_is_served_only_while_a_line_takes_it() {
    let terminals = start(CONFIG);
    let file = terminals.gateway.scratch().join("no.cfg");
    std::fs::write(&file, "line vty 0 1\n transport input ssh\n").unwrap();
    assert_eq!(terminals.gateway.tipring(&[file.to_str().unwrap()]).code, Some(0));
    let end = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(terminals.telnet).is_ok() {
        assert!(Instant::now() < end, "telnet is still served");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(terminals.ssh("admin", "opensesame", None, &["show privilege"]).code, Some(0));
}

#[test]
fn a_hundred_terminals_are_served_at_the_same_time() {
    let terminals = start(
        "hostname Branch\nusername ops password 0 looking\nline vty 0 99\n no login\n privilege level 15\n length 0\n transport input ssh telnet\n",
    );
    let mut streams: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(terminals.telnet).unwrap()).collect();
    let mut seen: Vec<String> = vec![String::new(); streams.len()];
    let mut all_see = |streams: &mut Vec<TcpStream>, wanted: &str| {
        let end = Instant::now() + Duration::from_secs(60);
        for (stream, seen) in streams.iter_mut().zip(&mut seen) {
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut octets = [0; 4096];
            while !seen.contains(wanted) {
                assert!(Instant::now() < end, "no {wanted:?} in {seen:?}");
                match stream.read(&mut octets) {
                    Ok(0) => panic!("closed after {seen:?}"),
                    Ok(n) => seen.extend(octets[..n].iter().filter(|o| o.is_ascii()).map(|o| char::from(*o))),
                    Err(_) => {}
                }
            }
        }
    };
    all_see(&mut streams, "Branch#");
    let shown = terminals.gateway.show("show users");
    assert_eq!(shown.matches(" vty ").count(), 100, "{shown}");
    assert_eq!(terminals.telnet(&[], "nothing"), "", "no line is left for one more");
    for (number, stream) in streams.iter_mut().enumerate() {
        stream
            .write_all(
                format!("configure terminal\ralias exec a{number} show clock\rend\rshow aliases\r")
                    .as_bytes(),
            )
            .unwrap();
    }
    all_see(&mut streams, "Exec mode aliases:");
    drop(streams);
    let aliases = terminals.gateway.show("show running-config | count ^alias exec a");
    assert!(aliases.contains("100"), "nobody's change is lost: {aliases}");
}

#[test]
fn an_idle_terminal_is_closed_after_its_exec_timeout() {
    let terminals = start(
        "username ops password 0 looking\nline vty 0 4\n no login\n exec-timeout 0 1\n transport input ssh telnet\n",
    );
    let mut stream = TcpStream::connect(terminals.telnet).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut seen = Vec::new();
    // until the gateway closes it
    stream.read_to_end(&mut seen).unwrap();
    assert!(String::from_utf8_lossy(&seen).contains("Router>"), "{seen:?}");
    terminals.gateway.show_until("show users", Duration::from_secs(5), |shown| !shown.contains("vty 0"));
}
