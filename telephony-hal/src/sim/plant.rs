//! All simulated lines, and the gateway's end of each.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::BufWriter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::broadcast;
use tracing::warn;

use super::machine::Machine;
use super::wire::{WireState, ring_volts};
use super::{Phone, PhoneEvent, PhoneEventKind, PhoneStatus};
use crate::wav::{WavError, WavWriter};
use crate::{ErrorKind, FxsCapabilities, FxsLine, HalError, Impedance, Lamp, LineEvent, SAMPLE_RATE};

/// Hook events that wait for the gateway before the telephone is told that nobody answers.
pub const MAX_EVENTS: usize = 256;

/// Samples a telephone may have queued to say or dial (ten minutes).
pub const MAX_SPEECH: usize = 600 * SAMPLE_RATE as usize;

/// A peak below this (about -50 dBm0) counts as silence.
const SILENCE: u16 = 100;

/// What a user of a simulated telephone did wrong, or what went wrong for him.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlantError {
    /// No keypad has that key.
    #[error("{found:?} is no key, expected {expected}")]
    Digit {
        /// The character.
        found: char,
        /// The keys there are.
        expected: &'static str,
    },
    /// The gateway does not read its events.
    #[error("port {port} has {MAX_EVENTS} events unread, expected the gateway to poll")]
    EventsFull {
        /// Name of the port.
        port: String,
    },
    /// A file could not be read or written.
    #[error("file {path:?}: {source}")]
    File {
        /// Its path as given.
        path: String,
        /// Why.
        source: WavError,
    },
    /// There is no recording to stop.
    #[error("port {port} is not recording, expected a record before stop")]
    NotRecording {
        /// Name of the port.
        port: String,
    },
    /// The handset lies in its cradle.
    #[error("the telephone on {port} is on hook, expected off hook")]
    OnHook {
        /// Name of the port.
        port: String,
    },
    /// More to say than fits.
    #[error("port {port} has {queued} samples to say, expected at most {MAX_SPEECH}")]
    SpeechFull {
        /// Name of the port.
        port: String,
        /// Samples queued with this request.
        queued: usize,
    },
    /// No line of that name exists.
    #[error("no port {port:?}, expected {known}")]
    UnknownPort {
        /// The name.
        port: String,
        /// The names there are.
        known: String,
    },
}

/// The outside plant. Clones are handles to the same plant.
///
/// ```
/// use std::future::poll_fn;
/// use telephony_hal::{FxsLine, LineEvent, sim::Plant};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let plant = Plant::new();
/// let mut line = plant.add_line("2/0"); // the gateway's end
/// let phone = plant.phone("2/0").unwrap(); // the subscriber's end
/// phone.off_hook().unwrap();
/// assert_eq!(poll_fn(|cx| line.poll_event(cx)).await.unwrap(), LineEvent::OffHook);
/// phone.capture_start();
/// line.write_audio(&[500; 160]).unwrap();
/// assert_eq!(phone.capture_stop(), [500; 160]);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Plant(Arc<Mutex<Inner>>);

impl Default for Plant {
    fn default() -> Self {
        Self::new()
    }
}

impl Plant {
    /// An empty plant.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner { lines: BTreeMap::new(), events: broadcast::Sender::new(1024) })))
    }

    /// Opens the gateway's end of the line named `port`, making the line if there is none.
    ///
    /// The telephone outlives the port: after a restart of the gateway it is as off hook or on hook as it was. If the port is
    /// already open, the new end takes over, and the older one gets `Removed`.
    pub fn add_line(&self, port: &str) -> SimLine {
        let mut inner = self.lock();
        let line = inner.lines.entry(port.to_owned()).or_default();
        line.owner += 1;
        line.present = true;
        line.reset_port();
        if line.off_hook {
            line.events.push_back(LineEvent::OffHook);
        }
        line.wake();
        let owner = line.owner;
        inner.tell(port, PhoneEventKind::PortUp);
        SimLine { plant: self.clone(), port: port.to_owned(), owner }
    }

    /// The telephone on `port`.
    ///
    /// # Errors
    /// `UnknownPort`, naming the ports there are.
    pub fn phone(&self, port: &str) -> Result<Phone, PlantError> {
        let inner = self.lock();
        if inner.lines.contains_key(port) {
            return Ok(Phone::new(self.clone(), port.to_owned()));
        }
        let known = match inner.lines.len() {
            0 => "a configured port, there are none".to_owned(),
            _ => inner.lines.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        Err(PlantError::UnknownPort { port: port.to_owned(), known })
    }

    /// Names of all lines, sorted.
    pub fn ports(&self) -> Vec<String> {
        self.lock().lines.keys().cloned().collect()
    }

    /// Everything all telephones notice from now on. A reader that falls 1024 events behind loses the oldest and is told.
    pub fn subscribe(&self) -> broadcast::Receiver<PhoneEvent> {
        self.lock().events.subscribe()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What went wrong on a simulated line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimLineError {
    /// The port was opened a second time; this end is dead.
    #[error("port {port} was opened again, this end is closed")]
    Closed {
        /// Name of the port.
        port: String,
    },
    /// Ringing voltage does not go on a line in use.
    #[error("the telephone on {port} is off hook, expected on hook for ringing or lamp voltage")]
    OffHook {
        /// Name of the port.
        port: String,
    },
}

impl HalError for SimLineError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed { .. } => ErrorKind::Closed,
            Self::OffHook { .. } => ErrorKind::Busy,
        }
    }
}

/// The gateway's end of a simulated line. Dropping it closes the port; the telephone stays.
#[derive(Debug)]
pub struct SimLine {
    plant: Plant,
    port: String,
    owner: u64,
}

impl SimLine {
    /// Name of the port.
    pub fn port(&self) -> &str {
        &self.port
    }

    fn with<R>(
        &self,
        act: impl FnOnce(&mut LineState) -> (R, Vec<PhoneEventKind>),
    ) -> Result<R, SimLineError> {
        let mut inner = self.plant.lock();
        match inner.lines.get_mut(&self.port).filter(|line| line.owner == self.owner) {
            Some(line) => {
                let (result, events) = act(line);
                for event in events {
                    inner.tell(&self.port, event);
                }
                Ok(result)
            }
            None => Err(SimLineError::Closed { port: self.port.clone() }),
        }
    }
}

impl FxsLine for SimLine {
    type Error = SimLineError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<LineEvent, SimLineError>> {
        let next = self.with(|line| {
            let event = line.events.pop_front();
            if event.is_none() {
                line.waker = Some(cx.waker().clone());
            }
            (event, vec![])
        });
        match next {
            Ok(Some(event)) => Poll::Ready(Ok(event)),
            Ok(None) => Poll::Pending,
            // Once as an event, then as an error: the owner number 0 belongs to nobody.
            Err(_) if self.owner != 0 => {
                self.owner = 0;
                Poll::Ready(Ok(LineEvent::Removed))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn write_audio(&mut self, samples: &[i16]) -> Result<usize, SimLineError> {
        self.with(|line| (samples.len(), line.hear(samples)))
    }

    fn read_audio(&mut self, out: &mut [i16]) -> Result<usize, SimLineError> {
        self.with(|line| (out.len(), line.say(out)))
    }

    fn set_ringing(&mut self, on: bool) -> Result<(), SimLineError> {
        let port = self.port.clone();
        self.with(|line| {
            if on && line.loop_closed() {
                return (Err(SimLineError::OffHook { port }), vec![]);
            }
            if line.ringing == on {
                return (Ok(()), vec![]);
            }
            line.ringing = on;
            line.rings += u64::from(on);
            (Ok(()), vec![if on { PhoneEventKind::Ring } else { PhoneEventKind::RingStop }])
        })?
    }

    fn set_polarity(&mut self, reversed: bool) -> Result<(), SimLineError> {
        self.with(|line| {
            let changed = std::mem::replace(&mut line.reversed, reversed) != reversed;
            ((), changed.then_some(PhoneEventKind::Polarity { reversed }).into_iter().collect())
        })
    }

    fn set_lamp(&mut self, lamp: Lamp) -> Result<(), SimLineError> {
        let port = self.port.clone();
        self.with(|line| {
            if lamp != Lamp::Off && line.loop_closed() {
                return (Err(SimLineError::OffHook { port }), vec![]);
            }
            (Ok(()), line.light(lamp).into_iter().collect())
        })?
    }

    fn set_battery(&mut self, on: bool) -> Result<(), SimLineError> {
        self.with(|line| {
            if line.battery == on {
                return ((), vec![]);
            }
            // An open loop carries no current: the port sees a hook transition that nobody made.
            let before = line.loop_closed();
            line.battery = on;
            line.sense(before);
            ((), vec![PhoneEventKind::Battery { on }])
        })
    }

    fn set_impedance(&mut self, impedance: Impedance) -> Result<(), SimLineError> {
        self.with(|line| {
            line.impedance = impedance;
            ((), vec![])
        })
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

impl Drop for SimLine {
    fn drop(&mut self) {
        let closed = self.with(|line| {
            line.present = false;
            line.owner += 1;
            let mut events = line.reset_port();
            events.push(PhoneEventKind::PortDown);
            ((), events)
        });
        drop(closed); // an end that was taken over has nothing to close
    }
}

#[derive(Debug)]
pub(super) struct Inner {
    lines: BTreeMap<String, LineState>,
    events: broadcast::Sender<PhoneEvent>,
}

impl Inner {
    /// The line of a [`Phone`]. Lines are never taken out of the plant, so it is there; if not, an idle one is made.
    pub(super) fn line(&mut self, port: &str) -> &mut LineState {
        self.lines.entry(port.to_owned()).or_default()
    }

    /// Load of the board's ringing generator in REN.
    pub(super) fn generator_ren(&self) -> f64 {
        self.lines.values().map(LineState::ringing_ren).sum()
    }

    pub(super) fn tell(&self, port: &str, kind: PhoneEventKind) {
        // Fails only when nobody listens.
        let _ = self.events.send(PhoneEvent { port: port.to_owned(), kind });
    }
}

/// Where heard samples go.
#[derive(Debug)]
pub(super) enum Sink {
    File { path: String, wav: WavWriter<BufWriter<File>>, left: u64, on_hook: bool },
    Memory(Vec<i16>),
}

/// A line with its telephone.
#[derive(Debug)]
pub(super) struct LineState {
    owner: u64,
    pub(super) present: bool,
    events: VecDeque<LineEvent>,
    waker: Option<Waker>,
    pub(super) off_hook: bool,
    /// The loop is open although the handset is lifted: dial pulse or flash button.
    broken: bool,
    ringing: bool,
    rings: u64,
    reversed: bool,
    battery: bool,
    lamp: Lamp,
    impedance: Impedance,
    heard: u64,
    heard_on_hook: u64,
    sounding: bool,
    pub(super) speech: VecDeque<i16>,
    pub(super) wire: WireState,
    pub(super) record: Option<Sink>,
    pub(super) capture: Option<Sink>,
    /// A machine instead of the handset.
    pub(super) machine: Option<Machine>,
}

impl Default for LineState {
    fn default() -> Self {
        Self {
            owner: 0,
            present: false,
            events: VecDeque::new(),
            waker: None,
            off_hook: false,
            broken: false,
            ringing: false,
            rings: 0,
            reversed: false,
            battery: true,
            lamp: Lamp::Off,
            impedance: Impedance::default(),
            heard: 0,
            heard_on_hook: 0,
            sounding: false,
            speech: VecDeque::new(),
            wire: WireState::default(),
            record: None,
            capture: None,
            machine: None,
        }
    }
}

impl LineState {
    /// Moves the handset. Gives the events the telephone notices, or `None` when the gateway's queue is full.
    pub(super) fn hook(&mut self, off: bool) -> Option<Vec<PhoneEventKind>> {
        if self.off_hook == off && !self.broken {
            return Some(vec![]);
        }
        if self.present && self.events.len() >= MAX_EVENTS {
            return None;
        }
        let before = self.loop_closed();
        self.off_hook = off;
        self.broken = false;
        self.sense(before);
        let mut events = vec![PhoneEventKind::Hook { off }];
        if off {
            // Ring trip and the loop detector take ringing and lamp voltage off by hardware.
            if std::mem::take(&mut self.ringing) {
                events.push(PhoneEventKind::RingStop);
            }
            events.extend(self.light(Lamp::Off));
            self.heard = 0;
            self.rings = 0;
        } else {
            self.speech.clear();
            events.extend(self.quiet());
            if matches!(self.record, Some(Sink::File { on_hook: false, .. })) {
                events.extend(self.stop_record());
            }
        }
        Some(events)
    }

    /// Ring ground, then the handset's way up.
    pub(super) fn ground(&mut self) -> Option<Vec<PhoneEventKind>> {
        if self.present && self.events.len() + 1 >= MAX_EVENTS {
            return None;
        }
        if self.present {
            self.push(LineEvent::RingGround);
        }
        self.hook(true)
    }

    /// Breaks or mends the loop under a lifted handset (dial, flash button); `false` when the gateway's queue is full.
    pub(super) fn switch(&mut self, closed: bool) -> bool {
        // Mending always succeeds: a flash must not leave the telephone dead.
        if !closed && self.present && self.events.len() + 1 >= MAX_EVENTS {
            return false;
        }
        let before = self.loop_closed();
        self.broken = !closed && self.off_hook;
        self.sense(before);
        true
    }

    pub(super) fn stop_record(&mut self) -> Option<PhoneEventKind> {
        match self.record.take() {
            Some(Sink::File { path, wav, .. }) => {
                let samples = wav.samples();
                if let Err(error) = wav.finish() {
                    warn!(file = %path, %error, "recording not completed");
                }
                Some(PhoneEventKind::Recorded { file: path, samples })
            }
            _ => None,
        }
    }

    /// Bells that draw on the ringing generator now, in REN.
    fn ringing_ren(&self) -> f64 {
        if self.ringing { self.wire.ren() } else { 0.0 }
    }

    pub(super) fn status(&self, port: &str, generator_ren: f64) -> PhoneStatus {
        PhoneStatus {
            port: port.to_owned(),
            hook: if self.off_hook { "off" } else { "on" },
            present: self.present,
            ringing: self.ringing,
            ring_volts: if self.ringing { ring_volts(generator_ren) } else { 0 },
            rings: self.rings,
            lamp: self.lamp.into(),
            polarity: if self.reversed { "reversed" } else { "normal" },
            battery: self.battery,
            impedance: self.impedance.name(),
            heard: self.heard,
            heard_on_hook: self.heard_on_hook,
            audio: self.sounding,
            speaking: self.speech.len(),
            recording: match &self.record {
                Some(Sink::File { path, .. }) => Some(path.clone()),
                _ => None,
            },
        }
    }

    fn hear(&mut self, samples: &[i16]) -> Vec<PhoneEventKind> {
        let mut events = vec![];
        let samples = &self.wire.outward(samples)[..];
        let count = samples.len() as u64;
        if self.loop_closed() {
            let active = samples.iter().any(|sample| sample.unsigned_abs() >= SILENCE);
            if active != self.sounding {
                self.sounding = active;
                events.push(PhoneEventKind::Audio { active, at: self.heard });
            }
            self.heard += count;
        } else {
            self.heard_on_hook += count;
        }
        let off_hook = self.loop_closed();
        if let Some(machine) = self.machine.as_mut().filter(|_| off_hook) {
            machine.hear(samples);
        }
        if let Some(Sink::Memory(heard)) = &mut self.capture {
            let room = MAX_SPEECH.saturating_sub(heard.len());
            heard.extend(samples.iter().take(room));
        }
        let mut done = false;
        if let Some(Sink::File { path, wav, left, on_hook }) = &mut self.record
            && (off_hook || *on_hook)
        {
            let take = usize::try_from(*left).unwrap_or(usize::MAX).min(samples.len());
            if let Err(error) = wav.write(samples.get(..take).unwrap_or(samples)) {
                warn!(file = %path, %error, "recording stopped");
                done = true;
            }
            *left -= take as u64;
            done |= *left == 0;
        }
        if done {
            events.extend(self.stop_record());
        }
        events
    }

    fn say(&mut self, out: &mut [i16]) -> Vec<PhoneEventKind> {
        out.fill(0);
        let closed = self.loop_closed();
        let mut spoken = false;
        if let Some(machine) = self.machine.as_mut().filter(|_| closed) {
            machine.say(out);
        }
        if closed && !self.speech.is_empty() {
            let count = out.len().min(self.speech.len());
            for (place, sample) in out.iter_mut().zip(self.speech.drain(..count)) {
                *place = sample;
            }
            spoken = self.speech.is_empty();
        }
        self.wire.inward(out, closed);
        if spoken { vec![PhoneEventKind::Dialled] } else { vec![] }
    }

    fn light(&mut self, lamp: Lamp) -> Option<PhoneEventKind> {
        let changed = std::mem::replace(&mut self.lamp, lamp) != lamp;
        changed.then(|| PhoneEventKind::Lamp { on: lamp != Lamp::Off, lamp: lamp.into() })
    }

    fn quiet(&mut self) -> Option<PhoneEventKind> {
        std::mem::take(&mut self.sounding).then_some(PhoneEventKind::Audio { active: false, at: self.heard })
    }

    /// Back to the voltages of a closed port.
    fn reset_port(&mut self) -> Vec<PhoneEventKind> {
        self.events.clear();
        let mut events = vec![];
        if std::mem::take(&mut self.ringing) {
            events.push(PhoneEventKind::RingStop);
        }
        if std::mem::take(&mut self.reversed) {
            events.push(PhoneEventKind::Polarity { reversed: false });
        }
        if !std::mem::replace(&mut self.battery, true) {
            events.push(PhoneEventKind::Battery { on: true });
        }
        events.extend(self.light(Lamp::Off));
        events.extend(self.quiet());
        self.wake();
        events
    }

    fn loop_closed(&self) -> bool {
        self.off_hook && self.battery && !self.broken
    }

    /// Reports to the port if loop current started or stopped.
    fn sense(&mut self, before: bool) {
        let now = self.loop_closed();
        if !self.present || now == before {
            return;
        }
        self.push(if now { LineEvent::OffHook } else { LineEvent::OnHook });
    }

    fn push(&mut self, event: LineEvent) {
        // The port's own battery may toggle without bound while nobody polls: keep the newest state.
        if self.events.len() >= MAX_EVENTS {
            self.events.clear();
        }
        self.events.push_back(event);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
