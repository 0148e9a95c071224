//! Two user agents, users who do anything at any time, and a wire that loses, repeats, delays and changes messages:
//! every step makes progress, nothing is sent that is no message, and when both have hung up and an hour has passed
//! nothing is left.
#![no_main]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fuzz::Choices;
use sip::call::{CallConfig, CallEvent, CallId, Content, Invite, Refer, ReferId, UaEvent, UserAgent};
use sip::{EndpointConfig, Flow, Header, Message, Reply, ServerTransactionId, Transport};

/// Ends a header value given as octets.
const END: u8 = 0xff;
/// Most messages and events one step may make.
const MOST_AT_ONCE: usize = 200;
/// Most messages kept on the wire; the oldest are lost.
const MOST_ON_WIRE: usize = 48;
/// Most calls a side begins.
const MOST_CALLS: usize = 6;
/// Milliseconds.
const PAUSES: [u64; 8] = [0, 1, 199, 500, 2_000, 4_000, 32_000, 180_000];
const STATUSES: [u16; 12] = [180, 183, 200, 302, 401, 404, 422, 481, 486, 491, 500, 503];

struct Side {
    ua: UserAgent,
    calls: VecDeque<CallId>,
    refers: VecDeque<(CallId, ReferId)>,
    requests: VecDeque<(CallId, ServerTransactionId)>,
    begun: usize,
}

struct Play {
    now: Instant,
    sides: [Side; 2],
    wire: VecDeque<(usize, Bytes)>,
    last: Option<(usize, Bytes)>,
}

fn flow(side: usize) -> Flow {
    let address = |side: usize| SocketAddr::from(([192, 0, 2, 1 + side as u8], 5060));
    Flow { transport: Transport::Udp, local: address(side), remote: address(1 - side), connection: None }
}

fn sdp(number: u8) -> Content {
    Content::sdp(format!("v=0\r\no=- 1 {number} IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"))
}

/// The start line and CSeq, for the trace.
fn summary(message: &Message) -> String {
    let text = message.to_string();
    format!("{} {:?}", text.lines().next().unwrap_or_default(), message.header(Header::CSeq))
}

impl Play {
    fn new() -> Play {
        let side = |seed| Side {
            ua: UserAgent::new(EndpointConfig::default(), CallConfig::default(), [seed; 32]),
            calls: VecDeque::new(),
            refers: VecDeque::new(),
            requests: VecDeque::new(),
            begun: 0,
        };
        Play { now: Instant::now(), sides: [side(1), side(2)], wire: VecDeque::new(), last: None }
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let (what, who) = (choices.octet(), usize::from(choices.octet()));
        match what % 8 {
            0 | 1 => self.user(who & 1, who >> 1, choices),
            2..=4 => self.deliver(who),
            5 => self.change(who, choices),
            6 => self.pass(Duration::from_millis(choices.pick(&PAUSES))),
            _ => match who % 4 {
                0 => drop(self.wire.pop_front()),
                1 => {
                    if let Some((to, octets)) = self.last.clone() {
                        self.receive(to, octets);
                    }
                }
                2 => self.wire.rotate_left(1.min(self.wire.len())),
                _ => {
                    let side = who >> 2 & 1;
                    self.sides[side].ua.handle_transport_error(self.now, &flow(side));
                }
            },
        }
    }

    /// One of the users does something, allowed at the moment or not.
    fn user(&mut self, side: usize, which: usize, choices: &mut Choices<'_>) {
        let now = self.now;
        let own = &mut self.sides[side];
        let (what, number) = (choices.octet(), choices.octet());
        fuzz::trace(|| format!("{side} does {}, {number}", what % 16));
        if what % 16 == 0 {
            if own.begun < MOST_CALLS {
                own.begun += 1;
                let to = format!("sip:x@192.0.2.{}", 2 - side);
                let mut invite = Invite::new(&to, "<sip:y@192.0.2.7>", flow(side));
                if number & 1 == 0 {
                    invite = invite.content(sdp(number));
                }
                if let Ok(id) = own.ua.invite(now, invite) {
                    own.calls.push_front(id);
                }
            }
            return;
        }
        let Some(id) = which.checked_rem(own.calls.len()).and_then(|at| own.calls.get(at)).copied() else {
            return;
        };
        let content = if number & 1 == 0 { sdp(number) } else { Content::new() };
        let status = STATUSES[usize::from(number >> 1) % STATUSES.len()];
        let ua = &mut own.ua;
        match what % 16 {
            1 => drop(ua.progress(now, id, status, content, number & 64 == 0)),
            2 | 3 => drop(ua.answer(now, id, sdp(number))),
            4 => drop(ua.reject(now, id, status, content)),
            5 => drop(ua.redirect(now, id, 302, &["<sip:z@192.0.2.1>".into()], Content::new())),
            6 => drop(ua.offer(now, id, content)),
            7 => drop(ua.update(now, id, content)),
            8 | 9 => drop(ua.answer_offer(now, id, sdp(number))),
            10 => drop(ua.refuse_offer(now, id, status, Content::new())),
            11 => drop(ua.hangup(now, id, Content::new())),
            12 => drop(ua.refer(now, id, &Refer::new("sip:w@192.0.2.9"))),
            13 => {
                if let Some((call, refer)) = own.refers.pop_front() {
                    match number % 4 {
                        0 => drop(ua.refuse_refer(now, call, refer, status)),
                        1 => drop(ua.notify_refer(now, call, refer, status, None)),
                        _ => {
                            let _ = ua.accept_refer(now, call, refer);
                            own.refers.push_back((call, refer));
                        }
                    }
                }
            }
            14 => {
                if let Some((_, transaction)) = own.requests.pop_front() {
                    let _ = ua.respond(now, transaction, Reply::new(status));
                }
            }
            _ => drop(ua.replaces(id)),
        }
    }

    fn deliver(&mut self, which: usize) {
        let at = if which < 128 { 0 } else { which.checked_rem(self.wire.len()).unwrap_or(0) };
        if let Some((to, octets)) = self.wire.remove(at) {
            self.receive(to, octets);
        }
    }

    fn receive(&mut self, to: usize, octets: Bytes) {
        fuzz::trace(|| {
            format!("{to} gets {:?}", Message::parse(octets.clone()).map(|message| summary(&message)))
        });
        self.last = Some((to, octets.clone()));
        self.sides[to].ua.handle_received(self.now, flow(to), octets);
    }

    /// A message on its way is changed in one header, or its status.
    fn change(&mut self, which: usize, choices: &mut Choices<'_>) {
        let at = which.checked_rem(self.wire.len()).unwrap_or(0);
        let Some((_, octets)) = self.wire.get_mut(at) else { return };
        let Ok(message) = Message::parse(octets.clone()) else { return };
        const HEADERS: [Header; 14] = [
            Header::To,
            Header::From,
            Header::CSeq,
            Header::Contact,
            Header::Require,
            Header::Supported,
            Header::RSeq,
            Header::RAck,
            Header::SessionExpires,
            Header::RecordRoute,
            Header::Replaces,
            Header::Event,
            Header::SubscriptionState,
            Header::ContentType,
        ];
        let what = choices.octet();
        if what & 0x80 != 0 && !message.is_request() {
            let status = STATUSES[usize::from(what) % STATUSES.len()];
            let text = String::from_utf8_lossy(message.as_bytes());
            if let Some((_, rest)) = text.split_once("\r\n") {
                *octets = Bytes::from(format!("SIP/2.0 {status} X\r\n{rest}"));
            }
            return;
        }
        let header = HEADERS[usize::from(what) % HEADERS.len()];
        let value = String::from_utf8_lossy(choices.until(END)).into_owned();
        let edit = message.edit();
        *octets = match what >> 4 & 3 {
            0 => edit.remove(header),
            1 => edit.append(header, &value),
            2 => edit.set(header, &value),
            _ => edit.body("application/sdp", value.into_bytes()),
        }
        .to_bytes();
    }

    fn pass(&mut self, pause: Duration) {
        let end = self.now + pause;
        fuzz::trace(|| format!("{pause:?} pass"));
        while let Some(at) = self.sides.iter().filter_map(|side| side.ua.poll_timeout()).min() {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            for side in &mut self.sides {
                side.ua.handle_timeout(self.now);
                assert!(side.ua.poll_timeout().is_none_or(|next| next > self.now), "no progress");
            }
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let mut count = 0;
        for (number, side) in self.sides.iter_mut().enumerate() {
            while let Some(event) = side.ua.poll_event() {
                count += 1;
                fuzz::trace(|| format!("{number} told {event:?}").chars().take(160).collect());
                let UaEvent::Call(id, event) = event else { continue };
                match event {
                    CallEvent::Incoming { .. } => side.calls.push_front(id),
                    CallEvent::Referred { refer, .. } => side.refers.push_front((id, refer)),
                    CallEvent::Request { transaction, .. } => side.requests.push_front((id, transaction)),
                    CallEvent::Failed { .. } | CallEvent::Ended { .. } => {
                        assert!(side.calls.contains(&id), "a call ends twice, or was never told of");
                        side.calls.retain(|call| *call != id);
                    }
                    _ => {}
                }
            }
            while let Some(transmit) = side.ua.poll_transmit() {
                count += 1;
                let sent = Message::parse(transmit.payload.clone()).expect("we send messages");
                assert!(sent.faults().is_empty(), "{sent}");
                fuzz::trace(|| format!("{number} sends {}", summary(&sent)));
                self.wire.push_back((1 - number, transmit.payload));
            }
        }
        assert!(count <= MOST_AT_ONCE, "{count} events and messages at once");
        while self.wire.len() > MOST_ON_WIRE {
            self.wire.pop_front();
        }
    }

    /// Both hang up and answer nothing more; the wire is cut.
    fn end(&mut self) {
        for side in &mut self.sides {
            for id in side.calls.clone() {
                if side.ua.hangup(self.now, id, Content::new()).is_err() {
                    let _ = side.ua.reject(self.now, id, 500, Content::new());
                }
            }
            for (_, transaction) in std::mem::take(&mut side.requests) {
                let _ = side.ua.respond(self.now, transaction, Reply::new(500));
            }
            for (call, refer) in std::mem::take(&mut side.refers) {
                let _ = side.ua.refuse_refer(self.now, call, refer, 603);
                let _ = side.ua.notify_refer(self.now, call, refer, 503, None);
            }
        }
    }
}

fuzz::target!(|octets: &[u8]| {
    let mut play = Play::new();
    let mut choices = Choices::new(octets);
    while !choices.is_empty() {
        // A step may be a pause of minutes, with everything that repeats in it.
        fuzz::timed(4096, || {
            play.step(&mut choices);
            play.drain();
        });
    }
    // What ends a call may itself wait for something: hang up more than once.
    for _ in 0..3 {
        play.end();
        play.drain();
        play.pass(Duration::from_secs(3600));
    }
    for side in &play.sides {
        assert_eq!(side.ua.calls(), 0, "calls live for ever: {}", side.ua.census());
        assert_eq!(side.ua.endpoint().active_transactions(), 0, "transactions live for ever");
    }
});
