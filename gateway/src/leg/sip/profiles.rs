//! `voice class sip-profiles` at work: messages of a call changed on their way out as its dial peer says, all others as
//! `sip` of `voice service voip` says.
//!
//! What the user agent keeps of a message is what it meant to send: only the octets on the wire differ, and those sent again
//! differ in the same way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use dialpeer::sip_profile::Profile;
use sip::{Message, Transmit};

use super::SipLegs;
use crate::leg::{LegId, SetupUris};

/// Calls that have ended and whose last messages may be sent again.
const MAX_ENDED: usize = 4096;

/// Which calls have rules, by Call-ID.
#[derive(Debug, Default)]
pub(super) struct Profiled {
    calls: HashMap<String, Arc<Profile>>,
    ended: VecDeque<String>,
}

impl SipLegs {
    /// A leg is on its dial peer: what it sends from now on goes by that one's rules.
    pub(super) fn follow_rules(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Some(call) = self.ua.call_id(leg.call) else { return };
        match &leg.can.settings.profile {
            Some(profile) => {
                self.profiled.calls.insert(call.to_owned(), Arc::clone(profile));
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
        let call = call_id(&transmit.payload);
        let profile = call.and_then(|call| self.profiled.calls.get(call)).or(system);
        if let Some(changed) = profile.and_then(|profile| profile.apply(&transmit.payload)) {
            transmit.payload = Bytes::from(changed);
        }
        transmit
    }
}

/// The Call-ID of a message of ours.
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
        via: request.top_via().map(|via| via.host.to_owned()).unwrap_or_default(),
    }
}
