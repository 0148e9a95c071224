//! SDP (RFC 8866) and offer/answer (RFC 3264).
//!
//! A [`Sdp`] is its lines, in order, with typed views and edits on top: what is not understood is kept and
//! printed again where it stood. Line order is read leniently, because gateways put attributes before `t=`
//! and `c=` behind `a=`.
//!
//! ```
//! use sip::sdp::{Direction, Sdp};
//! let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns= \r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
//!             m=audio 16384 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n";
//! let sdp = Sdp::parse(text.as_bytes())?;
//! let audio = &sdp.media[0];
//! assert_eq!(audio.formats()[0].encoding, "PCMA");
//! assert_eq!(sdp.direction(audio), Direction::SendOnly);
//! assert_eq!(sdp.destination(audio).unwrap().0, "192.0.2.9");
//! assert_eq!(sdp.to_string(), text);
//! # Ok::<(), sip::sdp::SdpError>(())
//! ```

mod answer;
mod media;
mod t38;

#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::net::IpAddr;

pub use answer::{Agreed, Local, LocalMedia, OfferAnswer, OfferAnswerError, answer, offer};
pub use media::{Direction, Format, Media};
pub use t38::{ErrorCorrection, RateManagement, T38};

/// Most lines read.
pub const MAX_LINES: usize = 1000;
/// Most `m=` sections read.
pub const MAX_MEDIA: usize = 32;

/// Why octets are not SDP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The first line is not `v=0`.
    #[error("expected v=0 in the first line, got {0:?}")]
    NotSdp(String),
    /// A line that is not a letter, `=` and a value.
    #[error("line {line}: expected letter=value, got {found:?}")]
    BadLine {
        /// Counted from 1.
        line: usize,
        /// The beginning of the line.
        found: String,
    },
    /// An `m=` line that is not media, port, protocol and formats.
    #[error("line {line}: expected m=media port protocol formats, got {found:?}")]
    BadMedia {
        /// Counted from 1.
        line: usize,
        /// The beginning of the line.
        found: String,
    },
    /// More lines than [`MAX_LINES`] or sections than [`MAX_MEDIA`].
    #[error("more than {MAX_LINES} lines or {MAX_MEDIA} media")]
    TooLarge,
}

/// One line: its letter and what stands behind the `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Such as `c`.
    pub kind: char,
    /// As written.
    pub value: String,
}

impl Line {
    /// A line. Line ends in the value become blanks.
    pub fn new(kind: char, value: impl Into<String>) -> Line {
        let value = value.into();
        let broken = memchr::memchr2(b'\r', b'\n', value.as_bytes()).is_some();
        Line { kind, value: if broken { value.replace(['\r', '\n'], " ") } else { value } }
    }
}

impl fmt::Display for Line {
    /// With its line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(self.kind)?;
        f.write_char('=')?;
        f.write_str(&self.value)?;
        f.write_str("\r\n")
    }
}

/// A session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp {
    /// The lines before the first `m=`, `v=` included.
    pub session: Vec<Line>,
    /// The media in order.
    pub media: Vec<Media>,
}

/// `o=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `-` when there is none.
    pub username: String,
    /// Numeric by the RFC; kept as text.
    pub session_id: String,
    /// Numeric by the RFC; kept as text.
    pub version: String,
    /// Network type, address type and address as written, such as `IN IP4 192.0.2.9`.
    pub address: String,
}

/// `c=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// Address or host name, multicast suffix (`/ttl`) cut off.
    pub host: String,
}

impl Connection {
    /// Reads a `c=` value.
    pub fn parse(value: &str) -> Option<Connection> {
        let mut words = value.split_ascii_whitespace();
        let (_network, address_type, host) = (words.next()?, words.next()?, words.next()?);
        let host = host.split('/').next().unwrap_or(host);
        Some(Connection { address_type: address_type.to_owned(), host: host.to_owned() })
    }

    /// The address, when the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `0.0.0.0`, the hold of RFC 2543 (RFC 3264 8.4), or `::`.
    pub fn is_hold(&self) -> bool {
        self.ip().is_some_and(|address| address.is_unspecified())
    }
}

impl Sdp {
    /// Reads a description. Line ends may be CRLF or LF, the last may be missing, and empty lines are
    /// passed over. Octets that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// [`SdpError`].
    pub fn parse(octets: &[u8]) -> Result<Sdp, SdpError> {
        let text = String::from_utf8_lossy(octets);
        let mut sdp = Sdp::default();
        let start = |line: &str| line.chars().take(40).collect::<String>();
        for (number, line) in (1..).zip(text.split('\n')) {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            if number > MAX_LINES || sdp.media.len() > MAX_MEDIA {
                return Err(SdpError::TooLarge);
            }
            let bad = || SdpError::BadLine { line: number, found: start(line) };
            let (kind, value) = line.split_once('=').ok_or_else(bad)?;
            let mut letters = kind.chars();
            let (Some(kind), None) = (letters.next().filter(char::is_ascii_alphabetic), letters.next())
            else {
                return Err(bad());
            };
            if sdp.session.is_empty() && (kind != 'v' || value.trim() != "0") {
                return Err(SdpError::NotSdp(start(line)));
            }
            match (kind, sdp.media.last_mut()) {
                ('m', _) => {
                    let media = Media::parse(value)
                        .ok_or_else(|| SdpError::BadMedia { line: number, found: start(line) })?;
                    sdp.media.push(media);
                }
                (_, Some(media)) => media.lines.push(Line::new(kind, value)),
                (_, None) => sdp.session.push(Line::new(kind, value)),
            }
        }
        if sdp.session.is_empty() {
            return Err(SdpError::NotSdp(String::new()));
        }
        Ok(sdp)
    }

    /// A description without media: `v=`, `o=`, `s=-`, `c=`, `t=0 0`.
    pub fn new(origin: &Origin, address: IpAddr) -> Sdp {
        let session = vec![
            Line::new('v', "0"),
            Line::new('o', origin.to_string()),
            Line::new('s', "-"),
            Line::new('c', connection_value(address)),
            Line::new('t', "0 0"),
        ];
        Sdp { session, media: Vec::new() }
    }

    /// The value of the first session line of this kind.
    pub fn line(&self, kind: char) -> Option<&str> {
        value_of(&self.session, kind)
    }

    /// `o=`.
    pub fn origin(&self) -> Option<Origin> {
        Origin::parse(self.line('o')?)
    }

    /// Replaces `o=`, or puts it behind `v=`.
    pub fn set_origin(&mut self, origin: &Origin) {
        let line = Line::new('o', origin.to_string());
        match self.session.iter_mut().find(|line| line.kind == 'o') {
            Some(old) => *old = line,
            None => self.session.insert(self.session.len().min(1), line),
        }
    }

    /// The `c=` that counts for `media`: its own, else the session's.
    pub fn connection(&self, media: &Media) -> Option<Connection> {
        value_of(&media.lines, 'c').or_else(|| self.line('c')).and_then(Connection::parse)
    }

    /// Host and port the peer wants `media` at; `None` when it is refused (port 0) or has no address.
    pub fn destination(&self, media: &Media) -> Option<(String, u16)> {
        let connection = self.connection(media)?;
        (media.port != 0).then_some((connection.host, media.port))
    }

    /// The direction that counts for `media`, from the describing side's view: its own, else the session's,
    /// else `sendrecv`. A connection address of 0.0.0.0 takes the describing side's receiving away (RFC
    /// 3264 8.4).
    pub fn direction(&self, media: &Media) -> Direction {
        let written =
            Direction::of(&media.lines).or_else(|| Direction::of(&self.session)).unwrap_or_default();
        match self.connection(media) {
            Some(connection) if connection.is_hold() => written.without_receiving(),
            _ => written,
        }
    }

    /// A bandwidth limit that counts for `media`, such as `AS` (kbit/s) or `TIAS` (bit/s): its own `b=`, else the
    /// session's (RFC 8866 5.8, RFC 3890).
    pub fn bandwidth(&self, media: &Media, kind: &str) -> Option<u64> {
        let find = |lines: &[Line]| {
            lines.iter().filter(|line| line.kind == 'b').find_map(|line| {
                let (own, value) = line.value.split_once(':')?;
                own.trim().eq_ignore_ascii_case(kind).then(|| value.trim().parse().ok())?
            })
        };
        find(&media.lines).or_else(|| find(&self.session))
    }

    /// Whether this describes the same session as `before` with nothing changed: same `o=` line (RFC 3264
    /// 8). Some peers change the description and leave the version; compare the whole where that matters.
    pub fn is_unchanged(&self, before: &Sdp) -> bool {
        match (self.origin(), before.origin()) {
            (Some(now), Some(before)) => now == before,
            _ => false,
        }
    }
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.iter().try_for_each(|line| line.fmt(f))?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl Origin {
    /// Reads an `o=` value: six words; more in front than the RFC allows (a user name with blanks) count to
    /// the user name.
    pub fn parse(value: &str) -> Option<Origin> {
        let words: Vec<&str> = value.split_ascii_whitespace().collect();
        let [user @ .., session_id, version, network, address_type, address] = words.as_slice() else {
            return None;
        };
        if user.is_empty() {
            return None;
        }
        Some(Origin {
            username: user.join(" "),
            session_id: (*session_id).to_owned(),
            version: (*version).to_owned(),
            address: format!("{network} {address_type} {address}"),
        })
    }

    /// An origin of our own.
    pub fn new(username: &str, session_id: u64, version: u64, address: IpAddr) -> Origin {
        Origin {
            username: username.to_owned(),
            session_id: session_id.to_string(),
            version: version.to_string(),
            address: connection_value(address),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.version, self.address)
    }
}

fn connection_value(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("IN IP4 {v4}"),
        IpAddr::V6(v6) => format!("IN IP6 {v6}"),
    }
}

fn value_of(lines: &[Line], kind: char) -> Option<&str> {
    lines.iter().find(|line| line.kind == kind).map(|line| line.value.as_str())
}

/// The value of `a=name:value`; `""` for `a=name`.
fn attribute<'a>(lines: &'a [Line], name: &str) -> Option<&'a str> {
    attributes(lines, name).next()
}

fn attributes<'a>(lines: &'a [Line], name: &str) -> impl Iterator<Item = &'a str> {
    lines.iter().filter(|line| line.kind == 'a').filter_map(move |line| {
        let (key, value) = line.value.split_once(':').unwrap_or((&line.value, ""));
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}
