//! A mailbox as the store keeps it: what the voice mail said, and how far the news has come.

use serde::{Deserialize, Serialize};

/// First octet of a stored record: the form of the rest.
const FORM: u8 = 1;

/// Why octets are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by another release.
    #[error("record of form {found:?}, expected {FORM}")]
    Form {
        /// First octet, if there is one.
        found: Option<u8>,
    },
    /// Damaged.
    #[error("record is damaged: {0}")]
    Damaged(#[from] postcard::Error),
}

/// A record to be stored, as the switch has it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RecordRef<'a> {
    /// State with its source and sequence.
    pub mailbox: &'a mwi::mailbox::Record,
    /// How far the news has come.
    pub delivery: &'a Delivery,
}

impl RecordRef<'_> {
    /// The octets for the store.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        // Serialising to memory fails only for types postcard does not know; these are none.
        postcard::to_extend(self, vec![FORM]).unwrap_or_default()
    }
}

/// One mailbox in the store.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Record {
    /// State with its source and sequence.
    pub mailbox: mwi::mailbox::Record,
    /// How far the news has come.
    pub delivery: Delivery,
}

impl Record {
    /// Reads what [`RecordRef::to_octets`] wrote.
    ///
    /// # Errors
    /// [`RecordError`] for octets of another release or damaged ones.
    pub fn from_octets(octets: &[u8]) -> Result<Self, RecordError> {
        match octets.split_first() {
            Some((&FORM, rest)) => Ok(postcard::from_bytes(rest)?),
            other => Err(RecordError::Form { found: other.map(|(form, _)| *form) }),
        }
    }
}

/// How far a mailbox's newest state has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// The telephone is on a port of this box, or nobody owns the number now: nothing to send.
    Local,
    /// A PBX is to be told and has not confirmed it yet.
    Pending {
        /// Voice port of the trunk it waits for: `1/0:15`.
        trunk: String,
    },
    /// The PBX confirmed it.
    Delivered {
        /// Voice port of the trunk used.
        trunk: String,
        /// Milliseconds since 1970.
        at: u64,
    },
    /// The PBX refused it for good.
    Failed {
        /// Voice port of the trunk used.
        trunk: String,
        /// SIP status the NOTIFY was answered with.
        status: u16,
        /// What the PBX said, in words.
        outcome: String,
        /// Milliseconds since 1970.
        at: u64,
    },
}

impl Delivery {
    /// One or two words for tables.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Pending { .. } => "queued",
            Self::Delivered { .. } => "delivered",
            Self::Failed { .. } => "failed",
        }
    }

    /// The trunk concerned, if any.
    #[must_use]
    pub fn trunk(&self) -> Option<&str> {
        match self {
            Self::Local => None,
            Self::Pending { trunk } | Self::Delivered { trunk, .. } | Self::Failed { trunk, .. } => {
                Some(trunk)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mwi::mailbox::{Mailboxes, State};

    #[test]
    fn a_record_comes_back_as_it_was_and_a_foreign_one_is_named() {
        let mut table = Mailboxes::default();
        let summary = mwi::summary::parse(b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n").unwrap();
        let state = State { summary, source: "192.0.2.1".into(), cseq: 7, call_id: "x".into(), received: 9 };
        table.update("4711", state);
        let mailbox = table.record("4711").unwrap();
        let delivery = Delivery::Failed { trunk: "1/0:15".into(), status: 404, outcome: "e".into(), at: 5 };
        let octets = RecordRef { mailbox, delivery: &delivery }.to_octets();
        assert_eq!(Record::from_octets(&octets).unwrap(), Record { mailbox: mailbox.clone(), delivery });
        assert!(octets.len() < 100, "{}", octets.len());
        for end in 0..octets.len() {
            assert!(Record::from_octets(octets.get(..end).unwrap()).is_err());
        }
        assert_eq!(
            Record::from_octets(b"{}").unwrap_err().to_string(),
            "record of form Some(123), expected 1"
        );
    }
}
