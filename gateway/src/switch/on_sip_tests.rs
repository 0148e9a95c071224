//! A flood does not keep others out, and calls are served before what can be asked again.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use cli::session::Show;
use sip::Method;
use telephony_hal::LineEvent;

use super::sip_bench::SipBench;

fn options(number: u32) -> String {
    format!(
        "OPTIONS sip:gw@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKf{number}\r\n\
         From: <sip:a@192.0.2.66>;tag=1\r\nTo: <sip:gw@192.0.2.1>\r\nCall-ID: f{number}\r\nCSeq: 1 OPTIONS\r\n\
         Contact: <sip:a@192.0.2.66>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn count(bench: &SipBench, name: &str) -> u64 {
    let shown = bench.show(&Show::SipUaStatistics);
    let after = shown.split_once(&format!("{name} ")).unwrap_or_else(|| panic!("no {name} in {shown}")).1;
    after.split([',', '\n']).next().unwrap().trim().parse().unwrap()
}

#[test]
fn a_source_above_its_rate_is_refused_and_another_is_served() {
    let mut bench = SipBench::new("");
    for number in 0..12_000 {
        bench.offer("192.0.2.66:5060", &options(number));
        bench.serve(1);
    }
    assert_eq!(count(&bench, "RateLimited"), 2000, "10,000 are its burst");
    // Nobody gets more refusals than 500 a second: the rest goes unanswered.
    assert_eq!((count(&bench, "RefusedUnserved"), count(&bench, "DroppedUnserved")), (500, 1500));
    bench.sent();
    bench.offer("192.0.2.67:5060", &options(20_000));
    bench.serve(1);
    assert_eq!(bench.sent().len(), 1, "somebody else");
}

#[test]
fn what_belongs_to_calls_is_served_before_options_and_options_are_shed_first() {
    let mut bench = SipBench::new("");
    for number in 0..3000 {
        bench.offer("192.0.2.66:5060", &options(number));
    }
    // Half of the queue is for OPTIONS.
    assert_eq!(count(&bench, "Shed"), 3000 - 2048);
    bench.sent();
    let bye = options(30_000)
        .replace("OPTIONS", "BYE")
        .replace("To: <sip:gw@192.0.2.1>", "To: <sip:gw@192.0.2.1>;tag=x");
    bench.offer("192.0.2.66:5060", &bye);
    bench.serve(1);
    let answers = bench.sent();
    let [(_, answer)] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(answer.status().map(|status| status.as_u16()), Some(481));
    assert_eq!(answer.cseq().unwrap().method, Method::Bye.as_str());
}

#[test]
fn a_call_whose_peer_no_longer_knows_it_is_ended_by_options_ping() {
    let service = "voice service voip\n sip\n  options-ping 60\n!\n";
    for (service, peer, answer) in
        [(service, "", Some(481)), (service, "", None), ("", " voice-class sip options-ping 60\n", Some(481))]
    {
        pinged(service, peer, answer);
    }
}

/// A call whose second OPTIONS is answered so.
fn pinged(service: &str, peer: &str, answer: Option<u16>) {
    let mut bench = SipBench::new(&format!(
        "{service}\
         dial-peer voice 8 pots\n destination-pattern 8000\n port 2/0\n!\n\
         dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n session target ipv4:192.0.2.50\n \
         incoming called-number .\n codec g711ulaw\n{peer}!\n",
    ));
    let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.50\r\ns=-\r\nc=IN IP4 192.0.2.50\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let request = |method: &str, to: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:8000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:5000@192.0.2.50>;tag=a\r\nTo: {to}\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:5000@192.0.2.50>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    // The media plane has a port for it.
    bench.switch.rtp_ports().add(16_384);
    bench.offer("192.0.2.50:5060", &request("INVITE", "<sip:8000@192.0.2.1>", sdp));
    bench.serve(1);
    bench.wait(Duration::from_secs(1));
    bench.hook(0, LineEvent::OffHook);
    bench.wait(Duration::from_millis(300));
    let answers = bench.sent();
    let ok = answers.iter().find(|(_, m)| m.status().is_some_and(|s| s.as_u16() == 200));
    let to =
        ok.unwrap_or_else(|| panic!("no 200: {answers:?}")).1.header("To").unwrap().to_str().into_owned();
    bench.offer("192.0.2.50:5060", &request("ACK", &to, ""));
    bench.serve(1);
    bench.wait(Duration::from_secs(61));
    let ping = bench.one(&Method::Options);
    assert_eq!(ping.1.call_id(), Ok("c1"), "within the call");
    bench.respond(&ping, 200, "");
    bench.wait(Duration::from_secs(60));
    let ping = bench.one(&Method::Options);
    match answer {
        Some(status) => bench.respond(&ping, status, ""),
        // As often as `retry options` says.
        None => bench.wait(Duration::from_secs(40)),
    }
    bench.one(&Method::Bye);
}
