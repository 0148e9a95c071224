//! PartyNumber of Q.932 Addressing-Data-Elements, which most QSIG services share.

use bytes::Bytes;
use rasn::types::{Any, OctetString};
use rasn::{AsnType, Decode, Decoder as _, Encode};

use crate::mwi::InvokeError;
use crate::q931;

/// A PartyNumber of Q.932 Addressing-Data-Elements. Digits are 0-9 and space, 1 to 20 of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartyNumber {
    /// Unknown numbering plan: what most exchanges want.
    Unknown(String),
    /// Public (E.164). Type: 0 unknown, 1 international, 2 national, 3 network specific, 4 subscriber, 6 abbreviated.
    Public {
        /// Type of number.
        ton: u8,
        /// The digits.
        digits: String,
    },
    /// Private. Type: 0 unknown, 1 level 2, 2 level 1, 3 PTN specific, 4 local, 6 abbreviated.
    Private {
        /// Type of number.
        ton: u8,
        /// The digits.
        digits: String,
    },
    /// NSAP, data, telex or national standard number: the BER element as it came.
    Other(Bytes),
}

impl PartyNumber {
    /// The digits, empty for [`PartyNumber::Other`].
    pub fn digits(&self) -> &str {
        match self {
            Self::Unknown(digits) | Self::Public { digits, .. } | Self::Private { digits, .. } => digits,
            Self::Other(_) => "",
        }
    }

    /// Type and plan as Q.931's number elements code them.
    pub fn plan(&self) -> q931::NumberPlan {
        match *self {
            Self::Unknown(_) | Self::Other(_) => q931::NumberPlan::UNKNOWN,
            Self::Public { ton, .. } => q931::NumberPlan { type_of_number: ton, plan: 1 },
            Self::Private { ton, .. } => q931::NumberPlan { type_of_number: ton, plan: 9 },
        }
    }
}

/// NumericString contents. Declared as octets: rasn's NumericString refuses what some exchanges send (`*`, `#`).
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(delegate, tag(universal, 18))]
pub(crate) struct Digits(pub(crate) OctetString);

/// An ENUMERATED of any value.
#[derive(AsnType, Decode, Encode, Clone, Copy, Debug, PartialEq, Eq)]
#[rasn(delegate, tag(universal, 10))]
pub(crate) struct Enumerated(pub(crate) u8);

#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedNumber {
    pub(crate) ton: Enumerated,
    pub(crate) digits: Digits,
}

#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
pub(crate) enum WireNumber {
    #[rasn(tag(context, 0))]
    Unknown(Digits),
    #[rasn(tag(context, 1))]
    Public(TypedNumber),
    #[rasn(tag(context, 5))]
    Private(TypedNumber),
}

/// PresentedNumberUnscreened.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
pub(crate) enum WirePresented {
    #[rasn(tag(explicit(context, 0)))]
    Allowed(WireNumber),
    #[rasn(tag(context, 1))]
    Restricted(()),
    #[rasn(tag(context, 2))]
    NotAvailable(()),
    #[rasn(tag(explicit(context, 3)))]
    RestrictedNumber(WireNumber),
}

#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Screened {
    pub(crate) number: WireNumber,
    pub(crate) screening: Enumerated,
    /// Only in PresentedAddressScreened.
    pub(crate) subaddress: Option<Any>,
}

/// Address: a number and perhaps a subaddress.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireAddress {
    pub(crate) number: WireNumber,
    pub(crate) subaddress: Option<Any>,
}

/// PSS1InformationElement: elements of basic call as they stand in a message.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(delegate, tag(application, 0))]
pub(crate) struct WireElements(pub(crate) OctetString);

/// PresentedNumberScreened.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
pub(crate) enum WireScreened {
    #[rasn(tag(context, 0))]
    Allowed(Screened),
    #[rasn(tag(context, 1))]
    Restricted(()),
    #[rasn(tag(context, 2))]
    NotAvailable(()),
    #[rasn(tag(context, 3))]
    RestrictedNumber(Screened),
}

/// A number with its presentation: PresentedNumberUnscreened and PresentedNumberScreened of Q.932.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PresentedNumber {
    /// May be shown.
    Allowed(PartyNumber),
    /// Must not be shown, and is not given.
    Restricted,
    /// Not available because of interworking.
    NotAvailable,
    /// Must not be shown.
    RestrictedNumber(PartyNumber),
}

impl PresentedNumber {
    /// The number if it is known and may be shown.
    pub fn shown(&self) -> Option<&PartyNumber> {
        match self {
            Self::Allowed(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn from_wire(number: WirePresented) -> Option<Self> {
        Some(match number {
            WirePresented::Allowed(number) => Self::Allowed(from_wire(number)?),
            WirePresented::Restricted(()) => Self::Restricted,
            WirePresented::NotAvailable(()) => Self::NotAvailable,
            WirePresented::RestrictedNumber(number) => Self::RestrictedNumber(from_wire(number)?),
        })
    }

    pub(crate) fn to_wire(&self) -> Result<WirePresented, InvokeError> {
        Ok(match self {
            Self::Allowed(number) => WirePresented::Allowed(to_wire(number)?),
            Self::Restricted => WirePresented::Restricted(()),
            Self::NotAvailable => WirePresented::NotAvailable(()),
            Self::RestrictedNumber(number) => WirePresented::RestrictedNumber(to_wire(number)?),
        })
    }

    /// As PresentedNumberScreened, "user provided, verified and passed".
    pub(crate) fn to_screened(&self) -> Result<WireScreened, InvokeError> {
        let screened = |number: &PartyNumber| {
            Ok::<_, InvokeError>(Screened {
                number: to_wire(number)?,
                screening: Enumerated(1),
                subaddress: None,
            })
        };
        Ok(match self {
            Self::Allowed(number) => WireScreened::Allowed(screened(number)?),
            Self::Restricted => WireScreened::Restricted(()),
            Self::NotAvailable => WireScreened::NotAvailable(()),
            Self::RestrictedNumber(number) => WireScreened::RestrictedNumber(screened(number)?),
        })
    }

    pub(crate) fn from_screened(number: WireScreened) -> Option<Self> {
        Some(match number {
            WireScreened::Allowed(screened) => Self::Allowed(from_wire(screened.number)?),
            WireScreened::Restricted(()) => Self::Restricted,
            WireScreened::NotAvailable(()) => Self::NotAvailable,
            WireScreened::RestrictedNumber(screened) => Self::RestrictedNumber(from_wire(screened.number)?),
        })
    }
}

pub(crate) fn parse_number(element: &Any) -> Option<PartyNumber> {
    match element.as_bytes() {
        [0x82 | 0x83 | 0x84 | 0x88, ..] => {
            Some(PartyNumber::Other(Bytes::copy_from_slice(element.as_bytes())))
        }
        octets => rasn::ber::decode(octets).ok().and_then(from_wire),
    }
}

pub(crate) fn from_wire(number: WireNumber) -> Option<PartyNumber> {
    Some(match number {
        WireNumber::Unknown(digits) => PartyNumber::Unknown(text(&digits.0)?),
        WireNumber::Public(n) => PartyNumber::Public { ton: n.ton.0, digits: text(&n.digits.0)? },
        WireNumber::Private(n) => PartyNumber::Private { ton: n.ton.0, digits: text(&n.digits.0)? },
    })
}

pub(crate) fn to_wire(number: &PartyNumber) -> Result<WireNumber, InvokeError> {
    let typed =
        |ton: u8, digits: &str| Ok(TypedNumber { ton: Enumerated(ton), digits: digits_of(digits, 20)? });
    match number {
        PartyNumber::Unknown(digits) => Ok(WireNumber::Unknown(digits_of(digits, 20)?)),
        PartyNumber::Public { ton, digits } => Ok(WireNumber::Public(typed(*ton, digits)?)),
        PartyNumber::Private { ton, digits } => Ok(WireNumber::Private(typed(*ton, digits)?)),
        PartyNumber::Other(_) => Err(InvokeError::BadNumber(String::new())),
    }
}

pub(crate) fn number(number: &PartyNumber) -> Result<Any, InvokeError> {
    match number {
        PartyNumber::Other(octets) => Ok(Any::new(octets.to_vec())),
        number => Ok(any(&to_wire(number)?)),
    }
}

pub(crate) fn digits_of(digits: &str, most: usize) -> Result<Digits, InvokeError> {
    let fits = (1..=most).contains(&digits.len());
    if fits && digits.bytes().all(|octet| octet.is_ascii_digit() || octet == b' ') {
        Ok(Digits(OctetString::from_slice(digits.as_bytes())))
    } else {
        Err(InvokeError::BadNumber(digits.to_owned()))
    }
}

pub(crate) fn text(octets: &OctetString) -> Option<String> {
    octets.iter().all(|c| (0x20..0x7F).contains(c)).then(|| octets.iter().copied().map(char::from).collect())
}

/// BER of one of the types above; rasn refuses none of their values.
pub(crate) fn any<T: Encode>(value: &T) -> Any {
    Any::new(rasn::ber::encode(value).unwrap_or_default())
}
