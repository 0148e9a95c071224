//! The ends of a call: one module a kind of port.

pub mod fxs;
pub mod pri;
pub mod vmwi;
