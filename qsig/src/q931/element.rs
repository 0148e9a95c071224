//! Meaning of the elements a gateway acts on. All parsers return `None` for contents they cannot read.

use std::fmt;

use bytes::Bytes;

use super::Element;

/// Identifiers of codeset 0 elements.
pub mod ie {
    /// Bearer capability.
    pub const BEARER_CAPABILITY: u8 = 0x04;
    /// Cause.
    pub const CAUSE: u8 = 0x08;
    /// Call state.
    pub const CALL_STATE: u8 = 0x14;
    /// Channel identification.
    pub const CHANNEL_ID: u8 = 0x18;
    /// Facility.
    pub const FACILITY: u8 = 0x1C;
    /// Progress indicator.
    pub const PROGRESS: u8 = 0x1E;
    /// Notification indicator.
    pub const NOTIFICATION: u8 = 0x27;
    /// Display.
    pub const DISPLAY: u8 = 0x28;
    /// Keypad facility.
    pub const KEYPAD: u8 = 0x2C;
    /// Connected number.
    pub const CONNECTED_NUMBER: u8 = 0x4C;
    /// Calling party number.
    pub const CALLING_NUMBER: u8 = 0x6C;
    /// Calling party subaddress.
    pub const CALLING_SUBADDRESS: u8 = 0x6D;
    /// Called party number.
    pub const CALLED_NUMBER: u8 = 0x70;
    /// Called party subaddress.
    pub const CALLED_SUBADDRESS: u8 = 0x71;
    /// Restart indicator.
    pub const RESTART: u8 = 0x79;
    /// Low layer compatibility.
    pub const LOW_LAYER: u8 = 0x7C;
    /// High layer compatibility.
    pub const HIGH_LAYER: u8 = 0x7D;
    /// User-user.
    pub const USER_USER: u8 = 0x7E;
    /// Sending complete (single octet).
    pub const SENDING_COMPLETE: u8 = 0xA1;
}

/// Bearer capability: the information transfer of the call, kept as octets with the readings that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerCapability(pub Bytes);

impl BearerCapability {
    /// Speech, A-law.
    pub const SPEECH_ALAW: Self = Self(Bytes::from_static(&[0x80, 0x90, 0xA3]));
    /// Speech, mu-law.
    pub const SPEECH_ULAW: Self = Self(Bytes::from_static(&[0x80, 0x90, 0xA2]));
    /// 3.1 kHz audio, A-law.
    pub const AUDIO_ALAW: Self = Self(Bytes::from_static(&[0x90, 0x90, 0xA3]));
    /// Unrestricted digital, 64 kbit/s.
    pub const DIGITAL: Self = Self(Bytes::from_static(&[0x88, 0x90]));
    /// Call independent signalling connection (ECMA-165 11.3.1): ISO/IEC coding, no rate.
    pub const CALL_INDEPENDENT: Self = Self(Bytes::from_static(&[0xA8, 0x80]));

    /// Whether this asks for a call independent signalling connection.
    pub fn is_call_independent(&self) -> bool {
        matches!(*self.0, [first, second, ..] if first == 0xA8 && second & 0x1F == 0)
    }

    /// Information transfer capability, bits 5-1 of the first octet: 0 speech, 8 unrestricted, 16 3.1 kHz audio.
    pub fn transfer_capability(&self) -> Option<u8> {
        self.0.first().map(|octet| octet & 0x1F)
    }

    /// As an element.
    pub fn element(&self) -> Element {
        Element::new(ie::BEARER_CAPABILITY, self.0.clone())
    }
}

/// Cause, Q.850.
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

/// Which channel a [`ChannelId`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelSelection {
    /// No channel.
    None,
    /// Any channel.
    Any,
    /// One B channel by number, 1..=127 (usually 1..=31).
    Number(u8),
    /// Several channels as a slot map: bit n-1 is channel n.
    Map(u32),
}

/// Channel identification, Q.931 4.5.13, on a primary rate interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelId {
    /// True: only this channel is acceptable; false: it is preferred.
    pub exclusive: bool,
    /// The D-channel indicator; set in call independent connections.
    pub d_channel: bool,
    /// Which channel.
    pub selection: ChannelSelection,
}

impl ChannelId {
    /// No B channel but the D channel itself: call independent signalling (`18 01 AC`).
    pub const CALL_INDEPENDENT: Self =
        Self { exclusive: true, d_channel: true, selection: ChannelSelection::None };

    /// B channel `number`.
    pub fn channel(number: u8, exclusive: bool) -> Self {
        Self { exclusive, d_channel: false, selection: ChannelSelection::Number(number) }
    }

    /// Reads the element's contents. An explicit interface identifier is passed over.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&first, mut rest) = body.split_first()?;
        if first & 0x40 != 0 {
            let end = rest.iter().position(|octet| octet & 0x80 != 0)?;
            rest = rest.get(end + 1..)?;
        }
        let primary = first & 0x20 != 0;
        let selection = match (first & 3, primary, rest) {
            (0, ..) => ChannelSelection::None,
            (3, ..) => ChannelSelection::Any,
            (n, false, _) => ChannelSelection::Number(n),
            (1, true, &[coding, ref list @ ..]) if coding & 0x10 == 0 => {
                ChannelSelection::Number(list.first()? & 0x7F)
            }
            (1, true, &[_, ref map @ ..]) if matches!(map.len(), 3 | 4) => {
                ChannelSelection::Map(map.iter().fold(0, |bits, &octet| bits << 8 | u32::from(octet)))
            }
            _ => return None,
        };
        Some(Self { exclusive: first & 8 != 0, d_channel: first & 4 != 0, selection })
    }

    /// As an element.
    pub fn element(self) -> Element {
        let first = 0xA0 | u8::from(self.exclusive) << 3 | u8::from(self.d_channel) << 2;
        let body = match self.selection {
            ChannelSelection::None => vec![first],
            ChannelSelection::Any => vec![first | 3],
            ChannelSelection::Number(number) => vec![first | 1, 0x83, 0x80 | number],
            ChannelSelection::Map(map) => {
                let mut body = vec![first | 1, 0x93];
                body.extend(map.to_be_bytes());
                body
            }
        };
        Element::new(ie::CHANNEL_ID, body)
    }
}

/// Numbering plan and type of number, one octet of the number elements (bits 7-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NumberPlan {
    /// Type of number, 0..=7: 0 unknown, 1 international, 2 national, 3 network specific, 4 subscriber,
    /// 6 abbreviated; in the private plan 1 level 2, 2 level 1, 3 PTN specific, 4 level 0.
    pub type_of_number: u8,
    /// Numbering plan, 0..=15: 0 unknown, 1 E.164, 9 private.
    pub plan: u8,
}

impl NumberPlan {
    /// Unknown plan, unknown type.
    pub const UNKNOWN: Self = Self { type_of_number: 0, plan: 0 };

    fn octet(self) -> u8 {
        (self.type_of_number & 7) << 4 | self.plan & 15
    }

    fn from_octet(octet: u8) -> Self {
        Self { type_of_number: octet >> 4 & 7, plan: octet & 15 }
    }
}

/// A calling, called or connected number element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    /// Type and plan.
    pub plan: NumberPlan,
    /// Octet 3a: presentation (bits 7-6) and screening (bits 2-1) with bit 8 set; `None` if absent, and always in the
    /// called number.
    pub presentation: Option<u8>,
    /// IA5 digits, at most 253.
    pub digits: String,
}

impl Number {
    /// No digits, unknown plan.
    pub fn unknown() -> Self {
        Self { plan: NumberPlan::UNKNOWN, presentation: None, digits: String::new() }
    }

    /// Reads the element's contents. Digits outside printable ASCII make it unreadable.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&first, mut rest) = body.split_first()?;
        let mut presentation = None;
        if first & 0x80 == 0 {
            let (&octet, tail) = rest.split_first()?;
            presentation = Some(octet);
            rest = tail;
        }
        let digits = rest
            .iter()
            .map(|octet| octet & 0x7F)
            .map(|octet| (0x20..0x7F).contains(&octet).then_some(char::from(octet)))
            .collect::<Option<String>>()?;
        Some(Self { plan: NumberPlan::from_octet(first), presentation, digits })
    }

    /// As element `id` ([`ie::CALLED_NUMBER`], [`ie::CALLING_NUMBER`], [`ie::CONNECTED_NUMBER`]).
    pub fn element(&self, id: u8) -> Element {
        let mut body = Vec::with_capacity(2 + self.digits.len());
        match self.presentation {
            Some(octet) => body.extend([self.plan.octet(), octet | 0x80]),
            None => body.push(self.plan.octet() | 0x80),
        }
        body.extend(self.digits.bytes());
        Element::new(id, body)
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

/// Restart indicator, Q.931 4.5.25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartIndicator {
    /// The channels in the channel identification.
    Channels,
    /// A single interface.
    Interface,
    /// All interfaces of the D channel.
    AllInterfaces,
}

impl RestartIndicator {
    /// Reads the element's contents.
    pub fn parse(body: &[u8]) -> Option<Self> {
        Some(match body.first()? & 7 {
            0 => Self::Channels,
            6 => Self::Interface,
            7 => Self::AllInterfaces,
            _ => return None,
        })
    }

    /// As an element.
    pub fn element(self) -> Element {
        let octet = match self {
            Self::Channels => 0x80,
            Self::Interface => 0x86,
            Self::AllInterfaces => 0x87,
        };
        Element::new(ie::RESTART, vec![octet])
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (location {})", self.value, self.location)
    }
}
