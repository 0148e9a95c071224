#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn sine(from: u32, n: usize) -> Vec<i16> {
    (0..n)
        .map(|i| {
            (8000.0 * (std::f64::consts::TAU * 100.0 * f64::from(from.wrapping_add(i as u32)) / 8000.0).sin())
                as i16
        })
        .collect()
}

/// Sends 20 ms packets with the given delays (ms, or none for lost) and plays 20 ms at a time.
fn simulate(buffer: &mut JitterBuffer, delays: &[Option<u32>]) -> Vec<i16> {
    let mut arrivals: Vec<(u32, u32)> = delays
        .iter()
        .enumerate()
        .filter_map(|(n, d)| d.map(|d| (n as u32 * 160 + d * 8, n as u32 * 160)))
        .collect();
    arrivals.sort_unstable();
    let mut out = Vec::new();
    let mut next = arrivals.into_iter().peekable();
    for tick in 0..delays.len() as u32 {
        while let Some((_, timestamp)) = next.next_if(|(at, _)| *at <= tick * 160) {
            buffer.insert(timestamp, &sine(timestamp, 160));
        }
        let mut frame = [0i16; 160];
        buffer.take(&mut frame);
        out.extend(frame);
    }
    out
}

#[test]
fn jitter_below_the_delay_is_not_heard() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    let delays: Vec<_> = (0..200u32).map(|n| Some(n * 7919 % 40)).collect();
    let out = simulate(&mut buffer, &delays);
    let stats = buffer.stats();
    assert_eq!((stats.late, stats.restarts, stats.skipped), (0, 0, 0));
    // After the first 60 ms it is the sine, sample for sample.
    let start = out.iter().position(|s| *s != 0).unwrap();
    let played = &out[480 + BLEND..];
    assert!((480..520).contains(&start), "{start}");
    assert_eq!(played, &sine(BLEND as u32, played.len())[..]);
}

#[test]
fn packets_out_of_order_and_doubled_are_played_once_in_order() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    for n in [1u32, 0, 2, 2, 4, 3] {
        buffer.insert((u32::MAX - 100).wrapping_add(n * 160), &sine(n * 160, 160));
    }
    let mut out = vec![0i16; 480 + 160 + 5 * 160];
    buffer.take(&mut out);
    // The first packet to come was the second: one packet time more until it plays, or the older is late.
    let start = out.windows(3).position(|w| w == [sine(40, 3)[0], sine(40, 3)[1], sine(40, 3)[2]]).unwrap();
    assert_eq!(&out[start..start + 700], &sine(40, 700)[..]);
}

#[test]
fn an_adaptive_delay_grows_for_late_packets_and_a_fixed_one_loses_them() {
    let delays: Vec<_> = (0..100u32).map(|n| Some(if n >= 20 && n % 5 == 0 { 120 } else { 0 })).collect();
    let mut adaptive = JitterBuffer::new(PlayoutConfig::default());
    simulate(&mut adaptive, &delays);
    assert_eq!(adaptive.stats().late, 0);
    assert!(adaptive.delay_ms() >= 120, "{}", adaptive.delay_ms());
    let mut fixed = JitterBuffer::new(PlayoutConfig { mode: PlayoutMode::Fixed, ..PlayoutConfig::default() });
    simulate(&mut fixed, &delays);
    assert!(fixed.stats().late >= 15, "{:?}", fixed.stats());
    assert!(fixed.delay_ms() <= 80);
}

#[test]
fn a_delay_that_is_no_longer_needed_is_given_back_in_a_pause() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    let mut frame = [0i16; 160];
    let mut delay_at = Vec::new();
    for n in 0..1500u32 {
        // 140 ms late once, then never again. Speech with a pause every second.
        if n != 30 && !(31..=36).contains(&n) {
            let quiet = n % 50 > 40;
            buffer.insert(n * 160, &if quiet { vec![0; 160] } else { sine(n * 160, 160) });
        } else if n == 36 {
            for late in 30..=36u32 {
                buffer.insert(late * 160, &sine(late * 160, 160));
            }
        }
        buffer.take(&mut frame);
        delay_at.push(buffer.delay_ms());
    }
    assert!(delay_at[40] >= 100, "{}", delay_at[40]);
    assert!(delay_at[1499] <= 60, "{}", delay_at[1499]);
    assert!(buffer.stats().skipped > 400);
}

#[test]
fn a_sender_whose_clock_is_fast_or_slow_is_followed() {
    for ppm in [-400i64, 400] {
        let mut buffer = JitterBuffer::new(PlayoutConfig::default());
        let mut frame = [0i16; 160];
        let mut sent = 0u32;
        // Ten minutes; the sender's second has 8000 * (1 + ppm) samples. A pause every second.
        for tick in 0..30_000i64 {
            let due = (tick * 160 + tick * 160 * ppm / 1_000_000) as u32;
            while sent <= due {
                let quiet = tick % 50 > 40;
                buffer.insert(sent, &if quiet { vec![0; 160] } else { sine(sent, 160) });
                sent += 160;
            }
            buffer.take(&mut frame);
            assert!(buffer.delay_ms() <= 220, "{ppm} {tick}: {}", buffer.delay_ms());
        }
        let stats = buffer.stats();
        assert_eq!((stats.late, stats.restarts), (0, 0), "{ppm}");
    }
}

#[test]
fn a_lost_packet_is_filled_with_the_pitch_before_it() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    let delays: Vec<_> = (0..60).map(|n| (n != 30).then_some(0)).collect();
    let out = simulate(&mut buffer, &delays);
    assert_eq!(buffer.stats().concealed, 480 + 160);
    let gap = &out[480 + 30 * 160..480 + 31 * 160];
    let ideal = sine(30 * 160, 160);
    // The first 10 ms continue the sine, then it fades.
    assert!(gap[..80].iter().zip(&ideal).all(|(a, b)| (a - b).abs() < 200));
    assert!(gap[150..].iter().zip(&ideal[150..]).all(|(a, b)| a.abs() <= b.abs() + 200));
}

#[test]
fn silence_follows_when_the_sender_stops() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    let delays: Vec<_> = (0..100).map(|n| (n < 50).then_some(0)).collect();
    let out = simulate(&mut buffer, &delays);
    assert!(out[480 + 50 * 160 + SILENT..].iter().all(|s| *s == 0));
}

#[test]
fn a_clock_that_jumps_begins_anew() {
    let mut buffer = JitterBuffer::new(PlayoutConfig::default());
    simulate(&mut buffer, &[Some(0); 20]);
    buffer.insert(0x8000_0000, &sine(0, 160));
    let mut out = [0i16; 640];
    buffer.take(&mut out);
    assert_eq!(buffer.stats().restarts, 1);
    assert_eq!(&out[480 + BLEND..], &sine(BLEND as u32, 160 - BLEND)[..]);
}

#[test]
fn delays_that_make_no_sense_are_put_in_order() {
    let mut buffer = JitterBuffer::new(PlayoutConfig {
        mode: PlayoutMode::Fixed,
        nominal_ms: u32::MAX,
        minimum_ms: u32::MAX,
        maximum_ms: 50,
    });
    buffer.insert(0, &sine(0, 160));
    assert_eq!(buffer.delay_ms(), 70);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_a_peer_sends_stops_it(
        steps in prop::collection::vec((any::<u32>(), any::<bool>(), 0usize..400, 0usize..400), 1..60),
        fixed in any::<bool>()
    ) {
        let mode = if fixed { PlayoutMode::Fixed } else { PlayoutMode::Adaptive };
        let mut buffer = JitterBuffer::new(PlayoutConfig { mode, ..PlayoutConfig::default() });
        let mut near = 0u32;
        for (timestamp, wild, len, play) in steps {
            near = if wild { timestamp } else { near.wrapping_add(timestamp % 4000).wrapping_sub(1500) };
            buffer.insert(near, &vec![i16::MIN; len]);
            buffer.take(&mut vec![0; play]);
            prop_assert!(buffer.delay_ms() <= 2048 + 50);
        }
    }
}
