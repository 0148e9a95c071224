//! SIPp as the voice mail.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Finished, Transport, finish, workspace_root};

/// One run of SIPp.
#[derive(Debug, Clone)]
pub struct Sipp {
    /// Scenario file in `tests/sipp/`.
    pub scenario: PathBuf,
    /// The gateway.
    pub target: SocketAddr,
    /// UDP, or TCP with one connection for all calls.
    pub transport: Transport,
    /// Rows for the `[fieldN]` of the scenario, used in order, one a call.
    pub rows: Vec<String>,
    /// Calls a second.
    pub rate: u32,
}

impl Sipp {
    /// Runs it to the end: one call a row. Exit status 0 means that every call went as the scenario says.
    ///
    /// # Panics
    /// When SIPp is not installed or does not end in time.
    #[must_use]
    #[track_caller]
    pub fn run(&self) -> Finished {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut csv = String::from("SEQUENTIAL\n");
        for row in &self.rows {
            let _ = writeln!(csv, "{row}");
        }
        let rows = dir.path().join("rows.csv");
        let errors = dir.path().join("errors.log");
        std::fs::write(&rows, csv).expect("temporary file");
        let mut command = Command::new("sipp");
        command
            .current_dir(dir.path())
            .env("TERM", "dumb")
            .arg(self.target.to_string())
            .arg("-sf")
            .arg(workspace_root().join("tests/sipp").join(&self.scenario))
            .arg("-inf")
            .arg(&rows)
            .args(["-i", "127.0.0.1", "-nostdin", "-timeout", "60", "-timeout_error", "-trace_err"])
            .args(["-t", if self.transport == Transport::Udp { "u1" } else { "t1" }])
            .args(["-m", &self.rows.len().to_string(), "-r", &self.rate.to_string()])
            .arg("-error_file")
            .arg(&errors);
        let mut run = finish(command, Duration::from_secs(90));
        run.stderr.push_str(&std::fs::read_to_string(&errors).unwrap_or_default());
        run
    }
}

/// SIPp subscribes to a mailbox by UDP and takes what it is told until the scenario ends; its run is what the thread gives.
#[must_use]
pub fn sipp_subscribe(target: SocketAddr, number: &str) -> JoinHandle<Finished> {
    let rows = vec![number.to_owned()];
    let sipp =
        Sipp { scenario: "subscribe_status.xml".into(), target, transport: Transport::Udp, rows, rate: 1 };
    std::thread::spawn(move || sipp.run())
}

/// SIPp sends one NOTIFY for each `(number, waiting)`; every one must be answered 200.
///
/// # Panics
/// With what SIPp saw, when one is not.
#[track_caller]
pub fn sipp_notify(target: SocketAddr, transport: Transport, mailboxes: &[(&str, bool)]) {
    let rows = mailboxes
        .iter()
        .map(|(number, waiting)| {
            format!("{number};{};{}", if *waiting { "yes" } else { "no" }, u8::from(*waiting))
        })
        .collect();
    let sipp = Sipp { scenario: "notify.xml".into(), target, transport, rows, rate: 50 };
    let run = sipp.run();
    assert_eq!(run.code, Some(0), "SIPp: {}\n{}", run.stderr, run.stdout);
}
