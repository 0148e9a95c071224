//! Wakes for many ports at once: a port's waker notes which port it was, so that one task can own
//! hundreds of lines and still look only at those that have something to say.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Names one of the switch's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Index into the FXS ports.
    Line(usize),
    /// Index into the FXO ports.
    Office(usize),
    /// Index into the trunks.
    Trunk(usize),
}

#[derive(Debug, Default)]
struct Shared {
    ready: Vec<Port>,
    task: Option<Waker>,
}

/// The ports that woke since they were last looked at.
#[derive(Debug, Clone, Default)]
pub struct ReadySet(Arc<Mutex<Shared>>);

struct PortWaker {
    port: Port,
    set: ReadySet,
}

impl Wake for PortWaker {
    fn wake(self: Arc<Self>) {
        self.set.mark(self.port);
    }
}

impl ReadySet {
    /// The waker to poll a port's device with.
    #[must_use]
    pub fn waker(&self, port: Port) -> Waker {
        Waker::from(Arc::new(PortWaker { port, set: self.clone() }))
    }

    /// Marks a port as worth a look.
    pub fn mark(&self, port: Port) {
        let task = {
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !shared.ready.contains(&port) {
                shared.ready.push(port);
            }
            shared.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Takes the ports that woke; pending while there is none.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<Vec<Port>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.ready.is_empty() {
            shared.task = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut shared.ready))
    }
}
