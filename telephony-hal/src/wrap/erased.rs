//! One type for ports of different backends.

use std::task::{Context, Poll};

use crate::{
    AnyError, BChannel, DChannel, DChannelEvent, FxoEvent, FxoLine, FxsCapabilities, FxsLine, Impedance,
    Lamp, LineEvent,
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
    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), AnyError> {
        self.0.set_impedance(impedance).map_err(AnyError::new)
    }
    fn capabilities(&self) -> FxsCapabilities {
        self.0.capabilities()
    }
}
