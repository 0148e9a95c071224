//! An exchange line: a channel signalled as FXS.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::audio::{AudioSlips, BLOCK, BUFFERS};
use super::carrier::Carrier;
use super::channel::Channel;
use super::port::{self, Port as _, WatchedPort};
use super::sys::{Request, event, hook, signalling};
use super::{DahdiError, echo};
use crate::{FxoEvent, FxoLine, Impedance};

/// One FXO port of a DAHDI board.
///
/// DAHDI tells a removal of battery only while the port is off hook and only when it lasted longer than its debounce time; it
/// does not tell the return, which is taken to be there when the port hangs up. Ringing in the first 2 s after opening
/// or hanging up is held back by the kernel.
#[derive(Debug)]
pub struct DahdiFxo {
    channel: Channel,
    ground_start: bool,
    off_hook: bool,
    ringing: bool,
    reversed: bool,
    battery: bool,
    span: i32,
}

impl DahdiFxo {
    /// Opens channel `number` of `lsdahdi`. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DahdiError::Request`], and [`DahdiError::Signalling`] when the channel is not configured as `fxsks`, `fxsls` or `fxsgs`.
    pub fn open(number: u32) -> Result<Self, DahdiError> {
        let mut kernel = port::open(number, BUFFERS, BLOCK)?;
        let failed = |what| move |error| DahdiError::channel(number, what, error);
        let span = kernel.params().map_err(failed("GET_PARAMS"))?.span;
        let carrier = Carrier::of_span(u32::try_from(span).unwrap_or(0)).map_err(failed("thread"))?;
        Self::new(number, Box::new(kernel), carrier)
    }

    pub(super) fn new(
        number: u32,
        port: Box<dyn WatchedPort>,
        carrier: Arc<Carrier>,
    ) -> Result<Self, DahdiError> {
        let mut channel = Channel::of_line(number, port, carrier)?;
        let params = channel.params()?;
        let (found, span) = (params.signalling, params.span);
        if ![signalling::FXS_KEWL, signalling::FXS_LOOP, signalling::FXS_GROUND].contains(&found) {
            return Err(DahdiError::Signalling { channel: number, found, expected: "fxsks, fxsls or fxsgs" });
        }
        channel.set(Request::Hook, hook::ON)?;
        Ok(Self {
            channel,
            ground_start: found == signalling::FXS_GROUND,
            off_hook: false,
            ringing: false,
            reversed: false,
            battery: true,
            span,
        })
    }

    /// What clocks that differ cost since the port was opened.
    pub fn slips(&self) -> AudioSlips {
        self.channel.slips()
    }

    fn meaning(&mut self, event: i32) -> Option<FxoEvent> {
        match event {
            event::RING_BEGIN => changed(&mut self.ringing, true).map(FxoEvent::Ringing),
            event::RING_OFF_HOOK => changed(&mut self.ringing, false).map(FxoEvent::Ringing),
            event::POLARITY => {
                self.reversed = !self.reversed;
                Some(FxoEvent::Polarity(self.reversed))
            }
            event::ON_HOOK | event::ALARM => changed(&mut self.battery, false).map(FxoEvent::Battery),
            event::NO_ALARM => changed(&mut self.battery, true).map(FxoEvent::Battery),
            event::NEON_ON => Some(FxoEvent::Lamp(true)),
            event::NEON_OFF => Some(FxoEvent::Lamp(false)),
            event::REMOVED => Some(FxoEvent::Removed),
            _ => None,
        }
    }
}

/// The new state, when it is one.
fn changed(state: &mut bool, new: bool) -> Option<bool> {
    (std::mem::replace(state, new) != new).then_some(new)
}

impl FxoLine for DahdiFxo {
    type Error = DahdiError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<FxoEvent, DahdiError>> {
        loop {
            let event = ready!(self.channel.poll_event(cx))?;
            if let Some(event) = self.meaning(event) {
                return Poll::Ready(Ok(event));
            }
        }
    }

    fn set_hook(&mut self, off: bool) -> Result<(), DahdiError> {
        self.channel.set(Request::Hook, if off { hook::OFF } else { hook::ON })?;
        self.off_hook = off;
        if !off && !self.battery {
            self.channel.tell(event::NO_ALARM);
        }
        Ok(())
    }

    fn set_ring_ground(&mut self, on: bool) -> Result<(), DahdiError> {
        if !self.ground_start {
            return Err(DahdiError::Unsupported { channel: self.channel.number, what: "ground start" });
        }
        // Going off hook ends it.
        if self.off_hook {
            return Ok(());
        }
        self.channel.set(Request::Hook, if on { hook::START } else { hook::ON })
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), DahdiError> {
        // Boards are loaded with their country's (`opermode=`); no request changes it.
        match impedance {
            Impedance::R600 => Ok(()),
            _ => Err(DahdiError::Unsupported { channel: self.channel.number, what: "choice of impedance" }),
        }
    }

    fn cancels_echo(&self) -> bool {
        echo::is_attached(self.span, self.channel.number)
    }

    fn set_echo(&mut self, coverage: Option<u16>) -> Result<(), DahdiError> {
        self.channel.set(Request::EchoCancel, coverage.map_or(0, echo::taps))
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, DahdiError> {
        self.channel.write_samples(samples)
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, DahdiError> {
        self.channel.read_samples(out)
    }
}
