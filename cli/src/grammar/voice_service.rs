//! `sip-ua`, `voice service voip` and its `sip`.

use super::dial_peer::CLID;
use super::reasons::{CALLS, FEATURE, MEDIA, OLD_TLS, SIP as SIP_LATER};
use super::{Apply, Command, ModeKind, WHOLE};
use crate::config::{ApplyError, Cx, Network, SipServer};
use crate::{acted, command, kept};
use dialpeer::cause::Causes;
use mwi::config::{MwiServer, Transport};
use mwi::route::NumberSource;
use std::net::Ipv4Addr;

/// Help of `privacy …`, in sip-ua and in `sip`.
const PRIVACY: [&str; 8] = [
    "Privacy header of calls",
    "By the rules of the telephone network (default)",
    "Hide headers",
    "Hide the session",
    "Hide the user",
    "Hide the asserted identity",
    "Hide the diversions",
    "Refuse where that cannot be had",
];

/// Help of `signaling forward …`, of the whole gateway and of a dial peer.
pub(super) const SIGNALING_FORWARD: [&str; 6] = [
    "Signalling payload",
    "Messages of trunks in SIP messages",
    "None, as SIP endpoints do not say what they can",
    "None",
    "As they came, in application/QSIG or application/x-q931",
    "The same",
];

/// The same with what is kept of it.
pub(super) const MODEM_REDUNDANCY: [&str; 10] = {
    let [a, b, c, d, e, f, g, h, i] = MODEM_PASSTHROUGH;
    [a, b, c, d, e, f, g, h, i, "Packets are sent twice"]
};
/// And with the number of such calls.
const MODEM_SESSIONS: [&str; 12] = {
    let [a, b, c, d, e, f, g, h, i, j] = MODEM_REDUNDANCY;
    [a, b, c, d, e, f, g, h, i, j, "Calls with that at a time", "Number"]
};
/// Why.
pub(super) const ONCE: &str = "modems pass, their packets are sent once";

/// Help of `midcall-signaling …`, of the whole gateway, a tenant and a dial peer.
pub(super) const MIDCALL: [&str; 5] = [
    "What SIP peers change within a call",
    "The other end is told (default)",
    "Of what changes something",
    "It is answered here, the other end is not told",
    "An offer without the codec of the call is refused",
];

/// Help of `modem passthrough …`, of the whole gateway and of a dial peer.
pub(super) const MODEM_PASSTHROUGH: [&str; 9] = [
    "Modem commands",
    "Modem passthrough",
    "Both gateways are told by named signalling events in RTP",
    "Their payload type",
    "96 to 119, default 100",
    "Both are told by re-INVITE",
    "What modems are passed in",
    "G.711 u-law",
    "G.711 A-law",
];

const TRANSPORT: &str = "Enable SIP User Agent transport for TCP/UDP";

pub(super) static POTS: &[Command] =
    &[acted!("supplementary-service qsig call-forward", ["Supplementary services", "QSIG",
        "The exchange of a caller is asked to call the number a telephone forwards to"], keyed: WHOLE)];

pub(super) static SIP_UA: &[Command] = &[
    acted!(
        "credentials [number WORD] username WORD password [0|6|7] WORD realm WORD",
        ["User credentials", "Number to register", "Number", "User name", "4 to 70 characters", "Password", "Unencrypted", "AES", "Hidden",
         "The password", "Realm", "Name of the realm"], keyed: WHOLE
    ),
    kept!("credentials dhcp password [0|6|7] WORD realm WORD",
        ["User credentials", "User name by DHCP", "Password", "Unencrypted", "AES", "Hidden", "The password", "Realm", "Name of the realm"],
        SIP_LATER, keyed: WHOLE, with_previous: true),
    acted!(
        "authentication username WORD password [0|6|7] WORD [realm WORD] [challenge (all|any)]",
        ["Digest authentication", "User name", "4 to 70 characters", "Password", "Unencrypted", "AES", "Hidden", "The password", "Realm",
         "Name of the realm", "Challenges", "All", "Any"], keyed: WHOLE
    ),
    acted!("calling-info pstn-to-sip unscreened discard", ["Calling information", "Calls from the telephone network to SIP",
        "Where nobody has verified who calls", "Name and number are not told"], keyed: 3),
    acted!("calling-info pstn-to-sip (from|remote-party-id|asserted-id) (name|number) set LINE",
        ["Calling information", "Calls from the telephone network to SIP", "From header", "Remote-Party-ID header", "P-Asserted-Identity header",
         "Name", "Number", "Replaced", "By this"], keyed: 4, with_previous: true),
    acted!("calling-info sip-to-pstn unscreened discard", ["Calling information", "Calls from SIP to the telephone network",
        "Where nobody has verified who calls", "Name and number are not told"], keyed: 3, with_previous: true),
    acted!("calling-info sip-to-pstn (name|number) set LINE", ["Calling information", "Calls from SIP to the telephone network", "Name",
        "Number", "Replaced", "By this"], keyed: 3, with_previous: true),
    acted!("max-forwards <1-70>", ["Change number of max-forwards for SIP Methods", "Number"], default: "max-forwards 70"),
    acted!("nat (symmetric|force-on|auto) [LINE]", ["NAT traversal", "Symmetric", "Always", "Detected", "The setting"], keyed: WHOLE),
    acted!("retry (bye|cancel|notify|prack|refer|invite|info|keepalive|options|register|rel1xx|response|subscribe|update|comet|publish) <1-10>",
        ["Change default retries for each SIP Method", "BYE", "CANCEL", "NOTIFY", "PRACK", "REFER", "INVITE", "INFO", "KEEPALIVE",
         "OPTIONS", "REGISTER", "Reliable 1xx", "Response", "SUBSCRIBE", "UPDATE", "COMET", "PUBLISH", "Retries"], keyed: 2),
    command! {
        "mwi-server (ipv4:A.B.C.D|dns:WORD) [expires <1-999999>] [port <1-65535>] [transport (tcp|udp)] [unsolicited]",
        help: &["Configure a SIP MWI Server Interface", "IP address of the voice-mail server", "Host name of the voice-mail server",
            "Subscription expiration time", "Seconds, default 3600", "Port number of the voice-mail server", "Port, default 5060",
            "Transport protocol", "TCP", "UDP", "The server notifies without subscription"],
        apply: Apply::Acted(|cx| {
            let server = if cx.no { None } else { Some(mwi_server(cx)?) };
            cx.config.sip_ua.mwi_server = server;
            Ok(())
        }),
        show: Some(|cx| cx.config.sip_ua.mwi_server.as_ref().map(ToString::to_string)),
    },
    command! {
        "tipring mwi number-source (request-uri|to|message-account)", keyed: 3,
        help: &["Settings of this gateway that IOS does not have", "Message waiting indication", "Where a NOTIFY's number is looked for first",
            "User of the Request-URI (default)", "User of the To header", "Message-Account of the body"],
        apply: Apply::Acted(|cx| {
            cx.config.sip_ua.mwi_number_source = match () {
                () if cx.no => NumberSource::RequestUri,
                () if cx.args.has("to") => NumberSource::To,
                () if cx.args.has("message-account") => NumberSource::MessageAccount,
                () => NumberSource::RequestUri,
            };
            Ok(())
        }),
    },
    command! {
        "tipring causes (ios|unified-cm)", keyed: 2, default: "tipring causes ios",
        help: &["Settings of this gateway that IOS does not have", "Q.850 causes of SIP statuses, before set sip-status",
            "As IOS has them (default)", "As Unified CM has them"],
        apply: Apply::Acted(|cx| {
            let own = !cx.no && cx.args.has("unified-cm");
            cx.config.cause_map.causes = if own { Causes::UnifiedCm } else { Causes::Ios };
            Ok(())
        }),
    },
    acted!("tipring mwi login WORD password [0|6|7] WORD", ["Settings of this gateway that IOS does not have",
        "Message waiting indication", "Who may tell or subscribe from addresses that are not trusted, by digest", "User name",
        "Password", "Unencrypted", "AES", "Hidden", "The password"], keyed: 4),
    acted!("tipring call login WORD password [0|6|7] WORD", ["Settings of this gateway that IOS does not have",
        "Calls", "Who may call from addresses that are not trusted, by digest", "User name",
        "Password", "Unencrypted", "AES", "Hidden", "The password"], keyed: 4),
    acted!(
        "tipring mwi expiry <1-8760>",
        [
            "Settings of this gateway that IOS does not have",
            "Message waiting indication",
            "Lamps of mailboxes nobody tells of go out",
            "Hours"
        ],
        keyed: 3
    ),
    command! {
        "tipring mwi when-queued (accept|retry-later)", keyed: 3,
        help: &["Settings of this gateway that IOS does not have", "Message waiting indication",
            "Answer to a NOTIFY whose news must wait for the trunk", "200, delivery is ours (default)", "503 with Retry-After"],
        apply: Apply::Acted(|cx| {
            cx.config.sip_ua.mwi_refuse_queued = !cx.no && cx.args.has("retry-later");
            Ok(())
        }),
    },
    acted!(
        "timers (trying|connect|disconnect|info|notify|options|prack|refer|register|rel1xx|update|comet|publish) <100-1000>",
        ["SIP signaling timers configuration", "Wait for a provisional response to INVITE", "Wait for confirmation of a connected session",
         "Wait for confirmation of a disconnected session", "Wait before INFO retransmission", "Wait before NOTIFY retransmission",
         "Wait before OPTIONS retransmission", "Wait before PRACK retransmission", "Wait before REFER retransmission",
         "Wait before REGISTER retransmission", "Wait before reliable 1xx retransmission", "Wait before UPDATE retransmission",
         "Wait before COMET retransmission", "Wait before PUBLISH retransmission", "Milliseconds"],
        keyed: 2
    ),
    acted!("timers expires <60000-1800000>", ["SIP signaling timers configuration", "Wait for the expiration of an INVITE request", "Milliseconds"], default: "timers expires 180000", with_previous: true),
    kept!("timers hold <15-2880>", ["SIP signaling timers configuration", "Wait during hold before disconnecting", "Minutes"],
        SIP_LATER, default: "timers hold 2880", with_previous: true),
    kept!("timers buffer-invite <50-5000>", ["SIP signaling timers configuration", "Buffer the INVITE while waiting for display information",
        "Milliseconds"], SIP_LATER, with_previous: true),
    acted!("timers connection aging <5-1440>", ["SIP signaling timers configuration", "Connections", "Aging", "Minutes"],
        default: "timers connection aging 5", with_previous: true),
    acted!("timers connection aging tls <60-4320>", ["SIP signaling timers configuration", "Connections", "Aging", "TLS", "Minutes"],
        default: "timers connection aging tls 60", with_previous: true),
    acted!("timers connection establish (tcp|tls) <5-30>", ["SIP signaling timers configuration", "Connections", "Establishment", "TCP", "TLS",
        "Seconds"], keyed: 4, with_previous: true),
    acted!("timers keepalive active <10-600>", ["SIP signaling timers configuration", "Keepalive", "In active state", "Seconds"],
        default: "timers keepalive active 120", with_previous: true),
    acted!("timers keepalive down <1-120>", ["SIP signaling timers configuration", "Keepalive", "In down state", "Seconds"],
        default: "timers keepalive down 30", with_previous: true),
    acted!("timers (registrar|dns) registrar-cache (<60-65535>|ttl)", ["SIP signaling timers configuration", "Registrar", "DNS", "Cache",
        "Seconds", "As the answer says"], keyed: 3, with_previous: true),
    kept!("registrar [<1-6>] dhcp LINE", ["Configure SIP registrar VoIP Interface", "Index of several registrars", "By DHCP", "The setting"],
        SIP_LATER, keyed: WHOLE),
    acted!(
        "registrar [<1-6>] (ipv4:WORD|dns:WORD) [expires <60-65535>] [refresh-ratio <1-100>] [scheme (sip|sips)] [tcp [tls]] [auth-realm WORD] [random-contact] [secondary]",
        ["Configure SIP registrar VoIP Interface", "Index of several registrars", "IP address", "Host name", "Registration expires time",
         "Seconds, default 3600", "Refresh before the end", "Percent", "URL scheme", "sip:", "sips:", "TCP instead of UDP", "TLS over TCP",
         "Realm for preloaded authorization", "Name of the realm", "Random contact header", "Secondary registrar"],
        keyed: WHOLE, with_previous: true, replaces: Some(same_registrar)
    ),
    command! {
        "sip-server (ipv4:WORD|dns:WORD)",
        help: &["Configure a SIP Server Interface", "IP address, optionally with a port", "Host name, optionally with a port"],
        apply: Apply::Acted(|cx| {
            let server = if cx.no { None } else { Some(sip_server(cx)?) };
            cx.config.sip_ua.sip_server = server;
            Ok(())
        }),
    },
    acted!("keepalive target (ipv4:WORD|dns:WORD) [tcp [tls]|udp] [secondary]", ["Servers that are asked by OPTIONS whether they live",
        "One of them", "IP address, optionally with a port", "Host name, optionally with a port", "By TCP", "TLS over TCP", "By UDP",
        "The second one"], keyed: WHOLE, replaces: Some(same_target)),
    kept!("host-registrar", ["Use the registrar as host name"], SIP_LATER),
    kept!("outbound-proxy LINE", ["Outbound proxy", "Address"], SIP_LATER),
    acted!("remote-party-id", ["Enable Remote-Party-ID support in SIP User Agent calls"], no_shown: true, default: "remote-party-id"),
    acted!("redirection", ["Enable call redirection (3XX) handling"], no_shown: true, default: "redirection"),
    acted!("transport udp", [TRANSPORT, "UDP"], keyed: 2, no_shown: true, default: "transport udp"),
    acted!("transport tcp", [TRANSPORT, "TCP"], keyed: 2, no_shown: true, default: "transport tcp", with_previous: true),
    acted!("transport tcp tls [(v1.2|v1.3) [minimum]]", [TRANSPORT, "TCP", "TLS over TCP", "Version 1.2", "Version 1.3", "And newer ones"],
        keyed: 3, no_shown: true, with_previous: true),
    kept!("transport tcp tls (v1.0|v1.1) [minimum]", [TRANSPORT, "TCP", "TLS over TCP", "Version 1.0", "Version 1.1", "And newer ones"],
        OLD_TLS, keyed: 3, with_previous: true),
    acted!("transport switch udp tcp", [TRANSPORT, "Switch", "From UDP", "To TCP, for requests that are too long"], with_previous: true),
    acted!("connection-reuse [via-port]", ["Use listener port for sending requests", "Via port"]),
    acted!("reason-header override", ["Reason header", "Overrides the SIP to Q.850 mapping"]),
    kept!("g729-annexb override", ["G.729 annex B", "Default without the attribute"], MEDIA),
    kept!("protocol mode LINE", ["Protocol", "Mode", "ipv4, ipv6 or dual-stack"], SIP_LATER),
    command! {
        "set pstn-cause <1-127> sip-status <400-699>",
        keyed: 3,
        help: &["Set cause mapping", "PSTN cause", "Cause", "SIP status", "Status"],
        apply: Apply::Acted(|cx| {
            let cause = cx.args.number(0).ok_or(ApplyError::Argument(0))?;
            let status = if cx.no { None } else { cx.args.number(1) };
            cx.config.cause_map.set_pstn_cause(cause, status).map_err(|_| ApplyError::Argument(0))
        }),
    },
    command! {
        "set sip-status <400-699> pstn-cause <1-127>",
        keyed: 3,
        help: &["Set cause mapping", "SIP status", "Status", "PSTN cause", "Cause"],
        apply: Apply::Acted(|cx| {
            let status = cx.args.number(0).ok_or(ApplyError::Argument(0))?;
            let cause = if cx.no { None } else { cx.args.number(1) };
            cx.config.cause_map.set_sip_status(status, cause).map_err(|_| ApplyError::Argument(0))
        }),
    },
    acted!("crypto signaling default tls-profile <1-10000>", ["TLS", "Signalling", "For every peer", "As a voice class says", "Its tag"],
        keyed: 3),
    acted!("crypto signaling default trustpoint WORD [(strict-cipher|ecdsa-cipher [curve-size 384]|client-vtp WORD|cn-san-validate (server|client|bidirectional))...]",
        ["TLS", "Signalling", "For every peer", "Certificate, key and issuers", "Name of the trustpoint", "Suites with RSA and AES, and TLS 1.3",
         "Suites with ECDSA, and TLS 1.3", "Keys are agreed upon on one curve", "P-384", "Whose issuers are believed instead", "Name of a trustpoint",
         "Names in certificates", "Of servers we call", "Of clients that call us", "Of both"], keyed: 3, with_previous: true),
    acted!("crypto signaling remote-addr A.B.C.D A.B.C.D tls-profile <1-10000>", ["TLS", "Signalling", "For the peers of a network",
        "Address", "Mask", "As a voice class says", "Its tag"], keyed: 5, with_previous: true),
    acted!("crypto signaling remote-addr A.B.C.D A.B.C.D trustpoint WORD [(strict-cipher|ecdsa-cipher [curve-size 384]|client-vtp WORD|cn-san-validate (server|client|bidirectional))...]",
        ["TLS", "Signalling", "For the peers of a network", "Address", "Mask", "Certificate, key and issuers", "Name of the trustpoint",
         "Suites with RSA and AES, and TLS 1.3", "Suites with ECDSA, and TLS 1.3", "Keys are agreed upon on one curve", "P-384",
         "Whose issuers are believed instead", "Name of a trustpoint", "Names in certificates", "Of servers we call", "Of clients that call us",
         "Of both"], keyed: 5, with_previous: true),
    kept!("crypto signaling LINE", ["TLS", "Signalling", "Peers and trustpoint"], SIP_LATER, keyed: WHOLE, with_previous: true),
    kept!("srv version (1|2)", ["DNS SRV", "Version", "First", "Second"], SIP_LATER),
    kept!("offer call-hold LINE", ["Offer", "Call hold", "conn-addr or direction-attr"], SIP_LATER),
    kept!("permit hostname dns:WORD", ["Permit", "Host name in requests", "Name"], SIP_LATER, keyed: WHOLE),
    acted!("privacy (pstn|header|session|user|id|history|critical)...", PRIVACY),
    acted!("disable-early-media 180", ["Disable early media", "For 180 Ringing"]),
    acted!("notify telephone-event max-duration <40-3000>", ["NOTIFY", "Telephone event", "Longest time between two NOTIFYs of a digit",
        "Milliseconds"], default: "notify telephone-event max-duration 2000"),
    kept!("refer-ood LINE", ["Out of dialog REFER", "The setting"], SIP_LATER, keyed: WHOLE),
    kept!("suspend-resume", ["Suspend and resume"], SIP_LATER, no_shown: true),
    kept!("xfer target LINE", ["Transfer", "Target", "dial-peer or hostname"], SIP_LATER),
    kept!("aaa username LINE", ["AAA", "User name", "Kind"], SIP_LATER),
    kept!("handle-replaces", ["Replaces header"], SIP_LATER),
    acted!("silent-discard untrusted", ["Discard silently", "Requests of unknown senders"], no_shown: true),
    kept!("tcp-retry LINE", ["TCP retries", "Number"], SIP_LATER),
    acted!("error-passthru", ["The status of one SIP side is that of the other"]),
];

/// Help of `media-inactivity-criteria …`, in `gateway` and in `voice service voip`.
const MEDIA_INACTIVITY: [&str; 4] =
    ["Whose silence ends a call", "Of RTP and RTCP both", "Of RTCP", "Of RTP"];

/// `gateway`: timers of media. What IOS has here for H.323 is kept.
pub(super) static GATEWAY: &[Command] = &[
    kept!("(emulate|h323|lrq|resource|retry|security|ipv6) [LINE]", ["Emulate another vendor's gateway", "H.323", "Location requests",
        "Reports to a gatekeeper", "Retries", "H.235", "IPv6", "The setting"], FEATURE, keyed: WHOLE, no_shown: true),
    acted!("media-inactivity-criteria (all|rtcp|rtp)", MEDIA_INACTIVITY),
    kept!("timer media-inactive <5-1000>", ["Timers", "Silence of the whole conversation", "Times the report interval"], MEDIA, keyed: 2),
    acted!("timer receive-rtcp <2-1000>", ["Timers", "Without RTCP for so long a call ends", "Times `ip rtcp report interval`"], keyed: 2),
    acted!("timer receive-rtp <180-86400>", ["Timers", "Without RTP for so long a call ends", "Seconds"], keyed: 2),
];

pub(super) static VOIP: &[Command] = &[
    command! {
        "ip address trusted list", enters: Some(ModeKind::TrustedList), keyed: 4,
        help: &["Voice service IP", "IP address", "Trusted addresses", "List of addresses"],
        apply: Apply::Acted(|cx| {
            if cx.no {
                cx.config.voice_service_voip.trusted.clear();
            }
            Ok(())
        }),
    },
    command! {
        "ip address trusted authenticate", no_shown: true, default: "ip address trusted authenticate", with_previous: true,
        help: &["Voice service IP", "IP address", "Trusted addresses", "Refuse senders that are not trusted"],
        apply: Apply::Acted(|cx| { cx.config.voice_service_voip.trusted_authenticate = !cx.no; Ok(()) }),
    },
    kept!("ip address trusted call-block cause WORD", ["Voice service IP", "IP address", "Trusted addresses", "Blocked calls", "Cause",
        "Name of the cause"], CALLS, with_previous: true),
    kept!("address-hiding", ["Hide signalling and media addresses"], SIP_LATER),
    kept!("mode border-element [LINE]", ["Mode", "Border element", "License"], FEATURE),
    kept!("gcid", ["Global call identifier"], CALLS),
    acted!("clid network-provided", [CLID, "The screening indicator says network provided"], keyed: WHOLE),
    acted!("clid strip pi-restrict all", [CLID, "Without", "Number where it may not be shown", "And name"], keyed: WHOLE, with_previous: true),
    acted!("clid substitute name", [CLID, "Where it is missing", "The number as name"], keyed: WHOLE, with_previous: true),
    acted!("rtp-port range <1024-65535> <1024-65535>", ["RTP ports", "Range", "Lowest", "Highest"]),
    kept!("rtp-media-loop count LINE", ["RTP loops", "Count", "Number"], MEDIA),
    kept!("media LINE", ["Media handling", "The setting"], MEDIA, keyed: WHOLE, no_shown: true),
    kept!("media-address voice-vrf WORD", ["Media addresses", "VRF", "Name"], MEDIA, keyed: WHOLE),
    kept!("rtcp (keepalive|all-pass-through)", ["RTCP", "Keepalive", "Pass through"], MEDIA, keyed: WHOLE),
    kept!("trace", ["Trace of calls"], CALLS, no_shown: true),
    acted!("media-inactivity-criteria (all|rtcp|rtp)", MEDIA_INACTIVITY),
    kept!("media-address range LINE", ["Media addresses", "Range", "Addresses"], MEDIA, keyed: WHOLE),
    acted!("allow-connections sip to sip", ["Allow call connection types", "SIP", "To", "SIP"], keyed: WHOLE),
    kept!("allow-connections (h323|sip|skinny) to (h323|sip|skinny)", ["Allow call connection types", "H.323", "SIP", "SCCP", "To", "H.323",
        "SIP", "SCCP"], FEATURE, keyed: WHOLE, no_shown: true, with_previous: true),
    acted!("supplementary-service sip moved-temporarily", ["Supplementary services", "SIP",
        "A caller of a telephone whose calls go to SIP is told so by 302"], keyed: WHOLE, no_shown: true,
        default: "supplementary-service sip moved-temporarily"),
    kept!("supplementary-service LINE", ["Supplementary services", "The service"], CALLS, keyed: WHOLE, no_shown: true),
    acted!("redirect ip2ip", ["Redirect calls", "From IP to IP"]),
    kept!("redundancy-group <1-2>", ["Redundancy", "Group"], FEATURE),
    acted!("fax protocol LINE", ["Set fax options", "Fax protocol", "t38, pass-through or none"]),
    acted!("fax-relay ecm disable", ["Fax relay", "Error correction mode", "Faxes do without"]),
    kept!("fax-relay LINE", ["Fax relay", "The setting"], MEDIA, keyed: WHOLE, no_shown: true, with_previous: true),
    acted!("modem passthrough (nse [payload-type <96-119>]|protocol) codec (g711ulaw|g711alaw)", MODEM_PASSTHROUGH, keyed: 2),
    kept!("modem passthrough (nse [payload-type <96-119>]|protocol) codec (g711ulaw|g711alaw) redundancy [maximum-sessions <1-26>]",
        MODEM_SESSIONS, ONCE, keyed: 2, with_previous: true),
    kept!("modem relay LINE", ["Modem commands", "Modem relay", "Its settings"], MEDIA, keyed: 2, with_previous: true),
    kept!("qsig decode", ["QSIG", "Decode"], CALLS),
    acted!("signaling forward (conditional|none|rawmsg|unconditional)", SIGNALING_FORWARD),
    kept!("callmonitor", ["Call monitoring"], FEATURE),
    kept!("cpa", ["Call progress analysis"], FEATURE),
    kept!("dtmf-interworking LINE", ["DTMF interworking", "rtp-nte or standard"], MEDIA),
    kept!("srtp [LINE]", ["Secure RTP", "The setting"], MEDIA, keyed: WHOLE, no_shown: true),
    kept!("srtp-auth LINE", ["Secure RTP authentication", "sha1-32 or sha1-80"], MEDIA),
    acted!("shutdown [forced]", ["Shut VoIP services: no calls by SIP", "End those under way"], no_shown: true),
    kept!("call spike LINE", ["Call", "Spike", "Threshold"], CALLS, keyed: WHOLE),
    kept!("notify redirect LINE", ["Notify", "Redirect", "The setting"], CALLS, keyed: WHOLE),
    kept!("cause-code legacy", ["Cause code", "Legacy"], CALLS),
    kept!("emergency LINE", ["Emergency numbers", "Numbers"], CALLS, keyed: WHOLE),
    kept!("voice-class LINE", ["Voice class", "The setting"], CALLS, keyed: WHOLE),
    kept!("h225 LINE", ["H.225", "The setting"], FEATURE, keyed: WHOLE),
    kept!("calls per-call LINE", ["Calls", "One call", "The setting"], FEATURE, keyed: WHOLE),
    kept!("h323", ["H.323"], FEATURE, enters: Some(ModeKind::KeptH323)),
    kept!("stun", ["STUN"], FEATURE, enters: Some(ModeKind::KeptStun)),
    command! {
        "sip", enters: Some(ModeKind::VoiceServiceSip),
        help: &["SIP"],
        apply: Apply::Acted(|cx| {
            if cx.no {
                cx.config.voice_service_voip.sip = crate::config::VoiceServiceVoip::default().sip;
            }
            Ok(())
        }),
    },
];

pub(super) static TRUSTED: &[Command] = &[
    command! {
        "ipv4 A.B.C.D [A.B.C.D]", keyed: WHOLE,
        help: &["IPv4 address or network", "Address", "Mask"],
        apply: Apply::Acted(|cx| {
            let address: Ipv4Addr = cx.args.number(0).ok_or(ApplyError::Argument(0))?;
            let mask = cx.args.number(1).unwrap_or(Ipv4Addr::BROADCAST);
            if u32::from(mask).leading_ones() + u32::from(mask).trailing_zeros() != 32 {
                return Err(ApplyError::Argument(1));
            }
            let network = Network { address, mask };
            let list = &mut cx.config.voice_service_voip.trusted;
            if cx.no {
                // Without a mask every network of this address goes.
                let whole = cx.args.argument(1).is_none();
                list.retain(|n| n.address != address || !whole && n.mask != mask);
            } else if !list.contains(&network) {
                list.push(network);
            }
            Ok(())
        }),
    },
    kept!("ipv6 WORD", ["IPv6 address or network", "Prefix"], SIP_LATER, keyed: WHOLE),
];

pub(super) static SIP: &[Command] = &[
    command! {
        "bind (control|all) source-interface INTERFACE [LINE]",
        keyed: 2,
        help: &["SIP bind command", "Bind only SIP control packets", "Bind SIP control and media packets",
            "Specify source interface", "Interface", "Options"],
        apply: Apply::Acted(bind),
    },
    command! {
        "bind media source-interface INTERFACE [LINE]",
        keyed: 2,
        with_previous: true,
        help: &["SIP bind command", "Bind only media packets", "Specify source interface", "Interface", "Options"],
        apply: Apply::Acted(bind),
    },
    command! {
        "listen-port non-secure <1-65535>",
        help: &["Port that SIP listens on", "UDP and TCP, default 5060", "Port"],
        apply: Apply::Acted(|cx| {
            let port = if cx.no { None } else { cx.args.number(0) };
            cx.config.voice_service_voip.sip.listen_port_non_secure = port;
            Ok(())
        }),
    },
    command! {
        "listen-port secure <1-65535>",
        help: &["Port that SIP listens on", "TLS, default 5061", "Port"],
        apply: Apply::Acted(|cx| {
            let port = if cx.no { None } else { cx.args.number(0) };
            cx.config.voice_service_voip.sip.listen_port_secure = port;
            Ok(())
        }),
    },
    acted!("session refresh", ["SIP session", "Session timers"]),
    acted!("session transport (udp|tcp [tls])", ["SIP session", "Transport", "UDP", "TCP", "TLS"]),
    acted!(
        "min-se <90-86400> [session-expires <90-86400>]",
        ["Minimum session timer", "Seconds", "Session timer", "Seconds"]
    ),
    acted!(
        "header-passing [error-passthru]",
        ["Headers nobody here knows go on to the other SIP side", "And the status of a refusal"]
    ),
    acted!("error-passthru", ["The status of one SIP side is that of the other"]),
    kept!(
        "registrar server [expires max <120-86400> [min <60-3600>]]",
        [
            "Registrar",
            "Local registrar",
            "How long bindings last",
            "At most",
            "Seconds, default 3600",
            "At least",
            "Seconds, default 60"
        ],
        "there is no registrar here yet: telephones register elsewhere"
    ),
    acted!("options-ping <60-1200>", ["OPTIONS within calls", "Seconds"]),
    kept!("e911", ["E911 features"], SIP_LATER),
    acted!("asserted-id LINE", ["Asserted identity", "pai or ppi"]),
    kept!(
        "asymmetric payload LINE",
        ["Asymmetric payload", "Payload", "dtmf, dynamic-codecs, full or system"],
        MEDIA
    ),
    acted!(
        "outbound-proxy (ipv4:WORD|dns:WORD)",
        ["Where all requests go first", "Address, optionally with a port", "Name, optionally with a port"]
    ),
    kept!("outbound-proxy LINE", ["Where all requests go first", "Address"], SIP_LATER, with_previous: true),
    acted!(
        "early-offer forced [renegotiate [always]]",
        [
            "Early offer",
            "Calls to SIP always offer, whether their caller did or not",
            "Later offers",
            "Of every codec"
        ]
    ),
    acted!("midcall-signaling (passthru [media-change]|block|preserve-codec)", MIDCALL),
    acted!(
        "privacy-policy (send-always|strip diversion)",
        ["Privacy policy", "Say that nothing is to be hidden, too", "Leave out", "Diversion headers"]
    ),
    kept!("privacy-policy LINE", ["Privacy policy", "The policy"], SIP_LATER, keyed: WHOLE, with_previous: true),
    acted!("privacy (pstn|header|session|user|id|history|critical)...", PRIVACY),
    acted!(
        "localhost dns:WORD [preferred]",
        ["Name of this host in identities, instead of its address", "Name", "Where several would do"]
    ),
    kept!("g729 annexb-all", ["G.729", "Treat annex A and B as equal"], MEDIA),
    acted!("rel1xx LINE", ["Reliable provisional responses", "supported, require or disable"]),
    acted!("sip-profiles <1-10000>", ["What is changed in messages", "Class of sip-profiles"]),
    acted!("sip-profiles <1-10000> inbound", ["What is changed in messages", "Class of sip-profiles", "As they come"], keyed: WHOLE,
        with_previous: true, replaces: Some(super::dial_peer::same_inbound)),
    acted!("sip-profiles inbound", ["What is changed in messages", "Classes for messages that come count"], keyed: WHOLE, with_previous: true),
    kept!("sip-profiles LINE", ["What is changed in messages", "The setting"], SIP_LATER, keyed: WHOLE, with_previous: true),
    kept!("send 180 sdp", ["Send", "180 Ringing", "With SDP"], SIP_LATER),
    kept!("block LINE", ["Block responses", "The setting"], SIP_LATER, keyed: WHOLE),
    acted!("call service stop [forced]", ["Call", "Service", "Stop", "End calls under way"], no_shown: true),
    kept!("call-route LINE", ["Call routing", "The setting"], CALLS, keyed: WHOLE),
    kept!("error-code-override LINE", ["Error code", "Cause and code"], SIP_LATER, keyed: WHOLE),
    kept!("conn-reuse", ["Reuse TCP connections"], SIP_LATER),
    kept!("ds0-num", ["DS0 number in signalling"], SIP_LATER),
    kept!("handle-replaces", ["Replaces header"], SIP_LATER),
    kept!("history-info", ["History-Info header"], SIP_LATER),
    acted!("pass-thru headers unsupp", ["Pass through", "Headers", "Those that nobody here knows"], keyed: 2),
    kept!("pass-thru LINE", ["Pass through", "The setting"], SIP_LATER, keyed: WHOLE, with_previous: true),
    acted!("redirect contact order (best-match|longest-match)", ["Redirection of calls", "Contacts of a 300", "Their order",
        "As calls would hunt", "The longest match first (default)"], default: "redirect contact order longest-match"),
    kept!("contact-passing", ["Pass Contact through"], SIP_LATER),
    kept!("requri-passing", ["Pass the Request-URI through"], SIP_LATER),
    kept!("referto-passing", ["Pass Refer-To through"], SIP_LATER, no_shown: true),
    kept!("reset timer expires LINE", ["Reset", "Timer", "Expires", "On"], SIP_LATER),
    acted!(
        "transport switch udp tcp",
        ["Transport", "Switch", "From UDP", "To TCP, for requests that are too long"]
    ),
    acted!(
        "subscription maximum (accept|originate) <1-100000>",
        [
            "Subscriptions",
            "Limit of their number",
            "Of others to mailboxes of the gateway, twice the number of dial peers by default",
            "Of the gateway at voice-mail servers, 10000 by default",
            "Number"
        ],
        keyed: 3
    ),
    kept!("subscription maximum originate <1-100000>", ["Subscriptions", "Limit of their number", "Of ours to mailboxes elsewhere", "Number"],
        SIP_LATER, with_previous: true),
    kept!("tel-config LINE", ["tel URI", "The setting"], SIP_LATER, keyed: WHOLE),
    acted!("url (sip|sips)", ["URIs of calls", "sip:, the default", "sips:, by TLS alone"], keyed: 1),
    kept!("url tel [LINE]", ["URIs of calls", "tel:", "Options"], SIP_LATER, keyed: 1),
    kept!("xfer target LINE", ["Transfer", "Target", "The setting"], SIP_LATER),
    acted!("silent-discard untrusted", ["Discard silently", "Requests of unknown senders"], no_shown: true),
    kept!("dynamic-payload LINE", ["Dynamic payload types", "The setting"], MEDIA, keyed: WHOLE),
    kept!("random-contact", ["Random contact"], SIP_LATER),
    kept!("random-request-uri LINE", ["Random Request-URI", "validate"], SIP_LATER),
    kept!("anat", ["ANAT"], SIP_LATER, no_shown: true),
    kept!("srtp-crypto LINE", ["SRTP crypto", "Tag"], MEDIA),
    kept!("srtp LINE", ["SRTP", "The setting"], MEDIA, keyed: WHOLE),
    kept!("update-callerid", ["Caller ID updates"], SIP_LATER, no_shown: true),
    kept!("nat (auto|force-on|symmetric) [LINE]", ["NAT traversal", "Detected", "Always", "Symmetric", "The setting"], SIP_LATER, keyed: WHOLE),
    kept!("map LINE", ["Map", "The setting"], SIP_LATER, keyed: WHOLE),
    kept!("preloaded-route LINE", ["Preloaded route", "The setting"], SIP_LATER, keyed: WHOLE),
    kept!("registration passthrough LINE", ["Registrations", "Pass through", "The setting"], SIP_LATER, keyed: WHOLE),
    kept!("bandwidth audio LINE", ["Bandwidth", "Audio", "The setting"], MEDIA, keyed: WHOLE),
    kept!("refer consume", ["REFER", "Consume"], SIP_LATER),
    kept!("associate registered-number LINE", ["Associate", "Registered number", "The setting"], SIP_LATER, keyed: WHOLE),
];

fn bind(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    let name = cx.text(0);
    let sip = &mut cx.config.voice_service_voip.sip;
    let place = match cx.args.word(1) {
        Some("control") => &mut sip.bind_control,
        Some("media") => &mut sip.bind_media,
        _ => &mut sip.bind_all,
    };
    *place = name;
    Ok(())
}

/// `mwi-server` of a dial peer or a tenant, which IOS has for the whole gateway alone.
pub(super) const OWN_MWI_SERVER: Command = command! {
    "mwi-server (ipv4:A.B.C.D|dns:WORD) [expires <1-999999>] [port <1-65535>] [transport (tcp|udp)] [unsolicited]",
    help: &["Voice-mail server of these numbers, instead of that of sip-ua", "IP address of the voice-mail server",
        "Host name of the voice-mail server", "Subscription expiration time", "Seconds, default 3600",
        "Port number of the voice-mail server", "Port, default 5060", "Transport protocol", "TCP", "UDP",
        "The server notifies without subscription"],
    apply: Apply::Acted(|cx| if cx.no { Ok(()) } else { mwi_server(cx).map(|_| ()) }),
};

fn mwi_server(cx: &Cx<'_>) -> Result<MwiServer, ApplyError> {
    let host = cx.args.argument(0).unwrap_or("").parse().map_err(|_| ApplyError::Argument(0))?;
    let mut server = MwiServer::new(host);
    server.expires = cx.args.number_after("expires").unwrap_or(server.expires);
    server.port = cx.args.number_after("port").unwrap_or(server.port);
    server.transport = if cx.args.has("tcp") { Transport::Tcp } else { Transport::Udp };
    server.unsolicited = cx.args.has("unsolicited");
    Ok(server)
}

fn sip_server(cx: &Cx<'_>) -> Result<SipServer, ApplyError> {
    let text = cx.args.argument(0).unwrap_or("");
    let (host, port) = match text.match_indices(':').nth(1) {
        Some((at, _)) => (text.get(..at).unwrap_or(""), text.get(at + 1..)),
        None => (text, None),
    };
    let port = match port {
        None => None,
        Some(digits) => Some(digits.parse().map_err(|_| ApplyError::Argument(0))?),
    };
    Ok(SipServer { host: host.parse().map_err(|_| ApplyError::Argument(0))?, port })
}

/// There is one primary registrar, and one secondary, for each index.
pub(super) fn same_registrar(new: &str, old: &str) -> bool {
    let place = |line: &str| -> (Option<u8>, bool) {
        let mut words = line.split_whitespace();
        (words.nth(1).and_then(|index| index.parse().ok()), words.any(|word| word == "secondary"))
    };
    old.starts_with("registrar ") && place(new) == place(old)
}

/// There is one primary and one secondary `keepalive target`.
fn same_target(new: &str, old: &str) -> bool {
    let place = |line: &str| line.ends_with(" secondary");
    old.starts_with("keepalive target ") && place(new) == place(old)
}
