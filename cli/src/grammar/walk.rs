//! Walks over the grammar: sample lines of every command and the way into every mode. The manual prints them, and tests
//! try them all.

use super::syntax::{Kind, Syntax, Token};
use super::{Command, ModeKind};

/// Every command of every mode.
pub fn commands() -> impl Iterator<Item = (ModeKind, &'static Command, &'static Syntax)> {
    ModeKind::ALL.iter().flat_map(|kind| kind.table().entries().map(|(c, s)| (*kind, c, s)))
}

/// Lines that a command's syntax describes: each branch of a choice once, each option with and without.
pub fn samples(command: &Command, syntax: &Syntax) -> Vec<String> {
    let mut out: Vec<String> =
        lines(syntax).into_iter().map(|words| adapt(command.syntax, &words.join(" "))).collect();
    out.dedup();
    out
}

/// The lines that lead from global configuration into a mode; `None` if no command opens it.
pub fn path(kind: ModeKind) -> Option<Vec<String>> {
    let mut open: std::collections::VecDeque<(ModeKind, Vec<String>)> =
        [(ModeKind::Global, Vec::new())].into();
    let mut seen = vec![ModeKind::Global];
    while let Some((at, path)) = open.pop_front() {
        if at == kind {
            return Some(path);
        }
        for (command, syntax) in at.table().entries() {
            let Some(next) = command.enters.filter(|n| !seen.contains(n)) else { continue };
            seen.push(next);
            let mut path = path.clone();
            path.extend(samples(command, syntax).into_iter().next());
            open.push_back((next, path));
        }
    }
    None
}

fn lines(syntax: &Syntax) -> Vec<Vec<String>> {
    match syntax {
        Syntax::Token(token) => vec![vec![sample(token)]],
        Syntax::Sequence(items) => {
            let parts: Vec<Vec<Vec<String>>> = items.iter().map(lines).collect();
            let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
            let pick =
                |n: usize| parts.iter().filter_map(|p| p.get(n).or(p.last())).flatten().cloned().collect();
            (0..longest).map(pick).collect()
        }
        Syntax::Choice(branches) => branches.iter().flat_map(lines).collect(),
        Syntax::Optional(item) => std::iter::once(Vec::new()).chain(lines(item)).collect(),
        Syntax::Repeat(item) => lines(item),
    }
}

fn sample(token: &Token) -> String {
    let value = match token.kind {
        None => String::new(),
        Some(Kind::Word) => match token.keyword {
            "ipv4:" => "192.0.2.1".into(),
            "dns:" => "host.example".into(),
            _ => "WORD".into(),
        },
        Some(Kind::Line) => "sample text".into(),
        Some(Kind::Address) => "255.255.255.0".into(),
        Some(Kind::Range(low, high)) => if low == 0 { high.min(2) } else { low }.to_string(),
        Some(Kind::Number) => "7".into(),
        Some(Kind::Interface) => "Serial1/0:15".into(),
    };
    format!("{}{value}", token.keyword)
}

/// Words that a command checks beyond its syntax, or that read better.
const WORDS: &[(&str, &str)] = &[
    ("hostname", "Harbour"),
    ("clock timezone", "1"),
    ("isdn switch-type", "primary-qsig"),
    ("pri-group", "1-31"),
    ("session target", "ipv4:192.0.2.1"),
    ("destination-pattern", "80.."),
    ("answer-address", "80.."),
    ("e164", "80.."),
    ("incoming called-number", "80.."),
    ("prefix", "9"),
    ("isdn mwi", "9"),
    ("tech-prefix", "1#"),
    ("num-exp", "80.."),
    ("port", "2/0"),
    ("voice-port", "2/0"),
    ("controller (E1|T1)", "1/0"),
    ("trunk group", "PBX"),
    ("trunk-group", "PBX"),
    ("trunkgroup", "PBX"),
    ("station-id number", "8000"),
    ("connection plar", "8001"),
    ("clid network-number", "4930123"),
    ("show voice port", "2/0"),
    ("show controllers", "1/0"),
    ("show dialplan number", "8000"),
    ("show running-config voice-port", "2/0"),
    ("test voice port", "2/0"),
    ("show trunk group", "PBX"),
    ("ping", "192.0.2.1"),
    ("clear line", "0"),
    ("clear sip-ua mwi", "8000"),
];

fn adapt(syntax: &str, line: &str) -> String {
    let line = &match syntax {
        "rule <1-100> reject LINE" => line.replace("sample text", "/^0190/"),
        "clock summer-time WORD (recurring|date) [LINE]" if line.contains("date") => {
            format!("{} 29 Mar 2026 2:00 25 Oct 2026 3:00", line.trim_end_matches(" sample text"))
        }
        "clock summer-time WORD (recurring|date) [LINE]" => {
            line.replace("sample text", "last Sun Mar 2:00 last Sun Oct 3:00")
        }
        "rule <1-1073741823> (request|response) LINE" | "(request|response) LINE" => {
            line.replace("sample text", "ANY sip-header From remove")
        }
        "rule <1-100> LINE" => line.replace("sample text", "/^9/ //"),
        _ => line.to_owned(),
    };
    match WORDS.iter().filter(|(head, _)| syntax.starts_with(head)).max_by_key(|(head, _)| head.len()) {
        Some((_, word)) => line.replace("WORD", word),
        None => line.replace("WORD", "NAME"),
    }
}
