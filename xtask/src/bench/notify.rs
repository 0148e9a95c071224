//! CPU the daemon spends on a NOTIFY, from the datagram to the state on disk and the 200.

use std::time::{Duration, Instant};

use system_tests::{Blast, BlastReport, Profile, Run, Tipringd, free_port};

use super::process;
use crate::shell::say;

/// NOTIFYs a round.
const COUNT: usize = 20_000;
/// Mailboxes they are spread over: half behind an FXS port, half behind a trunk that is down.
const NUMBERS: usize = 1_000;
/// Voice mails that send them, each from an address of its own: one alone may not send as much as the gateway can take.
const SENDERS: u8 = 4;
/// Unanswered NOTIFYs at a time, round by round; the first round warms up and is not counted.
const WINDOWS: [usize; 4] = [64, 16, 64, 128];

/// Rows of the table.
pub(crate) fn bench() -> Vec<(String, String)> {
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
    let mut rows = Vec::new();
    for (round, window) in WINDOWS.into_iter().enumerate() {
        let share = COUNT / usize::from(SENDERS);
        let blast = |sender: u8| {
            // Everybody has mailboxes of his own.
            let (first, own) = (usize::from(sender), NUMBERS / usize::from(SENDERS));
            let notifies = (0..share).map(|i| {
                let number = i % own * usize::from(SENDERS) + first;
                let user = if number.is_multiple_of(2) { 80_000 + number } else { 47_000 + number };
                // every pass over the numbers turns every lamp
                (user.to_string(), (i / own + round).is_multiple_of(2))
            });
            let window = window / usize::from(SENDERS);
            Blast { target: gateway.sip(), window, notifies: notifies.collect(), burst: (0, 0) }
        };
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
        // what was answered may still be on its way to disk
        std::thread::sleep(Duration::from_millis(300));
        let spent = process::cpu(gateway.pid()).saturating_sub(before);
        let answered = report.latencies.len().max(1);
        #[allow(clippy::cast_precision_loss)]
        let each = spent.as_secs_f64() * 1e6 / answered as f64;
        if round == 0 {
            continue;
        }
        rows.push((
            format!("tipringd: NOTIFY stored, routed, answered; {window} at a time"),
            format!(
                "{each:.1} µs CPU each; answer p50 {:.0?}, p99 {:.0?}; {} of {COUNT} answered {:?}, {} sent again, \
                 {:.1} s; RSS {} MiB",
                report.percentile(50.0),
                report.percentile(99.0),
                report.latencies.len(),
                report.statuses,
                report.retransmissions,
                started.elapsed().as_secs_f64(),
                process::rss_kib(gateway.pid()) / 1024,
            ),
        ));
    }
    rows
}

fn config() -> String {
    "hostname Bench\nisdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
     interface Serial1/0:15\n isdn protocol-emulate network\n!\nvoice-port 1/0:15\n mwi\n!\nvoice-port 2/0\n mwi\n!\n\
     dial-peer voice 8 pots\n destination-pattern 80...\n port 2/0\n!\n\
     dial-peer voice 47 pots\n destination-pattern 47...\n port 1/0:15\n!\n\
     voice service voip\n ip address trusted list\n  ipv4 127.0.0.0 255.0.0.0\n!\n\
     sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
        .into()
}
