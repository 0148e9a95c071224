//! The analogue pairs of the box: their hardware, and 20 ms of audio at a time between it and the media plane.
//!
//! Pairs are counted through: the FXS ports first, then the FXO ports.

use std::task::{Context, Poll};
use std::time::Instant;

use media::dtmf::{DtmfConfig, DtmfDetector, DtmfEvent};
use telephony_hal::dahdi::{DahdiFxo, DahdiFxs};
use telephony_hal::sim::{Plant, tie_line};
use telephony_hal::wrap::Erased;
use telephony_hal::{
    AnyError, ErrorKind, FxoEvent, FxoLine, FxsCapabilities, FxsLine, HalError, Lamp, LineEvent,
};

use super::MediaEnd;
use super::plane::{Plane, TICK};
use crate::hardware::{EchoCanceller, FxoBackend, FxsBackend, Hardware};
use crate::leg::fxo::OfficeAction;
use crate::leg::fxs::LineAction;
use crate::service::message::Message;
use crate::service::report::Reporter;
use crate::switch::Switch;

type AnyFxs = Box<dyn FxsLine<Error = AnyError> + Send>;
type AnyFxo = Box<dyn FxoLine<Error = AnyError> + Send>;

/// A port of either kind; nothing while its board is away.
enum Port {
    Station(Option<AnyFxs>),
    Office(Option<AnyFxo>),
}

impl Port {
    fn is_away(&self) -> bool {
        matches!(self, Self::Station(None) | Self::Office(None))
    }
}

/// One of the pairs, as the switch counts its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// An FXS port.
    Line(usize),
    /// An FXO port.
    Office(usize),
}

struct Pair {
    port: Port,
    /// Its channel on a board, which may come later, or come back after it was pulled out.
    channel: Option<u32>,
    detector: DtmfDetector,
    /// Its audio moved in the last tick.
    active: bool,
    /// `hardware.toml` leaves its echo to the board.
    board_echo: bool,
    /// What the board was told of it.
    echo: Option<u16>,
}

impl Pair {
    /// Whether its board has a canceller now: `dahdi_cfg` may attach one at any time.
    fn cancels_echo(&self) -> bool {
        match &self.port {
            Port::Station(port) => port.as_ref().is_some_and(FxsLine::cancels_echo),
            Port::Office(port) => port.as_ref().is_some_and(FxoLine::cancels_echo),
        }
    }

    /// Switches the board's canceller as the switch wants it.
    fn tell_echo(&mut self, coverage: Option<u16>) {
        if std::mem::replace(&mut self.echo, coverage) == coverage {
            return;
        }
        let done = match &mut self.port {
            Port::Station(None) | Port::Office(None) => return,
            Port::Station(Some(port)) => port.set_echo(coverage),
            Port::Office(Some(port)) => port.set_echo(coverage),
        };
        if let Err(error) = done {
            tracing::warn!(%error, ?coverage, "echo canceller of a board");
        }
    }
}

/// All pairs.
pub struct Pairs {
    pairs: Vec<Pair>,
    stations: usize,
}

impl Pairs {
    /// Opens the ports of a checked `hardware.toml`: boards' channels, and simulated ones toward the plant's telephones or toward
    /// the FXO ports wired to them. What cannot be opened is [away](Self::away), and said to `reporter`.
    #[must_use]
    pub fn open(hardware: &Hardware, plant: &Plant, reporter: &Reporter) -> Self {
        let pair = |port, channel, echo| Pair {
            port,
            channel,
            detector: DtmfDetector::new(DtmfConfig::default()),
            active: false,
            board_echo: echo == EchoCanceller::Board,
            echo: None,
        };
        let missing = |port: &String, error| reporter.report(Message::PortDevice { port, error: &error });
        let mut pairs = Vec::new();
        let mut offices: Vec<Option<AnyFxo>> = hardware.fxo.iter().map(|_| None).collect();
        for (fxo, end) in hardware.fxo.iter().zip(&mut offices) {
            if fxo.backend == FxoBackend::Dahdi {
                let line = DahdiFxo::open(fxo.channel.unwrap_or(0));
                let line = line.map_err(|error| missing(&fxo.port, error)).ok();
                *end = line.map(|line| Box::new(Erased(line)) as AnyFxo);
            }
        }
        for fxs in &hardware.fxs {
            let wired = hardware
                .fxo
                .iter()
                .zip(&mut offices)
                .find(|(fxo, _)| fxo.wired_to.as_ref() == Some(&fxs.port));
            let line: Option<AnyFxs> = match (fxs.backend, wired) {
                (FxsBackend::Dahdi, _) => {
                    let line = DahdiFxs::open(fxs.channel.unwrap_or(0));
                    let line = line.map_err(|error| missing(&fxs.port, error)).ok();
                    line.map(|line| Box::new(Erased(line)) as AnyFxs)
                }
                (FxsBackend::Sim, None) => Some(Box::new(Erased(plant.add_line(&fxs.port)))),
                (FxsBackend::Sim, Some((_, end))) => {
                    let (station, office) = tie_line();
                    *end = Some(Box::new(Erased(office)));
                    Some(Box::new(Erased(station)))
                }
            };
            pairs.push(pair(Port::Station(line), fxs.channel, fxs.echo_canceller));
        }
        let stations = pairs.len();
        for (fxo, office) in hardware.fxo.iter().zip(offices) {
            pairs.push(pair(Port::Office(office), fxo.channel, fxo.echo_canceller));
        }
        Self { pairs, stations }
    }

    /// How many FXS ports and how many FXO ports.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.stations, self.pairs.len() - self.stations)
    }

    /// Whether a board is away that may come.
    #[must_use]
    pub fn any_away(&self) -> bool {
        self.pairs.iter().any(|pair| pair.port.is_away() && pair.channel.is_some())
    }

    /// The pairs without hardware.
    #[must_use]
    pub fn away(&self) -> Vec<Which> {
        let away = self.pairs.iter().enumerate().filter(|(_, pair)| pair.port.is_away());
        away.map(|(at, _)| at.checked_sub(self.stations).map_or(Which::Line(at), Which::Office)).collect()
    }

    /// Opens the ports of boards that were away and are there now: those are as new, whatever was set before.
    pub fn reopen(&mut self) -> Vec<Which> {
        let stations = self.stations;
        let mut returned = Vec::new();
        for (at, pair) in self.pairs.iter_mut().enumerate().filter(|(_, pair)| pair.port.is_away()) {
            let Some(channel) = pair.channel else { continue };
            let opened = match &mut pair.port {
                Port::Station(port) => DahdiFxs::open(channel).map(|line| {
                    *port = Some(Box::new(Erased(line)));
                    Which::Line(at)
                }),
                Port::Office(port) => DahdiFxo::open(channel).map(|line| {
                    *port = Some(Box::new(Erased(line)));
                    Which::Office(at - stations)
                }),
            };
            match opened {
                Ok(which) => {
                    (pair.active, pair.echo) = (false, None);
                    pair.detector = DtmfDetector::new(DtmfConfig::default());
                    returned.push(which);
                }
                // Not there yet, or not configured yet.
                Err(error) => tracing::debug!(%error, "analogue port"),
            }
        }
        returned
    }

    /// Whether the switch wants audio on any pair.
    #[must_use]
    pub fn any_active(&self, switch: &Switch) -> bool {
        (0..self.pairs.len()).any(|pair| switch.line_is_active(pair))
    }

    /// What the hardware of an FXS port can do; `None` while its board is away.
    #[must_use]
    pub fn capabilities(&self, line: usize) -> Option<FxsCapabilities> {
        match &self.pairs.get(line)?.port {
            Port::Station(port) => port.as_ref().map(FxsLine::capabilities),
            Port::Office(_) => None,
        }
    }

    /// Does what the switch wants of an FXS port.
    pub fn act(&mut self, line: usize, action: &LineAction) {
        let Some(Pair { port: Port::Station(Some(port)), .. }) = self.pairs.get_mut(line) else { return };
        let done = match *action {
            LineAction::Ring(on) => port.set_ringing(on),
            LineAction::Lamp(false) => port.set_lamp(Lamp::Off),
            LineAction::Lamp(true) => port.set_lamp(port.capabilities().lamp().unwrap_or(Lamp::HighVoltage)),
            LineAction::Polarity(reversed) => port.set_polarity(reversed),
            LineAction::Battery(on) => port.set_battery(on),
            LineAction::Impedance(impedance) => port.set_impedance(impedance),
            LineAction::Flash(longest) => port.set_flash(longest),
        };
        if let Err(error) = done {
            tracing::warn!(%error, line, ?action, "line");
        }
    }

    /// Does what the switch wants of an FXO port.
    pub fn act_office(&mut self, office: usize, action: &OfficeAction) {
        let pair = self.pairs.get_mut(self.stations + office);
        let Some(Pair { port: Port::Office(Some(port)), .. }) = pair else { return };
        let done = match *action {
            OfficeAction::Hook(off) => port.set_hook(off),
            OfficeAction::RingGround(on) => port.set_ring_ground(on),
            OfficeAction::Impedance(impedance) => port.set_impedance(impedance),
        };
        if let Err(error) = done {
            tracing::warn!(%error, office, ?action, "exchange line");
        }
    }

    /// The next event of an FXS port, if one is there.
    pub fn poll_line(&mut self, cx: &mut Context<'_>, line: usize) -> Option<LineEvent> {
        let Port::Station(port) = &mut self.pairs.get_mut(line)?.port else { return None };
        next(port, |port| port.poll_event(cx))
    }

    /// The next event of an FXO port, if one is there.
    pub fn poll_office(&mut self, cx: &mut Context<'_>, office: usize) -> Option<FxoEvent> {
        let Port::Office(port) = &mut self.pairs.get_mut(self.stations + office)?.port else { return None };
        next(port, |port| port.poll_event(cx))
    }

    /// What every pair in use says in 20 ms goes to the plane, and its digits to the switch.
    pub fn hear(&mut self, now: Instant, switch: &mut Switch, plane: &mut Plane) {
        for (at, pair) in self.pairs.iter_mut().enumerate() {
            let was_active = std::mem::replace(&mut pair.active, switch.line_is_active(at));
            if pair.board_echo && pair.active && !was_active {
                switch.leave_echo(now, at, pair.cancels_echo());
            }
            pair.tell_echo(switch.board_echo(at).filter(|_| pair.active));
            if !pair.active {
                continue;
            }
            let mut samples = [0; TICK];
            let read = match &mut pair.port {
                Port::Station(None) | Port::Office(None) => continue,
                Port::Station(Some(port)) => port.read_audio(&mut samples),
                Port::Office(Some(port)) => {
                    // What came while nobody listened would only be late.
                    while !was_active && port.read_audio(&mut samples).is_ok_and(|read| read > 0) {}
                    port.read_audio(&mut samples)
                }
            };
            let heard = samples.get_mut(..read.unwrap_or(0)).unwrap_or_default();
            switch.line_said(now, at, heard);
            let muted = switch.line_is_muted(at);
            plane.put(MediaEnd::Line(at), if muted { &[] } else { heard });
            let mut digits = Vec::new();
            pair.detector.set_dial_tone(switch.line_has_tone(at));
            pair.detector.feed(heard, |event| {
                if let DtmfEvent::Start { digit, .. } = event {
                    digits.push(digit);
                }
            });
            for digit in digits {
                switch.handle_digit(now, at, digit);
            }
        }
    }

    /// What every pair in use hears in 20 ms.
    pub fn speak(&mut self, switch: &mut Switch, plane: &Plane) {
        for (at, pair) in self.pairs.iter_mut().enumerate() {
            if !switch.line_is_active(at) {
                continue;
            }
            let mut samples = plane.heard_by(MediaEnd::Line(at)).copied().unwrap_or([0; TICK]);
            switch.line_audio(at, &mut samples);
            let written = match &mut pair.port {
                Port::Station(None) | Port::Office(None) => continue,
                Port::Station(Some(port)) => port.write_audio(&samples),
                Port::Office(Some(port)) => port.write_audio(&samples),
            };
            if let Err(error) = written {
                tracing::debug!(%error, at, "audio");
            }
        }
    }
}

/// The next event; a port that is closed has none any more, and is given up.
fn next<P, E>(slot: &mut Option<P>, mut poll: impl FnMut(&mut P) -> Poll<Result<E, AnyError>>) -> Option<E> {
    while let Some(port) = slot {
        match poll(port) {
            Poll::Pending => return None,
            Poll::Ready(Ok(event)) => return Some(event),
            Poll::Ready(Err(error)) => {
                tracing::warn!(%error, "analogue port");
                if error.kind() == ErrorKind::Closed {
                    *slot = None;
                }
            }
        }
    }
    None
}
