//! An FXO port: the discipline of an exchange line, what its ears tell, and the leg of its call.
//!
//! A call that rings goes where `connection plar` says, answered at once, or with `plar opx` when the called party answers;
//! without either it is answered, and the caller dials on. With `connection trunk` there is one call, which stands all the time. A call that goes out is dialled, and answered when the exchange
//! reverses the battery or ringback ends, if the port is told to look for that; else when its digits are out.

mod ears;
mod poll;
mod settings;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cli::config::{Connection, VoicePort};
use media::custom::ToneSet;
use media::dtmf;
use media::locale::{Locale, ToneKind};
use media::tone::ToneGenerator;
use telephony_hal::line::Caller;
use telephony_hal::line::fxo::{FxoEventOut, FxoOutput, FxoState, OfficeLine, SeizeError, SeizeFailure};
use telephony_hal::{FxoEvent, Impedance};

use super::audio::{AudioSettings, PortAudio};
use super::fxs::{TICK, locale};
use super::permanent::{Heard as Far, Permanent};
use super::tones::Supervision;
use super::{
    Answer, Cause, LegCommand, LegEvent, LegId, LegIds, MAX_DIGITS, Party, Presentation, Progress, Setup,
};
use ears::{Ears, Heard};
use poll::Poll;
use settings::{Settings, line_config};

/// A caller who is refused hears why for so long before the port hangs up.
const REFUSED: Duration = Duration::from_secs(10);

/// What the port's hardware is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfficeAction {
    /// Close the loop (off hook) or open it.
    Hook(bool),
    /// Ground the ring lead or free it.
    RingGround(bool),
    /// What terminates the pair.
    Impedance(Impedance),
}

/// What an FXO port wants done, or tells.
#[derive(Debug, PartialEq, Eq)]
pub enum OfficePortOutput {
    /// For the hardware.
    Action(OfficeAction),
    /// Of its leg.
    Leg(LegId, LegEvent),
    /// The exchange told that messages wait, or no more.
    MessageWaiting(bool),
}

/// How far the leg has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The exchange rings; the call is answered when the called party answers (`plar opx`).
    Offered,
    /// Answered: the caller hears dial tone and dials.
    Collecting,
    /// Answered, and the number is known.
    Routing,
    /// Digits go out.
    Dialling,
    /// Digits are out; the answer is awaited.
    Waiting,
    /// Conversation.
    Talking,
}

#[derive(Debug)]
struct Leg {
    id: LegId,
    stage: Stage,
    digits: String,
}

/// One FXO port.
#[derive(Debug)]
pub struct FxoPort {
    name: String,
    line: OfficeLine,
    settings: Settings,
    locale: &'static Locale,
    audio: PortAudio,
    impedance: Impedance,
    ears: Ears,
    poll: Poll,
    leg: Option<Leg>,
    /// `connection trunk`, and that the telephone at its other end is off its hook.
    permanent: Option<Permanent>,
    wanted_off_hook: bool,
    /// Blocks in which nothing is heard (`cut-through-wait`).
    hushed: u32,
    /// Waits for digits of a caller, or for the end of the tone that refuses one.
    deadline: Option<Instant>,
    /// A digit on its way to the exchange, and samples that are left of it.
    digit: Option<(ToneGenerator, usize)>,
    /// What a caller hears of us.
    tone: Option<ToneGenerator>,
    terminator: Option<char>,
    busied_out: bool,
    /// The board was pulled out.
    absent: bool,
    seized_for_busyout: bool,
    actions: VecDeque<OfficeAction>,
    events: VecDeque<(LegId, LegEvent)>,
}

impl FxoPort {
    /// A port with the settings of its `voice-port`, or IOS's defaults.
    #[must_use]
    pub fn new(now: Instant, name: &str, config: Option<&VoicePort>) -> Self {
        let mut port = Self {
            name: name.to_owned(),
            line: OfficeLine::new(line_config(config)),
            settings: Settings::new(config),
            locale: locale(config),
            audio: PortAudio::new(AudioSettings::new(config)),
            impedance: Impedance::default(),
            ears: Ears::new(config),
            poll: Poll::default(),
            leg: None,
            permanent: None,
            wanted_off_hook: false,
            hushed: 0,
            deadline: None,
            digit: None,
            tone: None,
            terminator: Some('#'),
            busied_out: false,
            absent: false,
            seized_for_busyout: false,
            actions: VecDeque::new(),
            events: VecDeque::new(),
        };
        port.configure(now, config);
        port
    }

    /// Voice port name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line machine, to look at.
    #[must_use]
    pub fn line(&self) -> &OfficeLine {
        &self.line
    }

    /// Country of the port's tones.
    #[must_use]
    pub fn locale(&self) -> &'static Locale {
        self.locale
    }

    /// What terminates the pair.
    #[must_use]
    pub fn impedance(&self) -> Impedance {
        self.impedance
    }

    /// The audio side, to be set, and the port's name.
    pub fn audio_and_name(&mut self) -> (&mut PortAudio, &str) {
        (&mut self.audio, &self.name)
    }

    /// The audio side, to look at.
    #[must_use]
    pub fn audio_side(&self) -> &PortAudio {
        &self.audio
    }

    /// The audio side, to test.
    pub fn audio_mut(&mut self) -> &mut PortAudio {
        &mut self.audio
    }

    /// Whether a call is on the port, or the exchange line is not free.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let stands = self.permanent.as_ref().is_some_and(|permanent| permanent.leg().is_some());
        stands || self.leg.is_some() || self.line.state() != FxoState::Idle
    }

    /// Length of a digit sent to the exchange, and of the pause after it, ms.
    #[must_use]
    pub fn digit_ms(&self) -> (u32, u32) {
        let config = self.line.config();
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(100);
        (ms(config.digit), ms(config.inter_digit))
    }

    /// Takes new settings; a call in progress is not disturbed.
    pub fn configure(&mut self, now: Instant, config: Option<&VoicePort>) {
        self.locale = locale(config);
        self.settings = Settings::new(config);
        self.ears.configure(config);
        self.audio.configure(AudioSettings::new(config));
        let word = config.and_then(|c| c.line.impedance.as_deref());
        let impedance = word.and_then(Impedance::named).unwrap_or_default();
        if std::mem::replace(&mut self.impedance, impedance) != impedance {
            self.actions.push_back(OfficeAction::Impedance(impedance));
        }
        let wanted = line_config(config);
        if *self.line.config() != wanted {
            self.line.set_config(now, wanted);
        }
        if let Some(leg) = Permanent::configure(&mut self.permanent, config) {
            self.tell(leg, LegEvent::Released(Cause::NORMAL));
            self.line.release(now);
        }
        self.serve(now);
        self.poll.configure(now, self.settings.poll);
    }

    /// The tones it plays and listens for, where a custom class changes the country's.
    pub fn set_tones(&mut self, tones: &ToneSet) {
        self.ears.set_tones(tones);
    }

    /// The tones that end a call, and how exact they must be, where a class says so.
    pub fn set_supervision(&mut self, supervision: Supervision) {
        self.ears.set_supervision(supervision);
    }

    /// `dial-peer terminator`.
    pub fn set_terminator(&mut self, terminator: Option<char>) {
        self.terminator = terminator;
    }

    /// Takes the port out of service while what `busyout monitor` watches is down.
    pub fn set_busied_out(&mut self, now: Instant, busied_out: bool) {
        self.busied_out = busied_out;
        self.serve(now);
    }

    /// Whether `busyout monitor` keeps the port out of service.
    #[must_use]
    pub fn is_busied_out(&self) -> bool {
        self.busied_out
    }

    /// In service or not, and how its exchange learns of it.
    fn serve(&mut self, now: Instant) {
        let in_use =
            self.leg.is_some() || !matches!(self.line.state(), FxoState::Idle | FxoState::OutOfService);
        let gracefully = self.settings.graceful && !in_use;
        let busyout = self.busied_out || self.settings.forced || gracefully;
        let down = self.settings.shutdown || busyout || self.absent;
        if down && let Some(leg) = self.leg.take() {
            self.tell(leg.id, LegEvent::Released(Cause::OUT_OF_ORDER));
        }
        if down {
            self.quiet();
        }
        self.line.shutdown(now, down);
        if let Some(leg) = self.permanent.as_mut().and_then(|permanent| permanent.serve(now, !down)) {
            self.tell(leg, LegEvent::Released(Cause::OUT_OF_ORDER));
        }
        let seize = busyout && !self.settings.shutdown && !self.absent && self.settings.seize;
        if std::mem::replace(&mut self.seized_for_busyout, seize) != seize {
            self.actions.push_back(OfficeAction::Hook(seize));
        }
    }

    /// An event of the hardware.
    pub fn handle_event(&mut self, now: Instant, event: FxoEvent) {
        if event == FxoEvent::Removed {
            self.absent = true;
            return self.serve(now);
        }
        self.line.handle_event(now, event);
    }

    /// The board is back, or another in its place: the port is set as it was, and in service if nothing else keeps it out.
    pub fn restore(&mut self, now: Instant) {
        self.absent = false;
        // As a port is when it is opened.
        self.line.handle_event(now, FxoEvent::Ringing(false));
        self.line.handle_event(now, FxoEvent::Battery(true));
        if self.impedance != Impedance::default() {
            self.actions.push_back(OfficeAction::Impedance(self.impedance));
        }
        self.serve(now);
    }

    /// Whether the port's board was pulled out.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// A digit heard on the line: a caller dials on, or presses keys in a call.
    pub fn handle_digit(&mut self, now: Instant, digit: char) {
        let Some(leg) = &mut self.leg else { return };
        if leg.stage != Stage::Collecting {
            if leg.stage == Stage::Talking {
                let id = leg.id;
                self.tell(id, LegEvent::Dtmf(digit));
            }
            return;
        }
        self.tone = None;
        let ends = Some(digit) == self.terminator && !leg.digits.is_empty();
        if !ends && leg.digits.len() < MAX_DIGITS {
            leg.digits.push(digit);
        }
        let (id, digits) = (leg.id, leg.digits.clone());
        self.deadline = self.settings.interdigit.map(|limit| now + limit).filter(|_| !ends);
        self.tell(id, LegEvent::Digits { digits, complete: ends });
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.line.handle_timeout(now);
        self.poll_timeout_due(now);
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            match &self.leg {
                Some(leg) if leg.stage == Stage::Collecting && leg.digits.is_empty() => {
                    let id = leg.id;
                    self.leg = None;
                    self.refuse(now, Cause::INVALID_NUMBER);
                    self.tell(id, LegEvent::Released(Cause::INVALID_NUMBER));
                }
                Some(leg) if leg.stage == Stage::Collecting => {
                    let (id, digits) = (leg.id, leg.digits.clone());
                    self.tell(id, LegEvent::Digits { digits, complete: true });
                }
                // The tone has been heard long enough.
                None => {
                    self.quiet();
                    self.line.release(now);
                }
                Some(_) => {}
            }
        }
    }

    /// When to call [`FxoPort::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let call = self.permanent.as_ref().and_then(Permanent::poll_timeout);
        [self.line.poll_timeout(), self.deadline, call, self.poll.next()].into_iter().flatten().min()
    }

    /// The next thing to do or to know.
    pub fn poll(&mut self, now: Instant, ids: &mut LegIds) -> Option<OfficePortOutput> {
        let permanent = self.permanent.as_mut();
        self.events.extend(permanent.and_then(|it| it.make(now, &self.settings.station, ids)));
        loop {
            if let Some((leg, event)) = self.events.pop_front() {
                return Some(OfficePortOutput::Leg(leg, event));
            }
            if let Some(action) = self.actions.pop_front() {
                return Some(OfficePortOutput::Action(action));
            }
            return Some(OfficePortOutput::Action(match self.line.poll_output()? {
                FxoOutput::Hook(off) => OfficeAction::Hook(off),
                FxoOutput::RingGround(on) => OfficeAction::RingGround(on),
                FxoOutput::Digit(digit) => {
                    self.ears.no_dial_tone();
                    let samples = self.line.config().digit.as_millis() * 8;
                    let spec = dtmf::held(digit, self.locale.dtmf).ok();
                    self.digit =
                        spec.map(|spec| (ToneGenerator::new(&spec), usize::try_from(samples).unwrap_or(800)));
                    continue;
                }
                FxoOutput::Event(FxoEventOut::MessageWaiting(on)) => {
                    return Some(OfficePortOutput::MessageWaiting(on));
                }
                FxoOutput::Event(event) => {
                    self.line_event(now, event, ids);
                    continue;
                }
                _ => continue,
            }));
        }
    }

    /// What the switch wants of the leg.
    pub fn command(&mut self, now: Instant, leg: LegId, command: LegCommand) {
        if self.permanent.as_ref().is_some_and(|permanent| permanent.is(leg)) {
            return self.permanent_command(now, leg, &command);
        }
        if let LegCommand::Offer(setup) = &command {
            return self.offer(now, leg, setup);
        }
        let Some(known) = self.leg.as_mut().filter(|known| known.id == leg) else { return };
        match command {
            LegCommand::Release(cause) => self.release(now, leg, cause),
            LegCommand::Proceed if known.stage == Stage::Collecting => {
                known.stage = Stage::Routing;
                self.deadline = None;
                self.tone = None;
            }
            LegCommand::MoreDigits { dial_tone }
                if matches!(known.stage, Stage::Routing | Stage::Collecting) =>
            {
                known.stage = Stage::Collecting;
                if dial_tone {
                    known.digits.clear();
                    self.tone = Some(ToneGenerator::new(self.locale.tone(ToneKind::SecondaryDial)));
                }
                self.deadline = self.settings.interdigit.map(|limit| now + limit);
            }
            LegCommand::Digits { digits, .. } => {
                // More than fits, or what cannot be dialled that way: the exchange hears no more.
                let _ = self.line.send_digits(now, &digits);
            }
            LegCommand::Alert(Progress { inband: false, .. }) if known.stage == Stage::Routing => {
                self.tone = Some(ToneGenerator::new(self.locale.tone(ToneKind::Ringback)));
            }
            LegCommand::Alert(_) | LegCommand::Progress(Progress { inband: true, .. }) => self.tone = None,
            LegCommand::Answer(_) => {
                let offered = known.stage == Stage::Offered;
                known.stage = Stage::Talking;
                self.tone = None;
                self.deadline = None;
                if offered {
                    self.line.answer(now);
                    self.hushed = self.settings.cut_through;
                }
            }
            LegCommand::Dtmf('!') if known.stage == Stage::Talking => {
                // While the last flash or digit is on its way there is none.
                self.line.flash(now);
            }
            _ => {}
        }
    }

    /// Whether the port needs audio every 20 ms.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.line.is_off_hook() || self.listens() || self.audio.is_tested()
    }

    fn listens(&self) -> bool {
        self.line.config().caller_id && self.line.listens_for_caller_id()
    }

    /// Whether a tone of ours is on the line, which the digit detector hears as echo.
    #[must_use]
    pub fn has_tone(&self) -> bool {
        self.tone.is_some()
    }

    /// What came from the exchange in 20 ms becomes what the other end hears; caller ID and the tones of supervision are heard
    /// on the way.
    pub fn said(&mut self, now: Instant, samples: &mut [i16]) {
        if self.listens() {
            match self.ears.caller_id(samples) {
                Some(Heard::Caller(caller)) => self.line.handle_caller_id(now, caller),
                Some(Heard::MessageWaiting(on)) => self.line.handle_message_waiting(now, on),
                None => {}
            }
            return samples.fill(0);
        }
        if let Some(waiting) = self.ears.dial_tone(samples) {
            self.line.handle_message_waiting(now, waiting);
            self.stop_polling(now);
        }
        let stage = self.leg.as_ref().map(|leg| leg.stage);
        if self.line.is_talking() {
            if stage == Some(Stage::Waiting) && self.ears.answer(samples) {
                self.answered();
            }
            let before = matches!(stage, Some(Stage::Waiting | Stage::Routing | Stage::Collecting));
            if (stage == Some(Stage::Talking) || before) && self.ears.disconnect(samples, before) {
                self.line.handle_disconnect_tone(now);
            }
        }
        let talking = self.line.is_talking()
            && (self.stands() || matches!(stage, Some(Stage::Waiting | Stage::Talking)));
        self.audio.from_pair(samples, talking);
        if self.hushed > 0 {
            samples.fill(0);
        }
    }

    /// The next 20 ms toward the exchange: `out` comes with what the other end says.
    pub fn audio(&mut self, out: &mut [i16; TICK]) {
        self.audio.attenuate(out);
        if let Some((digit, left)) = &mut self.digit {
            out.fill(0);
            let count = (*left).min(TICK);
            digit.fill(out.get_mut(..count).unwrap_or_default());
            *left -= count;
            if *left == 0 {
                self.digit = None;
            }
        } else if let Some(tone) = &mut self.tone {
            tone.fill(out);
        } else if self.hushed > 0 || !self.line.is_talking() || (self.leg.is_none() && !self.stands()) {
            out.fill(0);
        }
        self.hushed = self.hushed.saturating_sub(1);
        self.audio.to_pair(out);
    }
}

impl FxoPort {
    fn tell(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }

    fn quiet(&mut self) {
        self.hushed = 0;
        self.tone = None;
        self.digit = None;
        self.deadline = None;
        self.ears.reset();
    }

    fn offer(&mut self, now: Instant, leg: LegId, setup: &Setup) {
        if let Some(permanent) = &mut self.permanent {
            self.events.extend(permanent.offered(leg));
            if permanent.leg() == Some(leg) {
                self.tell_wires(leg);
            }
            return;
        }
        // Who is on the line already keeps it; a tone that refused somebody must end first.
        if self.leg.is_some() {
            return self.tell(leg, LegEvent::Released(Cause::NO_CIRCUIT));
        }
        let digits: String = setup.called.number.chars().filter(|digit| *digit != '+').collect();
        match self.line.seize(now, &digits) {
            Ok(()) => {
                self.quiet();
                if self.settings.mwi {
                    self.ears.expect_dial_tone();
                }
                self.leg = Some(Leg { id: leg, stage: Stage::Dialling, digits });
                self.tell(leg, LegEvent::Proceeding(Progress::default()));
            }
            Err(error) => {
                let cause = match error {
                    SeizeError::Busy(FxoState::OutOfService) | SeizeError::NoBattery => Cause::OUT_OF_ORDER,
                    SeizeError::Busy(_) => Cause::NO_CIRCUIT,
                    SeizeError::Digit { .. } | SeizeError::TooMany { .. } => Cause::INVALID_NUMBER,
                };
                self.tell(leg, LegEvent::Released(cause));
            }
        }
    }

    fn line_event(&mut self, now: Instant, event: FxoEventOut, ids: &mut LegIds) {
        if self.permanent.is_some() {
            return self.permanent_event(now, &event);
        }
        if matches!(event, FxoEventOut::SeizeFailed(_) | FxoEventOut::Disconnected(_)) {
            self.poll.stopped();
        }
        match event {
            FxoEventOut::Ringing { caller } => self.rings(now, caller, ids),
            FxoEventOut::RingEnded => self.gone(Cause::NORMAL),
            FxoEventOut::SeizeFailed(why) => self.gone(match why {
                SeizeFailure::NoBattery => Cause::OUT_OF_ORDER,
                SeizeFailure::NoDialTone | SeizeFailure::NoGround => Cause::NO_CIRCUIT,
            }),
            FxoEventOut::Dialled => self.dialled(),
            FxoEventOut::Answered if self.settings.reversal_answers => self.answered(),
            FxoEventOut::Disconnected(_) => self.gone(Cause::NORMAL),
            FxoEventOut::Released => self.serve(now),
            _ => {}
        }
    }

    /// The leg is over, by the exchange's doing.
    fn gone(&mut self, cause: Cause) {
        self.quiet();
        if let Some(leg) = self.leg.take() {
            self.tell(leg.id, LegEvent::Released(cause));
        }
    }

    fn rings(&mut self, now: Instant, caller: Option<Caller>, ids: &mut LegIds) {
        self.quiet();
        let id = ids.take();
        let (number, stage) = match &self.settings.connection {
            Some(Connection::PlarOpx { number, .. }) => (Some(number.clone()), Stage::Offered),
            Some(Connection::Plar(number)) => (Some(number.clone()), Stage::Routing),
            Some(Connection::TieLine(_) | Connection::Trunk { .. }) | None => (None, Stage::Collecting),
        };
        let prefix = match &self.settings.connection {
            Some(Connection::TieLine(digits)) => digits.clone(),
            _ => String::new(),
        };
        if stage != Stage::Offered {
            self.line.answer(now);
        }
        if stage == Stage::Collecting {
            self.tone = Some(ToneGenerator::new(self.locale.tone(ToneKind::Dial)));
            self.deadline = self.settings.initial.map(|limit| now + limit);
        }
        let setup = Setup {
            called: Party::new(number.clone().unwrap_or_default()),
            calling: self.calling(caller),
            complete: number.is_some(),
            ..Setup::default()
        };
        self.leg = Some(Leg { id, stage, digits: prefix });
        self.tell(id, LegEvent::Incoming(Box::new(setup)));
    }

    /// Who calls: what the exchange told, or the port's `station-id`.
    fn calling(&self, caller: Option<Caller>) -> Party {
        let Some(caller) = caller else { return self.settings.station.clone() };
        let presentation = match (caller.private, &caller.number) {
            (true, _) => Presentation::Restricted,
            (false, None) => Presentation::Unavailable,
            (false, Some(_)) => Presentation::Allowed,
        };
        let name_presentation =
            if caller.private_name { Presentation::Restricted } else { Presentation::Allowed };
        let number = caller.number.unwrap_or_default();
        Party { name: caller.name, presentation, name_presentation, ..Party::new(number) }
    }

    fn dialled(&mut self) {
        let supervised = self.settings.reversal_answers || self.settings.tone_answers;
        let Some(leg) = self.leg.as_mut().filter(|leg| leg.stage == Stage::Dialling) else { return };
        leg.stage = if supervised { Stage::Waiting } else { Stage::Talking };
        let id = leg.id;
        self.ears.begin(self.settings.tone_answers);
        let event = if supervised {
            LegEvent::Progress(Progress { inband: true, ..Progress::default() })
        } else {
            LegEvent::Answered(Answer::default())
        };
        self.tell(id, event);
    }

    fn answered(&mut self) {
        let Some(leg) = self.leg.as_mut().filter(|leg| matches!(leg.stage, Stage::Waiting | Stage::Dialling))
        else {
            return;
        };
        leg.stage = Stage::Talking;
        let id = leg.id;
        self.tell(id, LegEvent::Answered(Answer::default()));
    }

    fn release(&mut self, now: Instant, leg: LegId, cause: Cause) {
        let stage = self.leg.take().map(|leg| leg.stage);
        self.tell(leg, LegEvent::Released(cause));
        match stage {
            // On two wires a ringing call cannot be refused: the exchange rings on.
            Some(Stage::Offered) | None => self.quiet(),
            Some(Stage::Collecting | Stage::Routing) if cause != Cause::NORMAL => self.refuse(now, cause),
            Some(_) => {
                self.quiet();
                self.line.release(now);
            }
        }
    }

    /// The caller hears why, then the port hangs up.
    fn refuse(&mut self, now: Instant, cause: Cause) {
        let kind = match cause.0 {
            17 => ToneKind::Busy,
            1 | 2 | 3 | 22 | 28 => ToneKind::Unobtainable,
            _ => ToneKind::Congestion,
        };
        self.quiet();
        self.tone = Some(ToneGenerator::new(self.locale.tone(kind)));
        self.deadline = Some(now + REFUSED);
    }
}

mod trunk;

#[cfg(test)]
mod tests;
