//! Commands of EXEC mode.

use super::{ArchiveCommand, FileCommand, PortTest};

/// An EXEC command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exec {
    /// `show …`.
    Show(Show),
    /// `debug …` and `no debug …`.
    Debug {
        /// What is watched.
        what: DebugTopic,
        /// On or off.
        on: bool,
    },
    /// `undebug all`.
    UndebugAll,
    /// `dir`, `copy` and other commands on files.
    Files(FileCommand),
    /// `archive config`, `show archive …`.
    Archive(ArchiveCommand),
    /// A command that has asked, with the answers so far.
    Answered {
        /// The command.
        exec: Box<Exec>,
        /// Answers in the order of the questions.
        answers: Vec<String>,
    },
    /// `write memory`: save the running configuration.
    WriteMemory,
    /// `write erase`: remove the startup configuration.
    WriteErase,
    /// `reload …`.
    Reload(Reload),
    /// `ping`.
    Ping(Ping),
    /// `test voice port P …`.
    TestVoicePort {
        /// The port.
        port: String,
        /// What is tested.
        test: PortTest,
    },
    /// `test voice translation-rule N NUMBER`.
    TestTranslationRule {
        /// The rule's tag.
        rule: u32,
        /// The number.
        number: String,
    },
    /// `csim start NUMBER`: a call out of nowhere.
    CsimStart {
        /// The number called.
        number: String,
    },
    /// `clear sip-ua mwi [NUMBER]`, `clear mwi all`, `clear mwi NUMBER`: forgets mailbox states.
    ClearMwi {
        /// One number, or all.
        number: Option<String>,
    },
    /// `mwi …` and the parts of `clear mwi …` that no other command has.
    Mwi(MwiCommand),
    /// `clear counters [INTERFACE]`.
    ClearCounters {
        /// One interface, or all.
        interface: Option<String>,
    },
    /// `clear logging`.
    ClearLogging,
    /// `clear line N`.
    ClearLine {
        /// The line.
        line: String,
    },
    /// `configure terminal` with a lock or a timer; without either the session does it itself.
    ConfigureTerminal {
        /// Nobody else may change the configuration meanwhile.
        lock: bool,
        /// Minutes after which what is changed is taken back unless confirmed.
        revert_minutes: Option<u32>,
    },
    /// `configure replace FILE`.
    ConfigureReplace {
        /// Path or URL.
        file: String,
        /// Prints the lines that change.
        list: bool,
        /// Asks nothing.
        force: bool,
        /// `revert trigger error`.
        trigger: bool,
        /// Minutes after which the change is taken back unless confirmed.
        revert_minutes: Option<u32>,
    },
    /// `configure plan FILE`: what would change.
    ConfigurePlan {
        /// Path or URL.
        file: String,
    },
    /// `configure confirm`.
    ConfigureConfirm,
    /// `configure revert now`, or `configure revert timer N`: in N minutes from now.
    ConfigureRevert {
        /// Minutes, 1 to 120.
        minutes: Option<u32>,
    },
    /// A command whose arguments are no command's: these are the words. Never given to the gateway.
    Refuse(String),
    /// `… | redirect URL`, `append`, `tee`: puts what a command has printed into a file.
    SaveOutput {
        /// Where, as typed: `flash:NAME`.
        url: String,
        /// What the command printed, its lines ended by LF.
        text: String,
        /// Behind what the file has; otherwise in its place.
        append: bool,
    },
    /// A command the session does itself; never given to the gateway.
    Session(SessionCommand),
}

/// Message waiting worked by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MwiCommand {
    /// `mwi set NUMBER on|off [count N]`.
    Set {
        /// The mailbox.
        number: String,
        /// On or off.
        on: bool,
        /// New voice messages.
        count: Option<u32>,
    },
    /// `mwi sync NUMBER|all`: tells lamps and PBXs again what the mailbox table holds.
    Sync {
        /// One mailbox, or all.
        number: Option<String>,
    },
    /// `clear mwi queue [TRUNK]`.
    ClearQueue {
        /// One trunk, or all.
        trunk: Option<String>,
    },
    /// `clear mwi history`.
    ClearHistory,
    /// `clear mwi statistics`.
    ClearStatistics,
}

/// What `show mwi` is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MwiQuery {
    /// Whose.
    pub scope: MwiScope,
    /// What of it.
    pub view: MwiView,
}

/// Which mailboxes `show mwi` is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MwiScope {
    /// All.
    #[default]
    All,
    /// One number.
    Number(String),
    /// Those of a voice port.
    Port(String),
    /// Those behind a trunk.
    Trunk(String),
}

/// What `show mwi` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MwiView {
    /// The table.
    #[default]
    Brief,
    /// Everything known of each mailbox.
    Detail,
    /// What happened lately.
    History,
    /// What waits for PBXs.
    Queue,
    /// Totals.
    Statistics,
}

/// `ping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Address or name.
    pub target: String,
    /// Number of echoes.
    pub repeat: u32,
    /// Octets of an echo with its IP header.
    pub size: u16,
    /// Seconds to wait for an answer.
    pub timeout: u16,
    /// Address or interface to send from.
    pub source: Option<String>,
}

/// `reload …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// When.
    pub time: ReloadTime,
    /// Why, in the words typed.
    pub reason: Option<String>,
}

impl From<ReloadTime> for Reload {
    fn from(time: ReloadTime) -> Self {
        Reload { time, reason: None }
    }
}

/// When a reload is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadTime {
    /// `reload`.
    Now,
    /// `reload in MINUTES`.
    In {
        /// Minutes.
        minutes: u32,
    },
    /// `reload at HH:MM [MONTH DAY]`: the next time the router's clock says so.
    At {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
        /// Month, 1 to 12, and day of the month.
        date: Option<(u8, u8)>,
    },
    /// `reload cancel`.
    Cancel,
}

/// Commands that concern only the terminal they are typed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCommand {
    /// `enable [LEVEL]`.
    Enable(u8),
    /// `disable [LEVEL]`.
    Disable(u8),
    /// `login`: as another user.
    Login,
    /// `configure terminal`.
    Configure,
    /// `exit`, `logout`, `quit`.
    Exit,
    /// `help`.
    Help,
    /// `terminal length N`.
    Length(u16),
    /// `terminal width N`.
    Width(u16),
    /// `terminal monitor`, `terminal no monitor`.
    Monitor(bool),
    /// `terminal history size N`.
    HistorySize(usize),
    /// `terminal history`, `terminal no history`.
    History(bool),
    /// `terminal editing`, `terminal no editing`.
    Editing(bool),
    /// `clock set`: the host keeps the time.
    HostClock,
    /// `where`: the connections made from here, of which there are none.
    Where,
    /// `show aliases`.
    ShowAliases,
    /// `show terminal`.
    ShowTerminal,
    /// `show history`.
    ShowHistory,
    /// `show privilege`.
    ShowPrivilege,
    /// Accepted without effect.
    Nothing,
}

/// `show …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// `show sip-ua mwi`.
    SipUaMwi,
    /// `show sip-ua status`.
    SipUaStatus,
    /// `show sip-ua statistics`.
    SipUaStatistics,
    /// `show sip-ua timers`.
    SipUaTimers,
    /// `show sip-ua register status`.
    SipUaRegisterStatus,
    /// `show sip-ua map pstn-sip`.
    SipUaMapPstnSip,
    /// `show sip-ua map sip-pstn`.
    SipUaMapSipPstn,
    /// `show sip-ua map sip-request-pstn`.
    SipUaMapSipRequestPstn,
    /// `show sip-ua calls`.
    SipUaCalls,
    /// `show voip rtp connections`.
    VoipRtpConnections,
    /// `show sip-ua connections`.
    SipUaConnections {
        /// `udp`, `tcp` or `tls`.
        transport: &'static str,
        /// `detail` instead of `brief`.
        detail: bool,
    },
    /// `show sip-ua min-se`.
    SipUaMinSe,
    /// `show sip-ua retry`.
    SipUaRetry,
    /// `show sip-ua service`.
    SipUaService,
    /// `show mwi …`: mailboxes, queues and trunks.
    Mwi(MwiQuery),
    /// `show running-config`, with the header of one section or whole.
    RunningConfig {
        /// Header of a section (`interface GigabitEthernet0/0`).
        section: Option<String>,
    },
    /// `show running-config all`: with defaults, [`crate::config::Config::running_all`].
    RunningConfigAll,
    /// `show startup-config`.
    StartupConfig,
    /// `show configuration unsupported`: kept lines with their reasons.
    ConfigurationUnsupported,
    /// `show version`.
    Version,
    /// `show clock`.
    Clock,
    /// `show clock detail`.
    ClockDetail,
    /// `show dial-peer voice [TAG] [summary]`.
    DialPeerVoice {
        /// One peer.
        tag: Option<u32>,
        /// As a table.
        summary: bool,
    },
    /// `show dial-peer voip keepalive status`.
    DialPeerKeepalive,
    /// `show dialplan number N`.
    DialplanNumber {
        /// The number.
        number: String,
    },
    /// `show num-exp`.
    NumExp,
    /// `show voice port [PORT] [summary]`.
    VoicePort {
        /// One port.
        port: Option<String>,
        /// As a table.
        summary: bool,
    },
    /// `show voice call summary`.
    VoiceCallSummary,
    /// `show voice call status`.
    VoiceCallStatus,
    /// `show call resource`.
    CallResource,
    /// `show call active voice [brief]`.
    CallActiveVoice {
        /// Short form.
        brief: bool,
    },
    /// `show call history voice [brief]`.
    CallHistoryVoice {
        /// Short form.
        brief: bool,
    },
    /// `show isdn status`.
    IsdnStatus,
    /// `show isdn active`.
    IsdnActive,
    /// `show isdn nfas group [N]`.
    IsdnNfasGroup {
        /// One group.
        group: Option<u8>,
    },
    /// `show isdn history`.
    IsdnHistory,
    /// `show isdn memory`.
    IsdnMemory,
    /// `show isdn service`.
    IsdnService,
    /// `show controllers e1|t1 [UNIT]`.
    Controllers {
        /// One unit.
        unit: Option<String>,
    },
    /// `show trunk group [LABEL]`.
    TrunkGroup {
        /// One group.
        label: Option<String>,
    },
    /// `show interfaces [NAME]`.
    Interfaces {
        /// One interface.
        name: Option<String>,
    },
    /// `show ip interface brief`.
    IpInterfaceBrief,
    /// `show ip interface [NAME]`.
    IpInterface {
        /// One interface.
        name: Option<String>,
    },
    /// `show inventory`.
    Inventory,
    /// `show diag [SLOT]`.
    Diag {
        /// One slot.
        slot: Option<u32>,
    },
    /// `show processes cpu`.
    ProcessesCpu,
    /// `show processes memory`.
    ProcessesMemory,
    /// `show debugging`.
    Debugging,
    /// `show users`.
    Users,
    /// `show logging`.
    Logging,
    /// `show reload`.
    Reload,
    /// `show hosts`.
    Hosts,
    /// `show memory statistics`.
    Memory,
    /// `show timers`.
    Timers,
    /// `show tech-support`.
    TechSupport,
    /// `show voice translation-rule [N]`.
    VoiceTranslationRule {
        /// One rule.
        rule: Option<u32>,
    },
}

/// What `debug` watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DebugTopic {
    /// `debug ccsip messages`.
    CcsipMessages,
    /// `debug ccsip all`.
    CcsipAll,
    /// `debug isdn q921`.
    IsdnQ921,
    /// `debug isdn q931`.
    IsdnQ931,
    /// `debug isdn standard`.
    IsdnStandard,
    /// `debug isdn error`.
    IsdnError,
    /// `debug isdn event`.
    IsdnEvent,
    /// `debug mwi`.
    Mwi,
    /// `debug vpm signal`.
    VpmSignal,
    /// `debug vpm all`.
    VpmAll,
    /// `debug voip dialpeer`.
    VoipDialpeer,
    /// `debug voip ccapi inout`.
    VoipCcapi,
    /// `debug voice translation`.
    VoiceTranslation,
}

impl DebugTopic {
    /// All topics.
    pub const ALL: &'static [DebugTopic] = &[
        DebugTopic::CcsipMessages,
        DebugTopic::CcsipAll,
        DebugTopic::IsdnQ921,
        DebugTopic::IsdnQ931,
        DebugTopic::IsdnStandard,
        DebugTopic::IsdnError,
        DebugTopic::IsdnEvent,
        DebugTopic::Mwi,
        DebugTopic::VpmSignal,
        DebugTopic::VpmAll,
        DebugTopic::VoipDialpeer,
        DebugTopic::VoipCcapi,
        DebugTopic::VoiceTranslation,
    ];

    /// The line that `debug` and `show debugging` print, without `is on`.
    pub fn title(self) -> &'static str {
        match self {
            DebugTopic::CcsipMessages => "SIP Call messages tracing",
            DebugTopic::CcsipAll => "All SIP Call tracing",
            DebugTopic::IsdnQ921 => "ISDN Q921 packets debugging",
            DebugTopic::IsdnQ931 => "ISDN Q931 packets debugging",
            DebugTopic::IsdnStandard => "ISDN Standard debugging",
            DebugTopic::IsdnError => "ISDN error debugging",
            DebugTopic::IsdnEvent => "ISDN events debugging",
            DebugTopic::Mwi => "Message waiting indication debugging",
            DebugTopic::VpmSignal => "Voice Port Module signaling debugging",
            DebugTopic::VpmAll => "Voice Port Module debugging",
            DebugTopic::VoipDialpeer => "voip dialpeer debugging",
            DebugTopic::VoipCcapi => "voip ccapi inout debugging",
            DebugTopic::VoiceTranslation => "voice translation debugging",
        }
    }

    /// What the router says when the topic is switched.
    pub fn switched(self, on: bool) -> String {
        match (self, on) {
            (DebugTopic::CcsipMessages | DebugTopic::CcsipAll, true) => {
                format!("{} is enabled", self.title())
            }
            (DebugTopic::CcsipMessages | DebugTopic::CcsipAll, false) => {
                format!("{} is disabled", self.title())
            }
            (_, true) => format!("{} is on", self.title()),
            (_, false) => format!("{} is off", self.title()),
        }
    }
}
