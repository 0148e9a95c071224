//! The README's first command.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use system_tests::{Profile, Value, finish, workspace_root};

#[test]
fn the_demonstration_goes_through_every_step() {
    let mut demo = Command::new(Profile::Debug.binaries().join("tipringd"));
    demo.args(["demo", "--json"]).current_dir(workspace_root());
    let run = finish(demo, Duration::from_secs(60));
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let steps: Vec<Value> = run
        .stdout
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}")))
        .collect();
    assert!(!steps.is_empty());
    let all = run.stdout.to_lowercase();
    // DESIGN section 4: what the demonstration shows
    for shown in ["notify sip:", "200 ok", "mwiactivate", "mwideactivate", "endpoint 8000 mwi status on"] {
        assert!(all.contains(shown), "the demonstration does not show {shown:?}:\n{}", run.stdout);
    }
}
