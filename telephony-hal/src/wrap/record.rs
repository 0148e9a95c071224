//! Recording what passes through a channel or line, without touching it.

use std::io::{Seek, Write};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::warn;

use super::PcapWriter;
use crate::wav::WavWriter;
use crate::{
    BChannel, DChannel, DChannelEvent, FxoEvent, FxoLine, FxsCapabilities, FxsLine, Impedance, Lamp,
    LineEvent,
};

/// Records a D channel into a [`PcapWriter`], a line or exchange line into a [`LineWav`], a bearer into a [`BearerTap`].
///
/// A recording that can't be written stops with a warning; the channel goes on.
///
/// ```
/// use telephony_hal::{sim::trunk_pair, wrap::{PcapWriter, Record, Side}};
/// let (trunk, _other) = trunk_pair();
/// let recorded = Record::new(trunk, PcapWriter::new(Vec::new(), Side::User).unwrap());
/// # drop(recorded);
/// ```
#[derive(Debug)]
pub struct Record<T, R> {
    inner: T,
    recorder: Option<R>,
    clock: fn() -> Duration,
}

impl<T, R> Record<T, R> {
    /// Records `inner` with the system's clock.
    pub fn new(inner: T, recorder: R) -> Self {
        Self::with_clock(inner, recorder, || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// Records with another clock: time since 1970.
    pub fn with_clock(inner: T, recorder: R, clock: fn() -> Duration) -> Self {
        Self { inner, recorder: Some(recorder), clock }
    }

    /// The recorded port.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// The recorded port, for calls that are not to be recorded.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Ends the recording: the port, and the recorder unless it failed.
    pub fn into_parts(self) -> (T, Option<R>) {
        (self.inner, self.recorder)
    }

    fn record(&mut self, write: impl FnOnce(&mut R, Duration) -> std::io::Result<()>) {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = write(recorder, (self.clock)())
        {
            warn!(%error, "recording stopped");
            self.recorder = None;
        }
    }
}

impl<D: DChannel, W: Write> DChannel for Record<D, PcapWriter<W>> {
    type Error = D::Error;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, D::Error>> {
        let event = self.inner.poll_event(cx);
        if let Poll::Ready(Ok(DChannelEvent::Frame(frame))) = &event {
            self.record(|pcap, at| pcap.frame(at, false, frame));
        }
        event
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), D::Error> {
        self.inner.send_frame(frame)?;
        self.record(|pcap, at| pcap.frame(at, true, frame));
        Ok(())
    }
}

/// Two mono WAV files: what goes to the telephone (out of the gateway), and what comes from it.
#[derive(Debug)]
pub struct LineWav<W: Write + Seek> {
    to_phone: WavWriter<W>,
    from_phone: WavWriter<W>,
}

impl<W: Write + Seek> LineWav<W> {
    /// Starts both files.
    ///
    /// # Errors
    /// Whatever the writers say.
    pub fn new(to_phone: W, from_phone: W) -> std::io::Result<Self> {
        Ok(Self { to_phone: WavWriter::new(to_phone, 1)?, from_phone: WavWriter::new(from_phone, 1)? })
    }

    /// Completes both files and gives the writers back, in the order of [`new`](Self::new).
    ///
    /// # Errors
    /// Whatever the writers say.
    pub fn finish(self) -> std::io::Result<(W, W)> {
        Ok((self.to_phone.finish()?, self.from_phone.finish()?))
    }
}

impl<L: FxsLine, W: Write + Seek> FxsLine for Record<L, LineWav<W>> {
    type Error = L::Error;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, L::Error>> {
        self.inner.poll_event(cx)
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, L::Error> {
        let taken = self.inner.write_audio(samples)?;
        self.record(|wav, _| wav.to_phone.write(samples.get(..taken).unwrap_or(samples)));
        Ok(taken)
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, L::Error> {
        let read = self.inner.read_audio(out)?;
        self.record(|wav, _| wav.from_phone.write(out.get(..read).unwrap_or(out)));
        Ok(read)
    }

    fn set_ringing(&mut self, on: bool) -> Result<(), L::Error> {
        self.inner.set_ringing(on)
    }

    fn set_polarity(&mut self, reversed: bool) -> Result<(), L::Error> {
        self.inner.set_polarity(reversed)
    }

    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), L::Error> {
        self.inner.set_lamp(lamp)
    }

    fn set_battery(&mut self, on: bool) -> Result<(), L::Error> {
        self.inner.set_battery(on)
    }

    fn cancels_echo(&self) -> bool {
        self.inner.cancels_echo()
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), L::Error> {
        self.inner.set_echo(coverage)
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), L::Error> {
        self.inner.set_impedance(impedance)
    }

    fn set_flash(&mut self, longest: Duration) -> Result<(), L::Error> {
        self.inner.set_flash(longest)
    }

    fn capabilities(&self) -> FxsCapabilities {
        self.inner.capabilities()
    }
}

impl<L: FxoLine, W: Write + Seek> FxoLine for Record<L, LineWav<W>> {
    type Error = L::Error;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, L::Error>> {
        self.inner.poll_event(cx)
    }

    fn set_hook(&mut self, off: bool) -> Result<(), L::Error> {
        self.inner.set_hook(off)
    }

    fn set_ring_ground(&mut self, on: bool) -> Result<(), L::Error> {
        self.inner.set_ring_ground(on)
    }

    fn cancels_echo(&self) -> bool {
        self.inner.cancels_echo()
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), L::Error> {
        self.inner.set_echo(coverage)
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), L::Error> {
        self.inner.set_impedance(impedance)
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, L::Error> {
        let taken = self.inner.write_audio(samples)?;
        self.record(|wav, _| wav.to_phone.write(samples.get(..taken).unwrap_or(samples)));
        Ok(taken)
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, L::Error> {
        let read = self.inner.read_audio(out)?;
        self.record(|wav, _| wav.from_phone.write(out.get(..read).unwrap_or(out)));
        Ok(read)
    }
}

/// The octets of a bearer channel in both directions, as they are (headerless; `sox -t al` or `-t ul` plays them).
#[derive(Clone, Debug, Default)]
pub struct BearerTap<W: Write> {
    /// What is sent.
    pub sent: W,
    /// What is received.
    pub received: W,
}

impl<B: BChannel, W: Write> BChannel for Record<B, BearerTap<W>> {
    type Error = B::Error;

    fn write(&mut self, octets: &[u8]) -> Result<usize, B::Error> {
        let taken = self.inner.write(octets)?;
        self.record(|tap, _| tap.sent.write_all(octets.get(..taken).unwrap_or(octets)));
        Ok(taken)
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, B::Error> {
        let read = self.inner.read(out)?;
        self.record(|tap, _| tap.received.write_all(out.get(..read).unwrap_or(out)));
        Ok(read)
    }
}
