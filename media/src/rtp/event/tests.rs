#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn run(sender: &mut EventSender, from: u32, to: u32) -> Vec<EventPacket> {
    (from..=to)
        .step_by(80)
        .flat_map(|now| std::iter::from_fn(|| sender.poll(now)).collect::<Vec<_>>())
        .collect()
}

fn all(packets: &[EventPacket]) -> Vec<Heard> {
    let mut receiver = EventReceiver::default();
    let mut out = Vec::new();
    for p in packets {
        receiver.packet(p.timestamp, p.marker, &p.payload, |e| out.push(e));
    }
    out
}

/// A digit of `ms` begun at `at`, with its packets.
fn digit(d: char, at: u32, samples: u32) -> Vec<EventPacket> {
    let mut sender = EventSender::default();
    sender.begin(Event::from_digit(d).unwrap(), 10, at);
    let mut out: Vec<_> = (0..samples).step_by(160).filter_map(|n| sender.poll(at.wrapping_add(n))).collect();
    let end = at.wrapping_add(samples);
    sender.finish(end);
    out.extend((0..4).filter_map(|n| sender.poll(end.wrapping_add(n * 160))));
    assert!(!sender.active());
    out
}

#[test]
fn digits_and_events_map_both_ways() {
    for d in "0123456789*#ABCD".chars() {
        assert_eq!(Event::from_digit(d).unwrap().digit(), Some(d));
    }
    assert_eq!(Event::from_digit('d'), Some(Event(15)));
    assert_eq!((Event::FLASH.digit(), Event::from_digit('!')), (Some('!'), Some(Event::FLASH)));
}

// RFC 4733 5: the examples' form: event, E bit and volume, duration.
#[test]
fn octets_of_a_digit() {
    let packets = digit('1', 1000, 800);
    let octets: Vec<_> = packets.iter().map(|p| p.payload).collect();
    assert_eq!(
        octets,
        [
            [1, 10, 0, 160],
            [1, 10, 1, 64],
            [1, 10, 1, 224],
            [1, 10, 2, 128],
            [1, 138, 3, 32],
            [1, 138, 3, 32],
            [1, 138, 3, 32]
        ]
    );
    assert!(packets.iter().all(|p| p.timestamp == 1000));
    assert_eq!(
        packets.iter().map(|p| p.marker).collect::<Vec<_>>(),
        [true, false, false, false, false, false, false]
    );
}

#[test]
fn a_digit_shorter_than_a_packet_is_sent_all_the_same() {
    let mut sender = EventSender::default();
    sender.begin(Event(3), 10, 500);
    sender.finish(500);
    let packets = run(&mut sender, 500, 2000);
    assert_eq!(packets.len(), 3);
    assert!(packets[0].marker && !packets[1].marker);
    assert_eq!(all(&packets), [Heard::Begin { event: Event(3) }, Heard::End { event: Event(3), samples: 1 }]);
}

// RFC 4733 2.5.1.3: an event longer than 0xFFFF goes on in a segment whose timestamp is later by as much.
#[test]
fn an_event_of_20_seconds_is_one_event() {
    let mut sender = EventSender::default();
    sender.begin(Event(9), 10, 0xFFFF_0000);
    let mut packets = run(&mut sender, 0, 94_464);
    // 0xFFFF0000 is 65,536 samples before 0.
    sender.finish(94_464);
    packets.extend(run(&mut sender, 94_464, 97_000));
    assert!(packets.iter().filter(|p| p.marker).count() == 1);
    assert_eq!(
        all(&packets),
        [Heard::Begin { event: Event(9) }, Heard::End { event: Event(9), samples: 160_000 }]
    );
}

#[test]
fn a_lost_end_is_made_up_by_the_next_digit_or_by_silence() {
    let first: Vec<_> = digit('4', 0, 800).into_iter().take(4).collect();
    let second = digit('4', 2000, 400);
    let heard = all(&[first.clone(), second].concat());
    let four = Event(4);
    assert_eq!(
        heard,
        [
            Heard::Begin { event: four },
            Heard::End { event: four, samples: 640 },
            Heard::Begin { event: four },
            Heard::End { event: four, samples: 400 }
        ]
    );
    let mut receiver = EventReceiver::default();
    for p in &first {
        receiver.packet(p.timestamp, p.marker, &p.payload, |_| {});
    }
    assert_eq!(receiver.current(), Some(four));
    let mut out = Vec::new();
    receiver.expire(|e| out.push(e));
    receiver.expire(|e| out.push(e));
    assert_eq!(out, [Heard::End { event: four, samples: 640 }]);
}

#[test]
fn a_digit_days_after_the_last_is_heard() {
    let later = 0x9000_0000;
    let heard =
        all(&[digit('1', 0, 400), digit('2', later, 400), digit('3', later.wrapping_mul(2), 400)].concat());
    assert_eq!(heard.len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Whatever is lost, doubled or swapped with its neighbour: never a digit twice, and each digit of which
    /// anything arrived is there once.
    #[test]
    fn every_digit_is_heard_once(
        digits in prop::collection::vec((0u8..16, 1u32..3000), 1..8), start in any::<u32>(),
        fate in prop::collection::vec(0u8..10, 200)
    ) {
        let mut at = start;
        let mut sent = Vec::new();
        for (n, (event, samples)) in digits.iter().enumerate() {
            let d = Event(*event).digit().unwrap();
            for p in digit(d, at, *samples) {
                sent.push((n, p));
            }
            at = at.wrapping_add(samples + 500);
        }
        let mut arrived = Vec::new();
        for ((n, p), fate) in sent.into_iter().zip(fate.iter().cycle()) {
            match fate {
                0 | 1 => {}
                2 => arrived.extend([(n, p), (n, p)]),
                3 if arrived.len() > 1 => {
                    let place = arrived.len() - 1;
                    if arrived[place].0 == n {
                        arrived.insert(place, (n, p));
                    } else {
                        arrived.push((n, p));
                    }
                }
                _ => arrived.push((n, p)),
            }
        }
        let mut expected: Vec<usize> = arrived.iter().map(|(n, _)| *n).collect();
        expected.dedup();
        let mut receiver = EventReceiver::default();
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        let mut on = |e: Heard| match e {
            Heard::Begin { event } => begun.push(event.0),
            Heard::End { event, .. } => ended.push(event.0),
            Heard::Signal { event } => unreachable!("{event:?} is none of these"),
        };
        for (_, p) in &arrived {
            receiver.packet(p.timestamp, p.marker, &p.payload, &mut on);
        }
        receiver.expire(&mut on);
        let expected: Vec<u8> = expected.into_iter().map(|n| digits[n].0).collect();
        prop_assert_eq!(&begun, &expected);
        prop_assert_eq!(&ended, &expected);
    }

    #[test]
    fn begins_and_ends_alternate_whatever_comes(
        packets in prop::collection::vec((any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..6)), 0..60)
    ) {
        let mut receiver = EventReceiver::default();
        let mut open = false;
        for (timestamp, marker, payload) in packets {
            receiver.packet(timestamp, marker, &payload, |e| match e {
                Heard::Begin { .. } => { assert!(!open); open = true; }
                Heard::End { .. } => { assert!(open); open = false; }
                Heard::Signal { event } => unreachable!("{event:?} is none of these"),
            });
        }
    }
}
