//! Lines, spans and channels of a voice gateway.
//!
//! * **Contracts**: [`FxsLine`] (a telephone line), [`FxoLine`] (an exchange line), [`Span`] with [`BChannel`] and
//!   [`DChannel`] (bearer and signalling channels), with [`HalError::kind`] on every error, so that generic code decides about calls without knowing the hardware.
//! * **Backends**: [`sim`], the outside plant in memory with telephones to play with (`lines.sock`), and [`socket`],
//!   a trunk over TCP or Unix sockets, and [`dahdi`], the boards of Linux.
//! * **Meaning**: [`mod@line`], the sans-IO discipline of an FXS line: tones, dialling, ringing, flash, supervision; and
//!   [`line::fxo`], that of an exchange line: ring detection, seizing, dialling out, answer and disconnect supervision.
//! * **Budget**: [`ren`], the ringer equivalence of a board shared by bells and lamps.
//! * **Middleware**: [`wrap`], around any backend: tracing, faults, recording (pcap, WAV), one error type for all.
//!
//! Not here yet: channel associated signalling.
//!
//! # Law of use
//!
//! One task owns a line or channel and makes every call on it. Nothing blocks. Backends report raw facts; meaning (debouncing,
//! flashes, dialling, tones, timeouts) is made by sans-IO machines that get the time as an argument.
//!
//! # Example
//!
//! ```
//! use std::future::poll_fn;
//! use telephony_hal::{FxsLine, LineEvent, sim::Plant};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let plant = Plant::new();
//! let mut line = plant.add_line("2/0");
//! let phone = plant.phone("2/0").unwrap();
//!
//! line.set_ringing(true).unwrap();
//! assert!(phone.status().ringing);
//! phone.off_hook().unwrap(); // ring trip
//! assert!(!phone.status().ringing);
//! assert_eq!(poll_fn(|cx| line.poll_event(cx)).await.unwrap(), LineEvent::OffHook);
//! # });
//! ```

pub mod dahdi;
mod dchannel;
mod error;
mod fxo;
mod fxs;
pub mod line;
pub mod ren;
pub mod sim;
pub mod socket;
mod span;
pub mod wav;
pub mod wrap;

pub use dchannel::{DChannel, DChannelEvent, MAX_FRAME};
pub use error::{AnyError, ErrorKind, HalError};
pub use fxo::{FxoEvent, FxoLine};
pub use fxs::{FxsCapabilities, FxsLine, Impedance, Lamp, LineEvent, SAMPLE_RATE};
pub use span::{Alarms, BChannel, Framing, LineCode, LineErrors, LineStatus, Span, SpanKind};
