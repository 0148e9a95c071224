//! Subscribed message waiting: SUBSCRIBE to the `mwi-server` for every telephone with `mwi`, and the NOTIFYs that follow.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use cli::config::Config;
use dialpeer::PeerKind;
use mwi::config::ServerHost;
use mwi::subscription::{
    Challenge, Endpoint, Failure, Notify, NotifyAnswer, NotifyState, Output as Wanted, Reason, Response,
    Settings, Subscribe, Subscriber,
};
use sip::digest::ClientSession;
use sip::message::Header;
use sip::{ClientTransactionId, Message, Method, RequestBuilder, Transport};

use super::Switch;
use super::register::{logins, provider};
use crate::leg::fxs::FxsPort;

/// The subscriptions of the gateway and their requests under way.
#[derive(Debug)]
pub(super) struct Subscriptions {
    subscriber: Subscriber,
    under_way: HashMap<ClientTransactionId, (u64, u32)>,
}

impl Subscriptions {
    pub(super) fn new(seed: u64) -> Self {
        Self { subscriber: Subscriber::new(Settings::default(), seed), under_way: HashMap::new() }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.subscriber.poll_timeout()
    }

    /// Address in use and repeated look-ups, for `show sip-ua mwi`.
    pub(super) fn server(&self) -> (usize, u32) {
        (self.subscriber.current(), self.subscriber.dns_retries())
    }

    /// Every subscription with its state, for `show mwi`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Endpoint, mwi::subscription::Status)> {
        self.subscriber.iter()
    }
}

impl Switch {
    /// Subscribes as the configuration says: nothing with `unsolicited` or without a server.
    pub(super) fn configure_subscriptions(&mut self, now: Instant) {
        let server = self.config.sip_ua.mwi_server.clone().filter(|s| !s.unsolicited);
        let endpoints = if server.is_some() { endpoints(&self.config, &self.lines) } else { Vec::new() };
        let subscriber = &mut self.subscriptions.subscriber;
        subscriber.set_server(now, server);
        subscriber.set_endpoints(now, endpoints);
        self.resolve_subscriptions(now);
        self.drain_subscriptions(now);
    }

    /// Gives the subscriber the addresses that are known of its server.
    pub(super) fn resolve_subscriptions(&mut self, now: Instant) {
        if let Some(ServerHost::Dns(name)) = self.config.sip_ua.mwi_server.as_ref().map(|s| &s.host) {
            let addresses = self.trust.mwi_server_ipv4();
            if !addresses.is_empty() {
                self.subscriptions.subscriber.handle_resolved(now, name, &addresses);
            }
        }
    }

    pub(super) fn subscriptions_timeout(&mut self, now: Instant) {
        if self.subscriptions.poll_timeout().is_some_and(|at| at <= now) {
            self.subscriptions.subscriber.handle_timeout(now);
            self.drain_subscriptions(now);
        }
    }

    /// Sends the SUBSCRIBEs that are due.
    pub(super) fn drain_subscriptions(&mut self, now: Instant) {
        while let Some(wanted) = self.subscriptions.subscriber.poll_output() {
            match wanted {
                // The names of trusted servers are looked up all the time; the newest answer is there already.
                Wanted::Resolve { name } => {
                    let addresses = self.trust.mwi_server_ipv4();
                    if !addresses.is_empty() {
                        self.subscriptions.subscriber.handle_resolved(now, &name, &addresses);
                    }
                }
                Wanted::Subscribe(subscribe) => self.send_subscribe(now, &subscribe),
            }
        }
    }

    fn send_subscribe(&mut self, now: Instant, subscribe: &Subscribe) {
        let failed = |switch: &mut Self| {
            let subscriber = &mut switch.subscriptions.subscriber;
            subscriber.handle_failure(now, subscribe.id, subscribe.cseq, Failure::Transport);
        };
        let logins = provider(&logins(&self.config), Some(&subscribe.number));
        let mut authorization = None;
        if let Some(challenge) = &subscribe.challenge {
            let nonce = self.sip.ua_mut().endpoint_mut().new_tag();
            let known = sip::digest::Challenge::parse(&challenge.value).ok().and_then(|asked| {
                let credentials = logins.as_ref()?.find(&asked.realm)?;
                Some(ClientSession::new(asked, credentials, &nonce))
            });
            let Some(session) = known else {
                // Nobody has told us a password: the challenge stands as a refusal.
                let subscriber = &mut self.subscriptions.subscriber;
                subscriber.handle_response(now, subscribe.id, subscribe.cseq, Response::new(403));
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
        self.subscriptions.under_way.insert(id, (subscribe.id, subscribe.cseq));
    }

    /// A response to one of our SUBSCRIBEs.
    pub(super) fn subscribe_answered(&mut self, now: Instant, id: ClientTransactionId, message: &Message) {
        let Some(status) = message.status() else { return };
        if status.is_provisional() {
            return;
        }
        if let Some((subscription, cseq)) = self.subscriptions.under_way.remove(&id) {
            let response = response(status.as_u16(), message);
            self.subscriptions.subscriber.handle_response(now, subscription, cseq, response);
            self.drain_subscriptions(now);
        }
    }

    /// One of our SUBSCRIBEs was not answered or could not be sent.
    pub(super) fn subscribe_failed(&mut self, now: Instant, id: ClientTransactionId, why: Failure) {
        if let Some((subscription, cseq)) = self.subscriptions.under_way.remove(&id) {
            self.subscriptions.subscriber.handle_failure(now, subscription, cseq, why);
            self.drain_subscriptions(now);
        }
    }

    /// The endpoint a NOTIFY of the subscribed server belongs to, or the status owed.
    pub(super) fn subscribed(&mut self, now: Instant, request: &Message) -> Result<Endpoint, u16> {
        let notify = notify(request).ok_or(481_u16)?;
        let answer = self.subscriptions.subscriber.handle_notify(now, &notify);
        self.drain_subscriptions(now);
        match answer {
            NotifyAnswer::Accepted(endpoint) => Ok(endpoint),
            refused => Err(refused.sip_status()),
        }
    }
}

/// One subscription for each FXS port with `mwi` and each peer that leads a plain number to it.
fn endpoints(config: &Config, lines: &[FxsPort]) -> Vec<Endpoint> {
    let peers = config.dial_peers.iter().filter(|p| p.kind == PeerKind::Pots && !p.shutdown);
    peers
        .filter_map(|peer| {
            let port = peer.port.as_deref()?;
            let line = lines.iter().find(|l| l.name() == port)?;
            let number = super::plain_number(peer)?.to_owned();
            line.mwi().enabled.then(|| Endpoint { port: port.to_owned(), peer: peer.tag, number })
        })
        .collect()
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
