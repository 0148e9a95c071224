//! Random users, random PBXs, random faults: afterwards nothing is left.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::phones::{Manner, SIP};

const NUMBERS: [&str; 14] = [
    "8000", "8001", "8002", "8003", "4711", "4712", "4800", "4801", "5001", "5002", "5", "80", "8001#", "48",
];

fn step(sim: &mut Sim, rng: &mut StdRng) {
    let at = rng.random_range(0..4);
    let trunk = rng.random_range(0..2);
    match rng.random_range(0..30) {
        0..=3 => sim.hook(at, LineEvent::OffHook, 0),
        4..=6 => sim.hook(at, LineEvent::OnHook, 0),
        7..=8 => sim.flash(at),
        9..=11 => sim.dial(at, NUMBERS[rng.random_range(0..NUMBERS.len())]),
        12 => {
            let digit = "0123456789*#AD".chars().nth(rng.random_range(0..14)).unwrap();
            sim.dial(at, &digit.to_string());
        }
        13..=14 if sim.pbx[trunk].span.is_up() => {
            let number = NUMBERS[rng.random_range(0..10)];
            // Glare and full trunks are refusals like any other.
            let _ = sim.pbx[trunk].span.start_call(sim.now, &CallRequest::new(number));
            sim.settle();
        }
        15..=16 => {
            let calls = sim.pbx_calls(trunk);
            if !calls.is_empty() {
                let id = calls[rng.random_range(0..calls.len())];
                let answer = rng.random_bool(0.6);
                if answer {
                    let _ = sim.pbx[trunk].span.answer_call(sim.now, id, &CallDetail::default());
                } else {
                    let cause = [16, 17, 1, 34, 41][rng.random_range(0..5)];
                    let _ = sim.pbx[trunk].span.clear_call(sim.now, id, qsig::q931::Cause::user(cause));
                }
                sim.settle();
            }
        }
        17 => {
            let kinds = [
                Behaviour::Ring,
                Behaviour::InBand,
                Behaviour::Answer,
                Behaviour::Refuse(17),
                Behaviour::Refuse(34),
                Behaviour::Ignore,
            ];
            sim.pbx[trunk].behaviour = kinds[rng.random_range(0..kinds.len())];
        }
        18 if rng.random_bool(0.2) => {
            let up = sim.pbx[trunk].link;
            sim.link(trunk, !up);
        }
        19 if rng.random_bool(0.2) => {
            let more = ["", "voice-port 2/0\n shutdown\n", "dial-peer voice 8001 pots\n shutdown\n"];
            sim.apply(&format!("{CONFIG}{SIP}{}", more[rng.random_range(0..more.len())]));
        }
        20..=29 => telephones(sim, rng),
        _ => {}
    }
    sim.wait([0, 1, 20, 150, 400, 1200, 12_000][rng.random_range(0..7)]);
    sim.check();
}

/// Something the SIP telephones do.
fn telephones(sim: &mut Sim, rng: &mut StdRng) {
    let now = sim.now;
    let one = |sim: &Sim, rng: &mut StdRng| {
        let calls = &sim.phones.calls;
        (!calls.is_empty()).then(|| calls[rng.random_range(0..calls.len())])
    };
    let (call, other) = (one(sim, rng), one(sim, rng));
    let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
    match (rng.random_range(0..10), call) {
        (0..=2, _) if sim.phones.calls.len() < 12 => sim.phones.call(now, number),
        (3, _) => {
            let manners = [
                Manner::Ring,
                Manner::Early,
                Manner::Answer,
                Manner::Refuse(486),
                Manner::Refuse(503),
                Manner::Redirect("5003"),
                Manner::Redirect("4711"),
                Manner::Ignore,
            ];
            sim.phones.manner = manners[rng.random_range(0..manners.len())];
        }
        (4, _) => sim.phones.loses = [None, None, Some(5), Some(3)][rng.random_range(0..4)],
        (5, Some(call)) => sim.phones.answer(now, call),
        (6, Some(call)) => sim.phones.hang_up(now, call),
        (7, Some(call)) => sim.phones.hold(now, call, rng.random_bool(0.5)),
        (8, Some(call)) => sim.phones.refer(now, call, number),
        (9, Some(call)) => sim.phones.join(now, call, other.unwrap_or(call)),
        _ => {}
    }
    sim.settle();
}

impl Sim {
    /// What holds at every moment.
    fn check(&self) {
        let calls = &self.switch.calls;
        for (id, leg) in &calls.legs {
            if let Some(call) = leg.call {
                let call = &calls.calls[&call];
                let ends = [call.caller, call.callee, call.transferor];
                assert!(ends.contains(&Some(*id)), "{id:?} {call:?}");
            }
        }
        for (id, call) in &calls.calls {
            for leg in [call.caller, call.callee, call.transferor].into_iter().flatten() {
                assert_eq!(calls.legs[&leg].call, Some(*id), "{call:?}");
            }
        }
        // Whoever hears somebody is in a call.
        for end in self.wires.hears.keys() {
            assert!(calls.legs.values().any(|leg| leg.media == Some(*end)), "{end:?}: {:?}", self.wires);
        }
    }
}

/// Gives how many SIP calls were answered, and how many transfers came to something.
fn storm(seed: u64, steps: usize) -> [usize; 2] {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sim = Sim::with_sip();
    for _ in 0..steps {
        step(&mut sim, &mut rng);
    }
    // Everybody goes home.
    for at in 0..4 {
        sim.hook(at, LineEvent::OnHook, 0);
    }
    for trunk in 0..2 {
        if !sim.pbx[trunk].link {
            sim.link(trunk, true);
        }
        for id in sim.pbx_calls(trunk) {
            let _ = sim.pbx[trunk].span.clear_call(sim.now, id, qsig::q931::Cause::user(16));
        }
    }
    sim.phones.loses = None;
    for call in sim.phones.calls.clone() {
        sim.phones.hang_up(sim.now, call);
    }
    sim.settle();
    sim.apply(&format!("{CONFIG}{SIP}"));
    sim.wait(400_000);
    for at in 0..4 {
        assert_eq!(sim.state(at), State::Idle, "line {at}");
    }
    sim.assert_nothing_left();
    [sim.phones.answered, sim.phones.outcomes.iter().filter(|status| **status == 200).count()]
}

/// `TIPRING_STORMS=1000` makes it longer; `TIPRING_SEED` repeats one.
#[test]
fn after_a_storm_nothing_is_left() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("TIPRING_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TIPRING_STORMS").unwrap_or(20),
    };
    let several = seeds.clone().count() >= 20;
    let mut seen = [0; 2];
    for seed in seeds {
        eprintln!("seed {seed}");
        for (sum, count) in seen.iter_mut().zip(storm(seed, 200)) {
            *sum += count;
        }
    }
    // A storm in which nobody speaks is none.
    assert!(!several || seen[0] >= 40 && seen[1] >= 1, "{seen:?}");
}
