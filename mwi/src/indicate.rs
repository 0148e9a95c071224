//! What an analogue telephone is shown: stutter dial tone and lamp.

use serde::{Deserialize, Serialize};

/// How a port lights the lamp: `vmwi`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Visual {
    /// No lamp, the tone only.
    #[default]
    None,
    /// `vmwi fsk`: an FSK message to the telephone.
    Fsk,
    /// `vmwi dc-voltage`: DC voltage on the line.
    DcVoltage,
}

impl Visual {
    /// The keyword after `vmwi`, `None` without a lamp.
    pub fn keyword(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Fsk => Some("fsk"),
            Self::DcVoltage => Some("dc-voltage"),
        }
    }
}

/// What the voice port's configuration says about message waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortMwi {
    /// `mwi` is on. Without it a NOTIFY for the port is answered 481.
    pub enabled: bool,
    /// `vmwi`
    pub visual: Visual,
}

/// What the telephone is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Indication {
    /// The next dial tone is the locale's message waiting tone.
    pub stutter: bool,
    /// How the lamp is switched.
    pub visual: Visual,
    /// The lamp is lit; never without a [`Visual`] that has one.
    pub lit: bool,
}

/// What a port shows when its mailboxes have messages or not: on if any has.
///
/// `None` if the port has no `mwi`.
///
/// ```
/// use mwi::indicate::{PortMwi, Visual, indication};
///
/// let port = PortMwi { enabled: true, visual: Visual::Fsk };
/// let shown = indication(port, [false, true]).ok_or("no mwi")?;
/// assert!(shown.stutter && shown.lit);
/// assert_eq!(indication(PortMwi::default(), [true]), None);
/// # Ok::<(), &str>(())
/// ```
pub fn indication(port: PortMwi, waiting: impl IntoIterator<Item = bool>) -> Option<Indication> {
    let waiting = waiting.into_iter().any(|waiting| waiting);
    let lit = waiting && port.visual != Visual::None;
    port.enabled.then_some(Indication { stutter: waiting, visual: port.visual, lit })
}

/// The lamp of one port: what it should show, and what it was last told.
///
/// The lamp is switched only while the telephone is on hook (FSK and DC voltage need the idle line); a change
/// while it is off hook waits. Drive it: [`Lamp::set`] when the mailbox changes, [`Lamp::set_on_hook`] when the
/// hook does; each returns the switching to do now, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lamp {
    wanted: Indication,
    /// What the telephone was last told; `None` after a restart, when nobody knows.
    told: Option<(Visual, bool)>,
    off_hook: bool,
}

impl Lamp {
    /// A lamp nobody has told anything, the telephone on hook.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the port should show from now on, and returns the lamp switching to do now.
    pub fn set(&mut self, wanted: Indication) -> Option<Switch> {
        self.wanted = wanted;
        self.settle()
    }

    /// Takes the state of the hook, and returns the lamp switching to do now.
    pub fn set_on_hook(&mut self, on_hook: bool) -> Option<Switch> {
        self.off_hook = !on_hook;
        self.settle()
    }

    /// Forgets what the telephone was told, after a failed FSK message or a change of telephone.
    pub fn forget(&mut self) {
        self.told = None;
    }

    /// What the port should show; its `stutter` chooses the dial tone at the next off hook.
    pub fn wanted(&self) -> Indication {
        self.wanted
    }

    fn settle(&mut self) -> Option<Switch> {
        let Indication { visual, lit, .. } = self.wanted;
        if self.off_hook || visual == Visual::None || self.told == Some((visual, lit)) {
            return None;
        }
        self.told = Some((visual, lit));
        Some(Switch { visual, lit })
    }
}

/// A lamp to be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Switch {
    /// By FSK or DC voltage, never [`Visual::None`].
    pub visual: Visual,
    /// On or off.
    pub lit: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: PortMwi = PortMwi { enabled: true, visual: Visual::Fsk };

    #[test]
    fn one_mailbox_of_several_is_enough() {
        for (waiting, on) in [(vec![], false), (vec![false, false], false), (vec![false, true, false], true)]
        {
            let shown = indication(PORT, waiting.clone());
            assert_eq!(shown, Some(Indication { stutter: on, visual: Visual::Fsk, lit: on }), "{waiting:?}");
        }
    }

    #[test]
    fn a_port_without_vmwi_stutters_without_a_lamp() {
        let port = PortMwi { enabled: true, visual: Visual::None };
        let shown = Indication { stutter: true, visual: Visual::None, lit: false };
        assert_eq!(indication(port, [true]), Some(shown));
        assert_eq!(Lamp::new().set(shown), None);
    }

    #[test]
    fn a_change_while_off_hook_waits_and_a_change_back_is_not_sent() {
        let on = Indication { stutter: true, visual: Visual::Fsk, lit: true };
        let off = Indication { stutter: false, lit: false, ..on };
        let mut lamp = Lamp::new();
        assert_eq!(lamp.set(off), Some(Switch { visual: Visual::Fsk, lit: false }));
        assert_eq!(lamp.set(off), None);
        assert_eq!(lamp.set_on_hook(false), None);
        assert_eq!(lamp.set(on), None);
        assert_eq!(lamp.wanted(), on);
        assert_eq!(lamp.set_on_hook(true), Some(Switch { visual: Visual::Fsk, lit: true }));
        assert_eq!(lamp.set_on_hook(false), None);
        assert_eq!(lamp.set(off), None);
        assert_eq!(lamp.set(on), None);
        assert_eq!(lamp.set_on_hook(true), None);
        lamp.forget();
        assert_eq!(lamp.set(on), Some(Switch { visual: Visual::Fsk, lit: true }));
    }
}
