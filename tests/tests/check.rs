//! `tipringd check`: configurations read offline.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use system_tests::{Finished, Profile, Value, finish, workspace_root};

fn check(args: &[&str], files: &[PathBuf]) -> Finished {
    let mut check = Command::new(Profile::Debug.binaries().join("tipringd"));
    check.arg("check").args(args).args(files).current_dir(workspace_root());
    finish(check, Duration::from_secs(30))
}

/// One JSON object a file, one a line or in one array.
fn objects(text: &str) -> Vec<Value> {
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect();
    match values.as_slice() {
        [Value::Array(objects)] => objects.clone(),
        _ => values,
    }
}

#[test]
fn no_line_of_the_examples_is_refused() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(workspace_root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "cfg"))
        .collect();
    files.sort();
    assert!(files.len() >= 4, "the three of the MWI document and the demonstration's: {files:?}");
    assert_eq!(check(&[], &files).code, Some(0));
    let run = check(&["--json"], &files);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let reports = objects(&run.stdout);
    assert_eq!(reports.len(), files.len());
    for report in reports {
        assert_eq!(report.get("refused"), Some(&Value::from(0)), "{report:#}");
        assert!(report.get("acted").and_then(Value::as_u64).unwrap() > 5, "{report:#}");
    }
}

#[test]
fn a_line_nobody_understands_is_refused_with_its_number_and_a_caret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.cfg");
    std::fs::write(&file, "hostname Router\nvoice-port 2/0\n cptone zz\n mwi\n").unwrap();
    let files = [file];
    let run = check(&["--json"], &files);
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    let report = objects(&run.stdout).remove(0);
    assert_eq!(report.get("refused"), Some(&Value::from(1)), "{report:#}");
    assert!(report.get("messages").unwrap().to_string().contains("cptone"), "{report:#}");
    let run = check(&[], &files);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("% Invalid input detected at '^' marker."), "{}", run.stdout);
    assert!(run.stdout.contains('3'), "{}", run.stdout);
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    assert_ne!(check(&[], &[PathBuf::from("/nonexistent/router.cfg")]).code, Some(0));
}
