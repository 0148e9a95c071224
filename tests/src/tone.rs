//! What a telephone hears, measured by programs that share no code with us.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::{finish, peer};

/// Output of `tone_measure`.
#[derive(Debug, Clone, Deserialize)]
pub struct Measured {
    /// Segments folded into repeats.
    pub cadence: Vec<Cadence>,
    /// Every stretch of tone.
    pub segments: Vec<Segment>,
}

/// A run of steps that repeats.
#[derive(Debug, Clone, Deserialize)]
pub struct Cadence {
    /// How often the steps were heard.
    pub repeat: u32,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One tone of a cadence and the silence after it.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    /// `350+440`, `425*25` (AM).
    pub f: String,
    /// Total level in dBm0.
    pub dbm0: f64,
    /// Length in ms.
    pub on_ms: f64,
    /// Silence after it in ms; absent when the recording ended with the tone.
    #[serde(default)]
    pub off_ms: Option<f64>,
    /// The tone sounded to the end of the recording.
    #[serde(default)]
    pub runs_to_end: bool,
}

/// One stretch of tone.
#[derive(Debug, Clone, Deserialize)]
pub struct Segment {
    /// Start in ms from the beginning of the recording.
    pub start_ms: f64,
    /// Length in ms.
    pub on_ms: f64,
    /// As in [`Step::f`].
    pub f: String,
    /// Everything else as printed.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

/// Measures the tones of an 8 kHz recording.
///
/// # Panics
/// When the program fails.
#[must_use]
#[track_caller]
pub fn tone_measure(wav: &Path) -> Measured {
    tone_measure_with(wav, &[])
}

/// The same with options of the program (`tests/peers/tone_measure/README.md`).
///
/// # Panics
/// As [`tone_measure`].
#[must_use]
#[track_caller]
pub fn tone_measure_with(wav: &Path, options: &[&str]) -> Measured {
    let mut command = Command::new(peer("tone_measure"));
    command.args(options).arg(wav);
    let run = finish(command, Duration::from_secs(30));
    assert_eq!(run.code, Some(0), "tone_measure {}: {}{}", wav.display(), run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("tone_measure: {e}\n{}", run.stdout))
}

/// Reads caller ID and VMWI frames out of an 8 kHz recording; `messages[]`, `fsk_bursts[]` and so on as
/// `tests/peers/adsi_decode/README.md` has them.
///
/// # Panics
/// When the program cannot read the file.
#[must_use]
#[track_caller]
pub fn adsi_decode(wav: &Path) -> Value {
    let mut command = Command::new(peer("adsi_decode"));
    command.arg(wav);
    let run = finish(command, Duration::from_secs(30));
    assert_ne!(run.code, Some(2), "adsi_decode {}: {}", wav.display(), run.stderr);
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("adsi_decode: {e}\n{}", run.stdout))
}

impl Segment {
    /// Level of the whole mix in dBm0.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.rest.get("level_dbm0").and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY)
    }

    /// The sines found: Hz and dBm0 of each, lowest first.
    #[must_use]
    pub fn tones(&self) -> Vec<(f64, f64)> {
        let number = |tone: &Value, key: &str| tone.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let tones = self.rest.get("tones").and_then(Value::as_array);
        tones.into_iter().flatten().map(|tone| (number(tone, "hz"), number(tone, "dbm0"))).collect()
    }
}

impl Measured {
    /// It is one tone `hz` from its first sound to its last, at `dbm0` within 1 dB where that is given. Two packets of 20 ms may
    /// be missing: on a machine that others use they come too late now and then.
    ///
    /// # Panics
    /// When it is anything else.
    #[track_caller]
    pub fn assert_one_tone(&self, hz: &str, dbm0: Option<f64>) {
        let (Some(first), Some(last)) = (self.segments.first(), self.segments.last()) else {
            panic!("silence instead of {hz} Hz: {self:?}")
        };
        let sounds: f64 = self.segments.iter().map(|segment| segment.on_ms).sum();
        let silent = last.start_ms + last.on_ms - first.start_ms - sounds;
        assert!(silent < 41.0, "{silent} ms of silence within {hz} Hz: {self:?}");
        for segment in &self.segments {
            assert_eq!(segment.f, hz, "{self:?}");
            let right = dbm0.is_none_or(|dbm0| (segment.level() - dbm0).abs() < 1.0);
            assert!(right, "{} dBm0 instead of {dbm0:?}: {self:?}", segment.level());
        }
    }

    /// True when it is one steady tone `f` from the first sound to the end, e.g. `350+440`.
    #[must_use]
    pub fn is_steady(&self, f: &str) -> bool {
        matches!(self.cadence.as_slice(), [Cadence { repeat: 1, steps }]
            if matches!(steps.as_slice(), [step] if same_tone(&step.f, f) && step.runs_to_end))
    }

    /// True when it is `count` bursts of `f`, `on` ms long with `off` ms between (5 ms of grace), then `f` steady.
    #[must_use]
    pub fn is_stutter(&self, f: &str, count: u32, on: f64, off: f64) -> bool {
        matches!(self.cadence.as_slice(), [bursts, Cadence { repeat: 1, steps: last }]
            if bursts.repeat == count
                && matches!(bursts.steps.as_slice(), [step] if step.is(f, on, off))
                && matches!(last.as_slice(), [step] if same_tone(&step.f, f) && step.runs_to_end))
    }

    /// True when the tones of `pattern` follow each other without a gap, each for `ms`, at least twice round.
    ///
    /// The decoder fits sinusoids to a stretch it takes for one tone, so a change of tone costs it up to 50 ms.
    #[must_use]
    pub fn alternates(&self, pattern: &[&str], ms: f64) -> bool {
        let Some(first) = self.segments.first() else { return false };
        let mut heard = 0;
        let mut end = first.start_ms;
        for segment in &self.segments {
            if (segment.start_ms - end).abs() > 5.0 {
                return false;
            }
            end = segment.start_ms + segment.on_ms;
            if segment.on_ms < 50.0 {
                continue;
            }
            let at = (segment.start_ms - first.start_ms) / ms;
            let expected = pattern.iter().cycle().nth(heard);
            #[allow(clippy::cast_precision_loss)]
            let late = (at - heard as f64) * ms;
            if !(-5.0..=50.0).contains(&late) || !expected.is_some_and(|f| same_tone(&segment.f, f)) {
                return false;
            }
            heard += 1;
        }
        heard >= 2 * pattern.len()
    }

    /// True when it is the steady dial tone of a country the tests know.
    ///
    /// # Panics
    /// For another country.
    #[must_use]
    #[track_caller]
    pub fn is_dial_tone(&self, locale: &str) -> bool {
        self.is_steady(dial_tone(locale))
    }

    /// True when it is the message-waiting tone of a country the tests know, heard for 3.5 s or more.
    ///
    /// # Panics
    /// For another country.
    #[must_use]
    #[track_caller]
    pub fn is_message_waiting_tone(&self, locale: &str) -> bool {
        match locale {
            "gb" => self.alternates(&["350+440", "440"], 750.0),
            "de" => self.is_steady("400+425"),
            "nl" => matches!(self.cadence.first(), Some(Cadence { repeat: 5.., steps })
                if matches!(steps.as_slice(), [step] if step.is("425", 500.0, 50.0))),
            // GR-506: ten bursts, then steady; fr and jp have no national tone and get ours
            _ => self.is_stutter(dial_tone(locale), 10, 100.0, 100.0),
        }
    }
}

/// Countries whose tones the tests know.
fn dial_tone(locale: &str) -> &'static str {
    match locale {
        "us" | "gb" => "350+440",
        "de" | "nl" => "425",
        "fr" => "440",
        "jp" => "400",
        other => panic!("the tests do not know the dial tone of {other}"),
    }
}

impl Step {
    /// True for tone `f` of `on` ms followed by `off` ms of silence, each within 5 ms.
    #[must_use]
    pub fn is(&self, f: &str, on: f64, off: f64) -> bool {
        same_tone(&self.f, f)
            && (self.on_ms - on).abs() <= 5.0
            && self.off_ms.is_some_and(|heard| (heard - off).abs() <= 5.0)
    }
}

/// Same components within 2 Hz, whatever the number of decimals printed.
fn same_tone(heard: &str, expected: &str) -> bool {
    let parts = |text: &str| -> Option<Vec<f64>> { text.split(['+', '*']).map(|p| p.parse().ok()).collect() };
    let (Some(heard), Some(expected)) = (parts(heard), parts(expected)) else { return false };
    heard.len() == expected.len() && heard.iter().zip(&expected).all(|(h, e)| (h - e).abs() <= 2.0)
}
