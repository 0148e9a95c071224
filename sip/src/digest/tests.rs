#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::message::{
    Method, RequestBuilder, RequestDefaults, ResponseContext, encode_request, encode_response,
};

fn challenge(text: &str) -> Challenge {
    Challenge::parse(text).unwrap()
}

fn response_of(value: &str) -> String {
    Parameters::parse(value).unwrap().get("response").unwrap().to_owned()
}

#[test]
fn rfc_2617_3_5_example() {
    let challenge = challenge(
        r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
    );
    let mut session = ClientSession::new(challenge, Credentials::new("Mufasa", "Circle Of Life"), "0a4f113b");
    let value = session.answer("GET", "/dir/index.html", b"");
    assert_eq!(response_of(&value), "6629fae49393a05397450978507c4ef1");
    assert!(value.contains("nc=00000001") && value.contains(r#"opaque="5ccc069c403ebaf9f0171e9517f40e41""#));
    assert!(value.contains("qop=auth,"));
}

#[test]
fn rfc_7616_3_9_1_examples() {
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let challenge = challenge(&format!(
            r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        ));
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let mut session = ClientSession::new(challenge, Credentials::new("Mufasa", "Circle of Life"), cnonce);
        assert_eq!(response_of(&session.answer("GET", "/dir/index.html", b"")), response);
    }
}

#[test]
fn challenges_of_every_spelling() {
    let read = challenge(
        "DIGEST  Realm = \"a \\\"b\\\"\" , NONCE=abc,stale=TRUE , qop = \"auth-int\",algorithm=\"sha-256\"",
    );
    assert_eq!((read.realm.as_str(), read.nonce.as_str(), read.stale), ("a \"b\"", "abc", true));
    assert_eq!((read.qop, read.algorithm), (Some(Qop::AuthInt), Algorithm::Sha256));
    for (text, error) in [
        ("Basic realm=\"x\"", DigestError::Scheme("Basic".into())),
        ("Digest nonce=\"x\"", DigestError::Missing("realm")),
        ("Digest realm=\"x\"", DigestError::Missing("nonce")),
        ("Digest realm=\"x\", nonce=\"y\", algorithm=ROT13", DigestError::Algorithm("ROT13".into())),
        ("Digest realm=\"x\", nonce=\"y\", qop=\"token\"", DigestError::Qop("token".into())),
        ("Digest realm=\"x", DigestError::Syntax("realm=\"x".into())),
        ("Digest realm", DigestError::Syntax("realm".into())),
    ] {
        assert_eq!(Challenge::parse(text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn of_several_challenges_the_strongest_known_of_each_realm_is_answered() {
    let response = Message::parse(Bytes::from_static(
        b"SIP/2.0 401 x\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"1\", algorithm=NEW\r\n\
          WWW-Authenticate: Digest realm=\"a\", nonce=\"3\"\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256\r\n\
          WWW-Authenticate: Digest realm=\"a\", nonce=\"5\", algorithm=SHA-256-sess\r\nWWW-Authenticate: Digest realm=\"b\", nonce=\"6\"\r\n\
          Proxy-Authenticate: Digest realm=\"a\", nonce=\"4\"\r\n\r\n",
    ))
    .unwrap();
    let found: Vec<_> = Challenge::from_response(&response).into_iter().map(|(h, c)| (h, c.nonce)).collect();
    let expected =
        [(Header::Authorization, "2"), (Header::Authorization, "6"), (Header::ProxyAuthorization, "4")];
    assert_eq!(found, expected.map(|(header, nonce)| (header, nonce.to_owned())));
}

#[test]
fn nextnonce_starts_a_new_count() {
    let mut session = ClientSession::new(
        challenge("Digest realm=\"a\", nonce=\"1\", qop=auth"),
        Credentials::new("u", "p"),
        "c",
    );
    session.answer("A", "sip:x", b"");
    assert!(session.answer("A", "sip:x", b"").contains("nc=00000002"));
    assert_eq!(session.handle_authentication_info("qop=auth, nextnonce=\"2\"", b""), ServerProof::None);
    let value = session.answer("A", "sip:x", b"");
    assert!(value.contains("nonce=\"2\"") && value.contains("nc=00000001"));
    assert!(!session.may_retry(&challenge("Digest realm=\"a\", nonce=\"3\"")));
    assert!(session.may_retry(&challenge("Digest realm=\"a\", nonce=\"3\", stale=true")));
    assert!(!session.may_retry(&challenge("Digest realm=\"a\", nonce=\"2\", stale=true")));
}

#[test]
fn rfc_7616_3_9_2_example_with_userhash_as_corrected_by_erratum_4897() {
    let challenge = challenge(
        r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#,
    );
    let credentials = Credentials::new("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
    let mut session =
        ClientSession::new(challenge, credentials, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v");
    let value = session.answer("GET", "/doe.json", b"");
    let parameters = Parameters::parse(&value).unwrap();
    assert_eq!(
        parameters.get("username"),
        Some("793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b")
    );
    assert_eq!(
        parameters.get("response"),
        Some("3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")
    );
    assert!(parameters.is_true("userhash"));
}

// ---- both sides ----

#[test]
fn the_server_proves_that_it_knows_the_password_and_names_the_next_nonce() {
    for algorithm in Algorithm::ALL {
        for qop in [Some(Qop::Auth), Some(Qop::AuthInt), None] {
            let mut pair = Pair::new(&[algorithm]);
            let mut asked = pair.challenges(false).remove(0);
            asked.qop = qop;
            let mut session = ClientSession::new(asked.clone(), Credentials::new("8000", "secret"), "c");
            let request = register(Some(&session.answer("REGISTER", "sip:gw", b"")), b"");
            let verified = pair.verify(&request).unwrap();
            let info = pair.server.authentication_info(pair.now, &verified, b"body");
            assert!(!info.contains("nextnonce"));
            assert_eq!(session.clone().handle_authentication_info(&info, b"body"), ServerProof::Right);
            let other_body = session.clone().handle_authentication_info(&info, b"other");
            assert_eq!(other_body == ServerProof::Right, qop != Some(Qop::AuthInt));
            let forged = info.replace("rspauth=\"", "rspauth=\"0");
            let forged = format!("{forged}, nextnonce=\"evil\"");
            assert_eq!(session.handle_authentication_info(&forged, b"body"), ServerProof::Wrong);
            assert_ne!(session.challenge().nonce, "evil");

            // Half the nonce's life later.
            pair.now += Duration::from_secs(31);
            let info = pair.server.authentication_info(pair.now, &verified, b"");
            assert_eq!(info.contains("nextnonce"), !algorithm.is_session());
            assert_eq!(session.handle_authentication_info(&info, b""), ServerProof::Right);
            if qop.is_some() {
                let request = register(Some(&session.answer("REGISTER", "sip:gw", b"")), b"");
                assert!(pair.verify(&request).is_ok(), "{algorithm}");
            }
        }
    }
}

#[test]
fn a_session_key_outlives_its_nonce() {
    // RFC 2617 3.2.2.2: A1 is calculated once, with the first nonce and cnonce.
    let asked = challenge("Digest realm=\"a\", nonce=\"1\", qop=auth, algorithm=MD5-sess");
    let mut session = ClientSession::new(asked, Credentials::new("u", "p"), "c");
    session.answer("A", "sip:x", b"");
    session.handle_authentication_info("nextnonce=\"2\"", b"");
    let response = response_of(&session.answer("A", "sip:x", b""));
    let hash = |parts: &[&[u8]]| Algorithm::Md5.hash(parts);
    let a1 = hash(&[hash(&[b"u", b"a", b"p"]).as_bytes(), b"1", b"c"]);
    let a2 = hash(&[b"A", b"sip:x"]);
    assert_eq!(response, hash(&[a1.as_bytes(), b"2", b"00000001", b"c", b"auth", a2.as_bytes()]));
}

#[test]
fn a_hashed_name_is_found_and_never_sent_in_clear() {
    for algorithm in Algorithm::ALL {
        let mut pair = Pair::new(&[algorithm]);
        pair.server.set_userhash(true);
        let asked = pair.challenges(false).remove(0);
        assert!(asked.userhash);
        let mut session = ClientSession::new(asked, Credentials::new("8000", "secret"), "c");
        let value = session.answer("REGISTER", "sip:gw", b"");
        assert!(!value.contains("8000"), "{value}");
        assert_eq!(pair.verify(&register(Some(&value), b"")).unwrap().username, "8000");
    }
}

struct Pair {
    server: Server,
    now: Instant,
}

impl Pair {
    fn new(algorithms: &[Algorithm]) -> Pair {
        let now = Instant::now();
        Pair { server: Server::new("gw \"1\"", algorithms, Duration::from_secs(60), [9; 32], now), now }
    }

    fn challenges(&mut self, stale: bool) -> Vec<Challenge> {
        let request = register(None, b"");
        let reply = self.server.challenge(self.now, stale);
        let context = ResponseContext {
            request: &request,
            source: "192.0.2.1:1".parse().unwrap(),
            to_tag: "t",
            server: None,
            delay: Duration::ZERO,
        };
        let response = Message::parse(encode_response(&context, &reply)).unwrap();
        response.headers(Header::WwwAuthenticate).map(|value| challenge(&value.to_str())).collect()
    }

    fn verify(&mut self, request: &Message) -> Result<Verified, Refusal> {
        let known = |user: &Username<'_>| {
            user.is("8000", "gw \"1\"").then(|| ("8000".into(), Secret::Password("secret".into())))
        };
        self.server.verify(self.now, request, known)
    }
}

fn register(authorization: Option<&str>, body: &[u8]) -> Message {
    let mut request = RequestBuilder::new(Method::Register, "sip:gw").body("text/plain", body.to_vec());
    if let Some(value) = authorization {
        request = request.header(Header::Authorization, value);
    }
    let defaults = RequestDefaults {
        via: "SIP/2.0/UDP h;branch=z9hG4bK1",
        from: "<sip:h>;tag=1",
        call_id: "c",
        user_agent: None,
        max_forwards: 70,
    };
    Message::parse(encode_request(&request, &defaults)).unwrap()
}

#[test]
fn server_and_client_agree_in_every_algorithm_and_quality() {
    for algorithm in Algorithm::ALL {
        for qop in [None, Some(Qop::Auth), Some(Qop::AuthInt)] {
            let mut pair = Pair::new(&[algorithm]);
            let mut asked = pair.challenges(false).remove(0);
            assert_eq!((asked.algorithm, asked.stale), (algorithm, false));
            asked.qop = qop;
            let mut session = ClientSession::new(asked.clone(), Credentials::new("8000", "secret"), "c\"n");
            let value = session.answer("REGISTER", "sip:gw", b"body");
            let good = register(Some(&value), b"body");
            assert_eq!(pair.verify(&good).unwrap().username, "8000", "{algorithm} {qop:?}");
            assert_eq!(pair.verify(&good), Err(Refusal::Stale), "a replay");
            let changed = register(Some(&session.answer("REGISTER", "sip:gw", b"body")), b"other");
            let expected =
                if qop == Some(Qop::AuthInt) { Err(Refusal::Wrong) } else { pair.verify(&changed) };
            assert!(pair.verify(&changed).is_err());
            match qop {
                None => assert_eq!(expected, Err(Refusal::Stale), "without qop a nonce serves once"),
                Some(Qop::Auth) => assert!(expected.is_ok()),
                Some(Qop::AuthInt) => {}
            }
            let other_method = register(Some(&session.answer("INVITE", "sip:gw", b"")), b"");
            assert_eq!(pair.verify(&other_method), Err(Refusal::Wrong));
            let mut thief = ClientSession::new(asked, Credentials::new("8000", "guess"), "c");
            assert_eq!(
                pair.verify(&register(Some(&thief.answer("REGISTER", "sip:gw", b"")), b"")),
                Err(Refusal::Wrong)
            );
        }
    }
}

#[test]
fn the_server_refuses_by_name() {
    let mut pair = Pair::new(&[Algorithm::Sha256, Algorithm::Md5]);
    assert_eq!(pair.verify(&register(None, b"")), Err(Refusal::NoCredentials));
    assert_eq!(pair.verify(&register(Some("Basic abc"), b"")), Err(Refusal::NoCredentials));
    assert_eq!(
        pair.verify(&register(Some("Digest realm=\"other\", nonce=\"1\""), b"")),
        Err(Refusal::NoCredentials)
    );
    assert!(matches!(pair.verify(&register(Some("Digest ,,"), b"")), Err(Refusal::Malformed(_))));
    let asked = pair.challenges(false);
    assert_eq!(asked.iter().map(|c| c.algorithm).collect::<Vec<_>>(), [Algorithm::Sha256, Algorithm::Md5]);
    let mut session = ClientSession::new(asked[0].clone(), Credentials::new("8000", "secret"), "c");
    let value = session.answer("REGISTER", "sip:gw", b"");
    assert_eq!(pair.verify(&register(Some(&value.replace("8000", "8001")), b"")), Err(Refusal::Wrong));
    assert!(matches!(
        pair.verify(&register(Some(&value.replace("uri=", "x=")), b"")),
        Err(Refusal::Malformed(_))
    ));
    // A nonce of our own making but not ours; and ours, too old.
    let mut forged = asked[0].clone();
    forged.nonce = forged.nonce.replace(&asked[0].nonce[..16], "00000000ffffffff");
    let mut forger = ClientSession::new(forged, Credentials::new("8000", "secret"), "c");
    assert_eq!(
        pair.verify(&register(Some(&forger.answer("REGISTER", "sip:gw", b"")), b"")),
        Err(Refusal::Stale)
    );
    pair.now += Duration::from_secs(61);
    assert_eq!(pair.verify(&register(Some(&value), b"")), Err(Refusal::Stale));
    let again = pair.challenges(true);
    assert!(again[0].stale && session.may_retry(&again[0]));
    assert_eq!(pair.server.refuse(pair.now, &Refusal::Wrong).status(), StatusIs(401));
    assert_eq!(
        pair.server.refuse(pair.now, &Refusal::Malformed(DigestError::Missing("uri"))).status(),
        StatusIs(400)
    );
}

#[test]
fn a_hashed_secret_serves_its_algorithm() {
    let mut pair = Pair::new(&[Algorithm::Md5, Algorithm::Sha256]);
    let hash = Algorithm::Md5.hash(&[b"8000", b"gw \"1\"", b"secret"]);
    for (asked, good) in pair.challenges(false).into_iter().zip([true, false]) {
        let mut session = ClientSession::new(asked, Credentials::new("8000", "secret"), "c");
        let request = register(Some(&session.answer("REGISTER", "sip:gw", b"")), b"");
        let secret = Secret::Hashed(Algorithm::Md5, hash.to_uppercase());
        assert_eq!(pair.server.verify(pair.now, &request, |_| Some(("8000".into(), secret))).is_ok(), good);
    }
}

#[test]
fn the_table_of_used_nonces_is_bounded_and_forgetting_opens_no_replay() {
    let mut pair = Pair::new(&[Algorithm::Md5]);
    let mut first = None;
    for _ in 0..=MAX_NONCES_FOR_TEST {
        let asked = pair.challenges(false).remove(0);
        let mut session = ClientSession::new(asked, Credentials::new("8000", "secret"), "c");
        let request = register(Some(&session.answer("REGISTER", "sip:gw", b"")), b"");
        let _ = pair.verify(&request);
        first.get_or_insert(request);
    }
    assert_eq!(pair.verify(&first.unwrap()), Err(Refusal::Stale));
    let asked = pair.challenges(false).remove(0);
    let mut session = ClientSession::new(asked, Credentials::new("8000", "secret"), "c");
    assert!(pair.verify(&register(Some(&session.answer("REGISTER", "sip:gw", b"")), b"")).is_ok());
}

const MAX_NONCES_FOR_TEST: usize = 10_000;

#[derive(Debug)]
struct StatusIs(u16);

impl PartialEq<StatusIs> for crate::message::StatusCode {
    fn eq(&self, other: &StatusIs) -> bool {
        self.as_u16() == other.0
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_read_or_refused(text in "(Digest )?[ -~]{0,120}") {
        let _ = Challenge::parse(&text);
        let mut pair = Pair::new(&[Algorithm::Md5]);
        prop_assert!(pair.verify(&register(Some(&text), b"")).is_err());
    }

    #[test]
    fn quoting_and_unquoting_are_inverse(realm in "[ -~]{1,40}", nonce in "[ -~]{1,40}") {
        let text = format!("Digest realm={}, nonce={}", quoted(&realm), quoted(&nonce));
        let read = Challenge::parse(&text).unwrap();
        prop_assert_eq!((read.realm, read.nonce), (realm, nonce));
    }
}
