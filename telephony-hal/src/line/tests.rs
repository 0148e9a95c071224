//! Exhaustive: every state meets every input; every line comes back to idle and silence.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Input {
    Hook(bool),
    Digit(char),
    Flash,
    Ground,
    Pulses(u8),
    MoreDigits,
    DigitsComplete,
    SecondaryDial,
    Confirm,
    RemoteRinging,
    RemoteProgress,
    Connect,
    RemoteReleased(u8),
    Hold,
    Retrieve,
    HeldReleased,
    AcceptWaiting,
    MessageWaiting(bool),
    Refresh,
    Ring,
    StopRing,
    Shutdown(bool),
    Wait(u64),
    Released,
    Removed,
}

fn inputs() -> Vec<Input> {
    use Input::*;
    vec![
        Hook(true),
        Hook(false),
        Digit('5'),
        Digit('#'),
        Digit('x'),
        Flash,
        Ground,
        Pulses(3),
        Pulses(0),
        Pulses(255),
        MoreDigits,
        DigitsComplete,
        SecondaryDial,
        Confirm,
        RemoteRinging,
        RemoteProgress,
        Connect,
        RemoteReleased(16),
        RemoteReleased(17),
        RemoteReleased(1),
        Hold,
        Retrieve,
        HeldReleased,
        AcceptWaiting,
        MessageWaiting(true),
        MessageWaiting(false),
        Refresh,
        Ring,
        StopRing,
        Shutdown(true),
        Shutdown(false),
        Wait(5),
        Wait(60),
        Wait(400),
        Wait(11_000),
        Released,
        Removed,
    ]
}

/// The levels of the hardware, as a backend would hold them.
#[derive(Debug, Default)]
struct Port {
    tone: Tone,
    ring: bool,
    lamp: bool,
    reversed: bool,
    open: bool,
    events: Vec<LineEventOut>,
}

struct Bench {
    line: Line,
    now: Instant,
    port: Port,
    /// What was done, for messages.
    case: String,
}

impl Bench {
    fn new(config: LineConfig) -> Self {
        let mut bench =
            Self { line: Line::new(config), now: Instant::now(), port: Port::default(), case: String::new() };
        bench.drain();
        bench
    }

    fn apply(&mut self, input: &Input) {
        let now = self.now;
        let line = &mut self.line;
        match *input {
            Input::Hook(off) => line.handle_hook(now, off),
            Input::Digit(digit) => line.handle_digit(now, digit),
            Input::Ground => line.handle_event(now, LineEvent::RingGround),
            Input::Flash => line.handle_flash(now),
            Input::Pulses(count) => line.handle_event(now, LineEvent::Pulse(count)),
            Input::MoreDigits => line.more_digits(now),
            Input::DigitsComplete => line.digits_complete(now),
            Input::SecondaryDial => line.secondary_dial_tone(now),
            Input::Confirm => line.confirm(now),
            Input::RemoteRinging => line.remote_ringing(now),
            Input::RemoteProgress => line.remote_progress(now),
            Input::Connect => line.connect(now),
            Input::RemoteReleased(cause) => line.remote_released(now, cause),
            Input::Hold => drop(line.hold(now)),
            Input::Retrieve => drop(line.retrieve(now)),
            Input::HeldReleased => line.held_released(now),
            Input::AcceptWaiting => drop(line.accept_waiting(now)),
            Input::MessageWaiting(on) => line.set_message_waiting(now, on),
            Input::Refresh => line.refresh_message_waiting(now),
            Input::Ring => drop(line.ring(now, RingPattern::default(), Caller::default())),
            Input::StopRing => line.stop_ring(now),
            Input::Shutdown(down) => line.shutdown(now, down),
            Input::Wait(ms) => self.wait(Duration::from_millis(ms)),
            Input::Released => line.handle_event(now, LineEvent::Released),
            Input::Removed => line.handle_event(now, LineEvent::Removed),
        }
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.line.poll_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now, "a timer lies in the past");
            self.now = at;
            self.line.handle_timeout(at);
            self.drain();
        }
        self.now = end;
        self.line.handle_timeout(end);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.line.poll_output() {
            match output {
                Output::Tone(tone) => self.port.tone = tone,
                Output::Ring(on) => {
                    assert!(!(on && self.port.lamp), "lamp voltage under ringing voltage");
                    self.port.ring = on;
                }
                Output::Lamp(on) => {
                    assert!(!(on && self.port.ring), "ringing voltage under lamp voltage");
                    self.port.lamp = on;
                }
                Output::Polarity(reversed) => self.port.reversed = reversed,
                Output::Battery(on) => self.port.open = !on,
                Output::Event(event) => self.port.events.push(event),
            }
        }
        self.check();
    }

    fn check(&self) {
        let (line, port) = (&self.line, &self.port);
        assert_eq!(port.tone, line.tone());
        assert_eq!(port.reversed, line.is_reversed());
        if matches!(line.state(), State::OutOfService | State::Idle | State::Ringing | State::Parked) {
            assert_eq!(port.tone, Tone::None, "a tone is stuck in {}", line.state());
        }
        if line.state() == State::Connected {
            assert!(matches!(port.tone, Tone::None | Tone::CallWaiting), "a tone is stuck in conversation");
        }
        if matches!(line.state(), State::OutOfService | State::Idle) {
            assert!(!port.reversed && !port.ring, "the port is not at rest: {port:?}");
            let acknowledging = port.open && line.config().disconnect_ack && line.state() == State::Idle;
            assert_eq!(port.open, self.ground_start() || acknowledging, "the battery is not at rest");
            assert!(!line.has_held() && !line.has_waiting());
        }
        assert!(!port.ring || line.state() == State::Ringing);
        assert!(!port.lamp || (line.state() == State::Idle && !port.open));
        let rests = matches!(line.state(), State::OutOfService | State::Idle);
        let opens = self.ground_start() || line.config().disconnect_ack;
        assert!(!port.open || line.state() == State::Released || (rests && opens));
        assert!(line.digits().len() <= MAX_DIGITS);
    }

    fn ground_start(&self) -> bool {
        self.line.config().signal == Signal::GroundStart
    }

    /// Left alone, the line ends where nothing runs; with the handset down it is idle and has no timer.
    fn come_to_rest(&mut self) {
        for _ in 0..10_000 {
            let Some(at) = self.line.poll_timeout() else { break };
            self.wait(at.saturating_duration_since(self.now));
        }
        assert_eq!(self.line.poll_timeout(), None, "a timer never ends in {}", self.line.state());
        self.apply(&Input::Hook(false));
        self.wait(Duration::from_secs(10));
        if self.line.state() == State::Connected && !self.line.is_off_hook() {
            panic!("a conversation without a handset");
        }
        if self.line.state() == State::OutOfService {
            self.apply(&Input::Shutdown(false));
            self.wait(Duration::from_secs(10));
        }
        assert_eq!(self.line.state(), State::Idle, "{}", self.case);
        assert_eq!(self.line.poll_timeout(), None, "{}", self.case);
        assert_eq!(self.port.open, self.ground_start(), "{}", self.case);
        self.check();
        // And it works.
        self.apply(&Input::Ground);
        self.apply(&Input::Hook(true));
        self.wait(Duration::from_millis(20));
        let config = self.line.config();
        let calls = config.plar.is_some() || config.permanent;
        assert!(matches!(self.line.tone(), Tone::Dial | Tone::Stutter) || calls);
    }
}

/// Ways into every state, with and without a second call.
fn roads() -> Vec<(State, Vec<Input>)> {
    use Input::*;
    let off = || vec![Hook(true), Wait(20)];
    let with = |inputs: &[Input]| [&off()[..], inputs].concat();
    let call = [Digit('1'), DigitsComplete, Connect];
    let talk = with(&call);
    let plus = |inputs: &[Input]| [&talk[..], inputs].concat();
    vec![
        (State::Idle, vec![]),
        (State::Idle, vec![MessageWaiting(true)]),
        (State::Idle, vec![Hook(true)]),
        (State::OutOfService, vec![Shutdown(true)]),
        (State::OutOfService, vec![Shutdown(true), Hook(true)]),
        (State::Ringing, vec![Ring]),
        (State::Ringing, vec![Ring, Wait(3000)]),
        (State::Ringing, vec![Ring, Hook(true)]),
        (State::Collecting, off()),
        (State::Collecting, with(&[Digit('1')])),
        (State::Collecting, with(&[Hook(false), Wait(60), Hook(true)])),
        (State::Collecting, with(&[Hook(false)])),
        (State::Routing, with(&[Digit('1'), Digit('#')])),
        (State::Alerting, with(&[Digit('1'), DigitsComplete, RemoteRinging])),
        (State::Alerting, with(&[Digit('1'), DigitsComplete, RemoteProgress])),
        (State::Connected, talk.clone()),
        (State::Connected, vec![Ring, Hook(true), Wait(50)]),
        (State::Connected, plus(&[Ring])),
        (State::Connected, plus(&[Hook(false), Wait(60)])),
        (State::Connected, plus(&[Ring, AcceptWaiting])),
        (State::Collecting, plus(&[Hold])),
        (State::Released, plus(&[Hold, RemoteReleased(17)])),
        (State::Released, plus(&[RemoteReleased(16)])),
        (State::Released, plus(&[RemoteReleased(16), Hook(false), Wait(60)])),
        (State::Released, plus(&[RemoteReleased(16), Wait(400)])),
        (State::Released, plus(&[RemoteReleased(16), Wait(11_000)])),
        (State::Released, plus(&[Ring, RemoteReleased(16)])),
        (State::Released, with(&[Wait(11_000)])),
        (State::Howler, with(&[Wait(41_000)])),
        (State::Parked, with(&[Wait(101_000)])),
        (State::Parked, with(&[Shutdown(true), Shutdown(false)])),
    ]
}

fn configs() -> Vec<LineConfig> {
    let base = LineConfig::default();
    vec![
        base.clone(),
        LineConfig { plar: Some("100".into()), vmwi: Vmwi::Fsk, ..base.clone() },
        LineConfig {
            power_denial: None,
            vmwi: Vmwi::DcVoltage,
            caller_id: CallerIdAlerting::AfterRing(1),
            ..base.clone()
        },
        LineConfig {
            caller_id: CallerIdAlerting::BeforeRing(Duration::from_millis(1500)),
            hookflash_min: Duration::from_millis(80),
            vmwi: Vmwi::DcVoltage,
            ..base.clone()
        },
        LineConfig { disconnect_ack: true, vmwi: Vmwi::DcVoltage, ..base.clone() },
        LineConfig { signal: Signal::GroundStart, vmwi: Vmwi::Fsk, ..base.clone() },
        LineConfig { permanent: true, call_waiting: false, ..base.clone() },
    ]
}

#[test]
fn every_input_in_every_state_leads_back_to_idle() {
    let mut reached = std::collections::HashSet::new();
    let mut cases = 0;
    for (number, config) in configs().into_iter().enumerate() {
        // Pairs of inputs with two configurations, single inputs with the others.
        let seconds = if number == 0 || number >= 4 { inputs() } else { vec![Input::Wait(0)] };
        for (state, road) in roads() {
            for first in inputs() {
                for second in seconds.clone() {
                    let mut bench = Bench::new(config.clone());
                    road.iter().for_each(|input| bench.apply(input));
                    let ordinary = config.plar.is_none() && !config.permanent;
                    if ordinary && config.signal == Signal::LoopStart {
                        assert_eq!(bench.line.state(), state, "road {road:?}");
                        reached.insert(state);
                    }
                    bench.apply(&first);
                    bench.apply(&second);
                    bench.case = format!("{road:?}, {first:?}, {second:?}");
                    bench.come_to_rest();
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(reached.len(), State::ALL.len());
    assert!(cases > 70_000, "{cases}");
}

proptest! {
    #[test]
    fn any_history_leads_back_to_idle(
        picks in proptest::collection::vec(0..inputs().len(), 0..60),
        which in 0..7usize,
    ) {
        let inputs = inputs();
        let mut bench = Bench::new(configs().swap_remove(which));
        for pick in picks {
            bench.apply(&inputs[pick]);
        }
        bench.come_to_rest();
    }
}

#[test]
fn a_late_driver_sees_the_same_history() {
    // Nobody called handle_timeout for a minute: dial timeout, congestion and howler come in order all the same.
    let start = Instant::now();
    let mut line = Line::new(LineConfig::default());
    line.handle_hook(start, true);
    line.handle_timeout(start + Duration::from_secs(60));
    let outputs: Vec<_> = std::iter::from_fn(|| line.poll_output()).collect();
    assert_eq!(
        outputs,
        [
            Output::Event(LineEventOut::Seized),
            Output::Tone(Tone::Dial),
            Output::Event(LineEventOut::DialTimeout),
            Output::Tone(Tone::Congestion),
            Output::Tone(Tone::Howler),
        ]
    );
    assert_eq!(line.poll_timeout(), Some(start + Duration::from_millis(100_020)));
}

#[test]
fn a_release_that_the_hardware_timed_is_one_at_once() {
    for (event, over) in [(LineEvent::OnHook, false), (LineEvent::Released, true)] {
        let mut bench = Bench::new(LineConfig::default());
        for input in [Input::Hook(true), Input::Wait(20), Input::Digit('5'), Input::DigitsComplete] {
            bench.apply(&input);
        }
        bench.line.connect(bench.now);
        assert_eq!(bench.line.state(), State::Connected);
        bench.line.handle_event(bench.now, event);
        bench.drain();
        assert_eq!(bench.line.state() == State::Idle, over, "{event:?}");
        assert_eq!(bench.port.events.contains(&LineEventOut::Released), over, "{event:?}");
        // A raw break may be a flash until the flash's time is over.
        bench.wait(LineConfig::default().hookflash_max);
        assert_eq!(bench.line.state(), State::Idle);
    }
}

#[test]
fn a_number_ends_at_its_thirty_second_digit() {
    let now = Instant::now();
    let mut bench = Bench::new(LineConfig::default());
    bench.now = now;
    bench.apply(&Input::Hook(true));
    bench.apply(&Input::Wait(20));
    (0..40).for_each(|_| bench.apply(&Input::Digit('7')));
    let dialled = LineEventOut::Dialled { number: "7".repeat(32), complete: true };
    assert_eq!(bench.port.events.iter().filter(|event| **event == dialled).count(), 1);
}

#[test]
fn an_idle_line_needs_no_time_at_all() {
    assert_eq!(Line::new(LineConfig::default()).poll_timeout(), None);
}

#[test]
fn an_output_sets_its_level_on_the_port() {
    use crate::FxsLine as _;
    let plant = crate::sim::Plant::new();
    let mut port = plant.add_line("2/0");
    let phone = plant.phone("2/0").unwrap();
    let mut apply = |output: Output| output.apply(&mut port, crate::Lamp::Neon).unwrap();
    assert!(apply(Output::Ring(true)));
    assert!(phone.status().ringing);
    assert!(apply(Output::Ring(false)) && apply(Output::Lamp(true)) && apply(Output::Polarity(true)));
    assert!(apply(Output::Battery(false)));
    let status = phone.status();
    assert_eq!((status.ringing, status.lamp, status.battery), (false, crate::sim::LampName::Neon, false));
    assert_eq!(status.polarity, "reversed");
    assert!(!apply(Output::Tone(Tone::Dial)) && !apply(Output::Event(LineEventOut::Seized)));
    assert!(port.capabilities().raw_hook);
}

/// Subscribers for a virtual day: each lifts, dials, flashes, forgets the handset; the network answers as it likes.
#[test]
fn a_thousand_random_telephones_for_a_day() {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
    let seed = 20_261_121;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (rare, inputs): (Vec<_>, Vec<_>) =
        inputs().into_iter().partition(|input| matches!(input, Input::Shutdown(_) | Input::Removed));
    let mut events = std::collections::HashMap::new();
    let mut acts = 0;
    for telephone in 0..1000 {
        let mut bench = Bench::new(configs().swap_remove(telephone % 6));
        let end = bench.now + Duration::from_secs(86_400);
        while bench.now < end {
            // A burst of activity, then quiet up to an hour.
            for _ in 0..random.random_range(1..30) {
                bench.apply(&inputs[random.random_range(0..inputs.len())]);
                bench.wait(Duration::from_millis(random.random_range(0..2000)));
                acts += 1;
            }
            bench.wait(Duration::from_secs(random.random_range(0..7200)));
            if random.random_bool(0.05) {
                bench.apply(&rare[random.random_range(0..rare.len())]);
                bench.wait(Duration::from_secs(600));
                bench.apply(&Input::Shutdown(false));
            }
        }
        for event in &bench.port.events {
            *events.entry(std::mem::discriminant(event)).or_insert(0) += 1;
        }
        bench.come_to_rest();
    }
    println!("{acts} acts, events {:?}", events.values());
    // All ten kinds of events happened, and none by accident.
    assert_eq!(events.len(), 10);
    assert!(events.values().all(|count| *count > 100), "{events:?}");
}

#[test]
fn the_telephone_of_a_permanent_call_talks_as_soon_as_it_is_lifted() {
    let mut bench = Bench::new(LineConfig { permanent: true, call_waiting: false, ..LineConfig::default() });
    bench.apply(&Input::Hook(true));
    bench.wait(Duration::from_millis(20));
    assert_eq!((bench.line.state(), bench.line.tone()), (State::Connected, Tone::None));
    bench.apply(&Input::Hook(false));
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.line.state(), State::Idle);
    bench.apply(&Input::Ring);
    assert_eq!(bench.line.state(), State::Ringing);
    bench.apply(&Input::Hook(true));
    bench.wait(Duration::from_millis(100));
    assert_eq!(bench.line.state(), State::Connected);
}
