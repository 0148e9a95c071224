//! Middleware around any line or channel: recording, and one error type for all.

mod erased;
mod pcap;
mod record;

pub use erased::Erased;
pub use pcap::{CapturedFrame, PcapError, PcapWriter, Side, read_pcap};
pub use record::{LineWav, Record};
