//! What only ears can tell of an exchange line: who calls, that the far end answered, that the call is over.

use cli::config::{ToneDisconnect, VoicePort};
use media::callerid::Party as Shown;
use media::callerid::receive::{CallerIdReceiver, Message};
use media::custom::{CustomKind, ToneSet};
use media::locale::{CidScheme, Locale, ToneKind};
use media::supervision::{DetectParams, ToneDetector};
use media::tone::ToneStep;
use telephony_hal::line::Caller;

use crate::leg::fxs::locale;
use crate::leg::tones::Supervision;

/// Louder than this is sound: mean square of some -40 dBm0.
const SOUND: i64 = 162 * 162;
/// Ringback that is other than its cadence for so many blocks of 20 ms has ended: 400 ms.
const DIFFERS: u32 = 20;
/// Without any ringback the far end is taken to have answered after so many blocks: 30 s.
const NO_RINGBACK: u32 = 1500;

/// What came by data or digits from the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Who calls.
    Caller(Caller),
    /// Messages wait, or no more.
    MessageWaiting(bool),
}

/// The ears of one port.
#[derive(Debug)]
pub(super) struct Ears {
    locale: &'static Locale,
    scheme: CidScheme,
    receiver: CallerIdReceiver,
    disconnect: Option<ToneDisconnect>,
    known: ToneSet,
    supervision: Supervision,
    /// Made when a call begins.
    tones: Vec<ToneDetector>,
    ringback: Option<Ringback>,
    /// Stutter dial tone, and dial tone that says that nothing waits.
    dial: Option<[ToneDetector; 2]>,
}

impl Ears {
    pub(super) fn new(config: Option<&VoicePort>) -> Self {
        let locale = locale(config);
        let scheme = locale.caller_id.scheme;
        Self {
            locale,
            scheme,
            receiver: CallerIdReceiver::new(scheme),
            disconnect: config.and_then(|config| config.line.tone_disconnect),
            known: ToneSet::new(locale),
            supervision: Supervision::default(),
            tones: Vec::new(),
            ringback: None,
            dial: None,
        }
    }

    pub(super) fn set_tones(&mut self, tones: &ToneSet) {
        self.known = tones.clone();
    }

    pub(super) fn set_supervision(&mut self, supervision: Supervision) {
        self.supervision = supervision;
    }

    pub(super) fn configure(&mut self, config: Option<&VoicePort>) {
        let new = Self::new(config);
        if new.scheme != self.scheme
            || new.disconnect != self.disconnect
            || !std::ptr::eq(new.locale, self.locale)
        {
            *self = new;
        }
    }

    /// As before any call.
    pub(super) fn reset(&mut self) {
        self.receiver.reset();
        self.tones.clear();
        self.ringback = None;
        self.dial = None;
    }

    /// The exchange is about to give dial tone. `false`: the country's two dial tones cannot be told apart here, because one of them
    /// changes its frequency, is modulated, has more than two, or sounds like both for 2 s (Malaysia).
    pub(super) fn expect_dial_tone(&mut self) -> bool {
        let (dial, stutter) = (self.known.tone(ToneKind::Dial), self.known.tone(ToneKind::Stutter));
        // Where dial tone itself has a rhythm, the two are told apart by it to 30 ms; else any burst will do, also one whose
        // beginning was not heard.
        let steady = dial.repeat().iter().all(|step| step.off_ms() == 0);
        let params = DetectParams { cadence_variation: if steady { 10 } else { 3 }, ..self.params() };
        // What sounds for as long as it takes to be sure of dial tone could be either.
        let long = stutter.repeat().iter().any(|step| step.on_ms().is_some_and(|ms| ms >= 2000));
        self.dial = match (ToneDetector::of_beginning(stutter, params), ToneDetector::new(dial, params)) {
            (Ok(stutter), Ok(dial)) if !long => Some([stutter, dial]),
            _ => None,
        };
        self.dial.is_some()
    }

    /// Dial tone is no longer listened for.
    pub(super) fn no_dial_tone(&mut self) {
        self.dial = None;
    }

    /// Whether dial tone said that messages wait, or that none do; it is not listened to any more then.
    pub(super) fn dial_tone(&mut self, samples: &[i16]) -> Option<bool> {
        let [stutter, dial] = self.dial.as_mut()?;
        let heard = [stutter.feed(samples), dial.feed(samples)];
        let waiting = heard.iter().position(|heard| *heard)? == 0;
        self.dial = None;
        Some(waiting)
    }

    /// A call of ours has been dialled; its answer is heard if `answer` says so.
    pub(super) fn begin(&mut self, answer: bool) {
        self.ringback = if answer { Ringback::new(&self.known, self.params()) } else { None };
    }

    /// What an idle or ringing exchange line says.
    pub(super) fn caller_id(&mut self, samples: &[i16]) -> Option<Heard> {
        let mut heard = None;
        self.receiver.feed(samples, |message| heard = Some(message));
        Some(match heard? {
            Message::Waiting { on, .. } => Heard::MessageWaiting(on),
            Message::Call(call) => {
                let known = |party: &Shown| match party {
                    Shown::Known(text) => Some(text.clone()),
                    _ => None,
                };
                Heard::Caller(Caller {
                    number: known(&call.number),
                    name: known(&call.name),
                    private: call.number == Shown::Private,
                    private_name: call.name == Shown::Private,
                })
            }
        })
    }

    /// Whether a tone says that the call is over; `before`: the far end has not answered yet.
    pub(super) fn disconnect(&mut self, samples: &[i16], before: bool) -> bool {
        let Some(which) = self.disconnect else { return false };
        if before && matches!(which, ToneDisconnect::MidCall | ToneDisconnect::Class(_)) {
            return false;
        }
        if self.tones.is_empty() {
            let any = [ToneKind::Busy, ToneKind::Congestion, ToneKind::Unobtainable, ToneKind::Dial];
            let kinds = match which {
                ToneDisconnect::AnyTone => &any[..],
                ToneDisconnect::Class(_) => &[],
                _ => &any[..2],
            };
            let params = self.params();
            self.tones.extend(self.supervision.detectors());
            let own = self.known.custom(CustomKind::Disconnect);
            let own = own.filter(|_| !matches!(which, ToneDisconnect::Class(_)));
            let specs = kinds.iter().map(|kind| self.known.tone(*kind)).chain(own);
            // A tone that cannot be told from speech cannot end a call.
            self.tones.extend(specs.filter_map(|spec| ToneDetector::new(spec, params).ok()));
        }
        let mut over = false;
        for tone in &mut self.tones {
            over |= tone.feed(samples);
        }
        over
    }

    /// How exact a tone must be: as the class says, else as IOS does, but of any loudness.
    fn params(&self) -> DetectParams {
        self.supervision.params.unwrap_or(DetectParams { max_power: 0, ..DetectParams::default() })
    }

    /// Whether ringback has ended: the far end has answered.
    pub(super) fn answer(&mut self, samples: &[i16]) -> bool {
        self.ringback.as_mut().is_some_and(|ringback| ringback.feed(samples))
    }
}

/// Hears the end of ringback: once its cadence is known, anything else than its next bursts and pauses is the answer.
#[derive(Debug)]
struct Ringback {
    detector: ToneDetector,
    /// The cadence in blocks of 20 ms: sound or not.
    pattern: Vec<bool>,
    /// Place in the cadence, once it is known.
    at: Option<usize>,
    differs: u32,
    blocks: u32,
}

impl Ringback {
    fn new(tones: &ToneSet, params: DetectParams) -> Option<Self> {
        let spec = tones.tone(ToneKind::Ringback);
        let detector = ToneDetector::new(spec, params).ok()?;
        let blocks = |ms: u32| (ms / 20) as usize;
        let mut pattern = Vec::new();
        for step in spec.repeat() {
            let step: &ToneStep = step;
            pattern.extend(std::iter::repeat_n(true, blocks(step.on_ms()?)));
            pattern.extend(std::iter::repeat_n(false, blocks(step.off_ms())));
        }
        pattern.iter().any(|sound| !sound).then_some(Self {
            detector,
            pattern,
            at: None,
            differs: 0,
            blocks: 0,
        })
    }

    fn feed(&mut self, samples: &[i16]) -> bool {
        self.blocks += 1;
        let Some(at) = self.at else {
            if self.detector.feed(samples) {
                // It is sure at the beginning of a burst.
                self.at = Some(1);
            }
            return self.blocks > NO_RINGBACK;
        };
        let power: i64 = samples.iter().map(|sample| i64::from(*sample).pow(2)).sum();
        let sounds = power > SOUND * samples.len() as i64;
        let expected = self.pattern.get(at % self.pattern.len().max(1)).copied().unwrap_or(false);
        self.differs = if sounds == expected { self.differs.saturating_sub(1) } else { self.differs + 1 };
        self.at = Some((at + 1) % self.pattern.len().max(1));
        self.differs >= DIFFERS
    }
}
