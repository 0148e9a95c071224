//! `connection trunk`: a call that stands as long as its port is in service, and carries what happens on the wires.
//!
//! One side calls, again and again until somebody answers; the other (`answer-mode`) takes the call at once. Audio stands all
//! the time; hook and ringing go to the other end as [`LineSignal`]s: over SIP as signalling bits in RTP events. What IOS sends
//! there is Cisco's own, so both ends are gateways of this kind; its `retry-timer` is not known to us, 10 s are ours.

use std::time::{Duration, Instant};

use cli::config::{Connection, VoicePort};

use super::{Answer, LegCommand, LegEvent, LegId, LegIds, LineSignal, Party, Setup};

/// A call that failed or ended is made again after so long.
const RETRY: Duration = Duration::from_secs(10);

/// The permanent call of one port.
#[derive(Debug, Clone)]
pub(super) struct Permanent {
    number: String,
    /// We call; else the other side does.
    calls: bool,
    leg: Option<LegId>,
    up: bool,
    in_service: bool,
    due: Option<Instant>,
}

/// What a permanent call makes of a command to its leg.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The call stands: the other end is to be told of the wires.
    Up,
    /// The wires at the other end.
    Signal(LineSignal),
    /// A flash of the hook at the other end.
    Flash,
    /// The leg is over, for this cause; the other end has gone.
    Down(super::Cause),
    /// Nothing.
    Nothing,
}

impl Permanent {
    /// The permanent call a `voice-port` wants.
    pub(super) fn new(config: Option<&VoicePort>) -> Option<Self> {
        match config.and_then(|config| config.connection.as_ref()) {
            Some(Connection::Trunk { number, answer }) => Some(Self {
                number: number.clone(),
                calls: !answer,
                leg: None,
                up: false,
                in_service: false,
                due: None,
            }),
            _ => None,
        }
    }

    /// Brings what is to what the configuration wants. Gives a leg that must be told to be over.
    pub(super) fn configure(slot: &mut Option<Self>, config: Option<&VoicePort>) -> Option<LegId> {
        let new = Self::new(config);
        let key = |at: &Option<Self>| at.as_ref().map(|at| (at.number.clone(), at.calls));
        if key(slot) == key(&new) {
            return None;
        }
        std::mem::replace(slot, new).and_then(|old| old.leg)
    }

    /// The port is in service, or no more. Gives a leg that must be told to be over.
    pub(super) fn serve(&mut self, now: Instant, in_service: bool) -> Option<LegId> {
        if std::mem::replace(&mut self.in_service, in_service) == in_service {
            return None;
        }
        self.due = (in_service && self.calls).then_some(now);
        self.up = false;
        self.leg.take()
    }

    /// When a call is to be made.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Makes the call when it is due, in the name of `station`: what the switch is to be told.
    pub(super) fn make(
        &mut self,
        now: Instant,
        station: &Party,
        ids: &mut LegIds,
    ) -> Option<(LegId, LegEvent)> {
        self.due.take_if(|at| *at <= now)?;
        let leg = ids.take();
        (self.leg, self.up) = (Some(leg), false);
        let setup = Setup {
            called: Party::new(&self.number),
            calling: station.clone(),
            complete: true,
            ..Setup::default()
        };
        Some((leg, LegEvent::Incoming(Box::new(setup))))
    }

    /// The other side calls: what the switch is to be told. The call stands afterwards if [`Permanent::leg`] says `leg`; a leg of
    /// ours that was calling is over then.
    pub(super) fn offered(&mut self, leg: LegId) -> impl Iterator<Item = (LegId, LegEvent)> + use<> {
        let (given_up, answer) = if self.up || !self.in_service {
            (None, LegEvent::Released(super::Cause::BUSY))
        } else {
            self.up = true;
            self.due = None;
            (self.leg.replace(leg), LegEvent::Answered(Answer::default()))
        };
        let given_up = given_up.map(|ours| (ours, LegEvent::Released(super::Cause::NORMAL)));
        given_up.into_iter().chain([(leg, answer)])
    }

    /// Whether this is its leg.
    pub(super) fn is(&self, leg: LegId) -> bool {
        self.leg == Some(leg)
    }

    /// The leg, while the call stands.
    pub(super) fn leg(&self) -> Option<LegId> {
        self.leg.filter(|_| self.up)
    }

    /// A command to its leg.
    pub(super) fn command(&mut self, now: Instant, command: &LegCommand) -> Heard {
        match command {
            LegCommand::Answer(_) => {
                self.up = true;
                Heard::Up
            }
            LegCommand::Signal(signal) => Heard::Signal(*signal),
            LegCommand::Dtmf('!') => Heard::Flash,
            LegCommand::Release(cause) => {
                (self.leg, self.up) = (None, false);
                self.due = (self.calls && self.in_service).then(|| now + RETRY);
                Heard::Down(*cause)
            }
            _ => Heard::Nothing,
        }
    }
}
