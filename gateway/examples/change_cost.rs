//! What one changed line costs on a configuration of 10,000, without terminal and kernel:
//! `cargo run --release -p gateway --example change_cost`.
//!
//! Line into candidate, candidate into the switch, as a terminal has it done; the least of some rounds. For instructions run it
//! under `valgrind --tool=callgrind --toggle-collect='*Switch*apply*'` with one round as its argument.

use std::time::{Duration, Instant, SystemTime};

use cli::config::{Config, Mode};
use cli::session::ConfigureLine;
use gateway::clock::Clock;
use gateway::hardware::Hardware;
use gateway::service::metrics::Metrics;
use gateway::store::Store;
use gateway::switch::{Parts, Switch};

#[path = "../../xtask/src/bench/config/large.rs"]
mod large;

/// Rounds, unless the first argument says another number.
const ROUNDS: usize = 50;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().nth(1).map_or(Ok(ROUNDS), |text| text.parse())?;
    let now = Instant::now();
    let directory = tempfile::tempdir()?;
    let (store, records) = Store::open(directory.path(), |_| {})?;
    let text = large::configuration();
    let mut switch = Switch::new(
        now,
        Parts {
            clock: Clock::new(now, SystemTime::now()),
            hardware: Hardware::parse("[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n")?,
            config: Config::default(),
            store,
            records,
            metrics: Metrics::new()?,
            seed: [9; 32],
            local_address: |_| Some([192, 0, 2, 1].into()),
        },
    )?;
    let started = Instant::now();
    let parsed = Config::parse(&text);
    let read = started.elapsed();
    let started = Instant::now();
    switch.apply(now, parsed.config);
    println!("{:.2} ms read, {:.2} ms applied", ms(read), ms(started.elapsed()));

    let lines: [(&str, &str, [&str; 2]); 6] = [
        ("a dial peer's description", "dial-peer voice 500 pots", ["description one", "description two"]),
        (
            "a dial peer's pattern",
            "dial-peer voice 500 pots",
            ["destination-pattern 71", "destination-pattern 72"],
        ),
        (
            "a dial peer's target",
            "dial-peer voice 501 voip",
            ["session target ipv4:192.0.2.77", "session target ipv4:192.0.2.78"],
        ),
        ("a voice port", "voice-port 3/7", ["cptone DE", "cptone US"]),
        ("sip-ua", "sip-ua", ["retry invite 3", "retry invite 4"]),
        ("a dial peer added and removed", "", ["dial-peer voice 9999 voip", "no dial-peer voice 9999 voip"]),
    ];
    for (what, header, pair) in lines {
        let (mut least, mut least_switch) = (Duration::MAX, Duration::MAX);
        for _ in 0..rounds {
            let mode = match header {
                "" => Mode::global(),
                header => line(&mut switch, now, header, Mode::global())?.0,
            };
            for typed in pair {
                let (_, all, applied) = line(&mut switch, now, typed, mode.clone())?;
                (least, least_switch) = (least.min(all), least_switch.min(applied));
            }
        }
        println!("{:8.1} us, of them {:8.1} in the switch: {what}", us(least), us(least_switch));
    }
    Ok(())
}

/// Types a line; gives the mode behind it, and the time it took, all of it and in the switch.
fn line(
    switch: &mut Switch,
    now: Instant,
    line: &str,
    mode: Mode,
) -> Result<(Mode, Duration, Duration), Failure> {
    let started = Instant::now();
    let (candidate, reply) = ConfigureLine { line: line.into(), mode, indent: 0 }.apply(switch.config());
    let typed = started.elapsed();
    if reply.error {
        return Err(reply.text.into());
    }
    if let Some(config) = candidate {
        switch.apply(now, config);
    }
    let all = started.elapsed();
    while switch.poll_output().is_some() {}
    Ok((reply.mode.unwrap_or_default(), all, all - typed))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
