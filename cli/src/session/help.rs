//! `?` and Tab.

use super::filter;
use crate::grammar::ModeKind;
use crate::grammar::matcher::{self, Expected, Failure};

/// The text of `?` behind `line`, wrapped at `width` columns (0: 80).
pub(super) fn help(kinds: &[ModeKind], line: &str, width: usize) -> String {
    let width = if width == 0 { 80 } else { width.max(30) };
    match candidates(kinds, line) {
        Err(Failure::Ambiguous(_)) => format!("% Ambiguous command:  \"{line}\"\n"),
        Err(_) => "% Unrecognized command\n".to_owned(),
        Ok(Found { word, list, heading }) => {
            if !word.is_empty() {
                let names: Vec<&str> = list.iter().map(|e| e.label.as_str()).collect();
                return format!("{}\n", names.join("  "));
            }
            let mut out = heading.map(|h| format!("{h} commands:\n")).unwrap_or_default();
            out.push_str(&rows(&list, width));
            out
        }
    }
}

/// The ways to complete the last word of `line`: whole keywords.
pub(super) fn completions(kinds: &[ModeKind], line: &str) -> Vec<String> {
    match candidates(kinds, line) {
        Ok(found) => found.list.into_iter().filter(|e| e.keyword).map(|e| e.label).collect(),
        Err(_) => Vec::new(),
    }
}

struct Found {
    /// The word being typed; empty behind a blank.
    word: String,
    list: Vec<Expected>,
    heading: Option<&'static str>,
}

fn candidates(kinds: &[ModeKind], line: &str) -> Result<Found, Failure> {
    let in_config = kinds.first().is_some_and(|k| !k.is_exec());
    if !in_config && let (_, Some((behind, _))) = filter::split(line) {
        return pipe(behind);
    }
    let mut input = matcher::words(line);
    let mut text = line;
    let word = match input.last() {
        Some(last) if !line.ends_with(char::is_whitespace) => {
            let last = *last;
            input.pop();
            text = line.get(..last.column).unwrap_or("");
            last.text.to_owned()
        }
        _ => String::new(),
    };
    let first = input.first().map_or("", |w| w.text);
    let mut tables: Vec<ModeKind> = kinds.to_vec();
    if in_config && first.eq_ignore_ascii_case("do") {
        tables = vec![ModeKind::Privileged];
        input.remove(0);
    } else if in_config && (first.eq_ignore_ascii_case("no") || first.eq_ignore_ascii_case("default")) {
        input.remove(0);
    }
    let heading = (input.is_empty() && word.is_empty()).then(|| tables.first().map_or("", |k| k.title()));
    let mut failure = Failure::Invalid(0);
    for kind in tables {
        match matcher::expected(kind.table(), text, &input) {
            Ok(list) => {
                let list: Vec<Expected> =
                    list.into_iter().filter(|e| word.is_empty() || fits(e, &word)).collect();
                if !list.is_empty() {
                    let list = if filters(&input) { with_pipe(list, &word) } else { list };
                    return Ok(Found { word, list, heading });
                }
            }
            Err(f @ Failure::Ambiguous(_)) => failure = f,
            Err(_) => {}
        }
    }
    Err(failure)
}

/// True for commands that print what a filter can choose from.
fn filters(input: &[matcher::Typed<'_>]) -> bool {
    let first = input.first().map_or("", |w| w.text).to_ascii_lowercase();
    ["show", "more", "dir"].iter().any(|name| first.len() > 1 && name.starts_with(&first))
}

/// What is complete can go on behind a pipe.
fn with_pipe(mut list: Vec<Expected>, word: &str) -> Vec<Expected> {
    if word.is_empty()
        && let Some(end) = list.iter().position(|e| e.label == "<cr>")
    {
        list.insert(end, Expected { label: "|".into(), help: "Output modifiers", keyword: false });
    }
    list
}

fn pipe(behind: &str) -> Result<Found, Failure> {
    let list: Vec<Expected> = filter::help(behind)
        .into_iter()
        .map(|(label, help)| Expected { keyword: label != "LINE", label, help })
        .collect();
    if list.is_empty() {
        return Err(Failure::Invalid(0));
    }
    let typing = !behind.ends_with(char::is_whitespace) && list.iter().all(|e| e.keyword);
    let word = if typing {
        behind.rsplit(char::is_whitespace).next().unwrap_or("").to_owned()
    } else {
        String::new()
    };
    Ok(Found { word, list, heading: None })
}

fn fits(expected: &Expected, word: &str) -> bool {
    if expected.label == "<cr>" {
        return false;
    }
    if !expected.keyword {
        return expected.label.starts_with("WORD")
            || expected.label.starts_with("LINE")
            || expected.label.starts_with('<') && word.bytes().all(|b| b.is_ascii_digit())
            || expected.label.starts_with("A.B") && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            || expected.label.split(':').next().is_some_and(|p| {
                p.len() > word.len() && p.get(..word.len()).is_some_and(|h| h.eq_ignore_ascii_case(word))
            });
    }
    expected.label.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// Two blanks, the word padded to the widest, two blanks, the text wrapped under its own column. Further lines of the text
/// stand under the word, as those that say what each number of a range means.
fn rows(list: &[Expected], width: usize) -> String {
    let widest = list.iter().map(|e| e.label.len()).max().unwrap_or(0).min(24);
    let column = widest + 4;
    let mut out = String::new();
    for entry in list {
        let mut row = format!("  {:widest$}  ", entry.label);
        let (text, choices) = entry.help.split_once('\n').unwrap_or((entry.help, ""));
        for word in text.split(' ') {
            if row.len() > column && row.len() + word.len() + 1 > width {
                out.push_str(row.trim_end());
                out.push('\n');
                row = " ".repeat(column);
            }
            row.push_str(word);
            row.push(' ');
        }
        out.push_str(row.trim_end());
        out.push('\n');
        choices.lines().for_each(|choice| out.push_str(&format!("  {choice}\n")));
    }
    out
}
