//! SIP messages beside rsip's and rsipstack's: time, instructions, allocations.

use std::path::Path;
use std::process::Command;

use super::Measured;
use crate::shell::{Outcome, cargo, read, root, run, say};

/// Whom `tests/bench-peers` knows, ours first.
const WHO: [&str; 3] = ["sip", "rsip", "rsipstack"];
/// Messages for the clock and the allocator.
const COUNT: u32 = 200_000;
/// Messages for callgrind.
const COUNTED: u32 = 1_000;
/// What one message of ours may allocate.
const MOST_ALLOCATIONS: u64 = 2;
/// What one message of ours may take, in ns.
const MOST_NANOSECONDS: u64 = 1_000;

/// Builds the programs and measures.
pub(super) fn bench() -> Outcome<Measured> {
    let target_dir = system_tests::target_dir().join("bench-peers");
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--manifest-path"]);
    build.arg(root().join("tests/bench-peers/Cargo.toml")).arg("--target-dir").arg(&target_dir);
    run(&mut build)?;
    let program = target_dir.join("release/bench-peers");
    let mut measured = Measured::default();
    for who in WHO {
        say(&format!("bench sip: {who}"));
        let said = read(Command::new(&program).args([who, &COUNT.to_string()]))?;
        let figure = |what: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(what));
            line.and_then(|rest| rest.trim().parse::<u64>().ok()).ok_or(format!("{who} gave no {what}"))
        };
        let (nanoseconds, allocations) = (figure("nanoseconds")?, figure("allocations")?);
        let instructions =
            (counted(&program, who, COUNTED)? - counted(&program, who, 0)?) / u64::from(COUNTED);
        let mut row = format!("{nanoseconds} ns, {instructions} instructions, {allocations} allocations");
        if who == "sip" {
            row.push_str(&format!(" (budget {MOST_NANOSECONDS} ns, {MOST_ALLOCATIONS} allocations)"));
            if allocations > MOST_ALLOCATIONS {
                measured
                    .problems
                    .push(format!("{allocations} allocations a message, budget {MOST_ALLOCATIONS}"));
            }
            if nanoseconds > MOST_NANOSECONDS {
                measured.problems.push(format!("{nanoseconds} ns a message, budget {MOST_NANOSECONDS}"));
            }
        }
        measured.rows.push((format!("1 KiB INVITE read, routed, printed: {who}"), row));
    }
    Ok(measured)
}

/// Instructions of a whole run.
fn counted(program: &Path, who: &str, count: u32) -> Outcome<u64> {
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([who, &count.to_string()])
        .output()
        .map_err(|e| format!("valgrind: {e}"))?;
    let log = String::from_utf8_lossy(&out.stderr);
    let collected = log.lines().find_map(|line| line.split_once("Collected :"));
    collected
        .and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| format!("callgrind counted nothing: {log}"))
}
