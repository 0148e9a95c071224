//! `dial-peer voice`.

use super::reasons::{CALLS, FEATURE, MEDIA, SECOND_NUMBER, SIP};
use super::{Apply, Command, WHOLE};
use crate::config::{ApplyError, Cx};
use crate::{acted, command, kept};
use dialpeer::pattern::{PATTERN_ERROR, T_ALONE_WARNING};
use dialpeer::shape::{Bearer, CallBlock, Clid};
use dialpeer::translation::NumberType;
use dialpeer::{ForwardDigits, Pattern, Permission, SessionProtocol, SessionTransport};

const CLASS: &str = "Set dial-peer voice class control parameters";
/// Help of `clid`.
pub(super) const CLID: &str = "Caller ID option";
/// Longest label of a trunk group or name of a carrier, as IOS has it (from memory).
const MAX_LABEL: usize = 127;
const PROGRESS_IND: &str = "Configure Progress Indicator";

/// Help of `authentication`.
const AUTHENTICATION: [&str; 13] = [
    "Digest authentication of this peer's calls, or of its number's registration",
    "User name",
    "4 to 70 characters",
    "Password",
    "Unencrypted",
    "AES",
    "Hidden",
    "The password",
    "Realm",
    "Name of the realm",
    "Challenges",
    "All",
    "Any",
];

pub(super) static COMMON: &[Command] = &[
    // The caller always hears ringback of ours where the far end has nothing to hear.
    acted!("tone ringback alert-no-PI", ["Generate a tone", "Ringback", "Without a progress indicator"], keyed: WHOLE),
    command! {
        "description LINE",
        help: &["Dialpeer specific description", "Up to 64 characters describing this dialpeer"],
        apply: Apply::Acted(|cx| { let text = cx.text(0); cx.peer()?.description = text; Ok(()) }),
    },
    command! {
        "translation-profile (incoming|outgoing) WORD",
        help: &["Translation profile", "Translation profile for incoming calls", "Translation profile for outgoing calls",
            "Translation profile name"],
        keyed: 2,
        apply: Apply::Acted(|cx| {
            let (incoming, name) = (cx.args.has("incoming"), cx.text(0));
            let peer = cx.peer()?;
            *(if incoming { &mut peer.translation_incoming } else { &mut peer.translation_outgoing }) = name;
            Ok(())
        }),
    },
    kept!("translate-outgoing (called|calling) <1-2147483647>",
        ["Translation rule", "Called number", "Calling number", "Translation rule tag"], CALLS, keyed: 2),
    command! {
        "call-block disconnect-cause incoming (call-reject|invalid-number|unassigned-number|user-busy)", keyed: 2,
        help: &["Configure call blocking feature", "Cause a blocked call ends with", "Incoming calls", "Call rejected (21)",
            "Invalid number (28)", "Unassigned number (1)", "User busy (17)"],
        apply: Apply::Acted(|cx| {
            let cause = if cx.no { None } else { cx.args.word(3).and_then(CallBlock::cause_of) };
            cx.peer()?.shape.block.cause = cause;
            Ok(())
        }),
    },
    command! {
        "call-block translation-profile incoming WORD", keyed: 2, with_previous: true,
        help: &["Configure call blocking feature", "Calls that a translation profile rejects", "Incoming calls",
            "Translation profile name"],
        apply: Apply::Acted(|cx| { let name = cx.text(0); cx.peer()?.shape.block.profile = name; Ok(()) }),
    },
    command! {
        "huntstop", help: &["Stop hunting on Dial-Peers"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.peer()?.huntstop = on; Ok(()) }),
    },
    acted!("modem passthrough (nse [payload-type <96-119>]|protocol) codec (g711ulaw|g711alaw)",
        super::voice_service::MODEM_PASSTHROUGH, no_shown: true),
    kept!("modem passthrough (nse [payload-type <96-119>]|protocol) codec (g711ulaw|g711alaw) redundancy",
        super::voice_service::MODEM_REDUNDANCY, super::voice_service::ONCE, no_shown: true, with_previous: true),
    acted!("modem passthrough system", ["Modem commands", "Modem passthrough", "As voice service voip says"], keyed: 2,
        no_shown: true, default: "modem passthrough system", with_previous: true),
    kept!("modem relay LINE", ["Modem commands", "Modem relay", "Its settings"], MEDIA, keyed: 2, with_previous: true),
    command! {
        "preference <0-10>", default: "preference 0",
        help: &["Configure the preference order of each dial peer", "Preference order"],
        apply: Apply::Acted(|cx| {
            let value = if cx.no { 0 } else { cx.args.number(0).unwrap_or(0) };
            cx.peer()?.preference = value;
            Ok(())
        }),
    },
    command! {
        "max-conn <1-2147483647>",
        help: &["Maximum connections allowed to/from this peer", "Number of connections"],
        apply: Apply::Acted(|cx| {
            let value = if cx.no { None } else { cx.args.number(0) };
            cx.peer()?.max_conn = value;
            Ok(())
        }),
    },
    command! {
        "destination-pattern WORD [T]",
        help: &["Destination pattern of a called number", "A sequence of digits - representing the prefix or full telephone number",
            "Variable length"],
        apply: Apply::Acted(|cx| {
            let pattern = pattern(cx)?;
            cx.peer()?.destination_pattern = pattern;
            Ok(())
        }),
    },
    command! {
        "answer-address WORD",
        help: &["The Call Destination Number", "A sequence of digits"],
        apply: Apply::Acted(|cx| { let p = pattern(cx)?; cx.peer()?.answer_address = p; Ok(()) }),
    },
    command! {
        "destination e164-pattern-map <1-10000>",
        help: &["Destination of the call", "Configure voice class to match destination e164-pattern-map", "Voice class tag"],
        apply: Apply::Acted(|cx| { let n = number(cx); cx.peer()?.destination_map = n; Ok(()) }),
    },
    command! {
        "destination dpg <1-10000>", with_previous: true,
        help: &["Destination of the call", "Configure destination dial-peer group", "Dial-peer group tag"],
        apply: Apply::Acted(|cx| { let n = number(cx); cx.peer()?.destination_dpg = n; Ok(()) }),
    },
    acted!("destination uri WORD", ["Destination of the call", "Request-URI it came with", "Voice class uri tag"], keyed: 2, with_previous: true),
    kept!("destination (uri-from|uri-to|uri-via|uri-diversion|uri-referred-by|provision-policy|calling) LINE",
        ["Destination of the call", "From URI", "To URI", "Via URI", "Diversion URI", "Referred-by URI",
         "Provision policy", "Calling number", "Voice class"], CALLS, keyed: 2, with_previous: true),
    command! {
        "session protocol (cisco|sipv2|multicast)", default: "session protocol cisco",
        help: &["Session", "Session protocol", "Cisco Session Protocol", "IETF Session Initiation Protocol",
            "Multicast protocol"],
        apply: Apply::Acted(|cx| {
            let value = match (cx.no, cx.args.has("sipv2"), cx.args.has("multicast")) {
                (false, true, _) => SessionProtocol::Sipv2,
                (false, _, true) => SessionProtocol::Multicast,
                _ => SessionProtocol::Cisco,
            };
            cx.peer()?.session_protocol = value;
            Ok(())
        }),
    },
    command! {
        "session target WORD",
        help: &["Session", "The session target of the destination gateway",
            "ipv4:A.B.C.D[:port], ipv6:[X:X:X:X::X][:port], dns:name[:port], sip-server, registrar, ..."],
        apply: Apply::Acted(|cx| {
            let target = match cx.text(0) {
                None => None,
                Some(text) => Some(text.parse().map_err(|_| ApplyError::Argument(0))?),
            };
            cx.peer()?.session_target = target;
            Ok(())
        }),
    },
    command! {
        "session transport (udp|tcp [tls]|system)", default: "session transport system",
        help: &["Session", "Transport protocol", "UDP", "TCP", "TLS over TCP", "As voice service voip says"],
        apply: Apply::Acted(|cx| {
            let value = match (cx.no, cx.args.has("udp"), cx.args.has("tls"), cx.args.has("tcp")) {
                (false, true, _, _) => SessionTransport::Udp,
                (false, _, true, _) => SessionTransport::Tls,
                (false, _, _, true) => SessionTransport::Tcp,
                _ => SessionTransport::System,
            };
            cx.peer()?.session_transport = value;
            Ok(())
        }),
    },
    command! {
        "session server-group <1-10000>",
        help: &["Session", "Server group", "Server group tag"],
        apply: Apply::Acted(|cx| { let n = number(cx); cx.peer()?.server_group = n; Ok(()) }),
    },
    command! {
        "incoming called-number WORD [T]",
        help: &["Incoming called number", "Incoming called number", "A sequence of digits", "Variable length"],
        apply: Apply::Acted(|cx| { let p = pattern(cx)?; cx.peer()?.incoming_called = p; Ok(()) }),
    },
    command! {
        "incoming called e164-pattern-map <1-10000>", with_previous: true,
        help: &["Incoming called number", "Called number", "E.164 pattern map", "Voice class tag"],
        apply: Apply::Acted(|cx| { let n = number(cx); cx.peer()?.incoming_called_map = n; Ok(()) }),
    },
    command! {
        "incoming calling e164-pattern-map <1-10000>", with_previous: true,
        help: &["Incoming called number", "Calling number", "E.164 pattern map", "Voice class tag"],
        apply: Apply::Acted(|cx| { let n = number(cx); cx.peer()?.incoming_calling_map = n; Ok(()) }),
    },
    acted!(
        "tipring mwi notify (text-plain|simple-message-summary) [from WORD]",
        [
            "Settings of this gateway that IOS does not have",
            "Message waiting indication",
            "What a PBX says of these numbers goes on as unsolicited NOTIFY",
            "Messages-Waiting alone, as Unified CM has it",
            "The whole summary of RFC 3842",
            "Who tells",
            "Pilot number of the voice mail"
        ],
        keyed: 3
    ),
    acted!("incoming uri (from|request|to|via) WORD",
        ["Incoming", "URI", "From header", "Request-URI", "To header", "Via header", "Voice class uri tag"],
        keyed: 3, with_previous: true),
    kept!("incoming uri (called|calling) WORD", ["Incoming", "URI", "Called", "Calling", "Voice class uri tag"],
        CALLS, keyed: 3, with_previous: true),
    acted!(
        "voice-class codec <1-10000> [offer-all]",
        [
            "Set dial-peer voice class control parameters",
            "Set codec preference list",
            "Voice class codec tag",
            "Offer all codecs"
        ]
    ),
    acted!("voice-class sip options-keepalive [up-interval <5-1200>] [down-interval <5-1200>] [retry <1-10>]",
        [CLASS, "Set SIP parameters", "Watch the server by OPTIONS", "While it answers", "Seconds, default 60", "While it does not",
         "Seconds, default 30", "Failures until it counts as gone", "Default 5"], keyed: 3),
    acted!("voice-class sip options-keepalive profile <1-10000>",
        [CLASS, "Set SIP parameters", "Watch the server by OPTIONS", "Voice class with the settings", "Tag"], keyed: 3, with_previous: true),
    acted!("voice-class sip options-ping <60-1200>", [CLASS, "Set SIP parameters", "OPTIONS within calls", "Seconds"], keyed: 3,
        with_previous: true),
    acted!("voice-class sip asserted-id (pai|ppi|system)", [CLASS, "Set SIP parameters", "Who calls is said by", "P-Asserted-Identity",
        "P-Preferred-Identity", "As voice service voip says"], keyed: 3, with_previous: true),
    acted!("voice-class sip privacy (disable|pstn|header|session|user|id|history|critical)...", [CLASS, "Set SIP parameters",
        "Privacy header of calls", "None but the system's", "By the rules of the telephone network", "Hide headers", "Hide the session",
        "Hide the user", "Hide the asserted identity", "Hide the diversions", "Refuse where that cannot be had"], keyed: 3, with_previous: true),
    acted!("voice-class sip privacy-policy (send-always|strip diversion)", [CLASS, "Set SIP parameters", "Privacy policy",
        "Say that nothing is to be hidden, too", "Leave out", "Diversion headers"], keyed: 3, with_previous: true),
    acted!("voice-class sip header-passing", [CLASS, "Set SIP parameters", "Headers nobody here knows go on to the other SIP side"],
        keyed: 3, with_previous: true),
    acted!("voice-class sip pass-thru headers unsupp", [CLASS, "Set SIP parameters", "Pass through", "Headers",
        "Those that nobody here knows"], keyed: 4, with_previous: true),
    acted!("voice-class sip error-passthru", [CLASS, "Set SIP parameters", "The status of one SIP side is that of the other"],
        keyed: 3, with_previous: true),
    acted!("voice-class sip early-offer forced", [CLASS, "Set SIP parameters", "Early offer",
        "Calls to SIP always offer, whether their caller did or not"], keyed: 3, with_previous: true),
    acted!("voice-class sip transport switch udp tcp", [CLASS, "Set SIP parameters", "Transport", "Switch", "From UDP",
        "To TCP, for requests that are too long"], keyed: 4, with_previous: true),
    acted!("voice-class sip bind (control|media|all) source-interface INTERFACE", [CLASS, "Set SIP parameters", "Our address",
        "In headers", "In session descriptions", "In both", "That of an interface", "Interface"], keyed: 4, with_previous: true),
    acted!("voice-class sip url (sip|sips|system)", [CLASS, "Set SIP parameters", "URIs of calls", "sip:", "sips:, by TLS alone",
        "As voice service voip says"], keyed: 3, with_previous: true),
    acted!("voice-class sip profiles <1-10000>", [CLASS, "Set SIP parameters", "What is changed in messages", "Class of sip-profiles"],
        keyed: 3, with_previous: true),
    acted!("voice-class sip profiles <1-10000> inbound", [CLASS, "Set SIP parameters", "What is changed in messages", "Class of sip-profiles",
        "As they come"], keyed: WHOLE, with_previous: true, replaces: Some(same_inbound)),
    acted!("voice-class sip tenant <1-10000>", [CLASS, "Set SIP parameters", "Settings that dial peers share", "Class of a tenant"],
        keyed: 3, with_previous: true),
    acted!("voice-class sip outbound-proxy (ipv4:WORD|dns:WORD|system)", [CLASS, "Set SIP parameters", "Where all requests go first",
        "Address, optionally with a port", "Name, optionally with a port", "As voice service voip says"], keyed: 3, with_previous: true),
    acted!("voice-class sip localhost (dns:WORD [preferred]|system)", [CLASS, "Set SIP parameters",
        "Name of this host in identities, instead of its address", "Name", "Where several would do", "As voice service voip says"], keyed: 3,
        with_previous: true),
    acted!("voice-class sip rel1xx (supported|require|disable|system) [WORD]", [CLASS, "Set SIP parameters",
        "Reliable provisional responses", "Where the other side can", "Always", "Never", "As voice service voip says", "Tag, 100rel"],
        keyed: 3, with_previous: true),
    acted!("voice-class sip midcall-signaling (passthru [media-change]|block|preserve-codec|system)", [CLASS, "Set SIP parameters",
        "What SIP peers change within a call", "The other end is told", "Of what changes something",
        "It is answered here, the other end is not told", "An offer without the codec of the call is refused",
        "As voice service voip says"], keyed: 3, with_previous: true),
    kept!("voice-class sip LINE", ["Set dial-peer voice class control parameters", "Set SIP parameters", "The setting"],
        SIP, keyed: WHOLE, no_shown: true, with_previous: true),
    kept!("voice-class (h323|stun-usage|called-number|aaa|permanent|busyout|tone-signal) LINE",
        ["Set dial-peer voice class control parameters", "H.323 parameters", "STUN usage", "Called number", "AAA",
         "Permanent trunks", "Busyout", "Tone signal", "Voice class tag"], FEATURE, keyed: 2),
    acted!(
        "dtmf-relay (cisco-rtp|h245-alphanumeric|h245-signal|rtp-nte [digit-drop]|sip-info|sip-kpml|sip-notify)...",
        [
            "Transport DTMF digits across IP link",
            "Cisco Proprietary RTP",
            "DTMF Relay via H245 Alphanumeric IE",
            "DTMF Relay via H245 Signal IE",
            "RTP Named Telephone Event RFC 2833",
            "Digits to be passed out-of-band and in-band digits dropped",
            "DTMF Relay via SIP INFO",
            "DTMF Relay via KPML over SIP SUBSCRIBE/NOTIFY",
            "DTMF Relay via SIP NOTIFY messages"
        ]
    ),
    acted!(
        "codec WORD [bytes <10-240>|mode WORD|fixed-bytes]",
        [
            "Specify codec to be used for the coder",
            "Codec name",
            "Payload size",
            "Bytes",
            "Mode",
            "Mode name",
            "Fixed size"
        ]
    ),
    acted!("rtp payload-type LINE", ["RTP", "Payload type", "Kind of event and its number"], keyed: WHOLE),
    kept!("rtp payload-type comfort-noise <13-19>", ["RTP", "Payload type", "Comfort noise", "Number"], MEDIA, with_previous: true),
    acted!("ip qos dscp WORD (media|signaling)", ["IP", "Quality of service", "Differentiated services code point", "Number or name",
        "Of RTP, ef by default", "Of SIP, af31 by default"], keyed: WHOLE,
        replaces: Some(same_stream)),
    kept!("ip (qos|circuit|precedence) LINE", ["IP", "Quality of service", "Circuit", "Precedence", "The setting"], MEDIA, keyed: WHOLE, no_shown: true, with_previous: true),
    acted!("fax rate LINE", ["Set fax options", "Fax rate", "Bit rate, disable or voice"]),
    acted!("fax protocol LINE", ["Set fax options", "Fax protocol", "t38, pass-through, none or system"]),
    kept!("fax (nsf|interface-type) LINE", ["Set fax options", "Non-standard facilities", "Interface type", "Value"], MEDIA, keyed: 2),
    acted!("fax-relay ecm disable", ["Fax relay", "Error correction mode", "Faxes do without"], keyed: 2),
    kept!("fax-relay (ecm|sg3-to-g3|ans-disable) [LINE]", ["Fax relay", "Error correction mode", "Super group 3 fallback",
        "Answer tone", "The setting"], MEDIA, keyed: 2, no_shown: true, with_previous: true),
    acted!("vad [aggressive]", ["Use VoiceActivityDetection as necessary option", "Aggressive"], no_shown: true, default: "vad"),
    command! {
        "direct-inward-dial", no_shown: true,
        help: &["Perform Digit Translation on called number"],
        apply: Apply::Acted(|cx| { let on = (!cx.default).then_some(!cx.no); cx.peer()?.direct_inward_dial = on; Ok(()) }),
    },
    command! {
        "corlist (incoming|outgoing) WORD", keyed: 2,
        help: &["Class of Restriction on the dial-peer", "COR list for incoming calls", "COR list for outgoing calls", "COR list name"],
        apply: Apply::Acted(|cx| {
            let (incoming, name) = (cx.args.has("incoming"), cx.text(0));
            let peer = cx.peer()?;
            *(if incoming { &mut peer.cor_incoming } else { &mut peer.cor_outgoing }) = name;
            Ok(())
        }),
    },
    command! {
        "permission (both|none|orig|term)", default: "permission both",
        help: &["Permission for incoming and outgoing calls", "Both directions", "No calls", "Originating calls", "Terminating calls"],
        apply: Apply::Acted(|cx| {
            let value = match (cx.no, cx.args.word(1)) {
                (false, Some("none")) => Permission::None,
                (false, Some("orig")) => Permission::Orig,
                (false, Some("term")) => Permission::Term,
                _ => Permission::Both,
            };
            cx.peer()?.permission = value;
            Ok(())
        }),
    },
    command! {
        "progress_ind (alert|progress|setup) (disable|strip)", keyed: 2,
        help: &[PROGRESS_IND, "ALERT", "PROGRESS", "SETUP", "No progress indicator", "No progress indicator"],
        apply: Apply::Acted(progress_ind),
    },
    command! {
        "progress_ind (alert|progress|setup) enable <0-8>", keyed: 2, with_previous: true,
        help: &[PROGRESS_IND, "ALERT", "PROGRESS", "SETUP", "This one in place of any other", "Progress description of Q.931"],
        apply: Apply::Acted(progress_ind),
    },
    command! {
        "progress_ind (alert|progress|setup) strip <1-8>...", keyed: 2, with_previous: true,
        help: &[PROGRESS_IND, "ALERT", "PROGRESS", "SETUP", "None of these", "Progress description of Q.931"],
        apply: Apply::Acted(progress_ind),
    },
    kept!("progress_ind (callproc|connect|disconnect) (disable|strip|enable) [LINE]",
        [PROGRESS_IND, "CALL PROCEEDING", "CONNECT", "DISCONNECT", "Disable", "Strip", "Enable", "Value"], CALLS, keyed: 2,
        with_previous: true),
    command! {
        "numbering-type (abbreviated|international|national|network|reserved|subscriber|unknown)",
        help: &["Match on a number type", "Abbreviated", "International", "National", "Network specific", "Reserved", "Subscriber",
            "Unknown"],
        apply: Apply::Acted(|cx| {
            let of = |word: &str| NumberType::ALL.iter().copied().find(|kind| kind.keyword() == word);
            let kind = if cx.no { None } else { cx.args.word(1).and_then(of) };
            cx.peer()?.shape.numbering_type = kind;
            Ok(())
        }),
    },
    command! {
        "clid network-number WORD [pi-restrict]", keyed: 2,
        help: &[CLID, "The number of every call", "Up to 20 digits", "It may not be shown"],
        apply: Apply::Acted(clid),
    },
    command! { "clid network-provided", help: &[CLID, "The screening indicator says network provided"], keyed: WHOLE, with_previous: true,
    apply: Apply::Acted(clid) },
    command! { "clid override rdnis", help: &[CLID, "Override", "By who diverted the call"], keyed: WHOLE, with_previous: true,
    apply: Apply::Acted(clid) },
    command! { "clid restrict", help: &[CLID, "The number may not be shown"], keyed: WHOLE, with_previous: true, apply: Apply::Acted(clid) },
    command! { "clid strip [name]", help: &[CLID, "Without number", "Without name"], keyed: WHOLE, with_previous: true,
    apply: Apply::Acted(clid) },
    command! { "clid strip pi-restrict [all]", keyed: 3, with_previous: true,
    help: &[CLID, "Without", "Number where it may not be shown", "And name"], apply: Apply::Acted(clid) },
    command! { "clid substitute name", help: &[CLID, "Where it is missing", "The number as name"], keyed: WHOLE, with_previous: true,
    apply: Apply::Acted(clid) },
    kept!("clid second-number strip", [CLID, "A second calling number", "Not sent"], SECOND_NUMBER, keyed: WHOLE, with_previous: true),
    kept!("media [LINE]", ["Media handling", "The setting"], MEDIA, keyed: WHOLE, no_shown: true),
    kept!("srtp [LINE]", ["Secure RTP", "The setting"], MEDIA, keyed: WHOLE, no_shown: true),
    kept!("dspfarm-profile LINE", ["Transcoding profile", "Tag"], FEATURE),
    kept!("lpcor LINE", ["Logical partitioning", "The setting"], FEATURE, keyed: WHOLE),
    kept!("application LINE", ["The selected application", "Its name"], FEATURE, keyed: WHOLE),
    kept!("service LINE", ["The selected application", "Its name"], FEATURE, keyed: WHOLE),
    kept!("paramspace LINE", ["Application parameter", "Name and value"], FEATURE, keyed: WHOLE),
    kept!("param LINE", ["Application parameter", "Name and value"], FEATURE, keyed: WHOLE),
    kept!("req-qos LINE", ["Requested quality of service", "The setting"], FEATURE, keyed: WHOLE),
    kept!("acc-qos LINE", ["Acceptable quality of service", "The setting"], FEATURE, keyed: WHOLE),
    acted!("playout-delay LINE", ["Configure voice playout delay", "The setting"], keyed: WHOLE),
    kept!("icpif <0-55>", ["Calculated planning impairment factor", "Value"], FEATURE),
    kept!("snmp enable peer-trap LINE", ["Modify SNMP voice peer parameters", "Enable", "Trap", "Kind"], FEATURE, keyed: WHOLE),
    kept!("dnis-map WORD", ["DNIS map", "Name"], CALLS),
    command! {
        "trunk-group-label (source|target) WORD", keyed: 2,
        help: &["Trunk group label", "Calls from there come in on this peer", "Calls for there go out on this peer", "Label"],
        apply: Apply::Acted(label),
    },
    command! {
        "source trunk-group-label WORD", with_previous: true,
        help: &["Source of the call", "Trunk group", "Label"],
        apply: Apply::Acted(label),
    },
    command! {
        "carrier-id (source|target) WORD", keyed: 2,
        help: &["Carrier", "Calls from there come in on this peer", "Calls for there go out on this peer", "Name"],
        apply: Apply::Acted(label),
    },
    acted!("redirect ip2ip", ["Redirect calls", "From IP to IP"]),
    kept!(
        "signal-type LINE",
        ["The signaling type to be used when connecting to the dial peer", "Type"],
        FEATURE
    ),
    acted!(
        "signaling forward (conditional|none|rawmsg|unconditional)",
        super::voice_service::SIGNALING_FORWARD
    ),
    acted!("supplementary-service sip moved-temporarily", ["Supplementary services", "SIP",
        "A caller of a telephone whose calls go to SIP is told so by 302"], keyed: WHOLE, no_shown: true),
    acted!("supplementary-service qsig call-forward", ["Supplementary services", "QSIG",
        "The exchange of a caller is asked to call the number a telephone forwards to"], keyed: WHOLE, no_shown: true),
    kept!("supplementary-service LINE", ["Supplementary services", "The service"], SIP, keyed: WHOLE, no_shown: true),
    kept!("huntgroup LINE", ["Hunt group", "The setting"], CALLS, keyed: WHOLE),
    command! {
        "shutdown", help: &["Change the admin state of this peer to down (shutdown)"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.peer()?.shutdown = on; Ok(()) }),
    },
];

pub(super) static POTS: &[Command] = &[
    command! {
        "digit-strip", no_shown: true, default: "digit-strip",
        help: &["Strip digits that match the destination pattern"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.peer()?.digit_strip = on; Ok(()) }),
    },
    command! {
        "port WORD",
        help: &["Voice port", "The voice port of this peer"],
        apply: Apply::Acted(|cx| {
            let port = match cx.text(0) {
                None => None,
                Some(text) => Some(port_name(&text).ok_or(ApplyError::Argument(0))?),
            };
            cx.peer()?.port = port;
            Ok(())
        }),
        keyed: 1,
    },
    super::voice_service::OWN_MWI_SERVER,
    command! {
        "trunkgroup WORD [<1-64>]", keyed: 2,
        help: &["Trunk group for this peer", "Trunk group label", "Preference"],
        apply: Apply::Acted(|cx| {
            let label = cx.args.argument(0).unwrap_or("").to_owned();
            let (no, preference) = (cx.no, cx.args.number(1));
            let groups = &mut cx.peer()?.trunk_groups;
            match groups.iter().position(|(name, _)| *name == label) {
                Some(at) if no => { groups.remove(at); }
                Some(at) => if let Some(entry) = groups.get_mut(at) { entry.1 = preference },
                None if no && label.is_empty() => groups.clear(),
                None if no => {}
                None => groups.push((label, preference)),
            }
            Ok(())
        }),
    },
    acted!("authentication username WORD password [0|6|7] WORD [realm WORD] [challenge (all|any)]", AUTHENTICATION, keyed: WHOLE),
    command! {
        "prefix WORD",
        help: &["Pattern to be dialed before the dialed number", "Digits and commas"],
        apply: Apply::Acted(|cx| {
            let text = cx.text(0);
            let fits = |t: &String| {
                t.len() <= dialpeer::peer::MAX_PREFIX && t.bytes().all(|b| b.is_ascii_hexdigit() || b"*#,+".contains(&b))
            };
            if text.as_ref().is_some_and(|t| !fits(t)) {
                return Err(ApplyError::Argument(0));
            }
            cx.peer()?.prefix = text;
            Ok(())
        }),
    },
    command! {
        "forward-digits (<0-32>|all|extra [inband])",
        help: &["Configure the destination digits forward of this peer", "Number of digits to be forwarded from right",
            "Forward all digits", "Forward digits longer than the length of the destination pattern", "In band"],
        apply: Apply::Acted(|cx| {
            let value = if cx.no { None }
                else if cx.args.has("all") { Some(ForwardDigits::All) }
                else if cx.args.has("inband") { Some(ForwardDigits::ExtraInband) }
                else if cx.args.has("extra") { Some(ForwardDigits::Extra) }
                else { cx.args.number(0).map(ForwardDigits::Right) };
            cx.peer()?.forward_digits = value;
            Ok(())
        }),
    },
    command! {
        "sip-register", no_shown: true, default: "sip-register",
        help: &["Register this peer's number"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.peer()?.sip_register = on; Ok(()) }),
    },
    kept!("register e164", ["Register", "E.164 number"], SIP, no_shown: true),
    kept!("sip-notify [LINE]", ["SIP NOTIFY", "The setting"], SIP, keyed: WHOLE),
    kept!("incall LINE", ["In-call settings", "The setting"], CALLS, keyed: WHOLE),
    command! {
        "bearer-cap (speech|3100Hz|unrestricted)",
        help: &["Bearer capability", "Speech", "3.1 kHz audio", "Unrestricted"],
        apply: Apply::Acted(|cx| {
            let bearer = match (cx.no, cx.args.word(1)) {
                (false, Some("speech")) => Some(Bearer::Speech),
                (false, Some("3100Hz")) => Some(Bearer::Audio),
                (false, Some("unrestricted")) => Some(Bearer::Unrestricted),
                _ => None,
            };
            cx.peer()?.shape.bearer = bearer;
            Ok(())
        }),
    },
    kept!("isdn contact LINE", ["ISDN", "Contact", "The setting"], CALLS, keyed: WHOLE),
];

pub(super) static VOIP: &[Command] = &[
    acted!("authentication username WORD password [0|6|7] WORD [realm WORD] [challenge (all|any)]", AUTHENTICATION, keyed: WHOLE),
    kept!("sip-profiles <1-10000>", ["SIP profiles", "Tag"], SIP),
    command! {
        "sip-register", no_shown: true, default: "sip-register",
        help: &["Register this peer's number"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.peer()?.sip_register = on; Ok(()) }),
    },
    command! {
        "tech-prefix WORD",
        help: &["Technology prefix", "Put in front of every number called: up to 11 of 0-9, * and #"],
        apply: Apply::Acted(|cx| {
            let text = cx.text(0);
            let fits = |t: &String| {
                t.len() <= dialpeer::peer::MAX_TECH_PREFIX && t.bytes().all(|b| b.is_ascii_digit() || b"*#".contains(&b))
            };
            if text.as_ref().is_some_and(|t| !fits(t)) {
                return Err(ApplyError::Argument(0));
            }
            cx.peer()?.tech_prefix = text;
            Ok(())
        }),
    },
    kept!("settle-call LINE", ["Settlement", "Provider"], FEATURE),
    kept!("roaming", ["Roaming"], FEATURE),
    kept!("expect-factor <0-20>", ["Expectation factor of voice quality", "Value"], FEATURE),
    kept!("video LINE", ["Video", "The setting"], FEATURE, keyed: WHOLE),
    kept!("monitor probe LINE", ["Monitor", "Probe", "icmp-ping or rtr"], FEATURE, keyed: WHOLE),
];

/// `trunk-group-label` and `carrier-id`.
fn label(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let text = cx.text(0);
    if text.as_ref().is_some_and(|text| text.len() > MAX_LABEL) {
        return Err(ApplyError::Argument(0));
    }
    let word = |at: usize| cx.args.word(at);
    let group = [word(0), word(1)].contains(&Some("trunk-group-label"));
    let source = [word(0), word(1)].contains(&Some("source"));
    let peer = cx.peer()?;
    let labels = peer.labels.get_or_insert_default();
    *match (group, source) {
        (true, true) => &mut labels.source_group,
        (true, false) => &mut labels.target_group,
        (false, true) => &mut labels.source_carrier,
        (false, false) => &mut labels.target_carrier,
    } = text;
    peer.labels.take_if(|labels| labels.is_empty());
    Ok(())
}

fn clid(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let line = cx.args.canonical();
    let text = line.strip_prefix("clid ").unwrap_or_default();
    let taken_back = cx.no;
    let set = &mut cx.peer()?.shape.clid;
    if taken_back {
        set.retain(|known| !known.to_string().starts_with(text));
        return Ok(());
    }
    let setting: Clid = text.parse().map_err(|_| ApplyError::Argument(0))?;
    set.retain(|known| !setting.displaces(known));
    set.push(setting);
    Ok(())
}

fn progress_ind(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let line = cx.args.canonical();
    let text = line.splitn(3, ' ').nth(2).unwrap_or_default();
    let indicator = match cx.no {
        true => None,
        false => Some(text.parse().map_err(|_| ApplyError::Argument(0))?),
    };
    let message = cx.args.word(1).map(str::to_owned);
    let shape = &mut cx.peer()?.shape;
    match message.as_deref() {
        Some("alert") => shape.alert = indicator,
        Some("progress") => shape.progress = indicator,
        _ => shape.setup = indicator,
    }
    Ok(())
}

fn number(cx: &Cx<'_>) -> Option<u32> {
    if cx.no { None } else { cx.args.number(0) }
}

/// A port or, on access servers, a DS0 group such as `0:D`.
fn port_name(text: &str) -> Option<String> {
    crate::config::PortId::parse(text).map(|p| p.to_string())
}

/// `destination-pattern 9 T` and `9T` are the same.
fn pattern(cx: &mut Cx<'_>) -> Result<Option<Pattern>, ApplyError> {
    let Some(mut text) = cx.text(0) else { return Ok(None) };
    if cx.args.has("T") {
        text.push('T');
    }
    let pattern: Pattern = text.parse().map_err(|_| ApplyError::Text(PATTERN_ERROR.to_owned()))?;
    if text == "T" {
        cx.notice = Some(T_ALONE_WARNING.to_owned());
    }
    Ok(Some(pattern))
}

/// There is one class for messages that come.
pub(super) fn same_inbound(new: &str, old: &str) -> bool {
    let tag = |line: &str| line.split_once("profiles ")?.1.strip_suffix(" inbound")?.parse::<u32>().ok();
    tag(new).is_some() && tag(old).is_some()
}

/// `ip qos dscp ef media` and `ip qos dscp af31 media` are the same setting.
fn same_stream(new: &str, old: &str) -> bool {
    let stream =
        |line: &str| line.strip_prefix("ip qos dscp ")?.split_once(' ').map(|(_, stream)| stream.to_owned());
    stream(new).is_some() && stream(new) == stream(old)
}
