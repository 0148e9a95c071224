#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap_or_else(|_| panic!("{text:?} was refused"))
}

fn rank(text: &str, number: &str) -> Option<(u8, u8)> {
    pattern(text).matches(number).map(|rank| (rank.explicit, rank.wild))
}

#[test]
fn every_sign_of_the_language_means_what_ios_says() {
    /// Pattern, number, explicit and wild digits.
    type Case = (&'static str, &'static str, Option<(u8, u8)>);
    let cases: &[Case] = &[
        // Itself.
        ("8000", "8000", Some((4, 0))),
        ("8000", "8001", None),
        ("8000", "800", None),
        ("*#A", "*#A", Some((3, 0))),
        ("*#A", "*#a", Some((3, 0))),
        // Without `$` a longer number matches by its beginning.
        ("8000", "80001", Some((4, 0))),
        ("8000$", "80001", None),
        ("8000$", "8000", Some((4, 0))),
        // One of 0-9 A-F * # +
        ("555....", "5551234", Some((3, 4))),
        ("555....", "555123", None),
        (".", "+", Some((0, 1))),
        (".", "#", Some((0, 1))),
        ("12..$", "1234", Some((2, 2))),
        ("12..$", "12345", None),
        // Sets.
        ("3[1-7,9]", "39", Some((1, 1))),
        ("3[1-7,9]", "38", None),
        ("3[^49]", "33", Some((1, 1))),
        ("3[^49]", "34", None),
        ("[123]777", "1777", Some((3, 1))),
        ("3[(01)(12)]...", "31999", Some((1, 4))),
        ("[*#]", "#", Some((0, 1))),
        ("[A-D]", "C", Some((0, 1))),
        // Groups and repetitions.
        ("408(555)", "408555", Some((6, 0))),
        ("333(123)", "3331", None),
        ("333(123)%", "333", Some((3, 0))),
        ("333(123)%$", "333123123", Some((9, 0))),
        ("5+23", "555523", Some((6, 0))),
        ("5+23", "23", None),
        ("5%23", "23", Some((2, 0))),
        ("5?23$", "523", Some((3, 0))),
        ("5?23$", "5523", None),
        ("1(23)?4$", "14", Some((2, 0))),
        ("1(23)?4$", "1234", Some((4, 0))),
        ("1((2)+3)+4$", "1223234", Some((7, 0))),
        // The greatest number of explicit digits counts where several ways lead through.
        (".?1?", "1", Some((1, 0))),
        (".%1", "2131", Some((1, 3))),
        // A plus in first place is a plus.
        ("+1408", "+1408", Some((5, 0))),
        ("\\+1408", "+1408", Some((5, 0))),
        ("+1408", "1408", None),
        // T
        ("9T", "9", Some((1, 0))),
        ("9T", "9123456", Some((1, 0))),
        (".T", "123", Some((0, 1))),
        (".T", "", None),
        ("T", "", Some((0, 0))),
        ("T", "123", Some((0, 0))),
        ("9T$", "91", Some((1, 0))),
        // Beginning, pause, separator.
        ("^8000", "8000", Some((4, 0))),
        ("80-00", "8000", Some((4, 0))),
        ("9,1", "91", Some((2, 0))),
        // What is not dialled matches nothing.
        (".T", "alice", None),
        (".T", "12 34", None),
        ("1", "1x", None),
    ];
    for &(text, number, expected) in cases {
        assert_eq!(rank(text, number), expected, "{text} against {number}");
    }
}

#[test]
fn patterns_outside_the_language_are_refused_in_the_words_of_ios() {
    for text in [
        "",
        "asdfqw4r3~2",
        "k..",
        "12T3",
        "T1",
        "1$2",
        "$1",
        "12a",
        "[12",
        "12]",
        "(12",
        "12)",
        "?1",
        "%1",
        "[]",
        "[^]",
        "[2-1]",
        "[1-",
        "1 2",
        "\\.",
        "\\",
        "12x",
        "1^2",
        "é",
        "[k]",
        "[1?]",
    ] {
        let refused = text.parse::<Pattern>();
        assert!(refused.is_err(), "{text}");
        assert_eq!(refused.err().map(|e| e.to_string()).as_deref(), Some(PATTERN_ERROR));
    }
    assert!("1".repeat(64).parse::<Pattern>().is_ok());
    assert!("1".repeat(65).parse::<Pattern>().is_err());
    assert_eq!("12x4".parse::<Pattern>().err().map(|e| e.at), Some(2));
}

#[test]
fn patterns_of_real_configurations_are_taken() {
    for text in [
        "4..",
        ".T",
        "67T",
        "222228..........",
        "[23]......",
        "1[2-9]..[2-9]......",
        "BAD.BAD",
        "9998",
        "[12]...",
        "1[01]..",
        "48T",
        "36601",
        "789...",
        "813555013[567]",
        "+1408555....$",
    ] {
        assert_eq!(pattern(text).to_string(), text);
    }
}

#[test]
fn collection_knows_when_to_wait() {
    use Progress::{Full, Never, Open, Partial};
    for (text, digits, expected) in [
        ("8000", "", Partial),
        ("8000", "80", Partial),
        ("8000", "8000", Full),
        ("8000", "81", Never),
        ("8000", "80009", Full),
        ("8000$", "80009", Never),
        ("9T", "9", Open),
        ("9T", "9123", Open),
        ("9T", "91234567890123456789012345678901", Full),
        ("T", "", Open),
        ("12%", "1", Open),
        ("12?$", "12", Full),
        ("12+$", "12", Open),
        ("8000", "x", Never),
    ] {
        assert_eq!(pattern(text).progress(digits), expected, "{text} after {digits}");
    }
}

#[test]
fn only_digits_written_as_themselves_before_the_first_wildcard_are_stripped() {
    for (text, strip) in [
        ("9T", 1),
        ("1234", 4),
        ("1[01]..", 1),
        ("91[2-9]..[2-9]......", 2),
        (".T", 0),
        ("12?3", 1),
        ("(12)+3", 0),
        ("+49T", 3),
    ] {
        assert_eq!(pattern(text).strip_len(), strip, "{text}");
    }
}

/// A matcher by plain recursion over the text: slow, and built in another way.
mod naive {
    use std::collections::HashSet;

    #[derive(Clone, Debug)]
    pub(super) enum Item {
        One(char),
        Any,
        Set(Vec<char>, bool),
        Group(Vec<(Item, char)>),
    }

    /// Every (rest of the number, explicit, wild) after `items`.
    pub(super) fn walk(
        items: &[(Item, char)],
        from: HashSet<(usize, u8, u8)>,
        number: &[char],
    ) -> HashSet<(usize, u8, u8)> {
        items.iter().fold(from, |from, (item, sign)| match sign {
            '?' => &from | &once(item, &from, number),
            '+' => closure(item, once(item, &from, number), number),
            '%' => closure(item, from, number),
            _ => once(item, &from, number),
        })
    }

    fn closure(item: &Item, mut all: HashSet<(usize, u8, u8)>, number: &[char]) -> HashSet<(usize, u8, u8)> {
        loop {
            let more = &all | &once(item, &all, number);
            if more.len() == all.len() {
                return all;
            }
            all = more;
        }
    }

    fn once(item: &Item, from: &HashSet<(usize, u8, u8)>, number: &[char]) -> HashSet<(usize, u8, u8)> {
        let one = |test: &dyn Fn(char) -> bool, explicit: u8| {
            from.iter()
                .filter(|(at, ..)| number.get(*at).is_some_and(|&c| test(c)))
                .map(|&(at, e, w)| (at + 1, e + explicit, w + 1 - explicit))
                .collect()
        };
        match item {
            Item::One(c) => one(&|d| d == *c, 1),
            Item::Any => one(&|_| true, 0),
            Item::Set(set, negated) => one(&|d| set.contains(&d) != *negated, 0),
            Item::Group(items) => walk(items, from.clone(), number),
        }
    }

    pub(super) fn text(items: &[(Item, char)]) -> String {
        items
            .iter()
            .map(|(item, sign)| {
                let body = match item {
                    Item::One(c) => c.to_string(),
                    Item::Any => ".".into(),
                    Item::Set(set, negated) => {
                        format!("[{}{}]", if *negated { "^" } else { "" }, set.iter().collect::<String>())
                    }
                    Item::Group(items) => format!("({})", text(items)),
                };
                if *sign == ' ' { body } else { format!("{body}{sign}") }
            })
            .collect()
    }
}

fn items() -> impl Strategy<Value = Vec<(naive::Item, char)>> {
    use naive::Item;
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!['1', '2', '3', '*', 'A']).prop_map(Item::One),
        2 => Just(Item::Any),
        1 => (prop::collection::vec(prop::sample::select(vec!['1', '2', '3', '#']), 1..3), any::<bool>())
            .prop_map(|(set, negated)| Item::Set(set, negated)),
    ];
    let sign = prop::sample::select(vec![' ', ' ', ' ', ' ', '?', '%', '+']);
    let item = leaf.prop_recursive(2, 8, 3, {
        let sign = sign.clone();
        move |inner| prop::collection::vec((inner, sign.clone()), 1..3).prop_map(Item::Group)
    });
    prop::collection::vec((item, sign), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn matching_equals_plain_recursion(items in items(), tail in 0..4, number in "[123*#A]{0,7}") {
        let (timeout, end) = (tail & 1 != 0, tail & 2 != 0);
        let text = naive::text(&items) + if timeout { "T" } else { "" } + if end { "$" } else { "" };
        let digits: Vec<char> = number.chars().collect();
        let ends = naive::walk(&items, [(0, 0, 0)].into(), &digits);
        let expected = ends
            .into_iter()
            .filter(|(at, ..)| !end || timeout || *at == digits.len())
            .map(|(_, explicit, wild)| Rank { explicit, wild })
            .max();
        let compiled = pattern(&text);
        prop_assert_eq!(compiled.matches(&number), expected, "{} against {}", text, number);
        prop_assert_eq!(expected.is_some(), compiled.progress(&number) >= Progress::Open);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,70}", number in "\\PC{0,40}") {
        if let Ok(pattern) = text.parse::<Pattern>() {
            prop_assert_eq!(pattern.as_str(), &text);
            pattern.matches(&number);
            pattern.progress(&number);
        }
    }
}
