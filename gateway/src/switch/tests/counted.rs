//! What monitoring reads of message waiting: ages, outcomes by cause, queues.

use super::*;

/// The metrics, line by line.
fn counted(bench: &Bench) -> Vec<String> {
    String::from_utf8(bench.switch.metrics.text()).unwrap().lines().map(str::to_owned).collect()
}

#[track_caller]
fn has(bench: &Bench, wanted: &[&str]) {
    let lines = counted(bench);
    for line in wanted {
        assert!(lines.iter().any(|known| known == line), "no {line} in\n{}", lines.join("\n"));
    }
}

fn heard(which: &str, at: u64) -> String {
    // As the library prints gauges.
    format!("tipring_mwi_heard_timestamp_seconds{{which=\"{which}\"}} {at}")
}

#[test]
fn when_the_oldest_and_the_newest_state_were_heard_is_counted_over_a_restart_and_until_nothing_is_known() {
    let mut bench = Bench::new();
    has(&bench, &[&heard("oldest", 0), &heard("newest", 0), "tipring_mwi_mailboxes 0"]);
    bench.notify("8000", true);
    bench.wait(Duration::from_secs(100));
    bench.notify("8002", true);
    let both = [heard("oldest", 1_800_000_000), heard("newest", 1_800_000_100)];
    has(&bench, &[&both[0], &both[1], "tipring_mwi_mailboxes 2", "tipring_mwi_lamps_on 2"]);
    // The first is told of again: a minute later, at most, the other is the oldest.
    bench.wait(Duration::from_secs(100));
    bench.notify("8000", false);
    has(&bench, &[&heard("oldest", 1_800_000_100), &heard("newest", 1_800_000_200)]);
    has(&bench, &["tipring_mwi_lamps{state=\"on\"} 1", "tipring_mwi_lamps{state=\"off\"} 1"]);

    let expiry = CONFIG.replace("sip-ua\n", "sip-ua\n tipring mwi expiry 1\n");
    let mut bench = bench.restart_at(&expiry, 1_800_001_000);
    has(&bench, &[&heard("oldest", 1_800_000_100), &heard("newest", 1_800_000_200)]);
    has(&bench, &["tipring_mwi_lamps{state=\"on\"} 1", "tipring_mwi_lamps{state=\"off\"} 1"]);
    // Nobody tells any more: lamps go out, then mailboxes go.
    bench.wait(Duration::from_secs(3 * 3600));
    has(&bench, &[&heard("oldest", 0), &heard("newest", 0), "tipring_mwi_mailboxes 0"]);
    has(&bench, &["tipring_mwi_lamps{state=\"on\"} 0", "tipring_mwi_lamps{state=\"off\"} 0"]);
}

#[test]
fn what_pbxs_answer_is_counted_by_outcome_and_cause_and_what_waits_by_trunk() {
    let mut bench = Bench::new();
    bench.link(0, true);
    for (number, answer) in [
        ("4711", MwiAnswer::Result),
        ("4712", MwiAnswer::Error(6)),
        ("4713", MwiAnswer::Error(1999)),
        ("4714", MwiAnswer::Reject(1)),
        ("4715", MwiAnswer::Cause(1)),
        ("4716", MwiAnswer::Cause(28)),
    ] {
        bench.pbx[0].answer = Some(answer);
        bench.notify(number, true);
    }
    bench.pbx[0].answer = Some(MwiAnswer::Silent);
    bench.notify("4717", true);
    bench.wait(Duration::from_secs(31));
    let operations = |outcome: &str, cause: &str| {
        format!("tipring_mwi_trunk_operations_total{{cause=\"{cause}\",outcome=\"{outcome}\"}} 1")
    };
    for (outcome, cause) in [
        ("done", ""),
        ("error", "6"),
        ("error", "other"),
        ("reject", "1"),
        ("cause", "1"),
        ("cause", "28"),
        ("no_result", ""),
    ] {
        has(&bench, &[&operations(outcome, cause)]);
    }
    has(&bench, &["tipring_trunk_up{trunk=\"1/0:15\"} 1", "tipring_trunk_up{trunk=\"1/1:15\"} 0"]);
    // One is under way when the trunk goes, and waits again; two more come.
    bench.pbx[0].answer = None;
    bench.notify("4711", false);
    bench.link(0, false);
    bench.wait(Duration::from_secs(60));
    bench.notify("4712", false);
    bench.notify("4714", false);
    has(&bench, &[&operations("link_down", ""), "tipring_trunk_up{trunk=\"1/0:15\"} 0"]);
    let waiting = bench.switch.trunks[0].queue.waiting();
    assert!(waiting >= 3, "{waiting}");
    has(&bench, &[&format!("tipring_mwi_queue_depth{{trunk=\"1/0:15\"}} {waiting}")]);
    let counted = counted(&bench);
    for (status, at_least) in [(200, 1), (404, 2), (501, 1), (504, 1)] {
        let name = format!("tipring_mwi_notify_total{{status=\"{status}\"}} ");
        let count = counted.iter().find_map(|line| line.strip_prefix(&name)?.parse::<u32>().ok());
        assert!(count.is_some_and(|count| count >= at_least), "{name}{count:?}\n{}", counted.join("\n"));
    }
}
