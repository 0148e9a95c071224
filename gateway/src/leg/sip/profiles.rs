//! `voice class sip-profiles` at work: messages of a call changed on their way out as its dial peer says, all others as
//! `sip` of `voice service voip` says.
//!
//! What the user agent keeps of a message is what it meant to send: only the octets on the wire differ, and those sent again
//! differ in the same way. Of messages that come the user agent sees only what the rules have made of them; the first INVITE of a
//! call comes before its dial peer is known, and goes by the rules of the service.
//!
//! The same way calls have their code point (`ip qos dscp … signaling`).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use dialpeer::sip_profile::Profile;
use sip::{Message, Transmit};

use super::SipLegs;
use super::settings::PeerSettings;
use crate::leg::{LegId, SetupUris};

/// Calls that have ended and whose last messages may be sent again.
const MAX_ENDED: usize = 4096;

/// Which calls have rules, by Call-ID.
#[derive(Debug, Default)]
pub(super) struct Profiled {
    calls: HashMap<String, Rules>,
    ended: VecDeque<String>,
}

/// What is different in the messages of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rules {
    outgoing: Option<Arc<Profile>>,
    incoming: Option<Arc<Profile>>,
    dscp: Option<u8>,
}

impl Rules {
    /// Those of a dial peer; `None` if it has none.
    fn of(settings: &PeerSettings) -> Option<Self> {
        let PeerSettings { profile, inbound, signaling_dscp: dscp, .. } = settings;
        let rules = Self { outgoing: profile.clone(), incoming: inbound.clone(), dscp: *dscp };
        (rules.outgoing.is_some() || rules.incoming.is_some() || dscp.is_some()).then_some(rules)
    }
}

impl SipLegs {
    /// A leg is on its dial peer: what it sends from now on goes by that one's rules.
    pub(super) fn follow_rules(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Some(call) = self.ua.call_id(leg.call) else { return };
        match Rules::of(&leg.can.settings) {
            Some(rules) => {
                self.profiled.calls.insert(call.to_owned(), rules);
            }
            None if self.profiled.calls.is_empty() => {}
            None => {
                self.profiled.calls.remove(call);
            }
        }
    }

    /// A leg ends; its last messages still go by its rules.
    pub(super) fn leave_rules(&mut self, id: LegId) {
        if self.profiled.calls.is_empty() {
            return;
        }
        let call = self.legs.get(&id).and_then(|leg| self.ua.call_id(leg.call));
        if let Some(call) = call.filter(|call| self.profiled.calls.contains_key(*call)) {
            let call = call.to_owned();
            self.profiled.ended.push_back(call);
        }
        while self.profiled.ended.len() > MAX_ENDED {
            if let Some(call) = self.profiled.ended.pop_front() {
                self.profiled.calls.remove(&call);
            }
        }
    }

    /// A message as it goes.
    #[must_use]
    pub fn outgoing(&self, mut transmit: Transmit) -> Transmit {
        let system = self.settings.peer(0).profile.as_ref();
        if system.is_none() && self.profiled.calls.is_empty() {
            return transmit;
        }
        let rules = call_id(&transmit.payload).and_then(|call| self.profiled.calls.get(call));
        transmit.dscp = rules.and_then(|rules| rules.dscp);
        let profile = rules.map_or(system, |rules| rules.outgoing.as_ref());
        if let Some(changed) = profile.and_then(|profile| profile.apply(&transmit.payload)) {
            transmit.payload = Bytes::from(changed);
        }
        transmit
    }

    /// A message as it is taken.
    #[must_use]
    pub fn taken(&self, data: Bytes) -> Bytes {
        if !self.settings.inbound_profiles {
            return data;
        }
        let rules = call_id(&data).and_then(|call| self.profiled.calls.get(call));
        let system = self.settings.peer(0).inbound.as_ref();
        let profile = rules.map_or(system, |rules| rules.incoming.as_ref());
        profile.and_then(|profile| profile.apply(&data)).map_or(data, Bytes::from)
    }
}

/// The Call-ID of a message.
fn call_id(message: &[u8]) -> Option<&str> {
    let lines = message.split(|octet| *octet == b'\n').take_while(|line| line.len() > 1);
    let value = lines.filter_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        let name = name.trim();
        (name.eq_ignore_ascii_case("Call-ID") || name.eq_ignore_ascii_case("i")).then(|| value.trim())
    });
    value.into_iter().next()
}

/// The URIs of an INVITE that dial peers are chosen by.
pub(super) fn uris(request: &Message) -> SetupUris {
    let address = |address: Result<sip::NameAddr<'_>, _>| {
        address.ok().and_then(|address| Some(address.uri().ok()?.as_str().to_owned())).unwrap_or_default()
    };
    SetupUris {
        request: request.uri().map(|uri| uri.as_str().to_owned()).unwrap_or_default(),
        to: address(request.to()),
        from: address(request.from()),
        contact: match request.contacts() {
            Ok(sip::Contacts::List(list)) => {
                let first = list.first().and_then(|contact| contact.uri().ok());
                first.map(|uri| uri.as_str().to_owned()).unwrap_or_default()
            }
            _ => String::new(),
        },
        via: request.top_via().map(|via| via.host.to_owned()).unwrap_or_default(),
    }
}
