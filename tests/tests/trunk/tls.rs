//! 6.1 and 8: TLS, with OpenSSL as the Unified CM's end of it, and `sips:` URIs.

use std::process::Command;
use std::time::Duration;

use system_tests::{Dns, Pki, Record, Said, TrunkTransport, UnifiedCm, finish, free_port};

use crate::site::{Plan, SOON, Site};

/// A Unified CM with the certificate of this name.
fn unified_cm(pki: &Pki, name: &str) -> UnifiedCm {
    UnifiedCm::new(TrunkTransport::Tls {
        cert: pki.file(&format!("{name}.cert")),
        key: pki.file(&format!("{name}.key")),
        issuers: pki.file("ca.pem"),
    })
}

/// A gateway whose trunk is TLS; `peer` are lines of the dial peer.
fn site(peer: &'static str) -> (Site, Pki) {
    let pki = Pki::new("cm.example");
    let cm = unified_cm(&pki, "cm.example");
    (secured(&pki, cm, Plan { peer, ..Plan::default() }, ""), pki)
}

/// The same with another Unified CM and plan; `validate` stands behind the trustpoint.
fn secured(pki: &Pki, cm: UnifiedCm, plan: Plan, validate: &str) -> Site {
    let secure = free_port();
    let more = format!("voice service voip\n sip\n  listen-port secure {secure}\n!\n");
    let site = Site::new(cm, Plan { more, ..plan });
    pki.install(&site.gateway);
    let lines =
        format!("sip-ua\n crypto signaling default trustpoint GW{validate}\n transport tcp tls v1.2\n");
    let file = site.gateway.scratch().join("tls.cfg");
    std::fs::write(&file, lines).unwrap();
    let run = site.gateway.tipring(&[file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    site.gateway.show_until("show sip-ua connections tcp tls brief", SOON, |shown| {
        shown.contains(&format!("[127.0.0.1]:{secure}:"))
    });
    site
}

#[test]
fn flow_6_1_a_certificate_of_another_name_is_a_403_for_good() {
    let (mut site, pki) = site(" dtmf-relay rtp-nte\n");
    // The gateway's certificate is a good one, of version 3, as the guide wants it.
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-text", "-in"]).arg(pki.file("gateway.example.cert"));
    assert!(finish(openssl, Duration::from_secs(10)).stdout.contains("Version: 3"));
    // The subject that the trunk's security profile asks for, and the real one.
    for profile in ["branch.example", "gateway.example"] {
        site.lines.dial("2/0", "2003");
        let (mut call, invite) = site.cm.called("2003");
        assert!(invite.header("Via").starts_with("SIP/2.0/TLS "), "{invite:?}");
        assert!(invite.header("Contact").contains(";transport=tls"), "{invite:?}");
        site.cm.reply(&call, &invite, 100, "", "");
        if site.cm.knows(profile) {
            let answer = site.answer();
            site.cm.reply(&call, &invite, 200, "", &answer);
            site.cm.gets(&mut call, "ACK");
            site.line_hangs_up(&mut call);
            assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←200* →ACK →BYE ←200");
            assert_eq!(profile, "gateway.example");
            site.over();
            continue;
        }
        assert_eq!(profile, "branch.example");
        site.cm.reply(&call, &invite, 403, "", "");
        site.cm.gets(&mut call, "ACK");
        // Nobody tries again, and the caller hears that it is over.
        let heard = site.lines.hear("2/0", 1.5);
        assert!(!heard.segments.is_empty(), "{heard:?}");
        assert!(heard.segments.iter().all(|s| s.f == "480+620"), "{heard:?}");
        site.cm.gets_nothing(Duration::from_millis(100));
        assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←403 →ACK");
        site.lines.act("2/0", "onhook", &system_tests::json!({}));
        // `show sip-ua map sip-pstn`: 403 is 57.
        site.ended(57);
        site.line_rests();
    }
}

#[test]
fn flow_6_1_a_unified_cm_of_another_name_is_not_called() {
    // The same the other way round: who answers at cm.example shows a good certificate of somebody else.
    for (shown, name) in [("gateway.example", false), ("cm.example", true)] {
        let pki = Pki::new("cm.example");
        let cm = unified_cm(&pki, shown);
        let dns = Dns::start(&[("cm.example", Record::A(std::net::Ipv4Addr::LOCALHOST))]);
        let plan = Plan {
            target: Some(format!("dns:cm.example:{}", cm.address().port())),
            args: vec!["--dns".to_owned(), dns.address().to_string()],
            ..Plan::default()
        };
        let mut site = secured(&pki, cm, plan, " cn-san-validate server");
        site.lines.dial("2/0", "2003");
        if name {
            site.cm.called("2003");
            continue;
        }
        let heard = site.lines.hear("2/0", 2.0);
        assert!(heard.segments.iter().any(|s| s.f == "480+620"), "{heard:?}");
        site.cm.gets_nothing(Duration::from_millis(100));
        let log = site.gateway.show("show logging");
        assert!(log.contains("certificate") && log.contains("cm.example"), "{log}");
        site.lines.act("2/0", "onhook", &system_tests::json!({}));
        site.over();
    }
}

#[test]
fn flow_8_1_a_sips_call_is_redirected_to_sip() {
    let (mut site, _pki) = site(" voice-class sip url sips\n");
    site.lines.dial("2/0", "2003");
    let first = site.cm.gets_one_of(&["INVITE*"]);
    assert!(first.start.starts_with("INVITE sips:2003@"), "{}", first.start);
    for header in ["From", "To", "Contact"] {
        assert!(first.header(header).contains("sips:"), "{header}: {first:?}");
    }
    let mut call = site.cm.call("2003", "0");
    call.id = first.header("Call-ID").to_owned();
    call.own = format!("{};tag=first", first.header("To"));
    site.cm.reply(&call, &first, 100, "", "");
    let at = site.cm.address();
    // The Diversion lacks its brackets.
    let moved = format!(
        "Contact: <sip:2003@{at};transport=tls>\r\nDiversion: sips:2003@{};reason=unconditional\r\n",
        at.ip()
    );
    site.cm.reply(&call, &first, 301, &moved, "");
    site.cm.gets(&mut call, "ACK");
    let (mut call, again) = site.cm.called("2003");
    assert!(again.start.starts_with(&format!("INVITE sip:2003@{at};transport=tls ")), "{}", again.start);
    // Nobody promises TLS all the way any more: From and To say so, and the other From has another tag.
    let tag = |said: &Said| said.header("From").rsplit_once(";tag=").unwrap().1.to_owned();
    for header in ["From", "To", "Contact"] {
        assert!(!again.header(header).contains("sips:"), "{header}: {again:?}");
    }
    assert_eq!(again.header("To"), first.header("To").replace("sips:", "sip:"));
    assert_ne!(tag(&again), tag(&first));
    assert_eq!(again.header("Diversion"), format!("<sips:2003@{}>;reason=unconditional", at.ip()));
    assert_eq!(again.header("Call-ID"), first.header("Call-ID"));
    assert_eq!((first.header("CSeq"), again.header("CSeq")), ("1 INVITE", "2 INVITE"));
    site.cm.reply(&call, &again, 100, "", "");
    site.cm.reply(&call, &again, 180, "", "");
    let answer = site.answer();
    site.cm.reply(&call, &again, 200, "", &answer);
    site.cm.gets(&mut call, "ACK");
    site.phone.speak(again.rtp(), Some(440.0));
    site.line_hears("440");
    site.cm_hangs_up(&mut call);
    assert_eq!(site.cm.ladder(), "→INVITE* ←100 ←301 →ACK →INVITE* ←100 ←180 ←200* →ACK ←BYE →200");
    site.ended(16);
}

#[test]
fn flow_8_2_a_sips_call_is_rejected() {
    let (mut site, _pki) = site(" voice-class sip url sips\n");
    site.lines.dial("2/0", "2003");
    let invite = site.cm.gets_one_of(&["INVITE*"]);
    let mut call = site.cm.call("2003", "0");
    call.id = invite.header("Call-ID").to_owned();
    call.own = format!("{};tag=only", invite.header("To"));
    site.cm.reply(&call, &invite, 416, "Date:\r\nReason: Q.850;cause=97\r\n", "");
    let ack = site.cm.gets(&mut call, "ACK");
    assert!(ack.start.starts_with("ACK sips:2003@"), "{}", ack.start);
    site.cm.gets_nothing(Duration::from_secs(1));
    assert_eq!(site.cm.ladder(), "→INVITE* ←416 →ACK");
    site.over();
}
