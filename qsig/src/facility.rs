//! The Facility information element of QSIG-GF (ECMA-165): profile, network facility extension, interpretation
//! APDU, and ROSE components one after another.

use bytes::Bytes;
use rasn::types::Any;
use rasn::{AsnType, Decode, Decoder as _, Encode, Encoder as _};

use crate::PartyNumber;
use crate::mwi::InvokeError;
use crate::party::{Enumerated, WireNumber, any, from_wire, to_wire};
use crate::rose::{self, Component};

/// Protocol profile "networking extensions" (ISO editions): NFE and interpretation APDU may follow.
pub const PROFILE_NETWORKING: u8 = 0x9F;
/// Protocol profile "remote operations" (older editions).
pub const PROFILE_REMOTE_OPERATIONS: u8 = 0x91;

/// What a PINX that does not know an invoke shall do with it (ECMA-165 interpretation APDU).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interpretation {
    /// 0: discard the unrecognised invoke.
    Discard,
    /// 1: clear the call, cause 29.
    ClearCall,
    /// 2: send a ROSE reject; the same as leaving the APDU out.
    Reject,
}

impl Interpretation {
    /// The value on the wire.
    pub fn value(self) -> u8 {
        match self {
            Self::Discard => 0,
            Self::ClearCall => 1,
            Self::Reject => 2,
        }
    }
}

/// One part of a Facility element, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Network facility extension (`AA …`), whole BER element: whom the components are for. [`Nfe::parse`] reads it.
    Nfe(Bytes),
    /// Interpretation APDU (`8B 01 n`): the value.
    Interpretation(u8),
    /// A ROSE component.
    Component(Component),
    /// Any other BER element, or a component that does not decode: kept as octets.
    Other(Bytes),
}

/// Whom a network facility extension names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// 0 end PINX, 1 any type of PINX.
    pub kind: u8,
    /// Which one, if it is a certain one.
    pub address: Option<PartyNumber>,
}

impl Entity {
    /// The PINX at the end of the call.
    pub const END: Self = Self { kind: 0, address: None };
    /// Any PINX on the way.
    pub const ANY: Self = Self { kind: 1, address: None };
}

/// The network facility extension (ECMA-165): who sends the components, and for whom they are. Without one they are for the
/// adjacent PINX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nfe {
    /// Who sends.
    pub source: Entity,
    /// Who is to act.
    pub destination: Entity,
}

#[derive(AsnType, Decode, Encode)]
#[rasn(tag(context, 10))]
struct WireNfe {
    #[rasn(tag(context, 0))]
    source: Enumerated,
    #[rasn(tag(explicit(context, 1)))]
    source_address: Option<WireNumber>,
    #[rasn(tag(context, 2))]
    destination: Enumerated,
    #[rasn(tag(explicit(context, 3)))]
    destination_address: Option<WireNumber>,
}

impl Nfe {
    /// From end PINX to end PINX.
    pub const END_TO_END: Self = Self { source: Entity::END, destination: Entity::END };

    /// Reads the BER element of [`Item::Nfe`]. `None`: it is no network facility extension.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let wire: WireNfe = rasn::ber::decode(octets).ok()?;
        let entity = |kind: Enumerated, address: Option<WireNumber>| {
            let address = match address {
                None => None,
                Some(number) => Some(from_wire(number)?),
            };
            Some(Entity { kind: kind.0, address })
        };
        Some(Self {
            source: entity(wire.source, wire.source_address)?,
            destination: entity(wire.destination, wire.destination_address)?,
        })
    }

    /// As part of a Facility element.
    ///
    /// # Errors
    /// [`InvokeError::BadNumber`]
    pub fn item(&self) -> Result<Item, InvokeError> {
        let address = |entity: &Entity| entity.address.as_ref().map(to_wire).transpose();
        let wire = WireNfe {
            source: Enumerated(self.source.kind),
            source_address: address(&self.source)?,
            destination: Enumerated(self.destination.kind),
            destination_address: address(&self.destination)?,
        };
        Ok(Item::Nfe(any(&wire).into_bytes().into()))
    }
}

/// The contents of one Facility information element.
///
/// ```
/// use qsig::facility::Facility;
/// let octets = [0x9F, 0xAA, 6, 0x80, 1, 0, 0x82, 1, 0, 0xA2, 3, 2, 1, 1];
/// let facility = Facility::parse(&octets).expect("a profile octet is there");
/// assert_eq!(facility.components().count(), 1);
/// assert_eq!(facility.to_vec(), octets);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facility {
    /// Protocol profile octet, [`PROFILE_NETWORKING`] or [`PROFILE_REMOTE_OPERATIONS`].
    pub profile: u8,
    /// The parts in order.
    pub items: Vec<Item>,
}

/// NFE from end PINX to end PINX, the only one a gateway at the end of a connection sends.
const NFE_END_TO_END: &[u8] = &[0xAA, 0x06, 0x80, 0x01, 0x00, 0x82, 0x01, 0x00];

impl Facility {
    /// A Facility element with an end-to-end NFE if `nfe`, an interpretation APDU if given, and one component.
    pub fn new(profile: u8, nfe: bool, interpretation: Option<Interpretation>, component: Component) -> Self {
        let mut items = Vec::with_capacity(3);
        if nfe {
            items.push(Item::Nfe(Bytes::from_static(NFE_END_TO_END)));
        }
        if let Some(interpretation) = interpretation {
            items.push(Item::Interpretation(interpretation.value()));
        }
        items.push(Item::Component(component));
        Self { profile, items }
    }

    /// Reads the element's contents. `None` if there is not even a profile octet, or more than the 255 octets an element
    /// can have. What is no BER element ends the list as [`Item::Other`].
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&profile, mut rest) = body.split_first().filter(|_| body.len() <= rose::MAX_OCTETS)?;
        let mut items = Vec::with_capacity(3);
        while let Some(&tag) = rest.first() {
            let Ok((element, remainder)) = rasn::ber::decode_with_remainder::<Any>(rest) else {
                items.push(Item::Other(Bytes::copy_from_slice(rest)));
                break;
            };
            rest = remainder;
            items.push(item(tag, element));
        }
        Some(Self { profile, items })
    }

    /// The element's contents.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = vec![self.profile];
        for item in &self.items {
            match item {
                Item::Nfe(octets) | Item::Other(octets) => out.extend_from_slice(octets),
                Item::Interpretation(value) => out.extend([0x8B, 1, *value]),
                Item::Component(component) => out.extend(component.to_vec()),
            }
        }
        out
    }

    /// Whom the components are for; `None`: the adjacent PINX, or an extension that cannot be read.
    pub fn nfe(&self) -> Option<Nfe> {
        self.items.iter().find_map(|item| match item {
            Item::Nfe(octets) => Nfe::parse(octets),
            _ => None,
        })
    }

    /// The ROSE components in order.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.items.iter().filter_map(|item| match item {
            Item::Component(component) => Some(component),
            _ => None,
        })
    }

    /// What is to be done with invokes we do not know; [`Interpretation::Reject`] if it is not said.
    pub fn interpretation(&self) -> Interpretation {
        self.items
            .iter()
            .find_map(|item| match item {
                Item::Interpretation(0) => Some(Interpretation::Discard),
                Item::Interpretation(1) => Some(Interpretation::ClearCall),
                Item::Interpretation(_) => Some(Interpretation::Reject),
                _ => None,
            })
            .unwrap_or(Interpretation::Reject)
    }
}

fn item(tag: u8, element: Any) -> Item {
    let octets = element.into_bytes();
    match (tag, octets.as_slice()) {
        (0xAA, _) => Item::Nfe(octets.into()),
        (0x8B, &[_, 1, value]) => Item::Interpretation(value),
        (0xA1..=0xA4, _) => match Component::parse(&octets) {
            Ok(component) => Item::Component(component),
            Err(_) => Item::Other(octets.into()),
        },
        _ => Item::Other(octets.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_facility_extension_with_addresses_reads_as_written() {
        let nfe = Nfe {
            source: Entity { address: Some(PartyNumber::Unknown("8000".into())), ..Entity::END },
            destination: Entity::ANY,
        };
        let item = nfe.item().unwrap();
        let Item::Nfe(octets) = &item else { unreachable!() };
        assert_eq!(octets[..], *b"\xAA\x0E\x80\x01\x00\xA1\x06\x80\x048000\x82\x01\x01");
        assert_eq!(Nfe::parse(octets), Some(nfe));
        let end = Facility::parse(&[&[PROFILE_NETWORKING], NFE_END_TO_END].concat()).unwrap();
        assert_eq!(end.nfe(), Some(Nfe::END_TO_END));
        assert_eq!(Nfe::parse(&[0xAA, 0x03, 0x80, 0x01, 0x00]), None);
    }
}
