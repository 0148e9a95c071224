//! What is said on a B channel is heard at the other end of the call: libpri signals, the octets of the channels come and go
//! beside it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use media::dtmf::digits_in;
use system_tests::{
    Bearers, FaxEnd, Lines, Measured, Pbx, Side, SipPhone, Tipringd, free_port, json, t38_description,
    t38_port,
};

/// Two trunks with libpri and their B channels, 47.. behind the first and 48.. behind the second; a telephone 8000 at 2/0; a
/// SIP telephone for 5...
struct Site {
    gateway: Tipringd,
    pbx: [Pbx; 2],
    bearers: [Bearers; 2],
    phone: SipPhone,
}

impl Site {
    fn new(more: &str) -> Self {
        let mut phone = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
        let bearers = [Bearers::open(), Bearers::open()];
        let ports = [free_port(), free_port()];
        let mut config = String::from("isdn switch-type primary-qsig\n!\n");
        let mut hardware = String::from("[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n");
        for (at, port) in ports.iter().enumerate() {
            config.push_str(&format!(
                "controller E1 1/{at}\n pri-group timeslots 1-31\n!\ninterface Serial1/{at}:15\n \
                 isdn protocol-emulate user\n!\ndial-peer voice 4{at} pots\n destination-pattern 4{}..\n \
                 no digit-strip\n port 1/{at}:15\n!\n",
                at + 7
            ));
            hardware.push_str(&format!(
                "[[pri]]\ncontroller = \"E1 1/{at}\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{port}\"\n\
                 bearers = \"127.0.0.1:{},127.0.0.1:{}\"\n\n",
                free_port(),
                bearers.get(at).unwrap().port()
            ));
        }
        config.push_str(&format!(
            "dial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\ndial-peer voice 5 voip\n \
             destination-pattern 5...\n session protocol sipv2\n incoming called-number .\n \
             session target ipv4:{}\n codec g711ulaw\n{more}!\n",
            phone.address()
        ));
        let gateway = Tipringd::start(&config, &hardware);
        phone.set_gateway(gateway.sip());
        let pbx = ports.map(|port| {
            let mut pbx = Pbx::connect(([127, 0, 0, 1], port).into(), Side::Network, &[]);
            pbx.wait_up();
            pbx
        });
        gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
            shown.matches("MULTIPLE_FRAME_ESTABLISHED").count() == 2
        });
        Self { gateway, pbx, bearers, phone }
    }

    fn talking(&self) {
        self.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.matches(" active").count() == 2
        });
        for bearers in &self.bearers {
            bearers.begin();
        }
    }

    /// The first PBX hangs up, and nothing is left.
    fn ends(&mut self) {
        let [first, _] = &mut self.pbx;
        first.send("hangup last 16");
        self.ended();
    }

    fn ended(&self) {
        self.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.contains("Total call-legs: 0")
        });
    }

    /// What one trunk says the other hears: `hz` at its level and without a gap, for 2 s.
    fn heard(&self, from: usize, hz: f64) {
        let [said, heard] = [self.bearers.get(from).unwrap(), self.bearers.get(1 - from).unwrap()];
        said.says(Some(hz));
        // 260 ms of the line are on their way before it.
        let first = heard.measure(1.0, &self.gateway.scratch().join("first.wav"));
        begins_within(&first, 500.0);
        let tone = heard.measure(2.0, &self.gateway.scratch().join("heard.wav"));
        said.says(None);
        tone.assert_one_tone(&format!("{hz}"), Some(-10.0));
    }
}

/// The tone began so many ms of audio after it was said, at the latest.
#[track_caller]
fn begins_within(measured: &Measured, ms: f64) {
    let first = measured.segments.first().unwrap_or_else(|| panic!("nothing is heard"));
    assert!(first.start_ms < ms, "heard after {} ms", first.start_ms);
}

#[test]
fn what_one_exchange_says_the_other_hears() {
    let mut site = Site::new("");
    let [first, second] = &mut site.pbx;
    second.policy("call=answer");
    first.send("call 4811 from=4711");
    second.wait(&json!({"ev": "call", "state": "setup", "called": "4811"}));
    first.wait(&json!({"ev": "call", "state": "connected"}));
    site.talking();
    site.heard(0, 440.0);
    site.heard(1, 950.0);
    // Keys pass as the tones they are.
    let [said, heard] = &site.bearers;
    said.dials("159#");
    assert_eq!(digits_in(&heard.hear(1.5)), "159#");
    // Each call has one channel, on each trunk.
    assert_eq!([said.slots().len(), heard.slots().len()], [1, 1]);
    site.ends();
    // And the other way.
    let [first, second] = &mut site.pbx;
    first.policy("call=answer");
    second.send("call 4711 from=4811");
    second.wait(&json!({"ev": "call", "state": "connected"}));
    site.talking();
    site.heard(0, 620.0);
    site.heard(1, 350.0);
    site.ends();
}

/// Waits until nothing is played or recorded any more.
fn telephone_hears(lines: &mut Lines, hz: &str) {
    lines.hear("2/0", 2.0).assert_one_tone(hz, Some(-10.0));
}

#[test]
fn a_telephone_and_an_exchange_hear_each_other() {
    let mut site = Site::new("");
    let mut lines = site.gateway.lines();
    let [first, _] = &mut site.pbx;
    first.policy("call=answer");
    lines.dial("2/0", "4711");
    first.wait(&json!({"ev": "call", "state": "setup", "called": "4711"}));
    site.talking();
    let [channel, _] = &site.bearers;
    channel.says(Some(440.0));
    std::thread::sleep(Duration::from_millis(500));
    telephone_hears(&mut lines, "440");
    channel.says(None);
    let file = site.gateway.scratch().join("said.wav");
    system_tests::write_tone(&file, 950.0, 4);
    lines.act("2/0", "play", &json!({"file": file}));
    let _ = channel.hear(0.5);
    let heard = channel.measure(2.0, &site.gateway.scratch().join("heard.wav"));
    heard.assert_one_tone("950", Some(-10.0));
    lines.wait(&json!({"port": "2/0", "event": "dialled"}), Duration::from_secs(10));
    // Keys of the telephone.
    lines.act("2/0", "dial", &json!({"digits": "159"}));
    assert_eq!(digits_in(&channel.hear(2.0)), "159");
    lines.act("2/0", "onhook", &json!({}));
    site.ended();
    // And the other way.
    let [first, _] = &mut site.pbx;
    first.send("call 8000 from=4711");
    assert!(lines.rings("2/0", Duration::from_secs(3)));
    lines.off_hook("2/0");
    first.wait(&json!({"ev": "call", "state": "connected"}));
    let [channel, _] = &site.bearers;
    channel.begin();
    channel.says(Some(620.0));
    std::thread::sleep(Duration::from_millis(500));
    telephone_hears(&mut lines, "620");
    site.ends();
    lines.act("2/0", "onhook", &json!({}));
}

/// A fax machine behind the first PBX sends a page by T.38; gives what both ends say of it.
fn page(fax: &str) -> (String, String) {
    let mut site = Site::new(fax);
    let [first, _] = &mut site.pbx;
    first.send("call 5123 from=4711");
    let invite = site.phone.asked("INVITE");
    let audio = site.phone.sdp("0", "");
    site.phone.reply(&invite, 200, "", &audio);
    site.phone.asked("ACK");
    let file = |name: &str| site.gateway.scratch().join(name);
    let mut sends = FaxEnd::machine_that_sends(&file("sent.tif"));
    let mut receives = FaxEnd::receive(&file("got.tif"));
    let [channel, _] = &site.bearers;
    // Nothing mends a gap in a page without error correction.
    channel.begin();
    channel.machine(sends.port());
    site.phone.request("INVITE", "", t38_description(receives.port()));
    let agreed = site.phone.response("INVITE", 200);
    site.phone.request("ACK", "", "");
    receives.begin(t38_port(&agreed));
    let results = (sends.result(), receives.result());
    site.phone.request("BYE", "", "");
    site.phone.response("BYE", 200);
    site.ended();
    results
}

#[test]
fn a_fax_machine_behind_the_exchange_sends_a_page_to_t38() {
    let (sent, got) = page(" fax protocol t38 version 0 ls-redundancy 3 hs-redundancy 1 fallback none\n");
    assert!(sent.starts_with("0 pages 1 rows 120 ") && sent.ends_with(" ecm 1"), "sent {sent}, got {got}");
    assert_eq!(sent, got, "the page came as it went");
}

#[test]
fn without_error_correction_where_the_dial_peer_forbids_it() {
    let (sent, got) = page(" fax-relay ecm disable\n");
    assert!(sent.starts_with("0 pages 1 rows 120 ") && sent.ends_with(" ecm 0"), "sent {sent}, got {got}");
    assert_eq!(sent, got, "the page came as it went");
}
