//! `logging …` of global configuration: the part of the running configuration at its front, and that before the access
//! lists.

use super::reasons::CONSOLE;
use super::{Apply, Command, WHOLE};
use crate::config::{ApplyError, Cx, SEVERITIES};
use crate::{acted, command, kept};

const LOGGING: &str = "Modify message logging facilities";

macro_rules! severities {
    ($($before:expr),+ $(; $($after:expr),+)?) => {
        &[
            LOGGING, $($before,)+ "System is unusable (severity=0)", "Immediate action needed (severity=1)",
            "Critical conditions (severity=2)", "Error conditions (severity=3)", "Warning conditions (severity=4)",
            "Normal but significant conditions (severity=5)", "Informational messages (severity=6)",
            "Debugging messages (severity=7)", "Logging severity level", $($($after,)+)?
        ]
    };
}

pub(super) static FIRST: &[Command] = &[
    command! {
        "logging on", no_shown: true, default: "logging on",
        help: &[LOGGING, "Enable logging to all supported destinations"], apply: Apply::Acted(on),
    },
    acted!("logging message-counter syslog", [LOGGING, "Configure log message to include certain counter value",
        "Include a counter for lines sent to servers"], no_shown: true, default: "logging message-counter syslog", keyed: 3),
    kept!("logging message-counter (debug|log)", [LOGGING, "Configure log message to include certain counter value",
        "Counter of debug output", "Counter of log lines"], CONSOLE, keyed: WHOLE, no_shown: true, with_previous: true),
    command! {
        "logging buffered [<4096-2147483647>] [emergencies|alerts|critical|errors|warnings|notifications|informational|debugging|<0-7>]",
        no_shown: true, keyed: 2, help: severities!["Set buffered logging parameters", "Logging buffer size"],
        apply: Apply::Acted(nothing), show: Some(by_name),
    },
    command! {
        "logging rate-limit ((<1-10000>|all <1-10000>)|console (<1-10000>|all <1-10000>)) [except (emergencies|alerts|critical|errors|warnings|notifications|informational|debugging|<0-7>)]",
        keyed: 2, help: &[LOGGING, "Set messages per second limit", "Messages in a second", "Debug output too", "Messages in a second",
            "Only what terminals get", "Messages in a second", "Debug output too", "Messages in a second", "Messages of this severity or higher",
            "System is unusable (severity=0)", "Immediate action needed (severity=1)", "Critical conditions (severity=2)",
            "Error conditions (severity=3)", "Warning conditions (severity=4)", "Normal but significant conditions (severity=5)",
            "Informational messages (severity=6)", "Debugging messages (severity=7)", "Logging severity level"],
        apply: Apply::Acted(nothing), show: Some(by_name),
    },
    command! {
        "logging console [emergencies|alerts|critical|errors|warnings|notifications|informational|debugging|<0-7>]", no_shown: true,
        help: severities!["Set console logging parameters"], apply: Apply::Acted(terminals), show: Some(by_name),
    },
    command! {
        "logging monitor [emergencies|alerts|critical|errors|warnings|notifications|informational|debugging|<0-7>]", no_shown: true,
        help: severities!["Set terminal line (monitor) logging parameters"], apply: Apply::Acted(terminals), show: Some(by_name),
    },
];

pub(super) static LAST: &[Command] = &[
    command! {
        "logging trap [emergencies|alerts|critical|errors|warnings|notifications|informational|debugging|<0-7>]",
        no_shown: true, default: "logging trap informational", help: severities!["Set syslog server logging level"],
        apply: Apply::Acted(nothing), show: Some(by_name),
    },
    acted!("logging origin-id (hostname|ip|string LINE)", [LOGGING, "Add origin ID to syslog messages", "Use the host name",
        "Use the address of the source interface", "Define a unique text", "The text"], keyed: 2),
    acted!("logging facility (auth|cron|daemon|kern|local0|local1|local2|local3|local4|local5|local6|local7|lpr|mail|news|sys10|sys11|sys12|sys13|sys14|sys9|syslog|user|uucp)",
        [LOGGING, "Facility parameter for syslog messages", "Authorization system", "Cron/at facility", "System daemons", "Kernel",
            "Local use", "Local use", "Local use", "Local use", "Local use", "Local use", "Local use", "Local use", "Line printer system",
            "Mail system", "USENET news", "System use", "System use", "System use", "System use", "System use", "System use", "Syslog itself",
            "User process", "Unix-to-Unix copy system"],
        default: "logging facility local7", keyed: 2),
    acted!("logging source-interface INTERFACE", [LOGGING, "Specify interface for source address in logging transactions", "Interface"],
        keyed: 2),
    acted!("logging host WORD [transport (udp|tcp) [port <1-65535>]] [sequence-num-session]", [LOGGING, "Set syslog server IP address and parameters",
        "IP address or name of the syslog server", "Specify the transport protocol", "User Datagram Protocol", "Transmission Control Protocol",
        "Specify the port number", "Port number", "Include the number of the session in each message"], keyed: 3),
    kept!("logging host (ipv6|vrf) LINE", [LOGGING, "Set syslog server IP address and parameters", "IPv6 address", "VRF", "The setting"],
        CONSOLE, keyed: WHOLE, with_previous: true),
    kept!("logging host WORD (discriminator|filtered|session-id|vrf|xml) [LINE]", [LOGGING, "Set syslog server IP address and parameters",
        "IP address or name of the syslog server", "Discriminator", "Filtered", "Session ID", "VRF", "XML", "The setting"],
        CONSOLE, keyed: WHOLE, with_previous: true),
    command! {
        "logging A.B.C.D", help: &[LOGGING, "IP address of the syslog server"],
        apply: Apply::Instead(|args| format!("logging host {}", args.argument(0).unwrap_or(""))),
    },
    kept!("logging (alarm|buginf|cns-events|count|delimiter|discriminator|dmvpn|esm|event|exception|filter|history|ip|persistent|purge-log|queue-limit|reload|server-arp|snmp-authfail|snmp-trap|userinfo) [LINE]",
        [LOGGING, "Alarms", "Debug output", "CNS events", "Count every log message", "Delimiter of lines over TCP", "Discriminator", "DMVPN",
            "Embedded syslog manager", "Interface events", "Exceptions", "Filter", "Table of SNMP", "IP", "Files", "Purge", "Set message queue sizes",
            "Reload", "ARP", "SNMP authentication failures", "SNMP traps", "Log changes of the privilege level", "The setting"],
        CONSOLE, keyed: WHOLE, no_shown: true),
    kept!("logging (buffered|console|monitor) (discriminator|filtered|guaranteed|xml) [LINE]", [LOGGING, "Buffer", "Console", "Terminals",
        "Discriminator", "Filtered", "Never lost", "XML", "The setting"], CONSOLE, keyed: WHOLE, with_previous: true),
];

type Done = Result<(), ApplyError>;

/// The line says it all: [`crate::config::Config::logging`] reads it.
fn nothing(_: &mut Cx<'_>) -> Done {
    Ok(())
}

fn on(cx: &mut Cx<'_>) -> Done {
    cx.config.access.logs = !cx.no;
    Ok(())
}

/// The line with the severity's name in place of its number, as a router shows it.
fn by_name(cx: &Cx<'_>) -> Option<String> {
    let line = cx.args.canonical();
    let (head, last) = line.rsplit_once(' ')?;
    let before = head.rsplit(' ').next().unwrap_or("");
    let name = last
        .parse()
        .ok()
        .filter(|_| !matches!(before, "rate-limit" | "all" | "console" if head.contains("rate-limit")));
    match name.and_then(|n: usize| SEVERITIES.get(n)) {
        Some(name) => Some(format!("{head} {name}")),
        None => Some(line),
    }
}

fn terminals(cx: &mut Cx<'_>) -> Done {
    let level = cx.args.word(2).and_then(crate::config::severity).unwrap_or(7);
    let level = if cx.no && !cx.default { None } else { Some(if cx.default { 7 } else { level }) };
    let access = &mut cx.config.access;
    match cx.args.word(1) {
        Some("console") => access.console_log = level,
        _ => access.monitor_log = level,
    }
    Ok(())
}
