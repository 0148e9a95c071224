//! In which order several ways are tried: `dial-peer hunt` and the hunt schemes of trunk groups.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use crate::pattern::Rank;
use crate::table::OutboundMatch;

/// `dial-peer hunt 0`…`7`: what orders the peers that match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DialPeerHunt {
    /// 0: longest match, preference, random.
    #[default]
    LongestPreferenceRandom,
    /// 1: longest match, preference, least recent use.
    LongestPreferenceLeastUsed,
    /// 2: preference, longest match, random.
    PreferenceLongestRandom,
    /// 3: preference, longest match, least recent use.
    PreferenceLongestLeastUsed,
    /// 4: least recent use, longest match, preference.
    LeastUsedLongestPreference,
    /// 5: least recent use, preference, longest match.
    LeastUsedPreferenceLongest,
    /// 6: random.
    Random,
    /// 7: least recent use.
    LeastUsed,
}

impl DialPeerHunt {
    /// All eight, at their numbers.
    pub const ALL: [Self; 8] = [
        Self::LongestPreferenceRandom,
        Self::LongestPreferenceLeastUsed,
        Self::PreferenceLongestRandom,
        Self::PreferenceLongestLeastUsed,
        Self::LeastUsedLongestPreference,
        Self::LeastUsedPreferenceLongest,
        Self::Random,
        Self::LeastUsed,
    ];

    /// The scheme of this number, `None` beyond 7.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The number, 0 to 7.
    pub fn number(self) -> u8 {
        (0..).zip(Self::ALL).find(|(_, scheme)| *scheme == self).map_or(0, |(number, _)| number)
    }

    /// The explanation `dial-peer hunt ?` prints.
    pub fn help(self) -> &'static str {
        match self {
            Self::LongestPreferenceRandom => {
                "Longest match in phone number, explicit preference, random selection."
            }
            Self::LongestPreferenceLeastUsed => {
                "Longest match in phone number, explicit preference, least recent use."
            }
            Self::PreferenceLongestRandom => {
                "Explicit preference, longest match in phone number, random selection."
            }
            Self::PreferenceLongestLeastUsed => {
                "Explicit preference, longest match in phone number, least recent use."
            }
            Self::LeastUsedLongestPreference => {
                "Least recent use, longest match in phone number, explicit preference."
            }
            Self::LeastUsedPreferenceLongest => {
                "Least recent use, explicit preference, longest match in phone number."
            }
            Self::Random => "Random selection.",
            Self::LeastUsed => "Least recent use.",
        }
    }

    /// Puts matching peers in the order they are tried.
    ///
    /// `last_used` gives for a peer's tag when it was last used, in any unit that grows; 0 for never. `random` gives
    /// numbers by chance (from a seeded generator, so that a test can repeat them). What the scheme leaves equal
    /// stays in the order of [`Table::outbound`](crate::Table::outbound).
    pub fn order(
        self,
        found: &mut [OutboundMatch<'_>],
        last_used: impl Fn(u32) -> u64,
        mut random: impl FnMut() -> u64,
    ) {
        found.sort_by_cached_key(|way| {
            let longest = Order::Longest(Reverse(Rank { explicit: way.explicit, wild: way.wild }));
            let preference = Order::Preference(way.peer.preference);
            let used = Order::Number(last_used(way.peer.tag));
            let nothing = Order::Number(0);
            match self {
                Self::LongestPreferenceRandom => [longest, preference, Order::Number(random())],
                Self::LongestPreferenceLeastUsed => [longest, preference, used],
                Self::PreferenceLongestRandom => [preference, longest, Order::Number(random())],
                Self::PreferenceLongestLeastUsed => [preference, longest, used],
                Self::LeastUsedLongestPreference => [used, longest, preference],
                Self::LeastUsedPreferenceLongest => [used, preference, longest],
                Self::Random => [Order::Number(random()), nothing, nothing],
                Self::LeastUsed => [used, nothing, nothing],
            }
        });
    }
}

/// `voice hunt`: after which causes a failed call is tried on the next peer.
///
/// Without configuration every failure goes on but a busy user (17), an unallocated number (1) and an invalid one
/// (28): those would fail on every way. [`DialPeer::huntstop`](crate::DialPeer::huntstop) goes before all this.
///
/// ```
/// use dialpeer::hunt::VoiceHunt;
///
/// let mut hunt = VoiceHunt::default();
/// assert!(hunt.goes_on(34) && !hunt.goes_on(17));
/// assert!(hunt.set("user-busy", true));
/// assert!(hunt.goes_on(17));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VoiceHunt {
    /// `voice hunt user-busy`
    pub user_busy: bool,
    /// `voice hunt unassigned-number`
    pub unassigned_number: bool,
    /// `voice hunt invalid-number`
    pub invalid_number: bool,
}

impl VoiceHunt {
    /// Whether a call that failed with this Q.850 cause is tried on the next peer.
    pub fn goes_on(self, cause: u8) -> bool {
        match cause {
            1 => self.unassigned_number,
            17 => self.user_busy,
            28 => self.invalid_number,
            _ => true,
        }
    }

    /// `voice hunt WORD` or `no voice hunt WORD`, `all` being every word; `false` for a word that is none.
    pub fn set(&mut self, word: &str, on: bool) -> bool {
        match word.to_ascii_lowercase().as_str() {
            "user-busy" => self.user_busy = on,
            "unassigned-number" => self.unassigned_number = on,
            "invalid-number" => self.invalid_number = on,
            "all" => *self = Self { user_busy: on, unassigned_number: on, invalid_number: on },
            _ => return false,
        }
        true
    }
}

/// One criterion of an order; the same kind always stands in the same place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Longest(Reverse<Rank>),
    Preference(u8),
    Number(u64),
}

/// `hunt-scheme` of a trunk group: which idle channel takes the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrunkHunt {
    /// The method.
    pub method: HuntMethod,
    /// Which channels are tried first.
    pub parity: Parity,
    /// In which direction channels are counted.
    pub direction: Direction,
}

impl Default for TrunkHunt {
    /// `least-used both up`.
    fn default() -> Self {
        Self { method: HuntMethod::LeastUsed, parity: Parity::Both, direction: Direction::Up }
    }
}

/// The method of a [`TrunkHunt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HuntMethod {
    /// The channel that became idle last.
    LeastIdle,
    /// The trunk with most idle channels.
    LeastUsed,
    /// The channel that became idle first.
    LongestIdle,
    /// By chance.
    Random,
    /// The channel after the one used last.
    RoundRobin,
    /// The first, trunks in order of preference.
    Sequential,
}

impl HuntMethod {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::LeastIdle, "least-idle"),
        (Self::LeastUsed, "least-used"),
        (Self::LongestIdle, "longest-idle"),
        (Self::Random, "random"),
        (Self::RoundRobin, "round-robin"),
        (Self::Sequential, "sequential"),
    ];
}

/// `both`, `even` or `odd`: channels of the other parity come after all of the wanted one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parity {
    /// `both`
    #[default]
    Both,
    /// `even`
    Even,
    /// `odd`
    Odd,
}

/// `up` or `down`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `up`: ascending channel numbers.
    #[default]
    Up,
    /// `down`: descending channel numbers.
    Down,
}

impl fmt::Display for TrunkHunt {
    /// What stands after `hunt-scheme`; `both` and `up` are left out where nothing follows them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word =
            HuntMethod::WORDS.iter().find(|(method, _)| *method == self.method).map_or("", |(_, word)| word);
        f.write_str(word)?;
        let down = self.direction == Direction::Down;
        match self.parity {
            Parity::Even => f.write_str(" even")?,
            Parity::Odd => f.write_str(" odd")?,
            Parity::Both if down => f.write_str(" both")?,
            Parity::Both => {}
        }
        if down { f.write_str(" down") } else { Ok(()) }
    }
}

impl FromStr for TrunkHunt {
    type Err = TrunkHuntError;

    /// Reads `METHOD [both|even|odd [up|down]]`, in any case.
    ///
    /// # Errors
    /// [`TrunkHuntError`] for anything else.
    fn from_str(text: &str) -> Result<Self, TrunkHuntError> {
        let bad = || TrunkHuntError { found: text.chars().take(64).collect() };
        let lower = text.to_ascii_lowercase();
        let mut words = lower.split_ascii_whitespace();
        let word = words.next().ok_or_else(bad)?;
        let (method, _) = *HuntMethod::WORDS.iter().find(|(_, name)| *name == word).ok_or_else(bad)?;
        let parity = match words.next() {
            None | Some("both") => Parity::Both,
            Some("even") => Parity::Even,
            Some("odd") => Parity::Odd,
            Some(_) => return Err(bad()),
        };
        let direction = match (words.next(), words.next()) {
            (None | Some("up"), None) => Direction::Up,
            (Some("down"), None) => Direction::Down,
            _ => return Err(bad()),
        };
        Ok(Self { method, parity, direction })
    }
}

/// A hunt scheme that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hunt scheme is {found:?}, expected METHOD [both|even|odd [up|down]]")]
pub struct TrunkHuntError {
    /// What stood there, at most 64 characters of it.
    pub found: String,
}

/// A trunk or port of a trunk group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its preference, 1 to 64 with 1 first; `None` comes last.
    pub preference: Option<u8>,
    /// The channels a call can be put on: bit n-1 for channel n, 1 to 32. A port that is one channel has number 1.
    pub idle: u32,
}

impl TrunkHunt {
    /// The channel that takes the next call: index of the member, and number; `None` where no channel is idle.
    ///
    /// `last` is the channel used last, for round robin; `idle_since` when a channel became idle, in any unit that grows, for
    /// the methods that ask for it; `random` as in [`DialPeerHunt::order`].
    pub fn choose(
        self,
        members: &[Member],
        last: Option<(usize, u8)>,
        idle_since: impl Fn(usize, u8) -> u64,
        mut random: impl FnMut() -> u64,
    ) -> Option<(usize, u8)> {
        // The sequential order, which decides wherever the method does not.
        let place = |at: usize, member: &Member, number: u8| {
            let number = if self.direction == Direction::Up { number } else { u8::MAX - number };
            (member.preference.unwrap_or(u8::MAX), at, number)
        };
        let last = last.filter(|_| self.method == HuntMethod::RoundRobin);
        let last = last.and_then(|(at, number)| Some(place(at, members.get(at)?, number)));
        let mut best = None;
        for (at, member) in members.iter().enumerate() {
            let mut idle = member.idle;
            while idle != 0 {
                // At most 32.
                let number = idle.trailing_zeros() as u8 + 1;
                idle &= idle - 1;
                let wrong_parity = match self.parity {
                    Parity::Both => false,
                    Parity::Even => !number.is_multiple_of(2),
                    Parity::Odd => number.is_multiple_of(2),
                };
                let rank = match self.method {
                    HuntMethod::Sequential | HuntMethod::RoundRobin => 0,
                    HuntMethod::LeastIdle => u64::MAX - idle_since(at, number),
                    HuntMethod::LongestIdle => idle_since(at, number),
                    HuntMethod::LeastUsed => u64::from(u32::MAX - member.idle.count_ones()),
                    HuntMethod::Random => random(),
                };
                let place = place(at, member, number);
                let key = (wrong_parity, rank, last.is_some_and(|last| place <= last), place);
                if best.as_ref().is_none_or(|(least, _)| key < *least) {
                    best = Some((key, (at, number)));
                }
            }
        }
        best.map(|(_, channel)| channel)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{DialPeer, PeerKind, Table};

    fn peer(tag: u32, pattern: &str, preference: u8) -> DialPeer {
        let mut peer = DialPeer::new(tag, PeerKind::Pots);
        peer.destination_pattern = Some(pattern.parse().unwrap());
        peer.port = Some("1/0:15".into());
        peer.preference = preference;
        peer
    }

    #[test]
    fn each_of_the_eight_schemes_orders_by_its_criteria() {
        let table = Table::new([
            peer(1, "8000", 2),
            peer(2, "80..", 0),
            peer(3, "8000", 2),
            peer(4, "80..", 1),
            peer(5, "8000", 1),
        ]);
        // Peer 3 was used first, peer 1 last; peer 4 never.
        let last_used = |tag: u32| [0, 50, 20, 10, 0, 40].get(tag as usize).copied().unwrap_or(0);
        for (number, expected) in [
            (0, [5, 3, 1, 2, 4]),
            (1, [5, 3, 1, 2, 4]),
            (2, [2, 5, 4, 3, 1]),
            (3, [2, 5, 4, 3, 1]),
            (4, [4, 3, 2, 5, 1]),
            (5, [4, 3, 2, 5, 1]),
            (6, [4, 2, 3, 1, 5]),
            (7, [4, 3, 2, 5, 1]),
        ] {
            let scheme = DialPeerHunt::from_number(number).unwrap();
            let mut found = table.outbound("8000");
            // Falls, so that what is left to chance comes out reversed.
            let mut chance = 100;
            scheme.order(&mut found, last_used, || {
                chance -= 1;
                chance
            });
            assert_eq!(found.iter().map(|way| way.peer.tag).collect::<Vec<_>>(), expected, "hunt {number}");
            assert_eq!(scheme.number(), number);
        }
        assert_eq!(DialPeerHunt::from_number(8), None);
    }

    #[test]
    fn a_call_goes_on_to_the_next_peer_unless_every_way_would_fail() {
        let mut hunt = VoiceHunt::default();
        let stops = |hunt: VoiceHunt| (1..=127).filter(|cause| !hunt.goes_on(*cause)).collect::<Vec<u8>>();
        assert_eq!(stops(hunt), [1, 17, 28]);
        assert!(hunt.set("User-Busy", true));
        assert_eq!(stops(hunt), [1, 28]);
        assert!(hunt.set("all", true) && stops(hunt).is_empty());
        assert!(hunt.set("unassigned-number", false) && hunt.set("invalid-number", false));
        assert_eq!(stops(hunt), [1, 28]);
        assert!(!hunt.set("weather", true));
    }

    #[test]
    fn trunk_group_schemes_choose_among_idle_channels() {
        let member = |preference, idle| Member { preference, idle };
        let members = [member(Some(2), 0b101), member(Some(1), 0b1), member(None, 0b111)];
        let idle_since = |at: usize, number: u8| match (at, number) {
            (0, 1) => 50,
            (0, 3) => 10,
            (1, _) => 40,
            (2, 1) => 30,
            (2, 2) => 20,
            _ => 60,
        };
        for (text, expected) in [
            ("sequential", [(1, 1), (0, 1), (0, 3), (2, 1), (2, 2), (2, 3)]),
            ("sequential both down", [(1, 1), (0, 3), (0, 1), (2, 3), (2, 2), (2, 1)]),
            ("sequential even", [(2, 2), (1, 1), (0, 1), (0, 3), (2, 1), (2, 3)]),
            ("sequential odd down", [(1, 1), (0, 3), (0, 1), (2, 3), (2, 1), (2, 2)]),
            ("round-robin", [(0, 3), (2, 1), (2, 2), (2, 3), (1, 1), (0, 1)]),
            ("least-idle", [(2, 3), (0, 1), (1, 1), (2, 1), (2, 2), (0, 3)]),
            ("longest-idle", [(0, 3), (2, 2), (2, 1), (1, 1), (0, 1), (2, 3)]),
            // Each call taken makes its trunk one of fewer idle channels.
            ("least-used", [(2, 1), (0, 1), (2, 2), (1, 1), (0, 3), (2, 3)]),
            ("random", [(2, 3), (2, 2), (2, 1), (1, 1), (0, 3), (0, 1)]),
        ] {
            let scheme: TrunkHunt = text.parse().unwrap();
            let mut chance = 100;
            let mut left = members;
            let mut order = Vec::new();
            while let Some((at, number)) = scheme.choose(&left, Some((0, 2)), idle_since, || {
                chance -= 1;
                chance
            }) {
                order.push((at, number));
                left.get_mut(at).unwrap().idle &= !(1 << (number - 1));
            }
            assert_eq!(order, expected, "{text}");
            assert_eq!(scheme.to_string(), text);
        }
        assert_eq!(TrunkHunt::default().choose(&[], None, |_, _| 0, || 0), None);
        let whole = [member(None, u32::MAX)];
        assert_eq!(
            "sequential both down".parse::<TrunkHunt>().unwrap().choose(&whole, None, |_, _| 0, || 0),
            Some((0, 32))
        );
        for text in ["", "first", "sequential up", "sequential even left", "sequential even up x"] {
            assert!(text.parse::<TrunkHunt>().is_err(), "{text}");
        }
    }
}
