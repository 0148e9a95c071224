//! SIP legs: INVITE sessions as ends of calls.
//!
//! [`SipLegs`] owns the user agent and everything said over SIP; what is no call (NOTIFY, SUBSCRIBE, …) comes out of
//! [`SipLegs::poll`] as it is. A leg owns one RTP stream from its first moment to its last.

pub mod agent;
mod change;
mod describe;
mod digits;
mod events;
mod fax;
pub mod identity;
mod kpml;
pub mod modem;
mod ping;
pub mod policy;
mod profiles;
pub mod settings;
pub mod tls;
pub mod transport;
mod tunnel;

pub(crate) use fax::own as own_fax;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cli::config::Config;
use dialpeer::cause::CauseMap;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sip::call::{CallConfig, CallId, Content, Invite, ReferId, Rel1xx, UaEvent, UserAgent};
use sip::sdp::{Direction, OfferAnswer, Sdp};
use sip::{EndpointConfig, Flow, Header, Message};

use super::raw::RawMessage;
use super::{Answer, Cause, LegCommand, LegEvent, LegId, LegIds, Party, Progress, Redirection, Setup};
use crate::media::plane::PlaneEvent;
use crate::media::ports::Ports;
use crate::media::rtp::{RtpCommand, RtpSettings};
use crate::media::{MediaCommand, MediaEnd};
use describe::{Offerable, octets};
use digits::{PeerDigits, Relay};
use fax::Fax;
use modem::Modem;
use settings::SipSettings;

/// Bearer capability not implemented: no codec in common.
pub const CODEC_MISMATCH: Cause = Cause(65);
/// Streams at a time.
const MAX_STREAMS: usize = 10_000;

/// What the legs want done, or tell.
#[derive(Debug)]
pub enum SipOutput {
    /// Of a leg.
    Leg(LegId, LegEvent),
    /// For the media plane.
    Media(MediaCommand),
    /// No call: a request or response for others of the gateway.
    Other(sip::Event),
    /// A caller who may not call was refused.
    Refused {
        /// Where the INVITE came from.
        from: IpAddr,
    },
}

/// What is done with somebody who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// He may.
    Granted,
    /// He may not: 403.
    Refused,
    /// He may once he has proved who he is: the values of `WWW-Authenticate` of the 401.
    Challenged(Vec<String>),
}

/// Where a call is sent.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Ways there, best first.
    pub flows: Vec<Flow>,
    /// Host, and port if another than the default, for Request-URI and To.
    pub host: String,
}

/// How far a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not answered.
    Early,
    /// Answered.
    Answered,
}

/// One leg.
#[derive(Debug)]
struct SipLeg {
    call: CallId,
    outgoing: bool,
    stage: Stage,
    peer: u32,
    local: IpAddr,
    /// `host[:port]` of ours in identities.
    host: String,
    stream: u64,
    port: u16,
    exchange: OfferAnswer,
    can: Offerable,
    /// Our answer to the caller's first offer, once it is made.
    answer: Option<Bytes>,
    /// What the peer has described last, for a leg at the other end.
    described: Option<Bytes>,
    rtp: Option<RtpSettings>,
    /// The INVITE brought an offer.
    offered: bool,
    /// No codec of the caller's fits the way that was tried last.
    mismatch: bool,
    /// The user at this end holds.
    held: bool,
    /// The other end holds.
    holding: bool,
    /// What the peer knows of that.
    holding_told: bool,
    /// The party at the other end, of whom the peer does not know yet.
    untold: Option<Party>,
    /// A change of ours is on its way to the peer, who knew this of `holding` before.
    changing: Option<bool>,
    /// Messages of the trunk at the other end that have not gone yet.
    waiting: Vec<RawMessage>,
    /// The one the other end's call was cleared with.
    clearing: Option<Box<RawMessage>>,
    /// A REFER of the peer under way.
    refer: Option<ReferId>,
    /// What the peer has said of the digits it takes, and how they go there.
    digits: PeerDigits,
    relay: Relay,
    kpml: kpml::Subscriptions,
    fax: Fax,
    modem: Modem,
    /// The leg for whose user this one calls.
    caller: Option<LegId>,
    /// The status and cause with which the call that was made for this leg's user failed.
    failed: Option<(u16, Cause)>,
    remote: Party,
    /// Number of the party at the other end.
    other: String,
    called: String,
}

/// A leg as `show` commands see it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Which.
    pub leg: LegId,
    /// Call-ID of its dialog.
    pub call_id: &'a str,
    /// We sent the INVITE.
    pub outgoing: bool,
    /// It has been answered.
    pub answered: bool,
    /// Number of the caller.
    pub calling: &'a str,
    /// Number called.
    pub called: &'a str,
    /// Our address in descriptions.
    pub local: IpAddr,
    /// Our RTP port.
    pub port: u16,
    /// What offer and answer have come to, if they have.
    pub rtp: Option<&'a RtpSettings>,
    /// How digits go to the peer: `rtp-nte`, `inband-voice`, `sip-info`, `sip-notify`, `sip-kpml`.
    pub dtmf: &'static str,
}

/// All SIP legs and the user agent.
pub struct SipLegs {
    ua: UserAgent,
    /// Pairs of RTP ports.
    pub ports: Ports,
    settings: SipSettings,
    causes: CauseMap,
    legs: BTreeMap<LegId, Box<SipLeg>>,
    by_call: HashMap<CallId, LegId>,
    events: VecDeque<SipOutput>,
    last_stream: u64,
    pings: ping::Pings,
    kpml: kpml::Refreshes,
    /// Statuses that legs were refused with, until the switch has heard of their end.
    refusals: BTreeMap<LegId, u16>,
    profiled: profiles::Profiled,
    local_address: fn(IpAddr) -> Option<IpAddr>,
    rng: StdRng,
    /// INVITEs refused because of their sender.
    pub refused: u64,
}

impl std::fmt::Debug for SipLegs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SipLegs").field("legs", &self.legs).finish_non_exhaustive()
    }
}

impl SipLegs {
    /// No leg yet. `local_address` is our own address toward a peer, as the routing table has it.
    #[must_use]
    pub fn new(
        endpoint: EndpointConfig,
        calls: CallConfig,
        settings: SipSettings,
        causes: CauseMap,
        local_address: fn(IpAddr) -> Option<IpAddr>,
        seed: [u8; 32],
    ) -> Self {
        Self {
            ua: UserAgent::new(endpoint, calls, seed),
            ports: Ports::new(MAX_STREAMS),
            settings,
            causes,
            legs: BTreeMap::new(),
            by_call: HashMap::new(),
            events: VecDeque::new(),
            last_stream: 0,
            pings: ping::Pings::default(),
            kpml: kpml::Refreshes::default(),
            refusals: BTreeMap::new(),
            profiled: profiles::Profiled::default(),
            local_address,
            rng: StdRng::from_seed(seed.map(|octet| octet ^ 0xa5)),
            refused: 0,
        }
    }

    /// Goes over from one configuration to another, for calls that begin from now on.
    pub fn configure(&mut self, endpoint: EndpointConfig, calls: CallConfig, old: &Config, config: &Config) {
        self.ua.set_config(endpoint, calls);
        self.settings.configure(old, config);
        self.causes.clone_from(&config.cause_map);
    }

    /// The user agent, for what is no call.
    #[must_use]
    pub fn ua(&self) -> &UserAgent {
        &self.ua
    }

    /// The user agent, for what is no call.
    pub fn ua_mut(&mut self) -> &mut UserAgent {
        &mut self.ua
    }

    /// Settings in force.
    #[must_use]
    pub fn settings(&self) -> &SipSettings {
        &self.settings
    }

    /// Legs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// The next thing to do or to know. `admit` says whose INVITEs are taken; `ids` names legs that come in.
    pub fn poll(
        &mut self,
        now: Instant,
        ids: &mut LegIds,
        mut admit: impl FnMut(&Flow, &Message) -> Admission,
    ) -> Option<SipOutput> {
        loop {
            if let Some(output) = self.events.pop_front() {
                return Some(output);
            }
            match self.ua.poll_event()? {
                UaEvent::Call(call, event) => {
                    self.call_event(now, call, event, ids, &mut admit);
                    self.watch(now, call);
                }
                UaEvent::Other(event) => return Some(SipOutput::Other(event)),
            }
        }
    }

    /// Calls a party on a new leg. `local` is our address toward it, as it is written into headers and descriptions.
    /// `caller` is the leg that wants it, which is told if no codec fits.
    pub fn offer(
        &mut self,
        now: Instant,
        leg: LegId,
        caller: Option<LegId>,
        setup: &Setup,
        to: &Destination,
        local: IpAddr,
    ) {
        if let Err(cause) = self.try_offer(now, leg, caller, setup, to, local) {
            if let Some(caller) = caller.and_then(|caller| self.legs.get_mut(&caller)) {
                caller.mismatch = cause == CODEC_MISMATCH;
            }
            self.tell(leg, LegEvent::Released(cause));
        }
    }

    /// Whether a caller's offer has a codec for the other end: one that is heard here (`audible`: a telephone or trunk), or
    /// any that his dial peer allows. If not, and the call ends with cause 65, he is told 488.
    pub fn fits(&mut self, id: LegId, audible: bool) -> bool {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.stage == Stage::Early) else { return true };
        let fits = leg.offer_of_peer().is_none_or(|offer| {
            let settings = Arc::clone(&leg.can.settings);
            let can = match audible {
                true => Offerable::audible(settings),
                false => Offerable::toward(settings, leg.described.as_deref().unwrap_or_default()),
            };
            can.fits(&offer)
        });
        leg.mismatch = !fits;
        fits
    }

    fn try_offer(
        &mut self,
        now: Instant,
        leg: LegId,
        caller: Option<LegId>,
        setup: &Setup,
        to: &Destination,
        local: IpAddr,
    ) -> Result<(), Cause> {
        let first = to.flows.first().ok_or(Cause::NETWORK_OUT_OF_ORDER)?;
        let settings = Arc::clone(self.settings.peer(setup.peer));
        let (dscp, forwards) = (settings.dscp, settings.forwards);
        let can = match &setup.sdp {
            Some(sdp) => Offerable::toward(settings, sdp),
            None => Offerable::audible(settings),
        };
        let port = self.ports.take().ok_or(Cause::UNAVAILABLE)?;
        // `bind` says by which of our addresses we are known.
        let host = can.settings.localhost.clone();
        let host = host.unwrap_or_else(|| bracketed(can.settings.control_address.unwrap_or(local)));
        let local = can.settings.media_address.unwrap_or(local);
        let Some(description) = can.offer(local, port, Direction::SendRecv) else {
            self.ports.give_back();
            return Err(CODEC_MISMATCH);
        };
        let number = &setup.called.number;
        let scheme = if can.settings.sips { "sips" } else { "sip" };
        let uri = format!("{scheme}:{}@{}", identity::escape_user(number), to.host);
        let policy = can.settings.policy.clone();
        let from_sip = caller.is_some_and(|caller| self.legs.contains_key(&caller));
        let (from, calling) = match from_sip {
            true => (setup.calling.clone(), setup.calling.clone()),
            false => self.settings.calling_info.pstn_to_sip(&setup.calling),
        };
        let from = identity::from(&from, &host).replacen("<sip:", &format!("<{scheme}:"), 1);
        let mut invite = Invite::new(&uri, &from, first.clone());
        invite.destinations.clone_from(&to.flows);
        invite.rel1xx = can.settings.rel1xx;
        invite.own.clone_from(&can.settings.own);
        invite.tcp_above = can.settings.switch_to_tcp.then_some(EndpointConfig::SWITCH_ABOVE);
        let mut exchange = OfferAnswer::new(self.session_id());
        // The exchange is new: nothing is open.
        let sdp = exchange.make_offer(&description).map_err(|_| Cause::TEMPORARY)?;
        let mut content = Content::sdp(octets(&sdp));
        let rpid = can.settings.remote_party_id;
        content.headers.extend(identity::identity(&calling, &host, "calling", &policy, rpid));
        content.headers.extend(digits::headers(&can.settings.dtmf, &host, self.settings.notify_ms));
        if let Some(redirecting) = setup.redirecting.as_ref().filter(|_| !policy.strip_diversion) {
            content.headers.extend(identity::diversion(redirecting, &host));
        }
        if policy.passes_headers {
            content.headers.extend(setup.headers.iter().cloned());
        }
        let [a, b, c, d] = setup.guid;
        content = content.header(Header::CiscoGuid, format!("{a:010}-{b:010}-{c:010}-{d:010}"));
        if let Some(alert) = setup.alert_info.as_ref().filter(|alert| !alert.contains(['\r', '\n'])) {
            content = content.header(Header::AlertInfo, alert);
        }
        if let Some(replaces) = &setup.replaces {
            content = content.header(Header::Replaces, replaces);
        }
        if let Some(uui) = &setup.user_user {
            let hex: String = uui.iter().map(|octet| format!("{octet:02x}")).collect();
            content = content.header(Header::UserToUser, format!("{hex};encoding=hex"));
        }
        if let Some(raw) = setup.raw.as_ref().filter(|_| forwards) {
            content = tunnel::attach(content, raw);
        }
        let call = match self.ua.invite(now, invite.content(content)) {
            Ok(call) => call,
            Err(error) => {
                tracing::warn!(%error, "INVITE");
                self.ports.give_back();
                return Err(Cause::CONGESTION);
            }
        };
        let stream = self.open_stream(port, dscp);
        self.by_call.insert(call, leg);
        let mut made = SipLeg::new(call, true, Ends { local, host, stream, port }, exchange, can);
        made.peer = setup.peer;
        made.offered = true;
        made.remote = setup.called.clone();
        made.other.clone_from(&setup.calling.number);
        made.called.clone_from(number);
        made.caller = caller;
        self.legs.insert(leg, Box::new(made));
        self.follow_rules(leg);
        self.tell(leg, LegEvent::Media(Some(MediaEnd::Rtp(stream))));
        Ok(())
    }

    /// Tells a leg something; `peer` is the dial peer it is on by now. Offers go to [`SipLegs::offer`].
    pub fn command(&mut self, now: Instant, id: LegId, peer: u32, command: LegCommand) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.peer != peer {
            leg.peer = peer;
            leg.can.settings = Arc::clone(self.settings.peer(peer));
            if let Some(address) = leg.can.settings.control_address {
                self.ua.set_address(leg.call, leg.local, address);
                leg.host = bracketed(address);
            }
            leg.local = leg.can.settings.media_address.unwrap_or(leg.local);
            if let Some(name) = &leg.can.settings.localhost {
                leg.host.clone_from(name);
            }
            self.ua.set_own(leg.call, leg.can.settings.own.clone());
            self.follow_rules(id);
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        match command {
            LegCommand::Proceed => self.proceed(now, id),
            LegCommand::MoreDigits { dial_tone: false } => self.release(now, id, Cause::INVALID_NUMBER),
            LegCommand::Alert(progress) => self.progress(now, id, 180, &progress),
            LegCommand::Progress(progress) => self.progress(now, id, 183, &progress),
            LegCommand::Answer(answer) => self.answer(now, id, &answer),
            LegCommand::Update(party) => {
                leg.untold = Some(*party);
                self.reconcile(now, id);
            }
            LegCommand::Held(held) => {
                leg.holding = held;
                self.reconcile(now, id);
            }
            LegCommand::TransferRinging => self.tell_referrer(now, id, 180),
            LegCommand::TransferFailed(cause) => {
                let status = self.causes.sip_status(cause.0);
                self.tell_referrer(now, id, status);
            }
            LegCommand::Dtmf(digit) => self.dtmf(now, id, digit),
            LegCommand::Fax(step) => self.fax(now, id, step),
            LegCommand::Modem(step) => self.modem(now, id, step),
            LegCommand::Raw(raw) => self.carry(now, id, raw),
            LegCommand::Release(cause) => self.release(now, id, cause),
            LegCommand::MoreDigits { .. }
            | LegCommand::Offer(_)
            | LegCommand::Digits { .. }
            | LegCommand::Uncarried(_)
            | LegCommand::Reroute(_)
            | LegCommand::Signal(_) => {}
        }
    }

    /// Sends a caller who has not been answered to `contacts`, the first first: 302, or 300 if there are several, with who
    /// diverted if somebody did. The leg is over.
    pub fn redirect(&mut self, now: Instant, id: LegId, contacts: &[String], by: Option<&Redirection>) {
        let Some(leg) = self.legs.get(&id).filter(|leg| !leg.outgoing && leg.stage == Stage::Early) else {
            return;
        };
        let status = if contacts.len() > 1 { 300 } else { 302 };
        let mut content = Content::new();
        if let Some(by) = by.filter(|_| !leg.can.settings.policy.strip_diversion) {
            content.headers.extend(identity::diversion(by, &leg.host));
        }
        // A caller who has gone needs no way.
        let _ = self.ua.redirect(now, leg.call, status, contacts, content);
        self.finish(id, Cause::NORMAL);
    }

    /// What the media plane noticed about a stream of ours.
    pub fn plane_event(&mut self, now: Instant, event: &PlaneEvent) {
        let stream = match event {
            PlaneEvent::Digit { stream, .. }
            | PlaneEvent::Inactive { stream }
            | PlaneEvent::Modem { stream, .. }
            | PlaneEvent::Fax { stream } => *stream,
            PlaneEvent::Key { .. } | PlaneEvent::Signal { .. } => return,
        };
        let Some(id) = self.leg_of(stream) else { return };
        match event {
            PlaneEvent::Digit { digit, ms, .. } => self.signal_digit(now, id, *digit, *ms),
            PlaneEvent::Inactive { .. } => self.release(now, id, Cause(102)),
            PlaneEvent::Fax { .. } => self.offer_fax(now, id, fax::own()),
            PlaneEvent::Modem { sign, .. } => self.modem_sign(now, id, *sign),
            PlaneEvent::Key { .. } | PlaneEvent::Signal { .. } => {}
        }
    }

    /// The leg an RTP stream belongs to.
    #[must_use]
    pub fn leg_of(&self, stream: u64) -> Option<LegId> {
        self.legs.iter().find(|(_, leg)| leg.stream == stream).map(|(id, _)| *id)
    }

    /// The status a leg was refused with that has ended, asked once.
    pub(crate) fn take_refusal(&mut self, id: LegId) -> Option<u16> {
        self.refusals.remove(&id)
    }

    /// Our address in the descriptions of a leg.
    pub(crate) fn local_of(&self, id: LegId) -> Option<IpAddr> {
        self.legs.get(&id).map(|leg| leg.local)
    }

    /// Legs with this address of ours in their descriptions.
    pub(crate) fn legs_at(&self, local: IpAddr) -> usize {
        self.legs.values().filter(|leg| leg.local == local).count()
    }

    /// What a leg's peer has described last, for a leg at the other end.
    #[must_use]
    pub fn described(&self, id: LegId) -> Option<Bytes> {
        self.legs.get(&id)?.described.clone()
    }

    /// Every leg, for `show` commands.
    pub fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        self.legs.iter().map(|(id, leg)| Shown {
            leg: *id,
            call_id: self.ua.call_id(leg.call).unwrap_or_default(),
            outgoing: leg.outgoing,
            answered: leg.stage == Stage::Answered,
            calling: if leg.outgoing { &leg.other } else { &leg.remote.number },
            called: &leg.called,
            local: leg.local,
            port: leg.port,
            rtp: leg.rtp.as_ref(),
            dtmf: leg.relay.name(),
        })
    }

    fn tell(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back(SipOutput::Leg(leg, event));
    }

    fn media(&mut self, command: MediaCommand) {
        self.events.push_back(SipOutput::Media(command));
    }

    fn session_id(&mut self) -> u64 {
        self.rng.next_u64() >> 4
    }

    fn open_stream(&mut self, port: u16, dscp: u8) -> u64 {
        self.last_stream += 1;
        let stream = self.last_stream;
        self.media(MediaCommand::Rtp { stream, command: RtpCommand::Open { port, dscp } });
        stream
    }

    /// Forgets a leg: its stream is closed and the switch hears of its end.
    fn finish(&mut self, id: LegId, cause: Cause) {
        self.leave_rules(id);
        let Some(leg) = self.legs.remove(&id) else { return };
        self.by_call.remove(&leg.call);
        self.forget_keys(id);
        self.ports.give_back();
        self.media(MediaCommand::Rtp { stream: leg.stream, command: RtpCommand::Close });
        self.tell(id, LegEvent::Released(cause));
    }

    /// The caller's number leads somewhere.
    fn proceed(&mut self, now: Instant, id: LegId) {
        if let Some(leg) = self.legs.get(&id) {
            // The transaction says 100 by itself if this comes too late.
            let _ = self.ua.trying(now, leg.call);
        }
    }

    /// Ends a leg that is not answered because no codec fits: 488, whatever the cause maps to.
    fn refuse_codecs(&mut self, now: Instant, id: LegId) {
        let Some(call) = self.legs.get(&id).map(|leg| leg.call) else { return };
        // A caller who has gone needs no answer.
        let _ = self.ua.reject(now, call, 488, Content::new().q850(CODEC_MISMATCH.0));
        self.finish(id, CODEC_MISMATCH);
    }

    /// The leg's own description for a caller: the answer to his offer, or an offer where he made none.
    fn describe(&mut self, id: LegId, other: Option<&Bytes>) -> Result<Bytes, Cause> {
        let (symmetric, inactivity) = (self.settings.symmetric, self.settings.inactivity);
        let leg = self.legs.get_mut(&id).ok_or(Cause::TEMPORARY)?;
        if let Some(answer) = &leg.answer {
            return Ok(answer.clone());
        }
        let settings = Arc::clone(&leg.can.settings);
        leg.can = match other {
            Some(other) => Offerable::toward(settings, other),
            None => Offerable::audible(settings),
        };
        let answer = |offer: Cow<'_, Sdp>| leg.can.answer(&offer, leg.local, leg.port, Direction::SendRecv);
        let made = match leg.offer_of_peer().map(answer) {
            Some(local) => {
                let (sdp, agreed) = leg.exchange.make_answer(&local).map_err(|_| CODEC_MISMATCH)?;
                let rtp = leg.can.settle(&agreed, symmetric, inactivity).ok_or(CODEC_MISMATCH)?;
                leg.rtp = Some(rtp);
                self.set_stream(id);
                sdp
            }
            None => {
                let local = leg.can.offer(leg.local, leg.port, Direction::SendRecv).ok_or(CODEC_MISMATCH)?;
                leg.exchange.make_offer(&local).map_err(|_| Cause::TEMPORARY)?
            }
        };
        let made = octets(&made);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.answer = Some(made.clone());
        }
        self.choose_digits(id);
        Ok(made)
    }

    fn progress(&mut self, now: Instant, id: LegId, status: u16, progress: &Progress) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.outgoing || leg.stage != Stage::Early {
            return;
        }
        let (call, offered) = (leg.call, leg.offered);
        let reliable = leg.can.settings.rel1xx != Some(Rel1xx::Disabled);
        let mut content =
            Content { headers: self.own_headers(leg, progress.party.as_ref()), ..Content::new() };
        if let Some(raw) = progress.raw.as_ref().filter(|_| leg.forwards()) {
            content = tunnel::attach(content, raw);
        }
        let mut status = status;
        if progress.inband {
            match self.describe(id, progress.sdp.as_ref()) {
                // Without an offer of his the caller gets ours only where it can be sent reliably.
                Ok(sdp) => content.sdp = Some(sdp),
                Err(CODEC_MISMATCH) => return self.refuse_codecs(now, id),
                Err(cause) => return self.release(now, id, cause),
            }
            status = 183;
        }
        let sent = self.ua.progress(now, call, status, content.clone(), reliable);
        if sent.is_err() && !offered {
            content.sdp = None;
            // Nothing more can be done for a caller who neither offers nor takes an offer now.
            let _ = self.ua.progress(now, call, status, content, false);
        }
    }

    /// Header lines of our responses to a caller: who is reached, and which digits we take.
    fn own_headers(&self, leg: &SipLeg, party: Option<&Party>) -> Vec<(String, String)> {
        let settings = &leg.can.settings;
        let rpid = settings.remote_party_id;
        let mut headers =
            party.map_or(Vec::new(), |p| identity::identity(p, &leg.host, "called", &settings.policy, rpid));
        headers.extend(digits::headers(&settings.dtmf, &leg.host, self.settings.notify_ms));
        headers
    }

    fn answer(&mut self, now: Instant, id: LegId, answer: &Answer) {
        let Some(leg) = self.legs.get(&id) else { return };
        if leg.outgoing || leg.stage != Stage::Early {
            return;
        }
        let (call, headers) = (leg.call, self.own_headers(leg, answer.party.as_ref()));
        let forwards = leg.forwards();
        let sdp = match self.describe(id, answer.sdp.as_ref()) {
            Ok(sdp) => sdp,
            Err(CODEC_MISMATCH) => return self.refuse_codecs(now, id),
            Err(cause) => return self.release(now, id, cause),
        };
        let mut content = Content { headers, ..Content::sdp(sdp) };
        if let Some(raw) = answer.raw.as_ref().filter(|_| forwards) {
            content = tunnel::attach(content, raw);
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.stage = Stage::Answered;
        }
        if let Err(error) = self.ua.answer(now, call, content) {
            tracing::debug!(%error, "answer");
            self.release(now, id, Cause::TEMPORARY);
        }
    }

    /// Ends a leg from our side.
    fn release(&mut self, now: Instant, id: LegId, cause: Cause) {
        let Some(leg) = self.legs.get(&id) else { return };
        let mut content = Content::new().q850(cause.0);
        let call = leg.call;
        if let Some(raw) = self.clearing(id, cause) {
            content = tunnel::attach(content, &raw);
        }
        let status = if cause == Cause::NORMAL { 200 } else { self.causes.sip_status(cause.0) };
        self.tell_referrer(now, id, status);
        let Some(leg) = self.legs.get(&id) else { return };
        let leg_is_answered = leg.stage == Stage::Answered;
        let done = if leg.outgoing || leg_is_answered {
            self.ua.hangup(now, call, content)
        } else {
            let mismatch = leg.mismatch && cause == CODEC_MISMATCH;
            let passed =
                leg.failed.filter(|(_, failed)| *failed == cause && leg.can.settings.policy.passes_errors);
            let status = match passed {
                Some((status, _)) => status,
                None if mismatch => 488,
                None => self.causes.sip_status(cause.0),
            };
            self.ua.reject(now, call, status, content)
        };
        if let Err(error) = done {
            tracing::debug!(%error, "release");
        }
        self.finish(id, cause);
    }
}

/// Where a leg is on our side.
struct Ends {
    local: IpAddr,
    host: String,
    stream: u64,
    port: u16,
}

impl SipLeg {
    /// A leg of which nothing is known but its call.
    fn new(call: CallId, outgoing: bool, ends: Ends, exchange: OfferAnswer, can: Offerable) -> Self {
        let Ends { local, host, stream, port } = ends;
        Self {
            call,
            outgoing,
            stage: Stage::Early,
            peer: 0,
            local,
            host,
            stream,
            port,
            exchange,
            can,
            answer: None,
            described: None,
            rtp: None,
            offered: false,
            mismatch: false,
            held: false,
            holding: false,
            holding_told: false,
            untold: None,
            changing: None,
            waiting: Vec::new(),
            clearing: None,
            refer: None,
            digits: PeerDigits::default(),
            relay: Relay::default(),
            kpml: kpml::Subscriptions::default(),
            fax: Fax::default(),
            modem: Modem::default(),
            caller: None,
            failed: None,
            remote: Party::default(),
            other: String::new(),
            called: String::new(),
        }
    }

    /// The offer of the peer that waits for an answer.
    fn offer_of_peer(&self) -> Option<Cow<'_, Sdp>> {
        if self.outgoing {
            return None;
        }
        match self.exchange.received() {
            Some(offer) => Some(Cow::Borrowed(offer)),
            // It has been answered with early media.
            None => Some(Cow::Owned(Sdp::parse(self.described.as_ref()?).ok()?)),
        }
    }
}

/// An address as it stands in a URI.
pub(crate) fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}
