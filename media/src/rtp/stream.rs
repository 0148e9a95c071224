//! One audio stream of a call, both directions: samples to packets and packets to samples.
//!
//! The owner gives it the line's samples ([`AudioStream::send`]) and what the socket received
//! ([`AudioStream::receive`]), and fetches the line's samples ([`AudioStream::take`]). The sample counts are the
//! clock. Sequence, timestamp and source identifier begin where the caller's random numbers say.
//!
//! ```
//! use media::g711::Law;
//! use media::rtp::stream::{AudioStream, StreamConfig};
//!
//! let mut here = AudioStream::new(StreamConfig { ssrc: 1, ..StreamConfig::new(Law::Mu) });
//! let mut there = AudioStream::new(StreamConfig { ssrc: 2, ..StreamConfig::new(Law::Mu) });
//! let mut heard = [0i16; 160];
//! for _ in 0..10 {
//!     here.send(&[1000; 160], |datagram| {
//!         there.receive(datagram, |_| {}).expect("RTP");
//!     });
//!     there.take(&mut heard);
//! }
//! assert!(heard.iter().all(|s| (s - 1000).abs() < 40));
//! ```

use super::event::{Event, EventReceiver, EventSender, Heard};
use super::jitter::{JitterBuffer, PlayoutConfig, PlayoutStats};
use super::noise::{self, NoiseGenerator, VoiceDetector};
use super::rtcp::{self, ReportBlock, SenderInfo};
use super::{Header, Packet, Reception, RtpError};
use crate::SAMPLE_RATE;
use crate::g711::{self, Law};

/// Level at which events say the digit is, dB below 0 dBm0.
const EVENT_VOLUME: u8 = 10;
/// An event of which nothing has been heard for so long is over: 120 ms.
const EVENT_SILENCE: u32 = 960;
/// A change of noise worth another packet, dB.
const NOISE_CHANGE: u8 = 3;

/// How a stream is sent and received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Law of the audio sent.
    pub law: Law,
    /// Payload type of the audio sent, and of audio of that law received; both static types are always understood.
    pub payload_type: u8,
    /// Packet time in ms, 10 to 60.
    pub packet_ms: u32,
    /// Payload type of telephone events in both directions, if negotiated.
    pub event_payload_type: Option<u8>,
    /// Payload type of named signalling events (`X-NSE`) in both directions, if negotiated.
    pub signal_payload_type: Option<u8>,
    /// Whether pauses are not sent, but described by comfort noise (RFC 3389).
    pub vad: bool,
    /// What is louder is never a pause, dBm0 (`music-threshold`).
    pub music_dbm0: i8,
    /// Jitter buffer.
    pub playout: PlayoutConfig,
    /// Source identifier, random.
    pub ssrc: u32,
    /// First sequence number, random.
    pub sequence: u16,
    /// First timestamp, random.
    pub timestamp: u32,
}

impl StreamConfig {
    /// 20 ms of a law under its static payload type, no events, no VAD, everything else zero or default.
    #[must_use]
    pub fn new(law: Law) -> Self {
        Self {
            law,
            payload_type: law.payload_type(),
            packet_ms: 20,
            event_payload_type: None,
            signal_payload_type: None,
            vad: false,
            music_dbm0: noise::MUSIC_DBM0,
            playout: PlayoutConfig::default(),
            ssrc: 0,
            sequence: 0,
            timestamp: 0,
        }
    }
}

/// What a stream has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Packets sent.
    pub sent_packets: u32,
    /// Octets of payload sent.
    pub sent_octets: u32,
    /// Packets received and taken in.
    pub received_packets: u32,
    /// Octets of payload received.
    pub received_octets: u64,
    /// Packets that were missing, negative with duplicates.
    pub lost: i64,
    /// Interarrival jitter in samples.
    pub jitter: u32,
    /// Packets of a payload type that was not negotiated.
    pub unknown: u32,
    /// The jitter buffer's own.
    pub playout: PlayoutStats,
    /// Present playout delay, ms.
    pub delay_ms: u32,
}

/// A bidirectional G.711 stream with telephone events and comfort noise.
#[derive(Clone, Debug)]
pub struct AudioStream {
    config: StreamConfig,
    // Sending.
    sequence: u16,
    timestamp: u32,
    pending: Vec<i16>,
    wire: Vec<u8>,
    marker: bool,
    events: EventSender,
    signals: EventSender,
    voice: VoiceDetector,
    noise_sent: Option<u8>,
    sent_packets: u32,
    sent_octets: u32,
    // Receiving.
    source: Option<u32>,
    clock: u32,
    buffer: JitterBuffer,
    reception: Reception,
    heard: EventReceiver,
    signalled: EventReceiver,
    last_event: u32,
    noise: Option<u8>,
    generator: NoiseGenerator,
    received_octets: u64,
    unknown: u32,
    last_sr: Option<(u32, u64)>,
}

impl AudioStream {
    /// A stream on which nothing has happened. The packet time is brought into 10 to 60 ms.
    #[must_use]
    pub fn new(config: StreamConfig) -> Self {
        let config = StreamConfig { packet_ms: config.packet_ms.clamp(10, 60), ..config };
        Self {
            sequence: config.sequence,
            timestamp: config.timestamp,
            pending: Vec::new(),
            wire: Vec::new(),
            marker: true,
            events: EventSender::default(),
            signals: EventSender::default(),
            voice: VoiceDetector::new(config.music_dbm0),
            noise_sent: None,
            sent_packets: 0,
            sent_octets: 0,
            source: None,
            clock: 0,
            buffer: JitterBuffer::new(config.playout),
            reception: Reception::default(),
            heard: EventReceiver::default(),
            signalled: EventReceiver::default(),
            last_event: 0,
            noise: None,
            generator: NoiseGenerator::new(config.ssrc),
            received_octets: 0,
            unknown: 0,
            last_sr: None,
            config,
        }
    }

    /// Sends the line's samples; `out` gets each datagram that became full. Any block size will do. While an event
    /// is being sent, its packets take the place of audio (RFC 4733 2.2).
    pub fn send(&mut self, samples: &[i16], mut out: impl FnMut(&[u8])) {
        let packet = (self.config.packet_ms * SAMPLE_RATE / 1000) as usize;
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(packet - self.pending.len()));
            self.pending.extend_from_slice(now);
            rest = later;
            if self.pending.len() == packet {
                self.packet(&mut out);
                self.pending.clear();
            }
        }
    }

    /// Begins a digit or flash as an event. Returns false, and does nothing, if events were not negotiated.
    pub fn begin_event(&mut self, event: Event) -> bool {
        if self.config.event_payload_type.is_none() {
            return false;
        }
        self.events.begin(event, EVENT_VOLUME, self.now());
        true
    }

    /// Ends it; the packets that say so follow with the next samples.
    pub fn end_event(&mut self) {
        self.events.finish(self.now());
    }

    /// Sends a named signalling event: three packets, beside the audio. Returns false, and does nothing, if those were not
    /// negotiated.
    pub fn signal(&mut self, event: Event) -> bool {
        if self.config.signal_payload_type.is_none() {
            return false;
        }
        let now = self.now();
        self.signals.begin(event, 0, now);
        self.signals.finish(now);
        true
    }

    /// Takes a datagram from the far end, `on` hears of events in it.
    ///
    /// # Errors
    /// [`RtpError`]; the stream is unharmed.
    pub fn receive(&mut self, datagram: &[u8], mut on: impl FnMut(Heard)) -> Result<(), RtpError> {
        let packet = Packet::parse(datagram)?;
        let header = packet.header();
        if self.source.replace(header.ssrc).is_some_and(|before| before != header.ssrc) {
            self.buffer.reset();
            self.heard.expire(&mut on);
            self.heard = EventReceiver::default();
            self.signalled = EventReceiver::default();
            self.noise = None;
        }
        if !self.reception.packet(&header, self.clock) {
            return Ok(());
        }
        self.received_octets += packet.payload().len() as u64;
        if self.config.event_payload_type == Some(header.payload_type) {
            self.last_event = self.clock;
            self.heard.packet(header.timestamp, header.marker, packet.payload(), on);
        } else if self.config.signal_payload_type == Some(header.payload_type) {
            self.signalled.packet(header.timestamp, header.marker, packet.payload(), |heard| {
                if let Heard::Begin { event } = heard {
                    on(Heard::Signal { event });
                }
            });
        } else if let Some(law) = self.law(header.payload_type) {
            self.noise = None;
            let mut samples = vec![0; packet.payload().len().min(SAMPLE_RATE as usize)];
            g711::decode(law, packet.payload(), &mut samples);
            self.buffer.insert(header.timestamp, &samples);
        } else if header.payload_type == noise::PAYLOAD_TYPE {
            self.noise = packet.payload().first().map(|l| l & 0x7F);
        } else {
            self.unknown = self.unknown.saturating_add(1);
        }
        Ok(())
    }

    /// Writes the next samples of the line and moves its clock on. `on` hears of an event whose end was lost.
    pub fn take_with(&mut self, out: &mut [i16], on: impl FnMut(Heard)) {
        let level = self.noise.filter(|_| self.buffer.delay_ms() == 0);
        if let Some(level) = level {
            self.buffer.skip(out.len());
            self.generator.fill(level, out);
        } else {
            self.buffer.take(out);
        }
        self.clock = self.clock.wrapping_add(out.len() as u32);
        if self.heard.current().is_some() && self.clock.wrapping_sub(self.last_event) > EVENT_SILENCE {
            self.heard.expire(on);
        }
    }

    /// [`AudioStream::take_with`] for a stream without events.
    pub fn take(&mut self, out: &mut [i16]) {
        self.take_with(out, |_| {});
    }

    /// What has been counted.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        StreamStats {
            sent_packets: self.sent_packets,
            sent_octets: self.sent_octets,
            received_packets: self.reception.received(),
            received_octets: self.received_octets,
            lost: i64::from(self.reception.expected()) - i64::from(self.reception.received()),
            jitter: self.reception.jitter(),
            unknown: self.unknown,
            playout: self.buffer.stats(),
            delay_ms: self.buffer.delay_ms(),
        }
    }

    /// The RTCP compound to send now, every five seconds or so. `ntp` is the wall clock as RTCP has it.
    pub fn report(&mut self, ntp: u64, cname: &str) -> Vec<u8> {
        let info = (self.sent_packets > 0).then_some(SenderInfo {
            ntp,
            timestamp: self.now(),
            packets: self.sent_packets,
            octets: self.sent_octets,
        });
        let block = self.reception.report().map(|report| {
            let (last_sr, delay) =
                self.last_sr.map_or((0, 0), |(sr, at)| (sr, (ntp.wrapping_sub(at) >> 16) as u32));
            ReportBlock { report, last_sr, delay }
        });
        let mut out = Vec::new();
        rtcp::write_report(&mut out, self.config.ssrc, info, block.as_slice(), cname);
        out
    }

    /// Takes an RTCP datagram that arrived at `ntp`; gives the round trip if it tells one.
    ///
    /// # Errors
    /// [`rtcp::RtcpError`].
    pub fn receive_report(
        &mut self,
        datagram: &[u8],
        ntp: u64,
    ) -> Result<Option<std::time::Duration>, rtcp::RtcpError> {
        let own = self.config.ssrc;
        let mut round_trip = None;
        let mut sr = None;
        rtcp::parse(datagram, |packet| {
            let blocks = match packet {
                rtcp::Rtcp::SenderReport { info, blocks, .. } => {
                    sr = Some(((info.ntp >> 16) as u32, ntp));
                    blocks
                }
                rtcp::Rtcp::ReceiverReport { blocks, .. } => blocks,
                rtcp::Rtcp::Bye { .. } | rtcp::Rtcp::Other { .. } => return,
            };
            let about_us = blocks.iter().find(|b| b.report.ssrc == own);
            round_trip = about_us.and_then(|b| b.round_trip(ntp)).or(round_trip);
        })?;
        self.last_sr = sr.or(self.last_sr);
        Ok(round_trip)
    }

    /// Where the sending clock stands, with samples not yet sent.
    fn now(&self) -> u32 {
        self.timestamp.wrapping_add(self.pending.len() as u32)
    }

    fn law(&self, payload_type: u8) -> Option<Law> {
        match payload_type {
            p if p == self.config.payload_type => Some(self.config.law),
            0 => Some(Law::Mu),
            8 => Some(Law::A),
            _ => None,
        }
    }

    fn packet(&mut self, out: &mut impl FnMut(&[u8])) {
        let samples = std::mem::take(&mut self.pending);
        let end = self.timestamp.wrapping_add(samples.len() as u32);
        let eventful = self.events.active();
        if let Some(payload_type) = self.config.event_payload_type {
            while let Some(event) = self.events.poll(end) {
                self.emit(payload_type, event.marker, event.timestamp, &event.payload, out);
            }
        }
        if let Some(payload_type) = self.config.signal_payload_type {
            while let Some(signal) = self.signals.poll(end) {
                self.emit(payload_type, signal.marker, signal.timestamp, &signal.payload, out);
            }
        }
        let speaks = !self.config.vad || self.voice.voice(&samples);
        if eventful {
            self.marker = true;
        } else if speaks {
            self.noise_sent = None;
            let mut octets = vec![0; samples.len()];
            g711::encode(self.config.law, &samples, &mut octets);
            let marker = std::mem::take(&mut self.marker);
            self.emit(self.config.payload_type, marker, self.timestamp, &octets, out);
        } else {
            self.marker = true;
            let level = self.voice.noise_level();
            if self.noise_sent.is_none_or(|sent| sent.abs_diff(level) >= NOISE_CHANGE) {
                self.noise_sent = Some(level);
                self.emit(noise::PAYLOAD_TYPE, false, self.timestamp, &[level], out);
            }
        }
        self.timestamp = end;
        self.pending = samples;
    }

    fn emit(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
        out: &mut impl FnMut(&[u8]),
    ) {
        let header =
            Header { marker, payload_type, sequence: self.sequence, timestamp, ssrc: self.config.ssrc };
        self.wire.clear();
        header.write(&mut self.wire);
        self.wire.extend_from_slice(payload);
        out(&self.wire);
        self.sequence = self.sequence.wrapping_add(1);
        self.sent_packets = self.sent_packets.wrapping_add(1);
        self.sent_octets = self.sent_octets.wrapping_add(payload.len() as u32);
    }
}

#[cfg(test)]
mod tests;
