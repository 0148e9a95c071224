//! `| include`, `exclude`, `begin`, `section`, `count`.

use regex_lite::Regex;

/// A pipe behind a `show` command.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    kind: Kind,
    regex: Regex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Include,
    Exclude,
    Begin,
    Section,
    SectionExclude,
    Count,
}

const KINDS: &[(&str, &str, Kind)] = &[
    ("begin", "Begin with the line that matches", Kind::Begin),
    ("count", "Count number of lines which match regexp", Kind::Count),
    ("exclude", "Exclude lines that match", Kind::Exclude),
    ("include", "Include lines that match", Kind::Include),
    ("section", "Filter a section of output", Kind::Section),
];

/// Longest regular expression.
const MAX_EXPRESSION: usize = 512;

/// Splits a line at the pipe: the command, and what stands behind with its column.
pub(super) fn split(line: &str) -> (&str, Option<(&str, usize)>) {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '|' && before.is_whitespace() {
            return (line.get(..at).unwrap_or(""), line.get(at + 1..).map(|rest| (rest, at + 1)));
        }
        before = c;
    }
    (line, None)
}

/// The rows of `| ?`.
pub(super) fn help() -> Vec<(String, &'static str)> {
    KINDS.iter().map(|(name, text, _)| ((*name).to_owned(), *text)).collect()
}

/// Why a pipe is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FilterError {
    /// Caret under this column.
    Invalid(usize),
    Incomplete,
    Text(String),
}

impl Filter {
    /// Reads what stands behind the pipe.
    pub(super) fn parse(text: &str, column: usize) -> Result<Filter, FilterError> {
        let start = column + text.len() - text.trim_start().len();
        let text = text.trim();
        let (word, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if word.is_empty() {
            return Err(FilterError::Incomplete);
        }
        let mut fits = KINDS.iter().filter(|(name, ..)| starts(name, word));
        let (Some((_, _, kind)), None) = (fits.next(), fits.next()) else {
            return Err(FilterError::Invalid(start));
        };
        let mut kind = *kind;
        rest = rest.trim();
        if kind == Kind::Section {
            let (word, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if word.eq_ignore_ascii_case("include") && !tail.is_empty() {
                rest = tail.trim();
            } else if word.eq_ignore_ascii_case("exclude") && !tail.is_empty() {
                kind = Kind::SectionExclude;
                rest = tail.trim();
            }
        }
        if rest.is_empty() {
            return Err(FilterError::Incomplete);
        }
        let regex = expression(rest)
            .ok_or_else(|| FilterError::Text("% Failed to compile regular expression.".into()))?;
        Ok(Filter { kind, regex })
    }

    /// Applies the filter to a whole output.
    pub(super) fn apply(&self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let hit = |line: &str| self.regex.is_match(line);
        let chosen: Vec<&str> = match self.kind {
            Kind::Include => lines.into_iter().filter(|l| hit(l)).collect(),
            Kind::Exclude => lines.into_iter().filter(|l| !hit(l)).collect(),
            Kind::Begin => lines.into_iter().skip_while(|l| !hit(l)).collect(),
            Kind::Count => {
                let count = lines.into_iter().filter(|l| hit(l)).count();
                return format!("Number of lines which match regexp = {count}");
            }
            Kind::Section => section(&lines, &hit, true),
            Kind::SectionExclude => section(&lines, &hit, false),
        };
        chosen.join("\n")
    }
}

/// A section is a line with the more deeply indented lines behind it; a match anywhere in it, by a body line too, chooses
/// the heading and the rest of the matching part.
fn section<'a>(lines: &[&'a str], hit: &dyn Fn(&str) -> bool, wanted: bool) -> Vec<&'a str> {
    let indent = |l: &str| l.len() - l.trim_start().len();
    let mut out = Vec::new();
    let mut rest = lines;
    while let Some((heading, tail)) = rest.split_first() {
        let size = tail.iter().take_while(|l| indent(l) > indent(heading) && !l.trim().is_empty()).count();
        let (body, after) = tail.split_at(size);
        let matches = hit(heading) || body.iter().any(|l| hit(l));
        if matches == wanted {
            out.push(*heading);
            if hit(heading) || !wanted {
                out.extend(body);
            } else {
                out.extend(section(body, hit, true));
            }
        }
        rest = after;
    }
    out
}

fn starts(name: &str, word: &str) -> bool {
    name.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// An IOS regular expression: `_` stands for a delimiter. Text that is no expression is searched as it stands.
fn expression(text: &str) -> Option<Regex> {
    if text.len() > MAX_EXPRESSION {
        return None;
    }
    let mut out = String::new();
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '_' if !escaped => out.push_str("(?:^|$|[ ,{}()_])"),
            // Letters behind a backslash are themselves in IOS; here they would be classes.
            c if escaped && c.is_alphanumeric() => {
                out.pop();
                out.push(c);
            }
            c => out.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    Regex::new(&out).ok().or_else(|| Regex::new(&escape(text)).ok())
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !c.is_alphanumeric() && c.is_ascii() && c != ' ' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
