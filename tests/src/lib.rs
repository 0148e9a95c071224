//! What the whole-system tests stand on: they start the real `tipringd`, put real peers around it (SIPp as the
//! voice mail, libpri as the PBX, spandsp's ears on the telephone line, tshark on the D channel) and look at
//! what comes out of the other side.
//!
//! The law: a test starts everything it needs, on ports of its own, waits with a bound, and leaves nothing
//! behind. Processes are ended by process id when their owner is dropped. Helpers panic with what they
//! expected and what came; nothing is skipped.
//!
//! ```no_run
//! use system_tests::{Tipringd, VoiceMail};
//!
//! let gateway = Tipringd::start(
//!     "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
//!      sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
//!     "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
//! );
//! let mut voice_mail = VoiceMail::udp(gateway.sip());
//! assert_eq!(voice_mail.notify("8000", true).status, 200);
//! assert!(gateway.show("show sip-ua mwi").contains("endpoint 8000 mwi status ON"));
//! ```
#![allow(clippy::panic, clippy::unwrap_used, reason = "test support: a failed expectation is a failed test")]

mod baresip;
mod bearers;
mod blast;
mod call_load;
mod capture;
mod console;
mod daemon;
mod dns;
mod events;
mod fax;
mod http;
mod kamailio;
mod lines;
mod marks;
mod paths;
mod pbx;
mod pki;
mod ports;
mod process;
mod python;
mod serial_end;
mod sip;
mod sip_phone;
mod sip_tap;
mod sip_wire;
mod sipp;
mod tone;
mod trunk;
mod tshark;
mod unified_cm;

pub use baresip::Baresip;
pub use bearers::Bearers;
pub use blast::{Blast, BlastReport};
pub use call_load::{CallAnswerer, CallReport, CallSink, CallSource, speak_rtp};
pub use console::{Console, ConsoleAnswer};
pub use daemon::{Profile, Run, Tipringd};
pub use dns::{Dns, Record};
pub use events::Events;
pub use fax::{FaxEnd, t38_description, t38_port};
pub use http::http_get;
pub use kamailio::Kamailio;
pub use lines::{Lines, Listening};
pub use marks::Marked;
pub use paths::{build_peers, peer, target_dir, workspace_root};
pub use pbx::{Pbx, Side};
pub use pki::Pki;
pub use ports::{free_port, free_ports};
pub use process::{Finished, Process, finish};
pub use python::python;
pub use serde_json::{Value, json};
pub use serial_end::SerialEnd;
pub use sip::{Answer, NotifyText, Transport, VoiceMail};
pub use sip_phone::{Said, SipPhone, write_tone};
pub use sip_tap::SipTap;
pub use sip_wire::{SipWire, sip_header};
pub use sipp::{Sipp, sipp_notify, sipp_subscribe};
pub use tone::{Cadence, Measured, Segment, Step, adsi_decode, tone_measure, tone_measure_with};
pub use trunk::Trunk;
pub use tshark::{tshark_complaints, tshark_fields};
pub use unified_cm::{TrunkCall, TrunkTransport, UnifiedCm};
