//! Any sequence of messages, answers, requests of our own and times given to an endpoint: it makes progress, answers
//! nobody more than once for each thing that happened, and is empty in the end.
#![no_main]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fuzz::Choices;
use sip::{
    ClientTransactionId, Endpoint, EndpointConfig, Event, Flow, Message, Method, Reply, RequestBuilder,
    ServerTransactionId, Transport,
};

/// Ends a message given as octets; it stands in no valid UTF-8.
const END: u8 = 0xff;
/// Most messages one step may send: what was asked for, and what several transactions owed.
const MOST_AT_ONCE: usize = 64;

const METHODS: [Method; 10] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Prack,
    Method::Update,
    Method::Notify,
    Method::Subscribe,
    Method::Refer,
    Method::Options,
];
const STATUSES: [u16; 12] = [100, 180, 183, 200, 202, 302, 401, 404, 481, 487, 503, 603];
/// Milliseconds.
const PAUSES: [u64; 8] = [0, 1, 199, 500, 4_000, 32_000, 64_000, 400_000];

struct Play {
    endpoint: Endpoint,
    now: Instant,
    flows: [Flow; 3],
    open: VecDeque<ServerTransactionId>,
    asked: VecDeque<ClientTransactionId>,
    sent: VecDeque<(Flow, Bytes)>,
    last: Option<(Flow, Bytes)>,
}

impl Play {
    fn new() -> Play {
        let flow = |transport, port, connection| Flow {
            transport,
            local: SocketAddr::from(([192, 0, 2, 1], 5060)),
            remote: SocketAddr::from(([192, 0, 2, 9], port)),
            connection,
        };
        let config = EndpointConfig {
            allow_events: vec!["message-summary".into()],
            supported: vec!["100rel".into()],
            max_transactions: 16,
            ..EndpointConfig::default()
        };
        Play {
            endpoint: Endpoint::new(config, [7; 32]),
            now: Instant::now(),
            flows: [
                flow(Transport::Udp, 5060, None),
                flow(Transport::Udp, 5070, None),
                flow(Transport::Tcp, 5080, Some(1)),
            ],
            open: VecDeque::new(),
            asked: VecDeque::new(),
            sent: VecDeque::new(),
            last: None,
        }
    }

    fn receive(&mut self, flow: Flow, octets: Bytes) {
        self.last = Some((flow.clone(), octets.clone()));
        self.endpoint.handle_received(self.now, flow, octets);
    }

    /// A request that is right, with branch, Call-ID and tags out of a few.
    fn made_up(&self, choices: &mut Choices<'_>) -> Bytes {
        let method = choices.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let method = METHODS[method].as_str();
        let (which, flags) = (choices.octet(), choices.octet());
        let named = if flags & 1 == 0 { method } else { "INVITE" };
        let tag = if flags & 2 == 0 { String::new() } else { format!(";tag={}", which >> 4) };
        let cookie = if flags & 4 == 0 { "z9hG4bK" } else { "" };
        let rport = if flags & 8 == 0 { ";rport" } else { "" };
        Bytes::from(format!(
            "{method} sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch={cookie}{}{rport}\r\n\
             From: <sip:vm@192.0.2.9>;tag=1\r\nTo: <sip:8000@192.0.2.1>{tag}\r\nCall-ID: {}\r\nCSeq: {} {named}\r\n\
             Max-Forwards: 70\r\nSupported: 100rel\r\nRAck: 1 1 INVITE\r\nEvent: message-summary\r\n\
             Contact: <sip:vm@192.0.2.9>\r\nContent-Length: 0\r\n\r\n",
            which & 7,
            which >> 3 & 3,
            which >> 5,
        ))
    }

    /// A response to something that was sent.
    fn response(&self, choices: &mut Choices<'_>) -> Option<(Flow, Bytes)> {
        let at = usize::from(choices.octet());
        let (flow, request) = self.sent.get(at.checked_rem(self.sent.len())?)?;
        let request = Message::parse(request.clone()).ok()?;
        let status = choices.pick(&STATUSES);
        let tag = choices.octet() & 3;
        let mut octets = format!("SIP/2.0 {status} Any\r\n");
        for (name, value) in request.all_headers() {
            let to = name.eq_ignore_ascii_case("To");
            if to || ["Via", "From", "Call-ID", "CSeq"].iter().any(|known| known.eq_ignore_ascii_case(name)) {
                let tag = if to { format!(";tag={tag}") } else { String::new() };
                octets.push_str(&format!("{name}: {}{tag}\r\n", value.to_str()));
            }
        }
        octets.push_str(
            "Require: 100rel\r\nRSeq: 1\r\nContact: <sip:a@192.0.2.9>\r\nContent-Length: 0\r\n\r\n",
        );
        Some((flow.clone(), octets.into()))
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let flow = self.flows[usize::from(choices.octet() % 3)].clone();
        match choices.octet() % 9 {
            0 => {
                let octets = Bytes::copy_from_slice(choices.until(END));
                self.receive(flow, octets);
            }
            1 | 2 => {
                let octets = self.made_up(choices);
                self.receive(flow, octets);
            }
            3 => self.pass(Duration::from_millis(choices.pick(&PAUSES))),
            4 => {
                let at = usize::from(choices.octet());
                let reply = Reply::new(choices.pick(&STATUSES));
                if let Some(id) = at.checked_rem(self.open.len()).and_then(|at| self.open.get(at)) {
                    let _ = self.endpoint.respond(self.now, *id, reply);
                }
            }
            5 => {
                let method = METHODS[usize::from(choices.octet()) % METHODS.len()].clone();
                let request = RequestBuilder::new(method, "sip:vm@192.0.2.9");
                self.asked.push_front(self.endpoint.request(self.now, flow, request));
            }
            6 => {
                if let Some((flow, octets)) = self.response(choices) {
                    self.receive(flow, octets);
                }
            }
            7 => {
                if let Some((flow, octets)) = self.last.clone() {
                    self.receive(flow, octets);
                }
            }
            _ => {
                let at = usize::from(choices.octet());
                match at.checked_rem(self.asked.len()).and_then(|at| self.asked.get(at)) {
                    Some(id) if at < 200 => drop(self.endpoint.cancel(self.now, *id)),
                    _ => self.endpoint.handle_transport_error(self.now, &flow),
                }
            }
        }
    }

    /// Refuses what nobody answered and cancels what nobody answers: INVITEs wait for their users.
    fn give_up(&mut self) {
        for id in std::mem::take(&mut self.open) {
            let _ = self.endpoint.respond(self.now, id, Reply::new(500));
        }
        for id in std::mem::take(&mut self.asked) {
            self.endpoint.cancel(self.now, id);
        }
        self.drain_all();
    }

    /// Lets time pass, waking the endpoint when it asks for it.
    fn pass(&mut self, pause: Duration) {
        let end = self.now + pause;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            assert!(self.endpoint.poll_timeout().is_none_or(|next| next > self.now), "no progress");
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let count = self.drain_all();
        assert!(count <= MOST_AT_ONCE, "{count} events and messages at once");
    }

    /// Takes out everything and counts it.
    fn drain_all(&mut self) -> usize {
        let mut count = 0;
        while let Some(event) = self.endpoint.poll_event() {
            count += 1;
            if let Event::Request { id, .. } = event {
                self.open.push_front(id);
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            count += 1;
            let sent = Message::parse(transmit.payload.clone()).expect("we send messages");
            assert!(sent.faults().is_empty(), "{sent}");
            if sent.is_request() {
                self.sent.push_front((transmit.flow, transmit.payload));
            }
        }
        self.sent.truncate(32);
        count
    }
}

fuzz::target!(|octets: &[u8]| {
    let mut play = Play::new();
    let mut choices = Choices::new(octets);
    while !choices.is_empty() {
        // A step may be a long pause, in which every live transaction repeats what it sent.
        fuzz::timed(1024, || {
            play.step(&mut choices);
            play.drain();
        });
    }
    play.give_up();
    play.pass(Duration::from_secs(3600));
    assert_eq!(play.endpoint.active_transactions(), 0, "transactions live for ever");
    assert_eq!(play.endpoint.armed_timers(), 0, "timers wait for nothing");
});
