//! Plays `tests/scenarios/*.txt`: an engineer's description of what a telephone does and what must happen.
//!
//! Steps are separated by `;` or line ends; `--` starts a comment. Time stands still except in `wait`, and in
//! `off hook`, `on hook`, `flash`, `pulse` for as long as such a thing takes. `expect event` takes the oldest event that was not
//! expected yet; at the end of a file no event may be left over.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use telephony_hal::line::{
    Caller, CallerIdAlerting, Line, LineConfig, LineEventOut, Output, PulseRule, RingPattern, Signal, Tone,
    Vmwi,
};

struct Player {
    line: Line,
    now: Instant,
    start: Instant,
    tone: Tone,
    ring: bool,
    lamp: bool,
    reversed: bool,
    battery: bool,
    events: VecDeque<String>,
    /// Times of the edges of ringing voltage since the last `ring`.
    ring_edges: Vec<Instant>,
}

impl Player {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            line: Line::new(LineConfig::default()),
            now,
            start: now,
            tone: Tone::None,
            ring: false,
            lamp: false,
            reversed: false,
            battery: true,
            events: VecDeque::new(),
            ring_edges: vec![],
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.line.poll_output() {
            match output {
                Output::Tone(tone) => self.tone = tone,
                Output::Ring(on) => {
                    self.ring = on;
                    self.ring_edges.push(self.now);
                }
                Output::Lamp(on) => self.lamp = on,
                Output::Polarity(reversed) => self.reversed = reversed,
                Output::Battery(on) => self.battery = on,
                Output::Event(event) => self.events.push_back(spell(&event)),
                other => panic!("unknown output {other:?}"),
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.line.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.line.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }

    fn hook(&mut self, off: bool) {
        self.line.handle_hook(self.now, off);
        self.drain();
    }

    fn step(&mut self, step: &str) -> Result<(), String> {
        let words: Vec<&str> = step.split_whitespace().collect();
        let now = self.now;
        let line = &mut self.line;
        match words[..] {
            ["off", "hook"] => {
                self.hook(true);
                self.wait(Duration::from_millis(40));
            }
            ["on", "hook"] => {
                self.hook(false);
                self.wait(Duration::from_secs(1));
            }
            ["loop", "on"] => self.hook(true),
            ["loop", "off"] => self.hook(false),
            ["flash", ref length @ ..] => {
                self.hook(false);
                self.wait(if length.is_empty() { Duration::from_millis(400) } else { time(length)? });
                self.hook(true);
            }
            ["ring", "ground"] => line.handle_ring_ground(now),
            ["hardware", "flash"] => line.handle_flash(now),
            ["dial", digits] => digits.chars().for_each(|digit| line.handle_digit(now, digit)),
            ["pulse", digits] => {
                for digit in digits.chars() {
                    let count = digit.to_digit(10).ok_or("no digit")?;
                    for _ in 0..if count == 0 { 10 } else { count } {
                        self.hook(false);
                        self.wait(Duration::from_millis(60));
                        self.hook(true);
                        self.wait(Duration::from_millis(40));
                    }
                    self.wait(Duration::from_millis(700));
                }
            }
            ["digits", "complete"] => line.digits_complete(now),
            ["more", "digits"] => line.more_digits(now),
            ["secondary", "dial", "tone"] => line.secondary_dial_tone(now),
            ["confirm"] => line.confirm(now),
            ["remote", "ringing"] => line.remote_ringing(now),
            ["remote", "progress"] => line.remote_progress(now),
            ["remote", "answers"] => line.connect(now),
            ["remote", "released", cause] => line.remote_released(now, number(cause)? as u8),
            ["hold"] => truth(line.hold(now))?,
            ["retrieve"] => truth(line.retrieve(now))?,
            ["accept", "waiting"] => truth(line.accept_waiting(now))?,
            ["held", "released"] => line.held_released(now),
            ["mwi", state] => line.set_message_waiting(now, on_off(state)?),
            ["ring"] => {
                let caller = Caller { number: Some("4711".into()), ..Caller::default() };
                line.ring(now, RingPattern::default(), caller).map_err(|error| error.to_string())?;
            }
            ["ring", ref steps @ ..] => {
                let mut pairs = vec![];
                for step in steps {
                    let (on, off) = step.split_once('/').ok_or("expected ON/OFF")?;
                    pairs.push((number(on)?, number(off)?));
                }
                let pattern = RingPattern::new(&pairs).ok_or("no pattern")?;
                let caller = Caller { number: Some("4711".into()), ..Caller::default() };
                self.ring_edges.clear();
                self.start = now;
                line.ring(now, pattern, caller).map_err(|error| error.to_string())?;
            }
            ["stop", "ringing"] => line.stop_ring(now),
            ["shutdown"] => line.shutdown(now, true),
            ["no", "shutdown"] => line.shutdown(now, false),
            ["wait", ref length @ ..] => self.wait(time(length)?),
            ["set", ref option @ ..] => {
                let mut config = line.config().clone();
                set(&mut config, option)?;
                line.set_config(now, config);
            }
            ["expect", ref what @ ..] => {
                self.drain();
                return self.expect(what);
            }
            _ => return Err("unknown step".into()),
        }
        self.drain();
        Ok(())
    }

    fn expect(&mut self, what: &[&str]) -> Result<(), String> {
        let (found, expected) = match *what {
            ["tone", tone] => (self.tone.to_string(), tone.to_owned()),
            ["state", ref state @ ..] => (self.line.state().to_string(), state.join(" ")),
            ["ring", state] => (self.ring.to_string(), on_off(state)?.to_string()),
            ["ringing", "edges", ref edges @ ..] => {
                let found: Vec<_> =
                    self.ring_edges.iter().map(|edge| (*edge - self.start).as_millis().to_string()).collect();
                (found.join(" "), edges.join(" "))
            }
            ["lamp", state] => (self.lamp.to_string(), on_off(state)?.to_string()),
            ["battery", state] => (self.battery.to_string(), on_off(state)?.to_string()),
            ["polarity", state] => {
                (if self.reversed { "reversed" } else { "normal" }.to_owned(), state.to_owned())
            }
            ["talking"] => (self.line.is_talking().to_string(), "true".to_owned()),
            ["no", "event"] => (self.events.front().cloned().unwrap_or_default(), String::new()),
            ["event", ref event @ ..] => (self.events.pop_front().unwrap_or_default(), event.join(" ")),
            ["no", "timer"] => (format!("{:?}", self.line.poll_timeout()), "None".to_owned()),
            ["busy"] => {
                let busy = self.line.ring(self.now, RingPattern::default(), Caller::default());
                (busy.is_err().to_string(), "true".to_owned())
            }
            _ => return Err("unknown expectation".into()),
        };
        if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
    }
}

fn spell(event: &LineEventOut) -> String {
    match event {
        LineEventOut::Seized => "seized".into(),
        LineEventOut::Digit(digit) => format!("digit {digit}"),
        LineEventOut::Dialled { number, complete: true } => format!("dialled {number}"),
        LineEventOut::Dialled { number, complete: false } => format!("dialled {number} by timeout"),
        LineEventOut::DialTimeout => "dial timeout".into(),
        LineEventOut::Answered => "answered".into(),
        LineEventOut::RingTimeout => "ring timeout".into(),
        LineEventOut::Flash => "flash".into(),
        LineEventOut::CallerId { caller, off_hook } => {
            let number = caller.number.as_deref().unwrap_or("none");
            format!("caller {number} {} hook", if *off_hook { "off" } else { "on" })
        }
        LineEventOut::MessageWaiting(on) => format!("message data {}", if *on { "on" } else { "off" }),
        LineEventOut::Released => "released".into(),
        other => format!("{other:?}"),
    }
}

fn set(config: &mut LineConfig, option: &[&str]) -> Result<(), String> {
    match *option {
        ["initial", ref t @ ..] => config.initial = limit(t)?,
        ["interdigit", ref t @ ..] => config.interdigit = limit(t)?,
        ["ringing", ref t @ ..] => config.ringing = limit(t)?,
        ["wait-release", ref t @ ..] => config.wait_release = limit(t)?,
        ["call-disconnect", ref t @ ..] => config.call_disconnect = limit(t)?,
        ["power-denial", ref t @ ..] => config.power_denial = limit(t)?,
        ["hookflash", max, min] => {
            config.hookflash_max = Duration::from_millis(number(max)?.into());
            config.hookflash_min = Duration::from_millis(number(min)?.into());
        }
        ["plar", number] => config.plar = Some(number.into()),
        ["battery-reversal", state] => config.battery_reversal = on_off(state)?,
        ["disconnect-ack", state] => config.disconnect_ack = on_off(state)?,
        ["call-waiting", state] => config.call_waiting = on_off(state)?,
        ["signal", "groundstart"] => config.signal = Signal::GroundStart,
        ["stutter", state] => config.stutter = on_off(state)?,
        ["pulse", state] => config.pulse_detection = on_off(state)?,
        ["pulse-rule", "reverse"] => config.pulse_rule = PulseRule::Reverse,
        ["pulse-rule", "plus-one"] => config.pulse_rule = PulseRule::PlusOne,
        ["vmwi", "dc-voltage"] => config.vmwi = Vmwi::DcVoltage,
        ["vmwi", "fsk"] => config.vmwi = Vmwi::Fsk,
        ["vmwi-repeat", ref t @ ..] => config.vmwi_repeat = limit(t)?,
        ["caller-id", "ring", n] => config.caller_id = CallerIdAlerting::AfterRing(number(n)? as u8),
        ["caller-id", "before", ref t @ ..] => config.caller_id = CallerIdAlerting::BeforeRing(time(t)?),
        ["terminator", c] => config.terminator = c.chars().next(),
        _ => return Err("unknown option".into()),
    }
    Ok(())
}

fn number(word: &str) -> Result<u32, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

fn on_off(word: &str) -> Result<bool, String> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{word:?}, expected on or off")),
    }
}

fn truth(done: bool) -> Result<(), String> {
    if done { Ok(()) } else { Err("refused".into()) }
}

fn limit(words: &[&str]) -> Result<Option<Duration>, String> {
    if words == ["infinity"] { Ok(None) } else { time(words).map(Some) }
}

fn time(words: &[&str]) -> Result<Duration, String> {
    match *words {
        [n, "ms"] => Ok(Duration::from_millis(number(n)?.into())),
        [n, "s"] => Ok(Duration::from_secs(number(n)?.into())),
        _ => Err(format!("{words:?}, expected N ms or N s")),
    }
}

fn play(text: &str) -> Result<usize, String> {
    let mut player = Player::new();
    let mut expectations = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.split("--").next().unwrap_or_default();
        for step in line.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            player.step(step).map_err(|error| format!("line {}: {step}: {error}", number + 1))?;
            expectations += usize::from(step.starts_with("expect"));
        }
    }
    player.drain();
    if !player.events.is_empty() {
        return Err(format!("events nobody expected: {:?}", player.events));
    }
    Ok(expectations)
}

#[test]
fn every_scenario_plays() {
    let mut failures = vec![];
    let (mut files, mut expectations) = (0, 0);
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue; // other machines' scenarios
        }
        match play(&std::fs::read_to_string(&path).unwrap()) {
            Ok(count) => {
                assert!(count > 0, "{} expects nothing", path.display());
                expectations += count;
            }
            Err(error) => failures.push(format!("{}: {error}", path.display())),
        }
        files += 1;
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(files >= 10 && expectations >= 100, "{files} files, {expectations} expectations");
    println!("{files} scenarios, {expectations} expectations");
}

#[test]
fn a_scenario_can_fail() {
    assert!(play("off hook; expect tone dial").unwrap_err().contains("nobody expected"));
    assert!(play("off hook; expect event seized; expect tone busy").unwrap_err().contains("found \"dial\""));
    assert!(play("jump").is_err());
}
