//! One end of the plane: whom it hears, and what it is about to say and hear.

use std::collections::VecDeque;

use media::dtmf::{DtmfClamp, DtmfEvent};
use media::rtp::event::Event;
use media::tone::ToneGenerator;

use super::{Block, TICK};
use crate::media::{DigitTiming, MediaEnd};

/// Whom an end hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    Nobody,
    With(MediaEnd),
    Conference([MediaEnd; 3]),
}

impl Joined {
    /// Those `end` is connected with; it may be connected with itself, but of a conference it hears the others.
    pub(super) fn others(self, end: MediaEnd) -> impl Iterator<Item = MediaEnd> {
        let ends = match self {
            Self::Nobody => [None; 3],
            Self::With(other) => [Some(other), None, None],
            Self::Conference(ends) => ends.map(|other| Some(other).filter(|other| *other != end)),
        };
        ends.into_iter().flatten()
    }
}

/// A digit on its way to an end.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) left: u32,
    pub(super) pause: u32,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) joined: Joined,
    pub(super) tone: Option<ToneGenerator>,
    /// A key held at the other end, as a tone here.
    pub(super) key: Option<ToneGenerator>,
    /// What is to be sent, in order; `None` is a pause.
    pub(super) digits: VecDeque<(Option<Event>, DigitTiming)>,
    pub(super) sending: Option<Sending>,
    /// Takes digits out of what the end says, where they go another way; made when there is something to hear.
    clamp: Option<Box<DtmfClamp>>,
    /// Something was said in this tick.
    speaks: bool,
    /// What it says in this tick, once it has said anything.
    said: Option<Box<Block>>,
    /// What is played to it by whoever carries it.
    pub(super) hears: Option<Box<Block>>,
}

impl Default for End {
    fn default() -> Self {
        Self {
            joined: Joined::Nobody,
            tone: None,
            key: None,
            digits: VecDeque::new(),
            sending: None,
            clamp: None,
            speaks: false,
            said: None,
            hears: None,
        }
    }
}

impl End {
    pub(super) fn is_idle(&self) -> bool {
        self.joined == Joined::Nobody
            && self.tone.is_none()
            && self.key.is_none()
            && self.digits.is_empty()
            && self.sending.is_none()
    }

    /// Takes 20 ms of what the end says; what is missing is silence.
    pub(super) fn say(&mut self, samples: &[i16]) {
        self.silence();
        self.speaks = !samples.is_empty();
        if self.speaks {
            let said = self.said.get_or_insert_with(|| Box::new([0; TICK]));
            said.iter_mut().zip(samples).for_each(|(slot, sample)| *slot = *sample);
        }
    }

    /// Lets `source` write what the end says.
    pub(super) fn say_with(&mut self, source: impl FnOnce(&mut [i16])) {
        source(self.said.get_or_insert_with(|| Box::new([0; TICK])).as_mut_slice());
        self.speaks = true;
    }

    /// What it says in this tick, if anything.
    pub(super) fn said(&self) -> Option<&Block> {
        self.said.as_deref().filter(|_| self.speaks)
    }

    /// The end has nothing more to say in this tick.
    pub(super) fn silence(&mut self) {
        if std::mem::take(&mut self.speaks)
            && let Some(said) = &mut self.said
        {
            said.fill(0);
        }
    }

    /// Takes digits out of what the end has said; `on` hears of them.
    pub(super) fn take_digits(&mut self, on: impl FnMut(DtmfEvent)) {
        let sounding = self.clamp.as_mut().is_some_and(|clamp| clamp.detector().suspects());
        if self.speaks || sounding {
            let said = self.said.get_or_insert_with(|| Box::new([0; TICK]));
            self.clamp.get_or_insert_default().process(said.as_mut_slice(), on);
            // A detector that goes on listening may let out what it held back.
            self.speaks = true;
        }
    }

    /// Whoever speaks from now on holds no key.
    pub(super) fn forget_digit(&mut self) {
        if let Some(clamp) = &mut self.clamp {
            clamp.detector().reset();
        }
    }
}
