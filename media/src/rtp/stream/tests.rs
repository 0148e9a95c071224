#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::level_dbm0;
use crate::locale::{self, ToneKind};
use crate::tone::ToneGenerator;

fn config(law: Law, ssrc: u32) -> StreamConfig {
    StreamConfig {
        event_payload_type: Some(101),
        ssrc,
        timestamp: u32::MAX - 3000,
        sequence: 65_530,
        ..StreamConfig::new(law)
    }
}

fn dial(n: usize) -> Vec<i16> {
    let mut out = vec![0; n];
    ToneGenerator::new(locale::default().tone(ToneKind::Dial)).fill(&mut out);
    out
}

/// Runs `ticks` of 20 ms one way; `lose` says which datagrams don't arrive.
fn one_way(
    a: &mut AudioStream,
    b: &mut AudioStream,
    audio: &[i16],
    mut lose: impl FnMut(usize) -> bool,
    mut on: impl FnMut(Heard),
) -> Vec<i16> {
    let (mut out, mut n) = (Vec::new(), 0);
    for block in audio.chunks(160) {
        a.send(block, |datagram| {
            if !lose(n) {
                b.receive(datagram, &mut on).unwrap();
            }
            n += 1;
        });
        let mut heard = vec![0; block.len()];
        b.take_with(&mut heard, &mut on);
        out.extend(heard);
    }
    out
}

#[test]
fn audio_arrives_whole_at_its_level_whatever_the_packet_time() {
    for (law, packet_ms) in
        [(Law::Mu, 10), (Law::A, 20), (Law::Mu, 30), (Law::A, 40), (Law::Mu, 50), (Law::A, 60)]
    {
        let mut a = AudioStream::new(StreamConfig { packet_ms, ..config(law, 1) });
        let mut b = AudioStream::new(config(law, 2));
        let audio = dial(32_000);
        let out = one_way(&mut a, &mut b, &audio, |_| false, |_| {});
        let start = out.iter().position(|s| s.abs() > 200).unwrap();
        assert!(start <= 8 * 140, "{packet_ms}: {start}");
        assert!((level_dbm0(&out[start..]) + 10.0).abs() < 0.2);
        // After the delay no sample is missing.
        let stats = b.stats();
        assert_eq!((stats.lost, stats.unknown, stats.playout.late, stats.playout.restarts), (0, 0, 0, 0));
        assert_eq!(stats.received_packets, 4000 / packet_ms);
        assert!(stats.playout.concealed <= start as u64, "{packet_ms} {start} {stats:?}");
    }
}

#[test]
fn digits_are_heard_once_though_every_third_packet_is_lost() {
    let mut a = AudioStream::new(config(Law::A, 1));
    let mut b = AudioStream::new(config(Law::A, 2));
    let mut heard = String::new();
    let mut ends = 0;
    let mut on = |h: Heard| match h {
        Heard::Begin { event } => heard.push(event.digit().unwrap()),
        Heard::End { .. } => ends += 1,
        Heard::Signal { event } => unreachable!("{event:?}"),
    };
    let mut count = 0;
    for digit in "1234567890*#ABCD".chars() {
        assert!(a.begin_event(Event::from_digit(digit).unwrap()));
        for part in [1600, 1600] {
            one_way(
                &mut a,
                &mut b,
                &vec![50; part],
                |_| {
                    count += 1;
                    count % 3 == 0
                },
                &mut on,
            );
            a.end_event();
        }
    }
    assert_eq!((heard.as_str(), ends), ("1234567890*#ABCD", 16));
}

#[test]
fn audio_stops_while_an_event_is_sent() {
    let mut a = AudioStream::new(config(Law::Mu, 1));
    let mut types = Vec::new();
    let mut tick = |a: &mut AudioStream| a.send(&[9; 160], |d| types.push((d[1] & 0x7F, d[1] >> 7)));
    tick(&mut a);
    a.begin_event(Event(5));
    tick(&mut a);
    tick(&mut a);
    a.end_event();
    for _ in 0..4 {
        tick(&mut a);
    }
    assert_eq!(types, [(0, 1), (101, 1), (101, 0), (101, 0), (101, 0), (101, 0), (0, 1)]);
}

#[test]
fn an_event_whose_ends_are_all_lost_ends_by_itself() {
    let mut a = AudioStream::new(config(Law::Mu, 1));
    let mut b = AudioStream::new(config(Law::Mu, 2));
    let mut heard = Vec::new();
    a.begin_event(Event(7));
    one_way(&mut a, &mut b, &[0; 800], |_| false, |h| heard.push(h));
    one_way(&mut a, &mut b, &[0; 1600], |_| true, |h| heard.push(h));
    assert_eq!(heard, [Heard::Begin { event: Event(7) }, Heard::End { event: Event(7), samples: 800 }]);
}

#[test]
fn without_negotiation_there_are_no_events() {
    let mut a = AudioStream::new(StreamConfig::new(Law::A));
    assert!(!a.begin_event(Event(1)));
    let mut b = AudioStream::new(config(Law::A, 2));
    b.begin_event(Event(1));
    b.send(&[0; 160], |d| a.receive(d, |_| {}).unwrap());
    assert_eq!(a.stats().unknown, 1);
}

#[test]
fn pauses_are_described_and_filled_with_noise() {
    let mut a = AudioStream::new(StreamConfig { vad: true, ..config(Law::Mu, 1) });
    let mut b = AudioStream::new(config(Law::Mu, 2));
    let mut audio = dial(8000);
    let mut pause = vec![0; 32_000];
    NoiseGenerator::new(7).fill(55, &mut pause);
    audio.extend(pause);
    let out = one_way(&mut a, &mut b, &audio, |_| false, |_| {});
    assert!(a.stats().sent_packets < 80, "{}", a.stats().sent_packets);
    let level = level_dbm0(&out[24_000..]);
    assert!((level + 52.0).abs() < 3.0, "{level}");
    // A pause is not a loss: only the delay at the beginning was filled.
    assert_eq!(b.stats().playout.concealed, 480);
    // And speech after it is whole.
    let concealed = b.stats().playout.concealed;
    one_way(&mut a, &mut b, &dial(8000), |_| false, |_| {});
    assert!(b.stats().playout.concealed - concealed <= 480, "{:?}", b.stats().playout);
    assert_eq!(b.stats().playout.late, 0);
}

#[test]
fn a_new_source_is_followed_at_once() {
    let mut b = AudioStream::new(config(Law::Mu, 9));
    for (ssrc, timestamp) in [(1, 0), (2, 500)] {
        let mut a = AudioStream::new(StreamConfig { timestamp, ..config(Law::Mu, ssrc) });
        let out = one_way(&mut a, &mut b, &dial(4000), |_| false, |_| {});
        assert!(level_dbm0(&out[1600..]) > -11.0);
    }
    assert_eq!(b.stats().lost, 0);
}

#[test]
fn reports_tell_loss_and_round_trip() {
    let mut a = AudioStream::new(config(Law::Mu, 1));
    let mut b = AudioStream::new(config(Law::Mu, 2));
    one_way(&mut a, &mut b, &dial(16_000), |n| n % 4 == 1, |_| {});
    let second = 1u64 << 32;
    let sr = a.report(100 * second, "a");
    assert_eq!(b.receive_report(&sr, 100 * second + second / 10), Ok(None));
    let rr = b.report(105 * second, "b");
    let back = a.receive_report(&rr, 105 * second + second / 10).unwrap().unwrap();
    assert!((back.as_secs_f64() - 0.2).abs() < 0.001, "{back:?}");
    let mut found = None;
    rtcp::parse(&rr, |p| {
        if let rtcp::Rtcp::ReceiverReport { blocks, .. } = p {
            found = blocks.first().copied()
        }
    })
    .unwrap();
    let report = found.unwrap().report;
    assert_eq!((report.ssrc, report.fraction_lost, report.lost), (1, 64, 25));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_a_peer_sends_stops_it(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..40), rtp in any::<bool>()) {
        let mut stream = AudioStream::new(config(Law::Mu, 1));
        for mut datagram in datagrams {
            if let (true, [b0, b1, ..]) = (rtp, datagram.as_mut_slice()) {
                *b0 = 0x80;
                *b1 = [0, 8, 13, 101, 0x80][usize::from(*b1) % 5];
            }
            let _ = stream.receive(&datagram, |_| {});
            let _ = stream.receive_report(&datagram, 5);
            stream.take(&mut [0; 160]);
            let _ = stream.stats();
        }
    }
}

#[test]
fn a_signal_goes_three_times_beside_the_audio_and_counts_once() {
    let with = |ssrc| StreamConfig { signal_payload_type: Some(100), ..config(Law::Mu, ssrc) };
    let (mut a, mut b) = (AudioStream::new(with(1)), AudioStream::new(with(2)));
    let (mut heard, mut types) = (Vec::new(), Vec::new());
    assert!(a.signal(Event(192)));
    for n in 0..10 {
        if n == 5 {
            a.signal(Event(193));
        }
        a.send(&[500; 160], |datagram| {
            types.push(datagram[1] & 0x7F);
            // The first of each is lost.
            if types.iter().filter(|kind| **kind == 100).count() % 3 != 1 || types.last() == Some(&0) {
                b.receive(datagram, |h| heard.push(h)).unwrap();
            }
        });
    }
    assert_eq!(types.iter().filter(|kind| **kind == 100).count(), 6);
    assert_eq!(types.iter().filter(|kind| **kind == 0).count(), 10, "the audio goes on");
    assert_eq!(heard, [Heard::Signal { event: Event(192) }, Heard::Signal { event: Event(193) }]);
    assert!(!AudioStream::new(config(Law::Mu, 3)).signal(Event(192)), "not negotiated");
}
