//! Path replacement (ECMA-176, ISO/IEC 13874): operations 4 pathReplacePropose, 5 pathReplaceSetup, 6 pathReplaceRetain,
//! 86 pathReplaceInvite.
//!
//! After a transfer or a diversion by join two PINXs may find a shorter way between them: one proposes, and the other sets
//! a new call up to the number it got, with the identity it got in pathReplaceSetup. [`Proposer`] and [`Cooperator`] are the two
//! ends: their owner has the calls, moves its user from one to the other, and clears what they say. A PINX that keeps the old
//! path refuses ([`crate::service::refusal_error`]), and the call goes on as it was.

mod machine;

pub use machine::{
    COLLISION, Cooperator, CooperatorOutput, ESTABLISHMENT_FAILURE, INVALID_REROUTEING_NUMBER, Proposer,
    ProposerOutput, ReplacementEnd, ReplacementTimers, UNRECOGNIZED_CALL_IDENTITY,
};

use rasn::types::Any;
use rasn::{AsnType, Decode, Decoder as _, Encode};

use crate::facility::Interpretation;
use crate::mwi::InvokeError;
use crate::party::{Digits, PartyNumber, WireNumber, any, digits_of, from_wire, text, to_wire};
use crate::rose::{Invoke, Problem, null};
use crate::service::{Operation, Service, argument};

/// One operation of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathReplacement {
    /// pathReplacePropose (4), in FACILITY of the old call: set a call up to this number.
    Propose {
        /// 1 to 4 digits that name the old call where it was proposed.
        call_identity: String,
        /// The number to call.
        rerouteing_number: PartyNumber,
    },
    /// pathReplaceSetup (5), in SETUP of the new call.
    Setup {
        /// As proposed.
        call_identity: String,
    },
    /// pathReplaceRetain (6), in SETUP of the new call where a part of the old path is kept.
    Retain {
        /// As proposed.
        call_identity: String,
    },
    /// pathReplaceInvite (86), in FACILITY: propose, please.
    Invite,
}

#[derive(AsnType, Decode, Encode)]
struct WirePropose {
    call_identity: Digits,
    rerouteing_number: WireNumber,
    extension: Option<Any>,
}

#[derive(AsnType, Decode, Encode)]
struct WireIdentity {
    call_identity: Digits,
    extension: Option<Any>,
}

impl Service for PathReplacement {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        const MISTYPED: Problem = Problem::Invoke(2);
        let identity = || {
            let wire: WireIdentity = argument(invoke)?;
            text(&wire.call_identity.0).ok_or(MISTYPED)
        };
        Some(match invoke.operation.value()? {
            4 => argument::<WirePropose>(invoke).and_then(|wire| {
                Ok(Self::Propose {
                    call_identity: text(&wire.call_identity.0).ok_or(MISTYPED)?,
                    rerouteing_number: from_wire(wire.rerouteing_number).ok_or(MISTYPED)?,
                })
            }),
            5 => identity().map(|call_identity| Self::Setup { call_identity }),
            6 => identity().map(|call_identity| Self::Retain { call_identity }),
            86 => Ok(Self::Invite),
            _ => return None,
        })
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        let identity = |digits: &str| digits_of(digits, 4);
        Ok(match self {
            Self::Propose { call_identity, rerouteing_number } => Operation::new(
                4,
                any(&WirePropose {
                    call_identity: identity(call_identity)?,
                    rerouteing_number: to_wire(rerouteing_number)?,
                    extension: None,
                }),
            ),
            Self::Setup { call_identity } => {
                let wire = WireIdentity { call_identity: identity(call_identity)?, extension: None };
                Operation::new(5, any(&wire)).or(Interpretation::ClearCall)
            }
            Self::Retain { call_identity } => {
                let wire = WireIdentity { call_identity: identity(call_identity)?, extension: None };
                Operation::new(6, any(&wire))
            }
            Self::Invite => Operation::new(86, null()),
        })
    }
}
