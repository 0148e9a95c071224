//! CPU the daemon spends on a NOTIFY, from the datagram to the state on disk and the 200, and how long a storm's answers take.

use std::time::{Duration, Instant};

use system_tests::{Blast, BlastReport, Profile, Run, Tipringd, free_port};

use super::{Measured, process};
use crate::shell::say;

/// NOTIFYs a round.
const COUNT: usize = 20_000;
/// Mailboxes they are spread over: half behind an FXS port, half behind a trunk that is down.
const NUMBERS: usize = 1_000;
/// Voice mails that send them, each from an address of its own: one alone may not send as much as the gateway can take.
const SENDERS: u8 = 4;
/// Unanswered NOTIFYs at a time, round by round; the first round warms up and is not counted.
const WINDOWS: [usize; 4] = [64, 16, 64, 128];
/// A NOTIFY, end to end, in µs of CPU.
const BUDGET: f64 = 25.0;
/// The storm: so many mailboxes, each told of once, all within a second.
const STORM: usize = 10_000;
/// 99 of 100 answers of the storm come by then.
const STORM_BUDGET: Duration = Duration::from_millis(50);

/// Rows of the table, and what is over its budget.
pub(crate) fn bench() -> Measured {
    say("bench notify: building and starting tipringd");
    let gateway = Tipringd::start_run(Run {
        config: config(),
        hardware: format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\n\
             address = \"tcp-listen:127.0.0.1:{}\"\n",
            free_port()
        ),
        profile: Profile::Release,
        args: Vec::new(),
    });
    let mut measured = Measured::default();
    for (round, window) in WINDOWS.into_iter().enumerate() {
        let share = COUNT / usize::from(SENDERS);
        let run = run(&gateway, |sender| {
            // Everybody has mailboxes of his own.
            let (first, own) = (usize::from(sender), NUMBERS / usize::from(SENDERS));
            let notifies = (0..share).map(|i| {
                let number = i % own * usize::from(SENDERS) + first;
                let user = if number.is_multiple_of(2) { 80_000 + number } else { 47_000 + number };
                // every pass over the numbers turns every lamp
                (user.to_string(), (i / own + round).is_multiple_of(2))
            });
            let window = window / usize::from(SENDERS);
            Blast {
                target: gateway.sip(),
                window,
                notifies: notifies.collect(),
                burst: (0, 0),
                pace: Duration::ZERO,
            }
        });
        if round == 0 {
            continue;
        }
        let what = format!("NOTIFY stored, routed, answered; {window} at a time");
        if run.each > BUDGET {
            measured.problems.push(format!("{what}: {:.1} µs CPU, budget {BUDGET} µs", run.each));
        }
        measured.rows.push((format!("tipringd: {what}"), run.row(COUNT, &gateway)));
    }
    let run = run(&gateway, |sender| {
        let numbers = (0..STORM).skip(sender.into()).step_by(SENDERS.into());
        let notifies = numbers.map(|at| {
            let user = if at.is_multiple_of(2) { 810_000 + at } else { 480_000 + at };
            (user.to_string(), true)
        });
        let pace = Duration::from_secs(1) * SENDERS.into() / u32::try_from(STORM).unwrap_or(1);
        Blast { target: gateway.sip(), window: usize::MAX, notifies: notifies.collect(), burst: (0, 0), pace }
    });
    let p99 = run.report.percentile(99.0);
    if p99 > STORM_BUDGET || run.report.lost > 0 || run.report.retransmissions > 0 {
        let report = format!("{} lost, {} sent again", run.report.lost, run.report.retransmissions);
        measured.problems.push(format!("storm: answers p99 {p99:.1?}, budget {STORM_BUDGET:?}; {report}"));
    }
    let what = format!("tipringd: storm, {STORM} mailboxes told within a second");
    measured.rows.push((what, run.row(STORM, &gateway)));
    measured
}

/// A load and what it cost.
struct Load {
    report: BlastReport,
    /// CPU of the daemon for an answer, in µs.
    each: f64,
    wall: Duration,
}

impl Load {
    fn row(&self, count: usize, gateway: &Tipringd) -> String {
        format!(
            "{:.1} µs CPU each; answer p50 {:.1?}, p99 {:.1?}; {} of {count} answered {:?}, {} sent again, {:.1} s; RSS {} MiB",
            self.each,
            self.report.percentile(50.0),
            self.report.percentile(99.0),
            self.report.latencies.len(),
            self.report.statuses,
            self.report.retransmissions,
            self.wall.as_secs_f64(),
            process::rss_kib(gateway.pid()) / 1024,
        )
    }
}

/// What each voice mail sends, all at the same time.
fn run(gateway: &Tipringd, blast: impl Fn(u8) -> Blast) -> Load {
    let before = process::cpu(gateway.pid());
    let started = Instant::now();
    let report = std::thread::scope(|scope| {
        let run = |sender| {
            let blast = blast(sender);
            scope.spawn(move || blast.run_from([127, 0, 0, 1 + sender].into()))
        };
        let running: Vec<_> = (0..SENDERS).map(run).collect();
        BlastReport::joined(running.into_iter().filter_map(|sender| sender.join().ok()))
    });
    let wall = started.elapsed();
    // what was answered may still be on its way to disk
    std::thread::sleep(Duration::from_millis(300));
    let spent = process::cpu(gateway.pid()).saturating_sub(before);
    let answered = report.latencies.len().max(1);
    #[allow(clippy::cast_precision_loss)]
    let each = spent.as_secs_f64() * 1e6 / answered as f64;
    Load { report, each, wall }
}

fn config() -> String {
    "hostname Bench\nisdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
     interface Serial1/0:15\n isdn protocol-emulate network\n!\nvoice-port 1/0:15\n mwi\n!\nvoice-port 2/0\n mwi\n!\n\
     dial-peer voice 8 pots\n destination-pattern 80...\n port 2/0\n!\n\
     dial-peer voice 81 pots\n destination-pattern 81....\n port 2/0\n!\n\
     dial-peer voice 47 pots\n destination-pattern 47...\n port 1/0:15\n!\n\
     dial-peer voice 48 pots\n destination-pattern 48....\n port 1/0:15\n!\n\
     voice service voip\n ip address trusted list\n  ipv4 127.0.0.0 255.0.0.0\n!\n\
     sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
        .into()
}
