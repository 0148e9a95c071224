//! Subscribed message waiting: SUBSCRIBE to the `mwi-server` for every telephone with `mwi`, and the NOTIFYs that follow. Each
//! server has subscriptions of its own.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use cli::config::Config;
use dialpeer::PeerKind;
use mwi::config::{MwiServer, ServerHost};
use mwi::subscription::{
    Challenge, Endpoint, Failure, Notify, NotifyAnswer, NotifyState, Output as Wanted, Reason, Response,
    Settings, Subscribe, Subscriber,
};
use sip::digest::ClientSession;
use sip::message::Header;
use sip::{ClientTransactionId, Message, Method, RequestBuilder, Transport};

use super::Switch;
use crate::leg::fxs::FxsPort;
use crate::service::logins;
use crate::service::servers::mwi_server_of;

/// Subscriptions at a time without `subscription maximum originate`.
const MAXIMUM: usize = 10_000;

/// The subscriptions of the gateway and their requests under way.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// One for each server; those of servers that are gone stay until they have taken leave.
    servers: BTreeMap<u64, Server>,
    under_way: HashMap<ClientTransactionId, (u64, u64, u32)>,
    seed: u64,
    last: u64,
}

#[derive(Debug)]
struct Server {
    /// `None`: the configuration has it no more.
    server: Option<MwiServer>,
    subscriber: Subscriber,
}

impl Subscriptions {
    pub(super) fn new(seed: u64) -> Self {
        Self { servers: BTreeMap::new(), under_way: HashMap::new(), seed, last: 0 }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.servers.values().filter_map(|known| known.subscriber.poll_timeout()).min()
    }

    /// Address in use and repeated look-ups of a server, for `show sip-ua mwi`.
    pub(super) fn server(&self, server: &MwiServer) -> (usize, u32) {
        let known = self.servers.values().find(|known| known.server.as_ref() == Some(server));
        known.map(|k| (k.subscriber.current(), k.subscriber.dns_retries())).unwrap_or_default()
    }

    /// Every subscription with its state, for `show mwi`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Endpoint, mwi::subscription::Status)> {
        self.servers.values().flat_map(|known| known.subscriber.iter())
    }

    fn subscriber(&mut self, key: u64) -> Option<&mut Subscriber> {
        self.servers.get_mut(&key).map(|known| &mut known.subscriber)
    }

    /// Takes the servers that are subscribed at, and for what.
    fn configure(&mut self, now: Instant, wanted: Vec<(MwiServer, Vec<Endpoint>)>, maximum: usize) {
        for known in self.servers.values_mut() {
            if !wanted.iter().any(|(server, _)| known.server.as_ref() == Some(server)) {
                known.server = None;
                known.subscriber.set_server(now, None);
            }
        }
        self.servers.retain(|_, known| known.server.is_some() || !known.subscriber.is_empty());
        let mut left = maximum;
        for (server, endpoints) in wanted {
            let known = self.servers.values_mut().find(|known| known.server.as_ref() == Some(&server));
            let subscriber = match known {
                Some(known) => &mut known.subscriber,
                None => {
                    self.last += 1;
                    let settings = Settings { maximum: left, ..Settings::default() };
                    let mut subscriber = Subscriber::new(settings, self.seed.wrapping_add(self.last << 32));
                    subscriber.set_server(now, Some(server.clone()));
                    let entry = Server { server: Some(server), subscriber };
                    &mut self.servers.entry(self.last).or_insert(entry).subscriber
                }
            };
            subscriber.set_maximum(now, left);
            left = left.saturating_sub(endpoints.len());
            subscriber.set_endpoints(now, endpoints);
        }
    }
}

impl Switch {
    /// Subscribes as the configuration says: nothing with `unsolicited` or without a server.
    pub(super) fn configure_subscriptions(&mut self, now: Instant) {
        let mut wanted: Vec<(MwiServer, Vec<Endpoint>)> = Vec::new();
        for (server, endpoint) in endpoints(&self.config, &self.lines) {
            match wanted.iter_mut().find(|(known, _)| *known == server) {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => wanted.push((server, vec![endpoint])),
            }
        }
        self.subscriptions.configure(now, wanted, maximum(&self.config));
        self.resolve_subscriptions(now);
        self.drain_subscriptions(now);
    }

    /// Gives the subscribers the addresses that are known of their servers.
    pub(super) fn resolve_subscriptions(&mut self, now: Instant) {
        for Server { server, subscriber } in self.subscriptions.servers.values_mut() {
            if let Some(server) = server
                && let ServerHost::Dns(name) = &server.host
            {
                let addresses = self.trust.mwi_server_ipv4(server);
                if !addresses.is_empty() {
                    subscriber.handle_resolved(now, name, &addresses);
                }
            }
        }
    }

    pub(super) fn subscriptions_timeout(&mut self, now: Instant) {
        if self.subscriptions.poll_timeout().is_some_and(|at| at <= now) {
            for known in self.subscriptions.servers.values_mut() {
                known.subscriber.handle_timeout(now);
            }
            self.drain_subscriptions(now);
        }
    }

    /// Sends the SUBSCRIBEs that are due.
    pub(super) fn drain_subscriptions(&mut self, now: Instant) {
        let keys: Vec<u64> = self.subscriptions.servers.keys().copied().collect();
        for key in keys {
            while let Some(known) = self.subscriptions.servers.get_mut(&key)
                && let Some(wanted) = known.subscriber.poll_output()
            {
                match wanted {
                    // The names of trusted servers are looked up all the time; the newest answer is there already.
                    Wanted::Resolve { name } => {
                        let addresses =
                            known.server.as_ref().map(|server| self.trust.mwi_server_ipv4(server));
                        if let Some(addresses) = addresses.filter(|addresses| !addresses.is_empty()) {
                            known.subscriber.handle_resolved(now, &name, &addresses);
                        }
                    }
                    Wanted::Subscribe(subscribe) => self.send_subscribe(now, key, &subscribe),
                }
            }
        }
        self.subscriptions.servers.retain(|_, known| known.server.is_some() || !known.subscriber.is_empty());
    }

    fn send_subscribe(&mut self, now: Instant, key: u64, subscribe: &Subscribe) {
        let failed = |switch: &mut Self| {
            if let Some(subscriber) = switch.subscriptions.subscriber(key) {
                subscriber.handle_failure(now, subscribe.id, subscribe.cseq, Failure::Transport);
            }
        };
        let logins = logins::provider(&[logins::of_system(&self.config)], Some(&subscribe.number));
        let mut authorization = None;
        if let Some(challenge) = &subscribe.challenge {
            let nonce = self.sip.ua_mut().endpoint_mut().new_tag();
            let known = sip::digest::Challenge::parse(&challenge.value).ok().and_then(|asked| {
                let credentials = logins.as_ref()?.find(&asked.realm)?;
                Some(ClientSession::new(asked, credentials, &nonce))
            });
            let Some(session) = known else {
                // Nobody has told us a password: the challenge stands as a refusal.
                if let Some(subscriber) = self.subscriptions.subscriber(key) {
                    subscriber.handle_response(now, subscribe.id, subscribe.cseq, Response::new(403));
                }
                return;
            };
            authorization = Some((challenge.proxy, session));
        }
        let remote = next_hop(subscribe);
        let transport = match subscribe.transport {
            mwi::config::Transport::Udp => Transport::Udp,
            mwi::config::Transport::Tcp => Transport::Tcp,
        };
        let Some(flow) = self.flow_to(transport, remote) else { return failed(self) };
        let mut request = request(subscribe, flow.local);
        if let Some((proxy, mut session)) = authorization {
            let value = session.answer(Method::Subscribe.as_str(), request.uri(), b"");
            let header = if proxy { Header::ProxyAuthorization } else { Header::Authorization };
            request = request.header(header, value);
        }
        let id = self.sip.ua_mut().endpoint_mut().request(now, flow, request);
        self.subscriptions.under_way.insert(id, (key, subscribe.id, subscribe.cseq));
    }

    /// A response to one of our SUBSCRIBEs.
    pub(super) fn subscribe_answered(&mut self, now: Instant, id: ClientTransactionId, message: &Message) {
        let Some(status) = message.status() else { return };
        if status.is_provisional() {
            return;
        }
        if let Some((key, subscription, cseq)) = self.subscriptions.under_way.remove(&id) {
            let response = response(status.as_u16(), message);
            if let Some(subscriber) = self.subscriptions.subscriber(key) {
                subscriber.handle_response(now, subscription, cseq, response);
            }
            self.drain_subscriptions(now);
        }
    }

    /// One of our SUBSCRIBEs was not answered or could not be sent.
    pub(super) fn subscribe_failed(&mut self, now: Instant, id: ClientTransactionId, why: Failure) {
        if let Some((key, subscription, cseq)) = self.subscriptions.under_way.remove(&id) {
            if let Some(subscriber) = self.subscriptions.subscriber(key) {
                subscriber.handle_failure(now, subscription, cseq, why);
            }
            self.drain_subscriptions(now);
        }
    }

    /// The endpoint a NOTIFY of a server subscribed at belongs to, or the status owed.
    pub(super) fn subscribed(&mut self, now: Instant, request: &Message) -> Result<Endpoint, u16> {
        if self.subscriptions.servers.is_empty() {
            return Err(481);
        }
        let notify = notify(request).ok_or(481_u16)?;
        let mut answers =
            self.subscriptions.servers.values_mut().map(|known| known.subscriber.handle_notify(now, &notify));
        let answer = answers.find(|answer| *answer != NotifyAnswer::NoSubscription);
        self.drain_subscriptions(now);
        match answer {
            Some(NotifyAnswer::Accepted(endpoint)) => Ok(endpoint),
            Some(refused) => Err(refused.sip_status()),
            None => Err(481),
        }
    }
}

/// One subscription for each FXS port with `mwi` and each peer that leads a plain number to it, at the server of the peer's
/// own or of `sip-ua`.
fn endpoints(config: &Config, lines: &[FxsPort]) -> Vec<(MwiServer, Endpoint)> {
    let peers = config.dial_peers.iter().filter(|p| p.kind == PeerKind::Pots && !p.shutdown);
    peers
        .filter_map(|peer| {
            let port = peer.port.as_deref()?;
            let line = lines.iter().find(|l| l.name() == port)?;
            let number = super::plain_number(peer)?.to_owned();
            let server = mwi_server_of(config, peer).filter(|server| !server.unsolicited)?;
            let endpoint = Endpoint { port: port.to_owned(), peer: peer.tag, number };
            line.mwi().enabled.then_some((server, endpoint))
        })
        .collect()
}

/// `subscription maximum originate` of `voice service voip`, `sip`.
fn maximum(config: &Config) -> usize {
    let voip = config.tree().section("voice service voip");
    let sip = voip.and_then(|node| node.subsection("sip"));
    let given = sip.and_then(|node| node.value("subscription maximum originate ")?.trim().parse().ok());
    given.unwrap_or(MAXIMUM)
}

/// Where a SUBSCRIBE goes: its first route or its target where these are addresses, else the server.
fn next_hop(subscribe: &Subscribe) -> SocketAddr {
    let server = SocketAddr::new(IpAddr::V4(subscribe.address), subscribe.port);
    let Some(remote) = &subscribe.remote else { return server };
    let uri = remote.routes.first().or(remote.target.as_ref());
    let parsed = uri.map(|text| text.trim().trim_start_matches('<').split('>').next().unwrap_or_default());
    parsed
        .and_then(|text| sip::Uri::parse(text).ok())
        .and_then(|uri| Some(SocketAddr::new(uri.ip()?, uri.port().unwrap_or(5060))))
        .unwrap_or(server)
}

fn request(subscribe: &Subscribe, local: SocketAddr) -> RequestBuilder {
    let Subscribe { number, address, port, call_id, local_tag, .. } = subscribe;
    let server = host(*address, *port);
    let to = format!("sip:{number}@{server}");
    let (target, to_tag, routes) = match &subscribe.remote {
        Some(remote) => {
            let target = remote.target.clone().unwrap_or_else(|| to.clone());
            (target, format!(";tag={}", remote.tag), remote.routes.as_slice())
        }
        None => (to.clone(), String::new(), &[][..]),
    };
    let transport = match subscribe.transport {
        mwi::config::Transport::Udp => "",
        mwi::config::Transport::Tcp => ";transport=tcp",
    };
    let mut request = RequestBuilder::new(Method::Subscribe, &target)
        .header(Header::From, format!("<sip:{number}@{}>;tag={local_tag}", local.ip()))
        .header(Header::To, format!("<{to}>{to_tag}"))
        .header(Header::CallId, call_id)
        .cseq(subscribe.cseq)
        .header(Header::Contact, format!("<sip:{number}@{local}{transport}>"))
        .header(Header::Event, "message-summary")
        .header(Header::Accept, "application/simple-message-summary")
        .header(Header::Expires, subscribe.expires.to_string());
    for route in routes {
        request = request.header(Header::Route, route);
    }
    request
}

fn host(address: Ipv4Addr, port: u16) -> String {
    if port == 5060 { address.to_string() } else { format!("{address}:{port}") }
}

fn response(status: u16, message: &Message) -> Response {
    let seconds = |header| message.seconds(header).ok().flatten();
    let mut routes: Vec<String> = message
        .addresses(Header::RecordRoute)
        .filter_map(|route| Some(format!("<{}>", route.ok()?.uri_str().ok()?)))
        .collect();
    routes.reverse();
    let challenge = |header: Header, proxy| {
        let value = message.header(header)?.to_str().into_owned();
        let stale = value.to_ascii_lowercase().contains("stale=true");
        Some(Challenge { proxy, value, stale })
    };
    Response {
        expires: seconds(Header::Expires),
        min_expires: seconds(Header::MinExpires),
        retry_after: seconds(Header::RetryAfter),
        to_tag: message.to().ok().and_then(|to| to.tag().map(str::to_owned)),
        contact: contact(message),
        routes,
        challenge: challenge(Header::WwwAuthenticate, false)
            .or_else(|| challenge(Header::ProxyAuthenticate, true)),
        ..Response::new(status)
    }
}

fn contact(message: &Message) -> Option<String> {
    let contact = message.contact().ok().flatten()?;
    contact.uri_str().ok().map(str::to_owned)
}

fn notify(request: &Message) -> Option<Notify> {
    let state = request.subscription_state().ok().flatten();
    let state = match state {
        Some(state) if state.is_terminated() => NotifyState::Terminated {
            reason: state.reason.map_or(Reason::Other, Reason::from_name),
            retry_after: state.retry_after,
        },
        Some(state) => NotifyState::Alive { expires: state.expires },
        None => NotifyState::Alive { expires: None },
    };
    Some(Notify {
        call_id: request.call_id().ok()?.to_owned(),
        to_tag: request.to().ok()?.tag().map(str::to_owned),
        from_tag: request.from().ok()?.tag().unwrap_or_default().to_owned(),
        cseq: request.cseq().ok()?.number,
        contact: contact(request),
        state,
    })
}
