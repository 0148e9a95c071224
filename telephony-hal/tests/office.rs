//! An FXO line on the exchange's FXS line, both by our disciplines: what one does, the other must understand. And
//! `tests/scenarios/fxo/*.txt`: the FXO line alone, with an engineer as the exchange.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use telephony_hal::line::fxo::{DialType, FxoConfig, FxoEventOut, FxoOutput, OfficeLine};
use telephony_hal::line::{Caller, Line, LineConfig, LineEventOut, RingPattern, Signal};
use telephony_hal::sim::{TieFxo, TieFxs, tie_line};
use telephony_hal::{ErrorKind, FxoEvent, FxoLine, FxsLine, HalError, Lamp};

/// Both ends and the pair between them.
struct Pair {
    now: Instant,
    exchange: Line,
    station: TieFxs,
    office: OfficeLine,
    port: TieFxo,
    exchange_events: VecDeque<LineEventOut>,
    office_events: VecDeque<FxoEventOut>,
}

impl Pair {
    fn new(exchange: LineConfig, office: FxoConfig) -> Self {
        let (station, port) = tie_line();
        let mut pair = Self {
            now: Instant::now(),
            exchange: Line::new(exchange),
            station,
            office: OfficeLine::new(office),
            port,
            exchange_events: VecDeque::new(),
            office_events: VecDeque::new(),
        };
        pair.run(0);
        pair
    }

    /// Lets a time pass, in milliseconds.
    fn run(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            self.settle();
            let next = [self.exchange.poll_timeout(), self.office.poll_timeout()].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.exchange.handle_timeout(self.now);
            self.office.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// Carries everything across until both ends are quiet.
    fn settle(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut quiet = true;
            while let Some(output) = self.exchange.poll_output() {
                quiet = false;
                match output.apply(&mut self.station, Lamp::Off) {
                    Err(error) if error.kind() == ErrorKind::Busy => {} // the loop has just been closed
                    done => drop(done.unwrap()),
                }
                if let telephony_hal::line::Output::Event(event) = output {
                    self.exchange_events.push_back(event);
                }
            }
            while let Some(output) = self.office.poll_output() {
                quiet = false;
                output.apply(&mut self.port).unwrap();
                match output {
                    FxoOutput::Event(event) => self.office_events.push_back(event),
                    FxoOutput::Digit(digit) => self.exchange.handle_digit(self.now, digit),
                    _ => {}
                }
            }
            while let std::task::Poll::Ready(Ok(event)) = self.station.poll_event(&mut cx) {
                quiet = false;
                self.exchange.handle_event(self.now, event);
            }
            while let std::task::Poll::Ready(Ok(event)) = self.port.poll_event(&mut cx) {
                quiet = false;
                self.office.handle_event(self.now, event);
            }
            if quiet {
                return;
            }
        }
    }

    fn exchange(&mut self, expected: &[LineEventOut]) {
        self.settle();
        assert_eq!(self.exchange_events.drain(..).collect::<Vec<_>>(), expected);
    }

    fn office(&mut self, expected: &[FxoEventOut]) {
        self.settle();
        assert_eq!(self.office_events.drain(..).collect::<Vec<_>>(), expected);
    }
}

fn dialled(number: &str) -> Vec<LineEventOut> {
    let mut out = vec![LineEventOut::Seized];
    out.extend(number.chars().map(LineEventOut::Digit));
    out
}

#[test]
fn calls_out_and_in_with_dtmf_and_pulses_loop_start_and_ground_start() {
    for signal in [Signal::LoopStart, Signal::GroundStart] {
        for dial_type in [DialType::Dtmf, DialType::Pulse] {
            let exchange = LineConfig { signal, ..LineConfig::default() };
            let office = FxoConfig { signal, dial_type, ..FxoConfig::default() };
            let mut pair = Pair::new(exchange, office);

            // Out: the exchange hears every digit, its reversal is the answer, its open loop the end.
            pair.office.seize(pair.now, "2096").unwrap();
            pair.run(7000);
            pair.office(&[FxoEventOut::Dialled]);
            pair.exchange.digits_complete(pair.now);
            let mut expected = dialled("2096");
            expected.push(LineEventOut::Dialled { number: "2096".into(), complete: true });
            pair.exchange(&expected);
            pair.exchange.connect(pair.now);
            pair.run(10);
            pair.office(&[FxoEventOut::Answered]);
            assert!(pair.office.is_answered());
            pair.exchange.remote_released(pair.now, 16);
            pair.run(2000);
            let how = pair.office_events.pop_front();
            assert!(matches!(how, Some(FxoEventOut::Disconnected(_))), "{how:?}");
            pair.run(3000);
            pair.office(&[FxoEventOut::Released]);
            pair.exchange(&[LineEventOut::Released]);

            // In: one burst, answer, and we hang up.
            pair.exchange.ring(pair.now, RingPattern::default(), Caller::default()).unwrap();
            pair.run(2100);
            pair.office(&[FxoEventOut::Ringing { caller: None }]);
            assert!(pair.office.answer(pair.now));
            pair.run(100);
            pair.exchange(&[LineEventOut::Answered]);
            pair.office.release(pair.now);
            pair.run(3000);
            pair.office(&[FxoEventOut::Released]);
            pair.exchange(&[LineEventOut::Released]);
            assert_eq!(pair.exchange.state(), telephony_hal::line::State::Idle);

            // A flash of ours is a flash there.
            pair.office.seize(pair.now, "1").unwrap();
            pair.run(4000);
            pair.exchange.digits_complete(pair.now);
            pair.exchange.connect(pair.now);
            pair.run(100);
            pair.exchange_events.clear();
            pair.office_events.clear();
            assert!(pair.office.flash(pair.now));
            pair.run(1000);
            pair.exchange(&[LineEventOut::Flash]);
            pair.office(&[]);
            assert!(pair.office.is_talking());

            // The caller gives up.
            pair.office.release(pair.now);
            pair.run(5000);
            pair.exchange_events.clear();
            pair.office_events.clear();
            pair.exchange.ring(pair.now, RingPattern::default(), Caller::default()).unwrap();
            pair.run(3000);
            pair.exchange.stop_ring(pair.now);
            pair.run(8000);
            pair.office(&[FxoEventOut::Ringing { caller: None }, FxoEventOut::RingEnded]);
        }
    }
}

#[test]
fn a_thousand_calls_at_random_leave_both_ends_at_rest() {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
    let seed = 20_261_121;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut answered = 0;
    for call in 0..1000 {
        let signal = if call % 2 == 0 { Signal::LoopStart } else { Signal::GroundStart };
        let mut pair = Pair::new(
            LineConfig { signal, disconnect_ack: call % 3 == 0, ..LineConfig::default() },
            FxoConfig { signal, ..FxoConfig::default() },
        );
        for _ in 0..random.random_range(1..12) {
            match random.random_range(0..9) {
                0 => drop(pair.office.seize(pair.now, "42")),
                1 => drop(pair.exchange.ring(pair.now, RingPattern::default(), Caller::default())),
                2 => drop(pair.office.answer(pair.now)),
                3 => pair.exchange.digits_complete(pair.now),
                4 => pair.exchange.connect(pair.now),
                5 => pair.exchange.remote_released(pair.now, 16),
                6 => pair.office.release(pair.now),
                7 => drop(pair.office.flash(pair.now)),
                _ => pair.exchange.stop_ring(pair.now),
            }
            pair.run(random.random_range(0..4000));
            answered += usize::from(pair.office.is_answered() && pair.exchange.is_talking());
        }
        pair.office.release(pair.now);
        pair.exchange.stop_ring(pair.now);
        pair.run(400_000);
        assert_eq!(pair.exchange.state(), telephony_hal::line::State::Idle, "call {call}");
        assert_eq!(pair.office.state(), telephony_hal::line::fxo::FxoState::Idle, "call {call}");
        assert_eq!((pair.exchange.poll_timeout(), pair.office.poll_timeout()), (None, None), "call {call}");
    }
    assert!(answered > 200, "{answered}");
}

/// Plays a scenario: the engineer is the exchange.
fn play(text: &str) -> Result<usize, String> {
    let mut line = OfficeLine::new(FxoConfig::default());
    let (mut now, mut hook, mut ground) = (Instant::now(), false, false);
    let mut events = VecDeque::new();
    let mut digits = String::new();
    let mut edges = 0;
    let mut expectations = 0;
    for (number, text) in text.lines().enumerate() {
        let steps = text.split("--").next().unwrap_or_default();
        for step in steps.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            let words: Vec<&str> = step.split_whitespace().collect();
            let fail = |why: String| Err(format!("line {}: {step}: {why}", number + 1));
            let mut end = now;
            match words[..] {
                ["ringing", state] => line.handle_event(now, FxoEvent::Ringing(state == "on")),
                ["polarity", state] => line.handle_event(now, FxoEvent::Polarity(state == "reversed")),
                ["battery", state] => line.handle_event(now, FxoEvent::Battery(state == "on")),
                ["caller", number] => {
                    line.handle_caller_id(now, Caller { number: Some(number.into()), ..Caller::default() });
                }
                ["message", "data", state] => line.handle_message_waiting(now, state == "on"),
                ["dial", "tone"] => line.handle_dial_tone(now),
                ["busy", "tone"] => line.handle_disconnect_tone(now),
                ["seize"] => line.seize(now, "").map_err(|e| e.to_string())?,
                ["seize", digits] => {
                    if let Err(error) = line.seize(now, digits) {
                        events.push_back(format!("refused {error}"));
                    }
                }
                ["send", digits] => line.send_digits(now, digits).map_err(|e| e.to_string())?,
                ["answer"] => drop(line.answer(now)),
                ["flash"] => drop(line.flash(now)),
                ["release"] => line.release(now),
                ["shutdown"] => line.shutdown(now, true),
                ["no", "shutdown"] => line.shutdown(now, false),
                ["wait", n, unit] => {
                    let n: u64 = n.parse().map_err(|_| "number")?;
                    end += Duration::from_millis(if unit == "s" { n * 1000 } else { n });
                }
                ["set", ref option @ ..] => {
                    let mut config = line.config().clone();
                    let ms =
                        |text: &str| text.parse().map(Duration::from_millis).map_err(|_| "number".to_owned());
                    match *option {
                        ["groundstart"] => config.signal = Signal::GroundStart,
                        ["pulse"] => config.dial_type = DialType::Pulse,
                        ["caller-id"] => config.caller_id = true,
                        ["ring", "number", n] => config.ring_number = n.parse().map_err(|_| "number")?,
                        ["dial-tone", t] => config.dial_tone = Some(ms(t)?),
                        ["no", "supervisory-disconnect"] => config.supervisory_disconnect = None,
                        ["no", "battery-reversal"] => config.battery_reversal = false,
                        _ => return fail("unknown option".into()),
                    }
                    line = OfficeLine::new(config);
                }
                ["expect", ..] => {}
                _ => return fail("unknown step".into()),
            }
            loop {
                while let Some(output) = line.poll_output() {
                    match output {
                        FxoOutput::Hook(off) => (hook, edges) = (off, edges + 1),
                        FxoOutput::RingGround(on) => ground = on,
                        FxoOutput::Digit(digit) => digits.push(digit),
                        FxoOutput::Event(event) => events.push_back(format!("{event:?}")),
                        other => return fail(format!("{other:?}")),
                    }
                }
                let Some(at) = line.poll_timeout().filter(|at| *at <= end) else { break };
                line.handle_timeout(at);
            }
            now = end;
            if let ["expect", ref what @ ..] = words[..] {
                expectations += 1;
                let (found, expected) = match *what {
                    ["hook", state] => (if hook { "off" } else { "on" }.to_owned(), state.to_owned()),
                    ["ground", state] => (if ground { "on" } else { "off" }.to_owned(), state.to_owned()),
                    ["state", state] => (format!("{:?}", line.state()), state.to_owned()),
                    ["digits", sent] => (std::mem::take(&mut digits), sent.to_owned()),
                    ["hook", "edges", count] => (std::mem::take(&mut edges).to_string(), count.to_owned()),
                    ["no", "event"] => (events.pop_front().unwrap_or_default(), String::new()),
                    ["no", "timer"] => (format!("{:?}", line.poll_timeout()), "None".into()),
                    ["listening", state] => (line.listens_for_caller_id().to_string(), state.into()),
                    ["event", ref words @ ..] => (events.pop_front().unwrap_or_default(), words.join(" ")),
                    _ => return fail("unknown expectation".into()),
                };
                if !found.starts_with(&expected) || (expected.is_empty() && !found.is_empty()) {
                    return fail(format!("found {found:?}"));
                }
            }
        }
    }
    if events.is_empty() { Ok(expectations) } else { Err(format!("events nobody expected: {events:?}")) }
}

#[test]
fn every_scenario_plays() {
    let (mut files, mut expectations, mut failures) = (0, 0, vec![]);
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/fxo")).unwrap() {
        let path = entry.unwrap().path();
        files += 1;
        match play(&std::fs::read_to_string(&path).unwrap()) {
            Ok(count) => expectations += count,
            Err(error) => failures.push(format!("{}: {error}", path.display())),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(files >= 5 && expectations >= 50, "{files} files, {expectations} expectations");
}

#[test]
fn a_scenario_can_fail() {
    assert!(play("ringing on; wait 1 s; expect state Idle").is_err());
    assert!(play("ringing on; wait 1 s; ringing off").unwrap_err().contains("nobody expected"));
}
