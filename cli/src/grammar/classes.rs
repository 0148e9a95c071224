//! Voice classes, custom tones, translation rules and profiles.

use super::reasons::{CALLS, MEDIA};
use super::{Command, ModeKind, WHOLE};
use crate::kept;

pub(super) static CODEC: &[Command] = &[
    kept!("codec preference <1-24> LINE", ["Codec type", "Codec preference", "Preference order", "Codec name and payload size"], MEDIA, keyed: 3),
    kept!("video codec LINE", ["Video", "Codec", "Name"], MEDIA, keyed: WHOLE),
    kept!("description LINE", ["Description", "Text"], MEDIA),
];

pub(super) static URI: &[Command] = &[
    kept!("host LINE", ["Host of the URI", "Pattern or address"], CALLS, keyed: WHOLE),
    kept!("pattern LINE", ["Pattern of the URI", "Regular expression"], CALLS),
    kept!("user-id LINE", ["User of the URI", "Regular expression"], CALLS),
    kept!("phone (number|context) LINE", ["Phone number of the URI", "Number", "Context", "Pattern"], CALLS, keyed: 2),
    kept!("description LINE", ["Description", "Text"], CALLS),
];

pub(super) static CPTONE: &[Command] = &[kept!(
    "dualtone (busy|conference|disconnect|number-unobtainable|out-of-service|reorder|ringback)",
    ["Dual tone", "Busy", "Conference", "Disconnect", "Number unobtainable", "Out of service", "Reorder", "Ringback"],
    MEDIA, enters: Some(ModeKind::Dualtone), keyed: 2
)];

pub(super) static DUALTONE: &[Command] = &[
    kept!("frequency <300-3600> [<300-3600>]", ["Frequency", "Hz", "Hz"], MEDIA),
    kept!("cadence (continuous|<1-50000>)...", ["Cadence", "Continuous", "Milliseconds on and off"], MEDIA),
];

pub(super) static TRANSLATION_RULE: &[Command] = &[
    kept!("rule <1-100> reject LINE", ["Translation rule", "Precedence", "Call block rule", "/match/"], CALLS, keyed: 2),
    kept!("rule <1-100> LINE", ["Translation rule", "Precedence", "/match/ /replace/ [type match replace [plan match replace]]"], CALLS, keyed: 2, with_previous: true),
];

pub(super) static PROFILE: &[Command] = &[kept!(
    "translate (called|calling|redirect-called|redirect-target|callback-number) <1-2147483647>",
    ["Translation rule", "Called number", "Calling number", "Redirect called number", "Redirect target", "Callback number", "Tag"],
    CALLS, keyed: 2
)];
