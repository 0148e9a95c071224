//! What transactions and dialogs are found by.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasherDefault, Hasher};

use crate::flow::Flow;
use crate::message::{Facts, Header, starts_with_cookie};

/// 128 bits of a keyed hash over what identifies a transaction or dialog. A peer that does not know the key
/// cannot make two collide, and at 2^32 live ones a chance collision has odds of about 2^-65: the hash is
/// the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(u128);

/// The map's hasher: a [`Key`] is already well mixed.
#[derive(Default)]
pub(super) struct Truncate(u64);

impl Hasher for Truncate {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for octet in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}

pub(super) type KeyMap<V> = std::collections::HashMap<Key, V, BuildHasherDefault<Truncate>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    Rfc3261 = 1,
    Rfc2543 = 2,
    Merged = 3,
    Accepted = 4,
    Client = 5,
    Dialog = 6,
    Tag = 7,
}

/// Makes keys from messages.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    secret: [u64; 2],
}

/// A tag of 16 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag([u8; 16]);

impl Tag {
    pub(super) fn new(value: u64) -> Tag {
        let mut digits = [0; 16];
        for (at, digit) in digits.iter_mut().enumerate() {
            let nibble = (value >> (60 - 4 * at)) as u8 & 0x0f;
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        }
        Tag(digits)
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Keys {
    pub(super) fn new(secret: [u64; 2]) -> Keys {
        Keys { secret }
    }

    fn hash(&self, domain: Domain, parts: &[&[u8]]) -> Key {
        // The parts joined once, each behind its length; nearly always on the stack.
        let mut short = [0; 256];
        let mut long = Vec::new();
        let joined = match join(&mut short, parts) {
            Some(len) => short.get(..len).unwrap_or_default(),
            None => {
                for part in parts {
                    long.extend_from_slice(&(part.len() as u32).to_be_bytes());
                    long.extend_from_slice(part);
                }
                &long
            }
        };
        let [a, b] = self.secret;
        Key(u128::from(keyed(a, domain, joined)) << 64 | u128::from(keyed(b, domain, joined)))
    }

    /// The tag this endpoint puts into To for the transaction `key`: the same for every copy of the
    /// request, and for nobody else to guess.
    pub(super) fn tag(&self, key: Key) -> Tag {
        Tag::new(keyed(self.secret[0], Domain::Tag, &key.0.to_be_bytes()))
    }

    /// The server transaction `request` belongs to, had it the method `method` (CANCEL and ACK look for
    /// their INVITE).
    ///
    /// With an RFC 3261 branch this is branch, sent-by and method (RFC 3261 17.2.3), and beside them
    /// Call-ID and CSeq number: every message of one transaction has them in common, and peers that put the
    /// same branch into every request are then not taken to repeat themselves.
    pub(super) fn server(&self, facts: &Facts<'_>, flow: &Flow, method: &[u8]) -> Key {
        self.server_with_tag(facts, flow, method, facts.to_tag)
    }

    pub(super) fn server_with_tag(
        &self,
        facts: &Facts<'_>,
        flow: &Flow,
        method: &[u8],
        to_tag: Option<&str>,
    ) -> Key {
        let request = facts.request;
        let call_id = request.first_raw(Header::CallId).unwrap_or_default();
        let number = facts.cseq_number().to_be_bytes();
        if let Some(Ok(via)) = &facts.via
            && let Some(branch) = via.branch()
            && starts_with_cookie(branch)
        {
            let branch = branch.as_bytes();
            let host = Lower::new(via.host);
            let port = via.port.unwrap_or(0).to_be_bytes();
            return self.hash(Domain::Rfc3261, &[branch, host.as_bytes(), &port, method, call_id, &number]);
        }
        //= RFC 3261 17.2.3: "The INVITE request matches a transaction if the Request-URI, To tag, From tag,
        //= Call-ID, CSeq, and top Via header field match those of the INVITE request which created the
        //= transaction."
        let from_tag = facts.from_tag.unwrap_or_default();
        let raw_via = request.top_via_octets();
        // Without any Via the sender's address stands for it.
        let source = match raw_via {
            Some(_) => [0; 18],
            None => {
                let mut source = [0; 18];
                let address = match flow.remote.ip() {
                    std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                    std::net::IpAddr::V6(v6) => v6,
                };
                let octets = address.octets().into_iter().chain(flow.remote.port().to_be_bytes());
                for (slot, octet) in source.iter_mut().zip(octets) {
                    *slot = octet;
                }
                source
            }
        };
        self.hash(
            Domain::Rfc2543,
            &[
                request.uri_octets(),
                to_tag.unwrap_or_default().as_bytes(),
                from_tag.as_bytes(),
                call_id,
                &number,
                method,
                raw_via.unwrap_or_default(),
                &source,
            ],
        )
    }

    /// What copies of one request have in common whichever way they came (RFC 3261 8.2.2.2). `None` where
    /// the rule does not apply: a To tag, or no From tag.
    pub(super) fn merged(&self, facts: &Facts<'_>) -> Option<Key> {
        if facts.to_tag.is_some() {
            return None;
        }
        let from_tag = facts.from_tag?;
        let call_id = facts.call_id.as_ref().ok()?;
        let number = facts.cseq_number().to_be_bytes();
        let method = facts.request.method_octets();
        Some(self.hash(Domain::Merged, &[from_tag.as_bytes(), call_id.as_bytes(), &number, method]))
    }

    /// What the ACK to a 2xx is found by: it is a transaction of its own with another branch.
    pub(super) fn accepted(&self, facts: &Facts<'_>, to_tag: &str) -> Key {
        let from_tag = facts.from_tag.unwrap_or_default();
        let call_id = facts.request.first_raw(Header::CallId).unwrap_or_default();
        let number = facts.cseq_number().to_be_bytes();
        self.hash(Domain::Accepted, &[from_tag.as_bytes(), to_tag.as_bytes(), call_id, &number])
    }

    /// A client transaction: the branch is ours, so it alone with the method tells which (RFC 3261 17.1.3).
    pub(super) fn client(&self, branch: &str, method: &str) -> Key {
        self.hash(Domain::Client, &[branch.as_bytes(), method.as_bytes()])
    }

    pub(super) fn dialog(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> Key {
        self.hash(Domain::Dialog, &[call_id.as_bytes(), local_tag.as_bytes(), remote_tag.as_bytes()])
    }
}

fn keyed(secret: u64, domain: Domain, octets: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(secret ^ u64::from(domain as u8));
    hasher.write(octets);
    hasher.finish()
}

fn join(buffer: &mut [u8], parts: &[&[u8]]) -> Option<usize> {
    let mut at = 0;
    for part in parts {
        let body = at + 4;
        buffer.get_mut(at..body)?.copy_from_slice(&(part.len() as u32).to_be_bytes());
        at = body + part.len();
        buffer.get_mut(body..at)?.copy_from_slice(part);
    }
    Some(at)
}

/// A sent-by host for comparison, lowered without allocating when it already is.
enum Lower<'a> {
    As(&'a str),
    New(String),
}

impl<'a> Lower<'a> {
    fn new(text: &'a str) -> Lower<'a> {
        if text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            Lower::New(text.to_ascii_lowercase())
        } else {
            Lower::As(text)
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Lower::As(text) => text.as_bytes(),
            Lower::New(text) => text.as_bytes(),
        }
    }
}
