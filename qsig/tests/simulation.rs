//! Two spans of ours in virtual time over a line that loses, doubles and delays frames. Seeds are in the messages.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use qsig::{
    CallDetail, CallEvent, CallRequest, Event, MwiAction, MwiAnswer, MwiOutcome, MwiRequest, OperationId,
    PartyNumber, Side, Span, SpanConfig,
};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// One direction of the line: first in, first out, as a timeslot is.
#[derive(Default)]
struct Wire {
    flying: VecDeque<(Instant, Vec<u8>)>,
}

struct World {
    now: Instant,
    random: StdRng,
    loss: f64,
    spans: [Span; 2],
    wires: [Wire; 2],
    outcomes: BTreeMap<(usize, OperationId), MwiOutcome>,
    indications: BTreeMap<String, usize>,
}

impl World {
    fn new(seed: u64, loss: f64) -> Self {
        let now = Instant::now();
        let span = |side| Span::new(SpanConfig { side, ..SpanConfig::default() });
        let mut world = Self {
            now,
            random: StdRng::seed_from_u64(seed),
            loss,
            spans: [span(Side::Network), span(Side::User)],
            wires: Default::default(),
            outcomes: BTreeMap::new(),
            indications: BTreeMap::new(),
        };
        for span in &mut world.spans {
            span.handle_link(now, true);
        }
        world
    }

    fn drain(&mut self) {
        for end in 0..2 {
            while let Some(event) = self.spans[end].poll_event() {
                match event {
                    Event::MwiDone { operation, outcome } => {
                        let old = self.outcomes.insert((end, operation), outcome);
                        assert_eq!(old, None, "an outcome comes once");
                    }
                    Event::MwiIndication { id, request } => {
                        let digits = request.served_user.digits().to_owned();
                        // The last digit says how the exchange answers.
                        let answer = match digits.as_bytes().last() {
                            Some(b'7') => MwiAnswer::Error(6),
                            Some(b'8') => MwiAnswer::Cause(27),
                            Some(b'9') => MwiAnswer::Reject(1),
                            _ => MwiAnswer::Result,
                        };
                        *self.indications.entry(digits).or_default() += 1;
                        self.spans[end].answer_mwi(self.now, id, answer);
                    }
                    _ => {}
                }
            }
            while let Some(frame) = self.spans[end].poll_frame() {
                let copies = 1 + usize::from(self.random.random_bool(self.loss / 4.0));
                for _ in 0..copies {
                    let mut frame = frame.to_vec();
                    if self.random.random_bool(self.loss) {
                        continue;
                    }
                    if self.random.random_bool(self.loss / 20.0) {
                        // Damage to address or control that the check sequence did not catch.
                        let at = self.random.random_range(0..frame.len().min(4));
                        frame[at] ^= 1 << self.random.random_range(0..8);
                    }
                    let wire = &mut self.wires[end];
                    let earliest = wire.flying.back().map_or(self.now, |(at, _)| *at);
                    let at = earliest.max(self.now + Duration::from_millis(self.random.random_range(1..60)));
                    wire.flying.push_back((at, frame));
                }
            }
        }
    }

    /// Runs until `end`.
    fn run(&mut self, end: Instant) {
        loop {
            self.drain();
            let wires = self.wires.iter().filter_map(|wire| wire.flying.front().map(|(at, _)| *at));
            let next = wires.chain(self.spans.iter().filter_map(Span::poll_timeout)).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            for from in 0..2 {
                while let Some((_, frame)) = self.wires[from].flying.pop_front_if(|(at, _)| *at <= self.now) {
                    self.spans[1 - from].handle_frame(self.now, &frame);
                    self.drain();
                }
            }
            for span in &mut self.spans {
                span.handle_timeout(self.now);
            }
        }
        self.now = end;
    }
}

#[test]
fn every_operation_ends_once_and_every_call_reference_comes_home() {
    let mut totals = [0usize; 3];
    for seed in 0..common::seeds(40) {
        let loss = [0.0, 0.02, 0.1, 0.25][seed as usize % 4];
        let mut world = World::new(seed, loss);
        world.run(world.now + Duration::from_secs(30));
        let mut asked = BTreeMap::new();
        for number in 0..120u32 {
            let end = world.random.random_range(0..2usize);
            let digits = format!("{end}{number:04}{}", world.random.random_range(0..10u32));
            let request = MwiRequest::new(MwiAction::Activate, PartyNumber::Unknown(digits.clone()));
            let now = world.now;
            if let Ok(operation) = world.spans[end].invoke_mwi(now, request) {
                asked.insert((end, operation), digits);
            }
            let pause = world.random.random_range(0..400u64);
            world.run(now + Duration::from_millis(pause));
            if seed % 8 >= 6 && world.random.random_bool(0.02) {
                // The cable is pulled for a moment.
                for span in &mut world.spans {
                    span.handle_link(world.now, false);
                    span.handle_link(world.now, true);
                }
                world.wires.iter_mut().for_each(|wire| wire.flying.clear());
            }
        }
        world.loss = 0.0;
        world.run(world.now + Duration::from_secs(200));
        assert_eq!(world.outcomes.len(), asked.len(), "seed {seed}");
        for (key, digits) in &asked {
            let outcome = &world.outcomes[key];
            let heard = world.indications.get(digits).copied().unwrap_or(0);
            match outcome {
                MwiOutcome::Done => {
                    totals[0] += 1;
                    assert!(heard >= 1, "seed {seed}: {digits} is done, but nobody heard of it");
                }
                _ => totals[1] += 1,
            }
            if loss == 0.0 {
                assert_eq!(heard, 1, "seed {seed}: {digits}");
                let wanted = match digits.as_bytes().last() {
                    Some(b'7') => MwiOutcome::Error(6),
                    Some(b'8') => MwiOutcome::Cause(27),
                    Some(b'9') => MwiOutcome::Reject(qsig::rose::Problem::Invoke(1)),
                    _ => MwiOutcome::Done,
                };
                assert_eq!(*outcome, wanted, "seed {seed}: {digits}");
            }
        }
        for (end, span) in world.spans.iter().enumerate() {
            assert_eq!((span.active_calls(), span.pending_mwi()), (0, 0), "seed {seed}, end {end}");
            assert!(span.is_up(), "seed {seed}, end {end}");
        }
        totals[2] += asked.len();
    }
    println!("{} operations: {} done, {} ended otherwise", totals[2], totals[0], totals[1]);
    assert!(totals[2] > 3500 && totals[0] > 2000, "{totals:?}");
}

#[test]
fn any_octets_are_survived_and_leave_nothing_behind() {
    let seeds: Vec<Vec<u8>> =
        common::captures().iter().flat_map(|name| common::capture(name)).map(|frame| frame.octets).collect();
    for seed in 0..common::seeds(24) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut now = Instant::now();
        let mut config = SpanConfig { side: Side::Network, ..SpanConfig::default() };
        config.l2.k = random.random_range(0..=255);
        config.accept_calls = seed % 2 == 0;
        let mut span = Span::new(config);
        span.handle_link(now, true);
        let mut ns = 0u8;
        for step in 0..3000 {
            let mut frame = match random.random_range(0..10) {
                0 => (0..random.random_range(0..40)).map(|_| random.random()).collect(),
                1 => vec![0x00, 0x01, 0x7F],
                2 => vec![0x02, 0x01, 0x73],
                _ => seeds[random.random_range(0..seeds.len())].clone(),
            };
            for _ in 0..random.random_range(0..4) {
                mutate(&mut random, &mut frame);
            }
            // Half of them as I frames in sequence, so that layer 3 sees them.
            if frame.len() > 4 && random.random_bool(0.7) {
                frame[0] = 0x00;
                frame[1] = 0x01;
                frame[2] = ns << 1;
                frame[3] = 0;
            }
            let before = span.statistics().link.i_received;
            span.handle_frame(now, &frame);
            let _ = qsig::decode::q921(&frame, false);
            let _ = qsig::decode::layer3(&frame).map(|layer3| qsig::decode::q931(layer3, false));
            if span.statistics().link.i_received != before {
                ns = (ns + 1) & 0x7F;
            }
            if span.data_link_state() == qsig::lapd::State::AwaitingEstablishment {
                span.handle_frame(now, &[0x02, 0x01, 0x73]);
                ns = 0;
            }
            if step % 64 == 1 {
                let _ = span.start_call(now, &CallRequest::new("4711"));
            }
            if step % 16 == 0 {
                let digits = PartyNumber::Unknown(step.to_string());
                let _ = span.invoke_mwi(now, MwiRequest::new(MwiAction::Interrogate, digits));
            }
            while let Some(event) = span.poll_event() {
                if let Event::Call { id, event: CallEvent::Incoming { .. } } = event {
                    let detail = CallDetail::default();
                    let _ = match random.random_range(0..4) {
                        0 => span.acknowledge_call(now, id, &detail),
                        1 => span.alert_call(now, id, &detail),
                        2 => span.answer_call(now, id, &detail),
                        _ => span.clear_call(now, id, qsig::q931::Cause::private(17)),
                    };
                }
                if let Event::MwiIndication { id, .. } = event {
                    let answer =
                        [MwiAnswer::Result, MwiAnswer::Silent, MwiAnswer::Cause(1), MwiAnswer::Error(-5)];
                    span.answer_mwi(now, id, answer[random.random_range(0..4usize)].clone());
                }
            }
            while span.poll_frame().is_some() {}
            now += Duration::from_millis(random.random_range(0..300));
            span.handle_timeout(now);
        }
        let received = span.statistics().messages_received;
        assert!(received > 500, "seed {seed}: only {received} messages reached layer 3");
        // The line falls silent: everything ends by itself, though nobody answers.
        let kept: Vec<_> = span.calls().map(|call| call.id).collect();
        for id in kept {
            span.clear_call(now, id, qsig::q931::Cause::private(16)).unwrap();
        }
        for _ in 0..2000 {
            let Some(at) = span.poll_timeout().filter(|_| span.active_calls() > 0) else { break };
            now = at;
            span.handle_timeout(now);
            while span.poll_frame().is_some() {}
        }
        assert_eq!(
            (span.active_calls(), span.pending_mwi(), span.channels_in_use()),
            (0, 0, 0),
            "seed {seed}"
        );
    }
}

fn mutate(random: &mut impl Rng, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        return;
    }
    let at = random.random_range(0..frame.len());
    match random.random_range(0..4) {
        0 => frame[at] = random.random(),
        1 => frame[at] ^= 1 << random.random_range(0..8),
        2 => frame.truncate(at),
        _ => frame.insert(at, random.random()),
    }
}
