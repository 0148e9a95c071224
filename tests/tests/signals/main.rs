//! Every signal a telephone line carries, rendered by us and judged by ears that share no code with us: spandsp,
//! minimodem, multimon-ng, and a sinusoid fit in C.
#![allow(clippy::unwrap_used, clippy::panic)]

mod adsi;
mod channel;
mod lamp;
mod tones;
