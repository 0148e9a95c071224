//! What a configuration of 10,000 lines costs: `cargo run --release -p cli --example config_cost`.

use cli::config::{Config, Mode};
use std::time::Instant;

fn main() {
    let mut text = String::new();
    for n in 1..=2000 {
        text.push_str(&format!(
            "dial-peer voice {n} voip\n description site {n}\n destination-pattern {n}...\n session protocol sipv2\n session target ipv4:192.0.2.1\n"
        ));
    }
    let lines = text.lines().count();
    let start = Instant::now();
    let config = Config::parse(&text).config;
    println!("parse {lines} lines: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let running = config.running();
    println!("show running-config ({} octets): {:.2} ms", running.len(), start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let (mut candidate, mut mode) = (config.clone(), Mode::global());
    for line in ["dial-peer voice 1000 voip", " preference 2"] {
        if let Err(error) = candidate.apply_line(&mut mode, line) {
            println!("{error}");
        }
    }
    let changed = candidate != config;
    println!(
        "copy, change one line, compare: {:.2} ms, changed {changed}",
        start.elapsed().as_secs_f64() * 1e3
    );
}
