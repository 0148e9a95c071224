//! The program `tipring` against a console socket served by this test.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::config::Config;
use cli::render;
use cli::session::{Action, Exec, Reply, Show};
use cli::wire::Connection;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

struct Daemon {
    config: Arc<Mutex<Config>>,
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

fn daemon() -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("console.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let config = Arc::new(Mutex::new(Config::default()));
    let shared = Arc::clone(&config);
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(stream.unwrap(), &shared));
        }
    });
    Daemon { config, socket, _dir: dir }
}

fn serve(mut stream: UnixStream, shared: &Mutex<Config>) {
    let mut connection = Connection::new(&shared.lock().unwrap().hostname);
    let mut buffer = [0; 1024];
    while !connection.is_closed() {
        let n = stream.read(&mut buffer).unwrap_or(0);
        if n == 0 {
            return;
        }
        connection.feed(&buffer[..n]);
        loop {
            while let Some(output) = connection.poll_output() {
                if stream.write_all(&output).is_err() {
                    return;
                }
            }
            let Some(action) = connection.poll_action() else { break };
            let mut config = shared.lock().unwrap();
            let (candidate, reply) = match action {
                Action::Configure(line) => line.apply(&config),
                Action::ConfigureText(text) => text.apply(&config),
                Action::Exec(Exec::Show(Show::RunningConfig { section })) => {
                    (None, Reply::text(render::running_config(&config, section.as_deref(), None)))
                }
                Action::Exec(other) => (None, Reply::text(format!("{other:?}"))),
                Action::Authenticate(_) => (None, Reply::error("% Login invalid")),
                Action::Close => return,
            };
            if let Some(candidate) = candidate {
                *config = candidate;
            }
            connection.complete(reply);
        }
    }
}

fn tipring(socket: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tipring"))
        .arg("-s")
        .arg(socket)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn commands_print_their_output_and_refusals_their_caret() {
    let daemon = daemon();
    let output = tipring(
        &daemon.socket,
        &["-c", "show clock", "-c", "conf t", "-c", "hostname Quay", "-c", "do sh run | i host"],
        "",
    );
    assert!(output.status.success());
    assert_eq!(
        text(&output.stdout),
        "Show(Clock)\nEnter configuration commands, one per line.  End with CNTL/Z.\nhostname Quay\n"
    );
    let output = tipring(&daemon.socket, &["-c", "show clocks now"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "show clocks now\n     ^\n% Invalid input detected at '^' marker.\n");
}

#[test]
fn a_pushed_file_stops_at_the_first_refused_line_and_changes_nothing() {
    let daemon = daemon();
    let pushed = "hostname Quay\nvoice-port 2/0\n cptone zz\n mwi\n cptone yy\n";
    let file = daemon.socket.with_file_name("push.cfg");
    std::fs::write(&file, pushed).unwrap();
    let output = tipring(&daemon.socket, &[file.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "line 3:\n cptone zz\n        ^\n% Invalid input detected at '^' marker.\n"
    );
    assert_eq!(daemon.config.lock().unwrap().hostname, "Router");
    // From standard input, the IOS way.
    let output = tipring(&daemon.socket, &["--keep-going"], pushed);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("line 5:"));
    let config = daemon.config.lock().unwrap();
    assert!(config.hostname == "Quay" && config.voice_ports[0].mwi);
}

#[test]
fn standard_input_is_pushed_as_one_change() {
    let daemon = daemon();
    let output = tipring(&daemon.socket, &[], "sip-ua\n mwi-server ipv4:192.0.2.1 unsolicited\nend\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(daemon.config.lock().unwrap().sip_ua.mwi_server.is_some());
}

#[test]
fn without_a_gateway_the_client_says_so() {
    let output = tipring(Path::new("/nonexistent/console.sock"), &["-c", "show clock"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nonexistent/console.sock"));
}

/// A terminal with `tipring` on it.
struct Terminal {
    master: std::fs::File,
    child: std::process::Child,
    seen: String,
}

impl Terminal {
    fn open(arguments: &[&str]) -> Terminal {
        let size = nix::pty::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = nix::pty::openpty(&size, None).unwrap();
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_tipring"))
            .args(arguments)
            .env("TERM", "xterm")
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .unwrap();
        Terminal { master: pty.master.into(), child, seen: String::new() }
    }

    fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until the text is there; the test fails after ten seconds without it.
    fn expect(&mut self, text: &str) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let mut buffer = [0; 4096];
        while !self.seen.contains(text) {
            assert!(std::time::Instant::now() < end, "no {text:?} in {:?}", self.seen);
            let mut ready = [nix::poll::PollFd::new(
                std::os::fd::AsFd::as_fd(&self.master),
                nix::poll::PollFlags::POLLIN,
            )];
            if nix::poll::poll(&mut ready, 100_u8).unwrap() > 0 {
                let n = self.master.read(&mut buffer).unwrap_or(0);
                self.seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        }
        let at = self.seen.find(text).unwrap() + text.len();
        self.seen.drain(..at);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn at_a_terminal_question_mark_helps_and_tab_completes() {
    let daemon = daemon();
    let mut terminal = Terminal::open(&["-s", daemon.socket.to_str().unwrap()]);
    terminal.expect("Router#");
    terminal.type_in("show sip-ua ?");
    terminal.expect("SIP message waiting indication");
    // The line is there again.
    terminal.expect("show sip-ua ");
    terminal.type_in("mw\t\r");
    terminal.expect("Show(SipUaMwi)");
    // Keys typed while the answer is on its way may be lost, so each prompt is waited for.
    terminal.expect("Router#");
    terminal.type_in("conf t\r");
    terminal.expect("Router(config)#");
    terminal.type_in("voice-port 2/0\r");
    terminal.expect("Router(config-voiceport)#");
    terminal.type_in("cptone zz\r");
    // The caret stands under the word, prompt included.
    terminal.expect(&format!("\n{}^\r\n% Invalid input detected at '^' marker.", " ".repeat(25 + 7)));
    terminal.expect("Router(config-voiceport)#");
    terminal.type_in("end\r");
    terminal.expect("Router#");
    terminal.type_in("exit\r");
    assert!(terminal.child.wait().unwrap().success());
}

#[test]
fn with_raw_the_gateway_edits_the_line() {
    let daemon = daemon();
    let mut terminal = Terminal::open(&["-s", daemon.socket.to_str().unwrap(), "--raw"]);
    terminal.expect("Router>");
    terminal.type_in("en\rsh cl\t\r");
    terminal.expect("Router#");
    terminal.expect("Show(Clock)");
    terminal.type_in("exit\r");
    assert!(terminal.child.wait().unwrap().success());
}
