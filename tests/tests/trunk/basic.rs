//! 1: basic calls, hold, conference.

use system_tests::{Dns, Record, TrunkTransport, UnifiedCm};

use crate::site::{Plan, Site};

const MIDDLE: &str = "←INVITE* →200* ←ACK";

#[test]
fn flow_1_1_basic_incoming_call() {
    let mut site = Site::tcp(" dtmf-relay rtp-nte\n");
    let (mut call, ok) = site.delayed("");
    // Whoever asked for a session timer gets it.
    assert_eq!(ok.header("Session-Expires"), "1800;refresher=uac");
    assert_eq!(ok.header("Require"), "timer");
    assert!(ok.body.contains(" RTP/AVP 0 101\r\n"), "{ok:?}");
    assert!(!ok.body.contains("only") && !ok.body.contains("inactive"), "a real offer: {ok:?}");
    site.line_hears("440");
    site.cm_hears_line();
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* →BYE ←200");
    site.ended(16);
}

#[test]
fn flow_1_2_basic_outgoing_call_whose_media_comes_with_a_re_invite() {
    let mut site = Site::tcp(" dtmf-relay rtp-nte\n");
    site.lines.dial("2/0", "2003");
    let (mut call, invite) = site.cm.called("2003");
    assert!(invite.list("Supported").contains("timer"), "{invite:?}");
    assert!(invite.header("Remote-Party-ID").contains("<sip:8000@"), "{invite:?}");
    site.cm.reply(&call, &invite, 100, "", "");
    site.cm.reply(&call, &invite, 180, "", "");
    let early = site.cm.placeholder("a=sendonly");
    site.cm.reply(&call, &invite, 183, "", &early);
    site.cm.reply(&call, &invite, 200, "", &early);
    let ack = site.cm.gets(&mut call, "ACK");
    assert!(ack.start.starts_with(&format!("ACK sip:2003@{}", site.cm.address())), "{}", ack.start);
    // Nobody is on port 4000: nothing is to be heard until the other description comes.
    site.line_hears_nothing();
    let real = site.answer();
    let headers = "Session-Expires: 1800;refresher=uac\r\nSupported: 100rel,timer,replaces\r\n\
                   Cisco-Guid: 4087416320-1750164517-8496-4257288876\r\nAllow-Events: presence, kpml\r\n";
    let ok = site.reinvite(&mut call, headers, &real);
    assert_eq!(ok.header("Session-Expires"), "1800;refresher=uac");
    assert!(ok.body.contains(" RTP/AVP 0 101\r\n"), "{ok:?}");
    site.phone.speak(ok.rtp(), Some(440.0));
    site.line_hears("440");
    site.cm_hears_line();
    let bye = site.line_hangs_up(&mut call);
    assert!(bye.start.starts_with(&format!("BYE sip:2003@{}", site.cm.address())), "{}", bye.start);
    let ladder = format!("→INVITE* ←100 ←180 ←183* ←200* →ACK {MIDDLE} →BYE ←200");
    assert_eq!(site.cm.ladder(), ladder);
    site.ended(16);
}

#[test]
fn flow_1_3_early_media_with_an_mtp_both_ways() {
    let mut site = Site::tcp_with_pbx(" dtmf-relay rtp-nte\n");
    // Toward the exchange, which announces: 183 with our answer, and the same once more in the 200.
    site.pbx().policy("call=proceed");
    let mut call = site.cm.call("1001", "4711");
    let offer = site.answer();
    site.cm.send(&mut call, "INVITE", "", offer);
    site.cm.gets(&mut call, "100");
    site.pbx()
        .wait(&system_tests::json!({"ev": "call", "state": "setup", "called": "4711", "calling": "1001"}));
    site.pbx().send("alert last inband=1");
    let early = site.cm.gets(&mut call, "183*");
    site.pbx().send("answer last");
    let ok = site.cm.gets(&mut call, "200*");
    assert_eq!(early.body, ok.body, "one answer, said twice");
    site.cm.send(&mut call, "ACK", "", "");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←183* ←200* →ACK →BYE ←200");
    let over = site.pbx().wait(&system_tests::json!({"ev": "call", "state": "disconnect"}));
    assert_eq!(over.get("cause"), Some(&system_tests::json!(16)), "{over}");
    site.over();
    // Toward a telephone, which rings: 180 without a description.
    let (mut call, _) = site.early("");
    site.line_hears("440");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←180 ←200* →ACK →BYE ←200");
    site.over();
    site.lines.act("2/0", "onhook", &system_tests::json!({}));
    std::thread::sleep(std::time::Duration::from_millis(1500));
    // From a telephone: what comes before the answer is heard.
    site.lines.dial("2/0", "2003");
    let (mut call, invite) = site.cm.called("2003");
    site.cm.reply(&call, &invite, 100, "", "");
    site.cm.reply(&call, &invite, 180, "", "");
    let answer = site.answer();
    site.cm.reply(&call, &invite, 183, "", &answer);
    site.phone.speak(invite.rtp(), Some(620.0));
    site.line_hears("620");
    site.cm.reply(&call, &invite, 200, "", &answer);
    site.cm.gets(&mut call, "ACK");
    site.line_hears("620");
    site.line_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←180 ←183* ←200* →ACK →BYE ←200");
    site.ended(16);
}

#[test]
fn flow_1_4_the_called_telephone_hangs_up_and_out_of_band_digits_are_on_offer() {
    let mut site = Site::tcp(" dtmf-relay sip-notify\n");
    let headers = "Call-Info: <sip:127.0.0.1:5060>;method=\"NOTIFY;Event=telephone-event;Duration=500\"\r\n\
                   Allow-Events: presence, kpml\r\n";
    let (mut call, ok) = site.delayed(headers);
    assert!(ok.header("Call-Info").contains("NOTIFY;Event=telephone-event;Duration="), "{ok:?}");
    let bye = site.line_hangs_up(&mut call);
    // The Contact, which has the caller's number.
    assert!(bye.start.starts_with(&format!("BYE sip:1001@{};transport=tcp ", site.cm.address())), "{bye:?}");
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* ←BYE →200");
    site.ended(16);
}

#[test]
fn flow_1_5_to_a_sip_device_no_re_invite_follows() {
    let mut site = Site::tcp(" dtmf-relay rtp-nte\n");
    site.lines.dial("2/0", "2003");
    let (mut call, invite) = site.cm.called("2003");
    site.cm.reply(&call, &invite, 100, "", "");
    site.cm.reply(&call, &invite, 180, "", "");
    let answer = site.cm.sdp(site.phone.media(), "0 18 101", "");
    site.cm.reply(&call, &invite, 183, "", &answer);
    site.cm.reply(&call, &invite, 200, "", &answer);
    site.cm.gets(&mut call, "ACK");
    site.phone.speak(invite.rtp(), Some(440.0));
    site.line_hears("440");
    site.cm_hears_line();
    // The first request of the called side has number 101.
    site.cm_hangs_up(&mut call);
    assert_eq!(call.cseq, 101);
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←180 ←183* ←200* →ACK ←BYE →200");
    site.ended(16);
}

/// A gateway whose trunk leads to a name.
fn named(target: &str, names: &[(&str, Record)], cm: UnifiedCm) -> (Site, Dns) {
    let dns = Dns::start(names);
    let plan = Plan {
        peer: " dtmf-relay rtp-nte\n",
        target: Some(target.to_owned()),
        args: vec!["--dns".to_owned(), dns.address().to_string()],
        ..Plan::default()
    };
    (Site::new(cm, plan), dns)
}

#[test]
fn flow_1_6_the_destination_is_an_fqdn() {
    let cm = UnifiedCm::new(TrunkTransport::Tcp);
    let port = cm.address().port();
    let host = ("cm.hq.example", Record::A(std::net::Ipv4Addr::LOCALHOST));
    let (mut site, _dns) = named(&format!("dns:cm.hq.example:{port}"), &[host], cm);
    // The name stands in Request-URI and To, our address in Contact and Remote-Party-ID.
    site.lines.dial("2/0", "2003");
    let (mut call, invite) = site.cm.called("2003");
    assert!(invite.start.starts_with(&format!("INVITE sip:2003@cm.hq.example:{port} ")), "{}", invite.start);
    assert!(invite.header("To").starts_with("<sip:2003@cm.hq.example"), "{invite:?}");
    for header in ["Contact", "Remote-Party-ID"] {
        assert!(invite.header(header).contains("@127.0.0.1"), "{header}: {invite:?}");
    }
    site.cm.reply(&call, &invite, 100, "", "");
    site.cm.reply(&call, &invite, 180, "", "");
    let answer = site.answer();
    site.cm.reply(&call, &invite, 200, "", &answer);
    site.cm.gets(&mut call, "ACK");
    let bye = site.line_hangs_up(&mut call);
    assert!(bye.header("To").starts_with("<sip:2003@cm.hq.example"), "kept for the whole dialog: {bye:?}");
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←180 ←200* →ACK →BYE ←200");
    site.ended(16);
    std::thread::sleep(std::time::Duration::from_millis(1300));
    // We are called by a name of ours, by somebody who knows timers and asks for none.
    let mut call = site.cm.call("1001", "8000");
    call.target = format!("sip:8000@gw.branch.example:{}", site.gateway.sip().port());
    call.far = "<sip:8000@gw.branch.example>".to_owned();
    let ok = site.delayed_as(&mut call, "Session-Expires:\r\n");
    assert!(ok.header("To").starts_with("<sip:8000@gw.branch.example>;tag="), "{ok:?}");
    assert_eq!(ok.header("Session-Expires"), "", "{ok:?}");
    // A re-INVITE may ask for one later.
    let again = site.answer();
    let ok = site.reinvite(&mut call, "Session-Expires: 1800;refresher=uac\r\n", &again);
    assert_eq!(ok.header("Session-Expires"), "1800;refresher=uac");
    site.cm_hangs_up(&mut call);
    assert_eq!(
        site.cm.ladder(),
        format!("→INVITE ←100 ←180 ←200* →ACK* {} →BYE ←200", "→INVITE* ←200* →ACK")
    );
    site.ended(16);
}

#[test]
fn flow_1_7_the_destination_is_an_srv_record() {
    let cm = UnifiedCm::new(TrunkTransport::Tcp);
    let record = Record::Srv { priority: 1, port: cm.address().port(), target: "one.hq.example".to_owned() };
    let names =
        [("_sip._tcp.hq.example", record), ("one.hq.example", Record::A(std::net::Ipv4Addr::LOCALHOST))];
    let (mut site, _dns) = named("dns:hq.example", &names, cm);
    let (mut call, invite) = site.outgoing("");
    assert!(invite.start.starts_with("INVITE sip:2003@hq.example "), "{}", invite.start);
    site.line_hears("440");
    site.line_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←180 ←200* →ACK →BYE ←200");
    site.ended(16);
    std::thread::sleep(std::time::Duration::from_millis(1300));
    // The first number need not be the first: 102 here. The name of the service stands with a port in the Request-URI.
    let mut call = site.cm.call("1001", "8000");
    call.cseq = 101;
    call.target = "sip:8000@branch.example:5060".to_owned();
    let ok = site.delayed_as(&mut call, "");
    assert_eq!(ok.header("CSeq"), "102 INVITE");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE ←100 ←180 ←200* →ACK* →BYE ←200");
    site.ended(16);
}

/// Hold and resume as 1.8 and 1.9 have it.
fn hold_and_resume(mut site: Site, timer: &str) {
    let (mut call, ok) = site.delayed(timer);
    assert_eq!(ok.header("Session-Expires").is_empty(), timer.contains("Supported: replaces"), "{ok:?}");
    site.line_hears("440");
    // Hold: no address, inactive; the answer is inactive too, with an address.
    let hold = site.cm.hold();
    let held = site.reinvite(&mut call, timer, &hold);
    assert!(held.body.contains("a=inactive") && !held.body.contains("0.0.0.0"), "{held:?}");
    let before = site.phone.packets_heard();
    site.line_hears_nothing();
    assert!(site.phone.packets_heard() <= before + 3, "nothing is sent on hold");
    // Resume: we offer everything again, and the answer names another port.
    let answer = site.cm.sdp(site.other.media(), "0 101", "");
    let offer = site.asks_for_offer(&mut call, timer, &answer);
    assert!(offer.body.contains(" RTP/AVP 0 101\r\n"), "{offer:?}");
    assert!(!offer.body.contains("inactive") && !offer.body.contains("only"), "{offer:?}");
    site.phone.silent();
    site.other.speak(offer.rtp(), Some(620.0));
    site.line_hears("620");
    site.other_hears_line();
    site.cm_hangs_up(&mut call);
    let ladder = "→INVITE ←100 ←180 ←200* →ACK* →INVITE* ←200* →ACK →INVITE ←200* →ACK* →BYE ←200";
    assert_eq!(site.cm.ladder(), ladder);
    site.ended(16);
}

#[test]
fn flow_1_8_hold_and_resume_over_udp_without_timers() {
    hold_and_resume(
        Site::udp(" dtmf-relay rtp-nte\n"),
        "Supported: replaces\r\nSession-Expires:\r\nMin-SE:\r\n",
    );
}

#[test]
fn flow_1_9_hold_and_resume_over_tcp_with_timers() {
    hold_and_resume(Site::tcp(" dtmf-relay rtp-nte\n"), "Session-Expires: 1800;refresher=uac\r\n");
}
