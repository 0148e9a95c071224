//! The exchange against a span of the other side, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use qsig::{CallEvent, CallId, CallRequest, Event, Side, Span, SpanConfig};

use super::Lamps;
use super::exchange::Exchange;

struct Pair {
    now: Instant,
    ours: Span,
    pbx: Exchange,
    heard: Vec<(CallId, CallEvent)>,
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let side = |side| SpanConfig { side, accept_calls: true, ..SpanConfig::default() };
        let mut pair = Self {
            now,
            ours: Span::new(side(Side::User)),
            pbx: Exchange::new(side(Side::Network), Lamps::default()),
            heard: Vec::new(),
        };
        pair.ours.handle_link(now, true);
        pair.pbx.handle_link(now, true);
        pair.wait(100);
        assert!(pair.ours.is_up());
        pair
    }

    fn settle(&mut self) {
        loop {
            let mut idle = true;
            self.pbx.run(self.now);
            while let Some(frame) = self.pbx.poll_frame() {
                idle = false;
                self.ours.handle_frame(self.now, &frame);
            }
            while let Some(event) = self.ours.poll_event() {
                if let Event::Call { id, event } = event {
                    self.heard.push((id, event));
                }
            }
            while let Some(frame) = self.ours.poll_frame() {
                idle = false;
                self.pbx.handle_frame(self.now, &frame);
            }
            if idle {
                return;
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        self.settle();
        while let Some(next) = [self.ours.poll_timeout(), self.pbx.poll_timeout()].into_iter().flatten().min()
            && next <= end
        {
            self.now = self.now.max(next);
            self.ours.handle_timeout(self.now);
            self.pbx.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn call(&mut self, number: &str) -> CallId {
        let id = self.ours.start_call(self.now, &CallRequest::new(number)).unwrap();
        self.settle();
        id
    }

    fn has(&self, wanted: impl Fn(&CallEvent) -> bool) -> bool {
        self.heard.iter().any(|(_, event)| wanted(event))
    }

    /// 20 ms of the only voice.
    fn turn(&mut self, heard: &[i16]) -> Vec<i16> {
        let mut said = vec![0; 160];
        let (_, voice) = self.pbx.voices().next().expect("a voice");
        voice.turn(heard, &mut said);
        said
    }
}

#[test]
fn the_last_digits_say_what_becomes_of_a_call() {
    let mut pair = Pair::new();
    pair.call("4790");
    pair.wait(100);
    assert!(
        pair.has(|e| matches!(e, CallEvent::Released { cause } | CallEvent::Disconnected { cause, .. } if cause.value == 17))
    );
    pair.heard.clear();
    let rings = pair.call("4791");
    pair.wait(60_000);
    assert!(pair.has(|e| matches!(e, CallEvent::Alerting(_))));
    assert!(!pair.has(|e| matches!(e, CallEvent::Connected(_))));
    let _ = pair.ours.clear_call(pair.now, rings, qsig::q931::Cause::user(16));
    pair.wait(1000);
    assert!(!pair.pbx.has_calls());
    pair.heard.clear();
    pair.call("4711");
    assert!(pair.has(|e| matches!(e, CallEvent::Alerting(_))));
    pair.wait(1100);
    assert!(pair.has(|e| matches!(e, CallEvent::Connected(_))));
    assert!(pair.turn(&[]).iter().any(|s| s.unsigned_abs() > 5000), "1004 Hz");
}

#[test]
fn what_is_said_comes_back_and_so_do_digits() {
    let mut pair = Pair::new();
    pair.call("4793");
    assert!(pair.has(|e| matches!(e, CallEvent::Connected(_))));
    let said: Vec<i16> = (0..160).map(|s| s * 100).collect();
    assert_eq!(pair.turn(&said), said);
    let mut pair = Pair::new();
    pair.call("4794");
    let spec = media::dtmf::sequence("5", media::locale::default().dtmf, 100, 100).unwrap();
    let mut key = media::tone::ToneGenerator::new(&spec);
    let mut ear = media::dtmf::DtmfDetector::new(media::dtmf::DtmfConfig::default());
    let mut heard = String::new();
    for _ in 0..50 {
        let mut block = [0; 160];
        key.fill(&mut block);
        let back = pair.turn(&block);
        ear.feed(&back, |event| {
            if let media::dtmf::DtmfEvent::Start { digit, .. } = event {
                heard.push(digit);
            }
        });
    }
    assert_eq!(heard, "5");
}

#[test]
fn a_caller_is_called_back_by_the_number_he_called() {
    let mut pair = Pair::new();
    let number = |digits: &str| qsig::q931::Number {
        plan: qsig::q931::NumberPlan::UNKNOWN,
        presentation: Some(0x80),
        digits: digits.to_owned(),
    };
    let request = CallRequest { calling: Some(number("8000")), ..CallRequest::new("4795") };
    pair.ours.start_call(pair.now, &request).unwrap();
    pair.settle();
    assert!(pair.has(|e| matches!(e, CallEvent::Connected(_))));
    pair.heard.clear();
    pair.wait(3500);
    let back = pair.heard.iter().find_map(|(id, event)| match event {
        CallEvent::Incoming { digits, .. } => Some((*id, digits.clone())),
        _ => None,
    });
    let (id, digits) = back.expect("a call back");
    assert_eq!(digits, "8000");
    pair.ours.answer_call(pair.now, id, &qsig::CallDetail::default()).unwrap();
    pair.settle();
    pair.wait(11_000);
    assert!(!pair.pbx.has_calls(), "it hangs up by itself");
}
