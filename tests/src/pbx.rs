//! The PBX on the other end of the trunk: `libpri_pbx`.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Events, Process, peer};

/// Which side of the trunk the PBX plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Network.
    Network,
    /// User.
    User,
}

/// A libpri exchange in a process of its own; commands and events are in `tests/peers/libpri-pbx/README.md`.
#[derive(Debug)]
pub struct Pbx {
    process: Process,
    events: Events,
    port: u16,
}

impl Pbx {
    /// Starts it with these options and waits until it runs.
    ///
    /// # Panics
    /// When it does not start within 5 s.
    #[must_use]
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(peer("libpri_pbx"));
        command.args(args);
        let (process, out, _) = Process::start("libpri_pbx", command);
        let mut events = Events::new("libpri_pbx", out);
        let start = events.wait(&json!({"ev": "start"}), Duration::from_secs(5));
        assert_eq!(start.get("mwi_accept"), Some(&json!(true)), "libpri's claim flag was not found: {start}");
        let port = start.get("port").and_then(Value::as_u64).and_then(|p| u16::try_from(p).ok()).unwrap_or(0);
        Self { process, events, port }
    }

    /// A QSIG exchange on a free port, `args` besides.
    #[must_use]
    #[track_caller]
    pub fn listen(side: Side, args: &[&str]) -> Self {
        Self::start(&[&["-l", "tcp:127.0.0.1:0", "-s", side.word()], args].concat())
    }

    /// A QSIG exchange that connects to `to` and tries again every 0.3 s, `args` besides.
    #[must_use]
    #[track_caller]
    pub fn connect(to: SocketAddr, side: Side, args: &[&str]) -> Self {
        Self::start(&[&["-c", &format!("tcp:{to}"), "-s", side.word()], args].concat())
    }

    /// The TCP port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a command without waiting.
    pub fn send(&mut self, command: &str) {
        self.process.write_line(command);
    }

    /// Sets a policy and waits until it holds.
    #[track_caller]
    pub fn policy(&mut self, text: &str) {
        self.process.write_line(&format!("policy {text}"));
        self.wait(&json!({"ev": "ok", "cmd": "policy"}));
    }

    /// Waits up to 10 s for layer 2.
    #[track_caller]
    pub fn wait_up(&mut self) {
        self.events.wait(&json!({"ev": "l2", "state": "up"}), Duration::from_secs(10));
    }

    /// Waits up to 5 s for an event with these fields.
    #[track_caller]
    pub fn wait(&mut self, pattern: &Value) -> Value {
        self.events.wait(pattern, Duration::from_secs(5))
    }

    /// Waits up to 5 s for the lamp of `number` to go `on` or `off`.
    #[track_caller]
    pub fn lamp(&mut self, number: &str, on: bool) -> Value {
        self.wait(&json!({"ev": "lamp", "number": number, "state": if on { "on" } else { "off" }}))
    }

    /// All its events.
    pub fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    /// Kills the process: layer 1 goes away.
    pub fn kill(mut self) {
        self.process.kill();
    }
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::User => "user",
        }
    }
}
