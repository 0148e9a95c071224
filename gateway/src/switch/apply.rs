//! A configuration becomes the running one, and what did not change is not touched.
//!
//! How far a change reaches is told from the lines that differ, so that one line among thousands costs what it changes and
//! not what stands around it.

use std::sync::PoisonError;
use std::time::Instant;

use cli::config::{Config, Node};

use super::{Output, Switch, settings, sip_calls};
use crate::leg::sip::agent::AgentSettings;
use crate::leg::sip::transport::TransportSettings;
use crate::service::names;
use crate::service::trust::Trust;

/// How far a change reaches, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Only what `show` commands print, and they ask the configuration itself.
    Shown,
    /// Which way calls go and how they are described; not which servers and neighbours there are.
    Calls,
    /// Anything.
    All,
}

/// Lines of dial peers that say how calls go that the peer takes, and nothing of servers, subscriptions or registrations.
const OF_CALLS: [&str; 20] = [
    "answer-address ",
    "codec ",
    "corlist ",
    "digit-strip",
    "direct-inward-dial",
    "dtmf-relay ",
    "fax ",
    "forward-digits ",
    "huntstop",
    "incoming called-number ",
    "ip qos ",
    "max-conn ",
    "playout-delay ",
    "preference ",
    "prefix ",
    "progress_ind ",
    "rtp payload-type ",
    "translation-profile ",
    "vad",
    "voice-class codec ",
];

/// What the section of a dial peer begins with.
const PEER: &str = "dial-peer voice ";

impl Reach {
    fn between(old: &Config, new: &Config) -> Self {
        let is_peer = |node: &Node| node.line.starts_with(PEER);
        if !new.tree().is_alike(old.tree(), |node| !is_peer(node)) {
            return Self::All;
        }
        let (mut before, mut after) = (old.tree().beginning(PEER), new.tree().beginning(PEER));
        let mut reach = Self::Shown;
        loop {
            let (before, after) = match (before.next(), after.next()) {
                (None, None) => return reach,
                (Some(before), Some(after)) if before.line == after.line => (before, after),
                // One has come, gone, or stands elsewhere.
                _ => return Self::All,
            };
            if !std::ptr::eq(before, after) && before != after {
                let gone = before.lines().filter(|line| !after.has(line));
                let come = after.lines().filter(|line| !before.has(line));
                // Where nothing has come or gone, the order has changed.
                reach = reach.max(gone.chain(come).map(Self::of).max().unwrap_or(Self::All));
            }
        }
    }

    /// Of a line in the section of a dial peer.
    fn of(line: &str) -> Self {
        let line = line.strip_prefix("no ").unwrap_or(line);
        if line.starts_with("description ") {
            Self::Shown
        } else if OF_CALLS.iter().any(|words| line.starts_with(words)) {
            Self::Calls
        } else {
            Self::All
        }
    }
}

impl Switch {
    /// Makes a configuration the running one. What did not change is not touched.
    pub fn apply(&mut self, now: Instant, config: Config) {
        let old = std::mem::replace(&mut self.config, config);
        match Reach::between(&old, &self.config) {
            Reach::Shown => {}
            Reach::Calls => {
                self.configure_calls(now, &old);
                self.restore_deliveries(now);
                self.refresh_lamps(now);
                self.drain_all(now);
            }
            Reach::All => self.apply_all(now, &old),
        }
    }

    /// What a change reaches in dial plan and calls.
    fn configure_calls(&mut self, now: Instant, old: &Config) {
        self.plan.configure(&self.config);
        self.routes.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        self.replan_calls(now);
        self.sip.configure(
            AgentSettings::new(&self.config).endpoint(),
            sip_calls::call_config(&self.config),
            old,
            &self.config,
        );
    }

    fn apply_all(&mut self, now: Instant, old: &Config) {
        self.settings = settings(&self.config);
        self.monitor.configure(now, &self.config);
        let replanned = old.dial_peers != self.config.dial_peers
            || old.trunk_groups != self.config.trunk_groups
            || old.serial_interfaces != self.config.serial_interfaces
            || old.voice_ports != self.config.voice_ports;
        self.configure_calls(now, old);
        let asked = (self.names(), names::name_servers(old));
        self.trust = Trust::new(&self.config, &self.trust);
        if (self.names(), self.name_servers()) != asked {
            self.outputs.push_back(Output::Lookup);
        }
        for line in &mut self.lines {
            let port = self.config.voice_port(line.name());
            if old.voice_port(line.name()) != port {
                line.configure(now, port);
            }
        }
        self.configure_trunks(now);
        if replanned {
            self.restore_deliveries(now);
            self.refresh_lamps(now);
        }
        let listen = TransportSettings::new(&self.config);
        self.watchers.configure(&self.config);
        self.guard.configure(&self.config);
        if listen != self.listen {
            self.ports_in_use = (listen.port, listen.port_secure);
            self.listen = listen;
            self.outputs.push_back(Output::Rebind);
        }
        self.configure_expiry(now);
        self.configure_subscriptions(now);
        self.configure_registrations(now);
        self.configure_keepalives(now);
        self.drain_sip(now);
        self.configure_offices(now);
        self.watch_busyout(now);
        self.drain_all(now);
    }

    fn drain_all(&mut self, now: Instant) {
        self.drain_sip(now);
        for trunk in 0..self.trunks.len() {
            self.drain_trunk(now, trunk);
        }
        for line in 0..self.lines.len() {
            self.drain_line(now, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "hostname A\nvoice-port 2/0\n cptone GB\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n \
                        port 2/0\n!\ndial-peer voice 2 voip\n destination-pattern 9T\n session target ipv4:192.0.2.9\n!\n";

    fn reach(change: &str) -> Reach {
        let old = Config::parse(BASE).config;
        let new = Config::parse(&format!("{BASE}{change}")).config;
        Reach::between(&old, &new)
    }

    #[test]
    fn a_change_reaches_as_far_as_its_lines() {
        let reaches = [
            ("", Reach::Shown),
            ("dial-peer voice 1 pots\n description Reception\n", Reach::Shown),
            ("dial-peer voice 1 pots\n preference 3\n", Reach::Calls),
            ("dial-peer voice 2 voip\n no vad\n description B\n", Reach::Calls),
            ("dial-peer voice 2 voip\n codec g711alaw\n", Reach::Calls),
            ("dial-peer voice 2 voip\n session target ipv4:192.0.2.8\n", Reach::All),
            ("dial-peer voice 1 pots\n no port\n description B\n", Reach::All),
            ("dial-peer voice 1 pots\n shutdown\n", Reach::All),
            ("no dial-peer voice 2\n", Reach::All),
            ("dial-peer voice 3 voip\n", Reach::All),
            ("hostname B\n", Reach::All),
            ("voice-port 2/0\n cptone DE\n", Reach::All),
        ];
        for (change, expected) in reaches {
            assert_eq!(reach(change), expected, "{change}");
        }
    }

    #[test]
    fn another_order_of_dial_peers_reaches_everything() {
        let peers = ["dial-peer voice 1 pots\n!\n", "dial-peer voice 2 pots\n!\n"];
        let [old, new] =
            [peers.concat(), [peers[1], peers[0]].concat()].map(|text| Config::parse(&text).config);
        assert_eq!(Reach::between(&old, &new), Reach::All);
    }
}
