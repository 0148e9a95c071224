//! Whose lamp a NOTIFY is about: the numbers to look up in the dial plan.

use serde::{Deserialize, Serialize};

/// Longest number taken, in characters.
pub const MAX_NUMBER: usize = 128;
/// Order without configuration.
pub const DEFAULT_ORDER: [NumberSource; 3] =
    [NumberSource::RequestUri, NumberSource::To, NumberSource::MessageAccount];

/// Where in a NOTIFY a number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NumberSource {
    /// User part of the Request-URI.
    RequestUri,
    /// User part of the To header field.
    To,
    /// `Message-Account` of the body.
    MessageAccount,
}

/// The numbers to try, in `order`, each once.
///
/// Any of the three may be a user part, a URI or a name-addr; see [`number`].
///
/// ```
/// use mwi::route::{DEFAULT_ORDER, candidates};
///
/// let account = Some("sip:1001@unity.example.com");
/// let numbers: Vec<String> = candidates(&DEFAULT_ORDER, Some("8000"), Some("8000"), account).collect();
/// assert_eq!(numbers, ["8000", "1001"]);
/// ```
pub fn candidates(
    order: &[NumberSource],
    request_uri_user: Option<&str>,
    to_user: Option<&str>,
    account: Option<&str>,
) -> impl Iterator<Item = String> {
    let mut all: Vec<String> = Vec::new();
    for source in order {
        let text = match source {
            NumberSource::RequestUri => request_uri_user,
            NumberSource::To => to_user,
            NumberSource::MessageAccount => account,
        };
        if let Some(found) = text.and_then(number).filter(|found| !all.contains(found)) {
            all.push(found);
        }
    }
    all.into_iter()
}

/// The number in a user part, a `sip:`, `sips:` or `tel:` URI, or one of them in angle brackets after a name.
///
/// Password, parameters and host are cut, %-escapes resolved. The visual separators `-`, `.`, `(`, `)` and spaces
/// are removed where only digits remain (RFC 3966 5.1.1), so that `john.doe` stays. A leading `+` is kept.
/// `None` for nothing, for a URI without user, for control characters and for more than [`MAX_NUMBER`] characters.
pub fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let uri = match (text.rfind('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => text.get(open + 1..close)?.trim(),
        _ => text,
    };
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme, rest)) if ["sip", "sips", "tel"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) => {
            (Some(scheme), rest)
        }
        _ => (None, uri),
    };
    let user = match rest.split_once('@') {
        Some((user, _)) => user,
        // `sip:unity.example.com` is a host alone.
        None if scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case("tel")) => return None,
        None => rest,
    };
    let user = user.split([';', ':', '?']).next().unwrap_or_default();
    let user = unescape(user)?;
    let separator = |c: char| matches!(c, '-' | '.' | '(' | ')' | ' ');
    let dialled = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | '+' | 'A'..='D');
    let cleaned = if user.chars().all(|c| separator(c) || dialled(c)) {
        user.chars().filter(|&c| !separator(c)).collect()
    } else {
        user
    };
    let fits = !cleaned.is_empty()
        && cleaned.chars().count() <= MAX_NUMBER
        && !cleaned.chars().any(char::is_control);
    fits.then_some(cleaned)
}

/// Resolves %-escapes; `None` if the result is no UTF-8 or very long. A `%` without two hex digits stays.
fn unescape(text: &str) -> Option<String> {
    if text.len() > 4 * 3 * MAX_NUMBER {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [octet, after @ ..] = rest {
        rest = after;
        let hex = match (octet, after) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match hex {
            Some((high, low)) => {
                out.push(high * 16 + low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => out.push(*octet),
        }
    }
    String::from_utf8(out).ok()
}

fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_found_in_every_form() {
        for (text, expected) in [
            ("1001", Some("1001")),
            ("sip:1001@10.10.199.250:5060", Some("1001")),
            ("SIPS:1001@host", Some("1001")),
            ("\"Anna\" <sip:1001@host;user=phone>;tag=1", Some("1001")),
            ("<tel:+49-30-1234;phone-context=x>", Some("+49301234")),
            ("tel:(030)12.34", Some("0301234")),
            ("1001@host", Some("1001")),
            ("1001:secret", Some("1001")),
            ("sip:1001:secret@host", Some("1001")),
            ("1001;phone-context=example.com", Some("1001")),
            ("%31001", Some("1001")),
            ("%2B4930", Some("+4930")),
            ("*97", Some("*97")),
            ("john.doe", Some("john.doe")),
            ("anna-maria", Some("anna-maria")),
            (" 1001 ", Some("1001")),
            ("%", Some("%")),
            ("%4", Some("%4")),
            ("", None),
            ("sip:unity.example.com", None),
            ("sip:@host", None),
            ("tel:", None),
            ("-", None),
            ("%00", None),
            ("10%0d01", None),
            ("%ff", None),
            ("<>", None),
        ] {
            assert_eq!(number(text).as_deref(), expected, "{text}");
        }
        assert!(number(&"1".repeat(128)).is_some());
        assert!(number(&"1".repeat(129)).is_none());
        assert!(number(&"1".repeat(65_536)).is_none());
    }

    #[test]
    fn the_order_is_kept_and_nothing_is_tried_twice() {
        let find = |order: &[NumberSource], uri, to, account| {
            candidates(order, uri, to, account).collect::<Vec<_>>()
        };
        use NumberSource::{MessageAccount, RequestUri, To};
        assert_eq!(find(&DEFAULT_ORDER, Some("1"), Some("2"), Some("sip:3@h")), ["1", "2", "3"]);
        assert_eq!(find(&[MessageAccount, RequestUri], Some("1"), Some("2"), Some("sip:3@h")), ["3", "1"]);
        assert_eq!(find(&DEFAULT_ORDER, Some("+1"), Some("%2B1"), Some("sip:h")), ["+1"]);
        assert_eq!(find(&[To], None, None, None), Vec::<String>::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_makes_it_panic_and_a_number_is_its_own_number(text in "\\PC{0,60}", digits in "\\+?[0-9*#]{1,30}") {
            if let Some(found) = number(&text) {
                prop_assert!(!found.is_empty() && found.chars().count() <= MAX_NUMBER);
            }
            prop_assert_eq!(number(&digits), Some(digits.clone()));
            prop_assert_eq!(number(&format!("sip:{digits}@host")), Some(digits));
        }
    }
}
