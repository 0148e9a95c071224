//! What a configuration of 10,000 lines costs: `cargo run --release -p cli --example config_cost`.

use cli::config::{Config, Mode};
use cli::session::ConfigureLine;
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
    let mut mode = Mode::global();
    let mut running = config;
    for line in ["dial-peer voice 1000 voip", " preference 2"] {
        let start = Instant::now();
        let (candidate, reply) = ConfigureLine { line: line.into(), mode, indent: 0 }.apply(&running);
        println!("one line: {:.2} ms, changed {}", start.elapsed().as_secs_f64() * 1e3, candidate.is_some());
        running = candidate.unwrap_or(running);
        mode = reply.mode.unwrap_or_default();
    }
}
