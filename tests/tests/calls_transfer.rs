//! What users do with calls that stand: hold, transfer, take over, through the daemon, toward SIP and toward the PBX.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{Measured, Pbx, Said, Side, SipPhone, Tipringd, free_port, json, tone_measure};

const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// SIP telephones 5100 and 6100, a telephone 8000 on 2/0, libpri with 47.., the simulated PBX with 46...
struct Office {
    gateway: Tipringd,
    five: SipPhone,
    six: SipPhone,
    pbx: Pbx,
}

impl Office {
    fn new() -> Self {
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let mut five = SipPhone::new(Ipv4Addr::LOCALHOST, nowhere);
        let mut six = SipPhone::new(Ipv4Addr::LOCALHOST, nowhere);
        let trunk = free_port();
        let mut config = String::from("isdn switch-type primary-qsig\n!\n");
        for (at, tag, pattern) in [(0, 47, "47.."), (1, 46, "46..")] {
            config.push_str(&format!(
                "controller E1 1/{at}\n pri-group timeslots 1-31\n!\ninterface Serial1/{at}:15\n!\n\
                 dial-peer voice {tag} pots\n destination-pattern {pattern}\n no digit-strip\n port 1/{at}:15\n!\n"
            ));
        }
        config.push_str("voice service voip\n allow-connections sip to sip\n!\n");
        for (tag, phone, more) in [(5, &five, " incoming called-number .\n"), (6, &six, "")] {
            config.push_str(&format!(
                "dial-peer voice {tag} voip\n destination-pattern {tag}1..\n session protocol sipv2\n \
                 session target ipv4:{}\n codec g711ulaw\n dtmf-relay rtp-nte\n{more}!\n",
                phone.address()
            ));
        }
        config.push_str("dial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\n");
        let hardware = format!(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n\
             [[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{trunk}\"\n\n\
             [[pri]]\ncontroller = \"E1 1/1\"\nbackend = \"sim\"\n"
        );
        let gateway = Tipringd::start(&config, &hardware);
        five.set_gateway(gateway.sip());
        six.set_gateway(gateway.sip());
        let mut pbx = Pbx::connect(([127, 0, 0, 1], trunk).into(), Side::Network, &[]);
        pbx.wait_up();
        gateway.show_until("show isdn status", Duration::from_secs(5), |shown| {
            shown.matches("MULTIPLE_FRAME_ESTABLISHED").count() == 2
        });
        Self { gateway, five, six, pbx }
    }

    /// libpri calls 5100, which answers.
    fn pbx_calls_five(&mut self) -> Said {
        self.pbx.send("call 5100 from=4711 name=Grace");
        let invite = self.five.asked("INVITE");
        answer(&mut self.five, &invite);
        self.pbx.wait(&json!({"ev": "call", "state": "connected"}));
        invite
    }

    #[track_caller]
    fn ended(&self) {
        self.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
            shown.contains("Total call-legs: 0")
        });
        assert!(self.gateway.show("show voip rtp connections").contains("Found 0 active RTP connections"));
    }
}

fn answer(phone: &mut SipPhone, invite: &Said) {
    let sdp = phone.sdp("0 101", EVENTS);
    phone.reply(invite, 200, "", &sdp);
    phone.asked("ACK");
}

fn call(phone: &mut SipPhone, number: &str) -> Said {
    let offer = phone.sdp("0 101", EVENTS);
    phone.invite(number, "", &offer);
    let answer = phone.response("INVITE", 200);
    phone.request("ACK", "", "");
    answer
}

fn hang_up(phone: &mut SipPhone) {
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
}

/// Takes the BYE of the gateway.
fn is_hung_up(phone: &mut SipPhone) -> Said {
    let bye = phone.asked("BYE");
    phone.reply(&bye, 200, "", "");
    bye
}

/// The next NOTIFY about a REFER: its status line.
#[track_caller]
fn outcome(phone: &mut SipPhone) -> String {
    let notify = phone.asked("NOTIFY");
    assert!(notify.header("Event").starts_with("refer"), "{notify:?}");
    phone.reply(&notify, 200, "", "");
    notify.body.lines().next().unwrap_or_default().to_owned()
}

fn hear(office: &Office, phone: &SipPhone) -> Measured {
    let file = office.gateway.scratch().join("heard.wav");
    phone.listen(1.5, &file);
    tone_measure(&file)
}

#[test]
fn a_blind_transfer_by_refer_tells_its_outcome_and_joins_the_others() {
    let mut office = Office::new();
    // The PBX's user is given to the other SIP telephone.
    office.pbx_calls_five();
    let gateway = office.gateway.sip();
    let to = format!("Refer-To: <sip:6100@{gateway}>\r\nReferred-By: <sip:5100@x>\r\n");
    office.five.request("REFER", &to, "");
    office.five.response("REFER", 202);
    assert_eq!(outcome(&mut office.five), "SIP/2.0 100 Trying");
    let invite = office.six.asked("INVITE");
    assert!(invite.start.starts_with("INVITE sip:6100@"), "{}", invite.start);
    assert!(invite.header("From").contains("<sip:4711@"), "the caller is who was given away: {invite:?}");
    assert!(invite.header("Diversion").contains("<sip:5100@"), "{invite:?}");
    office.six.reply(&invite, 180, "", "");
    assert_eq!(outcome(&mut office.five), "SIP/2.0 180 Ringing");
    answer(&mut office.six, &invite);
    assert_eq!(outcome(&mut office.five), "SIP/2.0 200 OK");
    is_hung_up(&mut office.five);
    office.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Total call-legs: 2")
    });
    office.pbx.send("hangup last 16");
    is_hung_up(&mut office.six);
    office.ended();

    // A SIP caller is given to the PBX, which says 1004 Hz.
    let offer = office.six.sdp("0 101", EVENTS);
    office.six.invite("5100", "", &offer);
    let invite = office.five.asked("INVITE");
    answer(&mut office.five, &invite);
    let answered = office.six.response("INVITE", 200);
    office.six.request("ACK", "", "");
    office.six.speak(answered.rtp(), None);
    office.five.request("REFER", &format!("Refer-To: <sip:4601@{gateway}>\r\n"), "");
    office.five.response("REFER", 202);
    assert_eq!(outcome(&mut office.five), "SIP/2.0 100 Trying");
    assert_eq!(outcome(&mut office.five), "SIP/2.0 180 Ringing");
    assert_eq!(outcome(&mut office.five), "SIP/2.0 200 OK");
    is_hung_up(&mut office.five);
    // Who is there now is told to the caller.
    let news = office.six.asked("INVITE");
    assert!(news.header("Remote-Party-ID").contains("<sip:4601@"), "{news:?}");
    let sdp = office.six.sdp("0 101", EVENTS);
    office.six.reply(&news, 200, "", &sdp);
    office.six.asked("ACK");
    std::thread::sleep(Duration::from_millis(500));
    hear(&office, &office.six).assert_one_tone("1004", None);
    hang_up(&mut office.six);
    office.ended();
}

#[test]
fn a_blind_transfer_that_fails_gives_the_call_back() {
    let mut office = Office::new();
    office.pbx_calls_five();
    let gateway = office.gateway.sip();
    // Held first, as telephones do.
    let hold = office.five.sdp("0 101", "a=sendonly\r\n");
    office.five.request("INVITE", "", &hold);
    office.five.response("INVITE", 200);
    office.five.request("ACK", "", "");
    for (number, status) in [("6100", "SIP/2.0 486 Busy Here"), ("9999", "SIP/2.0 404 Not Found")] {
        office.five.request("REFER", &format!("Refer-To: <sip:{number}@{gateway}>\r\n"), "");
        office.five.response("REFER", 202);
        assert_eq!(outcome(&mut office.five), "SIP/2.0 100 Trying");
        if number == "6100" {
            let invite = office.six.asked("INVITE");
            office.six.reply(&invite, 486, "", "");
            office.six.asked("ACK");
        }
        assert_eq!(outcome(&mut office.five), status);
    }
    let resume = office.five.sdp("0 101", "");
    office.five.request("INVITE", "", &resume);
    let resumed = office.five.response("INVITE", 200);
    assert!(!resumed.body.contains("only") && !resumed.body.contains("inactive"), "{}", resumed.body);
    office.five.request("ACK", "", "");
    office.gateway.show_until("show call active voice brief", Duration::from_secs(5), |shown| {
        shown.contains("Total call-legs: 2")
    });
    hang_up(&mut office.five);
    office.pbx.wait(&json!({"ev": "call", "state": "disconnect", "cause": 16}));
    office.ended();
    // The caller hangs up while the transfer is under way.
    office.pbx_calls_five();
    office.five.request("REFER", &format!("Refer-To: <sip:6100@{gateway}>\r\n"), "");
    office.five.response("REFER", 202);
    let invite = office.six.asked("INVITE");
    office.six.reply(&invite, 180, "", "");
    office.pbx.send("hangup last 16");
    let cancel = office.six.asked("CANCEL");
    office.six.reply(&cancel, 200, "", "");
    office.six.reply(&invite, 487, "", "");
    office.six.asked("ACK");
    is_hung_up(&mut office.five);
    office.ended();
}

#[test]
fn an_attended_transfer_through_the_gateway_joins_the_two_others() {
    let mut office = Office::new();
    let gateway = office.gateway.sip();
    // One user has called 4601 from one telephone and 5100 from another; the gateway has both calls.
    let first = call(&mut office.six, "4601");
    office.six.speak(first.rtp(), None);
    let mut second = SipPhone::new(Ipv4Addr::LOCALHOST, gateway);
    let offer = second.sdp("0 101", EVENTS);
    second.invite("5100", "", &offer);
    let invite = office.five.asked("INVITE");
    answer(&mut office.five, &invite);
    let answered = second.response("INVITE", 200);
    second.request("ACK", "", "");
    let tag = |value: &str| value.split("tag=").nth(1).unwrap_or_default().to_owned();
    let replaces = format!(
        "{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}",
        answered.header("Call-ID").replace('@', "%40").replace(':', "%3A"),
        tag(answered.header("To")),
        tag(answered.header("From"))
    );
    office.six.request("REFER", &format!("Refer-To: <sip:5100@{gateway}?Replaces={replaces}>\r\n"), "");
    office.six.response("REFER", 202);
    assert_eq!(outcome(&mut office.six), "SIP/2.0 100 Trying");
    assert_eq!(outcome(&mut office.six), "SIP/2.0 200 OK");
    is_hung_up(&mut office.six);
    is_hung_up(&mut second);
    // Who is there now is told, and heard.
    let news = office.five.asked("INVITE");
    assert!(news.header("Remote-Party-ID").contains("<sip:4601@"), "{news:?}");
    let sdp = office.five.sdp("0 101", EVENTS);
    office.five.reply(&news, 200, "", &sdp);
    office.five.asked("ACK");
    office.five.speak(invite.rtp(), None);
    std::thread::sleep(Duration::from_millis(500));
    hear(&office, &office.five).assert_one_tone("1004", None);
    hang_up(&mut office.five);
    office.ended();
}

#[test]
fn a_transfer_to_a_call_elsewhere_is_an_invite_with_replaces() {
    let mut office = Office::new();
    let gateway = office.gateway.sip();
    office.pbx_calls_five();
    let to = format!("Refer-To: <sip:6100@{gateway}?Replaces=abc%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n");
    office.five.request("REFER", &to, "");
    office.five.response("REFER", 202);
    let invite = office.six.asked("INVITE");
    assert_eq!(invite.header("Replaces"), "abc@x;to-tag=1;from-tag=2");
    answer(&mut office.six, &invite);
    is_hung_up(&mut office.five);
    office.pbx.send("hangup last 16");
    is_hung_up(&mut office.six);
    office.ended();
}

#[test]
fn an_invite_with_replaces_takes_a_call_over() {
    let mut office = Office::new();
    let answered = call(&mut office.five, "4693");
    let tag = |value: &str| value.split("tag=").nth(1).unwrap_or_default().to_owned();
    let replaces = format!(
        "Replaces: {};to-tag={};from-tag={}\r\n",
        answered.header("Call-ID"),
        tag(answered.header("To")),
        tag(answered.header("From"))
    );
    let offer = office.six.sdp("0 101", EVENTS);
    office.six.invite("4693", &replaces, &offer);
    let taken = office.six.response("INVITE", 200);
    office.six.request("ACK", "", "");
    is_hung_up(&mut office.five);
    // The PBX's user says back what is said.
    office.six.speak(taken.rtp(), Some(620.0));
    std::thread::sleep(Duration::from_millis(800));
    hear(&office, &office.six).assert_one_tone("620", None);
    hang_up(&mut office.six);
    office.ended();
}

#[test]
fn hold_is_passed_on_to_sip_from_a_telephone_and_from_sip() {
    let mut office = Office::new();
    let mut lines = office.gateway.lines();
    // A flash holds, another takes back.
    lines.dial("2/0", "5100");
    let invite = office.five.asked("INVITE");
    answer(&mut office.five, &invite);
    std::thread::sleep(Duration::from_millis(500));
    for direction in ["sendonly", "sendrecv"] {
        lines.act("2/0", "flash", &json!({}));
        let again = office.five.asked("INVITE");
        let holds = again.body.contains("a=sendonly");
        assert_eq!(holds, direction == "sendonly", "{}", again.body);
        let reply = if holds { "a=recvonly\r\n" } else { "" };
        let sdp = office.five.sdp("0 101", &format!("{EVENTS}{reply}"));
        office.five.reply(&again, 200, "", &sdp);
        office.five.asked("ACK");
        std::thread::sleep(Duration::from_millis(500));
    }
    hang_up(&mut office.five);
    lines.act("2/0", "onhook", &json!({}));
    office.ended();
    // SIP holds SIP, and a hold that meets a re-INVITE of the other side comes through after it.
    let offer = office.six.sdp("0 101", EVENTS);
    office.six.invite("5100", "", &offer);
    let invite = office.five.asked("INVITE");
    answer(&mut office.five, &invite);
    office.six.response("INVITE", 200);
    office.six.request("ACK", "", "");
    let hold = office.six.sdp("0 101", "a=sendonly\r\n");
    office.six.request("INVITE", "", &hold);
    office.six.response("INVITE", 200);
    office.six.request("ACK", "", "");
    let first = office.five.asked("INVITE");
    assert!(first.body.contains("a=sendonly"), "{}", first.body);
    let own = office.five.sdp("0 101", EVENTS);
    office.five.request("INVITE", "", &own);
    office.five.response("INVITE", 491);
    office.five.acknowledge_refusal();
    office.five.reply(&first, 491, "", "");
    office.five.asked("ACK");
    let second = office.five.asked("INVITE");
    assert!(second.body.contains("a=sendonly"), "{}", second.body);
    let sdp = office.five.sdp("0 101", "a=recvonly\r\n");
    office.five.reply(&second, 200, "", &sdp);
    office.five.asked("ACK");
    hang_up(&mut office.six);
    is_hung_up(&mut office.five);
    office.ended();
}
