//! A primary rate span, its D channel and its bearers.

use std::fs::File;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Sleep;

use super::audio::{AudioSlips, BLOCK, BUFFERS, Stream};
use super::carrier::{Bearer, Carrier};
use super::channel::Channel;
use super::port::{self, Port, WatchedPort};
use super::sys::{self, Request, SpanInfo, alarm, event, line, signalling};
use super::{DahdiError, discover};
use crate::{
    Alarms, BChannel, DChannel, DChannelEvent, Framing, LineCode, LineErrors, LineStatus, Span, SpanKind,
};

/// DAHDI tells the beginning and the end of all alarms, not a change from one to another; those are seen by looking.
const LOOK: Duration = Duration::from_millis(500);
/// Buffers and their octets on the D channel: as many as the kernel grants a channel (32,768 octets).
const FRAMES: (u16, u16) = (16, 2048);
/// Longest frame, without the two octets of the check sequence, which must not fill the buffer.
const LONGEST: usize = FRAMES.1 as usize - 3;

/// An E1 or T1 of a DAHDI board.
///
/// Its line settings (framing, line code, build-out, timing) are `dahdi_cfg`'s business; they are read here, not written.
#[derive(Debug)]
pub struct DahdiSpan {
    /// Opened when it is needed first: the kernel's modules may come later than we.
    control: Option<File>,
    number: u32,
    kind: SpanKind,
    /// Channel number of timeslot 1, as last seen; 0 before.
    base: u32,
    /// The thread of its bearers, once there was one.
    carrier: Option<Arc<Carrier>>,
    told: Option<Alarms>,
    look: Pin<Box<Sleep>>,
    bell: Arc<Bell>,
    /// The counters at the last look.
    seen: Option<LineErrors>,
    errors: LineErrors,
}

/// How the D channel, which gets the alarms' events, makes the span look at once.
#[derive(Debug, Default)]
struct Bell(Mutex<Option<Waker>>);

impl Bell {
    fn ring(&self) {
        if let Some(waker) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }
}

impl DahdiSpan {
    /// Opens span `number` of `dahdi_scan`. Needs a tokio runtime with time.
    ///
    /// # Errors
    /// [`DahdiError::Request`] without such a span, [`DahdiError::Kind`] when it is no primary rate.
    pub fn open(number: u32) -> Result<Self, DahdiError> {
        let info = stat(&port::control()?, number)?;
        let unfit = |expected| DahdiError::Kind { span: number, channels: count(info.channels), expected };
        let kind = discover::kind(&info).ok_or_else(|| unfit("an E1 (31) or a T1 (24)"))?;
        let mut span = Self::expect(number, kind);
        span.seen = Some(counters(&info));
        span.channel_of(1)?;
        Ok(span)
    }

    /// Span `number` of `dahdi_scan`, whose board may come later: until then it refuses everything with what DAHDI says.
    /// Needs a tokio runtime with time.
    #[must_use]
    pub fn expect(number: u32, kind: SpanKind) -> Self {
        Self {
            control: None,
            number,
            kind,
            base: 0,
            carrier: None,
            told: None,
            look: Box::pin(tokio::time::sleep(Duration::ZERO)),
            bell: Arc::default(),
            seen: None,
            errors: LineErrors::default(),
        }
    }

    fn control(&mut self) -> Result<&File, DahdiError> {
        match &mut self.control {
            Some(control) => Ok(control),
            none => Ok(none.insert(port::control()?)),
        }
    }

    fn stat(&mut self) -> Result<SpanInfo, DahdiError> {
        let number = self.number;
        stat(self.control()?, number)
    }

    /// Channel number of a timeslot. A board that was away may have come back with other numbers, or as another one.
    fn channel_of(&mut self, timeslot: u8) -> Result<u32, DahdiError> {
        let (number, base) = (self.number, self.base);
        let control = self.control()?;
        if base == 0 || !discover::is_base(control, number, base) {
            let info = stat(control, number)?;
            let found = discover::base(control, number)?;
            if discover::kind(&info) != Some(self.kind) {
                let expected = match self.kind {
                    SpanKind::E1 => "an E1 (31)",
                    SpanKind::T1 => "a T1 (24)",
                };
                return Err(DahdiError::Kind { span: number, channels: count(info.channels), expected });
            }
            self.base = found;
        }
        Ok(self.base + u32::from(timeslot) - 1)
    }
}

fn stat(control: &File, number: u32) -> Result<SpanInfo, DahdiError> {
    let span = i32::try_from(number).unwrap_or(i32::MAX);
    sys::span(control, span).map_err(|error| DahdiError::new(format!("span {number}"), "SPANSTAT", error))
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

pub(super) fn alarms(bits: i32) -> Alarms {
    let any = |mask| bits & mask != 0;
    Alarms {
        loss_of_signal: any(alarm::RED | alarm::LOSS_OF_SIGNAL | alarm::LOSS_OF_FRAME | alarm::NOT_OPEN),
        remote: any(alarm::YELLOW),
        all_ones: any(alarm::BLUE),
    }
}

pub(super) fn framing(kind: SpanKind, config: i32) -> Framing {
    match kind {
        SpanKind::E1 if config & line::CRC4 != 0 => Framing::Crc4,
        SpanKind::E1 => Framing::NoCrc4,
        SpanKind::T1 if config & line::D4 != 0 => Framing::Superframe,
        SpanKind::T1 => Framing::ExtendedSuperframe,
    }
}

pub(super) fn code(config: i32) -> LineCode {
    match config {
        config if config & line::HDB3 != 0 => LineCode::Hdb3,
        config if config & line::B8ZS != 0 => LineCode::B8zs,
        _ => LineCode::Ami,
    }
}

fn counters(info: &SpanInfo) -> LineErrors {
    let wide = |count: i32| u64::try_from(count).unwrap_or(0);
    LineErrors {
        code_violations: wide(info.bipolar_violations),
        crc_errors: wide(info.crc_errors),
        // DAHDI's boards report no slips.
        slips: 0,
        framing_losses: wide(info.frame_errors),
    }
}

/// What was counted since `seen`; counters that somebody reset begin anew.
fn growth(seen: &LineErrors, now: &LineErrors) -> LineErrors {
    let grown = |seen: u64, now: u64| now.checked_sub(seen).unwrap_or(now);
    LineErrors {
        code_violations: grown(seen.code_violations, now.code_violations),
        crc_errors: grown(seen.crc_errors, now.crc_errors),
        slips: grown(seen.slips, now.slips),
        framing_losses: grown(seen.framing_losses, now.framing_losses),
    }
}

impl Span for DahdiSpan {
    type Error = DahdiError;
    type D = DahdiD;
    type B = DahdiB;

    fn kind(&self) -> SpanKind {
        self.kind
    }

    fn poll_alarms(&mut self, cx: &mut Context<'_>) -> Poll<Result<Alarms, DahdiError>> {
        *self.bell.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        loop {
            let now = alarms(self.stat()?.alarms);
            if self.told != Some(now) {
                self.told = Some(now);
                return Poll::Ready(Ok(now));
            }
            ready!(self.look.as_mut().poll(cx));
            self.look.as_mut().reset(tokio::time::Instant::now() + LOOK);
        }
    }

    fn line_errors(&mut self) -> Result<LineErrors, DahdiError> {
        let now = counters(&self.stat()?);
        if let Some(seen) = self.seen.replace(now) {
            self.errors += growth(&seen, &now);
        }
        Ok(self.errors)
    }

    fn line_status(&mut self) -> Result<Option<LineStatus>, DahdiError> {
        let info = self.stat()?;
        Ok(Some(LineStatus {
            alarms: alarms(info.alarms),
            framing: framing(self.kind, info.line_config),
            code: code(info.line_config),
            // The number of the span that the board takes its clock from.
            gives_clock: count(info.sync_source) == self.number,
        }))
    }

    fn open_d(&mut self) -> Result<DahdiD, DahdiError> {
        let number = self.channel_of(self.kind.d_timeslot())?;
        let port = port::open(number, FRAMES.0, FRAMES.1)?;
        let up = self.stat()?.alarms == 0;
        DahdiD::new(number, Box::new(port), up, Arc::clone(&self.bell))
    }

    fn open_b(&mut self, timeslot: u8) -> Result<DahdiB, DahdiError> {
        if !self.kind.is_bearer(timeslot) {
            return Err(DahdiError::NoBearer { span: self.number, timeslot });
        }
        let number = self.channel_of(timeslot)?;
        let port = port::open_for_thread(number, BUFFERS, BLOCK)?;
        let b = DahdiB::new(number, Box::new(port), self.kind)?;
        let carrier = match &mut self.carrier {
            Some(carrier) => carrier,
            none => {
                let failed = |error| DahdiError::new(format!("span {}", self.number), "thread", error);
                none.insert(Carrier::of_span(self.number).map_err(failed)?)
            }
        };
        carrier.carry(&b.stream.bearer);
        Ok(b)
    }
}

/// The D channel of a DAHDI span. Frames of up to 2045 octets; the check sequence is the kernel's or the board's.
#[derive(Debug)]
pub struct DahdiD {
    channel: Channel,
    up: bool,
    told: bool,
    bell: Arc<Bell>,
    noise: u64,
    buffer: Vec<u8>,
}

impl DahdiD {
    fn new(number: u32, port: Box<dyn WatchedPort>, up: bool, bell: Arc<Bell>) -> Result<Self, DahdiError> {
        let mut channel = Channel::new(number, port);
        match channel.params()?.signalling {
            signalling::HDLC_FCS | signalling::HARD_HDLC => {}
            signalling::CLEAR => channel.set(Request::HdlcFcsMode, 1)?,
            found => {
                let expected = "dchan, hardhdlc or clear";
                return Err(DahdiError::Signalling { channel: number, found, expected });
            }
        }
        Ok(Self { channel, up, told: false, bell, noise: 0, buffer: vec![0; usize::from(FRAMES.1)] })
    }

    /// Frames lost to wrong check sequences, aborts and excessive length since the channel was opened.
    pub fn damaged_frames(&self) -> u64 {
        self.noise
    }
}

impl DChannel for DahdiD {
    type Error = DahdiError;

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<DChannelEvent, DahdiError>> {
        loop {
            if self.up != self.told {
                self.told = self.up;
                return Poll::Ready(Ok(if self.up { DChannelEvent::Up } else { DChannelEvent::Down }));
            }
            match self.channel.next_event(cx)? {
                event::NONE => {}
                event::ALARM => {
                    self.up = false;
                    self.bell.ring();
                    continue;
                }
                event::NO_ALARM => {
                    self.up = true;
                    self.bell.ring();
                    continue;
                }
                event::ABORT | event::OVERRUN | event::BAD_FCS => {
                    // Q.921 repeats what is lost; noise on a line is ordinary.
                    self.noise += 1;
                    tracing::debug!(channel = self.channel.number, count = self.noise, "damaged frame");
                    continue;
                }
                event::REMOVED => {
                    self.up = false;
                    self.bell.ring();
                    continue;
                }
                _ => continue,
            }
            match self.channel.receive(&mut self.buffer)? {
                // The frame and its check sequence.
                Some(octets) if octets > 2 => {
                    if !self.told {
                        continue;
                    }
                    let frame = self.buffer.get(..octets - 2).unwrap_or_default();
                    return Poll::Ready(Ok(DChannelEvent::Frame(Bytes::copy_from_slice(frame))));
                }
                Some(1..) => continue,
                Some(0) | None => ready!(self.channel.poll_change(cx))?,
            }
        }
    }

    fn send_frame(&mut self, frame: &[u8]) -> Result<(), DahdiError> {
        if frame.is_empty() || frame.len() > LONGEST {
            return Err(DahdiError::Frame { octets: frame.len(), max: LONGEST });
        }
        let number = self.channel.number;
        if !self.told {
            return Err(DahdiError::Alarm { channel: number });
        }
        // Room for the check sequence, which the kernel writes over it.
        let mut octets = Vec::with_capacity(frame.len() + 2);
        octets.extend_from_slice(frame);
        octets.extend_from_slice(&[0, 0]);
        match self.channel.send(&octets)? {
            Some(_) => Ok(()),
            None => Err(DahdiError::channel(number, "write", nix::errno::Errno::EAGAIN.into())),
        }
    }
}

/// A bearer channel of a DAHDI span. Closed, it is idle.
///
/// Its octets are moved by the span's thread, in blocks of 20 ms.
#[derive(Debug)]
pub struct DahdiB {
    number: u32,
    pub(super) stream: Stream,
}

impl DahdiB {
    pub(super) fn new(number: u32, mut port: Box<dyn Port>, kind: SpanKind) -> Result<Self, DahdiError> {
        let failed = |what| move |error| DahdiError::channel(number, what, error);
        let found = port.params().map_err(failed("GET_PARAMS"))?.signalling;
        if found != signalling::CLEAR {
            return Err(DahdiError::Signalling { channel: number, found, expected: "bchan or clear" });
        }
        port.set(Request::AudioMode, 1).map_err(failed("AUDIOMODE"))?;
        let (law, silence) = match kind {
            SpanKind::E1 => (sys::A_LAW, 0xd5),
            SpanKind::T1 => (sys::MU_LAW, 0xff),
        };
        port.set(Request::Law, law).map_err(failed("SETLAW"))?;
        let bearer = Bearer::companded(port, silence);
        Ok(Self { number, stream: Stream::new(Arc::new(bearer)) })
    }

    /// What clocks that differ, or a late owner, cost since the channel was opened.
    pub fn slips(&self) -> AudioSlips {
        self.stream.bearer.slips()
    }

    fn check(&self) -> Result<(), DahdiError> {
        self.stream.bearer.note();
        if self.stream.bearer.is_removed() {
            return Err(DahdiError::Removed { channel: self.number });
        }
        Ok(())
    }
}

impl Drop for DahdiB {
    fn drop(&mut self) {
        self.stream.bearer.close();
    }
}

impl BChannel for DahdiB {
    type Error = DahdiError;

    fn write(&mut self, octets: &[u8]) -> Result<usize, DahdiError> {
        self.check()?;
        self.stream.write(octets);
        Ok(octets.len())
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, DahdiError> {
        self.check()?;
        Ok(self.stream.read(out))
    }
}
