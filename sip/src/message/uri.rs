//! URIs: `sip:`, `sips:`, `tel:`, and any other scheme as far as it can be read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::scan;

/// A URI taken apart, every part as written (RFC 3261 19.1, RFC 3966).
///
/// For `sip:` and `sips:` it has user, host, port, parameters and headers; for `tel:` the number is the
/// user and there is no host; of other schemes only [`Uri::scheme`] and [`Uri::as_str`] mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    text: &'a str,
    scheme: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<u16>,
    params: &'a str,
    headers: Option<&'a str>,
}

/// Why text is not a URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// No `scheme:` in front.
    #[error("expected a scheme and a colon, got {0:?}")]
    NoScheme(String),
    /// A blank, control or bracket inside.
    #[error("{0:?} cannot stand in a URI")]
    BadCharacter(char),
    /// Host missing or not a name, IPv4 or bracketed IPv6 address.
    #[error("expected a host, got {0:?}")]
    BadHost(String),
    /// Port not in 0..=65535.
    #[error("expected a port, got {0:?}")]
    BadPort(String),
}

impl<'a> Uri<'a> {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// [`UriError`] says what was expected and what came.
    ///
    /// ```
    /// let uri = sip::Uri::parse("sip:+1.201.555@[2001:db8::9]:5062;transport=tcp?Subject=hi")?;
    /// assert_eq!(uri.user().as_deref(), Some("+1.201.555"));
    /// assert_eq!((uri.host(), uri.port()), (Some("[2001:db8::9]"), Some(5062)));
    /// assert_eq!(uri.param("transport"), Some("tcp"));
    /// # Ok::<(), sip::UriError>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Uri<'a>, UriError> {
        if let Some(bad) = text.bytes().find(|octet| scan::is_no_uri_octet(*octet)) {
            return Err(UriError::BadCharacter(char::from(bad)));
        }
        let no_scheme = || UriError::NoScheme(text.chars().take(40).collect());
        let (scheme, rest) = scan::split_once(text, b':').ok_or_else(no_scheme)?;
        let mut letters = scheme.bytes();
        if !letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            || !letters.all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.'))
        {
            return Err(no_scheme());
        }
        let mut uri = Uri {
            text,
            scheme,
            user: None,
            password: None,
            host: None,
            port: None,
            params: "",
            headers: None,
        };
        if uri.is_sip() {
            uri.parse_sip(rest)?;
        } else if uri.is_tel() {
            let (number, params) = scan::split_once(rest, b';').unwrap_or((rest, ""));
            uri.user = Some(number);
            uri.params = params;
        }
        Ok(uri)
    }

    /// The URI as written.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The scheme as written, such as `sip`. Compare without regard to case, or with [`Uri::is_sip`] and
    /// [`Uri::is_tel`].
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// `sip:` or `sips:`.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.is_sips()
    }

    /// `sips:`.
    pub fn is_sips(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sips")
    }

    /// `tel:`.
    pub fn is_tel(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("tel")
    }

    /// The user part with its `%HH` escapes undone (RFC 3261 19.1.2); of a `tel:` URI the number.
    pub fn user(&self) -> Option<Cow<'a, str>> {
        self.user.map(scan::unescape)
    }

    /// The user part as written.
    pub fn user_raw(&self) -> Option<&'a str> {
        self.user
    }

    /// The password as written. RFC 3261 19.1.1 advises against its use.
    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// Host name or address as written; an IPv6 address has its brackets.
    pub fn host(&self) -> Option<&'a str> {
        self.host
    }

    /// The host as an address, when it is one.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        parse_ip(self.host?)
    }

    /// The port, when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// A URI parameter's value as written; `""` for one without value. Names are case blind.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.unwrap_or(""))
    }

    /// All URI parameters in order.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        self.params.split(';').filter(|param| !param.is_empty()).map(|param| match param.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (param, None),
        })
    }

    /// The URI headers (behind `?`) as name and value, escapes undone.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        self.headers.unwrap_or("").split('&').filter(|header| !header.is_empty()).map(|header| {
            let (name, value) = header.split_once('=').unwrap_or((header, ""));
            (scan::unescape(name), scan::unescape(value))
        })
    }

    /// Whether both name the same resource by the rules of RFC 3261 19.1.4: scheme and host case blind,
    /// user case sensitive, escapes undone, `user`, `ttl`, `method`, `maddr` and `transport` must be in
    /// both or neither. URI headers are compared as a set. `tel` URIs are compared by RFC 3966 4: without
    /// visual separators, parameters in any order. Other schemes are compared as text.
    pub fn is_equivalent(&self, other: &Uri<'_>) -> bool {
        if !self.scheme.eq_ignore_ascii_case(other.scheme) {
            return false;
        }
        if self.is_tel() {
            return same_number(self.text, other.text);
        }
        if !self.is_sip() {
            return self.text.eq_ignore_ascii_case(other.text);
        }
        let unescaped = |text: Option<&str>| text.map(|text| scan::unescape(text).into_owned());
        if unescaped(self.user) != unescaped(other.user)
            || unescaped(self.password) != unescaped(other.password)
            || self.port != other.port
        {
            return false;
        }
        let same_host = match (self.host, other.host) {
            (Some(a), Some(b)) => {
                a.eq_ignore_ascii_case(b) || (parse_ip(a).is_some() && parse_ip(a) == parse_ip(b))
            }
            (a, b) => a == b,
        };
        let one_sided = ["user", "ttl", "method", "maddr", "transport"];
        // A parameter that stands there twice, against the RFC, agrees with any of its values.
        let values = |uri: &Uri<'_>| {
            let mut values = BTreeMap::<String, BTreeSet<String>>::new();
            for (key, value) in uri.params() {
                let value = scan::unescape(value.unwrap_or("")).to_ascii_lowercase();
                values.entry(key.to_ascii_lowercase()).or_default().insert(value);
            }
            values
        };
        let params_agree = || {
            let (ours, theirs) = (values(self), values(other));
            let agree = |a: &BTreeMap<String, BTreeSet<String>>, b: &BTreeMap<String, BTreeSet<String>>| {
                a.iter().all(|(key, values)| match b.get(key) {
                    Some(others) => values.is_subset(others),
                    None => !one_sided.contains(&key.as_str()),
                })
            };
            agree(&ours, &theirs) && agree(&theirs, &ours)
        };
        let sorted = |uri: &Uri<'_>| {
            let mut all: Vec<_> =
                uri.headers().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
            all.sort();
            all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        same_host && (self.params == other.params || params_agree()) && sorted(self) == sorted(other)
    }

    fn parse_sip(&mut self, rest: &'a str) -> Result<(), UriError> {
        let hostport = match scan::split_once(rest, b'@') {
            Some((userinfo, tail)) => {
                let (user, password) = match scan::split_once(userinfo, b':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (userinfo, None),
                };
                self.user = Some(user);
                self.password = password;
                tail
            }
            None => rest,
        };
        let (hostport, headers) = match scan::split_once(hostport, b'?') {
            Some((head, headers)) => (head, Some(headers)),
            None => (hostport, None),
        };
        self.headers = headers;
        let (hostport, params) = scan::split_once(hostport, b';').unwrap_or((hostport, ""));
        self.params = params;
        let (host, port) = split_host_port(hostport)?;
        self.host = Some(host);
        self.port = port;
        Ok(())
    }
}

/// RFC 3966 4: numbers without visual separators, parameters in any order, everything case blind.
fn same_number(a: &str, b: &str) -> bool {
    let bare = |text: &str| -> String {
        let kept = text.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')'));
        kept.collect::<String>().to_ascii_lowercase()
    };
    let parts = |text: &str| {
        let text = text.split_once(':').map_or("", |(_, rest)| rest);
        let (number, params) = text.split_once(';').unwrap_or((text, ""));
        let mut params: Vec<(String, String)> = params
            .split(';')
            .filter(|param| !param.is_empty())
            .map(|param| {
                let (name, value) = param.split_once('=').unwrap_or((param, ""));
                let (name, value) = (name.to_ascii_lowercase(), scan::unescape(value));
                // A context is a number or a domain, whose dots count.
                let digits = name == "ext" || name == "phone-context" && value.starts_with('+');
                (name, if digits { bare(&value) } else { value.to_ascii_lowercase() })
            })
            .collect();
        params.sort();
        (bare(number), params)
    };
    parts(a) == parts(b)
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// An address with or without IPv6 brackets.
pub(crate) fn parse_ip(host: &str) -> Option<std::net::IpAddr> {
    let host = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    host.parse().ok().or_else(|| three_colons(host).map(std::net::IpAddr::V6))
}

/// `2001:db8:::192.0.2.1`, which RFC 3261's grammar made of `2001:db8::192.0.2.1` by mistake.
fn three_colons(text: &str) -> Option<std::net::Ipv6Addr> {
    //= RFC 5118 4.10: "… following the Robustness Principle [RFC1122], an implementation must tolerate both of
    //= the above constructs."
    let (head, tail) = text.split_once(":::")?;
    tail.parse::<std::net::Ipv4Addr>().ok()?;
    format!("{head}::{tail}").parse().ok()
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`; white space around the colon is dropped (RFC 3261 25.1 COLON).
pub(crate) fn split_host_port(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let bad_host = || UriError::BadHost(text.chars().take(40).collect());
    let (host, rest) = if text.starts_with('[') {
        let end = text.find(']').ok_or_else(bad_host)? + 1;
        text.split_at_checked(end).ok_or_else(bad_host)?
    } else {
        let colon = memchr::memchr(b':', text.as_bytes());
        colon.and_then(|colon| text.split_at_checked(colon)).unwrap_or((text, ""))
    };
    let host = host.trim();
    let well_formed = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok() || three_colons(address).is_some(),
        // Underscores are no host name by RFC 3261, but machines are called that.
        None => {
            !host.is_empty()
                && host.bytes().all(|o| o.is_ascii_alphanumeric() || matches!(o, b'-' | b'.' | b'_'))
        }
    };
    if !well_formed {
        return Err(bad_host());
    }
    let rest = rest.trim();
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        None => return Err(bad_host()),
        Some(port) => {
            let port = port.trim();
            Some(
                scan::decimal(port.as_bytes())
                    .ok_or_else(|| UriError::BadPort(port.chars().take(20).collect()))?,
            )
        }
    };
    Ok((host, port))
}
