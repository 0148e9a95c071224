//! What the console shows, in the words and columns of IOS.

use std::fmt::Write as _;
use std::time::Instant;

use cli::session::{DebugTopic, Reply, Show};
use dialpeer::PeerKind;
use mwi::show::show_sip_ua_mwi;

use super::{PortIndex, Switch, show_host};

use crate::leg::pri::{PriTrunk, Service};
use crate::leg::sip::agent::AgentSettings;

impl Switch {
    /// Switches a debug topic and says so as IOS does.
    pub fn debug(&mut self, topic: DebugTopic, on: bool) -> Reply {
        let all: &[DebugTopic] = match topic {
            DebugTopic::CcsipAll => &[DebugTopic::CcsipAll, DebugTopic::CcsipMessages],
            _ => &[],
        };
        self.monitor.set(topic, on);
        for topic in all {
            self.monitor.set(*topic, on);
        }
        self.want_notes();
        Reply::text(topic.switched(on))
    }

    /// `undebug all`.
    pub fn undebug_all(&mut self) -> Reply {
        self.monitor.clear();
        self.want_notes();
        Reply::text("All possible debugging has been turned off")
    }

    /// Trunks take notes only while somebody reads them.
    fn want_notes(&mut self) {
        let topics = [DebugTopic::IsdnStandard, DebugTopic::IsdnError, DebugTopic::IsdnEvent];
        let wanted = topics.into_iter().any(|topic| self.monitor.on(topic));
        self.trunks.iter_mut().for_each(|trunk| trunk.want_notes(wanted));
    }

    /// `clear sip-ua mwi [NUMBER]`, `clear mwi all`, `clear mwi NUMBER`: forgets mailboxes, lamps go dark, nothing is sent to a PBX.
    pub fn clear_mwi(&mut self, now: Instant, number: Option<&str>) -> Reply {
        let numbers: Vec<String> = match number {
            Some(number) => vec![number.to_owned()],
            None => self.mailboxes.iter().map(|r| r.number.clone()).collect(),
        };
        for number in &numbers {
            if !self.forget_mailbox(now, number) {
                return Reply::error(format!("% No mailbox {number} is known"));
            }
        }
        self.restore_deliveries(now);
        self.refresh_lamps(now);
        for line in 0..self.lines.len() {
            self.drain_line(now, line);
        }
        self.drain_sip(now);
        Reply::none()
    }

    /// Output of a `show` command; `None` where it is not the switch's to answer.
    #[must_use]
    pub fn show(&self, now: Instant, show: &Show) -> Option<String> {
        Some(match show {
            Show::SipUaMwi => self.show_sip_ua_mwi(),
            Show::Mwi(query) => self.show_mwi(now, query),
            Show::Clock => self.clock.show_local_clock(now, &self.monitor.style().zone),
            Show::ClockDetail => format!(
                "{}\nTime source is the Linux host",
                self.clock.show_local_clock(now, &self.monitor.style().zone)
            ),
            Show::Version => self.show_version(now),
            Show::Inventory => self.show_inventory(),
            Show::Diag { slot } => super::show_boards::diag(&super::show_boards::found(), *slot),
            Show::IpInterfaceBrief => super::show_box::ip_interface_brief(),
            Show::IpInterface { name } => show_host::ip_interface(name.as_deref()),
            Show::Interfaces { name } => {
                show_host::interfaces_text(now, &self.config, &self.cleared, name.as_deref())
            }
            Show::Hosts => show_host::hosts(&self.config),
            Show::Memory => show_host::memory_statistics(),
            Show::ProcessesMemory => show_host::processes_memory(),
            Show::Debugging => self.show_debugging(),
            Show::Logging => self.monitor.show_logging(),
            Show::DialPeerVoice { tag, summary } => self.show_dial_peers(*tag, *summary),
            Show::DialplanNumber { number } => self.show_dialplan(number),
            Show::VoicePort { port, summary } => self.show_voice_port(port.as_deref(), *summary),
            Show::VoiceCallSummary => self.show_voice_call_summary(),
            Show::VoiceCallStatus => self.show_voice_call_status(),
            Show::CallActiveVoice { brief } => self.show_call_active(now, *brief),
            Show::CallHistoryVoice { brief } => self.show_call_history(now, *brief),
            Show::CallResource => self.show_call_resource(),
            Show::IsdnStatus => self.show_isdn_status(),
            Show::IsdnActive => self.show_isdn_active(now),
            Show::IsdnHistory => self.show_isdn_history(now),
            Show::IsdnNfasGroup { group } => self.show_isdn_nfas(*group),
            Show::IsdnMemory => self.show_isdn_memory(),
            Show::IsdnService => self.show_isdn_service(),
            Show::Controllers { unit } => self.show_controllers(now, unit.as_deref()),
            Show::TrunkGroup { label } => self.show_trunk_groups(label.as_deref()),
            Show::SipUaStatus => self.show_sip_ua_status(),
            Show::SipUaStatistics => self.show_sip_ua_statistics(),
            Show::SipUaCalls => self.show_sip_ua_calls(),
            Show::SipUaMapPstnSip => self.config.cause_map.show_pstn_sip(),
            Show::SipUaMapSipPstn => self.config.cause_map.show_sip_pstn(),
            Show::SipUaMapSipRequestPstn => self.config.cause_map.show_sip_request_pstn(),
            Show::SipUaRegisterStatus => self.show_registrations(now),
            Show::DialPeerKeepalive => self.show_keepalives(),
            Show::SipUaRetry => AgentSettings::new(&self.config).show_retry(),
            Show::Timers => self.show_timers(),
            Show::SipUaTimers => AgentSettings::new(&self.config).show_timers(),
            Show::SipUaConnections { transport, detail } => self.show_sip_ua_connections(transport, *detail),
            Show::SipUaMinSe => self.show_sip_ua_min_se(),
            Show::SipUaService => self.show_sip_ua_service(),
            Show::VoipRtpConnections => self.show_voip_rtp(),
            _ => return None,
        })
    }

    fn show_sip_ua_mwi(&self) -> String {
        let mut endpoints: Vec<(&str, bool)> = Vec::new();
        for peer in self.config.dial_peers.iter().filter(|p| p.kind == PeerKind::Pots) {
            let Some(port) = peer.port.as_deref() else { continue };
            let with_mwi = self.config.voice_port(port).is_some_and(|p| p.mwi);
            let is_line = matches!(self.ports.get(port), Some(PortIndex::Line(_)));
            if with_mwi
                && is_line
                && let Some(number) = super::plain_number(peer)
            {
                endpoints.push((number, self.mailboxes.is_waiting(number)));
            }
        }
        for record in self.mailboxes.iter() {
            if !endpoints.iter().any(|(number, _)| *number == record.number) {
                endpoints.push((&record.number, record.state.summary.waiting));
            }
        }
        let server = self.config.sip_ua.mwi_server.as_ref();
        let addresses = server.map(|server| self.trust.mwi_server_ipv4(server)).unwrap_or_default();
        let (current, retries) = server.map(|server| self.subscriptions.server(server)).unwrap_or_default();
        let retries = retries.max(self.trust.lookup_retries);
        show_sip_ua_mwi(server, &addresses, current, retries, endpoints.into_iter())
    }

    pub(super) fn line_of(&self, number: &str) -> String {
        match self.routes(number).first().map(|route| route.port) {
            Some(PortIndex::Line(line)) => self.lines.get(line).map(|l| l.name().to_owned()),
            Some(PortIndex::Office(office)) => self.offices.get(office).map(|o| o.name().to_owned()),
            Some(PortIndex::Trunk(trunk)) => self.trunks.get(trunk).map(|t| t.port.clone()),
            Some(PortIndex::Smdi(at)) => self.smdi.get(at).map(|line| line.settings.name.clone()),
            None => None,
        }
        .unwrap_or_else(|| "-".to_owned())
    }

    /// `clear counters [INTERFACE]`; false if there is no such interface.
    pub fn clear_counters(&mut self, now: Instant, interface: Option<&str>) -> bool {
        self.cleared.clear(now, interface)
    }

    /// `show timers`: the tables that the machines themselves work by.
    fn show_timers(&self) -> String {
        let mut out = AgentSettings::new(&self.config).show_timers();
        for trunk in &self.trunks {
            let config = trunk.span.config();
            let _ = writeln!(out, "\nInterface Serial{}, Q.921 timers (millisecs)", trunk.port);
            for (name, time, meaning) in [
                ("T200", config.l2.t200, "How long to wait for an acknowledgement."),
                ("T203", config.l2.t203, "Longest silence before the peer is polled."),
            ] {
                let _ = writeln!(out, "  {name:<12} {:>8}  {meaning}", time.as_millis());
            }
            let _ = writeln!(out, "Interface Serial{}, Q.931 timers (millisecs)", trunk.port);
            for (name, time, meaning) in config.l3.table() {
                let _ = writeln!(out, "  {name:<12} {:>8}  {meaning}", time.as_millis());
            }
        }
        out
    }

    fn show_debugging(&self) -> String {
        let mut out = String::new();
        for topic in self.monitor.topics() {
            let _ = writeln!(out, "{} is on", topic.title());
        }
        out
    }

    fn show_trunk_groups(&self, label: Option<&str>) -> String {
        let mut out = String::new();
        let groups = &self.config.trunk_groups;
        for group in groups.iter().filter(|g| label.is_none_or(|l| l.eq_ignore_ascii_case(&g.label))) {
            let _ = writeln!(out, "Trunk group: {}", group.label);
            for port in self.plan.members(&group.label) {
                let state = match self.ports.get(port) {
                    Some(PortIndex::Trunk(trunk)) => {
                        let up = self.trunks.get(*trunk).is_some_and(|t| t.span.is_up());
                        if up { "up" } else { "down" }
                    }
                    Some(PortIndex::Line(_) | PortIndex::Office(_) | PortIndex::Smdi(_)) => "up",
                    None => "does not exist",
                };
                let _ = writeln!(out, "        Member {port}: {state}");
            }
        }
        out
    }

    fn show_sip_ua_statistics(&self) -> String {
        super::statistics::show(
            self.sip.ua().endpoint().statistics(),
            self.gate.statistics(),
            self.sip.ua().endpoint().active_transactions(),
        )
    }
}

pub(super) fn service_words(trunk: &PriTrunk) -> String {
    match trunk.service {
        Service::In => "UP".to_owned(),
        Service::Out(why) => format!("DOWN ({why})"),
    }
}
