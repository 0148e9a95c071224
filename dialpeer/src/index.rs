//! Many patterns, looked up at once.
//!
//! A trie over the symbols dialled. A leaf holds a few patterns and is divided when they become too many, so
//! that a look-up visits the nodes its number leads through and tests a handful of patterns, however many
//! there are in all. A pattern with something optional or repeated stays at the node before that place.

use crate::pattern::{Pattern, Progress, Rank, SYMBOLS, Symbols};

/// Patterns a leaf holds before it is divided.
const LEAF: usize = 4;
const NONE: u32 = u32::MAX;

/// Patterns with a key each.
///
/// ```
/// use dialpeer::PatternIndex;
///
/// let mut index = PatternIndex::new();
/// index.insert("local", &"55.....".parse()?);
/// index.insert("bakery", &"5550123".parse()?);
/// let mut found: Vec<_> = index.lookup("5550123");
/// found.sort_by_key(|(_, rank)| std::cmp::Reverse(*rank));
/// assert_eq!(found.iter().map(|(key, _)| **key).collect::<Vec<_>>(), ["bakery", "local"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PatternIndex<K> {
    nodes: Vec<Node<K>>,
    len: usize,
    /// Removals since the trie was last built.
    removed: usize,
}

impl<K: PartialEq + Clone> PatternIndex<K> {
    /// An index without patterns.
    pub fn new() -> Self {
        Self { nodes: vec![Node::leaf()], len: 0, removed: 0 }
    }

    /// Number of patterns.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a pattern under `key`. The same pair may be added several times.
    pub fn insert(&mut self, key: K, pattern: &Pattern) {
        self.len += 1;
        self.place(0, 0, Entry { key, pattern: pattern.clone() });
    }

    /// Removes one pair added before; `false` if there is none.
    pub fn remove(&mut self, key: &K, pattern: &Pattern) -> bool {
        let mut node = 0;
        let mut depth = 0;
        while let Some(here) = self.nodes.get_mut(node) {
            let same = |entry: &Entry<K>| entry.key == *key && entry.pattern == *pattern;
            if let Some(at) = here.entries.iter().position(same) {
                here.entries.remove(at);
                self.len -= 1;
                self.removed += 1;
                self.rebuild_if_sparse();
                return true;
            }
            let Some((accept, explicit)) = pattern.plain_position(depth) else { return false };
            let Some(child) = here.child(accept, explicit) else { return false };
            node = child as usize;
            depth += 1;
        }
        false
    }

    /// Every key whose pattern matches `number` en bloc, with how well it matches, in no particular order.
    pub fn lookup(&self, number: &str) -> Vec<(&K, Rank)> {
        let mut found = Vec::new();
        if let Some(number) = Symbols::read(number) {
            self.visit(0, number.as_slice(), &mut |entry| {
                if let Some(rank) = entry.pattern.rank(number.as_slice()) {
                    found.push((&entry.key, rank));
                }
            });
        }
        found
    }

    /// How well the best pattern matches `number`, `None` if none does.
    pub fn best(&self, number: &str) -> Option<Rank> {
        self.lookup(number).into_iter().map(|(_, rank)| rank).max()
    }

    /// What the digits dialled so far mean to all patterns together.
    ///
    /// [`Progress::Full`] only when no longer pattern is possible any more.
    pub fn progress(&self, digits: &str) -> Progress {
        let Some(symbols) = Symbols::read(digits) else { return Progress::Never };
        let (mut matched, mut possible) = (false, false);
        let ends = self.visit(0, symbols.as_slice(), &mut |entry| {
            let progress = entry.pattern.progress(digits);
            matched |= progress >= Progress::Open;
            possible |= matches!(progress, Progress::Partial | Progress::Open);
        });
        match (matched, possible || ends) {
            (true, true) => Progress::Open,
            (true, false) => Progress::Full,
            (false, true) => Progress::Partial,
            (false, false) => Progress::Never,
        }
    }

    /// Calls `found` for every entry on the ways `rest` leads. Returns whether patterns lie beyond its end.
    fn visit<'a>(&'a self, node: u32, rest: &[u8], found: &mut impl FnMut(&'a Entry<K>)) -> bool {
        let Some(here) = self.nodes.get(node as usize) else { return false };
        here.entries.iter().for_each(&mut *found);
        let Some((&symbol, rest)) = rest.split_first() else {
            return here.children().any(|child| self.holds_any(child));
        };
        let mut beyond = false;
        let literal = here.literal.as_ref().and_then(|children| children.get(usize::from(symbol)));
        if let Some(&child) = literal.filter(|&&child| child != NONE) {
            beyond |= self.visit(child, rest, found);
        }
        for &(accept, child) in &here.sets {
            if accept & (1 << symbol) != 0 {
                beyond |= self.visit(child, rest, found);
            }
        }
        beyond
    }

    fn holds_any(&self, node: u32) -> bool {
        self.nodes.get(node as usize).is_some_and(|here| {
            !here.entries.is_empty() || here.children().any(|child| self.holds_any(child))
        })
    }

    fn place(&mut self, mut node: usize, mut depth: usize, entry: Entry<K>) {
        loop {
            let fresh = u32::try_from(self.nodes.len()).unwrap_or(NONE);
            let Some(here) = self.nodes.get_mut(node) else { return };
            let step =
                entry.pattern.plain_position(depth).filter(|_| here.divided || here.entries.len() >= LEAF);
            let Some((accept, explicit)) = step.filter(|_| fresh != NONE) else {
                here.entries.push(entry);
                return;
            };
            if !here.divided {
                here.divided = true;
                let (go, stay) = std::mem::take(&mut here.entries)
                    .into_iter()
                    .partition(|e| e.pattern.plain_position(depth).is_some());
                here.entries = stay;
                let go: Vec<Entry<K>> = go;
                go.into_iter().for_each(|entry| self.place(node, depth, entry));
                continue;
            }
            let child = match here.child(accept, explicit) {
                Some(child) => child,
                None => {
                    here.adopt(accept, explicit, fresh);
                    self.nodes.push(Node::leaf());
                    fresh
                }
            };
            node = child as usize;
            depth += 1;
        }
    }

    /// Emptied nodes are given back once most of the trie may consist of them.
    fn rebuild_if_sparse(&mut self) {
        if self.removed > 1024 && self.removed > self.len {
            let nodes = std::mem::replace(&mut self.nodes, vec![Node::leaf()]);
            self.removed = 0;
            nodes.into_iter().flat_map(|node| node.entries).for_each(|entry| self.place(0, 0, entry));
        }
    }
}

impl<K: PartialEq + Clone> Default for PatternIndex<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
struct Node<K> {
    /// In a leaf any pattern that leads here; in a divided node those that cannot go on.
    entries: Vec<Entry<K>>,
    divided: bool,
    /// Children by one symbol written as itself.
    literal: Option<Box<[u32; SYMBOLS]>>,
    /// Children by `.` or a set.
    sets: Vec<(u32, u32)>,
}

impl<K> Node<K> {
    fn leaf() -> Self {
        Self { entries: Vec::new(), divided: false, literal: None, sets: Vec::new() }
    }

    fn child(&self, accept: u32, explicit: bool) -> Option<u32> {
        if explicit {
            let children = self.literal.as_ref()?;
            children.get(accept.trailing_zeros() as usize).copied().filter(|&child| child != NONE)
        } else {
            self.sets.iter().find(|(set, _)| *set == accept).map(|&(_, child)| child)
        }
    }

    fn adopt(&mut self, accept: u32, explicit: bool, child: u32) {
        if explicit {
            let children = self.literal.get_or_insert_with(|| Box::new([NONE; SYMBOLS]));
            if let Some(slot) = children.get_mut(accept.trailing_zeros() as usize) {
                *slot = child;
            }
        } else {
            self.sets.push((accept, child));
        }
    }

    fn children(&self) -> impl Iterator<Item = u32> {
        let literal = self.literal.iter().flat_map(|children| children.iter().copied());
        literal.filter(|&child| child != NONE).chain(self.sets.iter().map(|&(_, child)| child))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_look_up_tests_a_handful_of_patterns_however_many_there_are() {
        let mut index = PatternIndex::new();
        let mut n: u64 = 1;
        for key in 0..30_000 {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let text = match key % 4 {
                0 => format!("{:08}", n >> 38),
                1 => format!("{:06}..", n >> 45),
                2 => format!("{:05}(12)?{}", n >> 48, key % 10),
                _ => format!("{:04}[2-7]...T", n >> 52),
            };
            index.insert(key, &text.parse().unwrap());
        }
        let mut tested = 0;
        for number in (0..90_000_000_u64).step_by(9_001) {
            let digits = format!("{number:08}");
            let symbols = Symbols::read(&digits).unwrap();
            let mut here = 0;
            index.visit(0, symbols.as_slice(), &mut |_| here += 1);
            assert!(here <= 64, "{digits}: {here}");
            tested += here;
        }
        assert!(tested / 10_000 <= 12, "{}", tested / 10_000);
    }
}
