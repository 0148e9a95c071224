//! Messages that come in segments (Q.931 Annex H, ECMA-143). Only received: what we send fits one frame, or is refused.
//! The layout of the segmented message element is from memory of Annex H.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Key;
use crate::q931::{Message, MessageType};

/// The segmented message element.
const SEGMENTED_MESSAGE: u8 = 0x00;
/// Most segments of one message.
const MAX_SEGMENTS: u8 = 8;
/// Most messages under assembly.
const MAX_PARTIAL: usize = 16;

#[derive(Debug)]
struct Partial {
    kind: MessageType,
    remaining: u8,
    octets: Vec<u8>,
    /// T314.
    deadline: Instant,
}

/// Messages under assembly, one for each call reference.
#[derive(Debug, Default)]
pub(super) struct Segments(BTreeMap<Key, Partial>);

impl Segments {
    /// Takes a SEGMENT message; gives the whole message with the last one. A segment out of turn ends the assembly.
    pub(super) fn push(
        &mut self,
        now: Instant,
        t314: Duration,
        key: Key,
        segment: &Message,
        octets: &[u8],
    ) -> Option<Vec<u8>> {
        let first = segment.elements.first().filter(|e| e.id == SEGMENTED_MESSAGE)?;
        let &[count, kind] = &first.body[..] else { return None };
        let remaining = count & 0x7F;
        // Discriminator, length, call reference, type; then the element.
        let header = 3 + usize::from(segment.call_reference.octets);
        let part = octets.get(header + 4..)?;
        if count & 0x80 != 0 {
            if remaining >= MAX_SEGMENTS || self.0.len() >= MAX_PARTIAL && !self.0.contains_key(&key) {
                return None;
            }
            let mut whole = octets.get(..header)?.to_vec();
            *whole.last_mut()? = kind;
            self.0.insert(key, Partial { kind: MessageType(kind), remaining, octets: whole, deadline: now });
        }
        let mut partial = self.0.remove(&key)?;
        let in_turn = count & 0x80 != 0 || partial.remaining == remaining + 1;
        if !in_turn || partial.kind.0 != kind || partial.kind == MessageType::SEGMENT {
            return None;
        }
        partial.octets.extend_from_slice(part);
        partial.remaining = remaining;
        if remaining == 0 {
            return Some(partial.octets);
        }
        partial.deadline = now + t314;
        self.0.insert(key, partial);
        None
    }

    /// When the next assembly is given up.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|partial| partial.deadline).min()
    }

    /// Gives up what has waited for T314.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.0.retain(|_, partial| partial.deadline > now);
    }

    /// The data link was lost or set up anew.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
