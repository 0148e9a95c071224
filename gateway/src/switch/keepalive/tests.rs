#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use cli::session::Show;
use sip::Method;

use crate::switch::sip_bench::SipBench;

fn state(bench: &SipBench, peer: &str) -> String {
    let shown = bench.show(&Show::DialPeerVoice { tag: None, summary: true });
    let line = shown.lines().find(|line| line.starts_with(peer)).unwrap_or_default();
    line.split_whitespace().last().unwrap_or_default().to_owned()
}

#[test]
fn a_server_that_is_silent_is_busied_out_until_it_answers_again() {
    let mut bench = SipBench::new(
        "dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n \
         session target ipv4:192.0.2.50:5080\n voice-class sip options-keepalive up-interval 20 down-interval 10 retry 2\n!\n",
    );
    let first = bench.one(&Method::Options);
    assert_eq!(first.0.remote.to_string(), "192.0.2.50:5080");
    assert_eq!(first.1.request_uri(), Some("sip:192.0.2.50:5080"));
    // A refusal is a sign of life.
    bench.respond(&first, 405, "");
    assert_eq!(state(&bench, "5 "), "active");
    bench.wait(Duration::from_secs(19));
    assert!(bench.sent().is_empty());
    bench.wait(Duration::from_secs(1));
    let second = bench.one(&Method::Options);
    bench.respond(&second, 503, "");
    assert_eq!(state(&bench, "5 "), "active", "once is not yet gone");
    bench.wait(Duration::from_secs(10));
    bench.one(&Method::Options);
    // `retry options` and `timers options` at their defaults: 32 s of silence.
    bench.wait(Duration::from_secs(33));
    assert_eq!(state(&bench, "5 "), "busyout");
    assert!(bench.switch.keepalives.is_down(5));
    bench.wait(Duration::from_secs(10));
    let last = bench.sent().pop().unwrap();
    bench.respond(&last, 200, "");
    assert_eq!(state(&bench, "5 "), "active");
    let shown = bench.show(&Show::DialPeerKeepalive);
    assert!(
        shown.lines().any(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words == ["5", "-", "ipv4:192.0.2.50:5080", "4", "-", "-", "active"]
        }),
        "{shown}"
    );
}

#[test]
fn of_a_name_with_two_addresses_only_the_one_that_answers_gets_calls() {
    let mut bench = SipBench::new(
        "voice class sip-options-keepalive 7\n up-interval 30\n retry 1\n!\n\
         dial-peer voice 6 voip\n destination-pattern 6...\n session protocol sipv2\n session target dns:proxy.example\n \
         voice-class sip options-keepalive profile 7\n!\n",
    );
    let shown = bench.show(&Show::DialPeerKeepalive);
    assert!(shown.contains("dns:proxy.example*"), "{shown}");
    let lookups = bench.lookups();
    bench.resolve(&lookups[0], &["192.0.2.60:5060", "192.0.2.61:5060"]);
    let asked = bench.sent();
    assert_eq!(asked.len(), 2, "{asked:?}");
    bench.respond(&asked[0], 503, "");
    bench.respond(&asked[1], 200, "");
    assert_eq!(state(&bench, "6 "), "partial");
    let (to, _) = bench.switch.destination(6, None).unwrap();
    assert_eq!(to.flows.iter().map(|f| f.remote.to_string()).collect::<Vec<_>>(), ["192.0.2.61:5060"]);
    bench.configure(&["voice class sip-options-keepalive 7", "shutdown"]);
    assert_eq!(bench.switch.destination(6, None).unwrap().0.flows.len(), 2);
}
