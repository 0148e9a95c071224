//! The audio of a span's channels: one thread moves it, at the board's pace.
//!
//! The thread waits until the board has 20 ms for one of the channels, then takes from every channel what has come and gives each
//! as much as the board has sent. The channels of a span keep one step, so that one wakes for all. What the thread hands over
//! to the channels' owner and takes from it waits in two [`Ring`]s, whose other ends move at the owner's pace. An analogue line that
//! nobody listens or speaks to leaves the thread alone until somebody does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use std::{io, thread};

use nix::sys::epoll::EpollTimeout;

use super::audio::{AudioSlips, BLOCK, BUFFERS};
use super::events::{Events, after_events};
use super::port::{Pace, Port};
use super::ring::{CAPACITY, Ring};
use super::sys::{self, Request};

/// Octets of the largest block, 20 ms of linear samples.
pub(super) const LARGEST: usize = BLOCK as usize * 2;
/// Blocks that wait in the kernel for sending when all is well.
pub(super) const CUSHION: usize = 3;
/// Blocks that are left when silence must be put in: what the owner may be late by are those between.
const LEAST: usize = 1;
/// Turns over which the least that waited for sending is looked at.
const WINDOW: u32 = 64;
/// Turns without a call of the owner after which a line leaves the thread: 240 ms.
const QUIET: u32 = 12;
/// The board is asked after so long even when it says nothing: a little more than a block.
const LATEST: Duration = Duration::from_millis(25);

/// One open channel, between its owner and the span's thread.
#[derive(Debug)]
pub(super) struct Bearer {
    /// Gone once the owner has closed it or the board is gone. The thread holds the lock for a few requests at a time, the
    /// owner takes it only to close.
    port: Mutex<Option<Box<dyn Port>>>,
    /// The channel's events, which must be fetched before the kernel reads or writes.
    events: Arc<Events>,
    /// From the board.
    received: Ring,
    /// To the board.
    sending: Ring,
    /// Octets of a block.
    block: usize,
    /// What a pause sounds like.
    silence: u8,
    /// It leaves the thread when its owner is quiet.
    rests: bool,
    /// The thread has it, or is about to.
    carried: AtomicBool,
    /// The owner has called since the last turn.
    touched: AtomicBool,
    /// It wakes the thread.
    leads: AtomicBool,
    removed: AtomicBool,
    dropped: AtomicU64,
    repeated: AtomicU64,
    skipped: AtomicU64,
}

impl Bearer {
    /// A B channel: companded octets, in the thread from its opening to its end. Its events (alarms) are the D channel's business
    /// too, which tells them.
    pub(super) fn companded(port: Box<dyn Port>, silence: u8) -> Self {
        Self::new(port, Arc::default(), 1, silence, false)
    }

    /// An analogue line: linear samples, in the thread while it is used.
    pub(super) fn linear(port: Box<dyn Port>, events: Arc<Events>) -> Self {
        Self::new(port, events, 2, 0, true)
    }

    fn new(port: Box<dyn Port>, events: Arc<Events>, unit: usize, silence: u8, rests: bool) -> Self {
        let block = usize::from(BLOCK) * unit;
        Self {
            port: Mutex::new(Some(port)),
            events,
            received: Ring::new(block),
            sending: Ring::new(block),
            block,
            silence,
            rests,
            carried: AtomicBool::new(false),
            touched: AtomicBool::new(false),
            leads: AtomicBool::new(false),
            removed: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }

    /// The owner is done: a timeslot is idle, and free for another.
    pub(super) fn close(&self) {
        *self.port() = None;
    }

    /// Whether the board took it away.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    /// For the owner: it is about to hear or say something. `true` when the thread must be given the channel for that.
    pub(super) fn touch(&self) -> bool {
        self.note();
        !self.carried.swap(true, Ordering::AcqRel)
    }

    /// For the owner: it is there.
    pub(super) fn note(&self) {
        self.touched.store(true, Ordering::Relaxed);
    }

    pub(super) fn slips(&self) -> AudioSlips {
        let samples = |blocks: &AtomicU64| blocks.load(Ordering::Relaxed) * u64::from(BLOCK);
        AudioSlips {
            dropped: samples(&self.dropped),
            repeated: samples(&self.repeated),
            skipped: samples(&self.skipped),
        }
    }

    /// Octets of a block.
    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// For the owner: blocks received that wait.
    pub(super) fn waiting(&self) -> usize {
        self.received.len()
    }

    /// For the owner: the next block received.
    pub(super) fn hear(&self, out: &mut [u8]) -> bool {
        self.received.pop(out)
    }

    /// For the owner: leaves a block out.
    pub(super) fn drop_heard(&self) {
        if self.received.pop(&mut [0; LARGEST]) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For the owner: a block to send.
    pub(super) fn say(&self, block: &[u8]) {
        if !self.sending.push(block) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn port(&self) -> MutexGuard<'_, Option<Box<dyn Port>>> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel in the thread.
#[derive(Debug)]
struct Carried {
    bearer: Arc<Bearer>,
    /// Blocks that wait in the kernel for sending.
    queued: usize,
    /// Blocks of silence to put ahead of all: none but in the first turn.
    ahead: usize,
    /// The owner has said something.
    speaks: bool,
    /// Blocks of silence since it said something last.
    silent: u64,
    /// Turns since the owner called last.
    quiet: u32,
    /// Blocks it was too late for. They are a loss if it comes at all.
    unheard: u64,
    /// Turns of this window, and the least that waited for sending after one of them.
    window: u32,
    least: usize,
}

impl Carried {
    fn new(bearer: Arc<Bearer>) -> Self {
        if bearer.rests
            && let Some(port) = bearer.port().as_deref_mut()
            && let Err(error) = port.set(Request::Flush, sys::FLUSH_AUDIO)
        {
            tracing::debug!(%error, "flush");
        }
        let ahead = CUSHION.saturating_sub(bearer.sending.len().max(1));
        Self {
            bearer,
            queued: 0,
            ahead,
            speaks: false,
            silent: 0,
            quiet: 0,
            unheard: 0,
            window: 0,
            least: usize::MAX,
        }
    }

    /// Moves what has come and what is to go. `false` when the channel is closed, gone, or at rest.
    fn turn(&mut self, pace: &Pace) -> bool {
        let bearer = Arc::clone(&self.bearer);
        let mut slot = bearer.port();
        let Some(port) = slot.as_deref_mut() else { return false };
        self.quiet = if bearer.touched.swap(false, Ordering::Relaxed) { 0 } else { self.quiet + 1 };
        if self.quiet == 0 {
            bearer.dropped.fetch_add(std::mem::take(&mut self.unheard), Ordering::Relaxed);
        }
        if bearer.rests && self.quiet >= QUIET {
            if bearer.leads.swap(false, Ordering::Relaxed)
                && let Err(error) = port.leave_pace(pace)
            {
                tracing::debug!(%error, "pace of a span");
            }
            bearer.carried.store(false, Ordering::Release);
            return false;
        }
        match self.move_blocks(&bearer, port) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "channel");
                bearer.removed.store(true, Ordering::Relaxed);
                *slot = None;
                false
            }
        }
    }

    fn move_blocks(&mut self, bearer: &Bearer, port: &mut dyn Port) -> io::Result<()> {
        let mut buffer = [0; LARGEST];
        let block = buffer.get_mut(..bearer.block).unwrap_or_default();
        let mut came = 0;
        while came <= usize::from(BUFFERS) {
            match after_events(port, &bearer.events, &mut |port| port.read(block)) {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(_) => came += 1,
                Err(error) => return Err(error),
            }
            if !bearer.received.push(block) {
                self.unheard += 1;
            }
        }
        // The board consumes exactly as many samples as it delivers. All buffers full: it has thrown away more, and sent all.
        self.queued = if came >= usize::from(BUFFERS) { 0 } else { self.queued.saturating_sub(came) };
        let ahead = std::mem::take(&mut self.ahead);
        while self.queued < CUSHION {
            if self.queued < ahead {
                block.fill(bearer.silence);
            } else if bearer.sending.pop(block) {
                if std::mem::replace(&mut self.speaks, true) {
                    bearer.repeated.fetch_add(self.silent, Ordering::Relaxed);
                }
                self.silent = 0;
            } else if !self.speaks || self.queued < LEAST || self.silent > 0 && self.queued <= LEAST {
                block.fill(bearer.silence);
                self.silent += 1;
            } else {
                break;
            }
            match after_events(port, &bearer.events, &mut |port| port.write(block)) {
                Ok(_) => self.queued += 1,
                // More waits than we know of.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.queued = CUSHION,
                Err(error) => return Err(error),
            }
        }
        self.keep_up(bearer);
        Ok(())
    }

    /// Leaves out what waited all the time though the kernel has enough: the owner was late, or its clock is the faster one.
    fn keep_up(&mut self, bearer: &Bearer) {
        self.least = self.least.min(bearer.sending.len());
        self.window += 1;
        if self.window >= WINDOW {
            for _ in 0..self.least {
                if bearer.sending.pop(&mut [0; LARGEST]) {
                    bearer.skipped.fetch_add(1, Ordering::Relaxed);
                }
            }
            (self.window, self.least) = (0, usize::MAX);
        }
    }
}

/// The way to a span's thread. It ends when this is dropped and its last channel is closed.
#[derive(Debug)]
pub(super) struct Carrier(Sender<Arc<Bearer>>);

/// The threads there are, by span.
static THREADS: Mutex<Option<HashMap<u32, Weak<Carrier>>>> = Mutex::new(None);
/// What [`set_audio_priority`] set.
static PRIORITY: AtomicU8 = AtomicU8::new(0);

/// Lets the threads that move audio, from the next one on, run before everything that is not real time: `SCHED_FIFO` with
/// `priority` 1 to 99; 0 makes them ordinary ones.
///
/// # Errors
/// What the system says to it, without the right to (`CAP_SYS_NICE`, or `LimitRTPRIO=` at least as high). The threads are ordinary
/// ones then.
pub fn set_audio_priority(priority: u8) -> io::Result<()> {
    PRIORITY.store(0, Ordering::Relaxed);
    if priority > 0 {
        // Of a thread that ends at once: the caller stays what it is.
        let tried = thread::Builder::new().name("priority".into()).spawn(move || sys::real_time(priority))?;
        tried.join().map_err(|_| io::Error::other("the thread ended in disorder"))??;
        PRIORITY.store(priority, Ordering::Relaxed);
    }
    Ok(())
}

impl Carrier {
    /// The thread of span `number`, started where there is none.
    pub(super) fn of_span(number: u32) -> io::Result<Arc<Self>> {
        let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = threads.get_or_insert_default();
        if let Some(carrier) = threads.get(&number).and_then(Weak::upgrade) {
            return Ok(carrier);
        }
        let load = Load::new()?;
        let (carrier, bearers) = Self::new();
        thread::Builder::new().name(format!("span-{number}")).spawn(move || run(load, &bearers))?;
        threads.insert(number, Arc::downgrade(&carrier));
        Ok(carrier)
    }

    /// Without a thread: what is given comes out at the other end.
    pub(super) fn new() -> (Arc<Self>, Receiver<Arc<Bearer>>) {
        let (sender, bearers) = channel();
        (Arc::new(Self(sender)), bearers)
    }

    /// Gives the thread a channel.
    pub(super) fn carry(&self, bearer: &Arc<Bearer>) {
        if self.0.send(Arc::clone(bearer)).is_err() {
            tracing::error!("the thread of a span is gone");
        }
    }
}

/// The channels of the thread.
#[derive(Debug)]
pub(super) struct Load {
    pace: Pace,
    channels: Vec<Carried>,
}

impl Load {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { pace: Pace::new()?, channels: Vec::new() })
    }

    pub(super) fn add(&mut self, bearer: Arc<Bearer>) {
        self.channels.push(Carried::new(bearer));
    }

    /// Moves the audio of every channel, and lets go of those that are closed, gone, or at rest.
    pub(super) fn turn(&mut self) {
        let Self { pace, channels } = self;
        channels.retain_mut(|channel| channel.turn(pace));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Makes the oldest channel the one that wakes the thread. One that is closed leaves the set by itself.
    fn follow(&self) {
        if let Some(Carried { bearer, .. }) = self.channels.first()
            && !bearer.leads.swap(true, Ordering::Relaxed)
            && let Some(port) = bearer.port().as_deref()
            && let Err(error) = port.set_pace(&self.pace)
        {
            tracing::debug!(%error, "pace of a span");
        }
    }
}

fn run(mut load: Load, bearers: &Receiver<Arc<Bearer>>) {
    let priority = PRIORITY.load(Ordering::Relaxed);
    if priority > 0
        && let Err(error) = sys::real_time(priority)
    {
        tracing::warn!(%error, "real-time priority");
    }
    let timeout = EpollTimeout::try_from(LATEST).unwrap_or(EpollTimeout::ZERO);
    loop {
        if load.is_empty() {
            match bearers.recv() {
                Ok(bearer) => load.add(bearer),
                Err(_) => return,
            }
        }
        bearers.try_iter().for_each(|bearer| load.add(bearer));
        load.turn();
        load.follow();
        if !load.is_empty() {
            load.pace.wait(timeout);
        }
    }
}

const _: () = assert!(CUSHION < CAPACITY && CUSHION < BUFFERS as usize);
