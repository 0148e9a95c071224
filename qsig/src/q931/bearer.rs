//! What a call carries: bearer capability, low layer and high layer compatibility.

use bytes::Bytes;

use super::{Element, Repr, ie};

/// Bearer capability: the information transfer of the call, kept as octets with the readings that matter. This is the
/// view; [`Bearer`] is its meaning, octet by octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerCapability(pub Bytes);

impl BearerCapability {
    /// Speech, A-law.
    pub const SPEECH_ALAW: Self = Self(Bytes::from_static(&[0x80, 0x90, 0xA3]));
    /// Speech, mu-law.
    pub const SPEECH_ULAW: Self = Self(Bytes::from_static(&[0x80, 0x90, 0xA2]));
    /// 3.1 kHz audio, A-law.
    pub const AUDIO_ALAW: Self = Self(Bytes::from_static(&[0x90, 0x90, 0xA3]));
    /// 3.1 kHz audio, mu-law.
    pub const AUDIO_ULAW: Self = Self(Bytes::from_static(&[0x90, 0x90, 0xA2]));
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

/// One layer's protocol in bearer capability or low layer compatibility: octets 5 to 5d, 6 to 6b or 7 to 7c.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// The protocol, 0..=31. Layer 1: 1 V.110, 2 G.711 mu-law, 3 G.711 A-law, 8 V.120; layer 2: 2 Q.921, 6 X.25;
    /// layer 3: 2 Q.931, 6 X.25, 11 ISO/IEC TR 9577.
    pub protocol: u8,
    /// The octets after it (5a, 5b, …) without their extension bits, 0..=127 each, at most 4.
    pub extension: Vec<u8>,
}

/// How an octet 5a to 5d of layer 1 describes a rate-adapted connection (V.110, V.120), Q.931 4.5.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateAdaption {
    /// Asynchronous data.
    pub asynchronous: bool,
    /// In-band negotiation is possible.
    pub negotiable: bool,
    /// User rate, 0..=31: 8 is 9.6 kbit/s, 15 is 56 kbit/s.
    pub user_rate: u8,
    /// Stop bits, 0 not used, 1 one, 2 one and a half, 3 two.
    pub stop_bits: Option<u8>,
    /// Data bits, 0 not used, 1 five, 2 seven, 3 eight.
    pub data_bits: Option<u8>,
    /// Parity, 0 odd, 2 even, 3 none, 4 forced to 0, 5 forced to 1.
    pub parity: Option<u8>,
    /// Full duplex (octet 5d).
    pub duplex: Option<bool>,
    /// Modem type (octet 5d), 0..=63.
    pub modem: Option<u8>,
}

impl Layer {
    /// A layer without further octets.
    pub fn new(protocol: u8) -> Self {
        Self { protocol: protocol & 0x1F, extension: Vec::new() }
    }

    /// The readings of octets 5a, 5c and 5d of a rate-adapted layer 1; `None` without octet 5a.
    pub fn rate_adaption(&self) -> Option<RateAdaption> {
        let &first = self.extension.first()?;
        let (format, modem) = (self.extension.get(2), self.extension.get(3));
        Some(RateAdaption {
            asynchronous: first & 0x40 != 0,
            negotiable: first & 0x20 != 0,
            user_rate: first & 0x1F,
            stop_bits: format.map(|octet| octet >> 5 & 3),
            data_bits: format.map(|octet| octet >> 3 & 3),
            parity: format.map(|octet| octet & 7),
            duplex: modem.map(|octet| octet & 0x40 != 0),
            modem: modem.map(|octet| octet & 0x3F),
        })
    }

    fn emit(&self, layer: u8, out: &mut Vec<u8>) {
        let first = layer << 5 | self.protocol & 0x1F;
        extended(std::iter::once(first).chain(self.extension.iter().copied()), out);
    }
}

/// The meaning of bearer capability, Q.931 4.5.5, and of what low layer compatibility has in common with it.
///
/// ```
/// use qsig::q931::{Bearer, Repr};
/// let bearer = Bearer::parse(&[0x90, 0x90, 0xA3]).expect("3.1 kHz audio");
/// assert_eq!((bearer.capability, bearer.rate), (16, 16));
/// assert_eq!(bearer.layer1.map(|layer| layer.protocol), Some(3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bearer {
    /// Coding standard: 0 ITU-T, 1 ISO/IEC, 2 national, 3 network.
    pub coding: u8,
    /// Information transfer capability: 0 speech, 8 unrestricted, 9 restricted, 16 3.1 kHz audio, 17 7 kHz, 24 video.
    pub capability: u8,
    /// Transfer mode: 0 circuit, 2 packet.
    pub mode: u8,
    /// Information transfer rate: 0 packet, 16 64 kbit/s, 17 2 x 64, 19 384, 21 1536, 23 1920 kbit/s, 24 multirate.
    pub rate: u8,
    /// Rate multiplier of a multirate call, 2..=30 times 64 kbit/s.
    pub multiplier: Option<u8>,
    /// User information layer 1.
    pub layer1: Option<Layer>,
    /// User information layer 2.
    pub layer2: Option<Layer>,
    /// User information layer 3.
    pub layer3: Option<Layer>,
}

const MULTIRATE: u8 = 24;

impl Bearer {
    fn read(octets: &mut &[u8], negotiation: Option<&mut Option<u8>>) -> Option<Self> {
        let first = group(octets)?;
        let (&head, tail) = first.split_first()?;
        match (negotiation, tail) {
            (_, []) => {}
            (Some(negotiation), &[octet]) => *negotiation = Some(octet),
            _ => return None,
        }
        let second = group(octets)?;
        // Octet 4.1 follows the rate "multirate" as an octet of its own, or behind an octet 4 without extension bit.
        let (&transfer, tail) = second.split_first()?;
        let mut multiplier = tail.first().copied();
        if tail.len() > 1 || multiplier.is_some() && transfer & 0x1F != MULTIRATE {
            return None;
        }
        if multiplier.is_none() && transfer & 0x1F == MULTIRATE {
            multiplier = Some(group(octets)?.first().copied()?);
        }
        let mut bearer = Self {
            coding: head >> 5 & 3,
            capability: head & 0x1F,
            mode: transfer >> 5 & 3,
            rate: transfer & 0x1F,
            multiplier,
            layer1: None,
            layer2: None,
            layer3: None,
        };
        let mut last = 0;
        while !octets.is_empty() {
            let octets = group(octets)?;
            let (&first, extension) = octets.split_first()?;
            let layer = first >> 5 & 3;
            if layer <= last || extension.len() > 4 {
                return None;
            }
            last = layer;
            let read = Layer { protocol: first & 0x1F, extension: extension.to_vec() };
            match layer {
                1 => bearer.layer1 = Some(read),
                2 => bearer.layer2 = Some(read),
                _ => bearer.layer3 = Some(read),
            }
        }
        Some(bearer)
    }

    fn emit(&self, negotiation: Option<u8>, out: &mut Vec<u8>) {
        let head = (self.coding & 3) << 5 | self.capability & 0x1F;
        extended(std::iter::once(head).chain(negotiation), out);
        out.push(0x80 | (self.mode & 3) << 5 | self.rate & 0x1F);
        if self.rate & 0x1F == MULTIRATE {
            out.push(0x80 | self.multiplier.unwrap_or(1) & 0x7F);
        }
        for (layer, number) in [(&self.layer1, 1), (&self.layer2, 2), (&self.layer3, 3)] {
            if let Some(layer) = layer {
                layer.emit(number, out);
            }
        }
    }
}

impl Repr for Bearer {
    const ID: u8 = ie::BEARER_CAPABILITY;

    fn parse(body: &[u8]) -> Option<Self> {
        Self::read(&mut &*body, None)
    }

    fn element(&self) -> Element {
        let mut out = Vec::with_capacity(8);
        self.emit(None, &mut out);
        Element::new(Self::ID, out)
    }
}

/// Low layer compatibility, Q.931 4.5.19.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LowLayer {
    /// What it has in common with bearer capability.
    pub bearer: Bearer,
    /// Octet 3a without extension bit: bit 7 says that out-of-band negotiation is possible.
    pub negotiation: Option<u8>,
}

impl Repr for LowLayer {
    const ID: u8 = ie::LOW_LAYER;

    fn parse(body: &[u8]) -> Option<Self> {
        let mut negotiation = None;
        let bearer = Bearer::read(&mut &*body, Some(&mut negotiation))?;
        Some(Self { bearer, negotiation })
    }

    fn element(&self) -> Element {
        let mut out = Vec::with_capacity(8);
        self.bearer.emit(self.negotiation, &mut out);
        Element::new(Self::ID, out)
    }
}

/// High layer compatibility, Q.931 4.5.17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HighLayer {
    /// Coding standard: 0 ITU-T.
    pub coding: u8,
    /// Interpretation: 4 is "first high layer characteristics".
    pub interpretation: u8,
    /// Presentation method of the protocol profile: 1.
    pub presentation: u8,
    /// High layer characteristics: 1 telephony, 4 facsimile group 2/3, 33 facsimile group 4.
    pub characteristics: u8,
    /// Octet 4a: extended identification.
    pub extended: Option<u8>,
}

impl HighLayer {
    /// Telephony (`91 81`).
    pub const TELEPHONY: Self =
        Self { coding: 0, interpretation: 4, presentation: 1, characteristics: 1, extended: None };
}

impl Repr for HighLayer {
    const ID: u8 = ie::HIGH_LAYER;

    fn parse(body: &[u8]) -> Option<Self> {
        let (&first, mut rest) = body.split_first().filter(|(first, _)| **first & 0x80 != 0)?;
        let second = group(&mut rest).filter(|_| rest.is_empty())?;
        let (&characteristics, extended) = second.split_first().filter(|(_, tail)| tail.len() <= 1)?;
        Some(Self {
            coding: first >> 5 & 3,
            interpretation: first >> 2 & 7,
            presentation: first & 3,
            characteristics,
            extended: extended.first().copied(),
        })
    }

    fn element(&self) -> Element {
        let first = 0x80 | (self.coding & 3) << 5 | (self.interpretation & 7) << 2 | self.presentation & 3;
        let mut out = vec![first];
        extended(std::iter::once(self.characteristics).chain(self.extended), &mut out);
        Element::new(Self::ID, out)
    }
}

/// Takes one octet group: the octets up to the first whose extension bit is set, without these bits (Q.931 4.5.1).
/// At most 8; `None` if no such octet comes.
fn group(octets: &mut &[u8]) -> Option<Vec<u8>> {
    let end = octets.iter().take(8).position(|octet| octet & 0x80 != 0)? + 1;
    let (taken, rest) = octets.split_at_checked(end)?;
    *octets = rest;
    Some(taken.iter().map(|octet| octet & 0x7F).collect())
}

/// Writes one octet group: only its last octet has the extension bit.
fn extended(octets: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.extend(octets.map(|octet| octet & 0x7F));
    if let Some(last) = out.last_mut() {
        *last |= 0x80;
    }
}
