//! What a span can be told.

use std::collections::BTreeSet;

use super::{Dialect, NfasMember, SwitchType};
use crate::Timers;
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

    /// The highest timeslot that can carry a channel.
    pub fn timeslots(self) -> u8 {
        match self {
            Self::E1 => 31,
            Self::T1 => 24,
        }
    }

    /// The timeslots of the B channels beside a D channel, ascending.
    pub fn b_channels(self) -> impl DoubleEndedIterator<Item = u8> {
        (1..=self.timeslots()).filter(move |&slot| slot != self.d_channel())
    }
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
    /// In what this trunk differs from Q.931; `None`: as the switch type does.
    pub dialect: Option<Dialect>,
    /// Layer 2 timers and limits.
    pub l2: lapd::Parameters,
    /// Layer 3 timers.
    pub l3: Timers,
    /// How message waiting is written on this trunk.
    pub mwi: MwiDialect,
    /// Whether incoming calls are offered to the owner ([`crate::Event::Call`]). False, the default: they are refused
    /// with cause 79, and only call independent connections are served.
    pub accept_calls: bool,
    /// Operations (local values) the owner does: their invokes come as [`crate::Event::Invoked`], in calls and on call
    /// independent connections. Empty by default.
    pub services: BTreeSet<i32>,
    /// Whether other invokes that want an answer are left to the owner, who finds them in the messages and sends answers as
    /// raw Facility elements; call independent connections without message waiting are then the owner's, too. False, the
    /// default: they are refused, with an error of their own if they have one ([`crate::service::refusal_error`]), else as
    /// their interpretation APDU says (discard, clear with cause 29, reject).
    pub pass_services: bool,
    /// The same for calls alone, whose messages the owner may pass on: what nobody takes it refuses with
    /// [`crate::Span::refuse_invokes`]. It also sees what calls are cleared with ([`crate::CallEvent::Clearing`]). False by
    /// default.
    pub pass_calls: bool,
    /// Most PINXs an incoming call may have passed by its transit counter, 0..=31; above, it is refused with cause 25.
    /// `None`, the default: any number.
    pub transit_limit: Option<u8>,
    /// `pri-group timeslots`: bit n-1 is timeslot n. `None`: all of the line's.
    pub timeslots: Option<u32>,
    /// The interfaces of an NFAS group, one of which has the primary D channel and at most one its backup. Empty: the span
    /// is one interface, and `timeslots` says what it has.
    pub nfas: Vec<NfasMember>,
    /// `isdn contiguous-bchan`: B channels of an E1 are numbered 1 to 30 without a gap at timeslot 16.
    pub contiguous_bchan: bool,
    /// `isdn bchan-number-order`.
    pub bchan_order: BchanOrder,
    /// `isdn negotiate-bchan`: the channel of an outgoing call is preferred, not exclusive.
    pub negotiate_bchan: bool,
    /// What to restart when the data link first comes up.
    pub restart_on_start: RestartOnStart,
    /// Whether the peer is told in STATUS, cause 99 or 100, of optional elements that were passed over because they are not
    /// known or cannot be read. False, the default: Q.931 5.8.7 leaves it open, and some exchanges clear the call.
    pub report_faults: bool,
}

impl SpanConfig {
    /// In what this trunk differs from Q.931.
    pub fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or_else(|| self.switch_type.dialect())
    }
}
