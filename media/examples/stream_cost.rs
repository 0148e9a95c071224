//! Processor time of audio streams without their sockets: samples to packets, packets through the jitter buffer to
//! samples. Build with `--release` to measure.

use std::hint::black_box;
use std::time::{Duration, Instant};

use media::g711::Law;
use media::rtp::stream::{AudioStream, StreamConfig};

const STREAMS: usize = 240;
const SECONDS: usize = 20;

fn main() {
    let mut pairs: Vec<_> = (0..STREAMS / 2)
        .map(|n| {
            let config = |ssrc: u32| StreamConfig { ssrc, ..StreamConfig::new(Law::A) };
            (AudioStream::new(config(n as u32 * 2)), AudioStream::new(config(n as u32 * 2 + 1)))
        })
        .collect();
    let sine: Vec<i16> = (0..160).map(|n| ((f64::from(n) * 0.3).sin() * 9000.0) as i16).collect();
    let mut frame = [0i16; 160];
    let before = processor_time();
    let wall = Instant::now();
    for _ in 0..SECONDS * 50 {
        for (a, b) in &mut pairs {
            a.send(&sine, |datagram| b.receive(black_box(datagram), |_| {}).expect("RTP"));
            b.send(&sine, |datagram| a.receive(black_box(datagram), |_| {}).expect("RTP"));
            a.take(&mut frame);
            b.take(black_box(&mut frame));
        }
    }
    let spent = match (before, processor_time()) {
        (Some(then), Some(now)) => now.saturating_sub(then),
        _ => wall.elapsed(),
    };
    let micros = spent.as_secs_f64() * 1e6 / (SECONDS * STREAMS) as f64;
    println!(
        "{micros:.1} us per stream-second both ways, {STREAMS} streams {:.2} % of a core",
        micros * STREAMS as f64 / 1e4
    );
}

fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
