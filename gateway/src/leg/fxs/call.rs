//! The calls of one telephone: the one in front of the user, one on hold, one that waits.

use std::time::{Duration, Instant};

use telephony_hal::line::{
    Caller, CallerIdAlerting, LineEventOut, RingError, RingOutcome, RingPattern, State,
};

use super::FxsPort;
use crate::leg::permanent::Heard;
use crate::leg::{
    Cause, LegCommand, LegEvent, LegId, LegIds, LineSignal, MAX_DIGITS, Party, Presentation, Setup,
    TransferTarget,
};

/// A leg in front of the user.
#[derive(Debug)]
struct Slot {
    leg: LegId,
    /// The telephone is called and has not answered.
    ringing: bool,
    /// It rings because its user hung up on a call on hold.
    recall: bool,
    /// Digits go to the switch until the number is complete.
    dialling: bool,
    digits: String,
    far: Party,
}

impl Slot {
    fn new(leg: LegId, ringing: bool, far: Party) -> Self {
        Self { leg, ringing, recall: false, dialling: !ringing, digits: String::new(), far }
    }
}

/// The legs of a telephone.
#[derive(Debug, Default)]
pub(super) struct Slots {
    active: Option<Slot>,
    held: Option<Slot>,
    waiting: Option<Slot>,
    /// The user has joined the two.
    conference: bool,
    /// Given up by the user, until the switch has joined their other ends.
    parting: Vec<LegId>,
}

impl FxsPort {
    /// Whether any leg is on the port.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let slots = &self.slots;
        let stands = self.permanent.as_ref().is_some_and(|permanent| permanent.leg().is_some());
        stands
            || slots.active.is_some()
            || slots.held.is_some()
            || slots.waiting.is_some()
            || !slots.parting.is_empty()
    }

    /// Whether a call waits on hold behind the present one, and not in a conference with it.
    pub(super) fn holds_a_call(&self) -> bool {
        self.slots.held.is_some() && !self.slots.conference
    }

    /// What the switch wants of a leg.
    pub fn command(&mut self, now: Instant, leg: LegId, command: LegCommand) {
        if self.permanent.as_ref().is_some_and(|permanent| permanent.is(leg)) {
            return self.permanent_command(now, leg, &command);
        }
        match command {
            LegCommand::Offer(setup) => self.offer(now, leg, &setup),
            LegCommand::Release(cause) => self.release(now, leg, cause),
            command => {
                let Some(slot) = self.slots.active.as_mut().filter(|slot| slot.leg == leg) else { return };
                match command {
                    LegCommand::Proceed => {
                        slot.dialling = false;
                        self.line.digits_complete(now);
                    }
                    LegCommand::MoreDigits { dial_tone } => {
                        slot.dialling = true;
                        if dial_tone {
                            slot.digits.clear();
                            self.line.secondary_dial_tone(now);
                        } else {
                            self.line.more_digits(now);
                        }
                    }
                    LegCommand::Alert(progress) if progress.inband => self.line.remote_progress(now),
                    LegCommand::Alert(_) => self.line.remote_ringing(now),
                    LegCommand::Progress(progress) if progress.inband => self.line.remote_progress(now),
                    LegCommand::Answer(_) => self.line.connect(now),
                    LegCommand::Update(party) => slot.far = *party,
                    // A telephone neither shows nor hears these.
                    _ => {}
                }
            }
        }
    }

    /// How a call will ring, and how long after its offer the first burst comes at the earliest (caller ID before ringing).
    #[must_use]
    pub fn ring_pattern(&self, setup: &Setup) -> (RingPattern, Duration) {
        let wanted = setup.alert_info.as_deref().and_then(RingPattern::for_alert_info);
        let lead = match self.line.config().caller_id {
            CallerIdAlerting::BeforeRing(lead) => lead,
            _ => Duration::ZERO,
        };
        (wanted.unwrap_or_else(|| self.cadence()), lead)
    }

    /// The place of the next call in the ringer budget: its first burst waits so long.
    pub fn delay_ring(&mut self, delay: Duration) {
        self.ring_delay = delay;
    }

    /// What the line has to tell.
    pub(super) fn line_event(&mut self, now: Instant, event: LineEventOut, ids: &mut LegIds) {
        if self.permanent.is_some() {
            return self.permanent_event(now, &event);
        }
        match event {
            LineEventOut::Seized => self.seized(ids),
            LineEventOut::Digit(digit) => self.digit(digit),
            LineEventOut::Dialled { number, .. } => {
                if let Some(slot) = self.slots.active.as_mut().filter(|slot| slot.dialling) {
                    slot.dialling = false;
                    slot.digits = format!("{}{number}", self.prefix);
                    let (leg, digits) = (slot.leg, slot.digits.clone());
                    self.tell(leg, LegEvent::Digits { digits, complete: true });
                }
            }
            LineEventOut::DialTimeout => {
                if let Some(slot) = self.slots.active.take() {
                    self.tell(slot.leg, LegEvent::Released(Cause::INVALID_NUMBER));
                }
            }
            LineEventOut::Answered => {
                if let Some(slot) = self.slots.active.as_mut().filter(|slot| slot.ringing) {
                    slot.ringing = false;
                    let recall = std::mem::take(&mut slot.recall);
                    let leg = slot.leg;
                    let event = if recall {
                        LegEvent::Held(false)
                    } else {
                        LegEvent::Answered(crate::leg::Answer::default())
                    };
                    self.tell(leg, event);
                }
            }
            LineEventOut::RingTimeout => {
                let ringing = self.slots.active.take_if(|slot| slot.ringing);
                if let Some(slot) = self.slots.waiting.take().or(ringing) {
                    self.tell(slot.leg, LegEvent::Released(Cause::NO_ANSWER));
                }
            }
            LineEventOut::Flash => self.flash(now, ids),
            LineEventOut::Released => self.hung_up(now),
            _ => {}
        }
    }

    /// What the switch wants of the permanent call's leg.
    fn permanent_command(&mut self, now: Instant, leg: LegId, command: &LegCommand) {
        let Some(permanent) = &mut self.permanent else { return };
        match permanent.command(now, command) {
            Heard::Up => self.tell_wires(),
            // Where a telephone is lifted at the other end, this one rings, as on a hot line.
            Heard::Signal(LineSignal::Ringing | LineSignal::OffHook) => {
                let pattern = self.cadence().delayed(std::mem::take(&mut self.ring_delay));
                // Off hook already: the two are talking.
                let _ = self.line.ring(now, pattern, Caller::default());
            }
            Heard::Signal(LineSignal::Idle) => self.line.stop_ring(now),
            Heard::Signal(LineSignal::Disconnected) => self.line.remote_released(now, Cause::NORMAL.0),
            Heard::Down(cause) => {
                self.line.remote_released(now, cause.0);
                self.tell(leg, LegEvent::Released(cause));
            }
            Heard::Flash | Heard::Nothing => {}
        }
    }

    /// What the line of a permanent call has to tell.
    fn permanent_event(&mut self, now: Instant, event: &LineEventOut) {
        let leg = self.permanent.as_ref().and_then(|permanent| permanent.leg());
        match (event, leg) {
            (LineEventOut::Seized | LineEventOut::Answered | LineEventOut::Released, Some(_)) => {
                self.tell_wires();
            }
            // Nobody is there.
            (LineEventOut::Seized, None) => self.line.remote_released(now, Cause::NO_CIRCUIT.0),
            (LineEventOut::Flash, Some(leg)) => self.tell(leg, LegEvent::Dtmf('!')),
            _ => {}
        }
    }

    /// Tells the other end of the permanent call how the hook is.
    fn tell_wires(&mut self) {
        let Some(leg) = self.permanent.as_ref().and_then(|permanent| permanent.leg()) else { return };
        let talks = self.line.state() == State::Connected;
        self.tell(leg, LegEvent::Signal(if talks { LineSignal::OffHook } else { LineSignal::Idle }));
    }

    fn tell(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }

    fn seized(&mut self, ids: &mut LegIds) {
        let leg = ids.take();
        let setup = Setup { calling: self.station.clone(), ..Setup::default() };
        let mut slot = Slot::new(leg, false, Party::default());
        slot.digits.clone_from(&self.prefix);
        self.slots.active = Some(slot);
        self.tell(leg, LegEvent::Incoming(Box::new(setup)));
    }

    fn digit(&mut self, digit: char) {
        let Some(slot) = &mut self.slots.active else { return };
        let leg = slot.leg;
        if !slot.dialling {
            self.tell(leg, LegEvent::Dtmf(digit));
        } else if slot.digits.len() < MAX_DIGITS {
            slot.digits.push(digit);
            let digits = slot.digits.clone();
            self.tell(leg, LegEvent::Digits { digits, complete: false });
        }
    }

    fn offer(&mut self, now: Instant, leg: LegId, setup: &Setup) {
        if let Some(permanent) = &mut self.permanent {
            self.events.extend(permanent.offered(leg));
            if permanent.leg() == Some(leg) {
                self.tell_wires();
            }
            return;
        }
        let caller = Caller {
            number: setup.calling.shown_number().map(str::to_owned),
            name: setup.calling.shown_name().map(str::to_owned),
            private: setup.calling.presentation == Presentation::Restricted,
            private_name: setup.calling.name_presentation == Presentation::Restricted,
        };
        let (pattern, _) = self.ring_pattern(setup);
        let pattern = pattern.delayed(std::mem::take(&mut self.ring_delay));
        let slot = Slot::new(leg, true, setup.calling.clone());
        match self.line.ring(now, pattern, caller) {
            Ok(RingOutcome::Ringing) => self.slots.active = Some(slot),
            Ok(RingOutcome::Waiting) => self.slots.waiting = Some(slot),
            Err(error) => {
                let cause = match error {
                    RingError::Busy(_) => Cause::BUSY,
                    RingError::OutOfService => Cause::OUT_OF_ORDER,
                };
                return self.tell(leg, LegEvent::Released(cause));
            }
        }
        self.tell(leg, LegEvent::Alerting(crate::leg::Progress::default()));
    }

    fn cadence(&self) -> RingPattern {
        if let Some(cadence) = &self.cadence {
            return cadence.clone();
        }
        let steps: Vec<(u32, u32)> = self
            .locale
            .ring
            .cadence_ms
            .chunks_exact(2)
            .filter_map(|pair| Some((*pair.first()?, *pair.last()?)))
            .collect();
        RingPattern::new(&steps).unwrap_or_default()
    }

    fn release(&mut self, now: Instant, leg: LegId, cause: Cause) {
        let is = |slot: &mut Slot| slot.leg == leg;
        if self.slots.active.take_if(is).is_some() {
            if self.slots.conference {
                // The other party of the conference stays.
                self.slots.conference = false;
                self.slots.active = self.slots.held.take();
                self.line.retrieve(now);
            } else {
                self.line.remote_released(now, cause.0);
            }
        } else if self.slots.held.take_if(is).is_some() {
            self.slots.conference = false;
            self.line.held_released(now);
        } else if self.slots.waiting.take_if(is).is_some() {
            self.line.stop_ring(now);
        } else if let Some(at) = self.slots.parting.iter().position(|parting| *parting == leg) {
            self.slots.parting.swap_remove(at);
        } else {
            return;
        }
        self.tell(leg, LegEvent::Released(cause));
        self.serve(now);
    }

    /// Hold, second call, the waiting call, conference, and back again.
    fn flash(&mut self, now: Instant, ids: &mut LegIds) {
        if let Some(mut waiting) = self.slots.waiting.take() {
            self.line.accept_waiting(now);
            waiting.ringing = false;
            let leg = waiting.leg;
            if let Some(front) = self.slots.active.replace(waiting) {
                self.tell(front.leg, LegEvent::Held(true));
                self.slots.held = Some(front);
            }
            return self.tell(leg, LegEvent::Answered(crate::leg::Answer::default()));
        }
        let talking = self.line.state() == State::Connected;
        let (active, held) = (self.slots.active.take(), self.slots.held.take());
        match (active, held) {
            (Some(active), Some(held)) if talking && !self.slots.conference => {
                self.slots.conference = true;
                self.tell(active.leg, LegEvent::Conference(held.leg));
                (self.slots.active, self.slots.held) = (Some(active), Some(held));
            }
            (active, Some(held)) => {
                // The second call is given up, whatever it had come to.
                self.line.retrieve(now);
                if let Some(active) = active {
                    self.tell(active.leg, LegEvent::Released(Cause::NORMAL));
                }
                if !std::mem::take(&mut self.slots.conference) {
                    self.tell(held.leg, LegEvent::Held(false));
                }
                self.slots.active = Some(held);
            }
            (Some(active), None) => {
                if self.line.hold(now) {
                    self.tell(active.leg, LegEvent::Held(true));
                    self.slots.held = Some(active);
                    self.seized(ids);
                } else {
                    self.slots.active = Some(active);
                }
            }
            (None, None) => {}
        }
    }

    /// The telephone is on its hook: transfer, recall, or the end.
    fn hung_up(&mut self, now: Instant) {
        let cause = match self.line.state() {
            State::OutOfService => Cause::OUT_OF_ORDER,
            _ => Cause::NORMAL,
        };
        let conference = std::mem::take(&mut self.slots.conference);
        let waiting = self.slots.waiting.take();
        let (active, held) = (self.slots.active.take(), self.slots.held.take());
        // The line rings for a call that waited by itself.
        let rings = waiting.is_some();
        if let Some(waiting) = waiting {
            if self.line.state() == State::Ringing {
                self.slots.active = Some(waiting);
            } else {
                self.tell(waiting.leg, LegEvent::Released(cause));
            }
        }
        match (active, held) {
            (Some(active), Some(held)) if !conference && !active.dialling && cause == Cause::NORMAL => {
                self.slots.parting.extend([active.leg, held.leg]);
                self.tell(active.leg, LegEvent::Transfer(TransferTarget::Leg(held.leg)));
            }
            (active, held) => {
                if let Some(active) = active {
                    self.tell(active.leg, LegEvent::Released(cause));
                }
                if let Some(held) = held {
                    if conference || rings || cause != Cause::NORMAL {
                        self.tell(held.leg, LegEvent::Released(cause));
                    } else {
                        self.recall(now, held);
                    }
                }
            }
        }
    }

    /// Rings the user who has hung up on a call on hold.
    fn recall(&mut self, now: Instant, mut held: Slot) {
        let caller = Caller {
            number: held.far.shown_number().map(str::to_owned),
            name: held.far.shown_name().map(str::to_owned),
            ..Caller::default()
        };
        if self.line.ring(now, self.cadence(), caller).is_ok() {
            held.ringing = true;
            held.recall = true;
            self.slots.active = Some(held);
        } else {
            self.tell(held.leg, LegEvent::Released(Cause::NORMAL));
        }
    }
}
