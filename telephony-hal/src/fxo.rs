//! Contract of a foreign exchange office port: the telephone's end of an exchange line.

use std::task::{Context, Poll};

use crate::{HalError, Impedance};

/// Something the exchange did to the line.
///
/// Raw facts, as with [`LineEvent`](crate::LineEvent): cadences, answer and disconnect supervision are made of them elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FxoEvent {
    /// Ringing voltage began (`true`) or ended: one burst, not one call.
    Ringing(bool),
    /// The battery is reversed (`true`) or normal again. At the opening of a port normal is assumed.
    Polarity(bool),
    /// Battery is on the line (`true`) or gone: open switch interval, power denial, or a cut pair. At the opening of a port
    /// battery is assumed.
    Battery(bool),
    /// Voltage for a neon lamp is on the line (`true`) or no more: messages wait. Few boards see it.
    Lamp(bool),
    /// The port no longer exists. No event follows; every later call fails with `ErrorKind::Closed`.
    Removed,
}

/// One FXO port.
///
/// One task owns it and makes every call. No method blocks; audio is paced by the caller, as with
/// [`FxsLine`](crate::FxsLine). Dialling is audio (DTMF) or timed calls of [`set_hook`](Self::set_hook) (pulses, flash).
pub trait FxoLine {
    /// The backend's error.
    type Error: HalError;

    /// The next event. Poll in every state until `Pending`; a newer waker replaces the older.
    ///
    /// # Errors
    /// `Closed`: release all calls of the port. Others: transient, poll again.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, Self::Error>>;

    /// Closes the loop (`true`, off hook: seizes or answers) or opens it. The port opens on hook.
    ///
    /// # Errors
    /// `Closed`, `Io`, `Busy`: the hook is as it was.
    fn set_hook(&mut self, off: bool) -> Result<(), Self::Error>;

    /// Grounds the ring lead (`true`) or frees it: how a ground-start line is seized. The exchange answers with battery.
    ///
    /// # Errors
    /// `Unsupported` on loop-start hardware, `Closed`, `Io`.
    fn set_ring_ground(&mut self, on: bool) -> Result<(), Self::Error>;

    /// Chooses the termination of the pair. Allowed in every state of the line.
    ///
    /// # Errors
    /// `Unsupported` on hardware with another, fixed one; `Closed`, `Io`.
    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), Self::Error>;

    /// Sends linear 16-bit samples at 8 kHz toward the exchange; returns how many were taken. Meaningful off hook only.
    ///
    /// # Errors
    /// `Closed`, `Io`. The call stays up; the audio is lost.
    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, Self::Error>;

    /// Whether the hardware has an echo canceller of its own now. Asks the system: not for every block of audio.
    fn cancels_echo(&self) -> bool {
        false
    }

    /// Lets the hardware's canceller take away echo that comes up to so many ms late, 8 to 128; `None`: no longer, as after the
    /// opening. Allowed in every state of the line. Hardware without one does nothing.
    ///
    /// # Errors
    /// `Closed`, `Io`. The hardware goes on as it did.
    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), Self::Error> {
        let _ = coverage;
        Ok(())
    }

    /// Reads linear 16-bit samples at 8 kHz from the exchange; returns how many were written. On hook this is how caller ID comes.
    ///
    /// # Errors
    /// `Closed`, `Io`. The call stays up.
    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, Self::Error>;
}

/// A pointer to a port is a port.
macro_rules! through {
    ($($pointer:ty),*) => { $(
        impl<T: FxoLine + ?Sized> FxoLine for $pointer {
            type Error = T::Error;
            fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, Self::Error>> {
                (**self).poll_event(cx)
            }
            fn set_hook(&mut self, off: bool) -> Result<(), Self::Error> {
                (**self).set_hook(off)
            }
            fn set_ring_ground(&mut self, on: bool) -> Result<(), Self::Error> {
                (**self).set_ring_ground(on)
            }
            fn set_impedance(&mut self, impedance: Impedance) -> Result<(), Self::Error> {
                (**self).set_impedance(impedance)
            }
            fn write_audio(&mut self, samples: &[i16]) -> Result<usize, Self::Error> {
                (**self).write_audio(samples)
            }
            fn cancels_echo(&self) -> bool {
                (**self).cancels_echo()
            }
            fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), Self::Error> {
                (**self).set_echo(coverage)
            }
            fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, Self::Error> {
                (**self).read_audio(out)
            }
        }
    )* };
}

through!(&mut T, Box<T>);
