//! Carries out a [`plan`](super::plan) on a line, sample by sample.

use std::collections::VecDeque;

use super::plan::Action;
use crate::SAMPLE_RATE;
use crate::fsk::FskGenerator;
use crate::tone::ToneGenerator;

/// What a plan wants done to the pair, besides audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Tip and ring exchanged (`true`) or back.
    Polarity(bool),
    /// Battery on (`true`) or off.
    Battery(bool),
    /// Ringing voltage on (`true`) or off.
    Ring(bool),
}

/// A plan being carried out. Audio is exact to the sample; [`Work`] comes with the block in which it is due.
///
/// ```
/// use media::callerid::plan::{VmwiAlert, VmwiForm, vmwi};
/// use media::callerid::player::{Player, Work};
///
/// let mut player = Player::new(vmwi(VmwiForm::Etsi, VmwiAlert::LineReversalDtAs, true, None));
/// let (mut block, mut work) = ([0i16; 160], vec![]);
/// while !player.is_over() {
///     player.fill(&mut block, |w| work.push(w));
/// }
/// assert_eq!(work, [Work::Polarity(true), Work::Polarity(false)]);
/// ```
#[derive(Clone, Debug)]
pub struct Player {
    rest: VecDeque<Action>,
    playing: Playing,
    reversed: bool,
    open: bool,
    ringing: bool,
    /// The set went off hook because the plan asked it to, and is so still.
    listening: bool,
}

#[derive(Clone, Debug)]
enum Playing {
    Nothing,
    /// So many samples, and what ends them.
    Silence(u64, Option<Work>),
    Tone(ToneGenerator, u64),
    Fsk(FskGenerator),
    /// On, off, samples since the beginning, limit.
    Call {
        on: u64,
        off: u64,
        at: u64,
        limit: u64,
    },
    OnHook(u64),
}

impl Player {
    /// Begins a plan: a part of a [`CallerIdPlan`](super::plan::CallerIdPlan), or what [`vmwi`](super::plan::vmwi) gives.
    #[must_use]
    pub fn new(plan: Vec<Action>) -> Self {
        Self {
            rest: plan.into(),
            playing: Playing::Nothing,
            reversed: false,
            open: false,
            ringing: false,
            listening: false,
        }
    }

    /// Whether everything has been carried out.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rest.is_empty() && matches!(self.playing, Playing::Nothing)
    }

    /// Whether a set that goes off hook now does so to listen, not to answer.
    #[must_use]
    pub fn awaits_off_hook(&self) -> bool {
        matches!(self.playing, Playing::Call { .. })
    }

    /// The set's hook moved. Gives whether the plan had asked for that: then it is neither an answer nor a release.
    /// Otherwise the plan ends, with the pair as it was before it.
    pub fn handle_hook(&mut self, off: bool, mut act: impl FnMut(Work)) -> bool {
        if off && self.awaits_off_hook() {
            self.ring(false, &mut act);
            self.listening = true;
            self.playing = Playing::Nothing;
            return true;
        }
        if !off && std::mem::take(&mut self.listening) {
            if !matches!(self.playing, Playing::OnHook(_)) {
                // Put down early: what was still to be heard is void.
                while self.rest.pop_front().is_some_and(|a| !matches!(a, Action::AwaitOnHook { .. })) {}
            }
            self.playing = Playing::Nothing;
            return true;
        }
        self.stop(act);
        false
    }

    /// Ends the plan: battery, polarity and ringing are restored.
    pub fn stop(&mut self, mut act: impl FnMut(Work)) {
        self.rest.clear();
        self.playing = Playing::Nothing;
        self.ring(false, &mut act);
        if std::mem::take(&mut self.open) {
            act(Work::Battery(true));
        }
        if std::mem::take(&mut self.reversed) {
            act(Work::Polarity(false));
        }
    }

    /// The next samples toward the set (silence once it is over), and what to do to the pair in their time.
    pub fn fill(&mut self, out: &mut [i16], mut act: impl FnMut(Work)) {
        let mut rest = out;
        while !rest.is_empty() {
            if matches!(self.playing, Playing::Nothing) && !self.begin(&mut act) {
                rest.fill(0);
                return;
            }
            let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at_mut(left.min(rest.len()));
            self.play(now, &mut act);
            rest = later;
        }
        // What ends exactly here ends here, not with the next block.
        if self.left() == 0 {
            while matches!(self.playing, Playing::Nothing) && !self.rest.is_empty() && self.begin(&mut act) {}
        }
    }

    /// Samples until the present action ends.
    fn left(&self) -> u64 {
        match &self.playing {
            Playing::Nothing => 0,
            Playing::Silence(left, _) | Playing::Tone(_, left) | Playing::OnHook(left) => *left,
            Playing::Fsk(fsk) => fsk.left(),
            Playing::Call { on, off, at, limit } => {
                let inside = at % (on + off).max(1);
                let edge = if inside < *on { on - inside } else { on + off - inside };
                edge.min(limit.saturating_sub(*at))
            }
        }
    }

    /// Takes the next action that lasts; `false` when there is none.
    fn begin(&mut self, act: &mut impl FnMut(Work)) -> bool {
        while let Some(action) = self.rest.pop_front() {
            self.playing = match action {
                Action::Reverse | Action::Normal => {
                    self.reversed = action == Action::Reverse;
                    act(Work::Polarity(self.reversed));
                    continue;
                }
                Action::Open { ms } => {
                    self.open = true;
                    act(Work::Battery(false));
                    Playing::Silence(samples(ms), Some(Work::Battery(true)))
                }
                Action::RingPulse { ms } => {
                    self.ring(true, act);
                    Playing::Silence(samples(ms), Some(Work::Ring(false)))
                }
                Action::Wait { ms } => Playing::Silence(samples(ms), None),
                Action::Tone(spec) => {
                    let ms = spec.duration_ms().unwrap_or(0);
                    Playing::Tone(ToneGenerator::new(&spec), ms * u64::from(SAMPLE_RATE) / 1000)
                }
                Action::Fsk(burst) => Playing::Fsk(FskGenerator::new(&burst)),
                Action::RingUntilOffHook { on_ms, off_ms, limit_ms } => {
                    self.ring(true, act);
                    Playing::Call {
                        on: samples(on_ms),
                        off: samples(off_ms),
                        at: 0,
                        limit: samples(limit_ms),
                    }
                }
                Action::AwaitOnHook { limit_ms } if self.listening => Playing::OnHook(samples(limit_ms)),
                Action::AwaitOnHook { .. } => continue,
            };
            if self.left() > 0 {
                return true;
            }
            self.end(act);
        }
        false
    }

    fn play(&mut self, out: &mut [i16], act: &mut impl FnMut(Work)) {
        let count = out.len() as u64;
        match &mut self.playing {
            Playing::Nothing => out.fill(0),
            Playing::Silence(left, _) | Playing::OnHook(left) => {
                out.fill(0);
                *left = left.saturating_sub(count);
            }
            Playing::Tone(tone, left) => {
                tone.fill(out);
                *left = left.saturating_sub(count);
            }
            Playing::Fsk(fsk) => fsk.fill(out),
            Playing::Call { on, off, at, limit } => {
                out.fill(0);
                *at += count;
                let (rings, over) = (*at % (*on + *off).max(1) < *on, *at >= *limit);
                if over {
                    // Nobody listens: straight on to ringing.
                    self.playing = Playing::Nothing;
                    self.stop(act);
                } else {
                    self.ring(rings, act);
                }
                return;
            }
        }
        if self.left() == 0 {
            self.end(act);
        }
    }

    /// The present action is over.
    fn end(&mut self, act: &mut impl FnMut(Work)) {
        match std::mem::replace(&mut self.playing, Playing::Nothing) {
            Playing::Silence(_, Some(Work::Battery(_))) => {
                self.open = false;
                act(Work::Battery(true));
            }
            Playing::Silence(_, Some(Work::Ring(_))) => self.ring(false, act),
            Playing::OnHook(_) => self.listening = false,
            _ => {}
        }
    }

    fn ring(&mut self, on: bool, act: &mut impl FnMut(Work)) {
        if self.ringing != on {
            self.ringing = on;
            act(Work::Ring(on));
        }
    }
}

fn samples(ms: u32) -> u64 {
    u64::from(ms) * u64::from(SAMPLE_RATE) / 1000
}

#[cfg(test)]
mod tests;
