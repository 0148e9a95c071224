//! Processor time of tone generation and DTMF detection, per second of audio of one line. Build with `--release` to measure.

use std::hint::black_box;
use std::time::{Duration, Instant};

use media::locale::{self, ToneKind};
use media::tone::ToneGenerator;

const SECONDS: usize = 60;
const LINES: usize = 144;

fn main() {
    let mut worst = 0f64;
    for (code, kind) in [
        ("us", ToneKind::Dial),
        ("us", ToneKind::Stutter),
        ("gb", ToneKind::Ringback),
        ("jp", ToneKind::Ringback),
        ("us", ToneKind::Howler),
    ] {
        let Some(locale) = locale::find(code) else { continue };
        let mut lines = vec![ToneGenerator::new(locale.tone(kind)); LINES];
        let mut frame = [0i16; 160];
        let start = Clock::start();
        for _ in 0..SECONDS * 50 {
            for line in &mut lines {
                line.fill(&mut frame);
                black_box(&frame);
            }
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / (SECONDS * LINES) as f64;
        let share = micros * LINES as f64 / 1e4;
        worst = worst.max(share);
        println!("{code} {kind:13} {micros:7.1} us per line-second, {LINES} lines {share:.2} % of a core");
    }
    println!("tones: worst {worst:.2} % of a core, target 2 %");
    detection();
}

/// DTMF detection in silence, in dial tone, in speech-like noise and in digits.
fn detection() {
    let Some(us) = locale::find("us") else { return };
    let mut dial = vec![0i16; 8000];
    ToneGenerator::new(us.tone(ToneKind::Dial)).fill(&mut dial);
    let mut digits = vec![0i16; 8000];
    if let Ok(spec) = media::dtmf::sequence("1234567", us.dtmf, 70, 70) {
        ToneGenerator::new(&spec).fill(&mut digits);
    }
    let mut state = 1u32;
    let mut step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 18) as i16 - 8192
    };
    let noise: Vec<i16> = (0..8000).map(|_| step() / 4).collect();
    let mut worst = 0f64;
    for (name, second) in
        [("silence", vec![0; 8000]), ("dial tone", dial), ("noise", noise), ("digits", digits)]
    {
        let mut lines = vec![media::dtmf::DtmfDetector::default(); LINES];
        let mut heard = 0u32;
        let start = Clock::start();
        for _ in 0..SECONDS / 4 {
            for line in &mut lines {
                for frame in second.chunks(160) {
                    line.feed(frame, |_| heard += 1);
                }
            }
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / (SECONDS / 4 * LINES) as f64;
        let share = micros * LINES as f64 / 1e4;
        worst = worst.max(share);
        println!(
            "DTMF in {name:9} {micros:7.1} us per line-second, {LINES} lines {share:.2} % of a core ({heard} events)"
        );
    }
    println!("DTMF: worst {worst:.2} % of a core; with tones the target is 25 %");
}

/// Processor time of this thread where the kernel tells it, else wall time.
struct Clock(Instant, Option<Duration>);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), processor_time())
    }

    fn elapsed(&self) -> Duration {
        match (self.1, processor_time()) {
            (Some(then), Some(now)) => now.saturating_sub(then),
            _ => self.0.elapsed(),
        }
    }
}

fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
