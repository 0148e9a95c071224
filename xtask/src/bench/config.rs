//! A configuration of 10,000 lines through the console of the running daemon, and FRR's vtysh beside it where it is
//! installed.
//!
//! Wall time at the client, the least of some rounds: what an engineer waits for.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use serde_json::{Value, json};
use system_tests::{Profile, Run, Tipringd};

use super::Measured;
use crate::shell::{Outcome, say};
use large::{LINES, configuration};

mod frr;
mod large;

/// Rounds of each measurement; the least counts.
const ROUNDS: usize = 7;
/// Terminals at the same time.
const SESSIONS: usize = 100;

/// Small configuration before and after.
const BASE: &str = "hostname Bench\nvoice-port 2/0\n mwi\n";

/// What issue 7 allows, in milliseconds.
struct Budget {
    what: &'static str,
    limit: f64,
    took: Vec<Duration>,
}

impl Budget {
    fn new(what: &'static str, limit: f64) -> Budget {
        Budget { what, limit, took: Vec::new() }
    }

    fn least(&self) -> f64 {
        self.took.iter().min().map_or(f64::INFINITY, |t| t.as_secs_f64() * 1e3)
    }

    fn row(&self) -> (String, String) {
        (self.what.to_owned(), format!("{:.2} ms (budget {} ms)", self.least(), self.limit))
    }
}

/// Rows of the table, and budgets that are not kept.
pub(crate) fn bench() -> Outcome<Measured> {
    say("bench config: building and starting tipringd");
    let gateway = Tipringd::start_run(Run {
        config: BASE.into(),
        hardware: "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n".into(),
        profile: Profile::Release,
        args: Vec::new(),
    });
    let mut console = Client::connect(&gateway.state_dir().join("console.sock"))?;
    // What the daemon was started with, its SIP port with it.
    let base = console.exec("show running-config")?;
    let flash = gateway.state_dir().join("flash");
    std::fs::create_dir_all(&flash).map_err(|e| e.to_string())?;
    let small = flash.join("small.cfg");
    std::fs::write(&small, &base).map_err(|e| e.to_string())?;
    let text = configuration();
    let large = flash.join("large.cfg");
    let replace = "configure replace flash:small.cfg force";

    let mut apply = Budget::new("10,000 lines parsed, validated, applied", 100.0);
    let mut plan = Budget::new("difference to another configuration of 10,000 lines", 50.0);
    let mut line = Budget::new("one line changed in it", 1.0);
    let mut show = Budget::new("show running-config of it", 20.0);
    let mut back = Budget::new("replaced by a small one", 100.0);
    for round in 0..ROUNDS {
        apply.took.push(console.timed(&json!({ "configure": text }))?);
        let shown = timed(&mut show, || console.exec("show running-config"))?;
        if round == 0 {
            if shown.lines().count() < LINES {
                return Err(format!("{} lines are shown of {LINES}", shown.lines().count()));
            }
            std::fs::write(&large, shown.replace("cptone GB", "cptone DE").replace("peer 77", "peer seven"))
                .map_err(|e| e.to_string())?;
        }
        let differences = timed(&mut plan, || console.exec("configure plan flash:large.cfg"))?;
        if !differences.contains("+description peer seven") {
            return Err(format!(
                "configure plan: {}",
                differences.lines().take(5).collect::<Vec<_>>().join("/")
            ));
        }
        console.exec("configure terminal")?;
        console.exec("dial-peer voice 500 pots")?;
        timed(&mut line, || console.exec(&format!("description changed {round}")))?;
        console.exec("end")?;
        timed(&mut back, || console.exec(replace))?;
    }

    let mut start = Budget::new("tipring: from its start to the prompt", 10.0);
    for _ in 0..ROUNDS {
        start.took.push(client_start(&gateway)?);
    }
    // The daemon serves a hundred, this one among them.
    drop(console);
    let sessions = sessions(&gateway.state_dir().join("console.sock"))?;

    let budgets = [apply, plan, line, show, back, start];
    let mut measured = Measured { rows: budgets.iter().map(Budget::row).collect(), problems: Vec::new() };
    measured
        .rows
        .push((format!("{SESSIONS} sessions at the same time: each connects and is answered"), sessions));
    for budget in budgets.iter().filter(|b| b.least() > b.limit) {
        measured.problems.push(format!(
            "{}: {:.2} ms, budget {} ms",
            budget.what,
            budget.least(),
            budget.limit
        ));
    }
    measured.rows.extend(frr::bench(gateway.scratch())?);
    Ok(measured)
}

fn timed<T>(budget: &mut Budget, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let started = Instant::now();
    let result = work()?;
    budget.took.push(started.elapsed());
    Ok(result)
}

/// A client of console.sock.
struct Client {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Client {
    fn connect(socket: &Path) -> Outcome<Client> {
        let stream = UnixStream::connect(socket).map_err(|e| format!("{}: {e}", socket.display()))?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(|e| e.to_string())?;
        let answers = BufReader::new(stream.try_clone().map_err(|e| e.to_string())?);
        Ok(Client { stream, answers })
    }

    fn ask(&mut self, request: &Value) -> Outcome<String> {
        self.stream.write_all(format!("{request}\n").as_bytes()).map_err(|e| e.to_string())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(|e| format!("no answer: {e}"))?;
        Ok(answer)
    }

    fn timed(&mut self, request: &Value) -> Outcome<Duration> {
        let started = Instant::now();
        let answer = self.ask(request)?;
        let took = started.elapsed();
        let answer: Value = serde_json::from_str(&answer).map_err(|e| e.to_string())?;
        match answer.get("error") {
            Some(Value::Bool(false)) => Ok(took),
            _ => Err(format!("refused: {answer}")),
        }
    }

    fn exec(&mut self, line: &str) -> Outcome<String> {
        let answer = self.ask(&json!({ "exec": line }))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|e| e.to_string())?;
        match (answer.get("error"), answer.get("output").and_then(Value::as_str)) {
            (Some(Value::Bool(false)), Some(output)) => Ok(output.to_owned()),
            _ => Err(format!("{line}: {answer}")),
        }
    }
}

/// From the start of `tipring` on a terminal to the prompt on it.
fn client_start(gateway: &Tipringd) -> Outcome<Duration> {
    let problem = |e: nix::Error| format!("pseudo terminal: {e}");
    let mut master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).map_err(problem)?;
    grantpt(&master).map_err(problem)?;
    unlockpt(&master).map_err(problem)?;
    let name = ptsname_r(&master).map_err(problem)?;
    let slave = || -> Outcome<Stdio> {
        Ok(File::options().read(true).write(true).open(&name).map_err(|e| format!("{name}: {e}"))?.into())
    };
    let mut tipring = Command::new(Profile::Release.binaries().join("tipring"));
    tipring.arg("-s").arg(gateway.state_dir().join("console.sock"));
    tipring.env("TERM", "vt100").stdin(slave()?).stdout(slave()?).stderr(slave()?);
    let started = Instant::now();
    let mut child = tipring.spawn().map_err(|e| format!("tipring: {e}"))?;
    let (mut seen, mut octets) = (String::new(), [0; 4096]);
    let took = loop {
        match master.read(&mut octets) {
            Ok(n) if n > 0 => seen.push_str(&String::from_utf8_lossy(octets.get(..n).unwrap_or_default())),
            other => return Err(format!("tipring ended ({other:?}): {seen}")),
        }
        if seen.contains("Bench#") || seen.contains("Bench>") {
            break started.elapsed();
        }
    };
    let _ = child.kill();
    let _ = child.wait();
    Ok(took)
}

/// Many sessions at once: all connected, all asked, all answered.
fn sessions(socket: &Path) -> Outcome<String> {
    let started = Instant::now();
    let mut clients = (0..SESSIONS).map(|_| Client::connect(socket)).collect::<Outcome<Vec<_>>>()?;
    for client in &mut clients {
        client.stream.write_all(b"{\"exec\":\"show clock\"}\n").map_err(|e| e.to_string())?;
    }
    for client in &mut clients {
        let mut answer = String::new();
        client.answers.read_line(&mut answer).map_err(|e| format!("no answer: {e}"))?;
        if !answer.contains("UTC") {
            return Err(format!("show clock: {answer}"));
        }
    }
    let took = started.elapsed();
    Ok(format!("{:.2} ms for all", took.as_secs_f64() * 1e3))
}
