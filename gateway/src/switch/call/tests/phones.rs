//! SIP telephones for the simulation: user agents of our own stack behind one address, which the switch reaches as 5...

use super::*;
use bytes::Bytes;
use sip::call::{
    CallConfig, CallEvent as SipEvent, CallId, Content, Invite, Refer, UaEvent, UserAgent, escape_header,
};
use sip::{EndpointConfig, Flow, Transport};

/// The dial peer of the SIP telephones, behind [`CONFIG`]'s lines.
pub(super) const SIP: &str = "\
voice service voip
 allow-connections sip to sip
dial-peer voice 5 voip
 destination-pattern 5...
 session protocol sipv2
 session target ipv4:192.0.2.9
 incoming called-number .
 codec g711ulaw
 dtmf-relay rtp-nte
";

const GATEWAY: &str = "192.0.2.1:5060";
const PHONES: &str = "192.0.2.9:5060";
pub(super) const AUDIO: &str = "v=0\r\no=p 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Whether the gateway sends a message to itself.
pub(super) fn is_gateway(transmit: &sip::Transmit) -> bool {
    Ok(transmit.flow.remote) == GATEWAY.parse()
}

/// What the telephones do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Ring,
    Early,
    Answer,
    Refuse(u16),
    Redirect(&'static str),
    Ignore,
}

/// The telephones.
pub(super) struct Phones {
    ua: UserAgent,
    pub(super) manner: Manner,
    /// Calls that have not ended.
    pub(super) calls: Vec<CallId>,
    /// Each so many messages one is lost.
    pub(super) loses: Option<u32>,
    messages: u32,
    /// Statuses of our REFERs' outcomes.
    pub(super) outcomes: Vec<u16>,
    /// Calls that were answered.
    pub(super) answered: usize,
    /// The INVITE that came last.
    pub(super) last_invite: String,
    /// Requests that came.
    pub(super) seen: Vec<sip::Message>,
    /// Statuses of requests of ours within calls.
    pub(super) statuses: Vec<u16>,
    /// Statuses with which calls of theirs failed.
    pub(super) failed: Vec<u16>,
    /// Where they were sent by 3xx: the first contact, and the Diversion header.
    pub(super) sent_to: Vec<(String, String)>,
    /// Provisional statuses that came.
    pub(super) provisional: Vec<u16>,
    /// Session descriptions offered to them within calls.
    pub(super) offers: Vec<String>,
}

impl Phones {
    pub(super) fn new() -> Self {
        Self {
            ua: UserAgent::new(EndpointConfig::default(), CallConfig::default(), [3; 32]),
            manner: Manner::Ring,
            calls: Vec::new(),
            loses: None,
            messages: 0,
            outcomes: Vec::new(),
            answered: 0,
            last_invite: String::new(),
            seen: Vec::new(),
            statuses: Vec::new(),
            failed: Vec::new(),
            sent_to: Vec::new(),
            provisional: Vec::new(),
            offers: Vec::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ua.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.ua.handle_timeout(now);
    }

    fn lost(&mut self) -> bool {
        self.messages += 1;
        self.loses.is_some_and(|each| self.messages.is_multiple_of(each))
    }

    /// A message of the gateway.
    pub(super) fn receive(&mut self, now: Instant, transmit: sip::Transmit) {
        let Flow { transport, local, remote, connection } = transmit.flow;
        if !self.lost() {
            let flow = Flow { transport, local: remote, remote: local, connection };
            self.ua.handle_received(now, flow, transmit.payload);
        }
    }

    /// A message for the gateway.
    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<(Flow, Bytes)> {
        self.look(now);
        loop {
            let transmit = self.ua.poll_transmit()?;
            let Flow { transport, local, remote, connection } = transmit.flow;
            if !self.lost() {
                return Some((
                    Flow { transport, local: remote, remote: local, connection },
                    transmit.payload,
                ));
            }
        }
    }

    fn look(&mut self, now: Instant) {
        while let Some(event) = self.ua.poll_event() {
            let (id, event) = match event {
                UaEvent::Call(id, event) => (id, event),
                UaEvent::Other(_) => continue,
            };
            match event {
                SipEvent::Incoming { request, .. } => {
                    self.last_invite = String::from_utf8_lossy(request.head()).into_owned();
                    self.seen.push(request);
                    self.calls.push(id);
                    self.receive_call(now, id);
                }
                SipEvent::Redirected { contacts, following, response } => {
                    let by = response.header("Diversion").map(|value| value.to_str().into_owned());
                    self.sent_to
                        .push((contacts.first().cloned().unwrap_or_default(), by.unwrap_or_default()));
                    if !following {
                        let _ = self.ua.hangup(now, id, Content::new());
                    }
                }
                SipEvent::Progress { status, .. } => self.provisional.push(status),
                SipEvent::Offer { sdp, .. } => {
                    self.offers.push(String::from_utf8_lossy(&sdp).into_owned());
                    let _ = self.ua.answer_offer(now, id, Content::sdp(AUDIO));
                }
                SipEvent::OfferRequested { .. } => {
                    let _ = self.ua.answer_offer(now, id, Content::sdp(AUDIO));
                }
                SipEvent::Referred { refer, .. } => {
                    let _ = self.ua.refuse_refer(now, id, refer, 603);
                }
                SipEvent::Request { transaction, request } => {
                    self.seen.push(request);
                    let _ = self.ua.respond(now, transaction, sip::Reply::new(200));
                }
                SipEvent::ReferProgress { status, .. } => self.outcomes.push(status),
                SipEvent::Answered { .. } | SipEvent::Acknowledged { .. } => self.answered += 1,
                SipEvent::Response { status, .. } => self.statuses.push(status),
                SipEvent::Failed { status, .. } => {
                    self.failed.push(status);
                    self.calls.retain(|call| *call != id);
                }
                SipEvent::Ended { message, .. } => {
                    self.seen.extend(message.filter(sip::Message::is_request));
                    self.calls.retain(|call| *call != id);
                }
                _ => {}
            }
        }
    }

    fn receive_call(&mut self, now: Instant, id: CallId) {
        let _ = match self.manner {
            Manner::Ring => self.ua.progress(now, id, 180, Content::new(), false),
            Manner::Early => self.ua.progress(now, id, 183, Content::sdp(AUDIO), false),
            Manner::Answer => self.ua.answer(now, id, Content::sdp(AUDIO)),
            Manner::Refuse(status) => self.ua.reject(now, id, status, Content::new()),
            Manner::Redirect(to) => {
                let host = if to.contains('@') { "" } else { "@192.0.2.9" };
                let contact = format!("<sip:{to}{host}>");
                self.ua.redirect(now, id, 302, &[contact], Content::new())
            }
            Manner::Ignore => Ok(()),
        };
    }

    pub(super) fn call(&mut self, now: Instant, number: &str) {
        self.call_with(now, number, Content::sdp(AUDIO));
    }

    pub(super) fn call_with(&mut self, now: Instant, number: &str, content: Content) {
        let flow = Flow {
            transport: Transport::Udp,
            local: PHONES.parse().unwrap(),
            remote: GATEWAY.parse().unwrap(),
            connection: None,
        };
        let uri = format!("sip:{number}@192.0.2.1");
        let invite = Invite::new(&uri, "<sip:5000@192.0.2.9>", flow).content(content);
        self.calls.push(self.ua.invite(now, invite).unwrap());
    }

    pub(super) fn answer(&mut self, now: Instant, id: CallId) {
        let _ = self.ua.answer(now, id, Content::sdp(AUDIO));
    }

    pub(super) fn info(&mut self, now: Instant, id: CallId, content: Content) {
        self.ua.request(now, id, sip::Method::Info, content).unwrap();
    }

    pub(super) fn refuse_with(&mut self, now: Instant, id: CallId, status: u16, content: Content) {
        self.ua.reject(now, id, status, content).unwrap();
    }

    pub(super) fn hang_up(&mut self, now: Instant, id: CallId) {
        if self.ua.reject(now, id, 486, Content::new()).is_err() {
            let _ = self.ua.hangup(now, id, Content::new());
        }
    }

    pub(super) fn hold(&mut self, now: Instant, id: CallId, on: bool) {
        let direction = if on { "a=sendonly\r\n" } else { "" };
        let _ = self.ua.offer(now, id, Content::sdp(format!("{AUDIO}{direction}")));
    }

    pub(super) fn refer(&mut self, now: Instant, id: CallId, number: &str) {
        let _ = self.ua.refer(now, id, &Refer::new(&format!("sip:{number}@192.0.2.1")));
    }

    /// Gives the far end of one call to the far end of another.
    pub(super) fn join(&mut self, now: Instant, id: CallId, other: CallId) {
        if let Ok(replaces) = self.ua.replaces(other) {
            let to = format!("sip:4711@192.0.2.1?Replaces={}", escape_header(&replaces));
            let _ = self.ua.refer(now, id, &Refer::new(&to));
        }
    }

    /// What is held for calls, for a report if it is not nothing.
    pub(super) fn held(&self) -> (usize, String) {
        (self.ua.held(), self.ua.census())
    }
}

impl Sim {
    /// SIP telephones, beside everything else.
    pub(super) fn with_sip() -> Self {
        Self::and(SIP)
    }

    fn rtp(&self) -> Vec<MediaEnd> {
        self.wires.streams.iter().map(|stream| MediaEnd::Rtp(*stream)).collect()
    }
}

#[test]
fn sip_and_trunk_talk_and_nothing_is_left() {
    let mut sim = Sim::with_sip();
    sim.phones.call(sim.now, "4711");
    sim.settle();
    sim.pbx_answer(0);
    let channel = sim.channel(0);
    let [stream] = sim.rtp()[..] else { panic!("{:?}", sim.wires) };
    sim.assert_talk(stream, channel);
    let call = sim.phones.calls[0];
    sim.phones.hold(sim.now, call, true);
    sim.settle();
    assert_eq!(sim.wires.hears(channel), [stream], "music may come");
    assert_eq!(sim.wires.mute.len(), 1, "and nothing goes to who holds");
    sim.phones.hold(sim.now, call, false);
    sim.settle();
    sim.assert_talk(stream, channel);
    sim.pbx_clear(0, 16);
    sim.wait(60_000);
    assert!(sim.phones.calls.is_empty());
    sim.assert_nothing_left();
}

#[test]
fn a_transfer_that_comes_to_nothing_gives_the_call_back() {
    let mut sim = Sim::with_sip();
    sim.phones.manner = Manner::Answer;
    sim.call(0, "5001");
    let [stream] = sim.rtp()[..] else { panic!("{:?}", sim.wires) };
    sim.assert_talk(line(0), stream);
    sim.pbx[0].behaviour = Behaviour::Refuse(17);
    let call = sim.phones.calls[0];
    sim.phones.refer(sim.now, call, "4711");
    sim.settle();
    sim.wait(1000);
    assert_eq!(sim.phones.outcomes.last(), Some(&486));
    sim.assert_talk(line(0), stream);
    // And one that rings, and is answered.
    sim.pbx[0].behaviour = Behaviour::Ring;
    sim.phones.refer(sim.now, call, "4712");
    sim.settle();
    assert_eq!(sim.phones.outcomes.last(), Some(&180));
    assert!(sim.wires.hears(line(0)).is_empty());
    sim.pbx_answer(0);
    assert_eq!(sim.phones.outcomes.last(), Some(&200));
    let channel = sim.channel(0);
    sim.assert_talk(line(0), channel);
    sim.on_hook(0);
    sim.wait(60_000);
    sim.assert_nothing_left();
}

#[test]
fn a_session_nobody_refreshes_ends_and_one_that_is_refreshed_goes_on() {
    let sessions = "voice service voip\n sip\n  min-se 90\n  session refresh\n";
    let mut sim = Sim::and(&format!("{SIP}{sessions}"));
    sim.phones.manner = Manner::Answer;
    sim.call(0, "5001");
    // Refreshed every 45 s, it stands for ten minutes.
    sim.wait(600_000);
    let [stream] = sim.rtp()[..] else { panic!("{:?}", sim.wires) };
    sim.assert_talk(line(0), stream);
    // Nothing comes through any more.
    sim.phones.loses = Some(1);
    sim.wait(200_000);
    assert!(sim.wires.is_silent(), "{:?}", sim.wires);
    sim.phones.loses = None;
    sim.on_hook(0);
    sim.wait(400_000);
    sim.assert_nothing_left();
}
