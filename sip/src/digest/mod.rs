//! Digest authentication, both sides (RFC 2617, RFC 7616, RFC 8760, RFC 3261 22).
//!
//! * As a client: [`Challenge::from_response`] reads what a 401 or 407 asks for, a [`ClientSession`]
//!   answers it and keeps count for the requests that follow.
//! * As a server: a [`Server`] makes challenges and checks answers. It keeps no secret per peer, only how
//!   often each nonce was used.
//!
//! ```
//! use sip::digest::{Challenge, ClientSession, Credentials, Qop};
//! let challenge = Challenge::parse(
//!     r#"DIGEST realm="gw", nonce="dcd98b", algorithm=MD5, qop="auth,auth-int""#,
//! )?;
//! let mut session = ClientSession::new(challenge, Credentials::new("8000", "secret"), "0a4f113b");
//! let value = session.answer("REGISTER", "sip:gw", b"");
//! assert!(value.starts_with(r#"Digest username="8000", realm="gw", nonce="dcd98b", uri="sip:gw", response=""#));
//! assert_eq!(session.challenge().qop, Some(Qop::Auth));
//! # Ok::<(), sip::digest::DigestError>(())
//! ```

mod authenticator;
mod provider;
mod server;

#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use md5::Md5;
use sha2::{Sha256, Sha512_256};

use crate::message::scan::{is_token_octet, trim};
use crate::message::{Header, Message};

pub use authenticator::Authenticator;
pub use provider::CredentialsProvider;
pub use server::{Refusal, Secret, Server, Username, Verified};

/// Most parameters read from one header.
const MAX_PARAMETERS: usize = 32;

/// A hash algorithm (RFC 8760 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`
    Md5,
    /// `MD5-sess`
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
    /// `SHA-512-256`
    Sha512_256,
    /// `SHA-512-256-sess`
    Sha512_256Sess,
}

impl Algorithm {
    const ALL: [Algorithm; 6] = [
        Algorithm::Md5,
        Algorithm::Md5Sess,
        Algorithm::Sha256,
        Algorithm::Sha256Sess,
        Algorithm::Sha512_256,
        Algorithm::Sha512_256Sess,
    ];

    /// The name in headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    /// Reads a name, in any case.
    pub fn parse(text: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
    }

    /// Which of several is to be taken.
    fn strength(self) -> u8 {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => 0,
            Algorithm::Sha256 | Algorithm::Sha256Sess => 1,
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => 2,
        }
    }

    /// Whether H is the same, with or without `-sess`: H(user:realm:password) then serves both.
    fn is_same_hash(self, other: Algorithm) -> bool {
        self.strength() == other.strength()
    }

    fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512_256Sess)
    }

    /// H of the parts joined by colons, in lower-case hexadecimal digits.
    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => joined::<Md5>(parts),
            Algorithm::Sha256 | Algorithm::Sha256Sess => joined::<Sha256>(parts),
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => joined::<Sha512_256>(parts),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Quality of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// `auth`: method and URI are protected.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Qop {
    /// The name in headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }

    fn parse(text: &str) -> Option<Qop> {
        [Qop::Auth, Qop::AuthInt].into_iter().find(|qop| qop.as_str().eq_ignore_ascii_case(text.trim()))
    }
}

/// Why a digest header means nothing to us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Another scheme than `Digest`.
    #[error("expected the Digest scheme, got {0:?}")]
    Scheme(String),
    /// A parameter that must be there is not.
    #[error("no {0} parameter")]
    Missing(&'static str),
    /// An algorithm we don't have.
    #[error("expected a digest algorithm of RFC 8760, got {0:?}")]
    Algorithm(String),
    /// Only qualities of protection we don't have.
    #[error("expected qop auth or auth-int, got {0:?}")]
    Qop(String),
    /// Not a list of `name=value`.
    #[error("parameters malformed at {0:?}")]
    Syntax(String),
}

/// What a server asks for: `WWW-Authenticate` or `Proxy-Authenticate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose password is wanted.
    pub realm: String,
    /// To be repeated in the answer.
    pub nonce: String,
    /// To be repeated in the answer, when there is one.
    pub opaque: Option<String>,
    /// MD5 when the header has none.
    pub algorithm: Algorithm,
    /// `auth` if offered, else `auth-int`; `None` when the server offers no qop (RFC 2069).
    pub qop: Option<Qop>,
    /// The password was right and only the nonce too old: try again without asking anybody.
    pub stale: bool,
    /// The server takes the user name hashed, so that it is not read on the way (RFC 7616 3.4.4).
    pub userhash: bool,
}

impl Challenge {
    /// Reads one header value.
    ///
    /// # Errors
    /// [`DigestError`] for another scheme, an unknown algorithm or qop, or a missing realm or nonce.
    pub fn parse(value: &str) -> Result<Challenge, DigestError> {
        let parameters = Parameters::parse(value)?;
        let algorithm = parameters.algorithm()?;
        let qop = match parameters.get("qop") {
            None => None,
            Some(offered) => {
                let has = |wanted| offered.split(',').any(|qop| Qop::parse(qop) == Some(wanted));
                let known = [Qop::Auth, Qop::AuthInt].into_iter().find(|qop| has(*qop));
                Some(known.ok_or_else(|| DigestError::Qop(offered.to_owned()))?)
            }
        };
        Ok(Challenge {
            realm: parameters.required("realm")?.to_owned(),
            nonce: parameters.required("nonce")?.to_owned(),
            opaque: parameters.get("opaque").map(ToOwned::to_owned),
            algorithm,
            qop,
            stale: parameters.is_true("stale"),
            userhash: parameters.is_true("userhash"),
        })
    }

    /// The challenges of a 401 or 407 that we can answer, in the server's order of preference, with the
    /// header the answer belongs into. Of several for one realm the one with the strongest algorithm counts,
    /// and of equally strong ones the first.
    pub fn from_response(response: &Message) -> Vec<(Header, Challenge)> {
        let mut found: Vec<(Header, Challenge)> = Vec::new();
        for (asked, answer) in [
            (Header::WwwAuthenticate, Header::Authorization),
            (Header::ProxyAuthenticate, Header::ProxyAuthorization),
        ] {
            for value in response.headers(asked).take(16) {
                let Ok(challenge) = Challenge::parse(&value.to_str()) else { continue };
                let known = found
                    .iter_mut()
                    .find(|(header, known)| *header == answer && known.realm == challenge.realm);
                match known {
                    None => found.push((answer, challenge)),
                    Some((_, known)) if challenge.algorithm.strength() > known.algorithm.strength() => {
                        *known = challenge;
                    }
                    Some(_) => {}
                }
            }
        }
        found
    }
}

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    /// A user name and a password.
    pub fn new(username: &str, password: &str) -> Credentials {
        Credentials { username: username.to_owned(), password: password.to_owned() }
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The answers to one challenge, request after request.
#[derive(Clone, Debug)]
pub struct ClientSession {
    challenge: Challenge,
    credentials: Credentials,
    cnonce: String,
    count: u32,
    /// H(A1) of a session algorithm: made with the first nonce, and kept when the nonce changes.
    session: Option<String>,
    /// The URI of the latest answer.
    uri: String,
}

/// Whether a server has shown that it knows the password too (`rspauth`, RFC 7616 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerProof {
    /// It said nothing about it.
    None,
    /// It knows it.
    Right,
    /// It does not: whoever answered is not who challenged.
    Wrong,
}

impl ClientSession {
    /// `cnonce` is to be random, such as [`crate::Endpoint::new_tag`]'s.
    pub fn new(challenge: Challenge, credentials: Credentials, cnonce: &str) -> ClientSession {
        ClientSession {
            challenge,
            credentials,
            cnonce: cnonce.to_owned(),
            count: 0,
            session: None,
            uri: String::new(),
        }
    }

    /// The challenge answered.
    pub fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The value of `Authorization` or `Proxy-Authorization` for a request, counting one up.
    pub fn answer(&mut self, method: &str, uri: &str, body: &[u8]) -> String {
        self.count = self.count.saturating_add(1);
        self.uri = uri.to_owned();
        let count = format!("{:08x}", self.count);
        let secret = self.secret();
        let Challenge { realm, nonce, opaque, algorithm, qop, userhash, .. } = &self.challenge;
        let proof = self.proof(&count, method, uri, body);
        let username = match userhash {
            true => hashed_username(*algorithm, &self.credentials.username, realm),
            false => self.credentials.username.clone(),
        };
        let mut out = String::with_capacity(320);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={algorithm}",
            quoted(&username),
            quoted(realm),
            quoted(nonce),
            quoted(uri),
            proof.response(&secret),
        );
        if *userhash {
            out.push_str(", userhash=true");
        }
        if let Some(qop) = qop {
            let _ =
                write!(out, ", cnonce={}, qop={}, nc={}", quoted(&self.cnonce), qop.as_str(), proof.count);
        } else if algorithm.is_session() {
            let _ = write!(out, ", cnonce={}", quoted(&self.cnonce));
        }
        if let Some(opaque) = opaque {
            let _ = write!(out, ", opaque={}", quoted(opaque));
        }
        out
    }

    /// Reads an `Authentication-Info` (RFC 7616 3.5): checks `rspauth`, and takes `nextnonce` for the next
    /// answer unless the server has just shown that it is somebody else. `body` is the response's.
    pub fn handle_authentication_info(&mut self, value: &str, body: &[u8]) -> ServerProof {
        let Ok(parameters) = Parameters::parse_list(value) else { return ServerProof::None };
        let proof = match parameters.get("rspauth") {
            None => ServerProof::None,
            Some(shown) => {
                let count = format!("{:08x}", self.count);
                let secret = self.secret();
                let expected = self.proof(&count, "", &self.uri, body).response(&secret);
                match same(&expected, &shown.to_ascii_lowercase()) {
                    true => ServerProof::Right,
                    false => ServerProof::Wrong,
                }
            }
        };
        if let Some(nonce) = parameters.get("nextnonce").filter(|_| proof != ServerProof::Wrong) {
            self.challenge.nonce = nonce.to_owned();
            self.count = 0;
        }
        proof
    }

    /// H(A1).
    fn secret(&mut self) -> String {
        let Credentials { username, password } = &self.credentials;
        let Challenge { realm, nonce, algorithm, .. } = &self.challenge;
        let made = || algorithm.hash(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()]);
        if !algorithm.is_session() {
            return made();
        }
        let session = || algorithm.hash(&[made().as_bytes(), nonce.as_bytes(), self.cnonce.as_bytes()]);
        self.session.get_or_insert_with(session).clone()
    }

    fn proof<'a>(&'a self, count: &'a str, method: &'a str, uri: &'a str, body: &'a [u8]) -> Proof<'a> {
        Proof {
            algorithm: self.challenge.algorithm,
            nonce: &self.challenge.nonce,
            qop: self.challenge.qop,
            cnonce: &self.cnonce,
            count,
            method,
            uri,
            body,
        }
    }

    /// Whether to answer `challenge`, which refused our last answer: only when the server says that no more
    /// than the nonce was wrong.
    pub fn may_retry(&self, challenge: &Challenge) -> bool {
        challenge.stale && challenge.nonce != self.challenge.nonce
    }
}

/// What goes into a response beside the secret.
struct Proof<'a> {
    algorithm: Algorithm,
    nonce: &'a str,
    qop: Option<Qop>,
    cnonce: &'a str,
    count: &'a str,
    method: &'a str,
    uri: &'a str,
    body: &'a [u8],
}

impl Proof<'_> {
    /// RFC 7616 3.4.1. `secret` is H(A1).
    fn response(&self, secret: &str) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (nonce, cnonce) = (self.nonce.as_bytes(), self.cnonce.as_bytes());
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let request = match self.qop {
            Some(Qop::AuthInt) => hash(&[method, uri, hash(&[self.body]).as_bytes()]),
            _ => hash(&[method, uri]),
        };
        match self.qop {
            Some(qop) => hash(&[
                secret.as_bytes(),
                nonce,
                self.count.as_bytes(),
                cnonce,
                qop.as_str().as_bytes(),
                request.as_bytes(),
            ]),
            None => hash(&[secret.as_bytes(), nonce, request.as_bytes()]),
        }
    }
}

/// `name=value, name="value"`, quotes undone.
#[derive(Debug)]
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// With the scheme in front.
    fn parse(value: &str) -> Result<Parameters, DigestError> {
        let value = value.trim();
        let scheme: String = value.chars().take_while(|c| !c.is_ascii_whitespace()).take(20).collect();
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestError::Scheme(scheme));
        }
        Parameters::parse_list(value.get(scheme.len()..).unwrap_or_default())
    }

    fn parse_list(value: &str) -> Result<Parameters, DigestError> {
        let mut found = Vec::new();
        let mut rest = trim(value.as_bytes());
        while !rest.is_empty() {
            let bad =
                || DigestError::Syntax(String::from_utf8_lossy(rest.get(..20).unwrap_or(rest)).into_owned());
            let name_len = rest.iter().take_while(|octet| is_token_octet(**octet)).count();
            let (name, tail) = rest.split_at_checked(name_len).ok_or_else(bad)?;
            let tail = trim(tail).strip_prefix(b"=").map(trim).ok_or_else(bad)?;
            if name.is_empty() || found.len() >= MAX_PARAMETERS {
                return Err(bad());
            }
            let (text, tail) = one_value(tail).ok_or_else(bad)?;
            found.push((
                String::from_utf8_lossy(name).into_owned(),
                String::from_utf8_lossy(&text).into_owned(),
            ));
            rest = match trim(tail) {
                [] => &[],
                [b',', more @ ..] => trim(more),
                _ => return Err(bad()),
            };
        }
        Ok(Parameters(found))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn required(&self, name: &'static str) -> Result<&str, DigestError> {
        self.get(name).ok_or(DigestError::Missing(name))
    }

    fn algorithm(&self) -> Result<Algorithm, DigestError> {
        match self.get("algorithm") {
            None => Ok(Algorithm::Md5),
            Some(name) => Algorithm::parse(name).ok_or_else(|| DigestError::Algorithm(name.to_owned())),
        }
    }
}

/// A quoted string or what stands before the next comma.
fn one_value(octets: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(inner) = octets.strip_prefix(b"\"") else {
        let len = octets.iter().take_while(|octet| **octet != b',').count();
        let (value, rest) = octets.split_at_checked(len)?;
        return Some((trim(value).to_vec(), rest));
    };
    let mut value = Vec::new();
    let mut rest = inner;
    loop {
        match rest {
            [b'"', tail @ ..] => return Some((value, tail)),
            [b'\\', escaped, tail @ ..] => {
                value.push(*escaped);
                rest = tail;
            }
            [octet, tail @ ..] => {
                value.push(*octet);
                rest = tail;
            }
            [] => return None,
        }
    }
}

/// RFC 7616 3.4.4.
fn hashed_username(algorithm: Algorithm, username: &str, realm: &str) -> String {
    algorithm.hash(&[username.as_bytes(), realm.as_bytes()])
}

/// Comparison in a time that depends on the lengths only.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn joined<D: md5::Digest>(parts: &[&[u8]]) -> String {
    let mut hasher = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

fn hex(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len() * 2);
    for octet in octets {
        // Writing into a String cannot fail.
        let _ = write!(out, "{octet:02x}");
    }
    out
}
