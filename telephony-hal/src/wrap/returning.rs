//! A D channel whose board may be pulled out and put back.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use super::AnyDChannel;
use crate::{AnyError, DChannel, DChannelEvent, ErrorKind, HalError as _};

/// How often to look whether the board is back.
const RETRY: Duration = Duration::from_millis(500);

/// A D channel that is down while its board is away, and opened anew when it is back: it is never `Closed`.
///
/// Needs a tokio runtime with time.
///
/// ```
/// use telephony_hal::{AnyError, DChannel, sim::trunk_pair, wrap::{AnyDChannel, Erased, Returning}};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (trunk, _pbx) = trunk_pair();
/// let first: AnyDChannel = Box::new(Erased(trunk));
/// let open = || Ok::<AnyDChannel, AnyError>(Box::new(Erased(trunk_pair().0)));
/// let trunk: AnyDChannel = Box::new(Returning::new(first, open));
/// # drop(trunk);
/// # });
/// ```
pub struct Returning<F> {
    channel: Option<AnyDChannel>,
    open: F,
    up: bool,
    retry: Pin<Box<Sleep>>,
}

impl<F> Returning<F> {
    /// Goes on with `first`; `open` is asked for another, twice a second, once that is `Closed`.
    pub fn new(first: AnyDChannel, open: F) -> Self {
        Self { channel: Some(first), ..Self::absent(open) }
    }

    /// The board is not there yet; `open` is asked twice a second.
    pub fn absent(open: F) -> Self {
        Self { channel: None, open, up: false, retry: Box::pin(tokio::time::sleep(RETRY)) }
    }
}

impl<F> fmt::Debug for Returning<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returning").field("there", &self.channel.is_some()).field("up", &self.up).finish()
    }
}

impl<F> Returning<F> {
    fn lose(&mut self) {
        self.channel = None;
        self.retry.as_mut().reset(tokio::time::Instant::now() + RETRY);
    }
}

impl<F: FnMut() -> Result<AnyDChannel, AnyError>> DChannel for Returning<F> {
    type Error = AnyError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, AnyError>> {
        loop {
            if let Some(channel) = &mut self.channel {
                match ready!(channel.poll_event(cx)) {
                    Err(error) if error.kind() == ErrorKind::Closed => {
                        tracing::warn!(%error, "D channel");
                        self.lose();
                        if std::mem::take(&mut self.up) {
                            return Poll::Ready(Ok(DChannelEvent::Down));
                        }
                    }
                    told => {
                        match &told {
                            Ok(DChannelEvent::Up) => self.up = true,
                            Ok(DChannelEvent::Down) => self.up = false,
                            _ => {}
                        }
                        return Poll::Ready(told);
                    }
                }
            }
            ready!(self.retry.as_mut().poll(cx));
            match (self.open)() {
                Ok(channel) => {
                    tracing::info!("D channel is back");
                    self.channel = Some(channel);
                }
                Err(error) => {
                    tracing::debug!(%error, "D channel");
                    self.lose();
                }
            }
        }
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), AnyError> {
        match &mut self.channel {
            Some(channel) => channel.send_frame(frame),
            None => Err(AnyError::new(Away)),
        }
    }
}

/// Why a frame cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("the board of the D channel is away")]
struct Away;

impl crate::HalError for Away {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Alarm
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::poll_fn;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Tells what it is told to, in order, then is closed.
    struct Scripted(std::vec::IntoIter<DChannelEvent>);

    #[derive(Debug, thiserror::Error)]
    #[error("pulled out")]
    struct Gone;
    impl crate::HalError for Gone {
        fn kind(&self) -> ErrorKind {
            ErrorKind::Closed
        }
    }

    impl DChannel for Scripted {
        type Error = AnyError;
        fn poll_event(&mut self, _: &mut Context<'_>) -> Poll<Result<DChannelEvent, AnyError>> {
            Poll::Ready(self.0.next().ok_or_else(|| AnyError::new(Gone)))
        }
        fn send_frame(&mut self, _: &[u8]) -> Result<(), AnyError> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_board_that_comes_back_is_up_again() {
        let channel = |events: Vec<DChannelEvent>| Box::new(Scripted(events.into_iter())) as AnyDChannel;
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let mut trunk = Returning::new(channel(vec![DChannelEvent::Up]), move || {
            *count.lock().unwrap() += 1;
            match *count.lock().unwrap() {
                3 => Ok(channel(vec![DChannelEvent::Up, DChannelEvent::Down])),
                _ => Err(AnyError::new(Gone)),
            }
        });
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(poll_fn(|cx| trunk.poll_event(cx)).await.unwrap());
        }
        use DChannelEvent::{Down, Up};
        // Down once for each loss, whoever noticed it.
        assert_eq!(told, [Up, Down, Up, Down]);
        assert_eq!(*asked.lock().unwrap(), 3);
        let next = poll_fn(|cx| trunk.poll_event(cx));
        assert!(tokio::time::timeout(Duration::from_secs(5), next).await.is_err());
        assert_eq!(trunk.send_frame(&[1]).unwrap_err().kind(), ErrorKind::Alarm);
    }

    #[tokio::test(start_paused = true)]
    async fn a_board_that_comes_after_the_start_is_up() {
        let mut asked = 0;
        let mut trunk = Returning::absent(move || {
            asked += 1;
            match asked {
                3.. => Ok(Box::new(Scripted(vec![DChannelEvent::Up].into_iter())) as AnyDChannel),
                _ => Err(AnyError::new(Gone)),
            }
        });
        assert_eq!(trunk.send_frame(&[1]).unwrap_err().kind(), ErrorKind::Alarm);
        assert_eq!(poll_fn(|cx| trunk.poll_event(cx)).await.unwrap(), DChannelEvent::Up);
        assert!(trunk.send_frame(&[1]).is_ok());
    }
}
