//! Message waiting the other way: the PBX tells, or asks, about a telephone of ours.

use std::time::Instant;

use cli::session::DebugTopic;
use mwi::mailbox::{Change, State};
use mwi::summary::{ClassCount, MessageClass, Summary};
use qsig::{IndicationId, MwiAction, MwiAnswer, MwiRequest, MwiStatus};

use super::{PortIndex, Switch};
use crate::service::mailbox::Delivery;

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
        let Some(line) = line else {
            return self.answer_pbx(now, trunk, id, MwiAnswer::Error(INVALID_SERVED_USER));
        };
        let on = match request.action {
            MwiAction::Activate => true,
            MwiAction::Deactivate => false,
            MwiAction::Interrogate => {
                let statuses = self.statuses(&number);
                return self.answer_pbx(now, trunk, id, MwiAnswer::InterrogateResult(statuses));
            }
        };
        let port = self.trunks.get(trunk).map(|t| t.port.clone()).unwrap_or_default();
        let state = State {
            summary: summary(on, request.messages),
            call_id: format!("{port}/{}", id.0),
            source: port,
            cseq: 0,
            received: self.mailboxes.stamp(self.clock.unix_ms(now)),
        };
        let was_waiting = self.mailboxes.is_waiting(&number);
        match self.mailboxes.update(&number, state) {
            Change::Refused => {
                return self.answer_pbx(now, trunk, id, MwiAnswer::Error(TEMPORARILY_UNAVAILABLE));
            }
            Change::Stale => return self.answer_pbx(now, trunk, id, MwiAnswer::Result),
            Change::New | Change::Changed | Change::Same => {}
        }
        self.count_mailboxes(was_waiting, on);
        self.deliveries.insert(number.clone(), Delivery::Local);
        self.mark_line(now, line, &number, on);
        if let Some(ticket) = self.keep(&number) {
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

    fn answer_pbx(&mut self, now: Instant, trunk: usize, id: IndicationId, answer: MwiAnswer) {
        if let Some(pri) = self.trunks.get_mut(trunk) {
            pri.span.answer_mwi(now, id, answer);
        }
    }

    /// What an interrogation is told: the mailbox's voice messages, or nothing.
    fn statuses(&self, number: &str) -> Vec<MwiStatus> {
        let record = self.mailboxes.record(number).filter(|r| r.state.summary.waiting);
        record
            .map(|record| MwiStatus {
                basic_service: qsig::BasicService::SPEECH,
                message_centre: None,
                messages: record.state.summary.voice().and_then(|v| u16::try_from(v.new).ok()),
                originating: None,
                timestamp: None,
                priority: None,
            })
            .into_iter()
            .collect()
    }
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
