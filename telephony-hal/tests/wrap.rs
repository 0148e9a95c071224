//! Wrappers around channels and lines.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Cursor;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use telephony_hal::line::{Line, LineConfig, LineEventOut, Output, State};
use telephony_hal::sim::{Plant, span_pair, tie_line, trunk_pair};
use telephony_hal::wrap::{BearerTap, Erased, Faults, Faulty, LineWav, Record, Trace, Traced};
use telephony_hal::{
    BChannel, DChannel, DChannelEvent, ErrorKind, FxoLine, FxsLine, HalError, Lamp, LineEvent, Span,
    SpanKind, wav,
};

fn poll<D: DChannel>(channel: &mut D) -> Option<DChannelEvent> {
    match channel.poll_event(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => Some(event.unwrap()),
        Poll::Pending => None,
    }
}

fn poll_line<L: FxsLine>(line: &mut L) -> Option<LineEvent> {
    match line.poll_event(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => Some(event.unwrap()),
        Poll::Pending => None,
    }
}

/// Sends 1000 numbered frames through a bad receiver; gives what arrived.
fn through(faults: Faults, seed: u64) -> (Vec<u16>, u64) {
    let (mut good, bad) = trunk_pair();
    let mut bad = Faulty::new(bad, faults, seed);
    assert_eq!(poll(&mut good), Some(DChannelEvent::Up));
    assert_eq!(poll(&mut bad), Some(DChannelEvent::Up));
    let mut arrived = vec![];
    for n in 0..1000u16 {
        good.send_frame(&n.to_be_bytes()).unwrap();
        if n % 10 == 9 {
            while let Some(DChannelEvent::Frame(frame)) = poll(&mut bad) {
                arrived.push(u16::from_be_bytes(frame[..].try_into().unwrap()));
            }
        }
    }
    (arrived, bad.injected())
}

#[test]
fn no_faults_change_nothing() {
    let (arrived, injected) = through(Faults::default(), 1);
    assert_eq!(arrived, (0..1000).collect::<Vec<u16>>());
    assert_eq!(injected, 0);
}

#[test]
fn faults_come_at_their_rate_and_repeatably() {
    let lose = Faults { lose: 100, ..Faults::default() };
    let (arrived, injected) = through(lose, 1);
    assert_eq!(through(lose, 1).0, arrived, "the same seed");
    assert_ne!(through(lose, 2).0, arrived, "another seed");
    assert_eq!(arrived.len() as u64 + injected, 1000);
    assert!((60..=140).contains(&injected), "{injected}");
    assert!(arrived.windows(2).all(|pair| pair[0] < pair[1]));

    let (arrived, injected) = through(Faults { duplicate: 100, ..Faults::default() }, 1);
    assert_eq!(arrived.len() as u64, 1000 + injected);

    let (mut arrived, injected) = through(Faults { reorder: 100, ..Faults::default() }, 1);
    assert!(arrived.windows(2).any(|pair| pair[0] > pair[1]) && injected > 0);
    arrived.sort_unstable();
    assert_eq!(arrived, (0..1000).collect::<Vec<u16>>(), "overtaken, not lost");

    let (arrived, injected) = through(Faults { corrupt: 100, ..Faults::default() }, 1);
    let wrong = arrived.iter().zip(0..).filter(|(found, sent)| **found != *sent).count();
    assert_eq!(wrong as u64, injected);
    assert!(arrived.iter().zip(0u16..).all(|(found, sent)| (found ^ sent).count_ones() <= 1));
}

#[test]
fn a_refused_frame_is_not_sent() {
    let (good, mut other) = trunk_pair();
    let mut bad = Faulty::new(good, Faults { refuse: 500, ..Faults::default() }, 3);
    poll(&mut bad);
    poll(&mut other);
    let mut sent = 0;
    for _ in 0..100 {
        match bad.send_frame(b"x") {
            Ok(()) => sent += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Busy),
        }
    }
    assert!((20..80).contains(&sent));
    assert_eq!(std::iter::from_fn(|| poll(&mut other)).count(), sent);
}

#[test]
fn a_bouncing_hook_is_one_off_hook_to_the_line_discipline() {
    for seed in 0..50 {
        let plant = Plant::new();
        let mut port = Faulty::new(plant.add_line("2/0"), Faults { bounce: 1000, ..Faults::default() }, seed);
        let phone = plant.phone("2/0").unwrap();
        let mut now = Instant::now();
        let mut line = Line::new(LineConfig::default());
        let mut events = vec![];
        let mut transitions = 0;
        for lifted in [true, false] {
            if lifted {
                phone.off_hook().unwrap()
            } else {
                phone.on_hook().unwrap()
            }
            while let Some(event) = poll_line(&mut port) {
                line.handle_event(now, event);
                now += Duration::from_millis(3);
                transitions += 1;
            }
            now += Duration::from_secs(2);
            line.handle_timeout(now);
            while let Some(output) = line.poll_output() {
                if let Output::Event(event) = output {
                    events.push(event);
                }
            }
        }
        assert!(transitions >= 6);
        assert_eq!(events, [LineEventOut::Seized, LineEventOut::Released], "seed {seed}");
        assert_eq!(line.state(), State::Idle);
    }
}

#[test]
fn audio_is_muted_at_its_rate() {
    let plant = Plant::new();
    let mut port = Faulty::new(plant.add_line("2/0"), Faults { mute: 250, ..Faults::default() }, 9);
    plant.phone("2/0").unwrap().off_hook().unwrap();
    for _ in 0..400 {
        assert_eq!(port.write_audio(&[1; 160]).unwrap(), 160);
    }
    let heard = plant.phone("2/0").unwrap().status().heard / 160;
    assert_eq!(heard + port.injected(), 400);
    assert!((60..140).contains(&port.injected()));
}

#[test]
fn a_trace_shows_what_passed_and_what_failed() {
    let plant = Plant::new();
    let phone = |plant: &Plant| plant.phone("2/0").unwrap();
    let mut seen = vec![];
    let mut port = Trace::new(plant.add_line("2/0"), |item: Traced<'_>| {
        seen.push(match item {
            Traced::Error(error) => error.to_string(),
            item => format!("{item:?}"),
        });
    });
    port.set_ringing(true).unwrap();
    phone(&plant).off_hook().unwrap();
    poll_line(&mut port);
    poll_line(&mut port);
    port.set_ringing(true).unwrap_err();
    port.set_polarity(true).unwrap();
    port.set_battery(false).unwrap();
    port.set_lamp(Lamp::Off).unwrap();
    drop(port);
    assert_eq!(
        seen,
        [
            "Ringing(true)",
            "Line(OffHook)",
            "the telephone on 2/0 is off hook, expected on hook for ringing or lamp voltage",
            "Polarity(true)",
            "Battery(false)",
            "Lamp(Off)",
        ]
    );
}

#[test]
fn a_recorded_line_gives_both_directions() {
    let plant = Plant::new();
    let wavs = LineWav::new(Cursor::new(vec![]), Cursor::new(vec![])).unwrap();
    let mut port = Record::new(Erased(plant.add_line("2/0")), wavs);
    let phone = plant.phone("2/0").unwrap();
    phone.off_hook().unwrap();
    phone.play(&[-5; 100]).unwrap();
    port.write_audio(&[7; 160]).unwrap();
    port.read_audio(&mut [0; 160]).unwrap();
    let (_, wavs) = port.into_parts();
    let (to, from) = wavs.unwrap().finish().unwrap();
    assert_eq!(wav::read(&to.into_inner()[..]).unwrap(), [7; 160]);
    assert_eq!(wav::read(&from.into_inner()[..]).unwrap(), [[-5; 100].to_vec(), vec![0; 60]].concat());
}

#[test]
fn a_recording_that_cannot_be_written_does_not_harm_the_call() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            // Takes the file header of 24 octets and no more.
            if octets.len() == 24 { Ok(24) } else { Err(std::io::ErrorKind::StorageFull.into()) }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    use telephony_hal::wrap::{PcapWriter, Side};
    let (a, mut b) = trunk_pair();
    let mut a = Record::new(a, PcapWriter::new(Full, Side::User).unwrap());
    poll(&mut a);
    poll(&mut b);
    a.send_frame(b"one").unwrap();
    a.send_frame(b"two").unwrap();
    assert_eq!(std::iter::from_fn(|| poll(&mut b)).count(), 2);
    assert!(a.into_parts().1.is_none());
}

#[test]
fn bearers_are_recorded_and_muted() {
    let (mut user, mut network) = span_pair(SpanKind::T1);
    let mut here = Record::new(Erased(user.open_b(1).unwrap()), BearerTap::<Vec<u8>>::default());
    let mut there = Faulty::new(network.open_b(1).unwrap(), Faults { mute: 500, ..Faults::default() }, 1);
    let mut out = [0; 160];
    let mut muted = 0;
    for _ in 0..100 {
        here.write(&[0x55; 160]).unwrap();
        there.read(&mut out).unwrap();
        muted += u64::from(out == [0xff; 160]);
    }
    assert_eq!(muted, there.injected());
    assert!((25..75).contains(&muted), "{muted}");
    there.set_faults(Faults::default());
    there.write(&[1, 2, 3]).unwrap();
    assert_eq!(here.read(&mut out).unwrap(), 3);
    let tap = here.into_parts().1.unwrap();
    assert_eq!(tap.sent, [0x55; 16_000]);
    assert_eq!(tap.received, [1, 2, 3]);
}

#[test]
fn an_exchange_line_is_traced_recorded_and_refused() {
    let (mut exchange, port) = tie_line();
    let wavs = LineWav::new(Cursor::new(vec![]), Cursor::new(vec![])).unwrap();
    let mut seen = vec![];
    let sink = |item: Traced<'_>| seen.push(format!("{item:?}"));
    let mut port = Trace::new(Record::new(Erased(port), wavs), sink);
    exchange.set_ringing(true).unwrap();
    let _ = port.poll_event(&mut Context::from_waker(Waker::noop()));
    port.set_hook(true).unwrap();
    exchange.write_audio(&[4; 80]).unwrap();
    assert_eq!(port.read_audio(&mut [0; 160]).unwrap(), 80);
    port.write_audio(&[5; 160]).unwrap();
    let (to, from) = port.into_inner().into_parts().1.unwrap().finish().unwrap();
    assert_eq!(wav::read(&to.into_inner()[..]).unwrap(), [5; 160]);
    assert_eq!(wav::read(&from.into_inner()[..]).unwrap(), [4; 80]);
    assert_eq!(seen, ["Exchange(Ringing(true))", "Hook(true)"]);

    let (mut exchange, port) = tie_line();
    let mut port = Faulty::new(port, Faults { refuse: 1000, mute: 1000, ..Faults::default() }, 1);
    assert_eq!(port.set_hook(true).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(poll_line(&mut exchange), None);
    exchange.write_audio(&[4; 160]).unwrap();
    let mut out = [1; 160];
    port.read_audio(&mut out).unwrap();
    assert_eq!(out, [0; 160]);
}
