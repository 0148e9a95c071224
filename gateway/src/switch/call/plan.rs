//! The dial plan calls go by: peers, translations, classes of restriction, trunk groups.

use std::collections::HashMap;
use std::sync::Arc;

use cli::config::{Body, Config, Node};
use dialpeer::class::{DialPeerGroup, PatternMap};
use dialpeer::cor::Cor;
use dialpeer::hunt::{DialPeerHunt, TrunkHunt, VoiceHunt};
use dialpeer::num_exp::NumExp;
use dialpeer::shape::Clid;
use dialpeer::translation::{
    Number, NumberPlan, NumberType, Translated, TranslationProfile, TranslationRule,
};
use dialpeer::uri::UriClass;
use dialpeer::{
    DialPeer, InboundLeg, InboundMatch, Labels, OutboundMatch, PeerKind, Permission, Progress, Table,
};

use super::forward::{self, Codes, Forwarding, Reroutes};
use crate::leg::{Party, Setup, SetupUris};
use crate::service::servers::{group_of, hunt_stops, is_round_robin};

/// Everything of a configuration that says where a call goes, compiled.
#[derive(Debug)]
pub(in crate::switch) struct DialPlan {
    table: Table,
    num_exp: NumExp,
    rules: HashMap<u32, Arc<TranslationRule>>,
    profiles: HashMap<String, TranslationProfile>,
    cor: Cor,
    groups: HashMap<u32, DialPeerGroup>,
    hunt: DialPeerHunt,
    pub(super) voice_hunt: VoiceHunt,
    trunk_groups: Vec<TrunkGroup>,
    /// `translation-profile incoming|outgoing` of voice ports.
    port_profiles: HashMap<String, Profiles>,
    /// What voice ports say about forwarding.
    pub(super) forwards: HashMap<String, Forwarding>,
    /// `stcapp feature access-code`.
    pub(super) codes: Option<Codes>,
    /// `supplementary-service qsig call-forward`.
    reroutes: Reroutes,
    /// `incoming uri`, in the order in which IOS asks, each kind over all peers.
    incoming_uris: Vec<IncomingUri>,
    /// `destination uri` of dial peers, in the order of the configuration.
    destination_uris: Vec<(u32, UriClass)>,
    /// Servers of the group of a dial peer that has one.
    servers: HashMap<u32, Servers>,
    /// `clid` of `voice service voip`: of every call that leaves by SIP.
    pub(super) sip_clid: Vec<Clid>,
    /// Each port's trunk groups, in the order of the configuration.
    port_groups: HashMap<String, Vec<String>>,
}

/// Longest label that is read from a URI.
const MAX_LABEL: usize = 127;

/// Which URI of an INVITE is meant.
type UriOf = fn(&SetupUris) -> &str;

/// `incoming uri` of a dial peer.
#[derive(Debug)]
struct IncomingUri {
    peer: u32,
    of: UriOf,
    class: UriClass,
}

/// What a dial peer's server group has.
#[derive(Debug, Clone)]
struct Servers {
    count: usize,
    /// `hunt-scheme round-robin`.
    in_turn: bool,
    /// `huntstop … resp-code`: statuses, the first and the last, after which no other server is tried.
    stops: Vec<(u16, u16)>,
}

/// `translation-profile incoming` and `outgoing`.
#[derive(Debug, Clone, Default)]
struct Profiles {
    incoming: Option<String>,
    outgoing: Option<String>,
}

/// A `trunk group`.
#[derive(Debug, Clone)]
pub(in crate::switch) struct TrunkGroup {
    pub(in crate::switch) label: String,
    /// Voice ports and preferences, in order of preference.
    pub(in crate::switch) members: Vec<(String, Option<u8>)>,
    pub(in crate::switch) hunt: TrunkHunt,
    /// `max-calls`: most calls at a time, in, out and both together.
    pub(super) most: MostCalls,
    /// `carrier-id`.
    carrier: Option<String>,
    profiles: Profiles,
}

/// `max-calls` of a trunk group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MostCalls {
    pub(super) incoming: Option<usize>,
    pub(super) outgoing: Option<usize>,
    pub(super) together: Option<usize>,
}

impl MostCalls {
    fn read(section: &Node) -> Self {
        let mut most = Self::default();
        for line in section.lines() {
            let mut words = line.split_whitespace();
            let (Some("max-calls"), Some("any" | "voice"), Some(Ok(number))) =
                (words.next(), words.next(), words.next().map(str::parse))
            else {
                continue;
            };
            let place = match words.nth(1) {
                Some("in") => &mut most.incoming,
                Some("out") => &mut most.outgoing,
                _ => &mut most.together,
            };
            // `any` and `voice` both count: the smaller one.
            *place = Some(place.map_or(number, |known: usize| known.min(number)));
        }
        most
    }

    /// Whether there is room for one more beside so many.
    pub(super) fn has_room(self, outgoing: bool, incoming_now: usize, outgoing_now: usize) -> bool {
        let (own, now) = match outgoing {
            true => (self.outgoing, outgoing_now),
            false => (self.incoming, incoming_now),
        };
        own.is_none_or(|most| now < most)
            && self.together.is_none_or(|most| incoming_now + outgoing_now < most)
    }
}

/// A way a call can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::switch) struct Way {
    /// Dial peer.
    pub(in crate::switch) peer: u32,
    pub(in crate::switch) target: Target,
    /// `huntstop`: no other way after this one.
    pub(in crate::switch) huntstop: bool,
}

/// What is behind a dial peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::switch) enum Target {
    /// A voice port.
    Port(String),
    /// A trunk group.
    Group(String),
    /// SIP.
    Sip,
    /// SIP, at this server of the dial peer's group.
    Server(usize),
}

impl Target {
    /// Whether it is SIP.
    pub(in crate::switch) fn is_sip(&self) -> bool {
        matches!(self, Self::Sip | Self::Server(_))
    }
}

/// A translation rule refuses the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocked;

impl DialPlan {
    pub(in crate::switch) fn new(config: &Config) -> Self {
        Self::compiled(config, Table::default())
    }

    /// Goes over to another configuration; what did not change of dial peers and patterns is not compiled again.
    pub(in crate::switch) fn configure(&mut self, config: &Config) {
        *self = Self::compiled(config, std::mem::take(&mut self.table));
    }

    fn compiled(config: &Config, mut table: Table) -> Self {
        let tree = config.tree();
        let mut groups = HashMap::new();
        let mut maps = HashMap::new();
        for node in tree.beginning("voice class ") {
            let mut words = node.line.split_whitespace().skip(2);
            let (kind, tag) = (words.next().unwrap_or_default(), words.next().and_then(|t| t.parse().ok()));
            match (kind, tag) {
                ("e164-pattern-map", Some(tag)) => {
                    maps.insert(tag, pattern_map(tag, node));
                }
                ("dpg", Some(tag)) => {
                    groups.insert(tag, dial_peer_group(tag, node));
                }
                _ => {}
            }
        }
        maps.retain(|_, patterns: &mut Vec<dialpeer::Pattern>| !patterns.is_empty());
        table.set_maps(maps);
        table.set_peers(&config.dial_peers);
        let mut port_groups: HashMap<String, Vec<String>> = HashMap::new();
        let mut trunk_groups = Vec::new();
        for group in &config.trunk_groups {
            let members: Vec<(String, Option<u8>)> = config
                .trunk_group_members(&group.label)
                .into_iter()
                .map(|m| (m.port, m.preference))
                .collect();
            for (port, _) in &members {
                port_groups.entry(port.clone()).or_default().push(group.label.clone());
            }
            let section = tree.beginning("trunk group ").find(|node| {
                node.line.split_whitespace().nth(2).is_some_and(|l| l.eq_ignore_ascii_case(&group.label))
            });
            let hunt = section.and_then(|node| node.value("hunt-scheme ")?.parse().ok());
            trunk_groups.push(TrunkGroup {
                label: group.label.clone(),
                members,
                hunt: hunt.unwrap_or_default(),
                most: section.map(MostCalls::read).unwrap_or_default(),
                carrier: section.and_then(|node| node.value("carrier-id ")).map(str::to_owned),
                profiles: section.map(profiles).unwrap_or_default(),
            });
        }
        let port_profiles = tree
            .beginning("voice-port ")
            .filter_map(|node| Some((node.line.split_whitespace().nth(1)?.to_owned(), profiles(node))))
            .collect();
        let servers = config.dial_peers.iter().filter_map(|peer| {
            let count = group_of(config, peer)?.len();
            let in_turn = peer.server_group.is_some_and(|group| is_round_robin(config, group));
            let stops = peer.server_group.map(|group| hunt_stops(config, group)).unwrap_or_default();
            Some((peer.tag, Servers { count, in_turn, stops }))
        });
        Self {
            incoming_uris: incoming_uris(config),
            destination_uris: destination_uris(config),
            servers: servers.collect(),
            table,
            num_exp: config.num_exp.clone(),
            rules: config.translation_rules.iter().map(|rule| (rule.tag, Arc::clone(rule))).collect(),
            profiles: config.translation_profiles.iter().cloned().collect(),
            cor: cor(tree),
            groups,
            hunt: config.dial_peer_hunt,
            voice_hunt: voice_hunt(tree),
            trunk_groups,
            port_profiles,
            forwards: forward::forwards(config),
            codes: Codes::new(config),
            reroutes: Reroutes::new(tree),
            port_groups,
            sip_clid: sip_clid(tree),
        }
    }

    /// Whether the exchange of a caller on this inbound dial peer is asked to call the number that a telephone forwards to.
    pub(super) fn reroutes(&self, inbound: Option<u32>) -> bool {
        self.reroutes.reroutes(inbound)
    }

    /// A dial peer.
    pub(in crate::switch) fn peer(&self, tag: u32) -> Option<&DialPeer> {
        self.table.peer(tag)
    }

    /// The dial peers a number leads to, best first, whoever calls.
    pub(in crate::switch) fn outbound(&self, number: &str) -> impl Iterator<Item = &DialPeer> {
        self.table.outbound(number).into_iter().map(|found| found.peer)
    }

    /// A trunk group.
    pub(in crate::switch) fn group(&self, label: &str) -> Option<&TrunkGroup> {
        self.trunk_groups.iter().find(|group| group.label.eq_ignore_ascii_case(label))
    }

    /// The trunk groups of a port.
    pub(super) fn groups_of_port(&self, port: &str) -> impl Iterator<Item = &TrunkGroup> {
        self.port_groups.get(port).into_iter().flatten().filter_map(|label| self.group(label))
    }

    /// The dial peer an incoming leg is on; `None` is dial peer 0.
    pub(in crate::switch) fn inbound(&self, leg: InboundLeg<'_>) -> Option<InboundMatch<'_>> {
        self.table.inbound(leg)
    }

    /// Trunk group and carrier a call comes from and is to go to, as far as it says so: by the port it came on, or by its URIs (RFC 4904:
    /// `tgrp` in Contact and Request-URI; RFC 4694: `cic`).
    pub(super) fn labels(&self, port: Option<&str>, uris: Option<&SetupUris>) -> Option<Box<Labels>> {
        let mut labels = Labels::default();
        if let Some(group) = port.and_then(|port| self.groups_of_port(port).next()) {
            labels.source_group = Some(group.label.clone());
            labels.source_carrier.clone_from(&group.carrier);
        }
        if let Some(uris) = uris {
            labels.source_group = user_parameter(&uris.contact, "tgrp");
            labels.target_group = user_parameter(&uris.request, "tgrp");
            labels.target_carrier = user_parameter(&uris.request, "cic");
        }
        (!labels.is_empty()).then(|| Box::new(labels))
    }

    /// The dial peer that an INVITE with these URIs is on; `None` if no peer is chosen by them.
    pub(super) fn inbound_by_uri(&self, uris: &SetupUris) -> Option<&DialPeer> {
        let fits = |known: &&IncomingUri| {
            let uri = (known.of)(uris);
            !uri.is_empty() && known.class.matches(uri)
        };
        self.peer(self.incoming_uris.iter().find(fits)?.peer)
    }

    /// The numbers of an incoming call, after the profiles of its port and that port's trunk groups.
    pub(super) fn translate_port_in(&self, port: &str, setup: &mut Setup) -> Result<(), Blocked> {
        let groups = self.port_groups.get(port).into_iter().flatten();
        let groups = groups.filter_map(|label| self.group(label)?.profiles.incoming.clone());
        let own = self.port_profiles.get(port).and_then(|p| p.incoming.clone());
        own.into_iter().chain(groups).try_for_each(|name| self.translate(&name, setup))
    }

    /// After the profile of the inbound peer.
    pub(super) fn translate_in(&self, peer: Option<u32>, setup: &mut Setup) -> Result<(), Blocked> {
        let name = peer.and_then(|tag| self.peer(tag)?.translation_incoming.as_ref());
        name.map_or(Ok(()), |name| self.translate(name, setup))
    }

    /// The numbers as the way wants them: the outbound peer's profile, its digits, the profiles of trunk group and port.
    pub(super) fn translate_out(
        &self,
        peer: u32,
        group: Option<&str>,
        port: Option<&str>,
        setup: &mut Setup,
    ) -> Result<(), Blocked> {
        let Some(peer) = self.peer(peer) else { return Ok(()) };
        if let Some(name) = &peer.translation_outgoing {
            self.translate(name, setup)?;
        }
        setup.called.number = dialpeer::digits_sent(peer, &setup.called.number);
        let group = group.and_then(|label| self.group(label)?.profiles.outgoing.clone());
        let port = port.and_then(|port| self.port_profiles.get(port)?.outgoing.clone());
        group.into_iter().chain(port).try_for_each(|name| self.translate(&name, setup))
    }

    /// Whether a rule of the profile rejects the call.
    pub(super) fn rejects(&self, profile: &str, setup: &Setup) -> bool {
        self.translate(profile, &mut setup.clone()) == Err(Blocked)
    }

    fn translate(&self, profile: &str, setup: &mut Setup) -> Result<(), Blocked> {
        let Some(profile) = self.profiles.get(profile) else { return Ok(()) };
        self.apply(profile.called, &mut setup.called)?;
        self.apply(profile.calling, &mut setup.calling)?;
        if let Some(redirecting) = &mut setup.redirecting {
            self.apply(profile.redirect_called, &mut redirecting.from)?;
        }
        Ok(())
    }

    fn apply(&self, rule: Option<u32>, party: &mut Party) -> Result<(), Blocked> {
        let Some(rule) = rule.and_then(|tag| self.rules.get(&tag)) else { return Ok(()) };
        let number = Number {
            digits: party.number.clone(),
            ton: Some(number_type(party.number_type)),
            plan: Some(number_plan(party.plan)),
        };
        match rule.apply(&number) {
            Translated::NoMatch => Ok(()),
            Translated::Blocked { .. } => Err(Blocked),
            Translated::To { number, .. } => {
                party.number = number.digits;
                party.number_type = number.ton.map_or(party.number_type, type_value);
                party.plan = number.plan.map_or(party.plan, plan_value);
                Ok(())
            }
        }
    }

    /// What digits collected so far mean on a call that came on `inbound`; `num-exp` comes first.
    pub(super) fn progress(&self, inbound: Option<u32>, digits: &str) -> Progress {
        let digits = &self.num_exp.expand(digits);
        match self.group_of(inbound) {
            // Every number leads to the group's peers: only the end of dialling ends the number.
            Some(_) if digits.is_empty() => Progress::Partial,
            Some(_) => Progress::Open,
            None => match self.table.progress(digits) {
                Progress::Never if self.num_exp.awaits(digits) => Progress::Partial,
                progress => progress,
            },
        }
    }

    fn group_of(&self, inbound: Option<u32>) -> Option<&DialPeerGroup> {
        let peer = self.peer(inbound?)?;
        self.groups.get(&peer.destination_dpg?)
    }

    /// Whether a dial peer takes calls to this Request-URI (`destination uri`), whatever the number.
    pub(super) fn has_way_by_uri(&self, uri: &str) -> bool {
        self.by_uri(uri).next().is_some()
    }

    fn by_uri<'a>(&'a self, uri: &'a str) -> impl Iterator<Item = OutboundMatch<'a>> {
        let fits = self.destination_uris.iter().filter(move |(_, class)| class.matches(uri));
        fits.filter_map(|(tag, _)| self.table.outbound_peer(*tag))
    }

    /// The ways of a call that came on `inbound`, best first: those of the inbound peer's group, or else those by the
    /// Request-URI it came with and then those by its number (the order of IOS's outbound matching).
    pub(super) fn ways(
        &self,
        inbound: Option<u32>,
        (called, uri, labels): (&Party, Option<&str>, Option<&Labels>),
        last_used: impl Fn(u32) -> u64,
        random: impl FnMut() -> u64,
        mut turn: impl FnMut(u32) -> usize,
    ) -> Vec<Way> {
        let from = inbound.and_then(|tag| self.peer(tag));
        let mut found = match self.group_of(inbound) {
            Some(group) => group.outbound(&self.table),
            None => self.table.outbound(&called.number),
        };
        let of_type = number_type(called.number_type);
        found.retain(|way| way.peer.shape.numbering_type.is_none_or(|wanted| wanted == of_type));
        if self.group_of(inbound).is_none() {
            self.hunt.order(&mut found, last_used, random);
            let mut first: Vec<OutboundMatch<'_>> =
                uri.map(|uri| self.by_uri(uri).collect()).unwrap_or_default();
            // Stable: of equals the one configured first.
            first.sort_by_key(|way| way.peer.preference);
            found.retain(|way| !first.iter().any(|other| other.peer.tag == way.peer.tag));
            first.append(&mut found);
            found = first;
        }
        found.retain(|way| self.cor.permits_call(from, way.peer));
        let leads = |peer: &DialPeer| match &peer.labels {
            Some(own) => own.leads_to(labels),
            None => Some(false),
        };
        found.retain(|way| leads(way.peer).is_some());
        // Stable: who names where the call is to go comes first.
        found.sort_by_key(|way| leads(way.peer) != Some(true));
        let mut ways = Vec::new();
        for way in found {
            let DialPeer { tag, huntstop, .. } = *way.peer;
            let mut targets = Vec::new();
            match way.peer.kind {
                PeerKind::Voip => match self.servers.get(&tag) {
                    Some(Servers { count, in_turn, .. }) => {
                        let first = if *in_turn { turn(tag) % (*count).max(1) } else { 0 };
                        targets.extend((0..*count).map(|at| Target::Server((first + at) % *count)));
                    }
                    None => targets.push(Target::Sip),
                },
                PeerKind::Pots => {
                    targets.extend(way.peer.port.clone().map(Target::Port));
                    let mut groups: Vec<_> = way.peer.trunk_groups.iter().collect();
                    groups.sort_by_key(|(_, preference)| preference.unwrap_or(u8::MAX));
                    targets.extend(groups.into_iter().map(|(label, _)| Target::Group(label.clone())));
                }
            }
            let last = targets.len().saturating_sub(1);
            let stops = |at: usize| huntstop && at == last;
            ways.extend(targets.into_iter().enumerate().map(|(at, target)| Way {
                peer: tag,
                target,
                huntstop: stops(at),
            }));
        }
        ways
    }

    /// The peers a number matches, best first, each with what it leads to: without regard to restriction and chance.
    pub(in crate::switch) fn matches(&self, number: &str) -> Vec<(&DialPeer, Vec<String>)> {
        let target = |peer: &DialPeer| -> Vec<String> {
            let ports = peer.port.iter().cloned();
            let groups = peer.trunk_groups.iter().flat_map(|(label, _)| {
                let members = self.group(label).map(|group| group.members.as_slice()).unwrap_or_default();
                members.iter().map(move |(port, _)| format!("{port} (trunk group {label})"))
            });
            let session = peer.session_target.iter().map(ToString::to_string);
            ports.chain(groups).chain(session).collect()
        };
        self.table.outbound(number).into_iter().map(|way| (way.peer, target(way.peer))).collect()
    }

    /// Whether a server of this dial peer's group that has answered so is the last one tried of the group.
    pub(super) fn stops_at(&self, peer: u32, status: u16) -> bool {
        let stops = self.servers.get(&peer).map(|servers| servers.stops.as_slice()).unwrap_or_default();
        stops.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// The number after `num-exp`.
    pub(in crate::switch) fn expand(&self, number: &str) -> String {
        self.num_exp.expand(number)
    }
}

/// `clid` of `voice service voip`.
fn sip_clid(tree: &Body) -> Vec<Clid> {
    let lines = tree.section("voice service voip").into_iter().flat_map(Node::lines);
    lines.filter_map(|line| line.strip_prefix("clid ")?.parse().ok()).collect()
}

/// Via before the Request-URI, that before To, and that before From (Cisco's CUBE guide).
fn incoming_uris(config: &Config) -> Vec<IncomingUri> {
    let tree = config.tree();
    let kinds: [(&str, UriOf); 4] = [
        ("via", |uris| &uris.via),
        ("request", |uris| &uris.request),
        ("to", |uris| &uris.to),
        ("from", |uris| &uris.from),
    ];
    let takes =
        |peer: &DialPeer| !peer.shutdown && matches!(peer.permission, Permission::Both | Permission::Orig);
    let mut found = Vec::new();
    for (kind, of) in kinds {
        for peer in config.dial_peers.iter().filter(|peer| takes(peer)) {
            let section = tree.section(&format!("dial-peer voice {} voip", peer.tag));
            let tag = section.and_then(|node| node.value(&format!("incoming uri {kind} ")));
            if let Some(class) = tag.and_then(|tag| uri_class(tree, tag)) {
                found.push(IncomingUri { peer: peer.tag, of, class: UriClass::new(class.lines()) });
            }
        }
    }
    found
}

/// `destination uri TAG` of VoIP dial peers.
fn destination_uris(config: &Config) -> Vec<(u32, UriClass)> {
    let tree = config.tree();
    let voip = config.dial_peers.iter().filter(|peer| peer.kind == PeerKind::Voip);
    let found = voip.filter_map(|peer| {
        let section = tree.section(&format!("dial-peer voice {} voip", peer.tag))?;
        let class = uri_class(tree, section.value("destination uri ")?)?;
        Some((peer.tag, UriClass::new(class.lines())))
    });
    found.collect()
}

/// A parameter in the user part of a URI: `tgrp` of `sip:7000;tgrp=west;trunk-context=a@gw`.
fn user_parameter(uri: &str, name: &str) -> Option<String> {
    let user = uri.split_once('@').map_or(uri, |(user, _)| user);
    let value = user.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })?;
    Some(value.chars().take(MAX_LABEL).collect()).filter(|value: &String| !value.is_empty())
}

/// `voice class uri TAG`.
fn uri_class<'a>(tree: &'a Body, tag: &str) -> Option<&'a Node> {
    tree.beginning("voice class uri ").find(|node| node.line.split_whitespace().nth(3) == Some(tag.trim()))
}

fn profiles(node: &Node) -> Profiles {
    let name = |words: &str| node.value(words).map(str::to_owned);
    Profiles {
        incoming: name("translation-profile incoming "),
        outgoing: name("translation-profile outgoing "),
    }
}

fn pattern_map(tag: u32, node: &Node) -> Vec<dialpeer::Pattern> {
    let mut map = PatternMap::new(tag);
    if node.has("shutdown") {
        return Vec::new();
    }
    for line in node.lines() {
        if let Some(Ok(pattern)) = line.strip_prefix("e164 ").map(str::parse)
            && map.add(pattern).is_err()
        {
            break;
        }
    }
    map.patterns().to_vec()
}

fn dial_peer_group(tag: u32, node: &Node) -> DialPeerGroup {
    let mut group = DialPeerGroup::new(tag);
    for line in node.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next().and_then(|t| t.parse().ok()), words.next(), words.next()) {
            (Some("shutdown"), ..) => group.shutdown = true,
            (Some("dial-peer"), Some(peer), Some("preference"), preference) => {
                let preference = preference.and_then(|p| p.parse().ok()).unwrap_or(0);
                if group.set(peer, preference).is_err() {
                    break;
                }
            }
            (Some("dial-peer"), Some(peer), None, _) if group.set(peer, 0).is_err() => break,
            _ => {}
        }
    }
    group
}

fn cor(tree: &Body) -> Cor {
    let mut cor = Cor::default();
    for node in tree.beginning("dial-peer cor list ") {
        let Some(list) = node.line.split_whitespace().nth(3) else { continue };
        cor.add_list(list);
        for member in node.lines().filter_map(|line| line.strip_prefix("member ")) {
            cor.add_member(list, member);
        }
    }
    cor
}

fn voice_hunt(tree: &Body) -> VoiceHunt {
    let mut hunt = VoiceHunt::default();
    for node in tree.nodes() {
        let (line, on) =
            node.line.strip_prefix("no ").map_or((node.line.as_str(), true), |rest| (rest, false));
        if let Some(word) = line.strip_prefix("voice hunt ") {
            hunt.set(word.trim(), on);
        }
    }
    hunt
}

fn number_type(value: u8) -> NumberType {
    match value {
        1 => NumberType::International,
        2 => NumberType::National,
        3 => NumberType::Network,
        4 => NumberType::Subscriber,
        6 => NumberType::Abbreviated,
        7 => NumberType::Reserved,
        _ => NumberType::Unknown,
    }
}

fn type_value(kind: NumberType) -> u8 {
    match kind {
        NumberType::Unknown => 0,
        NumberType::International => 1,
        NumberType::National => 2,
        NumberType::Network => 3,
        NumberType::Subscriber => 4,
        NumberType::Abbreviated => 6,
        NumberType::Reserved => 7,
    }
}

fn number_plan(value: u8) -> NumberPlan {
    match value {
        1 => NumberPlan::Isdn,
        3 => NumberPlan::Data,
        4 => NumberPlan::Telex,
        8 => NumberPlan::National,
        9 => NumberPlan::Private,
        10 => NumberPlan::Ermes,
        15 => NumberPlan::Reserved,
        _ => NumberPlan::Unknown,
    }
}

fn plan_value(plan: NumberPlan) -> u8 {
    match plan {
        NumberPlan::Unknown => 0,
        NumberPlan::Isdn => 1,
        NumberPlan::Data => 3,
        NumberPlan::Telex => 4,
        NumberPlan::National => 8,
        NumberPlan::Private => 9,
        NumberPlan::Ermes => 10,
        NumberPlan::Reserved => 15,
    }
}
