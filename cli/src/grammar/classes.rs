//! Voice classes, custom tones, translation rules and profiles.

use super::reasons::{CALLS, MEDIA, OF_SIP_UA, OLD_SUITE, SIP as SIP_LATER};
use super::{Apply, Command, ModeKind, WHOLE};
use crate::config::{ApplyError, Cx};
use crate::{acted, command, kept};
use dialpeer::translation::{Rule, TranslationProfile, TranslationRule};
use std::sync::Arc;

pub(super) static CODEC: &[Command] = &[
    acted!("codec preference <1-24> LINE", ["Codec type", "Codec preference", "Preference order", "Codec name and payload size"], keyed: 3,
        sorted: true),
    kept!("video codec LINE", ["Video", "Codec", "Name"], MEDIA, keyed: WHOLE),
    kept!("description LINE", ["Description", "Text"], MEDIA),
];

pub(super) static FEATURE_CODES: &[Command] = &[
    acted!("prefix WORD", ["What every code begins with", "Characters"], default: "prefix **"),
    acted!("call forward all WORD", ["Calls", "Are forwarded", "All of them, to the number dialled behind it", "Code"],
        keyed: 3, default: "call forward all 1"),
    acted!("call forward cancel WORD", ["Calls", "Are forwarded", "No longer", "Code"],
        keyed: 3, default: "call forward cancel 2", with_previous: true),
];

pub(super) static OPTIONS_KEEPALIVE: &[Command] = &[
    acted!("description LINE", ["Description", "Text"]),
    acted!("up-interval <5-1200>", ["Between OPTIONS to a server that answers", "Seconds"], default: "up-interval 60"),
    acted!("down-interval <5-1200>", ["Between OPTIONS to a server that does not", "Seconds"], default: "down-interval 30"),
    acted!("retry <1-10>", ["Failures until a server counts as gone", "Count"], default: "retry 5"),
    kept!(
        "transport (udp|tcp [tls]|system)",
        ["Transport", "UDP", "TCP", "TLS over TCP", "As the dial peer"],
        CALLS
    ),
    kept!("sip-profiles <1-10000>", ["SIP profiles", "Tag"], CALLS),
    acted!("shutdown", ["Watch no server with this class"]),
];

pub(super) static URI: &[Command] = &[
    command! {
        "host LINE", help: &["Host of the URI", "Pattern or address"], keyed: WHOLE, apply: Apply::Acted(uri_host),
    },
    acted!("pattern LINE", ["Pattern of the URI", "Regular expression"]),
    acted!("user-id LINE", ["User of the URI", "Regular expression"]),
    acted!("phone number LINE", ["Phone number of the URI", "Number", "Pattern"], keyed: 2),
    kept!("phone context LINE", ["Phone number of the URI", "Context", "Pattern"], CALLS, keyed: 2, with_previous: true),
    acted!("description LINE", ["Description", "Text"]),
];

pub(super) static SIP_PROFILES: &[Command] = &[
    acted!("description LINE", ["Description", "Text"]),
    command! {
        "rule <1-1073741823> (request|response) LINE",
        keyed: 2,
        sorted: true,
        help: &["A rule", "Its place among the others", "For requests", "For responses",
            "METHOD|STATUS|ANY (sip-header|sdp-header) NAME (add LINE|copy PATTERN u01|modify PATTERN TEXT|remove)"],
        apply: Apply::Acted(|cx| profile_rule(cx, 2)),
    },
    command! {
        "(request|response) LINE",
        keyed: WHOLE,
        help: &["A rule for requests", "A rule for responses",
            "METHOD|STATUS|ANY (sip-header|sdp-header) NAME (add LINE|copy PATTERN u01|modify PATTERN TEXT|remove)"],
        apply: Apply::Acted(|cx| profile_rule(cx, 0)),
    },
];

/// Whether this is the name of a host: labels of letters, digits and hyphens, 128 octets at most.
fn is_host_name(name: &str) -> bool {
    let labels = || name.split('.');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 128 && labels().all(is_label)
}

/// Refuses a rule of `voice class sip-profiles` that cannot be read; its text begins at this word.
fn profile_rule(cx: &mut Cx<'_>, at: usize) -> Result<(), ApplyError> {
    let text = cx.args.words.iter().skip(at).map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
    match dialpeer::sip_profile::Profile::check(&text) {
        Err(error) if !cx.no => Err(ApplyError::Text(format!("%{error}"))),
        _ => Ok(()),
    }
}

pub(super) static TLS_PROFILE: &[Command] = &[
    acted!("description LINE", ["Description", "Text"]),
    acted!("trustpoint WORD", ["Certificate, key and issuers", "Name of the trustpoint"]),
    acted!(
        "client-vtp WORD",
        ["Whose issuers are believed instead of those of the trustpoint", "Name of a trustpoint"]
    ),
    acted!(
        "cn-san validate (server|client|bidirectional)",
        [
            "Names in certificates",
            "Which certificates have to bear one that is known",
            "Those of servers we call: the session target, or a name of the list",
            "Those of clients that call us: a name of the list",
            "Both"
        ],
        keyed: 2
    ),
    command! {
        "cn-san <1-10> WORD", keyed: 2, sorted: true,
        help: &["Names in certificates", "An entry of the list", "Name of a host, or *.DOMAIN for all of a domain"],
        apply: Apply::Acted(|cx| match cx.args.argument(1) {
            Some(name) if !is_host_name(name.strip_prefix("*.").unwrap_or(name)) => Err(ApplyError::Argument(1)),
            _ => Ok(()),
        }),
    },
    acted!("cipher (strict-cipher|ecdsa-cipher [curve-size 384]|<1-10000>)", ["Suites", "With RSA and AES, and TLS 1.3", "With ECDSA, and TLS 1.3",
        "Keys are agreed upon on one curve", "P-384", "Those of a voice class tls-cipher"], keyed: 1),
    acted!("sni send", ["Server name indication", "Servers are told whom we look for"]),
];

pub(super) static TLS_CIPHER: &[Command] = &[
    acted!("description LINE", ["Description", "Text"]),
    acted!("cipher <1-10> (AES128_GCM_SHA256|AES256_GCM_SHA384|CHACHA20_POLY1305_SHA256|ECDHE_RSA_AES128_GCM_SHA256|ECDHE_RSA_AES256_GCM_SHA384|ECDHE_ECDSA_AES128_GCM_SHA256|ECDHE_ECDSA_AES256_GCM_SHA384)",
        ["A suite", "Its place, 1 is preferred", "TLS 1.3", "TLS 1.3", "TLS 1.3", "TLS 1.2", "TLS 1.2", "TLS 1.2", "TLS 1.2"],
        keyed: 2, sorted: true),
    kept!("cipher <1-10> (DHE_RSA_AES128_GCM_SHA256|DHE_RSA_AES256_GCM_SHA384|DHE_RSA_WITH_AES_128_CBC_SHA|DHE_RSA_WITH_AES_256_CBC_SHA|RSA_WITH_AES_128_CBC_SHA|RSA_WITH_AES_256_CBC_SHA)",
        ["A suite", "Its place, 1 is preferred", "TLS 1.2", "TLS 1.2", "Weak", "Weak", "Weak", "Weak"], OLD_SUITE, keyed: 2,
        sorted: true, with_previous: true),
];

pub(super) static SERVER_GROUP: &[Command] = &[
    acted!("description LINE", ["Description", "Text"]),
    acted!("ipv4 A.B.C.D [port <1-65535>] [preference <0-5>]", ["A server", "Address", "Its port", "Port", "Its place", "0 is tried first"],
        keyed: 2),
    acted!("ipv6 WORD [port <1-65535>] [preference <0-5>]",
        ["A server", "Address", "Its port", "Port", "Its place", "0 is tried first"], keyed: 2),
    acted!("dns WORD [port <1-65535>] [preference <0-5>]",
        ["A server", "Name", "Its port", "Port", "Its place", "0 is tried first"], keyed: 2),
    acted!("hunt-scheme (preference|round-robin)", ["Which server is tried first", "That of the lowest preference (default)",
        "Each in turn"], default: "hunt-scheme preference"),
    acted!("huntstop <1-1000> resp-code <400-599> [to <400-599>]", ["Answers after which no other server is tried", "Rule",
        "Statuses", "The one, or the first of several", "To", "The last"], keyed: 2, sorted: true),
    acted!("shutdown", ["Take the group out of use"]),
];

pub(super) static TENANT: &[Command] = &[
    acted!("description LINE", ["Description", "Text"]),
    acted!(
        "sip-server (ipv4:WORD|dns:WORD)",
        [
            "Server of `session target sip-server`",
            "Address, optionally with a port",
            "Name, optionally with a port"
        ]
    ),
    super::voice_service::OWN_MWI_SERVER,
    acted!("session transport (udp|tcp [tls])", ["SIP session", "Transport", "UDP", "TCP", "TLS"]),
    acted!("bind (control|media|all) source-interface INTERFACE", ["Our address", "In headers", "In session descriptions", "In both",
        "That of an interface", "Interface"], keyed: 2),
    acted!("asserted-id (pai|ppi)", ["Who calls is said by", "P-Asserted-Identity", "P-Preferred-Identity"]),
    acted!(
        "privacy (pstn|header|session|user|id|history|critical)...",
        [
            "Privacy header of calls",
            "By the rules of the telephone network",
            "Hide headers",
            "Hide the session",
            "Hide the user",
            "Hide the asserted identity",
            "Hide the diversions",
            "Refuse where that cannot be had"
        ]
    ),
    acted!(
        "privacy-policy (send-always|strip diversion)",
        ["Privacy policy", "Say that nothing is to be hidden, too", "Leave out", "Diversion headers"]
    ),
    acted!("header-passing", ["Headers nobody here knows go on to the other SIP side"]),
    acted!("pass-thru headers unsupp", ["Pass through", "Headers", "Those that nobody here knows"], keyed: 2),
    acted!("error-passthru", ["The status of one SIP side is that of the other"]),
    acted!(
        "early-offer forced",
        ["Early offer", "Calls to SIP always offer, whether their caller did or not"]
    ),
    acted!("options-ping [<60-1200>]", ["OPTIONS within calls", "Seconds, 60 without a number"]),
    acted!("sip-profiles <1-10000>", ["What is changed in messages", "Class of sip-profiles"]),
    acted!("sip-profiles <1-10000> inbound", ["What is changed in messages", "Class of sip-profiles", "As they come"], keyed: WHOLE,
        with_previous: true, replaces: Some(super::dial_peer::same_inbound)),
    acted!(
        "authentication username WORD password [0|6|7] WORD [realm WORD] [challenge (all|any)]",
        ["Digest authentication", "User name", "4 to 70 characters", "Password", "Unencrypted", "AES", "Hidden", "The password", "Realm",
         "Name of the realm", "Challenges", "All", "Any"], keyed: WHOLE
    ),
    acted!(
        "credentials [number WORD] username WORD password [0|6|7] WORD realm WORD",
        ["Number to register and its password", "Number to register", "Number", "User name", "4 to 70 characters", "Password",
         "Unencrypted", "AES", "Hidden", "The password", "Realm", "Name of the realm"], keyed: WHOLE
    ),
    acted!(
        "registrar [<1-6>] (ipv4:WORD|dns:WORD) [expires <60-65535>] [refresh-ratio <1-100>] [scheme (sip|sips)] [tcp [tls]] [auth-realm WORD] [random-contact] [secondary]",
        ["Where the numbers of credentials are registered", "Index of several registrars", "IP address", "Host name", "Registration expires time",
         "Seconds, default 3600", "Refresh before the end", "Percent", "URL scheme", "sip:", "sips:", "TCP instead of UDP", "TLS over TCP",
         "Realm for preloaded authorization", "Name of the realm", "Random contact header", "Secondary registrar"],
        keyed: WHOLE, replaces: Some(super::voice_service::same_registrar)
    ),
    acted!(
        "outbound-proxy (ipv4:WORD|dns:WORD)",
        ["Where all requests go first", "Address, optionally with a port", "Name, optionally with a port"]
    ),
    acted!(
        "localhost dns:WORD [preferred]",
        ["Name of this host in identities, instead of its address", "Name", "Where several would do"]
    ),
    acted!("remote-party-id", ["Remote-Party-ID header"], no_shown: true),
    acted!("redirection", ["3xx responses are followed"], no_shown: true),
    acted!(
        "rel1xx (supported|require|disable) [WORD]",
        ["Reliable provisional responses", "Where the other side can", "Always", "Never", "Tag, 100rel"]
    ),
    acted!("url (sip|sips)", ["URIs of calls", "sip:", "sips:, by TLS alone"], keyed: 1),
    acted!("disable-early-media 180", ["What is sent before the answer is not played", "With 180 Ringing"], no_shown: true),
    acted!("reason-header override", ["The cause in a Reason header", "Counts, not the status"], no_shown: true),
    acted!(
        "transport switch udp tcp",
        ["Transport", "Switch", "From UDP", "To TCP, for requests that are too long"]
    ),
    acted!("session refresh", ["SIP session", "Session timers"], no_shown: true),
    acted!(
        "min-se <90-86400> [session-expires <90-86400>]",
        ["Minimum session timer", "Seconds", "Session timer", "Seconds"]
    ),
    acted!("midcall-signaling (passthru [media-change]|block|preserve-codec)", super::voice_service::MIDCALL),
    acted!("max-forwards <1-70>", ["Hops that requests may make", "Number"]),
    acted!("retry (bye|cancel|prack|refer|invite|info|register|rel1xx|response|update) <1-10>",
        ["How often messages are sent again", "BYE", "CANCEL", "PRACK", "REFER", "INVITE", "INFO", "REGISTER", "Reliable 1xx",
         "Response", "UPDATE", "Retries"], keyed: 2),
    kept!("retry (comet|keepalive|notify|options|publish|subscribe) <1-10>", ["How often messages are sent again", "COMET", "KEEPALIVE",
        "NOTIFY", "OPTIONS", "PUBLISH", "SUBSCRIBE", "Retries"], OF_SIP_UA, keyed: 2, with_previous: true),
    acted!(
        "timers (trying|connect|disconnect|info|prack|refer|register|rel1xx|update) <100-1000>",
        ["How long is waited before a message is sent again", "Wait for a provisional response to INVITE", "Wait for confirmation of a connected session",
         "Wait for confirmation of a disconnected session", "Wait before INFO retransmission", "Wait before PRACK retransmission",
         "Wait before REFER retransmission", "Wait before REGISTER retransmission", "Wait before reliable 1xx retransmission",
         "Wait before UPDATE retransmission", "Milliseconds"],
        keyed: 2
    ),
    kept!("timers (comet|notify|options|publish) <100-1000>", ["How long is waited before a message is sent again",
        "Wait before COMET retransmission", "Wait before NOTIFY retransmission", "Wait before OPTIONS retransmission",
        "Wait before PUBLISH retransmission", "Milliseconds"], OF_SIP_UA, keyed: 2, with_previous: true),
    acted!("timers expires <60000-1800000>", ["How long is waited", "For the answer to an INVITE", "Milliseconds"], with_previous: true),
    kept!("timers (registrar|dns) registrar-cache (<60-65535>|ttl)", ["How long is believed", "Where the registrar is", "What a name server says",
        "Cache", "Seconds", "As the answer says"], OF_SIP_UA, keyed: 3, with_previous: true),
    kept!("(anat|associate|block|call-route|connection-reuse|conn-reuse|contact-passing|content|disable-early-media|e911|g729|handle-replaces|history-info|host-registrar|localhost|map|midcall-signaling|min-se|nat|notify|outbound-proxy|pass-thru|privacy-policy|random-contact|random-request-uri|reason-header|refer|refer-ood|referto-passing|registrar|registration|rel1xx|requri-passing|reset|retry|send|session|signaling|srtp|srtp-auth|srtp-crypto|tcp-retry|tel-config|timers|tls-profile|transport|update-callerid|url|xfer|asymmetric|early-offer|error-code-override|listen-port|sip-profiles-inbound|supplementary-service) [LINE]",
        ["A setting of sip-ua or voice service voip"], SIP_LATER, keyed: WHOLE, no_shown: true),
];

pub(super) static CPTONE: &[Command] = &[acted!(
    "dualtone (busy|conference|disconnect|number-unobtainable|out-of-service|reorder|ringback)",
    ["Dual tone", "Busy", "Conference", "Disconnect", "Number unobtainable", "Out of service", "Reorder", "Ringback"],
    enters: Some(ModeKind::Dualtone), keyed: 2
)];

pub(super) static DUALTONE: &[Command] = &[
    acted!("frequency <300-3600> [<300-3600>]", ["Frequency", "Hz", "Hz"]),
    acted!("cadence (continuous|<1-50000>)...", ["Cadence", "Continuous", "Milliseconds on and off"]),
];

/// Limits that `voice class dualtone` and `voice class dualtone-detect-params` share. IOS's documents write powers with and without
/// a minus sign.
pub(super) static TONE_LIMITS: &[Command] = &[
    acted!("freq-max-deviation <10-125>", ["How far off a frequency may be", "Hz"], default: "freq-max-deviation 10"),
    acted!("freq-max-power <-20-20>", ["How loud a frequency may be", "dB below 0 dBm0"], default: "freq-max-power 10"),
    acted!("freq-min-power <-35-35>", ["How soft a frequency may be", "dB below 0 dBm0"], default: "freq-min-power 30"),
    acted!("freq-power-twist <0-15>", ["How much louder one frequency may be", "dB"], default: "freq-power-twist 6"),
    kept!(
        "freq-max-delay <10-100>",
        ["How much later one frequency may begin", "10 ms"],
        "both frequencies are looked for in the same 40 ms"
    ),
    acted!("cadence-variation <0-200>", ["How far off a cadence may be", "10 ms"], default: "cadence-variation 10"),
];

pub(super) static TONE_CLASS: &[Command] = &[
    acted!("freq-pair <1-16> <300-3600> <0-3600>", ["A tone", "Number of the tone", "Hz", "Hz, 0 for a tone of one frequency"],
        keyed: 2, sorted: true),
    acted!("cadence-min-on-time <0-100>", ["Shortest burst", "10 ms"]),
    acted!("cadence-max-off-time <0-5000>", ["Longest pause", "10 ms, 0 for a tone without pauses"]),
    acted!("cadence-list <1-10> <0-1000> <0-1000> [<0-1000> <0-1000>] [<0-1000> <0-1000>] [<0-1000> <0-1000>]", ["A cadence",
        "Number of the cadence", "On, 10 ms", "Off, 10 ms", "On, 10 ms", "Off, 10 ms", "On, 10 ms", "Off, 10 ms", "On, 10 ms",
        "Off, 10 ms"], keyed: 2, sorted: true),
];

pub(super) static TRANSLATION_RULE: &[Command] = &[
    command! {
        "rule <1-100> reject LINE",
        keyed: 2,
        sorted: true,
        help: &["Translation rule", "Precedence", "Call block rule", "/match/ [type match [plan match]]"],
        apply: Apply::Acted(rule),
        show: Some(shown_rule),
    },
    command! {
        "rule <1-100> LINE",
        keyed: 2,
        sorted: true,
        with_previous: true,
        help: &["Translation rule", "Precedence", "/match/ /replace/ [type match replace [plan match replace]]"],
        apply: Apply::Acted(rule),
        show: Some(shown_rule),
    },
];

pub(super) static PROFILE: &[Command] = &[command! {
    "translate (called|calling|redirect-called|redirect-target|callback-number) <1-2147483647>",
    keyed: 2,
    help: &["Translation rule", "Called number", "Calling number", "Redirect called number", "Redirect target",
        "Callback number", "Tag"],
    apply: Apply::Acted(|cx| {
        let rule = if cx.no { None } else { cx.args.number(0) };
        let which = cx.args.word(1).unwrap_or("").to_owned();
        let name = cx.name().to_owned();
        let profiles = &mut cx.config.translation_profiles;
        let Some((_, profile)) = profiles.iter_mut().find(|(n, _)| *n == name) else { return Ok(()) };
        match which.as_str() {
            "called" => profile.called = rule,
            "calling" => profile.calling = rule,
            "redirect-called" => profile.redirect_called = rule,
            "redirect-target" => profile.redirect_target = rule,
            "callback-number" => profile.callback_number = rule,
            _ => *profile = TranslationProfile::default(),
        }
        Ok(())
    }),
}];

/// Opens or removes `voice translation-rule TAG`.
pub(super) fn translation_rule(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let tag: u32 = cx.name().parse().map_err(|_| ApplyError::Argument(0))?;
    let (no, rules) = (cx.no, &mut cx.config.translation_rules);
    if no {
        rules.retain(|r| r.tag != tag);
    } else if !rules.iter().any(|r| r.tag == tag) {
        rules.push(TranslationRule::new(tag).into());
    }
    Ok(())
}

/// Opens or removes `voice translation-profile NAME`.
pub(super) fn translation_profile(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let name = cx.name().to_owned();
    let (no, profiles) = (cx.no, &mut cx.config.translation_profiles);
    if no {
        profiles.retain(|(n, _)| *n != name);
    } else if !profiles.iter().any(|(n, _)| *n == name) {
        profiles.push((name, TranslationProfile::default()));
    }
    Ok(())
}

fn open_rule<'a>(cx: &'a mut Cx<'_>) -> Option<&'a mut TranslationRule> {
    let tag: u32 = cx.name().parse().ok()?;
    cx.config.translation_rules.iter_mut().find(|r| r.tag == tag).map(Arc::make_mut)
}

fn rule(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let number: u8 = cx.args.number(0).ok_or(ApplyError::Argument(0))?;
    if cx.no {
        if let Some(open) = open_rule(cx) {
            open.remove(number);
        }
        return Ok(());
    }
    let text = cx.args.words.iter().skip(1).map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
    let rule: Rule = text.parse().map_err(|_| ApplyError::Argument(1))?;
    if let Some(open) = open_rule(cx) {
        open.insert(rule);
    }
    Ok(())
}

fn shown_rule(cx: &Cx<'_>) -> Option<String> {
    let tag: u32 = cx.name().parse().ok()?;
    let number: u8 = cx.args.number(0)?;
    let open = cx.config.translation_rules.iter().find(|r| r.tag == tag)?;
    open.iter().find(|r| r.number == number).map(|r| format!("rule {r}"))
}

pub(super) static COR_CUSTOM: &[Command] =
    &[acted!("name WORD", ["Name of a class of restriction", "The name"], keyed: WHOLE)];

pub(super) static COR_LIST: &[Command] =
    &[acted!("member WORD", ["Member of the list", "Name of a class of restriction"], keyed: WHOLE)];

pub(super) static PATTERN_MAP: &[Command] = &[
    acted!("description LINE", ["Description of the map", "Text"]),
    command! {
        "e164 WORD", keyed: WHOLE, help: &["E.164 pattern", "A sequence of digits"],
        apply: Apply::Acted(|cx| match cx.text(0).map(|text| text.parse::<dialpeer::Pattern>()) {
            Some(Err(_)) => Err(ApplyError::Text(dialpeer::pattern::PATTERN_ERROR.to_owned())),
            _ => Ok(()),
        }),
    },
    kept!("url LINE", ["File with patterns", "URL"], CALLS),
    acted!("shutdown", ["Take the map out of use"]),
];

pub(super) static PEER_GROUP: &[Command] = &[
    acted!("description LINE", ["Description of the group", "Text"]),
    acted!("dial-peer <1-1073741823> [preference <0-10>]",
        ["Dial peer of the group", "Tag", "Order of preference", "0 is tried first"], keyed: 2),
    acted!("shutdown", ["Take the group out of use"]),
];

/// Hosts of a class, as recorded of a router.
const URI_HOSTS: usize = 10;

fn uri_host(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let key = cx.frames.last().map_or("", |frame| frame.key.as_str());
    let line = cx.args.canonical();
    let class = cx.config.tree().beginning(key).find(|node| node.key == key);
    let hosts = class.into_iter().flat_map(|class| class.lines()).filter(|old| old.starts_with("host "));
    if !cx.no && hosts.filter(|old| *old != line).count() >= URI_HOSTS {
        return Err(ApplyError::Text(format!(
            "Error:Maximum of {URI_HOSTS} hosts can only be configured.\n"
        )));
    }
    Ok(())
}
