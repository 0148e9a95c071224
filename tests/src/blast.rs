//! Many NOTIFYs over UDP with a bounded number outstanding: the load of the burst test and of the benchmark.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What to send.
#[derive(Debug, Clone)]
pub struct Blast {
    /// The gateway.
    pub target: SocketAddr,
    /// How many may be unanswered at a time.
    pub window: usize,
    /// User and Messages-Waiting of each NOTIFY, in order.
    pub notifies: Vec<(String, bool)>,
    /// Milliseconds of rest after every this many NOTIFYs; (0, _) for none.
    pub burst: (usize, u64),
    /// Time from one NOTIFY to the next, whoever has been answered; zero: as fast as the others allow.
    pub pace: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct BlastReport {
    /// Final answers by status.
    pub statuses: BTreeMap<u16, usize>,
    /// Time to the final answer, sorted.
    pub latencies: Vec<Duration>,
    /// Requests sent again because 500 ms passed (RFC 3261 timer E).
    pub retransmissions: usize,
    /// Requests never answered.
    pub lost: usize,
    /// From the first request to the last answer.
    pub wall: Duration,
}

impl BlastReport {
    /// Several that ran at the same time, as one.
    #[must_use]
    pub fn joined(reports: impl IntoIterator<Item = BlastReport>) -> BlastReport {
        let mut all = BlastReport::default();
        for report in reports {
            for (status, count) in report.statuses {
                *all.statuses.entry(status).or_default() += count;
            }
            all.latencies.extend(report.latencies);
            all.retransmissions += report.retransmissions;
            all.lost += report.lost;
            all.wall = all.wall.max(report.wall);
        }
        all.latencies.sort_unstable();
        all
    }

    /// The latency below which `percent` of the answers came.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let at = (last as f64 * percent / 100.0).round() as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

struct Open {
    first: Instant,
    next: Instant,
    interval: Duration,
    octets: Vec<u8>,
}

impl Blast {
    /// Sends all of it; ends when every request is answered or 35 s have passed without an answer.
    ///
    /// # Panics
    /// When no socket can be had.
    #[must_use]
    pub fn run(&self) -> BlastReport {
        self.run_from([127, 0, 0, 1].into())
    }

    /// As [`Blast::run`], from an address of this machine: every address has a rate of its own at the gateway.
    ///
    /// # Panics
    /// When no socket can be had there.
    #[must_use]
    pub fn run_from(&self, address: IpAddr) -> BlastReport {
        let socket = UdpSocket::bind((address, 0)).expect("a socket");
        let local = socket.local_addr().expect("bound");
        let run = format!("{:x}-{local}", std::process::id()).replace([':', '.'], "-");
        let mut report = BlastReport::default();
        let mut open: HashMap<usize, Open> = HashMap::new();
        let mut buffer = vec![0; 4096];
        let started = Instant::now();
        let mut last_answer = started;
        let mut next = 0;
        let mut rest_until = started;
        while next < self.notifies.len() || !open.is_empty() {
            let now = Instant::now();
            let due = |next: usize| started + self.pace * u32::try_from(next).unwrap_or(u32::MAX);
            while open.len() < self.window.max(1) && now >= rest_until && now >= due(next) {
                let Some((user, waiting)) = self.notifies.get(next) else { break };
                let octets = notify(self.target, local, &run, next, user, *waiting).into_bytes();
                let _ = socket.send_to(&octets, self.target);
                let sent = Instant::now();
                let interval = Duration::from_millis(500);
                open.insert(next, Open { first: sent, next: sent + interval, interval, octets });
                next += 1;
                let (count, ms) = self.burst;
                if count > 0 && next % count == 0 {
                    rest_until = Instant::now() + Duration::from_millis(ms);
                }
            }
            let soon = now < rest_until || (self.pace > Duration::ZERO && next < self.notifies.len());
            let _ = socket.set_read_timeout(Some(Duration::from_millis(if soon { 1 } else { 20 })));
            if let Ok(length) = socket.recv(&mut buffer) {
                let now = Instant::now();
                let answer = buffer.get(..length).and_then(|octets| read(octets, &run));
                if let Some((index, status)) = answer
                    && status >= 200
                    && let Some(request) = open.remove(&index)
                {
                    *report.statuses.entry(status).or_default() += 1;
                    report.latencies.push(now - request.first);
                    last_answer = now;
                }
            }
            let now = Instant::now();
            for request in open.values_mut().filter(|request| request.next <= now) {
                let _ = socket.send_to(&request.octets, self.target);
                report.retransmissions += 1;
                request.interval = (request.interval * 2).min(Duration::from_secs(4));
                request.next = now + request.interval;
            }
            if now.duration_since(last_answer.max(rest_until)) > Duration::from_secs(35) {
                report.lost = open.len() + self.notifies.len() - next;
                break;
            }
        }
        report.wall = last_answer - started;
        report.latencies.sort_unstable();
        report
    }
}

fn notify(
    target: SocketAddr,
    local: SocketAddr,
    run: &str,
    index: usize,
    user: &str,
    waiting: bool,
) -> String {
    let (status, new) = if waiting { ("yes", 1) } else { ("no", 0) };
    let body = format!("Messages-Waiting: {status}\r\nVoice-Message: {new}/4 (0/0)\r\n");
    format!(
        "NOTIFY sip:{user}@{target} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};branch=z9hG4bK-{run}-{index}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:voicemail@{local}>;tag={run}\r\n\
         To: <sip:{user}@{target}>\r\n\
         Call-ID: {index}.{run}@voicemail.example.com\r\n\
         CSeq: 1 NOTIFY\r\n\
         Contact: <sip:voicemail@{local}>\r\n\
         Event: message-summary\r\n\
         Subscription-State: active\r\n\
         Content-Type: application/simple-message-summary\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Request number and status of an answer to one of `run`'s requests.
fn read(octets: &[u8], run: &str) -> Option<(usize, u16)> {
    let text = std::str::from_utf8(octets).ok()?;
    let status = text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    let line = text.lines().find(|l| l.get(..8).is_some_and(|n| n.eq_ignore_ascii_case("call-id:")))?;
    let (index, rest) = line.get(8..)?.trim().split_once('.')?;
    rest.starts_with(run).then_some(())?;
    Some((index.parse().ok()?, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that answers 200, but not the first sending of every `drop`th request. Ends after `count` answers.
    fn peer(drop: usize, count: usize) -> (SocketAddr, std::thread::JoinHandle<usize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let mut seen = std::collections::BTreeSet::new();
            let mut answered = 0;
            while answered < count {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                let request = String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned();
                let call_id = request.lines().find(|l| l.starts_with("Call-ID:")).unwrap().to_owned();
                if seen.insert(call_id.clone()) && seen.len() % drop == 0 {
                    continue;
                }
                let status = if request.contains("sip:8001@") { 404 } else { 200 };
                socket.send_to(format!("SIP/2.0 {status} x\r\n{call_id}\r\n\r\n").as_bytes(), from).unwrap();
                answered += 1;
            }
            seen.len()
        });
        (address, thread)
    }

    #[test]
    fn every_request_is_answered_once_and_what_is_lost_is_sent_again() {
        let (target, thread) = peer(10, 100);
        let notifies = (0..100).map(|at| (format!("800{}", at % 2), true)).collect();
        let report = Blast { target, window: 8, notifies, burst: (25, 5), pace: Duration::ZERO }.run();
        assert_eq!(thread.join().unwrap(), 100);
        assert_eq!(report.statuses, BTreeMap::from([(200, 50), (404, 50)]));
        assert_eq!((report.lost, report.retransmissions, report.latencies.len()), (0, 10, 100));
        assert!(report.percentile(99.0) >= Duration::from_millis(500), "{report:?}");
        assert!(report.percentile(50.0) < Duration::from_millis(500), "{report:?}");
    }

    #[test]
    fn requests_go_out_at_their_pace_and_not_before() {
        let (target, thread) = peer(1000, 50);
        let notifies = (0..50).map(|_| ("8000".to_owned(), true)).collect();
        let pace = Duration::from_millis(4);
        let report = Blast { target, window: usize::MAX, notifies, burst: (0, 0), pace }.run();
        assert_eq!(thread.join().unwrap(), 50);
        assert_eq!((report.lost, report.latencies.len()), (0, 50));
        assert!(report.wall >= pace * 49, "{report:?}");
    }
}
