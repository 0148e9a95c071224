//! Class of restriction: who may call whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::peer::DialPeer;

/// The lists of `dial-peer cor list`.
///
/// ```
/// use dialpeer::cor::Cor;
///
/// let mut cor = Cor::default();
/// cor.add_member("lobby", "local");
/// cor.add_member("abroad", "international");
/// assert!(!cor.permits(Some("lobby"), Some("abroad")));
/// assert!(cor.permits(None, Some("abroad")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cor {
    lists: BTreeMap<String, BTreeSet<String>>,
}

impl Cor {
    /// `member NAME` in `dial-peer cor list LIST`.
    pub fn add_member(&mut self, list: &str, member: &str) {
        self.lists.entry(list.to_owned()).or_default().insert(member.to_owned());
    }

    /// `dial-peer cor list LIST`, so far without members.
    pub fn add_list(&mut self, list: &str) {
        self.lists.entry(list.to_owned()).or_default();
    }

    /// `no member NAME`; `false` if it was none.
    pub fn remove_member(&mut self, list: &str, member: &str) -> bool {
        self.lists.get_mut(list).is_some_and(|members| members.remove(member))
    }

    /// `no dial-peer cor list LIST`; `false` if there was none.
    pub fn remove_list(&mut self, list: &str) -> bool {
        self.lists.remove(list).is_some()
    }

    /// Lists and their members, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.lists.iter().map(|(list, members)| (list.as_str(), members.iter().map(String::as_str)))
    }

    /// Whether a call from a peer with the incoming list may go to one with the outgoing list.
    ///
    /// Without an incoming list all may be called; without an outgoing list all may call; else the incoming list
    /// must hold every member of the outgoing list. A list nobody has defined has no members.
    pub fn permits(&self, incoming: Option<&str>, outgoing: Option<&str>) -> bool {
        let (Some(incoming), Some(outgoing)) = (incoming, outgoing) else { return true };
        let held = self.lists.get(incoming);
        let mut needed = self.lists.get(outgoing).into_iter().flatten();
        needed.all(|member| held.is_some_and(|held| held.contains(member)))
    }

    /// Whether a call that came on `from` may leave on `to`; `None` is dial peer 0, which has no list.
    pub fn permits_call(&self, from: Option<&DialPeer>, to: &DialPeer) -> bool {
        self.permits(from.and_then(|peer| peer.cor_incoming.as_deref()), to.cor_outgoing.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::PeerKind;

    #[test]
    fn the_incoming_list_must_hold_the_whole_outgoing_list() {
        let mut cor = Cor::default();
        for (list, members) in [
            ("manager", &["911", "local", "ld"][..]),
            ("lobby", &["911"]),
            ("ld", &["ld", "local"]),
            ("911", &["911"]),
        ] {
            members.iter().for_each(|member| cor.add_member(list, member));
        }
        cor.add_list("empty");
        for (incoming, outgoing, expected) in [
            (Some("manager"), Some("ld"), true),
            (Some("lobby"), Some("ld"), false),
            (Some("lobby"), Some("911"), true),
            (Some("lobby"), None, true),
            (None, Some("ld"), true),
            (None, None, true),
            (Some("empty"), Some("911"), false),
            (Some("empty"), Some("empty"), true),
            (Some("undefined"), Some("911"), false),
            (Some("lobby"), Some("undefined"), true),
        ] {
            assert_eq!(cor.permits(incoming, outgoing), expected, "{incoming:?} {outgoing:?}");
        }
        let mut from = DialPeer::new(1, PeerKind::Pots);
        from.cor_incoming = Some("lobby".into());
        let mut to = DialPeer::new(2, PeerKind::Pots);
        to.cor_outgoing = Some("ld".into());
        assert!(!cor.permits_call(Some(&from), &to));
        assert!(cor.permits_call(None, &to));
        assert!(
            cor.remove_member("ld", "local")
                && cor.remove_member("ld", "ld")
                && !cor.remove_member("ld", "ld")
        );
        assert!(cor.permits_call(Some(&from), &to));
        assert!(cor.remove_list("ld") && !cor.remove_list("ld"));
        let lists: Vec<_> = cor.iter().map(|(list, members)| (list, members.count())).collect();
        assert_eq!(lists, [("911", 1), ("empty", 0), ("lobby", 1), ("manager", 3)]);
    }
}
