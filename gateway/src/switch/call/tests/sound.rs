//! What is said at one end of a call, heard at the other: the media plane itself, fed by the simulation's commands.

use std::net::SocketAddr;

use media::dtmf;
use media::g711::{self, Law};
use media::locale;
use media::rtp::event::{Event, EventPayload};
use media::rtp::{Header, Packet};
use media::tone::{ToneGenerator, ToneSpec};
use media::{SAMPLE_RATE, level_dbm0};

use super::*;
use crate::media::plane::{Plane, TICK};

/// Where the SIP telephones send from, and the payload type of their telephone events.
const PHONES: &str = "192.0.2.9:4000";
const EVENTS: u8 = 101;
/// That of their named signalling events.
const SIGNALS: u8 = 100;
/// 20 ms, the time of a block.
const BLOCK_MS: u64 = 20;

/// What came out at an end.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) samples: Vec<i16>,
    /// Digits told by telephone events.
    events: String,
    /// Named signalling events, each once.
    pub(super) signals: Vec<u8>,
}

impl Heard {
    /// Digits by events, or heard as tones where there were none.
    pub(super) fn digits(&self) -> String {
        if !self.events.is_empty() {
            return self.events.clone();
        }
        dtmf::digits_in(&self.samples)
    }

    /// It is what was said: as loud, not later than 100 ms, and never silent once it began.
    #[track_caller]
    pub(super) fn assert_is(&self, said: &[i16]) {
        const LATEST: usize = 100 * SAMPLE_RATE as usize / 1000;
        /// 10 ms.
        const WINDOW: usize = 80;
        let begins = self.samples.iter().position(|sample| sample.unsigned_abs() > 500).expect("a sound");
        assert!(begins <= LATEST, "the first sound comes after {begins} samples");
        let sound = &self.samples[begins..said.len()];
        let difference = level_dbm0(sound) - level_dbm0(said);
        assert!(difference.abs() < 0.5, "{difference} dB louder than it was said");
        for (at, window) in sound.chunks_exact(WINDOW).enumerate() {
            let level = level_dbm0(window);
            assert!(level > level_dbm0(said) - 3.0, "{level} dBm0 after {} ms", at * 10);
        }
    }
}

/// 1004 Hz at -10 dBm0 for so many ms.
pub(super) fn tone(ms: usize) -> Vec<i16> {
    let mut out = vec![0; ms * 8];
    ToneGenerator::new(&ToneSpec::dual(&[1004.0], -10.0, &[]).unwrap()).fill(&mut out);
    out
}

/// Keys of a telephone, 100 ms each and as long between them.
pub(super) fn keys(digits: &str) -> Vec<i16> {
    let spec = dtmf::sequence(digits, locale::default().dtmf, 100, 100).unwrap();
    let mut out = vec![0; digits.len() * 1600];
    ToneGenerator::new(&spec).fill(&mut out);
    out
}

impl Sim {
    /// From now on there is a media plane.
    pub(super) fn with_plane(mut self) -> Self {
        self.plane = Some(Box::new(Plane::new([5; 32], "tipring@192.0.2.1")));
        self
    }

    /// Says this at `from`, and gives what is heard at `to` meanwhile and for 200 ms more.
    pub(super) fn pass(&mut self, from: MediaEnd, to: MediaEnd, said: &[i16]) -> Heard {
        let mut heard = Heard::default();
        let silence = [[0; TICK]; 10];
        let blocks = said.chunks_exact(TICK).chain(silence.iter().map(<[i16; TICK]>::as_slice));
        for block in blocks {
            let now = self.now;
            let packet = match from {
                MediaEnd::Rtp(stream) => Some((stream, self.next_packet(0, false, &mu_law(block)))),
                _ => None,
            };
            let plane = self.plane.as_mut().expect("a media plane");
            match packet {
                Some((stream, mut packet)) => {
                    plane.handle_rtp(now, stream, PHONES.parse().unwrap(), &mut packet);
                }
                None => plane.put(from, block),
            }
            self.turn(to, &mut heard);
        }
        heard
    }

    /// A SIP telephone presses keys: RFC 4733, 100 ms each.
    pub(super) fn press(&mut self, stream: u64, to: MediaEnd, digits: &str) -> Heard {
        let mut heard = Heard::default();
        for digit in digits.chars() {
            let event = media::rtp::event::Event::from_digit(digit).unwrap();
            let begins = self.rtp_sequence;
            for n in 1..=10u16 {
                if n <= 7 {
                    let end = n >= 5;
                    let octets = EventPayload { event, end, volume: 10, duration: n.min(5) * 160 }.octets();
                    let mut packet = self.next_packet(EVENTS, n == 1, &octets);
                    // All packets of an event have the time it began at.
                    packet.splice(4..8, (u32::from(begins) * 160).to_be_bytes());
                    let plane = self.plane.as_mut().expect("a media plane");
                    plane.handle_rtp(self.now, stream, PHONES.parse().unwrap(), &mut packet);
                }
                self.turn(to, &mut heard);
            }
        }
        for _ in 0..10 {
            self.turn(to, &mut heard);
        }
        heard
    }

    /// A SIP telephone sends a named signalling event, three times.
    pub(super) fn signal(&mut self, stream: u64, event: u8) {
        let begins = self.rtp_sequence;
        for n in 0..3 {
            let payload = EventPayload { event: Event(event), end: true, volume: 0, duration: 1 }.octets();
            let mut packet = self.next_packet(SIGNALS, n == 0, &payload);
            packet.splice(4..8, (u32::from(begins) * 160).to_be_bytes());
            let plane = self.plane.as_mut().expect("a media plane");
            plane.handle_rtp(self.now, stream, PHONES.parse().unwrap(), &mut packet);
            self.turn(MediaEnd::Rtp(stream), &mut Heard::default());
        }
    }

    fn next_packet(&mut self, payload_type: u8, marker: bool, payload: &[u8]) -> Vec<u8> {
        self.rtp_sequence = self.rtp_sequence.wrapping_add(1);
        let sequence = self.rtp_sequence;
        let header = Header {
            marker,
            payload_type,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 0x0102_0304,
        };
        let mut wire = Vec::new();
        header.write(&mut wire);
        wire.extend_from_slice(payload);
        wire
    }

    /// 20 ms of everything.
    fn turn(&mut self, to: MediaEnd, heard: &mut Heard) {
        let now = self.now;
        let plane = self.plane.as_mut().expect("a media plane");
        plane.tick(now, 0);
        match to {
            MediaEnd::Rtp(_) => {}
            end => heard.samples.extend(plane.heard_by(end).copied().unwrap_or([0; TICK])),
        }
        let events: Vec<_> = std::iter::from_fn(|| plane.poll_event()).collect();
        let datagrams: Vec<_> = std::iter::from_fn(|| plane.poll_datagram()).collect();
        for datagram in datagrams {
            if MediaEnd::Rtp(datagram.stream) != to || datagram.rtcp {
                continue;
            }
            assert_eq!(Ok(datagram.to), PHONES.parse::<SocketAddr>());
            let packet = Packet::parse(&datagram.octets).unwrap();
            if packet.header().payload_type == EVENTS {
                if packet.header().marker {
                    heard.events.extend(EventPayload::parse(packet.payload()).unwrap().event.digit());
                }
                continue;
            }
            if packet.header().payload_type == SIGNALS {
                if packet.header().marker {
                    heard.signals.push(EventPayload::parse(packet.payload()).unwrap().event.0);
                }
                continue;
            }
            let mut samples = vec![0; packet.payload().len()];
            g711::decode(Law::Mu, packet.payload(), &mut samples);
            heard.samples.extend(samples);
        }
        for event in events {
            self.switch.handle_plane(now, &event);
        }
        self.settle();
        self.wait(BLOCK_MS);
    }
}

fn mu_law(block: &[i16]) -> [u8; TICK] {
    let mut octets = [0; TICK];
    g711::encode(Law::Mu, block, &mut octets);
    octets
}
