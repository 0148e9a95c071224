#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

//! What the configuration says about SIP calls, seen in the messages: two SIP telephones that write theirs by hand, 192.0.2.50
//! with 5... and 192.0.2.60 with 6..., and telephones 8000 and 8001 at ports of the gateway.

mod admission;
mod classes;
mod digits;
mod fax;
mod headers;
mod modem;
mod places;
mod statuses;
mod timers;
mod trunk;
mod ways;

use std::time::Duration;

use sip::{Flow, Message};
use telephony_hal::LineEvent;

use super::sip_bench::SipBench;
use crate::media::MediaCommand;

pub(super) const FIVE: &str = "192.0.2.50";
pub(super) const SIX: &str = "192.0.2.60";

pub(super) struct Desk {
    pub(super) bench: SipBench,
    inbox: Vec<(Flow, Message)>,
    calls: u32,
    /// What the telephones write for Contact, where it is not the usual.
    contact: Option<&'static str>,
}

/// One end of a call, at a SIP telephone.
#[derive(Debug, Clone)]
pub(super) struct End {
    at: &'static str,
    /// To, From and Call-ID as this end writes them.
    own: String,
    far: String,
    call: String,
    target: String,
    cseq: u32,
    /// The gateway's INVITE, to be answered.
    pub(super) invite: Option<Message>,
}

pub(super) fn audio(at: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {at}\r\ns=-\r\nc=IN IP4 {at}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n"
    )
}

pub(super) fn body_of(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

pub(super) fn header(message: &Message, name: &str) -> String {
    message.header(name).map(|value| value.to_str().into_owned()).unwrap_or_default()
}

impl Desk {
    /// `both`: lines of both dial peers; `more`: the rest of the configuration.
    pub(super) fn new(both: &str, more: &str) -> Self {
        let mut config = String::from("voice service voip\n allow-connections sip to sip\n!\n");
        for (tag, at) in [(5, FIVE), (6, SIX)] {
            config.push_str(&format!(
                "dial-peer voice {tag} voip\n destination-pattern {tag}...\n session protocol sipv2\n \
                 session target ipv4:{at}\n codec g711ulaw\n answer-address {tag}...\n{both}!\n"
            ));
        }
        for (at, number) in [(0, 8000), (1, 8001)] {
            config.push_str(&format!(
                "dial-peer voice {number} pots\n destination-pattern {number}\n port 2/{at}\n!\n"
            ));
        }
        Self { bench: SipBench::new(&format!("{config}{more}")), inbox: Vec::new(), calls: 0, contact: None }
    }

    pub(super) fn wait(&mut self, ms: u64) {
        self.bench.wait(Duration::from_millis(ms));
    }

    fn look(&mut self) {
        self.inbox.extend(self.bench.sent());
    }

    fn is(what: &str, to: &str, (flow, message): &(Flow, Message)) -> bool {
        let said = match message.status() {
            Some(status) => {
                format!("{} {}", status.as_u16(), header(message, "CSeq").split(' ').nth(1).unwrap())
            }
            None => message.method().unwrap().to_string(),
        };
        flow.remote.ip().to_string() == to && said == what
    }

    /// Takes the first message to `to` that is `INVITE`, `200 INVITE` or the like.
    #[track_caller]
    pub(super) fn take(&mut self, to: &str, what: &str) -> Message {
        self.take_with_flow(to, what).1
    }

    #[track_caller]
    pub(super) fn take_with_flow(&mut self, to: &str, what: &str) -> (Flow, Message) {
        self.look();
        let found = self.inbox.iter().position(|known| Self::is(what, to, known));
        let at = found.unwrap_or_else(|| {
            let lines = self.inbox.iter().map(|(flow, m)| {
                let text = String::from_utf8_lossy(m.head()).lines().next().unwrap_or_default().to_owned();
                format!("\n{}: {text}", flow.remote)
            });
            panic!("no {what} to {to}, but {}", lines.collect::<String>())
        });
        self.inbox.remove(at)
    }

    /// Nothing like that has been sent.
    #[track_caller]
    pub(super) fn none(&mut self, to: &str, what: &str) {
        self.look();
        let found = self.inbox.iter().find(|known| Self::is(what, to, known));
        assert!(found.is_none(), "{found:?}");
    }

    fn send(&mut self, from: &str, text: impl AsRef<[u8]>) {
        self.bench.offer(&format!("{from}:5060"), text.as_ref());
        self.bench.serve(1);
    }

    /// A SIP telephone calls.
    pub(super) fn call(&mut self, at: &'static str, number: &str, headers: &str, sdp: &str) -> End {
        self.calls += 1;
        let user = if at == FIVE { "5000" } else { "6000" };
        let mut end = End {
            at,
            own: format!("<sip:{user}@{at}>;tag=t{}", self.calls),
            far: format!("<sip:{number}@192.0.2.1>"),
            call: format!("call{}@{at}", self.calls),
            target: format!("sip:{number}@192.0.2.1"),
            cseq: 0,
            invite: None,
        };
        self.request(&mut end, "INVITE", headers, sdp);
        end
    }

    pub(super) fn request(&mut self, end: &mut End, method: &str, headers: &str, body: impl AsRef<[u8]>) {
        if method != "ACK" {
            end.cseq += 1;
        }
        let End { at, own, far, call, target, cseq, .. } = end.clone();
        let body = body.as_ref();
        let kind = if body.starts_with(b"v=0") { "Content-Type: application/sdp\r\n" } else { "" };
        let contact = self.contact.map_or_else(|| format!("<sip:phone@{at}>"), str::to_owned);
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call}{cseq}{method}\r\n\
             Max-Forwards: 70\r\nFrom: {own}\r\nTo: {far}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n\
             Contact: {contact}\r\n{headers}{kind}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(at, [text.as_bytes(), body].concat());
    }

    /// The gateway's call to a telephone.
    #[track_caller]
    pub(super) fn called(&mut self, at: &'static str) -> End {
        let invite = self.take(at, "INVITE");
        self.calls += 1;
        End {
            at,
            own: format!("{};tag=t{}", header(&invite, "To"), self.calls),
            far: header(&invite, "From"),
            call: header(&invite, "Call-ID"),
            target: header(&invite, "Contact").trim_matches(['<', '>']).to_owned(),
            cseq: 0,
            invite: Some(invite),
        }
    }

    /// Answers a request of the gateway.
    pub(super) fn reply(&mut self, end: &End, request: &Message, status: u16, headers: &str, body: &str) {
        let to = header(request, "To");
        let to = if to.contains("tag=") { to } else { end.own.clone() };
        let kind = if body.starts_with("v=0") { "Content-Type: application/sdp\r\n" } else { "" };
        let text = format!(
            "SIP/2.0 {status} x\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:phone@{}>\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            header(request, "Via"),
            header(request, "From"),
            header(request, "Call-ID"),
            header(request, "CSeq"),
            end.at,
            body.len()
        );
        self.send(end.at, &text);
    }

    /// A telephone answers the INVITE that came, with audio.
    #[track_caller]
    pub(super) fn answer(&mut self, end: &End, headers: &str) {
        let invite = end.invite.clone().expect("an INVITE");
        self.reply(end, &invite, 200, headers, &audio(end.at));
        self.take(end.at, "ACK");
    }

    /// A telephone takes the 200 to its INVITE.
    #[track_caller]
    pub(super) fn answered(&mut self, end: &mut End) -> Message {
        let ok = self.take(end.at, "200 INVITE");
        end.far = header(&ok, "To");
        end.target = header(&ok, "Contact").trim_matches(['<', '>']).to_owned();
        self.request(end, "ACK", "", "");
        ok
    }

    /// 5000 calls 6000, who answers.
    #[track_caller]
    pub(super) fn talk(&mut self, five: &str, six: &str) -> (End, End) {
        let mut caller = self.call(FIVE, "6000", five, &audio(FIVE));
        let callee = self.called(SIX);
        self.answer(&callee, six);
        self.answered(&mut caller);
        (caller, callee)
    }

    pub(super) fn off_hook(&mut self, line: usize) {
        self.bench.hook(line, LineEvent::OffHook);
        self.wait(100);
    }

    pub(super) fn on_hook(&mut self, line: usize) {
        self.bench.hook(line, LineEvent::OnHook);
        self.wait(1500);
    }

    pub(super) fn dial(&mut self, line: usize, digits: &str) {
        self.off_hook(line);
        self.digits(line, digits, 100);
    }

    /// A telephone off hook dials on, each digit so many milliseconds after the one before.
    pub(super) fn digits(&mut self, line: usize, digits: &str, ms: u64) {
        for digit in digits.chars() {
            self.bench.switch.handle_digit(self.bench.now, line, digit);
            self.bench.settle();
            self.wait(ms);
        }
    }

    pub(super) fn media(&mut self) -> Vec<MediaCommand> {
        std::mem::take(&mut self.bench.media)
    }

    /// Both telephones stay silent until every transaction is over: no leg and no stream is left.
    #[track_caller]
    pub(super) fn assert_nothing_left(&mut self) {
        let switch = &self.bench.switch;
        assert!(switch.calls.calls.is_empty() && switch.calls.legs.is_empty(), "{:?}", switch.calls);
        assert!(switch.sip.is_empty() && switch.sip.ports.used() == 0, "{:?}", switch.sip);
    }

    /// 5000 calls 8000 with these headers, which rings and answers: its end and the 200.
    #[track_caller]
    pub(super) fn line_answers(&mut self, headers: &str) -> (End, Message) {
        let mut end = self.call(FIVE, "8000", headers, &audio(FIVE));
        self.take(FIVE, "180 INVITE");
        self.off_hook(0);
        let ok = self.answered(&mut end);
        (end, ok)
    }

    /// 8000 hangs up; the other end is told, by this BYE.
    #[track_caller]
    pub(super) fn line_hangs_up(&mut self, end: &End) -> Message {
        self.on_hook(0);
        let bye = self.take(end.at, "BYE");
        self.reply(end, &bye, 200, "", "");
        self.assert_nothing_left();
        bye
    }

    /// The other end of 8000's call hangs up.
    #[track_caller]
    pub(super) fn far_hangs_up(&mut self, mut end: End) {
        self.request(&mut end, "BYE", "", "");
        self.take(end.at, "200 BYE");
        self.on_hook(0);
        self.assert_nothing_left();
    }

    /// The gateway has ended 8000's call: its BYE is answered with `status`.
    #[track_caller]
    pub(super) fn gateway_hung_up(&mut self, end: &End, status: u16) {
        let bye = self.take(end.at, "BYE");
        self.reply(end, &bye, status, "", "");
        self.on_hook(0);
        self.assert_nothing_left();
    }

    /// A telephone hangs up; the other is told.
    #[track_caller]
    pub(super) fn hang_up(&mut self, mut end: End, other: &End) {
        self.request(&mut end, "BYE", "", "");
        self.take(end.at, "200 BYE");
        let bye = self.take(other.at, "BYE");
        self.reply(other, &bye, 200, "", "");
        self.assert_nothing_left();
    }
}
