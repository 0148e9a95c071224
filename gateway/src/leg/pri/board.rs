//! Whether a trunk's board is set as the configuration says. Boards are set by the system (`/etc/dahdi/system.conf`, `dahdi_cfg`)
//! before the gateway begins; where the two differ, people are told.

use cli::config::Config;
use telephony_hal::{Framing, LineCode, LineStatus};

/// What the configuration says of a controller (`E1 1/0`) and its board does otherwise, each in words.
pub(super) fn differences(config: &Config, controller: &str, status: &LineStatus) -> Vec<String> {
    let section = config.tree().section(&format!("controller {controller}"));
    let set = |words: &str| section.and_then(|section| section.value(words));
    let mut found = Vec::new();
    let mut compare = |what: &str, wanted: Option<&str>, board: &str| {
        if let Some(wanted) = wanted.filter(|wanted| !wanted.eq_ignore_ascii_case(board)) {
            found.push(format!("{what} {wanted} is configured, the board has {board}"));
        }
    };
    compare("framing", set("framing "), framing(status.framing));
    compare("linecode", set("linecode "), code(status.code));
    let source = set("clock source ").unwrap_or("line");
    let source = source.strip_prefix("line ").filter(|rest| rest.starts_with("primary")).unwrap_or(source);
    let first = selected(config) == Some(controller);
    let takes = match source {
        _ if is_out(config, controller) => Some((false, "its slot does not participate in clocking")),
        "internal" | "free-running" => Some((false, "clock source internal is configured")),
        _ if first => Some((true, "network-clock-select names it first")),
        primary if primary.starts_with("primary") => Some((true, "clock source line primary is configured")),
        _ => None,
    };
    match takes {
        Some((false, why)) if status.gives_clock => {
            found.push(format!("{why}, the board takes its clock from this line"));
        }
        // A line that is down gives none for now.
        Some((true, why)) if !status.gives_clock && !status.alarms.loss_of_signal => {
            found.push(format!("{why}, the board does not take its clock from this line"));
        }
        _ => {}
    }
    found
}

/// As `framing` has it.
pub(crate) fn framing(framing: Framing) -> &'static str {
    match framing {
        Framing::Crc4 => "CRC4",
        Framing::NoCrc4 => "NO-CRC4",
        Framing::ExtendedSuperframe => "ESF",
        Framing::Superframe => "SF",
    }
}

/// As `linecode` has it.
pub(crate) fn code(code: LineCode) -> &'static str {
    match code {
        LineCode::Hdb3 => "HDB3",
        LineCode::B8zs => "B8ZS",
        LineCode::Ami => "AMI",
    }
}

/// The controller of the `network-clock-select` with the lowest number, which counts first.
fn selected(config: &Config) -> Option<&str> {
    let lines = config.tree().beginning("network-clock-select ");
    let choices = lines.filter_map(|node| {
        let (priority, controller) = node.line.strip_prefix("network-clock-select ")?.split_once(' ')?;
        Some((priority.parse::<u8>().ok()?, controller))
    });
    choices.min_by_key(|(priority, _)| *priority).map(|(_, controller)| controller)
}

/// Whether `no network-clock-participate slot N`, or `wic N`, has a controller: of `E1 S/P` the slot, of `E1 S/W/P` the card W.
fn is_out(config: &Config, controller: &str) -> bool {
    let Some((_, place)) = controller.split_once(' ') else { return false };
    let numbers: Vec<&str> = place.split('/').collect();
    let own = match numbers.as_slice() {
        [slot, _] => format!("slot {slot}"),
        [_, card, _] => format!("wic {card}"),
        _ => return false,
    };
    let prefix = "no network-clock-participate ";
    config.tree().beginning(prefix).any(|node| node.line.strip_prefix(prefix) == Some(own.as_str()))
}
