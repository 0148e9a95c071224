//! A channel's events, fetched by whoever needs them out of the way.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use super::port::Port;
use super::sys::{EVENT_WAITS, event};

/// The events of one channel, in order. While one waits in the kernel, reading and writing are refused: the thread that moves audio
/// fetches it then, and wakes the owner. Fetching and keeping are one act, so that none overtakes another.
#[derive(Debug, Default)]
pub(super) struct Events(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fetched: VecDeque<i32>,
    owner: Option<Waker>,
}

impl Events {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one of our own behind those that wait.
    pub(super) fn tell(&self, event: i32) {
        let mut state = self.state();
        state.fetched.push_back(event);
        if let Some(owner) = state.owner.take() {
            owner.wake();
        }
    }

    /// Makes the owner poll.
    pub(super) fn wake(&self) {
        if let Some(owner) = self.state().owner.take() {
            owner.wake();
        }
    }

    /// The oldest one, [`event::NONE`] without any; then the owner is woken when somebody else fetches one.
    pub(super) fn next(&self, port: &mut dyn Port, cx: &Context<'_>) -> io::Result<i32> {
        let mut state = self.state();
        if let Some(event) = state.fetched.pop_front() {
            return Ok(event);
        }
        let event = port.event()?;
        if event == event::NONE {
            state.owner = Some(cx.waker().clone());
        }
        Ok(event)
    }

    /// Takes one event out of the kernel.
    fn fetch(&self, port: &mut dyn Port) -> io::Result<()> {
        let mut state = self.state();
        match port.event()? {
            event::NONE => {}
            event => {
                state.fetched.push_back(event);
                if let Some(owner) = state.owner.take() {
                    owner.wake();
                }
            }
        }
        Ok(())
    }
}

/// Reads or writes; while events wait DAHDI refuses both, so they are fetched and it is tried again.
pub(super) fn after_events(
    port: &mut dyn Port,
    events: &Events,
    act: &mut dyn FnMut(&mut dyn Port) -> io::Result<usize>,
) -> io::Result<usize> {
    // More than the kernel's queue holds, so that a chattering line cannot keep us here.
    for _ in 0..100 {
        match act(port) {
            Err(error) if error.raw_os_error() == Some(EVENT_WAITS) => events.fetch(port)?,
            done => return done,
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}
