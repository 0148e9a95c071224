//! Writing messages: replies to requests and requests of our own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::method::{Method, StatusCode};
use super::name::{Header, HeaderName};
use super::scan::{is_token_octet, split_outside, trim};
use super::uri::parse_ip;
use super::{Message, Via};
use crate::config::Retransmissions;

/// A response in the making. What belongs to the transaction (Via, From, To with its tag, Call-ID, CSeq,
/// Timestamp, Record-Route, Server, Content-Length) is added by the [`crate::Endpoint`].
///
/// ```
/// let reply = sip::Reply::new(486).header("Reason", "Q.850;cause=17").retry_after(30);
/// assert_eq!(reply.status().as_u16(), 486);
/// ```
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    reason: Option<Box<str>>,
    to_tag: Option<Box<str>>,
    fields: Fields,
    body: Bytes,
}

impl Reply {
    /// A response with this status, 100 to 699, and its registered reason phrase. Any other number becomes
    /// 500.
    pub fn new(status: u16) -> Reply {
        Reply {
            status: StatusCode::new(status).unwrap_or(StatusCode::new(500).expect("500 is a status code")),
            reason: None,
            to_tag: None,
            fields: Fields::default(),
            body: Bytes::new(),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Another reason phrase. Line ends in it become blanks.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Reply {
        self.reason = Some(reason.into());
        self
    }

    /// Adds a header line. Line ends in the value become blanks; octets of the name that are no token are
    /// left out.
    #[must_use]
    pub fn header<'n>(mut self, name: impl Into<HeaderName<'n>>, value: impl AsRef<str>) -> Reply {
        self.fields.push(name.into(), value.as_ref());
        self
    }

    /// `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Reply {
        self.fields.push(Header::RetryAfter.into(), &seconds.to_string());
        self
    }

    /// The body and its `Content-Type`.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Reply {
        self.fields.push(Header::ContentType.into(), content_type);
        self.body = body.into();
        self
    }

    /// The tag to put into To when the request's To has none, instead of the transaction's own.
    #[must_use]
    pub fn to_tag(mut self, tag: &str) -> Reply {
        self.to_tag = Some(tag.into());
        self
    }

    /// The tag of [`Reply::to_tag`].
    pub fn tag(&self) -> Option<&str> {
        self.to_tag.as_deref()
    }

    /// The first value of a header line that was added.
    pub fn value(&self, header: Header) -> Option<&str> {
        self.fields.value(header)
    }
}

/// A request in the making, given to [`crate::Endpoint::request`].
///
/// The endpoint adds Via, Max-Forwards, User-Agent and Content-Length, and, where the builder has none,
/// From with a tag, To (the Request-URI), Call-ID and CSeq.
///
/// ```
/// use sip::{Header, Method, RequestBuilder};
/// let request = RequestBuilder::new(Method::Options, "sip:198.51.100.7").header(Header::Subject, "ping");
/// assert_eq!(request.method(), &Method::Options);
/// ```
#[derive(Clone, Debug)]
pub struct RequestBuilder {
    method: Method,
    uri: Box<str>,
    fields: Fields,
    body: Bytes,
    pub(crate) tcp_above: Option<usize>,
    pub(crate) retransmissions: Option<Arc<Retransmissions>>,
}

impl RequestBuilder {
    /// A request for `uri`. Blanks and line ends in the URI are left out.
    pub fn new(method: Method, uri: &str) -> RequestBuilder {
        let uri = uri.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        RequestBuilder {
            method,
            uri,
            fields: Fields::default(),
            body: Bytes::new(),
            tcp_above: None,
            retransmissions: None,
        }
    }

    /// Over UDP only up to so many octets, else over TCP (RFC 3261 18.1.1), whatever
    /// [`crate::EndpointConfig::tcp_above`] says.
    #[must_use]
    pub fn tcp_above(mut self, octets: usize) -> RequestBuilder {
        self.tcp_above = Some(octets);
        self
    }

    /// Sent again, and cancelled, by this policy, whatever [`crate::EndpointConfig::retransmissions`] says.
    #[must_use]
    pub fn retransmissions(mut self, policies: &Arc<Retransmissions>) -> RequestBuilder {
        self.retransmissions = Some(Arc::clone(policies));
        self
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The Request-URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Adds a header line. Line ends in the value become blanks; octets of the name that are no token are
    /// left out.
    #[must_use]
    pub fn header<'n>(mut self, name: impl Into<HeaderName<'n>>, value: impl AsRef<str>) -> RequestBuilder {
        self.fields.push(name.into(), value.as_ref());
        self
    }

    /// `CSeq` with this number and the builder's method.
    #[must_use]
    pub fn cseq(mut self, number: u32) -> RequestBuilder {
        let value = format!("{number} {}", self.method);
        self.fields.remove(Header::CSeq);
        self.fields.push(Header::CSeq.into(), &value);
        self
    }

    /// Takes out every header line of this name.
    #[must_use]
    pub fn without(mut self, header: Header) -> RequestBuilder {
        self.fields.remove(header);
        self
    }

    /// Whether a header line of this name was added.
    pub fn has(&self, header: Header) -> bool {
        self.fields.has(header)
    }

    /// The value of the first header line of this name that was added.
    pub fn value(&self, header: Header) -> Option<&str> {
        self.fields.value(header)
    }

    /// The body and its `Content-Type`.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> RequestBuilder {
        self.fields.remove(Header::ContentType);
        self.fields.push(Header::ContentType.into(), content_type);
        self.body = body.into();
        self
    }

    /// The body's octets.
    pub fn body_bytes(&self) -> &Bytes {
        &self.body
    }
}

#[derive(Clone, Debug, Default)]
struct Fields {
    lines: Vec<(Option<Header>, Box<str>, Box<str>)>,
}

impl Fields {
    fn push(&mut self, name: HeaderName<'_>, value: &str) {
        let (known, name) = match name {
            HeaderName::Known(header) => (Some(header), header.as_str().into()),
            HeaderName::Other(text) => {
                let text: String =
                    text.chars().filter(|c| u8::try_from(*c).is_ok_and(is_token_octet)).collect();
                (Header::from_bytes(text.as_bytes()), text.into_boxed_str())
            }
        };
        // Content-Length is counted, never believed.
        if name.is_empty() || known == Some(Header::ContentLength) {
            return;
        }
        self.lines.push((known, name, value.trim().into()));
    }

    fn value(&self, header: Header) -> Option<&str> {
        self.lines.iter().find(|line| line.0 == Some(header)).map(|line| line.2.as_ref())
    }

    fn has(&self, header: Header) -> bool {
        self.lines.iter().any(|line| line.0 == Some(header))
    }

    fn remove(&mut self, header: Header) {
        self.lines.retain(|line| line.0 != Some(header));
    }

    fn len(&self) -> usize {
        self.lines.iter().map(|line| line.1.len() + line.2.len() + 4).sum()
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (_, name, value) in &self.lines {
            line(out, name, value.as_bytes());
        }
    }
}

/// What a response takes from its transaction.
pub(crate) struct ResponseContext<'a> {
    pub(crate) request: &'a Message,
    /// Where the request came from, for `received` and `rport`.
    pub(crate) source: SocketAddr,
    /// The transaction's tag.
    pub(crate) to_tag: &'a str,
    pub(crate) server: Option<&'a str>,
    /// Time between request and response, for Timestamp.
    pub(crate) delay: Duration,
}

/// Writes the response in one buffer.
pub(crate) fn encode_response(context: &ResponseContext<'_>, reply: &Reply) -> Bytes {
    let request = context.request;
    const COPIED: [Header; 7] = [
        Header::Via,
        Header::From,
        Header::To,
        Header::CallId,
        Header::CSeq,
        Header::Timestamp,
        Header::RecordRoute,
    ];
    let copied = request.octets_of(&COPIED);
    let server = context.server.filter(|_| !reply.fields.has(Header::Server));
    let capacity = 192 + copied + reply.fields.len() + server.map_or(0, str::len) + reply.body.len();
    let mut out = Vec::with_capacity(capacity);

    out.extend_from_slice(b"SIP/2.0 ");
    let code = reply.status.as_u16();
    for digit in [code / 100, code / 10 % 10, code % 10] {
        out.push(b'0' + digit as u8);
    }
    out.push(b' ');
    flat(&mut out, reply.reason.as_deref().unwrap_or(reply.status.default_reason()).as_bytes());
    out.extend_from_slice(b"\r\n");

    //= RFC 3261 8.2.6.2: "The Via header field values in the response MUST equal the Via header field
    //= values in the request and MUST maintain the same ordering."
    for (at, via) in request.elements(Header::Via).enumerate() {
        if at == 0 {
            top_via(&mut out, via, context.source);
        } else {
            line(&mut out, "Via", via);
        }
    }
    if let Some(from) = request.first_raw(Header::From) {
        line(&mut out, "From", from);
    }
    if let Some(to) = request.first_raw(Header::To) {
        out.extend_from_slice(b"To: ");
        flat(&mut out, to);
        //= RFC 3261 8.2.6.2: "However, if the To header field in the request did not contain a tag, the URI
        //= in the To header field in the response MUST equal the URI in the To header field; additionally,
        //= the UAS MUST add a tag to the To header field in the response (with the exception of the 100
        //= (Trying) response, in which a tag MAY be present)."
        if reply.status != 100 && !request.to().is_ok_and(|to| to.tag().is_some()) {
            out.extend_from_slice(b";tag=");
            flat(&mut out, reply.to_tag.as_deref().unwrap_or(context.to_tag).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    if let Some(call_id) = request.first_raw(Header::CallId) {
        line(&mut out, "Call-ID", call_id);
    }
    if let Some(cseq) = request.first_raw(Header::CSeq) {
        line(&mut out, "CSeq", cseq);
    }
    timestamp(&mut out, context);
    //= RFC 3261 12.1.1: "the UAS MUST copy all Record-Route header field values from the request into the
    //= response"
    let makes_dialog = matches!(
        request.method_ref(),
        Some(Method::Invite | Method::Subscribe | Method::Notify | Method::Refer | Method::Update)
    );
    if makes_dialog && reply.status.as_u16() > 100 && reply.status.as_u16() < 300 {
        for value in request.raw(Header::RecordRoute) {
            line(&mut out, "Record-Route", value);
        }
    }
    if let Some(server) = server {
        line(&mut out, "Server", server.as_bytes());
    }
    reply.fields.write(&mut out);
    finish(&mut out, &reply.body);
    Bytes::from(out)
}

/// What the endpoint fills in where a builder has nothing.
pub(crate) struct RequestDefaults<'a> {
    pub(crate) via: &'a str,
    pub(crate) from: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) max_forwards: u8,
}

/// Writes the request in one buffer.
pub(crate) fn encode_request(request: &RequestBuilder, defaults: &RequestDefaults<'_>) -> Bytes {
    let fields = &request.fields;
    let mut out = Vec::with_capacity(320 + request.uri.len() * 2 + fields.len() + request.body.len());
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(request.uri.as_bytes());
    out.extend_from_slice(b" SIP/2.0\r\n");
    line(&mut out, "Via", defaults.via.as_bytes());
    if !fields.has(Header::MaxForwards) {
        line(&mut out, "Max-Forwards", defaults.max_forwards.to_string().as_bytes());
    }
    if !fields.has(Header::From) {
        line(&mut out, "From", defaults.from.as_bytes());
    }
    if !fields.has(Header::To) {
        out.extend_from_slice(b"To: <");
        flat(&mut out, request.uri.as_bytes());
        out.extend_from_slice(b">\r\n");
    }
    if !fields.has(Header::CallId) {
        line(&mut out, "Call-ID", defaults.call_id.as_bytes());
    }
    if !fields.has(Header::CSeq) {
        out.extend_from_slice(b"CSeq: 1 ");
        out.extend_from_slice(request.method.as_str().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    fields.write(&mut out);
    if let Some(agent) = defaults.user_agent.filter(|_| !fields.has(Header::UserAgent)) {
        line(&mut out, "User-Agent", agent.as_bytes());
    }
    finish(&mut out, &request.body);
    Bytes::from(out)
}

fn finish(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(b"Content-Length: ");
    number(out, body.len());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    flat(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a decimal number.
fn number(out: &mut Vec<u8>, value: usize) {
    if value >= 10 {
        number(out, value / 10);
    }
    out.push(b'0' + (value % 10) as u8);
}

/// Appends `bytes` with line ends made blanks, so that nothing copied can start a line of its own.
fn flat(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.extend_from_slice(bytes);
    if memchr::memchr2(b'\r', b'\n', bytes).is_some() {
        for octet in out.iter_mut().skip(start) {
            if matches!(octet, b'\r' | b'\n') {
                *octet = b' ';
            }
        }
    }
}

fn top_via(out: &mut Vec<u8>, value: &[u8], source: SocketAddr) {
    out.extend_from_slice(b"Via: ");
    let (sent, mut params) = split_outside(value, b';');
    flat(out, trim(sent));
    let mut has_rport = false;
    while let Some(rest) = params {
        let (param, tail) = split_outside(rest, b';');
        params = tail;
        let param = trim(param);
        let (name, _) = split_outside(param, b'=');
        if trim(name).eq_ignore_ascii_case(b"received") || param.is_empty() {
            continue;
        }
        if trim(name).eq_ignore_ascii_case(b"rport") {
            //= RFC 3581 4: "it MUST set the value of the parameter to the source port of the request"
            has_rport = true;
            out.extend_from_slice(b";rport=");
            number(out, usize::from(source.port()));
            continue;
        }
        out.push(b';');
        flat(out, param);
    }
    //= RFC 3261 18.2.1: "If the host portion of the "sent-by" parameter contains a domain name, or if it
    //= contains an IP address that differs from the packet source address, the server MUST add a "received"
    //= parameter to that Via header field value."
    let source = source.ip().to_canonical();
    let same = Via::parse(value)
        .is_ok_and(|via| parse_ip(via.host).is_some_and(|host| host.to_canonical() == source));
    if has_rport || !same {
        out.extend_from_slice(b";received=");
        match source {
            std::net::IpAddr::V4(v4) => {
                for (at, octet) in v4.octets().into_iter().enumerate() {
                    if at > 0 {
                        out.push(b'.');
                    }
                    number(out, usize::from(octet));
                }
            }
            // Writing into a Vec cannot fail.
            std::net::IpAddr::V6(v6) => drop(write!(out, "{v6}")),
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn timestamp(out: &mut Vec<u8>, context: &ResponseContext<'_>) {
    let Some(value) = context.request.first_raw(Header::Timestamp) else { return };
    out.extend_from_slice(b"Timestamp: ");
    flat(out, value);
    //= RFC 3261 8.2.6.1: "If there is a delay in generating the response, the UAS SHOULD add a delay value
    //= into the Timestamp value in the response."
    let plain = !value.is_empty() && value.iter().all(|octet| octet.is_ascii_digit() || *octet == b'.');
    if plain && context.delay >= Duration::from_millis(1) {
        let _ = write!(out, " {}.{:03}", context.delay.as_secs(), context.delay.subsec_millis());
    }
    out.extend_from_slice(b"\r\n");
}
