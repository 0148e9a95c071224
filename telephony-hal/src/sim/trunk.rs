//! Two D channels back to back, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::{DChannel, DChannelEvent, ErrorKind, HalError, MAX_FRAME};

/// Frames that wait for a reader before the sender is told `Busy`.
pub const TRUNK_QUEUE: usize = 256;

/// What went wrong on a simulated trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimTrunkError {
    /// The other end of the cable was dropped.
    #[error("the other end of the cable is gone")]
    Closed,
    /// The caller's frame is empty or too long.
    #[error("a frame to send has {len} octets, expected 1 to {MAX_FRAME}")]
    FrameLength {
        /// Its length in octets.
        len: usize,
    },
    /// The cable is unplugged.
    #[error("layer 1 is down, expected a plugged cable")]
    LinkDown,
    /// The other end does not read.
    #[error("{TRUNK_QUEUE} frames wait to be read, expected the other end to poll")]
    QueueFull,
}

impl HalError for SimTrunkError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed => ErrorKind::Closed,
            Self::FrameLength { .. } => ErrorKind::InvalidInput,
            Self::LinkDown => ErrorKind::Alarm,
            Self::QueueFull => ErrorKind::Busy,
        }
    }
}

/// Two crossed D channels. The cable is plugged: the first event of each end is `Up`.
///
/// ```
/// use std::future::poll_fn;
/// use telephony_hal::{DChannel, DChannelEvent, sim::trunk_pair};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (mut user, mut network) = trunk_pair();
/// assert_eq!(poll_fn(|cx| user.poll_event(cx)).await, Ok(DChannelEvent::Up));
/// assert_eq!(poll_fn(|cx| network.poll_event(cx)).await, Ok(DChannelEvent::Up));
/// user.send_frame(b"sabme").unwrap();
/// user.unplug();
/// assert_eq!(poll_fn(|cx| network.poll_event(cx)).await, Ok(DChannelEvent::Down)); // frames in the cable are lost
/// # });
/// ```
pub fn trunk_pair() -> (SimTrunk, SimTrunk) {
    let cable = Cable(Arc::new(Mutex::new(Shared { plugged: true, ends: [End::default(), End::default()] })));
    (SimTrunk { cable: cable.clone(), side: 0 }, SimTrunk { cable, side: 1 })
}

/// One end of [`trunk_pair`].
#[derive(Debug)]
pub struct SimTrunk {
    cable: Cable,
    side: usize,
}

impl SimTrunk {
    /// Pulls the cable out: both ends see `Down`, frames under way are lost.
    pub fn unplug(&self) {
        self.cable.unplug();
    }

    /// Puts the cable back: both ends see `Up`.
    pub fn plug(&self) {
        self.cable.plug();
    }

    /// A handle that plugs and unplugs after the trunk itself has been given away.
    pub fn cable(&self) -> Cable {
        self.cable.clone()
    }
}

/// The cable between two [`SimTrunk`]s.
#[derive(Clone, Debug)]
pub struct Cable(Arc<Mutex<Shared>>);

impl Cable {
    /// As [`SimTrunk::unplug`].
    pub fn unplug(&self) {
        self.set(false);
    }

    /// As [`SimTrunk::plug`].
    pub fn plug(&self) {
        self.set(true);
    }

    /// Whether the cable is in.
    pub fn is_plugged(&self) -> bool {
        self.lock().plugged
    }

    fn set(&self, plugged: bool) {
        let mut shared = self.lock();
        shared.plugged = plugged;
        for end in &mut shared.ends {
            if !plugged {
                end.frames.clear();
                end.cut |= end.up;
            }
            end.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DChannel for SimTrunk {
    type Error = SimTrunkError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, SimTrunkError>> {
        let mut shared = self.cable.lock();
        let plugged = shared.plugged;
        let (end, other) = shared.sides(self.side);
        if end.cut {
            end.cut = false;
            end.up = false;
            return Poll::Ready(Ok(DChannelEvent::Down));
        }
        if plugged && !end.up && !other.gone {
            end.up = true;
            return Poll::Ready(Ok(DChannelEvent::Up));
        }
        if let Some(frame) = end.frames.pop_front() {
            return Poll::Ready(Ok(DChannelEvent::Frame(frame)));
        }
        if other.gone {
            return Poll::Ready(Err(SimTrunkError::Closed));
        }
        end.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), SimTrunkError> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(SimTrunkError::FrameLength { len: frame.len() });
        }
        let mut shared = self.cable.lock();
        let plugged = shared.plugged;
        let (end, other) = shared.sides(self.side);
        if other.gone {
            return Err(SimTrunkError::Closed);
        }
        if !plugged || !end.up || end.cut {
            return Err(SimTrunkError::LinkDown);
        }
        if other.frames.len() >= TRUNK_QUEUE {
            return Err(SimTrunkError::QueueFull);
        }
        other.frames.push_back(Bytes::copy_from_slice(frame));
        other.wake();
        Ok(())
    }
}

impl Drop for SimTrunk {
    fn drop(&mut self) {
        let mut shared = self.cable.lock();
        let (end, other) = shared.sides(self.side);
        end.gone = true;
        other.cut |= other.up;
        other.frames.clear();
        other.wake();
    }
}

#[derive(Debug)]
struct Shared {
    plugged: bool,
    ends: [End; 2],
}

impl Shared {
    /// This side and the other.
    fn sides(&mut self, side: usize) -> (&mut End, &mut End) {
        let [a, b] = &mut self.ends;
        if side == 0 { (a, b) } else { (b, a) }
    }
}

#[derive(Debug, Default)]
struct End {
    frames: VecDeque<Bytes>,
    /// `Up` was delivered and no `Down` since.
    up: bool,
    /// A `Down` is due, even if the cable is plugged again by now.
    cut: bool,
    gone: bool,
    waker: Option<Waker>,
}

impl End {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
