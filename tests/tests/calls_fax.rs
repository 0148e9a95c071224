//! A fax machine on a telephone's pair and T.38 elsewhere: the gateway's modems (libspandsp at run time) between spandsp's own
//! ends, one of them hearing samples and the other speaking UDPTL.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use system_tests::{FaxEnd, Lines, SipPhone, Tipringd, json, t38_description, t38_port};

/// A telephone 8000 at 2/0 and a SIP telephone for 5xxx; `fax` are lines of its dial peer.
fn site(fax: &str) -> (Tipringd, SipPhone, Lines) {
    let mut phone = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
    let config = format!(
        "dial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\ndial-peer voice 5 voip\n \
         destination-pattern 5...\n session protocol sipv2\n incoming called-number .\n session target ipv4:{}\n \
         codec g711ulaw\n{fax}!\n",
        phone.address()
    );
    let gateway = Tipringd::start(&config, "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n");
    phone.set_gateway(gateway.sip());
    let lines = gateway.lines();
    (gateway, phone, lines)
}

#[track_caller]
fn the_page_came_as_it_went(sent: &str, got: &str) {
    assert!(sent.starts_with("0 pages 1 rows 120 "), "sent {sent}, got {got}");
    assert_eq!(sent, got, "the page came as it went");
}

fn ended(gateway: &Tipringd) {
    gateway.show_until("show sip-ua calls", Duration::from_secs(5), |shown| {
        shown.starts_with("Total SIP call legs:0,")
    });
}

#[test]
fn a_fax_machine_on_a_pair_sends_a_page_to_t38() {
    let (gateway, mut phone, mut lines) =
        site(" fax protocol t38 version 0 ls-redundancy 3 hs-redundancy 1 fallback none\n");
    lines.dial("2/0", "5123");
    let invite = phone.asked("INVITE");
    let audio = phone.sdp("0", "");
    phone.reply(&invite, 200, "", &audio);
    phone.asked("ACK");
    let file = |name: &str| gateway.scratch().join(name);
    let mut sends = FaxEnd::machine_that_sends(&file("sent.tif"));
    let mut receives = FaxEnd::receive(&file("got.tif"));
    lines.act("2/0", "machine", &json!({"address": format!("127.0.0.1:{}", sends.port())}));
    // The called side hears that a fax calls, and wants T.38.
    phone.request("INVITE", "", t38_description(receives.port()));
    let agreed = phone.response("INVITE", 200);
    assert!(agreed.body.contains("a=T38FaxMaxDatagram:320\r\n"), "{}", agreed.body);
    phone.request("ACK", "", "");
    receives.begin(t38_port(&agreed));
    let (sent, got) = (sends.result(), receives.result());
    the_page_came_as_it_went(&sent, &got);
    let calls = gateway.show("show sip-ua calls");
    assert!(calls.contains("Negotiated Codec         : t38"), "{calls}");
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
    ended(&gateway);
}

#[test]
fn a_fax_machine_that_answers_makes_the_call_t38_and_receives_a_page() {
    let (gateway, mut phone, mut lines) = site("");
    let audio = phone.sdp("0", "");
    phone.invite("8000", "", &audio);
    assert!(lines.rings("2/0", Duration::from_secs(4)));
    let file = |name: &str| gateway.scratch().join(name);
    let mut receives = FaxEnd::machine_that_receives(&file("got.tif"));
    let mut sends = FaxEnd::send(&file("sent.tif"));
    lines.act("2/0", "machine", &json!({"address": format!("127.0.0.1:{}", receives.port())}));
    lines.off_hook("2/0");
    phone.response("INVITE", 200);
    phone.request("ACK", "", "");
    // Its answering tone, which modems have too, is audio still; its first flags are not.
    let asked = phone.asked("INVITE");
    phone.reply(&asked, 200, "", &t38_description(sends.port()));
    phone.asked("ACK");
    sends.begin(t38_port(&asked));
    let (sent, got) = (sends.result(), receives.result());
    the_page_came_as_it_went(&sent, &got);
    lines.act("2/0", "onhook", &json!({}));
    let bye = phone.asked("BYE");
    phone.reply(&bye, 200, "", "");
    ended(&gateway);
}

#[test]
fn where_t38_is_not_wanted_the_fax_stays_in_the_audio() {
    let (gateway, mut phone, mut lines) = site(" fax protocol pass-through g711ulaw\n");
    lines.dial("2/0", "5123");
    let invite = phone.asked("INVITE");
    let audio = phone.sdp("0", "");
    phone.reply(&invite, 200, "", &audio);
    phone.asked("ACK");
    phone.request("INVITE", "", t38_description(4000));
    phone.response("INVITE", 488);
    phone.acknowledge_refusal();
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
    ended(&gateway);
}
