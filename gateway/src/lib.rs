//! `tipringd`, the voice gateway daemon: it wires the protocol crates to sockets, lines, the store and the console.
//!
//! **The law of this crate:** one owner. [`switch::Switch`] owns every line, trunk, lamp and transaction and is sans-IO;
//! [`run`] drives it from one task on one thread. Everything around them only moves octets and samples.
//!
//! The way of a NOTIFY: [`run`] takes it from the socket, the switch's SIP endpoint makes it an event,
//! [`service::trust`] says whether its sender may, [`mwi::summary`] reads it, [`switch::plan`] finds the port, the port's
//! leg ([`leg::fxs`] or [`leg::pri`]) acts, [`store`] keeps the state, and the answer leaves when both have agreed.
//!
//! ```
//! use gateway::hardware::Hardware;
//!
//! // What the daemon is started with: ports that exist, and an IOS configuration that uses them.
//! let hardware = Hardware::parse("[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n")?;
//! let parsed = cli::config::Config::parse("voice-port 2/0\n cptone GB\n mwi\n");
//! assert_eq!(hardware.fxs.len(), 1);
//! assert!(parsed.config.voice_ports.iter().any(|p| p.mwi));
//! # Ok::<(), gateway::hardware::HardwareError>(())
//! ```
#![forbid(unsafe_code)]

pub mod clock;
pub mod console;
pub mod demo;
pub mod discover;
pub mod files;
pub mod hardware;
pub mod keep;
pub mod leg;
mod listen;
mod lookup;
pub mod media;
pub mod ready;
pub mod run;
pub mod service;
pub mod simpbx;
pub mod store;
pub mod switch;
pub mod watchdog;
