#![allow(clippy::unwrap_used, clippy::panic)]

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

use super::*;

/// The names of a certificate made with these.
fn names(san: Vec<SanType>, common: &str) -> CertificateNames {
    let mut params = CertificateParams::default();
    params.subject_alt_names = san;
    params.distinguished_name.push(DnType::CommonName, common);
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    CertificateNames::of(made.der()).unwrap()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

#[test]
fn rfc_5922_7_1_identities() {
    let cases: [(Vec<SanType>, &str, &str, bool); 16] = [
        (vec![uri("sip:example.com")], "x", "example.com", true),
        (vec![uri("SIP:EXAMPLE.com")], "x", "Example.COM", true),
        (vec![uri("sip:example.com:5061;transport=tls")], "x", "example.com", true),
        (vec![uri("sip:alice@example.com")], "x", "example.com", false),
        (vec![uri("sips:example.com")], "x", "example.com", false),
        (vec![uri("https://example.com")], "x", "example.com", false),
        (vec![dns("example.com")], "x", "example.com", true),
        (vec![dns("example.com")], "x", "example.com.", true),
        (vec![dns("*.example.com")], "x", "gw.example.com", false),
        (vec![dns("example.com")], "x", "gw.example.com", false),
        (vec![dns("other"), uri("sip:example.com")], "x", "example.com", true),
        (vec![SanType::IpAddress("192.0.2.1".parse().unwrap())], "x", "192.0.2.1", true),
        (vec![dns("example.com")], "192.0.2.1", "192.0.2.1", false),
        // CN only where there is no subjectAltName.
        (vec![], "example.com", "example.com", true),
        (vec![dns("other")], "example.com", "example.com", false),
        (vec![], "*.example.com", "gw.example.com", false),
    ];
    for (san, common, domain, good) in cases {
        assert_eq!(names(san.clone(), common).name(domain), good, "{san:?} CN {common} for {domain}");
    }
    assert!(!names(vec![], "").name(""));
    assert!(CertificateNames::of(b"\x30\x82\xff\xff nonsense").is_err());
}

#[test]
fn settings_that_cannot_work_are_named() {
    let made = rcgen::generate_simple_self_signed(["gw".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["gw".to_owned()]).unwrap();
    let chain = made.cert.pem();
    let (key, wrong) = (made.signing_key.serialize_pem(), other.signing_key.serialize_pem());
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    let error = |config: &TlsConfig| Tls::new(config).err().unwrap();

    assert_eq!(
        Identity::from_pem(key.as_bytes(), key.as_bytes()).unwrap_err(),
        TlsConfigError::NoCertificate
    );
    assert!(matches!(Identity::from_pem(chain.as_bytes(), b"x").unwrap_err(), TlsConfigError::Pem(_)));
    let mismatched = Identity::from_pem(chain.as_bytes(), wrong.as_bytes()).unwrap();
    let off = TlsConfig { client_auth: ClientAuth::Off, ..TlsConfig::default() };
    assert!(matches!(
        error(&TlsConfig { identities: vec![mismatched], ..off.clone() }),
        TlsConfigError::Key(_)
    ));
    let mutual = TlsConfig { identities: vec![identity], ..TlsConfig::default() };
    assert_eq!(error(&mutual), TlsConfigError::NobodyTrusted);
    let cipher = TlsConfig { ciphers: vec!["TLS_RSA_WITH_RC4_128_MD5".into()], ..off.clone() };
    assert_eq!(error(&cipher), TlsConfigError::Cipher("TLS_RSA_WITH_RC4_128_MD5".into()));
    let reversed = TlsConfig { min_version: TlsVersion::V1_3, max_version: TlsVersion::V1_2, ..off.clone() };
    assert!(matches!(error(&reversed), TlsConfigError::NothingLeft { .. }));
    let none_for_1_3 = TlsConfig {
        ciphers: vec!["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into()],
        min_version: TlsVersion::V1_3,
        ..off.clone()
    };
    assert!(matches!(error(&none_for_1_3), TlsConfigError::NothingLeft { .. }));
    for name in TlsConfig::cipher_names() {
        assert!(Tls::new(&TlsConfig { ciphers: vec![name], ..off.clone() }).is_ok());
    }
    let mut trusting = off;
    assert_eq!(trusting.trust_pem(b"").unwrap_err(), TlsConfigError::NoCertificate);
    trusting.trust_pem(format!("{chain}\n{}", other.cert.pem()).as_bytes()).unwrap();
    assert_eq!(trusting.trusted.len(), 2);
    assert!(!format!("{mutual:?}").contains("PRIVATE"));
}

#[test]
fn of_several_identities_sni_chooses() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let identity = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        Identity::from_pem(made.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    };
    let server = Tls::new(&TlsConfig {
        identities: vec![identity("first.example"), identity("second.example")],
        client_auth: ClientAuth::Off,
        ..TlsConfig::default()
    })
    .unwrap();
    let mut trusting = TlsConfig { client_auth: ClientAuth::Off, ..TlsConfig::default() };
    trusting.trust_pem(issuer.pem().as_bytes()).unwrap();
    let client = Tls::new(&trusting).unwrap();
    for (asked, good) in [("first.example", true), ("second.example", true), ("third.example", false)] {
        let outcome = handshake(&client, &server, asked);
        match outcome {
            Ok(names) => assert!(good && names.dns() == [asked]),
            Err(error) => {
                let found = vec!["first.example".to_owned()];
                assert!(!good);
                assert_eq!(error, TlsError::WrongName { expected: asked.into(), found });
            }
        }
    }
}

/// A handshake in memory: who the server says it is, or why the client refused.
fn handshake(client: &Tls, server: &Tls, domain: &str) -> Result<CertificateNames, TlsError> {
    let config = client.client(Some(domain)).unwrap();
    let mut client = rustls::ClientConnection::new(config, server_name(domain).unwrap()).unwrap();
    let mut server = rustls::ServerConnection::new(server.server.clone().unwrap()).unwrap();
    while client.is_handshaking() {
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        server.read_tls(&mut octets.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut octets = Vec::new();
        server.write_tls(&mut octets).unwrap();
        client.read_tls(&mut octets.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| TlsError::from_rustls(&error))?;
    }
    Ok(CertificateNames::of(&client.peer_certificates().unwrap()[0]).unwrap())
}
