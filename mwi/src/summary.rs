//! `application/simple-message-summary` bodies (RFC 3842).
//!
//! Tolerant of what real senders do, strict in size: every field is used, or refused with a SIP status.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest body read, in octets.
pub const MAX_BODY: usize = 65_536;
/// Longest line read, in octets, after unfolding.
pub const MAX_LINE: usize = 4096;
/// Longest field name, in octets.
pub const MAX_NAME: usize = 128;
/// Most message classes.
pub const MAX_CLASSES: usize = 32;
/// Most other lines.
pub const MAX_EXTRA: usize = 256;

/// Reads a message-summary body.
///
/// Taken besides what RFC 3842 5.2 says: `Messages-Waiting` alone; lines ending in CRLF, LF, CR or nothing; blank
/// lines and spaces anywhere; names and values in any case; `Message-Waiting`;
/// lines in any order; a count without `/old`; a byte
/// order mark; octets 0 at the end; octets outside UTF-8 (replaced by U+FFFD). A repeated `Messages-Waiting` or
/// `Message-Account` does not change the first and is kept in [`Summary::extra`].
///
/// Time and memory are linear in the body's length.
///
/// # Errors
/// [`SummaryError`]; its [`sip_status`](SummaryError::sip_status) is the answer to the NOTIFY.
///
/// ```
/// let summary = mwi::summary::parse(b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n")?;
/// assert!(summary.waiting);
/// assert_eq!(summary.voice().map(|voice| (voice.new, voice.old, voice.urgent_old)), Some((2, 8, Some(2))));
/// # Ok::<(), mwi::summary::SummaryError>(())
/// ```
pub fn parse(body: &[u8]) -> Result<Summary, SummaryError> {
    if body.len() > MAX_BODY {
        return Err(SummaryError::BodyTooLong { len: body.len() });
    }
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let body =
        body.iter().rposition(|&octet| octet != 0).and_then(|last| body.get(..=last)).unwrap_or_default();
    // What is no UTF-8 grows when it is replaced, so the limits are those of the text that is kept.
    let text = String::from_utf8_lossy(body);
    if text.len() > MAX_BODY {
        return Err(SummaryError::BodyTooLong { len: text.len() });
    }
    let mut reader = Reader::default();
    let mut rest = text.as_bytes();
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (line, after) = split_line(rest);
        rest = after;
        reader.line(number, line)?;
    }
    reader.finish()
}

/// State of a mailbox as a message-summary body tells it.
///
/// [`fmt::Display`] gives the RFC 3842 text, each line ending in CRLF; reading it back gives an equal value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// `Messages-Waiting: yes`
    pub waiting: bool,
    /// `Message-Account`, the URI as it stood there.
    pub account: Option<String>,
    /// Counts per message class, in the order they came.
    pub classes: Vec<ClassCount>,
    /// Name and value of all other lines, in the order they came.
    pub extra: Vec<(String, String)>,
}

impl Summary {
    /// A summary with nothing but its status.
    pub fn new(waiting: bool) -> Self {
        Self { waiting, ..Self::default() }
    }

    /// The counts of the first line of this class.
    pub fn class(&self, class: &MessageClass) -> Option<&ClassCount> {
        self.classes.iter().find(|count| count.class == *class)
    }

    /// The counts of `Voice-Message`.
    pub fn voice(&self) -> Option<&ClassCount> {
        self.class(&MessageClass::Voice)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Messages-Waiting: {}\r\n", if self.waiting { "yes" } else { "no" })?;
        if let Some(account) = &self.account {
            write!(f, "Message-Account: {account}\r\n")?;
        }
        for count in &self.classes {
            write!(f, "{count}\r\n")?;
        }
        if !self.extra.is_empty() {
            f.write_str("\r\n")?;
        }
        self.extra.iter().try_for_each(|(name, value)| write!(f, "{name}: {value}\r\n"))
    }
}

/// Message counts of one class: `Voice-Message: 2/8 (0/2)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// The class.
    pub class: MessageClass,
    /// New messages.
    pub new: u32,
    /// Old messages.
    pub old: u32,
    /// New messages that are urgent, if told.
    pub urgent_new: Option<u32>,
    /// Old messages that are urgent, if told.
    pub urgent_old: Option<u32>,
}

impl fmt::Display for ClassCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}/{}", self.class, self.new, self.old)?;
        if self.urgent_new.is_none() && self.urgent_old.is_none() {
            return Ok(());
        }
        write!(f, " ({}/{})", self.urgent_new.unwrap_or(0), self.urgent_old.unwrap_or(0))
    }
}

/// Message context class (RFC 3458 6.2, RFC 3842 5.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MessageClass {
    /// `voice-message`
    Voice,
    /// `fax-message`
    Fax,
    /// `pager-message`
    Pager,
    /// `multimedia-message`
    Multimedia,
    /// `text-message`
    Text,
    /// `none`
    None,
    /// A class RFC 3842 does not name, as it was spelled.
    Other(String),
}

impl MessageClass {
    /// The class of this name, in any case.
    pub fn from_name(name: &str) -> Self {
        let known = [Self::Voice, Self::Fax, Self::Pager, Self::Multimedia, Self::Text, Self::None];
        let found = known.into_iter().find(|class| class.name().eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// The name, as RFC 3842's examples spell it.
    pub fn name(&self) -> &str {
        match self {
            Self::Voice => "Voice-Message",
            Self::Fax => "Fax-Message",
            Self::Pager => "Pager-Message",
            Self::Multimedia => "Multimedia-Message",
            Self::Text => "Text-Message",
            Self::None => "None",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for MessageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a body was not taken. Lines count from 1, lengths in octets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// The body exceeds [`MAX_BODY`].
    #[error("message-summary is {len} octets, limit {MAX_BODY}")]
    BodyTooLong {
        /// Its length.
        len: usize,
    },
    /// A line exceeds [`MAX_LINE`].
    #[error("message-summary line {line} is {len} octets, limit {MAX_LINE}")]
    LineTooLong {
        /// The line.
        line: usize,
        /// Its length.
        len: usize,
    },
    /// A field name exceeds [`MAX_NAME`].
    #[error("message-summary line {line} has a name of {len} octets, limit {MAX_NAME}")]
    NameTooLong {
        /// The line.
        line: usize,
        /// The name's length.
        len: usize,
    },
    /// More than [`MAX_CLASSES`] classes or [`MAX_EXTRA`] other lines.
    #[error("message-summary has more than {limit} {what}, at line {line}")]
    TooMany {
        /// The first line too many.
        line: usize,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Neither `Name: value` nor blank.
    #[error("message-summary line {line} is not \"name: value\"")]
    BadLine {
        /// The line.
        line: usize,
    },
    /// A control character inside a line.
    #[error("message-summary line {line} holds control character {octet:#04x}")]
    Control {
        /// The line.
        line: usize,
        /// The character.
        octet: u8,
    },
    /// `Messages-Waiting` is neither `yes` nor `no`.
    #[error("Messages-Waiting is {found:?}, expected \"yes\" or \"no\"")]
    BadStatus {
        /// What stood there, at most 32 characters of it.
        found: String,
    },
    /// A count of a known class beyond 4294967295.
    #[error("message-summary line {line} has a count beyond 4294967295")]
    BadCount {
        /// The line.
        line: usize,
    },
    /// No `Messages-Waiting` line.
    #[error("message-summary has no Messages-Waiting line")]
    NoStatus,
}

impl SummaryError {
    /// The SIP status that answers the NOTIFY: 413 for what is too much, else 400.
    pub fn sip_status(&self) -> u16 {
        match self {
            Self::BodyTooLong { .. }
            | Self::LineTooLong { .. }
            | Self::NameTooLong { .. }
            | Self::TooMany { .. } => 413,
            Self::BadLine { .. }
            | Self::Control { .. }
            | Self::BadStatus { .. }
            | Self::BadCount { .. }
            | Self::NoStatus => 400,
        }
    }
}

#[derive(Default)]
struct Reader {
    status: Option<bool>,
    account: Option<String>,
    classes: Vec<ClassCount>,
    extra: Vec<(String, String)>,
    /// Logical line not yet taken: its first line's number and its octets.
    open: Option<(usize, Vec<u8>)>,
    /// A blank line came after a field: what follows are extension headers.
    tail: bool,
}

impl Reader {
    fn line(&mut self, number: usize, line: &[u8]) -> Result<(), SummaryError> {
        if line.len() > MAX_LINE {
            return Err(SummaryError::LineTooLong { line: number, len: line.len() });
        }
        if let Some(&octet) = line.iter().find(|&&octet| (octet < 0x20 && octet != b'\t') || octet == 0x7F) {
            return Err(SummaryError::Control { line: number, octet });
        }
        let text = trim(line);
        let indented = line.first().is_some_and(|octet| is_blank(*octet));
        match &mut self.open {
            // A continuation (RFC 3261 7.3.1), unless it is a field somebody indented.
            Some((_, open)) if indented && !text.is_empty() && !begins_with_known_name(text) => {
                let len = open.len() + 1 + text.len();
                if len > MAX_LINE {
                    return Err(SummaryError::LineTooLong { line: number, len });
                }
                open.push(b' ');
                open.extend_from_slice(text);
            }
            _ => {
                self.close()?;
                if text.is_empty() {
                    self.tail |= self.status.is_some();
                } else {
                    self.open = Some((number, text.to_vec()));
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Summary, SummaryError> {
        self.close()?;
        let waiting = self.status.ok_or(SummaryError::NoStatus)?;
        Ok(Summary { waiting, account: self.account, classes: self.classes, extra: self.extra })
    }

    fn close(&mut self) -> Result<(), SummaryError> {
        let Some((line, octets)) = self.open.take() else { return Ok(()) };
        let colon = memchr::memchr(b':', &octets).ok_or(SummaryError::BadLine { line })?;
        let name = trim(octets.get(..colon).unwrap_or_default());
        let value = trim(octets.get(colon + 1..).unwrap_or_default());
        if name.len() > MAX_NAME {
            return Err(SummaryError::NameTooLong { line, len: name.len() });
        }
        if name.is_empty() || !name.iter().all(|&octet| is_token(octet)) {
            return Err(SummaryError::BadLine { line });
        }
        // As it is printed: one blank behind the colon.
        let len = name.len() + 2 + value.len();
        if len > MAX_LINE {
            return Err(SummaryError::LineTooLong { line, len });
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let value = String::from_utf8_lossy(value).into_owned();
        if is_status(&name) && self.status.is_none() {
            self.status = Some(status(&value)?);
            return Ok(());
        }
        if name.eq_ignore_ascii_case("Message-Account") && self.account.is_none() {
            self.account = Some(value).filter(|value| !value.is_empty());
            return Ok(());
        }
        self.count_or_extra(line, name, value)
    }

    fn count_or_extra(&mut self, line: usize, name: String, value: String) -> Result<(), SummaryError> {
        let reserved = is_status(&name) || name.eq_ignore_ascii_case("Message-Account");
        let class = MessageClass::from_name(&name);
        let known = !matches!(class, MessageClass::Other(_));
        let counts = if reserved || (self.tail && !known) { Counts::Other } else { counts(&value, known) };
        match counts {
            Counts::Read { new, old, urgent } => {
                if self.classes.len() == MAX_CLASSES {
                    return Err(SummaryError::TooMany { line, what: "message classes", limit: MAX_CLASSES });
                }
                let (urgent_new, urgent_old) = urgent.unzip();
                self.classes.push(ClassCount { class, new, old, urgent_new, urgent_old });
            }
            Counts::TooLarge if known => return Err(SummaryError::BadCount { line }),
            Counts::TooLarge | Counts::Other => {
                if self.extra.len() == MAX_EXTRA {
                    return Err(SummaryError::TooMany { line, what: "other lines", limit: MAX_EXTRA });
                }
                self.extra.push((name, value));
            }
        }
        Ok(())
    }
}

/// `Messages-Waiting`, and as senders misspell it.
fn is_status(name: &str) -> bool {
    name.eq_ignore_ascii_case("Messages-Waiting") || name.eq_ignore_ascii_case("Message-Waiting")
}

fn status(value: &str) -> Result<bool, SummaryError> {
    // RFC 3842 5.2 `msg-status`; RFC 3261 7.3.1 makes it case-insensitive.
    if value.eq_ignore_ascii_case("yes") {
        Ok(true)
    } else if value.eq_ignore_ascii_case("no") {
        Ok(false)
    } else {
        Err(SummaryError::BadStatus { found: value.chars().take(32).collect() })
    }
}

enum Counts {
    Read { new: u32, old: u32, urgent: Option<(u32, u32)> },
    TooLarge,
    Other,
}

/// Reads `new/old [(urgent-new/urgent-old)]`, spaces anywhere; `new` alone only where the class is known.
fn counts(value: &str, known: bool) -> Counts {
    let (all, urgent) = match value.split_once('(') {
        None => (value, None),
        Some((all, rest)) => match rest.trim_end().strip_suffix(')') {
            Some(urgent) => (all, Some(urgent)),
            None => return Counts::Other,
        },
    };
    let pair = |text: &str, alone: bool| -> Result<(u32, u32), bool> {
        match text.split_once('/') {
            Some((new, old)) => Ok((count(new)?, count(old)?)),
            None if alone => Ok((count(text)?, 0)),
            None => Err(false),
        }
    };
    match (pair(all, known), urgent.map(|urgent| pair(urgent, false)).transpose()) {
        (Ok((new, old)), Ok(urgent)) => Counts::Read { new, old, urgent },
        (Err(false), _) | (_, Err(false)) => Counts::Other,
        _ => Counts::TooLarge,
    }
}

/// `Err(true)` for a number too large, `Err(false)` for what is no number.
fn count(text: &str) -> Result<u32, bool> {
    let text = text.trim_matches([' ', '\t']);
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if digits { text.parse().map_err(|_| true) } else { Err(false) }
}

fn begins_with_known_name(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', text) else { return false };
    let name = String::from_utf8_lossy(trim(text.get(..colon).unwrap_or_default()));
    is_status(&name)
        || name.eq_ignore_ascii_case("Message-Account")
        || !matches!(MessageClass::from_name(&name), MessageClass::Other(_))
}

/// The octets up to CRLF, LF or CR, and what follows it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr::memchr2(b'\r', b'\n', text) else { return (text, &[]) };
    let (line, rest) = text.split_at(end);
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
    (line, rest)
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text {
        if !is_blank(*first) {
            break;
        }
        text = rest;
    }
    while let [rest @ .., last] = text {
        if !is_blank(*last) {
            break;
        }
        text = rest;
    }
    text
}

fn is_blank(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// RFC 3261 25.1 `token`.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet)
}

#[cfg(test)]
mod tests;
