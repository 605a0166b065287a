//! A store whose files were damaged while it was closed: complete or refused, never less.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use fastrand::Rng;

use crate::proof::corruption::{self, Outcome};
use crate::proof::damage::{Damage, generation, lose_a_record, tree, undo_a_record};
use crate::proof::specimen::{ANCHOR, STORE, Specimen, copy_directory, copy_store};

/// Shared by the tests that run at a time, and removed with the last of them.
fn specimen() -> Arc<Specimen> {
    static SHARED: Mutex<Weak<Specimen>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().expect("no panic holds it");
    shared.upgrade().unwrap_or_else(|| {
        let built = Arc::new(Specimen::build(300, 7));
        *shared = Arc::downgrade(&built);
        built
    })
}

#[test]
fn slow_two_hundred_damages_leave_all_or_are_refused() {
    let outcomes = corruption::run(&specimen(), 200, 0);
    assert!(outcomes.wrong.is_empty(), "{outcomes}");
    // Otherwise the damage did nothing, or everything was refused.
    for (damage, complete, refused) in [
        (Damage::OneBit, 3, 5),
        (Damage::TwentyBits, 2, 5),
        (Damage::Truncated, 3, 5),
        (Damage::ZeroedPage, 2, 5),
        (Damage::FileMissing, 3, 2),
        (Damage::OldDirectory, 0, 20),
        (Damage::OldCopyOver, 0, 10),
        (Damage::OldFile, 10, 0),
        (Damage::RecordLost, 10, 0),
        (Damage::RecordOld, 10, 0),
    ] {
        let counts = (outcomes.complete(damage), outcomes.refused(damage));
        assert_eq!(counts.0 + counts.1, 20, "{outcomes}");
        assert!(counts.0 >= complete && counts.1 >= refused, "{damage:?}: {outcomes}");
    }
    for kind in ["Damaged", "RolledBack", "Unanchored"] {
        assert!(outcomes.kinds().contains(kind), "{kind}: {outcomes}");
    }
}

/// What comes of a copy of the specimen after `work`.
#[track_caller]
fn after(work: impl FnOnce(&Path)) -> Outcome {
    let specimen = specimen();
    let place = tempfile::tempdir().expect("a directory");
    copy_store(specimen.now(), place.path());
    work(place.path());
    corruption::attempt(&specimen, place.path()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn refused(kind: &str) -> Outcome {
    Outcome::Refused(kind.to_owned())
}

fn journal(place: &Path) -> PathBuf {
    generation(place).join("journal")
}

/// In place of what is there.
fn put_back(from: &Path, to: &Path) {
    fs::remove_dir_all(to).expect("removed");
    copy_directory(from, to);
}

fn fill_with_garbage(file: &Path) {
    let length = usize::try_from(file.metadata().expect("it is there").len()).expect("small");
    fs::write(file, vec![0xa5; length]).expect("written");
}

#[test]
fn an_undamaged_copy_is_complete() {
    assert_eq!(after(|_| {}), Outcome::Complete);
}

#[test]
fn an_older_copy_beside_the_present_anchor_is_refused_also_if_one_revocation_is_all_it_lacks() {
    let specimen = specimen();
    for past in &specimen.past {
        let outcome = after(|place| put_back(&past.join(STORE), &place.join(STORE)));
        assert_eq!(outcome, refused("RolledBack"), "{}", past.display());
    }
}

#[test]
fn a_database_that_lost_its_newest_changes_gets_them_from_the_journal() {
    let specimen = specimen();
    for past in &specimen.past {
        let outcome = after(|place| put_back(&tree(past), &tree(place)));
        assert_eq!(outcome, Outcome::Complete, "{}", past.display());
    }
}

#[test]
fn without_its_journal_an_older_database_is_refused() {
    let specimen = specimen();
    for past in &specimen.past {
        let outcome = after(|place| {
            put_back(&tree(past), &tree(place));
            fs::remove_dir_all(journal(place)).expect("removed");
        });
        assert_eq!(outcome, refused("Behind"), "{}", past.display());
    }
}

#[test]
fn one_record_that_is_lost_or_old_comes_from_the_journal_or_the_store_is_refused() {
    let specimen = specimen();
    let youngest = specimen.past.last().expect("some");
    let (mut one, mut two) = (Rng::with_seed(1), Rng::with_seed(1));
    assert_eq!(after(|place| drop(lose_a_record(&tree(place), &mut one))), Outcome::Complete);
    assert_eq!(after(|place| drop(undo_a_record(&tree(place), &tree(youngest), &mut one))), Outcome::Complete);
    let lost = after(|place| {
        lose_a_record(&tree(place), &mut two);
        fs::remove_dir_all(journal(place)).expect("removed");
    });
    assert_eq!(lost, refused("Damaged"));
    let old = after(|place| {
        undo_a_record(&tree(place), &tree(youngest), &mut two);
        fs::remove_dir_all(journal(place)).expect("removed");
    });
    assert_eq!(old, refused("Damaged"), "the last revocation is undone");
}

#[test]
fn a_whole_database_needs_no_journal() {
    let specimen = specimen();
    assert_eq!(after(|place| fs::remove_dir_all(journal(place)).expect("removed")), Outcome::Complete);
    assert_eq!(after(|place| put_back(&journal(&specimen.past[0]), &journal(place))), Outcome::Complete);
    let outcome = after(|place| {
        fs::read_dir(journal(place)).expect("there").for_each(|entry| fill_with_garbage(&entry.expect("one").path()));
    });
    assert_eq!(outcome, Outcome::Complete);
}

#[test]
fn without_its_anchor_a_store_is_refused() {
    let anchor = |place: &Path| place.join(ANCHOR);
    assert_eq!(after(|place| fs::remove_file(anchor(place)).expect("removed")), refused("Unanchored"));
    assert_eq!(after(|place| fill_with_garbage(&anchor(place))), refused("Unanchored"));
    assert_eq!(after(|place| fs::write(anchor(place), b"").expect("written")), refused("Unanchored"));
    let both = after(|place| {
        fill_with_garbage(&anchor(place));
        fs::remove_dir_all(journal(place)).expect("removed");
    });
    assert_eq!(both, refused("Unanchored"));
}

#[test]
fn another_store_s_anchor_is_refused_though_its_pepper_is_the_same() {
    let other = Specimen::build(10, 1);
    let outcome = after(|place| {
        fs::copy(other.now().join(ANCHOR), place.join(ANCHOR)).expect("copied");
    });
    assert_eq!(outcome, refused("Unanchored"));
}

#[test]
fn an_anchor_of_which_half_is_left_serves() {
    for slot in [0, 4096] {
        let outcome = after(|place| {
            let mut bytes = fs::read(place.join(ANCHOR)).expect("readable");
            bytes[slot..].iter_mut().take(4096).for_each(|byte| *byte = 0);
            fs::write(place.join(ANCHOR), bytes).expect("written");
        });
        assert_eq!(outcome, Outcome::Complete, "without the slot at {slot}");
    }
}

#[test]
fn a_store_that_is_gone_is_not_begun_anew() {
    assert_eq!(after(|place| fs::remove_dir_all(place.join(STORE)).expect("removed")), refused("Gone"));
    let emptied = after(|place| {
        fs::remove_dir_all(place.join(STORE)).expect("removed");
        fs::create_dir(place.join(STORE)).expect("made");
    });
    assert_eq!(emptied, refused("Gone"));
}

#[test]
fn a_store_of_which_half_is_deleted_is_refused() {
    let marker = |place: &Path| place.join(STORE).join("keygate.store");
    assert_eq!(after(|place| fs::remove_file(marker(place)).expect("removed")), refused("Damaged"));
    let unmarked = after(|place| {
        fs::remove_file(marker(place)).expect("removed");
        fs::remove_file(place.join(ANCHOR)).expect("removed");
    });
    assert_eq!(unmarked, refused("Damaged"), "there are records still");
    assert_eq!(after(|place| fs::remove_dir_all(generation(place)).expect("removed")), refused("Damaged"));
    assert_eq!(after(|place| fs::remove_file(tree(place).join("db")).expect("removed")), refused("Damaged"));
    // Nothing but the marker and the anchor is left.
    let bare = after(|place| {
        let text = fs::read(marker(place)).expect("readable");
        fs::remove_dir_all(place.join(STORE)).expect("removed");
        fs::create_dir(place.join(STORE)).expect("made");
        fs::write(marker(place), text).expect("written");
    });
    assert_eq!(bare, refused("Damaged"));
}

#[test]
fn damaged_counts_of_use_cost_no_token() {
    let specimen = specimen();
    let usage = |place: &Path| place.join(STORE).join("usage");
    let gone = after(|place| fs::remove_dir_all(usage(place)).expect("removed"));
    assert_eq!(gone, Outcome::Complete);
    for name in ["db", "conf"] {
        let outcome = after(|place| fill_with_garbage(&usage(place).join(name)));
        assert!([Outcome::Complete, refused("UsageDamaged")].contains(&outcome), "{name}: {outcome:?}");
    }
    let old = after(|place| put_back(&specimen.past[0].join(STORE).join("usage"), &usage(place)));
    assert_eq!(old, Outcome::Complete);
}
