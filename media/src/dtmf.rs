//! DTMF (ITU-T Q.23): digits as tones, and a receiver to Q.24.
//!
//! ```
//! use media::dtmf::{self, DtmfDetector, DtmfEvent};
//! use media::locale;
//! use media::tone::ToneGenerator;
//!
//! let us = locale::find("us").expect("the default locale exists");
//! let spec = dtmf::sequence("18005551212#", us.dtmf, 100, 100)?;
//! let mut audio = vec![0; spec.duration_ms().unwrap_or(0) as usize * 8];
//! ToneGenerator::new(&spec).fill(&mut audio);
//!
//! let mut detector = DtmfDetector::default();
//! let mut heard = String::new();
//! detector.feed(&audio, |event| {
//!     if let DtmfEvent::Start { digit, .. } = event {
//!         heard.push(digit);
//!     }
//! });
//! assert_eq!(heard, "18005551212#");
//! # Ok::<(), media::dtmf::DtmfError>(())
//! ```

mod clamp;
mod detector;

pub use clamp::DtmfClamp;
pub use detector::{DtmfConfig, DtmfDetector, DtmfEvent};

use crate::locale::DtmfLevels;
use crate::tone::{Component, MAX_STEPS, ToneError, ToneSpec, ToneStep};

/// Frequencies of the low group, Hz; one per row of the keypad.
pub const LOW_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// Frequencies of the high group, Hz; one per column of the keypad.
pub const HIGH_HZ: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// The keypad, row by row.
pub const KEYPAD: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Why digits cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum DtmfError {
    /// Not one of the sixteen.
    #[error("{found:?} is no DTMF digit, expected 0-9 * # A-D")]
    Digit {
        /// What came.
        found: char,
    },
    /// Level or length out of range, or more than [`MAX_STEPS`] digits.
    #[error(transparent)]
    Tone(#[from] ToneError),
}

/// The digits that begin in a recording, as a receiver with the default settings hears them.
///
/// ```
/// use media::{dtmf, locale, tone::ToneGenerator};
///
/// let mut audio = vec![0; 8000];
/// ToneGenerator::new(&dtmf::sequence("42#", locale::default().dtmf, 100, 100)?).fill(&mut audio);
/// assert_eq!(dtmf::digits_in(&audio), "42#");
/// # Ok::<(), dtmf::DtmfError>(())
/// ```
#[must_use]
pub fn digits_in(samples: &[i16]) -> String {
    let mut digits = String::new();
    DtmfDetector::default().feed(samples, |event| {
        if let DtmfEvent::Start { digit, .. } = event {
            digits.push(digit);
        }
    });
    digits
}

/// Low and high frequency of a digit in Hz (`A` to `D` in either case); `None` if it is none.
///
/// ```
/// assert_eq!(media::dtmf::frequencies('5'), Some((770.0, 1336.0)));
/// ```
#[must_use]
pub fn frequencies(digit: char) -> Option<(f64, f64)> {
    let digit = digit.to_ascii_uppercase();
    KEYPAD.iter().zip(LOW_HZ).find_map(|(row, low)| {
        row.iter().zip(HIGH_HZ).find_map(|(&d, high)| (d == digit).then_some((low, high)))
    })
}

/// One digit as a step of a tone: `on_ms` of both frequencies, then `off_ms` of silence.
///
/// # Errors
/// [`DtmfError`].
pub fn digit(digit: char, levels: DtmfLevels, on_ms: u32, off_ms: u32) -> Result<ToneStep, DtmfError> {
    Ok(ToneStep::burst(mix(digit, levels)?, on_ms, off_ms)?)
}

/// One digit for as long as a key is held.
///
/// # Errors
/// [`DtmfError`].
pub fn held(digit: char, levels: DtmfLevels) -> Result<ToneSpec, DtmfError> {
    Ok(ToneSpec::new(Vec::new(), vec![ToneStep::steady(mix(digit, levels)?)?])?)
}

/// Up to [`MAX_STEPS`] digits, played once (`timing digit` and `timing inter-digit` give the lengths, ms).
///
/// # Errors
/// [`DtmfError`].
pub fn sequence(digits: &str, levels: DtmfLevels, on_ms: u32, off_ms: u32) -> Result<ToneSpec, DtmfError> {
    let steps = digits
        .chars()
        .take(MAX_STEPS + 1)
        .map(|d| digit(d, levels, on_ms, off_ms))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ToneSpec::new(steps, Vec::new())?)
}

fn mix(digit: char, levels: DtmfLevels) -> Result<Vec<Component>, DtmfError> {
    let (low, high) = frequencies(digit).ok_or(DtmfError::Digit { found: digit })?;
    Ok(vec![Component { hz: low, dbm0: levels.low_dbm0 }, Component { hz: high, dbm0: levels.high_dbm0 }])
}

#[cfg(test)]
pub(crate) mod tests;
