//! One RTP stream of a call: where it goes, what comes in, and which of it is believed.

use std::net::SocketAddr;
use std::time::Instant;

use media::g711::Law;
use media::rtp::event::{Event, Heard};
use media::rtp::jitter::PlayoutConfig;
use media::rtp::stream::{AudioStream, StreamConfig, StreamStats};
use media::rtp::{Header, Packet};
use media::t38::GatewayConfig;

use super::Inactivity;

/// What a stream carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codec {
    /// G.711, which can be heard here.
    G711(Law),
    /// Another coding by its SDP name (`G729`), which only passes to a stream of the same coding.
    Other(String),
}

impl Codec {
    /// The coding of an SDP encoding name.
    #[must_use]
    pub fn from_encoding(encoding: &str) -> Self {
        match encoding {
            e if e.eq_ignore_ascii_case("PCMU") => Self::G711(Law::Mu),
            e if e.eq_ignore_ascii_case("PCMA") => Self::G711(Law::A),
            e => Self::Other(e.to_owned()),
        }
    }

    /// The law, of what can be heard here.
    #[must_use]
    pub fn law(&self) -> Option<Law> {
        match self {
            Self::G711(law) => Some(*law),
            Self::Other(_) => None,
        }
    }

    /// Whether packets of this coding mean something to a receiver of the other, be it after a change of law.
    #[must_use]
    pub fn passes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::G711(_), Self::G711(_)) => true,
            (Self::Other(a), Self::Other(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }
}

/// How a stream's far end gets digits and sends them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DigitRelay {
    /// As tones in the audio.
    #[default]
    InBand,
    /// As telephone events (RFC 4733).
    Events,
    /// In SIP (INFO, NOTIFY); the plane says which digits: [`super::plane::PlaneEvent::Digit`].
    Signalled,
}

/// What of modems is listened for at the end a stream is connected with ([`super::plane::PlaneEvent::Modem`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ModemWatch {
    /// Nothing.
    #[default]
    Nothing,
    /// The call is voice: an answering tone.
    Answer,
    /// The call is one of modems: their silence, too.
    End,
}

/// What offer and answer agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpSettings {
    /// Where the far end wants its packets; `None` while it is not known, or on hold with 0.0.0.0.
    pub remote: Option<SocketAddr>,
    /// Packets may be sent.
    pub sends: bool,
    /// Packets are taken in.
    pub receives: bool,
    /// Coding in both directions.
    pub codec: Codec,
    /// Payload type of the audio sent.
    pub payload_type: u8,
    /// Payload type of the audio received.
    pub receive_payload_type: u8,
    /// Payload type of events sent.
    pub event_payload_type: Option<u8>,
    /// Payload type of events received.
    pub receive_event_payload_type: Option<u8>,
    /// Payload type of named signalling events (`X-NSE`) sent.
    pub signal_payload_type: Option<u8>,
    /// Payload type of those received.
    pub receive_signal_payload_type: Option<u8>,
    /// How digits travel.
    pub digits: DigitRelay,
    /// Packet time in ms, 10 to 60.
    pub packet_ms: u32,
    /// Pauses are not sent, but described by comfort noise.
    pub vad: bool,
    /// What is louder is no pause, dBm0 (`music-threshold` of the port at the other end).
    pub music_dbm0: i8,
    /// Jitter buffer.
    pub playout: PlayoutConfig,
    /// The far end's real address is learned from its first packet (`nat symmetric`).
    pub symmetric: bool,
    /// When the far end counts as gone, and how often it gets a report.
    pub inactivity: Inactivity,
    /// The stream is no RTP but T.38 over UDPTL, which passes to another stream of the same kind octet for octet.
    pub udptl: bool,
    /// How a fax is carried between such a stream and an end that is heard.
    pub fax: GatewayConfig,
    /// A fax that begins at an end that is heard is told ([`super::plane::PlaneEvent::Fax`]).
    pub listens_for_fax: bool,
    /// Modems.
    pub modem: ModemWatch,
}

impl RtpSettings {
    /// 20 ms of a law, both ways, nowhere yet.
    #[must_use]
    pub fn new(law: Law) -> Self {
        Self {
            remote: None,
            sends: true,
            receives: true,
            codec: Codec::G711(law),
            payload_type: law.payload_type(),
            receive_payload_type: law.payload_type(),
            event_payload_type: None,
            receive_event_payload_type: None,
            signal_payload_type: None,
            receive_signal_payload_type: None,
            digits: DigitRelay::InBand,
            packet_ms: 20,
            vad: false,
            music_dbm0: media::rtp::noise::MUSIC_DBM0,
            playout: PlayoutConfig::default(),
            symmetric: false,
            inactivity: Inactivity::default(),
            udptl: false,
            fax: GatewayConfig::default(),
            listens_for_fax: false,
            modem: ModemWatch::Nothing,
        }
    }

    /// Whether `self` and `other` can be told apart by an [`AudioStream`].
    fn sounds_like(&self, other: &Self) -> bool {
        self.codec == other.codec
            && self.payload_type == other.payload_type
            && self.event_payload_type == other.event_payload_type
            && self.signal_payload_type == other.signal_payload_type
            && self.packet_ms == other.packet_ms
            && self.vad == other.vad
            && self.music_dbm0 == other.music_dbm0
            && self.playout == other.playout
    }
}

/// What the switch wants of a stream's sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RtpCommand {
    /// Take the pair of ports that begins with this one, which came from [`super::ports::Ports`].
    Open {
        /// Port of RTP; RTCP is one higher.
        port: u16,
        /// Differentiated services code point of what is sent, 0 to 63 (`ip qos dscp … media`).
        dscp: u8,
    },
    /// Offer and answer have come to this.
    Settings(Box<RtpSettings>),
    /// Send this named signalling event, where they were agreed on.
    Signal(u8),
    /// Close the ports.
    Close,
}

/// What a stream has counted, for `show voip rtp connections` and `show call active voice`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RtpStats {
    /// Packets sent.
    pub sent_packets: u64,
    /// Octets of payload sent.
    pub sent_octets: u64,
    /// Packets believed and taken in.
    pub received_packets: u64,
    /// Octets of payload of those.
    pub received_octets: u64,
    /// Datagrams that came from elsewhere, or were no RTP.
    pub refused: u64,
    /// What the audio part counted, since the coding last changed.
    pub audio: StreamStats,
    /// Last round trip that RTCP told, ms.
    pub round_trip_ms: u32,
}

/// A stream, as the plane keeps it.
#[derive(Debug)]
pub(super) struct RtpStream {
    pub(super) settings: RtpSettings,
    /// Made when samples are wanted: a relayed stream needs none.
    audio: Option<Box<AudioStream>>,
    /// Where the sending side of `audio` begins, or is to go on.
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    learned: Option<SocketAddr>,
    last_heard: Instant,
    last_report: Instant,
    silent: bool,
    pub(super) stats: RtpStats,
}

impl RtpStream {
    /// A stream that has settled nothing. `random` gives source, sequence and timestamp.
    pub(super) fn new(now: Instant, random: [u32; 3]) -> Self {
        let [ssrc, sequence, timestamp] = random;
        let settings = RtpSettings { sends: false, receives: false, ..RtpSettings::new(Law::Mu) };
        Self {
            settings,
            audio: None,
            ssrc,
            sequence: sequence as u16,
            timestamp,
            learned: None,
            last_heard: now,
            last_report: now,
            silent: false,
            stats: RtpStats::default(),
        }
    }

    pub(super) fn set(&mut self, now: Instant, settings: RtpSettings) {
        let turned = settings.sends != self.settings.sends && !settings.symmetric;
        if settings.remote != self.settings.remote || turned {
            self.learned = None;
        }
        if !self.settings.receives && settings.receives {
            self.last_heard = now;
            self.silent = false;
        }
        if self.settings.remote.is_none() {
            self.last_report = now;
        }
        if !settings.sounds_like(&self.settings) {
            self.audio = None;
        }
        self.settings = settings;
    }

    /// Where packets go at present.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        self.learned.or(self.settings.remote).filter(|_| self.settings.sends)
    }

    /// Where the far end's RTCP goes: one port above its RTP.
    pub(super) fn rtcp_destination(&self) -> Option<SocketAddr> {
        let mut to = self.learned.or(self.settings.remote)?;
        to.set_port(to.port().checked_add(1)?);
        Some(to)
    }

    /// Whether a datagram from there is the far end's. What is not changes nothing but a count.
    pub(super) fn believes(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let is_rtp = self.settings.udptl || Packet::parse(datagram).is_ok();
        // Whoever only sends names no port that is his (Unified CM: 4000): his music comes from another of his address.
        let one_way = !self.settings.sends && self.settings.remote.is_some_and(|at| at.ip() == from.ip());
        let learns = (self.settings.symmetric || one_way) && self.learned.is_none();
        let fits = match self.learned {
            Some(learned) => learned == from,
            None => learns || self.settings.remote == Some(from),
        };
        let wanted = self.settings.receives && self.settings.remote.is_some();
        if !is_rtp || !fits || !wanted {
            self.stats.refused += 1;
            return false;
        }
        if learns {
            self.learned = Some(from);
        }
        self.last_heard = now;
        self.silent = false;
        self.stats.received_packets += 1;
        let payload = match self.settings.udptl {
            true => datagram.len(),
            false => Packet::parse(datagram).map_or(0, |packet| packet.payload().len()),
        };
        self.stats.received_octets += payload as u64;
        true
    }

    /// Whether RTCP from there is the far end's, which is alive then.
    pub(super) fn believes_rtcp(&mut self, now: Instant, from: SocketAddr) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let believed = self.rtcp_destination() == Some(from);
        if believed {
            self.last_report = now;
            self.silent = false;
        }
        believed
    }

    /// True once when nothing has come for too long.
    pub(super) fn fell_silent(&mut self, now: Instant) -> bool {
        // A fax is silent while its page is on the way the other way.
        let since = |last: Instant, counts: bool| counts.then(|| now.saturating_duration_since(last));
        let over = !self.settings.udptl
            && !self.silent
            && self.settings.inactivity.is_over(
                since(self.last_heard, self.settings.receives),
                since(self.last_report, self.settings.remote.is_some()),
            );
        self.silent |= over;
        over
    }

    /// The audio of the stream; `None` for a coding that cannot be heard here.
    pub(super) fn audio(&mut self) -> Option<&mut AudioStream> {
        let settings = &self.settings;
        if settings.udptl {
            return None;
        }
        let law = settings.codec.law()?;
        let audio = self.audio.get_or_insert_with(|| {
            Box::new(AudioStream::new(StreamConfig {
                law,
                payload_type: settings.payload_type,
                packet_ms: settings.packet_ms,
                event_payload_type: settings.event_payload_type,
                signal_payload_type: settings.signal_payload_type,
                vad: settings.vad,
                music_dbm0: settings.music_dbm0,
                playout: settings.playout,
                ssrc: self.ssrc,
                sequence: self.sequence,
                timestamp: self.timestamp,
            }))
        });
        Some(audio)
    }

    /// Samples are no longer wanted, packets pass as they are.
    pub(super) fn rest(&mut self) {
        self.audio = None;
    }

    /// Takes a believed datagram for its samples; `on` hears of events.
    pub(super) fn hear(&mut self, datagram: &mut [u8], on: impl FnMut(Heard)) {
        let Ok(packet) = Packet::parse(datagram) else { return };
        let settings = &self.settings;
        // The stream knows payload types as they are sent; the far end may have chosen others for its direction.
        let known = match packet.header().payload_type {
            p if p == settings.receive_payload_type => settings.payload_type,
            p if Some(p) == settings.receive_event_payload_type => {
                settings.event_payload_type.unwrap_or(settings.payload_type)
            }
            p if Some(p) == settings.receive_signal_payload_type => {
                settings.signal_payload_type.unwrap_or(settings.payload_type)
            }
            p => p,
        };
        set_payload_type(datagram, known);
        if let Some(audio) = self.audio() {
            // Checked above: it parses.
            let _ = audio.receive(datagram, on);
        }
    }

    /// Whether anything has come from the far end, or gone there, as samples: else there is only silence to take.
    pub(super) fn is_heard(&self) -> bool {
        self.audio.is_some()
    }

    /// The next samples from the far end.
    pub(super) fn take(&mut self, out: &mut [i16], on: impl FnMut(Heard)) {
        match self.audio() {
            Some(audio) => audio.take_with(out, on),
            None => out.fill(0),
        }
    }

    /// Sends samples; `out` gets the datagrams.
    pub(super) fn say(&mut self, samples: &[i16], mut out: impl FnMut(&[u8])) {
        let (mut last, mut packets, mut octets) = (None, 0, 0);
        if let Some(audio) = self.audio() {
            audio.send(samples, |datagram| {
                if let Ok(packet) = Packet::parse(datagram) {
                    last = Some(packet.header());
                    packets += 1;
                    octets += packet.payload().len() as u64;
                }
                out(datagram);
            });
        }
        self.stats.sent_packets += packets;
        self.stats.sent_octets += octets;
        if let Some(Header { sequence, timestamp, .. }) = last {
            // Where a stream with another coding would have to go on.
            self.sequence = sequence.wrapping_add(1);
            self.timestamp = timestamp.wrapping_add(self.settings.packet_ms * 8);
        }
    }

    /// A datagram of T.38 is sent.
    pub(super) fn sent_udptl(&mut self, len: usize) {
        self.stats.sent_packets += 1;
        self.stats.sent_octets += len as u64;
    }

    pub(super) fn begin_event(&mut self, event: Event) {
        if let Some(audio) = self.audio() {
            audio.begin_event(event);
        }
    }

    /// Sends a named signalling event.
    pub(super) fn signal(&mut self, event: u8) {
        if let Some(audio) = self.audio() {
            audio.signal(Event(event));
        }
    }

    pub(super) fn end_event(&mut self) {
        if let Some(audio) = self.audio() {
            audio.end_event();
        }
    }

    /// The RTCP report to send now, if the stream has sound of its own.
    pub(super) fn report(&mut self, ntp: u64, cname: &str) -> Option<Vec<u8>> {
        self.audio.as_mut().map(|audio| audio.report(ntp, cname))
    }

    pub(super) fn hear_report(&mut self, datagram: &[u8], ntp: u64) {
        if let Some(audio) = &mut self.audio
            && let Ok(Some(round_trip)) = audio.receive_report(datagram, ntp)
        {
            self.stats.round_trip_ms = u32::try_from(round_trip.as_millis()).unwrap_or(u32::MAX);
        }
    }

    pub(super) fn stats(&self) -> RtpStats {
        RtpStats { audio: self.audio.as_ref().map(|a| a.stats()).unwrap_or_default(), ..self.stats }
    }
}

/// Rewrites the payload type of an RTP datagram in place, marker bit untouched.
pub(super) fn set_payload_type(datagram: &mut [u8], payload_type: u8) {
    if let Some(octet) = datagram.get_mut(1) {
        *octet = *octet & 0x80 | payload_type & 0x7F;
    }
}
