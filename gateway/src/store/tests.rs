#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;

fn job(key: &str, record: Option<&[u8]>) -> Job {
    Job { kind: Kind::Watcher, key: key.to_owned(), record: record.map(<[u8]>::to_vec), ticket: 0 }
}

/// What a store has that is opened on what these files hold now: the machine stopped here.
fn after_a_crash(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let other = tempfile::tempdir().unwrap();
    for file in ["tipring.redb", "tipring.journal"] {
        std::fs::copy(directory.join(file), other.path().join(file)).unwrap();
    }
    let (mut store, _) = Store::open(other.path(), |_| {}).unwrap();
    store.take_watchers().into_iter().collect()
}

#[test]
fn whatever_was_acknowledged_is_there_after_a_crash_wherever_the_journal_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(directory.path()).unwrap();
    let mut known = BTreeMap::new();
    let mut commits = 0;
    for round in 0..500_usize {
        // Groups of 1 to 7 records of up to 2,000 octets under 40 keys; every ninth is a removal.
        let group: Vec<Job> = (0..=round % 7)
            .map(|at| {
                let key = format!("{}", (round * 7 + at * 13) % 40);
                let octets = vec![round as u8; (round * 37 + at) % 2000];
                let record = (!(round + at).is_multiple_of(9)).then_some(octets.as_slice());
                job(&key, record)
            })
            .collect();
        for Job { key, record, .. } in &group {
            match record {
                Some(record) => known.insert(key.clone(), record.clone()),
                None => known.remove(key),
            };
        }
        writer.write(group).unwrap();
        let committed = writer.pending.is_empty();
        commits += usize::from(committed);
        if committed || round % 50 == 1 {
            assert_eq!(after_a_crash(directory.path()), known, "round {round}");
        }
    }
    assert!(commits >= 3, "the journal began anew {commits} times");
    drop(writer);
    assert_eq!(after_a_crash(directory.path()), known);
}

#[test]
fn a_group_larger_than_the_journal_goes_to_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(directory.path()).unwrap();
    writer.write(vec![job("a", Some(b"small"))]).unwrap();
    let large = vec![9; journal::SIZE];
    writer.write(vec![job("b", Some(&large))]).unwrap();
    writer.write(vec![job("c", Some(b"small"))]).unwrap();
    let known = [("a", b"small".to_vec()), ("b", large), ("c", b"small".to_vec())];
    let known: BTreeMap<_, _> = known.into_iter().map(|(key, record)| (key.to_owned(), record)).collect();
    assert_eq!(after_a_crash(directory.path()), known);
}

#[test]
fn a_block_that_is_damaged_ends_the_journal_and_those_before_it_count() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (mut journal, bodies) = Journal::open(&path, 0).unwrap();
    assert!(bodies.is_empty() && journal.is_synchronous());
    let written: Vec<Vec<u8>> = (1..=4_u8).map(|at| vec![at; 10 * usize::from(at)]).collect();
    for body in &written {
        assert!(journal.append(body));
    }
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(whole.len(), journal::SIZE);
    let read = |octets: &[u8], last| {
        std::fs::write(&path, octets).unwrap();
        Journal::open(&path, last).unwrap().1
    };
    assert_eq!(read(&whole, 0), written);
    // Where each block ends: 44 octets of head, then the body.
    let ends: Vec<usize> = (1..=4).map(|at| (1..=at).map(|n| 44 + 10 * n).sum()).collect();
    let end = *ends.last().unwrap();
    for at in 0..end {
        let mut damaged = whole.clone();
        *damaged.get_mut(at).unwrap() ^= 0x10;
        let before = ends.iter().filter(|end| **end <= at).count();
        assert_eq!(read(&damaged, 0), written.get(..before).unwrap(), "octet {at}");
        // Cut off here, and the file grown again.
        assert_eq!(read(whole.get(..at).unwrap(), 0), written.get(..before).unwrap(), "{at} octets");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), journal::SIZE as u64);
    }
    // The database has some of them, all of them, or is older than the journal: only what comes next counts.
    for last in [1, 2, 4, 7] {
        assert!(read(&whole, last).is_empty());
    }
}

#[test]
fn blocks_of_before_a_commit_never_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(directory.path()).unwrap();
    for value in [b"1", b"2", b"3"] {
        writer.write(vec![job("a", Some(value))]).unwrap();
    }
    writer.commit().unwrap();
    assert_eq!(after_a_crash(directory.path()).get("a"), Some(&b"3".to_vec()));
    // The next block covers the first of the three; the other two are still behind it.
    writer.write(vec![job("a", Some(b"4"))]).unwrap();
    assert_eq!(after_a_crash(directory.path()).get("a"), Some(&b"4".to_vec()));
    // It was cut in two by the crash.
    let path = directory.path().join("tipring.journal");
    let mut octets = std::fs::read(&path).unwrap();
    *octets.get_mut(45).unwrap() ^= 1;
    std::fs::write(&path, octets).unwrap();
    assert_eq!(after_a_crash(directory.path()).get("a"), Some(&b"3".to_vec()));
}

#[test]
fn a_journal_that_cannot_be_written_is_done_without() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(directory.path()).unwrap();
    writer.journal = Journal::on_a_full_disk();
    for value in [b"1", b"2"] {
        writer.write(vec![job("a", Some(value))]).unwrap();
        assert!(writer.pending.is_empty(), "in the database");
        assert_eq!(after_a_crash(directory.path()).get("a"), Some(&value.to_vec()));
    }
    // The block that failed may be there in part; its number is never used again.
    assert_eq!(last_block(&writer.database).unwrap(), writer.journal.last());
}
