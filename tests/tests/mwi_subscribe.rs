//! `mwi-server` without `unsolicited`: the gateway subscribes, and only NOTIFYs of its subscriptions count.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use system_tests::{Tipringd, VoiceMail};

/// A voice mail that is subscribed to, played by hand on one socket.
struct Server(UdpSocket);

impl Server {
    fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(socket)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// The next message whose start line begins so.
    fn receive(&self, start: &str) -> (String, SocketAddr) {
        let mut octets = [0; 65_536];
        loop {
            let (n, from) =
                self.0.recv_from(&mut octets).unwrap_or_else(|e| panic!("waiting for {start}: {e}"));
            let text = String::from_utf8(octets[..n].to_vec()).unwrap();
            if text.starts_with(start) {
                return (text, from);
            }
        }
    }

    /// The next SUBSCRIBE with this Expires; repetitions of earlier ones are passed over.
    fn subscribe(&self, expires: &str) -> (String, SocketAddr) {
        loop {
            let (request, from) = self.receive("SUBSCRIBE ");
            if header(&request, "Expires") == expires {
                return (request, from);
            }
        }
    }

    fn answer(&self, request: &str, to: SocketAddr, status: &str, more: &str) {
        let tagged = header(request, "To");
        let tagged = if tagged.contains(";tag=") { tagged } else { format!("{tagged};tag=vm") };
        let copy = |name| format!("{name}: {}\r\n", header(request, name));
        let text = format!(
            "SIP/2.0 {status}\r\n{}{}To: {tagged}\r\n{}{}{more}Content-Length: 0\r\n\r\n",
            copy("Via"),
            copy("From"),
            copy("Call-ID"),
            copy("CSeq"),
        );
        self.0.send_to(text.as_bytes(), to).unwrap();
    }

    /// A NOTIFY in the dialog of a SUBSCRIBE; returns the answer's start line.
    fn notify(&self, subscribe: &str, to: SocketAddr, cseq: u32, waiting: &str) -> String {
        let body = format!("Messages-Waiting: {waiting}\r\n");
        let contact = header(subscribe, "Contact");
        let target = contact.trim_matches(|c| c == '<' || c == '>');
        let us = self.0.local_addr().unwrap();
        let text = format!(
            "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKn{cseq}\r\nMax-Forwards: 70\r\n\
             From: {};tag=vm\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:{us}>\r\n\
             Event: message-summary\r\nSubscription-State: active;expires=60\r\n\
             Content-Type: application/simple-message-summary\r\nContent-Length: {}\r\n\r\n{body}",
            header(subscribe, "To"),
            header(subscribe, "From"),
            header(subscribe, "Call-ID"),
            body.len()
        );
        self.0.send_to(text.as_bytes(), to).unwrap();
        self.receive("SIP/2.0 ").0.lines().next().unwrap().to_owned()
    }
}

fn header(message: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    let line = message.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {name} in\n{message}")).to_owned()
}

#[test]
fn a_subscription_is_made_refreshed_and_ended_and_its_news_reaches_the_telephone() {
    let server = Server::open();
    let gateway = Tipringd::start(
        &format!(
            "voice-port 2/0\n mwi\n!\ndial-peer voice 1 pots\n destination-pattern 8000\n port 2/0\n!\n\
             sip-ua\n mwi-server ipv4:127.0.0.1 expires 4 port {}\n",
            server.port()
        ),
        "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n",
    );
    let (subscribe, from) = server.receive("SUBSCRIBE sip:8000@127.0.0.1");
    assert_eq!(header(&subscribe, "Event"), "message-summary");
    assert_eq!(header(&subscribe, "Expires"), "4");
    assert_eq!(from.port(), gateway.sip().port(), "sent from the port it listens on");
    server.answer(&subscribe, from, "200 OK", "Expires: 4\r\n");
    assert_eq!(server.notify(&subscribe, from, 1, "yes"), "SIP/2.0 200 OK");
    gateway.lamp_becomes("8000", true);
    assert!(gateway.lines().listen("2/0", 3.0).is_message_waiting_tone("us"));

    // Somebody at the same address without a subscription changes nothing.
    assert_eq!(VoiceMail::udp(gateway.sip()).notify("8000", false).status, 481);
    assert_eq!(gateway.lamp("8000"), Some(true));

    let (refresh, from) = loop {
        let (request, from) = server.subscribe("4");
        if header(&request, "CSeq") != header(&subscribe, "CSeq") {
            break (request, from);
        }
    };
    assert_eq!(header(&refresh, "Call-ID"), header(&subscribe, "Call-ID"));
    assert!(header(&refresh, "To").ends_with(";tag=vm"));
    server.answer(&refresh, from, "200 OK", "Expires: 3600\r\n");
    gateway.show_until("show mwi", Duration::from_secs(5), |text| {
        text.contains("Subscription 8000 (port 2/0): subscribed, refresh in")
    });

    let push = gateway.scratch().join("no-mwi.cfg");
    std::fs::write(&push, "voice-port 2/0\n no mwi\n").unwrap();
    assert_eq!(gateway.tipring(&[push.to_str().unwrap()]).code, Some(0));
    let (ended, from) = server.subscribe("0");
    server.answer(&ended, from, "200 OK", "Expires: 0\r\n");
}
