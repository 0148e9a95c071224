//! What a dial peer changes of a call besides its numbers: `clid`, `progress_ind`, `bearer-cap`, `call-block`,
//! `numbering-type`.

use std::fmt;
use std::str::FromStr;

use crate::translation::NumberType;

/// What a dial peer changes of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// `clid …`, in the order of the configuration: the calling party of calls that leave on this peer.
    pub clid: Vec<Clid>,
    /// `progress_ind setup`: progress description in SETUP.
    pub setup: Option<Indicator>,
    /// `progress_ind alert`: whether there is something to hear while the far end rings.
    pub alert: Option<Indicator>,
    /// `progress_ind progress`: whether there is something to hear before the far end rings.
    pub progress: Option<Indicator>,
    /// `bearer-cap` of a POTS peer.
    pub bearer: Option<Bearer>,
    /// `call-block`: calls that this peer does not take in.
    pub block: CallBlock,
    /// `numbering-type`: the peer is only for called numbers of this type.
    pub numbering_type: Option<NumberType>,
}

/// One line of `clid`: what becomes of the calling party. `strip` and `restrict` are IOS's words.
///
/// ```
/// use dialpeer::shape::Clid;
///
/// assert_eq!("strip name".parse(), Ok(Clid::StripName));
/// let number = Clid::NetworkNumber { number: "4930123".into(), restricted: true };
/// assert_eq!("network-number 4930123 pi-restrict".parse(), Ok(number));
/// assert!("strip everything".parse::<Clid>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clid {
    /// `network-number N [pi-restrict]`: every call has this number, network provided.
    NetworkNumber {
        /// Digits, 1 to 20.
        number: String,
        /// It may not be shown.
        restricted: bool,
    },
    /// `network-provided`: the screening indicator says so.
    NetworkProvided,
    /// `override rdnis`: who diverted the call stands in for who made it.
    OverrideRedirecting,
    /// `restrict`: the number may not be shown.
    Restrict,
    /// `strip`: without number.
    Strip,
    /// `strip name`: without name.
    StripName,
    /// `strip pi-restrict`: without number where it may not be shown; with `all` without name too.
    StripRestricted {
        /// `all`.
        name: bool,
    },
    /// `substitute name`: the number stands in for a missing name.
    SubstituteName,
}

impl Clid {
    /// Whether only one of the two can be configured.
    #[must_use]
    pub fn displaces(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What stands behind `clid `.
impl fmt::Display for Clid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkNumber { number, restricted } => {
                return write!(f, "network-number {number}{}", if *restricted { " pi-restrict" } else { "" });
            }
            Self::NetworkProvided => "network-provided",
            Self::OverrideRedirecting => "override rdnis",
            Self::Restrict => "restrict",
            Self::Strip => "strip",
            Self::StripName => "strip name",
            Self::StripRestricted { name: false } => "strip pi-restrict",
            Self::StripRestricted { name: true } => "strip pi-restrict all",
            Self::SubstituteName => "substitute name",
        })
    }
}

impl FromStr for Clid {
    type Err = ShapeError;

    /// What stands behind `clid `.
    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["network-number", number, rest @ ..]
                if is_number(number) && matches!(rest, [] | ["pi-restrict"]) =>
            {
                Ok(Self::NetworkNumber { number: (*number).to_owned(), restricted: !rest.is_empty() })
            }
            ["network-provided"] => Ok(Self::NetworkProvided),
            ["override", "rdnis"] => Ok(Self::OverrideRedirecting),
            ["restrict"] => Ok(Self::Restrict),
            ["strip"] => Ok(Self::Strip),
            ["strip", "name"] => Ok(Self::StripName),
            ["strip", "pi-restrict"] => Ok(Self::StripRestricted { name: false }),
            ["strip", "pi-restrict", "all"] => Ok(Self::StripRestricted { name: true }),
            ["substitute", "name"] => Ok(Self::SubstituteName),
            _ => Err(ShapeError(text.to_owned())),
        }
    }
}

fn is_number(digits: &str) -> bool {
    let plain = digits.strip_prefix('+').unwrap_or(digits);
    (1..=20).contains(&plain.len()) && plain.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#'))
}

/// `progress_ind … enable N|disable|strip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indicator {
    /// `enable N`: this progress description (Q.931 4.5.23) in place of any other.
    Enable(u8),
    /// `disable` or `strip`: none.
    None,
    /// `strip N …`: none of these. One bit each, the lowest is description 0.
    Strip(u16),
}

impl Indicator {
    /// Whether there is something to hear, where the far end said `inband`.
    ///
    /// Descriptions 1 (not end-to-end ISDN), 2 (destination is not ISDN) and 8 (in-band information) make IOS cut the
    /// call through; a far end that says "something to hear" counts as one that said 8.
    #[must_use]
    pub fn is_inband(self, inband: bool) -> bool {
        match self {
            Self::Enable(description) => matches!(description, 1 | 2 | 8),
            Self::None => false,
            Self::Strip(which) => inband && which & 1 << 8 == 0,
        }
    }

    /// The description to send, where `usual` would be sent. `None`: no progress indicator at all.
    #[must_use]
    pub fn description(self, usual: u8) -> Option<u8> {
        match self {
            // 0 stands for "no indicator".
            Self::Enable(0) | Self::None => None,
            Self::Enable(description) => Some(description),
            Self::Strip(which) => {
                (which.checked_shr(usual.into()).is_none_or(|bits| bits & 1 == 0)).then_some(usual)
            }
        }
    }
}

impl FromStr for Indicator {
    type Err = ShapeError;

    /// What stands behind `progress_ind MESSAGE `.
    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let wrong = || ShapeError(text.to_owned());
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| word.parse::<u8>().ok().filter(|n| *n < 16).ok_or_else(wrong);
        match words.as_slice() {
            ["enable", n] => Ok(Self::Enable(number(n)?)),
            ["disable"] | ["strip"] => Ok(Self::None),
            ["strip", which @ ..] => {
                which.iter().try_fold(0, |bits, n| Ok(bits | 1 << number(n)?)).map(Self::Strip)
            }
            _ => Err(wrong()),
        }
    }
}

/// `bearer-cap`: what an outgoing SETUP asks the network to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// Speech.
    Speech,
    /// 3.1 kHz audio: modems and fax pass.
    Audio,
    /// Unrestricted digital information.
    Unrestricted,
}

/// `call-block … incoming`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallBlock {
    /// `call-block translation-profile incoming NAME`: calls that a rule of it rejects are not taken.
    pub profile: Option<String>,
    /// `call-block disconnect-cause incoming …`, Q.850; call rejected (21) when not configured.
    pub cause: Option<u8>,
}

impl CallBlock {
    /// The cause for IOS's word: `call-reject`, `invalid-number`, `unassigned-number`, `user-busy`.
    #[must_use]
    pub fn cause_of(word: &str) -> Option<u8> {
        Some(match word {
            "call-reject" => 21,
            "invalid-number" => 28,
            "unassigned-number" => 1,
            "user-busy" => 17,
            _ => return None,
        })
    }
}

/// A setting that is none of those known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError(String);

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no such setting", self.0)
    }
}

impl std::error::Error for ShapeError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn indicators_replace_and_strip() {
        let indicator = |text: &str| text.parse::<Indicator>().unwrap();
        for (text, from_inband, from_nothing, usual_3) in [
            ("enable 8", true, true, Some(8)),
            ("enable 1", true, true, Some(1)),
            ("enable 0", false, false, None),
            ("disable", false, false, None),
            ("strip", false, false, None),
            ("strip 1 8", false, false, Some(3)),
            ("strip 3", true, false, None),
        ] {
            let read = indicator(text);
            let found = (read.is_inband(true), read.is_inband(false), read.description(3));
            assert_eq!(found, (from_inband, from_nothing, usual_3), "{text}");
        }
        assert_eq!(Indicator::Strip(u16::MAX).description(200), Some(200));
        for text in ["", "enable", "enable x", "enable 99", "strip x", "disable 8"] {
            assert!(text.parse::<Indicator>().is_err(), "{text}");
        }
    }

    #[test]
    fn settings_of_the_calling_party_are_written_as_they_are_read() {
        for text in [
            "network-number 4930123",
            "network-number +4930123 pi-restrict",
            "network-provided",
            "override rdnis",
            "restrict",
            "strip",
            "strip name",
            "strip pi-restrict",
            "strip pi-restrict all",
            "substitute name",
        ] {
            assert_eq!(text.parse::<Clid>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn settings_of_the_calling_party_are_read_whole_or_not_at_all() {
        for text in
            ["", "network-number", "network-number abc", "network-number 1 2", "strip pi-restrict none"]
        {
            assert!(text.parse::<Clid>().is_err(), "{text}");
        }
        let long = format!("network-number {}", "1".repeat(21));
        assert_eq!(long.parse::<Clid>().unwrap_err().to_string(), format!("{long:?} is no such setting"));
    }
}
