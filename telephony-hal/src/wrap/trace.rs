//! Seeing what passes through a port.

use std::error::Error;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::{
    DChannel, DChannelEvent, FxoEvent, FxoLine, FxsCapabilities, FxsLine, Impedance, Lamp, LineEvent,
};

/// One thing that passed. Audio is not traced; [`Record`](super::Record) keeps it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Traced<'a> {
    /// Layer 1 came up.
    Up,
    /// Layer 1 went down.
    Down,
    /// A frame from the peer.
    Received(&'a [u8]),
    /// A frame that the backend took.
    Sent(&'a [u8]),
    /// An event of a line.
    Line(LineEvent),
    /// An event of an exchange line.
    Exchange(FxoEvent),
    /// The hook of an exchange line was set; `true` is off hook.
    Hook(bool),
    /// The ring lead of an exchange line was grounded or freed.
    RingGround(bool),
    /// Ringing voltage was set.
    Ringing(bool),
    /// Polarity was set; `true` is reversed.
    Polarity(bool),
    /// Lamp voltage was set.
    Lamp(Lamp),
    /// Loop battery was set.
    Battery(bool),
    /// The termination was set.
    Impedance(Impedance),
    /// A call failed.
    Error(&'a dyn Error),
}

/// Shows everything that passes through a D channel, a line or an exchange line to a function.
///
/// The function runs inside each call: it must be quick and must not block.
///
/// ```
/// use telephony_hal::{DChannel, sim::trunk_pair, wrap::{Trace, Traced}};
/// use std::task::{Context, Waker};
///
/// let (trunk, _other) = trunk_pair();
/// let mut seen = Vec::new();
/// let mut traced = Trace::new(trunk, |item: Traced<'_>| seen.push(format!("{item:?}")));
/// let _ = traced.poll_event(&mut Context::from_waker(Waker::noop()));
/// traced.send_frame(&[1, 127]).unwrap();
/// drop(traced);
/// assert_eq!(seen, ["Up", "Sent([1, 127])"]);
/// ```
#[derive(Clone, Debug)]
pub struct Trace<T, F> {
    inner: T,
    sink: F,
}

impl<T, F: FnMut(Traced<'_>)> Trace<T, F> {
    /// Shows to `sink` what passes through `inner`.
    pub fn new(inner: T, sink: F) -> Self {
        Self { inner, sink }
    }

    /// The traced port, for calls that are not to be traced.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The traced port.
    pub fn into_inner(self) -> T {
        self.inner
    }

    fn done<E: Error>(&mut self, result: Result<(), E>, item: Traced<'_>) -> Result<(), E> {
        match &result {
            Ok(()) => (self.sink)(item),
            Err(error) => (self.sink)(Traced::Error(error)),
        }
        result
    }
}

/// A sink for [`Trace`] that logs at level `debug` under the port's name.
pub fn to_log(port: String) -> impl FnMut(Traced<'_>) {
    move |item| tracing::debug!(%port, ?item)
}

impl<D: DChannel, F: FnMut(Traced<'_>)> DChannel for Trace<D, F> {
    type Error = D::Error;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, D::Error>> {
        let event = self.inner.poll_event(cx);
        match &event {
            Poll::Ready(Ok(DChannelEvent::Up)) => (self.sink)(Traced::Up),
            Poll::Ready(Ok(DChannelEvent::Down)) => (self.sink)(Traced::Down),
            Poll::Ready(Ok(DChannelEvent::Frame(frame))) => (self.sink)(Traced::Received(frame)),
            Poll::Ready(Err(error)) => (self.sink)(Traced::Error(error)),
            Poll::Pending => {}
        }
        event
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), D::Error> {
        let result = self.inner.send_frame(frame);
        self.done(result, Traced::Sent(frame))
    }
}

impl<L: FxsLine, F: FnMut(Traced<'_>)> FxsLine for Trace<L, F> {
    type Error = L::Error;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, L::Error>> {
        let event = self.inner.poll_event(cx);
        match &event {
            Poll::Ready(Ok(event)) => (self.sink)(Traced::Line(*event)),
            Poll::Ready(Err(error)) => (self.sink)(Traced::Error(error)),
            Poll::Pending => {}
        }
        event
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, L::Error> {
        self.inner.write_audio(samples).inspect_err(|error| (self.sink)(Traced::Error(error)))
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, L::Error> {
        self.inner.read_audio(out).inspect_err(|error| (self.sink)(Traced::Error(error)))
    }

    fn set_ringing(&mut self, on: bool) -> Result<(), L::Error> {
        let result = self.inner.set_ringing(on);
        self.done(result, Traced::Ringing(on))
    }

    fn set_polarity(&mut self, reversed: bool) -> Result<(), L::Error> {
        let result = self.inner.set_polarity(reversed);
        self.done(result, Traced::Polarity(reversed))
    }

    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), L::Error> {
        let result = self.inner.set_lamp(lamp);
        self.done(result, Traced::Lamp(lamp))
    }

    fn set_battery(&mut self, on: bool) -> Result<(), L::Error> {
        let result = self.inner.set_battery(on);
        self.done(result, Traced::Battery(on))
    }

    fn cancels_echo(&self) -> bool {
        self.inner.cancels_echo()
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), L::Error> {
        self.inner.set_echo(coverage)
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), L::Error> {
        let result = self.inner.set_impedance(impedance);
        self.done(result, Traced::Impedance(impedance))
    }

    fn set_flash(&mut self, longest: Duration) -> Result<(), L::Error> {
        self.inner.set_flash(longest)
    }

    fn capabilities(&self) -> FxsCapabilities {
        self.inner.capabilities()
    }
}

impl<L: FxoLine, F: FnMut(Traced<'_>)> FxoLine for Trace<L, F> {
    type Error = L::Error;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, L::Error>> {
        let event = self.inner.poll_event(cx);
        match &event {
            Poll::Ready(Ok(event)) => (self.sink)(Traced::Exchange(*event)),
            Poll::Ready(Err(error)) => (self.sink)(Traced::Error(error)),
            Poll::Pending => {}
        }
        event
    }

    fn set_hook(&mut self, off: bool) -> Result<(), L::Error> {
        let result = self.inner.set_hook(off);
        self.done(result, Traced::Hook(off))
    }

    fn set_ring_ground(&mut self, on: bool) -> Result<(), L::Error> {
        let result = self.inner.set_ring_ground(on);
        self.done(result, Traced::RingGround(on))
    }

    fn cancels_echo(&self) -> bool {
        self.inner.cancels_echo()
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), L::Error> {
        self.inner.set_echo(coverage)
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), L::Error> {
        let result = self.inner.set_impedance(impedance);
        self.done(result, Traced::Impedance(impedance))
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, L::Error> {
        self.inner.write_audio(samples).inspect_err(|error| (self.sink)(Traced::Error(error)))
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, L::Error> {
        self.inner.read_audio(out).inspect_err(|error| (self.sink)(Traced::Error(error)))
    }
}
