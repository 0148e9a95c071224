//! What one NOTIFY costs in this crate: body read, number found, mailbox updated, operation queued, started and ended.
//!
//! `cargo run --release -p mwi --example mailbox_cost`

use std::hint::black_box;
use std::time::{Duration, Instant};

use mwi::mailbox::{Mailboxes, State};
use mwi::queue::{Job, Settings, TrunkQueue};
use mwi::route::{DEFAULT_ORDER, candidates};
use mwi::translate::{Services, activations};
use mwi::verdict::{Outcome, sip_status};

const NOTIFIES: u32 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<12}{:>16}{:>16}", "mailboxes", "NOTIFY (ns)", "body only (ns)");
    for mailboxes in [1_000, 10_000, 100_000] {
        let (whole, body) = (notifies(mailboxes)?, bodies()?);
        println!("{mailboxes:<12}{:>16}{:>16}", per_one(whole), per_one(body));
    }
    Ok(())
}

fn notifies(mailboxes: u32) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut table = Mailboxes::default();
    let now = Instant::now();
    let mut queue = TrunkQueue::new(Settings { in_flight: 4, ..Settings::default() }, 1);
    let start = Instant::now();
    for n in 0..NOTIFIES {
        let user = (n.wrapping_mul(2_654_435_761) % mailboxes + 1_000_000).to_string();
        let summary = mwi::summary::parse(black_box(body(n).as_bytes()))?;
        let number = candidates(&DEFAULT_ORDER, Some(&user), Some(&user), summary.account.as_deref()).next();
        let number = number.ok_or("no number")?;
        let state = State {
            summary: summary.clone(),
            source: "192.0.2.10".into(),
            cseq: 1,
            call_id: format!("{n}-18438@192.0.2.10"),
            received: u64::from(n),
        };
        black_box(table.update(&number, state));
        for activation in activations(&summary, &number, Services::PerClass) {
            queue.push(now, Job::new(activation));
        }
        while let Some(job) = queue.next(now) {
            queue.done(now, &job.activation.number, job.activation.service, sip_status(&Outcome::Done));
        }
    }
    Ok(start.elapsed())
}

fn bodies() -> Result<Duration, mwi::summary::SummaryError> {
    let all: Vec<String> = (0..NOTIFIES).map(body).collect();
    let start = Instant::now();
    for body in &all {
        black_box(mwi::summary::parse(black_box(body.as_bytes()))?);
    }
    Ok(start.elapsed())
}

fn body(n: u32) -> String {
    let word = if n.is_multiple_of(2) { "yes" } else { "no" };
    format!(
        "Messages-Waiting: {word}\r\nMessage-Account: sip:{n}@vm.example.com\r\nVoice-Message: {}/3 (0/0)\r\n",
        n % 7
    )
}

fn per_one(all: Duration) -> u128 {
    all.as_nanos() / u128::from(NOTIFIES)
}
