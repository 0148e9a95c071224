//! What `debug isdn error`, `event` and `standard` tell of a trunk. The words of events are those of Cisco's documentation of
//! `debug isdn event` (from memory); those of errors are Tipring's.

use std::collections::VecDeque;

use qsig::CallEvent;
use qsig::q931::Cause;

/// Error or event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// Something that should not have happened.
    Error,
    /// A step of a call.
    Event,
}

/// Notes kept until the switch takes them.
const MAX_NOTES: usize = 1000;

/// The notes of a trunk, if somebody wants them.
#[derive(Debug, Default)]
pub(super) struct Notes {
    wanted: bool,
    waiting: VecDeque<(NoteKind, String)>,
}

impl Notes {
    pub(super) fn want(&mut self, wanted: bool) {
        self.wanted = wanted;
        if !wanted {
            self.waiting.clear();
        }
    }

    pub(super) fn error(&mut self, text: impl FnOnce() -> String) {
        self.push(NoteKind::Error, text);
    }

    pub(super) fn event(&mut self, text: impl FnOnce() -> String) {
        self.push(NoteKind::Event, text);
    }

    fn push(&mut self, kind: NoteKind, text: impl FnOnce() -> String) {
        if self.wanted && self.waiting.len() < MAX_NOTES {
            self.waiting.push_back((kind, text()));
        }
    }

    pub(super) fn poll(&mut self) -> Option<(NoteKind, String)> {
        self.waiting.pop_front()
    }
}

/// What an event of the D channel's call control is called.
pub(super) fn host_event(event: &CallEvent) -> Option<&'static str> {
    Some(match event {
        CallEvent::Incoming { .. } => "HOST_INCOMING_CALL",
        CallEvent::Digits { .. } => "HOST_INFORMATION",
        CallEvent::SetupAcknowledged(_) => "HOST_MORE_INFO",
        CallEvent::Proceeding(_) => "HOST_PROCEEDING",
        CallEvent::Alerting(_) => "HOST_ALERTING",
        CallEvent::Progress(_) => "HOST_PROGRESS",
        CallEvent::Connected(_) | CallEvent::ConnectAcknowledged => "HOST_CONNECT",
        CallEvent::Notify(_) => "HOST_NOTIFY",
        CallEvent::Facility(_) => "HOST_FACILITY",
        CallEvent::Held { .. } => "HOST_HOLD",
        CallEvent::Retrieved => "HOST_RETRIEVE",
        CallEvent::HoldRefused { .. } => "HOST_HOLD_REJECT",
        CallEvent::Disconnected { .. } => "HOST_DISCONNECT",
        CallEvent::Clearing(_) | CallEvent::Released { .. } => return None,
    })
}

/// The end of a call with its cause: a line that tells why.
pub(super) fn ended(call: u64, cause: Cause) -> String {
    format!("Call id 0x{call:X} ended, cause = {} - {}", cause.value, qsig::decode::cause_text(cause.value))
}
