//! `cargo xtask bench`: what things cost, in release builds, as CPU time and not as wall time.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::shell::{Outcome, cargo, root, run, say};

mod calls;
mod config;
mod guest;
mod notify;
mod process;
mod sip;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// The daemon: CPU per NOTIFY accepted, routed, stored, queued
    Notify,
    /// The daemon: CPU, memory and delay of calls SIP to PRI, RTP relayed
    Calls,
    /// A configuration of 10,000 lines through the console, FRR's vtysh beside it
    Config,
    /// Dial peer look-up
    Lookup,
    /// SIP messages beside rsip's and rsipstack's; transaction and answer
    Sip,
    /// QSIG: MWI SETUP both ways, a call's SETUP, calls on eight E1
    Qsig,
    /// Tone generation
    Tones,
    /// Idle lines, lines that play tone and detect digits, time to dial tone
    Lines,
    /// 120 calls on four E1 of DAHDI in an emulated guest: samples late, CPU per call (not part of `all`)
    Guest,
    /// All of them, as one table
    All,
}

/// Examples that print their own figures: package, example.
const EXAMPLES: [(Name, &str, &str); 5] = [
    (Name::Lookup, "dialpeer", "lookup_cost"),
    (Name::Sip, "sip", "notify_cost"),
    (Name::Qsig, "qsig", "setup_cost"),
    (Name::Tones, "media", "tone_cost"),
    (Name::Lines, "telephony-hal", "line_bench"),
];

/// What was measured, and what is over its budget.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) rows: Vec<(String, String)>,
    pub(super) problems: Vec<String>,
}

/// Longest run of one benchmark, builds apart.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs a benchmark and prints its rows.
pub(crate) fn bench(name: Name) -> Outcome {
    if cfg!(debug_assertions) {
        // the load generator must not be the slow part
        let word = name.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        return run(cargo().args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "xtask",
            "--",
            "bench",
            &word,
        ]));
    }
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    if matches!(name, Name::Notify | Name::All) {
        let measured = notify::bench();
        rows.extend(measured.rows);
        problems.extend(measured.problems);
    }
    if matches!(name, Name::Calls | Name::All) {
        rows.extend(calls::bench());
    }
    if matches!(name, Name::Config | Name::All) {
        match config::bench() {
            Ok(measured) => {
                rows.extend(measured.rows);
                problems.extend(measured.problems);
            }
            Err(why) => problems.push(why),
        }
    }
    if matches!(name, Name::Sip | Name::All) {
        match sip::bench() {
            Ok(measured) => {
                rows.extend(measured.rows);
                problems.extend(measured.problems);
            }
            Err(why) => problems.push(why),
        }
    }
    if name == Name::Guest {
        rows.extend(guest::bench()?);
    }
    for (which, package, example) in EXAMPLES {
        if name == which || name == Name::All {
            match self::example(package, example) {
                Ok(lines) => {
                    rows.extend(lines.into_iter().map(|line| (format!("{package}: {example}"), line)))
                }
                Err(why) => problems.push(why),
            }
        }
    }
    println!("| measured | figure |\n|---|---|");
    for (what, figure) in rows {
        println!("| {what} | {} |", figure.replace('|', "/"));
    }
    println!();
    println!("CPU time on {}. Reproduce with `cargo xtask bench all`.", machine());
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Runs one crate's example and gives the lines it printed.
fn example(package: &str, example: &str) -> Outcome<Vec<String>> {
    say(&format!("bench {package}: {example}"));
    let args = ["--release", "--quiet", "--package", package, "--example", example];
    run(cargo().arg("build").args(args))?;
    let program = system_tests::target_dir().join("release/examples").join(example);
    let mut child = Command::new(program)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{example}: {e}"))?;
    let stdout = child.stdout.take().ok_or("standard output is piped")?;
    let reader =
        std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>());
    let end = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break status,
            None if Instant::now() > end => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{example} took longer than {LIMIT:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let lines = reader.join().map_err(|_| "reader of the example's output")?;
    if !status.success() {
        return Err(format!("{example} failed ({status}): {}", lines.join(" ")));
    }
    let row = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(lines.into_iter().map(row).filter(|line| !line.is_empty()).collect())
}

/// The processor, for the reader of the table.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")).and_then(|l| l.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{}, {cores} cores", model.map_or("an unknown processor", |(_, name)| name.trim()))
}
