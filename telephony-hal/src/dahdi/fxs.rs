//! A telephone's port: a channel signalled as FXO.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::audio::{AudioSlips, BLOCK, BUFFERS};
use super::carrier::Carrier;
use super::channel::Channel;
use super::port::{self, Port as _, WatchedPort};
use super::sys::{Request, event, hook, lamp, signalling};
use super::{DahdiError, echo, zone};
use crate::{ErrorKind, FxsCapabilities, FxsLine, HalError as _, Impedance, Lamp, LineEvent};

/// In ms; one burst of our own cadence never lasts so long.
const RINGING: i32 = 60_000;
/// Longest flash before anybody says another: that of `timing hookflash-in`, shorter than DAHDI's 1250 ms.
const FLASH: Duration = Duration::from_millis(1000);
/// A shorter limit would make releases of the breaks of a slow dial.
const SHORTEST_FLASH: Duration = Duration::from_millis(150);
/// In ms: how long the line passes audio to a telephone on hook before it must be asked again.
const TRANSFER: u16 = 3000;
/// DAHDI refuses battery until its own pause is over; asked again so often.
const RETRY: Duration = Duration::from_millis(50);

/// One FXS port of a DAHDI board.
///
/// Flashes, dial pulses and releases come ready made: DAHDI times them. A release is told when the loop was open for the time of
/// [`set_flash`](FxsLine::set_flash) (at least 150 ms), and it takes 200 ms for a break to be a flash. A removed battery stays away for at least 500 ms and
/// comes back 300 ms later at the earliest, whatever [`set_battery`](FxsLine::set_battery) asks. Which lamp voltages a board
/// makes is known by its driver's name; a board that ignores the request leaves the lamp dark.
#[derive(Debug)]
pub struct DahdiFxs {
    channel: Channel,
    capabilities: FxsCapabilities,
    /// Bits of `VMWI_CONFIG` that light a lamp.
    lamps: i32,
    off_hook: bool,
    ringing: bool,
    /// Battery as asked for.
    battery: bool,
    restore: Option<Pin<Box<Sleep>>>,
    /// Until when audio reaches a telephone on hook.
    transfer: Option<Instant>,
    span: i32,
}

impl DahdiFxs {
    /// Opens channel `number` of `lsdahdi`. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DahdiError::Request`], and [`DahdiError::Signalling`] when the channel is not configured as `fxoks`, `fxols` or `fxogs`.
    pub fn open(number: u32) -> Result<Self, DahdiError> {
        let control = port::control()?;
        let mut kernel = port::open(number, BUFFERS, BLOCK)?;
        let failed = |what| move |error| DahdiError::channel(number, what, error);
        zone::choose(&control, &mut kernel).map_err(failed("SETTONEZONE"))?;
        // After the zone, which brings a cadence of its own.
        let mut cadence = [0; 16];
        [cadence[0], cadence[1]] = [RINGING, 1000];
        kernel.set_cadence(cadence).map_err(failed("SETCADENCE"))?;
        let params = kernel.params().map_err(failed("GET_PARAMS"))?;
        let lamps = zone::lamps(&control, params.span);
        let carrier = Carrier::of_span(u32::try_from(params.span).unwrap_or(0)).map_err(failed("thread"))?;
        Self::new(number, Box::new(kernel), carrier, lamps)
    }

    /// `lamps` are the bits of `VMWI_CONFIG` that the board's driver is known to act on.
    pub(super) fn new(
        number: u32,
        port: Box<dyn WatchedPort>,
        carrier: Arc<Carrier>,
        lamps: i32,
    ) -> Result<Self, DahdiError> {
        let mut channel = Channel::of_line(number, port, carrier)?;
        let params = channel.params()?;
        let expected = [signalling::FXO_KEWL, signalling::FXO_LOOP, signalling::FXO_GROUND];
        if !expected.contains(&params.signalling) {
            let found = params.signalling;
            return Err(DahdiError::Signalling { channel: number, found, expected: "fxoks, fxols or fxogs" });
        }
        limit_flash(&mut channel, FLASH)?;
        let span = params.span;
        let lamps = if channel.can(Request::VmwiConfig, 0) { lamps } else { 0 };
        let capabilities = FxsCapabilities {
            polarity_reversal: channel.can(Request::Polarity, 0),
            // Loop start has no battery removal.
            open_loop: params.signalling == signalling::FXO_KEWL,
            lamp_high_voltage: lamps & (lamp::DIRECT_VOLTAGE | lamp::NEON) != 0,
            lamp_neon: lamps & lamp::NEON != 0,
            lamp_reversal: lamps & lamp::REVERSAL != 0,
            on_hook_transmission: channel.can(Request::OnHookTransfer, 0),
            raw_hook: false,
        };
        if params.receives_off_hook != 0 {
            channel.tell(event::RING_OFF_HOOK);
        } else {
            channel.set(Request::Hook, hook::ON)?;
        }
        Ok(Self {
            channel,
            capabilities,
            lamps,
            off_hook: false,
            ringing: false,
            battery: true,
            restore: None,
            transfer: None,
            span,
        })
    }

    /// What clocks that differ cost since the port was opened.
    pub fn slips(&self) -> AudioSlips {
        self.channel.slips()
    }

    /// What an event of the kernel means.
    fn meaning(&mut self, event: i32) -> Option<LineEvent> {
        match event {
            event::RING_OFF_HOOK => {
                self.off_hook = true;
                self.ringing = false;
                if self.battery {
                    // Ends the cadence, and makes a later removal of battery possible at all.
                    self.channel.try_set(Request::Hook, hook::OFF);
                }
                Some(LineEvent::OffHook)
            }
            event::ON_HOOK => {
                self.off_hook = false;
                self.restore = None;
                self.channel.try_set(Request::Hook, hook::ON);
                Some(LineEvent::Released)
            }
            event::WINK_FLASH => Some(LineEvent::Flash),
            event::REMOVED => Some(LineEvent::Removed),
            _ => pulses(event).map(LineEvent::Pulse),
        }
    }

    fn give_battery(&mut self) -> Result<(), DahdiError> {
        match self.channel.set(Request::Hook, if self.off_hook { hook::OFF } else { hook::ON }) {
            Err(error) if error.kind() == ErrorKind::Busy => {
                self.restore = Some(Box::pin(tokio::time::sleep(RETRY)));
                self.channel.wake();
                Ok(())
            }
            done => done,
        }
    }

    fn unsupported<T>(&self, what: &'static str) -> Result<T, DahdiError> {
        Err(DahdiError::Unsupported { channel: self.channel.number, what })
    }
}

/// How long the loop is open before the kernel tells a release.
fn limit_flash(channel: &mut Channel, longest: Duration) -> Result<(), DahdiError> {
    let mut params = channel.params()?;
    params.receive_flash = i32::try_from(longest.max(SHORTEST_FLASH).as_millis()).unwrap_or(i32::MAX);
    channel.set_params(&params)
}

/// Breaks of a dial pulse train that the kernel counted: its digits are characters, 10 is '0', 11 '*', 12 '#'.
fn pulses(event: i32) -> Option<u8> {
    let digit = u8::try_from(event ^ event::PULSE_DIGIT).ok()?;
    match digit {
        b'1'..=b'9' => Some(digit - b'0'),
        b'0' => Some(10),
        b'*' => Some(11),
        b'#' => Some(12),
        _ => None,
    }
}

impl FxsLine for DahdiFxs {
    type Error = DahdiError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, DahdiError>> {
        loop {
            if self.restore.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
                self.restore = None;
                self.give_battery()?;
                continue;
            }
            let event = ready!(self.channel.poll_event(cx))?;
            if let Some(event) = self.meaning(event) {
                return Poll::Ready(Ok(event));
            }
        }
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, DahdiError> {
        let now = Instant::now();
        let length = Duration::from_millis(TRANSFER.into());
        if !self.off_hook && !self.ringing && self.transfer.is_none_or(|until| until <= now + length / 2) {
            if self.capabilities.on_hook_transmission {
                self.channel.set(Request::OnHookTransfer, TRANSFER.into())?;
            }
            self.transfer = Some(now + length);
        }
        self.channel.write_samples(samples)
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, DahdiError> {
        self.channel.read_samples(out)
    }

    fn set_ringing(&mut self, on: bool) -> Result<(), DahdiError> {
        if on != self.ringing {
            self.channel.set(Request::Hook, if on { hook::RING } else { hook::RING_OFF })?;
            self.ringing = on;
            self.transfer = None;
        }
        Ok(())
    }

    fn set_polarity(&mut self, reversed: bool) -> Result<(), DahdiError> {
        if !self.capabilities.polarity_reversal {
            return self.unsupported("polarity reversal");
        }
        self.channel.set(Request::Polarity, reversed.into())
    }

    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), DahdiError> {
        let lights = |means: i32| self.lamps & means != 0;
        let means = match lamp {
            Lamp::Off if self.lamps == 0 => return Ok(()),
            Lamp::Off => return self.channel.set(Request::Vmwi, 0),
            Lamp::HighVoltage if lights(lamp::DIRECT_VOLTAGE) => lamp::DIRECT_VOLTAGE,
            // A board without direct voltage may have the neon lamp's alternating one: both light a lamp.
            Lamp::HighVoltage | Lamp::Neon if lights(lamp::NEON) => lamp::NEON,
            Lamp::Reversal if lights(lamp::REVERSAL) => lamp::REVERSAL,
            Lamp::HighVoltage | Lamp::Neon | Lamp::Reversal => return self.unsupported("such lamp"),
        };
        self.channel.set(Request::VmwiConfig, means)?;
        self.channel.set(Request::Vmwi, 1)
    }

    fn set_battery(&mut self, on: bool) -> Result<(), DahdiError> {
        if on == self.battery {
            return Ok(());
        }
        if !self.capabilities.open_loop {
            return self.unsupported("battery removal");
        }
        self.battery = on;
        if on { self.give_battery() } else { self.channel.set(Request::Hook, hook::ON) }
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), DahdiError> {
        // Boards are loaded with their country's (`opermode=`); no request changes it.
        match impedance {
            Impedance::R600 => Ok(()),
            _ => self.unsupported("choice of impedance"),
        }
    }

    fn set_flash(&mut self, longest: Duration) -> Result<(), DahdiError> {
        limit_flash(&mut self.channel, longest)
    }

    fn cancels_echo(&self) -> bool {
        echo::is_attached(self.span, self.channel.number)
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), DahdiError> {
        self.channel.set(Request::EchoCancel, coverage.map_or(0, echo::taps))
    }

    fn capabilities(&self) -> FxsCapabilities {
        self.capabilities
    }
}
