//! `cargo xtask fuzz`: the targets of `tests/fuzz`, on stable Rust.
//!
//! cargo-fuzz needs a nightly compiler for its sanitizers. What a crash in safe Rust needs is only the coverage
//! that steers the mutations, and LLVM's pass for it is there in every compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::shell::{Outcome, cargo, read, root, run, say};

/// Counters of every edge and a table of their addresses, as libFuzzer wants them.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "--cfg=fuzzing",
];

/// Targets that run at the same time.
const AT_ONCE: usize = 2;

/// Longest input, in octets. What is longer than a datagram is the limits' business.
const MAX_LEN: usize = 4096;

/// Most inputs that minimising leaves in a committed corpus, apart from those somebody named.
const MAX_INPUTS: usize = 60;

/// What to do with the targets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job {
    /// Runs each for so many seconds.
    Run { seconds: u32 },
    /// Puts what was found by earlier runs into the committed corpus, made small.
    Minimise,
}

/// Builds the targets and does the job with each; no names means all of them.
pub(crate) fn fuzz(names: &[String], job: Job) -> Outcome {
    let names = chosen(names)?;
    if matches!(job, Job::Run { .. }) {
        let without: Vec<_> = names.iter().filter(|name| !has_corpus(name)).cloned().collect();
        if !without.is_empty() {
            return Err(format!(
                "expected committed inputs in tests/fuzz/corpus/ for {}",
                without.join(", ")
            ));
        }
    }
    let programs = build(&names)?;
    let waiting = Mutex::new(names.iter());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(names.len()) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                    let Some(name) = next else { break };
                    let done = match job {
                        Job::Run { seconds } => run_one(&programs, name, seconds),
                        Job::Minimise => minimise(&programs, name),
                    };
                    if let (Err(why), Ok(mut failed)) = (done, failed.lock()) {
                        failed.push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().map_err(|_| "a target's thread has ended badly")?;
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn folder() -> PathBuf {
    root().join("tests/fuzz")
}

/// Where runs keep what they find.
fn kept(what: &str, name: &str) -> PathBuf {
    system_tests::target_dir().join("fuzz").join(what).join(name)
}

fn chosen(names: &[String]) -> Outcome<Vec<String>> {
    let mut all = Vec::new();
    let programs = folder().join("src/bin");
    for entry in fs::read_dir(&programs).map_err(|e| format!("{}: {e}", programs.display()))?.flatten() {
        if let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".rs")) {
            all.push(name.to_owned());
        }
    }
    all.sort();
    if names.is_empty() {
        return Ok(all);
    }
    match names.iter().find(|name| !all.contains(name)) {
        Some(unknown) => Err(format!("expected one of {}, got {unknown}", all.join(", "))),
        None => Ok(names.to_vec()),
    }
}

/// Whether git knows an input of this target.
fn has_corpus(name: &str) -> bool {
    let listed =
        read(Command::new("git").arg("-C").arg(folder()).args(["ls-files", "--", &format!("corpus/{name}")]));
    listed.is_ok_and(|listed| !listed.trim().is_empty())
}

/// Builds the targets and gives the folder they are in.
fn build(names: &[String]) -> Outcome<PathBuf> {
    let version = read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let target_dir = system_tests::target_dir().join("fuzz");
    let mut build = cargo();
    // With --target, build scripts are built without the flags: they have no libFuzzer to count for.
    // Not --locked: whoever gives a crate a dependency need not know of this second lock file.
    build.args(["build", "--release", "--target", host, "--manifest-path"]);
    build.arg(folder().join("Cargo.toml")).arg("--target-dir").arg(&target_dir);
    for name in names {
        build.args(["--bin", name]);
    }
    run(build.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\u{1f}")))?;
    Ok(target_dir.join(host).join("release"))
}

fn run_one(programs: &Path, name: &str, seconds: u32) -> Outcome {
    let (found, crashes) = (kept("corpus", name), kept("artifacts", name));
    for folder in [&found, &crashes] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut target = Command::new(programs.join(name));
    target.args([
        &format!("-max_total_time={seconds}"),
        &format!("-max_len={MAX_LEN}"),
        &format!("-artifact_prefix={}/", crashes.display()),
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    ]);
    let words = folder().join("dict").join(format!("{name}.dict"));
    if words.exists() {
        target.arg(format!("-dict={}", words.display()));
    }
    target.arg(&found).arg(folder().join("corpus").join(name)).stdin(Stdio::null());
    say(&format!("fuzz {name}: {seconds} s"));
    let out = target.output().map_err(|e| format!("{name}: {e}"))?;
    let log = String::from_utf8_lossy(&out.stderr);
    if out.status.success() {
        let figure = |what: &str| {
            log.lines()
                .find_map(|line| line.strip_prefix(what))
                .map_or("?", |rest| rest.trim_start_matches(':').trim())
        };
        let covered = log.lines().rev().find_map(|line| {
            let (_, rest) = line.split_once(" cov: ")?;
            rest.split_whitespace().next()
        });
        println!(
            "fuzz {name}: {} inputs, {} a second, {} edges, {} MiB",
            figure("stat::number_of_executed_units"),
            figure("stat::average_exec_per_sec"),
            covered.unwrap_or("?"),
            figure("stat::peak_rss_mb"),
        );
        return Ok(());
    }
    Err(format!(
        "fuzz {name} failed ({}); the input is in {}\n{}",
        out.status,
        crashes.display(),
        excerpt(&log)
    ))
}

/// What a failed run said that matters: the panic and the input.
fn excerpt(log: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = log.lines();
    while let Some(line) = lines.next() {
        if line.contains(" panicked at ") {
            kept.push(line);
            kept.extend(lines.by_ref().take_while(|line| !line.starts_with("stack backtrace")).take(12));
        } else if ["==", "SUMMARY", "Base64", "artifact_prefix"].iter().any(|start| line.starts_with(start)) {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// The fewest and smallest inputs with the coverage of all: committed ones and those found.
fn minimise(programs: &Path, name: &str) -> Outcome {
    let (committed, found) = (folder().join("corpus").join(name), kept("corpus", name));
    let small = kept("small", name);
    let _ = fs::remove_dir_all(&small);
    for folder in [&committed, &found, &small] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut merge = Command::new(programs.join(name));
    merge.args(["-merge=1", "-max_len=1024"]).args([&small, &committed, &found]);
    read(&mut merge)?;
    let mut inputs: Vec<_> = fs::read_dir(&small)
        .map_err(|e| format!("{}: {e}", small.display()))?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.len(), entry.path())))
        .collect();
    inputs.sort();
    // Of every size some: small ones are many, large ones reach far.
    let every = inputs.len().div_ceil(MAX_INPUTS).max(1);
    let inputs: Vec<_> = inputs.iter().rev().step_by(every).map(|(_, path)| path).collect();
    for old in fs::read_dir(&committed).map_err(|e| format!("{}: {e}", committed.display()))?.flatten() {
        if is_hash(&old.path()) {
            fs::remove_file(old.path()).map_err(|e| format!("{}: {e}", old.path().display()))?;
        }
    }
    for path in &inputs {
        let to = committed.join(path.file_name().unwrap_or_default());
        fs::copy(path, &to).map_err(|e| format!("{}: {e}", to.display()))?;
    }
    println!("fuzz {name}: {} inputs in {}", inputs.len(), committed.display());
    Ok(())
}

/// Whether libFuzzer named the file: by the SHA-1 of what is in it.
fn is_hash(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.len() == 40 && name.iter().all(u8::is_ascii_hexdigit)
}
