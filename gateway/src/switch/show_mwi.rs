//! `show mwi`: mailboxes, what waits for PBXs, what happened, how often.

use std::fmt::Write as _;
use std::time::Instant;

use cli::session::{MwiQuery, MwiScope, MwiView};
use mwi::mailbox::Record;
use mwi::queue::{Place, TrunkQueue};
use mwi::subscription::Status;

use super::Switch;
use super::pbx_way::PbxWay;
use super::smdi::{Heard, call_words};
use crate::service::mailbox::Delivery;

/// Jobs of a queue that are printed.
const JOBS: usize = 100;

impl Switch {
    pub(super) fn show_mwi(&self, now: Instant, query: &MwiQuery) -> String {
        let MwiQuery { scope, view } = query;
        if let MwiScope::Number(number) = scope
            && self.mailboxes.record(number).is_none()
            && *view != MwiView::History
        {
            return format!("% No mailbox {number} is known\n");
        }
        let mut out = String::new();
        match view {
            MwiView::Brief => {
                self.mailbox_table(&mut out, now, scope);
                if *scope == MwiScope::All {
                    self.subscription_lines(&mut out, now);
                }
                self.queue_lines(&mut out, now, scope);
            }
            MwiView::Detail => {
                for record in self.mailboxes.iter().filter(|record| self.in_scope(scope, &record.number)) {
                    self.mailbox_detail(&mut out, now, record);
                }
            }
            MwiView::History => self.history_lines(&mut out, scope),
            MwiView::Queue => {
                let (done, failed, open) = self.by_hand.progress();
                if open > 0 {
                    let _ = writeln!(out, "By hand: {done} done, {failed} failed, {open} to go");
                }
                self.queue_lines(&mut out, now, scope);
            }
            MwiView::Statistics => self.statistics_lines(&mut out, scope),
        }
        out
    }

    fn in_scope(&self, scope: &MwiScope, number: &str) -> bool {
        match scope {
            MwiScope::All => true,
            MwiScope::Number(wanted) => wanted == number,
            MwiScope::Port(port) | MwiScope::Trunk(port) => self.via(number) == *port,
        }
    }

    /// Port or trunk a mailbox's news went to, or would go to.
    fn via(&self, number: &str) -> String {
        let delivery = self.deliveries.get(number).unwrap_or(&Delivery::Local);
        delivery.trunk().map_or_else(|| self.line_of(number), str::to_owned)
    }

    fn mailbox_table(&self, out: &mut String, now: Instant, scope: &MwiScope) {
        let records: Vec<&Record> =
            self.mailboxes.iter().filter(|record| self.in_scope(scope, &record.number)).collect();
        let waiting = records.iter().filter(|r| r.state.summary.waiting).count();
        let _ = writeln!(out, "{} mailboxes, {waiting} with messages waiting", records.len());
        let _ = writeln!(out, "\nMailbox          Status  New/Old   Delivery    Via         Age");
        for record in records {
            let delivery = self.deliveries.get(&record.number).unwrap_or(&Delivery::Local);
            let summary = &record.state.summary;
            let counts = summary.voice().map_or_else(|| "-".to_owned(), |v| format!("{}/{}", v.new, v.old));
            let _ = write!(
                out,
                "{:<16} {:<7} {counts:<9} {:<11} {:<11} {} s",
                record.number,
                status(summary.waiting),
                delivery.word(),
                self.via(&record.number),
                self.age(now, record.state.received)
            );
            if let Delivery::Failed { status, outcome, .. } = delivery {
                let _ = write!(out, "  ({status}: {outcome})");
            }
            out.push('\n');
        }
    }

    fn mailbox_detail(&self, out: &mut String, now: Instant, record: &Record) {
        let Record { number, state, changed, .. } = record;
        let delivery = self.deliveries.get(number).unwrap_or(&Delivery::Local);
        let _ = writeln!(out, "Mailbox {number}");
        let _ = writeln!(out, "  Status: {}", status(state.summary.waiting));
        for count in &state.summary.classes {
            let _ = write!(out, "  {}: {} new, {} old", count.class, count.new, count.old);
            if let (Some(new), Some(old)) = (count.urgent_new, count.urgent_old) {
                let _ = write!(out, "; urgent {new} new, {old} old");
            }
            out.push('\n');
        }
        if let Some(account) = &state.summary.account {
            let _ = writeln!(out, "  Account: {account}");
        }
        let _ = writeln!(out, "  Told by {}, CSeq {}, Call-ID {}", state.source, state.cseq, state.call_id);
        let (heard, since) = (self.age(now, state.received), self.age(now, *changed));
        let _ = writeln!(out, "  Heard of {heard} s ago, unchanged for {since} s");
        let _ = write!(out, "  Delivery: {} by {}", delivery.word(), self.via(number));
        match delivery {
            Delivery::Delivered { at, .. } => {
                let _ = write!(out, ", {} s ago", self.age(now, *at));
            }
            Delivery::Failed { status, outcome, at, .. } => {
                let _ = write!(out, ", {} s ago: {outcome} ({status})", self.age(now, *at));
            }
            Delivery::Local | Delivery::Pending { .. } => {}
        }
        let _ = writeln!(out, "\n  Subscribers: {}\n", self.watchers.of(number));
    }

    /// Seconds since a time in milliseconds since 1970.
    fn age(&self, now: Instant, at: u64) -> u64 {
        self.clock.unix_ms(now).saturating_sub(at) / 1000
    }

    fn subscription_lines(&self, out: &mut String, now: Instant) {
        for (endpoint, status) in self.subscriptions.iter() {
            let seconds = |at: Instant| at.saturating_duration_since(now).as_secs();
            let words = match status {
                Status::Blocked => "waits for the server's address".to_owned(),
                Status::Waiting(at) => format!("subscribes in {} s", seconds(at)),
                Status::Trying => "subscribing".to_owned(),
                Status::Active { refresh } => format!("subscribed, refresh in {} s", seconds(refresh)),
                Status::Ending => "being ended".to_owned(),
            };
            let _ = writeln!(out, "\nSubscription {} (port {}): {words}", endpoint.number, endpoint.port);
        }
    }

    /// Ways to PBXs the scope is about, with their queues.
    fn queue_lines(&self, out: &mut String, now: Instant, scope: &MwiScope) {
        for way in self.pbx_ways() {
            let name = self.way_name(way);
            let number = match scope {
                MwiScope::All => None,
                MwiScope::Trunk(port) if port == name => None,
                MwiScope::Number(number) if self.via(number) == name => Some(number.as_str()),
                _ => continue,
            };
            let Some(queue) = self.way_queue(way) else { continue };
            queue_line(out, &self.way_head(way), queue);
            if let PbxWay::Trunk(trunk) = way
                && self.trunks.get(trunk).is_some_and(|pri| pri.unsupported)
            {
                let _ = writeln!(out, "  the PBX has refused message waiting as unknown");
            }
            job_lines(out, now, queue, number);
        }
    }

    /// What a way to a PBX is, in words.
    fn way_head(&self, way: PbxWay) -> String {
        let up = if self.way_is_up(way) { "up" } else { "down" };
        match way {
            PbxWay::Trunk(trunk) => {
                let mwi = self.trunks.get(trunk).is_some_and(|pri| pri.mwi);
                format!("Trunk {}: mwi {}, {up}", self.way_name(way), if mwi { "on" } else { "off" })
            }
            PbxWay::Smdi(line) => {
                let tty = self.smdi.get(line).map(|line| line.settings.tty.display().to_string());
                format!("SMDI line {} on {}: {up}", self.way_name(way), tty.unwrap_or_default())
            }
        }
    }

    fn history_lines(&self, out: &mut String, scope: &MwiScope) {
        for entry in self.history.iter().filter(|entry| self.in_scope(scope, &entry.number)) {
            let at = self.clock.timestamp(entry.at);
            let _ = writeln!(out, "{at}  {:<16} {}", entry.number, entry.happening);
        }
        for line in &self.smdi {
            if matches!(scope, MwiScope::Trunk(name) if *name == line.settings.name) {
                for (at, call) in &line.calls {
                    let _ = writeln!(out, "{}  call to {}", self.clock.timestamp(*at), call_words(call));
                }
            }
        }
    }

    fn statistics_lines(&self, out: &mut String, scope: &MwiScope) {
        if *scope == MwiScope::All {
            let waiting = self.mailboxes.iter().filter(|r| r.state.summary.waiting).count();
            let _ = writeln!(out, "Mailboxes: {}, {waiting} with messages waiting", self.mailboxes.len());
            let _ = writeln!(out, "Subscribers: {}", self.watchers.count());
            for (status, count) in &self.totals.notifies {
                let _ = writeln!(out, "NOTIFY answered {status}: {count}");
            }
            for (outcome, count) in &self.totals.outcomes {
                let _ = writeln!(out, "PBX outcome {outcome}: {count}");
            }
        }
        for way in self.pbx_ways() {
            let name = self.way_name(way);
            let wanted = match scope {
                MwiScope::All => true,
                MwiScope::Trunk(port) | MwiScope::Port(port) => port == name,
                MwiScope::Number(number) => self.via(number) == name,
            };
            let Some(queue) = self.way_queue(way).filter(|_| wanted) else { continue };
            queue_line(out, &self.way_head(way), queue);
            if let PbxWay::Smdi(line) = way
                && let Some(Heard { calls, refusals, rubbish }) = self.smdi.get(line).map(|line| line.heard)
            {
                let _ = writeln!(out, "  heard {calls} calls, {refusals} refusals, {rubbish} unreadable");
            }
        }
    }
}

fn status(waiting: bool) -> &'static str {
    if waiting { "ON" } else { "OFF" }
}

fn queue_line(out: &mut String, head: &str, queue: &TrunkQueue) {
    let counters = queue.counters();
    let _ = writeln!(
        out,
        "\n{head}, {} under way, {} waiting; started {}, done {}, failed {}, again {}, replaced {}",
        queue.in_flight(),
        queue.waiting(),
        counters.started,
        counters.done,
        counters.failed,
        counters.again,
        counters.replaced,
    );
}

fn job_lines(out: &mut String, now: Instant, queue: &TrunkQueue, number: Option<&str>) {
    let mut jobs: Vec<_> = queue.iter().collect();
    jobs.retain(|(job, _)| number.is_none_or(|number| job.activation.number.ends_with(number)));
    jobs.sort_by(|a, b| a.0.activation.number.cmp(&b.0.activation.number));
    for (job, place) in jobs.into_iter().take(JOBS) {
        let word = match place {
            Place::InFlight => "under way".to_owned(),
            Place::Waiting => "waiting".to_owned(),
            Place::BackOff(at) => format!("again in {} s", at.saturating_duration_since(now).as_secs()),
        };
        let _ = writeln!(out, "  {} {}: {word}", job.activation.number, status(job.activation.on));
    }
}
