//! The media plane: what every end of a call hears, 20 ms at a time.
//!
//! [`Plane`] is sans-IO. The driver gives it what arrived ([`Plane::handle_rtp`], [`Plane::put`]), lets 20 ms pass
//! ([`Plane::tick`]), and takes what is to be sent ([`Plane::poll_datagram`]) and played ([`Plane::heard_by`]).
//! Packets between two SIP streams that understand each other pass as they arrive, without waiting for a tick and
//! without being decoded; everything else goes through 8 kHz samples.

mod end;
mod fax;
mod modem;
mod relay;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::dtmf::{self, DtmfEvent};
use media::locale::{self, Locale};
use media::mix;
use media::rtp::event::{Event, Heard};
use media::tone::ToneGenerator;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::rtp::{DigitRelay, RtpCommand, RtpSettings, RtpStats, RtpStream};
use super::{DigitTiming, MediaCommand, MediaEnd};
use end::{End, Joined, Sending};
use fax::Fax;
use modem::Modem;

pub use modem::ModemSign;

/// Samples in 20 ms.
pub const TICK: usize = 160;
/// 20 ms of samples.
pub type Block = [i16; TICK];

/// Digits that may wait to be sent toward an end.
const MAX_DIGITS: usize = 128;
/// A comma: 1 s.
const PAUSE_TICKS: u32 = 50;
/// Digits heard longer than this are said to have been this long: 8 s.
const LONGEST_MS: u32 = 8000;
/// Signalling bits are said for so long.
const SIGNAL_TIMING: DigitTiming = DigitTiming { on_ms: 60, off_ms: 20 };
/// Datagrams that may wait for the driver.
const MAX_DATAGRAMS: usize = 16_384;

/// What the plane has noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaneEvent {
    /// A digit for the far end of an RTP stream that gets its digits by signalling.
    Digit {
        /// The stream that is to get it.
        stream: u64,
        /// 0-9, `*`, `#`, A-D.
        digit: char,
        /// How long it was, ms.
        ms: u32,
    },
    /// A key was pressed at an end that is connected with nobody: a caller who dials on. Or the hook was flashed there.
    Key {
        /// Where.
        end: MediaEnd,
        /// 0-9, `*`, `#`, A-D, or `!` for a flash.
        digit: char,
    },
    /// Signalling bits of a permanent call came.
    Signal {
        /// From where.
        end: MediaEnd,
        /// A, B, C, D; A the highest of four bits.
        abcd: u8,
    },
    /// A fax begins at an end that is connected with the stream.
    Fax {
        /// The stream.
        stream: u64,
    },
    /// A modem begins or ends.
    Modem {
        /// The stream that carries it.
        stream: u64,
        /// What has been heard of it.
        sign: ModemSign,
    },
    /// Nothing has come for longer than the timers of `gateway` allow.
    Inactive {
        /// The stream.
        stream: u64,
    },
}

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// The stream whose socket sends it.
    pub stream: u64,
    /// By the RTCP socket.
    pub rtcp: bool,
    /// Where to.
    pub to: SocketAddr,
    /// The octets.
    pub octets: Bytes,
}

#[derive(Debug)]
struct Stream {
    rtp: RtpStream,
    /// The stream that gets this one's packets as they are.
    relay: Option<u64>,
    /// A digit heard as an event: which, since when (in ticks).
    held: Option<(Event, u64)>,
    fax: Fax,
    modem: Modem,
}

/// All audio of the gateway.
#[derive(Debug)]
pub struct Plane {
    ends: BTreeMap<MediaEnd, Box<End>>,
    streams: BTreeMap<u64, Box<Stream>>,
    random: StdRng,
    ticks: u64,
    cname: String,
    /// Trunks whose channels are carried; `None`: all of them.
    carried: Option<BTreeSet<usize>>,
    datagrams: VecDeque<Datagram>,
    events: VecDeque<PlaneEvent>,
    dropped: u64,
}

impl Plane {
    /// A plane in which nothing is connected. `seed` makes sources and sequence numbers, `cname` is our name in RTCP.
    #[must_use]
    pub fn new(seed: [u8; 32], cname: &str) -> Self {
        Self {
            ends: BTreeMap::new(),
            streams: BTreeMap::new(),
            random: StdRng::from_seed(seed),
            ticks: 0,
            cname: cname.to_owned(),
            carried: None,
            datagrams: VecDeque::new(),
            events: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Says which trunks have bearers for their channels. The channels of the others are connected like any, but nobody can
    /// speak there nor listen: toward a SIP user who speaks with one of them nothing is sent.
    pub fn carry_only(&mut self, trunks: impl IntoIterator<Item = usize>) {
        self.carried = Some(trunks.into_iter().collect());
    }

    /// Carries out what the switch wants.
    pub fn handle(&mut self, now: Instant, command: MediaCommand) {
        match command {
            MediaCommand::Connect { a, b } => {
                self.part(a);
                self.part(b);
                self.end(a).joined = Joined::With(b);
                self.end(b).joined = Joined::With(a);
                self.refresh([a, b]);
            }
            MediaCommand::Conference { ends } => {
                ends.into_iter().for_each(|end| self.part(end));
                for end in ends {
                    self.end(end).joined = Joined::Conference(ends);
                }
                self.refresh(ends);
            }
            MediaCommand::Disconnect { end } => {
                self.part(end);
                if let Some(known) = self.ends.get_mut(&end) {
                    // The next call on this end has nothing to do with what was to be sent in this one.
                    known.digits.clear();
                    known.sending = None;
                }
                self.forget_if_idle(end);
            }
            MediaCommand::Tone { end, tone, cptone } => {
                self.part(end);
                let locale: &Locale = locale::find(&cptone).unwrap_or_else(locale::default);
                self.end(end).tone = Some(ToneGenerator::new(locale.tone(tone)));
            }
            MediaCommand::Rtp { stream, command } => match command {
                RtpCommand::Open { .. } => self.open(now, stream),
                RtpCommand::Settings(settings) => self.set(now, stream, *settings),
                RtpCommand::Signal(event) => {
                    if let Some(known) = self.streams.get_mut(&stream) {
                        known.rtp.signal(event);
                    }
                }
                RtpCommand::Close => self.close(stream),
            },
            MediaCommand::Dtmf { end, digits, timing } => {
                let events = digits.chars().filter_map(|digit| match digit {
                    ',' => Some(None),
                    digit => Event::from_digit(digit).map(Some),
                });
                self.enqueue(end, timing, events);
            }
            MediaCommand::Signal { end, abcd } => {
                self.enqueue(end, SIGNAL_TIMING, [Some(Event::from_abcd(abcd))]);
            }
        }
    }

    /// Puts digits and signals in the queue of what is sent toward an end.
    fn enqueue(
        &mut self,
        end: MediaEnd,
        timing: DigitTiming,
        events: impl IntoIterator<Item = Option<Event>>,
    ) {
        let queue = &mut self.end(end).digits;
        let room = MAX_DIGITS.saturating_sub(queue.len());
        queue.extend(events.into_iter().take(room).map(|event| (event, timing)));
        let around = self.others(end).chain([end]);
        self.refresh(around);
    }

    /// A stream exists from now on; its settings follow.
    pub fn open(&mut self, now: Instant, stream: u64) {
        let random = [self.random.next_u32(), self.random.next_u32(), self.random.next_u32()];
        let rtp = RtpStream::new(now, random);
        let (fax, modem) = (Fax::default(), Modem::default());
        self.streams.insert(stream, Box::new(Stream { rtp, relay: None, held: None, fax, modem }));
    }

    /// What offer and answer of a stream came to.
    pub fn set(&mut self, now: Instant, stream: u64, settings: RtpSettings) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        known.fax.settle(&known.rtp.settings, &settings);
        known.rtp.set(now, settings);
        let end = MediaEnd::Rtp(stream);
        self.refresh([end].into_iter().chain(self.others(end)));
    }

    /// A stream ends; whoever was connected with it hears silence.
    pub fn close(&mut self, stream: u64) {
        let end = MediaEnd::Rtp(stream);
        self.part(end);
        self.ends.remove(&end);
        self.streams.remove(&stream);
    }

    /// A datagram on a stream's RTP port. It is changed on its way.
    pub fn handle_rtp(&mut self, now: Instant, stream: u64, from: SocketAddr, datagram: &mut [u8]) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        if !known.rtp.believes(now, from, datagram) {
            return;
        }
        if let Some(to) = known.relay {
            self.relay(stream, to, datagram);
            return;
        }
        if known.rtp.settings.udptl {
            known.fax.handle_datagram(&known.rtp.settings.fax, datagram);
        } else if self.ends.contains_key(&MediaEnd::Rtp(stream)) {
            let mut heard = Vec::new();
            known.rtp.hear(datagram, |event| heard.push(event));
            self.events_heard(stream, heard);
        }
    }

    /// A datagram on a stream's RTCP port; `ntp` is the wall clock as RTCP has it.
    pub fn handle_rtcp(&mut self, now: Instant, stream: u64, from: SocketAddr, datagram: &[u8], ntp: u64) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        if !known.rtp.believes_rtcp(now, from) {
            known.rtp.stats.refused += 1;
            return;
        }
        match known.relay {
            // Sources and sequence numbers pass unchanged, and so do the reports about them.
            Some(to) => {
                if let Some(address) = self.streams.get(&to).and_then(|sink| sink.rtp.rtcp_destination()) {
                    let octets = Bytes::copy_from_slice(datagram);
                    self.push(Datagram { stream: to, rtcp: true, to: address, octets });
                }
            }
            None => known.rtp.hear_report(datagram, ntp),
        }
    }

    /// Ends that are not RTP and are connected or hear a tone: the driver carries their samples.
    pub fn bearers(&self) -> impl Iterator<Item = MediaEnd> + '_ {
        self.ends.keys().copied().filter(|end| !matches!(end, MediaEnd::Rtp(_)) && self.is_carried(*end))
    }

    /// Whether ticks are needed.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.ends.is_empty() || !self.streams.is_empty()
    }

    /// What the driver read from a line or channel: the next 20 ms; what is missing is silence.
    pub fn put(&mut self, end: MediaEnd, samples: &[i16]) {
        if let Some(known) = self.ends.get_mut(&end) {
            known.say(samples);
        }
    }

    /// What a line or channel hears in the 20 ms of the last tick.
    #[must_use]
    pub fn heard_by(&self, end: MediaEnd) -> Option<&Block> {
        self.ends.get(&end)?.hears.as_deref()
    }

    /// Lets 20 ms pass. `ntp` is the wall clock as RTCP has it.
    pub fn tick(&mut self, now: Instant, ntp: u64) {
        self.ticks += 1;
        self.collect();
        self.listen_for_fax();
        self.listen_for_modems();
        // Streams that pass each other's packets have no samples.
        let heard: Vec<MediaEnd> = self.ends.keys().copied().filter(|end| !self.is_relayed(*end)).collect();
        for end in heard {
            self.play(end);
        }
        self.ends.values_mut().for_each(|end| end.silence());
        self.ends.retain(|_, end| !end.is_idle());
        self.look_after_streams(now, ntp);
    }

    /// The next datagram to send.
    pub fn poll_datagram(&mut self) -> Option<Datagram> {
        self.datagrams.pop_front()
    }

    /// The next thing the switch should know.
    pub fn poll_event(&mut self) -> Option<PlaneEvent> {
        self.events.pop_front()
    }

    /// What a stream has counted.
    #[must_use]
    pub fn stats(&self, stream: u64) -> Option<RtpStats> {
        self.streams.get(&stream).map(|s| s.rtp.stats())
    }

    /// Streams open and ends connected: both 0 when no call is there.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.streams.len(), self.ends.values().filter(|end| end.joined != Joined::Nobody).count())
    }

    fn end(&mut self, end: MediaEnd) -> &mut End {
        self.ends.entry(end).or_default()
    }

    fn push(&mut self, datagram: Datagram) {
        if self.datagrams.len() < MAX_DATAGRAMS {
            self.datagrams.push_back(datagram);
        } else {
            self.dropped += 1;
        }
    }

    fn forget_if_idle(&mut self, end: MediaEnd) {
        if self.ends.get(&end).is_some_and(|known| known.is_idle()) {
            self.ends.remove(&end);
        }
    }

    /// Those an end is connected with.
    fn others(&self, end: MediaEnd) -> impl Iterator<Item = MediaEnd> + use<> {
        self.ends.get(&end).map_or(Joined::Nobody, |known| known.joined).others(end)
    }

    /// Whether somebody can speak and listen there.
    fn is_carried(&self, end: MediaEnd) -> bool {
        match (end, &self.carried) {
            (MediaEnd::Channel { trunk, .. }, Some(carried)) => carried.contains(&trunk),
            _ => true,
        }
    }

    fn is_relayed(&self, end: MediaEnd) -> bool {
        matches!(end, MediaEnd::Rtp(id) if self.streams.get(&id).is_some_and(|stream| stream.relay.is_some()))
    }

    /// Takes an end out of whatever it is in; of a conference, two stay who hear each other.
    fn part(&mut self, end: MediaEnd) {
        let others: Vec<MediaEnd> = self.others(end).collect();
        self.release_key(end);
        if let Some(known) = self.ends.get_mut(&end) {
            known.joined = Joined::Nobody;
            known.tone = None;
            known.forget_digit();
        }
        if let [a, b] = *others.as_slice() {
            self.end(a).joined = Joined::With(b);
            self.end(b).joined = Joined::With(a);
        } else {
            for other in &others {
                self.end(*other).joined = Joined::Nobody;
            }
        }
        self.refresh([end].into_iter().chain(others.iter().copied()));
        for other in others {
            self.forget_if_idle(other);
        }
    }

    /// Fetches what every connected end says, digits taken out where they go another way.
    fn collect(&mut self) {
        let mut keys = Vec::new();
        for (end, known) in &mut self.ends {
            if let MediaEnd::Rtp(id) = end
                && let Some(stream) = self.streams.get_mut(id)
                && stream.relay.is_none()
                && (stream.rtp.settings.udptl || stream.rtp.is_heard())
            {
                known.say_with(|said| match stream.rtp.settings.udptl {
                    true => stream.fax.say(&stream.rtp.settings.fax, said),
                    false => stream.rtp.take(said, |heard| keys.push((*id, heard))),
                });
            }
        }
        for (stream, heard) in keys {
            self.events_heard(stream, vec![heard]);
        }
        let speaking: Vec<MediaEnd> = self.ends.keys().copied().collect();
        for end in speaking {
            // A line on its own is listened to by its port.
            let alone = || self.others(end).next().is_none() && !matches!(end, MediaEnd::Line(_));
            if self.says_digits_in_band(end)
                && (self.others(end).any(|to| self.takes_digits_apart(to)) || alone())
            {
                let mut heard = Vec::new();
                if let Some(known) = self.ends.get_mut(&end) {
                    known.take_digits(|event| heard.push(event));
                }
                for event in heard {
                    match event {
                        DtmfEvent::Start { digit, .. } => self.press(end, digit),
                        DtmfEvent::End { digit, samples, .. } => self.lift(end, digit, samples as u32 / 8),
                    }
                }
            }
        }
    }

    fn says_digits_in_band(&self, end: MediaEnd) -> bool {
        match end {
            MediaEnd::Line(_) | MediaEnd::Channel { .. } => true,
            MediaEnd::Rtp(id) => self
                .streams
                .get(&id)
                .is_some_and(|s| s.relay.is_none() && s.rtp.settings.digits == DigitRelay::InBand),
        }
    }

    /// Whether an end gets digits other than as tones.
    fn takes_digits_apart(&self, end: MediaEnd) -> bool {
        let MediaEnd::Rtp(id) = end else { return false };
        self.streams.get(&id).is_some_and(|s| s.rtp.settings.digits != DigitRelay::InBand)
    }

    fn events_heard(&mut self, stream: u64, heard: Vec<Heard>) {
        for event in heard {
            match event {
                Heard::Begin { event } => {
                    let end = MediaEnd::Rtp(stream);
                    if let Some(digit) = event.digit() {
                        self.press(end, digit);
                    } else if let Some(abcd) = event.abcd() {
                        self.events.push_back(PlaneEvent::Signal { end, abcd });
                    }
                }
                Heard::End { event, samples } => {
                    if let Some(digit) = event.digit() {
                        self.lift(MediaEnd::Rtp(stream), digit, samples / 8);
                    }
                }
                Heard::Signal { event } => {
                    self.events.push_back(PlaneEvent::Modem { stream, sign: ModemSign::Told(event.0) });
                }
            }
        }
    }

    /// A key is pressed at an end: those it speaks with hear it.
    fn press(&mut self, from: MediaEnd, digit: char) {
        // A flash on a pair is no sound.
        let flash = digit == '!' && self.others(from).any(|to| matches!(to, MediaEnd::Line(_)));
        if self.others(from).next().is_none() || flash {
            self.events.push_back(PlaneEvent::Key { end: from, digit });
        }
        for to in self.others(from) {
            if let MediaEnd::Rtp(id) = to
                && let Some(stream) = self.streams.get_mut(&id)
                && stream.rtp.settings.digits != DigitRelay::InBand
            {
                if let (DigitRelay::Events, Some(event)) =
                    (stream.rtp.settings.digits, Event::from_digit(digit))
                {
                    stream.rtp.begin_event(event);
                }
                continue;
            }
            let spec = dtmf::held(digit, locale::default().dtmf);
            if let (Ok(spec), Some(known)) = (spec, self.ends.get_mut(&to)) {
                known.key = Some(ToneGenerator::new(&spec));
            }
        }
    }

    /// The key is let go after `ms`.
    fn lift(&mut self, from: MediaEnd, digit: char, ms: u32) {
        for to in self.others(from) {
            if let MediaEnd::Rtp(id) = to
                && let Some(stream) = self.streams.get_mut(&id)
            {
                match stream.rtp.settings.digits {
                    DigitRelay::Events => stream.rtp.end_event(),
                    DigitRelay::Signalled => {
                        self.events.push_back(PlaneEvent::Digit {
                            stream: id,
                            digit,
                            ms: ms.min(LONGEST_MS),
                        });
                    }
                    DigitRelay::InBand => {}
                }
            }
            if let Some(known) = self.ends.get_mut(&to) {
                known.key = None;
            }
        }
    }

    /// Keys that an end was holding are let go, as it leaves.
    fn release_key(&mut self, end: MediaEnd) {
        for to in self.others(end) {
            if let Some(known) = self.ends.get_mut(&to) {
                known.key = None;
            }
            if let MediaEnd::Rtp(id) = to
                && let Some(stream) = self.streams.get_mut(&id)
                && stream.rtp.settings.digits == DigitRelay::Events
            {
                stream.rtp.end_event();
            }
        }
        if let Some(known) = self.ends.get_mut(&end) {
            known.key = None;
        }
    }

    /// What an end hears of the others.
    fn mixed(&self, end: MediaEnd) -> Block {
        let mut out = [0; TICK];
        for other in self.others(end) {
            if let Some(said) = self.ends.get(&other).and_then(|other| other.said()) {
                mix::add(&mut out, said);
            }
        }
        out
    }

    /// Gives an end its 20 ms: what the others say, or the tone or digit that takes its place.
    fn play(&mut self, end: MediaEnd) {
        self.send_digits(end);
        if !self.is_carried(end) {
            return;
        }
        let spoken_to = self.others(end).any(|other| self.is_carried(other));
        let Some(known) = self.ends.get(&end) else { return };
        let speaks = spoken_to || known.tone.is_some() || known.sending.is_some();
        if !speaks && matches!(end, MediaEnd::Rtp(_)) {
            return;
        }
        let mut block = self.mixed(end);
        let Some(known) = self.ends.get_mut(&end) else { return };
        if let Some(tone) = &mut known.tone {
            tone.fill(&mut block);
        }
        if let Some(key) = &mut known.key {
            key.fill(&mut block);
        }
        let MediaEnd::Rtp(id) = end else {
            **known.hears.get_or_insert_with(|| Box::new([0; TICK])) = block;
            return;
        };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(to) = stream.rtp.destination()
            && stream.relay.is_none()
        {
            let datagrams = &mut self.datagrams;
            if stream.rtp.settings.udptl {
                let Stream { rtp, fax, .. } = &mut **stream;
                let config = rtp.settings.fax;
                fax.hear(&config, &block, |octets| {
                    if datagrams.len() < MAX_DATAGRAMS {
                        rtp.sent_udptl(octets.len());
                        datagrams.push_back(Datagram { stream: id, rtcp: false, to, octets: octets.into() });
                    }
                });
                return;
            }
            stream.rtp.say(&block, |octets| {
                if datagrams.len() < MAX_DATAGRAMS {
                    let octets = Bytes::copy_from_slice(octets);
                    datagrams.push_back(Datagram { stream: id, rtcp: false, to, octets });
                }
            });
        }
    }

    /// Moves on the digits that the switch wants sent toward an end.
    fn send_digits(&mut self, end: MediaEnd) {
        let Some(known) = self.ends.get_mut(&end) else { return };
        let mut stream = match end {
            MediaEnd::Rtp(id) => self.streams.get_mut(&id).map(|stream| (id, stream)),
            _ => None,
        };
        if let Some(sending) = &mut known.sending {
            if sending.left > 1 {
                sending.left -= 1;
            } else if sending.left == 1 {
                sending.left = 0;
                known.key = None;
                if let Some((_, stream)) = &mut stream
                    && stream.rtp.settings.digits == DigitRelay::Events
                {
                    stream.rtp.end_event();
                }
            } else if sending.pause > 1 {
                sending.pause -= 1;
            } else {
                known.sending = None;
                if known.digits.is_empty() {
                    let around = self.others(end).chain([end]);
                    self.refresh(around);
                    return;
                }
            }
        }
        let Some(known) = self.ends.get_mut(&end) else { return };
        if known.sending.is_some() {
            return;
        }
        let Some((event, timing)) = known.digits.pop_front() else { return };
        let ticks = |ms: u32| ms.clamp(20, 1000).div_ceil(20);
        let (left, pause) =
            if event.is_none() { (0, PAUSE_TICKS) } else { (ticks(timing.on_ms), ticks(timing.off_ms)) };
        known.sending = Some(Sending { left, pause });
        let Some(event) = event else { return };
        let relay = match end {
            MediaEnd::Rtp(id) => self.streams.get_mut(&id).map(|stream| (id, stream)),
            _ => None,
        };
        match relay {
            Some((_, s)) if s.rtp.settings.digits == DigitRelay::Events => s.rtp.begin_event(event),
            Some((id, s)) if s.rtp.settings.digits == DigitRelay::Signalled => {
                let digit = event.digit().map(|digit| PlaneEvent::Digit { stream: id, digit, ms: left * 20 });
                self.events.extend(digit);
            }
            _ => {
                let spec = event.digit().and_then(|digit| dtmf::held(digit, locale::default().dtmf).ok());
                known.key = spec.map(|spec| ToneGenerator::new(&spec));
            }
        }
    }

    fn look_after_streams(&mut self, now: Instant, ntp: u64) {
        let mut reports = Vec::new();
        for (id, stream) in &mut self.streams {
            if stream.rtp.fell_silent(now) {
                self.events.push_back(PlaneEvent::Inactive { stream: *id });
            }
            let ticks = (stream.rtp.settings.inactivity.report_every.as_millis() as u64 / 20).max(1);
            // Not of all streams in the same turn.
            if (self.ticks + id).is_multiple_of(ticks)
                && let Some(to) = stream.rtp.rtcp_destination()
                && let Some(octets) = stream.rtp.report(ntp, &self.cname)
            {
                reports.push(Datagram { stream: *id, rtcp: true, to, octets: octets.into() });
            }
        }
        reports.into_iter().for_each(|report| self.push(report));
    }
}

/// The wall clock as RTCP has it (NTP, 32.32 bits since 1900), from the time since 1970.
#[must_use]
pub fn ntp(since_1970: Duration) -> u64 {
    /// Seconds from 1900 to 1970.
    const EPOCH: u64 = 2_208_988_800;
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    (since_1970.as_secs().wrapping_add(EPOCH) << 32) | fraction
}

#[cfg(test)]
mod tests;
