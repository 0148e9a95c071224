//! A voice mail that restarts tells of every mailbox at once.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use system_tests::{Blast, Tipringd, Value, free_port};

const MAILBOXES: usize = 10_000;

/// Telephones, each with a fifth of the mailboxes that are not behind the PBX.
const PORTS: [&str; 5] = ["2/0", "2/1", "2/2", "2/3", "2/4"];

/// Half of the mailboxes are behind telephones of the gateway, half behind a PBX that is away.
fn gateway() -> Tipringd {
    let (mut telephones, mut hardware) = (String::new(), String::new());
    for (at, port) in PORTS.iter().enumerate() {
        let peer = 80 + at;
        let _ = write!(
            telephones,
            "voice-port {port}\n mwi\n vmwi fsk\n!\ndial-peer voice {peer} pots\n destination-pattern {peer}...\n \
             port {port}\n!\n"
        );
        let _ = write!(hardware, "[[fxs]]\nport = \"{port}\"\nbackend = \"sim\"\n\n");
    }
    Tipringd::start(
        &format!(
            "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
         interface Serial1/0:15\n isdn protocol-emulate network\n!\nvoice-port 1/0:15\n mwi\n!\n{telephones}\
         dial-peer voice 4 pots\n destination-pattern 4....\n port 1/0:15\n!\n\
         sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n"
        ),
        &format!(
            "{hardware}[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\n\
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

/// What the lamps of these ports are told by FSK while something happens, message by message, as spandsp reads it.
fn told(gateway: &Tipringd, ports: &[&str], happens: &dyn Fn()) -> Vec<Vec<bool>> {
    let Some((port, others)) = ports.split_first() else {
        happens();
        return Vec::new();
    };
    let mut all = Vec::new();
    let read = gateway.lines().data_on_hook(port, || all = told(gateway, others, happens));
    let messages = read.get("messages").and_then(Value::as_array).unwrap();
    let lamp = |message: &Value| message.get("mwi").and_then(Value::as_bool).unwrap();
    all.insert(0, messages.iter().map(lamp).collect());
    all
}

#[test]
fn ten_thousand_mailboxes_told_at_once_are_all_kept_in_little_memory_and_each_telephone_is_told_once() {
    let gateway = gateway();
    let number = |at: usize| format!("{}{:04}", if at.is_multiple_of(2) { 8 } else { 4 }, at / 2);
    let send = |notifies: Vec<(String, bool)>| {
        let count = notifies.len();
        let report =
            Blast { target: gateway.sip(), window: 256, notifies, burst: (0, 0), pace: Duration::ZERO }.run();
        assert_eq!(report.lost, 0, "{report:?}");
        assert_eq!(report.statuses, BTreeMap::from([(200, count)]));
        println!("p50 {:?}, p99 {:?}, {:?}", report.percentile(50.0), report.percentile(99.0), report.wall);
    };
    let blast = |waiting: bool| send((0..MAILBOXES).map(|at| (number(at), waiting)).collect());
    let before = resident_kib(gateway.pid());
    let mut lines = gateway.lines();
    // One telephone is listened to: recordings take memory, too.
    let read = told(&gateway, &PORTS[..1], &|| blast(true));
    assert!(read.iter().all(|told| told == &[true]), "one message, however many mailboxes changed: {read:?}");
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
    let read = told(&gateway, &PORTS, &|| blast(false));
    assert!(read.iter().all(|told| told == &[false] || told == &[true, false]), "{read:?}");
    let statistics = gateway.show("show mwi statistics");
    assert!(statistics.contains("Mailboxes: 10000, 0 with messages waiting"), "{statistics}");
    assert!(statistics.contains("5000 waiting; started 0"), "{statistics}");
    assert!(lines.listen("2/0", 1.0).is_dial_tone("us"));

    // One mailbox of each telephone that changes 201 times: whole messages, by turns, the newest state last, and no more than
    // fit with a pause after each. The telephone that was in use a moment ago may be told first of what it missed: that nothing waits.
    let started = Instant::now();
    let changes = (0..201).flat_map(|at| PORTS.iter().enumerate().map(move |(port, _)| (port, at % 2 == 0)));
    let changes: Vec<_> = changes.map(|(port, on)| (format!("8{port}000"), on)).collect();
    let read = told(&gateway, &PORTS, &|| send(changes.clone()));
    let most = 3 + usize::try_from(started.elapsed().as_secs()).unwrap();
    for told in &read {
        assert!(told.windows(2).all(|two| two[0] != two[1]), "{read:?}");
        assert!(told.last() == Some(&true) && told.len() <= most, "{read:?}");
    }
}
