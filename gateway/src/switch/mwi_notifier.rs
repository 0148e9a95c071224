//! The gateway as notifier: telephones and other gateways subscribe for `message-summary` (RFC 3842), are told the mailbox's
//! state at once from the table, and at each change.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use cli::config::Config;
use cli::session::DebugTopic;
use mwi::summary::Summary;
use sip::message::Header;
use sip::notifier::{Kept, News, Notifier, NotifierConfig, Output, Permission, SubscriptionId};
use sip::{ClientTransactionId, Flow, Message, Reply, RequestBuilder, ServerTransactionId, Transport};

use super::Switch;
use super::mwi_kept::Watcher;

const PACKAGE: &str = "message-summary";
const CONTENT_TYPE: &str = "application/simple-message-summary";

/// Subscriptions of others to our mailboxes.
#[derive(Debug)]
pub(super) struct Watchers {
    notifier: Notifier,
    under_way: HashMap<ClientTransactionId, SubscriptionId>,
    /// The way the latest SUBSCRIBE of each subscription came, by our tag.
    flows: HashMap<String, Flow>,
    /// What the store has of each, by our tag.
    pub(super) kept: HashMap<String, Watcher>,
}

impl Watchers {
    pub(super) fn new(config: &Config, seed: [u8; 32]) -> Self {
        // Tags of their own, though the seed is shared with the calls.
        let notifier =
            Notifier::new(NotifierConfig::new(PACKAGE, CONTENT_TYPE, ""), seed.map(|octet| octet ^ 0x5A));
        let mut watchers =
            Self { notifier, under_way: HashMap::new(), flows: HashMap::new(), kept: HashMap::new() };
        watchers.configure(config);
        watchers
    }

    /// Takes `subscription maximum accept`. What was granted stays.
    pub(super) fn configure(&mut self, config: &Config) {
        self.notifier.config_mut().maximum = maximum(config);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.notifier.poll_timeout()
    }

    /// Longest duration granted, seconds.
    pub(super) fn longest(&mut self) -> u32 {
        self.notifier.config_mut().max_expires
    }

    /// Takes up a subscription of an earlier run, with the way its SUBSCRIBE came.
    pub(super) fn restore(&mut self, now: Instant, kept: &Kept<'_>, news: News, flow: &Flow) -> bool {
        let restored = self.notifier.restore(now, kept, news);
        if restored {
            self.flows.insert(kept.tag.to_owned(), flow.clone());
        }
        restored
    }

    /// All subscriptions.
    pub(super) fn count(&self) -> usize {
        self.notifier.len()
    }

    /// Subscriptions to a mailbox.
    pub(super) fn of(&self, number: &str) -> usize {
        self.notifier.watched(number)
    }
}

impl Switch {
    /// SUBSCRIBE, new or inside its dialog.
    pub(super) fn handle_subscribe(
        &mut self,
        now: Instant,
        id: ServerTransactionId,
        flow: &Flow,
        request: &Message,
    ) {
        let (number, reply) = self.subscribe(now, flow, request);
        if self.monitor.on(DebugTopic::Mwi) {
            let uri = request.request_uri().unwrap_or_default();
            let status = reply.status().as_u16();
            let text = format!("MWI: SUBSCRIBE from {} for {uri}: {status}", flow.remote);
            self.monitor.print(now, DebugTopic::Mwi, &text);
        }
        let seconds = reply.value(Header::Expires).and_then(|value| value.trim().parse::<u32>().ok());
        let seconds = seconds.filter(|seconds| *seconds > 0 && reply.status().as_u16() == 200);
        // Made or refreshed: by the tag we gave.
        if let (Some(seconds), Some(tag)) = (seconds, reply.tag().map(str::to_owned)) {
            self.keep_watcher(now, (&tag, &number), flow, request, seconds);
        }
        // A transaction that is gone has nobody left to answer.
        let _ = self.sip.ua_mut().endpoint_mut().respond(now, id, reply);
        self.drain_watchers(now, Some(flow));
    }

    /// The mailbox and the answer.
    fn subscribe(&mut self, now: Instant, flow: &Flow, request: &Message) -> (String, Reply) {
        if let Err(refusal) = self.identify(now, flow, request) {
            return (String::new(), refusal);
        }
        // Who may ask is told what there is to ask for.
        let events = self.sip.ua_mut().endpoint_mut().config();
        if !matches!(request.event(), Ok(Some(event)) if events.knows_event(event.package)) {
            let refusal = Reply::new(489).header(Header::AllowEvents, events.allow_events.join(", "));
            return (String::new(), refusal);
        }
        let own_tag = request.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let number = match (&own_tag, self.find_number(request, &Summary::default())) {
            (_, Ok((number, _))) => number,
            // Inside its dialog the request names our Contact; the subscription knows its mailbox.
            (Some(_), Err(_)) => String::new(),
            (None, Err(answer)) => {
                return (String::new(), Reply::new(404).reason(&clean(answer.reason)));
            }
        };
        let news = own_tag.is_none().then(|| self.news(&number));
        let notifier = &mut self.watchers.notifier;
        notifier.config_mut().contact = contact(flow);
        let reply = notifier.handle_subscribe(now, request, &number, Permission::Granted, news);
        let granted = reply.status().as_u16() == 200;
        if let Some(tag) = own_tag.filter(|_| granted) {
            self.watchers.flows.insert(tag, flow.clone());
        } else if granted {
            // It is told what is known at once; what the PBX says follows.
            self.ask_pbx(now, &number);
        }
        (number, reply)
    }

    /// A mailbox as its watchers are told it.
    pub(super) fn news(&self, number: &str) -> News {
        let summary = self.mailboxes.record(number).map(|record| record.state.summary.to_string());
        News::new(CONTENT_TYPE, summary.unwrap_or_else(|| Summary::new(false).to_string()))
    }

    /// Whether somebody watches a mailbox.
    pub(super) fn is_watched(&self, number: &str) -> bool {
        self.watchers.of(number) > 0
    }

    /// A mailbox changed: its watchers are told.
    pub(super) fn tell_watchers(&mut self, now: Instant, number: &str) {
        if self.is_watched(number) {
            let News { content_type, body } = self.news(number);
            self.watchers.notifier.notify(now, number, &content_type, body);
            self.drain_watchers(now, None);
        }
    }

    pub(super) fn watchers_timeout(&mut self, now: Instant) {
        if self.watchers.poll_timeout().is_some_and(|at| at <= now) {
            self.watchers.notifier.handle_timeout(now);
            self.drain_watchers(now, None);
        }
    }

    /// A response to a NOTIFY of ours; false if the request was something else.
    pub(super) fn watcher_answered(
        &mut self,
        now: Instant,
        id: ClientTransactionId,
        response: &Message,
    ) -> bool {
        let Some(subscription) = self.watchers.under_way.get(&id).copied() else { return false };
        if response.status().is_some_and(|status| status.is_final()) {
            self.watchers.under_way.remove(&id);
        }
        self.watchers.notifier.handle_response(now, subscription, response);
        self.drain_watchers(now, None);
        true
    }

    /// A NOTIFY of ours was not answered or could not be sent; false if the request was something else.
    pub(super) fn watcher_failed(&mut self, now: Instant, id: ClientTransactionId) -> bool {
        let Some(subscription) = self.watchers.under_way.remove(&id) else { return false };
        self.watchers.notifier.handle_failure(now, subscription);
        self.drain_watchers(now, None);
        true
    }

    /// Sends the NOTIFYs that are due. `came` is the way a SUBSCRIBE came that was just taken.
    pub(super) fn drain_watchers(&mut self, now: Instant, came: Option<&Flow>) {
        while let Some(output) = self.watchers.notifier.poll_output() {
            match output {
                Output::DialogMade(call_id, local, remote) => {
                    self.sip.ua_mut().endpoint_mut().insert_dialog(&call_id, &local, &remote);
                    if let Some(flow) = came {
                        self.watchers.flows.insert(local, flow.clone());
                    }
                }
                Output::DialogEnded(call_id, local, remote) => {
                    self.sip.ua_mut().endpoint_mut().remove_dialog(&call_id, &local, &remote);
                    self.watchers.flows.remove(&local);
                    self.drop_watcher(&local);
                }
                Output::Send(id, request) => self.send_news(now, id, request),
                Output::Subscribed(..) | Output::Ended(..) => {}
            }
        }
    }

    fn send_news(&mut self, now: Instant, id: SubscriptionId, request: RequestBuilder) {
        let from = request.value(Header::From).unwrap_or_default();
        let tag = from.rsplit_once(";tag=").map(|(_, tag)| tag).unwrap_or_default();
        let Some(came) = self.watchers.flows.get(tag) else {
            self.watchers.notifier.handle_failure(now, id);
            return;
        };
        let flow = way(came, &request);
        let request = request.without(Header::Contact).header(Header::Contact, contact(&flow));
        let transaction = self.sip.ua_mut().endpoint_mut().request(now, flow, request);
        self.watchers.under_way.insert(transaction, id);
    }
}

/// `subscription maximum accept` of `voice service voip`, `sip`; twice the number of dial peers where it is not given, as IOS
/// has it.
fn maximum(config: &Config) -> usize {
    let voip = config.tree().section("voice service voip");
    let sip = voip.and_then(|node| node.subsection("sip"));
    let given = sip.and_then(|node| node.value("subscription maximum accept ")?.trim().parse().ok());
    given.unwrap_or(2 * config.dial_peers.len())
}

/// Over the connection the SUBSCRIBE came on; by UDP to the first route or the target where that is an address, else back to
/// where the SUBSCRIBE came from.
fn way(came: &Flow, request: &RequestBuilder) -> Flow {
    let mut flow = came.clone();
    // A connection of an earlier run is no more, and its own end of it had a port of the moment.
    if came.transport == Transport::Udp || came.connection.is_none() {
        let hop = request.value(Header::Route).unwrap_or_else(|| request.uri());
        let hop = hop.trim().trim_start_matches('<').split('>').next().unwrap_or_default();
        if let Ok(uri) = sip::Uri::parse(hop)
            && let Some(address) = uri.ip()
        {
            flow.remote = SocketAddr::new(address, uri.port().unwrap_or(5060));
        }
    }
    flow
}

/// Where refreshes are to come.
fn contact(flow: &Flow) -> String {
    let transport = match flow.transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    format!("<sip:{}{transport}>", flow.local)
}

/// A reason phrase: printable ASCII only, since it may hold digits of a number the peer chose.
fn clean(reason: Option<String>) -> String {
    reason.unwrap_or_default().chars().filter(|c| (' '..='~').contains(c)).take(120).collect()
}
