//! Calls between other people's programs, through the daemon: baresip behind Kamailio, libpri with its B channels, telephones
//! that spandsp listens to, and SIPp. Every pair of legs, each way, is a call that both ends hear.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use system_tests::{
    Baresip, Bearers, Finished, Kamailio, Lines, Measured, Pbx, Process, Side, Tipringd, finish, free_port,
    json, write_tone,
};

/// The time in which what is waited for happens.
const LIMIT: Duration = Duration::from_secs(10);
/// What callers say and what the called say, Hz.
const TONES: [f64; 2] = [440.0, 620.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Telephone,
    Sip,
    Exchange,
}

use Kind::{Exchange, Sip, Telephone};

/// Who calls is 8000 at 2/0, 5100 or 4711; who is called is 8001 at 2/1, 5200 or 4811.
struct Site {
    gateway: Tipringd,
    proxy: Kamailio,
    lines: Lines,
    phones: [Baresip; 2],
    pbx: [Pbx; 2],
    bearers: [Bearers; 2],
}

/// Kamailio stays in the way of what it relays: from the gateway to the telephones, from them to the gateway.
fn kamailio(port: u16, gateway: SocketAddr, phones: [u16; 2]) -> Kamailio {
    let [first, second] = phones;
    Kamailio::start(port, |_| {
        format!(
            r#"
loadmodule "maxfwd.so"
modparam("rr", "enable_full_lr", 1)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    if (is_method("INVITE")) record_route();
    if ($sp != {}) $du = "sip:{gateway}";
    else if ($rU =~ "^51") $du = "sip:127.0.0.1:{first}";
    else $du = "sip:127.0.0.1:{second}";
    t_relay();
}}
"#,
            gateway.port()
        )
    })
}

impl Site {
    fn new() -> Self {
        let bearers = [Bearers::open(), Bearers::open()];
        let (trunks, proxy) = ([free_port(), free_port()], free_port());
        let mut config = String::from(
            "isdn switch-type primary-qsig\n!\nvoice service voip\n allow-connections sip to sip\n!\n",
        );
        let mut hardware = String::new();
        for (at, (port, bearers)) in trunks.iter().zip(&bearers).enumerate() {
            config.push_str(&format!(
                "controller E1 1/{at}\n pri-group timeslots 1-31\n!\ninterface Serial1/{at}:15\n \
                 isdn protocol-emulate user\n!\ndial-peer voice 4{at} pots\n destination-pattern 4{}..\n \
                 no digit-strip\n port 1/{at}:15\n!\n\
                 dial-peer voice 800{at} pots\n destination-pattern 800{at}\n port 2/{at}\n!\n",
                at + 7
            ));
            hardware.push_str(&format!(
                "[[fxs]]\nport = \"2/{at}\"\nbackend = \"sim\"\n\n[[pri]]\ncontroller = \"E1 1/{at}\"\n\
                 backend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{port}\"\n\
                 bearers = \"127.0.0.1:{},127.0.0.1:{}\"\n\n",
                free_port(),
                bearers.port()
            ));
        }
        // baresip names the host's address in its descriptions, and sends from that of the loopback.
        config.push_str(&format!(
            "dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n \
             incoming called-number .\n session target ipv4:127.0.0.1:{proxy}\n codec g711ulaw\n no vad\n!\n\
             sip-ua\n nat symmetric role passive\n nat symmetric check-media-src\n!\n"
        ));
        let gateway = Tipringd::start(&config, &hardware);
        let phone = |user: &str, more: &str, hz| {
            Baresip::saying(&format!("<sip:{user}@127.0.0.1>;regint=0{more}"), hz)
        };
        let phones = [phone("5100", "", TONES[0]), phone("5200", ";answermode=auto", TONES[1])];
        let proxy = kamailio(proxy, gateway.sip(), phones.each_ref().map(Baresip::port));
        let pbx = trunks.map(|port| {
            let mut pbx = Pbx::connect((Ipv4Addr::LOCALHOST, port).into(), Side::Network, &[]);
            pbx.wait_up();
            pbx.policy("call=answer");
            pbx
        });
        gateway.show_until("show isdn status", LIMIT, |shown| {
            shown.matches("MULTIPLE_FRAME_ESTABLISHED").count() == 2
        });
        let lines = gateway.lines();
        Self { gateway, proxy, lines, phones, pbx, bearers }
    }

    /// One call; the caller hangs up if `caller_ends`.
    fn call(&mut self, from: Kind, to: Kind, caller_ends: bool) {
        let pair = format!("{from:?} to {to:?}");
        let number = match to {
            Telephone => "8001",
            Sip => "5200",
            Exchange => "4811",
        };
        self.pbx.iter_mut().for_each(|pbx| pbx.events().mark());
        match from {
            Telephone => self.lines.dial("2/0", number),
            Sip => self.phones[0].dial(&format!("sip:{number}@127.0.0.1:{}", self.proxy.port)),
            Exchange => self.pbx[0].send(&format!("call {number} from=4711")),
        }
        match to {
            Telephone => {
                assert!(self.lines.rings("2/1", LIMIT), "{pair}");
                self.lines.off_hook("2/1");
            }
            Sip => self.phones[1].wait("Call established"),
            Exchange => {
                self.pbx[1].wait(&json!({"ev": "call", "state": "setup", "called": number}));
            }
        }
        self.gateway
            .show_until("show call active voice brief", LIMIT, |shown| shown.matches(" active").count() == 2);
        self.bearers.iter().for_each(Bearers::begin);
        for (at, kind) in [from, to].into_iter().enumerate() {
            self.says(at, kind);
        }
        for (at, kind) in [from, to].into_iter().enumerate() {
            if let Some(heard) = self.hears(at, kind) {
                is_tone(&heard, TONES[1 - at], &pair);
            }
        }
        // baresip has heard so much by then.
        std::thread::sleep(Duration::from_millis(1500));
        let (first, second) = if caller_ends { (0, 1) } else { (1, 0) };
        let kinds = [from, to];
        match kinds[first] {
            Telephone => drop(self.lines.act(&format!("2/{first}"), "onhook", &json!({}))),
            Sip => self.phones[first].hang_up(),
            Exchange => self.pbx[first].send("hangup last 16"),
        }
        match kinds[second] {
            Telephone | Sip => {}
            Exchange => {
                self.pbx[second].wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
            }
        }
        if kinds[second] == Telephone {
            self.lines.act(&format!("2/{second}"), "onhook", &json!({}));
        }
        self.gateway
            .show_until("show call resource", LIMIT, |shown| shown.contains("Total calls: 0, call legs: 0"));
        for (at, _) in kinds.iter().enumerate().filter(|(_, kind)| **kind == Sip) {
            // Said once a call, by whoever hung up too.
            self.phones[at].wait("terminated");
            is_tone(&self.phones[at].heard(), TONES[1 - at], &pair);
        }
        self.bearers.iter().for_each(|bearers| bearers.says(None));
        self.gateway
            .show_until("show voice call summary", LIMIT, |shown| shown.matches("FXSLS_ONHOOK").count() == 2);
    }

    /// The caller (0) or the called party (1) speaks.
    fn says(&mut self, at: usize, kind: Kind) {
        match kind {
            Telephone => {
                let file = self.gateway.scratch().join(format!("said{at}.wav"));
                write_tone(&file, TONES[at], 5);
                self.lines.act(&format!("2/{at}"), "play", &json!({"file": file}));
            }
            Exchange => self.bearers[at].says(Some(TONES[at])),
            // It always does.
            Sip => {}
        }
    }

    /// What it hears; what baresip heard is known after the call.
    fn hears(&mut self, at: usize, kind: Kind) -> Option<Measured> {
        match kind {
            Telephone => Some(self.lines.hear(&format!("2/{at}"), 2.5)),
            Exchange => Some(self.bearers[at].measure(2.5, &self.gateway.scratch().join("heard.wav"))),
            Sip => None,
        }
    }
}

/// A second of this tone at about its level, and no other. Gaps are measured where nobody else's timing is in it.
#[track_caller]
fn is_tone(heard: &Measured, hz: f64, pair: &str) {
    // Packets that come late on a busy machine bend what is measured a little.
    let near = |f: &str| f.parse::<f64>().is_ok_and(|found| (found - hz).abs() < hz / 50.0);
    let right = |level: f64| (-18.0..-9.0).contains(&level);
    let (own, others): (Vec<_>, Vec<_>) =
        heard.segments.iter().partition(|segment| near(&segment.f) && right(segment.level()));
    let sounds: f64 = own.iter().map(|segment| segment.on_ms).sum();
    assert!(sounds > 800.0, "{pair}: {hz} Hz for {sounds} ms: {heard:?}");
    assert!(others.iter().all(|segment| segment.on_ms < 200.0), "{pair}: not {hz} Hz alone: {heard:?}");
}

#[test]
fn a_telephone_calls_a_telephone_baresip_and_libpri() {
    let mut site = Site::new();
    for (at, to) in [Telephone, Sip, Exchange].into_iter().enumerate() {
        site.call(Telephone, to, at % 2 == 0);
    }
    site.call(Telephone, Sip, true);
}

#[test]
fn baresip_calls_a_telephone_baresip_and_libpri() {
    let mut site = Site::new();
    for (at, to) in [Telephone, Sip, Exchange].into_iter().enumerate() {
        site.call(Sip, to, at % 2 == 1);
    }
    site.call(Sip, Exchange, true);
}

#[test]
fn libpri_calls_a_telephone_baresip_and_libpri() {
    let mut site = Site::new();
    for (at, to) in [Telephone, Sip, Exchange].into_iter().enumerate() {
        site.call(Exchange, to, at % 2 == 0);
    }
    site.call(Exchange, Sip, true);
}

/// SIPp with one of its own scenarios.
fn sipp(scenario: &str, port: u16, directory: &Path) -> Command {
    let mut command = Command::new("sipp");
    command.current_dir(directory).env("TERM", "dumb").args([
        "-sn",
        scenario,
        "-i",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-m",
        "20",
        "-nostdin",
    ]);
    command
}

#[test]
fn sipp_calls_sipp_and_libpri() {
    let (trunk, called) = (free_port(), free_port());
    let gateway = Tipringd::start(
        &format!(
            "isdn switch-type primary-qsig\n!\nvoice service voip\n allow-connections sip to sip\n!\n\
             controller E1 1/0\n pri-group timeslots 1-31\n!\ninterface Serial1/0:15\n isdn protocol-emulate user\n!\n\
             dial-peer voice 47 pots\n destination-pattern 47..\n no digit-strip\n port 1/0:15\n!\n\
             dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n \
             incoming called-number .\n session target ipv4:127.0.0.1:{called}\n codec g711ulaw\n!\n"
        ),
        &format!(
            "[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{trunk}\"\n"
        ),
    );
    let mut pbx = Pbx::connect((Ipv4Addr::LOCALHOST, trunk).into(), Side::Network, &[]);
    pbx.wait_up();
    pbx.policy("call=answer");
    gateway.show_until("show isdn status", LIMIT, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
    let (caller, callee) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut answers, ..) = Process::start("sipp", sipp("uas", called, callee.path()));
    for number in ["5123", "4711"] {
        let mut command = sipp("uac", free_port(), caller.path());
        command.args(["-s", number, "-r", "10", "-d", "300", "-timeout", "60", "-timeout_error"]);
        command.arg(gateway.sip().to_string());
        let Finished { code, stdout, stderr } = finish(command, Duration::from_secs(90));
        assert_eq!(code, Some(0), "{number}: {stderr}{stdout}");
    }
    // It ends when it has had its twenty calls.
    let status = answers.wait(LIMIT);
    assert!(status.success(), "{status}\n{}", answers.log());
    assert_eq!(pbx.events().all(&json!({"ev": "call", "state": "setup", "called": "4711"})).len(), 20);
    let shown = gateway
        .show_until("show call resource", LIMIT, |shown| shown.contains("Total calls: 0, call legs: 0"));
    assert!(shown.contains("Ended: 40 calls, 40 of them answered"), "{shown}");
}
