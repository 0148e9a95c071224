//! What goes wrong on a D channel, one item each: for `debug isdn error` and `standard`.

use std::collections::VecDeque;
use std::fmt;

use super::restart::GLOBAL;
use super::{Key, Span, Timer};
use crate::decode;
use crate::q931::{CallReference, MessageType, ParseError};

/// Something that should not have happened, and that the machines dealt with. `Display` gives a line without a line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diagnostic {
    /// A layer 3 message that is none: it was ignored.
    Unreadable {
        /// Why.
        error: ParseError,
        /// Its length in octets.
        len: usize,
    },
    /// A message for a call that does not exist.
    UnknownReference {
        /// The message.
        message: MessageType,
        /// Its call reference.
        call_reference: CallReference,
    },
    /// A message that the call's state does not allow, or whose type is unknown: it was answered with STATUS.
    Unexpected {
        /// The message.
        message: MessageType,
        /// Its call reference.
        call_reference: CallReference,
        /// The call's state, as in the call state element.
        state: u8,
    },
    /// Elements that are missing (cause 96), cannot be read (100) or are not known (99).
    Faulty {
        /// The message.
        message: MessageType,
        /// Its call reference.
        call_reference: CallReference,
        /// The cause.
        cause: u8,
        /// Identifiers of the elements.
        elements: Vec<u8>,
    },
    /// The peer did not answer in time.
    TimerExpired {
        /// Which timer.
        timer: &'static str,
        /// The call's reference in messages we send; `None`: a timer of the whole interface.
        call_reference: Option<CallReference>,
    },
    /// A message could not be given to the data link.
    Unsent,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = |reference: &CallReference| reference.value | u16::from(reference.flag) << 15;
        match self {
            Self::Unreadable { error, len } => write!(f, "message of {len} octets ignored: {error}"),
            Self::UnknownReference { message, call_reference } => {
                write!(f, "{message} for unknown callref 0x{:04X}", reference(call_reference))
            }
            Self::Unexpected { message, call_reference, state } => write!(
                f,
                "{message} callref 0x{:04X} not expected in state {}",
                reference(call_reference),
                decode::call_state(*state)
            ),
            Self::Faulty { message, call_reference, cause, elements } => {
                write!(f, "{message} callref 0x{:04X}: ", reference(call_reference))?;
                f.write_str(match cause {
                    96 => "mandatory element missing or not known:",
                    99 => "element not known:",
                    _ => "element cannot be read:",
                })?;
                elements.iter().try_for_each(|id| write!(f, " 0x{id:02X}"))
            }
            Self::TimerExpired { timer, call_reference: Some(at) } => {
                write!(f, "{timer} expired, callref 0x{:04X}", reference(at))
            }
            Self::TimerExpired { timer, call_reference: None } => write!(f, "{timer} expired"),
            Self::Unsent => f.write_str("message not sent: the data link is down, or its queue is full"),
        }
    }
}

/// Diagnostics kept for the owner; what comes when so many wait is not told.
const MAX_WAITING: usize = 256;

/// What waits for the owner, if it wants to be told.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    wanted: bool,
    waiting: VecDeque<Diagnostic>,
}

impl Diagnostics {
    /// Keeps one, if it is wanted.
    pub(super) fn note(&mut self, make: impl FnOnce() -> Diagnostic) {
        if self.wanted && self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(make());
        }
    }
}

impl Span {
    /// Whether [`Span::poll_diagnostic`] is told anything; off at first.
    pub fn set_diagnostics(&mut self, wanted: bool) {
        self.diagnostics.wanted = wanted;
        if !wanted {
            self.diagnostics.waiting.clear();
        }
    }

    /// The next thing that went wrong.
    pub fn poll_diagnostic(&mut self) -> Option<Diagnostic> {
        self.diagnostics.waiting.pop_front()
    }

    /// A timer whose expiry means that the peer was silent.
    pub(super) fn note_expiry(&mut self, key: Key, timer: Timer) {
        let Some(timer) = timer.overdue() else { return };
        let call_reference = (key != GLOBAL).then(|| key.reference());
        self.diagnostics.note(|| Diagnostic::TimerExpired { timer, call_reference });
    }
}
