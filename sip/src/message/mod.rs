//! SIP messages: received octets with an index over them, and typed views made on demand.
//!
//! Reading has two halves. [`Message::parse`] refuses only what cannot be framed; everything else that is
//! wrong with a message is remembered in [`Message::faults`] or found by the typed view that needs the
//! header, so that a refusal can still be answered with the response that is owed. [`crate::validate`] is
//! the other half.

mod build;
mod edit;
mod field;
mod method;
mod multipart;
mod name;
mod parse;
pub(crate) mod scan;
mod typed;
mod uri;
mod views;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use build::{Reply, RequestBuilder};
pub(crate) use build::{RequestDefaults, ResponseContext, encode_request, encode_response};
pub use edit::Edit;
pub use field::{
    CSeq, Contacts, Event, FieldError, NameAddr, ParamValue, Params, RAck, SubscriptionState, Via,
};
pub(crate) use field::{MAGIC_COOKIE, starts_with_cookie};
pub use method::{Method, StatusCode};
pub use multipart::{MAX_PARTS, Multipart, MultipartError, Part};
pub use name::{Header, HeaderName};
pub use parse::{Faults, Limits, ParseError};
pub use typed::{
    CiscoGuid, Diversion, HistoryEntry, Reason, RemoteParty, Replaces, RetryAfter, SessionExpires, Timestamp,
    UserToUser, Warning,
};
pub(crate) use uri::parse_ip;
pub use uri::{Uri, UriError};
pub(crate) use views::Facts;

use parse::{Entry, Span, Start};

/// One SIP message: the octets as received, and an index over its header lines.
///
/// Cloning shares both. Nothing is decoded before it is asked for, and nothing is lost: unknown headers,
/// their order, spelling and white space, and binary bodies are all in [`Message::as_bytes`].
///
/// ```
/// use sip::{Header, Message, Method};
/// let message = Message::parse(bytes::Bytes::from_static(
///     b"NOTIFY sip:8000@gw SIP/2.0\r\nv: SIP/2.0/UDP vm:5060\r\nf: <sip:vm@vm>;tag=1\r\nt: <sip:8000@gw>\r\n\
///       i: 1@vm\r\nCSeq: 1 NOTIFY\r\no: message-summary\r\nl: 23\r\n\r\nMessages-Waiting: yes\r\n",
/// ))?;
/// assert_eq!(message.method(), Some(Method::Notify));
/// assert_eq!(message.to()?.uri()?.user().as_deref(), Some("8000"));
/// assert_eq!(message.header(Header::Event).unwrap().to_str(), "message-summary");
/// assert_eq!(message.body(), b"Messages-Waiting: yes\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Message {
    inner: Arc<Inner>,
}

struct Inner {
    data: Bytes,
    start: Start,
    entries: Vec<Entry>,
    body: Span,
    faults: Faults,
}

impl Message {
    /// Reads one datagram, or one message cut out of a stream, with the default [`Limits`].
    ///
    /// Line ends may be CRLF or LF; CRLFs before the start line are skipped. Octets after the body that
    /// Content-Length announces are cut off (RFC 3261 18.3).
    ///
    /// # Errors
    /// Only what cannot be framed: nothing there, no SIP start line, larger than the limits.
    pub fn parse(data: Bytes) -> Result<Message, ParseError> {
        Message::parse_with(data, &Limits::default())
    }

    /// [`Message::parse`] with limits of one's own.
    ///
    /// # Errors
    /// As for [`Message::parse`].
    pub fn parse_with(data: Bytes, limits: &Limits) -> Result<Message, ParseError> {
        let parsed = parse::parse(&data, limits)?;
        let (start, end) = parsed.frame;
        Ok(Message {
            inner: Arc::new(Inner {
                data: if start == 0 && end == data.len() { data } else { data.slice(start..end) },
                start: parsed.start,
                entries: parsed.entries,
                body: parsed.body,
                faults: parsed.faults,
            }),
        })
    }

    /// True for a request, false for a response.
    pub fn is_request(&self) -> bool {
        matches!(self.inner.start, Start::Request { .. })
    }

    /// The method of a request.
    pub fn method(&self) -> Option<Method> {
        self.method_ref().cloned()
    }

    /// The method of a request, borrowed.
    pub fn method_ref(&self) -> Option<&Method> {
        match &self.inner.start {
            Start::Request { method, .. } => Some(method),
            Start::Status { .. } => None,
        }
    }

    /// The Request-URI as written. `None` for a response, and for a URI that is not UTF-8.
    pub fn request_uri(&self) -> Option<&str> {
        match &self.inner.start {
            Start::Request { uri, .. } => std::str::from_utf8(self.span(*uri)).ok(),
            Start::Status { .. } => None,
        }
    }

    /// The Request-URI taken apart.
    ///
    /// # Errors
    /// [`FieldError`] when this is a response or the URI is malformed.
    pub fn uri(&self) -> Result<Uri<'_>, FieldError> {
        let text = self.request_uri().ok_or(FieldError::RequestUri("UTF-8 text"))?;
        Uri::parse(text).map_err(|_| FieldError::RequestUri("a URI"))
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<StatusCode> {
        match self.inner.start {
            Start::Status { code, .. } => Some(code),
            Start::Request { .. } => None,
        }
    }

    /// The reason phrase of a response; octets that are no UTF-8 are replaced.
    pub fn reason(&self) -> Option<Cow<'_, str>> {
        match self.inner.start {
            Start::Status { reason, .. } => Some(String::from_utf8_lossy(self.span(reason))),
            Start::Request { .. } => None,
        }
    }

    /// The protocol version of the start line, such as `SIP/2.0`.
    pub fn version(&self) -> &str {
        let (Start::Request { version, .. } | Start::Status { version, .. }) = self.inner.start;
        std::str::from_utf8(self.span(version)).unwrap_or_default()
    }

    /// What is wrong with the message as a whole, though it could be framed.
    pub fn faults(&self) -> Faults {
        self.inner.faults
    }

    /// The value of the first header line of this name (long, compact, any case).
    pub fn header<'n>(&self, name: impl Into<HeaderName<'n>>) -> Option<HeaderValue<'_>> {
        let name = name.into();
        self.inner.entries.iter().find(|entry| self.is_named(entry, name)).map(|entry| self.value(entry))
    }

    /// The values of all header lines of this name, in order. A list in one line stays one value; the typed
    /// views split it.
    pub fn headers<'a>(
        &'a self,
        name: impl Into<HeaderName<'a>>,
    ) -> impl Iterator<Item = HeaderValue<'a>> + Clone {
        let name = name.into();
        self.inner
            .entries
            .iter()
            .filter(move |entry| self.is_named(entry, name))
            .map(|entry| self.value(entry))
    }

    /// Every header line in order, with its name as written.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, HeaderValue<'_>)> + Clone {
        self.inner.entries.iter().map(|entry| {
            (std::str::from_utf8(self.span(entry.name)).unwrap_or("\u{fffd}"), self.value(entry))
        })
    }

    /// The body, as many octets as Content-Length says and the message has.
    pub fn body(&self) -> &[u8] {
        self.span(self.inner.body)
    }

    /// The body without copying.
    pub fn body_bytes(&self) -> Bytes {
        let Span { start, end } = self.inner.body;
        self.inner.data.slice(start as usize..end as usize)
    }

    /// The message's octets, from its start line to the end of its body, exactly as received.
    pub fn as_bytes(&self) -> &Bytes {
        &self.inner.data
    }

    /// The octets before the body: start line, headers and the empty line.
    pub fn head(&self) -> &[u8] {
        self.span(Span { start: 0, end: self.inner.body.start })
    }

    pub(crate) fn first_raw(&self, header: Header) -> Option<&[u8]> {
        self.inner
            .entries
            .iter()
            .find(|entry| entry.known == Some(header))
            .map(|entry| self.span(entry.value))
    }

    pub(crate) fn raw(&self, header: Header) -> impl Iterator<Item = &[u8]> + Clone {
        self.inner
            .entries
            .iter()
            .filter(move |entry| entry.known == Some(header))
            .map(|entry| self.span(entry.value))
    }

    pub(crate) fn method_octets(&self) -> &[u8] {
        match &self.inner.start {
            Start::Request { method, .. } => method.as_str().as_bytes(),
            Start::Status { .. } => &[],
        }
    }

    pub(crate) fn uri_octets(&self) -> &[u8] {
        match &self.inner.start {
            Start::Request { uri, .. } => self.span(*uri),
            Start::Status { .. } => &[],
        }
    }

    /// The longest header line's value, in octets, with its name.
    pub(crate) fn longest_header(&self) -> (usize, &str) {
        self.inner.entries.iter().max_by_key(|entry| entry.value.len()).map_or((0, ""), |entry| {
            (entry.value.len(), std::str::from_utf8(self.span(entry.name)).unwrap_or("\u{fffd}"))
        })
    }

    /// A header of `once` that stands there twice.
    pub(crate) fn repeated(&self, once: &[Header]) -> Option<Header> {
        let mut seen = 0u32;
        for entry in &self.inner.entries {
            let Some(at) = entry.known.and_then(|known| once.iter().position(|header| *header == known))
            else {
                continue;
            };
            if seen & (1 << at) != 0 {
                return entry.known;
            }
            seen |= 1 << at;
        }
        None
    }

    /// Octets of the values of `headers`.
    pub(crate) fn octets_of(&self, headers: &[Header]) -> usize {
        let wanted = |entry: &&Entry| entry.known.is_some_and(|known| headers.contains(&known));
        self.inner.entries.iter().filter(wanted).map(|entry| entry.value.len() + 18).sum()
    }

    fn is_named(&self, entry: &Entry, name: HeaderName<'_>) -> bool {
        match name {
            HeaderName::Known(header) => entry.known == Some(header),
            HeaderName::Other(text) => {
                entry.known.is_none() && self.span(entry.name).eq_ignore_ascii_case(text.as_bytes())
            }
        }
    }

    fn value(&self, entry: &Entry) -> HeaderValue<'_> {
        HeaderValue(self.span(entry.value))
    }

    fn span(&self, span: Span) -> &[u8] {
        self.inner.data.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Message").field(&String::from_utf8_lossy(&self.inner.data)).finish()
    }
}

impl fmt::Display for Message {
    /// The message as text, with octets that are no UTF-8 replaced: for traces, not for the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.inner.data))
    }
}

/// A header line's value, white space at both ends removed, folding inside still there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HeaderValue<'a>(&'a [u8]);

impl<'a> HeaderValue<'a> {
    /// The octets as received.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The value as text: unfolded (each fold is one blank, RFC 3261 7.3.1), octets that are no UTF-8
    /// replaced.
    pub fn to_str(self) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(self.0);
        if memchr::memchr(b'\n', self.0).is_none() {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for line in text.split('\n') {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(line.trim_matches([' ', '\t', '\r']));
        }
        Cow::Owned(out)
    }
}

impl fmt::Display for HeaderValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str())
    }
}

impl fmt::Debug for HeaderValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_str())
    }
}
