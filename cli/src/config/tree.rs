//! The lines of a configuration, nested.

use crate::grammar::{ModeKind, Table};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Lines from which on a body remembers where each of them is.
const MANY: usize = 32;

/// The lines of a section, or of the whole configuration. Copies share their lines until one is changed.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// In the order of `show running-config`.
    nodes: Vec<Arc<Node>>,
    /// Where each line of a long body is, by its hash: found out when first asked for, void when a line comes, goes or
    /// changes.
    places: OnceLock<Arc<HashMap<u64, usize>>>,
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

impl Eq for Body {}

/// One line, with its section if it opens one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    order: Order,
    /// The words that identify it.
    pub key: String,
    /// The line.
    pub line: String,
    /// Mode and lines of the section.
    pub section: Option<(ModeKind, Body)>,
    hash: u64,
}

/// Place of a line among its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    place: usize,
    sorted: bool,
}

impl Order {
    /// Behind everything that has a grammar, in the order of making.
    pub(crate) const LAST: Order = Order { place: usize::MAX, sorted: false };

    pub(crate) fn of(table: &Table, command: usize) -> Order {
        let sorted = table.command(command).is_some_and(|(c, _)| c.sorted);
        Order { place: table.order(command), sorted }
    }
}

impl Node {
    pub(crate) fn new(order: Order, key: String, line: String, section: Option<ModeKind>) -> Node {
        let hash = hash(&key);
        Node { order, key, line, section: section.map(|kind| (kind, Body::default())), hash }
    }

    /// The lines of its section, without those of sections within.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.section.iter().flat_map(|(_, body)| body.nodes()).map(|node| node.line.as_str())
    }

    /// What stands behind `words` in the first line of its section that begins with them.
    pub fn value(&self, words: &str) -> Option<&str> {
        self.lines().find_map(|line| line.strip_prefix(words))
    }

    /// True if its section has exactly this line.
    pub fn has(&self, line: &str) -> bool {
        self.lines().any(|known| known == line)
    }

    /// The section within its section that this line opens.
    pub fn subsection(&self, line: &str) -> Option<&Node> {
        self.section.as_ref().and_then(|(_, body)| body.section(line))
    }

    /// True if it stands where this command's lines stand.
    pub(crate) fn is_of(&self, order: Order) -> bool {
        self.order == order
    }

    /// True if the line's words begin with the given words.
    pub(crate) fn begins_with(&self, words: &str) -> bool {
        self.line.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }
}

impl Body {
    /// True if there is no line.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The lines in the order of `show running-config`.
    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// The section that exactly this line opens. Among thousands of lines it costs as much as among a few.
    pub fn section(&self, line: &str) -> Option<&Node> {
        let search = || self.nodes.iter().map(AsRef::as_ref).find(|node: &&Node| node.line == line);
        if self.nodes.len() < MANY {
            return search();
        }
        let places = self.places.get_or_init(|| {
            let mut places = HashMap::with_capacity(self.nodes.len());
            for (at, node) in self.nodes.iter().enumerate() {
                places.entry(hash(&node.line)).or_insert(at);
            }
            Arc::new(places)
        });
        let node = self.nodes.get(*places.get(&hash(line))?)?;
        // Else another line has the same hash.
        if node.line == line { Some(node.as_ref()) } else { search() }
    }

    /// The lines that begin with `words`, sections or not.
    pub fn beginning<'a>(&'a self, words: &'a str) -> impl Iterator<Item = &'a Node> + 'a {
        self.nodes.iter().map(AsRef::as_ref).filter(move |node: &&Node| node.line.starts_with(words))
    }

    /// True if both have the same lines in the same order among those that `counts` picks.
    pub fn is_alike(&self, other: &Body, counts: impl Fn(&Node) -> bool) -> bool {
        self.nodes.iter().filter(|node| counts(node)).eq(other.nodes.iter().filter(|node| counts(node)))
    }

    /// Adds a line in its place and tells where that is.
    pub(crate) fn insert(&mut self, node: Node) -> usize {
        let before = |old: &Arc<Node>| match old.order.place.cmp(&node.order.place) {
            std::cmp::Ordering::Equal if node.order.sorted => super::natural(&old.key, &node.key).is_le(),
            order => order.is_le(),
        };
        let at = self.nodes.partition_point(before);
        self.nodes.insert(at, Arc::new(node));
        self.places.take();
        at
    }

    /// Changes the line itself, or gives it an empty section.
    pub(crate) fn change(&mut self, at: usize, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(at) {
            change(Arc::make_mut(node));
            self.places.take();
        }
    }

    /// The lines of the section at this place, to be changed.
    pub(crate) fn inner_mut(&mut self, at: usize) -> Option<&mut Body> {
        let node = self.nodes.get_mut(at).map(Arc::make_mut)?;
        node.section.as_mut().map(|(_, body)| body)
    }

    /// The sections with their modes, to be changed.
    pub(crate) fn sections_mut(&mut self) -> impl Iterator<Item = &mut (ModeKind, Body)> {
        self.nodes.iter_mut().filter_map(|node| Arc::make_mut(node).section.as_mut())
    }

    pub(crate) fn position(&self, key: &str, hint: usize) -> Option<usize> {
        let wanted = hash(key);
        let is = |n: &Arc<Node>| n.hash == wanted && n.key == key;
        if self.nodes.get(hint).is_some_and(is) {
            return Some(hint);
        }
        self.nodes.iter().position(is)
    }

    /// Adds the line or puts it in the place of the one with the same key.
    pub(crate) fn put(&mut self, node: Node) {
        let known = self.position(&node.key, usize::MAX);
        match known.and_then(|at| Some((at, self.nodes.get(at)?.order == node.order))) {
            Some((at, true)) => self.change(at, |old| old.line = node.line),
            // Another command with the same words stands elsewhere.
            Some(_) => {
                self.remove(|n| n.key == node.key);
                self.insert(node);
            }
            None => {
                self.insert(node);
            }
        }
    }

    /// Removes lines; true if there were any.
    pub(crate) fn remove(&mut self, gone: impl Fn(&Node) -> bool) -> bool {
        let before = self.nodes.len();
        self.nodes.retain(|n| !gone(n));
        let any = self.nodes.len() != before;
        if any {
            self.places.take();
        }
        any
    }
}

/// FNV-1a: keys are compared by hash first, since finding a section among thousands happens for every header.
fn hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
