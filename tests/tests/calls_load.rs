//! Hundreds of calls at a time through the daemon, and nothing left of them: the load of `cargo xtask bench calls`, small.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use system_tests::{CallAnswerer, CallSink, CallSource, Tipringd, free_port, speak_rtp};

const TRUNKS: usize = 4;

fn threads(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn full_trunks_and_relayed_streams_stand_without_a_thread_and_leave_nothing() {
    let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let (callers, server, voice) = (socket(), socket(), socket());
    let at = |socket: &UdpSocket| socket.local_addr().unwrap();
    let voice_at = at(&voice);
    let trunks: Vec<SocketAddr> = (0..TRUNKS).map(|_| ([127, 0, 0, 1], free_port()).into()).collect();
    let mut config = String::from("isdn switch-type primary-qsig\n!\ntrunk group PBX\n!\n");
    let mut hardware = String::new();
    for (slot, trunk) in trunks.iter().enumerate() {
        config.push_str(&format!(
            "controller E1 1/{slot}\n pri-group timeslots 1-31\n!\ninterface Serial1/{slot}:15\n \
             trunk-group PBX\n!\n"
        ));
        hardware.push_str(&format!(
            "[[pri]]\ncontroller = \"E1 1/{slot}\"\nbackend = \"socket\"\naddress = \"tcp-listen:{trunk}\"\n\n"
        ));
    }
    config.push_str(&format!(
        "voice service voip\n allow-connections sip to sip\n!\ndial-peer voice 47 pots\n trunkgroup PBX\n destination-pattern 47..\n no digit-strip\n!\n\
         dial-peer voice 6 voip\n destination-pattern 6...\n session protocol sipv2\n incoming called-number .\n \
         session target ipv4:{}\n codec g711ulaw\n!\n\
         dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n session target ipv4:{}\n \
         codec g711ulaw\n!\n",
        at(&callers),
        at(&server)
    ));
    let gateway = Tipringd::start(&config, &hardware);
    let sink = CallSink::connect(&trunks);
    let answerer = CallAnswerer::start(server, voice_at);
    let mut source = CallSource::new(callers, gateway.sip(), voice_at);
    let before = threads(gateway.pid());

    // Every channel is taken; one call more finds none.
    let report = source.run("4711", TRUNKS * 30, 100.0, None, Some(&sink));
    assert_eq!((report.answered, report.failed), (TRUNKS * 30, 0), "{report:?}");
    assert_eq!(report.delays.len(), TRUNKS * 30, "each has its SETUP");
    assert_eq!(threads(gateway.pid()), before, "no thread belongs to a call");
    let refused = source.run("4711", 1, 100.0, None, Some(&sink));
    assert_eq!((refused.answered, refused.failed), (0, 1));
    source.hang_up();
    let none = |shown: &str| shown.contains("Total call-legs: 0");
    gateway.show_until("show call active voice brief", Duration::from_secs(10), none);

    // Calls that come and go.
    let report = source.run("4711", 200, 50.0, Some(Duration::from_millis(100)), Some(&sink));
    assert_eq!((report.answered, report.failed), (200, 0), "{report:?}");
    gateway.show_until("show call active voice brief", Duration::from_secs(10), none);

    // What each side says reaches the other.
    let report = source.run("5711", 20, 50.0, None, None);
    let both: Vec<SocketAddr> = report.rtp.iter().copied().chain(answerer.rtp()).collect();
    assert_eq!(both.len(), 40);
    let (sent, heard) = speak_rtp(&voice, &both, Duration::from_secs(2));
    assert_eq!(sent, 4000);
    assert!(heard * 100 >= sent * 98, "{heard} of {sent} packets");
    source.hang_up();
    gateway.show_until("show call active voice brief", Duration::from_secs(10), none);
    assert!(gateway.show("show voip rtp connections").contains("Found 0 active RTP connections"));
}
