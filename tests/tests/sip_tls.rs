//! SIP over TLS against OpenSSL, both ways: who gets in, who does not, and what is said about it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use sip::net::{ClientAuth, Identity, Net, NetConfig, NetEvent, TlsConfig, TlsError, TlsVersion};
use sip::{Flow, Transmit, Transport};
use system_tests::{Process, free_port};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);
const OPTIONS: &str = "OPTIONS sip:gw.example SIP/2.0\r\nVia: SIP/2.0/TLS peer.example;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n";
const OK: &str =
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS peer.example;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n";

/// A key and a chain, as PEM.
struct Made {
    chain: String,
    key: String,
}

impl Made {
    fn identity(&self) -> Identity {
        Identity::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

/// An issuer, and files for OpenSSL.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = TempDir::new().unwrap();
        std::fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, files }
    }

    fn make(&self, name: &str, last_year: i32) -> Made {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Made { chain: made.pem(), key: key.serialize_pem() }
    }

    fn good(&self, name: &str) -> Made {
        self.make(name, 2100)
    }

    /// `-cert … -key …`
    fn arguments(&self, made: &Made) -> Vec<String> {
        let number = std::fs::read_dir(self.files.path()).unwrap().count();
        let file = |what: &str, text: &str| {
            let path = self.files.path().join(format!("{number}-{what}.pem"));
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        vec!["-cert".into(), file("chain", &made.chain), "-key".into(), file("key", &made.key)]
    }

    fn ca_file(&self) -> String {
        self.files.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// Settings that trust this issuer.
    fn config(&self, identities: Vec<Identity>) -> TlsConfig {
        let mut config = TlsConfig { identities, ..TlsConfig::default() };
        config.trust_pem(self.issuer.pem().as_bytes()).unwrap();
        config
    }
}

async fn net(tls: TlsConfig) -> (Net, mpsc::Receiver<NetEvent>) {
    let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    // Only the tests of the limit wait for it.
    let handshake = Duration::from_secs(2);
    Net::bind(NetConfig { tls: listen, tls_config: Some(tls), handshake, ..NetConfig::default() })
        .await
        .unwrap()
}

async fn next(events: &mut mpsc::Receiver<NetEvent>) -> NetEvent {
    timeout(LONG, events.recv()).await.expect("an event in time").expect("the sockets are open")
}

async fn failure(events: &mut mpsc::Receiver<NetEvent>) -> TlsError {
    loop {
        match next(events).await {
            NetEvent::TlsFailed { error, .. } => return error,
            NetEvent::Closed { .. } => {}
            other => panic!("expected a failure, got {other:?}"),
        }
    }
}

fn openssl(name: &str, arguments: &[String]) -> (Process, Receiver<String>, Receiver<String>) {
    let mut command = Command::new("openssl");
    command.arg(name).args(arguments);
    Process::start(&format!("openssl {name}"), command)
}

/// What came up to a line with `wanted`.
fn wait_for(lines: &Receiver<String>, wanted: &str) -> Vec<String> {
    let mut said = Vec::new();
    loop {
        let line = lines.recv_timeout(LONG).unwrap_or_else(|why| panic!("{wanted:?} did not come: {why}"));
        said.push(line);
        if said.last().is_some_and(|line| line.contains(wanted)) {
            return said;
        }
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// `openssl s_client` towards `to`, with `more` arguments.
fn s_client(to: SocketAddr, more: Vec<String>) -> (Process, Receiver<String>, Receiver<String>) {
    let mut arguments = strings(&["-connect", &to.to_string(), "-quiet", "-no_ign_eof"]);
    arguments.extend(more);
    openssl("s_client", &arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_calls_us_with_a_good_certificate_and_is_answered() {
    let authority = Authority::new("Good Authority");
    let (net, mut events) = net(authority.config(vec![authority.good("gw.example").identity()])).await;
    for version in ["-tls1_2", "-tls1_3"] {
        let mut arguments = authority.arguments(&authority.good("peer.example"));
        arguments.extend(strings(&[
            version,
            "-CAfile",
            &authority.ca_file(),
            "-verify_return_error",
            "-verify_hostname",
            "gw.example",
            "-servername",
            "gw.example",
        ]));
        let (mut client, output, _) = s_client(net.tls_addrs()[0], arguments);
        for line in OPTIONS.split("\r\n").take(4) {
            client.write_line(&format!("{line}\r"));
        }
        let NetEvent::Received { flow, data } = next(&mut events).await else { panic!("a request") };
        assert_eq!((&data[..], flow.transport), (OPTIONS.as_bytes(), Transport::Tls));
        let names = net.peer_names(flow.connection.unwrap()).unwrap();
        assert!(names.name("peer.example") && !names.name("gw.example"));
        net.send(Transmit::new(flow, OK.as_bytes().to_vec().into()));
        wait_for(&output, "SIP/2.0 200 OK");
        client.kill();
        assert!(matches!(next(&mut events).await, NetEvent::Closed { .. }));
    }
    assert!(net.connections().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_calling_with_nothing_good_is_refused_by_name() {
    let authority = Authority::new("Good Authority");
    let strangers = Authority::new("Strangers");
    let mut config = authority.config(vec![authority.good("gw.example").identity()]);
    config.ciphers = strings(&["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS13_AES_128_GCM_SHA256"]);
    let (net, mut events) = net(config).await;
    let good = || authority.arguments(&authority.good("peer.example"));
    let with = |more: &[&str]| [good(), strings(more)].concat();
    let cases = [
        (vec![], TlsError::NoClientCertificate),
        (strings(&["-tls1_2"]), TlsError::NoClientCertificate),
        (strangers.arguments(&strangers.good("peer.example")), TlsError::UnknownIssuer),
        (authority.arguments(&authority.make("peer.example", 2021)), TlsError::Expired),
        (with(&["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]), TlsError::Version),
        (with(&["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"]), TlsError::Version),
        (with(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"]), TlsError::Cipher),
        (with(&["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]), TlsError::Cipher),
    ];
    for (arguments, expected) in cases {
        let (mut client, _output, _errors) = s_client(net.tls_addrs()[0], arguments.clone());
        assert_eq!(failure(&mut events).await, expected, "{arguments:?}");
        client.kill();
    }
    // A version that only we don't want.
    let mut newest = authority.config(vec![authority.good("gw.example").identity()]);
    newest.min_version = TlsVersion::V1_3;
    net.set_tls(Some(&newest)).unwrap();
    let (_client, _output, _errors) = s_client(net.tls_addrs()[0], with(&["-tls1_2"]));
    assert_eq!(failure(&mut events).await, TlsError::Version);
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_that_calls_has_to_bear_a_name_of_the_list() {
    let authority = Authority::new("Good Authority");
    let mut config = authority.config(vec![authority.good("gw.example").identity()]);
    config.check_clients = true;
    config.permitted = strings(&["cm.example", "*.branch.example"]);
    let (net, mut events) = net(config.clone()).await;
    let at = net.tls_addrs()[0];
    for (name, good) in [
        ("cm.example", true),
        ("CM.example", true),
        ("gw.branch.example", true),
        ("branch.example", false),
        ("a.b.branch.example", false),
        ("evilbranch.example", false),
        ("cm.example.evil", false),
    ] {
        let (mut client, _output, _errors) = s_client(at, authority.arguments(&authority.good(name)));
        if good {
            client.write_line(OPTIONS);
            assert!(matches!(next(&mut events).await, NetEvent::Certified { .. }), "{name}");
            assert!(matches!(next(&mut events).await, NetEvent::Received { .. }), "{name}");
            client.kill();
            assert!(matches!(next(&mut events).await, NetEvent::Closed { .. }), "{name}");
        } else {
            let expected = "cm.example or *.branch.example".to_owned();
            let error = TlsError::WrongName { expected, found: vec![name.to_owned()] };
            assert_eq!(failure(&mut events).await, error);
        }
    }
    // With an empty list nobody gets in.
    config.permitted.clear();
    net.set_tls(Some(&config)).unwrap();
    let (_client, _output, _errors) = s_client(at, authority.arguments(&authority.good("cm.example")));
    assert!(matches!(failure(&mut events).await, TlsError::WrongName { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_shown_a_name_and_a_curve_as_the_settings_say() {
    let authority = Authority::new("Good Authority");
    let mut config = authority.config(vec![authority.good("gw.example").identity()]);
    config.client_auth = ClientAuth::Off;
    config.only_p384 = true;
    let (net, mut events) = net(config.clone()).await;
    let at = net.tls_addrs()[0];
    for (curve, good) in [("P-256", false), ("X25519", false), ("P-384", true)] {
        let (mut client, _output, _errors) = s_client(at, strings(&["-groups", curve]));
        if good {
            client.write_line(OPTIONS);
            assert!(matches!(next(&mut events).await, NetEvent::Received { .. }));
        } else {
            assert_eq!(failure(&mut events).await, TlsError::Cipher, "{curve}");
        }
    }
    // As client: the names of the list are as good as the one we call, and the server is told or not whom we look for.
    for (sni, permitted, good) in
        [(true, "cm.example", true), (false, "*.example", true), (true, "other.example", false)]
    {
        config.sni = sni;
        config.permitted = strings(&[permitted]);
        net.set_tls(Some(&config)).unwrap();
        let more = strings(&["-tlsextdebug", "-groups", "P-256:P-384"]);
        let (mut server, output, address) =
            s_server([authority.arguments(&authority.good("cm.example")), more].concat());
        call(&net, address, "gw.example");
        if good {
            let said = wait_for(&output, "OPTIONS");
            assert_eq!(said.iter().any(|line| line.contains("\"server name\"")), sni, "{said:#?}");
        } else {
            assert!(matches!(failure(&mut events).await, TlsError::WrongName { .. }));
        }
        server.kill();
        while !matches!(next(&mut events).await, NetEvent::Closed { .. } | NetEvent::SendFailed { .. }) {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tls_is_refused_and_silence_has_a_limit() {
    let authority = Authority::new("Good Authority");
    let (net, mut events) = net(authority.config(vec![authority.good("gw.example").identity()])).await;
    for nonsense in [OPTIONS.as_bytes(), b"GET / HTTP/1.1\r\n\r\n", &[0; 64], &[0xff; 64]] {
        let mut stream = TcpStream::connect(net.tls_addrs()[0]).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        assert_eq!(failure(&mut events).await, TlsError::NotTls);
    }
    // Half a ClientHello, and then nothing; and nothing at all.
    for start in [&b"\x16\x03\x01\x02\x00\x01"[..], b""] {
        let mut stream = TcpStream::connect(net.tls_addrs()[0]).await.unwrap();
        stream.write_all(start).await.unwrap();
        assert_eq!(failure(&mut events).await, TlsError::Timeout);
        let mut rest = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut rest)).await.expect("closed");
    }
    drop(TcpStream::connect(net.tls_addrs()[0]).await.unwrap());
    assert_eq!(failure(&mut events).await, TlsError::Closed);
    assert!(net.connections().is_empty());
}

/// `openssl s_server` on a free port, ready.
fn s_server(more: Vec<String>) -> (Process, Receiver<String>, SocketAddr) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let mut arguments = strings(&["-accept", &address.to_string(), "-naccept", "1"]);
    arguments.extend(more);
    let (server, output, _errors) = openssl("s_server", &arguments);
    wait_for(&output, "ACCEPT");
    (server, output, address)
}

fn call(net: &Net, remote: SocketAddr, domain: &str) -> Flow {
    let flow = net.flow_to(Transport::Tls, net.tls_addrs()[0], remote, domain);
    net.send(Transmit::new(flow.clone(), OPTIONS.as_bytes().to_vec().into()));
    flow
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_openssl_with_our_certificate_and_are_answered() {
    let authority = Authority::new("Good Authority");
    let (net, mut events) = net(authority.config(vec![authority.good("gw.example").identity()])).await;
    for version in ["-tls1_2", "-tls1_3"] {
        let mut arguments = authority.arguments(&authority.good("proxy.example"));
        let wanted = [version, "-CAfile", &authority.ca_file(), "-Verify", "1", "-verify_return_error"];
        arguments.extend(strings(&wanted));
        let (mut server, output, address) = s_server(arguments);
        let flow = call(&net, address, "proxy.example");
        wait_for(&output, "OPTIONS sip:gw.example SIP/2.0");
        // A second request for the same domain takes the same connection.
        assert_eq!(
            net.flow_to(Transport::Tls, flow.local, address, "proxy.example").connection,
            flow.connection
        );
        assert_ne!(
            net.flow_to(Transport::Tls, flow.local, address, "else.example").connection,
            flow.connection
        );
        for line in OK.split("\r\n").take(4) {
            server.write_line(line);
        }
        let NetEvent::Received { flow: back, data } = next(&mut events).await else { panic!("a response") };
        assert_eq!(back.connection, flow.connection);
        assert!(data.starts_with(b"SIP/2.0 200 OK"));
        server.kill();
        assert!(matches!(next(&mut events).await, NetEvent::Closed { .. }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_who_we_call_gets_nothing() {
    let authority = Authority::new("Good Authority");
    let strangers = Authority::new("Strangers");
    let (net, mut events) = net(authority.config(vec![authority.good("gw.example").identity()])).await;
    let wrong =
        |name: &str| TlsError::WrongName { expected: "proxy.example".into(), found: vec![name.into()] };
    let old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
    let cases = [
        (authority.arguments(&authority.good("other.example")), wrong("other.example")),
        (authority.arguments(&authority.good("*.example")), wrong("*.example")),
        (authority.arguments(&authority.make("proxy.example", 2021)), TlsError::Expired),
        (strangers.arguments(&strangers.good("proxy.example")), TlsError::UnknownIssuer),
        ([authority.arguments(&authority.good("proxy.example")), strings(&old)].concat(), TlsError::Version),
    ];
    for (arguments, expected) in cases {
        let (mut server, output, address) = s_server(arguments);
        let flow = call(&net, address, "proxy.example");
        assert_eq!(failure(&mut events).await, expected);
        let NetEvent::SendFailed { flow: failed } = next(&mut events).await else {
            panic!("the request fails")
        };
        assert_eq!(failed, flow);
        server.kill();
        assert!(output.iter().all(|line| !line.contains("OPTIONS")), "nothing was sent");
    }
    // IOS checks names only where it is told to.
    let mut lenient = authority.config(vec![]);
    lenient.check_names = false;
    net.set_tls(Some(&lenient)).unwrap();
    let (_server, output, address) = s_server(authority.arguments(&authority.good("other.example")));
    call(&net, address, "proxy.example");
    wait_for(&output, "OPTIONS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_our_certificate_and_a_certificate_that_is_its_own_issuer() {
    let authority = Authority::new("Good Authority");
    // We have none.
    let (net, mut events) = net(TlsConfig { client_auth: ClientAuth::Off, ..authority.config(vec![]) }).await;
    let wanted = ["-CAfile", &authority.ca_file(), "-Verify", "1", "-verify_return_error"];
    let arguments = [authority.arguments(&authority.good("proxy.example")), strings(&wanted)].concat();
    let (_server, _output, address) = s_server(arguments);
    call(&net, address, "proxy.example");
    assert_eq!(failure(&mut events).await, TlsError::Alert("CertificateRequired".into()));

    // As Unified CM has it: no issuer but itself, a CA at that, and trusted by hand.
    let mut params = CertificateParams::new(["cucm.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap();
    let own = Made { chain: own.pem(), key: key.serialize_pem() };
    let mut trusting = TlsConfig { client_auth: ClientAuth::Off, ..TlsConfig::default() };
    trusting.trust_pem(own.chain.as_bytes()).unwrap();
    net.set_tls(Some(&trusting)).unwrap();
    let (_server, output, address) = s_server(authority.arguments(&own));
    call(&net, address, "cucm.example");
    wait_for(&output, "OPTIONS");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc_5923_requests_come_back_on_the_connection_of_a_peer_that_is_known() {
    let authority = Authority::new("Good Authority");
    let (ours, mut our_events) = net(authority.config(vec![authority.good("gw.example").identity()])).await;
    let (theirs, mut their_events) =
        net(authority.config(vec![authority.good("proxy.example").identity()])).await;
    let request = |port: u16, alias: &str| {
        let via = format!("127.0.0.1:{port}{alias};branch=z9hG4bK1");
        OPTIONS.replace("peer.example;branch=z9hG4bK1", &via).into_bytes()
    };
    let port = theirs.tls_addrs()[0].port();
    for (alias, shared) in [("", false), (";alias", true)] {
        let out = theirs.flow_to(Transport::Tls, theirs.tls_addrs()[0], ours.tls_addrs()[0], "gw.example");
        theirs.send(Transmit::new(out.clone(), request(port, alias).into()));
        let NetEvent::Received { flow: came, .. } = next(&mut our_events).await else { panic!("a request") };
        // Back to where they listen: on their connection if they said so, and only for a domain they have shown.
        let to = |domain| ours.flow_to(Transport::Tls, ours.tls_addrs()[0], theirs.tls_addrs()[0], domain);
        assert_eq!(to("proxy.example").connection == came.connection, shared, "{alias}");
        assert_ne!(to("bank.example").connection, came.connection);
        if shared {
            ours.send(Transmit::new(to("proxy.example"), request(1, "").into()));
            let NetEvent::Received { flow, .. } = next(&mut their_events).await else { panic!("a request") };
            assert_eq!(flow.connection, out.connection);
        }
        theirs.close(out.connection.unwrap());
        assert!(matches!(next(&mut our_events).await, NetEvent::Closed { .. }));
        assert!(matches!(next(&mut their_events).await, NetEvent::Closed { .. }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_something_else_or_nothing_is_given_up() {
    let authority = Authority::new("Good Authority");
    let (net, mut events) = net(authority.config(vec![authority.good("gw.example").identity()])).await;
    for (says, expected) in [(&b"220 mail.example ESMTP\r\n"[..], TlsError::NotTls), (b"", TlsError::Timeout)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let flow = call(&net, listener.local_addr().unwrap(), "proxy.example");
        let (mut stream, _) = timeout(LONG, listener.accept()).await.unwrap().unwrap();
        stream.write_all(says).await.unwrap();
        assert_eq!(failure(&mut events).await, expected);
        assert!(matches!(next(&mut events).await, NetEvent::SendFailed { flow: failed } if failed == flow));
    }
    assert!(net.connections().is_empty());
}
