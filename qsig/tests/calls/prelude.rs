//! What the tests of this binary share: configurations, a scripted peer, two spans back to back.

pub(crate) use std::collections::{BTreeMap, BTreeSet, VecDeque};
pub(crate) use std::time::{Duration, Instant};

pub(crate) use qsig::lapd::{Control, Frame, SupervisoryKind};
pub(crate) use qsig::name::{Name, NameKind};
pub(crate) use qsig::q931::{
    Cause, CauseDetail, Element, Message, MessageType, Number, NumberPlan, ProgressIndicator,
    SegmentedMessage, ie,
};
pub(crate) use qsig::{
    BchanOrder, CallDetail, CallError, CallEvent, CallId, CallRequest, CallState, Event, LineKind,
    RestartOnStart, RestartTarget, Side, Span, SpanConfig, decode,
};
pub(crate) use rand::rngs::StdRng;
pub(crate) use rand::{RngExt, SeedableRng};

pub(crate) use super::common::{Bench, Captured, capture, millis, unhex};

pub(crate) fn config(side: Side) -> SpanConfig {
    SpanConfig { side, accept_calls: true, ..SpanConfig::default() }
}

pub(crate) fn plain() -> CallDetail {
    CallDetail::default()
}

// ---- a scripted peer ----

/// A bench whose span has called 4711 on channel 1, call reference 1.
pub(crate) fn calling() -> (Bench, CallId) {
    let mut bench = Bench::new(config(Side::Network));
    let id = bench.span.start_call(bench.now, &CallRequest::new("4711")).unwrap();
    bench.pump();
    assert_eq!(bench.heard_kinds(), [MessageType::SETUP]);
    (bench, id)
}

/// A bench whose span has been called on channel 5, call reference 9.
pub(crate) fn called(sending_complete: bool) -> (Bench, CallId) {
    let mut bench = Bench::new(config(Side::Network));
    let end = if sending_complete { "a1" } else { "" };
    bench.say_hex(&format!("0802000905 04038090a3 1803a98385 700380 3437 {end}"));
    let [Event::Call { id, event: CallEvent::Incoming { digits, complete, .. } }] = &bench.events()[..]
    else {
        panic!("incoming")
    };
    assert_eq!((digits.as_str(), *complete), ("47", sending_complete));
    let id = *id;
    assert_eq!(bench.span.call(id).unwrap().channel, Some(5));
    (bench, id)
}

pub(crate) trait CallBench {
    fn call_events(&mut self) -> Vec<CallEvent>;
    fn said(&mut self) -> Vec<(MessageType, Option<u8>)>;
}

impl CallBench for Bench {
    fn call_events(&mut self) -> Vec<CallEvent> {
        self.events()
            .into_iter()
            .map(|event| match event {
                Event::Call { event, .. } => event,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn said(&mut self) -> Vec<(MessageType, Option<u8>)> {
        self.heard().iter().map(|m| (m.kind, m.cause().map(|c| c.value))).collect()
    }
}

pub(crate) const DISCONNECT: MessageType = MessageType::DISCONNECT;
pub(crate) const RELEASE: MessageType = MessageType::RELEASE;
pub(crate) const RELEASE_COMPLETE: MessageType = MessageType::RELEASE_COMPLETE;

// ---- two spans of ours ----

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) spans: [Span; 2],
}

impl Pair {
    pub(crate) fn new(a: SpanConfig, b: SpanConfig) -> Self {
        let now = Instant::now();
        let mut pair = Self { now, spans: [Span::new(a), Span::new(b)] };
        for span in &mut pair.spans {
            span.handle_link(now, true);
        }
        if pair.spans[0].config().restart_on_start == RestartOnStart::Nothing {
            pair.run();
        }
        pair
    }

    /// Frames go over until none is left; the events of both.
    pub(crate) fn run(&mut self) -> [Vec<Event>; 2] {
        loop {
            let mut idle = true;
            for from in 0..2 {
                while let Some(frame) = self.spans[from].poll_frame() {
                    idle = false;
                    self.spans[1 - from].handle_frame(self.now, &frame);
                }
            }
            if idle {
                return [0, 1].map(|end| std::iter::from_fn(|| self.spans[end].poll_event()).collect());
            }
        }
    }

    pub(crate) fn incoming(events: &[Event]) -> CallId {
        events
            .iter()
            .find_map(|event| match event {
                Event::Call { id, event: CallEvent::Incoming { .. } } => Some(*id),
                _ => None,
            })
            .unwrap()
    }
}

pub(crate) fn kinds(events: &[CallEvent]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            CallEvent::Incoming { .. } => "incoming",
            CallEvent::Digits { .. } => "digits",
            CallEvent::SetupAcknowledged(_) => "setup acknowledged",
            CallEvent::Proceeding(_) => "proceeding",
            CallEvent::Alerting(_) => "alerting",
            CallEvent::Progress(_) => "progress",
            CallEvent::Connected(_) => "connected",
            CallEvent::ConnectAcknowledged => "acknowledged",
            CallEvent::Notify(_) => "notify",
            CallEvent::Facility(_) => "facility",
            CallEvent::Held { .. } => "held",
            CallEvent::Retrieved => "retrieved",
            CallEvent::HoldRefused { .. } => "hold refused",
            CallEvent::Clearing(_) => "clearing",
            CallEvent::Disconnected { .. } => "disconnected",
            CallEvent::Released { .. } => "released",
        })
        .collect()
}

/// What `events` say of calls.
pub(crate) fn calls_of(events: &[Event]) -> Vec<CallEvent> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Call { event, .. } => Some(event.clone()),
            _ => None,
        })
        .collect()
}
