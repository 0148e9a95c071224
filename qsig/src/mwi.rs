//! QSIG message waiting indication (ECMA-242, ISO/IEC 15506): operations 80, 81, 82 and their arguments.

pub mod etsi;

use bytes::Bytes;
use rasn::types::{Any, OctetString};
use rasn::{AsnType, Decode, Encode};
use std::time::Duration;

use crate::facility::{self, Interpretation};
pub use crate::party::PartyNumber;
use crate::party::{
    Digits, Enumerated, WireNumber, any, digits_of, from_wire, number, parse_number, text, to_wire,
};
use crate::rose::{Code, Component, Invoke, Problem};

/// The three operations of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MwiAction {
    /// mWIActivate (80): messages wait.
    Activate,
    /// mWIDeactivate (81): none wait.
    Deactivate,
    /// mWIInterrogate (82): which services have messages waiting?
    Interrogate,
}

impl MwiAction {
    /// The local operation value.
    pub fn operation(self) -> u8 {
        match self {
            Self::Activate => 80,
            Self::Deactivate => 81,
            Self::Interrogate => 82,
        }
    }

    /// The action of a local operation value.
    pub fn from_operation(value: i32) -> Option<Self> {
        Some(match value {
            80 => Self::Activate,
            81 => Self::Deactivate,
            82 => Self::Interrogate,
            _ => return None,
        })
    }
}

/// The basic service an indication is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BasicService(pub u8);

impl BasicService {
    /// All services.
    pub const ALL: Self = Self(0);
    /// Speech: what voice mail uses.
    pub const SPEECH: Self = Self(1);
    /// Unrestricted digital information.
    pub const DIGITAL: Self = Self(2);
    /// 3.1 kHz audio.
    pub const AUDIO: Self = Self(3);
    /// Telephony.
    pub const TELEPHONY: Self = Self(32);
    /// Facsimile group 4 class 1.
    pub const FAX_GROUP_4: Self = Self(34);
    /// Facsimile group 2 and 3.
    pub const FAX: Self = Self(37);
    /// E-mail (ECMA-347).
    pub const EMAIL: Self = Self(51);
    /// Video (ECMA-347).
    pub const VIDEO: Self = Self(52);
    /// Short message (ECMA-347).
    pub const SHORT_MESSAGE: Self = Self(54);
    /// Multimedia, kind not known (ECMA-347).
    pub const MULTIMEDIA: Self = Self(66);
}

/// Which message centre.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MsgCentreId {
    /// A number both ends agreed on, 0..=65535.
    Integer(u16),
    /// The centre's telephone number.
    Party(PartyNumber),
    /// 1 to 10 digits.
    Numeric(String),
}

/// One operation and its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MwiRequest {
    /// Which operation.
    pub action: MwiAction,
    /// Whose lamp.
    pub served_user: PartyNumber,
    /// For which service.
    pub basic_service: BasicService,
    /// From which message centre.
    pub message_centre: Option<MsgCentreId>,
    /// nbOfMessages, activation only. 0 is never sent: in the sister protocol H.450.7 it asks for a call back.
    pub messages: Option<u16>,
    /// Who left the message, activation only.
    pub originating: Option<PartyNumber>,
    /// When: `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, then nothing, `Z`, `+HHMM` or `-HHMM`; activation only.
    pub timestamp: Option<String>,
    /// 0 (highest) to 9, activation only.
    pub priority: Option<u8>,
    /// Calling party number of the connection; not part of the argument.
    pub calling_number: Option<PartyNumber>,
    /// Called party number of the connection, if not the served user; not part of the argument.
    pub called_number: Option<PartyNumber>,
    /// Extensions and elements we do not know, each a BER element, as received; sent after the others.
    pub extensions: Vec<Bytes>,
}

impl MwiRequest {
    /// A request for speech with nothing optional.
    pub fn new(action: MwiAction, served_user: PartyNumber) -> Self {
        Self {
            action,
            served_user,
            basic_service: BasicService::SPEECH,
            message_centre: None,
            messages: None,
            originating: None,
            timestamp: None,
            priority: None,
            calling_number: None,
            called_number: None,
            extensions: Vec::new(),
        }
    }
}

/// How the operation value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OperationForm {
    /// `02 01 50`: ISO editions from about 1997.
    #[default]
    Local,
    /// { 1 3 12 9 80 }: older ECMA and ETSI editions, usually with profile 0x91.
    EcmaGlobal,
    /// { 1 0 15506 0 80 }: first ISO editions (derived by analogy with names).
    IsoGlobal,
}

impl OperationForm {
    fn code(self, operation: u8) -> Code {
        match self {
            Self::Local => Code::Local(i32::from(operation)),
            Self::EcmaGlobal => Code::ecma(operation),
            Self::IsoGlobal => Code::iso(15506, operation),
        }
    }
}

/// How one trunk's exchange wants message waiting written. All forms are accepted on receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MwiDialect {
    /// Form of the operation value.
    pub operation: OperationForm,
    /// Profile octet, [`facility::PROFILE_NETWORKING`] (0x9F) or [`facility::PROFILE_REMOTE_OPERATIONS`] (0x91).
    pub profile: u8,
    /// Whether a network facility extension (end PINX to end PINX) is sent.
    pub nfe: bool,
    /// Interpretation APDU; `None` (the default) leaves it out, so that a PBX without the service rejects.
    /// From memory of the standard: the default is to be checked against ECMA-242.
    pub interpretation: Option<Interpretation>,
    /// Whether the SETUP carries sending complete (`A1`).
    pub sending_complete: bool,
    /// Longest wait for an answer once the SETUP was answered. 15 s; from memory, ECMA-242 to be checked.
    pub supervision: Duration,
    /// CONNECT without an APDU counts as done, at once. False: wait for FACILITY until supervision ends, then
    /// [`MwiOutcome::ConnectedWithoutResult`].
    pub connect_is_done: bool,
    /// Whether nbOfMessages is sent.
    pub send_count: bool,
    /// First invoke identifier of the span, 1..=32767; later ones count up.
    pub first_invoke_id: i16,
}

impl Default for MwiDialect {
    fn default() -> Self {
        Self {
            operation: OperationForm::Local,
            profile: facility::PROFILE_NETWORKING,
            nfe: true,
            interpretation: None,
            sending_complete: true,
            supervision: Duration::from_secs(15),
            connect_is_done: false,
            send_count: true,
            first_invoke_id: 1,
        }
    }
}

impl MwiDialect {
    /// What libpri 1.6.0 itself sends: interpretation "discard", neither count nor sending complete.
    pub fn libpri() -> Self {
        Self {
            interpretation: Some(Interpretation::Discard),
            sending_complete: false,
            send_count: false,
            ..Self::default()
        }
    }
}

/// How an operation we asked for ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MwiOutcome {
    /// Return result.
    Done,
    /// Return result of an interrogation, with what is waiting; empty if nothing is.
    Interrogated(Vec<MwiStatus>),
    /// Return error, by its local value (6 invalidServedUserNr, 1018 invalidMsgCentreId, …); a global value that has
    /// no local one is 1008, unspecified.
    Error(i32),
    /// Reject.
    Reject(Problem),
    /// Cleared without an APDU: Q.850 cause.
    Cause(u8),
    /// CONNECT, and nothing more until supervision ended.
    ConnectedWithoutResult,
    /// No answer to the SETUP and its repetition (T303 twice), or none after CALL PROCEEDING until supervision ended.
    NoAnswer,
    /// The data link was lost before the answer.
    LinkDown,
}

/// One element of an interrogation's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MwiStatus {
    /// For which service.
    pub basic_service: BasicService,
    /// From which message centre.
    pub message_centre: Option<MsgCentreId>,
    /// nbOfMessages.
    pub messages: Option<u16>,
    /// Who left the message.
    pub originating: Option<PartyNumber>,
    /// When, as in [`MwiRequest::timestamp`].
    pub timestamp: Option<String>,
    /// 0 (highest) to 9.
    pub priority: Option<u8>,
}

/// The served user side's answer to an indication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MwiAnswer {
    /// Return result with operation and NULL.
    Result,
    /// Return result with the invoke identifier alone, as libpri sends it.
    ShortResult,
    /// Return error with this local value.
    Error(i32),
    /// Reject with this invoke problem (1 unrecognised operation).
    Reject(u8),
    /// RELEASE COMPLETE with this cause, no APDU.
    Cause(u8),
    /// CONNECT without an APDU.
    Silent,
    /// Result of an interrogation.
    InterrogateResult(Vec<MwiStatus>),
}

/// Why a request cannot be put on the trunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The data link is not established.
    #[error("the data link is not established")]
    LinkDown,
    /// The switch type does not have the operation.
    #[error("switch type {0} has no such message waiting operation, expected primary-qsig or primary-net5")]
    SwitchType(crate::SwitchType),
    /// A number that PartyNumber cannot carry.
    #[error("number {0:?}, expected 1 to 20 digits")]
    BadNumber(String),
    /// A timestamp, priority or message centre out of range.
    #[error("{element} is {found:?}, expected {expected}")]
    BadArgument {
        /// Which element.
        element: &'static str,
        /// What it was.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The SETUP would not fit N201, or the Facility element 255 octets.
    #[error("SETUP of {len} octets, limit {limit}")]
    TooLong {
        /// Octets it would take.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many operations are under way.
    #[error("{0} operations under way already")]
    TooMany(usize),
}

// ---- wire forms ----

#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(delegate, tag(universal, 24))]
struct GeneralizedTime(OctetString);

/// The elements after basicService in an activation (and in an interrogation's result).
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
enum Tail {
    #[rasn(tag(context, 0))]
    CentreInteger(u16),
    #[rasn(tag(explicit(context, 1)))]
    CentreParty(WireNumber),
    #[rasn(tag(context, 2))]
    CentreNumeric(Digits),
    #[rasn(tag(context, 3))]
    Messages(u16),
    #[rasn(tag(explicit(context, 4)))]
    Originating(WireNumber),
    Timestamp(GeneralizedTime),
    #[rasn(tag(context, 5))]
    Priority(u8),
}

const ACTIVATE_TAIL: [u8; 7] = [0x80, 0xA1, 0x82, 0x83, 0xA4, 0x18, 0x85];
const OTHER_TAIL: [u8; 3] = [0x80, 0xA1, 0x82];

/// Most elements an interrogation's result may list.
const MAX_STATUS: usize = 10;

/// The invoke component of a request.
///
/// # Errors
/// [`InvokeError::BadNumber`] and [`InvokeError::BadArgument`].
pub fn invoke(request: &MwiRequest, dialect: &MwiDialect, invoke_id: i16) -> Result<Component, InvokeError> {
    let mut elements = vec![number(&request.served_user)?, any(&Enumerated(request.basic_service.0))];
    let activation = request.action == MwiAction::Activate;
    let status = MwiStatus {
        basic_service: request.basic_service,
        message_centre: request.message_centre.clone(),
        messages: request.messages.filter(|&n| activation && dialect.send_count && n != 0),
        originating: request.originating.clone().filter(|_| activation),
        timestamp: request.timestamp.clone().filter(|_| activation),
        priority: request.priority.filter(|_| activation),
    };
    tail(&status, &mut elements)?;
    elements.extend(request.extensions.iter().map(|octets| Any::new(octets.to_vec())));
    Ok(Component::Invoke(Invoke {
        invoke_id,
        linked_id: None,
        operation: dialect.operation.code(request.action.operation()),
        argument: Some(any(&elements)),
    }))
}

/// Reads an invoke of operation 80, 81 or 82. `None`: another operation. `Some(Err)`: a mistyped argument.
pub fn parse_invoke(invoke: &Invoke) -> Option<Result<MwiRequest, Problem>> {
    let action = MwiAction::from_operation(invoke.operation.value()?)?;
    Some(invoke.argument.as_ref().and_then(|a| parse_argument(action, a)).ok_or(Problem::Invoke(2)))
}

/// The BER element of an interrogation's result: at most 10 elements, the others are left out.
///
/// # Errors
/// [`InvokeError::BadNumber`] and [`InvokeError::BadArgument`].
pub fn interrogate_result(list: &[MwiStatus]) -> Result<Any, InvokeError> {
    let mut sequence = Vec::with_capacity(list.len());
    for status in list.iter().take(MAX_STATUS) {
        let mut elements = vec![any(&Enumerated(status.basic_service.0))];
        tail(status, &mut elements)?;
        sequence.push(any(&elements));
    }
    Ok(any(&sequence))
}

/// Reads an interrogation's result; an empty list is accepted.
pub fn parse_interrogate_result(result: &Any) -> Option<Vec<MwiStatus>> {
    let list: Vec<Any> = rasn::ber::decode(result.as_bytes()).ok()?;
    list.iter()
        .take(MAX_STATUS)
        .map(|element| {
            let elements: Vec<Any> = rasn::ber::decode(element.as_bytes()).ok()?;
            let (service, rest) = elements.split_first()?;
            Some(parse_tail(parse_service(service)?, rest, &ACTIVATE_TAIL)?.0)
        })
        .collect()
}

fn parse_argument(action: MwiAction, argument: &Any) -> Option<MwiRequest> {
    let elements: Vec<Any> = rasn::ber::decode(argument.as_bytes()).ok()?;
    // By position, not by tag: 0x80 is an unknown-plan number first, a message centre later.
    let (served_user, rest) = elements.split_first()?;
    let (service, rest) = rest.split_first()?;
    let known: &[u8] = if action == MwiAction::Activate { &ACTIVATE_TAIL } else { &OTHER_TAIL };
    let (status, extensions) = parse_tail(parse_service(service)?, rest, known)?;
    Some(MwiRequest {
        action,
        served_user: parse_number(served_user)?,
        basic_service: status.basic_service,
        message_centre: status.message_centre,
        messages: status.messages,
        originating: status.originating,
        timestamp: status.timestamp,
        priority: status.priority,
        calling_number: None,
        called_number: None,
        extensions,
    })
}

fn parse_service(element: &Any) -> Option<BasicService> {
    rasn::ber::decode::<Enumerated>(element.as_bytes()).ok().map(|value| BasicService(value.0))
}

fn parse_tail(service: BasicService, rest: &[Any], known: &[u8]) -> Option<(MwiStatus, Vec<Bytes>)> {
    let mut status = MwiStatus {
        basic_service: service,
        message_centre: None,
        messages: None,
        originating: None,
        timestamp: None,
        priority: None,
    };
    let mut extensions = Vec::new();
    for element in rest {
        let octets = element.as_bytes();
        if !octets.first().is_some_and(|tag| known.contains(tag)) {
            extensions.push(Bytes::copy_from_slice(octets));
            continue;
        }
        match rasn::ber::decode::<Tail>(octets).ok()? {
            Tail::CentreInteger(value) => status.message_centre = Some(MsgCentreId::Integer(value)),
            Tail::CentreParty(value) => {
                status.message_centre = Some(MsgCentreId::Party(from_wire(value)?));
            }
            Tail::CentreNumeric(value) => {
                status.message_centre = Some(MsgCentreId::Numeric(text(&value.0)?));
            }
            Tail::Messages(value) => status.messages = Some(value),
            Tail::Originating(value) => status.originating = Some(from_wire(value)?),
            Tail::Timestamp(value) => status.timestamp = Some(text(&value.0)?),
            Tail::Priority(value) => status.priority = Some(value),
        }
    }
    Some((status, extensions))
}

fn tail(status: &MwiStatus, elements: &mut Vec<Any>) -> Result<(), InvokeError> {
    match &status.message_centre {
        Some(MsgCentreId::Integer(value)) => elements.push(any(&Tail::CentreInteger(*value))),
        Some(MsgCentreId::Party(value)) => elements.push(any(&Tail::CentreParty(to_wire(value)?))),
        Some(MsgCentreId::Numeric(value)) => {
            let digits = digits_of(value, 10).map_err(|_| InvokeError::BadArgument {
                element: "msgCentreId",
                found: value.clone(),
                expected: "1 to 10 digits",
            })?;
            elements.push(any(&Tail::CentreNumeric(digits)));
        }
        None => {}
    }
    if let Some(value) = status.messages {
        elements.push(any(&Tail::Messages(value)));
    }
    if let Some(value) = &status.originating {
        elements.push(any(&Tail::Originating(to_wire(value)?)));
    }
    if let Some(value) = &status.timestamp {
        let form = value.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'Z' | b'+' | b'-'));
        if !form || !(12..=19).contains(&value.len()) {
            return Err(InvokeError::BadArgument {
                element: "timestamp",
                found: value.clone(),
                expected: "YYYYMMDDHHMM[SS][Z|+HHMM|-HHMM]",
            });
        }
        elements.push(any(&Tail::Timestamp(GeneralizedTime(OctetString::from_slice(value.as_bytes())))));
    }
    if let Some(value) = status.priority {
        if value > 9 {
            let found = value.to_string();
            return Err(InvokeError::BadArgument { element: "priority", found, expected: "0 to 9" });
        }
        elements.push(any(&Tail::Priority(value)));
    }
    Ok(())
}
