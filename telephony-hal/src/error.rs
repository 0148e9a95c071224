//! What can go wrong at the hardware boundary, in words that call control can act on.

/// Category of a hardware error, independent of the backend that reports it.
///
/// Drivers keep their own rich error types; generic code reacts to the kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Layer 1 is down or the line has no loop: try again after the next `Up` event. Calls may be kept.
    Alarm,
    /// A bounded queue is full: the operation was not done, the same call may succeed later.
    Busy,
    /// The backend is gone for good (unplugged, driver unloaded, handle replaced). Release every call on it.
    Closed,
    /// The peer or the hardware sent something that breaks the framing; the backend has recovered by itself.
    Corrupt,
    /// The caller's argument is out of the documented range; nothing was done.
    InvalidInput,
    /// The operating system refused an operation. Calls may be kept; report it.
    Io,
    /// This hardware cannot do that (see its capabilities). Nothing was done and nothing will change.
    Unsupported,
    /// None of the above.
    Other,
}

/// An error of a hardware backend.
pub trait HalError: std::error::Error + Send + Sync + 'static {
    /// The category on which generic code decides what happens to the call.
    fn kind(&self) -> ErrorKind;
}

impl HalError for std::convert::Infallible {
    fn kind(&self) -> ErrorKind {
        match *self {}
    }
}

/// Any backend's error behind one type; see [`crate::wrap::Erased`].
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct AnyError {
    kind: ErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl AnyError {
    /// Wraps `error`, keeping its kind.
    pub fn new<E: HalError>(error: E) -> Self {
        Self { kind: error.kind(), source: Box::new(error) }
    }
}

impl HalError for AnyError {
    fn kind(&self) -> ErrorKind {
        self.kind
    }
}
