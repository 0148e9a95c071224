//! What lines cost all together: `cargo run --release -p telephony-hal --example line_bench` (or `cargo xtask bench lines`).
//!
//! Processor time of whole virtual minutes at the pace of 20 ms ticks, as a share of one core; and how soon a telephone hears
//! dial tone, in virtual time.

use std::hint::black_box;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use media::dtmf::DtmfDetector;
use media::echo::{EchoCanceller, EchoConfig};
use media::locale::{self, ToneKind};
use media::tone::ToneGenerator;
use telephony_hal::line::{Line, LineConfig, Output, Tone};
use telephony_hal::sim::{Plant, SimLine};
use telephony_hal::{FxsLine, SAMPLE_RATE};

/// A tick, and samples in it.
const TICK: Duration = Duration::from_millis(20);
const SAMPLES: usize = SAMPLE_RATE as usize / 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    idle(288, 300);
    busy(144, 20, false)?;
    busy(144, 10, true)?;
    dial_tone()?;
    Ok(())
}

/// Lines that nobody touches: events polled, timers looked at, every tick.
fn idle(count: usize, seconds: u32) {
    let plant = Plant::new();
    let mut ports: Vec<(SimLine, Line)> =
        (0..count).map(|n| (plant.add_line(&format!("2/{n}")), Line::new(LineConfig::default()))).collect();
    let mut cx = Context::from_waker(Waker::noop());
    let mut now = Instant::now();
    let share = share(seconds, || {
        now += TICK;
        for (port, line) in &mut ports {
            if let std::task::Poll::Ready(Ok(event)) = port.poll_event(&mut cx) {
                line.handle_event(now, event);
            }
            if line.poll_timeout().is_some_and(|at| at <= now) {
                line.handle_timeout(now);
            }
        }
    });
    println!("{share:6.2} % of a core: {count} idle lines, limit 1 %");
}

/// Lines that all play dial tone and listen for digits, through the simulated wire.
fn busy(count: usize, seconds: u32, echo: bool) -> Result<(), Box<dyn std::error::Error>> {
    let plant = Plant::new();
    let tone = locale::default().tone(ToneKind::Dial);
    let mut ports = Vec::new();
    for n in 0..count {
        let name = format!("2/{n}");
        let port = plant.add_line(&name);
        let phone = plant.phone(&name)?;
        phone.off_hook()?;
        phone.dial("5551234")?;
        let canceller = EchoCanceller::new(EchoConfig::default());
        ports.push((port, ToneGenerator::new(tone), DtmfDetector::default(), canceller));
    }
    let mut heard = 0u32;
    let (mut out, mut back) = ([0i16; SAMPLES], [0i16; SAMPLES]);
    let share = share(seconds, || {
        for (port, generator, detector, canceller) in &mut ports {
            generator.fill(&mut out);
            black_box(port.write_audio(&out).is_ok());
            black_box(port.read_audio(&mut back).is_ok());
            if echo {
                canceller.process(&out, &mut back);
            }
            detector.feed(&back, |_| heard += 1);
        }
    });
    let with = if echo { ", cancelling 64 ms of echo" } else { ", limit 25 %" };
    println!(
        "{share:6.2} % of a core: {count} lines, all playing tone and detecting DTMF{with} ({heard} events)"
    );
    Ok(())
}

/// Off hook to the first sample of dial tone at the telephone, at the worst phase of the tick.
fn dial_tone() -> Result<(), Box<dyn std::error::Error>> {
    let mut worst = Duration::ZERO;
    for phase in 0..20 {
        let start = Instant::now();
        let mut line = Line::new(LineConfig::default());
        line.handle_hook(start, true);
        let mut tick = start + Duration::from_millis(phase);
        loop {
            while let Some(at) = line.poll_timeout().filter(|at| *at <= tick) {
                line.handle_timeout(at);
            }
            if std::iter::from_fn(|| line.poll_output()).any(|output| output == Output::Tone(Tone::Dial)) {
                break;
            }
            tick += TICK;
        }
        worst = worst.max(tick - start);
    }
    println!("{:6} ms at most from off hook to dial tone, in virtual time, limit 40 ms", worst.as_millis());
    if worst > Duration::from_millis(40) { Err("dial tone is late".into()) } else { Ok(()) }
}

/// Processor time of `seconds` of ticks, in percent of that time.
fn share(seconds: u32, mut tick: impl FnMut()) -> f64 {
    let before = processor_time();
    let wall = Instant::now();
    for _ in 0..seconds * 50 {
        tick();
    }
    let spent = match (before, processor_time()) {
        (Some(then), Some(now)) => now.saturating_sub(then),
        _ => wall.elapsed(),
    };
    spent.as_secs_f64() * 100.0 / f64::from(seconds)
}

fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
