#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Input {
    Event(FxoEvent),
    Wait(u64),
    CallerId,
    DialTone,
    DisconnectTone,
    Seize(&'static str),
    Send(&'static str),
    Answer,
    Flash,
    Release,
    Shutdown(bool),
}

fn inputs() -> Vec<Input> {
    use Input::*;
    vec![
        Event(FxoEvent::Ringing(true)),
        Event(FxoEvent::Ringing(false)),
        Event(FxoEvent::Polarity(true)),
        Event(FxoEvent::Polarity(false)),
        Event(FxoEvent::Battery(false)),
        Event(FxoEvent::Battery(true)),
        Event(FxoEvent::Removed),
        Wait(0),
        Wait(50),
        Wait(400),
        Wait(2500),
        Wait(8000),
        CallerId,
        DialTone,
        DisconnectTone,
        Seize("12"),
        Seize(""),
        Send("34,5"),
        Answer,
        Flash,
        Release,
        Shutdown(true),
        Shutdown(false),
    ]
}

fn configs() -> Vec<FxoConfig> {
    let base = FxoConfig::default();
    vec![
        base.clone(),
        FxoConfig { dial_type: DialType::Pulse, caller_id: true, ring_number: 2, ..base.clone() },
        FxoConfig { dial_tone: Some(Duration::from_secs(3)), supervisory_disconnect: None, ..base.clone() },
        FxoConfig { signal: Signal::GroundStart, battery_reversal: false, ..base.clone() },
        FxoConfig {
            signal: Signal::GroundStart,
            reversal_delay: Duration::from_millis(200),
            auto_tip: Some(Duration::from_millis(200)),
            ..base
        },
    ]
}

struct Bench {
    line: OfficeLine,
    now: Instant,
    off: bool,
    ground: bool,
    events: Vec<FxoEventOut>,
    digits: String,
}

impl Bench {
    fn new(config: FxoConfig) -> Self {
        let line = OfficeLine::new(config);
        Self { line, now: Instant::now(), off: false, ground: false, events: vec![], digits: String::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.line.poll_output() {
            match output {
                FxoOutput::Hook(off) => {
                    assert_ne!(std::mem::replace(&mut self.off, off), off, "a level told twice")
                }
                FxoOutput::RingGround(on) => assert_ne!(std::mem::replace(&mut self.ground, on), on, "twice"),
                FxoOutput::Digit(digit) => {
                    assert!(self.off, "a digit into an open loop");
                    self.digits.push(digit);
                }
                FxoOutput::Event(event) => self.events.push(event),
            }
        }
        let in_use =
            matches!(self.line.state(), FxoState::Seizing | FxoState::Dialling | FxoState::Connected);
        assert!(in_use || !self.off, "loop current in {:?}", self.line.state());
        assert!(
            self.line.state() == FxoState::Seizing || !self.ground,
            "ring ground in {:?}",
            self.line.state()
        );
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        while let Some(at) = self.line.poll_timeout().filter(|at| *at <= end) {
            steps += 1;
            assert!(steps < 10_000, "time stands still");
            self.now = self.now.max(at);
            self.line.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }

    fn apply(&mut self, input: &Input) {
        let (line, now) = (&mut self.line, self.now);
        match input {
            Input::Event(event) => line.handle_event(now, *event),
            Input::Wait(ms) => self.wait(Duration::from_millis(*ms)),
            Input::CallerId => line.handle_caller_id(now, Caller::default()),
            Input::DialTone => line.handle_dial_tone(now),
            Input::DisconnectTone => line.handle_disconnect_tone(now),
            Input::Seize(digits) => drop(line.seize(now, digits)),
            Input::Send(digits) => drop(line.send_digits(now, digits)),
            Input::Answer => drop(line.answer(now)),
            Input::Flash => drop(line.flash(now)),
            Input::Release => line.release(now),
            Input::Shutdown(down) => line.shutdown(now, *down),
        }
        self.drain();
    }

    /// The exchange falls silent and the call is released: the line must come to rest and work again.
    fn come_to_rest(&mut self) {
        self.apply(&Input::Shutdown(false));
        self.apply(&Input::Event(FxoEvent::Ringing(false)));
        let ground = self.line.config().signal == Signal::GroundStart;
        self.apply(&Input::Event(FxoEvent::Battery(!ground)));
        self.apply(&Input::Release);
        self.wait(Duration::from_secs(400));
        assert_eq!((self.line.state(), self.line.poll_timeout()), (FxoState::Idle, None));
        assert!(!self.off && !self.ground);
        self.digits.clear();
        self.line.seize(self.now, "7").unwrap();
        self.drain();
        if ground {
            assert!(self.ground && !self.off);
            self.apply(&Input::Event(FxoEvent::Battery(true)));
        }
        assert!(self.off && !self.ground);
        self.line.handle_dial_tone(self.now);
        self.wait(Duration::from_secs(2));
        assert_eq!(self.line.state(), FxoState::Connected);
        assert_eq!(self.events.last(), Some(&FxoEventOut::Dialled));
    }
}

#[test]
fn every_input_in_every_state_comes_to_rest() {
    use Input::*;
    let mut reached = std::collections::HashSet::new();
    let roads: Vec<Vec<Input>> = vec![
        vec![],
        vec![Event(FxoEvent::Ringing(true)), Wait(50)],
        vec![Event(FxoEvent::Ringing(true)), Wait(400)],
        vec![Event(FxoEvent::Ringing(true)), Wait(400), Event(FxoEvent::Ringing(false))],
        vec![Event(FxoEvent::Ringing(true)), Wait(400), Answer],
        vec![CallerId],
        vec![Seize("123")],
        vec![Seize("123"), Event(FxoEvent::Battery(true)), Wait(400)],
        vec![Seize("123"), Event(FxoEvent::Battery(true)), DialTone, Wait(50)],
        vec![Seize("1"), Event(FxoEvent::Battery(true)), DialTone, Wait(2500)],
        vec![Seize("1"), Event(FxoEvent::Battery(true)), DialTone, Wait(2500), Flash],
        vec![Seize("1"), Event(FxoEvent::Battery(true)), DialTone, Wait(2500), Release],
        vec![Shutdown(true)],
    ];
    let mut cases = 0;
    for config in configs() {
        for road in &roads {
            for first in inputs() {
                for second in inputs() {
                    let mut bench = Bench::new(config.clone());
                    road.iter().for_each(|input| bench.apply(input));
                    reached.insert(bench.line.state());
                    bench.apply(&first);
                    bench.apply(&second);
                    bench.come_to_rest();
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(reached.len(), FxoState::ALL.len());
    assert!(cases > 20_000, "{cases}");
}

proptest! {
    #[test]
    fn any_history_comes_to_rest(picks in proptest::collection::vec(0..23usize, 0..60), which in 0..5usize) {
        let inputs = inputs();
        let mut bench = Bench::new(configs().swap_remove(which));
        for pick in picks {
            bench.apply(&inputs[pick]);
        }
        bench.come_to_rest();
    }
}

#[test]
fn what_cannot_be_dialled_is_refused_with_a_name() {
    let now = Instant::now();
    let mut line = OfficeLine::new(FxoConfig { dial_type: DialType::Pulse, ..FxoConfig::default() });
    assert_eq!(line.seize(now, "1*"), Err(SeizeError::Digit { found: '*', expected: "0 to 9 or a comma" }));
    assert_eq!(line.seize(now, &"1".repeat(33)), Err(SeizeError::TooMany { found: 33 }));
    line.handle_event(now, FxoEvent::Battery(false));
    assert_eq!(line.seize(now, "1"), Err(SeizeError::NoBattery));
    line.handle_event(now, FxoEvent::Battery(true));
    line.handle_event(now, FxoEvent::Ringing(true));
    assert_eq!(line.seize(now, "1"), Err(SeizeError::Busy(FxoState::Ringing)));
    assert_eq!(line.poll_output(), None);
}

#[test]
fn a_reversal_counts_when_it_has_lasted_its_detection_delay() {
    let delay = Duration::from_millis(200);
    let mut bench = Bench::new(FxoConfig { reversal_delay: delay, ..FxoConfig::default() });
    for input in [Input::Seize("1"), Input::DialTone, Input::Wait(1000)] {
        bench.apply(&input);
    }
    let reverse = |bench: &mut Bench, on| bench.apply(&Input::Event(FxoEvent::Polarity(on)));
    reverse(&mut bench, true);
    bench.apply(&Input::Wait(150));
    reverse(&mut bench, false);
    bench.apply(&Input::Wait(1000));
    assert_eq!(bench.events, [FxoEventOut::Dialled], "a click on the line");
    reverse(&mut bench, true);
    bench.apply(&Input::Wait(199));
    assert_eq!(bench.events.len(), 1);
    bench.apply(&Input::Wait(2));
    assert_eq!(bench.events, [FxoEventOut::Dialled, FxoEventOut::Answered]);
}

#[test]
fn an_exchange_that_grounds_no_tip_is_taken_with_auto_tip_only() {
    for (auto_tip, taken) in [(None, false), (Some(Duration::from_millis(200)), true)] {
        let config = FxoConfig { signal: Signal::GroundStart, auto_tip, ..FxoConfig::default() };
        let mut bench = Bench::new(config);
        bench.apply(&Input::Seize("12"));
        assert!(bench.ground);
        bench.apply(&Input::Wait(4000));
        assert_eq!((bench.off, bench.ground), (taken, false));
        let last =
            if taken { FxoEventOut::Dialled } else { FxoEventOut::SeizeFailed(SeizeFailure::NoGround) };
        assert_eq!(bench.events.first(), Some(&last));
    }
}
