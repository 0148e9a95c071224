//! dialpeer
#![forbid(unsafe_code)]

pub mod pattern;
pub mod peer;

pub use pattern::{Pattern, PatternError, Progress, Rank};
pub use peer::{
    DialPeer, ForwardDigits, PeerKind, Permission, SessionProtocol, SessionTarget, SessionTransport,
};
