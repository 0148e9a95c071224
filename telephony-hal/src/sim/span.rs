//! Two spans back to back, in memory: alarms, D channel and bearers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{Cable, SimTrunk, trunk_pair};
use crate::{Alarms, BChannel, ErrorKind, HalError, LineErrors, Span, SpanKind};

/// Octets that wait in a bearer for its reader (half a second); older ones are lost, as on a line that nobody reads.
pub const BEARER_BUFFER: usize = 4000;

/// What went wrong on a simulated span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimSpanError {
    /// The channel is open already.
    #[error("timeslot {timeslot} is open already, expected one owner")]
    Busy {
        /// Its timeslot.
        timeslot: u8,
    },
    /// The cable is out.
    #[error("the span is down, expected a plugged cable")]
    Down,
    /// No bearer channel is there.
    #[error("timeslot {timeslot} of {kind:?} is no bearer, expected 1 to 15, 17 to 31 (E1) or 1 to 23 (T1)")]
    NoBearer {
        /// The timeslot.
        timeslot: u8,
        /// The span's kind.
        kind: SpanKind,
    },
}

impl HalError for SimSpanError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Down => ErrorKind::Alarm,
            Self::NoBearer { .. } => ErrorKind::InvalidInput,
        }
    }
}

/// Two crossed spans with a plugged cable.
///
/// ```
/// use telephony_hal::{BChannel, Span, SpanKind, sim::span_pair};
/// let (mut user, mut network) = span_pair(SpanKind::E1);
/// let (mut here, mut there) = (user.open_b(1).unwrap(), network.open_b(1).unwrap());
/// here.write(&[0xd5; 160]).unwrap();
/// let mut octets = [0; 200];
/// assert_eq!(there.read(&mut octets).unwrap(), 160);
/// ```
pub fn span_pair(kind: SpanKind) -> (SimSpan, SimSpan) {
    let (a, b) = trunk_pair();
    let cable = a.cable();
    let shared = Arc::new(Mutex::new(Shared { ends: [End::default(), End::default()] }));
    let span = |side, trunk| SimSpan {
        kind,
        side,
        shared: Arc::clone(&shared),
        cable: cable.clone(),
        trunk: Some(trunk),
        told: None,
    };
    (span(0, a), span(1, b))
}

/// One end of [`span_pair`].
#[derive(Debug)]
pub struct SimSpan {
    kind: SpanKind,
    side: usize,
    shared: Arc<Mutex<Shared>>,
    cable: Cable,
    trunk: Option<SimTrunk>,
    told: Option<bool>,
}

impl SimSpan {
    /// A handle that cuts and mends the cable.
    pub fn cable(&self) -> SpanCable {
        SpanCable { cable: self.cable.clone(), shared: Arc::clone(&self.shared) }
    }
}

/// The cable between two [`SimSpan`]s: alarms, D channel and bearers together.
#[derive(Clone, Debug)]
pub struct SpanCable {
    cable: Cable,
    shared: Arc<Mutex<Shared>>,
}

impl SpanCable {
    /// Pulls the cable out: loss of signal at both ends, everything under way is lost.
    pub fn unplug(&self) {
        self.cable.unplug();
        let mut shared = lock(&self.shared);
        for end in &mut shared.ends {
            end.bearers.values_mut().for_each(|bearer| bearer.octets.clear());
            end.wake();
        }
    }

    /// Both ends receive these errors.
    pub fn disturb(&self, errors: LineErrors) {
        for end in &mut lock(&self.shared).ends {
            end.errors += errors;
        }
    }

    /// Puts it back.
    pub fn plug(&self) {
        self.cable.plug();
        lock(&self.shared).ends.iter_mut().for_each(End::wake);
    }
}

impl Span for SimSpan {
    type Error = SimSpanError;
    type D = SimTrunk;
    type B = SimBearer;

    fn kind(&self) -> SpanKind {
        self.kind
    }

    fn poll_alarms(&mut self, cx: &mut Context<'_>) -> Poll<Result<Alarms, SimSpanError>> {
        // Register before looking: a change between the two would be missed.
        if let Some(end) = lock(&self.shared).ends.get_mut(self.side) {
            end.waker = Some(cx.waker().clone());
        }
        let up = self.cable.is_plugged();
        if self.told == Some(up) {
            return Poll::Pending;
        }
        self.told = Some(up);
        Poll::Ready(Ok(Alarms { loss_of_signal: !up, ..Alarms::default() }))
    }

    fn line_errors(&mut self) -> Result<LineErrors, SimSpanError> {
        Ok(lock(&self.shared).ends.get(self.side).map_or_else(LineErrors::default, |end| end.errors))
    }

    fn open_d(&mut self) -> Result<SimTrunk, SimSpanError> {
        self.trunk.take().ok_or(SimSpanError::Busy { timeslot: self.kind.d_timeslot() })
    }

    fn open_b(&mut self, timeslot: u8) -> Result<SimBearer, SimSpanError> {
        if !self.kind.is_bearer(timeslot) {
            return Err(SimSpanError::NoBearer { timeslot, kind: self.kind });
        }
        let mut shared = lock(&self.shared);
        if let Some(end) = shared.ends.get_mut(self.side) {
            let bearer = end.bearers.entry(timeslot).or_default();
            if bearer.open {
                return Err(SimSpanError::Busy { timeslot });
            }
            *bearer = Bearer { open: true, octets: VecDeque::new() };
        }
        Ok(SimBearer {
            timeslot,
            side: self.side,
            shared: Arc::clone(&self.shared),
            cable: self.cable.clone(),
        })
    }
}

/// A bearer channel of a [`SimSpan`].
#[derive(Debug)]
pub struct SimBearer {
    timeslot: u8,
    side: usize,
    shared: Arc<Mutex<Shared>>,
    cable: Cable,
}

impl BChannel for SimBearer {
    type Error = SimSpanError;

    fn write(&mut self, octets: &[u8]) -> Result<usize, SimSpanError> {
        if !self.cable.is_plugged() {
            return Err(SimSpanError::Down);
        }
        let mut shared = lock(&self.shared);
        let far = shared.ends.get_mut(1 - self.side).and_then(|end| end.bearers.get_mut(&self.timeslot));
        // A timeslot that nobody opened swallows what it gets.
        if let Some(bearer) = far.filter(|bearer| bearer.open) {
            bearer.octets.extend(octets);
            let excess = bearer.octets.len().saturating_sub(BEARER_BUFFER);
            bearer.octets.drain(..excess);
        }
        Ok(octets.len())
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, SimSpanError> {
        if !self.cable.is_plugged() {
            return Err(SimSpanError::Down);
        }
        let mut shared = lock(&self.shared);
        let own = shared.ends.get_mut(self.side).and_then(|end| end.bearers.get_mut(&self.timeslot));
        let Some(bearer) = own else { return Ok(0) };
        let count = out.len().min(bearer.octets.len());
        for (place, octet) in out.iter_mut().zip(bearer.octets.drain(..count)) {
            *place = octet;
        }
        Ok(count)
    }
}

impl Drop for SimBearer {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        if let Some(end) = shared.ends.get_mut(self.side) {
            end.bearers.remove(&self.timeslot);
        }
    }
}

#[derive(Debug)]
struct Shared {
    ends: [End; 2],
}

#[derive(Debug, Default)]
struct End {
    bearers: BTreeMap<u8, Bearer>,
    waker: Option<Waker>,
    errors: LineErrors,
}

impl End {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[derive(Debug, Default)]
struct Bearer {
    open: bool,
    /// What the far end sent.
    octets: VecDeque<u8>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
