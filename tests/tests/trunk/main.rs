//! The gateway on a Unified CM trunk: every flow of the Unified CM 6.0(1) SIP trunk guide, with a scripted Unified CM at the
//! other end. `→` in a ladder is the side that sent the first message; `*` is a session description, `+x` XML, `+t` text, `+b`
//! octets. Where the gateway answers a re-INVITE at once it sends no 100, which the captures of the guide have.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod basic;
mod digits;
mod example;
mod fax;
mod identity;
mod nodes;
mod refusals;
mod session;
mod site;
mod tls;
mod transfer;
