//! Typed views of the headers that calls bring: who, why, since when and instead of whom.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use super::field::{FieldError, NameAddr, ParamValue};
use super::name::Header;
use super::scan::{self, List, decimal, delta_seconds, trim};
use super::{Message, StatusCode};

/// One `Reason` value (RFC 3326).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `Q.850`, `SIP`, or another as written.
    pub protocol: &'a str,
    /// The cause: a Q.850 cause value, a SIP status code.
    pub cause: Option<u16>,
    /// The text, quotes and escapes undone.
    pub text: Option<Cow<'a, str>>,
}

/// `Replaces` (RFC 3891 6.1), seen from the side that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// The Call-ID of the dialog to be replaced.
    pub call_id: &'a str,
    /// The reader's tag in that dialog.
    pub to_tag: &'a str,
    /// The other side's tag in that dialog.
    pub from_tag: &'a str,
    /// Only while the dialog is early.
    pub early_only: bool,
}

/// `Session-Expires` (RFC 4028 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires<'a> {
    /// The session interval, in seconds.
    pub seconds: u32,
    /// `uac`, `uas`, or another as written.
    pub refresher: Option<&'a str>,
}

/// One `Diversion` value (RFC 5806 4), or a `CC-Diversion` or `CC-Redirect`, its forerunners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diversion<'a> {
    /// Who diverted.
    pub address: NameAddr<'a>,
    /// `user-busy`, `no-answer`, `unconditional` …, quotes undone.
    pub reason: Option<Cow<'a, str>>,
    /// Diversions this value stands for; 1 when nothing is written.
    pub counter: u32,
    /// How many more diversions are allowed.
    pub limit: Option<u32>,
    /// `full`, `name`, `uri`, `off` …
    pub privacy: Option<Cow<'a, str>>,
    /// `yes` or `no`.
    pub screen: Option<Cow<'a, str>>,
}

/// One `History-Info` value (RFC 7044 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry<'a> {
    /// The target the request was sent to.
    pub address: NameAddr<'a>,
    /// `1.1.2` as numbers; empty when there is none or it is malformed.
    pub index: Vec<u32>,
    /// Why the target was left: `Reason` among the URI's headers, escapes undone; else the URI's `cause` parameter
    /// (RFC 4458 2.1) as `SIP;cause=…`.
    pub reason: Option<String>,
    /// `Privacy` among the URI's headers, escapes undone.
    pub privacy: Option<String>,
}

/// `Remote-Party-ID`, as draft-ietf-sip-privacy-04 has it and IOS speaks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteParty<'a> {
    /// Who.
    pub address: NameAddr<'a>,
    /// `calling`, `called` …; the draft's default by direction when it is missing.
    pub party: Option<Cow<'a, str>>,
    /// `screen=yes`.
    pub screened: bool,
    /// `off`, `full`, `name`, `uri` …
    pub privacy: Option<Cow<'a, str>>,
}

/// One `Warning` value (RFC 3261 20.43).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Three digits.
    pub code: u16,
    /// Host or pseudonym that added it.
    pub agent: &'a str,
    /// Quotes and escapes undone.
    pub text: Cow<'a, str>,
}

/// `Retry-After` (RFC 3261 20.33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// When to try again, in seconds.
    pub seconds: u32,
    /// How long one may expect to be served then, in seconds.
    pub duration: Option<u32>,
    /// The comment, without its parentheses.
    pub comment: Option<&'a str>,
}

/// `Timestamp` (RFC 3261 20.38).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp<'a> {
    /// The sender's time as written: to be given back, not to be understood.
    pub value: &'a str,
    /// What the server took, in a response.
    pub delay: Option<Duration>,
}

/// One `User-to-User` value (RFC 7433 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserToUser<'a> {
    /// As written, hexadecimal digits or a quoted string.
    pub data: &'a str,
    /// `hex`, or nothing.
    pub encoding: Option<&'a str>,
    /// `isdn-uui`, or nothing.
    pub purpose: Option<&'a str>,
    /// `isdn-uui`, or nothing.
    pub content: Option<&'a str>,
}

/// `Cisco-Guid`: four 32-bit numbers, written in decimal, that name a call over all its legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CiscoGuid(pub [u32; 4]);

impl Message {
    /// Reason, every value that can be read.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> + Clone {
        self.elements(Header::Reason).filter_map(|element| {
            let value = ParamValue::parse(Header::Reason, element).ok()?;
            Some(Reason {
                protocol: value.value,
                cause: value.params.get("cause").and_then(|cause| decimal(cause.as_bytes())),
                text: value.params.text("text"),
            })
        })
    }

    /// Replaces.
    ///
    /// # Errors
    /// Malformed, which includes a missing tag (RFC 3891 3: 400).
    pub fn replaces(&self) -> Result<Option<Replaces<'_>>, FieldError> {
        let Some(value) = self.param_value(Header::Replaces)? else { return Ok(None) };
        let tag = |name: &str| value.params.get(name).filter(|tag| !tag.is_empty());
        match (tag("to-tag"), tag("from-tag")) {
            (Some(to_tag), Some(from_tag)) => Ok(Some(Replaces {
                call_id: value.value,
                to_tag,
                from_tag,
                early_only: value.params.get("early-only").is_some(),
            })),
            _ => Err(FieldError::malformed(
                Header::Replaces,
                "a Call-ID, to-tag and from-tag",
                value.value.as_bytes(),
            )),
        }
    }

    /// Session-Expires.
    ///
    /// # Errors
    /// Malformed.
    pub fn session_expires(&self) -> Result<Option<SessionExpires<'_>>, FieldError> {
        let Some(seconds) = self.seconds(Header::SessionExpires)? else { return Ok(None) };
        let value = self.param_value(Header::SessionExpires)?;
        let refresher = value.and_then(|value| value.params.get("refresher"));
        Ok(Some(SessionExpires { seconds, refresher }))
    }

    /// Diversion, or the Cisco headers it came from: topmost, which is the last diversion, first.
    pub fn diversions(&self) -> impl Iterator<Item = Result<Diversion<'_>, FieldError>> + Clone {
        [Header::Diversion, Header::CcDiversion, Header::CcRedirect].into_iter().flat_map(|header| {
            self.addresses(header).map(|address| {
                let address = address?;
                let params = address.params();
                let number = |name: &str| params.get(name).and_then(|text| decimal(text.as_bytes()));
                Ok(Diversion {
                    address,
                    reason: params.text("reason").or_else(|| params.text("redir-reason")),
                    counter: number("counter").unwrap_or(1),
                    limit: number("limit"),
                    privacy: params.text("privacy"),
                    screen: params.text("screen"),
                })
            })
        })
    }

    /// History-Info in order.
    pub fn history(&self) -> impl Iterator<Item = Result<HistoryEntry<'_>, FieldError>> + Clone {
        self.addresses(Header::HistoryInfo).map(|address| {
            let address = address?;
            let uri = address.uri()?;
            let header = |name: &str| {
                uri.headers()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.into_owned())
            };
            let index = address.params().get("index").unwrap_or_default();
            let index: Option<Vec<u32>> =
                index.split('.').take(64).map(|part| decimal(part.as_bytes())).collect();
            Ok(HistoryEntry {
                address,
                index: index.unwrap_or_default(),
                reason: header("Reason")
                    .or_else(|| uri.param("cause").map(|cause| format!("SIP;cause={cause}"))),
                privacy: header("Privacy"),
            })
        })
    }

    /// Remote-Party-ID in order.
    pub fn remote_parties(&self) -> impl Iterator<Item = Result<RemoteParty<'_>, FieldError>> + Clone {
        self.addresses(Header::RemotePartyId).map(|address| {
            let address = address?;
            let params = address.params();
            Ok(RemoteParty {
                address,
                party: params.text("party"),
                screened: params.text("screen").is_some_and(|screen| screen.eq_ignore_ascii_case("yes")),
                privacy: params.text("privacy"),
            })
        })
    }

    /// P-Asserted-Identity in order (RFC 3325 9.1).
    pub fn asserted_identities(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.addresses(Header::PAssertedIdentity)
    }

    /// P-Preferred-Identity in order (RFC 3325 9.2).
    pub fn preferred_identities(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.addresses(Header::PPreferredIdentity)
    }

    /// The values of Privacy (RFC 3323 4.2): `id`, `user`, `header`, `session`, `none`, `critical` …
    pub fn privacy(&self) -> impl Iterator<Item = &str> + Clone {
        // Values are separated by semicolons; commas are seen as well.
        self.raw(Header::Privacy)
            .flat_map(|line| line.split(|octet| matches!(octet, b';' | b',')))
            .filter_map(|value| std::str::from_utf8(trim(value)).ok())
            .filter(|value| !value.is_empty())
    }

    /// Refer-To (RFC 3515 2.1).
    ///
    /// # Errors
    /// Malformed, or more than one.
    pub fn refer_to(&self) -> Result<Option<NameAddr<'_>>, FieldError> {
        self.single_address(Header::ReferTo)
    }

    /// Referred-By (RFC 3892 3); its `cid` parameter names the body part that vouches for it.
    ///
    /// # Errors
    /// Malformed, or more than one.
    pub fn referred_by(&self) -> Result<Option<NameAddr<'_>>, FieldError> {
        self.single_address(Header::ReferredBy)
    }

    /// Call-Info or Alert-Info: addresses of any scheme in order, with `purpose`, `appearance-index` … among their
    /// parameters.
    pub fn infos(&self, header: Header) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.addresses(header)
    }

    /// Warning, every value that can be read.
    pub fn warnings(&self) -> impl Iterator<Item = Warning<'_>> + Clone {
        self.elements(Header::Warning).filter_map(|element| {
            let text = std::str::from_utf8(element).ok()?;
            let (code, rest) = text.split_once(|c: char| c.is_ascii_whitespace())?;
            let (agent, quoted) = rest.trim_start().split_once(|c: char| c.is_ascii_whitespace())?;
            (code.len() == 3).then_some(())?;
            Some(Warning { code: decimal(code.as_bytes())?, agent, text: scan::unquote(quoted.trim()) })
        })
    }

    /// Retry-After.
    ///
    /// # Errors
    /// Malformed.
    pub fn retry_after(&self) -> Result<Option<RetryAfter<'_>>, FieldError> {
        let Some(seconds) = self.seconds(Header::RetryAfter)? else { return Ok(None) };
        let text = self.first_raw(Header::RetryAfter).and_then(|octets| std::str::from_utf8(octets).ok());
        let text = text.unwrap_or_default();
        let open = text.find('(').and_then(|at| text.get(at + 1..));
        let comment = open.and_then(|inner| inner.rfind(')').and_then(|end| inner.get(..end)));
        let behind = match comment {
            Some(_) => text.rsplit_once(')').map_or("", |(_, tail)| tail),
            None => text,
        };
        let duration = behind.split(';').find_map(|param| {
            let (name, value) = param.split_once('=')?;
            name.trim().eq_ignore_ascii_case("duration").then(|| delta_seconds(value.trim().as_bytes()))?
        });
        Ok(Some(RetryAfter { seconds, duration, comment }))
    }

    /// Timestamp.
    ///
    /// # Errors
    /// Malformed.
    pub fn timestamp(&self) -> Result<Option<Timestamp<'_>>, FieldError> {
        let Some(octets) = self.first_raw(Header::Timestamp) else { return Ok(None) };
        let bad = || FieldError::malformed(Header::Timestamp, "a number and perhaps a delay", octets);
        let text = std::str::from_utf8(octets).map_err(|_| bad())?;
        let mut words = text.split_ascii_whitespace();
        let value = words.next().filter(|value| is_decimal(value)).ok_or_else(bad)?;
        let delay = match words.next() {
            None => None,
            // Beyond a day it is no delay of a response.
            Some(delay) if is_decimal(delay) => {
                delay.parse::<f64>().ok().filter(|delay| *delay < 86_400.0).map(Duration::from_secs_f64)
            }
            Some(_) => return Err(bad()),
        };
        Ok(Some(Timestamp { value, delay }))
    }

    /// Date (RFC 3261 20.17), which is always in GMT.
    ///
    /// # Errors
    /// Malformed: another time zone, a day that does not exist.
    pub fn date(&self) -> Result<Option<SystemTime>, FieldError> {
        let Some(octets) = self.first_raw(Header::Date) else { return Ok(None) };
        let text = std::str::from_utf8(octets).unwrap_or_default();
        parse_date(text)
            .map(Some)
            .ok_or_else(|| FieldError::malformed(Header::Date, "an RFC 1123 date in GMT", octets))
    }

    /// User-to-User, every value that can be read.
    pub fn user_to_user(&self) -> impl Iterator<Item = UserToUser<'_>> + Clone {
        self.elements(Header::UserToUser).filter_map(|element| {
            let value = ParamValue::parse(Header::UserToUser, element).ok()?;
            let param = |name: &str| value.params.get(name);
            Some(UserToUser {
                data: value.value,
                encoding: param("encoding"),
                purpose: param("purpose"),
                content: param("content"),
            })
        })
    }

    /// Cisco-Guid.
    ///
    /// # Errors
    /// Malformed.
    pub fn cisco_guid(&self) -> Result<Option<CiscoGuid>, FieldError> {
        let Some(octets) = self.first_raw(Header::CiscoGuid) else { return Ok(None) };
        let mut parts = octets.split(|octet| *octet == b'-');
        let mut guid = [0; 4];
        let read = guid.iter_mut().all(|part| match parts.next().and_then(decimal) {
            Some(number) => {
                *part = number;
                true
            }
            None => false,
        });
        if !read || parts.next().is_some() {
            return Err(FieldError::malformed(Header::CiscoGuid, "four numbers of 32 bits", octets));
        }
        Ok(Some(CiscoGuid(guid)))
    }

    /// SIP-ETag (in a response to PUBLISH) or SIP-If-Match (in a PUBLISH): the entity tag (RFC 3903 11.3).
    pub fn entity_tag(&self) -> Option<&str> {
        let octets = self.first_raw(Header::SipETag).or_else(|| self.first_raw(Header::SipIfMatch))?;
        std::str::from_utf8(octets).ok().filter(|tag| scan::is_token(tag.as_bytes()))
    }

    /// Path in order (RFC 3327).
    pub fn path(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.addresses(Header::Path)
    }

    /// Service-Route in order (RFC 3608).
    pub fn service_route(&self) -> impl Iterator<Item = Result<NameAddr<'_>, FieldError>> + Clone {
        self.addresses(Header::ServiceRoute)
    }

    fn single_address(&self, header: Header) -> Result<Option<NameAddr<'_>>, FieldError> {
        let mut elements = self.elements(header);
        let Some(first) = elements.next() else { return Ok(None) };
        match elements.next() {
            None => NameAddr::parse(header, first).map(Some),
            Some(second) => Err(FieldError::malformed(header, "one address", second)),
        }
    }
}

impl<'a> Reason<'a> {
    /// The value of a `Reason` header, such as what [`HistoryEntry::reason`] has.
    pub fn parse(value: &'a str) -> Option<Reason<'a>> {
        let first = List::new(value.as_bytes()).next()?;
        let value = ParamValue::parse(Header::Reason, first).ok()?;
        Some(Reason {
            protocol: value.value,
            cause: value.params.get("cause").and_then(|cause| decimal(cause.as_bytes())),
            text: value.params.text("text"),
        })
    }

    /// The Q.850 cause, 1 to 127.
    pub fn q850(&self) -> Option<u8> {
        let cause = self.cause.filter(|cause| (1..128).contains(cause))?;
        self.protocol.eq_ignore_ascii_case("Q.850").then(|| u8::try_from(cause).ok())?
    }

    /// The SIP status.
    pub fn sip(&self) -> Option<StatusCode> {
        self.protocol.eq_ignore_ascii_case("SIP").then(|| self.cause.and_then(StatusCode::new))?
    }
}

impl UserToUser<'_> {
    /// The octets, when they are written in hexadecimal digits (RFC 7433 4.1); of a quoted string its text.
    pub fn octets(&self) -> Option<Vec<u8>> {
        if self.data.starts_with('"') && self.encoding.is_none() {
            return Some(scan::unquote(self.data).into_owned().into_bytes());
        }
        let digits = scan::unquote(self.data);
        let digits = digits.as_bytes();
        if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits
            .chunks_exact(2)
            .map(|pair| match pair {
                [high, low] => Some(value(*high)? << 4 | value(*low)?),
                _ => None,
            })
            .collect()
    }
}

impl std::fmt::Display for CiscoGuid {
    /// Ten digits each, as IOS writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a:010}-{b:010}-{c:010}-{d:010}")
    }
}

/// `1`, `1.`, `.5`, `1.5`.
fn is_decimal(text: &str) -> bool {
    text.bytes().any(|octet| octet.is_ascii_digit())
        && text.bytes().filter(|octet| *octet == b'.').count() <= 1
        && text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.')
}

/// `Sat, 13 Nov 2010 23:29:00 GMT`.
fn parse_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (_weekday, rest) = text.split_once(',')?;
    let mut words = rest.split_ascii_whitespace();
    let day: u64 = decimal(words.next()?.as_bytes())?;
    let month = words.next()?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year: u64 = decimal(words.next()?.as_bytes()).filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| decimal::<u64>(part.as_bytes()));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let zone = words.next()?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !zone.eq_ignore_ascii_case("GMT")
        || clock.next().is_some()
        || words.next().is_some()
        || !(1..=longest).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar, the year beginning in March.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod tests;
