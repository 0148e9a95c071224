//! What goes into a message beside what the protocol demands: SDP, other bodies, headers.

use bytes::Bytes;

use crate::message::scan::{find_outside, trim};
use crate::message::{Header, HeaderName, Message, Multipart, ParamValue, Reply, RequestBuilder};

/// SDP, further bodies and headers of a message the user has sent.
///
/// ```
/// use sip::call::Content;
/// let content = Content::sdp("v=0\r\n").header("P-Asserted-Identity", "<sip:8000@gw>");
/// assert_eq!(content.headers.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The session description, an offer or an answer as the moment demands.
    pub sdp: Option<Bytes>,
    /// Other bodies, such as `application/QSIG`. With SDP, or more than one, the message becomes
    /// `multipart/mixed` (RFC 5621).
    pub bodies: Vec<Body>,
    /// Header lines, name and value, added as they are.
    pub headers: Vec<(String, String)>,
}

/// A body of [`Content`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Content-Type.
    pub content_type: String,
    /// Content-Disposition, such as `signal;handling=optional`.
    pub disposition: Option<String>,
    /// The octets.
    pub octets: Bytes,
}

impl Content {
    /// Nothing.
    pub fn new() -> Content {
        Content::default()
    }

    /// A session description.
    pub fn sdp(sdp: impl Into<Bytes>) -> Content {
        Content { sdp: Some(sdp.into()), ..Content::default() }
    }

    /// Adds a header line.
    #[must_use]
    pub fn header<'n>(mut self, name: impl Into<HeaderName<'n>>, value: impl Into<String>) -> Content {
        self.headers.push((name.into().as_str().to_owned(), value.into()));
        self
    }

    /// Adds a body.
    #[must_use]
    pub fn body(mut self, content_type: &str, octets: impl Into<Bytes>) -> Content {
        let octets = octets.into();
        self.bodies.push(Body { content_type: content_type.to_owned(), disposition: None, octets });
        self
    }

    /// Adds a body with signalling of another network, which may be passed over by who does not know it
    /// (RFC 3204 4: `signal;handling=optional`).
    #[must_use]
    pub fn signal(mut self, content_type: &str, octets: impl Into<Bytes>) -> Content {
        self.bodies.push(Body {
            content_type: content_type.to_owned(),
            disposition: Some("signal;handling=optional".to_owned()),
            octets: octets.into(),
        });
        self
    }

    /// Adds a Reason (RFC 3326) with a Q.850 cause.
    #[must_use]
    pub fn q850(self, cause: u8) -> Content {
        self.header(Header::Reason, format!("Q.850;cause={cause}"))
    }

    pub(super) fn write_request(&self, mut request: RequestBuilder) -> RequestBuilder {
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value);
        }
        if let Some(disposition) = self.lone_disposition() {
            request = request.header(Header::ContentDisposition, disposition);
        }
        match self.encode() {
            Some((kind, octets)) => request.body(&kind, octets),
            None => request,
        }
    }

    pub(super) fn write_reply(&self, mut reply: Reply) -> Reply {
        for (name, value) in &self.headers {
            reply = reply.header(name.as_str(), value);
        }
        if let Some(disposition) = self.lone_disposition() {
            reply = reply.header(Header::ContentDisposition, disposition);
        }
        match self.encode() {
            Some((kind, octets)) => reply.body(&kind, octets),
            None => reply,
        }
    }

    pub(super) fn without_sdp(mut self) -> Content {
        self.sdp = None;
        self
    }

    /// The disposition of a body that is alone, which stands among the message's headers.
    fn lone_disposition(&self) -> Option<&str> {
        match (&self.sdp, self.bodies.as_slice()) {
            (None, [body]) => body.disposition.as_deref(),
            _ => None,
        }
    }

    fn encode(&self) -> Option<(String, Bytes)> {
        match (&self.sdp, self.bodies.as_slice()) {
            (None, []) => None,
            (Some(sdp), []) => Some(("application/sdp".into(), sdp.clone())),
            (None, [body]) => Some((body.content_type.clone(), body.octets.clone())),
            (sdp, others) => {
                let mut parts = Multipart::mixed();
                if let Some(sdp) = sdp {
                    let session = [(Header::ContentDisposition, "session;handling=required")];
                    parts = parts.part_with("application/sdp", &session, sdp.clone());
                }
                for Body { content_type, disposition, octets } in others {
                    let disposition = disposition.as_deref().map(|value| (Header::ContentDisposition, value));
                    parts = parts.part_with(content_type, disposition.as_slice(), octets.clone());
                }
                Some(parts.build())
            }
        }
    }
}

/// The session description a message carries, alone or as a part of a multipart body.
pub fn sdp_of(message: &Message) -> Option<Bytes> {
    let body = message.body_bytes();
    if body.is_empty() {
        return None;
    }
    match message.content_type() {
        Ok(Some(kind)) if kind.is("application/sdp") => Some(body),
        Ok(Some(kind)) if kind.value.to_ascii_lowercase().starts_with("multipart/") => {
            let boundary = kind.params.text("boundary")?;
            part(&body, &boundary, "application/sdp").map(|part| body.slice_ref(part))
        }
        // RFC 3261 7.4.1 wants a type; some peers leave it out.
        Ok(None) if body.starts_with(b"v=0") => Some(body),
        _ => None,
    }
}

/// The first part of type `kind` (RFC 2046 5.1).
fn part<'a>(body: &'a [u8], boundary: &str, kind: &str) -> Option<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let mut starts = memchr::memmem::find_iter(body, delimiter.as_bytes())
        .filter(|at| *at == 0 || body.get(at - 1) == Some(&b'\n'))
        .peekable();
    while let Some(start) = starts.next() {
        let end = starts.peek().copied().unwrap_or(body.len());
        let section = body.get(start + delimiter.len()..end)?;
        let section = section.get(memchr::memchr(b'\n', section)? + 1..)?;
        let (head, octets) = split_head(section)?;
        let matches = head.split(|octet| *octet == b'\n').any(|line| {
            let Some(colon) = find_outside(line, b':') else { return false };
            let (name, value) = line.split_at(colon);
            trim(name).eq_ignore_ascii_case(b"content-type")
                && ParamValue::parse(Header::ContentType, value.get(1..).unwrap_or_default())
                    .is_ok_and(|value| value.is(kind))
        });
        if matches {
            // The line end before the delimiter belongs to the delimiter.
            return Some(octets.strip_suffix(b"\r\n").or(octets.strip_suffix(b"\n")).unwrap_or(octets));
        }
    }
    None
}

fn split_head(section: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(octets) = section.strip_prefix(b"\r\n") {
        return Some((&[], octets));
    }
    let (at, len) = match memchr::memmem::find(section, b"\r\n\r\n") {
        Some(at) => (at, 4),
        None => (memchr::memmem::find(section, b"\n\n")?, 2),
    };
    Some((section.get(..at)?, section.get(at + len..)?))
}
