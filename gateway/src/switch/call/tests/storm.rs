//! Random users, random PBXs, random faults: afterwards nothing is left.

use super::*;
use qsig::service::Answer;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::phones::{Manner, SIP};

const NUMBERS: [&str; 14] = [
    "8000", "8001", "8002", "8003", "4711", "4712", "4800", "4801", "5001", "5002", "5", "80", "8001#", "48",
];

/// What a storm has: one without is none.
#[derive(Debug, Default)]
struct Seen {
    /// SIP calls that were answered.
    answered: usize,
    /// Transfers by REFER that came to something.
    transfers: usize,
    /// SIP callers that were sent elsewhere by 302.
    sent_elsewhere: usize,
    /// Callers that the exchange was asked to reroute, and that it asked us to.
    rerouted: usize,
    asked_to_reroute: usize,
    /// Steps after which three were in a conference.
    conferences: usize,
}

/// Lines that make calls of telephones go elsewhere.
const FORWARDS: [&str; 6] = [
    "",
    "voice-port 2/1\n tipring call-forward all 8002\n",
    "voice-port 2/1\n tipring call-forward busy 5001\n tipring call-forward noan 4711 timeout 5\n",
    "voice-port 2/1\n tipring call-forward all 4712\nvoice-port 2/2\n tipring call-forward all 5002\n",
    "voice-port 2/2\n tipring call-forward all 8001\nvoice-port 2/1\n tipring call-forward all 8002\n",
    "voice-port 2/3\n tipring call-forward busy 8001\n tipring call-forward noan 5003 timeout 12\n",
];

fn config(forwards: &str, more: &str) -> String {
    format!(
        "{CONFIG}{SIP}stcapp feature access-code\n!\nvoice service pots\n supplementary-service qsig call-forward\n\
         !\n{forwards}{more}"
    )
}

/// Three at once: a call, a flash, a second call, a flash. Others may be busy, and anything may happen meanwhile.
fn conference(sim: &mut Sim, rng: &mut StdRng, at: usize) {
    let mut others = ["8000", "8001", "8002", "8003", "4711", "5001"].to_vec();
    others.remove(at);
    let mut other = || others.remove(rng.random_range(0..others.len()));
    let (first, second) = (other(), other());
    sim.hook(at, LineEvent::OnHook, 1500);
    sim.call(at, first);
    answer(sim, first);
    sim.flash(at);
    sim.dial(at, second);
    answer(sim, second);
    sim.flash(at);
}

/// Whoever has this number answers, if it rings there.
fn answer(sim: &mut Sim, number: &str) {
    match number.as_bytes() {
        [b'8', .., last] => {
            let at = usize::from(last - b'0');
            if sim.state(at) == State::Ringing {
                sim.hook(at, LineEvent::OffHook, 0);
            }
        }
        [b'4', ..] => {
            if let Some(id) = sim.pbx_calls(0).last() {
                let _ = sim.pbx[0].span.answer_call(sim.now, *id, &CallDetail::default());
            }
        }
        _ => {
            if let Some(call) = sim.phones.calls.last() {
                sim.phones.answer(sim.now, *call);
            }
        }
    }
    sim.settle();
}

/// What the exchange does about rerouteing: it does as it is asked, refuses, or asks us.
fn exchange(sim: &mut Sim, rng: &mut StdRng, trunk: usize, seen: &mut Seen) {
    for (id, _, _) in std::mem::take(&mut sim.pbx[trunk].invoked) {
        seen.rerouted += 1;
        let answer = match rng.random_range(0..5) {
            0..=1 => Answer::Done,
            2..=3 => Answer::Error(1),
            _ => continue,
        };
        sim.pbx[trunk].span.answer(sim.now, id, answer);
    }
    let calls = sim.pbx_calls(trunk);
    if !calls.is_empty() && rng.random_bool(0.5) {
        let to = NUMBERS[rng.random_range(0..10)];
        seen.asked_to_reroute +=
            usize::from(sim.pbx_reroutes(trunk, calls[rng.random_range(0..calls.len())], to).is_ok());
    }
    sim.settle();
}

fn step(sim: &mut Sim, rng: &mut StdRng, seen: &mut Seen) {
    let at = rng.random_range(0..4);
    let trunk = rng.random_range(0..2);
    match rng.random_range(0..34) {
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
        19 if rng.random_bool(0.3) => {
            let more = ["", "voice-port 2/0\n shutdown\n", "dial-peer voice 8001 pots\n shutdown\n"];
            let forwards = FORWARDS[rng.random_range(0..FORWARDS.len())];
            sim.apply(&config(forwards, more[rng.random_range(0..more.len())]));
        }
        30 => conference(sim, rng, at),
        31 => {
            // The user's own code, and the one that takes it back.
            sim.hook(at, LineEvent::OnHook, 1500);
            sim.call(at, ["**18001", "**14712", "**15002", "**2"][rng.random_range(0..4)]);
            sim.hook(at, LineEvent::OnHook, 1500);
        }
        32..=33 => exchange(sim, rng, trunk, seen),
        20..=29 => telephones(sim, rng),
        _ => {}
    }
    seen.conferences += usize::from(sim.wires.hears.values().any(|heard| heard.len() == 2));
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

fn storm(seed: u64, steps: usize, seen: &mut Seen) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sim = Sim::with(&config(FORWARDS[rng.random_range(0..FORWARDS.len())], ""));
    for pbx in &mut sim.pbx {
        let config = SpanConfig { services: [19].into(), ..pbx.span.config().clone() };
        pbx.span.set_config(sim.now, config);
    }
    for _ in 0..steps {
        step(&mut sim, &mut rng, seen);
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
    sim.apply(&config("", ""));
    sim.wait(400_000);
    for at in 0..4 {
        assert_eq!(sim.state(at), State::Idle, "line {at}");
    }
    sim.assert_nothing_left();
    seen.answered += sim.phones.answered;
    seen.transfers += sim.phones.outcomes.iter().filter(|status| **status == 200).count();
    seen.sent_elsewhere += sim.phones.sent_to.len();
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
    let mut seen = Seen::default();
    for seed in seeds {
        eprintln!("seed {seed}");
        storm(seed, 200, &mut seen);
    }
    eprintln!("{seen:?}");
    let Seen { answered, transfers, sent_elsewhere, rerouted, asked_to_reroute, conferences } = seen;
    assert!(!several || answered >= 40 && transfers >= 1, "{seen:?}");
    let rest = [sent_elsewhere, rerouted, asked_to_reroute, conferences];
    assert!(!several || rest.iter().all(|count| *count >= 5), "{seen:?}");
}
