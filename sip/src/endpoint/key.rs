//! What transactions and dialogs are found by.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasherDefault, Hasher};

use crate::flow::Flow;
use crate::message::{Header, Message, Via};

/// 128 bits of a keyed hash over what identifies a transaction or dialog. A peer that does not know the key cannot
/// make two collide, and at 2^32 live ones a chance collision has odds of about 2^-65: the hash is the identity.
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
        let half = |secret: u64| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(secret);
            hasher.write_u8(domain as u8);
            for part in parts {
                hasher.write_usize(part.len());
                hasher.write(part);
            }
            hasher.finish()
        };
        let [a, b] = self.secret;
        Key(u128::from(half(a)) << 64 | u128::from(half(b)))
    }

    /// The tag this endpoint puts into To for the transaction `key`: the same for every copy of the request, and for
    /// nobody else to guess.
    pub(super) fn tag(&self, key: Key) -> Tag {
        let Key(value) = self.hash(Domain::Dialog, &[b"tag", &key.0.to_be_bytes()]);
        Tag::new((value >> 64) as u64)
    }

    /// The server transaction `request` belongs to, had it the method `method` (CANCEL and ACK look for their INVITE).
    ///
    /// With an RFC 3261 branch this is branch, sent-by and method (RFC 3261 17.2.3), and beside them Call-ID and CSeq number:
    /// every message of one transaction has them in common, and peers that put the same branch into every request
    /// are then not taken to repeat themselves.
    pub(super) fn server(&self, request: &Message, flow: &Flow, method: &[u8]) -> Key {
        let to_tag = request.to().ok().and_then(|to| to.tag());
        self.server_with_tag(request, flow, method, to_tag)
    }

    pub(super) fn server_with_tag(
        &self,
        request: &Message,
        flow: &Flow,
        method: &[u8],
        to_tag: Option<&str>,
    ) -> Key {
        let call_id = request.first_raw(Header::CallId).unwrap_or_default();
        let number = request.cseq().map_or(u32::MAX, |cseq| cseq.number).to_be_bytes();
        let raw_via = request.top_via_octets();
        if let Some(via) = raw_via.and_then(|octets| Via::parse(octets).ok()).filter(Via::has_cookie) {
            let host = Lower::new(via.host);
            let port = via.port.unwrap_or(0).to_be_bytes();
            let branch = via.branch().unwrap_or_default().as_bytes();
            return self.hash(Domain::Rfc3261, &[branch, host.as_bytes(), &port, method, call_id, &number]);
        }
        //= RFC 3261 17.2.3: "The INVITE request matches a transaction if the Request-URI, To tag, From tag, Call-ID, CSeq, and
        //= top Via header field are equal to those of the INVITE request which created the transaction."
        let from_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or_default();
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

    /// What copies of one request have in common whichever way they came (RFC 3261 8.2.2.2). `None` where the rule does not
    /// apply: a To tag, or no From tag.
    pub(super) fn merged(&self, request: &Message) -> Option<Key> {
        if request.to().ok()?.tag().is_some() {
            return None;
        }
        let from_tag = request.from().ok()?.tag()?;
        let call_id = request.call_id().ok()?;
        let number = request.cseq().ok()?.number.to_be_bytes();
        Some(self.hash(
            Domain::Merged,
            &[from_tag.as_bytes(), call_id.as_bytes(), &number, request.method_octets()],
        ))
    }

    /// What the ACK to a 2xx is found by: it is a transaction of its own with another branch.
    pub(super) fn accepted(&self, request: &Message, to_tag: &str) -> Key {
        let from_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or_default();
        let call_id = request.first_raw(Header::CallId).unwrap_or_default();
        let number = request.cseq().map_or(u32::MAX, |cseq| cseq.number).to_be_bytes();
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
