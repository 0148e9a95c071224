//! The declarative grammar: one declaration per command gives parsing, unique-prefix abbreviation, `?`, Tab,
//! `no`/`default`, `show running-config` and the manual page.
//!
//! A declaration is a [`Command`] written with [`command!`](crate::command) in the table of its mode. The order of
//! a table is the order in which `show running-config` prints.

mod access;
mod bodies;
mod classes;
mod dial_peer;
mod exec;
mod files;
mod global;
mod hardware;
mod isdn_mwi;
mod logging;
pub mod matcher;
mod reasons;
pub mod syntax;
mod voice_port;
mod voice_service;
pub mod walk;

use crate::config::{ApplyError, Cx};
use crate::session::Exec;
use matcher::Args;
use std::sync::OnceLock;
use syntax::Syntax;

/// What a command does.
#[derive(Clone, Copy, Debug)]
pub enum Apply {
    /// Changes the configuration model, or with [`Cx::no`] brings back the default.
    Acted(fn(&mut Cx<'_>) -> Result<(), ApplyError>),
    /// Is kept and shown, but has no effect; with the reason.
    Kept(&'static str),
    /// Is an older spelling: this line means the same.
    Instead(fn(&Args) -> String),
    /// Runs in EXEC mode.
    Exec(fn(&Args) -> Exec),
    /// `exit`.
    Exit,
    /// `end`.
    End,
    /// `do COMMAND`.
    Do,
    /// `no …`, `default …` and `help`, which the line reader takes before the grammar is asked.
    Builtin,
}

/// One command of one mode.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Syntax in the language of [`syntax`].
    pub syntax: &'static str,
    /// Help text of every word of the syntax, in order; a single text stands for all words.
    pub help: &'static [&'static str],
    /// Effect.
    pub apply: Apply,
    /// Number of leading words that identify an entry of a list (`rule 1`); 0 for a setting with one value;
    /// [`WHOLE`] if the whole line is the entry.
    pub keyed: usize,
    /// Mode that the command opens.
    pub enters: Option<ModeKind>,
    /// The line that states the default, which `show running-config` leaves out.
    pub default: &'static str,
    /// True if the `no` form is configuration and shown.
    pub no_shown: bool,
    /// Shares its place in the running configuration with the command before it.
    pub with_previous: bool,
    /// Entries are shown in natural order of their names, not in the order in which they were made.
    pub sorted: bool,
    /// Whether a new line takes the place of another of the same command: of a list whose entries are told apart by
    /// words that do not stand at its front. Both are given by their [`Command::keyed`] words.
    pub replaces: Option<fn(new: &str, old: &str) -> bool>,
    /// Text of the running configuration, where it is not the line as typed with its keywords completed.
    pub show: Option<fn(&Cx<'_>) -> Option<String>>,
    /// Why a setting that is in the typed model is nevertheless reported as kept: nothing acts on it yet.
    pub later: Option<&'static str>,
    /// Lowest privilege level of an EXEC command.
    pub privilege: u8,
    /// The first release that has the command.
    pub since: &'static str,
}

impl Command {
    /// Why the command has no effect; `None` if it has one.
    pub fn kept(&self) -> Option<&'static str> {
        match self.apply {
            Apply::Kept(reason) => Some(reason),
            _ => self.later,
        }
    }

    /// The help text of a word of the syntax.
    pub fn help_of(&self, number: usize) -> &'static str {
        match self.help {
            [all] => all,
            texts => texts.get(number).copied().unwrap_or(""),
        }
    }
}

/// See [`Command::keyed`].
pub const WHOLE: usize = usize::MAX;

/// The command that enters an existing dial peer without its type.
pub const REENTER_PEER: &str = "dial-peer voice <1-2147483647>";

/// Base for [`command!`](crate::command).
pub const BASE: Command = Command {
    syntax: "",
    help: &[],
    apply: Apply::Builtin,
    keyed: 0,
    enters: None,
    default: "",
    no_shown: false,
    with_previous: false,
    sorted: false,
    replaces: None,
    show: None,
    later: None,
    privilege: 15,
    since: "0.1",
};

/// Declares a [`Command`]: its syntax, then any of its fields.
#[macro_export]
macro_rules! command {
    ($syntax:literal, $($field:ident: $value:expr),+ $(,)?) => {
        $crate::grammar::Command { syntax: $syntax, $($field: $value,)+ ..$crate::grammar::BASE }
    };
}

/// Declares a command that is kept without effect: syntax, help texts, reason, then any field of [`Command`].
#[macro_export]
macro_rules! kept {
    ($syntax:literal, $help:expr, $reason:expr $(, $field:ident: $value:expr)* $(,)?) => {
        $crate::grammar::Command {
            syntax: $syntax, help: &$help, apply: $crate::grammar::Apply::Kept($reason), $($field: $value,)*
            ..$crate::grammar::BASE
        }
    };
}

/// Declares a command whose line alone says everything: who acts on it reads [`crate::config::Config::tree`]. Syntax, help texts,
/// then any field of [`Command`].
#[macro_export]
macro_rules! acted {
    ($syntax:literal, $help:expr $(, $field:ident: $value:expr)* $(,)?) => {
        $crate::grammar::Command {
            syntax: $syntax, help: &$help, apply: $crate::grammar::Apply::Acted(|_| Ok(())), $($field: $value,)*
            ..$crate::grammar::BASE
        }
    };
}

macro_rules! modes {
    ($($name:ident $prompt:literal $title:literal $tables:expr;)+) => {
        /// A mode of the command line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ModeKind { $(#[doc = concat!("`", $prompt, "`: ", $title)] $name,)+ }

        impl ModeKind {
            /// All modes.
            pub const ALL: &'static [ModeKind] = &[$(ModeKind::$name,)+];

            /// The part of the prompt behind the host name, without the trailing blank IOS does not print.
            pub fn prompt(self) -> &'static str {
                match self { $(ModeKind::$name => $prompt,)+ }
            }

            /// Heading of the help list and of the manual chapter.
            pub fn title(self) -> &'static str {
                match self { $(ModeKind::$name => $title,)+ }
            }

            /// The commands of the mode.
            pub fn table(self) -> &'static Table {
                match self {
                    $(ModeKind::$name => {
                        static TABLE: OnceLock<Table> = OnceLock::new();
                        TABLE.get_or_init(|| Table::new(self, $tables))
                    })+
                }
            }
        }
    };
}

modes! {
    User ">" "Exec" &[exec::EXEC, files::EXEC];
    Privileged "#" "Exec" &[exec::EXEC, files::EXEC];
    Global "(config)#" "Configure" &[
        global::FIRST, logging::FIRST, global::ACCESS, global::VOICE, logging::LAST, global::AFTER_LOGGING, global::LAST,
    ];
    Interface "(config-if)#" "Interface configuration" &[hardware::INTERFACE, isdn_mwi::COMMANDS];
    Controller "(config-controller)#" "Controller configuration" &[hardware::CONTROLLER];
    Line "(config-line)#" "Line configuration" &[hardware::LINE];
    TrunkGroup "(config-trunk-group)#" "Trunk group configuration" &[hardware::TRUNK_GROUP, isdn_mwi::COMMANDS];
    PotsPeer "(config-dial-peer)#" "DIALPEER configuration" &[dial_peer::COMMON, dial_peer::POTS];
    VoipPeer "(config-dial-peer)#" "DIALPEER configuration" &[dial_peer::COMMON, dial_peer::VOIP];
    VoicePort "(config-voiceport)#" "Voice-port configuration" &[voice_port::VOICE_PORT];
    SipUa "(config-sip-ua)#" "SIP UA configuration" &[voice_service::SIP_UA];
    Gateway "(config-gateway)#" "Gateway configuration" &[voice_service::GATEWAY];
    VoiceServiceVoip "(conf-voi-serv)#" "VOICE SERVICE configuration" &[voice_service::VOIP];
    VoiceServiceSip "(conf-serv-sip)#" "SIP configuration" &[voice_service::SIP];
    TrustedList "(cfg-iptrust-list)#" "IP trusted list configuration" &[voice_service::TRUSTED];
    FeatureCodes "(config-stcapp-fac)#" "Feature access code configuration" &[classes::FEATURE_CODES];
    VoiceClassOptions "(config-class)#" "OPTIONS keepalive configuration" &[classes::OPTIONS_KEEPALIVE];
    VoiceClassCodec "(config-class)#" "Voice class codec configuration" &[classes::CODEC];
    SipProfiles "(config-class)#" "SIP profiles configuration" &[classes::SIP_PROFILES];
    ServerGroup "(config-class)#" "Server group configuration" &[classes::SERVER_GROUP];
    TlsCipher "(config-class)#" "TLS cipher configuration" &[classes::TLS_CIPHER];
    TlsProfile "(config-class)#" "TLS profile configuration" &[classes::TLS_PROFILE];
    Tenant "(config-class)#" "Tenant configuration" &[classes::TENANT];
    VoiceClassUri "(config-voice-uri-class)#" "Voice class URI configuration" &[classes::URI];
    CustomCptone "(cfg-cptone)#" "Custom cptone configuration" &[classes::CPTONE];
    Dualtone "(cfg-cp-dualtone)#" "Dualtone configuration" &[classes::DUALTONE];
    ToneClass "(config-class)#" "Voice class dualtone configuration" &[classes::TONE_CLASS, classes::TONE_LIMITS];
    ToneLimits "(config-class)#" "Voice class dualtone-detect-params configuration" &[classes::TONE_LIMITS];
    TranslationRule "(cfg-translation-rule)#" "Translation rule configuration" &[classes::TRANSLATION_RULE];
    TranslationProfile "(cfg-translation-profile)#" "Translation profile configuration" &[classes::PROFILE];
    Archive "(config-archive)#" "Archive configuration" &[files::ARCHIVE];
    ArchiveLog "(config-archive-log-cfg)#" "Archive log configuration" &[files::ARCHIVE_LOG];
    SshKeys "(conf-ssh-pubkey)#" "Public keys of SSH" &[access::SSH_KEYS];
    SshUser "(conf-ssh-pubkey-user)#" "Public keys of a user" &[access::SSH_USER];
    KeptKey "(conf-ssh-pubkey-data)#" "Rows of a public key" &[bodies::NONE];
    Kept "(config-kept)#" "Configuration of a feature that is not modelled" &[bodies::NONE];
    KeptClass "(config-class)#" "Configuration of a voice class that is not modelled" &[bodies::NONE];
    KeptH323 "(conf-serv-h323)#" "Configuration of H.323" &[bodies::NONE];
    KeptStun "(conf-serv-stun)#" "Configuration of STUN" &[bodies::NONE];
    KeptVoiceServicePots "(conf-voi-serv)#" "Configuration of the POTS voice service" &[voice_service::POTS];
    KeptTelephony "(config-telephony)#" "Configuration of telephony-service" &[bodies::NONE];
    KeptEphone "(config-ephone)#" "Configuration of an ephone" &[bodies::NONE];
    KeptEphoneDn "(config-ephone-dn)#" "Configuration of an ephone-dn" &[bodies::NONE];
    KeptRegister "(config-register-global)#" "Configuration of voice register" &[bodies::NONE];
    KeptVoiceCard "(config-voicecard)#" "Configuration of a voice card" &[bodies::NONE];
    CorCustom "(config-dp-cor)#" "Configuration of class of restriction" &[classes::COR_CUSTOM];
    CorList "(config-dp-corlist)#" "Configuration of a class of restriction list" &[classes::COR_LIST];
    PatternMap "(config-voice-class-e164-pattern-map)#" "E.164 pattern map configuration" &[classes::PATTERN_MAP];
    PeerGroup "(config-voice-class-dpg)#" "Dial peer group configuration" &[classes::PEER_GROUP];
    KeptRouter "(config-router)#" "Configuration of a routing protocol" &[bodies::NONE];
}

impl ModeKind {
    /// True if the mode keeps lines it has no grammar for.
    pub fn keeps_all(self) -> bool {
        matches!(
            self,
            ModeKind::Kept
                | ModeKind::KeptClass
                | ModeKind::KeptH323
                | ModeKind::KeptStun
                | ModeKind::KeptVoiceServicePots
                | ModeKind::KeptTelephony
                | ModeKind::KeptEphone
                | ModeKind::KeptEphoneDn
                | ModeKind::KeptRegister
                | ModeKind::KeptVoiceCard
                | ModeKind::KeptRouter
                | ModeKind::KeptKey
        )
    }

    /// True for the two EXEC modes.
    pub fn is_exec(self) -> bool {
        matches!(self, ModeKind::User | ModeKind::Privileged)
    }
}

/// The commands of a mode with their parsed syntax.
#[derive(Debug)]
pub struct Table {
    entries: Vec<Entry>,
    keeps_all: bool,
}

#[derive(Debug)]
struct Entry {
    command: &'static Command,
    syntax: Syntax,
    order: usize,
}

impl Table {
    fn new(kind: ModeKind, tables: &[&'static [Command]]) -> Table {
        let mut entries: Vec<Entry> = Vec::new();
        let common: &'static [Command] = if kind.is_exec() { &[] } else { bodies::COMMON };
        for command in tables.iter().copied().chain([common]).flatten() {
            if kind == ModeKind::User && command.privilege > 1 {
                continue;
            }
            let (syntax, _) = Syntax::parse(command.syntax);
            let order = match entries.last() {
                Some(last) if command.with_previous => last.order,
                _ => entries.len(),
            };
            entries.push(Entry { command, syntax, order });
        }
        Table { entries, keeps_all: kind.keeps_all() }
    }

    /// Commands and their syntax.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Command, &Syntax)> {
        self.entries.iter().map(|e| (e.command, &e.syntax))
    }

    /// The command at an index given by [`matcher::find`].
    pub fn command(&self, index: usize) -> Option<(&'static Command, &Syntax)> {
        self.entries.get(index).map(|e| (e.command, &e.syntax))
    }

    /// Place of a command in the running configuration; lines without a command come last.
    pub fn order(&self, index: usize) -> usize {
        self.entries.get(index).map_or(usize::MAX, |e| e.order)
    }

    /// True if the mode keeps lines it has no grammar for.
    pub fn keeps_all(&self) -> bool {
        self.keeps_all
    }
}

/// Label, negation and preference of `trunk-group LABEL [PREFERENCE]`.
fn trunk_group_words(cx: &Cx<'_>) -> (String, bool, Option<u8>) {
    (cx.args.argument(0).unwrap_or("").to_owned(), cx.no, cx.args.number(1))
}

/// Enters, changes or removes a membership; `no` without a label removes all.
fn member(groups: &mut Vec<(String, Option<u8>)>, label: String, no: bool, preference: Option<u8>) {
    if no {
        groups.retain(|(name, _)| !label.is_empty() && *name != label);
    } else if let Some(entry) = groups.iter_mut().find(|(name, _)| *name == label) {
        entry.1 = preference;
    } else {
        groups.push((label, preference));
    }
}
