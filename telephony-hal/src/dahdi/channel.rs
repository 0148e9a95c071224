//! What every open channel has: its events in order, its requests, its audio at the board's pace.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nix::errno::Errno;

use super::DahdiError;
use super::audio::{AudioSlips, Stream};
use super::carrier::{Bearer, Carrier};
use super::events::{Events, after_events};
use super::port::WatchedPort;
use super::sys::{Params, Request, event};
use crate::{ErrorKind, HalError as _};

/// An open channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) number: u32,
    port: Box<dyn WatchedPort>,
    events: Arc<Events>,
    /// Of an analogue line.
    audio: Option<Audio>,
    removed: bool,
}

/// The linear samples of a line, which the thread of its span moves.
#[derive(Debug)]
struct Audio {
    stream: Stream,
    carrier: Arc<Carrier>,
}

impl Channel {
    /// One whose octets the owner reads and writes itself.
    pub(super) fn new(number: u32, port: Box<dyn WatchedPort>) -> Self {
        Self { number, port, events: Arc::default(), audio: None, removed: false }
    }

    /// A line whose samples `carrier` moves.
    pub(super) fn of_line(
        number: u32,
        port: Box<dyn WatchedPort>,
        carrier: Arc<Carrier>,
    ) -> Result<Self, DahdiError> {
        let mut channel = Self::new(number, port);
        channel.set(Request::Linear, 1)?;
        let failed = |error| DahdiError::channel(number, "dup", error);
        let bearer = Bearer::linear(channel.port.for_thread().map_err(failed)?, Arc::clone(&channel.events));
        channel.audio = Some(Audio { stream: Stream::new(Arc::new(bearer)), carrier });
        Ok(channel)
    }

    pub(super) fn params(&mut self) -> Result<Params, DahdiError> {
        self.port.params().map_err(|error| DahdiError::channel(self.number, "GET_PARAMS", error))
    }

    pub(super) fn set_params(&mut self, params: &Params) -> Result<(), DahdiError> {
        self.port.set_params(params).map_err(|error| DahdiError::channel(self.number, "SET_PARAMS", error))
    }

    pub(super) fn slips(&self) -> AudioSlips {
        self.audio.as_ref().map(|audio| audio.stream.bearer.slips()).unwrap_or_default()
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
        self.events.tell(event);
    }

    /// Makes the owner poll.
    pub(super) fn wake(&mut self) {
        self.events.wake();
    }

    /// The next event. [`event::REMOVED`] once, then the error.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<i32, DahdiError>> {
        loop {
            match self.next_event(cx)? {
                event::NONE => ready!(self.poll_change(cx))?,
                event => return Poll::Ready(Ok(event)),
            }
        }
    }

    /// The next event that is there, [`event::NONE`] without any.
    pub(super) fn next_event(&mut self, cx: &Context<'_>) -> Result<i32, DahdiError> {
        if self.removed {
            return Err(DahdiError::Removed { channel: self.number });
        }
        let event = match self.events.next(&mut *self.port, cx) {
            Err(error) if is(&error, Errno::ENODEV) => event::REMOVED,
            event => event.map_err(|error| DahdiError::channel(self.number, "GETEVENT", error))?,
        };
        self.removed = event == event::REMOVED;
        Ok(event)
    }

    /// Ready when something may have happened.
    pub(super) fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DahdiError>> {
        self.port.poll_change(cx).map_err(|error| DahdiError::channel(self.number, "poll", error))
    }

    /// One buffer as it is, `None` when nothing is there. Events go first.
    pub(super) fn receive(&mut self, out: &mut [u8]) -> Result<Option<usize>, DahdiError> {
        let read = after_events(&mut *self.port, &self.events, &mut |port| port.read(out));
        self.done("read", read)
    }

    /// One buffer as it is; `None` when there is no room. Events go first.
    pub(super) fn send(&mut self, octets: &[u8]) -> Result<Option<usize>, DahdiError> {
        let written = after_events(&mut *self.port, &self.events, &mut |port| port.write(octets));
        self.done("write", written)
    }

    /// Linear samples received, into the front of `out`.
    pub(super) fn read_samples(&mut self, out: &mut [i16]) -> Result<usize, DahdiError> {
        let Some(stream) = self.stream()? else { return Ok(0) };
        let mut octets = vec![0; out.len() * 2];
        let read = stream.read(&mut octets) / 2;
        for (sample, octets) in out.iter_mut().zip(octets.as_chunks().0.iter().take(read)) {
            *sample = i16::from_ne_bytes(*octets);
        }
        Ok(read)
    }

    /// Linear samples to send.
    pub(super) fn write_samples(&mut self, samples: &[i16]) -> Result<usize, DahdiError> {
        if let Some(stream) = self.stream()? {
            let octets: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
            stream.write(&octets);
        }
        Ok(samples.len())
    }

    /// The audio of a line, in the hands of its span's thread.
    fn stream(&mut self) -> Result<Option<&mut Stream>, DahdiError> {
        let Some(Audio { stream, carrier }) = &mut self.audio else { return Ok(None) };
        if self.removed || stream.bearer.is_removed() {
            return Err(DahdiError::Removed { channel: self.number });
        }
        if stream.bearer.touch() {
            stream.forget();
            carrier.carry(&stream.bearer);
        }
        Ok(Some(stream))
    }

    fn done(&self, what: &'static str, done: io::Result<usize>) -> Result<Option<usize>, DahdiError> {
        match done {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(DahdiError::channel(self.number, what, error)),
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // The thread's descriptor would keep the channel open.
        if let Some(audio) = &self.audio {
            audio.stream.bearer.close();
        }
    }
}

/// Whether the kernel said just this.
pub(super) fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}
