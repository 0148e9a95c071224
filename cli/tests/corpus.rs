//! Real configurations: those of this repository, and the corpus beside it where it is present.
#![allow(clippy::unwrap_used, clippy::panic)]

use cli::check::{check, text_of};
use cli::config::Config;
use std::collections::BTreeMap;
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

/// The family of a voice section, by the line that opens it; `None` for what is no voice.
fn family(header: &str) -> Option<&'static str> {
    const FAMILIES: [&str; 24] = [
        "dial-peer",
        "voice-port",
        "sip-ua",
        "voice service",
        "voice class",
        "voice translation",
        "voice register",
        "voice",
        "num-exp",
        "trunk group",
        "controller",
        "isdn",
        "interface Serial",
        "telephony-service",
        "ephone",
        "translation-rule",
        "call",
        "gateway",
        "mgcp",
        "sccp",
        "dspfarm",
        "ccm-manager",
        "call-manager-fallback",
        "application",
    ];
    let header = header.strip_prefix("no ").unwrap_or(header);
    FAMILIES
        .into_iter()
        .find(|family| header.starts_with(family))
        .filter(|f| *f != "interface Serial" || header.contains(':'))
}

#[test]
fn every_voice_line_of_the_corpus_is_acted_on_or_has_a_reason() {
    let known = include_str!("corpus-refused.txt");
    // Lines acted on, kept, refused as a router refuses them, by family.
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for report in check(&examples().into_iter().chain(corpus()).collect::<Vec<_>>()) {
        let text = text_of(&std::fs::read(&report.file).unwrap());
        let messages: BTreeMap<usize, _> = report.messages.iter().map(|m| (m.line, m)).collect();
        let mut header = "";
        for (line, source) in (1..).zip(text.lines()) {
            if source.trim().is_empty() || source.trim_start().starts_with('!') {
                continue;
            }
            if !source.starts_with(' ') {
                header = source;
            }
            let Some(family) = family(header) else { continue };
            let place = match messages.get(&line) {
                None => 0,
                Some(kept) if kept.kind == "kept" => {
                    assert!(!kept.text.is_empty(), "{}:{line}: no reason for {source}", report.file);
                    1
                }
                Some(_) => {
                    assert!(
                        known.lines().any(|k| k.trim() == source.trim()),
                        "{}:{line}: {source}",
                        report.file
                    );
                    2
                }
            };
            counts.entry(family).or_default()[place] += 1;
        }
    }
    println!("{:<22} {:>6} {:>6} {:>8}", "family", "acted", "kept", "refused");
    for (family, [acted, kept, refused]) in &counts {
        println!("{family:<22} {acted:>6} {kept:>6} {refused:>8}");
    }
    // What a gateway is for is acted on for the greater part, in the examples alone and in the corpus.
    for family in ["dial-peer", "voice-port", "sip-ua"] {
        let [acted, kept, _] = counts.get(family).copied().unwrap_or_default();
        assert!(acted > 4 * kept, "{family}: {acted} acted on, {kept} kept");
    }
}

#[test]
fn every_command_of_the_guide_is_acted_on() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/sip-guide.cfg");
    let text = std::fs::read_to_string(&file).unwrap();
    let line = |number: usize| text.lines().nth(number - 1).unwrap().trim().to_owned();
    let report = check(&[file]).remove(0);
    let odd: Vec<String> = report.messages.iter().map(|m| format!("{}: {}", m.kind, line(m.line))).collect();
    // A registrar of its own the gateway does not have yet.
    assert_eq!(odd, ["kept: registrar server expires max 1500 min 500"]);
    assert!(report.acted > 55, "{report}");
}
