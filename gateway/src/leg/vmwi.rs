//! Plays what a telephone on its hook is sent (`vmwi fsk`, caller ID): tones, data, waits, reversals, one after another.

use media::callerid::plan::{Action, vmwi, vmwi_defaults};
use media::callerid::player::{Player, Work};
use media::locale::Locale;

use super::fxs::{LineAction, TICK};

/// Silence before a message, so that a set that was just put down is listening.
pub(super) const SETTLE_MS: u32 = 40;
/// Silence between two messages, so that a set has done what the first one said. No standard gives a figure; this is ours.
pub(super) const BETWEEN_MS: u32 = 500;

/// A message on its way to the telephone.
#[derive(Debug)]
pub struct Script(Player);

impl Script {
    /// The message that lights or darkens the lamp, in the form of the country, after so much silence.
    #[must_use]
    pub fn vmwi(locale: &Locale, on: bool, settle_ms: u32) -> Self {
        let (form, alert) = vmwi_defaults(locale);
        let settle = Action::Wait { ms: settle_ms };
        Self::plan(std::iter::once(settle).chain(vmwi(form, alert, on, None)).collect())
    }

    /// Any plan: [`CallerIdPlan::before_ring`](media::callerid::plan::CallerIdPlan) or its `in_pause`, a `test` command's message.
    #[must_use]
    pub fn plan(actions: Vec<Action>) -> Self {
        Self(Player::new(actions))
    }

    /// Whether everything has been played.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// The next 20 ms, and what the line is to do with them.
    pub fn fill(&mut self, out: &mut [i16; TICK], mut act: impl FnMut(LineAction)) {
        self.0.fill(out, |work| act(action(work)));
    }

    /// The telephone's hook moved. `true`: the message had asked for that (Japanese sets lift themselves to listen), it is not for
    /// the line discipline. `false`: the message is over, the loop is as it was.
    pub fn handle_hook(&mut self, off: bool, mut act: impl FnMut(LineAction)) -> bool {
        self.0.handle_hook(off, |work| act(action(work)))
    }

    /// Breaks the message off and puts the loop back as it was.
    pub fn stop(&mut self, mut act: impl FnMut(LineAction)) {
        self.0.stop(|work| act(action(work)));
    }
}

fn action(work: Work) -> LineAction {
    match work {
        Work::Polarity(reversed) => LineAction::Polarity(reversed),
        Work::Battery(on) => LineAction::Battery(on),
        Work::Ring(on) => LineAction::Ring(on),
    }
}
