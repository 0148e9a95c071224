//! Who tells of mailboxes, or subscribes to them, from an address that is on no list: by digest, where `tipring mwi login` names
//! users; else not at all.

use std::time::{Duration, Instant};

use cli::config::{Config, Node};
use cli::secret::Secret;
use sip::digest::{Algorithm, Secret as Known, Server};
use sip::{Flow, Message, Reply};

use super::Switch;
use crate::service::trust::Sender;

/// Realm of the challenges.
const REALM: &str = "tipring";
/// How long a nonce serves.
const LIFETIME: Duration = Duration::from_secs(300);

/// The users, and what they are challenged with.
#[derive(Debug)]
pub(super) struct Guard {
    server: Server,
    users: Vec<(String, String)>,
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
        let mut guard = Self { server, users: Vec::new() };
        guard.configure(config);
        guard
    }

    /// Takes the lines of `sip-ua`.
    pub(super) fn configure(&mut self, config: &Config) {
        let lines = config.tree().section("sip-ua").into_iter().flat_map(Node::lines);
        self.users = lines.filter_map(|line| user(line.strip_prefix("tipring mwi login ")?)).collect();
    }
}

impl Switch {
    /// What the sender of a request is to us, or the answer it is owed: 403, or 401 where it may prove who it is. Who has proved
    /// it counts as trusted.
    pub(super) fn identify(&mut self, now: Instant, flow: &Flow, request: &Message) -> Result<Sender, Reply> {
        let sender = self.trust.sender(flow.remote.ip());
        if sender != Sender::Unknown {
            return Ok(sender);
        }
        let Guard { server, users } = &mut self.guard;
        if users.is_empty() {
            return Err(Reply::new(403).reason("Sender is not the mwi-server nor trusted"));
        }
        let verified = server.verify(now, request, |name| {
            let (user, password) = users.iter().find(|(user, _)| name.is(user, REALM))?;
            Some((user.clone(), Known::Password(password.clone())))
        });
        match verified {
            Ok(_) => Ok(Sender::Trusted),
            Err(refusal) => Err(server.refuse(now, &refusal)),
        }
    }
}

/// `USER password [0|6|7] SECRET`.
fn user(rest: &str) -> Option<(String, String)> {
    let (user, secret) = rest.split_once(" password ")?;
    let secret = Secret::reversible(secret).ok()?;
    Some((user.to_owned(), secret.reveal()?.expose().to_owned()))
}
