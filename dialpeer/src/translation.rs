//! `voice translation-rule` and `voice translation-profile`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::regex::{Regex, RegexError};

/// Largest number of a rule (IOS XE 17.9; older releases stop at 15).
pub const MAX_RULE: u8 = 100;
/// Longest replacement, in octets.
pub const MAX_REPLACEMENT: usize = 128;
/// Longest translated number, in octets; a longer one is cut.
pub const MAX_TRANSLATED: usize = 255;

/// A `voice translation-rule`: numbered rules, of which the first that matches acts.
///
/// ```
/// use dialpeer::translation::{Number, Translated, TranslationRule};
///
/// let mut rules = TranslationRule::new(1);
/// rules.insert(r"1 /^0\(.*\)/ /+49\1/".parse()?);
/// let Translated::To { number, .. } = rules.apply(&Number::new("0301234")) else { return Err("no match".into()) };
/// assert_eq!(number.digits, "+49301234");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranslationRule {
    /// The tag, 1 to 1073741823.
    pub tag: u32,
    rules: BTreeMap<u8, Rule>,
}

impl TranslationRule {
    /// A translation rule without rules.
    pub fn new(tag: u32) -> Self {
        Self { tag, rules: BTreeMap::new() }
    }

    /// Adds a rule and returns the one of the same number it replaces.
    pub fn insert(&mut self, rule: Rule) -> Option<Rule> {
        self.rules.insert(rule.number, rule)
    }

    /// Removes the rule of this number: `no rule N`.
    pub fn remove(&mut self, number: u8) -> Option<Rule> {
        self.rules.remove(&number)
    }

    /// The rules in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// What becomes of a number: the first rule that matches ends the search, and replaces its first match.
    ///
    /// Type and plan are replaced with the number where the rule says so; where it does not they stay.
    pub fn apply(&self, number: &Number) -> Translated {
        for rule in self.rules.values() {
            let fits = rule.ton.is_none_or(|ton| ton.fits(number.ton))
                && rule.plan.is_none_or(|plan| plan.fits(number.plan));
            let Some(found) = rule.pattern.find(&number.digits).filter(|_| fits) else { continue };
            let Action::Replace(replacement) = &rule.action else {
                return Translated::Blocked { rule: rule.number };
            };
            let mut digits = found.before().to_owned();
            replacement.expand(&found, &mut digits);
            digits.push_str(found.after());
            let end = (0..=MAX_TRANSLATED.min(digits.len())).rev().find(|&end| digits.is_char_boundary(end));
            digits.truncate(end.unwrap_or(0));
            let number = Number {
                digits,
                ton: rule.ton.map_or(number.ton, |change| change.to.or(number.ton)),
                plan: rule.plan.map_or(number.plan, |change| change.to.or(number.plan)),
            };
            return Translated::To { rule: rule.number, number };
        }
        Translated::NoMatch
    }

    /// The output of `test voice translation-rule`, lines ending in LF.
    pub fn test(&self, number: &Number) -> String {
        match self.apply(number) {
            Translated::NoMatch => format!("{} Didn't match with any of rules\n", number.digits),
            Translated::Blocked { rule } => format!("{} blocked on rule {rule}\n", number.digits),
            Translated::To { rule, number: to } => [
                format!("Matched with rule {rule}\n"),
                columns(
                    &format!("Original number: {}", number.digits),
                    &format!("Translated number: {}", to.digits),
                ),
                columns(
                    &format!("Original number type: {}", none_or(number.ton)),
                    &format!("Translated number type: {}", none_or(to.ton)),
                ),
                columns(
                    &format!("Original number plan: {}", none_or(number.plan)),
                    &format!("Translated number plan: {}", none_or(to.plan)),
                ),
            ]
            .concat(),
        }
    }

    /// The output of `show voice translation-rule N`, lines ending in LF. A reject rule has no replacement.
    pub fn show(&self) -> String {
        let mut out = format!("Translation-rule tag: {}\n", self.tag);
        for rule in self.rules.values() {
            let replacement =
                if let Action::Replace(replacement) = &rule.action { replacement.text.as_str() } else { "" };
            let ton = rule.ton.map(|change| (change.from, change.to));
            let plan = rule.plan.map(|change| (change.from, change.to));
            out.push_str(
                &format!(
                    "\n\tRule {}:\n\tMatch pattern: {}\n\tReplace pattern: {replacement}\n",
                    rule.number, rule.pattern
                )
                .replace('\t', "        "),
            );
            let (from, to) = ton.map_or((None, None), |(from, to)| (Some(any_or(from)), Some(any_or(to))));
            out.push_str(&columns(
                &format!("        Match type: {}", none_or(from)),
                &format!("Replace type: {}", none_or(to)),
            ));
            let (from, to) = plan.map_or((None, None), |(from, to)| (Some(any_or(from)), Some(any_or(to))));
            out.push_str(&columns(
                &format!("        Match plan: {}", none_or(from)),
                &format!("Replace plan: {}", none_or(to)),
            ));
        }
        out
    }
}

/// One rule, as `rule …` is typed.
///
/// [`FromStr`] reads, and [`fmt::Display`] writes, what stands after `rule`:
/// `N /match/ /replace/ [type M R [plan M R]]` or `N reject /match/ [type M [plan M]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// 1 to [`MAX_RULE`].
    pub number: u8,
    /// What a number must contain.
    pub pattern: Regex,
    /// What is done then.
    pub action: Action,
    /// `type`
    pub ton: Option<Change<NumberType>>,
    /// `plan`
    pub plan: Option<Change<NumberPlan>>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Replaces the match.
    Replace(Replacement),
    /// `reject`: blocks the call.
    Reject,
}

/// What stands in place of a match: text with `\0`…`\9` and `&`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    text: String,
}

impl Replacement {
    /// The text as typed, without slashes.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn expand(&self, found: &crate::regex::Found<'_>, out: &mut String) {
        let mut signs = self.text.chars();
        while let Some(sign) = signs.next() {
            match sign {
                '&' => out.push_str(found.set(0).unwrap_or_default()),
                '\\' => match signs.next() {
                    Some(digit @ '0'..='9') => {
                        let set = digit.to_digit(10).and_then(|digit| found.set(digit as usize));
                        out.push_str(set.unwrap_or_default());
                    }
                    Some(other) => out.push(other),
                    None => out.push('\\'),
                },
                other => out.push(other),
            }
        }
    }
}

/// `type M R` or `plan M R`: what it must be, and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<T> {
    /// `None` is `any`.
    pub from: Option<T>,
    /// What it becomes; `None` leaves it, and is all a reject rule has.
    pub to: Option<T>,
}

impl<T: PartialEq + Copy> Change<T> {
    fn fits(self, value: Option<T>) -> bool {
        self.from.is_none() || self.from == value
    }
}

/// A number with its type and plan, `None` where the network told none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Number {
    /// The digits.
    pub digits: String,
    /// Type of number.
    pub ton: Option<NumberType>,
    /// Numbering plan.
    pub plan: Option<NumberPlan>,
}

impl Number {
    /// Digits without type and plan.
    pub fn new(digits: &str) -> Self {
        Self { digits: digits.to_owned(), ton: None, plan: None }
    }
}

/// What became of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translated {
    /// No rule matches: the number stays.
    NoMatch,
    /// A reject rule matches: the call is refused.
    Blocked {
        /// The rule.
        rule: u8,
    },
    /// A rule matches.
    To {
        /// The rule.
        rule: u8,
        /// The number now.
        number: Number,
    },
}

macro_rules! keywords {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All values in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The keyword.
            pub fn keyword(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.keyword())
            }
        }
    };
}

keywords! {
    /// Type of number.
    NumberType {
        /// `unknown`
        Unknown = "unknown",
        /// `international`
        International = "international",
        /// `national`
        National = "national",
        /// `network`
        Network = "network",
        /// `subscriber`
        Subscriber = "subscriber",
        /// `abbreviated`
        Abbreviated = "abbreviated",
        /// `reserved`
        Reserved = "reserved",
    }
}

keywords! {
    /// Numbering plan.
    NumberPlan {
        /// `unknown`
        Unknown = "unknown",
        /// `isdn`: E.164
        Isdn = "isdn",
        /// `data`
        Data = "data",
        /// `telex`
        Telex = "telex",
        /// `national`
        National = "national",
        /// `private`
        Private = "private",
        /// `ermes`
        Ermes = "ermes",
        /// `reserved`
        Reserved = "reserved",
    }
}

/// Which translation rules a `voice translation-profile` applies to which number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranslationProfile {
    /// `translate called N`
    pub called: Option<u32>,
    /// `translate calling N`
    pub calling: Option<u32>,
    /// `translate redirect-called N`
    pub redirect_called: Option<u32>,
    /// `translate redirect-target N`
    pub redirect_target: Option<u32>,
    /// `translate callback-number N`
    pub callback_number: Option<u32>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reject = match &self.action {
            Action::Replace(replacement) => {
                write!(f, "{} /{}/ /{}/", self.number, self.pattern, replacement.text)?;
                false
            }
            Action::Reject => {
                write!(f, "{} reject /{}/", self.number, self.pattern)?;
                true
            }
        };
        let mut change = |word: &str, from: &str, to: &str| {
            if reject { write!(f, " {word} {from}") } else { write!(f, " {word} {from} {to}") }
        };
        if let Some(ton) = self.ton {
            change("type", any_or(ton.from), any_or(ton.to))?;
        }
        if let Some(plan) = self.plan {
            change("plan", any_or(plan.from), any_or(plan.to))?;
        }
        Ok(())
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    /// Reads what stands after `rule`. Keywords are taken in any case and may be abbreviated where unique.
    ///
    /// # Errors
    /// [`RuleError`] says what was expected.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text = text.trim();
        let (number, rest) =
            text.split_once([' ', '\t']).ok_or(RuleError::Expected("a rule number and /match/"))?;
        let number: u8 = number.parse().map_err(|_| RuleError::Number)?;
        if !(1..=MAX_RULE).contains(&number) {
            return Err(RuleError::Number);
        }
        let rest = rest.trim_start();
        let (reject, rest) = match rest.split_once([' ', '\t']) {
            Some((word, rest)) if !word.starts_with('/') && is_word(word, "reject") => {
                (true, rest.trim_start())
            }
            _ => (false, rest),
        };
        let (pattern, rest) = slashed(rest)?;
        let pattern: Regex = pattern.parse()?;
        let (action, rest) = if reject {
            (Action::Reject, rest)
        } else {
            let (replacement, rest) = slashed(rest.trim_start())?;
            if replacement.len() > MAX_REPLACEMENT {
                return Err(RuleError::Expected("a replacement of at most 128 characters"));
            }
            (Action::Replace(Replacement { text: replacement.to_owned() }), rest)
        };
        let mut words = rest.split_ascii_whitespace();
        let mut rule = Self { number, pattern, action, ton: None, plan: None };
        while let Some(word) = words.next() {
            if rule.ton.is_none() && rule.plan.is_none() && is_word(word, "type") {
                rule.ton = Some(change(&mut words, reject, NumberType::ALL, NumberType::keyword)?);
            } else if rule.ton.is_some() && rule.plan.is_none() && is_word(word, "plan") {
                rule.plan = Some(change(&mut words, reject, NumberPlan::ALL, NumberPlan::keyword)?);
            } else {
                return Err(RuleError::Expected("type or plan"));
            }
        }
        Ok(rule)
    }
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The number is not 1 to 100.
    #[error("expected a rule number from 1 to {MAX_RULE}")]
    Number,
    /// Something else was expected.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The expression to match cannot be compiled.
    #[error(transparent)]
    Regex(#[from] RegexError),
}

/// Reads `/…/`; a slash inside is written `\/`.
fn slashed(text: &str) -> Result<(&str, &str), RuleError> {
    let missing = RuleError::Expected("/…/");
    let inner = text.strip_prefix('/').ok_or(missing.clone())?;
    let mut escaped = false;
    for (at, sign) in inner.char_indices() {
        if sign == '/' && !escaped {
            let rest = inner.get(at + 1..).unwrap_or_default();
            return Ok((inner.get(..at).unwrap_or_default(), rest));
        }
        escaped = sign == '\\' && !escaped;
    }
    Err(missing)
}

fn change<'a, T: Copy>(
    words: &mut impl Iterator<Item = &'a str>,
    reject: bool,
    all: &[T],
    keyword: impl Fn(T) -> &'static str,
) -> Result<Change<T>, RuleError> {
    let mut one = || {
        let word = words.next().ok_or(RuleError::Expected("a type or plan"))?;
        if is_word(word, "any") && word.len() >= 2 {
            return Ok(None);
        }
        let mut fitting = all.iter().filter(|value| is_word(word, keyword(**value)));
        match (fitting.next(), fitting.next()) {
            (Some(value), None) => Ok(Some(*value)),
            (Some(_), Some(_)) => {
                let exact = all.iter().find(|value| keyword(**value).eq_ignore_ascii_case(word));
                exact.map(|value| Some(*value)).ok_or(RuleError::Expected("an unambiguous type or plan"))
            }
            _ => Err(RuleError::Expected("a type or plan")),
        }
    };
    let from = one()?;
    let to = if reject { None } else { one()? };
    Ok(Change { from, to })
}

/// Whether `word` is the keyword or the beginning of it.
fn is_word(word: &str, keyword: &str) -> bool {
    !word.is_empty() && keyword.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

fn none_or<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn any_or<T: Keyword>(value: Option<T>) -> &'static str {
    value.map_or("any", |value| value.word())
}

trait Keyword {
    fn word(self) -> &'static str;
}

impl Keyword for NumberType {
    fn word(self) -> &'static str {
        self.keyword()
    }
}

impl Keyword for NumberPlan {
    fn word(self) -> &'static str {
        self.keyword()
    }
}

/// Two texts a tabulator apart, as IOS prints them.
fn columns(left: &str, right: &str) -> String {
    let width = (left.chars().count() / 8 + 1) * 8;
    format!("{left:<width$}{right}\n")
}

#[cfg(test)]
mod tests;
