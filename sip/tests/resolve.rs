//! Finding servers in a DNS of our own on the loopback (RFC 3263).

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sip::locate::{Answer, LocateError, LocatorConfig, Query};
use sip::net::{Resolver, ResolverConfig};
use sip::{Transport, Uri};
use tokio::net::UdpSocket;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

/// The records of a DNS server: RDATA by name and type. A name of which nothing is known does not exist; one
/// below `silent.` is not answered.
type Zone = HashMap<(String, u16), Vec<Vec<u8>>>;

/// A name on the wire.
fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn a(address: &str) -> Vec<u8> {
    match address.parse().unwrap() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Vec<u8> {
    let numbers = [priority, weight, port].map(u16::to_be_bytes).concat();
    [numbers, name(target)].concat()
}

fn naptr(order: u16, preference: u16, flags: &str, service: &str, replacement: &str) -> Vec<u8> {
    let string = |text: &str| [vec![text.len() as u8], text.as_bytes().to_vec()].concat();
    let numbers = [order, preference].map(u16::to_be_bytes).concat();
    [numbers, string(flags), string(service), string(""), name(replacement)].concat()
}

/// Starts a DNS server. Gives its address and how often it was asked.
async fn dns(zone: Zone) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::Relaxed);
            if let Some(answer) = answer(&zone, &buffer[..len]) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    (address, asked)
}

fn answer(zone: &Zone, query: &[u8]) -> Option<Vec<u8>> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let len = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + len]).to_lowercase());
        at += 1 + len;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let question = &query[12..at + 5];
    let asked = labels.join(".");
    if asked.ends_with("silent") {
        return None;
    }
    let empty = Vec::new();
    let found = zone.get(&(asked.clone(), kind)).unwrap_or(&empty);
    let exists = zone.keys().any(|(name, _)| *name == asked);
    let mut out = query[..2].to_vec();
    // Response, recursion desired and available, and NXDOMAIN for what is not there.
    out.extend([0x81, if exists { 0x80 } else { 0x83 }]);
    out.extend([0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
    out.extend(question);
    for data in found {
        // The name asked for, the type, IN, 60 s.
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

fn zone() -> Zone {
    let mut zone = Zone::new();
    let mut put = |name: &str, kind: u16, data: Vec<Vec<u8>>| {
        zone.insert((name.to_owned(), kind), data);
    };
    put(
        "example.com",
        NAPTR,
        vec![
            naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
            naptr(50, 50, "S", "SIPS+D2T", "_sips._tcp.example.com"),
            naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
            naptr(1, 1, "u", "E2U+sip", "example.com"),
        ],
    );
    put("_sips._tcp.example.com", SRV, vec![srv(1, 1, 5061, "one.example.com")]);
    put(
        "_sip._tcp.example.com",
        SRV,
        vec![srv(2, 1, 5070, "two.example.com"), srv(1, 0, 5060, "one.example.com")],
    );
    put("_sip._udp.example.com", SRV, vec![srv(1, 1, 5060, "two.example.com")]);
    put("one.example.com", A, vec![a("192.0.2.1")]);
    put("two.example.com", A, vec![a("192.0.2.2"), a("192.0.2.3")]);
    put("two.example.com", AAAA, vec![a("2001:db8::2")]);
    put("_sip._udp.closed.example", SRV, vec![srv(0, 0, 0, ".")]);
    put("closed.example", A, vec![a("192.0.2.9")]);
    put("plain.example", A, vec![a("192.0.2.4")]);
    zone
}

fn resolver(server: SocketAddr) -> Resolver {
    let config = ResolverConfig {
        servers: vec![server],
        timeout: Duration::from_millis(200),
        retries: 0,
        limit: Duration::from_secs(2),
        hosts: false,
    };
    Resolver::new(&config, [5; 32]).unwrap()
}

fn all() -> LocatorConfig {
    let transports = vec![Transport::Udp, Transport::Tcp, Transport::Tls];
    LocatorConfig { transports, ipv6: true, ..LocatorConfig::default() }
}

async fn locate(resolver: &Resolver, uri: &str, config: &LocatorConfig) -> Vec<String> {
    let targets = resolver.locate(&Uri::parse(uri).unwrap(), config).await.unwrap();
    targets.iter().map(|target| format!("{} {}", target.transport, target.address)).collect()
}

#[tokio::test]
async fn naptr_srv_and_addresses_are_found_in_order() {
    let (server, _) = dns(zone()).await;
    let resolver = resolver(server);
    assert_eq!(
        locate(&resolver, "sip:8000@Example.COM", &all()).await,
        [
            "TLS 192.0.2.1:5061",
            "TCP 192.0.2.1:5060",
            "TCP 192.0.2.2:5070",
            "TCP 192.0.2.3:5070",
            "TCP [2001:db8::2]:5070",
            "UDP 192.0.2.2:5060",
            "UDP 192.0.2.3:5060",
            "UDP [2001:db8::2]:5060",
        ]
    );
    assert_eq!(locate(&resolver, "sips:example.com", &all()).await, ["TLS 192.0.2.1:5061"]);
    let udp = LocatorConfig { naptr: false, transports: vec![Transport::Udp], ..LocatorConfig::default() };
    assert_eq!(
        locate(&resolver, "sip:example.com", &udp).await,
        ["UDP 192.0.2.2:5060", "UDP 192.0.2.3:5060"]
    );
    assert_eq!(locate(&resolver, "sip:two.example.com:5080", &udp).await.len(), 2);
    assert_eq!(locate(&resolver, "sip:plain.example", &all()).await, ["UDP 192.0.2.4:5060"]);
    assert!(locate(&resolver, "sip:closed.example;transport=udp", &all()).await.is_empty());
    assert!(locate(&resolver, "sip:nobody.example", &all()).await.is_empty());
    assert!(locate(&resolver, "sip:a..b", &all()).await.is_empty());
    let group = Uri::parse("sip:224.0.1.75").unwrap();
    assert!(matches!(resolver.locate(&group, &all()).await, Err(LocateError::Group(_))));
}

#[tokio::test]
async fn addresses_ask_nobody_and_answers_are_remembered() {
    let (server, asked) = dns(zone()).await;
    let resolver = resolver(server);
    assert_eq!(locate(&resolver, "sip:192.0.2.7:5070;transport=tcp", &all()).await, ["TCP 192.0.2.7:5070"]);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    // A name without such records would be asked for again: no SOA says how long that is true.
    let config = LocatorConfig { ipv6: false, ..all() };
    locate(&resolver, "sip:example.com", &config).await;
    let first = asked.load(Ordering::Relaxed);
    assert!(first >= 6, "{first}");
    locate(&resolver, "sip:example.com", &config).await;
    assert_eq!(asked.load(Ordering::Relaxed), first, "for as long as their TTL says");
}

#[tokio::test]
async fn a_dns_that_says_nothing_is_no_answer() {
    let (server, asked) = dns(zone()).await;
    let resolver = resolver(server);
    assert_eq!(resolver.look_up(&Query::A("x.silent".into())).await, Answer::Failed);
    assert!(asked.load(Ordering::Relaxed) > 0);
    assert!(locate(&resolver, "sip:x.silent", &all()).await.is_empty());
}
