//! `sip-ua` in the running gateway: registrations against Kamailio, names in a DNS, TLS against OpenSSL, servers that are
//! watched by OPTIONS.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use system_tests::{
    Dns, Kamailio, Marked, Pki, Process, Profile, Record, Run, SipPhone, Tipringd, free_port, json,
};

const LONG: Duration = Duration::from_secs(15);
const HARDWARE: &str = "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n";
const TELEPHONE: &str =
    "voice-port 2/0\n mwi\n!\ndial-peer voice 8 pots\n destination-pattern 8000\n port 2/0\n!\n";

/// A telephone that listens somewhere; its gateway is said later.
fn phone() -> SipPhone {
    SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap())
}

/// Types lines of configuration at the console.
fn configure(gateway: &Tipringd, lines: &str) {
    let file = gateway.scratch().join("typed.cfg");
    std::fs::write(&file, lines).unwrap();
    let run = gateway.tipring(&[file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

/// A registrar that wants a password, and calls who is registered.
fn kamailio() -> Kamailio {
    let routes = r#"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("registrar", "min_expires", 90)
modparam("registrar", "default_expires", 120)
request_route {
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("tipring", "secret", "0")) { www_challenge("tipring", "1"); exit; }
        save("location");
        exit;
    }
    if (!lookup("location")) { sl_send_reply("404", "Not registered"); exit; }
    t_relay();
}
"#;
    Kamailio::start(free_port(), |_| routes.to_owned())
}

fn is_registered(shown: &str, wanted: &str) -> bool {
    shown.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words.as_slice(), ["8000", "8", _, word] if *word == wanted)
    })
}

#[test]
fn kamailio_registers_a_telephone_calls_it_and_forgets_it_when_told() {
    for tcp in ["", " tcp"] {
        let registrar = kamailio();
        let port = registrar.port;
        let mut gateway = Tipringd::start(
            &format!(
                "{TELEPHONE}dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n \
                 session target registrar\n!\n\
                 sip-ua\n authentication username gw password 0 secret realm tipring\n \
                 registrar ipv4:127.0.0.1:{port} expires 60{tcp}\n!\n"
            ),
            HARDWARE,
        );
        // Kamailio grants no less than 90 s, and says so with a 423.
        let shown = gateway.show_until("show sip-ua register status", LONG, |s| is_registered(s, "yes"));
        let seconds: u32 = shown.lines().nth(1).unwrap().split_whitespace().nth(2).unwrap().parse().unwrap();
        assert!((60..=120).contains(&seconds), "{shown}");
        if !tcp.is_empty() {
            let shown = gateway.show("show sip-ua connections tcp detail");
            assert!(shown.contains("Remote-Agent:127.0.0.1, Connections-Count:1"), "{shown}");
        }
        let mut lines = gateway.lines();
        let mut caller = phone();
        caller.set_gateway(([127, 0, 0, 1], port).into());
        let offer = caller.sdp("0", "");
        caller.invite("8000", "", &offer);
        caller.response("INVITE", 180);
        assert!(lines.rings("2/0", LONG));
        caller.request("CANCEL", "", "");
        caller.response("INVITE", 487);
        caller.acknowledge_refusal();
        if tcp.is_empty() {
            configure(&gateway, "dial-peer voice 8 pots\n no sip-register\n");
        } else {
            // A gateway that ends in good order says so.
            gateway.stop();
        }
        let end = Instant::now() + LONG;
        loop {
            caller.invite("8000", "", &offer);
            let status = loop {
                match caller.next(LONG).expect("an answer").status() {
                    Some(100) => {}
                    status => break status,
                }
            };
            if status == Some(404) {
                break;
            }
            assert!(Instant::now() < end, "still registered: {status:?}");
            caller.request("CANCEL", "", "");
            caller.response("INVITE", 487);
            caller.acknowledge_refusal();
        }
    }
}

/// Each tenant has a registrar, a number and a password of its own; the other one's would be refused.
#[test]
fn tenants_register_at_their_own_registrars_and_are_called_through_them() {
    let (one, two) = (kamailio(), kamailio());
    let tenant = |tag: u32, number: u32, port: u16| {
        format!(
            "voice class tenant {tag}\n registrar ipv4:127.0.0.1:{port} expires 120\n \
             credentials number {number} username gw password 0 secret realm tipring\n!\n\
             dial-peer voice {tag}0 voip\n destination-pattern {tag}...\n session protocol sipv2\n \
             session target registrar\n voice-class sip tenant {tag}\n codec g711ulaw\n!\n"
        )
    };
    let gateway = Tipringd::start(
        &format!(
            "{TELEPHONE}dial-peer voice 8001 pots\n destination-pattern 800[12]\n port 2/0\n!\n{}{}\
             sip-ua\n authentication username gw password 0 wrong realm tipring\n!\n",
            tenant(1, 8001, one.port),
            tenant(2, 8002, two.port)
        ),
        HARDWARE,
    );
    let has = |shown: &str, tag: &str, number: &str| {
        let own = shown.split("Tenant: ").find(|part| part.starts_with(tag)).unwrap_or_default();
        own.lines().any(|line| line.starts_with(number) && line.ends_with("yes"))
    };
    gateway.show_until("show sip-ua register status", LONG, |shown| {
        has(shown, "1", "8001") && has(shown, "2", "8002")
    });
    let mut lines = gateway.lines();
    for (registrar, number, other) in [(&one, "8001", "8002"), (&two, "8002", "8001")] {
        let mut caller = phone();
        caller.set_gateway(([127, 0, 0, 1], registrar.port).into());
        let offer = caller.sdp("0", "");
        caller.invite(other, "", &offer);
        caller.response("INVITE", 404);
        caller.acknowledge_refusal();
        caller.invite(number, "", &offer);
        caller.response("INVITE", 180);
        assert!(lines.rings("2/0", LONG));
        caller.request("CANCEL", "", "");
        caller.response("INVITE", 487);
        caller.acknowledge_refusal();
        lines.wait(&json!({ "port": "2/0", "event": "ring_stop" }), LONG);
    }
}

#[test]
fn a_wrong_password_registers_nothing() {
    let registrar = kamailio();
    let gateway = Tipringd::start(
        &format!(
            "{TELEPHONE}sip-ua\n authentication username gw password 0 wrong realm tipring\n \
             registrar ipv4:127.0.0.1:{}\n!\n",
            registrar.port
        ),
        HARDWARE,
    );
    gateway.show_until("show sip-ua statistics", LONG, |shown| shown.contains("Unauthorized 2/0"));
    assert!(is_registered(&gateway.show("show sip-ua register status"), "no"));
}

#[test]
fn a_name_leads_by_srv_records_to_the_next_server_when_the_first_says_503() {
    let (mut first, mut second) = (phone(), phone());
    let srv = |priority, port, target: &str| Record::Srv { priority, port, target: target.to_owned() };
    let dns = Dns::start(&[
        ("_sip._udp.proxy.example", srv(10, first.address().port(), "one.example")),
        ("_sip._udp.proxy.example", srv(20, second.address().port(), "two.example")),
        ("one.example", Record::A(Ipv4Addr::LOCALHOST)),
        ("two.example", Record::A(Ipv4Addr::LOCALHOST)),
    ]);
    let gateway = Tipringd::start_run(Run {
        config: format!(
            "{TELEPHONE}ip domain name example\n!\ndial-peer voice 5 voip\n destination-pattern 5...\n \
             session protocol sipv2\n session target dns:proxy\n codec g711ulaw\n!\n"
        ),
        hardware: HARDWARE.to_owned(),
        profile: Profile::Debug,
        args: vec!["--dns".to_owned(), dns.address().to_string()],
    });
    first.set_gateway(gateway.sip());
    second.set_gateway(gateway.sip());
    let mut lines = gateway.lines();
    lines.dial("2/0", "5123");
    let invite = first.asked("INVITE");
    assert!(invite.start.starts_with("INVITE sip:5123@proxy.example"), "{}", invite.start);
    first.reply(&invite, 503, "", "");
    let again = second.asked("INVITE");
    let answer = second.sdp("0", "");
    second.reply(&again, 200, "", &answer);
    second.asked("ACK");
    second.request("BYE", "", "");
    second.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
}

#[test]
fn a_server_that_does_not_answer_options_is_hunted_past() {
    let (mut silent, mut other) = (phone(), phone());
    let peer = |tag: u32, preference: u32, phone: &SipPhone| {
        format!(
            "dial-peer voice {tag} voip\n destination-pattern 5...\n preference {preference}\n session protocol sipv2\n \
             session target ipv4:{}\n codec g711ulaw\n \
             voice-class sip options-keepalive up-interval 5 down-interval 5 retry 1\n!\n",
            phone.address()
        )
    };
    let gateway = Tipringd::start(
        &format!(
            "{TELEPHONE}{}{}sip-ua\n timers options 100\n retry options 1\n!\n",
            peer(51, 0, &silent),
            peer(52, 1, &other)
        ),
        HARDWARE,
    );
    silent.set_gateway(gateway.sip());
    other.set_gateway(gateway.sip());
    let ping = other.asked("OPTIONS");
    assert!(ping.header("Contact").contains(&gateway.sip().to_string()), "{ping:?}");
    other.reply(&ping, 200, "", "");
    silent.asked("OPTIONS");
    let state = |shown: &str, tag: &str| {
        let line = shown.lines().find(|line| line.starts_with(tag)).unwrap_or_default();
        line.split_whitespace().last().unwrap_or_default().to_owned()
    };
    let shown =
        gateway.show_until("show dial-peer voice summary", LONG, |shown| state(shown, "51 ") == "busyout");
    assert_eq!(state(&shown, "52 "), "active", "{shown}");
    let mut lines = gateway.lines();
    lines.dial("2/0", "5123");
    other.asked("INVITE");
    while let Some(said) = silent.next(Duration::from_millis(100)) {
        assert_ne!(said.method(), "INVITE", "a call for a server that is gone");
    }
    // It answers: calls come back to it.
    let ping = silent.asked("OPTIONS");
    silent.reply(&ping, 200, "", "");
    gateway.show_until("show dial-peer voice summary", LONG, |shown| state(shown, "51 ") == "active");
    lines.act("2/0", "onhook", &json!({}));
}

/// OpenSSL as the gateway's peer, with the peer's certificate.
fn openssl(pki: &Pki, arguments: &[&str]) -> (Process, std::sync::mpsc::Receiver<String>) {
    let mut command = Command::new("openssl");
    command.args(arguments).arg("-quiet");
    for (option, name) in
        [("-CAfile", "ca.pem"), ("-cert", "peer.example.cert"), ("-key", "peer.example.key")]
    {
        command.arg(option).arg(pki.file(name));
    }
    let (process, out, _) = Process::start("openssl", command);
    (process, out)
}

#[track_caller]
fn wait_for(lines: &std::sync::mpsc::Receiver<String>, wanted: &str) -> String {
    loop {
        let line = lines.recv_timeout(LONG).unwrap_or_else(|why| panic!("{wanted:?} did not come: {why}"));
        if line.contains(wanted) {
            return line;
        }
    }
}

#[test]
fn a_notify_and_a_call_go_by_tls_and_openssl_believes_the_certificates() {
    let (pki, secure, called) = (Pki::new("peer.example"), free_port(), free_port());
    let gateway = Tipringd::start(
        &format!(
            "{TELEPHONE}dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n \
             session target ipv4:127.0.0.1:{called}\n session transport tcp tls\n!\n\
             voice service voip\n sip\n  listen-port secure {secure}\n!\n\
             sip-ua\n mwi-server ipv4:127.0.0.1 unsolicited\n!\n"
        ),
        HARDWARE,
    );
    assert!(gateway.show("show sip-ua status").contains("SIP User Agent for TLS over TCP : DISABLED"));
    pki.install(&gateway);
    configure(&gateway, "sip-ua\n crypto signaling default trustpoint GW\n transport tcp tls v1.2\n");
    gateway.show_until("show sip-ua connections tcp tls brief", LONG, |shown| {
        shown.contains(&format!("[127.0.0.1]:{secure}:"))
    });
    // A voice mail behind OpenSSL.
    let connect = format!("127.0.0.1:{secure}");
    let (mut mail, said) = openssl(
        &pki,
        &[
            "s_client",
            "-connect",
            &connect,
            "-verify_return_error",
            "-verify_hostname",
            "gateway.example",
            "-tls1_2",
        ],
    );
    let body = "Messages-Waiting: yes\r\n";
    mail.write_line(&format!(
        "NOTIFY sip:8000@gateway.example SIP/2.0\r\nVia: SIP/2.0/TLS peer.example;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
         From: <sip:vm@peer.example>;tag=1\r\nTo: <sip:8000@gateway.example>\r\nCall-ID: tls1\r\nCSeq: 1 NOTIFY\r\n\
         Event: message-summary\r\nContent-Type: application/simple-message-summary\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    wait_for(&said, "SIP/2.0 200 OK");
    gateway.lamp_becomes("8000", true);
    let shown = gateway.show("show sip-ua connections tcp tls detail");
    assert!(shown.contains("Total active connections      : 1\n"), "{shown}");
    // A server behind OpenSSL is called.
    let accept = format!("127.0.0.1:{called}");
    let (_server, heard) =
        openssl(&pki, &["s_server", "-accept", &accept, "-Verify", "1", "-verify_return_error"]);
    wait_for_listener("127.0.0.1", called);
    let mut lines = gateway.lines();
    lines.dial("2/0", "5123");
    wait_for(&heard, &format!("INVITE sip:5123@127.0.0.1:{called}"));
    let via = wait_for(&heard, "Via: SIP/2.0/TLS");
    assert!(via.contains(&format!("127.0.0.1:{secure}")), "{via}");
    lines.act("2/0", "onhook", &json!({}));
}

/// The certificate that a peer of a network sees is that of its line, others see the default one.
#[test]
fn each_remote_address_is_shown_the_certificate_of_its_trustpoint() {
    let (pki, secure) = (Pki::new("peer.example"), free_port());
    let gateway = Tipringd::start(
        &format!(
            "voice service voip\n ip address trusted list\n  ipv4 127.0.0.0 255.0.0.0\n !\n sip\n  \
             listen-port secure {secure}\n!\n"
        ),
        HARDWARE,
    );
    pki.install(&gateway);
    pki.install_as(&gateway, "OTHER", "peer.example");
    configure(
        &gateway,
        "sip-ua\n crypto signaling default trustpoint GW\n \
         crypto signaling remote-addr 127.0.0.2 255.255.255.255 trustpoint OTHER\n",
    );
    gateway.show_until("show sip-ua connections tcp tls brief", LONG, |shown| {
        shown.contains(&format!("[127.0.0.1]:{secure}:"))
    });
    let connect = format!("127.0.0.1:{secure}");
    for (from, name) in
        [("127.0.0.1", "gateway.example"), ("127.0.0.2", "peer.example"), ("127.0.0.3", "gateway.example")]
    {
        let arguments = [
            "s_client",
            "-connect",
            &connect,
            "-bind",
            from,
            "-verify_return_error",
            "-verify_hostname",
            name,
        ];
        let (mut client, said) = openssl(&pki, &arguments);
        client.write_line(&format!(
            "OPTIONS sip:gateway.example SIP/2.0\r\nVia: SIP/2.0/TLS peer.example;branch=z9hG4bK{from}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@peer.example>;tag=1\r\nTo: <sip:gateway.example>\r\nCall-ID: {from}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        ));
        wait_for(&said, "SIP/2.0 200 OK");
    }
}

/// `bind control` of a tenant: SIP listens there, and its calls say so.
#[test]
fn a_tenant_calls_and_is_called_by_the_address_it_is_bound_to() {
    let mut phone = phone();
    let gateway = Tipringd::start(
        &format!(
            "{TELEPHONE}interface Loopback7\n ip address 127.0.0.7 255.255.255.255\n!\nvoice class tenant 3\n \
             bind control source-interface Loopback7\n!\ndial-peer voice 5 voip\n destination-pattern 5...\n \
             session protocol sipv2\n session target ipv4:{}\n incoming called-number .\n codec g711ulaw\n \
             voice-class sip tenant 3\n!\n",
            phone.address()
        ),
        HARDWARE,
    );
    let bound = SocketAddr::new([127, 0, 0, 7].into(), gateway.sip().port());
    phone.set_gateway(bound);
    let mut lines = gateway.lines();
    lines.dial("2/0", "5123");
    let invite = phone.asked("INVITE");
    assert_eq!(invite.header("Contact"), format!("<sip:8000@{bound}>"));
    assert!(invite.header("Via").starts_with(&format!("SIP/2.0/UDP {bound};")), "{invite:?}");
    phone.reply(&invite, 486, "", "");
    phone.asked("ACK");
    lines.act("2/0", "onhook", &json!({}));
    // A flash of the hook might follow.
    gateway.show_until("show voice call summary", LONG, |shown| shown.contains("FXSLS_ONHOOK"));
    let sdp = phone.sdp("0", "");
    phone.invite("8000", "", &sdp);
    phone.response("INVITE", 180);
    lines.act("2/0", "offhook", &json!({}));
    let ok = phone.response("INVITE", 200);
    assert_eq!(ok.header("Contact"), format!("<sip:8000@{bound}>"));
    phone.request("ACK", "", "");
    phone.request("BYE", "", "");
    phone.response("BYE", 200);
    lines.act("2/0", "onhook", &json!({}));
}

/// Who is called asks for our certificate and gets that of its line; OpenSSL says whose it was.
#[test]
fn each_remote_address_is_called_with_the_certificate_of_its_trustpoint() {
    let (pki, secure, called) = (Pki::new("peer.example"), free_port(), free_port());
    let peer = |number: u32, host: &str| {
        format!(
            "dial-peer voice {number} voip\n destination-pattern {number}...\n session protocol sipv2\n \
             session target ipv4:{host}:{called}\n session transport tcp tls\n!\n"
        )
    };
    let gateway = Tipringd::start(
        &format!(
            "{TELEPHONE}{}{}voice service voip\n sip\n  listen-port secure {secure}\n!\n",
            peer(5, "127.0.0.1"),
            peer(6, "127.0.0.2")
        ),
        HARDWARE,
    );
    pki.install(&gateway);
    pki.install_as(&gateway, "OTHER", "peer.example");
    configure(
        &gateway,
        "sip-ua\n crypto signaling default trustpoint GW\n \
         crypto signaling remote-addr 127.0.0.2 255.255.255.255 trustpoint OTHER\n",
    );
    let mut lines = gateway.lines();
    for (host, number, name) in
        [("127.0.0.1", "5123", "gateway.example"), ("127.0.0.2", "6123", "peer.example")]
    {
        let accept = format!("{host}:{called}");
        let (server, heard) =
            openssl(&pki, &["s_server", "-accept", &accept, "-Verify", "1", "-verify_return_error"]);
        wait_for_listener(host, called);
        lines.dial("2/0", number);
        wait_for(&heard, &format!("INVITE sip:{number}@{host}:{called}"));
        let log = server.log();
        assert!(log.contains(&format!("depth=0 CN = {name}\n")), "{log}");
        lines.act("2/0", "onhook", &json!({}));
        gateway.show_until("show voice call summary", LONG, |shown| shown.contains("FXSLS_ONHOOK"));
    }
}

/// Until somebody listens there by TCP, with no connection of ours, which would be the first.
fn wait_for_listener(host: &str, port: u16) {
    let octets = host.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let address = format!("{:08X}:{port:04X} 00000000:0000 0A", u32::from_le_bytes(octets));
    let end = Instant::now() + LONG;
    while !std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap().contains(&address) {
        assert!(Instant::now() < end, "nobody listens on {host}:{port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `ip qos dscp`: what leaves is marked as the dial peer says, signalling and media, and by IOS's defaults.
#[test]
fn signalling_and_media_leave_with_the_code_points_of_the_dial_peer() {
    let (plain, marked, sound) = (Marked::open(), Marked::open(), Marked::open());
    let port = |socket: &Marked| socket.socket().local_addr().unwrap().port();
    let peer = |number: u32, at: &Marked, more: &str| {
        format!(
            "dial-peer voice {number} voip\n destination-pattern {number}...\n session protocol sipv2\n \
             session target ipv4:127.0.0.1:{}\n codec g711ulaw\n no vad\n{more}!\n",
            port(at)
        )
    };
    let dscp = " ip qos dscp cs5 signaling\n ip qos dscp af41 media\n";
    let gateway =
        Tipringd::start(&format!("{TELEPHONE}{}{}", peer(5, &plain, ""), peer(6, &marked, dscp)), HARDWARE);
    let mut lines = gateway.lines();
    for (number, at, signalling, media) in [("5123", &plain, 26, 46), ("6123", &marked, 40, 34)] {
        lines.dial("2/0", number);
        let (invite, mark) = at.receive();
        let invite = String::from_utf8(invite).unwrap();
        assert!(invite.starts_with("INVITE "), "{invite}");
        assert_eq!(mark, signalling, "{number}");
        let line = |name: &str| invite.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
            port(&sound)
        );
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}\r\n{}\r\n{};tag=x\r\n{}\r\n{}\r\nContact: <sip:a@127.0.0.1:{}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            line("Via:"),
            line("From:"),
            line("To:"),
            line("Call-ID:"),
            line("CSeq:"),
            port(at),
            sdp.len()
        );
        at.socket().send_to(answer.as_bytes(), gateway.sip()).unwrap();
        loop {
            let (said, mark) = at.receive();
            assert_eq!(mark, signalling, "{number}");
            if said.starts_with(b"ACK ") {
                break;
            }
        }
        // The first packets may be of the call before.
        while sound.receive().1 != media {}
        lines.act("2/0", "onhook", &json!({}));
        while !at.receive().0.starts_with(b"BYE ") {}
    }
}
