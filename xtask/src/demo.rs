//! `cargo xtask demo-check`: the demonstration, step by step.

use std::process::Command;
use std::time::Duration;

use system_tests::{Profile, Value, finish};

use crate::shell::{Outcome, root, say};

/// Runs `tipringd demo --json`: exit status 0, at least one step, every step done.
pub(crate) fn check() -> Outcome {
    let mut demo = Command::new(Profile::Debug.binaries().join("tipringd"));
    demo.args(["demo", "--json"]).current_dir(root());
    let run = finish(demo, Duration::from_secs(120));
    let mut steps = 0;
    for line in run.stdout.lines().filter(|line| !line.trim().is_empty()) {
        let step: Value = serde_json::from_str(line).map_err(|e| format!("demo wrote {line:?}: {e}"))?;
        if step.get("ok").is_some_and(|ok| ok != &Value::Bool(true)) {
            return Err(format!("demo: a step did not happen: {step}"));
        }
        if step.get("step").is_some() {
            steps += 1;
            say(&format!("demo: {}", step.get("step").unwrap_or(&Value::Null)));
        }
    }
    if run.code != Some(0) {
        return Err(format!("tipringd demo --json ended with {:?}: {}", run.code, run.stderr));
    }
    if steps == 0 {
        return Err("tipringd demo --json named no step".into());
    }
    say(&format!("demo: {steps} steps, all done"));
    Ok(())
}
