//! Controllers, interfaces, D channels, trunk groups, lines, archive.

use super::reasons::{CALLS, CONSOLE, FEATURE, HARDWARE, HOST, ISDN, LINE as LINE_LATER, SERIAL};
use super::{Apply, Command, ModeKind, WHOLE, access};
use crate::config::{ApplyError, Cx, HuntScheme, Nfas, NfasRole, ProtocolEmulate, SwitchType, Timeslots};
use crate::{acted, command, kept};

pub(super) static CONTROLLER: &[Command] = &[
    command! {
        "shutdown", help: &["Shut down a DS1 link (send Blue Alarm)"],
        apply: Apply::Acted(|cx| { let on = !cx.no; cx.controller()?.shutdown = on; Ok(()) }),
    },
    kept!("mode (atm|cas) [LINE]", ["Mode", "ATM", "CAS", "Options"], HARDWARE),
    acted!(
        "framing (crc4|NO-CRC4|esf|sf)",
        [
            "Specify the type of Framing on a DS1 link",
            "CRC-4",
            "No CRC-4",
            "Extended Superframe",
            "Superframe"
        ]
    ),
    kept!("crc-threshold <0-3000>", ["CRC errors that take the link down", "Number"], HARDWARE),
    kept!("fdl (ansi|att|both)", ["Facility data link", "ANSI", "AT&T", "Both"], HARDWARE),
    acted!(
        "clock source (line [primary|secondary [LINE]]|internal|loop-timed|network|adaptive|free-running)",
        [
            "Clock",
            "Clock source",
            "From the line",
            "First choice",
            "Second choice",
            "Number",
            "Internal",
            "Loop timed",
            "Network",
            "Adaptive",
            "Free running"
        ]
    ),
    acted!(
        "linecode (ami|b8zs|hdb3)",
        ["Specify the line encoding method for a DS1 link", "AMI", "B8ZS", "HDB3"]
    ),
    kept!("line-termination (75-ohm|120-ohm)", ["Line termination", "75 ohm", "120 ohm"], HARDWARE),
    kept!(
        "cablelength LINE",
        ["Specify the cable length for a DS1 link", "long or short and the length"],
        HARDWARE
    ),
    command! {
        "pri-group [timeslots WORD] [service WORD|nfas_d (primary|backup|none) (nfas_int|nfas_interface) <0-96> nfas_group <0-31> [LINE]|voice-dsp]",
        help: &["Configure the specified timeslots for PRI", "Specify timeslots", "List of timeslots such as 1-31", "Service",
            "Its name", "Specify the operation of the D channel timeslot", "Primary D channel of the group",
            "Backup D channel of the group", "No D channel: a B channel more", "Interface identifier in channel identification",
            "Interface identifier in channel identification", "Identifier", "Specify the NFAS group", "Group",
            "Options without effect", "Voice DSP"],
        apply: Apply::Acted(pri_group),
    },
    kept!("ds0-group <0-30> timeslots WORD [LINE]", ["Configure the specified timeslots for CAS", "Group", "Specify timeslots",
        "List of timeslots", "Signalling type"], HARDWARE, keyed: 2),
    kept!("channel-group <0-30> [LINE]", ["Specify the timeslots of a channel", "Group", "Timeslots"], HARDWARE, keyed: 2),
    kept!("tdm-group <0-30> LINE", ["TDM group", "Group", "Timeslots"], HARDWARE, keyed: 2),
    kept!("cas-custom <0-30>", ["Customise CAS", "Group"], HARDWARE, enters: Some(ModeKind::Kept), keyed: 2),
    kept!("loopback LINE", ["Loopback", "Kind"], HARDWARE),
    kept!("trunk-group LINE", ["Trunk group", "Label and timeslots"], CALLS, keyed: WHOLE),
    kept!("guard-timer LINE", ["Guard timer", "Milliseconds and action"], ISDN),
    kept!("alarm LINE", ["Alarm", "The setting"], HARDWARE, keyed: WHOLE),
    kept!("yellow LINE", ["Yellow alarm", "The setting"], HARDWARE, keyed: WHOLE),
    kept!("description LINE", ["Controller specific description", "Text"], HARDWARE),
    kept!("ss7 LINE", ["SS7", "The setting"], HARDWARE, keyed: WHOLE),
    kept!("national LINE", ["National bits", "The setting"], HARDWARE, keyed: WHOLE),
];

pub(super) static INTERFACE: &[Command] = &[
    kept!("description LINE", ["Interface specific description", "Text"], HOST),
    kept!("bandwidth LINE", ["Set bandwidth informational parameter", "kbit/s"], HOST),
    command! {
        "ip address A.B.C.D A.B.C.D",
        help: &["Interface Internet Protocol config commands", "Set the IP address of an interface", "IP address",
            "IP subnet mask"],
        no_shown: true,
        apply: Apply::Acted(|cx| {
            let address = if cx.no { None } else { cx.args.number(0).zip(cx.args.number(1)) };
            if let Some(interface) = cx.interface() {
                interface.address = address;
            }
            Ok(())
        }),
    },
    command! {
        "ip address (dhcp|negotiated) [LINE]",
        later: Some(HOST),
        with_previous: true,
        help: &["Interface Internet Protocol config commands", "Set the IP address of an interface", "By DHCP", "By PPP",
            "Options"],
        apply: Apply::Acted(|cx| {
            if let Some(interface) = cx.interface() {
                interface.address = None;
            }
            Ok(())
        }),
    },
    kept!("ip address A.B.C.D A.B.C.D secondary", ["Interface Internet Protocol config commands",
        "Set the IP address of an interface", "IP address", "IP subnet mask", "Further address"], HOST,
        with_previous: true, keyed: WHOLE),
    kept!("ip (access-group|nat|virtual-reassembly|unnumbered|ospf|helper-address|route-cache|mroute-cache|redirects|unreachables|proxy-arp|mtu|tcp|dhcp|policy|flow|inspect|verify|pim|igmp|nbar|rip|summary-address|vrf|rtp|load-sharing|authentication|hold-time|hello-interval|bandwidth-percent|directed-broadcast|broadcast-address|information-reply|mask-reply|split-horizon|accounting|arp|nhrp|rsvp|wccp|sdr|cgmp|dvmrp|traffic-export|ddns|urlfilter|ips|auth-proxy|admission|header-compression|multicast|mobile|port-unreachable|security|trigger-authentication|gratuitous-arps|idle-group|tunnel|lsr|access-list) [LINE]",
        IP_HELP, HOST, keyed: WHOLE, no_shown: true),
    kept!("encapsulation LINE", ["Set encapsulation type for an interface", "Type"], HOST),
    kept!("ipv6 LINE", ["IPv6 interface subcommands", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("duplex (auto|full|half)", ["Configure duplex operation", "Auto", "Full", "Half"], HOST),
    kept!("speed LINE", ["Configure speed operation", "auto, 10, 100, 1000"], HOST),
    kept!("negotiation auto", ["Negotiation", "Automatic"], HOST, no_shown: true),
    kept!("media-type LINE", ["Media type", "Type"], HOST),
    kept!("load-interval <30-600>", ["Load interval", "Seconds"], HOST),
    kept!("switchport [LINE]", ["Switching", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("spanning-tree LINE", ["Spanning tree", "The setting"], HOST, keyed: WHOLE),
    kept!("ppp LINE", ["Point-to-Point Protocol", "The setting"], HOST, keyed: WHOLE),
    kept!("dialer LINE", ["Dial-on-demand routing", "The setting"], HOST, keyed: WHOLE),
    kept!("dialer-group <1-128>", ["Dialer group", "Number"], HOST),
    kept!("async LINE", ["Async interface", "The setting"], HOST, keyed: WHOLE),
    kept!("peer default LINE", ["Peer parameters", "Defaults", "The setting"], HOST, keyed: WHOLE),
    kept!("logging event LINE", ["Logging", "Events", "Kind"], HOST, keyed: WHOLE, no_shown: true),
    kept!("keepalive [LINE]", ["Enable keepalive", "Seconds"], HOST, no_shown: true),
    kept!("mtu <64-18000>", ["Set the interface Maximum Transmission Unit", "Octets"], HOST),
    kept!("service-policy LINE", ["Configure CBWFQ Service Policy", "Direction and name"], HOST, keyed: WHOLE),
    kept!("service-module LINE", ["Service module", "The setting"], HOST, keyed: WHOLE),
    kept!("crypto LINE", ["Encryption", "The setting"], HOST, keyed: WHOLE),
    kept!("standby LINE", ["HSRP", "The setting"], HOST, keyed: WHOLE),
    kept!("tunnel LINE", ["Tunnel", "The setting"], HOST, keyed: WHOLE),
    kept!("vrf forwarding WORD", ["VRF", "Forwarding", "Name"], HOST),
    kept!("h323-gateway voip LINE", ["H.323 gateway", "VoIP", "The setting"], HOST, keyed: WHOLE),
    kept!("clock rate LINE", ["Clock", "Rate", "bit/s"], HOST),
    kept!("group-range LINE", ["Group range", "Lines"], HOST),
    kept!("snmp LINE", ["SNMP", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    kept!("mop LINE", ["DEC MOP server commands", "The setting"], HOST, keyed: WHOLE, no_shown: true),
    command! {
        "isdn switch-type WORD", keyed: 0,
        help: &["ISDN interface subcommands", "Select the ISDN switch type", "primary-qsig, primary-net5, primary-ni, ..."],
        apply: Apply::Acted(|cx| {
            let kind = switch_type(cx)?;
            match cx.serial() {
                Some(serial) => { serial.switch_type = kind; Ok(()) }
                None => Ok(()),
            }
        }),
    },
    command! {
        "isdn timer (T200|T203|T301|T302|T303|T304|T305|T306|T307|T308|T309|T310|T313|T314|T316|T318|T319|T321|T322) <0-86400000>",
        keyed: 3,
        help: &["ISDN interface subcommands", "Timers", "T200", "T203", "T301", "T302", "T303", "T304", "T305", "T306", "T307", "T308",
            "T309", "T310", "T313", "T314", "T316", "T318", "T319", "T321", "T322", "Milliseconds"],
        apply: Apply::Acted(|cx| {
            let name = cx.args.word(2).unwrap_or("").to_ascii_uppercase();
            let value = if cx.no { None } else { cx.args.number::<u32>(0) };
            if let Some(serial) = cx.serial() {
                let at = serial.timers.iter().position(|(n, _)| *n == name);
                match (at, value) {
                    (Some(at), Some(value)) => serial.timers.iter_mut().skip(at).take(1).for_each(|t| t.1 = value),
                    (None, Some(value)) => serial.timers.push((name, value)),
                    (Some(at), None) => { serial.timers.remove(at); }
                    (None, None) if name.is_empty() => serial.timers.clear(),
                    (None, None) => {}
                }
            }
            Ok(())
        }),
    },
    command! {
        "isdn protocol-emulate (user|network)", default: "isdn protocol-emulate user",
        help: &["ISDN interface subcommands", "Select network/user mode", "User side", "Network side"],
        apply: Apply::Acted(|cx| {
            let side = if cx.args.has("network") && !cx.no { ProtocolEmulate::Network } else { ProtocolEmulate::User };
            if let Some(serial) = cx.serial() {
                serial.protocol_emulate = side;
            }
            Ok(())
        }),
    },
    command! {
        "isdn bchan-number-order (ascending|descending) [round-robin]",
        help: &["ISDN interface subcommands", "Specify the order of allocating B channels", "From channel 1 up", "From the highest channel down",
            "The one after the channel taken last"],
        apply: Apply::Acted(|cx| {
            let order = if cx.no { None } else { Some(cx.args.has("ascending")) };
            let round_robin = order.is_some() && cx.args.has("round-robin");
            if let Some(serial) = cx.serial() {
                serial.bchan_round_robin = round_robin;
                serial.bchan_ascending = order;
            }
            Ok(())
        }),
    },
    command! {
        "isdn contiguous-bchan",
        help: &["ISDN interface subcommands", "Number the B channels of an E1 from 1 to 30 without a gap"],
        apply: Apply::Acted(|cx| {
            let on = !cx.no;
            if let Some(serial) = cx.serial() {
                serial.contiguous_bchan = on;
            }
            Ok(())
        }),
    },
    command! {
        "isdn negotiate-bchan [resend-setup [cause-codes LINE]]",
        help: &["ISDN interface subcommands", "The B channel of an outgoing call is preferred, not exclusive",
            "Try a call again that is refused for its channel (cause 44)", "Try it again after these causes", "Causes"],
        apply: Apply::Acted(|cx| {
            let on = !cx.no;
            if let Some(serial) = cx.serial() {
                serial.negotiate_bchan = on;
            }
            Ok(())
        }),
    },
    command! {
        "isdn overlap-receiving [T302 <500-60000>]",
        help: &["ISDN interface subcommands", "The number of an incoming call may come in pieces", "How long the next digit is awaited",
            "Milliseconds"],
        apply: Apply::Acted(|cx| {
            let on = !cx.no;
            if let Some(serial) = cx.serial() {
                serial.overlap_receiving = on;
            }
            Ok(())
        }),
    },
    acted!("isdn (T306|T310) <0-86400000>", ["ISDN interface subcommands", "DISCONNECT with tones received",
        "CALL PROCEEDING received", "Milliseconds"], keyed: 2),
    acted!("isdn send-alerting", ["ISDN interface subcommands", "Send ALERTING before CONNECT in any case"]),
    acted!("isdn sending-complete", ["ISDN interface subcommands", "Send Sending Complete in SETUP"], no_shown: true),
    acted!(
        "isdn incoming-voice (voice|modem|data) [56|64]",
        [
            "ISDN interface subcommands",
            "What incoming voice calls are treated as",
            "Voice",
            "Modem, which is voice here",
            "Data, which is refused",
            "kbit/s",
            "kbit/s"
        ]
    ),
    acted!("isdn map address WORD plan (data|isdn|national|privacy|telex|unknown|<0-15>) type (abbreviated|international|national|network|subscriber|unknown|<0-7>)",
        ["ISDN interface subcommands", "Numbering plan and type of outgoing calls", "Of numbers", "Regular expression",
        "Numbering plan", "Data", "ISDN", "National", "Private", "Telex", "Unknown", "Its value", "Type of number", "Abbreviated",
        "International", "National", "Network specific", "Subscriber", "Unknown", "Its value"], keyed: 4),
    acted!(
        "isdn calling-number WORD",
        ["ISDN interface subcommands", "Calling number of outgoing calls whose caller has none", "Number"]
    ),
    acted!(
        "isdn nsf-service (megacom|sdn)",
        [
            "ISDN interface subcommands",
            "Service of the network that outgoing calls want",
            "AT&T Megacom",
            "AT&T Software Defined Network"
        ]
    ),
    acted!("isdn caller WORD [callback] [exact]", ["ISDN interface subcommands", "Accept calls of these numbers only",
        "Number, X for any digit", "Without effect", "The whole number"], keyed: 3),
    acted!(
        "isdn disconnect-cause (<1-127>|busy|not-available)",
        [
            "ISDN interface subcommands",
            "Cause of calls the gateway refuses or ends",
            "Q.850 cause",
            "User busy",
            "No route to destination"
        ]
    ),
    acted!(
        "isdn outgoing display-ie",
        ["ISDN interface subcommands", "Elements of outgoing messages", "Names in Display"]
    ),
    acted!("isdn outgoing ie (called-number|caller-number|connected-number|display|facility|progress-indicator|redirecting-number|user-user)",
        ["ISDN interface subcommands", "Elements of outgoing messages", "Element", "Called number", "Calling number",
        "Connected number", "Names in Display", "Facility", "Progress indicator", "Number of who diverted the call", "User to user"],
        keyed: WHOLE),
    acted!(
        "isdn supp-service name calling [LINE]",
        [
            "ISDN interface subcommands",
            "Supplementary services",
            "Names",
            "In Facility",
            "Profile and form of the operation"
        ]
    ),
    acted!("isdn service [dsl <0-1000>|nfas-int <0-96>] b_channel <0-31> state <0-2> [hard|immediate|soft]",
        ["ISDN interface subcommands", "Service state of B channels", "Interface", "Its number", "Interface of the NFAS group",
        "Its identifier", "B channel", "Channel, 0 for all", "State", "0 in service, 1 maintenance, 2 out of service",
        "At once", "At once", "When the call ends"], keyed: WHOLE),
    kept!("isdn LINE", ["ISDN interface subcommands", "The setting"], ISDN, keyed: WHOLE, no_shown: true),
    command! {
        "trunk-group WORD [<1-64>]", keyed: 2,
        help: &["Trunk group of this interface", "Trunk group label", "Preference"],
        apply: Apply::Acted(|cx| {
            let (label, no, preference) = super::trunk_group_words(cx);
            if let Some(serial) = cx.serial() {
                super::member(&mut serial.trunk_groups, label, no, preference);
            }
            Ok(())
        }),
    },
    kept!("cdp LINE", ["CDP interface subcommands", "enable"], HOST, keyed: WHOLE, no_shown: true),
    kept!("fair-queue [LINE]", ["Enable Fair Queuing on an Interface", "The setting"], HOST, no_shown: true),
    kept!("vlan-id dot1q LINE", ["VLAN", "802.1Q", "Number"], HOST, keyed: WHOLE),
    command! {
        "shutdown",
        help: &["Shutdown the selected interface"],
        apply: Apply::Acted(|cx| {
            let on = !cx.no;
            if let Some(serial) = cx.serial() {
                serial.shutdown = on;
            } else if let Some(interface) = cx.interface() {
                interface.shutdown = on;
            }
            Ok(())
        }),
    },
];

const IP_HELP: [&str; 1] = [IP_TEXT];
const IP_TEXT: &str = "Interface Internet Protocol setting";

pub(super) static LINE: &[Command] = &[
    kept!("session-timeout LINE", ["Session timeout", "Minutes"], CONSOLE),
    command! {
        "exec-timeout <0-35791> [<0-2147483>]", default: "exec-timeout 10 0", no_shown: true,
        help: &["Set the EXEC timeout", "Timeout in minutes", "Timeout in seconds"], apply: Apply::Acted(access::line_timeout),
    },
    command! {
        "access-class WORD in [vrf-also|vrfname WORD]", keyed: 1,
        help: &["Filter connections based on an IP access list", "Access list", "Filter incoming connections",
            "In every VRF", "In one VRF", "Its name"],
        apply: Apply::Acted(access::line_access_class),
    },
    kept!("access-class WORD out", ["Filter connections based on an IP access list", "Access list", "Filter outgoing connections"], FEATURE,
        keyed: WHOLE, with_previous: true),
    command! {
        "privilege level <0-15>", default: "privilege level 1",
        help: &["Change privilege level for line", "Assign default privilege level for line", "Level"], apply: Apply::Acted(access::line_privilege),
    },
    command! {
        "password LINE", help: &["Set a password", "Type (0, 7) and password"], apply: Apply::Acted(access::line_password),
        show: Some(access::show_line_password),
    },
    command! {
        "logging synchronous [LINE]", help: &["Modify message logging facilities", "Synchronized message output", "Options"],
        apply: Apply::Acted(access::line_synchronous),
    },
    command! {
        "login [local|authentication WORD]", no_shown: true, help: &["Enable password checking", "User data base", "AAA", "List"],
        apply: Apply::Acted(access::line_login),
    },
    kept!("modem LINE", ["Configure the Modem Control Lines", "The setting"], CONSOLE, keyed: WHOLE),
    command! {
        "transport input (all|none|(ssh|telnet|lapb-ta|lat|mop|nasi|pad|rlogin|udptn|v120|acercon)...)", keyed: 2,
        help: &["Define transport protocols for line", "Incoming", "All protocols", "No protocols", "TCP/IP SSH protocol", "TCP/IP Telnet protocol",
            "LAPB", "LAT", "MOP", "NASI", "X.3 PAD", "Rlogin", "UDP", "V.120", "Console"],
        apply: Apply::Acted(access::line_transport),
    },
    kept!("transport (output|preferred) LINE", ["Define transport protocols for line", "Outgoing", "Preferred", "Protocols"], FEATURE, keyed: 2),
    command! {
        "history size <0-256>", default: "history size 20",
        help: &["Enable and control the command history function", "Size", "Lines"], apply: Apply::Acted(access::line_history),
    },
    command! { "length <0-512>", help: &["Set number of lines on a screen", "Rows, 0 for no pausing"], apply: Apply::Acted(access::line_length) },
    command! { "width <0-512>", help: &["Set width of the display terminal", "Columns"], apply: Apply::Acted(access::line_width) },
    command! { "speed <300-4000000>", default: "speed 9600", help: &["Set the transmit and receive speeds", "bit/s"], apply: Apply::Acted(access::line_serial) },
    command! { "databits <5-8>", default: "databits 8", help: &["Set number of data bits per character", "Number"], apply: Apply::Acted(access::line_serial) },
    command! {
        "parity (none|even|odd)", default: "parity none",
        help: &["Set terminal parity", "None", "Even", "Odd"], apply: Apply::Acted(access::line_serial),
    },
    kept!("parity (mark|space)", ["Set terminal parity", "Mark", "Space"], SERIAL, with_previous: true),
    command! { "stopbits (1|2)", help: &["Set async line stop bits", "One", "Two"], apply: Apply::Acted(access::line_serial) },
    kept!("stopbits 1.5", ["Set async line stop bits", "One and a half"], SERIAL, keyed: 1, with_previous: true),
    command! {
        "flowcontrol (none|software|hardware) [in|out]", default: "flowcontrol none",
        help: &["Set the flow control", "None", "XON and XOFF", "RTS and CTS", "In", "Out"], apply: Apply::Acted(access::line_serial),
    },
    kept!("autoselect LINE", ["Set line to autoselect", "Kind"], CONSOLE, keyed: WHOLE),
    command! { "session-limit <0-4294967295>", help: &["Set maximum number of sessions", "Number"], apply: Apply::Acted(access::line_limit) },
    command! { "exec", no_shown: true, default: "exec", help: &["Configure EXEC"], apply: Apply::Acted(access::line_exec) },
    kept!("activation-character LINE", ["Activation character", "Character"], CONSOLE),
    kept!("escape-character LINE", ["Escape character", "Character"], CONSOLE),
    command! { "motd-banner", no_shown: true, default: "motd-banner", help: &["Show the message of the day"], apply: Apply::Acted(access::line_banner) },
    command! { "exec-banner", no_shown: true, default: "exec-banner", help: &["Show the banner of the EXEC"], apply: Apply::Acted(access::line_banner) },
    kept!("authorization LINE", ["Authorization", "The setting"], CONSOLE, keyed: WHOLE),
    kept!("accounting LINE", ["Accounting", "The setting"], CONSOLE, keyed: WHOLE),
    kept!("rotary LINE", ["Rotary group", "Number"], CONSOLE),
    command! {
        "location LINE", help: &["Enter terminal location description", "One text line describing the terminal's location"],
        apply: Apply::Acted(access::line_location),
    },
    kept!("vacant-message LINE", ["Vacant message", "Text"], CONSOLE),
    kept!("notify", ["Inform users"], CONSOLE),
    command! { "monitor", help: &["Copy debug output to the current terminal line"], apply: Apply::Acted(access::line_monitor) },
    kept!("ipv6 access-class LINE", ["IPv6", "Filter", "List"], CONSOLE, keyed: WHOLE),
    kept!("telnet LINE", ["Telnet", "The setting"], CONSOLE, keyed: WHOLE),
    kept!("script LINE", ["Chat script", "The setting"], CONSOLE, keyed: WHOLE),
    command! {
        "timeout login response <0-300>", keyed: 3,
        help: &["Timeouts for the line", "Timeouts related to the login sequence", "Timeout for any user input during login sequences",
            "Timeout in seconds"],
        apply: Apply::Acted(access::line_login_timeout),
    },
];

pub(super) static TRUNK_GROUP: &[Command] = &[
    kept!("description LINE", ["Description of the trunk group", "Text"], super::reasons::INFO),
    acted!("carrier-id WORD", ["Carrier of the calls that come in here", "Name"]),
    acted!("max-calls (any|voice) <0-1000> [direction (in|out)]", ["Maximum calls", "Any", "Voice", "Number", "Direction",
        "In", "Out"], keyed: WHOLE, replaces: Some(same_calls)),
    kept!("max-calls data <0-1000> [direction (in|out)]", ["Maximum calls", "Data", "Number", "Direction", "In", "Out"],
        "no data calls are made here", keyed: WHOLE, with_previous: true),
    kept!("max-retry <1-5>", ["Maximum attempts", "Number"], CALLS),
    command! {
        "hunt-scheme (least-idle|least-used|longest-idle|random|round-robin|sequential) [both|even|odd] [up|down]",
        default: "hunt-scheme least-used",
        help: &["Configure the trunk hunting method", "Least idle", "Least used", "Longest idle", "Random", "Round robin", "Sequential",
            "Both", "Even", "Odd", "Up", "Down"],
        apply: Apply::Acted(|cx| {
            let scheme = if cx.no { None } else { cx.args.word(1).and_then(HuntScheme::from_keyword) };
            cx.trunk_group()?.hunt_scheme = scheme.unwrap_or_default();
            Ok(())
        }),
    },
    acted!("translation-profile (incoming|outgoing) WORD", ["Translation profile", "Incoming calls", "Outgoing calls", "Name"], keyed: 2),
    kept!("xfer-trunk LINE", ["Transfer", "The setting"], CALLS),
    kept!("default-label LINE", ["Default label", "The setting"], LINE_LATER),
];

/// There is one number of calls for each kind and direction.
fn same_calls(new: &str, old: &str) -> bool {
    let which = |line: &str| -> Option<(String, Option<String>)> {
        let mut words = line.strip_prefix("max-calls ")?.split_whitespace();
        let kind = words.next()?.to_owned();
        Some((kind, words.nth(2).map(str::to_owned)))
    };
    which(old).is_some() && which(new) == which(old)
}

/// `isdn switch-type` in global configuration and on an interface.
pub(super) fn switch_type(cx: &Cx<'_>) -> Result<Option<SwitchType>, ApplyError> {
    const TYPES: &[&str] = &[
        "basic-1tr6",
        "basic-5ess",
        "basic-dms100",
        "basic-net3",
        "basic-ni",
        "basic-ntt",
        "basic-qsig",
        "basic-ts013",
        "ntt",
        "primary-4ess",
        "primary-5ess",
        "primary-dms100",
        "primary-dpnss",
        "primary-net5",
        "primary-ni",
        "primary-ntt",
        "primary-qsig",
        "primary-ts014",
        "vn3",
    ];
    let Some(word) = cx.text(0) else { return Ok(None) };
    let lower = word.to_ascii_lowercase();
    if lower == "none" {
        return Ok(None);
    }
    let mut fits = TYPES.iter().filter(|t| t.starts_with(&lower));
    match (fits.next(), fits.next()) {
        (Some(first), None) => Ok(Some(SwitchType::from_keyword(first))),
        (Some(first), Some(_)) if *first == lower => Ok(Some(SwitchType::from_keyword(first))),
        _ => Err(ApplyError::Argument(0)),
    }
}

fn pri_group(cx: &mut Cx<'_>) -> Result<(), ApplyError> {
    // Without a list the group takes all timeslots.
    let whole = format!("1-{}", cx.controller()?.kind.timeslots());
    let text = if cx.no { None } else { Some(cx.args.after("timeslots").map_or(whole, str::to_owned)) };
    let nfas = if cx.no { None } else { nfas(cx) };
    let global = cx.config.isdn_switch_type.clone();
    let controller = cx.controller()?;
    let group = match text {
        None => None,
        Some(text) => {
            let mut group =
                Timeslots::parse(&text, controller.kind.timeslots()).ok_or(ApplyError::Argument(0))?;
            let d_channel = controller.kind.d_channel();
            let has_d_channel = nfas.is_none_or(|nfas| nfas.role != NfasRole::None);
            if has_d_channel && !group.contains(d_channel) {
                group.slots.push(d_channel);
                group.slots.sort_unstable();
            }
            Some(group)
        }
    };
    controller.nfas = nfas;
    let made = group.is_some();
    controller.pri_group = group;
    let serial = format!("interface {}", controller.serial_interface());
    let port = format!("voice-port {}", controller.voice_port());
    if made {
        let mut lines = vec!["no ip address".to_owned(), "encapsulation hdlc".to_owned()];
        lines.extend(global.map(|g| format!("isdn switch-type {}", g.keyword())));
        lines.push("isdn incoming-voice voice".to_owned());
        lines.push("no cdp enable".to_owned());
        cx.appear.push((serial, lines));
        // The voice port of a group is the one of its primary D channel.
        match nfas.map(|nfas| nfas.role) {
            None | Some(NfasRole::Primary) => cx.appear.push((port, Vec::new())),
            Some(NfasRole::Backup | NfasRole::None) => cx.vanish.push(port),
        }
    } else {
        cx.vanish.extend([serial, port]);
    }
    Ok(())
}

fn nfas(cx: &Cx<'_>) -> Option<Nfas> {
    let role = match cx.args.after("nfas_d")? {
        "primary" => NfasRole::Primary,
        "backup" => NfasRole::Backup,
        _ => NfasRole::None,
    };
    let interface = cx.args.number_after("nfas_int").or_else(|| cx.args.number_after("nfas_interface"))?;
    Some(Nfas { role, interface, group: cx.args.number_after("nfas_group")? })
}
