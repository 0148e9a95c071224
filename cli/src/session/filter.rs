//! What stands behind a pipe: `| include`, `exclude`, `begin`, `section`, `count`, several of them in a row, and
//! `redirect`, `append`, `tee` at the end.

use regex_lite::Regex;

/// The pipes behind a `show` command.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    filters: Vec<Filter>,
    sink: Option<Sink>,
}

/// A file that takes the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sink {
    pub(super) url: String,
    /// Behind what the file has; otherwise in its place.
    pub(super) append: bool,
    /// The terminal shows the output too.
    pub(super) shown: bool,
}

#[derive(Clone, Debug)]
struct Filter {
    kind: Kind,
    regex: Regex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Append,
    Begin,
    Count,
    Exclude,
    Include,
    Redirect,
    Section,
    SectionExclude,
    Tee,
}

const KINDS: &[(&str, &str, Kind)] = &[
    ("append", "Append redirected output to URL (URLs supporting append operation only)", Kind::Append),
    ("begin", "Begin with the line that matches", Kind::Begin),
    ("count", "Count number of lines which match regexp", Kind::Count),
    ("exclude", "Exclude lines that match", Kind::Exclude),
    ("include", "Include lines that match", Kind::Include),
    ("redirect", "Redirect output to URL", Kind::Redirect),
    ("section", "Filter a section of output", Kind::Section),
    ("tee", "Copy output to URL", Kind::Tee),
];

/// Longest regular expression.
const MAX_EXPRESSION: usize = 512;
/// Most pipes in a row.
const MAX_PIPES: usize = 16;

/// Splits a line at the first pipe: the command, and what stands behind with its column.
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

/// The rows of `?` behind a pipe: what may follow `text`, label and help, and whether the last word is being typed.
pub(super) fn help(text: &str) -> Vec<(String, &'static str)> {
    let text = text.rsplit_once(" | ").map_or(text, |(before, last)| match kind_of(first_word(last)) {
        Ok(_) => last,
        Err(_) if last.trim().is_empty() => last,
        Err(_) if KINDS.iter().any(|(name, ..)| starts(name, last.trim())) => last,
        // An alternation inside the expression.
        Err(_) => before,
    });
    let text = text.trim_start();
    let (word, behind) = match text.split_once(char::is_whitespace) {
        Some((word, behind)) => (word, Some(behind.trim_start())),
        None => (text, None),
    };
    let Some(behind) = behind else {
        return KINDS
            .iter()
            .filter(|(name, ..)| starts(name, word))
            .map(|(name, text, _)| ((*name).to_owned(), *text))
            .collect();
    };
    let rows: &[(&str, &'static str)] = match kind_of(word) {
        Err(_) => &[],
        Ok(Kind::Section) if behind.is_empty() => &[
            ("LINE", "Regular Expression"),
            ("exclude", "Exclude entire section(s) of output"),
            ("include", "Include entire section(s) of output"),
        ],
        Ok(Kind::Tee) if behind.is_empty() => {
            &[("/append", "Append output to URL"), ("flash:", "Uniform Resource Locator")]
        }
        Ok(Kind::Append | Kind::Redirect | Kind::Tee) => &[("flash:", "Uniform Resource Locator")],
        Ok(_) => &[("LINE", "Regular Expression")],
    };
    rows.iter().map(|(label, help)| ((*label).to_owned(), *help)).collect()
}

/// Why a pipe is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FilterError {
    /// Caret under this column.
    Invalid(usize),
    Ambiguous,
    Incomplete,
    Text(String),
}

impl Pipe {
    /// Reads what stands behind the first pipe, which ends at this column of the line.
    pub(super) fn parse(text: &str, column: usize) -> Result<Pipe, FilterError> {
        let mut pipe = Pipe { filters: Vec::new(), sink: None };
        let (mut text, mut column) = (text, column);
        loop {
            let (own, next) = match next_pipe(text) {
                Some(at) => (text.get(..at).unwrap_or(""), text.get(at + 1..)),
                None => (text, None),
            };
            // Blanks at the end belong to the expression, but not those before another pipe.
            pipe.add(if next.is_some() { own.trim_end() } else { own }, column)?;
            let Some(rest) = next else { return Ok(pipe) };
            column += own.len() + 1;
            // Nothing is left to filter behind a file.
            if pipe.filters.len() >= MAX_PIPES || pipe.sink.is_some() {
                return Err(FilterError::Invalid(column - 1));
            }
            text = rest;
        }
    }

    fn add(&mut self, text: &str, column: usize) -> Result<(), FilterError> {
        let start = column + text.len() - text.trim_start().len();
        let text = text.trim_start();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim_start();
        if word.is_empty() {
            return Err(FilterError::Incomplete);
        }
        let kind = kind_of(word).map_err(|fits| match fits {
            0 => FilterError::Invalid(start),
            _ => FilterError::Ambiguous,
        })?;
        if rest.is_empty() {
            return Err(FilterError::Incomplete);
        }
        let at = column + text.len() - rest.len() + (start - column);
        match kind {
            Kind::Append | Kind::Redirect | Kind::Tee => {
                self.sink = Some(sink(kind, rest, at)?);
            }
            Kind::Section => {
                let (word, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let (kind, rest) = match word.to_ascii_lowercase().as_str() {
                    "include" if !tail.is_empty() => (Kind::Section, tail.trim_start()),
                    "exclude" if !tail.is_empty() => (Kind::SectionExclude, tail.trim_start()),
                    _ => (Kind::Section, rest),
                };
                self.filters.push(Filter::new(kind, rest)?);
            }
            kind => self.filters.push(Filter::new(kind, rest)?),
        }
        Ok(())
    }

    /// Applies the filters to a whole output.
    pub(super) fn apply(&self, text: String) -> String {
        self.filters.iter().fold(text, |text, filter| filter.apply(&text))
    }

    /// Where the output goes, if not only to the terminal.
    pub(super) fn into_sink(self) -> Option<Sink> {
        self.sink
    }
}

/// Searches from ` --More-- `: `/` begins at a match, `+` shows only what matches, `-` what does not.
pub(super) fn search(sign: u8, expression: &str, rows: Vec<String>) -> Option<Vec<String>> {
    let regex = compile(expression)?;
    Some(match sign {
        b'/' => rows.into_iter().skip_while(|row| !regex.is_match(row)).collect(),
        b'+' => rows.into_iter().filter(|row| regex.is_match(row)).collect(),
        _ => rows.into_iter().filter(|row| !regex.is_match(row)).collect(),
    })
}

/// Place of the next pipe sign in `text` that begins another filter: a word of our list stands behind it. Any other is
/// an alternation of the regular expression.
fn next_pipe(text: &str) -> Option<usize> {
    let mut before = 'x';
    for (at, c) in text.char_indices() {
        if c == '|' && before.is_whitespace() {
            let rest = text.get(at + 1..).unwrap_or("");
            if rest.starts_with(char::is_whitespace) && kind_of(first_word(rest)).is_ok() {
                return Some(at);
            }
        }
        before = c;
    }
    None
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("")
}

/// The kind of filter a word means, or how many it could.
fn kind_of(word: &str) -> Result<Kind, usize> {
    let mut fits = KINDS.iter().filter(|(name, ..)| !word.is_empty() && starts(name, word));
    match (fits.next(), fits.next()) {
        (Some((_, _, kind)), None) => Ok(*kind),
        (None, _) => Err(0),
        _ => Err(2),
    }
}

fn sink(kind: Kind, rest: &str, column: usize) -> Result<Sink, FilterError> {
    let mut words = rest.split_whitespace();
    let mut url = words.next().unwrap_or("");
    let mut append = kind == Kind::Append;
    if kind == Kind::Tee && url.eq_ignore_ascii_case("/append") {
        append = true;
        url = words.next().ok_or(FilterError::Incomplete)?;
    }
    if let Some(more) = words.next() {
        return Err(FilterError::Invalid(column + rest.find(more).unwrap_or(0)));
    }
    Ok(Sink { url: url.to_owned(), append, shown: kind == Kind::Tee })
}

impl Filter {
    fn new(kind: Kind, expression: &str) -> Result<Filter, FilterError> {
        let regex = compile(expression)
            .ok_or_else(|| FilterError::Text("% Failed to compile regular expression.".into()))?;
        Ok(Filter { kind, regex })
    }

    fn apply(&self, text: &str) -> String {
        let hit = |line: &str| self.regex.is_match(line);
        let lines = text.lines();
        let chosen: Vec<&str> = match self.kind {
            Kind::Exclude => lines.filter(|l| !hit(l)).collect(),
            Kind::Begin => lines.skip_while(|l| !hit(l)).collect(),
            Kind::Count => {
                return format!("Number of lines which match regexp = {}", lines.filter(|l| hit(l)).count());
            }
            Kind::Section => section(&lines.collect::<Vec<_>>(), &hit, true),
            Kind::SectionExclude => section(&lines.collect::<Vec<_>>(), &hit, false),
            Kind::Include | Kind::Append | Kind::Redirect | Kind::Tee => lines.filter(|l| hit(l)).collect(),
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

/// An IOS regular expression: `_` is a delimiter, the beginning or the end; a backslash takes a sign as it is; sets know
/// ranges and `^`, no classes. `None` where it is none, or too long.
fn compile(text: &str) -> Option<Regex> {
    if text.len() > MAX_EXPRESSION {
        return None;
    }
    let mut out = String::new();
    let mut signs = text.chars().peekable();
    while let Some(c) = signs.next() {
        match c {
            '_' => out.push_str("(?:^|$|[ ,{}()_])"),
            '\\' => literal(signs.next()?, &mut out),
            '[' => {
                out.push('[');
                if signs.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // A bracket that comes first is one of the set.
                let mut first = true;
                loop {
                    match signs.next()? {
                        ']' if !first => break,
                        '-' => out.push('-'),
                        c => literal(c, &mut out),
                    }
                    first = false;
                }
                out.push(']');
            }
            '(' => {
                out.push('(');
                // Nothing to repeat: what is a flag or a look-around elsewhere is an error here.
                if signs.peek() == Some(&'?') {
                    return None;
                }
            }
            '{' | '}' | '~' | '&' | '#' => literal(c, &mut out),
            c => out.push(c),
        }
    }
    Regex::new(&out).ok()
}

fn literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn piped(pipe: &str, text: &str) -> String {
        Pipe::parse(pipe, 0).unwrap().apply(text.to_owned())
    }

    #[test]
    fn an_underscore_is_a_delimiter_and_sets_have_no_classes() {
        let text = "peer 1\npeer 10\npeer,1,up\nname_1\na]b\nx[y\n1";
        assert_eq!(piped("include _1_", text), "peer 1\npeer,1,up\nname_1\n1");
        assert_eq!(piped("include []]", text), "a]b");
        assert_eq!(piped("include [[]", text), "x[y");
        assert_eq!(piped(r"include \[y", text), "x[y");
        assert_eq!(piped("include ^peer.1$", text), "peer 1");
        assert_eq!(piped("include PEER", text), "", "case counts");
        assert_eq!(piped("include 10|name", text), "peer 10\nname_1");
        assert_eq!(
            piped("include 10 | name", "a 10\n10 \n name\nname"),
            "10 \n name",
            "blanks are part of it"
        );
        for wrong in ["*", "(", "[a", "+1", "\\", "(?i)a"] {
            let refused = Pipe::parse(&format!("include {wrong}"), 0).unwrap_err();
            assert_eq!(
                refused,
                FilterError::Text("% Failed to compile regular expression.".into()),
                "{wrong}"
            );
        }
    }

    #[test]
    fn pipes_in_a_row_filter_what_the_one_before_leaves() {
        let text = "a 1\nb\n  b 1\n  c\nd 1";
        assert_eq!(piped("section b | exclude c", text), "b\n  b 1");
        assert_eq!(piped("include 1 | exclude ^ | count .", text), "Number of lines which match regexp = 0");
        assert_eq!(piped("inc 1 | beg b | count 1", text), "Number of lines which match regexp = 2");
        let sink = Pipe::parse("include 1 | tee /append flash:x", 0).unwrap().into_sink().unwrap();
        assert_eq!(sink, Sink { url: "flash:x".into(), append: true, shown: true });
        assert_eq!(Pipe::parse(" redirect flash:x | include 1", 10).unwrap_err(), FilterError::Invalid(28));
        assert_eq!(Pipe::parse(" redirect a b", 10).unwrap_err(), FilterError::Invalid(22));
        assert_eq!(Pipe::parse(" frob a", 10).unwrap_err(), FilterError::Invalid(11));
        assert_eq!(Pipe::parse(" redirect ", 10).unwrap_err(), FilterError::Incomplete);
    }
}
