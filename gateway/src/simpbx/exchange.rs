//! The exchange without its sockets: calls, lamps, and what is said on each B channel.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::dtmf::{self, DtmfConfig, DtmfDetector, DtmfEvent};
use media::locale;
use media::tone::{ToneGenerator, ToneSpec};
use qsig::name::Name;
use qsig::q931::{Cause, Message, Number, NumberPlan, ProgressIndicator, ie};
use qsig::{
    CallDetail, CallEvent, CallId, CallRequest, Event, IndicationId, MwiAction, MwiAnswer, MwiRequest, Span,
    SpanConfig,
};

use super::Lamps;

/// Error value `invalidServedUserNr` (ECMA-242).
const INVALID_SERVED_USER: i32 = 6;
/// Numbers inside the PBX have so many digits.
const DIGITS: usize = 4;
/// A telephone rings for so long before it is answered.
const RINGS: Duration = Duration::from_secs(1);
/// An announcement lasts so long.
const ANNOUNCES: Duration = Duration::from_secs(3);
/// A caller who will be called back is hung up on after this.
const SHORT: Duration = Duration::from_secs(2);
/// Between hanging up and calling back.
const PAUSE: Duration = Duration::from_secs(1);
/// A call of a telephone of the PBX ends after this.
const LONG: Duration = Duration::from_secs(10);
/// Samples an echo may wait, 200 ms.
const MAX_ECHO: usize = 1600;
/// Digits that may wait to be dialled back.
const MAX_DIGITS: usize = 16;

/// The exchange.
#[derive(Debug)]
pub(super) struct Exchange {
    span: Span,
    lamps: Lamps,
    calls: BTreeMap<CallId, Talk>,
    /// Calls to be made: when, who, whom.
    planned: VecDeque<(Instant, String, String)>,
}

/// One call.
#[derive(Debug)]
struct Talk {
    /// The number is complete, and somebody is behind it.
    reached: bool,
    called: String,
    caller: String,
    /// What happens next, and when.
    next: Option<(Instant, Step)>,
    channel: Option<u8>,
    voice: Voice,
}

/// What happens next in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Answer,
    Clear(u8),
    ClearAndCallBack,
}

/// What is said on a channel.
#[derive(Debug, Default)]
pub(super) enum Voice {
    /// Nothing.
    #[default]
    Silent,
    /// A tone.
    Tone(Box<ToneGenerator>),
    /// What is heard.
    Echo(VecDeque<i16>),
    /// The digits that are heard.
    Digits {
        /// Hears them.
        detector: Box<DtmfDetector>,
        /// Says the present one.
        says: Box<ToneGenerator>,
        /// Wait for their turn.
        waiting: VecDeque<char>,
    },
}

impl Voice {
    fn tone(hz: f64) -> Self {
        match ToneSpec::dual(&[hz], -10.0, &[]) {
            Ok(spec) => Self::Tone(Box::new(ToneGenerator::new(&spec))),
            Err(_) => Self::Silent,
        }
    }

    fn digits() -> Self {
        Self::Digits {
            detector: Box::new(DtmfDetector::new(DtmfConfig::default())),
            says: Box::new(ToneGenerator::silence()),
            waiting: VecDeque::new(),
        }
    }

    /// Hears what came and says the next samples; `out` comes silent.
    pub(super) fn turn(&mut self, heard: &[i16], out: &mut [i16]) {
        match self {
            Self::Silent => {}
            Self::Tone(generator) => generator.fill(out),
            Self::Echo(kept) => {
                kept.extend(heard);
                let excess = kept.len().saturating_sub(MAX_ECHO);
                kept.drain(..excess);
                let ready = kept.len().min(out.len());
                for (place, sample) in out.iter_mut().zip(kept.drain(..ready)) {
                    *place = sample;
                }
            }
            Self::Digits { detector, says, waiting } => {
                detector.feed(heard, |event| {
                    if let DtmfEvent::End { digit, .. } = event
                        && waiting.len() < MAX_DIGITS
                    {
                        waiting.push_back(digit);
                    }
                });
                if says.finished()
                    && let Some(digit) = waiting.pop_front()
                    && let Ok(spec) = dtmf::sequence(&digit.to_string(), locale::default().dtmf, 100, 100)
                {
                    **says = ToneGenerator::new(&spec);
                }
                says.fill(out);
            }
        }
    }
}

impl Exchange {
    pub(super) fn new(config: SpanConfig, lamps: Lamps) -> Self {
        Self { span: Span::new(config), lamps, calls: BTreeMap::new(), planned: VecDeque::new() }
    }

    pub(super) fn handle_link(&mut self, now: Instant, up: bool) {
        self.span.handle_link(now, up);
    }

    pub(super) fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        self.span.handle_frame(now, frame);
    }

    pub(super) fn poll_frame(&mut self) -> Option<Bytes> {
        self.span.poll_frame()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let steps = self.calls.values().filter_map(|talk| talk.next.map(|(at, _)| at));
        let planned = self.planned.iter().map(|(at, ..)| *at);
        steps.chain(planned).chain(self.span.poll_timeout()).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.span.handle_timeout(now);
        let due: Vec<(CallId, Step)> = self
            .calls
            .iter_mut()
            .filter_map(|(id, talk)| talk.next.take_if(|(at, _)| *at <= now).map(|(_, step)| (*id, step)))
            .collect();
        for (id, step) in due {
            self.step(now, id, step);
        }
        while let Some((_, from, to)) = self.planned.pop_front_if(|(at, ..)| *at <= now) {
            self.call(now, &from, &to);
        }
    }

    /// Looks at what the D channel has brought.
    pub(super) fn run(&mut self, now: Instant) {
        while let Some(event) = self.span.poll_event() {
            match event {
                Event::Call { id, event } => self.call_event(now, id, event),
                Event::MwiIndication { id, request } => self.lamp(now, id, &request),
                _ => {}
            }
        }
        for (id, talk) in &mut self.calls {
            talk.channel = self.span.call(*id).and_then(|call| call.channel);
        }
    }

    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Whether a call has this channel.
    pub(super) fn uses(&self, timeslot: u8) -> bool {
        self.calls.values().any(|talk| talk.channel == Some(timeslot))
    }

    /// The channels of calls, each with its voice.
    pub(super) fn voices(&mut self) -> impl Iterator<Item = (u8, &mut Voice)> {
        self.calls.values_mut().filter_map(|talk| Some((talk.channel?, &mut talk.voice)))
    }

    /// A telephone calls.
    pub(super) fn call(&mut self, now: Instant, from: &str, to: &str) {
        let request =
            CallRequest { calling: Some(number(from)), name: Some(extension(from)), ..CallRequest::new(to) };
        match self.span.start_call(now, &request) {
            Ok(id) => {
                let talk = Talk {
                    reached: true,
                    called: to.to_owned(),
                    caller: from.to_owned(),
                    next: None,
                    channel: None,
                    voice: Voice::Silent,
                };
                self.calls.insert(id, talk);
            }
            Err(error) => tracing::debug!(%error, from, to, "simulated PBX: call"),
        }
    }

    fn call_event(&mut self, now: Instant, id: CallId, event: CallEvent) {
        match event {
            CallEvent::Incoming { message, digits, complete } => {
                let talk = Talk {
                    reached: false,
                    called: String::new(),
                    caller: calling(&message),
                    next: None,
                    channel: None,
                    voice: Voice::Silent,
                };
                self.calls.insert(id, talk);
                self.number(now, id, digits, complete, true);
            }
            CallEvent::Digits { digits, complete } => self.number(now, id, digits, complete, false),
            CallEvent::Connected(_) => {
                if let Some(talk) = self.calls.get_mut(&id) {
                    talk.voice = Voice::tone(1004.0);
                    talk.next = Some((now + LONG, Step::Clear(16)));
                }
            }
            CallEvent::Disconnected { cause, tones: true } => self.clear(now, id, cause.value),
            CallEvent::Released { .. } => {
                self.calls.remove(&id);
            }
            _ => {}
        }
    }

    /// The called number, as far as it has come.
    fn number(&mut self, now: Instant, id: CallId, digits: String, complete: bool, first: bool) {
        let Some(talk) = self.calls.get_mut(&id).filter(|talk| !talk.reached) else { return };
        if !complete && digits.len() < DIGITS {
            if first {
                self.done(id, |span| span.acknowledge_call(now, id, &CallDetail::default()));
            }
            return;
        }
        talk.reached = true;
        talk.called = digits;
        let plain = CallDetail::default();
        let ending = talk.called.get(talk.called.len().saturating_sub(2)..).unwrap_or_default();
        match ending {
            "90" => self.clear(now, id, 17),
            "91" => self.done(id, |span| span.alert_call(now, id, &plain)),
            "92" => {
                talk.voice = Voice::tone(950.0);
                talk.next = Some((now + ANNOUNCES, Step::Clear(1)));
                let inband = ProgressIndicator { coding: 0, location: 1, description: 8 };
                let tones = CallDetail { progress: vec![inband], ..CallDetail::default() };
                self.done(id, |span| {
                    span.proceed_call(now, id, &plain)?;
                    span.progress_call(now, id, &tones)
                });
            }
            "93" => self.answer(now, id, Voice::Echo(VecDeque::new()), None),
            "94" => self.answer(now, id, Voice::digits(), None),
            "95" => self.answer(now, id, Voice::Silent, Some((now + SHORT, Step::ClearAndCallBack))),
            _ => {
                talk.next = Some((now + RINGS, Step::Answer));
                self.done(id, |span| span.alert_call(now, id, &plain));
            }
        }
    }

    fn step(&mut self, now: Instant, id: CallId, step: Step) {
        match step {
            Step::Answer => self.answer(now, id, Voice::tone(1004.0), None),
            Step::Clear(cause) => self.clear(now, id, cause),
            Step::ClearAndCallBack => {
                if let Some(talk) = self.calls.get(&id).filter(|talk| !talk.caller.is_empty()) {
                    self.planned.push_back((now + PAUSE, talk.called.clone(), talk.caller.clone()));
                }
                self.clear(now, id, 16);
            }
        }
    }

    fn answer(&mut self, now: Instant, id: CallId, voice: Voice, next: Option<(Instant, Step)>) {
        let Some(talk) = self.calls.get_mut(&id) else { return };
        (talk.voice, talk.next) = (voice, next);
        let detail = CallDetail {
            connected: Some(number(&talk.called)),
            name: Some(extension(&talk.called)),
            ..CallDetail::default()
        };
        self.done(id, |span| span.answer_call(now, id, &detail));
    }

    fn clear(&mut self, now: Instant, id: CallId, cause: u8) {
        self.done(id, |span| span.clear_call(now, id, Cause::user(cause)));
    }

    /// A command that the call's state no longer allows is not needed any more.
    fn done(&mut self, id: CallId, command: impl FnOnce(&mut Span) -> Result<(), qsig::CallError>) {
        if let Err(error) = command(&mut self.span) {
            tracing::debug!(%error, ?id, "simulated PBX: call");
        }
    }

    fn lamp(&mut self, now: Instant, id: IndicationId, request: &MwiRequest) {
        let answer = match request.action {
            MwiAction::Activate | MwiAction::Deactivate => {
                let on = request.action == MwiAction::Activate;
                if self.lamps.set(request.served_user.digits(), on) {
                    MwiAnswer::Result
                } else {
                    MwiAnswer::Error(INVALID_SERVED_USER)
                }
            }
            MwiAction::Interrogate => MwiAnswer::InterrogateResult(Vec::new()),
        };
        self.span.answer_mwi(now, id, answer);
    }
}

fn calling(message: &Message) -> String {
    let number = message.get(ie::CALLING_NUMBER).and_then(|body| Number::parse(body));
    number.map(|number| number.digits).unwrap_or_default()
}

fn number(digits: &str) -> Number {
    Number { plan: NumberPlan::UNKNOWN, presentation: Some(0x80), digits: digits.to_owned() }
}

fn extension(number: &str) -> Name {
    Name::Allowed(format!("Extension {number}"))
}
