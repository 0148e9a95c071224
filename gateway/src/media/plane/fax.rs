//! Fax at a stream: heard to begin at the end it is connected with, and carried between that end's samples and T.38.

use media::t38::{Gateway, GatewayConfig, PreambleDetector};

use super::{Plane, PlaneEvent};
use crate::media::MediaEnd;
use crate::media::rtp::RtpSettings;

/// What is quieter than this, as the largest sample, is no fax: some -40 dBm0.
const QUIET: u16 = 300;

/// What a stream has of fax. Nothing, until it is wanted.
#[derive(Debug, Default)]
pub(super) enum Fax {
    /// Nothing has been wanted yet.
    #[default]
    None,
    /// The samples of the other end are listened to.
    Listening(Box<PreambleDetector>),
    /// The stream is T.38, the other end has modems.
    Carrying(Box<Gateway>),
    /// The library is not there, or a fax was heard and told of.
    Done,
}

impl Fax {
    /// Offer and answer have come to something else: what is at work stays if it is for that.
    pub(super) fn settle(&mut self, before: &RtpSettings, settings: &RtpSettings) {
        if before.udptl != settings.udptl {
            *self = Self::None;
        }
    }

    /// The gateway of a stream that is T.38.
    fn gateway(&mut self, config: &GatewayConfig) -> Option<&mut Gateway> {
        if matches!(self, Self::None) {
            *self = match Gateway::new(config) {
                Ok(gateway) => Self::Carrying(Box::new(gateway)),
                Err(error) => {
                    tracing::warn!(%error, "T.38");
                    Self::Done
                }
            };
        }
        match self {
            Self::Carrying(gateway) => Some(gateway),
            _ => None,
        }
    }

    /// A datagram of the far end.
    pub(super) fn handle_datagram(&mut self, config: &GatewayConfig, datagram: &[u8]) {
        if let Some(gateway) = self.gateway(config)
            && let Err(error) = gateway.handle_datagram(datagram)
        {
            tracing::debug!(%error, "T.38");
        }
    }

    /// What the far end's modem says in 20 ms.
    pub(super) fn say(&mut self, config: &GatewayConfig, out: &mut [i16]) {
        match self.gateway(config) {
            Some(gateway) => gateway.say(out),
            None => out.fill(0),
        }
    }

    /// 20 ms of the modem at the other end; `send` gets the datagrams that are due.
    pub(super) fn hear(&mut self, config: &GatewayConfig, samples: &[i16], mut send: impl FnMut(Vec<u8>)) {
        let Some(gateway) = self.gateway(config) else { return };
        gateway.hear(samples);
        while let Some(datagram) = gateway.poll_datagram() {
            send(datagram);
        }
    }

    /// Listens to 20 ms; true once, when a fax begins.
    fn begins(&mut self, samples: &[i16]) -> bool {
        if matches!(self, Self::None) {
            *self = PreambleDetector::new().map_or(Self::Done, |ear| Self::Listening(Box::new(ear)));
        }
        let Self::Listening(ear) = self else { return false };
        let heard = ear.hear(samples);
        if heard {
            *self = Self::Done;
        }
        heard
    }
}

impl Plane {
    /// Ends that say something are listened to where a fax would be carried as T.38.
    pub(super) fn listen_for_fax(&mut self) {
        for (id, stream) in &mut self.streams {
            let settings = &stream.rtp.settings;
            if !settings.listens_for_fax || settings.udptl || stream.relay.is_some() {
                continue;
            }
            let joined = self.ends.get(&MediaEnd::Rtp(*id)).map(|end| end.joined);
            // Of two streams neither has a modem, and in a conference nobody has.
            let Some(super::Joined::With(other @ (MediaEnd::Line(_) | MediaEnd::Channel { .. }))) = joined
            else {
                continue;
            };
            let Some(other) = self.ends.get(&other) else { continue };
            let Some(said) = other.said() else { continue };
            let loud = said.iter().any(|sample| sample.unsigned_abs() > QUIET);
            if loud && stream.fax.begins(said) {
                self.events.push_back(PlaneEvent::Fax { stream: *id });
            }
        }
    }
}
