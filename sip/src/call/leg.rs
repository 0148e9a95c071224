//! One dialog of a call: where its requests go, and where its offer/answer exchange stands.

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::endpoint::{ClientTransactionId, ReliableResponses, ServerTransactionId};
use crate::flow::{Flow, Transport};
use crate::message::{Header, Message, Uri};
use crate::sdp::Sdp;

/// Where the offer/answer exchange of a dialog stands (RFC 3261 13.2.1, RFC 3262 5, RFC 3311 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    Idle,
    /// Ours went in an INVITE or UPDATE.
    Offered,
    /// Our INVITE had none: theirs is to come.
    AwaitOffer,
    /// Theirs came and waits for the user.
    MustAnswer(Vehicle),
    /// Their INVITE had none: ours goes into our first reliable response.
    MustOffer,
    /// Ours went in a reliable provisional response: the answer comes in the PRACK.
    OfferedReliably,
    /// Ours went in a 2xx: the answer comes in the ACK.
    OfferedInSuccess,
}

/// What carries our answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Vehicle {
    /// A reliable response to the peer's INVITE.
    Invite,
    /// The 200 to the peer's UPDATE or PRACK.
    Success(ServerTransactionId),
    /// The PRACK with this RAck.
    Prack(String),
    /// The ACK to the peer's 2xx to our INVITE of this number.
    Ack(u32, ClientTransactionId),
}

/// One dialog of a call.
pub(super) struct Leg {
    pub(super) number: u32,
    pub(super) dialog: Dialog,
    /// Where requests go.
    pub(super) flow: Flow,
    pub(super) hop: String,
    pub(super) exchange: Exchange,
    /// SDP of an unreliable provisional response.
    pub(super) preview: Option<Bytes>,
    pub(super) local_sdp: Option<Bytes>,
    pub(super) remote_sdp: Option<Bytes>,
    /// The peer's offer until it is answered.
    pub(super) offered: Option<Bytes>,
    pub(super) reliable: ReliableResponses,
    pub(super) peer_updates: bool,
    pub(super) ack: Option<(u32, Flow, Bytes)>,
}

impl Leg {
    pub(super) fn new(number: u32, dialog: Dialog, flow: Flow, exchange: Exchange) -> Leg {
        Leg {
            number,
            dialog,
            flow,
            hop: String::new(),
            exchange,
            preview: None,
            local_sdp: None,
            remote_sdp: None,
            offered: None,
            reliable: ReliableResponses::new(),
            peer_updates: false,
            ack: None,
        }
    }

    /// The peer's offer has been answered with `sdp`, if there was one.
    pub(super) fn settle_offer(&mut self, sdp: Option<Bytes>) {
        self.exchange = Exchange::Idle;
        self.local_sdp = sdp.or(self.local_sdp.take());
        self.remote_sdp = self.offered.take().or(self.remote_sdp.take());
    }

    /// An answer that takes nothing of the peer's offer: every medium with port 0 (RFC 3264 6).
    pub(super) fn refusal(&mut self) -> Option<Bytes> {
        let mut sdp = Sdp::parse(&self.offered.take()?).ok()?;
        let address = self.flow.local.ip();
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        for line in &mut sdp.session {
            match line.kind {
                'o' => line.value = format!("- 0 0 IN {family} {address}"),
                'c' => line.value = format!("IN {family} {address}"),
                _ => {}
            }
        }
        for medium in &mut sdp.media {
            medium.port = 0;
            medium.lines.clear();
        }
        Some(sdp.to_string().into())
    }

    /// The peer's offer has been refused: what was agreed on before still holds.
    pub(super) fn drop_offer(&mut self) {
        self.exchange = Exchange::Idle;
        self.offered = None;
    }

    /// Takes what a message says about its sender: Allow. A message without it changes nothing.
    pub(super) fn learn(&mut self, message: &Message) {
        if message.header(Header::Allow).is_some() {
            self.peer_updates = message.list_contains(Header::Allow, "UPDATE");
        }
    }

    /// Where requests go after the target or route set may have changed. `base` is the way a message of
    /// the peer came. A name that is new is returned.
    pub(super) fn locate(&mut self, base: Option<&Flow>) -> Option<String> {
        let hop = self.dialog.next_hop().to_owned();
        let base = base.unwrap_or(&self.flow);
        // What a connection we opened calls its own end is nobody's address: Via keeps the call's.
        let local = self.flow.local;
        if let Some(flow) = flow_towards(&hop, base) {
            self.flow = Flow { local, ..flow };
            self.hop = hop;
            return None;
        }
        if hop == self.hop {
            return None;
        }
        self.flow = Flow { local, ..base.clone() };
        self.hop.clone_from(&hop);
        Some(hop)
    }
}

/// The way to a URI with a numeric address, `maddr` first (RFC 3261 19.1.1); `None` for a name.
///
/// Without `transport` in the URI the transport of `base` is kept, and a connection of `base` to the same
/// machine is used again.
pub(super) fn flow_towards(uri: &str, base: &Flow) -> Option<Flow> {
    let uri = Uri::parse(uri).ok()?;
    let address = match uri.param("maddr").filter(|maddr| !maddr.is_empty()) {
        Some(maddr) => crate::message::parse_ip(maddr)?,
        None => uri.ip()?,
    };
    let transport = match uri.param("transport") {
        _ if uri.is_sips() => Transport::Tls,
        Some(name) if name.eq_ignore_ascii_case("udp") => Transport::Udp,
        Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
        Some(name) if name.eq_ignore_ascii_case("tls") => Transport::Tls,
        Some(_) => return None,
        None => base.transport,
    };
    let open = base.connection.is_some() && transport == base.transport && transport.is_reliable();
    if open && address == base.remote.ip() {
        return Some(base.clone());
    }
    let port = uri.port().filter(|port| *port != 0).unwrap_or(transport.default_port());
    let remote = std::net::SocketAddr::new(address, port);
    Some(Flow { transport, local: base.local, remote, connection: None })
}
