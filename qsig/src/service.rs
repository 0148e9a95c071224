//! What all supplementary services have in common: an operation to invoke, how it may end, how one is answered, and which
//! error tells a peer that we know its operation and won't do it.
//!
//! A service module turns its own types into an [`Operation`] and reads them from an [`Invoke`] ([`Service`]). The
//! [`crate::Span`] sends an operation in a call or on a call independent connection ([`crate::Span::invoke`]), keeps its
//! invoke identifier, and supervises it; incoming ones come as [`crate::Event::Invoked`].
//!
//! ```
//! use qsig::service::Service;
//! use qsig::path_replacement::PathReplacement;
//! use qsig::PartyNumber;
//!
//! let propose = PathReplacement::Propose {
//!     call_identity: "12".into(),
//!     rerouteing_number: PartyNumber::Unknown("4711".into()),
//! };
//! let operation = propose.operation()?;
//! assert_eq!(operation.code.value(), Some(4));
//! let invoke = operation.invoke(7);
//! assert_eq!(PathReplacement::read(&invoke), Some(Ok(propose)));
//! # Ok::<(), qsig::InvokeError>(())
//! ```

use std::time::Duration;

use rasn::types::Any;

use crate::facility::{Facility, Interpretation};
use crate::mwi::{self, InvokeError, MwiDialect, MwiRequest};
use crate::q931::{Cause, Element, ie};
use crate::rose::{Code, Component, Invoke, Problem, ReturnError, ReturnResult};

/// One operation to invoke: the same for all services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which.
    pub code: Code,
    /// Its argument, one BER element.
    pub argument: Option<Any>,
    /// What a PINX that does not know it shall do; `None`: the APDU is left out, which means reject.
    pub interpretation: Option<Interpretation>,
    /// Whether it is for the other end PINX (network facility extension); false: for the adjacent PINX.
    pub end_to_end: bool,
    /// How long an answer may take; `None`: the operation has no answer.
    pub supervision: Option<Duration>,
}

/// How long an answer to an operation may take where nothing else is said. From memory: most QSIG services leave 15 s to the
/// implementation.
pub const SUPERVISION: Duration = Duration::from_secs(15);

impl Operation {
    /// Operation `value` (local) from end PINX to end PINX. Whether it is supervised follows from the operation.
    pub fn new(value: i32, argument: Any) -> Self {
        Self {
            code: Code::Local(value),
            argument: Some(argument),
            interpretation: None,
            end_to_end: true,
            supervision: crate::rose::expects_answer(value).then_some(SUPERVISION),
        }
    }

    /// The same, to be discarded or to clear the call where it is not known.
    #[must_use]
    pub fn or(self, interpretation: Interpretation) -> Self {
        Self { interpretation: Some(interpretation), ..self }
    }

    /// As invoke component.
    pub fn invoke(&self, invoke_id: i16) -> Invoke {
        Invoke { invoke_id, linked_id: None, operation: self.code.clone(), argument: self.argument.clone() }
    }

    /// As Facility element. `profile`: see [`Facility::profile`].
    pub fn element(&self, profile: u8, invoke_id: i16) -> Element {
        let component = Component::Invoke(self.invoke(invoke_id));
        let facility = Facility::new(profile, self.end_to_end, self.interpretation, component);
        Element::new(ie::FACILITY, facility.to_vec())
    }
}

/// How an operation of ours ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Return result, with the result if there was one.
    Result(Option<Any>),
    /// Return error: the local value (1008 for a global one we do not know), and its parameter.
    Error(i32, Option<Any>),
    /// Reject.
    Reject(Problem),
    /// Supervision ended.
    NoAnswer,
    /// The call or connection ended first.
    Released(Cause),
}

/// The answer to an operation of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Return result with this result.
    Result(Any),
    /// Return result that is only an identifier.
    Done,
    /// Return error with a local value.
    Error(i32),
    /// Reject.
    Reject(Problem),
}

impl Answer {
    /// As component, for invoke `invoke_id` of `operation`.
    pub fn component(self, invoke_id: i16, operation: Code) -> Component {
        match self {
            Self::Result(result) => Component::result(invoke_id, operation, result),
            Self::Done => Component::ReturnResult(ReturnResult { invoke_id, result: None }),
            Self::Error(error) => Component::ReturnError(ReturnError {
                invoke_id,
                error: Code::Local(error),
                parameter: parameter(error),
            }),
            Self::Reject(problem) => Component::reject(invoke_id, problem),
        }
    }
}

/// The parameter an error's definition makes mandatory: "unspecified" carries an extension.
fn parameter(error: i32) -> Option<Any> {
    // Extension ::= SEQUENCE { extensionId OBJECT IDENTIFIER, extensionArgument }: { 1 3 12 9 } with NULL.
    (error == UNSPECIFIED).then(|| Any::new(vec![0x30, 0x07, 0x06, 0x03, 0x2B, 0x0C, 0x09, 0x05, 0x00]))
}

/// Local error 1008, unspecified.
pub const UNSPECIFIED: i32 = 1008;

/// A service's own type for its operations.
pub trait Service: Sized {
    /// Reads an invoke. `None`: an operation of another service. `Some(Err)`: a mistyped argument, to be rejected with this
    /// problem.
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>>;

    /// The operation, ready to be sent.
    ///
    /// # Errors
    /// [`InvokeError::BadNumber`] and [`InvokeError::BadArgument`].
    fn operation(&self) -> Result<Operation, InvokeError>;
}

impl Service for MwiRequest {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        mwi::parse_invoke(invoke)
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        match mwi::invoke(self, &MwiDialect::default(), 1)? {
            Component::Invoke(Invoke { operation, argument, .. }) => Ok(Operation {
                code: operation,
                argument,
                interpretation: None,
                end_to_end: true,
                supervision: Some(SUPERVISION),
            }),
            _ => Err(InvokeError::BadNumber(self.served_user.digits().to_owned())),
        }
    }
}

/// The error that refuses an operation we know and don't do. `None`: it is treated as unknown, as its interpretation
/// APDU says, because no error of its own says "not here".
///
/// The values are those of Wireshark's `QSIG-*.asn`; which of an operation's errors fits is from memory of the standards:
///
/// | operation | error |
/// |---|---|
/// | call offer, call intrusion | 1000 temporarilyUnavailable |
/// | do not disturb activate, deactivate, interrogate | 3 notAvailable |
/// | path replacement propose | 1002 criteriaPermanentlyUnachievable: the path stays, and is not asked for again |
/// | path replacement invite | 3 notAvailable |
/// | transfer identify, initiate, setup | 3 notAvailable: the other side transfers by join |
/// | single step transfer | 3 notAvailable |
/// | CCBS and CCNR request | 1011 longTermRejection: not asked for again |
/// | charge request | 3 notAvailable |
pub fn refusal_error(operation: i32) -> Option<i32> {
    Some(match operation {
        34 | 43 => 1000,
        4 => 1002,
        7 | 9 | 10 | 35..=37 | 59 | 86 | 99 => 3,
        27 | 40 => 1011,
        _ => return None,
    })
}

/// Reads one BER element into a type of ours; anything else is a mistyped argument.
pub(crate) fn argument<T: rasn::Decode>(invoke: &Invoke) -> Result<T, Problem> {
    const MISTYPED: Problem = Problem::Invoke(2);
    let octets = invoke.argument.as_ref().ok_or(MISTYPED)?.as_bytes();
    rasn::ber::decode(octets).map_err(|_| MISTYPED)
}
