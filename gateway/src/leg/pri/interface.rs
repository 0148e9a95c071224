//! `isdn …` of the D channel's interface: what it changes on the D channel, and about its calls.

use std::collections::BTreeMap;
use std::time::Duration;

use cli::config::{Config, Node, ProtocolEmulate};
use dialpeer::regex::Regex;
use qsig::q931::NumberPlan;
use qsig::{BchanOrder, NameForm, RedirectForm, ServiceState, SpanConfig};

/// What the interface's lines change about its calls.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    /// `isdn send-alerting`: ALERTING goes before every CONNECT.
    pub(super) send_alerting: bool,
    /// `isdn negotiate-bchan resend-setup`: causes after which a call is tried once more on another channel.
    pub(super) resend: Vec<u8>,
    /// `isdn incoming-voice data`: speech is refused.
    pub(super) refuses_voice: bool,
    /// `isdn map address`, in the order of the configuration.
    maps: Vec<(Regex, NumberPlan)>,
    /// `isdn nsf-service`: the network's service that calls want, as AT&T codes it.
    pub(super) network_facility: Option<u8>,
    /// `isdn timer T306`: tones after DISCONNECT are heard so long; without it the call is cleared at once.
    pub(super) hears_tones: bool,
    /// `isdn calling-number`.
    pub(super) calling: Option<String>,
    /// `isdn caller`: the only numbers whose calls are accepted, unless empty; exact or from the end.
    callers: Vec<(String, bool)>,
    /// `isdn disconnect-cause`.
    pub(super) disconnect_cause: Option<u8>,
    /// `isdn service`: states of channels by interface of an NFAS group, or of any, and number, where 0 stands for all.
    withdrawn: BTreeMap<(Option<u8>, u8), ServiceState>,
}

/// Facilities of AT&T TR 41459, as libpri has them, too.
const NSF_SDN: u8 = 0xE1;
const NSF_MEGACOM: u8 = 0xE3;
/// Q.850: requested circuit not available.
const NO_REQUESTED_CIRCUIT: u8 = 44;

impl Interface {
    /// Reads the section of a trunk's D channel, `port` as in `1/0:15`.
    pub(super) fn new(config: &Config, port: &str) -> Self {
        let name = format!("interface Serial{port}");
        let Some(section) = config.tree().section(&name) else { return Self::default() };
        let mut known = Self {
            send_alerting: section.has("isdn send-alerting"),
            refuses_voice: section.value("isdn incoming-voice data").is_some(),
            calling: section.value("isdn calling-number ").map(str::to_owned),
            network_facility: section.value("isdn nsf-service ").and_then(|service| match service {
                "megacom" => Some(NSF_MEGACOM),
                "sdn" => Some(NSF_SDN),
                _ => None,
            }),
            hears_tones: section.value("isdn T306 ").or(section.value("isdn timer T306 ")).is_some(),
            disconnect_cause: section.value("isdn disconnect-cause ").and_then(|value| match value {
                "busy" => Some(17),
                "not-available" => Some(3),
                number => number.parse().ok(),
            }),
            ..Self::default()
        };
        if let Some(causes) = section.value("isdn negotiate-bchan resend-setup") {
            let causes = causes.trim_start().trim_start_matches("cause-codes");
            known.resend = causes.split_whitespace().filter_map(|cause| cause.parse().ok()).collect();
            if known.resend.is_empty() {
                known.resend.push(NO_REQUESTED_CIRCUIT);
            }
        }
        for line in section.lines() {
            if let Some(rest) = line.strip_prefix("isdn map address ") {
                known.maps.extend(map(rest));
            } else if let Some(rest) = line.strip_prefix("isdn caller ") {
                let mut words = rest.split(' ');
                let number = words.next().unwrap_or_default().to_owned();
                known.callers.push((number, words.any(|word| word == "exact")));
            } else if line.starts_with("isdn service ") {
                known.withdrawn.extend(service(line));
            }
        }
        known
    }

    /// Type and plan of a number of an outgoing call, where the configuration says so.
    pub(super) fn plan_of(&self, digits: &str) -> Option<NumberPlan> {
        self.maps.iter().find(|(regex, _)| regex.find(digits).is_some()).map(|(_, plan)| *plan)
    }

    /// Whether a call of this number may come in.
    pub(super) fn accepts(&self, calling: &str) -> bool {
        let same = |wanted: &str, digits: &str| {
            wanted.len() == digits.len()
                && wanted
                    .bytes()
                    .zip(digits.bytes())
                    .all(|(w, d)| w.eq_ignore_ascii_case(&b'x') && d.is_ascii_digit() || w == d)
        };
        let matches = |(wanted, exact): &(String, bool)| {
            let tail = calling.len().checked_sub(wanted.len()).and_then(|at| calling.get(at..));
            if *exact { same(wanted, calling) } else { tail.is_some_and(|tail| same(wanted, tail)) }
        };
        self.callers.is_empty() || self.callers.iter().any(matches)
    }

    /// The service state of a channel by its interface and number: the line that says most counts.
    pub(super) fn service_of(&self, interface: u8, number: u8) -> ServiceState {
        let lines = [(Some(interface), number), (None, number), (Some(interface), 0), (None, 0)];
        lines.iter().find_map(|line| self.withdrawn.get(line)).copied().unwrap_or_default()
    }
}

/// What the interface changes on the D channel: side, timers, order and kind of its B channels, and the dialect.
pub(super) fn span(config: &Config, port: &str, span: &mut SpanConfig) {
    let Some(serial) = config.serial_interface(port) else { return };
    if serial.protocol_emulate == ProtocolEmulate::Network {
        span.side = qsig::Side::Network;
    }
    let after = |ms: u32| Duration::from_millis(u64::from(ms));
    let name = format!("interface Serial{port}");
    let section = config.tree().section(&name);
    let number =
        |words: &str| section.and_then(|s| s.value(words)).and_then(|value| value.parse::<u32>().ok());
    // `isdn timer T306` is the newer spelling, and wins.
    let older = [("T306", "isdn T306 "), ("T310", "isdn T310 "), ("T302", "isdn overlap-receiving T302 ")];
    let older = older.into_iter().filter_map(|(name, words)| Some((name.to_owned(), number(words)?)));
    for (name, ms) in older.chain(serial.timers.iter().cloned()) {
        match name.as_str() {
            "T200" => span.l2.t200 = after(ms),
            "T203" => span.l2.t203 = after(ms),
            // Those that no machine here has change nothing.
            name => {
                let _ = span.l3.set(name, after(ms));
            }
        }
    }
    span.bchan_order = match (serial.bchan_round_robin, serial.bchan_ascending) {
        (true, _) => BchanOrder::RoundRobin,
        (false, None) => BchanOrder::BySide,
        (false, Some(true)) => BchanOrder::Ascending,
        (false, Some(false)) => BchanOrder::Descending,
    };
    span.contiguous_bchan = serial.contiguous_bchan;
    span.negotiate_bchan = serial.negotiate_bchan;
}

/// Whether messages of calls go on whole: in QSIG, whose exchanges pass on what is for others, and elsewhere if any
/// `signaling forward` wants it.
pub(super) fn passes(config: &Config, switch_type: qsig::SwitchType) -> bool {
    let forwards = |node: &Node| {
        let line = node.value("signaling forward ");
        matches!(line, Some("rawmsg" | "unconditional"))
    };
    let tree = config.tree();
    switch_type == qsig::SwitchType::PrimaryQsig
        || tree.section("voice service voip").is_some_and(forwards)
        || tree.beginning("dial-peer voice ").any(forwards)
}

/// The dialect, where the interface changes it.
pub(super) fn dialect(config: &Config, port: &str, span: &mut SpanConfig) {
    let name = format!("interface Serial{port}");
    let Some(section) = config.tree().section(&name) else { return };
    let plain = span.switch_type.dialect();
    let mut dialect = plain;
    if section.has("isdn sending-complete") {
        dialect.sending_complete = true;
    } else if section.has("no isdn sending-complete") {
        dialect.sending_complete = false;
    }
    if section.lines().any(|line| line.starts_with("isdn supp-service name calling")) {
        dialect.names = NameForm::Facility;
    } else if sends(section, "display") || section.has("isdn outgoing display-ie") {
        if !matches!(dialect.names, NameForm::Display { .. }) {
            dialect.names = NameForm::Display { typed: false };
        }
        dialect.user_display = true;
    }
    if sends(section, "redirecting-number") {
        dialect.redirecting = RedirectForm::Element;
    }
    span.dialect = (dialect != plain).then_some(dialect);
}

fn sends(section: &Node, element: &str) -> bool {
    section.lines().any(|line| line.strip_prefix("isdn outgoing ie ") == Some(element))
}

/// `PATTERN plan PLAN type TYPE`.
fn map(rest: &str) -> Option<(Regex, NumberPlan)> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let &[pattern, "plan", plan, "type", kind] = words.as_slice() else { return None };
    let plan = match plan {
        "unknown" => 0,
        "isdn" => 1,
        "data" => 3,
        "telex" => 4,
        "national" => 8,
        "privacy" => 9,
        other => other.parse().ok()?,
    };
    let type_of_number = match kind {
        "unknown" => 0,
        "international" => 1,
        "national" => 2,
        "network" => 3,
        "subscriber" => 4,
        "abbreviated" => 6,
        other => other.parse().ok()?,
    };
    match pattern.parse() {
        Ok(regex) => Some((regex, NumberPlan { type_of_number, plan })),
        Err(error) => {
            tracing::warn!(%error, pattern, "isdn map address");
            None
        }
    }
}

/// `isdn service … b_channel N state S`.
fn service(line: &str) -> Option<((Option<u8>, u8), ServiceState)> {
    let after = |word: &str| {
        let mut words = line.split(' ').skip_while(|w| *w != word);
        words.nth(1)?.parse::<u8>().ok()
    };
    let state = match after("state")? {
        0 => ServiceState::InService,
        1 => ServiceState::Maintenance,
        _ => ServiceState::OutOfService,
    };
    Some(((after("nfas-int"), after("b_channel")?), state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(lines: &str) -> Interface {
        let text = format!("controller E1 1/0\n pri-group timeslots 1-31\ninterface Serial1/0:15\n{lines}\n");
        let parsed = Config::parse(&text);
        let acted = |message: &cli::config::LineMessage| message.kind == cli::config::MessageKind::Acted;
        assert!(parsed.messages.iter().all(acted), "{:?}", parsed.messages);
        Interface::new(&parsed.config, "1/0:15")
    }

    #[test]
    fn callers_are_compared_from_the_end_unless_exact() {
        let known = interface(" isdn caller 47xx\n isdn caller 5 exact");
        let accepted = ["4711", "0894712", "5"].map(|number| known.accepts(number));
        assert_eq!(accepted, [true; 3]);
        let refused = ["47", "4811", "15", ""].map(|number| known.accepts(number));
        assert_eq!(refused, [false; 4]);
        assert!(interface("").accepts(""));
    }

    #[test]
    fn the_first_map_that_fits_gives_plan_and_type() {
        let known = interface(
            " isdn map address ^00 plan isdn type international\n isdn map address .* plan privacy type unknown",
        );
        assert_eq!(known.plan_of("0049"), Some(NumberPlan { type_of_number: 1, plan: 1 }));
        assert_eq!(known.plan_of("4711"), Some(NumberPlan { type_of_number: 0, plan: 9 }));
        assert_eq!(interface("").plan_of("1"), None);
    }

    #[test]
    fn a_call_is_sent_again_after_the_causes_named_or_44() {
        assert_eq!(interface(" isdn negotiate-bchan resend-setup").resend, [44]);
        assert_eq!(interface(" isdn negotiate-bchan resend-setup cause-codes 44 41 47").resend, [44, 41, 47]);
        assert_eq!(interface(" isdn negotiate-bchan").resend, [0; 0]);
        let known = interface(
            " isdn service b_channel 3 state 1\n isdn service dsl 0 b_channel 4 state 2 hard\n isdn disconnect-cause busy",
        );
        let states = [2, 3, 4].map(|number| known.service_of(0, number));
        assert_eq!(states, [ServiceState::InService, ServiceState::Maintenance, ServiceState::OutOfService]);
        assert_eq!(known.disconnect_cause, Some(17));
    }
}
