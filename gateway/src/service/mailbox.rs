//! A mailbox as the store keeps it: what the voice mail said, and how far the news has come.

use serde::{Deserialize, Serialize};

/// One mailbox in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// State with its source and sequence.
    pub mailbox: mwi::mailbox::Record,
    /// How far the news has come.
    pub delivery: Delivery,
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
