//! Modem pass-through of a SIP end: once a modem answers, the call is G.711 as it is, without voice activity detection, with a jitter
//! buffer of one length, and without echo cancellers where the answering tone asks for that.
//!
//! Both sides are brought there in one of two ways. `nse`: by named signalling events in RTP (`X-NSE` in session descriptions): 192
//! upspeed, 193 echo cancellers off, 194 voice again. `protocol`: by a re-INVITE for G.711 with `a=silenceSupp:off`. Who does not
//! know the way, or refuses, stays in voice. (IOS's command reference and fax guide; the numbers of the events from memory.)

use std::time::Instant;

use cli::config::Node;
use media::g711::Law;
use media::rtp::jitter::{PlayoutConfig, PlayoutMode};
use sip::call::Content;
use sip::sdp::{Direction, Format, Local, Sdp};

use super::describe::{Offerable, octets};
use super::{SipLeg, SipLegs, Stage};
use crate::leg::{LegEvent, LegId, ModemStep};
use crate::media::MediaCommand;
use crate::media::plane::ModemSign;
use crate::media::rtp::{Codec, DigitRelay, ModemWatch, RtpCommand, RtpSettings};

/// `X-NSE`, unless `payload-type` or `rtp payload-type nse` says another.
const NSE: u8 = 100;
/// Encoding name of named signalling events.
const ENCODING: &str = "X-NSE";
const UPSPEED: u8 = 192;
const NO_ECHO_CANCELLER: u8 = 193;
const VOICE: u8 = 194;
/// "Static jitter buffers of 200 milliseconds to protect against clock skew" (Cisco, Modem Passthrough over VoIP).
const PLAYOUT: PlayoutConfig =
    PlayoutConfig { mode: PlayoutMode::Fixed, nominal_ms: 200, minimum_ms: 40, maximum_ms: 400 };
/// Whoever says so will send pauses, too (RFC 3108).
const NO_SUPPRESSION: &str = "silenceSupp:off - - - -";

/// How both sides come to pass a modem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModemWay {
    /// `nse`: by events of this payload type, 96 to 119.
    Nse {
        /// As we offer it.
        payload_type: u8,
    },
    /// `protocol`: by re-INVITE.
    Protocol,
}

/// `modem passthrough` of the service or a dial peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModemSettings {
    /// None: modems get what voice gets.
    pub way: Option<ModemWay>,
    /// `codec`: what a modem is passed in.
    pub law: Law,
}

impl Default for ModemSettings {
    fn default() -> Self {
        Self { way: None, law: Law::Mu }
    }
}

impl ModemSettings {
    /// Takes what a section says, if it says anything.
    pub(super) fn read(&mut self, node: &Node) {
        if node.has("no modem passthrough") {
            self.way = None;
        }
        let Some(text) = node.value("modem passthrough ").filter(|text| *text != "system") else { return };
        let words: Vec<&str> = text.split_whitespace().collect();
        let after = |name: &str| words.iter().skip_while(|word| **word != name).nth(1).copied();
        let number = |text: &str| text.trim().parse().ok();
        let payload_type = after("payload-type").and_then(number);
        let payload_type = payload_type.or_else(|| number(node.value("rtp payload-type nse ")?));
        self.way = Some(match words.first() {
            Some(&"protocol") => ModemWay::Protocol,
            _ => ModemWay::Nse { payload_type: payload_type.unwrap_or(NSE) },
        });
        self.law = if after("codec") == Some("g711alaw") { Law::A } else { Law::Mu };
    }

    /// What stands in descriptions beside the codecs.
    pub(super) fn format(self) -> Option<Format> {
        match self.way {
            Some(ModemWay::Nse { payload_type }) => {
                Some(Format::new(payload_type, ENCODING, 8000).with_parameters("192-194"))
            }
            _ => None,
        }
    }

    /// What is listened for, given whether named signalling events were agreed on.
    pub(super) fn watch(self, signals: bool) -> ModemWatch {
        match self.way {
            Some(ModemWay::Nse { .. }) if signals => ModemWatch::Answer,
            Some(ModemWay::Protocol) => ModemWatch::Answer,
            _ => ModemWatch::Nothing,
        }
    }
}

/// Whether a format is that of named signalling events.
pub(super) fn is_signals(format: &Format) -> bool {
    format.encoding.eq_ignore_ascii_case(ENCODING)
}

/// How far a leg is on its way from voice to modems.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Modem {
    /// It is voice.
    #[default]
    Voice,
    /// Our offer waits for the peer's answer.
    Asking,
    /// Modems are passed.
    Passing,
}

/// Whether a description wants pauses sent, too.
pub(super) fn wants_all(sdp: &Sdp) -> bool {
    let audio = sdp.media.iter().find(|media| media.kind.eq_ignore_ascii_case("audio") && media.port != 0);
    let said = audio.and_then(|media| media.attribute("silenceSupp"));
    said.is_some_and(|value| value.trim_start().starts_with("off"))
}

/// Says the same of ours.
pub(super) fn send_all(local: &mut Local) {
    if let Some(audio) = local.media.first_mut() {
        audio.attributes.push(NO_SUPPRESSION.to_owned());
    }
}

impl Offerable {
    /// Our side as modems want it.
    fn modem_offer(&self, address: std::net::IpAddr, port: u16, direction: Direction) -> Local {
        let law = self.settings.modem.law;
        let name = match law {
            Law::Mu => "PCMU",
            Law::A => "PCMA",
        };
        let mut local =
            self.local(address, port, direction, vec![Format::new(law.payload_type(), name, 8000)]);
        send_all(&mut local);
        local
    }
}

impl SipLeg {
    /// What the media plane is told of the stream: what offer and answer agreed on, or what a modem wants.
    pub(super) fn stream_settings(&self) -> Option<RtpSettings> {
        let mut rtp = self.rtp.clone()?;
        if self.modem != Modem::Passing || rtp.udptl {
            return Some(rtp);
        }
        let settings = self.can.settings.modem;
        if matches!(settings.way, Some(ModemWay::Nse { .. })) && rtp.codec.law().is_some() {
            rtp.codec = Codec::G711(settings.law);
            rtp.payload_type = settings.law.payload_type();
            rtp.receive_payload_type = rtp.payload_type;
        }
        rtp.vad = false;
        rtp.playout = PLAYOUT;
        // Nothing is taken out of what a modem says.
        rtp.digits = DigitRelay::InBand;
        rtp.modem = ModemWatch::End;
        Some(rtp)
    }
}

impl SipLegs {
    /// Tells the media plane what the stream of a leg is now.
    pub(super) fn set_stream(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (stream, settings) = (leg.stream, leg.stream_settings());
        if let Some(settings) = settings {
            self.media(MediaCommand::Rtp { stream, command: RtpCommand::Settings(Box::new(settings)) });
        }
    }

    /// The media plane has noticed something of a modem: at the other end, or told by the peer.
    pub(super) fn modem_sign(&mut self, now: Instant, id: LegId, sign: ModemSign) {
        let Some(leg) = self.legs.get(&id) else { return };
        let by_events = matches!(leg.can.settings.modem.way, Some(ModemWay::Nse { .. }));
        let step = match (sign, leg.modem) {
            (ModemSign::Answering, Modem::Voice) => ModemStep::Begins,
            (ModemSign::Told(UPSPEED), Modem::Voice) if by_events => ModemStep::Begins,
            (ModemSign::Reversal | ModemSign::Told(NO_ECHO_CANCELLER), Modem::Passing) => ModemStep::Reversed,
            (ModemSign::Silence | ModemSign::Told(VOICE), Modem::Passing) => ModemStep::Over,
            _ => return,
        };
        if let ModemSign::Told(_) = sign {
            match step {
                ModemStep::Begins => self.turn_modem(id, Modem::Passing),
                ModemStep::Over => self.turn_modem(id, Modem::Voice),
                ModemStep::Reversed => {}
            }
            return self.tell(id, LegEvent::Modem(step));
        }
        self.modem(now, id, step);
        // By re-INVITE, the peer has a say in whether it begins.
        if by_events || step != ModemStep::Begins {
            self.tell(id, LegEvent::Modem(step));
        }
    }

    /// A modem at the other end: the peer is told.
    pub(super) fn modem(&mut self, now: Instant, id: LegId, step: ModemStep) {
        let Some(leg) = self.legs.get(&id) else { return };
        let events = leg.rtp.as_ref().is_some_and(|rtp| rtp.signal_payload_type.is_some());
        match (leg.can.settings.modem.way, step, leg.modem) {
            (Some(ModemWay::Nse { .. }), ModemStep::Begins, Modem::Voice) if events => {
                self.turn_modem(id, Modem::Passing);
                self.signal(id, UPSPEED);
            }
            (Some(ModemWay::Nse { .. }), ModemStep::Reversed, Modem::Passing) => {
                self.signal(id, NO_ECHO_CANCELLER);
            }
            (Some(ModemWay::Nse { .. }), ModemStep::Over, Modem::Passing) => {
                self.turn_modem(id, Modem::Voice);
                self.signal(id, VOICE);
            }
            (Some(ModemWay::Protocol), ModemStep::Begins, Modem::Voice) => self.offer_modem(now, id),
            (Some(ModemWay::Protocol), ModemStep::Over, Modem::Passing) => {
                self.turn_modem(id, Modem::Voice);
                self.offer_audio(now, id);
            }
            _ => {}
        }
    }

    fn turn_modem(&mut self, id: LegId, modem: Modem) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.modem = modem;
        }
        self.set_stream(id);
    }

    fn signal(&mut self, id: LegId, event: u8) {
        let Some(leg) = self.legs.get(&id) else { return };
        let stream = leg.stream;
        self.media(MediaCommand::Rtp { stream, command: RtpCommand::Signal(event) });
    }

    /// Offers the peer what modems want; what becomes of it is told.
    fn offer_modem(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.stage != Stage::Answered || leg.changing.is_some() || leg.fax.is_open() || leg.holding {
            return;
        }
        let local = leg.can.modem_offer(leg.local, leg.port, Direction::SendRecv);
        let Ok(sdp) = leg.exchange.make_offer(&local) else { return };
        match self.ua.offer(now, leg.call, Content::sdp(octets(&sdp))) {
            Ok(()) => {
                leg.modem = Modem::Asking;
                leg.changing = Some(leg.holding_told);
            }
            Err(error) => {
                leg.exchange.cancel();
                tracing::debug!(%error, "modem pass-through");
            }
        }
    }

    /// Our offer is answered; says whether it was one for modems.
    pub(super) fn modem_agreed(&mut self, id: LegId) -> bool {
        let asked = self.legs.get_mut(&id).filter(|leg| leg.modem == Modem::Asking);
        let Some(leg) = asked else { return false };
        leg.modem = Modem::Passing;
        self.tell(id, LegEvent::Modem(ModemStep::Begins));
        true
    }

    /// An offer of ours was refused: if it was one for modems, the call stays voice.
    pub(super) fn modem_refused(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.modem == Modem::Asking) {
            leg.modem = Modem::Voice;
        }
    }

    /// The peer has offered audio, with or without its pauses: where modems are passed by re-INVITE, that says which it is.
    pub(super) fn modem_offered(&mut self, id: LegId, all: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.can.settings.modem.way != Some(ModemWay::Protocol) {
            return;
        }
        let steps: &[ModemStep] = match (all, leg.modem) {
            (true, Modem::Voice) => &[ModemStep::Begins, ModemStep::Reversed],
            (false, Modem::Passing) => &[ModemStep::Over],
            _ => return,
        };
        leg.modem = if all { Modem::Passing } else { Modem::Voice };
        for step in steps {
            self.tell(id, LegEvent::Modem(*step));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::leg::sip::settings::SipSettings;
    use cli::config::Config;

    #[test]
    fn a_dial_peer_says_how_modems_pass_or_leaves_it_to_the_service() {
        let read = |service: &str, peer: &str| {
            let text = format!("voice service voip\n{service}!\ndial-peer voice 5 voip\n{peer}!\n");
            SipSettings::new(&Config::parse(&text).config).peer(5).modem
        };
        let nse = |payload_type, law| ModemSettings { way: Some(ModemWay::Nse { payload_type }), law };
        let service = " modem passthrough nse codec g711alaw\n";
        assert_eq!(read("", ""), ModemSettings::default());
        assert_eq!(read(service, ""), nse(100, Law::A));
        assert_eq!(read(service, " modem passthrough system\n"), nse(100, Law::A));
        assert_eq!(read(service, " no modem passthrough\n").way, None);
        assert_eq!(read("", " modem passthrough nse payload-type 97 codec g711ulaw\n"), nse(97, Law::Mu));
        assert_eq!(
            read("", " rtp payload-type nse 98\n modem passthrough nse codec g711ulaw\n"),
            nse(98, Law::Mu)
        );
        let protocol = ModemSettings { way: Some(ModemWay::Protocol), law: Law::A };
        assert_eq!(read(service, " modem passthrough protocol codec g711alaw\n"), protocol);
    }
}
