//! What was appended is read back, and of damage nothing is made up.

use super::*;
use crate::store::tally::Tally;

const STORE: StoreId = StoreId([5; 16]);

fn key() -> StoreKey {
    StoreKey::new(&[1; 32])
}

fn point(revision: u64) -> Point {
    Point::of(&key(), STORE, revision, &Tally::default())
}

fn op(revision: u64) -> Op {
    (revision.to_be_bytes().to_vec(), (!revision.is_multiple_of(3)).then(|| vec![7; 100]))
}

fn append(journal: &mut Journal, revisions: std::ops::RangeInclusive<u64>) {
    for revision in revisions {
        let (before, after) = (point(revision - 1), point(revision));
        journal.append(&Frame { before: &before, after: &after, ops: &[op(revision)] }).expect("appended");
    }
}

/// The revisions that can be replayed after `from`.
fn replayed(contents: &Contents, from: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let outcome: io::Result<()> = contents.replay(from, |frame| {
        assert_eq!(frame.ops, [op(frame.after.revision)]);
        found.push(frame.after.revision);
        Ok(())
    });
    outcome.expect("readable");
    found
}

fn contents(directory: &Path) -> Contents {
    read(directory, &key(), STORE).expect("readable")
}

#[test]
fn what_was_appended_is_replayed_in_order_also_after_it_is_taken_up_again() {
    let place = tempfile::tempdir().expect("a directory");
    let mut journal = Journal::begin(place.path(), key(), STORE, &point(10)).expect("begun");
    append(&mut journal, 11..=14);
    let found = contents(place.path());
    assert_eq!((found.base().map(|p| p.revision), found.last().map(|p| p.revision)), (Some(10), Some(14)));
    let mut journal = Journal::resume(place.path(), key(), STORE, &found).expect("resumed");
    append(&mut journal, 15..=16);
    let found = contents(place.path());
    assert_eq!(found.problem, None);
    assert_eq!(replayed(&found, 0), [11, 12, 13, 14, 15, 16]);
    assert_eq!(replayed(&found, 14), [15, 16]);
}

#[test]
fn old_segments_go_and_the_rest_hangs_together() {
    let place = tempfile::tempdir().expect("a directory");
    let mut journal = Journal::begin(place.path(), key(), STORE, &point(0)).expect("begun");
    journal.set_segment(600);
    append(&mut journal, 1..=40);
    let found = contents(place.path());
    assert_eq!(segment::names(place.path()).expect("readable").len(), SEGMENTS);
    assert_eq!(found.problem, None);
    let base = found.base().expect("segments").revision;
    assert!(base > 0);
    assert_eq!(replayed(&found, 0), (base + 1..=40).collect::<Vec<_>>());
}

#[test]
fn a_torn_end_is_cut_off_and_written_over() {
    let place = tempfile::tempdir().expect("a directory");
    let mut journal = Journal::begin(place.path(), key(), STORE, &point(0)).expect("begun");
    append(&mut journal, 1..=2);
    let path = segment::names(place.path()).expect("readable").remove(0);
    let two = fs::read(&path).expect("readable").len();
    append(&mut journal, 3..=3);
    let whole = fs::read(&path).expect("readable");
    for length in two + 1..whole.len() {
        fs::write(&path, &whole[..length]).expect("written");
        let found = contents(place.path());
        assert!(found.problem.is_some());
        assert_eq!(replayed(&found, 0), [1, 2], "cut to {length} bytes");
    }
    let mut journal = Journal::resume(place.path(), key(), STORE, &contents(place.path())).expect("resumed");
    append(&mut journal, 3..=4);
    let found = contents(place.path());
    assert_eq!((replayed(&found, 0), found.problem), (vec![1, 2, 3, 4], None));
}

#[test]
fn no_flipped_bit_is_taken_for_a_change() {
    let place = tempfile::tempdir().expect("a directory");
    let mut journal = Journal::begin(place.path(), key(), STORE, &point(0)).expect("begun");
    append(&mut journal, 1..=3);
    let path = segment::names(place.path()).expect("readable").remove(0);
    let whole = fs::read(&path).expect("readable");
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, flipped).expect("written");
        let found = contents(place.path());
        assert!(found.problem.is_some(), "byte {at}");
        let replayed = replayed(&found, 0);
        assert!(replayed.len() < 3 && [1, 2, 3].starts_with(&replayed), "byte {at}: {replayed:?}");
    }
}

#[test]
fn another_store_s_journal_is_not_replayed() {
    let place = tempfile::tempdir().expect("a directory");
    let mut journal = Journal::begin(place.path(), key(), STORE, &point(0)).expect("begun");
    append(&mut journal, 1..=3);
    let other = read(place.path(), &key(), StoreId([6; 16])).expect("readable");
    assert!(other.last().is_none() && other.problem.is_some());
    let wrong = read(place.path(), &StoreKey::new(&[2; 32]), STORE).expect("readable");
    assert!(wrong.last().is_none() && wrong.problem.is_some());
}
