//! Q.931 messages and information elements, as QSIG basic call (ECMA-143) uses them.
//!
//! [`Message`] keeps every element in its place, known or not, with the shifts between codesets: what was parsed
//! emits the same octets again. The typed elements ([`Cause`], [`ChannelId`], [`Number`], …) read and write one
//! element's contents.

mod element;
mod message;
#[cfg(test)]
mod tests;

pub use element::{
    BearerCapability, Cause, ChannelId, ChannelSelection, Number, NumberPlan, ProgressIndicator,
    RestartIndicator, ie,
};
pub use message::{CallReference, Element, Message, MessageType, ParseError};
