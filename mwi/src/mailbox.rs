//! The newest state of every mailbox.
//!
//! The last writer wins; late and replayed NOTIFYs do no harm. Everything is serialisable for the store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::summary::Summary;

/// Mailboxes a table holds without other instruction.
pub const DEFAULT_LIMIT: usize = 100_000;
/// Longest number, source and Call-ID kept, in octets.
pub const MAX_TEXT: usize = 255;
/// Dialogs remembered per mailbox.
pub const MAX_SEEN: usize = 8;
/// How long a dialog's sequence numbers are remembered, in ms: longer than any transaction (64*T1 is 32 s), short
/// enough that a server that begins anew with the same Call-IDs is heard.
pub const REPLAY_WINDOW: u64 = 300_000;

/// A table of mailboxes by number.
///
/// Times are milliseconds since the Unix epoch, as given by the caller. After a clock jumped back new states would
/// look older than they are: [`Mailboxes::stamp`] gives a time that never does.
///
/// ```
/// use mwi::mailbox::{Change, Mailboxes, State};
/// use mwi::summary::Summary;
///
/// let notify = |cseq, waiting| State {
///     summary: Summary::new(waiting),
///     source: "192.0.2.10".into(),
///     cseq,
///     call_id: "1-18438@192.0.2.10".into(),
///     received: 1_000,
/// };
/// let mut table = Mailboxes::default();
/// assert_eq!(table.update("8000", notify(2, true)), Change::New);
/// assert_eq!(table.update("8000", notify(1, false)), Change::Stale);
/// assert!(table.is_waiting("8000"));
/// ```
#[derive(Clone, Debug)]
pub struct Mailboxes {
    records: BTreeMap<String, Record>,
    limit: usize,
    /// Latest time of any state ever taken.
    newest: u64,
}

impl Mailboxes {
    /// A table for at most `limit` mailboxes.
    pub fn new(limit: usize) -> Self {
        Self { records: BTreeMap::new(), limit, newest: 0 }
    }

    /// The time to mark a state with that arrives when the clock says `clock`: never before an earlier state's.
    pub fn stamp(&self, clock: u64) -> u64 {
        clock.max(self.newest)
    }

    /// As [`Mailboxes::stamp`], and after every earlier state's: it tells the state from every other one, over restarts too.
    pub fn own_stamp(&self, clock: u64) -> u64 {
        clock.max(self.newest.saturating_add(1))
    }

    /// Takes what a NOTIFY said about `number`, unless something newer is known.
    ///
    /// Within a Call-ID of a source the higher CSeq is newer, an equal one is a replay; this is remembered for
    /// [`MAX_SEEN`] Call-IDs per mailbox and [`REPLAY_WINDOW`]. Between different ones the later `received` is newer.
    /// The newest NOTIFY's own CSeq once more with another summary is no replay and is taken: scripts send so.
    /// [`Summary::extra`] is not kept.
    pub fn update(&mut self, number: &str, mut state: State) -> Change {
        state.summary.extra = Vec::new();
        let seen = Seen { dialog: state.dialog(), cseq: state.cseq, received: state.received };
        truncate(&mut state.source);
        truncate(&mut state.call_id);
        let Some(record) = self.records.get_mut(number) else {
            if number.is_empty() || number.len() > MAX_TEXT || self.records.len() >= self.limit {
                return Change::Refused;
            }
            self.newest = self.newest.max(state.received);
            let record =
                Record { number: number.to_owned(), changed: state.received, state, seen: vec![seen] };
            self.records.insert(number.to_owned(), record);
            return Change::New;
        };
        if !record.is_newer(seen, &state.summary) {
            return Change::Stale;
        }
        record.remember(seen);
        self.newest = self.newest.max(state.received);
        let changed = record.state.summary != state.summary;
        if changed {
            record.changed = state.received;
        }
        record.state = state;
        if changed { Change::Changed } else { Change::Same }
    }

    /// Puts a record back as the store kept it; `false` if the table is full.
    pub fn restore(&mut self, record: Record) -> bool {
        let fits = self.records.len() < self.limit || self.records.contains_key(&record.number);
        if fits {
            self.newest = self.newest.max(record.state.received);
            self.records.insert(record.number.clone(), record);
        }
        fits
    }

    /// Forgets a mailbox and returns what was known of it.
    pub fn remove(&mut self, number: &str) -> Option<Record> {
        self.records.remove(number)
    }

    /// What is known of a mailbox.
    pub fn record(&self, number: &str) -> Option<&Record> {
        self.records.get(number)
    }

    /// Whether messages wait; `false` for an unknown mailbox.
    pub fn is_waiting(&self, number: &str) -> bool {
        self.record(number).is_some_and(|record| record.state.summary.waiting)
    }

    /// All mailboxes in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Number of mailboxes.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl Default for Mailboxes {
    /// A table for [`DEFAULT_LIMIT`] mailboxes.
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

/// What [`Mailboxes::update`] made of a NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Change {
    /// First news of this mailbox.
    New,
    /// Another status or other counts than before.
    Changed,
    /// Newer, and says the same.
    Same,
    /// Older than what is known, or a replay: nothing was changed.
    Stale,
    /// The table is full, or the number is empty or longer than [`MAX_TEXT`]: nothing was kept.
    Refused,
}

impl Change {
    /// Whether lamps may have to change.
    pub fn is_news(self) -> bool {
        matches!(self, Self::New | Self::Changed)
    }
}

/// What one NOTIFY said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its body.
    pub summary: Summary,
    /// Who sent it, for example the address.
    pub source: String,
    /// Its CSeq number.
    pub cseq: u32,
    /// Its Call-ID.
    pub call_id: String,
    /// When it came, ms since the Unix epoch.
    pub received: u64,
}

impl State {
    /// Source and Call-ID as one number (FNV-1a), so that remembering them costs 8 octets whatever their length.
    fn dialog(&self) -> u64 {
        let octets = self.source.bytes().chain([0]).chain(self.call_id.bytes());
        octets.fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3)
        })
    }
}

/// What is known of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The number.
    pub number: String,
    /// The newest NOTIFY; its source and Call-ID cut to [`MAX_TEXT`].
    pub state: State,
    /// When the summary last became another, ms since the Unix epoch.
    pub changed: u64,
    /// Dialogs heard lately, the latest last.
    pub seen: Vec<Seen>,
}

impl Record {
    fn is_newer(&self, new: Seen, summary: &Summary) -> bool {
        let before = self.seen.iter().find(|seen| seen.dialog == new.dialog);
        let before = before.filter(|seen| new.received.saturating_sub(seen.received) < REPLAY_WINDOW);
        let of_newest = self.seen.last().is_some_and(|seen| seen.dialog == new.dialog);
        let in_sequence = before.is_none_or(|seen| {
            new.cseq > seen.cseq || (of_newest && new.cseq == seen.cseq && *summary != self.state.summary)
        });
        in_sequence && new.received >= self.state.received
    }

    fn remember(&mut self, new: Seen) {
        self.seen.retain(|seen| seen.dialog != new.dialog);
        self.seen.push(new);
        let surplus = self.seen.len().saturating_sub(MAX_SEEN);
        self.seen.drain(..surplus);
    }
}

/// How far a dialog has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Source and Call-ID, hashed.
    pub dialog: u64,
    /// Highest CSeq heard.
    pub cseq: u32,
    /// When it was heard, ms since the Unix epoch.
    pub received: u64,
}

fn truncate(text: &mut String) {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.truncate(end);
    text.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state(call_id: &str, cseq: u32, received: u64, waiting: bool) -> State {
        let summary = Summary::new(waiting);
        State { summary, source: "192.0.2.1".into(), cseq, call_id: call_id.into(), received }
    }

    #[test]
    fn the_higher_cseq_of_a_dialog_wins() {
        let mut table = Mailboxes::default();
        assert_eq!(table.update("1", state("a", 5, 10, true)), Change::New);
        assert_eq!(table.update("1", state("a", 6, 11, true)), Change::Same);
        assert_eq!(table.update("1", state("a", 6, 12, true)), Change::Stale);
        assert_eq!(table.update("1", state("a", 4, 13, false)), Change::Stale);
        assert_eq!(table.update("1", state("a", 7, 14, false)), Change::Changed);
        assert_eq!(table.record("1").map(|r| (r.changed, r.state.cseq)), Some((14, 7)));
        assert!(!table.is_waiting("1") && !table.is_waiting("2"));
    }

    #[test]
    fn a_script_that_never_counts_its_cseq_is_heard() {
        let mut table = Mailboxes::default();
        for (n, waiting) in [(0, true), (1, false), (2, true), (3, false)] {
            let expected = if n == 0 { Change::New } else { Change::Changed };
            assert_eq!(table.update("1", state("a", 1, n, waiting)), expected);
            assert_eq!(table.update("1", state("a", 1, n, waiting)), Change::Stale);
        }
    }

    #[test]
    fn a_replay_of_an_earlier_dialog_does_no_harm() {
        let mut table = Mailboxes::default();
        table.update("1", state("a", 1, 10, true));
        assert_eq!(table.update("1", state("b", 1, 20, false)), Change::Changed);
        assert_eq!(table.update("1", state("a", 1, 30, true)), Change::Stale);
        assert_eq!(table.update("1", state("c", 1, 15, true)), Change::Stale);
        assert!(!table.is_waiting("1"));
        assert_eq!(table.update("1", state("a", 2, 40, true)), Change::Changed);
        // The same Call-ID from elsewhere is another dialog.
        let other = State { source: "192.0.2.2".into(), ..state("a", 1, 50, false) };
        assert_eq!(table.update("1", other), Change::Changed);
    }

    #[test]
    fn a_server_that_begins_anew_is_heard_after_a_while() {
        let mut table = Mailboxes::default();
        table.update("1", state("a", 9, 0, true));
        assert_eq!(table.update("1", state("a", 1, REPLAY_WINDOW - 1, false)), Change::Stale);
        assert_eq!(table.update("1", state("a", 1, REPLAY_WINDOW, false)), Change::Changed);
    }

    #[test]
    fn the_table_and_its_records_are_bounded() {
        let mut table = Mailboxes::new(2);
        assert_eq!(table.update("1", state("a", 1, 1, true)), Change::New);
        assert_eq!(table.update("", state("a", 1, 1, true)), Change::Refused);
        assert_eq!(table.update(&"1".repeat(256), state("a", 1, 1, true)), Change::Refused);
        assert_eq!(table.update("2", state("a", 1, 1, true)), Change::New);
        assert_eq!(table.update("3", state("a", 1, 1, true)), Change::Refused);
        assert_eq!(table.update("1", state("a", 2, 1, false)), Change::Changed);
        for n in 0..50 {
            let mut long = state(&format!("{n}{}", "é".repeat(9_999)), 1, 2 + n, n % 2 == 0);
            long.summary.extra.push(("X".into(), "y".repeat(4000)));
            assert!(matches!(table.update("1", long), Change::Changed));
        }
        let record = table.record("1");
        assert_eq!(record.map(|r| r.seen.len()), Some(MAX_SEEN));
        assert!(
            record.is_some_and(|r| r.state.call_id.len() <= MAX_TEXT && r.state.summary.extra.is_empty())
        );
        assert_eq!(table.iter().map(|r| r.number.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_silence_the_voice_mail() {
        let mut table = Mailboxes::default();
        table.update("1", state("a", 1, table.stamp(1_000_000), true));
        assert_eq!(table.update("1", state("b", 1, table.stamp(5), false)), Change::Changed);
        let mut restored = Mailboxes::default();
        assert!(table.iter().all(|record| restored.restore(record.clone())));
        assert_eq!(restored.stamp(7), 1_000_000);
        assert_eq!(restored.stamp(2_000_000), 2_000_000);
        assert_eq!((restored.own_stamp(7), restored.own_stamp(2_000_000)), (1_000_001, 2_000_000));
    }

    #[test]
    fn restored_records_go_on_where_they_were() {
        let mut before = Mailboxes::new(1);
        before.update("1", state("a", 5, 10, true));
        let mut after = Mailboxes::new(1);
        assert!(before.iter().all(|record| after.restore(record.clone())));
        assert!(before.iter().all(|record| after.restore(record.clone())));
        assert_eq!(after.update("1", state("a", 4, 11, false)), Change::Stale);
        let record = Record { number: "2".into(), ..before.remove("1").unwrap_or_else(|| unreachable!()) };
        assert!(!after.restore(record));
        assert!(before.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// However NOTIFYs of up to eight dialogs are repeated and swapped on their way, the table ends where the
        /// last one sent left it, once that has arrived in order of time.
        #[test]
        fn repeats_and_late_ones_do_no_harm(
            sent in prop::collection::vec((0_u8..6, any::<bool>()), 1..20),
            repeats in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20),
        ) {
            let mut order: Vec<State> = Vec::new();
            for (n, (dialog, waiting)) in (0_u32..).zip(&sent) {
                order.push(state(&dialog.to_string(), n, 0, *waiting));
            }
            // Each repeat comes after the one it repeats.
            let mut arriving: Vec<(usize, State)> = order.iter().cloned().enumerate().map(|(n, s)| (n * 100, s)).collect();
            for (n, (which, delay)) in repeats.into_iter().enumerate() {
                let which = which.index(order.len());
                arriving.push((which * 100 + 1 + n + 100 * delay.index(20), order[which].clone()));
            }
            arriving.sort_by_key(|(at, _)| *at);
            let mut table = Mailboxes::default();
            for (at, state) in arriving {
                table.update("1", State { received: at as u64, ..state });
            }
            prop_assert_eq!(table.is_waiting("1"), sent.last().is_some_and(|(_, waiting)| *waiting));
        }
    }
}
