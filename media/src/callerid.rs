//! Caller ID and visual message waiting (VMWI): the octets, [`plan`]: what happens on the line, when,
//! [`player`], which does it, and [`receive`], which hears it.
//!
//! ```
//! use media::callerid::{self, CallSetup, Party, When};
//!
//! let call = CallSetup {
//!     when: Some(When { month: 11, day: 21, hour: 9, minute: 30 }),
//!     number: Party::Known("5551234567".into()),
//!     name: Party::Known("JANE DOE".into()),
//! };
//! let octets = callerid::mdmf_call(&call);
//! assert_eq!(octets.first(), Some(&0x80));
//! assert!(callerid::checksum_ok(&octets));
//! assert_eq!(callerid::mdmf_mwi(true), [0x82, 0x03, 0x0B, 0x01, 0xFF, 0x70]);
//! ```

pub mod offhook;
pub mod plan;
pub mod player;
pub mod receive;

/// Digits of a number that are sent; ETSI EN 300 659-3 and GR-30 allow 20.
pub const MAX_NUMBER: usize = 20;
/// Characters of a name in MDMF as North American sets show it.
pub const MAX_NAME_US: usize = 15;
/// Characters of a name in ETSI's form.
pub const MAX_NAME_ETSI: usize = 50;

/// Who calls, or why that isn't told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// A number or a name. Of a number only `0-9 * # +` are sent; a name is sent in ASCII.
    Known(String),
    /// The caller withheld it (`P`).
    Private,
    /// The network does not know it (`O`, out of area).
    Unavailable,
}

/// Date and time of the call, local.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct When {
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

impl When {
    fn digits(self) -> [u8; 8] {
        let pair = |v: u8, max: u8| {
            let v = v.min(max);
            [b'0' + v / 10, b'0' + v % 10]
        };
        let ([a, b], [c, d]) = (pair(self.month, 12), pair(self.day, 31));
        let ([e, f], [g, h]) = (pair(self.hour, 23), pair(self.minute, 59));
        [a, b, c, d, e, f, g, h]
    }
}

/// What a telephone is told about a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallSetup {
    /// Left out when unknown, except in SDMF, which then sends zeros.
    pub when: Option<When>,
    /// Calling number.
    pub number: Party,
    /// Calling name.
    pub name: Party,
}

/// Single data message, call setup (type 0x04, GR-30-CORE): MMDDhhmm, then the number, or `O` or `P`.
#[must_use]
pub fn sdmf_call(call: &CallSetup) -> Vec<u8> {
    let zeros = When { month: 0, day: 0, hour: 0, minute: 0 };
    let mut data = call.when.unwrap_or(zeros).digits().to_vec();
    match number(&call.number) {
        Ok(digits) => data.extend(digits),
        Err(reason) => data.push(reason),
    }
    message(0x04, &data)
}

/// Multiple data message, call setup (type 0x80), in the North American form: date and time, number or reason,
/// name or reason.
#[must_use]
pub fn mdmf_call(call: &CallSetup) -> Vec<u8> {
    message(0x80, &call_parameters(call, MAX_NAME_US))
}

/// Call setup in ETSI's form (EN 300 659-3): as [`mdmf_call`], with a longer name and the call type.
#[must_use]
pub fn etsi_call(call: &CallSetup) -> Vec<u8> {
    let mut data = parameter(0x11, &[0x01]);
    data.extend(call_parameters(call, MAX_NAME_ETSI));
    message(0x80, &data)
}

/// Single data message, message waiting (type 0x06): for the oldest American sets.
#[must_use]
pub fn sdmf_mwi(on: bool) -> Vec<u8> {
    message(0x06, &[if on { 0x42 } else { 0x6F }; 3])
}

/// Multiple data message, message waiting (type 0x82): the visual indicator alone.
#[must_use]
pub fn mdmf_mwi(on: bool) -> Vec<u8> {
    message(0x82, &visual_indicator(on))
}

/// Message waiting in ETSI's form: date and time, indicator, and how many messages wait (255 and more as 255).
#[must_use]
pub fn etsi_mwi(on: bool, when: Option<When>, waiting: Option<u32>) -> Vec<u8> {
    let mut data = Vec::new();
    if let Some(when) = when {
        data.extend(parameter(0x01, &when.digits()));
    }
    data.extend(visual_indicator(on));
    if let Some(waiting) = waiting {
        data.extend(parameter(0x13, &[waiting.min(255) as u8]));
    }
    message(0x82, &data)
}

/// NTT's call setup frame with its parity bits and CRC. A name has no place in it.
///
/// An octet 0x10 in the data would have to be sent twice, and receivers don't agree on what the CRC then
/// covers; so numbers are cut to 15 digits and the number type is left out where its two octets would make
/// a length of 16 (numbers of eleven digits: every Japanese mobile telephone).
#[must_use]
pub fn ntt_call(call: &CallSetup) -> Vec<u8> {
    const DLE: u8 = 0x10;
    const SOH: u8 = 0x01;
    const STX: u8 = 0x02;
    const ETX: u8 = 0x03;
    let mut data = Vec::new();
    match number(&call.number) {
        Ok(digits) => {
            data.extend(parameter(0x02, digits.get(..15).unwrap_or(&digits)));
            if data.len() + 3 != usize::from(DLE) {
                data.extend(parameter(0x21, &[0x40]));
            }
        }
        Err(reason) => data.extend(parameter(0x04, &[reason])),
    }
    let mut covered = vec![0x07, DLE, STX, 0x40, data.len() as u8];
    covered.extend(data);
    covered.extend([DLE, ETX]);
    let covered: Vec<u8> = covered.into_iter().map(even_parity).collect();
    let crc = crc_ntt(&covered).to_le_bytes();
    let mut frame = vec![even_parity(DLE), even_parity(SOH)];
    frame.extend(covered);
    frame.extend(crc);
    frame
}

/// The national forms of caller ID by DTMF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtmfForm {
    /// `A` number `C`, or `B` and a reason (00 unavailable, 10 restricted): ETSI EN 300 659-3.
    Etsi,
    /// `A` number `#`, or `D1#` restricted, `D3#` not available: Denmark.
    Hash,
    /// Start, number, stop; for a withheld number the ETSI reason between them. `caller-id mode DTMF`.
    Between {
        /// One of `A B C D # *`.
        start: char,
        /// One of `A B C D # *`.
        stop: char,
    },
}

/// Digits that tell the number, for [`crate::dtmf::sequence`]; at most 26.
///
/// ```
/// use media::callerid::{DtmfForm, Party, dtmf_digits};
/// assert_eq!(dtmf_digits(DtmfForm::Etsi, &Party::Known("31 44 55".into())), "A314455C");
/// assert_eq!(dtmf_digits(DtmfForm::Etsi, &Party::Private), "B10C");
/// assert_eq!(dtmf_digits(DtmfForm::Hash, &Party::Private), "D1#");
/// ```
#[must_use]
pub fn dtmf_digits(form: DtmfForm, party: &Party) -> String {
    let digits = number(party)
        .ok()
        .map(|digits| digits.into_iter().filter(u8::is_ascii_digit).map(char::from).collect::<String>());
    let private = *party == Party::Private;
    match (form, digits.filter(|d| !d.is_empty())) {
        (DtmfForm::Etsi, Some(digits)) => format!("A{digits}C"),
        (DtmfForm::Etsi, None) => format!("B{}C", if private { "10" } else { "00" }),
        (DtmfForm::Hash, Some(digits)) => format!("A{digits}#"),
        (DtmfForm::Hash, None) => if private { "D1#" } else { "D3#" }.to_owned(),
        (DtmfForm::Between { start, stop }, Some(digits)) => format!("{start}{digits}{stop}"),
        (DtmfForm::Between { start, stop }, None) => {
            format!("{start}{}{stop}", if private { "10" } else { "00" })
        }
    }
}

/// Whether all octets of an SDMF or MDMF message with its checksum add to 0 modulo 256.
#[must_use]
pub fn checksum_ok(message: &[u8]) -> bool {
    message.len() > 2 && message.iter().fold(0u8, |sum, o| sum.wrapping_add(*o)) == 0
}

fn message(kind: u8, data: &[u8]) -> Vec<u8> {
    let data = data.get(..255).unwrap_or(data);
    let mut out = vec![kind, data.len() as u8];
    out.extend(data);
    let sum = out.iter().fold(0u8, |sum, o| sum.wrapping_add(*o));
    out.push(sum.wrapping_neg());
    out
}

fn parameter(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, body.len() as u8];
    out.extend(body);
    out
}

fn visual_indicator(on: bool) -> Vec<u8> {
    parameter(0x0B, &[if on { 0xFF } else { 0x00 }])
}

fn call_parameters(call: &CallSetup, max_name: usize) -> Vec<u8> {
    let mut data = Vec::new();
    if let Some(when) = call.when {
        data.extend(parameter(0x01, &when.digits()));
    }
    data.extend(match number(&call.number) {
        Ok(digits) => parameter(0x02, &digits),
        Err(reason) => parameter(0x04, &[reason]),
    });
    data.extend(match name(&call.name, max_name) {
        Ok(name) => parameter(0x07, &name),
        Err(reason) => parameter(0x08, &[reason]),
    });
    data
}

/// The digits to send, or the reason there are none.
fn number(party: &Party) -> Result<Vec<u8>, u8> {
    let digits: Vec<u8> = match party {
        Party::Known(text) => {
            text.bytes().filter(|b| b.is_ascii_digit() || b"*#+".contains(b)).take(MAX_NUMBER).collect()
        }
        Party::Private => return Err(b'P'),
        Party::Unavailable => return Err(b'O'),
    };
    if digits.is_empty() { Err(b'O') } else { Ok(digits) }
}

fn name(party: &Party, max: usize) -> Result<Vec<u8>, u8> {
    let text: Vec<u8> = match party {
        Party::Known(text) => text.trim().chars().take(max).map(ascii).collect(),
        Party::Private => return Err(b'P'),
        Party::Unavailable => return Err(b'O'),
    };
    if text.is_empty() { Err(b'O') } else { Ok(text) }
}

/// Sets show ASCII. The letters of western Europe become their nearest, all else a question mark.
fn ascii(c: char) -> u8 {
    match c {
        ' '..='~' => c as u8,
        'À'..='Å' | 'Æ' => b'A',
        'Ç' => b'C',
        'È'..='Ë' => b'E',
        'Ì'..='Ï' => b'I',
        'Ñ' => b'N',
        'Ò'..='Ö' | 'Ø' => b'O',
        'Ù'..='Ü' => b'U',
        'Ý' => b'Y',
        'ß' => b's',
        'à'..='å' | 'æ' => b'a',
        'ç' => b'c',
        'è'..='ë' => b'e',
        'ì'..='ï' => b'i',
        'ñ' => b'n',
        'ò'..='ö' | 'ø' => b'o',
        'ù'..='ü' => b'u',
        'ý' | 'ÿ' => b'y',
        c if c.is_control() || c.is_whitespace() => b' ',
        _ => b'?',
    }
}

fn even_parity(octet: u8) -> u8 {
    let seven = octet & 0x7F;
    seven | if seven.count_ones() % 2 == 1 { 0x80 } else { 0 }
}

/// The X.25 polynomial, lowest bit first, from zero, without inversion.
fn crc_ntt(octets: &[u8]) -> u16 {
    octets.iter().fold(0u16, |crc, &octet| {
        (0..8).fold(crc ^ u16::from(octet), |c, _| if c & 1 == 1 { c >> 1 ^ 0x8408 } else { c >> 1 })
    })
}

#[cfg(test)]
mod tests;
