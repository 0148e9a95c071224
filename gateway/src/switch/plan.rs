//! Where a number leads: the dial plan joined with the ports that exist.

use cli::config::Config;
use dialpeer::{DialPeer, PeerKind, Table};

/// A place a number leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Dial peer that said so.
    pub peer: u32,
    /// Voice port: `2/0`, `1/0:15`.
    pub port: String,
    /// Trunk group through which the port was found.
    pub group: Option<String>,
}

/// The compiled dial plan of a configuration.
#[derive(Debug)]
pub struct Plan {
    table: Table,
    groups: Vec<(String, Vec<String>)>,
}

impl Plan {
    /// Compiles the dial peers and trunk groups of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut plan = Self { table: Table::default(), groups: Vec::new() };
        plan.configure(config);
        plan
    }

    /// Goes over to another configuration; dial peers that did not change are not compiled again.
    pub fn configure(&mut self, config: &Config) {
        let pots = config.dial_peers.iter().filter(|p| p.kind == PeerKind::Pots).cloned();
        self.table.set_peers(&pots.collect::<Vec<_>>());
        self.groups = groups(config);
    }

    /// POTS targets of a number, best first: peers as IOS orders them, a peer's trunk groups in the order of
    /// their members' preference.
    #[must_use]
    pub fn targets(&self, number: &str) -> Vec<Target> {
        let mut targets = Vec::new();
        for found in self.table.outbound(number) {
            let peer = found.peer;
            if let Some(port) = &peer.port {
                targets.push(Target { peer: peer.tag, port: port.clone(), group: None });
            }
            for (label, _) in &peer.trunk_groups {
                for port in self.members(label) {
                    let group = Some(label.clone());
                    targets.push(Target { peer: peer.tag, port: port.clone(), group });
                }
            }
        }
        targets
    }

    /// A POTS peer of the plan.
    #[must_use]
    pub fn peer(&self, tag: u32) -> Option<&DialPeer> {
        self.table.peer(tag)
    }

    /// Voice ports of a trunk group in hunting order.
    #[must_use]
    pub fn members(&self, label: &str) -> &[String] {
        self.groups.iter().find(|(l, _)| l.eq_ignore_ascii_case(label)).map_or(&[], |(_, ports)| ports)
    }
}

/// Members of each trunk group in hunting order.
fn groups(config: &Config) -> Vec<(String, Vec<String>)> {
    let members = |label: &str| config.trunk_group_members(label).into_iter().map(|m| m.port).collect();
    config.trunk_groups.iter().map(|g| (g.label.clone(), members(&g.label))).collect()
}
