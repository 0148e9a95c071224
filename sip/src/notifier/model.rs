//! What a notifier is told, and why subscriptions end.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::message::Message;

/// An hour, in seconds: a subscription that long is never too brief (RFC 6665 4.2.1.1).
pub(super) const HOUR: u32 = 3600;

/// A subscription of an earlier run, as its owner kept it.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The SUBSCRIBE that made it.
    pub first: &'a Message,
    /// The one that refreshed it last; the first where none has.
    pub latest: &'a Message,
    /// Our tag.
    pub tag: &'a str,
    /// What it is to.
    pub resource: &'a str,
    /// When it ends.
    pub expiry: Instant,
    /// A number above the CSeq of every NOTIFY of the earlier run.
    pub cseq: u32,
    /// When it is told the state anew; many are best spread.
    pub told: Instant,
}

/// What subscribers are granted.
#[derive(Clone, Debug)]
pub struct NotifierConfig {
    /// Event package.
    pub event: String,
    /// Body types of the package; the first is the one meant by a SUBSCRIBE without Accept.
    pub content_types: Vec<String>,
    /// Contact of responses and NOTIFYs: where refreshes are to come.
    pub contact: String,
    /// Shortest duration in seconds, at most 3600; a shorter one gets 423. Default 60.
    pub min_expires: u32,
    /// Duration of a SUBSCRIBE without Expires, in seconds. Default 3600.
    pub default_expires: u32,
    /// Longest duration in seconds; who wants more gets this. Default 86,400.
    pub max_expires: u32,
    /// Subscriptions at a time, those being ended included; one more gets 503. Default 1000.
    pub maximum: usize,
    /// Retry-After of that 503, in seconds. Default 60.
    pub retry_after: u32,
    /// Shortest time between two NOTIFYs of a subscription that news are the reason of. The one after a
    /// SUBSCRIBE and the last one do not wait. Default 1 s.
    pub interval: Duration,
}

impl NotifierConfig {
    /// Settings with the defaults. `contact` is an address in angle brackets.
    pub fn new(event: &str, content_type: &str, contact: &str) -> NotifierConfig {
        NotifierConfig {
            event: event.to_owned(),
            content_types: vec![content_type.to_owned()],
            contact: contact.to_owned(),
            min_expires: 60,
            default_expires: HOUR,
            max_expires: 86_400,
            maximum: 1000,
            retry_after: 60,
            interval: Duration::from_secs(1),
        }
    }
}

/// The state of a resource as its watchers are told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Content-Type.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
}

impl News {
    /// A body of this type.
    pub fn new(content_type: &str, body: impl Into<Bytes>) -> News {
        News { content_type: content_type.to_owned(), body: body.into() }
    }
}

/// Whether somebody may watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Yes: the subscription is active.
    Granted,
    /// Not decided: the subscription is pending until [`super::Notifier::permit`] or [`super::Notifier::reject`], and is
    /// told nothing until then. A refresh does not take back what was granted.
    Undecided,
}

/// Why a subscription ends (RFC 6665 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The subscriber is to subscribe anew at once.
    Deactivated,
    /// The subscriber may try again, after so many seconds where there is a number.
    Probation(Option<u32>),
    /// The subscriber may no longer watch.
    Rejected,
    /// It was not refreshed, or it was ended by its subscriber.
    Timeout,
    /// Permission could not be had in time; try again after so many seconds where there is a number.
    GiveUp(Option<u32>),
    /// The resource is no more.
    NoResource,
    /// The state will not change any more.
    Invariant,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, retry_after) = match *self {
            Reason::Deactivated => ("deactivated", None),
            Reason::Probation(after) => ("probation", after),
            Reason::Rejected => ("rejected", None),
            Reason::Timeout => ("timeout", None),
            Reason::GiveUp(after) => ("giveup", after),
            Reason::NoResource => ("noresource", None),
            Reason::Invariant => ("invariant", None),
        };
        f.write_str(name)?;
        retry_after.map_or(Ok(()), |seconds| write!(f, ";retry-after={seconds}"))
    }
}
