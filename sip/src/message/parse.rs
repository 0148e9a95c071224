//! The one pass over a message's octets that builds the index.

use memchr::memchr;

use super::method::{Method, StatusCode};
use super::name::Header;
use super::scan::{decimal, is_lws, is_token};

/// Bounds on what is read from a peer. Lengths in octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole message. Larger ones are not read at all. Default 256 KiB.
    pub message: usize,
    /// Header lines that are indexed; more is [`Faults::TOO_MANY_HEADERS`] (answered 400). Default 256.
    pub headers: usize,
    /// One header line's value; a longer one is answered 400. Default 16 KiB.
    pub header: usize,
    /// The Request-URI; a longer one is answered 414. Default 2 KiB.
    pub uri: usize,
    /// The body; a longer one is answered 413. Default 128 KiB.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { message: 256 << 10, headers: 256, header: 16 << 10, uri: 2 << 10, body: 128 << 10 }
    }
}

/// Why octets are not a SIP message that could be framed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Only CRLF, or nothing: a keep-alive (RFC 5626 4.4.1).
    #[error("no message, only {len} octets of line ends")]
    Empty {
        /// Octets received.
        len: usize,
    },
    /// The first line is neither a request line nor a status line.
    #[error("expected a SIP start line, got {found:?}")]
    NotSip {
        /// The beginning of the line.
        found: String,
    },
    /// A status line whose code is not three digits in 100..=699.
    #[error("expected a status code from 100 to 699, got {found:?}")]
    BadStatus {
        /// What stood there.
        found: String,
    },
    /// Larger than [`Limits::message`].
    #[error("message is {len} octets, limit {limit}")]
    TooLarge {
        /// Octets received.
        len: usize,
        /// The limit.
        limit: usize,
    },
}

/// What is wrong with a message that could be framed nevertheless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u8);

impl Faults {
    /// A header line without a colon, or with a name that is not a token.
    pub const JUNK_LINE: Faults = Faults(1);
    /// More header lines than [`Limits::headers`]; those behind are not indexed.
    pub const TOO_MANY_HEADERS: Faults = Faults(2);
    /// No empty line after the headers.
    pub const NO_EMPTY_LINE: Faults = Faults(4);
    /// Content-Length is not a number.
    pub const BAD_CONTENT_LENGTH: Faults = Faults(8);
    /// Two Content-Length lines that differ.
    pub const DIFFERENT_CONTENT_LENGTHS: Faults = Faults(16);
    /// Fewer octets of body than Content-Length says.
    pub const SHORT_BODY: Faults = Faults(32);

    /// True when `fault` is among them.
    pub fn contains(self, fault: Faults) -> bool {
        self.0 & fault.0 == fault.0 && fault.0 != 0
    }

    /// True when nothing is wrong.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn add(&mut self, fault: Faults) {
        self.0 |= fault.0;
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) known: Option<Header>,
    pub(super) name: Span,
    pub(super) value: Span,
}

#[derive(Debug)]
pub(super) enum Start {
    Request { method: Method, uri: Span, version: Span },
    Status { code: StatusCode, reason: Span, version: Span },
}

pub(super) struct Parsed {
    pub(super) frame: (usize, usize),
    pub(super) start: Start,
    pub(super) entries: Vec<Entry>,
    pub(super) body: Span,
    pub(super) faults: Faults,
}

pub(super) fn parse(data: &[u8], limits: &Limits) -> Result<Parsed, ParseError> {
    let lead = data.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    let octets = data.get(lead..).unwrap_or_default();
    if octets.is_empty() {
        return Err(ParseError::Empty { len: data.len() });
    }
    // Spans are 32 bits wide.
    let limit = limits.message.min(u32::MAX as usize);
    if octets.len() > limit {
        return Err(ParseError::TooLarge { len: octets.len(), limit });
    }
    let reader = Reader { octets };
    let (line, mut at) = reader.line(0);
    let start = reader.start_line(line)?;

    let mut faults = Faults::default();
    let mut entries: Vec<Entry> = Vec::with_capacity(28);
    let mut content_length: Option<&[u8]> = None;
    loop {
        if at >= octets.len() {
            faults.add(Faults::NO_EMPTY_LINE);
            break;
        }
        let (line, next) = reader.folded_line(at);
        at = next;
        if line.len() == 0 {
            if octets.get(next - 1) != Some(&b'\n') {
                // Cut off between CR and LF.
                faults.add(Faults::NO_EMPTY_LINE);
            }
            break;
        }
        let Some(entry) = reader.header_line(line) else {
            faults.add(Faults::JUNK_LINE);
            continue;
        };
        if entry.known == Some(Header::ContentLength) {
            let value = reader.get(entry.value);
            match content_length {
                Some(first) if decimal::<u64>(first) != decimal::<u64>(value) => {
                    faults.add(Faults::DIFFERENT_CONTENT_LENGTHS);
                }
                _ => content_length = Some(value),
            }
        }
        if entries.len() >= limits.headers {
            faults.add(Faults::TOO_MANY_HEADERS);
            continue;
        }
        entries.push(entry);
    }

    let available = octets.len() - at.min(octets.len());
    //= RFC 3261 18.3: "If there are additional bytes in the transport packet beyond the end of the body,
    //= they MUST be discarded."
    let length = match content_length {
        None => available,
        Some(value) => match decimal::<usize>(value) {
            Some(length) if length <= available => length,
            Some(_) => {
                faults.add(Faults::SHORT_BODY);
                available
            }
            None => {
                faults.add(Faults::BAD_CONTENT_LENGTH);
                available
            }
        },
    };
    let at = at.min(octets.len());
    Ok(Parsed {
        frame: (lead, lead + at + length),
        start,
        entries,
        body: Span { start: at as u32, end: (at + length) as u32 },
        faults,
    })
}

/// The header lines at the beginning of a body part, and where its content begins.
pub(super) fn head_lines(octets: &[u8]) -> (Vec<Entry>, usize) {
    let octets = octets.get(..octets.len().min(u32::MAX as usize)).unwrap_or_default();
    let reader = Reader { octets };
    let mut entries = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let (line, next) = reader.folded_line(at);
        at = next;
        if line.len() == 0 {
            break;
        }
        entries.extend(reader.header_line(line).filter(|_| entries.len() < MAX_PART_HEADERS));
    }
    (entries, at)
}

/// Most header lines read of one body part.
const MAX_PART_HEADERS: usize = 32;

struct Reader<'a> {
    octets: &'a [u8],
}

impl<'a> Reader<'a> {
    fn get(&self, span: Span) -> &'a [u8] {
        self.octets.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The line that starts at `at` without its line end, and where the next begins.
    fn line(&self, at: usize) -> (Span, usize) {
        let rest = self.octets.get(at..).unwrap_or_default();
        let (end, next) = match memchr(b'\n', rest) {
            Some(len) => (at + len, at + len + 1),
            None => (self.octets.len(), self.octets.len()),
        };
        let end = if end > at && self.octets.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        (Span { start: at as u32, end: end as u32 }, next)
    }

    /// The line that starts at `at` with those that go on from it; an empty line is never gone on from.
    fn folded_line(&self, at: usize) -> (Span, usize) {
        let (mut line, mut next) = self.line(at);
        //= RFC 3261 7.3.1: "Header fields can be extended over multiple lines by preceding each extra line
        //= with at least one SP or horizontal tab (HT)."
        while line.len() > 0 && matches!(self.octets.get(next), Some(b' ' | b'\t')) {
            let (more, after) = self.line(next);
            line.end = more.end;
            next = after;
        }
        (line, next)
    }

    /// A span for the part of `outer` that `inner`, a sub-slice of it without leading `skip` octets, covers.
    fn trimmed(&self, outer: Span) -> Span {
        let bytes = self.get(outer);
        let lead = bytes.iter().take_while(|octet| is_lws(**octet)).count();
        let rest = bytes.get(lead..).unwrap_or_default();
        let tail = rest.iter().rev().take_while(|octet| is_lws(**octet)).count();
        Span { start: outer.start + lead as u32, end: outer.end - tail as u32 }
    }

    fn header_line(&self, line: Span) -> Option<Entry> {
        let bytes = self.get(line);
        // Names are short: memchr's start would cost more than the search.
        let colon = bytes.iter().position(|octet| *octet == b':')? as u32;
        let mut name = Span { start: line.start, end: line.start + colon };
        // RFC 3261 7.3.1 allows white space before the colon, and none before the name.
        while name.len() > 0 && matches!(self.octets.get(name.end as usize - 1), Some(b' ' | b'\t')) {
            name.end -= 1;
        }
        let known = Header::from_bytes(self.get(name));
        if known.is_none() && !is_token(self.get(name)) {
            return None;
        }
        let value = self.trimmed(Span { start: line.start + colon + 1, end: line.end });
        Some(Entry { known, name, value })
    }

    fn start_line(&self, line: Span) -> Result<Start, ParseError> {
        let bytes = self.get(line);
        let not_sip = || ParseError::NotSip { found: beginning(bytes) };
        let space = memchr(b' ', bytes).ok_or_else(not_sip)?;
        let first = Span { start: line.start, end: line.start + space as u32 };
        let rest = Span { start: first.end + 1, end: line.end };
        if is_version(self.get(first)) {
            let text = self.get(rest);
            let digits = text.iter().take_while(|octet| !octet.is_ascii_whitespace()).count();
            let code = text.get(..digits).unwrap_or_default();
            let code = (digits == 3)
                .then(|| decimal::<u16>(code))
                .flatten()
                .and_then(StatusCode::new)
                .ok_or_else(|| ParseError::BadStatus { found: beginning(text) })?;
            let reason = self.trimmed(Span { start: rest.start + digits as u32, end: rest.end });
            return Ok(Start::Status { code, reason, version: first });
        }
        let rest_trimmed = self.trimmed(rest);
        let text = self.get(rest_trimmed);
        let last = memchr::memrchr(b' ', text).ok_or_else(not_sip)?;
        let version = Span { start: rest_trimmed.start + last as u32 + 1, end: rest_trimmed.end };
        if !is_version(self.get(version)) {
            return Err(not_sip());
        }
        let method = std::str::from_utf8(self.get(first)).map_err(|_| not_sip())?;
        if method.is_empty() {
            return Err(not_sip());
        }
        // What lies between is the URI, blanks and all: that it has some is the validator's business (400).
        let uri = Span { start: rest.start, end: rest_trimmed.start + last as u32 };
        Ok(Start::Request { method: Method::parse(method), uri, version })
    }
}

fn is_version(bytes: &[u8]) -> bool {
    let Some((name, number)) = bytes.split_at_checked(4) else { return false };
    name.eq_ignore_ascii_case(b"SIP/")
        && !number.is_empty()
        && number.iter().all(|o| o.is_ascii_digit() || *o == b'.')
}

fn beginning(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..40).unwrap_or(bytes)).into_owned()
}
