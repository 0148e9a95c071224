//! 6.1 and 8: TLS, with OpenSSL as the Unified CM's end of it, and `sips:` URIs.

use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use system_tests::{Dns, Pki, Process, Record, Said, TrunkTransport, UnifiedCm, finish, free_port};

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
    assert!(site.gateway.show("show sip-ua map sip-pstn").contains("403             57              57\n"));
    let causes = site.gateway.scratch().join("causes.cfg");
    std::fs::write(&causes, "sip-ua\n tipring causes unified-cm\n").unwrap();
    assert_eq!(site.gateway.tipring(&[causes.to_str().unwrap()]).code, Some(0));
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
        // IOS has 57, Unified CM 21.
        site.ended(21);
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

/// `openssl s_client` of an address that is on no list, with the certificate of cm.example: it calls a number.
fn calls_by_tls(pki: &Pki, secure: u16, number: &str, branch: usize) -> (Process, Receiver<String>) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-bind", "127.0.0.9", "-connect", &format!("127.0.0.1:{secure}")]);
    for (option, file) in [("-CAfile", "ca.pem"), ("-cert", "cm.example.cert"), ("-key", "cm.example.key")] {
        command.arg(option).arg(pki.file(file));
    }
    let (mut client, said, _) = Process::start("openssl", command);
    client.write_line(&format!(
        "INVITE sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS cm.example;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:1001@cm.example>;tag=1\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: {branch}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:1001@127.0.0.9;transport=tls>\r\nContent-Length: 0\r\n\r\n"
    ));
    (client, said)
}

/// Waits for a line with this; false when OpenSSL ends before.
fn says(lines: &Receiver<String>, wanted: &str) -> bool {
    let end = Instant::now() + SOON;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains(wanted) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[test]
fn flow_6_1_a_unified_cm_that_calls_has_to_bear_a_name_of_the_list() {
    let pki = Pki::new("cm.example");
    let cm = unified_cm(&pki, "cm.example");
    let mut site = secured(&pki, cm, Plan::default(), "");
    let shown = site.gateway.show("show sip-ua connections tcp tls brief");
    let port = shown.lines().find_map(|line| line.split_once("[127.0.0.1]:")).unwrap().1;
    let secure: u16 = port.split(':').next().unwrap().parse().unwrap();
    // A good certificate alone makes nobody one of the trusted.
    let (_client, said) = calls_by_tls(&pki, secure, "8000", 0);
    assert!(says(&said, "SIP/2.0 403"));
    let profiles = [
        ("client", "other.example", None),
        ("bidirectional", "*.example", Some(("8001", "2/1"))),
        ("client", "cm.example", Some(("8000", "2/0"))),
    ];
    for (round, (validate, name, rings)) in (1..).zip(profiles) {
        let lines = format!(
            "voice class tls-profile 1\n trustpoint GW\n cn-san validate {validate}\n cn-san 1 {name}\n!\n\
             sip-ua\n crypto signaling default tls-profile 1\n silent-discard untrusted\n"
        );
        let file = site.gateway.scratch().join("profile.cfg");
        std::fs::write(&file, lines).unwrap();
        let run = site.gateway.tipring(&[file.to_str().unwrap()]);
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        site.gateway.show_until("show logging", SOON, |log| log.matches("%SIP-5-LISTEN").count() > round);
        let (_client, said) = calls_by_tls(&pki, secure, rings.map_or("8000", |(number, _)| number), round);
        match rings {
            // Who bears a name of the list need not be on the list of addresses.
            Some((number, port)) => {
                assert!(says(&said, "SIP/2.0 180"), "{validate} {name}");
                assert!(site.lines.rings(port, SOON), "{number}");
            }
            None => {
                let why = "certificate expected for \"other.example\", got one for [\"cm.example\"]";
                site.gateway.show_until("show logging", SOON, |log| {
                    log.lines().any(|line| line.contains("%SIP-4-TLS: 127.0.0.9:") && line.contains(why))
                });
                assert!(!says(&said, "SIP/2.0"));
            }
        }
    }
    // With peers whose profile is not there TLS is not spoken at all, rather than as with the others. That is said once.
    let file = site.gateway.scratch().join("network.cfg");
    std::fs::write(&file, "sip-ua\n crypto signaling remote-addr 127.0.0.9 255.255.255.255 tls-profile 9\n")
        .unwrap();
    assert_eq!(site.gateway.tipring(&[file.to_str().unwrap()]).code, Some(0));
    site.gateway.show_until("show logging", SOON, |log| log.matches("%SIP-5-LISTEN").count() > 4);
    let (_client, said) = calls_by_tls(&pki, secure, "8000", 9);
    assert!(!says(&said, "SIP/2.0"));
    let log = site.gateway.show("show logging");
    assert_eq!(log.matches("%PKI-3-TRUSTPOINT: tls-profile 9: ").count(), 1, "{log}");
}

#[test]
fn flow_6_1_the_suites_and_the_curve_are_those_of_the_configuration() {
    let pki = Pki::new("cm.example");
    let site = secured(&pki, unified_cm(&pki, "cm.example"), Plan::default(), "");
    let shown = site.gateway.show("show sip-ua connections tcp tls brief");
    let port = shown.lines().find_map(|line| line.split_once("[127.0.0.1]:")).unwrap().1;
    let address = format!("127.0.0.1:{}", port.split(':').next().unwrap());
    // The certificate of the gateway is one of ECDSA: without TLS 1.3 `strict-cipher` leaves it nothing.
    let (ecdsa, third) = ("TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.3 TLS_AES_256_GCM_SHA384");
    for (round, (signaling, two, three)) in (1..).zip([
        ("trustpoint GW strict-cipher", None, Some(third)),
        ("trustpoint GW ecdsa-cipher", Some("TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384"), Some(third)),
        ("trustpoint GW ecdsa-cipher curve-size 384", None, None),
        ("tls-profile 2", Some(ecdsa), None),
    ]) {
        let lines = format!(
            "voice class tls-cipher 3\n cipher 1 ECDHE_ECDSA_AES128_GCM_SHA256\n!\n\
             voice class tls-profile 2\n trustpoint GW\n cipher 3\n!\n\
             sip-ua\n transport tcp tls\n crypto signaling default {signaling}\n"
        );
        let file = site.gateway.scratch().join("suites.cfg");
        std::fs::write(&file, lines).unwrap();
        assert_eq!(site.gateway.tipring(&[file.to_str().unwrap()]).code, Some(0));
        site.gateway.show_until("show logging", SOON, |log| log.matches("%SIP-5-LISTEN").count() > round);
        for (version, expected) in [("-tls1_2", two), ("-tls1_3", three)] {
            let mut command = Command::new("openssl");
            command.args(["s_client", "-brief", "-groups", "P-256", version, "-connect", &address]);
            for (option, file) in
                [("-CAfile", "ca.pem"), ("-cert", "cm.example.cert"), ("-key", "cm.example.key")]
            {
                command.arg(option).arg(pki.file(file));
            }
            let done = finish(command, Duration::from_secs(10));
            let value = |name: &str| done.stderr.lines().find_map(|line| line.strip_prefix(name));
            let got = value("Protocol version: ").zip(value("Ciphersuite: "));
            let got = got.map(|(version, suite)| format!("{version} {suite}"));
            assert_eq!(got.as_deref(), expected, "{signaling} {version}: {}", done.stderr);
        }
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
    site.cm_answers(&mut call, &again);
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
