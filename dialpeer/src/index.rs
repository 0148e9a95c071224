//! Many patterns, looked up at once.
//!
//! A trie over the symbols dialled. A leaf holds a few patterns and is divided when they become too many, so
//! that a look-up visits the nodes its number leads through and tests a handful of patterns, however many
//! there are in all. A pattern with something optional or repeated stays at the node before that place.

use crate::pattern::{Pattern, Progress, Rank, SYMBOLS, Symbols};

/// Patterns a leaf holds before it is divided.
const LEAF: usize = 4;
/// No child.
const NONE: u32 = u32::MAX;
/// Set in the number of a child that is a leaf.
const IS_LEAF: u32 = 1 << 31;

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
    /// Divided nodes; the first is the root.
    nodes: Vec<Node<K>>,
    leaves: Vec<Bucket<K>>,
    len: usize,
    /// Removals since the trie was last built.
    removed: usize,
}

impl<K: PartialEq + Clone> PatternIndex<K> {
    /// An index without patterns.
    pub fn new() -> Self {
        Self { nodes: vec![Node::new()], leaves: Vec::new(), len: 0, removed: 0 }
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
        let mut child = 0;
        let mut depth = 0;
        loop {
            let bucket = if child & IS_LEAF != 0 {
                self.leaves.get_mut((child & !IS_LEAF) as usize)
            } else {
                self.nodes.get_mut(child as usize).map(|node| &mut node.parked)
            };
            let Some(bucket) = bucket else { return false };
            if bucket.remove(key, pattern) {
                break;
            }
            let Some(node) = self.nodes.get(child as usize) else { return false };
            let Some((accept, explicit)) = pattern.plain_position(depth) else { return false };
            let Some(next) = node.child(accept, explicit) else { return false };
            child = next;
            depth += 1;
        }
        self.len -= 1;
        self.removed += 1;
        self.rebuild_if_sparse();
        true
    }

    /// Every key whose pattern matches `number` en bloc, with how well it matches, in no particular order.
    pub fn lookup(&self, number: &str) -> Vec<(&K, Rank)> {
        let mut found = Vec::new();
        self.each_match(number, |key, rank| found.push((key, rank)));
        found
    }

    /// How well the best pattern matches `number`, `None` if none does.
    pub fn best(&self, number: &str) -> Option<Rank> {
        let mut best = None;
        self.each_match(number, |_, rank| best = best.max(Some(rank)));
        best
    }

    /// What the digits dialled so far mean to all patterns together.
    ///
    /// [`Progress::Full`] only when no longer pattern is possible any more.
    pub fn progress(&self, digits: &str) -> Progress {
        let Some(symbols) = Symbols::read(digits) else { return Progress::Never };
        let (mut matched, mut possible) = (false, false);
        let beyond = self.visit(0, symbols.as_slice(), &mut |bucket| {
            for entry in &bucket.entries {
                let progress = entry.pattern.progress(digits);
                matched |= progress >= Progress::Open;
                possible |= matches!(progress, Progress::Partial | Progress::Open);
            }
        });
        match (matched, possible || beyond) {
            (true, true) => Progress::Open,
            (true, false) => Progress::Full,
            (false, true) => Progress::Partial,
            (false, false) => Progress::Never,
        }
    }

    /// Calls `found` for every match of `number`.
    pub(crate) fn each_match<'a>(&'a self, number: &str, mut found: impl FnMut(&'a K, Rank)) {
        let Some(number) = Symbols::read(number) else { return };
        let number = number.as_slice();
        let packed = Packed::of_number(number);
        self.visit(0, number, &mut |bucket| {
            for (filter, entry) in bucket.filters.iter().zip(&bucket.entries) {
                if filter.lets_pass(packed)
                    && let Some(rank) = entry.pattern.rank(number)
                {
                    found(&entry.key, rank);
                }
            }
        });
    }

    /// Calls `found` for every bucket on the ways `rest` leads. Returns whether patterns lie beyond its end.
    fn visit<'a>(&'a self, child: u32, rest: &[u8], found: &mut impl FnMut(&'a Bucket<K>)) -> bool {
        if child & IS_LEAF != 0 {
            if let Some(leaf) = self.leaves.get((child & !IS_LEAF) as usize) {
                found(leaf);
            }
            return false;
        }
        let Some(here) = self.nodes.get(child as usize) else { return false };
        if !here.parked.entries.is_empty() {
            found(&here.parked);
        }
        let Some((&symbol, rest)) = rest.split_first() else {
            return here.children().any(|child| self.holds_any(child));
        };
        let mut beyond = false;
        if let Some(&child) = here.literal.get(usize::from(symbol)).filter(|&&child| child != NONE) {
            beyond |= self.visit(child, rest, found);
        }
        for &(accept, child) in &here.sets {
            if accept & (1 << symbol) != 0 {
                beyond |= self.visit(child, rest, found);
            }
        }
        beyond
    }

    fn holds_any(&self, child: u32) -> bool {
        if child & IS_LEAF != 0 {
            return self.leaves.get((child & !IS_LEAF) as usize).is_some_and(|leaf| !leaf.entries.is_empty());
        }
        self.nodes.get(child as usize).is_some_and(|here| {
            !here.parked.entries.is_empty() || here.children().any(|child| self.holds_any(child))
        })
    }

    /// Puts an entry into the divided node `node` at `depth`, or below it.
    fn place(&mut self, mut node: u32, mut depth: usize, entry: Entry<K>) {
        loop {
            let fresh_leaf = IS_LEAF | u32::try_from(self.leaves.len()).unwrap_or(NONE);
            let fresh_node = u32::try_from(self.nodes.len()).unwrap_or(NONE);
            let Some(here) = self.nodes.get_mut(node as usize) else { return };
            let Some((accept, explicit)) = entry.pattern.plain_position(depth) else {
                here.parked.push(entry);
                return;
            };
            let child = match here.child(accept, explicit) {
                Some(child) => child,
                None => {
                    here.adopt(accept, explicit, fresh_leaf);
                    self.leaves.push(Bucket::new());
                    fresh_leaf
                }
            };
            depth += 1;
            if child & IS_LEAF == 0 {
                node = child;
                continue;
            }
            let Some(leaf) = self.leaves.get_mut((child & !IS_LEAF) as usize) else { return };
            if leaf.entries.len() < LEAF || fresh_node >= IS_LEAF {
                leaf.push(entry);
                return;
            }
            // The leaf becomes a node; its place among the leaves stays empty until the trie is built anew.
            let divided = std::mem::replace(leaf, Bucket::new());
            here.adopt(accept, explicit, fresh_node);
            self.nodes.push(Node::new());
            divided.entries.into_iter().for_each(|entry| self.place(fresh_node, depth, entry));
            node = fresh_node;
        }
    }

    /// Emptied nodes are given back once most of the trie may consist of them.
    fn rebuild_if_sparse(&mut self) {
        if self.removed > 1024 && self.removed > self.len {
            let nodes = std::mem::replace(&mut self.nodes, vec![Node::new()]);
            let leaves = std::mem::take(&mut self.leaves);
            self.removed = 0;
            let buckets = nodes.into_iter().map(|node| node.parked).chain(leaves);
            buckets.flat_map(|bucket| bucket.entries).for_each(|entry| self.place(0, 0, entry));
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

/// Entries, and in another place, so that most need not be touched, what each demands of a number.
#[derive(Clone, Debug)]
struct Bucket<K> {
    filters: Vec<Packed>,
    entries: Vec<Entry<K>>,
}

impl<K: PartialEq> Bucket<K> {
    fn new() -> Self {
        Self { filters: Vec::new(), entries: Vec::new() }
    }

    fn push(&mut self, entry: Entry<K>) {
        self.filters.push(Packed::of_pattern(&entry.pattern));
        self.entries.push(entry);
    }

    fn remove(&mut self, key: &K, pattern: &Pattern) -> bool {
        let at = self.entries.iter().position(|entry| entry.key == *key && entry.pattern == *pattern);
        if let Some(at) = at {
            self.filters.remove(at);
            self.entries.remove(at);
        }
        at.is_some()
    }
}

/// The first twelve symbols, five bits each, of a number or of a pattern's digits written as themselves.
#[derive(Clone, Copy, Debug)]
struct Packed {
    symbols: u64,
    mask: u64,
}

impl Packed {
    const PLACES: usize = 12;

    fn of_number(number: &[u8]) -> Self {
        // Places beyond the end hold 31, which no digit is.
        let symbols = (0..Self::PLACES).fold(0, |symbols, place| {
            symbols | u64::from(number.get(place).copied().unwrap_or(31)) << (5 * place)
        });
        Self { symbols, mask: u64::MAX }
    }

    fn of_pattern(pattern: &Pattern) -> Self {
        let mut packed = Self { symbols: 0, mask: 0 };
        for place in 0..Self::PLACES {
            match pattern.plain_position(place) {
                Some((accept, true)) => {
                    packed.symbols |= u64::from(accept.trailing_zeros()) << (5 * place);
                    packed.mask |= 31 << (5 * place);
                }
                Some((_, false)) => {}
                None => break,
            }
        }
        packed
    }

    fn lets_pass(self, number: Self) -> bool {
        (self.symbols ^ number.symbols) & self.mask == 0
    }
}

#[derive(Clone, Debug)]
struct Node<K> {
    /// Children by one symbol written as itself.
    literal: [u32; SYMBOLS],
    /// Children by `.` or a set.
    sets: Vec<(u32, u32)>,
    /// Patterns that end here, or go on with something optional or repeated.
    parked: Bucket<K>,
}

impl<K: PartialEq> Node<K> {
    fn new() -> Self {
        Self { literal: [NONE; SYMBOLS], sets: Vec::new(), parked: Bucket::new() }
    }

    fn child(&self, accept: u32, explicit: bool) -> Option<u32> {
        if explicit {
            self.literal.get(accept.trailing_zeros() as usize).copied().filter(|&child| child != NONE)
        } else {
            self.sets.iter().find(|(set, _)| *set == accept).map(|&(_, child)| child)
        }
    }

    /// Sets the child of a symbol or set.
    fn adopt(&mut self, accept: u32, explicit: bool, child: u32) {
        if explicit {
            if let Some(slot) = self.literal.get_mut(accept.trailing_zeros() as usize) {
                *slot = child;
            }
        } else {
            match self.sets.iter_mut().find(|(set, _)| *set == accept) {
                Some((_, slot)) => *slot = child,
                None => self.sets.push((accept, child)),
            }
        }
    }

    fn children(&self) -> impl Iterator<Item = u32> {
        let literal = self.literal.iter().copied().filter(|&child| child != NONE);
        literal.chain(self.sets.iter().map(|&(_, child)| child))
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
            index.visit(0, symbols.as_slice(), &mut |bucket| here += bucket.entries.len());
            assert!(here <= 64, "{digits}: {here}");
            tested += here;
        }
        assert!(tested / 10_000 <= 12, "{}", tested / 10_000);
    }
}
