//! Calls in virtual time: simulated telephones, PBXs of our own stack behind the trunks, and a model of the media plane
//! that knows who hears whom.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod analogue;
mod forward;
mod hunting;
mod interwork;
mod isdn;
mod matrix;
mod modem;
mod phones;
mod raw;
mod replace;
mod shape;
mod sound;
mod storm;
mod trunk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use cli::config::Config;
use media::locale::ToneKind;
use qsig::{CallDetail, CallEvent, CallRequest, DLink, Event, Span, SpanConfig};
use telephony_hal::LineEvent;
use telephony_hal::line::{State, Tone};

use crate::clock::Clock;
use crate::hardware::Hardware;
use crate::leg::fxs::LineAction;
use crate::media::rtp::{RtpCommand, RtpSettings};
use crate::media::{MediaCommand, MediaEnd};
use crate::service::metrics::Metrics;
use crate::store::Store;
use crate::switch::{Output, Parts, Switch};

/// Four telephones 8000 to 8003 on 2/0 to 2/3, two trunks to PBXs that have 47.. and, as a group, 48...
pub(super) const CONFIG: &str = "\
isdn switch-type primary-qsig
trunk group PBX
 hunt-scheme sequential
controller E1 1/0
 pri-group timeslots 1-31
controller E1 1/1
 pri-group timeslots 1-31
interface Serial1/0:15
 isdn protocol-emulate network
 trunk-group PBX 1
interface Serial1/1:15
 isdn protocol-emulate network
 trunk-group PBX 2
voice-port 1/0:15
voice-port 1/1:15
voice-port 2/0
 station-id name Ada
voice-port 2/1
voice-port 2/2
voice-port 2/3
dial-peer voice 8000 pots
 destination-pattern 8000
 port 2/0
dial-peer voice 8001 pots
 destination-pattern 8001
 port 2/1
dial-peer voice 8002 pots
 destination-pattern 8002
 port 2/2
dial-peer voice 8003 pots
 destination-pattern 8003
 port 2/3
dial-peer voice 47 pots
 destination-pattern 47..
 no digit-strip
 port 1/0:15
dial-peer voice 48 pots
 trunkgroup PBX
 destination-pattern 48..
 no digit-strip
";

const HARDWARE: &str = "\
[[fxs]]
port = \"2/0\"
backend = \"sim\"
[[fxs]]
port = \"2/1\"
backend = \"sim\"
[[fxs]]
port = \"2/2\"
backend = \"sim\"
[[fxs]]
port = \"2/3\"
backend = \"sim\"
[[pri]]
controller = \"E1 1/0\"
backend = \"sim\"
[[pri]]
controller = \"E1 1/1\"
backend = \"sim\"
";

/// What the media plane was told, as who hears whom.
#[derive(Debug, Default)]
pub(super) struct Wires {
    hears: BTreeMap<MediaEnd, BTreeSet<MediaEnd>>,
    pub(super) tones: BTreeMap<MediaEnd, ToneKind>,
    /// RTP streams that are open.
    pub(super) streams: BTreeSet<u64>,
    /// What a stream was last told of its packets.
    pub(super) settings: Option<RtpSettings>,
    /// Streams on which nothing is sent: their far end holds.
    pub(super) mute: BTreeSet<u64>,
    /// Signalling bits sent.
    pub(super) signals: Vec<u8>,
}

impl Wires {
    fn take(&mut self, command: &MediaCommand) {
        if let MediaCommand::Rtp { stream, command } = command {
            match command {
                RtpCommand::Open { .. } => assert!(self.streams.insert(*stream), "{stream} is open"),
                RtpCommand::Settings(settings) => {
                    assert!(self.streams.contains(stream), "{stream} is closed");
                    self.settings = Some((**settings).clone());
                    self.mute.remove(stream);
                    self.mute.extend((!settings.sends).then_some(*stream));
                }
                RtpCommand::Signal(_) => assert!(self.streams.contains(stream), "{stream} is closed"),
                RtpCommand::Close => {
                    assert!(self.streams.remove(stream), "{stream} is closed");
                    self.mute.remove(stream);
                }
            }
            if !matches!(command, RtpCommand::Close) {
                return;
            }
        }
        if let MediaCommand::Signal { abcd, .. } = command {
            self.signals.push(*abcd);
            return;
        }
        for end in command.ends() {
            self.tones.remove(&end);
            for other in self.hears.remove(&end).unwrap_or_default() {
                if let Some(set) = self.hears.get_mut(&other) {
                    set.remove(&end);
                }
            }
        }
        self.hears.retain(|_, set| !set.is_empty());
        let ends: Vec<MediaEnd> = match command {
            MediaCommand::Connect { a, b } => vec![*a, *b],
            MediaCommand::Conference { ends } => ends.to_vec(),
            MediaCommand::Tone { end, tone, .. } => {
                self.tones.insert(*end, *tone);
                Vec::new()
            }
            _ => Vec::new(),
        };
        for end in &ends {
            self.hears.insert(*end, ends.iter().copied().filter(|other| other != end).collect());
        }
    }

    pub(super) fn hears(&self, end: MediaEnd) -> Vec<MediaEnd> {
        self.hears.get(&end).into_iter().flatten().copied().collect()
    }

    pub(super) fn is_silent(&self) -> bool {
        self.hears.is_empty() && self.tones.is_empty() && self.streams.is_empty()
    }
}

/// A PBX behind a trunk: what it does with calls, and what it has seen.
pub(super) struct Pbx {
    pub(super) span: Span,
    pub(super) link: bool,
    pub(super) behaviour: Behaviour,
    pub(super) events: Vec<(qsig::CallId, CallEvent)>,
    /// Operations it was asked for.
    pub(super) invoked: Vec<(qsig::IndicationId, qsig::Carrier, qsig::rose::Invoke)>,
    /// How its own ended.
    pub(super) done: Vec<qsig::service::Outcome>,
}

/// What a PBX does with a call that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// The telephone rings, then the test decides.
    Ring,
    /// Announcement, then the test decides.
    InBand,
    Answer,
    Refuse(u8),
    Ignore,
}

pub(super) struct Sim {
    pub(super) switch: Switch,
    pub(super) now: Instant,
    pub(super) pbx: Vec<Pbx>,
    pub(super) wires: Wires,
    phones: phones::Phones,
    next_port: u16,
    pub(super) bell: BTreeMap<usize, bool>,
    pub(super) reversed: BTreeMap<usize, bool>,
    /// Carries the audio where a test listens.
    plane: Option<Box<crate::media::plane::Plane>>,
    /// Of the packets of the SIP telephones.
    rtp_sequence: u16,
    _directory: tempfile::TempDir,
}

pub(super) const fn line(at: usize) -> MediaEnd {
    MediaEnd::Line(at)
}

impl Sim {
    pub(super) fn new() -> Self {
        Self::with(CONFIG)
    }

    /// With these lines behind [`CONFIG`]'s.
    pub(super) fn and(more: &str) -> Self {
        Self::with(&format!("{CONFIG}{more}"))
    }

    fn with(config: &str) -> Self {
        let now = Instant::now();
        let directory = tempfile::tempdir().unwrap();
        let (store, records) = Store::open(directory.path(), |_| {}).unwrap();
        let parsed = Config::parse(config);
        for message in &parsed.messages {
            assert!(
                !matches!(message.kind, cli::config::MessageKind::Refused { .. }),
                "line {}: {:?}",
                message.line,
                message.kind
            );
        }
        let parts = Parts {
            clock: Clock::new(now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            hardware: Hardware::parse(HARDWARE).unwrap(),
            config: parsed.config,
            store,
            records,
            metrics: Metrics::new().unwrap(),
            seed: [9; 32],
            local_address: |_| Some([192, 0, 2, 1].into()),
        };
        let pbx = || Pbx {
            span: Span::new(SpanConfig { accept_calls: true, ..SpanConfig::default() }),
            link: false,
            behaviour: Behaviour::Ring,
            events: Vec::new(),
            invoked: Vec::new(),
            done: Vec::new(),
        };
        let mut sim = Self {
            switch: Switch::new(now, parts).unwrap(),
            now,
            pbx: vec![pbx(), pbx()],
            wires: Wires::default(),
            phones: phones::Phones::new(),
            next_port: 16_384,
            bell: BTreeMap::new(),
            reversed: BTreeMap::new(),
            plane: None,
            rtp_sequence: 0,
            _directory: directory,
        };
        sim.link(0, true);
        sim.link(1, true);
        sim.wait(100);
        sim
    }

    pub(super) fn apply(&mut self, config: &str) {
        self.switch.apply(self.now, Config::parse(config).config);
        self.settle();
    }

    pub(super) fn link(&mut self, trunk: usize, up: bool) {
        self.pbx[trunk].link = up;
        let (at, link) = self.d_channel(trunk);
        self.pbx[at].span.handle_link_of(self.now, link, up);
        self.switch.handle_trunk_link(self.now, trunk, up);
        self.settle();
    }

    /// Whose D channel a trunk carries: the PBX behind it, or in an NFAS group the first one.
    fn d_channel(&self, trunk: usize) -> (usize, DLink) {
        let group = !self.pbx[0].span.config().nfas.is_empty();
        if group && trunk == 1 { (0, DLink::Backup) } else { (trunk, DLink::Primary) }
    }

    /// Moves frames until nobody has anything to say.
    pub(super) fn settle(&mut self) {
        loop {
            let mut idle = true;
            for _ in 0..self.switch.rtp_ports().wanted() {
                self.switch.rtp_ports().add(self.next_port);
                self.next_port = self.next_port.checked_add(2).unwrap_or(16_384);
            }
            while let Some((flow, data)) = self.phones.poll_transmit(self.now) {
                idle = false;
                self.switch.handle_sip(self.now, flow, data);
            }
            while let Some(output) = self.switch.poll_output() {
                idle = false;
                match output {
                    Output::Frame { trunk, frame } if self.pbx[trunk].link => {
                        let (at, link) = self.d_channel(trunk);
                        self.pbx[at].span.handle_frame_of(self.now, link, &frame);
                    }
                    Output::Media(command) => {
                        self.wires.take(&command);
                        if let Some(plane) = &mut self.plane {
                            plane.handle(self.now, command);
                        }
                    }
                    Output::Sip(transmit) if phones::is_gateway(&transmit) => {
                        self.switch.handle_sip(self.now, transmit.flow, transmit.payload);
                    }
                    Output::Sip(transmit) => self.phones.receive(self.now, transmit),
                    Output::Line { line, action: LineAction::Ring(on) } => {
                        self.bell.insert(line, on);
                    }
                    Output::Line { line, action: LineAction::Polarity(on) } => {
                        self.reversed.insert(line, on);
                    }
                    _ => {}
                }
            }
            for trunk in 0..self.pbx.len() {
                while let Some(event) = self.pbx[trunk].span.poll_event() {
                    idle = false;
                    match event {
                        Event::Call { id, event } => self.pbx_event(trunk, id, event),
                        Event::Invoked { id, carrier, invoke } => {
                            self.pbx[trunk].invoked.push((id, carrier, invoke));
                        }
                        Event::OperationDone { outcome, .. } => self.pbx[trunk].done.push(outcome),
                        _ => {}
                    }
                }
                let (at, link) = self.d_channel(trunk);
                while let Some(frame) = self.pbx[at].span.poll_frame_of(link) {
                    idle = false;
                    if self.pbx[trunk].link {
                        self.switch.handle_trunk_frame(self.now, trunk, &frame);
                    }
                }
            }
            if idle {
                return;
            }
        }
    }

    fn pbx_event(&mut self, trunk: usize, id: qsig::CallId, event: CallEvent) {
        let now = self.now;
        let pbx = &mut self.pbx[trunk];
        if matches!(event, CallEvent::Incoming { .. }) {
            let tones = CallDetail {
                progress: vec![qsig::q931::ProgressIndicator { coding: 0, location: 1, description: 8 }],
                ..CallDetail::default()
            };
            let plain = CallDetail::default();
            match pbx.behaviour {
                Behaviour::Ring => pbx.span.alert_call(now, id, &plain).unwrap(),
                Behaviour::InBand => {
                    pbx.span.proceed_call(now, id, &plain).unwrap();
                    pbx.span.progress_call(now, id, &tones).unwrap();
                }
                Behaviour::Answer => pbx.span.answer_call(now, id, &plain).unwrap(),
                Behaviour::Refuse(cause) => {
                    pbx.span.clear_call(now, id, qsig::q931::Cause::user(cause)).unwrap();
                }
                Behaviour::Ignore => {}
            }
        }
        pbx.events.push((id, event));
    }

    /// Lets virtual time pass, in ms.
    pub(super) fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            let spans = self.pbx.iter().filter_map(|p| p.span.poll_timeout());
            let others = [self.switch.poll_timeout(), self.phones.poll_timeout()];
            let next = spans.chain(others.into_iter().flatten()).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.switch.handle_timeout(self.now);
            self.phones.handle_timeout(self.now);
            for pbx in &mut self.pbx {
                pbx.span.handle_timeout(self.now);
            }
            self.settle();
        }
        self.now = end;
    }

    fn hook(&mut self, line: usize, event: LineEvent, ms: u64) {
        self.switch.handle_line(self.now, line, event);
        self.settle();
        self.wait(ms);
    }

    pub(super) fn off_hook(&mut self, line: usize) {
        self.hook(line, LineEvent::OffHook, 100);
    }

    pub(super) fn on_hook(&mut self, line: usize) {
        self.hook(line, LineEvent::OnHook, 1500);
    }

    pub(super) fn flash(&mut self, line: usize) {
        self.hook(line, LineEvent::OnHook, 300);
        self.hook(line, LineEvent::OffHook, 100);
    }

    pub(super) fn dial(&mut self, line: usize, digits: &str) {
        for digit in digits.chars() {
            self.switch.handle_digit(self.now, line, digit);
            self.settle();
            self.wait(100);
        }
    }

    /// Lifts the handset and dials.
    pub(super) fn call(&mut self, line: usize, digits: &str) {
        self.off_hook(line);
        self.dial(line, digits);
    }

    pub(super) fn tone(&self, line: usize) -> Tone {
        self.switch.lines[line].line().tone()
    }

    pub(super) fn state(&self, line: usize) -> State {
        self.switch.lines[line].line().state()
    }

    /// Calls of a PBX that have not ended, oldest first.
    pub(super) fn pbx_calls(&self, trunk: usize) -> Vec<qsig::CallId> {
        self.pbx[trunk].span.calls().map(|call| call.id).collect()
    }

    /// The B channel of the only call on a trunk.
    pub(super) fn channel(&self, trunk: usize) -> MediaEnd {
        let call = self.pbx[trunk].span.calls().next().expect("a call on the trunk");
        MediaEnd::Channel { trunk, timeslot: call.channel.expect("a channel") }
    }

    /// Somebody behind a PBX calls.
    pub(super) fn pbx_call(&mut self, trunk: usize, request: &CallRequest) -> qsig::CallId {
        let id = self.pbx[trunk].span.start_call(self.now, request).unwrap();
        self.settle();
        id
    }

    pub(super) fn pbx_answer(&mut self, trunk: usize) {
        let id = *self.pbx_calls(trunk).last().expect("a call on the trunk");
        self.pbx[trunk].span.answer_call(self.now, id, &CallDetail::default()).unwrap();
        self.settle();
    }

    pub(super) fn pbx_clear(&mut self, trunk: usize, cause: u8) {
        let id = *self.pbx_calls(trunk).last().expect("a call on the trunk");
        self.pbx[trunk].span.clear_call(self.now, id, qsig::q931::Cause::user(cause)).unwrap();
        self.settle();
    }

    /// Cause with which the last call on a PBX ended there.
    pub(super) fn pbx_cause(&self, trunk: usize) -> Option<u8> {
        self.pbx[trunk].events.iter().rev().find_map(|(_, event)| match event {
            CallEvent::Released { cause } | CallEvent::Disconnected { cause, .. } => Some(cause.value),
            _ => None,
        })
    }

    /// The two hear each other, and nobody else.
    #[track_caller]
    pub(super) fn assert_talk(&self, a: MediaEnd, b: MediaEnd) {
        assert_eq!(self.wires.hears(a), [b], "{:?}", self.wires);
        assert_eq!(self.wires.hears(b), [a], "{:?}", self.wires);
    }

    /// Nothing is left of any call.
    #[track_caller]
    pub(super) fn assert_nothing_left(&self) {
        let calls = &self.switch.calls;
        assert!(calls.calls.is_empty(), "{:?}", calls.calls);
        assert!(calls.legs.is_empty(), "{:?}", calls.legs);
        assert!(calls.connections.is_empty() && calls.loops.is_empty(), "{:?}", calls.connections);
        assert!(calls.events.is_empty() && calls.spoken_to.is_empty());
        assert_eq!(calls.records.pending(), 0);
        let counted = &self.switch.metrics.calls;
        assert_eq!((counted.active.get(), counted.legs.each_ref().map(|gauge| gauge.get())), (0, [0; 4]));
        let sip = &self.switch.sip;
        assert!(sip.is_empty(), "{sip:?}");
        assert_eq!((sip.ports.used(), sip.ua().held()), (0, 0), "{}", sip.ua().census());
        let (held, census) = self.phones.held();
        assert_eq!(held, 0, "the telephones: {census}");
        assert!(self.wires.is_silent(), "{:?}", self.wires);
        for port in &self.switch.lines {
            assert!(!port.is_busy(), "{port:?}");
        }
        for (at, trunk) in self.switch.trunks.iter().enumerate() {
            assert_eq!((trunk.legs(), trunk.span.channels_in_use()), (0, 0), "trunk {at}");
            assert_eq!(self.pbx[at].span.channels_in_use(), 0, "PBX {at}");
        }
    }
}
