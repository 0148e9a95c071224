//! The audio of calls: what is connected with what, and who carries it.
//!
//! | module | what |
//! |---|---|
//! | [`command`] | what the switch wants connected |
//! | [`plane`] | samples and packets of every end, 20 ms at a time. Sans-IO |
//! | [`rtp`] | one RTP stream: settings, and which packets are believed |
//! | `inactivity` | when the far end of a stream counts as gone |
//! | [`ports`] | UDP ports that are open ahead of their use |
//! | [`sockets`] | the sockets |
//! | [`pairs`] | analogue lines and exchange lines |
//! | [`driver`] | plane, sockets and B channels together: what the daemon turns |

pub mod command;
pub mod driver;
mod inactivity;
pub mod pairs;
pub mod plane;
pub mod ports;
pub mod rtp;
pub mod sockets;

pub use command::{DigitTiming, MediaCommand, MediaEnd};
pub use inactivity::{Criteria, Inactivity};
