//! Middleware around any line, bearer or channel: tracing, faults, recording, and one error type for all.
//!
//! Wrappers nest: `Trace::new(Record::new(trunk, pcap), to_log(name))` is itself a D channel.

mod erased;
mod faulty;
mod pcap;
mod record;
mod trace;

pub use erased::{AnyBearer, AnyDChannel, AnySpan, Erased};
pub use faulty::{Faults, Faulty, FaultyError};
pub use pcap::{CapturedFrame, PcapError, PcapWriter, Side, read_pcap};
pub use record::{BearerTap, LineWav, Record};
pub use trace::{Trace, Traced, to_log};
