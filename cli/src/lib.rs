//! The router console: grammar, modes, configuration model, terminal sessions, and the wire between the client
//! `tipring` and the daemon.
//!
//! **The law of this crate:** sans-IO. A [`session::Session`] is fed keystrokes and asked for output and actions; a
//! [`config::Config`] is fed lines. No socket, clock, thread or file inside. Nothing typed or pasted panics, and every
//! line is acted on, kept with a reason, or refused with IOS's words and a caret.
//!
//! ```
//! use cli::config::{Config, MessageKind};
//! use cli::session::{Action, Exec, Reply, Session, SessionKind, Show};
//!
//! // Configuration text becomes typed data, and text again.
//! let parsed = Config::parse("voice-port 2/0\n mwi\n cptone gb\n!\nsip-ua\n mwi-server ipv4:192.0.2.10 unsolicited\n");
//! assert!(parsed.messages.iter().all(|m| m.kind == MessageKind::Acted));
//! let config = parsed.config;
//! assert_eq!(config.voice_ports[0].cptone, "gb");
//! assert!(config.running().contains(" mwi-server ipv4:192.0.2.10 expires 3600 port 5060 transport udp unsolicited\n"));
//! assert_eq!(Config::parse(&config.running()).config, config);
//!
//! // A terminal: keystrokes in, text and actions out.
//! let mut session = Session::new(SessionKind::Console, 80, 24);
//! session.feed(b"en\rshow sip-ua mwi\r");
//! assert_eq!(session.poll_action(), Some(Action::Exec(Exec::Show(Show::SipUaMwi))));
//! session.complete(Reply::text("MWI type: 2"));
//! let mut screen = Vec::new();
//! while let Some(output) = session.poll_output() {
//!     screen.extend(output);
//! }
//! assert_eq!(String::from_utf8_lossy(&screen), "Router>en\r\nRouter#show sip-ua mwi\r\nMWI type: 2\r\nRouter#");
//! ```
#![forbid(unsafe_code)]

pub mod check;
pub mod config;
pub mod engine;
pub mod grammar;
mod manual;
pub mod render;
pub mod secret;
pub mod session;
pub mod telnet;
pub mod wire;

pub use manual::manual;
