//! Channel identification, restart indicator and change status.

use super::{Element, Repr, ie};

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
    /// The interface if it is named (NFAS), 0..=127; `None`: the one that carries the D channel.
    pub interface: Option<u8>,
    /// Which channel.
    pub selection: ChannelSelection,
}

impl ChannelId {
    /// No B channel but the D channel itself: call independent signalling (`18 01 AC`).
    pub const CALL_INDEPENDENT: Self =
        Self { exclusive: true, d_channel: true, interface: None, selection: ChannelSelection::None };

    /// B channel `number`.
    pub fn channel(number: u8, exclusive: bool) -> Self {
        Self { exclusive, d_channel: false, interface: None, selection: ChannelSelection::Number(number) }
    }

    /// The same on a named interface, 0..=127.
    #[must_use]
    pub fn on(self, interface: u8) -> Self {
        Self { interface: Some(interface & 0x7F), ..self }
    }

    /// Reads the element's contents; of several channel numbers the first, see [`ChannelId::numbers`]. An interface
    /// identifier longer than an octet is passed over.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&first, mut rest) = body.split_first()?;
        let mut interface = None;
        if first & 0x40 != 0 {
            let end = rest.iter().position(|octet| octet & 0x80 != 0)?;
            interface = rest.first().filter(|_| end == 0).map(|octet| octet & 0x7F);
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
        Some(Self { exclusive: first & 8 != 0, d_channel: first & 4 != 0, interface, selection })
    }

    /// All channel numbers of the element's contents: a list of numbers (RESTART may have several), or a slot map's.
    /// Empty if no channel is named.
    pub fn numbers(body: &[u8]) -> Vec<u8> {
        match Self::parse(body).map(|id| id.selection) {
            Some(ChannelSelection::Map(map)) => (1..=32).filter(|n| map >> (n - 1) & 1 != 0).collect(),
            Some(ChannelSelection::Number(first)) if body.first().is_some_and(|o| o & 0x20 != 0) => {
                let interface = body.first().is_some_and(|octet| octet & 0x40 != 0);
                let skip = if interface {
                    2 + body.iter().skip(1).position(|octet| octet & 0x80 != 0).unwrap_or(0)
                } else {
                    1
                };
                // Only the last number has its extension bit set; some senders set it in each.
                let list = body.get(skip + 1..).unwrap_or_default();
                if list.len() > 1 { list.iter().map(|octet| octet & 0x7F).collect() } else { vec![first] }
            }
            Some(ChannelSelection::Number(number)) => vec![number],
            _ => Vec::new(),
        }
    }

    /// As an element; a slot map takes four octets (E1).
    pub fn element(self) -> Element {
        self.element_with_map(4)
    }

    /// As an element whose slot map, if it has one, takes so many octets: 3 on a T1, 4 on an E1.
    pub fn element_with_map(self, octets: usize) -> Element {
        let first = 0xA0
            | u8::from(self.interface.is_some()) << 6
            | u8::from(self.exclusive) << 3
            | u8::from(self.d_channel) << 2;
        let mut body = vec![first];
        body.extend(self.interface.map(|interface| 0x80 | interface));
        let head = |body: &mut Vec<u8>, bits: u8| {
            if let Some(first) = body.first_mut() {
                *first |= bits;
            }
        };
        match self.selection {
            ChannelSelection::None => {}
            ChannelSelection::Any => head(&mut body, 3),
            ChannelSelection::Number(number) => {
                head(&mut body, 1);
                body.extend([0x83, 0x80 | number]);
            }
            ChannelSelection::Map(map) => {
                head(&mut body, 1);
                body.push(0x93);
                body.extend(map.to_be_bytes().into_iter().skip(4 - octets.clamp(3, 4)));
            }
        }
        Element::new(ie::CHANNEL_ID, body)
    }
}

impl Repr for ChannelId {
    const ID: u8 = ie::CHANNEL_ID;

    fn parse(body: &[u8]) -> Option<Self> {
        Self::parse(body)
    }

    fn element(&self) -> Element {
        Self::element(*self)
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

impl Repr for RestartIndicator {
    const ID: u8 = ie::RESTART;

    fn parse(body: &[u8]) -> Option<Self> {
        Self::parse(body)
    }

    fn element(&self) -> Element {
        Self::element(*self)
    }
}

/// Change status, the element of the North American SERVICE messages (codeset 0, `01`; from memory of TR 41449 and what
/// IOS prints: `Change Status i = 0xC0 - in service`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeStatus {
    /// In service.
    InService,
    /// Maintenance.
    Maintenance,
    /// Out of service.
    OutOfService,
}

impl Repr for ChangeStatus {
    const ID: u8 = ie::CHANGE_STATUS;

    fn parse(body: &[u8]) -> Option<Self> {
        Some(match body.first()? & 7 {
            0 => Self::InService,
            1 => Self::Maintenance,
            2 => Self::OutOfService,
            _ => return None,
        })
    }

    fn element(&self) -> Element {
        let status = match self {
            Self::InService => 0,
            Self::Maintenance => 1,
            Self::OutOfService => 2,
        };
        Element::new(Self::ID, vec![0xC0 | status])
    }
}
