//! Middleware around any line, bearer or channel: tracing, faults, recording, return of a pulled board, and one error type for all.
//!
//! Wrappers nest: `Trace::new(Record::new(trunk, pcap), to_log(name))` is itself a D channel.

mod erased;
mod faulty;
mod pcap;
mod record;
mod returning;
mod trace;

pub use erased::{AnyBearer, AnyDChannel, AnySpan, Erased};
pub use faulty::{Faults, Faulty, FaultyError};
pub use pcap::{CapturedFrame, PcapError, PcapWriter, Side, read_pcap};
pub use record::{BearerTap, LineWav, Record};
pub use returning::Returning;
pub use trace::{Trace, Traced, to_log};
