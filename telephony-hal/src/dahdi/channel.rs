//! What every open channel has: its events in order, its requests, its audio at the board's pace.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use nix::errno::Errno;

use super::DahdiError;
use super::audio::{Audio, AudioSlips};
use super::port::{Port, WatchedPort};
use super::sys::{self, Params, Request, event};
use crate::{ErrorKind, HalError as _};

/// An open channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) number: u32,
    port: Box<dyn WatchedPort>,
    /// Events that had to be fetched before reading or writing, and such as we make ourselves.
    fetched: VecDeque<i32>,
    waker: Option<Waker>,
    audio: Audio,
    removed: bool,
}

impl Channel {
    /// `unit`: octets a sample, 2 with `SETLINEAR`, 1 without.
    pub(super) fn new(number: u32, port: Box<dyn WatchedPort>, unit: usize) -> Self {
        let audio = Audio::new(unit);
        Self { number, port, fetched: VecDeque::new(), waker: None, audio, removed: false }
    }

    pub(super) fn params(&mut self) -> Result<Params, DahdiError> {
        self.port.params().map_err(|error| DahdiError::channel(self.number, "GET_PARAMS", error))
    }

    pub(super) fn set_params(&mut self, params: &Params) -> Result<(), DahdiError> {
        self.port.set_params(params).map_err(|error| DahdiError::channel(self.number, "SET_PARAMS", error))
    }

    pub(super) fn slips(&self) -> AudioSlips {
        self.audio.slips()
    }

    /// Makes a request. One that takes its time on a descriptor that does not wait is a success.
    pub(super) fn set(&mut self, request: Request, value: i32) -> Result<(), DahdiError> {
        if self.removed {
            return Err(DahdiError::Removed { channel: self.number });
        }
        match self.port.set(request, value) {
            Err(error) if is(&error, Errno::EINPROGRESS) => Ok(()),
            done => done.map_err(|error| DahdiError::channel(self.number, request.name(), error)),
        }
    }

    /// As [`set`](Self::set), where failing changes nothing for the line.
    pub(super) fn try_set(&mut self, request: Request, value: i32) {
        if let Err(error) = self.set(request, value) {
            tracing::debug!(%error, value, "DAHDI");
        }
    }

    /// Whether the board's driver knows a request. It may refuse it for now: polarity with a telephone off hook at the opening.
    pub(super) fn can(&mut self, request: Request, value: i32) -> bool {
        self.set(request, value).map_or_else(|error| error.kind() != ErrorKind::Unsupported, |()| true)
    }

    /// Puts an event behind those that wait.
    pub(super) fn tell(&mut self, event: i32) {
        self.fetched.push_back(event);
        self.wake();
    }

    /// Makes the owner poll.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The next event. [`event::REMOVED`] once, then the error.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<i32, DahdiError>> {
        loop {
            match self.next_event()? {
                event::NONE => ready!(self.poll_change(cx))?,
                event => return Poll::Ready(Ok(event)),
            }
        }
    }

    /// The next event that is there, [`event::NONE`] without any.
    pub(super) fn next_event(&mut self) -> Result<i32, DahdiError> {
        if self.removed {
            return Err(DahdiError::Removed { channel: self.number });
        }
        let event = match self.fetched.pop_front() {
            Some(event) => event,
            None => match self.port.event() {
                Err(error) if is(&error, Errno::ENODEV) => event::REMOVED,
                event => event.map_err(|error| DahdiError::channel(self.number, "GETEVENT", error))?,
            },
        };
        self.removed = event == event::REMOVED;
        Ok(event)
    }

    /// Ready when something may have happened.
    pub(super) fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DahdiError>> {
        self.waker = Some(cx.waker().clone());
        self.port.poll_change(cx).map_err(|error| DahdiError::channel(self.number, "poll", error))
    }

    /// One buffer as it is, `None` when nothing is there. Events go first.
    pub(super) fn receive(&mut self, out: &mut [u8]) -> Result<Option<usize>, DahdiError> {
        let fetched = &mut self.fetched;
        let read = after_events(&mut *self.port, fetched, &mut |port| port.read(out));
        self.done("read", read)
    }

    /// One buffer as it is; `None` when there is no room. Events go first.
    pub(super) fn send(&mut self, octets: &[u8]) -> Result<Option<usize>, DahdiError> {
        let written = after_events(&mut *self.port, &mut self.fetched, &mut |port| port.write(octets));
        self.done("write", written)
    }

    /// Octets of audio at the board's pace.
    pub(super) fn read_octets(&mut self, out: &mut [u8]) -> Result<usize, DahdiError> {
        let read = self.audio.read(Instant::now(), &mut *self.port, &mut self.fetched, out);
        Ok(self.done("read", read)?.unwrap_or(0))
    }

    /// Octets of audio at the board's pace; `silence` is what a pause sounds like.
    pub(super) fn write_octets(&mut self, octets: &[u8], silence: u8) -> Result<usize, DahdiError> {
        let written = self.audio.write(Instant::now(), &mut *self.port, &mut self.fetched, octets, silence);
        Ok(self.done("write", written)?.unwrap_or(0))
    }

    /// Linear samples at the board's pace.
    pub(super) fn read_samples(&mut self, out: &mut [i16]) -> Result<usize, DahdiError> {
        let mut octets = vec![0; out.len() * 2];
        let read = self.read_octets(&mut octets)? / 2;
        for (sample, octets) in out.iter_mut().zip(octets.as_chunks().0.iter().take(read)) {
            *sample = i16::from_ne_bytes(*octets);
        }
        Ok(read)
    }

    /// Linear samples at the board's pace.
    pub(super) fn write_samples(&mut self, samples: &[i16]) -> Result<usize, DahdiError> {
        let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
        Ok(self.write_octets(&octets, 0)? / 2)
    }

    fn done(&mut self, what: &'static str, done: io::Result<usize>) -> Result<Option<usize>, DahdiError> {
        if !self.fetched.is_empty() {
            self.wake();
        }
        match done {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(DahdiError::channel(self.number, what, error)),
        }
    }
}

/// Reads or writes; while events wait DAHDI refuses both, so they are fetched and it is tried again.
pub(super) fn after_events(
    port: &mut dyn Port,
    fetched: &mut VecDeque<i32>,
    act: &mut dyn FnMut(&mut dyn Port) -> io::Result<usize>,
) -> io::Result<usize> {
    // More than the kernel's queue holds, so that a chattering line cannot keep us here.
    for _ in 0..100 {
        match act(port) {
            Err(error) if error.raw_os_error() == Some(sys::EVENT_WAITS) => match port.event()? {
                event::NONE => {}
                event => fetched.push_back(event),
            },
            done => return done,
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

/// Whether the kernel said just this.
pub(super) fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}
