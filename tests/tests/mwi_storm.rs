//! A voice mail that restarts tells of every mailbox at once.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use system_tests::{Blast, Tipringd, Value, free_port, json};

const MAILBOXES: usize = 10_000;

/// Half of the mailboxes are behind telephones of the gateway, half behind a PBX that is away.
fn gateway() -> Tipringd {
    Tipringd::start(
        "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn protocol-emulate network\n!\nvoice-port 1/0:15\n mwi\n!\n\
         voice-port 2/0\n mwi\n vmwi fsk\n!\n\
         dial-peer voice 8 pots\n destination-pattern 8....\n port 2/0\n!\n\
         dial-peer voice 4 pots\n destination-pattern 4....\n port 1/0:15\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n",
        &format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\n\
             address = \"tcp-listen:127.0.0.1:{}\"\n",
            free_port()
        ),
    )
}

fn resident_kib(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// What the lamp was told by FSK, message by message.
fn told(read: &Value) -> Vec<&Value> {
    let messages = read.get("messages").and_then(Value::as_array).unwrap();
    messages.iter().map(|message| message.get("mwi").unwrap()).collect()
}

#[test]
fn ten_thousand_mailboxes_told_at_once_are_all_kept_in_little_memory_and_the_telephone_is_told_once() {
    let gateway = gateway();
    let number = |at: usize| format!("{}{:04}", if at.is_multiple_of(2) { 8 } else { 4 }, at / 2);
    let blast = |waiting: bool| {
        let notifies = (0..MAILBOXES).map(|at| (number(at), waiting)).collect();
        let report = Blast { target: gateway.sip(), window: 256, notifies, burst: (0, 0) }.run();
        assert_eq!(report.lost, 0, "{report:?}");
        assert_eq!(report.statuses, BTreeMap::from([(200, MAILBOXES)]));
        println!("p50 {:?}, p99 {:?}, {:?}", report.percentile(50.0), report.percentile(99.0), report.wall);
    };
    let before = resident_kib(gateway.pid());
    let mut lines = gateway.lines();
    let read = lines.data_on_hook("2/0", || blast(true));
    assert_eq!(told(&read), [&json!(true)], "one message, however many mailboxes changed: {read:#}");
    let statistics = gateway.show("show mwi statistics");
    assert!(statistics.contains("Mailboxes: 10000, 10000 with messages waiting"), "{statistics}");
    assert!(statistics.contains("NOTIFY answered 200: 10000"), "{statistics}");
    assert!(statistics.contains("5000 waiting; started 0"), "{statistics}");
    // Each of them known, with its number, source, sequence and place in the queue: 4 KiB a mailbox would be much.
    let grown = resident_kib(gateway.pid()).saturating_sub(before);
    assert!(grown < 4 * MAILBOXES, "{grown} KiB for {MAILBOXES} mailboxes");
    assert!(lines.listen("2/0", 3.0).is_message_waiting_tone("us"));

    // All of them empty again: the queue holds each once, the telephone's lamp changes with the last. A telephone that was
    // in use is told once more of what waits, 2 s after: on a slow machine the last mailbox is not empty by then.
    let read = lines.data_on_hook("2/0", || blast(false));
    let told = told(&read);
    assert!(told == [&json!(false)] || told == [&json!(true), &json!(false)], "{read:#}");
    let statistics = gateway.show("show mwi statistics");
    assert!(statistics.contains("Mailboxes: 10000, 0 with messages waiting"), "{statistics}");
    assert!(statistics.contains("5000 waiting; started 0"), "{statistics}");
    assert!(lines.listen("2/0", 1.0).is_dial_tone("us"));
}
