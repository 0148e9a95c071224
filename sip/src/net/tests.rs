#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn net(config: NetConfig) -> (Net, mpsc::Receiver<NetEvent>) {
    Net::bind(NetConfig { udp: vec![loopback()], tcp: vec![loopback()], ..config }).await.unwrap()
}

async fn next(events: &mut mpsc::Receiver<NetEvent>) -> NetEvent {
    timeout(Duration::from_secs(10), events.recv()).await.unwrap().unwrap()
}

async fn received(events: &mut mpsc::Receiver<NetEvent>) -> (Flow, Bytes) {
    match next(events).await {
        NetEvent::Received { flow, data } => (flow, data),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn datagrams_come_and_go() {
    let (a, mut from_a) = net(NetConfig::default()).await;
    let (b, mut from_b) = net(NetConfig::default()).await;
    let flow = Flow {
        transport: Transport::Udp,
        local: a.udp_addrs()[0],
        remote: b.udp_addrs()[0],
        connection: None,
    };
    a.send(Transmit::new(flow, Bytes::from_static(OPTIONS)));
    let (flow, data) = received(&mut from_b).await;
    assert_eq!((&data[..], flow.remote, flow.local), (OPTIONS, a.udp_addrs()[0], b.udp_addrs()[0]));
    b.send(Transmit::new(flow, Bytes::from_static(b"answer")));
    assert_eq!(&received(&mut from_a).await.1[..], b"answer");
}

#[tokio::test]
async fn a_connection_is_opened_used_both_ways_and_reused() {
    let (a, mut from_a) = net(NetConfig::default()).await;
    let (b, mut from_b) = net(NetConfig::default()).await;
    let to = Flow {
        transport: Transport::Tcp,
        local: a.tcp_addrs()[0],
        remote: b.tcp_addrs()[0],
        connection: None,
    };
    for _ in 0..3 {
        a.send(Transmit::new(to.clone(), Bytes::from_static(OPTIONS)));
    }
    let (flow, data) = received(&mut from_b).await;
    assert_eq!(&data[..], OPTIONS);
    for _ in 0..2 {
        assert_eq!(received(&mut from_b).await.0, flow, "one connection");
    }
    b.send(Transmit::new(flow, Bytes::from_static(OPTIONS)));
    let (back, _) = received(&mut from_a).await;
    assert_eq!((back.remote, a.connections().len()), (b.tcp_addrs()[0], 1));
    drop(b);
    assert!(
        matches!(next(&mut from_a).await, NetEvent::Closed { flow } if flow.connection == back.connection)
    );
    assert!(a.connections().is_empty());
    a.send(Transmit::new(back, Bytes::from_static(OPTIONS)));
    assert!(matches!(next(&mut from_a).await, NetEvent::SendFailed { .. }));
}

#[tokio::test]
async fn a_response_whose_connection_is_gone_gets_a_new_one_to_the_via() {
    let (a, mut from_a) = net(NetConfig::default()).await;
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stream = TcpStream::connect(a.tcp_addrs()[0]).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    let (flow, _) = received(&mut from_a).await;
    drop(stream);
    assert!(matches!(next(&mut from_a).await, NetEvent::Closed { .. }));
    let response = format!("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bK1\r\n\r\n");
    a.send(Transmit::new(flow, Bytes::from(response.clone())));
    let (mut stream, _) = timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap();
    let mut got = vec![0; response.len()];
    timeout(Duration::from_secs(10), stream.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, response.as_bytes());
}

#[tokio::test]
async fn what_cannot_be_reached_is_reported_as_asked() {
    let (a, mut from_a) = net(NetConfig::default()).await;
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let remote = listener.local_addr().unwrap();
    drop(listener);
    let flow = Flow { transport: Transport::Tcp, local: a.tcp_addrs()[0], remote, connection: None };
    a.send(Transmit::new(flow.clone(), Bytes::from_static(OPTIONS)));
    assert!(matches!(next(&mut from_a).await, NetEvent::SendFailed { flow: failed } if failed == flow));
    let tls = Flow { transport: Transport::Tls, ..flow };
    a.send(Transmit::new(tls, Bytes::new()));
    assert!(matches!(next(&mut from_a).await, NetEvent::SendFailed { .. }));
}

#[tokio::test]
async fn keep_alives_are_answered_and_nonsense_closes_the_connection() {
    let (a, mut from_a) = net(NetConfig::default()).await;
    let mut stream = TcpStream::connect(a.tcp_addrs()[0]).await.unwrap();
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(Duration::from_secs(10), stream.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!(&pong, b"\r\n");
    stream.write_all(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n").await.unwrap();
    let (flow, _) = received(&mut from_a).await;
    // The refusal still gets out before the connection is closed.
    a.send(Transmit::new(flow, Bytes::from_static(b"SIP/2.0 400 x\r\n\r\n")));
    let mut rest = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"SIP/2.0 400 x\r\n\r\n");
    assert!(matches!(next(&mut from_a).await, NetEvent::Closed { .. }));
}

#[tokio::test]
async fn connections_are_limited_per_source() {
    let (a, _events) = net(NetConfig { max_connections_per_source: 2, ..NetConfig::default() }).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(TcpStream::connect(a.tcp_addrs()[0]).await.unwrap());
    }
    let mut octet = [0; 1];
    for stream in streams.iter_mut().skip(2) {
        let closed = timeout(Duration::from_secs(10), stream.read(&mut octet)).await.unwrap();
        assert!(matches!(closed, Ok(0) | Err(_)));
    }
    assert_eq!(a.connections().len(), 2);
    assert_eq!(a.counters().connections_refused.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_connection_not_our_memory() {
    let (a, mut from_a) = net(NetConfig { connection_queue: 4, ..NetConfig::default() }).await;
    let mut stream = TcpStream::connect(a.tcp_addrs()[0]).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    let (flow, _) = received(&mut from_a).await;
    let payload = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..64 {
        a.send(Transmit::new(flow.clone(), payload.clone()));
        tokio::task::yield_now().await;
    }
    assert!(matches!(next(&mut from_a).await, NetEvent::SendFailed { .. }));
    assert!(a.connections().is_empty());
}

#[tokio::test]
async fn half_a_message_does_not_hold_a_connection() {
    let (a, mut from_a) = net(NetConfig { stall: Duration::from_millis(50), ..NetConfig::default() }).await;
    let mut stream = TcpStream::connect(a.tcp_addrs()[0]).await.unwrap();
    stream.write_all(b"OPTIONS sip:a SIP/2.0\r\n").await.unwrap();
    assert!(matches!(next(&mut from_a).await, NetEvent::Closed { .. }));
}

#[test]
fn the_address_towards_loopback_is_loopback() {
    assert_eq!(local_address_for("127.0.0.1".parse().unwrap()).unwrap(), IpAddr::from([127, 0, 0, 1]));
}

#[tokio::test]
async fn sockets_outlive_their_net_and_what_came_in_between_is_received() {
    let (first, from_first) = net(NetConfig::default()).await;
    let (udp, tcp) = (first.udp_addrs()[0], first.tcp_addrs()[0]);
    let kept = first.sockets().unwrap();
    let kinds: Vec<_> = kept.iter().map(|open| (open.is_stream(), open.address())).collect();
    assert_eq!(kinds, [(false, udp), (true, tcp)]);
    drop((first, from_first));
    let phone = tokio::net::UdpSocket::bind(loopback()).await.unwrap();
    phone.send_to(OPTIONS, udp).await.unwrap();
    let mut caller = TcpStream::connect(tcp).await.unwrap();
    caller.write_all(OPTIONS).await.unwrap();
    // One that nobody wants is closed.
    let other = OpenSocket::new(std::net::UdpSocket::bind(loopback()).unwrap().into()).unwrap();
    let unwanted = other.address();
    let config = NetConfig { udp: vec![udp], tcp: vec![tcp], ..NetConfig::default() };
    let (second, mut events) =
        Net::bind_over(config, kept.into_iter().chain([other]).collect()).await.unwrap();
    assert_eq!((second.udp_addrs(), second.tcp_addrs()), (vec![udp], vec![tcp]));
    std::net::UdpSocket::bind(unwanted).unwrap();
    let mut from: Vec<SocketAddr> = Vec::new();
    for _ in 0..2 {
        let (flow, data) = received(&mut events).await;
        assert_eq!(&data[..], OPTIONS);
        from.push(flow.remote);
        second.send(Transmit::new(flow, Bytes::from_static(b"answer")));
    }
    from.sort();
    let mut senders = [phone.local_addr().unwrap(), caller.local_addr().unwrap()];
    senders.sort();
    assert_eq!(from, senders);
    let mut answer = [0; 6];
    phone.recv(&mut answer).await.unwrap();
    assert_eq!(&answer, b"answer");
    caller.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"answer");
}

#[tokio::test]
async fn datagrams_leave_from_the_address_their_flow_says_where_that_is_one_of_ours() {
    let all: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let sources = vec!["127.0.0.9".parse().unwrap(), "192.0.2.99".parse().unwrap()];
    let config = NetConfig { udp: vec![all], sources, ..NetConfig::default() };
    let (net, _events) = Net::bind(config).await.unwrap();
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let port = net.udp_addrs()[0].port();
    for (local, seen) in [
        ("127.0.0.9", "127.0.0.9"),
        // Not asked for, and not an address of this host.
        ("127.0.0.8", "127.0.0.1"),
        ("192.0.2.99", "127.0.0.1"),
    ] {
        for dscp in [None, Some(40)] {
            let flow = Flow {
                transport: Transport::Udp,
                local: SocketAddr::new(local.parse().unwrap(), port),
                remote: peer.local_addr().unwrap(),
                connection: None,
            };
            net.send(Transmit { dscp, ..Transmit::new(flow, Bytes::from_static(b"x")) });
            let (_, from) = peer.recv_from(&mut [0; 8]).unwrap();
            assert_eq!(from, SocketAddr::new(seen.parse().unwrap(), port), "{local} {dscp:?}");
        }
    }
}
