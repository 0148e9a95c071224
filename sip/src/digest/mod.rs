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
mod server;

#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use md5::Md5;
use sha2::{Sha256, Sha512_256};

use crate::message::scan::{is_token_octet, trim};
use crate::message::{Header, Message};

pub use authenticator::Authenticator;
pub use server::{Refusal, Secret, Server, Verified};

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
            stale: parameters.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The challenges of a 401 or 407 that we can answer, in the server's order of preference, with the
    /// header the answer belongs into. Of several for one realm the first counts (RFC 8760 2.4).
    pub fn from_response(response: &Message) -> Vec<(Header, Challenge)> {
        let mut found: Vec<(Header, Challenge)> = Vec::new();
        for (asked, answer) in [
            (Header::WwwAuthenticate, Header::Authorization),
            (Header::ProxyAuthenticate, Header::ProxyAuthorization),
        ] {
            for value in response.headers(asked).take(16) {
                let Ok(challenge) = Challenge::parse(&value.to_str()) else { continue };
                if !found.iter().any(|(header, known)| *header == answer && known.realm == challenge.realm) {
                    found.push((answer, challenge));
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
}

impl ClientSession {
    /// `cnonce` is to be random, such as [`crate::Endpoint::new_tag`]'s.
    pub fn new(challenge: Challenge, credentials: Credentials, cnonce: &str) -> ClientSession {
        ClientSession { challenge, credentials, cnonce: cnonce.to_owned(), count: 0 }
    }

    /// The challenge answered.
    pub fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The value of `Authorization` or `Proxy-Authorization` for a request, counting one up.
    pub fn answer(&mut self, method: &str, uri: &str, body: &[u8]) -> String {
        self.count = self.count.saturating_add(1);
        let Challenge { realm, nonce, opaque, algorithm, qop, .. } = &self.challenge;
        let proof = Proof {
            algorithm: *algorithm,
            nonce,
            qop: *qop,
            cnonce: &self.cnonce,
            count: &format!("{:08x}", self.count),
            method,
            uri,
            body,
        };
        let Credentials { username, password } = &self.credentials;
        let secret = algorithm.hash(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()]);
        let mut out = String::with_capacity(320);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={algorithm}",
            quoted(username),
            quoted(realm),
            quoted(nonce),
            quoted(uri),
            proof.response(&secret),
        );
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

    /// Takes `nextnonce` from an `Authentication-Info`, if it has one (RFC 7616 3.5): the next answer uses
    /// it.
    pub fn handle_authentication_info(&mut self, value: &str) {
        let Ok(parameters) = Parameters::parse_list(value) else { return };
        if let Some(nonce) = parameters.get("nextnonce") {
            self.challenge.nonce = nonce.to_owned();
            self.count = 0;
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
    /// RFC 7616 3.4.1. `secret` is H(user:realm:password).
    fn response(&self, secret: &str) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (nonce, cnonce) = (self.nonce.as_bytes(), self.cnonce.as_bytes());
        let secret = match self.algorithm.is_session() {
            true => hash(&[secret.as_bytes(), nonce, cnonce]),
            false => secret.to_owned(),
        };
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
