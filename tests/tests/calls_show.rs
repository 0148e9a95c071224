//! What an operator sees of calls: every `show` of them at a console, and the metrics, while there is a call and afterwards.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{Lines, Profile, Run, SipPhone, Tipringd, free_port, http_get};

/// The time in which what is waited for happens.
const LIMIT: Duration = Duration::from_secs(5);

/// Telephones 8000 and 8001, and a SIP telephone that has called 8000: they talk.
struct Site {
    gateway: Tipringd,
    phone: SipPhone,
    lines: Lines,
    metrics: u16,
}

impl Site {
    fn new() -> Self {
        let mut phone = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
        let metrics = free_port();
        let config = format!(
            "num-exp 77 8001\n!\ncall spike 50 steps 5 size 200\n!\n\
             dial-peer voice 8000 pots\n description Reception\n destination-pattern 8000\n port 2/0\n!\n\
             dial-peer voice 8001 pots\n destination-pattern 8001\n port 2/1\n max-conn 1\n!\n\
             dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n \
             incoming called-number .\n session target ipv4:{}\n codec g711ulaw\n dtmf-relay rtp-nte\n!\n\
             sip-ua\n timers trying 300\n timers connection aging 7\n retry invite 2\n retry bye 4\n",
            phone.address()
        );
        let hardware =
            (0..2).map(|at| format!("[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n")).collect::<String>();
        let args = vec!["--metrics".to_owned(), format!("127.0.0.1:{metrics}")];
        let gateway = Tipringd::start_run(Run { config, hardware, profile: Profile::Debug, args });
        phone.set_gateway(gateway.sip());
        let mut lines = gateway.lines();
        let offer = phone.sdp("0 101", "a=rtpmap:101 telephone-event/8000\r\n");
        phone.invite("8000", "", &offer);
        phone.response("INVITE", 180);
        lines.off_hook("2/0");
        phone.response("INVITE", 200);
        phone.request("ACK", "", "");
        let site = Self { gateway, phone, lines, metrics };
        site.wait("show call active voice brief", "Originate 8000 active");
        site
    }

    #[track_caller]
    fn wait(&self, command: &str, text: &str) -> String {
        self.gateway.show_until(command, LIMIT, |shown| shown.contains(text))
    }

    /// Each of these lines is printed, in this order.
    #[track_caller]
    fn shows(&self, command: &str, lines: &[&str]) {
        let shown = self.gateway.show(command);
        let mut printed = shown.lines();
        for line in lines {
            assert!(printed.any(|one| fits(one, line)), "{command}: no {line:?}, in this order, in\n{shown}");
        }
    }

    /// The metrics have each of these lines.
    #[track_caller]
    fn counted(&self, lines: &[&str]) {
        let (_, text) = http_get(self.metrics, "/metrics");
        for line in lines {
            assert!(text.lines().any(|one| one == *line), "no {line:?} in\n{text}");
        }
    }

    /// The SIP telephone hangs up, and the other does.
    fn ends(&mut self) {
        self.phone.request("BYE", "", "");
        self.phone.response("BYE", 200);
        self.lines.act("2/0", "onhook", &system_tests::json!({}));
        self.wait("show call active voice brief", "Total call-legs: 0");
    }
}

/// Word by word; `*` is any word.
fn fits(printed: &str, wanted: &str) -> bool {
    let (printed, wanted): (Vec<&str>, Vec<&str>) =
        (printed.split_whitespace().collect(), wanted.split_whitespace().collect());
    printed.len() == wanted.len()
        && printed.iter().zip(&wanted).all(|(one, word)| *word == "*" || one == word)
}

#[test]
fn a_call_is_seen_in_every_show_of_calls_and_afterwards_in_the_history() {
    let mut site = Site::new();
    let media = site.phone.media();
    let calls = ["Telephony call-legs: 1", "SIP call-legs: 1", "Total call-legs: 2"];
    site.shows("show call active voice brief", &calls);
    // The telephone that called, from its SIP dial peer, and the one that was called.
    site.shows(
        "show call active voice brief",
        &[
            "* : * * * * * * * * * pid:5 Answer 5000 active",
            "SIP *",
            "* : * * * * * * * * * pid:8000 Originate 8000 active",
            "Tele 2/0 * [2/0]",
        ],
    );
    site.shows(
        "show call active voice",
        &[
            "PeerAddress=5000",
            "PeerId=5",
            "CallState=4",
            "CallOrigin=2",
            "VOIP:",
            "PeerAddress=8000",
            "PeerId=8000",
            "CallOrigin=1",
            "TELE:",
        ],
    );
    site.shows(
        "show sip-ua calls",
        &[
            "Total SIP call legs:1, User Agent Client:0, User Agent Server:1",
            "State of the call : STATE_ACTIVE (7)",
            "Calling Number : 5000",
            "Called Number : 8000",
            "Negotiated Codec : g711ulaw (160 bytes)",
            "Negotiated Dtmf-relay : rtp-nte",
            "Dtmf-relay Payload Type : 101",
            &format!("Media Dest IP Addr:Port : {media}"),
        ],
    );
    site.shows(
        "show voip rtp connections",
        &[&format!("1 * * * {} 127.0.0.1 127.0.0.1 NO NA", media.port()), "Found 1 active RTP connections"],
    );
    site.shows("show voice call status", &["* * * 2/0 * 8000 None 5/8000", "1 active call found"]);
    site.shows(
        "show voice call summary",
        &["2/0 None -- S_CONNECT FXSLS_CONNECT", "2/1 -- -- -- FXSLS_ONHOOK"],
    );
    site.shows(
        "show dial-peer voice 8000",
        &[
            "VoiceEncapPeer8000",
            "description = `Reception',",
            "incoming called-number = `', connections/maximum = 1/unlimited,",
        ],
    );
    site.shows("show dial-peer voice summary", &["dial-peer hunt 0"]);
    site.shows(
        "show call resource",
        &[
            "Total calls: 1, call legs: 2",
            "Call spike: 50 calls in 1000 ms",
            "Call service: running",
            "Ended: 0 calls, 0 of them answered",
        ],
    );
    site.counted(&[
        "tipring_calls 1",
        "tipring_call_legs{kind=\"sip\"} 1",
        "tipring_call_legs{kind=\"line\"} 1",
        "tipring_call_legs{kind=\"trunk\"} 0",
    ]);
    site.ends();
    site.shows("show sip-ua calls", &["Total SIP call legs:0, User Agent Client:0, User Agent Server:0"]);
    site.shows("show voip rtp connections", &["Found 0 active RTP connections"]);
    site.shows("show call history voice brief", &["Total call-legs: 2"]);
    let brief = site.gateway.show("show call history voice brief");
    assert_eq!(brief.matches("10  (normal call clearing (16))").count(), 2, "{brief}");
    site.shows(
        "show call history voice",
        &[
            "PeerAddress=5000",
            "DisconnectCause=10",
            "CallOrigin=2",
            "PeerAddress=8000",
            "DisconnectCause=10",
            "CallOrigin=1",
        ],
    );
    site.shows("show call resource", &["Ended: 1 calls, 1 of them answered"]);
    site.counted(&[
        "tipring_calls 0",
        "tipring_call_legs{kind=\"sip\"} 0",
        "tipring_call_legs{kind=\"line\"} 0",
        "tipring_calls_ended_total{answered=\"yes\",cause=\"16\"} 1",
    ]);
}

#[test]
fn the_user_agent_shows_its_timers_retries_service_and_counters() {
    let mut site = Site::new();
    site.shows(
        "show sip-ua timers",
        &[
            "SIP UA Timer Values (millisecs unless noted)",
            "trying 300, expires 180000, connect 500, disconnect 500",
            "tcp/udp aging 7 minutes",
        ],
    );
    site.shows(
        "show sip-ua retry",
        &[
            "SIP UA Retry Values",
            "invite retry count = 2 response retry count = 6",
            "bye retry count = 4 cancel retry count = 10",
        ],
    );
    site.shows("show sip-ua service", &["SIP Service is up"]);
    site.shows("show sip-ua min-se", &["SIP UA MIN-SE Value (seconds)", "Min-SE: 1800"]);
    site.shows(
        "show sip-ua statistics",
        &["Trying 0/1, Ringing 0/1", "Ok 0/1, 202Accepted 0/0", "Invite 1/0, Ack 1/0"],
    );
    site.shows(
        "show sip-ua status",
        &["SIP User Agent for UDP : ENABLED", "SIP User Agent for TCP : ENABLED"],
    );
    site.shows(
        "show sip-ua connections udp detail",
        &[
            "-------------- SIP Transport Layer Listen Sockets ---------------",
            &format!("1 [127.0.0.1]:{}: 0", site.gateway.sip().port()),
        ],
    );
    site.shows("show timers", &["trying 300, expires 180000, connect 500, disconnect 500"]);
    // Nobody may call any more, and the call goes on.
    let mut console = site.gateway.console();
    for line in ["configure terminal", "voice service voip", "sip", "call service stop", "end"] {
        console.answer(line);
    }
    site.shows("show sip-ua service", &["SIP service is shut", "under 'voice service voip', 'sip' submode"]);
    let mut other = SipPhone::new(Ipv4Addr::LOCALHOST, site.gateway.sip());
    let offer = other.sdp("0", "");
    other.invite("8001", "", &offer);
    other.response("INVITE", 503);
    other.acknowledge_refusal();
    site.shows(
        "show call resource",
        &["Call service: stopped", "Refused: 0 threshold, 0 spike, 1 service stop, 0 max-conn"],
    );
    site.counted(&["tipring_calls_refused_total{reason=\"stopped\"} 1", "tipring_calls 1"]);
    site.ends();
}

#[test]
fn a_number_is_looked_up_and_called_from_the_console() {
    let mut site = Site::new();
    site.shows(
        "show dialplan number 77",
        &[
            "Macro Exp.: 8001",
            "VoiceEncapPeer8001",
            "tag = 8001, destination-pattern = `8001',",
            "Matched: 8001 Digits: 4",
        ],
    );
    site.shows("show dialplan number 6", &["No match, result=-1(NO_MATCH)"]);
    let said = site.gateway.show("csim start 77");
    assert_eq!(said.trim(), "csim: called number = 77, loop count = 1 ping count = 0");
    assert!(site.lines.rings("2/1", LIMIT));
    site.shows("show call active voice brief", &["Telephony call-legs: 2", "SIP call-legs: 1"]);
    site.shows("show dial-peer voice 8001", &["incoming called-number = `', connections/maximum = 1/1,"]);
    // The dial peer has all the calls it may have.
    let mut other = SipPhone::new(Ipv4Addr::LOCALHOST, site.gateway.sip());
    let offer = other.sdp("0", "");
    other.invite("8001", "", &offer);
    let refused = other.next(LIMIT).and_then(|_| other.next(LIMIT)).expect("an answer");
    assert!(refused.status().is_some_and(|status| status >= 400), "{refused:?}");
    other.acknowledge_refusal();
    site.counted(&["tipring_calls_refused_total{reason=\"max-conn\"} 1"]);
    site.lines.off_hook("2/1");
    site.shows("show voice call summary", &["2/1 None -- S_CONNECT FXSLS_CONNECT"]);
    site.lines.act("2/1", "onhook", &system_tests::json!({}));
    site.gateway.show_until("show call resource", LIMIT, |shown| shown.contains("Total calls: 1,"));
    site.ends();
}
