//! The plane with its sockets and B channels: what the daemon turns every 10 ms.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use media::g711::{self, Law};
use telephony_hal::wrap::{AnyBearer, AnySpan};
use telephony_hal::{BChannel as _, ErrorKind, HalError as _, LineErrors, LineStatus, SpanKind};

use super::plane::{Block, Plane, PlaneEvent, TICK, ntp};
use super::ports::Ports;
use super::rtp::RtpCommand;
use super::sockets::Sockets;
use super::{MediaCommand, MediaEnd};
use crate::clock::Clock;
use crate::service::message::Message;
use crate::service::report::Reporter;

/// A bearer that is not there is tried again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// Everything that carries audio, apart from analogue lines, which the daemon reads and writes itself.
pub struct Driver {
    /// Samples and packets.
    pub plane: Plane,
    sockets: Sockets,
    clock: Clock,
    /// Spans with bearers, by trunk.
    spans: HashMap<usize, AnySpan>,
    bearers: HashMap<(usize, u8), (Law, AnyBearer)>,
    /// Bearers that could not be opened or went away, and when they are tried again.
    away: HashMap<(usize, u8), Instant>,
    /// Range and address could not give another pair; said once until one can.
    exhausted: bool,
    reporter: Reporter,
}

impl Driver {
    /// Nothing open. `spans` are those of the trunks, by index, whose bearers can be had.
    ///
    /// # Errors
    /// When the system has no descriptor left to watch sockets with.
    pub fn new(
        clock: Clock,
        seed: [u8; 32],
        address: IpAddr,
        range: (u16, u16),
        spans: HashMap<usize, AnySpan>,
        reporter: Reporter,
    ) -> io::Result<Self> {
        let mut plane = Plane::new(seed, "tipring");
        plane.carry_only(spans.keys().copied());
        Ok(Self {
            plane,
            sockets: Sockets::new(address, range)?,
            clock,
            spans,
            bearers: HashMap::new(),
            away: HashMap::new(),
            exhausted: false,
            reporter,
        })
    }

    /// Opens the pairs that `ports` wants.
    pub fn prepare(&mut self, ports: &mut Ports, address: IpAddr, range: (u16, u16)) {
        if self.sockets.configure(address, range) {
            ports.forget_ready();
            self.exhausted = false;
        }
        for _ in 0..ports.wanted() {
            match self.sockets.prepare() {
                Ok(port) => {
                    ports.add(port);
                    self.exhausted = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.exhausted, true) {
                        let (low, high) = (&range.0, &range.1);
                        self.reporter.report(Message::RtpPorts {
                            low,
                            high,
                            address: &address,
                            error: &error,
                        });
                    }
                    return;
                }
            }
        }
    }

    /// Carries out a command of the switch.
    pub fn handle(&mut self, now: Instant, command: MediaCommand) {
        match &command {
            MediaCommand::Rtp { stream, command: RtpCommand::Open { port, dscp } } => {
                self.sockets.open(*stream, *port, *dscp);
            }
            MediaCommand::Rtp { stream, command: RtpCommand::Close } => self.sockets.close(*stream),
            _ => {}
        }
        self.plane.handle(now, command);
    }

    /// Whether time matters.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.plane.is_active()
    }

    /// Takes what has come by RTP and passes on what passes as it is.
    pub fn receive(&mut self, now: Instant) {
        let ntp = self.ntp(now);
        let plane = &mut self.plane;
        self.sockets.receive(|stream, rtcp, from, datagram| {
            if rtcp {
                plane.handle_rtcp(now, stream, from, datagram, ntp);
            } else {
                plane.handle_rtp(now, stream, from, datagram);
            }
        });
        self.send();
    }

    /// Lets 20 ms pass: what lines said has been put into the plane, what they hear can be fetched after.
    pub fn tick(&mut self, now: Instant) {
        self.open_bearers(now);
        let mut octets = [0; TICK];
        for ((trunk, timeslot), (law, bearer)) in &mut self.bearers {
            let read = match bearer.read(&mut octets) {
                Err(error) if error.kind() == ErrorKind::Closed => {
                    self.away.insert((*trunk, *timeslot), now + AGAIN);
                    0
                }
                read => read.unwrap_or(0),
            };
            let mut samples = [0; TICK];
            let count = g711::decode(*law, octets.get(..read).unwrap_or_default(), &mut samples);
            let end = MediaEnd::Channel { trunk: *trunk, timeslot: *timeslot };
            self.plane.put(end, samples.get(..count).unwrap_or_default());
        }
        if !self.away.is_empty() {
            self.bearers.retain(|key, _| !self.away.contains_key(key));
        }
        self.plane.tick(now, self.ntp(now));
        for ((trunk, timeslot), (law, bearer)) in &mut self.bearers {
            let end = MediaEnd::Channel { trunk: *trunk, timeslot: *timeslot };
            let silence: Block = [0; TICK];
            g711::encode(*law, self.plane.heard_by(end).unwrap_or(&silence), &mut octets);
            // A span that is down loses the audio; its D channel tells the switch.
            let _ = bearer.write(&octets);
        }
        self.send();
    }

    /// Whether there are spans whose framers count errors.
    #[must_use]
    pub fn has_spans(&self) -> bool {
        !self.spans.is_empty()
    }

    /// The error counters of every span, by trunk.
    pub fn line_errors(&mut self) -> Vec<(usize, SpanKind, LineErrors)> {
        let read =
            |(trunk, span): (&usize, &mut AnySpan)| Some((*trunk, span.kind(), span.line_errors().ok()?));
        self.spans.iter_mut().filter_map(read).collect()
    }

    /// How the line of every span with a framer is set and what it sees, by trunk.
    pub fn line_status(&mut self) -> Vec<(usize, LineStatus)> {
        let read = |(trunk, span): (&usize, &mut AnySpan)| Some((*trunk, span.line_status().ok()??));
        self.spans.iter_mut().filter_map(read).collect()
    }

    /// The next thing the switch should know.
    pub fn poll_event(&mut self) -> Option<PlaneEvent> {
        self.plane.poll_event()
    }

    fn send(&mut self) {
        while let Some(datagram) = self.plane.poll_datagram() {
            self.sockets.send(&datagram);
        }
    }

    /// Opens and closes bearers as ends come and go.
    fn open_bearers(&mut self, now: Instant) {
        let channel = |end| match end {
            MediaEnd::Channel { trunk, timeslot } => Some((trunk, timeslot)),
            MediaEnd::Line(_) | MediaEnd::Rtp(_) => None,
        };
        let wanted: Vec<(usize, u8)> = self.plane.bearers().filter_map(channel).collect();
        self.bearers.retain(|key, _| wanted.contains(key));
        self.away.retain(|key, _| wanted.contains(key));
        for key in wanted {
            if self.bearers.contains_key(&key) || self.away.get(&key).is_some_and(|again| *again > now) {
                continue;
            }
            let Some(span) = self.spans.get_mut(&key.0) else { continue };
            let law = if span.kind() == SpanKind::E1 { Law::A } else { Law::Mu };
            match span.open_b(key.1) {
                Ok(bearer) => {
                    self.away.remove(&key);
                    self.bearers.insert(key, (law, bearer));
                }
                Err(error) => {
                    tracing::warn!(%error, trunk = key.0, timeslot = key.1, "B channel");
                    self.away.insert(key, now + AGAIN);
                }
            }
        }
    }

    fn ntp(&self, now: Instant) -> u64 {
        ntp(Duration::from_millis(self.clock.unix_ms(now)))
    }
}
