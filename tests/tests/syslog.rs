//! Log lines: syslog hosts over UDP and TCP, the buffer, who configured. The hosts are sockets of the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use system_tests::{Finished, Tipringd, free_port};

fn push(gateway: &Tipringd, text: &str) -> Finished {
    let file = gateway.scratch().join("push.cfg");
    std::fs::write(&file, text).unwrap();
    let run = gateway.tipring(&[file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{run:?}");
    run
}

/// A syslog host that hears datagrams.
struct Host {
    socket: UdpSocket,
}

impl Host {
    fn new() -> Host {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Host { socket }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    fn next(&self) -> (String, SocketAddr) {
        let mut octets = [0; 2048];
        let (n, from) = self.socket.recv_from(&mut octets).expect("a datagram within 5 s");
        assert!(n <= 1024, "RFC 3164 4.1: {n} octets");
        (String::from_utf8(octets[..n].to_vec()).unwrap(), from)
    }

    /// Datagrams up to the one with this text.
    fn until(&self, text: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            all.push(self.next().0);
            if all.last().unwrap().contains(text) {
                return all;
            }
        }
    }
}

/// `<PRI>NUMBER: ` in front.
fn head(line: &str) -> (u16, u64) {
    let (priority, rest) = line.strip_prefix('<').unwrap().split_once('>').unwrap();
    let (number, _) = rest.split_once(": ").unwrap_or_else(|| panic!("{line}"));
    (priority.parse().unwrap(), number.parse().unwrap())
}

#[test]
fn a_syslog_host_gets_numbered_lines_in_order_from_the_source_interface() {
    let host = Host::new();
    let gateway = Tipringd::start(
        &format!(
            "hostname Branch\ninterface Loopback1\n ip address 127.0.0.3 255.255.255.255\n!\n\
             logging origin-id hostname\nlogging source-interface Loopback1\n\
             logging host 127.0.0.1 transport udp port {}\n",
            host.port()
        ),
        "",
    );
    let (first, from) = host.next();
    assert_eq!(from.ip().to_string(), "127.0.0.3");
    let started = format!(
        "%SYS-6-LOGGINGHOST_STARTSTOP: Logging to host 127.0.0.1 port {} started - CLI initiated",
        host.port()
    );
    assert!(first.contains(": Branch: ") && first.ends_with(&started), "{first}");
    // 23 * 8 + 6: local7, informational
    assert_eq!(head(&first), (190, 1));
    for round in 0..20 {
        push(&gateway, &format!("alias exec round show clock {round}\n"));
    }
    let mut last = 1;
    for _ in 0..20 {
        let (line, _) = host.next();
        assert!(line.ends_with("%SYS-5-CONFIG_I: Configured from console by console"), "{line}");
        let (priority, number) = head(&line);
        assert_eq!((priority, number), (189, last + 1), "{line}");
        last = number;
    }
    push(&gateway, "logging trap errors\nlogging facility local0\n");
    push(&gateway, "alias exec round show users\n");
    push(&gateway, "logging trap debugging\n");
    push(&gateway, "no service timestamps log\nlogging origin-id string branch-7\n");
    // nothing of what is less severe than an error came between
    let lines = host.until("branch-7: %SYS-5-CONFIG_I");
    let texts: Vec<&str> = lines.iter().map(|l| l.rsplit(": ").next().unwrap()).collect();
    assert_eq!(texts, ["Configured from console by console"; 2], "{lines:?}");
    assert_eq!(head(&lines[1]), (133, last + 2), "16 * 8 + 5, and no number is left out: {lines:?}");
    drop(gateway.show("debug mwi"));
    let shown = gateway.show("show logging");
    for part in [
        "Syslog logging: enabled (0 messages dropped, 0 messages rate-limited, 0 flushes, 0 overruns,",
        "    Console logging: level debugging, ",
        "    Trap logging: level debugging, ",
        &format!("        Logging to 127.0.0.1  (udp port {}, audit disabled,", host.port()),
        "link up),",
        "        Logging Source-Interface:       VRF Name:\n        Loopback1\n",
        "Log Buffer (4096 bytes):\n\n",
    ] {
        assert!(shown.contains(part), "{part:?} in\n{shown}");
    }
    push(&gateway, "no logging 127.0.0.1\n");
    let shown = gateway.show("show logging | include STARTSTOP");
    assert!(shown.contains("stopped - CLI initiated"), "{shown}");
    drop(gateway.show("clear logging"));
    let shown = gateway.show("show logging");
    assert!(shown.trim_end().ends_with("Log Buffer (4096 bytes):"), "{shown}");
}

#[test]
fn a_host_that_is_down_holds_up_nobody() {
    let (closed, deaf) = (free_port(), TcpListener::bind("127.0.0.1:0").unwrap());
    let host = Host::new();
    let gateway = Tipringd::start(
        &format!(
            "logging host 127.0.0.1 transport tcp port {closed}\nlogging host 127.0.0.2 transport tcp port {}\n\
             logging host no.such.host.invalid\nlogging host 192.0.2.1 transport tcp\n\
             logging host localhost transport udp port {}\n",
            deaf.local_addr().unwrap().port(),
            host.port()
        ),
        "",
    );
    for round in 0..10 {
        push(&gateway, &format!("alias exec round show clock {round}\n"));
        host.until("%SYS-5-CONFIG_I");
    }
    let down = |shown: &str| shown.matches("link down").count() >= 3 && shown.contains("link up");
    gateway.show_until("show logging", Duration::from_secs(20), down);
}

#[test]
fn a_host_over_tcp_gets_lines() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Tipringd::start("", "");
    let port = host.local_addr().unwrap().port();
    push(&gateway, &format!("logging host 127.0.0.1 transport tcp port {port}\n"));
    let (stream, _) = host.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().contains("%SYS-6-LOGGINGHOST_STARTSTOP: Logging to host 127.0.0.1"));
    assert!(next().contains("%SYS-5-CONFIG_I: Configured from console by console"));
    let run = gateway.tipring(&["-c", "show logging | begin Logging to"]);
    assert!(run.stdout.contains(&format!("(tcp port {port}, audit disabled,")), "{run:?}");
}
