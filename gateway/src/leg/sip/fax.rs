//! T.38 of a SIP end. Between two of them a re-INVITE for `m=image … udptl t38` at one end becomes one at the other, and its
//! answer the answer here; the datagrams between them pass as they are. Between a SIP end and a telephone or trunk the
//! gateway is the other end itself ([`own`]), where libspandsp is present: it agrees to the peer's offer, and offers when a fax
//! is heard to begin on the pair. Who asks for T.38 where nobody can speak it gets 488, stays in the audio he has, and may
//! send the fax as tones.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use sip::call::Content;
use sip::sdp::{Agreed, Direction, ErrorCorrection, Format, Local, LocalMedia, Origin, Sdp, T38};

use super::describe::octets;
use super::settings::{FaxSettings, Midcall};
use super::{Modem, SipLegs, Stage};
use crate::leg::{FaxStep, LegEvent, LegId};
use crate::media::rtp::RtpSettings;

/// `T38FaxMaxDatagram` of our own modems: room for repetitions, as IOS of late writes it.
const OWN_DATAGRAM: u32 = 320;

/// How far a leg is on its way from audio to fax.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Fax {
    /// It is audio.
    #[default]
    Audio,
    /// The peer's offer of T.38 waits for what the other end says.
    Offered(T38),
    /// Our offer of T.38 waits for the peer's answer.
    Asking,
    /// It is a fax, with what the peer can do.
    Active(T38),
}

impl Fax {
    /// Whether an offer waits for its answer.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Offered(_) | Self::Asking)
    }
}

/// What an offer says of T.38, if it wants nothing else.
pub(super) fn wanted(offer: &Sdp) -> Option<T38> {
    let mut open = offer.media.iter().filter(|media| media.port != 0);
    match (open.next(), open.next()) {
        (Some(only), None) if only.kind.eq_ignore_ascii_case("image") => T38::of(only),
        _ => None,
    }
}

/// What the gateway itself can do, at telephones and trunks.
pub(crate) fn own() -> T38 {
    T38 { max_datagram: Some(OWN_DATAGRAM), ..T38::default() }
}

/// No more than the dial peer lets through.
fn limited(t38: T38, settings: FaxSettings) -> T38 {
    let rate = match (t38.max_bit_rate, settings.rate) {
        (Some(rate), Some(most)) => Some(rate.min(most)),
        (rate, most) => rate.or(most),
    };
    T38 { version: t38.version.min(settings.version), max_bit_rate: rate, ..t38 }
}

/// Our side of a fax.
fn image(address: IpAddr, port: u16, t38: &T38) -> Local {
    let medium = LocalMedia {
        kind: "image".to_owned(),
        protocol: "udptl".to_owned(),
        port,
        formats: vec![Format::named("t38")],
        direction: Direction::SendRecv,
        ptime: None,
        attributes: t38.attributes(),
    };
    let origin = Origin::new("Tipring", 0, 0, address);
    Local { origin, address, media: vec![medium], prefer_own_order: false }
}

impl SipLegs {
    /// The other end speaks of fax.
    pub(super) fn fax(&mut self, now: Instant, id: LegId, step: FaxStep) {
        match step {
            FaxStep::Offer(t38) => self.offer_fax(now, id, t38),
            FaxStep::Accept(t38) => self.accept_fax(now, id, t38),
            FaxStep::Refuse => self.decline_fax(now, id),
            FaxStep::Audio => self.leave_fax(now, id),
        }
    }

    /// The peer offers T.38: the other end decides.
    pub(super) fn fax_wanted(&mut self, now: Instant, id: LegId, offer: Sdp, t38: T38) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let settings = leg.can.settings.fax;
        let lets = settings.t38 && leg.can.settings.midcall != Midcall::Blocked;
        if lets && leg.stage == Stage::Answered && leg.exchange.handle_offer(offer).is_ok() {
            let limited = limited(t38.clone(), settings);
            leg.fax = Fax::Offered(t38);
            self.tell(id, LegEvent::Fax(FaxStep::Offer(limited)));
        } else if let Err(error) = self.ua.refuse_offer(now, leg.call, 488, Content::new()) {
            tracing::debug!(%error, "T.38");
        }
    }

    /// Offers the peer T.38; what becomes of it is told.
    pub(super) fn offer_fax(&mut self, now: Instant, id: LegId, t38: T38) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let settings = leg.can.settings.fax;
        if let Fax::Active(known) = &leg.fax {
            // The other end says again what stands here already.
            let known = known.clone();
            return self.tell(id, LegEvent::Fax(FaxStep::Accept(known)));
        }
        let free = leg.stage == Stage::Answered && leg.changing.is_none() && leg.fax == Fax::Audio;
        let local = image(leg.local, leg.port, &limited(t38, settings));
        let offer = match free && settings.t38 {
            true => leg.exchange.make_offer(&local).ok(),
            false => None,
        };
        let sent = offer.is_some_and(|sdp| {
            let done = self.ua.offer(now, leg.call, Content::sdp(octets(&sdp)));
            if done.is_err() {
                leg.exchange.cancel();
            }
            done.is_ok()
        });
        if sent {
            leg.fax = Fax::Asking;
            leg.changing = Some(leg.holding_told);
        } else {
            self.tell(id, LegEvent::Fax(FaxStep::Refuse));
        }
    }

    /// An answer of the peer; says whether it was one to our offer of T.38.
    pub(super) fn fax_answered(&mut self, now: Instant, id: LegId, sdp: &Bytes) -> bool {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.fax == Fax::Asking) else { return false };
        let answer = Sdp::parse(sdp).ok();
        let agreed = answer.as_ref().and_then(|answer| {
            let agreed = leg.exchange.handle_answer(answer).ok()?.into_iter().next()?;
            let t38 = T38::of(answer.media.get(agreed.index)?)?;
            Some((agreed, t38))
        });
        // An answer that is none leaves nothing to wait for.
        leg.exchange.cancel();
        leg.fax = Fax::Audio;
        match agreed {
            Some((agreed, t38)) if self.carry_fax(id, &agreed, &t38, t38.max_datagram) => {
                self.tell(id, LegEvent::Fax(FaxStep::Accept(t38)));
            }
            _ => {
                self.tell(id, LegEvent::Fax(FaxStep::Refuse));
                self.offer_audio(now, id);
            }
        }
        true
    }

    /// An offer of ours was refused; says whether it was one of T.38.
    pub(super) fn fax_refused(&mut self, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.fax == Fax::Asking) else { return false };
        leg.fax = Fax::Audio;
        self.tell(id, LegEvent::Fax(FaxStep::Refuse));
        true
    }

    fn accept_fax(&mut self, now: Instant, id: LegId, t38: T38) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Fax::Offered(offered) = &leg.fax else {
            // The peer has taken its offer back.
            return self.tell(id, LegEvent::Fax(FaxStep::Audio));
        };
        let most = offered.max_datagram;
        let local = image(leg.local, leg.port, &t38);
        let call = leg.call;
        leg.fax = Fax::Audio;
        let made = leg.exchange.make_answer(&local).ok();
        let made = made.and_then(|(sdp, agreed)| Some((sdp, agreed.into_iter().next()?)));
        let done = match made {
            Some((sdp, agreed)) if self.carry_fax(id, &agreed, &t38, most) => {
                self.ua.answer_offer(now, call, Content::sdp(octets(&sdp)))
            }
            _ => {
                self.tell(id, LegEvent::Fax(FaxStep::Audio));
                self.ua.refuse_offer(now, call, 488, Content::new())
            }
        };
        if let Err(error) = done {
            tracing::debug!(%error, "T.38");
        }
    }

    fn decline_fax(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| matches!(leg.fax, Fax::Offered(_))) else {
            return;
        };
        leg.fax = Fax::Audio;
        leg.exchange.cancel();
        if let Err(error) = self.ua.refuse_offer(now, leg.call, 488, Content::new()) {
            tracing::debug!(%error, "T.38");
        }
        self.reconcile(now, id);
    }

    /// The peer's offer is no longer to be answered.
    pub(super) fn fax_withdrawn(&mut self, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|leg| matches!(leg.fax, Fax::Offered(_))) {
            leg.fax = Fax::Audio;
        }
    }

    /// The peer has gone back to audio: the other end is to do so too.
    pub(super) fn fax_is_over(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if matches!(std::mem::take(&mut leg.fax), Fax::Active(_)) {
            self.tell(id, LegEvent::Fax(FaxStep::Audio));
        }
    }

    fn leave_fax(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if matches!(std::mem::take(&mut leg.fax), Fax::Active(_)) {
            self.offer_audio(now, id);
        }
    }

    /// Offers the audio there was before.
    pub(super) fn offer_audio(&mut self, now: Instant, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let direction = if leg.holding { Direction::SendOnly } else { Direction::SendRecv };
        let local = leg.can.offer(leg.local, leg.port, direction);
        let Some(sdp) = local.and_then(|local| leg.exchange.make_offer(&local).ok()) else { return };
        match self.ua.offer(now, leg.call, Content::sdp(octets(&sdp))) {
            Ok(()) => leg.changing = Some(std::mem::replace(&mut leg.holding_told, leg.holding)),
            Err(error) => {
                leg.exchange.cancel();
                tracing::debug!(%error, "audio after T.38");
            }
        }
    }

    /// Gives the media plane where the fax goes, in datagrams of at most so many octets; false if that is no address.
    fn carry_fax(&mut self, id: LegId, agreed: &Agreed, t38: &T38, most: Option<u32>) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let address: Option<IpAddr> = agreed.remote.0.parse().ok();
        let (Some(address), Some(rtp)) = (address.filter(|at| !at.is_unspecified()), leg.rtp.clone()) else {
            return false;
        };
        let remote = Some(SocketAddr::new(address.to_canonical(), agreed.remote.1));
        let mut fax = leg.can.settings.fax.gateway();
        fax.max_bit_rate = t38.max_bit_rate.map_or(fax.max_bit_rate, |most| most.min(fax.max_bit_rate));
        fax.max_datagram = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(fax.max_datagram);
        if t38.error_correction != ErrorCorrection::Redundancy {
            (fax.low_speed_redundancy, fax.high_speed_redundancy) = (0, 0);
        }
        let rtp = RtpSettings { remote, sends: true, receives: true, udptl: true, fax, ..rtp };
        leg.rtp = Some(rtp);
        leg.fax = Fax::Active(t38.clone());
        leg.modem = Modem::Voice;
        self.set_stream(id);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_offer_of_fax_is_one_that_offers_nothing_else() {
        let offer = |media: &str| {
            let text =
                format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{media}");
            wanted(&Sdp::parse(text.as_bytes()).unwrap())
        };
        let image = "m=image 4000 udptl t38\r\na=T38FaxVersion:3\r\na=T38MaxBitRate:33600\r\n";
        assert_eq!(offer(image).map(|t38| t38.version), Some(3));
        assert!(offer(&format!("m=audio 0 RTP/AVP 0\r\n{image}")).is_some());
        assert!(offer(&format!("m=audio 4002 RTP/AVP 0\r\n{image}")).is_none());
        assert!(offer("m=audio 4002 RTP/AVP 0\r\n").is_none());
        let settings = FaxSettings { rate: Some(9600), ..FaxSettings::default() };
        let t38 = limited(offer(image).unwrap(), settings);
        assert_eq!((t38.version, t38.max_bit_rate), (0, Some(9600)));
    }
}
