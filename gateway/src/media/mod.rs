//! The audio of calls: what is connected with what, and who carries it.

pub mod command;

pub use command::{MediaCommand, MediaEnd};
