//! The B channels of a span: which are free, and which comes next.

use std::collections::BTreeMap;

use super::{BchanOrder, Key, LineKind, ServiceState, SpanConfig};
use crate::Side;
use crate::q931::{ChannelId, ChannelSelection};

#[derive(Debug, Default)]
pub(super) struct Channels {
    busy: BTreeMap<u8, Key>,
    /// Channels that are not in service.
    withdrawn: BTreeMap<u8, ServiceState>,
    last: u8,
}

impl Channels {
    pub(super) fn owner(&self, slot: u8) -> Option<Key> {
        self.busy.get(&slot).copied()
    }

    pub(super) fn is_free(&self, config: &SpanConfig, slot: u8) -> bool {
        config.has_channel(slot) && !self.busy.contains_key(&slot) && !self.withdrawn.contains_key(&slot)
    }

    pub(super) fn service(&self, slot: u8) -> ServiceState {
        self.withdrawn.get(&slot).copied().unwrap_or_default()
    }

    pub(super) fn set_service(&mut self, slot: u8, service: ServiceState) {
        if service == ServiceState::InService {
            self.withdrawn.remove(&slot);
        } else {
            self.withdrawn.insert(slot, service);
        }
    }

    /// The channel belongs to `key` from now on, whoever had it.
    pub(super) fn take(&mut self, slot: u8, key: Key) {
        self.busy.insert(slot, key);
        self.last = slot;
    }

    /// The channel is free again, if it is `key`'s.
    pub(super) fn release(&mut self, slot: u8, key: Key) {
        if self.owner(slot) == Some(key) {
            self.busy.remove(&slot);
        }
    }

    pub(super) fn in_use(&self) -> usize {
        self.busy.len()
    }

    /// The next free channel in the configured order.
    pub(super) fn hunt(&self, config: &SpanConfig) -> Option<u8> {
        let free = |slot: &u8| self.is_free(config, *slot);
        let mut slots = config.line.b_channels();
        match (config.bchan_order, config.side) {
            (BchanOrder::Ascending, _) | (BchanOrder::BySide, Side::Network) => slots.find(free),
            (BchanOrder::Descending, _) | (BchanOrder::BySide, Side::User) => slots.rev().find(free),
            (BchanOrder::RoundRobin, _) => {
                let after = config.line.b_channels().filter(|slot| *slot > self.last);
                after.chain(slots).find(free)
            }
        }
    }

    /// The channel for an incoming call, or the cause to refuse it with.
    pub(super) fn answer(&self, config: &SpanConfig, wanted: Option<ChannelId>) -> Result<u8, u8> {
        let any = || self.hunt(config).ok_or(34);
        match wanted {
            None => any(),
            Some(ChannelId { selection: ChannelSelection::Any, .. }) => any(),
            // Q.850 34, no circuit available: a call without a channel (call waiting) is not offered here.
            Some(ChannelId { selection: ChannelSelection::None, .. }) => Err(34),
            Some(id) => match (config.slot(id.selection), id.exclusive) {
                (Some(slot), _) if self.is_free(config, slot) => Ok(slot),
                (Some(_), true) => Err(44),
                (Some(_), false) => any(),
                (None, true) => Err(82),
                (None, false) => any(),
            },
        }
    }
}

impl SpanConfig {
    /// Whether `slot` is a B channel of this span.
    pub fn has_channel(&self, slot: u8) -> bool {
        let granted =
            self.timeslots.is_none_or(|mask| (1..=32).contains(&slot) && mask >> (slot - 1) & 1 != 0);
        granted && self.line.b_channels().any(|channel| channel == slot)
    }

    /// The number of timeslot `slot` in channel identification: the same, or counted without the D channel's gap.
    pub fn channel_number(&self, slot: u8) -> u8 {
        if self.contiguous_bchan && self.line == LineKind::E1 && slot > 16 { slot - 1 } else { slot }
    }

    /// The B channel a channel identification names.
    pub fn slot(&self, selection: ChannelSelection) -> Option<u8> {
        let number = match selection {
            ChannelSelection::Number(number) => number,
            ChannelSelection::Map(map) if map.count_ones() == 1 => {
                u8::try_from(map.trailing_zeros() + 1).ok()?
            }
            _ => return None,
        };
        let gap = self.contiguous_bchan && self.line == LineKind::E1 && number > 15;
        let slot = if gap { number.checked_add(1)? } else { number };
        self.has_channel(slot).then_some(slot)
    }
}
