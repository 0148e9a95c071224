//! A SIP telephone of plain text and bare sockets, with its RTP: it shares no code with the gateway.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A SIP message as it came.
#[derive(Debug, Clone)]
pub struct Said {
    /// Method of a request, status of a response.
    pub start: String,
    /// Header lines in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

impl Said {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Self { start, headers, body: body.to_owned() }
    }

    /// First header field of this name, empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// All header fields of this name as one list.
    #[must_use]
    pub fn list(&self, name: &str) -> String {
        let values = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str());
        values.collect::<Vec<_>>().join(", ")
    }

    /// Status of a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Method of a request.
    #[must_use]
    pub fn method(&self) -> &str {
        if self.start.starts_with("SIP/") { "" } else { self.start.split(' ').next().unwrap_or_default() }
    }

    /// Where its session description wants RTP.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    #[track_caller]
    pub fn rtp(&self) -> SocketAddr {
        let line = |start: &str| self.body.lines().find_map(|l| l.strip_prefix(start));
        let address = line("c=IN IP4 ").unwrap_or_else(|| panic!("no c= in {self:?}"));
        let port =
            line("m=audio ").and_then(|m| m.split(' ').next()).unwrap_or_else(|| panic!("no m= in {self:?}"));
        format!("{address}:{port}").parse().expect("an address")
    }
}

#[derive(Debug, Default)]
struct Audio {
    to: Option<SocketAddr>,
    /// Frequency said, Hz; silence if none.
    hz: Option<f64>,
    /// Digit being sent as an event, and its payload type.
    event: Option<(u8, u8)>,
    /// Said in place of a tone: payload type and payload of every packet.
    other: Option<(u8, Vec<u8>)>,
    heard: Vec<u8>,
    /// Payload types and payloads of what came.
    packets: Vec<(u8, Vec<u8>)>,
}

/// The telephone.
#[derive(Debug)]
pub struct SipPhone {
    sip: UdpSocket,
    gateway: SocketAddr,
    rtp: SocketAddr,
    audio: Arc<Mutex<Audio>>,
    over: Arc<AtomicBool>,
    cseq: u32,
    call: u32,
    /// Header lines of the present call: our side, the far side, Call-ID.
    own: String,
    far: String,
    call_id: String,
    target: String,
    invite_via: String,
}

impl Drop for SipPhone {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl SipPhone {
    /// A telephone at `address`, port chosen by the system, that speaks with this gateway.
    ///
    /// # Panics
    /// When the address is not ours.
    #[must_use]
    #[track_caller]
    pub fn new(address: Ipv4Addr, gateway: SocketAddr) -> Self {
        let sip = UdpSocket::bind((address, 0)).expect("an address of ours");
        let media = UdpSocket::bind((address, 0)).expect("an address of ours");
        let rtp = media.local_addr().expect("bound");
        media.set_read_timeout(Some(Duration::from_millis(2))).expect("a timeout");
        let audio = Arc::new(Mutex::new(Audio::default()));
        let over = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&audio), Arc::clone(&over));
        // ends when the telephone is dropped
        std::thread::spawn(move || carry(&media, &shared, &ended));
        Self {
            sip,
            gateway,
            rtp,
            audio,
            over,
            cseq: 0,
            call: 0,
            own: String::new(),
            far: String::new(),
            call_id: String::new(),
            target: String::new(),
            invite_via: String::new(),
        }
    }

    /// Speaks with this gateway from now on.
    pub fn set_gateway(&mut self, gateway: SocketAddr) {
        self.gateway = gateway;
    }

    /// Where it listens for SIP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.sip.local_addr().expect("bound")
    }

    /// Where it listens for RTP.
    #[must_use]
    pub fn media(&self) -> SocketAddr {
        self.rtp
    }

    /// A session description of ours: formats as in the m= line, further lines.
    #[must_use]
    pub fn sdp(&self, formats: &str, lines: &str) -> String {
        let ip = self.rtp.ip();
        format!(
            "v=0\r\no=p 1 {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP {formats}\r\n{lines}",
            self.cseq + 1,
            self.rtp.port()
        )
    }

    /// Sends an INVITE for a new call.
    pub fn invite(&mut self, number: &str, headers: &str, sdp: &str) {
        self.call += 1;
        let (address, gateway) = (self.address(), self.gateway);
        self.call_id = format!("call{}@{address}", self.call);
        self.own = format!("\"Phone\" <sip:5000@{address}>;tag=p{}", self.call);
        self.far = format!("<sip:{number}@{gateway}>");
        self.target = format!("sip:{number}@{gateway}");
        self.request("INVITE", headers, sdp);
    }

    /// Sends a request in the present call; ACK and CANCEL keep the number of the INVITE.
    pub fn request(&mut self, method: &str, headers: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        if !matches!(method, "ACK" | "CANCEL") {
            self.cseq += 1;
        }
        let address = self.address();
        let branch = format!("z9hG4bK{}x{}{}", self.call, self.cseq, if method == "ACK" { "a" } else { "" });
        let via = format!("SIP/2.0/UDP {address};branch={branch}");
        if method == "INVITE" {
            self.invite_via.clone_from(&via);
        }
        let via = if method == "CANCEL" { self.invite_via.clone() } else { via };
        let mut text = format!(
            "{method} {} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {} {method}\r\nContact: <sip:5000@{address}>\r\n{headers}",
            self.target, self.own, self.far, self.call_id, self.cseq
        );
        if body.starts_with(b"v=0") {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", body.len());
        let octets = [text.as_bytes(), body].concat();
        self.sip.send_to(&octets, self.gateway).expect("sent");
    }

    /// Acknowledges a refusal, in the INVITE's own transaction.
    pub fn acknowledge_refusal(&mut self) {
        let text = format!(
            "ACK {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {} ACK\r\nContent-Length: 0\r\n\r\n",
            self.target, self.invite_via, self.own, self.far, self.call_id, self.cseq
        );
        self.sip.send_to(text.as_bytes(), self.gateway).expect("sent");
    }

    /// The next message, within `limit`.
    pub fn next(&mut self, limit: Duration) -> Option<Said> {
        let mut buffer = [0; 8192];
        self.sip.set_read_timeout(Some(limit.max(Duration::from_millis(1)))).expect("a timeout");
        let (len, _) = self.sip.recv_from(&mut buffer).ok()?;
        Some(Said::parse(&String::from_utf8_lossy(&buffer[..len])))
    }

    /// Waits for a response of this status to a request of this method, passing over others.
    ///
    /// # Panics
    /// When it does not come within 10 s.
    #[track_caller]
    pub fn response(&mut self, method: &str, status: u16) -> Said {
        let end = Instant::now() + Duration::from_secs(10);
        let mut seen = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some(said) = self.next(left) else { break };
            if said.status() == Some(status) && said.header("CSeq").ends_with(method) {
                if method == "INVITE" {
                    said.header("To").clone_into(&mut self.far);
                    if status < 300 && !said.header("Contact").is_empty() {
                        self.target = uri(said.header("Contact"));
                    }
                }
                return said;
            }
            seen.push(said.start);
        }
        panic!("no {status} to {method}, but {seen:?}");
    }

    /// Waits for a request of this method, passing over others.
    ///
    /// # Panics
    /// When it does not come within 10 s.
    #[track_caller]
    pub fn asked(&mut self, method: &str) -> Said {
        let end = Instant::now() + Duration::from_secs(10);
        let mut seen = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some(said) = self.next(left) else { break };
            if said.method() == method {
                if method == "INVITE" {
                    self.call += 1;
                    self.call_id = said.header("Call-ID").to_owned();
                    self.far = said.header("From").to_owned();
                    let to = said.header("To");
                    let tag =
                        if to.contains("tag=") { String::new() } else { format!(";tag=p{}", self.call) };
                    self.own = format!("{to}{tag}");
                    self.target = uri(said.header("Contact"));
                }
                return said;
            }
            seen.push(said.start);
        }
        panic!("no {method}, but {seen:?}");
    }

    /// Answers a request.
    pub fn reply(&mut self, request: &Said, status: u16, headers: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status} X\r\n");
        for (name, value) in &request.headers {
            if matches!(name.as_str(), "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route") {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        let to = if request.header("To").contains("tag=") { request.header("To") } else { self.own.as_str() };
        let contact = format!("Contact: <sip:5000@{}>\r\n", self.address());
        let _ = write!(text, "To: {to}\r\n{}{headers}", if status < 300 { contact.as_str() } else { "" });
        if body.starts_with("v=0") {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
        self.sip.send_to(text.as_bytes(), self.gateway).expect("sent");
    }

    /// Sends RTP there from now on, µ-law, 20 ms: a tone of `hz`, or silence.
    pub fn speak(&self, to: SocketAddr, hz: Option<f64>) {
        let mut audio = self.audio.lock().expect("no panic");
        (audio.to, audio.hz, audio.other) = (Some(to), hz, None);
    }

    /// Sends RTP there from now on, every 20 ms this payload, whatever it means.
    pub fn speak_coded(&self, to: SocketAddr, payload_type: u8, payload: &[u8]) {
        let mut audio = self.audio.lock().expect("no panic");
        (audio.to, audio.other) = (Some(to), Some((payload_type, payload.to_vec())));
    }

    /// How many packets of this payload type with this payload have come.
    #[must_use]
    pub fn coded_heard(&self, payload_type: u8, payload: &[u8]) -> usize {
        let audio = self.audio.lock().expect("no panic");
        audio.packets.iter().filter(|(kind, octets)| *kind == payload_type && octets == payload).count()
    }

    /// Stops sending.
    pub fn silent(&self) {
        self.audio.lock().expect("no panic").to = None;
    }

    /// Sends a digit as a telephone event of 200 ms.
    pub fn event(&self, payload_type: u8, code: u8) {
        self.audio.lock().expect("no panic").event = Some((payload_type, code));
        std::thread::sleep(Duration::from_millis(400));
    }

    /// Telephone events of this payload type that have come: their codes, each once in a row.
    #[must_use]
    pub fn events_heard(&self, payload_type: u8) -> Vec<u8> {
        let audio = self.audio.lock().expect("no panic");
        let mut codes: Vec<u8> = Vec::new();
        let mut last = None;
        for (kind, first) in &audio.packets {
            let event = if *kind == payload_type { first.first().copied() } else { None };
            if let Some(code) = event
                && last != Some(code)
            {
                codes.push(code);
            }
            last = event;
        }
        codes
    }

    /// Packets heard so far.
    #[must_use]
    pub fn packets_heard(&self) -> usize {
        self.audio.lock().expect("no panic").packets.len()
    }

    /// Listens for so long and writes what came to a WAV file (µ-law).
    pub fn listen(&self, seconds: f64, file: &Path) {
        self.audio.lock().expect("no panic").heard.clear();
        std::thread::sleep(Duration::from_secs_f64(seconds));
        let octets = std::mem::take(&mut self.audio.lock().expect("no panic").heard);
        write_wav(file, octets.into_iter().map(linear));
    }
}

/// Writes so many seconds of a tone at -10 dBm0 to a WAV file.
///
/// # Panics
/// When the file cannot be written.
pub fn write_tone(file: &Path, hz: f64, seconds: u32) {
    let sample = |at: u32| ((std::f64::consts::TAU * hz * f64::from(at) / 8000.0).sin() * 7217.0) as i16;
    write_wav(file, (0..seconds * 8000).map(sample));
}

pub(crate) fn write_wav(file: &Path, samples: impl Iterator<Item = i16>) {
    let octets: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let len = u32::try_from(octets.len()).expect("short");
    let mut wav = Vec::from(b"RIFF");
    wav.extend((36 + len).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend(len.to_le_bytes());
    wav.extend(octets);
    std::fs::write(file, wav).expect("a file");
}

fn uri(contact: &str) -> String {
    let inner = contact.split_once('<').map_or(contact, |(_, rest)| rest);
    inner.split(['>', ',']).next().unwrap_or_default().to_owned()
}

fn carry(socket: &UdpSocket, audio: &Mutex<Audio>, over: &AtomicBool) {
    let mut due = Instant::now();
    // Of its own, as everybody's.
    let source = u32::from(socket.local_addr().map_or(1, |own| own.port())).to_be_bytes();
    let (mut sequence, mut timestamp, mut phase) = (1u16, 0u32, 0u32);
    let mut event: Option<(u8, u8, u32, u16)> = None;
    let mut buffer = [0; 2048];
    while !over.load(Ordering::Relaxed) {
        if let Ok((len, _)) = socket.recv_from(&mut buffer)
            && len > 12
        {
            let mut audio = audio.lock().expect("no panic");
            let kind = buffer[1] & 0x7F;
            audio.packets.push((kind, buffer[12..len].to_vec()));
            if kind == 0 {
                audio.heard.extend(&buffer[12..len]);
            }
        }
        if Instant::now() < due {
            continue;
        }
        due += Duration::from_millis(20);
        let (to, hz, other) = {
            let mut audio = audio.lock().expect("no panic");
            if let Some((kind, code)) = audio.event.take() {
                event = Some((kind, code, timestamp, 0));
            }
            (audio.to, audio.hz, audio.other.clone())
        };
        timestamp = timestamp.wrapping_add(160);
        let Some(to) = to else { continue };
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        sequence = sequence.wrapping_add(1);
        if let Some((kind, code, began, steps)) = &mut event {
            *steps += 1;
            packet[1] = *kind | if *steps == 1 { 0x80 } else { 0 };
            packet.extend(began.to_be_bytes());
            packet.extend(source);
            packet.extend([*code, if *steps >= 10 { 0x8A } else { 0x0A }]);
            packet.extend((steps.min(&mut 10).to_owned() * 160).to_be_bytes());
            if *steps == 12 {
                event = None;
            }
        } else if let Some((kind, payload)) = other {
            packet[1] = kind;
            packet.extend(timestamp.to_be_bytes());
            packet.extend(source);
            packet.extend(payload);
        } else {
            packet.extend(timestamp.to_be_bytes());
            packet.extend(source);
            for _ in 0..160 {
                phase += 1;
                let angle = std::f64::consts::TAU * hz.unwrap_or(0.0) * f64::from(phase) / 8000.0;
                // -10 dBm0
                packet.push(companded((angle.sin() * 7075.0) as i16));
            }
        }
        // Nobody there is for the test to notice.
        let _ = socket.send_to(&packet, to);
    }
}

/// ITU-T G.711 µ-law, from the recommendation's decision table.
fn companded(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + 132).min(32_767);
    let segment = (0..8).rev().find(|s| magnitude >= 132 << s).unwrap_or(0);
    let step = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

fn linear(octet: u8) -> i16 {
    let octet = !octet;
    let (segment, step) = (i32::from(octet >> 4 & 7), i32::from(octet & 0x0F));
    let magnitude = (((step << 3) + 132) << segment) - 132;
    (if octet & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}
