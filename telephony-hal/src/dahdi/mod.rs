//! Real hardware: the channels of DAHDI, Linux's telephony boards.
//!
//! Ports are opened by the numbers that `lsdahdi` and `dahdi_scan` print. Signalling, framing and timing are the system's
//! business (`/etc/dahdi/system.conf`, `dahdi_cfg`); nothing of them is changed here, and what does not fit is refused with the
//! name of what was expected. Tones, cadences and caller ID are ours, and echo cancelling unless the owner asks the board for it: of
//! the kernel's only ringing is used.
//!
//! Audio moves at the board's clock, in blocks of 20 ms: each span has a thread for it, which the board wakes. The caller's own clock
//! may differ, and the caller may be late by up to 40 ms in sending and 140 ms in receiving without loss; what waits on either
//! side is kept within a few blocks, by leaving out or silence ([`AudioSlips`] counts it). [`set_audio_priority`] lets the threads
//! run before everything else.
//!
//! Needs DAHDI 2.11 or 3.x and read and write permission on `/dev/dahdi`.

mod audio;
mod carrier;
mod channel;
mod discover;
mod echo;
mod error;
mod events;
mod fxo;
mod fxs;
mod port;
mod ring;
mod span;
mod sys;
mod zone;

#[cfg(test)]
mod tests;

use crate::Alarms;

pub use audio::AudioSlips;
pub use carrier::set_audio_priority;
pub use discover::{FoundChannel, FoundSpan, Signalling, spans, version};
pub use error::DahdiError;
pub use fxo::DahdiFxo;
pub use fxs::DahdiFxs;
pub use span::{DahdiB, DahdiD, DahdiSpan};
