//! Meaning of the small elements: causes, progress, display, signals. All parsers return `None` for contents they cannot
//! read.

use std::fmt;

use bytes::Bytes;

use super::party::ia5;
use super::{Element, MessageType, Repr, ie};

/// Cause, Q.850: what calls are cleared with. [`CauseDetail`] has all of its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// Location: 0 user, 1 private network serving the local user, 5 private network serving the remote user, …
    pub location: u8,
    /// Cause value, 1..=127.
    pub value: u8,
}

impl Cause {
    /// A cause at location 0 (user), as a PINX at the end of a connection gives it.
    pub fn user(value: u8) -> Self {
        Self { location: 0, value: value & 0x7F }
    }

    /// A cause at location 1 (private network serving the local user).
    pub fn private(value: u8) -> Self {
        Self { location: 1, value: value & 0x7F }
    }

    /// Reads the element's contents; diagnostics are passed over.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&first, rest) = body.split_first()?;
        // Bit 8 clear: octet 3a (recommendation) stands between.
        let value = if first & 0x80 == 0 { rest.get(1)? } else { rest.first()? };
        Some(Self { location: first & 0x0F, value: value & 0x7F })
    }

    /// As an element.
    pub fn element(self) -> Element {
        Element::new(ie::CAUSE, vec![0x80 | self.location & 0x0F, 0x80 | self.value])
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (location {})", self.value, self.location)
    }
}

/// All of the cause element, Q.850 2.1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CauseDetail {
    /// Coding standard: 0 ITU-T.
    pub coding: u8,
    /// Location and value.
    pub cause: Cause,
    /// Recommendation (octet 3a): 0 Q.931, 3 X.21, 4 X.25.
    pub recommendation: Option<u8>,
    /// Diagnostics as they came: with 96, 99 and 100 the identifiers of the elements, with 97 and 101 the message type.
    pub diagnostics: Bytes,
}

impl CauseDetail {
    /// A cause with diagnostics.
    pub fn new(cause: Cause, diagnostics: impl Into<Bytes>) -> Self {
        Self { coding: 0, cause, recommendation: None, diagnostics: diagnostics.into() }
    }
}

impl Repr for CauseDetail {
    const ID: u8 = ie::CAUSE;

    fn parse(body: &[u8]) -> Option<Self> {
        let cause = Cause::parse(body)?;
        let &first = body.first()?;
        let recommendation = body.get(1).filter(|_| first & 0x80 == 0).map(|octet| octet & 0x7F);
        let rest = body.get(2 + usize::from(recommendation.is_some())..)?;
        let diagnostics = Bytes::copy_from_slice(rest);
        Some(Self { coding: first >> 5 & 3, cause, recommendation, diagnostics })
    }

    fn element(&self) -> Element {
        let first = (self.coding & 3) << 5 | self.cause.location & 15;
        let mut body = match self.recommendation {
            Some(octet) => vec![first, 0x80 | octet],
            None => vec![0x80 | first],
        };
        body.push(0x80 | self.cause.value);
        body.extend_from_slice(&self.diagnostics);
        Element::new(Self::ID, body)
    }
}

/// Progress indicator, Q.931 4.5.23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgressIndicator {
    /// Coding standard: 0 ITU-T, 1 ISO/IEC (QSIG's own descriptions 16..=19).
    pub coding: u8,
    /// Location as in [`Cause`].
    pub location: u8,
    /// 1 not end-to-end ISDN, 2 destination not ISDN, 3 origination not ISDN, 8 in-band information.
    pub description: u8,
}

impl ProgressIndicator {
    /// Reads the element's contents.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let &[first, second, ..] = body else { return None };
        Some(Self { coding: first >> 5 & 3, location: first & 15, description: second & 0x7F })
    }

    /// As an element.
    pub fn element(self) -> Element {
        let first = 0x80 | (self.coding & 3) << 5 | self.location & 15;
        Element::new(ie::PROGRESS, vec![first, 0x80 | self.description])
    }
}

impl Repr for ProgressIndicator {
    const ID: u8 = ie::PROGRESS;

    fn parse(body: &[u8]) -> Option<Self> {
        Self::parse(body)
    }

    fn element(&self) -> Element {
        Self::element(*self)
    }
}

/// Call state, Q.931 4.5.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallStateValue {
    /// Coding standard: 0 ITU-T.
    pub coding: u8,
    /// The state's number, 0..=63: 10 is Active; 61 and 62 with the global call reference.
    pub state: u8,
}

impl Repr for CallStateValue {
    const ID: u8 = ie::CALL_STATE;

    fn parse(body: &[u8]) -> Option<Self> {
        body.first().map(|octet| Self { coding: octet >> 6, state: octet & 0x3F })
    }

    fn element(&self) -> Element {
        Element::new(Self::ID, vec![(self.coding & 3) << 6 | self.state & 0x3F])
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $id:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub String);

        impl Repr for $name {
            const ID: u8 = ie::$id;

            fn parse(body: &[u8]) -> Option<Self> {
                ia5(body).map(Self)
            }

            fn element(&self) -> Element {
                Element::new(Self::ID, self.0.bytes().collect::<Vec<u8>>())
            }
        }
    )*};
}

texts! {
    /// Display, Q.931 4.5.16: IA5 text for the user, at most 32 or 80 characters by network.
    Display = DISPLAY;
    /// Keypad facility, Q.931 4.5.18: what the user keyed in.
    Keypad = KEYPAD;
}

/// Signal, Q.931 4.5.28: 0 dial tone on, 1 ring back, 2 intercept, 3 network congestion, 4 busy, 5 confirm, 6 answer, 7
/// call waiting, 8 off-hook warning, 63 tones off, 64..=71 alerting patterns 0 to 7, 79 alerting off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(pub u8);

/// Notification indicator, Q.931 4.5.22 and ECMA: 0 user suspended, 1 user resumed, 121 remote hold, 122 remote
/// retrieval, 123 call is diverting, 105 transferred, alerting, 106 transferred, answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    /// The description, 0..=127.
    pub description: u8,
    /// What follows an octet without extension bit; empty as a rule.
    pub extension: Bytes,
}

/// Date/time, Q.931 4.5.15. Each value is a binary octet; what the network leaves out is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// Year of the century, 0..=99.
    pub year: u8,
    /// Month, 1..=12.
    pub month: u8,
    /// Day, 1..=31.
    pub day: u8,
    /// Hour, 0..=23.
    pub hour: Option<u8>,
    /// Minute, 0..=59; only with an hour.
    pub minute: Option<u8>,
    /// Second, 0..=59; only with a minute.
    pub second: Option<u8>,
}

/// User-user, Q.931 4.5.30.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserUser {
    /// Protocol discriminator: 0 user specific, 4 IA5 characters, 8 Q.931.
    pub discriminator: u8,
    /// The information, at most 128 octets by most networks.
    pub information: Bytes,
}

/// Segmented message, Q.931 Annex H: one part of a message that does not fit a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentedMessage {
    /// Whether this is the first segment.
    pub first: bool,
    /// Segments that follow, 0..=127.
    pub remaining: u8,
    /// The type of the message that is sent in segments.
    pub kind: MessageType,
}

impl Repr for Signal {
    const ID: u8 = ie::SIGNAL;

    fn parse(body: &[u8]) -> Option<Self> {
        body.first().copied().map(Self)
    }

    fn element(&self) -> Element {
        Element::new(Self::ID, vec![self.0])
    }
}

impl Repr for Notification {
    const ID: u8 = ie::NOTIFICATION;

    fn parse(body: &[u8]) -> Option<Self> {
        let (&first, rest) = body.split_first()?;
        if first & 0x80 != 0 && !rest.is_empty() {
            return None;
        }
        Some(Self { description: first & 0x7F, extension: Bytes::copy_from_slice(rest) })
    }

    fn element(&self) -> Element {
        let mut body = vec![self.description & 0x7F | u8::from(self.extension.is_empty()) << 7];
        body.extend_from_slice(&self.extension);
        Element::new(Self::ID, body)
    }
}

impl Repr for DateTime {
    const ID: u8 = ie::DATE_TIME;

    fn parse(body: &[u8]) -> Option<Self> {
        let &[year, month, day, ref time @ ..] = body else { return None };
        let at = |place: usize| time.get(place).copied();
        let (hour, minute, second) = (at(0), at(1), at(2));
        let valid = year < 100
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && time.len() <= 3
            && hour.is_none_or(|hour| hour < 24)
            && minute.is_none_or(|minute| minute < 60)
            && second.is_none_or(|second| second < 60);
        valid.then_some(Self { year, month, day, hour, minute, second })
    }

    fn element(&self) -> Element {
        let mut body = vec![self.year, self.month, self.day];
        let minute = self.minute.filter(|_| self.hour.is_some());
        body.extend(self.hour);
        body.extend(minute);
        body.extend(self.second.filter(|_| minute.is_some()));
        Element::new(Self::ID, body)
    }
}

impl Repr for UserUser {
    const ID: u8 = ie::USER_USER;

    fn parse(body: &[u8]) -> Option<Self> {
        let (&discriminator, information) = body.split_first()?;
        Some(Self { discriminator, information: Bytes::copy_from_slice(information) })
    }

    fn element(&self) -> Element {
        let mut body = vec![self.discriminator];
        body.extend_from_slice(&self.information);
        Element::new(Self::ID, body)
    }
}

impl Repr for SegmentedMessage {
    const ID: u8 = ie::SEGMENTED_MESSAGE;

    fn parse(body: &[u8]) -> Option<Self> {
        let &[count, kind] = body else { return None };
        Some(Self { first: count & 0x80 != 0, remaining: count & 0x7F, kind: MessageType(kind) })
    }

    fn element(&self) -> Element {
        let count = u8::from(self.first) << 7 | self.remaining & 0x7F;
        Element::new(Self::ID, vec![count, self.kind.0])
    }
}

/// Congestion level, Q.931 4.5.14, a single octet with the level in bits 4-1: 0 receiver ready, 15 not ready.
pub fn congestion_level(level: u8) -> Element {
    Element::single(ie::CONGESTION_LEVEL | level & 15)
}
