//! TFTP as a client: RFC 1350 with the block size of RFC 2348.
//!
//! [`Transfer`] is sans-IO: send what [`Transfer::poll_transmit`] gives, feed what comes from the server, and call
//! [`Transfer::handle_timeout`] when [`Transfer::poll_timeout`] has passed, until [`Transfer::outcome`] is there.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::MAX_FILE;

/// Octets of a block where the server agrees: fits an Ethernet frame.
const BLOCK: usize = 1428;
/// Octets of a block of a server that knows no options.
const PLAIN_BLOCK: usize = 512;
/// A packet unanswered this long is sent again.
const RETRY: Duration = Duration::from_secs(2);
/// A packet is sent at most this often.
const ATTEMPTS: u8 = 5;

const RRQ: u16 = 1;
const WRQ: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OACK: u16 = 6;

/// Why a transfer failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TftpError {
    /// The server said so.
    #[error("{0}")]
    Refused(String),
    /// No answer.
    #[error("Timed out")]
    Timeout,
    /// More than [`MAX_FILE`] octets.
    #[error("File is too large")]
    TooLarge,
    /// A packet that RFC 1350 does not know.
    #[error("Illegal TFTP operation {0}")]
    Illegal(u16),
}

#[derive(Debug)]
enum Role {
    /// Reads; what has come so far.
    Get(Vec<u8>),
    /// Writes this.
    Put(Vec<u8>),
}

/// One file on its way.
#[derive(Debug)]
pub struct Transfer {
    role: Role,
    size: usize,
    /// The block of the last DATA or ACK sent.
    block: u16,
    /// Octets written and acknowledged, or being so.
    sent: usize,
    /// The answer to the request has come.
    begun: bool,
    /// The block being sent is the last.
    last: bool,
    packet: Vec<u8>,
    pending: bool,
    attempts: u8,
    deadline: Instant,
    outcome: Option<Result<Vec<u8>, TftpError>>,
}

impl Transfer {
    /// Reads a file.
    #[must_use]
    pub fn get(now: Instant, path: &str) -> Transfer {
        Transfer::start(now, RRQ, path, Role::Get(Vec::new()))
    }

    /// Writes a file.
    #[must_use]
    pub fn put(now: Instant, path: &str, octets: Vec<u8>) -> Transfer {
        Transfer::start(now, WRQ, path, Role::Put(octets))
    }

    fn start(now: Instant, operation: u16, path: &str, role: Role) -> Transfer {
        let mut packet = operation.to_be_bytes().to_vec();
        for text in [path, "octet", "blksize", &BLOCK.to_string()] {
            packet.extend(text.bytes().filter(|b| *b != 0));
            packet.push(0);
        }
        Transfer {
            role,
            size: PLAIN_BLOCK,
            block: 0,
            sent: 0,
            begun: false,
            last: false,
            packet,
            pending: true,
            attempts: 1,
            deadline: now + RETRY,
            outcome: None,
        }
    }

    /// The next packet for the server.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.pending).then(|| self.packet.clone())
    }

    /// When to call [`Transfer::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// The octets read (none for a file that was written), or why there are none.
    pub fn outcome(&mut self) -> Option<Result<Vec<u8>, TftpError>> {
        // The last acknowledgement goes out first.
        if self.pending { None } else { self.outcome.take() }
    }

    /// Sends the last packet again, or gives up.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.deadline || self.outcome.is_some() {
            return;
        }
        if self.attempts >= ATTEMPTS {
            self.outcome = Some(Err(TftpError::Timeout));
            return;
        }
        self.attempts += 1;
        self.deadline = now + RETRY;
        self.pending = true;
    }

    /// Takes a packet of the server.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let [high, low, rest @ ..] = packet else { return };
        if self.outcome.is_some() {
            return;
        }
        let number = match rest {
            [high, low, ..] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        };
        let body = rest.get(2..).unwrap_or_default();
        match (u16::from_be_bytes([*high, *low]), &mut self.role) {
            (DATA, Role::Get(octets)) if number == self.block.wrapping_add(1) => {
                if body.len() > self.size || octets.len() + body.len() > MAX_FILE {
                    self.fail(now, TftpError::TooLarge);
                    return;
                }
                octets.extend(body);
                let end = (body.len() < self.size).then(|| std::mem::take(octets));
                self.outcome = end.map(Ok);
                self.begun = true;
                self.block = number;
                self.send(now, ACK, number, &[]);
            }
            // Asked for again: our acknowledgement was lost.
            (DATA, Role::Get(_)) if number == self.block && self.begun => self.pending = true,
            (ACK, Role::Put(_)) if number == self.block && !(self.last && self.outcome.is_some()) => {
                self.begun = true;
                if self.last {
                    self.outcome = Some(Ok(Vec::new()));
                } else {
                    self.next_block(now);
                }
            }
            (OACK, _) if !self.begun => {
                self.begun = true;
                self.size = agreed(rest).unwrap_or(PLAIN_BLOCK);
                match self.role {
                    Role::Get(_) => self.send(now, ACK, 0, &[]),
                    Role::Put(_) => self.next_block(now),
                }
            }
            (ERROR, _) => {
                let text: String =
                    String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).collect();
                let text = if text.is_empty() { format!("error code {number}") } else { text };
                self.outcome = Some(Err(TftpError::Refused(text)));
            }
            (DATA | ACK | OACK, _) => {}
            (other, _) => self.fail(now, TftpError::Illegal(other)),
        }
    }

    fn next_block(&mut self, now: Instant) {
        let Role::Put(octets) = &self.role else { return };
        let end = (self.sent + self.size).min(octets.len());
        let body = octets.get(self.sent..end).unwrap_or_default().to_vec();
        self.last = body.len() < self.size;
        self.sent = end;
        self.block = self.block.wrapping_add(1);
        self.send(now, DATA, self.block, &body);
    }

    fn send(&mut self, now: Instant, operation: u16, number: u16, body: &[u8]) {
        self.packet = operation.to_be_bytes().to_vec();
        self.packet.extend(number.to_be_bytes());
        self.packet.extend(body);
        self.pending = true;
        self.attempts = 1;
        self.deadline = now + RETRY;
    }

    fn fail(&mut self, now: Instant, error: TftpError) {
        self.send(now, ERROR, if error == TftpError::TooLarge { 3 } else { 4 }, b"\0");
        self.outcome = Some(Err(error));
    }
}

/// The block size of an option acknowledgement.
fn agreed(options: &[u8]) -> Option<usize> {
    let mut words = options.split(|b| *b == 0);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if name.eq_ignore_ascii_case(b"blksize") {
            let size = std::str::from_utf8(value).ok()?.parse().ok()?;
            return (8..=BLOCK).contains(&size).then_some(size);
        }
    }
    None
}

pub(super) fn get(server: SocketAddr, path: &str) -> Result<Vec<u8>, String> {
    drive(server, Transfer::get(Instant::now(), path))
}

pub(super) fn put(server: SocketAddr, path: &str, octets: Vec<u8>) -> Result<(), String> {
    drive(server, Transfer::put(Instant::now(), path, octets)).map(drop)
}

fn drive(server: SocketAddr, mut transfer: Transfer) -> Result<Vec<u8>, String> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).map_err(|e| e.to_string())?;
    let mut peer = None;
    let mut packet = vec![0; 2048];
    loop {
        while let Some(out) = transfer.poll_transmit() {
            socket.send_to(&out, peer.unwrap_or(server)).map_err(|e| e.to_string())?;
        }
        if let Some(outcome) = transfer.outcome() {
            return outcome.map_err(|e| e.to_string());
        }
        let wait = transfer.poll_timeout().saturating_duration_since(Instant::now());
        socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).map_err(|e| e.to_string())?;
        match socket.recv_from(&mut packet) {
            // The first answer says from which port the server will speak.
            Ok((n, from)) if from.ip() == server.ip() && peer.is_none_or(|peer| peer == from) => {
                peer = Some(from);
                transfer.handle_packet(Instant::now(), packet.get(..n).unwrap_or_default());
            }
            Ok(_) => {}
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                transfer.handle_timeout(Instant::now());
            }
            Err(e) => return Err(e.to_string()),
        }
    }
}
