//! Many calls: SIP callers on one socket, the PBX on trunks of its own, and RTP for the calls that stand. The load of
//! `cargo xtask bench calls`.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use qsig::q931::{Number, ie};
use qsig::{CallDetail, CallEvent, Event, Side, Span, SpanConfig};

/// First calling number; each call has one of its own.
const FIRST_CALLER: usize = 7_000_000;
/// Calls that nothing is heard of for so long are given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// A PBX on several trunks that answers every call, in a thread of its own.
#[derive(Debug)]
pub struct CallSink {
    setups: Arc<Mutex<HashMap<usize, Instant>>>,
    over: Arc<AtomicBool>,
}

impl Drop for CallSink {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

struct Trunk {
    span: Span,
    stream: TcpStream,
    read: Vec<u8>,
}

impl CallSink {
    /// Connects to trunks that listen (QSIG, network side), and waits until their data links are up.
    ///
    /// # Panics
    /// When a trunk cannot be reached, or is not up within 10 s.
    #[must_use]
    pub fn connect(trunks: &[SocketAddr]) -> Self {
        let setups = Arc::new(Mutex::new(HashMap::new()));
        let (over, up) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let now = Instant::now();
        let mut open: Vec<Trunk> = trunks
            .iter()
            .map(|address| {
                let stream = TcpStream::connect(address).expect("a trunk that listens");
                stream.set_nodelay(true).expect("TCP");
                stream.set_nonblocking(true).expect("TCP");
                let config = SpanConfig { side: Side::Network, accept_calls: true, ..SpanConfig::default() };
                let mut span = Span::new(config);
                span.handle_link(now, true);
                Trunk { span, stream, read: Vec::new() }
            })
            .collect();
        let (heard, ended, ready) = (Arc::clone(&setups), Arc::clone(&over), Arc::clone(&up));
        // ends when the sink is dropped
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let wake = open.iter().filter_map(|trunk| trunk.span.poll_timeout()).min();
                let wait = wake.map_or(PATIENCE, |at| at.saturating_duration_since(Instant::now()));
                let wait = u16::try_from(wait.as_millis().clamp(1, 100)).unwrap_or(100);
                let mut fds: Vec<PollFd<'_>> =
                    open.iter().map(|trunk| PollFd::new(trunk.stream.as_fd(), PollFlags::POLLIN)).collect();
                let _ = poll(&mut fds, PollTimeout::from(wait));
                for trunk in &mut open {
                    trunk.turn(&heard);
                }
                ready.store(open.iter().all(|trunk| trunk.span.is_up()), Ordering::Relaxed);
            }
        });
        let end = Instant::now() + Duration::from_secs(10);
        while !up.load(Ordering::Relaxed) {
            assert!(Instant::now() < end, "the trunks do not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { setups, over }
    }
}

impl Trunk {
    fn turn(&mut self, setups: &Mutex<HashMap<usize, Instant>>) {
        let mut buffer = [0; 65_536];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => self.read.extend(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("trunk: {error}"),
            }
        }
        let now = Instant::now();
        let mut at = 0;
        while let Some(length) = self.read.get(at..at + 2) {
            let end = at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            let Some(frame) = self.read.get(at + 2..end) else { break };
            self.span.handle_frame(now, frame);
            at = end;
        }
        self.read.drain(..at);
        self.span.handle_timeout(now);
        while let Some(event) = self.span.poll_event() {
            let Event::Call { id, event } = event else { continue };
            match event {
                CallEvent::Incoming { message, .. } => {
                    let caller = message.get(ie::CALLING_NUMBER).and_then(|body| Number::parse(body));
                    if let Some(caller) = caller.and_then(|number| number.digits.parse().ok()) {
                        setups.lock().expect("no panic").insert(caller, now);
                    }
                    // A caller who has gone already needs no answer.
                    let _ = self.span.answer_call(now, id, &CallDetail::default());
                }
                CallEvent::Disconnected { cause, tones: true } => {
                    let _ = self.span.clear_call(now, id, cause);
                }
                _ => {}
            }
        }
        let mut out = Vec::new();
        while let Some(frame) = self.span.poll_frame() {
            out.extend(u16::try_from(frame.len()).expect("a frame").to_be_bytes());
            out.extend(&frame);
        }
        let mut sent = 0;
        while sent < out.len() {
            match self.stream.write(&out[sent..]) {
                Ok(len) => sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_micros(100));
                }
                Err(error) => panic!("trunk: {error}"),
            }
        }
    }
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Inviting,
    Standing(Instant),
    Leaving,
}

#[derive(Debug)]
struct Call {
    state: State,
    sent: Instant,
    again: Instant,
    /// To with its tag, and the target, once there is an answer.
    to: String,
    target: String,
}

/// What came of some calls.
#[derive(Debug, Default)]
pub struct CallReport {
    /// Answered, and hung up again or kept.
    pub answered: usize,
    /// Refused, or never answered.
    pub failed: usize,
    /// From INVITE to SETUP on the trunk, sorted.
    pub delays: Vec<Duration>,
    /// Requests sent again after 500 ms.
    pub retransmissions: usize,
    /// Where the gateway takes the RTP of calls that were kept.
    pub rtp: Vec<SocketAddr>,
}

impl CallReport {
    /// The delay below which `percent` of the calls came.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Duration {
        let last = self.delays.len().saturating_sub(1);
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let at = (last as f64 * percent / 100.0).round() as usize;
        self.delays.get(at).copied().unwrap_or_default()
    }
}

/// SIP callers that share a socket.
#[derive(Debug)]
pub struct CallSource {
    socket: UdpSocket,
    local: SocketAddr,
    gateway: SocketAddr,
    /// Where the callers want RTP.
    rtp: SocketAddr,
    next: usize,
    kept: HashMap<usize, Call>,
}

impl CallSource {
    /// Callers of this gateway that want their RTP there. `socket` is the address the gateway trusts.
    ///
    /// # Panics
    /// When the socket has no address.
    #[must_use]
    pub fn new(socket: UdpSocket, gateway: SocketAddr, rtp: SocketAddr) -> Self {
        let local = socket.local_addr().expect("bound");
        Self { socket, local, gateway, rtp, next: 0, kept: HashMap::new() }
    }

    /// Makes `count` calls to `number`, `rate` a second, and hangs up `hold` after the answer; with `None` they are kept.
    ///
    /// # Panics
    /// When the socket fails.
    pub fn run(
        &mut self,
        number: &str,
        count: usize,
        rate: f64,
        hold: Option<Duration>,
        sink: Option<&CallSink>,
    ) -> CallReport {
        let mut report = CallReport::default();
        let mut calls: HashMap<usize, Call> = HashMap::new();
        let mut begun: Vec<(usize, Instant)> = Vec::new();
        let started = Instant::now();
        let mut buffer = [0; 8192];
        self.socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        while begun.len() < count || !calls.is_empty() {
            let now = Instant::now();
            #[allow(clippy::cast_precision_loss)]
            while begun.len() < count && started + Duration::from_secs_f64(begun.len() as f64 / rate) <= now {
                let index = self.next;
                self.next += 1;
                let call = Call {
                    state: State::Inviting,
                    sent: Instant::now(),
                    again: now + Duration::from_millis(500),
                    to: format!("<sip:{number}@{}>", self.gateway),
                    target: format!("sip:{number}@{}", self.gateway),
                };
                self.send(index, &call, "INVITE", 1);
                begun.push((index, call.sent));
                calls.insert(index, call);
            }
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                self.hear(&text, &mut calls, &mut report, hold.is_none());
            }
            let now = Instant::now();
            let mut gone = Vec::new();
            for (index, call) in &mut calls {
                match call.state {
                    State::Standing(since) if hold.is_some_and(|hold| now - since >= hold) => {
                        call.state = State::Leaving;
                        (call.sent, call.again) = (now, now + Duration::from_millis(500));
                        gone.push((*index, "BYE", 2));
                    }
                    State::Standing(_) => {}
                    _ if now - call.sent > PATIENCE => gone.push((*index, "", 0)),
                    _ if now >= call.again => {
                        report.retransmissions += 1;
                        call.again = now + Duration::from_millis(1000);
                        let leaving = call.state == State::Leaving;
                        gone.push(if leaving { (*index, "BYE", 2) } else { (*index, "INVITE", 1) });
                    }
                    _ => {}
                }
            }
            for (index, method, cseq) in gone {
                match calls.get(&index) {
                    Some(call) if !method.is_empty() => self.send(index, call, method, cseq),
                    _ => {
                        calls.remove(&index);
                        report.failed += 1;
                    }
                }
            }
        }
        if let Some(sink) = sink {
            let setups = sink.setups.lock().expect("no panic");
            let delay =
                |(index, sent): &(usize, Instant)| Some(*setups.get(&(FIRST_CALLER + index))? - *sent);
            report.delays = begun.iter().filter_map(delay).collect();
            report.delays.sort_unstable();
        }
        report
    }

    /// Hangs up what was kept.
    ///
    /// # Panics
    /// When the socket fails.
    pub fn hang_up(&mut self) {
        for (index, call) in std::mem::take(&mut self.kept) {
            self.send(index, &call, "BYE", 2);
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(500));
    }

    fn hear(&mut self, text: &str, calls: &mut HashMap<usize, Call>, report: &mut CallReport, keep: bool) {
        let Some(index) = field(text, "Call-ID").split('-').nth(1).and_then(|n| n.parse::<usize>().ok())
        else {
            return;
        };
        let status: u16 =
            text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0);
        let Some(call) = calls.get_mut(&index).filter(|_| status >= 200) else { return };
        match (call.state, status) {
            (State::Inviting, 200) => {
                call.state = State::Standing(Instant::now());
                field(text, "To").clone_into(&mut call.to);
                let contact = field(text, "Contact");
                let uri = contact.split(['<', '>']).nth(1).unwrap_or(contact);
                uri.clone_into(&mut call.target);
                report.answered += 1;
                self.send(index, call, "ACK", 1);
                if keep && let Some(call) = calls.remove(&index) {
                    report.rtp.extend(media(text));
                    self.kept.insert(index, call);
                }
            }
            (State::Inviting, _) => {
                field(text, "To").clone_into(&mut call.to);
                self.send(index, call, "ACK", 1);
                calls.remove(&index);
                report.failed += 1;
            }
            (State::Leaving, _) if field(text, "CSeq").ends_with("BYE") => {
                calls.remove(&index);
            }
            (State::Leaving | State::Standing(_), _) => {}
        }
    }

    fn send(&self, index: usize, call: &Call, method: &str, cseq: u32) {
        let (local, caller) = (self.local, FIRST_CALLER + index);
        let body = if method == "INVITE" { description(self.rtp) } else { String::new() };
        // An ACK to a refusal belongs to the INVITE's transaction, one to an answer stands alone.
        let branch = if method == "ACK" && call.state != State::Inviting { "a" } else { "i" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{index}{branch}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{caller}@{local}>;tag={index}\r\nTo: {}\r\nCall-ID: load-{index}-{}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:{caller}@{local}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            call.target,
            call.to,
            local.port(),
            body.len()
        );
        self.socket.send_to(text.as_bytes(), self.gateway).expect("sent");
    }
}

/// A SIP server that answers every INVITE, on a socket and in a thread of its own.
#[derive(Debug)]
pub struct CallAnswerer {
    over: Arc<AtomicBool>,
    rtp: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Drop for CallAnswerer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl CallAnswerer {
    /// Answers on `socket`; whoever calls is to send RTP to `rtp`.
    ///
    /// # Panics
    /// When the socket fails.
    #[must_use]
    pub fn start(socket: UdpSocket, rtp: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let targets = Arc::new(Mutex::new(Vec::new()));
        let (ended, heard) = (Arc::clone(&over), Arc::clone(&targets));
        let local = socket.local_addr().expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        // ends when the server is dropped
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.starts_with("ACK ") || text.starts_with("SIP/2.0") {
                    continue;
                }
                let mut reply = String::from("SIP/2.0 200 OK\r\n");
                for line in text.lines().take_while(|line| !line.is_empty()) {
                    if ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)) {
                        reply.push_str(line);
                        reply.push_str("\r\n");
                    }
                }
                let to = field(&text, "To");
                let tag = if to.contains("tag=") { "" } else { ";tag=answer" };
                let invites = text.starts_with("INVITE ");
                let body = if invites { description(rtp) } else { String::new() };
                let kind = if invites { "Content-Type: application/sdp\r\n" } else { "" };
                reply.push_str(&format!(
                    "To: {to}{tag}\r\nContact: <sip:answer@{local}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                ));
                if invites {
                    heard.lock().expect("no panic").extend(media(&text));
                }
                let _ = socket.send_to(reply.as_bytes(), from);
            }
        });
        Self { over, rtp: targets }
    }

    /// Where the gateway takes the RTP of the calls that were answered.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn rtp(&self) -> Vec<SocketAddr> {
        self.rtp.lock().expect("no panic").clone()
    }
}

/// Sends a G.711 packet every 20 ms from `socket` to each of `targets` for so long; gives how many were sent, and how many
/// came back on `socket`.
///
/// # Panics
/// When the socket fails.
#[must_use]
pub fn speak_rtp(socket: &UdpSocket, targets: &[SocketAddr], time: Duration) -> (usize, usize) {
    socket.set_nonblocking(true).expect("a socket");
    let (mut sent, mut heard) = (0, 0);
    let started = Instant::now();
    let mut packet = [0xD5; 172];
    let mut buffer = [0; 2048];
    packet[..2].copy_from_slice(&[0x80, 0]);
    for turn in 0_u32.. {
        let due = started + Duration::from_millis(20) * turn;
        if due - started >= time {
            break;
        }
        while Instant::now() < due {
            while socket.recv(&mut buffer).is_ok() {
                heard += 1;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        for (index, target) in targets.iter().enumerate() {
            packet[2..4].copy_from_slice(&u16::try_from(turn & 0xFFFF).unwrap_or(0).to_be_bytes());
            packet[4..8].copy_from_slice(&(turn * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&u32::try_from(index).unwrap_or(0).to_be_bytes());
            sent += usize::from(socket.send_to(&packet, target).is_ok());
            if index % 16 == 0 {
                while socket.recv(&mut buffer).is_ok() {
                    heard += 1;
                }
            }
        }
    }
    std::thread::sleep(Duration::from_millis(50));
    while socket.recv(&mut buffer).is_ok() {
        heard += 1;
    }
    (sent, heard)
}

fn description(rtp: SocketAddr) -> String {
    format!(
        "v=0\r\no=load 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\na=ptime:20\r\n",
        rtp.ip(),
        rtp.port()
    )
}

/// The first header field of this name.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let of = |line: &'t str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    text.lines().find_map(of).unwrap_or_default()
}

/// Address and port of the session description in a message.
fn media(text: &str) -> Option<SocketAddr> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let (address, port) = (line("c=IN IP4 ")?, line("m=audio ")?.split(' ').next()?);
    format!("{}:{port}", address.trim()).parse().ok()
}
