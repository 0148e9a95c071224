//! Words for code points, as IOS prints them where it is known how.

use crate::mwi::BasicService;
use crate::q931::{NumberPlan, ProgressIndicator};

/// What a Q.850 cause value means, in the words IOS prints.
pub fn cause_text(value: u8) -> &'static str {
    match value {
        1 => "Unallocated/unassigned number",
        2 => "No route to specified transit network",
        3 => "No route to destination",
        4 => "Send special information tone",
        5 => "Misdialled trunk prefix",
        6 => "Channel unacceptable",
        7 => "Call awarded and delivered in established channel",
        8 => "Preemption",
        9 => "Preemption, circuit reserved for reuse",
        16 => "Normal call clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "No user answer",
        20 => "Subscriber absent",
        21 => "Call rejected",
        22 => "Number changed",
        23 => "Redirection to new destination",
        25 => "Exchange routing error",
        26 => "Non-selected user clearing",
        27 => "Destination out of order",
        28 => "Invalid number format (incomplete number)",
        29 => "Requested facility rejected",
        30 => "Response to STATUS ENQUIRY",
        31 => "Normal, unspecified",
        34 => "No circuit/channel available",
        35 => "Call queued",
        38 => "Network out of order",
        39 => "Permanent frame mode connection out of service",
        40 => "Permanent frame mode connection operational",
        41 => "Temporary failure",
        42 => "Switching equipment congestion",
        43 => "Access information discarded",
        44 => "Requested circuit/channel not available",
        46 => "Precedence call blocked",
        47 => "Resource unavailable, unspecified",
        49 => "Quality of service unavailable",
        50 => "Requested facility not subscribed",
        53 => "Outgoing calls barred within CUG",
        55 => "Incoming calls barred within CUG",
        57 => "Bearer capability not authorized",
        58 => "Bearer capability not presently available",
        62 => "Inconsistency in outgoing access information and subscriber class",
        63 => "Service/option not available, unspecified",
        65 => "Bearer capability not implemented",
        66 => "Channel type not implemented",
        69 => "Requested facility not implemented",
        70 => "Only restricted digital info. bearer capability available",
        79 => "Service/option not implemented, unspecified",
        81 => "Invalid call reference value",
        82 => "Identified channel does not exist",
        83 => "Suspended call exists, but this call ID does not",
        84 => "Call ID in use",
        85 => "No call suspended",
        86 => "Call with requested call ID has been cleared",
        87 => "User not member of CUG",
        88 => "Incompatible destination",
        90 => "Non-existent CUG",
        91 => "Invalid transit network selection",
        95 => "Invalid message, unspecified",
        96 => "Mandatory IE missing",
        97 => "Message type non-existent or not implemented",
        98 => "Message not compatible with call state or not implemented",
        99 => "IE non-existent or not implemented",
        100 => "Invalid IE contents",
        101 => "Message not compatible with call state",
        102 => "Recovery on timer expiry",
        103 => "Parameter non-existent or not implemented, passed on",
        110 => "Message with unrecognized parameter discarded",
        111 => "Protocol error, unspecified",
        127 => "Interworking, unspecified",
        _ => "Unknown cause",
    }
}

pub(crate) fn call_state(value: u8) -> &'static str {
    match value {
        0 => "Null",
        1 => "Call Initiated",
        2 => "Overlap Sending",
        3 => "Outgoing Call Proceeding",
        4 => "Call Delivered",
        6 => "Call Present",
        7 => "Call Received",
        8 => "Connect Request",
        9 => "Incoming Call Proceeding",
        10 => "Active",
        11 => "Disconnect Request",
        12 => "Disconnect Indication",
        15 => "Suspend Request",
        17 => "Resume Request",
        19 => "Release Request",
        22 => "Call Abort",
        25 => "Overlap Receiving",
        61 => "Restart Request",
        62 => "Restart",
        _ => "Unknown state",
    }
}

pub(super) fn progress(progress: ProgressIndicator) -> &'static str {
    match (progress.coding, progress.description) {
        (0, 1) => "Call not end-to-end ISDN, may have in-band info ",
        (0, 2) => "Destination address is non-ISDN ",
        (0, 3) => "Origination address is non-ISDN ",
        (0, 4) => "Call has returned to the ISDN ",
        (0, 5) => "Interworking has occurred ",
        (0, 8) => "In-band info or appropriate now available",
        (1, 16) => "Interworking with a public network ",
        (1, 17) => "Interworking with a network unable to supply release signal ",
        (1, 18) => "Interworking with a network unable to supply release signal before answer ",
        (1, 19) => "Interworking with a network unable to supply release signal after answer ",
        _ => "Unknown",
    }
}

pub(super) fn notification(value: u8) -> &'static str {
    match value {
        0x00 => "User suspended",
        0x01 => "User resumed",
        0x69 => "Call transferred, alerting",
        0x6A => "Call transferred, active",
        0x79 => "Remote hold",
        0x7A => "Remote retrieval",
        0x7B => "Call is diverting",
        _ => "Unknown",
    }
}

pub(super) fn element(id: u8) -> Option<&'static str> {
    Some(match id {
        0x6D => "Calling Party SubAddr",
        0x71 => "Called Party SubAddr",
        0x78 => "Transit Net Select",
        0x7C => "Low Layer Compat",
        0x7D => "High Layer Compat",
        0x7E => "User-User",
        _ => return None,
    })
}

pub(super) fn plan(plan: NumberPlan) -> (&'static str, &'static str) {
    let name = match plan.plan {
        0 => "Unknown",
        1 => "ISDN",
        3 => "Data",
        4 => "Telex",
        8 => "National",
        9 => "Private",
        _ => "Reserved",
    };
    let kind = match (plan.plan, plan.type_of_number) {
        (_, 0) => "Unknown",
        (9, 1) => "Level 2 Regional",
        (9, 2) => "Level 1 Regional",
        (9, 3) => "PTN Specific",
        (9, 4) => "Level 0 Regional",
        (_, 1) => "International",
        (_, 2) => "National",
        (_, 3) => "Network Specific",
        (_, 4) => "Subscriber(local)",
        (_, 6) => "Abbreviated",
        _ => "Reserved",
    };
    (name, kind)
}

pub(super) fn nfe(octets: &[u8]) -> &'static str {
    match octets {
        [0xAA, 6, 0x80, 1, 0, 0x82, 1, 0] => "end PINX to end PINX",
        [0xAA, _, 0x80, 1, 0, ..] => "from end PINX",
        _ => "other entities",
    }
}

pub(super) fn basic_service(service: BasicService) -> &'static str {
    match service.0 {
        0 => "allServices",
        1 => "speech",
        2 => "unrestrictedDigitalInformation",
        3 => "audio3100Hz",
        32 => "telephony",
        33 => "teletex",
        34 => "telefaxGroup4Class1",
        35 => "videotexSyntaxBased",
        36 => "videotelephony",
        37 => "telefaxGroup2-3",
        51 => "email",
        52 => "video",
        53 => "fileTransfer",
        54 => "shortMessageService",
        66 => "multimediaUnknown",
        67 => "serviceUnknown",
        _ => "reserved",
    }
}
