//! `tipring mwi expiry`: mailboxes nobody has told of for so long. A lamp that is lit is put out, as if the voice mail had said
//! so; a mailbox that holds nothing is forgotten.

use std::time::{Duration, Instant};

use cli::config::{Config, Node};
use cli::session::DebugTopic;
use mwi::mailbox::Change;
use mwi::summary::Summary;

use super::Switch;
use crate::service::history::Happening;
use crate::service::mailbox::Delivery;

/// Source of states that are taken back.
const EXPIRY: &str = "expiry";
/// The table is not gone through more often.
const LEAST: Duration = Duration::from_secs(60);
const HOUR_MS: u64 = 3_600_000;

/// When mailboxes are looked through next.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    due: Option<Instant>,
    /// When the oldest state was last looked for, to be counted.
    looked: Option<Instant>,
}

impl Expiry {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

impl Switch {
    /// Takes `tipring mwi expiry`; what is too old already goes in a minute.
    pub(super) fn configure_expiry(&mut self, now: Instant) {
        self.expiry.due = age(&self.config).and(self.expiry.due.or(Some(now + LEAST)));
    }

    pub(super) fn expiry_timeout(&mut self, now: Instant) {
        if self.expiry.due.is_some_and(|at| at <= now) {
            self.expire_mailboxes(now);
        }
    }

    /// Counts how old what is known is: the newest state at once, the oldest once a minute.
    pub(super) fn note_age(&mut self, now: Instant, received: u64) {
        let [_, newest] = &self.metrics.heard;
        newest.set(seconds(received));
        if self.expiry.looked.is_none_or(|at| now.saturating_duration_since(at) >= LEAST) {
            self.count_ages(now);
        }
    }

    /// Looks for the oldest and the newest state; 0 where nothing is known.
    pub(super) fn count_ages(&mut self, now: Instant) {
        self.expiry.looked = Some(now);
        let heard = || self.mailboxes.iter().map(|record| record.state.received);
        let [oldest, newest] = &self.metrics.heard;
        oldest.set(seconds(heard().min().unwrap_or(0)));
        newest.set(seconds(heard().max().unwrap_or(0)));
    }

    fn expire_mailboxes(&mut self, now: Instant) {
        let Some(age) = age(&self.config) else { return };
        let clock = self.clock.unix_ms(now);
        let heard = |received: u64| clock.saturating_sub(received);
        let old = self.mailboxes.iter().filter(|record| heard(record.state.received) >= age);
        let old: Vec<(String, bool)> =
            old.map(|record| (record.number.clone(), record.state.summary.waiting)).collect();
        for (number, waiting) in old {
            if self.monitor.on(DebugTopic::Mwi) {
                self.monitor.print(now, DebugTopic::Mwi, &format!("MWI: nobody tells of {number} any more"));
            }
            if waiting {
                self.take_back(now, &number);
            } else {
                self.forget_mailbox(now, &number);
            }
        }
        self.count_mailboxes(false, false);
        self.count_ages(now);
        let oldest = self.mailboxes.iter().map(|record| record.state.received).min();
        let left = oldest.map_or(age, |received| age.saturating_sub(heard(received)));
        self.expiry.due = Some(now + Duration::from_millis(left).max(LEAST));
    }

    /// The lamp goes out, here or at the PBX.
    fn take_back(&mut self, now: Instant, number: &str) {
        let state = self.own_state(now, EXPIRY, Summary::new(false));
        if matches!(self.learn(now, number, state), Change::Refused | Change::Stale) {
            return;
        }
        match self.choose(number, &self.routes(number)) {
            Ok(place) => self.deliver(now, None, number, &place),
            Err(_) => {
                self.deliveries.insert(number.to_owned(), Delivery::Local);
                self.keep(number);
            }
        }
    }

    /// Forgets a mailbox, and tells who watches it.
    pub(super) fn forget_mailbox(&mut self, now: Instant, number: &str) -> bool {
        if self.mailboxes.remove(number).is_none() {
            return false;
        }
        self.deliveries.remove(number);
        self.store.remove(number);
        self.forget_refusal(number);
        self.history.note(now, number, Happening::Forgotten);
        self.tell_watchers(now, number);
        true
    }
}

fn seconds(ms: u64) -> i64 {
    i64::try_from(ms / 1000).unwrap_or(i64::MAX)
}

/// The age in ms.
fn age(config: &Config) -> Option<u64> {
    let hours = config.tree().section("sip-ua").and_then(|ua: &Node| ua.value("tipring mwi expiry "))?;
    hours.parse::<u64>().ok().map(|hours| hours * HOUR_MS)
}
