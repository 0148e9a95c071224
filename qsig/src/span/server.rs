//! Served user side: call independent connections the peer sets up.

use std::time::Instant;

use super::{Connection, Event, IndicationId, Key, Span, Timer};
use crate::facility::{Facility, Interpretation};
use crate::mwi::{self, MwiAnswer, MwiRequest, PartyNumber};
use crate::q931::{ChannelId, Element, Message, MessageType, Number, ie};
use crate::rose::{self, Component, Invoke, Problem, ReturnResult};
use crate::service;

/// Q.931 call states of a connection the peer set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallState {
    /// U6.
    CallPresent = 6,
    /// U9.
    IncomingCallProceeding = 9,
    /// U10.
    Active = 10,
    /// U19.
    ReleaseRequest = 19,
}

/// An invoke that waits for the application.
#[derive(Debug)]
struct Pending {
    id: IndicationId,
    invoke_id: i16,
    operation: rose::Code,
}

#[derive(Debug)]
pub(super) struct Server {
    state: CallState,
    pending: Vec<Pending>,
    /// Components to send with the first answer.
    rejects: Vec<Component>,
    /// Form of the peer's Facility, which ours follow.
    profile: u8,
    nfe: bool,
    repeated: bool,
    release_cause: u8,
}

/// Most invokes of one connection that may wait.
const MAX_PENDING: usize = 16;

/// What the invokes in a message ask for.
struct Invokes {
    wanted: Vec<(Invoke, MwiRequest)>,
    rejects: Vec<Component>,
    clear: bool,
    profile: Option<u8>,
    nfe: bool,
}

impl Span {
    pub(super) fn start_server(&mut self, now: Instant, key: Key, message: &Message) {
        let invokes = invokes(message);
        if invokes.wanted.is_empty() {
            let cause = if invokes.clear { 29 } else { 69 };
            let mut answer = Message::new(key.reference(), MessageType::RELEASE_COMPLETE)
                .with(crate::q931::Cause::private(cause).element());
            let profile = invokes.profile.unwrap_or(self.config.mwi.profile);
            for reject in invokes.rejects {
                let facility = Facility::new(profile, invokes.nfe, None, reject);
                answer.elements.push(Element::new(ie::FACILITY, facility.to_vec()));
            }
            self.send(&answer);
            return;
        }
        let mut server = Server {
            state: CallState::CallPresent,
            pending: Vec::new(),
            rejects: invokes.rejects,
            profile: invokes.profile.unwrap_or(self.config.mwi.profile),
            nfe: invokes.nfe,
            repeated: false,
            release_cause: 16,
        };
        self.indicate(key, &mut server, invokes.wanted);
        self.timers.start(key, Timer::Proceeding, now + self.config.l3.proceeding);
        self.timers.start(key, Timer::Answer, now + self.config.l3.answer);
        self.connections.insert(key, Connection::Server(server));
    }

    pub(super) fn answer_server(&mut self, now: Instant, id: IndicationId, answer: MwiAnswer) {
        let Some(key) = self.indications.remove(&id) else { return };
        let Some(Connection::Server(mut server)) = self.connections.remove(&key) else { return };
        let Some(at) = server.pending.iter().position(|pending| pending.id == id) else { return };
        let pending = server.pending.remove(at);
        let component = match answer {
            MwiAnswer::Cause(cause) => {
                if server.state == CallState::Active {
                    self.release_server(now, key, server, cause);
                } else {
                    self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, cause);
                    self.forget(key, &server);
                }
                return;
            }
            MwiAnswer::Silent => None,
            MwiAnswer::Result => Some(Component::result(pending.invoke_id, pending.operation, rose::null())),
            MwiAnswer::ShortResult => {
                Some(Component::ReturnResult(ReturnResult { invoke_id: pending.invoke_id, result: None }))
            }
            MwiAnswer::Error(error) => Some(Component::error(pending.invoke_id, error)),
            MwiAnswer::Reject(problem) => {
                Some(Component::reject(pending.invoke_id, Problem::Invoke(i32::from(problem))))
            }
            MwiAnswer::InterrogateResult(list) => Some(match mwi::interrogate_result(&list) {
                Ok(result) => Component::result(pending.invoke_id, pending.operation, result),
                // A list that cannot be written: unspecified.
                Err(_) => Component::error(pending.invoke_id, 1008),
            }),
        };
        let first = server.state != CallState::Active;
        let kind = if first { MessageType::CONNECT } else { MessageType::FACILITY };
        let mut message = Message::new(key.reference(), kind);
        if first {
            message.elements.push(ChannelId::CALL_INDEPENDENT.element());
            server.state = CallState::Active;
            self.timers.stop_all(key);
        }
        for component in component.into_iter().chain(std::mem::take(&mut server.rejects)) {
            let facility = Facility::new(server.profile, server.nfe, None, component);
            message.elements.push(Element::new(ie::FACILITY, facility.to_vec()));
        }
        if first || !message.elements.is_empty() {
            self.send(&message);
        }
        self.timers.start(key, Timer::Idle, now + self.config.l3.idle);
        self.connections.insert(key, Connection::Server(server));
    }

    pub(super) fn server_message(&mut self, now: Instant, key: Key, mut server: Server, message: &Message) {
        match message.kind {
            MessageType::RELEASE => {
                if server.state != CallState::ReleaseRequest {
                    self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 16);
                }
                self.forget(key, &server);
            }
            MessageType::RELEASE_COMPLETE => self.forget(key, &server),
            MessageType::STATUS if message.call_state() == Some(0) => self.forget(key, &server),
            MessageType::STATUS_ENQUIRY => {
                self.send_status(key.reference(), 30, server.state as u8, &[]);
                self.connections.insert(key, Connection::Server(server));
            }
            _ if server.state == CallState::ReleaseRequest => {
                self.connections.insert(key, Connection::Server(server));
            }
            MessageType::DISCONNECT => self.release_server(now, key, server, 16),
            MessageType::FACILITY => {
                let invokes = invokes(message);
                for reject in invokes.rejects {
                    let facility = Facility::new(server.profile, server.nfe, None, reject);
                    self.send(
                        &Message::new(key.reference(), MessageType::FACILITY)
                            .with(Element::new(ie::FACILITY, facility.to_vec())),
                    );
                }
                if invokes.clear {
                    self.release_server(now, key, server, 29);
                } else {
                    self.indicate(key, &mut server, invokes.wanted);
                    if server.state == CallState::Active {
                        self.timers.start(key, Timer::Idle, now + self.config.l3.idle);
                    }
                    self.connections.insert(key, Connection::Server(server));
                }
            }
            // A SETUP repeated after T303 finds its connection here.
            MessageType::SETUP
            | MessageType::CONNECT_ACKNOWLEDGE
            | MessageType::STATUS
            | MessageType::NOTIFY
            | MessageType::INFORMATION => {
                self.connections.insert(key, Connection::Server(server));
            }
            other => {
                let cause = if other.name().is_some() { 98 } else { 97 };
                self.send_status(key.reference(), cause, server.state as u8, &[other.0]);
                self.connections.insert(key, Connection::Server(server));
            }
        }
    }

    pub(super) fn server_timeout(&mut self, now: Instant, key: Key, mut server: Server, timer: Timer) {
        match timer {
            Timer::Proceeding => {
                server.state = CallState::IncomingCallProceeding;
                self.send(
                    &Message::new(key.reference(), MessageType::CALL_PROCEEDING)
                        .with(ChannelId::CALL_INDEPENDENT.element()),
                );
                self.connections.insert(key, Connection::Server(server));
            }
            Timer::Answer => {
                // The application is silent: temporary failure.
                self.send_clearing(key.reference(), MessageType::RELEASE_COMPLETE, 41);
                self.forget(key, &server);
            }
            Timer::Idle => self.release_server(now, key, server, 16),
            Timer::T308 if !server.repeated => {
                server.repeated = true;
                self.send_clearing(key.reference(), MessageType::RELEASE, server.release_cause);
                self.timers.start(key, Timer::T308, now + self.config.l3.t308);
                self.connections.insert(key, Connection::Server(server));
            }
            Timer::T308 => self.forget(key, &server),
            _ => {
                self.connections.insert(key, Connection::Server(server));
            }
        }
    }

    /// The connection is over: its timers stop, its indications cannot be answered any more.
    pub(super) fn forget(&mut self, key: Key, server: &Server) {
        self.timers.stop_all(key);
        for pending in &server.pending {
            self.indications.remove(&pending.id);
        }
    }

    fn release_server(&mut self, now: Instant, key: Key, mut server: Server, cause: u8) {
        self.forget(key, &server);
        server.pending.clear();
        server.state = CallState::ReleaseRequest;
        server.repeated = false;
        server.release_cause = cause;
        self.send_clearing(key.reference(), MessageType::RELEASE, cause);
        self.timers.start(key, Timer::T308, now + self.config.l3.t308);
        self.connections.insert(key, Connection::Server(server));
    }

    fn indicate(&mut self, key: Key, server: &mut Server, wanted: Vec<(Invoke, MwiRequest)>) {
        for (invoke, request) in wanted {
            if server.pending.len() >= MAX_PENDING {
                // Invoke problem 3: resource limitation.
                server.rejects.push(Component::reject(invoke.invoke_id, Problem::Invoke(3)));
                continue;
            }
            let id = IndicationId(self.id());
            server.pending.push(Pending { id, invoke_id: invoke.invoke_id, operation: invoke.operation });
            self.indications.insert(id, key);
            self.statistics.mwi_indicated += 1;
            self.events.push_back(Event::MwiIndication { id, request });
        }
    }
}

/// Whether a message carries an operation of message waiting.
pub(super) fn asks_for_message_waiting(message: &Message) -> bool {
    !invokes(message).wanted.is_empty()
}

fn invokes(message: &Message) -> Invokes {
    let mut found =
        Invokes { wanted: Vec::new(), rejects: Vec::new(), clear: false, profile: None, nfe: false };
    for facility in message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)) {
        found.profile.get_or_insert(facility.profile);
        found.nfe |= facility.items.iter().any(|item| matches!(item, crate::facility::Item::Nfe(_)));
        for component in facility.components() {
            let Component::Invoke(invoke) = component else { continue };
            match mwi::parse_invoke(invoke) {
                Some(Ok(mut request)) => {
                    request.calling_number = message.get(ie::CALLING_NUMBER).and_then(|b| party(b));
                    request.called_number = message.get(ie::CALLED_NUMBER).and_then(|b| party(b));
                    found.wanted.push((invoke.clone(), request));
                }
                Some(Err(problem)) => found.rejects.push(Component::reject(invoke.invoke_id, problem)),
                None => match (refused(invoke), facility.interpretation()) {
                    (Some(error), _) => found.rejects.push(error),
                    (None, Interpretation::Discard) => {}
                    (None, Interpretation::ClearCall) => found.clear = true,
                    (None, Interpretation::Reject) => {
                        found.rejects.push(Component::reject(invoke.invoke_id, Problem::Invoke(1)));
                    }
                },
            }
        }
    }
    // What one message can make us send fits one message.
    found.rejects.truncate(8);
    found
}

/// The error of a service we know and don't do.
fn refused(invoke: &Invoke) -> Option<Component> {
    let error = service::refusal_error(invoke.operation.value()?)?;
    Some(service::Answer::Error(error).component(invoke.invoke_id, invoke.operation.clone()))
}

fn party(body: &[u8]) -> Option<PartyNumber> {
    let Number { plan, digits, .. } = Number::parse(body)?;
    let ton = plan.type_of_number;
    Some(match plan.plan {
        1 => PartyNumber::Public { ton, digits },
        9 => PartyNumber::Private { ton, digits },
        _ => PartyNumber::Unknown(digits),
    })
}
