//! The discipline of an FXO line: what a subscriber's set does on the exchange's two wires.
//!
//! # Law of use
//!
//! As with [`Line`](super::Line): time and an input in, every [`FxoOutput`] out with [`OfficeLine::poll_output`], then
//! [`OfficeLine::handle_timeout`] no later than at [`OfficeLine::poll_timeout`]. What only ears can tell (caller ID, dial tone,
//! disconnect tone) comes from the media side; the machine says in [`OfficeLine::listens_for_caller_id`] when to listen.
//!
//! # Example
//!
//! ```
//! use std::time::{Duration, Instant};
//! use telephony_hal::FxoEvent;
//! use telephony_hal::line::fxo::{FxoConfig, FxoEventOut, FxoOutput, OfficeLine};
//!
//! let mut now = Instant::now();
//! let mut line = OfficeLine::new(FxoConfig::default());
//! line.handle_event(now, FxoEvent::Ringing(true));
//! now += Duration::from_secs(2);
//! line.handle_event(now, FxoEvent::Ringing(false));
//! assert!(matches!(line.poll_output(), Some(FxoOutput::Event(FxoEventOut::Ringing { .. }))));
//! line.answer(now);
//! assert_eq!(line.poll_output(), Some(FxoOutput::Hook(true)));
//! assert!(line.is_talking());
//! ```

mod config;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use config::{DialType, FxoConfig};

use super::{Caller, MAX_DIGITS, Signal};
use crate::FxoEvent;
use crate::{FxoLine, HalError};

/// Where an exchange line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FxoState {
    /// Shut down.
    OutOfService,
    /// On hook, free.
    Idle,
    /// The exchange rings.
    Ringing,
    /// We seize: off hook (or ring ground), before the first digit.
    Seizing,
    /// Digits go out.
    Dialling,
    /// All digits are out, or the call was taken: audio both ways.
    Connected,
    /// On hook again, before the line may be used.
    Guard,
}

impl FxoState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::OutOfService,
        Self::Idle,
        Self::Ringing,
        Self::Seizing,
        Self::Dialling,
        Self::Connected,
        Self::Guard,
    ];
}

/// One thing to do. Levels are told only when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FxoOutput {
    /// Close (`true`) or open the loop.
    Hook(bool),
    /// Ground the ring lead (`true`) or free it.
    RingGround(bool),
    /// Send this DTMF digit now, [`FxoConfig::digit`] long.
    Digit(char),
    /// Something for call control.
    Event(FxoEventOut),
}

impl FxoOutput {
    /// Applies a level to the port. Returns whether it was one: `false` for digits and events.
    ///
    /// # Errors
    /// The port's.
    pub fn apply<P: FxoLine>(&self, port: &mut P) -> Result<bool, P::Error>
    where
        P::Error: HalError,
    {
        match self {
            Self::Hook(off) => port.set_hook(*off)?,
            Self::RingGround(on) => port.set_ring_ground(*on)?,
            Self::Digit(_) | Self::Event(_) => return Ok(false),
        }
        Ok(true)
    }
}

/// What call control learns from an exchange line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FxoEventOut {
    /// A call comes in. [`OfficeLine::answer`] takes it; nothing refuses it, the exchange rings on.
    Ringing {
        /// Who calls, if that was told in time.
        caller: Option<Caller>,
    },
    /// The caller gave up, or nobody took the call in time.
    RingEnded,
    /// The call cannot be made; the line is on hook again. Q.850 cause 34 or 47.
    SeizeFailed(SeizeFailure),
    /// All digits are out. Without answer supervision this is all one learns: take it for the answer.
    Dialled,
    /// The far end answered (battery reversal).
    Answered,
    /// The exchange ended the call; the line is on hook again.
    Disconnected(Supervision),
    /// The exchange told whether messages wait.
    MessageWaiting(bool),
    /// The line is free again.
    Released,
}

/// Why the exchange did not take a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeizeFailure {
    /// No dial tone in time.
    NoDialTone,
    /// The exchange did not answer the ring ground.
    NoGround,
    /// The battery went before the first digit was out.
    NoBattery,
}

/// How the exchange said that a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// Open switch interval, power denial, or tip open on a ground-start line.
    OpenLoop,
    /// Battery reversal.
    Reversal,
    /// Busy, congestion or a configured tone.
    Tone,
}

/// Why a call cannot be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeizeError {
    /// The line is in use or rests after a call.
    #[error("the exchange line is {0:?}, expected Idle")]
    Busy(FxoState),
    /// There is no battery: the pair is cut, or the exchange dead. Q.850 cause 27.
    #[error("no battery on the exchange line, expected some")]
    NoBattery,
    /// A character that cannot be dialled that way.
    #[error("{found:?} cannot be dialled, expected {expected}")]
    Digit {
        /// The character.
        found: char,
        /// What can.
        expected: &'static str,
    },
    /// More than [`MAX_DIGITS`] digits.
    #[error("{found} digits, expected at most {MAX_DIGITS}")]
    TooMany {
        /// How many came.
        found: usize,
    },
}

/// One exchange line. See the module's documentation for how to drive it.
#[derive(Clone, Debug)]
pub struct OfficeLine {
    config: FxoConfig,
    state: FxoState,
    off_hook: bool,
    grounded: bool,
    battery: bool,
    ringing: bool,
    /// Bursts of the present call.
    bursts: u8,
    /// Call control knows of the ringing call.
    offered: bool,
    caller: Option<Caller>,
    /// Whether we made the present call, and whether a reversal has answered it.
    outgoing: bool,
    answered: bool,
    digits: VecDeque<char>,
    /// Pulses of the present digit still to come; the loop is open in one.
    pulses: u8,
    /// The loop is open for an instant: pulse or flash.
    broken: bool,
    /// Call control has learnt that all digits are out.
    told: bool,
    /// The lamp's voltage is on the line, and what was told of it last.
    lit: bool,
    lit_told: bool,
    timers: [Option<Instant>; TIMERS],
    out: VecDeque<FxoOutput>,
}

/// What a timer slot is for, in the order in which timers of one instant run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// The open loop has lasted.
    Battery,
    /// The reversal has lasted.
    Reversal,
    /// The ringing voltage has lasted.
    Burst,
    /// The pause between bursts has lasted too long.
    Pause,
    /// Dial delay, digit, pulse, flash, guard.
    Step,
    /// Dial tone, ground, or ringing limit.
    Limit,
    /// The lamp's voltage has been gone for long enough.
    Lamp,
}

const TIMERS: usize = 7;
const ALL_TIMERS: [Timer; TIMERS] =
    [Timer::Battery, Timer::Reversal, Timer::Burst, Timer::Pause, Timer::Step, Timer::Limit, Timer::Lamp];
/// An exchange takes the voltage away to ring and while the line is in use: gone for so long on an idle line, the lamp is dark.
const DARK: Duration = Duration::from_secs(8);

impl OfficeLine {
    /// A line in service, on hook; with battery, unless it is a ground-start line.
    pub fn new(config: FxoConfig) -> Self {
        Self {
            battery: config.signal == Signal::LoopStart,
            config,
            state: FxoState::Idle,
            off_hook: false,
            grounded: false,
            ringing: false,
            bursts: 0,
            offered: false,
            caller: None,
            outgoing: false,
            answered: false,
            digits: VecDeque::new(),
            pulses: 0,
            broken: false,
            told: false,
            lit: false,
            lit_told: false,
            timers: [None; TIMERS],
            out: VecDeque::new(),
        }
    }

    /// Takes the next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<FxoOutput> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called next; `None`: not until another input came.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.iter().flatten().min().copied()
    }

    /// Runs every timer that is due at `now`, in order and at its own time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((timer, at)) = self.take_due(now) {
            match timer {
                Timer::Battery => self.disconnected(at, Supervision::OpenLoop),
                Timer::Reversal => self.reversed(at),
                Timer::Burst => self.burst(at),
                Timer::Pause => self.ring_ended(at),
                Timer::Step => self.step(at),
                Timer::Limit => self.limit(at),
                Timer::Lamp => self.dark(at),
            }
        }
    }

    /// An event of the hardware, as it comes from [`FxoLine::poll_event`].
    pub fn handle_event(&mut self, now: Instant, event: FxoEvent) {
        self.handle_timeout(now);
        match event {
            FxoEvent::Ringing(on) => self.ring(now, on),
            FxoEvent::Polarity(_) => self.reversal(now),
            FxoEvent::Battery(on) => self.feed(now, on),
            FxoEvent::Lamp(on) => self.lamp(now, on),
            FxoEvent::Removed => self.shutdown(now, true),
        }
    }

    /// The caller's number and name were heard.
    pub fn handle_caller_id(&mut self, now: Instant, caller: Caller) {
        self.handle_timeout(now);
        if matches!(self.state, FxoState::Idle | FxoState::Ringing) {
            self.caller = Some(caller);
            if self.state == FxoState::Idle {
                // Told before the first burst: forgotten if no call follows.
                self.set(Timer::Pause, Some(now + self.config.ring_pause));
            }
            self.offer();
        }
    }

    /// The exchange told by data, or by a lamp's voltage, whether messages wait.
    pub fn handle_message_waiting(&mut self, now: Instant, on: bool) {
        self.handle_timeout(now);
        if self.state != FxoState::OutOfService {
            self.event(FxoEventOut::MessageWaiting(on));
        }
    }

    /// Dial tone was heard: the first digit need not wait any longer.
    pub fn handle_dial_tone(&mut self, now: Instant) {
        self.handle_timeout(now);
        if self.state == FxoState::Seizing && self.off_hook {
            self.set(Timer::Limit, None);
            self.dial(now);
        }
    }

    /// A tone that says that the call is over was heard (`supervisory disconnect dualtone | anytone`).
    pub fn handle_disconnect_tone(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.disconnected(now, Supervision::Tone);
    }

    /// Makes a call to `digits` (`0-9 * # A-D`, a comma is a pause of a second; without digits the line is only seized).
    ///
    /// # Errors
    /// [`SeizeError`]; also when the exchange just rings, which is glare: take that call instead.
    pub fn seize(&mut self, now: Instant, digits: &str) -> Result<(), SeizeError> {
        self.handle_timeout(now);
        if self.state != FxoState::Idle || self.ringing {
            return Err(SeizeError::Busy(if self.ringing { FxoState::Ringing } else { self.state }));
        }
        let ground = self.config.signal == Signal::GroundStart;
        match (ground, self.battery) {
            // The tip is grounded already: a call is about to ring.
            (true, true) => return Err(SeizeError::Busy(FxoState::Ringing)),
            (false, false) => return Err(SeizeError::NoBattery),
            _ => {}
        }
        let digits = self.checked(digits)?;
        self.caller = None;
        self.digits = digits;
        self.outgoing = true;
        self.answered = false;
        self.told = false;
        self.set(Timer::Pause, None);
        self.state = FxoState::Seizing;
        if ground {
            self.ground(true);
            let wait = self.config.auto_tip.unwrap_or(self.config.ground_wait);
            self.set(Timer::Limit, now.checked_add(wait));
        } else {
            self.seized(now);
        }
        Ok(())
    }

    /// Takes the incoming call. Returns whether there was one.
    pub fn answer(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let done = self.state == FxoState::Ringing;
        if done {
            self.quiet();
            self.outgoing = false;
            self.answered = true;
            self.told = true;
            self.state = FxoState::Connected;
            self.hook(true);
        }
        done
    }

    /// Sends more digits in a call (overlap, or a keypad's), after those still on their way.
    ///
    /// # Errors
    /// [`SeizeError`], `Busy` without a call.
    pub fn send_digits(&mut self, now: Instant, digits: &str) -> Result<(), SeizeError> {
        self.handle_timeout(now);
        if !matches!(self.state, FxoState::Seizing | FxoState::Dialling | FxoState::Connected) {
            return Err(SeizeError::Busy(self.state));
        }
        let more = self.checked(digits)?;
        let found = self.digits.len() + more.len();
        if found > MAX_DIGITS {
            return Err(SeizeError::TooMany { found });
        }
        self.digits.extend(more);
        if self.state == FxoState::Connected && self.at(Timer::Step).is_none() {
            self.dial(now);
        }
        Ok(())
    }

    /// Opens the loop for [`FxoConfig::hookflash_out`]. Returns whether there was a call to flash in.
    pub fn flash(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let done = self.state == FxoState::Connected && self.at(Timer::Step).is_none();
        if done {
            self.broken = true;
            self.hook(false);
            self.set(Timer::Step, Some(now + self.config.hookflash_out));
        }
        done
    }

    /// Ends the call: on hook. [`FxoEventOut::Released`] follows when the line may be used again. A ringing call cannot be
    /// refused on two wires: it is no longer offered.
    pub fn release(&mut self, now: Instant) {
        self.handle_timeout(now);
        if matches!(self.state, FxoState::Seizing | FxoState::Dialling | FxoState::Connected) {
            self.rest(now);
        }
    }

    /// Takes the line out of service (`true`) or puts it back.
    pub fn shutdown(&mut self, now: Instant, down: bool) {
        self.handle_timeout(now);
        if down && self.state != FxoState::OutOfService {
            self.quiet();
            self.hook(false);
            self.ground(false);
            self.timers = [None; TIMERS];
            self.digits.clear();
            // A digit half dialled is not the next call's.
            self.pulses = 0;
            self.broken = false;
            self.state = FxoState::OutOfService;
        } else if !down && self.state == FxoState::OutOfService {
            self.state = FxoState::Idle;
        }
    }

    /// Replaces the configuration. Running timers stay as they are.
    pub fn set_config(&mut self, now: Instant, config: FxoConfig) {
        self.handle_timeout(now);
        self.config = config;
    }

    /// Where the line stands.
    pub fn state(&self) -> FxoState {
        self.state
    }

    /// The configuration in force.
    pub fn config(&self) -> &FxoConfig {
        &self.config
    }

    /// Whether audio of a call belongs on the line.
    pub fn is_talking(&self) -> bool {
        self.state == FxoState::Connected
    }

    /// Whether the loop is closed, or open for a pulse or flash only.
    pub fn is_off_hook(&self) -> bool {
        self.off_hook || self.broken
    }

    /// Whether the far end is known to have answered: always, of a call that came in.
    pub fn is_answered(&self) -> bool {
        self.state == FxoState::Connected && self.answered
    }

    /// Whether caller ID and message waiting may come now: the receiver belongs on the line.
    pub fn listens_for_caller_id(&self) -> bool {
        matches!(self.state, FxoState::Idle | FxoState::Ringing) && !self.ringing
    }
}

impl OfficeLine {
    fn ring(&mut self, now: Instant, on: bool) {
        if self.ringing == on {
            return;
        }
        self.ringing = on;
        match (self.state, on) {
            (FxoState::Idle | FxoState::Ringing, true) => {
                self.set(Timer::Pause, None);
                self.set(Timer::Burst, Some(now + self.config.ring_burst));
            }
            (FxoState::Idle | FxoState::Ringing, false) => {
                self.set(Timer::Burst, None);
                if self.state == FxoState::Ringing || self.caller.is_some() {
                    self.set(Timer::Pause, Some(now + self.config.ring_pause));
                }
                self.offer();
            }
            // Glare: the exchange rings the line that is being seized. The closed loop answers it.
            (FxoState::Seizing, true) if self.config.signal == Signal::LoopStart => {
                self.digits.clear();
                self.state = FxoState::Ringing;
                self.hook(false);
                self.set(Timer::Step, None);
                self.set(Timer::Limit, None);
                self.event(FxoEventOut::SeizeFailed(SeizeFailure::NoDialTone));
                self.set(Timer::Burst, Some(now + self.config.ring_burst));
            }
            _ => {}
        }
    }

    fn lamp(&mut self, now: Instant, on: bool) {
        self.lit = on;
        self.set(Timer::Lamp, (!on && self.lit_told).then(|| now + DARK));
        if on && !self.lit_told && self.state != FxoState::OutOfService {
            self.lit_told = true;
            self.event(FxoEventOut::MessageWaiting(true));
        }
    }

    fn dark(&mut self, now: Instant) {
        if self.state == FxoState::Idle && !self.ringing {
            self.lit_told = false;
            self.event(FxoEventOut::MessageWaiting(false));
        } else {
            self.set(Timer::Lamp, Some(now + DARK));
        }
    }

    /// Ringing voltage has lasted long enough to be a burst.
    fn burst(&mut self, now: Instant) {
        if self.state == FxoState::Idle {
            self.state = FxoState::Ringing;
            self.bursts = 0;
            self.offered = false;
            self.set(Timer::Limit, self.config.ringing.and_then(|limit| now.checked_add(limit)));
        }
        self.bursts = self.bursts.saturating_add(1);
        if self.bursts > 1 {
            self.offer();
        }
    }

    /// Tells call control of the call, once it is one.
    fn offer(&mut self) {
        // The number comes in the first long pause; when the next burst rings it will not come any more.
        let caller = !self.config.caller_id || self.caller.is_some() || self.bursts > 1;
        let enough = self.bursts >= self.config.ring_number.max(1);
        if self.state == FxoState::Ringing && !self.offered && enough && caller {
            self.offered = true;
            let caller = self.caller.clone();
            self.event(FxoEventOut::Ringing { caller });
        }
    }

    fn ring_ended(&mut self, _now: Instant) {
        if self.state == FxoState::Ringing && self.offered {
            self.event(FxoEventOut::RingEnded);
        }
        self.quiet();
        if self.state == FxoState::Ringing {
            self.state = FxoState::Idle;
        }
    }

    /// Forgets the ringing call.
    fn quiet(&mut self) {
        self.bursts = 0;
        self.offered = false;
        self.caller = None;
        for timer in [Timer::Burst, Timer::Pause, Timer::Limit] {
            self.set(timer, None);
        }
    }

    fn reversal(&mut self, now: Instant) {
        if !self.config.battery_reversal {
            return;
        }
        let delay = self.config.reversal_delay;
        if delay.is_zero() {
            self.reversed(now);
        } else if self.at(Timer::Reversal).is_some() {
            // Back again before it counted.
            self.set(Timer::Reversal, None);
        } else {
            self.set(Timer::Reversal, Some(now + delay));
        }
    }

    fn reversed(&mut self, now: Instant) {
        match self.state {
            FxoState::Connected | FxoState::Dialling if self.outgoing && !self.answered => {
                self.answered = true;
                self.event(FxoEventOut::Answered);
            }
            FxoState::Connected | FxoState::Dialling => self.disconnected(now, Supervision::Reversal),
            _ => {}
        }
    }

    fn feed(&mut self, now: Instant, on: bool) {
        if self.battery == on {
            return;
        }
        self.battery = on;
        let ground = self.config.signal == Signal::GroundStart;
        match (self.state, on) {
            // Tip ground: the exchange has seen us.
            (FxoState::Seizing, true) if self.grounded => self.acknowledged(now),
            (FxoState::Seizing, false) if !self.broken => self.failed(now, SeizeFailure::NoBattery),
            (FxoState::Dialling | FxoState::Connected, false) => {
                let wait = if ground { Some(Duration::ZERO) } else { self.config.supervisory_disconnect };
                self.set(Timer::Battery, wait.map(|wait| now + wait));
            }
            (_, true) => self.set(Timer::Battery, None),
            _ => {}
        }
    }

    /// The exchange has seen the ground, or is taken to have.
    fn acknowledged(&mut self, now: Instant) {
        self.set(Timer::Limit, None);
        self.seized(now);
        self.ground(false);
    }

    /// The loop closes; digits follow.
    fn seized(&mut self, now: Instant) {
        self.hook(true);
        match self.config.dial_tone {
            Some(limit) => self.set(Timer::Limit, now.checked_add(limit)),
            None => self.set(Timer::Step, Some(now + self.config.dial_delay)),
        }
    }

    /// The next step of dialling, of a flash, or the end of the guard time.
    fn step(&mut self, now: Instant) {
        match self.state {
            FxoState::Guard => {
                self.state = FxoState::Idle;
                self.event(FxoEventOut::Released);
                if self.ringing {
                    self.set(Timer::Burst, Some(now + self.config.ring_burst));
                }
            }
            FxoState::Seizing | FxoState::Dialling | FxoState::Connected => self.dial(now),
            _ => {}
        }
    }

    /// Sends the next digit or the next edge of a pulse.
    fn dial(&mut self, now: Instant) {
        let (open, make) = self.config.pulse;
        if self.broken {
            self.broken = false;
            self.hook(true);
            if self.pulses > 0 {
                let pause = if self.pulses == 1 { self.config.pulse_inter_digit } else { make };
                self.pulses -= 1;
                self.set(Timer::Step, Some(now + pause));
                return;
            }
        } else if self.pulses > 0 {
            self.broken = true;
            self.hook(false);
            self.set(Timer::Step, Some(now + open));
            return;
        }
        let Some(digit) = self.digits.pop_front() else {
            self.set(Timer::Step, None);
            if self.state != FxoState::Connected {
                self.state = FxoState::Connected;
                if !std::mem::replace(&mut self.told, true) {
                    self.event(FxoEventOut::Dialled);
                }
            }
            return;
        };
        if self.state == FxoState::Seizing {
            self.state = FxoState::Dialling;
        }
        match (digit, self.config.dial_type) {
            (',', _) => self.set(Timer::Step, Some(now + Duration::from_secs(1))),
            (digit, DialType::Dtmf) => {
                self.out.push_back(FxoOutput::Digit(digit));
                self.set(Timer::Step, Some(now + self.config.digit + self.config.inter_digit));
            }
            (digit, DialType::Pulse) => {
                self.pulses = match digit.to_digit(10) {
                    Some(0) | None => 10,
                    Some(count) => count as u8,
                };
                self.dial(now);
            }
        }
    }

    fn limit(&mut self, now: Instant) {
        match self.state {
            FxoState::Seizing if self.grounded && self.config.auto_tip.is_some() => self.acknowledged(now),
            FxoState::Seizing if self.grounded => self.failed(now, SeizeFailure::NoGround),
            FxoState::Seizing => self.failed(now, SeizeFailure::NoDialTone),
            FxoState::Ringing => self.ring_ended(now),
            _ => {}
        }
    }

    fn failed(&mut self, now: Instant, why: SeizeFailure) {
        self.event(FxoEventOut::SeizeFailed(why));
        self.rest(now);
    }

    fn disconnected(&mut self, now: Instant, how: Supervision) {
        if matches!(self.state, FxoState::Dialling | FxoState::Connected) {
            self.event(FxoEventOut::Disconnected(how));
            self.rest(now);
        }
    }

    /// On hook, and the guard time.
    fn rest(&mut self, now: Instant) {
        self.timers = [None; TIMERS];
        self.digits.clear();
        self.pulses = 0;
        self.broken = false;
        self.caller = None;
        self.ground(false);
        self.hook(false);
        self.state = FxoState::Guard;
        self.set(Timer::Step, Some(now + self.config.guard_out));
    }

    fn checked(&self, digits: &str) -> Result<VecDeque<char>, SeizeError> {
        let found = digits.chars().count();
        if found > MAX_DIGITS {
            return Err(SeizeError::TooMany { found });
        }
        let pulse = self.config.dial_type == DialType::Pulse;
        let expected = if pulse { "0 to 9 or a comma" } else { "0 to 9, *, #, A to D or a comma" };
        digits
            .chars()
            .map(|found| match found.to_ascii_uppercase() {
                digit @ ('0'..='9' | ',') => Ok(digit),
                digit @ ('*' | '#' | 'A'..='D') if !pulse => Ok(digit),
                _ => Err(SeizeError::Digit { found, expected }),
            })
            .collect()
    }

    fn hook(&mut self, off: bool) {
        if self.off_hook != off {
            self.off_hook = off;
            self.out.push_back(FxoOutput::Hook(off));
        }
    }

    fn ground(&mut self, on: bool) {
        if self.grounded != on {
            self.grounded = on;
            self.out.push_back(FxoOutput::RingGround(on));
        }
    }

    fn event(&mut self, event: FxoEventOut) {
        self.out.push_back(FxoOutput::Event(event));
    }

    fn set(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(slot) = self.timers.get_mut(timer as usize) {
            *slot = at;
        }
    }

    fn at(&self, timer: Timer) -> Option<Instant> {
        self.timers.get(timer as usize).copied().flatten()
    }

    fn take_due(&mut self, now: Instant) -> Option<(Timer, Instant)> {
        let due = ALL_TIMERS.iter().filter_map(|timer| Some((*timer, self.at(*timer)?)));
        let (timer, at) = due.filter(|(_, at)| *at <= now).min_by_key(|(_, at)| *at)?;
        self.set(timer, None);
        Some((timer, at))
    }
}
