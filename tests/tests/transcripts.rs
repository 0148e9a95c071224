//! Transcripts that the daemon itself answers: `tests/transcripts/*.txt`, typed at its console.
//!
//! Written as those of `cli/tests/transcripts`, with the gateway's own outputs: lines that begin with a prompt are typed,
//! all others are what must be printed. `...` stands for any number of lines, `…` for any text within a line, lines that
//! begin with `;` are remarks. `NAME.cfg` and `NAME.toml` beside it are the configuration and the hardware.
//! With `TIPRING_WRITE` in the environment what does not fit is written anew, to be read before it is believed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use system_tests::{Tipringd, workspace_root};

/// Plays a transcript from the beginning and gives what was printed in place of what is written, where it differs.
fn play(file: &Path) -> Result<(), String> {
    let beside =
        |extension: &str| std::fs::read_to_string(file.with_extension(extension)).unwrap_or_default();
    let gateway = Tipringd::start(&beside("cfg"), &beside("toml"));
    let mut console = gateway.console();
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines().peekable();
    let mut prompt = console.answer("!").prompt;
    let write = std::env::var_os("TIPRING_WRITE").is_some();
    let (mut written, mut wrong) = (String::new(), String::new());
    while let Some(line) = lines.next() {
        if line.starts_with(';') {
            written.push_str(&format!("{line}\n"));
            continue;
        }
        let typed = match line.strip_prefix(&prompt) {
            None if write => line.trim_start_matches(['#', '>']),
            None => return Err(format!("{}: {line:?} where the prompt is {prompt:?}", file.display())),
            Some(typed) => typed,
        };
        written.push_str(&format!("{prompt} {}\n", typed.trim()));
        let answer = console.answer(typed.trim());
        prompt = answer.prompt;
        let mut wanted = Vec::new();
        let ends = |line: &str| line.starts_with(&prompt) || line.starts_with([';', '#']);
        while let Some(line) = lines.next_if(|line| !ends(line)) {
            wanted.push(line.trim_end());
        }
        let printed: Vec<&str> = answer.output.lines().map(str::trim_end).collect();
        let (wanted, printed) = (trimmed(&wanted), trimmed(&printed));
        let found = if fits(wanted, printed) { wanted } else { printed };
        found.iter().for_each(|line| written.push_str(&format!("{line}\n")));
        if !fits(wanted, printed) {
            let (wanted, printed) = (wanted.join("\n"), printed.join("\n"));
            wrong += &format!("\nbehind {line:?}\n--- written\n{wanted}\n--- printed\n{printed}\n---");
        }
    }
    if write {
        std::fs::write(file, written).unwrap();
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}:{wrong}", file.display())) }
}

/// Without blank lines at the end.
fn trimmed<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
    &lines[..end]
}

fn fits(wanted: &[&str], printed: &[&str]) -> bool {
    match wanted {
        [] => printed.is_empty(),
        ["...", rest @ ..] => (0..=printed.len()).any(|at| fits(rest, &printed[at..])),
        [line, rest @ ..] => {
            printed.first().is_some_and(|found| line_fits(line, found)) && fits(rest, &printed[1..])
        }
    }
}

fn line_fits(wanted: &str, printed: &str) -> bool {
    match wanted.split_once('…') {
        None => wanted == printed,
        Some((head, rest)) => printed.strip_prefix(head).is_some_and(|printed| {
            printed
                .char_indices()
                .map(|(at, _)| at)
                .chain([printed.len()])
                .any(|at| line_fits(rest, &printed[at..]))
        }),
    }
}

#[test]
fn the_daemon_answers_as_every_transcript_says() {
    let folder = workspace_root().join("tests/transcripts");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    let wrong: Vec<String> = files.iter().filter_map(|file| play(file).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_transcript_that_is_not_what_was_printed_does_not_fit() {
    assert!(fits(&["a", "...", "c … e"], &["a", "b", "b", "c d e"]));
    assert!(fits(&["a", "..."], &["a"]) && fits(&["x…"], &["x"]));
    assert!(!fits(&["a", "..."], &["b"]) && !fits(&["a…c"], &["ab"]) && !fits(&["a"], &["a", "b"]));
    assert!(!fits(&[], &["a"]) && !fits(&["a"], &[]));
}
