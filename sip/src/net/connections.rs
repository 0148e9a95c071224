//! Which connections there are, and which one a message takes.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::tls::CertificateNames;
use crate::admission::source_of;
use crate::flow::{Flow, Transport};

/// Most flows made by [`super::Net::flow_to`] that wait for their first message.
const MAX_RESERVED: usize = 1024;

pub(super) struct Connection {
    pub(super) flow: Flow,
    pub(super) queue: Queue,
    pub(super) task: Option<JoinHandle<()>>,
    /// Whether we opened it.
    pub(super) ours: bool,
    /// Whose certificate was demanded of it.
    pub(super) domain: Option<Arc<str>>,
    /// Who the peer's certificate says it is, once the handshake is over.
    pub(super) names: Option<Arc<CertificateNames>>,
    /// Where requests may be sent over it though the peer opened it (RFC 5923).
    pub(super) alias: Option<SocketAddr>,
}

/// Messages waiting to be written, bounded in number and octets.
#[derive(Clone)]
pub(super) struct Queue {
    sender: mpsc::Sender<Bytes>,
    octets: Arc<AtomicUsize>,
    limit: usize,
}

/// The other end of a [`Queue`].
pub(super) struct Waiting {
    receiver: mpsc::Receiver<Bytes>,
    octets: Arc<AtomicUsize>,
}

pub(super) fn queue(messages: usize, octets: usize) -> (Queue, Waiting) {
    let (sender, receiver) = mpsc::channel(messages.max(1));
    let waiting = Arc::new(AtomicUsize::new(0));
    (Queue { sender, octets: Arc::clone(&waiting), limit: octets }, Waiting { receiver, octets: waiting })
}

impl Queue {
    /// False when there is no room. A single message always finds room.
    pub(super) fn push(&self, message: Bytes) -> bool {
        let len = message.len();
        let before = self.octets.fetch_add(len, Ordering::Relaxed);
        let fits = before == 0 || before.saturating_add(len) <= self.limit;
        if fits && self.sender.try_send(message).is_ok() {
            return true;
        }
        self.octets.fetch_sub(len, Ordering::Relaxed);
        false
    }
}

impl Waiting {
    pub(super) async fn pop(&mut self) -> Option<Bytes> {
        let message = self.receiver.recv().await?;
        self.octets.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}

/// All connections, and the ones promised.
#[derive(Default)]
pub(super) struct Connections {
    open: HashMap<u64, Connection>,
    /// Flows given out before anything was sent on them.
    reserved: VecDeque<(Flow, Arc<str>)>,
}

/// The number of the connection made last: of all sockets of the program, so that a number never means another connection after
/// they were opened anew.
static LAST: AtomicU64 = AtomicU64::new(0);

impl Connections {
    pub(super) fn new_id() -> u64 {
        LAST.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn get(&self, id: u64) -> Option<&Connection> {
        self.open.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Connection> {
        self.open.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: u64, connection: Connection) {
        self.open.insert(id, connection);
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Connection> {
        self.open.remove(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.open.values()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Connection> {
        self.open.drain().map(|(_, connection)| connection)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Connections from and to one source.
    pub(super) fn of_source(&self, remote: SocketAddr) -> usize {
        let source = source_of(remote.ip());
        self.open.values().filter(|open| source_of(open.flow.remote.ip()) == source).count()
    }

    /// A connection for a request to this address that asks for no certain one. `domain` is whose
    /// certificate it needs on TLS.
    pub(super) fn find(
        &self,
        transport: Transport,
        remote: SocketAddr,
        domain: Option<&str>,
    ) -> Option<&Connection> {
        self.open.values().find(|open| {
            let there = open.flow.remote == remote || open.alias == Some(remote);
            let who = match (transport, open.ours) {
                (Transport::Tls, true) => open.domain.as_deref() == domain,
                // Of one that came to us the certificate was believed, so its names are true.
                (Transport::Tls, false) => open
                    .names
                    .as_ref()
                    .is_some_and(|names| names.name(domain.unwrap_or(&remote.ip().to_string()))),
                _ => true,
            };
            open.flow.transport == transport && there && who
        })
    }

    /// Promises a connection that is opened by the first message sent on it.
    pub(super) fn reserve(&mut self, flow: Flow, domain: &str, share: bool) -> Flow {
        let known = self.reserved.iter().find(|(known, name)| {
            share && known.remote == flow.remote && known.transport == flow.transport && **name == *domain
        });
        if let Some((known, _)) = known {
            return known.clone();
        }
        if self.reserved.len() >= MAX_RESERVED {
            self.reserved.pop_front();
        }
        let flow = Flow { connection: Some(Self::new_id()), ..flow };
        self.reserved.push_back((flow.clone(), Arc::from(domain)));
        flow
    }

    /// Redeems the promise.
    pub(super) fn take_reserved(&mut self, id: u64) -> Option<Arc<str>> {
        let at = self.reserved.iter().position(|(flow, _)| flow.connection == Some(id))?;
        self.reserved.remove(at).map(|(_, domain)| domain)
    }
}
