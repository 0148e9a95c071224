//! Processor time of tone generation, per second of tone of one line. Build with `--release` to measure.

use std::hint::black_box;
use std::time::Instant;

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
        let start = Instant::now();
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
    println!("worst {worst:.2} % of a core, target 2 %");
}
