//! Who calls whom: numbers and subaddresses.

use bytes::Bytes;

use super::{Element, Repr, ie};

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
    /// E.164, unknown type.
    pub const E164: Self = Self { type_of_number: 0, plan: 1 };
    /// E.164, national number.
    pub const NATIONAL: Self = Self { type_of_number: 2, plan: 1 };

    pub(super) fn octet(self) -> u8 {
        (self.type_of_number & 7) << 4 | self.plan & 15
    }

    pub(super) fn from_octet(octet: u8) -> Self {
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

    /// Whether presentation is restricted (bits 7-6 of octet 3a are 01).
    pub fn is_restricted(&self) -> bool {
        self.presentation.is_some_and(|octet| octet >> 5 & 3 == 1)
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
        Some(Self { plan: NumberPlan::from_octet(first), presentation, digits: ia5(rest)? })
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

/// Redirecting number, Q.931 4.6.7 (`74`), or original called number (`73`): who diverted the call, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectingNumber {
    /// Type and plan.
    pub plan: NumberPlan,
    /// Octet 3a without its extension bit: presentation (bits 7-6) and screening (bits 2-1).
    pub presentation: Option<u8>,
    /// Octet 3b, bits 4-1, only after octet 3a: 1 busy, 2 no reply, 4 deflection, 9 called terminal out of order, 15
    /// unconditional.
    pub reason: Option<u8>,
    /// IA5 digits.
    pub digits: String,
}

impl Repr for RedirectingNumber {
    const ID: u8 = ie::REDIRECTING_NUMBER;

    fn parse(body: &[u8]) -> Option<Self> {
        let (&first, mut rest) = body.split_first()?;
        let (mut presentation, mut reason) = (None, None);
        if first & 0x80 == 0 {
            let (&octet, tail) = rest.split_first()?;
            (presentation, rest) = (Some(octet & 0x7F), tail);
            if octet & 0x80 == 0 {
                let (&octet, tail) = rest.split_first().filter(|(octet, _)| **octet & 0x80 != 0)?;
                (reason, rest) = (Some(octet & 15), tail);
            }
        }
        Some(Self { plan: NumberPlan::from_octet(first), presentation, reason, digits: ia5(rest)? })
    }

    fn element(&self) -> Element {
        let mut body = Vec::with_capacity(3 + self.digits.len());
        body.push(self.plan.octet());
        body.extend(self.presentation.or(self.reason.map(|_| 0)).map(|octet| octet & 0x7F));
        body.extend(self.reason.map(|reason| reason & 15));
        if let Some(last) = body.last_mut() {
            *last |= 0x80;
        }
        body.extend(self.digits.bytes());
        Element::new(Self::ID, body)
    }
}

/// A calling or called subaddress, Q.931 4.5.9 and 4.5.11.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subaddress {
    /// Type: 0 NSAP, 2 user specified.
    pub kind: u8,
    /// Whether the number of address signals is odd (used with BCD, user specified).
    pub odd: bool,
    /// The subaddress, at most 20 octets by the standard; what comes is kept.
    pub information: Bytes,
}

impl Subaddress {
    /// Reads the element's contents.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (&first, information) = body.split_first().filter(|(first, _)| **first & 0x80 != 0)?;
        let information = Bytes::copy_from_slice(information);
        Some(Self { kind: first >> 4 & 7, odd: first & 8 != 0, information })
    }

    /// As element `id` ([`ie::CALLED_SUBADDRESS`], [`ie::CALLING_SUBADDRESS`], [`ie::CONNECTED_SUBADDRESS`]).
    pub fn element(&self, id: u8) -> Element {
        let mut body = vec![0x80 | (self.kind & 7) << 4 | u8::from(self.odd) << 3];
        body.extend_from_slice(&self.information);
        Element::new(id, body)
    }
}

/// Transit network selection, Q.931 4.5.29: which carrier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransitNetwork {
    /// Type of network identification: 0 user specified, 2 national, 3 international.
    pub kind: u8,
    /// Network identification plan: 1 carrier identification code, 3 data network identification code.
    pub plan: u8,
    /// IA5 characters, such as the carrier's code `0288`.
    pub identification: String,
}

impl Repr for TransitNetwork {
    const ID: u8 = ie::TRANSIT_NETWORK;

    fn parse(body: &[u8]) -> Option<Self> {
        let (&first, rest) = body.split_first().filter(|(first, _)| **first & 0x80 != 0)?;
        Some(Self { kind: first >> 4 & 7, plan: first & 15, identification: ia5(rest)? })
    }

    fn element(&self) -> Element {
        let mut body = vec![0x80 | (self.kind & 7) << 4 | self.plan & 15];
        body.extend(self.identification.bytes());
        Element::new(Self::ID, body)
    }
}

/// Network-specific facilities, Q.931 4.5.21: a service of the network, such as an 800 number's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NetworkFacilities {
    /// Whose facility: the network's identification (kind, plan and characters); `None`: the network of the interface.
    pub network: Option<TransitNetwork>,
    /// The facility, as that network codes it.
    pub facility: Bytes,
}

impl Repr for NetworkFacilities {
    const ID: u8 = ie::NETWORK_FACILITIES;

    fn parse(body: &[u8]) -> Option<Self> {
        let (&length, rest) = body.split_first()?;
        let (identification, facility) = rest.split_at_checked(usize::from(length))?;
        let network = match identification {
            [] => None,
            octets => Some(<TransitNetwork as Repr>::parse(octets)?),
        };
        Some(Self { network, facility: Bytes::copy_from_slice(facility) })
    }

    fn element(&self) -> Element {
        let identification = self.network.as_ref().map(|network| network.element().body).unwrap_or_default();
        let mut body = vec![u8::try_from(identification.len()).unwrap_or(0)];
        body.extend_from_slice(&identification);
        body.extend_from_slice(&self.facility);
        Element::new(Self::ID, body)
    }
}

/// Printable IA5 text, bit 8 of each octet passed over.
pub(super) fn ia5(octets: &[u8]) -> Option<String> {
    octets
        .iter()
        .map(|octet| octet & 0x7F)
        .map(|octet| (0x20..0x7F).contains(&octet).then_some(char::from(octet)))
        .collect()
}
