//! What `cargo test` prints, read: which tests of which program ran and how they ended.

use std::collections::BTreeMap;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Passed,
    Failed,
    Skipped,
}

/// Every test seen, by `program::test`. Two programs of one name share their entries, the worst end wins.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) tests: BTreeMap<String, Ended>,
    /// From the `test result:` lines: passed, failed, ignored.
    pub(crate) totals: (usize, usize, usize),
    /// Programs that started but gave no `test result:` line: they crashed.
    pub(crate) crashed: Vec<String>,
    program: Option<String>,
    open: Option<String>,
}

impl Report {
    /// Takes the next line of output (standard output and standard error of cargo in their order).
    pub(crate) fn line(&mut self, line: &str) {
        let text = line.trim();
        if let Some(rest) = text.strip_prefix("Running ").filter(|r| r.ends_with(')') && r.contains(" (")) {
            let path = rest.rsplit_once(" (").map_or("", |(_, path)| path.trim_end_matches(')'));
            let file = path.rsplit('/').next().unwrap_or(path);
            self.program(file.rsplit_once('-').map_or(file, |(name, _)| name));
        } else if let Some(name) = text.strip_prefix("Doc-tests ") {
            self.program(&format!("{name}::doc"));
        } else if let Some(rest) = text.strip_prefix("test result: ") {
            self.open = None;
            self.program = None;
            self.totals.0 += count(rest, "passed");
            self.totals.1 += count(rest, "failed");
            self.totals.2 += count(rest, "ignored");
        } else if let Some((name, end)) = text.strip_prefix("test ").and_then(|t| t.split_once(" ... ")) {
            // one test alone is announced before it ends, and what it prints stands between
            match ended(end) {
                Some(how) => self.ended(name, how),
                None => self.open = Some(name.to_owned()),
            }
        } else if let Some(name) = text.strip_prefix("test ").and_then(|t| t.strip_suffix(" ...")) {
            self.open = Some(name.to_owned());
        } else if let (Some(name), Some(how)) = (self.open.clone(), ended(text)) {
            self.open = None;
            self.ended(&name, how);
        }
    }

    /// Call at the end of the output.
    pub(crate) fn finish(&mut self) {
        self.crashed.extend(self.program.take());
    }

    fn program(&mut self, name: &str) {
        self.crashed.extend(self.program.replace(name.to_owned()));
        self.open = None;
    }

    fn ended(&mut self, test: &str, how: Ended) {
        let test = test.trim_end_matches(" - should panic");
        let id = format!("{}::{test}", self.program.as_deref().unwrap_or("?"));
        let entry = self.tests.entry(id).or_insert(how);
        if how != Ended::Passed && *entry != Ended::Failed {
            *entry = how;
        }
    }
}

fn ended(text: &str) -> Option<Ended> {
    let word = text.trim();
    if word == "ok" || word.starts_with("ok (") || word.ends_with(" ok") {
        Some(Ended::Passed)
    } else if word.starts_with("FAILED") || word.ends_with(" FAILED") {
        Some(Ended::Failed)
    } else if word == "ignored" || word.starts_with("ignored,") {
        Some(Ended::Skipped)
    } else {
        None
    }
}

fn count(summary: &str, what: &str) -> usize {
    let words: Vec<&str> = summary.split([' ', ';', '.']).filter(|w| !w.is_empty()).collect();
    words
        .windows(2)
        .find_map(|pair| match pair {
            [number, word] if *word == what => number.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        let mut report = Report::default();
        text.lines().for_each(|line| report.line(line));
        report.finish();
        report
    }

    #[test]
    fn tests_are_named_after_their_program() {
        let report = report(
            "     Running unittests src/lib.rs (target/debug/deps/telephony_hal-0123456789abcdef)\n\
             running 3 tests\n\
             test line::tests::rings ... ok\n\
             test line::tests::overflows - should panic ... ok\n\
             test line::tests::later ... ignored, needs hardware\n\
             test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                  Running tests/mwi_fxs.rs (target/debug/deps/mwi_fxs-fedcba)\n\
             test lamp ... FAILED\n\
             test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s\n\
                Doc-tests sip\n\
             test sip/src/lib.rs - (line 12) ... ok\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s\n",
        );
        assert_eq!(report.totals, (3, 1, 1));
        assert_eq!(report.tests.get("telephony_hal::line::tests::overflows"), Some(&Ended::Passed));
        assert_eq!(report.tests.get("telephony_hal::line::tests::later"), Some(&Ended::Skipped));
        assert_eq!(report.tests.get("mwi_fxs::lamp"), Some(&Ended::Failed));
        assert_eq!(report.tests.get("sip::doc::sip/src/lib.rs - (line 12)"), Some(&Ended::Passed));
        assert!(report.crashed.is_empty());
    }

    #[test]
    fn a_lone_test_is_announced_before_it_ends() {
        let report = report(
            "Running tests/demo.rs (target/debug/deps/demo-1)\ntest demo ... noise\nmore noise\nok\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
        );
        assert_eq!(report.tests.get("demo::demo"), Some(&Ended::Passed));
    }

    #[test]
    fn a_program_without_a_result_line_has_crashed() {
        let text = "Running tests/a.rs (target/debug/deps/a-1)\ntest x ... ok\n\
                    Running tests/b.rs (target/debug/deps/b-1)\nrunning 1 test\n";
        assert_eq!(report(text).crashed, ["a", "b"]);
    }
}
