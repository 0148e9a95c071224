//! A telephone to play with.

use std::fs::File;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::sleep;

use super::machine::Machine;
use super::plant::{LineState, Sink};
use super::wire::{Wire, WireState};
use super::{MAX_SPEECH, PhoneEvent, PhoneEventKind, PhoneStatus, Plant, PlantError, dtmf};
use crate::SAMPLE_RATE;
use crate::wav::{self, WavError, WavWriter};

/// Longest recording: an hour.
const MAX_RECORD: u64 = 3600 * SAMPLE_RATE as u64;
/// Ten pulses a second with 60 % break, and the pause between two digits.
const PULSE_BREAK: Duration = Duration::from_millis(60);
const PULSE_MAKE: Duration = Duration::from_millis(40);
const PULSE_PAUSE: Duration = Duration::from_millis(700);

/// When a recording starts, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the next off hook, or now if off hook; on hook ends it.
    #[default]
    OffHook,
    /// Now, in either hook state: caller ID and message waiting on hook are recorded too.
    Now,
}

/// The telephone on a simulated line. Clones are handles to the same telephone.
#[derive(Clone, Debug)]
pub struct Phone {
    plant: Plant,
    port: String,
}

impl Phone {
    pub(super) fn new(plant: Plant, port: String) -> Self {
        Self { plant, port }
    }

    /// Name of the port.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Lifts the handset: answers, or asks for dial tone. Nothing happens if it is off hook already.
    ///
    /// # Errors
    /// `EventsFull` when the gateway does not poll; the handset stays where it is.
    pub fn off_hook(&self) -> Result<(), PlantError> {
        self.hook(true)
    }

    /// Puts the handset down. What was still to be said or dialled is dropped.
    ///
    /// # Errors
    /// As [`off_hook`](Self::off_hook).
    pub fn on_hook(&self) -> Result<(), PlantError> {
        self.hook(false)
    }

    /// Grounds the ring lead and closes the loop, as the trunk of a PBX does to seize a ground-start line.
    ///
    /// # Errors
    /// As [`off_hook`](Self::off_hook).
    pub fn ground(&self) -> Result<(), PlantError> {
        self.change(|line| match line.ground() {
            Some(events) => (Ok(()), events),
            None => (Err(PlantError::EventsFull { port: self.port.clone() }), vec![]),
        })
    }

    /// Presses the hook for `length` (a usual button: 100 ms in Europe, 400 ms in North America).
    ///
    /// # Errors
    /// `OnHook`, `EventsFull`.
    pub async fn flash(&self, length: Duration) -> Result<(), PlantError> {
        self.expect_off_hook()?;
        self.switch(false)?;
        sleep(length).await;
        self.switch(true)
    }

    /// Presses keys: DTMF of 80 ms with pauses of 80 ms, spoken at the pace at which the gateway reads. `,` is a pause of 1 s.
    /// Ends with the event `Dialled`.
    ///
    /// # Errors
    /// `Digit`, `OnHook`, `SpeechFull`; nothing is sent then.
    pub fn dial(&self, digits: &str) -> Result<(), PlantError> {
        let mut samples = Vec::new();
        for found in digits.chars() {
            let tone = dtmf::key(found)
                .ok_or(PlantError::Digit { found, expected: "0 to 9, *, #, A to D or a comma" })?;
            if samples.len() > MAX_SPEECH {
                return Err(PlantError::SpeechFull { port: self.port.clone(), queued: samples.len() });
            }
            samples.extend(tone);
        }
        self.play(&samples)
    }

    /// Turns the dial: 10 pulses a second, 60 ms break, 700 ms between digits; 0 is ten pulses.
    ///
    /// # Errors
    /// `Digit`, `OnHook`, `EventsFull`.
    pub async fn pulse(&self, digits: &str) -> Result<(), PlantError> {
        let mut counts = Vec::new();
        for found in digits.chars() {
            match found.to_digit(10) {
                Some(0) => counts.push(10),
                Some(count) => counts.push(count),
                None => return Err(PlantError::Digit { found, expected: "0 to 9" }),
            }
        }
        for count in counts {
            self.expect_off_hook()?;
            for _ in 0..count {
                self.switch(false)?;
                sleep(PULSE_BREAK).await;
                self.switch(true)?;
                sleep(PULSE_MAKE).await;
            }
            sleep(PULSE_PAUSE).await;
        }
        Ok(())
    }

    /// Says `samples` (linear, 8 kHz) after what is already queued. Ends with the event `Dialled`.
    ///
    /// # Errors
    /// `OnHook`, `SpeechFull`.
    pub fn play(&self, samples: &[i16]) -> Result<(), PlantError> {
        self.expect_off_hook()?;
        self.with(|line| {
            let queued = line.speech.len().saturating_add(samples.len());
            if queued > MAX_SPEECH {
                return Err(PlantError::SpeechFull { port: self.port.clone(), queued });
            }
            line.speech.extend(samples);
            Ok(())
        })
    }

    /// Says a WAV file (mono, 16 bits, 8 kHz).
    ///
    /// # Errors
    /// `File`, and those of [`play`](Self::play).
    pub fn play_file(&self, path: &str) -> Result<(), PlantError> {
        let failed = |source: WavError| PlantError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(|error| failed(error.into()))?;
        let samples = wav::read(std::io::BufReader::new(file)).map_err(failed)?;
        self.play(&samples)
    }

    /// Records what the telephone hears into a WAV file (mono, 16 bits, 8 kHz), for at most `limit` (an hour if `None`).
    ///
    /// The file is made now, so that a wrong path is told now. It ends at the limit, at on hook (unless `start` is `Now`), at
    /// [`record_stop`](Self::record_stop), or when the next recording starts; each of them gives the event `Recorded`.
    ///
    /// # Errors
    /// `File`.
    pub fn record_start(&self, path: &str, limit: Option<Duration>, start: Start) -> Result<(), PlantError> {
        let wav = File::create(path)
            .and_then(|file| WavWriter::new(BufWriter::new(file), 1))
            .map_err(|error| PlantError::File { path: path.to_owned(), source: error.into() })?;
        let left = limit.map_or(MAX_RECORD, |limit| {
            let samples = limit.as_micros().saturating_mul(u128::from(SAMPLE_RATE)) / 1_000_000;
            u64::try_from(samples).unwrap_or(MAX_RECORD).clamp(1, MAX_RECORD)
        });
        self.change(|line| {
            let events = line.stop_record();
            line.record = Some(Sink::File { path: path.to_owned(), wav, left, on_hook: start == Start::Now });
            (Ok(()), events.into_iter().collect())
        })
    }

    /// Ends the recording and completes its file.
    ///
    /// # Errors
    /// `NotRecording`.
    pub fn record_stop(&self) -> Result<(), PlantError> {
        self.change(|line| match line.stop_record() {
            Some(event) => (Ok(()), vec![event]),
            None => (Err(PlantError::NotRecording { port: self.port.clone() }), vec![]),
        })
    }

    /// Starts to keep everything that reaches the telephone, in either hook state, in memory (up to ten minutes).
    pub fn capture_start(&self) {
        self.with(|line| line.capture = Some(Sink::Memory(Vec::new())));
    }

    /// Ends [`capture_start`](Self::capture_start) and gives the samples; empty if it was not started.
    pub fn capture_stop(&self) -> Vec<i16> {
        self.with(|line| match line.capture.take() {
            Some(Sink::Memory(samples)) => samples,
            _ => Vec::new(),
        })
    }

    /// Hook, voltages and audio at this moment.
    pub fn status(&self) -> PhoneStatus {
        let mut inner = self.plant.lock();
        let ren = inner.generator_ren();
        inner.line(&self.port).status(&self.port, ren)
    }

    /// Replaces wire and telephone by others: loss, noise, echo, bells. Values out of range are taken as the nearest in range.
    pub fn set_wire(&self, wire: Wire) {
        self.with(|line| line.wire = WireState::new(wire));
    }

    /// Puts a machine on the pair in place of the handset: a process that gets what the pair says by UDP at `address`, and
    /// answers each datagram with as many samples to say (16 bits, little endian, 8 kHz). `None`: the handset again.
    ///
    /// # Errors
    /// `File`, with the address as its path, when the system has no socket for that.
    pub fn set_machine(&self, address: Option<SocketAddr>) -> Result<(), PlantError> {
        let machine = address.map(|address| {
            Machine::at(address)
                .map_err(|error| PlantError::File { path: address.to_string(), source: error.into() })
        });
        let machine = machine.transpose()?;
        self.with(|line| line.machine = machine);
        Ok(())
    }

    /// What this telephone notices from now on.
    pub fn subscribe(&self) -> PhoneEvents {
        PhoneEvents { receiver: self.plant.subscribe(), port: self.port.clone() }
    }

    fn hook(&self, off: bool) -> Result<(), PlantError> {
        self.change(|line| match line.hook(off) {
            Some(events) => (Ok(()), events),
            None => (Err(PlantError::EventsFull { port: self.port.clone() }), vec![]),
        })
    }

    /// Opens or closes the loop for an instant: unlike putting the handset down it ends no recording.
    fn switch(&self, closed: bool) -> Result<(), PlantError> {
        self.with(|line| match line.switch(closed) {
            true => Ok(()),
            false => Err(PlantError::EventsFull { port: self.port.clone() }),
        })
    }

    fn expect_off_hook(&self) -> Result<(), PlantError> {
        match self.with(|line| line.off_hook) {
            true => Ok(()),
            false => Err(PlantError::OnHook { port: self.port.clone() }),
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut LineState) -> R) -> R {
        self.change(|line| (act(line), vec![]))
    }

    fn change<R>(&self, act: impl FnOnce(&mut LineState) -> (R, Vec<PhoneEventKind>)) -> R {
        let mut inner = self.plant.lock();
        let (result, events) = act(inner.line(&self.port));
        for event in events {
            inner.tell(&self.port, event);
        }
        result
    }
}

/// What one telephone notices; see [`Phone::subscribe`].
#[derive(Debug)]
pub struct PhoneEvents {
    receiver: broadcast::Receiver<PhoneEvent>,
    port: String,
}

impl PhoneEvents {
    /// The next event, or `None` when the plant is gone. A reader that falls 1024 events behind misses the oldest.
    pub async fn next(&mut self) -> Option<PhoneEventKind> {
        loop {
            match self.receiver.recv().await {
                Ok(event) if event.port == self.port => return Some(event.kind),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
