//! EXEC commands.

use super::matcher::Args;
use super::{Apply, Command};
use crate::command;
use crate::session::{
    DebugTopic, Exec, MwiCommand, MwiQuery, MwiScope, MwiView, Ping, PortDetector, PortRelay, PortTest,
    SessionCommand, Show,
};

const SHOW: &str = "Show running system information";
const SIP_UA: &str = "SIP User Agent information";
const DEBUG: &str = "Debugging functions (see also 'undebug')";
const MWI: &str = "Message waiting indication";
const CLEAR: &str = "Reset functions";
const CLEAR_MWI: &str = "Message waiting indication";
const SYNC: &str = "Tell telephones and PBXs again what the mailboxes hold";
const UNDEBUG: &str = "Disable debugging functions (see also 'debug')";

macro_rules! show {
    ($syntax:literal, $help:expr, $privilege:expr, $show:expr) => {
        command! { $syntax, help: &$help, privilege: $privilege, apply: Apply::Exec($show) }
    };
}

macro_rules! terminal {
    ($syntax:literal, [$($help:literal),+], $run:expr) => {
        command! {
            $syntax, help: &["Set terminal line parameters", $($help),+], privilege: 1,
            apply: Apply::Exec(|args| {
                let run: fn(&Args) -> SessionCommand = $run;
                Exec::Session(run(args))
            }),
        }
    };
}

pub(super) static EXEC: &[Command] = &[
    command! { "clear counters [WORD]", help: &["Reset functions", "Clear counters on one or all interfaces", "Interface"],
    apply: Apply::Exec(|a| Exec::ClearCounters { interface: a.argument(0).map(str::to_owned) }) },
    command! { "clear line (<0-2000>|(vty|console) <0-2000>)", help: &["Reset functions", "Reset a terminal line", "Line number", "Virtual terminal", "Primary terminal line", "Number"],
    apply: Apply::Exec(|a| Exec::ClearLine { line: a.join(a.words.len()).trim_start_matches("clear line ").to_owned() }) },
    command! { "clear logging", help: &["Reset functions", "Clear logging buffer"], apply: Apply::Exec(|_| Exec::ClearLogging) },
    command! { "clear mwi all", help: &[CLEAR, CLEAR_MWI, "Forget every mailbox: lamps go dark, PBXs are told nothing"],
    apply: Apply::Exec(|_| Exec::ClearMwi { number: None }) },
    command! { "clear mwi history", help: &[CLEAR, CLEAR_MWI, "Forget what happened"],
    apply: Apply::Exec(|_| Exec::Mwi(MwiCommand::ClearHistory)) },
    command! { "clear mwi queue [WORD]", help: &[CLEAR, CLEAR_MWI, "Drop what waits for PBXs", "Voice port of the trunk, or name of the SMDI line"],
    apply: Apply::Exec(|a| Exec::Mwi(MwiCommand::ClearQueue { trunk: a.argument(0).map(str::to_owned) })) },
    command! { "clear mwi statistics", help: &[CLEAR, CLEAR_MWI, "Count anew"],
    apply: Apply::Exec(|_| Exec::Mwi(MwiCommand::ClearStatistics)) },
    command! { "clear mwi WORD", help: &[CLEAR, CLEAR_MWI, "Number of the mailbox to forget"],
    apply: Apply::Exec(|a| Exec::ClearMwi { number: a.argument(0).map(str::to_owned) }) },
    command! { "clear sip-ua mwi [WORD]", help: &["Reset functions", "SIP User Agent", "Message waiting states", "Number"],
    apply: Apply::Exec(|a| Exec::ClearMwi { number: a.argument(0).map(str::to_owned) }) },
    command! { "clock set LINE", help: &["Manage the system clock", "Set the time and date", "Time, day, month, year"],
    apply: Apply::Exec(|_| Exec::Session(SessionCommand::HostClock)) },
    command! { "csim start WORD", help: &["Call simulator", "Start a call", "Number to call"],
    apply: Apply::Exec(|a| Exec::CsimStart { number: a.argument(0).unwrap_or("").to_owned() }) },
    command! { "debug ccsip messages", help: &[DEBUG, "SPI debugging", "SIP messages"], apply: Apply::Exec(|_| on(DebugTopic::CcsipMessages)) },
    command! { "debug ccsip all", help: &[DEBUG, "SPI debugging", "All SIP debugging"], apply: Apply::Exec(|_| on(DebugTopic::CcsipAll)) },
    command! { "debug isdn q921 [LINE]", help: &[DEBUG, "ISDN information", "Q.921 frames", "Interface"], apply: Apply::Exec(|_| on(DebugTopic::IsdnQ921)) },
    command! { "debug isdn q931 [LINE]", help: &[DEBUG, "ISDN information", "Q.931 messages", "Interface"], apply: Apply::Exec(|_| on(DebugTopic::IsdnQ931)) },
    command! { "debug isdn standard [LINE]", help: &[DEBUG, "ISDN information", "Errors and calls, enough to find most problems", "Interface"], apply: Apply::Exec(|_| on(DebugTopic::IsdnStandard)) },
    command! { "debug isdn error [LINE]", help: &[DEBUG, "ISDN information", "Errors", "Interface"], apply: Apply::Exec(|_| on(DebugTopic::IsdnError)) },
    command! { "debug isdn event [LINE]", help: &[DEBUG, "ISDN information", "Calls", "Interface"], apply: Apply::Exec(|_| on(DebugTopic::IsdnEvent)) },
    command! { "debug mwi", help: &[DEBUG, "Message waiting indication"], apply: Apply::Exec(|_| on(DebugTopic::Mwi)) },
    command! { "debug voice translation", help: &[DEBUG, "Voice", "Translation rules"], apply: Apply::Exec(|_| on(DebugTopic::VoiceTranslation)) },
    command! { "debug voip ccapi inout", help: &[DEBUG, "VoIP", "Call control", "In and out"], apply: Apply::Exec(|_| on(DebugTopic::VoipCcapi)) },
    command! { "debug voip dialpeer", help: &[DEBUG, "VoIP", "Dial peers"], apply: Apply::Exec(|_| on(DebugTopic::VoipDialpeer)) },
    command! { "debug vpm signal", help: &[DEBUG, "Voice port module", "Signalling"], apply: Apply::Exec(|_| on(DebugTopic::VpmSignal)) },
    command! { "debug vpm all", help: &[DEBUG, "Voice port module", "All"], apply: Apply::Exec(|_| on(DebugTopic::VpmAll)) },
    command! { "disable [<0-15>]", help: &["Turn off privileged commands", "Privilege level"], privilege: 0,
    apply: Apply::Exec(|a| Exec::Session(SessionCommand::Disable(a.number(0).unwrap_or(1)))) },
    command! { "enable [<0-15>]", help: &["Turn on privileged commands", "Enable level"], privilege: 0,
    apply: Apply::Exec(|a| Exec::Session(SessionCommand::Enable(a.number(0).unwrap_or(15)))) },
    command! { "exit", help: &["Exit from the EXEC"], privilege: 0, apply: Apply::Exec(|_| Exec::Session(SessionCommand::Exit)) },
    command! { "help", help: &["Description of the interactive help system"], privilege: 0, apply: Apply::Exec(|_| Exec::Session(SessionCommand::Help)) },
    command! { "login", help: &["Log in as a particular user"], privilege: 0, apply: Apply::Exec(|_| Exec::Session(SessionCommand::Login)) },
    command! { "logout", help: &["Exit from the EXEC"], privilege: 0, apply: Apply::Exec(|_| Exec::Session(SessionCommand::Exit)) },
    command! { "mwi set WORD (on|off) [count <0-65535>]",
    help: &[MWI, "Give a mailbox a state as if its voice mail had told it", "Number of the mailbox", "Messages wait", "No messages wait", "New voice messages", "How many"],
    apply: Apply::Exec(|a| Exec::Mwi(MwiCommand::Set {
        number: a.argument(0).unwrap_or("").to_owned(),
        on: a.has("on"),
        count: a.number_after("count"),
    })) },
    command! { "mwi sync all", help: &[MWI, SYNC, "Every mailbox"],
    apply: Apply::Exec(|_| Exec::Mwi(MwiCommand::Sync { number: None })) },
    command! { "mwi sync WORD", help: &[MWI, SYNC, "Number of the mailbox"],
    apply: Apply::Exec(|a| Exec::Mwi(MwiCommand::Sync { number: a.argument(0).map(str::to_owned) })) },
    command! { "no debug all", help: &["Disable debugging functions", DEBUG, "All debugging"], apply: Apply::Exec(|_| Exec::UndebugAll) },
    command! { "no debug ccsip messages", help: &["Disable debugging functions", DEBUG, "SPI debugging", "SIP messages"], apply: Apply::Exec(|_| off(DebugTopic::CcsipMessages)) },
    command! { "no debug ccsip all", help: &["Disable debugging functions", DEBUG, "SPI debugging", "All SIP debugging"], apply: Apply::Exec(|_| off(DebugTopic::CcsipAll)) },
    command! { "no debug isdn q921", help: &["Disable debugging functions", DEBUG, "ISDN information", "Q.921 frames"], apply: Apply::Exec(|_| off(DebugTopic::IsdnQ921)) },
    command! { "no debug isdn q931", help: &["Disable debugging functions", DEBUG, "ISDN information", "Q.931 messages"], apply: Apply::Exec(|_| off(DebugTopic::IsdnQ931)) },
    command! { "no debug isdn standard", help: &["Disable debugging functions", DEBUG, "ISDN information", "Errors and calls, enough to find most problems"], apply: Apply::Exec(|_| off(DebugTopic::IsdnStandard)) },
    command! { "no debug isdn error", help: &["Disable debugging functions", DEBUG, "ISDN information", "Errors"], apply: Apply::Exec(|_| off(DebugTopic::IsdnError)) },
    command! { "no debug isdn event", help: &["Disable debugging functions", DEBUG, "ISDN information", "Calls"], apply: Apply::Exec(|_| off(DebugTopic::IsdnEvent)) },
    command! { "no debug mwi", help: &["Disable debugging functions", DEBUG, "Message waiting indication"], apply: Apply::Exec(|_| off(DebugTopic::Mwi)) },
    command! { "no debug voice translation", help: &["Disable debugging functions", DEBUG, "Voice", "Translation rules"], apply: Apply::Exec(|_| off(DebugTopic::VoiceTranslation)) },
    command! { "no debug voip ccapi inout", help: &["Disable debugging functions", DEBUG, "VoIP", "Call control", "In and out"], apply: Apply::Exec(|_| off(DebugTopic::VoipCcapi)) },
    command! { "no debug voip dialpeer", help: &["Disable debugging functions", DEBUG, "VoIP", "Dial peers"], apply: Apply::Exec(|_| off(DebugTopic::VoipDialpeer)) },
    command! { "no debug vpm signal", help: &["Disable debugging functions", DEBUG, "Voice port module", "Signalling"], apply: Apply::Exec(|_| off(DebugTopic::VpmSignal)) },
    command! { "no debug vpm all", help: &["Disable debugging functions", DEBUG, "Voice port module", "All"], apply: Apply::Exec(|_| off(DebugTopic::VpmAll)) },
    command! { "ping [ip|ipv6] WORD [(repeat <1-2147483647>|size <36-18024>|source WORD|timeout <0-3600>)...]",
    help: &["Send echo messages", "IP echo", "IPv6 echo", "Ping destination address or hostname", "specify repeat count", "Repeat count",
        "specify datagram size", "Datagram size", "specify source address or name", "Source address or interface", "specify timeout interval",
        "Timeout in seconds"], privilege: 1,
    apply: Apply::Exec(|a| Exec::Ping(Ping {
        target: a.argument(0).unwrap_or("").to_owned(),
        repeat: a.number_after("repeat").unwrap_or(5),
        size: a.number_after("size").unwrap_or(100),
        timeout: a.number_after("timeout").unwrap_or(2),
        source: a.after("source").map(str::to_owned),
    })) },
    command! { "quit", help: &["Exit from the EXEC"], privilege: 0, apply: Apply::Exec(|_| Exec::Session(SessionCommand::Exit)) },
    show!("show aliases", [SHOW, "Display alias commands"], 1, |_| Exec::Session(
        SessionCommand::ShowAliases
    )),
    show!(
        "show call active voice [brief]",
        [SHOW, "Show Calls", "Active calls", "Voice calls", "Short form"],
        1,
        |a| Exec::Show(Show::CallActiveVoice { brief: a.has("brief") })
    ),
    show!(
        "show call history voice [brief]",
        [SHOW, "Show Calls", "Past calls", "Voice calls", "Short form"],
        1,
        |a| Exec::Show(Show::CallHistoryVoice { brief: a.has("brief") })
    ),
    show!("show call resource", [SHOW, "Show Calls", "Calls, thresholds and what was refused"], 1, |_| {
        Exec::Show(Show::CallResource)
    }),
    show!(
        "show clock [detail]",
        [SHOW, "Display the system clock", "Display detailed information"],
        1,
        |a| { Exec::Show(if a.has("detail") { Show::ClockDetail } else { Show::Clock }) }
    ),
    show!(
        "show configuration unsupported",
        [SHOW, "Configuration", "Lines that are kept without effect, with the reason"],
        15,
        |_| Exec::Show(Show::ConfigurationUnsupported)
    ),
    show!(
        "show controllers [e1|t1] [WORD]",
        [SHOW, "Interface controller status", "E1", "T1", "Unit"],
        1,
        |a| Exec::Show(Show::Controllers { unit: a.argument(0).map(str::to_owned) })
    ),
    show!("show debugging", [SHOW, "State of each debugging option"], 15, |_| Exec::Show(Show::Debugging)),
    show!("show diag [<0-255>]", [SHOW, "Boards of the box, span by span", "Slot"], 1, |a| {
        Exec::Show(Show::Diag { slot: a.argument(0).and_then(|slot| slot.parse().ok()) })
    }),
    show!(
        "show dial-peer voice summary",
        [SHOW, "Dial peer information", "Voice dial peers", "As a table"],
        1,
        |_| Exec::Show(Show::DialPeerVoice { tag: None, summary: true })
    ),
    show!(
        "show dial-peer voice [<1-2147483647>]",
        [SHOW, "Dial peer information", "Voice dial peers", "Tag"],
        1,
        |a| Exec::Show(Show::DialPeerVoice { tag: a.number(0), summary: false })
    ),
    show!(
        "show dial-peer voip keepalive status",
        [SHOW, "Dial peer information", "VoIP dial peers", "OPTIONS keepalive", "Status"],
        1,
        |_| Exec::Show(Show::DialPeerKeepalive)
    ),
    show!(
        "show dialplan number WORD",
        [SHOW, "Dial plan", "Number", "Number to look up"],
        1,
        |a| Exec::Show(Show::DialplanNumber { number: a.argument(0).unwrap_or("").to_owned() })
    ),
    show!("show history", [SHOW, "Display the session command history"], 1, |_| Exec::Session(
        SessionCommand::ShowHistory
    )),
    show!("show interfaces [WORD]", [SHOW, "Interface status and configuration", "Interface"], 1, |a| {
        Exec::Show(Show::Interfaces { name: a.argument(0).map(str::to_owned) })
    }),
    show!("show inventory", [SHOW, "Show the physical inventory"], 1, |_| Exec::Show(Show::Inventory)),
    show!("show ip interface [WORD]", [SHOW, "IP information", "IP interface status", "Interface"], 1, |a| {
        Exec::Show(Show::IpInterface { name: a.argument(0).map(str::to_owned) })
    }),
    show!("show ip interface brief", [SHOW, "IP information", "IP interface status", "Brief"], 1, |_| {
        Exec::Show(Show::IpInterfaceBrief)
    }),
    show!("show isdn active", [SHOW, "ISDN information", "Active calls"], 1, |_| Exec::Show(
        Show::IsdnActive
    )),
    show!("show isdn history", [SHOW, "ISDN information", "Call history"], 1, |_| Exec::Show(
        Show::IsdnHistory
    )),
    show!("show isdn memory", [SHOW, "ISDN information", "Memory in use"], 1, |_| Exec::Show(
        Show::IsdnMemory
    )),
    show!(
        "show isdn nfas group [<0-31>]",
        [SHOW, "ISDN information", "Non-facility associated signalling", "Group", "Its number"],
        1,
        |a| Exec::Show(Show::IsdnNfasGroup { group: a.number(0) })
    ),
    show!("show isdn service", [SHOW, "ISDN information", "Service state of channels"], 1, |_| Exec::Show(
        Show::IsdnService
    )),
    show!("show isdn status", [SHOW, "ISDN information", "Line status"], 1, |_| Exec::Show(Show::IsdnStatus)),
    show!("show logging", [SHOW, "Show the contents of logging buffers"], 1, |_| Exec::Show(Show::Logging)),
    show!(
        "show mwi [detail|history|queue|statistics]",
        [
            SHOW,
            MWI,
            "Everything known of each mailbox",
            "What happened lately",
            "What waits for PBXs",
            "Totals"
        ],
        1,
        |a| mwi(a, MwiScope::All)
    ),
    show!(
        "show mwi port WORD [detail|history|queue|statistics]",
        [
            SHOW,
            MWI,
            "Mailboxes of a voice port",
            "Port",
            "Everything known of each mailbox",
            "What happened lately",
            "What waits for PBXs",
            "Totals"
        ],
        1,
        |a| mwi(a, MwiScope::Port(a.argument(0).unwrap_or("").to_owned()))
    ),
    show!(
        "show mwi trunk WORD [detail|history|queue|statistics]",
        [
            SHOW,
            MWI,
            "Mailboxes behind a trunk",
            "Voice port of the trunk, or name of the SMDI line",
            "Everything known of each mailbox",
            "What happened lately",
            "What waits for PBXs",
            "Totals"
        ],
        1,
        |a| mwi(a, MwiScope::Trunk(a.argument(0).unwrap_or("").to_owned()))
    ),
    show!(
        "show mwi WORD [detail|history|queue|statistics]",
        [
            SHOW,
            MWI,
            "Number of the mailbox",
            "Everything known of the mailbox",
            "What happened lately",
            "What waits for PBXs",
            "Totals"
        ],
        1,
        |a| mwi(a, MwiScope::Number(a.argument(0).unwrap_or("").to_owned()))
    ),
    show!("show num-exp", [SHOW, "Number expansion"], 1, |_| Exec::Show(Show::NumExp)),
    show!("show privilege", [SHOW, "Show current privilege level"], 1, |_| Exec::Session(
        SessionCommand::ShowPrivilege
    )),
    show!("show processes cpu", [SHOW, "Active process statistics", "CPU use"], 1, |_| Exec::Show(
        Show::ProcessesCpu
    )),
    show!("show processes memory", [SHOW, "Active process statistics", "Memory use"], 1, |_| Exec::Show(
        Show::ProcessesMemory
    )),
    show!("show running-config", [SHOW, "Current operating configuration"], 15, |_| Exec::Show(
        Show::RunningConfig { section: None }
    )),
    show!("show running-config all", [SHOW, "Current operating configuration", "With defaults"], 15, |_| {
        Exec::Show(Show::RunningConfigAll)
    }),
    show!(
        "show running-config interface INTERFACE",
        [SHOW, "Current operating configuration", "One interface", "Interface"],
        15,
        |a| section(a, "interface")
    ),
    show!(
        "show running-config voice-port WORD",
        [SHOW, "Current operating configuration", "One voice port", "Port"],
        15,
        |a| section(a, "voice-port")
    ),
    show!(
        "show running-config dial-peer <1-2147483647>",
        [SHOW, "Current operating configuration", "One dial peer", "Tag"],
        15,
        |a| section(a, "dial-peer voice")
    ),
    show!("show sip-ua calls", [SHOW, SIP_UA, "Active calls"], 1, |_| Exec::Show(Show::SipUaCalls)),
    show!(
        "show sip-ua connections (tcp [tls]|udp) (brief|detail)",
        [SHOW, SIP_UA, "Connections", "TCP", "TLS over TCP", "UDP", "Brief", "In detail"],
        1,
        |a| Exec::Show(Show::SipUaConnections {
            transport: match (a.has("tls"), a.has("tcp")) {
                (true, _) => "tls",
                (false, true) => "tcp",
                (false, false) => "udp",
            },
            detail: a.has("detail"),
        })
    ),
    show!("show sip-ua map pstn-sip", [SHOW, SIP_UA, "Mapping of causes", "From PSTN to SIP"], 1, |_| {
        Exec::Show(Show::SipUaMapPstnSip)
    }),
    show!("show sip-ua map sip-pstn", [SHOW, SIP_UA, "Mapping of causes", "From SIP to PSTN"], 1, |_| {
        Exec::Show(Show::SipUaMapSipPstn)
    }),
    show!(
        "show sip-ua map sip-request-pstn",
        [SHOW, SIP_UA, "Mapping of causes", "From SIP requests to PSTN"],
        1,
        |_| Exec::Show(Show::SipUaMapSipRequestPstn)
    ),
    show!("show sip-ua mwi", [SHOW, SIP_UA, "SIP message waiting indication"], 1, |_| Exec::Show(
        Show::SipUaMwi
    )),
    show!("show sip-ua min-se", [SHOW, SIP_UA, "Least session interval"], 1, |_| Exec::Show(
        Show::SipUaMinSe
    )),
    show!("show sip-ua retry", [SHOW, SIP_UA, "Retries of each kind of message"], 1, |_| Exec::Show(
        Show::SipUaRetry
    )),
    show!("show sip-ua service", [SHOW, SIP_UA, "Whether calls are taken"], 1, |_| Exec::Show(
        Show::SipUaService
    )),
    show!("show sip-ua register status", [SHOW, SIP_UA, "Registrations", "Status"], 1, |_| Exec::Show(
        Show::SipUaRegisterStatus
    )),
    show!("show sip-ua statistics", [SHOW, SIP_UA, "Response, traffic and retry statistics"], 1, |_| {
        Exec::Show(Show::SipUaStatistics)
    }),
    show!("show sip-ua status", [SHOW, SIP_UA, "Status"], 1, |_| Exec::Show(Show::SipUaStatus)),
    show!("show sip-ua timers", [SHOW, SIP_UA, "Timers"], 1, |_| Exec::Show(Show::SipUaTimers)),
    show!("show startup-config", [SHOW, "Contents of startup configuration"], 15, |_| Exec::Show(
        Show::StartupConfig
    )),
    show!("show tech-support", [SHOW, "Show system information for Tech-Support"], 15, |_| Exec::Show(
        Show::TechSupport
    )),
    show!("show terminal", [SHOW, "Display terminal configuration parameters"], 1, |_| Exec::Session(
        SessionCommand::ShowTerminal
    )),
    show!("show timers", [SHOW, "Protocol timers with their values"], 1, |_| Exec::Show(Show::Timers)),
    show!(
        "show trunk group [WORD]",
        [SHOW, "Trunk information", "Trunk groups", "Label"],
        1,
        |a| Exec::Show(Show::TrunkGroup { label: a.argument(0).map(str::to_owned) })
    ),
    show!("show users", [SHOW, "Display information about terminal lines"], 1, |_| Exec::Show(Show::Users)),
    show!("show version", [SHOW, "System hardware and software status"], 1, |_| Exec::Show(Show::Version)),
    show!("show voice call status", [SHOW, "Voice", "Calls", "Status of the calls"], 1, |_| Exec::Show(
        Show::VoiceCallStatus
    )),
    show!("show voice call summary", [SHOW, "Voice", "Calls", "As a table"], 1, |_| Exec::Show(
        Show::VoiceCallSummary
    )),
    show!("show voice port summary", [SHOW, "Voice", "Voice ports", "As a table"], 1, |_| Exec::Show(
        Show::VoicePort { port: None, summary: true }
    )),
    show!(
        "show voice port [<0-99>|WORD]",
        [SHOW, "Voice", "Voice ports", "Slot", "Port"],
        1,
        |a| Exec::Show(Show::VoicePort { port: a.argument(0).map(str::to_owned), summary: false })
    ),
    show!(
        "show voice translation-rule [<1-2147483647>]",
        [SHOW, "Voice", "Translation rules", "Tag"],
        1,
        |a| Exec::Show(Show::VoiceTranslationRule { rule: a.number(0) })
    ),
    show!(
        "show voip rtp connections [detail]",
        [SHOW, "VoIP information", "RTP", "Active connections", "In detail"],
        1,
        |_| Exec::Show(Show::VoipRtpConnections)
    ),
    terminal!(
        "terminal length <0-512>",
        ["Set number of lines on a screen", "Rows, 0 for no pausing"],
        |a| SessionCommand::Length(a.number(0).unwrap_or(24))
    ),
    terminal!("terminal width <0-512>", ["Set width of the display terminal", "Columns"], |a| {
        SessionCommand::Width(a.number(0).unwrap_or(80))
    }),
    terminal!(
        "terminal history [size <0-256>]",
        ["Enable and control the command history function", "Set history buffer size", "Lines"],
        |a| a.number(0).map_or(SessionCommand::History(true), SessionCommand::HistorySize)
    ),
    terminal!("terminal monitor", ["Copy debug output to the current terminal line"], |_| {
        SessionCommand::Monitor(true)
    }),
    terminal!("terminal editing", ["Enable command line editing"], |_| SessionCommand::Editing(true)),
    terminal!(
        "terminal (no|default) length",
        ["Negate a command", "Set to default", "Set number of lines on a screen"],
        |_| SessionCommand::Length(24)
    ),
    terminal!(
        "terminal (no|default) width",
        ["Negate a command", "Set to default", "Set width of the display terminal"],
        |_| SessionCommand::Width(80)
    ),
    terminal!(
        "terminal (no|default) history",
        ["Negate a command", "Set to default", "Enable and control the command history function"],
        |a| SessionCommand::History(a.has("default"))
    ),
    terminal!(
        "terminal (no|default) history size",
        ["Negate a command", "Set to default", "Command history", "Set history buffer size"],
        |_| SessionCommand::History(true)
    ),
    terminal!(
        "terminal (no|default) monitor",
        ["Negate a command", "Set to default", "Copy debug output to the current terminal line"],
        |_| SessionCommand::Monitor(false)
    ),
    terminal!(
        "terminal (no|default) editing",
        ["Negate a command", "Set to default", "Enable command line editing"],
        |a| SessionCommand::Editing(a.has("default"))
    ),
    terminal!(
        "terminal (exec|escape-character|type|shell|full-help|international|notify|session-timeout) [LINE]",
        [
            "Set EXEC parameters",
            "Change the current line's escape character",
            "Set the terminal type",
            "Enable shell processing",
            "Provide help to unprivileged user",
            "Enable international 8-bit character support",
            "Inform users of output from sessions",
            "Set interval for closing connection",
            "The setting, without effect here"
        ],
        |_| SessionCommand::Nothing
    ),
    terminal!(
        "terminal (no|default) (exec|escape-character|type|shell|full-help|international|notify|session-timeout) [LINE]",
        [
            "Negate a command",
            "Set to default",
            "Set EXEC parameters",
            "Change the current line's escape character",
            "Set the terminal type",
            "Enable shell processing",
            "Provide help to unprivileged user",
            "Enable international 8-bit character support",
            "Inform users of output from sessions",
            "Set interval for closing connection",
            "The setting, without effect here"
        ],
        |_| SessionCommand::Nothing
    ),
    command! { "test voice port WORD detector (battery-reversal|loop-current|ring|ring-ground|ring-trip|tip-ground) (on|off|disable)",
    help: &["Test subsystems", "Voice", "Voice port", "Port", "Force a detector", "Battery reversal", "Loop current", "Ring", "Ring ground",
        "Ring trip", "Tip ground", "On", "Off", "As the line is"],
    apply: Apply::Exec(|a| test_port(a, PortTest::Detector(match a.word(5) {
        Some("ring-ground") => PortDetector::RingGround,
        Some("ring") => PortDetector::Ring,
        Some("battery-reversal") => PortDetector::BatteryReversal,
        Some("tip-ground") => PortDetector::TipGround,
        _ => PortDetector::Loop,
    }, forced(a)))) },
    command! { "test voice port WORD inject-tone (local|network) (1000hz|2000hz|200hz|3000hz|300hz|3200hz|3400hz|500hz|quiet|disable)",
    help: &["Test subsystems", "Voice", "Voice port", "Port", "Put a tone in place of the audio", "Toward the pair", "Toward the network",
        "1000 Hz", "2000 Hz", "200 Hz", "3000 Hz", "300 Hz", "3200 Hz", "3400 Hz", "500 Hz", "Silence", "No more"],
    apply: Apply::Exec(|a| {
        let word = a.word(6).unwrap_or("");
        let hz = if word == "quiet" { Some(0) } else { word.strip_suffix("hz").and_then(|hz| hz.parse().ok()) };
        test_port(a, PortTest::InjectTone { network: a.word(5) == Some("network"), hz })
    }) },
    command! { "test voice port WORD loopback (local|network|disable)", help: &["Test subsystems", "Voice", "Voice port", "Port",
        "Send audio back", "To the pair", "To the network", "No more"],
    apply: Apply::Exec(|a| test_port(a, PortTest::Loopback(match a.word(5) {
        Some("local") => Some(false),
        Some("network") => Some(true),
        _ => None,
    }))) },
    command! { "test voice port WORD mwi (on|off|fsk|dc)", help: &["Test subsystems", "Voice", "Voice port", "Port",
        "Message waiting indication", "On", "Off", "Send the present state as data", "Show the present state by lamp voltage"],
    apply: Apply::Exec(|a| test_port(a, match a.word(5) {
        Some("fsk") => PortTest::MwiFsk,
        Some("dc") => PortTest::MwiDc,
        word => PortTest::Mwi(word == Some("on")),
    })) },
    command! { "test voice port WORD relay (battery-reversal|loop|power-denial|ring|ring-ground|tip-ground) (on|off|disable)",
    help: &["Test subsystems", "Voice", "Voice port", "Port", "Work a relay", "Battery reversal", "Loop", "Power denial", "Ring",
        "Ring ground", "Tip ground", "On", "Off", "As the line wants it"],
    apply: Apply::Exec(|a| test_port(a, PortTest::Relay(match a.word(5) {
        Some("battery-reversal") => PortRelay::BatteryReversal,
        Some("power-denial") => PortRelay::PowerDenial,
        Some("ring") => PortRelay::Ring,
        Some("ring-ground") => PortRelay::RingGround,
        Some("tip-ground") => PortRelay::TipGround,
        _ => PortRelay::Loop,
    }, forced(a)))) },
    command! { "test voice translation-rule <1-2147483647> WORD", help: &["Test subsystems", "Voice", "Translation rule", "Tag", "Number"],
    apply: Apply::Exec(|a| Exec::TestTranslationRule { rule: a.number(0).unwrap_or(0), number: a.argument(1).unwrap_or("").to_owned() }) },
    command! { "undebug all", help: &[UNDEBUG, "Turn off all debugging"], apply: Apply::Exec(|_| Exec::UndebugAll) },
    command! { "undebug ccsip messages", help: &[UNDEBUG, "SPI debugging", "SIP messages"], apply: Apply::Exec(|_| off(DebugTopic::CcsipMessages)) },
    command! { "undebug ccsip all", help: &[UNDEBUG, "SPI debugging", "All SIP debugging"], apply: Apply::Exec(|_| off(DebugTopic::CcsipAll)) },
    command! { "undebug isdn q921", help: &[UNDEBUG, "ISDN information", "Q.921 frames"], apply: Apply::Exec(|_| off(DebugTopic::IsdnQ921)) },
    command! { "undebug isdn q931", help: &[UNDEBUG, "ISDN information", "Q.931 messages"], apply: Apply::Exec(|_| off(DebugTopic::IsdnQ931)) },
    command! { "undebug isdn standard", help: &[UNDEBUG, "ISDN information", "Errors and calls, enough to find most problems"], apply: Apply::Exec(|_| off(DebugTopic::IsdnStandard)) },
    command! { "undebug isdn error", help: &[UNDEBUG, "ISDN information", "Errors"], apply: Apply::Exec(|_| off(DebugTopic::IsdnError)) },
    command! { "undebug isdn event", help: &[UNDEBUG, "ISDN information", "Calls"], apply: Apply::Exec(|_| off(DebugTopic::IsdnEvent)) },
    command! { "undebug mwi", help: &[UNDEBUG, "Message waiting indication"], apply: Apply::Exec(|_| off(DebugTopic::Mwi)) },
    command! { "undebug voice translation", help: &[UNDEBUG, "Voice", "Translation rules"], apply: Apply::Exec(|_| off(DebugTopic::VoiceTranslation)) },
    command! { "undebug voip ccapi inout", help: &[UNDEBUG, "VoIP", "Call control", "In and out"], apply: Apply::Exec(|_| off(DebugTopic::VoipCcapi)) },
    command! { "undebug voip dialpeer", help: &[UNDEBUG, "VoIP", "Dial peers"], apply: Apply::Exec(|_| off(DebugTopic::VoipDialpeer)) },
    command! { "undebug vpm signal", help: &[UNDEBUG, "Voice port module", "Signalling"], apply: Apply::Exec(|_| off(DebugTopic::VpmSignal)) },
    command! { "undebug vpm all", help: &[UNDEBUG, "Voice port module", "All"], apply: Apply::Exec(|_| off(DebugTopic::VpmAll)) },
    command! { "where", help: &["List active connections"], privilege: 1, apply: Apply::Exec(|_| Exec::Session(SessionCommand::Where)) },
    command! { "who", help: &["Display information about terminal lines"], privilege: 1, apply: Apply::Exec(|_| Exec::Show(Show::Users)) },
];

fn test_port(args: &Args, test: PortTest) -> Exec {
    Exec::TestVoicePort { port: args.argument(0).unwrap_or("").to_owned(), test }
}

/// `on`, `off` or `disable` at the end of `test voice port`.
fn forced(args: &Args) -> Option<bool> {
    match args.word(6) {
        Some("on") => Some(true),
        Some("off") => Some(false),
        _ => None,
    }
}

fn on(what: DebugTopic) -> Exec {
    Exec::Debug { what, on: true }
}

fn off(what: DebugTopic) -> Exec {
    Exec::Debug { what, on: false }
}

fn mwi(args: &Args, scope: MwiScope) -> Exec {
    let view = match ["detail", "history", "queue", "statistics"].iter().position(|word| args.has(word)) {
        Some(0) => MwiView::Detail,
        Some(1) => MwiView::History,
        Some(2) => MwiView::Queue,
        Some(_) => MwiView::Statistics,
        None => MwiView::Brief,
    };
    Exec::Show(Show::Mwi(MwiQuery { scope, view }))
}

fn section(args: &Args, kind: &str) -> Exec {
    let name = args.argument(0).unwrap_or("");
    Exec::Show(Show::RunningConfig { section: Some(format!("{kind} {name}")) })
}
