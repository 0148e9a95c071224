//! `cargo xtask ci`: everything that must hold before a change goes in.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::{Scope, setup};
use crate::shell::{Outcome, cargo, read, root, run, say};

type Check = fn() -> Outcome;

/// Longest source file, test files apart.
const MAX_LINES: usize = 800;

/// How long each fuzz target runs.
const FUZZ_SECONDS: u32 = 60;

/// Runs every check, the fuzz targets, even after one has failed, and then the tests, whose count is the last line.
pub(crate) fn ci() -> Outcome {
    let mut before = lint();
    if let Err(why) = crate::fuzz::fuzz(&[], crate::fuzz::Job::Run { seconds: FUZZ_SECONDS }) {
        before = Err(before.err().map_or(why.clone(), |lints| format!("{lints}\n{why}")));
    }
    if let Err(why) = &before {
        eprintln!("xtask: FAILED before the tests: {why}");
    }
    crate::test::test(None, true).and(before.map_err(|_| String::new()))
}

/// Everything but the tests: set-up, format, file lengths, lints, documentation, dependencies.
pub(crate) fn lint() -> Outcome {
    let checks: [(&str, Check); 7] = [
        ("set-up", || setup(Scope::Everything, false)),
        ("format", || {
            run(cargo().args(["fmt", "--all", "--check"]))?;
            run(cargo().args(["fmt", "--manifest-path", "tests/fuzz/Cargo.toml", "--check"]))?;
            run(cargo().args(["fmt", "--manifest-path", "tests/bench-peers/Cargo.toml", "--check"]))
        }),
        ("file lengths", file_lengths),
        ("lints", || {
            run(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
        }),
        ("documentation", || {
            let mut doc = cargo();
            doc.args(["doc", "--workspace", "--no-deps", "--locked"]);
            run(doc.env("RUSTDOCFLAGS", "-D warnings"))
        }),
        ("command reference", || crate::manual::manual(true)),
        ("dependencies", deny),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        if let Err(why) = check() {
            eprintln!("xtask: FAILED: {name}: {why}");
            failed.push(name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join(", ")) }
}

/// Licences, bans and sources always; advisories when the RustSec database can be had.
fn deny() -> Outcome {
    run(cargo().args(["deny", "--workspace", "check", "licenses", "bans", "sources"]))?;
    match read(cargo().args(["deny", "--workspace", "fetch", "db"])) {
        Ok(_) => run(cargo().args(["deny", "--workspace", "check", "advisories"])),
        Err(why) => {
            say("***************************************************************************");
            say("* The RustSec advisory database cannot be fetched. Known vulnerabilities in");
            say("* our dependencies were NOT looked for in this run.");
            say("***************************************************************************");
            say(&why);
            Ok(())
        }
    }
}

/// Rust files of more than 800 lines that are not tests.
fn file_lengths() -> Outcome {
    let listed = read(Command::new("git").arg("-C").arg(root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        "*.rs",
    ]))?;
    let mut long = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let path: PathBuf = root().join(name);
        // a file deleted but still in the index has no length
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let lines = text.lines().count();
        if lines > MAX_LINES && !is_test(Path::new(name)) {
            long.push(format!("{name} has {lines} lines"));
        }
    }
    if long.is_empty() {
        Ok(())
    } else {
        Err(format!("expected at most {MAX_LINES} lines a file, cut by subject:\n{}", long.join("\n")))
    }
}

fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem == "tests"
        || stem.ends_with("_tests")
        || path.parent().is_some_and(|p| p.iter().any(|dir| dir == "tests"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_told_by_their_place() {
        for name in
            ["sip/src/tests.rs", "sip/src/message/tests/fuzz.rs", "tests/tests/wire.rs", "a/uri_tests.rs"]
        {
            assert!(is_test(Path::new(name)), "{name}");
        }
        for name in ["sip/src/lib.rs", "sip/src/contests.rs", "xtask/src/test.rs"] {
            assert!(!is_test(Path::new(name)), "{name}");
        }
    }
}
