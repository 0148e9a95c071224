//! The demonstration's voice mail: one unsolicited NOTIFY at a time, sent again until it is answered.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

/// A voice mail that speaks to one gateway.
pub(super) struct VoiceMail {
    socket: UdpSocket,
    sent: u32,
}

impl VoiceMail {
    pub(super) async fn connect(gateway: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(gateway).await?;
        Ok(Self { socket, sent: 0 })
    }

    /// Sends a NOTIFY and returns the status line's code and phrase.
    pub(super) async fn notify(&mut self, number: &str, waiting: bool) -> io::Result<String> {
        self.sent += 1;
        let (us, gateway) = (self.socket.local_addr()?, self.socket.peer_addr()?);
        let (word, new) = if waiting { ("yes", 2) } else { ("no", 0) };
        let body = format!(
            "Messages-Waiting: {word}\r\nMessage-Account: sip:{number}@voicemail\r\nVoice-Message: {new}/8 (0/2)\r\n"
        );
        let message = format!(
            "NOTIFY sip:{number}@{gateway} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {us};branch=z9hG4bKdemo{n};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:voicemail@{us}>;tag=demo\r\n\
             To: <sip:{number}@{gateway}>\r\n\
             Call-ID: demo-{n}@{us}\r\n\
             CSeq: 1 NOTIFY\r\n\
             Event: message-summary\r\n\
             Subscription-State: active\r\n\
             Content-Type: application/simple-message-summary\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            n = self.sent,
            length = body.len()
        );
        let mut answer = vec![0; 65_536];
        for wait in [500, 1000, 2000, 4000] {
            self.socket.send(message.as_bytes()).await?;
            if let Ok(received) = timeout(Duration::from_millis(wait), self.socket.recv(&mut answer)).await {
                let text = String::from_utf8_lossy(answer.get(..received?).unwrap_or_default()).into_owned();
                let line = text.lines().next().unwrap_or_default();
                return Ok(line.strip_prefix("SIP/2.0 ").unwrap_or(line).to_owned());
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "no answer to NOTIFY"))
    }
}
