//! What a voice port's configuration says about message waiting: whether a telephone is shown it, and by which lamp.

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
