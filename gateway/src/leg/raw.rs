//! Layer 3 messages of trunks that other legs carry on as they came: over a SIP leg as a body of its own (`signaling forward`),
//! or to another trunk of the same kind. What they mean for the call is told beside them, in the vocabulary of all legs.

use qsig::q931::{Message, MessageType};

/// Longest message that is carried, octets: eight segments of a D channel.
pub const MAX_RAW: usize = 2080;

/// Of which network a message is. Only a leg of the same kind understands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawProtocol {
    /// QSIG.
    Qsig,
    /// Q.931 as another switch type speaks it.
    Q931,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMessage {
    /// Of which network.
    pub protocol: RawProtocol,
    /// The message, octet for octet.
    pub message: Message,
}

impl RawMessage {
    /// Reads the octets of a body; `None` if they are no whole message, or too many.
    #[must_use]
    pub fn read(protocol: RawProtocol, octets: &[u8]) -> Option<Self> {
        if octets.len() > MAX_RAW {
            return None;
        }
        let (message, whole) = Message::parse_checked(octets).ok()?;
        whole.then_some(Self { protocol, message })
    }

    /// Whether it says something by itself (FACILITY, NOTIFY) rather than how far the call is.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        matches!(self.message.kind, MessageType::FACILITY | MessageType::NOTIFY)
    }

    /// Whether it ends the call.
    #[must_use]
    pub fn is_clearing(&self) -> bool {
        let kind = self.message.kind;
        matches!(kind, MessageType::DISCONNECT | MessageType::RELEASE | MessageType::RELEASE_COMPLETE)
    }
}
