//! `sip::call` in the hands of strangers: the agent of `sip/examples/agent.rs` against SIPp, baresip and
//! Kamailio, over UDP and TCP.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use system_tests::{
    Baresip, Events, Finished, Kamailio, Process, Value, finish, free_port, free_ports, json, target_dir,
    workspace_root,
};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

/// The program, built once.
fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = target_dir();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(workspace_root()).env("CARGO_TARGET_DIR", &target);
        cargo.args(["build", "--quiet", "-p", "sip", "--example", "agent"]);
        let out = cargo.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        target.join("debug/examples/agent")
    })
}

struct Agent {
    process: Process,
    events: Events,
    address: SocketAddr,
}

impl Agent {
    fn start(arguments: &[&str]) -> Agent {
        let mut command = Command::new(program());
        command.args(["--listen", &format!("127.0.0.1:{}", free_port())]).args(arguments);
        let (process, out, _err) = Process::start("agent", command);
        let mut events = Events::new("agent", out);
        let ready = events.wait(&json!({ "event": "ready" }), LONG);
        Agent { process, events, address: ready["udp"].as_str().unwrap().parse().unwrap() }
    }

    fn say(&mut self, command: &str) {
        self.process.write_line(command);
    }

    #[track_caller]
    fn wait(&mut self, event: &str) -> Value {
        self.events.wait(&json!({ "event": event }), LONG)
    }

    #[track_caller]
    fn ended(&mut self, by: &str) -> Value {
        self.events.wait(&json!({ "event": "ended", "by": by }), LONG)
    }
}

fn sipp(scenario: &str, port: u16, tcp: bool) -> (Command, TempDir) {
    // Built before anybody's time limit runs.
    program();
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sipp");
    command
        .current_dir(dir.path())
        .env("TERM", "dumb")
        .arg("-sf")
        .arg(workspace_root().join(format!("tests/sipp/agent/{scenario}.xml")))
        .args(["-i", "127.0.0.1", "-nostdin", "-m", "1", "-timeout", "30", "-timeout_error"])
        // SIPp takes the third port as well, for video, and ends when it cannot have it.
        .args(["-p", &port.to_string(), "-mp", &free_ports(4).to_string()])
        .args(["-t", if tcp { "t1" } else { "u1" }])
        .args(["-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "messages.log"]);
    (command, dir)
}

#[track_caller]
fn assert_went_well(run: &Finished, dir: &TempDir) -> String {
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    assert_eq!(run.code, Some(0), "{}\n{}\n{}", run.stderr, read("errors.log"), read("messages.log"));
    read("messages.log")
}

/// SIPp calls the agent; the messages as SIPp saw them.
#[track_caller]
fn sipp_calls(scenario: &str, agent: &Agent, tcp: bool) -> String {
    let (mut command, dir) = sipp(scenario, free_port(), tcp);
    command.arg(agent.address.to_string());
    assert_went_well(&finish(command, LONG * 2), &dir)
}

/// SIPp waits to be called; `calls` makes the agent call it.
#[track_caller]
fn agent_calls_sipp(scenario: &str, tcp: bool, arguments: &[&str], calls: impl FnOnce(&mut Agent, u16)) {
    let port = free_port();
    let (command, dir) = sipp(scenario, port, tcp);
    let run = std::thread::spawn(move || finish(command, LONG * 2));
    let mut agent = Agent::start(arguments);
    wait_for_port(port, tcp);
    calls(&mut agent, port);
    let run = run.join().unwrap_or_else(|_| panic!("SIPp does not end\n{}", agent.process.log()));
    assert_went_well(&run, &dir);
}

/// Until somebody listens there. The kernel is asked, because trying to bind would keep the port from its owner.
fn wait_for_port(port: u16, tcp: bool) {
    let end = std::time::Instant::now() + LONG;
    let (table, wanted) = (if tcp { "/proc/net/tcp" } else { "/proc/net/udp" }, format!(":{port:04X}"));
    loop {
        let open = std::fs::read_to_string(table).unwrap();
        if open.lines().any(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&wanted))) {
            return;
        }
        assert!(std::time::Instant::now() < end, "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sipp_calls_over_udp_and_over_tcp() {
    for tcp in [false, true] {
        let mut agent = Agent::start(&["--answer", "100", "--ring"]);
        sipp_calls("uac_basic", &agent, tcp);
        agent.wait("acknowledged");
        agent.ended("Remote");
    }
}

#[test]
fn sipp_calls_without_an_offer() {
    let mut agent = Agent::start(&["--answer", "0"]);
    sipp_calls("uac_delayed", &agent, false);
    assert!(agent.wait("answer")["sdp"].as_str().unwrap().contains("m=audio"));
    agent.ended("Remote");
}

#[test]
fn sipp_cancels() {
    let mut agent = Agent::start(&["--ring"]);
    sipp_calls("uac_cancel", &agent, false);
    assert_eq!(agent.ended("Cancelled")["reason"], "Q.850;cause=16");
}

#[test]
fn the_200_is_repeated_until_sipp_acknowledges() {
    let mut agent = Agent::start(&["--answer", "0"]);
    let messages = sipp_calls("uac_repeat", &agent, false);
    // At 0, 500 and 1,500 ms; the ACK came after 1,800.
    let repeated = messages.matches("CSeq: 1 INVITE").count() - 1;
    assert!(repeated >= 3, "{repeated}");
    agent.wait("acknowledged");
    agent.ended("Remote");
}

#[test]
fn sipp_gets_a_reliable_183_and_updates_before_the_answer() {
    let mut agent = Agent::start(&["--reliable", "--answer", "600"]);
    sipp_calls("uac_prack", &agent, false);
    assert!(agent.wait("offer")["sdp"].as_str().unwrap().contains("a=sendonly"));
    agent.ended("Remote");
}

#[test]
fn sipp_is_redirected() {
    let mut agent = Agent::start(&["--redirect", "<sip:elsewhere@192.0.2.9>"]);
    sipp_calls("uac_redirected", &agent, false);
    agent.ended("Local");
}

#[test]
fn a_re_invite_meets_one_of_sipp() {
    let mut agent = Agent::start(&["--answer", "0"]);
    let (mut command, dir) = sipp("uac_glare", free_port(), false);
    command.arg(agent.address.to_string());
    let run = std::thread::spawn(move || finish(command, LONG * 2));
    agent.wait("acknowledged");
    agent.say("hold 1");
    assert_went_well(&run.join().unwrap(), &dir);
    agent.wait("updated");
    agent.ended("Remote");
}

#[test]
fn the_agent_calls_sipp_holds_resumes_and_hangs_up_over_udp_and_over_tcp() {
    for tcp in [false, true] {
        agent_calls_sipp("uas_basic", tcp, &[], |agent, port| {
            agent.say(&format!("call sip:sipp@127.0.0.1:{port}{}", if tcp { " tcp" } else { "" }));
            agent.wait("answered");
            agent.say("hold 1");
            agent.wait("updated");
            agent.say("resume 1");
            agent.wait("updated");
            agent.say("hangup 1");
            agent.ended("Local");
        });
    }
}

#[test]
fn the_agent_answers_a_407_of_sipp() {
    agent_calls_sipp("uas_auth", false, &["--auth", "alice:secret"], |agent, port| {
        agent.say(&format!("call sip:sipp@127.0.0.1:{port}"));
        agent.wait("answered");
        agent.say("hangup 1");
        agent.ended("Local");
    });
}

#[test]
fn the_agent_follows_a_302_of_sipp_in_order_of_q() {
    agent_calls_sipp("uas_redirect", false, &[], |agent, port| {
        agent.say(&format!("call sip:sipp@127.0.0.1:{port}"));
        assert_eq!(agent.wait("redirected")["contacts"][0], format!("sip:high@127.0.0.1:{port}"));
        agent.wait("answered");
        agent.say("hangup 1");
        agent.ended("Local");
    });
}

#[test]
fn of_two_forks_that_answer_the_later_is_hung_up() {
    agent_calls_sipp("uas_forks", false, &["--hangup", "700"], |agent, port| {
        agent.say(&format!("call sip:sipp@127.0.0.1:{port}"));
        agent.wait("answered");
        agent.ended("Local");
    });
}

#[test]
fn a_200_of_sipp_crosses_the_cancel() {
    agent_calls_sipp("uas_race", false, &[], |agent, port| {
        agent.say(&format!("call sip:sipp@127.0.0.1:{port}"));
        agent.wait("progress");
        agent.say("hangup 1");
        agent.ended("Local");
    });
}

#[test]
fn the_agent_answers_the_offer_in_sipps_200_with_its_ack() {
    agent_calls_sipp("uas_delayed", false, &["--hangup", "300"], |agent, port| {
        agent.say(&format!("call sip:sipp@127.0.0.1:{port} delayed"));
        agent.wait("offer");
        agent.ended("Local");
    });
}

#[test]
fn the_agent_acknowledges_a_reliable_183_of_sipp_and_updates_before_the_answer() {
    agent_calls_sipp("uas_prack", false, &["--hangup", "300"], |agent, port| {
        agent.say(&format!("call sip:sipp@127.0.0.1:{port}"));
        assert_eq!(agent.wait("progress")["reliable"], true);
        agent.say("hold 1");
        agent.wait("updated");
        agent.wait("answered");
        agent.ended("Local");
    });
}

#[test]
fn the_agent_takes_the_session_interval_sipp_asks_for() {
    agent_calls_sipp("uas_422", false, &["--session-expires", "90", "--hangup", "300"], |agent, port| {
        agent.say(&format!("call sip:sipp@127.0.0.1:{port}"));
        agent.wait("answered");
        agent.ended("Local");
    });
}

#[test]
fn baresip_answers_is_put_on_hold_and_hung_up() {
    let baresip = Baresip::start("<sip:bare@127.0.0.1>;regint=0;answermode=auto");
    let mut agent = Agent::start(&[]);
    agent.say(&format!("call sip:bare@127.0.0.1:{}", baresip.port()));
    agent.wait("answered");
    agent.say("hold 1");
    agent.wait("updated");
    agent.say("resume 1");
    agent.wait("updated");
    agent.say("hangup 1");
    agent.ended("Local");
    baresip.wait("session closed");
}

#[test]
fn baresip_calls_and_hangs_up() {
    let mut baresip = Baresip::start("<sip:bare@127.0.0.1>;regint=0");
    let mut agent = Agent::start(&["--ring", "--answer", "300"]);
    let address = agent.address;
    baresip.dial(&format!("sip:agent@{address}"));
    agent.wait("incoming");
    agent.wait("acknowledged");
    baresip.wait("Call established");
    baresip.hang_up();
    agent.ended("Remote");
}

/// A proxy that stays in the way, and asks callers for a password.
fn kamailio(target: SocketAddr) -> Kamailio {
    let routes = format!(
        r#"
loadmodule "maxfwd.so"
loadmodule "auth.so"
modparam("rr", "enable_full_lr", 1)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    if (is_method("INVITE")) {{
        if (!pv_proxy_authenticate("tipring", "secret", "0")) {{ proxy_challenge("tipring", "1"); exit; }}
        consume_credentials();
        record_route();
    }}
    $du = "sip:{target}";
    t_relay();
}}
"#
    );
    Kamailio::start(free_port(), |_| routes)
}

#[test]
fn a_call_through_kamailio_with_password_and_record_route() {
    for tcp in ["", " tcp"] {
        let mut called = Agent::start(&["--ring", "--answer", "200"]);
        let proxy = kamailio(called.address);
        let port = proxy.port;
        let mut caller = Agent::start(&["--auth", "alice:secret"]);
        caller.say(&format!("call sip:bob@127.0.0.1 via 127.0.0.1:{port}{tcp}"));
        called.wait("incoming");
        caller.wait("answered");
        called.wait("acknowledged");
        // Both sides' requests go by the proxy.
        called.say("hold 1");
        caller.wait("offer");
        called.wait("updated");
        caller.say("info 1 hello");
        assert_eq!(called.wait("request")["body"], "hello");
        called.say("hangup 1");
        caller.ended("Remote");
        called.ended("Local");
    }
}

#[test]
fn an_attended_transfer_between_three_agents() {
    let mut alice = Agent::start(&[]);
    let mut bob = Agent::start(&["--answer", "0"]);
    let mut carol = Agent::start(&["--answer", "0"]);
    alice.say(&format!("call sip:bob@{}", bob.address));
    alice.wait("answered");
    alice.say(&format!("call sip:carol@{}", carol.address));
    alice.wait("answered");
    carol.wait("acknowledged");
    alice.say("transfer 1 2");
    alice.events.wait(&json!({ "event": "refer_progress", "status": 200, "last": true }), LONG);
    carol.events.wait(&json!({ "event": "incoming", "replaces": true }), LONG);
    alice.say("hangup 1");
    // Carol's old call with Alice has been replaced by Bob's.
    alice.events.rewind();
    alice.events.wait(&json!({ "event": "ended", "call": 2, "by": "Remote" }), LONG);
    // Which of the two ends first is chance.
    alice.events.rewind();
    alice.events.wait(&json!({ "event": "ended", "call": 1, "by": "Local" }), LONG);
    bob.ended("Remote");
    bob.say("hangup 2");
    bob.ended("Local");
    carol.ended("Remote");
}
