//! Line hits, dial pulses, flashes and releases told apart by their length.

use std::time::{Duration, Instant};

use super::timers::Timer;
use super::{Line, LineEventOut, Signal, State, Tone};

/// Longest pulse train that is counted; anything longer is noise.
const MAX_PULSES: u8 = 16;

/// On hook without a call is believed after this time at the earliest: dial pulses are shorter.
const ON_HOOK_CONFIRM: Duration = Duration::from_millis(150);

/// A ground-start trunk has seen the grounded tip and closed its loop after this time at the latest.
const GROUND_LOOP: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default)]
pub(super) struct Hook {
    /// What the loop detector says.
    raw_off: bool,
    /// What we believe.
    off: bool,
    /// Begin of a loop break that is not yet understood.
    break_since: Option<Instant>,
    /// Breaks of the digit being pulsed.
    pub(super) pulses: u8,
    battery: Battery,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Battery {
    #[default]
    Normal,
    /// Power denial: the loop detector sees nothing.
    Open,
    /// Battery is back; the loop may not show yet.
    Settling,
}

impl Hook {
    pub(super) fn is_off(&self) -> bool {
        self.off
    }

    pub(super) fn battery_open(&self) -> bool {
        self.battery == Battery::Open
    }

    pub(super) fn open_battery(&mut self) {
        self.battery = Battery::Open;
        self.break_since = None;
    }

    pub(super) fn battery_back(&mut self) {
        self.battery = Battery::Settling;
    }

    pub(super) fn battery_normal(&self) -> bool {
        self.battery == Battery::Normal
    }

    /// Believes the loop detector as it stands.
    pub(super) fn sync(&mut self) {
        self.battery = Battery::Normal;
        self.off = self.raw_off;
        self.break_since = None;
    }
}

impl Line {
    /// A raw hook transition: `off` is whether loop current flows. Repeating the known state is harmless.
    pub fn handle_hook(&mut self, now: Instant, off: bool) {
        self.handle_timeout(now);
        if self.hook.raw_off != off {
            self.hook.raw_off = off;
            if self.hook.battery == Battery::Normal && self.state != State::OutOfService {
                self.hook_moved(now, off);
            }
        }
        self.settle(now);
    }

    /// The ring lead is grounded: a ground-start line is seized. The loop must close within a second.
    pub fn handle_ring_ground(&mut self, now: Instant) {
        self.handle_timeout(now);
        if self.config.signal == Signal::GroundStart && self.state == State::Idle {
            self.hook.off = true;
            self.seize(now);
            if !self.hook.raw_off {
                self.timers.set(Timer::Hook, Some(now + GROUND_LOOP));
            }
        }
        self.settle(now);
    }

    /// A flash that the hardware recognised by itself.
    pub fn handle_flash(&mut self, now: Instant) {
        self.handle_timeout(now);
        if self.hook.off && self.hook.battery == Battery::Normal {
            self.flash(now);
        }
        self.settle(now);
    }

    /// A release that the hardware timed by itself: it is believed at once.
    pub fn handle_release(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.hook.raw_off = false;
        if self.hook.battery == Battery::Normal && self.state != State::OutOfService {
            self.timers.set(Timer::Hook, None);
            if self.hook.off {
                self.hook_expired(now);
            }
        }
        self.settle(now);
    }

    /// A dial pulse train that the hardware counted by itself.
    pub fn handle_pulses(&mut self, now: Instant, breaks: u8) {
        self.handle_timeout(now);
        if self.hook.off
            && self.state == State::Collecting
            && let Some(digit) = self.config.pulse_digit(breaks)
        {
            self.digit(now, digit);
        }
        self.settle(now);
    }

    fn hook_moved(&mut self, now: Instant, off: bool) {
        match (self.hook.off, off) {
            // Without tip ground no loop current can flow: what was seen is not the subscriber.
            (false, _) if self.state == State::Idle && self.config.signal == Signal::GroundStart => {}
            // A longer loop will count as off hook.
            (false, true) => {
                let debounce = match self.state {
                    State::Ringing => self.config.ring_trip_debounce,
                    _ => self.config.off_hook_debounce,
                };
                self.timers.set(Timer::Hook, Some(now + debounce));
            }
            // It was a hit, or BT's wetting pulse.
            (false, false) => self.timers.set(Timer::Hook, None),
            (true, false) => {
                self.hook.break_since = Some(now);
                self.timers.set(Timer::Hook, Some(now + self.on_hook_limit()));
            }
            (true, true) => {
                self.timers.set(Timer::Hook, None);
                if let Some(since) = self.hook.break_since.take() {
                    self.classify_break(now, now.saturating_duration_since(since));
                }
            }
        }
    }

    /// Believes the loop detector again after power denial was cut short.
    pub(super) fn hook_resumed(&mut self, now: Instant) {
        self.hook.battery = Battery::Normal;
        if self.hook.off != self.hook.raw_off && self.state != State::OutOfService {
            self.hook_moved(now, self.hook.raw_off);
        }
    }

    pub(super) fn hook_expired(&mut self, now: Instant) {
        if self.hook.off {
            self.hook.off = false;
            self.hook.break_since = None;
            self.hang_up(now);
            return;
        }
        self.hook.off = true;
        match self.state {
            State::Idle => self.seize(now),
            State::Ringing => self.answered(),
            _ => {}
        }
    }

    pub(super) fn pulse_expired(&mut self, now: Instant) {
        // The loop is open: the train goes on, or ends with the call.
        if self.hook.break_since.is_some() {
            return;
        }
        let breaks = std::mem::take(&mut self.hook.pulses);
        if let Some(digit) = self.config.pulse_digit(breaks) {
            self.digit(now, digit);
        }
    }

    fn classify_break(&mut self, now: Instant, length: Duration) {
        let (shortest, longest) = self.config.pulse_break;
        let pulses = self.config.pulse_detection && self.state == State::Collecting;
        if pulses && (shortest..=longest).contains(&length) {
            self.hook.pulses = self.hook.pulses.saturating_add(1).min(MAX_PULSES);
            if self.tone != Tone::None {
                self.play(Tone::None);
            }
            // The first digit is on its way: the initial timeout must not cut it.
            self.timers.set(Timer::Pulse, Some(now + self.config.pulse_interdigit));
            self.arm(now, self.config.interdigit);
            return;
        }
        if self.hook.pulses > 0 {
            // No pulse of the train, but it must not hide the train's end.
            self.timers.set(Timer::Pulse, Some(now + self.config.pulse_interdigit));
        }
        if length >= self.config.hookflash_min && self.flash_allowed() {
            self.flash(now);
        }
    }

    fn flash(&mut self, now: Instant) {
        if self.flash_allowed() {
            self.event(LineEventOut::Flash);
        } else if matches!(
            self.state,
            State::Collecting | State::Routing | State::Alerting | State::Released | State::Howler
        ) {
            // Nothing to flash for: the subscriber wants to start anew.
            self.release(now);
            if self.config.signal == Signal::LoopStart {
                self.hook.off = true;
                self.seize(now);
            }
        }
    }

    /// A flash means something only with a conversation, or with another call to go (back) to.
    fn flash_allowed(&self) -> bool {
        self.held || self.waiting || self.state == State::Connected
    }

    /// How long the loop must be open until it is a release.
    fn on_hook_limit(&self) -> Duration {
        if self.flash_allowed() {
            self.config.hookflash_max
        } else {
            self.config.hookflash_min.max(ON_HOOK_CONFIRM)
        }
    }
}
