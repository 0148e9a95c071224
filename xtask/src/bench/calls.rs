//! CPU, memory, delay and media of calls through the daemon: SIP callers and the PBX are in this process, not in the daemon's.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use system_tests::{
    CallAnswerer, CallReport, CallSink, CallSource, Profile, Run, Tipringd, free_port, speak_rtp,
};

use super::process;
use crate::shell::say;

/// Eight E1: 240 channels.
const TRUNKS: usize = 8;
/// Calls of the round that counts CPU.
const CALLS: usize = 4_000;
/// Calls a second while delay is measured.
const RATE: f64 = 200.0;
/// Calls a second under load: what a call costs when the next one waits already.
const LOAD: f64 = 800.0;
/// SIP calls whose RTP is relayed; each has two streams.
const RELAYED: usize = 120;

/// Rows of the table.
pub(crate) fn bench() -> Vec<(String, String)> {
    say("bench calls: building and starting tipringd");
    let socket = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let (callers, server, voice) = (socket(), socket(), socket());
    let (callers_at, server_at, voice_at) = (address(&callers), address(&server), address(&voice));
    let trunks: Vec<SocketAddr> = (0..TRUNKS).map(|_| ([127, 0, 0, 1], free_port()).into()).collect();
    let gateway = Tipringd::start_run(Run {
        config: config(callers_at, server_at),
        hardware: trunks
            .iter()
            .enumerate()
            .map(|(at, trunk)| {
                format!(
                    "[[pri]]\ncontroller = \"E1 1/{at}\"\nbackend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n\n"
                )
            })
            .collect(),
        profile: Profile::Release,
        args: Vec::new(),
    });
    let pid = gateway.pid();
    let sink = CallSink::connect(&trunks);
    let answerer = CallAnswerer::start(server, voice_at);
    let mut source = CallSource::new(callers, gateway.sip(), voice_at);
    let mut rows = Vec::new();

    let short = Some(Duration::ZERO);
    say("bench calls: calls that stand");
    // First of all: what calls before have given back would hide what these take. A few have been, for what is made once.
    source.run("4711", TRUNKS, RATE, short, Some(&sink));
    std::thread::sleep(Duration::from_millis(300));
    let (memory, threads) = (process::rss_kib(pid), process::threads(pid));
    let standing = TRUNKS * 30;
    let report = source.run("4711", standing, RATE, None, Some(&sink));
    std::thread::sleep(Duration::from_millis(300));
    let grown = process::rss_kib(pid).saturating_sub(memory);
    rows.push((
        "memory per call that stands, SIP to PRI (budget 12 KiB)".to_owned(),
        format!(
            "{:.1} KiB; {standing} calls, {}",
            count_kib(grown) / count(report.answered),
            outcome(&report)
        ),
    ));
    rows.push((
        "threads for calls (budget none)".to_owned(),
        format!("{} with {standing} calls, {threads} without", process::threads(pid)),
    ));
    source.hang_up();
    std::thread::sleep(Duration::from_millis(300));

    say("bench calls: SIP to PRI");
    source.run("4711", 500, RATE, short, Some(&sink));
    let (cpu, wall) = (process::cpu(pid), Instant::now());
    let report = source.run("4711", CALLS, RATE, short, Some(&sink));
    std::thread::sleep(Duration::from_millis(300));
    let (cpu, wall) = (process::cpu(pid).saturating_sub(cpu), wall.elapsed());
    rows.push((
        "CPU per complete call, SIP to PRI (budget 200 µs)".to_owned(),
        format!("{:.0} µs; {}", cpu.as_secs_f64() * 1e6 / count(report.answered), outcome(&report)),
    ));
    rows.push((
        format!("delay from INVITE to SETUP at {RATE:.0} calls/s (budget p99 1 ms)"),
        format!(
            "p50 {:.0?}, p99 {:.0?}, most {:.0?}; {:.1} s",
            report.percentile(50.0),
            report.percentile(99.0),
            report.percentile(100.0),
            wall.as_secs_f64()
        ),
    ));

    let before = process::cpu(pid);
    let report = source.run("4711", CALLS, LOAD, short, Some(&sink));
    std::thread::sleep(Duration::from_millis(300));
    let cpu = process::cpu(pid).saturating_sub(before);
    rows.push((
        format!("the same at {LOAD:.0} calls/s"),
        format!(
            "{:.0} µs; {}; delay p99 {:.0?}",
            cpu.as_secs_f64() * 1e6 / count(report.answered),
            outcome(&report),
            report.percentile(99.0)
        ),
    ));

    say("bench calls: RTP relayed");
    let report = source.run("5711", RELAYED, RATE, None, None);
    let both: Vec<SocketAddr> = report.rtp.iter().copied().chain(answerer.rtp()).collect();
    let _ = speak_rtp(&voice, &both, Duration::from_secs(1));
    let time = Duration::from_secs(5);
    let cpu = process::cpu(pid);
    let (sent, heard) = speak_rtp(&voice, &both, time);
    let cpu = process::cpu(pid).saturating_sub(cpu);
    rows.push((
        format!("{} G.711 streams of 20 ms relayed SIP to SIP (budget 20 % of a core for 240)", both.len()),
        format!(
            "{:.1} % of a core; {heard} of {sent} packets passed in {} s",
            cpu.as_secs_f64() / time.as_secs_f64() * 100.0,
            time.as_secs()
        ),
    ));
    source.hang_up();
    rows
}

fn outcome(report: &CallReport) -> String {
    format!("{} answered, {} failed, {} sent again", report.answered, report.failed, report.retransmissions)
}

#[allow(clippy::cast_precision_loss)]
fn count(number: usize) -> f64 {
    number.max(1) as f64
}

#[allow(clippy::cast_precision_loss)]
fn count_kib(number: u64) -> f64 {
    number as f64
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("bound")
}

fn config(callers: SocketAddr, server: SocketAddr) -> String {
    let mut config = String::from("isdn switch-type primary-qsig\n!\ntrunk group PBX\n!\n");
    for at in 0..TRUNKS {
        config.push_str(&format!(
            "controller E1 1/{at}\n pri-group timeslots 1-31\n!\ninterface Serial1/{at}:15\n trunk-group PBX\n!\n"
        ));
    }
    config.push_str(
        "dial-peer voice 47 pots\n trunkgroup PBX\n destination-pattern 47..\n no digit-strip\n!\n",
    );
    config.push_str("voice service voip\n allow-connections sip to sip\n!\n");
    for (tag, pattern, target, more) in
        [(6, "6...", callers, " incoming called-number .\n"), (5, "5...", server, "")]
    {
        config.push_str(&format!(
            "dial-peer voice {tag} voip\n destination-pattern {pattern}\n session protocol sipv2\n \
             session target ipv4:{target}\n codec g711ulaw\n{more}!\n"
        ));
    }
    config
}
