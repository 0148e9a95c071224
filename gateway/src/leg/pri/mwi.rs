//! Message waiting on a trunk: `isdn mwi …`, the operations of the queue, and questions to the PBX.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use cli::config::{Config, Node};
use mwi::queue::{Job, Settings, TrunkQueue};
use mwi::translate::Activation;
use mwi::verdict::Outcome;
use qsig::facility::{Interpretation, PROFILE_NETWORKING, PROFILE_REMOTE_OPERATIONS};
use qsig::{
    BasicService, InvokeError, MsgCentreId, MwiAction, MwiDialect, MwiOutcome, MwiRequest, MwiStatus,
    OperationForm, OperationId, PartyNumber, Span,
};

/// Questions that may wait for their turn; more are not asked.
const MAX_QUESTIONS: usize = 1000;

/// What is under way to the PBX, and the questions that wait behind the queue.
#[derive(Debug, Default)]
pub(super) struct Operations {
    running: HashMap<OperationId, Running>,
    questions: VecDeque<Question>,
}

/// An operation under way.
#[derive(Debug)]
enum Running {
    Told { user: String, service: u8 },
    Asked(Question),
}

/// mWIInterrogate about a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Number of the mailbox here.
    pub mailbox: String,
    /// The PBX's number of the served user.
    pub user: String,
}

/// An operation that ended on the trunk.
#[derive(Debug)]
pub struct Ended {
    /// Served user.
    pub user: String,
    /// Basic service.
    pub service: u8,
    /// How.
    pub outcome: Outcome,
}

/// What came of an operation.
#[derive(Debug)]
pub enum Finding {
    /// The PBX was told, or not.
    Ended(Ended),
    /// It was asked, and listed what waits, or did not.
    Answered(Question, Result<Vec<MwiStatus>, Outcome>),
}

impl Operations {
    /// Whether another operation may be started: `isdn mwi parallel`.
    pub(super) fn has_room(&self, manner: &Manner) -> bool {
        self.running.len() < manner.queue.in_flight
    }

    /// Takes a question, unless it waits or is under way already.
    pub(super) fn ask(&mut self, question: Question) {
        let asked = |running: &Running| matches!(running, Running::Asked(known) if *known == question);
        let known = self.questions.contains(&question) || self.running.values().any(asked);
        if !known && self.questions.len() < MAX_QUESTIONS {
            self.questions.push_back(question);
        }
    }

    /// The data link is gone: nobody waits for answers any more.
    pub(super) fn forget_questions(&mut self) {
        self.questions.clear();
    }

    /// Starts what the queue allows, then what is to be asked. What the D channel cannot take at all ends at once.
    pub(super) fn start(
        &mut self,
        now: Instant,
        span: &mut Span,
        queue: &mut TrunkQueue,
        manner: &Manner,
    ) -> Vec<Finding> {
        let mut ended = Vec::new();
        while self.has_room(manner)
            && let Some(Job { activation, .. }) = queue.next(now)
        {
            let request = manner.request(&activation);
            let Activation { number: user, service, .. } = activation;
            match span.invoke_mwi(now, request) {
                Ok(operation) => {
                    self.running.insert(operation, Running::Told { user, service });
                }
                Err(error) => {
                    let outcome = refused(&error);
                    ended.push(Finding::Ended(Ended { user, service, outcome }));
                    return ended;
                }
            }
        }
        while self.has_room(manner)
            && let Some(question) = self.questions.pop_front()
        {
            match span.invoke_mwi(now, manner.question(&question.user)) {
                Ok(operation) => {
                    self.running.insert(operation, Running::Asked(question));
                }
                Err(error) => ended.push(Finding::Answered(question, Err(refused(&error)))),
            }
        }
        ended
    }

    /// What the end of an operation means; `None` if it is none of these.
    pub(super) fn end(&mut self, operation: OperationId, outcome: &MwiOutcome) -> Option<Finding> {
        Some(match self.running.remove(&operation)? {
            Running::Told { user, service } => {
                Finding::Ended(Ended { user, service, outcome: neutral(outcome) })
            }
            Running::Asked(question) => {
                let answer = match outcome {
                    MwiOutcome::Interrogated(list) => Ok(list.clone()),
                    other => Err(neutral(other)),
                };
                Finding::Answered(question, answer)
            }
        })
    }
}

/// `isdn mwi …` of a trunk, as far as it is not on the wire alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manner {
    /// Operations at a time and their pace.
    pub(super) queue: Settings,
    /// Digits before the served user.
    pub(super) prefix: String,
    /// Whether the PBX is asked.
    pub(super) interrogates: bool,
    calling: Option<String>,
    centre: Option<Centre>,
    numbers: Numbers,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Centre {
    Integer(u16),
    Digits(String),
    Number(String),
}

/// Numbering plan and type of number.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    #[default]
    Unknown,
    Public(u8),
    Private(u8),
}

impl Numbers {
    fn party(self, digits: &str) -> PartyNumber {
        let digits = digits.to_owned();
        match self {
            Self::Unknown => PartyNumber::Unknown(digits),
            Self::Public(ton) => PartyNumber::Public { ton, digits },
            Self::Private(ton) => PartyNumber::Private { ton, digits },
        }
    }
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            queue: Settings::default(),
            prefix: String::new(),
            interrogates: false,
            calling: None,
            centre: None,
            numbers: Numbers::Unknown,
        }
    }
}

impl Manner {
    /// Reads the lines of a trunk's D channel, then those of its trunk groups, `port` as in `1/0:15`.
    pub(super) fn new(config: &Config, port: &str) -> (Self, MwiDialect) {
        let lines = Lines::new(config, port);
        let mut manner = Self::default();
        let mut dialect = MwiDialect::default();
        match lines.value("operation") {
            Some("ecma") => dialect.operation = OperationForm::EcmaGlobal,
            Some("iso") => dialect.operation = OperationForm::IsoGlobal,
            _ => {}
        }
        dialect.profile = match lines.value("profile") {
            Some("remote-operations") => PROFILE_REMOTE_OPERATIONS,
            _ => PROFILE_NETWORKING,
        };
        dialect.interpretation = lines.value("interpretation").map(|word| match word {
            "discard" => Interpretation::Discard,
            "clear-call" => Interpretation::ClearCall,
            _ => Interpretation::Reject,
        });
        dialect.nfe = lines.flag("extension").unwrap_or(dialect.nfe);
        dialect.send_count = lines.flag("count").unwrap_or(dialect.send_count);
        dialect.sending_complete = lines.flag("sending-complete").unwrap_or(dialect.sending_complete);
        dialect.connect_is_done = lines.value("connect") == Some("done");
        if let Some(seconds) = lines.number("supervision") {
            dialect.supervision = Duration::from_secs(seconds);
        }
        if let Some(parallel) = lines.number("parallel").and_then(|number| usize::try_from(number).ok()) {
            manner.queue.in_flight = parallel;
        }
        manner.queue.pace = Duration::from_millis(lines.number("pace").unwrap_or(0));
        manner.prefix = lines.value("prefix").unwrap_or_default().to_owned();
        manner.calling = lines.value("calling-number").map(str::to_owned);
        manner.centre = lines.value("message-centre").and_then(centre);
        manner.numbers = lines.value("number-type").and_then(numbers).unwrap_or_default();
        manner.interrogates = lines.flag("interrogate").unwrap_or(false);
        (manner, dialect)
    }

    fn request(&self, activation: &Activation) -> MwiRequest {
        let action = if activation.on { MwiAction::Activate } else { MwiAction::Deactivate };
        let mut request = self.about(action, &activation.number, BasicService(activation.service));
        if activation.on {
            request.messages = activation.messages;
            request.priority = activation.urgent.then_some(0);
        }
        request
    }

    fn question(&self, user: &str) -> MwiRequest {
        self.about(MwiAction::Interrogate, user, BasicService::ALL)
    }

    fn about(&self, action: MwiAction, user: &str, service: BasicService) -> MwiRequest {
        let mut request = MwiRequest::new(action, self.numbers.party(user));
        request.basic_service = service;
        request.calling_number = self.calling.as_deref().map(|digits| self.numbers.party(digits));
        request.message_centre = self.centre.as_ref().map(|centre| match centre {
            Centre::Integer(value) => MsgCentreId::Integer(*value),
            Centre::Digits(digits) => MsgCentreId::Numeric(digits.clone()),
            Centre::Number(digits) => MsgCentreId::Party(self.numbers.party(digits)),
        });
        request
    }
}

/// The `isdn mwi …` lines that hold for a trunk: its interface's, then those of its groups.
struct Lines<'a>(Vec<&'a Node>);

impl<'a> Lines<'a> {
    fn new(config: &'a Config, port: &str) -> Self {
        let tree = config.tree();
        let groups = config.serial_interface(port).into_iter().flat_map(|serial| &serial.trunk_groups);
        let groups = groups.filter_map(|(label, _)| tree.section(&format!("trunk group {label}")));
        Self(tree.section(&format!("interface Serial{port}")).into_iter().chain(groups).collect())
    }

    fn value(&self, word: &str) -> Option<&'a str> {
        let words = format!("isdn mwi {word} ");
        self.0.iter().find_map(|section| section.value(&words))
    }

    fn number(&self, word: &str) -> Option<u64> {
        self.value(word)?.parse().ok()
    }

    /// `isdn mwi WORD` or `no isdn mwi WORD`.
    fn flag(&self, word: &str) -> Option<bool> {
        let line = format!("isdn mwi {word}");
        let off = format!("no {line}");
        self.0.iter().find_map(|section| {
            section.has(&line).then_some(true).or_else(|| section.has(&off).then_some(false))
        })
    }
}

/// `integer N`, `digits D` or `number D`.
fn centre(rest: &str) -> Option<Centre> {
    let (kind, value) = rest.split_once(' ')?;
    Some(match kind {
        "integer" => Centre::Integer(value.parse().ok()?),
        "digits" => Centre::Digits(value.to_owned()),
        _ => Centre::Number(value.to_owned()),
    })
}

/// `TYPE plan PLAN`.
fn numbers(rest: &str) -> Option<Numbers> {
    let (kind, plan) = rest.split_once(" plan ")?;
    let ton = match kind {
        "international" => 1,
        "national" => 2,
        "network" => 3,
        "subscriber" => 4,
        "abbreviated" => 6,
        _ => 0,
    };
    Some(match plan {
        "isdn" => Numbers::Public(ton),
        "private" => Numbers::Private(ton),
        _ => Numbers::Unknown,
    })
}

fn refused(error: &InvokeError) -> Outcome {
    match error {
        InvokeError::LinkDown => Outcome::LinkDown,
        // A number QSIG cannot carry is a number nobody has there.
        InvokeError::BadNumber(_) => Outcome::Cause(28),
        // No message waiting: the service is not implemented.
        InvokeError::SwitchType(_) => Outcome::Cause(79),
        _ => Outcome::Cause(47),
    }
}

fn neutral(outcome: &MwiOutcome) -> Outcome {
    match outcome {
        MwiOutcome::Done | MwiOutcome::Interrogated(_) => Outcome::Done,
        MwiOutcome::Error(value) => Outcome::Error(*value),
        MwiOutcome::Reject(problem) => Outcome::Reject(reject_problem(problem)),
        MwiOutcome::Cause(cause) => Outcome::Cause(*cause),
        MwiOutcome::ConnectedWithoutResult => Outcome::ConnectedWithoutResult,
        MwiOutcome::NoAnswer => Outcome::NoAnswer,
        MwiOutcome::LinkDown => Outcome::LinkDown,
    }
}

/// The invoke problem; other kinds of problem mean that the coding was not understood, not that MWI is unknown.
fn reject_problem(problem: &qsig::rose::Problem) -> u8 {
    use qsig::rose::Problem;
    match problem {
        Problem::Invoke(value) => u8::try_from(*value).unwrap_or(u8::MAX),
        Problem::General(_) | Problem::Result(_) | Problem::Error(_) => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manner(lines: &str) -> (Manner, MwiDialect) {
        let text = format!("controller E1 1/0\n pri-group timeslots 1-31\n{lines}");
        let parsed = Config::parse(&text);
        let acted = |message: &cli::config::LineMessage| message.kind == cli::config::MessageKind::Acted;
        assert!(parsed.messages.iter().all(acted), "{:?}", parsed.messages);
        Manner::new(&parsed.config, "1/0:15")
    }

    #[test]
    fn without_lines_the_operation_is_written_as_the_newest_editions_have_it() {
        assert_eq!(manner(""), (Manner::default(), MwiDialect::default()));
    }

    #[test]
    fn each_line_changes_what_it_names() {
        let (known, dialect) = manner(
            "interface Serial1/0:15\n isdn mwi operation ecma\n isdn mwi profile remote-operations\n \
             no isdn mwi extension\n isdn mwi interpretation discard\n isdn mwi calling-number 8000\n \
             isdn mwi message-centre number 8001\n isdn mwi number-type subscriber plan private\n \
             isdn mwi prefix 9\n no isdn mwi count\n no isdn mwi sending-complete\n isdn mwi supervision 7\n \
             isdn mwi connect done\n isdn mwi parallel 3\n isdn mwi pace 250\n isdn mwi interrogate\n",
        );
        let wanted = MwiDialect {
            operation: OperationForm::EcmaGlobal,
            profile: PROFILE_REMOTE_OPERATIONS,
            nfe: false,
            interpretation: Some(Interpretation::Discard),
            sending_complete: false,
            supervision: Duration::from_secs(7),
            connect_is_done: true,
            send_count: false,
            ..MwiDialect::default()
        };
        assert_eq!(dialect, wanted);
        assert_eq!((known.queue.in_flight, known.queue.pace), (3, Duration::from_millis(250)));
        assert!(known.interrogates && known.prefix == "9");
        let activation =
            Activation { on: true, number: "94711".into(), service: 1, messages: Some(2), urgent: true };
        let request = known.request(&activation);
        let party = |digits: &str| PartyNumber::Private { ton: 4, digits: digits.into() };
        assert_eq!(request.served_user, party("94711"));
        assert_eq!(request.calling_number, Some(party("8000")));
        assert_eq!(request.message_centre, Some(MsgCentreId::Party(party("8001"))));
        assert_eq!((request.messages, request.priority), (Some(2), Some(0)));
        assert_eq!(known.question("94711").basic_service, BasicService::ALL);
    }

    #[test]
    fn a_group_s_lines_hold_for_its_trunks_unless_the_interface_says_otherwise() {
        let text = "trunk group PBX\n isdn mwi operation iso\n no isdn mwi count\n isdn mwi message-centre digits 12\n\
                    interface Serial1/0:15\n isdn mwi operation local\n trunk-group PBX\n";
        let (known, dialect) = manner(text);
        assert_eq!((dialect.operation, dialect.send_count), (OperationForm::Local, false));
        assert_eq!(known.centre, Some(Centre::Digits("12".into())));
        let (_, dialect) = manner(&text.replace(" isdn mwi operation local\n", " isdn mwi count\n"));
        assert_eq!((dialect.operation, dialect.send_count), (OperationForm::IsoGlobal, true));
    }
}
