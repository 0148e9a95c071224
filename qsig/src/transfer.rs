//! Call transfer (ECMA-178, ISO/IEC 13869).
//!
//! By join: who transfers connects its two calls and tells each far end who is there now, with callTransferComplete (12);
//! callTransferActive (11) follows when an alerted party answers, callTransferUpdate (13) when number or name become known.
//! They return nothing ([`Transfer`]).
//!
//! By rerouteing: callTransferIdentify (7) asks for an identity, callTransferInitiate (9) gives it to the other end, which
//! sets a call up with callTransferSetup (10); callTransferAbandon (8) takes the identity back ([`TransferControl`]).

use rasn::types::Any;
use rasn::{AsnType, Decode, Decoder as _, Encode};

use crate::PartyNumber;
use crate::facility::{Facility, Interpretation};
use crate::mwi::InvokeError;
use crate::name::{self, Name};
use crate::party::{
    Digits, Enumerated, PresentedNumber, WireNumber, WireScreened, any, digits_of, from_wire, text, to_wire,
};
use crate::q931::{Message, ie};
use crate::rose::{Component, Invoke, Problem, null};
use crate::service::{Operation, Service, argument};

/// Who is at the other end after a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Which operation told it.
    pub kind: TransferKind,
    /// The new party's number.
    pub number: PresentedNumber,
    /// The new party's name.
    pub name: Option<Name>,
}

/// The operations of [`Transfer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferKind {
    /// callTransferComplete: the parties were joined.
    Complete {
        /// Which end of the transferred call this side is: 0 primary, 1 secondary.
        end: u8,
        /// The new party is still being alerted (0 answered, 1 alerting on the wire).
        alerting: bool,
    },
    /// callTransferActive: the alerted party answered.
    Active,
    /// callTransferUpdate: number or name became known.
    Update,
}

impl Transfer {
    /// The first transfer information in a message's Facility elements.
    pub fn find(message: &Message) -> Option<Self> {
        message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)).find_map(|facility| {
            facility.components().find_map(|component| match component {
                Component::Invoke(invoke) => Self::parse(invoke),
                _ => None,
            })
        })
    }

    /// Reads an invoke of operation 11, 12 or 13; `None` for others, and for arguments that cannot be read.
    pub fn parse(invoke: &Invoke) -> Option<Self> {
        let operation = invoke.operation.value().filter(|value| (11..=13).contains(value))?;
        let elements: Vec<Any> = rasn::ber::decode(invoke.argument.as_ref()?.as_bytes()).ok()?;
        let mut rest = elements.as_slice();
        let mut end = 0;
        if operation == 12 {
            let (first, tail) = rest.split_first()?;
            end = rasn::ber::decode::<Enumerated>(first.as_bytes()).ok()?.0;
            rest = tail;
        }
        let (number, rest) = rest.split_first()?;
        let number: WireScreened = rasn::ber::decode(number.as_bytes()).ok()?;
        // Basic call information elements ([APPLICATION 0]) and extensions may stand around name and status.
        let name = rest.iter().find_map(Name::parse);
        let status = rest
            .iter()
            .filter(|element| element.as_bytes().first() == Some(&0x0A))
            .find_map(|element| rasn::ber::decode::<Enumerated>(element.as_bytes()).ok());
        let kind = match operation {
            11 => TransferKind::Active,
            12 => TransferKind::Complete { end, alerting: status == Some(Enumerated(1)) },
            _ => TransferKind::Update,
        };
        Some(Self { kind, number: PresentedNumber::from_screened(number)?, name })
    }
}

impl Transfer {
    /// What a PINX that transfers by join tells the far ends of its primary and of its secondary call: to each the other.
    /// `alerting`: the secondary party has not answered yet.
    pub fn joined(
        primary: (PresentedNumber, Option<Name>),
        secondary: (PresentedNumber, Option<Name>),
        alerting: bool,
    ) -> [Self; 2] {
        let complete = |end, alerting, (number, name)| Self {
            kind: TransferKind::Complete { end, alerting },
            number,
            name,
        };
        [complete(0, alerting, secondary), complete(1, false, primary)]
    }
}

impl Service for Transfer {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        invoke.operation.value().filter(|value| (11..=13).contains(value))?;
        Some(Self::parse(invoke).ok_or(Problem::Invoke(2)))
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        let number = any(&self.number.to_screened()?);
        let name = self.name.as_ref().map(|name| any(&name::to_wire(name)));
        let (operation, elements) = match self.kind {
            TransferKind::Active => (11, vec![Some(number), name]),
            TransferKind::Complete { end, alerting } => {
                // answered is the default and is left out.
                let status = alerting.then(|| any(&Enumerated(1)));
                (12, vec![Some(any(&Enumerated(end))), Some(number), name, status])
            }
            TransferKind::Update => (13, vec![Some(number), name]),
        };
        let elements: Vec<Any> = elements.into_iter().flatten().collect();
        Ok(Operation::new(operation, any(&elements)).or(Interpretation::Discard))
    }
}

/// Transfer by rerouteing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferControl {
    /// callTransferIdentify (7): what identity and number may your call be transferred to? Answered by [`Identity`].
    Identify,
    /// callTransferAbandon (8): the identity is not needed.
    Abandon,
    /// callTransferInitiate (9): call the other end.
    Initiate(Identity),
    /// callTransferSetup (10), in the SETUP of the new call.
    Setup {
        /// As [`Identity::call_identity`].
        call_identity: String,
    },
}

/// What callTransferIdentify returns and callTransferInitiate passes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// 1 to 4 digits; empty where the identity is not needed.
    pub call_identity: String,
    /// The number to call.
    pub rerouteing_number: PartyNumber,
}

#[derive(AsnType, Decode, Encode)]
struct WireIdentity {
    call_identity: Digits,
    rerouteing_number: WireNumber,
    extension: Option<Any>,
}

#[derive(AsnType, Decode, Encode)]
struct WireSetup {
    call_identity: Digits,
    extension: Option<Any>,
}

impl Identity {
    /// The result of callTransferIdentify.
    ///
    /// # Errors
    /// [`InvokeError::BadNumber`]
    pub fn result(&self) -> Result<Any, InvokeError> {
        Ok(any(&WireIdentity {
            call_identity: digits_of(&self.call_identity, 4)?,
            rerouteing_number: to_wire(&self.rerouteing_number)?,
            extension: None,
        }))
    }

    /// Reads the result of callTransferIdentify.
    pub fn parse(result: &Any) -> Option<Self> {
        Self::from_wire(rasn::ber::decode(result.as_bytes()).ok()?)
    }

    fn from_wire(wire: WireIdentity) -> Option<Self> {
        Some(Self {
            call_identity: text(&wire.call_identity.0)?,
            rerouteing_number: from_wire(wire.rerouteing_number)?,
        })
    }
}

impl Service for TransferControl {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        const MISTYPED: Problem = Problem::Invoke(2);
        Some(match invoke.operation.value()? {
            7 => Ok(Self::Identify),
            8 => Ok(Self::Abandon),
            9 => argument(invoke)
                .and_then(|wire| Identity::from_wire(wire).map(Self::Initiate).ok_or(MISTYPED)),
            10 => argument::<WireSetup>(invoke).and_then(|wire| {
                let call_identity = text(&wire.call_identity.0).ok_or(MISTYPED)?;
                Ok(Self::Setup { call_identity })
            }),
            _ => return None,
        })
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        Ok(match self {
            Self::Identify => Operation::new(7, null()),
            Self::Abandon => Operation::new(8, null()).or(Interpretation::Discard),
            Self::Initiate(identity) => Operation::new(9, identity.result()?),
            Self::Setup { call_identity } => {
                let wire = WireSetup { call_identity: digits_of(call_identity, 4)?, extension: None };
                Operation::new(10, any(&wire)).or(Interpretation::ClearCall)
            }
        })
    }
}
