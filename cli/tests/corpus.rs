//! Real configurations: those of this repository, and the corpus beside it where it is present.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::check::{check, text_of};
use cli::config::Config;
use std::path::{Path, PathBuf};

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "cfg")).collect();
    files.sort();
    files
}

fn examples() -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"))
}

fn corpus() -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/ios-configs"))
}

#[test]
fn the_examples_load_with_no_line_refused() {
    let files = examples();
    assert!(files.len() >= 4, "{files:?}");
    for report in check(&files) {
        assert!(report.is_clean(), "{report}");
        assert!(report.acted > 0);
    }
}

#[test]
fn the_running_configuration_of_every_file_reads_back_as_itself() {
    let corpus = corpus();
    if corpus.is_empty() {
        println!("skipped the corpus: ../shared/corpus/ios-configs is not there");
    }
    for file in examples().into_iter().chain(corpus) {
        let config = Config::parse(&text_of(&std::fs::read(&file).unwrap())).config;
        let running = config.running();
        let again = Config::parse(&running);
        for message in &again.messages {
            assert!(
                !matches!(message.kind, cli::config::MessageKind::Refused { .. }),
                "{file:?}: {message:?}\n{running}"
            );
        }
        let second = again.config.running();
        for (first, second) in running.lines().zip(second.lines()) {
            assert_eq!(first, second, "{file:?}");
        }
        assert_eq!(second.lines().count(), running.lines().count(), "{file:?}");
        assert!(again.config == config, "{file:?}");
    }
}

/// Lines of the corpus that a router refuses too: notes, PEM blocks, output of other commands, misspellings.
#[test]
fn the_corpus_is_refused_nowhere_that_ios_accepts() {
    let corpus = corpus();
    if corpus.is_empty() {
        println!("skipped: ../shared/corpus/ios-configs is not there");
        return;
    }
    let known = include_str!("corpus-refused.txt");
    for report in check(&corpus) {
        for message in report.messages.iter().filter(|m| m.kind == "refused") {
            let source = message.source.trim();
            assert!(
                known.lines().any(|k| k.trim() == source),
                "{}:{}: {source}\n{}",
                report.file,
                message.line,
                message.text
            );
        }
    }
}
