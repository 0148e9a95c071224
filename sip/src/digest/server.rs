//! The server's side of digest.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::{Algorithm, DigestError, Parameters, Proof, Qop, hashed_username, hex, quoted, same};
use crate::message::{Header, Message, Reply};

/// Makes challenges and checks answers.
///
/// A nonce is the time it was made and a keyed hash over it, so challenges cost no memory; only nonces that
/// have been used with a right answer are remembered, with their count, to refuse replays.
#[derive(Debug)]
pub struct Server {
    realm: String,
    algorithms: Vec<Algorithm>,
    lifetime: Duration,
    secret: [u8; 32],
    epoch: Instant,
    serial: u64,
    userhash: bool,
    /// Highest nonce count seen, by nonce.
    used: HashMap<String, u32>,
    order: VecDeque<String>,
}

/// Nonces whose counts are kept. Of older ones the answer is "stale".
const MAX_NONCES: usize = 10_000;

/// What the server knows of a user.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password.
    Password(String),
    /// H(user:realm:password) in hexadecimal digits; serves only the algorithm it was made with.
    Hashed(Algorithm, String),
}

/// Who an answer says its sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Username<'a> {
    /// By name.
    Plain(&'a str),
    /// By H(user:realm) (RFC 7616 3.4.4).
    Hashed(Algorithm, &'a str),
}

impl Username<'_> {
    /// Whether it is this user of this realm.
    pub fn is(&self, username: &str, realm: &str) -> bool {
        match self {
            Username::Plain(name) => *name == username,
            Username::Hashed(algorithm, hash) => {
                same(&hashed_username(*algorithm, username, realm), &hash.to_ascii_lowercase())
            }
        }
    }
}

/// What the server needs to prove that it knows the password, too.
#[derive(Clone, PartialEq, Eq)]
struct Answered {
    algorithm: Algorithm,
    secret: String,
    nonce: String,
    qop: Option<Qop>,
    cnonce: String,
    count: String,
}

/// A right answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    answered: Answered,
    /// Who.
    pub username: String,
    /// The URI that was signed; proxies may have changed the request's.
    pub uri: String,
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No answer for our realm: challenge.
    #[error("no credentials for this realm")]
    NoCredentials,
    /// The answer is right but its nonce too old, or used before: challenge with `stale=true`.
    #[error("nonce stale or used before")]
    Stale,
    /// User unknown or password wrong: challenge again, or 403.
    #[error("user or password wrong")]
    Wrong,
    /// The header cannot be read: 400.
    #[error("credentials malformed: {0}")]
    Malformed(#[from] DigestError),
}

impl Server {
    /// A server for one realm. `algorithms` in order of preference, offered each in a header of its own
    /// (RFC 8760 2.3); nonces live for `lifetime`; `seed` must come from a good source; `now` is any time
    /// before the first use.
    pub fn new(
        realm: &str,
        algorithms: &[Algorithm],
        lifetime: Duration,
        seed: [u8; 32],
        now: Instant,
    ) -> Server {
        Server {
            realm: realm.to_owned(),
            algorithms: algorithms.to_vec(),
            lifetime,
            secret: seed,
            epoch: now,
            serial: 0,
            userhash: false,
            used: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Whether users may give their names hashed (RFC 7616 3.4.4). Off at first.
    pub fn set_userhash(&mut self, userhash: bool) {
        self.userhash = userhash;
    }

    /// The 401 that asks for credentials.
    pub fn challenge(&mut self, now: Instant, stale: bool) -> Reply {
        let challenges = self.challenges(now, stale);
        challenges.iter().fold(Reply::new(401), |reply, value| reply.header(Header::WwwAuthenticate, value))
    }

    /// The values of `WWW-Authenticate` of that 401, for whoever makes it himself. `stale`: the credentials were good, their nonce
    /// was not.
    pub fn challenges(&mut self, now: Instant, stale: bool) -> Vec<String> {
        let nonce = self.new_nonce(now);
        let stale = if stale { ", stale=true" } else { "" };
        let userhash = if self.userhash { ", userhash=true" } else { "" };
        let realm = quoted(&self.realm);
        let value = |algorithm: &Algorithm| {
            format!(
                "Digest realm={realm}, nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth,auth-int\"{stale}{userhash}"
            )
        };
        self.algorithms.iter().map(value).collect()
    }

    /// Checks the request's `Authorization`. `lookup` gives a user's name and secret.
    ///
    /// # Errors
    /// [`Refusal`] says why not; [`Server::refuse`] makes the response.
    pub fn verify(
        &mut self,
        now: Instant,
        request: &Message,
        lookup: impl FnOnce(&Username<'_>) -> Option<(String, Secret)>,
    ) -> Result<Verified, Refusal> {
        let parameters = self.credentials(request)?;
        let required = |name| parameters.required(name).map_err(Refusal::from);
        let (username, nonce, uri) = (required("username")?, required("nonce")?, required("uri")?);
        let response = required("response")?;
        let algorithm = parameters.algorithm()?;
        if !self.algorithms.contains(&algorithm) {
            return Err(DigestError::Algorithm(algorithm.as_str().to_owned()).into());
        }
        let qop = parameters
            .get("qop")
            .map(|qop| Qop::parse(qop).ok_or_else(|| DigestError::Qop(qop.to_owned())))
            .transpose()?;
        let count = match qop {
            Some(_) => required("nc")?,
            None => "",
        };
        let cnonce = if qop.is_some() || algorithm.is_session() { required("cnonce")? } else { "" };
        let proof = Proof {
            algorithm,
            nonce,
            qop,
            cnonce,
            count,
            method: request.method_ref().map_or("", |method| method.as_str()),
            uri,
            body: request.body(),
        };
        let username = match parameters.is_true("userhash") {
            true => Username::Hashed(algorithm, username),
            false => Username::Plain(username),
        };
        let (username, secret) = lookup(&username).ok_or(Refusal::Wrong)?;
        let secret = match secret {
            Secret::Password(password) => {
                algorithm.hash(&[username.as_bytes(), self.realm.as_bytes(), password.as_bytes()])
            }
            Secret::Hashed(known, hash) if known.is_same_hash(algorithm) => hash.to_ascii_lowercase(),
            Secret::Hashed(..) => return Err(Refusal::Wrong),
        };
        let secret = match algorithm.is_session() {
            true => algorithm.hash(&[secret.as_bytes(), nonce.as_bytes(), cnonce.as_bytes()]),
            false => secret,
        };
        if !same(&proof.response(&secret), &response.to_ascii_lowercase()) {
            return Err(Refusal::Wrong);
        }
        // Only now: who does not know the password learns nothing about nonces and cannot fill the table.
        if !self.is_fresh(now, nonce) {
            return Err(Refusal::Stale);
        }
        let number = match qop {
            Some(_) => u32::from_str_radix(count, 16).map_err(|_| DigestError::Syntax(count.to_owned()))?,
            // Without qop there is no count: each nonce serves once.
            None => 1,
        };
        self.use_count(nonce, number)?;
        let answered = Answered {
            algorithm,
            secret,
            nonce: nonce.to_owned(),
            qop,
            cnonce: cnonce.to_owned(),
            count: count.to_owned(),
        };
        Ok(Verified { answered, username, uri: uri.to_owned() })
    }

    /// The value of `Authentication-Info` for the response to a verified request (RFC 7616 3.5): the proof
    /// that we know the password, and a new nonce when the one used has lived half its time. `body` is the
    /// response's.
    pub fn authentication_info(&mut self, now: Instant, verified: &Verified, body: &[u8]) -> String {
        let Answered { algorithm, secret, nonce, qop, cnonce, count } = &verified.answered;
        let proof = Proof {
            algorithm: *algorithm,
            nonce,
            qop: *qop,
            cnonce,
            count,
            method: "",
            uri: &verified.uri,
            body,
        };
        let mut value = format!("rspauth=\"{}\"", proof.response(secret));
        if let Some(qop) = qop {
            value += &format!(", cnonce={}, qop={}, nc={count}", quoted(cnonce), qop.as_str());
        }
        // The key of a session algorithm hangs on the first nonce, which nothing here remembers.
        let old = self.age(now, nonce).is_none_or(|age| age > self.lifetime / 2);
        if old && !algorithm.is_session() {
            value += &format!(", nextnonce=\"{}\"", self.new_nonce(now));
        }
        value
    }

    /// The response to a refused request.
    pub fn refuse(&mut self, now: Instant, refusal: &Refusal) -> Reply {
        match refusal {
            Refusal::NoCredentials | Refusal::Wrong => self.challenge(now, false),
            Refusal::Stale => self.challenge(now, true),
            Refusal::Malformed(_) => Reply::new(400).reason("Bad Request - Malformed Authorization"),
        }
    }

    /// The first credentials for our realm.
    fn credentials(&self, request: &Message) -> Result<Parameters, Refusal> {
        let mut malformed = None;
        for value in request.headers(Header::Authorization).take(16) {
            match Parameters::parse(&value.to_str()) {
                Ok(parameters) if parameters.get("realm") == Some(self.realm.as_str()) => {
                    return Ok(parameters);
                }
                Ok(_) | Err(DigestError::Scheme(_)) => {}
                Err(error) => malformed = Some(error),
            }
        }
        Err(malformed.map_or(Refusal::NoCredentials, Refusal::Malformed))
    }

    fn new_nonce(&mut self, now: Instant) -> String {
        self.serial = self.serial.wrapping_add(1);
        let age = now.saturating_duration_since(self.epoch).as_millis() as u64;
        let head = format!("{age:016x}{:08x}", self.serial as u32);
        let seal = self.seal(&head);
        head + &seal
    }

    fn seal(&self, head: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.secret);
        hasher.update(head.as_bytes());
        hasher.update(self.secret);
        hex(hasher.finalize().get(..16).unwrap_or_default())
    }

    fn is_fresh(&self, now: Instant, nonce: &str) -> bool {
        self.age(now, nonce).is_some_and(|age| age <= self.lifetime)
    }

    /// How old a nonce of ours is; `None` for any other.
    fn age(&self, now: Instant, nonce: &str) -> Option<Duration> {
        let (head, seal) = nonce.split_at_checked(24)?;
        if !same(&self.seal(head), seal) {
            return None;
        }
        let made = u64::from_str_radix(head.get(..16)?, 16).ok()?;
        Some(now.saturating_duration_since(self.epoch).saturating_sub(Duration::from_millis(made)))
    }

    /// A count at or below the highest one seen is a replay.
    fn use_count(&mut self, nonce: &str, count: u32) -> Result<(), Refusal> {
        if let Some(highest) = self.used.get_mut(nonce) {
            if count <= *highest {
                return Err(Refusal::Stale);
            }
            *highest = count;
            return Ok(());
        }
        if self.order.len() >= MAX_NONCES
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget_all(&oldest);
            return Err(Refusal::Stale);
        }
        self.used.insert(nonce.to_owned(), count);
        self.order.push_back(nonce.to_owned());
        Ok(())
    }

    /// A nonce whose count is forgotten could be replayed. A new secret makes all older ones unknown; live
    /// peers are told `stale=true` once.
    fn forget_all(&mut self, forgotten: &str) {
        let mut hasher = Sha256::new();
        hasher.update(self.secret);
        hasher.update(forgotten.as_bytes());
        self.secret = hasher.finalize().into();
        self.used.clear();
        self.order.clear();
    }
}

impl std::fmt::Debug for Verified {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Verified");
        shown.field("username", &self.username).field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Secret {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Secret::Password(_) => "Password",
            Secret::Hashed(..) => "Hashed",
        })
    }
}
