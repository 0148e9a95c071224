//! One Q.921 frame: `View` and `Repr` in one, since the information field stays borrowed.

use super::Side;

/// Supervisory frames, Q.921 3.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisoryKind {
    /// RR, receive ready.
    ReceiveReady,
    /// RNR, receive not ready.
    ReceiveNotReady,
    /// REJ, reject.
    Reject,
}

/// Unnumbered frames, Q.921 3.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnnumberedKind {
    /// SABME, set asynchronous balanced mode extended (command).
    Sabme,
    /// DM, disconnected mode (response).
    Dm,
    /// UI, unnumbered information (command); TEI management and broadcast, both unused on a PRI.
    Ui,
    /// DISC, disconnect (command).
    Disc,
    /// UA, unnumbered acknowledgement (response).
    Ua,
    /// FRMR, frame reject (response).
    Frmr,
    /// XID, exchange identification (command and response).
    Xid,
}

/// The control field, Q.921 table 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// I frame: numbered information.
    Information {
        /// N(S), 0..=127.
        ns: u8,
        /// N(R), 0..=127.
        nr: u8,
    },
    /// RR, RNR or REJ.
    Supervisory {
        /// Which of the three.
        kind: SupervisoryKind,
        /// N(R), 0..=127.
        nr: u8,
    },
    /// One of the unnumbered frames.
    Unnumbered(UnnumberedKind),
}

/// A frame from the address octets to the last octet of the information field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Service access point identifier, 0..=63; 0 is call control.
    pub sapi: u8,
    /// Terminal endpoint identifier, 0..=127; 0 on a PRI.
    pub tei: u8,
    /// The C/R bit as it stands on the wire; see [`Frame::is_command_from`].
    pub cr: bool,
    /// The control field without its P/F bit.
    pub control: Control,
    /// The poll bit of a command, the final bit of a response.
    pub pf: bool,
    /// The information field; empty in frames that have none.
    pub information: &'a [u8],
}

/// Why octets are not a Q.921 frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too short for its address and control field (Q.921 2.9 b): such a frame is discarded without notice.
    #[error("frame of {0} octets, expected at least 3 (4 for a numbered frame)")]
    TooShort(usize),
    /// The address field's extension bits are not 0 and 1 (Q.921 2.9 e).
    #[error("address octets {0:02x} {1:02x}, expected extension bits 0 and 1")]
    Address(u8, u8),
    /// A control octet Q.921 does not define; a frame reject condition (Q.921 3.6.1, 5.8.5).
    #[error("control octet {0:02x} is not defined in Q.921")]
    Control(u8),
    /// A supervisory or unnumbered frame carries octets it must not have (Q.921 5.8.5).
    #[error("frame has {0} octets after its control field, expected none")]
    Length(usize),
}

impl FrameError {
    /// Whether Q.921 5.8.5 makes this a frame reject condition, which re-establishes the link.
    pub fn is_frame_reject(self) -> bool {
        matches!(self, Self::Control(_) | Self::Length(_))
    }
}

const POLL_U: u8 = 0x10;

impl UnnumberedKind {
    fn octet(self) -> u8 {
        match self {
            Self::Sabme => 0x6F,
            Self::Dm => 0x0F,
            Self::Ui => 0x03,
            Self::Disc => 0x43,
            Self::Ua => 0x63,
            Self::Frmr => 0x87,
            Self::Xid => 0xAF,
        }
    }

    fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet & !POLL_U {
            0x6F => Self::Sabme,
            0x0F => Self::Dm,
            0x03 => Self::Ui,
            0x43 => Self::Disc,
            0x63 => Self::Ua,
            0x87 => Self::Frmr,
            0xAF => Self::Xid,
            _ => return None,
        })
    }

    fn has_information(self) -> bool {
        matches!(self, Self::Ui | Self::Frmr | Self::Xid)
    }
}

impl SupervisoryKind {
    fn octet(self) -> u8 {
        match self {
            Self::ReceiveReady => 0x01,
            Self::ReceiveNotReady => 0x05,
            Self::Reject => 0x09,
        }
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`] says which rule of Q.921 2.9 or 5.8.5 the octets break.
    ///
    /// ```
    /// use qsig::lapd::{Control, Frame, UnnumberedKind};
    /// let frame = Frame::parse(&[0x02, 0x01, 0x7F])?;
    /// assert_eq!((frame.control, frame.pf), (Control::Unnumbered(UnnumberedKind::Sabme), true));
    /// # Ok::<(), qsig::lapd::FrameError>(())
    /// ```
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let &[a1, a2, c1, ref rest @ ..] = octets else { return Err(FrameError::TooShort(octets.len())) };
        if a1 & 1 != 0 || a2 & 1 != 1 {
            return Err(FrameError::Address(a1, a2));
        }
        let (control, pf, information) = if c1 & 3 == 3 {
            let kind = UnnumberedKind::from_octet(c1).ok_or(FrameError::Control(c1))?;
            if !kind.has_information() && !rest.is_empty() {
                return Err(FrameError::Length(rest.len()));
            }
            (Control::Unnumbered(kind), c1 & POLL_U != 0, rest)
        } else {
            let &[c2, ref information @ ..] = rest else { return Err(FrameError::TooShort(octets.len())) };
            let (nr, pf) = (c2 >> 1, c2 & 1 != 0);
            if c1 & 1 == 0 {
                (Control::Information { ns: c1 >> 1, nr }, pf, information)
            } else {
                let kind = match c1 {
                    0x01 => SupervisoryKind::ReceiveReady,
                    0x05 => SupervisoryKind::ReceiveNotReady,
                    0x09 => SupervisoryKind::Reject,
                    other => return Err(FrameError::Control(other)),
                };
                if !information.is_empty() {
                    return Err(FrameError::Length(information.len()));
                }
                (Control::Supervisory { kind, nr }, pf, information)
            }
        };
        Ok(Self { sapi: a1 >> 2, tei: a2 >> 1, cr: a1 & 2 != 0, control, pf, information })
    }

    /// Whether this is a command, given the side that sent it.
    ///
    /// `//= Q.921 3.3.2`: the user side sends commands with C/R 0 and responses with C/R 1, the network side the
    /// other way round.
    pub fn is_command_from(&self, sender: Side) -> bool {
        self.cr == (sender == Side::Network)
    }

    /// Appends the frame's octets to `out`.
    pub fn emit(&self, out: &mut impl bytes::BufMut) {
        out.put_u8(self.sapi << 2 | u8::from(self.cr) << 1);
        out.put_u8(self.tei << 1 | 1);
        let pf = u8::from(self.pf);
        match self.control {
            Control::Information { ns, nr } => out.put_slice(&[ns << 1, nr << 1 | pf]),
            Control::Supervisory { kind, nr } => out.put_slice(&[kind.octet(), nr << 1 | pf]),
            Control::Unnumbered(kind) => out.put_u8(kind.octet() | (pf * POLL_U)),
        }
        out.put_slice(self.information);
    }

    /// The frame's octets.
    pub fn to_bytes(&self) -> bytes::Bytes {
        let mut out = bytes::BytesMut::with_capacity(4 + self.information.len());
        self.emit(&mut out);
        out.freeze()
    }
}

/// The information field of FRMR, Q.921 3.6.11: which frame was rejected, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameReject {
    /// The control field of the rejected frame; the second octet is 0 for an unnumbered one.
    pub control: [u8; 2],
    /// V(S) of the side that rejects, 0..=127.
    pub vs: u8,
    /// V(R) of the side that rejects, 0..=127.
    pub vr: u8,
    /// Whether the rejected frame was a response.
    pub response: bool,
    /// W: the control field is undefined.
    pub undefined: bool,
    /// X: information was not permitted; W is set as well.
    pub not_permitted: bool,
    /// Y: the information field was longer than N201.
    pub too_long: bool,
    /// Z: N(R) was invalid.
    pub bad_nr: bool,
}

impl FrameReject {
    /// The report about a frame whose control field begins with `control`.
    pub fn new(control: &[u8], vs: u8, vr: u8, response: bool, error: FrameError) -> Self {
        let at = |place: usize| control.get(place).copied().unwrap_or(0);
        let unnumbered = at(0) & 3 == 3;
        let information = at(0) & 1 == 0;
        let length = matches!(error, FrameError::Length(_));
        Self {
            control: [at(0), if unnumbered { 0 } else { at(1) }],
            vs: vs & 0x7F,
            vr: vr & 0x7F,
            response,
            undefined: !(length && information),
            not_permitted: length && !information,
            too_long: length && information,
            bad_nr: false,
        }
    }

    /// Reads the field; `None` if it is not five octets long.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let &[c1, c2, vs, vr, why] = octets else { return None };
        Some(Self {
            control: [c1, c2],
            vs: vs >> 1,
            vr: vr >> 1,
            response: vr & 1 != 0,
            undefined: why & 1 != 0,
            not_permitted: why & 2 != 0,
            too_long: why & 4 != 0,
            bad_nr: why & 8 != 0,
        })
    }

    /// The five octets of the field.
    pub fn to_octets(&self) -> [u8; 5] {
        let why = u8::from(self.undefined)
            | u8::from(self.not_permitted) << 1
            | u8::from(self.too_long) << 2
            | u8::from(self.bad_nr) << 3;
        let [c1, c2] = self.control;
        [c1, c2, self.vs << 1, self.vr << 1 | u8::from(self.response), why]
    }
}
