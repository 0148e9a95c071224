//! What became of mailboxes lately, and how often: `show mwi history`, `show mwi statistics`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Instant;

use mwi::mailbox::State;

/// Happenings remembered; the oldest are forgotten first.
pub const LIMIT: usize = 2000;

/// What happened to a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Somebody told its state.
    News {
        /// Whether messages wait.
        on: bool,
        /// New voice messages, where they were counted.
        new: Option<u32>,
        /// Who told: an address, a trunk's port, `console`.
        source: String,
    },
    /// A PBX was told, and answered or not.
    Told {
        /// Voice port of the trunk, or name of the SMDI line.
        trunk: String,
        /// What it was told.
        on: bool,
        /// What it said, in words.
        outcome: String,
    },
    /// It was forgotten: `clear mwi`.
    Forgotten,
}

impl Happening {
    /// A state that came.
    #[must_use]
    pub fn news(state: &State) -> Self {
        let summary = &state.summary;
        Self::News {
            on: summary.waiting,
            new: summary.voice().map(|voice| voice.new),
            source: state.source.clone(),
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |on: bool| if on { "ON" } else { "OFF" };
        match self {
            Self::News { on, new: Some(new), source } => write!(f, "{} ({new} new) from {source}", word(*on)),
            Self::News { on, new: None, source } => write!(f, "{} from {source}", word(*on)),
            Self::Told { trunk, on, outcome } => write!(f, "{} to {trunk}: {outcome}", word(*on)),
            Self::Forgotten => f.write_str("forgotten"),
        }
    }
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// Whose mailbox.
    pub number: String,
    /// What.
    pub happening: Happening,
}

/// The latest happenings, at most [`LIMIT`].
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
}

impl History {
    /// Takes a happening.
    pub fn note(&mut self, at: Instant, number: &str, happening: Happening) {
        if self.entries.len() >= LIMIT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at, number: number.to_owned(), happening });
    }

    /// All that is remembered, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// Totals since the start or `clear mwi statistics`.
#[derive(Debug, Default)]
pub struct Totals {
    /// NOTIFYs by the status they were answered with.
    pub notifies: BTreeMap<u16, u64>,
    /// Operations on trunks by their outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_keeps_the_latest_and_no_more() {
        let mut history = History::default();
        let now = Instant::now();
        for n in 0..LIMIT + 5 {
            history.note(now, &n.to_string(), Happening::Forgotten);
        }
        assert_eq!(history.iter().count(), LIMIT);
        assert_eq!(history.iter().next().map(|entry| entry.number.as_str()), Some("5"));
        let told = Happening::Told { trunk: "1/0:15".into(), on: true, outcome: "done".into() };
        assert_eq!(told.to_string(), "ON to 1/0:15: done");
        let news = Happening::News { on: false, new: Some(0), source: "192.0.2.10".into() };
        assert_eq!(news.to_string(), "OFF (0 new) from 192.0.2.10");
    }
}
