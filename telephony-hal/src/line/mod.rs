//! The discipline of an FXS line: what a telephone exchange does on two wires.
//!
//! # Law of use
//!
//! Sans-IO. Give [`Line`] the time and an input (`handle_*` for what the telephone does, the other methods for what
//! call control wants), then take every [`Output`] with [`Line::poll_output`], then call
//! [`Line::handle_timeout`] no later than at [`Line::poll_timeout`]. Time must not run backwards.
//!
//! # Example
//!
//! ```
//! use std::time::{Duration, Instant};
//! use telephony_hal::line::{Line, LineConfig, LineEventOut, Output, Tone};
//!
//! fn drain(line: &mut Line) -> Vec<Output> {
//!     std::iter::from_fn(|| line.poll_output()).collect()
//! }
//! let mut now = Instant::now();
//! let mut line = Line::new(LineConfig::default());
//!
//! line.handle_hook(now, true);
//! now = line.poll_timeout().unwrap(); // debounce
//! line.handle_timeout(now);
//! assert_eq!(drain(&mut line), [Output::Event(LineEventOut::Seized), Output::Tone(Tone::Dial)]);
//!
//! line.handle_digit(now, '5');
//! assert_eq!(drain(&mut line), [Output::Tone(Tone::None), Output::Event(LineEventOut::Digit('5'))]);
//! line.digits_complete(now); // the dial plan has its match
//! assert!(matches!(&drain(&mut line)[..], [Output::Event(LineEventOut::Dialled { complete: true, .. })]));
//! line.remote_ringing(now);
//! line.connect(now);
//! assert!(line.is_talking());
//!
//! line.handle_hook(now, false);
//! now += Duration::from_secs(1); // longer than a flash
//! line.handle_timeout(now);
//! assert_eq!(drain(&mut line).last(), Some(&Output::Event(LineEventOut::Released)));
//! ```

mod config;
pub mod fxo;
mod hook;
mod national;
mod output;
mod ring;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

pub use config::{CallerIdAlerting, LineConfig, PulseRule, Signal, TimerInfo, Vmwi};
use hook::Hook;
pub use output::{Caller, LineEventOut, Output, RingError, RingOutcome, RingPattern, Tone};
use ring::Ringer;
use timers::{Timer, Timers};

use crate::LineEvent;

/// Longest number that is collected, as in IOS; the 32nd digit ends dialling.
pub const MAX_DIGITS: usize = 32;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Shut down: silent, whatever the telephone does.
    OutOfService,
    /// On hook.
    Idle,
    /// An incoming call rings the telephone.
    Ringing,
    /// Off hook; digits are awaited or come in.
    Collecting,
    /// The number is complete; call control looks for the far end.
    Routing,
    /// The far end rings, or its audio is heard before the answer.
    Alerting,
    /// Conversation.
    Connected,
    /// The call failed or the far end hung up; a tone says so.
    Released,
    /// The handset was left off its cradle.
    Howler,
    /// Silence until the handset is put down.
    Parked,
}

impl State {
    /// All states.
    pub const ALL: [Self; 10] = [
        Self::OutOfService,
        Self::Idle,
        Self::Ringing,
        Self::Collecting,
        Self::Routing,
        Self::Alerting,
        Self::Connected,
        Self::Released,
        Self::Howler,
        Self::Parked,
    ];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfService => "out of service",
            Self::Idle => "idle",
            Self::Ringing => "ringing",
            Self::Collecting => "collecting",
            Self::Routing => "routing",
            Self::Alerting => "alerting",
            Self::Connected => "connected",
            Self::Released => "released",
            Self::Howler => "howler",
            Self::Parked => "parked",
        })
    }
}

/// One FXS line. See the module's documentation for how to drive it.
#[derive(Clone, Debug)]
pub struct Line {
    config: LineConfig,
    state: State,
    hook: Hook,
    ringer: Ringer,
    timers: Timers,
    digits: String,
    tone: Tone,
    /// Tone after the open loop of power denial.
    tone_after_battery: Option<Tone>,
    reversed: bool,
    fed: bool,
    lamp: bool,
    message_waiting: bool,
    /// The telephone has not been told the present message state by data.
    vmwi_due: bool,
    /// When the data is to be repeated at the earliest; `None`: as soon as the line allows.
    vmwi_again: Option<Instant>,
    idle_since: Option<Instant>,
    held: bool,
    waiting: bool,
    out: VecDeque<Output>,
}

impl Line {
    /// A line in service, on hook, without messages.
    pub fn new(config: LineConfig) -> Self {
        let mut line = Self {
            config,
            state: State::Idle,
            hook: Hook::default(),
            ringer: Ringer::default(),
            timers: Timers::default(),
            digits: String::new(),
            tone: Tone::None,
            tone_after_battery: None,
            reversed: false,
            fed: true,
            lamp: false,
            message_waiting: false,
            vmwi_due: false,
            vmwi_again: None,
            idle_since: None,
            held: false,
            waiting: false,
            out: VecDeque::new(),
        };
        line.settle_battery();
        line
    }

    /// Takes the next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called next; `None`: not until another input came.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Runs every timer that is due at `now`, in order and at its own time. Calling it early or late is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((timer, at)) = self.timers.take_due(now) {
            self.expire(at, timer);
        }
        self.settle(now);
    }

    /// An event of the hardware, as it comes from [`FxsLine::poll_event`](crate::FxsLine::poll_event).
    pub fn handle_event(&mut self, now: Instant, event: LineEvent) {
        match event {
            LineEvent::OffHook => self.handle_hook(now, true),
            LineEvent::OnHook => self.handle_hook(now, false),
            LineEvent::Flash => self.handle_flash(now),
            LineEvent::Released => self.handle_release(now),
            LineEvent::RingGround => self.handle_ring_ground(now),
            LineEvent::Pulse(breaks) => self.handle_pulses(now, breaks),
            LineEvent::Removed => self.shutdown(now, true),
        }
    }

    /// A digit from the DTMF detector. Characters other than `0-9 * # A-D a-d` are ignored.
    pub fn handle_digit(&mut self, now: Instant, digit: char) {
        self.handle_timeout(now);
        let digit = digit.to_ascii_uppercase();
        if matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D') && self.hook.is_off() {
            self.digit(now, digit);
        }
        self.settle(now);
    }

    /// The dial plan wants more digits: the line collects on after an interdigit timeout ended dialling too early.
    pub fn more_digits(&mut self, now: Instant) {
        self.handle_timeout(now);
        if self.state == State::Routing {
            self.state = State::Collecting;
            self.arm(now, self.config.interdigit);
        }
    }

    /// The dial plan has its match: dialling ends with [`LineEventOut::Dialled`].
    pub fn digits_complete(&mut self, now: Instant) {
        self.handle_timeout(now);
        if self.state == State::Collecting {
            self.dialled(true);
        }
    }

    /// Plays the secondary dial tone while more digits are awaited (two-stage dialling). The digits so far are forgotten.
    pub fn secondary_dial_tone(&mut self, now: Instant) {
        self.handle_timeout(now);
        if matches!(self.state, State::Collecting | State::Routing) {
            self.collect(now, Tone::SecondaryDial);
        }
    }

    /// What was dialled was a feature code, and it is done: confirmation tone until the handset is put down or flashed.
    pub fn confirm(&mut self, now: Instant) {
        self.handle_timeout(now);
        if matches!(self.state, State::Collecting | State::Routing) {
            self.fail(now, Tone::Confirmation, self.config.wait_release);
        }
    }

    /// The far end rings: ringback tone.
    pub fn remote_ringing(&mut self, now: Instant) {
        self.handle_timeout(now);
        if matches!(self.state, State::Routing | State::Alerting) {
            self.state = State::Alerting;
            self.play(Tone::Ringback);
        }
    }

    /// The far end sends audio before its answer (announcement, foreign ringback): no tone of ours.
    pub fn remote_progress(&mut self, now: Instant) {
        self.handle_timeout(now);
        if matches!(self.state, State::Routing | State::Alerting) {
            self.state = State::Alerting;
            self.play(Tone::None);
        }
    }

    /// The far end has answered: conversation. Reverses the loop if so configured.
    pub fn connect(&mut self, now: Instant) {
        self.handle_timeout(now);
        if matches!(self.state, State::Routing | State::Alerting) {
            self.state = State::Connected;
            self.play(Tone::None);
            self.reverse(self.config.battery_reversal);
        }
    }

    /// The far end has gone, or could not be reached, for a Q.850 cause (1 to 127).
    ///
    /// A ringing telephone stops ringing. A caller hears the tone of the cause; after a conversation power denial (if
    /// configured) comes first.
    pub fn remote_released(&mut self, now: Instant, cause: u8) {
        self.handle_timeout(now);
        let tone = Tone::for_cause(cause);
        match self.state {
            State::Ringing => self.stop_ring(now),
            State::Collecting | State::Routing | State::Alerting => {
                self.fail(now, tone, self.config.wait_release);
            }
            State::Connected if self.config.signal == Signal::GroundStart => self.release(now),
            State::Connected => {
                self.fail(now, tone, self.config.call_disconnect);
                self.deny_power(now, tone);
                self.reverse(false);
            }
            _ => {}
        }
        self.settle(now);
    }

    /// Puts the conversation on hold and gives the subscriber recall dial tone for a second call.
    ///
    /// Allowed in conversation with no call on hold; otherwise nothing happens. Returns whether it did.
    pub fn hold(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let done = self.state == State::Connected && !self.held;
        if done {
            self.held = true;
            self.collect(now, Tone::Recall);
        }
        done
    }

    /// Back to the call on hold; whatever was being dialled, ringing or ended besides it is given up.
    ///
    /// In conversation with a second call too: call control has then joined both (three-way) or released one. Returns
    /// whether a call was on hold.
    pub fn retrieve(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let done = std::mem::take(&mut self.held);
        if done {
            self.enter(State::Connected);
            self.end_battery(now);
            self.play(Tone::None);
        }
        done
    }

    /// The call on hold was released by its far end. The call in front of the subscriber goes on.
    pub fn held_released(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.held = false;
    }

    /// The subscriber takes the waiting call; the conversation he had goes on hold. Returns whether a call waited.
    pub fn accept_waiting(&mut self, now: Instant) -> bool {
        self.handle_timeout(now);
        let done = std::mem::take(&mut self.waiting);
        if done {
            self.timers.set(Timer::Ringing, None);
            self.held |= self.state == State::Connected;
            self.enter(State::Connected);
            self.end_battery(now);
            self.play(Tone::None);
        }
        done
    }

    /// Sets the message-waiting state. An off-hook line changes its dial tone at the next off hook only.
    pub fn set_message_waiting(&mut self, now: Instant, waiting: bool) {
        self.handle_timeout(now);
        if self.message_waiting != waiting {
            self.message_waiting = waiting;
            self.tell_messages();
        }
        self.settle(now);
    }

    /// Sends the message-waiting state to the telephone again when the line allows it (`vmwi fsk` refresh, after start).
    pub fn refresh_message_waiting(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.tell_messages();
        self.settle(now);
    }

    /// Takes the line out of service (`true`) or puts it back. Calls are released; a handset that is still lifted when service
    /// returns must be put down first.
    pub fn shutdown(&mut self, now: Instant, down: bool) {
        self.handle_timeout(now);
        if down && self.state != State::OutOfService {
            self.release(now);
            self.state = State::OutOfService;
            self.timers.set(Timer::Hook, None);
        } else if !down && self.state == State::OutOfService {
            self.hook.sync();
            if self.hook.is_off() {
                self.state = State::Parked;
            } else {
                self.state = State::Idle;
                self.idle_since = Some(now);
            }
            self.tell_messages();
        }
        self.settle(now);
    }

    /// Replaces the configuration. Running timers and tones stay as they are; the next ones are new.
    pub fn set_config(&mut self, now: Instant, config: LineConfig) {
        self.handle_timeout(now);
        let new = config.vmwi == Vmwi::Fsk && self.config.vmwi != Vmwi::Fsk;
        let repeats = config.vmwi_repeat != self.config.vmwi_repeat;
        self.config = config;
        if new {
            self.tell_messages();
        } else if repeats {
            self.repeat_messages(now);
        }
        self.settle(now);
    }

    /// Where the line stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The tone that sounds now.
    pub fn tone(&self) -> Tone {
        self.tone
    }

    /// The configuration in force.
    pub fn config(&self) -> &LineConfig {
        &self.config
    }

    /// Digits collected so far.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// Whether the audio of a call belongs on the line: conversation, or audio of the far end before its answer.
    pub fn is_talking(&self) -> bool {
        self.state == State::Connected || (self.state == State::Alerting && self.tone == Tone::None)
    }

    /// Whether the subscriber's handset is off hook, debounced.
    pub fn is_off_hook(&self) -> bool {
        self.hook.is_off()
    }

    /// Whether ringing voltage is on the line at this moment.
    pub fn is_ring_burst(&self) -> bool {
        self.ringer.voltage()
    }

    /// Whether a call is on hold behind the present one.
    pub fn has_held(&self) -> bool {
        self.held
    }

    /// Whether a second call is being announced by tone.
    pub fn has_waiting(&self) -> bool {
        self.waiting
    }

    /// Whether messages wait.
    pub fn message_waiting(&self) -> bool {
        self.message_waiting
    }

    /// Whether the loop is fed: not in power denial, nor on a ground-start line at rest.
    pub fn is_fed(&self) -> bool {
        self.fed
    }

    /// Whether the loop is reversed.
    pub fn is_reversed(&self) -> bool {
        self.reversed
    }
}

/// How long after power denial the telephone has to show its loop again.
const BATTERY_SETTLE: Duration = Duration::from_millis(200);

impl Line {
    fn expire(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Hook => self.hook_expired(now),
            Timer::Pulse => self.pulse_expired(now),
            Timer::Cadence => self.cadence_expired(now),
            Timer::Ringing => self.ringing_expired(now),
            Timer::Battery => self.battery_expired(now),
            Timer::State => self.state_expired(now),
            Timer::Vmwi => {
                if self.state == State::Idle && std::mem::take(&mut self.vmwi_due) {
                    self.event(LineEventOut::MessageWaiting(self.message_waiting));
                    self.repeat_messages(now);
                }
            }
        }
    }

    fn state_expired(&mut self, now: Instant) {
        match self.state {
            State::Collecting if self.digits.is_empty() => {
                self.event(LineEventOut::DialTimeout);
                self.fail(now, Tone::Congestion, self.config.wait_release);
            }
            State::Collecting => self.dialled(false),
            State::Released => {
                self.state = State::Howler;
                self.play(Tone::Howler);
                self.arm(now, self.config.howler);
            }
            State::Howler => {
                self.enter(State::Parked);
                self.play(Tone::None);
            }
            _ => {}
        }
    }

    fn battery_expired(&mut self, now: Instant) {
        if self.hook.battery_open() {
            self.hook.battery_back();
            self.settle_battery();
            self.timers.set(Timer::Battery, Some(now + BATTERY_SETTLE));
            return;
        }
        self.hook.sync();
        match self.tone_after_battery.take() {
            // After disconnect-ack: the handset may have been lifted meanwhile.
            _ if self.state == State::Idle && self.hook.is_off() => self.seize(now),
            _ if self.state == State::Idle => {}
            _ if !self.hook.is_off() => self.hang_up(now),
            Some(tone) if self.state == State::Released => self.play(tone),
            _ => {}
        }
    }

    /// Off hook from the idle line.
    fn seize(&mut self, now: Instant) {
        self.event(LineEventOut::Seized);
        if self.config.permanent {
            self.enter(State::Connected);
        } else if let Some(number) = self.config.plar.clone() {
            self.enter(State::Routing);
            self.event(LineEventOut::Dialled { number, complete: true });
        } else {
            let stutter = self.message_waiting && self.config.stutter;
            self.collect(now, if stutter { Tone::Stutter } else { Tone::Dial });
        }
    }

    /// The subscriber has hung up; the telephone is free for a call that waits.
    fn hang_up(&mut self, now: Instant) {
        let waits = self.waiting.then(|| self.timers.at(Timer::Ringing));
        let acknowledge = self.config.disconnect_ack && self.state == State::Connected;
        self.release(now);
        if let Some(limit) = waits {
            self.ring_waiting(now, limit);
        } else if acknowledge && self.config.signal == Signal::LoopStart {
            self.open_battery(now);
        }
    }

    /// Every state's way back to on hook.
    fn release(&mut self, now: Instant) {
        let was_in_use = !matches!(self.state, State::Idle | State::OutOfService);
        self.silence_ringer();
        self.end_battery(now);
        self.rest(now);
        self.digits.clear();
        self.held = false;
        self.waiting = false;
        self.timers.set(Timer::Ringing, None);
        self.play(Tone::None);
        self.reverse(false);
        if was_in_use {
            if self.message_waiting {
                self.tell_messages();
            }
            self.event(LineEventOut::Released);
        }
    }

    fn rest(&mut self, now: Instant) {
        self.enter(State::Idle);
        self.idle_since = Some(now);
        if self.config.signal == Signal::GroundStart {
            // The tip is opened: whatever the far end does, no current flows.
            self.hook = Hook::default();
            self.timers.set(Timer::Hook, None);
        }
    }

    fn digit(&mut self, now: Instant, digit: char) {
        match self.state {
            State::Collecting => {
                if !matches!(self.tone, Tone::None | Tone::CallWaiting) {
                    self.play(Tone::None);
                }
                if self.config.terminator == Some(digit) && !self.digits.is_empty() {
                    self.dialled(true);
                    return;
                }
                self.digits.push(digit);
                self.arm(now, self.config.interdigit);
                self.event(LineEventOut::Digit(digit));
                if self.digits.len() >= MAX_DIGITS {
                    self.dialled(true);
                }
            }
            State::Routing | State::Alerting | State::Connected => self.event(LineEventOut::Digit(digit)),
            _ => {}
        }
    }

    fn collect(&mut self, now: Instant, tone: Tone) {
        self.enter(State::Collecting);
        self.digits.clear();
        self.play(tone);
        self.arm(now, self.config.initial);
    }

    fn dialled(&mut self, complete: bool) {
        self.enter(State::Routing);
        self.play(Tone::None);
        self.event(LineEventOut::Dialled { number: self.digits.clone(), complete });
    }

    /// A tone for the subscriber whose call is no more.
    fn fail(&mut self, now: Instant, tone: Tone, limit: Option<Duration>) {
        self.enter(State::Released);
        self.play(tone);
        self.arm(now, limit);
    }

    /// Opens the loop so that equipment which hears no tones notices the end of the call.
    fn deny_power(&mut self, now: Instant, tone: Tone) {
        if self.open_battery(now) {
            self.play(Tone::None);
            self.tone_after_battery = Some(tone);
        }
    }

    /// Opens the loop for the time of `power_denial`, if there is such a time.
    fn open_battery(&mut self, now: Instant) -> bool {
        let Some(length) = self.config.power_denial.filter(|length| !length.is_zero()) else { return false };
        self.hook.open_battery();
        self.timers.set(Timer::Hook, None);
        self.settle_battery();
        self.timers.set(Timer::Battery, Some(now + length));
        true
    }

    /// Power denial is over before its time.
    fn end_battery(&mut self, now: Instant) {
        if self.hook.battery_normal() {
            return;
        }
        self.tone_after_battery = None;
        self.timers.set(Timer::Battery, None);
        self.hook_resumed(now);
        self.settle_battery();
    }

    /// Changes state; the timer of the old state dies with it, and so does a half-dialled pulse digit.
    fn enter(&mut self, state: State) {
        self.state = state;
        self.timers.set(Timer::State, None);
        self.timers.set(Timer::Pulse, None);
        self.hook.pulses = 0;
    }

    fn arm(&mut self, now: Instant, limit: Option<Duration>) {
        // A limit beyond the clock's range is infinity.
        self.timers.set(Timer::State, limit.and_then(|limit| now.checked_add(limit)));
    }

    fn play(&mut self, tone: Tone) {
        if self.tone != tone {
            self.tone = tone;
            self.out.push_back(Output::Tone(tone));
        }
    }

    fn reverse(&mut self, reversed: bool) {
        if self.reversed != reversed {
            self.reversed = reversed;
            self.out.push_back(Output::Polarity(reversed));
        }
    }

    fn event(&mut self, event: LineEventOut) {
        self.out.push_back(Output::Event(event));
    }

    /// Message data goes out as soon as the line allows.
    fn tell_messages(&mut self) {
        self.vmwi_due = self.config.vmwi == Vmwi::Fsk;
        self.vmwi_again = None;
        self.timers.set(Timer::Vmwi, None);
    }

    /// Message data goes out again after `vmwi_repeat`, while messages wait.
    fn repeat_messages(&mut self, now: Instant) {
        let again = self.config.vmwi_repeat.and_then(|after| now.checked_add(after));
        if self.vmwi_due && self.vmwi_again.is_none() {
            return; // it is about to go out anyway
        }
        self.vmwi_due = self.config.vmwi == Vmwi::Fsk && self.message_waiting && again.is_some();
        self.vmwi_again = again;
        self.timers.set(Timer::Vmwi, None);
    }

    /// The loop is fed, except in power denial and on a ground-start line at rest.
    fn settle_battery(&mut self) {
        let rests = matches!(self.state, State::Idle | State::OutOfService);
        let open = self.hook.battery_open() || (rests && self.config.signal == Signal::GroundStart);
        let fed = !open;
        if self.fed != fed {
            self.fed = fed;
            self.out.push_back(Output::Battery(fed));
        }
    }

    /// What follows from the state alone: a waiting call needs a conversation, lamp and message data an idle line.
    fn settle(&mut self, now: Instant) {
        self.settle_battery();
        let idle = self.state == State::Idle && self.hook.battery_normal();
        let lamp = idle && self.message_waiting && self.config.vmwi == Vmwi::DcVoltage;
        if self.lamp != lamp {
            self.lamp = lamp;
            self.out.push_back(Output::Lamp(lamp));
        }
        if !idle || !self.vmwi_due {
            self.timers.set(Timer::Vmwi, None);
        } else if !self.timers.is_set(Timer::Vmwi) {
            let quiet = self.idle_since.map_or(now, |since| since + self.config.vmwi_delay);
            self.timers.set(Timer::Vmwi, Some(quiet.max(now).max(self.vmwi_again.unwrap_or(now))));
        }
    }
}
