//! A voice mail on a bare socket: sends any octets, reads answers without leaning on our own parser.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How the requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram a message.
    Udp,
    /// A stream.
    Tcp,
}

impl Transport {
    /// As it stands in a Via header.
    #[must_use]
    pub fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// A sender with a socket of its own.
#[derive(Debug)]
pub struct VoiceMail {
    wire: Wire,
    local: SocketAddr,
    remote: SocketAddr,
    unread: Vec<u8>,
}

#[derive(Debug)]
enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Header fields in their order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

impl Answer {
    /// First header field of this name, case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// The parts of a NOTIFY, each free to be bent.
#[derive(Debug, Clone)]
pub struct NotifyText {
    /// Method.
    pub method: String,
    /// Request-URI.
    pub uri: String,
    /// Header lines without line ends, in order.
    pub headers: Vec<String>,
    /// Body as it stands.
    pub body: String,
    /// CRLF, or LF for senders that know no better.
    pub line_end: &'static str,
}

impl NotifyText {
    /// Replaces the header `name`, or adds it.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        let line = format!("{name}: {value}");
        match self.headers.iter_mut().find(|h| is_header(h, name)) {
            Some(found) => *found = line,
            None => self.headers.push(line),
        }
        self
    }

    /// Takes the header `name` away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|h| !is_header(h, name));
        self
    }

    /// Another body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Another method, in the first line and in CSeq.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self.set("CSeq", &format!("1 {method}"))
    }

    /// The message, with the Content-Length it needs unless one is set.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let end = self.line_end;
        let mut text = format!("{} {} SIP/2.0{end}", self.method, self.uri);
        for header in &self.headers {
            let _ = write!(text, "{header}{end}");
        }
        if !self.headers.iter().any(|h| is_header(h, "Content-Length")) {
            let _ = write!(text, "Content-Length: {}{end}", self.body.len());
        }
        let _ = write!(text, "{end}{}", self.body);
        text.into_bytes()
    }
}

impl VoiceMail {
    /// On UDP from 127.0.0.1.
    #[must_use]
    #[track_caller]
    pub fn udp(target: SocketAddr) -> Self {
        Self::udp_from(Ipv4Addr::LOCALHOST.into(), target)
    }

    /// On UDP from another address, e.g. 127.0.0.2.
    ///
    /// # Panics
    /// When the address is not ours.
    #[must_use]
    #[track_caller]
    pub fn udp_from(source: IpAddr, target: SocketAddr) -> Self {
        let socket = UdpSocket::bind((source, 0)).expect("a socket");
        let local = socket.local_addr().expect("bound");
        Self { wire: Wire::Udp(socket), local, remote: target, unread: Vec::new() }
    }

    /// On TCP from 127.0.0.1.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    #[track_caller]
    pub fn tcp(target: SocketAddr) -> Self {
        let stream = TcpStream::connect(target).unwrap_or_else(|e| panic!("tcp {target}: {e}"));
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().expect("connected");
        Self { wire: Wire::Tcp(stream), local, remote: target, unread: Vec::new() }
    }

    /// Own address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// A well-formed unsolicited NOTIFY for `user`, with a Call-ID and branch never used before.
    #[must_use]
    pub fn text(&self, user: &str, waiting: bool) -> NotifyText {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (local, remote) = (self.local, self.remote);
        let unique = format!("{}-{}-{number}", std::process::id(), local.port());
        let transport = match self.wire {
            Wire::Udp(_) => Transport::Udp,
            Wire::Tcp(_) => Transport::Tcp,
        };
        let (status, new) = if waiting { ("yes", 2) } else { ("no", 0) };
        NotifyText {
            method: "NOTIFY".into(),
            uri: format!("sip:{user}@{remote}"),
            headers: vec![
                format!("Via: SIP/2.0/{} {local};branch=z9hG4bK-{unique}", transport.via()),
                "Max-Forwards: 70".into(),
                format!("From: <sip:voicemail@{local}>;tag=vm{number}"),
                format!("To: <sip:{user}@{remote}>"),
                format!("Call-ID: {unique}@voicemail"),
                "CSeq: 1 NOTIFY".into(),
                format!("Contact: <sip:voicemail@{local}>"),
                "Event: message-summary".into(),
                "Subscription-State: active".into(),
                "Content-Type: application/simple-message-summary".into(),
            ],
            body: format!("Messages-Waiting: {status}\r\nVoice-Message: {new}/3 (0/0)\r\n"),
            line_end: "\r\n",
        }
    }

    /// Sends octets as they stand.
    ///
    /// # Panics
    /// When the socket does not take them.
    #[track_caller]
    pub fn send(&mut self, octets: &[u8]) {
        let sent = match &mut self.wire {
            Wire::Udp(socket) => socket.send_to(octets, self.remote).map(|_| ()),
            Wire::Tcp(stream) => stream.write_all(octets),
        };
        sent.unwrap_or_else(|e| panic!("sending {} octets: {e}", octets.len()));
    }

    /// Sends a request and waits up to 35 s (more than timer F) for its final answer.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn ask(&mut self, octets: &[u8]) -> Answer {
        self.send(octets);
        let end = Instant::now() + Duration::from_secs(35);
        loop {
            match self.receive(end.saturating_duration_since(Instant::now())) {
                Some(answer) if answer.status >= 200 => return answer,
                Some(_) => {}
                None => {
                    panic!("no answer to\n{}", String::from_utf8_lossy(octets.get(..2000).unwrap_or(octets)))
                }
            }
        }
    }

    /// Tells that `user` has (or has no) messages, and waits for the answer.
    #[track_caller]
    pub fn notify(&mut self, user: &str, waiting: bool) -> Answer {
        let text = self.text(user, waiting).render();
        self.ask(&text)
    }

    /// The next message that arrives within `limit`; `None` also when the peer closed.
    pub fn receive(&mut self, limit: Duration) -> Option<Answer> {
        let end = Instant::now() + limit;
        let mut buffer = vec![0; 65_536];
        loop {
            if let Some((answer, used)) = parse(&self.unread) {
                self.unread.drain(..used);
                return Some(answer);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let got = match &mut self.wire {
                Wire::Udp(socket) => {
                    socket.set_read_timeout(Some(left)).ok()?;
                    socket.recv(&mut buffer)
                }
                Wire::Tcp(stream) => {
                    stream.set_read_timeout(Some(left)).ok()?;
                    stream.read(&mut buffer)
                }
            };
            match got {
                Ok(0) => return None,
                Ok(n) => self.unread.extend(buffer.iter().take(n)),
                // timeouts end the loop above; ICMP errors on UDP do not concern us
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

fn is_header(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(n, _)| n.trim().eq_ignore_ascii_case(name))
}

/// One whole response at the start of `octets`, and its length.
fn parse(octets: &[u8]) -> Option<(Answer, usize)> {
    let text = String::from_utf8_lossy(octets);
    let skipped = text.len() - text.trim_start_matches(['\r', '\n']).len();
    let (head, _) = text.get(skipped..)?.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.splitn(3, ' ');
    let (_version, status, reason) = (first.next()?, first.next()?.parse().ok()?, first.next().unwrap_or(""));
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())))
        .collect();
    let length = headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case("Content-Length"))
        .and_then(|(_, v)| v.parse().ok())
        .unwrap_or(0);
    let from = skipped + head.len() + 4;
    let body = text.get(from..from + length)?.to_owned();
    Some((Answer { status, reason: reason.to_owned(), headers, body }, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let text = "\r\nSIP/2.0 404 Not Found\r\nVia: a\r\nContent-Length:  3\r\n\r\nabcSIP/2.0 200";
        let (answer, used) = parse(text.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.reason.as_str(), answer.body.as_str()), (404, "Not Found", "abc"));
        assert_eq!(answer.header("via"), Some("a"));
        assert_eq!(text.get(used..), Some("SIP/2.0 200"));
        assert!(parse(b"SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nab").is_none());
    }

    #[test]
    fn a_notify_can_be_bent() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mail = VoiceMail::udp(listener.local_addr().unwrap());
        let text = mail.text("8000", true).without("event").set("CSeq", "7 NOTIFY").body("x").render();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("NOTIFY sip:8000@127.0.0.1:"), "{text}");
        assert!(text.contains("\r\nCSeq: 7 NOTIFY\r\n") && !text.contains("Event"), "{text}");
        assert!(text.ends_with("\r\nContent-Length: 1\r\n\r\nx"), "{text}");
    }
}
