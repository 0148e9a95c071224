//! Message waiting from a PBX to SIP: numbers behind a dial peer with `tipring mwi notify` are told of by an unsolicited NOTIFY.
//!
//! One NOTIFY of a number is under way at a time, so that the newest state is the last to arrive. A node that says nothing, or
//! 503, is passed over for the next dial peer of the number; a refusal (403: the trunk's profile accepts no unsolicited NOTIFY)
//! stands until the state changes or the mailbox is cleared, however often the PBX repeats itself, and over a restart.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use cli::config::Config;
use cli::session::DebugTopic;
use dialpeer::PeerKind;
use qsig::{IndicationId, MsgCentreId, MwiAnswer, MwiRequest};
use sip::digest::{Challenge, ClientSession};
use sip::message::Header;
use sip::{ClientTransactionId, Message, Method, RequestBuilder, Transport};

use super::Switch;
use crate::service::logins;
use crate::service::message::Message as LogMessage;

/// `userNotSubscribed` (ECMA-242): the other side does not want to hear of this number from us.
const NOT_SUBSCRIBED: i32 = 0;
/// `invalidServedUserNr`: the other side does not know the number.
const INVALID_SERVED_USER: i32 = 6;
/// `temporarilyUnavailable`: nobody there says anything.
const TEMPORARILY_UNAVAILABLE: i32 = 1000;

/// What the NOTIFY looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `text-plain`: `Messages-Waiting` alone, as releases of Unified CM write and read it; no Subscription-State.
    TextPlain,
    /// `simple-message-summary`: the whole summary of RFC 3842.
    Summary,
}

/// `tipring mwi notify` of a dial peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    peer: u32,
    form: Form,
    /// `from`: the pilot number of the voice mail.
    from: Option<String>,
}

/// News of a number on their way.
#[derive(Debug)]
struct News {
    on: bool,
    /// Who tells: the message centre as the PBX names it.
    centre: Option<String>,
    /// Who in PBXs waits for the outcome.
    waits: Vec<(usize, IndicationId)>,
    /// Dial peers that have not been tried.
    left: VecDeque<Way>,
    /// Where it went last, with its host.
    sent: Option<(Way, String)>,
    /// A challenge was answered.
    proved: bool,
}

/// A number that is told of.
#[derive(Debug, Default)]
struct Number {
    under_way: Option<News>,
    /// What became known meanwhile.
    next: Option<News>,
    /// The state that was refused for good, and how.
    refused: Option<(bool, i32)>,
}

/// All numbers that are told of; as many as there are mailboxes at most.
#[derive(Debug, Default)]
pub(super) struct Relays {
    numbers: HashMap<String, Number>,
    under_way: HashMap<ClientTransactionId, String>,
}

impl Switch {
    /// The SIP sides that are told of a number, best first; none where no dial peer says so.
    pub(super) fn relays_of(&self, number: &str) -> Vec<Way> {
        let peers = self.dial_plan.outbound(number).filter(|peer| peer.kind == PeerKind::Voip);
        peers.filter_map(|peer| way(&self.config, peer.tag)).collect()
    }

    /// Tells the SIP side what a PBX said of a number; the PBX is answered with what comes back.
    pub(super) fn relay(
        &mut self,
        now: Instant,
        number: &str,
        on: bool,
        ways: Vec<Way>,
        from: (usize, IndicationId),
        request: &MwiRequest,
    ) {
        let known = self.relays.numbers.entry(number.to_owned()).or_default();
        if let Some((state, error)) = known.refused {
            if state == on && known.next.is_none() && known.under_way.is_none() {
                let (trunk, id) = from;
                self.answer_pbx(now, trunk, id, MwiAnswer::Error(error));
                return;
            }
            known.refused = None;
            self.store.put_refusal(number, None);
        }
        let mut news = News {
            on,
            centre: centre(request),
            waits: vec![from],
            left: ways.into(),
            sent: None,
            proved: false,
        };
        if let Some(overtaken) = known.next.take() {
            news.waits.extend(overtaken.waits);
        }
        known.next = Some(news);
        self.send_relay(now, number);
    }

    /// Takes up what was refused for good in an earlier run, as far as its mailbox is known still.
    pub(super) fn restore_relays(&mut self) {
        for (number, octets) in self.store.take_refusals() {
            let known = self.mailboxes.record(&number).is_some();
            match refusal_from_octets(&octets).filter(|_| known) {
                Some(refused) => {
                    self.relays.numbers.entry(number).or_default().refused = Some(refused);
                }
                None => {
                    self.store.put_refusal(&number, None);
                }
            }
        }
    }

    /// A mailbox is forgotten: what was refused of it may be tried again.
    pub(super) fn forget_refusal(&mut self, number: &str) {
        if let Some(known) = self.relays.numbers.get_mut(number)
            && known.refused.take().is_some()
        {
            self.store.put_refusal(number, None);
            if known.under_way.is_none() && known.next.is_none() {
                self.relays.numbers.remove(number);
            }
        }
    }

    /// Sends what is next of a number, if nothing is under way.
    fn send_relay(&mut self, now: Instant, number: &str) {
        let Some(known) = self.relays.numbers.get_mut(number) else { return };
        if known.under_way.is_none() {
            known.under_way = known.next.take();
            self.try_relay(now, number);
        }
    }

    /// Sends the news under way to the next dial peer.
    fn try_relay(&mut self, now: Instant, number: &str) {
        loop {
            let known = self.relays.numbers.get_mut(number);
            let Some(news) = known.and_then(|known| known.under_way.as_mut()) else { return };
            news.proved = false;
            let Some(way) = news.left.pop_front() else {
                return self.relay_ended(now, number, Err(TEMPORARILY_UNAVAILABLE), false);
            };
            // A name that is not resolved, or nodes that do not answer OPTIONS: the next one.
            if let Some((to, _)) = self.destination(way.peer, None) {
                news_sent(&mut self.relays, number, (way, to.host));
                if self.put_relay(now, number, None) {
                    return;
                }
            }
        }
    }

    /// Writes the NOTIFY for where the news were sent last; `proof` is a header that answers a challenge.
    fn put_relay(&mut self, now: Instant, number: &str, proof: Option<(Header, Challenge)>) -> bool {
        let known = self.relays.numbers.get(number).and_then(|known| known.under_way.as_ref());
        let Some((News { on, centre, .. }, (way, host))) =
            known.and_then(|news| Some((news, news.sent.clone()?)))
        else {
            return false;
        };
        let (on, centre) = (*on, centre.clone());
        let Some(flow) = self.destination(way.peer, None).and_then(|(to, _)| to.flows.into_iter().next())
        else {
            return false;
        };
        let from = way.from.or(centre).unwrap_or_else(|| number.to_owned());
        let endpoint = self.sip.ua_mut().endpoint_mut();
        let tag = endpoint.new_tag();
        let cnonce = endpoint.new_tag();
        let by = match flow.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        let mut request = RequestBuilder::new(Method::Notify, &format!("sip:{number}@{host}"))
            .header(Header::From, format!("<sip:{from}@{}>;tag={tag}", flow.local.ip()))
            .header(Header::To, format!("<sip:{number}@{host}>"))
            .header(Header::Contact, format!("<sip:{from}@{}{by}>", flow.local))
            .header(Header::Event, "message-summary");
        request = match way.form {
            Form::TextPlain => {
                let word = if on { "yes" } else { "no" };
                request.body("text/plain", format!("Messages-Waiting: {word}\r\n"))
            }
            Form::Summary => {
                let body = self.news(number).body;
                request
                    .header(Header::SubscriptionState, "active")
                    .body("application/simple-message-summary", body)
            }
        };
        if let Some((header, challenge)) = proof {
            let logins = logins::provider(&[logins::of_system(&self.config)], Some(&from));
            let Some(known) = logins.and_then(|logins| logins.find(&challenge.realm)) else { return false };
            let mut session = ClientSession::new(challenge, known, &cnonce);
            let value = session.answer(Method::Notify.as_str(), request.uri(), request.body_bytes());
            request = request.header(header, value);
        }
        if self.monitor.on(DebugTopic::Mwi) {
            let word = if on { "waiting" } else { "none waiting" };
            let text = format!("MWI: NOTIFY to {host} for {number}: {word}");
            self.monitor.print(now, DebugTopic::Mwi, &text);
        }
        let id = self.sip.ua_mut().endpoint_mut().request(now, flow, request);
        self.relays.under_way.insert(id, number.to_owned());
        true
    }

    /// A response to a NOTIFY of ours; false if the request was something else.
    pub(super) fn relay_answered(
        &mut self,
        now: Instant,
        id: ClientTransactionId,
        response: &Message,
    ) -> bool {
        let Some(number) = self.relays.under_way.get(&id).cloned() else { return false };
        let Some(status) = response.status().filter(|status| status.is_final()) else { return true };
        self.relays.under_way.remove(&id);
        match status.as_u16() {
            200..=299 => self.relay_ended(now, &number, Ok(()), false),
            401 | 407 if self.prove_relay(now, &number, response) => {}
            // This node cannot now; another one may.
            408 | 500..=599 => self.try_relay(now, &number),
            status => {
                let host =
                    self.relays.numbers.get(&number).and_then(|known| {
                        known.under_way.as_ref()?.sent.as_ref().map(|(_, host)| host.clone())
                    });
                let server = host.unwrap_or_default();
                self.monitor.syslog(
                    now,
                    LogMessage::MwiNotifyRefused { server: &server, number: &number, status: &status },
                );
                let error = match status {
                    404 | 410 | 484 | 485 | 604 => INVALID_SERVED_USER,
                    _ => NOT_SUBSCRIBED,
                };
                self.relay_ended(now, &number, Err(error), true);
            }
        }
        true
    }

    /// Answers a challenge, once for each node.
    fn prove_relay(&mut self, now: Instant, number: &str, response: &Message) -> bool {
        let known = self.relays.numbers.get_mut(number);
        let Some(news) = known.and_then(|known| known.under_way.as_mut()) else { return false };
        let challenge = Challenge::from_response(response).into_iter().next();
        !std::mem::replace(&mut news.proved, true)
            && challenge.is_some_and(|challenge| self.put_relay(now, number, Some(challenge)))
    }

    /// A NOTIFY of ours was not answered or could not be sent; false if the request was something else.
    pub(super) fn relay_failed(&mut self, now: Instant, id: ClientTransactionId) -> bool {
        let Some(number) = self.relays.under_way.remove(&id) else { return false };
        self.try_relay(now, &number);
        true
    }

    /// The news under way have arrived, or cannot.
    fn relay_ended(&mut self, now: Instant, number: &str, outcome: Result<(), i32>, for_good: bool) {
        let Some(known) = self.relays.numbers.get_mut(number) else { return };
        let Some(news) = known.under_way.take() else { return };
        known.refused = outcome.err().filter(|_| for_good).map(|error| (news.on, error));
        if let Some((on, error)) = known.refused {
            self.store.put_refusal(number, Some(refusal_to_octets(on, error)));
        }
        if known.refused.is_none() && known.next.is_none() {
            self.relays.numbers.remove(number);
        }
        for (trunk, id) in news.waits {
            let answer = outcome.map_or_else(MwiAnswer::Error, |()| MwiAnswer::Result);
            self.answer_pbx(now, trunk, id, answer);
            self.drain_trunk(now, trunk);
        }
        self.send_relay(now, number);
    }
}

/// First octet of a kept refusal: the form of the rest, the state and the error the PBX is told.
const FORM: u8 = 1;

fn refusal_to_octets(on: bool, error: i32) -> Vec<u8> {
    [FORM, u8::from(on)].into_iter().chain(error.to_le_bytes()).collect()
}

fn refusal_from_octets(octets: &[u8]) -> Option<(bool, i32)> {
    match *octets {
        [FORM, on, a, b, c, d] => Some((on != 0, i32::from_le_bytes([a, b, c, d]))),
        _ => None,
    }
}

fn news_sent(relays: &mut Relays, number: &str, to: (Way, String)) {
    if let Some(news) = relays.numbers.get_mut(number).and_then(|known| known.under_way.as_mut()) {
        news.sent = Some(to);
    }
}

/// `tipring mwi notify` of a dial peer.
fn way(config: &Config, peer: u32) -> Option<Way> {
    let section = config.tree().section(&format!("dial-peer voice {peer} voip"))?;
    let mut words = section.value("tipring mwi notify ")?.split_whitespace();
    let form = match words.next()? {
        "text-plain" => Form::TextPlain,
        _ => Form::Summary,
    };
    let from = words.nth(1).map(str::to_owned);
    Some(Way { peer, form, from })
}

/// The message centre's number, if the PBX names it.
fn centre(request: &MwiRequest) -> Option<String> {
    let digits = match &request.message_centre {
        Some(MsgCentreId::Party(number)) => Some(number.digits()),
        Some(MsgCentreId::Numeric(digits)) => Some(digits.as_str()),
        Some(MsgCentreId::Integer(_)) | None => None,
    };
    let calling = || request.calling_number.as_ref().map(qsig::PartyNumber::digits);
    let dialable = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | '+');
    let number = digits.or_else(calling)?;
    (!number.is_empty() && number.chars().all(dialable)).then(|| number.to_owned())
}
