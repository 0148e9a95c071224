//! Typed views of header values. Each borrows the message's octets and copies nothing.

use std::borrow::Cow;
use std::net::IpAddr;

use super::method::Method;
use super::name::Header;
use super::scan::{self, decimal, delta_seconds, split_outside, trim};
use super::uri::{Uri, parse_ip, split_host_port};

/// A header that is missing or does not mean anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A header the message must have is not there.
    #[error("no {0} header")]
    Missing(Header),
    /// A header's value does not read as what it must be.
    #[error("{header} is {found:?}, expected {expected}")]
    Malformed {
        /// Which header.
        header: Header,
        /// What would have been right.
        expected: &'static str,
        /// The beginning of what stood there.
        found: String,
    },
    /// The Request-URI, or a URI inside a header, does not read as a URI.
    #[error("URI malformed, expected {0}")]
    RequestUri(&'static str),
}

impl FieldError {
    pub(crate) fn malformed(header: Header, expected: &'static str, found: &[u8]) -> FieldError {
        let found = String::from_utf8_lossy(found.get(..60).unwrap_or(found)).into_owned();
        FieldError::Malformed { header, expected, found }
    }

    /// A reason phrase for a 400 that names the fault in a few words, without repeating the peer's octets.
    pub fn reason_phrase(&self) -> String {
        match self {
            FieldError::Missing(header) => format!("Bad Request - Missing {header}"),
            FieldError::Malformed { header, .. } => format!("Bad Request - Malformed {header}"),
            FieldError::RequestUri(_) => "Bad Request - Malformed Request-URI".into(),
        }
    }
}

/// Parameters: `;name=value` in headers. Names are case blind; values keep their quotes in [`Params::get`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// `bytes` is what stands behind the first `;`.
    pub(crate) fn new(bytes: &'a [u8]) -> Params<'a> {
        Params(bytes)
    }

    /// The value as written: `Some("")` for a parameter without value.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut rest = Some(self.0);
        loop {
            let (param, tail) = split_outside(rest?, b';');
            rest = tail;
            let (key, value) = split_outside(param, b'=');
            if trim(key).eq_ignore_ascii_case(name.as_bytes()) {
                return std::str::from_utf8(trim(value.unwrap_or_default())).ok();
            }
        }
    }

    /// The value with quotes and escapes undone.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(scan::unquote)
    }

    /// Name and value of each, in order. Parameters that are not UTF-8 are passed over.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let mut rest = Some(self.0);
        std::iter::from_fn(move || {
            loop {
                let (param, tail) = split_outside(rest?, b';');
                rest = tail;
                let (name, value) = split_outside(param, b'=');
                let (Ok(name), Ok(value)) = (
                    std::str::from_utf8(trim(name)),
                    value.map(|value| std::str::from_utf8(trim(value))).transpose(),
                ) else {
                    continue;
                };
                if !name.is_empty() {
                    return Some((name, value));
                }
            }
        })
    }
}

/// `From`, `To`, `Contact`, `Route` and their kind: `"name" <uri>;params` or `uri;params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    display: &'a [u8],
    uri: &'a [u8],
    params: Params<'a>,
    bracketed: bool,
}

impl<'a> NameAddr<'a> {
    /// Takes one address apart. `header` is for the error's text.
    ///
    /// # Errors
    /// [`FieldError::Malformed`] when brackets or quotes do not close or there is no URI.
    pub fn parse(header: Header, bytes: &'a [u8]) -> Result<NameAddr<'a>, FieldError> {
        let bytes = trim(bytes);
        let bad = || FieldError::malformed(header, "an address", bytes);
        // A bracket inside a quoted display name does not count.
        let (display, rest) = match bytes.strip_prefix(b"\"") {
            Some(inner) => {
                let end = quoted_end(inner).ok_or_else(bad)?;
                let (display, rest) = bytes.split_at_checked(end + 2).ok_or_else(bad)?;
                (display, trim(rest))
            }
            None => match memchr::memchr(b'<', bytes) {
                Some(at) => bytes.split_at_checked(at).ok_or_else(bad)?,
                None => (&[][..], bytes),
            },
        };
        match rest.strip_prefix(b"<") {
            Some(inner) => {
                let end = memchr::memchr(b'>', inner).ok_or_else(bad)?;
                let (uri, tail) = inner.split_at_checked(end).ok_or_else(bad)?;
                let tail = trim(tail.get(1..).unwrap_or_default());
                let params = match tail {
                    [] => tail,
                    [b';', params @ ..] => params,
                    _ => return Err(bad()),
                };
                let uri = trim(uri);
                if uri.is_empty() {
                    return Err(bad());
                }
                Ok(NameAddr { display: trim(display), uri, params: Params::new(params), bracketed: true })
            }
            None if !display.is_empty() => Err(bad()),
            None => {
                //= RFC 3261 20: "If the URI is not enclosed in angle brackets, any semicolon-delimited
                //= parameters are header-parameters, not URI parameters."
                let (uri, params) = split_outside(rest, b';');
                let uri = trim(uri);
                if uri.is_empty() || !uri.contains(&b':') {
                    return Err(bad());
                }
                Ok(NameAddr {
                    display: &[],
                    uri,
                    params: Params::new(params.unwrap_or_default()),
                    bracketed: false,
                })
            }
        }
    }

    /// The display name, quotes and escapes undone; empty when there is none.
    pub fn display(&self) -> Cow<'a, str> {
        match String::from_utf8_lossy(self.display) {
            Cow::Borrowed(text) => scan::unquote(text),
            Cow::Owned(text) => Cow::Owned(scan::unquote(&text).into_owned()),
        }
    }

    /// The URI as written.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn uri_str(&self) -> Result<&'a str, FieldError> {
        std::str::from_utf8(self.uri).map_err(|_| FieldError::RequestUri("UTF-8 text"))
    }

    /// The URI taken apart.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn uri(&self) -> Result<Uri<'a>, FieldError> {
        Uri::parse(self.uri_str()?).map_err(|_| FieldError::RequestUri("a URI"))
    }

    /// The header's parameters (not the URI's).
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The `q` parameter in thousandths, 0 to 1000; 1000 when there is none or it is malformed (RFC 3261
    /// 20.10).
    pub fn q(&self) -> u16 {
        let Some(q) = self.params.get("q") else { return 1000 };
        let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
        let digits: u16 =
            format!("{fraction:0<3}").get(..3).and_then(|three| three.parse().ok()).unwrap_or(0);
        match whole {
            "0" | "" => digits,
            _ => 1000,
        }
    }

    /// Whether the URI stood in angle brackets.
    pub fn is_bracketed(&self) -> bool {
        self.bracketed
    }
}

fn quoted_end(inner: &[u8]) -> Option<usize> {
    let mut escaped = false;
    inner.iter().position(|octet| match octet {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        octet => *octet == b'"',
    })
}

/// `Contact`, which may be `*` (RFC 3261 20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts<'a> {
    /// `Contact: *`
    Star,
    /// Addresses, in order; none when there is no Contact.
    List(Vec<NameAddr<'a>>),
}

/// One `Via` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// Protocol and version, `SIP` and `2.0`, as written.
    pub protocol: (&'a str, &'a str),
    /// The transport as written, such as `UDP`.
    pub transport: &'a str,
    /// `sent-by` host; an IPv6 address has its brackets.
    pub host: &'a str,
    /// `sent-by` port.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params<'a>,
}

/// What every branch made by an RFC 3261 element begins with.
pub(crate) const MAGIC_COOKIE: &str = "z9hG4bK";

/// Whether `branch` is one of an RFC 3261 element.
pub(crate) fn starts_with_cookie(branch: &str) -> bool {
    branch
        .split_at_checked(MAGIC_COOKIE.len())
        .is_some_and(|(cookie, rest)| cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty())
}

impl<'a> Via<'a> {
    /// Takes one value apart.
    ///
    /// # Errors
    /// [`FieldError::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Via<'a>, FieldError> {
        let bad = || FieldError::malformed(Header::Via, "SIP/2.0/transport host", bytes);
        let (sent, params) = split_outside(bytes, b';');
        let text = std::str::from_utf8(sent).map_err(|_| bad())?;
        let (name, rest) = scan::split_once(text, b'/').ok_or_else(bad)?;
        let (version, rest) = scan::split_once(rest, b'/').ok_or_else(bad)?;
        let rest = rest.trim();
        let (transport, sent_by) = rest
            .bytes()
            .position(|octet| octet.is_ascii_whitespace())
            .and_then(|at| rest.split_at_checked(at))
            .ok_or_else(bad)?;
        let (host, port) = split_host_port(sent_by.trim()).map_err(|_| bad())?;
        let protocol = (name.trim(), version.trim());
        if ![protocol.0, protocol.1, transport].iter().all(|part| scan::is_token(part.as_bytes())) {
            return Err(bad());
        }
        Ok(Via { protocol, transport, host, port, params: Params::new(params.unwrap_or_default()) })
    }

    /// The branch, when there is one that is not empty.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// True when the branch begins with the RFC 3261 cookie (compared without regard to case) and goes on
    /// after it.
    pub fn has_cookie(&self) -> bool {
        self.branch().is_some_and(starts_with_cookie)
    }

    /// `rport`: `Some(None)` when it is there without value (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|value| decimal(value.as_bytes()))
    }

    /// `received`.
    pub fn received(&self) -> Option<IpAddr> {
        self.params.get("received").and_then(parse_ip)
    }

    /// `maddr` as written.
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.get("maddr").filter(|maddr| !maddr.is_empty())
    }
}

/// `CSeq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2^31 (RFC 3261 8.1.1.5).
    pub number: u32,
    /// The method as written.
    pub method: &'a str,
}

impl<'a> CSeq<'a> {
    /// Reads `number method`.
    ///
    /// # Errors
    /// [`FieldError::Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<CSeq<'a>, FieldError> {
        let bad = || FieldError::malformed(Header::CSeq, "a number below 2^31 and a method", bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let mut parts = text.split_ascii_whitespace();
        let number = parts
            .next()
            .and_then(|number| decimal::<u32>(number.as_bytes()))
            .filter(|number| *number < 1 << 31);
        match (number, parts.next(), parts.next()) {
            (Some(number), Some(method), None) if scan::is_token(method.as_bytes()) => {
                Ok(CSeq { number, method })
            }
            _ => Err(bad()),
        }
    }

    /// The method.
    pub fn method(&self) -> Method {
        Method::parse(self.method)
    }
}

/// `RAck: response-number cseq-number method` (RFC 3262 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The RSeq that is acknowledged.
    pub rseq: u32,
    /// Number and method of the CSeq of the request answered.
    pub cseq: CSeq<'a>,
}

/// A value with parameters: `Event`, `Content-Type`, `Reason`, `Session-Expires`, `Replaces`,
/// `Content-Disposition` …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamValue<'a> {
    /// What stands before the first `;`, as written.
    pub value: &'a str,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> ParamValue<'a> {
    /// Splits at the first `;`.
    ///
    /// # Errors
    /// When the value is empty or not UTF-8.
    pub fn parse(header: Header, bytes: &'a [u8]) -> Result<ParamValue<'a>, FieldError> {
        let (value, params) = split_outside(bytes, b';');
        match std::str::from_utf8(trim(value)) {
            Ok(value) if !value.is_empty() => {
                Ok(ParamValue { value, params: Params::new(params.unwrap_or_default()) })
            }
            _ => Err(FieldError::malformed(header, "a value", bytes)),
        }
    }

    /// Whether the value is `other`, without regard to case and to white space around `/`.
    pub fn is(&self, other: &str) -> bool {
        let mut left = self.value.bytes().filter(|octet| !octet.is_ascii_whitespace());
        let mut right = other.bytes();
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) => {}
                _ => return false,
            }
        }
    }
}

/// `Event` (RFC 6665 8.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Package with templates, such as `message-summary`. Case sensitive by RFC 6665, compared case blind
    /// here.
    pub package: &'a str,
    /// `id`.
    pub id: Option<&'a str>,
    /// All parameters.
    pub params: Params<'a>,
}

/// `Subscription-State` (RFC 6665 8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated`, or another as written.
    pub state: &'a str,
    /// `expires` in seconds. Real senders write negative numbers; those count as 0.
    pub expires: Option<u32>,
    /// `reason`.
    pub reason: Option<&'a str>,
    /// `retry-after` in seconds.
    pub retry_after: Option<u32>,
}

impl<'a> SubscriptionState<'a> {
    pub(crate) fn from_value(value: ParamValue<'a>) -> SubscriptionState<'a> {
        let seconds = |name: &str| {
            let text = value.params.get(name)?;
            match text.strip_prefix('-') {
                Some(negative) => delta_seconds(negative.as_bytes()).map(|_| 0),
                None => delta_seconds(text.as_bytes()),
            }
        };
        SubscriptionState {
            state: value.value,
            expires: seconds("expires"),
            reason: value.params.get("reason"),
            retry_after: seconds("retry-after"),
        }
    }

    /// `terminated`.
    pub fn is_terminated(&self) -> bool {
        self.state.eq_ignore_ascii_case("terminated")
    }
}
