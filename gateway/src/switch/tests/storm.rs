//! Ten thousand mailboxes within a second.

use super::*;

const MAILBOXES: u32 = 10_000;
/// The disk of the test: a group of records is on it so long after its first record was handed over, or after the group before.
const DISK: Duration = Duration::from_millis(10);

/// Half are behind two telephones, half behind a PBX.
fn number(at: u32) -> String {
    match at % 4 {
        0 => format!("80{:04}", at / 4),
        1 => format!("81{:04}", at / 4),
        half => format!("47{:04}", at / 4 * 2 + half - 2),
    }
}

/// What the store has on disk, as far as the test lets it be known.
struct Disk {
    known: BTreeSet<Ticket>,
    /// Tickets handed over up to this one belong to the group that is written now, and when that is on disk.
    under_way: Option<(Ticket, Instant)>,
    last: Ticket,
}

impl Disk {
    /// Begins a group if there is one to write.
    fn begin(&mut self, bench: &Bench) {
        let newest = bench.switch.tickets.keys().max().copied().unwrap_or(0);
        if self.under_way.is_none() && newest > self.last {
            self.under_way = Some((newest, bench.now + DISK));
        }
    }

    /// Tells the switch of the group when its time has come.
    fn end(&mut self, bench: &mut Bench) {
        let Some((to, _)) = self.under_way.take_if(|(_, at)| *at <= bench.now) else { return };
        let wanted: Vec<Ticket> =
            bench.switch.tickets.keys().copied().filter(|ticket| *ticket <= to).collect();
        while !wanted.iter().all(|ticket| self.known.contains(ticket)) {
            let committed = bench.committed.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(committed.error, None);
            self.known.extend(committed.tickets);
        }
        self.last = to;
        bench.switch.handle_committed(bench.now, &Committed { tickets: wanted, error: None });
    }
}

#[test]
fn ten_thousand_mailboxes_told_within_a_second_are_answered_as_fast_as_the_disk_and_wait_for_nothing_else() {
    let config = CONFIG
        .replace("destination-pattern 8000", "destination-pattern 80....")
        .replace("destination-pattern 8001", "destination-pattern 81....")
        .replace(
            "voice-port 2/0\n mwi\nvoice-port 2/1\n",
            "voice-port 2/0\n mwi\n vmwi fsk\nvoice-port 2/1\n mwi\n",
        )
        .replace("destination-pattern 47..", "destination-pattern 47....");
    let mut bench = Bench::open(tempfile::tempdir().unwrap(), &config);
    bench.link(0, true);
    // A PBX takes as long for each of its users as the slowest do.
    bench.pbx[0].slow = Duration::from_millis(14_500);
    let mut disk = Disk { known: BTreeSet::new(), under_way: None, last: 0 };
    let started = bench.now;
    let (mut told, mut most_waiting) = (0, 0);
    let mut waited = Vec::new();
    let mut behind_the_pbx = 0;
    while waited.len() < MAILBOXES as usize {
        // Whatever is due first: the next NOTIFY, the disk, a timer.
        let notify = (told < MAILBOXES).then(|| started + told * Duration::from_micros(100));
        let group = disk.under_way.map(|(_, at)| at);
        let timers = [bench.switch.poll_timeout(), bench.pbx[0].poll_timeout()];
        let next = timers.into_iter().chain([notify, group]).flatten().min().unwrap();
        bench.now = bench.now.max(next);
        if notify.is_some_and(|at| at <= bench.now) {
            let number = number(told);
            let body = "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n";
            let text = format!(
                "NOTIFY sip:{number}@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{told}\r\n\
                 From: <sip:vm@192.0.2.10>;tag=a\r\nTo: <sip:{number}@gw>\r\nCall-ID: {told}\r\nCSeq: 1 NOTIFY\r\n\
                 Event: message-summary\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let flow = Flow {
                transport: Transport::Udp,
                local: SocketAddr::from(([192, 0, 2, 1], 5060)),
                remote: SocketAddr::from(([192, 0, 2, 10], 5060)),
                connection: None,
            };
            bench.switch.handle_sip(bench.now, flow, Bytes::from(text));
            told += 1;
        }
        bench.switch.handle_timeout(bench.now);
        bench.pbx[0].span.handle_timeout(bench.now);
        bench.pbx[0].answer_due(bench.now);
        disk.end(&mut bench);
        bench.exchange();
        disk.begin(&bench);
        bench.replies.clear();
        most_waiting = most_waiting.max(bench.switch.waiting.len());
        for (call_id, status) in std::mem::take(&mut bench.answers) {
            assert_eq!(status, 200, "NOTIFY {call_id}");
            let at: u32 = call_id.parse().unwrap();
            let after = bench.now - (started + at * Duration::from_micros(100));
            // Only the first user of the PBX waits for it; whoever comes after it waits in the queue.
            if after > Duration::from_secs(1) {
                assert!(number(at).starts_with("47"), "{at} waited {after:?}");
                behind_the_pbx += 1;
            }
            waited.push(after);
        }
        assert!(bench.now < started + Duration::from_secs(40), "{} answered", waited.len());
    }
    assert_eq!(behind_the_pbx, 1);
    waited.sort_unstable();
    let percent = |percent: usize| waited[waited.len() * percent / 100];
    assert!(
        percent(99) <= 2 * DISK + Duration::from_millis(1),
        "p99 {:?}, p50 {:?}",
        percent(99),
        percent(50)
    );
    assert!(percent(99) <= Duration::from_millis(50));
    // What is open at a time is what came in while two groups were written.
    assert!(most_waiting <= 210, "{most_waiting}");
    assert_eq!(bench.switch.mailboxes.len(), MAILBOXES as usize);
    assert!(bench.switch.mailboxes.iter().all(|record| record.state.summary.waiting));
    assert!(bench.switch.waiting.is_empty() && bench.switch.tickets.is_empty());
    // Every user of the PBX is in its queue or has been told, once.
    let queue = &bench.switch.trunks[0].queue;
    assert_eq!(queue.waiting() + bench.pbx[0].heard.len(), MAILBOXES as usize / 2);
}
