//! Where a message came from and where it goes.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams; responses and requests are retransmitted.
    Udp,
    /// A stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
}

impl Transport {
    /// True for streams: nothing is retransmitted hop by hop (RFC 3261 17).
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// The name in a Via.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// The port when none is written: 5061 for TLS, else 5060.
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Tls => 5061,
            Transport::Udp | Transport::Tcp => 5060,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One way between two sockets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The protocol.
    pub transport: Transport,
    /// Our address. For a socket bound to all addresses this is the unspecified address and the port.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Which connection, given by the IO layer; `None` for datagrams, and for "any connection, open one if
    /// there is none".
    pub connection: Option<u64>,
}

impl Flow {
    /// The way over TCP that a request of `len` octets takes instead of this one over UDP; `None` when it
    /// stays. `limit` is [`crate::EndpointConfig::tcp_above`].
    ///
    /// A multicast group has no connection to offer, so what goes there stays on UDP.
    pub fn switched(&self, len: usize, limit: Option<usize>) -> Option<Flow> {
        //= RFC 3261 18.1.1: "If a request is within 200 bytes of the path MTU, or if it is larger than 1300
        //= bytes and the path MTU is unknown, the request MUST be sent using an RFC 2914 [43] congestion
        //= controlled transport protocol, such as TCP."
        let moves = self.transport == Transport::Udp
            && limit.is_some_and(|limit| len > limit)
            && !self.remote.ip().is_multicast();
        moves.then(|| Flow { transport: Transport::Tcp, connection: None, ..self.clone() })
    }
}

/// Octets to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub flow: Flow,
    /// One whole message.
    pub payload: Bytes,
    /// Differentiated services code point, 0 to 63, where it is another than what the sockets have for all. A stream has that
    /// of the message it was opened for.
    pub dscp: Option<u8>,
}

impl Transmit {
    /// One message to where `flow` leads, marked as everything is.
    pub fn new(flow: Flow, payload: Bytes) -> Transmit {
        Transmit { flow, payload, dscp: None }
    }
}
