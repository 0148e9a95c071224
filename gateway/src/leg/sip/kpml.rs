//! Key press stimulus (RFC 4730): either end of a call subscribes to the keys pressed at the other, within the call's own
//! dialog, and gets each as a NOTIFY.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sip::call::{Content, RequestId};
use sip::{Header, Message, Method, Reply, ServerTransactionId};

use super::digits::{Relay, is_event};
use super::settings::DtmfRelay;
use super::{SipLegs, Stage};
use crate::leg::LegId;

/// The event package.
pub(super) const PACKAGE: &str = "kpml";
/// How long a subscription is wanted, and granted at most, in seconds; what Unified CM asks for.
const EXPIRES: u32 = 7200;
/// Digits read of one report.
const MAX_DIGITS: usize = 16;
/// Longest tag of a pattern that is repeated in reports.
const MAX_TAG: usize = 64;

/// The subscriptions of one call.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// What the peer wants to know.
    theirs: Option<Theirs>,
    /// What we have asked the peer for.
    ours: Option<Ours>,
}

#[derive(Debug)]
struct Theirs {
    /// `tag` of the pattern that one key matches.
    tag: String,
    /// Ends with its first report.
    one_shot: bool,
    until: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Ours {
    Asked(RequestId),
    Granted,
}

/// When subscriptions of ours are to be refreshed.
#[derive(Debug, Default)]
pub(super) struct Refreshes(BTreeMap<LegId, Instant>);

impl Refreshes {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }
}

impl SipLegs {
    /// Asks the peer for its keys, once the call stands and both ends want that.
    pub(super) fn subscribe_keys(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.stage != Stage::Answered || leg.relay != Relay::Kpml || leg.kpml.ours.is_some() {
            return;
        }
        let content = Content::new()
            .header(Header::Event, PACKAGE)
            .header(Header::Expires, EXPIRES.to_string())
            .header(Header::Accept, "application/kpml-response+xml")
            .body("application/kpml-request+xml", request());
        match self.ua.request(now, leg.call, Method::Subscribe, content) {
            Ok(asked) => leg.kpml.ours = Some(Ours::Asked(asked)),
            Err(error) => tracing::debug!(%error, "KPML"),
        }
    }

    /// The response to a request within a call, if it answers a SUBSCRIBE of ours; says whether it does.
    pub(super) fn keys_answered(
        &mut self,
        now: Instant,
        request: RequestId,
        status: u16,
        response: Option<&Message>,
    ) -> bool {
        let asked = Some(Ours::Asked(request));
        let Some((id, leg)) = self.legs.iter_mut().find(|(_, leg)| leg.kpml.ours == asked) else {
            return false;
        };
        // A peer that refuses is not asked again in this call.
        leg.kpml.ours = Some(Ours::Granted);
        self.kpml.0.remove(id);
        if (200..300).contains(&status) {
            let granted = response.and_then(|r| r.header(Header::Expires)?.to_str().trim().parse().ok());
            let seconds = granted.unwrap_or(EXPIRES).clamp(60, EXPIRES);
            self.kpml.0.insert(*id, now + Duration::from_secs(u64::from(seconds) * 4 / 5));
        }
        true
    }

    /// Refreshes the subscriptions that are due.
    pub(super) fn refresh_keys(&mut self, now: Instant) {
        let due: Vec<LegId> = self.kpml.0.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for id in due {
            self.kpml.0.remove(&id);
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.kpml.ours = None;
            }
            self.subscribe_keys(now, id);
        }
    }

    /// A leg is gone, and its subscriptions with it.
    pub(super) fn forget_keys(&mut self, id: LegId) {
        self.kpml.0.remove(&id);
    }

    /// The peer subscribes within a call. Says whether the request was for this package, and is answered.
    pub(super) fn keys_wanted(
        &mut self,
        now: Instant,
        id: LegId,
        transaction: ServerTransactionId,
        message: &Message,
    ) -> bool {
        if message.method() != Some(Method::Subscribe) || !is_event(message, PACKAGE) {
            return false;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        if !leg.can.settings.dtmf.contains(&DtmfRelay::SipKpml) {
            return false;
        }
        let expires = message.header(Header::Expires).and_then(|value| value.to_str().trim().parse().ok());
        let expires = expires.unwrap_or(EXPIRES).min(EXPIRES);
        let contact = format!("<sip:{}>", leg.host);
        let body = String::from_utf8_lossy(message.body());
        let tag = attribute(&body, "tag").filter(|tag| tag.len() <= MAX_TAG && !tag.contains(['<', '&']));
        let persist = attribute(&body, "persist").unwrap_or("one-shot");
        let known = leg.kpml.theirs.as_ref().map(|theirs| (theirs.tag.clone(), theirs.one_shot));
        // A refresh without patterns leaves them as they are.
        let (tag, one_shot) = match known {
            Some(known) if body.trim().is_empty() => known,
            _ => (tag.unwrap_or_default().to_owned(), !matches!(persist, "persist" | "single-notify")),
        };
        let until = now + Duration::from_secs(u64::from(expires));
        leg.kpml.theirs = (expires > 0).then_some(Theirs { tag: tag.clone(), one_shot, until });
        leg.digits.has_subscribed();
        let call = leg.call;
        let reply =
            Reply::new(200).header(Header::Expires, expires.to_string()).header(Header::Contact, contact);
        // A transaction that is gone has nobody left to answer.
        let _ = self.ua.respond(now, transaction, reply);
        let content = match expires {
            0 => report("terminated;reason=timeout", &response(487, "Subscription Expired", "", &tag)),
            _ => Content::new()
                .header(Header::Event, PACKAGE)
                .header(Header::SubscriptionState, format!("active;expires={expires}")),
        };
        if let Err(error) = self.ua.request(now, call, Method::Notify, content) {
            tracing::debug!(%error, "KPML");
        }
        self.choose_digits(id);
        self.subscribe_keys(now, id);
        true
    }

    /// Tells the peer of a key, if it wants to know.
    pub(super) fn report_digit(&mut self, now: Instant, id: LegId, digit: char) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(theirs) = leg.kpml.theirs.as_ref().filter(|theirs| theirs.until > now) else { return };
        let body = response(200, "OK", &digit.to_string(), &theirs.tag);
        let content = if theirs.one_shot {
            leg.kpml.theirs = None;
            report("terminated", &body)
        } else {
            let left = theirs.until.duration_since(now).as_secs();
            report(&format!("active;expires={left}"), &body)
        };
        if let Err(error) = self.ua.request(now, leg.call, Method::Notify, content) {
            tracing::debug!(%error, %digit, "digit not sent");
        }
    }
}

fn report(state: &str, body: &str) -> Content {
    Content::new()
        .header(Header::Event, PACKAGE)
        .header(Header::SubscriptionState, state)
        .body("application/kpml-response+xml", body.to_owned())
}

/// Every key, one at a time, for as long as the call lasts.
fn request() -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
     <kpml-request xmlns=\"urn:ietf:params:xml:ns:kpml-request\" version=\"1.0\">\
     <pattern interdigittimer=\"7260000\" persist=\"persist\"><regex tag=\"dtmf\">[x*#ABCD]</regex></pattern>\
     </kpml-request>"
        .to_owned()
}

fn response(code: u16, text: &str, digits: &str, tag: &str) -> String {
    let tag = if tag.is_empty() { String::new() } else { format!(" tag=\"{tag}\"") };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <kpml-response xmlns=\"urn:ietf:params:xml:ns:kpml-response\" version=\"1.0\" code=\"{code}\" \
         text=\"{text}\" digits=\"{digits}\"{tag}/>"
    )
}

/// The digits of a report; those of one that is not about a key (487, an empty one) are none.
pub(super) fn digits(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    if attribute(&body, "code").is_none_or(|code| !code.starts_with('2')) {
        return String::new();
    }
    let digits = attribute(&body, "digits").unwrap_or_default();
    let known = |digit: &char| digit.is_ascii_digit() || matches!(digit, '*' | '#' | 'A'..='D');
    digits.chars().map(|digit| digit.to_ascii_uppercase()).filter(known).take(MAX_DIGITS).collect()
}

/// The value of the first attribute of this name in an XML text.
fn attribute<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = xml;
    loop {
        let at = rest.find(name)?;
        let (before, found) = rest.split_at_checked(at)?;
        let after = found.get(name.len()..)?;
        let begins = before.ends_with(|c: char| c.is_ascii_whitespace());
        if let Some(value) = after.trim_start().strip_prefix('=').filter(|_| begins) {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            return value.get(1..)?.split_once(quote).map(|(value, _)| value);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_however_they_are_written() {
        let cucm = "<?xml version=\"1.0\"?>\n<kpml-response xmlns=\"urn:ietf:params:xml:ns:kpml-response\" \
                    code=\"200\" digits=\"2\" forced_flush=\"false\" tag=\"dtmf\" text=\"Success\" version=\"1.0\"/>";
        assert_eq!(digits(cucm.as_bytes()), "2");
        assert_eq!(digits(b"<kpml-response code = '200' digits='1#d'/>"), "1#D");
        assert_eq!(digits(b"<kpml-response code=\"487\" digits=\"5\"/>"), "");
        assert_eq!(digits(b"<kpml-response code=\"200\" digits=\"<5x\""), "5");
        assert_eq!(digits(&b"digits=".repeat(50)), "");
        assert_eq!(digits(b" code=\"200\" digits=\""), "");
        let long = format!("<k code=\"200\" digits=\"{}\"/>", "7".repeat(900));
        assert_eq!(digits(long.as_bytes()).len(), MAX_DIGITS);
        assert_eq!(digits(response(200, "OK", "*", "dtmf").as_bytes()), "*");
        assert_eq!(attribute(&request(), "tag"), Some("dtmf"));
        assert_eq!(attribute(&request(), "persist"), Some("persist"));
    }
}
