//! `num-exp`: short numbers and what they stand for.

use std::fmt;
use std::str::FromStr;

/// Most entries IOS holds.
pub const MAX_ENTRIES: usize = 250;
/// Longest side of an entry, in characters.
pub const MAX_LEN: usize = 32;

/// The `num-exp` lines of a configuration, in configured order.
///
/// ```
/// use dialpeer::num_exp::NumExp;
///
/// let mut table = NumExp::default();
/// table.insert("5.... 1408555....".parse()?)?;
/// assert_eq!(table.expand("50123"), "14085550123");
/// assert_eq!(table.expand("60123"), "60123");
/// # Ok::<(), dialpeer::num_exp::NumExpError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumExp {
    entries: Vec<Expansion>,
}

impl NumExp {
    /// Adds an entry, or replaces the one with the same pattern in its place.
    ///
    /// # Errors
    /// [`NumExpError::Full`] beyond [`MAX_ENTRIES`].
    pub fn insert(&mut self, entry: Expansion) -> Result<(), NumExpError> {
        let full = self.entries.len() >= MAX_ENTRIES;
        match self.entries.iter_mut().find(|old| old.pattern == entry.pattern) {
            Some(old) => *old = entry,
            None if full => return Err(NumExpError::Full),
            None => self.entries.push(entry),
        }
        Ok(())
    }

    /// Removes the entry with this pattern: `no num-exp`.
    pub fn remove(&mut self, pattern: &str) -> Option<Expansion> {
        let at = self.entries.iter().position(|entry| entry.pattern == pattern)?;
        Some(self.entries.remove(at))
    }

    /// The entries in configured order.
    pub fn iter(&self) -> impl Iterator<Item = &Expansion> {
        self.entries.iter()
    }

    /// The called number that `number` stands for, itself if no entry matches.
    ///
    /// An entry matches a number of its length; of several the one with most digits written out, then the first.
    pub fn expand(&self, number: &str) -> String {
        let fitting = self.entries.iter().filter(|entry| entry.matches(number));
        let best =
            fitting.reduce(|best, entry| if entry.explicit() > best.explicit() { entry } else { best });
        best.map_or_else(|| number.to_owned(), |entry| entry.apply(number))
    }

    /// Whether more digits can make an entry match that does not match yet.
    ///
    /// ```
    /// let mut table = dialpeer::num_exp::NumExp::default();
    /// table.insert("5.. 47..".parse()?)?;
    /// assert!(table.awaits("") && table.awaits("51"));
    /// assert!(!table.awaits("512") && !table.awaits("6"));
    /// # Ok::<(), dialpeer::num_exp::NumExpError>(())
    /// ```
    pub fn awaits(&self, number: &str) -> bool {
        self.entries.iter().any(|entry| {
            let mut signs = entry.pattern.chars();
            let fits =
                number.chars().all(|digit| signs.next().is_some_and(|sign| sign == '.' || sign == digit));
            fits && signs.next().is_some()
        })
    }

    /// The output of `show num-exp`, lines ending in LF.
    pub fn show(&self) -> String {
        let line = |entry: &Expansion| {
            let left = format!("Dest Digit Pattern = '{}'", entry.pattern);
            let width = (left.chars().count() / 8 + 1) * 8;
            format!("{left:<width$}Translation = '{}'\n", entry.replacement)
        };
        self.entries.iter().map(line).collect()
    }
}

/// One `num-exp PATTERN REPLACEMENT`; [`FromStr`] reads and [`fmt::Display`] writes both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    pattern: String,
    replacement: String,
}

impl Expansion {
    /// The short number, `.` for any digit.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What it stands for; each `.` takes the digit of the pattern's `.` counted from the right.
    pub fn replacement(&self) -> &str {
        &self.replacement
    }

    fn matches(&self, number: &str) -> bool {
        let mut digits = number.chars();
        let fits =
            self.pattern.chars().all(|sign| digits.next().is_some_and(|digit| sign == '.' || sign == digit));
        fits && digits.next().is_none()
    }

    fn explicit(&self) -> usize {
        self.pattern.chars().filter(|sign| *sign != '.').count()
    }

    fn apply(&self, number: &str) -> String {
        let wild =
            self.pattern.chars().zip(number.chars()).filter(|(sign, _)| *sign == '.').map(|(_, digit)| digit);
        let wild: Vec<char> = wild.collect();
        let dots = self.replacement.chars().filter(|sign| *sign == '.').count();
        let mut taken = wild.iter().skip(wild.len().saturating_sub(dots));
        self.replacement
            .chars()
            .filter_map(|sign| if sign == '.' { taken.next().copied() } else { Some(sign) })
            .collect()
    }
}

impl fmt::Display for Expansion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pattern, self.replacement)
    }
}

impl FromStr for Expansion {
    type Err = NumExpError;

    /// Reads `PATTERN REPLACEMENT`.
    ///
    /// # Errors
    /// [`NumExpError::Side`] unless there are two sides of 1 to 32 of `0-9 A-F * # + .`, and no more `.` on the
    /// right than on the left.
    fn from_str(text: &str) -> Result<Self, NumExpError> {
        let mut words = text.split_ascii_whitespace();
        let (Some(pattern), Some(replacement), None) = (words.next(), words.next(), words.next()) else {
            return Err(NumExpError::Side);
        };
        let dots = |text: &str| text.matches('.').count();
        let good = |text: &str| {
            let sign = |c: char| c.is_ascii_digit() || matches!(c, 'A'..='F' | '*' | '#' | '+' | '.');
            text.len() <= MAX_LEN && text.chars().all(sign)
        };
        if !good(pattern) || !good(replacement) || dots(replacement) > dots(pattern) {
            return Err(NumExpError::Side);
        }
        Ok(Self { pattern: pattern.to_owned(), replacement: replacement.to_owned() })
    }
}

/// Why an entry was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumExpError {
    /// A side is missing, too long, or holds something else than digits and `.`.
    #[error(
        "expected a pattern and a replacement of 1 to {MAX_LEN} digits and dots, with no more dots on the right"
    )]
    Side,
    /// The table is full.
    #[error("expected at most {MAX_ENTRIES} num-exp entries")]
    Full,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table(entries: &[&str]) -> NumExp {
        let mut table = NumExp::default();
        entries.iter().for_each(|entry| table.insert(entry.parse().unwrap()).unwrap());
        table
    }

    #[test]
    fn wildcards_are_carried_over_position_by_position() {
        let table = table(&["5.... 1408555....", "1001 +4001", "5000. 9", "7.. 3.", "50... 2..."]);
        for (number, expected) in [
            ("51234", "14085551234"),
            ("1001", "+4001"),
            ("50001", "9"),
            ("50101", "2101"),
            ("712", "32"),
            ("5123", "5123"),
            ("512345", "512345"),
            ("", ""),
        ] {
            assert_eq!(table.expand(number), expected, "{number}");
        }
    }

    #[test]
    fn entries_are_shown_as_a_router_does() {
        assert_eq!(
            table(&["0... +14085270..."]).show(),
            "Dest Digit Pattern = '0...'     Translation = '+14085270...'\n"
        );
    }

    #[test]
    fn the_table_is_bounded_and_entries_are_replaced_in_place() {
        let mut table = table(&["1 2", "3 4"]);
        table.insert("1 5".parse().unwrap()).unwrap();
        assert_eq!(table.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1 5", "3 4"]);
        assert_eq!(table.remove("3").map(|entry| entry.to_string()).as_deref(), Some("3 4"));
        (0..249).for_each(|n| table.insert(format!("4{n} 1").parse().unwrap()).unwrap());
        assert_eq!(table.insert("9 1".parse().unwrap()), Err(NumExpError::Full));
        for text in ["", "1", "1 2 3", "a 1", "1 .", "5. 1..", "[1] 2"] {
            assert_eq!(text.parse::<Expansion>(), Err(NumExpError::Side), "{text}");
        }
    }
}
