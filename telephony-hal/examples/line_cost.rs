//! What a line costs: `cargo run --release -p telephony-hal --example line_cost`.
//!
//! Prints microseconds of processor time for whole calls, for a tick of idle lines, and for 20 ms of simulated audio.

use std::hint::black_box;
use std::time::{Duration, Instant};

use telephony_hal::FxsLine as _;
use telephony_hal::line::{Caller, Line, LineConfig, RingPattern};
use telephony_hal::ren::{Ren, RenPool};
use telephony_hal::sim::Plant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    measure("outgoing call: off hook, 4 digits, answer, release", 20_000, || {
        let mut now = Instant::now();
        let mut line = Line::new(LineConfig::default());
        line.handle_hook(now, true);
        now += Duration::from_millis(20);
        for digit in ['5', '5', '5', '1'] {
            line.handle_digit(now, digit);
            now += Duration::from_millis(200);
        }
        line.digits_complete(now);
        line.remote_ringing(now);
        line.connect(now);
        line.handle_hook(now, false);
        line.handle_timeout(now + Duration::from_secs(1));
        while let Some(output) = line.poll_output() {
            black_box(output);
        }
    });

    measure("incoming call ringing for 180 s", 5_000, || {
        let now = Instant::now();
        let mut line = Line::new(LineConfig::default());
        black_box(line.ring(now, RingPattern::default(), Caller::default()).is_ok());
        line.handle_timeout(now + Duration::from_secs(181));
        while let Some(output) = line.poll_output() {
            black_box(output);
        }
    });

    let lines: Vec<Line> = (0..288).map(|_| Line::new(LineConfig::default())).collect();
    measure("next timeout of 288 idle lines", 20_000, || {
        black_box(lines.iter().filter_map(Line::poll_timeout).min());
    });

    measure("phases for 36 calls on 12 REN", 200, || {
        let now = Instant::now();
        let mut pool = RenPool::default();
        for port in 0..36 {
            black_box(pool.plan(now, port, Ren::whole(1), &RingPattern::default()));
        }
    });

    let plant = Plant::new();
    let mut port = plant.add_line("2/0");
    plant.phone("2/0")?.off_hook()?;
    let mut block = [1000; 160];
    measure("20 ms of audio through a simulated line, both directions", 20_000, || {
        black_box(port.write_audio(&block).is_ok());
        black_box(port.read_audio(&mut block).is_ok());
    });
    Ok(())
}

fn measure(what: &str, times: u32, mut act: impl FnMut()) {
    for _ in 0..times / 10 {
        act();
    }
    let start = Instant::now();
    for _ in 0..times {
        act();
    }
    println!("{:9.2} us  {what}", start.elapsed().as_secs_f64() * 1e6 / f64::from(times));
}
