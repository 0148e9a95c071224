//! Changing a received message, leaving every octet that is not meant as it came.

use bytes::Bytes;

use super::name::{Header, HeaderName};
use super::parse::{Faults, Limits, ParseError, Span};
use super::scan::{is_token_octet, split_outside, trim};
use super::{Message, Start};

/// A changed copy in the making: header lines keep their order, their spelling and their white space, apart
/// from those that are changed.
///
/// ```
/// use sip::{Header, Message};
/// let received = Message::parse(bytes::Bytes::from_static(
///     b"INVITE sip:8000@proxy SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1\r\nROUTE: <sip:p1;lr> , <sip:p2;lr>\r\n\
///       X-Odd :  kept\r\nl: 0\r\n\r\n",
/// ))?;
/// let forwarded = received
///     .edit()
///     .request_uri("sip:8000@192.0.2.7")
///     .prepend(Header::Via, "SIP/2.0/UDP b;branch=z9hG4bK2")
///     .remove_first(Header::Route)
///     .finish()?;
/// assert_eq!(
///     forwarded.to_string(),
///     "INVITE sip:8000@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK2\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
///      ROUTE: <sip:p2;lr>\r\nX-Odd :  kept\r\nl: 0\r\n\r\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Edit<'m> {
    message: &'m Message,
    uri: Option<String>,
    lines: Vec<Line<'m>>,
    body: Option<Bytes>,
}

/// A header line, or lines between that are none.
#[derive(Clone, Debug)]
struct Line<'m> {
    known: Option<Header>,
    name: &'m [u8],
    /// What stands there, with its line end.
    kept: Kept,
    /// What stands there instead: the value of a kept line, or a whole new line without its end.
    new: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    whole: Span,
    value: Span,
}

impl Message {
    /// A copy to be changed. Costs nothing but a list of the lines until [`Edit::finish`].
    pub fn edit(&self) -> Edit<'_> {
        let mut lines = Vec::with_capacity(self.inner.entries.len() + 4);
        let mut at = self.headers_start();
        for entry in &self.inner.entries {
            if entry.name.start > at {
                lines.push(Line::kept(None, &[], Span { start: at, end: entry.name.start }, None));
            }
            let end = self.line_end(entry.value.end);
            let whole = Span { start: entry.name.start, end };
            lines.push(Line::kept(entry.known, self.span(entry.name), whole, Some(entry.value)));
            at = end;
        }
        Edit { message: self, uri: None, lines, body: None }
    }

    /// Where the line after the start line begins.
    fn headers_start(&self) -> u32 {
        let (Start::Request { version: last, .. } | Start::Status { reason: last, .. }) = &self.inner.start;
        self.line_end(last.end)
    }

    /// The end of the line that has nothing but white space and folds behind `at`.
    fn line_end(&self, at: u32) -> u32 {
        let rest = self.inner.data.get(at as usize..).unwrap_or_default();
        let mut octets = rest.iter().zip(1u32..).peekable();
        while let Some((octet, len)) = octets.next() {
            let folded = matches!(octets.peek(), Some((b' ' | b'\t', _)));
            if *octet == b'\n' && !folded {
                return at + len;
            }
        }
        at + rest.len() as u32
    }

    /// The line end this message is written with.
    fn eol(&self) -> &'static [u8] {
        let end = self.headers_start() as usize;
        if self.inner.data.get(..end).is_some_and(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n")) {
            b"\n"
        } else {
            b"\r\n"
        }
    }
}

impl<'m> Line<'m> {
    fn kept(known: Option<Header>, name: &'m [u8], whole: Span, value: Option<Span>) -> Line<'m> {
        Line { known, name, kept: Kept { whole, value: value.unwrap_or(whole) }, new: None }
    }

    fn is_named(&self, name: HeaderName<'_>) -> bool {
        match name {
            HeaderName::Known(header) => self.known == Some(header),
            HeaderName::Other(text) => {
                self.known.is_none() && !text.is_empty() && self.name.eq_ignore_ascii_case(text.as_bytes())
            }
        }
    }
}

impl Edit<'_> {
    /// Another Request-URI; blanks and line ends in it are left out. Does nothing to a response.
    #[must_use]
    pub fn request_uri(mut self, uri: &str) -> Self {
        self.uri = Some(uri.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect());
        self
    }

    /// Gives the first line of this name another value and takes out the others; a new line at the end when
    /// there is none. Line ends in the value become blanks.
    #[must_use]
    pub fn set<'n>(mut self, name: impl Into<HeaderName<'n>>, value: impl AsRef<str>) -> Self {
        let name = name.into();
        let Some(at) = self.lines.iter().position(|line| line.is_named(name)) else {
            return self.append(name, value);
        };
        let mut index = 0;
        self.lines.retain(|line| {
            let keep = index <= at || !line.is_named(name);
            index += 1;
            keep
        });
        if let Some(line) = self.lines.get_mut(at) {
            line.write(flat(value.as_ref().as_bytes()));
        }
        self
    }

    /// Takes out every line of this name.
    #[must_use]
    pub fn remove<'n>(mut self, name: impl Into<HeaderName<'n>>) -> Self {
        let name = name.into();
        self.lines.retain(|line| !line.is_named(name));
        self
    }

    /// Adds a line in front of the first of this name. When there is none, a Via becomes the first line, a
    /// Record-Route stands behind the Vias, and others at the end.
    #[must_use]
    pub fn prepend<'n>(mut self, name: impl Into<HeaderName<'n>>, value: impl AsRef<str>) -> Self {
        let name = name.into();
        let behind_vias =
            || self.lines.iter().rposition(|line| line.known == Some(Header::Via)).map(|at| at + 1);
        let at = self.lines.iter().position(|line| line.is_named(name)).or_else(|| match name {
            HeaderName::Known(Header::Via) => Some(0),
            HeaderName::Known(Header::RecordRoute) => behind_vias(),
            _ => None,
        });
        let at = at.unwrap_or(self.lines.len());
        self.insert(at, name, value.as_ref());
        self
    }

    /// Adds a line behind the last of this name, or at the end.
    #[must_use]
    pub fn append<'n>(mut self, name: impl Into<HeaderName<'n>>, value: impl AsRef<str>) -> Self {
        let name = name.into();
        let at =
            self.lines.iter().rposition(|line| line.is_named(name)).map_or(self.lines.len(), |at| at + 1);
        self.insert(at, name, value.as_ref());
        self
    }

    /// Takes out the first element of a list header, such as the topmost Via or Route: its line, or its part
    /// of the line.
    #[must_use]
    pub fn remove_first(self, header: Header) -> Self {
        self.change_first(header, None)
    }

    /// Puts another element in place of the first of a list header, such as the topmost Via with `received`.
    #[must_use]
    pub fn replace_first(self, header: Header, element: &str) -> Self {
        self.change_first(header, Some(element))
    }

    /// Another body with its Content-Type; Content-Length is made to fit.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        let mut changed = self.set(Header::ContentType, content_type).set(Header::ContentLength, length);
        changed.body = Some(body);
        changed
    }

    /// No body: neither Content-Type nor Content-Disposition, and Content-Length 0.
    #[must_use]
    pub fn without_body(self) -> Self {
        let mut changed = self
            .remove(Header::ContentType)
            .remove(Header::ContentDisposition)
            .remove(Header::ContentEncoding)
            .set(Header::ContentLength, "0");
        changed.body = Some(Bytes::new());
        changed
    }

    /// The changed octets.
    pub fn to_bytes(&self) -> Bytes {
        let message = self.message;
        let data = &message.inner.data;
        let eol = message.eol();
        let added: usize =
            self.lines.iter().filter_map(|line| line.new.as_ref()).map(|new| new.len() + 2).sum();
        let uri = self.uri.as_ref().map_or(0, String::len);
        let body = self.body.as_deref().unwrap_or(message.body());
        let mut out = Vec::with_capacity(data.len() + added + uri + body.len() + 4);
        let start = Span { start: 0, end: message.headers_start() };
        match (&message.inner.start, &self.uri) {
            (Start::Request { uri: old, .. }, Some(new)) => {
                out.extend_from_slice(message.span(Span { end: old.start, ..start }));
                out.extend_from_slice(new.as_bytes());
                out.extend_from_slice(message.span(Span { start: old.end, ..start }));
            }
            _ => out.extend_from_slice(message.span(start)),
        }
        for line in &self.lines {
            // Only a message cut off in its head ends without a line end.
            end_line(&mut out, eol);
            let Kept { whole, value } = line.kept;
            match &line.new {
                None => out.extend_from_slice(message.span(whole)),
                Some(new) if whole.len() > 0 => {
                    out.extend_from_slice(message.span(Span { end: value.start, ..whole }));
                    out.extend_from_slice(new);
                    out.extend_from_slice(message.span(Span { start: value.end, ..whole }));
                }
                Some(new) => {
                    out.extend_from_slice(new);
                    out.extend_from_slice(eol);
                }
            }
        }
        end_line(&mut out, eol);
        if message.faults().contains(Faults::NO_EMPTY_LINE) {
            out.extend_from_slice(eol);
        } else {
            let last = message.inner.entries.last();
            let end = last.map_or(start.end, |last| message.line_end(last.value.end));
            out.extend_from_slice(message.span(Span { start: end, end: message.inner.body.start }));
        }
        out.extend_from_slice(body);
        Bytes::from(out)
    }

    /// The changed message, read again.
    ///
    /// # Errors
    /// When it is no message any more: the Request-URI was made empty.
    pub fn finish(self) -> Result<Message, ParseError> {
        // What was within the limits once is not refused for a line more.
        let open = usize::MAX;
        Message::parse_with(
            self.to_bytes(),
            &Limits { message: open, headers: open, header: open, uri: open, body: open },
        )
    }

    fn insert(&mut self, at: usize, name: HeaderName<'_>, value: &str) {
        let known = match name {
            HeaderName::Known(header) => Some(header),
            HeaderName::Other(_) => None,
        };
        let mut new: Vec<u8> = name.as_str().bytes().filter(|octet| is_token_octet(*octet)).collect();
        if new.is_empty() {
            return;
        }
        new.extend_from_slice(b": ");
        new.extend_from_slice(&flat(value.as_bytes()));
        let mut line = Line::kept(known, &[], Span::default(), None);
        line.new = Some(new);
        self.lines.insert(at.min(self.lines.len()), line);
    }

    fn change_first(mut self, header: Header, element: Option<&str>) -> Self {
        // A line may have no element at all: only commas.
        let found = self.lines.iter().enumerate().find_map(|(at, line)| {
            let value = line.value(self.message);
            let mut rest = Some(value);
            while line.known == Some(header) {
                let (first, behind) = split_outside(rest?, b',');
                if !trim(first).is_empty() {
                    return Some((at, behind.map(|behind| trim(behind).to_vec())));
                }
                rest = behind;
            }
            None
        });
        let Some((at, behind)) = found else { return self };
        let mut value = element.map(|element| flat(element.as_bytes()));
        if let Some(behind) = behind.filter(|behind| !behind.is_empty()) {
            let value = value.get_or_insert_default();
            if !value.is_empty() {
                value.extend_from_slice(b", ");
            }
            value.extend_from_slice(&behind);
        }
        match (value, self.lines.get_mut(at)) {
            (Some(value), Some(line)) => line.write(value),
            _ => drop(self.lines.remove(at)),
        }
        self
    }
}

impl Line<'_> {
    /// Gives the line another value.
    fn write(&mut self, value: Vec<u8>) {
        self.new = Some(match &self.new {
            // A line of our own has its name in front.
            Some(own) if self.kept.whole.len() == 0 => {
                let name = own.split(|octet| *octet == b':').next().unwrap_or_default();
                [name, b": ", &value].concat()
            }
            _ => value,
        });
    }

    fn value<'a>(&'a self, message: &'a Message) -> &'a [u8] {
        match &self.new {
            Some(own) if self.kept.whole.len() == 0 => {
                trim(own.splitn(2, |octet| *octet == b':').nth(1).unwrap_or_default())
            }
            Some(value) => value,
            None => message.span(self.kept.value),
        }
    }
}

/// The value with line ends made blanks, so that nothing copied can start a line of its own.
fn flat(value: &[u8]) -> Vec<u8> {
    trim(value).iter().map(|octet| if matches!(octet, b'\r' | b'\n') { b' ' } else { *octet }).collect()
}

fn end_line(out: &mut Vec<u8>, eol: &[u8]) {
    if !out.ends_with(b"\n") {
        out.extend_from_slice(eol);
    }
}
