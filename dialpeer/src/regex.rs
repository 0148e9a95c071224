//! The regular expressions of `voice translation-rule`.
//!
//! IOS's dialect: `.`, `[ ]`, `^`, `$`, `*`, `+`, `?`, sets `\( \)`, and `\` before a sign that stands for itself.
//! Every way through is followed at once (Pike's construction), so that a match takes time proportional to the
//! expression times the number and no expression can make it explode. Greedy and leftmost, as a backtracking
//! matcher would find.

use std::fmt;
use std::str::FromStr;

/// Longest expression, in octets.
pub const MAX_REGEX: usize = 128;
/// Longest number matched, in octets; a longer one does not match.
pub const MAX_NUMBER: usize = 255;
/// Sets `\( \)` in one expression.
pub const MAX_SETS: usize = 9;

/// Start and end of the whole match and of the nine sets.
type Slots = [Option<usize>; 2 * (MAX_SETS + 1)];

/// A compiled expression. [`fmt::Display`] gives the text as typed.
///
/// ```
/// use dialpeer::regex::Regex;
///
/// let regex: Regex = r"^\(12\)3\(45\)$".parse()?;
/// let found = regex.find("12345").ok_or("no match")?;
/// assert_eq!((found.set(0), found.set(2)), (Some("12345"), Some("45")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Regex {
    text: String,
    program: Vec<Step>,
}

impl Regex {
    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The leftmost match in `number`, the longest each repetition allows.
    pub fn find<'a>(&self, number: &'a str) -> Option<Found<'a>> {
        if number.len() > MAX_NUMBER {
            return None;
        }
        let mut threads = Threads::new(self.program.len());
        let mut next = Threads::new(self.program.len());
        let mut best: Option<Slots> = None;
        let octets = number.as_bytes();
        for at in 0..=octets.len() {
            if best.is_none() {
                // A match that begins here is taken only if none that began earlier lives on.
                self.follow(&mut threads, 0, Slots::default(), at, octets.len());
            }
            next.clear();
            for (step, slots) in threads.list.drain(..) {
                match self.program.get(step) {
                    Some(Step::Match) => {
                        best = Some(slots);
                        // Threads behind this one are of lower priority.
                        break;
                    }
                    Some(Step::One(one)) if octets.get(at).is_some_and(|&octet| one.takes(octet)) => {
                        self.follow(&mut next, step + 1, slots, at + 1, octets.len());
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut threads, &mut next);
        }
        best.map(|slots| Found { number, slots })
    }

    /// Adds the steps reachable without a digit, in order of priority.
    fn follow(&self, threads: &mut Threads, from: usize, slots: Slots, at: usize, len: usize) {
        let mut stack = vec![(from, slots)];
        while let Some((step, mut slots)) = stack.pop() {
            match threads.visited.get_mut(step) {
                Some(visited) if !*visited => *visited = true,
                _ => continue,
            }
            match self.program.get(step) {
                Some(Step::Jump(to)) => stack.push((*to, slots)),
                Some(Step::Split(first, second)) => {
                    stack.push((*second, slots));
                    stack.push((*first, slots));
                }
                Some(Step::Save(slot)) => {
                    if let Some(place) = slots.get_mut(*slot) {
                        *place = Some(at);
                    }
                    stack.push((step + 1, slots));
                }
                Some(Step::Begin) if at != 0 => {}
                Some(Step::End) if at != len => {}
                Some(Step::Begin | Step::End) => stack.push((step + 1, slots)),
                Some(Step::One(_) | Step::Match) => threads.list.push((step, slots)),
                None => {}
            }
        }
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.text)
    }
}

impl FromStr for Regex {
    type Err = RegexError;

    /// Compiles an expression without its slashes.
    ///
    /// # Errors
    /// [`RegexError`] for a set or bracket left open or closed too often, a reference, more than [`MAX_SETS`] sets,
    /// more than [`MAX_REGEX`] octets, and `\` at the end.
    fn from_str(text: &str) -> Result<Self, RegexError> {
        if text.len() > MAX_REGEX {
            return Err(RegexError { at: MAX_REGEX, expected: "at most 128 characters" });
        }
        let mut compiler = Compiler { text: text.as_bytes(), at: 0, program: vec![Step::Save(0)], sets: 0 };
        compiler.sequence(0)?;
        compiler.program.extend([Step::Save(1), Step::Match]);
        Ok(Self { text: text.to_owned(), program: compiler.program })
    }
}

/// A match of a [`Regex`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    number: &'a str,
    slots: Slots,
}

impl<'a> Found<'a> {
    /// What set 1 to 9 matched, or the whole match for 0. `None` for a set that took no part.
    pub fn set(&self, set: usize) -> Option<&'a str> {
        let start = *self.slots.get(2 * set)?;
        let end = *self.slots.get(2 * set + 1)?;
        self.number.get(start?..end?)
    }

    /// What stands before the match.
    pub fn before(&self) -> &'a str {
        self.slots.first().copied().flatten().and_then(|start| self.number.get(..start)).unwrap_or_default()
    }

    /// What stands behind the match.
    pub fn after(&self) -> &'a str {
        self.slots.get(1).copied().flatten().and_then(|end| self.number.get(end..)).unwrap_or_default()
    }
}

/// An expression that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at character {} of the expression", .at + 1)]
pub struct RegexError {
    /// Octet offset.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    One(One),
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    Begin,
    End,
    Match,
}

/// What one octet of the number may be: a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct One([u64; 4]);

impl One {
    const ANY: Self = Self([u64::MAX; 4]);

    fn of(octet: u8) -> Self {
        let mut one = Self([0; 4]);
        one.add(octet);
        one
    }

    fn add(&mut self, octet: u8) {
        if let Some(word) = self.0.get_mut(usize::from(octet >> 6)) {
            *word |= 1 << (octet & 63);
        }
    }

    fn takes(&self, octet: u8) -> bool {
        self.0.get(usize::from(octet >> 6)).is_some_and(|word| word & (1 << (octet & 63)) != 0)
    }
}

struct Threads {
    list: Vec<(usize, Slots)>,
    visited: Vec<bool>,
}

impl Threads {
    fn new(steps: usize) -> Self {
        Self { list: Vec::with_capacity(steps), visited: vec![false; steps] }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.visited.fill(false);
    }
}

struct Compiler<'a> {
    text: &'a [u8],
    at: usize,
    program: Vec<Step>,
    sets: usize,
}

impl Compiler<'_> {
    /// Compiles up to the end, or inside a set up to its `\)`.
    fn sequence(&mut self, depth: usize) -> Result<(), RegexError> {
        let mut repeatable = None;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let begin = self.program.len();
            match rest {
                [] if depth > 0 => return self.fail("\\)"),
                [] => return Ok(()),
                [b'\\', b')', ..] if depth > 0 => return Ok(()),
                [b'\\', b')', ..] => return self.fail("no \\) without \\("),
                [b'\\', b'(', ..] => {
                    self.at += 2;
                    self.set(depth)?;
                }
                [b'\\', b'0'..=b'9', ..] => return self.fail("no reference in the expression to match"),
                [b'\\', octet, ..] => {
                    self.program.push(Step::One(One::of(*octet)));
                    self.at += 2;
                }
                [b'\\'] => return self.fail("a character after \\"),
                [sign @ (b'*' | b'+' | b'?'), ..] if repeatable.is_some() => {
                    let from = repeatable.unwrap_or(begin);
                    self.repeat(*sign, from);
                    self.at += 1;
                    // A second sign repeats the repetition, which changes nothing but `+?`.
                    continue;
                }
                [b'^', ..] => {
                    self.program.push(Step::Begin);
                    self.at += 1;
                    repeatable = None;
                    continue;
                }
                [b'$', ..] => {
                    self.program.push(Step::End);
                    self.at += 1;
                    repeatable = None;
                    continue;
                }
                [b'[', ..] => self.bracket()?,
                [b'.', ..] => {
                    self.program.push(Step::One(One::ANY));
                    self.at += 1;
                }
                // A repetition of nothing stands for itself, as in `/+1/`.
                [octet, ..] => {
                    self.program.push(Step::One(One::of(*octet)));
                    self.at += 1;
                }
            }
            repeatable = Some(begin);
        }
    }

    fn set(&mut self, depth: usize) -> Result<(), RegexError> {
        self.sets += 1;
        let number = self.sets;
        if number > MAX_SETS {
            return self.fail("at most 9 sets");
        }
        self.program.push(Step::Save(2 * number));
        self.sequence(depth + 1)?;
        self.at += 2;
        self.program.push(Step::Save(2 * number + 1));
        Ok(())
    }

    fn bracket(&mut self) -> Result<(), RegexError> {
        self.at += 1;
        let negated = self.text.get(self.at) == Some(&b'^');
        self.at += usize::from(negated);
        let mut one = One([0; 4]);
        let first = self.at;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            match rest {
                [] => return self.fail("]"),
                [b']', ..] if self.at > first => break,
                [from, b'-', to, ..] if *to != b']' => {
                    if from > to {
                        return self.fail("a range in ascending order");
                    }
                    (*from..=*to).for_each(|octet| one.add(octet));
                    self.at += 3;
                }
                [octet, ..] => {
                    one.add(*octet);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        if negated {
            one = One(one.0.map(|word| !word));
        }
        self.program.push(Step::One(one));
        Ok(())
    }

    fn repeat(&mut self, sign: u8, from: usize) {
        if sign == b'+' {
            let after = self.program.len() + 1;
            self.program.push(Step::Split(from, after));
            return;
        }
        // Room for the split in front: what stood there moves by one.
        let moved = |to: usize| if to >= from { to + 1 } else { to };
        for step in self.program.iter_mut().skip(from) {
            match step {
                Step::Jump(to) => *to = moved(*to),
                Step::Split(first, second) => (*first, *second) = (moved(*first), moved(*second)),
                _ => {}
            }
        }
        let after = self.program.len() + 1 + usize::from(sign == b'*');
        self.program.insert(from, Step::Split(from + 1, after));
        if sign == b'*' {
            self.program.push(Step::Jump(from));
        }
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, RegexError> {
        Err(RegexError { at: self.at, expected })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(regex: &str, number: &str) -> Option<(String, Vec<Option<String>>)> {
        let regex: Regex = regex.parse().unwrap();
        let found = regex.find(number)?;
        let sets = (1..=regex.text.matches("\\(").count()).map(|n| found.set(n).map(str::to_owned));
        Some((found.set(0)?.to_owned(), sets.collect()))
    }

    fn whole(regex: &str, number: &str) -> Option<String> {
        find(regex, number).map(|found| found.0)
    }

    #[test]
    fn every_sign_means_what_ios_says() {
        for (regex, number, expected) in [
            ("123", "6123123", Some("123")),
            ("^123$", "1234", None),
            ("^40...", "40123", Some("40123")),
            (".*", "", Some("")),
            (".+", "", None),
            ("^0+", "000123", Some("000")),
            ("[2-4]+", "9223455", Some("2234")),
            ("[^2-4]", "23x", Some("x")),
            ("[]a]", "]", Some("]")),
            ("[a-]", "-", Some("-")),
            ("1?2", "2", Some("2")),
            ("1*$", "2", Some("")),
            ("1*", "211", Some("")),
            ("\\+1", "+1", Some("+1")),
            ("+1", "+1", Some("+1")),
            ("^*9", "*9", Some("*9")),
            ("\\-", "1-2", Some("-")),
            ("a$b", "a$b", None),
            ("", "123", Some("")),
            ("\\(12\\)*3", "12123", Some("12123")),
            ("\\(12\\)+$", "1212", Some("1212")),
            ("\\(1*\\)*2", "1112", Some("1112")),
            ("1+?", "11", Some("11")),
        ] {
            assert_eq!(whole(regex, number).as_deref(), expected, "{regex} in {number}");
        }
    }

    #[test]
    fn sets_hold_what_they_matched() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(find("^.*\\(..\\)", "12345"), Some(("12345".into(), vec![some("45")])));
        assert_eq!(
            find("\\(\\(1\\)2\\)\\(3\\)?", "12"),
            Some(("12".into(), vec![some("12"), some("1"), None]))
        );
        assert_eq!(find("^2\\(...$\\)", "2001"), Some(("2001".into(), vec![some("001")])));
        let regex: Regex = "23".parse().unwrap();
        let found = regex.find("12345").unwrap();
        assert_eq!((found.before(), found.after()), ("1", "45"));
    }

    #[test]
    fn what_cannot_be_compiled_says_where() {
        for (text, at) in [
            ("\\(1", 3),
            ("1\\)", 1),
            ("[12", 3),
            ("[]", 2),
            ("[3-1]", 1),
            ("1\\", 1),
            ("\\(1\\)\\1", 5),
            ("[", 1),
        ] {
            assert_eq!(text.parse::<Regex>().map_err(|e| e.at).err(), Some(at), "{text}");
        }
        assert!("\\(1\\)".repeat(9).parse::<Regex>().is_ok());
        assert!("\\(1\\)".repeat(10).parse::<Regex>().is_err());
        assert!("1".repeat(129).parse::<Regex>().is_err());
    }

    #[test]
    fn repetitions_of_repetitions_end_soon() {
        let regex: Regex = "\\(\\(\\(1*\\)*\\)*\\)*\\(1*1*1*1*1*1*\\)*2$".parse().unwrap();
        assert!(regex.find(&"1".repeat(255)).is_none());
        assert!(regex.find(&"1".repeat(256)).is_none());
    }

    /// What a backtracking matcher finds: every way in order of priority.
    fn naive(items: &[(Atom, char)], rest: &str) -> Option<usize> {
        let Some(((atom, sign), others)) = items.split_first() else { return Some(0) };
        let first = rest.chars().next().filter(|c| atom.takes(*c)).map(char::len_utf8);
        let again = |len: usize| rest.get(len..);
        match sign {
            '*' => first
                .and_then(|len| naive(items, again(len)?).map(|end| end + len))
                .or_else(|| naive(others, rest)),
            '+' => first.and_then(|len| {
                let star = [&[(atom.clone(), '*')], others].concat();
                naive(&star, again(len)?).map(|end| end + len)
            }),
            '?' => first
                .and_then(|len| naive(others, again(len)?).map(|end| end + len))
                .or_else(|| naive(others, rest)),
            _ => first.and_then(|len| naive(others, again(len)?).map(|end| end + len)),
        }
    }

    #[derive(Clone, Debug)]
    enum Atom {
        One(char),
        Any,
        OneOf(char, char, bool),
    }

    impl Atom {
        fn takes(&self, c: char) -> bool {
            match self {
                Self::One(one) => *one == c,
                Self::Any => true,
                Self::OneOf(a, b, negated) => (*a == c || *b == c) != *negated,
            }
        }

        fn text(&self) -> String {
            match self {
                Self::One(one) => one.to_string(),
                Self::Any => ".".into(),
                Self::OneOf(a, b, negated) => format!("[{}{a}{b}]", if *negated { "^" } else { "" }),
            }
        }
    }

    fn atom() -> impl Strategy<Value = Atom> {
        let digit = || prop::sample::select(vec!['1', '2', '3']);
        prop_oneof![
            3 => digit().prop_map(Atom::One),
            1 => Just(Atom::Any),
            1 => (digit(), digit(), any::<bool>()).prop_map(|(a, b, n)| Atom::OneOf(a, b, n)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn it_finds_what_backtracking_finds(
            items in prop::collection::vec((atom(), prop::sample::select(vec![' ', ' ', '*', '+', '?'])), 0..6),
            number in "[1234]{0,8}",
        ) {
            let text: String =
                items.iter().map(|(atom, sign)| format!("{}{}", atom.text(), sign.to_string().trim())).collect();
            let expected = (0..=number.len())
                .find_map(|start| Some((start, start + naive(&items, &number[start..])?)));
            let regex: Regex = text.parse().unwrap();
            let found = regex.find(&number).map(|found| {
                let start = found.before().len();
                (start, number.len() - found.after().len())
            });
            prop_assert_eq!(found, expected, "{} in {}", text, number);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\\\()\\[\\]^$*+?.1-3é-]{0,24}", number in "\\PC{0,12}") {
            if let Ok(regex) = text.parse::<Regex>()
                && let Some(found) = regex.find(&number)
            {
                for set in 0..12 {
                    found.set(set);
                }
            }
        }
    }
}
