//! Spans, bearers and exchange lines of the simulator.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use telephony_hal::line::{Caller, Line, LineConfig, LineEventOut, Output, RingPattern, State};
use telephony_hal::sim::{BEARER_BUFFER, SimSpan, TIE_BUFFER, TieFxo, TieFxs, span_pair, tie_line};
use telephony_hal::{
    Alarms, BChannel, DChannel, DChannelEvent, ErrorKind, FxoEvent, FxoLine, FxsLine, HalError, Lamp, Span,
    SpanKind,
};

fn noop<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn alarms(span: &mut SimSpan) -> Option<Alarms> {
    noop(|cx| span.poll_alarms(cx)).map(Result::unwrap)
}

#[test]
fn a_span_has_alarms_a_d_channel_and_bearers() {
    for kind in [SpanKind::E1, SpanKind::T1] {
        let (mut user, mut network) = span_pair(kind);
        assert!(alarms(&mut user).unwrap().is_clear());
        assert_eq!(alarms(&mut user), None);
        let (mut d, mut far_d) = (user.open_d().unwrap(), network.open_d().unwrap());
        assert_eq!(user.open_d().unwrap_err().kind(), ErrorKind::Busy);
        assert_eq!(noop(|cx| d.poll_event(cx)), Some(Ok(DChannelEvent::Up)));
        assert_eq!(noop(|cx| far_d.poll_event(cx)), Some(Ok(DChannelEvent::Up)));

        // Every bearer, each with its own octets.
        let slots: Vec<u8> = (0..=255).filter(|slot| kind.is_bearer(*slot)).collect();
        let mut here: Vec<_> = slots.iter().map(|slot| user.open_b(*slot).unwrap()).collect();
        let mut there: Vec<_> = slots.iter().map(|slot| network.open_b(*slot).unwrap()).collect();
        for (bearer, slot) in here.iter_mut().zip(&slots) {
            assert_eq!(bearer.write(&[*slot; 160]).unwrap(), 160);
        }
        for (bearer, slot) in there.iter_mut().zip(&slots) {
            let mut octets = [0; 300];
            assert_eq!(bearer.read(&mut octets).unwrap(), 160);
            assert_eq!(octets[..160], [*slot; 160]);
            assert_eq!(bearer.read(&mut octets).unwrap(), 0);
        }
        for slot in [0, kind.d_timeslot(), 32, 255] {
            assert_eq!(user.open_b(slot).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(user.open_b(1).unwrap_err().kind(), ErrorKind::Busy);
        here.clear();
        assert!(user.open_b(1).is_ok(), "a dropped bearer can be opened again");

        // The cable is cut: everything at once, and back.
        let cable = user.cable();
        there[2].write(&[1; 10]).unwrap();
        cable.unplug();
        assert!(alarms(&mut user).unwrap().loss_of_signal);
        assert_eq!(noop(|cx| d.poll_event(cx)), Some(Ok(DChannelEvent::Down)));
        let mut bearer = user.open_b(3).unwrap();
        assert_eq!(bearer.write(&[0]).unwrap_err().kind(), ErrorKind::Alarm);
        assert_eq!(bearer.read(&mut [0]).unwrap_err().kind(), ErrorKind::Alarm);
        cable.plug();
        assert!(alarms(&mut user).unwrap().is_clear());
        assert_eq!(noop(|cx| d.poll_event(cx)), Some(Ok(DChannelEvent::Up)));
        assert_eq!(bearer.read(&mut [0; 20]).unwrap(), 0, "what was under way is lost");
    }
}

#[test]
fn a_bearer_that_nobody_reads_keeps_the_newest_half_second() {
    let (mut user, mut network) = span_pair(SpanKind::E1);
    let (mut here, mut there) = (user.open_b(31).unwrap(), network.open_b(31).unwrap());
    for n in 0..100u8 {
        here.write(&[n; 160]).unwrap();
    }
    let mut octets = vec![0; 20_000];
    assert_eq!(there.read(&mut octets).unwrap(), BEARER_BUFFER);
    assert_eq!((octets[0], octets[BEARER_BUFFER - 1]), (75, 99));
}

/// An exchange's line discipline at one end, a bare FXO port at the other.
struct Tie {
    line: Line,
    port: TieFxs,
    fxo: TieFxo,
    now: Instant,
    events: Vec<LineEventOut>,
}

impl Tie {
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while let Some(event) = noop(|cx| self.port.poll_event(cx)) {
                self.line.handle_event(self.now, event.unwrap());
            }
            while let Some(output) = self.line.poll_output() {
                if let Output::Event(event) = &output {
                    self.events.push(event.clone());
                }
                output.apply(&mut self.port, Lamp::HighVoltage).unwrap();
            }
            match self.line.poll_timeout().filter(|at| *at <= end) {
                Some(at) => {
                    self.now = at;
                    self.line.handle_timeout(at);
                }
                None => break,
            }
        }
        self.now = end;
    }

    fn seen(&mut self) -> Vec<FxoEvent> {
        std::iter::from_fn(|| noop(|cx| self.fxo.poll_event(cx))).map(Result::unwrap).collect()
    }
}

#[test]
fn an_exchange_line_rings_answers_and_supervises() {
    let (port, fxo) = tie_line();
    let line = Line::new(LineConfig::default());
    let mut tie = Tie { line, port, fxo, now: Instant::now(), events: vec![] };

    // Incoming at the FXO: two bursts, then it answers.
    tie.line.ring(tie.now, RingPattern::default(), Caller::default()).unwrap();
    tie.run(Duration::from_millis(6500));
    assert_eq!(tie.seen(), [FxoEvent::Ringing(true), FxoEvent::Ringing(false), FxoEvent::Ringing(true)]);
    tie.fxo.set_hook(true).unwrap();
    tie.run(Duration::from_millis(100));
    assert_eq!(tie.events, [LineEventOut::Answered]);
    assert_eq!(tie.seen(), [FxoEvent::Ringing(false)]);
    assert_eq!(tie.port.set_ringing(true).unwrap_err().kind(), ErrorKind::Busy);

    // Audio in both directions, at most half a second of it.
    tie.fxo.write_audio(&[5; 160]).unwrap();
    let mut heard = [0; 200];
    assert_eq!(tie.port.read_audio(&mut heard).unwrap(), 160);
    tie.port.write_audio(&vec![6; 2 * TIE_BUFFER]).unwrap();
    assert_eq!(tie.fxo.read_audio(&mut vec![0; 2 * TIE_BUFFER]).unwrap(), TIE_BUFFER);

    // The far end hangs up: power denial is what the FXO sees.
    tie.line.remote_released(tie.now, 16);
    tie.run(Duration::from_secs(1));
    assert_eq!(tie.seen(), [FxoEvent::Battery(false), FxoEvent::Battery(true)]);
    tie.fxo.set_hook(false).unwrap();
    tie.run(Duration::from_secs(1));
    assert_eq!(tie.line.state(), State::Idle);

    // Outgoing from the FXO with pulses made of hook calls; polarity tells the answer.
    tie.events.clear();
    tie.fxo.set_hook(true).unwrap();
    tie.run(Duration::from_secs(1));
    for _ in 0..4 {
        tie.fxo.set_hook(false).unwrap();
        tie.run(Duration::from_millis(60));
        tie.fxo.set_hook(true).unwrap();
        tie.run(Duration::from_millis(40));
    }
    tie.run(Duration::from_secs(1));
    assert_eq!(tie.events, [LineEventOut::Seized, LineEventOut::Digit('4')]);
    tie.line.digits_complete(tie.now);
    tie.line.connect(tie.now);
    tie.run(Duration::ZERO);
    assert_eq!(tie.seen(), [FxoEvent::Polarity(true)]);

    // The subscriber's port vanishes: that is on hook.
    let (_, nobody) = tie_line();
    drop(std::mem::replace(&mut tie.fxo, nobody));
    tie.run(Duration::from_secs(1));
    assert_eq!(tie.line.state(), State::Idle);
}

#[test]
fn a_dead_exchange_gives_no_battery() {
    let (port, mut fxo) = tie_line();
    drop(port);
    assert_eq!(noop(|cx| fxo.poll_event(cx)).unwrap().unwrap(), FxoEvent::Battery(false));
    fxo.set_hook(true).unwrap();
    assert_eq!(fxo.read_audio(&mut [0; 10]).unwrap(), 0);
}
