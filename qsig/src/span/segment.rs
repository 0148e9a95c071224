//! Messages that come and go in segments (Q.931 Annex H, ECMA-143). Segments end between elements where that is possible;
//! receivers put them together octet by octet.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

use super::Key;
use crate::q931::{Message, MessageType, Repr, SegmentedMessage};

/// Most segments of one message.
pub(super) const MAX_SEGMENTS: u8 = 8;
/// Octets of a SEGMENT message before its part of the message: discriminator, call reference, type, segmented message.
pub(super) const OVERHEAD: usize = 9;
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
        let head = segment.elements.first().filter(|e| e.codeset == 0 && e.id == SegmentedMessage::ID)?;
        let SegmentedMessage { first, remaining, kind } = SegmentedMessage::parse(&head.body)?;
        // Discriminator, length, call reference, type; then the element.
        let header = 3 + usize::from(segment.call_reference.octets);
        let part = octets.get(header + 4..)?;
        if first {
            if remaining >= MAX_SEGMENTS || self.0.len() >= MAX_PARTIAL && !self.0.contains_key(&key) {
                return None;
            }
            let mut whole = octets.get(..header)?.to_vec();
            *whole.last_mut()? = kind.0;
            self.0.insert(key, Partial { kind, remaining, octets: whole, deadline: now });
        }
        let mut partial = self.0.remove(&key)?;
        let in_turn = first || partial.remaining == remaining + 1;
        if !in_turn || partial.kind != kind || partial.kind == MessageType::SEGMENT {
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

/// Cuts a message into SEGMENT messages of at most `n201` octets each. `None`: it would take more than [`MAX_SEGMENTS`].
pub(super) fn split(message: &Message, n201: usize) -> Option<Vec<Bytes>> {
    let room = n201.checked_sub(OVERHEAD).filter(|room| *room > 0)?;
    let whole = message.to_bytes();
    let header = 3 + usize::from(message.call_reference.octets.min(2));
    let mut parts: Vec<Bytes> = Vec::new();
    let mut rest = whole.slice(header.min(whole.len())..);
    // Where each element ends, counted from the start of `rest`.
    let mut ends: Vec<usize> = Vec::with_capacity(message.elements.len());
    for element in &message.elements {
        ends.push(ends.last().copied().unwrap_or(0) + element.len());
    }
    let mut done = 0;
    while !rest.is_empty() {
        let fits = ends.iter().map(|end| end.saturating_sub(done)).rfind(|end| (1..=room).contains(end));
        // An element longer than a segment is cut in the middle.
        let part = rest.split_to(fits.unwrap_or(room).min(rest.len()));
        done += part.len();
        parts.push(part);
        if parts.len() > usize::from(MAX_SEGMENTS) {
            return None;
        }
    }
    let count = u8::try_from(parts.len()).ok()?;
    let segment = |(place, part): (u8, Bytes)| {
        let head = SegmentedMessage { first: place == 0, remaining: count - 1 - place, kind: message.kind };
        let segment = Message::new(message.call_reference, MessageType::SEGMENT).with(head.element());
        let mut out = BytesMut::from(&segment.to_bytes()[..]);
        out.put_slice(&part);
        out.freeze()
    };
    Some((0..count).zip(parts).map(segment).collect())
}
