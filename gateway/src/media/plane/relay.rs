//! Streams that pass each other's packets, undecoded.

use bytes::Bytes;
use media::g711;
use media::rtp::Packet;
use media::rtp::event::EventPayload;

use super::{Datagram, Joined, LONGEST_MS, ModemSign, Plane, PlaneEvent};
use crate::media::MediaEnd;
use crate::media::rtp::{Codec, DigitRelay, RtpSettings, set_payload_type};

impl Plane {
    /// Finds out anew which streams pass each other's packets.
    pub(super) fn refresh(&mut self, ends: impl IntoIterator<Item = MediaEnd>) {
        for end in ends {
            let MediaEnd::Rtp(id) = end else { continue };
            let relay = match self.ends.get(&end).map(|known| known.joined) {
                Some(Joined::With(MediaEnd::Rtp(other))) => {
                    let (a, b) = (self.streams.get(&id), self.streams.get(&other));
                    let fits = a.zip(b).is_some_and(|(a, b)| relays(&a.rtp.settings, &b.rtp.settings));
                    // Digits of ours go between samples of ours.
                    let quiet =
                        |end| self.ends.get(&end).is_none_or(|e| e.digits.is_empty() && e.sending.is_none());
                    (fits && quiet(end) && quiet(MediaEnd::Rtp(other))).then_some(other)
                }
                _ => None,
            };
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.relay = relay;
                if relay.is_some() {
                    stream.rtp.rest();
                }
            }
        }
    }

    /// Passes a datagram of T.38 on, as it is.
    fn relay_udptl(&mut self, to: u64, datagram: &[u8]) {
        let Some(sink) = self.streams.get_mut(&to) else { return };
        let Some(address) = sink.rtp.destination() else { return };
        sink.rtp.sent_udptl(datagram.len());
        self.push(Datagram {
            stream: to,
            rtcp: false,
            to: address,
            octets: Bytes::copy_from_slice(datagram),
        });
    }

    /// Passes a packet on to another stream.
    pub(super) fn relay(&mut self, from: u64, to: u64, datagram: &mut [u8]) {
        if self.streams.get(&from).is_some_and(|source| source.rtp.settings.udptl) {
            return self.relay_udptl(to, datagram);
        }
        let Ok(packet) = Packet::parse(datagram) else { return };
        let (payload_type, len) = (packet.header().payload_type, packet.payload().len());
        let event = EventPayload::parse(packet.payload());
        let start = datagram.len() - len;
        let Some(source) = self.streams.get(&from).map(|s| s.rtp.settings.clone()) else { return };
        let Some(sink) = self.streams.get_mut(&to) else { return };
        let settings = &sink.rtp.settings;
        if Some(payload_type) == source.receive_event_payload_type {
            match (settings.event_payload_type, settings.digits) {
                (Some(number), DigitRelay::Events) => set_payload_type(datagram, number),
                (_, DigitRelay::Signalled) => {
                    if let Some(event) = event {
                        self.relayed_event(from, to, event);
                    }
                    return;
                }
                _ => return,
            }
        } else if Some(payload_type) == source.receive_signal_payload_type {
            match settings.signal_payload_type {
                Some(number) => set_payload_type(datagram, number),
                // Who has no such events may have another way to the same end.
                None => {
                    if let Some(EventPayload { event, .. }) = event {
                        let sign = ModemSign::Told(event.0);
                        self.events.push_back(PlaneEvent::Modem { stream: from, sign });
                    }
                    return;
                }
            }
        } else if payload_type == source.receive_payload_type
            || (source.codec.law().is_some() && matches!(payload_type, 0 | 8))
        {
            let received = match payload_type {
                p if p == source.receive_payload_type => source.codec.clone(),
                0 => Codec::G711(g711::Law::Mu),
                _ => Codec::G711(g711::Law::A),
            };
            if let (Some(law), Some(wanted)) = (received.law(), settings.codec.law())
                && law != wanted
                && let Some(payload) = datagram.get_mut(start..)
            {
                // Padding at the end of the packet, if any, is not looked at by anybody.
                for octet in payload {
                    *octet = g711::encode_sample(wanted, g711::decode_sample(law, *octet));
                }
            }
            set_payload_type(datagram, settings.payload_type);
        }
        let Some(address) = sink.rtp.destination() else { return };
        sink.rtp.stats.sent_packets += 1;
        sink.rtp.stats.sent_octets += len as u64;
        let octets = Bytes::copy_from_slice(datagram);
        self.push(Datagram { stream: to, rtcp: false, to: address, octets });
    }

    /// An event whose sink gets digits by signalling, between streams that cannot be heard here.
    fn relayed_event(&mut self, from: u64, to: u64, payload: EventPayload) {
        let ticks = self.ticks;
        let Some(source) = self.streams.get_mut(&from) else { return };
        if !payload.end {
            source.held = Some((payload.event, ticks));
        } else if source.held.take().is_some_and(|(event, _)| event == payload.event)
            && let Some(digit) = payload.event.digit()
        {
            let ms = u32::from(payload.duration) / 8;
            self.events.push_back(PlaneEvent::Digit { stream: to, digit, ms: ms.min(LONGEST_MS) });
        }
    }
}

/// Whether two connected streams may pass each other's packets undecoded: codings that fit, and digits that travel the
/// same way, or codings that cannot be decoded here anyway.
fn relays(a: &RtpSettings, b: &RtpSettings) -> bool {
    if a.udptl || b.udptl {
        return a.udptl && b.udptl;
    }
    let heard_here = a.codec.law().is_some() && b.codec.law().is_some();
    a.codec.passes(&b.codec) && (!heard_here || a.digits == b.digits)
}
