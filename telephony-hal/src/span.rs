//! Contracts of a primary rate span and of its 64 kbit/s bearer channels.

use std::task::{Context, Poll};

use crate::{DChannel, HalError};

/// The two primary rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// 2048 kbit/s: bearer timeslots 1 to 15 and 17 to 31, signalling in 16, A-law.
    E1,
    /// 1544 kbit/s: bearer timeslots 1 to 23, signalling in 24, µ-law.
    T1,
}

impl SpanKind {
    /// The timeslot of the D channel.
    pub fn d_timeslot(self) -> u8 {
        match self {
            Self::E1 => 16,
            Self::T1 => 24,
        }
    }

    /// Whether `timeslot` carries a bearer channel.
    ///
    /// ```
    /// use telephony_hal::SpanKind;
    /// assert_eq!((0..=255).filter(|slot| SpanKind::E1.is_bearer(*slot)).count(), 30);
    /// assert_eq!((0..=255).filter(|slot| SpanKind::T1.is_bearer(*slot)).count(), 23);
    /// ```
    pub fn is_bearer(self, timeslot: u8) -> bool {
        match self {
            Self::E1 => matches!(timeslot, 1..=15 | 17..=31),
            Self::T1 => matches!(timeslot, 1..=23),
        }
    }
}

/// What is wrong with a span, seen from here; several at a time. None is the healthy state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarms {
    /// Red: no signal, or no frame alignment.
    pub loss_of_signal: bool,
    /// Yellow: the far end says that it does not hear us (RAI).
    pub remote: bool,
    /// Blue: all ones, the far end or something between is out of service (AIS).
    pub all_ones: bool,
}

impl Alarms {
    /// Whether there is none.
    pub fn is_clear(self) -> bool {
        self == Self::default()
    }
}

/// Errors of the received signal since the span was opened, as its framer counts them. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineErrors {
    /// Violations of the line code (HDB3, B8ZS, AMI): bipolar violations and excessive zeros.
    pub code_violations: u64,
    /// CRC-4 or CRC-6 errors.
    pub crc_errors: u64,
    /// Controlled slips: a frame left out or repeated because the clocks differ.
    pub slips: u64,
    /// Losses of frame alignment.
    pub framing_losses: u64,
}

impl LineErrors {
    /// What was counted since an earlier reading.
    ///
    /// ```
    /// use telephony_hal::LineErrors;
    /// let earlier = LineErrors { slips: 2, ..LineErrors::default() };
    /// let now = LineErrors { slips: 5, crc_errors: 1, ..LineErrors::default() };
    /// assert_eq!(now.since(&earlier), LineErrors { slips: 3, crc_errors: 1, ..LineErrors::default() });
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            code_violations: self.code_violations.saturating_sub(earlier.code_violations),
            crc_errors: self.crc_errors.saturating_sub(earlier.crc_errors),
            slips: self.slips.saturating_sub(earlier.slips),
            framing_losses: self.framing_losses.saturating_sub(earlier.framing_losses),
        }
    }
}

/// Frame format of a primary rate line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// E1 with the CRC-4 multiframe (G.704).
    Crc4,
    /// E1 without it.
    NoCrc4,
    /// T1 in extended superframes.
    ExtendedSuperframe,
    /// T1 in superframes (D4).
    Superframe,
}

/// Line code of a primary rate line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineCode {
    /// HDB3, of E1.
    Hdb3,
    /// B8ZS, of T1.
    B8zs,
    /// AMI.
    Ami,
}

/// How a line is set and what its framer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineStatus {
    /// What is wrong now.
    pub alarms: Alarms,
    /// As set.
    pub framing: Framing,
    /// As set.
    pub code: LineCode,
    /// The board takes its clock from this line; else the line gets the board's.
    pub gives_clock: bool,
}

impl std::ops::AddAssign for LineErrors {
    fn add_assign(&mut self, more: Self) {
        self.code_violations = self.code_violations.saturating_add(more.code_violations);
        self.crc_errors = self.crc_errors.saturating_add(more.crc_errors);
        self.slips = self.slips.saturating_add(more.slips);
        self.framing_losses = self.framing_losses.saturating_add(more.framing_losses);
    }
}

/// A bearer channel: 8000 octets a second in each direction, as they are on the timeslot.
///
/// One task owns it. Nothing blocks; the caller paces. Octets are not interpreted: companding is the span's
/// law ([`SpanKind`]), and an unrestricted digital call passes unchanged. Dropping the channel makes its timeslot idle.
pub trait BChannel {
    /// The backend's error.
    type Error: HalError;

    /// Sends octets; returns how many were taken (from the front). Fewer when the backend's buffer is full.
    ///
    /// # Errors
    /// `Alarm` while the span is down: the octets are lost and the call may be kept. `Closed`, `Io`.
    fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error>;

    /// Reads octets into the front of `out`; returns how many. Zero means that nothing is there yet.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error>;
}

/// A pointer to a bearer is a bearer.
impl<T: BChannel + ?Sized> BChannel for Box<T> {
    type Error = T::Error;
    fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        (**self).write(octets)
    }
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        (**self).read(out)
    }
}

/// One span: its alarms, and the way to its channels.
///
/// The owner opens the D channel once and bearer channels as calls need them. Channels live on their own: each may belong
/// to another task than the span.
pub trait Span {
    /// The backend's error.
    type Error: HalError;
    /// Its D channel.
    type D: DChannel;
    /// Its bearer channels.
    type B: BChannel;

    /// E1 or T1. Constant for the life of the span.
    fn kind(&self) -> SpanKind;

    /// The alarms, when they have changed since the last poll. The first event tells the state at opening; a change that
    /// was undone between two polls is not told (the D channel tells it).
    ///
    /// # Errors
    /// `Closed`: the span is gone. Others: transient, poll again.
    fn poll_alarms(&mut self, cx: &mut Context<'_>) -> Poll<Result<Alarms, Self::Error>>;

    /// The framer's error counters.
    ///
    /// # Errors
    /// `Closed`, `Io`.
    fn line_errors(&mut self) -> Result<LineErrors, Self::Error>;

    /// How the line is set and what the framer sees; `None` where no framer is.
    ///
    /// # Errors
    /// `Closed`, `Io`.
    fn line_status(&mut self) -> Result<Option<LineStatus>, Self::Error> {
        Ok(None)
    }

    /// Opens the D channel.
    ///
    /// # Errors
    /// `Busy` when it is open already; `Closed`, `Io`.
    fn open_d(&mut self) -> Result<Self::D, Self::Error>;

    /// Opens the bearer channel in `timeslot`. Allowed in alarm too.
    ///
    /// # Errors
    /// `InvalidInput` when the timeslot is no bearer ([`SpanKind::is_bearer`]), `Busy` when it is open already; `Closed`, `Io`.
    fn open_b(&mut self, timeslot: u8) -> Result<Self::B, Self::Error>;
}
