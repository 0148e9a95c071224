//! The message: header, and the elements in the order they came.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Repr, ie};

/// Q.931's protocol discriminator.
pub(crate) const DISCRIMINATOR: u8 = 0x08;

/// The protocol discriminators of North American maintenance messages (SERVICE): TR 41449's, and National ISDN's, as libpri has
/// them. The two message types are exchanged in the second.
pub const MAINTENANCE: [u8; 2] = [0x03, NATIONAL_MAINTENANCE];
const NATIONAL_MAINTENANCE: u8 = 0x43;

/// A call reference, Q.931 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallReference {
    /// 0 is the global call reference (RESTART); calls have 1..=32767 on a primary rate interface.
    pub value: u16,
    /// The flag: false in messages from the side that chose the value, true in messages to it.
    pub flag: bool,
    /// Octets of the value on the wire: 0 (dummy call reference), 1 (basic rate) or 2.
    pub octets: u8,
}

impl CallReference {
    /// The two-octet call reference of a primary rate interface.
    pub fn new(value: u16, flag: bool) -> Self {
        Self { value: value & 0x7FFF, flag, octets: 2 }
    }

    /// The dummy call reference, which is not there at all: connectionless work.
    pub const DUMMY: Self = Self { value: 0, flag: false, octets: 0 };

    /// The same call seen from the other side: the flag turned round.
    pub fn reply(self) -> Self {
        Self { flag: !self.flag, ..self }
    }
}

/// A message type octet, Q.931 table 4-2. `Display` gives the name IOS prints (`SETUP_ACK`, `RELEASE_COMP`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageType(pub u8);

macro_rules! message_types {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl MessageType {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// The name as IOS prints it, `None` for types Q.931 and QSIG do not define.
            pub fn name(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($text),)* _ => None }
            }
        }
    };
}

message_types! {
    /// ALERTING.
    ALERTING = 0x01, "ALERTING";
    /// CALL PROCEEDING.
    CALL_PROCEEDING = 0x02, "CALL_PROC";
    /// PROGRESS.
    PROGRESS = 0x03, "PROGRESS";
    /// SETUP.
    SETUP = 0x05, "SETUP";
    /// CONNECT.
    CONNECT = 0x07, "CONNECT";
    /// SETUP ACKNOWLEDGE.
    SETUP_ACKNOWLEDGE = 0x0D, "SETUP_ACK";
    /// CONNECT ACKNOWLEDGE.
    CONNECT_ACKNOWLEDGE = 0x0F, "CONNECT_ACK";
    /// USER INFORMATION.
    USER_INFORMATION = 0x20, "USER_INFO";
    /// SUSPEND REJECT.
    SUSPEND_REJECT = 0x21, "SUSPEND_REJ";
    /// RESUME REJECT.
    RESUME_REJECT = 0x22, "RESUME_REJ";
    /// HOLD.
    HOLD = 0x24, "HOLD";
    /// SUSPEND.
    SUSPEND = 0x25, "SUSPEND";
    /// RESUME.
    RESUME = 0x26, "RESUME";
    /// SUSPEND ACKNOWLEDGE.
    SUSPEND_ACKNOWLEDGE = 0x2D, "SUSPEND_ACK";
    /// RESUME ACKNOWLEDGE.
    RESUME_ACKNOWLEDGE = 0x2E, "RESUME_ACK";
    /// HOLD ACKNOWLEDGE.
    HOLD_ACKNOWLEDGE = 0x28, "HOLD_ACK";
    /// HOLD REJECT.
    HOLD_REJECT = 0x30, "HOLD_REJ";
    /// RETRIEVE.
    RETRIEVE = 0x31, "RETRIEVE";
    /// RETRIEVE ACKNOWLEDGE.
    RETRIEVE_ACKNOWLEDGE = 0x33, "RETRIEVE_ACK";
    /// RETRIEVE REJECT.
    RETRIEVE_REJECT = 0x37, "RETRIEVE_REJ";
    /// DISCONNECT.
    DISCONNECT = 0x45, "DISCONNECT";
    /// RESTART.
    RESTART = 0x46, "RESTART";
    /// RELEASE.
    RELEASE = 0x4D, "RELEASE";
    /// RESTART ACKNOWLEDGE.
    RESTART_ACKNOWLEDGE = 0x4E, "RESTART_ACK";
    /// RELEASE COMPLETE.
    RELEASE_COMPLETE = 0x5A, "RELEASE_COMP";
    /// SEGMENT.
    SEGMENT = 0x60, "SEGMENT";
    /// FACILITY.
    FACILITY = 0x62, "FACILITY";
    /// REGISTER (Q.932; not in QSIG).
    REGISTER = 0x64, "REGISTER";
    /// NOTIFY.
    NOTIFY = 0x6E, "NOTIFY";
    /// STATUS ENQUIRY.
    STATUS_ENQUIRY = 0x75, "STATUS_ENQ";
    /// CONGESTION CONTROL.
    CONGESTION_CONTROL = 0x79, "CON_CON";
    /// INFORMATION.
    INFORMATION = 0x7B, "INFORMATION";
    /// STATUS.
    STATUS = 0x7D, "STATUS";
}

impl MessageType {
    /// SERVICE ACKNOWLEDGE, with a protocol discriminator of [`MAINTENANCE`] only; 0x0F on the wire with the second one.
    pub const SERVICE_ACKNOWLEDGE: Self = Self(0x07);
    /// SERVICE, with a protocol discriminator of [`MAINTENANCE`] only; 0x07 on the wire with the second one.
    pub const SERVICE: Self = Self(0x0F);

    /// The octet behind a protocol discriminator, and the type of one.
    fn behind(self, discriminator: u8) -> Self {
        match self {
            Self::SERVICE if discriminator == NATIONAL_MAINTENANCE => Self::SERVICE_ACKNOWLEDGE,
            Self::SERVICE_ACKNOWLEDGE if discriminator == NATIONAL_MAINTENANCE => Self::SERVICE,
            other => other,
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN(0x{:02X})", self.0),
        }
    }
}

/// One information element in its place in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The codeset it was read in, 0 to 7; a shift element carries the codeset it shifts *to*.
    pub codeset: u8,
    /// The identifier octet; for single-octet elements the whole octet.
    pub id: u8,
    /// The contents after the length octet, at most 255 octets; empty for single-octet elements.
    pub body: Bytes,
}

impl Element {
    /// A codeset 0 element.
    ///
    /// Contents longer than 255 octets are cut at 255, which the sender's length check makes unreachable.
    pub fn new(id: u8, body: impl Into<Bytes>) -> Self {
        let mut body = body.into();
        body.truncate(255);
        Self { codeset: 0, id, body }
    }

    /// A single-octet codeset 0 element, such as [`ie::SENDING_COMPLETE`].
    pub fn single(id: u8) -> Self {
        Self { codeset: 0, id: id | 0x80, body: Bytes::new() }
    }

    /// A shift to `codeset`: non-locking for the next element only, or locking.
    pub fn shift(codeset: u8, locking: bool) -> Self {
        Self { codeset: codeset & 7, id: 0x90 | u8::from(!locking) << 3 | codeset & 7, body: Bytes::new() }
    }

    /// Whether this is a locking or non-locking shift.
    pub fn is_shift(&self) -> bool {
        self.id & 0xF0 == 0x90
    }

    fn emit(&self, out: &mut impl BufMut) {
        out.put_u8(self.id);
        if self.id & 0x80 == 0 {
            out.put_u8(u8::try_from(self.body.len()).unwrap_or(255));
            out.put_slice(&self.body);
        }
    }

    pub(crate) fn len(&self) -> usize {
        if self.id & 0x80 == 0 { 2 + self.body.len() } else { 1 }
    }
}

/// A Q.931 message.
///
/// ```
/// use qsig::q931::{Message, MessageType, ie};
/// let octets = [0x08, 0x02, 0x80, 0x01, 0x5A, 0x08, 0x02, 0x81, 0xC5];
/// let message = Message::parse(&octets)?;
/// assert_eq!(message.kind, MessageType::RELEASE_COMPLETE);
/// assert_eq!(message.cause().map(|c| c.value), Some(69));
/// assert_eq!(&message.to_bytes()[..], octets);
/// # Ok::<(), qsig::q931::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose call it is.
    pub call_reference: CallReference,
    /// What it says.
    pub kind: MessageType,
    /// The elements in order, shifts included.
    pub elements: Vec<Element>,
}

/// Why octets are not a Q.931 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Q.931 5.8.2: a message too short for discriminator, call reference and type is ignored.
    #[error("message of {0} octets ends before its message type")]
    TooShort(usize),
    /// Q.931 5.8.1: an unknown protocol discriminator is ignored.
    #[error("protocol discriminator {0:#04x}, expected 0x08")]
    Discriminator(u8),
    /// Q.931 5.8.3.1: an invalid call reference format is ignored.
    #[error("call reference length octet {0:#04x}, expected 0, 1 or 2")]
    CallReference(u8),
}

impl Message {
    /// A message without elements.
    pub fn new(call_reference: CallReference, kind: MessageType) -> Self {
        Self { call_reference, kind, elements: Vec::new() }
    }

    /// Reads a message. An element whose length runs past the end is dropped with all after it, as Q.931 5.8.6 and
    /// 5.8.7 treat it as an element with invalid contents; [`Message::parse_checked`] tells.
    ///
    /// # Errors
    /// [`ParseError`]; each is a reason to ignore the message.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        Self::parse_checked(octets).map(|(message, _)| message)
    }

    /// Reads a maintenance message (SERVICE, SERVICE ACKNOWLEDGE): the same layout behind a protocol discriminator of
    /// [`MAINTENANCE`], which is the first value.
    ///
    /// # Errors
    /// [`ParseError`]; each is a reason to ignore the message.
    pub fn parse_maintenance(octets: &[u8]) -> Result<(u8, Self), ParseError> {
        let &[discriminator, ref rest @ ..] = octets else { return Err(ParseError::TooShort(0)) };
        if !MAINTENANCE.contains(&discriminator) {
            return Err(ParseError::Discriminator(discriminator));
        }
        let (mut message, _) = Self::parse_rest(rest)?;
        message.kind = message.kind.behind(discriminator);
        Ok((discriminator, message))
    }

    /// As [`Message::parse`]; the second value is false if the last element was cut off.
    ///
    /// # Errors
    /// [`ParseError`]; each is a reason to ignore the message.
    pub fn parse_checked(octets: &[u8]) -> Result<(Self, bool), ParseError> {
        let &[discriminator, ref rest @ ..] = octets else { return Err(ParseError::TooShort(0)) };
        if discriminator != DISCRIMINATOR {
            return Err(if rest.is_empty() {
                ParseError::TooShort(1)
            } else {
                ParseError::Discriminator(discriminator)
            });
        }
        Self::parse_rest(rest)
    }

    /// What stands behind the protocol discriminator.
    fn parse_rest(octets: &[u8]) -> Result<(Self, bool), ParseError> {
        let short = ParseError::TooShort(1 + octets.len());
        let &[length, ref rest @ ..] = octets else { return Err(short) };
        let (call_reference, rest) = match (length, rest) {
            (0, rest) => (CallReference { value: 0, flag: false, octets: 0 }, rest),
            (1, &[a, ref rest @ ..]) => {
                (CallReference { value: u16::from(a & 0x7F), flag: a & 0x80 != 0, octets: 1 }, rest)
            }
            (2, &[a, b, ref rest @ ..]) => {
                let value = u16::from_be_bytes([a & 0x7F, b]);
                (CallReference { value, flag: a & 0x80 != 0, octets: 2 }, rest)
            }
            (1 | 2, _) => return Err(short),
            (other, _) => return Err(ParseError::CallReference(other)),
        };
        let &[kind, ref rest @ ..] = rest else { return Err(short) };
        let base = Bytes::copy_from_slice(rest);
        let (elements, whole) = elements(&base);
        Ok((Self { call_reference, kind: MessageType(kind), elements }, whole))
    }

    /// The octets of the message.
    pub fn to_bytes(&self) -> Bytes {
        self.to_bytes_as(DISCRIMINATOR)
    }

    /// The octets behind another protocol discriminator, one of [`MAINTENANCE`].
    pub fn to_bytes_as(&self, discriminator: u8) -> Bytes {
        let mut out = BytesMut::with_capacity(self.len());
        out.put_slice(&[discriminator, self.call_reference.octets.min(2)]);
        let flag = u8::from(self.call_reference.flag) << 7;
        let [high, low] = self.call_reference.value.to_be_bytes();
        match self.call_reference.octets {
            0 => {}
            1 => out.put_u8(flag | low & 0x7F),
            _ => out.put_slice(&[flag | high & 0x7F, low]),
        }
        out.put_u8(self.kind.behind(discriminator).0);
        for element in &self.elements {
            element.emit(&mut out);
        }
        out.freeze()
    }

    /// Octets of the message on the wire.
    #[expect(clippy::len_without_is_empty, reason = "a message is never empty")]
    pub fn len(&self) -> usize {
        3 + usize::from(self.call_reference.octets.min(2))
            + self.elements.iter().map(Element::len).sum::<usize>()
    }

    /// Adds an element at the end.
    #[must_use]
    pub fn with(mut self, element: Element) -> Self {
        self.elements.push(element);
        self
    }

    /// The contents of the first codeset 0 element `id`; Q.931 5.8.5.2 lets repeated elements count once.
    pub fn get(&self, id: u8) -> Option<&Bytes> {
        self.all(id).next()
    }

    /// The contents of every codeset 0 element `id`, in order (Facility and Progress may be repeated).
    pub fn all(&self, id: u8) -> impl Iterator<Item = &Bytes> {
        self.elements.iter().filter(move |e| e.codeset == 0 && e.id == id && !e.is_shift()).map(|e| &e.body)
    }

    /// The meaning of the first codeset 0 element of a kind, if it is there and can be read.
    pub fn read<T: Repr>(&self) -> Option<T> {
        self.get(T::ID).and_then(|body| T::parse(body))
    }

    /// The cause, if there is one that can be read.
    pub fn cause(&self) -> Option<super::Cause> {
        self.get(ie::CAUSE).and_then(|body| super::Cause::parse(body))
    }

    /// The call state of a STATUS message.
    pub fn call_state(&self) -> Option<u8> {
        self.get(ie::CALL_STATE).and_then(|body| body.first()).map(|octet| octet & 0x3F)
    }
}

/// Walks the elements of a message body. False: the last one ran past the end and is left out.
fn elements(base: &Bytes) -> (Vec<Element>, bool) {
    let mut found = Vec::with_capacity(8);
    let (mut at, mut locked, mut once) = (0, 0, None);
    while let Some(&id) = base.get(at) {
        if id & 0xF0 == 0x90 {
            let codeset = id & 7;
            //= Q.931 4.5.3: a locking shift goes only to a higher codeset; a lower one is ignored.
            match id & 8 {
                0 if codeset > locked => locked = codeset,
                0 => {}
                _ => once = Some(codeset),
            }
            found.push(Element { codeset, id, body: Bytes::new() });
            at += 1;
            continue;
        }
        let codeset = once.take().unwrap_or(locked);
        if id & 0x80 != 0 {
            found.push(Element { codeset, id, body: Bytes::new() });
            at += 1;
            continue;
        }
        let end = base.get(at + 1).map(|&length| at + 2 + usize::from(length));
        match end {
            Some(end) if end <= base.len() => {
                found.push(Element { codeset, id, body: base.slice(at + 2..end) });
                at = end;
            }
            _ => return (found, false),
        }
    }
    (found, true)
}
