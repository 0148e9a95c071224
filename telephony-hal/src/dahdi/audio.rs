//! Both directions of a channel's audio in step with the board's clock, whatever the clock of the caller.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::channel::after_events;
use super::port::Port;
use super::sys::{self, Request};

/// Samples in a kernel buffer: 20 ms.
pub(super) const BLOCK: u16 = 160;
/// Kernel buffers a direction: what a caller may be late by.
pub(super) const BUFFERS: u16 = 8;
/// Blocks that wait for sending when all is well.
const CUSHION: i64 = 2;
/// Blocks received that may wait for the caller.
const WAITING: usize = 3;
/// After so long without a call what waits is old.
const STALE: Duration = Duration::from_millis(120);

/// Counts of what the difference of two clocks, or a late caller, cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioSlips {
    /// Samples received and not delivered.
    pub dropped: u64,
    /// Samples sent twice, because nothing else was there in time.
    pub repeated: u64,
    /// Samples not sent, because too much waited.
    pub skipped: u64,
}

/// The audio of one channel.
///
/// The board consumes exactly as many samples as it delivers. So what waits in the kernel for sending is known from what
/// was written and what was read, and is kept at [`CUSHION`] blocks.
#[derive(Debug)]
pub(super) struct Audio {
    /// Octets a sample: 2 linear, 1 companded.
    unit: usize,
    received: VecDeque<u8>,
    /// Samples that wait for sending, by count.
    queued: i64,
    touched: Option<Instant>,
    slips: AudioSlips,
}

impl Audio {
    pub(super) fn new(unit: usize) -> Self {
        Self { unit, received: VecDeque::new(), queued: 0, touched: None, slips: AudioSlips::default() }
    }

    pub(super) fn slips(&self) -> AudioSlips {
        self.slips
    }

    /// Octets received, whole samples, into the front of `out`. Events that the kernel wants fetched first go to `events`.
    pub(super) fn read(
        &mut self,
        now: Instant,
        port: &mut dyn Port,
        events: &mut VecDeque<i32>,
        out: &mut [u8],
    ) -> io::Result<usize> {
        self.wake_up(now, port)?;
        let block = usize::from(BLOCK) * self.unit;
        let mut buffer = [0; BLOCK as usize * 2];
        let mut blocks = 0;
        while blocks <= BUFFERS {
            let room = buffer.get_mut(..block).unwrap_or_default();
            let count = match after_events(port, events, &mut |port| port.read(room)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                read => read?,
            };
            if count == 0 {
                break;
            }
            blocks += 1;
            self.queued -= samples(count, self.unit);
            self.received.extend(buffer.get(..count).unwrap_or_default());
        }
        if blocks >= BUFFERS {
            // The caller was away for so long that the kernel threw blocks away, and has sent all it had.
            self.queued = 0;
        }
        self.queued = self.queued.max(0);
        let excess = self.received.len().saturating_sub(WAITING * block) / block * block;
        if excess > 0 {
            self.received.drain(..excess);
            self.slips.dropped += u64::try_from(samples(excess, self.unit)).unwrap_or(0);
        }
        let count = out.len().min(self.received.len()) / self.unit * self.unit;
        for (to, from) in out.iter_mut().zip(self.received.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }

    /// Sends whole samples; says how many octets were taken, also where the pace leaves them out.
    pub(super) fn write(
        &mut self,
        now: Instant,
        port: &mut dyn Port,
        events: &mut VecDeque<i32>,
        octets: &[u8],
        silence: u8,
    ) -> io::Result<usize> {
        self.wake_up(now, port)?;
        let block = i64::from(BLOCK);
        let mut send = |audio: &mut Self, octets: &[u8]| -> io::Result<usize> {
            let written = after_events(port, events, &mut |port| port.write(octets))?;
            audio.queued += samples(written, audio.unit);
            Ok(written)
        };
        if self.queued > (CUSHION + 2) * block {
            self.slips.skipped += u64::try_from(samples(octets.len(), self.unit)).unwrap_or(0);
            return Ok(octets.len());
        }
        if self.queued <= 0 {
            // The start, or all was sent: silence ahead, so that the next late call does no harm.
            let quiet = [silence; BLOCK as usize * 2];
            let written = send(self, quiet.get(..usize::from(BLOCK) * self.unit).unwrap_or_default())?;
            self.slips.repeated += u64::try_from(samples(written, self.unit)).unwrap_or(0);
        }
        let mut taken = 0;
        for part in octets.chunks(usize::from(BLOCK) * self.unit) {
            match send(self, part) {
                Ok(written) => {
                    taken += written;
                    if written < part.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// After a pause what waits on either side is of another time.
    fn wake_up(&mut self, now: Instant, port: &mut dyn Port) -> io::Result<()> {
        let last = self.touched.replace(now);
        if last.is_none_or(|last| now.saturating_duration_since(last) > STALE) {
            port.set(Request::Flush, sys::FLUSH_AUDIO)?;
            self.received.clear();
            self.queued = 0;
        }
        Ok(())
    }
}

fn samples(octets: usize, unit: usize) -> i64 {
    i64::try_from(octets / unit).unwrap_or(i64::MAX)
}
