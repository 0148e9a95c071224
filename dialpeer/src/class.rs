//! Voice classes that dial peers refer to: `voice class e164-pattern-map` and `voice class dpg`.

use std::collections::HashSet;

use crate::pattern::{Pattern, PatternError};
use crate::table::{OutboundMatch, Table};

/// Patterns one map holds at most.
pub const MAX_MAP_ENTRIES: usize = 100_000;
/// Dial peers one group holds at most (IOS: 20).
pub const MAX_GROUP_ENTRIES: usize = 20;

/// `voice class e164-pattern-map N`.
///
/// Give its patterns to [`Table::set_map`]; a map that is not valid matches nothing.
///
/// ```
/// use dialpeer::class::PatternMap;
///
/// let mut map = PatternMap::new(3);
/// map.load("flash:map.cfg", "8135550111\n8135550122\n\n813555013[567]\n");
/// assert!(map.is_valid());
/// assert_eq!(map.patterns().len(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternMap {
    /// The number of the class.
    pub number: u32,
    /// `description`
    pub description: Option<String>,
    typed: Vec<Pattern>,
    /// The same, to find one given twice.
    known: HashSet<Pattern>,
    loaded: Vec<Pattern>,
    url: Option<String>,
    /// The first line of the file that could not be read.
    bad: Option<MapError>,
}

impl PatternMap {
    /// A map without patterns.
    pub fn new(number: u32) -> Self {
        Self {
            number,
            description: None,
            typed: Vec::new(),
            known: HashSet::new(),
            loaded: Vec::new(),
            url: None,
            bad: None,
        }
    }

    /// `e164 PATTERN`; a pattern given twice counts once.
    ///
    /// # Errors
    /// [`MapError::Full`] beyond [`MAX_MAP_ENTRIES`].
    pub fn add(&mut self, pattern: Pattern) -> Result<(), MapError> {
        if self.typed.len() >= MAX_MAP_ENTRIES {
            return Err(MapError::Full);
        }
        if self.known.insert(pattern.clone()) {
            self.typed.push(pattern);
        }
        Ok(())
    }

    /// `no e164 PATTERN`; `false` if there was none.
    pub fn remove(&mut self, pattern: &Pattern) -> bool {
        let was_in = self.known.remove(pattern);
        if was_in {
            self.typed.retain(|typed| typed != pattern);
        }
        was_in
    }

    /// Takes the text of the file at `url`: a pattern a line, blank lines skipped. What was loaded before is
    /// replaced; a line that is no pattern makes the map invalid.
    pub fn load(&mut self, url: &str, text: &str) {
        self.url = Some(url.to_owned());
        self.bad = None;
        self.loaded.clear();
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
            let pattern = text.trim().parse().map_err(|error| MapError::Line { line, error });
            let pattern = if self.loaded.len() < MAX_MAP_ENTRIES { pattern } else { Err(MapError::Full) };
            match pattern {
                Ok(pattern) => self.loaded.push(pattern),
                Err(error) => {
                    self.loaded.clear();
                    self.bad = Some(error);
                    return;
                }
            }
        }
    }

    /// `no url`: forgets what was loaded.
    pub fn unload(&mut self) {
        (self.url, self.bad) = (None, None);
        self.loaded.clear();
    }

    /// Whether every line of the file could be read.
    pub fn is_valid(&self) -> bool {
        self.bad.is_none()
    }

    /// Why the map is not valid.
    pub fn error(&self) -> Option<&MapError> {
        self.bad.as_ref()
    }

    /// The patterns, none if the map is not valid.
    pub fn patterns(&self) -> Vec<Pattern> {
        let all = self.typed.iter().chain(&self.loaded).filter(|_| self.is_valid());
        all.cloned().collect()
    }

    /// The output of `show voice class e164-pattern-map N`, lines ending in LF.
    pub fn show(&self) -> String {
        let mut out = format!("e164-pattern-map {}\n", self.number);
        if let Some(description) = &self.description {
            out.push_str(&format!("Description: {description}\n"));
        }
        out.push_str("-----------------------------------------\n");
        out.push_str(&format!("It has {} entries\n", self.typed.len() + self.loaded.len()));
        match &self.url {
            Some(url) => out.push_str(&format!("It is populated from url {url}.\n")),
            None => out.push_str("It is not populated from a file.\n"),
        }
        out.push_str(if self.is_valid() { "Map is valid.\n" } else { "Map is not valid.\n" });
        out.push_str("\nE164 pattern\n-------------------\n");
        self.typed.iter().chain(&self.loaded).for_each(|pattern| out.push_str(&format!("{pattern}\n")));
        out
    }
}

/// Why a map does not take a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// A line of the file is no pattern.
    #[error("line {line}: {error}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: PatternError,
    },
    /// The map is full.
    #[error("expected at most {MAX_MAP_ENTRIES} patterns")]
    Full,
}

/// `voice class dpg N`: dial peers that `destination dpg N` of an inbound peer leads to, whatever the number.
///
/// ```
/// use dialpeer::class::DialPeerGroup;
/// use dialpeer::{DialPeer, PeerKind, Table};
///
/// let mut peer = DialPeer::new(2, PeerKind::Voip);
/// peer.session_target = Some("sip-server".parse()?);
/// let table = Table::new([peer]);
/// let mut group = DialPeerGroup::new(1);
/// group.set(2, 0)?;
/// assert_eq!(group.outbound(&table).len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPeerGroup {
    /// The number of the class.
    pub number: u32,
    /// `description`
    pub description: Option<String>,
    /// `shutdown`: the group leads nowhere.
    pub shutdown: bool,
    entries: Vec<(u32, u8)>,
}

impl DialPeerGroup {
    /// A group without dial peers.
    pub fn new(number: u32) -> Self {
        Self { number, description: None, shutdown: false, entries: Vec::new() }
    }

    /// `dial-peer TAG preference 0-10`: adds a peer, or changes the preference of one that is in.
    ///
    /// # Errors
    /// [`GroupFull`] beyond [`MAX_GROUP_ENTRIES`].
    pub fn set(&mut self, tag: u32, preference: u8) -> Result<(), GroupFull> {
        let full = self.entries.len() >= MAX_GROUP_ENTRIES;
        match self.entries.iter_mut().find(|(other, _)| *other == tag) {
            Some((_, old)) => *old = preference,
            None if full => return Err(GroupFull),
            None => self.entries.push((tag, preference)),
        }
        Ok(())
    }

    /// `no dial-peer TAG`; `false` if it was not in.
    pub fn remove(&mut self, tag: u32) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(other, _)| *other != tag);
        self.entries.len() < before
    }

    /// Tags and preferences in the order they are tried: by preference, then as configured.
    pub fn entries(&self) -> Vec<(u32, u8)> {
        let mut entries = self.entries.clone();
        entries.sort_by_key(|(_, preference)| *preference);
        entries
    }

    /// The peers a call may take, in the order they are tried; those that [`Table::outbound`] would leave out are
    /// left out here.
    pub fn outbound<'a>(&self, table: &'a Table) -> Vec<OutboundMatch<'a>> {
        let tags = self.entries().into_iter().filter(|_| !self.shutdown).map(|(tag, _)| tag);
        tags.filter_map(|tag| table.outbound_peer(tag)).collect()
    }

    /// The output of `show voice class dpg N`, lines ending in LF.
    pub fn show(&self) -> String {
        let mut out = format!(
            "Voice class dpg: {}       AdminStatus: {}\n",
            self.number,
            if self.shutdown { "Down" } else { "Up" }
        );
        if let Some(description) = &self.description {
            out.push_str(&format!(" Description: {description}\n"));
        }
        out.push_str(&format!(" Total dial-peer entries: {}\n\n", self.entries.len()));
        out.push_str(" Peer Tag       Pref\n --------       ----\n");
        for (tag, preference) in self.entries() {
            out.push_str(&format!(" {tag:<15}{preference}\n"));
        }
        out.push_str("-------------------------------------\n");
        out
    }
}

/// A dial peer group that takes no more peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {MAX_GROUP_ENTRIES} dial peers in a group")]
pub struct GroupFull;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::peer::{DialPeer, PeerKind, SessionTarget};

    /// A sample of the corpus without its prompt and title.
    fn sample(text: &str) -> String {
        let lines = text.lines().filter(|line| !line.contains('#')).map(str::trim_end);
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_pattern_map_is_shown_as_a_router_does() {
        let mut map = PatternMap::new(3);
        map.load("flash:map.cfg", "8135550111\r\n8135550122\r\n8135550133\r\n813555013[567]\r\n");
        assert_eq!(map.show(), sample(include_str!("../testdata/show_voice_class_e164-pattern-map.txt")));
        map.unload();
        assert!(map.patterns().is_empty());
        assert!(map.show().contains("It has 0 entries\nIt is not populated from a file.\nMap is valid.\n"));
    }

    #[test]
    fn a_map_with_a_bad_line_is_not_valid_and_matches_nothing() {
        let mut map = PatternMap::new(3);
        map.add("49T".parse().unwrap()).unwrap();
        map.add("49T".parse().unwrap()).unwrap();
        assert_eq!(map.patterns().len(), 1);
        map.load("flash:map.cfg", "1\n\nx\n2\n");
        assert!(!map.is_valid() && map.patterns().is_empty());
        assert!(matches!(map.error(), Some(MapError::Line { line: 3, .. })));
        assert!(map.show().contains("Map is not valid.\n"));
        map.load("flash:map.cfg", "1\n2\n");
        assert_eq!(map.patterns().len(), 3);
        assert!(map.remove(&"49T".parse().unwrap()) && !map.remove(&"1".parse().unwrap()));
    }

    #[test]
    fn a_group_is_shown_as_a_router_does() {
        let mut group = DialPeerGroup::new(1);
        group.description = Some("Dial-peer Group for specific called number 1234".into());
        for (tag, preference) in [(1, 3), (2, 9), (3, 2), (2, 1)] {
            group.set(tag, preference).unwrap();
        }
        assert_eq!(group.show(), sample(include_str!("../testdata/show_voice_class_dpg.txt")));
    }

    #[test]
    fn a_group_leads_to_its_peers_by_preference() {
        let peer = |tag| {
            let mut peer = DialPeer::new(tag, PeerKind::Voip);
            peer.session_target = Some(SessionTarget::SipServer);
            peer
        };
        let mut table = Table::new([peer(1), peer(2), peer(3)]);
        let mut group = DialPeerGroup::new(1);
        for (tag, preference) in [(1, 3), (2, 1), (3, 1), (9, 0)] {
            group.set(tag, preference).unwrap();
        }
        let tags = |group: &DialPeerGroup, table: &Table| {
            group.outbound(table).iter().map(|found| found.peer.tag).collect::<Vec<_>>()
        };
        assert_eq!(tags(&group, &table), [2, 3, 1]);
        let mut shut = peer(2);
        shut.shutdown = true;
        table.insert(shut);
        assert_eq!(tags(&group, &table), [3, 1]);
        assert!(group.remove(3) && !group.remove(3));
        assert_eq!(tags(&group, &table), [1]);
        group.shutdown = true;
        assert!(tags(&group, &table).is_empty());
        (10..27).for_each(|tag| group.set(tag, 0).unwrap());
        assert_eq!(group.set(99, 0), Err(GroupFull));
    }
}
