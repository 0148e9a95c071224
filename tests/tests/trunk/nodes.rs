//! Two Unified CMs behind one number: preference, a dead first node, OPTIONS, the end of hunting.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use system_tests::{Said, SipPhone, Tipringd, free_port, json};

use crate::site::SOON;

const HARDWARE: &str = "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n";

/// What the guide's settings come to on the IOS side: one INVITE more, the first after 100 ms, a watch by OPTIONS.
const TUNED: &str = "sip-ua\n retry invite 2\n timers trying 150\n!\n";

fn peer(tag: u32, preference: u32, target: SocketAddr, more: &str) -> String {
    format!(
        "dial-peer voice {tag} voip\n preference {preference}\n destination-pattern [12]...\n session protocol sipv2\n \
         session target ipv4:{target}\n codec g711ulaw\n{more}!\n"
    )
}

fn gateway(peers: &str) -> Tipringd {
    Tipringd::start(
        &format!(
            "dial-peer voice 8000 pots\n destination-pattern 8000\n incoming called-number .\n port 2/0\n!\n{peers}"
        ),
        HARDWARE,
    )
}

fn node() -> SipPhone {
    SipPhone::new(Ipv4Addr::LOCALHOST, SocketAddr::from((Ipv4Addr::LOCALHOST, 9)))
}

/// The next INVITE; OPTIONS before it are answered.
fn invited(node: &mut SipPhone) -> Said {
    node.asked("INVITE")
}

fn answers(node: &mut SipPhone, invite: &Said) {
    let sdp = node.sdp("0", "");
    node.reply(invite, 200, "", &sdp);
    node.asked("ACK");
    node.request("BYE", "", "");
    node.response("BYE", 200);
}

#[test]
fn a_dead_first_node_costs_less_than_a_second_and_a_half() {
    // Nobody is behind the first address; a packet to it is lost without a word.
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, free_port())).unwrap();
    let mut second = node();
    let config = format!(
        "{}{}{TUNED}",
        peer(100, 1, silent.local_addr().unwrap(), ""),
        peer(101, 2, second.address(), "")
    );
    let gateway = gateway(&config);
    second.set_gateway(gateway.sip());
    // Everything that comes there, with its time, until a second passes without.
    let dead = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut times = Vec::new();
        silent.set_read_timeout(Some(SOON)).unwrap();
        while silent.recv(&mut buffer).is_ok() {
            times.push(Instant::now());
            silent.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        }
        times
    });
    let mut lines = gateway.lines();
    lines.dial("2/0", "2003");
    let invite = invited(&mut second);
    let second_asked = Instant::now();
    let times = dead.join().unwrap();
    assert_eq!(times.len(), 3, "`retry invite 2` is two repetitions, and nothing once the other was asked");
    // Reported, not judged: 150 + 300 + 600 ms are what the timers say.
    println!("second node invited {} ms after the first", second_asked.duration_since(times[0]).as_millis());
    answers(&mut second, &invite);
    lines.act("2/0", "onhook", &json!({}));
    gateway.show_until("show call active voice brief", SOON, |shown| shown.contains("Total call-legs: 0"));
}

#[test]
fn a_node_that_refuses_is_passed_over_in_the_order_of_preference_until_huntstop() {
    let (mut first, mut second, mut third) = (node(), node(), node());
    let config = format!(
        "{}{}{}",
        peer(100, 1, first.address(), ""),
        peer(101, 2, second.address(), " huntstop\n"),
        peer(102, 3, third.address(), "")
    );
    let gateway = gateway(&config);
    for node in [&mut first, &mut second, &mut third] {
        node.set_gateway(gateway.sip());
    }
    let mut lines = gateway.lines();
    lines.dial("2/0", "2003");
    let invite = invited(&mut first);
    first.reply(&invite, 503, "", "");
    first.asked("ACK");
    let invite = invited(&mut second);
    second.reply(&invite, 503, "", "");
    second.asked("ACK");
    // No way is left: the caller hears it, and the third is never asked.
    let heard = lines.hear("2/0", 1.5);
    assert!(heard.segments.iter().any(|s| s.f == "480+620"), "{heard:?}");
    assert!(third.next(Duration::from_millis(300)).is_none(), "huntstop");
    lines.act("2/0", "onhook", &json!({}));
    std::thread::sleep(Duration::from_millis(1400));
    // A node that answers ends the search at once, busy does so too.
    lines.dial("2/0", "2003");
    let invite = invited(&mut first);
    answers(&mut first, &invite);
    assert!(second.next(Duration::from_millis(200)).is_none());
    lines.act("2/0", "onhook", &json!({}));
    gateway.show_until("show call active voice brief", SOON, |shown| shown.contains("Total call-legs: 0"));
}

#[test]
fn a_node_that_does_not_answer_options_gets_no_calls_until_it_does() {
    let (mut first, mut second) = (node(), node());
    let keepalive = " voice-class sip options-keepalive up-interval 5 down-interval 5 retry 1\n";
    let config =
        format!("{}{}{TUNED}", peer(100, 1, first.address(), keepalive), peer(101, 2, second.address(), ""));
    let gateway = gateway(&config);
    for node in [&mut first, &mut second] {
        node.set_gateway(gateway.sip());
    }
    let ping = first.asked("OPTIONS");
    first.reply(&ping, 503, "", "");
    let state = |shown: &str| {
        let line = shown.lines().find(|line| line.starts_with("100 ")).unwrap_or_default().to_owned();
        line.contains("busyout")
    };
    gateway.show_until("show dial-peer voice summary", SOON, state);
    let mut lines = gateway.lines();
    lines.dial("2/0", "2003");
    let invite = invited(&mut second);
    answers(&mut second, &invite);
    lines.act("2/0", "onhook", &json!({}));
    // It is asked again, and answers.
    let ping = first.asked("OPTIONS");
    first.reply(&ping, 200, "", "");
    gateway.show_until("show dial-peer voice summary", SOON, |shown| !state(shown));
    std::thread::sleep(Duration::from_millis(1300));
    lines.dial("2/0", "2003");
    let invite = invited(&mut first);
    answers(&mut first, &invite);
    lines.act("2/0", "onhook", &json!({}));
    gateway.show_until("show call active voice brief", SOON, |shown| shown.contains("Total call-legs: 0"));
}
