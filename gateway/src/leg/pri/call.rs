//! The calls of a trunk, on the D channel's call control.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use qsig::q931::{BearerCapability, Element, ie};
use qsig::{CallDetail, CallError, CallEvent, CallId, CallRequest};

use super::{PriTrunk, convert};
use crate::leg::{Answer, Cause, LegCommand, LegEvent, LegId, LegIds, Setup};
use crate::media::MediaEnd;

/// A leg of the trunk.
#[derive(Debug)]
struct Leg {
    call: CallId,
    channel: Option<u8>,
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

    fn insert(&mut self, leg: LegId, call: CallId) {
        self.by_leg.insert(leg, Leg { call, channel: None });
        self.by_call.insert(call, leg);
    }

    /// The leg is gone for the switch; the D channel clears the call by itself.
    fn end(&mut self, leg: LegId, cause: Cause) {
        if let Some(Leg { call, .. }) = self.by_leg.remove(&leg) {
            self.by_call.remove(&call);
            self.tell(leg, LegEvent::Released(cause));
        }
    }

    fn tell(&mut self, leg: LegId, event: LegEvent) {
        self.events.push_back((leg, event));
    }
}

/// Information transfer capability: unrestricted digital and the like are data, not calls to be heard.
const SPEECH: u8 = 0;
const AUDIO_3K1: u8 = 16;
/// Q.850: bearer capability not implemented.
const BEARER_NOT_IMPLEMENTED: u8 = 65;

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
                let detail = convert::detail(progress.inband, progress.party.as_ref());
                self.span.alert_call(now, call, &detail)
            }
            LegCommand::Progress(progress) => {
                let detail = convert::detail(progress.inband, None);
                self.span.progress_call(now, call, &detail)
            }
            LegCommand::Answer(answer) => {
                let detail = convert::detail(false, answer.party.as_ref());
                self.span.answer_call(now, call, &detail)
            }
            LegCommand::Digits { digits, complete } => {
                self.span.send_digits(now, call, &convert::digits(&digits), complete)
            }
            LegCommand::Release(cause) => {
                let cleared = self.span.clear_call(now, call, qsig::q931::Cause::private(cause.0));
                self.legs.end(leg, cause);
                cleared
            }
            LegCommand::Offer(_)
            | LegCommand::MoreDigits { .. }
            | LegCommand::Update(_)
            | LegCommand::Held(_)
            | LegCommand::TransferRinging
            | LegCommand::TransferFailed(_)
            | LegCommand::Dtmf(_) => return,
        };
        // A message the state no longer allows is not needed any more.
        if let Err(error) = done {
            tracing::debug!(%error, port = self.port, "call");
        }
        self.note_channel(leg);
    }

    /// Ends every call with this cause: the trunk is taken out of service.
    pub(super) fn end_calls(&mut self, now: Instant, cause: Cause) {
        let legs: Vec<LegId> = self.legs.by_leg.keys().copied().collect();
        for leg in legs {
            self.command(now, leg, LegCommand::Release(cause));
        }
    }

    fn offer(&mut self, now: Instant, leg: LegId, setup: &Setup) {
        let mut elements: Vec<Element> = vec![convert::origin().element()];
        elements.extend(setup.user_user.clone().map(|body| Element::new(ie::USER_USER, body)));
        let profile = self.span.config().mwi.profile;
        if let Some(redirecting) = &setup.redirecting {
            // Invoke identifier 0: no answer ever comes to this operation.
            match convert::diversion(redirecting).element(profile, 0) {
                Ok(element) => elements.push(element),
                Err(error) => tracing::debug!(%error, port = self.port, "diversion information not sent"),
            }
        }
        elements.extend(setup.elements.iter().cloned());
        let bearer = match self.span.config().line {
            qsig::LineKind::E1 => BearerCapability::SPEECH_ALAW,
            qsig::LineKind::T1 => BearerCapability::SPEECH_ULAW,
        };
        let request = CallRequest {
            called: convert::called(&setup.called),
            calling: convert::number(&setup.calling),
            name: convert::name(&setup.calling),
            bearer,
            complete: setup.complete,
            channel: setup.channel,
            elements,
        };
        match self.span.start_call(now, &request) {
            Ok(call) => {
                self.legs.insert(leg, call);
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
                self.legs.tell(leg, LegEvent::Released(cause));
            }
        }
    }

    /// What the D channel has to tell about a call.
    pub(super) fn call_event(&mut self, now: Instant, id: CallId, event: CallEvent, ids: &mut LegIds) {
        if let CallEvent::Incoming { message, digits, complete } = event {
            let bearer = message.get(ie::BEARER_CAPABILITY).cloned().map(BearerCapability);
            let capability = bearer.and_then(|bearer| bearer.transfer_capability());
            if !matches!(capability, Some(SPEECH | AUDIO_3K1)) {
                let cause = qsig::q931::Cause::private(BEARER_NOT_IMPLEMENTED);
                if let Err(error) = self.span.clear_call(now, id, cause) {
                    tracing::debug!(%error, "call");
                }
                return;
            }
            let leg = ids.take();
            self.legs.insert(leg, id);
            let setup = convert::setup(&message, digits, complete || !self.overlap);
            self.legs.tell(leg, LegEvent::Incoming(Box::new(setup)));
            return self.note_channel(leg);
        }
        let Some(&leg) = self.legs.by_call.get(&id) else { return };
        let event = match event {
            CallEvent::Digits { digits, complete } => LegEvent::Digits { digits, complete },
            CallEvent::SetupAcknowledged(_) => LegEvent::WantsDigits,
            CallEvent::Proceeding(message) => LegEvent::Proceeding(convert::progress(&message)),
            CallEvent::Alerting(message) => LegEvent::Alerting(convert::progress(&message)),
            CallEvent::Progress(message) => LegEvent::Progress(convert::progress(&message)),
            CallEvent::Connected(message) => {
                LegEvent::Answered(Answer { party: convert::reached(&message), sdp: None })
            }
            CallEvent::Disconnected { cause, tones } => {
                if tones && let Err(error) = self.span.clear_call(now, id, cause) {
                    tracing::debug!(%error, "call");
                }
                return self.legs.end(leg, Cause(cause.value));
            }
            CallEvent::Released { cause } => return self.legs.end(leg, Cause(cause.value)),
            CallEvent::Incoming { .. }
            | CallEvent::ConnectAcknowledged
            | CallEvent::Notify(_)
            | CallEvent::Facility(_) => return,
        };
        // The channel is settled with the first answer: audio is there before what is to be heard.
        self.note_channel(leg);
        self.legs.tell(leg, event);
    }

    /// Tells where the audio is, when that is new.
    fn note_channel(&mut self, leg: LegId) {
        let Some(known) = self.legs.by_leg.get_mut(&leg) else { return };
        let channel = self.span.call(known.call).and_then(|call| call.channel);
        if known.channel != channel {
            known.channel = channel;
            let end = channel.map(|timeslot| MediaEnd::Channel { trunk: self.index, timeslot });
            self.legs.tell(leg, LegEvent::Media(end));
        }
    }
}
