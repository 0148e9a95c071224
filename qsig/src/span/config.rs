//! What a span can be told.

use std::fmt;
use std::time::Duration;

use crate::lapd::{self, Side};
use crate::mwi::MwiDialect;

/// The line a D channel belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// 2048 kbit/s: D channel in timeslot 16, B channels 1-15 and 17-31, A-law.
    #[default]
    E1,
    /// 1544 kbit/s: D channel in timeslot 24, B channels 1-23, mu-law.
    T1,
}

impl LineKind {
    /// The D channel's timeslot.
    pub fn d_channel(self) -> u8 {
        match self {
            Self::E1 => 16,
            Self::T1 => 24,
        }
    }

    /// The timeslots of the B channels, ascending.
    pub fn b_channels(self) -> impl DoubleEndedIterator<Item = u8> {
        let last = match self {
            Self::E1 => 31,
            Self::T1 => 23,
        };
        (1..=last).filter(move |&slot| slot != self.d_channel())
    }
}

/// `isdn switch-type`. `Display` gives the IOS keyword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SwitchType {
    /// QSIG (ISO).
    #[default]
    PrimaryQsig,
    /// EuroISDN (ETSI).
    PrimaryNet5,
    /// National ISDN (NI-2).
    PrimaryNi,
    /// Lucent 5ESS.
    Primary5ess,
    /// Nortel DMS-100.
    PrimaryDms100,
    /// Lucent 4ESS.
    Primary4ess,
    /// NTT, Japan.
    PrimaryNtt,
}

impl fmt::Display for SwitchType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrimaryQsig => "primary-qsig",
            Self::PrimaryNet5 => "primary-net5",
            Self::PrimaryNi => "primary-ni",
            Self::Primary5ess => "primary-5ess",
            Self::PrimaryDms100 => "primary-dms100",
            Self::Primary4ess => "primary-4ess",
            Self::PrimaryNtt => "primary-ntt",
        })
    }
}

/// Where the name of a party travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameForm {
    /// In a Facility element (ECMA-164), from either side.
    Facility,
    /// In the Display element, from the network side only.
    Display,
    /// Not at all.
    None,
}

/// In what a switch type differs from the others. Everything that depends on the switch type is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Call independent signalling connections, and with them message waiting, exist.
    pub call_independent: bool,
    /// Where names travel.
    pub names: NameForm,
    /// The network side waits for CONNECT ACKNOWLEDGE (T313), as the user side always does.
    pub network_t313: bool,
}

impl SwitchType {
    /// The differences of this switch type. Those of QSIG and EuroISDN are from their standards; the others behave as plain
    /// Q.931 without names until someone has checked them (from memory).
    pub fn dialect(self) -> Dialect {
        match self {
            Self::PrimaryQsig => {
                Dialect { call_independent: true, names: NameForm::Facility, network_t313: true }
            }
            Self::PrimaryNet5 => {
                Dialect { call_independent: false, names: NameForm::Display, network_t313: false }
            }
            Self::PrimaryNi
            | Self::Primary5ess
            | Self::PrimaryDms100
            | Self::Primary4ess
            | Self::PrimaryNtt => {
                Dialect { call_independent: false, names: NameForm::None, network_t313: false }
            }
        }
    }
}

macro_rules! timers {
    ($($(#[$doc:meta])* $field:ident, $name:literal, $default:literal ms, $meaning:literal;)*) => {
        /// The layer 3 timers: name, default and meaning stand here and nowhere else.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Timers {
            $(#[doc = $meaning] pub $field: Duration,)*
        }

        impl Default for Timers {
            fn default() -> Self {
                Self { $($field: Duration::from_millis($default),)* }
            }
        }

        impl Timers {
            /// Name, value and meaning of every timer, for `show`.
            pub fn table(&self) -> Vec<(&'static str, Duration, &'static str)> {
                vec![$(($name, self.$field, $meaning),)*]
            }
        }
    };
}

timers! {
    t301, "T301", 180000 ms, "ALERTING received, until CONNECT; then cleared with cause 19.";
    t302, "T302", 15000 ms, "Overlap receiving: silence after the last digit; then the number counts as complete.";
    t303, "T303", 4000 ms, "SETUP sent, until any answer; SETUP once more, then given up.";
    t304, "T304", 20000 ms, "Overlap sending: until CALL PROCEEDING, ALERTING or CONNECT; then cleared with cause 102.";
    t305, "T305", 30000 ms, "DISCONNECT sent, until RELEASE; then RELEASE is sent.";
    t306, "T306", 30000 ms, "DISCONNECT with tones received: RELEASE is sent after this if the owner has not cleared.";
    t308, "T308", 4000 ms, "RELEASE sent, until RELEASE COMPLETE; RELEASE once more, then the call reference is freed.";
    t309, "T309", 90000 ms, "Data link lost with active calls (90 s from memory of QSIG): then they are cleared, cause 27.";
    t310, "T310", 110000 ms, "CALL PROCEEDING received, until ALERTING or CONNECT (from memory of QSIG); then cleared, cause 102.";
    t313, "T313", 4000 ms, "CONNECT sent, until CONNECT ACKNOWLEDGE (in QSIG on both sides, from memory); then cleared, cause 102.";
    t314, "T314", 4000 ms, "SEGMENT received, until the next segment; then the message is discarded.";
    t316, "T316", 120000 ms, "RESTART sent, until RESTART ACKNOWLEDGE; RESTART once more, then given up.";
    t322, "T322", 4000 ms, "STATUS ENQUIRY sent, until STATUS; once more, then the call is cleared with cause 41.";
    answer, "answer", 30000 ms, "An incoming call or connection waits for the owner's first reaction at most so long.";
    proceeding, "proceeding", 2000 ms, "CALL PROCEEDING is sent if the application has not answered after this; below T303.";
    idle, "idle", 60000 ms, "An incoming call independent connection without operations is released after this.";
}

/// `isdn bchan-number-order`: in which order free B channels are tried for outgoing calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BchanOrder {
    /// The network side ascending, the user side descending, so that the two rarely meet.
    #[default]
    BySide,
    /// From channel 1 up.
    Ascending,
    /// From the highest down.
    Descending,
    /// The one after the channel taken last.
    RoundRobin,
}

/// What is restarted once when the data link first comes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RestartOnStart {
    /// Nothing: some exchanges do not answer RESTART.
    #[default]
    Nothing,
    /// Every B channel, one RESTART each, one after the other.
    Channels,
    /// The whole interface with one RESTART, class 7 (all interfaces).
    Interface,
}

/// Everything a span can be told. The default is an E1 in QSIG, user side, as IOS has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanConfig {
    /// Network or user side (`isdn protocol-emulate`).
    pub side: Side,
    /// E1 or T1.
    pub line: LineKind,
    /// `isdn switch-type`.
    pub switch_type: SwitchType,
    /// Layer 2 timers and limits.
    pub l2: lapd::Parameters,
    /// Layer 3 timers.
    pub l3: Timers,
    /// How message waiting is written on this trunk.
    pub mwi: MwiDialect,
    /// Whether incoming calls are offered to the owner ([`crate::Event::Call`]). False, the default: they are refused
    /// with cause 79, and only call independent connections are served.
    pub accept_calls: bool,
    /// Whether invokes in calls that want an answer are left to the owner. False, the default: they are refused as their
    /// interpretation APDU says (discard, clear with cause 29, reject).
    pub pass_services: bool,
    /// `pri-group timeslots`: bit n-1 is timeslot n. `None`: all of the line's.
    pub timeslots: Option<u32>,
    /// `isdn contiguous-bchan`: B channels of an E1 are numbered 1 to 30 without a gap at timeslot 16.
    pub contiguous_bchan: bool,
    /// `isdn bchan-number-order`.
    pub bchan_order: BchanOrder,
    /// `isdn negotiate-bchan`: the channel of an outgoing call is preferred, not exclusive.
    pub negotiate_bchan: bool,
    /// What to restart when the data link first comes up.
    pub restart_on_start: RestartOnStart,
}
