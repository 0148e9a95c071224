//! What a simulated telephone notices, and how it looks on `lines.sock`.

use serde::Serialize;

use crate::Lamp;

/// Something a telephone noticed; one JSON line on `lines.sock`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhoneEvent {
    /// Name of the port, as in `hardware.toml`.
    pub port: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: PhoneEventKind,
}

/// The kinds of [`PhoneEvent`]; the JSON key `event` holds the name in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PhoneEventKind {
    /// What the telephone hears changed between sound and silence.
    Audio {
        /// `true`: sound begins.
        active: bool,
        /// Samples (8 kHz) heard since off hook up to this change: a clock for cadences.
        at: u64,
    },
    /// Loop battery was removed or came back.
    Battery {
        /// Whether the loop is fed.
        on: bool,
    },
    /// Everything given to `dial` or `play` has been sent.
    Dialled,
    /// The handset moved.
    Hook {
        /// `true`: off hook.
        off: bool,
    },
    /// Lamp voltage changed.
    Lamp {
        /// Whether the lamp is fed.
        on: bool,
        /// The voltage.
        lamp: LampName,
    },
    /// The gateway took the port away.
    PortDown,
    /// The gateway opened the port.
    PortUp,
    /// Battery polarity changed.
    Polarity {
        /// `true`: reversed.
        reversed: bool,
    },
    /// A recording is complete and its file can be read.
    Recorded {
        /// Path as given.
        file: String,
        /// Length in samples.
        samples: u64,
    },
    /// Ringing voltage came on: one event a burst.
    Ring,
    /// Ringing voltage went off.
    RingStop,
}

/// A [`Lamp`] as JSON spells it: `off`, `high_voltage`, `neon`, `reversal`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LampName {
    /// Ordinary battery.
    #[default]
    Off,
    /// About 90 V DC, pulsed.
    HighVoltage,
    /// 90 V AC.
    Neon,
    /// Reversed battery.
    Reversal,
}

impl From<Lamp> for LampName {
    fn from(lamp: Lamp) -> Self {
        match lamp {
            Lamp::Off => Self::Off,
            Lamp::HighVoltage => Self::HighVoltage,
            Lamp::Neon => Self::Neon,
            Lamp::Reversal => Self::Reversal,
        }
    }
}

/// State of a line and its telephone at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PhoneStatus {
    /// Name of the port.
    pub port: String,
    /// `on` or `off`.
    pub hook: &'static str,
    /// Whether the gateway has the port open.
    pub present: bool,
    /// Ringing voltage is on the line.
    pub ringing: bool,
    /// Ringing voltage at the bell in V rms; below 40 no bell sounds. All lines of a plant share one generator.
    pub ring_volts: u16,
    /// Ring bursts since the telephone was last off hook.
    pub rings: u64,
    /// Lamp voltage.
    pub lamp: LampName,
    /// `normal` or `reversed`.
    pub polarity: &'static str,
    /// Whether the loop is fed.
    pub battery: bool,
    /// What terminates the pair at the port: `600r`, `complex1`, …
    pub impedance: &'static str,
    /// Samples heard since the last off hook.
    pub heard: u64,
    /// Samples that reached the telephone while on hook (caller ID), since the port exists.
    pub heard_on_hook: u64,
    /// Whether sound is heard now.
    pub audio: bool,
    /// Samples still to be spoken or dialled.
    pub speaking: usize,
    /// File being recorded, if any.
    pub recording: Option<String>,
}
