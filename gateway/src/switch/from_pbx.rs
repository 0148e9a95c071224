//! Message waiting the other way: the PBX tells, or asks, about a telephone of ours, or is asked what it knows.

use std::time::Instant;

use cli::session::DebugTopic;
use mwi::mailbox::Change;
use mwi::summary::{ClassCount, MessageClass, Summary};
use mwi::translate::{FAX, MULTIMEDIA, SHORT_MESSAGE, Services, activations};
use mwi::verdict::{Outcome, sip_status};
use qsig::{BasicService, IndicationId, MwiAction, MwiAnswer, MwiRequest, MwiStatus};

use super::notify::words;
use super::pbx_way::PbxWay;
use super::{PortIndex, Switch};
use crate::leg::pri::{Finding, Question};
use crate::service::mailbox::Delivery;
use crate::service::message::Message;

/// `invalidServedUserNr` (ECMA-242): the number is none of ours.
const INVALID_SERVED_USER: i32 = 6;
/// `temporarilyUnavailable`: the state could not be kept.
const TEMPORARILY_UNAVAILABLE: i32 = 1000;

impl Switch {
    /// mWIActivate, mWIDeactivate or mWIInterrogate from the PBX on a trunk.
    pub(super) fn handle_indication(
        &mut self,
        now: Instant,
        trunk: usize,
        id: IndicationId,
        request: &MwiRequest,
    ) {
        let number = request.served_user.digits().to_owned();
        if self.monitor.on(DebugTopic::Mwi) {
            let text = format!("MWI: {:?} for {number} from the PBX", request.action);
            self.monitor.print(now, DebugTopic::Mwi, &text);
        }
        let line = self.routes(&number).iter().find_map(|route| match route.port {
            PortIndex::Line(line) if self.lines.get(line).is_some_and(|l| l.mwi().enabled) => Some(line),
            _ => None,
        });
        // A telephone of ours, or a mailbox somebody has subscribed to here; a question also about what is known.
        let asks = request.action == MwiAction::Interrogate;
        let known = asks && self.mailboxes.record(&number).is_some();
        // Or one behind SIP, where a dial peer says that it is to be told.
        let relays = if line.is_none() { self.relays_of(&number) } else { Vec::new() };
        if line.is_none() && !known && relays.is_empty() && !self.is_watched(&number) {
            return self.answer_pbx(now, trunk, id, MwiAnswer::Error(INVALID_SERVED_USER));
        }
        let on = match request.action {
            MwiAction::Activate => true,
            MwiAction::Deactivate => false,
            MwiAction::Interrogate => {
                let statuses = self.statuses(&number, request.basic_service);
                return self.answer_pbx(now, trunk, id, MwiAnswer::InterrogateResult(statuses));
            }
        };
        let port = self.trunks.get(trunk).map(|t| t.port.clone()).unwrap_or_default();
        let state = self.own_state(now, &port, summary(on, request.messages));
        match self.learn(now, &number, state) {
            Change::Refused => {
                return self.answer_pbx(now, trunk, id, MwiAnswer::Error(TEMPORARILY_UNAVAILABLE));
            }
            Change::Stale => return self.answer_pbx(now, trunk, id, MwiAnswer::Result),
            Change::New | Change::Changed | Change::Same => {}
        }
        self.deliveries.insert(number.clone(), Delivery::Local);
        if let Some(line) = line {
            self.mark_line(now, line, &number, on);
        }
        let ticket = self.keep(&number);
        if !relays.is_empty() {
            self.relay(now, &number, on, relays, (trunk, id), request);
        } else if let Some(ticket) = ticket {
            self.indications.insert(ticket, (trunk, id));
        }
    }

    /// The PBX gets its result once the state is on disk.
    pub(super) fn indication_stored(&mut self, now: Instant, ticket: crate::store::Ticket, written: bool) {
        if let Some((trunk, id)) = self.indications.remove(&ticket) {
            let answer = if written { MwiAnswer::Result } else { MwiAnswer::Error(TEMPORARILY_UNAVAILABLE) };
            self.answer_pbx(now, trunk, id, answer);
            self.drain_trunk(now, trunk);
        }
    }

    pub(super) fn answer_pbx(&mut self, now: Instant, trunk: usize, id: IndicationId, answer: MwiAnswer) {
        if let Some(pri) = self.trunks.get_mut(trunk) {
            pri.span.answer_mwi(now, id, answer);
        }
    }

    /// A message waiting operation of ours ended.
    pub(super) fn handle_finding(&mut self, now: Instant, trunk: usize, finding: Finding) {
        match finding {
            Finding::Ended(ended) => self.operation_ended(now, PbxWay::Trunk(trunk), ended),
            Finding::Answered(question, Ok(list)) => self.pbx_listed(now, trunk, &question, &list),
            Finding::Answered(question, Err(outcome)) => {
                self.pbx_did_not_say(now, trunk, &question, &outcome)
            }
        }
    }

    /// Asks the PBX on the way to a mailbox's telephone what waits there, unless somebody else knows better.
    pub(super) fn ask_pbx(&mut self, now: Instant, number: &str) {
        let heard_of = self.mailboxes.record(number).map(|record| record.state.source.as_str());
        let way = self.routes(number).iter().find_map(|route| match route.port {
            PortIndex::Trunk(trunk) => Some((trunk, route.peer)),
            _ => None,
        });
        let Some((trunk, peer)) = way else { return };
        let user = self.served_user(trunk, peer, number);
        let Some(pri) = self.trunks.get_mut(trunk) else { return };
        if heard_of.is_none_or(|source| source == pri.port) {
            pri.ask(Question { mailbox: number.to_owned(), user });
            self.drain_trunk(now, trunk);
        }
    }

    /// The PBX's list of what waits for a user; an empty one says that nothing does.
    fn pbx_listed(&mut self, now: Instant, trunk: usize, question: &Question, list: &[MwiStatus]) {
        let number = &question.mailbox;
        let port = self.trunks.get(trunk).map(|t| t.port.clone()).unwrap_or_default();
        // What somebody told in the meantime is newer than the question.
        if self.mailboxes.record(number).is_some_and(|record| record.state.source != port) {
            return;
        }
        let state = self.own_state(now, &port, listed(list));
        if self.monitor.on(DebugTopic::Mwi) {
            let text = format!("MWI: the PBX lists {} services waiting for {number}", list.len());
            self.monitor.print(now, DebugTopic::Mwi, &text);
        }
        if self.learn(now, number, state) != Change::Refused {
            self.deliveries.insert(number.clone(), Delivery::Local);
            self.keep(number);
        }
    }

    fn pbx_did_not_say(&mut self, now: Instant, trunk: usize, question: &Question, outcome: &Outcome) {
        let port = self.trunks.get(trunk).map(|t| t.port.clone()).unwrap_or_default();
        if sip_status(outcome).unsupported {
            self.monitor.syslog(now, Message::MwiNoInterrogate { port: &port });
        }
        if self.monitor.on(DebugTopic::Mwi) {
            let text = format!("MWI: asked trunk {port} about {}: {}", question.user, words(outcome));
            self.monitor.print(now, DebugTopic::Mwi, &text);
        }
    }

    /// What an interrogation is told: the mailbox's new messages of the service asked for, or of each.
    fn statuses(&self, number: &str, asked: BasicService) -> Vec<MwiStatus> {
        let Some(record) = self.mailboxes.record(number) else { return Vec::new() };
        let all = activations(&record.state.summary, number, Services::PerClass).into_iter();
        let wanted = |service| asked == BasicService::ALL || asked == BasicService(service);
        all.filter(|active| active.on && wanted(active.service))
            .map(|active| MwiStatus {
                basic_service: BasicService(active.service),
                message_centre: None,
                messages: active.messages,
                originating: None,
                timestamp: None,
                priority: active.urgent.then_some(0),
            })
            .collect()
    }
}

/// A PBX's list as a summary: each class with its new messages, a class without a count with none.
fn listed(list: &[MwiStatus]) -> Summary {
    let mut summary = Summary::new(!list.is_empty());
    for status in list {
        let BasicService(service) = status.basic_service;
        let class = match service {
            FAX => MessageClass::Fax,
            SHORT_MESSAGE => MessageClass::Text,
            MULTIMEDIA => MessageClass::Multimedia,
            _ => MessageClass::Voice,
        };
        let new = u32::from(status.messages.unwrap_or(0));
        let urgent = status.priority == Some(0);
        match summary.classes.iter_mut().find(|count| count.class == class) {
            Some(count) => count.new = count.new.saturating_add(new),
            None if status.messages.is_some() => summary.classes.push(ClassCount {
                class,
                new,
                old: 0,
                urgent_new: urgent.then_some(new),
                urgent_old: urgent.then_some(0),
            }),
            None => {}
        }
    }
    summary
}

fn summary(on: bool, messages: Option<u16>) -> Summary {
    let mut summary = Summary::new(on);
    if let Some(new) = messages {
        summary.classes.push(ClassCount {
            class: MessageClass::Voice,
            new: u32::from(new),
            old: 0,
            urgent_new: None,
            urgent_old: None,
        });
    }
    summary
}
