//! Digits that audio does not carry: which way two ends agree on, and the INFOs and NOTIFYs that carry them.

use std::time::Instant;

use media::rtp::event::Event;
use sip::call::Content;
use sip::{Header, Message, Method};

use super::settings::DtmfRelay;
use super::{SipLegs, kpml};
use crate::leg::LegId;
use crate::media::rtp::DigitRelay;
use crate::media::{DigitTiming, MediaCommand, MediaEnd};

/// NOTIFYs sent for one digit at most, however long it was held.
const MAX_NOTIFYS: u32 = 8;
/// Shortest duration a peer may ask for between two NOTIFYs, ms.
const MIN_DURATION: u32 = 40;

/// What an INFO may carry.
pub(super) const INFO_TYPES: &str = "application/dtmf-relay, application/dtmf";

/// What a peer has said of the digits it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PeerDigits {
    /// `Call-Info: …;method="NOTIFY;Event=telephone-event;Duration=…"`: its duration, ms.
    notify: Option<u32>,
    /// `Allow-Events: kpml`.
    kpml: bool,
}

/// How digits go to a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Relay {
    /// As tones in the audio.
    #[default]
    InBand,
    /// As telephone events (RFC 4733).
    Events,
    /// By INFO.
    Info,
    /// By NOTIFY, with so many ms between two of them at most.
    Notify(u32),
    /// By the NOTIFYs of its KPML subscription (RFC 4730).
    Kpml,
}

impl Relay {
    /// What the media plane has to do with digits.
    pub(super) fn in_media(self) -> DigitRelay {
        match self {
            Self::InBand => DigitRelay::InBand,
            Self::Events => DigitRelay::Events,
            Self::Info | Self::Notify(_) | Self::Kpml => DigitRelay::Signalled,
        }
    }

    /// As `show sip-ua calls` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InBand => "inband-voice",
            Self::Events => "rtp-nte",
            Self::Info => "sip-info",
            Self::Notify(_) => "sip-notify",
            Self::Kpml => "sip-kpml",
        }
    }
}

impl PeerDigits {
    /// Takes what a message of the peer says; one that says nothing changes nothing.
    fn learn(&mut self, message: &Message) {
        for value in message.headers(Header::CallInfo).take(8) {
            if let Some(ms) = notify_duration(&value.to_str()) {
                self.notify = Some(ms);
            }
        }
        self.kpml |= message.list_contains(Header::AllowEvents, "kpml");
    }

    /// Takes notice of a KPML subscription: whoever subscribes takes digits that way.
    pub(super) fn has_subscribed(&mut self) {
        self.kpml = true;
    }

    /// The first of the dial peer's ways that both have. `events`: offer and answer have telephone-event in common;
    /// `own`: our `notify telephone-event max-duration`, ms.
    pub(super) fn choose(self, ways: &[DtmfRelay], events: bool, own: u32) -> Relay {
        let fits = |way: &DtmfRelay| match way {
            DtmfRelay::RtpNte => events.then_some(Relay::Events),
            DtmfRelay::SipInfo => Some(Relay::Info),
            DtmfRelay::SipNotify => self.notify.map(|theirs| Relay::Notify(theirs.min(own))),
            DtmfRelay::SipKpml => self.kpml.then_some(Relay::Kpml),
        };
        ways.iter().find_map(fits).unwrap_or_default()
    }
}

/// The duration in `<sip:h>;method="NOTIFY;Event=telephone-event;Duration=500"`.
fn notify_duration(value: &str) -> Option<u32> {
    let method = value.split_once("method=\"")?.1.split('"').next()?;
    let mut words = method.split(';').map(str::trim);
    let notifies = words.next()?.eq_ignore_ascii_case("NOTIFY");
    let (mut event, mut duration) = (false, None);
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("event") => {
                event = value.trim().eq_ignore_ascii_case("telephone-event");
            }
            Some((name, value)) if name.trim().eq_ignore_ascii_case("duration") => {
                duration = value.trim().parse().ok();
            }
            _ => {}
        }
    }
    duration.filter(|_| notifies && event).map(|ms: u32| ms.max(MIN_DURATION))
}

/// The header lines that tell a peer which digits we take, for the INVITE and its responses.
pub(super) fn headers(ways: &[DtmfRelay], host: &str, own: u32) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if ways.contains(&DtmfRelay::SipNotify) {
        let value = format!("<sip:{host}>;method=\"NOTIFY;Event=telephone-event;Duration={own}\"");
        headers.push((Header::CallInfo.as_str().to_owned(), value));
    }
    if ways.contains(&DtmfRelay::SipKpml) {
        headers.push((Header::AllowEvents.as_str().to_owned(), "kpml, telephone-event".to_owned()));
    }
    headers
}

impl SipLegs {
    /// A message of the peer may say how it takes digits.
    pub(super) fn learn_digits(&mut self, id: LegId, message: &Message) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.digits.learn(message);
        self.choose_digits(id);
    }

    /// Chooses anew how digits go to the peer, and tells the media plane if that changed.
    pub(super) fn choose_digits(&mut self, id: LegId) {
        let own = self.settings.notify_ms;
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(rtp) = &mut leg.rtp else { return };
        leg.relay = leg.digits.choose(&leg.can.settings.dtmf, rtp.event_payload_type.is_some(), own);
        let digits = leg.relay.in_media();
        if std::mem::replace(&mut rtp.digits, digits) != digits {
            self.set_stream(id);
        }
    }

    /// A digit for the far end.
    pub(super) fn dtmf(&mut self, now: Instant, id: LegId, digit: char) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.relay.in_media() == DigitRelay::Signalled {
            return self.signal_digit(now, id, digit, 100);
        }
        let end = MediaEnd::Rtp(leg.stream);
        self.media(MediaCommand::Dtmf { end, digits: digit.to_string(), timing: DigitTiming::default() });
    }

    /// Sends a digit of `ms` that was heard at the other end.
    pub(super) fn signal_digit(&mut self, now: Instant, id: LegId, digit: char, ms: u32) {
        let Some(leg) = self.legs.get(&id) else { return };
        let call = leg.call;
        let requests: Vec<(Method, Content)> = match leg.relay {
            Relay::InBand | Relay::Events | Relay::Info => {
                let body = format!("Signal={digit}\r\nDuration={ms}\r\n");
                vec![(Method::Info, Content::new().body("application/dtmf-relay", body))]
            }
            Relay::Notify(every) => notifys(digit, ms, every),
            Relay::Kpml => return self.report_digit(now, id, digit),
        };
        for (method, content) in requests {
            if let Err(error) = self.ua.request(now, call, method, content) {
                tracing::debug!(%error, %digit, "digit not sent");
            }
        }
    }
}

/// The NOTIFYs of a digit that lasted `ms`: one at its beginning, one each `every` ms, one at its end.
fn notifys(digit: char, ms: u32, every: u32) -> Vec<(Method, Content)> {
    let content = |ended: bool, ms: u32| {
        let content = Content::new()
            .header(Header::Event, "telephone-event;rate=1000")
            .header(Header::SubscriptionState, "active")
            .body("audio/telephone-event", event_body(digit, ended, ms));
        (Method::Notify, content)
    };
    let between = (ms.saturating_sub(1) / every.max(MIN_DURATION) + 1).min(MAX_NOTIFYS);
    let mut all: Vec<_> = (0..between).map(|_| content(false, every)).collect();
    all.push(content(true, ms));
    all
}

/// Four octets as in RFC 4733 2.3; the duration counts in ms, as `rate=1000` says.
fn event_body(digit: char, ended: bool, ms: u32) -> Vec<u8> {
    let code = Event::from_digit(digit).map_or(0, |event| event.0);
    let [high, low] = u16::try_from(ms).unwrap_or(u16::MAX).to_be_bytes();
    vec![code, if ended { 0x8A } else { 0x0A }, high, low]
}

/// What a request within a call says about digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// These were pressed.
    Digits(String),
    /// One goes down, or the like: nothing to do.
    Understood,
    /// Of no meaning here: refuse it with this status.
    Refuse(u16),
}

/// Reads the digits of an INFO or NOTIFY.
pub(super) fn read(request: &Message) -> Said {
    let digit = |digit: Option<char>| digit.map(|digit| Said::Digits(digit.to_string()));
    match request.method() {
        // A heartbeat.
        Some(Method::Info) if request.body().is_empty() => Said::Understood,
        Some(Method::Info) => digit(info_digit(request)).unwrap_or(Said::Refuse(415)),
        Some(Method::Notify) if is_event(request, "telephone-event") => {
            digit(notify_digit(request)).unwrap_or(Said::Understood)
        }
        Some(Method::Notify) if is_event(request, kpml::PACKAGE) => {
            Said::Digits(kpml::digits(request.body()))
        }
        Some(Method::Notify | Method::Subscribe) => Said::Refuse(489),
        _ => Said::Refuse(405),
    }
}

/// The digit in the body of an INFO: `application/dtmf-relay` (`Signal=5`) or `application/dtmf` (`5`).
fn info_digit(request: &Message) -> Option<char> {
    let kind = request.content_type().ok()??;
    let body = String::from_utf8_lossy(request.body()).into_owned();
    let value = if kind.is("application/dtmf-relay") {
        body.lines().find_map(|line| line.trim().strip_prefix("Signal").map(str::to_owned))?
    } else if kind.is("application/dtmf") {
        body
    } else {
        return None;
    };
    let text = value.trim().trim_start_matches('=').trim().to_owned();
    let digit = match text.as_str() {
        "10" => '*',
        "11" => '#',
        other => other.chars().next()?.to_ascii_uppercase(),
    };
    Event::from_digit(digit).and_then(Event::digit)
}

/// The digit of a NOTIFY `telephone-event`: four octets as in RFC 4733, whose end bit says that the key is up.
fn notify_digit(request: &Message) -> Option<char> {
    let [code, flags, ..] = *request.body() else { return None };
    // The one that begins is followed by the one that ends.
    if flags & 0x80 == 0 { None } else { Event(code).digit() }
}

/// Whether a request is of this event package.
pub(super) fn is_event(request: &Message, package: &str) -> bool {
    matches!(request.event(), Ok(Some(event)) if event.package.eq_ignore_ascii_case(package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_way_both_have_is_taken() {
        use DtmfRelay::{RtpNte, SipInfo, SipKpml, SipNotify};
        let none = PeerDigits::default();
        let all = PeerDigits { notify: Some(500), kpml: true };
        assert_eq!(none.choose(&[], true, 2000), Relay::InBand);
        assert_eq!(none.choose(&[SipNotify, RtpNte], true, 2000), Relay::Events);
        assert_eq!(none.choose(&[SipNotify, SipKpml, RtpNte], false, 2000), Relay::InBand);
        assert_eq!(all.choose(&[SipNotify, RtpNte], true, 2000), Relay::Notify(500));
        assert_eq!(all.choose(&[SipNotify, RtpNte], true, 100), Relay::Notify(100));
        assert_eq!(all.choose(&[SipKpml, RtpNte], true, 2000), Relay::Kpml);
        assert_eq!(all.choose(&[RtpNte, SipInfo], false, 2000), Relay::Info);
    }

    #[test]
    fn call_info_says_how_long_a_notify_counts() {
        let cucm = "<sip:10.10.199.250:5060>;method=\"NOTIFY;Event=telephone-event;Duration=500\"";
        assert_eq!(notify_duration(cucm), Some(500));
        assert_eq!(notify_duration("<sip:h>;method=\"NOTIFY;Event=telephone-event;Duration=1\""), Some(40));
        for other in [
            "<sip:h>;purpose=icon",
            "<sip:h>;method=\"NOTIFY;Event=presence;Duration=500\"",
            "<sip:h>;method=\"INFO;Event=telephone-event;Duration=500\"",
            "<sip:h>;method=\"NOTIFY;Event=telephone-event;Duration=x",
        ] {
            assert_eq!(notify_duration(other), None, "{other}");
        }
        let own = headers(&[DtmfRelay::SipNotify], "192.0.2.1", 1000);
        assert_eq!(own.first().and_then(|(_, value)| notify_duration(value)), Some(1000));
    }

    #[test]
    fn a_long_digit_is_told_again_each_duration() {
        let bodies = |ms, every| -> Vec<Vec<u8>> {
            notifys('5', ms, every)
                .into_iter()
                .flat_map(|(_, c)| c.bodies)
                .map(|body| body.octets.to_vec())
                .collect()
        };
        assert_eq!(bodies(100, 2000), [[5, 0x0A, 7, 0xD0], [5, 0x8A, 0, 100]]);
        assert_eq!(bodies(900, 500), [[5, 0x0A, 1, 0xF4], [5, 0x0A, 1, 0xF4], [5, 0x8A, 3, 0x84]]);
        assert_eq!(bodies(8000, 40).len(), 9);
    }
}
