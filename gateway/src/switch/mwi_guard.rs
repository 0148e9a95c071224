//! Who tells of mailboxes, or subscribes to them, from an address that is on no list: by digest, where `tipring mwi login` names
//! users; else not at all. Who calls from such an address: the same by `tipring call login`.

use std::time::{Duration, Instant};

use cli::config::{Config, Node};
use cli::secret::Secret;
use sip::digest::{Algorithm, Refusal, Secret as Known, Server};
use sip::{Flow, Message, Reply};

use super::Switch;
use crate::leg::sip::Admission;
use crate::service::trust::{Sender, Trust};

/// Realm of the challenges.
const REALM: &str = "tipring";
/// How long a nonce serves.
const LIFETIME: Duration = Duration::from_secs(300);

/// The users, and what they are challenged with.
#[derive(Debug)]
pub(super) struct Guard {
    server: Server,
    users: Vec<(String, String)>,
    callers: Vec<(String, String)>,
}

impl Guard {
    pub(super) fn new(now: Instant, config: &Config, seed: [u8; 32]) -> Self {
        // Older telephones know MD5 only.
        let server = Server::new(
            REALM,
            &[Algorithm::Sha256, Algorithm::Md5],
            LIFETIME,
            seed.map(|octet| octet ^ 0xC3),
            now,
        );
        let mut guard = Self { server, users: Vec::new(), callers: Vec::new() };
        guard.configure(config);
        guard
    }

    /// Takes the lines of `sip-ua`.
    pub(super) fn configure(&mut self, config: &Config) {
        let lines = || config.tree().section("sip-ua").into_iter().flat_map(Node::lines);
        let named = |what: &str| lines().filter_map(|line| user(line.strip_prefix(what)?)).collect();
        self.users = named("tipring mwi login ");
        self.callers = named("tipring call login ");
    }

    /// Whether anybody may prove who he is.
    pub(super) fn asks(&self) -> bool {
        !self.users.is_empty() || !self.callers.is_empty()
    }

    /// Whether an INVITE is taken.
    pub(super) fn admit(&mut self, now: Instant, trust: &Trust, flow: &Flow, request: &Message) -> Admission {
        if trust.sender_by(flow) != Sender::Unknown {
            return Admission::Granted;
        }
        if self.callers.is_empty() {
            return Admission::Refused;
        }
        match verify(&mut self.server, &self.callers, now, request) {
            Ok(()) => Admission::Granted,
            Err(Refusal::Malformed(_)) => Admission::Refused,
            Err(refusal) => {
                let stale = matches!(refusal, Refusal::Stale);
                Admission::Challenged(self.server.challenges(now, stale))
            }
        }
    }
}

impl Switch {
    /// What the sender of a request is to us, or the answer it is owed: 403, or 401 where it may prove who it is. Who has proved
    /// it counts as trusted.
    pub(super) fn identify(&mut self, now: Instant, flow: &Flow, request: &Message) -> Result<Sender, Reply> {
        let sender = self.trust.sender_by(flow);
        if sender != Sender::Unknown {
            return Ok(sender);
        }
        let Guard { server, users, .. } = &mut self.guard;
        if users.is_empty() {
            return Err(Reply::new(403).reason("Sender is not the mwi-server nor trusted"));
        }
        match verify(server, users, now, request) {
            Ok(()) => Ok(Sender::Trusted),
            Err(refusal) => Err(server.refuse(now, &refusal)),
        }
    }
}

/// Whether the request carries the credentials of one of these users.
fn verify(
    server: &mut Server,
    users: &[(String, String)],
    now: Instant,
    request: &Message,
) -> Result<(), Refusal> {
    let verified = server.verify(now, request, |name| {
        let (user, password) = users.iter().find(|(user, _)| name.is(user, REALM))?;
        Some((user.clone(), Known::Password(password.clone())))
    });
    verified.map(|_| ())
}

/// `USER password [0|6|7] SECRET`.
fn user(rest: &str) -> Option<(String, String)> {
    let (user, secret) = rest.split_once(" password ")?;
    let secret = Secret::reversible(secret).ok()?;
    Some((user.to_owned(), secret.reveal()?.expose().to_owned()))
}
