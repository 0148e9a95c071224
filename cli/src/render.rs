//! `show` outputs that depend on the configuration, with what runs given as an argument.

use crate::config::{Config, MessageKind, VoicePort};
use crate::session::{Exec, Show};
use dialpeer::translation::Number;
use dialpeer::{DialPeer, PeerKind};
use std::fmt::Write;

/// The answer to an EXEC command that depends on nothing but the configuration; `None` for all others.
///
/// The gateway asks here before it says that a command is not acted on.
///
/// ```
/// use cli::{config::Config, render, session::Exec};
/// let config = Config::parse("voice translation-rule 1\n rule 1 /^9/ //\n").config;
/// let exec = Exec::TestTranslationRule { rule: 1, number: "94711".into() };
/// assert!(render::answer(&config, &exec).unwrap().starts_with("Matched with rule 1\n"));
/// ```
pub fn answer(config: &Config, exec: &Exec) -> Option<String> {
    Some(match exec {
        Exec::TestTranslationRule { rule, number } => {
            match config.translation_rules.iter().find(|r| r.tag == *rule) {
                Some(rules) => rules.test(&Number::new(number)),
                None => format!("Translation rule {rule} does not exist\n"),
            }
        }
        Exec::Show(Show::RunningConfig { section }) => running_config(config, section.as_deref(), None),
        Exec::Show(Show::RunningConfigAll) => {
            let body = config.running_all();
            format!("Building configuration...\n\nCurrent configuration : {} bytes\n{body}\n", body.len())
        }
        Exec::Show(Show::ConfigurationUnsupported) => unsupported(config),
        Exec::Show(Show::NumExp) => config.num_exp.show(),
        Exec::Show(Show::VoiceTranslationRule { rule }) => config
            .translation_rules
            .iter()
            .filter(|r| rule.is_none_or(|tag| r.tag == tag))
            .map(|r| r.show())
            .collect::<Vec<_>>()
            .join("\n"),
        Exec::Show(Show::SipUaMapPstnSip) => config.cause_map.show_pstn_sip(),
        Exec::Show(Show::SipUaMapSipPstn) => config.cause_map.show_sip_pstn(),
        Exec::Show(Show::SipUaMapSipRequestPstn) => config.cause_map.show_sip_request_pstn(),
        _ => return None,
    })
}

/// `show running-config`, or one section of it by its header.
///
/// `changed` is the time and author of the last change as IOS prints them: `12:00:00 UTC Mon Jan 1 2024 by admin`.
pub fn running_config(config: &Config, section: Option<&str>, changed: Option<&str>) -> String {
    let body = match section {
        Some(header) => format!("!\n{}end\n", config.running_section(header).unwrap_or_default()),
        None => {
            let changed =
                changed.map(|c| format!("!\n! Last configuration change at {c}\n")).unwrap_or_default();
            format!("{changed}{}", config.running())
        }
    };
    format!("Building configuration...\n\nCurrent configuration : {} bytes\n{body}\n", body.len())
}

/// `show startup-config` of the text of the startup file; `None` if there is none.
pub fn startup_config(text: Option<&str>) -> String {
    match text {
        Some(text) => format!("Using {} out of 33554432 bytes\n{text}\n", text.len()),
        None => "startup-config is not present\n".to_owned(),
    }
}

/// `show configuration unsupported`: every line that is kept without effect, under its section, with the reason.
pub fn unsupported(config: &Config) -> String {
    let text = config.running();
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut count = 0;
    let mut header = 0;
    let mut shown = usize::MAX;
    for message in Config::parse(&text).messages {
        let at = message.line.saturating_sub(1);
        let line = lines.get(at).copied().unwrap_or("");
        if !line.starts_with(' ') {
            header = at;
        }
        if let MessageKind::Kept { reason } = message.kind {
            count += 1;
            if line.starts_with(' ') && shown != header {
                let _ = writeln!(out, "{}", lines.get(header).copied().unwrap_or(""));
            }
            shown = header;
            let _ = writeln!(out, "{line:<50} ! {reason}");
        }
    }
    let _ = writeln!(out, "{count} lines are kept without effect");
    out
}

/// State of a dial peer's way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutStatus {
    /// The port or target answers.
    Up,
    /// The port is down.
    Down,
    /// The target's keepalive fails.
    Busyout,
    /// That of some of the target's addresses fails.
    Partial,
}

/// `show dial-peer voice summary`. `status` tells the state of a pots peer's port or a voip peer's target; `None` where
/// nothing is known, as for a target without keepalive.
pub fn dial_peer_summary(config: &Config, status: impl Fn(&DialPeer) -> Option<OutStatus>) -> String {
    let mut out = format!("dial-peer hunt {}\n", config.dial_peer_hunt.number());
    out.push_str(
        "             AD                                    PRE PASS                OUT\n\
         TAG    TYPE  MIN  OPER PREFIX    DEST-PATTERN      FER THRU SESS-TARGET    STAT PORT    KEEPALIVE\n",
    );
    for peer in &config.dial_peers {
        let admin = if peer.shutdown { "down" } else { "up" };
        let oper = if peer.is_operational() { "up" } else { "down" };
        let pattern = peer.destination_pattern.as_ref().map(ToString::to_string).unwrap_or_default();
        let prefix = peer.prefix.as_deref().unwrap_or("");
        let status = status(peer);
        let (through, target, stat, port, keepalive) = match peer.kind {
            PeerKind::Voip => {
                let target = peer.session_target.as_ref().map(ToString::to_string).unwrap_or_default();
                let keepalive = match status {
                    Some(OutStatus::Up) => "active",
                    Some(OutStatus::Partial) => "partial",
                    Some(OutStatus::Busyout | OutStatus::Down) => "busyout",
                    None => "",
                };
                ("syst", target, "", String::new(), keepalive)
            }
            PeerKind::Pots => {
                let stat = match status {
                    Some(OutStatus::Up | OutStatus::Partial) => "up",
                    Some(OutStatus::Down | OutStatus::Busyout) => "down",
                    None => "",
                };
                let port = peer.port.clone().or_else(|| peer.trunk_groups.first().map(|(g, _)| g.clone()));
                ("", String::new(), stat, port.unwrap_or_default(), "")
            }
        };
        // A long tag takes two rows.
        let tag = peer.tag.to_string();
        let (head, tail) = match tag.split_at_checked(5) {
            Some((head, tail)) if tag.len() > 6 => (format!("{head}-"), tail.to_owned()),
            _ => (tag, String::new()),
        };
        let row = format!(
            "{head:<6} {:<5} {admin:<4} {oper:<4} {prefix:<9} {pattern:<18} {:<2} {through:<4} {target:<14} {stat:<4} {port:<7} {keepalive}",
            peer.kind.to_string(),
            peer.preference,
        );
        let _ = writeln!(out, "{}", row.trim_end());
        if !tail.is_empty() {
            let _ = writeln!(out, "{tail}");
        }
    }
    out
}

/// What runs on a voice port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortState {
    /// The port can be used.
    pub oper: &'static str,
    /// `on-hook`, `off-hook`, `none`.
    pub in_status: &'static str,
    /// `idle`, `ringing`, `none`.
    pub out_status: &'static str,
}

impl PortState {
    /// A port at rest.
    pub fn idle(port: &VoicePort) -> PortState {
        let trunk = port.port.controller().is_some();
        PortState {
            oper: "dorm",
            in_status: if trunk { "none" } else { "on-hook" },
            out_status: if trunk { "none" } else { "idle" },
        }
    }
}

/// `show voice port summary`: a row for each analogue port, one for each B channel of a trunk.
pub fn voice_port_summary(config: &Config, state: impl Fn(&VoicePort, Option<u8>) -> PortState) -> String {
    let mut out = String::from(
        "                                           IN       OUT\n\
         PORT            CH   SIG-TYPE   ADMIN OPER STATUS   STATUS   EC\n\
         =============== == ============ ===== ==== ======== ======== ==\n",
    );
    for port in &config.voice_ports {
        let admin = if port.shutdown { "down" } else { "up" };
        let controller = port.port.controller().and_then(|name| {
            config.controllers.iter().find(|c| c.name == name && c.voice_port() == port.port.as_str())
        });
        let channels: Vec<Option<u8>> = match controller {
            Some(c) => {
                let d_channel = c.kind.d_channel();
                let slots = c.pri_group.iter().flat_map(|g| g.slots.iter().copied());
                slots.filter(|s| *s != d_channel).map(Some).collect()
            }
            None => vec![None],
        };
        for channel in channels {
            let state = state(port, channel);
            let number = channel.map_or("--".to_owned(), |c| format!("{c:02}"));
            let kind = if controller.is_some() { "isdn-voice" } else { "fxs-ls" };
            let row = format!(
                "{:<15} {number}  {kind:<12} {admin:<4} {:<4} {:<8} {:<8} y",
                port.port.as_str(),
                state.oper,
                state.in_status,
                state.out_status
            );
            let _ = writeln!(out, "{row}");
        }
    }
    out
}
