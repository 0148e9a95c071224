//! Call diversion (ECMA-174, ISO/IEC 13873).
//!
//! By join (forward switching): who diverts sets a second call up, with divertingLegInformation2 (21) in its SETUP, tells the
//! caller with divertingLegInformation1 (20), and passes divertingLegInformation3 (22) on ([`Diversion`], [`forward`]); they
//! return nothing. By rerouteing: who diverts asks the caller's side to call the new number, callRerouteing (19)
//! ([`Rerouteing`]).

use bytes::Bytes;
use rasn::types::{Any, OctetString};
use rasn::{AsnType, Decode, Decoder as _, Encode, Encoder as _};

use crate::PartyNumber;
use crate::facility::{Facility, Interpretation};
use crate::mwi::InvokeError;
use crate::name::{self, Name, WireName};
use crate::party::{
    Enumerated, PresentedNumber, WireAddress, WireElements, WireNumber, WirePresented, WireScreened, any,
    from_wire, to_wire,
};
use crate::q931::{Element, Message, ie};
use crate::rose::{Component, Invoke, Problem};
use crate::service::{Operation, Service, argument};

/// Why a call was diverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiversionReason {
    /// 0: not known.
    Unknown,
    /// 1: call forwarding unconditional.
    Unconditional,
    /// 2: call forwarding busy.
    Busy,
    /// 3: call forwarding no reply.
    NoReply,
}

impl DiversionReason {
    fn value(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Unconditional => 1,
            Self::Busy => 2,
            Self::NoReply => 3,
        }
    }

    fn from_value(value: u8) -> Self {
        match value {
            1 => Self::Unconditional,
            2 => Self::Busy,
            3 => Self::NoReply,
            _ => Self::Unknown,
        }
    }
}

/// divertingLegInformation2 of ETS 300 207-1.
const ETSI_LEG_2: i32 = 15;

/// What is told about a diversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diversion {
    /// divertingLegInformation1 (20), in FACILITY to the caller's side: the call is being diverted.
    Leg1 {
        /// Why.
        reason: DiversionReason,
        /// What the served user lets the caller know: 0 nothing, 1 that it is diverted, 2 with the new number.
        subscription: u8,
        /// The new number.
        nominated: PartyNumber,
    },
    /// divertingLegInformation2 (21), in SETUP to the diverted-to side.
    Leg2 {
        /// How often the call has been diverted, 1..=15.
        counter: u8,
        /// Why, the last time.
        reason: DiversionReason,
        /// Why, the first time.
        original_reason: Option<DiversionReason>,
        /// Who diverted last.
        diverting: Option<PresentedNumber>,
        /// Who was called first.
        original_called: Option<PresentedNumber>,
        /// Name of who diverted last.
        redirecting_name: Option<Name>,
        /// Name of who was called first.
        original_called_name: Option<Name>,
    },
    /// divertingLegInformation3 (22), in ALERTING, CONNECT or FACILITY from the diverted-to side.
    Leg3 {
        /// Whether the diverted-to party may be shown to the caller.
        presentation_allowed: bool,
        /// The diverted-to party's name.
        redirection_name: Option<Name>,
    },
}

#[derive(AsnType, Decode, Encode)]
struct WireLeg1 {
    reason: Enumerated,
    subscription: Enumerated,
    nominated: WireNumber,
    extension: Option<Any>,
}

#[derive(AsnType, Decode, Encode)]
struct WireLeg2 {
    counter: u8,
    reason: Enumerated,
    #[rasn(tag(context, 0))]
    original_reason: Option<Enumerated>,
    #[rasn(tag(explicit(context, 1)))]
    diverting: Option<WirePresented>,
    #[rasn(tag(explicit(context, 2)))]
    original_called: Option<WirePresented>,
    #[rasn(tag(explicit(context, 3)))]
    redirecting_name: Option<WireName>,
    #[rasn(tag(explicit(context, 4)))]
    original_called_name: Option<WireName>,
    extension: Option<Any>,
}

#[derive(AsnType, Decode, Encode)]
struct WireLeg3 {
    presentation_allowed: bool,
    #[rasn(tag(explicit(context, 0)))]
    redirection_name: Option<WireName>,
    extension: Option<Any>,
}

impl Diversion {
    fn value(&self) -> i32 {
        match self {
            Self::Leg1 { .. } => 20,
            Self::Leg2 { .. } => 21,
            Self::Leg3 { .. } => 22,
        }
    }

    /// The names in it, with what they are.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &Name)> {
        let (redirecting, original, redirection) = match self {
            Self::Leg1 { .. } => (None, None, None),
            Self::Leg2 { redirecting_name, original_called_name, .. } => {
                (redirecting_name.as_ref(), original_called_name.as_ref(), None)
            }
            Self::Leg3 { redirection_name, .. } => (None, None, redirection_name.as_ref()),
        };
        let all = [("Redirecting", redirecting), ("Original Called", original), ("Redirection", redirection)];
        all.into_iter().filter_map(|(what, name)| Some((what, name?)))
    }

    /// The first diversion information in a message's Facility elements.
    pub fn find(message: &Message) -> Option<Self> {
        message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)).find_map(|facility| {
            facility.components().find_map(|component| match component {
                Component::Invoke(invoke) => Self::parse(invoke),
                _ => None,
            })
        })
    }

    /// The same as public networks with EuroISDN tell it: divertingLegInformation2 has the local value 15 there (ETS 300 207-1),
    /// which is another operation in QSIG, and an argument without names.
    pub fn find_etsi(message: &Message) -> Option<Self> {
        message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)).find_map(|facility| {
            facility.components().find_map(|component| match component {
                Component::Invoke(invoke) if invoke.operation.value() == Some(ETSI_LEG_2) => {
                    Self::leg_2(invoke.argument.as_ref()?.as_bytes())
                }
                _ => None,
            })
        })
    }

    fn leg_2(octets: &[u8]) -> Option<Self> {
        let named = |name: Option<WireName>| name.and_then(name::from_wire);
        let leg: WireLeg2 = rasn::ber::decode(octets).ok()?;
        Some(Self::Leg2 {
            counter: leg.counter,
            reason: DiversionReason::from_value(leg.reason.0),
            original_reason: leg.original_reason.map(|reason| DiversionReason::from_value(reason.0)),
            diverting: leg.diverting.and_then(PresentedNumber::from_wire),
            original_called: leg.original_called.and_then(PresentedNumber::from_wire),
            redirecting_name: named(leg.redirecting_name),
            original_called_name: named(leg.original_called_name),
        })
    }

    /// Reads an invoke of operation 20, 21 or 22; `None` for others, and for arguments that cannot be read.
    pub fn parse(invoke: &Invoke) -> Option<Self> {
        let octets = invoke.argument.as_ref()?.as_bytes();
        let named = |name: Option<WireName>| name.and_then(name::from_wire);
        match invoke.operation.value()? {
            20 => {
                let leg: WireLeg1 = rasn::ber::decode(octets).ok()?;
                Some(Self::Leg1 {
                    reason: DiversionReason::from_value(leg.reason.0),
                    subscription: leg.subscription.0,
                    nominated: from_wire(leg.nominated)?,
                })
            }
            21 => Self::leg_2(octets),
            22 => {
                let leg: WireLeg3 = rasn::ber::decode(octets).ok()?;
                let redirection_name = named(leg.redirection_name);
                Some(Self::Leg3 { presentation_allowed: leg.presentation_allowed, redirection_name })
            }
            _ => None,
        }
    }

    /// A Facility element that carries this, end PINX to end PINX, discarded where it is not known.
    ///
    /// # Errors
    /// [`InvokeError::BadNumber`]
    pub fn element(&self, profile: u8, invoke_id: i16) -> Result<Element, InvokeError> {
        Ok(self.operation()?.element(profile, invoke_id))
    }
}

impl Service for Diversion {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        invoke.operation.value().filter(|value| (20..=22).contains(value))?;
        Some(Self::parse(invoke).ok_or(Problem::Invoke(2)))
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        let argument = match self {
            Self::Leg1 { reason, subscription, nominated } => any(&WireLeg1 {
                reason: Enumerated(reason.value()),
                subscription: Enumerated(*subscription),
                nominated: to_wire(nominated)?,
                extension: None,
            }),
            Self::Leg2 {
                counter,
                reason,
                original_reason,
                diverting,
                original_called,
                redirecting_name,
                original_called_name,
            } => any(&WireLeg2 {
                counter: *counter,
                reason: Enumerated(reason.value()),
                original_reason: original_reason.map(|reason| Enumerated(reason.value())),
                diverting: presented(diverting)?,
                original_called: presented(original_called)?,
                redirecting_name: written(redirecting_name),
                original_called_name: written(original_called_name),
                extension: None,
            }),
            Self::Leg3 { presentation_allowed, redirection_name } => any(&WireLeg3 {
                presentation_allowed: *presentation_allowed,
                redirection_name: written(redirection_name),
                extension: None,
            }),
        };
        Ok(Operation::new(self.value(), argument).or(Interpretation::Discard))
    }
}

/// Most diversions of one call: the counter's range.
pub const MAX_DIVERSIONS: u8 = 15;

/// The call has been diverted 15 times already: cause 25, error 24 numberOfDiversionsExceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call has been diverted {MAX_DIVERSIONS} times")]
pub struct TooManyDiversions;

/// A diversion by join: what goes to the caller in FACILITY, and what goes into the SETUP to the new number.
///
/// `earlier`: divertingLegInformation2 of the call that is diverted now, if it came with one; its first diversion stays on
/// record and the counter goes up. `diverting`: whose telephone diverts, with its name if that may be told.
///
/// # Errors
/// [`TooManyDiversions`]; the call is then cleared.
pub fn forward(
    earlier: Option<&Diversion>,
    reason: DiversionReason,
    diverting: (PresentedNumber, Option<Name>),
    nominated: PartyNumber,
) -> Result<(Diversion, Diversion), TooManyDiversions> {
    let leg1 = Diversion::Leg1 { reason, subscription: 2, nominated };
    let (diverting, redirecting_name) = diverting;
    let leg2 = match earlier {
        Some(Diversion::Leg2 {
            counter,
            reason: last,
            original_reason,
            diverting: last_diverting,
            original_called,
            redirecting_name: last_name,
            original_called_name,
        }) => {
            let counter = counter.checked_add(1).filter(|n| *n <= MAX_DIVERSIONS).ok_or(TooManyDiversions)?;
            Diversion::Leg2 {
                counter,
                reason,
                original_reason: original_reason.or(Some(*last)),
                diverting: Some(diverting),
                original_called: original_called.clone().or_else(|| last_diverting.clone()),
                redirecting_name,
                original_called_name: original_called_name.clone().or_else(|| last_name.clone()),
            }
        }
        _ => Diversion::Leg2 {
            counter: 1,
            reason,
            original_reason: None,
            diverting: Some(diverting),
            original_called: None,
            redirecting_name,
            original_called_name: None,
        },
    };
    Ok((leg1, leg2))
}

/// callRerouteing (19): call this number instead. Returns nothing but that it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rerouteing {
    /// Why.
    pub reason: DiversionReason,
    /// Why, the first time.
    pub original_reason: Option<DiversionReason>,
    /// The number to call.
    pub called: PartyNumber,
    /// How often the call has been diverted, this time included, 1..=15.
    pub counter: u8,
    /// Elements of the diverted SETUP (bearer capability, …), as in a message.
    pub elements: Bytes,
    /// Who diverts.
    pub last: PresentedNumber,
    /// What the served user lets the caller know: 0 nothing, 1 that it is diverted, 2 with the new number.
    pub subscription: u8,
    /// The caller.
    pub calling: PresentedNumber,
    /// The caller's name.
    pub calling_name: Option<Name>,
    /// Who was called first.
    pub original_called: Option<PresentedNumber>,
    /// Name of who diverts.
    pub redirecting_name: Option<Name>,
    /// Name of who was called first.
    pub original_called_name: Option<Name>,
}

#[derive(AsnType, Decode, Encode)]
struct WireRerouteing {
    reason: Enumerated,
    #[rasn(tag(context, 0))]
    original_reason: Option<Enumerated>,
    called: WireAddress,
    counter: u8,
    elements: WireElements,
    #[rasn(tag(explicit(context, 1)))]
    last: WirePresented,
    #[rasn(tag(context, 2))]
    subscription: Enumerated,
    #[rasn(tag(explicit(context, 3)))]
    calling_subaddress: Option<Any>,
    #[rasn(tag(explicit(context, 4)))]
    calling: WireScreened,
    #[rasn(tag(explicit(context, 5)))]
    calling_name: Option<WireName>,
    #[rasn(tag(explicit(context, 6)))]
    original_called: Option<WirePresented>,
    #[rasn(tag(explicit(context, 7)))]
    redirecting_name: Option<WireName>,
    #[rasn(tag(explicit(context, 8)))]
    original_called_name: Option<WireName>,
    extension: Option<Any>,
}

impl Service for Rerouteing {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        invoke.operation.value().filter(|value| *value == 19)?;
        let named = |name: Option<WireName>| name.and_then(name::from_wire);
        Some(argument::<WireRerouteing>(invoke).and_then(|wire| {
            const MISTYPED: Problem = Problem::Invoke(2);
            Ok(Self {
                reason: DiversionReason::from_value(wire.reason.0),
                original_reason: wire.original_reason.map(|reason| DiversionReason::from_value(reason.0)),
                called: from_wire(wire.called.number).ok_or(MISTYPED)?,
                counter: wire.counter,
                elements: Bytes::copy_from_slice(&wire.elements.0),
                last: PresentedNumber::from_wire(wire.last).ok_or(MISTYPED)?,
                subscription: wire.subscription.0,
                calling: PresentedNumber::from_screened(wire.calling).ok_or(MISTYPED)?,
                calling_name: named(wire.calling_name),
                original_called: wire.original_called.and_then(PresentedNumber::from_wire),
                redirecting_name: named(wire.redirecting_name),
                original_called_name: named(wire.original_called_name),
            })
        }))
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        if !(1..=MAX_DIVERSIONS).contains(&self.counter) {
            let found = self.counter.to_string();
            return Err(InvokeError::BadArgument { element: "diversionCounter", found, expected: "1 to 15" });
        }
        let argument = any(&WireRerouteing {
            reason: Enumerated(self.reason.value()),
            original_reason: self.original_reason.map(|reason| Enumerated(reason.value())),
            called: WireAddress { number: to_wire(&self.called)?, subaddress: None },
            counter: self.counter,
            elements: WireElements(OctetString::from_slice(&self.elements)),
            last: self.last.to_wire()?,
            subscription: Enumerated(self.subscription),
            calling_subaddress: None,
            calling: self.calling.to_screened()?,
            calling_name: written(&self.calling_name),
            original_called: presented(&self.original_called)?,
            redirecting_name: written(&self.redirecting_name),
            original_called_name: written(&self.original_called_name),
            extension: None,
        });
        Ok(Operation::new(19, argument))
    }
}

fn presented(number: &Option<PresentedNumber>) -> Result<Option<WirePresented>, InvokeError> {
    number.as_ref().map(PresentedNumber::to_wire).transpose()
}

fn written(name: &Option<Name>) -> Option<WireName> {
    name.as_ref().map(name::to_wire)
}
