//! The configuration: IOS text ⇄ typed [`Config`].
//!
//! A [`Config`] holds the text as a tree of canonical lines and, beside it, the typed view that the gateway reads. Both
//! change only through [`Config::apply_line`], so they agree. The public fields are for reading.

mod access;
mod apply;
mod archive;
mod context;
mod interface;
mod logging;
mod print;
mod syslog;
mod tree;
mod types;

pub use access::*;
pub use archive::{Archive, CommandLog, FilePrompt};
pub use context::{ApplyError, Cx};
pub use interface::interface_name;
pub use logging::{Change, Datetime, LogStyle, Stamp, Summer, Zone};
pub(crate) use logging::{month, offset, summer};
pub(crate) use syslog::severity;
pub use syslog::{LogBuffer, LogHost, LogOrigin, LogRate, Logging, SEVERITIES};
pub use tree::{Body, Node};
pub use types::*;

use crate::grammar::ModeKind;
use crate::grammar::matcher::Failure;
use dialpeer::DialPeer;
use dialpeer::cause::CauseMap;
use dialpeer::hunt::DialPeerHunt;
use dialpeer::num_exp::NumExp;
use dialpeer::translation::{TranslationProfile, TranslationRule};
use std::fmt;
use std::sync::Arc;

/// Longest line accepted, in octets. IOS takes about 254; certificates and long descriptions in pasted files are longer.
pub const MAX_LINE: usize = 4096;
/// Most lines of one configuration.
pub const MAX_LINES: usize = 1_000_000;

/// A running, startup or candidate configuration. Copies share what there are many of until one is changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `hostname`.
    pub hostname: String,
    /// Dial peers in the order in which they were made.
    pub dial_peers: Vec<Arc<DialPeer>>,
    /// Voice ports that the configuration mentions, in slot order.
    pub voice_ports: Vec<Arc<VoicePort>>,
    /// `sip-ua`.
    pub sip_ua: SipUa,
    /// `voice service voip`.
    pub voice_service_voip: VoiceServiceVoip,
    /// Controllers.
    pub controllers: Vec<Controller>,
    /// Global `isdn switch-type`.
    pub isdn_switch_type: Option<SwitchType>,
    /// D channel interfaces.
    pub serial_interfaces: Vec<SerialInterface>,
    /// Trunk groups.
    pub trunk_groups: Vec<TrunkGroup>,
    /// Other interfaces.
    pub interfaces: Vec<Interface>,
    /// `voice translation-rule`.
    pub translation_rules: Vec<Arc<TranslationRule>>,
    /// `voice translation-profile`, by name.
    pub translation_profiles: Vec<(String, TranslationProfile)>,
    /// `num-exp`.
    pub num_exp: NumExp,
    /// `set pstn-cause` and `set sip-status` of sip-ua.
    pub cause_map: CauseMap,
    /// `dial-peer hunt`.
    pub dial_peer_hunt: DialPeerHunt,
    /// Users, secrets, terminal lines, banners.
    pub access: Access,
    tree: Body,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            hostname: "Router".to_owned(),
            dial_peers: Vec::new(),
            voice_ports: Vec::new(),
            sip_ua: SipUa::default(),
            voice_service_voip: VoiceServiceVoip::default(),
            controllers: Vec::new(),
            isdn_switch_type: None,
            serial_interfaces: Vec::new(),
            trunk_groups: Vec::new(),
            interfaces: Vec::new(),
            translation_rules: Vec::new(),
            translation_profiles: Vec::new(),
            num_exp: NumExp::default(),
            cause_map: CauseMap::default(),
            dial_peer_hunt: DialPeerHunt::default(),
            access: Access::default(),
            tree: Body::default(),
        }
    }
}

impl Config {
    /// Reads a whole configuration as a router reads a pasted file: a line that is refused is reported and skipped.
    pub fn parse(text: &str) -> Parsed {
        let mut config = Config::default();
        let mut messages = Vec::new();
        let mut mode = Mode::paste();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if number > MAX_LINES {
                let text = format!("% More than {MAX_LINES} lines");
                messages.push(LineMessage { line: number, kind: MessageKind::Refused { column: 0, text } });
                break;
            }
            let kind = match config.apply_line(&mut mode, line) {
                Ok(LineOutcome::Empty) => continue,
                Ok(LineOutcome::Acted { .. }) => MessageKind::Acted,
                Ok(LineOutcome::Kept { reason }) => MessageKind::Kept { reason },
                Ok(LineOutcome::Exec { .. }) => {
                    MessageKind::Kept { reason: "an EXEC command, not configuration" }
                }
                Ok(LineOutcome::Leave) => {
                    mode = Mode::paste();
                    MessageKind::Acted
                }
                Err(error) => {
                    MessageKind::Refused { column: error.column.unwrap_or(0), text: error.render(line, 0) }
                }
            };
            messages.push(LineMessage { line: number, kind });
        }
        Parsed { config, messages }
    }

    /// The members of a trunk group in hunting order: by preference (none last), then in the order of the configuration.
    pub fn trunk_group_members(&self, label: &str) -> Vec<TrunkMember> {
        let mut members = Vec::new();
        for serial in &self.serial_interfaces {
            for (_, preference) in serial.trunk_groups.iter().filter(|(name, _)| name == label) {
                members.push(TrunkMember { port: serial.name.clone(), preference: *preference });
            }
        }
        for port in &self.voice_ports {
            for (_, preference) in port.trunk_groups.iter().filter(|(name, _)| name == label) {
                if !members.iter().any(|m| m.port == port.port.as_str()) {
                    members.push(TrunkMember { port: port.port.to_string(), preference: *preference });
                }
            }
        }
        members.sort_by_key(|m| m.preference.unwrap_or(u8::MAX));
        members
    }

    /// The voice port of a name.
    pub fn voice_port(&self, port: &str) -> Option<&VoicePort> {
        self.voice_ports.iter().find(|p| p.port.as_str() == port).map(AsRef::as_ref)
    }

    /// The D channel interface of a name such as `1/0:15`.
    pub fn serial_interface(&self, name: &str) -> Option<&SerialInterface> {
        self.serial_interfaces.iter().find(|s| s.name == name)
    }

    /// The switch type that a D channel uses: its own, else the global one.
    pub fn switch_type(&self, serial: &SerialInterface) -> Option<SwitchType> {
        serial.switch_type.clone().or_else(|| self.isdn_switch_type.clone())
    }

    /// True if both have the same lines. The typed view follows from the lines, so this is equality, for less work.
    pub fn same_lines(&self, other: &Config) -> bool {
        self.tree == other.tree
    }

    /// The lines of the configuration as a tree.
    pub fn tree(&self) -> &Body {
        &self.tree
    }
}

/// A member of a trunk group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkMember {
    /// Name of the voice port: `1/0:15`.
    pub port: String,
    /// Preference, 1 (first) to 64.
    pub preference: Option<u8>,
}

/// What became of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The configuration of all lines that were not refused.
    pub config: Config,
    /// One message for each line that is not empty or a comment.
    pub messages: Vec<LineMessage>,
}

/// What became of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineMessage {
    /// Number of the line, from 1.
    pub line: usize,
    /// What became of it.
    pub kind: MessageKind,
}

/// See [`LineMessage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The gateway acts on it.
    Acted,
    /// It is kept and shown, but has no effect.
    Kept {
        /// Why.
        reason: &'static str,
    },
    /// It is no line of the grammar.
    Refused {
        /// Offset of the offending character in the line.
        column: usize,
        /// The router's words, with the caret line where IOS gives one.
        text: String,
    },
}

/// What [`Config::apply_line`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineOutcome {
    /// Blank or comment.
    Empty,
    /// The configuration or the mode changed.
    Acted {
        /// A remark for the user, which is not an error.
        notice: Option<String>,
    },
    /// The line was kept, with the reason why it has no effect.
    Kept {
        /// Why.
        reason: &'static str,
    },
    /// An EXEC command within configuration (`do …`, or lines such as `configure terminal` in a pasted file).
    Exec {
        /// The command.
        line: String,
    },
    /// Configuration mode ends (`end`, or `exit` from global configuration).
    Leave,
}

/// Why a line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Offset of the offending character, where a caret is due.
    pub column: Option<usize>,
    /// What is wrong.
    pub kind: LineErrorKind,
}

/// See [`LineError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineErrorKind {
    /// A word that no command goes on with.
    Invalid,
    /// The line ends too early.
    Incomplete,
    /// An abbreviation of several keywords.
    Ambiguous,
    /// A command's own words.
    Text(String),
}

impl LineError {
    pub(crate) fn from_failure(
        failure: Failure,
        input: &[crate::grammar::matcher::Typed<'_>],
        line: &str,
    ) -> LineError {
        match failure {
            Failure::Invalid(word) => {
                let column = input.get(word).map_or(line.len(), |w| w.column);
                LineError { column: Some(column), kind: LineErrorKind::Invalid }
            }
            Failure::Incomplete => LineError { column: None, kind: LineErrorKind::Incomplete },
            Failure::Ambiguous(word) => {
                LineError { column: input.get(word).map(|w| w.column), kind: LineErrorKind::Ambiguous }
            }
        }
    }

    /// The router's text. `indent` is the width of the prompt that stands before the line on the terminal.
    pub fn render(&self, line: &str, indent: usize) -> String {
        match &self.kind {
            LineErrorKind::Invalid => {
                let column = self.column.unwrap_or(0);
                let before = line.get(..column).map_or(column, |head| head.chars().count());
                format!("{:1$}^\n% Invalid input detected at '^' marker.", "", indent + before)
            }
            LineErrorKind::Incomplete => "% Incomplete command.".into(),
            LineErrorKind::Ambiguous => format!("% Ambiguous command:  \"{}\"", line.trim_end()),
            LineErrorKind::Text(text) => text.clone(),
        }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            LineErrorKind::Ambiguous => f.write_str("% Ambiguous command"),
            _ => f.write_str(&self.render("", self.column.unwrap_or(0))),
        }
    }
}

impl std::error::Error for LineError {}

/// One open section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its mode.
    pub kind: ModeKind,
    /// The words that identify it: `dial-peer voice 1`.
    pub key: String,
    indent: usize,
    hint: usize,
}

/// Where the next line of a configuration belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    frames: Vec<Frame>,
    text: Option<apply::TextBlock>,
    /// EXEC lines may stand between the configuration, as in a pasted file.
    paste: bool,
    /// A `!` stood before the line at the left edge, as between the sections of a dump.
    separated: bool,
    /// Sections that hardware made appear within this text and that the text has not described yet.
    made: Vec<String>,
    /// The sections that a line of a section without a grammar has led out of, perhaps by mistake.
    resume: Option<Vec<Frame>>,
}

impl Mode {
    /// Global configuration.
    pub fn global() -> Mode {
        Mode::default()
    }

    /// The innermost mode.
    pub fn kind(&self) -> ModeKind {
        self.frames.last().map_or(ModeKind::Global, |f| f.kind)
    }

    /// The open sections, outermost first.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// True while the text of a banner or certificate is being read.
    pub fn reads_text(&self) -> bool {
        self.text.is_some()
    }

    /// The modes in which a line is tried, innermost first.
    pub fn kinds(&self) -> impl Iterator<Item = ModeKind> {
        self.frames.iter().rev().map(|f| f.kind).chain([ModeKind::Global])
    }
}

#[cfg(test)]
mod tests;
