//! Basic call: captures of libpri replayed from both ends, two spans of ours, every timer, glare, and a storm.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod captures;
mod channels;
mod dialects;
mod elements;
mod hold;
mod nfas;
mod pair;
mod prelude;
mod readout;
mod states;
mod storm;
