//! One type for ports of different backends.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::{
    Alarms, AnyError, BChannel, DChannel, DChannelEvent, FxoEvent, FxoLine, FxsCapabilities, FxsLine,
    Impedance, Lamp, LineErrors, LineEvent, LineStatus, Span, SpanKind,
};

/// A line or channel whose error type is [`AnyError`], so that different backends fit behind one `Box<dyn …>`.
///
/// ```
/// use telephony_hal::{AnyError, DChannel, sim::trunk_pair, wrap::Erased};
/// let (trunk, _other) = trunk_pair();
/// let any: Box<dyn DChannel<Error = AnyError> + Send> = Box::new(Erased(trunk));
/// # drop(any);
/// ```
#[derive(Clone, Debug)]
pub struct Erased<T>(
    /// The port.
    pub T,
);

impl<T: DChannel> DChannel for Erased<T> {
    type Error = AnyError;
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, AnyError>> {
        self.0.poll_event(cx).map_err(AnyError::new)
    }
    fn send_frame(&mut self, frame: &[u8]) -> Result<(), AnyError> {
        self.0.send_frame(frame).map_err(AnyError::new)
    }
}

impl<T: BChannel> BChannel for Erased<T> {
    type Error = AnyError;
    fn write(&mut self, octets: &[u8]) -> Result<usize, AnyError> {
        self.0.write(octets).map_err(AnyError::new)
    }
    fn read(&mut self, out: &mut [u8]) -> Result<usize, AnyError> {
        self.0.read(out).map_err(AnyError::new)
    }
}

impl<T: FxoLine> FxoLine for Erased<T> {
    type Error = AnyError;
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, AnyError>> {
        self.0.poll_event(cx).map_err(AnyError::new)
    }
    fn set_hook(&mut self, off: bool) -> Result<(), AnyError> {
        self.0.set_hook(off).map_err(AnyError::new)
    }
    fn set_ring_ground(&mut self, on: bool) -> Result<(), AnyError> {
        self.0.set_ring_ground(on).map_err(AnyError::new)
    }
    fn cancels_echo(&self) -> bool {
        self.0.cancels_echo()
    }
    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), AnyError> {
        self.0.set_echo(coverage).map_err(AnyError::new)
    }
    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), AnyError> {
        self.0.set_impedance(impedance).map_err(AnyError::new)
    }
    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, AnyError> {
        self.0.write_audio(samples).map_err(AnyError::new)
    }
    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, AnyError> {
        self.0.read_audio(out).map_err(AnyError::new)
    }
}

impl<T: FxsLine> FxsLine for Erased<T> {
    type Error = AnyError;
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, AnyError>> {
        self.0.poll_event(cx).map_err(AnyError::new)
    }
    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, AnyError> {
        self.0.write_audio(samples).map_err(AnyError::new)
    }
    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, AnyError> {
        self.0.read_audio(out).map_err(AnyError::new)
    }
    fn set_ringing(&mut self, on: bool) -> Result<(), AnyError> {
        self.0.set_ringing(on).map_err(AnyError::new)
    }
    fn set_polarity(&mut self, reversed: bool) -> Result<(), AnyError> {
        self.0.set_polarity(reversed).map_err(AnyError::new)
    }
    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), AnyError> {
        self.0.set_lamp(lamp).map_err(AnyError::new)
    }
    fn set_battery(&mut self, on: bool) -> Result<(), AnyError> {
        self.0.set_battery(on).map_err(AnyError::new)
    }
    fn cancels_echo(&self) -> bool {
        self.0.cancels_echo()
    }
    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), AnyError> {
        self.0.set_echo(coverage).map_err(AnyError::new)
    }
    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), AnyError> {
        self.0.set_impedance(impedance).map_err(AnyError::new)
    }
    fn set_flash(&mut self, longest: Duration) -> Result<(), AnyError> {
        self.0.set_flash(longest).map_err(AnyError::new)
    }
    fn capabilities(&self) -> FxsCapabilities {
        self.0.capabilities()
    }
}

/// A D channel of any backend.
pub type AnyDChannel = Box<dyn DChannel<Error = AnyError> + Send>;
/// A bearer channel of any backend.
pub type AnyBearer = Box<dyn BChannel<Error = AnyError> + Send>;
/// A span of any backend.
pub type AnySpan = Box<dyn Span<Error = AnyError, D = AnyDChannel, B = AnyBearer> + Send>;

impl<T> Span for Erased<T>
where
    T: Span,
    T::D: Send + 'static,
    T::B: Send + 'static,
{
    type Error = AnyError;
    type D = AnyDChannel;
    type B = AnyBearer;

    fn kind(&self) -> SpanKind {
        self.0.kind()
    }
    fn poll_alarms(&mut self, cx: &mut Context<'_>) -> Poll<Result<Alarms, AnyError>> {
        self.0.poll_alarms(cx).map_err(AnyError::new)
    }
    fn line_errors(&mut self) -> Result<LineErrors, AnyError> {
        self.0.line_errors().map_err(AnyError::new)
    }
    fn line_status(&mut self) -> Result<Option<LineStatus>, AnyError> {
        self.0.line_status().map_err(AnyError::new)
    }
    fn open_d(&mut self) -> Result<AnyDChannel, AnyError> {
        self.0.open_d().map(|channel| Box::new(Erased(channel)) as AnyDChannel).map_err(AnyError::new)
    }
    fn open_b(&mut self, timeslot: u8) -> Result<AnyBearer, AnyError> {
        self.0.open_b(timeslot).map(|channel| Box::new(Erased(channel)) as AnyBearer).map_err(AnyError::new)
    }
}
