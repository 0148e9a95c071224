//! Contract of a D channel: whole Q.921 frames, without flags, bit stuffing and FCS.

use std::task::{Context, Poll};

use bytes::Bytes;

use crate::HalError;

/// Longest frame a D channel carries, in octets (address octet to end of information field).
///
/// Q.921's N201 default is 260; QSIG segments above that, and proprietary networks use more.
pub const MAX_FRAME: usize = 4096;

/// Something that happened on a D channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DChannelEvent {
    /// Layer 1 is up; frames can be sent. Q.921 PH-ACTIVATE indication.
    Up,
    /// Layer 1 is down; frames queued for sending are lost. Q.921 PH-DEACTIVATE indication.
    Down,
    /// A frame from the peer: 1 to [`MAX_FRAME`] octets, no FCS.
    Frame(Bytes),
}

/// One D channel.
///
/// One task owns it. It starts down; `Up` and `Down` alternate, and frames arrive only between `Up` and `Down`, in order.
/// No method blocks. Both directions go through bounded queues: an owner that does not poll makes the peer wait (or
/// lose frames, which Q.921 repairs); it never makes memory grow.
///
/// An error does not end the channel unless its kind is `Closed`. Active calls survive `Down` (Q.931 T309).
pub trait DChannel {
    /// The backend's error.
    type Error: HalError;

    /// The next event. Poll until `Pending`; a newer waker replaces the older.
    ///
    /// # Errors
    /// `Closed`: nothing will follow. `Corrupt`, `Io`: reported once, the channel recovers by itself (a `Down` follows if it
    /// had to drop layer 1).
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, Self::Error>>;

    /// Queues one frame for sending.
    ///
    /// # Errors
    /// `Alarm` when the last event was not `Up`, `Busy` when the queue is full (Q.921 will repeat), `InvalidInput` for an empty
    /// frame or one longer than [`MAX_FRAME`], `Closed`. In each case the frame is not sent.
    fn send_frame(&mut self, frame: &[u8]) -> Result<(), Self::Error>;
}

/// A pointer to a port is a port.
macro_rules! through {
    ($($pointer:ty),*) => { $(
        impl<T: DChannel + ?Sized> DChannel for $pointer {
            type Error = T::Error;
            fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, Self::Error>> {
                (**self).poll_event(cx)
            }
            fn send_frame(&mut self, frame: &[u8]) -> Result<(), Self::Error> {
                (**self).send_frame(frame)
            }
        }
    )* };
}

through!(&mut T, Box<T>);
