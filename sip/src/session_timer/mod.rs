//! Session timers (RFC 4028): negotiation, and the clock that follows from it.
//!
//! The side that sends INVITE or UPDATE adds [`SessionTimerConfig::request_headers`] and reads the answer
//! with [`SessionTimerConfig::from_answer`]; the side that answers uses [`SessionTimerConfig::for_answer`].
//! What was agreed drives a [`SessionTimer`], begun anew at each refresh.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use sip::session_timer::{Agreed, Due, Refresher, SessionTimer};
//! let agreed = Agreed { interval: 1800, refresher: Refresher::Uac };
//! let start = Instant::now();
//! let mut timer = SessionTimer::start(start, agreed, Refresher::Uac);
//! assert_eq!(timer.poll_timeout(), Some(start + Duration::from_secs(900)));
//! assert_eq!(timer.handle_timeout(start + Duration::from_secs(900)), Some(Due::Refresh));
//! ```

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::message::scan::delta_seconds;
use crate::message::{FieldError, Header, Message, Reply, RequestBuilder};

/// RFC 4028 4: no interval is shorter, in seconds.
pub const MIN_SE: u32 = 90;

/// Who refreshes, in terms of the latest INVITE or UPDATE: who sent it, or who answered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answered it.
    Uas,
}

impl Refresher {
    /// The parameter's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Refresher::Uac => "uac",
            Refresher::Uas => "uas",
        }
    }

    fn parse(text: &str) -> Option<Refresher> {
        [Refresher::Uac, Refresher::Uas].into_iter().find(|who| who.as_str().eq_ignore_ascii_case(text))
    }
}

/// What we want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimerConfig {
    /// Wanted interval in seconds; `None` asks for none, and still answers who asks. Default 1800.
    pub interval: Option<u32>,
    /// The shortest interval we take, in seconds, at least 90. Default 90; IOS has 1800.
    pub min_se: u32,
    /// Who is to refresh when that is ours to say.
    pub refresher: Option<Refresher>,
}

impl Default for SessionTimerConfig {
    fn default() -> Self {
        SessionTimerConfig { interval: Some(1800), min_se: MIN_SE, refresher: None }
    }
}

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Seconds after which the session is over without refresh.
    pub interval: u32,
    /// Who refreshes.
    pub refresher: Refresher,
}

impl SessionTimerConfig {
    /// Adds Supported, and Session-Expires and Min-SE where we want a timer, to an INVITE or UPDATE. In a
    /// refresh `running` is what is agreed on, and `us` who we were then: roles are kept (RFC 4028 7.4).
    pub fn request_headers(
        &self,
        request: RequestBuilder,
        running: Option<(Agreed, Refresher)>,
    ) -> RequestBuilder {
        let request = request.header(Header::Supported, "timer");
        let min_se = self.min_se.max(MIN_SE);
        let (interval, refresher) = match running {
            // Who refreshed stays refresher, but is now the one who sends.
            Some((agreed, us)) => {
                let we_refresh = agreed.refresher == us;
                let who = if we_refresh { Refresher::Uac } else { Refresher::Uas };
                (Some(agreed.interval), Some(who))
            }
            None => (self.interval, self.refresher),
        };
        let Some(interval) = interval else { return request };
        let mut value = interval.max(min_se).to_string();
        if let Some(refresher) = refresher {
            value.push_str(";refresher=");
            value.push_str(refresher.as_str());
        }
        let request = request.header(Header::SessionExpires, value);
        if min_se > MIN_SE { request.header(Header::MinSe, min_se.to_string()) } else { request }
    }

    /// The answerer's side: what a 2xx to `request` agrees on, and the headers it needs (RFC 4028 9, table
    /// 2).
    ///
    /// # Errors
    /// The refusal that is owed: 422 with Min-SE for an interval too short, 400 for malformed headers.
    pub fn for_answer(&self, request: &Message) -> Result<Option<Agreed>, Box<Reply>> {
        let bad = |error: FieldError| Box::new(Reply::new(400).reason(&error.reason_phrase()));
        let supports = ["Supported", "Require"]
            .iter()
            .any(|name| request.headers(*name).any(|value| has_timer(&value.to_str())));
        let wanted = session_expires(request).map_err(bad)?;
        let least = self.min_se.max(MIN_SE);
        // Real peers send a Min-SE below the RFC's floor; the floor counts.
        let their_least = request.seconds(Header::MinSe).map_err(bad)?.unwrap_or(MIN_SE).max(MIN_SE);
        match wanted {
            // RFC 4028 9: too short for us is refused with 422 and our Min-SE, if the caller knows what that is.
            Some((interval, _)) if supports && interval < least => {
                Err(Box::new(Reply::new(422).header(Header::MinSe, least.to_string())))
            }
            Some((interval, refresher)) => {
                // We may shorten it, but not below the request's Min-SE, and never below our own.
                let ours = self.interval.unwrap_or(interval).max(least).max(their_least);
                let interval = interval.max(least).min(ours.max(their_least));
                let refresher = match (supports, refresher) {
                    (false, _) => Refresher::Uas,
                    (true, Some(refresher)) => refresher,
                    (true, None) => self.refresher.unwrap_or(Refresher::Uac),
                };
                Ok(Some(Agreed { interval, refresher }))
            }
            None => Ok(self.interval.map(|interval| Agreed {
                interval: interval.max(least).max(their_least),
                // Who does not know timers cannot refresh.
                refresher: if supports { self.refresher.unwrap_or(Refresher::Uac) } else { Refresher::Uas },
            })),
        }
    }

    /// Adds to a 2xx what [`SessionTimerConfig::for_answer`] agreed on.
    pub fn answer_headers(&self, reply: Reply, agreed: Option<Agreed>) -> Reply {
        let Some(Agreed { interval, refresher }) = agreed else { return reply };
        let reply =
            reply.header(Header::SessionExpires, format!("{interval};refresher={}", refresher.as_str()));
        match refresher {
            // RFC 4028 9: with the caller as refresher the 2xx requires the extension.
            Refresher::Uac => reply.header(Header::Require, "timer"),
            Refresher::Uas => reply,
        }
    }

    /// The sender's side: what a 2xx agreed on. `None` when the answerer knows no timers or wants none:
    /// nothing expires (RFC 4028 7.2).
    ///
    /// # Errors
    /// Session-Expires is malformed.
    pub fn from_answer(&self, response: &Message) -> Result<Option<Agreed>, FieldError> {
        Ok(session_expires(response)?.map(|(interval, refresher)| Agreed {
            // What is shorter than anybody may ask for would have us refresh without end.
            interval: interval.max(MIN_SE),
            refresher: refresher.unwrap_or(Refresher::Uac),
        }))
    }

    /// Takes the 422 to our request: true when it makes sense to send it again, with the longer interval
    /// this then has.
    pub fn handle_422(&mut self, response: &Message) -> bool {
        let Ok(Some(least)) = response.seconds(Header::MinSe) else { return false };
        let asked = self.interval.unwrap_or(0).max(self.min_se).max(MIN_SE);
        if least <= asked {
            return false;
        }
        self.interval = Some(least);
        self.min_se = least;
        true
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send UPDATE or re-INVITE; with its 2xx a new [`SessionTimer`] begins.
    Refresh,
    /// The session is over: send BYE.
    Expired,
}

/// The clock of one agreed interval.
#[derive(Clone, Debug)]
pub struct SessionTimer {
    refresh: Option<Instant>,
    end: Option<Instant>,
}

impl SessionTimer {
    /// Begins with the 2xx. `us` is what we were for that request.
    pub fn start(now: Instant, agreed: Agreed, us: Refresher) -> SessionTimer {
        let interval = Duration::from_secs(u64::from(agreed.interval));
        // RFC 4028 10: refreshed at half the interval.
        let refresh = (agreed.refresher == us).then(|| now + interval / 2);
        // RFC 4028 10: given up min(32 s, a third of the interval) before the end.
        let end = now + (interval - (interval / 3).min(Duration::from_secs(32)));
        SessionTimer { refresh, end: Some(end) }
    }

    /// What is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if self.end.take_if(|at| *at <= now).is_some() {
            self.refresh = None;
            return Some(Due::Expired);
        }
        self.refresh.take_if(|at| *at <= now).map(|_| Due::Refresh)
    }

    /// When [`SessionTimer::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.refresh, self.end].into_iter().flatten().min()
    }
}

fn has_timer(list: &str) -> bool {
    list.split(',').any(|tag| tag.trim().eq_ignore_ascii_case("timer"))
}

fn session_expires(message: &Message) -> Result<Option<(u32, Option<Refresher>)>, FieldError> {
    let Some(value) = message.param_value(Header::SessionExpires)? else { return Ok(None) };
    let interval = delta_seconds(value.value.as_bytes()).ok_or_else(|| FieldError::Malformed {
        header: Header::SessionExpires,
        expected: "seconds",
        found: value.value.chars().take(40).collect(),
    })?;
    Ok(Some((interval, value.params.get("refresher").and_then(Refresher::parse))))
}
