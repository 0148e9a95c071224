//! `voice class custom-cptone`: tones of one's own in place of the locale's.
//!
//! ```
//! use media::custom::{Cadence, CustomKind, ToneSet};
//! use media::locale::{self, ToneKind};
//!
//! let mut tones = ToneSet::new(locale::find("us").expect("there"));
//! let cadence = Cadence::pairs(&[(300, 300)])?;
//! tones.set(CustomKind::Busy, media::custom::tone(&[620], cadence)?);
//! assert_eq!(tones.tone(ToneKind::Busy).to_string(), "620 300/300");
//! assert_eq!(tones.tone(ToneKind::Dial).to_string(), "350+440");
//! # Ok::<(), media::custom::CustomError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use crate::locale::{Locale, ToneKind};
use crate::tone::{ToneError, ToneSpec};

/// Frequencies `frequency` takes, Hz.
pub const FREQUENCY_HZ: std::ops::RangeInclusive<u16> = 300..=3600;
/// Lengths `cadence` takes, ms.
pub const CADENCE_MS: std::ops::RangeInclusive<u32> = 50..=10_000;
/// Most on/off pairs of `cadence`.
pub const MAX_PAIRS: usize = 4;
/// Level of the whole tone, dBm0: the E.180 nominal, as for the locales.
pub const LEVEL_DBM0: f64 = -10.0;

/// The `dualtone` words of `voice class custom-cptone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CustomKind {
    /// `busy`
    Busy,
    /// `conference`
    Conference,
    /// `disconnect`
    Disconnect,
    /// `number-unobtainable`
    NumberUnobtainable,
    /// `out-of-service`
    OutOfService,
    /// `reorder`
    Reorder,
    /// `ringback`
    Ringback,
}

impl CustomKind {
    /// All of them, in the order IOS lists them.
    pub const ALL: [CustomKind; 7] = [
        CustomKind::Busy,
        CustomKind::Conference,
        CustomKind::Disconnect,
        CustomKind::NumberUnobtainable,
        CustomKind::OutOfService,
        CustomKind::Reorder,
        CustomKind::Ringback,
    ];

    /// The tone of the locale it stands in for; `None` for tones only a custom class has.
    #[must_use]
    pub fn replaces(self) -> Option<ToneKind> {
        match self {
            CustomKind::Busy => Some(ToneKind::Busy),
            CustomKind::NumberUnobtainable => Some(ToneKind::Unobtainable),
            CustomKind::Reorder => Some(ToneKind::Congestion),
            CustomKind::Ringback => Some(ToneKind::Ringback),
            CustomKind::OutOfService => Some(ToneKind::LineLockout),
            CustomKind::Conference | CustomKind::Disconnect => None,
        }
    }

    /// The word after `dualtone`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CustomKind::Busy => "busy",
            CustomKind::Conference => "conference",
            CustomKind::Disconnect => "disconnect",
            CustomKind::NumberUnobtainable => "number-unobtainable",
            CustomKind::OutOfService => "out-of-service",
            CustomKind::Reorder => "reorder",
            CustomKind::Ringback => "ringback",
        }
    }
}

impl fmt::Display for CustomKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CustomKind {
    type Err = CustomError;

    fn from_str(s: &str) -> Result<Self, CustomError> {
        Self::ALL.into_iter().find(|k| k.name() == s).ok_or(CustomError::Kind)
    }
}

/// When a custom tone sounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cadence(Vec<(u32, u32)>);

impl Cadence {
    /// `cadence continuous`.
    #[must_use]
    pub fn continuous() -> Self {
        Self(Vec::new())
    }

    /// `cadence ON OFF [ON OFF …]`, ms.
    ///
    /// # Errors
    /// [`CustomError::Pairs`], [`CustomError::Length`].
    pub fn pairs(pairs: &[(u32, u32)]) -> Result<Self, CustomError> {
        if !(1..=MAX_PAIRS).contains(&pairs.len()) {
            return Err(CustomError::Pairs { found: pairs.len() });
        }
        for &(on, off) in pairs {
            for ms in [on, off] {
                if !CADENCE_MS.contains(&ms) {
                    return Err(CustomError::Length { ms });
                }
            }
        }
        Ok(Self(pairs.to_vec()))
    }
}

/// Why a custom tone is refused.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CustomError {
    /// Not a word of `dualtone`.
    #[error(
        "expected busy, conference, disconnect, number-unobtainable, out-of-service, reorder or ringback"
    )]
    Kind,
    /// Not one or two frequencies.
    #[error("{found} frequencies, expected 1 or 2")]
    Frequencies {
        /// How many came.
        found: usize,
    },
    /// A frequency out of range.
    #[error("frequency {hz} Hz, expected 300 to 3600")]
    Frequency {
        /// What came.
        hz: u16,
    },
    /// Not one to four pairs.
    #[error("{found} on/off pairs, expected 1 to {MAX_PAIRS}")]
    Pairs {
        /// How many came.
        found: usize,
    },
    /// A length out of range.
    #[error("cadence of {ms} ms, expected 50 to 10000")]
    Length {
        /// What came.
        ms: u32,
    },
    /// What the ranges above let through and the generator refuses.
    #[error(transparent)]
    Tone(#[from] ToneError),
}

/// A tone of one or two frequencies (`frequency F1 [F2]`) with a cadence, at [`LEVEL_DBM0`].
///
/// # Errors
/// [`CustomError`].
pub fn tone(hz: &[u16], cadence: Cadence) -> Result<ToneSpec, CustomError> {
    if !(1..=2).contains(&hz.len()) {
        return Err(CustomError::Frequencies { found: hz.len() });
    }
    if let Some(&hz) = hz.iter().find(|hz| !FREQUENCY_HZ.contains(hz)) {
        return Err(CustomError::Frequency { hz });
    }
    let level = LEVEL_DBM0 - 10.0 * (hz.len() as f64).log10();
    let hz: Vec<f64> = hz.iter().map(|&f| f.into()).collect();
    Ok(ToneSpec::dual(&hz, level, &cadence.0)?)
}

/// The tones of one port: those of its locale, with those of its custom class laid over them.
#[derive(Clone, Debug)]
pub struct ToneSet {
    locale: &'static Locale,
    custom: Vec<(CustomKind, ToneSpec)>,
}

impl ToneSet {
    /// The tones of a locale alone.
    #[must_use]
    pub fn new(locale: &'static Locale) -> Self {
        Self { locale, custom: Vec::new() }
    }

    /// Lays a tone over; the newest of a kind counts.
    pub fn set(&mut self, kind: CustomKind, spec: ToneSpec) {
        self.custom.retain(|(k, _)| *k != kind);
        self.custom.push((kind, spec));
    }

    /// The locale underneath.
    #[must_use]
    pub fn locale(&self) -> &'static Locale {
        self.locale
    }

    /// What the port plays for `kind`.
    #[must_use]
    pub fn tone(&self, kind: ToneKind) -> &ToneSpec {
        let custom = self.custom.iter().find(|(k, _)| k.replaces() == Some(kind));
        custom.map_or_else(|| self.locale.tone(kind), |(_, spec)| spec)
    }

    /// A custom tone by its own word: `disconnect` and `conference` exist only so.
    #[must_use]
    pub fn custom(&self, kind: CustomKind) -> Option<&ToneSpec> {
        self.custom.iter().find(|(k, _)| *k == kind).map(|(_, spec)| spec)
    }
}

#[cfg(test)]
mod tests;
