//! Call diversion (ECMA-174, ISO/IEC 13873), as far as a gateway at the end of a connection takes part: reading and
//! writing divertingLegInformation1, 2 and 3 (operations 20, 21, 22), which return nothing.

use rasn::types::Any;
use rasn::{AsnType, Decode, Decoder as _, Encode, Encoder as _};

use crate::PartyNumber;
use crate::facility::{Facility, Interpretation};
use crate::mwi::InvokeError;
use crate::name::{self, Name, WireName};
use crate::party::{Enumerated, PresentedNumber, WireNumber, WirePresented, any, from_wire, to_wire};
use crate::q931::{Element, Message, ie};
use crate::rose::{Code, Component, Invoke};

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
    fn operation(&self) -> i32 {
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
            21 => {
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
        let presented =
            |number: &Option<PresentedNumber>| number.as_ref().map(PresentedNumber::to_wire).transpose();
        let named = |name: &Option<Name>| name.as_ref().map(name::to_wire);
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
                redirecting_name: named(redirecting_name),
                original_called_name: named(original_called_name),
                extension: None,
            }),
            Self::Leg3 { presentation_allowed, redirection_name } => any(&WireLeg3 {
                presentation_allowed: *presentation_allowed,
                redirection_name: named(redirection_name),
                extension: None,
            }),
        };
        let component = Component::Invoke(Invoke {
            invoke_id,
            linked_id: None,
            operation: Code::Local(self.operation()),
            argument: Some(argument),
        });
        let facility = Facility::new(profile, true, Some(Interpretation::Discard), component);
        Ok(Element::new(ie::FACILITY, facility.to_vec()))
    }
}
