//! The 67 `cptone` locales of IOS: tones, ring cadence, caller-ID defaults, companding law.
//!
//! The data is `tones.toml`, checked and compiled in by the build script. Each row names its sources, its
//! standing, and where sources disagree, the decision.
//!
//! ```
//! use media::locale::{self, ToneKind};
//!
//! let gb = locale::find("GB").expect("every cptone of IOS is there");
//! assert_eq!(gb.tone(ToneKind::Ringback).to_string(), "400+450 400/200 400+450 400/2000");
//! assert_eq!(gb.ring.cadence_ms, [400, 200, 400, 2000]);
//! assert_eq!("busy".parse(), Ok(ToneKind::Busy));
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub use crate::g711::Law;
use crate::tone::{Component, Modulation, ToneSpec, ToneStep};

include!(concat!(env!("OUT_DIR"), "/tones.rs"));

/// Everything that `cptone XX` chooses.
#[derive(Debug)]
pub struct Locale {
    /// Two characters in lower case, as in `cptone`: `us`, `gb`, `c1`.
    pub code: &'static str,
    /// Name in English.
    pub name: &'static str,
    /// Whether dial, ringback, busy and congestion all have a source (none derived or assumed).
    pub full: bool,
    /// Companding law of the national network.
    pub law: Law,
    /// How the bell rings.
    pub ring: RingCadence,
    /// Where sources disagree on ringing: what was chosen, and why.
    pub ring_decision: Option<&'static str>,
    /// Level at which DTMF is sent.
    pub dtmf: DtmfLevels,
    /// How the calling number is sent unless `caller-id` says otherwise.
    pub caller_id: CallerIdDefaults,
    tones: [ToneEntry; ToneKind::ALL.len()],
}

impl Locale {
    /// The tone of that kind. Every locale has every kind; see [`ToneEntry::listed`].
    #[must_use]
    pub fn tone(&'static self, kind: ToneKind) -> &'static ToneSpec {
        &self.entry(kind).spec
    }

    /// The tone with what is known about it.
    #[must_use]
    pub fn entry(&'static self, kind: ToneKind) -> &'static ToneEntry {
        // The build script writes one entry per kind, in the order of the enumeration.
        &self.tones[kind as usize]
    }

    /// All tones in the order of [`ToneKind::ALL`].
    #[must_use]
    pub fn entries(&'static self) -> &'static [ToneEntry] {
        &self.tones
    }
}

/// The locale of a `cptone` code, in any case; `None` if IOS has no such code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Locale> {
    LOCALES.iter().find(|l| l.code.eq_ignore_ascii_case(code))
}

/// All locales, sorted by code.
#[must_use]
pub fn all() -> &'static [Locale] {
    &LOCALES
}

/// The locale of a port without `cptone`: `us`.
#[must_use]
pub fn default() -> &'static Locale {
    LOCALES.iter().find(|l| l.code == "us").unwrap_or(&LOCALES[0])
}

/// Ringing: pairs of on and off, repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingCadence {
    /// On, off, on, off … in ms; an even number of entries, each above 0.
    pub cadence_ms: &'static [u32],
    /// Frequency of the ringing current in Hz (`ring frequency`).
    pub hz: u32,
}

impl RingCadence {
    /// Length of one whole pattern in ms.
    #[must_use]
    pub fn period_ms(&self) -> u32 {
        self.cadence_ms.iter().sum()
    }
}

/// Level of each DTMF group in dBm0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DtmfLevels {
    /// 697 to 941 Hz.
    pub low_dbm0: f64,
    /// 1209 to 1633 Hz.
    pub high_dbm0: f64,
}

/// How a network announces the calling number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerIdDefaults {
    /// Modem or digits.
    pub scheme: CidScheme,
    /// Before, during or after what.
    pub when: CidWhen,
    /// What wakes the set first.
    pub alert: CidAlert,
    /// No source was found; the value is the IOS default or the usual one of the region.
    pub assumed: bool,
}

/// Physical layer of caller ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CidScheme {
    /// FSK Bell 202, mark 1200 Hz, space 2200 Hz (GR-30-CORE).
    Bell202,
    /// FSK V.23, mark 1300 Hz, space 2100 Hz (EN 300 659-1, SIN 227).
    V23,
    /// V.23 with NTT's own frame.
    NttV23,
    /// DTMF digits between a start and a stop digit.
    Dtmf {
        /// One of `A B C D # *`.
        start: char,
        /// One of `A B C D # *`.
        stop: char,
    },
}

/// Where caller ID stands in relation to ringing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CidWhen {
    /// In the pause after the first ring (Telcordia).
    AfterFirstRing,
    /// In the pause after the first ring pattern (ETSI "during ringing").
    DuringRinging,
    /// On the quiet line, before any ringing.
    BeforeRing,
}

/// What precedes caller ID sent before ringing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CidAlert {
    /// Nothing.
    None,
    /// Tip and ring exchanged.
    LineReversal,
    /// Line reversal, then NTT's calling-party alerting ring.
    LineReversalCar,
    /// A ring pulse: the bell pings (`caller-id alerting pre-ring`).
    RingPulse,
    /// The dual tone alerting signal, 2130 + 2750 Hz.
    DtAs,
    /// Line reversal, then DT-AS (BT).
    LineReversalDtAs,
}

/// A tone of a locale and what is known about it.
#[derive(Debug)]
pub struct ToneEntry {
    /// Which tone.
    pub kind: ToneKind,
    /// Whether the locale lists it; otherwise a related tone stands in by rule.
    pub listed: bool,
    /// Short form for people: `10x(350+440 100/100) | 350+440`; `f*m` is AM, `@-10` 10 dB lower.
    pub text: &'static str,
    /// How far to trust it.
    pub status: Status,
    /// Where sources disagree: what was chosen, and why.
    pub decision: Option<&'static str>,
    /// The tone itself.
    pub spec: ToneSpec,
}

/// Standing of a row of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Ascribed to a national or operator specification.
    National,
    /// In the ITU-T E.180 Supplement 2 list.
    E180,
    /// Only in an implementation's table.
    Implementation,
    /// Built by a rule of the data.
    Derived,
    /// No source; a plausible value.
    Assumed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::National => "national",
            Self::E180 => "e180",
            Self::Implementation => "impl",
            Self::Derived => "derived",
            Self::Assumed => "assumed",
        })
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal $(| $alias:literal)*),+ $(,)?) => {
        /// The call-progress tones (names of E.180 and GR-506-CORE). Display and FromStr use the data's names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ToneKind { $($(#[$doc])* $kind),+ }

        impl ToneKind {
            /// Every kind, in the order of the enumeration.
            pub const ALL: [ToneKind; [$(ToneKind::$kind),+].len()] = [$(ToneKind::$kind),+];

            /// Name in the data: `dial`, `stutter_mwi`, `call_waiting`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(ToneKind::$kind => $name),+ }
            }
        }

        impl FromStr for ToneKind {
            type Err = UnknownTone;
            fn from_str(s: &str) -> Result<Self, UnknownTone> {
                match s {
                    $($name $(| $alias)* => Ok(ToneKind::$kind),)+
                    other => Err(UnknownTone { found: other.chars().take(40).collect() }),
                }
            }
        }
    };
}

kinds! {
    /// Ready for digits.
    Dial = "dial",
    /// Ready for digits, and a message is waiting.
    Stutter = "stutter_mwi" | "stutter" | "message_waiting",
    /// Ready for digits, and a service such as forwarding is active.
    SpecialDial = "special_dial",
    /// Ready for digits during a call, after a hook flash.
    Recall = "recall",
    /// Ready for more digits after an access code.
    SecondaryDial = "secondary_dial",
    /// The called telephone is ringing.
    Ringback = "ringback",
    /// The called line is busy.
    Busy = "busy",
    /// No path to the called line (reorder, fast busy).
    Congestion = "congestion" | "reorder",
    /// The number is not in service.
    Unobtainable = "unobtainable" | "number_unobtainable",
    /// Special information tone before an announcement.
    Sit = "sit",
    /// Another call is waiting.
    CallWaiting = "call_waiting",
    /// The service request was accepted.
    Confirmation = "confirmation",
    /// The handset was left off the hook.
    Howler = "howler",
    /// The call is being set up.
    Route = "route",
    /// The line is locked out until the handset is replaced.
    LineLockout = "line_lockout",
    /// The service request was refused.
    Refusal = "refusal",
    /// A call is on hold at this line (reminder beep).
    Hold = "hold",
}

impl fmt::Display for ToneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no tone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no tone, expected one of dial, stutter_mwi, ringback, busy, congestion …")]
pub struct UnknownTone {
    found: String,
}

/// The coded special information tones of the North American plan (played once, before an announcement).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SitKind {
    /// Number changed or disconnected.
    Intercept,
    /// Code not in service.
    VacantCode,
    /// Reorder, local.
    Reorder,
    /// No circuit, local.
    NoCircuit,
    /// Reorder, between offices.
    ReorderToll,
    /// No circuit, between offices.
    NoCircuitToll,
}

/// A coded special information tone.
#[must_use]
pub fn sit(kind: SitKind) -> &'static ToneSpec {
    // The build script writes the six in the order of the enumeration.
    &SIT_CODED[kind as usize]
}

#[cfg(test)]
mod tests;
