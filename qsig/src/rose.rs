//! ROSE (X.880) as Q.932 and QSIG carry it: invoke, return result, return error, reject; BER by rasn.
//!
//! Arguments, results and parameters stay octets ([`rasn::types::Any`]): an operation we do not know goes through
//! unharmed.

use rasn::types::{Any, ObjectIdentifier};
use rasn::{AsnType, Decode, Decoder as _, Encode};

/// An operation or error value: local, or global as the first editions of the standards had them.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq, Hash)]
#[rasn(choice)]
pub enum Code {
    /// A local value.
    Local(i32),
    /// An object identifier.
    Global(ObjectIdentifier),
}

/// Arcs of the ECMA "private ISDN signalling domain": { 1 3 12 9 n } is operation n.
const ECMA: [u32; 4] = [1, 3, 12, 9];
/// Arcs of an ISO standard's global values: { 1 0 standard 0 n } is operation n.
const ISO: [u32; 2] = [1, 0];

impl Code {
    /// The value in the numbering of the local values: `n`, { 1 3 12 9 n } and { 1 0 standard 0 n } are all n.
    pub fn value(&self) -> Option<i32> {
        match self {
            Self::Local(value) => Some(*value),
            Self::Global(oid) => {
                let arcs: &[u32] = oid;
                match *arcs {
                    [a, b, c, d, n] if [a, b, c, d] == ECMA => i32::try_from(n).ok(),
                    [a, b, _, 0, n] if [a, b] == ISO => i32::try_from(n).ok(),
                    _ => None,
                }
            }
        }
    }

    /// { 1 3 12 9 n }.
    pub fn ecma(value: u8) -> Self {
        Self::global(&[1, 3, 12, 9, u32::from(value)])
    }

    /// { 1 0 `standard` 0 n }; 15506 is message waiting, 13868 names.
    pub fn iso(standard: u32, value: u8) -> Self {
        Self::global(&[1, 0, standard, 0, u32::from(value)])
    }

    pub(crate) fn global(arcs: &[u32]) -> Self {
        // All callers give arcs that start 1.3, 1.0 or 0.4, which is always a valid identifier.
        ObjectIdentifier::new(arcs.to_vec()).map_or(Self::Local(0), Self::Global)
    }
}

/// Most octets of a component: what one information element can carry. It bounds the depth BER can nest to.
pub(crate) const MAX_OCTETS: usize = 255;

/// Why octets are not a ROSE component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// More than an information element can carry.
    #[error("component of {0} octets, expected at most 255")]
    TooLong(usize),
    /// Not BER, or not one of the four components: the decoder's words.
    #[error("no ROSE component: {0}")]
    Ber(String),
}

/// One ROSE component.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
#[rasn(choice)]
pub enum Component {
    /// Asks for an operation.
    #[rasn(tag(context, 1))]
    Invoke(Invoke),
    /// The operation was done.
    #[rasn(tag(context, 2))]
    ReturnResult(ReturnResult),
    /// The operation was understood and not done.
    #[rasn(tag(context, 3))]
    ReturnError(ReturnError),
    /// The component was not understood.
    #[rasn(tag(context, 4))]
    Reject(Reject),
}

/// An invoke component.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub struct Invoke {
    /// Invoke identifier, -32768..=32767.
    pub invoke_id: i16,
    /// The invoke this one belongs to.
    #[rasn(tag(context, 0))]
    pub linked_id: Option<i16>,
    /// Which operation.
    pub operation: Code,
    /// Its argument, one BER element.
    pub argument: Option<Any>,
}

/// A return result component.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub struct ReturnResult {
    /// The invoke it answers.
    pub invoke_id: i16,
    /// Operation and result; may be absent as a whole (libpri sends only the identifier).
    pub result: Option<ResultBody>,
}

/// The inner sequence of a return result.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub struct ResultBody {
    /// Which operation.
    pub operation: Code,
    /// Its result, one BER element.
    pub result: Option<Any>,
}

/// A return error component.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub struct ReturnError {
    /// The invoke it answers.
    pub invoke_id: i16,
    /// Which error.
    pub error: Code,
    /// Its parameter, one BER element.
    pub parameter: Option<Any>,
}

/// A reject component.
#[derive(AsnType, Decode, Encode, Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// What is rejected.
    pub invoke_id: RejectedId,
    /// Why.
    pub problem: Problem,
}

/// The invoke identifier of a reject, absent if it could not be read.
#[derive(AsnType, Decode, Encode, Clone, Copy, Debug, PartialEq, Eq)]
#[rasn(choice)]
pub enum RejectedId {
    /// The identifier.
    Id(i16),
    /// Not known.
    Unknown(()),
}

/// Why a component was rejected, X.880 / Q.932.
#[derive(AsnType, Decode, Encode, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[rasn(choice)]
pub enum Problem {
    /// 0 unrecognised component, 1 mistyped component, 2 badly structured component.
    #[rasn(tag(context, 0))]
    General(i32),
    /// 0 duplicate invocation, 1 unrecognised operation, 2 mistyped argument, 3 resource limitation,
    /// 4 initiator releasing, 5 unrecognised linked id, 6 linked response unexpected, 7 unexpected linked operation.
    #[rasn(tag(context, 1))]
    Invoke(i32),
    /// 0 unrecognised invocation, 1 result response unexpected, 2 mistyped result.
    #[rasn(tag(context, 2))]
    Result(i32),
    /// 0 unrecognised invocation, 1 error response unexpected, 2 unrecognised error, 3 unexpected error,
    /// 4 mistyped parameter.
    #[rasn(tag(context, 3))]
    Error(i32),
}

impl Component {
    /// The component's BER octets. Empty if rasn refuses, which no value of these types makes it do.
    pub fn to_vec(&self) -> Vec<u8> {
        rasn::ber::encode(self).unwrap_or_default()
    }

    /// Reads one component that fills `octets`.
    ///
    /// # Errors
    /// [`ComponentError`]
    pub fn parse(octets: &[u8]) -> Result<Self, ComponentError> {
        if octets.len() > MAX_OCTETS {
            return Err(ComponentError::TooLong(octets.len()));
        }
        rasn::ber::decode(octets).map_err(|error| ComponentError::Ber(error.to_string()))
    }

    /// The invoke this component asks for or answers.
    pub fn invoke_id(&self) -> Option<i16> {
        match self {
            Self::Invoke(invoke) => Some(invoke.invoke_id),
            Self::ReturnResult(result) => Some(result.invoke_id),
            Self::ReturnError(error) => Some(error.invoke_id),
            Self::Reject(Reject { invoke_id: RejectedId::Id(id), .. }) => Some(*id),
            Self::Reject(_) => None,
        }
    }

    /// A reject of invoke `invoke_id`.
    pub fn reject(invoke_id: i16, problem: Problem) -> Self {
        Self::Reject(Reject { invoke_id: RejectedId::Id(invoke_id), problem })
    }

    /// A return error with a local value and no parameter.
    pub fn error(invoke_id: i16, error: i32) -> Self {
        Self::ReturnError(ReturnError { invoke_id, error: Code::Local(error), parameter: None })
    }

    /// A return result.
    pub fn result(invoke_id: i16, operation: Code, result: Any) -> Self {
        let result = Some(ResultBody { operation, result: Some(result) });
        Self::ReturnResult(ReturnResult { invoke_id, result })
    }
}

/// The BER encoding of NULL, the result of operations that have none.
pub fn null() -> Any {
    Any::new(vec![0x05, 0x00])
}

/// The name of a QSIG operation by its local value, as the standards spell it.
pub fn operation_name(value: i32) -> Option<&'static str> {
    Some(match value {
        0 => "callingName",
        1 => "calledName",
        2 => "connectedName",
        3 => "busyName",
        4 => "pathReplacePropose",
        5 => "pathReplaceSetup",
        6 => "pathReplaceRetain",
        7 => "callTransferIdentify",
        8 => "callTransferAbandon",
        9 => "callTransferInitiate",
        10 => "callTransferSetup",
        11 => "callTransferActive",
        12 => "callTransferComplete",
        13 => "callTransferUpdate",
        14 => "subaddressTransfer",
        15 => "activateDiversionQ",
        16 => "deactivateDiversionQ",
        17 => "interrogateDiversionQ",
        18 => "checkRestriction",
        19 => "callRerouteing",
        20 => "divertingLegInformation1",
        21 => "divertingLegInformation2",
        22 => "divertingLegInformation3",
        23 => "cfnrDivertedLegFailed",
        27 => "ccnrRequest",
        28 => "ccCancel",
        29 => "ccExecPossible",
        30 => "ccPathReserve",
        31 => "ccRingout",
        32 => "ccSuspend",
        33 => "ccResume",
        34 => "callOfferRequest",
        35 => "doNotDisturbActivateQ",
        36 => "doNotDisturbDeactivateQ",
        37 => "doNotDisturbInterrogateQ",
        38 => "doNotDisturbOverrideQ",
        39 => "doNotDisturbOvrExecuteQ",
        40 => "ccbsRequest",
        41 => "pathRetain",
        42 => "serviceAvailable",
        43 => "callIntrusionRequest",
        44 => "callIntrusionGetCIPL",
        45 => "callIntrusionIsolate",
        46 => "callIntrusionForcedRelease",
        47 => "callIntrusionWOBRequest",
        48 => "callIntrusionCompleted",
        49 => "cfbOverride",
        50 => "locUpdate",
        51 => "locDelete",
        52 => "locDeReg",
        53 => "pisnEnquiry",
        54 => "wtmiEnquiry",
        55 => "wtmiDivert",
        56 => "wtmiInform",
        57 => "recallAlerting",
        58 => "recallAnswered",
        59 => "chargeRequest",
        60 => "getFinalCharge",
        61 => "aocFinal",
        62 => "aocInterim",
        63 => "aocRate",
        64 => "aocComplete",
        65 => "aocDivChargeReq",
        66 => "cintLegInformation1",
        67 => "cintLegInformation2",
        68 => "cintCondition",
        69 => "cintDisable",
        70 => "cintEnable",
        71 => "wtmoCall",
        72 => "authWtmUser",
        73 => "getWtatParam",
        74 => "wtatParamEnq",
        75 => "getWtanParam",
        76 => "wtanParamEnq",
        77 => "transferAuthParam",
        78 => "synchronizationRequest",
        79 => "synchronizationInfo",
        80 => "mWIActivate",
        81 => "mWIDeactivate",
        82 => "mWIInterrogate",
        84 => "cmnRequest",
        85 => "cmnInform",
        86 => "pathReplaceInvite",
        87 => "callInterruptionRequest",
        88 => "callProtectionRequest",
        89 => "pumRegistr",
        90 => "pumDelReg",
        91 => "pumDe-reg",
        92 => "pumInterrog",
        93 => "pumiEnquiry",
        94 => "pumiDivert",
        95 => "pumiInform",
        96 => "pumoCall",
        97 => "getRRCInf",
        98 => "locInfoCheck",
        99 => "ssctInitiate",
        100 => "ssctSetup",
        101 => "ssctPostDial",
        102 => "ssctDigitInfo",
        103 => "display",
        104 => "keypad",
        105 => "callIdentificationAssign",
        106 => "callIdentificationUpdate",
        107 => "smsSubmit",
        108 => "smsDeliver",
        109 => "smsStatusReport",
        110 => "smsCommand",
        111 => "scAlert",
        112 => "mCRequest",
        113 => "mCInform",
        114 => "mCAlerting",
        115 => "mCMUpdate",
        116 => "mCMService",
        117 => "mCMInterrogate",
        118 => "mCMailboxFull",
        119 => "mIDMailboxAuth",
        120 => "mIDMailboxID",
        _ => return None,
    })
}

/// Whether a QSIG operation, by its local value, is answered with a result or an error. False for the ones that only tell
/// something (names, diversion and transfer information, charges, …); true for all we do not know.
pub fn expects_answer(value: i32) -> bool {
    !matches!(
        value,
        0..=3 | 8 | 11..=14 | 20..=23 | 28 | 29 | 31..=33 | 41 | 42 | 49 | 57 | 58 | 60..=63 | 65 | 85 | 100..=102
    )
}

/// The name of a QSIG error by its local value.
pub fn error_name(value: i32) -> Option<&'static str> {
    Some(match value {
        0 => "userNotSubscribed",
        1 => "rejectedByNetwork",
        2 => "rejectedByUser",
        3 => "notAvailable",
        5 => "insufficientInformation",
        6 => "invalidServedUserNr",
        7 => "invalidCallState",
        8 => "basicServiceNotProvided",
        9 => "notIncomingCall",
        10 => "supplementaryServiceInteractionNotAllowed",
        11 => "resourceUnavailable",
        12 => "invalidDivertedToNr",
        14 => "specialServiceNr",
        15 => "diversionToServedUserNr",
        24 => "numberOfDiversionsExceeded",
        25 => "callFailure",
        43 => "proceduralError",
        1000 => "temporarilyUnavailable",
        1001 => "collision",
        1002 => "criteriaPermanentlyUnachievable",
        1003 => "criteriaTemporarilyUnachievable",
        1004 => "invalidRerouteingNumber",
        1005 => "unrecognizedCallIdentity",
        1006 => "establishmentFailure",
        1007 => "notAuthorized",
        1008 => "unspecified",
        1009 => "notBusy",
        1010 => "shortTermRejection",
        1011 => "longTermRejection",
        1012 => "remoteUserBusyAgain",
        1013 => "failureToMatch",
        1014 => "failedDueToInterworking",
        1015 => "locationNotKnown",
        1016 => "freeOfCharge",
        1017 => "paramNotAvailable",
        1018 => "invalidMsgCentreId",
        1019 => "pumUserNotSubscribedToThisServiceOpt",
        1020 => "pumUserFailedAuthentication",
        1021 => "hostingAddrInvalid",
        1022 => "pumUserNotRegistered",
        1023 => "noDisplayAvailable",
        1024 => "displayTemporarilyNotAvailable",
        1025 => "notPresentable",
        1026 => "smsDeliverError",
        1027 => "smsSubmitError",
        1028 => "smsStatusReportError",
        1029 => "smsCommandError",
        1030 => "invalidDestinationNumber",
        1031 => "invalidCooperationNumber",
        1032 => "mCRequestNotAllowed",
        1033 => "mCExecutionNotAllowed",
        1034 => "mCDestUserBusy",
        1035 => "mCCoopUserBusy",
        1036 => "mCCoopUserRejected",
        1037 => "mCMModeNotProvided",
        1039 => "invalidMailbox",
        1040 => "authorizationFailed",
        _ => return None,
    })
}

impl Problem {
    /// The problem in words, as Q.932 lists them.
    pub fn name(self) -> &'static str {
        match self {
            Self::General(0) => "unrecognizedComponent",
            Self::General(1) => "mistypedComponent",
            Self::General(2) => "badlyStructuredComponent",
            Self::Invoke(0) => "duplicateInvocation",
            Self::Invoke(1) => "unrecognizedOperation",
            Self::Invoke(2) => "mistypedArgument",
            Self::Invoke(3) => "resourceLimitation",
            Self::Invoke(4) => "releaseInProgress",
            Self::Invoke(5) => "unrecognizedLinkedId",
            Self::Invoke(6) => "linkedResponseUnexpected",
            Self::Invoke(7) => "unexpectedLinkedOperation",
            Self::Result(0) | Self::Error(0) => "unrecognizedInvocation",
            Self::Result(1) => "resultResponseUnexpected",
            Self::Result(2) => "mistypedResult",
            Self::Error(1) => "errorResponseUnexpected",
            Self::Error(2) => "unrecognizedError",
            Self::Error(3) => "unexpectedError",
            Self::Error(4) => "mistypedParameter",
            _ => "unknown problem",
        }
    }
}
