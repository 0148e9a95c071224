//! Two user agents that call each other over a network that loses, doubles, reorders and delays, and whose
//! users do what they like: ring, answer, refuse, redirect, hold, update, transfer, hang up, at the same time
//! and at the wrong moment. In virtual time, from printed seeds.
//!
//! What must hold for every seed: each call ends with exactly one last event on each side that knew of it; a
//! session description that was answered is the answer to what was offered; and in the end nothing is held:
//! no call, dialog, transaction or timer. `TIPRING_SIM_CALLS=10000` runs that many calls.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip::call::{
    CallConfig, CallError, CallEvent, CallId, Content, CredentialsProvider, Invite, Refer, Rel1xx, UaEvent,
    UserAgent,
};
use sip::digest::Credentials;
use sip::session_timer::SessionTimerConfig;
use sip::{EndpointConfig, Event, Flow, Method, Reply, Transport};

struct Weather {
    loss: u32,
    double: u32,
    delay_ms: u32,
}

/// What a side knows of a call.
#[derive(Default)]
struct Known {
    ended: bool,
    ringing: bool,
    established: bool,
    hung_up: bool,
    /// SDP we offered last.
    offered: Option<Bytes>,
    /// And before, which counts again when that is refused.
    before: Option<Bytes>,
    /// Of the INVITE, which a redirection begins with anew.
    first: Option<Bytes>,
}

struct Side {
    ua: UserAgent,
    address: std::net::SocketAddr,
    calls: HashMap<CallId, Known>,
    live: Vec<CallId>,
    placed: u32,
}

struct World {
    seed: u64,
    rng: StdRng,
    weather: Weather,
    transport: Transport,
    start: Instant,
    now: Instant,
    sides: [Side; 2],
    wire: BTreeMap<(Instant, u64), (usize, Flow, Bytes)>,
    serial: u64,
    descriptions: u64,
    /// When somebody does something next.
    actions: BTreeMap<(Instant, u64), usize>,
    counts: BTreeMap<String, u64>,
}

impl Side {
    fn new(address: &str, seed: u64, other: u8, pick: u32) -> Side {
        let config = CallConfig {
            rel1xx: [Rel1xx::Supported, Rel1xx::Supported, Rel1xx::Require, Rel1xx::Disabled]
                [pick as usize % 4],
            session_timer: SessionTimerConfig {
                interval: [None, Some(90), Some(1800)][pick as usize / 4 % 3],
                ..SessionTimerConfig::default()
            },
            prefer_update: pick / 12 % 2 == 1,
            credentials: Some(CredentialsProvider::new(|_| Some(Credentials::new("a", "b")))),
            ..CallConfig::default()
        };
        let mut octets = [other; 32];
        octets[..8].copy_from_slice(&seed.to_be_bytes());
        Side {
            ua: UserAgent::new(EndpointConfig::default(), config, octets),
            address: address.parse().unwrap(),
            calls: HashMap::new(),
            live: Vec::new(),
            placed: 0,
        }
    }
}

impl World {
    fn new(seed: u64, weather: Weather, transport: Transport) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = Instant::now();
        let picks = (rng.next_u32(), rng.next_u32());
        World {
            seed,
            rng,
            weather,
            transport,
            start: now,
            now,
            sides: [
                Side::new("192.0.2.1:5060", seed, 1, picks.0),
                Side::new("192.0.2.2:5060", seed, 2, picks.1),
            ],
            wire: BTreeMap::new(),
            serial: 0,
            descriptions: 0,
            actions: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.next_u32() % 100 < percent
    }

    fn flow(&self, side: usize) -> Flow {
        Flow {
            transport: self.transport,
            local: self.sides[side].address,
            remote: self.sides[1 - side].address,
            connection: self.transport.is_reliable().then_some(1),
        }
    }

    fn description(&mut self, kind: &str) -> Bytes {
        self.descriptions += 1;
        Bytes::from(format!("v=0 {kind} {}", self.descriptions))
    }

    fn answer_to(offer: &Bytes) -> Bytes {
        Bytes::from(format!("v=0 answer to {}", String::from_utf8_lossy(offer)))
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    fn place(&mut self, side: usize) {
        let delayed = self.chance(30);
        let mut invite = Invite::new(
            if side == 0 { "sip:b@192.0.2.2" } else { "sip:a@192.0.2.1" },
            "<sip:caller@gw>",
            self.flow(side),
        );
        let mut known = Known::default();
        if !delayed {
            let sdp = self.description("offer");
            known.offered = Some(sdp.clone());
            known.first = Some(sdp.clone());
            invite = invite.content(Content::sdp(sdp));
        }
        if self.chance(5) {
            // Nobody there: the second destination is.
            let nowhere = Flow { remote: "192.0.2.99:5060".parse().unwrap(), ..self.flow(side) };
            invite.destinations.insert(0, nowhere);
        }
        let now = self.now;
        let one = &mut self.sides[side];
        let id = one.ua.invite(now, invite).unwrap();
        one.calls.insert(id, known);
        one.live.push(id);
        one.placed += 1;
        self.count("calls");
        self.later(side, 12_000);
        self.drain(side);
    }

    /// A side does something within `most` ms.
    fn later(&mut self, side: usize, most: u64) {
        self.serial += 1;
        let at = self.now + Duration::from_millis(self.rng.next_u64() % most);
        self.actions.insert((at, self.serial), side);
    }

    /// Something that a user might do now.
    fn act(&mut self, side: usize) {
        let pick = self.rng.next_u32();
        let live = &self.sides[side].live;
        if live.is_empty() {
            return;
        }
        let id = live[(pick >> 16) as usize % live.len()];
        let known = &self.sides[side].calls[&id];
        let (ringing, established) = (known.ringing, known.established);
        let now = self.now;
        let outcome = if ringing {
            match pick % 8 {
                0 => {
                    self.count("reject");
                    let one = &mut self.sides[side];
                    one.calls.get_mut(&id).unwrap().ringing = false;
                    one.ua.reject(now, id, 486, Content::new())
                }
                1 => {
                    self.count("redirect");
                    let one = &mut self.sides[side];
                    one.calls.get_mut(&id).unwrap().ringing = false;
                    let to = one.address;
                    let contact = format!("<sip:other{}@{to}>;q=0.{}", pick % 5, pick % 9 + 1);
                    one.ua.redirect(now, id, 302, &[contact], Content::new())
                }
                2 | 3 => self.progress(side, id, pick),
                4 => self.hang_up(side, id),
                _ => self.answer(side, id),
            }
        } else if established {
            match pick % 12 {
                0..=3 => self.offer(side, id),
                4 => {
                    self.count("update");
                    self.sides[side].ua.update(
                        now,
                        id,
                        Content::new().header("P-Asserted-Identity", "<sip:x@y>"),
                    )
                }
                5 => {
                    self.count("info");
                    let info = Content::new().body("text/plain", "x");
                    self.sides[side].ua.request(now, id, Method::Info, info).map(|_| ())
                }
                6 => {
                    self.count("refer");
                    let mut refer = Refer::new("sip:c@192.0.2.9");
                    refer.subscribe = pick & 0x100 == 0;
                    self.sides[side].ua.refer(now, id, &refer).map(|_| ())
                }
                7..=9 => self.hang_up(side, id),
                _ => Ok(()),
            }
        } else {
            match pick % 4 {
                0 => self.hang_up(side, id),
                1 => self.offer(side, id),
                _ => Ok(()),
            }
        };
        match outcome {
            Ok(())
            | Err(
                CallError::Gone
                | CallError::Pending
                | CallError::State(_)
                | CallError::NoUpdate
                | CallError::OfferNotReliable
                | CallError::SdpNeeded,
            ) => {}
            Err(error) => panic!("seed {}: {error}", self.seed),
        }
        if self.sides[side].live.contains(&id) {
            self.later(side, if established { 60_000 } else { 6_000 });
        }
        self.drain(side);
    }

    fn hang_up(&mut self, side: usize, id: CallId) -> Result<(), CallError> {
        self.count("hangup");
        let now = self.now;
        let one = &mut self.sides[side];
        one.ua.hangup(now, id, Content::new().q850(16))?;
        one.calls.get_mut(&id).unwrap().hung_up = true;
        Ok(())
    }

    fn offer(&mut self, side: usize, id: CallId) -> Result<(), CallError> {
        let sdp = self.description("offer");
        let now = self.now;
        let one = &mut self.sides[side];
        one.ua.offer(now, id, Content::sdp(sdp.clone()))?;
        let known = one.calls.get_mut(&id).unwrap();
        known.before = known.offered.replace(sdp);
        self.count("offer");
        Ok(())
    }

    /// Our SDP for an INVITE: the answer to its offer, or an offer.
    fn invite_sdp(&mut self, side: usize, id: CallId) -> Bytes {
        match self.sides[side].calls[&id].offered.clone() {
            Some(sdp) => sdp,
            None => {
                let sdp = self.description("offer of the called");
                self.sides[side].calls.get_mut(&id).unwrap().offered = Some(sdp.clone());
                sdp
            }
        }
    }

    fn progress(&mut self, side: usize, id: CallId, pick: u32) -> Result<(), CallError> {
        self.count("progress");
        let reliable = pick & 0x80 == 0;
        let content = match pick & 0x300 {
            0 => Content::new(),
            _ => Content::sdp(self.invite_sdp(side, id)),
        };
        let now = self.now;
        self.sides[side].ua.progress(now, id, 183, content, reliable)
    }

    fn answer(&mut self, side: usize, id: CallId) -> Result<(), CallError> {
        self.count("answer");
        let content = Content::sdp(self.invite_sdp(side, id));
        let now = self.now;
        let one = &mut self.sides[side];
        one.ua.answer(now, id, content)?;
        one.calls.get_mut(&id).unwrap().ringing = false;
        Ok(())
    }

    fn drain(&mut self, side: usize) {
        loop {
            while let Some(event) = self.sides[side].ua.poll_event() {
                match event {
                    UaEvent::Call(id, event) => self.event(side, id, event),
                    UaEvent::Other(Event::Request { id, .. }) => {
                        let now = self.now;
                        let _ = self.sides[side].ua.endpoint_mut().respond(now, id, Reply::new(481));
                    }
                    UaEvent::Other(_) => {}
                }
            }
            let Some(transmit) = self.sides[side].ua.poll_transmit() else { return };
            if std::env::var_os("TIPRING_SIM_TRACE").is_some() {
                let message = sip::Message::parse(transmit.payload.clone()).unwrap();
                eprintln!(
                    "{:>10.3} {side} {:.4} {} [{}] {:?}",
                    (self.now - self.start).as_secs_f64(),
                    message.call_id().unwrap(),
                    message.to_string().lines().next().unwrap(),
                    message.header("CSeq").unwrap(),
                    String::from_utf8_lossy(message.body()),
                );
            }
            if transmit.flow.remote != self.sides[1 - side].address {
                continue;
            }
            let reliable = transmit.flow.transport.is_reliable();
            let (loss, double, delay) = (self.weather.loss, self.weather.double, self.weather.delay_ms);
            if !reliable && self.chance(loss) {
                continue;
            }
            let copies = if !reliable && self.chance(double) { 2 } else { 1 };
            for _ in 0..copies {
                let late = if reliable { delay } else { self.rng.next_u32() % (delay + 1) };
                self.serial += 1;
                let arrival = Flow {
                    local: transmit.flow.remote,
                    remote: transmit.flow.local,
                    ..transmit.flow.clone()
                };
                let at = self.now + Duration::from_millis(u64::from(late));
                self.wire.insert((at, self.serial), (1 - side, arrival, transmit.payload.clone()));
            }
        }
    }

    fn event(&mut self, side: usize, id: CallId, event: CallEvent) {
        let now = self.now;
        let seed = self.seed;
        let pick = self.rng.next_u32();
        if let CallEvent::Incoming { offer, .. } = &event {
            self.count("incoming");
            let answer = offer.as_ref().map(World::answer_to);
            let one = &mut self.sides[side];
            // While we are the called, `offered` is what we have to say: an answer, or an offer.
            one.calls.insert(id, Known { ringing: true, offered: answer, ..Known::default() });
            one.live.push(id);
            return self.later(side, 4_000);
        }
        let one = &mut self.sides[side];
        let known = one.calls.get_mut(&id).unwrap_or_else(|| panic!("seed {seed}: unknown call: {event:?}"));
        assert!(!known.ended, "seed {seed}: {event:?} after the last event");
        match event {
            CallEvent::Answered { .. } | CallEvent::Acknowledged { .. } => {
                assert!(!known.hung_up, "seed {seed}: news of a call that was hung up");
                known.established = true;
                known.ringing = false;
                self.count("established");
                self.later(side, 20_000);
            }
            CallEvent::Answer { sdp, .. } => {
                let offered = known.offered.clone().unwrap_or_else(|| panic!("seed {seed}: no offer"));
                assert_eq!(sdp, World::answer_to(&offered), "seed {seed}");
                self.count("answered offers");
            }
            CallEvent::Offer { sdp, .. } => {
                if pick.is_multiple_of(10) {
                    let _ = one.ua.refuse_offer(now, id, 488, Content::new());
                } else {
                    let answer = World::answer_to(&sdp);
                    known.offered = Some(answer.clone());
                    one.ua
                        .answer_offer(now, id, Content::sdp(answer))
                        .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                }
                self.count("offers received");
            }
            CallEvent::OfferRequested { .. } => {
                self.descriptions += 1;
                let sdp = Bytes::from(format!("v=0 asked {}", self.descriptions));
                let one = &mut self.sides[side];
                one.calls.get_mut(&id).unwrap().offered = Some(sdp.clone());
                one.ua.answer_offer(now, id, Content::sdp(sdp)).unwrap();
            }
            CallEvent::OfferRefused { status, .. } => {
                if let Some(before) = known.before.take() {
                    known.offered = Some(before);
                }
                self.count(&format!("refused {status}"));
            }
            CallEvent::Referred { refer, .. } => {
                if pick.is_multiple_of(5) {
                    one.ua.refuse_refer(now, id, refer, 603).unwrap();
                } else {
                    one.ua.accept_refer(now, id, refer).unwrap();
                    let _ = one.ua.notify_refer(now, id, refer, 180, None);
                    if pick & 0x100 == 0 {
                        let _ = one.ua.notify_refer(now, id, refer, 200, None);
                    }
                }
            }
            CallEvent::Request { transaction, .. } => {
                let _ = one.ua.respond(now, transaction, Reply::new(200));
            }
            CallEvent::ReferProgress { status, .. } => self.count(&format!("referred {status}")),
            CallEvent::Failed { status, .. } => {
                known.ended = true;
                one.live.retain(|live| *live != id);
                self.count(&format!("failed {status}"));
            }
            CallEvent::Ended { by, .. } => {
                known.ended = true;
                one.live.retain(|live| *live != id);
                self.count(&format!("ended {by:?}"));
            }
            CallEvent::Redirected { following, .. } => {
                assert!(following, "seed {seed}");
                known.offered = known.first.clone();
                self.count("redirected");
            }
            _ => {}
        }
    }

    /// Runs for at most `limit`; true when nothing is left to happen.
    fn run(&mut self, limit: Duration) -> bool {
        let end = self.now + limit;
        loop {
            let wire = self.wire.keys().next().map(|(at, _)| *at);
            let action = self.actions.keys().next().map(|(at, _)| *at);
            let timers = self.sides.iter().filter_map(|side| side.ua.poll_timeout());
            let Some(next) = wire.into_iter().chain(action).chain(timers).min() else { return true };
            if next > end {
                self.now = end;
                return false;
            }
            self.now = self.now.max(next);
            let now = self.now;
            if let Some(entry) = self.wire.first_entry()
                && entry.key().0 <= now
            {
                let (side, flow, payload) = entry.remove();
                self.sides[side].ua.handle_received(now, flow, payload);
                self.drain(side);
                continue;
            }
            if let Some(entry) = self.actions.first_entry()
                && entry.key().0 <= now
            {
                let side = entry.remove();
                self.act(side);
                continue;
            }
            for side in 0..2 {
                self.sides[side].ua.handle_timeout(now);
                self.drain(side);
            }
        }
    }

    /// Everybody hangs up, and then silence.
    fn finish(&mut self) {
        self.actions.clear();
        for side in 0..2 {
            for id in self.sides[side].live.clone() {
                let _ = self.hang_up(side, id);
            }
            self.drain(side);
        }
        let quiet = self.run(Duration::from_secs(3600));
        let seed = self.seed;
        assert!(quiet, "seed {seed}: it goes on for ever");
        for (name, side) in ["a", "b"].iter().zip(&self.sides) {
            assert_eq!(side.ua.held(), 0, "seed {seed}: side {name}: {}", side.ua.census());
            let open = side.calls.values().filter(|known| !known.ended).count();
            assert_eq!(open, 0, "seed {seed}: side {name} has calls without end");
        }
    }
}

fn simulate(seed: u64, calls: u32) -> World {
    let weather = Weather {
        loss: [0, 5, 20, 50][seed as usize % 4],
        double: [0, 20, 50][seed as usize % 3],
        delay_ms: [1, 80, 700, 2500][seed as usize / 4 % 4],
    };
    let transport = if seed % 5 == 4 { Transport::Tcp } else { Transport::Udp };
    let mut world = World::new(seed, weather, transport);
    let start = world.now;
    for _ in 0..calls {
        let side = (world.rng.next_u32() % 2) as usize;
        world.place(side);
        let pause = Duration::from_millis(u64::from(world.rng.next_u32() % 2_000));
        world.run(pause);
    }
    // The rest of the hour.
    let left = Duration::from_secs(3600).saturating_sub(world.now - start);
    world.run(left);
    world.finish();
    world
}

/// Default: 500 worlds of 5 calls. With `TIPRING_SIM_CALLS` that many calls, one world each;
/// `TIPRING_SIM_SEED` is the first seed, and `TIPRING_SIM_TRACE` shows every message.
#[test]
fn calls_in_every_weather_end_once_and_leave_nothing() {
    let (worlds, calls) = match std::env::var("TIPRING_SIM_CALLS").ok().and_then(|text| text.parse().ok()) {
        Some(count) => (count, 1),
        None => (500, 5),
    };
    let first: u64 = std::env::var("TIPRING_SIM_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for seed in first..first + worlds {
        eprintln!("seed {seed}");
        for (what, times) in simulate(seed, calls).counts {
            *counts.entry(what).or_default() += times;
        }
    }
    eprintln!("{counts:#?}");
    let seen = |what: &str| counts.get(what).copied().unwrap_or(0);
    assert!(seen("established") > 0 && seen("answered offers") > 0 && seen("ended Remote") > 0);
}
