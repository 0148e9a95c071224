//! SIP calls the PBX and the PBX calls SIP, through the daemon. The PBX is libpri where signalling is judged, and the simulated
//! one where audio is.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{Measured, Pbx, Said, Side, SipPhone, Tipringd, free_port, json, tone_measure};

const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// A SIP telephone that has 5...; libpri on trunk 0 has 47..; the simulated PBX on trunk 1 has 46..; nobody is on trunk 2.
/// 48.. goes to trunk 2 and then to trunk 0, 58.. to a SIP server that refuses and then to the telephone.
struct Site {
    gateway: Tipringd,
    phone: SipPhone,
    /// The first target of 58...
    other: SipPhone,
    pbx: Pbx,
}

impl Site {
    fn new() -> Self {
        Self::with("", "primary-qsig", "qsig")
    }

    fn with(sip: &str, switch_type: &str, libpri: &str) -> Self {
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let mut phone = SipPhone::new(Ipv4Addr::LOCALHOST, nowhere);
        let mut other = SipPhone::new(Ipv4Addr::LOCALHOST, nowhere);
        let trunks: Vec<u16> = (0..2).map(|_| free_port()).collect();
        let (first, dead) = (trunks[0], trunks[1]);
        let mut config = format!("isdn switch-type {switch_type}\n!\n");
        for at in 0..3 {
            config.push_str(&format!(
                "controller E1 1/{at}\n pri-group timeslots 1-31\n!\ninterface Serial1/{at}:15\n \
                 isdn switch-type {switch_type}\n isdn protocol-emulate user\n isdn overlap-receiving\n!\n"
            ));
        }
        for (tag, pattern, port, more) in [
            (47, "47..", 0, ""),
            (46, "46..", 1, ""),
            (480, "48..", 2, " preference 1\n"),
            (481, "48..", 0, " preference 2\n"),
        ] {
            config.push_str(&format!(
                "dial-peer voice {tag} pots\n destination-pattern {pattern}\n no digit-strip\n \
                 port 1/{port}:15\n{more}!\n"
            ));
        }
        for (tag, pattern, target, more) in [
            (5, "5[1-7]..", phone.address(), " incoming called-number .\n"),
            (580, "58..", other.address(), " preference 1\n"),
            (581, "58..", phone.address(), " preference 2\n"),
        ] {
            config.push_str(&format!(
                "dial-peer voice {tag} voip\n destination-pattern {pattern}\n session protocol sipv2\n \
                 session target ipv4:{target}\n codec g711ulaw\n dtmf-relay rtp-nte\n{more}!\n"
            ));
        }
        config.push_str(sip);
        let hardware = format!(
            "[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{first}\"\n\n\
             [[pri]]\ncontroller = \"E1 1/1\"\nbackend = \"sim\"\n\n\
             [[pri]]\ncontroller = \"E1 1/2\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{dead}\"\n"
        );
        let gateway = Tipringd::start(&config, &hardware);
        phone.set_gateway(gateway.sip());
        other.set_gateway(gateway.sip());
        let mut pbx = Pbx::connect(([127, 0, 0, 1], first).into(), Side::Network, &["-w", libpri]);
        pbx.wait_up();
        gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
            shown.matches("MULTIPLE_FRAME_ESTABLISHED").count() == 2
        });
        Self { gateway, phone, other, pbx }
    }

    /// The telephone calls with an offer of µ-law and telephone events.
    fn invite(&mut self, number: &str, headers: &str) {
        let offer = self.phone.sdp("0 101", EVENTS);
        self.phone.invite(number, headers, &offer);
    }

    fn answer(&mut self, invite: &Said) {
        let answer = self.phone.sdp("0 101", EVENTS);
        self.phone.reply(invite, 200, "", &answer);
        self.phone.asked("ACK");
    }

    /// What the telephone hears for so long.
    fn hear(&self, seconds: f64) -> Measured {
        let file = self.gateway.scratch().join("heard.wav");
        self.phone.listen(seconds, &file);
        tone_measure(&file)
    }

    #[track_caller]
    fn ended(&mut self) {
        let none = |shown: &str| shown.contains("Total call-legs: 0");
        self.gateway.show_until("show call active voice brief", Duration::from_secs(5), none);
        assert!(self.gateway.show("show voip rtp connections").contains("Found 0 active RTP connections"));
        self.gateway.show_until("show isdn active", Duration::from_secs(5), |shown| {
            !shown.lines().any(|line| line.trim_start().starts_with("In ") || line.starts_with("Out "))
        });
    }
}

#[test]
fn sip_calls_the_pbx_which_rings_answers_and_either_side_hangs_up() {
    let mut site = Site::new();
    site.pbx.policy("call=alert");
    for telephone_first in [true, false] {
        site.invite("4711", "");
        let setup = json!({"ev": "call", "state": "setup", "called": "4711", "calling": "5000"});
        let setup = site.pbx.wait(&setup);
        assert_eq!(setup.get("calling_name"), Some(&json!("Phone")), "{setup}");
        let ringing = site.phone.response("INVITE", 180);
        assert_eq!(ringing.body, "", "ringing without sound has no session description");
        site.pbx.send("answer last");
        let answer = site.phone.response("INVITE", 200);
        assert!(answer.body.contains(" RTP/AVP 0 101\r\n"), "{}", answer.body);
        site.phone.request("ACK", "", "");
        site.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.contains("Originate 4711 active")
        });
        if telephone_first {
            site.phone.request("BYE", "", "");
            site.phone.response("BYE", 200);
            site.pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
        } else {
            site.pbx.send("hangup last 16");
            let bye = site.phone.asked("BYE");
            assert!(bye.header("Reason").contains("Q.850;cause=16"), "{bye:?}");
            site.phone.reply(&bye, 200, "", "");
        }
        site.ended();
    }
}

#[test]
fn the_pbx_calls_sip_which_rings_answers_and_either_side_hangs_up() {
    let mut site = Site::new();
    for telephone_first in [true, false] {
        site.pbx.send("call 5123 from=4711 name=Grace");
        let invite = site.phone.asked("INVITE");
        assert!(invite.start.starts_with("INVITE sip:5123@"), "{}", invite.start);
        assert!(invite.header("From").starts_with("\"Grace\" <sip:4711@"), "{invite:?}");
        site.phone.reply(&invite, 180, "", "");
        // Behind the trunk ringing is heard, not told: a tone of ours, and progress indicator 8 says so.
        let alerting = site.pbx.wait(&json!({"ev": "call", "state": "alerting"}));
        assert!(alerting.get("progressmask").is_some(), "{alerting}");
        site.answer(&invite);
        site.pbx.wait(&json!({"ev": "call", "state": "connected"}));
        if telephone_first {
            site.phone.request("BYE", "", "");
            site.phone.response("BYE", 200);
            site.pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
        } else {
            site.pbx.send("hangup last 16");
            let bye = site.phone.asked("BYE");
            site.phone.reply(&bye, 200, "", "");
        }
        site.ended();
    }
}

/// Q.850 causes of the PBX and what SIP is told, as `show sip-ua map pstn-sip` has it.
#[test]
fn a_cause_of_the_pbx_is_the_status_of_the_table() {
    let mut site = Site::new();
    for (cause, status) in [
        (1, 404),
        (3, 404),
        (17, 486),
        (18, 480),
        (19, 480),
        (21, 403),
        (22, 410),
        (27, 404),
        (28, 484),
        (34, 503),
        (38, 503),
        (41, 503),
        (47, 503),
        (58, 501),
        (88, 400),
        (102, 408),
        (127, 500),
    ] {
        site.pbx.policy(&format!("call=reject:{cause}"));
        site.invite("4711", "");
        let refused = site.phone.response("INVITE", status);
        assert!(refused.header("Reason").contains(&format!("Q.850;cause={cause}")), "{cause}: {refused:?}");
        site.phone.acknowledge_refusal();
    }
    // Nobody answers.
    site.pbx.policy("call=alert");
    site.invite("4711", "");
    site.phone.response("INVITE", 180);
    site.pbx.send("hangup last 19");
    site.phone.response("INVITE", 480);
    site.phone.acknowledge_refusal();
    site.ended();
}

/// SIP statuses and what the PBX is told, as `show sip-ua map sip-pstn` has it.
#[test]
fn a_status_of_sip_is_the_cause_of_the_table() {
    let mut site = Site::new();
    for (status, cause) in [
        (404, 1),
        (410, 1),
        (480, 18),
        (484, 28),
        (486, 17),
        (488, 127),
        (403, 57),
        (408, 102),
        (415, 79),
        (500, 41),
        (503, 63),
        (600, 17),
        (603, 21),
        (606, 58),
    ] {
        site.pbx.send("call 5123 from=4711");
        let invite = site.phone.asked("INVITE");
        site.phone.reply(&invite, status, "", "");
        site.phone.asked("ACK");
        let told = site.pbx.events().wait_for(
            &format!("that the call ended, {status} being {cause}"),
            |event| event.get("state") == Some(&json!("disconnect")),
            Duration::from_secs(5),
        );
        assert_eq!(told.get("cause"), Some(&json!(cause)), "{status}: {told}");
    }
    site.ended();
}

#[test]
fn a_caller_may_give_up_in_every_state() {
    let mut site = Site::new();
    for (policy, state) in [("manual", "setup"), ("proceed", "setup"), ("alert", "setup")] {
        site.pbx.policy(&format!("call={policy}"));
        site.invite("4711", "");
        site.pbx.wait(&json!({"ev": "call", "state": state}));
        if policy == "alert" {
            site.phone.response("INVITE", 180);
        } else {
            site.phone.response("INVITE", 100);
        }
        site.phone.request("CANCEL", "", "");
        site.phone.response("INVITE", 487);
        site.phone.acknowledge_refusal();
        if policy != "manual" {
            // libpri forgets a call that it has not answered in any way.
            site.pbx.wait(&json!({"ev": "call", "cause": 16}));
        }
        let none = |shown: &str| shown.contains("Total call-legs: 0");
        site.gateway.show_until("show call active voice brief", Duration::from_secs(5), none);
    }
    for status in [None, Some(100), Some(180), Some(183)] {
        site.pbx.send("call 5123 from=4711");
        let invite = site.phone.asked("INVITE");
        let answer = site.phone.sdp("0", "");
        match status {
            Some(183) => site.phone.reply(&invite, 183, "", &answer),
            Some(status) => site.phone.reply(&invite, status, "", ""),
            None => {}
        }
        std::thread::sleep(Duration::from_millis(200));
        site.pbx.send("hangup last 16");
        if status.is_none() {
            //= RFC 3261 9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent"
            std::thread::sleep(Duration::from_millis(300));
            site.phone.reply(&invite, 100, "", "");
        }
        let cancel = site.phone.asked("CANCEL");
        site.phone.reply(&cancel, 200, "", "");
        site.phone.reply(&invite, 487, "", "");
        site.phone.asked("ACK");
    }
    site.ended();
}

#[test]
fn what_is_heard_before_the_answer_is_told_to_either_side() {
    let mut site = Site::new();
    // Ringing that can be heard, and an announcement.
    for order in ["alert last inband=1", "progress last"] {
        site.pbx.policy("call=proceed");
        site.invite("4711", "");
        site.pbx.wait(&json!({"ev": "call", "state": "setup"}));
        site.pbx.send(order);
        let early = site.phone.response("INVITE", 183);
        assert!(early.body.contains("m=audio "), "{order}: {early:?}");
        site.phone.request("CANCEL", "", "");
        site.phone.response("INVITE", 487);
        site.phone.acknowledge_refusal();
        site.pbx.wait(&json!({"ev": "call", "cause": 16}));
    }
    // A session description before the answer.
    for (status, state) in [(183, "progress"), (180, "alerting")] {
        site.pbx.send("call 5123 from=4711");
        let invite = site.phone.asked("INVITE");
        let answer = site.phone.sdp("0", "");
        site.phone.reply(&invite, status, "", &answer);
        let told = site.pbx.wait(&json!({"ev": "call", "state": state}));
        assert!(told.get("progressmask").is_some(), "{status}: {told}");
        site.pbx.send("hangup last 16");
        let cancel = site.phone.asked("CANCEL");
        site.phone.reply(&cancel, 200, "", "");
        site.phone.reply(&invite, 487, "", "");
        site.phone.asked("ACK");
    }
    // Heard for certain: the simulated PBX announces, then has no such number.
    site.invite("4692", "");
    let early = site.phone.response("INVITE", 183);
    site.phone.speak(early.rtp(), None);
    std::thread::sleep(Duration::from_millis(500));
    site.hear(1.0).assert_one_tone("950", Some(-10.0));
    site.phone.response("INVITE", 404);
    site.phone.acknowledge_refusal();
    site.ended();
}

#[test]
fn audio_and_digits_pass_both_ways() {
    let mut site = Site::new();
    // What the telephone says comes back from the PBX: both directions are heard.
    site.invite("4693", "");
    let answer = site.phone.response("INVITE", 200);
    site.phone.request("ACK", "", "");
    site.phone.speak(answer.rtp(), Some(440.0));
    std::thread::sleep(Duration::from_millis(1000));
    site.hear(2.0).assert_one_tone("440", Some(-10.0));
    site.phone.request("BYE", "", "");
    site.phone.response("BYE", 200);
    site.ended();
    // A key is an event to the gateway, a tone to the PBX, and the PBX dials it back.
    site.invite("4694", "");
    let answer = site.phone.response("INVITE", 200);
    site.phone.request("ACK", "", "");
    site.phone.speak(answer.rtp(), None);
    std::thread::sleep(Duration::from_millis(700));
    for code in [1, 5, 9, 11] {
        site.phone.event(101, code);
        std::thread::sleep(Duration::from_millis(500));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(site.phone.events_heard(101), [1, 5, 9, 11]);
    site.phone.request("BYE", "", "");
    site.phone.response("BYE", 200);
    site.ended();
    // The PBX calls back and says 1004 Hz.
    site.invite("4695", "From-Test: x\r\n");
    site.phone.response("INVITE", 200);
    site.phone.request("ACK", "", "");
    let bye = site.phone.asked("BYE");
    site.phone.reply(&bye, 200, "", "");
    site.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Total call-legs: 0")
    });
}

#[test]
fn parties_are_named_and_hidden_on_both_sides() {
    let mut site = Site::with("voice service voip\n sip\n  asserted-id pai\n!\n", "primary-qsig", "qsig");
    // Allowed = 0 in bits 6 and 5 of octet 3a, restricted = 1.
    for (headers, calling, hidden) in [
        ("P-Asserted-Identity: \"Ada\" <sip:5001@x>\r\n", "5001", false),
        ("P-Asserted-Identity: \"Ada\" <sip:5001@x>\r\nPrivacy: id\r\n", "5001", true),
        ("Remote-Party-ID: \"Ada\" <sip:5002@x>;party=calling;screen=yes;privacy=off\r\n", "5002", false),
        ("Remote-Party-ID: \"Ada\" <sip:5002@x>;party=calling;screen=yes;privacy=full\r\n", "5002", true),
    ] {
        site.pbx.policy("call=reject:17");
        site.invite("4711", headers);
        let setup = site.pbx.wait(&json!({"ev": "call", "state": "setup", "calling": calling}));
        let presentation = setup.get("calling_pres").and_then(system_tests::Value::as_u64).unwrap();
        assert_eq!(presentation >> 5 & 3 == 1, hidden, "{headers}: {setup}");
        site.phone.response("INVITE", 486);
        site.phone.acknowledge_refusal();
    }
    for hidden in [false, true] {
        site.pbx.send(&format!("call 5123 from=4711 name=Grace{}", if hidden { " hidden=1" } else { "" }));
        let invite = site.phone.asked("INVITE");
        assert!(invite.header("P-Asserted-Identity").contains("<sip:4711@"), "{invite:?}");
        assert_eq!(invite.header("Privacy"), if hidden { "id" } else { "" });
        assert_eq!(invite.header("From").contains("4711"), !hidden, "{invite:?}");
        assert_eq!(invite.header("From").contains("Grace"), !hidden, "{invite:?}");
        // Who answers is told to the PBX.
        let answer = site.phone.sdp("0", "");
        let who = "P-Asserted-Identity: \"Bob\" <sip:5124@x>\r\n";
        site.phone.reply(&invite, 200, who, &answer);
        site.phone.asked("ACK");
        let connected = site.pbx.wait(&json!({"ev": "call", "state": "connected"}));
        assert!(connected.to_string().contains("\"number\":\"5124\""), "{connected}");
        assert!(connected.to_string().contains("\"name\":\"Bob\""), "{connected}");
        site.phone.request("BYE", "", "");
        site.phone.response("BYE", 200);
    }
    // Who answers behind the PBX is told to SIP.
    site.pbx.policy("call=answer connected-name=Hopper");
    site.invite("4711", "");
    let answer = site.phone.response("INVITE", 200);
    assert!(answer.header("P-Asserted-Identity").contains("Hopper"), "{answer:?}");
    site.phone.request("ACK", "", "");
    site.phone.request("BYE", "", "");
    site.phone.response("BYE", 200);
    site.ended();
}

#[test]
fn a_diversion_is_told_both_ways() {
    let mut site = Site::new();
    site.pbx.policy("call=reject:17");
    site.invite("4711", "Diversion: <sip:5999@x>;reason=no-answer;counter=1\r\n");
    let setup = site.pbx.wait(&json!({"ev": "call", "state": "setup", "redirecting": "5999"}));
    // libpri: 2 is no reply.
    assert_eq!(setup.get("redirecting_reason"), Some(&json!(2)), "{setup}");
    site.phone.response("INVITE", 486);
    site.phone.acknowledge_refusal();
    for (reason, word) in [(1, "user-busy"), (2, "no-answer"), (15, "unconditional")] {
        site.pbx.send(&format!("call 5123 from=4711 redir=4722 reason={reason}"));
        let invite = site.phone.asked("INVITE");
        let diversion = invite.header("Diversion");
        assert!(diversion.contains("<sip:4722@"), "{invite:?}");
        assert!(diversion.contains(&format!("reason={word}")), "{diversion}");
        site.phone.reply(&invite, 486, "", "");
        site.phone.asked("ACK");
        site.pbx.wait(&json!({"ev": "call", "cause": 17}));
    }
    site.ended();
}

#[test]
fn a_number_dialled_digit_by_digit_is_one_invite() {
    let mut site = Site::new();
    site.pbx.send("call 5 from=4711 overlap=1");
    site.pbx.wait(&json!({"ev": "call", "state": "setup-ack"}));
    for digits in ["1", "2", "3"] {
        assert!(site.phone.next(Duration::from_millis(150)).is_none(), "the number is not complete");
        site.pbx.send(&format!("info last {digits}"));
    }
    let invite = site.phone.asked("INVITE");
    assert!(invite.start.starts_with("INVITE sip:5123@"), "{}", invite.start);
    site.answer(&invite);
    site.pbx.wait(&json!({"ev": "call", "state": "connected"}));
    site.pbx.send("hangup last 16");
    let bye = site.phone.asked("BYE");
    site.phone.reply(&bye, 200, "", "");
    // A number that cannot become one.
    site.pbx.send("call 59 from=4711 overlap=1");
    site.pbx.wait(&json!({"ev": "call", "cause": 1}));
    site.ended();
}

#[test]
fn without_a_codec_in_common_no_call_is_made() {
    let mut site = Site::new();
    site.pbx.policy("call=answer");
    let offer = site.phone.sdp("18", "a=rtpmap:18 G729/8000\r\n");
    site.phone.invite("4711", "", &offer);
    let refused = site.phone.response("INVITE", 488);
    assert!(refused.header("Reason").contains("cause=65"), "{refused:?}");
    site.phone.acknowledge_refusal();
    site.pbx.events().absent(&json!({"ev": "call", "state": "setup"}), Duration::from_millis(500));
    // The other way: an answer that was not offered ends the call.
    site.pbx.send("call 5123 from=4711");
    let invite = site.phone.asked("INVITE");
    let answer = site.phone.sdp("18", "a=rtpmap:18 G729/8000\r\n");
    site.phone.reply(&invite, 200, "", &answer);
    site.phone.asked("ACK");
    let bye = site.phone.asked("BYE");
    assert!(bye.header("Reason").contains("cause=65"), "{bye:?}");
    site.phone.reply(&bye, 200, "", "");
    site.pbx.wait(&json!({"ev": "call", "cause": 65}));
    site.ended();
}

#[test]
fn what_is_down_or_refuses_is_passed_over() {
    let mut site = Site::new();
    site.pbx.policy("call=answer");
    site.invite("4811", "");
    site.pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4811"}));
    site.phone.response("INVITE", 200);
    site.phone.request("ACK", "", "");
    site.phone.request("BYE", "", "");
    site.phone.response("BYE", 200);
    site.pbx.send("call 5811 from=4711");
    let first = site.other.asked("INVITE");
    site.other.reply(&first, 503, "", "");
    site.other.asked("ACK");
    let invite = site.phone.asked("INVITE");
    assert!(invite.start.starts_with("INVITE sip:5811@"), "{}", invite.start);
    site.answer(&invite);
    site.pbx.wait(&json!({"ev": "call", "state": "connected"}));
    site.pbx.send("hangup last 16");
    let bye = site.phone.asked("BYE");
    site.phone.reply(&bye, 200, "", "");
    site.ended();
}

#[test]
fn public_switch_types_carry_sip_calls_both_ways() {
    for (switch_type, libpri) in [("primary-net5", "euroisdn"), ("primary-ni", "ni2")] {
        let mut site = Site::with("", switch_type, libpri);
        site.pbx.policy("call=answer");
        site.invite("4711", "");
        site.pbx.wait(&json!({"ev": "call", "state": "setup", "called": "4711", "calling": "5000"}));
        site.phone.response("INVITE", 200);
        site.phone.request("ACK", "", "");
        site.phone.request("BYE", "", "");
        site.phone.response("BYE", 200);
        site.pbx.send("call 5123 from=4711");
        let invite = site.phone.asked("INVITE");
        assert!(invite.header("From").contains("<sip:4711@"), "{switch_type}: {invite:?}");
        site.answer(&invite);
        site.pbx.wait(&json!({"ev": "call", "state": "connected"}));
        site.pbx.send("hangup last 16");
        let bye = site.phone.asked("BYE");
        site.phone.reply(&bye, 200, "", "");
        site.ended();
    }
}
