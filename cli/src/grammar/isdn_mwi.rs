//! `isdn mwi …`: how the PBX on a trunk is told of waiting messages. IOS has no such commands. On `primary-net5` only the lines
//! about numbers, count and pace have a meaning (EN 300 745-1).
//!
//! They stand on the D channel's interface, or on a trunk group for all its trunks; the interface's own line wins.

use super::{Apply, Command};
use crate::config::{ApplyError, Cx};
use crate::{acted, command};

const ISDN: &str = "ISDN interface subcommands";
const MWI: &str = "How the PBX of a primary-qsig or primary-net5 trunk is told of waiting messages (others have no form for it)";

pub(super) static COMMANDS: &[Command] = &[
    acted!(
        "isdn mwi operation (local|ecma|iso)",
        [
            ISDN,
            MWI,
            "Form of the operation value",
            "Local value",
            "ECMA object identifier",
            "ISO object identifier"
        ]
    ),
    acted!(
        "isdn mwi profile (networking-extensions|remote-operations)",
        [ISDN, MWI, "Protocol profile of Facility", "0x9F", "0x91"]
    ),
    acted!("isdn mwi extension", [ISDN, MWI, "Network facility extension, end PINX to end PINX"], no_shown: true),
    acted!(
        "isdn mwi interpretation (discard|clear-call|reject)",
        [
            ISDN,
            MWI,
            "What a PBX that does not know the operation is to do",
            "Nothing",
            "Clear the connection",
            "Send a reject"
        ]
    ),
    command! {
        "isdn mwi calling-number WORD",
        help: &[ISDN, MWI, "Calling number of the connection", "1 to 20 digits"],
        apply: Apply::Acted(|cx| digits(cx, 0, 20)),
    },
    command! {
        "isdn mwi message-centre (integer <0-65535>|digits WORD|number WORD)",
        help: &[ISDN, MWI, "Identity of the message centre", "As an integer", "The integer", "As digits", "1 to 10 digits",
            "As a telephone number", "1 to 20 digits"],
        apply: Apply::Acted(|cx| match cx.args.word(3) {
            Some("digits") => digits(cx, 0, 10),
            Some("number") => digits(cx, 0, 20),
            _ => Ok(()),
        }),
    },
    acted!(
        "isdn mwi number-type (unknown|international|national|network|subscriber|abbreviated) plan (unknown|isdn|private)",
        [
            ISDN,
            MWI,
            "Type of the served user's and the calling number",
            "Unknown",
            "International, level 2 of a private plan",
            "National, level 1 of a private plan",
            "Network specific",
            "Subscriber, local in a private plan",
            "Abbreviated",
            "Numbering plan",
            "Unknown, without a type",
            "E.164",
            "Private"
        ]
    ),
    command! {
        "isdn mwi prefix WORD",
        help: &[ISDN, MWI, "Digits before the served user's number", "1 to 19 digits"],
        apply: Apply::Acted(|cx| digits(cx, 0, 19)),
    },
    acted!("isdn mwi count", [ISDN, MWI, "Tell the number of new messages"], no_shown: true),
    acted!("isdn mwi sending-complete", [ISDN, MWI, "Send Sending Complete in SETUP"], no_shown: true),
    acted!(
        "isdn mwi supervision <1-20>",
        [ISDN, MWI, "Wait for the answer to the operation", "Seconds once the SETUP was answered"]
    ),
    acted!(
        "isdn mwi connect (done|wait)",
        [ISDN, MWI, "What CONNECT without an answer means", "Done", "Wait for the answer"]
    ),
    acted!("isdn mwi parallel <1-100>", [ISDN, MWI, "Operations at a time", "Number"]),
    acted!("isdn mwi pace <0-60000>", [ISDN, MWI, "Least time between two operations", "Milliseconds"]),
    acted!("isdn mwi interrogate", [ISDN, MWI, "Ask the PBX about mailboxes that somebody subscribes to"]),
];

/// Refuses an argument that is not 1 to `most` digits.
fn digits(cx: &Cx<'_>, argument: usize, most: usize) -> Result<(), ApplyError> {
    let text = cx.args.argument(argument).unwrap_or_default();
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    if cx.no || fits { Ok(()) } else { Err(ApplyError::Argument(argument)) }
}
