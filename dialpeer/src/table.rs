//! All dial peers of a gateway, and which of them a call takes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::index::PatternIndex;
use crate::labels::Labels;
use crate::pattern::{Pattern, Progress, Rank};
use crate::peer::{DialPeer, PeerKind, Permission};

/// The dial peers of a gateway.
///
/// Peers are looked up by number at a cost that does not grow with their count; one peer is added, replaced or
/// removed without touching the others.
///
/// ```
/// use dialpeer::{DialPeer, PeerKind, Table};
///
/// let mut phone = DialPeer::new(1, PeerKind::Pots);
/// phone.destination_pattern = Some("8000".parse()?);
/// phone.port = Some("2/0".into());
/// let mut pbx = DialPeer::new(7, PeerKind::Pots);
/// pbx.destination_pattern = Some("8...".parse()?);
/// pbx.port = Some("1/0:15".into());
///
/// let table = Table::new([pbx, phone]);
/// let tags: Vec<u32> = table.outbound("8000").iter().map(|found| found.peer.tag).collect();
/// assert_eq!(tags, [1, 7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Table {
    slots: Vec<Option<Slot>>,
    /// What a look-up needs of each slot, close together.
    heads: Vec<Head>,
    by_tag: HashMap<u32, u32>,
    free: Vec<u32>,
    next_sequence: u64,
    maps: HashMap<u32, Vec<Pattern>>,
    destination: PatternIndex<u32>,
    incoming_called: PatternIndex<u32>,
    incoming_calling: PatternIndex<u32>,
    by_port: HashMap<String, Vec<u32>>,
    /// Peers that name a source.
    labelled: Vec<u32>,
}

impl Table {
    /// A table of these peers; their order is the configured order. A tag given twice keeps the later peer in
    /// the earlier one's place.
    pub fn new<P: Into<Arc<DialPeer>>>(peers: impl IntoIterator<Item = P>) -> Self {
        let mut table = Self::default();
        peers.into_iter().for_each(|peer| {
            table.insert(peer);
        });
        table
    }

    /// Adds a peer behind those there are, or replaces the one with the same tag, which keeps its place.
    /// Returns the replaced peer.
    pub fn insert(&mut self, peer: impl Into<Arc<DialPeer>>) -> Option<Arc<DialPeer>> {
        let peer: Arc<DialPeer> = peer.into();
        let tag = peer.tag;
        let old = self.by_tag.get(&tag).copied().and_then(|at| Some((at, self.take(at)?)));
        let (at, sequence, old) = match old {
            Some((at, slot)) => (at, slot.sequence, Some(slot.peer)),
            None => {
                self.next_sequence += 1;
                let at = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    self.heads.push(Head::default());
                    u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
                });
                (at, self.next_sequence, None)
            }
        };
        self.put(at, Slot { peer, sequence });
        self.by_tag.insert(tag, at);
        old
    }

    /// Removes the peer with this tag and returns it.
    pub fn remove(&mut self, tag: u32) -> Option<Arc<DialPeer>> {
        let at = self.by_tag.remove(&tag)?;
        let slot = self.take(at)?;
        self.free.push(at);
        Some(slot.peer)
    }

    /// Makes the table one of exactly these peers in this order. Those it has already, shared or alike, are not compiled
    /// again: one changed among thousands costs little more than to look at them. Of a tag given twice the later counts.
    pub fn set_peers(&mut self, peers: &[Arc<DialPeer>]) {
        if self.len() != peers.len() || peers.iter().any(|peer| !self.by_tag.contains_key(&peer.tag)) {
            let wanted: HashSet<u32> = peers.iter().map(|peer| peer.tag).collect();
            let gone: Vec<u32> = self.by_tag.keys().copied().filter(|tag| !wanted.contains(tag)).collect();
            for tag in gone {
                self.remove(tag);
            }
        }
        self.next_sequence = 0;
        for peer in peers {
            let at = self.by_tag.get(&peer.tag).copied();
            if !at.and_then(|at| self.slot(at)).is_some_and(|slot| slot.peer == *peer) {
                self.insert(Arc::clone(peer));
            }
            self.next_sequence += 1;
            let Some(at) = self.by_tag.get(&peer.tag).map(|at| *at as usize) else { continue };
            if let (Some(Some(slot)), Some(head)) = (self.slots.get_mut(at), self.heads.get_mut(at)) {
                (slot.sequence, head.sequence) = (self.next_sequence, self.next_sequence);
            }
        }
    }

    /// Makes the maps of the table exactly these. Peers that name a map which does not change are left alone.
    pub fn set_maps(&mut self, maps: HashMap<u32, Vec<Pattern>>) {
        let gone: Vec<u32> = self.maps.keys().copied().filter(|map| !maps.contains_key(map)).collect();
        for map in gone {
            self.set_map(map, Vec::new());
        }
        for (map, patterns) in maps {
            if self.maps.get(&map).map_or(&[][..], Vec::as_slice) != patterns {
                self.set_map(map, patterns);
            }
        }
    }

    /// The peer with this tag.
    pub fn peer(&self, tag: u32) -> Option<&DialPeer> {
        self.slot(*self.by_tag.get(&tag)?).map(|slot| slot.peer.as_ref())
    }

    /// All peers in configured order.
    pub fn iter(&self) -> impl Iterator<Item = &DialPeer> {
        let mut slots: Vec<&Slot> = self.slots.iter().flatten().collect();
        slots.sort_by_key(|slot| slot.sequence);
        slots.into_iter().map(|slot| slot.peer.as_ref())
    }

    /// Number of peers.
    pub fn len(&self) -> usize {
        self.by_tag.len()
    }

    /// Whether there is no peer.
    pub fn is_empty(&self) -> bool {
        self.by_tag.is_empty()
    }

    /// Sets the patterns of `voice class e164-pattern-map N`; none at all removes the map.
    ///
    /// Peers that name the map are looked up by the new patterns from now on. A map nobody has set matches nothing.
    pub fn set_map(&mut self, map: u32, patterns: Vec<Pattern>) {
        let names = |peer: &DialPeer| {
            [peer.destination_map, peer.incoming_called_map, peer.incoming_calling_map].contains(&Some(map))
        };
        let users: Vec<u32> = (0..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.as_ref().is_some_and(|slot| names(&slot.peer)))
            .map(|(at, _)| at)
            .collect();
        let taken: Vec<(u32, Slot)> = users.into_iter().filter_map(|at| Some((at, self.take(at)?))).collect();
        if patterns.is_empty() {
            self.maps.remove(&map);
        } else {
            self.maps.insert(map, patterns);
        }
        taken.into_iter().for_each(|(at, slot)| self.put(at, slot));
    }

    /// The peers a call to `number` may take, best first: longest match, then `preference`, then configured
    /// order (`dial-peer hunt 0`, with configured order in place of chance).
    ///
    /// The longest match is the greatest number of digits matched explicitly; of equals the one with more digits
    /// at `.` or sets, so that `T` counts least. Peers that are shut down, have no target, or `permission` other
    /// than `both` and `term` are left out. [`DialPeer::huntstop`] is left to the caller: a call that failed on a
    /// peer with it goes no further down the list.
    pub fn outbound(&self, number: &str) -> Vec<OutboundMatch<'_>> {
        let mut found: Vec<(Head, Rank, u32)> = Vec::new();
        self.destination.each_match(number, |&at, rank| {
            let Some(&head) = self.heads.get(at as usize).filter(|head| head.outbound) else { return };
            // Only a peer with a map can match several times.
            let mut others = found.iter_mut().filter(|_| head.mapped);
            match others.find(|(_, _, other)| *other == at) {
                Some((_, best, _)) => *best = rank.max(*best),
                None => found.push((head, rank, at)),
            }
        });
        found.sort_by_key(|(head, rank, _)| (std::cmp::Reverse(*rank), head.preference, head.sequence));
        let matched = |(_, rank, at): (Head, Rank, u32)| {
            Some(OutboundMatch { peer: &self.slot(at)?.peer, explicit: rank.explicit, wild: rank.wild })
        };
        found.into_iter().filter_map(matched).collect()
    }

    /// The peer with this tag if it takes outbound calls, whatever the number: for dial peer groups.
    pub fn outbound_peer(&self, tag: u32) -> Option<OutboundMatch<'_>> {
        let peer = self.peer(tag).filter(|peer| takes_outbound(peer))?;
        Some(OutboundMatch { peer, explicit: 0, wild: 0 })
    }

    /// What the digits collected so far mean, for telephones and overlap receiving.
    ///
    /// [`Progress::Full`]: route now. [`Progress::Open`]: route after the interdigit timeout or terminator.
    /// [`Progress::Partial`]: wait for digits. [`Progress::Never`]: no peer can match any more.
    pub fn progress(&self, digits: &str) -> Progress {
        self.destination.progress(digits)
    }

    /// The peer a call arrives on, in IOS's order: each criterion over all peers before the next.
    ///
    /// | SIP | POTS |
    /// |---|---|
    /// | `incoming called-number` or its map | `incoming called-number` |
    /// | `answer-address` or `incoming calling` map | `answer-address` |
    /// | `destination-pattern` against the calling number | the same |
    /// | | `port` |
    /// | `trunk-group-label source`, `carrier-id source` | the same |
    ///
    /// Within one criterion the longest match wins, of equals the first configured. With an empty called number
    /// `incoming called-number` comes last for POTS. A peer that names a source takes calls from there alone. `None` is dial peer 0.
    pub fn inbound(&self, leg: InboundLeg<'_>) -> Option<InboundMatch<'_>> {
        let called = || self.best(&self.incoming_called, leg.called, leg, Criterion::CalledNumber);
        let others = || {
            let answer = self.best(&self.incoming_calling, leg.calling, leg, Criterion::AnswerAddress);
            answer
                .or_else(|| self.best(&self.destination, leg.calling, leg, Criterion::DestinationPattern))
                .or_else(|| self.at_port(leg))
        };
        let found = if leg.called.is_empty() && leg.kind == PeerKind::Pots {
            others().or_else(called)
        } else {
            called().or_else(others)
        };
        found.or_else(|| self.by_label(leg))
    }

    fn by_label(&self, leg: InboundLeg<'_>) -> Option<InboundMatch<'_>> {
        leg.labels?;
        let slots = self.labelled.iter().filter_map(|&at| self.slot(at));
        let first = slots.filter(|slot| takes_inbound(&slot.peer, leg)).min_by_key(|slot| slot.sequence)?;
        Some(InboundMatch { peer: &first.peer, by: Criterion::Label })
    }

    fn at_port(&self, leg: InboundLeg<'_>) -> Option<InboundMatch<'_>> {
        let port = leg.port.filter(|_| leg.kind == PeerKind::Pots)?;
        let slots = self.by_port.get(port)?.iter().filter_map(|&at| self.slot(at));
        let first = slots.filter(|slot| takes_inbound(&slot.peer, leg)).min_by_key(|slot| slot.sequence)?;
        Some(InboundMatch { peer: &first.peer, by: Criterion::Port })
    }

    fn best(
        &self,
        index: &PatternIndex<u32>,
        number: &str,
        leg: InboundLeg<'_>,
        by: Criterion,
    ) -> Option<InboundMatch<'_>> {
        let found = index.lookup(number).into_iter().filter_map(|(&at, rank)| Some((self.slot(at)?, rank)));
        let (slot, _) = found
            .filter(|(slot, _)| takes_inbound(&slot.peer, leg))
            .max_by_key(|(slot, rank)| (*rank, std::cmp::Reverse(slot.sequence)))?;
        Some(InboundMatch { peer: &slot.peer, by })
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)?.as_ref()
    }

    fn put(&mut self, at: u32, slot: Slot) {
        self.each_pattern(&slot.peer, |index, pattern| index.insert(at, pattern));
        if let Some(port) = slot.peer.port.as_ref().filter(|_| !slot.peer.shutdown) {
            self.by_port.entry(port.clone()).or_default().push(at);
        }
        if slot.peer.labels.as_ref().is_some_and(|labels| labels.names_source()) {
            self.labelled.push(at);
        }
        if let Some(head) = self.heads.get_mut(at as usize) {
            *head = Head {
                sequence: slot.sequence,
                preference: slot.peer.preference,
                outbound: takes_outbound(&slot.peer),
                mapped: slot.peer.destination_map.is_some(),
            };
        }
        if let Some(place) = self.slots.get_mut(at as usize) {
            *place = Some(slot);
        }
    }

    fn take(&mut self, at: u32) -> Option<Slot> {
        let slot = self.slots.get_mut(at as usize)?.take()?;
        self.each_pattern(&slot.peer, |index, pattern| {
            index.remove(&at, pattern);
        });
        self.labelled.retain(|labelled| *labelled != at);
        if let Some(port) = &slot.peer.port
            && let Some(users) = self.by_port.get_mut(port)
        {
            users.retain(|&user| user != at);
            if users.is_empty() {
                self.by_port.remove(port);
            }
        }
        Some(slot)
    }

    /// Every pattern of a peer with the index it belongs to; none if the peer is shut down.
    fn each_pattern(&mut self, peer: &DialPeer, mut act: impl FnMut(&mut PatternIndex<u32>, &Pattern)) {
        if peer.shutdown {
            return;
        }
        let all = [
            (&mut self.destination, &peer.destination_pattern, peer.destination_map),
            (&mut self.incoming_called, &peer.incoming_called, peer.incoming_called_map),
            (&mut self.incoming_calling, &peer.answer_address, peer.incoming_calling_map),
        ];
        for (index, pattern, map) in all {
            let of_map = map.and_then(|map| self.maps.get(&map)).into_iter().flatten();
            pattern.iter().chain(of_map).for_each(|pattern| act(index, pattern));
        }
    }
}

/// A peer a call may take, from [`Table::outbound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboundMatch<'a> {
    /// The peer.
    pub peer: &'a DialPeer,
    /// Digits of the number matched by themselves.
    pub explicit: u8,
    /// Digits of the number matched by `.` or a set.
    pub wild: u8,
}

/// What is known of a call that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboundLeg<'a> {
    /// Whether it came over SIP or from a telephone port or trunk.
    pub kind: PeerKind,
    /// Called number, empty if none.
    pub called: &'a str,
    /// Calling number, empty if none.
    pub calling: &'a str,
    /// Voice port, as dial peers name it.
    pub port: Option<&'a str>,
    /// Trunk group and carrier it comes from, where they are known.
    pub labels: Option<&'a Labels>,
}

/// The peer a call arrives on, from [`Table::inbound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboundMatch<'a> {
    /// The peer.
    pub peer: &'a DialPeer,
    /// What chose it.
    pub by: Criterion,
}

/// What chose an inbound peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// `incoming called-number` or `incoming called e164-pattern-map`.
    CalledNumber,
    /// `answer-address` or `incoming calling e164-pattern-map`.
    AnswerAddress,
    /// `destination-pattern`, against the calling number.
    DestinationPattern,
    /// `port`
    Port,
    /// `trunk-group-label source` or `carrier-id source`.
    Label,
}

#[derive(Clone, Debug)]
struct Slot {
    peer: Arc<DialPeer>,
    /// Place in the configured order.
    sequence: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    sequence: u64,
    preference: u8,
    /// Takes outbound calls.
    outbound: bool,
    /// Has a map of destinations.
    mapped: bool,
}

fn takes_outbound(peer: &DialPeer) -> bool {
    let target = match peer.kind {
        PeerKind::Pots => peer.port.is_some() || !peer.trunk_groups.is_empty(),
        PeerKind::Voip => peer.session_target.is_some() || peer.server_group.is_some(),
    };
    target && !peer.shutdown && matches!(peer.permission, Permission::Both | Permission::Term)
}

fn takes_inbound(peer: &DialPeer, leg: InboundLeg<'_>) -> bool {
    peer.kind == leg.kind
        && !peer.shutdown
        && matches!(peer.permission, Permission::Both | Permission::Orig)
        && peer.labels.as_ref().is_none_or(|labels| labels.takes_from(leg.labels))
}

#[cfg(test)]
mod tests;
