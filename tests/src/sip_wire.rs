//! One UDP socket that speaks SIP by hand, and remembers every datagram for tshark.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::capture::Capture;

/// Longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// The socket, and what went over it in either direction.
#[derive(Debug)]
pub struct SipWire {
    socket: UdpSocket,
    seen: Capture,
}

impl SipWire {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        Self { socket, seen: Capture::default() }
    }

    /// Its own address.
    ///
    /// # Panics
    /// Never: it is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    /// Sends a message as it stands.
    ///
    /// # Panics
    /// When the socket does not take it.
    pub fn send(&self, text: &str, to: SocketAddr) {
        self.socket.send_to(text.as_bytes(), to).expect("sent");
        self.seen.udp(self.address(), to, text.as_bytes());
    }

    /// The next message whose start line begins so, and who sent it; others are passed over.
    ///
    /// # Panics
    /// When none comes within 20 s.
    #[track_caller]
    pub fn receive(&self, start: &str) -> (String, SocketAddr) {
        let end = Instant::now() + PATIENCE;
        let mut octets = [0; 65_536];
        loop {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).expect("a timeout");
            let (n, from) =
                self.socket.recv_from(&mut octets).unwrap_or_else(|e| panic!("waiting for {start}: {e}"));
            let octets = octets.get(..n).unwrap_or_default();
            self.seen.udp(from, self.address(), octets);
            let text = String::from_utf8_lossy(octets).into_owned();
            if text.starts_with(start) {
                return (text, from);
            }
            assert!(Instant::now() < end, "waiting for {start}");
        }
    }

    /// The next SUBSCRIBE with this Expires; repetitions of earlier ones are passed over.
    #[track_caller]
    pub fn subscribe(&self, expires: &str) -> (String, SocketAddr) {
        loop {
            let (request, from) = self.receive("SUBSCRIBE ");
            if sip_header(&request, "Expires") == expires {
                return (request, from);
            }
        }
    }

    /// Answers a request. `more` are header lines, each with its line end.
    pub fn answer(&self, request: &str, to: SocketAddr, status: &str, more: &str) {
        let tagged = sip_header(request, "To");
        let tagged = if tagged.contains(";tag=") { tagged } else { format!("{tagged};tag=vm") };
        let copy = |name| format!("{name}: {}\r\n", sip_header(request, name));
        let text = format!(
            "SIP/2.0 {status}\r\n{}{}To: {tagged}\r\n{}{}{more}Content-Length: 0\r\n\r\n",
            copy("Via"),
            copy("From"),
            copy("Call-ID"),
            copy("CSeq"),
        );
        self.send(&text, to);
    }

    /// A NOTIFY in the dialog of a SUBSCRIBE; returns the answer's start line.
    #[track_caller]
    pub fn notify(&self, subscribe: &str, to: SocketAddr, cseq: u32, waiting: &str) -> String {
        let body = format!("Messages-Waiting: {waiting}\r\n");
        let contact = sip_header(subscribe, "Contact");
        let target = contact.trim_matches(|c| c == '<' || c == '>');
        let us = self.address();
        let text = format!(
            "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKn{cseq}\r\nMax-Forwards: 70\r\n\
             From: {};tag=vm\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:{us}>\r\n\
             Event: message-summary\r\nSubscription-State: active;expires=60\r\n\
             Content-Type: application/simple-message-summary\r\nContent-Length: {}\r\n\r\n{body}",
            sip_header(subscribe, "To"),
            sip_header(subscribe, "From"),
            sip_header(subscribe, "Call-ID"),
            body.len()
        );
        self.send(&text, to);
        self.receive("SIP/2.0 ").0.lines().next().unwrap_or_default().to_owned()
    }

    /// Writes everything that was sent and received into a file for tshark.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write_pcap(&self, path: &Path) {
        self.seen.write(path);
    }
}

/// The value of a header line that stands exactly so in a message.
///
/// # Panics
/// When it has none.
#[must_use]
#[track_caller]
pub fn sip_header(message: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    let line = message.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {name} in\n{message}")).to_owned()
}
