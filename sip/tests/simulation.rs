//! Two endpoints over a network that loses, doubles, reorders and delays, in virtual time and from printed
//! seeds.
//!
//! What must hold for every seed: each request reaches the other side's user once at most; a client
//! transaction ends exactly once, by a final response or a timeout; without loss nothing times out; the
//! dialogs' calls are acknowledged; and in the end no transaction, timer or event is left.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip::{
    ClientTransactionId, Dialog, Endpoint, EndpointConfig, Event, Flow, Header, Message, Method, Reply,
    RequestBuilder, ServerTransactionId, Transport,
};

struct Weather {
    loss: u32,
    double: u32,
    delay_ms: u32,
}

struct World {
    rng: StdRng,
    weather: Weather,
    now: Instant,
    sides: [Side; 2],
    /// What is on its way: arrival time and a serial, to whom, how, what.
    wire: BTreeMap<(Instant, u64), (usize, Flow, Bytes)>,
    serial: u64,
}

struct Side {
    endpoint: Endpoint,
    address: std::net::SocketAddr,
    /// How often each request came to the user, by Call-ID, CSeq and method.
    seen: HashMap<String, u32>,
    /// Outcome of each of our transactions: final responses, timeouts.
    finals: HashMap<ClientTransactionId, u32>,
    timeouts: u32,
    methods: HashMap<ClientTransactionId, Method>,
    acks: u32,
    ack_timeouts: u32,
    /// INVITEs to be answered, and when.
    ringing: Vec<(Instant, ServerTransactionId, u16)>,
    /// ACKs sent, to repeat for repeated 2xx.
    acked: HashMap<ClientTransactionId, (Flow, Bytes)>,
    answers_sent: u32,
}

impl Side {
    fn new(address: &str, seed: u8) -> Side {
        let config =
            EndpointConfig { allow_events: vec!["message-summary".into()], ..EndpointConfig::default() };
        Side {
            endpoint: Endpoint::new(config, [seed; 32]),
            address: address.parse().unwrap(),
            seen: HashMap::new(),
            finals: HashMap::new(),
            timeouts: 0,
            methods: HashMap::new(),
            acks: 0,
            ack_timeouts: 0,
            ringing: Vec::new(),
            acked: HashMap::new(),
            answers_sent: 0,
        }
    }
}

impl World {
    fn new(seed: u64, weather: Weather) -> World {
        World {
            rng: StdRng::seed_from_u64(seed),
            weather,
            now: Instant::now(),
            sides: [Side::new("192.0.2.1:5060", 1), Side::new("192.0.2.2:5060", 2)],
            wire: BTreeMap::new(),
            serial: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.next_u32() % 100 < percent
    }

    fn flow(&self, side: usize, transport: Transport) -> Flow {
        Flow {
            transport,
            local: self.sides[side].address,
            remote: self.sides[1 - side].address,
            connection: None,
        }
    }

    fn start(&mut self, side: usize, method: Method, transport: Transport) {
        let flow = self.flow(side, transport);
        let mut request =
            RequestBuilder::new(method.clone(), "sip:8000@there").header(Header::Contact, "<sip:here>");
        if method == Method::Notify {
            request = request.header(Header::Event, "message-summary");
        }
        let now = self.now;
        let one = &mut self.sides[side];
        let id = one.endpoint.request(now, flow, request);
        one.methods.insert(id, method);
        self.drain(side);
    }

    /// Takes out what an endpoint has to say, and puts it on the wire.
    fn drain(&mut self, side: usize) {
        loop {
            while let Some(event) = self.sides[side].endpoint.poll_event() {
                self.event(side, event);
            }
            let Some(transmit) = self.sides[side].endpoint.poll_transmit() else { break };
            let reliable = transmit.flow.transport.is_reliable();
            let (loss, double, delay) = (self.weather.loss, self.weather.double, self.weather.delay_ms);
            if !reliable && self.chance(loss) {
                continue;
            }
            let copies = if !reliable && self.chance(double) { 2 } else { 1 };
            for _ in 0..copies {
                // A stream keeps its order.
                let late = if reliable { delay } else { self.rng.next_u32() % (delay + 1) };
                self.serial += 1;
                let arrival = Flow {
                    transport: transmit.flow.transport,
                    local: transmit.flow.remote,
                    remote: transmit.flow.local,
                    connection: transmit.flow.connection,
                };
                let at = self.now + Duration::from_millis(u64::from(late));
                self.wire.insert((at, self.serial), (1 - side, arrival, transmit.payload.clone()));
            }
        }
    }

    fn event(&mut self, side: usize, event: Event) {
        let now = self.now;
        let pick = self.rng.next_u32();
        let one = &mut self.sides[side];
        match event {
            Event::Request { id, request, .. } => {
                let key = format!("{} {}", request.call_id().unwrap(), request.header("CSeq").unwrap());
                *one.seen.entry(key).or_default() += 1;
                if request.method() == Some(Method::Invite) {
                    let status = [200, 200, 200, 486, 603][pick as usize % 5];
                    if pick.is_multiple_of(2) {
                        one.endpoint.respond(now, id, Reply::new(180)).unwrap();
                    }
                    one.ringing.push((now + Duration::from_millis(u64::from(pick % 7000)), id, status));
                } else {
                    one.endpoint.respond(now, id, Reply::new(200)).unwrap();
                }
            }
            Event::Cancel { id, .. } => {
                one.ringing.retain(|(_, ringing, _)| *ringing != id);
                one.endpoint.respond(now, id, Reply::new(487)).unwrap();
            }
            Event::Ack { .. } => one.acks += 1,
            Event::AckTimeout { .. } => one.ack_timeouts += 1,
            Event::Response { id, response, flow } => {
                let status = response.status().unwrap();
                if !status.is_final() {
                    // Some callers hang up while it rings.
                    if pick.is_multiple_of(10) {
                        one.endpoint.cancel(now, id);
                    }
                    return;
                }
                if one.methods[&id] == Method::Invite && status.is_success() {
                    if let Some((flow, ack)) = one.acked.get(&id).cloned() {
                        return one.endpoint.resend(flow, ack);
                    }
                    let dialog = Dialog::from_response(&response, "sip:8000@there").unwrap();
                    let ack =
                        one.endpoint.send_ack(flow.clone(), dialog.ack(response.cseq().unwrap().number));
                    one.acked.insert(id, (flow, ack));
                }
                *one.finals.entry(id).or_default() += 1;
            }
            Event::ClientTimeout { id } | Event::TransportFailed { id } => {
                *one.finals.entry(id).or_default() += 1;
                one.timeouts += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    /// Runs until nothing is left to happen, at most `limit`.
    fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        loop {
            let wire = self.wire.keys().next().map(|(at, _)| *at);
            let timers = self.sides.iter().filter_map(|side| side.endpoint.poll_timeout());
            let answers = self.sides.iter().flat_map(|side| side.ringing.iter().map(|(at, ..)| *at));
            let Some(next) = wire.into_iter().chain(timers).chain(answers).min() else { return };
            assert!(next <= end, "it goes on for ever");
            self.now = self.now.max(next);
            if let Some(entry) = self.wire.first_entry()
                && entry.key().0 <= self.now
            {
                let (side, flow, payload) = entry.remove();
                Message::parse(payload.clone()).unwrap();
                let now = self.now;
                self.sides[side].endpoint.handle_received(now, flow, payload);
                self.drain(side);
                continue;
            }
            for side in 0..2 {
                let now = self.now;
                let one = &mut self.sides[side];
                let (due, later) =
                    std::mem::take(&mut one.ringing).into_iter().partition(|(at, ..)| *at <= now);
                one.ringing = later;
                let due: Vec<_> = due;
                for (_, id, status) in due {
                    one.endpoint
                        .respond(now, id, Reply::new(status).header("Contact", "<sip:there>"))
                        .unwrap();
                    one.answers_sent += u32::from(status < 300);
                }
                one.endpoint.handle_timeout(now);
                self.drain(side);
            }
        }
    }

    fn check(&self) {
        for side in &self.sides {
            assert_eq!(side.endpoint.active_transactions(), 0);
            assert_eq!(side.endpoint.armed_timers(), 0);
            assert!(side.seen.values().all(|times| *times == 1), "{:?}", side.seen);
            assert_eq!(side.finals.len(), side.methods.len(), "every transaction ends");
            assert!(side.finals.values().all(|times| *times == 1), "{:?}", side.finals);
        }
    }
}

fn simulate(seed: u64, weather: Weather, transport: Transport) -> World {
    eprintln!(
        "seed {seed}, {transport}, loss {} %, double {} %, delay {} ms",
        weather.loss, weather.double, weather.delay_ms
    );
    let mut world = World::new(seed, weather);
    for round in 0..12 {
        let side = (world.rng.next_u32() % 2) as usize;
        let method = [Method::Notify, Method::Invite, Method::Invite, Method::Options][round % 4].clone();
        world.start(side, method, transport);
        let pause = Duration::from_millis(u64::from(world.rng.next_u32() % 400));
        world.now += pause;
    }
    world.run(Duration::from_secs(600));
    world.check();
    world
}

#[test]
fn through_every_weather_each_request_comes_once_and_nothing_is_left() {
    for seed in 0..120 {
        let weather = Weather {
            loss: [0, 10, 30, 60][seed as usize % 4],
            double: [0, 20, 50][seed as usize % 3],
            delay_ms: [1, 100, 900, 3000][seed as usize / 4 % 4],
        };
        let transport = if seed % 5 == 4 { Transport::Tcp } else { Transport::Udp };
        let lossless = weather.loss == 0 || transport == Transport::Tcp;
        let world = simulate(seed, weather, transport);
        if lossless {
            for side in &world.sides {
                assert_eq!((side.timeouts, side.ack_timeouts), (0, 0), "seed {seed}");
                assert_eq!(side.acks, side.answers_sent, "seed {seed}");
                assert_eq!(side.endpoint.statistics().stray_responses, 0, "seed {seed}");
            }
        }
    }
}

#[test]
fn with_everything_lost_every_transaction_times_out_after_64_t1() {
    let mut world = World::new(1, Weather { loss: 100, double: 0, delay_ms: 0 });
    let start = world.now;
    world.start(0, Method::Notify, Transport::Udp);
    world.start(0, Method::Invite, Transport::Udp);
    world.run(Duration::from_secs(33));
    world.check();
    assert_eq!(world.now - start, Duration::from_secs(32));
    assert_eq!(world.sides[0].timeouts, 2);
}
