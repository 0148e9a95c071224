//! Q.931 messages and information elements, as QSIG basic call (ECMA-143) and public ISDN use them.
//!
//! [`Message`] keeps every element in its place, known or not, with the shifts between codesets: what was parsed
//! emits the same octets again (the view). The typed elements read and write one element's contents (their meaning,
//! [`Repr`]):
//!
//! | element | type | | element | type |
//! |---|---|---|---|---|
//! | `00` segmented message | [`SegmentedMessage`] | | `2C` keypad facility | [`Keypad`] |
//! | `01` change status | [`ChangeStatus`] | | `34` signal | [`Signal`] |
//! | `04` bearer capability | [`Bearer`], [`BearerCapability`] | | `4C` connected number | [`Number`] |
//! | `08` cause | [`CauseDetail`], [`Cause`] | | `6C`, `70` calling, called number | [`Number`] |
//! | `14` call state | [`CallStateValue`] | | `6D`, `71`, `4D` subaddresses | [`Subaddress`] |
//! | `18` channel identification | [`ChannelId`] | | `73`, `74` original called, redirecting number | [`RedirectingNumber`] |
//! | `1C` facility | [`crate::facility::Facility`] | | `78` transit network selection | [`TransitNetwork`] |
//! | `1E` progress indicator | [`ProgressIndicator`] | | `79` restart indicator | [`RestartIndicator`] |
//! | `20` network-specific facilities | [`NetworkFacilities`] | | `7C` low layer compatibility | [`LowLayer`] |
//! | `27` notification indicator | [`Notification`] | | `7D` high layer compatibility | [`HighLayer`] |
//! | `28` display | [`Display`] | | `7E` user-user | [`UserUser`] |
//! | `29` date/time | [`DateTime`] | | `A0`, `A1`, `Bx` more data, sending complete, congestion | [`Element::single`], [`congestion_level`] |
//!
//! [`Message::faults`] compares a message with what its type must have.

mod bearer;
mod channel;
mod comprehension;
mod element;
mod message;
mod party;
#[cfg(test)]
mod tests;

pub use bearer::{Bearer, BearerCapability, HighLayer, Layer, LowLayer, RateAdaption};
pub use channel::{ChangeStatus, ChannelId, ChannelSelection, RestartIndicator};
pub use comprehension::Faults;
pub use element::{
    CallStateValue, Cause, CauseDetail, DateTime, Display, Keypad, Notification, ProgressIndicator,
    SegmentedMessage, Signal, UserUser, congestion_level,
};
pub use message::{CallReference, Element, MAINTENANCE, Message, MessageType, ParseError};
pub use party::{NetworkFacilities, Number, NumberPlan, RedirectingNumber, Subaddress, TransitNetwork};

/// The meaning of one element's contents.
///
/// ```
/// use qsig::q931::{DateTime, Message, MessageType, CallReference, Repr};
/// let stamp = DateTime { year: 26, month: 11, day: 21, hour: Some(13), minute: Some(5), second: None };
/// let connect = Message::new(CallReference::new(1, true), MessageType::CONNECT).with(stamp.element());
/// assert_eq!(connect.read::<DateTime>(), Some(stamp));
/// ```
pub trait Repr: Sized {
    /// The element's identifier in codeset 0.
    const ID: u8;

    /// Reads the contents after the length octet; `None` if they cannot be read.
    fn parse(body: &[u8]) -> Option<Self>;

    /// As an element. Values wider than their field lose the bits above it.
    fn element(&self) -> Element;
}

/// Identifiers of codeset 0 elements.
pub mod ie {
    /// Segmented message.
    pub const SEGMENTED_MESSAGE: u8 = 0x00;
    /// Change status, in North American SERVICE messages.
    pub const CHANGE_STATUS: u8 = 0x01;
    /// Bearer capability.
    pub const BEARER_CAPABILITY: u8 = 0x04;
    /// Cause.
    pub const CAUSE: u8 = 0x08;
    /// Connected address as old networks sent it.
    pub const CONNECTED_NUMBER_OLD: u8 = 0x0C;
    /// Call identity, of SUSPEND and RESUME.
    pub const CALL_IDENTITY: u8 = 0x10;
    /// Call state.
    pub const CALL_STATE: u8 = 0x14;
    /// Channel identification.
    pub const CHANNEL_ID: u8 = 0x18;
    /// Facility.
    pub const FACILITY: u8 = 0x1C;
    /// Progress indicator.
    pub const PROGRESS: u8 = 0x1E;
    /// Network-specific facilities.
    pub const NETWORK_FACILITIES: u8 = 0x20;
    /// Notification indicator.
    pub const NOTIFICATION: u8 = 0x27;
    /// Display.
    pub const DISPLAY: u8 = 0x28;
    /// Date/time.
    pub const DATE_TIME: u8 = 0x29;
    /// Keypad facility.
    pub const KEYPAD: u8 = 0x2C;
    /// Signal.
    pub const SIGNAL: u8 = 0x34;
    /// End-to-end transit delay.
    pub const TRANSIT_DELAY: u8 = 0x42;
    /// Connected number.
    pub const CONNECTED_NUMBER: u8 = 0x4C;
    /// Connected subaddress.
    pub const CONNECTED_SUBADDRESS: u8 = 0x4D;
    /// Calling party number.
    pub const CALLING_NUMBER: u8 = 0x6C;
    /// Calling party subaddress.
    pub const CALLING_SUBADDRESS: u8 = 0x6D;
    /// Called party number.
    pub const CALLED_NUMBER: u8 = 0x70;
    /// Called party subaddress.
    pub const CALLED_SUBADDRESS: u8 = 0x71;
    /// Original called number (North America).
    pub const ORIGINAL_CALLED_NUMBER: u8 = 0x73;
    /// Redirecting number.
    pub const REDIRECTING_NUMBER: u8 = 0x74;
    /// Redirection number.
    pub const REDIRECTION_NUMBER: u8 = 0x76;
    /// Transit network selection.
    pub const TRANSIT_NETWORK: u8 = 0x78;
    /// Restart indicator.
    pub const RESTART: u8 = 0x79;
    /// Low layer compatibility.
    pub const LOW_LAYER: u8 = 0x7C;
    /// High layer compatibility.
    pub const HIGH_LAYER: u8 = 0x7D;
    /// User-user.
    pub const USER_USER: u8 = 0x7E;
    /// More data (single octet).
    pub const MORE_DATA: u8 = 0xA0;
    /// Sending complete (single octet).
    pub const SENDING_COMPLETE: u8 = 0xA1;
    /// Congestion level (single octet; the level is in bits 4-1).
    pub const CONGESTION_LEVEL: u8 = 0xB0;
    /// Repeat indicator (single octet; bits 4-1 say how).
    pub const REPEAT: u8 = 0xD0;
}
