#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod basic;
mod change;
mod forks;
mod reliable;
mod transfer;

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::config::{Retransmission, Retransmissions};
use crate::endpoint::Event;
use crate::flow::Transport;

pub(super) const MS: Duration = Duration::from_millis(1);

/// Two user agents, a clock, and a wire that can be looked at and cut.
pub(super) struct Bench {
    pub(super) now: Instant,
    pub(super) start: Instant,
    pub(super) ua: [UserAgent; 2],
    /// Start lines and CSeqs of what went over the wire, with who sent it.
    pub(super) log: Vec<String>,
    /// All messages, with who sent them.
    pub(super) messages: Vec<(usize, Message)>,
    /// Messages whose log line contains one of these are lost.
    pub(super) cut: Vec<&'static str>,
    pub(super) events: [Vec<(CallId, CallEvent)>; 2],
    pub(super) other: [Vec<Event>; 2],
    pub(super) transport: Transport,
}

pub(super) const A: usize = 0;
pub(super) const B: usize = 1;

pub(super) fn address(side: usize) -> std::net::SocketAddr {
    ["192.0.2.1:5060", "192.0.2.2:5060"][side].parse().unwrap()
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(CallConfig::default(), CallConfig::default())
    }

    pub(super) fn with(a: CallConfig, b: CallConfig) -> Bench {
        let now = Instant::now();
        let endpoint = EndpointConfig::default;
        Bench {
            now,
            start: now,
            ua: [UserAgent::new(endpoint(), a, [1; 32]), UserAgent::new(endpoint(), b, [2; 32])],
            log: Vec::new(),
            messages: Vec::new(),
            cut: Vec::new(),
            events: [Vec::new(), Vec::new()],
            other: [Vec::new(), Vec::new()],
            transport: Transport::Udp,
        }
    }

    pub(super) fn flow(&self, side: usize) -> Flow {
        Flow {
            transport: self.transport,
            local: address(side),
            remote: address(1 - side),
            connection: self.transport.is_reliable().then_some(7),
        }
    }

    /// A calls B with an offer.
    pub(super) fn call(&mut self) -> CallId {
        let invite = self.invite().content(Content::sdp("v=0 offer"));
        self.place(invite)
    }

    pub(super) fn invite(&self) -> Invite {
        Invite::new("sip:bob@192.0.2.2", "\"Alice\" <sip:alice@192.0.2.1>", self.flow(A))
    }

    pub(super) fn place(&mut self, invite: Invite) -> CallId {
        let now = self.now;
        let id = self.ua[A].invite(now, invite).unwrap();
        self.run();
        id
    }

    /// The call that came in at B.
    pub(super) fn incoming(&mut self) -> CallId {
        self.events[B]
            .iter()
            .rev()
            .find_map(|(id, event)| matches!(event, CallEvent::Incoming { .. }).then_some(*id))
            .expect("a call came in")
    }

    /// Lets everything arrive that is on the wire.
    pub(super) fn run(&mut self) {
        loop {
            let mut idle = true;
            for side in [A, B] {
                while let Some(transmit) = self.ua[side].poll_transmit() {
                    idle = false;
                    let message = Message::parse(transmit.payload.clone()).unwrap();
                    let start = String::from_utf8_lossy(message.as_bytes());
                    let start = start.lines().next().unwrap().to_owned();
                    let line = match message.is_request() {
                        true => format!("{side} {}", start.split(' ').next().unwrap()),
                        false => {
                            let cseq = message.cseq().unwrap();
                            format!("{side} {} {}", message.status().unwrap(), cseq.method)
                        }
                    };
                    let lost = self.cut.iter().any(|cut| line == *cut);
                    self.log.push(if lost { format!("{line} lost") } else { line });
                    self.messages.push((side, message));
                    if lost || transmit.flow.remote != address(1 - side) {
                        continue;
                    }
                    let flow = Flow { local: address(1 - side), remote: address(side), ..transmit.flow };
                    self.ua[1 - side].handle_received(self.now, flow, transmit.payload);
                }
                while let Some(event) = self.ua[side].poll_event() {
                    idle = false;
                    match event {
                        UaEvent::Call(id, event) => self.events[side].push((id, event)),
                        UaEvent::Other(event) => self.other[side].push(event),
                    }
                }
            }
            if idle {
                return;
            }
        }
    }

    /// Lets time pass, timers firing when they are due.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.run();
        loop {
            let next = self.ua.iter().filter_map(UserAgent::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for side in [A, B] {
                self.ua[side].handle_timeout(self.now);
            }
            self.run();
        }
        self.now = end;
    }

    /// A message arrives that the bench has written.
    pub(super) fn inject(&mut self, side: usize, text: &str) {
        let flow = self.flow(side);
        let text = text.replace('\n', "\r\n");
        self.ua[side].handle_received(self.now, flow, Bytes::from(text));
        self.run();
    }

    /// The last message `side` sent with this log line.
    pub(super) fn sent(&self, side: usize, line: &str) -> Message {
        let wanted = format!("{side} {line}");
        let at = self
            .log
            .iter()
            .rposition(|seen| seen.trim_end_matches(" lost") == wanted)
            .unwrap_or_else(|| panic!("{wanted:?} not in {:#?}", self.log));
        self.messages[at].1.clone()
    }

    pub(super) fn count(&self, line: &str) -> usize {
        self.log.iter().filter(|seen| seen.trim_end_matches(" lost") == line).count()
    }

    /// Names of the events of a side, taken out.
    pub(super) fn names(&mut self, side: usize) -> Vec<String> {
        let name = |event: &CallEvent| {
            let text = format!("{event:?}");
            let name = text.split([' ', '{', '(']).next().unwrap().to_owned();
            match event {
                CallEvent::Progress { status, reliable, .. } => {
                    format!("{name} {status}{}", if *reliable { " reliable" } else { "" })
                }
                CallEvent::Offer { sdp, .. } => format!("{name} {}", String::from_utf8_lossy(sdp)),
                CallEvent::Answer { sdp, early, .. } => {
                    format!("{name} {}{}", String::from_utf8_lossy(sdp), if *early { " early" } else { "" })
                }
                CallEvent::Failed { status, .. } | CallEvent::OfferRefused { status, .. } => {
                    format!("{name} {status}")
                }
                CallEvent::Ended { by, .. } => format!("{name} {by:?}"),
                CallEvent::ReferProgress { status, last, .. } => {
                    format!("{name} {status}{}", if *last { " last" } else { "" })
                }
                CallEvent::ReferFailed { status, .. } | CallEvent::Response { status, .. } => {
                    format!("{name} {status}")
                }
                _ => name,
            }
        };
        std::mem::take(&mut self.events[side]).iter().map(|(_, event)| name(event)).collect()
    }

    /// A call that stands.
    pub(super) fn connect(&mut self) -> (CallId, CallId) {
        let a = self.call();
        let b = self.incoming();
        self.ua[B].answer(self.now, b, Content::sdp("v=0 answer")).unwrap();
        self.run();
        self.names(A);
        self.names(B);
        (a, b)
    }

    /// After some minutes nothing is held.
    pub(super) fn assert_nothing_left(&mut self) {
        self.wait(Duration::from_secs(600));
        for side in [A, B] {
            assert_eq!(self.ua[side].held(), 0, "side {side}: {:#?}", self.log);
        }
    }
}
