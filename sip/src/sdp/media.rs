//! One `m=` section.

use std::fmt;

use super::{Line, attribute, attributes};

/// Who sends, seen from the side that wrote the description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// The writer only sends (it holds the other side).
    SendOnly,
    /// The writer only receives.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The same seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Direction {
        Direction::from_parts(self.receives(), self.sends())
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Direction) -> Direction {
        Direction::from_parts(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    pub(super) fn without_receiving(self) -> Direction {
        Direction::from_parts(self.sends(), false)
    }

    /// The last direction attribute among `lines`.
    pub(super) fn of(lines: &[Line]) -> Option<Direction> {
        let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        lines
            .iter()
            .rev()
            .filter(|line| line.kind == 'a')
            .find_map(|line| all.into_iter().find(|direction| direction.as_str() == line.value.trim()))
    }

    fn from_parts(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }
}

/// An RTP payload format, or a format of another protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The RTP payload type, 0 to 127; `None` for formats that are names (`t38`).
    pub payload: Option<u8>,
    /// Encoding name, such as `PCMU`; the format itself where it is a name.
    pub encoding: String,
    /// Clock rate in Hz; 0 where it is unknown.
    pub clock_rate: u32,
    /// Channels.
    pub channels: u16,
    /// `a=fmtp` without the payload type.
    pub parameters: Option<String>,
}

/// Payload types with a fixed meaning (RFC 3551 table 4 and 5), and 19, on which old gateways send comfort
/// noise.
const STATIC: &[(u8, &str, u32)] = &[
    (0, "PCMU", 8000),
    (2, "G726-32", 8000),
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (8, "PCMA", 8000),
    (9, "G722", 8000),
    (13, "CN", 8000),
    (15, "G728", 8000),
    (18, "G729", 8000),
    (19, "CN", 8000),
    (26, "JPEG", 90000),
    (31, "H261", 90000),
    (34, "H263", 90000),
];

impl Format {
    /// A format with a payload type.
    pub fn new(payload: u8, encoding: &str, clock_rate: u32) -> Format {
        Format {
            payload: Some(payload),
            encoding: encoding.to_owned(),
            clock_rate,
            channels: 1,
            parameters: None,
        }
    }

    /// The same with `fmtp` parameters.
    #[must_use]
    pub fn with_parameters(mut self, parameters: &str) -> Format {
        self.parameters = Some(parameters.to_owned());
        self
    }

    /// A format that is a name, such as `t38`.
    pub fn named(name: &str) -> Format {
        Format { payload: None, encoding: name.to_owned(), clock_rate: 0, channels: 1, parameters: None }
    }

    /// One of the `fmtp` parameters, names case blind: `annexb` of `annexb=no; x=1`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.as_deref()?.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// `telephone-event` (RFC 4733).
    pub fn is_telephone_event(&self) -> bool {
        self.encoding.eq_ignore_ascii_case("telephone-event")
    }

    /// `telephone-event`, or Cisco's named signalling events (`X-NSE`): beside audio, never instead of it.
    pub fn is_named_event(&self) -> bool {
        self.is_telephone_event() || self.encoding.eq_ignore_ascii_case("X-NSE")
    }

    /// Whether both name the same coding: encoding name (case blind), clock rate and channels. Parameters
    /// and numbers are not compared.
    pub fn is_same_coding(&self, other: &Format) -> bool {
        self.encoding.eq_ignore_ascii_case(&other.encoding)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
            && self.payload.is_some() == other.payload.is_some()
    }

    /// As it stands in the `m=` line.
    pub fn token(&self) -> String {
        self.payload.map_or_else(|| self.encoding.clone(), |payload| payload.to_string())
    }
}

/// One `m=` section: the line taken apart, and the lines below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `image`, `video` …
    pub kind: String,
    /// 0 means refused.
    pub port: u16,
    /// What stands behind the port, such as `/2`; normally empty.
    pub port_count: String,
    /// `RTP/AVP`, `udptl` …
    pub protocol: String,
    /// As written.
    pub format_tokens: Vec<String>,
    /// The lines up to the next `m=`.
    pub lines: Vec<Line>,
}

impl Media {
    /// A section with these formats, their `rtpmap` and `fmtp` included.
    pub fn new(kind: &str, port: u16, protocol: &str, formats: &[Format]) -> Media {
        let mut media = Media {
            kind: kind.to_owned(),
            port,
            port_count: String::new(),
            protocol: protocol.to_owned(),
            format_tokens: formats.iter().map(Format::token).collect(),
            lines: Vec::new(),
        };
        for format in formats {
            let Some(payload) = format.payload else { continue };
            let channels = if format.channels > 1 { format!("/{}", format.channels) } else { String::new() };
            media.add_attribute(format!(
                "rtpmap:{payload} {}/{}{channels}",
                format.encoding, format.clock_rate
            ));
            if let Some(parameters) = &format.parameters {
                media.add_attribute(format!("fmtp:{payload} {parameters}"));
            }
        }
        media
    }

    pub(super) fn parse(value: &str) -> Option<Media> {
        let mut words = value.split_ascii_whitespace();
        let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
        let digits = port.find('/').unwrap_or(port.len());
        let (number, count) = port.split_at_checked(digits)?;
        Some(Media {
            kind: kind.to_owned(),
            port: crate::message::scan::decimal(number.as_bytes())?,
            port_count: count.to_owned(),
            protocol: protocol.to_owned(),
            format_tokens: words.map(ToOwned::to_owned).collect(),
            lines: Vec::new(),
        })
    }

    /// The formats in order of preference, with their `rtpmap` and `fmtp`. Dynamic payload types without
    /// `rtpmap` are left out: nobody knows what they are.
    pub fn formats(&self) -> Vec<Format> {
        self.format_tokens.iter().filter_map(|token| self.format(token)).collect()
    }

    /// `a=ptime`, in ms; the first counts where there is one per format.
    pub fn ptime(&self) -> Option<u32> {
        attribute(&self.lines, "ptime")?.trim().parse().ok()
    }

    /// `a=maxptime`, the longest packet the describing side takes, in ms (RFC 8866 6.5).
    pub fn maxptime(&self) -> Option<u32> {
        attribute(&self.lines, "maxptime")?.trim().parse().ok()
    }

    /// The values of every `a=name` in order, such as `crypto` or `candidate`.
    pub fn attributes<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        attributes(&self.lines, name)
    }

    /// The value of the first `a=name`; `""` for one without value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.lines, name)
    }

    /// Adds `a=text`.
    pub fn add_attribute(&mut self, text: impl Into<String>) {
        self.lines.push(Line::new('a', text));
    }

    /// Writes a direction in place of any that is there. `sendrecv` is written too: some peers want to read
    /// it.
    pub fn set_direction(&mut self, direction: Direction) {
        let known = ["sendrecv", "sendonly", "recvonly", "inactive"];
        self.lines.retain(|line| line.kind != 'a' || !known.contains(&line.value.trim()));
        self.add_attribute(direction.as_str());
    }

    fn format(&self, token: &str) -> Option<Format> {
        if !self.protocol.as_bytes().windows(4).any(|part| part.eq_ignore_ascii_case(b"RTP/")) {
            return Some(Format::named(token));
        }
        let payload: u8 = token.parse().ok().filter(|payload| *payload < 128)?;
        let of_this = |value: &'_ str| {
            let (number, rest) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
            (number.parse() == Ok(payload)).then(|| rest.trim().to_owned())
        };
        let parameters = attributes(&self.lines, "fmtp").find_map(of_this);
        let map = attributes(&self.lines, "rtpmap").find_map(of_this);
        let mut format = match map {
            Some(map) => {
                let mut parts = map.split('/');
                let encoding = parts.next()?.trim().to_owned();
                let clock_rate = parts.next().and_then(|rate| rate.trim().parse().ok()).unwrap_or(8000);
                let channels = parts.next().and_then(|channels| channels.trim().parse().ok()).unwrap_or(1);
                Format { payload: Some(payload), encoding, clock_rate, channels, parameters: None }
            }
            None => {
                let (_, encoding, rate) = STATIC.iter().find(|(number, ..)| *number == payload)?;
                Format::new(payload, encoding, *rate)
            }
        };
        format.parameters = parameters;
        Some(format)
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}{} {}", self.kind, self.port, self.port_count, self.protocol)?;
        self.format_tokens.iter().try_for_each(|token| write!(f, " {token}"))?;
        f.write_str("\r\n")?;
        self.lines.iter().try_for_each(|line| line.fmt(f))
    }
}
