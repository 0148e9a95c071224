//! From NOTIFY to lamp: who sent it, whose mailbox, which port, and what to answer when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use cli::session::DebugTopic;
use mwi::mailbox::{Change, State};
use mwi::summary::Summary;
use mwi::verdict::{Outcome, RETRY_AFTER, RetryClass, Verdict};
use sip::message::Header;
use sip::{Flow, Message, Reply, ServerTransactionId};

use super::pbx_way::PbxWay;
use super::{PortIndex, Route, Switch};
use crate::service::history::Happening;
use crate::service::mailbox::{Delivery, RecordRef};
use crate::service::trust::Sender;
use crate::store::Ticket;

/// A NOTIFY whose answer waits for the store, the PBX, or both.
#[derive(Debug)]
pub(super) struct Waiting {
    transaction: ServerTransactionId,
    pub(super) arrived: Instant,
    stored: bool,
    verdict: Option<Answer>,
    /// Ways to PBXs its state was sent by.
    pub(super) tried: BTreeSet<PbxWay>,
}

impl Waiting {
    pub(super) fn is_for(&self, transaction: ServerTransactionId) -> bool {
        self.transaction == transaction
    }
}

/// A final answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    status: u16,
    pub(super) reason: Option<String>,
    retry_after: Option<u32>,
}

impl Answer {
    pub(super) fn ok() -> Self {
        Self { status: 200, reason: None, retry_after: None }
    }

    fn refuse(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: Some(reason.into()), retry_after: None }
    }

    pub(super) fn later(reason: &str) -> Self {
        Self { status: 503, reason: Some(reason.to_owned()), retry_after: Some(RETRY_AFTER) }
    }

    pub(super) fn of(verdict: &Verdict, outcome: &Outcome) -> Self {
        let reason = (verdict.status != 200).then(|| words(outcome));
        Self { status: verdict.status, reason, retry_after: verdict.retry_after }
    }
}

/// Where a NOTIFY leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Line(usize),
    Pbx { way: PbxWay, peer: u32 },
}

impl Switch {
    /// One NOTIFY `message-summary`; the endpoint has checked everything that is SIP's own.
    pub(super) fn handle_notify(
        &mut self,
        now: Instant,
        id: ServerTransactionId,
        flow: &Flow,
        request: &Message,
    ) {
        let sender = match self.identify(now, flow, request) {
            Ok(sender) => sender,
            Err(reply) => {
                let status = reply.status().as_u16();
                let text = format!("MWI: NOTIFY from {} refused: {status}", flow.remote);
                self.monitor.print(now, DebugTopic::Mwi, &text);
                self.count_answer(status);
                // A transaction that is gone has nobody left to answer.
                let _ = self.sip.ua_mut().endpoint_mut().respond(now, id, reply);
                return;
            }
        };
        if let Err(answer) = self.take_notify(now, id, sender, flow, request) {
            let reason = answer.reason.as_deref().unwrap_or_default();
            let text = format!("MWI: NOTIFY from {} refused: {} {reason}", flow.remote, answer.status);
            self.monitor.print(now, DebugTopic::Mwi, &text);
            self.answer(now, id, &answer);
        }
    }

    fn take_notify(
        &mut self,
        now: Instant,
        id: ServerTransactionId,
        sender: Sender,
        flow: &Flow,
        request: &Message,
    ) -> Result<(), Answer> {
        let subscribed = self.check_sender(now, sender, flow, request)?;
        if subscribed.is_some() && request.body().is_empty() {
            // The first NOTIFY of a subscription may come before there is anything to say.
            self.answer(now, id, &Answer::ok());
            return Ok(());
        }
        let summary = summary(request)?;
        let (number, routes) = match subscribed {
            Some(number) => (number.clone(), self.routes(&number)),
            None => self.find_number(request, &summary)?,
        };
        let place = self.choose(&number, &routes)?;
        let is_waiting = summary.waiting;
        let state = State {
            summary,
            source: flow.remote.ip().to_string(),
            cseq: request.cseq().map(|c| c.number).unwrap_or_default(),
            call_id: request.call_id().unwrap_or_default().to_owned(),
            received: self.mailboxes.stamp(self.clock.unix_ms(now)),
        };
        let change = self.learn(now, &number, state);
        if self.monitor.on(DebugTopic::Mwi) {
            let word = if is_waiting { "waiting" } else { "none waiting" };
            let text = format!("MWI: NOTIFY from {} for {number}: {word}, {change:?}", flow.remote);
            self.monitor.print(now, DebugTopic::Mwi, &text);
        }
        match change {
            Change::Refused => return Err(Answer::later("Mailbox table full")),
            Change::Stale => {
                self.answer(now, id, &Answer::ok());
                return Ok(());
            }
            Change::New | Change::Changed | Change::Same => {}
        }
        self.next_waiting += 1;
        let key = self.next_waiting;
        let waiting =
            Waiting { transaction: id, arrived: now, stored: false, verdict: None, tried: BTreeSet::new() };
        self.waiting.insert(key, waiting);
        self.deliver(now, Some(key), &number, &place);
        Ok(())
    }

    /// A state that no NOTIFY brought but a PBX, an exchange or somebody by hand: it is told from every other one by its time.
    pub(super) fn own_state(&self, now: Instant, source: &str, summary: Summary) -> State {
        let received = self.mailboxes.own_stamp(self.clock.unix_ms(now));
        State {
            summary,
            source: source.to_owned(),
            cseq: 0,
            call_id: format!("{source}/{received}"),
            received,
        }
    }

    /// Gives a mailbox its newest state, whoever told it; where its telephone is, is the caller's next question.
    pub(super) fn learn(&mut self, now: Instant, number: &str, state: State) -> Change {
        let received = state.received;
        let (was_waiting, waiting) = (self.mailboxes.is_waiting(number), state.summary.waiting);
        let news = Happening::news(&state);
        let change = self.mailboxes.update(number, state);
        if matches!(change, Change::New | Change::Changed | Change::Same) {
            self.history.note(now, number, news);
            self.count_mailboxes(was_waiting, waiting);
            self.note_age(now, received);
            if change.is_news() {
                self.tell_watchers(now, number);
            }
        }
        change
    }

    /// Brings a mailbox's newest state to its telephone and to the store. `key` names the NOTIFY that waits for it.
    pub(super) fn deliver(&mut self, now: Instant, key: Option<u64>, number: &str, place: &Place) {
        match *place {
            Place::Line(line) => {
                self.deliveries.insert(number.to_owned(), Delivery::Local);
                self.mark_line(now, line, number, self.mailboxes.is_waiting(number));
                if let Some(key) = key {
                    self.decide(now, key, Answer::ok());
                }
            }
            Place::Pbx { way, peer } => self.send_by(now, key, way, peer, number),
        }
        let ticket = self.keep(number);
        if let (Some(ticket), Some(key)) = (ticket, key) {
            self.tickets.insert(ticket, key);
        }
        if let Place::Pbx { way, .. } = *place {
            self.drain_way(now, way);
        }
    }

    /// Whether an admitted sender may notify of this; the number subscribed for, where the server is one we subscribe to.
    fn check_sender(
        &mut self,
        now: Instant,
        sender: Sender,
        flow: &Flow,
        request: &Message,
    ) -> Result<Option<String>, Answer> {
        match sender {
            Sender::MwiServer => match self.subscribed(now, request) {
                Ok(endpoint) => Ok(Some(endpoint.number)),
                Err(481) if self.trust.tells_unasked(flow.remote.ip()) => Ok(None),
                Err(481) => Err(Answer::refuse(481, "No subscription, and mwi-server is not unsolicited")),
                Err(status) => Err(Answer::refuse(status, "NOTIFY out of order")),
            },
            Sender::Trusted | Sender::Unknown => Ok(None),
        }
    }

    /// Keeps the gauges right after one mailbox changed.
    pub(super) fn count_mailboxes(&mut self, was_waiting: bool, waiting: bool) {
        self.lamps_on += i64::from(waiting) - i64::from(was_waiting);
        let mailboxes = i64::try_from(self.mailboxes.len()).unwrap_or(i64::MAX);
        self.metrics.lamps_on.set(self.lamps_on);
        self.metrics.mailboxes.set(mailboxes);
        for (gauge, count) in self.metrics.lamps.iter().zip([mailboxes - self.lamps_on, self.lamps_on]) {
            gauge.set(count);
        }
    }

    /// The first number of the request that the dial plan leads to ports of this box.
    pub(super) fn find_number(
        &self,
        request: &Message,
        summary: &Summary,
    ) -> Result<(String, Arc<[Route]>), Answer> {
        let uri = request.request_uri();
        let to = request.to().ok().and_then(|to| to.uri_str().ok().map(str::to_owned));
        let order = self.settings.number_order;
        let mut first = None;
        for number in mwi::route::candidates(&order, uri, to.as_deref(), summary.account.as_deref()) {
            let routes = self.routes(&number);
            if !routes.is_empty() {
                return Ok((number, routes));
            }
            first.get_or_insert(number);
        }
        Err(Answer::refuse(
            404,
            match first {
                Some(number) => format!("No dial peer leads to a port for {number}"),
                None => "No number in Request-URI, To or Message-Account".to_owned(),
            },
        ))
    }

    /// The first place with `mwi` that can take the state now, else the first trunk, which queues it.
    pub(super) fn choose(&self, number: &str, routes: &[Route]) -> Result<Place, Answer> {
        let mut queue_on = None;
        let mut refusal = None;
        for &Route { peer, port } in routes {
            if let PortIndex::Line(line) = port
                && self.lines.get(line).is_some_and(|l| l.mwi().enabled)
            {
                return Ok(Place::Line(line));
            }
            // An exchange lights no lamp for us.
            let Some(way) = port.way() else { continue };
            if let PbxWay::Trunk(trunk) = way {
                let Some(pri) = self.trunks.get(trunk).filter(|pri| pri.mwi) else { continue };
                if !pri.can_tell() {
                    let kind = pri.span.config().switch_type;
                    refusal.get_or_insert_with(|| format!("No message waiting with switch type {kind}"));
                    continue;
                }
            }
            if self.way_is_usable(way) {
                return Ok(Place::Pbx { way, peer });
            }
            queue_on.get_or_insert(Place::Pbx { way, peer });
        }
        queue_on.ok_or_else(|| match refusal {
            Some(reason) => Answer::refuse(501, reason),
            None => Answer::refuse(481, format!("MWI is not enabled on the port of {number}")),
        })
    }

    /// Notes whether a mailbox of a line holds new messages, and works the line's indication.
    pub(super) fn mark_line(&mut self, now: Instant, line: usize, number: &str, waiting: bool) {
        let Some(numbers) = self.line_mailboxes.get_mut(line) else { return };
        if waiting {
            numbers.insert(number.to_owned());
        } else {
            numbers.remove(number);
        }
        let any = !numbers.is_empty();
        if self.lines.get(line).is_some_and(|port| port.message_waiting() != any) {
            self.set_line_waiting(now, line, any);
            self.drain_line(now, line);
        }
    }

    /// The state stays queued: a lost link is our affair, a PBX that said "later" is the voice mail's too.
    pub(super) fn decide_queued(&mut self, now: Instant, key: u64, verdict: &Verdict, outcome: &Outcome) {
        let ours = verdict.retry == RetryClass::TrunkDown && !self.settings.refuse_queued;
        let answer = if ours { Answer::ok() } else { Answer::of(verdict, outcome) };
        self.decide(now, key, answer);
    }

    /// Gives a mailbox to the store.
    pub(super) fn keep(&mut self, number: &str) -> Option<Ticket> {
        let mailbox = self.mailboxes.record(number)?;
        let delivery = self.deliveries.get(number).unwrap_or(&Delivery::Local);
        Some(self.store.put(number, RecordRef { mailbox, delivery }))
    }

    /// A record is on disk, or could not be written.
    pub(super) fn stored(&mut self, now: Instant, key: u64, written: bool) {
        let Some(waiting) = self.waiting.get_mut(&key) else { return };
        waiting.stored = true;
        if !written {
            waiting.verdict = Some(Answer::later("Mailbox state could not be stored"));
        }
        self.finish(now, key);
    }

    pub(super) fn decide(&mut self, now: Instant, key: u64, answer: Answer) {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.verdict.get_or_insert(answer);
            self.finish(now, key);
        }
    }

    /// Answers once the state is on disk and the verdict is known.
    fn finish(&mut self, now: Instant, key: u64) {
        let ready = self.waiting.get(&key).is_some_and(|w| w.stored && w.verdict.is_some());
        if ready && let Some(Waiting { transaction, verdict: Some(answer), .. }) = self.waiting.remove(&key) {
            self.answer(now, transaction, &answer);
        }
    }

    fn count_answer(&mut self, status: u16) {
        self.metrics.count_notify(status);
        *self.totals.notifies.entry(status).or_default() += 1;
    }

    fn answer(&mut self, now: Instant, id: ServerTransactionId, answer: &Answer) {
        self.count_answer(answer.status);
        let mut reply = Reply::new(answer.status);
        if let Some(reason) = &answer.reason {
            // The phrase may hold digits of a number the peer chose: printable ASCII only.
            let clean: String = reason.chars().filter(|c| (' '..='~').contains(c)).take(120).collect();
            reply = reply.reason(&clean);
        }
        if let Some(seconds) = answer.retry_after {
            reply = reply.retry_after(seconds);
        }
        if answer.status == 415 {
            reply = reply.header(Header::Accept, "application/simple-message-summary, text/plain");
        }
        // A transaction that is gone has nobody left to answer.
        let _ = self.sip.ua_mut().endpoint_mut().respond(now, id, reply);
    }
}

/// The summary of a NOTIFY, or the answer owed.
fn summary(request: &Message) -> Result<Summary, Answer> {
    let content_type = request.content_type().map_err(|e| Answer::refuse(400, e.reason_phrase()))?;
    if let Some(content_type) = content_type
        && !content_type.is("application/simple-message-summary")
        && !content_type.is("text/plain")
    {
        return Err(Answer::refuse(415, "Expected application/simple-message-summary"));
    }
    mwi::summary::parse(request.body()).map_err(|e| Answer::refuse(e.sip_status(), e.to_string()))
}

/// What a PBX said, in words for reasons and logs.
pub(super) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Error(value) => format!("PBX returned error {value}"),
        Outcome::Reject(u8::MAX) => "PBX rejected the component".to_owned(),
        Outcome::Reject(problem) => format!("PBX rejected the operation, problem {problem}"),
        Outcome::Cause(cause) => format!("PBX cleared with cause {cause}"),
        Outcome::ConnectedWithoutResult => "PBX connected without a result".to_owned(),
        Outcome::NoAnswer => "PBX did not answer".to_owned(),
        Outcome::LinkDown => "trunk is down".to_owned(),
    }
}

/// What the PBX gave as its reason, for metrics: a cause, error or problem; empty where it gave none. Bounded: errors that are
/// not the standards' own are one.
pub(super) fn cause(outcome: &Outcome) -> String {
    match *outcome {
        Outcome::Cause(cause) => cause.to_string(),
        Outcome::Error(error) if qsig::rose::error_name(error).is_some() => error.to_string(),
        Outcome::Reject(problem @ 0..=7) => problem.to_string(),
        Outcome::Error(_) | Outcome::Reject(_) => "other".to_owned(),
        Outcome::Done | Outcome::ConnectedWithoutResult | Outcome::NoAnswer | Outcome::LinkDown => {
            String::new()
        }
    }
}

/// Bounded label for metrics.
pub(super) fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Error(_) => "error",
        Outcome::Reject(_) => "reject",
        Outcome::Cause(_) => "cause",
        Outcome::ConnectedWithoutResult => "no_result",
        Outcome::NoAnswer => "no_answer",
        Outcome::LinkDown => "link_down",
    }
}
