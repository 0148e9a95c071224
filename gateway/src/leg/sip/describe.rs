//! Session descriptions of a leg: what it offers and answers, and what that means for its stream.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use sip::sdp::{Agreed, Direction, Format, Local, LocalMedia, Media, Origin, Sdp};

use super::SipLeg;
use super::modem::is_signals;
use super::settings::{DtmfRelay, PeerSettings};
use crate::media::Inactivity;
use crate::media::rtp::{Codec, DigitRelay, RtpSettings};

const PROTOCOL: &str = "RTP/AVP";
/// Shortest and longest packet time taken, ms.
const PACKET_MS: std::ops::RangeInclusive<u32> = 10..=60;

/// What a leg can do: its dial peer's settings, narrowed to what the other end of the call can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offerable {
    pub(super) settings: Arc<PeerSettings>,
    /// Codings other than G.711 that pass, because the other end of the call speaks them.
    passing: Vec<Format>,
    /// The other end can take G.711.
    g711: bool,
}

impl Offerable {
    /// For a call whose other end is a telephone line or trunk.
    pub(super) fn audible(settings: Arc<PeerSettings>) -> Self {
        Self { settings, passing: Vec::new(), g711: true }
    }

    /// For a call whose other end is SIP too, and described itself so.
    pub(super) fn toward(settings: Arc<PeerSettings>, other: &[u8]) -> Self {
        let formats: Vec<Format> = Sdp::parse(other)
            .ok()
            .and_then(|sdp| {
                sdp.media.iter().find(|m| m.kind.eq_ignore_ascii_case("audio")).map(|m| m.formats())
            })
            .unwrap_or_default();
        let g711 = formats.iter().any(is_g711);
        Self { settings, passing: formats, g711: g711 || formats_unknown(other) }
    }

    /// The codecs that may be spoken, in order of preference.
    fn codecs(&self) -> impl Iterator<Item = (&Format, u32)> {
        self.settings
            .codecs
            .iter()
            .filter(|choice| match is_g711(&choice.format) {
                true => self.g711,
                false => self.passing.iter().any(|format| format.is_same_coding(&choice.format)),
            })
            .map(|choice| (&choice.format, choice.packet_ms))
    }

    /// Everything for an offer; empty if there is nothing to say.
    fn formats(&self) -> Vec<Format> {
        let mut formats: Vec<Format> = self.codecs().map(|(format, _)| format.clone()).collect();
        if !formats.is_empty() {
            self.extras(&mut formats);
        }
        formats
    }

    /// For an answer: the first of the offer's that is ours, and what goes with it.
    fn chosen(&self, offer: &Sdp) -> Vec<Format> {
        let audio = offer.media.iter().find(|m| m.kind.eq_ignore_ascii_case("audio") && m.port != 0);
        let offered = audio.map(|m| m.formats()).unwrap_or_default();
        let own: Vec<&Format> = self.codecs().map(|(format, _)| format).collect();
        let Some(first) = offered.iter().find_map(|o| own.iter().find(|own| own.is_same_coding(o))) else {
            return Vec::new();
        };
        let mut formats = vec![(*first).clone()];
        self.extras(&mut formats);
        formats
    }

    fn extras(&self, formats: &mut Vec<Format>) {
        formats.extend(self.settings.modem.format());
        if self.settings.dtmf.contains(&DtmfRelay::RtpNte) {
            let events = Format::new(self.settings.nte, "telephone-event", 8000);
            formats.push(events.with_parameters("0-15"));
        }
        if self.settings.vad && formats.iter().any(is_g711) {
            formats.push(Format::new(13, "CN", 8000));
        }
    }

    fn packet_ms(&self) -> u32 {
        self.codecs().next().map_or(20, |(_, ms)| ms)
    }

    /// Our side for an offer; `None` if we can say nothing.
    pub(super) fn offer(&self, address: IpAddr, port: u16, direction: Direction) -> Option<Local> {
        let formats = self.formats();
        (!formats.is_empty()).then(|| self.local(address, port, direction, formats))
    }

    /// Our side for the answer to `offer`.
    pub(super) fn answer(&self, offer: &Sdp, address: IpAddr, port: u16, direction: Direction) -> Local {
        self.local(address, port, direction, self.chosen(offer))
    }

    pub(super) fn local(
        &self,
        address: IpAddr,
        port: u16,
        direction: Direction,
        formats: Vec<Format>,
    ) -> Local {
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        let origin = Origin {
            username: "Tipring".to_owned(),
            session_id: "0".to_owned(),
            version: "0".to_owned(),
            address: format!("IN {family} {address}"),
        };
        let audio = LocalMedia {
            kind: "audio".to_owned(),
            protocol: PROTOCOL.to_owned(),
            port,
            formats,
            direction,
            ptime: Some(self.packet_ms()),
            attributes: Vec::new(),
        };
        Local { origin, address, media: vec![audio], prefer_own_order: false }
    }

    /// Whether there is an answer to `offer`: one that offers no stream is answered with none.
    pub(super) fn fits(&self, offer: &Sdp) -> bool {
        let speaks = |media: &Media| {
            media.kind.eq_ignore_ascii_case("audio")
                && media.protocol.eq_ignore_ascii_case(PROTOCOL)
                && offer.connection(media).is_some()
                && media.formats().iter().any(|o| self.codecs().any(|(own, _)| own.is_same_coding(o)))
        };
        let mut open = offer.media.iter().filter(|media| media.port != 0).peekable();
        open.peek().is_none() || open.any(speaks)
    }

    /// What was agreed on, for the media plane; `None` without an audio stream.
    pub(super) fn settle(
        &self,
        agreed: &[Agreed],
        symmetric: bool,
        inactivity: Inactivity,
    ) -> Option<RtpSettings> {
        let audio = agreed.iter().find(|a| a.local == 0)?;
        let pairs = || audio.formats.iter().zip(audio.receive_payloads.iter().copied());
        let (format, receive) = pairs().find(|(f, _)| !f.is_named_event() && !is_noise(f))?;
        let payload_type = format.payload?;
        let events = pairs().find(|(f, _)| f.is_telephone_event());
        let signals = pairs().find(|(f, _)| is_signals(f));
        let address: Option<IpAddr> = audio.remote.0.parse().ok();
        let remote = address
            .filter(|address| !address.is_unspecified())
            .map(|address| SocketAddr::new(address.to_canonical(), audio.remote.1));
        let codec = Codec::from_encoding(&format.encoding);
        Some(RtpSettings {
            remote,
            sends: audio.direction.sends(),
            receives: audio.direction.receives(),
            payload_type,
            receive_payload_type: receive.unwrap_or(payload_type),
            event_payload_type: events.and_then(|(f, _)| f.payload),
            receive_event_payload_type: events.and_then(|(f, own)| own.or(f.payload)),
            signal_payload_type: signals.and_then(|(f, _)| f.payload),
            receive_signal_payload_type: signals.and_then(|(f, own)| own.or(f.payload)),
            // Chosen when it is known what the peer takes.
            digits: DigitRelay::InBand,
            packet_ms: audio.ptime.unwrap_or(self.packet_ms()).clamp(*PACKET_MS.start(), *PACKET_MS.end()),
            vad: self.settings.vad && audio.formats.iter().any(is_noise),
            playout: self.settings.playout.unwrap_or_default(),
            music_dbm0: media::rtp::noise::MUSIC_DBM0,
            symmetric,
            inactivity,
            codec,
            udptl: false,
            fax: self.settings.fax.gateway(),
            listens_for_fax: self.settings.fax.t38,
            modem: self.settings.modem.watch(signals.is_some()),
        })
    }
}

impl SipLeg {
    /// Whether a description has the codec that the call has.
    pub(super) fn has_codec(&self, sdp: &[u8]) -> bool {
        let Some(rtp) = &self.rtp else { return true };
        let is_it = |format: &Format| Codec::from_encoding(&format.encoding) == rtp.codec;
        let parsed = Sdp::parse(sdp);
        parsed.is_ok_and(|sdp| {
            sdp.media.iter().any(|media| media.port != 0 && media.formats().iter().any(is_it))
        })
    }
}

/// The octets of a description.
pub(super) fn octets(sdp: &Sdp) -> Bytes {
    Bytes::from(sdp.to_string())
}

fn is_g711(format: &Format) -> bool {
    Codec::from_encoding(&format.encoding).law().is_some()
}

fn is_noise(format: &Format) -> bool {
    format.encoding.eq_ignore_ascii_case("CN")
}

fn formats_unknown(other: &[u8]) -> bool {
    Sdp::parse(other).is_err()
}
