//! Transit counter (ECMA-225, ISO/IEC 15056): how many PINXs a call has passed, so that one that goes in a circle ends.
//!
//! The element is 0x31 of codeset 4, behind a non-locking shift. A PINX that passes a call on from one trunk to another
//! takes the incoming count, counts one up, and refuses the call with cause 25 above its limit.

use crate::q931::{Element, Message};

/// The element's codeset and identifier.
const CODESET: u8 = 4;
const TRANSIT_COUNTER: u8 = 0x31;

/// Largest count: 5 bits.
pub const MAX_COUNT: u8 = 31;

/// How many PINXs a call has passed, 0..=31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransitCounter(u8);

/// The call has passed too many PINXs: cause 25, exchange routing error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call has passed {0} exchanges, the limit is {1}")]
pub struct TooManyTransits(pub u8, pub u8);

impl TooManyTransits {
    /// Exchange routing error.
    pub const CAUSE: u8 = 25;
}

impl TransitCounter {
    /// A count; larger ones stand for 31.
    pub fn new(count: u8) -> Self {
        Self(count.min(MAX_COUNT))
    }

    /// The count.
    pub fn count(self) -> u8 {
        self.0
    }

    /// The counter in a SETUP.
    pub fn find(message: &Message) -> Option<Self> {
        let element = message
            .elements
            .iter()
            .find(|e| !e.is_shift() && e.codeset == CODESET && e.id == TRANSIT_COUNTER)?;
        element.body.first().map(|octet| Self(octet & MAX_COUNT))
    }

    /// The counter for the SETUP that passes the call on. `limit`: most PINXs, 1..=31.
    ///
    /// # Errors
    /// [`TooManyTransits`] if this PINX would be one too many.
    pub fn next(message: &Message, limit: u8) -> Result<Self, TooManyTransits> {
        let count = Self::find(message).map_or(0, Self::count);
        if count >= limit.min(MAX_COUNT) {
            return Err(TooManyTransits(count, limit));
        }
        Ok(Self(count + 1))
    }

    /// The element with its shift; to be the last ones of a message.
    pub fn elements(self) -> [Element; 2] {
        [
            Element::shift(CODESET, false),
            Element { codeset: CODESET, ..Element::new(TRANSIT_COUNTER, vec![self.0]) },
        ]
    }
}
