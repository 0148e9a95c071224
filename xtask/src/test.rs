//! `cargo xtask test`: every test of the workspace, and the proof of every feature row.

use std::io::{BufRead, BufReader, Write};
use std::time::Instant;

use crate::features;
use crate::libtest::Report;
use crate::setup::{Scope, setup};
use crate::shell::{Outcome, cargo, say};

/// Runs the tests. The last line on standard output is `N passed, N failed, N skipped`.
pub(crate) fn test(filter: Option<&str>, no_setup: bool) -> Outcome {
    let started = Instant::now();
    let mut report = Report::default();
    let mut problems = Vec::new();
    let ran = prepare(no_setup).and_then(|()| run(filter, &mut report));
    match ran {
        Ok(true) => {}
        Ok(false) if report.totals.1 > 0 => {}
        Ok(false) => problems.push("cargo test failed without a failed test: see above".to_owned()),
        Err(why) => problems.push(why),
    }
    problems.extend(report.crashed.iter().map(|program| format!("test program {program} crashed")));
    if filter.is_some() {
        say("a filter was given: the feature rows are not checked");
    } else if problems.is_empty() {
        problems.extend(features::unproved(&report).unwrap_or_else(|why| vec![why]));
        problems.extend(features::readme(true).err());
        if report.totals.0 == 0 {
            problems.push("no test ran".to_owned());
        }
    }
    for problem in &problems {
        eprintln!("xtask: FAILED: {problem}");
    }
    say(&format!("tests took {} s", started.elapsed().as_secs()));
    let (passed, failed, skipped) = report.totals;
    let failed = failed + problems.len();
    let _ = std::io::stderr().flush();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { Ok(()) } else { Err(String::new()) }
}

fn prepare(no_setup: bool) -> Outcome {
    if !no_setup {
        setup(Scope::Tests, false)?;
    }
    // the whole-system tests run these; building them first keeps cargo out of the tests' time
    say("building tipringd and tipring");
    let built = cargo()
        .args(["build", "--quiet", "--locked", "--bin", "tipringd", "--bin", "tipring"])
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if built.success() { Ok(()) } else { Err("tipringd and tipring do not build".into()) }
}

/// Runs `cargo test` with its output passed through and read. True when it succeeded.
fn run(filter: Option<&str>, report: &mut Report) -> Outcome<bool> {
    let (reader, writer) = std::io::pipe().map_err(|e| format!("pipe: {e}"))?;
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--color", "never"]);
    // tells the whole-system tests that `prepare` built what they run
    command.env("TIPRING_BUILT", "1");
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    // one pipe for both keeps cargo's "Running" lines and the tests' lines in order
    command.stdout(writer.try_clone().map_err(|e| format!("pipe: {e}"))?).stderr(writer);
    let mut child = command.spawn().map_err(|e| format!("cargo: {e}"))?;
    // the command holds the writing ends; without it the pipe ends with the child
    drop(command);
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(|e| format!("output of cargo test: {e}"))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        report.line(&line);
    }
    report.finish();
    Ok(child.wait().map_err(|e| format!("cargo: {e}"))?.success())
}
