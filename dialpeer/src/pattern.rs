//! The number patterns of `destination-pattern`, `incoming called-number` and `answer-address`.
//!
//! A pattern is compiled once into its positions (Glushkov's construction: at most 64, one bit each),
//! so that matching is a loop over the dialled symbols without allocation or recursion. A clone shares it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest pattern accepted, in characters.
pub const MAX_PATTERN: usize = 64;
/// Most digits `T` collects (`ios-cli.md` 2.2).
pub const MAX_DIGITS: usize = 32;
/// The text IOS prints for a pattern it does not take, as it stands on the screen.
pub const PATTERN_ERROR: &str = "Incorrect format for E.164 Number\n        regular expression must be of the form  ^[][^0-9,A-F#*.?+%()-]*T?(\\$)?$";
/// What IOS warns about a pattern that is `T` alone, as it stands on the screen.
pub const T_ALONE_WARNING: &str = "Warning: Pattern T defines a match with zero or more digits and hence could \nmatch with an empty number. If this is not the desired behaviour please \nconfigure pattern .T instead to match on one or more digits";

/// Symbols a position can stand for: `0`-`9`, `A`-`F`, `*`, `#`, `+`.
pub(crate) const SYMBOLS: usize = 19;
/// Every symbol: what `.` matches.
pub(crate) const ANY: u32 = (1 << SYMBOLS) - 1;

/// A number pattern in IOS's language.
///
/// | sign | meaning |
/// |---|---|
/// | `0-9 A-F # *` | itself |
/// | `.` | one of `0-9 A-F * # +` |
/// | `[ ]` | set with `-` ranges, `^` negation, `,` as separator |
/// | `( )` | group for `?`, `%`, `+` |
/// | `?` `%` `+` | the preceding 0 or 1, 0 or more, 1 or more times; `+` first is a literal plus |
/// | `T` | last: any further digits, up to 32 in all |
/// | `^` first, `$` last | beginning (implied) and end |
/// | `,` `-` | nothing (pause and separator) |
/// | `\` | the next character as a literal |
///
/// Without `$` a pattern matches every number that begins with what it describes. Two patterns are equal
/// when they were typed alike.
///
/// ```
/// use dialpeer::Pattern;
///
/// let pattern: Pattern = "9[2-9]..T".parse()?;
/// let found = pattern.matches("95125550100").ok_or("no match")?;
/// assert_eq!((found.explicit, found.wild), (1, 3));
/// assert_eq!(pattern.to_string(), "9[2-9]..T");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    positions: Arc<[Position]>,
    /// Positions a number can begin with.
    first: u64,
    /// Positions after which the number may be complete.
    last: u64,
    /// The pattern also matches no symbol at all (before what `T` adds).
    nullable: bool,
    /// Positions 0..n follow one another with nothing optional or repeated.
    straight: bool,
    /// Leading positions that nothing repeats or leaves out.
    plain: u8,
    /// Leading explicit positions that nothing repeats: what digit strip removes.
    strip: u8,
    timeout: bool,
    end: bool,
}

/// How well a number fits a pattern. Greater is better: more explicit digits, then more digits at `.` and sets.
///
/// Digits that only `T` took, or that follow a pattern without `$`, count nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rank {
    /// Digits matched by themselves.
    pub explicit: u8,
    /// Digits matched by `.` or a set.
    pub wild: u8,
}

/// What digits dialled so far are to a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// No continuation can match.
    Never,
    /// More digits are needed.
    Partial,
    /// Matches now and may match with more digits: `T`, `%`, `+`, `?`.
    Open,
    /// Matches now; more digits change nothing.
    Full,
}

impl Pattern {
    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern ends in `T`, so that digits are collected until the interdigit timeout.
    pub fn is_open(&self) -> bool {
        self.timeout
    }

    /// Whether the pattern matches an empty number, as `T` does; IOS prints [`T_ALONE_WARNING`] and takes it.
    pub fn matches_empty(&self) -> bool {
        self.nullable
    }

    /// Number of leading digits that digit strip removes: those written as themselves before the first wildcard.
    pub fn strip_len(&self) -> usize {
        usize::from(self.strip)
    }

    /// Number of digits the pattern describes if it is of fixed length, `None` with `T`, `?`, `%` or `+`.
    pub fn fixed_len(&self) -> Option<usize> {
        (self.straight && !self.timeout).then_some(self.positions.len())
    }

    /// How well `number` matches, `None` if it doesn't.
    ///
    /// The whole number is known (en bloc): without `$` the pattern need only match its beginning. Anything but
    /// `0-9 A-F a-f * # +` in the number matches nothing, and so does a number of more than 255 symbols.
    pub fn matches(&self, number: &str) -> Option<Rank> {
        let number = Symbols::read(number)?;
        self.rank(number.as_slice())
    }

    /// What the digits dialled so far mean to this pattern, for collection digit by digit.
    pub fn progress(&self, digits: &str) -> Progress {
        let Some(symbols) = Symbols::read(digits) else { return Progress::Never };
        let run = self.run(symbols.as_slice());
        let matched = if self.exact() { run.whole.is_some() } else { run.prefix.is_some() };
        let collecting = self.timeout && digits.len() < MAX_DIGITS;
        match (matched, run.extensible) {
            (true, extensible) if extensible || collecting => Progress::Open,
            (true, _) => Progress::Full,
            (false, true) => Progress::Partial,
            (false, false) => Progress::Never,
        }
    }

    pub(crate) fn rank(&self, number: &[u8]) -> Option<Rank> {
        if !self.straight {
            let run = self.run(number);
            return if self.exact() { run.whole } else { run.prefix };
        }
        if number.len() < self.positions.len() || (self.exact() && number.len() != self.positions.len()) {
            return None;
        }
        let mut rank = Rank::default();
        for (position, &symbol) in self.positions.iter().zip(number) {
            if !position.takes(symbol) {
                return None;
            }
            rank = rank.plus(position);
        }
        Some(rank)
    }

    /// The set of symbols the position at `depth` takes and whether it is one symbol written as itself;
    /// `None` past the end, or where what stands before is optional or repeated.
    pub(crate) fn plain_position(&self, depth: usize) -> Option<(u32, bool)> {
        self.positions
            .get(depth)
            .filter(|_| depth < usize::from(self.plain))
            .map(|position| (position.accept, position.explicit))
    }

    /// `$` without `T`: nothing may follow.
    fn exact(&self) -> bool {
        self.end && !self.timeout
    }

    /// Follows every way through the positions at once; the best rank of each way is kept.
    fn run(&self, number: &[u8]) -> Run {
        let mut ranks = [Rank::default(); MAX_PATTERN];
        let mut live = 0_u64;
        let empty = self.nullable.then(Rank::default);
        let mut run = Run { prefix: empty, whole: empty, extensible: self.first != 0 };
        for (at, &symbol) in number.iter().enumerate() {
            let mut next_ranks = [Rank::default(); MAX_PATTERN];
            let mut next = 0_u64;
            for (n, position) in self.positions.iter().enumerate().filter(|(_, p)| p.takes(symbol)) {
                let begin = (at == 0 && self.first & (1 << n) != 0).then(Rank::default);
                let from = self.positions.iter().zip(&ranks).enumerate();
                let best = from
                    .filter(|(m, (before, _))| live & (1 << m) != 0 && before.follow & (1 << n) != 0)
                    .map(|(_, (_, rank))| *rank)
                    .chain(begin)
                    .max();
                if let (Some(best), Some(slot)) = (best, next_ranks.get_mut(n)) {
                    *slot = best.plus(position);
                    next |= 1 << n;
                }
            }
            (ranks, live) = (next_ranks, next);
            let ends = ranks.iter().enumerate().filter(|(n, _)| live & self.last & (1 << n) != 0);
            run.whole = ends.map(|(_, rank)| *rank).max();
            run.prefix = run.prefix.max(run.whole);
            run.extensible =
                self.positions.iter().enumerate().any(|(n, p)| live & (1 << n) != 0 && p.follow != 0);
            if live == 0 {
                run.whole = None;
                break;
            }
        }
        run
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl std::hash::Hash for Pattern {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    /// Reads a pattern as typed.
    ///
    /// # Errors
    /// [`PatternError`], whose text is IOS's, for a sign outside the language, a bracket left open or closed
    /// too often, a repetition of nothing, `T` or `$` before the end, and more than [`MAX_PATTERN`] characters.
    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut parser = Parser {
            text: text.as_bytes(),
            at: 0,
            positions: Vec::new(),
            plain: MAX_PATTERN,
            straight: true,
        };
        if text.is_empty() || text.len() > MAX_PATTERN {
            return Err(parser.error());
        }
        parser.eat(b'^');
        let all = parser.sequence()?;
        let timeout = parser.eat(b'T');
        let end = parser.eat(b'$');
        if parser.at != text.len() {
            return Err(parser.error());
        }
        let plain = parser.plain.min(parser.positions.len());
        let explicit = parser.positions.iter().take(parser.plain).take_while(|p| p.explicit).count();
        Ok(Self {
            text: text.into(),
            first: all.first,
            last: all.last,
            nullable: all.nullable,
            straight: parser.straight,
            plain: u8::try_from(plain).unwrap_or(u8::MAX),
            strip: u8::try_from(explicit).unwrap_or(u8::MAX),
            timeout,
            end,
            positions: parser.positions.into(),
        })
    }
}

/// A pattern IOS does not take. Its text is [`PATTERN_ERROR`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{PATTERN_ERROR}")]
pub struct PatternError {
    /// What was typed, at most [`MAX_PATTERN`] characters of it.
    pub found: String,
    /// Octet offset of the sign that does not fit; the length of the text if it ended too early.
    pub at: usize,
}

/// A number as symbol indices, on the stack.
pub(crate) struct Symbols {
    symbols: [u8; 255],
    len: usize,
}

impl Symbols {
    /// `None` for a character that is not dialled, and for more than 255 of them.
    pub(crate) fn read(number: &str) -> Option<Self> {
        let mut all = Self { symbols: [0; 255], len: 0 };
        for &octet in number.as_bytes() {
            *all.symbols.get_mut(all.len)? = symbol(octet)?;
            all.len += 1;
        }
        Some(all)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.symbols.get(..self.len).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
struct Position {
    /// One bit per symbol.
    accept: u32,
    /// Written as itself, neither `.` nor a set.
    explicit: bool,
    /// Positions that may come next.
    follow: u64,
}

impl Position {
    fn takes(&self, symbol: u8) -> bool {
        self.accept & (1 << symbol) != 0
    }
}

impl Rank {
    fn plus(self, position: &Position) -> Self {
        let explicit = u8::from(position.explicit);
        Self {
            explicit: self.explicit.saturating_add(explicit),
            wild: self.wild.saturating_add(1 - explicit),
        }
    }
}

struct Run {
    /// Best rank of a beginning of the number.
    prefix: Option<Rank>,
    /// Best rank of the whole number.
    whole: Option<Rank>,
    /// A further digit can be taken by a position.
    extensible: bool,
}

/// Part of a pattern under construction.
#[derive(Clone, Copy)]
struct Part {
    nullable: bool,
    first: u64,
    last: u64,
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    positions: Vec<Position>,
    /// Index of the first position that is repeated or optional.
    plain: usize,
    straight: bool,
}

impl Parser<'_> {
    fn error(&self) -> PatternError {
        let found = String::from_utf8_lossy(self.text).chars().take(MAX_PATTERN).collect();
        PatternError { found, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, octet: u8) -> bool {
        let here = self.peek() == Some(octet);
        self.at += usize::from(here);
        here
    }

    /// Reads until `)`, `T`, `$` or the end. Depth of recursion is bounded by [`MAX_PATTERN`].
    fn sequence(&mut self) -> Result<Part, PatternError> {
        let mut all = Part { nullable: true, first: 0, last: 0 };
        let mut nothing_yet = true;
        while let Some(octet) = self.peek() {
            let begins_at = self.positions.len();
            let part = match octet {
                b')' | b'T' | b'$' => break,
                b',' | b'-' => {
                    self.at += 1;
                    continue;
                }
                b'(' => {
                    self.at += 1;
                    let inner = self.sequence()?;
                    if !self.eat(b')') {
                        return Err(self.error());
                    }
                    inner
                }
                b'[' => {
                    self.at += 1;
                    let accept = self.set()?;
                    self.position(accept, false)
                }
                b'.' => {
                    self.at += 1;
                    self.position(ANY, false)
                }
                b'+' if nothing_yet => {
                    self.at += 1;
                    self.position(bit(b'+'), true)
                }
                b'\\' => {
                    self.at += 1;
                    self.literal()?
                }
                _ => self.literal()?,
            };
            nothing_yet = false;
            let part = self.repetition(part, begins_at);
            self.follow(all.last, part.first);
            all = Part {
                nullable: all.nullable && part.nullable,
                first: if all.nullable { all.first | part.first } else { all.first },
                last: if part.nullable { all.last | part.last } else { part.last },
            };
        }
        Ok(all)
    }

    fn repetition(&mut self, mut part: Part, begins_at: usize) -> Part {
        while let Some(sign @ (b'?' | b'%' | b'+')) = self.peek() {
            self.at += 1;
            self.straight = false;
            self.plain = self.plain.min(begins_at);
            part.nullable |= sign != b'+';
            if sign != b'?' {
                self.follow(part.last, part.first);
            }
        }
        part
    }

    fn literal(&mut self) -> Result<Part, PatternError> {
        // Lower case is refused although a number may carry it: the language has A-F only.
        let octet = self.peek().filter(|octet| !octet.is_ascii_lowercase());
        let accept = octet.map_or(0, bit);
        if accept == 0 || (octet == Some(b'+') && !self.escaped()) {
            return Err(self.error());
        }
        self.at += 1;
        Ok(self.position(accept, true))
    }

    fn escaped(&self) -> bool {
        self.at.checked_sub(1).and_then(|before| self.text.get(before)) == Some(&b'\\')
    }

    fn set(&mut self) -> Result<u32, PatternError> {
        let negated = self.eat(b'^');
        let mut accept = 0;
        loop {
            match self.peek() {
                None => return Err(self.error()),
                Some(b']') => break,
                // `3[(01)(12)]...` is met in real configurations.
                Some(b',' | b'(' | b')') => {}
                Some(b'.') => accept |= ANY,
                Some(from) => {
                    let to = match (self.text.get(self.at + 1), self.text.get(self.at + 2)) {
                        (Some(b'-'), Some(&to)) if to != b']' => {
                            self.at += 2;
                            to
                        }
                        _ => from,
                    };
                    match (symbol(from), symbol(to)) {
                        (Some(a), Some(b))
                            if a <= b && !to.is_ascii_lowercase() && !from.is_ascii_lowercase() =>
                        {
                            accept |= (a..=b).fold(0, |set, n| set | 1 << n);
                        }
                        _ => return Err(self.error()),
                    }
                }
            }
            self.at += 1;
        }
        if accept == 0 {
            return Err(self.error());
        }
        self.at += 1;
        Ok(if negated { ANY & !accept } else { accept })
    }

    fn position(&mut self, accept: u32, explicit: bool) -> Part {
        // The text is at most 64 characters and every position takes at least one of them.
        let bit = 1_u64 << (self.positions.len() % MAX_PATTERN);
        self.positions.push(Position { accept, explicit, follow: 0 });
        Part { nullable: false, first: bit, last: bit }
    }

    fn follow(&mut self, from: u64, to: u64) {
        let ends = self.positions.iter_mut().enumerate().filter(|(n, _)| from & (1 << n) != 0);
        ends.for_each(|(_, position)| position.follow |= to);
    }
}

fn symbol(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'*' => Some(16),
        b'#' => Some(17),
        b'+' => Some(18),
        _ => None,
    }
}

fn bit(octet: u8) -> u32 {
    symbol(octet).map_or(0, |n| 1 << n)
}

#[cfg(test)]
mod tests;
