//! D channels over sockets and in memory: both directions, cut, reconnect, garbage, captures.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::future::poll_fn;
use std::time::Duration;

use telephony_hal::socket::{Address, SocketTrunk};
use telephony_hal::wrap::{PcapWriter, Record, Side, read_pcap};
use telephony_hal::{DChannel, DChannelEvent, ErrorKind, HalError, MAX_FRAME, sim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

async fn next<D: DChannel>(channel: &mut D) -> Result<DChannelEvent, D::Error> {
    timeout(Duration::from_secs(10), poll_fn(|cx| channel.poll_event(cx))).await.expect("no event in 10 s")
}

async fn expect<D: DChannel>(channel: &mut D, event: DChannelEvent) {
    assert_eq!(next(channel).await.unwrap(), event);
}

fn frame(octets: &[u8]) -> DChannelEvent {
    DChannelEvent::Frame(octets.to_vec().into())
}

fn listen() -> SocketTrunk {
    SocketTrunk::open("tcp-listen:127.0.0.1:0".parse().unwrap()).unwrap()
}

async fn both_directions(a: &mut impl DChannel, b: &mut impl DChannel) {
    expect(a, DChannelEvent::Up).await;
    expect(b, DChannelEvent::Up).await;
    for len in [1, 2, 3, 260, 4095, MAX_FRAME] {
        let octets: Vec<u8> = (0..len).map(|n| (n * 7) as u8).collect();
        a.send_frame(&octets).unwrap();
        expect(b, frame(&octets)).await;
        b.send_frame(&octets).unwrap();
        expect(a, frame(&octets)).await;
    }
    // A burst arrives whole and in order.
    for n in 0..200u8 {
        a.send_frame(&[n; 20]).unwrap();
    }
    for n in 0..200u8 {
        expect(b, frame(&[n; 20])).await;
    }
    for bad in [0, MAX_FRAME + 1] {
        assert_eq!(a.send_frame(&vec![0; bad]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn frames_pass_over_tcp() {
    let mut a = listen();
    let mut b = SocketTrunk::open(Address::TcpConnect(a.local_addr().unwrap())).unwrap();
    both_directions(&mut a, &mut b).await;
}

#[tokio::test]
async fn frames_pass_over_unix_packets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trunk");
    let mut a = SocketTrunk::open(Address::UnixListen(path.clone())).unwrap();
    assert!(
        SocketTrunk::open(Address::UnixListen(path.clone())).is_err(),
        "a live socket must not be stolen"
    );
    // That probe was a visitor of its own: up and down.
    expect(&mut a, DChannelEvent::Up).await;
    expect(&mut a, DChannelEvent::Down).await;
    let mut b = SocketTrunk::open(Address::UnixConnect(path.clone())).unwrap();
    both_directions(&mut a, &mut b).await;
    drop(a);
    expect(&mut b, DChannelEvent::Down).await;
    assert!(!path.exists());
    // The connector finds the next listener by itself.
    let mut a = SocketTrunk::open(Address::UnixListen(path.clone())).unwrap();
    both_directions(&mut a, &mut b).await;
}

#[tokio::test]
async fn a_stale_unix_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trunk");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    drop(socket);
    assert!(path.exists());
    SocketTrunk::open(Address::UnixListen(path)).unwrap();
}

#[tokio::test]
async fn frames_pass_over_the_simulated_cable() {
    let (mut a, mut b) = sim::trunk_pair();
    both_directions(&mut a, &mut b).await;
    let cable = a.cable();
    a.send_frame(b"lost").unwrap();
    cable.unplug();
    assert_eq!(b.send_frame(b"x").unwrap_err().kind(), ErrorKind::Alarm);
    expect(&mut b, DChannelEvent::Down).await;
    cable.plug();
    // The end that was not polled meanwhile still learns of the cut.
    expect(&mut a, DChannelEvent::Down).await;
    both_directions(&mut a, &mut b).await;
    while b.send_frame(b"flood").is_ok() {}
    assert_eq!(b.send_frame(b"flood").unwrap_err().kind(), ErrorKind::Busy);
    drop(b);
    expect(&mut a, DChannelEvent::Down).await;
    assert_eq!(next(&mut a).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_listener_takes_the_next_peer_when_one_leaves() {
    let mut a = listen();
    assert_eq!(a.send_frame(b"x").unwrap_err().kind(), ErrorKind::Alarm);
    let address = Address::TcpConnect(a.local_addr().unwrap());
    for _ in 0..3 {
        let mut b = SocketTrunk::open(address.clone()).unwrap();
        both_directions(&mut a, &mut b).await;
        // What is sent into the closing connection never reaches the next one.
        a.send_frame(b"for this peer only").unwrap();
        drop(b);
        expect(&mut a, DChannelEvent::Down).await;
    }
}

#[tokio::test]
async fn a_connector_calls_again_after_a_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut trunk = SocketTrunk::open(Address::TcpConnect(listener.local_addr().unwrap())).unwrap();
    for _ in 0..2 {
        let (mut peer, _) = timeout(Duration::from_secs(5), listener.accept()).await.unwrap().unwrap();
        expect(&mut trunk, DChannelEvent::Up).await;
        trunk.send_frame(&[1, 2, 3]).unwrap();
        let mut octets = [0; 5];
        peer.read_exact(&mut octets).await.unwrap();
        assert_eq!(octets, [0, 3, 1, 2, 3]);
        drop(peer);
        expect(&mut trunk, DChannelEvent::Down).await;
    }
}

#[tokio::test]
async fn split_and_empty_frames_are_read_right() {
    let mut trunk = listen();
    let mut peer = TcpStream::connect(trunk.local_addr().unwrap()).await.unwrap();
    peer.set_nodelay(true).unwrap();
    expect(&mut trunk, DChannelEvent::Up).await;
    for octet in [0u8, 0, 0, 2, 0xaa, 0xbb, 0, 0, 0, 1, 0xcc] {
        peer.write_all(&[octet]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    expect(&mut trunk, frame(&[0xaa, 0xbb])).await;
    expect(&mut trunk, frame(&[0xcc])).await;
}

#[tokio::test]
async fn frames_survive_any_cutting_of_the_stream() {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
    let seed = 4711;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut trunk = listen();
    let mut peer = TcpStream::connect(trunk.local_addr().unwrap()).await.unwrap();
    peer.set_nodelay(true).unwrap();
    expect(&mut trunk, DChannelEvent::Up).await;
    let mut stream = vec![];
    let mut frames = vec![];
    for n in 0..300u16 {
        let len = if random.random_bool(0.1) {
            random.random_range(1..=MAX_FRAME)
        } else {
            random.random_range(0..40)
        };
        let octets: Vec<u8> = (0..len).map(|_| random.random()).collect();
        stream.extend_from_slice(&(len as u16).to_be_bytes());
        stream.extend_from_slice(&octets);
        if !octets.is_empty() {
            frames.push((n, octets));
        }
    }
    let writing = async {
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(random.random_range(1..=rest.len().min(700)));
            peer.write_all(now).await.unwrap();
            tokio::task::yield_now().await;
            rest = later;
        }
    };
    let reading = async {
        for (n, octets) in &frames {
            assert_eq!(next(&mut trunk).await.unwrap(), frame(octets), "frame {n}");
        }
    };
    tokio::join!(writing, reading);
}

#[tokio::test]
async fn a_broken_length_closes_with_a_name_and_the_next_peer_is_taken() {
    let mut trunk = listen();
    let addr = trunk.local_addr().unwrap();
    let mut peer = TcpStream::connect(addr).await.unwrap();
    expect(&mut trunk, DChannelEvent::Up).await;
    peer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let error = next(&mut trunk).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.to_string(), "the peer announced a frame of 18245 octets, expected at most 4096");
    expect(&mut trunk, DChannelEvent::Down).await;
    let mut peer = TcpStream::connect(addr).await.unwrap();
    expect(&mut trunk, DChannelEvent::Up).await;
    peer.write_all(&[0, 9, 1, 2]).await.unwrap();
    drop(peer);
    assert_eq!(next(&mut trunk).await.unwrap_err().to_string(), "the peer closed inside a frame");
    expect(&mut trunk, DChannelEvent::Down).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_costs_bounded_memory() {
    let mut trunk = listen();
    let _peer = TcpStream::connect(trunk.local_addr().unwrap()).await.unwrap();
    expect(&mut trunk, DChannelEvent::Up).await;
    let mut sent = 0u32;
    loop {
        match trunk.send_frame(&[0x55; MAX_FRAME]) {
            Ok(()) => sent += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Busy);
                // The task may still drain into the kernel: full for a while means full.
                tokio::time::sleep(Duration::from_millis(20)).await;
                if trunk.send_frame(&[0x55; MAX_FRAME]).is_err() {
                    break;
                }
            }
        }
        assert!(sent < 100_000, "nothing holds the sender back");
    }
}

#[test]
fn opening_outside_a_runtime_is_an_error() {
    assert!(SocketTrunk::open("tcp-listen:127.0.0.1:0".parse().unwrap()).is_err());
}

#[test]
fn a_trunk_whose_runtime_ended_is_closed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut trunk = runtime.block_on(async { listen() });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(next(&mut trunk)).unwrap_err().kind(), ErrorKind::Closed);
}

/// A line of `mwi_on.hex`: whether the network sent it, and the frame.
fn golden() -> Vec<(bool, Vec<u8>)> {
    include_str!("../testdata/mwi_on.hex")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split(' ');
            let network = words.next() == Some("N");
            let hex = words.next().unwrap();
            let octets = (0..hex.len()).step_by(2).map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap());
            (network, octets.collect())
        })
        .collect()
}

#[tokio::test]
async fn a_recorded_channel_makes_the_same_capture_as_libpri_pbx() {
    let reference = include_bytes!("../testdata/mwi_on.pcap");
    let (mut user, network) = sim::trunk_pair();
    let pcap = PcapWriter::new(Vec::new(), Side::Network).unwrap();
    let mut network = Record::with_clock(network, pcap, || Duration::from_micros(1_795_000_000_123_456));
    expect(&mut user, DChannelEvent::Up).await;
    expect(&mut network, DChannelEvent::Up).await;
    for (from_network, octets) in golden() {
        if from_network {
            network.send_frame(&octets).unwrap();
            expect(&mut user, frame(&octets)).await;
        } else {
            user.send_frame(&octets).unwrap();
            expect(&mut network, frame(&octets)).await;
        }
    }
    let capture = network.into_parts().1.unwrap().into_inner();

    // Octet for octet the reference, but for the times.
    let without_times = |capture: &[u8]| {
        let mut capture = capture.to_vec();
        let mut at = 24;
        while at < capture.len() {
            capture[at..at + 8].fill(0);
            at += 16 + u32::from_le_bytes(capture[at + 8..at + 12].try_into().unwrap()) as usize;
        }
        capture
    };
    assert_eq!(without_times(&capture), without_times(reference));
    let (side, frames) = read_pcap(&capture[..]).unwrap();
    assert_eq!(side, Side::Network);
    assert_eq!(frames.iter().map(|(_, sent, octets)| (*sent, octets.clone())).collect::<Vec<_>>(), golden());
    assert_eq!(frames[0].0, Duration::from_micros(1_795_000_000_123_456));
    tshark_agrees(&capture, frames.len());
}

/// Where tshark is installed it must find every frame well formed and the MWI operation in it.
fn tshark_agrees(capture: &[u8], count: usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.pcap");
    std::fs::write(&path, capture).unwrap();
    let run = |filter: &str| {
        std::process::Command::new("tshark").arg("-r").arg(&path).args(["-Y", filter]).output().map(
            |output| {
                assert!(output.status.success());
                String::from_utf8_lossy(&output.stdout).lines().count()
            },
        )
    };
    match run("lapd") {
        Ok(lines) => {
            assert_eq!(lines, count);
            assert!(run("qsig.operation == 80").unwrap() >= 1);
            assert_eq!(run("_ws.malformed || _ws.expert.severity >= 6291456").unwrap(), 0);
        }
        Err(_) => eprintln!("tshark is not installed: the capture was compared with libpri_pbx's only"),
    }
}
