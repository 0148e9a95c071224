//! SMDI lines: message waiting over a serial line, for PBXs that have nothing better. The gateway is the message desk.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cli::session::DebugTopic;
use dialpeer::Pattern;
use mwi::queue::{Job, Place as JobPlace, Settings, TrunkQueue};
use mwi::smdi::{Call, CallKind, Desk, Event};
use mwi::translate::{Activation, SPEECH};
use mwi::verdict::Outcome;

use super::pbx_way::PbxWay;
use super::{Output, Switch};
use crate::hardware::Smdi;
use crate::leg::pri::Ended;
use crate::service::message::{LogLine, Message};
use crate::service::smdi::SmdiEvent;

/// Requests whose outcome may be open at a time.
const IN_FLIGHT: usize = 64;
/// Calls to voice mail remembered for `show`.
const CALLS: usize = 100;
/// Octets of a request with its end, with room to spare; each takes 10 bits.
const REQUEST_BITS: u64 = 24 * 10;

/// One serial line to a PBX.
#[derive(Debug)]
pub(super) struct SmdiLine {
    pub(super) settings: Smdi,
    patterns: Vec<Pattern>,
    desk: Desk,
    pub(super) queue: TrunkQueue,
    pub(super) up: bool,
    /// The latest calls to voice mail.
    pub(super) calls: VecDeque<(Instant, Call)>,
    pub(super) heard: Heard,
}

/// What a line brought, in totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) calls: u64,
    pub(super) refusals: u64,
    /// Messages that are none.
    pub(super) rubbish: u64,
}

impl SmdiLine {
    /// A line that is not open yet.
    pub(super) fn new(settings: Smdi, seed: u64) -> Self {
        let pace = Duration::from_millis(1000 * REQUEST_BITS / u64::from(settings.speed.max(1)));
        let queue_settings = Settings { in_flight: IN_FLIGHT, pace, ..Settings::default() };
        let mut queue = TrunkQueue::new(queue_settings, seed);
        queue.set_up(false);
        Self {
            patterns: settings.numbers.iter().filter_map(|pattern| pattern.parse().ok()).collect(),
            desk: Desk::new(Duration::from_millis(settings.silence_ms)),
            settings,
            queue,
            up: false,
            calls: VecDeque::new(),
            heard: Heard::default(),
        }
    }

    /// Whether a mailbox's lamp is worked over this line.
    pub(super) fn takes(&self, number: &str) -> bool {
        self.settings.user(number).is_some() && self.patterns.iter().any(|p| p.matches(number).is_some())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.desk.poll_timeout(), self.queue.poll_timeout()].into_iter().flatten().min()
    }
}

impl Switch {
    /// What an SMDI line tells.
    pub fn handle_smdi(&mut self, now: Instant, line: usize, event: SmdiEvent) {
        match event {
            SmdiEvent::Up => self.handle_smdi_link(now, line, true),
            SmdiEvent::Down => self.handle_smdi_link(now, line, false),
            SmdiEvent::Octets(octets) => self.handle_smdi_octets(now, line, &octets),
        }
    }

    /// The serial line of an SMDI line was opened, or is gone.
    fn handle_smdi_link(&mut self, now: Instant, at: usize, up: bool) {
        let Some(line) = self.smdi.get_mut(at) else { return };
        if line.up != up {
            line.up = up;
            line.queue.set_up(up);
            let state = if up { "up" } else { "down" };
            let said = LogLine::from(Message::SmdiUpDown { name: &line.settings.name, state: &state });
            // What was asked on a line that is gone has no answer to wait for.
            line.desk = Desk::new(Duration::from_millis(line.settings.silence_ms));
            let open: Vec<String> = line
                .queue
                .iter()
                .filter(|(_, place)| *place == JobPlace::InFlight)
                .map(|(job, _)| job.activation.number.clone())
                .collect();
            self.monitor.syslog(now, said);
            for user in open {
                self.smdi_ended(now, at, &user, Outcome::LinkDown);
            }
        }
        self.drain_smdi(now, at);
        self.drain_sip(now);
    }

    /// Octets of an SMDI line.
    fn handle_smdi_octets(&mut self, now: Instant, at: usize, octets: &[u8]) {
        if let Some(line) = self.smdi.get_mut(at) {
            line.desk.handle_octets(octets);
        }
        self.drain_smdi(now, at);
        self.drain_sip(now);
    }

    pub(super) fn smdi_timeout(&mut self, now: Instant) {
        for at in 0..self.smdi.len() {
            if self.smdi.get(at).and_then(SmdiLine::poll_timeout).is_some_and(|due| due <= now) {
                self.drain_smdi(now, at);
            }
        }
    }

    pub(super) fn smdi_poll_timeout(&self) -> Option<Instant> {
        self.smdi.iter().filter_map(SmdiLine::poll_timeout).min()
    }

    /// Takes what the line brought and asks what is next.
    pub(super) fn drain_smdi(&mut self, now: Instant, at: usize) {
        self.serve_smdi(now, at);
        if let Some(line) = self.smdi.get(at) {
            let name = line.settings.name.as_str();
            let waiting = i64::try_from(line.queue.waiting()).unwrap_or(i64::MAX);
            self.metrics.queue_depth.with_label_values(&[name]).set(waiting);
            self.metrics.smdi_up.with_label_values(&[name]).set(i64::from(line.up));
        }
    }

    fn serve_smdi(&mut self, now: Instant, at: usize) {
        loop {
            while let Some(event) = self.smdi.get_mut(at).and_then(|line| line.desk.poll(now)) {
                self.smdi_event(now, at, event);
            }
            let Some(line) = self.smdi.get_mut(at) else { return };
            let Some(Job { activation: Activation { number, on, .. }, .. }) = line.queue.next(now) else {
                return;
            };
            match line.desk.send(now, &number, on) {
                Ok(octets) => {
                    if self.monitor.on(DebugTopic::Mwi) {
                        let word = if on { "OP:MWI" } else { "RMV:MWI" };
                        let text = format!("MWI: {word} {number} to {}", line.settings.name);
                        self.monitor.print(now, DebugTopic::Mwi, &text);
                    }
                    self.outputs.push_back(Output::Serial { line: at, octets: Bytes::from(octets) });
                }
                // Numbers are checked before they come here: only a desk with too much open refuses.
                Err(_) => self.smdi_ended(now, at, &number, Outcome::Error(1000)),
            }
        }
    }

    fn smdi_event(&mut self, now: Instant, at: usize, event: Event) {
        let Some(line) = self.smdi.get_mut(at) else { return };
        let what = match event {
            Event::Refused { .. } => Some("refusals"),
            Event::Call(_) => Some("calls"),
            Event::Error(_) => Some("unreadable"),
            Event::Done { .. } => None,
        };
        if let Some(what) = what {
            self.metrics.smdi_heard.with_label_values(&[line.settings.name.as_str(), what]).inc();
        }
        match event {
            Event::Done { number, .. } => self.smdi_ended(now, at, &number, Outcome::Done),
            Event::Refused { number, reason, .. } => {
                line.heard.refusals += 1;
                self.smdi_ended(now, at, &number, reason.outcome());
            }
            Event::Call(call) => {
                if line.settings.desk.is_some_and(|desk| desk != call.desk) {
                    return;
                }
                line.heard.calls += 1;
                let said =
                    LogLine::from(Message::SmdiCall { name: &line.settings.name, words: &call_words(&call) });
                if line.calls.len() >= CALLS {
                    line.calls.pop_front();
                }
                line.calls.push_back((now, call));
                self.monitor.syslog(now, said);
            }
            Event::Error(error) => {
                line.heard.rubbish += 1;
                let text = format!("MWI: rubbish on {}: {error}", line.settings.name);
                self.monitor.print(now, DebugTopic::Mwi, &text);
            }
        }
    }

    /// A request ended: answered, refused, or not refused in time.
    fn smdi_ended(&mut self, now: Instant, at: usize, user: &str, outcome: Outcome) {
        let ended = Ended { user: user.to_owned(), service: SPEECH, outcome };
        self.operation_ended(now, PbxWay::Smdi(at), ended);
    }
}

/// A call to voice mail in words.
pub(super) fn call_words(call: &Call) -> String {
    let why = match call.kind {
        CallKind::All => "all calls forwarded",
        CallKind::Busy => "busy",
        CallKind::Direct => "direct",
        CallKind::NoAnswer => "no answer",
        CallKind::Unknown => "for an unknown reason",
    };
    let mut text = format!("desk {:03} line {:04}, {why}", call.desk, call.terminal);
    if let Some(number) = &call.forwarding {
        text.push_str(&format!(", for {number}"));
    }
    if let Some(number) = &call.calling {
        text.push_str(&format!(", from {number}"));
    }
    text
}
