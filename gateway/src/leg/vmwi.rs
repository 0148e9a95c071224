//! Plays what a telephone on its hook is sent (`vmwi fsk`): tones, data, waits, reversals, one after another.

use std::collections::VecDeque;

use media::callerid::plan::{Action, vmwi, vmwi_defaults};
use media::fsk::FskGenerator;
use media::locale::Locale;
use media::tone::ToneGenerator;

use super::fxs::{LineAction, TICK};

/// Silence before and after data, so that a set that was just put down is listening: 20 ms ticks.
const SETTLE_TICKS: u32 = 2;

#[derive(Debug)]
enum Playing {
    Tone(ToneGenerator, u64),
    Fsk(FskGenerator),
    Silence(u32),
}

/// A message waiting message on its way to the telephone.
#[derive(Debug)]
pub struct Script {
    rest: VecDeque<Action>,
    playing: Option<Playing>,
    /// What ends the step that plays.
    after: Option<LineAction>,
}

impl Script {
    /// The message that lights or darkens the lamp, in the form of the country.
    #[must_use]
    pub fn vmwi(locale: &Locale, on: bool) -> Self {
        let (form, alert) = vmwi_defaults(locale);
        let playing = Some(Playing::Silence(SETTLE_TICKS));
        Self { rest: vmwi(form, alert, on, None).into(), playing, after: None }
    }

    /// Whether everything has been played.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rest.is_empty() && self.playing.is_none()
    }

    /// The next 20 ms, and what the line is to do with them.
    pub fn fill(&mut self, out: &mut [i16; TICK], mut act: impl FnMut(LineAction)) {
        out.fill(0);
        while self.playing.is_none() {
            match self.rest.pop_front() {
                None => return,
                Some(Action::Reverse) => act(LineAction::Polarity(true)),
                Some(Action::Normal) => act(LineAction::Polarity(false)),
                Some(Action::Open { ms }) => {
                    act(LineAction::Battery(false));
                    self.after = Some(LineAction::Battery(true));
                    self.playing = Some(Playing::Silence(ms.div_ceil(20)));
                }
                Some(Action::RingPulse { ms }) => {
                    act(LineAction::Ring(true));
                    self.after = Some(LineAction::Ring(false));
                    self.playing = Some(Playing::Silence(ms.div_ceil(20)));
                }
                Some(Action::Wait { ms }) => self.playing = Some(Playing::Silence(ms.div_ceil(20))),
                Some(Action::Tone(spec)) => {
                    let ticks = spec.duration_ms().unwrap_or(0).div_ceil(20);
                    self.playing = Some(Playing::Tone(ToneGenerator::new(&spec), ticks));
                }
                Some(Action::Fsk(burst)) => self.playing = Some(Playing::Fsk(FskGenerator::new(&burst))),
                // These belong to caller ID, where the telephone answers.
                Some(Action::RingUntilOffHook { .. } | Action::AwaitOnHook { .. }) => {}
            }
        }
        let over = match &mut self.playing {
            Some(Playing::Tone(tone, ticks)) => {
                tone.fill(out);
                *ticks = ticks.saturating_sub(1);
                *ticks == 0
            }
            Some(Playing::Fsk(fsk)) => {
                fsk.fill(out);
                fsk.finished()
            }
            Some(Playing::Silence(ticks)) => {
                *ticks = ticks.saturating_sub(1);
                *ticks == 0
            }
            None => false,
        };
        if over {
            self.playing = None;
            self.after.take().into_iter().for_each(act);
        }
    }
}
