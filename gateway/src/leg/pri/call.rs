//! The calls of a trunk, on the D channel's call control.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use dialpeer::shape::Bearer;
use qsig::q931::{
    BearerCapability, Element, MessageType, NetworkFacilities, Notification, NumberPlan, Repr as _, ie,
};
use qsig::service::Service as _;
use qsig::transfer::{Transfer, TransferKind};
use qsig::{CallDetail, CallError, CallEvent, CallId, CallRequest, CallState, Carrier, RedirectForm};

use super::{PriTrunk, convert, note, pass};
use crate::leg::raw::{RawMessage, RawProtocol};
use crate::leg::{Answer, Cause, LegCommand, LegEvent, LegId, LegIds, Party, Progress, Setup};
use crate::media::MediaEnd;

/// A leg of the trunk.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) call: CallId,
    /// Interface and timeslot of its B channel.
    channel: Option<(u8, u8)>,
    /// What to send once more if the far end refuses the channel (`isdn negotiate-bchan resend-setup`).
    again: Option<Box<CallRequest>>,
    /// The number of the party at the gateway, as the far end knows it.
    pub(super) own: String,
    /// Messages of the other end that wait.
    pub(super) waiting: pass::Waiting,
    /// The one its call was cleared with.
    pub(super) clearing: Option<Box<RawMessage>>,
}

/// The legs of a trunk.
#[derive(Debug, Default)]
pub(super) struct Legs {
    by_leg: BTreeMap<LegId, Leg>,
    by_call: HashMap<CallId, LegId>,
    events: VecDeque<(LegId, LegEvent)>,
}

impl Legs {
    pub(super) fn poll(&mut self) -> Option<(LegId, LegEvent)> {
        self.events.pop_front()
    }

    fn insert(&mut self, leg: LegId, call: CallId, own: String) {
        let (waiting, clearing) = (pass::Waiting::new(), None);
        self.by_leg.insert(leg, Leg { call, channel: None, again: None, own, waiting, clearing });
        self.by_call.insert(call, leg);
    }

    /// A leg goes on with another call.
    pub(super) fn go_on_with(&mut self, leg: LegId, call: CallId) {
        if let Some(known) = self.by_leg.get_mut(&leg) {
            self.by_call.remove(&std::mem::replace(&mut known.call, call));
            self.by_call.insert(call, leg);
        }
    }

    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.by_leg.get_mut(&leg)
    }

    /// The leg is gone for the switch; the D channel clears the call by itself.
    pub(super) fn end(&mut self, leg: LegId, cause: Cause) {
        if let Some(Leg { call, .. }) = self.by_leg.remove(&leg) {
            self.by_call.remove(&call);
            self.tell(leg, LegEvent::Released(cause));
        }
    }

    pub(super) fn tell(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }
}

/// Information transfer capability: unrestricted digital and the like are data, not calls to be heard.
const SPEECH: u8 = 0;
const AUDIO_3K1: u8 = 16;
/// Q.850: bearer capability not implemented.
const BEARER_NOT_IMPLEMENTED: u8 = 65;
/// Q.850: call rejected.
const REJECTED: u8 = 21;

impl PriTrunk {
    /// Calls under way on the trunk.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.legs.by_leg.len()
    }

    /// Whether a call can be put on the trunk: in service, layer 2 up.
    #[must_use]
    pub fn takes_calls(&self) -> bool {
        self.service == super::Service::In && self.span.is_up()
    }

    /// What the switch wants of a leg.
    pub fn command(&mut self, now: Instant, leg: LegId, command: LegCommand) {
        if let LegCommand::Offer(setup) = command {
            return self.offer(now, leg, &setup);
        }
        let Some(call) = self.legs.by_leg.get(&leg).map(|leg| leg.call) else { return };
        let nothing = CallDetail::default();
        let done = match command {
            LegCommand::Proceed => self.span.proceed_call(now, call, &nothing),
            LegCommand::MoreDigits { dial_tone: false } => self.span.acknowledge_call(now, call, &nothing),
            LegCommand::Alert(progress) => {
                let mut detail = convert::detail(progress.inband, progress.party.as_ref());
                pass::add(&mut detail, progress.raw.as_deref());
                self.say(&detail, |span, detail| span.alert_call(now, call, detail))
            }
            LegCommand::Progress(progress) => {
                let mut detail = convert::detail(progress.inband, None);
                pass::add(&mut detail, progress.raw.as_deref());
                self.say(&detail, |span, detail| span.progress_call(now, call, detail))
            }
            LegCommand::Answer(answer) => {
                self.alert_first(now, call);
                let mut detail = convert::detail(false, answer.party.as_ref());
                pass::add(&mut detail, answer.raw.as_deref());
                self.notes.event(|| format!("Accepting the call id 0x{:X}", call.0));
                self.say(&detail, |span, detail| span.answer_call(now, call, detail))
            }
            LegCommand::Held(held) => self.tell_hold(now, call, held),
            LegCommand::Digits { digits, complete } => {
                self.span.send_digits(now, call, &convert::digits(&digits), complete)
            }
            LegCommand::Raw(raw) => return self.pass(now, leg, raw),
            LegCommand::Uncarried(raw) => {
                if !self.replacement_asked(now, leg, &raw.message)
                    && !self.rerouteing_asked(now, leg, &raw.message)
                {
                    self.uncarried(now, call, &raw.message);
                }
                return;
            }
            LegCommand::Reroute(wanted) => self.ask_rerouteing(now, leg, call, &wanted),
            LegCommand::Update(party) => self.tell_transfer(now, call, &party),
            LegCommand::Release(cause) => {
                let detail = self.clearing(leg, cause);
                let told = self.interface.disconnect_cause.unwrap_or(cause.0);
                self.notes.event(|| format!("Hangup call to call id 0x{:X}", call.0));
                let told = qsig::q931::Cause::private(told);
                let cleared = self.say(&detail, |span, detail| span.clear_call_with(now, call, told, detail));
                self.replacement_over(now, leg);
                self.legs.end(leg, cause);
                cleared
            }
            LegCommand::Offer(_)
            | LegCommand::MoreDigits { .. }
            | LegCommand::TransferRinging
            | LegCommand::TransferFailed(_)
            | LegCommand::Fax(_)
            | LegCommand::Dtmf(_)
            | LegCommand::Signal(_)
            | LegCommand::Modem(_) => return,
        };
        // A message the state no longer allows is not needed any more.
        if let Err(error) = done {
            tracing::debug!(%error, port = self.port, "call");
            self.notes.error(|| format!("call id 0x{:X}: {error}", call.0));
        }
        self.note_channel(leg);
        self.pass_waiting(now, leg);
    }

    /// Ends every call with this cause: the trunk is taken out of service.
    pub(super) fn end_calls(&mut self, now: Instant, cause: Cause) {
        let legs: Vec<LegId> = self.legs.by_leg.keys().copied().collect();
        for leg in legs {
            self.command(now, leg, LegCommand::Release(cause));
        }
    }

    /// `isdn send-alerting`: an exchange may want ALERTING before CONNECT.
    fn alert_first(&mut self, now: Instant, call: CallId) {
        let state = self.span.call(call).map(|call| call.state);
        let early = matches!(
            state,
            Some(CallState::CallPresent | CallState::IncomingCallProceeding | CallState::OverlapReceiving)
        );
        if self.interface.send_alerting
            && early
            && let Err(error) = self.span.alert_call(now, call, &CallDetail::default())
        {
            tracing::debug!(%error, port = self.port, "isdn send-alerting");
        }
    }

    /// The other end of the call holds it: the far user is told with NOTIFY (EN 300 141: remote hold, remote retrieval).
    fn tell_hold(&mut self, now: Instant, call: CallId, held: bool) -> Result<(), CallError> {
        let active = self.span.call(call).is_some_and(|call| call.state == CallState::Active);
        if !active {
            return Ok(());
        }
        let description = if held { REMOTE_HOLD } else { REMOTE_RETRIEVAL };
        let indicator = Notification { description, extension: Bytes::new() }.element();
        self.span.inform_call(now, call, MessageType::NOTIFY, vec![indicator])
    }

    /// The party at the other end is another: a QSIG exchange is told as after a transfer by join. The call that came in is the
    /// primary one, whose end may propose a shorter path.
    fn tell_transfer(&mut self, now: Instant, call: CallId, party: &Party) -> Result<(), CallError> {
        let Some(known) = self.span.call(call).filter(|call| call.state == CallState::Active) else {
            return Ok(());
        };
        if self.raw_protocol() != RawProtocol::Qsig {
            return Ok(());
        }
        let kind = TransferKind::Complete { end: u8::from(known.outgoing), alerting: false };
        let told = Transfer { kind, number: convert::presented_number(party), name: convert::name(party) };
        match told.operation() {
            Ok(operation) => self.span.invoke(now, Carrier::Call(call), &operation).map(|_| ()),
            Err(error) => {
                tracing::debug!(%error, port = self.port, "transfer not told");
                Ok(())
            }
        }
    }

    fn offer(&mut self, now: Instant, leg: LegId, setup: &Setup) {
        let raw = setup.raw.as_ref().filter(|raw| raw.protocol == self.raw_protocol());
        let mut elements: Vec<Element> = match raw {
            // Where the call began is for its own network to say, unless the dial peer knows better.
            Some(raw) if setup.progress.is_none() => {
                pass::progress(&raw.message).map(|progress| progress.element()).collect()
            }
            _ => convert::origin(setup.progress).iter().map(|progress| progress.element()).collect(),
        };
        elements.extend(self.interface.network_facility.map(|facility| {
            NetworkFacilities { network: None, facility: Bytes::copy_from_slice(&[facility]) }.element()
        }));
        elements.extend(setup.user_user.clone().map(|body| Element::new(ie::USER_USER, body)));
        let profile = self.span.config().mwi.profile;
        let dialect = self.span.config().dialect();
        match (&setup.redirecting, dialect.redirecting) {
            // Invoke identifier 0: no answer ever comes to this operation.
            (Some(redirecting), RedirectForm::Facility) => {
                match convert::diversion(redirecting).element(profile, 0) {
                    Ok(element) => elements.push(element),
                    Err(error) => tracing::debug!(%error, port = self.port, "diversion information not sent"),
                }
            }
            (Some(redirecting), RedirectForm::Element) => {
                elements.push(convert::redirecting_number(redirecting).element());
            }
            (_, RedirectForm::None) | (None, _) => {}
        }
        let own = elements.len();
        if let Some(raw) = raw {
            let named = setup.calling.name.is_some();
            let diverted = setup.redirecting.is_some();
            let said = pass::said(raw.message.kind, named, diverted);
            let mut further = pass::elements(&raw.message, &said);
            if let Err(cause) = pass::count_transit(&raw.message, &mut further) {
                return self.legs.tell(leg, LegEvent::Released(cause));
            }
            further.retain(|element| element.id != ie::USER_USER || setup.user_user.is_none());
            elements.extend(further);
        }
        let bearer = match (setup.bearer, self.span.config().line) {
            (Some(Bearer::Unrestricted), _) => BearerCapability::DIGITAL,
            (Some(Bearer::Audio), qsig::LineKind::E1) => BearerCapability::AUDIO_ALAW,
            (Some(Bearer::Audio), qsig::LineKind::T1) => BearerCapability::AUDIO_ULAW,
            (Some(Bearer::Speech) | None, line) => bearer(line),
        };
        let mut called = convert::called(&setup.called);
        let mut calling = convert::number(&setup.calling);
        if let (None, Some(own)) = (&calling, &self.interface.calling) {
            calling = convert::number(&Party::new(own.clone()));
        }
        for number in [Some(&mut called), calling.as_mut()].into_iter().flatten() {
            if number.plan == NumberPlan::UNKNOWN {
                number.plan = dialect.called_plan;
            }
            if let Some(plan) = self.interface.plan_of(&number.digits) {
                number.plan = plan;
            }
        }
        let mut request = CallRequest {
            called,
            calling,
            name: convert::name(&setup.calling),
            bearer,
            complete: setup.complete,
            channel: setup.channel,
            elements,
        };
        let mut started = self.span.start_call(now, &request);
        if let (Err(CallError::TooLong { len, limit }), true) = (&started, request.elements.len() > own) {
            tracing::debug!(len, limit, port = self.port, "forwarded elements left out");
            request.elements.truncate(own);
            started = self.span.start_call(now, &request);
        }
        match started {
            Ok(call) => {
                self.notes.event(|| {
                    format!("Call to {} at 64 Kb/s, call id 0x{:X}", request.called.digits, call.0)
                });
                let own = request.calling.as_ref().map(|number| number.digits.clone());
                self.legs.insert(leg, call, own.unwrap_or_default());
                if let Some(known) =
                    self.legs.by_leg.get_mut(&leg).filter(|_| !self.interface.resend.is_empty())
                {
                    known.again = Some(Box::new(request));
                }
                self.note_channel(leg);
            }
            Err(error) => {
                let cause = match error {
                    CallError::LinkDown => Cause::NETWORK_OUT_OF_ORDER,
                    CallError::NoChannel => Cause::NO_CIRCUIT,
                    CallError::Digits => Cause::INVALID_NUMBER,
                    CallError::TooMany(_) => Cause::CONGESTION,
                    CallError::NoSuchCall | CallError::State { .. } | CallError::TooLong { .. } => {
                        Cause::TEMPORARY
                    }
                };
                tracing::debug!(%error, port = self.port, "call not set up");
                self.notes.error(|| format!("call to {} not set up: {error}", request.called.digits));
                self.legs.tell(leg, LegEvent::Released(cause));
            }
        }
    }

    /// The far end refused the channel of a call: the same call on another one, once.
    fn send_again(&mut self, now: Instant, leg: LegId, cause: u8) -> bool {
        let Some(known) = self.legs.by_leg.get_mut(&leg) else { return false };
        let Some(mut request) = known.again.take().filter(|_| self.interface.resend.contains(&cause)) else {
            return false;
        };
        let (old, refused) = (known.call, known.channel.map(|(_, slot)| slot));
        // Another than the one refused, if there is one.
        let home = self.span.config().home(0).interface;
        let free = self.span.free_channels_of(home);
        request.channel = (1..=31).find(|slot| free >> (slot - 1) & 1 == 1 && Some(*slot) != refused);
        match self.span.start_call(now, &request) {
            Ok(call) => {
                self.legs.by_call.remove(&old);
                let own = request.calling.as_ref().map(|number| number.digits.clone());
                self.legs.insert(leg, call, own.unwrap_or_default());
                self.note_channel(leg);
                true
            }
            Err(error) => {
                tracing::debug!(%error, port = self.port, "call not sent again");
                false
            }
        }
    }

    /// The note of an event.
    fn note_event(&mut self, id: CallId, event: &CallEvent) {
        let (name, call) = (note::host_event(event), id.0);
        match event {
            CallEvent::Released { cause } => self.notes.event(|| note::ended(call, *cause)),
            CallEvent::Incoming { message, digits, .. } => {
                let calling = convert::setup(message, String::new(), true, false).calling.number;
                let channel = self.span.call(id).and_then(|call| call.channel).unwrap_or(0);
                self.notes.event(|| {
                    format!(
                        "received HOST_INCOMING_CALL call id 0x{call:X}: call from {calling} to {digits} on B{channel} at 64 Kb/s"
                    )
                });
            }
            CallEvent::Connected(_) => {
                let channel = self.span.call(id).and_then(|call| call.channel).unwrap_or(0);
                self.notes.event(|| {
                    format!("received HOST_CONNECT call id 0x{call:X}: connected on B{channel} at 64 Kb/s")
                });
            }
            _ => {
                if let Some(name) = name {
                    self.notes.event(|| format!("received {name} call id 0x{call:X}"));
                }
            }
        }
    }

    /// What the D channel has to tell about a call.
    pub(super) fn call_event(&mut self, now: Instant, id: CallId, event: CallEvent, ids: &mut LegIds) {
        self.note_event(id, &event);
        if let CallEvent::Incoming { message, digits, complete } = event {
            if self.replacing_setup(now, id, &message) {
                return;
            }
            let bearer = message.get(ie::BEARER_CAPABILITY).cloned().map(BearerCapability);
            let capability = bearer.and_then(|bearer| bearer.transfer_capability());
            let speech = matches!(capability, Some(SPEECH | AUDIO_3K1)) && !self.interface.refuses_voice;
            let etsi = self.raw_protocol() != RawProtocol::Qsig;
            let mut setup = convert::setup(&message, digits, complete || !self.overlap, etsi);
            setup.raw = self.raw(&message);
            if !speech || !self.interface.accepts(&setup.calling.number) {
                let cause = if speech { REJECTED } else { BEARER_NOT_IMPLEMENTED };
                let cause = qsig::q931::Cause::private(cause);
                if let Err(error) = self.span.clear_call(now, id, cause) {
                    tracing::debug!(%error, "call");
                }
                return;
            }
            let leg = ids.take();
            self.legs.insert(leg, id, setup.called.number.clone());
            self.legs.tell(leg, LegEvent::Incoming(Box::new(setup)));
            return self.note_channel(leg);
        }
        let Some(&leg) = self.legs.by_call.get(&id) else {
            self.replacing_event(now, id, &event);
            return;
        };
        let event = match event {
            CallEvent::Digits { digits, complete } => LegEvent::Digits { digits, complete },
            CallEvent::SetupAcknowledged(_) => LegEvent::WantsDigits,
            CallEvent::Proceeding(message) => LegEvent::Proceeding(convert::progress(&message)),
            CallEvent::Alerting(message) => {
                LegEvent::Alerting(Progress { raw: self.raw(&message), ..convert::progress(&message) })
            }
            CallEvent::Progress(message) => {
                LegEvent::Progress(Progress { raw: self.raw(&message), ..convert::progress(&message) })
            }
            CallEvent::Connected(message) => {
                let (party, raw) = (convert::reached(&message), self.raw(&message));
                LegEvent::Answered(Answer { party, sdp: None, raw })
            }
            CallEvent::Facility(message) | CallEvent::Notify(message) | CallEvent::Clearing(message) => {
                return self.tell_raw(leg, &message);
            }
            CallEvent::Held { ours: false } => LegEvent::Held(true),
            CallEvent::Retrieved => LegEvent::Held(false),
            // The caller hears the network's tones until T306 ends the call.
            CallEvent::Disconnected { tones: true, .. } if self.interface.hears_tones => {
                LegEvent::Progress(Progress { inband: true, ..Progress::default() })
            }
            CallEvent::Disconnected { cause, tones } => {
                if tones && let Err(error) = self.span.clear_call(now, id, cause) {
                    tracing::debug!(%error, "call");
                }
                self.replacement_over(now, leg);
                return self.legs.end(leg, Cause(cause.value));
            }
            CallEvent::Released { cause } => {
                if !self.send_again(now, leg, cause.value) {
                    self.replacement_over(now, leg);
                    self.legs.end(leg, Cause(cause.value));
                }
                return;
            }
            // We hold no calls with HOLD.
            CallEvent::Held { ours: true }
            | CallEvent::HoldRefused { .. }
            | CallEvent::Incoming { .. }
            | CallEvent::ConnectAcknowledged => return,
        };
        // The channel is settled with the first answer: audio is there before what is to be heard.
        self.note_channel(leg);
        self.legs.tell(leg, event);
        self.pass_waiting(now, leg);
    }

    /// Tells where the audio is, when that is new.
    pub(super) fn note_channel(&mut self, leg: LegId) {
        let Some(known) = self.legs.by_leg.get_mut(&leg) else { return };
        let call = self.span.call(known.call);
        if call.is_some_and(|call| call.state != CallState::CallInitiated) {
            // It got an answer: nothing is refused for its channel any more.
            known.again = None;
        }
        let channel = call.and_then(|call| Some((call.interface, call.channel?)));
        if known.channel != channel {
            known.channel = channel;
            // In an NFAS group the channel is that of another trunk.
            let device = |interface: u8| self.members.iter().find(|member| member.interface == interface);
            let end = channel.map(|(interface, timeslot)| MediaEnd::Channel {
                trunk: device(interface).map_or(self.index, |member| member.device),
                timeslot,
            });
            self.legs.tell(leg, LegEvent::Media(end));
        }
    }
}

/// Speech in the law of the line.
pub(super) fn bearer(line: qsig::LineKind) -> BearerCapability {
    match line {
        qsig::LineKind::E1 => BearerCapability::SPEECH_ALAW,
        qsig::LineKind::T1 => BearerCapability::SPEECH_ULAW,
    }
}

/// Notification descriptions of EN 300 141.
const REMOTE_HOLD: u8 = 0x79;
const REMOTE_RETRIEVAL: u8 = 0x7A;
