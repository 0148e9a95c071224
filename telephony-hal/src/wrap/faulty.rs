//! Making a good port bad, repeatably.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{
    BChannel, DChannel, DChannelEvent, ErrorKind, FxoEvent, FxoLine, FxsCapabilities, FxsLine, HalError,
    Impedance, Lamp, LineEvent, MAX_FRAME,
};

/// How often each fault happens, in thousandths of the occasions (0 to 1000; more counts as always).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A frame vanishes, in either direction.
    pub lose: u16,
    /// A frame arrives twice.
    pub duplicate: u16,
    /// One bit of a frame is turned over (as if its FCS had been right by chance).
    pub corrupt: u16,
    /// A received frame is overtaken by the next one.
    pub reorder: u16,
    /// A sending or setting call is refused with `ErrorKind::Busy`.
    pub refuse: u16,
    /// A hook transition is followed by one to four bounces; it ends in the right state.
    pub bounce: u16,
    /// A block of audio is lost: written samples or octets go nowhere, read ones are silence (0 on lines, 0xff on bearers).
    pub mute: u16,
}

/// A port whose faults come from a seeded generator: the same seed and the same calls give the same faults.
///
/// ```
/// use telephony_hal::{sim::trunk_pair, wrap::{Faults, Faulty}};
/// let (trunk, _other) = trunk_pair();
/// let bad = Faulty::new(trunk, Faults { lose: 100, ..Faults::default() }, 4711); // loses one frame in ten
/// # drop(bad);
/// ```
#[derive(Debug)]
pub struct Faulty<T> {
    inner: T,
    faults: Faults,
    random: StdRng,
    frames: VecDeque<Bytes>,
    held: Option<Bytes>,
    hooks: VecDeque<LineEvent>,
    injected: u64,
}

impl<T> Faulty<T> {
    /// `inner` with `faults` drawn from `seed`.
    pub fn new(inner: T, faults: Faults, seed: u64) -> Self {
        Self {
            inner,
            faults,
            random: StdRng::seed_from_u64(seed),
            frames: VecDeque::new(),
            held: None,
            hooks: VecDeque::new(),
            injected: 0,
        }
    }

    /// Other faults from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Faults made so far: a test that expects trouble should see it here.
    pub fn injected(&self) -> u64 {
        self.injected
    }

    /// The port itself.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    fn strikes(&mut self, per_mille: u16) -> bool {
        let strikes = self.random.random_range(0..1000u16) < per_mille;
        self.injected += u64::from(strikes);
        strikes
    }

    fn refuses<E: HalError>(&mut self) -> Result<(), FaultyError<E>> {
        if self.strikes(self.faults.refuse) { Err(FaultyError::Refused) } else { Ok(()) }
    }

    /// What becomes of a frame under way: none, one or two of it, perhaps damaged.
    fn passes(&mut self, frame: &[u8]) -> impl Iterator<Item = Bytes> + use<T> {
        let copies = match (self.strikes(self.faults.lose), self.strikes(self.faults.duplicate)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        let mut octets = frame.to_vec();
        if self.strikes(self.faults.corrupt) && !octets.is_empty() {
            let place = self.random.random_range(0..octets.len());
            let bit = self.random.random_range(0..8u32);
            if let Some(octet) = octets.get_mut(place) {
                *octet ^= 1 << bit;
            }
        }
        let octets = Bytes::from(octets);
        (0..copies).map(move |_| octets.clone())
    }
}

/// An error of a [`Faulty`] port.
#[derive(Debug, thiserror::Error)]
pub enum FaultyError<E: HalError> {
    /// Of the port itself.
    #[error(transparent)]
    Inner(E),
    /// Made up.
    #[error("refused by fault injection")]
    Refused,
}

impl<E: HalError> HalError for FaultyError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Inner(error) => error.kind(),
            Self::Refused => ErrorKind::Busy,
        }
    }
}

impl<D: DChannel> DChannel for Faulty<D> {
    type Error = FaultyError<D::Error>;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, Self::Error>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Poll::Ready(Ok(DChannelEvent::Frame(frame)));
            }
            match self.inner.poll_event(cx) {
                Poll::Ready(Ok(DChannelEvent::Frame(frame))) => {
                    let passed: Vec<Bytes> = self.passes(&frame).collect();
                    self.frames.extend(passed);
                    let overtaken = self.held.take();
                    if overtaken.is_none() && self.strikes(self.faults.reorder) {
                        self.held = self.frames.pop_front();
                    }
                    self.frames.extend(overtaken);
                }
                Poll::Ready(Ok(event)) => {
                    if event == DChannelEvent::Down {
                        self.held = None;
                    }
                    return Poll::Ready(Ok(event));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(FaultyError::Inner(error))),
                // Nothing is there to overtake it.
                Poll::Pending => match self.held.take() {
                    Some(frame) => self.frames.push_back(frame),
                    None => return Poll::Pending,
                },
            }
        }
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), Self::Error> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return self.inner.send_frame(frame).map_err(FaultyError::Inner);
        }
        self.refuses()?;
        let passed: Vec<Bytes> = self.passes(frame).collect();
        passed.iter().try_for_each(|frame| self.inner.send_frame(frame).map_err(FaultyError::Inner))
    }
}

impl<L: FxsLine> FxsLine for Faulty<L> {
    type Error = FaultyError<L::Error>;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, Self::Error>> {
        if let Some(event) = self.hooks.pop_front() {
            return Poll::Ready(Ok(event));
        }
        let event = self.inner.poll_event(cx).map_err(FaultyError::Inner);
        let back = match event {
            Poll::Ready(Ok(LineEvent::OffHook)) => LineEvent::OnHook,
            Poll::Ready(Ok(LineEvent::OnHook)) => LineEvent::OffHook,
            event => return event,
        };
        if self.strikes(self.faults.bounce) {
            for _ in 0..self.random.random_range(1..=4u8) {
                self.hooks.push_back(back);
                self.hooks.extend(match &event {
                    Poll::Ready(Ok(event)) => Some(*event),
                    _ => None,
                });
            }
        }
        event
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, Self::Error> {
        if self.strikes(self.faults.mute) {
            return Ok(samples.len());
        }
        self.inner.write_audio(samples).map_err(FaultyError::Inner)
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, Self::Error> {
        let read = self.inner.read_audio(out).map_err(FaultyError::Inner)?;
        if self.strikes(self.faults.mute) {
            out.fill(0);
        }
        Ok(read)
    }

    fn set_ringing(&mut self, on: bool) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_ringing(on).map_err(FaultyError::Inner)
    }

    fn set_polarity(&mut self, reversed: bool) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_polarity(reversed).map_err(FaultyError::Inner)
    }

    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_lamp(lamp).map_err(FaultyError::Inner)
    }

    fn set_battery(&mut self, on: bool) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_battery(on).map_err(FaultyError::Inner)
    }

    fn cancels_echo(&self) -> bool {
        self.inner.cancels_echo()
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_echo(coverage).map_err(FaultyError::Inner)
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_impedance(impedance).map_err(FaultyError::Inner)
    }

    fn set_flash(&mut self, longest: Duration) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_flash(longest).map_err(FaultyError::Inner)
    }

    fn capabilities(&self) -> FxsCapabilities {
        self.inner.capabilities()
    }
}

impl<B: BChannel> BChannel for Faulty<B> {
    type Error = FaultyError<B::Error>;

    fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        if self.strikes(self.faults.mute) {
            return Ok(octets.len());
        }
        self.inner.write(octets).map_err(FaultyError::Inner)
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        let read = self.inner.read(out).map_err(FaultyError::Inner)?;
        if self.strikes(self.faults.mute) {
            out.fill(0xff);
        }
        Ok(read)
    }
}

impl<L: FxoLine> FxoLine for Faulty<L> {
    type Error = FaultyError<L::Error>;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, Self::Error>> {
        self.inner.poll_event(cx).map_err(FaultyError::Inner)
    }

    fn set_hook(&mut self, off: bool) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_hook(off).map_err(FaultyError::Inner)
    }

    fn set_ring_ground(&mut self, on: bool) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_ring_ground(on).map_err(FaultyError::Inner)
    }

    fn cancels_echo(&self) -> bool {
        self.inner.cancels_echo()
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_echo(coverage).map_err(FaultyError::Inner)
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), Self::Error> {
        self.refuses()?;
        self.inner.set_impedance(impedance).map_err(FaultyError::Inner)
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, Self::Error> {
        if self.strikes(self.faults.mute) {
            return Ok(samples.len());
        }
        self.inner.write_audio(samples).map_err(FaultyError::Inner)
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, Self::Error> {
        let read = self.inner.read_audio(out).map_err(FaultyError::Inner)?;
        if self.strikes(self.faults.mute) {
            out.fill(0);
        }
        Ok(read)
    }
}
