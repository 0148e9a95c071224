//! Message waiting worked by hand: `mwi set`, `mwi sync`, `clear mwi`. A state given by hand goes the way of a NOTIFY: the
//! dial plan, the telephone's line or the trunk's queue, which paces it.

use std::collections::BTreeSet;
use std::time::Instant;

use cli::session::{MwiCommand, Reply};
use mwi::mailbox::Change;
use mwi::queue::{Job, TrunkQueue};
use mwi::summary::{ClassCount, MessageClass, Summary};

use super::Switch;
use super::notify::{Answer, Place};
use super::pbx_way::PbxWay;
use crate::service::history::Totals;
use crate::service::mailbox::Delivery;
use crate::service::message::Message;

/// Source of states that were given by hand.
const CONSOLE: &str = "console";
/// Status of a state that was dropped from a queue by hand: the request was terminated.
const TERMINATED: u16 = 487;

/// States given by hand whose PBX has not said anything yet.
#[derive(Debug, Default)]
pub(super) struct ByHand {
    open: BTreeSet<String>,
    done: usize,
    failed: usize,
}

impl ByHand {
    /// Outcomes known and open: done, failed, to go.
    pub(super) fn progress(&self) -> (usize, usize, usize) {
        (self.done, self.failed, self.open.len())
    }
}

impl Switch {
    /// `mwi …` and the parts of `clear mwi …`.
    pub fn mwi_command(&mut self, now: Instant, command: MwiCommand) -> Reply {
        let reply = self.do_mwi_command(now, command);
        self.drain_sip(now);
        reply
    }

    fn do_mwi_command(&mut self, now: Instant, command: MwiCommand) -> Reply {
        match command {
            MwiCommand::Set { number, on, count } => self.mwi_set(now, &number, on, count),
            MwiCommand::Sync { number: Some(number) } => self.mwi_sync_one(now, &number),
            MwiCommand::Sync { number: None } => self.mwi_sync_all(now),
            MwiCommand::ClearQueue { trunk } => self.clear_mwi_queue(now, trunk.as_deref()),
            MwiCommand::ClearHistory => {
                self.history.clear();
                Reply::none()
            }
            MwiCommand::ClearStatistics => {
                self.totals = Totals::default();
                for way in self.pbx_ways() {
                    if let Some(queue) = self.way_queue_mut(way) {
                        queue.reset_counters();
                    }
                }
                Reply::none()
            }
        }
    }

    fn mwi_set(&mut self, now: Instant, number: &str, on: bool, count: Option<u32>) -> Reply {
        let place = match self.mwi_place(number) {
            Ok(place) => place,
            Err(why) => return Reply::error(why),
        };
        let mut summary = Summary::new(on);
        if let Some(new) = count {
            let voice = MessageClass::Voice;
            summary.classes.push(ClassCount {
                class: voice,
                new,
                old: 0,
                urgent_new: None,
                urgent_old: None,
            });
        }
        let state = self.own_state(now, CONSOLE, summary);
        if self.learn(now, number, state) == Change::Refused {
            return Reply::error("% Mailbox table full");
        }
        let word = if on { "ON" } else { "OFF" };
        let to = self.bring(now, number, &place);
        Reply::text(format!("{number} {word}: {to}"))
    }

    fn mwi_sync_one(&mut self, now: Instant, number: &str) -> Reply {
        if self.mailboxes.record(number).is_none() {
            return Reply::error(format!("% No mailbox {number} is known"));
        }
        match self.mwi_place(number) {
            Ok(place) => {
                let to = self.bring(now, number, &place);
                Reply::text(format!("{number}: {to}"))
            }
            Err(why) => Reply::error(why),
        }
    }

    /// Every mailbox in order of its number; the queues of the trunks pace what follows.
    fn mwi_sync_all(&mut self, now: Instant) -> Reply {
        let numbers: Vec<String> = self.mailboxes.iter().map(|record| record.number.clone()).collect();
        let (mut lines, mut trunks, mut nowhere) = (0_usize, 0_usize, 0_usize);
        for number in &numbers {
            match self.mwi_place(number) {
                Ok(place) => {
                    self.bring(now, number, &place);
                    match place {
                        Place::Line(_) => lines += 1,
                        Place::Pbx { .. } => trunks += 1,
                    }
                }
                Err(_) => nowhere += 1,
            }
        }
        let mut text = format!(
            "{} mailboxes: {lines} at telephones of this gateway, {trunks} on their way to PBXs",
            numbers.len()
        );
        if nowhere > 0 {
            text.push_str(&format!(", {nowhere} lead nowhere"));
        }
        Reply::text(text)
    }

    /// Where the telephone of a number is, or what the console is told instead.
    fn mwi_place(&self, number: &str) -> Result<Place, String> {
        let routes = self.routes(number);
        if routes.is_empty() {
            return Err(format!("% No dial peer leads to a port for {number}"));
        }
        self.choose(number, &routes)
            .map_err(|answer: Answer| format!("% {}", answer.reason.unwrap_or_default()))
    }

    /// Brings a mailbox's state to its telephone, and says which way it goes.
    fn bring(&mut self, now: Instant, number: &str, place: &Place) -> String {
        let to = match *place {
            Place::Line(line) => {
                let port = self.lines.get(line).map(|l| l.name().to_owned()).unwrap_or_default();
                format!("port {port}")
            }
            Place::Pbx { way, .. } => {
                self.by_hand.open.insert(number.to_owned());
                self.way_words(way)
            }
        };
        self.deliver(now, None, number, place);
        to
    }

    /// Which way a state goes to a PBX, in words.
    fn way_words(&self, way: PbxWay) -> String {
        let name = self.way_name(way);
        let ahead = self.way_queue(way).map_or(0, |queue| queue.waiting() + queue.in_flight());
        match (self.way_is_up(way), ahead) {
            (false, _) => format!("waits for trunk {name}, which is down"),
            (true, 0) => format!("on its way to trunk {name}"),
            (true, ahead) => format!("queued for trunk {name}, {ahead} before it"),
        }
    }

    /// The end of a state's way to a PBX, if it was given by hand; the last one says how many went well.
    pub(super) fn by_hand_ended(&mut self, now: Instant, number: &str, done: bool, words: &str) {
        if !self.by_hand.open.remove(number) {
            return;
        }
        let count = if done { &mut self.by_hand.done } else { &mut self.by_hand.failed };
        *count += 1;
        let ByHand { done: well, failed, .. } = self.by_hand;
        if !done || (well + failed == 1 && self.by_hand.open.is_empty()) {
            self.monitor.syslog(now, Message::MwiByHand { number: &number, words: &words });
        }
        if self.by_hand.open.is_empty() {
            if well + failed > 1 {
                self.monitor.syslog(now, Message::MwiByHandDone { well: &well, failed: &failed });
            }
            (self.by_hand.done, self.by_hand.failed) = (0, 0);
        }
    }

    /// Drops what waits for a PBX; what is under way stays. The mailboxes keep their state and are marked as failed.
    fn clear_mwi_queue(&mut self, now: Instant, trunk: Option<&str>) -> Reply {
        let mut ways = self.pbx_ways();
        ways.retain(|way| trunk.is_none_or(|wanted| wanted == self.way_name(*way)));
        if let Some(name) = trunk
            && ways.is_empty()
        {
            return Reply::error(format!("% {name} is not a trunk of this gateway"));
        }
        let mut dropped = Vec::new();
        for way in ways {
            let name = self.way_name(way).to_owned();
            let jobs = self.way_queue_mut(way).map(TrunkQueue::clear).unwrap_or_default();
            for Job { activation, token, .. } in jobs {
                let known = self.users.get(&(way, activation.number));
                dropped.push((known.map(|(number, _)| number.clone()), name.clone(), token));
            }
        }
        let count = dropped.len();
        for (number, port, token) in dropped {
            if let Some(key) = token {
                self.decide(now, key, Answer::later("Dropped from the trunk's queue"));
            }
            if let Some(number) = number {
                self.drop_delivery(now, &number, port);
            }
        }
        for at in 0..self.trunks.len() {
            self.drain_trunk(now, at);
        }
        Reply::text(format!("{count} dropped"))
    }

    /// A mailbox's news will not reach its PBX.
    fn drop_delivery(&mut self, now: Instant, number: &str, trunk: String) {
        let outcome = "dropped by hand".to_owned();
        self.by_hand_ended(now, number, false, &outcome);
        let at = self.clock.unix_ms(now);
        let failed = Delivery::Failed { trunk, status: TERMINATED, outcome, at };
        self.deliveries.insert(number.to_owned(), failed);
        self.keep(number);
    }
}
