//! The outside plant in memory: lines, the telephones on them, and trunks.
//!
//! Nothing here has a clock. What a telephone hears is exactly what the gateway writes; what it says is read out at the
//! gateway's pace. Only flashes and dial pulses, which are made of time, use tokio's timer (real or paused).

mod dtmf;
mod event;
mod machine;
mod phone;
mod plant;
mod server;
mod span;
mod tie;
mod trunk;
mod wire;

pub use event::{LampName, PhoneEvent, PhoneEventKind, PhoneStatus};
pub use phone::{Phone, PhoneEvents, Start};
pub use plant::{MAX_EVENTS, MAX_SPEECH, Plant, PlantError, SimLine, SimLineError};
pub use server::{MAX_CLIENTS, MAX_LINE, Server, serve};
pub use span::{BEARER_BUFFER, SimBearer, SimSpan, SimSpanError, SpanCable, span_pair};
pub use tie::{TIE_BUFFER, TieError, TieFxo, TieFxs, tie_line};
pub use trunk::{Cable, SimTrunk, SimTrunkError, TRUNK_QUEUE, trunk_pair};
pub use wire::Wire;
