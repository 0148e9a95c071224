//! Bodies of several parts (RFC 2046 5.1, RFC 5621), octets untouched.

use bytes::Bytes;
use memchr::memmem;

use super::field::{FieldError, ParamValue};
use super::name::{Header, HeaderName};
use super::parse::{Entry, head_lines};
use super::{HeaderValue, Message};

/// Most parts read of one body.
pub const MAX_PARTS: usize = 32;
/// How deep [`Message::part`] looks into parts that have parts.
const MAX_DEPTH: usize = 4;

/// Why a body cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Content-Type is malformed.
    #[error(transparent)]
    ContentType(#[from] FieldError),
    /// `multipart/…` without a boundary of 1 to 70 characters.
    #[error("multipart body with boundary {found:?}, expected 1 to 70 characters")]
    Boundary {
        /// What stood there.
        found: String,
    },
    /// The boundary never comes.
    #[error("multipart body without its boundary {boundary:?}")]
    NoPart {
        /// What was looked for.
        boundary: String,
    },
    /// More than [`MAX_PARTS`].
    #[error("more than {MAX_PARTS} parts")]
    TooMany,
}

/// One part of a body, or a body that is not multipart.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    head: &'a [u8],
    lines: Vec<Entry>,
    content_type: Option<ParamValue<'a>>,
    disposition: Option<ParamValue<'a>>,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    /// Content-Type; of a part without, `text/plain` is meant (RFC 2046 5.1).
    pub fn content_type(&self) -> Option<ParamValue<'a>> {
        self.content_type
    }

    /// Content-Disposition, such as `session` or `signal;handling=optional`.
    pub fn disposition(&self) -> Option<ParamValue<'a>> {
        self.disposition
    }

    /// Whether the part may be passed over by who does not understand it (RFC 3204 4: `handling=optional`).
    pub fn is_optional(&self) -> bool {
        self.disposition
            .and_then(|disposition| disposition.params.get("handling"))
            .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
    }

    /// Whether Content-Type is this, parameters apart.
    pub fn is(&self, content_type: &str) -> bool {
        self.content_type.is_some_and(|own| own.is(content_type))
    }

    /// The part's own header line of this name, such as Content-ID. A body that is not multipart has none.
    pub fn header<'n>(&self, name: impl Into<HeaderName<'n>>) -> Option<HeaderValue<'a>> {
        let name = name.into();
        let line = self.lines.iter().find(|line| match name {
            HeaderName::Known(header) => line.known == Some(header),
            HeaderName::Other(text) => {
                let own = self.head.get(line.name.start as usize..line.name.end as usize);
                own.is_some_and(|own| own.eq_ignore_ascii_case(text.as_bytes()))
            }
        })?;
        self.head.get(line.value.start as usize..line.value.end as usize).map(HeaderValue)
    }

    /// The octets.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The parts of this part.
    ///
    /// # Errors
    /// As for [`Message::parts`].
    pub fn parts(&self) -> Result<Vec<Part<'a>>, MultipartError> {
        split(self.clone())
    }

    fn is_multipart(&self) -> bool {
        self.content_type.is_some_and(|own| {
            own.value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
        })
    }

    fn read(octets: &'a [u8]) -> Part<'a> {
        let (lines, body_at) = head_lines(octets);
        let (head, body) = octets.split_at_checked(body_at).unwrap_or((octets, &[]));
        let mut part = Part { head, lines, content_type: None, disposition: None, body };
        let value = |header| part.header(header).and_then(|value| ParamValue::parse(header, value.0).ok());
        (part.content_type, part.disposition) =
            (value(Header::ContentType), value(Header::ContentDisposition));
        part
    }
}

impl Message {
    /// The parts of the body: of `multipart/…` its parts in order, of any other body itself; none when there is
    /// no body. Parts that have parts are not opened; see [`Part::parts`].
    ///
    /// # Errors
    /// [`MultipartError`].
    pub fn parts(&self) -> Result<Vec<Part<'_>>, MultipartError> {
        if self.body().is_empty() {
            return Ok(Vec::new());
        }
        split(Part {
            head: &[],
            lines: Vec::new(),
            content_type: self.content_type()?,
            disposition: self.param_value(Header::ContentDisposition).ok().flatten(),
            body: self.body(),
        })
    }

    /// The first part of this type, wherever it is.
    ///
    /// ```
    /// use sip::message::{Message, Multipart};
    /// let (content_type, body) =
    ///     Multipart::mixed().part("application/sdp", "v=0\r\n").part("application/QSIG", vec![8, 2, 0, 0]).build();
    /// let invite = Message::parse(
    ///     [format!("INVITE sip:gw SIP/2.0\r\nContent-Type: {content_type}\r\n\r\n").as_bytes(), &body].concat().into(),
    /// )?;
    /// assert_eq!(invite.part("application/qsig").unwrap().body(), [8, 2, 0, 0]);
    /// # Ok::<(), sip::ParseError>(())
    /// ```
    pub fn part(&self, content_type: &str) -> Option<Part<'_>> {
        find(self.parts().ok()?, content_type, MAX_DEPTH)
    }
}

fn find<'a>(parts: Vec<Part<'a>>, content_type: &str, depth: usize) -> Option<Part<'a>> {
    for part in parts {
        if part.is(content_type) {
            return Some(part);
        }
        if part.is_multipart()
            && depth > 0
            && let Some(inner) = part.parts().ok().and_then(|parts| find(parts, content_type, depth - 1))
        {
            return Some(inner);
        }
    }
    None
}

fn split(whole: Part<'_>) -> Result<Vec<Part<'_>>, MultipartError> {
    let Some(content_type) = whole.content_type.filter(|_| whole.is_multipart()) else {
        return Ok(vec![whole]);
    };
    let boundary = content_type.params.text("boundary").unwrap_or_default();
    if boundary.is_empty() || boundary.len() > 70 {
        return Err(MultipartError::Boundary { found: boundary.chars().take(80).collect() });
    }
    let octets = whole.body;
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    for at in memmem::find_iter(octets, &delimiter) {
        //= RFC 2046 5.1.1: "The boundary delimiter MUST occur at the beginning of a line, i.e., following a
        //= CRLF, and the initial CRLF is considered to be attached to the boundary delimiter line rather than
        //= part of the preceding part."
        let before = octets.get(..at).unwrap_or_default();
        if !(before.is_empty() || before.ends_with(b"\n")) {
            continue;
        }
        let behind = octets.get(at + delimiter.len()..).unwrap_or_default();
        let (last, rest) = match behind.strip_prefix(b"--") {
            Some(rest) => (true, rest),
            None => (false, behind),
        };
        // Behind the boundary only white space up to the line's end: else it is the start of a longer word.
        let blank = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t' | b'\r')).count();
        if !matches!(rest.get(blank), None | Some(b'\n')) {
            continue;
        }
        if let Some(start) = begun {
            if parts.len() >= MAX_PARTS {
                return Err(MultipartError::TooMany);
            }
            let end = at.saturating_sub(if before.ends_with(b"\r\n") { 2 } else { 1 });
            parts.push(Part::read(octets.get(start..end.max(start)).unwrap_or_default()));
        }
        begun = (!last).then(|| (octets.len() - rest.len() + blank + 1).min(octets.len()));
        if last {
            return Ok(parts);
        }
    }
    // Without the closing boundary the last part goes to the end.
    match begun {
        Some(_) if parts.len() >= MAX_PARTS => Err(MultipartError::TooMany),
        Some(start) => {
            parts.push(Part::read(octets.get(start..).unwrap_or_default()));
            Ok(parts)
        }
        None => Err(MultipartError::NoPart { boundary: boundary.into_owned() }),
    }
}

/// A `multipart/…` body in the making.
#[derive(Clone, Debug)]
pub struct Multipart {
    subtype: &'static str,
    parts: Vec<(String, Bytes)>,
}

impl Multipart {
    /// `multipart/mixed`: every part says something of its own.
    pub fn mixed() -> Multipart {
        Multipart { subtype: "mixed", parts: Vec::new() }
    }

    /// Adds a part.
    #[must_use]
    pub fn part(self, content_type: &str, body: impl Into<Bytes>) -> Multipart {
        self.part_with(content_type, &[], body)
    }

    /// Adds a part with further headers, such as `Content-Disposition: signal;handling=optional` (RFC 3204 4).
    /// Line ends in values become blanks.
    #[must_use]
    pub fn part_with(
        mut self,
        content_type: &str,
        headers: &[(Header, &str)],
        body: impl Into<Bytes>,
    ) -> Multipart {
        let mut head = String::new();
        for (header, value) in std::iter::once(&(Header::ContentType, content_type)).chain(headers) {
            head.push_str(header.as_str());
            head.push_str(": ");
            head.push_str(&value.replace(['\r', '\n'], " "));
            head.push_str("\r\n");
        }
        self.parts.push((head, body.into()));
        self
    }

    /// Content-Type with its boundary, and the body. The boundary is one that occurs in no part.
    pub fn build(&self) -> (String, Bytes) {
        let boundary = (0u32..)
            .map(|number| format!("part-{number:08x}"))
            .find(|boundary| {
                self.parts.iter().all(|(_, body)| memmem::find(body, boundary.as_bytes()).is_none())
            })
            .unwrap_or_default();
        let size: usize = self.parts.iter().map(|(head, body)| head.len() + body.len() + 24).sum();
        let mut out = Vec::with_capacity(size + 24);
        for (head, body) in &self.parts {
            out.extend_from_slice(format!("--{boundary}\r\n{head}\r\n").as_bytes());
            out.extend_from_slice(body);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/{};boundary={boundary}", self.subtype), Bytes::from(out))
    }
}
