//! An FXS port: line discipline, national tones, the telephone's message waiting indication, and the legs of its calls.

mod call;
mod settings;

pub(super) use settings::locale;
pub use settings::port_mwi;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cli::config::{Connection, RingCadence, VoicePort};
use media::callerid::offhook::OffHookPlayer;
use media::custom::ToneSet;
use media::locale::{Locale, ToneKind};
use media::mix;
use media::tone::{ToneGenerator, ToneStep};
use mwi::indicate::PortMwi;
use telephony_hal::line::{Line, LineConfig, LineEventOut, Output, RingPattern, State, Tone};
use telephony_hal::{FxsCapabilities, Impedance, LineEvent};

use super::audio::{AudioSettings, PortAudio};
use super::permanent::Permanent;
use super::vmwi::{BETWEEN_MS, SETTLE_MS, Script};
use super::{Cause, LegEvent, LegId, LegIds, Party, Presentation};
use call::Slots;
use settings::{CallerIdForm, call_setup, line_config};

/// Samples in one tick of 20 ms.
pub const TICK: usize = 160;

/// What the port's hardware is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineAction {
    /// Ringing voltage on or off.
    Ring(bool),
    /// Message lamp on or off.
    Lamp(bool),
    /// Reversed battery or not.
    Polarity(bool),
    /// Loop fed or open.
    Battery(bool),
    /// What terminates the pair.
    Impedance(Impedance),
    /// Longest break of the loop that is a flash.
    Flash(Duration),
}

/// One FXS port.
#[derive(Debug)]
pub struct FxsPort {
    name: String,
    line: Line,
    locale: &'static Locale,
    tones: ToneSet,
    generator: Option<ToneGenerator>,
    /// Reminds the user in conversation of the call on hold.
    hold_beep: Option<ToneGenerator>,
    script: Option<Script>,
    /// What the lamp message under way says, and the newest state, which follows it where it is another.
    telling: Option<(bool, bool)>,
    /// A lamp message was broken off.
    untold: bool,
    /// Tells the telephone in conversation who else calls, after so many ticks of call-waiting tone.
    second_caller: Option<(u32, OffHookPlayer)>,
    actions: VecDeque<LineAction>,
    mwi: PortMwi,
    waiting: bool,
    slots: Slots,
    /// `connection trunk`.
    permanent: Option<Permanent>,
    events: VecDeque<(LegId, LegEvent)>,
    station: Party,
    /// How long the next call's first burst waits for its place in the ringer budget.
    ring_delay: Duration,
    /// `ring cadence`, where the country's is not wanted.
    cadence: Option<RingPattern>,
    /// `ren`.
    ren: u8,
    /// How the country, or `caller-id`, tells who calls.
    caller_id: CallerIdForm,
    audio: PortAudio,
    impedance: Impedance,
    /// `connection tie-line`: digits before those dialled.
    prefix: String,
    shutdown: bool,
    /// `busyout graceful`.
    graceful: bool,
    /// Everything that `busyout monitor` watches is down.
    busied_out: bool,
    /// The board was pulled out.
    absent: bool,
    /// What the hardware says of the loop, and that it is not believed.
    loop_closed: bool,
    loop_forced: bool,
    /// What the hardware can do, once it has said so.
    capabilities: FxsCapabilities,
    /// `timing digit` and `inter-digit`, ms.
    digit_ms: (u32, u32),
}

/// What an FXS port wants done, or tells.
#[derive(Debug, PartialEq, Eq)]
pub enum FxsOutput {
    /// For the hardware.
    Action(LineAction),
    /// Of a leg.
    Leg(LegId, LegEvent),
    /// The telephone on its hook is to be told of messages by data ([`FxsPort::send_vmwi`]).
    MessageWaiting(bool),
}

impl FxsPort {
    /// A port with the settings of its `voice-port`, or IOS's defaults.
    #[must_use]
    pub fn new(now: Instant, name: &str, config: Option<&VoicePort>) -> Self {
        let mut port = Self {
            name: name.to_owned(),
            line: Line::new(line_config(config)),
            locale: locale(config),
            tones: ToneSet::new(locale(config)),
            generator: None,
            hold_beep: None,
            script: None,
            telling: None,
            untold: false,
            second_caller: None,
            actions: VecDeque::new(),
            mwi: PortMwi::default(),
            waiting: false,
            slots: Slots::default(),
            permanent: None,
            events: VecDeque::new(),
            station: Party::default(),
            ring_delay: Duration::ZERO,
            cadence: None,
            ren: 1,
            caller_id: CallerIdForm::new(config),
            audio: PortAudio::new(AudioSettings::new(config)),
            impedance: Impedance::default(),
            prefix: String::new(),
            shutdown: false,
            graceful: false,
            busied_out: false,
            absent: false,
            loop_closed: false,
            loop_forced: false,
            capabilities: FxsCapabilities::default(),
            digit_ms: (100, 100),
        };
        port.configure(now, config);
        port.tell_flash();
        port
    }

    /// Voice port name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line machine, to look at.
    #[must_use]
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Country of the port's tones.
    #[must_use]
    pub fn locale(&self) -> &'static Locale {
        self.locale
    }

    /// Ringer equivalence of the telephones on the port (`ren`), 1 to 5.
    #[must_use]
    pub fn ren(&self) -> u8 {
        self.ren
    }

    /// Message waiting settings.
    #[must_use]
    pub fn mwi(&self) -> PortMwi {
        self.mwi
    }

    /// Whether a message waits for a telephone on this port.
    #[must_use]
    pub fn message_waiting(&self) -> bool {
        self.waiting
    }

    /// Takes new settings; a call or tone in progress is not disturbed.
    pub fn configure(&mut self, now: Instant, config: Option<&VoicePort>) {
        if !std::ptr::eq(self.locale, locale(config)) {
            self.locale = locale(config);
            self.tones = ToneSet::new(self.locale);
        }
        self.mwi = port_mwi(config);
        let block = config.is_some_and(|c| c.line.caller_id_block);
        let presentation = if block { Presentation::Restricted } else { Presentation::Allowed };
        self.station = Party {
            name: config.and_then(|c| c.station_id_name.clone()),
            presentation,
            name_presentation: presentation,
            ..Party::new(config.and_then(|c| c.station_id_number.clone()).unwrap_or_default())
        };
        self.ren = config.and_then(|c| c.line.ren).unwrap_or(1);
        self.cadence = config.and_then(|c| c.line.ring_cadence.as_ref()).and_then(|cadence| match cadence {
            RingCadence::Pattern(number) => RingPattern::ios((*number).into()),
            RingCadence::Define(pairs) => RingPattern::new(pairs),
        });
        let wanted = line_config(config);
        if self.line.config().hookflash_max != wanted.hookflash_max {
            self.actions.push_back(LineAction::Flash(wanted.hookflash_max));
        }
        if *self.line.config() != wanted {
            self.line.set_config(now, wanted);
        }
        self.caller_id = CallerIdForm::new(config);
        self.audio.configure(AudioSettings::new(config));
        let word = config.and_then(|c| c.line.impedance.as_deref());
        let impedance = word.and_then(Impedance::named).unwrap_or_default();
        if std::mem::replace(&mut self.impedance, impedance) != impedance {
            self.actions.push_back(LineAction::Impedance(impedance));
        }
        self.prefix = match config.and_then(|c| c.connection.as_ref()) {
            Some(Connection::TieLine(digits)) => digits.clone(),
            _ => String::new(),
        };
        let timing = config.map(|c| c.line.timing).unwrap_or_default();
        self.digit_ms = (timing.digit.unwrap_or(100), timing.inter_digit.unwrap_or(100));
        self.shutdown = config.is_some_and(|c| c.shutdown || c.line.busyout.forced);
        self.graceful = config.is_some_and(|c| c.line.busyout.graceful);
        if let Some(leg) = Permanent::configure(&mut self.permanent, config) {
            self.events.push_back((leg, LegEvent::Released(Cause::NORMAL)));
        }
        self.serve(now);
        self.indicate(now);
    }

    /// In service or not.
    fn serve(&mut self, now: Instant) {
        let in_use = self.is_busy() || self.line.is_off_hook();
        let down = self.shutdown || self.busied_out || self.absent || (self.graceful && !in_use);
        self.line.shutdown(now, down);
        if let Some(leg) = self.permanent.as_mut().and_then(|permanent| permanent.serve(now, !down)) {
            self.events.push_back((leg, LegEvent::Released(Cause::OUT_OF_ORDER)));
        }
    }

    /// The board is back, or another in its place: the port is set as it was, and in service if nothing else keeps it out.
    pub fn restore(&mut self, now: Instant) {
        self.absent = false;
        self.loop_closed = false;
        // A handset that is off its cradle is told anew.
        self.line.handle_hook(now, false);
        if self.impedance != Impedance::default() {
            self.actions.push_back(LineAction::Impedance(self.impedance));
        }
        self.tell_flash();
        if !self.line.is_fed() {
            self.actions.push_back(LineAction::Battery(false));
        }
        self.serve(now);
    }

    /// Tells new hardware what it does not know by itself.
    fn tell_flash(&mut self) {
        let longest = self.line.config().hookflash_max;
        if longest != LineConfig::default().hookflash_max {
            self.actions.push_back(LineAction::Flash(longest));
        }
    }

    /// Sets what the hardware can do.
    pub fn set_capabilities(&mut self, capabilities: FxsCapabilities) {
        self.capabilities = capabilities;
    }

    /// What the hardware can do; nothing before it has said so.
    #[must_use]
    pub fn capabilities(&self) -> FxsCapabilities {
        self.capabilities
    }

    /// Whether the port's board was pulled out.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// The tones it plays, where a custom class changes the country's. One that sounds goes on.
    pub fn set_tones(&mut self, tones: ToneSet) {
        self.tones = tones;
    }

    /// `test voice port … detector loop-current`: the loop is taken to be closed or open, or again as the hardware says.
    pub fn force_loop(&mut self, now: Instant, closed: Option<bool>) {
        self.loop_forced = closed.is_some();
        self.line.handle_hook(now, closed.unwrap_or(self.loop_closed));
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

    /// What terminates the pair.
    #[must_use]
    pub fn impedance(&self) -> Impedance {
        self.impedance
    }

    /// Length of a digit sent to the telephone, and of the pause after it, ms (`timing digit`, `timing inter-digit`).
    #[must_use]
    pub fn digit_ms(&self) -> (u32, u32) {
        self.digit_ms
    }

    /// The audio side, to look at and to test.
    pub fn audio_mut(&mut self) -> &mut PortAudio {
        &mut self.audio
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

    /// Sets whether any mailbox of this port holds new messages.
    pub fn set_message_waiting(&mut self, now: Instant, waiting: bool) {
        self.waiting = waiting;
        self.indicate(now);
    }

    fn indicate(&mut self, now: Instant) {
        let shown = self.mwi.enabled && self.waiting;
        if self.line.message_waiting() != shown {
            self.line.set_message_waiting(now, shown);
        }
    }

    /// An event of the hardware.
    pub fn handle_event(&mut self, now: Instant, event: LineEvent) {
        let hook = match event {
            LineEvent::OffHook => Some(true),
            LineEvent::OnHook | LineEvent::Released => Some(false),
            _ => None,
        };
        self.loop_closed = hook.unwrap_or(self.loop_closed);
        if hook.is_some() && self.loop_forced {
            return;
        }
        if let (Some(script), Some(off)) = (&mut self.script, hook)
            && script.handle_hook(off, |action| self.actions.push_back(action))
        {
            return;
        }
        if event == LineEvent::Removed {
            self.absent = true;
            self.script = None;
            self.telling = None;
            return self.serve(now);
        }
        self.line.handle_event(now, event);
    }

    /// A digit heard on the line.
    pub fn handle_digit(&mut self, now: Instant, digit: char) {
        if self.second_caller.as_mut().is_some_and(|(_, player)| player.handle_digit(digit)) {
            return;
        }
        self.line.handle_digit(now, digit);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.line.handle_timeout(now);
    }

    /// When to call [`FxsPort::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let call = self.permanent.as_ref().and_then(Permanent::poll_timeout);
        [self.line.poll_timeout(), call].into_iter().flatten().min()
    }

    /// What a message on its way wants done to the loop.
    pub fn poll_action(&mut self) -> Option<LineAction> {
        self.actions.pop_front()
    }

    /// The next thing to do or to know; tones are dealt with inside.
    pub fn poll(&mut self, now: Instant, ids: &mut LegIds) -> Option<FxsOutput> {
        let permanent = self.permanent.as_mut();
        self.events.extend(permanent.and_then(|it| it.make(now, &self.station, ids)));
        if std::mem::take(&mut self.untold) {
            self.line.refresh_message_waiting(now);
        }
        loop {
            if let Some((leg, event)) = self.events.pop_front() {
                return Some(FxsOutput::Leg(leg, event));
            }
            if let Some(action) = self.actions.pop_front() {
                return Some(FxsOutput::Action(action));
            }
            return Some(FxsOutput::Action(match self.line.poll_output()? {
                Output::Tone(tone) => {
                    let kind = tone_kind(tone);
                    self.generator = kind.map(|kind| ToneGenerator::new(self.tones.tone(kind)));
                    continue;
                }
                Output::Ring(on) => LineAction::Ring(on),
                Output::Lamp(on) => LineAction::Lamp(on),
                Output::Polarity(reversed) => LineAction::Polarity(reversed),
                Output::Battery(on) => LineAction::Battery(on),
                Output::Event(LineEventOut::MessageWaiting(on)) => {
                    return Some(FxsOutput::MessageWaiting(on));
                }
                Output::Event(LineEventOut::CallerId { caller, off_hook: false }) => {
                    self.stop_script();
                    self.script = Some(Script::plan(self.caller_id.actions(&caller)));
                    continue;
                }
                Output::Event(LineEventOut::CallerId { caller, off_hook: true }) => {
                    let tone = self.locale.tone(ToneKind::CallWaiting);
                    let first = tone.intro().first().or_else(|| tone.repeat().first());
                    let ticks = first.and_then(ToneStep::on_ms).unwrap_or(300).min(1000) / 20 + 2;
                    let player = OffHookPlayer::new(self.locale, &call_setup(&caller));
                    self.second_caller = Some((ticks, player));
                    continue;
                }
                Output::Event(event) => {
                    let over = event == LineEventOut::Released;
                    if over {
                        self.audio.rest();
                    }
                    self.line_event(now, event, ids);
                    if over && self.graceful {
                        self.serve(now);
                    }
                    continue;
                }
                _ => continue,
            }));
        }
    }

    /// Whether the audio of a call belongs on the line now.
    #[must_use]
    pub fn is_talking(&self) -> bool {
        self.line.is_talking()
    }

    /// Sends the telephone on its hook a message that lights or darkens its lamp (`vmwi fsk`). One message at a time: while
    /// one is under way, the newest state follows it, if it is another.
    pub fn send_vmwi(&mut self, on: bool) {
        if let Some((_, newest)) = &mut self.telling {
            *newest = on;
            return;
        }
        self.stop_script();
        self.telling = Some((on, on));
        self.script = Some(Script::vmwi(self.locale, on, SETTLE_MS));
    }

    /// Breaks off what the telephone on its hook is being sent.
    fn stop_script(&mut self) {
        self.untold |= self.telling.take().is_some();
        if let Some(mut script) = self.script.take() {
            script.stop(|action| self.actions.push_back(action));
        }
    }

    /// Whether the port needs audio every 20 ms.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.line.is_off_hook() || self.script.is_some() || self.audio.is_tested()
    }

    /// What the telephone said in 20 ms becomes what the far end hears: gain, and no echo.
    pub fn said(&mut self, samples: &mut [i16]) {
        self.audio.from_pair(samples, self.line.is_talking());
    }

    /// Whether the far end hears nothing of the telephone now: it is being told by data who else calls, and answers by digits.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.second_caller.as_ref().is_some_and(|(wait, player)| *wait == 0 && player.mutes())
    }

    /// The next 20 ms toward the telephone: `out` comes with what the far end says (silence where there is none) and goes
    /// with what the telephone hears, which is that in conversation, with the call-waiting tone in it, and else a tone.
    pub fn audio(&mut self, out: &mut [i16; TICK]) {
        self.audio.attenuate(out);
        self.compose(out);
        self.audio.to_pair(out);
    }

    fn compose(&mut self, out: &mut [i16; TICK]) {
        if self.line.is_off_hook() || self.line.is_ring_burst() {
            self.stop_script();
            let talking = self.line.state() == State::Connected || self.line.is_talking();
            match &mut self.second_caller {
                Some(_) if !talking => self.second_caller = None,
                Some((0, player)) => {
                    player.fill(out);
                    if player.is_over() {
                        self.second_caller = None;
                    }
                    return;
                }
                Some((ticks, _)) => *ticks -= 1,
                None => {}
            }
            if talking && self.generator.is_none() && self.holds_a_call() {
                let tones = &self.tones;
                let beep = || ToneGenerator::new(tones.tone(ToneKind::Hold));
                add(self.hold_beep.get_or_insert_with(beep), out);
            } else {
                self.hold_beep = None;
            }
            match &mut self.generator {
                Some(generator) if talking => add(generator, out),
                Some(generator) => generator.fill(out),
                None if talking => {}
                None => out.fill(0),
            }
            return;
        }
        out.fill(0);
        if let Some(script) = &mut self.script {
            script.fill(out, |action| self.actions.push_back(action));
            if script.is_over() {
                self.script = None;
                if let Some((told, newest)) = self.telling.take()
                    && told != newest
                {
                    self.telling = Some((newest, newest));
                    self.script = Some(Script::vmwi(self.locale, newest, BETWEEN_MS));
                }
            }
        }
    }
}

/// Mixes a tone into what is heard.
fn add(generator: &mut ToneGenerator, out: &mut [i16; TICK]) {
    let mut tone = [0; TICK];
    generator.fill(&mut tone);
    mix::add(out, &tone);
}

fn tone_kind(tone: Tone) -> Option<ToneKind> {
    Some(match tone {
        Tone::None => return None,
        Tone::Dial => ToneKind::Dial,
        Tone::Stutter => ToneKind::Stutter,
        Tone::SecondaryDial => ToneKind::SecondaryDial,
        Tone::Recall => ToneKind::Recall,
        Tone::Ringback => ToneKind::Ringback,
        Tone::Busy => ToneKind::Busy,
        Tone::Congestion => ToneKind::Congestion,
        Tone::Unobtainable => ToneKind::Unobtainable,
        Tone::Howler => ToneKind::Howler,
        Tone::CallWaiting => ToneKind::CallWaiting,
        Tone::Confirmation => ToneKind::Confirmation,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
