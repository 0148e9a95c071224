//! Subscriptions of others to our mailboxes, kept over a restart.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sip::notifier::Kept;
use sip::{Flow, Message, Transport};

use super::Switch;

/// First octet of a kept subscription: the form of the rest.
const FORM: u8 = 1;
/// After a restart one subscriber is told in this time, on average.
const SPREAD: Duration = Duration::from_millis(20);
/// NOTIFYs are counted in seconds from here: 2024-01-01, in seconds since 1970. No subscription is told more than once a second
/// for long.
const EPOCH: u64 = 1_704_067_200;

/// A subscription as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watcher {
    number: String,
    /// The SUBSCRIBE that made it, and the one that refreshed it last.
    first: Vec<u8>,
    latest: Vec<u8>,
    /// Milliseconds since 1970.
    until: u64,
    transport: u8,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Watcher {
    fn to_octets(&self) -> Vec<u8> {
        // Serialising to memory fails only for types postcard does not know; these are none.
        postcard::to_extend(self, vec![FORM]).unwrap_or_default()
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        match octets.split_first() {
            Some((&FORM, rest)) => postcard::from_bytes(rest).ok(),
            _ => None,
        }
    }

    /// The way it came; a connection did not survive.
    fn flow(&self) -> Flow {
        let transport = match self.transport {
            1 => Transport::Tcp,
            2 => Transport::Tls,
            _ => Transport::Udp,
        };
        Flow { transport, local: self.local, remote: self.remote, connection: None }
    }
}

impl Switch {
    /// Keeps a subscription that was made or refreshed by this SUBSCRIBE, for so many seconds.
    pub(super) fn keep_watcher(
        &mut self,
        now: Instant,
        (tag, number): (&str, &str),
        flow: &Flow,
        request: &Message,
        seconds: u32,
    ) {
        let octets = request.as_bytes().to_vec();
        let until = self.clock.unix_ms(now) + 1000 * u64::from(seconds);
        let watcher = match self.watchers.kept.remove(tag) {
            Some(known) => Watcher { latest: octets, until, remote: flow.remote, ..known },
            None => Watcher {
                number: number.to_owned(),
                first: octets.clone(),
                latest: octets,
                until,
                transport: match flow.transport {
                    Transport::Udp => 0,
                    Transport::Tcp => 1,
                    Transport::Tls => 2,
                },
                local: flow.local,
                remote: flow.remote,
            },
        };
        self.store.put_watcher(tag, watcher.to_octets());
        self.watchers.kept.insert(tag.to_owned(), watcher);
    }

    /// A subscription is gone.
    pub(super) fn drop_watcher(&mut self, tag: &str) {
        if self.watchers.kept.remove(tag).is_some() {
            self.store.remove_watcher(tag);
        }
    }

    /// Takes up what an earlier run had granted. Each subscriber is told once, one after the other.
    pub(super) fn restore_watchers(&mut self, now: Instant) {
        let clock = self.clock.unix_ms(now);
        let mut told = now;
        for (tag, octets) in self.store.take_watchers() {
            let restored = Watcher::from_octets(&octets).is_some_and(|watcher| {
                told += SPREAD;
                self.restore_watcher(now, clock, told, &tag, watcher)
            });
            if !restored {
                self.store.remove_watcher(&tag);
            }
        }
        self.drain_watchers(now, None);
    }

    fn restore_watcher(
        &mut self,
        now: Instant,
        clock: u64,
        told: Instant,
        tag: &str,
        watcher: Watcher,
    ) -> bool {
        let parse = |octets: &[u8]| Message::parse(Bytes::copy_from_slice(octets)).ok();
        let (Some(first), Some(latest)) = (parse(&watcher.first), parse(&watcher.latest)) else {
            return false;
        };
        let left = Duration::from_millis(watcher.until.saturating_sub(clock));
        // A clock that jumped back must not make a subscription outlive what was ever granted.
        let left = left.min(Duration::from_secs(u64::from(self.watchers.longest())));
        let kept = Kept {
            first: &first,
            latest: &latest,
            tag,
            resource: &watcher.number,
            expiry: now + left,
            cseq: u32::try_from((clock / 1000).saturating_sub(EPOCH)).unwrap_or(0),
            told,
        };
        let flow = watcher.flow();
        let news = self.news(&watcher.number);
        if !self.watchers.restore(now, &kept, news, &flow) {
            return false;
        }
        self.watchers.kept.insert(tag.to_owned(), watcher);
        true
    }
}
