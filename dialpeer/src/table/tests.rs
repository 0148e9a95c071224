#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;
use crate::peer::SessionTarget;

fn pots(tag: u32, pattern: &str) -> DialPeer {
    let mut peer = DialPeer::new(tag, PeerKind::Pots);
    peer.destination_pattern = Some(pattern.parse().unwrap());
    peer.port = Some(format!("2/{tag}"));
    peer
}

fn voip(tag: u32) -> DialPeer {
    let mut peer = DialPeer::new(tag, PeerKind::Voip);
    peer.session_target = Some(SessionTarget::SipServer);
    peer
}

fn tags(table: &Table, number: &str) -> Vec<u32> {
    table.outbound(number).iter().map(|found| found.peer.tag).collect()
}

#[test]
fn the_longest_explicit_match_comes_first() {
    let table = Table::new([
        pots(1, "."),
        pots(2, "555[1-3]..."),
        pots(3, "5553..."),
        pots(4, "5553216"),
        pots(5, ".T"),
    ]);
    assert_eq!(tags(&table, "5553216"), [4, 3, 2, 1, 5]);
    assert_eq!(tags(&table, "5551234"), [2, 1, 5]);
    assert_eq!(table.outbound("5551234").first().map(|found| (found.explicit, found.wild)), Some((3, 4)));
    assert!(tags(&Table::new([pots(1, "8000")]), "9").is_empty());
}

#[test]
fn preference_then_configured_order_decide_between_equals() {
    let mut table = Table::new([pots(30, "8..."), pots(10, "8..."), pots(20, "8...")]);
    assert_eq!(tags(&table, "8000"), [30, 10, 20]);
    let mut first = pots(30, "8...");
    first.preference = 5;
    table.insert(first.clone());
    assert_eq!(tags(&table, "8000"), [10, 20, 30]);
    first.preference = 0;
    table.insert(first);
    assert_eq!(tags(&table, "8000"), [30, 10, 20]);
    assert_eq!(table.remove(10).map(|peer| peer.tag), Some(10));
    table.insert(pots(10, "8..."));
    assert_eq!(tags(&table, "8000"), [30, 20, 10]);
    assert_eq!(table.iter().map(|peer| peer.tag).collect::<Vec<_>>(), [30, 20, 10]);
}

#[test]
fn a_longer_match_comes_before_a_better_preference() {
    let mut exact = pots(2, "8000");
    exact.preference = 10;
    assert_eq!(tags(&Table::new([pots(1, "800."), exact]), "8000"), [2, 1]);
}

#[test]
fn peers_that_are_shut_down_without_target_or_without_permission_are_left_out() {
    let mut table = Table::new([pots(1, "8000")]);
    for change in [
        (|peer: &mut DialPeer| peer.shutdown = true) as fn(&mut DialPeer),
        |peer| peer.port = None,
        |peer| peer.permission = Permission::Orig,
        |peer| peer.permission = Permission::None,
        |peer| peer.destination_pattern = None,
    ] {
        let mut peer = pots(1, "8000");
        change(&mut peer);
        table.insert(peer);
        assert!(tags(&table, "8000").is_empty());
        table.insert(pots(1, "8000"));
        assert_eq!(tags(&table, "8000"), [1]);
    }
}

#[test]
fn inbound_criteria_are_tried_over_all_peers_one_after_the_other() {
    let mut by_called = voip(1);
    by_called.incoming_called = Some("8...".parse().unwrap());
    let mut by_answer = voip(2);
    by_answer.answer_address = Some("4711".parse().unwrap());
    let mut by_destination = voip(3);
    by_destination.destination_pattern = Some("47..".parse().unwrap());
    let mut longer = voip(4);
    longer.incoming_called = Some("80..".parse().unwrap());
    let mut table = Table::new([by_destination, by_answer, by_called, longer]);
    let find = |table: &Table, called: &str, calling: &str| {
        let leg = InboundLeg { kind: PeerKind::Voip, called, calling, port: None, labels: None };
        table.inbound(leg).map(|found| (found.peer.tag, found.by))
    };
    assert_eq!(find(&table, "8000", "4711"), Some((4, Criterion::CalledNumber)));
    assert_eq!(find(&table, "8100", "4711"), Some((1, Criterion::CalledNumber)));
    assert_eq!(find(&table, "7000", "4711"), Some((2, Criterion::AnswerAddress)));
    assert_eq!(find(&table, "7000", "4712"), Some((3, Criterion::DestinationPattern)));
    assert_eq!(find(&table, "7000", "1"), None);
    let mut shut = table.peer(4).unwrap().clone();
    shut.shutdown = true;
    table.insert(shut);
    assert_eq!(find(&table, "8000", "4711"), Some((1, Criterion::CalledNumber)));
}

#[test]
fn a_telephone_arrives_on_the_first_peer_of_its_port() {
    let mut second = pots(2, "8001");
    second.port = Some("2/0".into());
    let mut first = pots(1, "8000");
    first.port = Some("2/0".into());
    let mut general = pots(3, "9T");
    general.incoming_called = Some("T".parse().unwrap());
    let table = Table::new([second, first, general, voip(4)]);
    let leg = |called, calling| InboundLeg {
        kind: PeerKind::Pots,
        called,
        calling,
        port: Some("2/0"),
        labels: None,
    };
    let find = |leg| table.inbound(leg).map(|found| (found.peer.tag, found.by));
    assert_eq!(find(leg("", "")), Some((2, Criterion::Port)));
    assert_eq!(find(leg("", "8000")), Some((1, Criterion::DestinationPattern)));
    assert_eq!(find(leg("5", "8000")), Some((3, Criterion::CalledNumber)));
    let elsewhere = InboundLeg { port: Some("2/7"), ..leg("", "") };
    assert_eq!(find(elsewhere), Some((3, Criterion::CalledNumber)));
}

#[test]
fn pattern_maps_stand_for_their_patterns_and_follow_changes() {
    let mut peer = voip(1);
    peer.destination_map = Some(3);
    let mut inbound = voip(2);
    inbound.incoming_called_map = Some(3);
    inbound.incoming_calling_map = Some(4);
    let mut table = Table::new([peer, inbound]);
    assert!(tags(&table, "8135550111").is_empty());
    let patterns = ["8135550111", "81355501..", "813555013[567]"].map(|text| text.parse().unwrap());
    table.set_map(3, patterns.to_vec());
    assert_eq!(tags(&table, "8135550111"), [1]);
    assert_eq!(table.outbound("8135550111").first().map(|found| found.explicit), Some(10));
    let leg =
        |called, calling| InboundLeg { kind: PeerKind::Voip, called, calling, port: None, labels: None };
    assert_eq!(table.inbound(leg("8135550136", "")).map(|found| found.peer.tag), Some(2));
    table.set_map(4, vec!["49T".parse().unwrap()]);
    assert_eq!(table.inbound(leg("1", "4930")).map(|found| found.by), Some(Criterion::AnswerAddress));
    table.set_map(3, Vec::new());
    assert!(tags(&table, "8135550111").is_empty());
    assert!(table.inbound(leg("8135550136", "")).is_none());
}

#[test]
fn digits_are_collected_until_no_longer_pattern_is_possible() {
    let mut table = Table::new([pots(1, "8000"), pots(2, "80001"), pots(3, "9T"), pots(4, "7...")]);
    for (digits, expected) in [
        ("", Progress::Partial),
        ("8", Progress::Partial),
        ("8000", Progress::Open),
        ("80001", Progress::Full),
        ("80002", Progress::Full),
        ("9", Progress::Open),
        ("7123", Progress::Full),
        ("712", Progress::Partial),
        ("6", Progress::Never),
    ] {
        assert_eq!(table.progress(digits), expected, "{digits}");
    }
    table.remove(2);
    assert_eq!(table.progress("8000"), Progress::Full);
}

#[test]
fn emptied_branches_are_forgotten() {
    let mut table = Table::new((1..5000).map(|n| pots(n, &format!("{n:05}"))));
    assert_eq!(table.progress("0"), Progress::Partial);
    (1..5000).for_each(|n| assert!(table.remove(n).is_some()));
    assert_eq!(table.progress("0"), Progress::Never);
    assert!(table.is_empty());
    assert!(table.remove(1).is_none());
}

#[test]
fn maps_that_change_are_looked_up_by_their_new_patterns() {
    let mut peer = pots(1, "1");
    (peer.destination_pattern, peer.destination_map) = (None, Some(7));
    let mut table = Table::new([peer]);
    let map = |pattern: &str| HashMap::from([(7, vec![pattern.parse().unwrap()])]);
    table.set_maps(map("80.."));
    assert_eq!((tags(&table, "8000"), tags(&table, "9000")), (vec![1], vec![]));
    table.set_maps(map("90.."));
    assert_eq!((tags(&table, "8000"), tags(&table, "9000")), (vec![], vec![1]));
    table.set_maps(HashMap::new());
    assert!(tags(&table, "9000").is_empty());
}

/// Changes to a table: tag, pattern or removal.
fn changes() -> impl Strategy<Value = Vec<(u32, Option<String>, u8)>> {
    let pattern = "[12.]{0,3}(\\[12\\])?[12.]{0,2}([12]\\?)?[12.]{1,2}T?\\$?";
    prop::collection::vec((1_u32..40, prop::option::weighted(0.85, pattern), 0_u8..3), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn looking_up_equals_trying_every_peer(changes in changes(), numbers in prop::collection::vec("[123]{0,8}", 20)) {
        let mut table = Table::default();
        let mut naive: Vec<DialPeer> = Vec::new();
        for (tag, pattern, preference) in changes {
            let place = naive.iter().position(|peer| peer.tag == tag);
            match pattern {
                Some(text) => {
                    let mut peer = pots(tag, &text);
                    peer.preference = preference;
                    table.insert(peer.clone());
                    match place.and_then(|at| naive.get_mut(at)) {
                        Some(old) => *old = peer,
                        None => naive.push(peer),
                    }
                }
                None => {
                    prop_assert_eq!(table.remove(tag).is_some(), place.is_some());
                    naive.retain(|peer| peer.tag != tag);
                }
            }
        }
        prop_assert_eq!(table.len(), naive.len());
        // From any table to any other, in any order.
        let shared: Vec<Arc<DialPeer>> = naive.iter().cloned().map(Arc::new).collect();
        let mut turned = shared.clone();
        turned.reverse();
        turned.truncate(shared.len().div_ceil(2));
        let mut other = table.clone();
        for peers in [&turned, &shared, &turned] {
            other.set_peers(peers);
            prop_assert!(other.iter().eq(peers.iter().map(AsRef::as_ref)));
            let fresh = Table::new(peers.iter().cloned());
            for number in &numbers {
                prop_assert_eq!(tags(&other, number), tags(&fresh, number));
                prop_assert_eq!(other.progress(number), fresh.progress(number));
            }
        }
        for number in numbers {
            let pattern = |peer: &DialPeer| peer.destination_pattern.clone().unwrap();
            let mut expected: Vec<_> =
                naive.iter().filter_map(|peer| Some((pattern(peer).matches(&number)?, peer))).collect();
            expected.sort_by(|(a, x), (b, y)| b.cmp(a).then(x.preference.cmp(&y.preference)));
            let expected: Vec<u32> = expected.into_iter().map(|(_, peer)| peer.tag).collect();
            prop_assert_eq!(tags(&table, &number), expected);

            let each: Vec<Progress> = naive.iter().map(|peer| pattern(peer).progress(&number)).collect();
            let matched = each.iter().any(|p| *p >= Progress::Open);
            let possible = each.iter().any(|p| matches!(p, Progress::Partial | Progress::Open));
            let expected = match (matched, possible) {
                (true, true) => Progress::Open,
                (true, false) => Progress::Full,
                (false, true) => Progress::Partial,
                (false, false) => Progress::Never,
            };
            prop_assert_eq!(table.progress(&number), expected);
        }
    }
}

#[test]
fn a_peer_that_names_a_source_takes_calls_from_there_alone() {
    use crate::Labels;
    let labelled = |tag, group: &str| {
        let mut peer = DialPeer::new(tag, PeerKind::Pots);
        peer.labels = Some(Box::new(Labels { source_group: Some(group.into()), ..Labels::default() }));
        peer
    };
    let mut by_number = labelled(1, "WEST");
    by_number.incoming_called = Some("80..".parse().unwrap());
    let mut at_port = DialPeer::new(3, PeerKind::Pots);
    at_port.port = Some("2/0".into());
    let mut table = Table::new([by_number, labelled(2, "EAST"), at_port]);
    let found = |table: &Table, called, port, group: Option<&str>| {
        let labels = group.map(|group| Labels { source_group: Some(group.into()), ..Labels::default() });
        let leg = InboundLeg { kind: PeerKind::Pots, called, calling: "", port, labels: labels.as_ref() };
        table.inbound(leg).map(|found| (found.peer.tag, found.by))
    };
    assert_eq!(found(&table, "8000", None, Some("west")), Some((1, Criterion::CalledNumber)));
    assert_eq!(found(&table, "8000", None, Some("EAST")), Some((2, Criterion::Label)));
    assert_eq!(found(&table, "8000", Some("2/0"), Some("EAST")), Some((3, Criterion::Port)));
    assert_eq!(found(&table, "8000", None, Some("NORTH")), None);
    assert_eq!(found(&table, "8000", None, None), None);
    table.remove(2);
    assert_eq!(found(&table, "8000", None, Some("EAST")), None);
}
