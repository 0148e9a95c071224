//! Matching a typed line against the commands of one mode: abbreviation, errors, `?` and Tab from one walk.

use super::syntax::{Kind, Syntax, Token};
use super::{Command, Table};

/// One word as typed and where it stands in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typed<'a> {
    /// The word.
    pub text: &'a str,
    /// Offset of its first octet in the line.
    pub column: usize,
}

/// Splits a line at blanks and tabs.
pub fn words(line: &str) -> Vec<Typed<'_>> {
    let mut out = Vec::new();
    let mut start = None;
    for (at, sign) in line.char_indices() {
        if sign.is_whitespace() {
            if let Some(from) = start.take() {
                out.push(Typed { text: line.get(from..at).unwrap_or(""), column: from });
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        out.push(Typed { text: line.get(from..).unwrap_or(""), column: from });
    }
    out
}

/// One word of a recognised line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The word in canonical spelling: keywords completed, arguments as typed.
    pub text: String,
    /// Length of the keyword part: the whole text for a keyword, `ipv4:` for `ipv4:10.0.0.1`, 0 for an argument.
    pub keyword: usize,
    /// Index of the typed word.
    pub word: usize,
    rank: u8,
    number: usize,
}

impl Matched {
    /// True if the word is an abbreviation of a keyword.
    pub fn is_abbreviated(&self) -> bool {
        self.rank == 2
    }

    /// True if the word is a keyword and not an argument.
    pub fn is_keyword(&self) -> bool {
        self.keyword == self.text.len()
    }
}

/// The words of a recognised line, with access by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    /// All words in order.
    pub words: Vec<Matched>,
}

impl Args {
    /// True if the keyword was given.
    pub fn has(&self, keyword: &str) -> bool {
        self.words.iter().any(|w| w.is_keyword() && w.text == keyword)
    }

    /// The word behind a keyword.
    pub fn after(&self, keyword: &str) -> Option<&str> {
        let at = self.words.iter().position(|w| w.is_keyword() && w.text == keyword)?;
        self.words.get(at + 1).map(|w| w.text.as_str())
    }

    /// The argument part of a composite: `prefixed("ipv4:")` of `ipv4:10.0.0.1` is `10.0.0.1`.
    pub fn prefixed(&self, prefix: &str) -> Option<&str> {
        self.words.iter().find_map(|w| {
            if w.is_keyword() || w.keyword != prefix.len() { None } else { w.text.strip_prefix(prefix) }
        })
    }

    /// The n-th argument that is not a keyword (composites whole), counted from 0.
    pub fn argument(&self, n: usize) -> Option<&str> {
        self.words.iter().filter(|w| !w.is_keyword()).nth(n).map(|w| w.text.as_str())
    }

    /// The n-th argument as a number.
    pub fn number<T: std::str::FromStr>(&self, n: usize) -> Option<T> {
        self.argument(n)?.parse().ok()
    }

    /// The number behind a keyword.
    pub fn number_after<T: std::str::FromStr>(&self, keyword: &str) -> Option<T> {
        self.after(keyword)?.parse().ok()
    }

    /// The word at a position.
    pub fn word(&self, n: usize) -> Option<&str> {
        self.words.get(n).map(|w| w.text.as_str())
    }

    /// The whole line in canonical spelling.
    pub fn canonical(&self) -> String {
        self.join(self.words.len())
    }

    /// The first `n` words in canonical spelling.
    pub fn join(&self, n: usize) -> String {
        let mut out = String::new();
        for word in self.words.iter().take(n) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word.text);
        }
        out
    }
}

/// Why a line is no command of the mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No command goes on with the word at this index.
    Invalid(usize),
    /// The line ends too early.
    Incomplete,
    /// A word is the prefix of several keywords.
    Ambiguous(usize),
}

/// What may stand at a place of the line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// Keyword, `<1-5>`, `WORD` or `<cr>`.
    pub label: String,
    /// Help text.
    pub help: &'static str,
    /// True for a keyword, which Tab can complete.
    pub keyword: bool,
}

/// A recognised line.
#[derive(Clone, Debug)]
pub struct Found {
    /// Index of the command in its table.
    pub command: usize,
    /// Its words.
    pub args: Args,
}

/// Finds the command a line means. `negated` lines (`no …`) may leave out the arguments behind the words that
/// identify the setting.
pub fn find(table: &Table, line: &str, input: &[Typed<'_>], negated: bool) -> Result<Found, Failure> {
    let mut walk = Walk::new(line, input);
    let mut best: Option<(Vec<Matched>, usize)> = None;
    let mut tie: Option<usize> = None;
    let first = input.first().map_or("", |w| w.text);
    let exact = table.entries().any(|(_, syntax)| syntax.begins_with(first));
    for (index, (command, syntax)) in table.entries().enumerate() {
        // A full match wins over longer keywords that share the prefix: `ip` is not `ipv6`.
        if exact && !syntax.begins_with(first) {
            continue;
        }
        walk.negated = negated.then(|| identity(command, syntax));
        walk.complete.clear();
        walk.run(syntax);
        for path in walk.complete.drain(..) {
            let better = match &best {
                None => true,
                Some((old, _)) => match rank(&path).cmp(rank(old)) {
                    std::cmp::Ordering::Less => true,
                    std::cmp::Ordering::Equal => {
                        if let Some(word) = disagreement(old, &path) {
                            tie = Some(word);
                        }
                        false
                    }
                    std::cmp::Ordering::Greater => false,
                },
            };
            if better {
                best = Some((path, index));
                tie = None;
            }
        }
    }
    // `t` is no command, even if only one of the commands that begin with `t` is complete as it stands.
    if let (Some((path, _)), None, false) = (&best, tie, negated) {
        tie = walk.other_beginning(path);
    }
    match (best, tie) {
        (Some(_), Some(word)) => Err(Failure::Ambiguous(word)),
        (Some((path, command)), None) => Ok(Found { command, args: Args { words: path } }),
        (None, _) => Err(walk.failure()),
    }
}

/// What may follow the words typed so far, sorted as `?` lists it.
pub fn expected(table: &Table, line: &str, input: &[Typed<'_>]) -> Result<Vec<Expected>, Failure> {
    let mut walk = Walk::new(line, input);
    let mut out = Vec::new();
    for (command, syntax) in table.entries() {
        walk.complete.clear();
        walk.ends.clear();
        walk.run(syntax);
        for (token, path) in &walk.ends {
            let help = command.help_of(token.number);
            out.push((path.clone(), Expected { label: token.label(), help, keyword: token.kind.is_none() }));
        }
        for path in &walk.complete {
            out.push((
                path.iter().map(|m| (m.rank, m.text.clone())).collect(),
                Expected { label: "<cr>".into(), help: "", keyword: false },
            ));
        }
    }
    // A full keyword wins over longer ones that share it: drop continuations reached through mere prefixes.
    let mut kept = out;
    for position in 0..input.len() {
        if kept.iter().any(|(path, _)| path.get(position).is_some_and(|p| p.0 == 0)) {
            kept.retain(|(path, _)| path.get(position).is_some_and(|p| p.0 == 0));
        }
    }
    if kept.is_empty() {
        return Err(walk.failure());
    }
    for position in 0..input.len() {
        let mut names = kept.iter().filter_map(|(path, _)| path.get(position)).filter(|p| p.0 == 2);
        if let Some(first) = names.next()
            && names.any(|n| n.1 != first.1)
        {
            return Err(Failure::Ambiguous(position));
        }
    }
    let mut list: Vec<Expected> = kept.into_iter().map(|(_, e)| e).collect();
    list.sort_by(|a, b| (a.label == "<cr>").cmp(&(b.label == "<cr>")).then_with(|| a.label.cmp(&b.label)));
    list.dedup_by(|a, b| a.label == b.label);
    Ok(list)
}

/// The number of words that identify the setting a command makes.
pub fn identity(command: &Command, syntax: &Syntax) -> usize {
    if command.keyed > 0 { command.keyed } else { syntax.leading_keywords().max(1) }
}

fn rank(path: &[Matched]) -> impl Iterator<Item = u8> {
    path.iter().map(|m| m.rank)
}

fn disagreement(a: &[Matched], b: &[Matched]) -> Option<usize> {
    a.iter().zip(b).find(|(x, y)| x.rank == 2 && y.rank == 2 && x.text != y.text).map(|(x, _)| x.word)
}

/// The index of a number that a command of the table would take if it were within the command's range. A line that some
/// command only keeps as it stands is refused for it, as a router does.
pub fn out_of_range(table: &Table, line: &str, input: &[Typed<'_>]) -> Option<usize> {
    let mut walk = Walk::new(line, input);
    for (command, syntax) in table.entries() {
        if matches!(command.apply, super::Apply::Kept(_)) {
            continue;
        }
        walk.beyond = None;
        walk.complete.clear();
        walk.run(syntax);
        if walk.beyond.is_some() && walk.complete.is_empty() {
            return walk.beyond;
        }
    }
    None
}

type PathKey = Vec<(u8, String)>;

struct Walk<'a> {
    line: &'a str,
    input: &'a [Typed<'a>],
    complete: Vec<Vec<Matched>>,
    ends: Vec<(Token, PathKey)>,
    furthest: usize,
    incomplete: bool,
    /// Keywords taken by prefix on the way to the furthest place: word index and spelling.
    prefixes: Vec<(usize, String)>,
    negated: Option<usize>,
    /// Index of a number that lies outside its range.
    beyond: Option<usize>,
    steps: usize,
}

/// No declaration of the grammar needs more steps for one line; a bound against a declaration that would.
const MAX_STEPS: usize = 50_000;

impl<'a> Walk<'a> {
    fn new(line: &'a str, input: &'a [Typed<'a>]) -> Self {
        Walk {
            line,
            input,
            complete: Vec::new(),
            ends: Vec::new(),
            furthest: 0,
            incomplete: false,
            prefixes: Vec::new(),
            negated: None,
            beyond: None,
            steps: 0,
        }
    }

    fn run(&mut self, syntax: &Syntax) {
        self.steps = 0;
        let mut path = Vec::new();
        self.step(syntax, 0, &mut path, &mut |walk, at, path| {
            if at == walk.input.len() {
                walk.complete.push(path.clone());
            } else {
                walk.stuck(at, path);
            }
        });
    }

    fn stuck(&mut self, at: usize, path: &[Matched]) {
        if at > self.furthest {
            self.furthest = at;
            self.incomplete = false;
            self.prefixes.clear();
        }
        if at == self.furthest {
            for m in path.iter().filter(|m| m.rank == 2) {
                self.prefixes.push((m.word, m.text.clone()));
            }
        }
    }

    /// The abbreviated word of `path` for which the line could also be the beginning of another command.
    fn other_beginning(&self, path: &[Matched]) -> Option<usize> {
        let open = self.ends.iter().filter(|(_, key)| key.len() == path.len());
        for (_, key) in open {
            let differs = path.iter().zip(key).find(|(m, k)| m.text != k.1);
            if let Some((matched, other)) = differs
                && matched.rank == 2
                && other.0 <= 2
            {
                return Some(matched.word);
            }
        }
        None
    }

    fn failure(&self) -> Failure {
        for (word, text) in &self.prefixes {
            if self.prefixes.iter().any(|(w, t)| w == word && t != text) {
                return Failure::Ambiguous(*word);
            }
        }
        if self.furthest == self.input.len() && self.incomplete {
            Failure::Incomplete
        } else {
            Failure::Invalid(self.furthest)
        }
    }

    fn step(
        &mut self,
        syntax: &Syntax,
        at: usize,
        path: &mut Vec<Matched>,
        next: &mut dyn FnMut(&mut Self, usize, &mut Vec<Matched>),
    ) {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return;
        }
        match syntax {
            Syntax::Token(token) => self.token(token, at, path, next),
            Syntax::Sequence(items) => self.sequence(items, at, path, next),
            Syntax::Choice(branches) => {
                let typed = self.input.get(at).map_or("", |w| w.text);
                let exact = branches.iter().any(|b| b.begins_with(typed));
                for branch in branches.iter().filter(|b| !exact || b.begins_with(typed)) {
                    self.step(branch, at, path, next);
                }
            }
            Syntax::Optional(item) => {
                self.step(item, at, path, next);
                next(self, at, path);
            }
            Syntax::Repeat(item) => self.step(item, at, path, &mut |walk, after, path| {
                next(walk, after, path);
                // Going on only makes sense if the item took a word, or the walk would not end.
                if after > at {
                    walk.step(syntax, after, path, next);
                }
            }),
        }
    }

    fn sequence(
        &mut self,
        items: &[Syntax],
        at: usize,
        path: &mut Vec<Matched>,
        next: &mut dyn FnMut(&mut Self, usize, &mut Vec<Matched>),
    ) {
        match items.split_first() {
            None => next(self, at, path),
            Some((first, rest)) => {
                self.step(first, at, path, &mut |walk, after, path| walk.sequence(rest, after, path, next));
            }
        }
    }

    fn token(
        &mut self,
        token: &Token,
        at: usize,
        path: &mut Vec<Matched>,
        next: &mut dyn FnMut(&mut Self, usize, &mut Vec<Matched>),
    ) {
        let Some(typed) = self.input.get(at).copied() else {
            self.stuck(at, path);
            self.incomplete = true;
            self.ends.push((token.clone(), path.iter().map(|m| (m.rank, m.text.clone())).collect()));
            if self.negated.is_some_and(|identity| at >= identity) && !path.is_empty() {
                self.complete.push(path.clone());
            }
            return;
        };
        let Some((mut matched, used)) = self.accept(token, typed, at) else {
            self.stuck(at, path);
            // Behind a keyword: a number alone is no command.
            if matches!(token.kind, Some(Kind::Range(..))) && !path.is_empty() && is_number(typed.text) {
                self.beyond = Some(at);
            }
            return;
        };
        matched.word = at;
        path.push(matched);
        next(self, at + used, path);
        path.pop();
    }

    fn accept(&self, token: &Token, typed: Typed<'_>, at: usize) -> Option<(Matched, usize)> {
        let done = |text: String, keyword: usize, rank: u8| {
            Some((Matched { text, keyword, word: 0, rank, number: token.number }, 1))
        };
        let Some(kind) = token.kind else {
            let head = token.keyword.get(..typed.text.len())?;
            if !head.eq_ignore_ascii_case(typed.text) {
                return None;
            }
            let rank = if head.len() == token.keyword.len() { 0 } else { 2 };
            return done(token.keyword.to_owned(), token.keyword.len(), rank);
        };
        let prefix = token.keyword.len();
        let (text, column) = if prefix > 0 {
            if !typed.text.get(..prefix)?.eq_ignore_ascii_case(token.keyword) {
                return None;
            }
            (typed.text.get(prefix..)?, typed.column + prefix)
        } else {
            (typed.text, typed.column)
        };
        if text.is_empty() {
            return None;
        }
        let whole = |value: &str| format!("{}{value}", token.keyword);
        match kind {
            Kind::Word => done(whole(text), prefix, 3),
            Kind::Line => {
                let rest = self.line.get(column..)?.trim_end();
                let matched =
                    Matched { text: whole(rest), keyword: prefix, word: 0, rank: 4, number: token.number };
                Some((matched, self.input.len() - at))
            }
            Kind::Address => {
                let address: std::net::Ipv4Addr = text.parse().ok()?;
                done(whole(&address.to_string()), prefix, 1)
            }
            Kind::Range(low, high) => {
                let value = match text.strip_prefix('-') {
                    Some(digits) if low < 0 => -i64::try_from(decimal(digits)?).ok()?,
                    _ => i64::try_from(decimal(text)?).ok()?,
                };
                if (low..=high).contains(&value) { done(whole(&value.to_string()), prefix, 1) } else { None }
            }
            Kind::Number => done(whole(&decimal(text)?.to_string()), prefix, 1),
            Kind::Interface => {
                let following = self.input.get(at + 1).map(|w| w.text);
                let (name, used) = crate::config::interface_name(text, following)?;
                let matched = Matched { text: name, keyword: 0, word: 0, rank: 1, number: token.number };
                Some((matched, used))
            }
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn decimal(text: &str) -> Option<u64> {
    if text.len() > 18 || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}
