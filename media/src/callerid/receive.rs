//! The receiving side: messages read ([`parse`], [`parse_ntt`], [`parse_dtmf`]) and heard ([`CallerIdReceiver`]).
//!
//! ```
//! use media::callerid::receive::{Message, parse};
//! assert_eq!(parse(&media::callerid::mdmf_mwi(true)), Ok(Message::Waiting { on: true, count: None }));
//! ```

use super::{CallSetup, Party, When, checksum_ok, crc_ntt, even_parity};
use crate::dtmf::{DtmfDetector, DtmfEvent};
use crate::fsk::{FskEvent, FskReceiver, Modem};
use crate::locale::CidScheme;

/// Octets a message may have, type and checksum included.
const MAX_MESSAGE: usize = 258;
/// Octets an NTT frame may have.
const MAX_NTT: usize = 300;
/// Most digits of caller ID by DTMF.
const MAX_DIGITS: usize = 32;
/// A pause this long between two digits ends them: 500 ms.
const DIGIT_GAP: u64 = 4000;

const DLE: u8 = 0x10;
const ETX: u8 = 0x03;

/// What an exchange told an idle telephone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A call comes.
    Call(CallSetup),
    /// Messages wait, or no more.
    Waiting {
        /// Whether the lamp is to be lit.
        on: bool,
        /// How many messages, where that was told.
        count: Option<u8>,
    },
}

/// Why octets are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The octets do not add to zero, or the CRC is another.
    #[error("the checksum of {octets} octets is wrong")]
    Checksum {
        /// How many came.
        octets: usize,
    },
    /// A type this is no reader of.
    #[error("message type {found:#04x}, expected 0x04, 0x06, 0x80 or 0x82")]
    Type {
        /// What came.
        found: u8,
    },
    /// The message or a parameter is shorter than it says.
    #[error("the message says {said} octets, {found} came")]
    Length {
        /// What the length octet says.
        said: usize,
        /// What came.
        found: usize,
    },
    /// Neither a number, nor a reason for its absence, nor an indicator.
    #[error("a message of type {kind:#04x} without anything to tell")]
    Empty {
        /// The type.
        kind: u8,
    },
    /// Not the frame of NTT's specification.
    #[error("not an NTT frame: DLE SOH … DLE STX … DLE ETX, even parity")]
    Frame,
}

/// Reads a message with its checksum: SDMF and MDMF (GR-30-CORE), ETSI's form (EN 300 659-3).
///
/// Unknown parameters are passed over. Octets after the message are an error.
///
/// # Errors
/// [`ParseError`].
pub fn parse(message: &[u8]) -> Result<Message, ParseError> {
    let (kind, said, data) = match message {
        [kind, said, data @ .., _] => (*kind, usize::from(*said), data),
        _ => return Err(ParseError::Length { said: 3, found: message.len() }),
    };
    if said != data.len() {
        return Err(ParseError::Length { said, found: data.len() });
    }
    if !checksum_ok(message) {
        return Err(ParseError::Checksum { octets: message.len() });
    }
    match kind {
        0x04 => {
            let (when, number) =
                data.split_at_checked(8).ok_or(ParseError::Length { said: 8, found: said })?;
            let number = match number {
                [b'P'] => Party::Private,
                [b'O'] | [] => Party::Unavailable,
                digits => known(digits),
            };
            Ok(Message::Call(CallSetup { when: date(when), number, name: Party::Unavailable }))
        }
        0x06 => match data {
            [0x42, 0x42, 0x42, ..] => Ok(Message::Waiting { on: true, count: None }),
            [0x6F, 0x6F, 0x6F, ..] => Ok(Message::Waiting { on: false, count: None }),
            _ => Err(ParseError::Empty { kind }),
        },
        0x80 => call(kind, data),
        0x82 => {
            let (mut on, mut count) = (None, None);
            for (kind, body) in parameters(data)? {
                match (kind, body) {
                    (0x0B, [indicator, ..]) => on = Some(*indicator != 0),
                    (0x13, [number, ..]) => count = Some(*number),
                    _ => {}
                }
            }
            let on = on.ok_or(ParseError::Empty { kind })?;
            Ok(Message::Waiting { on, count })
        }
        found => Err(ParseError::Type { found }),
    }
}

/// Reads an NTT frame as it comes from the modem: DLE SOH, header, DLE STX, data, DLE ETX, CRC, with parity bits.
///
/// # Errors
/// [`ParseError`].
pub fn parse_ntt(frame: &[u8]) -> Result<Message, ParseError> {
    let parity = |octets: &[u8]| octets.iter().all(|&o| even_parity(o) == o);
    let covered = frame.get(2..).ok_or(ParseError::Frame)?;
    let (covered, crc) = covered.split_last_chunk::<2>().ok_or(ParseError::Frame)?;
    if !parity(covered) || frame.get(..2).map(plain) != Some(vec![DLE, 0x01]) {
        return Err(ParseError::Frame);
    }
    if crc_ntt(covered) != u16::from_le_bytes(*crc) {
        return Err(ParseError::Checksum { octets: frame.len() });
    }
    match plain(covered).as_slice() {
        [0x07, DLE, 0x02, kind @ 0x40, said, data @ .., DLE, ETX] => {
            if usize::from(*said) != data.len() {
                return Err(ParseError::Length { said: (*said).into(), found: data.len() });
            }
            call(*kind, data)
        }
        _ => Err(ParseError::Frame),
    }
}

/// Reads the digits of caller ID by DTMF in any of its national forms: start digit, number or reason, stop digit (which may
/// be missing after a number).
///
/// ```
/// use media::callerid::{Party, receive::parse_dtmf};
/// assert_eq!(parse_dtmf("A5551234C"), Some(Party::Known("5551234".into())));
/// assert_eq!(parse_dtmf("B10C"), Some(Party::Private));
/// assert_eq!(parse_dtmf("D3#"), Some(Party::Unavailable));
/// assert_eq!(parse_dtmf("12"), None);
/// ```
#[must_use]
pub fn parse_dtmf(digits: &str) -> Option<Party> {
    let start = digits.chars().next().filter(char::is_ascii_uppercase)?;
    let rest = digits.get(1..)?;
    let body = rest.trim_end_matches(|c: char| !c.is_ascii_digit());
    let whole = body.len() < rest.len();
    if !body.chars().all(|c| c.is_ascii_digit()) {
        // A number and then something else (`D` the number called, `B` a type): the number is what comes first.
        let number: String = body.chars().take_while(char::is_ascii_digit).collect();
        return (start == 'A' && !number.is_empty()).then_some(Party::Known(number));
    }
    match (start, body) {
        ('B' | 'D', "10") | ('D', "1") if whole => Some(Party::Private),
        ('B' | 'D', "00" | "0") | ('D', "2" | "3") if whole => Some(Party::Unavailable),
        ('A' | 'D', number) if number.len() >= 2 && number.len() <= MAX_DIGITS => {
            Some(Party::Known(number.into()))
        }
        _ => None,
    }
}

/// Listens on an idle exchange line for whatever the national network sends.
///
/// ```
/// use media::callerid::receive::{CallerIdReceiver, Message};
/// use media::{callerid, fsk::{FskBurst, FskGenerator, Modem}, locale::CidScheme};
///
/// let mut audio = vec![0; 8000];
/// FskGenerator::new(&FskBurst::on_hook(Modem::Bell202, callerid::mdmf_mwi(true))).fill(&mut audio);
/// let mut heard = None;
/// CallerIdReceiver::new(CidScheme::Bell202).feed(&audio, |message| heard = Some(message));
/// assert_eq!(heard, Some(Message::Waiting { on: true, count: None }));
/// ```
#[derive(Clone, Debug)]
pub struct CallerIdReceiver {
    ears: Ears,
    refused: Option<ParseError>,
}

#[derive(Clone, Debug)]
enum Ears {
    Fsk { modem: FskReceiver, ntt: bool, octets: Vec<u8> },
    Dtmf { detector: Box<DtmfDetector>, digits: String, position: u64, last: u64 },
}

impl CallerIdReceiver {
    /// A receiver of a country's scheme.
    #[must_use]
    pub fn new(scheme: CidScheme) -> Self {
        let fsk = |modem, ntt| Ears::Fsk { modem: FskReceiver::new(modem), ntt, octets: Vec::new() };
        let ears = match scheme {
            CidScheme::Bell202 => fsk(Modem::Bell202, false),
            CidScheme::V23 => fsk(Modem::V23, false),
            CidScheme::NttV23 => fsk(Modem::V23, true),
            CidScheme::Dtmf { .. } => {
                let mut detector = Box::new(DtmfDetector::default());
                detector.set_dial_tone(false);
                Ears::Dtmf { detector, digits: String::new(), position: 0, last: 0 }
            }
        };
        Self { ears, refused: None }
    }

    /// Hears samples and tells `on` each whole message.
    pub fn feed(&mut self, samples: &[i16], mut on: impl FnMut(Message)) {
        let refused = &mut self.refused;
        let mut tell = |read: Result<Message, ParseError>| match read {
            Ok(message) => on(message),
            Err(why) => *refused = Some(why),
        };
        match &mut self.ears {
            Ears::Fsk { modem, ntt, octets } => modem.feed(samples, |event| match event {
                FskEvent::Mark | FskEvent::Lost | FskEvent::Framing(_) => octets.clear(),
                FskEvent::Octet(octet) => {
                    octets.push(octet);
                    if let Some(read) = if *ntt { whole_ntt(octets) } else { whole(octets) } {
                        octets.clear();
                        tell(read);
                    }
                }
            }),
            Ears::Dtmf { detector, digits, position, last } => {
                let start = *position;
                detector.feed(samples, |event| match event {
                    DtmfEvent::Start { digit, at } => {
                        if at.saturating_sub(*last) > DIGIT_GAP || digits.len() >= MAX_DIGITS {
                            digits.clear();
                        }
                        digits.push(digit);
                        *last = at;
                    }
                    DtmfEvent::End { at, .. } => *last = at,
                });
                *position = start + samples.len() as u64;
                // A stop digit, or quiet after the last.
                let stopped = digits.len() > 1 && digits.ends_with(['C', '#']);
                let quiet = position.saturating_sub(*last) > DIGIT_GAP && detector.digit().is_none();
                if (stopped || quiet) && !digits.is_empty() {
                    if let Some(number) = parse_dtmf(digits) {
                        let (when, name) = (None, Party::Unavailable);
                        tell(Ok(Message::Call(CallSetup { when, number, name })));
                    }
                    digits.clear();
                }
            }
        }
    }

    /// Why the last message that was heard was no message, if so.
    #[must_use]
    pub fn refused(&self) -> Option<ParseError> {
        self.refused
    }

    /// Begins anew, as after a call.
    pub fn reset(&mut self) {
        self.refused = None;
        match &mut self.ears {
            Ears::Fsk { modem, octets, .. } => {
                modem.reset();
                octets.clear();
            }
            Ears::Dtmf { detector, digits, .. } => {
                detector.reset();
                digits.clear();
            }
        }
    }
}

/// The octets so far, read if they are a whole message.
fn whole(octets: &mut Vec<u8>) -> Option<Result<Message, ParseError>> {
    // Noise in the mark may look like an octet: a message begins with a type.
    while octets.first().is_some_and(|kind| !matches!(kind, 0x04 | 0x06 | 0x80 | 0x82)) {
        octets.remove(0);
    }
    let length = usize::from(*octets.get(1)?) + 3;
    (octets.len() >= length.min(MAX_MESSAGE)).then(|| parse(octets))
}

fn whole_ntt(octets: &mut Vec<u8>) -> Option<Result<Message, ParseError>> {
    while octets.first().is_some_and(|&first| first & 0x7F != DLE) {
        octets.remove(0);
    }
    let ended = matches!(octets.as_slice(), [.., dle, etx, _, _] if dle & 0x7F == DLE && etx & 0x7F == ETX);
    ((ended && octets.len() > 10) || octets.len() >= MAX_NTT).then(|| parse_ntt(octets))
}

fn plain(octets: &[u8]) -> Vec<u8> {
    octets.iter().map(|o| o & 0x7F).collect()
}

/// Type and body of each parameter.
fn parameters(mut data: &[u8]) -> Result<Vec<(u8, &[u8])>, ParseError> {
    let mut out = Vec::new();
    while let [kind, said, rest @ ..] = data {
        let said = usize::from(*said);
        let (body, after) =
            rest.split_at_checked(said).ok_or(ParseError::Length { said, found: rest.len() })?;
        out.push((*kind, body));
        data = after;
    }
    if data.is_empty() { Ok(out) } else { Err(ParseError::Length { said: 2, found: data.len() }) }
}

fn call(message: u8, data: &[u8]) -> Result<Message, ParseError> {
    let (mut when, mut number, mut name) = (None, None, None);
    for (kind, body) in parameters(data)? {
        match kind {
            0x01 => when = date(body),
            0x02 => number = Some(known(body)),
            0x04 => number = Some(absent(body)),
            0x07 => name = Some(known(body)),
            0x08 => name = Some(absent(body)),
            _ => {}
        }
    }
    if number.is_none() && name.is_none() {
        return Err(ParseError::Empty { kind: message });
    }
    let or = |party: Option<Party>| party.unwrap_or(Party::Unavailable);
    Ok(Message::Call(CallSetup { when, number: or(number), name: or(name) }))
}

/// Printable ASCII; whatever else came is a question mark.
fn known(body: &[u8]) -> Party {
    let text: String =
        body.iter().map(|&b| if (b' '..=b'~').contains(&b) { b.into() } else { '?' }).collect();
    let text = text.trim();
    if text.is_empty() { Party::Unavailable } else { Party::Known(text.to_owned()) }
}

fn absent(body: &[u8]) -> Party {
    if body.first() == Some(&b'P') { Party::Private } else { Party::Unavailable }
}

fn date(digits: &[u8]) -> Option<When> {
    let pair = |at: usize| {
        let (tens, ones) = (digits.get(at)?, digits.get(at + 1)?);
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + ones - b'0')
    };
    let when = When { month: pair(0)?, day: pair(2)?, hour: pair(4)?, minute: pair(6)? };
    let valid =
        (1..=12).contains(&when.month) && (1..=31).contains(&when.day) && when.hour < 24 && when.minute < 60;
    valid.then_some(when)
}

#[cfg(test)]
mod tests;
