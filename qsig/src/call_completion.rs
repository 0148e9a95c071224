//! Call completion (ECMA-186, ISO/IEC 13870): to a busy user (CCBS) and on no reply (CCNR).
//!
//! | operation | from | meaning |
//! |---|---|---|
//! | 40 ccbsRequest, 27 ccnrRequest | caller's side | tell me when the user is free; answered |
//! | 28 ccCancel | either | forget it |
//! | 29 ccExecPossible | called side | the user is free |
//! | 30 ccPathReserve | caller's side | in a SETUP: hold a path; answered |
//! | 31 ccRingout | caller's side | in SETUP, or on the reserved path: now ring |
//! | 32 ccSuspend, 33 ccResume | called side's user free, caller busy | wait; go on |
//!
//! [`CallCompletion`] reads and writes them; [`Requester`] and [`Responder`] are the two ends' machines: no input or output,
//! no clock, the owner moves what they say over a call independent connection ([`crate::Span::open_connection`]).

mod machine;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use rasn::types::{Any, OctetString};
use rasn::{AsnType, Decode, Decoder as _, Encode, Encoder as _};

pub use machine::{
    CompletionEnd, CompletionTimers, Requester, RequesterOutput, RequesterState, Responder, ResponderOutput,
    ResponderState,
};

use crate::facility::Interpretation;
use crate::mwi::InvokeError;
use crate::party::{
    PartyNumber, PresentedNumber, WireElements, WireNumber, WirePresented, any, from_wire, to_wire,
};
use crate::rose::{Invoke, Problem, null};
use crate::service::{Operation, Service, argument};

/// What a call is to be completed after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletionKind {
    /// CCBS: the user is busy.
    Busy,
    /// CCNR: the user does not answer.
    NoReply,
}

/// Argument of ccbsRequest and ccnrRequest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionRequest {
    /// Caller.
    pub caller: PresentedNumber,
    /// Called user.
    pub called: PartyNumber,
    /// Elements of the call's SETUP: bearer capability at least, as in a message.
    pub service: Bytes,
    /// The caller's side could retain the service if the called user is busy again.
    pub can_retain_service: bool,
    /// Whether the signalling connection should stay up until the call is completed; `None` leaves it to the called side.
    pub retain_connection: Option<bool>,
}

/// Result of ccbsRequest and ccnrRequest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompletionAccepted {
    /// The called side does no path reservation: ring out at once.
    pub no_path_reservation: bool,
    /// The service is retained if the user is busy again.
    pub retain_service: bool,
}

/// Which request an operation on a new connection is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionParties {
    /// Caller.
    pub caller: PartyNumber,
    /// Called user.
    pub called: PartyNumber,
    /// As in the request.
    pub service: Bytes,
}

/// One operation of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallCompletion {
    /// ccbsRequest (40) or ccnrRequest (27).
    Request(CompletionKind, CompletionRequest),
    /// ccCancel (28); the parties are given where the connection does not tell.
    Cancel(Option<CompletionParties>),
    /// ccExecPossible (29).
    ExecPossible(Option<CompletionParties>),
    /// ccPathReserve (30).
    PathReserve,
    /// ccRingout (31).
    Ringout,
    /// ccSuspend (32).
    Suspend,
    /// ccResume (33).
    Resume,
}

#[derive(AsnType, Decode, Encode)]
struct WireRequest {
    caller: WirePresented,
    called: WireNumber,
    service: WireElements,
    #[rasn(tag(explicit(context, 10)))]
    caller_subaddress: Option<Any>,
    #[rasn(tag(explicit(context, 11)))]
    called_subaddress: Option<Any>,
    #[rasn(tag(context, 12))]
    can_retain_service: Option<bool>,
    #[rasn(tag(context, 13))]
    retain_connection: Option<bool>,
    extension: Option<Any>,
}

#[derive(AsnType, Decode, Encode)]
struct WireAccepted {
    #[rasn(tag(context, 0))]
    no_path_reservation: Option<bool>,
    #[rasn(tag(context, 1))]
    retain_service: Option<bool>,
    extension: Option<Any>,
}

#[derive(AsnType, Decode, Encode)]
#[rasn(tag(context, 0))]
struct WireParties {
    caller: WireNumber,
    called: WireNumber,
    service: WireElements,
    #[rasn(tag(explicit(context, 10)))]
    caller_subaddress: Option<Any>,
    #[rasn(tag(explicit(context, 11)))]
    called_subaddress: Option<Any>,
    extension: Option<Any>,
}

const MISTYPED: Problem = Problem::Invoke(2);

impl CompletionAccepted {
    /// The result as BER element.
    pub fn result(self) -> Any {
        any(&WireAccepted {
            no_path_reservation: self.no_path_reservation.then_some(true),
            retain_service: self.retain_service.then_some(true),
            extension: None,
        })
    }

    /// Reads the result.
    pub fn parse(result: &Any) -> Option<Self> {
        let wire: WireAccepted = rasn::ber::decode(result.as_bytes()).ok()?;
        Some(Self {
            no_path_reservation: wire.no_path_reservation.unwrap_or(false),
            retain_service: wire.retain_service.unwrap_or(false),
        })
    }
}

impl Service for CallCompletion {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        Some(match invoke.operation.value()? {
            27 => request(invoke).map(|request| Self::Request(CompletionKind::NoReply, request)),
            40 => request(invoke).map(|request| Self::Request(CompletionKind::Busy, request)),
            28 => parties(invoke).map(Self::Cancel),
            29 => parties(invoke).map(Self::ExecPossible),
            30 => Ok(Self::PathReserve),
            31 => Ok(Self::Ringout),
            32 => Ok(Self::Suspend),
            33 => Ok(Self::Resume),
            _ => return None,
        })
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        let optional = |parties: &Option<CompletionParties>| {
            Ok::<_, InvokeError>(match parties {
                None => null(),
                Some(parties) => any(&WireParties {
                    caller: to_wire(&parties.caller)?,
                    called: to_wire(&parties.called)?,
                    service: elements(&parties.service),
                    caller_subaddress: None,
                    called_subaddress: None,
                    extension: None,
                }),
            })
        };
        Ok(match self {
            Self::Request(kind, request) => {
                let operation = match kind {
                    CompletionKind::Busy => 40,
                    CompletionKind::NoReply => 27,
                };
                let argument = any(&WireRequest {
                    caller: request.caller.to_wire()?,
                    called: to_wire(&request.called)?,
                    service: elements(&request.service),
                    caller_subaddress: None,
                    called_subaddress: None,
                    can_retain_service: request.can_retain_service.then_some(true),
                    retain_connection: request.retain_connection,
                    extension: None,
                });
                Operation::new(operation, argument).or(Interpretation::ClearCall)
            }
            Self::Cancel(parties) => Operation::new(28, optional(parties)?).or(Interpretation::ClearCall),
            Self::ExecPossible(parties) => {
                Operation::new(29, optional(parties)?).or(Interpretation::ClearCall)
            }
            Self::PathReserve => Operation::new(30, null()).or(Interpretation::ClearCall),
            Self::Ringout => Operation::new(31, null()).or(Interpretation::ClearCall),
            Self::Suspend => Operation::new(32, null()).or(Interpretation::ClearCall),
            Self::Resume => Operation::new(33, null()).or(Interpretation::ClearCall),
        })
    }
}

fn elements(octets: &Bytes) -> WireElements {
    WireElements(OctetString::from_slice(octets))
}

fn request(invoke: &Invoke) -> Result<CompletionRequest, Problem> {
    let wire: WireRequest = argument(invoke)?;
    Ok(CompletionRequest {
        caller: PresentedNumber::from_wire(wire.caller).ok_or(MISTYPED)?,
        called: from_wire(wire.called).ok_or(MISTYPED)?,
        service: Bytes::copy_from_slice(&wire.service.0),
        can_retain_service: wire.can_retain_service.unwrap_or(false),
        retain_connection: wire.retain_connection,
    })
}

/// CcOptionalArg: the parties, or NULL or an extension.
fn parties(invoke: &Invoke) -> Result<Option<CompletionParties>, Problem> {
    let Some(octets) = invoke.argument.as_ref().map(Any::as_bytes) else { return Ok(None) };
    if octets.first() != Some(&0xA0) {
        return Ok(None);
    }
    let wire: WireParties = argument(invoke)?;
    Ok(Some(CompletionParties {
        caller: from_wire(wire.caller).ok_or(MISTYPED)?,
        called: from_wire(wire.called).ok_or(MISTYPED)?,
        service: Bytes::copy_from_slice(&wire.service.0),
    }))
}
