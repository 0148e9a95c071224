//! The B channels of a span: which are free, and which comes next.

use std::collections::{BTreeMap, BTreeSet};

use super::{BchanOrder, Key, LineKind, ServiceState, SpanConfig};
use crate::Side;
use crate::q931::{ChannelId, ChannelSelection};

/// A B channel of a span or NFAS group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BChannel {
    /// The NFAS interface identifier; 0 without NFAS.
    pub interface: u8,
    /// The timeslot, 1..=31.
    pub slot: u8,
}

/// Which D channel an interface of an NFAS group carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DChannel {
    /// The one that is used if both can be (`pri-group … nfas_d primary`).
    Primary,
    /// The one that takes over (`nfas_d backup`).
    Backup,
    /// None: the timeslot is a B channel (`nfas_d none`).
    #[default]
    None,
}

/// One interface of an NFAS group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NfasMember {
    /// Its identifier in channel identification, 0..=127 (`nfas_interface`).
    pub interface: u8,
    /// Its D channel.
    pub d_channel: DChannel,
    /// Its timeslots, bit n-1 is timeslot n; `None`: all of the line's.
    pub timeslots: Option<u32>,
}

impl NfasMember {
    fn grants(&self, line: LineKind, slot: u8) -> bool {
        self.granted(line) & bit(slot) != 0
    }

    /// Its B channels, bit n-1 for timeslot n.
    fn granted(&self, line: LineKind) -> u32 {
        let all = u32::MAX >> (32 - u32::from(line.timeslots()));
        let d_channel = if self.d_channel == DChannel::None { 0 } else { bit(line.d_channel()) };
        self.timeslots.unwrap_or(u32::MAX) & all & !d_channel
    }
}

/// Timeslot `slot` in a mask; 0 for none of 1 to 32.
fn bit(slot: u8) -> u32 {
    u32::from(slot).checked_sub(1).and_then(|shift| 1_u32.checked_shl(shift)).unwrap_or(0)
}

#[derive(Debug, Default)]
pub(super) struct Channels {
    busy: BTreeMap<BChannel, Key>,
    /// Channels that are not in service.
    withdrawn: BTreeMap<BChannel, ServiceState>,
    /// Interfaces of a group without layer 1.
    dead: BTreeSet<u8>,
    last: Option<BChannel>,
}

impl Channels {
    pub(super) fn owner(&self, channel: BChannel) -> Option<Key> {
        self.busy.get(&channel).copied()
    }

    pub(super) fn is_free(&self, config: &SpanConfig, channel: BChannel) -> bool {
        config.has(channel) && self.is_idle(&channel)
    }

    fn is_idle(&self, channel: &BChannel) -> bool {
        !self.busy.contains_key(channel)
            && !self.withdrawn.contains_key(channel)
            && !self.dead.contains(&channel.interface)
    }

    /// The free channels of an interface, bit n-1 for timeslot n.
    pub(super) fn free(&self, config: &SpanConfig, interface: u8) -> u32 {
        if self.dead.contains(&interface) {
            return 0;
        }
        let members = config.members().filter(|member| member.interface == interface);
        let all = members.fold(0, |mask, member| mask | member.granted(config.line));
        let slots = BChannel { interface, slot: 0 }..=BChannel { interface, slot: u8::MAX };
        let busy = self.busy.range(slots.clone()).map(|(channel, _)| channel);
        let withdrawn = self.withdrawn.range(slots).map(|(channel, _)| channel);
        busy.chain(withdrawn).fold(all, |mask, channel| mask & !bit(channel.slot))
    }

    /// Layer 1 of an interface came or went.
    pub(super) fn set_interface(&mut self, interface: u8, up: bool) {
        if up {
            self.dead.remove(&interface);
        } else {
            self.dead.insert(interface);
        }
    }

    pub(super) fn service(&self, channel: BChannel) -> ServiceState {
        self.withdrawn.get(&channel).copied().unwrap_or_default()
    }

    pub(super) fn set_service(&mut self, channel: BChannel, service: ServiceState) {
        if service == ServiceState::InService {
            self.withdrawn.remove(&channel);
        } else {
            self.withdrawn.insert(channel, service);
        }
    }

    /// The channel belongs to `key` from now on, whoever had it.
    pub(super) fn take(&mut self, channel: BChannel, key: Key) {
        self.busy.insert(channel, key);
        self.last = Some(channel);
    }

    /// The channel is free again, if it is `key`'s.
    pub(super) fn release(&mut self, channel: BChannel, key: Key) {
        if self.owner(channel) == Some(key) {
            self.busy.remove(&channel);
        }
    }

    pub(super) fn in_use(&self) -> usize {
        self.busy.len()
    }

    /// The next free channel in the configured order.
    pub(super) fn hunt(&self, config: &SpanConfig) -> Option<BChannel> {
        // What is asked below are the configuration's own channels.
        let free = |channel: &BChannel| self.is_idle(channel);
        let mut channels = config.channels();
        match (config.bchan_order, config.side) {
            (BchanOrder::Ascending, _) | (BchanOrder::BySide, Side::Network) => channels.find(free),
            (BchanOrder::Descending, _) | (BchanOrder::BySide, Side::User) => channels.rev().find(free),
            (BchanOrder::RoundRobin, _) => {
                let after = config.channels().filter(|channel| Some(*channel) > self.last);
                after.chain(channels).find(free)
            }
        }
    }

    /// The channel for an incoming call, or the cause to refuse it with.
    pub(super) fn answer(&self, config: &SpanConfig, wanted: Option<ChannelId>) -> Result<BChannel, u8> {
        let any = || self.hunt(config).ok_or(34);
        match wanted {
            None => any(),
            Some(ChannelId { selection: ChannelSelection::Any, .. }) => any(),
            // Q.850 34, no circuit available: a call without a channel (call waiting) is not offered here.
            Some(ChannelId { selection: ChannelSelection::None, .. }) => Err(34),
            Some(id) => match (config.channel(&id), id.exclusive) {
                (Some(channel), _) if self.is_free(config, channel) => Ok(channel),
                (Some(_), true) => Err(44),
                (Some(_), false) => any(),
                (None, true) => Err(82),
                (None, false) => any(),
            },
        }
    }
}

impl SpanConfig {
    /// The B channels, ascending by interface and timeslot.
    pub fn channels(&self) -> impl DoubleEndedIterator<Item = BChannel> + '_ {
        self.members().flat_map(move |member| {
            let slots = (1..=self.line.timeslots()).filter(move |slot| member.grants(self.line, *slot));
            slots.map(move |slot| BChannel { interface: member.interface, slot })
        })
    }

    /// Whether the span has this B channel.
    pub fn has(&self, channel: BChannel) -> bool {
        self.members()
            .any(|member| member.interface == channel.interface && member.grants(self.line, channel.slot))
    }

    /// The interfaces; without NFAS the only one.
    fn members(&self) -> impl DoubleEndedIterator<Item = NfasMember> + '_ {
        let alone = NfasMember { interface: 0, d_channel: DChannel::Primary, timeslots: self.timeslots };
        self.nfas.iter().copied().chain(self.nfas.is_empty().then_some(alone))
    }

    /// Whether `slot` is a B channel of the interface with the (primary) D channel.
    pub fn has_channel(&self, slot: u8) -> bool {
        self.has(self.home(slot))
    }

    /// Timeslot `slot` of the interface with the (primary) D channel.
    pub fn home(&self, slot: u8) -> BChannel {
        let primary = self.nfas.iter().find(|member| member.d_channel == DChannel::Primary);
        BChannel { interface: primary.map_or(0, |member| member.interface), slot }
    }

    /// The number of timeslot `slot` in channel identification: the same, or counted without the D channel's gap.
    pub fn channel_number(&self, slot: u8) -> u8 {
        if self.contiguous_bchan && self.line == LineKind::E1 && slot > 16 { slot - 1 } else { slot }
    }

    /// Channel identification of a B channel. In an NFAS group the interface is always named.
    pub fn channel_id(&self, channel: BChannel, exclusive: bool) -> ChannelId {
        let id = ChannelId::channel(self.channel_number(channel.slot), exclusive);
        if self.nfas.is_empty() { id } else { id.on(channel.interface) }
    }

    /// The B channel a channel identification names. Without an interface it is one of the D channel's own.
    pub fn channel(&self, id: &ChannelId) -> Option<BChannel> {
        let number = match id.selection {
            ChannelSelection::Number(number) => number,
            ChannelSelection::Map(map) if map.count_ones() == 1 => {
                u8::try_from(map.trailing_zeros() + 1).ok()?
            }
            _ => return None,
        };
        let channel = self.timeslot(id.interface, number)?;
        self.has(channel).then_some(channel)
    }

    /// The timeslot behind a channel number, which may be a B channel or not.
    pub(super) fn timeslot(&self, interface: Option<u8>, number: u8) -> Option<BChannel> {
        let gap = self.contiguous_bchan && self.line == LineKind::E1 && number > 15;
        let slot = if gap { number.checked_add(1)? } else { number };
        let home = self.home(slot);
        Some(match interface {
            // Without a group there is one interface, whatever the peer calls it.
            Some(interface) if !self.nfas.is_empty() => BChannel { interface, slot },
            _ => home,
        })
    }

    /// The timeslot of the B channel a selection names on the D channel's own interface.
    pub fn slot(&self, selection: ChannelSelection) -> Option<u8> {
        let id = ChannelId { exclusive: true, d_channel: false, interface: None, selection };
        self.channel(&id).map(|channel| channel.slot)
    }
}
