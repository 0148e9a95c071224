//! Global configuration, in the order of `show running-config`.

use super::reasons::{CALLS, CONSOLE, FEATURE, HARDWARE, HOST, INFO, ISDN, PKI, SIP};
use super::{Apply, Command, ModeKind, WHOLE, access};
use crate::config::{
    ApplyError, Controller, ControllerKind, Interface, PortId, ProtocolEmulate, SerialInterface, TrunkGroup,
    VoicePort, natural,
};
use crate::{acted, command, kept};
use dialpeer::hunt::DialPeerHunt;
use dialpeer::{DialPeer, PeerKind};

const IP_GLOBAL: &str = "Global IP configuration subcommands";

pub(super) static FIRST: &[Command] = &[
    kept!("version LINE", ["Release that wrote the configuration", "Number"], INFO),
    acted!("service timestamps debug [uptime|datetime [(msec|localtime|show-timezone|year)...]]",
        ["Modify use of network based services", "Timestamp debug/log messages", "Timestamp debug messages",
         "Timestamp with system uptime", "Timestamp with date and time", "Include milliseconds in timestamp", "Use local time zone for timestamps",
         "Add time zone information to timestamp", "Include year in timestamp"], no_shown: true),
    acted!("service timestamps log [uptime|datetime [(msec|localtime|show-timezone|year)...]]",
        ["Modify use of network based services", "Timestamp debug/log messages", "Timestamp log messages",
         "Timestamp with system uptime", "Timestamp with date and time", "Include milliseconds in timestamp", "Use local time zone for timestamps",
         "Add time zone information to timestamp", "Include year in timestamp"], no_shown: true, with_previous: true),
    acted!("service password-encryption", ["Modify use of network based services", "Encrypt system passwords: here they always are"],
        with_previous: true),
    acted!("service sequence-numbers", ["Modify use of network based services", "Stamp logger messages with a sequence number"],
        with_previous: true),
    kept!("service LINE", ["Modify use of network based services", "The service"], CONSOLE, keyed: WHOLE, no_shown: true, with_previous: true),
    kept!("platform LINE", ["Platform", "The setting"], HARDWARE, keyed: WHOLE, no_shown: true),
    command! {
        "hostname WORD", help: &["Set system's network name", "This system's network name"],
        apply: Apply::Acted(|cx| {
            let name = cx.text(0).unwrap_or_else(|| "Router".to_owned());
            if name.len() > 63 || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(ApplyError::Argument(0));
            }
            cx.config.hostname = name;
            Ok(())
        }),
    },
    kept!("boot-start-marker", ["Beginning of the boot section"], INFO),
    kept!("boot LINE", ["Modify system boot parameters", "The setting"], HOST, keyed: WHOLE),
    kept!("boot-end-marker", ["End of the boot section"], INFO),
    kept!("card type (e1|t1) <0-15> [<0-15>]", ["Card", "Card type", "E1", "T1", "Slot", "Subslot"], HARDWARE, keyed: WHOLE),
    kept!("vrf definition WORD", ["VRF", "Define", "Name"], HOST, enters: Some(ModeKind::Kept), keyed: 3),
];

/// Behind `logging`: who may do what, the clock, names.
pub(super) static ACCESS: &[Command] = &[
    command! {
        "enable (secret|password) level <1-14> LINE", keyed: 4,
        help: &["Modify enable password parameters", "Assign the privileged level secret", "Assign the privileged level password",
            "Set exec level password", "Level number", "Type (0, 5, 7, 8, 9) and secret"],
        apply: Apply::Acted(access::enable), show: Some(access::show_enable),
    },
    command! {
        "enable (secret|password) LINE", keyed: 2, with_previous: true,
        help: &["Modify enable password parameters", "Assign the privileged level secret", "Assign the privileged level password",
            "Type (0, 5, 7, 8, 9) and secret"],
        apply: Apply::Acted(access::enable), show: Some(access::show_enable),
    },
    command! {
        "aaa new-model", help: &["Authentication, Authorization and Accounting", "Every line asks for a user's name and password"],
        apply: Apply::Acted(access::aaa_new_model),
    },
    kept!("aaa attribute list WORD", ["Authentication, Authorization and Accounting", "Attributes", "List", "Name"], HOST,
        enters: Some(ModeKind::Kept), keyed: 4),
    kept!("aaa (group server|server) LINE", ["Authentication, Authorization and Accounting", "Group", "Servers", "Server", "Kind and name"], HOST,
        enters: Some(ModeKind::Kept), keyed: WHOLE, with_previous: true),
    kept!("aaa LINE", ["Authentication, Authorization and Accounting", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    command! {
        "clock timezone WORD WORD [<0-59>]", keyed: 2,
        help: &["Configure time-of-day clock", "Configure time zone", "Name of time zone", "Hours offset from UTC, -23 to 23",
            "Minutes offset from UTC"],
        apply: Apply::Acted(access::timezone),
    },
    command! {
        "clock summer-time WORD (recurring|date) [LINE]", keyed: 2, with_previous: true,
        help: &["Configure time-of-day clock", "Configure summer (daylight savings) time", "Name of time zone in summer",
            "Configure recurring summer time", "Configure absolute summer time",
            "Beginning and end: week, weekday, month, time, or date, month, year, time; minutes to add"],
        apply: Apply::Acted(access::summer_time),
    },
    kept!("clock LINE", ["Configure time-of-day clock", "timezone or summer-time"], HOST, keyed: WHOLE, with_previous: true),
    acted!("network-clock-participate LINE", ["Network clock participation", "Slot, wic or controller"], keyed: WHOLE, no_shown: true),
    acted!("network-clock-select LINE", ["Network clock source", "Priority and controller"], keyed: WHOLE),
    kept!("network-clock LINE", ["Network clock", "The setting"], HARDWARE, keyed: WHOLE),
    kept!("password encryption aes", ["Passwords", "Encryption", "AES"], CONSOLE),
    kept!("key LINE", ["Keys", "The setting"], CONSOLE, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("virtual-template LINE", ["Virtual templates", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("dot11 LINE", ["Wireless LAN", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("ip source-route", ["Global IP configuration subcommands", "Source routing"], HOST, no_shown: true),
    kept!("ip dhcp pool WORD", ["Global IP configuration subcommands", "DHCP", "Pool", "Name"], HOST, enters: Some(ModeKind::Kept), keyed: 4),
    acted!("ip domain name WORD", [IP_GLOBAL, "Domain of names without one", "Domain", "Name"], keyed: 3),
    acted!("ip domain-name WORD", [IP_GLOBAL, "Domain of names without one", "Name"], keyed: 2, with_previous: true),
    acted!("ip name-server A.B.C.D...", [IP_GLOBAL, "DNS servers for SIP", "Address"], keyed: WHOLE, with_previous: true),
    acted!(
        "ip scp server enable",
        ["Global IP configuration subcommands", "Secure copy", "Server", "Enable"]
    ),
    kept!("ip (cef|dhcp|domain|domain-name|domain-lookup|name-server|host|subnet-zero|classless|multicast-routing|routing|finger|bootp|gratuitous-arps|options|tcp|inspect|ips|admission|auth-proxy|cache|rcmd|scp|sla|vrf|arp|audit|multicast|telnet|igmp|pim|mobile|mroute|port-map|urlfilter|load-sharing) [LINE]",
        IP_HELP, HOST, keyed: WHOLE, no_shown: true),
    kept!("ipv6 LINE", ["Global IPv6 configuration commands", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("multilink LINE", ["PPP multilink global configuration", "The setting"], HOST, keyed: WHOLE),
    kept!("vpdn enable", ["Virtual private dial-up network", "Enable"], HOST, no_shown: true),
    kept!("subscriber LINE", ["Subscriber", "The setting"], HOST, keyed: WHOLE),
    kept!("flow LINE", ["Flow", "The setting"], HOST, keyed: WHOLE),
    kept!("memory-size LINE", ["Memory", "The setting"], HOST, keyed: WHOLE),
    kept!("diagnostic LINE", ["Diagnostics", "The setting"], HOST, keyed: WHOLE),
    kept!("spanning-tree LINE", ["Spanning tree", "The setting"], HOST, keyed: WHOLE),
    kept!("vtp LINE", ["VLAN trunking", "The setting"], HOST, keyed: WHOLE),
    kept!("vlan LINE", ["VLAN", "Number"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    command! {
        "isdn switch-type WORD",
        help: &["Global ISDN configuration commands", "Select the ISDN switch type", "primary-qsig, primary-net5, primary-ni, ..."],
        apply: Apply::Acted(|cx| { cx.config.isdn_switch_type = super::hardware::switch_type(cx)?; Ok(()) }),
    },
    kept!("isdn LINE", ["Global ISDN configuration commands", "The setting"], ISDN, keyed: WHOLE, with_previous: true),
];

pub(super) static VOICE: &[Command] = &[
    command! {
        "trunk group WORD", enters: Some(ModeKind::TrunkGroup), keyed: 3,
        help: &["Trunk", "Trunk group", "Label, up to 63 characters"],
        apply: Apply::Acted(|cx| {
            let label = cx.name().to_owned();
            let (no, groups) = (cx.no, &mut cx.config.trunk_groups);
            if no {
                groups.retain(|g| g.label != label);
            } else if !groups.iter().any(|g| g.label == label) {
                groups.push(TrunkGroup { label, hunt_scheme: Default::default() });
            }
            Ok(())
        }),
    },
    kept!("crypto pki trustpoint WORD", ["Encryption", "Public key infrastructure", "Whom we trust and who we are", "Name"], PKI,
        enters: Some(ModeKind::Kept), keyed: 4),
    kept!("crypto LINE", ["Encryption", "The setting"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE, no_shown: true),
    kept!("voice-card LINE", ["Voice card", "Slot"], HARDWARE, enters: Some(ModeKind::KeptVoiceCard), keyed: WHOLE),
    kept!(
        "voice rtp send-recv",
        ["Voice", "RTP", "Both directions before the answer"],
        "audio goes both ways from the first answer on, always"
    ),
    kept!("voice call LINE", ["Voice", "Calls", "The setting"], CALLS, keyed: WHOLE),
    acted!("voice service pots", ["Voice", "Voice service", "POTS"], enters: Some(ModeKind::KeptVoiceServicePots), keyed: 3),
    command! {
        "voice service voip", enters: Some(ModeKind::VoiceServiceVoip), keyed: 3, with_previous: true,
        help: &["Voice", "Voice service", "VoIP"],
        apply: Apply::Acted(|cx| {
            if cx.no {
                cx.config.voice_service_voip = Default::default();
            }
            Ok(())
        }),
    },
    kept!("voice service (saf|voatm|vofr) [LINE]", ["Voice", "Voice service", "Service advertisement", "ATM", "Frame relay", "Options"], FEATURE,
        enters: Some(ModeKind::Kept), keyed: 3, with_previous: true),
    acted!("voice class codec <1-10000>", ["Voice", "Voice class", "Codec preferences", "Tag"], enters: Some(ModeKind::VoiceClassCodec), keyed: 4),
    acted!("voice class uri WORD (sip|tel)", ["Voice", "Voice class", "URI", "Tag", "sip:", "tel:"], enters: Some(ModeKind::VoiceClassUri), keyed: 4),
    kept!("voice class uri (sip|tel) LINE", ["Voice", "Voice class", "URI", "sip:", "tel:", "The setting"], CALLS, keyed: WHOLE, with_previous: true),
    kept!("voice class (aaa|busyout|called-number|cause-code|dscp-profile|e164-translation|h323|media|permanent|phone-proxy|resource-group|route-string|sip-copylist|sip-event-list|sip-hdr-passthrulist|sip-predefined|srtp-crypto|stun-usage|tone-signal|tone|ua-stun|video|codec-profile) LINE",
        CLASS_HELP, CALLS, enters: Some(ModeKind::KeptClass), keyed: WHOLE),
    acted!("voice class sip-profiles <1-10000>", ["Voice", "Voice class", "What is changed in SIP messages", "Tag"],
        enters: Some(ModeKind::SipProfiles), keyed: 4),
    acted!("voice class server-group <1-10000>", ["Voice", "Voice class", "Servers of a dial peer", "Tag"],
        enters: Some(ModeKind::ServerGroup), keyed: 4),
    acted!("voice class tls-cipher <1-10000>", ["Voice", "Voice class", "Suites of TLS", "Tag"], enters: Some(ModeKind::TlsCipher), keyed: 4),
    acted!("voice class tls-profile <1-10000>", ["Voice", "Voice class", "How TLS is spoken with a peer", "Tag"],
        enters: Some(ModeKind::TlsProfile), keyed: 4),
    acted!("voice class tenant <1-10000>", ["Voice", "Voice class", "SIP settings that dial peers share", "Tag"],
        enters: Some(ModeKind::Tenant), keyed: 4),
    acted!("voice class sip-options-keepalive <1-10000>", ["Voice", "Voice class", "OPTIONS keepalive", "Tag"],
        enters: Some(ModeKind::VoiceClassOptions), keyed: 4),
    acted!("stcapp feature access-code", ["What users of telephones dial for a service", "Features", "Codes"],
        enters: Some(ModeKind::FeatureCodes), keyed: WHOLE),
    acted!("voice class e164-pattern-map <1-10000>", ["Voice", "Voice class", "E.164 pattern map", "Tag"],
        enters: Some(ModeKind::PatternMap), keyed: 4),
    acted!("voice class dpg <1-10000>", ["Voice", "Voice class", "Dial peer group", "Tag"], enters: Some(ModeKind::PeerGroup),
        keyed: 4),
    acted!("voice class dualtone <1-10000>", ["Voice", "Voice class", "Tones that end a call", "Tag"], enters: Some(ModeKind::ToneClass), keyed: 4),
    acted!("voice class dualtone-detect-params <1-10000>", ["Voice", "Voice class", "How exact tones must be", "Tag"],
        enters: Some(ModeKind::ToneLimits), keyed: 4),
    acted!("voice class custom-cptone WORD", ["Voice", "Voice class", "Custom tones", "Name"], enters: Some(ModeKind::CustomCptone), keyed: 4),
    kept!("voice register (global|dn|pool|template|dialplan|session-server|pool-type) [LINE]", ["Voice", "SIP telephones", "Global", "Number", "Telephone", "Template",
        "Dial plan", "Server", "Type", "Tag"], FEATURE, enters: Some(ModeKind::KeptRegister), keyed: WHOLE),
    command! {
        "voice translation-rule <1-2147483647>",
        enters: Some(ModeKind::TranslationRule),
        keyed: 3,
        help: &["Voice", "Translation rule", "Tag"],
        apply: Apply::Acted(super::classes::translation_rule),
    },
    command! {
        "voice translation-profile WORD",
        enters: Some(ModeKind::TranslationProfile),
        keyed: 3,
        help: &["Voice", "Translation profile", "Name"],
        apply: Apply::Acted(super::classes::translation_profile),
    },
    kept!("voice hunt-group LINE", ["Voice", "Hunt group", "Tag and kind"], FEATURE, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("voice (moh-group|user-profile|logout-profile|mlpp|lpcor|source-group|emergency|enum-match-table|statistics|dnis-map|vad-time|echo-canceller|vrf|dsp|pcm|hpi|iec|dialpeer-hunt|alaw|cause-code) [LINE]",
        ["Voice", "Music", "User", "Logout", "Precedence", "Partitioning", "Source group", "Emergency", "ENUM", "Statistics", "DNIS", "VAD", "Echo",
         "VRF", "DSP", "PCM", "Capture", "Error codes", "Hunting", "A-law", "Causes", "The setting"],
        CALLS, keyed: WHOLE, no_shown: true),
    acted!("voice local-bypass", ["Voice", "Calls between ports of this box go around gain, attenuation and echo cancellation"],
        no_shown: true, default: "voice local-bypass"),
    acted!("voice hunt (user-busy|unassigned-number|invalid-number|all)", ["Voice", "Causes that go on hunting", "User busy",
        "Unassigned number", "Invalid number", "All of them"], keyed: WHOLE, no_shown: true),
    kept!("voice hunt LINE", ["Voice", "Causes that go on hunting", "Cause"], CALLS, keyed: WHOLE, no_shown: true,
        with_previous: true),
    kept!("translation-rule <1-2147483647>", ["Translation rule of old releases", "Tag"], CALLS, enters: Some(ModeKind::Kept), keyed: 2),
    acted!("call threshold global total-calls low <1-10000> high <1-10000>",
        ["Calls", "Thresholds", "Of the whole gateway", "Number of calls", "Low mark", "Calls", "High mark", "Calls"], keyed: 4),
    acted!("call threshold global (cpu-5sec|cpu-avg|io-mem|proc-mem|total-mem) low <1-100> high <1-100>",
        ["Calls", "Thresholds", "Of the whole gateway", "Processor in the last 5 seconds", "Processor in the last minute", "Memory",
         "Memory", "Memory", "Low mark", "Percent", "High mark", "Percent"], keyed: 4, with_previous: true),
    acted!("call threshold interface INTERFACE int-calls low <1-10000> high <1-10000>", ["Calls", "Thresholds", "Of an interface",
        "Interface", "Calls by SIP over it", "Low mark", "Calls", "High mark", "Calls"], keyed: 4, with_previous: true),
    acted!("call spike <1-2147483647> [steps <3-10> size <100-2000>]",
        ["Calls", "Spike", "Calls in the window", "Steps of the window", "Number", "Length of a step", "Milliseconds"], keyed: 2),
    acted!("call treatment on", ["Calls", "What those are told that are too much", "As `call treatment` says, not congestion"], keyed: 3),
    acted!("call treatment action reject", ["Calls", "What those are told that are too much", "What becomes of them",
        "They are refused (default)"], keyed: 3, with_previous: true),
    kept!("call treatment action (hairpin|playmsg) [LINE]", ["Calls", "What those are told that are too much", "What becomes of them",
        "Back to where they came from", "An announcement", "File"], "calls that are too much are refused", keyed: 3, with_previous: true),
    acted!("call treatment cause-code (busy|no-QoS|no-resource)", ["Calls", "What those are told that are too much", "Cause",
        "User busy (17)", "Quality of service unavailable (49)", "Resource unavailable (47, default)"], keyed: 3, with_previous: true),
    acted!("call treatment isdn-reject <34-47>", ["Calls", "What those are told that are too much", "Cause on trunks", "Cause"], keyed: 3,
        with_previous: true),
    kept!("call threshold poll-interval LINE", ["Calls", "Thresholds", "How often they are looked at", "What, and seconds"],
        "processor and memory are looked at with every call", keyed: 3),
    kept!("call LINE", ["Calls", "The setting"], CALLS, keyed: WHOLE),
    kept!("application", ["Applications"], FEATURE, enters: Some(ModeKind::Kept)),
    kept!("license LINE", ["License", "The setting"], INFO, keyed: WHOLE),
    acted!("archive", ["Archive of configurations"], enters: Some(ModeKind::Archive)),
    command! {
        "username WORD [privilege <0-15>] [(nopassword|secret LINE|password LINE)]", keyed: 2,
        help: &["Establish User Name Authentication", "User name", "Set user privilege level", "User privilege level",
            "No password is required for the user to log in", "Specify the secret for the user", "Type (0, 5, 8, 9) and secret",
            "Specify the password for the user", "Type (0, 7) and password"],
        apply: Apply::Acted(access::username), show: Some(access::show_username),
    },
    kept!("username WORD (aaa|autocommand|noescape|nohangup|view|access-class|callback-dialstring|mac|secret-attributes|one-time) [LINE]",
        ["Establish User Name Authentication", "User name", "AAA directive", "Command run after the login", "No escape", "No hang-up", "View", "Filter",
         "Callback", "MAC", "Attributes", "Once", "The setting"], FEATURE, keyed: 3, with_previous: true),
    kept!("redundancy", ["Redundancy"], HOST, enters: Some(ModeKind::Kept)),
    command! {
        "controller (E1|T1) WORD", enters: Some(ModeKind::Controller), keyed: 3, sorted: true,
        help: &["Configure a specific controller", "E1 controller", "T1 controller", "Unit"],
        apply: Apply::Acted(|cx| {
            let name = cx.name().to_owned();
            if PortId::parse(&name).is_none_or(|p| p.controller().is_some()) {
                return Err(ApplyError::Argument(0));
            }
            let kind = if cx.args.has("E1") { ControllerKind::E1 } else { ControllerKind::T1 };
            let (no, controllers) = (cx.no, &mut cx.config.controllers);
            let at = controllers.iter().position(|c| c.name == name && c.kind == kind);
            match at {
                Some(at) if no => {
                    let gone = controllers.remove(at);
                    cx.vanish.push(format!("interface {}", gone.serial_interface()));
                    cx.vanish.push(format!("voice-port {}", gone.voice_port()));
                }
                None if !no => {
                    controllers.push(Controller { kind, name, pri_group: None, nfas: None, shutdown: false });
                    controllers.sort_by(|a, b| a.kind.name().cmp(b.kind.name()).then_with(|| natural(&a.name, &b.name)));
                }
                _ => {}
            }
            Ok(())
        }),
    },
    kept!("controller LINE", ["Configure a specific controller", "Kind and unit"], HARDWARE, enters: Some(ModeKind::Kept), keyed: WHOLE, with_previous: true, sorted: true),
    kept!("map-class LINE", ["Configure static map class", "Kind and name"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("ip vrf WORD", ["Global IP configuration subcommands", "VRF", "Name"], HOST, enters: Some(ModeKind::Kept), keyed: 3),
    kept!("class-map LINE", ["Configure QoS Class Map", "Name"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("policy-map LINE", ["Configure QoS Policy Map", "Name"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("zone LINE", ["Zone", "The setting"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("interface range LINE", ["Select an interface to configure", "Range", "Interfaces"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    command! {
        "interface INTERFACE [multipoint|point-to-point]", enters: Some(ModeKind::Interface), keyed: 2, sorted: true,
        help: &["Select an interface to configure", "Interface", "Multipoint", "Point to point"],
        apply: Apply::Acted(interface),
    },
    kept!("router LINE", ["Enable a routing process", "Protocol and process"], HOST, enters: Some(ModeKind::KeptRouter), keyed: WHOLE),
    command! {
        "ip ssh time-out <1-120>", default: "ip ssh time-out 120",
        help: &["Global IP configuration subcommands", "Configure ssh options", "Specify SSH time-out interval", "Seconds"],
        apply: Apply::Acted(access::ssh_timeout),
    },
    command! {
        "ip ssh authentication-retries <0-5>", default: "ip ssh authentication-retries 3", with_previous: true,
        help: &["Global IP configuration subcommands", "Configure ssh options", "Specify number of authentication retries", "Number"],
        apply: Apply::Acted(access::ssh_retries),
    },
    command! {
        "ip ssh pubkey-chain", enters: Some(ModeKind::SshKeys), keyed: 3, with_previous: true,
        help: &["Global IP configuration subcommands", "Configure ssh options", "Public keys of users"],
        apply: Apply::Acted(access::nothing),
    },
    acted!("ip http client secure-trustpoint WORD", [IP_GLOBAL, "HTTP", "Client", "Whom servers of https: are believed by", "Name of the trustpoint"],
        keyed: 4),
    acted!("ip rtcp report interval <1-65535>", [IP_GLOBAL, "RTP Control Protocol", "Reports", "Time between two reports of a stream", "Milliseconds"],
        default: "ip rtcp report interval 5000", with_previous: true),
    kept!("ip (forward-protocol|http|flow-export|flow-cache|nat|route|radius|tacacs|ssh|ftp|tftp|rtcp|qos|rtp|local|default-gateway|default-network|as-path|prefix-list|community-list|alias|sdr|dvmrp|rsvp|explicit-path|accounting|access-group|dns|bgp-community|tunnel|wccp|flow-top-talkers) [LINE]",
        IP_LATE_HELP, HOST, keyed: WHOLE, no_shown: true),
    kept!("ip access-list LINE", ["Global IP configuration subcommands", "Named access list", "Kind and name"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE, with_previous: true),
];

/// Behind the second part of `logging`.
pub(super) static AFTER_LOGGING: &[Command] = &[
    kept!("access-list LINE", ["Add an access list entry", "The entry"], HOST, keyed: WHOLE),
    kept!("dialer-list LINE", ["Create a dialer list entry", "The entry"], HOST, keyed: WHOLE),
    kept!("cdp LINE", ["Global CDP configuration", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("route-map LINE", ["Create route-map", "Name"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("snmp-server LINE", ["Modify SNMP engine parameters", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("tftp-server LINE", ["Provide TFTP service", "File"], FEATURE, keyed: WHOLE),
    kept!("tacacs-server LINE", ["TACACS+", "The setting"], HOST, keyed: WHOLE),
    kept!("radius-server LINE", ["RADIUS", "The setting"], HOST, keyed: WHOLE),
    kept!("radius LINE", ["RADIUS", "Server"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("control-plane [LINE]", ["Configure control plane services", "Kind"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("ss7 LINE", ["SS7", "The setting"], FEATURE, keyed: WHOLE),
    kept!("resource-pool LINE", ["Resource pool", "The setting"], FEATURE, keyed: WHOLE),
    kept!("spe LINE", ["Service processing element", "The setting"], HARDWARE, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("modemcap LINE", ["Modem capability", "The setting"], HARDWARE, keyed: WHOLE),
    command! {
        "voice-port WORD", enters: Some(ModeKind::VoicePort), keyed: 2, sorted: true,
        help: &["Configure voice port", "Voice port slot/port or slot/subslot/port, :15, :23 or :D for a trunk"],
        apply: Apply::Acted(|cx| {
            let port = PortId::parse(cx.name()).ok_or(ApplyError::Argument(0))?;
            let made = |c: &Controller| c.pri_group.is_some() && c.voice_port().as_str() == port.as_str();
            if cx.no && cx.config.controllers.iter().any(made) {
                return Err(ApplyError::Text(format!("% Voice-port {port} goes with the pri-group of its controller")));
            }
            let (no, ports) = (cx.no, &mut cx.config.voice_ports);
            match (no, ports.binary_search_by(|p| p.port.cmp(&port))) {
                (true, Ok(at)) => { ports.remove(at); }
                (false, Err(at)) => ports.insert(at, VoicePort::new(port).into()),
                _ => {}
            }
            Ok(())
        }),
    },
    kept!("ccm-manager LINE", ["Call manager", "The setting"], FEATURE, keyed: WHOLE, no_shown: true),
    kept!("mgcp [LINE]", ["Media Gateway Control Protocol", "The setting"], FEATURE, keyed: WHOLE, no_shown: true),
    kept!("mgcp profile WORD", ["Media Gateway Control Protocol", "Profile", "Name"], FEATURE, enters: Some(ModeKind::Kept), keyed: 3, with_previous: true),
    kept!("sccp [LINE]", ["Skinny", "The setting"], FEATURE, keyed: WHOLE, no_shown: true),
    kept!("sccp ccm group <1-50>", ["Skinny", "Call manager", "Group", "Number"], FEATURE, enters: Some(ModeKind::Kept), keyed: 4, with_previous: true),
    kept!("dspfarm profile LINE", ["DSP farm", "Profile", "Number and kind"], FEATURE, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("dspfarm [LINE]", ["DSP farm", "The setting"], FEATURE, keyed: WHOLE, with_previous: true),
    acted!("dial-peer cor custom", ["Dial map (peer) configuration", "Class of restriction", "Names"], enters: Some(ModeKind::CorCustom), keyed: 3),
    acted!("dial-peer cor list WORD", ["Dial map (peer) configuration", "Class of restriction", "List", "Name"], enters: Some(ModeKind::CorList), keyed: 4),
    command! {
        "dial-peer voice <1-2147483647> pots", enters: Some(ModeKind::PotsPeer), keyed: 3,
        help: &["Dial map (peer) configuration", "Voice dial peer", "Voice dial-peer tag", "Telephony"],
        apply: Apply::Acted(peer),
    },
    command! {
        "dial-peer voice <1-2147483647> voip", enters: Some(ModeKind::VoipPeer), keyed: 3, with_previous: true,
        help: &["Dial map (peer) configuration", "Voice dial peer", "Voice dial-peer tag", "Voice over IP"],
        apply: Apply::Acted(peer),
    },
    command! {
        "dial-peer voice <1-2147483647>", keyed: 3, with_previous: true,
        help: &["Dial map (peer) configuration", "Voice dial peer", "Voice dial-peer tag"],
        apply: Apply::Acted(peer),
    },
    kept!("dial-peer voice <1-2147483647> (vofr|voatm|mmoip)", ["Dial map (peer) configuration", "Voice dial peer", "Voice dial-peer tag", "Frame relay",
        "ATM", "Multimedia mail"], FEATURE, enters: Some(ModeKind::Kept), keyed: 3, with_previous: true),
    command! {
        "dial-peer hunt <0-7>",
        default: "dial-peer hunt 0",
        help: &["Dial map (peer) configuration", "Define the dial peer hunting choice",
            "Dial-peer hunting choices, listed in hunting order within each choice:\n\
             0 - Longest match in phone number, explicit preference, random selection.\n\
             1 - Longest match in phone number, explicit preference, least recent use.\n\
             2 - Explicit preference, longest match in phone number, random selection.\n\
             3 - Explicit preference, longest match in phone number, least recent use.\n\
             4 - Least recent use, longest match in phone number, explicit preference.\n\
             5 - Least recent use, explicit preference, longest match in phone number.\n\
             6 - Random selection.\n\
             7 - Least recent use."],
        apply: Apply::Acted(|cx| {
            let number = if cx.no { 0 } else { cx.args.number(0).unwrap_or(0) };
            cx.config.dial_peer_hunt = DialPeerHunt::from_number(number).unwrap_or_default();
            Ok(())
        }),
    },
    acted!("dial-peer terminator WORD", ["Dial map (peer) configuration", "End of dialling", "Digit"], keyed: 2, no_shown: true,
        default: "dial-peer terminator #"),
    kept!("dial-peer (search|outbound|data|no-match|inbound|outbound-status) LINE", ["Dial map (peer) configuration", "Search", "Outbound", "Data", "No match", "Inbound", "Status", "The setting"], CALLS, keyed: 2),
    command! {
        "num-exp WORD WORD",
        keyed: 2,
        help: &["Dial Map Number Expansion", "Digit string", "Substitution pattern"],
        apply: Apply::Acted(|cx| {
            let pattern = cx.args.argument(0).unwrap_or("").to_owned();
            if cx.no {
                cx.config.num_exp.remove(&pattern);
                return Ok(());
            }
            let text = format!("{pattern} {}", cx.args.argument(1).unwrap_or(""));
            let entry = text.parse().map_err(|_| ApplyError::Argument(1))?;
            cx.config.num_exp.insert(entry).map_err(|e| ApplyError::Text(format!("% {e}")))
        }),
    },
    acted!("gateway", ["Gateway"], enters: Some(ModeKind::Gateway)),
    command! {
        "sip-ua", enters: Some(ModeKind::SipUa), keyed: 1,
        help: &["SIP User Agent (UA)"],
        apply: Apply::Acted(|cx| {
            if cx.no {
                cx.config.sip_ua = Default::default();
                cx.config.cause_map = Default::default();
            }
            Ok(())
        }),
    },
    kept!("fax (interface-type|receive|send) LINE", ["Fax", "Interface", "Receiving", "Sending", "The setting"], FEATURE, keyed: WHOLE),
    kept!("mta (receive|send) LINE", ["Mail transfer", "Receiving", "Sending", "The setting"], FEATURE, keyed: WHOLE),
    kept!("gatekeeper", ["Gatekeeper"], FEATURE, enters: Some(ModeKind::Kept)),
    kept!("gw-accounting LINE", ["Accounting of calls", "The setting"], CALLS, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("gw-type-prefix LINE", ["H.323 prefixes", "The setting"], FEATURE, keyed: WHOLE),
    kept!("telephony-service", ["Telephony service"], FEATURE, enters: Some(ModeKind::KeptTelephony), no_shown: true),
    kept!("call-manager-fallback", ["Fallback for telephones"], FEATURE, enters: Some(ModeKind::Kept)),
    kept!("credentials", ["Credentials"], FEATURE, enters: Some(ModeKind::Kept)),
    kept!("ephone-template <1-20>", ["Telephone template", "Tag"], FEATURE, enters: Some(ModeKind::KeptEphone), keyed: 2),
    kept!("ephone-dn-template <1-20>", ["Extension template", "Tag"], FEATURE, enters: Some(ModeKind::KeptEphoneDn), keyed: 2),
    kept!("ephone-dn <1-10000> [dual-line|octo-line]", ["Extension", "Tag", "Two calls", "Eight calls"], FEATURE, enters: Some(ModeKind::KeptEphoneDn), keyed: 2),
    kept!("ephone <1-10000>", ["Telephone", "Tag"], FEATURE, enters: Some(ModeKind::KeptEphone), keyed: 2),
    kept!("ephone-hunt LINE", ["Hunt group of extensions", "Tag and kind"], FEATURE, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("ephone-type LINE", ["Kind of telephone", "Name"], FEATURE, enters: Some(ModeKind::Kept), keyed: WHOLE),
];

pub(super) static LAST: &[Command] = &[
    command! {
        "alias exec WORD LINE", keyed: 3,
        help: &["Create command alias", "Exec mode", "Alias name", "Command line"],
        apply: Apply::Acted(access::exec_alias),
    },
    command! {
        "alias (configure|controller|dial-peer|interface|line|sip-ua|voice-port) WORD LINE", keyed: 3, with_previous: true,
        help: &["Create command alias", "Global configuration mode", "Controller configuration mode", "Dial peer configuration mode",
            "Interface configuration mode", "Line configuration mode", "SIP UA configuration mode", "Voice port configuration mode",
            "Alias name", "Command line"],
        apply: Apply::Acted(access::mode_alias),
    },
    kept!("alias WORD LINE", ["Create command alias", "Mode", "Alias and command"], CONSOLE, keyed: WHOLE, with_previous: true),
    command! {
        "banner (motd|login|exec) LINE", keyed: 2,
        help: &["Define a login banner", "Set Message of the Day banner", "Set login banner", "Set EXEC process creation banner",
            "c banner-text c, where 'c' is a delimiting character"],
        apply: Apply::Acted(access::banner),
    },
    kept!("banner (incoming|slip-ppp|prompt-timeout) LINE", ["Define a login banner", "Incoming", "SLIP and PPP", "Login timeout",
        "c banner-text c, where 'c' is a delimiting character"], FEATURE, keyed: 2, with_previous: true),
    command! {
        "privilege exec level <0-15> LINE", keyed: WHOLE,
        help: &["Command privilege parameters", "Exec mode", "Set privilege level of command", "Privilege level", "Initial keywords of the command"],
        apply: Apply::Acted(access::exec_level),
    },
    kept!("privilege LINE", ["Command privilege parameters", "Mode, level and command"], CONSOLE, keyed: WHOLE, with_previous: true),
    command! {
        "line (con|console|aux|vty|tty|<0-2000>) [<0-2000>] [<0-2000>]", enters: Some(ModeKind::Line), keyed: WHOLE,
        help: &["Configure a terminal line", "Primary terminal line", "Primary terminal line", "Auxiliary line", "Virtual terminal",
            "Terminal controller", "First line number", "First line number", "Last line number"],
        apply: Apply::Acted(access::enter_line),
    },
    command! {
        "line (<0-2000>|WORD) [WORD]", enters: Some(ModeKind::Line), keyed: WHOLE, with_previous: true,
        help: &["Configure a terminal line", "Number", "slot/port", "slot/port"],
        apply: Apply::Acted(access::enter_line),
    },
    kept!("exception LINE", ["Exception handling", "The setting"], HOST, keyed: WHOLE),
    kept!("process cpu LINE", ["Process", "CPU", "The setting"], HOST, keyed: WHOLE),
    kept!("scheduler LINE", ["Scheduler parameters", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("event manager applet LINE", ["Events", "Embedded manager", "Applet", "Name"], FEATURE, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("event manager LINE", ["Events", "Embedded manager", "The setting"], FEATURE, keyed: WHOLE, with_previous: true),
    kept!("ntp LINE", ["Configure NTP", "The setting"], HOST, keyed: WHOLE),
    kept!("sntp LINE", ["Configure SNTP", "The setting"], HOST, keyed: WHOLE),
    kept!("netconf LINE", ["NETCONF", "The setting"], FEATURE, keyed: WHOLE),
    kept!("netconf-yang", ["NETCONF over YANG models"], FEATURE),
    kept!("restconf", ["RESTCONF"], FEATURE),
    kept!("parser LINE", ["Configure parser", "The setting"], CONSOLE, keyed: WHOLE),
    acted!("file prompt (alert|noisy|quiet)", ["File management", "Level of questions", "Only before something is lost", "Always", "Never"],
        default: "file prompt alert"),
    command! {
        "login block-for <1-65535> attempts <1-65535> within <1-65535>", keyed: 2,
        help: &["Enable secure login checking", "Set quiet-mode active time period", "Time period in seconds",
            "Set max number of fail attempts", "Fail attempts max value", "Watch period for fail attempts", "Time period in seconds"],
        apply: Apply::Acted(access::login_block),
    },
    kept!("login LINE", ["Login security", "The setting"], CONSOLE, keyed: WHOLE),
    kept!("security LINE", ["Security", "The setting"], CONSOLE, keyed: WHOLE),
    kept!("monitor LINE", ["Monitoring", "The setting"], HOST, keyed: WHOLE),
    kept!("track LINE", ["Object tracking", "Number and object"], HOST, enters: Some(ModeKind::Kept), keyed: WHOLE),
    kept!("supplementary-service LINE", ["Supplementary services", "The service"], SIP, keyed: WHOLE),
    kept!("virtual-service WORD", ["Virtual service", "Name"], FEATURE, enters: Some(ModeKind::Kept), keyed: 2),
    kept!("chat-script LINE", ["Chat script", "The script"], HOST, keyed: WHOLE),
    kept!("async-bootp LINE", ["Bootp for async interfaces", "The setting"], HOST, keyed: WHOLE),
    kept!("default-value LINE", ["Default characters", "The setting"], CONSOLE, keyed: WHOLE),
    kept!("buffers LINE", ["Buffers", "The setting"], HOST, keyed: WHOLE),
    kept!("alarm-interface LINE", ["Alarm interface", "The setting"], HARDWARE, keyed: WHOLE),
];

const IP_HELP: [&str; 1] = ["Global IP configuration subcommands"];
const IP_LATE_HELP: [&str; 1] = IP_HELP;
const CLASS_HELP: [&str; 1] = ["Voice class"];

fn peer(cx: &mut crate::config::Cx<'_>) -> Result<(), ApplyError> {
    let tag: u32 = cx.args.number(0).ok_or(ApplyError::Argument(0))?;
    let kind = if cx.args.has("voip") { PeerKind::Voip } else { PeerKind::Pots };
    let (no, peers) = (cx.no, &mut cx.config.dial_peers);
    if no {
        peers.retain(|p| p.tag != tag);
        return Ok(());
    }
    if !peers.iter().any(|p| p.tag == tag) {
        peers.push(DialPeer::new(tag, kind).into());
    }
    Ok(())
}

fn interface(cx: &mut crate::config::Cx<'_>) -> Result<(), ApplyError> {
    let name = cx.name().to_owned();
    let no = cx.no;
    match name.strip_prefix("Serial").filter(|n| n.contains(':')) {
        Some(channel) => {
            let made = |c: &Controller| c.pri_group.is_some() && c.voice_port().as_str() == channel;
            if no && cx.config.controllers.iter().any(made) {
                return Err(ApplyError::Text(format!(
                    "% Interface {name} goes with the pri-group of its controller"
                )));
            }
            let serials = &mut cx.config.serial_interfaces;
            let at = serials.iter().position(|s| s.name == channel);
            match at {
                Some(at) if no => {
                    serials.remove(at);
                }
                None if !no => serials.push(SerialInterface {
                    name: channel.to_owned(),
                    protocol_emulate: ProtocolEmulate::User,
                    switch_type: None,
                    timers: Vec::new(),
                    bchan_ascending: None,
                    bchan_round_robin: false,
                    contiguous_bchan: false,
                    negotiate_bchan: false,
                    overlap_receiving: false,
                    shutdown: false,
                    trunk_groups: Vec::new(),
                }),
                _ => {}
            }
            serials.sort_by(|a, b| natural(&a.name, &b.name));
        }
        None => {
            let interfaces = &mut cx.config.interfaces;
            let at = interfaces.iter().position(|i| i.name == name);
            match at {
                Some(at) if no => {
                    interfaces.remove(at);
                }
                None if !no => interfaces.push(Interface { name, address: None, shutdown: false }),
                _ => {}
            }
            interfaces.sort_by(|a, b| natural(&a.name, &b.name));
        }
    }
    Ok(())
}
