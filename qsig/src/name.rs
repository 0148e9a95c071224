//! Names (ECMA-164, ISO/IEC 13868): operations 0 callingName, 1 calledName, 2 connectedName, 3 busyName.

use rasn::types::{Any, OctetString};
use rasn::{AsnType, Decode, Decoder as _, Encode};

use crate::facility::{Facility, Interpretation};
use crate::mwi::InvokeError;
use crate::q931::{Element, Message, ie};
use crate::rose::{Component, Invoke, Problem};
use crate::service::{Operation, Service};

/// The operation a name travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// callingName (0), in SETUP.
    Calling,
    /// calledName (1), in ALERTING.
    Called,
    /// connectedName (2), in CONNECT.
    Connected,
    /// busyName (3), in DISCONNECT, RELEASE or RELEASE COMPLETE.
    Busy,
}

impl NameKind {
    fn operation(self) -> i32 {
        match self {
            Self::Calling => 0,
            Self::Called => 1,
            Self::Connected => 2,
            Self::Busy => 3,
        }
    }

    fn from_operation(value: i32) -> Option<Self> {
        [Self::Calling, Self::Called, Self::Connected, Self::Busy]
            .into_iter()
            .find(|k| k.operation() == value)
    }
}

/// A party's name. Text is cut at 50 octets when sent; ISO 8859-1 where it fits, else UTF-8 (character set 9).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// May be shown.
    Allowed(String),
    /// Must not be shown.
    Restricted(String),
    /// Must not be shown, and is not given.
    RestrictedUnknown,
    /// Not available.
    NotAvailable,
}

impl Name {
    /// The text if it may be shown.
    pub fn shown(&self) -> Option<&str> {
        match self {
            Self::Allowed(text) => Some(text),
            _ => None,
        }
    }

    /// The first name in a message's Facility elements.
    pub fn find(message: &Message) -> Option<(NameKind, Self)> {
        message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)).find_map(|facility| {
            facility.components().find_map(|component| match component {
                Component::Invoke(invoke) => {
                    let kind = NameKind::from_operation(invoke.operation.value()?)?;
                    Some((kind, Self::parse(invoke.argument.as_ref()?)?))
                }
                _ => None,
            })
        })
    }

    /// The name in a message's Display element, as EuroISDN networks send it: ASCII or ISO 8859-1.
    pub fn find_display(message: &Message) -> Option<Self> {
        let body = message.get(ie::DISPLAY)?;
        // Octet 3 may be a display type (bit 8 set), which some networks put first.
        let text = match body.split_first() {
            Some((0x80..=0xBF, text)) => text,
            _ => body,
        };
        Some(Self::Allowed(latin1(text).trim().to_owned())).filter(|name| name.shown() != Some(""))
    }

    /// A Display element with the name, if it may be shown and ISO 8859-1 has its letters; cut at 50 octets. `typed`: a display
    /// type stands before the text, as North American switches have it (B1, from memory of Telcordia GR-268; libpri sends the
    /// same).
    pub fn display(&self, typed: bool) -> Option<Element> {
        let octets: Option<Vec<u8>> =
            self.shown()?.chars().take(MAX_OCTETS).map(|c| u8::try_from(c).ok()).collect();
        octets.filter(|octets| !octets.is_empty()).map(|mut octets| {
            if typed {
                octets.insert(0, CALLING_NAME);
            }
            Element::new(ie::DISPLAY, octets)
        })
    }

    /// Reads the argument of a name operation: the name alone, or first in a sequence with an extension.
    pub fn parse(argument: &Any) -> Option<Self> {
        let octets = argument.as_bytes();
        if octets.first() == Some(&0x30) {
            let elements: Vec<Any> = rasn::ber::decode(octets).ok()?;
            return elements
                .first()
                .and_then(|name| rasn::ber::decode(name.as_bytes()).ok())
                .and_then(from_wire);
        }
        rasn::ber::decode(octets).ok().and_then(from_wire)
    }

    /// A Facility element that carries this name: end PINX to end PINX, discarded where it is not known.
    pub fn element(&self, kind: NameKind, profile: u8, invoke_id: i16) -> Element {
        NamedParty { kind, name: self.clone() }.named().element(profile, invoke_id)
    }
}

/// Display type of a name, with its extension bit.
const CALLING_NAME: u8 = 0xB1;

/// A name and the operation it travels in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedParty {
    /// Whose.
    pub kind: NameKind,
    /// The name.
    pub name: Name,
}

impl NamedParty {
    fn named(&self) -> Operation {
        let argument = Any::new(rasn::ber::encode(&to_wire(&self.name)).unwrap_or_default());
        Operation::new(self.kind.operation(), argument).or(Interpretation::Discard)
    }
}

impl Service for NamedParty {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        let kind = NameKind::from_operation(invoke.operation.value()?)?;
        let name = invoke.argument.as_ref().and_then(Name::parse).ok_or(Problem::Invoke(2));
        Some(name.map(|name| Self { kind, name }))
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        Ok(self.named())
    }
}

#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
pub(crate) enum WireName {
    #[rasn(tag(context, 0))]
    Allowed(OctetString),
    #[rasn(tag(context, 1))]
    AllowedSet(NameSet),
    #[rasn(tag(context, 2))]
    Restricted(OctetString),
    #[rasn(tag(context, 3))]
    RestrictedSet(NameSet),
    #[rasn(tag(context, 4))]
    NotAvailable(()),
    #[rasn(tag(context, 7))]
    RestrictedUnknown(()),
}

#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameSet {
    data: OctetString,
    /// Absent: ISO 8859-1.
    character_set: Option<u8>,
}

const MAX_OCTETS: usize = 50;
const BMP: u8 = 8;
const UTF_8: u8 = 9;

pub(crate) fn from_wire(name: WireName) -> Option<Name> {
    Some(match name {
        WireName::Allowed(data) => Name::Allowed(latin1(&data)),
        WireName::AllowedSet(set) => Name::Allowed(set_text(&set)?),
        WireName::Restricted(data) => Name::Restricted(latin1(&data)),
        WireName::RestrictedSet(set) => Name::Restricted(set_text(&set)?),
        WireName::NotAvailable(()) => Name::NotAvailable,
        WireName::RestrictedUnknown(()) => Name::RestrictedUnknown,
    })
}

fn set_text(set: &NameSet) -> Option<String> {
    match set.character_set {
        None | Some(1) => Some(latin1(&set.data)),
        Some(UTF_8) => std::str::from_utf8(&set.data).ok().map(str::to_owned),
        Some(BMP) => {
            let units =
                set.data.chunks_exact(2).map(|pair| pair.iter().fold(0, |u, &o| u << 8 | u16::from(o)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        // Other parts of ISO 8859: only what they share.
        Some(_) => set.data.is_ascii().then(|| latin1(&set.data)),
    }
}

fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

pub(crate) fn to_wire(name: &Name) -> WireName {
    let (text, restricted) = match name {
        Name::Allowed(text) => (text, false),
        Name::Restricted(text) => (text, true),
        Name::RestrictedUnknown => return WireName::RestrictedUnknown(()),
        Name::NotAvailable => return WireName::NotAvailable(()),
    };
    if text.is_empty() {
        return if restricted { WireName::RestrictedUnknown(()) } else { WireName::NotAvailable(()) };
    }
    let simple: Option<Vec<u8>> = text.chars().take(MAX_OCTETS).map(|c| u8::try_from(c).ok()).collect();
    match (simple, restricted) {
        (Some(octets), false) => WireName::Allowed(octets.into()),
        (Some(octets), true) => WireName::Restricted(octets.into()),
        (None, _) => {
            let mut end = text.len().min(MAX_OCTETS);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let data = text.as_bytes().get(..end).unwrap_or_default();
            let set = NameSet { data: OctetString::from_slice(data), character_set: Some(UTF_8) };
            if restricted { WireName::RestrictedSet(set) } else { WireName::AllowedSet(set) }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn argument(name: &Name) -> Vec<u8> {
        rasn::ber::encode(&to_wire(name)).unwrap()
    }

    #[test]
    fn names_in_every_form() {
        for (name, octets) in [
            (Name::Allowed("Alice".into()), &b"\x80\x05Alice"[..]),
            (Name::Restricted("Bob".into()), b"\x82\x03Bob"),
            (Name::Allowed("J\u{fc}rgen".into()), b"\x80\x06J\xFCrgen"),
            (Name::Allowed("\u{3b1}".into()), b"\xA1\x07\x04\x02\xCE\xB1\x02\x01\x09"),
            (Name::RestrictedUnknown, b"\x87\x00"),
            (Name::NotAvailable, b"\x84\x00"),
        ] {
            assert_eq!(argument(&name), octets, "{name:?}");
            assert_eq!(Name::parse(&Any::new(octets.to_vec())), Some(name));
        }
        for (octets, name) in [
            (&b"\x80\x00"[..], Name::Allowed(String::new())),
            (b"\x30\x04\x80\x02Al", Name::Allowed("Al".into())),
            (b"\xA1\x04\x04\x02Al", Name::Allowed("Al".into())),
            (b"\xA3\x07\x04\x02\x03\xB1\x02\x01\x08", Name::Restricted("\u{3b1}".into())),
        ] {
            assert_eq!(Name::parse(&Any::new(octets.to_vec())), Some(name));
        }
        for broken in [&b"\x86\x00"[..], b"\x30\x00", b"\xA1\x07\x04\x02\xFF\xFF\x02\x01\x09", b"\x80\x09A"] {
            assert_eq!(Name::parse(&Any::new(broken.to_vec())), None, "{broken:02x?}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(argument(&Name::Allowed("x".repeat(80))).len(), 52);
        let Some(Name::Allowed(cut)) =
            Name::parse(&Any::new(argument(&Name::Allowed("\u{20ac}".repeat(30)))))
        else {
            panic!("no name")
        };
        assert_eq!(cut, "\u{20ac}".repeat(16));
    }
}
