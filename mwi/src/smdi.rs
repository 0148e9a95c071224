//! SMDI, the simplified message desk interface (Bellcore TR-TSY-000283): message waiting over a serial line.
//!
//! For PBXs without QSIG message waiting. The gateway is the message desk: it sends `OP:MWI` and `RMV:MWI`, hears of
//! refusals (`INV`, `BLK`; success is silence) and of calls to voice mail.
//!
//! Sans-IO: octets of the line go to [`Decoder::push`]; [`Desk`] adds the time after which silence means success.
//! The line is usually 1200 or 9600 bit/s, 7 data bits, even parity; the eighth bit is ignored here.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use mwi::smdi::{Desk, Event, Refusal};
//!
//! let now = Instant::now();
//! let mut desk = Desk::new(Duration::from_secs(2));
//! assert_eq!(desk.send(now, "5550100", true)?, b"OP:MWI 5550100!\x04");
//! desk.send(now, "5550199", true)?;
//! desk.handle_octets(b"\r\nMWI 5550199 INV\r\n\x19");
//! assert_eq!(desk.poll(now), Some(Event::Refused { number: "5550199".into(), reason: Refusal::Invalid, on: true }));
//! assert_eq!(desk.poll(now + Duration::from_secs(2)), Some(Event::Done { number: "5550100".into(), on: true }));
//! # Ok::<(), mwi::smdi::SmdiError>(())
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crate::verdict::Outcome;

/// Longest number, in digits.
pub const MAX_DIGITS: usize = 10;
/// Longest message read, in octets; a longer one is skipped.
pub const MAX_MESSAGE: usize = 128;
/// Messages sent whose outcome is still open.
pub const MAX_PENDING: usize = 1024;
/// Messages read and not yet taken.
const MAX_READ: usize = 1024;
/// End of a message from the switch: ^Y.
const EM: u8 = 0x19;
/// End of a message to the switch: ^D.
const EOT: u8 = 0x04;

/// A message from the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromSwitch {
    /// A call that goes to voice mail.
    Call(Call),
    /// A message waiting request that was refused.
    Refused {
        /// Its number.
        number: String,
        /// Why.
        reason: Refusal,
    },
}

/// A call to voice mail: `MD…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Message desk, 0 to 999.
    pub desk: u16,
    /// Terminal of the desk (its line), 0 to 9999.
    pub terminal: u16,
    /// How the call came there.
    pub kind: CallKind,
    /// Number the call was meant for, `None` for a direct call.
    pub forwarding: Option<String>,
    /// Calling number, if known.
    pub calling: Option<String>,
}

/// How a call came to voice mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// `A`: all calls are forwarded.
    All,
    /// `B`: busy.
    Busy,
    /// `D`: called directly.
    Direct,
    /// `N`: no answer.
    NoAnswer,
    /// `U`: unknown.
    Unknown,
}

impl CallKind {
    const SIGNS: [(Self, u8); 5] = [
        (Self::All, b'A'),
        (Self::Busy, b'B'),
        (Self::Direct, b'D'),
        (Self::NoAnswer, b'N'),
        (Self::Unknown, b'U'),
    ];
}

/// Why the switch refused a message waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// `INV`: no such number.
    Invalid,
    /// `BLK`: not now.
    Blocked,
}

impl Refusal {
    /// The same as an outcome on a QSIG trunk, for [`sip_status`](crate::verdict::sip_status): invalidServedUserNr
    /// (404) or temporarilyUnavailable (503, tried again later).
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Invalid => Outcome::Error(6),
            Self::Blocked => Outcome::Error(1000),
        }
    }
}

impl fmt::Display for FromSwitch {
    /// The message as the switch sends it, CR LF before and behind, ^Y at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => {
                let sign = CallKind::SIGNS
                    .iter()
                    .find(|(kind, _)| *kind == call.kind)
                    .map_or('U', |(_, c)| char::from(*c));
                let forwarding = call.forwarding.as_deref().unwrap_or_default();
                let calling = call.calling.as_deref().unwrap_or_default();
                write!(f, "\r\nMD{:03}{:04}{sign}{forwarding} {calling} \r\n\x19", call.desk, call.terminal)
            }
            Self::Refused { number, reason } => {
                let word = if *reason == Refusal::Invalid { "INV" } else { "BLK" };
                write!(f, "\r\nMWI {number} {word}\r\n\x19")
            }
        }
    }
}

/// The request to switch a message waiting indication: `OP:MWI` or `RMV:MWI`, ending in `!` and ^D.
///
/// # Errors
/// [`SmdiError::Number`] unless the number is 1 to [`MAX_DIGITS`] digits.
pub fn request(number: &str, on: bool) -> Result<Vec<u8>, SmdiError> {
    check(number)?;
    let mut out = format!("{}:MWI {number}!", if on { "OP" } else { "RMV" }).into_bytes();
    out.push(EOT);
    Ok(out)
}

/// Puts octets from the line together to messages.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    skipping: bool,
    read: VecDeque<Result<FromSwitch, SmdiError>>,
    /// Messages lost because nobody took them.
    lost: u64,
}

impl Decoder {
    /// A decoder that waits for the beginning of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets as they come from the line.
    pub fn push(&mut self, octets: &[u8]) {
        for octet in octets.iter().map(|octet| octet & 0x7F) {
            if octet == EM {
                let message = std::mem::take(&mut self.buffer);
                if !std::mem::take(&mut self.skipping) {
                    self.keep(parse(&message));
                }
            } else if !self.skipping {
                self.buffer.push(octet);
                if self.buffer.len() > MAX_MESSAGE {
                    self.buffer.clear();
                    self.skipping = true;
                    self.keep(Err(SmdiError::TooLong));
                }
            }
        }
    }

    /// The next message, or what came in its place.
    pub fn poll(&mut self) -> Option<Result<FromSwitch, SmdiError>> {
        self.read.pop_front()
    }

    /// Messages lost because more than 1024 were not taken.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn keep(&mut self, message: Result<FromSwitch, SmdiError>) {
        if self.read.len() < MAX_READ {
            self.read.push_back(message);
        } else {
            self.lost += 1;
        }
    }
}

/// The message desk's end of a line: what was asked for, and what became of it.
#[derive(Clone, Debug)]
pub struct Desk {
    decoder: Decoder,
    silence: Duration,
    /// In order of their deadlines.
    pending: VecDeque<Pending>,
}

impl Desk {
    /// A desk that takes `silence` after a request as success: a few seconds.
    pub fn new(silence: Duration) -> Self {
        Self { decoder: Decoder::new(), silence, pending: VecDeque::new() }
    }

    /// Asks for a message waiting indication and returns the octets to write to the line.
    ///
    /// # Errors
    /// [`SmdiError::Number`] as [`request`]; [`SmdiError::Busy`] while [`MAX_PENDING`] outcomes are open.
    pub fn send(&mut self, now: Instant, number: &str, on: bool) -> Result<Vec<u8>, SmdiError> {
        let octets = request(number, on)?;
        if self.pending.len() >= MAX_PENDING {
            return Err(SmdiError::Busy);
        }
        self.pending.push_back(Pending { number: number.to_owned(), on, deadline: now + self.silence });
        Ok(octets)
    }

    /// Takes octets as they come from the line.
    pub fn handle_octets(&mut self, octets: &[u8]) {
        self.decoder.push(octets);
    }

    /// The next event, `None` until more octets come or [`Desk::poll_timeout`].
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        match self.decoder.poll() {
            Some(Ok(FromSwitch::Call(call))) => return Some(Event::Call(call)),
            Some(Ok(FromSwitch::Refused { number, reason })) => {
                // The refusal does not say of which request: of the latest for the number.
                let at = self.pending.iter().rposition(|pending| pending.number == number);
                let on = at.and_then(|at| self.pending.remove(at)).is_none_or(|pending| pending.on);
                return Some(Event::Refused { number, reason, on });
            }
            Some(Err(error)) => return Some(Event::Error(error)),
            None => {}
        }
        let first = self.pending.front().filter(|pending| pending.deadline <= now)?;
        let done = Event::Done { number: first.number.clone(), on: first.on };
        self.pending.pop_front();
        Some(done)
    }

    /// When silence will mean success for the oldest open request.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pending.front().map(|pending| pending.deadline)
    }
}

/// What happened at a [`Desk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call goes to voice mail.
    Call(Call),
    /// A request was not refused in time.
    Done {
        /// Its number.
        number: String,
        /// On or off.
        on: bool,
    },
    /// A request was refused.
    Refused {
        /// Its number.
        number: String,
        /// Why.
        reason: Refusal,
        /// On or off; on if the request is not known.
        on: bool,
    },
    /// The line brought what is no message.
    Error(SmdiError),
}

/// What is no SMDI message, or cannot be sent as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmdiError {
    /// A number that is none.
    #[error("number {found:?} has not 1 to {MAX_DIGITS} digits")]
    Number {
        /// The number, at most 32 characters of it.
        found: String,
    },
    /// A message longer than [`MAX_MESSAGE`].
    #[error("message exceeds {MAX_MESSAGE} octets")]
    TooLong,
    /// Neither `MD…` nor `MWI …`.
    #[error("message is {found:?}, expected MD or MWI")]
    Unknown {
        /// The message, printable characters only.
        found: String,
    },
    /// Too many requests whose outcome is open.
    #[error("{MAX_PENDING} requests are open already")]
    Busy,
}

#[derive(Clone, Debug)]
struct Pending {
    number: String,
    on: bool,
    deadline: Instant,
}

fn check(number: &str) -> Result<(), SmdiError> {
    let good = (1..=MAX_DIGITS).contains(&number.len()) && number.bytes().all(|octet| octet.is_ascii_digit());
    if good { Ok(()) } else { Err(SmdiError::Number { found: number.chars().take(32).collect() }) }
}

/// Reads what stood before ^Y: the last line that is not blank, since noise may have come before it.
fn parse(message: &[u8]) -> Result<FromSwitch, SmdiError> {
    let text: String = message.iter().map(|&octet| char::from(octet)).collect();
    let mut lines = text.split(['\r', '\n']).map(|line| line.trim_matches(|c: char| c.is_control()));
    let line = lines.rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let unknown =
        || SmdiError::Unknown { found: line.chars().filter(|c| !c.is_control()).take(32).collect() };
    if let Some(rest) = line.strip_prefix("MD") {
        return call(rest).map(FromSwitch::Call).ok_or_else(unknown);
    }
    let rest = line.strip_prefix("MWI").ok_or_else(unknown)?;
    let mut words = rest.split_ascii_whitespace();
    let (Some(number), Some(word), None) = (words.next(), words.next(), words.next()) else {
        return Err(unknown());
    };
    check(number)?;
    let reason = match word {
        "INV" => Refusal::Invalid,
        "BLK" => Refusal::Blocked,
        _ => return Err(unknown()),
    };
    Ok(FromSwitch::Refused { number: number.to_owned(), reason })
}

fn call(text: &str) -> Option<Call> {
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?;
    let sign = *text.as_bytes().get(7)?;
    let kind = CallKind::SIGNS.iter().find(|(_, known)| *known == sign)?.0;
    let (forwarding, calling) = text.get(8..)?.split_once(' ').unwrap_or((text.get(8..)?, ""));
    let number = |text: &str| {
        let text = text.trim();
        if text.is_empty() { Some(None) } else { check(text).ok().map(|()| Some(text.to_owned())) }
    };
    Some(Call {
        desk: digits(text.get(..3)?)?,
        terminal: digits(text.get(3..7)?)?,
        kind,
        forwarding: number(forwarding)?,
        calling: number(calling)?,
    })
}

#[cfg(test)]
mod tests;
