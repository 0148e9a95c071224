//! What sockets do to each other, and what strangers may do to them: real ones, on the loopback.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sip::net::{Alias, Net, NetConfig, NetEvent};
use sip::{Flow, Transmit, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(60);
const OPTIONS: &[u8] =
    b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5555;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n";

async fn net(config: NetConfig) -> (Net, mpsc::Receiver<NetEvent>) {
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    Net::bind(NetConfig { udp: vec![any], tcp: vec![any], ..config }).await.unwrap()
}

async fn next(events: &mut mpsc::Receiver<NetEvent>) -> NetEvent {
    timeout(LONG, events.recv()).await.expect("an event in time").expect("the sockets are open")
}

async fn received(events: &mut mpsc::Receiver<NetEvent>) -> Flow {
    match next(events).await {
        NetEvent::Received { flow, .. } => flow,
        other => panic!("{other:?}"),
    }
}

async fn closed(events: &mut mpsc::Receiver<NetEvent>) -> Flow {
    match next(events).await {
        NetEvent::Closed { flow } => flow,
        other => panic!("{other:?}"),
    }
}

fn to(net: &Net, transport: Transport, remote: SocketAddr) -> Flow {
    if transport == Transport::Udp {
        return to_udp(net, remote);
    }
    Flow { transport, local: net.tcp_addrs()[0], remote, connection: None }
}

fn send(net: &Net, flow: &Flow, payload: &[u8]) {
    net.send(Transmit::new(flow.clone(), payload.to_vec().into()));
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[tokio::test]
async fn an_icmp_error_is_told_for_its_peer_and_hurts_nobody_else() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let config = NetConfig { udp: vec![address.parse().unwrap()], ..NetConfig::default() };
        let (net, mut events) = Net::bind(config).await.unwrap();
        let alive = UdpSocket::bind(address).await.unwrap();
        let gone = UdpSocket::bind(address).await.unwrap().local_addr().unwrap();
        for round in 1..=3u8 {
            send(&net, &to(&net, Transport::Udp, gone), OPTIONS);
            match next(&mut events).await {
                NetEvent::SendFailed { flow } => {
                    assert_eq!((flow.remote, flow.local), (gone, net.udp_addrs()[0]));
                }
                other => panic!("{other:?}"),
            }
            // Errors that wait must not be taken for those of the next datagram.
            send(&net, &to(&net, Transport::Udp, gone), OPTIONS);
            std::thread::sleep(Duration::from_millis(20));
            send(&net, &to(&net, Transport::Udp, alive.local_addr().unwrap()), &[round]);
            let mut octets = [0; 2000];
            let len = timeout(LONG, alive.recv(&mut octets)).await.unwrap().unwrap();
            assert_eq!(&octets[..len], [round]);
            assert!(matches!(next(&mut events).await, NetEvent::SendFailed { flow } if flow.remote == gone));
        }
        assert_eq!(count(&net.counters().icmp_errors), 6);
    }
}

#[tokio::test]
async fn datagrams_carry_the_dscp_and_stay_on_their_device() {
    let lo: IpAddr = Ipv4Addr::LOCALHOST.into();
    let (net, _events) =
        net(NetConfig { dscp: 46, devices: vec![(lo, "lo".into())], ..NetConfig::default() }).await;
    assert_eq!(tos_of(&net, "127.0.0.1:0"), 46 << 2);
    let config = NetConfig { udp: vec!["[::1]:0".parse().unwrap()], dscp: 46, ..NetConfig::default() };
    let (over_ipv6, _events) = Net::bind(config).await.unwrap();
    assert_eq!(tos_of(&over_ipv6, "[::1]:0"), 46 << 2);
    let nowhere = NetConfig {
        udp: vec![(lo, 0).into()],
        devices: vec![(lo, "nosuchdevice0".into())],
        ..NetConfig::default()
    };
    assert!(Net::bind(nowhere).await.is_err(), "a device that is not there is an error, not ignored");
}

/// Type of service, or traffic class, of a datagram from `net` to an ear of ours.
fn tos_of(net: &Net, ear: &str) -> i32 {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;

    let ear = std::net::UdpSocket::bind(ear).unwrap();
    ear.set_read_timeout(Some(LONG)).unwrap();
    if ear.local_addr().unwrap().is_ipv4() {
        setsockopt(&ear, sockopt::IpRecvTos, &true).unwrap();
    } else {
        setsockopt(&ear, sockopt::Ipv6RecvTClass, &true).unwrap();
    }
    send(net, &to_udp(net, ear.local_addr().unwrap()), OPTIONS);
    let mut octets = [0; 2000];
    let mut slices = [IoSliceMut::new(&mut octets)];
    let mut control = nix::cmsg_space!(i32);
    let told =
        recvmsg::<SockaddrStorage>(ear.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())
            .unwrap();
    let tos = told.cmsgs().unwrap().find_map(|message| match message {
        ControlMessageOwned::Ipv4Tos(tos) => Some(i32::from(tos)),
        ControlMessageOwned::Ipv6TClass(class) => Some(class),
        _ => None,
    });
    tos.expect("the mark is told")
}

fn to_udp(net: &Net, remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local: net.udp_addrs()[0], remote, connection: None }
}

#[tokio::test]
async fn ipv6_works_on_datagrams_and_streams() {
    let any: SocketAddr = "[::1]:0".parse().unwrap();
    let config = NetConfig { udp: vec![any], tcp: vec![any], ..NetConfig::default() };
    let (a, _from_a) = Net::bind(config.clone()).await.unwrap();
    let (b, mut from_b) = Net::bind(config).await.unwrap();
    for (transport, remote) in [(Transport::Udp, b.udp_addrs()[0]), (Transport::Tcp, b.tcp_addrs()[0])] {
        send(&a, &to(&a, transport, remote), OPTIONS);
        assert!(received(&mut from_b).await.remote.is_ipv6());
    }
}

#[tokio::test]
async fn without_reuse_every_request_has_its_connection_and_its_response_comes_back_on_it() {
    for (reuse, expected) in [(true, 1), (false, 3)] {
        let (a, mut from_a) = net(NetConfig { connection_reuse: reuse, ..NetConfig::default() }).await;
        let (b, mut from_b) = net(NetConfig::default()).await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            send(&a, &to(&a, Transport::Tcp, b.tcp_addrs()[0]), OPTIONS);
            let flow = received(&mut from_b).await;
            send(&b, &flow, b"SIP/2.0 200 OK\r\n\r\n");
            assert_eq!(received(&mut from_a).await.remote, b.tcp_addrs()[0]);
            seen.push(flow.connection);
        }
        seen.dedup();
        assert_eq!(seen.len(), expected, "reuse {reuse}");
    }
}

#[tokio::test]
async fn rfc_5923_alias_takes_requests_where_it_is_allowed() {
    for (alias, taken) in [(Alias::Any, true), (Alias::Authenticated, false), (Alias::Off, false)] {
        let (a, mut from_a) = net(NetConfig { alias, ..NetConfig::default() }).await;
        let mut peer = TcpStream::connect(a.tcp_addrs()[0]).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let request = String::from_utf8(OPTIONS.to_vec()).unwrap();
        peer.write_all(request.replace("127.0.0.1:5555", &format!("127.0.0.1:{port};alias")).as_bytes())
            .await
            .unwrap();
        received(&mut from_a).await;
        // A request to where the peer listens.
        send(&a, &to(&a, Transport::Tcp, listener.local_addr().unwrap()), OPTIONS);
        let mut octets = vec![0; OPTIONS.len()];
        if taken {
            timeout(LONG, peer.read_exact(&mut octets)).await.unwrap().unwrap();
        } else {
            let (mut other, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
            timeout(LONG, other.read_exact(&mut octets)).await.unwrap().unwrap();
        }
        assert_eq!(octets, OPTIONS);
        assert_eq!(count(&a.counters().aliases), u64::from(taken));
    }
}

#[tokio::test]
async fn rfc_5626_our_pings_are_answered_or_the_connection_is_dead() {
    let config =
        NetConfig { keep_alive: Some(SHORT), pong: Duration::from_millis(500), ..NetConfig::default() };
    let (a, mut from_a) = net(config).await;
    // A peer of our own kind answers: pings go on and the connection lives.
    let (b, mut from_b) = net(NetConfig::default()).await;
    send(&a, &to(&a, Transport::Tcp, b.tcp_addrs()[0]), OPTIONS);
    received(&mut from_b).await;
    timeout(LONG, async {
        while count(&a.counters().pings_sent) < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!((a.connections().len(), count(&a.counters().closed_without_pong)), (1, 0));
    drop(b);
    closed(&mut from_a).await;
    // One that says nothing does not.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    send(&a, &to(&a, Transport::Tcp, listener.local_addr().unwrap()), OPTIONS);
    let (mut stream, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
    let mut octets = vec![0; OPTIONS.len() + 4];
    timeout(LONG, stream.read_exact(&mut octets)).await.unwrap().unwrap();
    assert!(octets.ends_with(b"\r\n\r\n\r\n\r\n"), "a ping after the request");
    closed(&mut from_a).await;
    assert_eq!(count(&a.counters().closed_without_pong), 1);
}

#[tokio::test]
async fn who_says_nothing_drips_or_rests_is_let_go() {
    let config = || NetConfig { greeting: LONG, stall: LONG, idle: LONG, ..NetConfig::default() };
    type Counter = fn(&Net) -> u64;
    let silent: Counter = |net| count(&net.counters().closed_silent);
    let stalled: Counter = |net| count(&net.counters().closed_stalled);
    let idle: Counter = |net| count(&net.counters().closed_idle);
    for (config, says, messages, counter) in [
        (NetConfig { greeting: SHORT, ..config() }, &b""[..], 0, silent),
        (NetConfig { stall: SHORT, ..config() }, b"OPTIONS sip:a SIP/2.0\r\n", 0, stalled),
        (NetConfig { stall: SHORT, ..config() }, &[OPTIONS, b"OPTIONS "].concat(), 1, stalled),
        (NetConfig { idle: SHORT, ..config() }, OPTIONS, 1, idle),
    ] {
        let (net, mut events) = net(config).await;
        let mut stream = TcpStream::connect(net.tcp_addrs()[0]).await.unwrap();
        stream.write_all(says).await.unwrap();
        for _ in 0..messages {
            received(&mut events).await;
        }
        closed(&mut events).await;
        assert_eq!(counter(&net), 1, "{says:?}");
        assert_eq!(timeout(LONG, stream.read(&mut [0])).await.unwrap().unwrap(), 0);
    }
}

#[tokio::test]
async fn a_drip_does_not_extend_the_limit() {
    let (net, mut events) =
        net(NetConfig { stall: Duration::from_millis(150), ..NetConfig::default() }).await;
    let mut stream = TcpStream::connect(net.tcp_addrs()[0]).await.unwrap();
    let mut sent = 0;
    for octet in OPTIONS.iter().cycle().take(10_000).filter(|octet| !matches!(octet, b'\r' | b'\n')) {
        // The version comes late, so the first line never ends.
        if stream.write_all(&[*octet]).await.is_err() || events.try_recv().is_ok() {
            break;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(sent < 5_000, "closed in the middle of it");
    assert_eq!(count(&net.counters().closed_stalled), 1);
}

#[tokio::test]
async fn what_waits_to_be_written_is_bounded_in_octets() {
    let config =
        NetConfig { connection_octets: 100_000, connection_queue: 1_000_000, ..NetConfig::default() };
    let (net, mut events) = net(config).await;
    let mut stream = TcpStream::connect(net.tcp_addrs()[0]).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    let flow = received(&mut events).await;
    let mut sent = 0;
    while count(&net.counters().queues_full) == 0 && sent < 100_000 {
        send(&net, &flow, &[b'x'; 10_000]);
        sent += 1;
        tokio::task::yield_now().await;
    }
    // What the system's buffers take is not ours.
    assert!(sent < 100_000, "10,000 octets each");
    assert!(net.connections().is_empty());
}

#[tokio::test]
async fn strangers_on_the_sip_port_hurt_nobody() {
    let (net, mut events) = net(NetConfig::default()).await;
    let address = net.tcp_addrs()[0];
    let hello = [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[7; 500]].concat();
    let octets: Vec<u8> = (0..65_536u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let endless = [&b"OPTIONS sip:"[..], &[b'a'; 300_000]].concat();
    let strangers: [&[u8]; 6] =
        [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &hello, &octets, &[0; 65_536], b"SSH-2.0-x\r\n", &endless];
    for (number, says) in strangers.iter().enumerate() {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The other side may hang up in the middle.
        let _ = stream.write_all(says).await;
        closed(&mut events).await;
        assert_eq!(count(&net.counters().framing_errors), number as u64 + 1);
    }
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for says in [&b""[..], b"\0", &octets[..65_000], &[b'a'; 1400], b"SIP/2.0\r\n\r\n"] {
        peer.send_to(says, net.udp_addrs()[0]).await.unwrap();
        received(&mut events).await;
    }
    // And everybody else is served as before.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    assert_eq!(received(&mut events).await.transport, Transport::Tcp);
    peer.send_to(OPTIONS, net.udp_addrs()[0]).await.unwrap();
    assert_eq!(received(&mut events).await.transport, Transport::Udp);
}

#[tokio::test]
async fn a_peer_that_has_said_all_still_gets_its_answer() {
    let (net, mut events) = net(NetConfig::default()).await;
    let mut stream = TcpStream::connect(net.tcp_addrs()[0]).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    stream.shutdown().await.unwrap();
    let flow = received(&mut events).await;
    tokio::time::sleep(SHORT).await;
    send(&net, &flow, b"SIP/2.0 200 OK\r\n\r\n");
    let mut rest = Vec::new();
    timeout(LONG, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"SIP/2.0 200 OK\r\n\r\n");
}

#[tokio::test]
async fn closing_lets_what_waits_go_first() {
    let (net, mut events) = net(NetConfig::default()).await;
    let mut stream = TcpStream::connect(net.tcp_addrs()[0]).await.unwrap();
    stream.write_all(OPTIONS).await.unwrap();
    let flow = received(&mut events).await;
    send(&net, &flow, b"SIP/2.0 200 OK\r\n\r\n");
    net.close(flow.connection.unwrap());
    let mut rest = Vec::new();
    timeout(LONG, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"SIP/2.0 200 OK\r\n\r\n");
    closed(&mut events).await;
}
