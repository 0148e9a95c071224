//! A gateway that is told to end lets its calls end first.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{
    Lines, Pbx, Profile, Run, Side, SipPhone, Tipringd, free_port, json, tone_measure, write_tone,
};

/// The time in which what is waited for happens.
const LIMIT: Duration = Duration::from_secs(5);

/// Two telephones, a trunk to libpri and a SIP telephone that has called 8000: they talk.
struct Site {
    gateway: Tipringd,
    phone: SipPhone,
    lines: Lines,
    pbx: Pbx,
}

impl Site {
    fn new(drain: &str) -> Self {
        let mut phone = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
        let trunk = free_port();
        let config = format!(
            "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
             interface Serial1/0:15\n isdn protocol-emulate user\n!\n\
             dial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\n\
             dial-peer voice 8001 pots\n destination-pattern 8001\n port 2/1\n!\n\
             dial-peer voice 47 pots\n destination-pattern 47..\n no digit-strip\n port 1/0:15\n!\n\
             dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n \
             incoming called-number .\n session target ipv4:{}\n codec g711ulaw\n!\n",
            phone.address()
        );
        let hardware = format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n\n\
             [[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\n\
             address = \"tcp-listen:127.0.0.1:{trunk}\"\n"
        );
        let args = vec!["--drain".to_owned(), drain.to_owned()];
        let gateway = Tipringd::start_run(Run { config, hardware, profile: Profile::Debug, args });
        phone.set_gateway(gateway.sip());
        let mut pbx = Pbx::connect(([127, 0, 0, 1], trunk).into(), Side::Network, &["-w", "qsig"]);
        pbx.wait_up();
        gateway.show_until("show isdn status", LIMIT, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
        let lines = gateway.lines();
        let mut site = Self { gateway, phone, lines, pbx };
        site.invite("8000");
        site.phone.response("INVITE", 180);
        site.lines.off_hook("2/0");
        let answer = site.phone.response("INVITE", 200);
        site.phone.request("ACK", "", "");
        site.phone.speak(answer.rtp(), None);
        site.talks(1);
        site
    }

    fn invite(&mut self, number: &str) {
        let offer = self.phone.sdp("0", "");
        self.phone.invite(number, "", &offer);
    }

    fn talks(&self, calls: usize) {
        self.gateway.show_until("show call active voice brief", LIMIT, |shown| {
            shown.matches(" active").count() == 2 * calls
        });
    }

    /// Until the daemon has seen the signal.
    fn terminate(&self) {
        self.gateway.terminate();
        let log = self.gateway.show_until("show logging", LIMIT, |log| log.contains("%SYS-5-SHUTDOWN: "));
        assert!(log.contains("%SYS-5-SHUTDOWN: Calls under way: "), "{log}");
    }
}

#[test]
fn after_sigterm_new_calls_get_503_and_the_process_ends_with_the_last_call() {
    let mut site = Site::new("60");
    let mut other = SipPhone::new(Ipv4Addr::LOCALHOST, site.gateway.sip());
    site.gateway.terminate();
    site.gateway.show_until("show call resource", LIMIT, |shown| shown.contains("Call service: draining"));
    // By SIP, from the PBX and from a telephone.
    let offer = other.sdp("0", "");
    other.invite("8001", "", &offer);
    let refused = other.response("INVITE", 503);
    assert!(refused.header("Reason").contains("cause=41"), "{refused:?}");
    other.acknowledge_refusal();
    site.pbx.send("call 8001 from=4700");
    site.pbx.wait(&json!({"ev": "call", "cause": 41}));
    site.lines.off_hook("2/1");
    let heard = site.lines.hear("2/1", 1.5);
    assert!(heard.segments.iter().all(|segment| segment.f == "480+620"), "congestion: {heard:?}");
    // The call goes on: it is heard, it is held and taken back.
    let file = site.gateway.scratch().join("said.wav");
    write_tone(&file, 1004.0, 4);
    site.lines.act("2/0", "play", &json!({"file": file}));
    std::thread::sleep(Duration::from_millis(500));
    let file = site.gateway.scratch().join("heard.wav");
    site.phone.listen(2.0, &file);
    tone_measure(&file).assert_one_tone("1004", Some(-10.0));
    let hold = site.phone.sdp("0", "a=sendonly\r\n");
    site.phone.request("INVITE", "", &hold);
    let held = site.phone.response("INVITE", 200);
    assert!(held.body.contains("a=recvonly"), "{}", held.body);
    site.phone.request("ACK", "", "");
    assert!(site.gateway.is_running());
    site.phone.request("BYE", "", "");
    site.phone.response("BYE", 200);
    site.gateway.ended();
}

#[test]
fn calls_that_do_not_end_are_ended_when_the_time_is_up() {
    let mut site = Site::new("2");
    // A second call, from telephone to PBX.
    site.pbx.policy("call=alert");
    site.lines.dial("2/1", "4711");
    site.pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4711"}));
    site.pbx.send("answer last");
    site.talks(2);
    site.terminate();
    let bye = site.phone.asked("BYE");
    assert!(bye.header("Reason").contains("Q.850;cause=41"), "{bye:?}");
    site.phone.reply(&bye, 200, "", "");
    site.pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 41}));
    site.gateway.ended();
}

#[test]
fn a_second_sigterm_ends_calls_at_once() {
    let mut site = Site::new("3600");
    site.terminate();
    site.gateway.terminate();
    let bye = site.phone.asked("BYE");
    site.phone.reply(&bye, 200, "", "");
    site.gateway.ended();
}
