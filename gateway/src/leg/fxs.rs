//! An FXS port: line discipline, national tones, the telephone's message waiting indication, and the legs of its calls.

mod call;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cli::config::{RingCadence, VoicePort};
use media::callerid::offhook::OffHookPlayer;
use media::callerid::{CallSetup, Party as Shown, plan};
use media::locale::{CidWhen, Locale, ToneKind};
use media::tone::{ToneGenerator, ToneStep};
use mwi::indicate::{PortMwi, Visual};
use telephony_hal::LineEvent;
use telephony_hal::line::{
    Caller, CallerIdAlerting, Line, LineConfig, LineEventOut, Output, RingPattern, Signal, State, Tone, Vmwi,
};

use super::vmwi::Script;
use super::{LegEvent, LegId, LegIds, Party};
use call::Slots;

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
}

/// One FXS port.
#[derive(Debug)]
pub struct FxsPort {
    name: String,
    line: Line,
    locale: &'static Locale,
    generator: Option<ToneGenerator>,
    script: Option<Script>,
    /// Tells the telephone in conversation who else calls, after so many ticks of call-waiting tone.
    second_caller: Option<(u32, OffHookPlayer)>,
    actions: VecDeque<LineAction>,
    mwi: PortMwi,
    waiting: bool,
    slots: Slots,
    events: VecDeque<(LegId, LegEvent)>,
    station: Party,
    /// How long the next call's first burst waits for its place in the ringer budget.
    ring_delay: Duration,
    /// `ring cadence`, where the country's is not wanted.
    cadence: Option<RingPattern>,
    /// `ren`.
    ren: u8,
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
            generator: None,
            script: None,
            second_caller: None,
            actions: VecDeque::new(),
            mwi: PortMwi::default(),
            waiting: false,
            slots: Slots::default(),
            events: VecDeque::new(),
            station: Party::default(),
            ring_delay: Duration::ZERO,
            cadence: None,
            ren: 1,
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
        self.locale = locale(config);
        self.mwi = port_mwi(config);
        self.station = Party {
            name: config.and_then(|c| c.station_id_name.clone()),
            ..Party::new(config.and_then(|c| c.station_id_number.clone()).unwrap_or_default())
        };
        self.ren = config.and_then(|c| c.line.ren).unwrap_or(1);
        self.cadence = config.and_then(|c| c.line.ring_cadence.as_ref()).and_then(|cadence| match cadence {
            RingCadence::Pattern(number) => RingPattern::ios((*number).into()),
            RingCadence::Define(pairs) => RingPattern::new(pairs),
        });
        let wanted = line_config(config);
        if *self.line.config() != wanted {
            self.line.set_config(now, wanted);
        }
        self.line.shutdown(now, config.is_some_and(|c| c.shutdown));
        self.indicate(now);
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
            LineEvent::OnHook => Some(false),
            _ => None,
        };
        if let (Some(script), Some(off)) = (&mut self.script, hook)
            && script.handle_hook(off, |action| self.actions.push_back(action))
        {
            return;
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
        self.line.poll_timeout()
    }

    /// What a message on its way wants done to the loop.
    pub fn poll_action(&mut self) -> Option<LineAction> {
        self.actions.pop_front()
    }

    /// The next thing to do or to know; tones are dealt with inside.
    pub fn poll(&mut self, now: Instant, ids: &mut LegIds) -> Option<FxsOutput> {
        loop {
            if let Some((leg, event)) = self.events.pop_front() {
                return Some(FxsOutput::Leg(leg, event));
            }
            return Some(FxsOutput::Action(match self.line.poll_output()? {
                Output::Tone(tone) => {
                    let kind = tone_kind(tone);
                    self.generator = kind.map(|kind| ToneGenerator::new(self.locale.tone(kind)));
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
                    self.script = Some(Script::plan(caller_id(self.locale, &caller)));
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
                    self.line_event(now, event, ids);
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

    /// Sends the telephone on its hook a message that lights or darkens its lamp (`vmwi fsk`).
    pub fn send_vmwi(&mut self, on: bool) {
        self.script = Some(Script::vmwi(self.locale, on));
    }

    /// Whether the port needs audio every 20 ms.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.line.is_off_hook() || self.script.is_some()
    }

    /// The next 20 ms toward the telephone: `out` comes with what the far end says (silence where there is none) and goes
    /// with what the telephone hears, which is that in conversation, with the call-waiting tone in it, and else a tone.
    pub fn audio(&mut self, out: &mut [i16; TICK]) {
        if self.line.is_off_hook() || self.line.is_ring_burst() {
            if let Some(mut script) = self.script.take() {
                script.stop(|action| self.actions.push_back(action));
            }
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
            match &mut self.generator {
                Some(generator) if talking => {
                    let mut tone = [0; TICK];
                    generator.fill(&mut tone);
                    for (sample, tone) in out.iter_mut().zip(tone) {
                        *sample = sample.saturating_add(tone);
                    }
                }
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
            }
        }
    }
}

/// What is sent to a telephone that shows who calls.
fn caller_id(locale: &Locale, caller: &Caller) -> Vec<plan::Action> {
    let plan = plan::caller_id(locale, &call_setup(caller));
    if plan.before_ring.is_empty() { plan.in_pause } else { plan.before_ring }
}

fn call_setup(caller: &Caller) -> CallSetup {
    let shown = |text: &Option<String>| match text {
        _ if caller.private => Shown::Private,
        Some(text) => Shown::Known(text.clone()),
        None => Shown::Unavailable,
    };
    CallSetup { when: None, number: shown(&caller.number), name: shown(&caller.name) }
}

/// When the country sends it. Before ringing: the first burst waits as long as the longest message takes.
fn caller_id_alerting(locale: &Locale) -> CallerIdAlerting {
    if locale.caller_id.when != CidWhen::BeforeRing {
        return CallerIdAlerting::AfterRing(1);
    }
    let longest = Caller {
        number: Some("0".repeat(media::callerid::MAX_NUMBER)),
        name: Some("0".repeat(media::callerid::MAX_NAME_US)),
        private: false,
    };
    let mut script = Script::plan(caller_id(locale, &longest));
    let mut ticks = 0;
    // No message lasts 10 s.
    while !script.is_over() && ticks < 500 {
        script.fill(&mut [0; TICK], |_| {});
        ticks += 1;
    }
    CallerIdAlerting::BeforeRing(Duration::from_millis(20 * ticks))
}

/// Message waiting settings of a `voice-port`.
#[must_use]
pub fn port_mwi(config: Option<&VoicePort>) -> PortMwi {
    let visual = match config.and_then(|c| c.vmwi) {
        None => Visual::None,
        Some(cli::config::Vmwi::Fsk) => Visual::Fsk,
        Some(cli::config::Vmwi::DcVoltage) => Visual::DcVoltage,
    };
    PortMwi { enabled: config.is_some_and(|c| c.mwi), visual }
}

fn locale(config: Option<&VoicePort>) -> &'static Locale {
    config.and_then(|c| media::locale::find(&c.cptone)).unwrap_or_else(media::locale::default)
}

fn line_config(config: Option<&VoicePort>) -> LineConfig {
    let Some(config) = config else { return LineConfig::default() };
    let mut line = LineConfig::for_cptone(&config.cptone);
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    let timeouts = &config.timeouts;
    line.initial = Some(seconds(timeouts.initial)).filter(|d| !d.is_zero());
    line.interdigit = Some(seconds(timeouts.interdigit)).filter(|d| !d.is_zero());
    line.ringing = timeouts.ringing.map(seconds);
    line.call_disconnect = timeouts.call_disconnect.map(seconds);
    line.wait_release = timeouts.wait_release.map(seconds);
    line.plar = config.connection_plar.clone();
    if config.caller_id {
        line.caller_id = caller_id_alerting(locale(Some(config)));
    }
    let wires = &config.line;
    if wires.ground_start {
        line.signal = Signal::GroundStart;
    }
    if let Some((longest, shortest)) = wires.hookflash_in {
        line.hookflash_max = Duration::from_millis(longest.into());
        if let Some(shortest) = shortest {
            line.hookflash_min = Duration::from_millis(shortest.into());
        }
        line.hookflash_min = line.hookflash_min.min(line.hookflash_max);
    }
    if let Some(ms) = wires.power_denial {
        line.power_denial = Some(Duration::from_millis(ms.into())).filter(|length| !length.is_zero());
    }
    line.battery_reversal = !wires.no_battery_reversal;
    line.disconnect_ack = wires.disconnect_ack;
    line.stutter = config.mwi;
    line.vmwi = match config.vmwi {
        None => Vmwi::None,
        Some(cli::config::Vmwi::Fsk) => Vmwi::Fsk,
        Some(cli::config::Vmwi::DcVoltage) => Vmwi::DcVoltage,
    };
    line
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
