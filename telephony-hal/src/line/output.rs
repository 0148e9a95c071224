//! What a line wants done, and what it tells the gateway.

use std::fmt;
use std::time::Duration;

use crate::{FxsLine, Lamp};

/// A tone of the locale, by its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tone {
    /// No tone: silence, or the audio of the call.
    #[default]
    None,
    /// Dial tone.
    Dial,
    /// Dial tone when messages wait.
    Stutter,
    /// Dial tone after an access code.
    SecondaryDial,
    /// Dial tone after a flash, while a call is held.
    Recall,
    /// The called telephone rings.
    Ringback,
    /// The called line is busy.
    Busy,
    /// No circuit; reorder.
    Congestion,
    /// The number does not exist.
    Unobtainable,
    /// The handset was left off its cradle.
    Howler,
    /// A second call waits. To be mixed into the conversation; every other tone replaces it.
    CallWaiting,
    /// A feature code was accepted.
    Confirmation,
}

impl Tone {
    /// All tones and their names as in `tones.toml` and in scenario files.
    pub const NAMES: [(Self, &'static str); 12] = [
        (Self::None, "none"),
        (Self::Dial, "dial"),
        (Self::Stutter, "stutter"),
        (Self::SecondaryDial, "secondary_dial"),
        (Self::Recall, "recall"),
        (Self::Ringback, "ringback"),
        (Self::Busy, "busy"),
        (Self::Congestion, "congestion"),
        (Self::Unobtainable, "unobtainable"),
        (Self::Howler, "howler"),
        (Self::CallWaiting, "call_waiting"),
        (Self::Confirmation, "confirmation"),
    ];

    /// The tone a caller hears for a Q.850 cause (1 to 127) of a call that failed or ended.
    ///
    /// 17 user busy gives busy; 1, 2, 3, 22, 28 give number unobtainable; all else, normal clearing too, congestion.
    pub fn for_cause(cause: u8) -> Self {
        match cause {
            17 => Self::Busy,
            1 | 2 | 3 | 22 | 28 => Self::Unobtainable,
            _ => Self::Congestion,
        }
    }
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(tone, _)| tone == self).map_or("?", |(_, name)| name);
        f.write_str(name)
    }
}

/// Who calls, for the telephone's display.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Number, digits.
    pub number: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// The caller withholds the number.
    pub private: bool,
    /// The caller withholds the name.
    pub private_name: bool,
}

/// A ringing cadence: bursts and pauses, repeated for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingPattern {
    steps: Vec<(Duration, Duration)>,
    delay: Duration,
}

impl RingPattern {
    /// Most burst-and-pause pairs in a pattern.
    pub const MAX_STEPS: usize = 8;

    /// A pattern of bursts and pauses in milliseconds (each taken as at least 50 ms and at most a minute). `None` for an empty pattern or one of more
    /// than [`MAX_STEPS`](Self::MAX_STEPS) pairs.
    ///
    /// ```
    /// use telephony_hal::line::RingPattern;
    /// assert!(RingPattern::new(&[(400, 200), (400, 2000)]).is_some()); // United Kingdom
    /// assert!(RingPattern::new(&[]).is_none());
    /// ```
    pub fn new(ms: &[(u32, u32)]) -> Option<Self> {
        if ms.is_empty() || ms.len() > Self::MAX_STEPS {
            return None;
        }
        let time = |ms: u32| Duration::from_millis(ms.clamp(50, 60_000).into());
        let steps = ms.iter().map(|&(on, off)| (time(on), time(off))).collect();
        Some(Self { steps, delay: Duration::ZERO })
    }

    /// The same pattern, starting later: a place in the ringer budget.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Time before the first burst.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Bursts and pauses.
    pub fn steps(&self) -> &[(Duration, Duration)] {
        &self.steps
    }

    pub(crate) fn step(&self, index: usize) -> (Duration, Duration) {
        let wrapped = index % self.steps.len().max(1);
        self.steps.get(wrapped).copied().unwrap_or((Duration::from_secs(2), Duration::from_secs(4)))
    }
}

impl Default for RingPattern {
    /// Bellcore standard ringing, 2 s on and 4 s off.
    fn default() -> Self {
        Self { steps: vec![(Duration::from_secs(2), Duration::from_secs(4))], delay: Duration::ZERO }
    }
}

/// Why a line does not ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// It is in use (and has no call waiting, or a call waits already). Q.850 cause 17.
    #[error("the line is {0}, expected idle, or in conversation with call waiting on")]
    Busy(super::State),
    /// It is shut down. Q.850 cause 27.
    #[error("the line is shut down, expected in service")]
    OutOfService,
}

/// How an incoming call is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingOutcome {
    /// The telephone rings.
    Ringing,
    /// The call-waiting tone sounds.
    Waiting,
}

/// One thing to do. Levels are told only when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Play this tone toward the telephone from now on, from its beginning; `None` stops it.
    Tone(Tone),
    /// Ringing voltage on or off.
    Ring(bool),
    /// Lamp voltage on or off.
    Lamp(bool),
    /// Polarity: `true` is reversed.
    Polarity(bool),
    /// Loop battery: `false` opens the loop.
    Battery(bool),
    /// Something for call control.
    Event(LineEventOut),
}

impl Output {
    /// Applies a level to the port; `lamp` is the voltage that [`Output::Lamp`] means there.
    ///
    /// Returns whether it was one: `false` for [`Output::Tone`] and [`Output::Event`], which are for media and call control.
    ///
    /// # Errors
    /// The port's. Of those, `Unsupported` may be ignored: the line works without reversal, open loop or lamp.
    pub fn apply<P: FxsLine>(&self, port: &mut P, lamp: Lamp) -> Result<bool, P::Error> {
        match self {
            Self::Ring(on) => port.set_ringing(*on)?,
            Self::Lamp(on) => port.set_lamp(if *on { lamp } else { Lamp::Off })?,
            Self::Polarity(reversed) => port.set_polarity(*reversed)?,
            Self::Battery(on) => port.set_battery(*on)?,
            Self::Tone(_) | Self::Event(_) => return Ok(false),
        }
        Ok(true)
    }
}

/// What call control learns from a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineEventOut {
    /// The subscriber asks for service.
    Seized,
    /// A digit (`0-9 * # A-D`): for the dial plan while collecting, for relay later.
    Digit(char),
    /// Dialling has ended; set up the call. The line waits for `remote_ringing`, `connect`, `remote_released`, …
    Dialled {
        /// What was dialled, without terminator; the number of `connection plar`.
        number: String,
        /// `false` when the interdigit timeout ended it.
        complete: bool,
    },
    /// No digit came in time; the subscriber hears congestion.
    DialTimeout,
    /// The ringing telephone was answered.
    Answered,
    /// Nobody answered in time; ringing has stopped. Q.850 cause 19.
    RingTimeout,
    /// The hook was flashed while a call exists.
    Flash,
    /// Send the caller's number and name now.
    CallerId {
        /// Who calls.
        caller: Caller,
        /// `true`: to a telephone in conversation (type II).
        off_hook: bool,
    },
    /// Send message-waiting data now: the line is idle and has been so for a while.
    MessageWaiting(bool),
    /// The line is on hook again: release the call in front of the subscriber, transfer or ring for one on hold.
    /// A call that waited rings now ([`State::Ringing`](super::State::Ringing)), unless the line was shut down.
    Released,
}
