//! `show sip-ua statistics` in the layout of IOS, for what is counted here.

use std::fmt::Write as _;

use sip::admission::AdmissionStatistics;
use sip::{Method, Statistics};

/// Group heading, and the statuses in it by the names IOS has for them.
type Group = (&'static str, &'static [(&'static str, u16)]);

const RESPONSES: &[Group] = &[
    (
        "Informational",
        &[("Trying", 100), ("Ringing", 180), ("Forwarded", 181), ("Queued", 182), ("SessionProgress", 183)],
    ),
    ("Success", &[("Ok", 200), ("202Accepted", 202)]),
    (
        "Redirection",
        &[("MultipleChoice", 300), ("MovedPermanently", 301), ("MovedTemporarily", 302), ("UseProxy", 305)],
    ),
    (
        "Client Error",
        &[
            ("BadRequest", 400),
            ("Unauthorized", 401),
            ("Forbidden", 403),
            ("NotFound", 404),
            ("MethodNotAllowed", 405),
            ("ProxyAuthReqd", 407),
            ("ReqTimeout", 408),
            ("ReqEntityTooLarge", 413),
            ("UnsupportedMediaType", 415),
            ("BadExtension", 420),
            ("IntervalTooBrief", 423),
            ("TempNotAvailable", 480),
            ("CallLegNonExistent", 481),
            ("LoopDetected", 482),
            ("BusyHere", 486),
            ("NotAcceptableMedia", 488),
            ("BadEvent", 489),
        ],
    ),
    (
        "Server Error",
        &[
            ("InternalError", 500),
            ("NotImplemented", 501),
            ("ServiceUnavail", 503),
            ("GatewayTimeout", 504),
            ("BadSipVer", 505),
        ],
    ),
    ("Global Failure", &[("BusyEverywhere", 600), ("Decline", 603), ("NotExistAnywhere", 604)]),
];

const METHODS: &[(&str, Method)] = &[
    ("Invite", Method::Invite),
    ("Ack", Method::Ack),
    ("Bye", Method::Bye),
    ("Cancel", Method::Cancel),
    ("Options", Method::Options),
    ("Prack", Method::Prack),
    ("Subscribe", Method::Subscribe),
    ("NOTIFY", Method::Notify),
    ("Refer", Method::Refer),
    ("Info", Method::Info),
    ("Register", Method::Register),
];

/// The text of `show sip-ua statistics`.
pub(super) fn show(s: &Statistics, gate: &AdmissionStatistics, active: usize) -> String {
    let mut out = String::from("SIP Response Statistics (Inbound/Outbound)\n");
    for (heading, statuses) in RESPONSES {
        let _ = writeln!(out, "    {heading}:");
        let row = |(name, status): &(&str, u16)| {
            format!("{name} {}/{}", s.responses_received.get(*status), s.responses_sent.get(*status))
        };
        rows(&mut out, statuses.iter().map(row).collect());
    }
    out.push_str("SIP Total Traffic Statistics (Inbound/Outbound)\n");
    let row = |(name, method): &(&str, Method)| {
        format!("{name} {}/{}", s.requests_received.get(method), s.requests_sent.get(method))
    };
    rows(&mut out, METHODS.iter().map(row).collect());
    let _ = writeln!(
        out,
        "Retry Statistics (Inbound/Outbound)\n      Retransmissions {}/{}",
        s.retransmissions_received, s.retransmissions_sent
    );
    let _ = writeln!(out, "Miscellaneous counters:");
    rows(
        &mut out,
        vec![
            format!("Unreadable {}", s.unreadable + gate.unreadable),
            format!("RateLimited {}", gate.limited),
            format!("Shed {}", gate.shed.iter().sum::<u64>()),
            format!("RefusedUnserved {}", gate.refused),
            format!("DroppedUnserved {}", gate.refused_silently),
            format!("Refused {}", s.refused),
            format!("Merged {}", s.merged),
            format!("Overload {}", s.overload),
            format!("StrayResponses {}", s.stray_responses),
            format!("ClientTimeouts {}", s.client_timeouts),
            format!("ActiveTransactions {active}"),
        ],
    );
    out
}

/// Two counters a row, as IOS prints them.
fn rows(out: &mut String, counters: Vec<String>) {
    for pair in counters.chunks(2) {
        let _ = writeln!(out, "      {}", pair.join(", "));
    }
}
