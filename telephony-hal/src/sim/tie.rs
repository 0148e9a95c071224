//! A pair of wires between an FXS port and an FXO port.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::{ErrorKind, FxoEvent, FxoLine, FxsCapabilities, FxsLine, HalError, Impedance, Lamp, LineEvent};

/// Events that wait at an end; more than that in a row keep the newest only.
const MAX_EVENTS: usize = 256;
/// Samples that wait in each direction (half a second); older ones are lost, as on a wire that nobody listens to.
pub const TIE_BUFFER: usize = 4000;

/// What went wrong on a tie line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TieError {
    /// The other end is off hook.
    #[error("the line is off hook, expected on hook for ringing or lamp voltage")]
    OffHook,
}

impl HalError for TieError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::OffHook => ErrorKind::Busy,
        }
    }
}

/// A pair of wires with a port at each end: the exchange's ([`FxsLine`]) and the subscriber's ([`FxoLine`]).
///
/// ```
/// use telephony_hal::{FxoLine, FxsLine, sim::tie_line};
/// let (mut exchange, mut subscriber) = tie_line();
/// exchange.set_ringing(true).unwrap();
/// subscriber.set_hook(true).unwrap(); // answers
/// exchange.write_audio(&[1000; 160]).unwrap();
/// let mut heard = [0; 160];
/// assert_eq!(subscriber.read_audio(&mut heard).unwrap(), 160);
/// assert_eq!(heard, [1000; 160]);
/// ```
pub fn tie_line() -> (TieFxs, TieFxo) {
    let pair = Pair(Arc::new(Mutex::new(Wires { battery: true, ..Wires::default() })));
    (TieFxs(pair.clone()), TieFxo(pair))
}

/// The exchange's end of a [`tie_line`]. Dropping it takes the battery away for ever.
#[derive(Debug)]
pub struct TieFxs(Pair);

/// The subscriber's end of a [`tie_line`]. Dropping it is on hook for ever.
#[derive(Debug)]
pub struct TieFxo(Pair);

impl FxsLine for TieFxs {
    type Error = TieError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, TieError>> {
        self.0.lock().fxs.poll(cx)
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, TieError> {
        let mut wires = self.0.lock();
        // Caller ID reaches a telephone on hook; nothing reaches one without battery.
        if wires.battery {
            push(&mut wires.to_fxo, samples);
        }
        Ok(samples.len())
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, TieError> {
        Ok(pull(&mut self.0.lock().to_fxs, out))
    }

    fn set_ringing(&mut self, on: bool) -> Result<(), TieError> {
        let mut wires = self.0.lock();
        if on && wires.off_hook {
            return Err(TieError::OffHook);
        }
        wires.ring(on);
        Ok(())
    }

    fn set_polarity(&mut self, reversed: bool) -> Result<(), TieError> {
        let mut wires = self.0.lock();
        if std::mem::replace(&mut wires.reversed, reversed) != reversed {
            wires.fxo.push(FxoEvent::Polarity(reversed));
        }
        Ok(())
    }

    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), TieError> {
        let mut wires = self.0.lock();
        let lit = lamp != Lamp::Off;
        // The voltage must not go on a closed loop.
        if lit && wires.off_hook {
            return Err(TieError::OffHook);
        }
        if std::mem::replace(&mut wires.lit, lit) != lit {
            wires.fxo.push(FxoEvent::Lamp(lit));
        }
        Ok(())
    }

    fn set_battery(&mut self, on: bool) -> Result<(), TieError> {
        self.0.lock().feed(on);
        Ok(())
    }

    fn set_impedance(&mut self, _impedance: Impedance) -> Result<(), TieError> {
        // A pair without length has no echo whatever terminates it.
        Ok(())
    }

    fn capabilities(&self) -> FxsCapabilities {
        FxsCapabilities {
            polarity_reversal: true,
            open_loop: true,
            lamp_high_voltage: true,
            lamp_neon: true,
            lamp_reversal: true,
            on_hook_transmission: true,
            raw_hook: true,
        }
    }
}

impl FxoLine for TieFxo {
    type Error = TieError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, TieError>> {
        self.0.lock().fxo.poll(cx)
    }

    fn set_hook(&mut self, off: bool) -> Result<(), TieError> {
        let mut wires = self.0.lock();
        let before = wires.current();
        wires.off_hook = off;
        wires.sense(before);
        if off {
            wires.ring(false);
        }
        Ok(())
    }

    fn set_ring_ground(&mut self, on: bool) -> Result<(), TieError> {
        if on {
            self.0.lock().fxs.push(LineEvent::RingGround);
        }
        Ok(())
    }

    fn set_impedance(&mut self, _impedance: Impedance) -> Result<(), TieError> {
        Ok(())
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, TieError> {
        let mut wires = self.0.lock();
        if wires.current() {
            push(&mut wires.to_fxs, samples);
        }
        Ok(samples.len())
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, TieError> {
        Ok(pull(&mut self.0.lock().to_fxo, out))
    }
}

impl Drop for TieFxs {
    fn drop(&mut self) {
        let mut wires = self.0.lock();
        wires.ring(false);
        wires.feed(false);
    }
}

impl Drop for TieFxo {
    fn drop(&mut self) {
        let mut wires = self.0.lock();
        let before = wires.current();
        wires.off_hook = false;
        wires.sense(before);
    }
}

#[derive(Clone, Debug)]
struct Pair(Arc<Mutex<Wires>>);

impl Pair {
    fn lock(&self) -> MutexGuard<'_, Wires> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Wires {
    off_hook: bool,
    battery: bool,
    ringing: bool,
    reversed: bool,
    lit: bool,
    to_fxs: VecDeque<i16>,
    to_fxo: VecDeque<i16>,
    fxs: Inbox<LineEvent>,
    fxo: Inbox<FxoEvent>,
}

impl Wires {
    fn current(&self) -> bool {
        self.off_hook && self.battery
    }

    /// Tells the exchange when loop current started or stopped.
    fn sense(&mut self, before: bool) {
        let now = self.current();
        if before && !now {
            // The next call hears nothing of this one.
            self.to_fxs.clear();
        }
        if now != before {
            self.fxs.push(if now { LineEvent::OffHook } else { LineEvent::OnHook });
        }
    }

    fn ring(&mut self, on: bool) {
        if std::mem::replace(&mut self.ringing, on) != on {
            self.fxo.push(FxoEvent::Ringing(on));
        }
    }

    fn feed(&mut self, on: bool) {
        let before = self.current();
        if std::mem::replace(&mut self.battery, on) != on {
            self.fxo.push(FxoEvent::Battery(on));
            self.sense(before);
        }
    }
}

#[derive(Debug)]
struct Inbox<E> {
    events: VecDeque<E>,
    waker: Option<Waker>,
}

impl<E> Default for Inbox<E> {
    fn default() -> Self {
        Self { events: VecDeque::new(), waker: None }
    }
}

impl<E> Inbox<E> {
    fn push(&mut self, event: E) {
        if self.events.len() >= MAX_EVENTS {
            self.events.clear();
        }
        self.events.push_back(event);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<E, TieError>> {
        match self.events.pop_front() {
            Some(event) => Poll::Ready(Ok(event)),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn push(buffer: &mut VecDeque<i16>, samples: &[i16]) {
    buffer.extend(samples);
    let excess = buffer.len().saturating_sub(TIE_BUFFER);
    buffer.drain(..excess);
}

fn pull(buffer: &mut VecDeque<i16>, out: &mut [i16]) -> usize {
    let count = out.len().min(buffer.len());
    for (place, sample) in out.iter_mut().zip(buffer.drain(..count)) {
        *place = sample;
    }
    count
}
