//! Contract of a foreign exchange station port: the exchange's end of a telephone line.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::HalError;

/// Sampling rate of every audio stream in this crate, in samples per second.
pub const SAMPLE_RATE: u32 = 8000;

/// Something the line hardware noticed.
///
/// `OffHook` and `OnHook` are raw loop transitions. Backends must not debounce them: the line discipline
/// ([`crate::line::Line`]) tells hits, dial pulses, flashes and releases apart. Hardware that tells them apart by itself says
/// `Flash`, `Pulse` and `Released` instead of `OnHook`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineEvent {
    /// Loop current flows.
    OffHook,
    /// Loop current has stopped.
    OnHook,
    /// The ring lead is grounded: ground-start equipment asks for service.
    RingGround,
    /// The hardware recognised a timed loop break by itself (hardware that hides the transitions).
    Flash,
    /// The hardware timed a loop break by itself, and it lasted longer than a flash: the handset is down.
    Released,
    /// The hardware decoded a dial pulse train by itself: number of breaks, 1 to 10 (up to 16 is passed on).
    Pulse(u8),
    /// The port no longer exists. No event follows; every later call fails with `ErrorKind::Closed`.
    Removed,
}

/// What to apply to the idle pair so that a message-waiting lamp lights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lamp {
    /// Ordinary idle battery.
    #[default]
    Off,
    /// About 90 to 100 V DC, 1 s on and 1 s off, ramped so that bells do not tap. The backend makes the duty cycle.
    HighVoltage,
    /// 90 V AC for neon lamps.
    Neon,
    /// Reversed battery while on hook (low-voltage LED sets).
    Reversal,
}

/// What terminates the pair on the port's side, so that the hybrid's echo is least (`impedance`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Impedance {
    /// 600 Ω real.
    #[default]
    R600,
    /// 600 Ω + 2.16 µF.
    C600,
    /// 900 Ω real.
    R900,
    /// 900 Ω + 2.16 µF.
    C900,
    /// The platform's complex network 1.
    Complex1,
    /// The platform's complex network 2.
    Complex2,
    /// The platform's complex network 3.
    Complex3,
    /// The platform's complex network 4.
    Complex4,
    /// The platform's complex network 5.
    Complex5,
    /// The platform's complex network 6.
    Complex6,
}

impl FxsCapabilities {
    /// The brightest way this hardware has to light a lamp; `None` without any.
    ///
    /// ```
    /// use telephony_hal::{FxsCapabilities, FxsLine, Lamp, sim::Plant};
    /// assert_eq!(Plant::new().add_line("2/0").capabilities().lamp(), Some(Lamp::HighVoltage));
    /// assert_eq!(FxsCapabilities::default().lamp(), None);
    /// ```
    pub fn lamp(&self) -> Option<Lamp> {
        let ways = [
            (self.lamp_high_voltage, Lamp::HighVoltage),
            (self.lamp_neon, Lamp::Neon),
            (self.lamp_reversal, Lamp::Reversal),
        ];
        ways.into_iter().find(|(can, _)| *can).map(|(_, lamp)| lamp)
    }
}

impl Impedance {
    /// All of them with the words of `impedance`. Which network a `complexN` is differs among line cards: the backend says.
    pub const NAMES: [(Self, &'static str); 10] = [
        (Self::R600, "600r"),
        (Self::C600, "600c"),
        (Self::R900, "900r"),
        (Self::C900, "900c"),
        (Self::Complex1, "complex1"),
        (Self::Complex2, "complex2"),
        (Self::Complex3, "complex3"),
        (Self::Complex4, "complex4"),
        (Self::Complex5, "complex5"),
        (Self::Complex6, "complex6"),
    ];

    /// The word of `impedance`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(impedance, _)| *impedance == self).map_or("600r", |(_, name)| name)
    }

    /// The impedance of a word, in either case.
    ///
    /// ```
    /// use telephony_hal::Impedance;
    /// assert_eq!(Impedance::named("Complex2"), Some(Impedance::Complex2));
    /// assert_eq!(Impedance::named("600"), None);
    /// ```
    pub fn named(word: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(impedance, _)| *impedance)
    }
}

/// What a port's hardware can do. What is `false` answers `ErrorKind::Unsupported`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FxsCapabilities {
    /// `set_polarity(true)` works.
    pub polarity_reversal: bool,
    /// `set_battery(false)` works (open switch interval, power denial).
    pub open_loop: bool,
    /// `set_lamp(Lamp::HighVoltage)` works.
    pub lamp_high_voltage: bool,
    /// `set_lamp(Lamp::Neon)` works.
    pub lamp_neon: bool,
    /// `set_lamp(Lamp::Reversal)` works.
    pub lamp_reversal: bool,
    /// Audio written while the telephone is on hook reaches it (caller ID, FSK message waiting).
    pub on_hook_transmission: bool,
    /// Hook transitions are reported one by one. If `false`, flashes and pulses come ready made.
    pub raw_hook: bool,
}

/// One FXS port.
///
/// One task owns it and makes every call. No method blocks; audio is paced by the caller (normally 160 samples
/// every 20 ms in both directions while the line is in use). Ringing, lamp, polarity and battery are levels, not
/// pulses: setting one to the value it has is allowed and does nothing.
///
/// After an error of kind `Closed` every later call fails the same way. After any other error the port is as it was before
/// the call, and a call in progress stays up unless its owner decides otherwise.
///
/// ```
/// use telephony_hal::{FxsLine, HalError, sim::Plant};
///
/// /// Rings any port, whoever made it.
/// fn ring<L: FxsLine>(line: &mut L) -> bool {
///     line.set_ringing(true).is_ok()
/// }
/// let plant = Plant::new();
/// let mut line = plant.add_line("2/0");
/// assert!(ring(&mut line));
/// assert!(plant.phone("2/0").unwrap().status().ringing);
/// ```
pub trait FxsLine {
    /// The backend's error.
    type Error: HalError;

    /// The next event of the line.
    ///
    /// The owner polls in every state of the line until `Pending`, and again when woken. At most one task may wait; a newer
    /// waker replaces the older. The initial state is on hook: a telephone that is off hook when the port opens is reported by
    /// an `OffHook` event.
    ///
    /// # Errors
    /// `Closed`: release all calls of the port. Others: transient, poll again.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, Self::Error>>;

    /// Sends linear 16-bit samples at 8 kHz toward the telephone; returns how many were taken (from the front).
    ///
    /// Called in talking state and while a tone plays, and on hook only to send caller ID or message waiting. Fewer than
    /// given are taken when the backend's buffer is full; the rest is lost audio unless the caller keeps it.
    ///
    /// # Errors
    /// `Closed`, `Io`. The call stays up; the audio is lost.
    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, Self::Error>;

    /// Reads linear 16-bit samples at 8 kHz from the telephone into the front of `out`; returns how many were written.
    ///
    /// Zero means that nothing is there yet, never the end.
    ///
    /// # Errors
    /// `Closed`, `Io`. The call stays up.
    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, Self::Error>;

    /// Applies (`true`) or removes ringing voltage. The caller makes the cadence.
    ///
    /// Called only while the telephone is on hook. Hardware removes the voltage by itself on ring trip; the caller still
    /// calls `set_ringing(false)`.
    ///
    /// # Errors
    /// `Busy` when the line is off hook or lamp voltage could not be removed; `Closed`, `Io`.
    fn set_ringing(&mut self, on: bool) -> Result<(), Self::Error>;

    /// Reverses (`true`) or restores the polarity of the battery.
    ///
    /// # Errors
    /// `Unsupported`, `Closed`, `Io`.
    fn set_polarity(&mut self, reversed: bool) -> Result<(), Self::Error>;

    /// Applies message-waiting lamp voltage. Called only on hook and not while ringing; hardware drops it on off hook.
    ///
    /// # Errors
    /// `Unsupported`, `Closed`, `Io`.
    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), Self::Error>;

    /// Feeds (`true`) or opens the loop: disconnect supervision, open switch interval. The caller times it.
    ///
    /// While the loop is open the hardware reports the telephone as on hook, or reports nothing.
    ///
    /// # Errors
    /// `Unsupported`, `Closed`, `Io`.
    fn set_battery(&mut self, on: bool) -> Result<(), Self::Error>;

    /// Chooses the termination of the pair. Allowed in every state of the line.
    ///
    /// # Errors
    /// `Unsupported` on hardware with another, fixed one: the line works, its echo is louder. `Closed`, `Io`.
    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), Self::Error>;

    /// Longest loop break that is a flash (`timing hookflash-in`); a longer one is a release. For hardware that times breaks by
    /// itself ([`raw_hook`](FxsCapabilities::raw_hook) is `false`); the other needs not be told and does nothing.
    ///
    /// # Errors
    /// `Closed`, `Io`. The hardware goes on with what it had.
    fn set_flash(&mut self, longest: Duration) -> Result<(), Self::Error> {
        let _ = longest;
        Ok(())
    }

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

    /// What the hardware can do. Constant for the life of the port.
    fn capabilities(&self) -> FxsCapabilities;
}

/// A pointer to a port is a port.
macro_rules! through {
    ($($pointer:ty),*) => { $(
        impl<T: FxsLine + ?Sized> FxsLine for $pointer {
            type Error = T::Error;
            fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, Self::Error>> {
                (**self).poll_event(cx)
            }
            fn write_audio(&mut self, samples: &[i16]) -> Result<usize, Self::Error> {
                (**self).write_audio(samples)
            }
            fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, Self::Error> {
                (**self).read_audio(out)
            }
            fn set_ringing(&mut self, on: bool) -> Result<(), Self::Error> {
                (**self).set_ringing(on)
            }
            fn set_polarity(&mut self, reversed: bool) -> Result<(), Self::Error> {
                (**self).set_polarity(reversed)
            }
            fn set_lamp(&mut self, lamp: Lamp) -> Result<(), Self::Error> {
                (**self).set_lamp(lamp)
            }
            fn set_battery(&mut self, on: bool) -> Result<(), Self::Error> {
                (**self).set_battery(on)
            }
            fn set_impedance(&mut self, impedance: Impedance) -> Result<(), Self::Error> {
                (**self).set_impedance(impedance)
            }
            fn set_flash(&mut self, longest: Duration) -> Result<(), Self::Error> {
                (**self).set_flash(longest)
            }
            fn cancels_echo(&self) -> bool {
                (**self).cancels_echo()
            }
            fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), Self::Error> {
                (**self).set_echo(coverage)
            }
            fn capabilities(&self) -> FxsCapabilities {
                (**self).capabilities()
            }
        }
    )* };
}

through!(&mut T, Box<T>);
