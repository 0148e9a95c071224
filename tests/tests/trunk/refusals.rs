//! 3, 9.1, 10.1, 15 and 17: what a gateway is not, and says so; and the message waiting lamp.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use system_tests::{TrunkTransport, UnifiedCm, VoiceMail, json};

use crate::site::{Plan, SOON, Site};

const PRESENCE: &str = "Event: presence\r\nExpires: 43200\r\nAccept: application/pidf+xml\r\n";

#[test]
fn flow_3_1_and_3_2_presence_subscriptions_are_refused_with_489() {
    let mut site = Site::tcp("");
    for (from, headers) in [("1001", "Max-Forwards: 70\r\n"), ("0e1d-uuid-5a5a", "Max-Forwards: 69\r\n")] {
        let mut call = site.cm.call(from, "8000");
        site.cm.send(&mut call, "SUBSCRIBE", &format!("{PRESENCE}{headers}"), "");
        let refused = site.cm.gets(&mut call, "489");
        let events = refused.header("Allow-Events");
        assert!(events.contains("telephone-event") && !events.contains("presence"), "{refused:?}");
        assert_eq!(site.cm.ladder(), "→SUBSCRIBE(presence) ←489");
    }
    site.cm.gets_nothing(Duration::from_millis(500));
    nothing_happened(&mut site);
}

#[test]
fn flow_3_3_and_15_1_a_presence_subscription_of_a_stranger_is_refused_for_good() {
    let site = Site::tcp("");
    let mut stranger = VoiceMail::udp_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), site.gateway.sip());
    let text = stranger.text("8000", true).method("SUBSCRIBE").set("Event", "presence").body("");
    let refused = stranger.ask(&text.without("Content-Type").render());
    // Who asks is what is wrong with it, before what is asked for.
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(refused.header("Retry-After"), None);
}

#[test]
fn flow_9_1_info_for_pictures_is_refused_in_peace_and_video_is_answered_with_port_0() {
    let mut site = Site::udp(" dtmf-relay rtp-nte\n");
    let (mut call, _) = site.delayed("");
    let audio = site.cm.sdp(site.phone.media(), "0 101", "");
    let video = "m=video 30000 RTP/AVP 31 34\r\nc=IN IP4 127.0.0.1\r\nb=TIAS:320000\r\na=rtpmap:31 H261/90000\r\n\
                 a=fmtp:31 CIF=1 QCIF=1 MAXBR=3200\r\na=rtpmap:34 H263/90000\r\na=content:main\r\n";
    let contact = format!("Contact: <sip:1001@{}>;video;audio\r\n", site.cm.address());
    let ok = site.reinvite(&mut call, &contact, &format!("{audio}{video}"));
    assert!(ok.body.contains("m=video 0 "), "{ok:?}");
    assert!(ok.body.contains(" RTP/AVP 0 101\r\n"), "{ok:?}");
    let headers = "Content-Type: application/media_control+xml\r\n";
    let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><media_control><vc_primitive><to_encoder><picture_fast_update/>\
                </to_encoder></vc_primitive></media_control>";
    site.cm.send(&mut call, "INFO", headers, body);
    let refused = site.cm.gets(&mut call, "415");
    assert!(refused.header("Accept").contains("application/dtmf-relay"), "{refused:?}");
    // Nothing is lost.
    site.line_hears("440");
    site.cm_hears_line();
    site.cm_hangs_up(&mut call);
    let ladder = "→INVITE ←100 ←180 ←200* →ACK* →INVITE* ←200* →ACK →INFO+x ←415 →BYE ←200";
    assert_eq!(site.cm.ladder(), ladder);
    site.ended(16);
}

#[test]
fn flow_10_1_mwi_by_a_bare_unsolicited_notify() {
    let mut site = Site::tcp("");
    for (number, status, on) in [(1, "yes", true), (2, "no", false)] {
        // Via without branch, Contact without brackets, no dialog, no Subscription-State: as release 6 writes it.
        let body = format!("Messages-Waiting: {status}\r\n");
        let at = site.cm.address();
        let text = format!(
            "NOTIFY sip:8000@{gateway} SIP/2.0\r\nVia: SIP/2.0/TCP {at}\r\nFrom: <sip:2500@{at}>;tag=mwi{number}\r\n\
             To: <sip:8000@{gateway}>\r\nCall-ID: mwi{number}@{at}\r\nCSeq: 101 NOTIFY\r\nMax-Forwards: 70\r\n\
             Contact: sip:2500@{at};transport=tcp\r\nExpires: 180\r\nEvent: message-summary\r\n\
             Content-Type: text/plain\r\nContent-Length: {len}\r\n\r\n{body}",
            gateway = site.gateway.sip(),
            len = body.len(),
        );
        let mut call = site.cm.call("2500", "8000");
        call.id = format!("mwi{number}@{at}");
        site.cm.send_octets(text.as_bytes());
        let ok = site.cm.gets(&mut call, "200");
        assert!(ok.header("To").contains(";tag="), "{ok:?}");
        site.gateway.lamp_becomes("8000", on);
    }
}

/// The PBX tells of 2003, which is behind the Unified CM.
const RELAYED: &str = " tipring mwi notify text-plain from 2500\n";

#[test]
fn flow_10_1_what_a_pbx_says_goes_out_as_a_bare_unsolicited_notify() {
    let login = "sip-ua\n authentication username gw password 0 secret realm ccmsipline\n!\n";
    let plan = Plan { peer: RELAYED, pbx: true, more: login.to_owned(), ..Plan::default() };
    let mut site = Site::new(UnifiedCm::new(TrunkTransport::Tcp), plan);
    for (verb, body) in [("on", "Messages-Waiting: yes\r\n"), ("off", "Messages-Waiting: no\r\n")] {
        site.pbx().send(&format!("mwi {verb} 2003 plan=unknown"));
        let (call, said) = site.cm.told("NOTIFY(message-summary)+t", "2003");
        assert_eq!(said.header("Content-Type"), "text/plain");
        assert_eq!(
            (said.body.as_str(), said.header("Content-Length")),
            (body, body.len().to_string().as_str())
        );
        assert_eq!(said.header("To"), format!("<sip:2003@{}>", site.cm.address()), "no dialog");
        assert!(said.header("From").starts_with("<sip:2500@"), "the pilot number: {said:?}");
        assert_eq!(said.header("Subscription-State"), "", "{said:?}");
        // The PBX hears of it once the Unified CM has said so.
        site.cm.reply(&call, &said, 200, "", "");
        site.pbx().wait(&json!({"ev": "rose", "type": "result"}));
        assert_eq!(site.cm.ladder(), "→NOTIFY(message-summary)+t ←200");
    }
    // The trunk's profile asks for a password.
    site.pbx().send("mwi on 2003 plan=unknown");
    let (call, said) = site.cm.told("NOTIFY(message-summary)+t", "2003");
    let challenge =
        "WWW-Authenticate: Digest realm=\"ccmsipline\", nonce=\"uXM3Rl0aG+b1\", algorithm=MD5\r\n";
    site.cm.reply(&call, &said, 401, challenge, "");
    let (call, said) = site.cm.told("NOTIFY(message-summary)+t", "2003");
    super::answers::proves(&said, "Authorization", "uXM3Rl0aG+b1");
    site.cm.reply(&call, &said, 200, "", "");
    site.pbx().wait(&json!({"ev": "rose", "type": "result"}));
    assert_eq!(site.cm.ladder(), "→NOTIFY(message-summary)+t ←401 →NOTIFY(message-summary)+t ←200");
}

#[test]
fn flow_15_3_a_refused_notify_is_not_repeated_until_the_state_changes() {
    let mut site = Site::tcp_with_pbx(RELAYED);
    site.pbx().send("mwi on 2003 n=3");
    let (call, said) = site.cm.told("NOTIFY(message-summary)+t", "2003");
    site.cm.reply(&call, &said, 403, "", "");
    // userNotSubscribed.
    let refused = json!({"ev": "rose", "type": "error", "error": 0});
    site.pbx().wait(&refused);
    assert_eq!(site.cm.ladder(), "→NOTIFY(message-summary)+t ←403");
    let alarm = site.gateway.show("show logging");
    let line = format!("%MWI-4-NOTIFYREFUSED: {} refused the NOTIFY for 2003: 403", site.cm.address());
    assert!(alarm.contains(&line), "{alarm}");
    // However often the PBX says the same: it is answered, and nobody else hears of it. The state is kept.
    for _ in 0..3 {
        site.pbx().send("mwi on 2003 n=3");
        site.pbx().wait(&refused);
    }
    site.cm.gets_nothing(Duration::from_millis(300));
    let known = site.gateway.show("show mwi");
    assert!(known.contains("2003"), "{known}");
    // Another state is told again.
    site.pbx().send("mwi off 2003 plan=unknown");
    let (call, said) = site.cm.told("NOTIFY(message-summary)+t", "2003");
    assert_eq!(said.body, "Messages-Waiting: no\r\n");
    site.cm.reply(&call, &said, 200, "", "");
    site.pbx().wait(&json!({"ev": "rose", "type": "result"}));
    assert_eq!(site.cm.ladder(), "→NOTIFY(message-summary)+t ←200");
}

#[test]
fn flow_15_2_and_15_5_a_refer_outside_a_dialog_is_refused_with_403() {
    let mut site = Site::tcp("");
    for headers in [
        "Refer-To: <sip:2001@127.0.0.1>\r\n",
        "Refer-To: <sip:2001@127.0.0.1?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n",
    ] {
        let mut call = site.cm.call("1003", "8000");
        let contact =
            format!("Contact: <sip:1003@{}>\r\nReferred-By: <sip:1003@127.0.0.1>\r\n", site.cm.address());
        site.cm.send(&mut call, "REFER", &format!("{contact}{headers}"), "");
        site.cm.gets(&mut call, "403");
        // The guide's capture has an ACK here, which nobody is owed.
        site.cm.send(&mut call, "ACK", "CSeq: 1 ACK\r\n", "");
        site.cm.gets_nothing(Duration::from_millis(300));
        assert_eq!(site.cm.ladder(), "→REFER ←403 →ACK");
    }
    nothing_happened(&mut site);
}

#[test]
fn flow_15_4_a_refused_replaces_gives_the_call_back() {
    let mut site = Site::tcp(" dtmf-relay rtp-nte\n");
    let (mut call, _) = site.delayed("");
    let to = format!(
        "Refer-To: <sip:2002@{}?Replaces=other%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\nReferred-By: <sip:1001@127.0.0.1>\r\n",
        site.gateway.sip()
    );
    site.cm.send(&mut call, "REFER", &to, "");
    let mut next = site.cm.call("0", "0");
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(site.cm.gets_one_of(&["202", "NOTIFY(refer)+b", "INVITE*"]));
    }
    let find = |start: &str| said.iter().find(|said| said.start.starts_with(start)).unwrap().clone();
    let trying = find("NOTIFY");
    site.cm.reply(&call, &trying, 200, "", "");
    let invite = find("INVITE");
    assert!(invite.start.starts_with("INVITE sip:2002@"), "{invite:?}");
    assert_eq!(invite.header("Replaces"), "other@b;to-tag=1;from-tag=2");
    next.id = invite.header("Call-ID").to_owned();
    next.own = format!("{};tag=refused", invite.header("To"));
    site.cm.reply(&next, &invite, 100, "", "");
    site.cm.reply(&next, &invite, 403, "", "");
    let mut left = vec!["ACK", "NOTIFY(refer)+b"];
    while !left.is_empty() {
        let said = site.cm.gets_one_of(&left);
        left.retain(|what| !what.starts_with(said.method()));
        if said.method() == "NOTIFY" {
            assert!(said.body.starts_with("SIP/2.0 403"), "{said:?}");
            site.cm.reply(&call, &said, 200, "", "");
        }
    }
    site.line_hears("440");
    site.cm_hangs_up(&mut call);
    site.over();
}

#[test]
fn flow_17_1_to_17_3_and_17_5_publish_is_refused_with_405() {
    let mut site = Site::udp("");
    let headers = "Event: presence\r\nExpires: 3600\r\nContent-Type: application/pidf+xml\r\n";
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"8000\"/>";
    // Made, refreshed without body, taken away; two of two users at a time.
    let mut first = site.cm.call("1001", "8000");
    let mut second = site.cm.call("1002", "8001");
    site.cm.send(&mut first, "PUBLISH", headers, body);
    site.cm.send(&mut second, "PUBLISH", headers, body);
    for _ in 0..2 {
        let refused = site.cm.gets_any(&mut [&mut first, &mut second], "405");
        let allow = refused.header("Allow");
        assert!(allow.contains("INVITE") && !allow.contains("PUBLISH"), "{refused:?}");
    }
    for more in ["Expires: 3600\r\nSIP-If-Match: 4\r\n", "Expires: 0\r\nSIP-If-Match: 4\r\n"] {
        let mut call = site.cm.call("1001", "8000");
        site.cm.send(&mut call, "PUBLISH", &format!("Event: presence\r\n{more}"), "");
        site.cm.gets(&mut call, "405");
    }
    nothing_happened(&mut site);
}

/// Nothing rings, and the gateway still takes a call.
fn nothing_happened(site: &mut Site) {
    assert_eq!(site.lines.status("2/0").get("ringing"), Some(&json!(false)));
    let mut call = site.cm.call("1001", "8000");
    let _ = site.cm.ladder();
    site.cm.send(&mut call, "INVITE", "", "");
    site.cm.gets(&mut call, "100");
    site.cm.gets(&mut call, "180");
    assert!(site.lines.rings("2/0", SOON));
    site.cm.cancel(&call);
    site.cm.gets_all(&mut call, &["200", "487"]);
    site.cm.acknowledge_refusal(&call);
    site.over();
}
