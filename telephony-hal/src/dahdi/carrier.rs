//! The audio of a span's bearers: one thread moves it, at the board's pace.
//!
//! The thread waits until the board has 20 ms for one of the bearers, then takes from every bearer what has come and gives each
//! as much as the board has sent. The channels of a span keep one step, so that one wakes for all. What the thread hands over
//! to the bearers' owner and takes from it waits in two [`Ring`]s, whose other ends move at the owner's pace.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use nix::sys::epoll::EpollTimeout;

use super::audio::{AudioSlips, BUFFERS};
use super::channel::after_events;
use super::port::{Pace, Port};
use super::ring::{Block, OCTETS, Ring};

/// Blocks that wait in the kernel for sending when all is well: what the thread may be late by.
const CUSHION: usize = 2;
/// Blocks that may wait in a ring: by so much the owner's clock may be off before something is left out.
const WAITING: usize = 3;
/// The board is asked after so long even when it says nothing: a little more than a block.
const LATEST: Duration = Duration::from_millis(25);

/// One open bearer, between its owner and the span's thread.
#[derive(Debug)]
pub(super) struct Bearer {
    /// Gone once the owner has closed it or the board is gone. The thread holds the lock for a few requests at a time, the
    /// owner takes it only to close.
    port: Mutex<Option<Box<dyn Port>>>,
    /// From the board.
    received: Ring,
    /// To the board.
    sending: Ring,
    /// What a pause sounds like.
    silence: u8,
    /// The owner has sent something.
    speaks: AtomicBool,
    /// It wakes the thread.
    leads: AtomicBool,
    removed: AtomicBool,
    dropped: AtomicU64,
    repeated: AtomicU64,
    skipped: AtomicU64,
}

impl Bearer {
    pub(super) fn new(port: Box<dyn Port>, silence: u8) -> Self {
        Self {
            port: Mutex::new(Some(port)),
            received: Ring::new(),
            sending: Ring::new(),
            silence,
            speaks: AtomicBool::new(false),
            leads: AtomicBool::new(false),
            removed: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }

    /// The owner is done: the timeslot is idle, and free for another.
    pub(super) fn close(&self) {
        *self.port() = None;
    }

    /// Whether the board took it away.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    pub(super) fn slips(&self) -> AudioSlips {
        let samples = |blocks: &AtomicU64| blocks.load(Ordering::Relaxed) * OCTETS as u64;
        AudioSlips {
            dropped: samples(&self.dropped),
            repeated: samples(&self.repeated),
            skipped: samples(&self.skipped),
        }
    }

    /// For the owner: the next block received.
    pub(super) fn hear(&self) -> Option<Block> {
        // Full: the owner was away, and the thread could not put in what is new.
        let keep = if self.received.len() >= super::ring::CAPACITY { 0 } else { WAITING };
        while self.received.len() > keep {
            self.received.pop();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.received.pop()
    }

    /// For the owner: a block to send.
    pub(super) fn say(&self, block: &Block) {
        self.speaks.store(true, Ordering::Relaxed);
        if self.sending.len() > WAITING || !self.sending.push(block) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For the thread: moves what has come and what is to go. `queued` are the blocks that wait in the kernel for sending.
    /// `false` when the bearer is closed or gone.
    fn turn(&self, queued: &mut usize) -> bool {
        let mut slot = self.port();
        let Some(port) = slot.as_deref_mut() else { return false };
        match self.turn_port(port, queued) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "bearer");
                self.removed.store(true, Ordering::Relaxed);
                *slot = None;
                false
            }
        }
    }

    fn turn_port(&self, port: &mut dyn Port, queued: &mut usize) -> io::Result<()> {
        // A bearer's events (alarms) are the D channel's business too, which tells them.
        let mut events = VecDeque::new();
        let mut block = [0; OCTETS];
        for _ in 0..=BUFFERS {
            match after_events(port, &mut events, &mut |port| port.read(&mut block)) {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(_) => {}
                Err(error) => return Err(error),
            }
            if !self.received.push(&block) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            *queued = queued.saturating_sub(1);
        }
        while *queued < CUSHION {
            let block = self.sending.pop().unwrap_or_else(|| {
                if self.speaks.load(Ordering::Relaxed) {
                    self.repeated.fetch_add(1, Ordering::Relaxed);
                }
                [self.silence; OCTETS]
            });
            match after_events(port, &mut events, &mut |port| port.write(&block)) {
                Ok(_) => *queued += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // More waits than we know of.
                    *queued = CUSHION;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn port(&self) -> MutexGuard<'_, Option<Box<dyn Port>>> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to a span's thread. It ends when this is dropped and its last bearer is closed.
#[derive(Debug)]
pub(super) struct Carrier(Sender<Arc<Bearer>>);

impl Carrier {
    /// Starts the thread of span `number`.
    pub(super) fn start(number: u32) -> io::Result<Self> {
        let pace = Pace::new()?;
        let (sender, bearers) = channel();
        thread::Builder::new().name(format!("span-{number}")).spawn(move || run(&pace, &bearers))?;
        Ok(Self(sender))
    }

    /// Gives the thread one bearer more. `false` when it has ended.
    pub(super) fn carry(&self, bearer: &Arc<Bearer>) -> bool {
        self.0.send(Arc::clone(bearer)).is_ok()
    }
}

/// Bearers of the thread with what waits for each in the kernel.
#[derive(Debug, Default)]
pub(super) struct Load(Vec<(Arc<Bearer>, usize)>);

impl Load {
    pub(super) fn add(&mut self, bearer: Arc<Bearer>) {
        self.0.push((bearer, 0));
    }

    /// Moves the audio of every bearer, and lets go of those that are closed or gone.
    pub(super) fn turn(&mut self) {
        self.0.retain_mut(|(bearer, queued)| bearer.turn(queued));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes the oldest bearer the one that wakes the thread. One that is closed leaves the set by itself.
    fn follow(&self, pace: &Pace) {
        if let Some((bearer, _)) = self.0.first()
            && !bearer.leads.swap(true, Ordering::Relaxed)
            && let Some(port) = bearer.port().as_deref()
            && let Err(error) = port.set_pace(pace)
        {
            tracing::debug!(%error, "pace of a span");
        }
    }
}

fn run(pace: &Pace, bearers: &Receiver<Arc<Bearer>>) {
    let timeout = EpollTimeout::try_from(LATEST).unwrap_or(EpollTimeout::ZERO);
    let mut load = Load::default();
    loop {
        if load.is_empty() {
            match bearers.recv() {
                Ok(bearer) => load.add(bearer),
                Err(_) => return,
            }
        }
        bearers.try_iter().for_each(|bearer| load.add(bearer));
        load.turn();
        load.follow(pace);
        if !load.is_empty() {
            pace.wait(timeout);
        }
    }
}
