//! Small scanners over header octets. Folding (CRLF followed by blank) is white space to all of them.

use std::borrow::Cow;

/// White space inside a header value: blank, tab, and the line ends that folding leaves.
pub(crate) fn is_lws(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// `bytes` without white space at both ends.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if !is_lws(*first) {
            break;
        }
        rest = tail;
    }
    while let [head @ .., last] = rest {
        if !is_lws(*last) {
            break;
        }
        rest = head;
    }
    rest
}

/// RFC 3261 25.1 `token` octet.
pub(crate) fn is_token_octet(octet: u8) -> bool {
    TOKEN[octet as usize]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 128 {
        table[octet] = (octet as u8).is_ascii_alphanumeric();
        octet += 1;
    }
    let marks = b"-.!%*_+`'~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// Octets that cannot stand in a URI (RFC 3261 25.1): blanks, controls, and what a URI is put between.
const NO_URI: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet <= b' ' as usize {
        table[octet] = true;
        octet += 1;
    }
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table[0x7f] = true;
    table
};

/// Whether an octet cannot stand in a URI.
pub(crate) fn is_no_uri_octet(octet: u8) -> bool {
    NO_URI[octet as usize]
}

/// A non-empty `token`.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|octet| is_token_octet(*octet))
}

/// Position of the first `wanted` outside quoted strings and angle brackets.
pub(crate) fn find_outside(bytes: &[u8], wanted: u8) -> Option<usize> {
    // Mostly nothing is quoted in front of it.
    match memchr::memchr3(wanted, b'"', b'<', bytes) {
        None => return None,
        Some(at) if bytes.get(at) == Some(&wanted) => return Some(at),
        Some(_) => {}
    }
    let mut quoted = false;
    let mut angle = false;
    let mut escaped = false;
    for (at, octet) in bytes.iter().enumerate() {
        if quoted {
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match octet {
            b'>' if angle => angle = false,
            _ if angle => {}
            o if *o == wanted => return Some(at),
            b'"' => quoted = true,
            b'<' => angle = true,
            _ => {}
        }
    }
    None
}

/// `bytes` cut at the first `separator` outside quotes and brackets.
pub(crate) fn split_outside(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match find_outside(bytes, separator) {
        Some(at) => {
            let (head, tail) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
            (head, Some(tail.get(1..).unwrap_or_default()))
        }
        None => (bytes, None),
    }
}

/// `text` before and behind the first `separator`, an ASCII octet.
pub(crate) fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    // memchr is quicker here than core's search for a char.
    let at = memchr::memchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The elements of a comma-separated list, trimmed, empty ones left out.
#[derive(Clone, Debug)]
pub(crate) struct List<'a>(Option<&'a [u8]>);

impl<'a> List<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        List(Some(bytes))
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (element, rest) = split_outside(self.0?, b',');
            self.0 = rest;
            let element = trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// A quoted string's content, escapes undone; anything else as it stands.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"') else { return Cow::Borrowed(text) };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(out)
}

/// Undoes `%HH` escapes. A `%` that does not start one stays; octets that are no UTF-8 become U+FFFD.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push((hex(*high) << 4) | hex(*low));
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10) & 0x0f,
    }
}

/// A run of decimal digits that fits; nothing else around it.
pub(crate) fn decimal<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// `delta-seconds`: decimal digits; a value beyond 32 bits counts as the largest (RFC 3261 20.19 has 2^32-1).
pub(crate) fn delta_seconds(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        bytes.iter().fold(0u32, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0')))
        }),
    )
}
