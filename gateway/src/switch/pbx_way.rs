//! Ways to a PBX: a trunk's D channel, or a serial line with SMDI. What they have in common is here: the queue of states, the
//! PBX's number of each mailbox, what an outcome means, and what is sent again after a restart.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cli::session::DebugTopic;
use dialpeer::digits_sent;
use mwi::queue::{Finished, Job, Push, TrunkQueue};
use mwi::translate::{Services, activations};
use mwi::verdict::{Outcome, RetryClass, Verdict, sip_status};

use super::notify::{Answer, Place, cause, label, words};
use super::{PortIndex, Switch, usable};
use crate::leg::pri::{Ended, PriTrunk};
use crate::service::history::Happening;
use crate::service::mailbox::Delivery;
use crate::service::message::Message;

/// A NOTIFY hunts to another way only while an answer before timer F (32 s) is still certain.
const HUNT_WITHIN: Duration = Duration::from_secs(9);

/// One way to a PBX, by its index among its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum PbxWay {
    /// Message waiting of QSIG or ETSI on a trunk.
    Trunk(usize),
    /// SMDI on a serial line.
    Smdi(usize),
}

/// Mailbox behind a PBX's number on a way, and the NOTIFY that last brought it.
pub(super) type Users = HashMap<(PbxWay, String), (String, Option<u64>)>;

impl PortIndex {
    /// The way to a PBX that leads by this port.
    pub(super) fn way(self) -> Option<PbxWay> {
        match self {
            Self::Trunk(trunk) => Some(PbxWay::Trunk(trunk)),
            Self::Smdi(line) => Some(PbxWay::Smdi(line)),
            Self::Line(_) | Self::Office(_) => None,
        }
    }
}

/// What a way is now.
impl Switch {
    /// Every way, trunks first.
    pub(super) fn pbx_ways(&self) -> Vec<PbxWay> {
        let trunks = (0..self.trunks.len()).map(PbxWay::Trunk);
        trunks.chain((0..self.smdi.len()).map(PbxWay::Smdi)).collect()
    }

    /// Voice port of the trunk, or name of the serial line.
    pub(super) fn way_name(&self, way: PbxWay) -> &str {
        match way {
            PbxWay::Trunk(trunk) => self.trunks.get(trunk).map(|pri| pri.port.as_str()),
            PbxWay::Smdi(line) => self.smdi.get(line).map(|line| line.settings.name.as_str()),
        }
        .unwrap_or_default()
    }

    /// Whether somebody listens there.
    pub(super) fn way_is_up(&self, way: PbxWay) -> bool {
        match way {
            PbxWay::Trunk(trunk) => self.trunks.get(trunk).is_some_and(|pri| pri.span.is_up()),
            PbxWay::Smdi(line) => self.smdi.get(line).is_some_and(|line| line.up),
        }
    }

    /// Whether a state may go there now.
    pub(super) fn way_is_usable(&self, way: PbxWay) -> bool {
        match way {
            PbxWay::Trunk(trunk) => self.trunks.get(trunk).is_some_and(usable),
            PbxWay::Smdi(_) => self.way_is_up(way),
        }
    }

    /// What waits for it and is under way.
    pub(super) fn way_queue(&self, way: PbxWay) -> Option<&TrunkQueue> {
        match way {
            PbxWay::Trunk(trunk) => self.trunks.get(trunk).map(|pri| &pri.queue),
            PbxWay::Smdi(line) => self.smdi.get(line).map(|line| &line.queue),
        }
    }

    /// The same, to be changed.
    pub(super) fn way_queue_mut(&mut self, way: PbxWay) -> Option<&mut TrunkQueue> {
        match way {
            PbxWay::Trunk(trunk) => self.trunks.get_mut(trunk).map(|pri| &mut pri.queue),
            PbxWay::Smdi(line) => self.smdi.get_mut(line).map(|line| &mut line.queue),
        }
    }

    /// The number the PBX knows the telephone by; none for one it cannot be given.
    pub(super) fn way_user(&self, way: PbxWay, peer: u32, number: &str) -> Option<String> {
        match way {
            PbxWay::Trunk(trunk) => Some(self.served_user(trunk, peer, number)),
            PbxWay::Smdi(line) => self.smdi.get(line)?.settings.user(number),
        }
    }

    /// On a trunk: as called, unless the peer says what to send.
    ///
    /// IOS's default `digit-strip` serves calls that leave the numbering plan; a telephone's own number is kept
    /// whole. With `prefix` or `forward-digits` the peer is obeyed as for a call. The trunk's `isdn mwi prefix` comes
    /// before it all.
    pub(super) fn served_user(&self, trunk: usize, peer: u32, number: &str) -> String {
        let prefix = self.trunks.get(trunk).map(PriTrunk::mwi_prefix).unwrap_or_default();
        let peer = self.plan.peer(peer);
        let digits = match peer {
            Some(peer) if peer.prefix.is_some() || peer.forward_digits.is_some() => digits_sent(peer, number),
            _ => number.to_owned(),
        };
        prefix.chars().chain(digits.trim_start_matches('+').chars().filter(|c| *c != ',')).collect()
    }

    /// Another way that is up and has not been tried for this NOTIFY, while there is time.
    fn next_way(&self, now: Instant, key: u64, number: &str) -> Option<(PbxWay, u32)> {
        let waiting = self.waiting.get(&key)?;
        if now.saturating_duration_since(waiting.arrived) > HUNT_WITHIN {
            return None;
        }
        let routes = self.routes(number);
        let mut ways = routes.iter().filter_map(|route| Some((route.port.way()?, route.peer)));
        ways.find(|(way, _)| !waiting.tried.contains(way) && self.way_is_usable(*way))
    }
}

/// What goes there and what comes of it.
impl Switch {
    /// Gives a mailbox's newest state to a way's queue. A NOTIFY that need not wait for the PBX gets its verdict here.
    pub(super) fn send_by(&mut self, now: Instant, key: Option<u64>, way: PbxWay, peer: u32, number: &str) {
        let Some(summary) = self.mailboxes.record(number).map(|r| r.state.summary.clone()) else { return };
        let Some(user) = self.way_user(way, peer, number) else { return };
        let refuse_queued = self.settings.refuse_queued;
        let Some(queue) = self.way_queue_mut(way) else { return };
        let mut answer = None;
        for activation in activations(&summary, &user, Services::SpeechOnly) {
            let job = Job { token: key, ..Job::new(activation) };
            answer = pushed(&queue.push(now, job), refuse_queued);
        }
        let trunk = self.way_name(way).to_owned();
        self.deliveries.insert(number.to_owned(), Delivery::Pending { trunk });
        self.users.insert((way, user), (number.to_owned(), key));
        let Some(key) = key else { return };
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.tried.insert(way);
        }
        if let Some(answer) = answer {
            self.decide(now, key, answer);
        }
    }

    /// Starts what the queue allows.
    pub(super) fn drain_way(&mut self, now: Instant, way: PbxWay) {
        match way {
            PbxWay::Trunk(trunk) => self.drain_trunk(now, trunk),
            PbxWay::Smdi(line) => self.drain_smdi(now, line),
        }
    }

    /// An operation of ours ended: hunt on, try again, or tell the voice mail and the store.
    pub(super) fn operation_ended(&mut self, now: Instant, way: PbxWay, ended: Ended) {
        let Ended { user, service, outcome } = ended;
        let verdict = sip_status(&outcome);
        self.metrics.trunk_operations.with_label_values(&[label(&outcome), &cause(&outcome)]).inc();
        *self.totals.outcomes.entry(label(&outcome)).or_default() += 1;
        let name = self.way_name(way).to_owned();
        if self.monitor.on(DebugTopic::Mwi) {
            let text = format!("MWI: {user} on trunk {name}: {}", words(&outcome));
            self.monitor.print(now, DebugTopic::Mwi, &text);
        }
        if let PbxWay::Trunk(trunk) = way {
            self.note_support(now, trunk, &verdict);
        }
        let (number, token) = self.users.get(&(way, user.clone())).cloned().unzip();
        let token = token.flatten();
        let hunt = match (&number, token) {
            (Some(number), Some(token)) if verdict.next_trunk => self.next_way(now, token, number),
            _ => None,
        };
        let Some(queue) = self.way_queue_mut(way) else { return };
        if let (Some((other, peer)), Some(number)) = (hunt, &number) {
            let moved = queue.done(now, &user, service, Verdict { retry: RetryClass::No, ..verdict });
            self.users.remove(&(way, user));
            if let Finished::Final(job) = moved {
                self.send_by(now, job.token, other, peer, number);
                self.drain_way(now, other);
            }
            return;
        }
        match queue.done(now, &user, service, verdict) {
            Finished::Final(job) => {
                if let Some(number) = number {
                    self.delivered(now, &name, &number, job.activation.on, &outcome, &verdict);
                }
                if let Some(key) = job.token {
                    self.decide(now, key, Answer::of(&verdict, &outcome));
                }
            }
            Finished::Again(_) => {
                if let Some(key) = token {
                    self.decide_queued(now, key, &verdict, &outcome);
                }
            }
            Finished::Overtaken(job) => {
                if let Some(key) = job.token {
                    self.decide_queued(now, key, &verdict, &outcome);
                }
            }
            // A refusal after the silence that was taken for success: the lamp is not as the mailbox wants it.
            Finished::Unknown => {
                let known = number.filter(|_| verdict.retry == RetryClass::No && !verdict.is_done());
                if let Some(number) = known {
                    let on = self.mailboxes.is_waiting(&number);
                    self.delivered(now, &name, &number, on, &outcome, &verdict);
                }
            }
        }
    }

    /// Remembers whether a trunk's PBX knows message waiting at all.
    fn note_support(&mut self, now: Instant, trunk: usize, verdict: &Verdict) {
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        if verdict.unsupported && !pri.unsupported {
            self.monitor.syslog(now, Message::MwiUnsupported { port: &pri.port });
        }
        pri.unsupported = verdict.unsupported || (pri.unsupported && !verdict.is_done());
    }

    fn delivered(
        &mut self,
        now: Instant,
        trunk: &str,
        number: &str,
        on: bool,
        outcome: &Outcome,
        verdict: &Verdict,
    ) {
        let happening = Happening::Told { trunk: trunk.to_owned(), on, outcome: words(outcome) };
        self.history.note(now, number, happening);
        self.by_hand_ended(now, number, verdict.is_done(), &words(outcome));
        if self.mailboxes.is_waiting(number) != on {
            return; // A newer state is queued behind this one.
        }
        let (trunk, at) = (trunk.to_owned(), self.clock.unix_ms(now));
        let delivery = if verdict.is_done() {
            Delivery::Delivered { trunk, at }
        } else {
            Delivery::Failed { trunk, status: verdict.status, outcome: words(outcome), at }
        };
        self.deliveries.insert(number.to_owned(), delivery);
        self.keep(number);
    }

    /// Queues again what was on its way to a PBX when the daemon ended, or when the dial plan changed. What is under way
    /// with the newest state is left alone.
    pub(super) fn restore_deliveries(&mut self, now: Instant) {
        let mut under_way = HashMap::new();
        for way in self.pbx_ways() {
            let Some(queue) = self.way_queue_mut(way) else { continue };
            queue.clear();
            let jobs = queue.iter().map(|(job, _)| &job.activation);
            under_way.extend(jobs.map(|sent| ((way, sent.number.clone()), sent.on)));
        }
        // A serial line may still refuse what its silence has accepted.
        self.users.retain(|user, _| matches!(user.0, PbxWay::Smdi(_)) || under_way.contains_key(user));
        let pending: Vec<String> = self
            .deliveries
            .iter()
            .filter(|(_, delivery)| matches!(delivery, Delivery::Pending { .. }))
            .map(|(number, _)| number.clone())
            .collect();
        for number in pending {
            match self.choose(&number, &self.routes(&number)) {
                Ok(Place::Pbx { way, peer }) => {
                    let sent = self.way_user(way, peer, &number).and_then(|user| under_way.get(&(way, user)));
                    if sent != Some(&self.mailboxes.is_waiting(&number)) {
                        self.send_by(now, None, way, peer, &number);
                    }
                }
                Ok(Place::Line(_)) | Err(_) => {
                    self.deliveries.insert(number, Delivery::Local);
                }
            }
        }
    }
}

/// The answer to a NOTIFY whose state went into a queue; none while it can be told at once and the PBX's is awaited.
fn pushed(push: &Push, refuse_queued: bool) -> Option<Answer> {
    match push {
        Push::Startable => None,
        Push::Queued | Push::Replaced(_) if refuse_queued => Some(Answer::later("Queued for the trunk")),
        Push::Queued | Push::Replaced(_) => Some(Answer::ok()),
        Push::Full(_) => Some(Answer::later("Trunk queue full")),
    }
}
